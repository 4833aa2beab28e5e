/* Random sites, rules and inputs. */
#include "tests/unit/rules/scenario.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static uint64_t next(uint64_t *x)
{
	uint64_t z = *x += UINT64_C(0x9E3779B97F4A7C15);

	z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
	return z ^ (z >> 31);
}

static uint32_t below(uint64_t *x, uint32_t n)
{
	return (uint32_t)(next(x) % n);
}

static int64_t random_delay(uint64_t *x)
{
	return below(x, 2) ? 0 : (int64_t)(1 + below(x, 5)) * S;
}

static const char *const rule_ids[] = { "r0", "r1", "r2", "r3", "r4", "r5", "r6", "r7", "r8", "r9" };
static const char *const device_words[] = { "d0", "d1", "d2" };
static const enum alarm_class class_words[] = { CLASS_FIRE, CLASS_PREALARM, CLASS_SUPERVISORY, CLASS_FAULT };
#define CLASSES 4
const char *const scenario_floors[3] = { "", "1", "2" };

static void random_condition(struct rule_def *d, uint64_t *x)
{
	d->when = (enum rule_when)below(x, WHEN_COUNT);
	d->limit = d->when == WHEN_BELOW ? 3 : d->when == WHEN_OUTSIDE ? 2 : d->when == WHEN_EQUALS ? 4 : 5;
	d->limit_high = 7;
	d->deadband = below(x, 3);
	d->bit = 1;
	d->any_bad = below(x, 2);
	d->quality = QUALITY_COMM;
	if (below(x, 3) == 0)
		d->select.device = (struct rule_words){ &device_words[below(x, 3)], 1 };
}

static void random_single(struct rule_def *d, uint64_t *x)
{
	const int64_t times[] = { 3, 5, 8, 30, 60 };

	random_condition(d, x);
	if (below(x, 3) > 0)
		return;
	d->when = below(x, 2) ? WHEN_RATE : WHEN_STUCK;
	d->rate_above = below(x, 2);
	d->limit = d->rate_above ? 1 : -1;
	d->per_ns = times[below(x, 5)] * S;
	d->stuck_ns = times[below(x, 5)] * S;
}

static void random_joint(struct rule_def *d, struct rule_def *terms, uint64_t *x)
{
	d->when = below(x, 2) ? WHEN_ALL : WHEN_ANY;
	d->same = (enum rule_scope)below(x, 5);
	d->terms = terms;
	d->n_terms = 1 + below(x, SCENARIO_TERMS);
	for (size_t i = 0; i < d->n_terms; i++) {
		terms[i] = (struct rule_def){ .id = d->id, .select.height_above = NAN, .of.height_above = NAN };
		random_condition(&terms[i], x);
	}
}

static void random_count(struct rule_def *d, uint64_t *x)
{
	const int64_t windows[] = { 0, 2, 5, 9 };

	d->when = WHEN_COUNT;
	d->count = 1 + below(x, 3);
	d->same = (enum rule_scope)below(x, 5);
	d->within_ns = windows[below(x, 4)] * S;
	d->of_alarms = below(x, 2);
	if (d->of_alarms) {
		d->of.classes = &class_words[below(x, CLASSES)];
		d->of.n_classes = 1;
	}
}

/* A rule, one alarm of a rule, an alarm of several, or a fault of our own. */
static void random_suppressors(struct scenario *s, struct rule_def *d, uint32_t n_rules, uint64_t *x)
{
	size_t first = s->n_words;

	for (uint32_t n = 1 + below(x, 2); n > 0 && s->n_words < SCENARIO_WORDS; n--) {
		char *text = s->texts[s->n_words];
		uint32_t rule = below(x, n_rules), p = below(x, (uint32_t)s->f.site.n_points);
		switch (below(x, 6)) {
		case 0: snprintf(text, sizeof s->texts[0], "d%u.p%u/%s", s->f.points[p].device, p, rule_ids[rule]); break;
		case 1: snprintf(text, sizeof s->texts[0], "site/%s", rule_ids[rule]); break;
		case 2: snprintf(text, sizeof s->texts[0], "_gw.storage/full"); break;
		default: snprintf(text, sizeof s->texts[0], "%s", rule_ids[rule]); break;
		}
		s->words[s->n_words++] = text;
	}
	d->suppressed_by = (struct rule_words){ &s->words[first], s->n_words - first };
}

