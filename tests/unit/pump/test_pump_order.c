/* What leaves first, and how little may stand in front of a fire. */
#include "tests/lib/pump_rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void set_state(struct rig *r, enum state_kind kind, const char *topic, unsigned urgency, size_t len)
{
	char *data = malloc(len);

	assert_non_null(data);
	memset(data, 's', len);
	struct outmsg *m = outmsg_new(data, len);
	free(data);
	assert_int_equal(states_set(&r->states, kind, 0, topic, urgency, m), 0);
	outmsg_unref(m);
}

/* Takes and answers one message at a time; the pump refills in between. */
static void drain_one_by_one(struct rig *r)
{
	for (int idle = 0; idle < 3;) {
		rig_step(r);
		if (r->asked)
			rig_answer(r, false);
		rig_step(r);
		if (fake_hub_receive(&r->hub, 1) == 0) {
			idle++;
			continue;
		}
		fake_hub_answer(&r->hub, 0);
		idle = 0;
	}
	rig_check_log(r);
}

static void connect_only(struct rig *r)
{
	rig_step(r);
	fake_hub_accept(&r->hub);
	rig_step(r);
}

static void expect_order(const struct rig *r, const char *const *parts, size_t n)
{
	size_t at = 0;

	for (size_t i = 0; i < n; i++) {
		size_t found = fake_hub_find(&r->hub, 0, parts[i]);
		if (found == SIZE_MAX)
			fail_msg("%s was not sent", parts[i]);
		if (i > 0 && found < at)
			fail_msg("%s went before %s", parts[i], parts[i - 1]);
		at = found;
	}
}

static void test_current_before_old_before_bulk(void **state)
{
	static const char *const order[] = { "/status", "alarm/f~r", "alarm/p~r", "alarm/s~r", "alarm/o~r", "event/fire", "event/prealarm", "event/supervisory",
		"event/fault", "event/disablement", "event/actuation", "event/operation", "reply/x", "directory/1", "building", "report/2026-11", "reading" };
	struct rig r;

	(void)state;
	for (int window = 1; window <= 200; window += 66) {
		rig_init(&r, 1);
		r.hub.receive_max = (uint16_t)window;
		for (unsigned k = STREAM_COUNT; k-- > 0;)
			rig_preload(&r, k % 2, k, 5, r.now.wall_ms);
		set_state(&r, STATE_KIND_REPORT, "report/2026-11", 9, 100);
		set_state(&r, STATE_KIND_BUILDING, "building", 8, 100);
		set_state(&r, STATE_KIND_DIRECTORY, "directory/1", 7, 100);
		rig_alarm(&r, 0, "o/r", CLASS_OPERATION, "o");
		rig_alarm(&r, 0, "s/r", CLASS_SUPERVISORY, "s");
		rig_alarm(&r, 0, "p/r", CLASS_PREALARM, "p");
		rig_alarm(&r, 0, "f/r", CLASS_FIRE, "f");
		r.answer_at_once = true;
		rig_start(&r);
		struct outmsg *m = outmsg_new("{}", 2);
		assert_int_equal(pump_reply(r.pump, RIG_PREFIX "gw/reply/x", m, NULL, 0, r.now), 0);
		outmsg_unref(m);
		connect_only(&r);
		drain_one_by_one(&r);
		expect_order(&r, order, sizeof order / sizeof *order);
		rig_check_complete(&r);
		rig_done(&r);
	}
}

/* A fire is raised: its state and its event. */
static void raise_fire(struct rig *r, uint32_t node)
{
	rig_store(r, node, CLASS_FIRE, 1, true);
	rig_alarm(r, node, "smoke/fire", CLASS_FIRE, "burning");
	rig_step(r);
}

static void test_fire_leaves_next_behind_readings(void **state)
{
	struct rig r;

	(void)state;
	rig_init(&r, 1);
	rig_preload(&r, 0, STREAM_READING, RIG_SEQS - 10, r.now.wall_ms);
	r.answer_at_once = true;
	rig_start(&r);
	connect_only(&r);
	fake_hub_drain(&r.hub);
	rig_step(&r);
	size_t on_wire = r.hub.wire.n;
	assert_true(on_wire > 0);
	raise_fire(&r, 0); /* nothing was acknowledged meanwhile */
	assert_int_equal(r.hub.wire.n, on_wire + 2);
	assert_non_null(strstr(r.hub.wire.items[on_wire].topic, "alarm/smoke~fire"));
	assert_non_null(strstr(r.hub.wire.items[on_wire + 1].topic, "event/fire"));
	rig_done(&r);
}

