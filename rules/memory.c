/* What a condition on the course of values remembers: a rate rule a window of samples, a stuck rule the value and the moment since when it has not moved. Constant memory, taken by
 * rules_new; judged at readings alone, so that time told late or early is nothing to it.
 *
 * The tail of a saved state:  0 kind of tail   1 length of the rest (2)   3 rest
 *   R  per, rate, number of samples (1), each: moment, value
 *   S  deadband, value, hash of the text, since, bad since, whether there is one (1)
 *   T  hash of the terms and their points, number of seats (2), their verdicts as bits, and which of them hold */
#include "rules/bytes.h"
#include "rules/engine.h"

#include "core/strmap.h"

#include <float.h>
#include <stdlib.h>

#define WINDOW_SAMPLES 16
#define NO_MOMENT      INT64_MIN
#define TAIL_HEAD      3
#define RATE_MAX       (17 + 16 * WINDOW_SAMPLES)
_Static_assert(TAIL_HEAD + RATE_MAX + 256 <= RULES_SAVED_MAX, "the fixed part and the longest tail have room");

/* Samples at least per / 15 apart: so 16 of them always reach back over `per`, however often the point is read. */
struct window {
	struct { int64_t at_ns; double value; } samples[WINDOW_SAMPLES];
	uint8_t first, n;
	double  rate;      /* as last judged; NaN: not yet */
};

struct anchor {
	double   value;    /* NaN: of a text alone */
	uint64_t text;     /* hash; 0: none */
	int64_t  since_ns; /* NO_MOMENT: nothing known */
	int64_t  bad_ns;   /* no good value since then; NO_MOMENT: it is good */
};

int memory_build(struct rules *r)
{
	uint32_t n_windows = 0, n_anchors = 0;

	for (uint32_t a = 0; a < r->n_single; a++) {
		n_windows += rules_def(r, a)->when == WHEN_RATE;
		n_anchors += rules_def(r, a)->when == WHEN_STUCK;
	}
	if (n_windows + n_anchors == 0)
		return 0;
	r->windows = calloc(n_windows + 1, sizeof *r->windows);
	r->anchors = calloc(n_anchors + 1, sizeof *r->anchors);
	r->memory_of = calloc(r->n_single, sizeof *r->memory_of);
	if (!r->windows || !r->anchors || !r->memory_of)
		return -1;
	for (uint32_t a = r->n_single; a-- > 0;) {
		if (rules_def(r, a)->when == WHEN_RATE)
			r->windows[r->memory_of[a] = --n_windows].rate = NAN;
		else if (rules_def(r, a)->when == WHEN_STUCK)
			r->anchors[r->memory_of[a] = --n_anchors] = (struct anchor){ NAN, 0, NO_MOMENT, NO_MOMENT };
	}
	return 0;
}

static void forget(struct rules *r, const struct leaf *l)
{
	if (l->op == LEAF_RATE)
		r->windows[r->memory_of[l->alarm]] = (struct window){ .rate = NAN };
	else if (l->op == LEAF_STUCK)
		r->anchors[r->memory_of[l->alarm]] = (struct anchor){ NAN, 0, NO_MOMENT, NO_MOMENT };
}

void rules_forget(struct rules *r, uint32_t point)
{
	for (uint32_t i = r->first_leaf[point]; i < r->first_leaf[point + 1]; i++)
		forget(r, &r->leaves[i]);
}

static const struct window *window_of(const struct rules *r, uint32_t alarm)
{
	return alarm < r->n_single && rules_def(r, alarm)->when == WHEN_RATE ? &r->windows[r->memory_of[alarm]] : NULL;
}

static const struct anchor *anchor_of(const struct rules *r, uint32_t alarm)
{
	return alarm < r->n_single && rules_def(r, alarm)->when == WHEN_STUCK ? &r->anchors[r->memory_of[alarm]] : NULL;
}

double memory_rate(const struct rules *r, uint32_t alarm)
{
	const struct window *w = window_of(r, alarm);

	return w ? w->rate : NAN;
}

