/* Every driver against a table of peers: whatever the other side does, each point has exactly one sample a poll, no sample bears another unit's,
 * address's or time's value, and when the fault ends all is well again within 31 s. All under virtual time. */
#include "harness.h"

#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define S CLOCK_NS_PER_S
#define MS CLOCK_NS_PER_MS

/* A good value must be what stood in the register when this poll's request was read: high word who, low word when. */
static void check_value(struct harness *h, const struct bus_point *p, const struct sample *s)
{
	uint8_t unit = h->devices[p->device].unit;

	if (s->quality != QUALITY_GOOD)
		return;
	if (p->fc <= 2) {
		assert_int_equal(s->value.number, peer_bit(unit, p->address));
		return;
	}
	uint32_t v = (uint32_t)s->value.number;
	assert_int_equal(v >> 16, unit << 8 | (p->address & 0xff));
	int64_t read_ns = (int64_t)(v & 0xffff) * 100 * MS;
	assert_true(read_ns <= s->at.mono_ns);
	/* Not older than the timeout and the tenth of a second that the register resolves. */
	assert_true(s->at.mono_ns - read_ns <= 600 * MS);
	assert_int_equal(s->at.mono_ns, h->now_ns);
}

static void add_unit(struct harness *h, uint8_t unit)
{
	/* Two blocks of registers (the gap is too wide), one of bits, and a slower group. */
	for (uint16_t a = 0; a < 20; a += 2)
		harness_point(h, unit, 3, a, TYPE_U32, S);
	for (uint16_t a = 200; a < 210; a += 2)
		harness_point(h, unit, 3, a, TYPE_U32, S);
	for (uint16_t a = 5; a < 16; a++)
		harness_point(h, unit, 1, a, TYPE_BOOL, S);
	harness_point(h, unit, 4, 40, TYPE_U32, 5 * S);
}

struct scenario {
	const char         *name;
	enum peer_behaviour behaviour;
	int                 exception;
	bool                values;    /* good samples are expected under the fault */
	enum quality        quality;   /* else all samples are of this */
	uint64_t            late, wrong, garbage, connects; /* at least so many must be counted */
};

static const struct scenario scenarios[] = {
	{ "good", PEER_GOOD, .values = true },
	{ "dead", PEER_DEAD, .quality = QUALITY_COMM, .connects = 3 },
	{ "refusing", PEER_REFUSING, .quality = QUALITY_COMM },
	{ "slow", PEER_SLOW, .values = true },
	{ "late", PEER_LATE, .quality = QUALITY_COMM, .late = 1 },
	{ "wrong unit", PEER_WRONG_UNIT, .quality = QUALITY_COMM, .wrong = 1 },
	{ "wrong transaction id", PEER_WRONG_ID, .quality = QUALITY_COMM, .wrong = 1 },
	{ "wrong protocol id", PEER_WRONG_PROTOCOL, .quality = QUALITY_COMM, .wrong = 1 },
	{ "wrong protocol id, low byte", PEER_WRONG_PROTOCOL_LOW, .quality = QUALITY_COMM, .wrong = 1 },
	{ "wrong function", PEER_WRONG_FUNCTION, .quality = QUALITY_COMM, .wrong = 1 },
	{ "wrong byte count", PEER_WRONG_BYTE_COUNT, .quality = QUALITY_COMM, .wrong = 1 },
	{ "short reply", PEER_SHORT, .quality = QUALITY_COMM, .wrong = 1 },
	{ "half a frame", PEER_HALF_FRAME, .quality = QUALITY_COMM },
	{ "two frames in one", PEER_TWO_FRAMES, .values = true, .late = 1 },
	{ "dripping", PEER_DRIPPING, .quality = QUALITY_COMM },
	{ "closes after each reply", PEER_CLOSES_AFTER_REPLY, .values = true },
	{ "closes at once", PEER_CLOSES_AT_ONCE, .quality = QUALITY_COMM },
	{ "closes on each request", PEER_CLOSES_ON_REQUEST, .quality = QUALITY_COMM },
	{ "garbage", PEER_GARBAGE, .quality = QUALITY_COMM, .garbage = 1 },
	{ "oversize length", PEER_OVERSIZE, .quality = QUALITY_COMM, .garbage = 1 },
	{ "flood", PEER_FLOOD, .quality = QUALITY_COMM, .wrong = 100 },
	{ "exception 1", PEER_EXCEPTION, 1, .quality = QUALITY_DEVICE },
	{ "exception 2", PEER_EXCEPTION, 2, .quality = QUALITY_DEVICE },
	{ "exception 3", PEER_EXCEPTION, 3, .quality = QUALITY_DEVICE },
	{ "exception 4", PEER_EXCEPTION, 4, .quality = QUALITY_DEVICE },
	{ "exception 5", PEER_EXCEPTION, 5, .quality = QUALITY_DEVICE },
	{ "exception 6", PEER_EXCEPTION, 6, .quality = QUALITY_DEVICE },
	{ "exception 11", PEER_EXCEPTION, 0x0B, .quality = QUALITY_COMM },
	{ "exception 200", PEER_EXCEPTION, 200, .quality = QUALITY_DEVICE },
	{ "busy, then good", PEER_BUSY_ONCE, .values = true },
};

