/* What people reported, when it is over: a verdict comes late, and a place is there for what is new. */
#include "tests/unit/rules/fixture.h"

#include <stdio.h>
#include <string.h>

static struct fixture fx;

#define SMOKE    "d0.p0/smoke"
#define REPORT   "_manual.a.12/fire"
#define REBOOTED 99

static int setup(void **state)
{
	(void)state;
	fixture_init(&fx);
	fixture_point(&fx, KIND_SMOKE_DETECTOR, 0, "12", "12-N");
	fixture_rule(&fx, "smoke", WHEN_EQUALS)->limit = 1;
	fixture_start(&fx);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	fixture_done(&fx);
	return 0;
}

static void report_and_reset(const char *floor, const char *alarm, int64_t at_ns)
{
	struct err e;

	assert_int_equal(fixture_report(&fx, floor, CLASS_FIRE, at_ns, &e), 0);
	assert_int_equal(fixture_command(&fx, alarm, RULES_ACK, at_ns, &e), 0);
	assert_int_equal(fixture_command(&fx, alarm, RULES_RESET, at_ns, &e), 0);
}

/* People say late what they found; for a week after the end, also over restarts. */
static void test_report_is_verified_when_it_is_over(void **state)
{
	struct err e;

	(void)state;
	for (int restart = 0; restart < 3; restart++) {
		fixture_start(&fx);
		fixture_forget(&fx);
		report_and_reset("12", REPORT, 0);
		struct event_id occurrence = fx.log[0].id;
		if (restart)
			fixture_restart(&fx, S, restart == 2 ? REBOOTED : 0, fixture_at(&fx, 2 * S));
		assert_int_equal(fixture_state(&fx, REPORT), STATE_NORMAL);
		fixture_forget(&fx);
		assert_int_equal(fixture_verify(&fx, REPORT, &occurrence, 5 * S, &e), 0);
		assert_true(fx.n_log == 1 && fx.log[0].t.occurrence.counter == occurrence.counter && fx.log[0].t.to == STATE_NORMAL);
		assert_int_equal(fixture_verify(&fx, REPORT, NULL, RULES_LATE_NS, &e), 0);
		assert_int_equal(fixture_verify(&fx, REPORT, NULL, RULES_LATE_NS + 1, &e), -1);
		assert_non_null(strstr(e.text, "more than a week"));
		/* Reported again it is another one. */
		uint32_t rev = fixture_present(&fx, REPORT).rev;
		assert_int_equal(fixture_report(&fx, "12", CLASS_FIRE, RULES_LATE_NS + S, &e), 0);
		assert_true(fixture_present(&fx, REPORT).rev > rev && fixture_present(&fx, REPORT).verdict == VERDICT_NONE && fixture_state(&fx, REPORT) == STATE_ACTIVE);
		assert_int_equal(fixture_verify(&fx, REPORT, &occurrence, RULES_LATE_NS + S, &e), -1);
	}
	/* What is over for longer is not kept. */
	uint8_t saved[RULES_SAVED_MAX];
	fixture_start(&fx);
	report_and_reset("12", REPORT, 0);
	size_t len = rules_save(fx.rules, fixture_find(&fx, REPORT), fixture_at(&fx, S), saved);
	fixture_start(&fx);
	assert_int_equal(rules_restore_extra(fx.rules, REPORT, saved, len, fixture_at(&fx, RULES_LATE_NS + S)), RULES_ALARM_NONE);
	assert_int_equal(rules_find(fx.rules, REPORT), RULES_ALARM_NONE);
	assert_int_not_equal(rules_restore_extra(fx.rules, REPORT, saved, len, fixture_at(&fx, RULES_LATE_NS - S)), RULES_ALARM_NONE);
}

/* New reports need no place that one takes which is over; the one that is over for longest goes first. */
static void test_report_that_is_over_makes_room(void **state)
{
	char floor[16], alarm[48];
	struct err e;

	(void)state;
	for (uint32_t i = 0; i < RULES_EXTRAS_MAX; i++) {
		snprintf(floor, sizeof floor, "%u", i + 100);
		snprintf(alarm, sizeof alarm, "_manual.a.%s/fire", floor);
		report_and_reset(floor, alarm, (int64_t)i * S / 100);
		fixture_forget(&fx);
	}
	assert_int_equal(fixture_verify(&fx, "_manual.a.100/fire", NULL, 20 * S, &e), 0);
	assert_int_equal(fixture_report(&fx, "1", CLASS_FAULT, 20 * S, &e), 0);
	assert_int_equal(fixture_shelve(&fx, SMOKE, 60 * S, 20 * S, &e), 0);
	assert_int_equal(rules_find(fx.rules, "_manual.a.100/fire"), RULES_ALARM_NONE);
	assert_int_equal(rules_find(fx.rules, "_manual.a.101/fire"), RULES_ALARM_NONE);
	assert_int_equal(fixture_verify(&fx, "_manual.a.102/fire", NULL, 20 * S, &e), 0);
	fixture_restart(&fx, 21 * S, 0, fixture_at(&fx, 22 * S));
	assert_true(fixture_state(&fx, "_manual.a.1/fault") == STATE_ACTIVE && fixture_present(&fx, SMOKE).shelved);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
int main(void)
{
	const struct CMUnitTest tests[] = { T(test_report_is_verified_when_it_is_over), T(test_report_that_is_over_makes_room) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
