/* all and any: which alarms they make, when they hold, what is told, and what a saved state keeps of their terms. */
#include "tests/unit/rules/fixture.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct fixture fx;
static struct rule_def terms[RULES_TERMS_MAX + 1];
static const char *words[RULES_TERMS_MAX + 1];

/* p0, p1, p2 in 12-N of a (d0), p3 in 13-N of a (d1), p4 without a zone in b (d2) */
static int setup(void **state)
{
	(void)state;
	fixture_init(&fx);
	memset(terms, 0, sizeof terms);
	for (int i = 0; i < 3; i++)
		fixture_point(&fx, KIND_FIRE_PUMP, 0, "12", "12-N");
	fixture_point(&fx, KIND_FIRE_PUMP, 1, "13", "13-N");
	fixture_point(&fx, KIND_HYDRANT_PRESSURE, 2, "1", "");
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	fixture_done(&fx);
	return 0;
}

static struct rule_def *rule(const char *id, enum rule_when when, size_t n)
{
	struct rule_def *d = fixture_rule(&fx, id, when);

	d->terms = terms;
	d->n_terms = n;
	return d;
}

static struct rule_def *term(size_t i, const char *point, enum rule_when when, double limit)
{
	words[i] = point;
	terms[i] = (struct rule_def){ .id = "x", .when = when, .limit = limit, .limit_high = NAN, .select = { .height_above = NAN, .point = { &words[i], 1 } },
		.of.height_above = NAN, .file = "r.yaml", .line = 1 };
	return &terms[i];
}

static void expect_state(const char *alarm, enum alarm_state state)
{
	assert_string_equal(alarm_state_name(fixture_state(&fx, alarm)), alarm_state_name(state));
}

static void test_all(void **state)
{
	(void)state;
	rule("no-start", WHEN_ALL, 2)->on_delay_ns = 10 * S;
	term(0, "d0.p0", WHEN_EQUALS, 1);
	term(1, "d0.p1", WHEN_EQUALS, 0);
	fixture_start(&fx);
	const struct rules_alarm a = rules_alarm(fx.rules, fixture_find(&fx, "site/no-start"));
	assert_true(a.point == POINT_NONE && a.limit == 2 && !a.count_rule && a.building == 0 && a.node == 1 && rules_made_by(fx.rules, fx.defs) == 1);
	assert_string_equal(a.zone, "12-N");
	fixture_read(&fx, 0, 1, 0);
	fixture_time(&fx, 20 * S);
	assert_int_equal(fx.n_log, 0);
	fixture_read(&fx, 1, 0, 30 * S);
	fixture_read(&fx, 1, 0, 39 * S);
	fixture_time(&fx, 60 * S);
	fixture_expect(&fx, 0, "site/no-start", TRANSITION_RAISED, STATE_ACTIVE, 40 * S);
	const struct rules_transition *t = &fx.log[0].t;
	assert_true(t->value.number == 2 && t->limit == 2 && t->n_members == 2 && t->cause == CAUSE_DELAY && t->quality == QUALITY_GOOD);
	assert_true(fx.log[0].members[0] == 0 && fx.log[0].members[1] == 1);
	/* A bad value decides nothing. */
	fixture_bad(&fx, 1, QUALITY_COMM, 61 * S);
	assert_int_equal(fx.n_log, 1);
	fixture_read(&fx, 1, 1, 62 * S);
	fixture_expect(&fx, 1, "site/no-start", TRANSITION_RETURNED, STATE_RETURNED, 62 * S);
	assert_true(fx.log[1].t.value.number == 1 && fx.log[1].t.n_members == 1 && fx.log[1].t.cause == CAUSE_RULE);
}

