/* Everything that a peer may do, at random, over each kind of line: no value is another's or of another time, each point has one sample a poll, and when it ends all is well
 * again. FIREGW_SEED repeats a run, FIREGW_FRAMES makes it longer. */
#include "scene.h"

#include <stdlib.h>

static uint64_t setting(const char *name, uint64_t otherwise)
{
	const char *text = getenv(name);

	return text && *text ? strtoull(text, NULL, 10) : otherwise;
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
		harness_run(&h, 10 * S);
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
