/* States: what the broker has retained is what stands in the table, and nothing else. */
#include "tests/lib/pump_rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static void test_alarm_ends_with_its_normal_state_then_nothing(void **state)
{
	struct rig r;

	(void)state;
	rig_fresh(&r);
	rig_alarm(&r, 0, "a/r", CLASS_FIRE, "active");
	rig_step(&r);
	fake_hub_drain(&r.hub);
	rig_step(&r);
	assert_string_equal(fake_hub_retained(&r.hub, RIG_ALARM("a~r")), "active");
	rig_clear(&r, 0, "a/r", "normal");
	rig_step(&r);
	assert_int_equal(r.hub.wire.n, 1); /* one at a time on a topic */
	assert_string_equal(r.hub.wire.items[0].payload, "normal");
	assert_true(r.hub.wire.items[0].retain);
	fake_hub_drain(&r.hub);
	rig_step(&r);
	assert_int_equal(r.hub.wire.n, 1);
	assert_int_equal(r.hub.wire.items[0].len, 0);
	assert_true(r.hub.wire.items[0].retain);
	assert_int_not_equal(states_find(&r.states, 0, "alarm/a~r"), SIZE_MAX);
	fake_hub_drain(&r.hub);
	rig_step(&r);
	assert_null(fake_hub_retained(&r.hub, RIG_ALARM("a~r")));
	assert_int_equal(states_find(&r.states, 0, "alarm/a~r"), SIZE_MAX);
	rig_done(&r);
}

static void test_newest_version_follows_the_one_in_flight(void **state)
{
	struct rig r;

	(void)state;
	rig_fresh(&r);
	rig_alarm(&r, 0, "a/r", CLASS_FAULT, "1");
	rig_step(&r);
	rig_alarm(&r, 0, "a/r", CLASS_FAULT, "2");
	rig_step(&r);
	rig_alarm(&r, 0, "a/r", CLASS_FAULT, "3");
	rig_step(&r);
	assert_int_equal(r.hub.wire.n, 1);
	fake_hub_drain(&r.hub);
	rig_step(&r);
	assert_int_equal(r.hub.wire.n, 1);
	assert_string_equal(r.hub.wire.items[0].payload, "3");
	/* cleared and raised again while that is in flight: only the raising counts */
	rig_clear(&r, 0, "a/r", "normal");
	rig_step(&r);
	rig_alarm(&r, 0, "a/r", CLASS_FAULT, "4");
	fake_hub_drain(&r.hub);
	rig_step(&r);
	fake_hub_drain(&r.hub);
	rig_settle(&r);
	assert_string_equal(fake_hub_retained(&r.hub, RIG_ALARM("a~r")), "4");
	rig_check_retained(&r);
	/* raised again while the empty one is in flight */
	rig_clear(&r, 0, "a/r", NULL);
	rig_step(&r);
	assert_int_equal(r.hub.wire.items[0].len, 0);
	rig_alarm(&r, 0, "a/r", CLASS_FAULT, "5");
	rig_settle(&r);
	rig_check_retained(&r);
	rig_done(&r);
}

static void test_broker_that_lost_its_store_gets_everything_again(void **state)
{
	struct rig r;

	(void)state;
	rig_fresh(&r);
	rig_alarm(&r, 0, "a/r", CLASS_FIRE, "active");
	rig_alarm(&r, 1, "b/r", CLASS_FAULT, "active");
	rig_page(&r, "directory/1");
	rig_settle(&r);
	rig_check_retained(&r);
	fake_hub_forget(&r.hub);
	fake_hub_lose(&r.hub, HUB_DOWN_LOST, "crash");
	rig_clear(&r, 1, "b/r", "normal");
	rig_alarm(&r, 0, "c/r", CLASS_FAULT, "active");
	rig_up(&r);
	rig_check_retained(&r);
	assert_non_null(fake_hub_retained(&r.hub, RIG_ALARM("c~r")));
	rig_done(&r);
}

static void test_refresh_sends_all_again(void **state)
{
	struct rig r;

	(void)state;
	rig_fresh(&r);
	rig_alarm(&r, 0, "a/r", CLASS_FIRE, "active");
	rig_page(&r, "directory/1");
	rig_settle(&r);
	fake_hub_forget(&r.hub);
	rig_pass(&r, 1100);
	fake_hub_drain(&r.hub);
	rig_step(&r);
	assert_int_equal(r.hub.wire.n, 0); /* by itself, no */
	pump_refresh(r.pump, r.now);
	rig_step(&r);
	assert_int_equal(r.hub.wire.n, 3);
	rig_settle(&r);
	rig_check_retained(&r);
	rig_done(&r);
}

