/* Streams: cursors, tail and backlog, what is gone, what is refused, what the hub does not get. */
#include "tests/lib/pump_rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static int64_t cursor_of(struct rig *r, unsigned stream)
{
	return rig_stream(r, 0, stream)->cursor;
}

static void up(struct rig *r)
{
	rig_init(r, 1);
	rig_start(r);
	rig_up(r);
}

static void test_cursor_moves_over_contiguous_acknowledgements_only(void **state)
{
	struct rig r;

	(void)state;
	up(&r);
	rig_store(&r, 0, CLASS_FAULT, 4, true);
	rig_step(&r);
	assert_int_equal(r.n_asked, 0); /* all from memory */
	fake_hub_receive(&r.hub, 4);
	fake_hub_answer(&r.hub, 2);
	fake_hub_answer(&r.hub, 1);
	rig_step(&r);
	assert_int_equal(cursor_of(&r, CLASS_FAULT), 0);
	fake_hub_answer(&r.hub, 0);
	rig_step(&r);
	assert_int_equal(cursor_of(&r, CLASS_FAULT), 3);
	fake_hub_answer(&r.hub, 0);
	rig_step(&r);
	assert_int_equal(cursor_of(&r, CLASS_FAULT), 4);
	rig_done(&r);
}

static void test_lost_link_sends_again_from_the_cursor(void **state)
{
	struct rig r;
	struct pump_view v;

	(void)state;
	up(&r);
	rig_store(&r, 0, CLASS_FAULT, 5, true);
	rig_step(&r);
	fake_hub_receive(&r.hub, 4);
	fake_hub_answer(&r.hub, 0);
	rig_step(&r);
	fake_hub_answer(&r.hub, 1); /* the third */
	fake_hub_lose(&r.hub, HUB_DOWN_LOST, "gone");
	size_t from = r.hub.log.n;
	rig_up(&r);
	assert_int_equal(r.n_asked, 0); /* kept in memory until acknowledged */
	for (int q = 2; q <= 5; q++) {
		char payload[32];
		from = fake_hub_find(&r.hub, from, "event/fault");
		assert_int_not_equal(from, SIZE_MAX);
		snprintf(payload, sizeof payload, "E %u %d %d ", rig_stream(&r, 0, CLASS_FAULT)->db, q, q);
		assert_memory_equal(r.hub.log.items[from++].payload, payload, strlen(payload));
	}
	pump_view(r.pump, &v);
	assert_int_equal(v.resent, 4);
	assert_int_equal(v.reconnects, 1);
	assert_int_equal(v.backlog_events, 0);
	rig_check_complete(&r);
	rig_done(&r);
}

static void test_backlog_comes_from_the_reader_and_meets_the_tail(void **state)
{
	struct rig r;

	(void)state;
	rig_init(&r, 1);
	rig_preload(&r, 0, CLASS_FAULT, 400, r.now.wall_ms);
	rig_start(&r);
	rig_step(&r);
	fake_hub_accept(&r.hub);
	rig_step(&r);
	assert_true(r.asked);
	assert_int_equal(r.request.after, 0);
	assert_int_equal(r.request.max_bytes, PUMP_READ_EVENT_BYTES);
	rig_store(&r, 0, CLASS_FAULT, 3, true); /* behind the backlog: not to be kept */
	assert_null(pump_lane_find(r.pump, rig_stream(&r, 0, CLASS_FAULT)->db)->head);
	rig_settle(&r);
	rig_check_complete(&r);
	assert_true(r.n_asked >= 400 * 600 / PUMP_READ_EVENT_BYTES);
	/* caught up: memory is enough again */
	r.n_asked = 0;
	rig_store(&r, 0, CLASS_FAULT, 3, true);
	rig_settle(&r);
	assert_int_equal(r.n_asked, 0);
	rig_check_complete(&r);
	/* a record without a message, and what follows it, is fetched */
	rig_store(&r, 0, CLASS_FAULT, 1, false);
	rig_store(&r, 0, CLASS_FAULT, 1, true);
	rig_settle(&r);
	assert_int_equal(r.n_asked, 1);
	rig_check_complete(&r);
	rig_done(&r);
}

