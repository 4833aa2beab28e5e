/* The meaning of rules once more, as plainly as it can be said: no heap, no counters, no table of moves; everything is looked at every time. */
#include "tests/unit/rules/scenario.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

struct model_alarm {
	const struct rules_alarm *is;
	enum alarm_state state;
	bool    raw, was_on;
	int64_t on_ns, end_ns; /* end_ns: of the delay that runs, or CLOCK_NEVER */
	/* rate: all samples of the window; stuck: what does not move since when, and since when it is not known (CLOCK_NEVER: it is) */
	struct { int64_t at_ns; double value; } samples[SCENARIO_STEPS];
	size_t  n_samples;
	bool    anchored;
	double  anchor;
	int64_t since_ns, bad_ns;
};

/* One point that a term of an alarm of all or any looks at. */
struct model_seat {
	uint32_t alarm, term, point;
	bool     verdict;
};
#define SEATS_MAX 1024

struct model {
	const struct scenario *s;
	struct model_alarm     alarms[SCENARIO_ALARMS];
	bool                   counting[SCENARIO_ALARMS][SCENARIO_ALARMS]; /* [group][alarm]: may count in it */
	uint32_t               n;
	struct model_seat      seats[SEATS_MAX];
	size_t                 n_seats;
	struct modelled       *out;
	size_t                 n_out, max;
};

static bool stands(const struct model_alarm *a)
{
	return a->state == STATE_ACTIVE || a->state == STATE_ACKED;
}

