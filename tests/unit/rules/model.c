/* The meaning of rules once more, as plainly as it can be said: no heap, no counters, no table of moves; everything is looked at every time. */
#include "tests/unit/rules/scenario.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define RAISES 128

struct model_alarm {
	const struct rules_alarm *is;   /* NULL: of people */
	bool    there;                  /* of the rules, or begun by people and not over */
	enum rules_extra_kind kind;
	uint32_t begun;                 /* of people: in which order */
	uint32_t target;                /* of people: the alarm, the point */
	bool    latch, ack, count_rule;
	enum alarm_state state;
	bool    raw, acked;
	int64_t end_ns;                 /* of the delay that runs, or CLOCK_NEVER */
	int64_t escalate_ns, re_alarm_ns, until_ns; /* CLOCK_NEVER: not waited for */
	int64_t raises[RAISES];         /* when it became active, all of them */
	size_t  n_raises;
	bool    forgotten;              /* the last raise is one of a test that is over: nothing counts it */
	bool    chatters;
	uint32_t times;
	bool    suppresses;             /* it stands, as far as what it suppresses knows: at its end that knows last */
	bool    was_suppressed;
	bool    may_suppress, may_be_suppressed, may_count;
	enum alarm_mode mode;           /* of the latest occurrence */
	enum verdict verdict;
};

struct model_test {
	bool            on;
	enum alarm_mode mode;
	uint32_t        points;
	int64_t         until_ns;
};

struct model {
	const struct scenario *s;
	struct model_alarm     alarms[SCENARIO_KEYS];
	bool                   counting[SCENARIO_ALARMS][SCENARIO_ALARMS];   /* [group][alarm]: may count in it */
	bool                   suppresses[SCENARIO_ALARMS][SCENARIO_ALARMS]; /* [by][what] */
	struct model_test      tests[RULES_TESTS_MAX];
	uint32_t               n, n_begun;
	struct modelled       *out;
	size_t                 n_out, max;
};

static bool stands(const struct model_alarm *a)
{
	return a->state == STATE_ACTIVE || a->state == STATE_ACKED;
}

static uint32_t shelf_of(const struct model *m, uint32_t key)
{
	return key < m->n && m->alarms[key_shelf(m->n, key)].there ? key_shelf(m->n, key) : SCENARIO_KEYS;
}

static bool is_out(const struct model *m, uint32_t key)
{
	const struct rules_alarm *is = m->alarms[key].is;

	return is && is->point != POINT_NONE && m->alarms[key_service(m->n, is->point)].there;
}

static bool is_suppressed(const struct model *m, uint32_t key)
{
	for (uint32_t by = 0; key < m->n && m->alarms[key].may_be_suppressed && by < m->n; by++)
		if (m->suppresses[by][key] && m->alarms[by].suppresses)
			return true;
	return false;
}

static enum alarm_mode mode_of(const struct model *m, uint32_t key)
{
	const struct rules_alarm *is = m->alarms[key].is;
	enum alarm_mode mode = MODE_NORMAL;

	for (size_t i = 0; is && is->point != POINT_NONE && i < RULES_TESTS_MAX; i++)
		if (m->tests[i].on && (m->tests[i].points >> is->point & 1) && m->tests[i].mode > mode)
			mode = m->tests[i].mode;
	return mode;
}

static void tell(struct model *m, uint32_t key, enum transition what, enum alarm_state to, int64_t at_ns)
{
	struct model_alarm *a = &m->alarms[key];
	uint32_t shelf = shelf_of(m, key);
	bool of_occurrence = a->state != STATE_NORMAL || to != STATE_NORMAL || what == TRANSITION_VERIFIED;

	assert_true(m->n_out < m->max);
	m->out[m->n_out++] = (struct modelled){ .key = key, .what = what, .to = to, .at_ns = at_ns, .acked = a->acked, .mode = of_occurrence ? a->mode : MODE_NORMAL,
		.shelved = shelf < SCENARIO_KEYS, .out_of_service = is_out(m, key), .suppressed = is_suppressed(m, key), .verdict = a->verdict,
		.times = a->chatters ? a->times : 0,
		.until_ns = shelf < SCENARIO_KEYS ? m->alarms[shelf].until_ns : !a->is && a->kind == EXTRA_SHELF ? a->until_ns : 0 };
	a->state = to;
}

