/* model: what the files of the plain model share. */
#ifndef FIREGW_TESTS_RULES_MODEL_H
#define FIREGW_TESTS_RULES_MODEL_H

#include "tests/unit/rules/scenario.h"

#define RAISES 128
#define SEATS  128

struct model_alarm {
	const struct rules_alarm *is;   /* NULL: of people */
	bool    there;                  /* of the rules, or begun by people and not over */
	enum rules_extra_kind kind;
	uint32_t begun;                 /* of people: in which order */
	uint32_t target;                /* of people: the alarm, the point */
	bool    latch, ack, count_rule;
	enum alarm_state state;
	bool    raw, acked;
	int64_t end_ns;                 /* of the delay that runs, or CLOCK_NEVER */
	int64_t escalate_ns, re_alarm_ns, until_ns; /* CLOCK_NEVER: not waited for */
	int64_t raises[RAISES];         /* when it became active, all of them */
	size_t  n_raises;
	int64_t comings[RAISES];        /* but for what stood all the time and was told anew */
	size_t  n_comings;
	bool    forgotten;              /* the last raise is one of a test that is over: nothing counts it */
	bool    chatters;
	uint32_t times;
	bool    suppresses;             /* it stands and its point is in service, as far as what it suppresses knows: at its end that knows last */
	enum alarm_mode suppresses_as;  /* of a test, if it is: then it suppresses those that are, too */
	bool    was_suppressed;         /* as it was told last */
	bool    out;                    /* its point is out of service, and what counts knows it */
	bool    may_suppress, may_be_suppressed, may_count;
	enum alarm_mode mode;           /* of the latest occurrence */
	enum verdict verdict;
};

/* What rate and stuck remember: all samples of the window; what does not move since when, and since when that is not known (CLOCK_NEVER: it is). */
struct model_memory {
	struct { int64_t at_ns; double value; } samples[SCENARIO_STEPS];
	size_t  n;
	bool    anchored;
	double  anchor;
	int64_t since_ns, bad_ns;
};

/* One point that a term of an alarm of all or any looks at. */
struct model_seat {
	uint32_t alarm, term, point;
	bool     verdict;
	bool     holds; /* true, and began to be when the point was neither under test nor out of service */
};

struct model_test {
	bool            on;
	enum alarm_mode mode;
	uint32_t        points;
	int64_t         until_ns;
};

struct model {
	const struct scenario *s;
	struct model_alarm     alarms[SCENARIO_KEYS];
	struct rules_alarm     fixed[SCENARIO_ALARMS];
	bool                   counting[SCENARIO_ALARMS][SCENARIO_ALARMS];   /* [group][alarm]: may count in it */
	bool                   suppresses[SCENARIO_ALARMS][SCENARIO_ALARMS]; /* [by][what] */
	struct model_memory    memories[SCENARIO_ALARMS];
	struct model_seat      seats[SEATS];
	size_t                 n_seats;
	struct model_test      tests[RULES_TESTS_MAX];
	uint32_t               n, n_begun;
	struct modelled       *out;
	size_t                 n_out, max;
};

bool model_stands(const struct model_alarm *a);
bool model_is_suppressed(const struct model *m, uint32_t key);
/* After `key` began or ended to stand, or its point went in or out of service. */
void model_judge_suppressed(struct model *m, uint32_t key, int64_t at_ns);
uint32_t model_shelf_of(const struct model *m, uint32_t key);
void model_tell(struct model *m, uint32_t key, enum transition what, enum alarm_state to, int64_t at_ns);
uint32_t model_holding(const struct model *m, uint32_t key);
void model_judge_counts(struct model *m, int64_t at_ns);
void model_over(struct model_alarm *a);
void model_decide(struct model *m, uint32_t key, bool raw, int64_t at_ns);
void model_begin_own(struct model *m, uint32_t key, enum rules_extra_kind kind, uint32_t target, int64_t until_ns, int64_t at_ns);
void model_end_shelf(struct model *m, uint32_t shelf, int64_t at_ns);
void model_end_test(struct model *m, unsigned test, int64_t at_ns);
void model_pass_time(struct model *m, int64_t *clock_ns, int64_t until_ns);

/* Whether this point is in the scope of an alarm of several. */
bool model_in_scope(const struct model *m, const struct rules_alarm *g, const struct point *p);
void model_seat_points(struct model *m, uint32_t key);
/* The point left a test, or went in or out of service. */
void model_settle(struct model *m, uint32_t point, int64_t at_ns);
/* What a reading says, to alarms of one point and then to those of all and any. */
void model_read(struct model *m, const struct input *in);

#endif
