/* backtest_found: a back-test of a rig's database, and all that it tells, as lists. */
#ifndef FIREGW_TESTS_CLI_BACKTEST_FOUND_H
#define FIREGW_TESTS_CLI_BACKTEST_FOUND_H

#include "tests/unit/cli/backtest_rig.h"

#include "gateway/cli/backtest_feed.h"

struct span { char alarm[48]; int64_t from_ms, to_ms; };
struct spans { struct span *items; size_t n; };
/* Occurrences are sorted by alarm and time. */
struct found { struct spans side[BACKTEST_SIDES], doubts; size_t alone; };

void found_span(struct spans *s, const char *alarm, int64_t from, int64_t to);
int  found_by_alarm(const void *x, const void *y);
/* The caller frees with backtest_done and found_done. */
void found_run(const struct rig *r, const struct config *c, const struct config *live, int64_t from_ms, int64_t to_ms, struct backtest *b, struct found *ret);
void found_done(struct found *f);

#endif
