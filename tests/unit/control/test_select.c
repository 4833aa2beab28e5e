/* SELECT: words, globs, errors. */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "gateway/nearest.h"
#include "gateway/select.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct site_building buildings[] = { { .id = "a" }, { .id = "b" } };
static const char *const buses[] = { "riser-a" };
static const struct site_device devices[] = { { .name = "facp" }, { .name = "f12-hyd" } };
static const struct point points[] = {
	{ .index = 0, .id = "facp.f12-smoke-3", .kind = KIND_SMOKE_DETECTOR, .device = 0, .building = 0, .floor = "12", .zone = "12-N" },
	{ .index = 1, .id = "f12-hyd.pressure", .kind = KIND_HYDRANT_PRESSURE, .device = 1, .building = 1, .floor = "12", .zone = "" },
	{ .index = 2, .id = "facp.b1-heat", .kind = KIND_HEAT_DETECTOR, .device = 0, .building = 0, .floor = "B1", .zone = "" },
};
static const struct site site = {
	.buildings = buildings,
	.n_buildings = 2,
	.buses = buses,
	.n_buses = 1,
	.devices = devices,
	.n_devices = 2,
	.points = points,
	.n_points = 3,
};

/* Which of the three points fit, as bits. */
static unsigned fits(const char *text)
{
	struct select *s = NULL;
	struct err e = { 0 };
	unsigned bits = 0;

	if (select_parse(text, &s, &e))
		fail_msg("%s", e.text);
	for (unsigned i = 0; i < 3; i++)
		bits |= (unsigned)select_fits_point(s, &site, &points[i]) << i;
	select_free(s);
	return bits;
}

