/* The meaning of rules once more, as plainly as it can be said: no heap, no counters, no table of moves; everything is looked at every time. */
#include "tests/unit/rules/model.h"

bool model_stands(const struct model_alarm *a)
{
	return a->state == STATE_ACTIVE || a->state == STATE_ACKED;
}

uint32_t model_shelf_of(const struct model *m, uint32_t key)
{
	return key < m->n && m->alarms[key_shelf(m->n, key)].there ? key_shelf(m->n, key) : SCENARIO_KEYS;
}

static bool is_out(const struct model *m, uint32_t key)
{
	const struct rules_alarm *is = m->alarms[key].is;

	return is && is->point != POINT_NONE && m->alarms[key_service(m->n, is->point)].there;
}

static bool suppresses(const struct model *m, uint32_t by, uint32_t key, enum alarm_mode mode)
{
	const struct model_alarm *b = &m->alarms[by];

	return m->suppresses[by][key] && b->suppresses && (b->suppresses_as == MODE_NORMAL || mode != MODE_NORMAL);
}

static bool is_suppressed(const struct model *m, uint32_t key, enum alarm_mode mode)
{
	for (uint32_t by = 0; key < m->n && m->alarms[key].may_be_suppressed && by < m->n; by++)
		if (suppresses(m, by, key, mode))
			return true;
	return false;
}

