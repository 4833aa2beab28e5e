/* Save and restore: within one boot of the machine, across a reboot, with another config, and of bytes that are not ours. */
#include "tests/unit/rules/fixture.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct fixture fx;

#define A         "d0.p0/high"
#define CONFIRMED "a.12-N/confirmed"
#define REBOOTED  99

static int setup(void **state)
{
	(void)state;
	fixture_init(&fx);
	for (int i = 0; i < 3; i++)
		fixture_point(&fx, KIND_HEAT_DETECTOR, 0, "12", "12-N");
	struct rule_def *d = fixture_rule(&fx, "high", WHEN_ABOVE);
	d->limit = 10;
	d->deadband = 2;
	d->on_delay_ns = 10 * S;
	struct rule_def *c = fixture_rule(&fx, "confirmed", WHEN_COUNT);
	c->count = 2;
	c->same = SCOPE_ZONE;
	c->within_ns = 60 * S;
	fixture_start(&fx);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	fixture_done(&fx);
	return 0;
}

static size_t save(const char *alarm, int64_t at_ns, uint8_t *out)
{
	return rules_save(fx.rules, fixture_find(&fx, alarm), fixture_at(&fx, at_ns), out);
}

static void test_nothing_to_keep(void **state)
{
	uint8_t saved[RULES_SAVED_MAX];

	(void)state;
	fixture_read(&fx, 0, 5, 0);
	for (uint32_t a = 0; a < rules_count(fx.rules); a++)
		assert_int_equal(rules_save(fx.rules, a, fixture_at(&fx, 0), saved), 0);
}

/* rev rises over occurrences and restarts, so it is kept for an alarm that is normal again. */
static void test_rev_goes_on(void **state)
{
	uint8_t saved[RULES_SAVED_MAX];
	struct err e;

	(void)state;
	fixture_read(&fx, 0, 11, 0);
	fixture_read(&fx, 0, 1, 10 * S);
	assert_int_equal(fixture_command(&fx, A, RULES_ACK, 11 * S, &e), 0);
	assert_int_equal(fixture_state(&fx, A), STATE_NORMAL);
	assert_true(save(A, 12 * S, saved) > 0);
	fixture_restart(&fx, 12 * S, 0, fixture_at(&fx, 13 * S));
	fixture_forget(&fx);
	fixture_read(&fx, 0, 11, 20 * S);
	fixture_time(&fx, 30 * S);
	assert_int_equal(fx.log[0].t.rev, 5);
}

static void test_everything_comes_back(void **state)
{
	struct rules_present before, after;
	struct err e;

	(void)state;
	fixture_read(&fx, 0, 11, 0);
	fixture_time(&fx, 10 * S);
	assert_int_equal(fixture_command(&fx, A, RULES_ACK, 11 * S, &e), 0);
	fixture_bad(&fx, 0, QUALITY_COMM, 12 * S);
	rules_present(fx.rules, fixture_find(&fx, A), &before);
	fixture_restart(&fx, 13 * S, 0, fixture_at(&fx, 20 * S));
	rules_present(fx.rules, fixture_find(&fx, A), &after);
	assert_int_equal(after.state, STATE_ACKED);
	assert_true(after.acked && after.active && after.value == 11 && after.quality == QUALITY_COMM && after.rev == before.rev);
	assert_true(after.occurrence.counter == before.occurrence.counter && after.since.mono_ns == before.since.mono_ns);
	assert_true(after.since.wall_ms == before.since.wall_ms && after.since.wall_trusted);
	/* Also the deadband: 9 is not yet "gone", 8 is. */
	fixture_forget(&fx);
	fixture_read(&fx, 0, 9, 21 * S);
	assert_int_equal(fx.n_log, 0);
	fixture_read(&fx, 0, 8, 22 * S);
	fixture_expect(&fx, 0, A, TRANSITION_RETURNED, STATE_RETURNED, 22 * S);
	fixture_expect(&fx, 1, A, TRANSITION_CLEARED, STATE_NORMAL, 22 * S);
}

