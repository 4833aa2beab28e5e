/* The machine: connecting, failing, coming back, stopping; and what it says about it. */
#include "tests/lib/pump_rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static const char *state_of(struct rig *r)
{
	static struct pump_view v;

	pump_view(r->pump, &v);
	return v.state;
}

static void test_moves_of_the_table(void **state)
{
	static const char *const allowed[PUMP_STATE_COUNT] = { "SP", "CP", "RWP", "UWP", "RWP", "X", "" };
	static const char letters[] = "WSCRUPX";

	(void)state;
	for (int from = 0; from < PUMP_STATE_COUNT; from++)
		for (int to = 0; to < PUMP_STATE_COUNT; to++)
			assert_int_equal(pump_move_allowed((enum pump_state)from, (enum pump_state)to), strchr(allowed[from], letters[to]) != NULL);
}

static void test_connects_with_session_and_will(void **state)
{
	struct rig r;

	(void)state;
	rig_init(&r, 1);
	rig_start(&r);
	rig_step(&r);
	assert_int_equal(r.sessions_asked, 1);
	assert_int_equal(r.session_at_least, r.now.wall_ms / 1000);
	assert_true(r.hub.attempting);
	assert_int_equal(r.hub.session, r.session_at_least);
	assert_string_equal(r.hub.will_topic, RIG_PREFIX "gw/status");
	assert_non_null(strstr(r.hub.will_payload, "\"online\":false"));
	assert_string_equal(state_of(&r), "connecting");
	fake_hub_accept(&r.hub);
	rig_step(&r);
	assert_string_equal(state_of(&r), "reconciling");
	assert_string_equal(r.hub.wire.items[0].topic, RIG_PREFIX "gw/status");
	assert_true(r.hub.wire.items[0].retain);
	assert_non_null(strstr(r.hub.wire.items[0].payload, "\"online\":true"));
	assert_non_null(strstr(r.hub.wire.items[0].payload, "\"streams\":{\"gw/fire\":{\"first\":1,\"stored\":0,\"sent\":0},"));
	rig_done(&r);
}

static void test_session_rises_with_every_connection(void **state)
{
	struct rig r;

	(void)state;
	rig_init(&r, 1);
	rig_start(&r);
	rig_up(&r);
	int64_t first = r.hub.session;
	r.now.wall_ms -= 3600 * 1000; /* the clock was set back */
	fake_hub_lose(&r.hub, HUB_DOWN_LOST, "gone");
	rig_up(&r);
	assert_int_equal(r.hub.session, first + 1);
	rig_done(&r);
}

static void test_connects_after_a_while_when_no_number_comes(void **state)
{
	struct rig r;

	(void)state;
	rig_init(&r, 1);
	r.hold_session = true;
	rig_start(&r);
	rig_pass(&r, 4000);
	assert_int_equal(r.hub.connects, 0);
	rig_pass(&r, 1500);
	assert_int_equal(r.hub.connects, 1);
	assert_int_equal(r.hub.session, r.session_at_least);
	/* late: of no use any more */
	pump_on_session(r.pump, r.session_at_least + 5, r.now);
	rig_step(&r);
	rig_done(&r);
}

static void test_backoff_doubles_to_30_s_and_urls_take_turns(void **state)
{
	struct rig r;
	int64_t last = 0;

	(void)state;
	rig_init(&r, 7);
	rig_start(&r);
	rig_step(&r);
	for (int i = 0; i < 13; i++) {
		assert_true(r.hub.attempting);
		assert_int_equal(r.hub.url, i % 2);
		fake_hub_lose(&r.hub, HUB_DOWN_UNREACHABLE, "no route");
		int64_t from = r.now.mono_ns;
		while (!r.hub.attempting)
			rig_pass(&r, 10);
		int64_t took = (r.now.mono_ns - from) / CLOCK_NS_PER_MS, full = i >= 6 ? 30000 : 500 << i;
		assert_in_range(took, full / 2, full + 20);
		last = took;
	}
	assert_true(last >= 15000);
	/* a link that lasted begins anew, with the first url */
	assert_int_equal(r.hub.url, 1);
	fake_hub_accept(&r.hub);
	rig_settle(&r);
	fake_hub_lose(&r.hub, HUB_DOWN_LOST, "gone");
	rig_pass(&r, 520);
	assert_true(r.hub.attempting);
	assert_int_equal(r.hub.url, 0);
	rig_done(&r);
}