static void test_fire_finds_slots_whatever_fills_the_window(void **state)
{
	for (uint16_t window = 4; window < 120; window = (uint16_t)(window * 3)) {
		for (int fill = 0; fill < 4; fill++) {
			struct rig r;
			(void)state;
			rig_init(&r, 1);
			r.hub.receive_max = window;
			for (size_t i = 0; i < RIG_STREAMS; i++)
				r.streams[i].bytes = 40;
			if (fill == 0)
				rig_preload(&r, 0, CLASS_FAULT, 500, r.now.wall_ms);
			if (fill == 1)
				rig_preload(&r, 0, STREAM_READING, 15000, r.now.wall_ms);
			for (int i = 0; fill == 2 && i < 60; i++) {
				char id[16];
				snprintf(id, sizeof id, "a%d", i);
				rig_alarm(&r, 0, id, CLASS_FAULT, "x");
			}
			r.answer_at_once = true;
			rig_start(&r);
			connect_only(&r);
			for (int i = 0; fill == 3 && i < 150; i++)
				rig_store(&r, 0, STREAM_READING, 1, true); /* as many messages */
			rig_step(&r);
			size_t on_wire = r.hub.wire.n;
			rig_store(&r, 0, CLASS_FIRE, 1, true);
			rig_step(&r);
			assert_int_equal(r.hub.wire.n, on_wire + 1);
			assert_non_null(strstr(r.hub.wire.items[on_wire].topic, "event/fire"));
			rig_done(&r);
		}
	}
}

static void test_fire_is_next_with_a_window_of_one(void **state)
{
	struct rig r;

	(void)state;
	rig_init(&r, 1);
	r.hub.receive_max = 1;
	rig_preload(&r, 0, STREAM_READING, 5000, r.now.wall_ms);
	rig_preload(&r, 0, CLASS_FAULT, 50, r.now.wall_ms);
	set_state(&r, STATE_KIND_DIRECTORY, "directory/1", 7, 100);
	r.answer_at_once = true;
	rig_start(&r);
	connect_only(&r);
	for (int i = 0; i < 10; i++) {
		fake_hub_drain(&r.hub);
		rig_step(&r);
	}
	assert_int_equal(r.hub.wire.n, 1);
	raise_fire(&r, 0);
	raise_fire(&r, 1);
	assert_int_equal(r.hub.wire.n, 1);
	size_t from = r.hub.log.n + 1;
	for (int i = 0; i < 5; i++) {
		fake_hub_drain(&r.hub);
		rig_step(&r);
	}
	for (size_t i = from; i < from + 4; i++)
		assert_true(strstr(r.hub.log.items[i].topic, "event/fire") || strstr(r.hub.log.items[i].topic, "smoke~fire"));
	rig_done(&r);
}

static void test_live_fire_takes_its_older_ones_along(void **state)
{
	struct rig r;

	(void)state;
	rig_init(&r, 1);
	rig_preload(&r, 0, CLASS_FIRE, 30, r.now.wall_ms);
	rig_preload(&r, 0, CLASS_PREALARM, 30, r.now.wall_ms);
	for (int i = 0; i < 20; i++) {
		char id[16];
		snprintf(id, sizeof id, "a%d", i);
		rig_alarm(&r, 0, id, i % 2 ? CLASS_FAULT : CLASS_FIRE, "x");
	}
	r.answer_at_once = true;
	r.hub.receive_max = 1;
	rig_start(&r);
	connect_only(&r);
	raise_fire(&r, 0);
	drain_one_by_one(&r);
	assert_non_null(strstr(r.hub.log.items[0].topic, "/status"));
	assert_non_null(strstr(r.hub.log.items[1].topic, "smoke~fire"));
	for (size_t i = 2; i < 33; i++)
		assert_non_null(strstr(r.hub.log.items[i].topic, "event/fire"));
	for (size_t i = 33; i < 43; i++)
		assert_non_null(strstr(r.hub.log.items[i].topic, "/alarm/a"));
	rig_check_complete(&r);
	rig_done(&r);
}

static void test_older_fires_of_one_node_do_not_stop_a_live_one_of_another(void **state)
{
	struct rig r;

	(void)state;
	rig_init(&r, 1);
	r.answer_at_once = true;
	rig_preload(&r, 0, CLASS_FIRE, 100, r.now.wall_ms);
	rig_start(&r);
	connect_only(&r);
	rig_store(&r, 0, CLASS_FIRE, 1, true); /* now all of them are to go, and the cap is full of them */
	rig_step(&r);
	size_t on_wire = r.hub.wire.n;
	rig_store(&r, 1, CLASS_FIRE, 1, true);
	rig_step(&r);
	assert_int_equal(r.hub.wire.n, on_wire + 1);
	assert_string_equal(r.hub.wire.items[on_wire].topic, RIG_PREFIX "tower-b/event/fire");
	rig_done(&r);
}

