/* The plain model: who may count where and suppress whom, and what people do. */
#include "tests/unit/rules/model.h"

#include <stdio.h>
#include <string.h>

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

/* By the alarm's id, which begins with the scope. */
bool model_in_scope(const struct model *m, const struct rules_alarm *g, const struct point *p)
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
	if (!g->count_rule || a->point == POINT_NONE || !model_in_scope(m, g, &m->s->f.site.points[a->point]))
		return false;
	return g->def->of_alarms ? a->class_ == g->def->of.classes[0] : a->class_ != CLASS_DISABLEMENT;
}

/* Its own point, those that may count in it, those that its terms look at. */
static bool is_about(const struct model *m, uint32_t key, uint32_t point)
{
	bool about = m->alarms[key].is->point == point;

	for (uint32_t i = 0; i < m->n; i++)
		about = about || (m->counting[key][i] && m->alarms[i].is->point == point);
	for (size_t i = 0; i < m->n_seats; i++)
		about = about || (m->seats[i].alarm == key && m->seats[i].point == point);
	return about;
}

/* All points that `what` is about are where `by` is: on its device, or in its scope. */
static bool lies_in(const struct model *m, uint32_t by, uint32_t what)
{
	const struct rules_alarm *b = m->alarms[by].is;
	const struct point *points = m->s->f.site.points;

	for (uint32_t p = 0; p < m->s->f.site.n_points; p++) {
		bool inside = b->point == POINT_NONE ? model_in_scope(m, b, &points[p]) : points[b->point].device == points[p].device;
		if (is_about(m, what, p) && !inside)
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
		model_tell(m, key, TRANSITION_ACKNOWLEDGED, STATE_ACKED, at_ns);
		a->re_alarm_ns = d && d->re_alarm_ns > 0 ? at_ns + d->re_alarm_ns : CLOCK_NEVER;
		return true;
	}
	model_tell(m, key, TRANSITION_ACKNOWLEDGED, a->latch ? STATE_LATCHED : STATE_RETURNED, at_ns);
	if (a->latch)
		return true;
	model_tell(m, key, TRANSITION_CLEARED, STATE_NORMAL, at_ns);
	model_over(a);
	return true;
}

static bool reset(struct model *m, uint32_t key, int64_t at_ns)
{
	struct model_alarm *a = &m->alarms[key];

	if (!a->is && a->kind == EXTRA_MANUAL && a->state == STATE_ACKED) {
		model_decide(m, key, false, at_ns);
		return true;
	}
	if (a->state != STATE_LATCHED || a->raw)
		return false;
	model_tell(m, key, TRANSITION_RESET, STATE_LATCHED, at_ns);
	model_tell(m, key, TRANSITION_CLEARED, STATE_NORMAL, at_ns);
	model_over(a);
	return true;
}

static bool shelve(struct model *m, const struct input *in)
{
	uint32_t shelf = key_shelf(m->n, in->key);

	if (m->alarms[shelf].there || in->for_ns <= 0 || in->for_ns > RULES_SHELF_MAX_NS)
		return false;
	model_begin_own(m, shelf, EXTRA_SHELF, in->key, in->at_ns + in->for_ns, in->at_ns);
	model_tell(m, in->key, TRANSITION_SHELVED, m->alarms[in->key].state, in->at_ns);
	model_judge_counts(m, in->at_ns);
	return true;
}

static bool unshelve(struct model *m, const struct input *in)
{
	if (model_shelf_of(m, in->key) == SCENARIO_KEYS)
		return false;
	model_end_shelf(m, model_shelf_of(m, in->key), in->at_ns);
	return true;
}

static void judge_suppressed_by(struct model *m, uint32_t point, int64_t at_ns)
{
	for (uint32_t i = 0; i < m->n; i++)
		if (m->alarms[i].is->point == point)
			model_judge_suppressed(m, i, at_ns);
}

static bool service(struct model *m, const struct input *in)
{
	uint32_t key = key_service(m->n, in->point);

	if (m->alarms[key].there == in->on)
		return false;
	if (in->on)
		model_begin_own(m, key, EXTRA_SERVICE, in->point, CLOCK_NEVER, in->at_ns);
	else
		model_decide(m, key, false, in->at_ns);
	if (!in->on)
		judge_suppressed_by(m, in->point, in->at_ns);
	for (uint32_t i = 0; i < m->n; i++) {
		if (m->alarms[i].is->point != in->point)
			continue;
		m->alarms[i].out = in->on;
		if (m->alarms[i].state != STATE_NORMAL && !model_is_suppressed(m, i))
			model_tell(m, i, in->on ? TRANSITION_SUPPRESSED : TRANSITION_UNSUPPRESSED, m->alarms[i].state, in->at_ns);
		model_judge_counts(m, in->at_ns);
	}
	judge_suppressed_by(m, in->point, in->at_ns);
	model_settle(m, in->point, in->at_ns);
	return true;
}

static bool verify(struct model *m, const struct input *in)
{
	struct model_alarm *a = &m->alarms[in->key];

	if (a->n_raises == 0 || (!a->is && a->kind != EXTRA_MANUAL))
		return false;
	a->verdict = in->verdict;
	model_tell(m, in->key, TRANSITION_VERIFIED, a->state, in->at_ns);
	return true;
}

static bool report(struct model *m, const struct input *in)
{
	uint32_t key = key_report(m->n, m->s->f.site.n_points, in->building, in->floor, in->class_);

	if (in->class_ == CLASS_DISABLEMENT || (m->alarms[key].there && m->alarms[key].state != STATE_ACKED))
		return false;
	if (m->alarms[key].there) {
		m->alarms[key].acked = false;
		model_tell(m, key, TRANSITION_RERAISED, STATE_ACTIVE, in->at_ns);
		return true;
	}
	model_begin_own(m, key, EXTRA_MANUAL, in->building, CLOCK_NEVER, in->at_ns);
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
		model_read(m, in);
		return true;
	case INPUT_COMMAND: return in->command == RULES_ACK ? acknowledge(m, in->key, in->at_ns) : reset(m, in->key, in->at_ns);
	case INPUT_OWN:
		model_decide(m, m->n - 1 - (uint32_t)(in->pick & 1), in->on, in->at_ns);
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
		model_end_test(m, in->test, in->at_ns);
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
		m->fixed[i] = rules_alarm(r, i);
		a->is = &m->fixed[i];
		a->there = true;
		a->latch = a->is->def && a->is->def->latch;
		a->ack = !a->is->def || a->is->def->ack;
		a->count_rule = a->is->def && a->is->def->when == WHEN_COUNT;
		m->memories[i].bad_ns = CLOCK_NEVER;
		model_seat_points(m, i);
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
		model_pass_time(&m, &clock_ns, s->inputs[i].at_ns);
		refused[i] = !give(&m, &s->inputs[i]);
	}
	model_pass_time(&m, &clock_ns, s->inputs[s->n - 1].at_ns + 3600 * S);
	return m.n_out;
}
