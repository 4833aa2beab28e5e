/* What people do: shelves, points out of service, tests and drills, verdicts, reports by hand. */
#include "tests/unit/rules/fixture.h"

#include <stdio.h>
#include <string.h>

static struct fixture fx;

/* Three smoke detectors of a zone, confirmed by two. */
#define SMOKE     "d0.p0/smoke"
#define SECOND    "d0.p1/smoke"
#define CONFIRMED "a.12-N/confirmed"
#define REPORT    "_manual.a.12/fire"
#define REBOOTED  99

static int setup(void **state)
{
	(void)state;
	fixture_init(&fx);
	for (int i = 0; i < 3; i++)
		fixture_point(&fx, KIND_SMOKE_DETECTOR, 0, "12", "12-N");
	struct rule_def *d = fixture_rule(&fx, "smoke", WHEN_EQUALS);
	static const enum kind smoke[] = { KIND_SMOKE_DETECTOR };
	static const enum alarm_class fire[] = { CLASS_FIRE };
	d->select.kinds = smoke;
	d->select.n_kinds = 1;
	d->limit = 1;
	struct rule_def *c = fixture_rule(&fx, "confirmed", WHEN_COUNT);
	c->count = 2;
	c->same = SCOPE_ZONE;
	c->within_ns = 60 * S;
	c->of_alarms = true;
	c->of.classes = fire;
	c->of.n_classes = 1;
	fixture_start(&fx);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	fixture_done(&fx);
	return 0;
}

/* --- shelves */

static void test_shelf_begins(void **state)
{
	struct err e;

	(void)state;
	assert_int_equal(fixture_shelve(&fx, SMOKE, 3600 * S, 5 * S, &e), 0);
	fixture_expect(&fx, 0, SMOKE, TRANSITION_SHELVED, STATE_NORMAL, 5 * S);
	assert_true(fixture_sent(&fx, 0)->shelved && fixture_sent(&fx, 0)->shelved_until_ms == FIXTURE_WALL + 3605000);
	assert_string_equal(fixture_sent(&fx, 0)->actor, "li");
	fixture_expect(&fx, 1, SMOKE "/shelved", TRANSITION_RAISED, STATE_ACTIVE, 5 * S);
	assert_int_equal(rules_alarm(fx.rules, fixture_find(&fx, SMOKE "/shelved")).class_, CLASS_DISABLEMENT);
	/* It goes on as it would, marked. */
	fixture_read(&fx, 0, 1, 6 * S);
	fixture_expect(&fx, 2, SMOKE, TRANSITION_RAISED, STATE_ACTIVE, 6 * S);
	assert_true(fixture_sent(&fx, 2)->shelved);
}

static void test_shelf_ends_by_time_told_late(void **state)
{
	struct err e;

	(void)state;
	assert_int_equal(fixture_shelve(&fx, SMOKE, 60 * S, 0, &e), 0);
	fixture_forget(&fx);
	fixture_time(&fx, 60 * S - 1);
	assert_int_equal(fx.n_log, 0);
	fixture_time(&fx, 500 * S);
	assert_int_equal(fx.n_log, 3);
	fixture_expect(&fx, 2, SMOKE, TRANSITION_UNSHELVED, STATE_NORMAL, 60 * S);
	assert_true(!fixture_sent(&fx, 2)->shelved && fixture_sent(&fx, 2)->shelved_until_ms == 0 && fixture_sent(&fx, 2)->at.wall_ms == FIXTURE_WALL + 60000);
	assert_int_equal(fixture_sent(&fx, 1)->what, TRANSITION_CLEARED);
	assert_int_equal(rules_find(fx.rules, SMOKE "/shelved"), RULES_ALARM_NONE);
	assert_true(rules_next_deadline(fx.rules) == CLOCK_NEVER);
}

