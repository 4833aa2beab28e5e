/* Count rules: scopes, windows, who counts, what is told. */
#include "tests/unit/rules/fixture.h"

#include <string.h>

static struct fixture fx;

/* Six detectors: 0, 1, 2 in a 12-N; 3 in a 12-S; 4 in b 12-N; 5 in a, floor 12, no zone. Rule `smoke` (fire) trips at 1. */
static int setup(void **state)
{
	(void)state;
	fixture_init(&fx);
	for (int i = 0; i < 3; i++)
		fixture_point(&fx, KIND_SMOKE_DETECTOR, i == 2, "12", "12-N");
	fixture_point(&fx, KIND_SMOKE_DETECTOR, 1, "12", "12-S");
	fixture_point(&fx, KIND_SMOKE_DETECTOR, 2, "12", "12-N");
	fixture_point(&fx, KIND_SMOKE_DETECTOR, 1, "12", "");
	struct rule_def *d = fixture_rule(&fx, "smoke", WHEN_EQUALS);
	d->limit = 1;
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	fixture_done(&fx);
	return 0;
}

static struct rule_def *add_count(const char *id, uint32_t count, enum rule_scope same, int64_t within_ns)
{
	static const enum alarm_class fire[] = { CLASS_FIRE };
	struct rule_def *d = fixture_rule(&fx, id, WHEN_COUNT);

	d->count = count;
	d->same = same;
	d->within_ns = within_ns;
	d->of_alarms = true;
	d->of.classes = fire;
	d->of.n_classes = 1;
	return d;
}

#define CONFIRMED "a.12-N/confirmed"

static void test_confirmed(void **state)
{
	(void)state;
	struct rule_def *d = add_count("confirmed", 2, SCOPE_ZONE, 0);
	fixture_start(&fx);
	assert_int_equal(rules_made_by(fx.rules, d), 3); /* a.12-N, a.12-S, b.12-N; without a zone none */
	fixture_read(&fx, 0, 1, 0);
	fixture_read(&fx, 3, 1, S);
	fixture_read(&fx, 4, 1, 2 * S);
	fixture_read(&fx, 5, 1, 3 * S);
	assert_int_equal(fx.n_log, 4);
	fixture_read(&fx, 2, 1, 4 * S);
	fixture_expect(&fx, 4, "d1.p2/smoke", TRANSITION_RAISED, STATE_ACTIVE, 4 * S);
	fixture_expect(&fx, 5, CONFIRMED, TRANSITION_CONFIRMED, STATE_ACTIVE, 4 * S);
	const struct sent *s = &fx.log[5];
	assert_int_equal(s->t.cause, CAUSE_RULE);
	assert_true(s->t.value.number == 2 && s->t.limit == 2);
	assert_int_equal(s->t.n_members, 2);
	assert_int_equal(s->members[0], 0);
	assert_int_equal(s->members[1], 2);
	const struct rules_alarm a = rules_alarm(fx.rules, s->t.alarm);
	assert_true(a.count_rule && a.point == POINT_NONE && a.class_ == CLASS_FIRE && a.hazard == HAZARD_FIRE && a.priority == 1);
	assert_true(a.building == 0 && a.node == 1);
	assert_string_equal(a.zone, "12-N");
	assert_string_equal(a.floor, "12");
	/* A third one is told by its own alarm only. */
	fixture_read(&fx, 1, 1, 5 * S);
	assert_int_equal(fx.n_log, 7);
	fixture_read(&fx, 0, 0, 6 * S);
	fixture_read(&fx, 1, 0, 7 * S);
	fixture_expect(&fx, 9, CONFIRMED, TRANSITION_RETURNED, STATE_RETURNED, 7 * S);
	assert_int_equal(fx.log[9].t.n_members, 1);
}

/* An acknowledged alarm whose condition stands counts on; a returned one only within the window. */
static void test_acknowledged_counts(void **state)
{
	struct err e;

	(void)state;
	add_count("confirmed", 2, SCOPE_ZONE, 0);
	fixture_start(&fx);
	fixture_read(&fx, 0, 1, 0);
	assert_int_equal(fixture_command(&fx, "d0.p0/smoke", RULES_ACK, S, &e), 0);
	fixture_read(&fx, 1, 1, 2 * S);
	assert_int_equal(fixture_state(&fx, CONFIRMED), STATE_ACTIVE);
	fixture_read(&fx, 0, 0, 3 * S);
	assert_int_equal(fixture_state(&fx, CONFIRMED), STATE_RETURNED);
}

/* Raised no longer than `within` ago: the moment itself still counts, one nanosecond later no more. */
static void test_window_boundary(void **state)
{
	(void)state;
	add_count("confirmed", 2, SCOPE_ZONE, 60 * S);
	for (int late = 0; late < 2; late++) {
		fixture_start(&fx);
		fixture_read(&fx, 0, 1, 0);
		fixture_read(&fx, 0, 0, S);
		fixture_read(&fx, 1, 1, 60 * S + late);
		assert_int_equal(fixture_state(&fx, CONFIRMED), late ? STATE_NORMAL : STATE_ACTIVE);
	}
}

