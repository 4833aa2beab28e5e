/* Every driver, over each kind of line that it has, against a table of peers: whatever the other side does, each point has exactly one sample a poll, no sample bears another unit's,
 * address's or time's value, and when the fault ends all is well again within 31 s. All under virtual time. */
#include "scene.h"

#include <string.h>

#define ON(wire) (1u << (wire))
#define RTU (ON(PEER_RTU_TCP) | ON(PEER_PTY))
#define SOCKET (ON(PEER_TCP) | ON(PEER_RTU_TCP))

struct scenario {
	const char         *name;
	enum peer_behaviour behaviour;
	int                 exception;
	bool                values;    /* good samples are expected under the fault */
	enum quality        quality;   /* else all samples are of this */
	bool                no_retries;
	uint64_t            late, wrong, garbage, connects; /* at least so many must be counted */
	unsigned            wires;     /* 0: all */
	enum { COUNT_NONE, COUNT_CRC, COUNT_HALF, COUNT_FOREIGN, COUNT_ECHO } counted; /* must not be 0 */
	bool                mixed;     /* good samples and others */
};

static const struct scenario scenarios[] = {
	{ "good", PEER_GOOD, .values = true },
	{ "dead", PEER_DEAD, .quality = QUALITY_COMM, .connects = 3, .wires = SOCKET },
	{ "dead, on a serial line", PEER_DEAD, .quality = QUALITY_COMM, .connects = 1, .wires = ON(PEER_PTY) },
	{ "refusing", PEER_REFUSING, .quality = QUALITY_COMM },
	{ "slow", PEER_SLOW, .values = true },
	{ "late", PEER_LATE, .quality = QUALITY_COMM, .late = 1 },
	{ "wrong unit", PEER_WRONG_UNIT, .quality = QUALITY_COMM, .wrong = 1 },
	{ "wrong transaction id", PEER_WRONG_ID, .quality = QUALITY_COMM, .wrong = 1, .wires = ON(PEER_TCP) },
	{ "wrong protocol id", PEER_WRONG_PROTOCOL, .quality = QUALITY_COMM, .wrong = 1, .wires = ON(PEER_TCP) },
	{ "wrong protocol id, low byte", PEER_WRONG_PROTOCOL_LOW, .quality = QUALITY_COMM, .wrong = 1, .wires = ON(PEER_TCP) },
	{ "wrong function", PEER_WRONG_FUNCTION, .quality = QUALITY_COMM, .wrong = 1 },
	{ "wrong byte count", PEER_WRONG_BYTE_COUNT, .quality = QUALITY_COMM, .wrong = 1, .wires = ON(PEER_TCP) },
	{ "wrong byte count", PEER_WRONG_BYTE_COUNT, .quality = QUALITY_COMM, .garbage = 1, .wires = RTU },
	{ "short reply", PEER_SHORT, .quality = QUALITY_COMM, .wrong = 1 },
	{ "half a frame", PEER_HALF_FRAME, .quality = QUALITY_COMM, .wires = ON(PEER_TCP) },
	{ "half a frame", PEER_HALF_FRAME, .quality = QUALITY_COMM, .wires = RTU, .counted = COUNT_HALF },
	{ "two frames in one", PEER_TWO_FRAMES, .values = true, .late = 1, .wires = ON(PEER_TCP) },
	{ "two frames in one", PEER_TWO_FRAMES, .values = true, .wrong = 1, .wires = RTU },
	{ "dripping", PEER_DRIPPING, .quality = QUALITY_COMM, .wires = ON(PEER_TCP) },
	{ "dripping", PEER_DRIPPING, .wires = ON(PEER_RTU_TCP), .mixed = true }, /* an answer of few bytes is whole in time */
	{ "dripping", PEER_DRIPPING, .quality = QUALITY_COMM, .wires = ON(PEER_PTY) }, /* over a network bytes may come apart, on a line not */
	{ "closes after each reply", PEER_CLOSES_AFTER_REPLY, .values = true, .no_retries = true, .wires = SOCKET },
	{ "closes at once", PEER_CLOSES_AT_ONCE, .quality = QUALITY_COMM, .wires = SOCKET },
	{ "closes on each request", PEER_CLOSES_ON_REQUEST, .quality = QUALITY_COMM },
	{ "garbage", PEER_GARBAGE, .quality = QUALITY_COMM, .garbage = 1 },
	{ "oversize length", PEER_OVERSIZE, .quality = QUALITY_COMM, .garbage = 1, .wires = ON(PEER_TCP) },
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
	{ "wrong checksum", PEER_WRONG_CRC, .quality = QUALITY_COMM, .wires = RTU, .counted = COUNT_CRC },
	{ "noise before each answer", PEER_NOISE_BEFORE, .values = true, .garbage = 1, .wires = RTU },
	{ "an echo that was not told", PEER_ECHO, .values = true, .wires = RTU, .counted = COUNT_ECHO },
	{ "another master", PEER_FOREIGN, .values = true, .wires = RTU, .counted = COUNT_FOREIGN },
	{ "another master asks the same", PEER_FOREIGN_SAME, .quality = QUALITY_COMM, .wires = RTU, .counted = COUNT_FOREIGN },
	{ "each second answer late", PEER_LATE_ONCE, .late = 1, .wires = RTU, .mixed = true },
	{ "each second answer late, one function", PEER_LATE_DEAF, .late = 1, .wires = RTU, .mixed = true },
};