static void test_reader_ahead_of_the_news_repeats_nothing(void **state)
{
	struct rig r;

	(void)state;
	rig_init(&r, 1);
	rig_preload(&r, 0, STREAM_READING, 10, r.now.wall_ms);
	rig_start(&r);
	rig_step(&r);
	fake_hub_accept(&r.hub);
	rig_step(&r);
	struct rig_stream *s = rig_stream(&r, 0, STREAM_READING);
	rig_preload(&r, 0, STREAM_READING, 5, r.now.wall_ms); /* committed; the loop does not know yet */
	rig_answer(&r, false);
	assert_int_equal(pump_lane_find(r.pump, s->db)->tail->last, 15);
	struct outmsg *m = outmsg_new("R 8 11 15 ", 10);
	m->first = 11;
	m->last = 15;
	pump_on_stored(r.pump, s->db, 15, m, r.now);
	outmsg_unref(m);
	rig_settle(&r);
	rig_check_complete(&r);
	assert_int_equal(r.n_asked, 1);
	assert_int_equal(fake_hub_find(&r.hub, 1 + fake_hub_find(&r.hub, 0, "/reading"), "/reading"), SIZE_MAX);
	rig_done(&r);
}

static void test_failed_reads_are_tried_again_slower_and_hold_nobody(void **state)
{
	struct rig r;
	unsigned asked_before;

	(void)state;
	rig_init(&r, 1);
	rig_preload(&r, 0, CLASS_FAULT, 5, r.now.wall_ms);
	rig_start(&r);
	rig_step(&r);
	fake_hub_accept(&r.hub);
	rig_step(&r);
	fake_hub_drain(&r.hub);
	for (int64_t wait = 1000; wait <= 64000; wait *= 2) {
		rig_answer(&r, true);
		rig_step(&r);
		asked_before = r.n_asked;
		for (int64_t t = 0; t < (wait < 32000 ? wait : 32000) - 50; t += 50) {
			rig_pass(&r, 50);
			fake_hub_drain(&r.hub);
			if (r.hub.subscribe_asked)
				fake_hub_subscribed(&r.hub);
		}
		assert_int_equal(r.n_asked, asked_before);
		rig_store(&r, 0, CLASS_SUPERVISORY, 1, true);
		rig_step(&r);
		fake_hub_drain(&r.hub);
		rig_pass(&r, 60);
		assert_int_equal(r.n_asked, asked_before + 1);
		assert_int_equal(cursor_of(&r, CLASS_SUPERVISORY), rig_stream(&r, 0, CLASS_SUPERVISORY)->stored);
	}
	rig_settle(&r);
	rig_check_complete(&r);
	rig_done(&r);
}

static void test_slow_reader_holds_less_urgent_streams_for_a_moment_only(void **state)
{
	struct rig r;

	(void)state;
	rig_init(&r, 1);
	rig_preload(&r, 0, CLASS_PREALARM, 5, r.now.wall_ms);
	rig_start(&r);
	rig_store(&r, 0, CLASS_FAULT, 1, true);
	rig_step(&r);
	fake_hub_accept(&r.hub);
	rig_step(&r);
	assert_true(r.asked);
	assert_int_equal(r.hub.wire.n, 1); /* the status */
	rig_alarm(&r, 0, "a/r", CLASS_OPERATION, "x");
	rig_store(&r, 0, CLASS_FIRE, 1, true);
	rig_step(&r);
	assert_int_equal(r.hub.wire.n, 3); /* states and a live fire wait for no reader */
	rig_pass(&r, 260);
	assert_int_equal(r.hub.wire.n, 4);
	assert_non_null(strstr(r.hub.wire.items[3].topic, "event/fault"));
	rig_done(&r);
}

