/* The codec and the TCP framing: every reply that fits is taken, and nothing else. */
#include "drivers/modbus/codec.h"
#include "drivers/modbus/framing.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

static struct modbus_codec *codec;

static int setup(void **state)
{
	struct err e;

	(void)state;
	codec = codec_new(&e);
	return codec ? 0 : -1;
}

static int teardown(void **state)
{
	(void)state;
	codec_free(codec);
	codec_free(NULL);
	return 0;
}

static size_t make_reply(const struct codec_read *rd, uint16_t id, uint8_t *f)
{
	size_t n = rd->fc <= 2 ? (rd->count + 7u) / 8 : rd->count * 2u;

	f[0] = (uint8_t)(id >> 8);
	f[1] = (uint8_t)id;
	f[2] = f[3] = 0;
	f[4] = (uint8_t)((n + 3) >> 8);
	f[5] = (uint8_t)(n + 3);
	f[6] = rd->unit;
	f[7] = rd->fc;
	f[8] = (uint8_t)n;
	for (size_t i = 0; i < n; i++)
		f[9 + i] = (uint8_t)(i * 37 + rd->address);
	return 9 + n;
}

static void test_request_bytes(void **state)
{
	static const uint8_t expected[] = { 0, 0, 0, 0, 0, 6, 250, 4, 0x12, 0x34, 0, 100 };
	struct codec_read rd = { .unit = 250, .fc = 4, .address = 0x1234, .count = 100 };
	uint8_t frame[CODEC_REQUEST_MAX];
	struct err e;

	(void)state;
	assert_int_equal(codec_encode_tcp(codec, &rd, frame, &e), 0);
	assert_memory_equal(frame, expected, sizeof expected);
	for (unsigned unit = 0; unit < 256; unit++) {
		rd.unit = (uint8_t)unit;
		assert_int_equal(codec_encode_tcp(codec, &rd, frame, &e), 0);
		assert_int_equal(frame[6], unit);
	}
}

/* The library counts its own ids, encodes included, and skips none; with 70,000 calls they come round. Not one reply may be refused. */
static void test_ids_are_predicted(void **state)
{
	struct codec_read rd = { .unit = 3, .fc = 3, .address = 7, .count = 5 };
	uint8_t f[CODEC_FRAME_MAX], rq[CODEC_REQUEST_MAX];
	uint16_t values[CODEC_REGISTERS_MAX];
	struct err e;

	(void)state;
	for (uint32_t i = 0; i < 70000; i++) {
		size_t len = make_reply(&rd, (uint16_t)(i * 7), f);

		assert_int_equal(codec_decode_tcp(codec, &rd, f, len, values), 0);
		if (i % 1000 == 0)
			assert_int_equal(codec_encode_tcp(codec, &rd, rq, &e), 0);
	}
	assert_int_equal(values[0], 7 << 8 | 44);
}

static void test_every_function(void **state)
{
	uint8_t f[CODEC_FRAME_MAX];
	uint16_t values[CODEC_BITS_MAX];

	(void)state;
	for (uint8_t fc = 1; fc <= 4; fc++) {
		static const uint16_t bits[] = { 1, 7, 8, 9, 1999, 2000 }, registers[] = { 1, 2, 124, 125 };
		for (size_t i = 0; i < (fc <= 2 ? 6 : 4); i++) {
			struct codec_read rd = { .unit = 1, .fc = fc, .address = 11, .count = fc <= 2 ? bits[i] : registers[i] };
			size_t len = make_reply(&rd, 0, f);

			assert_int_equal(codec_decode_tcp(codec, &rd, f, len, values), 0);
			for (uint16_t k = 0; k < rd.count; k++)
				assert_int_equal(values[k], fc <= 2 ? f[9 + k / 8] >> k % 8 & 1 : f[9 + k * 2] << 8 | f[10 + k * 2]);
		}
	}
}

static void test_exceptions(void **state)
{
	struct codec_read rd = { .unit = 1, .fc = 3, .address = 11, .count = 5 };
	uint16_t values[CODEC_REGISTERS_MAX];

	(void)state;
	for (int code = 1; code < 256; code++) {
		uint8_t f[9] = { 0, 0, 0, 0, 0, 3, 1, 0x83, (uint8_t)code };

		assert_int_equal(codec_decode_tcp(codec, &rd, f, sizeof f, values), code);
		assert_non_null(codec_exception_text(code));
	}
	uint8_t zero[9] = { 0, 0, 0, 0, 0, 3, 1, 0x83, 0 };
	assert_int_equal(codec_decode_tcp(codec, &rd, zero, sizeof zero, values), -1);
}

