/* Everything is bounded: replies, undurable events, the window, commands; and nothing is held for ever. */
#include "tests/lib/pump_rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static int reply(struct rig *r, const char *topic, size_t len)
{
	char *data = calloc(1, len);
	struct outmsg *m;
	int result;

	assert_non_null(data);
	memset(data, 'r', len);
	m = outmsg_new(data, len);
	free(data);
	result = pump_reply(r->pump, topic, m, "corr", 4, r->now);
	outmsg_unref(m);
	return result;
}

static void test_replies_are_bounded_in_number_and_bytes(void **state)
{
	struct rig r;
	int taken = 0;

	(void)state;
	rig_init(&r, 1);
	rig_start(&r);
	while (reply(&r, RIG_PREFIX "gw/reply/inspect", 100) == 0)
		taken++;
	assert_int_equal(taken, PUMP_REPLIES);
	rig_up(&r);
	assert_int_equal(r.pump->n_replies, 0);
	size_t at = fake_hub_find(&r.hub, 0, "gw/reply/inspect");
	assert_string_equal(r.hub.log.items[at].correlation, "corr");
	assert_false(r.hub.log.items[at].retain);
	fake_hub_lose(&r.hub, HUB_DOWN_LOST, "gone");
	rig_step(&r);
	taken = 0;
	while (reply(&r, RIG_PREFIX "gw/reply/replay", 128 * 1024) == 0)
		taken++;
	assert_int_equal(taken, PUMP_REPLY_BYTES / (128 * 1024));
	rig_done(&r);
}

static void test_reply_lost_with_the_link_goes_again_unless_it_is_old(void **state)
{
	struct rig r;

	(void)state;
	rig_init(&r, 1);
	rig_start(&r);
	rig_up(&r);
	reply(&r, "town/answers/1", 10);
	reply(&r, "town/answers/2", 10);
	rig_step(&r);
	fake_hub_lose(&r.hub, HUB_DOWN_LOST, "gone");
	rig_settle(&r);
	size_t first = fake_hub_find(&r.hub, 0, "town/answers/1");
	assert_int_not_equal(first, SIZE_MAX);
	assert_true(fake_hub_find(&r.hub, 0, "town/answers/2") > first);
	reply(&r, "town/answers/3", 10);
	fake_hub_lose(&r.hub, HUB_DOWN_LOST, "gone");
	rig_step(&r);
	for (int64_t t = 0; t < 301; t++) {
		rig_pass(&r, 1000);
		if (r.hub.attempting)
			fake_hub_lose(&r.hub, HUB_DOWN_UNREACHABLE, "no");
	}
	reply(&r, "town/answers/4", 10);
	rig_settle(&r);
	assert_int_equal(fake_hub_find(&r.hub, 0, "town/answers/3"), SIZE_MAX);
	assert_int_not_equal(fake_hub_find(&r.hub, 0, "town/answers/4"), SIZE_MAX);
	rig_done(&r);
}

static void test_refused_reply_is_dropped(void **state)
{
	struct rig r;

	(void)state;
	rig_init(&r, 1);
	rig_start(&r);
	rig_up(&r);
	r.hub.refuse[0] = "town/answers";
	r.hub.n_refuse = 1;
	reply(&r, "town/answers/1", 10);
	rig_settle(&r);
	assert_int_equal(r.pump->n_replies, 0);
	assert_false(r.fault[PUMP_REFUSED]); /* the asker's affair */
	rig_done(&r);
}

static void tell_undurable(struct rig *r, unsigned stream, uint64_t id)
{
	struct outmsg *m = outmsg_new("u", 1);

	m->stream = (uint8_t)stream;
	m->stream_db = r->streams[stream].db;
	m->id = id;
	pump_on_undurable(r->pump, m, r->now);
	outmsg_unref(m);
}

static void test_undurable_events_are_bounded_and_a_fire_finds_room(void **state)
{
	struct rig r;
	struct pump_view v;

	(void)state;
	rig_init(&r, 1);
	r.config.classes[CLASS_OPERATION] = false;
	rig_start(&r);
	tell_undurable(&r, CLASS_OPERATION, 1);
	assert_int_equal(r.pump->n_undurables, 0);
	for (uint64_t i = 0; i < PUMP_UNDURABLES_MAX + 10; i++)
		tell_undurable(&r, CLASS_FAULT, 10 + i);
	assert_int_equal(r.pump->n_undurables, PUMP_UNDURABLES_MAX);
	tell_undurable(&r, CLASS_FIRE, 99999);
	assert_int_equal(r.pump->n_undurables, PUMP_UNDURABLES_MAX);
	pump_view(r.pump, &v);
	assert_int_equal(v.dropped, 11);
	rig_up(&r);
	assert_int_not_equal(fake_hub_find(&r.hub, 0, "event/fire"), SIZE_MAX);
	assert_int_equal(r.pump->n_undurables, 0);
	rig_done(&r);
}

/* Stored while it is in flight undurable: the link's end does not bring it back, for its number goes out. */
static void test_undurable_in_flight_is_not_repeated_beside_its_number(void **state)
{
	struct rig r;

	(void)state;
	rig_init(&r, 1);
	rig_start(&r);
	rig_up(&r);
	tell_undurable(&r, CLASS_FIRE, 77);
	tell_undurable(&r, CLASS_FIRE, 78);
	rig_step(&r);
	assert_int_equal(r.hub.wire.n, 2);
	pump_queue_stored(r.pump, CLASS_FIRE, 77);
	assert_int_equal(r.pump->n_undurables, 2);
	fake_hub_lose(&r.hub, HUB_DOWN_LOST, "reset");
	rig_step(&r);
	assert_int_equal(r.pump->n_undurables, 1);
	assert_int_equal(pump_queue_undurable(r.pump, CLASS_FIRE)->msg->id, 78);
	rig_done(&r);
}

