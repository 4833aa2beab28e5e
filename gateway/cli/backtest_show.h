/* backtest_show: what a back-test found, as text for people or as one JSON object. */
#ifndef FIREGW_GATEWAY_CLI_BACKTEST_SHOW_H
#define FIREGW_GATEWAY_CLI_BACKTEST_SHOW_H

#include "gateway/cli/backtest.h"
#include "gateway/cli/verb.h"

/* The first of those that only one side has are kept to be named; the others are counted. */
#define REPORT_ALONE_MAX 1000
struct backtest_alone { const struct backtest_alarm *alarm; int64_t from_ms, to_ms; };

struct backtest_report {
	struct run            *run;
	const struct backtest *b;
	bool                   own_rules;  /* the site's, no --rules */
	struct backtest_alone *alone[BACKTEST_SIDES];
	size_t                 n_alone[BACKTEST_SIDES];
	/* made by report_sort */
	struct backtest_alarm **order;     /* the chosen alarms in which anything happened, most first; the caller frees */
	size_t                 n_order;
	bool                   begins_late, ends_early; /* there are no readings there */
	double                 days;       /* that have readings */
	size_t                 hidden_points;
};

/* False: no memory. */
bool report_sort(struct backtest_report *r);
/* A rule's class as it stands on its alarms: a word, "mixed" or "". */
const char *report_class(const struct backtest *b, const struct rule_def *def);
/* Whether any of its alarms is on a condition of which nobody can tell what deadbands hide. */
bool report_is_judged(const struct backtest *b, const struct rule_def *def);
void report_put(const struct backtest_report *r);
void report_put_json(const struct backtest_report *r);

#endif
