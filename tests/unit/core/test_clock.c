#include "core/clock.h"
#include "tests/unit/core/check.h"

static void set_zone(const char *tz)
{
	setenv("TZ", tz, 1);
	tzset();
}

static void formats_in_the_zone(void **state)
{
	char buf[CLOCK_TEXT_MAX];

	(void)state;
	set_zone("UTC0");
	assert_string_equal(clock_format(0, buf), "1970-01-01T00:00:00.000+00:00");
	assert_string_equal(clock_format(-1, buf), "1969-12-31T23:59:59.999+00:00");
	set_zone("CST-8");
	assert_string_equal(clock_format(INT64_C(1795485600123), buf), "2026-11-24T10:00:00.123+08:00");
	set_zone("NST3:30");
	assert_string_equal(clock_format(0, buf), "1969-12-31T20:30:00.000-03:30");
	/* An offset with seconds, as zones had before railways: the text still names the same moment to the second. */
	set_zone("LMT-8:05:43");
	int64_t back;
	assert_int_equal(clock_parse(clock_format(1000, buf), &back), 0);
	assert_int_equal(back, 1000);
}

static void extremes_stay_four_digit_years(void **state)
{
	static const int64_t cases[] = { INT64_MIN, INT64_MAX, INT64_C(253402300800000), INT64_C(-62167219200001) };
	char buf[CLOCK_TEXT_MAX];
	int64_t back;

	(void)state;
	set_zone("CST-8");
	for (size_t i = 0; i < LENGTH(cases); i++) {
		assert_int_equal(strlen(clock_format(cases[i], buf)), strlen("2026-11-24T10:00:00.123+08:00"));
		assert_int_equal(clock_parse(buf, &back), 0);
	}
}

static void parses(void **state)
{
	static const struct { const char *text; int64_t ms; } good[] = {
		{ "1970-01-01T00:00:00Z", 0 },
		{ "1970-01-01t00:00:00z", 0 },
		{ "1970-01-01T08:00:00+08:00", 0 },
		{ "1969-12-31T20:30:00-03:30", 0 },
		{ "1970-01-01T00:00:00-00:00", 0 },
		{ "2026-11-24T10:00:00.123+08:00", INT64_C(1795485600123) },
		{ "2026-11-24T10:00:00.1+08:00", INT64_C(1795485600100) },
		{ "2026-11-24T10:00:00.123999999999+08:00", INT64_C(1795485600123) },
		{ "2024-02-29T00:00:00Z", INT64_C(1709164800000) },
		{ "2000-02-29T00:00:00Z", INT64_C(951782400000) },
		{ "2016-12-31T23:59:60Z", INT64_C(1483228800000) },
		{ "2017-01-01T07:59:60+08:00", INT64_C(1483228800000) },
		{ "1969-12-31T23:59:59.999Z", -1 },
	};
	static const char *const bad[] = {
		"", "2026", "2026-11-24", "2026-11-24T10:00:00", "2026-11-24T10:00:00.123", "2026-11-24 10:00:00Z", "2026-11-24T10:00Z",
		"2026-13-01T00:00:00Z", "2026-00-01T00:00:00Z", "2026-01-00T00:00:00Z", "2026-04-31T00:00:00Z", "2026-02-29T00:00:00Z",
		"1900-02-29T00:00:00Z", "2026-11-24T24:00:00Z", "2026-11-24T10:60:00Z", "2026-11-24T10:00:61Z", "2026-11-24T10:00:60Z",
		"2026-11-24T10:00:00.Z", "2026-11-24T10:00:00,5Z", "2026-11-24T10:00:00+8:00", "2026-11-24T10:00:00+0800", "2026-11-24T10:00:00+24:00",
		"2026-11-24T10:00:00+08:60", "2026-11-24T10:00:00Z ", " 2026-11-24T10:00:00Z", "26-11-24T10:00:00Z", "02026-11-24T10:00:00Z",
		"-026-11-24T10:00:00Z", "2026-1-24T10:00:00Z", "2026-11-24T10:00:00ZZ", "2026-11-24T+1:00:00Z",
	};
	int64_t ms;

	(void)state;
	for (size_t i = 0; i < LENGTH(good); i++) {
		ms = 42;
		if (clock_parse(good[i].text, &ms) != 0 || ms != good[i].ms)
			fail_msg("%s gave %lld", good[i].text, (long long)ms);
	}
	for (size_t i = 0; i < LENGTH(bad); i++)
		if (clock_parse(bad[i], &ms) != -1)
			fail_msg("'%s' was taken", bad[i]);
}

