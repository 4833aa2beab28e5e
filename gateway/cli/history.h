/* history: readings written as a table, as CSV or as JSON, while they come, or as charts; no row is kept. */
#ifndef FIREGW_GATEWAY_CLI_HISTORY_H
#define FIREGW_GATEWAY_CLI_HISTORY_H

#include "gateway/cli/verb.h"

#include <math.h>

enum history_format { HISTORY_TABLE, HISTORY_CSV, HISTORY_JSON, HISTORY_PLOT };

/* One reading, or with every_ms one span. NaN: none. Texts are borrowed for the call. */
struct history_row {
	int64_t     at_ms;
	double      value;           /* of a span: the last */
	const char *text;            /* instead of value, or NULL */
	double      min, max, mean;
	int64_t     count;
	const char *quality;         /* of a span: the worst */
};

struct history_plot;
struct history {
	struct run         *run;
	enum history_format format;
	int64_t             every_ms; /* 0: every reading */
	bool                single;   /* JSON: a list, not an object of lists */
	struct history_plot *plot;    /* HISTORY_PLOT: the caller's */
	/* its own */
	struct strbuf       point;    /* the one at work */
	size_t              n_points, n_rows, n_point_rows;
};

/* What follows belongs to this point (the same one may be named again). False: nobody reads any more. */
bool history_point(struct history *h, const char *point);
bool history_row(struct history *h, const struct history_row *row);
void history_end(struct history *h);
void history_done(struct history *h);

#endif
