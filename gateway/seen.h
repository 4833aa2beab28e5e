/* seen: ids of hubs' commands that were taken and have not expired, so that none is taken twice; the store keeps them over restarts. */
#ifndef FIREGW_GATEWAY_SEEN_H
#define FIREGW_GATEWAY_SEEN_H

#include "core/clock.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SEEN_OF_HUB_MAX 1024
#define SEEN_ID_MAX     96   /* bytes */

struct seen_command;
/* All zero is empty. */
struct seen { struct seen_command *list; size_t n, cap; };

void seen_done(struct seen *s);
/* Forgets what has expired, but only by a clock that can be trusted. */
bool seen_has(struct seen *s, uint32_t hub_db, const char *id, struct stamp now);
/* A hub that has SEEN_OF_HUB_MAX already loses the one that was taken first, which is given in forgotten ("": none), or a hub that lets its commands expire in a hundred
 * years would soon have none left. -1: no memory. A longer id is cut. */
int  seen_add(struct seen *s, uint32_t hub_db, const char *id, int64_t expires_ms, char forgotten[SEEN_ID_MAX + 1]);

#endif