static void any_moment_comes_back(void **state)
{
	static const char *const zones[] = { "UTC0", "CST-8", "NST3:30NDT,M3.2.0,M11.1.0", "CET-1CEST,M3.5.0,M10.5.0/3" };
	uint64_t seed = random_seed();
	char buf[CLOCK_TEXT_MAX];
	int64_t back;

	(void)state;
	for (size_t z = 0; z < LENGTH(zones); z++) {
		set_zone(zones[z]);
		for (int i = 0; i < 5000; i++) {
			int64_t ms = (int64_t)(random_next(&seed) % UINT64_C(250000000000000));
			assert_int_equal(clock_parse(clock_format(ms, buf), &back), 0);
			if (back != ms)
				fail_msg("%lld became %s", (long long)ms, buf);
		}
	}
}

static void durations(void **state)
{
	static const struct { const char *text; int64_t ms; } good[] = {
		{ "0", 0 }, { "0s", 0 }, { "500ms", 500 }, { "30s", 30000 }, { "5m", 300000 }, { "2h", 7200000 }, { "400d", INT64_C(34560000000) },
		{ "3y", INT64_C(94608000000) }, { "100y", INT64_C(3153600000000) }, { "3153600000000ms", INT64_C(3153600000000) }, { "007s", 7000 },
	};
	static const char *const bad[] = {
		"", "5", "s", "-5s", "+5s", "5 s", " 5s", "5s ", "5S", "1.5h", "5sec", "1h30m", "101y", "36501d", "3153600000001ms", "99999999999999999999s",
		"0x5s", "５s",
	};
	int64_t ms;

	(void)state;
	for (size_t i = 0; i < LENGTH(good); i++) {
		ms = -1;
		if (clock_parse_duration(good[i].text, &ms) != 0 || ms != good[i].ms)
			fail_msg("%s gave %lld", good[i].text, (long long)ms);
	}
	for (size_t i = 0; i < LENGTH(bad); i++)
		if (clock_parse_duration(bad[i], &ms) != -1)
			fail_msg("'%s' was taken", bad[i]);
}

static void durations_come_back_shortest(void **state)
{
	static const struct { int64_t ms; const char *text; } cases[] = {
		{ 0, "0" }, { 500, "500ms" }, { 1000, "1s" }, { 1500, "1500ms" }, { 60000, "1m" }, { 90000, "90s" }, { 3600000, "1h" },
		{ 86400000, "1d" }, { INT64_C(34560000000), "400d" }, { INT64_C(31536000000), "1y" },
	};
	uint64_t seed = random_seed();
	char buf[CLOCK_TEXT_MAX];
	int64_t back;

	(void)state;
	for (size_t i = 0; i < LENGTH(cases); i++)
		assert_string_equal(clock_format_duration(cases[i].ms, buf), cases[i].text);
	for (int i = 0; i < 10000; i++) {
		int64_t ms = (int64_t)(random_length(&seed) % UINT64_C(3153600000001));
		assert_int_equal(clock_parse_duration(clock_format_duration(ms, buf), &back), 0);
		assert_int_equal(back, ms);
	}
}

static void shifts_both_clocks(void **state)
{
	struct stamp s = { .mono_ns = 5 * CLOCK_NS_PER_S, .wall_ms = 1000, .wall_trusted = true };

	(void)state;
	struct stamp t = clock_shift(s, -2 * CLOCK_NS_PER_S);
	assert_int_equal(t.mono_ns, 3 * CLOCK_NS_PER_S);
	assert_int_equal(t.wall_ms, -1000);
	assert_true(t.wall_trusted);
	/* The wall clock goes to the nearest millisecond, the same in both directions. */
	assert_int_equal(clock_shift(s, 499999).wall_ms, 1000);
	assert_int_equal(clock_shift(s, 500000).wall_ms, 1001);
	assert_int_equal(clock_shift(s, -499999).wall_ms, 1000);
	assert_int_equal(clock_shift(s, -500000).wall_ms, 999);
	assert_int_equal(clock_shift(s, -1).mono_ns, 5 * CLOCK_NS_PER_S - 1);
	assert_int_equal(clock_shift(s, 1999999).wall_ms, 1002);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(formats_in_the_zone),
		cmocka_unit_test(extremes_stay_four_digit_years),
		cmocka_unit_test(parses),
		cmocka_unit_test(any_moment_comes_back),
		cmocka_unit_test(durations),
		cmocka_unit_test(durations_come_back_shortest),
		cmocka_unit_test(shifts_both_clocks),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
