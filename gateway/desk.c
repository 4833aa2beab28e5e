#include "gateway/desk.h"

#include <stdlib.h>
#include <string.h>

int desk_start(struct desk *d, const char *path, struct mailbox *box)
{
	d->reader = NULL;
	d->path = strdup(path);
	if (!d->path)
		return UV_ENOMEM;
	return worker_start(&d->worker, "reader", box, d);
}

void desk_stop(struct desk *d)
{
	worker_stop(&d->worker);
	worker_join(&d->worker);
	reader_close(d->reader);
	d->reader = NULL;
	free(d->path);
	d->path = NULL;
}

struct reader *desk_reader(struct desk *d, struct err *reterr)
{
	if (!d->reader && reader_open(d->path, &d->reader, reterr))
		d->reader = NULL;
	return d->reader;
}

void desk_forget(struct desk *d)
{
	reader_close(d->reader);
	d->reader = NULL;
}

struct gather {
	struct desk_backlog    *b;
	struct compose_readings open;
	size_t                  bytes;
	int64_t                 next;  /* the seq that must follow: a hole ends the answer */
};

static bool on_event(void *user, const struct reader_event *e)
{
	struct gather *g = user;

	if (e->seq != g->next)
		return false;
	g->next++;
	outlist_add(&g->b->list, compose_event(&g->b->stream, e->seq, e->n, e->at_ms, e->tail, e->tail_len));
	g->bytes += e->tail_len;
	return g->bytes < g->b->rq.max_bytes;
}

static bool on_reading(void *user, const struct reader_reading *x)
{
	struct gather *g = user;

	if (x->seq != g->next)
		return false;
	g->next++;
	struct outmsg *m = compose_readings_put(&g->open, x->seq, x->point, x->at_ms, x->number, x->text, x->quality);
	if (m) {
		g->bytes += m->len;
		outlist_add(&g->b->list, m);
	}
	return g->bytes + g->open.body.len < g->b->rq.max_bytes;
}

/* What lies before the first record that may be sent, and why. */
static int find_gone(struct reader *r, struct desk_backlog *b, struct err *e)
{
	int64_t first, last, young;

	if (reader_range(r, b->rq.stream_db, &first, &last, e))
		return -1;
	b->answer.gone_to = 0;
	b->answer.gone_why = "space";
	if (first > b->rq.after + 1)
		b->answer.gone_to = first - 1;
	if (reader_seq_at(r, b->rq.stream_db, b->rq.not_older_than_ms, &young, e))
		return -1;
	if (young > b->rq.after + 1 && young - 1 > b->answer.gone_to && first <= last) {
		b->answer.gone_to = young - 1;
		b->answer.gone_why = "backlog";
	}
	return 0;
}

static int gather(struct desk *d, struct desk_backlog *b, struct err *e)
{
	struct gather g = { .b = b };
	struct reader *r = desk_reader(d, e);
	int failed;

	if (!r || find_gone(r, b, e))
		return -1;
	int64_t after = b->answer.gone_to > b->rq.after ? b->answer.gone_to : b->rq.after;
	g.next = after + 1;
	if (b->stream.stream != STREAM_READING)
		return reader_events(r, b->rq.stream_db, after, INT64_MAX, on_event, &g, e);
	compose_readings_begin(&g.open, &b->stream);
	failed = reader_readings(r, b->rq.stream_db, after, INT64_MAX, on_reading, &g, e);
	outlist_add(&b->list, compose_readings_end(&g.open));
	compose_readings_done(&g.open);
	return failed;
}

static void run_backlog(struct job *j, void *context)
{
	struct desk_backlog *b = (struct desk_backlog *)j;
	struct desk *d = context;
	struct err e;

	b->list = (struct outlist){ 0 };
	b->answer = (struct pump_backlog_answer){ .stream_db = b->rq.stream_db, .after = b->rq.after };
	if (gather(d, b, &e) || b->list.failed) {
		desk_forget(d);
		b->answer.failed = true;
	}
	b->answer.messages = b->list.items;
	b->answer.n = b->list.n;
}

static void backlog_done(struct job *j)
{
	struct desk_backlog *b = (struct desk_backlog *)j;

	b->done(b);
}

void desk_backlog(struct desk *d, struct desk_backlog *b)
{
	b->job.run = run_backlog;
	b->job.done = backlog_done;
	worker_add(&d->worker, &b->job, true);
}
