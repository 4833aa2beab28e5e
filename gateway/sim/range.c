#include "gateway/sim/range.h"

#include "drivers/modbus/decode.h"
#include "gateway/sim/encode.h"
#include "rules/leaf.h"

#include <math.h>
#include <string.h>

#define CANDIDATES_MAX 300
#define MARGIN         0.15  /* of the distance between the limits: nearer to one the middle never lies */
#define BEYOND         0.25  /* an alarm's value lies so far behind its limit, as a part of the way from there to the middle */
#define NO_CLASS       CLASS_COUNT

/* One condition of the site on one point. */
struct condition {
	struct leaf            leaf;
	const struct rule_def *def;
	enum alarm_class       class_;
};

#define CONDITIONS_MAX 100 /* of one point; what is beyond is not looked at */

struct asked {
	const struct config    *c;
	const struct point     *p;
	const struct bus_point *b;
	struct range           *r;
	size_t                  n;
	struct condition        conditions[CONDITIONS_MAX];
};

static bool make_condition(const struct asked *a, const struct rule_def *d, struct condition *ret)
{
	struct leaf_band other;

	if (!d->enabled || d->when >= WHEN_QUALITY || !rule_select_fits(&d->select, &a->c->site, a->p))
		return false;
	ret->def = d;
	ret->class_ = rule_class(d, a->p);
	return leaf_make(d, a->p, &ret->leaf, &other);
}

static void gather_conditions(struct asked *a)
{
	for (size_t i = 0; i < a->c->n_rules && a->n < CONDITIONS_MAX; i++)
		a->n += make_condition(a, &a->c->rules[i], &a->conditions[a->n]);
}

static bool holds(const struct asked *a, const struct condition *k, double v)
{
	struct value value = { v, NULL };

	switch (k->leaf.op) {
	case LEAF_BAND: return v < k->leaf.band.lo || v > k->leaf.band.hi;
	case LEAF_EQUALS: return v == k->leaf.band.lo;
	case LEAF_QUALITY: return false;
	default: return leaf_judge_slow(&k->leaf, k->def, a->p, &value);
	}
}

/* The most urgent class of an alarm that this value would be; NO_CLASS: of none. */
static enum alarm_class alarm_of(const struct asked *a, double v)
{
	enum alarm_class most = NO_CLASS;

	for (const struct condition *k = a->conditions; k < a->conditions + a->n; k++)
		if (k->class_ < most && holds(a, k, v))
			most = k->class_;
	return most;
}

/* Whether the registers can show it, and it is read back as it is. */
static bool can_show(const struct asked *a, double v)
{
	uint16_t words[128] = { 0 };
	char text[VALUE_TEXT_MAX];
	struct value back;

	return encode_value(a->b, v, 0, words) && decode_value(a->b, words, 0, text, &back) == QUALITY_GOOD && fabs(back.number - v) < 1e-6;
}

struct candidates { double v[CANDIDATES_MAX]; size_t n; };

static void add_candidate(const struct asked *a, struct candidates *c, double v)
{
	for (size_t i = 0; i < c->n; i++)
		if (c->v[i] == v)
			return;
	if (c->n < CANDIDATES_MAX && can_show(a, v))
		c->v[c->n++] = v;
}

/* What a state may be: its labels, or 0, 1 and what the rules speak of. */
static void list_candidates(const struct asked *a, struct candidates *c)
{
	for (size_t i = 0; i < a->p->n_labels; i++)
		add_candidate(a, c, a->p->labels[i].value);
	if (a->p->n_labels)
		return;
	add_candidate(a, c, a->r->nature->rest);
	add_candidate(a, c, 0);
	add_candidate(a, c, 1);
	for (const struct condition *k = a->conditions; k < a->conditions + a->n; k++) {
		if (k->leaf.op == LEAF_EQUALS)
			add_candidate(a, c, k->leaf.band.lo);
		else if (k->leaf.op == LEAF_BIT)
			add_candidate(a, c, ldexp(1, k->def->bit));
		else if (k->leaf.op == LEAF_BAND) {
			add_candidate(a, c, floor(k->leaf.band.hi) + 1);
			add_candidate(a, c, ceil(k->leaf.band.lo) - 1);
		}
	}
	add_candidate(a, c, 2);
}

/* How likely a value is to be the one of these words: the lower the likelier. */
static unsigned word_rank(const struct point *p, const char *words, double v)
{
	const char *label = point_label_text(p, v);
	unsigned rank;

	return label && nature_word_in(words, label, &rank) ? rank : 1000;
}

