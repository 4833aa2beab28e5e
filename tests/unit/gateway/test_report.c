/* A month's figures: its edges, and what an alarm's life counts for. tests/e2e/test_report.py counts whole months. */
#include "tests/unit/gateway/report_rig.h"

/* ---- months ---- */

static void check_month(const char *zone, const char *text, int64_t from_ms, int64_t to_ms, int days)
{
	struct report_month m;
	struct err e;

	setenv("TZ", zone, 1);
	tzset();
	assert_int_equal(report_month_parse(text, &m, &e), 0);
	assert_int_equal(m.from_ms, from_ms);
	assert_int_equal(m.to_ms, to_ms);
	assert_int_equal(m.n_days, days);
}

static void months_are_the_sites(void **state)
{
	struct report_month m, b;
	char text[REPORT_MONTH_TEXT];

	(void)state;
	check_month("Asia/Shanghai", "2024-02", INT64_C(1706716800000), INT64_C(1706716800000) + 29 * D, 29);
	check_month("Asia/Shanghai", "2100-02", INT64_C(4105094400000), INT64_C(4105094400000) + 28 * D, 28);
	check_month("Europe/Berlin", "2025-03", INT64_C(1740783600000), INT64_C(1740783600000) + 31 * D - H, 31);
	check_month("Europe/Berlin", "2025-10", INT64_C(1759269600000), INT64_C(1759269600000) + 31 * D + H, 31);
	setenv("TZ", "Asia/Shanghai", 1);
	tzset();
	report_month_at(INT64_C(1706716800000) - 1, &m);
	assert_string_equal(report_month_text(&m, text), "2024-01");
	report_month_before(&m, &b);
	assert_string_equal(report_month_text(&b, text), "2023-12");
	assert_int_equal(b.to_ms, m.from_ms);
}

static void months_that_are_none(void **state)
{
	static const char *const bad[] = { "", "2026", "2026-0", "2026-00", "2026-13", "2026-1", "2026-011", "2026/11", "26-11-01", "1969-12", "abcd-ef", "2026-11-24", " 2026-1" };
	struct report_month m;
	struct err e;

	(void)state;
	for (size_t i = 0; i < LENGTH(bad); i++)
		assert_int_equal(report_month_parse(bad[i], &m, &e), -1);
}

static void months_without_figures(void **state)
{
	struct report_month m;
	struct err e;

	(void)state;
	begin("2024-02", 0);
	done();
	report_month_parse("2024-02", &m, &e);
	assert_int_equal(report_month_check(&m, 0, t0 + D, &e), -1);
	assert_int_equal(report_month_check(&m, t0 - D, t0 - 1, &e), -1);
	assert_non_null(strstr(e.text, "has not begun: there are events from 2024-01 to 2024-01"));
	assert_int_equal(report_month_check(&m, t0 - D, t0, &e), 0);
	assert_int_equal(report_month_check(&m, m.to_ms, m.to_ms + D, &e), -1);
	assert_non_null(strstr(e.text, "from 2024-03 to 2024-03"));
	assert_int_equal(report_month_check(&m, m.to_ms - 1, m.to_ms + D, &e), 0);
}

/* ---- over the edges ---- */

static void stands_over_the_months_begin(void **state)
{
	(void)state;
	begin("2024-02", 0);
	fire(t0 - 10 * D, "raised", 1, "normal", "active", "");
	fire(t0 + 2 * H, "acknowledged", 1, "active", "acked", ",\"acked\":true");
	fire(t0 + 5 * H, "returned", 1, "acked", "returned", ",\"acked\":true");
	fire(t0 + 5 * H, "cleared", 1, "returned", "normal", ",\"acked\":true");
	report_end(r);
	assert_int_equal(r->raised[CLASS_FIRE], 0);
	assert_int_equal(times_of(MEASURE_ACK)->n, 1);
	assert_int_equal(times_of(MEASURE_ACK)->max, 10 * D + 2 * H);
	assert_int_equal(times_of(MEASURE_RETURN)->max, 10 * D + 5 * H);
	assert_int_equal(r->alarms[0].standing_ms, 5 * H);
	assert_int_equal(times_of(MEASURE_VERIFY)->never, 1);
	done();
}

