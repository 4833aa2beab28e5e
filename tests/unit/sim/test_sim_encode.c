/* What the simulator encodes, the driver decodes to the same: every type, order, bits, scale, decimals and unit. */
#include "drivers/modbus/decode.h"
#include "gateway/sim/encode.h"

#include <inttypes.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define ROUNDS 200000

struct dice { uint64_t state; };

static uint64_t roll(struct dice *d)
{
	d->state ^= d->state << 13;
	d->state ^= d->state >> 7;
	return d->state ^= d->state << 17;
}

static struct bus_point point(enum register_type type)
{
	return (struct bus_point){ .id = "d.p", .fc = 3, .type = type, .bit_first = -1, .bit_last = -1, .scale = DECIMAL_ONE, .offset = DECIMAL_ZERO,
		.decimals_from = BUS_NO_DECIMALS_FROM, .convert = { DECIMAL_ONE, DECIMAL_ZERO, DECIMAL_ZERO }, .min = NAN, .max = NAN, .every_ns = 1 };
}

static uint64_t seed_of_run(void)
{
	const char *text = getenv("SEED");

	return text ? strtoull(text, NULL, 10) : UINT64_C(88172645463325252);
}

/* A point as a table may describe it. */
static struct bus_point draw_point(struct dice *d)
{
	static const char *const pairs[][2] = { { "", "" }, { "kPa", "MPa" }, { "bar", "MPa" }, { "°F", "°C" }, { "K", "°C" }, { "A", "mA" }, { "L/min", "L/s" } };
	struct bus_point p = point((enum register_type)(roll(d) % TYPE_STRING));
	size_t pair = roll(d) % (sizeof pairs / sizeof *pairs);
	unsigned width = decode_count(&p) * 16u;

	p.order = (enum register_order)(roll(d) % 4);
	if (p.type != TYPE_F32 && p.type != TYPE_F64 && p.type != TYPE_BCD16 && p.type != TYPE_BCD32 && roll(d) % 3 == 0) {
		unsigned first = (unsigned)(roll(d) % width), more = p.type == TYPE_BOOL ? 0 : (unsigned)(roll(d) % (width - first));

		p.bit_first = (int8_t)first;
		p.bit_last = (int8_t)(first + more);
	}
	if (p.type == TYPE_BOOL)
		return p;
	p.scale = (struct decimal){ (int64_t)(roll(d) % 50) + 1, (uint8_t)(roll(d) % 4) };
	if (roll(d) % 5 == 0)
		p.scale.mantissa = -p.scale.mantissa;
	p.offset = (struct decimal){ (int64_t)(roll(d) % 2001) - 1000, (uint8_t)(roll(d) % 3) };
	if (p.type != TYPE_F32 && p.type != TYPE_F64 && roll(d) % 4 == 0)
		p.decimals_from = 7;
	assert_int_equal(unit_convert(pairs[pair][0], pairs[pair][1], &p.convert), 0);
	return p;
}

/* Words that a device could have: right digits for BCD, no float that is none. */
static void draw_words(struct dice *d, const struct bus_point *p, uint16_t *words)
{
	for (unsigned i = 0; i < 4; i++) {
		words[i] = (uint16_t)roll(d);
		if (p->type == TYPE_BCD16 || p->type == TYPE_BCD32)
			words[i] = (uint16_t)(roll(d) % 10 << 12 | roll(d) % 10 << 8 | roll(d) % 10 << 4 | roll(d) % 10);
	}
	if (p->type == TYPE_F32 || p->type == TYPE_F64)
		(void)encode_value(p, ((double)roll(d) / 1e16 - 900) * 1.7, 0, words);
}

static unsigned bits_of(const struct bus_point *p)
{
	return p->bit_first >= 0 ? (unsigned)(p->bit_last - p->bit_first) + 1 : decode_count(p) * 16u;
}

