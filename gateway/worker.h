/* worker: a thread with a queue of jobs, done in order, urgent ones first. The store thread and the reader thread are two of them. */
#ifndef FIREGW_GATEWAY_WORKER_H
#define FIREGW_GATEWAY_WORKER_H

#include "gateway/mailbox.h"

#include <stdbool.h>

/* Embedded in a request; run in the worker's thread with the worker's context, then done on the loop thread (which may free it). */
struct job {
	struct mail  mail;
	struct job  *next;
	void       (*run)(struct job *j, void *context);
	void       (*done)(struct job *j);
};

struct worker {
	uv_thread_t     thread;
	uv_mutex_t      lock;
	uv_cond_t       wake;
	struct mailbox *box;
	void           *context;
	struct job     *first, *last, *first_urgent, *last_urgent;
	bool            stopping, started;
};

/* 0, or a libuv error. box and context outlive the worker. */
int  worker_start(struct worker *w, const char *name, struct mailbox *box, void *context);
/* After worker_join nothing is done with it. */
void worker_add(struct worker *w, struct job *j, bool urgent);
/* Takes it out of the queue: true, and it is neither run nor done; false: it runs already, or has run. From the loop's thread. */
bool worker_take_back(struct worker *w, struct job *j);
/* Whether stopping was asked for: a long or retrying job ends early then. From the worker's thread. */
bool worker_is_stopping(struct worker *w);
/* Waits up to ms, or until stopping is asked for; from the worker's thread. */
void worker_pause(struct worker *w, unsigned ms);
/* No more jobs; ends when the queue is empty. Call worker_join after. */
void worker_stop(struct worker *w);
void worker_join(struct worker *w);

#endif