static bool same_scope(enum rule_scope scope, const struct point *a, const struct point *b)
{
	switch (scope) {
	case SCOPE_SITE: return true;
	case SCOPE_ZONE: return a->building == b->building && strcmp(a->zone, b->zone) == 0 && a->zone[0];
	case SCOPE_FLOOR: return a->building == b->building && strcmp(a->floor, b->floor) == 0 && a->floor[0];
	case SCOPE_DEVICE: return a->device == b->device;
	case SCOPE_BUILDING: return a->building == b->building;
	}
	return false;
}

/* Whether this point belongs to the group: by the group's id, which begins with the scope. */
static bool in_group(const struct model *m, const struct rules_alarm *g, const struct point *p)
{
	const struct site *site = &m->s->f.site;

	for (size_t i = 0; i < site->n_points; i++) {
		char id[64];
		const struct point *q = &site->points[i];
		const char *b = site->buildings[q->building].id;
		switch (g->def->same) {
		case SCOPE_SITE: snprintf(id, sizeof id, "site/%s", g->def->id); break;
		case SCOPE_ZONE: snprintf(id, sizeof id, "%s.%s/%s", b, q->zone, g->def->id); break;
		case SCOPE_FLOOR: snprintf(id, sizeof id, "%s.%s/%s", b, q->floor, g->def->id); break;
		case SCOPE_DEVICE: snprintf(id, sizeof id, "%s/%s", site->devices[q->device].name, g->def->id); break;
		case SCOPE_BUILDING: snprintf(id, sizeof id, "%s/%s", b, g->def->id); break;
		}
		if (strcmp(id, g->id) == 0 && same_scope(g->def->same, p, q))
			return true;
	}
	return false;
}

static bool may_count(const struct model *m, const struct rules_alarm *g, const struct rules_alarm *a)
{
	if (!g->count_rule || a->point == POINT_NONE || !in_group(m, g, &m->s->f.site.points[a->point]))
		return false;
	return g->def->of_alarms ? a->class_ == g->def->of.classes[0] : a->class_ != CLASS_DISABLEMENT;
}

/* A member does not count while it is shelved or its point out of service, nor one whose latest occurrence was of a test. */
static bool counts_now(const struct model *m, uint32_t key, int64_t within_ns, int64_t at_ns)
{
	const struct model_alarm *a = &m->alarms[key];
	bool lately = within_ns > 0 && a->n_raises > 0 && !a->forgotten && at_ns - a->raises[a->n_raises - 1] <= within_ns;

	return (stands(a) || lately) && shelf_of(m, key) == SCENARIO_KEYS && !is_out(m, key) && a->mode == MODE_NORMAL;
}

static uint32_t count_points(const struct model *m, uint32_t group, int64_t at_ns)
{
	bool seen[FIXTURE_POINTS] = { false };
	uint32_t n = 0;

	for (uint32_t i = 0; i < m->n; i++) {
		if (!m->counting[group][i] || !counts_now(m, i, m->alarms[group].is->def->within_ns, at_ns) || seen[m->alarms[i].is->point])
			continue;
		seen[m->alarms[i].is->point] = true;
		n++;
	}
	return n;
}

/* All points of `what` (its own, or those that may count in it) are where `by` is: on its device, or in its scope. */
static bool lies_in(const struct model *m, uint32_t by, uint32_t what)
{
	const struct rules_alarm *b = m->alarms[by].is, *w = m->alarms[what].is;
	const struct point *points = m->s->f.site.points;

	for (uint32_t i = 0; i < m->n; i++) {
		const struct rules_alarm *is = m->alarms[i].is;
		if (!(i == what && w->point != POINT_NONE) && !m->counting[what][i])
			continue;
		if (b->count_rule ? !in_group(m, b, &points[is->point]) : points[b->point].device != points[is->point].device)
			return false;
	}
	return true;
}

