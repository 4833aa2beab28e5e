/* Alarms that chatter, and alarms that others suppress. */
#include "tests/unit/rules/fixture.h"

#include <math.h>
#include <string.h>

static struct fixture fx;

#define A "d0.p0/on"

/* Points on d0 (floor 12), d0 (13), d1 (12), d2 in another building (12). */
static int setup(void **state)
{
	(void)state;
	fixture_init(&fx);
	fixture_point(&fx, KIND_SIGNAL_VALVE, 0, "12", "12-N");
	fixture_point(&fx, KIND_SIGNAL_VALVE, 0, "13", "12-N");
	fixture_point(&fx, KIND_SIGNAL_VALVE, 1, "12", "");
	fixture_point(&fx, KIND_SIGNAL_VALVE, 2, "12", "12-N");
	struct rule_def *d = fixture_rule(&fx, "on", WHEN_EQUALS);
	d->limit = 1;
	d->ack = false;
	d->class_given = true;
	d->class_ = CLASS_SUPERVISORY;
	fixture_start(&fx);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	fixture_done(&fx);
	return 0;
}

static const struct rules_transition *last(void)
{
	assert_true(fx.n_log > 0);
	return &fx.log[fx.n_log - 1].t;
}

static void swing(int64_t at_ns)
{
	fixture_read(&fx, 0, 1, at_ns);
	fixture_read(&fx, 0, 0, at_ns);
}

static void test_three_in_a_minute(void **state)
{
	(void)state;
	for (int64_t late = 0; late < 2; late++) {
		fixture_start(&fx);
		swing(S);
		swing(20 * S);
		fixture_forget(&fx);
		fixture_read(&fx, 0, 1, 61 * S + late);
		assert_int_equal(fx.n_log, late ? 1 : 2);
		if (!late)
			fixture_expect(&fx, 1, A, TRANSITION_CHATTERING, STATE_ACTIVE, 61 * S);
		assert_int_equal(last()->times, late ? 0 : 3);
	}
}

static void test_said_once_and_again_after_a_minute(void **state)
{
	(void)state;
	for (int64_t t = 0; t < 5; t++)
		swing(t * 10 * S);
	size_t said = 0;
	for (size_t i = 0; i < fx.n_log; i++)
		said += fx.log[i].t.what == TRANSITION_CHATTERING;
	assert_int_equal(said, 1);
	fixture_forget(&fx);
	swing(101 * S);
	assert_int_equal(fx.n_log, 3); /* raised, returned, cleared */
	assert_int_equal(last()->times, 0);
	swing(102 * S);
	swing(103 * S);
	assert_int_equal(fx.log[7].t.what, TRANSITION_CHATTERING);
}

/* Six raises: the sixth stays, however it comes and goes, until it was quiet for a minute. */
static void chatter_until_held(void)
{
	for (int64_t t = 0; t < 5; t++)
		swing(t * S);
	fixture_read(&fx, 0, 1, 5 * S);
	assert_int_equal(last()->what, TRANSITION_RAISED);
	fixture_forget(&fx);
	for (int64_t t = 10; t < 100; t += 10) {
		fixture_read(&fx, 0, 0, t * S);
		fixture_read(&fx, 0, 1, (t + 5) * S);
	}
	fixture_read(&fx, 0, 0, 100 * S);
}

static void test_held(void **state)
{
	(void)state;
	chatter_until_held();
	assert_int_equal(fx.n_log, 0);
	fixture_time(&fx, 160 * S - 1);
	assert_int_equal(fx.n_log, 0);
	fixture_time(&fx, 170 * S);
	fixture_expect(&fx, 0, A, TRANSITION_RETURNED, STATE_RETURNED, 160 * S);
	assert_int_equal(fx.log[0].t.times, 6 + 9);
	/* Over: the next one is told as any other. */
	fixture_forget(&fx);
	swing(171 * S);
	assert_int_equal(fx.n_log, 3);
	assert_int_equal(fx.log[0].t.times, 0);
}

static void test_held_over_a_restart(void **state)
{
	(void)state;
	chatter_until_held();
	fixture_restart(&fx, 100 * S, 99, clock_shift(fixture_at(&fx, 110 * S), 0));
	fixture_forget(&fx);
	assert_true(rules_next_deadline(fx.rules) == FIXTURE_START + 160 * S);
	fixture_time(&fx, 170 * S);
	assert_int_equal(fx.log[0].t.times, 6 + 9);
}

