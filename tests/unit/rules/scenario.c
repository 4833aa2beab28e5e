#include "tests/unit/rules/scenario.h"

#include <math.h>
#include <string.h>

size_t *scenario_allocations;

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
static const enum alarm_class class_words[] = { CLASS_FIRE, CLASS_SUPERVISORY, CLASS_FAULT };

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
		d->of.classes = &class_words[below(x, 3)];
		d->of.n_classes = 1;
	}
}

static void random_rules(struct scenario *s, uint64_t *x)
{
	uint32_t n_joints = below(x, SCENARIO_JOINTS + 1), singles = 2 + below(x, 4), counts = 1 + below(x, 3), n = singles + counts + n_joints;

	for (uint32_t i = 0; i < n; i++) {
		struct rule_def *d = fixture_rule(&s->f, rule_ids[i], WHEN_ABOVE);
		/* In any order: a count rule may stand before what it counts. */
		uint32_t turn = (i + singles) % n;
		if (turn < counts)
			random_count(d, x);
		else if (turn < counts + n_joints)
			random_joint(d, s->terms[turn - counts], x);
		else
			random_single(d, x);
		d->class_given = true;
		d->class_ = class_words[below(x, 3)];
		d->latch = below(x, 3) == 0;
		d->ack = d->class_ == CLASS_FIRE || below(x, 3) > 0;
		d->on_delay_ns = random_delay(x);
		d->off_delay_ns = random_delay(x);
	}
}

static void random_input(const struct fixture *f, struct input *in, int64_t *at_ns, uint64_t *x)
{
	const int64_t steps[] = { 0, 0, 1, 1, 2, 3, 7, 20 };
	int64_t step_ns = steps[below(x, 8)] * S;
	uint32_t what = below(x, 20);

	*at_ns += step_ns;
	*in = (struct input){ .at_ns = *at_ns, .point = below(x, (uint32_t)f->site.n_points), .value = below(x, 10), .pick = next(x),
		.command = below(x, 3) ? RULES_ACK : RULES_RESET, .on = below(x, 2), .restart = below(x, 16) == 0 };
	in->type = what < 12 ? INPUT_READING : what < 17 ? INPUT_COMMAND : what < 18 ? INPUT_OWN : INPUT_TIME;
	in->quality = below(x, 5) ? QUALITY_GOOD : (enum quality)(1 + below(x, QUALITY_NEVER - 1));
	/* In the dead time before the input, in whole milliseconds: what a wall clock can tell over a reboot. */
	in->restart_ns = step_ns / 4 * below(x, 5);
}

void scenario_make(struct scenario *s, uint64_t seed)
{
	static const char *const zones[] = { "", "z1", "z2" }, *const floors[] = { "", "1", "2" };
	uint64_t x = seed;
	int64_t at_ns = 0;

	fixture_init(&s->f);
	s->seed = seed;
	uint32_t n_points = 2 + below(&x, 4);
	for (uint32_t i = 0; i < n_points; i++)
		fixture_point(&s->f, KIND_GENERIC, below(&x, 3), floors[below(&x, 3)], zones[below(&x, 3)]);
	random_rules(s, &x);
	s->n = SCENARIO_STEPS;
	for (size_t i = 0; i < s->n; i++)
		random_input(&s->f, &s->inputs[i], &at_ns, &x);
}

static struct stamp at(const struct run *r, int64_t at_ns)
{
	struct stamp t = fixture_at(&r->scenario->f, at_ns);

	t.mono_ns += r->shift_ns;
	return t;
}

static struct event_id on_transition(void *user, const struct rules_transition *t)
{
	struct run *r = user;
	struct sent *s = &r->log[r->n_log++];

	assert_true(r->n_log <= SCENARIO_LOG);
	s->t = *t;
	/* Moments on the first run's clock, pointers not at all: so that logs can be compared. */
	s->t.at.mono_ns -= r->shift_ns;
	s->t.since.mono_ns -= r->shift_ns;
	for (size_t i = 0; i < t->n_members; i++)
		s->members[i] = t->members[i];
	s->t.members = NULL;
	s->id = (struct event_id){ 5, ++r->counter };
	return s->id;
}

static void on_changed(void *user, uint32_t alarm)
{
	((struct run *)user)->dirty[alarm] = true;
}

static struct rules *make(struct run *r)
{
	struct fixture *f = &r->scenario->f;
	struct rules *made = NULL;
	struct err e;

	if (rules_new(&f->site, f->defs, f->n_defs, f->owns, 2, r->machine_boot, &made, &e) < 0)
		fail_msg("seed %llu: %s", (unsigned long long)r->scenario->seed, e.text);
	assert_true(scenario_count(made) <= SCENARIO_ALARMS);
	return made;
}

void run_start(struct run *r, enum run_kind kind, struct scenario *s)
{
	memset(r, 0, offsetof(struct run, log));
	r->n_log = 0;
	r->refused = 0;
	memset(r->dirty, 0, sizeof r->dirty);
	memset(r->kept_len, 0, sizeof r->kept_len);
	r->kind = kind;
	r->scenario = s;
	r->machine_boot = 1;
	r->sink = (struct rules_sink){ on_transition, on_changed, r, .drifted = on_changed };
	r->rules = make(r);
}

