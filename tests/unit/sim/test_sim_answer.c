/* Frames in, frames out: what is described is answered, all else is an exception, and nothing is ever written. */
#include "gateway/sim/answer.h"
#include "tests/unit/sim/house.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

struct desk {
	struct config   *config;
	struct world     world;
	struct answerer *answerer;
	struct out       out;
};

static int setup(void **state)
{
	struct desk *d = calloc(1, sizeof *d);
	struct world_options o = { .seed = 1 };
	struct err e;

	d->config = house_config(HOUSE_SITE);
	assert_int_equal(world_init(&d->world, d->config, &o, &e), 0);
	d->answerer = answerer_new(&e);
	assert_non_null(d->answerer);
	*state = d;
	return 0;
}

static int teardown(void **state)
{
	struct desk *d = *state;

	answerer_free(d->answerer);
	world_done(&d->world);
	config_free(d->config);
	free(d);
	return 0;
}

static size_t ask(struct desk *d, size_t server, uint8_t unit, uint8_t fc, uint16_t address, uint16_t count)
{
	uint8_t frame[WIRE_FRAME_MAX];
	size_t len = wire_ask(WIRE_TCP, 0x1234, unit, fc, address, count, frame);

	answerer_reply(d->answerer, &d->world.bank.servers[server], frame, len, &d->out);
	return d->out.len;
}

static void expect_exception(struct desk *d, size_t len, uint8_t unit, uint8_t fc, uint8_t code)
{
	const uint8_t expected[] = { 0x12, 0x34, 0, 0, 0, 3, unit, (uint8_t)(fc | 0x80), code };

	assert_int_equal(len, sizeof expected);
	assert_memory_equal(d->out.bytes, expected, sizeof expected);
}

static void test_what_is_described_is_answered(void **state)
{
	struct desk *d = *state;

	assert_int_equal(ask(d, 1, 3, 3, 3, 2), 13);
	assert_int_equal(d->out.bytes[10], 2); /* decimals */
	assert_int_equal(ask(d, 0, 1, 1, 0, 4), 10);
	assert_int_equal(d->out.bytes[9], 0);
	assert_int_equal(ask(d, 0, 1, 2, 40, 3), 10);
	assert_int_equal(d->out.bytes[9], 6); /* mains and battery are there, the loop is well */
	assert_int_equal(ask(d, 0, 1, 4, 0, 6), 21);
	assert_memory_equal(d->out.bytes + 9, "facp.model\0\0", 12);
}

static void test_holes_and_ends_are_illegal_addresses(void **state)
{
	struct desk *d = *state;

	expect_exception(d, ask(d, 1, 3, 3, 5, 1), 3, 3, 2);  /* between two points */
	expect_exception(d, ask(d, 1, 3, 3, 4, 3), 3, 3, 2);  /* over a hole */
	expect_exception(d, ask(d, 1, 3, 3, 2, 2), 3, 3, 2);  /* begins before */
	expect_exception(d, ask(d, 1, 3, 3, 13, 2), 3, 3, 2); /* ends behind */
	expect_exception(d, ask(d, 1, 3, 2, 0, 1), 3, 2, 2);  /* no such function's points */
	expect_exception(d, ask(d, 1, 3, 3, 65535, 2), 3, 3, 2);
}

static void test_what_is_no_reading_is_refused(void **state)
{
	struct desk *d = *state;
	uint8_t many[] = { 0x12, 0x34, 0, 0, 0, 9, 3, 16, 0, 4, 0, 1, 2, 0, 9 };

	for (unsigned fc = 0; fc < 128; fc++)
		if (fc < 1 || fc > 4)
			expect_exception(d, ask(d, 1, 3, (uint8_t)fc, 4, 1), 3, (uint8_t)fc, 1);
	answerer_reply(d->answerer, &d->world.bank.servers[1], many, sizeof many, &d->out);
	expect_exception(d, d->out.len, 3, 16, 1);
	expect_exception(d, ask(d, 1, 3, 3, 4, 0), 3, 3, 3);
	expect_exception(d, ask(d, 1, 3, 3, 4, 126), 3, 3, 3);
	expect_exception(d, ask(d, 0, 1, 1, 0, 2001), 1, 1, 3);
	expect_exception(d, ask(d, 1, 77, 3, 4, 1), 77, 3, 11);
	expect_exception(d, ask(d, 0, 3, 3, 4, 1), 3, 3, 11); /* that unit is at the other port */
}

static void test_a_dead_device_is_silent_and_a_lying_one_is_never_right(void **state)
{
	struct desk *d = *state;
	struct bank_unit *u = bank_find_unit(&d->world.bank.servers[1], 3);
	struct fault f = { .kind = FAULT_DEAD, .chance = 1 };

	u->faults[0] = &f;
	u->n_faults = 1;
	assert_int_equal(ask(d, 1, 3, 3, 4, 1), 0);
	assert_int_equal(ask(d, 1, 3, 6, 4, 1), 0);
	assert_true(ask(d, 1, 4, 3, 0, 1) > 0); /* its neighbour answers */
	f.kind = FAULT_LYING;
	for (int i = 0; i < 10; i++) {
		size_t len = ask(d, 1, 3, 3, 4, 1);
		const uint8_t right[] = { 0x12, 0x34, 0, 0, 0, 5, 3, 3, 2 };
		assert_true(len >= 9 && memcmp(d->out.bytes, right, sizeof right) != 0);
	}
	u->n_faults = 0;
	assert_int_equal(ask(d, 1, 3, 3, 4, 1), 11);
}