static void test_fire_is_not_held(void **state)
{
	(void)state;
	fx.defs[0].class_ = CLASS_FIRE;
	fx.defs[0].ack = true;
	fixture_start(&fx);
	for (int64_t t = 0; t < 9; t++)
		swing(t * S);
	assert_int_equal(fx.n_log, 9 * 2 + 1);
	fixture_expect(&fx, fx.n_log - 1, A, TRANSITION_RETURNED, STATE_RETURNED, 8 * S);
}

/* A dip within the off-delay is none that anybody would have been told of. */
static void test_dips_are_no_raises(void **state)
{
	(void)state;
	fx.defs[0].off_delay_ns = 2 * S;
	fixture_start(&fx);
	for (int64_t t = 0; t < 3; t++) {
		fixture_read(&fx, 0, 1, 10 * t * S);
		fixture_read(&fx, 0, 0, (10 * t + 1) * S);
	}
	for (int64_t t = 0; t < 5; t++) {
		fixture_read(&fx, 0, 1, 22 * S);
		fixture_read(&fx, 0, 0, 22 * S);
	}
	fixture_time(&fx, 40 * S);
	fixture_expect(&fx, fx.n_log - 1, A, TRANSITION_CLEARED, STATE_NORMAL, 24 * S);
	assert_int_equal(last()->times, 3);
}

/* --- suppressed by design */

static struct rule_def *add_suppressed(const char *const *by)
{
	struct rule_def *d = fixture_rule(&fx, "low", WHEN_EQUALS);

	d->limit = 5;
	d->ack = false;
	d->suppressed_by = (struct rule_words){ by, 1 };
	return d;
}

static bool suppressed(const char *alarm)
{
	struct rules_present p;

	rules_present(fx.rules, fixture_find(&fx, alarm), &p);
	return p.suppressed;
}

static void test_suppressed_on_the_device(void **state)
{
	static const char *const by[] = { "on" };

	(void)state;
	add_suppressed(by)->escalate_ns = 10 * S;
	fixture_start(&fx);
	fixture_read(&fx, 1, 5, 0);
	fixture_read(&fx, 2, 5, 0);
	fixture_forget(&fx);
	fixture_read(&fx, 0, 1, S);
	assert_int_equal(fx.n_log, 2);
	fixture_expect(&fx, 1, "d0.p1/low", TRANSITION_SUPPRESSED, STATE_ACTIVE, S);
	assert_true(fx.log[1].t.suppressed && suppressed("d0.p0/low") && !suppressed("d1.p2/low"));
	fixture_forget(&fx);
	fixture_time(&fx, 20 * S);
	assert_int_equal(fx.n_log, 1); /* the one that is not hidden is escalated */
	fixture_expect(&fx, 0, "d1.p2/low", TRANSITION_ESCALATED, STATE_ACTIVE, 10 * S);
	fixture_restart(&fx, 21 * S, 0, fixture_at(&fx, 22 * S));
	assert_true(suppressed("d0.p1/low"));
	fixture_forget(&fx);
	fixture_read(&fx, 0, 0, 30 * S);
	fixture_expect(&fx, 2, "d0.p1/low", TRANSITION_UNSUPPRESSED, STATE_ACTIVE, 30 * S);
	assert_false(suppressed("d0.p1/low"));
}

/* One of several suppresses what lies in its scope, whatever else its points have in common. */
static void test_suppressed_in_the_scope(void **state)
{
	static const char *const by[] = { "many" };
	const struct { enum rule_scope scope; bool expected[4]; } cases[] = {
		{ SCOPE_SITE, { true, true, true, true } }, { SCOPE_BUILDING, { true, true, true, false } }, { SCOPE_FLOOR, { true, false, true, false } },
		{ SCOPE_ZONE, { true, true, false, false } }, { SCOPE_DEVICE, { true, true, false, false } },
	};
	const char *const lows[] = { "d0.p0/low", "d0.p1/low", "d1.p2/low", "d2.p3/low" };

	(void)state;
	add_suppressed(by);
	struct rule_def *many = fixture_rule(&fx, "many", WHEN_COUNT);
	static const char *const only[] = { "d0.p0" }, *const on[] = { "on" };
	many->count = 1;
	many->of_alarms = true;
	many->of.rule = (struct rule_words){ on, 1 };
	many->of.point = (struct rule_words){ only, 1 };
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		many->same = cases[i].scope;
		fixture_start(&fx);
		fixture_read(&fx, 0, 1, 0);
		for (size_t k = 0; k < 4; k++)
			if (suppressed(lows[k]) != cases[i].expected[k])
				fail_msg("scope %d: %s", cases[i].scope, lows[k]);
	}
}

static struct rule_def *add_any(const char *id, const struct rule_def *term, enum rule_scope same)
{
	struct rule_def *d = fixture_rule(&fx, id, WHEN_ANY);

	d->terms = term;
	d->n_terms = 1;
	d->same = same;
	return d;
}

