/* backtest: the engine under virtual time over stored readings, beside what was raised. Pure: readings and events come in the order of time, counts and occurrences go out.
 *
 * An occurrence here is one time that an alarm's condition stood (after its delays), from raised, confirmed or reraised to returned: what people did meanwhile, acknowledge or
 * reset, is the same in both worlds as far as that goes. Two of one alarm, one of each side, are the same if they overlap (or miss each other by BACKTEST_NEAR_MS). */
#ifndef FIREGW_GATEWAY_CLI_BACKTEST_H
#define FIREGW_GATEWAY_CLI_BACKTEST_H

#include "core/strmap.h"
#include "gateway/select.h"
#include "rules/rules.h"

#define BACKTEST_NEAR_MS    INT64_C(1000)
#define BACKTEST_AGAIN_MS   INT64_C(600000) /* it came back so soon: again */
#define BACKTEST_CHATTER_MS INT64_C(60000)  /* BACKTEST_CHATTER_N times within it: chatter (ISA-18.2's usual measure) */
#define BACKTEST_CHATTER_N  3

enum backtest_side { BACKTEST_WOULD, BACKTEST_WERE, BACKTEST_SIDES };

/* Of the time that was asked for; what stood already as it began is no raise. */
struct backtest_count {
	int64_t raised;
	int64_t alone;      /* of these: the other side has none. Would: new; were: would not have come */
	int64_t again;      /* of these: within BACKTEST_AGAIN_MS of its own last end */
	int64_t chatter;    /* of these: the third within a minute, or a further one */
	int64_t longest_ms; /* also of what stood at the beginning; what still stands counts up to the end */
	bool    at_start, at_end;
};

/* Where an occurrence of one side stands. */
struct backtest_run {
	int64_t since_ms, ended_ms; /* ended: INT64_MAX while on */
	int64_t recent[BACKTEST_CHATTER_N]; /* when it last began */
	bool    on, told, matched, counts;  /* told: nothing to tell any more; counts: it began within the time */
};

struct backtest_alarm {
	const char                *id;
	const struct rules_alarm  *fixed;  /* NULL: the rule has no such alarm (any more), it was raised */
	const struct rule_def     *def;
	struct backtest_count      count[BACKTEST_SIDES];
	struct backtest_run        run[BACKTEST_SIDES];
	/* What deadbands hide (backtest_doubt.c). */
	int64_t                    doubts, doubt_ms;
	bool                       judged; /* it can be told */
	bool                       chosen; /* by SELECT */
};

/* A rule that was raised and is not among these. */
struct backtest_other { char *rule; int64_t raised; };
struct backtest_day { int64_t from_ms, to_ms; int64_t n[BACKTEST_SIDES]; };

struct backtest_occurrence {
	enum backtest_side           side;
	const struct backtest_alarm *alarm;
	int64_t                      from_ms, to_ms; /* INT64_MAX: it stands */
	bool                         alone, counts;
};

struct backtest_options {
	const struct site     *site;
	const struct rule_def *rules;  size_t n_rules;
	const struct rule_def *live;   size_t n_live; /* that decided when the readings were stored: what moved them was stored, so nothing of it is hidden */
	const struct select   *select; /* NULL: everything */
	int64_t                from_ms, to_ms;
	/* Each occurrence when it is over and judged; each time that an alarm's condition may have changed unseen. NULL: not wanted. */
	void                 (*occurrence)(void *user, const struct backtest_occurrence *o);
	void                 (*doubt)(void *user, const struct backtest_alarm *a, int64_t from_ms, int64_t to_ms);
	void                  *user;
};

struct backtest_watch;
struct backtest {
	struct backtest_options o;
	struct rules           *rules;
	struct rules_sink       sink;
	uint64_t                counter;
	struct backtest_alarm **alarms;    /* the engine's first, by its index; then those that only were raised */
	size_t                  n_alarms, cap_alarms, n_engine;
	struct backtest_alarm  *fixed;     /* the engine's, in one piece */
	struct rules_alarm     *facts;     /* of each of them */
	struct strmap           extra;     /* the others, by id */
	struct backtest_other  *others;
	size_t                  n_others, cap_others;
	struct backtest_day    *days;
	size_t                  n_days, cap_days;
	struct backtest_watch  *watches;   /* by point: [first_watch[p], first_watch[p + 1]) */
	uint32_t               *first_watch;
	int64_t                 readings, unknown; /* within the time; of points that the site does not have */
	int64_t                 first_ms, last_ms; /* of the readings within the time; 0: none */
	int64_t                 last_wall_ms, shift_ms;
	bool                    failed;    /* no memory */
};

int  backtest_init(struct backtest *b, const struct backtest_options *o, struct err *reterr);
void backtest_done(struct backtest *b);

/* What is stored before from_ms is told too: it makes the state in which the time begins. s->at is set from its wall time. */
void backtest_reading(struct backtest *b, struct sample *s, int64_t at_ms);
/* It stood when the time began (before any backtest_event). */
void backtest_stood(struct backtest *b, const char *alarm, int64_t since_ms);
void backtest_event(struct backtest *b, const char *alarm, enum transition what, int64_t at_ms);
/* The end of the time: delays that end before it do, what stands is counted up to it. */
void backtest_end(struct backtest *b);

/* Sums over the chosen alarms of a rule (NULL: of all). */
struct backtest_sum { struct backtest_count side[BACKTEST_SIDES]; int64_t doubts, doubt_ms; size_t doubtful, alarms; };
void backtest_sum(const struct backtest *b, const struct rule_def *def, struct backtest_sum *ret);

/* backtest_doubt.c */
int  doubt_init(struct backtest *b, struct err *reterr);
void doubt_reading(struct backtest *b, const struct sample *s);
void doubt_end(struct backtest *b);
void doubt_done(struct backtest *b);

#endif
