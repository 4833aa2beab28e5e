/* range: what a point may show without anybody's alarm, and what raises one: from the site's own rules and limits, and where those are silent from its
 * kind. Pure. */
#ifndef FIREGW_GATEWAY_SIM_RANGE_H
#define FIREGW_GATEWAY_SIM_RANGE_H

#include "gateway/config/config.h"
#include "gateway/sim/nature.h"

struct range {
	const struct nature *nature;
	bool    measured;       /* a measurement; else a state */
	bool    counts;         /* a counter, which only rises */
	enum alarm_class class_, active_class; /* of the alarm that some rule would make of `alarm`, of `active`; CLASS_COUNT: none would */
	double  rest, alarm;    /* a state at rest, in alarm; a measurement in the middle, and beyond its alarm's limit */
	double  active;         /* a state: what its word says when it runs, sounds or moves; else as alarm */
	double  low, high;      /* a measurement at rest stays well within */
	bool    never_at_rest;  /* whatever it shows, or its middle, is someone's alarm */
};

/* b is the point as its driver sees it. */
struct range range_of(const struct config *c, const struct point *p, const struct bus_point *b);

/* The number of a label that means a fault; NaN: there is none. */
double range_fault(const struct point *p);

#endif