static void test_shelf_ends_over_a_restart(void **state)
{
	struct err e;

	(void)state;
	for (int rebooted = 0; rebooted < 2; rebooted++) {
		fixture_start(&fx);
		assert_int_equal(fixture_shelve(&fx, SMOKE, 60 * S, 0, &e), 0);
		struct stamp now = fixture_at(&fx, 20 * S);
		now.mono_ns -= rebooted ? 900 * S : 0;
		fixture_restart(&fx, 10 * S, rebooted ? REBOOTED : 0, now);
		assert_true(fixture_present(&fx, SMOKE).shelved);
		fixture_forget(&fx);
		assert_true(rules_next_deadline(fx.rules) == now.mono_ns + 40 * S);
		rules_on_time(fx.rules, clock_shift(now, 300 * S), &fx.sink);
		assert_int_equal(fixture_sent(&fx, 2)->what, TRANSITION_UNSHELVED);
		assert_true(fixture_sent(&fx, 2)->at.wall_ms == FIXTURE_WALL + 60000);
		assert_false(fixture_present(&fx, SMOKE).shelved);
	}
}

/* A store gives back what it has in any order. */
static void test_shelf_is_restored_before_its_alarm(void **state)
{
	uint8_t shelf[RULES_SAVED_MAX], alarm[RULES_SAVED_MAX];
	struct err e;

	(void)state;
	fixture_read(&fx, 0, 1, 0);
	assert_int_equal(fixture_shelve(&fx, SMOKE, 60 * S, 0, &e), 0);
	size_t shelf_len = rules_save(fx.rules, fixture_find(&fx, SMOKE "/shelved"), fixture_at(&fx, S), shelf);
	size_t alarm_len = rules_save(fx.rules, fixture_find(&fx, SMOKE), fixture_at(&fx, S), alarm);
	fixture_start(&fx);
	assert_true(rules_restore_extra(fx.rules, SMOKE "/shelved", shelf, shelf_len, fixture_at(&fx, 2 * S)) != RULES_ALARM_NONE);
	assert_int_equal(rules_restore(fx.rules, fixture_find(&fx, SMOKE), alarm, alarm_len, fixture_at(&fx, 2 * S)), 0);
	rules_restored(fx.rules, fixture_at(&fx, 2 * S));
	assert_true(fixture_present(&fx, SMOKE).shelved);
}

static void test_shelf_is_taken_back(void **state)
{
	struct err e;

	(void)state;
	assert_int_equal(fixture_shelve(&fx, SMOKE, 60 * S, 0, &e), 0);
	assert_int_equal(fixture_shelve(&fx, SMOKE, 60 * S, S, &e), -1);
	assert_int_equal(e.code, ERR_REFUSED);
	assert_int_equal(fixture_unshelve(&fx, SMOKE, 10 * S, &e), 0);
	assert_int_equal(fixture_unshelve(&fx, SMOKE, 11 * S, &e), -1);
	fixture_forget(&fx);
	fixture_time(&fx, 100 * S);
	assert_int_equal(fx.n_log, 0);
	/* The next one goes on from its rev. */
	assert_int_equal(fixture_shelve(&fx, SMOKE, 60 * S, 200 * S, &e), 0);
	assert_int_equal(fixture_sent(&fx, 1)->rev, 4);
}

static void test_what_cannot_be_shelved(void **state)
{
	struct err e;

	(void)state;
	assert_int_equal(fixture_shelve(&fx, SMOKE, 0, 0, &e), -1);
	assert_int_equal(fixture_shelve(&fx, SMOKE, RULES_SHELF_MAX_NS + 1, 0, &e), -1);
	assert_int_equal(e.code, ERR_INVALID);
	assert_int_equal(fixture_shelve(&fx, SMOKE, RULES_SHELF_MAX_NS, 0, &e), 0);
	assert_int_equal(fixture_shelve(&fx, SMOKE "/shelved", S, 0, &e), -1);
	assert_int_equal(e.code, ERR_REFUSED);
	assert_int_equal(fixture_command(&fx, SMOKE "/shelved", RULES_RESET, S, &e), -1);
	assert_non_null(strstr(e.text, "unshelve"));
}

