/* scenario: a random site, random rules and random inputs from one number; runs of it through the engine, and a plain model to hold against them. */
#ifndef FIREGW_TESTS_RULES_SCENARIO_H
#define FIREGW_TESTS_RULES_SCENARIO_H

#include "tests/unit/rules/fixture.h"

#define SCENARIO_STEPS  48
#define SCENARIO_ALARMS 64   /* of the rules */
#define SCENARIO_KEYS   160
#define SCENARIO_LOG    1024
#define SCENARIO_WORDS  24
#define SCENARIO_JOINTS 2    /* rules of all and any */
#define SCENARIO_TERMS  3
#define SCENARIO_OVER   UINT32_C(0x10000) /* + the test: in the log, the end of a test by time */

enum input_type { INPUT_READING, INPUT_COMMAND, INPUT_OWN, INPUT_TIME, INPUT_SHELVE, INPUT_UNSHELVE, INPUT_SERVICE, INPUT_VERIFY, INPUT_REPORT, INPUT_TEST_BEGIN, INPUT_TEST_END };
struct input {
	enum input_type    type;
	int64_t            at_ns;     /* from FIXTURE_START; whole seconds, so that ends of delays and inputs often meet */
	uint32_t           point;
	enum quality       quality;
	double             value;
	uint64_t           pick;      /* which of the alarms that are not normal it is about */
	uint32_t           key;       /* what that was in the first run */
	enum rules_command command;
	enum verdict       verdict;
	int64_t            for_ns;    /* a shelf, a test */
	uint32_t           building, floor; /* a report: 0 or 1 */
	enum alarm_class   class_;
	unsigned           test;
	enum alarm_mode    mode;
	uint32_t           points;    /* a bit each: of the test */
	bool               on;        /* our own fault; out of service */
	bool               restart;   /* before it, in the runs that do */
	int64_t            restart_ns;/* so long before it */
};

struct scenario {
	uint64_t       seed;
	struct fixture f;             /* site and rules; its engine is not used */
	struct rule_def terms[SCENARIO_JOINTS][SCENARIO_TERMS];
	struct input   inputs[SCENARIO_STEPS];
	char           texts[SCENARIO_WORDS][24];
	const char    *words[SCENARIO_WORDS]; /* of suppressed_by */
	size_t         n_words;
	size_t         n;
};

/* One engine's way through a scenario. */
enum run_kind {
	RUN_PUNCTUAL,      /* time is told at every deadline, and for nothing in between */
	RUN_LATE,          /* time is told by the inputs alone */
	RUN_RESTARTS,      /* everything saved and restored at random steps */
	RUN_RESTARTS_KEPT, /* restored from what was saved when `changed` or `drifted` said so, as the store has it */
	RUN_REBOOTS,       /* the machine's clock begins anew each time */
	RUN_COUNT,
};
struct run_test {
	bool            in_force;
	enum alarm_mode mode;
	uint32_t        points[FIXTURE_POINTS];
	size_t          n;
	int64_t         until_ns; /* from FIXTURE_START */
};
/* One row of the alarm table as a console keeps it from the log alone. */
struct replayed {
	enum alarm_state state;
	bool             acked, shelved, suppressed;
	uint32_t         rev;
	uint64_t         occurrence;
	enum alarm_mode  mode;
	enum verdict     verdict;
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
	struct replayed   table[SCENARIO_KEYS];
	char              ids[SCENARIO_KEYS][64];  /* of people's alarms that there were */
	uint32_t          places[SCENARIO_KEYS];   /* in the present engine; RULES_ALARM_NONE: it never had it */
	uint32_t          begun[SCENARIO_KEYS];    /* people's in the order in which they began */
	size_t            n_begun;
	bool              dirty[SCENARIO_KEYS];
	uint8_t           kept[SCENARIO_KEYS][RULES_SAVED_MAX];
	size_t            kept_len[SCENARIO_KEYS];
	struct run_test   tests[RULES_TESTS_MAX];
	bool              refused[SCENARIO_STEPS];
};

/* Alarms that the rules make; people's own stand behind them. */
static inline size_t scenario_count(const struct rules *r)
{
	return rules_count(r) - RULES_EXTRAS_MAX;
}

/* Every alarm that there can be has a number that restarts do not change: those of the rules their own, then the shelf of each, the service of each
 * point, and people's reports. */
static inline uint32_t key_shelf(uint32_t n, uint32_t alarm)
{
	return n + alarm;
}

static inline uint32_t key_service(uint32_t n, uint32_t point)
{
	return 2 * n + point;
}

static inline uint32_t key_report(uint32_t n, size_t n_points, uint32_t building, uint32_t floor, enum alarm_class class_)
{
	return 2 * n + (uint32_t)n_points + 4 * building + 2 * floor + (class_ != CLASS_FIRE);
}
extern const char *const scenario_floors[3];

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
	uint32_t         key;
	enum transition  what;
	enum alarm_state to;
	int64_t          at_ns;
	enum alarm_mode  mode;
	bool             acked, shelved, out_of_service, suppressed;
	bool             spared;     /* not suppressed, because what would do so stands in a test only; the engine's says nothing of it */
	int64_t          until_ns;   /* of the shelf, from FIXTURE_START; 0: none */
	enum verdict     verdict;
	uint32_t         times;
	uint32_t         holding;    /* of all and any: terms */
};
/* Of the alarms it takes ids, points and rules from `r`. Returns how many. `refused`: by input. */
size_t model_run(const struct scenario *s, const struct rules *r, struct modelled *out, size_t max, bool refused[SCENARIO_STEPS]);

#endif
