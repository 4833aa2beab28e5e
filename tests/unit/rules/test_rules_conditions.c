/* Each condition on both sides of its limits, and what a silent sensor does to it. */
#include "tests/unit/rules/fixture.h"

#include "rules/leaf.h"

#include <math.h>
#include <string.h>

static struct fixture fx;

static int setup(void **state)
{
	(void)state;
	fixture_init(&fx);
	fixture_point(&fx, KIND_HYDRANT_PRESSURE, 0, "12", "12-N");
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	fixture_done(&fx);
	return 0;
}

/* Reads the values in turn and says after each whether the alarm stands. */
static void expect_run(const char *alarm, const double *values, const bool *stands, size_t n)
{
	struct rules_present p;

	for (size_t i = 0; i < n; i++) {
		fixture_read(&fx, 0, values[i], (int64_t)i * S);
		rules_present(fx.rules, fixture_find(&fx, alarm), &p);
		if (p.active != stands[i])
			fail_msg("value %zu (%.17g): %s", i, values[i], p.active ? "stands" : "does not stand");
	}
}
#define RUN(alarm, values, stands) expect_run(alarm, values, stands, sizeof(values) / sizeof(values)[0])

static void test_above(void **state)
{
	struct rule_def *d = fixture_rule(&fx, "high", WHEN_ABOVE);
	const double v[] = { 1.2, nextafter(1.2, 2), 1.2, nextafter(1.0, 2), 1.0, 1.2, -INFINITY, INFINITY };
	const bool s[] = { false, true, true, true, false, false, false, true };

	(void)state;
	d->limit = 1.2;
	d->deadband = 0.2;
	fixture_start(&fx);
	RUN("d0.p0/high", v, s);
}

static void test_below(void **state)
{
	struct rule_def *d = fixture_rule(&fx, "low", WHEN_BELOW);
	const double v[] = { 0.1, nextafter(0.1, 0), 0.1, nextafter(0.12, 0), 0.12, 0.1 };
	const bool s[] = { false, true, true, true, false, false };

	(void)state;
	d->limit = 0.1;
	d->deadband = 0.02;
	fixture_start(&fx);
	RUN("d0.p0/low", v, s);
}

static void test_without_deadband(void **state)
{
	struct rule_def *d = fixture_rule(&fx, "high", WHEN_ABOVE);
	const double v[] = { 5, nextafter(5, 6), 5 };
	const bool s[] = { false, true, false };

	(void)state;
	d->limit = 5;
	fixture_start(&fx);
	RUN("d0.p0/high", v, s);
}

static void test_outside(void **state)
{
	struct rule_def *d = fixture_rule(&fx, "out", WHEN_OUTSIDE);
	const double v[] = { 1, 2, nextafter(1, 0), nextafter(1.1, 0), 1.1, 1, nextafter(2, 3), nextafter(1.9, 2), 0.5, 1.9 };
	const bool s[] = { false, false, true, true, false, false, true, true, true, false };

	(void)state;
	d->limit = 1;
	d->limit_high = 2;
	d->deadband = 0.1;
	fixture_start(&fx);
	RUN("d0.p0/out", v, s);
	/* The limit that was passed is told. */
	assert_true(fx.log[0].t.limit == 1);
	fixture_command(&fx, "d0.p0/out", RULES_ACK, 100 * S, NULL);
	fixture_forget(&fx);
	fixture_read(&fx, 0, 3, 101 * S);
	assert_true(fx.log[0].t.limit == 2);
	fixture_read(&fx, 0, 1.8, 102 * S); /* back again: from the same one */
	assert_true(fx.log[1].t.what == TRANSITION_RETURNED && fx.log[1].t.limit == 2);
}