/* Points of one group have been polled together, so they have as many samples; and the polls were as many as there was time for. */
static void check_counts(struct harness *h, int64_t lasted_ns)
{
	struct bus_stats s = harness_stats(h);

	for (size_t i = 0; i < h->n_points; i++) {
		const struct bus_point *p = &h->points[i];
		uint64_t due = (uint64_t)(lasted_ns / p->every_ns);

		if (h->seen[i].samples + s.missed + 1 < due || h->seen[i].samples > due + 2 + s.connects)
			fail_msg("point %zu: %llu samples in %llu intervals (%llu missed, %llu connects)", i, (unsigned long long)h->seen[i].samples,
			         (unsigned long long)due, (unsigned long long)s.missed, (unsigned long long)s.connects);
		for (size_t k = i + 1; k < h->n_points; k++) {
			const struct bus_point *q = &h->points[k];
			int64_t more = (int64_t)(h->seen[i].samples - h->seen[k].samples);

			/* A poll may be under way: then some have theirs already. */
			if (p->device == q->device && p->fc == q->fc && p->every_ns == q->every_ns)
				assert_in_range(more + 1, 0, 2);
		}
	}
}

static void check_recovered(struct harness *h, int64_t since_ns)
{
	for (size_t i = 0; i < h->n_points; i++) {
		if (h->seen[i].last.quality != QUALITY_GOOD || h->seen[i].last_good_ns <= since_ns)
			fail_msg("point %zu of unit %u is %d, not good again", i, h->devices[h->points[i].device].unit, h->seen[i].last.quality);
		assert_true(h->now_ns - h->seen[i].last_good_ns <= h->points[i].every_ns + S);
	}
}

static void run_scenario(const struct scenario *sc, size_t n_units)
{
	static struct harness h;
	static struct peer peer;

	print_message("  %s, %zu units\n", sc->name, n_units);
	peer_open(&peer, sc->behaviour, 500 * MS);
	peer.exception = sc->exception;
	harness_init(&h, BUS_TCP, &peer);
	h.check = check_value;
	for (size_t i = 0; i < n_units; i++)
		add_unit(&h, (uint8_t)(i + 1));
	harness_open(&h);
	harness_run(&h, 60 * S);

	for (size_t i = 0; i < h.n_points; i++) {
		if (sc->values) {
			assert_int_equal(h.seen[i].good, h.seen[i].samples);
		} else {
			assert_int_equal(h.seen[i].good, 0);
			/* Where the line breaks, a poll may be without an answer; but never the other way round. */
			assert_true(h.seen[i].of_quality[sc->quality] > 0);
			if (sc->quality == QUALITY_COMM)
				assert_int_equal(h.seen[i].of_quality[QUALITY_COMM], h.seen[i].samples);
		}
	}
	check_counts(&h, 60 * S);
	struct bus_stats s = harness_stats(&h);
	assert_true(s.late_replies >= sc->late);
	assert_true(s.wrong_frames >= sc->wrong);
	assert_true(s.garbage_bytes >= sc->garbage);
	assert_true(s.connects >= sc->connects);
	assert_true(h.steps < 200000);

	int64_t mended = h.now_ns;
	peer_behave(&peer, PEER_GOOD);
	harness_run(&h, 31 * S);
	check_recovered(&h, mended);
	harness_close(&h);
	peer_close(&peer);
}

static void test_peers(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof scenarios / sizeof *scenarios; i++) {
		run_scenario(&scenarios[i], 1);
		run_scenario(&scenarios[i], 4);
	}
}

/* Good for a minute, then the fault, then good again: what was known of the time before never shows. */
static void test_faults_in_mid_life(void **state)
{
	static struct harness h;
	static struct peer peer;

	(void)state;
	peer_open(&peer, PEER_GOOD, 500 * MS);
	harness_init(&h, BUS_TCP, &peer);
	h.check = check_value;
	add_unit(&h, 1);
	add_unit(&h, 2);
	harness_open(&h);
	harness_run(&h, 20 * S);
	for (size_t i = 0; i < sizeof scenarios / sizeof *scenarios; i++) {
		peer.exception = scenarios[i].exception;
		peer_behave(&peer, scenarios[i].behaviour);
		harness_run(&h, 40 * S);
		int64_t mended = h.now_ns;
		peer_behave(&peer, PEER_GOOD);
		harness_run(&h, 31 * S);
		check_recovered(&h, mended);
	}
	check_counts(&h, h.now_ns - HARNESS_EPOCH);
	harness_close(&h);
	peer_close(&peer);
}

