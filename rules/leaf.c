#include "rules/leaf.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Decimal places needed to write v so that it reads back to the same; -1: more than a double can say. */
static int count_places(double v)
{
	char text[64];

	for (int places = 0; places <= 17; places++) {
		snprintf(text, sizeof text, "%.*f", places, v);
		double back = strtod(text, NULL);
		if (back == v)
			return places;
	}
	return -1;
}

double leaf_threshold(double limit, double by)
{
	char text[64];

	/* Beyond this a double has no decimals to be wrong about (and the text would not fit). */
	if (!(fabs(limit) < 1e15) || !(fabs(by) < 1e15))
		return limit + by;
	int places = count_places(limit), more = count_places(by);
	if (places < 0 || more < 0)
		return limit + by;
	snprintf(text, sizeof text, "%.*Lf", places > more ? places : more, (long double)limit + (long double)by);
	return strtod(text, NULL);
}

static int check_numbers(const struct rule_def *d, struct err *reterr)
{
	bool from_point = d->limit_from != LIMIT_NUMBER && d->when != WHEN_OUTSIDE;

	if (!isfinite(d->deadband) || d->deadband < 0)
		return err_set(reterr, ERR_INVALID, "deadband %g: must be 0 or more", d->deadband);
	if (!from_point && !isfinite(d->limit))
		return err_set(reterr, ERR_INVALID, "the limit is not a number");
	if (d->when != WHEN_OUTSIDE)
		return 0;
	if (!isfinite(d->limit_high) || d->limit > d->limit_high)
		return err_set(reterr, ERR_INVALID, "outside [%g, %g]: the first must be the lower one", d->limit, d->limit_high);
	if (leaf_threshold(d->limit, d->deadband) > leaf_threshold(d->limit_high, -d->deadband))
		return err_set(reterr, ERR_INVALID, "outside [%g, %g] with a deadband of %g can never clear; "
		               "make the deadband at most half the width", d->limit, d->limit_high, d->deadband);
	return 0;
}

static int check_count(const struct rule_def *d, struct err *reterr)
{
	if (d->count < 1)
		return err_set(reterr, ERR_INVALID, "count 0: must be 1 or more");
	if (d->within_ns < 0)
		return err_set(reterr, ERR_INVALID, "within: must be 0 or more");
	return 0;
}

static int check_course(const struct rule_def *d, struct err *reterr)
{
	if (d->when == WHEN_RATE && d->per_ns < 15)
		return err_set(reterr, ERR_INVALID, "rate: per must be more than 0");
	if (d->when == WHEN_STUCK && d->stuck_ns < 1)
		return err_set(reterr, ERR_INVALID, "stuck: must be more than 0");
	if (d->when == WHEN_STUCK && !(isfinite(d->deadband) && d->deadband >= 0))
		return err_set(reterr, ERR_INVALID, "deadband %g: must be 0 or more", d->deadband);
	return d->when == WHEN_RATE ? check_numbers(d, reterr) : 0;
}

static int check_terms(const struct rule_def *d, struct err *reterr)
{
	const char *what = d->when == WHEN_ALL ? "all" : "any";

	if (d->n_terms < 1 || d->n_terms > RULES_TERMS_MAX)
		return err_set(reterr, ERR_INVALID, "%s: must have 1 to %d terms", what, RULES_TERMS_MAX);
	for (size_t i = 0; i < d->n_terms; i++)
		if (d->terms[i].when > WHEN_QUALITY)
			return err_set(reterr, ERR_INVALID, "%s: a term has one of above, below, outside, equals, bit, quality", what);
		else if (leaf_check(&d->terms[i], reterr) < 0)
			return -1;
	return 0;
}

int leaf_check(const struct rule_def *d, struct err *reterr)
{
	switch (d->when) {
	case WHEN_ABOVE:
	case WHEN_BELOW:
	case WHEN_OUTSIDE:
		return check_numbers(d, reterr);
	case WHEN_EQUALS:
		if (isnan(d->limit) && !d->equals_text)
			return err_set(reterr, ERR_INVALID, "equals: neither a number nor a text");
		return 0;
	case WHEN_BIT:
		if (d->bit > 63)
			return err_set(reterr, ERR_INVALID, "bit %u: a value has bits 0 to 63", d->bit);
		return 0;
	case WHEN_QUALITY:
		if (!d->any_bad && (unsigned)d->quality >= QUALITY_NEVER)
			return err_set(reterr, ERR_INVALID, "quality: no reading has this one, so it can never be true");
		return 0;
	case WHEN_COUNT:
		return check_count(d, reterr);
	case WHEN_RATE:
	case WHEN_STUCK:
		return check_course(d, reterr);
	case WHEN_ALL:
	case WHEN_ANY:
		return check_terms(d, reterr);
	}
	return err_set(reterr, ERR_INVALID, "unknown condition");
}

double rule_limit(const struct rule_def *d, const struct point *p)
{
	switch (d->limit_from) {
	case LIMIT_NUMBER: return d->limit;
	case LIMIT_LOW: return p->low;
	case LIMIT_LOW2: return p->low2;
	case LIMIT_HIGH: return p->high;
	case LIMIT_HIGH2: return p->high2;
	}
	return NAN;
}

static bool make_equals(const struct rule_def *d, const struct point *p, struct leaf *l)
{
	size_t found = 0;

	l->op = LEAF_EQUALS;
	l->band.lo = leaf_limit(d, p);
	if (!isnan(d->limit))
		return true;
	for (size_t i = 0; i < p->n_labels; i++)
		found += strcmp(p->labels[i].text, d->equals_text) == 0;
	if (found > 1)
		l->op = LEAF_LABEL;
	return found > 0;
}