static void tell(struct model *m, uint32_t alarm, enum transition what, enum alarm_state to, int64_t at_ns)
{
	assert_true(m->n_out < m->max);
	m->out[m->n_out++] = (struct modelled){ alarm, what, to, at_ns };
	m->alarms[alarm].state = to;
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

static uint32_t count_points(const struct model *m, uint32_t group, int64_t at_ns)
{
	int64_t within_ns = m->alarms[group].is->def->within_ns;
	bool seen[FIXTURE_POINTS] = { false };
	uint32_t n = 0;

	for (uint32_t i = 0; i < m->n; i++) {
		const struct model_alarm *a = &m->alarms[i];
		bool now = stands(a) || (within_ns > 0 && a->was_on && at_ns - a->on_ns <= within_ns);
		if (!m->counting[group][i] || !now || seen[a->is->point])
			continue;
		seen[m->alarms[i].is->point] = true;
		n++;
	}
	return n;
}

static void decide(struct model *m, uint32_t alarm, bool raw, int64_t at_ns);

static void judge_counts(struct model *m, int64_t at_ns)
{
	for (uint32_t i = 0; i < m->n; i++)
		if (m->alarms[i].is->count_rule)
			decide(m, i, count_points(m, i, at_ns) >= m->alarms[i].is->def->count, at_ns);
}

static void go_on(struct model *m, uint32_t alarm, int64_t at_ns)
{
	struct model_alarm *a = &m->alarms[alarm];
	bool again = a->state != STATE_NORMAL;

	a->was_on = true;
	a->on_ns = at_ns;
	tell(m, alarm, again ? TRANSITION_RERAISED : a->is->count_rule ? TRANSITION_CONFIRMED : TRANSITION_RAISED, STATE_ACTIVE, at_ns);
	if (!a->is->count_rule)
		judge_counts(m, at_ns);
}

static void go_off(struct model *m, uint32_t alarm, int64_t at_ns)
{
	struct model_alarm *a = &m->alarms[alarm];
	bool done = a->state == STATE_ACKED || !a->is->ack;

	tell(m, alarm, TRANSITION_RETURNED, done && a->is->latch ? STATE_LATCHED : STATE_RETURNED, at_ns);
	if (done && !a->is->latch)
		tell(m, alarm, TRANSITION_CLEARED, STATE_NORMAL, at_ns);
	if (!a->is->count_rule)
		judge_counts(m, at_ns);
}

static void decide(struct model *m, uint32_t alarm, bool raw, int64_t at_ns)
{
	struct model_alarm *a = &m->alarms[alarm];
	const struct rule_def *d = a->is->def;
	int64_t delay_ns = !d ? 0 : raw ? d->on_delay_ns : d->off_delay_ns;

	if (a->raw == raw)
		return;
	a->raw = raw;
	a->end_ns = CLOCK_NEVER;
	if (raw == stands(a))
		return;
	if (delay_ns > 0)
		a->end_ns = at_ns + delay_ns;
	else if (raw)
		go_on(m, alarm, at_ns);
	else
		go_off(m, alarm, at_ns);
}

/* The next moment at which time alone does something: a delay's end, or a window's. */
static int64_t next_moment(const struct model *m, int64_t after_ns)
{
	int64_t first = CLOCK_NEVER;

	for (uint32_t i = 0; i < m->n; i++) {
		const struct model_alarm *a = &m->alarms[i];
		if (a->end_ns < first)
			first = a->end_ns;
		for (uint32_t g = 0; g < m->n; g++) {
			if (!m->alarms[g].is->count_rule || !a->was_on || a->is->count_rule)
				continue;
			int64_t over = a->on_ns + m->alarms[g].is->def->within_ns + 1;
			if (over > after_ns && over < first)
				first = over;
		}
	}
	return first;
}

static void pass_time(struct model *m, int64_t *clock_ns, int64_t until_ns)
{
	for (int64_t t = next_moment(m, *clock_ns); t <= until_ns; t = next_moment(m, *clock_ns)) {
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
		*clock_ns = t;
	}
	*clock_ns = until_ns;
}

/* The youngest sample of a time `per` ago or more, the window having begun after the last silence of more than that. */
static bool judge_rate(struct model_alarm *a, const struct input *in)
{
	const struct rule_def *d = a->is->def;
	bool raw = a->raw;

	if (in->quality != QUALITY_GOOD)
		return raw;
	if (a->n_samples > 0 && in->at_ns - a->samples[a->n_samples - 1].at_ns > d->per_ns)
		a->n_samples = 0;
	for (size_t i = a->n_samples; i-- > 0;) {
		int64_t age_ns = in->at_ns - a->samples[i].at_ns;
		if (age_ns < d->per_ns)
			continue;
		/* Whole numbers: (v − then) × per / age against the limit, without a division. */
		double change = (in->value - a->samples[i].value) * (double)d->per_ns, edge = d->limit + (!raw ? 0 : d->rate_above ? -d->deadband : d->deadband);
		raw = d->rate_above ? change > edge * (double)age_ns : change < edge * (double)age_ns;
		break;
	}
	if (a->n_samples == 0 || (in->at_ns - a->samples[a->n_samples - 1].at_ns) * 15 >= d->per_ns) {
		a->samples[a->n_samples].at_ns = in->at_ns;
		a->samples[a->n_samples++].value = in->value;
	}
	return raw;
}

static bool judge_stuck(struct model_alarm *a, const struct input *in)
{
	if (in->quality != QUALITY_GOOD) {
		a->bad_ns = a->bad_ns == CLOCK_NEVER ? in->at_ns : a->bad_ns;
		return a->raw;
	}
	if (!a->anchored || fabs(in->value - a->anchor) > a->is->def->deadband) {
		a->anchored = true;
		a->anchor = in->value;
		a->since_ns = in->at_ns;
	} else if (a->bad_ns != CLOCK_NEVER) {
		a->since_ns += in->at_ns - a->bad_ns;
	}
	a->bad_ns = CLOCK_NEVER;
	return in->at_ns - a->since_ns >= a->is->def->stuck_ns;
}

static bool judge(const struct rule_def *d, bool was, const struct input *in)
{
	double v = in->value, db = was ? d->deadband : 0;

	if (d->when == WHEN_QUALITY)
		return d->any_bad ? in->quality != QUALITY_GOOD : in->quality == QUALITY_COMM || in->quality == QUALITY_STALE;
	if (in->quality != QUALITY_GOOD)
		return was;
	switch (d->when) {
	case WHEN_ABOVE: return v > d->limit - db;
	case WHEN_BELOW: return v < d->limit + db;
	case WHEN_OUTSIDE: return v < d->limit + db || v > d->limit_high - db;
	case WHEN_EQUALS: return v == d->limit;
	case WHEN_BIT: return (int)v >> d->bit & 1;
	case WHEN_QUALITY:
	case WHEN_COUNT:
	case WHEN_RATE:
	case WHEN_STUCK:
	case WHEN_ALL:
	case WHEN_ANY: break;
	}
	return was;
}

static bool verdict(struct model_alarm *a, const struct input *in)
{
	enum rule_when when = a->is->def->when;

	return when == WHEN_RATE ? judge_rate(a, in) : when == WHEN_STUCK ? judge_stuck(a, in) : judge(a->is->def, a->raw, in);
}

static bool term_holds(const struct model *m, uint32_t alarm, uint32_t term)
{
	for (size_t i = 0; i < m->n_seats; i++)
		if (m->seats[i].alarm == alarm && m->seats[i].term == term && m->seats[i].verdict)
			return true;
	return false;
}

/* All points' new verdicts first, then what they make together. */
static void judge_joints(struct model *m, const struct input *in)
{
	for (size_t i = 0; i < m->n_seats; i++) {
		struct model_seat *k = &m->seats[i];
		if (k->point == in->point)
			k->verdict = judge(&m->alarms[k->alarm].is->def->terms[k->term], k->verdict, in);
	}
	for (uint32_t a = 0; a < m->n; a++) {
		const struct rule_def *d = m->alarms[a].is->def;
		if (!d || !rule_has_terms(d))
			continue;
		size_t hold = 0;
		for (uint32_t t = 0; t < d->n_terms; t++)
			hold += term_holds(m, a, t);
		decide(m, a, d->when == WHEN_ALL ? hold == d->n_terms : hold > 0, in->at_ns);
	}
}

static void seat_points(struct model *m, uint32_t alarm)
{
	const struct rule_def *d = m->alarms[alarm].is->def;
	const struct site *site = &m->s->f.site;

	for (uint32_t t = 0; d && t < d->n_terms; t++)
		for (uint32_t p = 0; p < site->n_points; p++) {
			const struct rule_words *device = &d->terms[t].select.device;
			if (!in_group(m, m->alarms[alarm].is, &site->points[p]))
				continue;
			if (device->n > 0 && strcmp(device->words[0], site->devices[site->points[p].device].name) != 0)
				continue;
			assert_true(m->n_seats < SEATS_MAX);
			m->seats[m->n_seats++] = (struct model_seat){ alarm, t, p, false };
		}
}

static void command(struct model *m, const struct input *in)
{
	struct model_alarm *a = &m->alarms[in->alarm];

	if (in->command == RULES_ACK && a->state == STATE_ACTIVE) {
		tell(m, in->alarm, TRANSITION_ACKNOWLEDGED, STATE_ACKED, in->at_ns);
	} else if (in->command == RULES_ACK && a->state == STATE_RETURNED) {
		tell(m, in->alarm, TRANSITION_ACKNOWLEDGED, a->is->latch ? STATE_LATCHED : STATE_RETURNED, in->at_ns);
		if (!a->is->latch)
			tell(m, in->alarm, TRANSITION_CLEARED, STATE_NORMAL, in->at_ns);
	} else if (in->command == RULES_RESET && a->state == STATE_LATCHED && !a->raw) {
		tell(m, in->alarm, TRANSITION_RESET, STATE_LATCHED, in->at_ns);
		tell(m, in->alarm, TRANSITION_CLEARED, STATE_NORMAL, in->at_ns);
	}
}

static void give(struct model *m, const struct input *in)
{
	switch (in->type) {
	case INPUT_READING:
		for (uint32_t i = 0; i < m->n; i++)
			if (m->alarms[i].is->point == in->point)
				decide(m, i, verdict(&m->alarms[i], in), in->at_ns);
		judge_joints(m, in);
		return;
	case INPUT_COMMAND:
		command(m, in);
		return;
	case INPUT_OWN:
		decide(m, m->n - 1 - (uint32_t)(in->pick & 1), in->on, in->at_ns);
		return;
	case INPUT_TIME:
		return;
	}
}

size_t model_run(const struct scenario *s, const struct rules *r, struct modelled *out, size_t max)
{
	static struct model m;
	int64_t clock_ns = INT64_MIN;

	memset(&m, 0, sizeof m);
	m.s = s;
	m.out = out;
	m.max = max;
	m.n = (uint32_t)scenario_count(r);
	for (uint32_t i = 0; i < m.n; i++)
		m.alarms[i] = (struct model_alarm){ .is = rules_alarm(r, i), .end_ns = CLOCK_NEVER, .bad_ns = CLOCK_NEVER };
	for (uint32_t i = 0; i < m.n; i++)
		seat_points(&m, i);
	for (uint32_t g = 0; g < m.n; g++)
		for (uint32_t a = 0; a < m.n; a++)
			m.counting[g][a] = may_count(&m, m.alarms[g].is, m.alarms[a].is);
	for (size_t i = 0; i < s->n; i++) {
		pass_time(&m, &clock_ns, s->inputs[i].at_ns);
		give(&m, &s->inputs[i]);
	}
	pass_time(&m, &clock_ns, s->inputs[s->n - 1].at_ns + 3600 * S);
	return m.n_out;
}
