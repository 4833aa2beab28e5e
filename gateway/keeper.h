/* keeper: the store thread. Takes batches in order, commits each until it is durable, makes the hubs' messages of it, and keeps the file within its limits between
 * two commits. The loop never waits for it. */
#ifndef FIREGW_GATEWAY_KEEPER_H
#define FIREGW_GATEWAY_KEEPER_H

#include "core/site.h"
#include "gateway/compose.h"
#include "gateway/worker.h"
#include "storage/store.h"

#include <stdatomic.h>

/* Readings that had to be given up because the disk or the quota is full. */
struct keeper_dropped { uint32_t node; int64_t count, from_ms, to_ms; };
#define KEEPER_NODES_MAX 16

struct keeper;

/* A batch on its way. Embedded by the app beside the batch. */
struct keeper_commit {
	struct job            job;
	struct keeper        *keeper;
	struct batch         *batch;
	const struct site    *site;         /* names; lives until done */
	int64_t               now_ms;       /* commands that expired before it are forgotten; 1 while the clock is not trusted */
	bool                  want_readings;/* some hub takes readings: make their messages */
	void                (*done)(struct keeper_commit *c);
	/* results, valid in done */
	bool                  committed;    /* false: given up, the daemon is stopping */
	struct outlist        events, readings;
	struct keeper_dropped dropped[KEEPER_NODES_MAX];
	size_t                n_dropped;
	int64_t               took_ns;
	struct store_usage    usage;
	char                  audit_head[72];
};

/* What the store thread is at, readable from the loop at any time. */
enum keeper_trouble { KEEPER_FINE, KEEPER_FAILING, KEEPER_FULL, KEEPER_DAMAGED };
struct keeper {
	struct worker    worker;
	struct mailbox  *box;
	struct store    *store;
	atomic_int       trouble;        /* enum keeper_trouble */
	uv_mutex_t       lock;
	char             text[ERR_TEXT_MAX]; /* of the trouble; under lock */
	struct mail      mail;
	atomic_bool      mail_posted;
	void           (*on_trouble)(void *user);
	void            *user;
	bool             gave_up;        /* the store thread's: a commit was given up */
	bool             left_events;    /* the loop's: events never came as far as a commit */
};

int  keeper_start(struct keeper *k, struct store *s, struct mailbox *box, void (*on_trouble)(void *user), void *user);
void keeper_commit(struct keeper *k, struct keeper_commit *c);
/* Any other work on the store: context is the keeper. Behind the commits unless urgent. */
void keeper_job(struct keeper *k, struct job *j, bool urgent);
void keeper_trouble_text(struct keeper *k, char *buf, size_t cap);
/* Ends the thread when its queue is done (a commit that keeps failing is given up), and closes the store; in order only if nothing was left behind. */
void keeper_stop(struct keeper *k);

#endif