static void stands_over_the_months_end(void **state)
{
	(void)state;
	begin("2024-02", 0);
	operation(t0 - H, "started", "");
	fire(r->month.to_ms - 2 * H, "raised", 1, "normal", "active", "");
	report_end(r);
	assert_int_equal(r->raised[CLASS_FIRE], 1);
	assert_int_equal(times_of(MEASURE_ACK)->waiting, 1);
	assert_int_equal(times_of(MEASURE_RETURN)->waiting, 1);
	assert_int_equal(times_of(MEASURE_VERIFY)->waiting, 1);
	assert_int_equal(r->alarms[0].standing_ms, 2 * H);
	assert_true(r->alarms[0].stands);
	done();
}

static void over_before_the_month_counts_nowhere(void **state)
{
	(void)state;
	begin("2024-02", 0);
	fire(t0 - 3 * H, "raised", 1, "normal", "active", "");
	fire(t0 - 2 * H, "returned", 1, "active", "returned", "");
	fire(t0 - 1, "removed", 1, "returned", "normal", "");
	report_end(r);
	for (int m = 0; m < MEASURES; m++) {
		struct times *t = times_of((enum measure)m);
		assert_int_equal(t->n + t->never + t->waiting + t->unneeded, 0);
	}
	assert_int_equal(r->n_events, 0);
	done();
}

/* The first moment belongs to the month, the next month's does not. */
static void first_and_last_moment(void **state)
{
	(void)state;
	begin("2024-02", 0);
	fire(t0 - 1, "raised", 1, "normal", "active", "");
	fire(t0 - 1, "removed", 1, "active", "normal", "");
	fire(t0, "raised", 2, "normal", "active", "");
	fire(t0, "removed", 2, "active", "normal", "");
	fire(r->month.to_ms - 1, "raised", 3, "normal", "active", "");
	feed(r->month.to_ms, "fire", "raised", "facp.t/smoke", 4, "normal", "active", "");
	report_end(r);
	assert_int_equal(r->raised[CLASS_FIRE], 2);
	assert_int_equal(r->n_events, 3);
	assert_int_equal(r->days[0][CLASS_FIRE], 1);
	assert_int_equal(r->days[28][CLASS_FIRE], 1);
	assert_int_equal(r->hours[0], 1);
	assert_int_equal(r->hours[23], 1);
	assert_int_equal(times_of(MEASURE_RETURN)->never, 1);
	done();
}

/* Its beginning was pruned from the log. */
static void in_the_midst_of_its_life(void **state)
{
	(void)state;
	begin("2024-02", 0);
	operation(t0 - 2 * D, "started", "");
	fire(t0 + 4 * H, "returned", 7, "acked", "latched", ",\"acked\":true");
	fire(t0 + 6 * H, "reset", 7, "latched", "latched", ",\"acked\":true");
	fire(t0 + 6 * H, "cleared", 7, "latched", "normal", ",\"acked\":true");
	report_end(r);
	assert_int_equal(r->alarms[0].standing_ms, 4 * H);
	assert_int_equal(times_of(MEASURE_RETURN)->n, 0);
	assert_int_equal(times_of(MEASURE_ACK)->n + times_of(MEASURE_ACK)->never + times_of(MEASURE_ACK)->unneeded, 0);
	assert_int_equal(r->raised[CLASS_FIRE], 0);
	done();
}

static void begins_with_the_log(void **state)
{
	struct strbuf text = STRBUF_INIT;
	struct report_frame f = { .gateway = "g", .node = "g", .lists = 10 };

	(void)state;
	begin("2024-02", 0);
	feed(t0 + 9 * D, "fault", "raised", "_gw.device-facp/silent", 1, "normal", "active", "");
	feed(t0 + 19 * D, "fault", "returned", "_gw.device-facp/silent", 1, "active", "returned", "");
	report_end(r);
	report_json(r, &f, &text);
	assert_non_null(strstr(text.data, "\"share\":0.5,\"down_ms\":864000000,"));
	strbuf_done(&text);
	done();
}

/* ---- an alarm's life ---- */

