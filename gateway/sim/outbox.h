/* outbox: frames that wait for their time on one line: each goes out no sooner than it is due and no faster than the line carries it, one after the
 * other. Memory only. */
#ifndef FIREGW_GATEWAY_SIM_OUTBOX_H
#define FIREGW_GATEWAY_SIM_OUTBOX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define OUTBOX_FRAMES_MAX 64
#define OUTBOX_NEVER      INT64_MAX

struct outbox_frame;

struct outbox {
	struct outbox_frame *first;     /* by due time, but for one that has begun; owned */
	size_t               n;
	int64_t              gap_ns;    /* of silence behind a frame */
	int64_t              free_ns;   /* when the line is quiet again */
};

/* Of one frame: when it is due, how long each of its bytes takes (0: nothing), and whether the connection closes behind it. */
struct outbox_how { int64_t at_ns, byte_ns; bool closes; };

void outbox_done(struct outbox *b);
bool outbox_is_full(const struct outbox *b);
/* Copies the bytes. 0, or -1: full, or no memory. */
int  outbox_add(struct outbox *b, const uint8_t *bytes, size_t len, const struct outbox_how *how);
/* What may go out now; *ret_len 0: nothing. Until the next call. */
const uint8_t *outbox_peek(struct outbox *b, int64_t now_ns, size_t *ret_len);
/* So many of them went out. True: the connection closes now. */
bool outbox_take(struct outbox *b, size_t len);
/* When something may go out (again); OUTBOX_NEVER: it is empty. */
int64_t outbox_next(const struct outbox *b);

#endif
