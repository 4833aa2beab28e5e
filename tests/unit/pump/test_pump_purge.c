/* A purge: nothing is left at the broker, and it does not stay so for long. */
#include "tests/lib/pump_rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static size_t retained(const struct rig *r)
{
	size_t n = 0;

	for (size_t i = 0; i < r->hub.retained.n; i++)
		n += r->hub.retained.items[i].len > 0;
	return n;
}

static const char *word(struct rig *r)
{
	static struct pump_view v;

	pump_view(r->pump, &v);
	return v.state;
}

/* A hub with an alarm, a page, the status, and a leftover of another life, all of which is cleared. */
static void purged(struct rig *r)
{
	struct err e;

	rig_fresh(r);
	rig_alarm(r, 0, "a/r", CLASS_FAULT, "active");
	rig_page(r, "directory/1");
	rig_settle(r);
	fake_hub_retain(&r->hub, RIG_ALARM("ghost~r"), "of another life");
	assert_int_equal(retained(r), 4);
	assert_int_equal(pump_purge(r->pump, r->now, &e), 0);
	rig_settle(r);
	rig_pass(r, 5000);
	rig_settle(r);
	assert_string_equal(word(r), "purged");
	assert_int_equal(retained(r), 0);
}

static void test_purge_leaves_nothing(void **state)
{
	struct rig r;
	struct pump_view v;

	(void)state;
	purged(&r);
	pump_view(r.pump, &v);
	assert_true(v.purge_cleared >= 4 && !v.purge_partly);
	/* Events go on, states and status do not come back by themselves; a directory that is made anew is no reason. */
	rig_store(&r, 0, CLASS_FIRE, 1, true);
	rig_page(&r, "directory/1");
	pump_status_dirty(r.pump);
	rig_settle(&r);
	assert_int_not_equal(fake_hub_find(&r.hub, 0, "gw/event/fire"), SIZE_MAX);
	rig_pass(&r, 120000);
	rig_settle(&r);
	assert_int_equal(retained(&r), 0);
	pump_stop(r.pump, r.now);
	rig_settle(&r);
	assert_true(pump_stopped(r.pump));
	assert_int_equal(retained(&r), 0); /* not even that it is offline */
	rig_done(&r);
}

static void all_is_back(struct rig *r)
{
	rig_settle(r);
	rig_pass(r, 1100);
	rig_settle(r);
	assert_string_equal(word(r), "up");
	rig_check_retained(r);
	assert_non_null(fake_hub_retained(&r->hub, RIG_ALARM("a~r")));
	assert_non_null(fake_hub_retained(&r->hub, RIG_PREFIX "gw/status"));
}

static void test_purge_ends_with_the_next_alarm(void **state)
{
	struct rig r;

	(void)state;
	purged(&r);
	rig_alarm(&r, 0, "b/r", CLASS_FIRE, "active");
	all_is_back(&r);
	assert_non_null(fake_hub_retained(&r.hub, RIG_ALARM("b~r")));
	rig_done(&r);
}

static void test_purge_ends_by_time_by_refresh_and_by_a_connection(void **state)
{
	struct rig r;

	(void)state;
	purged(&r);
	rig_pass(&r, 601000);
	all_is_back(&r);
	rig_done(&r);
	purged(&r);
	pump_refresh(r.pump, r.now);
	all_is_back(&r);
	rig_done(&r);
	purged(&r);
	fake_hub_lose(&r.hub, HUB_DOWN_LOST, "reset");
	rig_up(&r);
	all_is_back(&r);
	rig_done(&r);
}

static void test_purge_of_what_the_broker_does_not_show(void **state)
{
	struct rig r;
	struct pump_view v;
	struct err e;

	(void)state;
	rig_init(&r, 1);
	rig_start(&r);
	assert_int_equal(pump_purge(r.pump, r.now, &e), -1); /* not connected */
	assert_int_equal(e.code, ERR_REFUSED);
	rig_up(&r);
	rig_alarm(&r, 0, "a/r", CLASS_FAULT, "active");
	rig_settle(&r);
	r.hub.refuse_subscribe = true;
	assert_int_equal(pump_purge(r.pump, r.now, &e), 0);
	rig_settle(&r);
	rig_pass(&r, 5000);
	rig_settle(&r);
	pump_view(r.pump, &v);
	assert_string_equal(v.state, "purged");
	assert_true(v.purge_partly);
	assert_int_equal(retained(&r), 0); /* what we know of is gone all the same */
	rig_done(&r);
}

/* More nodes than one subscription takes: what is retained is compared, and purged, all the same. */
static void test_many_nodes(void **state)
{
	enum { NODES = 300 };
	static char names[NODES][64];
	static const char *prefixes[NODES], *nodes[NODES];
	struct rig r;
	struct err e;

	(void)state;
	rig_init(&r, 1);
	for (size_t i = 0; i < NODES; i++) {
		snprintf(names[i], sizeof names[i], RIG_PREFIX "n%zu", i);
		prefixes[i] = i < RIG_NODES ? r.config.prefixes[i] : names[i];
		nodes[i] = prefixes[i] + strlen(RIG_PREFIX);
	}
	r.config.prefixes = prefixes;
	r.config.nodes = nodes;
	r.config.n_nodes = NODES;
	r.config.commands = true;
	fake_hub_retain(&r.hub, RIG_PREFIX "n299/alarm/gone~r", "stale");
	rig_start(&r);
	rig_up(&r);
	assert_null(fake_hub_retained(&r.hub, RIG_PREFIX "n299/alarm/gone~r"));
	assert_int_equal(r.hub.n_filters, NODES); /* the commands' stay, and the last node's too */
	fake_hub_publish(&r.hub, RIG_PREFIX "n299/command/refresh", "{}", false);
	assert_int_equal(r.n_commands, 1);
	rig_alarm(&r, 299, "a/r", CLASS_FAULT, "active");
	rig_settle(&r);
	assert_int_equal(pump_purge(r.pump, r.now, &e), 0);
	rig_settle(&r);
	assert_string_equal(word(&r), "purged");
	assert_int_equal(retained(&r), 0);
	rig_done(&r);
}

