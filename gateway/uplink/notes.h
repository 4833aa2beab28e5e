/* notes: a pipe by which library callbacks leave lines for the main thread. Paho's trace callback has no context argument, so the writing end stands at a
 * number of its own instead of in a global. */
#ifndef FIREGW_GATEWAY_UPLINK_NOTES_H
#define FIREGW_GATEWAY_UPLINK_NOTES_H

#include "gateway/uplink/reason.h"

#define NOTES_FD 10   /* descriptors from 4 on are closed at start; this one is taken at once */

/* The reading end, or -1 (errno). */
int  notes_open(void);
/* Any thread; a line that does not fit is dropped. */
void notes_write(const char *line, size_t len);
/* Main thread: takes all lines that wait into ret. */
void notes_take(int fd, struct reason_notes *ret);

#endif