static void test_window_runs_out(void **state)
{
	(void)state;
	add_count("confirmed", 2, SCOPE_ZONE, 60 * S);
	fixture_start(&fx);
	fixture_read(&fx, 0, 1, 0);
	fixture_read(&fx, 0, 0, S);
	fixture_read(&fx, 1, 1, 30 * S);
	fixture_forget(&fx);
	assert_int_equal(fixture_state(&fx, CONFIRMED), STATE_ACTIVE);
	assert_true(rules_next_deadline(fx.rules) == FIXTURE_START + 60 * S + 1);
	fixture_time(&fx, 60 * S);
	assert_int_equal(fx.n_log, 0);
	fixture_time(&fx, 3600 * S);
	assert_int_equal(fx.n_log, 1);
	fixture_expect(&fx, 0, CONFIRMED, TRANSITION_RETURNED, STATE_RETURNED, 60 * S + 1);
	assert_int_equal(fx.log[0].t.cause, CAUSE_RULE);
	/* The other one stands still, and counts as long as it does. */
	fixture_read(&fx, 0, 1, 3601 * S);
	fixture_expect(&fx, 2, CONFIRMED, TRANSITION_RERAISED, STATE_ACTIVE, 3601 * S);
}

/* Raised again within the window: it counts from the last time. */
static void test_window_from_last_raise(void **state)
{
	(void)state;
	add_count("confirmed", 2, SCOPE_ZONE, 60 * S);
	fixture_start(&fx);
	fixture_read(&fx, 0, 1, 0);
	fixture_read(&fx, 0, 0, S);
	fixture_read(&fx, 0, 1, 50 * S);
	fixture_read(&fx, 0, 0, 51 * S);
	fixture_read(&fx, 1, 1, 110 * S);
	assert_int_equal(fixture_state(&fx, CONFIRMED), STATE_ACTIVE);
}

/* An alarm that stood longer than the window stops counting when its condition goes. */
static void test_stood_longer_than_window(void **state)
{
	(void)state;
	add_count("confirmed", 2, SCOPE_ZONE, 60 * S);
	fixture_start(&fx);
	fixture_read(&fx, 0, 1, 0);
	fixture_read(&fx, 1, 1, 100 * S);
	assert_int_equal(fixture_state(&fx, CONFIRMED), STATE_ACTIVE);
	fixture_read(&fx, 0, 0, 101 * S);
	assert_int_equal(fixture_state(&fx, CONFIRMED), STATE_RETURNED);
}

/* Two alarms of one point are one point. */
static void test_distinct_points(void **state)
{
	(void)state;
	struct rule_def *twice = fixture_rule(&fx, "again", WHEN_ABOVE);
	twice->limit = 0.5;
	add_count("confirmed", 2, SCOPE_ZONE, 0);
	fixture_start(&fx);
	fixture_read(&fx, 0, 1, 0);
	assert_int_equal(fx.n_log, 2);
	assert_int_equal(fixture_state(&fx, CONFIRMED), STATE_NORMAL);
	fixture_read(&fx, 1, 1, S);
	assert_int_equal(fixture_state(&fx, CONFIRMED), STATE_ACTIVE);
	fixture_read(&fx, 0, 0.7, 2 * S); /* one of its two alarms stands still */
	assert_int_equal(fixture_state(&fx, CONFIRMED), STATE_ACTIVE);
	fixture_read(&fx, 0, 0, 3 * S);
	assert_int_equal(fixture_state(&fx, CONFIRMED), STATE_RETURNED);
}

