/* Everything that a peer may do, at random, over each kind of line: no value is another's or of another time, each point has one sample a poll, and when it ends all is well
 * again. FIREGW_SEED repeats a run, FIREGW_FRAMES makes it longer. */
#include "scene.h"

#include <stdlib.h>

static uint64_t setting(const char *name, uint64_t otherwise)
{
	const char *text = getenv(name);

	return text && *text ? strtoull(text, NULL, 10) : otherwise;
}

/* A person reads too, also of units that are none of ours: each read is answered once, and what it gives is what was asked for. */
static void ask(struct harness *h, struct peer *peer)
{
	struct bus_request rq = { .unit = (uint8_t)(1 + peer->random % 6), .fc = (uint8_t)(1 + (peer->random >> 8) % 4), .address = (uint16_t)((peer->random >> 16) % 300),
		.count = (uint16_t)(1 + (peer->random >> 32) % 30) };
	size_t answers = h->answers;
	struct err e;

	assert_int_equal(h->ops->request(h->bus, &rq, &e), 0);
	h->n_answer = 0;
	h->wants.deadline_ns = h->now_ns;
	harness_run(h, 13 * S);
	assert_int_equal(h->answers, answers + 1);
	for (size_t i = 0; i < h->n_answer; i++)
		if (rq.fc <= 2)
			assert_int_equal(h->answer[i], peer_bit(rq.unit, (uint16_t)(rq.address + i)));
		else if ((rq.address + i) % 2 == 0)
			assert_int_equal(h->answer[i], peer_register(rq.unit, (uint16_t)(rq.address + i), 0));
}

static void chaos(enum peer_wire wire, enum bus_transport transport)
{
	static struct harness h;
	static struct peer peer;
	uint64_t seed = setting("FIREGW_SEED", 20261124), frames = setting("FIREGW_FRAMES", 12000) / 3;

	print_message("  line %d, seed %llu\n", wire, (unsigned long long)seed);
	peer_open(&peer, wire, PEER_CHAOS, 500 * MS);
	peer.random = seed;
	harness_init(&h, transport, &peer);
	h.check = check_value;
	for (uint8_t unit = 1; unit <= 4; unit++)
		add_unit(&h, unit);
	harness_open(&h);
	while (peer.requests < frames)
		ask(&h, &peer);
	check_counts(&h, h.now_ns - HARNESS_EPOCH);
	struct bus_stats s = harness_stats(&h);
	assert_true(h.seen[0].good > 0);
	/* Each class under its own name. */
	assert_true(s.late_replies > 0 && s.wrong_frames > 0 && s.garbage_bytes > 0);
	if (wire != PEER_TCP)
		assert_true(s.crc_errors > 0 && s.half_frames > 0 && s.foreign_frames > 0 && s.echoes > 0 && s.fences > 0);
	int64_t mended = h.now_ns;
	peer_behave(&peer, PEER_GOOD);
	harness_run(&h, 45 * S);
	check_recovered(&h, mended);
	harness_close(&h);
	peer_close(&peer);
}

static void test_tcp(void **state)
{
	(void)state;
	chaos(PEER_TCP, BUS_TCP);
}

static void test_rtu_over_tcp(void **state)
{
	(void)state;
	chaos(PEER_RTU_TCP, BUS_RTU_TCP);
}

static void test_rtu(void **state)
{
	(void)state;
	chaos(PEER_PTY, BUS_RTU);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_tcp),
		cmocka_unit_test(test_rtu_over_tcp),
		cmocka_unit_test(test_rtu),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