static void test_answer_that_does_not_fit_is_dropped(void **state)
{
	struct rig r;

	(void)state;
	rig_init(&r, 1);
	rig_preload(&r, 0, CLASS_FAULT, 5, r.now.wall_ms);
	rig_start(&r);
	rig_step(&r);
	fake_hub_accept(&r.hub);
	rig_step(&r);
	struct outmsg *m = outmsg_new("x", 1);
	m->first = m->last = 3; /* a gap that was not explained */
	struct pump_backlog_answer a = { .stream_db = r.request.stream_db, .after = 0, .messages = &m, .n = 1 };
	pump_on_backlog(r.pump, &a, r.now);
	r.asked = false;
	a.stream_db = 999;
	pump_on_backlog(r.pump, &a, r.now);
	outmsg_unref(m);
	assert_null(pump_lane_find(r.pump, rig_stream(&r, 0, CLASS_FAULT)->db)->head);
	rig_settle(&r);
	rig_check_complete(&r);
	rig_done(&r);
}

static void test_what_is_gone_is_told_in_its_place(void **state)
{
	struct rig r;
	struct pump_view v;

	(void)state;
	rig_init(&r, 1);
	rig_preload(&r, 0, STREAM_READING, 1000, r.now.wall_ms - 25 * 3600 * 1000);
	rig_preload(&r, 0, STREAM_READING, 10, r.now.wall_ms - 23 * 3600 * 1000);
	rig_start(&r);
	rig_step(&r);
	fake_hub_accept(&r.hub);
	rig_step(&r);
	assert_int_equal(r.request.not_older_than_ms, r.now.wall_ms - 24 * 3600 * 1000);
	rig_settle(&r);
	size_t lost = fake_hub_find(&r.hub, 0, "gw/lost"), reading = fake_hub_find(&r.hub, 0, "gw/reading");
	assert_string_equal(r.hub.log.items[lost].payload,
	                    "{\"v\":1,\"gateway\":\"gw\",\"node\":\"gw\",\"log\":\"9c41e07a\",\"stream\":\"reading\",\"from_seq\":1,\"to_seq\":1000,\"why\":\"backlog\"}");
	assert_false(r.hub.log.items[lost].retain);
	assert_true(lost < reading);
	assert_int_equal(cursor_of(&r, STREAM_READING), 1010);
	pump_view(r.pump, &v);
	assert_int_equal(v.lost, 1000);
	rig_check_complete(&r);
	rig_done(&r);
}

static void test_cursor_waits_for_the_lost_message(void **state)
{
	struct rig r;

	(void)state;
	rig_init(&r, 1);
	rig_preload(&r, 0, CLASS_FAULT, 20, r.now.wall_ms);
	rig_stream(&r, 0, CLASS_FAULT)->first = 11; /* pruned before we started */
	r.answer_at_once = true;
	rig_start(&r);
	rig_step(&r);
	fake_hub_accept(&r.hub);
	rig_step(&r);
	assert_non_null(strstr(r.hub.wire.items[1].payload, "\"from_seq\":1,\"to_seq\":10,\"why\":\"space\""));
	fake_hub_receive(&r.hub, SIZE_MAX);
	while (r.hub.unacked.n > 2)
		fake_hub_answer(&r.hub, 2);
	rig_step(&r);
	assert_int_equal(cursor_of(&r, CLASS_FAULT), 0);
	fake_hub_answer(&r.hub, 1);
	rig_step(&r);
	assert_int_equal(cursor_of(&r, CLASS_FAULT), 20);
	rig_done(&r);
}

