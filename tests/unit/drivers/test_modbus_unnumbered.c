/* What goes wrong on lines whose answers bear no number, moment by moment: noise and others on the line, answers that outlive their connection, a unit that gives nothing but what
 * is meant, a loop that is late. check_value refuses every value of another register or time. */
#include "drivers/modbus/framing.h"
#include "scene.h"

#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

static struct harness h;
static struct peer peer;

static const struct { enum peer_wire wire; enum bus_transport transport; } lines[] = { { PEER_RTU_TCP, BUS_RTU_TCP }, { PEER_PTY, BUS_RTU } };

/* Unit 1 with two blocks of one shape. */
static void open_two_blocks(size_t line)
{
	peer_open(&peer, lines[line].wire, PEER_GOOD, 500 * MS);
	harness_init(&h, lines[line].transport, &peer);
	h.check = check_value;
	harness_point(&h, 1, 3, 0, TYPE_U32, S);
	harness_point(&h, 1, 3, 200, TYPE_U32, S);
	harness_open(&h);
	harness_run(&h, 2 * S);
}

static void done(void)
{
	harness_close(&h);
	peer_close(&peer);
}

/* Until the next poll, or so long before it. */
static void run_to_poll(int64_t before_ns)
{
	harness_run(&h, h.wants.deadline_ns - h.now_ns - before_ns);
}

static void run_well(void)
{
	int64_t since = h.now_ns;

	peer_behave(&peer, PEER_GOOD);
	harness_run(&h, 20 * S);
	check_recovered(&h, since);
}

/* Bytes onto the wire, now, whatever they are. */
static void say(const void *bytes, size_t len)
{
	for (int i = 0; i < PEER_CONNECTIONS; i++) {
		if (peer.connections[i].fd < 0)
			continue;
		ssize_t n = write(peer.connections[i].fd, bytes, len);
		peer.bytes_out += n > 0 ? (uint64_t)n : 0;
		return;
	}
}

/* The same, with a checksum behind them. */
static void say_frame(const void *bytes, size_t len)
{
	uint8_t f[64];
	uint16_t crc = framing_rtu_crc(bytes, len);

	assert_true(len + 2 <= sizeof f);
	memcpy(f, bytes, len);
	f[len] = (uint8_t)crc;
	f[len + 1] = (uint8_t)(crc >> 8);
	say(f, len + 2);
}

static void say_answer(uint16_t address, int64_t at_ns)
{
	uint16_t who = peer_register(1, address, at_ns), when = peer_register(1, (uint16_t)(address + 1), at_ns);
	uint8_t f[] = { 1, 3, 4, (uint8_t)(who >> 8), (uint8_t)who, (uint8_t)(when >> 8), (uint8_t)when };

	say_frame(f, sizeof f);
}

/* A bus without bias resistors makes noise whenever nobody drives it: its devices are heard all the same. */
static void test_noise_without_end(void **state)
{
	uint64_t random = 7;
	uint8_t noise[24];

	(void)state;
	for (size_t line = 0; line < 2; line++) {
		open_two_blocks(line);
		uint64_t before = h.seen[0].good;
		for (int i = 0; i < 10000; i++) {
			for (size_t k = 0; k < sizeof noise; k++) {
				random = random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
				noise[k] = (uint8_t)(random >> 40);
			}
			say(noise, sizeof noise);
			harness_run(&h, MS);
		}
		assert_true(h.seen[0].good - before >= 6);
		run_well();
		done();
	}
}

/* Nor does a unit that talks all the time, in frames, keep the others from being asked. */
static void test_frames_without_end(void **state)
{
	static const uint8_t frame[] = { 77, 3, 6, 1, 2, 3, 4, 5, 6 };

	(void)state;
	open_two_blocks(1);
	uint64_t before = h.seen[0].good;
	for (int i = 0; i < 10000; i++) {
		/* The end of one and the beginning of the next arrive together. */
		say_frame(frame, sizeof frame);
		say(frame, 5);
		harness_run(&h, MS);
	}
	assert_true(h.seen[0].good - before >= 6);
	run_well();
	done();
}