static bool may_suppress(const struct model *m, uint32_t by, uint32_t what)
{
	const struct rules_alarm *b = m->alarms[by].is, *w = m->alarms[what].is;

	for (size_t i = 0; w->def && by != what && i < w->def->suppressed_by.n; i++) {
		const char *word = w->def->suppressed_by.words[i];
		if (strcmp(word, b->id) == 0 || (b->def && strcmp(word, b->def->id) == 0 && lies_in(m, by, what)))
			return true;
	}
	return false;
}

static void decide(struct model *m, uint32_t key, bool raw, int64_t at_ns);

/* After `key` began or ended to stand. */
static void judge_suppressed(struct model *m, uint32_t key, int64_t at_ns)
{
	m->alarms[key].suppresses = stands(&m->alarms[key]);
	if (!m->alarms[key].may_suppress)
		return;
	for (uint32_t i = 0; i < m->n; i++) {
		struct model_alarm *a = &m->alarms[i];
		bool is = is_suppressed(m, i);
		if (a->was_suppressed == is)
			continue;
		a->was_suppressed = is;
		if (a->state != STATE_NORMAL)
			tell(m, i, is ? TRANSITION_SUPPRESSED : TRANSITION_UNSUPPRESSED, a->state, at_ns);
	}
}

static void judge_counts(struct model *m, int64_t at_ns)
{
	for (uint32_t i = 0; i < m->n; i++)
		if (m->alarms[i].count_rule)
			decide(m, i, count_points(m, i, at_ns) >= m->alarms[i].is->def->count, at_ns);
}

static bool is_held(const struct model_alarm *a)
{
	return a->chatters && a->times >= RULES_CHATTER_HELD && a->is && a->is->class_ != CLASS_FIRE;
}

/* Three times within a minute; over when it was quiet for a minute. */
static void note_raise(struct model *m, uint32_t key, int64_t at_ns)
{
	struct model_alarm *a = &m->alarms[key];

	assert_true(a->n_raises < RAISES);
	a->raises[a->n_raises++] = at_ns;
	a->forgotten = false;
	size_t n = a->n_raises;
	if (a->chatters && at_ns - a->raises[n - 2] > RULES_CHATTER_QUIET_NS)
		a->chatters = false;
	if (a->chatters) {
		a->times++;
	} else if (a->is && n >= 3 && at_ns - a->raises[n - 3] <= RULES_CHATTER_WINDOW_NS) {
		a->chatters = true;
		a->times = RULES_CHATTER_TIMES;
		tell(m, key, TRANSITION_CHATTERING, a->state, at_ns);
	}
}

static void wait_for_ack(struct model_alarm *a, int64_t at_ns)
{
	const struct rule_def *d = a->is ? a->is->def : NULL;

	a->re_alarm_ns = CLOCK_NEVER;
	if (d && d->escalate_ns > 0 && a->escalate_ns == CLOCK_NEVER)
		a->escalate_ns = at_ns + d->escalate_ns;
}

static void over(struct model_alarm *a)
{
	a->acked = false;
	a->escalate_ns = a->re_alarm_ns = CLOCK_NEVER;
	if (!a->is)
		a->there = false;
}

static void go_on(struct model *m, uint32_t key, int64_t at_ns)
{
	struct model_alarm *a = &m->alarms[key];
	bool again = a->state != STATE_NORMAL;

	a->mode = mode_of(m, key);
	a->acked = false;
	if (!again)
		a->verdict = VERDICT_NONE;
	tell(m, key, again ? TRANSITION_RERAISED : a->count_rule ? TRANSITION_CONFIRMED : TRANSITION_RAISED, STATE_ACTIVE, at_ns);
	wait_for_ack(a, at_ns);
	note_raise(m, key, at_ns);
	if (key < m->n)
		judge_suppressed(m, key, at_ns);
	if (key < m->n && !a->count_rule)
		judge_counts(m, at_ns);
}

