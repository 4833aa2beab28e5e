#include "drivers/modbus/decode.h"

#include <inttypes.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

static char text[VALUE_TEXT_MAX];

static struct bus_point point(enum register_type type)
{
	return (struct bus_point){ .id = "d.p", .fc = 3, .type = type, .bit_first = -1, .bit_last = -1, .scale = DECIMAL_ONE, .offset = DECIMAL_ZERO,
		.decimals_from = BUS_NO_DECIMALS_FROM, .convert = { DECIMAL_ONE, DECIMAL_ZERO }, .min = NAN, .max = NAN, .every_ns = 1 };
}

static struct decimal dec(const char *s)
{
	struct decimal d;

	assert_int_equal(decimal_parse(s, &d), 0);
	return d;
}

static void expect_with(const struct bus_point *p, const uint16_t *words, uint16_t decimals, double number, const char *shown)
{
	struct value v;
	enum quality q = decode_value(p, words, decimals, text, &v);

	assert_int_equal(q, QUALITY_GOOD);
	if (isnan(number) ? !isnan(v.number) : v.number != number)
		fail_msg("%.17g instead of %.17g", v.number, number);
	if (shown) {
		assert_non_null(v.text);
		assert_string_equal(v.text, shown);
	} else {
		assert_null(v.text);
	}
}

static void expect(const struct bus_point *p, const uint16_t *words, double number)
{
	expect_with(p, words, 0, number, NULL);
}

static void expect_bad_with(const struct bus_point *p, const uint16_t *words, uint16_t decimals, enum quality quality)
{
	struct value v;

	assert_int_equal(decode_value(p, words, decimals, text, &v), quality);
	assert_true(isnan(v.number) && v.text == NULL);
}

static void expect_bad(const struct bus_point *p, const uint16_t *words, enum quality quality)
{
	expect_bad_with(p, words, 0, quality);
}

#define W(...) ((const uint16_t[]){ __VA_ARGS__ })

static void test_types(void **state)
{
	struct bus_point p;

	(void)state;
	p = point(TYPE_U16); expect(&p, W(0xFFFE), 65534);
	p = point(TYPE_I16); expect(&p, W(0xFFFE), -2); expect(&p, W(0x8000), -32768);
	p = point(TYPE_U32); expect(&p, W(0xFFFF, 0xFFFE), 4294967294.0);
	p = point(TYPE_I32); expect(&p, W(0xFFFF, 0xFFFE), -2); expect(&p, W(0x8000, 0), -2147483648.0);
	p = point(TYPE_F32); expect(&p, W(0x4248, 0x0000), 50.0);
	p = point(TYPE_F64); expect(&p, W(0x3FF8, 0, 0, 0), 1.5);
	p = point(TYPE_BCD16); expect(&p, W(0x1234), 1234); expect_bad(&p, W(0x12A4), QUALITY_DEVICE); expect_bad(&p, W(0xF000), QUALITY_DEVICE);
	p = point(TYPE_BCD32); expect(&p, W(0x0012, 0x4311), 124311); expect_bad(&p, W(0x0012, 0x431F), QUALITY_DEVICE);
	p = point(TYPE_BOOL); expect(&p, W(0), 0); expect(&p, W(1), 1); expect(&p, W(0x0100), 1);
	p.fc = 2; expect(&p, W(1), 1);
}

static void test_orders(void **state)
{
	/* The value's bytes are ABCD = 01 02 03 04; on the wire they come in the order that the name says. */
	static const struct { enum register_order order; uint16_t w[2]; } of32[] = {
		{ ORDER_ABCD, { 0x0102, 0x0304 } }, { ORDER_CDAB, { 0x0304, 0x0102 } },
		{ ORDER_BADC, { 0x0201, 0x0403 } }, { ORDER_DCBA, { 0x0403, 0x0201 } },
	};
	static const struct { enum register_order order; uint16_t w[4]; } of64[] = {
		{ ORDER_ABCD, { 0x0001, 0x0203, 0x0405, 0x0607 } }, { ORDER_CDAB, { 0x0607, 0x0405, 0x0203, 0x0001 } },
		{ ORDER_BADC, { 0x0100, 0x0302, 0x0504, 0x0706 } }, { ORDER_DCBA, { 0x0706, 0x0504, 0x0302, 0x0100 } },
	};

	(void)state;
	for (size_t i = 0; i < 4; i++) {
		struct bus_point p = point(TYPE_U32), q = point(TYPE_U64), r = point(TYPE_U16), b = point(TYPE_U32);

		p.order = q.order = r.order = b.order = of32[i].order;
		expect(&p, of32[i].w, 0x01020304);
		expect(&q, of64[i].w, (double)0x0001020304050607);
		expect(&r, W(0x1234), of32[i].order == ORDER_BADC || of32[i].order == ORDER_DCBA ? 0x3412 : 0x1234);
		/* Bits come after the order. */
		b.bit_first = 8;
		b.bit_last = 15;
		expect(&b, of32[i].w, 3);
	}
}

