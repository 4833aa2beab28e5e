/* leaf: one condition on one point, in the few bytes that every reading touches. */
#ifndef FIREGW_RULES_LEAF_H
#define FIREGW_RULES_LEAF_H

#include "core/err.h"
#include "rules/rules.h"

enum leaf_op {
	LEAF_BAND,    /* above, below, outside: false while lo ≤ v ≤ hi, then true until the value is back in the other band */
	LEAF_EQUALS,  /* v == lo */
	LEAF_QUALITY, /* the quality is in the set `arg` */
	/* not by the value and the leaf alone: rules_judge_slow */
	LEAF_LABEL,   /* several values of the point bear the text */
	LEAF_BIT,     /* bit `arg` */
	LEAF_RATE,    /* as LEAF_BAND, of the rate */
	LEAF_STUCK,
};

struct leaf_band {
	double lo, hi;
};

/* 32 bytes: two to a cache line. */
struct leaf {
	struct leaf_band band;    /* of the present verdict; the other verdict's is kept apart */
	double           value;   /* the last good one; NaN: none */
	uint32_t         alarm;   /* of one point; beyond all alarms: a term's seat (terms.c) */
	uint8_t          op;      /* enum leaf_op */
	uint8_t          quality; /* the last one; QUALITY_NEVER at first */
	uint8_t          arg;
	bool             verdict; /* as last decided; false at first */
};
_Static_assert(sizeof(struct leaf) == 32, "the leaf is what every reading touches");

/* Whether a rule's condition can be at all, whatever the point. 0, or -1 with what is wrong (without the rule's name). */
int  leaf_check(const struct rule_def *d, struct err *reterr);
/* The leaf of a rule on a point, as if nothing was known; false: this point gets no alarm of this rule. *ret_other is the band for the other
 * verdict. */
bool leaf_make(const struct rule_def *d, const struct point *p, struct leaf *ret, struct leaf_band *ret_other);
/* What is shown as the limit; NaN: none. */
double leaf_limit(const struct rule_def *d, const struct point *p);
/* The verdict on a value that fits none of the quick cases: LEAF_LABEL and LEAF_BIT. */
bool leaf_judge_slow(const struct leaf *l, const struct rule_def *d, const struct point *p, const struct value *v);
/* A value that lies `by` away from the limit as people wrote both: 0.1 + 0.02 is 0.12, and not 0.12000000000000001. */
double leaf_threshold(double limit, double by);

/* Outside the band of the present verdict; a band that the value left it is back in only in the other one. */
static inline bool leaf_is_outside(const struct leaf *l, double v)
{
	return l->verdict ? !(v >= l->band.lo && v <= l->band.hi) : (v < l->band.lo || v > l->band.hi);
}

/* Quality before value: a sample that is not good changes no verdict but that of LEAF_QUALITY. Nor does a good one without a number (NaN: a
 * text). Only for the quick cases, up to LEAF_QUALITY. */
static inline bool leaf_judge(const struct leaf *l, const struct sample *s)
{
	double v = s->value.number;

	if (l->op == LEAF_QUALITY)
		return (l->arg >> s->quality) & 1;
	if (s->quality != QUALITY_GOOD)
		return l->verdict;
	if (l->op == LEAF_EQUALS)
		return isnan(v) ? l->verdict : v == l->band.lo;
	return leaf_is_outside(l, v);
}

#endif