/* Within one boot the machine's clock went on: a delay that ended meanwhile is stamped with its end. */
static void test_delay_ends_while_away(void **state)
{
	(void)state;
	fixture_read(&fx, 0, 11, 0);
	fixture_restart(&fx, 3 * S, 0, fixture_at(&fx, 100 * S));
	assert_int_equal(fx.n_log, 0);
	assert_true(rules_next_deadline(fx.rules) == FIXTURE_START + 10 * S);
	fixture_time(&fx, 100 * S);
	fixture_expect(&fx, 0, A, TRANSITION_RAISED, STATE_ACTIVE, 10 * S);
	assert_int_equal(fx.log[0].t.at.wall_ms, FIXTURE_WALL + 10000);
}

/* After a reboot the wall clock's distance counts; without two that can be believed, or if it went back, no time has passed. */
static void test_delay_over_reboot(void **state)
{
	const struct { int64_t away_ms; bool saved_trusted, now_trusted; int64_t left_ns; } cases[] = {
		{ 4000, true, true, 3 * S }, { 4000, false, true, 7 * S }, { 4000, true, false, 7 * S }, { -5000, true, true, 7 * S },
		{ 0, true, true, 7 * S }, { 7000, true, true, 0 }, { 60000, true, true, -53 * S },
	};
	uint8_t saved[RULES_SAVED_MAX];

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		fixture_start(&fx);
		fixture_read(&fx, 0, 11, 0);
		struct stamp at = fixture_at(&fx, 3 * S);
		at.wall_trusted = cases[i].saved_trusted;
		size_t len = rules_save(fx.rules, fixture_find(&fx, A), at, saved);
		struct rules *next;
		struct err e;
		assert_int_equal(rules_new(&fx.site, fx.defs, fx.n_defs, fx.owns, 2, REBOOTED, &next, &e), 0);
		struct stamp now = { 5 * S, at.wall_ms + cases[i].away_ms, cases[i].now_trusted };
		assert_int_equal(rules_restore(next, rules_find(next, A), saved, len, now), 0);
		rules_restored(next, now);
		if (rules_next_deadline(next) != now.mono_ns + cases[i].left_ns)
			fail_msg("case %zu: %lld ns left", i, (long long)(rules_next_deadline(next) - now.mono_ns));
		rules_free(next);
	}
}

/* The window of a count goes on too: what ran out while away returns at its own moment. */
static void test_window_over_restart(void **state)
{
	(void)state;
	for (int rebooted = 0; rebooted < 2; rebooted++) {
		fixture_start(&fx);
		fixture_read(&fx, 0, 11, 0);
		fixture_read(&fx, 1, 11, 20 * S);
		fixture_time(&fx, 30 * S);
		fixture_read(&fx, 0, 1, 31 * S); /* raised at 10 s: counts until 70 s */
		assert_int_equal(fixture_state(&fx, CONFIRMED), STATE_ACTIVE);
		fixture_forget(&fx);
		struct stamp now = fixture_at(&fx, 65 * S);
		now.mono_ns -= rebooted ? 900 * S : 0;
		fixture_restart(&fx, 40 * S, rebooted ? REBOOTED : 0, now);
		assert_int_equal(fx.n_log, 0);
		rules_on_time(fx.rules, now, &fx.sink);
		assert_int_equal(fx.n_log, 0);
		now = clock_shift(now, 100 * S);
		rules_on_time(fx.rules, now, &fx.sink);
		assert_int_equal(fx.n_log, 1);
		assert_int_equal(fx.log[0].t.what, TRANSITION_RETURNED);
		assert_int_equal(fx.log[0].t.at.wall_ms, FIXTURE_WALL + 70000);
	}
}

