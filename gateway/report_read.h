/* report_read: a report counted from the database, a piece at a time. */
#ifndef FIREGW_GATEWAY_REPORT_READ_H
#define FIREGW_GATEWAY_REPORT_READ_H

#include "gateway/report.h"
#include "storage/reader.h"

struct report_reading {
	struct report_month month;
	int64_t             now_ms;
	/* its own */
	struct report      *report;
	int64_t             after_n, taken;
	bool                ended, failed;
};
/* Reads at most max events; ret->ended: the report is whole. ERR_NOT_FOUND: there can be no figures of this month, and which there are; others as the reader's. */
int  report_read(struct report_reading *x, struct reader *r, int64_t max, struct err *reterr);
void report_read_done(struct report_reading *x);

#endif
