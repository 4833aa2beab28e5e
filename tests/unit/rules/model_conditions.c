/* The plain model: what readings say. */
#include "tests/unit/rules/model.h"

#include <math.h>
#include <string.h>

static bool is_joint(const struct model *m, uint32_t key)
{
	return key < m->n && m->alarms[key].is->def && rule_has_terms(m->alarms[key].is->def);
}

/* The youngest sample of a time `per` ago or more, the window having begun after the last silence of more than that. */
static bool judge_rate(const struct rule_def *d, struct model_memory *w, bool raw, const struct input *in)
{
	if (in->quality != QUALITY_GOOD)
		return raw;
	if (w->n > 0 && in->at_ns - w->samples[w->n - 1].at_ns > d->per_ns)
		w->n = 0;
	for (size_t i = w->n; i-- > 0;) {
		int64_t age_ns = in->at_ns - w->samples[i].at_ns;
		if (age_ns < d->per_ns)
			continue;
		/* Whole numbers: (v − then) × per / age against the limit, without a division. */
		double change = (in->value - w->samples[i].value) * (double)d->per_ns, edge = d->limit + (!raw ? 0 : d->rate_above ? -d->deadband : d->deadband);
		raw = d->rate_above ? change > edge * (double)age_ns : change < edge * (double)age_ns;
		break;
	}
	if (w->n == 0 || (in->at_ns - w->samples[w->n - 1].at_ns) * 15 >= d->per_ns) {
		w->samples[w->n].at_ns = in->at_ns;
		w->samples[w->n++].value = in->value;
	}
	return raw;
}

/* Time without a good value is time in which nobody knows. */
static bool judge_stuck(const struct rule_def *d, struct model_memory *w, bool raw, const struct input *in)
{
	if (in->quality != QUALITY_GOOD) {
		w->bad_ns = w->bad_ns == CLOCK_NEVER ? in->at_ns : w->bad_ns;
		return raw;
	}
	if (!w->anchored || fabs(in->value - w->anchor) > d->deadband) {
		w->anchored = true;
		w->anchor = in->value;
		w->since_ns = in->at_ns;
	} else if (w->bad_ns != CLOCK_NEVER) {
		w->since_ns += in->at_ns - w->bad_ns;
	}
	w->bad_ns = CLOCK_NEVER;
	return in->at_ns - w->since_ns >= d->stuck_ns;
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

static bool verdict(struct model *m, uint32_t key, const struct input *in)
{
	const struct rule_def *d = m->alarms[key].is->def;
	bool raw = m->alarms[key].raw;

	if (d->when == WHEN_RATE)
		return judge_rate(d, &m->memories[key], raw, in);
	return d->when == WHEN_STUCK ? judge_stuck(d, &m->memories[key], raw, in) : judge(d, raw, in);
}

static bool term_holds(const struct model *m, uint32_t key, uint32_t term)
{
	for (size_t i = 0; i < m->n_seats; i++)
		if (m->seats[i].alarm == key && m->seats[i].term == term && m->seats[i].verdict)
			return true;
	return false;
}

uint32_t model_holding(const struct model *m, uint32_t key)
{
	uint32_t n = 0;

	for (uint32_t t = 0; is_joint(m, key) && t < m->alarms[key].is->def->n_terms; t++)
		n += term_holds(m, key, t);
	return n;
}

void model_seat_points(struct model *m, uint32_t key)
{
	const struct rule_def *d = m->alarms[key].is->def;
	const struct site *site = &m->s->f.site;

	for (uint32_t t = 0; is_joint(m, key) && t < d->n_terms; t++)
		for (uint32_t p = 0; p < site->n_points; p++) {
			const struct rule_words *device = &d->terms[t].select.device;
			if (!model_in_scope(m, m->alarms[key].is, &site->points[p]))
				continue;
			if (device->n > 0 && strcmp(device->words[0], site->devices[site->points[p].device].name) != 0)
				continue;
			assert_true(m->n_seats < SEATS);
			m->seats[m->n_seats++] = (struct model_seat){ key, t, p, false };
		}
}

/* All of the point's new verdicts first, then what they make together. Whether a point is under test or out of service is nothing to all and any: only what counts leaves it out. */
void model_read(struct model *m, const struct input *in)
{
	for (uint32_t i = 0; i < m->n; i++)
		if (m->alarms[i].is->point == in->point)
			model_decide(m, i, verdict(m, i, in), in->at_ns);
	for (size_t i = 0; i < m->n_seats; i++) {
		struct model_seat *k = &m->seats[i];
		if (k->point == in->point)
			k->verdict = judge(&m->alarms[k->alarm].is->def->terms[k->term], k->verdict, in);
	}
	for (uint32_t i = 0; i < m->n; i++) {
		const struct rule_def *d = m->alarms[i].is->def;
		uint32_t holding = model_holding(m, i);
		if (is_joint(m, i))
			model_decide(m, i, d->when == WHEN_ALL ? holding == d->n_terms : holding > 0, in->at_ns);
	}
}
