#include "gateway/cli/plot_inside.h"

#include <stdlib.h>

struct plot *plot_new(const struct plot_frame *f, const struct plot_about *about, int64_t gap_ms)
{
	struct plot *p = calloc(1, sizeof *p);
	size_t n = f->columns * PLOT_DOTS_X;

	if (!p)
		return NULL;
	*p = (struct plot){ .frame = f, .about = about, .gap_ms = gap_ms, .n = n, .value = NAN, .min = NAN, .max = NAN, .last = NAN,
		            .is_whole = true };
	p->columns = calloc(n, sizeof *p->columns);
	if (!p->columns) {
		free(p);
		return NULL;
	}
	for (size_t i = 0; i < n; i++)
		p->columns[i] = (struct plot_column){ .min = NAN, .max = NAN };
	return p;
}

void plot_free(struct plot *p)
{
	if (!p)
		return;
	free(p->columns);
	free(p);
}

/* ---- what is seen ---- */

static int64_t end_of(const struct plot *p)
{
	return p->frame->to_ms < p->frame->now_ms ? p->frame->to_ms : p->frame->now_ms;
}

/* Columns of from ≤ t < to (an instant has one); false: outside. */
static bool columns_of(const struct plot *p, int64_t from, int64_t to, size_t *ret_first, size_t *ret_last)
{
	const struct plot_frame *f = p->frame;
	double ms_per_column = (double)(f->to_ms - f->from_ms) / (double)p->n;

	if (to <= from)
		to = from + 1;
	if (from < f->from_ms)
		from = f->from_ms;
	if (to > f->to_ms)
		to = f->to_ms;
	if (from >= to)
		return false;
	*ret_first = (size_t)((double)(from - f->from_ms) / ms_per_column);
	*ret_last = (size_t)((double)(to - 1 - f->from_ms) / ms_per_column);
	if (*ret_last >= p->n)
		*ret_last = p->n - 1;
	if (*ret_first > *ret_last)
		*ret_first = *ret_last;
	return true;
}

static double held(const struct plot *p, int64_t from, int64_t to)
{
	if (from < p->frame->from_ms)
		from = p->frame->from_ms;
	if (to > end_of(p))
		to = end_of(p);
	return from < to ? (double)(to - from) : 0;
}

/* The mean of a and b by weight: the sum of values may be more than a double holds. */
static double mix(double a, double a_weight, double b, double b_weight)
{
	double weight = a_weight + b_weight;

	return weight > 0 ? a * (a_weight / weight) + b * (b_weight / weight) : a;
}

static void show_values(struct plot *p, int64_t from, int64_t to, double min, double max, double mean)
{
	size_t first, last;

	if (isnan(min) || isnan(max) || !columns_of(p, from, to, &first, &last))
		return;
	for (size_t i = first; i <= last; i++) {
		p->columns[i].min = fmin(p->columns[i].min, min); /* the other one if one is NaN */
		p->columns[i].max = fmax(p->columns[i].max, max);
	}
	p->min = fmin(p->min, min);
	p->max = fmax(p->max, max);
	p->is_whole = p->is_whole && min == floor(min) && max == floor(max);
	p->n_values++;
	p->mean = mix(p->mean, p->n_values - 1, mean, 1);
	double ms = held(p, from, to);
	p->held_mean = mix(p->held_mean, p->held_ms, mean, ms);
	p->held_ms += ms;
}

static void show_quality(struct plot *p, int64_t from, int64_t to, enum quality quality)
{
	size_t first, last;

	if (quality == QUALITY_GOOD || !columns_of(p, from, to, &first, &last))
		return;
	for (size_t i = first; i <= last; i++)
		p->columns[i].bad = true;
	if (quality > p->worst)
		p->worst = quality;
}

static void show_unknown(struct plot *p, int64_t from, int64_t to)
{
	size_t first, last;

	if (from >= to || !columns_of(p, from, to, &first, &last))
		return;
	for (size_t i = first; i <= last; i++)
		p->columns[i].unknown = true;
}

/* What holds is drawn up to `to`; if nothing was heard for too long it held for the instant only, as far as anyone knows. */
static void hold(struct plot *p, int64_t to)
{
	if (!p->any) {
		show_unknown(p, p->frame->from_ms, to);
		return;
	}
	bool holds = to - p->heard_ms <= p->gap_ms;
	int64_t until = holds ? to : p->at_ms;
	show_values(p, p->at_ms, until, p->value, p->value, p->value);
	show_quality(p, p->at_ms, until, p->quality);
	if (p->quality == QUALITY_GOOD && isnan(p->value))
		show_unknown(p, p->at_ms, until); /* a text, or a state that has no word (any more) */
	if (!holds)
		show_unknown(p, p->at_ms + 1, to);
}

/* ---- in ---- */

/* Of an enum the step counts, not the number; a number without a word is left out. */
static double level_of(const struct plot *p, double value)
{
	if (!p->about->n_levels)
		return value;
	for (size_t i = 0; i < p->about->n_levels; i++)
		if (p->about->levels[i] == value)
			return (double)i;
	return NAN;
}

void plot_add(struct plot *p, int64_t at_ms, double value, enum quality quality)
{
	hold(p, at_ms);
	p->any = true;
	p->at_ms = p->heard_ms = at_ms;
	p->value = quality == QUALITY_GOOD && isfinite(value) ? level_of(p, value) : NAN;
	p->quality = quality;
	p->has_odd = p->has_odd || (quality == QUALITY_GOOD && isnan(p->value));
	if (!isnan(p->value) && at_ms < p->frame->to_ms)
		p->last = p->value;
}

void plot_add_span(struct plot *p, const struct plot_span *s)
{
	int64_t end = s->at_ms + s->every_ms, shown = end < end_of(p) ? end : end_of(p);

	hold(p, s->at_ms);
	p->any = true;
	/* Where in the span the last reading was is not known. */
	p->at_ms = p->heard_ms = end;
	show_values(p, s->at_ms, shown, level_of(p, s->min), level_of(p, s->max), p->about->n_levels ? level_of(p, s->last) : s->mean);
	show_quality(p, s->at_ms, shown, s->worst);
	p->quality = s->worst;
	/* And with a bad one in it, not whether it ended well. */
	p->value = s->worst == QUALITY_GOOD ? level_of(p, s->last) : NAN;
	if (isfinite(s->last))
		p->last = level_of(p, s->last);
}

void plot_end(struct plot *p)
{
	int64_t end = end_of(p);

	if (!p->any || end > p->at_ms)
		hold(p, end);
	else if (p->at_ms < p->frame->to_ms)
		hold(p, p->at_ms);
}
