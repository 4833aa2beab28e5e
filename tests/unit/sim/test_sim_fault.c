/* Each fault leaves its mark on a reply, none of them can be taken for the answer by who looks, and a seed repeats them. */
#include "gateway/sim/fault.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define NOBODY 200

static const struct wire_request asked = { .unit = 3, .fc = 3, .address = 10, .count = 2 };

static struct fault made(enum fault_kind kind, const char *chance, const char *by, const char *code, const char *registers, uint64_t seed)
{
	struct fault_words words = { { chance, by, code, registers } };
	enum fault_word wrong;
	struct fault f;
	struct err e;

	if (fault_make(kind, &words, seed, &f, &wrong, &e) < 0)
		fail_msg("%s", e.text);
	return f;
}

static void good_reply(enum wire_kind wire, struct out *o)
{
	*o = (struct out){ .len = wire_reply_length(wire) + 4 };
	uint8_t *p = o->bytes + wire_unit_at(wire);

	memset(o->bytes, 0x11, 2);
	p[0] = 3, p[1] = 3, p[2] = 4;
	memset(p + 3, 0x22, 4);
	wire_seal(wire, o->bytes, o->len);
}

/* What a careful master would say of these bytes. */
static bool is_the_answer(enum wire_kind wire, const struct out *o)
{
	const uint8_t *p = o->bytes + wire_unit_at(wire);

	if (o->len != wire_reply_length(wire) + 4 || p[0] != 3 || p[1] != 3 || p[2] != 4)
		return false;
	if (wire == WIRE_TCP)
		return o->bytes[0] == 0x11 && o->bytes[1] == 0x11 && o->bytes[4] == 0 && o->bytes[5] == 7;
	return wire_crc(o->bytes, o->len - 2) == (o->bytes[o->len - 2] | o->bytes[o->len - 1] << 8);
}

static void test_no_changed_reply_is_the_answer(void **state)
{
	static const enum fault_kind kinds[] = { FAULT_EXCEPTION, FAULT_LYING, FAULT_WRONG_UNIT, FAULT_WRONG_NUMBER, FAULT_WRONG_FUNCTION, FAULT_WRONG_COUNT,
		FAULT_OVERSIZED, FAULT_WRONG_CRC, FAULT_HALF, FAULT_NOISE, FAULT_DEAD };

	(void)state;
	for (enum wire_kind wire = WIRE_TCP; wire <= WIRE_RTU; wire++)
		for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++) {
			struct fault f = made(kinds[k], NULL, NULL, NULL, NULL, k);

			if (fault_misfit(kinds[k], wire, false))
				continue;
			for (int i = 0; i < 200; i++) {
				struct out o;

				good_reply(wire, &o);
				assert_true(is_the_answer(wire, &o));
				fault_change(&f, wire, &asked, NOBODY, &o);
				if (is_the_answer(wire, &o) || o.len > OUT_BYTES_MAX)
					fail_msg("kind %d is still the answer", kinds[k]);
			}
			assert_int_equal(f.done, 200);
		}
}

static void test_what_each_does(void **state)
{
	struct out o;
	struct fault f = made(FAULT_EXCEPTION, NULL, NULL, "illegal-address", "11-20", 1);

	(void)state;
	good_reply(WIRE_RTU, &o);
	fault_change(&f, WIRE_RTU, &asked, NOBODY, &o);
	assert_true(o.len == 5 && o.bytes[0] == 3 && o.bytes[1] == 0x83 && o.bytes[2] == 2);
	struct wire_request beside = { .unit = 3, .fc = 3, .address = 9, .count = 2 };
	good_reply(WIRE_RTU, &o);
	fault_change(&f, WIRE_RTU, &beside, NOBODY, &o);
	assert_true(is_the_answer(WIRE_RTU, &o) && f.done == 1);
	f = made(FAULT_LATE, NULL, "300ms", NULL, NULL, 1);
	fault_change(&f, WIRE_RTU, &asked, NOBODY, &o);
	assert_true(is_the_answer(WIRE_RTU, &o) && o.late_ns == 300 * INT64_C(1000000));
	f = made(FAULT_DRIP, NULL, NULL, NULL, NULL, 1);
	fault_change(&f, WIRE_RTU, &asked, NOBODY, &o);
	assert_true(is_the_answer(WIRE_RTU, &o) && o.byte_ns == 20 * INT64_C(1000000));
	f = made(FAULT_CLOSING, NULL, NULL, NULL, NULL, 1);
	fault_change(&f, WIRE_RTU, &asked, NOBODY, &o);
	assert_true(is_the_answer(WIRE_RTU, &o) && o.closes);
	f = made(FAULT_WRONG_UNIT, NULL, NULL, NULL, NULL, 1);
	fault_change(&f, WIRE_RTU, &asked, NOBODY, &o);
	assert_int_equal(o.bytes[0], NOBODY);
	f = made(FAULT_OVERSIZED, NULL, NULL, NULL, NULL, 1);
	good_reply(WIRE_TCP, &o);
	fault_change(&f, WIRE_TCP, &asked, NOBODY, &o);
	assert_true((o.bytes[4] << 8 | o.bytes[5]) > 254 && o.len > WIRE_FRAME_MAX);
	o.len = 0; /* of a silence nothing is made */
	fault_change(&f, WIRE_TCP, &asked, NOBODY, &o);
	assert_int_equal(o.len, 0);
}

static void test_chance_and_seed(void **state)
{
	struct fault a = made(FAULT_DEAD, "10%", NULL, NULL, NULL, 7), b = a, c = made(FAULT_DEAD, "10%", NULL, NULL, NULL, 8);
	bool differs = false;

	(void)state;
	for (int i = 0; i < 10000; i++) {
		bool strikes = fault_strikes(&a);

		assert_int_equal(strikes, fault_strikes(&b));
		differs = differs || strikes != fault_strikes(&c);
	}
	assert_true(differs && a.done > 800 && a.done < 1200);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_no_changed_reply_is_the_answer),
		cmocka_unit_test(test_what_each_does),
		cmocka_unit_test(test_chance_and_seed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
