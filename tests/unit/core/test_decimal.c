#include "core/decimal.h"
#include "tests/unit/core/check.h"

#include <locale.h>
#include <math.h>

static struct decimal dec(const char *text)
{
	struct decimal d;

	if (decimal_parse(text, &d) != 0)
		fail_msg("'%s' was refused", text);
	return d;
}

static void parses(void **state)
{
	static const struct { const char *text; int64_t mantissa; int places; } good[] = {
		{ "0", 0, 0 }, { "-0", 0, 0 }, { "0.000", 0, 0 }, { "0e99", 0, 0 }, { "1", 1, 0 }, { "+1", 1, 0 }, { "-0.01", -1, 2 }, { "1e-3", 1, 3 },
		{ "1E3", 1000, 0 }, { "12", 12, 0 }, { "0.10", 1, 1 }, { "1.50e1", 15, 0 }, { ".5", 5, 1 }, { "5.", 5, 0 }, { "0.000000000000000001", 1, 18 },
		{ "9223372036854775807", INT64_MAX, 0 }, { "-9223372036854775808", INT64_MIN, 0 }, { "9.223372036854775807", INT64_MAX, 18 },
		{ "100000000000000000000000e-23", 1, 0 }, { "0.00000000000000000000001e23", 1, 0 }, { "0001.5", 15, 1 }, { "1e+2", 100, 0 },
	};
	static const char *const bad[] = {
		"", "-", "+", ".", "e3", "1e", "1e-", "1.2.3", "1,5", " 1", "1 ", "0x10", "nan", "inf", "--1", "1e3.0", "1e19", "9223372036854775808",
		"-9223372036854775809", "1e-19", "0.0000000000000000001", "1e99999999999", "1e-99999999999", "123456789012345678901", "１",
	};
	struct decimal d;

	(void)state;
	for (size_t i = 0; i < LENGTH(good); i++) {
		d = dec(good[i].text);
		if (d.mantissa != good[i].mantissa || d.places != good[i].places)
			fail_msg("%s gave %lld, %d", good[i].text, (long long)d.mantissa, d.places);
	}
	for (size_t i = 0; i < LENGTH(bad); i++)
		if (decimal_parse(bad[i], &d) != -1)
			fail_msg("'%s' was taken", bad[i]);
}

static void formats(void **state)
{
	static const struct { struct decimal in; const char *out; } cases[] = {
		{ { 0, 0 }, "0" }, { { 0, 5 }, "0" }, { { 1, 2 }, "0.01" }, { { -1, 2 }, "-0.01" }, { { 10, 2 }, "0.1" }, { { 100, 2 }, "1" },
		{ { 1000000, 0 }, "1000000" }, { { 12345, 2 }, "123.45" }, { { 1, 18 }, "0.000000000000000001" },
		{ { INT64_MIN, 0 }, "-9223372036854775808" }, { { INT64_MIN, 18 }, "-9.223372036854775808" }, { { INT64_MAX, 9 }, "9223372036.854775807" },
	};
	char buf[32];

	(void)state;
	for (size_t i = 0; i < LENGTH(cases); i++)
		assert_string_equal(decimal_format(cases[i].in, buf), cases[i].out);
}

static void adds(void **state)
{
	struct decimal sum;

	(void)state;
	assert_int_equal(decimal_add(dec("0.1"), dec("0.2"), &sum), 0);
	assert_int_equal(sum.mantissa, 3);
	assert_int_equal(sum.places, 1);
	assert_int_equal(decimal_add(dec("0.5"), dec("-0.5"), &sum), 0);
	assert_int_equal(sum.mantissa, 0);
	assert_int_equal(sum.places, 0);
	assert_int_equal(decimal_add(dec("9223372036854775807"), dec("1"), &sum), -1);
	assert_int_equal(decimal_add(dec("9000000000000000000"), dec("0.1"), &sum), -1);
	assert_int_equal(decimal_add(dec("-32"), dec("0.25"), &sum), 0);
	assert_int_equal(sum.mantissa, -3175);
}

static double apply(int64_t raw, const char *scale, const char *offset, const char *factor)
{
	uint64_t mag = raw < 0 ? 0 - (uint64_t)raw : (uint64_t)raw;

	return decimal_apply_int(raw < 0, mag, dec(scale), dec(offset), dec(factor), NULL, NULL, NULL);
}

static void what_people_expect(void **state)
{
	(void)state;
	assert_true(apply(35, "0.01", "0", "1") == 0.35);
	assert_true(apply(-35, "0.01", "0", "1") == -0.35);
	assert_true(apply(350, "0.1", "0", "0.001") == 0.035);
	assert_true(apply(3, "0.1", "0", "1") == 0.3);
	assert_true(apply(29315, "0.01", "-273.15", "1") == 20);
	assert_true(apply(0, "0.01", "0", "1") == 0);
	assert_false(signbit(apply(0, "-0.01", "0", "1")));
	for (int raw = 0; raw <= 65535; raw++) {
		char text[32];
		snprintf(text, sizeof text, "%d.%02d", raw / 100, raw % 100);
		assert_true(apply(raw, "0.01", "0", "1") == strtod(text, NULL));
		assert_true(decimal_apply_float(raw, dec("0.01"), DECIMAL_ZERO, DECIMAL_ONE) == strtod(text, NULL));
	}
}

