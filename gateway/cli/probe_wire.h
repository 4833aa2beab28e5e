/* probe_wire: a connection of our own to a field line: the driver, stepped by a loop that waits for one answer. */
#ifndef FIREGW_GATEWAY_CLI_PROBE_WIRE_H
#define FIREGW_GATEWAY_CLI_PROBE_WIRE_H

#include "gateway/config/plain.h"

struct probe_wire;

/* Looks the name up and opens the driver; connects with the first read. line is borrowed. ERR_NOT_FOUND: no such name; others as the driver says. */
int  probe_wire_open(struct plain_line *line, int64_t timeout_ms, struct probe_wire **ret, struct err *reterr);
void probe_wire_close(struct probe_wire *w); /* accepts NULL */
/* Whether one of the addresses that the name has is this one, as text. */
bool probe_wire_is_at(const struct probe_wire *w, const char *address);
/* One read, one try; values has room for rq->count. 0; -1: the driver's error, also for ERR_CLOSED, after which the next read connects anew; 1: stop_fd became
 * readable (-1: there is none). */
int  probe_wire_read(struct probe_wire *w, const struct bus_request *rq, int stop_fd, uint16_t *values, struct err *reterr);

#endif
