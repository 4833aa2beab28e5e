/* A Modbus line among its units: who is asked when, and what a bad one costs the others. All under virtual time. */
#include "scene.h"

#include <netinet/in.h>
#include <string.h>

static void run_dead_unit(enum peer_behaviour behaviour)
{
	static struct harness h;
	static struct peer peer;

	peer_open(&peer, PEER_TCP, behaviour, 500 * MS);
	harness_init(&h, BUS_TCP, &peer);
	h.check = check_value;
	for (uint8_t u = 1; u <= 4; u++)
		add_unit(&h, u);
	harness_open(&h);
	harness_run(&h, 600 * S);
	for (size_t i = 0; i < h.n_points; i++) {
		bool dead = h.devices[h.points[i].device].unit == 2;
		uint64_t due = (uint64_t)(600 * S / h.points[i].every_ns);

		if (dead) {
			assert_int_equal(h.seen[i].good, 0);
			assert_true(h.seen[i].samples >= due - 1);
		} else {
			assert_int_equal(h.seen[i].good, h.seen[i].samples);
			assert_true(h.seen[i].good * 100 >= due * 99);
		}
	}
	/* 1 + 2 + 4 + 8 + 16 s, then every 30: about 24 probes in ten minutes, and two tries of two requests at the start. */
	assert_in_range(peer.requests_of_unit[2], 10, 30);
	assert_true(behaviour != PEER_DEAD_UNIT || harness_stats(&h).connects == 1);
	harness_close(&h);
	peer_close(&peer);
}

/* One dead unit among four costs the others at most one timeout a backoff period: they keep their polls. */
static void test_dead_unit_beside_good_ones(void **state)
{
	(void)state;
	run_dead_unit(PEER_DEAD_UNIT);
	run_dead_unit(PEER_DEAD_UNIT_CLOSING);
}

/* A block that the device just does not answer costs its own points their values, and the device's other points next to nothing. */
static void test_mute_block(void **state)
{
	static struct harness h;
	static struct peer peer;

	(void)state;
	for (size_t n_units = 1; n_units <= 3; n_units++) {
		peer_open(&peer, PEER_TCP, PEER_MUTE_BLOCK, 500 * MS);
		peer.hole = 204;
		harness_init(&h, BUS_TCP, &peer);
		h.check = check_value;
		for (size_t u = 1; u <= n_units; u++)
			add_unit(&h, (uint8_t)u);
		harness_open(&h);
		harness_run(&h, 600 * S);
		for (size_t i = 0; i < h.n_points; i++) {
			bool mute = h.points[i].fc == 3 && h.points[i].address >= 200;
			uint64_t due = (uint64_t)(600 * S / h.points[i].every_ns);

			if (mute)
				assert_int_equal(h.seen[i].of_quality[QUALITY_COMM], h.seen[i].samples);
			else
				assert_true(h.seen[i].good * 100 >= due * 98);
			assert_true(h.seen[i].samples * 100 >= due * 98);
		}
		check_counts(&h, 600 * S);
		assert_int_equal(harness_stats(&h).connects, 1);
		int64_t mended = h.now_ns;
		peer_behave(&peer, PEER_GOOD);
		harness_run(&h, 32 * S);
		check_recovered(&h, mended);
		harness_close(&h);
		peer_close(&peer);
	}
}

/* A device that closes when it is asked for a certain block: the rest is read, and no point more often than it should be. */
static void test_closing_block(void **state)
{
	static struct harness h;
	static struct peer peer;

	(void)state;
	peer_open(&peer, PEER_TCP, PEER_CLOSES_ON_BLOCK, 500 * MS);
	peer.hole = 204;
	harness_init(&h, BUS_TCP, &peer);
	h.check = check_value;
	add_unit(&h, 1);
	add_unit(&h, 2);
	harness_open(&h);
	harness_run(&h, 300 * S);
	for (size_t i = 0; i < h.n_points; i++) {
		bool bad = h.points[i].fc == 3 && h.points[i].address >= 200;
		uint64_t due = (uint64_t)(300 * S / h.points[i].every_ns);

		assert_in_range(h.seen[i].samples, due * 9 / 10, due * 11 / 10 + 2);
		if (bad)
			assert_int_equal(h.seen[i].good, 0);
		else
			assert_true(h.seen[i].good * 10 >= due * 9);
	}
	harness_close(&h);
	peer_close(&peer);
}

