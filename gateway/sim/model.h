/* model: what a point shows at a moment when nothing is wrong. A function of seed and simulated time alone. Pure. */
#ifndef FIREGW_GATEWAY_SIM_MODEL_H
#define FIREGW_GATEWAY_SIM_MODEL_H

#include "gateway/sim/range.h"

#define MODEL_DAY_MS INT64_C(86400000)

struct model {
	struct range range;
	uint64_t     seed;      /* of this point */
	uint64_t     group;     /* of what moves together: a building's water */
	double       middle, swing;
	bool         runs;      /* a state that starts now and then, since no rule minds */
};

/* The point's own seed comes from its id, so that another point in the table changes nothing about this one. */
void   model_init(struct model *m, const struct config *c, const struct point *p, const struct bus_point *b, uint64_t seed);
/* now_ms: simulated time since the start; day_ms: since midnight at the start. */
double model_value(const struct model *m, int64_t now_ms, int64_t day_ms);

/* 0 … 1, the same for the same numbers on every machine. */
double model_draw(uint64_t seed, uint64_t n);

#endif
