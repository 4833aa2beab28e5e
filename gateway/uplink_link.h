/* uplink_link: the link to one hub through a firegw-uplink process: starts it, talks frames with it, watches it, restarts it. Loop thread only. */
#ifndef FIREGW_GATEWAY_UPLINK_LINK_H
#define FIREGW_GATEWAY_UPLINK_LINK_H

#include "gateway/hub.h"

#include <uv.h>

#define UPLINK_OUT_BYTES        (1024u * 1024u)  /* frames that may wait for the process; memory taken at start */
#define UPLINK_OUT_RESERVE      (256u * 1024u)   /* of it, kept free of large messages so that small ones (events) still go */
#define UPLINK_OUT_CONTROL      (16u * 1024u)    /* of it, kept free of any message so that connect, subscribe and disconnect still go */
#define UPLINK_LARGE_BYTES      (16u * 1024u)    /* a frame above this is a large one */
#define UPLINK_BACKOFF_MIN_MS   500u
#define UPLINK_BACKOFF_MAX_MS   30000u
#define UPLINK_SETTLED_MS       60000u           /* a process that lived this long ends the backoff */
#define UPLINK_SILENT_MS        60000u           /* a process that says nothing for this long is killed (it says something every 10 s) */
#define UPLINK_CONNECT_MS       45000u           /* an attempt that led to nothing by then: likewise */
#define UPLINK_DISCONNECT_MS    10000u           /* likewise */
#define UPLINK_QUIT_MS          3000u            /* from quit to SIGKILL */

struct uplink_link;

/* config and program (the path of firegw-uplink) are copied, for a link outlives the configuration that it was made from; so is events. The process is started by
 * the first connect. NULL: ERR_NO_MEMORY. */
struct uplink_link *uplink_link_new(uv_loop_t *loop, const struct hub_config *config, const char *program, const struct hub_events *events, struct err *reterr);
/* The table for the pump; its `link` is a struct uplink_link *. After connect returned 0 exactly one up or down follows, and after an up one down, whatever happens to
 * the process; after connect returned -1 one down follows with the next turn of the loop, unless connect is called again first. */
const struct hub_ops *uplink_link_ops(void);
/* Ends the process; no event comes any more. An open connection is cut, so that the broker publishes the will: disconnect first for a clean end, and wait for its down.
 * closed (may be NULL) is called when the loop holds nothing of the link; it is freed then. Accepts NULL (closed is not called). */
void uplink_link_close(struct uplink_link *l, void (*closed)(void *user), void *user);

struct uplink_link_stats {
	int      pid;                 /* 0: no process */
	uint64_t starts, deaths;      /* processes started; ended without having been asked to */
	uint64_t bad_frames;          /* malformed frames from a process, each of which cost its life */
	uint64_t full;                /* sends that found no room */
	uint64_t dropped;             /* messages of the hub that the process dropped: too large, or too many at once */
	size_t   waiting_bytes;       /* frames that wait for the process */
};
void uplink_link_stats(const struct uplink_link *l, struct uplink_link_stats *ret);

#endif