static const enum bus_transport transports[] = { [PEER_TCP] = BUS_TCP, [PEER_RTU_TCP] = BUS_RTU_TCP, [PEER_PTY] = BUS_RTU };

static uint64_t counted(const struct scenario *sc, const struct bus_stats *s)
{
	switch (sc->counted) {
	case COUNT_NONE: return 1;
	case COUNT_CRC: return s->crc_errors;
	case COUNT_HALF: return s->half_frames;
	case COUNT_FOREIGN: return s->foreign_frames;
	case COUNT_ECHO: return s->echoes;
	}
	return 0;
}

static void run_scenario(const struct scenario *sc, enum peer_wire wire, size_t n_units)
{
	static struct harness h;
	static struct peer peer;

	if (sc->wires && !(sc->wires & ON(wire)))
		return;
	print_message("  %s, line %d, %zu units\n", sc->name, wire, n_units);
	peer_open(&peer, wire, sc->behaviour, 500 * MS);
	peer.exception = sc->exception;
	harness_init(&h, transports[wire], &peer);
	h.check = check_value;
	for (size_t i = 0; i < n_units; i++)
		add_unit(&h, (uint8_t)(i + 1));
	for (size_t i = 0; sc->no_retries && i < n_units; i++)
		h.devices[i].timing.retries = 0;
	harness_open(&h);
	harness_run(&h, 60 * S);

	for (size_t i = 0; i < h.n_points; i++) {
		if (sc->mixed) {
			assert_true(h.seen[i].of_quality[QUALITY_GOOD] + h.seen[i].of_quality[QUALITY_COMM] == h.seen[i].samples);
		} else if (sc->values) {
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
	assert_true(counted(sc, &s) > 0);
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
	for (enum peer_wire wire = PEER_TCP; wire <= PEER_PTY; wire++)
		for (size_t i = 0; i < sizeof scenarios / sizeof *scenarios; i++) {
			run_scenario(&scenarios[i], wire, 1);
			run_scenario(&scenarios[i], wire, 4);
		}
}

/* Good for a minute, then the fault, then good again: what was known of the time before never shows. */
static void faults_in_mid_life(enum peer_wire wire)
{
	static struct harness h;
	static struct peer peer;

	peer_open(&peer, wire, PEER_GOOD, 500 * MS);
	harness_init(&h, transports[wire], &peer);
	h.check = check_value;
	add_unit(&h, 1);
	add_unit(&h, 2);
	harness_open(&h);
	harness_run(&h, 20 * S);
	for (size_t i = 0; i < sizeof scenarios / sizeof *scenarios; i++) {
		if (scenarios[i].wires && !(scenarios[i].wires & ON(wire)))
			continue;
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

static void test_faults_in_mid_life(void **state)
{
	(void)state;
	for (enum peer_wire wire = PEER_TCP; wire <= PEER_PTY; wire++)
		faults_in_mid_life(wire);
}

static void test_request_of_a_person(void **state)
{
	static struct harness h;
	static struct peer peer;
	struct bus_request rq = { .token = 9, .unit = 1, .fc = 3, .address = 300, .count = 4 };
	struct err e = { 0 };

	(void)state;
	peer_open(&peer, PEER_TCP, PEER_GOOD, 500 * MS);
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

/* What a person asks is none of the devices' figures, and does not let one look alive whose polls go unanswered. */
static void test_request_counts_for_no_poll(void **state)
{
	static struct harness h;
	static struct peer peer;
	struct bus_request rq = { .token = 9, .unit = 9, .fc = 3, .address = 0, .count = 1 };
	struct err e = { 0 };

	(void)state;
	peer_open(&peer, PEER_TCP, PEER_MUTE_BLOCK, 500 * MS);
	peer.hole = 204;
	harness_init(&h, BUS_TCP, &peer);
	harness_point(&h, 1, 3, 204, TYPE_U32, S);
	harness_point(&h, 2, 3, 0, TYPE_U32, S); /* keeps the line up */
	harness_open(&h);
	harness_run(&h, 2 * S);
	struct bus_unit_stats before = harness_unit(&h, 0);
	assert_int_equal(before.last_good_ns, 0);
	for (uint8_t unit = 1; unit <= 9; unit += 8) {
		rq.unit = unit;
		h.n_answer = 0;
		assert_int_equal(h.ops->request(h.bus, &rq, &e), 0);
		h.wants.deadline_ns = h.now_ns;
		harness_run(&h, 3 * S);
		assert_int_equal(h.n_answer, 1);
		assert_int_equal(harness_unit(&h, 0).last_good_ns, 0);
		/* Unit 1 is the device, unit 9 is none. */
		assert_int_equal(harness_unit(&h, 0).replies, 1);
	}
	harness_close(&h);
	peer_close(&peer);
}

/* A poll may wait longer than a person. */
static void test_request_is_answered_in_time(void **state)
{
	static struct harness h;
	static struct peer peer;
	struct bus_request rq = { .token = 9, .unit = 1, .fc = 3, .address = 0, .count = 1 };
	struct err e = { 0 };

	(void)state;
	peer_open(&peer, PEER_TCP, PEER_DEAD, 30 * S);
	harness_init(&h, BUS_TCP, &peer);
	harness_point(&h, 1, 3, 0, TYPE_U32, S);
	h.devices[0].timing.timeout_ns = 30 * S;
	harness_open(&h);
	harness_run(&h, 2 * S);
	assert_int_equal(h.ops->request(h.bus, &rq, &e), 0);
	h.wants.deadline_ns = h.now_ns;
	harness_run(&h, 9 * S);
	assert_int_equal(h.answers, 0);
	harness_run(&h, 2 * S);
	assert_int_equal(h.answers, 1);
	assert_int_equal(h.answer_error.code, ERR_TIMEOUT);
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
	p->log_mode = true; /* and no layout */
	assert_int_equal(h.ops->open(&h.config, h.points, 1, harness_stamp(&h), &h.bus, &e), -1);
	assert_int_equal(e.code, ERR_INVALID);
	p->list = (struct bus_list){ .entries = 10, .size = 30, .news = LIST_NEWS_NEWEST };
	h.devices[0].timing.max_registers = 29;
	assert_int_equal(h.ops->open(&h.config, h.points, 1, harness_stamp(&h), &h.bus, &e), -1);
	assert_non_null(strstr(e.text, "max_registers"));
	h.devices[0].timing.max_registers = 100;
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
		cmocka_unit_test(test_request_of_a_person),
		cmocka_unit_test(test_request_counts_for_no_poll),
		cmocka_unit_test(test_request_is_answered_in_time),
		cmocka_unit_test(test_refused_configs),
		cmocka_unit_test(test_sim),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