/* A unit under which the connection ends, again and again, costs its neighbours no poll: it is asked on a connection that was of use, so that the next one is tried at once. */
static void test_ending_costs_nobody(void **state)
{
	static const enum peer_behaviour endings[] = { PEER_OVERSIZE, PEER_CLOSES_ON_REQUEST, PEER_GARBAGE };
	static struct harness h;
	static struct peer peer;

	(void)state;
	for (size_t k = 0; k < sizeof endings / sizeof *endings; k++) {
		peer_open(&peer, PEER_TCP, PEER_GOOD, 150 * MS);
		peer.bad_unit = 2;
		harness_init(&h, BUS_TCP, &peer);
		h.check = check_value;
		for (uint8_t unit = 1; unit <= 5; unit++)
			for (uint16_t a = 0; a < 400; a += 200)
				harness_point(&h, unit, 3, a, TYPE_U32, S);
		harness_open(&h);
		harness_run(&h, 5 * S);
		for (int i = 0; i < 40; i++) {
			peer_behave(&peer, endings[k]);
			harness_run(&h, 3500 * MS);
			peer_behave(&peer, PEER_GOOD);
			harness_run(&h, (5 + i % 7) * S + i * 37 * MS);
		}
		assert_true(harness_stats(&h).disconnects > 100);
		for (size_t i = 0; i < h.n_points; i++)
			if (h.points[i].device != 1)
				assert_int_equal(h.seen[i].good, h.seen[i].samples);
			else
				assert_true(h.seen[i].good < h.seen[i].samples && h.seen[i].last.quality == QUALITY_GOOD);
		harness_close(&h);
		peer_close(&peer);
	}
}

/* A unit that comes back, but not for the block that is asked first, is found by asking for another. */
static void test_probes_take_turns(void **state)
{
	static struct harness h;
	static struct peer peer;

	(void)state;
	for (uint16_t hole = 2; hole <= 204; hole += 202) {
		peer_open(&peer, PEER_TCP, PEER_DEAD, 500 * MS);
		peer.hole = hole;
		harness_init(&h, BUS_TCP, &peer);
		h.check = check_value;
		for (uint16_t a = 0; a < 8; a += 2)
			harness_point(&h, 1, 3, a, TYPE_U32, S);
		for (uint16_t a = 200; a < 208; a += 2)
			harness_point(&h, 1, 3, a, TYPE_U32, S);
		harness_open(&h);
		harness_run(&h, 20 * S);
		peer_behave(&peer, PEER_MUTE_BLOCK);
		harness_run(&h, 60 * S);
		for (size_t i = 0; i < h.n_points; i++)
			if (h.points[i].address / 100 != hole / 100)
				assert_int_equal(h.seen[i].last.quality, QUALITY_GOOD);
		harness_close(&h);
		peer_close(&peer);
	}
}

/* Half a frame ends the connection at the timeout, counted from the end of sending. */
static void test_half_frame_closes(void **state)
{
	static struct harness h;
	static struct peer peer;

	(void)state;
	for (int i = 0; i < 2; i++) {
		peer_open(&peer, PEER_TCP, i ? PEER_DRIPPING : PEER_HALF_FRAME, 500 * MS);
		harness_init(&h, BUS_TCP, &peer);
		harness_point(&h, 1, 3, 0, TYPE_U32, S);
		harness_open(&h);
		harness_run(&h, 499 * MS);
		assert_int_equal(harness_stats(&h).disconnects, 0);
		harness_run(&h, MS);
		assert_int_equal(harness_stats(&h).disconnects, 1);
		harness_close(&h);
		peer_close(&peer);
	}
}

