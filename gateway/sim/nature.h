/* nature: how each kind of point behaves in a building where nothing is wrong, and which way it goes when something is. A table; pure. */
#ifndef FIREGW_GATEWAY_SIM_NATURE_H
#define FIREGW_GATEWAY_SIM_NATURE_H

#include "core/kind.h"

enum nature_course {
	COURSE_STATE,    /* at rest */
	COURSE_CYCLE,    /* a state that runs for a while now and then: a jockey pump */
	COURSE_STEADY,   /* a measurement that wanders a little */
	COURSE_LOAD,     /* follows people and machines: high by day */
	COURSE_PRESSURE, /* leaks down, and is pumped up again when the jockey pump runs */
	COURSE_LEVEL,    /* falls slowly, and is filled again */
};

enum nature_side { SIDE_LOW, SIDE_HIGH };

/* Measurements are in the kind's unit. */
struct nature {
	enum nature_course course;
	enum nature_side   side;         /* in alarm it lies beyond this end */
	double             low, high;    /* in a healthy building it stays within, unless the site's own limits say otherwise */
	double             typical, swing;
	double             alarm;        /* beyond any practice's limit, for a point that no rule and no limit speaks of */
	double             rest;         /* states: when nothing says which number is rest */
	const char        *rest_words;   /* labels that mean rest, parted by |, the likeliest first */
	const char        *alarm_words;
};

/* Static; never NULL for a value below KIND_COUNT. */
const struct nature *nature_of(enum kind k);

/* Whether one of the words (parted by |) is in the label; case of ASCII letters does not count. rank: the place of the word in the list. */
bool nature_word_in(const char *words, const char *label, unsigned *ret_rank);

/* What a faulty part's label says. */
#define NATURE_FAULT_WORDS "fault|trouble|fail|故障|异常"

#endif
