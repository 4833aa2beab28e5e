/* app_report: a report on its way: counted on the reader thread, given to whoever asked on the loop's. */
#ifndef FIREGW_GATEWAY_APP_REPORT_H
#define FIREGW_GATEWAY_APP_REPORT_H

#include "gateway/app.h"
#include "gateway/report_read.h"

/* What is below the line is the reader's while the job runs. */
struct reporting {
	struct job              job;
	struct reporting       *next;
	struct app             *app;
	struct generation      *generation;
	size_t                  max_bytes; /* 0: whole, and with the names of those who acted */
	void                  (*done)(struct reporting *x); /* once, on the loop thread; then it is freed */
	void                   *user;
	bool                    gone;      /* nobody waits for it: it ends at the next piece */
	bool                    busy;
	/* the piece */
	struct report_reading   reading;
	struct strbuf           text;      /* the figures, unless it failed */
	struct err              error;
	bool                    failed;
};

/* NULL: no memory. */
struct reporting *app_report_begin(struct app *a, const struct report_month *month, size_t max_bytes, void (*done)(struct reporting *x), void *user);
void              app_report_finish(struct reporting *x);

#endif