static void test_any(void **state)
{
	(void)state;
	rule("trouble", WHEN_ANY, 3);
	term(0, "d0.p*", WHEN_EQUALS, 1);
	term(1, "d1.p3", WHEN_ABOVE, 5)->deadband = 2;
	term(2, "d2.p4", WHEN_QUALITY, NAN)->any_bad = true;
	fixture_start(&fx);
	assert_true(rules_alarm(fx.rules, 0).limit == 1 && rules_alarm(fx.rules, 0).building == UINT32_MAX);
	fixture_read(&fx, 2, 1, 0);
	fixture_expect(&fx, 0, "site/trouble", TRANSITION_RAISED, STATE_ACTIVE, 0);
	assert_true(fx.log[0].t.value.number == 1 && fx.log[0].t.members && fx.log[0].members[0] == 2);
	fixture_read(&fx, 0, 1, S);
	fixture_read(&fx, 3, 6, 2 * S);
	fixture_bad(&fx, 4, QUALITY_RANGE, 3 * S);
	fixture_read(&fx, 0, 0, 4 * S);
	fixture_read(&fx, 2, 0, 5 * S);
	struct rules_present p;
	rules_present(fx.rules, 0, &p);
	assert_true(p.active && p.value == 2);
	fixture_read(&fx, 3, 4, 6 * S); /* within its deadband */
	fixture_read(&fx, 4, 1, 7 * S);
	assert_int_equal(fx.n_log, 1);
	fixture_read(&fx, 3, 3, 8 * S);
	fixture_expect(&fx, 1, "site/trouble", TRANSITION_RETURNED, STATE_RETURNED, 8 * S);
	assert_int_equal(fx.log[1].t.n_members, 0);
}

/* One reading that ends one term and begins another is never both. */
static void test_jump(void **state)
{
	(void)state;
	rule("between", WHEN_ALL, 2);
	term(0, "d0.p0", WHEN_ABOVE, 5);
	term(1, "d0.p0", WHEN_BELOW, 10);
	rule("not-between", WHEN_ANY, 2);
	fx.defs[1].terms = &terms[2];
	term(2, "d0.p0", WHEN_ABOVE, 10);
	term(3, "d0.p0", WHEN_BELOW, 5);
	fixture_start(&fx);
	fixture_read(&fx, 0, 4, 0);
	fixture_expect(&fx, 0, "site/not-between", TRANSITION_RAISED, STATE_ACTIVE, 0);
	fixture_read(&fx, 0, 12, S);
	fixture_read(&fx, 0, 4, 2 * S);
	assert_int_equal(fx.n_log, 1);
	fixture_read(&fx, 0, 7, 3 * S);
	/* In the order of the rules; a point that stands in two terms is named once. */
	fixture_expect(&fx, 1, "site/between", TRANSITION_RAISED, STATE_ACTIVE, 3 * S);
	fixture_expect(&fx, 2, "site/not-between", TRANSITION_RETURNED, STATE_RETURNED, 3 * S);
	assert_true(fx.log[1].t.value.number == 2 && fx.log[1].t.n_members == 1);
}

static void expect_alarms(const char *const *ids, size_t n)
{
	assert_int_equal(rules_count(fx.rules), n + 2 + RULES_EXTRAS_MAX); /* and two of our own */
	for (size_t i = 0; i < n; i++)
		fixture_find(&fx, ids[i]);
}

