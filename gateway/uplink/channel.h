/* channel: the uplink's end of the socketpair: bytes in, bytes out, without waiting. Main thread only. */
#ifndef FIREGW_GATEWAY_UPLINK_CHANNEL_H
#define FIREGW_GATEWAY_UPLINK_CHANNEL_H

#include "core/err.h"
#include "core/log.h"
#include "gateway/uplink/frame.h"

#define CHANNEL_MESSAGES_MAX (1024u * 1024u)   /* bytes that may wait for the daemon before messages from the hub are dropped */

struct channel {
	int            fd;
	unsigned char *in;          /* FRAME_MAX_BYTES; received, not yet taken: in_start … in_end */
	size_t         in_start, in_end;
	unsigned char *out;         /* grows: results are bounded by what is in flight, messages by CHANNEL_MESSAGES_MAX */
	size_t         out_start, out_end, out_cap;
	bool           ended;       /* the daemon is gone */
	uint64_t       too_large, crowded; /* messages of the hub that were dropped and not told yet */
};

/* -1: no memory. */
int  channel_init(struct channel *c, int fd);
void channel_done(struct channel *c);
/* Reads what is there and fits. */
void channel_read(struct channel *c);
bool channel_has_room(const struct channel *c);
/* The next whole frame without taking it: 1, 0 (none yet), or -1 (malformed). It borrows the channel's memory until channel_take or channel_read. */
int  channel_peek(struct channel *c, struct frame *ret, size_t *ret_len, struct err *reterr);
void channel_take(struct channel *c, size_t len);
/* Queues a frame; it is written by channel_flush. Without memory the channel ends. */
void channel_send(struct channel *c, const struct frame *f);
/* Queues a frame that was encoded already. */
void channel_send_bytes(struct channel *c, const void *data, size_t len);
/* Tells what was dropped, once the daemon reads again: a line for each would be as much as what was dropped. */
void channel_tell_dropped(struct channel *c);
size_t channel_waiting(const struct channel *c);
void channel_flush(struct channel *c);
/* A line for the daemon's log, cut to fit. */
void channel_log(struct channel *c, enum log_level level, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

#endif