static void test_shelved_does_not_count(void **state)
{
	struct err e;

	(void)state;
	assert_int_equal(fixture_shelve(&fx, SMOKE, 60 * S, 0, &e), 0);
	assert_true(fx.log[0].t.what == TRANSITION_SHELVED && fx.log[0].t.since.wall_ms == fx.log[0].t.at.wall_ms); /* it never began: no year 1970 */
	fixture_read(&fx, 0, 1, S);
	fixture_read(&fx, 1, 1, 2 * S);
	assert_int_equal(fixture_state(&fx, CONFIRMED), STATE_NORMAL);
	fixture_time(&fx, 60 * S);
	fixture_expect(&fx, fx.n_log - 1, CONFIRMED, TRANSITION_CONFIRMED, STATE_ACTIVE, 60 * S);
}

/* What a maintainer shelved stays so, also from a row that does not say that it was a fire alarm then. */
static void test_shelf_of_before(void **state)
{
	struct rules_present p;
	struct err e;

	(void)state;
	fx.of_before = true;
	assert_int_equal(fixture_shelve(&fx, SMOKE, 60 * S, 0, &e), 0);
	fixture_restart(&fx, S, 0, fixture_at(&fx, 2 * S));
	rules_end_lost_shelves(fx.rules, fixture_at(&fx, 2 * S), &fx.sink);
	rules_present(fx.rules, fixture_find(&fx, SMOKE), &p);
	assert_true(p.shelved);
}

/* --- service */

static void test_out_of_service_does_not_count_and_counts_again(void **state)
{
	struct err e;

	(void)state;
	fixture_read(&fx, 0, 1, 0);
	fixture_read(&fx, 1, 1, S);
	assert_int_equal(fixture_state(&fx, CONFIRMED), STATE_ACTIVE);
	fixture_forget(&fx);
	assert_int_equal(fixture_service(&fx, 0, true, 2 * S, &e), 0);
	fixture_expect(&fx, 0, "d0.p0/out-of-service", TRANSITION_RAISED, STATE_ACTIVE, 2 * S);
	fixture_expect(&fx, 1, SMOKE, TRANSITION_SUPPRESSED, STATE_ACTIVE, 2 * S);
	assert_true(fx.log[1].t.out_of_service && !fx.log[1].t.suppressed);
	fixture_expect(&fx, 2, CONFIRMED, TRANSITION_RETURNED, STATE_RETURNED, 2 * S);
	assert_true(fixture_present(&fx, SMOKE).out_of_service && !fixture_present(&fx, "d0.p0/out-of-service").out_of_service);
	assert_int_equal(fixture_service(&fx, 0, true, 3 * S, &e), -1);
	assert_int_equal(fixture_service(&fx, 0, false, 4 * S, &e), 0);
	fixture_expect(&fx, 6, CONFIRMED, TRANSITION_RERAISED, STATE_ACTIVE, 4 * S);
	assert_int_equal(fixture_service(&fx, 0, false, 5 * S, &e), -1);
	assert_int_equal(rules_find(fx.rules, "d0.p0/out-of-service"), RULES_ALARM_NONE);
}

/* Its latest event says that it is out of service, and consoles set it aside for that: in service again it is told once more. */
static void test_what_stands_is_told_when_its_point_is_in_service(void **state)
{
	struct err e;

	(void)state;
	for (int state_ = 0; state_ < 3; state_++) {
		fixture_start(&fx);
		assert_int_equal(fixture_service(&fx, 0, true, 0, &e), 0);
		if (state_ > 0)
			fixture_read(&fx, 0, 1, S);
		if (state_ > 1)
			fixture_read(&fx, 0, 0, 2 * S);
		fixture_forget(&fx);
		assert_int_equal(fixture_service(&fx, 0, false, 3 * S, &e), 0);
		assert_int_equal(fx.n_log, state_ ? 3 : 2);
		if (state_ == 0)
			continue;
		fixture_expect(&fx, 2, SMOKE, TRANSITION_UNSUPPRESSED, state_ == 1 ? STATE_ACTIVE : STATE_RETURNED, 3 * S);
		assert_true(!fixture_sent(&fx, 2)->out_of_service && fixture_sent(&fx, 2)->occurrence.counter != 0 && fixture_sent(&fx, 2)->cause == CAUSE_PERSON);
	}
}

