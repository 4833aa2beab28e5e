/* Where a back-test's time begins and ends, and how what would have been and what was meet. */
#include "tests/unit/cli/backtest_found.h"

#include <stdlib.h>
#include <string.h>

static const char one_point[] = "          - {point: p, kind: generic, fc: 3, register: 1, heartbeat: 1d, deadband: 1}\n";
static const char one_rule[] = "rules:\n  - {id: hot, for: {point: d.p}, when: {above: 50, deadband: 5}, class: fire}\n"
	"  - {id: late, for: {point: d.p}, when: {above: 50}, on_delay: 1h, class: fire}\n";
#define HOUR_MS INT64_C(3600000)

static const struct backtest_alarm *alarm_of(const struct backtest *b, const char *id)
{
	for (size_t i = 0; i < b->n_alarms; i++)
		if (strcmp(b->alarms[i]->id, id) == 0)
			return b->alarms[i];
	fail_msg("no alarm %s", id);
	return NULL;
}

/* Five hours before the time its last value was stored: it stands as the time begins, on both sides, and is no raise. */
static void it_stood_before(void **state)
{
	struct rig r;
	struct backtest b;
	struct found f;

	(void)state;
	rig_write(&r, one_point, one_rule);
	rig_open(&r, NULL, 0, true);
	rig_until(&r, 10);
	rig_sample(&r, 0, 60, QUALITY_GOOD);
	for (int second = 15; second < 6 * 3600; second += 5) {
		rig_until(&r, second);
		rig_sample(&r, 0, 60, QUALITY_GOOD);
	}
	rig_until(&r, 6 * 3600);
	rig_sample(&r, 0, 40, QUALITY_GOOD);
	rig_commit(&r);
	found_run(&r, r.config, r.config, RIG_T0 + 5 * HOUR_MS, RIG_T0 + 7 * HOUR_MS, &b, &f);
	const struct backtest_alarm *a = alarm_of(&b, "d.p/hot");
	for (int side = 0; side < BACKTEST_SIDES; side++) {
		assert_true(a->count[side].at_start && !a->count[side].at_end);
		assert_int_equal(a->count[side].raised, 0);
		assert_int_equal(a->count[side].longest_ms, HOUR_MS);
	}
	assert_int_equal(b.readings, 1);
	assert_int_equal(f.alone, 0);
	backtest_done(&b);
	found_done(&f);
	/* Up to a time at which it still stands. */
	found_run(&r, r.config, r.config, RIG_T0 + 2 * HOUR_MS, RIG_T0 + 4 * HOUR_MS, &b, &f);
	a = alarm_of(&b, "d.p/late");
	assert_int_equal(b.readings, 0);
	assert_true(a->count[BACKTEST_WOULD].at_end && a->count[BACKTEST_WERE].at_end && a->count[BACKTEST_WOULD].at_start && a->count[BACKTEST_WERE].at_start);
	assert_int_equal(a->count[BACKTEST_WERE].longest_ms, 2 * HOUR_MS);
	backtest_done(&b);
	found_done(&f);
	/* A delay that began before the time ends in it. */
	found_run(&r, r.config, r.config, RIG_T0 + HOUR_MS / 2, RIG_T0 + 2 * HOUR_MS, &b, &f);
	a = alarm_of(&b, "d.p/late");
	assert_int_equal(a->count[BACKTEST_WOULD].raised, 1);
	assert_int_equal(f.side[BACKTEST_WOULD].items[1].from_ms, RIG_T0 + HOUR_MS + 10000);
	assert_int_equal(f.alone, 0);
	backtest_done(&b);
	found_done(&f);
	rig_close(&r);
	rig_remove(&r);
}