/* A device that refuses everything is not asked for each register alone, again and again; and nothing is learned from it. */
static void test_splitting_in_vain(void **state)
{
	static struct harness h;
	static struct peer peer;
	struct strbuf learned = STRBUF_INIT;

	(void)state;
	peer_open(&peer, PEER_TCP, PEER_EXCEPTION, 500 * MS);
	peer.exception = 2;
	harness_init(&h, BUS_TCP, &peer);
	for (uint16_t a = 0; a < 40; a++)
		harness_point(&h, 1, 3, a, TYPE_U16, S);
	harness_open(&h);
	harness_run(&h, 300 * S);
	/* One a poll, and once each part of the block: 40 leaves and what lies above them. */
	assert_in_range(peer.requests, 300, 300 + 90);
	assert_int_equal(h.ops->learned(h.bus, &learned), 0);
	assert_int_equal(learned.len, 0);
	harness_close(&h);
	peer_close(&peer);
}

/* A block with a hole is read in parts from then on, everything else keeps its value, and the next open knows. */
static void test_split_is_learned(void **state)
{
	static struct harness h;
	static struct peer peer;
	struct strbuf learned = STRBUF_INIT;

	(void)state;
	peer_open(&peer, PEER_TCP, PEER_HOLES, 500 * MS);
	peer.hole = 13;
	harness_init(&h, BUS_TCP, &peer);
	h.check = check_value;
	for (uint16_t a = 0; a < 12; a += 2)
		harness_point(&h, 1, 3, a, TYPE_U32, S);
	for (uint16_t a = 16; a < 30; a += 2)
		harness_point(&h, 1, 3, a, TYPE_U32, S);
	harness_open(&h);
	harness_run(&h, 10 * S);
	for (size_t i = 0; i < h.n_points; i++) {
		assert_int_equal(h.seen[i].good, h.seen[i].samples);
		assert_in_range(h.seen[i].samples, 10, 12);
	}
	assert_int_equal(harness_unit(&h, 0).exceptions[2], 1);
	assert_int_equal(h.ops->learned(h.bus, &learned), 0);
	assert_string_equal(learned.data, "cut d0 1 3 16\n");
	h.ops->close(h.bus);

	h.config.learned = learned.data;
	uint64_t before = peer.requests;
	harness_open(&h);
	harness_run(&h, 10 * S);
	assert_int_equal(harness_unit(&h, 0).exceptions[2], 0);
	assert_in_range(peer.requests - before, 20, 24);
	harness_close(&h);
	peer_close(&peer);
	strbuf_done(&learned);
}

static void fall_silent(void *user, uint16_t address, uint16_t count)
{
	(void)address;
	(void)count;
	peer_behave(user, PEER_DEAD); /* for this request */
}

/* Silent whenever it is asked for a part, so that the split is of no use: when the parts are answered, it is tried again at once. */
static void test_silent_while_split(void **state)
{
	static struct harness h;
	static struct peer peer;

	(void)state;
	peer_open(&peer, PEER_TCP, PEER_HOLES, 500 * MS);
	peer.hole = 13;
	harness_init(&h, BUS_TCP, &peer);
	for (uint16_t a = 0; a < 12; a += 2)
		harness_point(&h, 1, 3, a, TYPE_U32, S);
	for (uint16_t a = 16; a < 30; a += 2)
		harness_point(&h, 1, 3, a, TYPE_U32, S);
	peer.asked = fall_silent;
	peer.user = &peer;
	harness_open(&h);
	harness_run(&h, 5 * S);
	assert_true(harness_unit(&h, 0).exceptions[2] > 0);
	assert_int_equal(h.seen[0].good, 0);
	peer.asked = NULL;
	harness_run(&h, 60 * S);
	for (size_t i = 0; i < h.n_points; i++)
		assert_true(h.seen[i].good > 10);
	harness_close(&h);
	peer_close(&peer);
}