static void test_prunings_one_after_another_are_one_loss(void **state)
{
	struct rig r;

	(void)state;
	up(&r);
	r.hub.room = 0; /* nothing leaves */
	rig_store(&r, 0, CLASS_FAULT, 100, false);
	rig_step(&r);
	for (int64_t first = 11; first <= 61; first += 10) {
		rig_prune(&r, 0, CLASS_FAULT, first);
		rig_step(&r);
	}
	const struct pump_lane *l = pump_lane_find(r.pump, rig_stream(&r, 0, CLASS_FAULT)->db);
	assert_ptr_equal(l->head, l->tail);
	assert_int_equal(l->tail->last, 60);
	r.hub.room = SIZE_MAX;
	rig_settle(&r);
	rig_check_complete(&r);
	/* pruned to the end: nothing left to read */
	r.hub.room = 0;
	rig_store(&r, 0, CLASS_FAULT, 5, false);
	rig_prune(&r, 0, CLASS_FAULT, 106);
	r.hub.room = SIZE_MAX;
	rig_settle(&r);
	rig_check_complete(&r);
	rig_done(&r);
}

static void test_untrusted_clock_gives_nothing_up(void **state)
{
	struct rig r;

	(void)state;
	rig_init(&r, 1);
	rig_preload(&r, 0, CLASS_FAULT, 5, r.now.wall_ms - INT64_C(3600000) * 24 * 370);
	r.now.wall_trusted = false;
	rig_start(&r);
	rig_step(&r);
	fake_hub_accept(&r.hub);
	rig_step(&r);
	assert_int_equal(r.request.not_older_than_ms, 0);
	rig_settle(&r);
	assert_int_equal(fake_hub_find(&r.hub, 0, "/lost"), SIZE_MAX);
	rig_check_complete(&r);
	rig_done(&r);
}

static void test_tail_that_grew_old_is_for_the_reader_to_judge(void **state)
{
	struct rig r;

	(void)state;
	up(&r);
	fake_hub_lose(&r.hub, HUB_DOWN_LOST, "gone");
	rig_step(&r);
	rig_store(&r, 0, STREAM_READING, 5, true);
	r.now.mono_ns += 30 * 3600 * CLOCK_NS_PER_S;
	r.now.wall_ms += 30 * 3600 * 1000;
	rig_store(&r, 0, STREAM_READING, 5, true);
	rig_up(&r);
	size_t lost = fake_hub_find(&r.hub, 0, "gw/lost");
	assert_int_not_equal(lost, SIZE_MAX);
	assert_non_null(strstr(r.hub.log.items[lost].payload, "\"from_seq\":1,\"to_seq\":5,\"why\":\"backlog\""));
	rig_check_complete(&r);
	rig_done(&r);
}

static void test_refused_stream_stops_alone_and_is_tried_again(void **state)
{
	struct rig r;
	struct pump_view v;

	(void)state;
	up(&r);
	r.refusals = true;
	r.hub.refuse[0] = "gw/event/fault";
	r.hub.n_refuse = 1;
	rig_store(&r, 0, CLASS_FAULT, 5, true);
	rig_store(&r, 1, CLASS_FAULT, 5, true);
	rig_store(&r, 0, CLASS_SUPERVISORY, 5, true);
	rig_step(&r);
	fake_hub_drain(&r.hub);
	rig_step(&r);
	assert_int_equal(cursor_of(&r, CLASS_FAULT), 0);
	assert_int_equal(cursor_of(&r, CLASS_SUPERVISORY), 5);
	assert_int_equal(rig_stream(&r, 1, CLASS_FAULT)->cursor, 5);
	assert_true(r.fault[PUMP_REFUSED]);
	assert_non_null(strstr(r.fault_text[PUMP_REFUSED], RIG_PREFIX "gw/event/fault"));
	assert_non_null(strstr(r.fault_text[PUMP_REFUSED], "135"));
	pump_view(r.pump, &v);
	assert_int_equal(v.refused, 5);
	for (int i = 0; i < 5; i++) {
		rig_pass(&r, 11900);
		fake_hub_drain(&r.hub);
	}
	pump_view(r.pump, &v);
	assert_int_equal(v.refused, 5); /* no loop */
	r.hub.n_refuse = 0;
	rig_pass(&r, 600);
	fake_hub_drain(&r.hub);
	rig_step(&r);
	assert_int_equal(cursor_of(&r, CLASS_FAULT), 5);
	assert_false(r.fault[PUMP_REFUSED]);
	rig_check_log(&r);
	rig_done(&r);
}