/* What had run out before is not counted again: one in the window, one raised later. */
static void test_window_that_ran_out_before(void **state)
{
	(void)state;
	fixture_read(&fx, 0, 11, 0);
	fixture_time(&fx, 10 * S);
	fixture_read(&fx, 0, 1, 11 * S);
	fixture_read(&fx, 1, 11, 70 * S);
	fixture_time(&fx, 80 * S);
	assert_int_equal(fixture_state(&fx, CONFIRMED), STATE_NORMAL);
	fixture_restart(&fx, 80 * S, 0, fixture_at(&fx, 81 * S));
	fixture_forget(&fx);
	fixture_time(&fx, 82 * S);
	assert_int_equal(fx.n_log, 0);
}

/* A count rule that the new config brings, over alarms that stand: it is found at the start and told at the first moment. */
static void test_new_count_rule(void **state)
{
	struct rules *next;
	uint8_t saved[RULES_SAVED_MAX];
	struct err e;

	(void)state;
	fx.n_defs = 1;
	fixture_start(&fx);
	fixture_read(&fx, 0, 11, 0);
	fixture_read(&fx, 1, 11, 0);
	fixture_time(&fx, 10 * S);
	struct stamp now = fixture_at(&fx, 20 * S);
	assert_int_equal(rules_new(&fx.site, fx.defs, 2, fx.owns, 2, 77, &next, &e), 0);
	for (uint32_t a = 0; a < 2; a++)
		assert_int_equal(rules_restore(next, a, saved, rules_save(fx.rules, a, now, saved), now), 0);
	rules_restored(next, now);
	rules_free(fx.rules);
	fx.rules = next;
	fixture_forget(&fx);
	assert_true(rules_next_deadline(next) == now.mono_ns);
	fixture_time(&fx, 21 * S);
	assert_int_equal(fx.n_log, 1);
	fixture_expect(&fx, 0, CONFIRMED, TRANSITION_CONFIRMED, STATE_ACTIVE, 20 * S);
	assert_int_equal(fx.log[0].t.cause, CAUSE_RESTART);
}

/* A rule that latched no longer does: what is latched is still reset by a person, and never stuck. */
static void test_latch_taken_away(void **state)
{
	struct err e;

	(void)state;
	fx.defs[0].latch = true;
	fixture_start(&fx);
	fixture_read(&fx, 0, 11, 0);
	fixture_time(&fx, 10 * S);
	assert_int_equal(fixture_command(&fx, A, RULES_ACK, 11 * S, &e), 0);
	fixture_read(&fx, 0, 1, 12 * S);
	assert_int_equal(fixture_state(&fx, A), STATE_LATCHED);
	fx.defs[0].latch = false;
	fixture_restart(&fx, 13 * S, 0, fixture_at(&fx, 13 * S));
	assert_int_equal(fixture_command(&fx, A, RULES_RESET, 14 * S, &e), 0);
	assert_int_equal(fixture_state(&fx, A), STATE_NORMAL);
}

static void test_remove(void **state)
{
	uint8_t saved[RULES_SAVED_MAX];

	(void)state;
	fixture_read(&fx, 0, 11, 0);
	fixture_read(&fx, 1, 11, 5 * S);
	fixture_time(&fx, 12 * S);
	fixture_forget(&fx);
	rules_remove(fx.rules, fixture_find(&fx, A), CAUSE_PERSON, "uid 0", fixture_at(&fx, 13 * S), &fx.sink);
	fixture_expect(&fx, 0, A, TRANSITION_REMOVED, STATE_NORMAL, 13 * S);
	assert_true(fx.log[0].t.rev == 2 && fx.log[0].t.occurrence.counter == 1);
	assert_string_equal(fx.log[0].t.actor, "uid 0");
	/* A pending one goes without a word: nobody had heard of it. */
	rules_remove(fx.rules, fixture_find(&fx, "d0.p1/high"), CAUSE_PERSON, NULL, fixture_at(&fx, 14 * S), &fx.sink);
	assert_int_equal(fx.n_log, 1);
	assert_int_equal(save("d0.p1/high", 14 * S, saved), 0);
	assert_true(rules_next_deadline(fx.rules) == CLOCK_NEVER);
}