static void tell_drifted(uint32_t alarm, struct rules_sink *sink)
{
	if (sink->drifted)
		sink->drifted(sink->user, alarm);
}

/* How far the difference of two decimals may be from what people would write: 0.32 − 0.30 is 0.02, and 0.020000000000000018 here. */
static double rounding(double a, double b)
{
	return 4 * DBL_EPSILON * (fabs(a) + fabs(b));
}

/* What lies within the rounding lies on the edge. */
static double snap(double rate, double edge, double slack)
{
	return fabs(rate - edge) <= slack ? edge : rate;
}

/* The youngest sample that is `per` old or more; -1: the window is not full. */
static int oldest_needed(const struct window *w, int64_t at_ns, int64_t per_ns)
{
	for (int i = w->n - 1; i >= 0; i--)
		if (at_ns - w->samples[(w->first + i) % WINDOW_SAMPLES].at_ns >= per_ns)
			return (w->first + i) % WINDOW_SAMPLES;
	return -1;
}

static void push_sample(struct window *w, int64_t at_ns, double value)
{
	if (w->n == WINDOW_SAMPLES) {
		w->first = (uint8_t)((w->first + 1) % WINDOW_SAMPLES);
		w->n--;
	}
	int at = (w->first + w->n++) % WINDOW_SAMPLES;
	w->samples[at].at_ns = at_ns;
	w->samples[at].value = value;
}

static bool judge_rate(struct rules *r, const struct leaf *l, const struct sample *s, struct rules_sink *sink)
{
	int64_t per_ns = rules_def(r, l->alarm)->per_ns, at_ns = s->at.mono_ns;
	struct window *w = &r->windows[r->memory_of[l->alarm]];
	double v = s->value.number;
	bool verdict = l->verdict;

	if (s->quality != QUALITY_GOOD || !isfinite(v))
		return verdict;
	int64_t newest_ns = w->n > 0 ? w->samples[(w->first + w->n - 1) % WINDOW_SAMPLES].at_ns : NO_MOMENT;
	/* A silence; or what came from a damaged row lies in a future that would keep the window from ever moving on. */
	if (w->n > 0 && (at_ns - newest_ns > per_ns || newest_ns - at_ns > per_ns))
		w->n = 0;
	int old = oldest_needed(w, at_ns, per_ns);
	if (old >= 0) {
		double then = w->samples[old].value, factor = (double)per_ns / (double)(at_ns - w->samples[old].at_ns);
		double slack = rounding(v, then) * factor;
		w->rate = (v - then) * factor;
		verdict = leaf_is_outside(l, snap(snap(w->rate, l->band.lo, slack), l->band.hi, slack));
	}
	if (w->n == 0 || at_ns - newest_ns >= (per_ns + 14) / 15) {
		push_sample(w, at_ns, v);
		tell_drifted(l->alarm, sink);
	}
	return verdict;
}

/* 0 is what stands for none. */
static uint64_t hash_text(const char *text)
{
	return text ? strmap_hash64(text, strlen(text), STRMAP_HASH_SEED) | 1 : 0;
}

/* A text is compared as it is; beside a number (an integer that a double cannot hold) only where every change counts. */
static bool has_moved(const struct anchor *a, double deadband, double v, uint64_t text)
{
	if (isnan(v) || isnan(a->value))
		return text != a->text;
	return deadband > 0 ? fabs(v - a->value) > deadband + rounding(v, a->value) : v != a->value || text != a->text;
}