static void restart(struct run *r, int64_t saved_ns, int64_t now_ns)
{
	struct rules *old = r->rules;
	uint8_t all[SCENARIO_ALARMS][RULES_SAVED_MAX];
	size_t len[SCENARIO_ALARMS];
	uint32_t n = (uint32_t)scenario_count(old);

	for (uint32_t a = 0; a < n; a++)
		len[a] = rules_save(old, a, at(r, saved_ns), all[a]);
	if (r->kind == RUN_RESTARTS_KEPT) {
		memcpy(all, r->kept, sizeof all);
		memcpy(len, r->kept_len, sizeof len);
	}
	if (r->kind == RUN_REBOOTS) {
		r->machine_boot++;
		r->shift_ns = -now_ns - FIXTURE_START + 7 * S;
	}
	r->rules = make(r);
	for (uint32_t a = 0; a < n; a++)
		if (len[a] > 0 && rules_restore(r->rules, a, all[a], len[a], at(r, now_ns)) < 0)
			fail_msg("seed %llu: the state of alarm %u was refused", (unsigned long long)r->scenario->seed, a);
	rules_restored(r->rules, at(r, now_ns));
	rules_free(old);
}

static uint32_t pick_alarm(const struct run *r, uint64_t pick)
{
	uint32_t found[SCENARIO_ALARMS], n = 0, all = (uint32_t)scenario_count(r->rules);

	for (uint32_t a = 0; a < all; a++) {
		struct rules_present p;
		rules_present(r->rules, a, &p);
		if (p.state != STATE_NORMAL)
			found[n++] = a;
	}
	return n > 0 ? found[pick % n] : (uint32_t)(pick % all);
}

static void tell_deadlines(struct run *r, int64_t until_ns)
{
	for (int64_t d = rules_next_deadline(r->rules); d <= at(r, until_ns).mono_ns; d = rules_next_deadline(r->rules))
		rules_on_time(r->rules, at(r, d - r->shift_ns - FIXTURE_START), &r->sink);
}

static void give(struct run *r, struct input *in)
{
	struct stamp now = at(r, in->at_ns);
	struct sample s = { .point = in->point, .quality = in->quality, .value = { in->value, NULL }, .at = now };

	switch (in->type) {
	case INPUT_READING:
		rules_on_reading(r->rules, &s, &r->sink);
		return;
	case INPUT_COMMAND:
		if (r->kind == RUN_PUNCTUAL)
			in->alarm = pick_alarm(r, in->pick);
		int rc = rules_on_command(r->rules, in->alarm, in->command, NULL, CAUSE_PERSON, "li", NULL, now, &r->sink, NULL);
		r->refused = (r->refused << 1 | r->refused >> 31) ^ (rc < 0);
		return;
	case INPUT_OWN:
		rules_on_own(r->rules, (uint32_t)scenario_count(r->rules) - 1 - (uint32_t)(in->pick & 1), in->on, now, &r->sink);
		return;
	case INPUT_TIME:
		if (r->kind == RUN_PUNCTUAL)
			rules_on_time(r->rules, now, &r->sink);
		return;
	}
}

void run_step(struct run *r, size_t i)
{
	struct input *in = &r->scenario->inputs[i];
	size_t allocations = 0;

	if (in->restart && r->kind >= RUN_RESTARTS && i > 0) {
		int64_t last_ns = r->scenario->inputs[i - 1].at_ns;
		restart(r, last_ns, in->at_ns - in->restart_ns > last_ns ? in->at_ns - in->restart_ns : last_ns);
	}
	scenario_allocations = &allocations;
	if (r->kind == RUN_PUNCTUAL)
		tell_deadlines(r, in->at_ns);
	give(r, in);
	/* Time need not be told late in all the runs; but what a run was told is what it saves. */
	if (in->type == INPUT_TIME && r->kind >= RUN_RESTARTS)
		rules_on_time(r->rules, at(r, in->at_ns), &r->sink);
	for (uint32_t a = 0; a < scenario_count(r->rules); a++) {
		if (!r->dirty[a])
			continue;
		r->dirty[a] = false;
		r->kept_len[a] = rules_save(r->rules, a, at(r, in->at_ns), r->kept[a]);
	}
	scenario_allocations = NULL;
	if (allocations > 0)
		fail_msg("seed %llu: step %zu allocated", (unsigned long long)r->scenario->seed, i);
}

void run_finish(struct run *r)
{
	int64_t end_ns = r->scenario->inputs[r->scenario->n - 1].at_ns + 3600 * S;

	if (r->kind == RUN_PUNCTUAL)
		tell_deadlines(r, end_ns);
	rules_on_time(r->rules, at(r, end_ns), &r->sink);
}

void run_done(struct run *r)
{
	rules_free(r->rules);
	r->rules = NULL;
}