static void reraised_is_the_same_occurrence(void **state)
{
	(void)state;
	begin("2024-02", 0);
	operation(t0 - H, "started", "");
	fire(t0 + H, "raised", 1, "normal", "active", "");
	fire(t0 + 2 * H, "returned", 1, "active", "returned", "");
	fire(t0 + 3 * H, "reraised", 1, "returned", "active", "");
	fire(t0 + 5 * H, "acknowledged", 1, "active", "acked", ",\"acked\":true");
	fire(t0 + 6 * H, "reraised", 1, "acked", "active", ""); /* again, since it stands still: nothing new stands */
	fire(t0 + 7 * H, "acknowledged", 1, "active", "acked", ",\"acked\":true");
	fire(t0 + 9 * H, "returned", 1, "acked", "returned", "");
	fire(t0 + 9 * H, "cleared", 1, "returned", "normal", "");
	report_end(r);
	assert_int_equal(r->raised[CLASS_FIRE], 1);
	assert_int_equal(r->reraised[CLASS_FIRE], 2);
	assert_int_equal(r->announced, 3);
	assert_int_equal(times_of(MEASURE_ACK)->n, 1);
	assert_int_equal(times_of(MEASURE_ACK)->max, 4 * H);
	assert_int_equal(times_of(MEASURE_RETURN)->n, 2);
	assert_int_equal(times_rank(times_of(MEASURE_RETURN), 50), H);
	assert_int_equal(times_of(MEASURE_RETURN)->max, 6 * H);
	assert_int_equal(r->alarms[0].standing_ms, 7 * H);
	assert_int_equal(r->alarms[0].longest_ms, 6 * H);
	assert_int_equal(r->alarms[0].stood, 2);
	done();
}

static void removed_while_it_stands(void **state)
{
	(void)state;
	begin("2024-02", 0);
	fire(t0 + H, "raised", 1, "normal", "active", "");
	fire(t0 + 2 * H, "removed", 1, "active", "normal", "");
	report_end(r);
	assert_int_equal(times_of(MEASURE_RETURN)->never, 1);
	assert_int_equal(times_of(MEASURE_RETURN)->n, 0);
	assert_int_equal(times_of(MEASURE_ACK)->never, 1);
	assert_int_equal(r->alarms[0].standing_ms, H);
	assert_false(r->alarms[0].stands);
	done();
}

/* A rule with ack: false calls for nobody. */
static void cleared_without_an_answer(void **state)
{
	(void)state;
	begin("2024-02", 0);
	fire(t0 + H, "raised", 1, "normal", "active", "");
	fire(t0 + 2 * H, "returned", 1, "active", "returned", "");
	fire(t0 + 2 * H, "cleared", 1, "returned", "normal", "");
	report_end(r);
	assert_int_equal(times_of(MEASURE_ACK)->unneeded, 1);
	assert_int_equal(times_of(MEASURE_ACK)->never + times_of(MEASURE_ACK)->waiting, 0);
	done();
}

static void last_verdict_counts(void **state)
{
	(void)state;
	begin("2024-02", 0);
	fire(t0 + H, "raised", 1, "normal", "active", "");
	fire(t0 + 2 * H, "verified", 1, "active", "active", ",\"verdict\":{\"what\":\"real\",\"cause\":\"smoke\"}");
	fire(t0 + 3 * H, "acknowledged", 1, "active", "acked", "");
	fire(t0 + 3 * H, "returned", 1, "acked", "returned", "");
	fire(t0 + 3 * H, "cleared", 1, "returned", "normal", "");
	fire(t0 + 4 * H, "verified", 1, "normal", "normal", ",\"verdict\":{\"what\":\"false\",\"cause\":\"steam\"}");
	fire(t0 + 5 * H, "raised", 2, "normal", "active", "");
	fire(t0 + 6 * H, "verified", 2, "active", "active", ",\"verdict\":{\"what\":\"who knows\",\"cause\":\"x\"}");
	report_end(r);
	assert_int_equal(r->verdicts[CLASS_FIRE][REPORT_REAL], 0);
	assert_int_equal(r->verdicts[CLASS_FIRE][REPORT_FALSE], 1);
	assert_int_equal(r->causes.n, 2);
	assert_int_equal(r->causes.items[0].n[0], 0);
	assert_int_equal(r->causes.items[1].n[0], 1);
	assert_int_equal(times_of(MEASURE_VERIFY)->n, 1);
	assert_int_equal(times_of(MEASURE_VERIFY)->max, H);
	assert_int_equal(times_of(MEASURE_VERIFY)->waiting, 1);
	assert_int_equal(times_of(MEASURE_VERIFY)->never, 0);
	done();
}

