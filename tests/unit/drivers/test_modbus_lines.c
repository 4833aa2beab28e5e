/* What several units on one line do to each other, over each kind of line: one that misbehaves costs the others next to nothing. And what is of RTU alone. */
#include "drivers/modbus/codec.h"
#include "drivers/modbus/framing.h"
#include "scene.h"

#include <string.h>

#define UNITS 10
#define WHILE (120 * S)

static const struct { enum peer_wire wire; enum bus_transport transport; } lines[] = { { PEER_TCP, BUS_TCP }, { PEER_RTU_TCP, BUS_RTU_TCP }, { PEER_PTY, BUS_RTU } };

static void open_line(struct harness *h, struct peer *p, size_t line, enum peer_behaviour behaviour, int64_t every_ns)
{
	peer_open(p, lines[line].wire, behaviour, 500 * MS);
	harness_init(h, lines[line].transport, p);
	h->check = check_value;
	h->config.baud = 19200;
	h->config.parity = 'E';
	for (uint8_t unit = 1; unit <= UNITS; unit++)
		harness_point(h, unit, 3, 0, TYPE_U32, every_ns);
}

/* Ten units at 1 Hz, one of them at fault: the others keep 0.99 polls a second, and no value is another's or of another time (check_value). */
static void test_one_of_ten(void **state)
{
	static const struct { enum peer_behaviour behaviour; const char *name; } faults[] = {
		{ PEER_DEAD, "dead" }, { PEER_LATE_UNIT, "1.5 s late" }, { PEER_DRIPPING, "dripping" }, { PEER_HALF_FRAME, "half a frame" }, { PEER_WRONG_UNIT, "another's unit" },
		{ PEER_WRONG_ID, "another transaction id" }, { PEER_GARBAGE, "garbage" }, { PEER_WRONG_CRC, "a wrong checksum" }, { PEER_EXCEPTION, "busy" },
	};
	static struct harness h;
	static struct peer peer;

	(void)state;
	for (size_t line = 0; line < 3; line++)
		for (size_t f = 0; f < sizeof faults / sizeof *faults; f++) {
			/* On TCP there is none. */
			if (lines[line].wire == PEER_TCP && faults[f].behaviour == PEER_WRONG_CRC)
				continue;
			print_message("  line %zu, %s\n", line, faults[f].name);
			open_line(&h, &peer, line, faults[f].behaviour, S);
			peer.bad_unit = 2;
			peer.exception = 6;
			harness_open(&h);
			harness_run(&h, WHILE);
			for (size_t i = 0; i < UNITS; i++) {
				double rate = (double)h.seen[i].good * S / WHILE;
				if (i != 1 && rate < 0.99)
					fail_msg("line %zu, %s: unit %zu has %.3f good polls a second", line, faults[f].name, i + 1, rate);
			}
			harness_close(&h);
			peer_close(&peer);
		}
}

/* Away for ten minutes: its readings are absent, with a reason; then it is polled again within 30 s. */
static void test_unplugged(void **state)
{
	static struct harness h;
	static struct peer peer;

	(void)state;
	for (size_t line = 0; line < 3; line++) {
		open_line(&h, &peer, line, PEER_GOOD, S);
		peer.bad_unit = 2;
		harness_open(&h);
		harness_run(&h, 20 * S);
		peer_behave(&peer, PEER_DEAD);
		harness_run(&h, S);
		struct harness_seen before = h.seen[1];
		harness_run(&h, 600 * S);
		assert_int_equal(h.seen[1].good, before.good);
		assert_int_equal(h.seen[1].last.quality, QUALITY_COMM);
		assert_in_range(h.seen[1].of_quality[QUALITY_COMM] - before.of_quality[QUALITY_COMM], 580, 601);
		int64_t back = h.now_ns;
		peer_behave(&peer, PEER_GOOD);
		harness_run(&h, 30 * S);
		check_recovered(&h, back);
		harness_close(&h);
		peer_close(&peer);
	}
}

/* The adapter is pulled out, and put in again under the same name. */
static void test_adapter_gone(void **state)
{
	static struct harness h;
	static struct peer peer;

	(void)state;
	open_line(&h, &peer, 2, PEER_GOOD, S);
	harness_open(&h);
	harness_run(&h, 20 * S);
	assert_int_equal(h.seen[0].good, h.seen[0].samples);
	peer_behave(&peer, PEER_REFUSING);
	harness_run(&h, 60 * S);
	struct bus_stats s = harness_stats(&h);
	assert_false(s.connected);
	assert_non_null(strstr(s.why, peer.path));
	assert_non_null(strstr(s.why, "plugged in"));
	assert_int_equal(h.seen[0].last.quality, QUALITY_COMM);
	int64_t back = h.now_ns;
	peer_behave(&peer, PEER_GOOD);
	harness_run(&h, 5 * S);
	check_recovered(&h, back);
	harness_close(&h);
	peer_close(&peer);
}

static void test_echo(void **state)
{
	static struct harness h;
	static struct peer peer;

	(void)state;
	for (size_t line = 1; line < 3; line++) {
		open_line(&h, &peer, line, PEER_ECHO, S);
		for (size_t i = 0; i < UNITS; i++)
			h.devices[i].timing.echo = true;
		harness_open(&h);
		harness_run(&h, 20 * S);
		for (size_t i = 0; i < UNITS; i++)
			assert_int_equal(h.seen[i].good, h.seen[i].samples);
		struct bus_stats s = harness_stats(&h);
		assert_int_equal(s.echoes + s.collisions + s.garbage_bytes, 0);
		/* It does not echo after all. */
		peer_behave(&peer, PEER_GOOD);
		harness_run(&h, 20 * S);
		assert_true(harness_stats(&h).collisions > 0);
		for (size_t i = 0; i < UNITS; i++)
			assert_int_equal(h.seen[i].good, h.seen[i].samples);
		harness_close(&h);
		peer_close(&peer);
	}
}