static void go_off(struct model *m, uint32_t key, int64_t at_ns)
{
	struct model_alarm *a = &m->alarms[key];
	bool done = a->state == STATE_ACKED || !a->ack;

	tell(m, key, TRANSITION_RETURNED, done && a->latch ? STATE_LATCHED : STATE_RETURNED, at_ns);
	if (done && !a->latch)
		tell(m, key, TRANSITION_CLEARED, STATE_NORMAL, at_ns);
	if (done)
		a->escalate_ns = a->re_alarm_ns = CLOCK_NEVER;
	if (is_held(a))
		a->chatters = false;
	if (a->state == STATE_NORMAL)
		over(a);
	if (key < m->n && !a->count_rule)
		judge_counts(m, at_ns);
	if (key < m->n)
		judge_suppressed(m, key, at_ns);
}

static void decide(struct model *m, uint32_t key, bool raw, int64_t at_ns)
{
	struct model_alarm *a = &m->alarms[key];
	const struct rule_def *d = a->is ? a->is->def : NULL;
	int64_t delay_ns = !d ? 0 : raw ? d->on_delay_ns : d->off_delay_ns;

	if (a->raw == raw)
		return;
	if (!raw && is_held(a) && delay_ns < RULES_CHATTER_QUIET_NS)
		delay_ns = RULES_CHATTER_QUIET_NS;
	a->raw = raw;
	if (raw && a->end_ns != CLOCK_NEVER && is_held(a))
		a->times++; /* held, it would have been raised again */
	a->end_ns = CLOCK_NEVER;
	if (raw == stands(a))
		return;
	if (delay_ns > 0)
		a->end_ns = at_ns + delay_ns;
	else if (raw)
		go_on(m, key, at_ns);
	else
		go_off(m, key, at_ns);
}

/* --- people's own alarms */

static void begin_own(struct model *m, uint32_t key, enum rules_extra_kind kind, uint32_t target, int64_t until_ns, int64_t at_ns)
{
	m->alarms[key] = (struct model_alarm){ .there = true, .kind = kind, .target = target, .ack = kind == EXTRA_MANUAL, .end_ns = CLOCK_NEVER,
		.escalate_ns = CLOCK_NEVER, .re_alarm_ns = CLOCK_NEVER, .until_ns = until_ns, .begun = ++m->n_begun };
	decide(m, key, true, at_ns);
}

static void end_shelf(struct model *m, uint32_t shelf, int64_t at_ns)
{
	uint32_t key = m->alarms[shelf].target;

	decide(m, shelf, false, at_ns);
	tell(m, key, TRANSITION_UNSHELVED, m->alarms[key].state, at_ns);
	judge_counts(m, at_ns);
}

/* What began on it in the test is over; what stands is raised anew, for everybody. */
static void end_test_of(struct model *m, uint32_t key, int64_t at_ns)
{
	struct model_alarm *a = &m->alarms[key];
	bool stood = stands(a);

	if (a->mode == MODE_NORMAL || mode_of(m, key) != MODE_NORMAL || a->forgotten)
		return;
	if (a->state != STATE_NORMAL)
		tell(m, key, TRANSITION_REMOVED, STATE_NORMAL, at_ns);
	a->forgotten = true;
	over(a);
	if (stood)
		a->end_ns = CLOCK_NEVER;
	if (stood && a->raw)
		go_on(m, key, at_ns);
	judge_counts(m, at_ns);
	if (key < m->n)
		judge_suppressed(m, key, at_ns);
}

static void end_test(struct model *m, unsigned test, int64_t at_ns)
{
	uint32_t points = m->tests[test].points;

	m->tests[test].points = 0;
	m->tests[test].on = false;
	for (uint32_t p = 0; p < m->s->f.site.n_points; p++)
		for (uint32_t i = 0; (points >> p & 1) && i < m->n; i++)
			if (m->alarms[i].is->point == p)
				end_test_of(m, i, at_ns);
}