static void find_state(const struct asked *a)
{
	struct candidates c = { .n = 0 };
	struct range *r = a->r;
	unsigned best_rest = UINT32_MAX, best_alarm = UINT32_MAX, best_active = 1000;

	list_candidates(a, &c);
	for (size_t i = 0; i < c.n; i++) { /* rest: no alarm before the word for it, and that before the order in the table */
		unsigned rank = word_rank(a->p, r->nature->rest_words, c.v[i]) + (alarm_of(a, c.v[i]) == NO_CLASS ? 0 : 10000);

		if (rank < best_rest) {
			best_rest = rank;
			r->rest = c.v[i];
		}
	}
	r->never_at_rest = best_rest >= 10000 && c.n > 0;
	r->alarm = r->active = r->rest;
	for (size_t i = 0; i < c.n; i++) { /* alarm: what the rules say, the most urgent first; then the word */
		enum alarm_class class_ = alarm_of(a, c.v[i]);
		unsigned word = word_rank(a->p, r->nature->alarm_words, c.v[i]), rank = word + 2000 * (unsigned)class_;

		if (c.v[i] != r->rest && rank < best_alarm) {
			best_alarm = rank;
			r->alarm = c.v[i];
			r->class_ = class_;
		}
		if (c.v[i] != r->rest && word < best_active) {
			best_active = word;
			r->active = c.v[i];
			r->active_class = class_;
		}
	}
	if (best_active == 1000) {
		r->active = r->alarm;
		r->active_class = r->class_;
	}
}

static double higher(double a, double b)
{
	return isnan(b) || a > b ? a : b;
}

static double lower(double a, double b)
{
	return isnan(b) || a < b ? a : b;
}

/* Between which limits no rule holds and no limit of the table is passed. */
static void find_limits(const struct asked *a, double *ret_low, double *ret_high)
{
	double low = higher(higher(-INFINITY, a->p->low), a->p->low2), high = lower(lower(INFINITY, a->p->high), a->p->high2);

	for (const struct condition *k = a->conditions; k < a->conditions + a->n; k++)
		if (k->leaf.op == LEAF_BAND) {
			low = higher(low, k->leaf.band.lo);
			high = lower(high, k->leaf.band.hi);
		}
	*ret_low = low;
	*ret_high = high;
}

/* The middle of a measurement: as is typical, if limits leave room for that; else in the middle of what they leave. */
static void find_middle(struct range *r)
{
	const struct nature *n = r->nature;
	double low = fmax(r->low, n->low), high = fmin(r->high, n->high);

	if (!(low < high)) { /* the site's limits know better */
		low = r->low, high = r->high;
		if (!isfinite(low))
			low = isfinite(high) ? high - fmax(fabs(high), 1) : n->low;
		if (!isfinite(high))
			high = low + fmax(fabs(low), 1);
	}
	double margin = MARGIN * (high - low);
	r->rest = n->typical >= low + margin && n->typical <= high - margin ? n->typical : low + (high - low) / 2;
	r->low = low, r->high = high;
}

/* Where an alarm would be: beyond the limit of the kind's side, else of the other, else where no practice has a limit any more. */
static void find_alarm(const struct asked *a, double low, double high)
{
	struct range *r = a->r;
	double below = low - BEYOND * (r->rest - low), above = high + BEYOND * (high - r->rest);
	bool can_low = isfinite(low) && !(below < a->b->min), can_high = isfinite(high) && !(above > a->b->max);

	if (isfinite(low) && !can_low && a->b->min < low) /* within min … max, if only just: else it is no value */
		below = a->b->min, can_low = true;
	if (isfinite(high) && !can_high && a->b->max > high)
		above = a->b->max, can_high = true;
	if (r->nature->low >= 0 && low > 0 && below < 0)
		below = 0;
	if (r->nature->side == SIDE_LOW ? can_low : can_low && !can_high)
		r->alarm = below;
	else if (can_high)
		r->alarm = above;
	else
		r->alarm = fmax(isnan(a->b->min) ? -INFINITY : a->b->min, fmin(isnan(a->b->max) ? INFINITY : a->b->max, r->nature->alarm));
	r->class_ = alarm_of(a, r->alarm);
}

static bool is_measured(const struct asked *a)
{
	const struct kind_info *k = kind_info(a->p->kind);

	if (a->b->type == TYPE_BOOL || a->b->type == TYPE_STRING || a->p->n_labels)
		return false;
	if (!k->any_unit)
		return *k->unit != '\0';
	return *a->p->unit || a->b->type == TYPE_F32 || a->b->type == TYPE_F64 || a->b->scale.mantissa != 1 || a->b->scale.places ||
	       a->b->decimals_from != BUS_NO_DECIMALS_FROM || !isnan(a->b->max) || !isnan(a->p->low) || !isnan(a->p->high);
}

struct range range_of(const struct config *c, const struct point *p, const struct bus_point *b)
{
	struct range r = { .nature = nature_of(p->kind), .class_ = NO_CLASS, .active_class = NO_CLASS };
	struct asked a = { c, p, b, &r, 0 };
	double low, high;

	gather_conditions(&a);
	r.measured = is_measured(&a);
	r.counts = r.measured && p->kind == KIND_POWER_ENERGY && strcmp(p->unit, kind_info(p->kind)->unit) != 0;
	if (b->type == TYPE_STRING)
		return r;
	if (!r.measured) {
		find_state(&a);
		return r;
	}
	find_limits(&a, &low, &high);
	r.low = higher(low, b->min);
	r.high = lower(high, b->max);
	find_middle(&r);
	find_alarm(&a, low, high);
	r.never_at_rest = alarm_of(&a, r.rest) != NO_CLASS;
	return r;
}

double range_fault(const struct point *p)
{
	unsigned rank;

	for (size_t i = 0; i < p->n_labels; i++)
		if (nature_word_in(NATURE_FAULT_WORDS, p->labels[i].text, &rank))
			return p->labels[i].value;
	return NAN;
}