/* What every rule has beside its condition. */
static void random_course(struct scenario *s, struct rule_def *d, uint32_t n_rules, uint64_t *x)
{
	d->class_given = true;
	d->class_ = class_words[below(x, CLASSES)];
	d->latch = below(x, 3) == 0;
	d->ack = d->class_ <= CLASS_PREALARM || below(x, 3) > 0;
	d->on_delay_ns = random_delay(x);
	d->off_delay_ns = random_delay(x);
	d->escalate_ns = below(x, 2) ? 0 : (int64_t)(1 + below(x, 20)) * S;
	d->re_alarm_ns = below(x, 2) ? 0 : (int64_t)(1 + below(x, 20)) * S;
	if (d->class_ != CLASS_FIRE && below(x, 3) == 0)
		random_suppressors(s, d, n_rules, x);
}

static void random_rules(struct scenario *s, uint64_t *x)
{
	uint32_t joints = below(x, SCENARIO_JOINTS + 1), singles = 2 + below(x, 4), counts = 1 + below(x, 3), n = singles + counts + joints;

	for (uint32_t i = 0; i < n; i++) {
		struct rule_def *d = fixture_rule(&s->f, rule_ids[i], WHEN_ABOVE);
		/* In any order: a count rule may stand before what it counts. */
		uint32_t turn = (i + singles) % n;
		if (turn < counts)
			random_count(d, x);
		else if (turn < counts + joints)
			random_joint(d, s->terms[turn - counts], x);
		else
			random_single(d, x);
		random_course(s, d, n, x);
	}
}

static enum input_type random_type(uint64_t *x)
{
	static const enum input_type people[] = { INPUT_SHELVE, INPUT_SHELVE, INPUT_UNSHELVE, INPUT_SERVICE, INPUT_SERVICE, INPUT_VERIFY, INPUT_REPORT, INPUT_TEST_BEGIN,
		INPUT_TEST_BEGIN, INPUT_TEST_END };
	uint32_t what = below(x, 20);

	return what < 11 ? INPUT_READING : what < 14 ? INPUT_COMMAND : what < 15 ? INPUT_OWN : what < 16 ? INPUT_TIME : people[below(x, 10)];
}

static void random_people(struct input *in, uint64_t *x)
{
	const int64_t ends[] = { 1, 4, 9, 9, 25, 60 };

	in->for_ns = ends[below(x, 6)] * S;
	if (in->type == INPUT_SHELVE && below(x, 12) == 0)
		in->for_ns = below(x, 2) ? 0 : RULES_SHELF_MAX_NS + 1;
	in->verdict = (enum verdict)(VERDICT_REAL + below(x, VERDICT_COUNT - VERDICT_REAL));
	in->building = below(x, 2);
	in->floor = below(x, 2);
	in->class_ = below(x, 8) == 0 ? CLASS_DISABLEMENT : below(x, 2) ? CLASS_FIRE : CLASS_FAULT;
	in->test = (const unsigned[]){ 0, 1, 30, 31 }[below(x, 4)];
	in->mode = below(x, 2) ? MODE_TEST : MODE_DRILL;
	in->points = below(x, 4) ? 1U << in->point : below(x, 32);
}

/* `flaps`: values swing between the ends and little time passes, so that alarms chatter. */
static void random_input(const struct fixture *f, struct input *in, int64_t *at_ns, bool flaps, uint64_t *x)
{
	const int64_t steps[] = { 0, 0, 1, 1, 2, 3, 7, 20 };
	int64_t step_ns = steps[below(x, flaps ? 5 : 8)] * S;

	*at_ns += step_ns;
	*in = (struct input){ .at_ns = *at_ns, .point = below(x, (uint32_t)f->site.n_points), .value = flaps ? 9 * below(x, 2) : below(x, 10), .pick = next(x),
		.command = below(x, 3) ? RULES_ACK : RULES_RESET, .on = below(x, 2), .restart = below(x, 16) == 0 };
	in->type = random_type(x);
	in->quality = below(x, flaps ? 9 : 5) ? QUALITY_GOOD : (enum quality)(1 + below(x, QUALITY_NEVER - 1));
	/* In the dead time before the input, in whole milliseconds: what a wall clock can tell over a reboot. */
	in->restart_ns = step_ns / 4 * below(x, 5);
	random_people(in, x);
}

void scenario_make(struct scenario *s, uint64_t seed)
{
	static const char *const zones[] = { "", "z1", "z2" };
	uint64_t x = seed;
	int64_t at_ns = 0;

	fixture_init(&s->f);
	s->seed = seed;
	s->n_words = 0;
	bool flaps = below(&x, 4) == 0;
	uint32_t n_points = flaps ? 1 + below(&x, 2) : 2 + below(&x, 4);
	for (uint32_t i = 0; i < n_points; i++)
		fixture_point(&s->f, KIND_GENERIC, below(&x, 3), scenario_floors[below(&x, 3)], zones[below(&x, 3)]);
	random_rules(s, &x);
	s->n = SCENARIO_STEPS;
	for (size_t i = 0; i < s->n; i++)
		random_input(&s->f, &s->inputs[i], &at_ns, flaps, &x);
}
