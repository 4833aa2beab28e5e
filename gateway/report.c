#include "gateway/report_inside.h"

#include <stdlib.h>

struct report *report_new(const struct report_month *m, int64_t now_ms)
{
	struct report *r = calloc(1, sizeof *r);

	if (!r)
		return NULL;
	r->month = *m;
	r->now_ms = now_ms;
	r->from_ms = m->from_ms;
	r->to_ms = now_ms < m->to_ms ? now_ms : m->to_ms;
	return r;
}

void report_free(struct report *r)
{
	if (!r)
		return;
	for (size_t i = 0; i < r->n_alarms; i++) {
		free(r->alarms[i].id);
		free(r->alarms[i].name);
	}
	free(r->alarms);
	strmap_done(&r->by_id);
	tallies_done(&r->devices);
	tallies_done(&r->rules);
	tallies_done(&r->causes);
	tallies_done(&r->people);
	for (size_t m = 0; m < MEASURES; m++)
		for (size_t c = 0; c < CLASS_COUNT; c++)
			times_done(&r->times[m][c]);
	times_done(&r->answers);
	free(r);
}

bool report_counts(const struct report *r, int64_t at_ms)
{
	return at_ms >= r->month.from_ms && at_ms < r->month.to_ms;
}

int64_t report_within(const struct report *r, int64_t from_ms, int64_t to_ms)
{
	from_ms = from_ms > r->from_ms ? from_ms : r->from_ms;
	to_ms = to_ms < r->to_ms ? to_ms : r->to_ms;
	return to_ms > from_ms ? to_ms - from_ms : 0;
}

int report_feed(struct report *r, const struct report_event *e)
{
	if (!r->first_ms) {
		r->first_ms = e->at_ms;
		if (report_counts(r, e->at_ms))
			r->from_ms = e->at_ms < r->to_ms ? e->at_ms : r->to_ms; /* of what was before nobody knows */
	}
	report_boot(r, e);
	if (report_counts(r, e->at_ms)) {
		r->n_events++;
		r->transitions[e->transition]++;
	}
	return e->alarm[0] ? report_alarm(r, e) : report_operation(r, e);
}

void report_end(struct report *r)
{
	report_alarms_end(r);
	report_operations_end(r);
	for (size_t m = 0; m < MEASURES; m++)
		for (size_t c = 0; c < CLASS_COUNT; c++)
			times_sort(&r->times[m][c]);
	times_sort(&r->answers);
}