static void test_bits(void **state)
{
	struct bus_point p = point(TYPE_U16);

	(void)state;
	p.bit_first = p.bit_last = 11;
	expect(&p, W(0x0800), 1);
	expect(&p, W(0xF7FF), 0);
	p.bit_first = 0;
	p.bit_last = 7;
	expect(&p, W(0xABCD), 0xCD);
	p.type = TYPE_I16;
	expect(&p, W(0xABFF), 255);
	p = point(TYPE_U64);
	p.bit_first = 63;
	p.bit_last = 63;
	expect(&p, W(0x8000, 0, 0, 0), 1);
	p.bit_first = 0;
	expect_with(&p, W(0xFFFF, 0xFFFF, 0xFFFF, 0xFFFF), 0, 18446744073709551615.0, "18446744073709551615");
	p = point(TYPE_BCD16);
	p.bit_first = 4;
	p.bit_last = 11;
	expect(&p, W(0xF42F), 42);
	p = point(TYPE_BOOL);
	p.bit_first = p.bit_last = 3;
	expect(&p, W(0x0008), 1);
	expect(&p, W(0xFFF7), 0);
}

static void test_64_bits_are_exact(void **state)
{
	struct bus_point u = point(TYPE_U64), i = point(TYPE_I64);

	(void)state;
	expect(&u, W(0x001F, 0xFFFF, 0xFFFF, 0xFFFF), 9007199254740991.0);
	expect_with(&u, W(0x0020, 0, 0, 1), 0, 9007199254740992.0, "9007199254740993");
	expect_with(&i, W(0x8000, 0, 0, 1), 0, -9223372036854775807.0, "-9223372036854775807");
	expect_with(&i, W(0xFFDF, 0xFFFF, 0xFFFF, 0xFFFF), 0, -9007199254740992.0, "-9007199254740993");
	u.scale = dec("0.01");
	expect(&u, W(0, 0, 0, 35), 0.35);
}

static void test_scale_is_decimal(void **state)
{
	struct bus_point p = point(TYPE_U16);

	(void)state;
	p.scale = dec("0.01");
	expect(&p, W(35), 0.35);
	expect(&p, W(7), 0.07);
	p.offset = dec("-40");
	expect(&p, W(1234), -27.66);
	p = point(TYPE_U16);
	assert_int_equal(unit_convert("kPa", "MPa", &p.convert), 0);
	expect(&p, W(310), 0.31);
	p.scale = dec("0.1");
	expect(&p, W(3104), 0.3104);
	p = point(TYPE_F32);
	p.scale = dec("2");
	expect(&p, W(0x3F80, 0), 2);
	/* Another zero, rounded once. */
	p = point(TYPE_U16);
	p.scale = dec("0.1");
	assert_int_equal(unit_convert("K", "°C", &p.convert), 0);
	expect(&p, W(2931), 19.95);
	assert_int_equal(unit_convert("°F", "°C", &p.convert), 0);
	expect(&p, W(2120), 100);
	/* Where the sum has too many digits the result is still right to the last place or two. */
	p.offset = dec("0.000000000000000001");
	struct value v;
	assert_int_equal(decode_value(&p, W(2120), 0, text, &v), QUALITY_GOOD);
	assert_true(fabs(v.number - 100) < 1e-12);
}

static void test_decimals_from(void **state)
{
	struct bus_point p = point(TYPE_I16);

	(void)state;
	p.decimals_from = 3;
	expect_with(&p, W(310), 3, 0.31, NULL);
	expect_with(&p, W(0xFFFF), 1, -0.1, NULL);
	expect_with(&p, W(310), 0, 310, NULL);
	expect_with(&p, W(1), 9, 1e-9, NULL);
	expect_bad_with(&p, W(310), 10, QUALITY_DEVICE);
	expect_bad_with(&p, W(310), 0xFFFF, QUALITY_DEVICE);
	expect_bad_with(&p, W(310), 0x0200, QUALITY_DEVICE);
	p.order = ORDER_BADC;
	expect_with(&p, W(0x3601), 0x0200, 3.1, NULL);
	expect_with(&p, W(0x3601), 0x0002, 3.1, NULL);
}