/* --- time */

static void attend(struct model *m, uint32_t key, int64_t at_ns)
{
	struct model_alarm *a = &m->alarms[key];
	bool again = a->re_alarm_ns == at_ns;

	if (a->escalate_ns != at_ns && !again)
		return;
	a->escalate_ns = a->re_alarm_ns = CLOCK_NEVER;
	if (shelf_of(m, key) < SCENARIO_KEYS || is_out(m, key) || is_suppressed(m, key) || a->mode != MODE_NORMAL)
		return;
	a->acked = a->acked && !again;
	tell(m, key, again ? TRANSITION_RERAISED : TRANSITION_ESCALATED, again ? STATE_ACTIVE : a->state, at_ns);
	if (again)
		wait_for_ack(a, at_ns);
}

static void earliest(int64_t *first, int64_t t)
{
	if (t < *first)
		*first = t;
}

/* The next moment at which time alone does something. */
static int64_t next_moment(const struct model *m, int64_t after_ns)
{
	int64_t first = CLOCK_NEVER;

	for (uint32_t i = 0; i < SCENARIO_KEYS; i++) {
		const struct model_alarm *a = &m->alarms[i];
		if (!a->there)
			continue;
		earliest(&first, a->end_ns);
		earliest(&first, a->escalate_ns);
		earliest(&first, a->re_alarm_ns);
		earliest(&first, a->until_ns);
		for (uint32_t g = 0; i < m->n && a->may_count && a->n_raises > 0 && g < m->n; g++) {
			int64_t open_ns = m->counting[g][i] ? a->raises[a->n_raises - 1] + m->alarms[g].is->def->within_ns + 1 : CLOCK_NEVER;
			if (open_ns > after_ns)
				earliest(&first, open_ns);
		}
	}
	for (size_t i = 0; i < RULES_TESTS_MAX; i++)
		if (m->tests[i].on)
			earliest(&first, m->tests[i].until_ns);
	return first;
}

/* Of those that end at t the one that began first. */
static uint32_t first_shelf(const struct model *m, int64_t t)
{
	uint32_t first = SCENARIO_KEYS;

	for (uint32_t i = m->n; i < SCENARIO_KEYS; i++)
		if (m->alarms[i].there && m->alarms[i].until_ns == t && (first == SCENARIO_KEYS || m->alarms[i].begun < m->alarms[first].begun))
			first = i;
	return first;
}

/* At one moment: delays, then windows, then what waits for people, then ends of shelves, then of tests. */
static void do_moment(struct model *m, int64_t t)
{
	for (uint32_t i = 0; i < m->n; i++) {
		struct model_alarm *a = &m->alarms[i];
		if (a->end_ns != t)
			continue;
		a->end_ns = CLOCK_NEVER;
		if (a->raw)
			go_on(m, i, t);
		else
			go_off(m, i, t);
	}
	judge_counts(m, t);
	for (uint32_t i = 0; i < m->n; i++)
		attend(m, i, t);
	for (uint32_t shelf = first_shelf(m, t); shelf < SCENARIO_KEYS; shelf = first_shelf(m, t))
		end_shelf(m, shelf, t);
	for (unsigned i = 0; i < RULES_TESTS_MAX; i++) {
		if (!m->tests[i].on || m->tests[i].until_ns != t)
			continue;
		assert_true(m->n_out < m->max);
		m->out[m->n_out++] = (struct modelled){ .key = SCENARIO_OVER + i, .what = TRANSITION_TEST_END, .at_ns = t };
		end_test(m, i, t);
	}
}

static void pass_time(struct model *m, int64_t *clock_ns, int64_t until_ns)
{
	for (int64_t t = next_moment(m, *clock_ns); t <= until_ns; t = next_moment(m, *clock_ns)) {
		do_moment(m, t);
		*clock_ns = t;
	}
	*clock_ns = until_ns;
}