static void test_stale_retained_is_cleared(void **state)
{
	struct rig r;

	(void)state;
	rig_init(&r, 1);
	fake_hub_retain(&r.hub, RIG_ALARM("gone~r"), "stale");
	fake_hub_retain(&r.hub, RIG_ALARM("open~r"), "old");
	fake_hub_retain(&r.hub, RIG_ALARM("back~r"), "stale");
	fake_hub_retain(&r.hub, RIG_PREFIX "gw/directory/2", "page");
	fake_hub_retain(&r.hub, RIG_PREFIX "gw/directory/3", "page beyond");
	fake_hub_retain(&r.hub, RIG_PREFIX "tower-b/directory/1", "not made yet");
	fake_hub_retain(&r.hub, RIG_PREFIX "gw/report/2026-10", "last month");
	rig_alarm(&r, 0, "open/r", CLASS_FIRE, "active");
	rig_page(&r, "directory/1");
	rig_page(&r, "directory/2");
	rig_start(&r);
	rig_step(&r);
	fake_hub_accept(&r.hub);
	rig_step(&r);
	fake_hub_subscribed(&r.hub); /* commands */
	rig_step(&r);
	r.hub.room = 0; /* the clearing cannot go yet */
	fake_hub_subscribed(&r.hub);
	rig_step(&r);
	rig_alarm(&r, 0, "back/r", CLASS_FAULT, "raised meanwhile");
	rig_step(&r);
	r.hub.room = SIZE_MAX;
	size_t from = r.hub.log.n;
	rig_settle(&r);
	for (size_t i = from; i < r.hub.log.n; i++)
		assert_false(strstr(r.hub.log.items[i].topic, "back~r") && r.hub.log.items[i].len == 0);
	assert_null(fake_hub_retained(&r.hub, RIG_ALARM("gone~r")));
	assert_string_equal(fake_hub_retained(&r.hub, RIG_ALARM("open~r")), "active");
	assert_string_equal(fake_hub_retained(&r.hub, RIG_ALARM("back~r")), "raised meanwhile");
	assert_non_null(fake_hub_retained(&r.hub, RIG_PREFIX "gw/directory/2"));
	assert_null(fake_hub_retained(&r.hub, RIG_PREFIX "gw/directory/3"));
	assert_non_null(fake_hub_retained(&r.hub, RIG_PREFIX "tower-b/directory/1"));
	assert_non_null(fake_hub_retained(&r.hub, RIG_PREFIX "gw/report/2026-10"));
	assert_int_equal(r.hub.unsubscribes, 1);
	assert_int_equal(r.hub.n_filters, RIG_NODES); /* the commands' stay */
	rig_done(&r);
}

static void test_more_stale_topics_than_the_list_holds(void **state)
{
	struct rig r;

	(void)state;
	rig_init(&r, 1);
	for (int i = 0; i < 2 * PUMP_CLEARS + 50; i++) {
		char topic[80];
		snprintf(topic, sizeof topic, RIG_PREFIX "gw/alarm/stale-%d", i);
		fake_hub_retain(&r.hub, topic, "x");
	}
	rig_start(&r);
	rig_up(&r);
	rig_check_retained(&r);
	assert_int_equal(r.hub.unsubscribes, 3);
	rig_done(&r);
}

static void test_reconciling_holds_back_nothing(void **state)
{
	struct rig r;

	(void)state;
	rig_init(&r, 1);
	rig_start(&r);
	rig_step(&r);
	fake_hub_accept(&r.hub);
	rig_step(&r);
	fake_hub_drain(&r.hub);
	/* the subscription is never answered */
	rig_alarm(&r, 0, "a/r", CLASS_FIRE, "active");
	rig_store(&r, 0, CLASS_FIRE, 1, true);
	rig_store(&r, 0, STREAM_READING, 1, true);
	rig_step(&r);
	assert_int_equal(r.hub.wire.n, 3);
	for (int i = 0; i < 700; i++) {
		rig_pass(&r, 1000);
		fake_hub_drain(&r.hub);
	}
	assert_int_equal(r.pump->state, PUMP_STATE_UP); /* it gave up waiting */
	rig_done(&r);
}