/* A device that wants to be left alone after connecting, beside one that does not. */
static void test_settle_of_a_device(void **state)
{
	static struct harness h;
	static struct peer peer;

	(void)state;
	peer_open(&peer, PEER_TCP, PEER_GOOD, 500 * MS);
	harness_init(&h, BUS_TCP, &peer);
	harness_point(&h, 1, 3, 0, TYPE_U32, S);
	harness_point(&h, 2, 3, 0, TYPE_U32, S);
	h.devices[1].timing.settle_ns = 300 * MS;
	harness_open(&h);
	harness_run(&h, 290 * MS);
	assert_int_equal(h.seen[0].good, 1);
	assert_int_equal(h.seen[1].samples, 0);
	harness_run(&h, 20 * MS);
	assert_int_equal(h.seen[1].good, 1);
	harness_run(&h, 20 * S);
	assert_int_equal(h.seen[1].good, h.seen[1].samples);
	harness_close(&h);
	peer_close(&peer);
}

/* Between two frames the line rests for 3.5 characters, and one that needs longer to send an answer than the timeout has that long. */
static void test_slow_line(void **state)
{
	static struct harness h;
	static struct peer peer;

	(void)state;
	peer_open(&peer, PEER_PTY, PEER_GOOD, 500 * MS);
	harness_init(&h, BUS_RTU, &peer);
	for (uint16_t a = 0; a < 80; a += 2)
		harness_point(&h, 1, 3, a, TYPE_U32, S);
	h.config.baud = 1200;
	h.devices[0].timing.timeout_ns = 100 * MS;
	harness_open(&h);
	/* 165 bytes of 10 bits take 1.375 s, the request 67 ms. */
	peer_behave(&peer, PEER_SLOW);
	peer.timeout_ns = 2 * S; /* so it answers after 1.2 s */
	harness_run(&h, 20 * S);
	assert_true(h.seen[0].good > 0);
	assert_int_equal(h.seen[0].good, h.seen[0].samples);
	assert_int_equal(harness_unit(&h, 0).timeouts, 0);
	harness_close(&h);
	peer_close(&peer);
}

/* Modbus over Serial Line V1.02's own example, and the frames of well-known tools. */
static void test_frames(void **state)
{
	static const uint8_t request[] = { 0x11, 0x03, 0x00, 0x6B, 0x00, 0x03, 0x76, 0x87 };
	uint8_t reply[] = { 0x11, 0x03, 0x06, 0xAE, 0x41, 0x56, 0x52, 0x43, 0x40, 0x49, 0xAD }, refusal[] = { 0x0A, 0x81, 0x02, 0xB0, 0x53 };
	struct codec_read rd = { 0x11, 3, 0x6B, 3 }, coil = { 0x0A, 1, 0x04A1, 1 };
	struct modbus_codec *codec = codec_new(NULL);
	uint8_t frame[CODEC_REQUEST_MAX];
	uint16_t values[CODEC_BITS_MAX];
	size_t at, len;

	(void)state;
	assert_non_null(codec);
	assert_int_equal(framing_rtu.encode(codec, &rd, frame, NULL), sizeof request);
	assert_memory_equal(frame, request, sizeof request);
	assert_int_equal(framing_rtu_reply_length(&rd), sizeof reply);
	assert_int_equal(framing_rtu.scan(reply, sizeof reply, &rd, &at, &len), SCAN_WHOLE);
	assert_int_equal(len, sizeof reply);
	struct framing_expect expect = { .read = &rd, .request = request, .request_len = sizeof request };
	assert_int_equal(framing_rtu.match(reply, len, &expect), MATCH_ANSWER);
	assert_int_equal(framing_rtu.match(request, sizeof request, &expect), MATCH_ECHO);
	expect.request_len = 0;
	assert_int_equal(framing_rtu.match(request, sizeof request, &expect), MATCH_REQUEST);
	assert_int_equal(framing_rtu.decode(codec, &rd, reply, len, values), 0);
	assert_int_equal(values[0], 0xAE41);
	assert_int_equal(values[2], 0x4340);
	assert_int_equal(framing_rtu.scan(refusal, sizeof refusal, &coil, &at, &len), SCAN_WHOLE);
	assert_int_equal(framing_rtu.decode(codec, &coil, refusal, len, values), 2);
	/* Each changed bit, and it is no frame any more; each frame cut short, and it is none yet. */
	for (size_t bit = 0; bit < 8 * sizeof reply; bit++) {
		reply[bit / 8] ^= (uint8_t)(1 << bit % 8);
		if (framing_rtu.scan(reply, sizeof reply, &rd, &at, &len) == SCAN_WHOLE)
			assert_int_not_equal(framing_rtu.match(reply + at, len, &expect), MATCH_ANSWER);
		reply[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
	for (size_t n = 0; n < sizeof reply; n++)
		assert_int_equal(framing_rtu.scan(reply, n, &rd, &at, &len), SCAN_MORE);
	codec_free(codec);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_frames),
		cmocka_unit_test(test_one_of_ten),
		cmocka_unit_test(test_unplugged),
		cmocka_unit_test(test_adapter_gone),
		cmocka_unit_test(test_echo),
		cmocka_unit_test(test_settle_of_a_device),
		cmocka_unit_test(test_slow_line),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