static bool verdict(const struct model_alarm *a, const struct input *in)
{
	const struct rule_def *d = a->is->def;
	double v = in->value, db = a->raw ? d->deadband : 0;

	if (d->when == WHEN_QUALITY)
		return d->any_bad ? in->quality != QUALITY_GOOD : in->quality == QUALITY_COMM || in->quality == QUALITY_STALE;
	if (in->quality != QUALITY_GOOD)
		return a->raw;
	switch (d->when) {
	case WHEN_ABOVE: return v > d->limit - db;
	case WHEN_BELOW: return v < d->limit + db;
	case WHEN_OUTSIDE: return v < d->limit + db || v > d->limit_high - db;
	case WHEN_EQUALS: return v == d->limit;
	case WHEN_BIT: return (int)v >> d->bit & 1;
	case WHEN_QUALITY:
	case WHEN_RATE:
	case WHEN_STUCK:
	case WHEN_ALL:
	case WHEN_ANY:
	case WHEN_COUNT: break;
	}
	return a->raw;
}

/* --- what people do: false if it is refused */

static bool acknowledge(struct model *m, uint32_t key, int64_t at_ns)
{
	struct model_alarm *a = &m->alarms[key];
	const struct rule_def *d = a->is ? a->is->def : NULL;

	if (a->state != STATE_ACTIVE && a->state != STATE_RETURNED)
		return false;
	a->acked = true;
	a->escalate_ns = CLOCK_NEVER;
	if (a->state == STATE_ACTIVE) {
		tell(m, key, TRANSITION_ACKNOWLEDGED, STATE_ACKED, at_ns);
		a->re_alarm_ns = d && d->re_alarm_ns > 0 ? at_ns + d->re_alarm_ns : CLOCK_NEVER;
		return true;
	}
	tell(m, key, TRANSITION_ACKNOWLEDGED, a->latch ? STATE_LATCHED : STATE_RETURNED, at_ns);
	if (a->latch)
		return true;
	tell(m, key, TRANSITION_CLEARED, STATE_NORMAL, at_ns);
	over(a);
	return true;
}

static bool reset(struct model *m, uint32_t key, int64_t at_ns)
{
	struct model_alarm *a = &m->alarms[key];

	if (!a->is && a->kind == EXTRA_MANUAL && a->state == STATE_ACKED) {
		decide(m, key, false, at_ns);
		return true;
	}
	if (a->state != STATE_LATCHED || a->raw)
		return false;
	tell(m, key, TRANSITION_RESET, STATE_LATCHED, at_ns);
	tell(m, key, TRANSITION_CLEARED, STATE_NORMAL, at_ns);
	over(a);
	return true;
}

static bool shelve(struct model *m, const struct input *in)
{
	uint32_t shelf = key_shelf(m->n, in->key);

	if (m->alarms[shelf].there || in->for_ns <= 0 || in->for_ns > RULES_SHELF_MAX_NS)
		return false;
	begin_own(m, shelf, EXTRA_SHELF, in->key, in->at_ns + in->for_ns, in->at_ns);
	tell(m, in->key, TRANSITION_SHELVED, m->alarms[in->key].state, in->at_ns);
	judge_counts(m, in->at_ns);
	return true;
}

static bool unshelve(struct model *m, const struct input *in)
{
	if (shelf_of(m, in->key) == SCENARIO_KEYS)
		return false;
	end_shelf(m, shelf_of(m, in->key), in->at_ns);
	return true;
}

static bool service(struct model *m, const struct input *in)
{
	uint32_t key = key_service(m->n, in->point);

	if (m->alarms[key].there == in->on)
		return false;
	if (in->on)
		begin_own(m, key, EXTRA_SERVICE, in->point, CLOCK_NEVER, in->at_ns);
	else
		decide(m, key, false, in->at_ns);
	judge_counts(m, in->at_ns);
	return true;
}

static bool verify(struct model *m, const struct input *in)
{
	struct model_alarm *a = &m->alarms[in->key];

	if (a->n_raises == 0 || (!a->is && a->kind != EXTRA_MANUAL))
		return false;
	a->verdict = in->verdict;
	tell(m, in->key, TRANSITION_VERIFIED, a->state, in->at_ns);
	return true;
}