/* What was counted no more when it came back is not counted after a restart either. */
static void test_window_over_while_out_of_service(void **state)
{
	uint8_t kept[RULES_SAVED_MAX], group[RULES_SAVED_MAX];
	struct err e;

	(void)state;
	fx.defs[1].count = 1;
	fixture_start(&fx);
	fixture_read(&fx, 0, 1, 0);
	fixture_read(&fx, 0, 0, S);
	assert_int_equal(fixture_service(&fx, 0, true, 2 * S, &e), 0);
	assert_int_equal(fixture_state(&fx, CONFIRMED), STATE_RETURNED);
	size_t group_len = rules_save(fx.rules, fixture_find(&fx, CONFIRMED), fixture_at(&fx, 2 * S), group);
	fixture_forget(&fx);
	assert_int_equal(fixture_service(&fx, 0, false, 100 * S, &e), 0);
	assert_true(fx.changed[fixture_find(&fx, SMOKE)] > 0);
	size_t len = rules_save(fx.rules, fixture_find(&fx, SMOKE), fixture_at(&fx, 100 * S), kept);
	fixture_start(&fx);
	assert_int_equal(rules_restore(fx.rules, fixture_find(&fx, SMOKE), kept, len, fixture_at(&fx, 110 * S)), 0);
	assert_int_equal(rules_restore(fx.rules, fixture_find(&fx, CONFIRMED), group, group_len, fixture_at(&fx, 110 * S)), 0);
	rules_restored(fx.rules, fixture_at(&fx, 110 * S));
	fixture_time(&fx, 200 * S);
	assert_int_equal(fx.n_log, 0);
}

/* --- tests and drills */

static void test_mode_is_of_the_occurrence(void **state)
{
	(void)state;
	fixture_read(&fx, 0, 1, 0);
	fixture_test_begin(&fx, 3, MODE_DRILL, 0x3, 3600 * S, S);
	fixture_read(&fx, 1, 1, 2 * S);
	assert_true(fixture_sent(&fx, 0)->mode == MODE_NORMAL && fixture_sent(&fx, 1)->mode == MODE_DRILL);
	assert_true(fixture_present(&fx, SMOKE).mode == MODE_NORMAL && fixture_present(&fx, SECOND).mode == MODE_DRILL);
	assert_int_equal(fixture_state(&fx, CONFIRMED), STATE_NORMAL);
	/* Only what began in it is over with it. */
	fixture_forget(&fx);
	fixture_test_end(&fx, 3, 10 * S);
	fixture_expect(&fx, 0, SECOND, TRANSITION_REMOVED, STATE_NORMAL, 10 * S);
	assert_int_equal(fixture_sent(&fx, 0)->mode, MODE_DRILL);
	fixture_expect(&fx, 1, SECOND, TRANSITION_RAISED, STATE_ACTIVE, 10 * S);
	assert_true(fixture_sent(&fx, 1)->mode == MODE_NORMAL && fixture_sent(&fx, 1)->occurrence.counter == 0);
	fixture_expect(&fx, 2, CONFIRMED, TRANSITION_CONFIRMED, STATE_ACTIVE, 10 * S);
	assert_int_equal(fx.n_log, 3);
}

/* A fire that nobody has looked at yet and that comes again during a test is no test, and is not over with it. */
static void test_what_waits_for_people_does_not_become_a_test(void **state)
{
	(void)state;
	fixture_read(&fx, 0, 1, 0);
	fixture_read(&fx, 0, 0, S);
	fixture_test_begin(&fx, 0, MODE_TEST, 0x1, 3600 * S, 2 * S);
	fixture_forget(&fx);
	fixture_read(&fx, 0, 1, 3 * S);
	fixture_expect(&fx, 0, SMOKE, TRANSITION_RERAISED, STATE_ACTIVE, 3 * S);
	assert_int_equal(fixture_sent(&fx, 0)->mode, MODE_NORMAL);
	fixture_read(&fx, 1, 1, 4 * S);
	assert_int_equal(fixture_state(&fx, CONFIRMED), STATE_ACTIVE);
	fixture_forget(&fx);
	fixture_test_end(&fx, 0, 5 * S);
	assert_true(fx.n_log == 0 && fixture_state(&fx, SMOKE) == STATE_ACTIVE);
}