static void large_integers_are_exact(void **state)
{
	const struct decimal one = DECIMAL_ONE, zero = DECIMAL_ZERO;
	bool exact, neg;
	uint64_t mag;

	(void)state;
	assert_true(decimal_apply_int(false, UINT64_MAX, one, zero, one, &exact, &neg, &mag) == 0x1p64);
	assert_true(exact && !neg && mag == UINT64_MAX);
	assert_true(decimal_apply_int(true, UINT64_C(1) << 63, one, zero, one, &exact, &neg, &mag) == -0x1p63);
	assert_true(exact && neg && mag == UINT64_C(1) << 63);
	/* up to 2^53 a number, beyond it a text */
	decimal_apply_int(false, UINT64_C(1) << 53, one, zero, one, &exact, &neg, &mag);
	assert_false(exact);
	decimal_apply_int(false, (UINT64_C(1) << 53) + 1, one, zero, one, &exact, &neg, &mag);
	assert_true(exact && mag == (UINT64_C(1) << 53) + 1);
	decimal_apply_int(true, (UINT64_C(1) << 53) + 2, one, zero, one, &exact, &neg, &mag);
	assert_true(exact && neg && mag == (UINT64_C(1) << 53) + 2);
	/* an integer after scaling counts, a fraction does not, nor what fits no 64 bits */
	decimal_apply_int(false, UINT64_C(123456789012345678), dec("0.5"), zero, one, &exact, &neg, &mag);
	assert_true(exact && mag == UINT64_C(61728394506172839));
	decimal_apply_int(false, UINT64_C(123456789012345679), dec("0.5"), zero, one, &exact, &neg, &mag);
	assert_false(exact);
	assert_true(decimal_apply_int(false, UINT64_MAX, dec("10"), zero, one, &exact, &neg, &mag) == 184467440737095516150.0);
	assert_false(exact);
	decimal_apply_int(true, UINT64_MAX, one, zero, one, &exact, &neg, &mag);
	assert_false(exact);
}

/* Schoolbook numbers of decimal digits, lowest first: slow, and nothing of how the product computes. */
#define DIGITS 120
struct big {
	bool neg;
	int  digit[DIGITS];
};

static struct big big_from(bool neg, uint64_t mag)
{
	struct big b = { .neg = neg };

	for (int i = 0; mag > 0; i++, mag /= 10)
		b.digit[i] = (int)(mag % 10);
	return b;
}

static struct big big_decimal(struct decimal d)
{
	return big_from(d.mantissa < 0, d.mantissa < 0 ? 0 - (uint64_t)d.mantissa : (uint64_t)d.mantissa);
}

static void big_shift(struct big *b, int places)
{
	for (int n = 0; n < places; n++) {
		memmove(b->digit + 1, b->digit, (DIGITS - 1) * sizeof b->digit[0]);
		b->digit[0] = 0;
	}
}

static struct big big_multiply(const struct big *a, const struct big *b)
{
	struct big r = { .neg = a->neg != b->neg };

	for (int i = 0; i < DIGITS; i++)
		for (int j = 0; a->digit[i] && i + j < DIGITS; j++)
			r.digit[i + j] += a->digit[i] * b->digit[j];
	for (int i = 0; i + 1 < DIGITS; i++) {
		r.digit[i + 1] += r.digit[i] / 10;
		r.digit[i] %= 10;
	}
	return r;
}

static struct big big_add(const struct big *a, const struct big *b)
{
	struct big r = { 0 };
	int top = 0;

	for (int i = 0; i < DIGITS; i++) {
		r.digit[i] = (a->neg ? -a->digit[i] : a->digit[i]) + (b->neg ? -b->digit[i] : b->digit[i]);
		if (r.digit[i] != 0)
			top = i;
	}
	/* Signs may differ from place to place: the top tells the sign once all have been carried. */
	r.neg = false;
	for (int pass = 0; pass < DIGITS; pass++) {
		for (int i = 0; i < DIGITS - 1; i++) {
			r.digit[i + 1] += r.digit[i] / 10;
			r.digit[i] %= 10;
		}
		if (r.digit[top] < 0 || (top + 1 < DIGITS && r.digit[top + 1] < 0)) {
			r.neg = true;
			for (int i = 0; i < DIGITS; i++)
				r.digit[i] = -r.digit[i];
		}
		bool settled = true;
		for (int i = 0; i < DIGITS - 1; i++) {
			if (r.digit[i] < 0) {
				r.digit[i] += 10;
				r.digit[i + 1]--;
				settled = false;
			}
		}
		if (settled)
			break;
		for (top = DIGITS - 1; top > 0 && r.digit[top] == 0; top--)
			;
	}
	return r;
}