static void test_two_pumps_with_other_seeds_wait_differently(void **state)
{
	int64_t waited[2];

	(void)state;
	for (uint64_t seed = 0; seed < 2; seed++) {
		struct rig r;
		rig_init(&r, seed + 1);
		rig_start(&r);
		rig_step(&r);
		fake_hub_lose(&r.hub, HUB_DOWN_UNREACHABLE, "no route");
		rig_step(&r);
		waited[seed] = r.deadline - r.now.mono_ns;
		rig_done(&r);
	}
	assert_int_not_equal(waited[0], waited[1]);
}

static void test_unreachable_is_a_fault_after_30_s(void **state)
{
	struct rig r;

	(void)state;
	rig_init(&r, 1);
	rig_start(&r);
	rig_step(&r);
	fake_hub_lose(&r.hub, HUB_DOWN_UNREACHABLE, "connection refused");
	for (int i = 0; i < 29; i++) {
		rig_pass(&r, 1000);
		if (r.hub.attempting)
			fake_hub_lose(&r.hub, HUB_DOWN_UNREACHABLE, "connection refused");
	}
	assert_false(r.fault[PUMP_UNREACHABLE]);
	rig_pass(&r, 2000);
	assert_true(r.fault[PUMP_UNREACHABLE]);
	assert_string_equal(r.fault_text[PUMP_UNREACHABLE], "connection refused");
	while (!r.hub.attempting)
		rig_pass(&r, 1000);
	fake_hub_accept(&r.hub);
	rig_step(&r);
	assert_false(r.fault[PUMP_UNREACHABLE]);
	/* a link that dies at once does not take the fault back for long, nor raise it at each try */
	fake_hub_lose(&r.hub, HUB_DOWN_LOST, "taken over");
	for (int i = 0; i < 120; i++) {
		rig_pass(&r, 1000);
		if (r.hub.attempting) {
			fake_hub_accept(&r.hub);
			rig_pass(&r, 200);
			fake_hub_lose(&r.hub, HUB_DOWN_LOST, "taken over");
		}
	}
	assert_true(r.fault[PUMP_UNREACHABLE]);
	assert_int_equal(r.n_faults[PUMP_UNREACHABLE], 2);
	rig_up(&r);
	assert_false(r.fault[PUMP_UNREACHABLE]);
	rig_done(&r);
}

static void fail_twice(struct rig *r, enum hub_down why, enum pump_fault fault, const char *text)
{
	while (!r->hub.attempting)
		rig_pass(r, 100);
	fake_hub_lose(&r->hub, why, text);
	rig_step(r);
	assert_false(r->fault[fault]);
	while (!r->hub.attempting)
		rig_pass(r, 100);
	fake_hub_lose(&r->hub, why, text);
	rig_step(r);
	assert_true(r->fault[fault]);
	assert_non_null(strstr(r->fault_text[fault], text));
	rig_up(r);
	assert_false(r->fault[fault]);
}

static void test_refusal_and_certificate_are_faults_of_their_own(void **state)
{
	struct rig r;

	(void)state;
	rig_init(&r, 1);
	rig_start(&r);
	fail_twice(&r, HUB_DOWN_REFUSED, PUMP_REFUSED, "bad user name or password");
	fake_hub_lose(&r.hub, HUB_DOWN_LOST, "gone");
	rig_step(&r);
	fail_twice(&r, HUB_DOWN_CERTIFICATE, PUMP_CERTIFICATE, "certificate has expired");
	rig_done(&r);
}

static void test_no_process_is_retried(void **state)
{
	struct rig r;

	(void)state;
	rig_init(&r, 1);
	r.hub.no_process = true;
	rig_start(&r);
	rig_pass(&r, 5000);
	assert_string_equal(state_of(&r), "waiting");
	assert_true(r.sessions_asked >= 3);
	r.hub.no_process = false;
	rig_up(&r);
	rig_done(&r);
}

static void test_attempt_without_answer_is_ended(void **state)
{
	struct rig r;

	(void)state;
	rig_init(&r, 1);
	rig_start(&r);
	rig_pass(&r, 59000);
	assert_int_equal(r.hub.connects, 1);
	rig_pass(&r, 3000);
	assert_int_equal(r.hub.connects, 2);
	rig_done(&r);
}