static void test_point_limits(void **state)
{
	struct rule_def *d = fixture_rule(&fx, "low", WHEN_BELOW);
	struct point *p = fixture_point(&fx, KIND_HYDRANT_PRESSURE, 0, "13", "");

	(void)state;
	d->limit_from = LIMIT_LOW2;
	p->low2 = 0.07;
	fixture_start(&fx);
	/* The first point has no such limit, and so no such alarm. */
	assert_int_equal(rules_made_by(fx.rules, d), 1);
	assert_int_equal(rules_find(fx.rules, "d0.p0/low"), RULES_ALARM_NONE);
	assert_true(rules_alarm(fx.rules, fixture_find(&fx, "d0.p1/low")).limit == 0.07);
	fixture_read(&fx, 1, 0.07, 0);
	assert_int_equal(fx.n_log, 0);
	fixture_read(&fx, 1, 0.06, S);
	fixture_expect(&fx, 0, "d0.p1/low", TRANSITION_RAISED, STATE_ACTIVE, S);
	assert_true(fx.log[0].t.value.number == 0.06 && fx.log[0].t.limit == 0.07);
}

static void test_equals_number(void **state)
{
	struct rule_def *d = fixture_rule(&fx, "is", WHEN_EQUALS);
	const double v[] = { 2, 3, nextafter(3, 4), 3, 0 };
	const bool s[] = { false, true, false, true, false };

	(void)state;
	d->limit = 3;
	fixture_start(&fx);
	RUN("d0.p0/is", v, s);
}

static void test_equals_text(void **state)
{
	static const struct point_label labels[] = { { 0, "normal" }, { 1, "alarm" }, { 2, "fault" }, { 5, "alarm" } };
	struct rule_def *alarm = fixture_rule(&fx, "alarm", WHEN_EQUALS), *fault = fixture_rule(&fx, "fault", WHEN_EQUALS);
	struct rule_def *other = fixture_rule(&fx, "other", WHEN_EQUALS);
	const double v[] = { 0, 1, 2, 5, 0 };
	const bool alarms[] = { false, true, false, true, false }, faults[] = { false, false, true, false, false };

	(void)state;
	fx.points[0].labels = labels;
	fx.points[0].n_labels = 4;
	alarm->equals_text = "alarm"; /* which two values bear */
	fault->equals_text = "fault";
	other->equals_text = "open";
	fixture_start(&fx);
	assert_int_equal(rules_made_by(fx.rules, other), 0);
	RUN("d0.p0/alarm", v, alarms);
	RUN("d0.p0/fault", v, faults);
	/* Numbers that have no label. */
	fixture_read(&fx, 0, 3, 10 * S);
	assert_int_equal(fixture_state(&fx, "d0.p0/alarm"), STATE_RETURNED);
}

static void test_bit(void **state)
{
	const struct { double number; const char *text; uint8_t bit; bool is; } cases[] = {
		{ 4, NULL, 2, true }, { 4, NULL, 1, false }, { 0, NULL, 0, false }, { 1, NULL, 0, true }, { -1, NULL, 63, true },
		{ -2, NULL, 0, false }, { 0x1p63, NULL, 63, true }, { 4.75, NULL, 2, true },
		{ 9007199254740992.0, "9007199254740993", 0, true },          /* a double has lost this bit, the text has it */
		{ 18446744073709551615.0, "18446744073709551615", 63, true }, /* the nearest double is 2^64 */
		{ -9223372036854775808.0, "-9223372036854775807", 0, true },
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct rule_def *d = fixture_rule(&fx, "bit", WHEN_BIT);
		d->bit = cases[i].bit;
		fixture_start(&fx);
		struct sample s = { .value = { cases[i].number, cases[i].text }, .at = fixture_at(&fx, 0) };
		rules_on_reading(fx.rules, &s, &fx.sink);
		if ((fx.n_log == 1) != cases[i].is)
			fail_msg("case %zu", i);
		fx.n_defs = 0;
	}
}