static void test_test_ends_by_time(void **state)
{
	(void)state;
	for (int restarted = 0; restarted < 2; restarted++) {
		fixture_start(&fx);
		fixture_test_begin(&fx, 31, MODE_TEST, 0x1, 60 * S, 0);
		fixture_read(&fx, 0, 1, 10 * S);
		if (restarted)
			fixture_restart(&fx, 11 * S, 0, fixture_at(&fx, 90 * S));
		fixture_forget(&fx);
		fixture_time(&fx, 100 * S);
		assert_true(fx.n_over == 1 && fx.over_ns == 60 * S);
		fixture_expect(&fx, 0, SMOKE, TRANSITION_REMOVED, STATE_NORMAL, 60 * S);
		fixture_expect(&fx, 1, SMOKE, TRANSITION_RAISED, STATE_ACTIVE, 60 * S);
		assert_int_equal(rules_point_mode(fx.rules, 0), MODE_NORMAL);
	}
}

static void test_what_is_over_is_not_raised_anew(void **state)
{
	struct err e;

	(void)state;
	fx.defs[1].count = 1;
	fixture_start(&fx);
	fixture_test_begin(&fx, 0, MODE_TEST, 0x1, 3600 * S, 0);
	fixture_read(&fx, 0, 1, S);
	fixture_read(&fx, 0, 0, 2 * S);
	fixture_forget(&fx);
	fixture_test_end(&fx, 0, 3 * S);
	fixture_expect(&fx, 0, SMOKE, TRANSITION_REMOVED, STATE_NORMAL, 3 * S);
	/* Nor does it count, although it was raised within the last minute. */
	assert_int_equal(fx.n_log, 1);
	/* A verdict on it says that it was a test's. */
	assert_int_equal(fixture_verify(&fx, SMOKE, NULL, 4 * S, &e), 0);
	assert_int_equal(fixture_sent(&fx, 1)->mode, MODE_TEST);
	assert_int_equal(fixture_present(&fx, SMOKE).mode, MODE_NORMAL);
}

static void test_two_tests_of_one_point(void **state)
{
	(void)state;
	fixture_test_begin(&fx, 0, MODE_TEST, 0x1, 3600 * S, 0);
	fixture_test_begin(&fx, 1, MODE_DRILL, 0x3, 3600 * S, 0);
	assert_int_equal(rules_point_mode(fx.rules, 0), MODE_DRILL);
	fixture_read(&fx, 0, 1, S);
	fixture_forget(&fx);
	fixture_test_end(&fx, 1, 2 * S);
	assert_int_equal(fx.n_log, 0);
	assert_int_equal(rules_point_mode(fx.rules, 0), MODE_TEST);
	assert_int_equal(rules_point_mode(fx.rules, 1), MODE_NORMAL);
	fixture_test_end(&fx, 0, 3 * S);
	fixture_expect(&fx, 1, SMOKE, TRANSITION_RAISED, STATE_ACTIVE, 3 * S);
}

/* --- verdicts */