/* Of a second building, of a status that an earlier config sent, and of more alarms than the list of clears holds, on a broker that shows nothing of them. */
static void test_purge_of_all_kinds(void **state)
{
	struct rig r;
	struct err e;
	char id[16];

	(void)state;
	rig_init(&r, 1);
	states_done(&r.states);
	assert_int_equal(states_init(&r.states, 700), 0);
	r.config.send_status = false;
	rig_start(&r);
	rig_up(&r);
	fake_hub_retain(&r.hub, RIG_PREFIX "gw/building/b", "with telephones");
	fake_hub_retain(&r.hub, RIG_PREFIX "gw/status", "of an earlier config");
	assert_int_equal(pump_purge(r.pump, r.now, &e), 0);
	rig_settle(&r);
	assert_string_equal(word(&r), "purged");
	assert_int_equal(retained(&r), 0);
	pump_refresh(r.pump, r.now);
	for (int i = 0; i < 600; i++) {
		snprintf(id, sizeof id, "a%d/r", i);
		rig_alarm(&r, 0, id, CLASS_FAULT, "active");
	}
	rig_settle(&r);
	assert_int_equal(retained(&r), 600);
	r.hub.refuse_subscribe = true;
	assert_int_equal(pump_purge(r.pump, r.now, &e), 0);
	rig_settle(&r);
	assert_string_equal(word(&r), "purged");
	assert_int_equal(retained(&r), 0);
	rig_done(&r);
}

/* A broker that never answers the question: the 10 minutes count from the beginning, and then everything is there again. */
static void test_purge_that_cannot_end(void **state)
{
	struct rig r;
	struct err e;

	(void)state;
	rig_fresh(&r);
	rig_alarm(&r, 0, "a/r", CLASS_FAULT, "active");
	rig_settle(&r);
	assert_int_equal(pump_purge(r.pump, r.now, &e), 0);
	for (int s = 0; s < 599; s++) {
		rig_pass(&r, 1000);
		fake_hub_drain(&r.hub);
	}
	assert_string_equal(word(&r), "purging");
	assert_int_equal(retained(&r), 0);
	for (int s = 0; s < 5; s++) {
		rig_pass(&r, 1000);
		fake_hub_drain(&r.hub);
	}
	rig_step(&r);
	assert_non_null(fake_hub_retained(&r.hub, RIG_ALARM("a~r")));
	assert_non_null(fake_hub_retained(&r.hub, RIG_PREFIX "gw/status"));
	rig_done(&r);
}

/* Cleared behind a message that is on its way, and wanted again before that one is acknowledged: its acknowledgement says nothing of what the broker has. */
static void test_purge_ended_with_a_state_in_flight(void **state)
{
	struct rig r;
	struct err e;

	(void)state;
	rig_fresh(&r);
	rig_alarm(&r, 0, "a/r", CLASS_FAULT, "active");
	rig_step(&r);
	assert_int_equal(r.hub.wire.n, 1); /* sent, not acknowledged */
	assert_int_equal(pump_purge(r.pump, r.now, &e), 0);
	rig_step(&r);
	pump_refresh(r.pump, r.now);
	all_is_back(&r);
	rig_done(&r);
}

/* What a purge withholds does not wait behind a backlog on a slow link. */
static void test_purge_goes_before_a_backlog(void **state)
{
	struct rig r;
	struct err e;

	(void)state;
	rig_fresh(&r);
	rig_alarm(&r, 0, "a/r", CLASS_FAULT, "active");
	rig_settle(&r);
	rig_store(&r, 0, CLASS_FAULT, 500, true);
	assert_int_equal(pump_purge(r.pump, r.now, &e), 0);
	r.hub.room = 1;
	size_t from = r.hub.log.n;
	for (int i = 0; i < 4; i++) {
		rig_step(&r);
		fake_hub_drain(&r.hub);
	}
	assert_int_not_equal(fake_hub_find(&r.hub, from, "alarm/a~r"), SIZE_MAX);
	r.hub.room = SIZE_MAX;
	rig_settle(&r);
	assert_int_equal(retained(&r), 0);
	rig_done(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_purge_leaves_nothing),
		cmocka_unit_test(test_purge_ends_with_the_next_alarm),
		cmocka_unit_test(test_purge_ends_by_time_by_refresh_and_by_a_connection),
		cmocka_unit_test(test_purge_of_what_the_broker_does_not_show),
		cmocka_unit_test(test_many_nodes),
		cmocka_unit_test(test_purge_of_all_kinds),
		cmocka_unit_test(test_purge_that_cannot_end),
		cmocka_unit_test(test_purge_ended_with_a_state_in_flight),
		cmocka_unit_test(test_purge_goes_before_a_backlog),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