static void test_refusal_in_the_middle_skips_nothing(void **state)
{
	struct rig r;

	(void)state;
	up(&r);
	r.refusals = true;
	rig_store(&r, 0, CLASS_FAULT, 3, true);
	rig_step(&r);
	fake_hub_receive(&r.hub, 1);
	r.hub.refuse[0] = "event/fault";
	r.hub.n_refuse = 1;
	fake_hub_receive(&r.hub, 1);
	r.hub.n_refuse = 0;
	fake_hub_drain(&r.hub);
	rig_step(&r);
	assert_int_equal(cursor_of(&r, CLASS_FAULT), 1);
	size_t from = r.hub.log.n;
	fake_hub_lose(&r.hub, HUB_DOWN_LOST, "gone"); /* the next connection tries at once */
	rig_up(&r);
	assert_int_not_equal(fake_hub_find(&r.hub, from, "event/fault"), SIZE_MAX);
	rig_check_complete(&r);
	rig_done(&r);
}

static void test_streams_not_for_this_hub_hold_nothing(void **state)
{
	struct rig r;

	(void)state;
	rig_init(&r, 1);
	r.config.classes[CLASS_OPERATION] = false;
	r.config.send_readings = false;
	rig_preload(&r, 0, CLASS_OPERATION, 10, r.now.wall_ms);
	rig_start(&r);
	rig_step(&r);
	assert_int_equal(cursor_of(&r, CLASS_OPERATION), 10);
	rig_up(&r);
	for (int i = 0; i < 100; i++) {
		rig_store(&r, 0, STREAM_READING, 10, true);
		rig_step(&r);
	}
	assert_int_equal(cursor_of(&r, STREAM_READING), 0); /* told seldom */
	rig_pass(&r, 61000);
	assert_int_equal(cursor_of(&r, STREAM_READING), 1000);
	assert_int_equal(fake_hub_find(&r.hub, 0, "/reading"), SIZE_MAX);
	assert_int_equal(fake_hub_find(&r.hub, 0, "/event/operation"), SIZE_MAX);
	assert_null(strstr(fake_hub_retained(&r.hub, RIG_PREFIX "gw/status"), "gw/reading"));
	/* from now on it gets them: those that come */
	r.config.send_readings = true;
	pump_set_config(r.pump, &r.config);
	rig_store(&r, 0, STREAM_READING, 10, true);
	rig_settle(&r);
	size_t at = fake_hub_find(&r.hub, 0, "/reading");
	assert_non_null(strstr(r.hub.log.items[at].payload, " 1001 1010 "));
	assert_int_equal(cursor_of(&r, STREAM_READING), 1010);
	/* and no more, in the middle of sending */
	rig_store(&r, 0, STREAM_READING, 10, true);
	rig_step(&r);
	r.config.send_readings = false;
	pump_set_config(r.pump, &r.config);
	rig_settle(&r);
	assert_int_equal(cursor_of(&r, STREAM_READING), 1020);
	assert_int_equal(r.pump->queued_bytes[1], 0);
	rig_done(&r);
}

static void test_memory_is_bounded_while_the_hub_is_away(void **state)
{
	struct rig r;

	(void)state;
	rig_init(&r, 1);
	rig_start(&r);
	for (int i = 0; i < 75; i++) {
		for (unsigned k = 0; k < CLASS_COUNT; k++)
			rig_store(&r, 0, k, 200, true);
		rig_store(&r, 0, STREAM_READING, 250, true);
		rig_step(&r);
	}
	assert_true(r.pump->queued_bytes[0] > PUMP_EVENT_QUEUE_BYTES / 2);
	assert_true(r.pump->queued_bytes[0] <= PUMP_EVENT_QUEUE_BYTES + CLASS_COUNT * 600);
	assert_true(r.pump->queued_bytes[1] <= PUMP_READING_QUEUE_BYTES);
	assert_true(r.pump->n_items <= PUMP_ITEMS);
	rig_settle(&r);
	rig_check_complete(&r);
	rig_done(&r);
}