static void test_scopes(void **state)
{
	static const char *const zones[] = { "a.12-N/x", "a.13-N/x" }, *const floors[] = { "a.12/x", "a.13/x", "b.1/x" };
	static const char *const devices[] = { "d0/x", "d1/x", "d2/x" }, *const buildings[] = { "a/x", "b/x" }, *const site[] = { "site/x" };
	const struct { enum rule_scope same; const char *const *any; size_t n_any, n_all; } cases[] = {
		{ SCOPE_ZONE, zones, 2, 1 }, { SCOPE_FLOOR, floors, 3, 1 }, { SCOPE_DEVICE, devices, 3, 1 }, { SCOPE_BUILDING, buildings, 2, 1 }, { SCOPE_SITE, site, 1, 1 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		fx.n_defs = 0;
		struct rule_def *d = rule("x", WHEN_ANY, 2);
		d->same = cases[i].same;
		term(0, "*", WHEN_EQUALS, 1);
		term(1, "d0.*", WHEN_EQUALS, 2);
		fixture_start(&fx);
		expect_alarms(cases[i].any, cases[i].n_any);
		/* A term without a point there never holds: no alarm where one of all has none. */
		d->when = WHEN_ALL;
		fixture_start(&fx);
		expect_alarms(cases[i].any, cases[i].n_all);
	}
}

/* One group's points are nothing to another. */
static void test_apart(void **state)
{
	(void)state;
	rule("x", WHEN_ALL, 2)->same = SCOPE_FLOOR;
	term(0, "*", WHEN_EQUALS, 1);
	term(1, "*", WHEN_ABOVE, -5);
	fixture_start(&fx);
	fixture_read(&fx, 3, 1, 0);
	assert_int_equal(fx.n_log, 1);
	fixture_expect(&fx, 0, "a.13/x", TRANSITION_RAISED, STATE_ACTIVE, 0);
	expect_state("a.12/x", STATE_NORMAL);
	fixture_read(&fx, 0, -1, S);
	fixture_read(&fx, 1, 1, 2 * S);
	expect_state("a.12/x", STATE_ACTIVE);
}

/* The rule's own `for` holds for every term; a point without the limit, or the text, has no seat. */
static void test_seats(void **state)
{
	static const struct point_label labels[] = { { 2, "open" }, { 3, "open" } };
	static const char *const buildings[] = { "a" };
	struct rule_def *d = rule("x", WHEN_ANY, 3);

	(void)state;
	d->select.building = (struct rule_words){ buildings, 1 };
	term(0, "*", WHEN_ABOVE, NAN)->limit_from = LIMIT_HIGH;
	term(1, "*", WHEN_EQUALS, NAN)->equals_text = "open";
	term(2, "d0.p2", WHEN_BIT, NAN)->bit = 4;
	fx.points[0].high = 10;
	fx.points[4].high = 10;
	fx.points[1].labels = labels;
	fx.points[1].n_labels = 2;
	fixture_start(&fx);
	fixture_read(&fx, 4, 50, 0);
	fixture_read(&fx, 3, 50, 0);
	assert_int_equal(fx.n_log, 0);
	const struct { uint32_t point; double on, off; } each[] = { { 0, 11, 10 }, { 1, 3, 4 }, { 2, 16, 15 } };
	for (size_t i = 0; i < 3; i++) {
		fixture_read(&fx, each[i].point, each[i].on, (int64_t)i * 10 * S);
		expect_state("site/x", STATE_ACTIVE);
		fixture_bad(&fx, each[i].point, QUALITY_COMM, (int64_t)i * 10 * S + S);
		expect_state("site/x", STATE_ACTIVE);
		fixture_read(&fx, each[i].point, each[i].off, (int64_t)i * 10 * S + 2 * S);
		expect_state("site/x", STATE_RETURNED);
	}
}

/* Not a word about decisions while the terms' verdicts come and go; but they are worth saving. */
static void test_drifts(void **state)
{
	(void)state;
	rule("x", WHEN_ALL, 2);
	term(0, "d0.p0", WHEN_EQUALS, 1);
	term(1, "d0.p1", WHEN_EQUALS, 1);
	fixture_start(&fx);
	fixture_read(&fx, 0, 0, 0);
	assert_int_equal(fx.n_drifted, 0);
	for (int i = 1; i < 5; i++)
		fixture_read(&fx, 0, i % 2, i * S);
	assert_true(fx.n_drifted == 4 && fx.n_changed == 0);
	fx.sink.drifted = NULL;
	fixture_read(&fx, 0, 1, 10 * S);
}

static void test_count_rules_do_not_count_them(void **state)
{
	struct rule_def *c = fixture_rule(&fx, "both", WHEN_COUNT);

	(void)state;
	c->count = 1;
	rule("x", WHEN_ANY, 1);
	term(0, "d0.p0", WHEN_EQUALS, 1);
	fixture_start(&fx);
	assert_int_equal(rules_made_by(fx.rules, c), 0);
	assert_int_equal(rules_made_by(fx.rules, &fx.defs[1]), 1);
}

/* The first 64 points in their order, whatever the order in which they came. */
static void test_members(void **state)
{
	(void)state;
	rule("x", WHEN_ANY, 3);
	term(0, "d1.p3", WHEN_ABOVE, 0);
	term(1, "*", WHEN_ABOVE, 0);
	term(2, "d0.*", WHEN_ABOVE, 0);
	fixture_start(&fx);
	for (uint32_t p = 0; p < 5; p++)
		fixture_read(&fx, 4 - p, 1, p * S);
	fixture_command(&fx, "site/x", RULES_ACK, 10 * S, NULL);
	assert_int_equal(fx.log[1].t.n_members, 5);
	for (uint32_t i = 0; i < 5; i++)
		assert_int_equal(fx.log[1].members[i], i);
}

static void test_many_members(void **state)
{
	static struct point points[100];
	static char ids[100][16];

	(void)state;
	for (uint32_t i = 0; i < 100; i++) {
		snprintf(ids[i], sizeof ids[i], "d0.q%u", i);
		points[i] = fx.points[0];
		points[i].index = i;
		points[i].id = ids[i];
	}
	fx.site.points = points;
	fx.site.n_points = 100;
	rule("x", WHEN_ANY, 3);
	term(0, "d0.q9*", WHEN_ABOVE, 0); /* those far behind first */
	term(1, "*", WHEN_ABOVE, 0);
	term(2, "*", WHEN_ABOVE, 5);
	fixture_start(&fx);
	for (uint32_t i = 100; i-- > 0;)
		fixture_read(&fx, i, 10, 0);
	fixture_command(&fx, "site/x", RULES_ACK, S, NULL);
	const struct sent *s = &fx.log[1];
	assert_int_equal(s->t.n_members, RULES_MEMBERS_MAX);
	for (uint32_t i = 0; i < RULES_MEMBERS_MAX; i++)
		assert_int_equal(s->members[i], i);
	/* One more and it would be 257. */
	fx.n_defs = 0;
	rule("y", WHEN_ANY, 3);
	term(0, "*", WHEN_ABOVE, 0);
	term(1, "*", WHEN_ABOVE, 0);
	term(2, "d0.q?", WHEN_ABOVE, 0);
	terms[0].select.point.n = terms[1].select.point.n = 0;
	static const char *const fifty_six[] = { "d0.q?", "d0.q1?", "d0.q2?", "d0.q3?", "d0.q4?", "d0.q50", "d0.q51", "d0.q52", "d0.q53", "d0.q54", "d0.q55", "d0.q56" };
	terms[2].select.point = (struct rule_words){ fifty_six, 11 };
	fixture_start(&fx);
	uint8_t saved[RULES_SAVED_MAX];
	for (uint32_t i = 0; i < 100; i++)
		fixture_read(&fx, i, 10, 0);
	assert_true(rules_save(fx.rules, 0, fixture_at(&fx, 0), saved) <= RULES_SAVED_MAX);
	fixture_restart(&fx, S, 0, fixture_at(&fx, 2 * S));
	fixture_forget(&fx);
	for (uint32_t i = 0; i < 99; i++)
		fixture_read(&fx, i, 0, 3 * S);
	assert_int_equal(fx.n_log, 0);
	fixture_read(&fx, 99, 0, 4 * S);
	fixture_expect(&fx, 0, "site/y", TRANSITION_RETURNED, STATE_RETURNED, 4 * S);
	terms[2].select.point.n = 12;
	struct rules *r;
	struct err e;
	assert_int_equal(rules_new(&fx.site, fx.defs, fx.n_defs, NULL, 0, 1, &r, &e), -1);
	assert_string_equal(e.text, "rule 'y': one alarm would look at 257 points; at most 256: name fewer, or part them by 'same'");
}

static void test_refused(void **state)
{
	struct rules *r;
	struct err e;
	struct rule_def *d = rule("x", WHEN_ALL, 1);

	(void)state;
	for (enum rule_when w = WHEN_COUNT; w <= WHEN_ANY; w++) {
		term(0, "d0.p0", w, 1)->per_ns = S;
		terms[0].stuck_ns = S;
		terms[0].count = 1;
		assert_int_equal(rules_new(&fx.site, fx.defs, 1, NULL, 0, 1, &r, &e), -1);
		assert_string_equal(e.text, "r.yaml:1: rule 'x': all: a term has one of above, below, outside, equals, bit, quality");
	}
	term(0, "d0.p0", WHEN_ABOVE, NAN);
	assert_int_equal(rules_new(&fx.site, fx.defs, 1, NULL, 0, 1, &r, &e), -1);
	assert_string_equal(e.text, "r.yaml:1: rule 'x': the limit is not a number");
	for (size_t n = 0; n <= RULES_TERMS_MAX + 1; n += RULES_TERMS_MAX + 1) {
		d->n_terms = n;
		assert_int_equal(rules_new(&fx.site, fx.defs, 1, NULL, 0, 1, &r, &e), -1);
		assert_string_equal(e.text, "r.yaml:1: rule 'x': all: must have 1 to 32 terms");
	}
	d->when = WHEN_RATE;
	d->limit = 1;
	assert_int_equal(rules_new(&fx.site, fx.defs, 1, NULL, 0, 1, &r, &e), -1);
	assert_string_equal(e.text, "r.yaml:1: rule 'x': rate: per must be more than 0");
	d->when = WHEN_STUCK;
	assert_int_equal(rules_new(&fx.site, fx.defs, 1, NULL, 0, 1, &r, &e), -1);
	assert_string_equal(e.text, "r.yaml:1: rule 'x': stuck: must be more than 0");
}

static void start_pair(void)
{
	rule("x", WHEN_ALL, 2);
	term(0, "d0.p0", WHEN_EQUALS, 1);
	term(1, "d0.p1", WHEN_ABOVE, 5)->deadband = 3;
	fixture_start(&fx);
}

static void test_over_restart(void **state)
{
	(void)state;
	start_pair();
	/* One term alone: nothing was ever told of this alarm, and yet it is kept. */
	fixture_read(&fx, 1, 6, 0);
	fixture_restart(&fx, S, 0, fixture_at(&fx, 2 * S));
	fixture_read(&fx, 0, 1, 3 * S);
	fixture_expect(&fx, 0, "site/x", TRANSITION_RAISED, STATE_ACTIVE, 3 * S);
	fixture_restart(&fx, 4 * S, 0, fixture_at(&fx, 5 * S));
	fixture_read(&fx, 1, 3, 6 * S); /* within the deadband */
	assert_int_equal(fx.n_log, 1);
	fixture_read(&fx, 0, 0, 7 * S);
	fixture_expect(&fx, 1, "site/x", TRANSITION_RETURNED, STATE_RETURNED, 7 * S);
	assert_int_equal(fx.log[1].members[0], 1);
}

/* The next engine gets terms of its own, in which the second one's limit is this. */
static void change_limit(double limit)
{
	static struct rule_def others[4][2];
	static size_t n;
	struct rule_def *next = others[n++ % 4];

	memcpy(next, fx.defs[0].terms, sizeof others[0]);
	next[1].limit = limit;
	fx.defs[0].terms = next;
}

/* The terms are others now: the alarm stands until they were read, as that of a single condition would. */
static void test_other_terms(void **state)
{
	(void)state;
	start_pair();
	fixture_read(&fx, 0, 1, 0);
	fixture_read(&fx, 1, 6, 0);
	change_limit(4);
	fixture_restart(&fx, S, 0, fixture_at(&fx, 2 * S));
	fixture_forget(&fx);
	fixture_time(&fx, 3 * S);
	fixture_read(&fx, 0, 1, 3 * S);
	expect_state("site/x", STATE_ACTIVE);
	fixture_read(&fx, 1, 1, 4 * S);
	fixture_expect(&fx, 0, "site/x", TRANSITION_RETURNED, STATE_RETURNED, 4 * S);
	/* The other way: all at once is not raised by what nobody read. */
	change_limit(2);
	fixture_restart(&fx, 5 * S, 0, fixture_at(&fx, 6 * S));
	fixture_read(&fx, 0, 1, 7 * S);
	assert_int_equal(fx.n_log, 1);
	fixture_read(&fx, 1, 3, 8 * S);
	fixture_expect(&fx, 1, "site/x", TRANSITION_RERAISED, STATE_ACTIVE, 8 * S);
	/* Nor is what held in the old terms taken for the new ones. */
	fixture_read(&fx, 0, 0, 9 * S);
	change_limit(50);
	fixture_restart(&fx, 9 * S, 0, fixture_at(&fx, 9 * S));
	fixture_read(&fx, 0, 1, 9 * S);
	expect_state("site/x", STATE_RETURNED);
	/* all becomes any: its state holds, and is decided by the next readings. */
	fx.defs[0].when = WHEN_ANY;
	fixture_restart(&fx, 10 * S, 0, fixture_at(&fx, 11 * S));
	fixture_time(&fx, 12 * S);
	expect_state("site/x", STATE_RETURNED);
	fixture_read(&fx, 1, 60, 12 * S);
	expect_state("site/x", STATE_ACTIVE);
}

static void test_damaged_tail(void **state)
{
	uint8_t saved[RULES_SAVED_MAX], bad[RULES_SAVED_MAX];
	unsigned seed = 20261126;

	(void)state;
	start_pair();
	fixture_read(&fx, 0, 1, 0);
	fixture_read(&fx, 1, 6, 0);
	size_t len = rules_save(fx.rules, 0, fixture_at(&fx, S), saved);
	for (int round = 0; round < 5000; round++) {
		memcpy(bad, saved, len);
		bad[88 + (size_t)rand_r(&seed) % (len - 88)] = (uint8_t)rand_r(&seed);
		fixture_start(&fx);
		if (rules_restore(fx.rules, 0, bad, len, fixture_at(&fx, 2 * S)) < 0)
			continue;
		/* Whatever it says, it is an alarm that can end. */
		expect_state("site/x", STATE_ACTIVE);
		fixture_read(&fx, 0, 0, 3 * S);
		fixture_read(&fx, 1, 0, 3 * S);
		expect_state("site/x", STATE_RETURNED);
	}
}

static void test_remove(void **state)
{
	(void)state;
	start_pair();
	fixture_read(&fx, 0, 1, 0);
	fixture_read(&fx, 1, 6, 0);
	rules_remove(fx.rules, 0, CAUSE_RULE, NULL, fixture_at(&fx, S), &fx.sink);
	fixture_expect(&fx, 1, "site/x", TRANSITION_REMOVED, STATE_NORMAL, S);
	/* As a single one: what is read next decides anew. */
	fixture_read(&fx, 0, 1, 2 * S);
	fixture_read(&fx, 1, 6, 2 * S);
	fixture_expect(&fx, 2, "site/x", TRANSITION_RAISED, STATE_ACTIVE, 2 * S);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_all), T(test_any), T(test_jump), T(test_scopes), T(test_apart), T(test_seats), T(test_drifts), T(test_count_rules_do_not_count_them), T(test_members),
		T(test_many_members), T(test_refused), T(test_over_restart), T(test_other_terms), T(test_damaged_tail), T(test_remove),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
