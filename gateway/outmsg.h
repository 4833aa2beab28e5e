/* outmsg: a payload on its way to the hubs, made once and shared by all of them. Loop thread only, but for outmsg_new, which any thread may call. */
#ifndef FIREGW_GATEWAY_OUTMSG_H
#define FIREGW_GATEWAY_OUTMSG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct outmsg {
	unsigned refs;
	uint32_t node;          /* the site's node index */
	uint32_t stream_db;     /* streams; 0 for states */
	uint8_t  stream;        /* class or STREAM_READING */
	int64_t  first, last;   /* seq range; events: first == last; 0: undurable */
	int64_t  at_ms;         /* of the oldest record, for backlog limits */
	uint32_t rev;           /* alarms: the highest wins */
	uint64_t id;            /* events: the counter of the event's id, the same in the undurable and in the stored version; 0: not known */
	size_t   len;
	char     data[];        /* not NUL-terminated by contract, but a NUL stands behind */
};

/* refs = 1; NULL if there is no memory. */
struct outmsg *outmsg_new(const void *data, size_t len);
struct outmsg *outmsg_ref(struct outmsg *m);   /* accepts NULL */
void           outmsg_unref(struct outmsg *m); /* accepts NULL */

#endif
