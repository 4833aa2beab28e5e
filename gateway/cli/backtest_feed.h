/* backtest_feed: a database's readings and events of a time, told to a backtest in the order of time; memory does not grow with their number. */
#ifndef FIREGW_GATEWAY_CLI_BACKTEST_FEED_H
#define FIREGW_GATEWAY_CLI_BACKTEST_FEED_H

#include "gateway/cli/backtest.h"
#include "storage/reader.h"

struct feed_options {
	/* Now and then: how far it is. False: stop. NULL: never. */
	bool (*progress)(void *user, int64_t at_ms, int64_t readings);
	void *user;
};

/* The whole time of b->o, and what stood before it; then backtest_end. ERR_NO_MEMORY, or what the reader says; ERR_CLOSED: progress said to stop. */
int feed_all(struct reader *db, struct backtest *b, const struct feed_options *o, struct err *reterr);
/* The oldest and newest readings there are; false in *ret_any: none. */
int feed_find_ends(struct reader *db, bool *ret_any, int64_t *ret_oldest_ms, int64_t *ret_newest_ms, struct err *reterr);

#endif
