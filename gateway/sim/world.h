/* world: a site's equipment as it is at a moment: every point's value, what is raised, and the registers that show it. Time is an argument; nothing here
 * waits, listens or prints. */
#ifndef FIREGW_GATEWAY_SIM_WORLD_H
#define FIREGW_GATEWAY_SIM_WORLD_H

#include "gateway/select.h"
#include "gateway/sim/builtin.h"

#define WORLD_EFFECTS_MAX 64

/* One line of what happened, without a newline. */
typedef void world_say(void *user, const char *text);

struct world {
	const struct config *config;   /* borrowed */
	struct bank          bank;
	struct model        *models;   /* by point */
	double              *values;   /* by point: what is shown */
	uint32_t            *order;    /* points, those that take whole words before those that take bits of them */
	struct effect        effects[WORLD_EFFECTS_MAX];
	size_t               n_effects;
	uint64_t             seed, n_raised;
	int64_t              day_ms;   /* simulated time of day at the start */
	bool                 marks;    /* 32-bit registers show what they are: world_mark */
	int64_t              now_ms;   /* simulated time since the start, of the last world_step */
	world_say           *say;
	void                *user;
};

struct world_options {
	uint64_t    seed;
	int64_t     day_ms;
	const char *listen;            /* or NULL */
	bool        marks;
	world_say  *say;
	void       *user;
};

/* ERR_INVALID: a site that cannot be served; ERR_NO_MEMORY. The registers show the first moment. */
int  world_init(struct world *w, const struct config *c, const struct world_options *o, struct err *reterr);
void world_done(struct world *w);

/* Time goes on to now_ms (never back): effects begin and end, all points are shown. */
void    world_step(struct world *w, int64_t now_ms);
/* What a point of type u32 without bits shows if marks are wanted: unit << 24 | register's low byte << 16 | tenths of a simulated second since the start.
 * NaN: it is no such point. */
double  world_mark(const struct world *w, uint32_t point);
/* When the next effect begins, ends or moves a point; EFFECT_NEVER: not by itself. */
int64_t world_next(const struct world *w);

/* Effects begin at the last step's moment; the registers show it at once. `e` is taken over, also on failure. ERR_FULL; ERR_EXISTS: stands already. */
int world_raise(struct world *w, struct effect *e, struct err *reterr);
/* By the effect's word or whole name. ERR_NOT_FOUND: nothing of that name is raised. */
int world_clear(struct world *w, const char *name, struct err *reterr);

/* Plans a built-in: as builtin_plan, with another place each time. */
int world_plan(const struct world *w, const char *name, const struct builtin_where *where, uint64_t pick, struct effect *ret, struct err *reterr);

/* Plans a select's move: the first `count` points (0: all) that fit go to `to`: alarm, rest, a label or a number in the kind's unit. */
struct world_move { const char *select, *to; unsigned count; int64_t over_ms, for_ms; }; /* for_ms 0: until it is cleared */
int world_plan_move(const struct world *w, const struct world_move *m, struct effect *ret, struct err *reterr);

/* Points of the site that are served; devices that are. */
size_t world_points(const struct world *w);
size_t world_devices(const struct world *w);

#endif