/* Another master asks our unit while we are quiet; its answer comes when ours is waited for. */
static void test_foreign_request_before_ours(void **state)
{
	static const uint8_t request[] = { 1, 3, 0x27, 0x10, 0, 2 }, answer[] = { 1, 3, 4, 0xEE, 0xEE, 0xEE, 0xEE };

	(void)state;
	for (size_t line = 0; line < 2; line++) {
		open_two_blocks(line);
		peer_behave(&peer, PEER_SLOW);
		run_to_poll(5 * MS);
		say_frame(request, sizeof request);
		uint64_t asked = peer.requests;
		harness_run(&h, 10 * MS);
		assert_int_equal(peer.requests, asked + 1);
		say_frame(answer, sizeof answer);
		harness_run(&h, 5 * S);
		assert_int_equal(harness_stats(&h).foreign_frames, 1);
		assert_int_equal(h.seen[0].last.quality, QUALITY_GOOD);
		run_well();
		done();
	}
}

/* The device server loses us in mid exchange; the answer comes over the next connection. */
static void test_answer_outlives_its_connection(void **state)
{
	(void)state;
	for (size_t line = 0; line < 2; line++) {
		open_two_blocks(line);
		peer_behave(&peer, PEER_DEAD);
		run_to_poll(0);
		harness_run(&h, MS);
		peer_behave(&peer, PEER_REFUSING); /* ends the connection; the next one is taken again */
		peer_behave(&peer, PEER_SLOW);
		harness_run(&h, 100 * MS);
		say_answer(0, h.now_ns - 200 * MS);
		harness_run(&h, 5 * S);
		run_well();
		done();
	}
}

/* The shorter block is as silent as the other function: what is meant must be asked some day, also of one that is alone and asked each second. */
static void test_strict_unit(void **state)
{
	(void)state;
	for (size_t line = 0; line < 2; line++) {
		peer_open(&peer, lines[line].wire, PEER_DEAD, 500 * MS);
		harness_init(&h, lines[line].transport, &peer);
		h.check = check_value;
		for (uint16_t a = 0; a < 20; a += 2)
			harness_point(&h, 1, 3, a, TYPE_U32, S);
		harness_open(&h);
		harness_run(&h, 60 * S);
		peer.hole = 20;
		peer_behave(&peer, PEER_STRICT);
		int64_t since = h.now_ns;
		harness_run(&h, 30 * S);
		check_recovered(&h, since);
		done();
	}
}

/* Noise that looks like the beginning of a refusal is not the answer: that one is still to come. */
static void test_noise_like_a_refusal(void **state)
{
	static const uint8_t noise[] = { 1, 0x83, 0x12, 0x34, 0x56 };

	(void)state;
	open_two_blocks(1);
	peer_behave(&peer, PEER_SLOW);
	run_to_poll(0);
	harness_run(&h, MS);
	say(noise, sizeof noise);
	harness_run(&h, 5 * S);
	assert_true(harness_stats(&h).crc_errors > 0);
	run_well();
	done();
}

