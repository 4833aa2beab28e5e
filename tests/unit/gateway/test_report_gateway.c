/* A month's figures of the gateway itself: when it was away, what was under way then, floods, duty checks. */
#include "tests/unit/gateway/report_rig.h"

static void restart_in_the_midst(void **state)
{
	(void)state;
	begin("2024-02", 0);
	operation(t0 - H, "started", ",\"boot\":\"b1\"");
	fire(t0 + H, "raised", 1, "normal", "active", ",\"boot\":\"b1\"");
	operation(t0 + 2 * H, "stopped", ",\"boot\":\"b1\"");
	operation(t0 + 3 * H, "started", ",\"boot\":\"b2\"");
	fire(t0 + 4 * H, "returned", 1, "active", "returned", ",\"boot\":\"b2\"");
	operation(t0 + 6 * H, "started", ",\"boot\":\"b3\""); /* b2 died */
	report_end(r);
	assert_int_equal(r->offline_ms[1], H);
	assert_int_equal(r->offline_n[1], 1);
	assert_int_equal(r->offline_ms[0], 2 * H);
	assert_int_equal(r->offline_n[0], 1);
	assert_int_equal(r->offline_longest_ms, 2 * H);
	assert_int_equal(r->alarms[0].standing_ms, 3 * H);
	assert_int_equal(times_of(MEASURE_RETURN)->max, 3 * H);
	done();
}

static void away_over_both_edges(void **state)
{
	struct report_event e = { .transition = TRANSITION_STARTED, .boot = 99 };

	(void)state;
	begin("2024-02", 0);
	operation(t0 - D, "stopped", ",\"boot\":\"b1\"");
	operation(t0 + H, "started", ",\"boot\":\"b2\"");
	operation(r->month.to_ms - 3 * H, "duty_on", ",\"boot\":\"b2\"");
	e.at_ms = r->month.to_ms + 5 * H;
	report_feed_after(r, &e);
	report_end(r);
	assert_int_equal(r->offline_ms[1], H);
	assert_int_equal(r->offline_ms[0], 3 * H);
	done();
	begin("2024-02", 0);
	operation(t0 - D, "started", ",\"boot\":\"b1\"");
	operation(r->month.to_ms - 3 * H, "stopped", ",\"boot\":\"b1\"");
	report_end(r); /* and nobody came back */
	assert_int_equal(r->offline_ms[1], 3 * H);
	done();
}

static void this_month_ends_now(void **state)
{
	(void)state;
	begin("2024-02", 0);
	done();
	begin("2024-02", t0 + 10 * D);
	operation(t0 - D, "started", "");
	fire(t0 + 9 * D, "raised", 1, "normal", "active", "");
	report_end(r);
	assert_int_equal(r->to_ms, t0 + 10 * D);
	assert_int_equal(r->alarms[0].standing_ms, D);
	done();
}

static void clock_set_back(void **state)
{
	(void)state;
	begin("2024-02", 0);
	fire(t0 + 5 * H, "raised", 1, "normal", "active", "");
	fire(t0 + 4 * H, "acknowledged", 1, "active", "acked", "");
	fire(t0 + 3 * H, "returned", 1, "acked", "returned", "");
	operation(t0 - 400 * D, "clock_step", "");
	report_end(r);
	assert_int_equal(times_of(MEASURE_ACK)->max, 0);
	assert_int_equal(times_of(MEASURE_RETURN)->max, 0);
	assert_int_equal(r->alarms[0].standing_ms, 0);
	done();
}

static void floods_end_with_the_daemon(void **state)
{
	(void)state;
	begin("2024-02", 0);
	operation(t0 - 2 * H, "flood_start", "");
	operation(t0 + H, "flood_end", "");
	operation(t0 + H, "flood_end", "");
	operation(t0 + 2 * H, "flood_start", "");
	operation(t0 + 3 * H, "silence", "");
	operation(t0 + 9 * H, "started", ",\"boot\":\"b2\"");
	operation(r->month.to_ms - H, "flood_start", ",\"boot\":\"b2\"");
	report_end(r);
	assert_int_equal(r->floods_n, 3);
	assert_int_equal(r->floods_ms, 3 * H);
	assert_int_equal(r->floods[2].to_ms, 0);
	done();
}

/* Its end is told by the next daemon, or the one after; a restart in the last one is its end as far as is known. */
static void a_flood_goes_on_over_restarts(void **state)
{
	(void)state;
	begin("2024-02", 0);
	operation(t0, "flood_start", "");
	operation(t0 + H, "started", ",\"boot\":\"b2\"");
	operation(t0 + 2 * H, "started", ",\"boot\":\"b3\"");
	operation(t0 + 5 * H, "flood_end", ",\"boot\":\"b3\"");
	operation(t0 + 9 * H, "flood_start", ",\"boot\":\"b3\"");
	operation(t0 + 11 * H, "silence", ",\"boot\":\"b3\"");
	operation(t0 + 12 * H, "started", ",\"boot\":\"b4\"");
	report_end(r);
	assert_int_equal(r->floods_n, 2);
	assert_int_equal(r->floods_ms, 7 * H);
	assert_true(r->floods[1].to_ms == t0 + 11 * H);
	done();
}

static void duty_checks_and_answers(void **state)
{
	(void)state;
	begin("2024-02", 0);
	operation(t0 - 1000, "duty_check", "");
	operation(t0 + 59000, "duty_answer", "");
	operation(t0 + H, "duty_check", "");
	operation(t0 + 2 * H, "duty_missed", "");
	operation(t0 + 3 * H, "duty_check", "");
	operation(t0 + 3 * H + 7000, "duty_answer", ",\"after_s\":6.5");
	operation(t0 + 4 * H, "duty_answer", ""); /* to nothing */
	report_end(r);
	assert_int_equal(r->answers.n, 2);
	assert_int_equal(r->answers.max, 60000);
	assert_int_equal(times_rank(&r->answers, 50), 6500);
	done();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(restart_in_the_midst), cmocka_unit_test(away_over_both_edges), cmocka_unit_test(this_month_ends_now), cmocka_unit_test(clock_set_back),
		cmocka_unit_test(floods_end_with_the_daemon), cmocka_unit_test(a_flood_goes_on_over_restarts), cmocka_unit_test(duty_checks_and_answers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