static void test_verdict(void **state)
{
	struct event_id other = { 5, 999 };
	struct err e;

	(void)state;
	assert_int_equal(fixture_verify(&fx, SMOKE, NULL, 0, &e), -1);
	assert_int_equal(e.code, ERR_REFUSED);
	fixture_read(&fx, 0, 1, S);
	struct event_id occurrence = fixture_present(&fx, SMOKE).occurrence;
	fixture_read(&fx, 0, 0, 2 * S);
	assert_int_equal(fixture_command(&fx, SMOKE, RULES_ACK, 3 * S, &e), 0);
	assert_int_equal(fixture_state(&fx, SMOKE), STATE_NORMAL);
	fixture_forget(&fx);
	assert_int_equal(fixture_verify(&fx, SMOKE, &other, 4 * S, &e), -1);
	assert_int_equal(e.code, ERR_NOT_FOUND);
	assert_int_equal(fixture_verify(&fx, SMOKE, &occurrence, 5 * S, &e), 0);
	fixture_expect(&fx, 0, SMOKE, TRANSITION_VERIFIED, STATE_NORMAL, 5 * S);
	assert_true(fixture_sent(&fx, 0)->verdict == VERDICT_FALSE && fixture_sent(&fx, 0)->occurrence.counter == occurrence.counter);
	assert_string_equal(fixture_sent(&fx, 0)->verdict_cause, "steam");
	assert_true(fixture_present(&fx, SMOKE).verdict == VERDICT_FALSE && fixture_present(&fx, SMOKE).occurrence.counter == 0);
	/* But nothing else is done to an occurrence that is over. */
	struct rules_who who = fixture_who(&fx, 5 * S);
	assert_int_equal(rules_on_command(fx.rules, fixture_find(&fx, SMOKE), RULES_ACK, &occurrence, CAUSE_PERSON, "li", NULL, who.now, &fx.sink, &e), -1);
	assert_int_equal(e.code, ERR_NOT_FOUND);
	/* Also after a restart; the next occurrence has none. */
	fixture_restart(&fx, 6 * S, 0, fixture_at(&fx, 7 * S));
	assert_int_equal(fixture_verify(&fx, SMOKE, &occurrence, 8 * S, &e), 0);
	fixture_read(&fx, 0, 1, 9 * S);
	assert_int_equal(fixture_present(&fx, SMOKE).verdict, VERDICT_NONE);
	assert_int_equal(fixture_shelve(&fx, SMOKE, S, 9 * S, &e), 0);
	assert_int_equal(fixture_verify(&fx, SMOKE "/shelved", NULL, 9 * S, &e), -1);
}

/* --- reports by hand */

static void test_report(void **state)
{
	struct err e;

	(void)state;
	assert_int_equal(fixture_report(&fx, "12", CLASS_FIRE, 0, &e), 0);
	fixture_expect(&fx, 0, REPORT, TRANSITION_RAISED, STATE_ACTIVE, 0);
	const struct rules_alarm a = rules_alarm(fx.rules, fixture_find(&fx, REPORT));
	assert_true(a.building == 0 && a.node == 1 && a.class_ == CLASS_FIRE && a.hazard == HAZARD_FIRE && a.priority == 1);
	assert_string_equal(a.floor, "12");
	assert_int_equal(fixture_report(&fx, "12", CLASS_FIRE, S, &e), -1);
	assert_int_equal(e.code, ERR_REFUSED);
	assert_int_equal(fixture_report(&fx, "12", CLASS_FAULT, S, &e), 0); /* another one */
	assert_int_equal(fixture_report(&fx, "12", CLASS_DISABLEMENT, S, &e), -1);
	assert_int_equal(fixture_report(&fx, "a floor whose name is longer than any that a site can have", CLASS_FIRE, S, &e), -1);
	fixture_restart(&fx, 2 * S, 0, fixture_at(&fx, 3 * S));
	fixture_forget(&fx);
	assert_int_equal(fixture_command(&fx, REPORT, RULES_RESET, 4 * S, &e), -1);
	assert_non_null(strstr(e.text, "acknowledge"));
	assert_int_equal(fixture_command(&fx, REPORT, RULES_ACK, 5 * S, &e), 0);
	assert_int_equal(fixture_command(&fx, REPORT, RULES_RESET, 6 * S, &e), 0);
	fixture_expect(&fx, 2, REPORT, TRANSITION_CLEARED, STATE_NORMAL, 6 * S);
	assert_int_equal(fixture_command(&fx, REPORT, RULES_ACK, 7 * S, &e), -1);
	assert_non_null(strstr(e.text, "it is normal"));
	assert_int_equal(fixture_report(&fx, "12", CLASS_FIRE, 7 * S, &e), 0);
	assert_true(fixture_sent(&fx, 3)->rev > fixture_sent(&fx, 2)->rev);
}

