/* The figures of a month, counted on the reader thread, a piece at a time so that a hub's backlog goes between; and as the retained state report/{yyyy-mm}: made anew at the start and
 * 5 minutes into each day, and once more of a month that is over. It bears no names of people. */
#include "gateway/app_report.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PIECE_EVENTS  2000
#define INTO_DAY_MS   INT64_C(300000)
#define AGAIN_MS      INT64_C(600000)
#define LOOK_AHEAD_MS INT64_C(172800000)

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
	struct report_frame f = { .gateway = c->site.gateway, .node = c->site.nodes[0], .zone = c->timezone, .people = !x->max_bytes, .lists = REPORT_LISTS };
	struct reader *r = desk_reader(context, &x->error);

	x->failed = !r || report_read(&x->reading, r, PIECE_EVENTS, &x->error);
	if (x->failed && x->error.code != ERR_NOT_FOUND)
		desk_forget(context);
	if (x->failed || !x->reading.ended)
		return;
	if (x->max_bytes)
		report_json_within(x->reading.report, &f, x->max_bytes, &x->text);
	else
		report_json(x->reading.report, &f, &x->text);
	x->failed = x->text.failed && err_set(&x->error, ERR_NO_MEMORY, "no memory for a report");
}

/* ---- the hubs' ---- */

static void put_state(struct app_hub *h, const struct app_report *state)
{
	if (!h->pump || !h->config->send_report || !state->msg)
		return;
	if (states_set(&h->states, STATE_KIND_REPORT, 0, state->topic, CLASS_COUNT + 2, state->msg))
		log_error("hub", "%s: no room for %s", h->config->link.name, state->topic);
	app_hub_kick(h);
}

void app_report_states(struct app *a, struct app_hub *h)
{
	for (size_t i = 0; i < 2; i++)
		put_state(h, &a->report_states[i]);
	if (h->config->send_report && !a->report_states[0].msg)
		a->report_due_ms = 0;
}

/* 0: the month that goes on, 1: the one before it. */
static void publish(struct reporting *x)
{
	struct app *a = x->app;

	if (x->failed && x->error.code != ERR_NOT_FOUND && x->error.code != ERR_CLOSED) {
		log_warning("hub", "the month's report: %s; trying again in 10 minutes", x->error.text);
		a->report_due_ms = x->reading.now_ms + AGAIN_MS;
		a->report_over_ms = 0;
	}
	if (x->failed)
		return;
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
		put_state(a->hubs[i], state);
}

/* ---- the way ---- */

void app_report_finish(struct reporting *x)
{
	x->done(x);
	free_reporting(x);
}

static void piece_done(struct job *j)
{
	struct reporting *x = (struct reporting *)j;

	x->busy = false;
	if (x->failed || x->gone || x->reading.ended) {
		app_report_finish(x);
		return;
	}
	x->busy = true;
	worker_add(&x->app->desk.worker, &x->job, false);
}

struct reporting *app_report_begin(struct app *a, const struct report_month *month, size_t max_bytes, void (*done)(struct reporting *x), void *user)
{
	struct reporting *x = calloc(1, sizeof *x);

	if (!x)
		return NULL;
	*x = (struct reporting){
		.job = { .run = run, .done = piece_done }, .app = a, .generation = generation_ref(a->generation), .max_bytes = max_bytes, .done = done, .user = user, .busy = true,
		.reading = { .month = *month, .now_ms = loop_now(&a->loop).wall_ms }, .next = a->reports,
	};
	a->reports = x;
	worker_add(&a->desk.worker, &x->job, false);
	return x;
}

void app_report_stop(struct app *a)
{
	while (a->reports) {
		a->reports->failed = true;
		err_set(&a->reports->error, ERR_CLOSED, "firegwd is stopping");
		app_report_finish(a->reports);
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

/* A clock that is not trusted may be in any month. */
void app_report_tick(struct app *a, struct stamp now)
{
	struct report_month month, before;
	struct reporting *x;

	bool due = now.wall_ms >= a->report_due_ms || a->report_due_ms > now.wall_ms + LOOK_AHEAD_MS;
	if (!due || !now.wall_trusted || a->stopping || !is_wanted(a))
		return;
	for (x = a->reports; x; x = x->next)
		if (x->done == publish)
			return; /* the last ones are not made yet */
	report_month_at(now.wall_ms, &month);
	report_month_before(&month, &before);
	a->report_due_ms = report_month_next_day(&month, now.wall_ms, INTO_DAY_MS);
	if (a->report_over_ms != before.to_ms && app_report_begin(a, &before, PAYLOAD_MAX, publish, NULL))
		a->report_over_ms = before.to_ms;
	app_report_begin(a, &month, PAYLOAD_MAX, publish, NULL);
}
