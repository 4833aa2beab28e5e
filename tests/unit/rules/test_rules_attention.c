/* What nobody looks at is escalated, and what stands long after somebody did alarms again. */
#include "tests/unit/rules/fixture.h"

static struct fixture fx;

#define VALVE "d0.p0/valve"

static int setup(void **state)
{
	(void)state;
	fixture_init(&fx);
	fixture_point(&fx, KIND_SIGNAL_VALVE, 0, "12", "12-N");
	struct rule_def *v = fixture_rule(&fx, "valve", WHEN_EQUALS);
	v->limit = 1;
	v->escalate_ns = 180 * S;
	v->re_alarm_ns = 600 * S;
	fixture_start(&fx);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	fixture_done(&fx);
	return 0;
}

static void test_escalated_once(void **state)
{
	(void)state;
	fixture_read(&fx, 0, 1, 0);
	fixture_read(&fx, 0, 0, 10 * S);
	fixture_time(&fx, 3600 * S);
	assert_int_equal(fx.n_log, 3);
	fixture_expect(&fx, 2, VALVE, TRANSITION_ESCALATED, STATE_RETURNED, 180 * S);
}

/* What comes and goes and is never looked at is escalated as if it had stood. */
static void test_escalated_although_it_comes_and_goes(void **state)
{
	(void)state;
	for (int64_t t = 0; t < 400; t += 100) {
		fixture_read(&fx, 0, 1, t * S);
		fixture_read(&fx, 0, 0, (t + 90) * S);
	}
	fixture_expect(&fx, 3, VALVE, TRANSITION_ESCALATED, STATE_ACTIVE, 180 * S);
}

static void test_not_escalated(void **state)
{
	struct err e;

	(void)state;
	for (int why = 0; why < 5; why++) {
		fixture_start(&fx);
		if (why == 0)
			fixture_test_begin(&fx, 0, MODE_TEST, 0x1, 3600 * S, 0);
		fixture_read(&fx, 0, 1, 0);
		if (why == 1)
			assert_int_equal(fixture_command(&fx, VALVE, RULES_ACK, 179 * S, &e), 0);
		if (why == 2)
			assert_int_equal(fixture_shelve(&fx, VALVE, 3600 * S, 179 * S, &e), 0);
		if (why == 3)
			assert_int_equal(fixture_service(&fx, 0, true, 179 * S, &e), 0);
		if (why == 4)
			rules_remove(fx.rules, fixture_find(&fx, VALVE), CAUSE_RULE, NULL, fixture_at(&fx, 179 * S), &fx.sink);
		size_t n = fx.n_log;
		fixture_time(&fx, 500 * S);
		if (fx.n_log != n)
			fail_msg("case %d", why);
	}
}

/* It was hidden when its time was over, and nobody has looked at it when it no longer is. */
static void test_escalated_when_it_is_hidden_no_longer(void **state)
{
	struct err e;

	(void)state;
	for (int acked = 0; acked < 2; acked++) {
		fixture_start(&fx);
		fixture_read(&fx, 0, 1, 0);
		if (acked)
			assert_int_equal(fixture_command(&fx, VALVE, RULES_ACK, 0, &e), 0);
		assert_int_equal(fixture_shelve(&fx, VALVE, 3600 * S, S, &e), 0);
		fixture_restart(&fx, 2000 * S, 0, fixture_at(&fx, 2001 * S));
		fixture_time(&fx, 3601 * S);
		fixture_forget(&fx);
		fixture_time(&fx, 3601 * S + (acked ? 600 : 180) * S);
		assert_true(fx.n_log > 0);
		assert_int_equal(fixture_sent(&fx, 0)->what, acked ? TRANSITION_RERAISED : TRANSITION_ESCALATED);
	}
}

static void test_re_alarm(void **state)
{
	struct err e;

	(void)state;
	fixture_read(&fx, 0, 1, 0);
	assert_int_equal(fixture_command(&fx, VALVE, RULES_ACK, 10 * S, &e), 0);
	fixture_restart(&fx, 11 * S, 0, fixture_at(&fx, 12 * S));
	fixture_forget(&fx);
	fixture_time(&fx, 800 * S);
	fixture_expect(&fx, 0, VALVE, TRANSITION_RERAISED, STATE_ACTIVE, 610 * S);
	assert_false(fixture_sent(&fx, 0)->acked);
	fixture_expect(&fx, 1, VALVE, TRANSITION_ESCALATED, STATE_ACTIVE, 790 * S);
	assert_int_equal(fixture_command(&fx, VALVE, RULES_ACK, 801 * S, &e), 0);
	fixture_read(&fx, 0, 0, 802 * S);
	fixture_forget(&fx);
	fixture_time(&fx, 9000 * S);
	assert_int_equal(fx.n_log, 0);
}

/* The rule waits for nobody any more, or the alarm is another one now: nothing is escalated that is not there. */
static void test_attention_of_another_config(void **state)
{
	(void)state;
	for (int anew = 0; anew < 2; anew++) {
		fx.defs[0].escalate_ns = 180 * S;
		fixture_start(&fx);
		fixture_read(&fx, 0, 1, 0);
		if (anew)
			fixture_read(&fx, 0, 0, S);
		fx.defs[0].escalate_ns = anew ? 180 * S : 0;
		fixture_restart(&fx, 2 * S, 0, fixture_at(&fx, 3 * S));
		if (anew)
			rules_begin_anew(fx.rules, fixture_find(&fx, VALVE), 9, CAUSE_RULE, fixture_at(&fx, 3 * S), &fx.sink);
		fixture_forget(&fx);
		fixture_time(&fx, 500 * S);
		assert_int_equal(fx.n_log, 0);
	}
}

/* From a row that does not say whether it was escalated: it was, for nobody is waited for. */
static void test_escalated_of_before(void **state)
{
	(void)state;
	fx.defs[0].escalate_ns = 180 * S;
	fixture_start(&fx);
	fx.of_before = true;
	fixture_read(&fx, 0, 1, 0);
	fixture_restart(&fx, S, 0, fixture_at(&fx, 2 * S));
	fixture_time(&fx, 200 * S);
	fixture_expect(&fx, fx.n_log - 1, VALVE, TRANSITION_ESCALATED, STATE_ACTIVE, 180 * S);
	fixture_restart(&fx, 201 * S, 0, fixture_at(&fx, 202 * S));
	fixture_forget(&fx);
	fixture_time(&fx, 900 * S);
	assert_int_equal(fx.n_log, 0);
}

/* Nobody is waited for at an alarm that is normal. */
static void test_attention_of_what_is_normal(void **state)
{
	uint8_t saved[RULES_SAVED_MAX];

	(void)state;
	fixture_read(&fx, 0, 1, 0);
	size_t len = rules_save(fx.rules, fixture_find(&fx, VALVE), fixture_at(&fx, S), saved);
	fixture_start(&fx);
	saved[1] = STATE_NORMAL;
	saved[2] &= 0xFE; /* the condition does not stand */
	assert_int_equal(rules_restore(fx.rules, fixture_find(&fx, VALVE), saved, len, fixture_at(&fx, 2 * S)), -1);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_escalated_once), T(test_escalated_although_it_comes_and_goes), T(test_not_escalated), T(test_escalated_when_it_is_hidden_no_longer), T(test_re_alarm), T(test_attention_of_another_config),
		T(test_attention_of_what_is_normal), T(test_escalated_of_before),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
