/* What rules_new makes of a config: selection, ids, defaults, and what it refuses. */
#include "tests/unit/rules/fixture.h"

#include <math.h>
#include <string.h>

static struct fixture fx;

static int setup(void **state)
{
	(void)state;
	fixture_init(&fx);
	fixture_point(&fx, KIND_SMOKE_DETECTOR, 0, "12", "12-N")->tags[0] = "roof";
	fx.points[0].n_tags = 1;
	fixture_point(&fx, KIND_HYDRANT_PRESSURE, 1, "B1", "");
	fixture_point(&fx, KIND_RESIDUAL_CURRENT, 2, "", "");
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	fixture_done(&fx);
	return 0;
}

static void expect_fit(const struct rule_select *s, const char *fits)
{
	char found[FIXTURE_POINTS + 1] = "";

	for (size_t i = 0; i < fx.site.n_points; i++)
		if (rule_select_fits(s, &fx.site, &fx.points[i]))
			strcat(found, (const char[]){ (char)('0' + i), '\0' });
	assert_string_equal(found, fits);
}

#define WORDS(...) { (const char *const[]){ __VA_ARGS__ }, sizeof (const char *const[]){ __VA_ARGS__ } / sizeof(char *) }
#define SELECT(...) (&(struct rule_select){ .height_above = NAN, __VA_ARGS__ })

static void test_select(void **state)
{
	const enum kind kinds[] = { KIND_RESIDUAL_CURRENT, KIND_SMOKE_DETECTOR };
	const enum building_class public_[] = { BUILDING_CLASS1_PUBLIC, BUILDING_CLASS2_PUBLIC };

	(void)state;
	expect_fit(SELECT(), "012");
	expect_fit(SELECT(.kinds = kinds, .n_kinds = 2), "02");
	expect_fit(SELECT(.building_classes = public_, .n_building_classes = 2), "01");
	expect_fit(SELECT(.building = WORDS("b")), "2");
	expect_fit(SELECT(.building = WORDS("a", "b")), "012");
	expect_fit(SELECT(.floor = WORDS("12", "B1")), "01");
	expect_fit(SELECT(.zone = WORDS("12-N")), "0");
	expect_fit(SELECT(.bus = WORDS("bus1")), "2");
	expect_fit(SELECT(.device = WORDS("d1")), "1");
	expect_fit(SELECT(.tag = WORDS("cellar", "roof")), "0");
	expect_fit(SELECT(.point = WORDS("d0.*")), "0");
	expect_fit(SELECT(.point = WORDS("*.p[12]")), "12");
	expect_fit(SELECT(.point = WORDS("d?.p0", "d2.p2")), "02");
	expect_fit(SELECT(.point = WORDS("p0")), "");
	/* All that are given must fit. */
	expect_fit(SELECT(.kinds = kinds, .n_kinds = 2, .building = WORDS("a")), "0");
	/* Above, not at; and never without a height. */
	expect_fit(&(struct rule_select){ .height_above = 97.9 }, "01");
	expect_fit(&(struct rule_select){ .height_above = 98 }, "");
	expect_fit(&(struct rule_select){ .height_above = -1 }, "01");
}

static void test_what_is_made(void **state)
{
	(void)state;
	struct rule_def *low = fixture_rule(&fx, "low", WHEN_BELOW), *off = fixture_rule(&fx, "off", WHEN_BELOW);
	struct rule_def *own_class = fixture_rule(&fx, "mine", WHEN_ABOVE);
	low->limit = 1;
	off->limit = 1;
	off->enabled = false;
	own_class->limit = 2;
	own_class->class_given = true;
	own_class->class_ = CLASS_FAULT;
	own_class->priority = 5;
	own_class->latch = true;
	fixture_start(&fx);
	assert_int_equal(rules_count(fx.rules), 3 + 3 + 2 + RULES_EXTRAS_MAX);
	assert_int_equal(rules_made_by(fx.rules, low), 3);
	assert_int_equal(rules_made_by(fx.rules, off), 0);
	const struct { const char *id; enum alarm_class class_; enum hazard hazard; uint8_t priority; } want[] = {
		{ "d0.p0/low", CLASS_FIRE, HAZARD_FIRE, 1 }, { "d1.p1/low", CLASS_SUPERVISORY, HAZARD_WATER, 3 },
		{ "d2.p2/low", CLASS_PREALARM, HAZARD_ELECTRICAL, 2 }, { "d0.p0/mine", CLASS_FAULT, HAZARD_FIRE, 5 },
		{ "_gw.storage/full", CLASS_FAULT, HAZARD_NONE, 3 },
	};
	for (size_t i = 0; i < sizeof want / sizeof want[0]; i++) {
		const struct rules_alarm a = rules_alarm(fx.rules, fixture_find(&fx, want[i].id));
		assert_string_equal(a.id, want[i].id);
		assert_true(a.class_ == want[i].class_ && a.hazard == want[i].hazard && a.priority == want[i].priority);
	}
	const struct rules_alarm a = rules_alarm(fx.rules, fixture_find(&fx, "d1.p1/low"));
	assert_true(a.point == 1 && a.node == 1 && a.building == 0 && a.limit == 1 && !a.latch && a.ack && !a.count_rule);
	assert_string_equal(a.floor, "B1");
	assert_true(rules_alarm(fx.rules, fixture_find(&fx, "d0.p0/mine")).latch);
	assert_int_equal(rules_find(fx.rules, "d0.p0/nothing"), RULES_ALARM_NONE);
	assert_int_equal(rules_find(fx.rules, ""), RULES_ALARM_NONE);
}

