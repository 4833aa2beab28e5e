/* desk: the reader thread, which fetches the past for hubs and people, on its own read-only connection. Opened lazily and again after a failure. */
#ifndef FIREGW_GATEWAY_DESK_H
#define FIREGW_GATEWAY_DESK_H

#include "gateway/compose.h"
#include "gateway/pump.h"
#include "gateway/worker.h"
#include "storage/reader.h"

struct desk {
	struct worker  worker;
	char          *path;
	struct reader *reader;   /* the worker's */
};

int  desk_start(struct desk *d, const char *path, struct mailbox *box);
void desk_stop(struct desk *d);
/* For a job's run (context is the desk): the reader, or NULL with reterr. */
struct reader *desk_reader(struct desk *d, struct err *reterr);
/* After an error of the reader: the next job opens it anew. */
void desk_forget(struct desk *d);

/* A backlog request of a pump. The caller fills what is above the line; done frees or reuses it. */
struct desk_backlog {
	struct job                  job;
	struct pump_backlog_request rq;
	struct compose_stream       stream;
	void                      (*done)(struct desk_backlog *b);
	void                       *user, *user2; /* user2: whatever keeps the names of `stream` until done */
	/* result */
	struct outlist              list;
	struct pump_backlog_answer  answer;
};
void desk_backlog(struct desk *d, struct desk_backlog *b);

#endif
