/* The axes: round values, round times. */
#include "gateway/cli/plot_inside.h"

#include <float.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define TICKS_MAX  8u
#define FLAT       1e-7 /* of the magnitude: a smaller range is drawn as a line; its labels could not be told apart */
#define SLACK      1e-9 /* of a step: 0.3 ÷ 0.1 is 3 */
#define STEP_LEAST 1e-300
#define STEP_MOST  1e308
#define MS_PER_S   INT64_C(1000)
#define DAY_S      INT64_C(86400)
#define YEARS_S    (300 * DAY_S) /* from here on a date needs its year */

/* ---- values ---- */

static double clamp(double v)
{
	return fmax(-DBL_MAX, fmin(DBL_MAX, v));
}

/* 1, 2 or 5 times a power of ten, not below. */
static double round_step(double raw)
{
	if (!(raw > STEP_LEAST))
		return STEP_LEAST;
	double ten = pow(10, floor(log10(raw)));
	static const double steps[] = { 1, 2, 5 };
	for (size_t i = 0; i < 3; i++)
		if (raw <= steps[i] * ten * (1 + SLACK))
			return fmin(steps[i] * ten, STEP_MOST);
	return fmin(10 * ten, STEP_MOST);
}

static bool is_flat(double min, double max)
{
	double half = max / 2 - min / 2; /* the whole may be more than a double holds */

	return half * 2 <= fmax(fabs(min), fabs(max)) * FLAT || half < STEP_LEAST;
}

static void fit(struct plot_scale *s, double min, double max, bool is_whole, size_t height)
{
	size_t ticks = height / 2 < 2 ? 2 : height / 2 > TICKS_MAX ? TICKS_MAX : height / 2;

	if (is_flat(min, max)) {
		double pad = fmax(fabs(max) / 10, is_whole || max == 0 ? 1 : 0);
		min = clamp(min - pad);
		max = clamp(max + pad);
	}
	s->step = round_step((max / 2 - min / 2) / (double)ticks * 2);
	if (is_whole && s->step < 1)
		s->step = 1;
	double first = floor(min / s->step + SLACK), last = ceil(max / s->step - SLACK);
	if (last <= first)
		last = first + 1;
	s->n = (unsigned)(last - first);
	s->lo = clamp(first * s->step);
	s->hi = clamp(last * s->step);
}

void plot_scale_fit(struct plot_scale *s, double min, double max, const double *limits, size_t n_limits, bool is_whole, size_t height)
{
	double lo = min, hi = max;
	bool flat = is_flat(min, max), more = true;

	fit(s, min, max, is_whole, height);
	/* The nearest first, as long as the curve keeps its half. */
	for (size_t taken = 0; more && taken < n_limits; taken++) {
		double best = NAN;
		for (size_t i = 0; i < n_limits; i++) {
			double far = fmax(lo - limits[i], limits[i] - hi);
			if (far > 0 && !(far >= fmax(lo - best, best - hi)))
				best = limits[i];
		}
		if (isnan(best))
			return;
		struct plot_scale wider;
		fit(&wider, fmin(lo, best), fmax(hi, best), is_whole, height);
		more = flat || max / 2 - min / 2 >= (wider.hi / 2 - wider.lo / 2) / 2;
		if (more) {
			*s = wider;
			lo = fmin(lo, best);
			hi = fmax(hi, best);
		}
	}
}

size_t plot_scale_dot(const struct plot_scale *s, double v, size_t n_dots)
{
	double part = (s->hi / 2 - v / 2) / (s->hi / 2 - s->lo / 2);

	return (size_t)lround(fmax(0, fmin(1, part)) * (double)(n_dots - 1));
}