static void test_refused_alarm_holds_only_itself(void **state)
{
	struct rig r;

	(void)state;
	rig_fresh(&r);
	r.hub.refuse[0] = "alarm/bad";
	r.hub.n_refuse = 1;
	rig_alarm(&r, 0, "bad/r", CLASS_FIRE, "active");
	rig_alarm(&r, 0, "good/r", CLASS_FIRE, "active");
	rig_step(&r);
	fake_hub_drain(&r.hub);
	rig_step(&r);
	assert_true(r.fault[PUMP_REFUSED]);
	assert_non_null(strstr(r.fault_text[PUMP_REFUSED], RIG_ALARM("bad~r")));
	assert_non_null(fake_hub_retained(&r.hub, RIG_ALARM("good~r")));
	uint64_t refused = r.pump->count.refused;
	for (int i = 0; i < 59; i++) {
		rig_pass(&r, 1000);
		rig_alarm(&r, 0, "bad/r", CLASS_FIRE, "still active"); /* changes do not make it a loop */
		fake_hub_drain(&r.hub);
	}
	assert_int_equal(r.pump->count.refused, refused);
	r.hub.n_refuse = 0;
	rig_pass(&r, 2000);
	fake_hub_drain(&r.hub);
	rig_step(&r);
	assert_string_equal(fake_hub_retained(&r.hub, RIG_ALARM("bad~r")), "still active");
	assert_false(r.fault[PUMP_REFUSED]);
	rig_done(&r);
}

static void test_refused_status_is_tried_each_minute(void **state)
{
	struct rig r;

	(void)state;
	rig_init(&r, 1);
	r.hub.refuse[0] = "/status";
	r.hub.n_refuse = 1;
	rig_start(&r);
	rig_store(&r, 0, CLASS_FIRE, 1, true);
	rig_up(&r);
	assert_true(r.fault[PUMP_REFUSED]);
	uint64_t refused = r.pump->count.refused;
	for (int i = 0; i < 180; i++) {
		pump_status_dirty(r.pump);
		rig_pass(&r, 1000);
		fake_hub_drain(&r.hub);
	}
	assert_in_range(r.pump->count.refused - refused, 2, 4);
	rig_check_complete(&r);
	r.hub.n_refuse = 0;
	rig_settle(&r);
	assert_false(r.fault[PUMP_REFUSED]);
	rig_done(&r);
}

static void test_classes_not_for_this_hub_stay_away(void **state)
{
	struct rig r;

	(void)state;
	rig_init(&r, 1);
	r.config.classes[CLASS_FAULT] = false;
	fake_hub_retain(&r.hub, RIG_ALARM("b~r"), "of another hub's settings");
	rig_start(&r);
	rig_alarm(&r, 0, "a/r", CLASS_FAULT, "active");
	rig_alarm(&r, 0, "b/r", CLASS_FAULT, "active");
	rig_up(&r);
	assert_null(fake_hub_retained(&r.hub, RIG_ALARM("a~r")));
	assert_non_null(fake_hub_retained(&r.hub, RIG_ALARM("b~r"))); /* it is open: not ours to clear */
	rig_clear(&r, 0, "a/r", "normal");
	rig_step(&r);
	assert_int_equal(states_find(&r.states, 0, "alarm/a~r"), SIZE_MAX);
	assert_int_equal(fake_hub_find(&r.hub, 0, "a~r"), SIZE_MAX);
	rig_done(&r);
}

static void test_entry_waits_for_the_slower_of_two_hubs(void **state)
{
	struct rig r, other;

	(void)state;
	rig_fresh(&r);
	rig_init(&other, 2);
	other.pump = pump_new(&other.config, &other.ops, &r.states, other.now); /* never connects */
	assert_non_null(other.pump);
	rig_alarm(&r, 0, "a/r", CLASS_FIRE, "active");
	rig_settle(&r);
	rig_clear(&r, 0, "a/r", "normal");
	rig_settle(&r);
	assert_null(fake_hub_retained(&r.hub, RIG_ALARM("a~r")));
	assert_int_not_equal(states_find(&r.states, 0, "alarm/a~r"), SIZE_MAX);
	/* cleared here: a new connection does not send it again */
	fake_hub_lose(&r.hub, HUB_DOWN_LOST, "gone");
	size_t from = r.hub.log.n;
	rig_up(&r);
	assert_int_equal(fake_hub_find(&r.hub, from, "a~r"), SIZE_MAX);
	/* but what the broker shows of it all the same is cleared */
	fake_hub_retain(&r.hub, RIG_ALARM("a~r"), "restored from a copy");
	fake_hub_lose(&r.hub, HUB_DOWN_LOST, "gone");
	rig_up(&r);
	assert_null(fake_hub_retained(&r.hub, RIG_ALARM("a~r")));
	pump_free(other.pump);
	other.pump = NULL;
	assert_int_equal(states_find(&r.states, 0, "alarm/a~r"), SIZE_MAX);
	rig_done(&r);
	rig_done(&other);
}

