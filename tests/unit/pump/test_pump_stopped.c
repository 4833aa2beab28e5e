/* A broker that is connected and acknowledges nothing: a fault, whether one connection lasts or each is given up. */
#include "tests/lib/pump_rig.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void test_broker_that_stops_reading_is_a_fault_then_left(void **state)
{
	struct rig r;

	(void)state;
	rig_init(&r, 1);
	rig_start(&r);
	rig_up(&r);
	rig_store(&r, 0, CLASS_FIRE, 1, true);
	rig_pass(&r, 19000);
	assert_false(r.fault[PUMP_STOPPED]);
	rig_pass(&r, 2000);
	assert_true(r.fault[PUMP_STOPPED]);
	unsigned connects = r.hub.connects;
	rig_pass(&r, 41000);
	assert_int_equal(r.hub.connects, connects + 1);
	assert_true(r.fault[PUMP_STOPPED]); /* until something is acknowledged */
	rig_up(&r);
	assert_false(r.fault[PUMP_STOPPED]);
	rig_check_complete(&r);
	rig_done(&r);
}

/* With a short keepalive each connection is given up as half-open before the fault's time has come. */
static void test_broker_that_stops_reading_over_several_connections(void **state)
{
	struct rig r;

	(void)state;
	rig_init(&r, 1);
	rig_start(&r);
	rig_up(&r);
	rig_store(&r, 0, CLASS_FIRE, 1, true);
	rig_pass(&r, 12000);
	fake_hub_lose(&r.hub, HUB_DOWN_LOST, "half-open");
	rig_pass(&r, 60000); /* without a connection there is no time to acknowledge anything */
	assert_false(r.fault[PUMP_STOPPED]);
	fake_hub_accept(&r.hub);
	rig_pass(&r, 7000);
	assert_false(r.fault[PUMP_STOPPED]);
	rig_pass(&r, 2000);
	assert_true(r.fault[PUMP_STOPPED]);
	rig_up(&r);
	assert_false(r.fault[PUMP_STOPPED]);
	rig_check_complete(&r);
	/* An acknowledgement begins anew. */
	rig_store(&r, 0, CLASS_FIRE, 1, true);
	rig_pass(&r, 19000);
	assert_false(r.fault[PUMP_STOPPED]);
	rig_done(&r);
}

static void test_broker_that_is_slow_but_answers_is_none(void **state)
{
	struct rig r;

	(void)state;
	rig_init(&r, 1);
	rig_start(&r);
	rig_up(&r);
	unsigned connects = r.hub.connects;
	for (int i = 0; i < 100; i++) { /* there is always something in flight */
		rig_store(&r, 0, CLASS_FAULT, 1, true);
		rig_pass(&r, 1000);
		fake_hub_receive(&r.hub, SIZE_MAX);
		if (r.hub.unacked.n > 1)
			fake_hub_answer(&r.hub, 0);
	}
	assert_int_equal(r.n_faults[PUMP_STOPPED], 0);
	assert_int_equal(r.hub.connects, connects);
	rig_done(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_broker_that_stops_reading_is_a_fault_then_left),
		cmocka_unit_test(test_broker_that_stops_reading_over_several_connections),
		cmocka_unit_test(test_broker_that_is_slow_but_answers_is_none),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