static void test_fire_of_while_the_hub_was_away_is_not_live(void **state)
{
	struct rig r;

	(void)state;
	rig_init(&r, 1);
	r.hub.receive_max = 1;
	rig_start(&r);
	rig_up(&r);
	fake_hub_lose(&r.hub, HUB_DOWN_LOST, "gone");
	rig_step(&r);
	raise_fire(&r, 0);
	rig_alarm(&r, 0, "a/r", CLASS_FAULT, "x");
	size_t from = r.hub.log.n;
	rig_up(&r);
	assert_true(fake_hub_find(&r.hub, from, "smoke~fire") < fake_hub_find(&r.hub, from, "alarm/a~r"));
	assert_true(fake_hub_find(&r.hub, from, "alarm/a~r") < fake_hub_find(&r.hub, from, "event/fire"));
	rig_done(&r);
}

static void test_cap_halves_once_a_round_trip(void **state)
{
	struct rig r;

	(void)state;
	rig_init(&r, 1);
	rig_start(&r);
	rig_up(&r);
	r.pump->cap = 64 * 1024;
	rig_store(&r, 0, CLASS_FAULT, 8, true);
	rig_pass(&r, 700);
	fake_hub_drain(&r.hub);
	rig_step(&r);
	assert_int_equal(r.pump->cap, 32 * 1024);
	rig_store(&r, 0, CLASS_FAULT, 8, true);
	rig_pass(&r, 700);
	fake_hub_drain(&r.hub);
	rig_step(&r);
	assert_int_equal(r.pump->cap, 16 * 1024);
	rig_done(&r);
}

static struct outmsg *undurable(const struct rig *r, uint32_t node, unsigned stream, uint64_t id)
{
	char text[32];
	struct outmsg *m;

	snprintf(text, sizeof text, "undurable %llu", (unsigned long long)id);
	m = outmsg_new(text, strlen(text));
	assert_non_null(m);
	m->node = node;
	m->stream = (uint8_t)stream;
	m->stream_db = r->streams[node * STREAM_COUNT + stream].db;
	m->id = id;
	return m;
}

static void tell_undurable(struct rig *r, uint32_t node, unsigned stream, uint64_t id)
{
	struct outmsg *m = undurable(r, node, stream, id);

	pump_on_undurable(r->pump, m, r->now);
	outmsg_unref(m);
}

static void test_undurable_goes_out_and_waits_for_its_stored_version(void **state)
{
	struct rig r;

	(void)state;
	rig_init(&r, 1);
	rig_start(&r);
	rig_up(&r);
	tell_undurable(&r, 0, CLASS_FAULT, 7);
	tell_undurable(&r, 1, CLASS_FIRE, 8);
	rig_step(&r);
	assert_int_equal(r.hub.wire.n, 2);
	assert_string_equal(r.hub.wire.items[0].topic, RIG_PREFIX "tower-b/event/fire");
	assert_string_equal(r.hub.wire.items[0].payload, "undurable 8");
	assert_string_equal(r.hub.wire.items[1].topic, RIG_PREFIX "gw/event/fault");
	/* lost with the link, it goes again */
	fake_hub_lose(&r.hub, HUB_DOWN_LOST, "gone");
	size_t from = r.hub.log.n;
	rig_up(&r);
	assert_int_not_equal(fake_hub_find(&r.hub, from, "tower-b/event/fire"), SIZE_MAX);
	assert_int_equal(r.pump->n_undurables, 0);
	/* but not once the numbered one is there */
	fake_hub_lose(&r.hub, HUB_DOWN_LOST, "gone");
	rig_step(&r);
	tell_undurable(&r, 0, CLASS_FIRE, 9);
	tell_undurable(&r, 0, CLASS_FIRE, 10);
	struct rig_stream *s = rig_stream(&r, 0, CLASS_FIRE);
	struct outmsg *m = outmsg_new("E 1 1 1 ", 8);
	m->first = m->last = 1;
	m->at_ms = r.now.wall_ms;
	m->id = 9;
	s->marks[++s->stored] |= RIG_STORED;
	pump_on_stored(r.pump, s->db, 1, m, r.now);
	outmsg_unref(m);
	from = r.hub.log.n;
	rig_up(&r);
	size_t first = fake_hub_find(&r.hub, from, "gw/event/fire");
	assert_string_equal(r.hub.log.items[first].payload, "undurable 10");
	size_t second = fake_hub_find(&r.hub, first + 1, "gw/event/fire");
	assert_string_equal(r.hub.log.items[second].payload, "E 1 1 1 ");
	assert_int_equal(fake_hub_find(&r.hub, second + 1, "gw/event/fire"), SIZE_MAX);
	rig_done(&r);
}