static void test_commands_come_through_unless_retained_or_foreign(void **state)
{
	struct rig r;
	char big[PUMP_COMMAND_MAX + 2];

	(void)state;
	rig_init(&r, 1);
	rig_start(&r);
	rig_up(&r);
	fake_hub_publish(&r.hub, RIG_PREFIX "tower-b/command/snapshot", "{\"v\":1}", false);
	assert_string_equal(r.command, "1 snapshot");
	assert_string_equal(r.command_payload, "{\"v\":1}");
	assert_string_equal(r.command_response, "town/answers");
	fake_hub_publish(&r.hub, RIG_PREFIX "tower-b/command/snapshot", "{\"v\":1}", true);
	assert_int_equal(r.n_commands, 1);
	memset(big, 'x', sizeof big - 1);
	big[sizeof big - 1] = '\0';
	fake_hub_publish(&r.hub, RIG_PREFIX "gw/command/snapshot", big, false);
	r.hub.events.message(r.pump, RIG_PREFIX "other/command/snapshot", "x", 1, false, NULL, NULL, 0);
	r.hub.events.message(r.pump, RIG_PREFIX "gw/command/", "x", 1, false, NULL, NULL, 0);
	r.hub.events.message(r.pump, RIG_PREFIX "gw/command/a/b", "x", 1, false, NULL, NULL, 0);
	r.hub.events.message(r.pump, RIG_PREFIX "gwcommand/a", "x", 1, false, NULL, NULL, 0);
	assert_int_equal(r.n_commands, 1);
	rig_done(&r);
}

static void test_commands_follow_the_config(void **state)
{
	struct rig r;

	(void)state;
	rig_init(&r, 1);
	r.config.commands = false;
	rig_start(&r);
	rig_up(&r);
	assert_int_equal(r.hub.n_filters, 0);
	r.config.commands = true;
	pump_set_config(r.pump, &r.config);
	rig_up(&r);
	assert_int_equal(r.hub.n_filters, 2);
	fake_hub_publish(&r.hub, RIG_PREFIX "gw/command/refresh", "{}", false);
	assert_int_equal(r.n_commands, 1);
	r.config.commands = false;
	pump_set_config(r.pump, &r.config);
	rig_up(&r);
	assert_int_equal(r.hub.n_filters, 0);
	rig_done(&r);
}

static void test_refused_subscription_is_said_and_holds_nothing_back(void **state)
{
	struct rig r;

	(void)state;
	rig_init(&r, 1);
	r.hub.refuse_subscribe = true;
	rig_start(&r);
	rig_store(&r, 0, CLASS_FIRE, 3, true);
	rig_up(&r);
	assert_true(r.fault[PUMP_REFUSED]);
	assert_non_null(strstr(r.fault_text[PUMP_REFUSED], "subscription"));
	rig_check_complete(&r);
	rig_done(&r);
}

static void test_clean_stop_says_so_last(void **state)
{
	struct rig r;

	(void)state;
	rig_init(&r, 1);
	r.hub.late_down = true;
	rig_start(&r);
	rig_up(&r);
	rig_store(&r, 0, CLASS_FAULT, 3, true);
	rig_step(&r);
	pump_stop(r.pump, r.now);
	rig_store(&r, 0, CLASS_FAULT, 1, true);
	rig_step(&r);
	assert_string_equal(state_of(&r), "stopping");
	assert_non_null(strstr(r.hub.wire.items[r.hub.wire.n - 1].payload, "\"online\":false,\"reason\":\"stopped\""));
	assert_false(r.hub.ending);
	fake_hub_drain(&r.hub);
	rig_step(&r);
	assert_true(r.hub.ending);
	assert_false(pump_stopped(r.pump));
	fake_hub_lose(&r.hub, HUB_DOWN_LOST, "disconnected");
	rig_step(&r);
	assert_true(pump_stopped(r.pump));
	assert_non_null(strstr(fake_hub_retained(&r.hub, RIG_PREFIX "gw/status"), "stopped"));
	assert_int_equal(rig_stream(&r, 0, CLASS_FAULT)->cursor, 3); /* what had gone out was waited for; nothing new went */
	assert_int_equal(pump_step(r.pump, r.now), CLOCK_NEVER);
	rig_done(&r);
}