/* After any rubbish the next good reply is taken: nothing is left in the pair, and the ids stay in step. */
static void test_rubbish_leaves_no_trace(void **state)
{
	const char *given = getenv("SEED");
	unsigned seed = given ? (unsigned)strtoul(given, NULL, 10) : (unsigned)time(NULL);
	struct codec_read rd = { .unit = 1, .fc = 3, .address = 11, .count = 5 };
	uint8_t f[CODEC_FRAME_MAX];
	uint16_t values[CODEC_BITS_MAX];

	(void)state;
	print_message("seed %u\n", seed);
	srandom(seed);
	for (int round = 0; round < 5000; round++) {
		rd.fc = (uint8_t)(1 + random() % 4);
		size_t len = make_reply(&rd, 0, f);

		for (int i = 0; i < 3; i++)
			f[(size_t)random() % len] = (uint8_t)random();
		len = random() % 2 ? len : (size_t)random() % (CODEC_FRAME_MAX + 1);
		int got = codec_decode_tcp(codec, &rd, f, len, values);
		assert_in_range(got + 1, 0, 256);
		len = make_reply(&rd, 0, f);
		assert_int_equal(codec_decode_tcp(codec, &rd, f, len, values), 0);
	}
}

static void test_scan(void **state)
{
	uint8_t f[CODEC_FRAME_MAX] = { 0, 1, 0, 0, 0, 5, 1, 3, 2, 0, 9 };
	size_t len = 0, at = 0;

	(void)state;
	for (size_t i = 0; i < 11; i++)
		assert_int_equal(framing_tcp.scan(f, i, NULL, &at, &len), SCAN_MORE);
	assert_int_equal(framing_tcp.scan(f, 20, NULL, &at, &len), SCAN_WHOLE);
	assert_int_equal(len, 11);
	f[5] = 254;
	assert_int_equal(framing_tcp.scan(f, 260, NULL, &at, &len), SCAN_WHOLE);
	assert_int_equal(len, 260);
	f[5] = 255;
	assert_int_equal(framing_tcp.scan(f, 6, NULL, &at, &len), SCAN_GARBAGE);
	f[5] = 1;
	assert_int_equal(framing_tcp.scan(f, 6, NULL, &at, &len), SCAN_GARBAGE);
	f[4] = 1;
	assert_int_equal(framing_tcp.scan(f, 6, NULL, &at, &len), SCAN_GARBAGE);
}

/* A reply is the answer only as it is: one changed byte before the data, and it is not. */
static void test_match_every_field(void **state)
{
	struct codec_read rd = { .unit = 3, .fc = 3, .address = 7, .count = 5 };
	struct framing_expect expect = { &rd, 1000, 10 };
	uint8_t f[CODEC_FRAME_MAX];
	size_t len = make_reply(&rd, 1000, f);

	(void)state;
	assert_int_equal(framing_tcp.match(f, len, &expect), MATCH_ANSWER);
	for (size_t at = 0; at < 9; at++) {
		if (at == 4 || at == 5)
			continue; /* the length is the scan's */
		for (int v = 0; v < 256; v++) {
			uint8_t right = f[at];

			f[at] = (uint8_t)v;
			if (v != right && !(at == 7 && v == 0x83))
				assert_int_not_equal(framing_tcp.match(f, len, &expect), MATCH_ANSWER);
			f[at] = right;
		}
	}
	assert_int_equal(framing_tcp.match(f, len - 2, &expect), MATCH_WRONG);
	f[1]--;
	assert_int_equal(framing_tcp.match(f, len, &expect), MATCH_LATE);
	f[1] = (uint8_t)(f[1] - 8);
	assert_int_equal(framing_tcp.match(f, len, &expect), MATCH_LATE);
	f[1]--;
	assert_int_equal(framing_tcp.match(f, len, &expect), MATCH_WRONG);
	/* Nothing in flight: the newest id's answer is late as well. */
	len = make_reply(&rd, 1000, f);
	expect.read = NULL;
	assert_int_equal(framing_tcp.match(f, len, &expect), MATCH_LATE);
	expect.sent = 0;
	assert_int_equal(framing_tcp.match(f, len, &expect), MATCH_WRONG);
}

/* The library ends the process at a descriptor beyond its select: ours is an error instead. */
static void test_too_many_descriptors(void **state)
{
	struct rlimit old, more;
	int fds[1100];
	size_t n = 0;
	struct err e = { 0 };

	(void)state;
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &old), 0);
	more = old;
	if (more.rlim_max < 1200)
		skip();
	more.rlim_cur = 1200;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &more), 0);
	while (n < sizeof fds / sizeof *fds && (n == 0 || fds[n - 1] < 1030))
		fds[n++] = open("/dev/null", O_RDONLY | O_CLOEXEC);
	assert_null(codec_new(&e));
	assert_int_equal(e.code, ERR_FULL);
	while (n > 0)
		close(fds[--n]);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_request_bytes),
		cmocka_unit_test(test_ids_are_predicted),
		cmocka_unit_test(test_every_function),
		cmocka_unit_test(test_exceptions),
		cmocka_unit_test(test_rubbish_leaves_no_trace),
		cmocka_unit_test(test_scan),
		cmocka_unit_test(test_match_every_field),
		cmocka_unit_test(test_too_many_descriptors),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
