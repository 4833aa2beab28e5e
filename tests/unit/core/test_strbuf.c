#include "core/strbuf.h"
#include "tests/unit/core/check.h"

#include <float.h>
#include <locale.h>
#include <math.h>

static void grows_and_gives_away(void **state)
{
	struct strbuf b = STRBUF_INIT;

	(void)state;
	for (int i = 0; i < 1000; i++)
		strbuf_printf(&b, "%d,", i);
	assert_false(b.failed);
	assert_int_equal(b.len, 10 * 2 + 90 * 3 + 900 * 4);
	assert_int_equal(strlen(b.data), b.len);
	char *text = strbuf_take(&b);
	assert_memory_equal(text, "0,1,2,", 6);
	free(text);
	assert_null(b.data);

	text = strbuf_take(&b);
	assert_string_equal(text, "");
	free(text);
}

static void fixed_never_writes_beyond(void **state)
{
	char mem[9];
	struct strbuf b;

	(void)state;
	memset(mem, '#', sizeof mem);
	strbuf_init_fixed(&b, mem, 8);
	strbuf_puts(&b, "1234567");
	assert_false(b.failed);
	assert_string_equal(mem, "1234567");
	strbuf_putc(&b, '8');
	assert_true(b.failed);
	assert_string_equal(mem, "1234567");
	strbuf_cut(&b, 3);
	assert_false(b.failed);
	strbuf_printf(&b, "%s", "abcd");
	assert_string_equal(mem, "123abcd");
	strbuf_cut(&b, 3);
	strbuf_printf(&b, "%s", "abcde");
	assert_true(b.failed);
	assert_string_equal(mem, "123");
	/* Once failed, what would fit is not put either: a text has no holes. */
	strbuf_putc(&b, 'x');
	strbuf_puts(&b, "y");
	strbuf_json_int(&b, 1);
	assert_string_equal(mem, "123");
	strbuf_reset(&b);
	assert_int_equal(b.len, 0);
	assert_false(b.failed);
	assert_string_equal(mem, "");
	strbuf_puts(&b, "ok");
	strbuf_done(&b);
	assert_string_equal(mem, "");
	assert_int_equal(mem[8], '#');
}

static char *json_string(const char *text)
{
	struct strbuf b = STRBUF_INIT;

	strbuf_json_string(&b, text);
	return strbuf_take(&b);
}

static void strings_are_escaped(void **state)
{
	static const struct { const char *in, *out; } cases[] = {
		{ NULL, "null" },
		{ "", "\"\"" },
		{ "文龙大厦 A座 𠀀é", "\"文龙大厦 A座 𠀀é\"" },
		{ "a\"b\\c/d", "\"a\\\"b\\\\c/d\"" },
		{ "\n\r\t\x01\x1f\x7f", "\"\\n\\r\\t\\u0001\\u001f\x7f\"" },
		/* not UTF-8: a lone continuation, a cut character at the end, overlong forms, a surrogate, beyond U+10FFFF */
		{ "a\x80z", "\"a\xEF\xBF\xBDz\"" },
		{ "\xE5\x8E", "\"\xEF\xBF\xBD\xEF\xBF\xBD\"" },
		{ "\xC0\xAF", "\"\xEF\xBF\xBD\xEF\xBF\xBD\"" },
		{ "\xE0\x9F\xBF", "\"\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\"" },
		{ "\xED\xA0\x80", "\"\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\"" },
		{ "\xF0\x8F\xBF\xBF", "\"\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\"" },
		{ "\xF4\x90\x80\x80", "\"\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\"" },
		{ "\xFF" "a", "\"\xEF\xBF\xBD" "a\"" },
		/* the edges of what is UTF-8 */
		{ "\xC2\x80\xDF\xBF\xE0\xA0\x80\xED\x9F\xBF\xEE\x80\x80\xF0\x90\x80\x80\xF4\x8F\xBF\xBF",
		  "\"\xC2\x80\xDF\xBF\xE0\xA0\x80\xED\x9F\xBF\xEE\x80\x80\xF0\x90\x80\x80\xF4\x8F\xBF\xBF\"" },
	};

	(void)state;
	for (size_t i = 0; i < LENGTH(cases); i++) {
		char *out = json_string(cases[i].in);
		assert_string_equal(out, cases[i].out);
		free(out);
	}
}

static char *json_double(double v)
{
	struct strbuf b = STRBUF_INIT;

	strbuf_json_double(&b, v);
	return strbuf_take(&b);
}

static void doubles_are_shortest(void **state)
{
	static const struct { double in; const char *out; } cases[] = {
		{ 0, "0" }, { -0.0, "-0.0" }, { 1, "1" }, { -17, "-17" }, { 0.31, "0.31" }, { -0.02, "-0.02" }, { 0.0001, "0.0001" },
		{ 0.35, "0.35" }, { 35 * 0.01, "0.35000000000000003" }, { 0.1 + 0.2, "0.30000000000000004" }, { 22.5, "22.5" },
		{ 99999999999.5, "99999999999.5" }, { 0.00001, "1e-5" }, { 1e22, "1e22" }, { 1e23, "1e23" }, { 123456789012345680.0, "1.2345678901234568e17" },
		{ 9007199254740993.0, "9007199254740992" }, { 5e-324, "5e-324" }, { DBL_MIN, "2.2250738585072014e-308" },
		{ DBL_MAX, "1.7976931348623157e308" }, { -DBL_MAX, "-1.7976931348623157e308" }, { 0.1f, "0.10000000149011612" },
		{ NAN, "null" }, { INFINITY, "null" }, { -INFINITY, "null" },
	};

	(void)state;
	for (size_t i = 0; i < LENGTH(cases); i++) {
		char *out = json_double(cases[i].in);
		assert_string_equal(out, cases[i].out);
		free(out);
	}
}