/* The value that was stored last counts, however many readings of others came since; and the hour before it, for what the value alone does not say. */
static void what_was_before(void **state)
{
	struct rig r;
	struct backtest b;
	struct found f;

	(void)state;
	rig_write(&r, "          - {point: p, kind: generic, fc: 3, register: 1, heartbeat: 1d, deadband: 1}\n"
	              "          - {point: q, kind: generic, fc: 3, register: 2, heartbeat: 1d, deadband: 0}\n"
	              "          - {point: silent, kind: generic, fc: 3, register: 3, heartbeat: 1d}\n", one_rule);
	rig_open(&r, NULL, 0, true);
	for (int second = 5; second < 8 * 3600; second += 5) {
		rig_until(&r, second);
		rig_sample(&r, 0, second < 3600 ? 40 : second < 7.5 * 3600 ? 60 : 47, QUALITY_GOOD);
		rig_sample(&r, 1, second, QUALITY_GOOD);
	}
	rig_commit(&r);
	found_run(&r, r.config, r.config, RIG_T0 + 7 * HOUR_MS, RIG_T0 + 7 * HOUR_MS + HOUR_MS / 2, &b, &f);
	assert_true(alarm_of(&b, "d.p/hot")->count[BACKTEST_WOULD].at_start);
	assert_true(alarm_of(&b, "d.p/hot")->count[BACKTEST_WERE].at_start); /* nothing was ever said of it since */
	assert_int_equal(b.readings, 360); /* of q; all that came later is not looked at */
	backtest_done(&b);
	found_done(&f);
	/* 47 is between the limit and the limit less the deadband: it stands since it was 60. */
	found_run(&r, r.config, r.config, RIG_T0 + 7 * HOUR_MS + 50 * 60000, RIG_T0 + 8 * HOUR_MS, &b, &f);
	assert_true(alarm_of(&b, "d.p/hot")->count[BACKTEST_WOULD].at_start);
	backtest_done(&b);
	found_done(&f);
	rig_close(&r);
	rig_remove(&r);
}

static void sample_at(struct backtest *b, int64_t at_ms, double value)
{
	struct sample s = { .point = 0, .quality = QUALITY_GOOD, .value = { value, NULL } };

	backtest_reading(b, &s, at_ms);
}

static void begin(struct rig *r, struct backtest *b, const char *rules)
{
	struct err e;

	rig_write(r, one_point, rules);
	rig_open(r, NULL, 0, false);
	struct backtest_options o = { .site = &r->config->site, .rules = r->config->rules, .n_rules = r->config->n_rules, .from_ms = RIG_T0, .to_ms = RIG_T0 + 24 * HOUR_MS };
	assert_int_equal(backtest_init(b, &o, &e), 0);
}

static void finish(struct rig *r, struct backtest *b)
{
	backtest_done(b);
	rig_close(r);
	rig_remove(r);
}

/* A clock that was set back by two hours neither ends a delay nor holds it up. */
static void a_clock_set_back(void **state)
{
	struct rig r;
	struct backtest b;

	(void)state;
	begin(&r, &b, one_rule);
	sample_at(&b, RIG_T0 + 3 * HOUR_MS, 60);
	sample_at(&b, RIG_T0 + HOUR_MS, 60);
	sample_at(&b, RIG_T0 + HOUR_MS + 1000, 60);
	assert_int_equal(alarm_of(&b, "d.p/late")->count[BACKTEST_WOULD].raised, 0);
	sample_at(&b, RIG_T0 + 2 * HOUR_MS, 60);
	assert_int_equal(alarm_of(&b, "d.p/late")->count[BACKTEST_WOULD].raised, 1);
	finish(&r, &b);
}

static void chatter_and_again(void **state)
{
	struct rig r;
	struct backtest b;

	(void)state;
	begin(&r, &b, one_rule);
	for (int i = 0; i < 5; i++) {
		sample_at(&b, RIG_T0 + 20000 * i, 60);
		sample_at(&b, RIG_T0 + 20000 * i + 10000, 40);
	}
	sample_at(&b, RIG_T0 + HOUR_MS, 60);
	backtest_end(&b);
	const struct backtest_count *n = &alarm_of(&b, "d.p/hot")->count[BACKTEST_WOULD];
	assert_int_equal(n->raised, 6);
	assert_int_equal(n->again, 4);
	assert_int_equal(n->chatter, 3); /* the 3rd, 4th and 5th */
	assert_int_equal(n->alone, 6);
	assert_int_equal(n->longest_ms, 23 * HOUR_MS);
	assert_int_equal(b.n_days, 1);
	assert_int_equal(b.days[0].n[BACKTEST_WOULD], 7); /* and the late one */
	finish(&r, &b);
}

