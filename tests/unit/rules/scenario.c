#include "tests/unit/rules/scenario.h"

#include <math.h>
#include <stdio.h>
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
static const enum alarm_class class_words[] = { CLASS_FIRE, CLASS_PREALARM, CLASS_SUPERVISORY, CLASS_FAULT };
#define CLASSES 4
const char *const scenario_floors[3] = { "", "1", "2" };

static void random_single(struct rule_def *d, uint64_t *x)
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

static void random_rules(struct scenario *s, uint64_t *x)
{
	uint32_t singles = 2 + below(x, 4), counts = 1 + below(x, 3);

	for (uint32_t i = 0; i < singles + counts; i++) {
		struct rule_def *d = fixture_rule(&s->f, rule_ids[i], WHEN_ABOVE);
		/* In any order: a count rule may stand before what it counts. */
		if ((i + singles) % (singles + counts) < counts)
			random_count(d, x);
		else
			random_single(d, x);
		d->class_given = true;
		d->class_ = class_words[below(x, CLASSES)];
		d->latch = below(x, 3) == 0;
		d->ack = d->class_ <= CLASS_PREALARM || below(x, 3) > 0;
		d->on_delay_ns = random_delay(x);
		d->off_delay_ns = random_delay(x);
		d->escalate_ns = below(x, 2) ? 0 : (int64_t)(1 + below(x, 20)) * S;
		d->re_alarm_ns = below(x, 2) ? 0 : (int64_t)(1 + below(x, 20)) * S;
		if (d->class_ != CLASS_FIRE && below(x, 3) == 0)
			random_suppressors(s, d, singles + counts, x);
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

static struct stamp at(const struct run *r, int64_t at_ns)
{
	struct stamp t = fixture_at(&r->scenario->f, at_ns);

	t.mono_ns += r->shift_ns;
	return t;
}

static uint32_t key_of(const struct run *r, uint32_t alarm)
{
	const struct rules_alarm *a = rules_alarm(r->rules, alarm);
	uint32_t n = (uint32_t)scenario_count(r->rules);

	if (!a->extra)
		return alarm;
	switch (a->extra->kind) {
	case EXTRA_SHELF: return key_shelf(n, a->extra->target);
	case EXTRA_SERVICE: return key_service(n, a->extra->target);
	case EXTRA_MANUAL: break;
	}
	return key_report(n, r->scenario->f.site.n_points, a->building, strcmp(a->floor, scenario_floors[2]) == 0, a->class_);
}

/* What only the log says; alarms of people are noted in the order in which they begin. */
static void replay(struct run *r, uint32_t key, const struct rules_transition *t, struct event_id id)
{
	struct replayed *row = &r->table[key];
	bool begins = t->what == TRANSITION_RAISED || t->what == TRANSITION_CONFIRMED;

	row->state = t->to;
	row->rev = t->rev;
	row->acked = t->acked && t->to != STATE_NORMAL;
	row->shelved = t->shelved;
	row->suppressed = t->suppressed;
	row->verdict = t->verdict;
	row->occurrence = t->to == STATE_NORMAL ? 0 : begins ? id.counter : t->occurrence.counter;
	row->mode = t->to == STATE_NORMAL ? MODE_NORMAL : t->mode;
	if (!begins || !rules_alarm(r->rules, t->alarm)->extra)
		return;
	size_t n = 0;
	for (size_t i = 0; i < r->n_begun; i++)
		if (r->begun[i] != key)
			r->begun[n++] = r->begun[i];
	r->begun[n] = key;
	r->n_begun = n + 1;
	r->places[key] = t->alarm;
	snprintf(r->ids[key], sizeof r->ids[key], "%s", rules_alarm(r->rules, t->alarm)->id);
}

static struct sent *add_sent(struct run *r)
{
	assert_true(r->n_log < SCENARIO_LOG);
	return &r->log[r->n_log++];
}

static struct event_id on_transition(void *user, const struct rules_transition *t)
{
	struct run *r = user;
	struct sent *s = add_sent(r);
	uint32_t key = key_of(r, t->alarm);

	assert_true(key < SCENARIO_KEYS);
	s->t = *t;
	s->t.alarm = key;
	/* Moments on the first run's clock, pointers not at all: so that logs can be compared. */
	s->t.at.mono_ns -= r->shift_ns;
	if (t->since.wall_ms)
		s->t.since.mono_ns -= r->shift_ns;
	for (size_t i = 0; i < t->n_members; i++)
		s->members[i] = t->members[i];
	s->t.members = NULL;
	s->id = (struct event_id){ 5, ++r->counter };
	replay(r, key, t, s->id);
	return s->id;
}

static void on_changed(void *user, uint32_t alarm)
{
	struct run *r = user;

	r->dirty[key_of(r, alarm)] = true;
}

static void on_test_over(void *user, unsigned test, struct stamp over)
{
	struct run *r = user;
	struct sent *s = add_sent(r);

	over.mono_ns -= r->shift_ns;
	*s = (struct sent){ .t = { .alarm = SCENARIO_OVER + test, .what = TRANSITION_TEST_END, .at = over } };
	assert_true(r->tests[test].in_force);
	r->tests[test].in_force = false;
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
	r->n_log = r->n_begun = 0;
	memset(r->table, 0, sizeof r->table);
	memset(r->tests, 0, sizeof r->tests);
	memset(r->refused, 0, sizeof r->refused);
	memset(r->dirty, 0, sizeof r->dirty);
	memset(r->kept_len, 0, sizeof r->kept_len);
	memset(r->places, 0xFF, sizeof r->places);
	memset(r->ids, 0, sizeof r->ids);
	r->kind = kind;
	r->scenario = s;
	r->machine_boot = 1;
	r->sink = (struct rules_sink){ on_transition, on_changed, r, on_test_over };
	r->rules = make(r);
	for (uint32_t a = 0; a < scenario_count(r->rules); a++)
		r->places[a] = a;
}

static void restore_people(struct run *r, struct stamp now)
{
	for (size_t i = 0; i < r->n_begun; i++) {
		uint32_t key = r->begun[i];
		bool stands = r->table[key].state != STATE_NORMAL;
		r->places[key] = r->kept_len[key] ? rules_restore_extra(r->rules, r->ids[key], r->kept[key], r->kept_len[key], now) : RULES_ALARM_NONE;
		if (stands != (r->places[key] != RULES_ALARM_NONE))
			fail_msg("seed %llu: %s %s", (unsigned long long)r->scenario->seed, r->ids[key], stands ? "was lost" : "came back");
	}
}

static void restore_tests(struct run *r)
{
	for (unsigned i = 0; i < RULES_TESTS_MAX; i++)
		if (r->tests[i].in_force)
			rules_test_restore(r->rules, i, r->tests[i].mode, r->tests[i].points, r->tests[i].n, at(r, r->tests[i].until_ns).mono_ns);
}

static void restart(struct run *r, int64_t saved_ns, int64_t now_ns)
{
	struct rules *old = r->rules;
	uint32_t n = (uint32_t)scenario_count(old);

	for (uint32_t key = 0; key < SCENARIO_KEYS && r->kind != RUN_RESTARTS_KEPT; key++)
		if (r->places[key] != RULES_ALARM_NONE)
			r->kept_len[key] = rules_save(old, r->places[key], at(r, saved_ns), r->kept[key]);
	if (r->kind == RUN_REBOOTS) {
		r->machine_boot++;
		r->shift_ns = -now_ns - FIXTURE_START + 7 * S;
	}
	r->rules = make(r);
	for (uint32_t a = 0; a < n; a++)
		if (r->kept_len[a] > 0 && rules_restore(r->rules, a, r->kept[a], r->kept_len[a], at(r, now_ns)) < 0)
			fail_msg("seed %llu: the state of alarm %u was refused", (unsigned long long)r->scenario->seed, a);
	restore_people(r, at(r, now_ns));
	restore_tests(r);
	rules_restored(r->rules, at(r, now_ns));
	rules_free(old);
}

/* One in `one_in` is any of the rules, else it is one that is not normal. */
static uint32_t pick_key(const struct run *r, uint64_t pick, uint32_t among, unsigned one_in)
{
	uint32_t found[SCENARIO_KEYS], n = 0;

	for (uint32_t key = 0; key < among; key++)
		if (r->table[key].state != STATE_NORMAL)
			found[n++] = key;
	return n > 0 && pick / 256 % one_in != 0 ? found[pick % 256 % n] : (uint32_t)(pick % 256 % scenario_count(r->rules));
}

static void tell_deadlines(struct run *r, int64_t until_ns)
{
	for (int64_t d = rules_next_deadline(r->rules); d <= at(r, until_ns).mono_ns; d = rules_next_deadline(r->rules))
		rules_on_time(r->rules, at(r, d - r->shift_ns - FIXTURE_START), &r->sink);
}

static int begin_test(struct run *r, const struct input *in, struct stamp now)
{
	struct run_test *t = &r->tests[in->test];

	rules_on_time(r->rules, now, &r->sink);
	if (t->in_force)
		return -1;
	*t = (struct run_test){ .in_force = true, .mode = in->mode, .until_ns = in->at_ns + in->for_ns };
	for (uint32_t p = 0; p < r->scenario->f.site.n_points; p++)
		if (in->points >> p & 1)
			t->points[t->n++] = p;
	rules_test_begin(r->rules, in->test, t->mode, t->points, t->n, at(r, t->until_ns).mono_ns, now, &r->sink);
	return 0;
}

static int end_test(struct run *r, const struct input *in, const struct rules_who *who)
{
	rules_on_time(r->rules, who->now, &r->sink);
	if (!r->tests[in->test].in_force)
		return -1;
	r->tests[in->test].in_force = false;
	rules_test_end(r->rules, in->test, who, &r->sink);
	return 0;
}

/* What people do. */
static int act(struct run *r, struct input *in, struct stamp now)
{
	const struct rules_who who = { CAUSE_PERSON, "li", "so it is", now };
	bool of_rules = in->type == INPUT_SHELVE || in->type == INPUT_UNSHELVE;

	if (r->kind == RUN_PUNCTUAL)
		in->key = pick_key(r, in->pick, of_rules ? (uint32_t)scenario_count(r->rules) : SCENARIO_KEYS, in->type == INPUT_VERIFY ? 2 : 16);
	uint32_t alarm = in->key < scenario_count(r->rules) ? in->key : r->places[in->key];
	switch (in->type) {
	case INPUT_COMMAND: return rules_on_command(r->rules, alarm, in->command, NULL, CAUSE_PERSON, "li", NULL, now, &r->sink, NULL);
	case INPUT_SHELVE: return rules_shelve(r->rules, alarm, in->for_ns, &who, &r->sink, NULL);
	case INPUT_UNSHELVE: return rules_unshelve(r->rules, alarm, &who, &r->sink, NULL);
	case INPUT_SERVICE: return rules_service(r->rules, in->point, in->on, &who, &r->sink, NULL);
	case INPUT_VERIFY: return rules_verify(r->rules, alarm, NULL, in->verdict, "steam", &who, &r->sink, NULL);
	case INPUT_REPORT: return rules_report(r->rules, in->building, scenario_floors[1 + in->floor], in->class_, &who, &r->sink, NULL);
	case INPUT_TEST_BEGIN: return begin_test(r, in, now);
	case INPUT_TEST_END: return end_test(r, in, &who);
	case INPUT_READING:
	case INPUT_OWN:
	case INPUT_TIME: break;
	}
	return 0;
}

static void give(struct run *r, size_t i)
{
	struct input *in = &r->scenario->inputs[i];
	struct stamp now = at(r, in->at_ns);
	struct sample s = { .point = in->point, .quality = in->quality, .value = { in->value, NULL }, .at = now };

	if (in->type == INPUT_READING)
		rules_on_reading(r->rules, &s, &r->sink);
	else if (in->type == INPUT_OWN)
		rules_on_own(r->rules, (uint32_t)scenario_count(r->rules) - 1 - (uint32_t)(in->pick & 1), in->on, now, &r->sink);
	else if (in->type != INPUT_TIME)
		r->refused[i] = act(r, in, now) < 0;
	else if (r->kind == RUN_PUNCTUAL)
		rules_on_time(r->rules, now, &r->sink);
}

/* The store gets what `changed` spoke of, once the input is dealt with. */
static void keep(struct run *r, struct stamp now)
{
	for (uint32_t key = 0; key < SCENARIO_KEYS; key++) {
		if (!r->dirty[key])
			continue;
		r->dirty[key] = false;
		r->kept_len[key] = rules_save(r->rules, r->places[key], now, r->kept[key]);
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
	give(r, i);
	/* Time need not be told late in all the runs; but what a run was told is what it saves. */
	if (in->type == INPUT_TIME && r->kind >= RUN_RESTARTS)
		rules_on_time(r->rules, at(r, in->at_ns), &r->sink);
	if (r->kind == RUN_RESTARTS_KEPT)
		keep(r, at(r, in->at_ns));
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