/* A point whose own register does not exist is of quality device; its neighbours have values, and the parts stay few. */
static void test_missing_register(void **state)
{
	static struct harness h;
	static struct peer peer;

	(void)state;
	peer_open(&peer, PEER_TCP, PEER_HOLES, 500 * MS);
	peer.hole = 40;
	harness_init(&h, BUS_TCP, &peer);
	h.check = check_value;
	for (uint16_t a = 0; a < 64; a += 2)
		harness_point(&h, 1, 3, a, TYPE_U32, S);
	harness_open(&h);
	harness_run(&h, 20 * S);
	for (size_t i = 0; i < h.n_points; i++) {
		bool missing = h.points[i].address == 40;

		assert_int_equal(h.seen[i].good, missing ? 0 : h.seen[i].samples);
		if (missing)
			assert_int_equal(h.seen[i].of_quality[QUALITY_DEVICE], h.seen[i].samples);
	}
	assert_true(peer.requests < 20 * 8);
	harness_close(&h);
	peer_close(&peer);
}

static void test_overcommitted_line(void **state)
{
	static struct harness h;
	static struct peer peer;

	(void)state;
	/* 300 ms a reply, and 20 groups a second: less than a fifth can be kept. */
	peer_open(&peer, PEER_TCP, PEER_SLOW, 500 * MS);
	harness_init(&h, BUS_TCP, &peer);
	h.check = check_value;
	for (uint8_t u = 1; u <= 5; u++)
		for (uint8_t fc = 3; fc <= 4; fc++)
			harness_point(&h, u, fc, 0, TYPE_U32, S)->urgent = u == 1;
	harness_open(&h);
	harness_run(&h, 120 * S);
	assert_true(harness_stats(&h).missed > 100);
	for (size_t i = 0; i < h.n_points; i++) {
		assert_int_equal(h.seen[i].good, h.seen[i].samples);
		/* The urgent ones keep nearly all of theirs; the others do not starve. */
		if (h.points[i].urgent)
			assert_true(h.seen[i].samples >= 80);
		else
			assert_true(h.seen[i].samples >= 8);
	}
	harness_close(&h);
	peer_close(&peer);
}

/* Even where the urgent ones alone are too many for the line. */
static void test_nobody_starves(void **state)
{
	static struct harness h;
	static struct peer peer;

	(void)state;
	peer_open(&peer, PEER_TCP, PEER_SLOW, 500 * MS);
	harness_init(&h, BUS_TCP, &peer);
	for (uint8_t u = 1; u <= 6; u++)
		harness_point(&h, u, 3, 0, TYPE_U32, S)->urgent = u <= 5;
	harness_open(&h);
	harness_run(&h, 300 * S);
	for (size_t i = 0; i < h.n_points; i++)
		assert_true(h.seen[i].good >= 100);
	harness_close(&h);
	peer_close(&peer);
}

static void test_close_between(void **state)
{
	static struct harness h;
	static struct peer peer;

	(void)state;
	peer_open(&peer, PEER_TCP, PEER_GOOD, 500 * MS);
	harness_init(&h, BUS_TCP, &peer);
	h.check = check_value;
	harness_point(&h, 1, 3, 0, TYPE_U32, 10 * S);
	h.devices[0].timing.close_between = true;
	h.devices[0].timing.settle_ns = 50 * MS;
	harness_open(&h);
	harness_run(&h, 100 * S);
	assert_int_equal(h.seen[0].good, h.seen[0].samples);
	assert_in_range(h.seen[0].samples, 10, 12);
	assert_in_range(peer.accepted, 10, 12);
	assert_true(harness_stats(&h).connected);
	harness_close(&h);
	peer_close(&peer);
}