static bool judge_stuck(struct rules *r, const struct leaf *l, const struct sample *s, struct rules_sink *sink)
{
	const struct rule_def *d = rules_def(r, l->alarm);
	struct anchor *a = &r->anchors[r->memory_of[l->alarm]];
	int64_t at_ns = s->at.mono_ns;

	if (sample_has_no_record(s))
		return l->verdict;
	if (s->quality != QUALITY_GOOD) {
		if (a->since_ns != NO_MOMENT && a->bad_ns == NO_MOMENT) {
			a->bad_ns = at_ns;
			tell_drifted(l->alarm, sink);
		}
		return l->verdict;
	}
	uint64_t text = hash_text(s->value.text);
	if (a->since_ns == NO_MOMENT || has_moved(a, d->deadband, s->value.number, text)) {
		*a = (struct anchor){ s->value.number, text, at_ns, NO_MOMENT };
		tell_drifted(l->alarm, sink);
		return false;
	}
	if (a->bad_ns != NO_MOMENT) {
		a->since_ns += at_ns - a->bad_ns;
		a->bad_ns = NO_MOMENT;
		tell_drifted(l->alarm, sink);
	}
	return at_ns - a->since_ns >= d->stuck_ns;
}

bool rules_judge_slow(struct rules *r, const struct leaf *l, const struct sample *s, struct rules_sink *sink)
{
	if (l->op == LEAF_RATE)
		return judge_rate(r, l, s, sink);
	if (l->op == LEAF_STUCK)
		return judge_stuck(r, l, s, sink);
	if (s->quality != QUALITY_GOOD)
		return l->verdict;
	const struct rule_def *d = l->alarm < r->n_alarms ? rules_def(r, l->alarm) : r->terms[r->seats[l->alarm - r->n_alarms].term].def;
	return leaf_judge_slow(l, d, &r->site->points[s->point], &s->value);
}

static uint8_t *save_window(const struct rules *r, uint32_t alarm, const struct window *w, uint8_t *at)
{
	if (w->n == 0)
		return at;
	at = bytes_put(at, (uint64_t)rules_def(r, alarm)->per_ns, 8);
	at = bytes_put_double(at, w->rate);
	at = bytes_put(at, w->n, 1);
	for (uint8_t i = 0; i < w->n; i++) {
		at = bytes_put(at, (uint64_t)w->samples[(w->first + i) % WINDOW_SAMPLES].at_ns, 8);
		at = bytes_put_double(at, w->samples[(w->first + i) % WINDOW_SAMPLES].value);
	}
	return at;
}

static uint8_t *save_anchor(const struct rules *r, uint32_t alarm, const struct anchor *a, uint8_t *at)
{
	bool bad = a->bad_ns != NO_MOMENT;

	if (a->since_ns == NO_MOMENT)
		return at;
	at = bytes_put_double(at, rules_def(r, alarm)->deadband);
	at = bytes_put_double(at, a->value);
	at = bytes_put(at, a->text, 8);
	at = bytes_put(at, (uint64_t)a->since_ns, 8);
	at = bytes_put(at, (uint64_t)(bad ? a->bad_ns : 0), 8);
	return bytes_put(at, bad, 1);
}

static uint8_t *save_terms(const struct rules *r, const struct joint *j, uint8_t *at)
{
	uint8_t bits[2][RULES_SEATS_MAX / 8] = { { 0 } };
	bool any = false;

	for (uint32_t i = 0; i < j->n_seats; i++) {
		bool verdict = r->leaves[r->seats[j->first_seat + i].leaf].verdict;
		bits[0][i / 8] |= (uint8_t)(verdict << i % 8);
		bits[1][i / 8] |= (uint8_t)(r->seats[j->first_seat + i].holds << i % 8);
		any = any || verdict;
	}
	if (!any)
		return at;
	at = bytes_put(at, terms_hash(r, j), 8);
	at = bytes_put(at, j->n_seats, 2);
	for (uint32_t k = 0; k < 2; k++)
		for (uint32_t i = 0; i < (j->n_seats + 7) / 8; i++)
			*at++ = bits[k][i];
	return at;
}

size_t memory_save(const struct rules *r, uint32_t alarm, uint8_t *out)
{
	const struct window *w = window_of(r, alarm);
	const struct anchor *a = anchor_of(r, alarm);
	const struct joint *j = rules_joint(r, alarm);
	uint8_t *rest = out + TAIL_HEAD, *end = rest;

	if (w)
		end = save_window(r, alarm, w, rest);
	else if (a)
		end = save_anchor(r, alarm, a, rest);
	else if (j)
		end = save_terms(r, j, rest);
	if (end == rest)
		return 0;
	out[0] = w ? 'R' : a ? 'S' : 'T';
	bytes_put(out + 1, (uint64_t)(end - rest), 2);
	return (size_t)(end - out);
}