/* One of all or any suppresses in its scope too, and is suppressed where all its points lie. */
static void test_suppressed_by_terms(void **state)
{
	static const char *const by_any[] = { "any" }, *const by_on[] = { "on" };
	const struct rule_def term = { .id = "any", .when = WHEN_EQUALS, .limit = 1, .select.height_above = NAN, .of.height_above = NAN };

	(void)state;
	add_suppressed(by_any);
	add_any("any", &term, SCOPE_FLOOR);
	add_any("near", &term, SCOPE_DEVICE)->suppressed_by = (struct rule_words){ by_on, 1 };
	add_any("far", &term, SCOPE_SITE)->suppressed_by = (struct rule_words){ by_on, 1 };
	fixture_start(&fx);
	fixture_read(&fx, 0, 1, 0);
	assert_true(suppressed("d0.p0/low") && suppressed("d1.p2/low"));
	assert_true(!suppressed("d0.p1/low") && !suppressed("d2.p3/low"));
	assert_true(suppressed("d0/near") && !suppressed("d1/near") && !suppressed("site/far"));
	fixture_restart(&fx, S, 0, fixture_at(&fx, 2 * S));
	assert_true(suppressed("d0.p0/low") && suppressed("d0/near") && !suppressed("d0.p1/low"));
	fixture_read(&fx, 0, 0, 3 * S);
	assert_true(!suppressed("d0.p0/low") && !suppressed("d0/near"));
}

static void test_suppressed_by_its_id(void **state)
{
	static const char *const by[] = { "_gw.storage/full" };

	(void)state;
	add_suppressed(by);
	fixture_start(&fx);
	rules_on_own(fx.rules, fixture_find(&fx, by[0]), true, fixture_at(&fx, 0), &fx.sink);
	assert_true(suppressed("d0.p0/low") && suppressed("d2.p3/low") && !suppressed(A));
}

/* What suppresses is counted once, also when it begins anew in another config; else nothing would ever end it. */
static void test_counted_once(void **state)
{
	static const char *const by[] = { "on" };

	(void)state;
	add_suppressed(by);
	fixture_start(&fx);
	fixture_read(&fx, 0, 1, 0);
	fixture_restart(&fx, S, 0, fixture_at(&fx, 2 * S));
	rules_begin_anew(fx.rules, fixture_find(&fx, A), 9, CAUSE_RULE, fixture_at(&fx, 2 * S), &fx.sink);
	assert_true(suppressed("d0.p1/low"));
	fixture_read(&fx, 0, 0, 3 * S);
	assert_false(suppressed("d0.p1/low"));
}

/* What suppresses the consequence of a cause does so before the consequence is told. */
static void test_suppressed_before_it_follows(void **state)
{
	static const char *const by[] = { "on" };

	(void)state;
	struct rule_def *many = fixture_rule(&fx, "many", WHEN_COUNT);
	many->count = 1;
	many->same = SCOPE_DEVICE;
	many->suppressed_by = (struct rule_words){ by, 1 };
	fixture_start(&fx);
	fixture_read(&fx, 0, 1, 0);
	fixture_expect(&fx, 1, "d0/many", TRANSITION_CONFIRMED, STATE_ACTIVE, 0);
	assert_true(fx.log[1].t.suppressed && fx.n_log == 2);
}

static const char *const by_on[] = { "on" };

static bool told_suppressed(size_t n, const char *alarm, enum transition what)
{
	assert_true(n < fx.n_log && fx.log[n].t.what == what && fx.log[n].t.alarm == fixture_find(&fx, alarm));
	return fx.log[n].t.suppressed;
}

/* A test must not hide what is real; when it ends, what still stands is real, and so hides what follows from it. */
static void test_a_test_hides_nothing_real(void **state)
{
	(void)state;
	for (int restart = 0; restart < 2; restart++) {
		add_suppressed(by_on)->escalate_ns = 10 * S;
		fixture_start(&fx);
		fixture_forget(&fx);
		fixture_test_begin(&fx, 0, MODE_TEST, 1, 60 * S, 0);
		fixture_read(&fx, 0, 1, S);
		fixture_read(&fx, 1, 5, 2 * S);
		assert_false(told_suppressed(1, "d0.p1/low", TRANSITION_RAISED) || suppressed("d0.p1/low"));
		if (restart)
			fixture_restart(&fx, 2 * S, 0, fixture_at(&fx, 3 * S));
		assert_false(suppressed("d0.p1/low"));
		fixture_forget(&fx);
		fixture_time(&fx, 20 * S); /* and it is escalated */
		assert_false(told_suppressed(0, "d0.p1/low", TRANSITION_ESCALATED));
		fixture_test_end(&fx, 0, 30 * S);
		assert_int_equal(fx.n_log, 4);
		assert_false(told_suppressed(1, A, TRANSITION_REMOVED) || told_suppressed(2, A, TRANSITION_RAISED));
		assert_true(told_suppressed(3, "d0.p1/low", TRANSITION_SUPPRESSED) && suppressed("d0.p1/low"));
		fixture_read(&fx, 0, 0, 40 * S);
		assert_false(suppressed("d0.p1/low"));
		teardown(NULL);
		setup(NULL);
	}
}