static void test_foreign_bytes(void **state)
{
	uint8_t saved[RULES_SAVED_MAX], bad[RULES_SAVED_MAX];
	uint32_t a = fixture_find(&fx, A);
	struct stamp now = fixture_at(&fx, 50 * S);

	(void)state;
	fixture_read(&fx, 0, 11, 0);
	size_t len = save(A, 0, saved);
	assert_true(len > 0 && len <= RULES_SAVED_MAX);
	fixture_start(&fx);
	assert_int_equal(rules_restore(fx.rules, a, saved, 0, now), -1);
	assert_int_equal(rules_restore(fx.rules, a, saved, len - 1, now), -1);
	assert_int_equal(rules_restore(fx.rules, a, saved, len + 1, now), -1);
	const struct { size_t at; uint8_t value; } broken[] = {
		{ 0, 9 }, { 1, STATE_PENDING }, { 1, 6 }, { 1, STATE_ACTIVE }, { 2, 0x80 }, { 2, 0x31 }, { 2, 0x10 }, { 3, QUALITY_COUNT }, { 132, MODE_DRILL + 1 }, { 133, VERDICT_COUNT },
	};
	for (size_t i = 0; i < sizeof broken / sizeof broken[0]; i++) {
		memcpy(bad, saved, len);
		bad[broken[i].at] = broken[i].value;
		if (rules_restore(fx.rules, a, bad, len, now) != -1)
			fail_msg("case %zu was taken", i);
		assert_int_equal(fixture_state(&fx, A), STATE_NORMAL);
		assert_true(rules_next_deadline(fx.rules) == CLOCK_NEVER);
	}
	assert_int_equal(rules_restore(fx.rules, a, saved, len, now), 0);
	assert_int_equal(fixture_state(&fx, A), STATE_PENDING);
}

/* Random damage either is refused or gives an alarm that works on. */
static void test_random_bytes(void **state)
{
	uint8_t saved[RULES_SAVED_MAX], bad[RULES_SAVED_MAX];
	unsigned seed = 20261124, taken = 0;

	(void)state;
	fixture_read(&fx, 0, 11, 0);
	size_t len = save(A, 0, saved);
	for (int round = 0; round < 20000; round++) {
		memcpy(bad, saved, len);
		for (int k = 0; k < 1 + round % 12; k++)
			bad[(size_t)rand_r(&seed) % len] = (uint8_t)rand_r(&seed);
		fixture_start(&fx);
		struct stamp now = fixture_at(&fx, 20 * S);
		uint32_t a = (uint32_t)rand_r(&seed) % (uint32_t)(rules_count(fx.rules) - RULES_EXTRAS_MAX);
		taken += rules_restore(fx.rules, a, bad, len, now) == 0;
		rules_restored(fx.rules, now);
		fixture_time(&fx, 20 * S);
		fixture_read(&fx, 0, 1, 21 * S);
		fixture_read(&fx, 0, 11, 40 * S);
		fixture_time(&fx, 60 * S);
		rules_save(fx.rules, a, fixture_at(&fx, 60 * S), bad);
	}
	print_message("seed 20261124: %u of 20000 taken\n", taken);
	assert_true(taken > 100);
}