/* The loop was busy elsewhere: what has come meanwhile has come in time. */
static void test_late_loop(void **state)
{
	static const struct bus_event nothing = { 0 };
	uint8_t frame[] = { 1, 3, 4, 0x01, 0x00, 0, 0 };

	(void)state;
	for (size_t line = 0; line < 2; line++) {
		open_two_blocks(line);
		peer_behave(&peer, PEER_DEAD);
		run_to_poll(0);
		harness_settle(&h);
		/* In two parts, and the loop sees the second one late. */
		uint16_t when = peer_register(1, 1, h.now_ns);
		frame[5] = (uint8_t)(when >> 8);
		frame[6] = (uint8_t)when;
		uint64_t good = h.seen[0].good;
		say(frame, 4);
		harness_settle(&h);
		uint8_t rest[5] = { frame[4], frame[5], frame[6] };
		uint16_t crc = framing_rtu_crc(frame, sizeof frame);
		rest[3] = (uint8_t)crc;
		rest[4] = (uint8_t)(crc >> 8);
		say(rest, sizeof rest);
		h.now_ns += 200 * MS;
		harness_step(&h, &nothing);
		assert_int_equal(h.seen[0].good, good + 1);
		/* And the second block's answer is seen after its timeout. */
		good = h.seen[1].good;
		harness_run(&h, 5 * MS);
		say_answer(200, h.now_ns);
		h.now_ns += 510 * MS;
		harness_step(&h, &nothing);
		assert_int_equal(h.seen[1].good, good + 1);
		assert_int_equal(harness_unit(&h, 0).timeouts, 0);
		run_well();
		done();
	}
}

/* The lock of a port ends with us, also when somebody else has it open: else nobody gets in again, and we neither. */
static void test_port_is_left_unlocked(void **state)
{
	int locked = 0;

	(void)state;
	open_two_blocks(1);
	assert_int_equal(ioctl(peer.slave, TIOCGEXCL, &locked), 0);
	assert_true(locked);
	harness_close(&h);
	assert_int_equal(ioctl(peer.slave, TIOCGEXCL, &locked), 0);
	assert_false(locked);
	peer_close(&peer);
}

/* A line that is closed between the polls, beside a unit that is dead: it is opened for each poll and for a person, who waits as long as the device wants to be left alone. */
static void test_closed_between(void **state)
{
	struct bus_request rq = { .token = 9, .unit = 1, .fc = 3, .address = 0, .count = 2 };
	struct err e = { 0 };

	(void)state;
	for (size_t line = 0; line < 2; line++) {
		peer_open(&peer, lines[line].wire, PEER_DEAD, 500 * MS);
		peer.bad_unit = 2;
		harness_init(&h, lines[line].transport, &peer);
		h.check = check_value;
		harness_point(&h, 1, 3, 0, TYPE_U32, 5 * S);
		harness_point(&h, 1, 3, 200, TYPE_U32, 5 * S);
		harness_point(&h, 2, 3, 0, TYPE_U32, 5 * S);
		h.devices[0].timing.close_between = true;
		h.devices[0].timing.settle_ns = 300 * MS;
		harness_open(&h);
		harness_run(&h, 60 * S);
		assert_int_equal(h.seen[0].good, h.seen[0].samples);
		assert_in_range(h.seen[0].samples, 12, 14);
		assert_int_equal(h.seen[2].of_quality[QUALITY_COMM], h.seen[2].samples);
		assert_true(harness_stats(&h).connects >= 12);
		/* At rest. */
		while (h.wants.fd >= 0)
			harness_run(&h, 100 * MS);
		assert_int_equal(h.ops->request(h.bus, &rq, &e), 0);
		h.wants.deadline_ns = h.now_ns;
		harness_run(&h, 290 * MS);
		assert_int_equal(h.answers, 0);
		harness_run(&h, 20 * MS);
		assert_int_equal(h.answers, 1);
		assert_int_equal(h.n_answer, 2);
		int64_t since = h.now_ns;
		peer_behave(&peer, PEER_GOOD);
		harness_run(&h, 36 * S); /* 30, and its interval */
		check_recovered(&h, since);
		done();
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_noise_without_end),
		cmocka_unit_test(test_frames_without_end),
		cmocka_unit_test(test_foreign_request_before_ours),
		cmocka_unit_test(test_answer_outlives_its_connection),
		cmocka_unit_test(test_strict_unit),
		cmocka_unit_test(test_noise_like_a_refusal),
		cmocka_unit_test(test_late_loop),
		cmocka_unit_test(test_closed_between),
		cmocka_unit_test(test_port_is_left_unlocked),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