/* The first of two was given in the month before: that is the time; the last one is this month's. */
static void verdicts_over_the_edge(void **state)
{
	(void)state;
	begin("2024-02", 0);
	fire(t0 - 5 * H, "raised", 1, "normal", "active", "");
	fire(t0 - 2 * H, "verified", 1, "active", "active", ",\"verdict\":{\"what\":\"real\",\"cause\":null}");
	fire(t0 + H, "verified", 1, "active", "active", ",\"verdict\":{\"what\":\"drill\"}");
	report_end(r);
	assert_int_equal(r->verdicts[CLASS_FIRE][REPORT_DRILL], 1);
	assert_int_equal(r->verdicts[CLASS_FIRE][REPORT_REAL], 0);
	assert_int_equal(times_of(MEASURE_VERIFY)->n, 0);
	assert_int_equal(times_of(MEASURE_VERIFY)->waiting, 0);
	done();
}

static void tests_and_drills_apart(void **state)
{
	(void)state;
	begin("2024-02", 0);
	operation(t0 + H, "test_start", ",\"select\":\"floor=12\",\"until\":\"2024-02-01T05:00:00.000+08:00\"");
	fire(t0 + 2 * H, "raised", 1, "normal", "active", ",\"mode\":\"test\"");
	fire(t0 + 2 * H, "acknowledged", 1, "active", "acked", ",\"mode\":\"test\"");
	fire(t0 + 2 * H, "verified", 1, "acked", "acked", ",\"mode\":\"test\",\"verdict\":{\"what\":\"test\"}");
	operation(t0 + 3 * H, "test_end", ",\"select\":\"floor=11\"");
	operation(t0 + 4 * H, "test_end", ",\"select\":\"floor=12\"");
	fire(t0 + 4 * H, "raised", 2, "normal", "active", ""); /* it stands: anew, and meant */
	operation(t0 + 5 * H, "drill_start", ",\"select\":\"all\"");
	operation(t0 + 5 * H, "test_start", ",\"select\":\"floor=9\""); /* twice the same: each end ends one */
	operation(t0 + 5 * H, "test_start", ",\"select\":\"floor=9\"");
	operation(t0 + 6 * H, "test_end", ",\"select\":\"floor=9\"");
	operation(t0 + 7 * H, "test_end", ",\"select\":\"floor=9\"");
	feed(t0 + 6 * H, "fire", "raised", "facp.t/smoke", 3, "normal", "active", ",\"mode\":\"drill\"");
	report_end(r);
	assert_int_equal(r->raised[CLASS_FIRE], 1);
	assert_int_equal(r->announced, 1);
	assert_int_equal(r->apart[0][CLASS_FIRE], 1);
	assert_int_equal(r->apart[1][CLASS_FIRE], 1);
	assert_int_equal(times_of(MEASURE_ACK)->n, 0);
	assert_int_equal(times_of(MEASURE_ACK)->waiting, 1);
	assert_int_equal(r->verdicts[CLASS_FIRE][REPORT_TEST], 0);
	assert_int_equal(r->tests_n[0], 3);
	assert_int_equal(r->tests_ms[0], 6 * H);
	assert_int_equal(r->tests_ms[1], r->to_ms - (t0 + 5 * H));
	done();
}

/* One that does not say which ends all of its kind. */
static void all_tests_end(void **state)
{
	(void)state;
	begin("2024-02", 0);
	operation(t0, "test_start", ",\"select\":\"floor=9\"");
	operation(t0, "drill_start", ",\"select\":\"floor=8\"");
	operation(t0, "test_start", ",\"select\":\"floor=10\"");
	operation(t0 + H, "test_end", "");
	operation(t0 + 2 * H, "drill_end", "");
	report_end(r);
	assert_int_equal(r->tests_ms[0], 2 * H);
	assert_int_equal(r->tests_ms[1], 2 * H);
	done();
}

