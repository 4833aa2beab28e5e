/* What deadbands hide. A reading within the point's deadband of the last stored one was not stored; only one that changed a rule's state was, whatever its size, and the rules of
 * that time are known. So beside the engine's one verdict on each condition stand all that are possible: each stored value moves every one of them as the engine would, and then,
 * up to the next stored value, any value within the deadband may have been. More than one possible: in doubt. */
#include "gateway/cli/backtest.h"

#include <stdlib.h>
#include <string.h>

enum { MAY_BE_OFF = 1, MAY_BE_ON = 2 };

/* True beyond on, false again within off (rules/leaf.h: bands); equals: true at `on.lo`. */
struct backtest_watch {
	struct backtest_alarm *alarm;
	struct { double lo, hi; } on, off;
	double  deadband;
	bool    equals;    /* while it is on, the value is off.lo */
	uint8_t may;
	int64_t since_ms;  /* in doubt */
};

/* As people wrote both numbers: what is nearer than this is the same. */
static double slack(double x)
{
	return isfinite(x) ? 1e-9 * (fabs(x) + 1) : 0;
}

static bool is_same(double a, double b)
{
	return (isnan(a) && isnan(b)) || !(a < b || b < a);
}

/* The rule of that time had this very condition on this point, so that each change of it was stored. */
static bool was_live(const struct backtest *b, const struct rule_def *d, const struct point *p)
{
	for (size_t i = 0; i < b->o.n_live; i++) {
		const struct rule_def *l = &b->o.live[i];
		if (strcmp(l->id, d->id) != 0)
			continue;
		return l->enabled && l->when == d->when && is_same(rule_limit(l, p), rule_limit(d, p)) && is_same(l->limit_high, d->limit_high) &&
		       is_same(l->deadband, d->deadband) && l->bit == d->bit && l->any_bad == d->any_bad && l->quality == d->quality &&
		       (l->equals_text && d->equals_text ? strcmp(l->equals_text, d->equals_text) == 0 : l->equals_text == d->equals_text) &&
		       rule_select_fits(&l->select, b->o.site, p);
	}
	return false;
}

/* False: there is nothing to watch; a->judged says whether that is sure. */
static bool make(const struct backtest *b, struct backtest_alarm *a, struct backtest_watch *ret)
{
	const struct rule_def *d = a->def;
	const struct point *p = a->fixed->point == POINT_NONE ? NULL : &b->o.site->points[a->fixed->point];
	struct backtest_watch w = { .alarm = a, .on = { -INFINITY, INFINITY }, .off = { -INFINITY, INFINITY }, .may = MAY_BE_OFF };

	a->judged = true;
	if (d->when == WHEN_COUNT || d->when == WHEN_QUALITY) /* a count is as sure as its members; every change of quality was stored */
		return false;
	if (p && (p->log_mode || p->deadband <= 0 || was_live(b, d, p)))
		return false;
	double limit = a->fixed->limit;
	a->judged = p && (d->when == WHEN_ABOVE || d->when == WHEN_BELOW || d->when == WHEN_OUTSIDE || (d->when == WHEN_EQUALS && !isnan(limit)));
	if (!a->judged)
		return false;
	w.deadband = p->deadband;
	w.equals = d->when == WHEN_EQUALS;
	if (d->when != WHEN_ABOVE) {
		w.on.lo = limit;
		w.off.lo = limit + (w.equals ? 0 : d->deadband);
	}
	if (d->when == WHEN_ABOVE || d->when == WHEN_OUTSIDE) {
		w.on.hi = d->when == WHEN_OUTSIDE ? d->limit_high : limit;
		w.off.hi = w.on.hi - d->deadband;
	}
	*ret = w;
	return true;
}

/* As the engine judges. */
static bool turns_on(const struct backtest_watch *w, double v)
{
	return w->equals ? is_same(v, w->on.lo) : v < w->on.lo || v > w->on.hi;
}

static bool turns_off(const struct backtest_watch *w, double v)
{
	return w->equals ? !is_same(v, w->on.lo) : v >= w->off.lo - slack(w->off.lo) && v <= w->off.hi + slack(w->off.hi);
}

