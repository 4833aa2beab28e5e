/* lookup: finds a hub's address on a thread of its own, so that a dead resolver costs an attempt and not the main thread: Paho looks names up under a lock of
 * the whole process. */
#ifndef FIREGW_GATEWAY_UPLINK_LOOKUP_H
#define FIREGW_GATEWAY_UPLINK_LOOKUP_H

#include "gateway/uplink/results.h"

#include <stdatomic.h>
#include <sys/socket.h>

#define LOOKUPS_MAX 4u   /* that may hang at the same time */

struct lookups { struct results *results; atomic_uint running; };

/* Answers with RESULT_LOOKED_UP: text says why not; else bytes is the address (struct sockaddr). -1: too many hang already, or no thread. */
int lookup_start(struct lookups *l, uint32_t attempt, const char *host, const char *port);
/* Why this address refuses connections, waiting 300 ms at most: an errno, or 0 if it does not refuse or does not answer. */
int lookup_refusal(const struct sockaddr *address, socklen_t len);

#endif