static void test_stop_does_not_wait_for_a_broker_that_is_silent_or_away(void **state)
{
	struct rig r;

	(void)state;
	rig_init(&r, 1);
	rig_start(&r);
	rig_up(&r);
	rig_store(&r, 0, CLASS_FIRE, 3, true);
	rig_step(&r);
	pump_stop(r.pump, r.now);
	rig_step(&r);
	fake_hub_receive(&r.hub, SIZE_MAX);
	fake_hub_answer(&r.hub, r.hub.unacked.n - 1); /* the status only */
	rig_step(&r);
	assert_false(pump_stopped(r.pump));
	rig_pass(&r, 1100);
	assert_true(pump_stopped(r.pump));
	rig_done(&r);

	rig_init(&r, 1);
	rig_start(&r);
	rig_step(&r);
	pump_stop(r.pump, r.now); /* while connecting */
	rig_step(&r);
	assert_true(pump_stopped(r.pump));
	rig_done(&r);

	rig_init(&r, 1);
	r.hold_session = true;
	rig_start(&r);
	rig_step(&r);
	pump_stop(r.pump, r.now);
	rig_step(&r);
	assert_true(pump_stopped(r.pump));
	rig_done(&r);
}

/* A link that breaks young is shaky for a while; a stop does not end that, and there is no room for its last word. */
static void test_stop_of_a_shaky_link_without_room_waits_at_rest(void **state)
{
	struct rig r;

	(void)state;
	rig_init(&r, 1);
	rig_start(&r);
	rig_up(&r);
	rig_pass(&r, 1000);
	r.pump->up_ns = r.now.mono_ns; /* however long rig_up took */
	fake_hub_lose(&r.hub, HUB_DOWN_LOST, "reset");
	for (int i = 0; i < 100 && !r.hub.attempting; i++)
		rig_pass(&r, 100);
	fake_hub_accept(&r.hub);
	rig_step(&r);
	assert_true(r.pump->linked && r.pump->shaky);
	r.hub.room = 0;
	pump_stop(r.pump, r.now);
	rig_pass(&r, 2 * PUMP_STABLE_NS / CLOCK_NS_PER_MS); /* each step checks that it does not spin */
	assert_false(pump_stopped(r.pump));
	rig_done(&r);
}

static void test_stop_while_connecting_then_connected(void **state)
{
	struct rig r;

	(void)state;
	rig_init(&r, 1);
	r.hub.late_down = true;
	rig_start(&r);
	rig_step(&r);
	pump_stop(r.pump, r.now);
	rig_step(&r);
	assert_true(r.hub.ending);
	fake_hub_accept(&r.hub); /* crossed on the way */
	rig_step(&r);
	fake_hub_lose(&r.hub, HUB_DOWN_LOST, "disconnected");
	rig_step(&r);
	assert_true(pump_stopped(r.pump));
	rig_done(&r);
}

static void test_status_every_30_s_and_soon_when_dirty(void **state)
{
	struct rig r;

	(void)state;
	rig_init(&r, 1);
	rig_start(&r);
	rig_up(&r);
	size_t from = r.hub.log.n;
	for (int i = 0; i < 300; i++) {
		rig_pass(&r, 1000);
		fake_hub_drain(&r.hub);
	}
	size_t n = 0;
	while ((from = fake_hub_find(&r.hub, from, "/status")) != SIZE_MAX) {
		n++;
		from++;
	}
	assert_in_range(n, 9, 10);
	from = r.hub.log.n;
	pump_status_dirty(r.pump);
	rig_pass(&r, 1000);
	fake_hub_drain(&r.hub);
	assert_int_not_equal(fake_hub_find(&r.hub, from, "/status"), SIZE_MAX);
	from = r.hub.log.n;
	for (int i = 0; i < 50; i++) { /* 5 s of changes: one a second */
		pump_status_dirty(r.pump);
		rig_pass(&r, 100);
		fake_hub_drain(&r.hub);
	}
	assert_in_range(r.hub.log.n - from, 4, 6);
	rig_done(&r);
}