/* A state without what stands beside it, as version 1 wrote it. */
static void test_version_1(void **state)
{
	enum { LEN_1 = 88 };
	uint8_t saved[RULES_SAVED_MAX];
	struct rules_present p;
	struct rules_who who = fixture_who(&fx, 21 * S);
	struct err e;

	(void)state;
	fixture_read(&fx, 0, 11, 0);
	fixture_time(&fx, 10 * S);
	size_t len = save(A, 12 * S, saved);
	assert_true(len > LEN_1);
	saved[0] = 1;
	fixture_start(&fx);
	uint32_t a = fixture_find(&fx, A);
	assert_int_equal(rules_restore(fx.rules, a, saved, len, fixture_at(&fx, 20 * S)), -1);
	assert_int_equal(rules_restore(fx.rules, a, saved, LEN_1, fixture_at(&fx, 20 * S)), 0);
	rules_restored(fx.rules, fixture_at(&fx, 20 * S));
	rules_present(fx.rules, a, &p);
	assert_true(p.state == STATE_ACTIVE && p.rev == 1 && p.occurrence.counter == 1 && p.mode == MODE_NORMAL && !p.chatters);
	/* Its occurrence is the latest one: a verdict is on it. */
	assert_int_equal(rules_verify(fx.rules, a, &p.occurrence, VERDICT_REAL, "", &who, &fx.sink, &e), 0);
	assert_int_equal(rules_saved_rev(saved, LEN_1), 1);
}

/* People's alarms: each is saved whole, and what is damaged is refused or stands for what its id says, and has an end. */
static const char *const peoples[] = { A "/shelved", "d0.p1/out-of-service", "_manual.a.12/fire" };

static void make_peoples(void)
{
	struct err e;

	fixture_start(&fx);
	assert_int_equal(fixture_shelve(&fx, A, 3600 * S, 0, &e), 0);
	assert_int_equal(fixture_service(&fx, 1, true, 0, &e), 0);
	assert_int_equal(fixture_report(&fx, "12", CLASS_FIRE, 0, &e), 0);
}

static bool restore_people(const char *id, const uint8_t *saved, size_t len)
{
	fixture_start(&fx);
	bool taken = rules_restore_extra(fx.rules, id, saved, len, fixture_at(&fx, 20 * S)) != RULES_ALARM_NONE;
	rules_restored(fx.rules, fixture_at(&fx, 20 * S));
	return taken;
}

static void test_foreign_bytes_of_people(void **state)
{
	uint8_t saved[RULES_SAVED_MAX], bad[RULES_SAVED_MAX];
	enum { OWN = 136, FLOOR_OF_REPORT = OWN + 18 + 1 + 2 + 1 + 8 };
	const struct { size_t of, at; uint8_t value; } broken[] = {
		{ 0, 1, STATE_NORMAL }, { 0, 1, STATE_RETURNED }, { 2, 1, STATE_LATCHED }, { 0, 2, 0 }, { 0, OWN, EXTRA_SERVICE }, { 0, OWN, EXTRA_MANUAL }, { 0, OWN, 9 },
		{ 1, OWN, EXTRA_SHELF }, { 2, OWN, EXTRA_SHELF }, { 2, OWN + 1, CLASS_FAULT }, { 2, OWN + 1, CLASS_COUNT }, { 0, OWN + 9, 0x80 }, { 0, OWN + 17, 0x7F },
		{ 0, OWN + 17, 0x80 }, { 0, OWN + 18, 64 }, { 0, OWN + 18, 255 }, { 0, OWN + 19, 0 }, { 2, FLOOR_OF_REPORT + 1, '9' },
	};

	(void)state;
	for (size_t i = 0; i < sizeof broken / sizeof broken[0]; i++) {
		make_peoples();
		const char *id = peoples[broken[i].of];
		size_t len = save(id, 0, saved);
		memcpy(bad, saved, len);
		bad[broken[i].at] = broken[i].value;
		if (restore_people(id, bad, len) || fx.n_changed || rules_find(fx.rules, id) != RULES_ALARM_NONE || rules_next_deadline(fx.rules) != CLOCK_NEVER)
			fail_msg("case %zu was taken", i);
		assert_false(restore_people("d9.p9/out-of-service", saved, len));
		assert_false(restore_people("_manual.c.12/fire", saved, len));
		assert_false(restore_people("", saved, len));
		for (size_t n = 0; n < len; n++)
			assert_false(restore_people(id, saved, n));
		assert_true(restore_people(id, saved, len));
		/* Twice is once. */
		assert_int_equal(rules_restore_extra(fx.rules, id, saved, len, fixture_at(&fx, 20 * S)), RULES_ALARM_NONE);
		/* Nor is it by its place in the pool. */
		assert_int_equal(rules_restore(fx.rules, fixture_find(&fx, id), saved, len, fixture_at(&fx, 20 * S)), -1);
		assert_int_equal(rules_restore(fx.rules, fixture_find(&fx, id), saved, OWN, fixture_at(&fx, 20 * S)), -1);
	}
}