static double big_double(const struct big *b, int places)
{
	char text[DIGITS + 16];
	char *s = text;

	if (b->neg)
		*s++ = '-';
	for (int i = DIGITS - 1; i >= 0; i--)
		*s++ = (char)('0' + b->digit[i]);
	snprintf(s, 8, "e-%d", places);
	return strtod(text, NULL);
}

static double by_school(bool neg, uint64_t mag, struct decimal scale, struct decimal offset, struct decimal factor)
{
	struct big raw = big_from(neg, mag), s = big_decimal(scale), o = big_decimal(offset), f = big_decimal(factor);
	struct big m = big_multiply(&raw, &s);
	int places = scale.places;

	if (offset.places > places) {
		big_shift(&m, offset.places - places);
		places = offset.places;
	} else {
		big_shift(&o, places - offset.places);
	}
	m = big_add(&m, &o);
	m = big_multiply(&m, &f);
	return big_double(&m, places + factor.places);
}

static struct decimal random_decimal(uint64_t *seed)
{
	uint64_t bits = random_length(seed);
	struct decimal d = { (int64_t)(bits & INT64_MAX), (uint8_t)(random_next(seed) % 19) };

	if (random_next(seed) % 2)
		d.mantissa = -d.mantissa;
	if (random_next(seed) % 64 == 0)
		d.mantissa = INT64_MIN;
	return d;
}

/* The double nearest to the exact result, for any settings whatever. */
static void nearest_for_any_settings(void **state)
{
	uint64_t seed = random_seed();

	(void)state;
	for (int i = 0; i < 20000; i++) {
		struct decimal scale = random_decimal(&seed), offset = random_decimal(&seed), factor = random_decimal(&seed);
		bool neg = random_next(&seed) % 2;
		uint64_t mag = random_length(&seed);
		if (i % 4 == 0)
			offset = DECIMAL_ZERO;
		if (i % 3 == 0)
			factor = DECIMAL_ONE;
		double got = decimal_apply_int(neg, mag, scale, offset, factor, NULL, NULL, NULL);
		double want = by_school(neg, mag, scale, offset, factor);
		if (got != want)
			fail_msg("(%s%llu × %lld/%d + %lld/%d) × %lld/%d: %.17g, not %.17g", neg ? "-" : "", (unsigned long long)mag,
			         (long long)scale.mantissa, scale.places, (long long)offset.mantissa, offset.places, (long long)factor.mantissa,
			         factor.places, got, want);
	}
}

static void any_decimal_comes_back(void **state)
{
	uint64_t seed = random_seed();
	char buf[32], again[32];

	(void)state;
	for (int i = 0; i < 50000; i++) {
		struct decimal d = random_decimal(&seed);
		struct decimal back = dec(decimal_format(d, buf));
		assert_true(strlen(buf) < sizeof buf);
		/* compared as numbers: what comes back has no needless zeros */
		assert_true(back.places <= d.places);
		for (; back.places < d.places; back.places++)
			back.mantissa *= 10;
		assert_int_equal(back.mantissa, d.mantissa);
		assert_string_equal(decimal_format(dec(buf), again), buf);
		assert_true(decimal_double(d) == strtod(buf, NULL));
	}
}

static void floats(void **state)
{
	(void)state;
	assert_true(isnan(decimal_apply_float(NAN, dec("0.1"), DECIMAL_ZERO, DECIMAL_ONE)));
	assert_true(isinf(decimal_apply_float(INFINITY, dec("0.1"), dec("3"), DECIMAL_ONE)));
	assert_true(decimal_apply_float(35.0, dec("0.01"), DECIMAL_ZERO, DECIMAL_ONE) == 0.35);
	assert_true(decimal_apply_float(12.5, dec("0.1"), dec("-1"), dec("1000")) == 250);
	assert_true(decimal_apply_float(0.1f, DECIMAL_ONE, DECIMAL_ZERO, DECIMAL_ONE) == (double)0.1f);
	assert_true(decimal_apply_float(1e300, dec("0.5"), DECIMAL_ZERO, DECIMAL_ONE) == 5e299);
	assert_true(signbit(decimal_apply_float(-0.0, DECIMAL_ONE, DECIMAL_ZERO, DECIMAL_ONE)));
	assert_true(decimal_apply_float(9223372036854774784.0, DECIMAL_ONE, DECIMAL_ZERO, DECIMAL_ONE) == 9223372036854774784.0);
}

static void locale_does_not_matter(void **state)
{
	(void)state;
	if (!setlocale(LC_NUMERIC, "xx_XX"))
		skip();
	assert_true(apply(INT64_MAX, "0.001", "0.0005", "1") == 9223372036854775.8075);
	assert_int_equal(dec("0.25").mantissa, 25);
	setlocale(LC_NUMERIC, "C");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(parses),
		cmocka_unit_test(formats),
		cmocka_unit_test(adds),
		cmocka_unit_test(what_people_expect),
		cmocka_unit_test(large_integers_are_exact),
		cmocka_unit_test(nearest_for_any_settings),
		cmocka_unit_test(any_decimal_comes_back),
		cmocka_unit_test(floats),
		cmocka_unit_test(locale_does_not_matter),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