static void the_next_day(void **state)
{
	struct report_month m;
	struct err e;

	(void)state;
	check_month("Asia/Shanghai", "2024-02", INT64_C(1706716800000), INT64_C(1706716800000) + 29 * D, 29);
	assert_int_equal(report_month_parse("2024-02", &m, &e), 0);
	assert_int_equal(report_month_next_day(&m, m.from_ms + 299999, 300000), m.from_ms + 300000);
	assert_int_equal(report_month_next_day(&m, m.from_ms + 300000, 300000), m.from_ms + D + 300000);
	assert_int_equal(report_month_next_day(&m, m.to_ms - 1, 300000), m.to_ms + 300000);
}

/* It was acknowledged, waited for its reset and came again in a drill, with whose end it is over. */
static void real_one_that_comes_again_in_a_drill(void **state)
{
	(void)state;
	begin("2026-11", 0);
	fire(t0 + H, "raised", 1, "normal", "active", "");
	fire(t0 + 2 * H, "returned", 1, "active", "returned", "");
	fire(t0 + 3 * H, "acknowledged", 1, "returned", "latched", "");
	fire(t0 + 4 * H, "reraised", 1, "latched", "active", ",\"mode\":\"drill\"");
	fire(t0 + 5 * H, "returned", 1, "active", "returned", ",\"mode\":\"drill\"");
	fire(t0 + 6 * H, "reraised", 1, "latched", "active", ",\"mode\":\"drill\"");
	fire(t0 + 6 * H, "escalated", 1, "active", "active", ",\"mode\":\"drill\"");
	fire(t0 + 9 * H, "removed", 1, "active", "normal", ",\"mode\":\"drill\"");
	fire(t0 + 12 * H, "raised", 2, "normal", "active", "");
	fire(t0 + 14 * H, "returned", 2, "active", "returned", "");
	fire(t0 + 15 * H, "reraised", 2, "latched", "active", ",\"mode\":\"drill\"");
	report_end(r);
	assert_true(r->raised[CLASS_FIRE] == 2 && r->reraised[CLASS_FIRE] == 0 && r->announced == 2 && r->escalated[CLASS_FIRE] == 0);
	const struct times *back = times_of(MEASURE_RETURN);
	assert_true(times_of(MEASURE_ACK)->n == 1 && back->n == 2 && back->max == 2 * H && back->never == 0 && back->waiting == 0 && r->alarms[0].stands && !report_announced(&r->alarms[0]));
	done();
}

static void hidden_calls_for_nobody(void **state)
{
	static const char *const why[] = { ",\"shelved\":true", ",\"out_of_service\":true", ",\"suppressed\":true", ",\"shelved\":false" };

	(void)state;
	begin("2024-02", 0);
	for (int i = 0; i < 4; i++) {
		char alarm[32];
		snprintf(alarm, sizeof alarm, "facp.s%d/smoke", i);
		feed(t0 + H, "fire", "raised", alarm, i + 1, "normal", "active", why[i]);
	}
	report_end(r);
	assert_int_equal(r->raised[CLASS_FIRE], 4);
	assert_int_equal(r->hidden[CLASS_FIRE], 3);
	assert_int_equal(r->announced, 1);
	done();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(months_are_the_sites), cmocka_unit_test(months_that_are_none), cmocka_unit_test(months_without_figures),
		cmocka_unit_test(stands_over_the_months_begin), cmocka_unit_test(stands_over_the_months_end), cmocka_unit_test(over_before_the_month_counts_nowhere),
		cmocka_unit_test(first_and_last_moment), cmocka_unit_test(in_the_midst_of_its_life), cmocka_unit_test(begins_with_the_log),
		cmocka_unit_test(reraised_is_the_same_occurrence), cmocka_unit_test(removed_while_it_stands), cmocka_unit_test(cleared_without_an_answer),
		cmocka_unit_test(last_verdict_counts), cmocka_unit_test(verdicts_over_the_edge), cmocka_unit_test(tests_and_drills_apart), cmocka_unit_test(real_one_that_comes_again_in_a_drill), cmocka_unit_test(hidden_calls_for_nobody),
		cmocka_unit_test(all_tests_end), cmocka_unit_test(the_next_day),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