static void test_pause(void **state)
{
	static struct harness h;
	static struct peer peer;

	(void)state;
	peer_open(&peer, PEER_TCP, PEER_GOOD, 500 * MS);
	harness_init(&h, BUS_TCP, &peer);
	add_unit(&h, 1);
	h.devices[0].timing.pause_ns = 20 * MS;
	harness_open(&h);
	/* Four requests, three pauses. */
	harness_run(&h, 30 * MS);
	assert_int_equal(peer.requests, 2);
	harness_run(&h, 35 * MS);
	assert_int_equal(peer.requests, 4);
	harness_close(&h);
	peer_close(&peer);
}

/* A name: looked up, kept when later look-ups fail, the next address tried when one refuses. */
static void test_names(void **state)
{
	static struct harness h;
	static struct peer peer;
	struct sockaddr_in good = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct sockaddr_in bad = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(0x7f000002) };
	const struct sockaddr *list[] = { (struct sockaddr *)&bad, (struct sockaddr *)&good };
	struct bus_event answer = { .addresses = list, .n_addresses = 2 };
	struct bus_event failure = { .resolve_error = 1, .resolve_text = "no such name" };

	(void)state;
	peer_open(&peer, PEER_TCP, PEER_GOOD, 500 * MS);
	harness_init(&h, BUS_TCP, &peer);
	h.config.host = "panel.example";
	harness_point(&h, 1, 3, 0, TYPE_U32, S);
	harness_open(&h);
	harness_settle(&h);
	assert_string_equal(h.wants.resolve, "panel.example");
	assert_int_equal(h.wants.fd, -1);
	harness_step(&h, &failure);
	assert_null(h.wants.resolve);
	assert_non_null(strstr(harness_stats(&h).why, "no such name"));
	harness_run(&h, S);
	assert_int_equal(h.seen[0].samples, h.seen[0].of_quality[QUALITY_COMM]);
	assert_in_range(h.seen[0].samples, 1, 2);
	assert_string_equal(h.wants.resolve, "panel.example");
	harness_step(&h, &answer);
	assert_null(h.wants.resolve);
	harness_run(&h, 2 * S);
	assert_int_equal(h.seen[0].last.quality, QUALITY_GOOD);

	/* The names fail from now on, and the line breaks. */
	peer_behave(&peer, PEER_REFUSING);
	harness_run(&h, 5 * S);
	assert_int_equal(h.seen[0].last.quality, QUALITY_COMM);
	peer_behave(&peer, PEER_GOOD);
	/* All known addresses refused: it asks anew, and does with what it has as there is no answer. */
	assert_string_equal(h.wants.resolve, "panel.example");
	for (int i = 0; i < 30 && h.seen[0].last.quality != QUALITY_GOOD; i++) {
		harness_run(&h, S);
		if (h.wants.resolve)
			harness_step(&h, &failure);
	}
	assert_int_equal(h.seen[0].last.quality, QUALITY_GOOD);

	/* A look-up that never ends: the kept addresses serve. */
	peer_behave(&peer, PEER_REFUSING);
	harness_run(&h, 5 * S);
	peer_behave(&peer, PEER_GOOD);
	harness_run(&h, 30 * S);
	assert_int_equal(h.seen[0].last.quality, QUALITY_GOOD);
	harness_close(&h);
	peer_close(&peer);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_dead_unit_beside_good_ones),
		cmocka_unit_test(test_mute_block),
		cmocka_unit_test(test_closing_block),
		cmocka_unit_test(test_ending_costs_nobody),
		cmocka_unit_test(test_probes_take_turns),
		cmocka_unit_test(test_half_frame_closes),
		cmocka_unit_test(test_splitting_in_vain),
		cmocka_unit_test(test_split_is_learned),
		cmocka_unit_test(test_silent_while_split),
		cmocka_unit_test(test_missing_register),
		cmocka_unit_test(test_overcommitted_line),
		cmocka_unit_test(test_nobody_starves),
		cmocka_unit_test(test_close_between),
		cmocka_unit_test(test_pause),
		cmocka_unit_test(test_names),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
