/* effect: what goes wrong: moves of points, and faults of devices and lines, in simulated time from when it was raised. Plain data; pure. */
#ifndef FIREGW_GATEWAY_SIM_EFFECT_H
#define FIREGW_GATEWAY_SIM_EFFECT_H

#include "gateway/sim/bank.h"
#include "gateway/sim/model.h"

#define EFFECT_NEVER INT64_MAX

/* One point goes to a value, in over_ms from at_ms on, until the effect ends. */
struct effect_move {
	uint32_t point;
	double   to;
	int64_t  at_ms, over_ms; /* at_ms: from the effect's begin */
	bool     told;
};

struct effect {
	char                name[80];   /* "fire floor=12": how it is listed */
	char                word[40];   /* what --clear calls it: "fire", or the select of a step */
	struct effect_move *moves;      /* owned */
	size_t              n_moves, cap_moves;
	uint32_t            device, bus; /* of a fault, which is one of them; POINT_NONE: none */
	struct fault        fault;      /* FAULT_NONE: none */
	int64_t             begin_ms, end_ms; /* simulated; end_ms EFFECT_NEVER: until it is cleared */
};

void effect_done(struct effect *e);
/* 0, or -1 (no memory, or more moves than EFFECT_MOVES_MAX). */
#define EFFECT_MOVES_MAX 131072
int  effect_add(struct effect *e, struct effect_move move);

/* "device x", "bus x", "3 points": what it is about. */
void effect_tell(const struct effect *e, const struct site *site, char *buf, size_t cap);
/* Puts the effect's moves at now_ms onto what the points show (by point). */
void effect_apply(const struct effect *e, int64_t now_ms, double *values);
/* The next moment after now_ms at which a move begins or the effect ends; EFFECT_NEVER: none. */
int64_t effect_next(const struct effect *e, int64_t now_ms);

#endif