static void words_and_globs(void **state)
{
	static const struct { const char *text; unsigned bits; } rows[] = {
		{ NULL, 7 },
		{ "", 7 },
		{ "  \t ", 7 },
		{ "floor=12", 3 },
		{ "floor=B1", 4 },
		{ "floor=1", 0 },
		{ "floor=12,B1", 7 },
		{ "floor=12 floor=B1", 7 },
		{ "floor=1?", 3 },
		{ "building=a", 5 },
		{ "building=a floor=12", 1 },
		{ "bus=riser-a", 7 },
		{ "bus=x", 0 },
		{ "device=facp", 5 },
		{ "zone=12-N", 1 },
		{ "zone=12-*", 1 },
		{ "zone=*", 1 },
		{ "kind=smoke_detector", 1 },
		{ "kind=smoke_detector,heat_detector", 5 },
		{ "class=fire", 5 },
		{ "class=fire floor=B1", 4 },
		{ "facp.f12-smoke-3", 1 },
		{ "facp", 0 },
		{ "facp.*", 5 },
		{ "*", 7 },
		{ "facp.b1* f12*", 6 },
		{ "f* floor=12", 3 },
		{ "*.[g-p]*", 2 },
		{ "*.[!g-p]*", 5 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
		if (fits(rows[i].text) != rows[i].bits)
			fail_msg("'%s': %u, not %u", rows[i].text, fits(rows[i].text), rows[i].bits);
}

static void chinese_kinds(void **state)
{
	char text[64];

	(void)state;
	snprintf(text, sizeof text, "kind=%s", kind_info(KIND_SMOKE_DETECTOR)->name_zh);
	assert_int_equal(fits(text), 1);
}

static void alarms_fit_by_either_id(void **state)
{
	struct select_subject alarm = {
		.id = "facp.f12-smoke-3/smoke", .other_id = "facp.f12-smoke-3", .class_ = CLASS_SUPERVISORY, .floor = "12"
	};
	struct select_subject operation = { .class_ = CLASS_OPERATION };
	static const struct { const char *text; bool alarm, operation; } rows[] = {
		{ "facp.f12-smoke-3", true, false },
		{ "*/smoke", true, false },
		{ "class=supervisory", true, false },
		{ "class=operation", false, true },
		{ "building=*", false, false },
		{ "", true, true },
		{ "*", true, false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct select *s;
		struct err e;
		assert_int_equal(select_parse(rows[i].text, &s, &e), 0);
		assert_int_equal(select_fits(s, &alarm), rows[i].alarm);
		assert_int_equal(select_fits(s, &operation), rows[i].operation);
		select_free(s);
	}
}

static void errors_name_the_nearest(void **state)
{
	static const struct { const char *text, *part; } rows[] = {
		{ "flor=12", "'flor' (did you mean 'floor'?)" },
		{ "xyzzy=1", "unknown word 'xyzzy'; known are" },
		{ "=1", "unknown word ''" },
		{ "kind=smoke_detecter", "did you mean 'smoke_detector'?" },
		{ "class=frie", "did you mean 'fire'?" },
		{ "class=", "'class=' has no value" },
		{ "floor=1,,2", "'floor=' has no value" },
		{ "class=qqqqqq", "unknown class 'qqqqqq'" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct select *s = NULL;
		struct err e = { 0 };
		assert_int_equal(select_parse(rows[i].text, &s, &e), -1);
		assert_null(s);
		assert_int_equal(e.code, ERR_INVALID);
		if (!strstr(e.text, rows[i].part))
			fail_msg("%s: %s", rows[i].text, e.text);
	}
}

static void bounds(void **state)
{
	char text[SELECT_TEXT_MAX + 2];
	struct select *s = NULL;
	struct err e = { 0 };

	(void)state;
	memset(text, 'x', sizeof text - 1);
	text[sizeof text - 1] = '\0';
	assert_int_equal(select_parse(text, &s, &e), -1);
	text[SELECT_TEXT_MAX] = '\0';
	assert_int_equal(select_parse(text, &s, &e), 0);
	select_free(s);
	for (size_t i = 0; i < 2 * (SELECT_TERMS_MAX + 1); i += 2)
		memcpy(text + i, "x ", 2);
	text[2 * SELECT_TERMS_MAX] = '\0';
	assert_int_equal(select_parse(text, &s, &e), 0);
	select_free(s);
	text[2 * SELECT_TERMS_MAX] = 'x';
	text[2 * SELECT_TERMS_MAX + 1] = '\0';
	assert_int_equal(select_parse(text, &s, &e), -1);
}

static void globs(void **state)
{
	static const struct { const char *pattern, *text; bool fits; } rows[] = {
		{ "", "", true },
		{ "", "a", false },
		{ "*", "", true },
		{ "**", "abc", true },
		{ "a*c", "abc", true },
		{ "a*c", "abcd", false },
		{ "a?c", "ac", false },
		{ "*b*b", "abab", true },
		{ "[", "[", true },
		{ "[abc", "[abc", true },
		{ "[]a]x", "]x", true },
		{ "[a-]", "-", true },
		{ "[^a]", "b", true },
		{ "[!a]", "a", false },
		{ "a[0-9]*", "a7bc", true },
		{ "*a*a*a*a*a*a*a*a*b", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
		if (select_glob(rows[i].pattern, rows[i].text) != rows[i].fits)
			fail_msg("%s %s", rows[i].pattern, rows[i].text);
	assert_true(select_is_glob("a?"));
	assert_false(select_is_glob("a.b-c/d"));
}

static void nearest(void **state)
{
	static const char *const words[] = { "status", "points", "alarms", "ack", "reset", NULL, "history" };

	(void)state;
	assert_string_equal(nearest_find("statsu", words, 7), "status");
	assert_string_equal(nearest_find("STATUS", words, 7), "status");
	assert_string_equal(nearest_find("alarm", words, 7), "alarms");
	assert_string_equal(nearest_find("akc", words, 7), "ack");
	assert_null(nearest_find("frobnicate", words, 7));
	assert_null(nearest_find("", words, 7));
	assert_null(nearest_find("zz", words, 7));
}

static void hints(void **state)
{
	static const struct { const char *text; bool ids; const char *hint; } rows[] = {
		{ "", true, "" },
		{ "floor=12", true, "" },
		{ "floor=1*", true, "" },
		{ "building=c", true, "no building 'c'; there are a, b" },
		{ "bus=riser-b", false, "no bus 'riser-b': did you mean 'riser-a'?" },
		{ "bus=x", false, "no bus 'x'; there is riser-a" },
		{ "device=fapc", true, "no device 'fapc': did you mean 'facp'?" },
		{ "floor=99", true, "no floor '99'" },
		{ "zone=12-M", true, "no zone '12-M': did you mean '12-N'?" },
		{ "floor=12 facp.b1-haet", true, "no point 'facp.b1-haet': did you mean 'facp.b1-heat'?" },
		{ "facp.b1-haet", false, "" },
		{ "fire", false, "did you mean class=fire?" },
		{ "heat_detector", true, "did you mean kind=heat_detector?" },
		{ "kind=heat_detector floor=12", true, "" },
	};
	char buf[200], tiny[24];
	struct err e;

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct select *s = NULL;
		assert_int_equal(select_parse(rows[i].text, &s, &e), 0);
		assert_string_equal(select_hint(s, &site, rows[i].ids, buf, sizeof buf), rows[i].hint);
		assert_true(strncmp(select_hint(s, &site, rows[i].ids, tiny, sizeof tiny), rows[i].hint, sizeof tiny - 1) == 0);
		select_free(s);
	}
	assert_string_equal(select_word("class", false), "class");
	assert_null(select_word("clas", false));
	assert_string_equal(select_word("clas", true), "class");
	assert_null(select_word("json", true));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(hints),
		cmocka_unit_test(words_and_globs),
		cmocka_unit_test(chinese_kinds),
		cmocka_unit_test(alarms_fit_by_either_id),
		cmocka_unit_test(errors_name_the_nearest),
		cmocka_unit_test(bounds),
		cmocka_unit_test(globs),
		cmocka_unit_test(nearest),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