/* What is of a test may be hidden by one; what is raised anew at its end is not, unless its cause is. */
static void test_a_test_hides_a_test(void **state)
{
	(void)state;
	for (int both_end = 0; both_end < 2; both_end++) {
		add_suppressed(by_on);
		fixture_start(&fx);
		fixture_test_begin(&fx, 0, MODE_TEST, 1, 60 * S, 0);
		fixture_test_begin(&fx, 1, MODE_DRILL, 2, 60 * S, 0);
		fixture_read(&fx, 0, 1, S);
		fixture_read(&fx, 1, 5, 2 * S);
		assert_true(suppressed("d0.p1/low") && fx.log[fx.n_log - 1].t.suppressed);
		fixture_restart(&fx, 2 * S, 0, fixture_at(&fx, 3 * S));
		assert_true(suppressed("d0.p1/low"));
		fixture_forget(&fx);
		fixture_test_end(&fx, 1, 4 * S);
		assert_true(told_suppressed(0, "d0.p1/low", TRANSITION_REMOVED));
		assert_false(told_suppressed(1, "d0.p1/low", TRANSITION_RAISED) || suppressed("d0.p1/low"));
		if (both_end) {
			fixture_test_end(&fx, 0, 5 * S);
			assert_true(suppressed("d0.p1/low"));
		} else {
			fixture_read(&fx, 0, 0, 5 * S);
			fixture_read(&fx, 0, 1, 6 * S);
			assert_int_equal(fx.n_log, 2 + 3); /* the test's own comings and goings touch it no more */
		}
		teardown(NULL);
		setup(NULL);
	}
}

/* What began before the test is real to its end. */
static void test_what_was_real_goes_on_hiding(void **state)
{
	(void)state;
	add_suppressed(by_on);
	fixture_start(&fx);
	fixture_read(&fx, 0, 1, 0);
	fixture_test_begin(&fx, 0, MODE_TEST, 1, 60 * S, S);
	fixture_read(&fx, 1, 5, 2 * S);
	assert_true(suppressed("d0.p1/low"));
	fixture_test_end(&fx, 0, 3 * S);
	assert_true(suppressed("d0.p1/low"));
}

/* A point out of service says nothing, and so hides nothing; one that is only not to be heard is true all the same. */
static void test_out_of_service_hides_nothing(void **state)
{
	struct err e;

	(void)state;
	add_suppressed(by_on);
	fixture_start(&fx);
	fixture_read(&fx, 0, 1, 0);
	fixture_read(&fx, 1, 5, S);
	assert_true(suppressed("d0.p1/low"));
	assert_int_equal(fixture_shelve(&fx, A, 60 * S, 2 * S, &e), 0);
	assert_true(suppressed("d0.p1/low"));
	fixture_forget(&fx);
	assert_int_equal(fixture_service(&fx, 0, true, 3 * S, &e), 0);
	assert_false(told_suppressed(1, A, TRANSITION_SUPPRESSED)); /* its point is out of service */
	assert_false(told_suppressed(2, "d0.p1/low", TRANSITION_UNSUPPRESSED) || suppressed("d0.p1/low"));
	fixture_restart(&fx, 3 * S, 0, fixture_at(&fx, 4 * S));
	assert_false(suppressed("d0.p1/low"));
	fixture_forget(&fx);
	assert_int_equal(fixture_service(&fx, 0, false, 5 * S, &e), 0);
	assert_true(told_suppressed(2, "d0.p1/low", TRANSITION_SUPPRESSED) && suppressed("d0.p1/low"));
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_three_in_a_minute), T(test_said_once_and_again_after_a_minute), T(test_held), T(test_held_over_a_restart), T(test_fire_is_not_held), T(test_dips_are_no_raises),
		T(test_suppressed_on_the_device), T(test_suppressed_in_the_scope), T(test_suppressed_by_terms), T(test_suppressed_by_its_id), T(test_counted_once), T(test_suppressed_before_it_follows),
		T(test_a_test_hides_nothing_real), T(test_a_test_hides_a_test), T(test_what_was_real_goes_on_hiding), T(test_out_of_service_hides_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