static void test_reload_keeps_what_is_in_flight(void **state)
{
	struct rig r;
	struct pump_stream s[2];

	(void)state;
	up(&r);
	rig_store(&r, 0, CLASS_FAULT, 3, true);
	rig_store(&r, 0, CLASS_FIRE, 3, true);
	rig_step(&r);
	fake_hub_receive(&r.hub, SIZE_MAX);
	/* the fire stream stays, the fault stream goes; another comes */
	s[0] = (struct pump_stream){ .db = rig_stream(&r, 0, CLASS_FIRE)->db, .stream = CLASS_FIRE, .first = 1, .stored = 3, .acked = 0 };
	s[1] = (struct pump_stream){ .db = RIG_STREAMS, .node = 1, .stream = STREAM_READING, .first = 1, .stored = 0, .acked = 0 };
	assert_int_equal(pump_set_streams(r.pump, s, 2), 0);
	fake_hub_drain(&r.hub);
	rig_step(&r);
	assert_int_equal(cursor_of(&r, CLASS_FIRE), 3);
	assert_int_equal(cursor_of(&r, CLASS_FAULT), 0);
	rig_store(&r, 0, CLASS_FAULT, 1, true); /* not known any more */
	assert_int_equal(r.pump->queued_bytes[0], 0);
	/* and back: its cursor as the app says */
	assert_int_equal(rig_set_streams(&r), 0);
	rig_settle(&r);
	rig_check_complete(&r);
	rig_done(&r);
}

static void test_reload_knows_more_than_was_told(void **state)
{
	struct rig r;

	(void)state;
	up(&r);
	rig_store(&r, 0, CLASS_FAULT, 3, true);
	rig_settle(&r);
	rig_preload(&r, 0, CLASS_FAULT, 4, r.now.wall_ms);
	assert_int_equal(rig_set_streams(&r), 0);
	rig_settle(&r);
	rig_check_complete(&r);
	rig_done(&r);
}

static void test_cursor_beyond_the_store_is_cut(void **state)
{
	struct rig r;

	(void)state;
	rig_init(&r, 1);
	rig_start(&r);
	struct pump_stream s = { .db = 1, .stream = CLASS_FIRE, .first = 1, .stored = 2, .acked = 9 };
	assert_int_equal(pump_set_streams(r.pump, NULL, 0), 0);
	assert_int_equal(pump_set_streams(r.pump, &s, 1), 0);
	assert_int_equal(pump_lane_find(r.pump, 1)->acked, 2);
	rig_done(&r);
}

static void test_numbers_that_begin_anew_are_taken(void **state)
{
	struct rig r;

	(void)state;
	up(&r);
	rig_store(&r, 0, CLASS_FIRE, 30, true);
	rig_settle(&r);
	struct pump_stream s = { .db = rig_stream(&r, 0, CLASS_FIRE)->db, .stream = CLASS_FIRE, .first = 1, .stored = 2, .acked = 0 };
	assert_int_equal(pump_set_streams(r.pump, &s, 1), 0);
	const struct pump_lane *l = pump_lane_find(r.pump, s.db);
	assert_int_equal(l->stored, 2);
	assert_int_equal(l->acked, 0);
	rig_step(&r);
	assert_true(r.asked);
	assert_int_equal(r.request.after, 0);
	rig_done(&r);
}