static void test_nodes_take_turns(void **state)
{
	struct rig r;

	(void)state;
	rig_init(&r, 1);
	r.hub.receive_max = 1;
	rig_preload(&r, 0, CLASS_FAULT, 20, r.now.wall_ms);
	rig_preload(&r, 1, CLASS_FAULT, 20, r.now.wall_ms);
	r.answer_at_once = true;
	rig_start(&r);
	connect_only(&r);
	drain_one_by_one(&r);
	for (size_t i = 1; i + 1 < r.hub.log.n; i++)
		assert_string_not_equal(r.hub.log.items[i].topic, r.hub.log.items[i + 1].topic);
	rig_check_complete(&r);
	rig_done(&r);
}

/* A link of so many bytes a second: the broker takes a message when its last byte has passed. Returns ms until the topic was taken. */
static int64_t run_link(struct rig *r, int64_t bytes_per_s, int64_t ms, const char *until)
{
	double budget = 0;
	size_t from = r->hub.log.n;

	for (int64_t t = 0; t < ms; t++) {
		r->now.mono_ns += CLOCK_NS_PER_MS;
		r->now.wall_ms++;
		budget += (double)bytes_per_s / 1000;
		while (r->hub.wire.n > 0 && budget >= (double)r->hub.wire.items[0].len + 60) {
			budget -= (double)r->hub.wire.items[0].len + 60;
			fake_hub_receive(&r->hub, 1);
			fake_hub_answer(&r->hub, 0);
		}
		if (r->hub.wire.n == 0)
			budget = 0;
		if (r->hub.subscribe_asked)
			fake_hub_subscribed(&r->hub);
		rig_step(r);
		if (until && fake_hub_find(&r->hub, from, until) != SIZE_MAX)
			return t;
	}
	return ms;
}

static void test_on_a_slow_link_little_stands_before_a_fire(void **state)
{
	struct rig r;

	(void)state;
	rig_init(&r, 1);
	rig_preload(&r, 0, STREAM_READING, RIG_SEQS - 10, r.now.wall_ms);
	rig_preload(&r, 0, CLASS_FAULT, 300, r.now.wall_ms);
	r.answer_at_once = true;
	rig_start(&r);
	connect_only(&r);
	run_link(&r, 8000, 2000, NULL); /* in the midst of the first messages */
	raise_fire(&r, 0);
	assert_true(run_link(&r, 8000, 20000, "event/fire") < 3500);
	run_link(&r, 8000, 40000, NULL);
	raise_fire(&r, 0);
	assert_true(run_link(&r, 8000, 20000, "event/fire") < 2500);
	assert_int_equal(r.pump->cap, PUMP_CAP_LEAST);
	rig_done(&r);
}

static void test_on_a_fast_link_the_cap_grows(void **state)
{
	struct rig r;

	(void)state;
	rig_init(&r, 1);
	rig_preload(&r, 0, STREAM_READING, RIG_SEQS - 10, r.now.wall_ms);
	r.streams[STREAM_READING].bytes = 60;
	r.answer_at_once = true;
	rig_start(&r);
	connect_only(&r);
	run_link(&r, 100000000, 100, NULL);
	assert_true(r.pump->cap > 8 * PUMP_CAP_FIRST);
	rig_check_log(&r);
	rig_check_complete(&r);
	rig_done(&r);
}

static void test_nothing_below_goes_before_what_does_not_fit(void **state)
{
	struct rig r;

	(void)state;
	rig_init(&r, 1);
	rig_stream(&r, 0, CLASS_FAULT)->bytes = 9000; /* two of them: more than the cap */
	rig_preload(&r, 0, CLASS_FAULT, 4, r.now.wall_ms);
	rig_preload(&r, 0, CLASS_OPERATION, 4, r.now.wall_ms);
	r.answer_at_once = true;
	rig_start(&r);
	connect_only(&r);
	drain_one_by_one(&r);
	assert_true(fake_hub_find(&r.hub, 0, "event/operation") == 5);
	rig_done(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_current_before_old_before_bulk),
		cmocka_unit_test(test_fire_leaves_next_behind_readings),
		cmocka_unit_test(test_fire_finds_slots_whatever_fills_the_window),
		cmocka_unit_test(test_fire_is_next_with_a_window_of_one),
		cmocka_unit_test(test_live_fire_takes_its_older_ones_along),
		cmocka_unit_test(test_undurable_goes_out_and_waits_for_its_stored_version),
		cmocka_unit_test(test_older_fires_of_one_node_do_not_stop_a_live_one_of_another),
		cmocka_unit_test(test_fire_of_while_the_hub_was_away_is_not_live),
		cmocka_unit_test(test_cap_halves_once_a_round_trip),
		cmocka_unit_test(test_nodes_take_turns),
		cmocka_unit_test(test_on_a_slow_link_little_stands_before_a_fire),
		cmocka_unit_test(test_on_a_fast_link_the_cap_grows),
		cmocka_unit_test(test_nothing_below_goes_before_what_does_not_fit),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
