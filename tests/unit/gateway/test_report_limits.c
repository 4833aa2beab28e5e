/* What a report is bounded by, and events that are not as they should be. */
#include "tests/unit/gateway/report_rig.h"

#include <math.h>

/* ---- limits ---- */

static void ranks_and_thinning(void **state)
{
	struct times t = { 0 };

	(void)state;
	for (int64_t i = 10; i >= 1; i--)
		assert_int_equal(times_add(&t, i), 0);
	times_sort(&t);
	assert_int_equal(times_rank(&t, 50), 5);
	assert_int_equal(times_rank(&t, 90), 9);
	assert_int_equal(times_rank(&t, 0), 1);
	times_done(&t);
	for (int64_t i = 0; i < 1000000; i++)
		assert_int_equal(times_add(&t, i), 0);
	assert_true(t.n_kept <= TIMES_MAX && t.n_kept > TIMES_MAX / 4);
	times_sort(&t);
	assert_int_equal(t.n, 1000000);
	assert_int_equal(t.max, 999999);
	assert_true(fabs((double)times_rank(&t, 50) - 500000) < 1000);
	assert_true(fabs((double)times_rank(&t, 90) - 900000) < 1000);
	times_done(&t);
}

static void names_have_an_end(void **state)
{
	struct tallies t = { 0 };
	char name[32];
	bool failed = false;

	(void)state;
	for (int i = 0; i < REPORT_NAMES_MAX + 5; i++) {
		snprintf(name, sizeof name, "n%d", i);
		assert_true((tally_of(&t, name, &failed) != NULL) == (i < REPORT_NAMES_MAX));
	}
	assert_non_null(tally_of(&t, "n3", &failed));
	assert_int_equal(t.left_out, 5);
	assert_false(failed);
	tallies_done(&t);
}

static void payload_fits(void **state)
{
	struct report_frame f = { .gateway = "g", .node = "g", .people = false, .lists = REPORT_LISTS };
	struct strbuf text = STRBUF_INIT, whole = STRBUF_INIT;
	char alarm[200];

	(void)state;
	begin("2024-02", 0);
	for (int i = 0; i < 3000; i++) {
		snprintf(alarm, sizeof alarm, "d%d-%0100d.p/r", i, i);
		feed(t0 + H, "fault", "raised", alarm, i + 1, "normal", "active", ",\"actor\":\"li\"");
	}
	operation(t0 + 2 * H, "duty_on", ",\"actor\":\"li\"");
	report_end(r);
	report_json(r, &f, &whole);
	assert_true(whole.len > 131072);
	report_json_within(r, &f, 131072, &text);
	assert_false(text.failed);
	assert_in_range(text.len, 20000, 131072);
	assert_null(strstr(text.data, "\"li\""));
	assert_null(strstr(text.data, "people"));
	assert_non_null(strstr(text.data, "\"standing\":{\"n\":3000,\"left_out\":2"));
	assert_non_null(strstr(text.data, "\"raised\":3000"));
	strbuf_done(&text);
	strbuf_done(&whole);
	done();
}

static void alarms_have_an_end(void **state)
{
	char alarm[32];

	(void)state;
	begin("2024-02", 0);
	for (int i = 0; i < REPORT_ALARMS_MAX + 3; i++) {
		snprintf(alarm, sizeof alarm, "f.p%d/r", i);
		feed(t0 + H, "fault", "raised", alarm, i + 1, "normal", "active", "");
	}
	assert_int_equal(r->n_alarms, REPORT_ALARMS_MAX);
	assert_int_equal(r->alarms_left_out, 3);
	report_end(r);
	done();
}

/* ---- events ---- */

static bool parse(const char *tail, struct report_event *e)
{
	return report_event_parse(tail, strlen(tail), 5, e);
}

static void events_as_they_are(void **state)
{
	struct report_event e;

	(void)state;
	assert_true(parse("\"id\":\"g/1/2\",\"class\":\"prealarm\",\"transition\":\"verified\",\"state\":\"latched\",\"from\":\"acked\",\"acked\":true,\"alarm\":\"a\\/b\\u0041\\u706b\\ud83d\\udd25\\\"\","
	                  "\"members\":[{\"alarm\":\"no\",\"x\":[1,{\"mode\":\"drill\"}]}],\"message\":{\"mode\":\"test\"},\"mode\":\"drill\",\"suppressed\":true,\"shelved\":false,"
	                  "\"verdict\":{\"cause\":\"c\",\"more\":[{}],\"what\":\"real\"},\"times\":12,\"after_s\":1.2345,\"shelved_until\":\"2024-02-01T00:00:00Z\",\"actor\":null}", &e));
	assert_int_equal(e.class_, CLASS_PREALARM);
	assert_int_equal(e.transition, TRANSITION_VERIFIED);
	assert_int_equal(e.state, STATE_LATCHED);
	assert_int_equal(e.from, STATE_ACKED);
	assert_int_equal(e.mode, MODE_DRILL);
	assert_true(e.acked && e.hidden);
	assert_string_equal(e.alarm, "a/bA火🔥\"");
	assert_string_equal(e.verdict, "real");
	assert_string_equal(e.cause, "c");
	assert_string_equal(e.actor, "");
	assert_int_equal(e.times, 12);
	assert_int_equal(e.after_ms, 1235);
	assert_int_equal(e.until_ms, INT64_C(1706745600000));
	assert_int_equal(e.at_ms, 5);
	assert_true(parse("\"transition\":\"raised\",\"class\":\"of tomorrow\"}", &e));
	assert_int_equal(e.class_, CLASS_FAULT);
}

static void events_that_are_wrong(void **state)
{
	static const char *const none[] = { "", "{", "}", "null", "[]", "\"", "\"a", "\"a\":", "\"transition\":\"flies\"}", "\"transition\":5}", "\"transition\":\"rai\\", "\"x\":[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[1" };
	struct report_event e;
	char tail[1200];

	(void)state;
	for (size_t i = 0; i < LENGTH(none); i++)
		assert_false(parse(none[i], &e));
	/* What stood before the fault counts. */
	assert_true(parse("\"transition\":\"raised\",\"alarm\":\"a/b\",\"rule\":\"r\\q\",\"mode\":\"test\"}", &e));
	assert_string_equal(e.alarm, "a/b");
	assert_int_equal(e.mode, MODE_NORMAL);
	assert_true(parse("\"transition\":\"raised\",\"times\":-3,\"after_s\":1e400,\"verdict\":5,\"acked\":\"true\"}", &e));
	assert_int_equal(e.times, -1);
	assert_int_equal(e.after_ms, -1);
	assert_false(e.acked);
	/* Half a character does not hide the text's end. */
	assert_true(parse("\"transition\":\"raised\",\"name\":\"x\xE5\",\"rule\":\"r\"}", &e));
	assert_string_equal(e.rule, "r");
	/* Cut between characters. */
	int n = sprintf(tail, "\"transition\":\"raised\",\"name\":\"x");
	for (int i = 0; i < 100; i++)
		n += sprintf(tail + n, "层");
	sprintf(tail + n, "\",\"rule\":\"r\"}");
	assert_true(parse(tail, &e));
	assert_int_equal(strlen(e.name), 1 + 31 * 3);
	assert_string_equal(e.rule, "r");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ranks_and_thinning),
		cmocka_unit_test(names_have_an_end),
		cmocka_unit_test(payload_fits),
		cmocka_unit_test(alarms_have_an_end),
		cmocka_unit_test(events_as_they_are),
		cmocka_unit_test(events_that_are_wrong),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