static void check_one(struct dice *d)
{
	struct bus_point p = draw_point(d);
	uint16_t words[4], back[4] = { 0 }, decimals = (uint16_t)(roll(d) % 5);
	char text[VALUE_TEXT_MAX], again_text[VALUE_TEXT_MAX];
	struct value v, again;
	uint64_t state = d->state;

	draw_words(d, &p, words);
	if (decode_value(&p, words, decimals, text, &v) != QUALITY_GOOD)
		return;
	memcpy(back, words, sizeof back);
	(void)encode_value(&p, v.number, decimals, back);
	assert_int_equal(decode_value(&p, back, decimals, again_text, &again), QUALITY_GOOD);
	/* What a double holds comes back to the bit; of 64 bits the nearest double does. */
	bool exact = p.type != TYPE_BOOL && p.type != TYPE_F32 && p.type != TYPE_F64 && bits_of(&p) <= 48;
	double room = exact ? 0 : fabs(v.number) * 1e-12 + (bits_of(&p) > 48 ? 1e-6 : 0);
	if (fabs(again.number - v.number) > room)
		fail_msg("state %" PRIu64 ": type %d: %.17g became %.17g", state, p.type, v.number, again.number);
	if (exact && memcmp(words, back, decode_count(&p) * 2) != 0)
		fail_msg("state %" PRIu64 ": type %d: other registers for %.17g", state, p.type, v.number);
}

static void test_what_is_decoded_is_encoded_to_the_same(void **unused)
{
	struct dice d = { seed_of_run() };

	(void)unused;
	print_message("SEED=%" PRIu64 "\n", d.state);
	for (int i = 0; i < ROUNDS; i++)
		check_one(&d);
}

static void test_a_value_is_shown_to_half_a_step(void **unused)
{
	struct bus_point p = point(TYPE_I16);
	uint16_t words[4] = { 0 };
	char text[VALUE_TEXT_MAX];
	struct value v;

	(void)unused;
	p.scale = (struct decimal){ 1, 1 };
	assert_int_equal(unit_convert("kPa", "MPa", &p.convert), 0);
	for (double x = 0; x < 1.6; x += 0.00137) {
		assert_true(encode_value(&p, x, 0, words));
		assert_int_equal(decode_value(&p, words, 0, text, &v), QUALITY_GOOD);
		assert_true(fabs(v.number - x) <= 0.00005 + 1e-12);
	}
	assert_false(encode_value(&p, 100, 0, words)); /* 1,000,000 steps of 0.1 kPa */
	assert_int_equal(words[0], 32767);
}

static void test_bits_leave_their_neighbours_alone(void **unused)
{
	struct bus_point p = point(TYPE_U16);
	uint16_t words[1] = { 0xFFFF };

	(void)unused;
	p.bit_first = 4, p.bit_last = 7;
	assert_true(encode_value(&p, 0, 0, words));
	assert_int_equal(words[0], 0xFF0F);
	p.order = ORDER_BADC;
	assert_true(encode_value(&p, 5, 0, words));
	assert_int_equal(words[0], 0x5F0F);
}

static void test_a_sentinel_is_never_written(void **unused)
{
	struct bus_point p = point(TYPE_U16), f = point(TYPE_F32);
	uint16_t words[2] = { 0 };
	char text[VALUE_TEXT_MAX];
	struct value v;

	(void)unused;
	p.invalid[0] = 255, p.invalid[1] = 256, p.n_invalid = 2;
	assert_true(encode_value(&p, 255, 0, words));
	assert_int_equal(decode_value(&p, words, 0, text, &v), QUALITY_GOOD);
	assert_true(fabs(v.number - 255) <= 2);
	f.invalid[0] = -200, f.n_invalid = 1;
	assert_true(encode_value(&f, -200, 0, words));
	assert_int_equal(decode_value(&f, words, 0, text, &v), QUALITY_GOOD);
	assert_true(fabs(v.number + 200) < 0.001);
}

static void test_texts(void **unused)
{
	struct bus_point p = point(TYPE_STRING);
	uint16_t words[10];
	char text[VALUE_TEXT_MAX];
	struct value v;

	(void)unused;
	for (int order = 0; order < 4; order++) {
		p.order = (enum register_order)order;
		p.string_bytes = 9;
		encode_text(&p, "FACP 消防", words); /* the second character would end behind the ninth byte */
		assert_int_equal(decode_value(&p, words, 0, text, &v), QUALITY_GOOD);
		assert_string_equal(v.text, "FACP 消");
		encode_text(&p, "x", words);
		assert_int_equal(decode_value(&p, words, 0, text, &v), QUALITY_GOOD);
		assert_string_equal(v.text, "x");
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_is_decoded_is_encoded_to_the_same), cmocka_unit_test(test_a_value_is_shown_to_half_a_step),
		cmocka_unit_test(test_bits_leave_their_neighbours_alone), cmocka_unit_test(test_a_sentinel_is_never_written), cmocka_unit_test(test_texts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