bool model_is_suppressed(const struct model *m, uint32_t key)
{
	return is_suppressed(m, key, m->alarms[key].mode);
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

void model_tell(struct model *m, uint32_t key, enum transition what, enum alarm_state to, int64_t at_ns)
{
	struct model_alarm *a = &m->alarms[key];
	uint32_t shelf = model_shelf_of(m, key);
	bool of_occurrence = a->state != STATE_NORMAL || to != STATE_NORMAL || what == TRANSITION_VERIFIED;
	enum alarm_mode mode = of_occurrence ? a->mode : MODE_NORMAL;

	a->was_suppressed = is_suppressed(m, key, mode);
	assert_true(m->n_out < m->max);
	m->out[m->n_out++] = (struct modelled){ .key = key, .what = what, .to = to, .at_ns = at_ns, .acked = a->acked, .mode = mode,
		.shelved = shelf < SCENARIO_KEYS, .out_of_service = is_out(m, key), .suppressed = a->was_suppressed, .spared = !a->was_suppressed && is_suppressed(m, key, MODE_TEST), .verdict = a->verdict,
		.times = a->chatters ? a->times : 0, .holding = model_holding(m, key),
		.until_ns = shelf < SCENARIO_KEYS ? m->alarms[shelf].until_ns : !a->is && a->kind == EXTRA_SHELF ? a->until_ns : 0 };
	a->state = to;
}

/* A member does not count while it is shelved or its point out of service, nor one whose latest occurrence was of a test. */
static bool counts_now(const struct model *m, uint32_t key, int64_t within_ns, int64_t at_ns)
{
	const struct model_alarm *a = &m->alarms[key];
	bool lately = within_ns > 0 && a->n_raises > 0 && !a->forgotten && at_ns - a->raises[a->n_raises - 1] <= within_ns;

	return (model_stands(a) || lately) && model_shelf_of(m, key) == SCENARIO_KEYS && !a->out && a->mode == MODE_NORMAL;
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

void model_judge_suppressed(struct model *m, uint32_t key, int64_t at_ns)
{
	m->alarms[key].suppresses = model_stands(&m->alarms[key]) && !is_out(m, key);
	m->alarms[key].suppresses_as = m->alarms[key].mode;
	if (!m->alarms[key].may_suppress)
		return;
	for (uint32_t i = 0; i < m->n; i++) {
		struct model_alarm *a = &m->alarms[i];
		bool is = model_is_suppressed(m, i);
		if (a->state != STATE_NORMAL && a->was_suppressed != is)
			model_tell(m, i, is ? TRANSITION_SUPPRESSED : TRANSITION_UNSUPPRESSED, a->state, at_ns);
	}
}

void model_judge_counts(struct model *m, int64_t at_ns)
{
	for (uint32_t i = 0; i < m->n; i++)
		if (m->alarms[i].count_rule)
			model_decide(m, i, count_points(m, i, at_ns) >= m->alarms[i].is->def->count, at_ns);
}

static bool is_held(const struct model_alarm *a)
{
	return a->chatters && a->times >= RULES_CHATTER_HELD && a->is && a->is->class_ != CLASS_FIRE;
}

/* Three times within a minute; over when it was quiet for a minute. */
static void note_raise(struct model *m, uint32_t key, int64_t at_ns, bool anew)
{
	struct model_alarm *a = &m->alarms[key];

	assert_true(a->n_raises < RAISES);
	a->raises[a->n_raises++] = at_ns;
	a->forgotten = false;
	if (anew)
		return; /* it stood all the time */
	a->comings[a->n_comings++] = at_ns;
	size_t n = a->n_comings;
	if (a->chatters && at_ns - a->comings[n - 2] > RULES_CHATTER_QUIET_NS)
		a->chatters = false;
	if (a->chatters) {
		a->times++;
	} else if (a->is && n >= 3 && at_ns - a->comings[n - 3] <= RULES_CHATTER_WINDOW_NS) {
		a->chatters = true;
		a->times = RULES_CHATTER_TIMES;
		model_tell(m, key, TRANSITION_CHATTERING, a->state, at_ns);
	}
}

static void wait_for_ack(struct model_alarm *a, int64_t at_ns)
{
	const struct rule_def *d = a->is ? a->is->def : NULL;

	a->re_alarm_ns = CLOCK_NEVER;
	if (d && d->escalate_ns > 0 && a->escalate_ns == CLOCK_NEVER)
		a->escalate_ns = at_ns + d->escalate_ns;
}

void model_over(struct model_alarm *a)
{
	a->acked = false;
	a->escalate_ns = a->re_alarm_ns = CLOCK_NEVER;
	if (!a->is)
		a->there = false;
}

static void go_on(struct model *m, uint32_t key, int64_t at_ns, bool anew)
{
	struct model_alarm *a = &m->alarms[key];
	bool again = a->state != STATE_NORMAL;

	if (a->state != STATE_RETURNED || a->mode != MODE_NORMAL)
		a->mode = mode_of(m, key);
	a->acked = false;
	if (!again)
		a->verdict = VERDICT_NONE;
	model_tell(m, key, again ? TRANSITION_RERAISED : a->count_rule ? TRANSITION_CONFIRMED : TRANSITION_RAISED, STATE_ACTIVE, at_ns);
	wait_for_ack(a, at_ns);
	note_raise(m, key, at_ns, anew);
	if (key < m->n)
		model_judge_suppressed(m, key, at_ns);
	if (key < m->n && !a->count_rule)
		model_judge_counts(m, at_ns);
}

static void go_off(struct model *m, uint32_t key, int64_t at_ns)
{
	struct model_alarm *a = &m->alarms[key];
	bool done = a->state == STATE_ACKED || !a->ack;

	model_tell(m, key, TRANSITION_RETURNED, done && a->latch ? STATE_LATCHED : STATE_RETURNED, at_ns);
	if (done && !a->latch)
		model_tell(m, key, TRANSITION_CLEARED, STATE_NORMAL, at_ns);
	if (done)
		a->escalate_ns = a->re_alarm_ns = CLOCK_NEVER;
	if (is_held(a))
		a->chatters = false;
	if (a->state == STATE_NORMAL)
		model_over(a);
	if (key < m->n && !a->count_rule)
		model_judge_counts(m, at_ns);
	if (key < m->n)
		model_judge_suppressed(m, key, at_ns);
}

void model_decide(struct model *m, uint32_t key, bool raw, int64_t at_ns)
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
	if (raw == model_stands(a))
		return;
	if (delay_ns > 0)
		a->end_ns = at_ns + delay_ns;
	else if (raw)
		go_on(m, key, at_ns, false);
	else
		go_off(m, key, at_ns);
}

/* --- people's own alarms */

void model_begin_own(struct model *m, uint32_t key, enum rules_extra_kind kind, uint32_t target, int64_t until_ns, int64_t at_ns)
{
	m->alarms[key] = (struct model_alarm){ .there = true, .kind = kind, .target = target, .ack = kind == EXTRA_MANUAL, .end_ns = CLOCK_NEVER,
		.escalate_ns = CLOCK_NEVER, .re_alarm_ns = CLOCK_NEVER, .until_ns = until_ns, .begun = ++m->n_begun };
	model_decide(m, key, true, at_ns);
}

void model_end_shelf(struct model *m, uint32_t shelf, int64_t at_ns)
{
	uint32_t key = m->alarms[shelf].target;

	model_decide(m, shelf, false, at_ns);
	model_tell(m, key, TRANSITION_UNSHELVED, m->alarms[key].state, at_ns);
	model_judge_counts(m, at_ns);
}

/* What began on it in the test is over; what stands is raised anew, for everybody. */
static void end_test_of(struct model *m, uint32_t key, int64_t at_ns)
{
	struct model_alarm *a = &m->alarms[key];
	bool stood = model_stands(a);

	if (a->mode == MODE_NORMAL || mode_of(m, key) != MODE_NORMAL || a->forgotten)
		return;
	if (a->state != STATE_NORMAL)
		model_tell(m, key, TRANSITION_REMOVED, STATE_NORMAL, at_ns);
	a->forgotten = true;
	model_over(a);
	if (stood)
		a->end_ns = CLOCK_NEVER;
	if (stood && a->raw)
		go_on(m, key, at_ns, true);
	model_judge_counts(m, at_ns);
	if (key < m->n)
		model_judge_suppressed(m, key, at_ns);
}

void model_end_test(struct model *m, unsigned test, int64_t at_ns)
{
	uint32_t points = m->tests[test].points;

	for (uint32_t p = 0; p < m->s->f.site.n_points; p++) {
		if (!(points >> p & 1))
			continue;
		m->tests[test].points &= ~(UINT32_C(1) << p);
		for (uint32_t i = 0; i < m->n; i++)
			if (m->alarms[i].is->point == p)
				end_test_of(m, i, at_ns);
		model_settle(m, p, at_ns);
	}
	m->tests[test].on = false;
}

/* --- time */

static void attend(struct model *m, uint32_t key, int64_t at_ns)
{
	struct model_alarm *a = &m->alarms[key];
	bool again = a->re_alarm_ns == at_ns;

	if (a->escalate_ns != at_ns && !again)
		return;
	a->escalate_ns = a->re_alarm_ns = CLOCK_NEVER;
	if (model_shelf_of(m, key) < SCENARIO_KEYS || is_out(m, key) || model_is_suppressed(m, key) || a->mode != MODE_NORMAL) {
		const struct rule_def *d = a->is->def;
		int64_t after_ns = again ? d->re_alarm_ns : d->escalate_ns;
		*(again ? &a->re_alarm_ns : &a->escalate_ns) = at_ns + (after_ns > 60 * S ? after_ns : 60 * S);
		return;
	}
	a->acked = a->acked && !again;
	model_tell(m, key, again ? TRANSITION_RERAISED : TRANSITION_ESCALATED, again ? STATE_ACTIVE : a->state, at_ns);
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
			go_on(m, i, t, false);
		else
			go_off(m, i, t);
	}
	model_judge_counts(m, t);
	for (uint32_t i = 0; i < m->n; i++)
		attend(m, i, t);
	for (uint32_t shelf = first_shelf(m, t); shelf < SCENARIO_KEYS; shelf = first_shelf(m, t))
		model_end_shelf(m, shelf, t);
	for (unsigned i = 0; i < RULES_TESTS_MAX; i++) {
		if (!m->tests[i].on || m->tests[i].until_ns != t)
			continue;
		assert_true(m->n_out < m->max);
		m->out[m->n_out++] = (struct modelled){ .key = SCENARIO_OVER + i, .what = TRANSITION_TEST_END, .at_ns = t };
		model_end_test(m, i, t);
	}
}

void model_pass_time(struct model *m, int64_t *clock_ns, int64_t until_ns)
{
	for (int64_t t = next_moment(m, *clock_ns); t <= until_ns; t = next_moment(m, *clock_ns)) {
		do_moment(m, t);
		*clock_ns = t;
	}
	*clock_ns = until_ns;
}
