/* scenario: a file that says what goes wrong when (docs/simulator.md): read, checked, with a place for every mistake. */
#ifndef FIREGW_GATEWAY_SIM_SCENARIO_H
#define FIREGW_GATEWAY_SIM_SCENARIO_H

#include "gateway/sim/world.h"

enum step_what { STEP_RAISE, STEP_CLEAR, STEP_MOVE };

struct scenario_step {
	int64_t              at_ms;     /* simulated time */
	enum step_what       what;
	const char          *name;      /* raise: a built-in's; clear: what to clear */
	struct builtin_where where;     /* raise */
	struct world_move    move;      /* select, to, over, count */
	int64_t              for_ms;    /* 0: until it is cleared */
	int                  line, column;
};

struct scenario {
	const char           *file, *site;  /* site: as it can be opened */
	uint64_t              seed;
	double                speed;
	int64_t               day_ms;
	const struct scenario_step *steps;  /* by time */
	size_t                n_steps;
	void                 *memory;
};

#define SCENARIO_SEED  1
#define SCENARIO_SPEED 1.0
#define SCENARIO_DAY_MS (10 * INT64_C(3600000)) /* begins at ten in the morning */

/* Always fills ret_findings (findings_done). 0, or -1: there are errors, *ret is NULL. */
int  scenario_load(const char *path, struct scenario **ret, struct findings *ret_findings);
void scenario_free(struct scenario *s); /* accepts NULL */
/* Makes the effect of a raise or move step, the i-th; as world_plan. */
int  scenario_plan(const struct scenario *s, size_t i, const struct world *w, struct effect *ret, struct err *reterr);
/* Whether the site has what each step is about: prints `file:line:column: error: text` for what is not so. How many. */
size_t scenario_check(const struct scenario *s, const struct world *w, FILE *out);

/* "22:30" as ms since midnight; 0 or -1. */
int scenario_time_of_day(const char *text, int64_t *ret_ms);

#endif
