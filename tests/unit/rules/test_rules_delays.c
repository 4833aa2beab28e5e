/* On-delay and off-delay: both sides of their end, late time, silent sensors, jumps of the wall clock. */
#include "tests/unit/rules/fixture.h"

#include <string.h>

static struct fixture fx;

/* A point with `high` (above 10, deadband 1, 10 s on, 30 s off). */
static int setup(void **state)
{
	(void)state;
	fixture_init(&fx);
	fixture_point(&fx, KIND_HEAT_DETECTOR, 0, "12", "12-N");
	fixture_point(&fx, KIND_HEAT_DETECTOR, 0, "12", "12-N");
	struct rule_def *d = fixture_rule(&fx, "high", WHEN_ABOVE);
	d->limit = 10;
	d->deadband = 1;
	d->on_delay_ns = 10 * S;
	d->off_delay_ns = 30 * S;
	fixture_start(&fx);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	fixture_done(&fx);
	return 0;
}

#define A "d0.p0/high"
#define B "d0.p1/high"

static void test_on_delay_boundary(void **state)
{
	(void)state;
	assert_true(rules_next_deadline(fx.rules) == CLOCK_NEVER);
	fixture_read(&fx, 0, 11, 0);
	assert_int_equal(fixture_state(&fx, A), STATE_PENDING);
	assert_true(rules_next_deadline(fx.rules) == FIXTURE_START + 10 * S);
	fixture_time(&fx, 10 * S - 1);
	assert_int_equal(fx.n_log, 0);
	fixture_time(&fx, 10 * S);
	fixture_expect(&fx, 0, A, TRANSITION_RAISED, STATE_ACTIVE, 10 * S);
	assert_int_equal(fx.log[0].t.cause, CAUSE_DELAY);
	assert_int_equal(fx.log[0].t.from, STATE_NORMAL);
	assert_true(fx.log[0].t.since.mono_ns == FIXTURE_START + 10 * S);
	assert_true(rules_next_deadline(fx.rules) == CLOCK_NEVER);
}

/* A reading at the very moment of the end comes after it: the delay has ended. */
static void test_reading_at_the_end(void **state)
{
	(void)state;
	fixture_read(&fx, 0, 11, 0);
	fixture_read(&fx, 1, 11, 0);
	fixture_read(&fx, 0, 9, 10 * S - 1);
	fixture_read(&fx, 1, 9, 10 * S);
	assert_int_equal(fixture_state(&fx, A), STATE_NORMAL);
	assert_int_equal(fixture_state(&fx, B), STATE_ACTIVE);
	fixture_expect(&fx, 0, B, TRANSITION_RAISED, STATE_ACTIVE, 10 * S);
	assert_int_equal(fx.n_log, 1);
}

static void test_off_delay_boundary(void **state)
{
	(void)state;
	fixture_read(&fx, 0, 11, 0);
	fixture_time(&fx, 10 * S);
	fixture_read(&fx, 0, 9, 20 * S);
	fixture_time(&fx, 50 * S - 1);
	assert_int_equal(fixture_state(&fx, A), STATE_ACTIVE);
	fixture_time(&fx, 50 * S);
	fixture_expect(&fx, 1, A, TRANSITION_RETURNED, STATE_RETURNED, 50 * S);
	/* Within the off-delay the condition came back: it never returned. */
	fixture_read(&fx, 0, 11, 60 * S);
	fixture_time(&fx, 70 * S);
	fixture_expect(&fx, 2, A, TRANSITION_RERAISED, STATE_ACTIVE, 70 * S);
	fixture_read(&fx, 0, 9, 80 * S);
	fixture_read(&fx, 0, 11, 110 * S - 1);
	fixture_time(&fx, 1000 * S);
	assert_int_equal(fx.n_log, 3);
}

/* Values that stay beyond the limit do not start the delay anew; values in the deadband do not end it. */
static void test_delay_runs_on(void **state)
{
	(void)state;
	for (int i = 0; i < 10; i++)
		fixture_read(&fx, 0, i % 2 ? 9.5 : 12 + i, i * S);
	fixture_read(&fx, 0, 9.5, 10 * S);
	fixture_expect(&fx, 0, A, TRANSITION_RAISED, STATE_ACTIVE, 10 * S);
}

/* A delay ends by time alone: a detector that dies after a high reading still trips, one that dies after a normal one still returns. */
static void test_sensor_dies(void **state)
{
	(void)state;
	fixture_read(&fx, 0, 11, 0);
	fixture_bad(&fx, 0, QUALITY_COMM, S);
	fixture_bad(&fx, 0, QUALITY_STALE, 9 * S);
	fixture_time(&fx, 10 * S);
	fixture_expect(&fx, 0, A, TRANSITION_RAISED, STATE_ACTIVE, 10 * S);
	assert_true(fx.log[0].t.value.number == 11);
	assert_int_equal(fx.log[0].t.quality, QUALITY_STALE);
	fixture_read(&fx, 0, 9, 20 * S);
	fixture_bad(&fx, 0, QUALITY_COMM, 21 * S);
	fixture_time(&fx, 50 * S);
	fixture_expect(&fx, 1, A, TRANSITION_RETURNED, STATE_RETURNED, 50 * S);
}