static void run_dead_unit(enum peer_behaviour behaviour)
{
	static struct harness h;
	static struct peer peer;

	peer_open(&peer, behaviour, 500 * MS);
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
		peer_open(&peer, PEER_MUTE_BLOCK, 500 * MS);
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
	peer_open(&peer, PEER_CLOSES_ON_BLOCK, 500 * MS);
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

/* A unit that comes back, but not for the block that is asked first, is found by asking for another. */
static void test_probes_take_turns(void **state)
{
	static struct harness h;
	static struct peer peer;

	(void)state;
	for (uint16_t hole = 2; hole <= 204; hole += 202) {
		peer_open(&peer, PEER_DEAD, 500 * MS);
		peer.hole = hole;
		harness_init(&h, BUS_TCP, &peer);
		h.check = check_value;
		add_unit(&h, 1);
		harness_open(&h);
		harness_run(&h, 20 * S);
		peer_behave(&peer, PEER_MUTE_BLOCK);
		harness_run(&h, 60 * S);
		for (size_t i = 0; i < h.n_points; i++)
			if (h.points[i].fc == 3 && h.points[i].address / 100 != hole / 100)
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
		peer_open(&peer, i ? PEER_DRIPPING : PEER_HALF_FRAME, 500 * MS);
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
	peer_open(&peer, PEER_EXCEPTION, 500 * MS);
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
	peer_open(&peer, PEER_HOLES, 500 * MS);
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

/* A point whose own register does not exist is of quality device; its neighbours have values, and the parts stay few. */
static void test_missing_register(void **state)
{
	static struct harness h;
	static struct peer peer;

	(void)state;
	peer_open(&peer, PEER_HOLES, 500 * MS);
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
	peer_open(&peer, PEER_SLOW, 500 * MS);
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
	peer_open(&peer, PEER_SLOW, 500 * MS);
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

static void test_request_of_a_person(void **state)
{
	static struct harness h;
	static struct peer peer;
	struct bus_request rq = { .token = 9, .unit = 1, .fc = 3, .address = 300, .count = 4 };
	struct err e = { 0 };

	(void)state;
	peer_open(&peer, PEER_GOOD, 500 * MS);
	harness_init(&h, BUS_TCP, &peer);
	add_unit(&h, 1);
	harness_open(&h);
	harness_run(&h, 2 * S);
	assert_int_equal(h.ops->request(h.bus, &rq, &e), 0);
	assert_int_equal(h.ops->request(h.bus, &rq, &e), -1);
	assert_int_equal(e.code, ERR_BUSY);
	h.wants.deadline_ns = h.now_ns;
	harness_run(&h, 100 * MS);
	assert_int_equal(h.answers, 1);
	assert_int_equal(h.n_answer, 4);
	assert_int_equal(h.answer[0], peer_register(1, 300, 0));
	assert_int_equal(h.answer[2], peer_register(1, 302, 0));

	peer_behave(&peer, PEER_EXCEPTION);
	peer.exception = 2;
	rq.fc = 1;
	assert_int_equal(h.ops->request(h.bus, &rq, &e), 0);
	h.wants.deadline_ns = h.now_ns;
	harness_run(&h, 3 * S);
	assert_int_equal(h.answers, 2);
	assert_int_equal(h.answer_error.code, ERR_REFUSED);

	peer_behave(&peer, PEER_DEAD);
	assert_int_equal(h.ops->request(h.bus, &rq, &e), 0);
	h.wants.deadline_ns = h.now_ns;
	harness_run(&h, 12 * S);
	assert_int_equal(h.answers, 3);
	assert_true(h.answer_error.code == ERR_TIMEOUT || h.answer_error.code == ERR_CLOSED);

	rq.count = 2001;
	assert_int_equal(h.ops->request(h.bus, &rq, &e), -1);
	assert_int_equal(e.code, ERR_INVALID);
	rq.fc = 6;
	rq.count = 1;
	assert_int_equal(h.ops->request(h.bus, &rq, &e), -1);
	harness_close(&h);
	peer_close(&peer);
}

static void test_close_between(void **state)
{
	static struct harness h;
	static struct peer peer;

	(void)state;
	peer_open(&peer, PEER_GOOD, 500 * MS);
	harness_init(&h, BUS_TCP, &peer);
	h.check = check_value;
	h.config.close_between = true;
	h.config.settle_ns = 50 * MS;
	harness_point(&h, 1, 3, 0, TYPE_U32, 10 * S);
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
	peer_open(&peer, PEER_GOOD, 500 * MS);
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
	peer_open(&peer, PEER_GOOD, 500 * MS);
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

static void test_refused_configs(void **state)
{
	static struct harness h;
	struct err e = { 0 };

	(void)state;
	harness_init(&h, BUS_TCP, NULL);
	struct bus_point *p = harness_point(&h, 1, 3, 0, TYPE_U16, S);
	p->log_mode = true;
	assert_int_equal(h.ops->open(&h.config, h.points, 1, harness_stamp(&h), &h.bus, &e), -1);
	assert_int_equal(e.code, ERR_UNSUPPORTED);
	p->log_mode = false;
	p->type = TYPE_STRING;
	p->string_bytes = 250;
	assert_int_equal(h.ops->open(&h.config, h.points, 1, harness_stamp(&h), &h.bus, &e), -1);
	assert_int_equal(e.code, ERR_INVALID);
	assert_non_null(strstr(e.text, "max_registers"));
	p->type = TYPE_F64;
	p->address = 65533;
	assert_int_equal(h.ops->open(&h.config, h.points, 1, harness_stamp(&h), &h.bus, &e), -1);
	p->address = 65532;
	assert_int_equal(h.ops->open(&h.config, h.points, 1, harness_stamp(&h), &h.bus, &e), 0);
	h.ops->close(h.bus);
	h.ops->close(NULL);
	h.config.learned = "cut\ncut d0\ncut d0 1 3 99999\nrubbish\ncut nobody 1 3 4\ncut d0 2 3 4\ncut d0 1 3 7";
	assert_int_equal(h.ops->open(&h.config, h.points, 1, harness_stamp(&h), &h.bus, &e), 0);
	struct strbuf out = STRBUF_INIT;
	assert_int_equal(h.ops->learned(h.bus, &out), 0);
	assert_string_equal(out.data, "cut d0 1 3 7\n");
	strbuf_done(&out);
	harness_close(&h);
	assert_null(driver_find(BUS_RTU));
	assert_null(driver_find(BUS_RTU_TCP));
}

/* The driver without a wire keeps the same contract. */
static void test_sim(void **state)
{
	static struct harness h, twin;
	struct bus_request rq = { .token = 1, .unit = 1, .fc = 3, .count = 1 };
	struct err e;

	(void)state;
	for (int i = 0; i < 2; i++) {
		struct harness *x = i ? &twin : &h;

		harness_init(x, BUS_SIM, NULL);
		harness_point(x, 1, 3, 0, TYPE_U16, S)->max = 10;
		harness_point(x, 1, 1, 0, TYPE_BOOL, 500 * MS);
		harness_point(x, 2, 3, 9, TYPE_STRING, 10 * S);
		harness_open(x);
		harness_run(x, 100 * S);
		assert_int_equal(x->seen[0].good, 101);
		assert_int_equal(x->seen[1].good, 201);
		assert_int_equal(x->seen[2].good, 11);
		assert_in_range((int)x->seen[0].last.value.number, 0, 10);
	}
	assert_true(h.seen[0].last.value.number == twin.seen[0].last.value.number);
	assert_int_equal(h.ops->request(h.bus, &rq, &e), 0);
	assert_int_equal(h.ops->request(h.bus, &rq, &e), -1);
	h.wants.deadline_ns = h.now_ns;
	harness_settle(&h);
	assert_int_equal(h.answers, 1);
	/* A step that comes late counts what it missed, and does not make up for it. */
	h.now_ns += 10 * S + 300 * MS;
	harness_settle(&h);
	assert_int_equal(h.seen[0].samples, 102);
	assert_true(harness_stats(&h).missed > 9);
	harness_close(&h);
	harness_close(&twin);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_peers),
		cmocka_unit_test(test_faults_in_mid_life),
		cmocka_unit_test(test_dead_unit_beside_good_ones),
		cmocka_unit_test(test_mute_block),
		cmocka_unit_test(test_closing_block),
		cmocka_unit_test(test_probes_take_turns),
		cmocka_unit_test(test_half_frame_closes),
		cmocka_unit_test(test_splitting_in_vain),
		cmocka_unit_test(test_nobody_starves),
		cmocka_unit_test(test_split_is_learned),
		cmocka_unit_test(test_missing_register),
		cmocka_unit_test(test_overcommitted_line),
		cmocka_unit_test(test_request_of_a_person),
		cmocka_unit_test(test_close_between),
		cmocka_unit_test(test_pause),
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_refused_configs),
		cmocka_unit_test(test_sim),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