/* What is no integer, or no number, decides nothing: the verdict stays. */
static void test_no_number(void **state)
{
	struct rule_def *bit = fixture_rule(&fx, "bit", WHEN_BIT), *above = fixture_rule(&fx, "above", WHEN_ABOVE);
	struct rule_def *is = fixture_rule(&fx, "is", WHEN_EQUALS);
	const struct value odd[] = { { NAN, "text" }, { NAN, NULL } };

	(void)state;
	bit->bit = 0;
	above->limit = 0;
	is->limit = 1;
	fixture_start(&fx);
	for (int round = 0; round < 2; round++) {
		for (size_t i = 0; i < 2; i++) {
			struct sample s = { .value = odd[i], .at = fixture_at(&fx, round * S) };
			rules_on_reading(fx.rules, &s, &fx.sink);
		}
		assert_int_equal(fx.n_log, round * 3);
		fixture_read(&fx, 0, 1, round * S);
		assert_int_equal(fx.n_log, 3);
	}
	struct sample huge = { .value = { 1e300, NULL }, .at = fixture_at(&fx, 5 * S) };
	rules_on_reading(fx.rules, &huge, &fx.sink);
	assert_int_equal(fixture_state(&fx, "d0.p0/bit"), STATE_ACTIVE);
}

static void test_quality(void **state)
{
	struct rule_def *bad = fixture_rule(&fx, "bad", WHEN_QUALITY), *range = fixture_rule(&fx, "range", WHEN_QUALITY);

	(void)state;
	bad->any_bad = true;
	range->quality = QUALITY_RANGE;
	fixture_start(&fx);
	fixture_read(&fx, 0, 1, 0);
	assert_int_equal(fx.n_log, 0);
	fixture_bad(&fx, 0, QUALITY_COMM, S);
	assert_int_equal(fx.n_log, 1);
	fixture_expect(&fx, 0, "d0.p0/bad", TRANSITION_RAISED, STATE_ACTIVE, S);
	assert_int_equal(fx.log[0].t.cause, CAUSE_QUALITY);
	assert_int_equal(fx.log[0].t.quality, QUALITY_COMM);
	assert_true(isnan(fx.log[0].t.value.number)); /* an old value beside it would look like a new one */
	fixture_bad(&fx, 0, QUALITY_RANGE, 2 * S);
	assert_int_equal(fx.n_log, 2);
	fixture_expect(&fx, 1, "d0.p0/range", TRANSITION_RAISED, STATE_ACTIVE, 2 * S);
	fixture_bad(&fx, 0, QUALITY_STALE, 3 * S);
	assert_int_equal(fx.n_log, 3);
	fixture_expect(&fx, 2, "d0.p0/range", TRANSITION_RETURNED, STATE_RETURNED, 3 * S);
	fixture_read(&fx, 0, 7, 4 * S);
	assert_int_equal(fx.n_log, 4);
	fixture_expect(&fx, 3, "d0.p0/bad", TRANSITION_RETURNED, STATE_RETURNED, 4 * S);
	assert_true(fx.log[3].t.value.number == 7);
}

/* A point that gets no answer is comm at first and stale in time: the same silence. */
static void test_quality_comm_goes_stale(void **state)
{
	struct rule_def *comm = fixture_rule(&fx, "comm", WHEN_QUALITY), *stale = fixture_rule(&fx, "stale", WHEN_QUALITY);

	(void)state;
	comm->quality = QUALITY_COMM;
	stale->quality = QUALITY_STALE;
	fixture_start(&fx);
	fixture_bad(&fx, 0, QUALITY_COMM, S);
	fixture_bad(&fx, 0, QUALITY_STALE, 10 * S);
	assert_int_equal(fixture_state(&fx, "d0.p0/comm"), STATE_ACTIVE);
	assert_int_equal(fixture_state(&fx, "d0.p0/stale"), STATE_ACTIVE);
	fixture_bad(&fx, 0, QUALITY_DEVICE, 11 * S);
	assert_int_equal(fixture_state(&fx, "d0.p0/comm"), STATE_RETURNED);
	fixture_bad(&fx, 0, QUALITY_COMM, 12 * S);
	assert_int_equal(fixture_state(&fx, "d0.p0/stale"), STATE_RETURNED);
}

