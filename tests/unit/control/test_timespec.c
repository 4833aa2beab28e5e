/* Times as people type them, in the zone of the site. */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "gateway/timespec.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#define NOW INT64_C(1795485600123) /* 2026-11-24T10:00:00.123+08:00 would be 1795485600123 */

static void set_zone(const char *zone)
{
	setenv("TZ", zone, 1);
	tzset();
}

static int64_t parse(const char *text)
{
	struct err e = { 0 };
	int64_t ms = 0;

	if (timespec_parse(text, NOW, &ms, &e))
		fail_msg("%s", e.text);
	return ms;
}

static void all_forms(void **state)
{
	(void)state;
	set_zone("CST-8"); /* as Asia/Shanghai, without the zone files */
	int64_t ten = parse("2026-11-24T10:00");
	assert_int_equal(ten, parse("2026-11-24T10:00:00+08:00"));
	assert_int_equal(ten, parse("2026-11-24T02:00:00Z"));
	assert_int_equal(ten, parse("2026-11-24T10:00+08:00"));
	assert_int_equal(ten, parse("2026-11-24T02:00Z"));
	assert_int_equal(ten, parse("2026-11-23 21:00-05:00"));
	assert_int_equal(ten + 8123, parse("2026-11-24 10:00:08.123+08:00"));
	assert_int_equal(ten, parse("2026-11-24 10:00"));
	assert_int_equal(ten + 8000, parse("2026-11-24T10:00:08"));
	assert_int_equal(ten + 8123, parse("2026-11-24T10:00:08.123"));
	assert_int_equal(ten + 8120, parse("2026-11-24T10:00:08.12"));
	assert_int_equal(ten - 10 * 3600 * 1000, parse("2026-11-24"));
	assert_int_equal(NOW, parse("now"));
	assert_int_equal(NOW - 24 * 3600 * 1000, parse("24h"));
	assert_int_equal(NOW - 1500, parse("1500ms"));
	assert_int_equal(NOW, parse("0"));
	/* NOW is 2026-11-24 in this zone */
	assert_int_equal(parse("today"), parse("2026-11-24"));
	assert_int_equal(parse("yesterday"), parse("2026-11-23"));
	assert_int_equal(parse("09:30"), parse("2026-11-24T09:30"));
	assert_int_equal(parse("09:30:05"), parse("2026-11-24T09:30:05"));
}

static void the_zone_counts(void **state)
{
	(void)state;
	set_zone("UTC0");
	int64_t utc = parse("2026-11-24T10:00");
	set_zone("CST-8");
	assert_int_equal(utc - 8 * 3600 * 1000, parse("2026-11-24T10:00"));
	/* a zone with summer time: yesterday's midnight is 25 hours before today's */
	set_zone("CET-1CEST,M3.5.0,M10.5.0/3");
	struct err e;
	int64_t now, a, b;
	assert_int_equal(timespec_parse("2026-10-26T12:00", NOW, &now, &e), 0);
	assert_int_equal(timespec_parse("today", now, &a, &e), 0);
	assert_int_equal(timespec_parse("yesterday", now, &b, &e), 0);
	assert_int_equal(a - b, 25 * 3600 * 1000);
	/* an hour that does not exist is the one behind it */
	assert_int_equal(timespec_parse("2026-03-29T02:30", NOW, &a, &e), 0);
}

static void what_is_no_time(void **state)
{
	static const char *const texts[] = {
		"",
		"x",
		"2026-02-30",
		"2026-13-01",
		"2026-00-10",
		"2026-11-24T24:00",
		"2026-11-24T10:60",
		"2026-11-24T10",
		"2026-11-24T",
		"2026-11-24T10:00x",
		"2026-11-24T10:00+8",
		"2026-11-24T10:00+08:00x",
		"2026-11-24T10:00+24:00",
		"2026-11-24Z",
		"2026-11-24T10:00:08.",
		"2026-11-24T10:00:123",
		"24",
		"24 h",
		"-24h",
		"10",
		"10:0",
		"tomorrow",
		"2026-11-24T10:00:61",
		"20261124",
		" now",
	};

	(void)state;
	set_zone("CST-8");
	for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
		struct err e = { 0 };
		int64_t ms = 77;
		if (timespec_parse(texts[i], NOW, &ms, &e) == 0)
			fail_msg("'%s' was taken", texts[i]);
		assert_int_equal(e.code, ERR_INVALID);
		assert_int_equal(ms, 77);
		assert_non_null(strstr(e.text, "yesterday"));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(all_forms), cmocka_unit_test(the_zone_counts),
		                            cmocka_unit_test(what_is_no_time) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
