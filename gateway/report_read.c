/* Every event that is kept is read, from the oldest to the month's end: what stood when the month began, and since when, is known only from what was before. */
#include "gateway/report_read.h"

static bool take_oldest(void *user, const struct reader_event *e)
{
	*(int64_t *)user = e->at_ms;
	return true;
}

static int begin(struct report_reading *x, struct reader *r, struct err *reterr)
{
	int64_t oldest = 0;

	if (reader_log_events(r, 0, INT64_MIN, INT64_MAX, 1, take_oldest, &oldest, reterr) || report_month_check(&x->month, oldest, x->now_ms, reterr))
		return -1;
	x->report = report_new(&x->month, x->now_ms);
	return x->report ? 0 : err_set(reterr, ERR_NO_MEMORY, "no memory for a report");
}

static bool take(void *user, const struct reader_event *e)
{
	struct report_reading *x = user;
	struct report_event event;

	x->taken++;
	x->after_n = e->n;
	x->failed = report_event_parse(e->tail, e->tail_len, e->at_ms, &event) && report_feed(x->report, &event);
	return !x->failed;
}

static bool take_after(void *user, const struct reader_event *e)
{
	struct report_reading *x = user;
	struct report_event event;

	if (report_event_parse(e->tail, e->tail_len, e->at_ms, &event))
		report_feed_after(x->report, &event);
	return true;
}

int report_read(struct report_reading *x, struct reader *r, int64_t max, struct err *reterr)
{
	int64_t to_ms = x->now_ms < x->month.to_ms - 1 ? x->now_ms : x->month.to_ms - 1;

	if (!x->report && begin(x, r, reterr))
		return -1;
	x->taken = 0;
	if (reader_log_events(r, x->after_n, INT64_MIN, to_ms, max, take, x, reterr))
		return -1;
	if (x->failed)
		return err_set(reterr, ERR_NO_MEMORY, "no memory for a report");
	if (x->taken >= max)
		return 0;
	if (reader_log_events(r, x->after_n, x->month.to_ms, INT64_MAX, 1, take_after, x, reterr))
		return -1;
	report_end(x->report);
	x->ended = true;
	return 0;
}

void report_read_done(struct report_reading *x)
{
	report_free(x->report);
	x->report = NULL;
}
