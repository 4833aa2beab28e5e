/* The figures of a month, counted on the reader thread, a piece at a time so that a hub's backlog goes between: for the verb `report`, and as the retained state report/{yyyy-mm}.
 * The state is made anew at the start and 5 minutes into each day, and once more of a month that is over. It bears no names of people. */
#include "gateway/verbs.h"

#include "gateway/report_read.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PIECE_EVENTS 2000
#define REPORTS_MAX  4
#define INTO_DAY_MS  INT64_C(300000)
#define LOOK_AHEAD_MS INT64_C(172800000)

/* One on its way. What is below the line is the reader's while the job runs. */
struct reporting {
	struct job              job;
	struct reporting       *next;
	struct app             *app;
	struct generation      *generation;
	struct control_request *rq;      /* NULL: for the hubs */
	bool                    gone, busy;
	/* the piece */
	struct report_reading   reading;
	struct strbuf           text;
	struct err              error;
	bool                    failed;
};

static void free_reporting(struct reporting *x)
{
	for (struct reporting **p = &x->app->reports; *p; p = &(*p)->next)
		if (*p == x) {
			*p = x->next;
			break;
		}
	report_read_done(&x->reading);
	strbuf_done(&x->text);
	generation_unref(x->generation);
	free(x);
}

static void run(struct job *j, void *context)
{
	struct reporting *x = (struct reporting *)j;
	const struct config *c = x->generation->config;
	struct report_frame f = { .gateway = c->site.gateway, .node = c->site.nodes[0], .zone = c->timezone, .people = x->rq != NULL, .lists = REPORT_LISTS };
	struct reader *r = desk_reader(context, &x->error);

	x->failed = !r || report_read(&x->reading, r, PIECE_EVENTS, &x->error);
	if (x->failed && x->error.code != ERR_NOT_FOUND)
		desk_forget(context);
	if (x->failed || !x->reading.ended)
		return;
	if (x->rq)
		report_json(x->reading.report, &f, &x->text);
	else
		report_json_within(x->reading.report, &f, PAYLOAD_MAX, &x->text);
	x->failed = x->text.failed && err_set(&x->error, ERR_NO_MEMORY, "no memory for a report");
}

/* ---- the hubs' ---- */

static void put_state(struct app *a, struct app_hub *h, const struct app_report *state)
{
	if (!h->pump || !h->config->send_report || !state->msg)
		return;
	if (states_set(&h->states, STATE_KIND_REPORT, 0, state->topic, CLASS_COUNT + 2, state->msg))
		log_error("hub", "%s: no room for %s", h->config->link.name, state->topic);
	app_hub_kick(h);
	(void)a;
}

void app_report_states(struct app *a, struct app_hub *h)
{
	for (size_t i = 0; i < 2; i++)
		put_state(a, h, &a->report_states[i]);
	if (h->config->send_report && !a->report_states[0].msg)
		a->report_due_ms = 0;
}

/* 0: the month that goes on, 1: the one before it. */
static void publish(struct reporting *x)
{
	struct app *a = x->app;
	char month[REPORT_MONTH_TEXT];
	bool over = x->reading.now_ms >= x->reading.month.to_ms;
	struct app_report *state = &a->report_states[over];
	struct outmsg *m = outmsg_new(x->text.data, x->text.len);

	if (!m)
		return; /* the one before stays; tomorrow there is another */
	outmsg_unref(state->msg);
	state->msg = m;
	snprintf(state->topic, sizeof state->topic, "report/%s", report_month_text(&x->reading.month, month));
	for (size_t i = 0; i < a->n_hubs; i++)
		put_state(a, a->hubs[i], state);
}

/* ---- the way ---- */

static void finish(struct reporting *x)
{
	if (!x->rq && x->failed && x->error.code != ERR_NOT_FOUND)
		log_warning("hub", "the month's report: %s", x->error.text);
	if (!x->rq && !x->failed)
		publish(x);
	if (x->rq && !x->failed && !x->gone)
		control_row_text(x->rq, x->text.data, x->text.len);
	if (x->rq && x->failed)
		control_fail(x->rq, &x->error);
	else if (x->rq)
		control_end(x->rq, NULL);
	free_reporting(x);
}

