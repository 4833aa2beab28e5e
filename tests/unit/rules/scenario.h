/* scenario: a random site, random rules and random inputs from one number; runs of it through the engine, and a plain model to hold against them. */
#ifndef FIREGW_TESTS_RULES_SCENARIO_H
#define FIREGW_TESTS_RULES_SCENARIO_H

#include "tests/unit/rules/fixture.h"

#define SCENARIO_STEPS  48
#define SCENARIO_ALARMS 96
#define SCENARIO_LOG    1024
#define SCENARIO_JOINTS 2
#define SCENARIO_TERMS  3

enum input_type { INPUT_READING, INPUT_COMMAND, INPUT_OWN, INPUT_TIME };
struct input {
	enum input_type    type;
	int64_t            at_ns;     /* from FIXTURE_START; whole seconds, so that ends of delays and inputs often meet */
	uint32_t           point;
	enum quality       quality;
	double             value;
	uint64_t           pick;      /* which of the alarms that are not normal a command is about */
	uint32_t           alarm;     /* what that was in the first run */
	enum rules_command command;
	bool               on;
	bool               restart;   /* before it, in the runs that do */
	int64_t            restart_ns;/* so long before it */
};

struct scenario {
	uint64_t       seed;
	struct fixture f;             /* site and rules; its engine is not used */
	struct rule_def terms[SCENARIO_JOINTS][SCENARIO_TERMS];
	struct input   inputs[SCENARIO_STEPS];
	size_t         n;
};

/* One engine's way through a scenario. */
enum run_kind {
	RUN_PUNCTUAL,      /* time is told at every deadline, and for nothing in between */
	RUN_LATE,          /* time is told by the inputs alone */
	RUN_RESTARTS,      /* everything saved and restored at random steps */
	RUN_RESTARTS_KEPT, /* restored from what was saved when `changed` said so, as the store has it */
	RUN_REBOOTS,       /* the machine's clock begins anew each time */
	RUN_COUNT,
};
struct run {
	enum run_kind     kind;
	struct scenario  *scenario;
	struct rules     *rules;
	struct rules_sink sink;
	uint64_t          machine_boot;
	int64_t           shift_ns;   /* the machine's clock against the first run's */
	uint64_t          counter;
	struct sent       log[SCENARIO_LOG];
	size_t            n_log;
	bool              dirty[SCENARIO_ALARMS];
	uint8_t           kept[SCENARIO_ALARMS][RULES_SAVED_MAX];
	size_t            kept_len[SCENARIO_ALARMS];
	uint32_t          refused;    /* a bit a refused command, rotating */
};

/* Alarms that the rules make; people's own stand behind them. */
static inline size_t scenario_count(const struct rules *r)
{
	return rules_count(r) - RULES_EXTRAS_MAX;
}

void scenario_make(struct scenario *s, uint64_t seed);
void run_start(struct run *r, enum run_kind kind, struct scenario *s);
/* One input; the first run also decides which alarms the commands are about. */
void run_step(struct run *r, size_t i);
/* All delays and windows that are still open end. */
void run_finish(struct run *r);
void run_done(struct run *r);
/* While this is not NULL, allocations are counted there (the engine's calls only). */
extern size_t *scenario_allocations;

/* The same scenario in a plain model that shares nothing with the engine: what was sent, when. */
struct modelled {
	uint32_t         alarm;
	enum transition  what;
	enum alarm_state to;
	int64_t          at_ns;
};
/* Of the alarms it takes ids, points and rules from `r`. Returns how many. */
size_t model_run(const struct scenario *s, const struct rules *r, struct modelled *out, size_t max);

#endif