bool memory_is_tail(const uint8_t *tail, size_t len)
{
	const uint8_t *at = tail + 1;

	return len == 0 || (len >= TAIL_HEAD && bytes_take(&at, 2) == len - TAIL_HEAD);
}

static void restore_window(struct window *w, int64_t per_ns, const uint8_t *at, size_t len, int64_t offset_ns)
{
	struct window back = { 0 };

	if (len < 17 || bytes_take(&at, 8) != (uint64_t)per_ns)
		return;
	back.rate = bytes_take_double(&at);
	back.n = (uint8_t)bytes_take(&at, 1);
	if (back.n > WINDOW_SAMPLES || len != 17 + 16 * (size_t)back.n)
		return;
	for (uint8_t i = 0; i < back.n; i++) {
		int64_t at_ns = (int64_t)bytes_take(&at, 8);
		double value = bytes_take_double(&at);
		if (!bytes_is_moment(at_ns) || !isfinite(value))
			return;
		back.samples[i].at_ns = rules_add_ns(at_ns, offset_ns);
		back.samples[i].value = value;
	}
	*w = back;
}

static void restore_anchor(struct anchor *a, double deadband, const uint8_t *at, size_t len, int64_t offset_ns)
{
	struct anchor back;

	if (len != 41 || bytes_take_double(&at) != deadband)
		return;
	back.value = bytes_take_double(&at);
	back.text = bytes_take(&at, 8);
	back.since_ns = (int64_t)bytes_take(&at, 8);
	back.bad_ns = (int64_t)bytes_take(&at, 8);
	if (!bytes_is_moment(back.since_ns) || !bytes_is_moment(back.bad_ns))
		return;
	back.since_ns = rules_add_ns(back.since_ns, offset_ns);
	back.bad_ns = bytes_take(&at, 1) ? rules_add_ns(back.bad_ns, offset_ns) : NO_MOMENT;
	*a = back;
}

/* False: not the verdicts of this joint, or not those that its alarm's state came from. */
static bool restore_terms(struct rules *r, uint32_t alarm, const struct joint *j, const uint8_t *at, size_t len)
{
	size_t bytes = (j->n_seats + 7) / 8;

	if (len != 10 + 2 * bytes || bytes_take(&at, 8) != terms_hash(r, j) || bytes_take(&at, 2) != j->n_seats)
		return false;
	for (uint32_t i = 0; i < j->n_seats; i++) {
		bool verdict = at[i / 8] >> i % 8 & 1;
		terms_set_seat(r, j->first_seat + i, verdict);
		terms_set_holds(r, j->first_seat + i, verdict && (at[bytes + i / 8] >> i % 8 & 1));
	}
	return (j->holding >= j->needed) == r->lives[alarm].raw;
}

void memory_restore(struct rules *r, uint32_t alarm, const uint8_t *tail, size_t len, int64_t offset_ns)
{
	const struct joint *j = rules_joint(r, alarm);
	uint8_t kind = len > 0 ? tail[0] : 0;
	const uint8_t *rest = tail + TAIL_HEAD;

	if (kind == 'R' && window_of(r, alarm))
		restore_window(&r->windows[r->memory_of[alarm]], rules_def(r, alarm)->per_ns, rest, len - TAIL_HEAD, offset_ns);
	else if (kind == 'S' && anchor_of(r, alarm))
		restore_anchor(&r->anchors[r->memory_of[alarm]], rules_def(r, alarm)->deadband, rest, len - TAIL_HEAD, offset_ns);
	/* Without its verdicts an alarm that stands does so until its terms were read: as a single one does. */
	if (j && !(kind == 'T' && restore_terms(r, alarm, j, rest, len - TAIL_HEAD)))
		terms_set_all(r, alarm, r->lives[alarm].raw);
}