/* Whether any value within the deadband of v does. */
static bool may_turn_on(const struct backtest_watch *w, double v)
{
	if (w->equals)
		return fabs(v - w->on.lo) <= w->deadband + slack(v);
	return v - w->deadband < w->on.lo - slack(w->on.lo) || v + w->deadband > w->on.hi + slack(w->on.hi);
}

static bool may_turn_off(const struct backtest_watch *w, double v)
{
	return v + w->deadband >= w->off.lo - slack(w->off.lo) && v - w->deadband <= w->off.hi + slack(w->off.hi);
}

static void end(struct backtest *b, struct backtest_watch *w, int64_t at_ms)
{
	struct backtest_alarm *a = w->alarm;
	int64_t from = w->since_ms < b->o.from_ms ? b->o.from_ms : w->since_ms;

	if (at_ms < from)
		return;
	a->doubts++;
	a->doubt_ms += at_ms - from;
	if (b->o.doubt && a->chosen)
		b->o.doubt(b->o.user, a, w->since_ms, at_ms);
}

static void look(struct backtest *b, struct backtest_watch *w, double v, int64_t at_ms)
{
	uint8_t may = 0;

	if (w->may & MAY_BE_OFF)
		may |= turns_on(w, v) ? MAY_BE_ON : MAY_BE_OFF;
	if (w->may & MAY_BE_ON)
		may |= turns_off(w, v) ? MAY_BE_OFF : MAY_BE_ON;
	if (w->may == (MAY_BE_OFF | MAY_BE_ON) && may != w->may)
		end(b, w, at_ms);
	bool doubtful = w->may == (MAY_BE_OFF | MAY_BE_ON) && may == w->may;
	if ((may & MAY_BE_OFF) && may_turn_on(w, v))
		may |= MAY_BE_ON;
	if ((may & MAY_BE_ON) && may_turn_off(w, v))
		may |= MAY_BE_OFF;
	if (may == (MAY_BE_OFF | MAY_BE_ON) && !doubtful)
		w->since_ms = at_ms;
	w->may = may;
}

void doubt_reading(struct backtest *b, const struct sample *s)
{
	if (s->quality != QUALITY_GOOD || isnan(s->value.number))
		return; /* it changes no verdict */
	for (uint32_t i = b->first_watch[s->point]; i < b->first_watch[s->point + 1]; i++)
		look(b, &b->watches[i], s->value.number, s->at.wall_ms);
}

void doubt_end(struct backtest *b)
{
	for (size_t i = 0; i < b->first_watch[b->o.site->n_points]; i++)
		if (b->watches[i].may == (MAY_BE_OFF | MAY_BE_ON))
			end(b, &b->watches[i], b->o.to_ms);
}

int doubt_init(struct backtest *b, struct err *reterr)
{
	size_t n_points = b->o.site->n_points;
	uint32_t *next = calloc(n_points + 1, sizeof *next);
	struct backtest_watch w;

	b->first_watch = calloc(n_points + 2, sizeof *b->first_watch);
	b->watches = calloc(b->n_engine ? b->n_engine : 1, sizeof *b->watches);
	if (!next || !b->first_watch || !b->watches) {
		free(next);
		return err_set(reterr, ERR_NO_MEMORY, "no memory for %zu points", n_points);
	}
	for (size_t i = 0; i < b->n_engine; i++)
		if (make(b, b->alarms[i], &w))
			b->first_watch[b->alarms[i]->fixed->point + 1]++;
	for (size_t i = 0; i < n_points; i++)
		b->first_watch[i + 1] += b->first_watch[i];
	for (size_t i = 0; i < b->n_engine; i++)
		if (make(b, b->alarms[i], &w)) {
			uint32_t p = b->alarms[i]->fixed->point;
			b->watches[b->first_watch[p] + next[p]++] = w;
		}
	free(next);
	return 0;
}

void doubt_done(struct backtest *b)
{
	free(b->watches);
	free(b->first_watch);
}