static void test_refused_undurable_waits_with_its_stream(void **state)
{
	struct rig r;

	(void)state;
	rig_init(&r, 1);
	rig_start(&r);
	rig_up(&r);
	r.hub.refuse[0] = "event/fault";
	r.hub.n_refuse = 1;
	tell_undurable(&r, CLASS_FAULT, 1);
	rig_step(&r);
	fake_hub_drain(&r.hub);
	rig_step(&r);
	tell_undurable(&r, CLASS_FAULT, 2);
	tell_undurable(&r, CLASS_SUPERVISORY, 3);
	rig_step(&r);
	assert_int_equal(r.hub.wire.n, 1);
	assert_true(r.fault[PUMP_REFUSED]);
	r.hub.n_refuse = 0;
	rig_settle(&r);
	assert_int_equal(r.pump->n_undurables, 0);
	assert_false(r.fault[PUMP_REFUSED]);
	/* gone with its stream while in flight */
	tell_undurable(&r, CLASS_FAULT, 4);
	rig_step(&r);
	assert_int_equal(r.hub.wire.n, 1);
	assert_int_equal(pump_set_streams(r.pump, NULL, 0), 0);
	assert_int_equal(r.pump->n_undurables, 0);
	fake_hub_drain(&r.hub);
	rig_step(&r);
	assert_int_equal(r.pump->in_flight, 0);
	rig_done(&r);
}

static void test_window_is_the_brokers_and_ours(void **state)
{
	static const uint16_t given[] = { 0, 1, 2, 3, 5, 20, 100, 65535 };

	(void)state;
	for (size_t i = 0; i < sizeof given / sizeof *given; i++) {
		struct rig r;
		size_t most = given[i] == 0 ? 1 : given[i] > 100 ? 100 : given[i];
		rig_init(&r, 1);
		r.hub.receive_max = given[i];
		for (size_t s = 0; s < RIG_STREAMS; s++)
			r.streams[s].bytes = 1;
		rig_preload(&r, 0, CLASS_FIRE, 400, r.now.wall_ms);
		rig_preload(&r, 0, CLASS_FAULT, 400, r.now.wall_ms);
		rig_start(&r);
		r.answer_at_once = true;
		pump_step(r.pump, r.now);
		fake_hub_accept(&r.hub);
		for (int k = 0; k < 50; k++)
			pump_step(r.pump, r.now);
		for (int k = 0; k < 400; k++) { /* live fires take the rest */
			struct rig_stream *s = rig_stream(&r, 1, CLASS_FIRE);
			s->marks[++s->stored] |= RIG_STORED;
			s->at_ms[s->stored] = r.now.wall_ms;
			pump_on_stored(r.pump, s->db, s->stored, NULL, r.now);
			pump_step(r.pump, r.now);
		}
		assert_true(r.hub.most_in_flight <= most);
		assert_true(r.hub.most_in_flight >= (most + 1) / 2);
		rig_done(&r);
	}
}

static void test_link_without_room_is_asked_again(void **state)
{
	struct rig r;

	(void)state;
	rig_init(&r, 1);
	rig_start(&r);
	rig_up(&r);
	r.hub.room = 1;
	rig_store(&r, 0, CLASS_FIRE, 3, true);
	rig_step(&r);
	assert_int_equal(r.hub.wire.n, 1);
	assert_true(r.deadline - r.now.mono_ns <= PUMP_ROOM_RETRY_NS);
	fake_hub_receive(&r.hub, 1);
	rig_pass(&r, 25);
	assert_int_equal(r.hub.wire.n, 1);
	rig_settle(&r);
	rig_check_complete(&r);
	rig_done(&r);
}

static void test_view_and_free_at_any_time(void **state)
{
	struct rig r;
	struct pump_view v;

	(void)state;
	pump_free(NULL);
	rig_init(&r, 1);
	rig_start(&r);
	rig_store(&r, 0, CLASS_FAULT, 3, true);
	rig_store(&r, 0, STREAM_READING, 30, true);
	pump_view(r.pump, &v);
	assert_string_equal(v.state, "waiting");
	assert_int_equal(v.backlog_events, 3);
	assert_int_equal(v.backlog_readings, 30);
	rig_up(&r);
	tell_undurable(&r, CLASS_FAULT, 1);
	reply(&r, "town/a", 5);
	rig_alarm(&r, 0, "a/r", CLASS_FIRE, "x");
	rig_store(&r, 0, CLASS_FAULT, 3, true);
	rig_step(&r);
	pump_view(r.pump, &v);
	assert_true(v.up);
	assert_int_equal(v.in_flight, 6);
	assert_int_equal(v.window, 100);
	rig_done(&r); /* all of it in flight */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_replies_are_bounded_in_number_and_bytes),
		cmocka_unit_test(test_reply_lost_with_the_link_goes_again_unless_it_is_old),
		cmocka_unit_test(test_refused_reply_is_dropped),
		cmocka_unit_test(test_undurable_events_are_bounded_and_a_fire_finds_room),
		cmocka_unit_test(test_undurable_in_flight_is_not_repeated_beside_its_number),
		cmocka_unit_test(test_refused_undurable_waits_with_its_stream),
		cmocka_unit_test(test_window_is_the_brokers_and_ours),
		cmocka_unit_test(test_link_without_room_is_asked_again),
		cmocka_unit_test(test_view_and_free_at_any_time),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