static void test_sentinels(void **state)
{
	struct bus_point p = point(TYPE_I16);

	(void)state;
	p.invalid[0] = 65535;
	p.invalid[1] = -200;
	p.n_invalid = 2;
	expect_bad(&p, W(0xFFFF), QUALITY_DEVICE);
	expect_bad(&p, W((uint16_t)-200), QUALITY_DEVICE);
	expect(&p, W(0xFFFE), -2);
	p = point(TYPE_F32);
	p.invalid[0] = -200;
	p.invalid[1] = 0.1;
	p.n_invalid = 2;
	expect_bad(&p, W(0xC348, 0), QUALITY_DEVICE);
	expect_bad(&p, W(0x3DCC, 0xCCCD), QUALITY_DEVICE);
	expect_bad(&p, W(0x7FC0, 0), QUALITY_DEVICE);
	expect_bad(&p, W(0x7F80, 0), QUALITY_DEVICE);
	expect_bad(&p, W(0xFF80, 0), QUALITY_DEVICE);
	p = point(TYPE_F64);
	expect_bad(&p, W(0x7FF8, 0, 0, 1), QUALITY_DEVICE);
	/* After the bits, before the scale. */
	p = point(TYPE_U16);
	p.bit_first = 0;
	p.bit_last = 7;
	p.scale = dec("0.1");
	p.invalid[0] = 255;
	p.n_invalid = 1;
	expect_bad(&p, W(0x12FF), QUALITY_DEVICE);
	expect(&p, W(0xFF0A), 1);
	/* Sentinel before enum: 0xFF is "no such point", 7 is nonsense. */
	static const struct point_label labels[] = { { 0, "normal" }, { 1, "alarm" } };
	p.labels = labels;
	p.n_labels = 2;
	p.scale = DECIMAL_ONE;
	expect_bad(&p, W(0x00FF), QUALITY_DEVICE);
	expect_bad(&p, W(0x0007), QUALITY_RANGE);
	expect(&p, W(0x0001), 1);
}

static void test_range(void **state)
{
	struct bus_point p = point(TYPE_I16);

	(void)state;
	p.scale = dec("0.1");
	p.min = -10;
	p.max = 50;
	expect(&p, W(500), 50);
	expect_bad(&p, W(501), QUALITY_RANGE);
	expect(&p, W((uint16_t)-100), -10);
	expect_bad(&p, W((uint16_t)-101), QUALITY_RANGE);
	p = point(TYPE_F64);
	p.scale = dec("1000");
	expect_bad(&p, W(0x7FEF, 0xFFFF, 0xFFFF, 0xFFFF), QUALITY_RANGE);
}

static void test_strings(void **state)
{
	struct bus_point p = point(TYPE_STRING);

	(void)state;
	p.string_bytes = 6;
	expect_with(&p, W(0x4142, 0x4344, 0x2000), 0, NAN, "ABCD");
	expect_with(&p, W(0x4100, 0x4344, 0x4546), 0, NAN, "A");
	expect_with(&p, W(0, 0, 0), 0, NAN, "");
	p.string_bytes = 5;
	expect_with(&p, W(0x4142, 0x4344, 0x4546), 0, NAN, "ABCDE");
	p.order = ORDER_BADC;
	expect_with(&p, W(0x4241, 0x4443, 0x4645), 0, NAN, "ABCDE");
	p.order = ORDER_CDAB;
	expect_with(&p, W(0x4142, 0x4344, 0x4546), 0, NAN, "ABCDE");
	p.order = ORDER_ABCD;
	p.string_bytes = 6;
	expect_with(&p, W(0xE6B0, 0xB441, 0x0000), 0, NAN, "\xE6\xB0\xB4" "A");
	/* Cut in the middle of a character, an overlong form, a lone byte, a control character. */
	expect_with(&p, W(0x41E6, 0xB000, 0x0000), 0, NAN, "A??");
	expect_with(&p, W(0xC080, 0xFF41, 0x0141), 0, NAN, "???A?A");
	expect_with(&p, W(0xEDA0, 0x8041, 0x0000), 0, NAN, "???A");
}

