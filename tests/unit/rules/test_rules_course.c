/* Conditions on the course of a point's values: rate and stuck; what a silence does to them, and what a saved state keeps of them. */
#include "tests/unit/rules/fixture.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static struct fixture fx;

#define RATE  "d0.p0/leak"
#define STUCK "d0.p0/stuck"

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

static void start_rate(bool above, double limit, double deadband, int64_t per_ns)
{
	struct rule_def *d = fixture_rule(&fx, "leak", WHEN_RATE);

	d->rate_above = above;
	d->limit = limit;
	d->deadband = deadband;
	d->per_ns = per_ns;
	fixture_start(&fx);
}

static void start_stuck(int64_t stuck_ns, double deadband)
{
	struct rule_def *d = fixture_rule(&fx, "stuck", WHEN_STUCK);

	d->stuck_ns = stuck_ns;
	d->deadband = deadband;
	fixture_start(&fx);
}

static bool stands(const char *alarm)
{
	struct rules_present p;

	rules_present(fx.rules, fixture_find(&fx, alarm), &p);
	return p.active;
}

static void read_text(const char *text, double number, int64_t at_ns)
{
	struct sample s = { .value = { number, text }, .at = fixture_at(&fx, at_ns) };

	rules_on_reading(fx.rules, &s, &fx.sink);
}

/* Falls by 0.02 in a minute are allowed, more is not; decimals are compared as people write them. */
static void test_rate_below(void **state)
{
	(void)state;
	start_rate(false, -0.02, 0.01, 60 * S);
	for (int i = 0; i < 60; i++)
		fixture_read(&fx, 0, 0.32, i * S);
	/* 0.30 - 0.32 is less than -0.02 in doubles, and not here. */
	fixture_read(&fx, 0, 0.30, 60 * S);
	assert_int_equal(fx.n_log, 0);
	fixture_read(&fx, 0, 0.2996, 61 * S);
	assert_int_equal(fx.n_log, 1);
	fixture_expect(&fx, 0, RATE, TRANSITION_RAISED, STATE_ACTIVE, 61 * S);
	assert_true(fx.log[0].t.value.number == 0.2996 && fx.log[0].t.limit == -0.02 && fx.log[0].t.cause == CAUSE_VALUE);
	/* The sample that is compared is the one of 0 s. */
	assert_true(fabs(fx.log[0].t.rate - (0.2996 - 0.32) * 60 / 61) < 1e-12);
	/* Gone at -0.01 a minute, not before. */
	fixture_read(&fx, 0, 0.3096, 62 * S);
	assert_true(stands(RATE));
	fixture_read(&fx, 0, nextafter(0.31, 0) - 1e-9, 64 * S);
	assert_true(stands(RATE));
	fixture_read(&fx, 0, 0.31, 64 * S);
	fixture_expect(&fx, 1, RATE, TRANSITION_RETURNED, STATE_RETURNED, 64 * S);
}

static void test_rate_above(void **state)
{
	(void)state;
	start_rate(true, 5, 2, 10 * S);
	fixture_read(&fx, 0, 0, 0);
	fixture_read(&fx, 0, 100, 9 * S); /* the window is not full */
	assert_int_equal(fx.n_log, 0);
	fixture_read(&fx, 0, 5, 10 * S);
	assert_int_equal(fx.n_log, 0);
	fixture_read(&fx, 0, 5.6, 11 * S); /* 5.09 */
	fixture_expect(&fx, 0, RATE, TRANSITION_RAISED, STATE_ACTIVE, 11 * S);
	/* Now the sample of 9 s is that of 10 s ago: 3 in 10 s is gone. */
	fixture_read(&fx, 0, 103.001, 19 * S);
	assert_true(stands(RATE));
	fixture_read(&fx, 0, 103, 19 * S);
	assert_false(stands(RATE));
}

/* However often the point is read, the window reaches back over `per` and not much further. */
static void test_rate_of_many_readings(void **state)
{
	const int64_t steps[] = { S / 10, S / 3, S, 3 * S, 11 * S, 29 * S, 59 * S, 60 * S };

	(void)state;
	for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
		fx.n_defs = 0;
		start_rate(true, 59.9, 0, 60 * S);
		/* A value that rises by one a second: the rate is 60 a minute wherever it is taken. */
		for (int64_t t = 0; t <= 600 * S; t += steps[i]) {
			fixture_read(&fx, 0, (double)t / S, t);
			if (stands(RATE) != (t >= 60 * S))
				fail_msg("every %lld ms, at %lld ms", (long long)(steps[i] / 1000000), (long long)(t / 1000000));
		}
		assert_true(fabs(fx.log[0].t.rate - 60) < 1e-9);
		/* A jump is over when it is `per` old, and the distance of two samples more at most. */
		int64_t jump_ns = 700 * S, slack_ns = steps[i] + (steps[i] > 4 * S ? steps[i] : 4 * S);
		fixture_start(&fx);
		for (int64_t t = 0; t <= 800 * S; t += steps[i]) {
			fixture_read(&fx, 0, t < jump_ns ? 0 : 1000, t);
			assert_false(t < jump_ns && stands(RATE));
			assert_false(t > jump_ns + 60 * S + slack_ns && stands(RATE));
			if (t >= jump_ns && t < jump_ns + 60 * S)
				assert_true(stands(RATE));
		}
	}
}