static size_t ask_rtu(struct desk *d, uint8_t unit, uint8_t fc, uint16_t address, uint16_t count)
{
	uint8_t frame[WIRE_FRAME_MAX];
	size_t len = wire_ask(WIRE_RTU, 0, unit, fc, address, count, frame);

	d->world.bank.servers[1].wire = WIRE_RTU;
	answerer_reply(d->answerer, &d->world.bank.servers[1], frame, len, &d->out);
	return d->out.len;
}

static void test_a_serial_line(void **state)
{
	struct desk *d = *state;

	assert_int_equal(ask_rtu(d, 3, 3, 3, 2), 9);
	assert_true(d->out.bytes[0] == 3 && d->out.bytes[1] == 3 && d->out.bytes[2] == 4 && d->out.bytes[4] == 2);
	assert_int_equal(wire_crc(d->out.bytes, 7), d->out.bytes[7] | d->out.bytes[8] << 8);
	assert_int_equal(ask_rtu(d, 3, 3, 5, 1), 5);
	assert_true(d->out.bytes[1] == 0x83 && d->out.bytes[2] == 2);
	assert_int_equal(wire_crc(d->out.bytes, 3), d->out.bytes[3] | d->out.bytes[4] << 8);
	assert_int_equal(ask_rtu(d, 3, 6, 3, 1), 5);
	assert_true(d->out.bytes[1] == 0x86 && d->out.bytes[2] == 1);
	assert_int_equal(ask_rtu(d, 77, 3, 3, 1), 0); /* who is not there says nothing */
	assert_int_equal(ask_rtu(d, 0, 3, 3, 1), 0);
}

static void test_rtu_frames_are_cut_out(void **state)
{
	/* Example of the serial line guide's appendix: 02 07 41 12. */
	static const uint8_t known[] = { 2, 7, 0x41, 0x12 };
	uint8_t buf[600], one[WIRE_FRAME_MAX];
	size_t len = 0, n = wire_ask(WIRE_RTU, 0, 3, 3, 4, 1, one);

	(void)state;
	assert_int_equal(wire_scan(WIRE_RTU, known, sizeof known, false, &len), WIRE_REQUEST);
	for (size_t i = 0; i < n; i++)
		assert_int_equal(wire_scan(WIRE_RTU, one, i, false, &len), WIRE_MORE);
	memcpy(buf, one, n), memcpy(buf + n, one, n);
	assert_int_equal(wire_scan(WIRE_RTU, buf, 2 * n, false, &len), WIRE_REQUEST);
	assert_int_equal(len, 8);
	buf[4] ^= 1; /* spoilt: all of the burst is, and only silence ends it */
	assert_int_equal(wire_scan(WIRE_RTU, buf, 2 * n, false, &len), WIRE_MORE);
	assert_int_equal(wire_scan(WIRE_RTU, buf, 2 * n, true, &len), WIRE_GARBAGE);
	assert_int_equal(len, 16);
	memset(buf, 0, sizeof buf);
	buf[0] = 5, buf[1] = 100; /* a function of nobody's: whole when the line is quiet */
	wire_seal(WIRE_RTU, buf, 20);
	assert_int_equal(wire_scan(WIRE_RTU, buf, 20, false, &len), WIRE_MORE);
	assert_int_equal(wire_scan(WIRE_RTU, buf, 20, true, &len), WIRE_REQUEST);
	wire_seal(WIRE_RTU, buf, 600); /* a checksum makes no frame of what is too long */
	assert_int_equal(wire_scan(WIRE_RTU, buf, 600, true, &len), WIRE_GARBAGE);
	assert_int_equal(wire_scan(WIRE_RTU, buf, 0, true, &len), WIRE_MORE);
}

static void test_frames_are_cut_out(void **state)
{
	const uint8_t two[] = { 0, 1, 0, 0, 0, 6, 1, 3, 0, 0, 0, 1, 0, 2, 0, 9, 0, 6, 1, 3, 0, 0, 0, 1 };
	const uint8_t longest[6] = { 0, 1, 0, 0, 0, 255 }, shortest[6] = { 0, 1, 0, 0, 0, 1 };
	size_t len = 0;

	(void)state;
	for (size_t n = 0; n < 12; n++)
		assert_int_equal(wire_scan(WIRE_TCP, two, n, true, &len), WIRE_MORE);
	assert_int_equal(wire_scan(WIRE_TCP, two, sizeof two, true, &len), WIRE_REQUEST);
	assert_int_equal(len, 12);
	assert_int_equal(wire_scan(WIRE_TCP, two + 12, 12, true, &len), WIRE_FOREIGN);
	assert_int_equal(len, 12);
	assert_int_equal(wire_scan(WIRE_TCP, longest, sizeof longest, true, &len), WIRE_GARBAGE);
	assert_int_equal(wire_scan(WIRE_TCP, shortest, sizeof shortest, true, &len), WIRE_GARBAGE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_what_is_described_is_answered, setup, teardown),
		cmocka_unit_test_setup_teardown(test_holes_and_ends_are_illegal_addresses, setup, teardown),
		cmocka_unit_test_setup_teardown(test_what_is_no_reading_is_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(test_a_dead_device_is_silent_and_a_lying_one_is_never_right, setup, teardown),
		cmocka_unit_test_setup_teardown(test_a_serial_line, setup, teardown),
		cmocka_unit_test(test_frames_are_cut_out),
		cmocka_unit_test(test_rtu_frames_are_cut_out),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