static void test_records_without_a_number_are_told_as_a_count(void **state)
{
	struct rig r;

	(void)state;
	up(&r);
	pump_on_lost(r.pump, 0, CLASS_FAULT, 3, r.now.wall_ms - 2000, r.now.wall_ms - 1000);
	pump_on_lost(r.pump, 0, CLASS_FAULT, 2, r.now.wall_ms - 3000, r.now.wall_ms - 1500);
	rig_step(&r);
	assert_int_equal(r.hub.wire.n, 1);
	assert_string_equal(r.hub.wire.items[0].topic, RIG_PREFIX "gw/lost");
	char from[CLOCK_TEXT_MAX], to[CLOCK_TEXT_MAX], expected[300];
	snprintf(expected, sizeof expected,
	         "{\"v\":1,\"gateway\":\"gw\",\"node\":\"gw\",\"log\":\"9c41e07a\",\"stream\":\"fault\",\"count\":5,\"from_at\":\"%s\",\"to_at\":\"%s\",\"why\":\"memory\"}",
	         clock_format(r.now.wall_ms - 3000, from), clock_format(r.now.wall_ms - 1000, to));
	assert_string_equal(r.hub.wire.items[0].payload, expected);
	pump_on_lost(r.pump, 0, CLASS_FAULT, 1, r.now.wall_ms, r.now.wall_ms); /* while that is in flight */
	rig_step(&r);
	assert_int_equal(r.hub.wire.n, 1);
	fake_hub_drain(&r.hub);
	rig_step(&r);
	assert_int_equal(r.hub.wire.n, 1);
	assert_non_null(strstr(r.hub.wire.items[0].payload, "\"count\":1,"));
	fake_hub_lose(&r.hub, HUB_DOWN_LOST, "gone");
	size_t at = r.hub.log.n;
	rig_up(&r);
	at = fake_hub_find(&r.hub, at, "/lost");
	assert_non_null(strstr(r.hub.log.items[at].payload, "\"count\":1,"));
	assert_int_equal(fake_hub_find(&r.hub, at + 1, "/lost"), SIZE_MAX);
	rig_done(&r);
}

static void test_nothing_goes_out_before_it_is_stored(void **state)
{
	struct rig r;

	(void)state;
	up(&r);
	size_t n = r.hub.log.n;
	struct outmsg *m = outmsg_new("E 1 2 2 ", 8);
	m->first = m->last = 2; /* the one before it never came */
	pump_on_stored(r.pump, 1, 0, m, r.now);
	rig_step(&r);
	outmsg_unref(m);
	assert_int_equal(r.hub.wire.n, 0);
	assert_int_equal(r.hub.log.n, n);
	rig_done(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cursor_moves_over_contiguous_acknowledgements_only),
		cmocka_unit_test(test_lost_link_sends_again_from_the_cursor),
		cmocka_unit_test(test_backlog_comes_from_the_reader_and_meets_the_tail),
		cmocka_unit_test(test_reader_ahead_of_the_news_repeats_nothing),
		cmocka_unit_test(test_failed_reads_are_tried_again_slower_and_hold_nobody),
		cmocka_unit_test(test_slow_reader_holds_less_urgent_streams_for_a_moment_only),
		cmocka_unit_test(test_answer_that_does_not_fit_is_dropped),
		cmocka_unit_test(test_what_is_gone_is_told_in_its_place),
		cmocka_unit_test(test_cursor_waits_for_the_lost_message),
		cmocka_unit_test(test_prunings_one_after_another_are_one_loss),
		cmocka_unit_test(test_untrusted_clock_gives_nothing_up),
		cmocka_unit_test(test_tail_that_grew_old_is_for_the_reader_to_judge),
		cmocka_unit_test(test_refused_stream_stops_alone_and_is_tried_again),
		cmocka_unit_test(test_refusal_in_the_middle_skips_nothing),
		cmocka_unit_test(test_streams_not_for_this_hub_hold_nothing),
		cmocka_unit_test(test_memory_is_bounded_while_the_hub_is_away),
		cmocka_unit_test(test_reload_keeps_what_is_in_flight),
		cmocka_unit_test(test_reload_knows_more_than_was_told),
		cmocka_unit_test(test_cursor_beyond_the_store_is_cut),
		cmocka_unit_test(test_numbers_that_begin_anew_are_taken),
		cmocka_unit_test(test_records_without_a_number_are_told_as_a_count),
		cmocka_unit_test(test_nothing_goes_out_before_it_is_stored),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