/* Each byte of it could be, but nothing would ever end it. */
static void test_states_that_people_cannot_make(void **state)
{
	uint8_t saved[RULES_SAVED_MAX];
	enum { PEND_ON_FLAG = 16 };

	(void)state;
	make_peoples();
	size_t len = save(peoples[1], 0, saved);
	saved[1] = STATE_RETURNED;
	saved[2] |= PEND_ON_FLAG;
	assert_false(restore_people(peoples[1], saved, len));
	make_peoples();
	len = save(peoples[0], 0, saved);
	assert_true(restore_people(peoples[0], saved, len));
	assert_int_equal(rules_restore_extra(fx.rules, A "/shelved/shelved", saved, len, fixture_at(&fx, 20 * S)), RULES_ALARM_NONE);
}

static void end_people(const char *id, int64_t at_ns)
{
	struct err e;

	if (rules_find(fx.rules, id) == RULES_ALARM_NONE)
		return;
	if (strcmp(id, peoples[0]) == 0) {
		fixture_unshelve(&fx, A, at_ns, &e);
	} else if (strcmp(id, peoples[1]) == 0) {
		fixture_service(&fx, 1, false, at_ns, &e);
	} else {
		fixture_command(&fx, id, RULES_ACK, at_ns, &e);
		fixture_command(&fx, id, RULES_RESET, at_ns, &e);
	}
	assert_true(rules_find(fx.rules, id) == RULES_ALARM_NONE || (strcmp(id, peoples[2]) == 0 && fixture_state(&fx, id) == STATE_NORMAL));
}

static void test_random_bytes_of_people(void **state)
{
	uint8_t saved[3][RULES_SAVED_MAX], bad[RULES_SAVED_MAX];
	unsigned seed = 20261124, taken = 0;
	size_t len[3];

	(void)state;
	make_peoples();
	for (size_t i = 0; i < 3; i++)
		len[i] = save(peoples[i], 0, saved[i]);
	for (int round = 0; round < 3000; round++) {
		size_t of = (size_t)round % 3;
		memcpy(bad, saved[of], len[of]);
		for (int k = 0; k < 1 + round % 4; k++)
			bad[(size_t)rand_r(&seed) % len[of]] = (uint8_t)rand_r(&seed);
		taken += restore_people(peoples[of], bad, len[of]);
		fixture_time(&fx, 30 * S);
		fixture_read(&fx, 0, 11, 31 * S);
		end_people(peoples[of], 60 * S);
		fixture_time(&fx, 8 * 3600 * S);
	}
	print_message("seed 20261124: %u of 3000 taken\n", taken);
	assert_true(taken > 300);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_nothing_to_keep), T(test_rev_goes_on), T(test_everything_comes_back), T(test_delay_ends_while_away), T(test_delay_over_reboot),
		T(test_window_over_restart), T(test_window_that_ran_out_before), T(test_new_count_rule), T(test_latch_taken_away), T(test_remove),
		T(test_foreign_bytes), T(test_random_bytes), T(test_version_1), T(test_foreign_bytes_of_people), T(test_states_that_people_cannot_make),
		T(test_random_bytes_of_people),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
