/* builtin: the scenarios that come with the simulator: what each moves in a site, from a table. Pure. */
#ifndef FIREGW_GATEWAY_SIM_BUILTIN_H
#define FIREGW_GATEWAY_SIM_BUILTIN_H

#include "gateway/sim/effect.h"

/* Where it is to happen; NULL: the seed chooses. And how, for a fault. */
struct builtin_where { const char *floor, *zone, *building, *device, *bus; struct fault_words how; };

/* What a plan is made from; all borrowed. */
struct builtin_site {
	const struct config *config;
	const struct bank   *bank;
	const struct model  *models;   /* by point */
	uint64_t             pick;     /* the same number chooses the same place */
};

/* Name and one line of help of the i-th; false: there are no more. */
bool builtin_get(size_t i, const char **ret_name, const char **ret_help);
/* Its name if it is one, else NULL; and the nearest known name to a misspelt one, or NULL. */
const char *builtin_find(const char *name);
const char *builtin_nearest(const char *name);
/* FAULT_NONE: it moves points. */
enum fault_kind builtin_fault(const char *name);

/* Makes the effect (begin 0) of a built-in that there is. ERR_NOT_FOUND: the site has none of the points that it needs, or no such place. */
int builtin_plan(const struct builtin_site *s, const char *name, const struct builtin_where *where, struct effect *ret, struct err *reterr);

/* "facp.smoke-3 1 (alarm)": what a move does, for people. */
void builtin_tell(const struct config *c, const struct effect_move *m, char *buf, size_t cap);

#endif