static void test_short_double(void **state)
{
	static const struct { double in; const char *out; } cases[] = {
		{ 0.1f, "0.1" }, { 0.4239173638820648, "0.4239174" }, { 0.35, "0.35" }, { 12345678, "12345678" }, { 1234567.891, "1234567.89" }, { -1.5, "-1.5" },
		{ 1.5830394287097427e-11, "1.583039e-11" }, { 1e300, "1e300" }, { 9007199254740993.0, "9007199254740992" }, { 0, "0" }, { NAN, "null" },
	};

	(void)state;
	for (size_t i = 0; i < LENGTH(cases); i++) {
		char mem[64];
		struct strbuf b;
		strbuf_init_fixed(&b, mem, sizeof mem);
		strbuf_short_double(&b, cases[i].in);
		assert_string_equal(mem, cases[i].out);
	}
}

/* How many digits a text has between the first and the last that is not 0. */
static int significant_digits(const char *text)
{
	int n = 0, last = 0;

	for (; *text && *text != 'e'; text++) {
		if (*text < '0' || *text > '9' || (n == 0 && *text == '0'))
			continue;
		n++;
		if (*text != '0')
			last = n;
	}
	return last;
}

static void check_double(double v)
{
	char *out = json_double(v);
	double back = strtod(out, NULL);
	int used = significant_digits(out);
	char shorter[64];

	if (memcmp(&back, &v, sizeof v) != 0)
		fail_msg("%.17g came back as %.17g from %s", v, back, out);
	/* One digit less does not do. */
	if (used > 1) {
		snprintf(shorter, sizeof shorter, "%.*e", used - 2, v);
		if (strtod(shorter, NULL) == v)
			fail_msg("%.17g: %s is not the shortest, %s does", v, out, shorter);
	}
	free(out);
}

static void any_double_comes_back(void **state)
{
	uint64_t seed = random_seed();

	(void)state;
	for (int i = 0; i < 200000; i++) {
		uint64_t bits = random_next(&seed);
		double v;
		switch (i % 5) {
		case 0: memcpy(&v, &bits, sizeof v); break;                                                /* any pattern */
		case 1: v = (double)(int64_t)random_length(&seed) / 1e4; break;                            /* few decimals */
		case 2: v = (double)(float)((double)(bits % 100000000) / 1e5); break;                      /* what f32 registers hold */
		case 3: v = ldexp(1, (int)(bits % 2000) - 1000); break;                                    /* uneven neighbours */
		default: v = (double)(int64_t)bits * pow(10, -(double)(random_next(&seed) % 30)); break;
		}
		if (isfinite(v))
			check_double(v);
	}
}

static void integers(void **state)
{
	static const int64_t cases[] = { 0, 1, -1, 9, 10, -10, INT64_MAX, INT64_MIN, 1795485600123 };

	(void)state;
	for (size_t i = 0; i < LENGTH(cases); i++) {
		struct strbuf b = STRBUF_INIT;
		char want[32];
		snprintf(want, sizeof want, "%lld", (long long)cases[i]);
		strbuf_json_int(&b, cases[i]);
		assert_string_equal(b.data, want);
		strbuf_done(&b);
	}
}

static void keys_know_their_comma(void **state)
{
	struct strbuf b = STRBUF_INIT;

	(void)state;
	strbuf_putc(&b, '{');
	strbuf_json_key(&b, "a");
	strbuf_json_int(&b, 1);
	strbuf_json_key(&b, "b{");
	strbuf_json_string(&b, "{");
	strbuf_json_key(&b, "c");
	strbuf_puts(&b, "[{");
	strbuf_json_key(&b, "d");
	strbuf_puts(&b, "null}]}");
	assert_string_equal(b.data, "{\"a\":1,\"b{\":\"{\",\"c\":[{\"d\":null}]}");
	strbuf_done(&b);
}

/* A locale with a decimal comma changes nothing. */
static void locale_does_not_matter(void **state)
{
	(void)state;
	if (!setlocale(LC_NUMERIC, "xx_XX"))
		skip();
	char comma[16];
	snprintf(comma, sizeof comma, "%.1f", 0.5);
	assert_string_equal(comma, "0,5");
	char *out = json_double(0.1 + 0.2);
	assert_string_equal(out, "0.30000000000000004");
	free(out);
	out = json_double(1.5e-7);
	assert_string_equal(out, "1.5e-7");
	free(out);
	setlocale(LC_NUMERIC, "C");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(grows_and_gives_away),
		cmocka_unit_test(fixed_never_writes_beyond),
		cmocka_unit_test(strings_are_escaped),
		cmocka_unit_test(doubles_are_shortest),
		cmocka_unit_test(any_double_comes_back),
		cmocka_unit_test(integers),
		cmocka_unit_test(keys_know_their_comma),
		cmocka_unit_test(test_short_double),
		cmocka_unit_test(locale_does_not_matter),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