static void test_scopes(void **state)
{
	const struct { enum rule_scope same; size_t made; const char *alarm; uint32_t count; } cases[] = {
		{ SCOPE_ZONE, 3, "a.12-N/n", 3 }, { SCOPE_FLOOR, 2, "a.12/n", 5 }, { SCOPE_DEVICE, 3, "d1/n", 3 },
		{ SCOPE_BUILDING, 2, "a/n", 5 }, { SCOPE_SITE, 1, "site/n", 6 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		fx.n_defs = 1;
		struct rule_def *d = add_count("n", cases[i].count, cases[i].same, 0);
		fixture_start(&fx);
		assert_int_equal(rules_made_by(fx.rules, d), cases[i].made);
		for (uint32_t p = 0; p < 6; p++)
			fixture_read(&fx, p, 1, p * S);
		/* As many as there are in it, and not one more. */
		assert_int_equal(fixture_state(&fx, cases[i].alarm), STATE_ACTIVE);
		const struct rules_alarm a = rules_alarm(fx.rules, fixture_find(&fx, cases[i].alarm));
		assert_int_equal(a.building, cases[i].same == SCOPE_SITE ? UINT32_MAX : 0);
		assert_int_equal(a.node, cases[i].same == SCOPE_SITE ? 0 : 1);
		fx.defs[1].count++;
		fixture_start(&fx);
		for (uint32_t p = 0; p < 6; p++)
			fixture_read(&fx, p, 1, p * S);
		assert_int_equal(fixture_state(&fx, cases[i].alarm), STATE_NORMAL);
	}
}

/* Which alarms count: of classes, of rules, of any but disablement; and `for` restricts the points as `of` does. */
static void test_selection(void **state)
{
	static const char *const rules[] = { "fault" }, *const devices[] = { "d0" };
	(void)state;
	struct rule_def *fault = fixture_rule(&fx, "fault", WHEN_EQUALS), *off = fixture_rule(&fx, "off", WHEN_EQUALS);
	fault->limit = 2;
	fault->class_given = off->class_given = true;
	fault->class_ = CLASS_FAULT;
	off->limit = 3;
	off->class_ = CLASS_DISABLEMENT;
	add_count("fires", 2, SCOPE_SITE, 0);
	struct rule_def *faults = add_count("faults", 2, SCOPE_SITE, 0);
	faults->of.n_classes = 0;
	faults->of.rule = (struct rule_words){ rules, 1 };
	struct rule_def *any = add_count("any", 2, SCOPE_SITE, 0);
	any->of_alarms = false;
	any->of.n_classes = 0;
	struct rule_def *d0 = add_count("d0-fires", 2, SCOPE_SITE, 0);
	d0->select.device = (struct rule_words){ devices, 1 };
	fixture_start(&fx);
	const struct { double values[3]; bool fires, faults, any, d0; } cases[] = {
		{ { 3, 3, 3 }, false, false, false, false }, { { 2, 2, 0 }, false, true, true, false }, { { 1, 2, 0 }, false, false, true, false },
		{ { 1, 0, 1 }, true, false, true, false }, { { 1, 1, 0 }, true, false, true, true }, { { 0, 0, 0 }, false, false, false, false },
	};
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		for (uint32_t p = 0; p < 3; p++)
			fixture_read(&fx, p, cases[i].values[p], (int64_t)i * S);
		const struct { const char *alarm; bool stands; } want[] = {
			{ "site/fires", cases[i].fires }, { "site/faults", cases[i].faults }, { "site/any", cases[i].any },
			{ "site/d0-fires", cases[i].d0 },
		};
		for (size_t k = 0; k < 4; k++) {
			struct rules_present now;
			rules_present(fx.rules, fixture_find(&fx, want[k].alarm), &now);
			if (now.active != want[k].stands)
				fail_msg("case %zu: %s %s", i, want[k].alarm, now.active ? "stands" : "does not stand");
		}
	}
}

/* Delays and latch as everywhere; and its members' late delays count at the moment at which they ended. */
static void test_delays(void **state)
{
	struct err e;

	(void)state;
	fx.defs[0].on_delay_ns = 10 * S;
	struct rule_def *d = add_count("confirmed", 2, SCOPE_ZONE, 0);
	d->on_delay_ns = 5 * S;
	d->off_delay_ns = 20 * S;
	d->latch = true;
	fixture_start(&fx);
	fixture_read(&fx, 0, 1, 0);
	fixture_read(&fx, 1, 1, 2 * S);
	fixture_time(&fx, 3600 * S);
	assert_int_equal(fx.n_log, 3);
	fixture_expect(&fx, 2, CONFIRMED, TRANSITION_CONFIRMED, STATE_ACTIVE, 17 * S);
	assert_int_equal(fx.log[2].t.cause, CAUSE_DELAY);
	fixture_read(&fx, 1, 0, 3601 * S);
	fixture_time(&fx, 3621 * S);
	assert_int_equal(fixture_state(&fx, CONFIRMED), STATE_RETURNED);
	assert_int_equal(fixture_command(&fx, CONFIRMED, RULES_ACK, 3622 * S, &e), 0);
	assert_int_equal(fixture_command(&fx, CONFIRMED, RULES_RESET, 3623 * S, &e), 0);
	assert_int_equal(fixture_state(&fx, CONFIRMED), STATE_NORMAL);
}

/* A count of count rules there is not: only alarms of one point count. */
static void test_not_of_counts(void **state)
{
	(void)state;
	add_count("confirmed", 1, SCOPE_ZONE, 0);
	add_count("zones", 2, SCOPE_SITE, 0);
	fixture_start(&fx);
	fixture_read(&fx, 0, 1, 0);
	assert_int_equal(fixture_state(&fx, CONFIRMED), STATE_ACTIVE);
	assert_int_equal(fixture_state(&fx, "site/zones"), STATE_NORMAL);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_confirmed), T(test_acknowledged_counts), T(test_window_boundary), T(test_window_runs_out), T(test_window_from_last_raise),
		T(test_stood_longer_than_window), T(test_distinct_points), T(test_scopes), T(test_selection), T(test_delays), T(test_not_of_counts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