static void test_longest_string(void **state)
{
	struct bus_point p = point(TYPE_STRING);
	uint16_t w[125];

	(void)state;
	p.string_bytes = 250;
	memset(w, 0xFF, sizeof w);
	struct value v;
	assert_int_equal(decode_value(&p, w, 0, text, &v), QUALITY_GOOD);
	assert_int_equal(strlen(v.text), 250);
}

static void test_checks(void **state)
{
	struct err e;
	struct bus_point p = point(TYPE_U16);

	(void)state;
	assert_int_equal(decode_check(&p, &e), 0);
	p.fc = 5; assert_int_equal(decode_check(&p, &e), -1);
	p.fc = 1; assert_int_equal(decode_check(&p, &e), -1);
	p.type = TYPE_BOOL; assert_int_equal(decode_check(&p, &e), 0);
	p.bit_first = p.bit_last = 0; assert_int_equal(decode_check(&p, &e), -1);
	p = point(TYPE_F32); p.bit_first = p.bit_last = 0; assert_int_equal(decode_check(&p, &e), -1);
	p = point(TYPE_U16); p.bit_first = 3; p.bit_last = 16; assert_int_equal(decode_check(&p, &e), -1);
	p.bit_last = 2; assert_int_equal(decode_check(&p, &e), -1);
	p = point(TYPE_STRING); assert_int_equal(decode_check(&p, &e), -1);
	p.string_bytes = 251; assert_int_equal(decode_check(&p, &e), -1);
	p.string_bytes = 249; assert_int_equal(decode_check(&p, &e), 0);
	assert_int_equal(decode_count(&p), 125);
	p = point(TYPE_U64); p.address = 65533; assert_int_equal(decode_check(&p, &e), -1);
	p.address = 65532; assert_int_equal(decode_check(&p, &e), 0);
	p = point(TYPE_U16); p.decimals_from = 65536; assert_int_equal(decode_check(&p, &e), -1);
}

/* Whatever stands in the registers: a known quality, and valid text. */
static void test_any_registers(void **state)
{
	const char *given = getenv("SEED");
	unsigned seed = given ? (unsigned)strtoul(given, NULL, 10) : (unsigned)time(NULL);

	(void)state;
	print_message("seed %u\n", seed);
	srandom(seed);
	for (int round = 0; round < 200000; round++) {
		struct bus_point p = point((enum register_type)(random() % (TYPE_STRING + 1)));
		uint16_t w[4], backwards[4];
		struct value v, x;
		char t[VALUE_TEXT_MAX];

		p.string_bytes = (uint16_t)(1 + random() % 8);
		p.order = (enum register_order)(random() % 4);
		for (int i = 0; i < 4; i++)
			w[i] = (uint16_t)random();
		enum quality q = decode_value(&p, w, 0, text, &v);
		assert_true(q == QUALITY_GOOD || q == QUALITY_DEVICE || q == QUALITY_RANGE);
		assert_true(q != QUALITY_GOOD || v.text || isfinite(v.number));
		/* Turning the registers round by hand and asking for the plain order is the same. */
		unsigned n = decode_count(&p);
		if (p.type == TYPE_STRING)
			continue;
		for (unsigned i = 0; i < n; i++) {
			uint16_t word = w[p.order == ORDER_CDAB || p.order == ORDER_DCBA ? n - 1 - i : i];
			if (p.order == ORDER_BADC || p.order == ORDER_DCBA)
				word = (uint16_t)(word >> 8 | word << 8);
			backwards[i] = word;
		}
		p.order = ORDER_ABCD;
		assert_int_equal(decode_value(&p, backwards, 0, t, &x), q);
		assert_true(q != QUALITY_GOOD || v.number == x.number);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_types),
		cmocka_unit_test(test_orders),
		cmocka_unit_test(test_bits),
		cmocka_unit_test(test_64_bits_are_exact),
		cmocka_unit_test(test_scale_is_decimal),
		cmocka_unit_test(test_decimals_from),
		cmocka_unit_test(test_sentinels),
		cmocka_unit_test(test_range),
		cmocka_unit_test(test_strings),
		cmocka_unit_test(test_longest_string),
		cmocka_unit_test(test_checks),
		cmocka_unit_test(test_any_registers),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