static void test_rate_bad_values(void **state)
{
	(void)state;
	start_rate(false, -1, 0, 10 * S);
	for (int i = 0; i <= 10; i++)
		fixture_read(&fx, 0, 50, i * S);
	for (enum quality q = QUALITY_COMM; q < QUALITY_NEVER; q++)
		fixture_bad(&fx, 0, q, (10 + q) * S);
	assert_int_equal(fx.n_log, 0);
	fixture_read(&fx, 0, 40, 16 * S);
	assert_true(stands(RATE));
	/* Nor does a bad value, or none at all, end it. */
	fixture_bad(&fx, 0, QUALITY_COMM, 17 * S);
	read_text(NULL, NAN, 18 * S);
	read_text("word", NAN, 18 * S);
	fixture_read(&fx, 0, INFINITY, 18 * S);
	assert_int_equal(fx.n_log, 1);
	/* Longer than `per`: the window begins anew, and until it is full the alarm stays what it is. */
	fixture_read(&fx, 0, 100, 27 * S);
	fixture_read(&fx, 0, 100, 36 * S);
	assert_true(stands(RATE));
	fixture_read(&fx, 0, 100, 37 * S);
	assert_false(stands(RATE));
}

/* A silence of exactly `per` is none. */
static void test_rate_just_in_time(void **state)
{
	(void)state;
	start_rate(true, 1, 0, 10 * S);
	fixture_read(&fx, 0, 0, 0);
	fixture_read(&fx, 0, 5, 10 * S + 1);
	assert_int_equal(fx.n_log, 0);
	fixture_read(&fx, 0, 10, 20 * S + 1);
	fixture_expect(&fx, 0, RATE, TRANSITION_RAISED, STATE_ACTIVE, 20 * S + 1);
	assert_true(fx.log[0].t.rate == 5);
}

/* What it remembers is told for saving, and is no decision. */
static void test_rate_drifts(void **state)
{
	(void)state;
	start_rate(true, 1000, 0, 15 * S);
	for (int i = 0; i < 100; i++)
		fixture_read(&fx, 0, i, i * S / 10);
	assert_int_equal(fx.n_changed, 0);
	assert_int_equal(fx.n_drifted, 10);
	fx.sink.drifted = NULL; /* who does not want to know */
	fixture_read(&fx, 0, 1, 20 * S);
}

static void test_stuck(void **state)
{
	(void)state;
	start_stuck(60 * S, 0);
	fixture_read(&fx, 0, 0.3, 0);
	fixture_read(&fx, 0, 0.3, 60 * S - 1);
	assert_int_equal(fx.n_log, 0);
	/* Readings decide, not time. */
	fixture_time(&fx, 61 * S);
	assert_int_equal(fx.n_log, 0);
	fixture_read(&fx, 0, 0.3, 62 * S);
	fixture_expect(&fx, 0, STUCK, TRANSITION_RAISED, STATE_ACTIVE, 62 * S);
	assert_true(fx.log[0].t.value.number == 0.3 && isnan(fx.log[0].t.limit) && isnan(fx.log[0].t.rate));
	fixture_read(&fx, 0, nextafter(0.3, 1), 63 * S);
	fixture_expect(&fx, 1, STUCK, TRANSITION_RETURNED, STATE_RETURNED, 63 * S);
	fixture_read(&fx, 0, nextafter(0.3, 1), 63 * S + 60 * S);
	fixture_expect(&fx, 2, STUCK, TRANSITION_RERAISED, STATE_ACTIVE, 123 * S);
}

static void test_stuck_deadband(void **state)
{
	(void)state;
	start_stuck(60 * S, 0.02);
	fixture_read(&fx, 0, 0.30, 0);
	fixture_read(&fx, 0, 0.32, 30 * S); /* 0.02 as people write it */
	fixture_read(&fx, 0, 0.28, 60 * S);
	assert_true(stands(STUCK));
	fixture_read(&fx, 0, 0.321, 61 * S);
	assert_false(stands(STUCK));
	/* It is the value where it began that counts, not the one before. */
	fixture_read(&fx, 0, 0.335, 90 * S);
	fixture_read(&fx, 0, 0.342, 121 * S);
	assert_false(stands(STUCK));
	fixture_read(&fx, 0, 0.342, 181 * S);
	assert_true(stands(STUCK));
}