static void test_pool_is_full(void **state)
{
	char floor[16];
	struct err e;

	(void)state;
	for (uint32_t i = 0; i < RULES_EXTRAS_MAX - RULES_EXTRAS_FIRE; i++) {
		snprintf(floor, sizeof floor, "%u", i + 100);
		assert_int_equal(fixture_report(&fx, floor, CLASS_FAULT, 0, &e), 0);
	}
	fixture_forget(&fx);
	assert_int_equal(fixture_report(&fx, "1", CLASS_FAULT, S, &e), -1);
	assert_int_equal(e.code, ERR_REFUSED);
	assert_int_equal(fixture_shelve(&fx, SMOKE, 60 * S, S, &e), -1);
	assert_int_equal(fixture_service(&fx, 0, true, S, &e), -1);
	assert_true(fx.n_log == 0 && fx.n_changed == 0 && !fixture_present(&fx, SMOKE).out_of_service && !fixture_present(&fx, SMOKE).shelved);
	assert_int_equal(fixture_command(&fx, "_manual.a.600/fault", RULES_ACK, 2 * S, &e), 0);
	assert_int_equal(fixture_command(&fx, "_manual.a.600/fault", RULES_RESET, 2 * S, &e), 0);
	assert_int_equal(fixture_shelve(&fx, SMOKE, 60 * S, 3 * S, &e), 0);
	assert_int_equal(fixture_service(&fx, 0, true, 3 * S, &e), -1);
	/* A fire has places that nothing else takes. */
	assert_int_equal(fixture_report(&fx, "1", CLASS_FIRE, 4 * S, &e), 0);
	fixture_restart(&fx, 5 * S, 0, fixture_at(&fx, 6 * S));
	assert_int_equal(fixture_state(&fx, "_manual.a.1/fire"), STATE_ACTIVE);
	assert_true(fixture_present(&fx, SMOKE).shelved);
}

/* Somebody sees it again, or another fire on the floor, after the first report was acknowledged. */
static void test_reported_again(void **state)
{
	struct err e;

	(void)state;
	assert_int_equal(fixture_report(&fx, "12", CLASS_FIRE, 0, &e), 0);
	assert_int_equal(fixture_report(&fx, "12", CLASS_FIRE, S, &e), -1);
	assert_int_equal(fixture_command(&fx, REPORT, RULES_ACK, 2 * S, &e), 0);
	fixture_forget(&fx);
	assert_int_equal(fixture_report(&fx, "12", CLASS_FIRE, 3 * S, &e), 0);
	assert_int_equal(fx.n_log, 1);
	fixture_expect(&fx, 0, REPORT, TRANSITION_RERAISED, STATE_ACTIVE, 3 * S);
	assert_true(!fixture_sent(&fx, 0)->acked && fx.n_changed > 0);
	fixture_restart(&fx, 4 * S, 0, fixture_at(&fx, 5 * S));
	assert_int_equal(fixture_state(&fx, REPORT), STATE_ACTIVE);
	assert_int_equal(fixture_command(&fx, REPORT, RULES_ACK, 6 * S, &e), 0);
	assert_int_equal(fixture_command(&fx, REPORT, RULES_RESET, 7 * S, &e), 0);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_shelf_begins), T(test_shelf_ends_by_time_told_late), T(test_shelf_ends_over_a_restart), T(test_shelf_is_restored_before_its_alarm), T(test_shelf_is_taken_back), T(test_what_cannot_be_shelved),
		T(test_shelved_does_not_count), T(test_shelf_of_before), T(test_out_of_service_does_not_count_and_counts_again), T(test_window_over_while_out_of_service),
		T(test_mode_is_of_the_occurrence), T(test_test_ends_by_time), T(test_what_is_over_is_not_raised_anew), T(test_two_tests_of_one_point), T(test_verdict),
		T(test_report), T(test_reported_again), T(test_pool_is_full), T(test_what_stands_is_told_when_its_point_is_in_service),
		T(test_what_waits_for_people_does_not_become_a_test),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
