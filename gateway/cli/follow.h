/* follow: a listing that goes on: what is now, then what changes, until Ctrl-C. Ends with RESULT_UNREACHABLE when the daemon goes away. */
#ifndef FIREGW_GATEWAY_CLI_FOLLOW_H
#define FIREGW_GATEWAY_CLI_FOLLOW_H

#include "gateway/cli/verb.h"

/* --every, which needs --follow. RESULT_USAGE: said what is wrong. */
int follow_every(struct run *r, int64_t otherwise_ms, int64_t *ret_ms);
/* The whole status, every so often: on a terminal in one place. */
int follow_status(struct run *r, struct client *c, int64_t every_ms);
/* The table, then a line for each value or quality that is another than the one shown last. */
int follow_points(struct run *r, const char *select, int64_t every_ms);
/* The table, then a line for each transition. */
int follow_alarms(struct run *r, const char *select);

#endif
