/* mailbox: the one way from a thread into the loop. A mail lives in the request that it answers, so the box is bounded by the requests there are, and posting cannot
 * fail. libuv merges wake-ups, so the reader takes all that is there. */
#ifndef FIREGW_GATEWAY_MAILBOX_H
#define FIREGW_GATEWAY_MAILBOX_H

#include <uv.h>

struct mail {
	struct mail *next;
	void       (*open)(struct mail *m); /* on the loop thread; m may be freed in it */
};

struct mailbox {
	uv_async_t   async;
	uv_mutex_t   lock;
	struct mail *first, *last;
};

void mailbox_init(struct mailbox *b, uv_loop_t *loop);
/* From any thread. m must not be in a box already. */
void mailbox_post(struct mailbox *b, struct mail *m);
/* Opens what is there now; on the loop thread. */
void mailbox_drain(struct mailbox *b);
void mailbox_close(struct mailbox *b); /* when no thread posts any more; done after the loop let go */
void mailbox_done(struct mailbox *b);

#endif
