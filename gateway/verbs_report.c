/* The verb `report`: one row, the figures of a month. */
#include "gateway/app_report.h"
#include "gateway/verbs.h"

#define REPORTS_MAX 4

static void answer(struct reporting *x)
{
	struct control_request *rq = x->user;

	if (x->failed) {
		control_fail(rq, &x->error);
		return;
	}
	if (!x->gone)
		control_row_text(rq, x->text.data, x->text.len);
	control_end(rq, NULL);
}

static void on_gone(void *user)
{
	struct reporting *x = user;

	x->gone = true;
	if (!x->busy)
		app_report_finish(x);
}

void verbs_report(struct app *a, struct control_request *rq, json_t *args)
{
	struct report_month month;
	struct reporting *x = NULL;
	const char *text = NULL;
	size_t n = 0;
	struct err e;
	int failed = verbs_text(args, "month", &text, &e);

	if (!failed && text)
		failed = report_month_parse(text, &month, &e);
	else if (!failed)
		report_month_at(loop_now(&a->loop).wall_ms, &month);
	for (struct reporting *o = a->reports; o; o = o->next)
		n += o->done == answer;
	if (!failed && n >= REPORTS_MAX)
		failed = err_set(&e, ERR_BUSY, "too many reports are being made already; try again later");
	if (!failed && !(x = app_report_begin(a, &month, 0, answer, rq)))
		failed = err_set(&e, ERR_NO_MEMORY, "no memory for a report");
	if (failed)
		control_fail(rq, &e);
	else
		control_on_gone(rq, on_gone, x);
}
