/* A purge: nothing is left at the broker, and it does not stay so for long. */
#include "tests/lib/pump_rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define ALARM(id) RIG_PREFIX "gw/alarm/" id

static void up(struct rig *r)
{
	rig_init(r, 1);
	rig_start(r);
	rig_up(r);
}

static void page(struct rig *r, const char *topic)
{
	struct outmsg *m = outmsg_new(topic, strlen(topic));

	assert_int_equal(states_set(&r->states, STATE_KIND_DIRECTORY, 0, topic, 7, m), 0);
	outmsg_unref(m);
}

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

	up(r);
	rig_alarm(r, 0, "a/r", CLASS_FAULT, "active");
	page(r, "directory/1");
	rig_settle(r);
	fake_hub_retain(&r->hub, ALARM("ghost~r"), "of another life");
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
	page(&r, "directory/1");
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
	assert_non_null(fake_hub_retained(&r->hub, ALARM("a~r")));
	assert_non_null(fake_hub_retained(&r->hub, RIG_PREFIX "gw/status"));
}

static void test_purge_ends_with_the_next_alarm(void **state)
{
	struct rig r;

	(void)state;
	purged(&r);
	rig_alarm(&r, 0, "b/r", CLASS_FIRE, "active");
	all_is_back(&r);
	assert_non_null(fake_hub_retained(&r.hub, ALARM("b~r")));
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_purge_leaves_nothing),
		cmocka_unit_test(test_purge_ends_with_the_next_alarm),
		cmocka_unit_test(test_purge_ends_by_time_by_refresh_and_by_a_connection),
		cmocka_unit_test(test_purge_of_what_the_broker_does_not_show),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