/* What was raised and what would have been are the same if they meet, however early or late. */
static void matching(void **state)
{
	struct rig r;
	struct backtest b;

	(void)state;
	begin(&r, &b, one_rule);
	/* would: 10-20, 40-50, 55-60; were: 15-30 (the same), 35-39 (missed), 45-58 (both of the next two), 70-72 (missed), and a rule and a point that are gone */
	const struct { int at; double value; const char *alarm; enum transition what; } script[] = {
		{ 10, 60, NULL, 0 }, { 15, 0, "d.p/hot", TRANSITION_RAISED }, { 20, 40, NULL, 0 }, { 30, 0, "d.p/hot", TRANSITION_RETURNED }, { 35, 0, "d.p/hot", TRANSITION_RERAISED },
		{ 36, 0, "d.p/hot", TRANSITION_ACKNOWLEDGED }, { 38, 0, "d.p/hot", TRANSITION_RETURNED }, { 38, 0, "d.p/hot", TRANSITION_CLEARED }, { 40, 60, NULL, 0 },
		{ 45, 0, "d.p/hot", TRANSITION_RAISED }, { 50, 40, NULL, 0 }, { 55, 60, NULL, 0 }, { 58, 0, "d.p/hot", TRANSITION_RETURNED }, { 60, 40, NULL, 0 },
		{ 70, 0, "d.p/hot", TRANSITION_RERAISED }, { 72, 0, "d.p/hot", TRANSITION_REMOVED }, { 73, 0, "d.p/gone", TRANSITION_RAISED }, { 74, 0, "d.q/hot", TRANSITION_RAISED },
		{ 75, 0, "_gw.storage/full", TRANSITION_RAISED }, { 76, 0, "d.p/hot/shelved", TRANSITION_RAISED }, { 77, 0, "d.p/out-of-service", TRANSITION_RAISED }, { 80, 60, NULL, 0 },
	};
	for (size_t i = 0; i < sizeof script / sizeof *script; i++)
		if (script[i].alarm)
			backtest_event(&b, script[i].alarm, script[i].what, RIG_T0 + 1000 * script[i].at);
		else
			sample_at(&b, RIG_T0 + 1000 * script[i].at, script[i].value);
	backtest_end(&b);
	const struct backtest_alarm *a = alarm_of(&b, "d.p/hot");
	assert_int_equal(a->count[BACKTEST_WOULD].raised, 4);
	assert_int_equal(a->count[BACKTEST_WOULD].alone, 1);
	assert_int_equal(a->count[BACKTEST_WERE].raised, 4);
	assert_int_equal(a->count[BACKTEST_WERE].alone, 2);
	assert_int_equal(b.n_alarms, b.n_engine);
	assert_int_equal(b.n_others, 2);
	assert_string_equal(b.others[0].rule, "gone");
	assert_string_equal(b.others[1].rule, "hot");
	finish(&r, &b);
}

/* What stood already is neither missed nor new, though the other side has nothing; and what meets it is not new. */
static void it_stood_on_one_side(void **state)
{
	struct rig r;
	struct backtest b;

	(void)state;
	begin(&r, &b, one_rule);
	backtest_stood(&b, "d.p/late", RIG_T0 - HOUR_MS);
	backtest_stood(&b, "d.p/hot", RIG_T0 - HOUR_MS);
	sample_at(&b, RIG_T0 + 1000, 60);
	backtest_event(&b, "d.p/hot", TRANSITION_RETURNED, RIG_T0 + 5000);
	sample_at(&b, RIG_T0 + 6000, 40);
	backtest_end(&b);
	const struct backtest_alarm *a = alarm_of(&b, "d.p/late");
	assert_int_equal(a->count[BACKTEST_WERE].raised + a->count[BACKTEST_WERE].alone, 0);
	assert_int_equal(a->count[BACKTEST_WERE].longest_ms, 24 * HOUR_MS);
	assert_true(a->count[BACKTEST_WERE].at_start && a->count[BACKTEST_WERE].at_end);
	a = alarm_of(&b, "d.p/hot");
	assert_int_equal(a->count[BACKTEST_WOULD].raised, 1);
	assert_int_equal(a->count[BACKTEST_WOULD].alone, 0);
	assert_int_equal(a->count[BACKTEST_WERE].longest_ms, 5000);
	finish(&r, &b);
}

/* A rule that no longer has this alarm: what it raised would not have come. */
static void a_rule_without_the_alarm(void **state)
{
	struct rig r;
	struct backtest b;

	(void)state;
	begin(&r, &b, "rules:\n  - {id: hot, enabled: false, for: {point: d.p}, when: {above: 50}, class: fire}\n");
	backtest_event(&b, "d.p/hot", TRANSITION_RAISED, RIG_T0 + 1000);
	backtest_event(&b, "d.p/hot", TRANSITION_RETURNED, RIG_T0 + 2000);
	backtest_end(&b);
	const struct backtest_alarm *a = alarm_of(&b, "d.p/hot");
	assert_null(a->fixed);
	assert_int_equal(a->count[BACKTEST_WERE].alone, 1);
	assert_int_equal(b.n_others, 0);
	finish(&r, &b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_stood_before), cmocka_unit_test(what_was_before), cmocka_unit_test(a_clock_set_back), cmocka_unit_test(chatter_and_again), cmocka_unit_test(matching),
		cmocka_unit_test(it_stood_on_one_side), cmocka_unit_test(a_rule_without_the_alarm),
	};

	setenv("TZ", "UTC", 1);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