/* Time without a good value does not count. */
static void test_stuck_bad_values(void **state)
{
	(void)state;
	start_stuck(60 * S, 0);
	fixture_bad(&fx, 0, QUALITY_COMM, 0);
	fixture_read(&fx, 0, 5, 10 * S);
	fixture_bad(&fx, 0, QUALITY_COMM, 20 * S);
	fixture_bad(&fx, 0, QUALITY_STALE, 50 * S);
	fixture_read(&fx, 0, 5, 70 * S); /* 50 s are gone */
	read_text(NULL, NAN, 119 * S);   /* no value: neither good nor bad */
	fixture_read(&fx, 0, 5, 120 * S - 1);
	assert_int_equal(fx.n_log, 0);
	fixture_read(&fx, 0, 5, 120 * S);
	assert_true(stands(STUCK));
	fixture_bad(&fx, 0, QUALITY_DEVICE, 121 * S);
	assert_true(stands(STUCK));
	fixture_read(&fx, 0, 5, 300 * S); /* stuck as before: 61 s of good values */
	assert_int_equal(fx.n_log, 1);
	fixture_bad(&fx, 0, QUALITY_RANGE, 301 * S);
	fixture_read(&fx, 0, 6, 302 * S);
	assert_false(stands(STUCK));
	fixture_read(&fx, 0, 6, 362 * S);
	assert_true(stands(STUCK));
}

static void test_stuck_texts(void **state)
{
	(void)state;
	start_stuck(60 * S, 0);
	read_text("open", NAN, 0);
	read_text("shut", NAN, 50 * S);
	read_text("shut", NAN, 109 * S);
	assert_false(stands(STUCK));
	read_text("shut", NAN, 110 * S);
	assert_true(stands(STUCK));
	read_text("", NAN, 111 * S);
	assert_false(stands(STUCK));
	/* An integer that a double cannot hold. */
	read_text("9007199254740993", 9007199254740992.0, 120 * S);
	read_text("9007199254740992", 9007199254740992.0, 150 * S);
	read_text("9007199254740992", 9007199254740992.0, 209 * S);
	assert_false(stands(STUCK));
	read_text("9007199254740992", 9007199254740992.0, 210 * S);
	assert_true(stands(STUCK));
}

static void test_stuck_drifts(void **state)
{
	(void)state;
	start_stuck(60 * S, 0);
	for (int i = 0; i < 50; i++)
		fixture_read(&fx, 0, 5, i * S);
	assert_int_equal(fx.n_drifted, 1);
	for (int i = 0; i < 5; i++)
		fixture_bad(&fx, 0, QUALITY_COMM, (50 + i) * S);
	assert_int_equal(fx.n_drifted, 2);
	fixture_read(&fx, 0, 5, 60 * S);
	assert_int_equal(fx.n_drifted, 3);
	assert_int_equal(fx.n_changed, 0);
}

/* What is remembered goes on over a restart, and over a reboot by the wall clock. */
static void test_over_restart(void **state)
{
	(void)state;
	for (int rebooted = 0; rebooted < 2; rebooted++) {
		fx.n_defs = 0;
		struct rule_def *d = fixture_rule(&fx, "stuck", WHEN_STUCK);
		d->stuck_ns = 60 * S;
		start_rate(true, 10, 0, 30 * S);
		for (int i = 0; i <= 30; i++)
			fixture_read(&fx, 0, 1, i * S);
		struct stamp now = fixture_at(&fx, 40 * S);
		int64_t shift_ns = rebooted ? 900 * S : 0;
		now.mono_ns -= shift_ns;
		fixture_restart(&fx, 31 * S, rebooted ? 99 : 0, now);
		fixture_forget(&fx);
		fixture_read(&fx, 0, 12, 40 * S - shift_ns); /* 11 in what is 30 s, from 10 s on */
		assert_true(fx.n_log == 1 && stands(RATE) && fx.log[0].t.rate == 11);
		fixture_read(&fx, 0, 12, 99 * S - shift_ns);
		assert_false(stands(STUCK));
		fixture_read(&fx, 0, 12, 100 * S - shift_ns);
		assert_true(stands(STUCK));
	}
}

/* Saves the alarm, makes a new engine with the rule as it is to be, and restores. */
static void carry_over(struct rule_def next, int64_t at_ns)
{
	uint8_t saved[RULES_SAVED_MAX];
	size_t len = rules_save(fx.rules, 0, fixture_at(&fx, at_ns), saved);

	fx.defs[0] = next;
	fixture_start(&fx);
	assert_int_equal(rules_restore(fx.rules, 0, saved, len, fixture_at(&fx, at_ns)), 0);
}