static void test_hub_never_there_does_not_fill_the_table(void **state)
{
	struct rig r;

	(void)state;
	rig_init(&r, 1);
	rig_start(&r);
	rig_alarm(&r, 0, "stays/r", CLASS_FIRE, "active");
	for (int i = 0; i < 500; i++) {
		char id[24];
		snprintf(id, sizeof id, "p%d/r", i);
		rig_alarm(&r, 0, id, CLASS_FIRE, "active");
		rig_clear(&r, 0, id, "normal");
		if (i % 7 == 0)
			rig_step(&r);
	}
	assert_true(r.states.n_used <= r.states.max);
	rig_up(&r);
	rig_check_retained(&r);
	assert_non_null(fake_hub_retained(&r.hub, RIG_ALARM("stays~r")));
	rig_done(&r);
}

static void test_slot_taken_by_another_while_its_message_is_in_flight(void **state)
{
	struct rig r;

	(void)state;
	rig_fresh(&r);
	rig_alarm(&r, 0, "a/r", CLASS_FIRE, "active");
	rig_settle(&r);
	rig_clear(&r, 0, "a/r", "normal");
	rig_step(&r);
	assert_string_equal(r.hub.wire.items[0].payload, "normal");
	for (int i = 0; i < 64; i++) { /* the table's last place */
		char id[24];
		snprintf(id, sizeof id, "p%d/r", i);
		rig_alarm(&r, 0, id, CLASS_FIRE, "active");
	}
	assert_int_equal(r.states.evicted, 1);
	rig_step(&r);
	fake_hub_receive(&r.hub, SIZE_MAX);
	size_t in_flight = r.hub.unacked.n;
	fake_hub_answer(&r.hub, 0); /* the old one: says nothing about the new */
	rig_step(&r);
	assert_int_equal(r.hub.unacked.n + r.hub.wire.n, in_flight - 1);
	rig_settle(&r);
	assert_string_equal(fake_hub_retained(&r.hub, RIG_ALARM("a~r")), "normal");
	fake_hub_lose(&r.hub, HUB_DOWN_LOST, "gone");
	rig_up(&r);
	rig_check_retained(&r); /* the next connection found it */
	rig_done(&r);
}

static void test_without_status_there_is_no_will(void **state)
{
	struct rig r;

	(void)state;
	rig_init(&r, 1);
	r.config.send_status = false;
	rig_start(&r);
	rig_alarm(&r, 0, "a/r", CLASS_FIRE, "active");
	rig_up(&r);
	assert_null(r.hub.will_topic);
	assert_int_equal(fake_hub_find(&r.hub, 0, "/status"), SIZE_MAX);
	rig_check_retained(&r);
	pump_stop(r.pump, r.now);
	rig_step(&r);
	assert_true(pump_stopped(r.pump));
	rig_done(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_alarm_ends_with_its_normal_state_then_nothing),
		cmocka_unit_test(test_newest_version_follows_the_one_in_flight),
		cmocka_unit_test(test_broker_that_lost_its_store_gets_everything_again),
		cmocka_unit_test(test_refresh_sends_all_again),
		cmocka_unit_test(test_stale_retained_is_cleared),
		cmocka_unit_test(test_more_stale_topics_than_the_list_holds),
		cmocka_unit_test(test_reconciling_holds_back_nothing),
		cmocka_unit_test(test_refused_alarm_holds_only_itself),
		cmocka_unit_test(test_refused_status_is_tried_each_minute),
		cmocka_unit_test(test_classes_not_for_this_hub_stay_away),
		cmocka_unit_test(test_entry_waits_for_the_slower_of_two_hubs),
		cmocka_unit_test(test_hub_never_there_does_not_fill_the_table),
		cmocka_unit_test(test_slot_taken_by_another_while_its_message_is_in_flight),
		cmocka_unit_test(test_without_status_there_is_no_will),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