/* Points that are named are looked up, in the site's order, each once; what is not there makes nothing. */
static void test_named_points(void **state)
{
	const char *const words[] = { "d2.p2", "d0.p0", "d9.p9", "d2.p2" };

	(void)state;
	struct rule_def *d = fixture_rule(&fx, "low", WHEN_BELOW);
	d->limit = 1;
	d->select.point = (struct rule_words){ words, 2 };
	fixture_start(&fx);
	assert_int_equal(rules_made_by(fx.rules, d), 2);
	assert_int_equal(rules_alarm(fx.rules, 0).point, 0);
	assert_int_equal(rules_alarm(fx.rules, 1).point, 2);
	fixture_point(&fx, KIND_GENERIC, 0, "", "");
	fixture_point(&fx, KIND_GENERIC, 0, "", "");
	d->select.point.n = 4;
	fixture_start(&fx);
	assert_int_equal(rules_made_by(fx.rules, d), 2);
}

static void test_nothing_at_all(void **state)
{
	struct rules *r;
	struct err e;
	struct sample s = { .point = 0, .value = { 1, NULL } };

	(void)state;
	fx.site.n_points = 0;
	assert_int_equal(rules_new(&fx.site, NULL, 0, NULL, 0, 1, &r, &e), 0);
	assert_int_equal(rules_count(r), RULES_EXTRAS_MAX);
	assert_int_equal(rules_find(r, "x"), RULES_ALARM_NONE);
	rules_on_reading(r, &s, &fx.sink);
	rules_on_time(r, fixture_at(&fx, S), &fx.sink);
	rules_restored(r, fixture_at(&fx, S));
	assert_true(rules_next_deadline(r) == CLOCK_NEVER);
	rules_free(r);
	rules_free(NULL);
}

static void expect_refused(const char *text)
{
	struct rules *r = (struct rules *)&fx;
	struct err e = { 0 };

	assert_int_equal(rules_new(&fx.site, fx.defs, fx.n_defs, fx.owns, 2, 1, &r, &e), -1);
	assert_true(r == (struct rules *)&fx);
	assert_int_equal(e.code, ERR_INVALID);
	if (!strstr(e.text, text) || !strstr(e.text, "r.yaml:1: rule 'bad'"))
		fail_msg("'%s' has not '%s' and its place", e.text, text);
}

static struct rule_def *bad(enum rule_when when)
{
	fx.n_defs = 0;
	struct rule_def *d = fixture_rule(&fx, "bad", when);
	d->limit = 1;
	d->limit_high = 2;
	d->count = 1;
	return d;
}

static void test_refused(void **state)
{
	(void)state;
	bad(WHEN_ABOVE)->limit = NAN;
	expect_refused("limit is not a number");
	bad(WHEN_ABOVE)->limit = INFINITY;
	expect_refused("limit is not a number");
	bad(WHEN_BELOW)->deadband = -0.1;
	expect_refused("deadband");
	bad(WHEN_BELOW)->deadband = NAN;
	expect_refused("deadband");
	bad(WHEN_OUTSIDE)->limit = 3;
	expect_refused("lower one");
	bad(WHEN_OUTSIDE)->limit_high = NAN;
	expect_refused("lower one");
	bad(WHEN_OUTSIDE)->deadband = 0.51;
	expect_refused("never clear");
	bad(WHEN_EQUALS)->limit = NAN;
	expect_refused("neither a number nor a text");
	bad(WHEN_BIT)->bit = 64;
	expect_refused("bit 64");
	bad(WHEN_QUALITY)->quality = QUALITY_NEVER;
	expect_refused("never be true");
	bad(WHEN_COUNT)->count = 0;
	expect_refused("count 0");
	bad(WHEN_COUNT)->within_ns = -1;
	expect_refused("within");
	bad(WHEN_ABOVE)->on_delay_ns = -1;
	expect_refused("delay");
	bad(WHEN_ABOVE)->priority = 6;
	expect_refused("priority 6");
	bad(WHEN_ABOVE)->ack = false;
	expect_refused("class fire must be acknowledged");
	bad((enum rule_when)77);
	expect_refused("unknown condition");
	bad(WHEN_ABOVE);
	struct rule_def *twice = fixture_rule(&fx, "bad", WHEN_BELOW);
	twice->limit = 0;
	twice->line = 1;
	expect_refused("d0.p0/bad");
	/* At its widest the deadband just lets it clear. */
	bad(WHEN_OUTSIDE)->deadband = 0.5;
	fixture_start(&fx);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_select), T(test_what_is_made), T(test_named_points), T(test_nothing_at_all), T(test_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