/* A sensor that falls silent is never "normal", nor alarming: each value condition keeps its last verdict. */
static void test_silent_sensor(void **state)
{
	struct rule_def *high = fixture_rule(&fx, "high", WHEN_ABOVE);

	(void)state;
	high->limit = 10;
	fixture_start(&fx);
	for (enum quality q = QUALITY_COMM; q < QUALITY_NEVER; q++)
		fixture_bad(&fx, 0, q, q * S);
	assert_int_equal(fixture_state(&fx, "d0.p0/high"), STATE_NORMAL);
	fixture_read(&fx, 0, 11, 10 * S);
	for (enum quality q = QUALITY_COMM; q < QUALITY_NEVER; q++)
		fixture_bad(&fx, 0, q, 10 * S + q * S);
	assert_int_equal(fixture_state(&fx, "d0.p0/high"), STATE_ACTIVE);
	assert_int_equal(fx.n_log, 1);
	struct rules_present p;
	rules_present(fx.rules, 0, &p);
	assert_true(p.value == 11 && p.quality == QUALITY_STALE);
	fixture_read(&fx, 0, 9, 30 * S);
	assert_int_equal(fixture_state(&fx, "d0.p0/high"), STATE_RETURNED);
}

/* Unchanged readings cost no storage: `changed` is for what decisions depend on. */
static void test_changed_only_on_change(void **state)
{
	struct rule_def *high = fixture_rule(&fx, "high", WHEN_ABOVE);

	(void)state;
	high->limit = 10;
	fixture_start(&fx);
	for (int i = 0; i < 10; i++)
		fixture_read(&fx, 0, i, i * S);
	fixture_bad(&fx, 0, QUALITY_COMM, 10 * S);
	assert_int_equal(fx.n_changed, 0);
	fixture_read(&fx, 0, 11, 11 * S);
	assert_true(fx.n_changed > 0);
	fixture_forget(&fx);
	for (int i = 0; i < 10; i++)
		fixture_read(&fx, 0, 20 + i, (12 + i) * S);
	assert_int_equal(fx.n_changed, 0);
}

/* The limit moved by the deadband is the decimal that people would write, so that a decimal reading on it meets it. */
static void test_threshold(void **state)
{
	(void)state;
	assert_true(leaf_threshold(0.1, 0.02) == 0.12);
	assert_true(leaf_threshold(0.1, 0.2) == 0.3);
	assert_true(leaf_threshold(1.1, -0.1) == 1.0);
	assert_true(leaf_threshold(0.35, -0.01) == 0.34);
	assert_true(leaf_threshold(-0.3, 0.1) == -0.2);
	assert_true(leaf_threshold(100, 0) == 100);
	assert_true(leaf_threshold(1e300, 1) == 1e300);
	assert_true(leaf_threshold(INFINITY, -1) == INFINITY);
	assert_true(leaf_threshold(0.1 + 0.2, 0) == 0.1 + 0.2);
	for (int limit = -200; limit <= 200; limit++)
		for (int by = 0; by <= 100; by++) {
			double want = (limit * 10 + by) / 1000.0;
			if (leaf_threshold(limit / 100.0, by / 1000.0) != want)
				fail_msg("%d/100 + %d/1000: %.17g", limit, by, leaf_threshold(limit / 100.0, by / 1000.0));
		}
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_above), T(test_below), T(test_without_deadband), T(test_outside), T(test_point_limits), T(test_equals_number), T(test_equals_text),
		T(test_bit), T(test_no_number), T(test_quality), T(test_quality_comm_goes_stale), T(test_silent_sensor), T(test_changed_only_on_change), T(test_threshold),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