static void test_every_allowed_move_is_made(void **state)
{
	unsigned seen[PUMP_STATE_COUNT] = { 0 };

	(void)state;
	for (int stop_at = PUMP_STATE_WAITING; stop_at <= PUMP_STATE_UP; stop_at++) {
		struct rig r;
		rig_init(&r, 1);
		rig_start(&r);
		rig_step(&r);
		fake_hub_lose(&r.hub, HUB_DOWN_UNREACHABLE, "x"); /* connecting → waiting */
		rig_pass(&r, 600);
		fake_hub_accept(&r.hub);
		rig_step(&r);
		fake_hub_lose(&r.hub, HUB_DOWN_LOST, "x"); /* reconciling → waiting */
		rig_up(&r);
		pump_set_config(r.pump, &r.config); /* up → reconciling */
		rig_up(&r);
		fake_hub_lose(&r.hub, HUB_DOWN_LOST, "x"); /* up → waiting */
		r.hold_session = stop_at == PUMP_STATE_SESSION;
		rig_step(&r);
		if (stop_at > PUMP_STATE_WAITING)
			rig_pass(&r, 600);
		if (stop_at > PUMP_STATE_CONNECTING)
			fake_hub_accept(&r.hub);
		if (stop_at == PUMP_STATE_UP)
			rig_up(&r);
		rig_step(&r);
		assert_int_equal(r.pump->state, stop_at);
		pump_stop(r.pump, r.now);
		rig_settle(&r);
		assert_true(pump_stopped(r.pump));
		for (int i = 0; i < PUMP_STATE_COUNT; i++)
			seen[i] |= r.pump->moved[i];
		rig_done(&r);
	}
	for (int from = 0; from < PUMP_STATE_COUNT; from++)
		for (int to = 0; to < PUMP_STATE_COUNT; to++)
			assert_int_equal(seen[from] >> to & 1, pump_move_allowed((enum pump_state)from, (enum pump_state)to));
}

static void test_answers_of_an_old_connection_are_nothing(void **state)
{
	struct rig r;

	(void)state;
	rig_init(&r, 1);
	rig_start(&r);
	rig_up(&r);
	rig_store(&r, 0, CLASS_FIRE, 1, true);
	rig_step(&r);
	uint64_t token = r.hub.wire.items[0].token;
	fake_hub_lose(&r.hub, HUB_DOWN_LOST, "gone");
	r.hub.events.delivered(r.pump, token);
	rig_step(&r);
	r.hub.events.delivered(r.pump, token);
	r.hub.events.delivered(r.pump, 0);
	r.hub.events.refused(r.pump, UINT64_MAX, 135, "x");
	rig_step(&r);
	assert_int_equal(rig_stream(&r, 0, CLASS_FIRE)->cursor, 0);
	rig_up(&r);
	rig_check_complete(&r);
	rig_done(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_moves_of_the_table),
		cmocka_unit_test(test_connects_with_session_and_will),
		cmocka_unit_test(test_session_rises_with_every_connection),
		cmocka_unit_test(test_connects_after_a_while_when_no_number_comes),
		cmocka_unit_test(test_backoff_doubles_to_30_s_and_urls_take_turns),
		cmocka_unit_test(test_two_pumps_with_other_seeds_wait_differently),
		cmocka_unit_test(test_unreachable_is_a_fault_after_30_s),
		cmocka_unit_test(test_refusal_and_certificate_are_faults_of_their_own),
		cmocka_unit_test(test_no_process_is_retried),
		cmocka_unit_test(test_attempt_without_answer_is_ended),
		cmocka_unit_test(test_commands_come_through_unless_retained_or_foreign),
		cmocka_unit_test(test_commands_follow_the_config),
		cmocka_unit_test(test_refused_subscription_is_said_and_holds_nothing_back),
		cmocka_unit_test(test_clean_stop_says_so_last),
		cmocka_unit_test(test_stop_does_not_wait_for_a_broker_that_is_silent_or_away),
		cmocka_unit_test(test_stop_of_a_shaky_link_without_room_waits_at_rest),
		cmocka_unit_test(test_stop_while_connecting_then_connected),
		cmocka_unit_test(test_status_every_30_s_and_soon_when_dirty),
		cmocka_unit_test(test_every_allowed_move_is_made),
		cmocka_unit_test(test_answers_of_an_old_connection_are_nothing),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