/* The bands of a limit that is passed upwards or downwards. */
static void make_passed(const struct rule_def *d, bool above, double limit, struct leaf_band *ret, struct leaf_band *ret_other)
{
	double back = leaf_threshold(limit, above ? -d->deadband : d->deadband);

	*ret = above ? (struct leaf_band){ -INFINITY, limit } : (struct leaf_band){ limit, INFINITY };
	*ret_other = above ? (struct leaf_band){ -INFINITY, back } : (struct leaf_band){ back, INFINITY };
}

static double label_value(const struct rule_def *d, const struct point *p)
{
	for (size_t i = 0; i < p->n_labels; i++)
		if (strcmp(p->labels[i].text, d->equals_text) == 0)
			return p->labels[i].value;
	return NAN;
}

double leaf_limit(const struct rule_def *d, const struct point *p)
{
	switch (d->when) {
	case WHEN_RATE:
	case WHEN_ABOVE:
	case WHEN_BELOW: return rule_limit(d, p);
	case WHEN_OUTSIDE: return d->limit;
	case WHEN_EQUALS: return isnan(d->limit) ? label_value(d, p) : d->limit;
	case WHEN_BIT:
	case WHEN_QUALITY:
	case WHEN_STUCK:
	case WHEN_COUNT:
	case WHEN_ALL:
	case WHEN_ANY: break;
	}
	return NAN;
}

bool leaf_make(const struct rule_def *d, const struct point *p, struct leaf *ret, struct leaf_band *ret_other)
{
	double limit = leaf_limit(d, p);
	struct leaf l = { .value = NAN, .quality = QUALITY_NEVER };
	struct leaf_band other = { 0 };

	switch (d->when) {
	case WHEN_RATE:
		l.op = LEAF_RATE;
		make_passed(d, d->rate_above, limit, &l.band, &other);
		break;
	case WHEN_ABOVE:
	case WHEN_BELOW:
		make_passed(d, d->when == WHEN_ABOVE, limit, &l.band, &other);
		break;
	case WHEN_OUTSIDE:
		l.band = (struct leaf_band){ limit, d->limit_high };
		other = (struct leaf_band){ leaf_threshold(limit, d->deadband), leaf_threshold(d->limit_high, -d->deadband) };
		break;
	case WHEN_EQUALS:
		if (!make_equals(d, p, &l))
			return false;
		other = l.band;
		break;
	case WHEN_BIT:
		l.op = LEAF_BIT;
		l.arg = d->bit;
		break;
	case WHEN_QUALITY:
		l.op = LEAF_QUALITY;
		l.arg = (uint8_t)(d->any_bad ? ~(1U << QUALITY_GOOD) & 0xFF : 1U << d->quality);
		if (d->quality == QUALITY_COMM && !d->any_bad)
			l.arg |= 1U << QUALITY_STALE; /* what got no answer goes stale in time: the same silence */
		break;
	case WHEN_STUCK:
		l.op = LEAF_STUCK;
		break;
	case WHEN_COUNT:
	case WHEN_ALL:
	case WHEN_ANY:
		return false;
	}
	if (l.op == LEAF_BAND && isnan(limit))
		return false;
	*ret = l;
	*ret_other = other;
	return true;
}

static bool has_label(const struct rule_def *d, const struct point *p, double v)
{
	for (size_t i = 0; i < p->n_labels; i++)
		if (p->labels[i].value == v && strcmp(p->labels[i].text, d->equals_text) == 0)
			return true;
	return false;
}

/* The bits of an integer as two's complement. An integer that a double cannot hold comes as text too, and the text has all bits. */
static bool read_bits(const struct value *v, uint64_t *ret)
{
	const char *t = v->text;
	uint64_t bits = 0;

	if (isnan(v->number))
		return false;
	if (t) {
		for (t += *t == '-'; *t >= '0' && *t <= '9'; t++)
			bits = bits * 10 + (uint64_t)(*t - '0');
		if (*t != '\0')
			return false;
		*ret = v->text[0] == '-' ? -bits : bits;
		return true;
	}
	if (v->number >= 0x1p64 || v->number < -0x1p63)
		return false;
	*ret = v->number < 0 ? (uint64_t)(int64_t)v->number : (uint64_t)v->number;
	return true;
}

bool leaf_judge_slow(const struct leaf *l, const struct rule_def *d, const struct point *p, const struct value *v)
{
	uint64_t bits;

	if (l->op == LEAF_LABEL)
		return isnan(v->number) ? l->verdict : has_label(d, p, v->number);
	return read_bits(v, &bits) ? (bits >> l->arg) & 1 : l->verdict;
}

bool rule_is_met(const struct rule_def *d, const struct point *p, double value)
{
	const struct sample s = { .value = { value, NULL }, .quality = QUALITY_GOOD };
	struct leaf_band other;
	struct leaf l;

	if (rule_is_of_several(d) || !leaf_make(d, p, &l, &other))
		return false;
	switch ((enum leaf_op)l.op) {
	case LEAF_BAND:
	case LEAF_EQUALS: return leaf_judge(&l, &s);
	case LEAF_LABEL:
	case LEAF_BIT: return leaf_judge_slow(&l, d, p, &s.value);
	case LEAF_QUALITY:
	case LEAF_RATE:
	case LEAF_STUCK: break;
	}
	return false;
}