void plot_scale_label(const struct plot_scale *s, unsigned tick, size_t room, char buf[PLOT_TEXT])
{
	double v = clamp(s->lo + tick * s->step), most = fmax(fabs(s->lo), fabs(s->hi));
	int decimals = s->step < 1 ? (int)ceil(-log10(s->step) - SLACK) : 0;

	if (fabs(v) < s->step / 2)
		v = 0;
	if (most < 1e9 && decimals <= 6) {
		snprintf(buf, PLOT_TEXT, "%.*f", decimals, v);
		return;
	}
	int digits = (int)floor(log10(most)) - (int)floor(log10(s->step)) + 1;
	for (digits = digits < 1 ? 1 : digits > 12 ? 12 : digits; digits > 0; digits--) {
		snprintf(buf, PLOT_TEXT, "%.*g", digits, v);
		if (strlen(buf) <= room)
			return;
	}
}

/* ---- times ---- */

static int64_t offset_s(int64_t utc_s)
{
	struct tm tm;
	time_t t = (time_t)utc_s;

	return localtime_r(&t, &tm) ? tm.tm_gmtoff : 0;
}

/* The instant at which the clock on the wall says local_s. */
static int64_t utc_of(int64_t local_s, int64_t near_utc_s)
{
	int64_t utc = local_s - offset_s(near_utc_s);

	return local_s - offset_s(utc);
}

static size_t put_time(int64_t utc_s, int64_t step_s, int64_t span_s, bool first, char buf[PLOT_TEXT])
{
	struct tm tm = { 0 };
	time_t t = (time_t)utc_s;

	if (!localtime_r(&t, &tm))
		return 0;
	bool midnight = tm.tm_hour == 0 && tm.tm_min == 0 && tm.tm_sec == 0, is_day = step_s >= DAY_S;
	if (is_day && span_s > YEARS_S)
		return strftime(buf, PLOT_TEXT, "%Y-%m-%d", &tm);
	if (is_day || (midnight && !first))
		return strftime(buf, PLOT_TEXT, "%m-%d", &tm);
	size_t len = first ? strftime(buf, PLOT_TEXT, "%m-%d ", &tm) : 0;
	return len + (step_s < 60 ? strftime(buf + len, PLOT_TEXT - len, "%H:%M:%S", &tm) : strftime(buf + len, PLOT_TEXT - len, "%H:%M", &tm));
}

static int64_t time_step_s(int64_t span_s, size_t columns)
{
	static const int64_t steps[] = { 1,    2,    5,     10,    15,    30,    60,        120,       300,       600,        900,        1800,
		                         3600, 7200, 10800, 21600, 43200, DAY_S, 2 * DAY_S, 5 * DAY_S, 10 * DAY_S, 20 * DAY_S, 50 * DAY_S };
	const size_t n = sizeof steps / sizeof *steps;

	for (size_t i = 0; i < n; i++) {
		size_t width = steps[i] >= DAY_S ? (span_s > YEARS_S ? 10 : 5) : steps[i] < 60 ? 8 : 5;
		if ((double)steps[i] / (double)span_s * (double)columns >= (double)(width + 3))
			return steps[i];
	}
	int64_t step = 100 * DAY_S;
	while ((double)step / (double)span_s * (double)columns < 13)
		step *= 2;
	return step;
}

size_t plot_time_ticks(int64_t from_ms, int64_t to_ms, size_t columns, struct plot_tick *ret, size_t max)
{
	int64_t from_s = from_ms / MS_PER_S, span_s = (to_ms - from_ms) / MS_PER_S + 1;
	int64_t step = time_step_s(span_s, columns), local = (from_s + offset_s(from_s)) / step * step;
	size_t n = 0, free_from = 0;

	for (; n < max; local += step) {
		int64_t at = utc_of(local, local - offset_s(from_s));
		if (at * MS_PER_S < from_ms)
			continue;
		if (at * MS_PER_S >= to_ms)
			break;
		struct plot_tick *t = &ret[n];
		t->column = (size_t)((double)(at * MS_PER_S - from_ms) / (double)(to_ms - from_ms) * (double)columns);
		size_t len = put_time(at, step, span_s, n == 0, t->text), before = len / 2;
		if (len == 0 || (n > 0 && t->column < free_from + before) || t->column + len - before > columns)
			continue;
		free_from = (t->column > before ? t->column - before : 0) + len + 1;
		n++;
	}
	return n;
}