/* With another `per` the window is of no use; the alarm itself stays. */
static void test_other_rule(void **state)
{
	(void)state;
	start_rate(true, 10, 0, 30 * S);
	struct rule_def d = fx.defs[0];
	for (int i = 0; i <= 31; i++)
		fixture_read(&fx, 0, i, i * S);
	assert_true(stands(RATE));
	d.limit = 40; /* another limit: the window is as good as before */
	carry_over(d, 31 * S);
	fixture_read(&fx, 0, 32, 32 * S);
	assert_false(stands(RATE));
	d.per_ns = 20 * S;
	carry_over(d, 32 * S);
	fixture_read(&fx, 0, 1000, 33 * S);
	assert_int_equal(fixture_state(&fx, RATE), STATE_RETURNED);
	fixture_read(&fx, 0, 1100, 53 * S);
	assert_true(stands(RATE));
	/* And the other way: an alarm of another kind under the same name. */
	d.when = WHEN_ABOVE;
	carry_over(d, 53 * S);
	assert_true(stands(RATE));
	fixture_read(&fx, 0, 39, 54 * S);
	assert_false(stands(RATE));
	d.when = WHEN_STUCK;
	d.stuck_ns = 10 * S;
	carry_over(d, 54 * S);
	fixture_read(&fx, 0, 39, 60 * S);
	d.deadband = 1; /* another deadband: from when on it has not moved by that is not known */
	carry_over(d, 61 * S);
	fixture_read(&fx, 0, 39, 70 * S);
	assert_false(stands(RATE));
	fixture_read(&fx, 0, 39, 80 * S);
	assert_true(stands(RATE));
}

/* Moments that are still to come would keep the window from moving on. */
static void test_of_the_future(void **state)
{
	uint8_t saved[RULES_SAVED_MAX];

	(void)state;
	start_rate(true, 10, 0, 30 * S);
	for (int i = 0; i <= 31; i++)
		fixture_read(&fx, 0, 5, i * S);
	size_t len = rules_save(fx.rules, 0, fixture_at(&fx, 31 * S), saved);
	fixture_start(&fx);
	assert_int_equal(rules_restore(fx.rules, 0, saved, len, fixture_at(&fx, -500 * S)), 0);
	fixture_read(&fx, 0, 0, -500 * S);
	fixture_read(&fx, 0, 20, -470 * S);
	assert_true(stands(RATE));
	/* A little earlier than the newest one is another matter: samples overtake each other by that. */
	fixture_read(&fx, 0, 20, -471 * S);
	fixture_read(&fx, 0, 0, -469 * S);
	assert_false(stands(RATE));
}

/* A damaged tail is refused if its length is wrong, and else passed over or worked on with. */
static void test_damaged_tail(void **state)
{
	uint8_t saved[RULES_SAVED_MAX], bad[RULES_SAVED_MAX];
	unsigned seed = 20261125, taken = 0;

	(void)state;
	for (int stuck = 0; stuck < 2; stuck++) {
		fx.n_defs = 0;
		if (stuck)
			start_stuck(60 * S, 0);
		else
			start_rate(true, 10, 0, 30 * S);
		for (int i = 0; i <= 31; i++)
			fixture_read(&fx, 0, 5, i * S);
		size_t len = rules_save(fx.rules, 0, fixture_at(&fx, 31 * S), saved);
		assert_true(len > 100 && len <= RULES_SAVED_MAX);
		assert_int_equal(rules_restore(fx.rules, 0, saved, len - 1, fixture_at(&fx, 31 * S)), -1);
		assert_int_equal(rules_saved_rev(saved, len), 0);
		/* A state of before there were tails. */
		assert_int_equal(rules_restore(fx.rules, 0, saved, 136, fixture_at(&fx, 31 * S)), 0);
		for (int round = 0; round < 5000; round++) {
			memcpy(bad, saved, len);
			for (int k = 0; k < 1 + round % 6; k++)
				bad[136 + (size_t)rand_r(&seed) % (len - 136)] = (uint8_t)rand_r(&seed);
			fixture_start(&fx);
			taken += rules_restore(fx.rules, 0, bad, len, fixture_at(&fx, 31 * S)) == 0;
			for (int i = 32; i < 70; i++)
				fixture_read(&fx, 0, i, i * S);
			rules_save(fx.rules, 0, fixture_at(&fx, 70 * S), bad);
		}
	}
	print_message("seed 20261125: %u of 10000 taken\n", taken);
	assert_true(taken > 1000);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_rate_below), T(test_rate_above), T(test_rate_of_many_readings), T(test_rate_bad_values), T(test_rate_just_in_time), T(test_rate_drifts), T(test_stuck),
		T(test_stuck_deadband), T(test_stuck_bad_values), T(test_stuck_texts), T(test_stuck_drifts), T(test_over_restart), T(test_other_rule), T(test_of_the_future), T(test_damaged_tail),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