static bool report(struct model *m, const struct input *in)
{
	uint32_t key = key_report(m->n, m->s->f.site.n_points, in->building, in->floor, in->class_);

	if (in->class_ == CLASS_DISABLEMENT || m->alarms[key].there)
		return false;
	begin_own(m, key, EXTRA_MANUAL, in->building, CLOCK_NEVER, in->at_ns);
	return true;
}

static bool begin_test(struct model *m, const struct input *in)
{
	struct model_test *t = &m->tests[in->test];

	if (t->on)
		return false;
	*t = (struct model_test){ true, in->mode, in->points, in->at_ns + in->for_ns };
	return true;
}

/* True: done. */
static bool give(struct model *m, const struct input *in)
{
	switch (in->type) {
	case INPUT_READING:
		for (uint32_t i = 0; i < m->n; i++)
			if (m->alarms[i].is->point == in->point)
				decide(m, i, verdict(&m->alarms[i], in), in->at_ns);
		return true;
	case INPUT_COMMAND: return in->command == RULES_ACK ? acknowledge(m, in->key, in->at_ns) : reset(m, in->key, in->at_ns);
	case INPUT_OWN:
		decide(m, m->n - 1 - (uint32_t)(in->pick & 1), in->on, in->at_ns);
		return true;
	case INPUT_TIME: return true;
	case INPUT_SHELVE: return shelve(m, in);
	case INPUT_UNSHELVE: return unshelve(m, in);
	case INPUT_SERVICE: return service(m, in);
	case INPUT_VERIFY: return verify(m, in);
	case INPUT_REPORT: return report(m, in);
	case INPUT_TEST_BEGIN: return begin_test(m, in);
	case INPUT_TEST_END:
		if (!m->tests[in->test].on)
			return false;
		end_test(m, in->test, in->at_ns);
		return true;
	}
	return false;
}

static void learn(struct model *m, const struct rules *r)
{
	for (uint32_t i = 0; i < SCENARIO_KEYS; i++)
		m->alarms[i] = (struct model_alarm){ .end_ns = CLOCK_NEVER, .escalate_ns = CLOCK_NEVER, .re_alarm_ns = CLOCK_NEVER, .until_ns = CLOCK_NEVER };
	for (uint32_t i = 0; i < m->n; i++) {
		struct model_alarm *a = &m->alarms[i];
		a->is = rules_alarm(r, i);
		a->there = true;
		a->latch = a->is->def && a->is->def->latch;
		a->ack = !a->is->def || a->is->def->ack;
		a->count_rule = a->is->def && a->is->def->when == WHEN_COUNT;
	}
	for (uint32_t g = 0; g < m->n; g++)
		for (uint32_t a = 0; a < m->n; a++)
			if ((m->counting[g][a] = may_count(m, m->alarms[g].is, m->alarms[a].is)))
				m->alarms[a].may_count = true;
	for (uint32_t by = 0; by < m->n; by++)
		for (uint32_t what = 0; what < m->n; what++)
			if ((m->suppresses[by][what] = may_suppress(m, by, what)))
				m->alarms[by].may_suppress = m->alarms[what].may_be_suppressed = true;
}

size_t model_run(const struct scenario *s, const struct rules *r, struct modelled *out, size_t max, bool refused[SCENARIO_STEPS])
{
	static struct model m;
	int64_t clock_ns = INT64_MIN;

	memset(&m, 0, sizeof m);
	m.s = s;
	m.out = out;
	m.max = max;
	m.n = (uint32_t)scenario_count(r);
	learn(&m, r);
	for (size_t i = 0; i < s->n; i++) {
		pass_time(&m, &clock_ns, s->inputs[i].at_ns);
		refused[i] = !give(&m, &s->inputs[i]);
	}
	pass_time(&m, &clock_ns, s->inputs[s->n - 1].at_ns + 3600 * S);
	return m.n_out;
}