static void piece_done(struct job *j)
{
	struct reporting *x = (struct reporting *)j;

	x->busy = false;
	if (x->failed || x->gone || x->reading.ended) {
		finish(x);
		return;
	}
	x->busy = true;
	worker_add(&x->app->desk.worker, &x->job, false);
}

static struct reporting *begin(struct app *a, const struct report_month *month, int64_t now_ms)
{
	struct reporting *x = calloc(1, sizeof *x);

	if (!x)
		return NULL;
	x->app = a;
	x->generation = generation_ref(a->generation);
	x->reading.month = *month;
	x->reading.now_ms = now_ms;
	x->job.run = run;
	x->job.done = piece_done;
	x->next = a->reports;
	a->reports = x;
	return x;
}

static void start(struct reporting *x)
{
	x->busy = true;
	worker_add(&x->app->desk.worker, &x->job, false);
}

/* ---- the verb ---- */

static void on_gone(void *user)
{
	struct reporting *x = user;

	x->gone = true;
	if (!x->busy)
		finish(x);
}

void verbs_report(struct app *a, struct control_request *rq, json_t *args)
{
	struct report_month month;
	struct reporting *x = NULL;
	const char *text = NULL;
	size_t n = 0;
	struct err e;
	int64_t now_ms = loop_now(&a->loop).wall_ms;
	int failed = verbs_text(args, "month", &text, &e);

	if (!failed && text)
		failed = report_month_parse(text, &month, &e);
	else if (!failed)
		report_month_at(now_ms, &month);
	for (struct reporting *o = a->reports; o; o = o->next)
		n += o->rq != NULL;
	if (!failed && n >= REPORTS_MAX)
		failed = err_set(&e, ERR_BUSY, "too many reports are being made already; try again later");
	if (!failed && !(x = begin(a, &month, now_ms)))
		failed = err_set(&e, ERR_NO_MEMORY, "no memory for a report");
	if (failed) {
		control_fail(rq, &e);
		return;
	}
	x->rq = rq;
	control_on_gone(rq, on_gone, x);
	start(x);
}

void verbs_end_reports(struct app *a)
{
	while (a->reports) {
		struct reporting *x = a->reports;
		if (x->rq) {
			err_set(&x->error, ERR_CLOSED, "firegwd is stopping");
			control_fail(x->rq, &x->error);
		}
		free_reporting(x);
	}
	for (size_t i = 0; i < 2; i++) {
		outmsg_unref(a->report_states[i].msg);
		a->report_states[i].msg = NULL;
	}
}

/* ---- when ---- */

static bool is_wanted(const struct app *a)
{
	for (size_t i = 0; i < a->n_hubs; i++)
		if (a->hubs[i]->pump && a->hubs[i]->config->send_report)
			return true;
	return false;
}

static int64_t next_due(const struct report_month *m, int64_t now_ms)
{
	for (int d = 0; d <= m->n_days; d++)
		if (m->day_ms[d] + INTO_DAY_MS > now_ms)
			return m->day_ms[d] + INTO_DAY_MS;
	return now_ms + INTO_DAY_MS;
}

/* A clock that is not trusted may be in any month. */
void app_report_tick(struct app *a, struct stamp now)
{
	struct report_month month, before;
	struct reporting *x;

	bool due = now.wall_ms >= a->report_due_ms || a->report_due_ms > now.wall_ms + LOOK_AHEAD_MS;
	if (!due || !now.wall_trusted || a->stopping || !is_wanted(a))
		return;
	for (x = a->reports; x; x = x->next)
		if (!x->rq)
			return; /* the last ones are not made yet */
	report_month_at(now.wall_ms, &month);
	report_month_before(&month, &before);
	a->report_due_ms = next_due(&month, now.wall_ms);
	if (a->report_over_ms != before.to_ms && (x = begin(a, &before, now.wall_ms))) {
		a->report_over_ms = before.to_ms;
		start(x);
	}
	if ((x = begin(a, &month, now.wall_ms)))
		start(x);
}