/* Time told an hour late: each delay is stamped with its own end, in the order of the ends. */
static void test_late_time(void **state)
{
	(void)state;
	fixture_read(&fx, 1, 11, 0);
	fixture_read(&fx, 0, 11, S);
	fixture_time(&fx, 3600 * S);
	assert_int_equal(fx.n_log, 2);
	fixture_expect(&fx, 0, B, TRANSITION_RAISED, STATE_ACTIVE, 10 * S);
	fixture_expect(&fx, 1, A, TRANSITION_RAISED, STATE_ACTIVE, 11 * S);
	assert_int_equal(fx.log[0].t.at.wall_ms, FIXTURE_WALL + 10000);
}

/* Every way in tells time: a reading of another point, a command, a fault of our own. */
static void test_every_entry_tells_time(void **state)
{
	struct err e;

	(void)state;
	fixture_read(&fx, 0, 11, 0);
	fixture_read(&fx, 1, 1, 20 * S);
	fixture_expect(&fx, 0, A, TRANSITION_RAISED, STATE_ACTIVE, 10 * S);
	fixture_read(&fx, 1, 11, 21 * S);
	rules_on_own(fx.rules, fixture_find(&fx, "_gw.storage/full"), true, fixture_at(&fx, 40 * S), &fx.sink);
	fixture_expect(&fx, 1, B, TRANSITION_RAISED, STATE_ACTIVE, 31 * S);
	fixture_expect(&fx, 2, "_gw.storage/full", TRANSITION_RAISED, STATE_ACTIVE, 40 * S);
	fixture_read(&fx, 0, 1, 50 * S);
	/* Also one that is refused. */
	assert_int_equal(fixture_command(&fx, B, RULES_RESET, 90 * S, &e), -1);
	fixture_expect(&fx, 3, A, TRANSITION_RETURNED, STATE_RETURNED, 80 * S);
	assert_int_equal(fx.n_log, 4);
}

/* A command on a pending alarm finds a normal one; on one whose off-delay runs, a standing one. */
static void test_commands_while_pending(void **state)
{
	struct err e;

	(void)state;
	fixture_read(&fx, 0, 11, 0);
	assert_int_equal(fixture_command(&fx, A, RULES_ACK, S, &e), -1);
	assert_int_equal(e.code, ERR_REFUSED);
	fixture_read(&fx, 0, 9, 20 * S);
	assert_int_equal(fixture_command(&fx, A, RULES_ACK, 21 * S, &e), 0);
	fixture_expect(&fx, 1, A, TRANSITION_ACKNOWLEDGED, STATE_ACKED, 21 * S);
	fixture_time(&fx, 50 * S);
	fixture_expect(&fx, 2, A, TRANSITION_RETURNED, STATE_RETURNED, 50 * S);
	fixture_expect(&fx, 3, A, TRANSITION_CLEARED, STATE_NORMAL, 50 * S);
}

static void test_changed_while_pending(void **state)
{
	uint8_t saved[RULES_SAVED_MAX];

	(void)state;
	fixture_read(&fx, 0, 11, 0);
	assert_true(fx.changed[0] > 0);
	assert_true(rules_save(fx.rules, 0, fixture_at(&fx, 0), saved) > 0);
	fixture_forget(&fx);
	fixture_read(&fx, 0, 12, S);
	assert_int_equal(fx.n_changed, 0);
	fixture_read(&fx, 0, 9, 2 * S);
	assert_true(fx.changed[0] > 0);
	assert_int_equal(rules_save(fx.rules, 0, fixture_at(&fx, 2 * S), saved), 0);
}

static void run_with_jump(int64_t jump_ms, struct sent *log, size_t *ret_n)
{
	fixture_start(&fx);
	fx.counter = 0;
	fx.wall_offset_ms = 0;
	fixture_read(&fx, 0, 11, 0);
	fx.wall_offset_ms = jump_ms;
	fixture_read(&fx, 1, 11, 5 * S);
	fixture_time(&fx, 10 * S);
	fixture_read(&fx, 0, 9, 11 * S);
	fx.wall_offset_ms = 0;
	fixture_time(&fx, 100 * S);
	memcpy(log, fx.log, fx.n_log * sizeof *log);
	*ret_n = fx.n_log;
}

static void test_wall_clock_jumps_a_year(void **state)
{
	const int64_t year_ms = INT64_C(365) * 86400 * 1000, jumps[] = { year_ms, -year_ms };
	static struct sent plain[16], jumped[16];
	size_t n, n_jumped;

	(void)state;
	run_with_jump(0, plain, &n);
	assert_int_equal(n, 3);
	for (int i = 0; i < 2; i++) {
		run_with_jump(jumps[i], jumped, &n_jumped);
		assert_int_equal(n_jumped, n);
		for (size_t k = 0; k < n; k++) {
			assert_int_equal(jumped[k].t.alarm, plain[k].t.alarm);
			assert_int_equal(jumped[k].t.what, plain[k].t.what);
			assert_true(jumped[k].t.at.mono_ns == plain[k].t.at.mono_ns);
		}
	}
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_on_delay_boundary), T(test_reading_at_the_end), T(test_off_delay_boundary), T(test_delay_runs_on), T(test_sensor_dies),
		T(test_late_time), T(test_every_entry_tells_time), T(test_commands_while_pending), T(test_changed_while_pending),
		T(test_wall_clock_jumps_a_year),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
