/* The way of one engine through a scenario: inputs, restarts, what is kept meanwhile, what was sent. */
#include "tests/unit/rules/scenario.h"

#include <stdio.h>
#include <string.h>

size_t *scenario_allocations;

static struct stamp at(const struct run *r, int64_t at_ns)
{
	struct stamp t = fixture_at(&r->scenario->f, at_ns);

	t.mono_ns += r->shift_ns;
	return t;
}

static uint32_t key_of(const struct run *r, uint32_t alarm)
{
	const struct rules_alarm a = rules_alarm(r->rules, alarm);
	uint32_t n = (uint32_t)scenario_count(r->rules);

	if (!a.extra)
		return alarm;
	switch (a.extra->kind) {
	case EXTRA_SHELF: return key_shelf(n, a.extra->target);
	case EXTRA_SERVICE: return key_service(n, a.extra->target);
	case EXTRA_MANUAL: break;
	}
	return key_report(n, r->scenario->f.site.n_points, a.building, strcmp(a.floor, scenario_floors[2]) == 0, a.class_);
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
	if (!begins || !rules_alarm(r->rules, t->alarm).extra)
		return;
	size_t n = 0;
	for (size_t i = 0; i < r->n_begun; i++)
		if (r->begun[i] != key)
			r->begun[n++] = r->begun[i];
	r->begun[n] = key;
	r->n_begun = n + 1;
	/* Whose place it was has been over for long, and was saved as that. */
	for (uint32_t k = 0; k < SCENARIO_KEYS; k++)
		if (k != key && r->places[k] == t->alarm) {
			r->places[k] = RULES_ALARM_NONE;
			if (r->kind != RUN_RESTARTS_KEPT)
				r->kept_len[k] = 0;
		}
	r->places[key] = t->alarm;
	snprintf(r->ids[key], sizeof r->ids[key], "%s", rules_alarm(r->rules, t->alarm).id);
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

/* Nothing was decided, but what is saved is another. */
static void on_drifted(void *user, uint32_t alarm)
{
	struct run *r = user;

	assert_true(alarm < scenario_count(r->rules));
	r->dirty[alarm] = true;
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
	r->sink = (struct rules_sink){ on_transition, on_changed, r, on_test_over, on_drifted };
	r->rules = make(r);
	for (uint32_t a = 0; a < scenario_count(r->rules); a++)
		r->places[a] = a;
}

/* A report that is over, and may be verified. */
static bool is_over(const struct run *r, uint32_t key)
{
	return key >= key_report((uint32_t)scenario_count(r->rules), r->scenario->f.site.n_points, 0, 0, CLASS_FIRE) && r->table[key].rev > 0 && r->table[key].state == STATE_NORMAL;
}

static void restore_people(struct run *r, struct stamp now)
{
	for (size_t i = 0; i < r->n_begun; i++) {
		uint32_t key = r->begun[i];
		bool stands = r->table[key].state != STATE_NORMAL || is_over(r, key);
		r->places[key] = r->kept_len[key] ? rules_restore_extra(r->rules, r->ids[key], r->kept[key], r->kept_len[key], now) : RULES_ALARM_NONE;
		if (stands != (r->places[key] != RULES_ALARM_NONE))
			fail_msg("seed %llu: kind %d now %.3f place %u: %s %s", (unsigned long long)r->scenario->seed, r->kind, (double)(now.mono_ns - FIXTURE_START) / 1e9, r->places[key], r->ids[key], stands ? "was lost" : "came back");
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
		if (r->table[key].state != STATE_NORMAL || is_over(r, key))
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

/* The store gets what `changed` and `drifted` spoke of, once the input is dealt with. */
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
