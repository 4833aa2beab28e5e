/* The verbs that ask the database: events and history. Each reads a piece on the reader thread, sends it from the loop, and reads on while the peer keeps up; a follower then
 * gets what is stored from there on. */
#include "gateway/verbs.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PIECE_EVENTS  500
#define PIECE_ROWS    10000
#define ROW_ENTRIES   1000
#define PAUSE_NS      (20 * CLOCK_NS_PER_MS)
#define FOLLOWS_MAX   32

/* One request on its way. Its fields above the line are the loop's; the piece is the reader's while the job runs. */
struct follow {
	struct job              job;
	struct follow          *next;
	struct app             *app;
	struct control_request *rq;
	struct generation      *generation;  /* for the site */
	struct select          *select;
	struct loop_timer       pause;
	bool                    gone, follows, live, missed, busy;
	unsigned                classes;
	int64_t                 from_ms, to_ms, every_ms, limit, after_n;
	/* history */
	char                  **points;
	size_t                  n_points, at_point;
	json_t                 *globs;
	/* the piece */
	char                  **rows;
	size_t                  n_rows, cap_rows;
	size_t                  n_read;
	bool                    resolved, ended;
	struct err              error;
	bool                    failed;
	struct strbuf           text;
	size_t                  n_entries;
};

static void run_events(struct job *j, void *context);
static void run_history(struct job *j, void *context);
static void piece_done(struct job *j);

static void unlink_follow(struct follow *f)
{
	for (struct follow **p = &f->app->follows; *p; p = &(*p)->next)
		if (*p == f) {
			*p = f->next;
			return;
		}
}

static void free_rows(struct follow *f)
{
	for (size_t i = 0; i < f->n_rows; i++)
		free(f->rows[i]);
	f->n_rows = 0;
}

static void free_follow(struct follow *f)
{
	unlink_follow(f);
	loop_timer_set(&f->app->loop, &f->pause, CLOCK_NEVER);
	free_rows(f);
	free(f->rows);
	for (size_t i = 0; i < f->n_points; i++)
		free(f->points[i]);
	free(f->points);
	json_decref(f->globs);
	strbuf_done(&f->text);
	select_free(f->select);
	generation_unref(f->generation);
	free(f);
}

static void finish(struct follow *f)
{
	if (f->failed)
		control_fail(f->rq, &f->error);
	else
		control_end(f->rq, NULL);
	free_follow(f);
}

static void on_gone(void *user)
{
	struct follow *f = user;

	f->gone = true;
	if (!f->busy)
		finish(f);
}

static void read_piece(struct follow *f)
{
	f->busy = true;
	f->missed = false;
	f->job.run = f->globs ? run_history : run_events;
	f->job.done = piece_done;
	worker_add(&f->app->desk.worker, &f->job, false);
}

static void on_pause(void *user, struct stamp now)
{
	struct follow *f = user;

	if (control_pending(f->rq) > CONTROL_PENDING_PAUSE)
		loop_timer_set(&f->app->loop, &f->pause, now.mono_ns + PAUSE_NS);
	else
		read_piece(f);
}

static void piece_done(struct job *j)
{
	struct follow *f = (struct follow *)j;

	f->busy = false;
	for (size_t i = 0; i < f->n_rows && !f->gone; i++)
		if (!control_row_text(f->rq, f->rows[i], strlen(f->rows[i])))
			f->gone = true;
	free_rows(f);
	if (f->failed || f->gone || (f->ended && !f->follows)) {
		finish(f);
		return;
	}
	if (f->ended && !f->missed) {
		f->live = true;
		return;
	}
	on_pause(f, loop_now(&f->app->loop));
}

static struct follow *begin(struct app *a, struct control_request *rq, json_t *args, struct err *reterr)
{
	struct follow *f = calloc(1, sizeof *f);
	size_t n = 0;

	for (struct follow *x = a->follows; x; x = x->next)
		n++;
	if (!f || n >= FOLLOWS_MAX) {
		free(f);
		err_set(reterr, f ? ERR_BUSY : ERR_NO_MEMORY, "too many look at the past already; try again later");
		return NULL;
	}
	f->app = a;
	f->rq = rq;
	f->generation = generation_ref(a->generation);
	loop_timer_init(&f->pause, on_pause, f);
	f->next = a->follows;
	a->follows = f;
	if (verbs_select(args, &f->select, reterr)) {
		free_follow(f);
		return NULL;
	}
	return f;
}

static void add_row(struct follow *f, const struct strbuf *text)
{
	if (f->n_rows == f->cap_rows) {
		size_t cap = f->cap_rows ? f->cap_rows * 2 : 64;
		char **more = realloc(f->rows, cap * sizeof *more);
		if (!more) {
			f->failed = true;
			err_set(&f->error, ERR_NO_MEMORY, "no memory");
			return;
		}
		f->rows = more;
		f->cap_rows = cap;
	}
	f->rows[f->n_rows] = text->failed ? NULL : strndup(text->data, text->len);
	if (f->rows[f->n_rows])
		f->n_rows++;
}

static bool event_fits(const struct follow *f, const char *data, size_t len)
{
	json_error_t je;
	json_t *event = json_loadb(data, len, 0, &je);
	struct select_subject s;
	bool fits = false;

	if (event) {
		s = verbs_event_subject(&f->generation->config->site, event);
		fits = s.class_ < CLASS_COUNT && (f->classes & (1u << s.class_)) && select_fits(f->select, &s);
	}
	json_decref(event);
	return fits;
}

static bool on_event(void *user, const struct reader_event *e)
{
	struct follow *f = user;

	if (f->limit == 0)
		return false;
	f->n_read++;
	f->after_n = e->n;
	strbuf_reset(&f->text);
	record_event_head(&f->text, f->generation->config->site.gateway, e->node, f->app->log_id, e->stream, e->seq, e->n);
	strbuf_put(&f->text, e->tail, e->tail_len);
	if (!f->text.failed && event_fits(f, f->text.data, f->text.len)) {
		add_row(f, &f->text);
		if (f->limit > 0)
			f->limit--;
	}
	return true;
}

static void run_events(struct job *j, void *context)
{
	struct follow *f = (struct follow *)j;
	struct desk *d = context;
	struct reader *r = desk_reader(d, &f->error);

	f->n_read = 0;
	if (!r || reader_log_events(r, f->after_n, f->from_ms, f->to_ms, PIECE_EVENTS, on_event, f, &f->error)) {
		f->failed = true;
		desk_forget(d);
	}
	f->ended = f->n_read < PIECE_EVENTS || f->limit == 0;
}

void verbs_events(struct app *a, struct control_request *rq, json_t *args)
{
	struct err e;
	struct follow *f = begin(a, rq, args, &e);
	bool follow = false;

	if (!f) {
		control_fail(rq, &e);
		return;
	}
	f->failed = verbs_flag(args, "follow", &follow, &f->error) || verbs_int(args, "since", 0, &f->from_ms, &f->error) || verbs_int(args, "until", INT64_MAX, &f->to_ms, &f->error) ||
	            verbs_int(args, "limit", -1, &f->limit, &f->error) || verbs_classes(args, &f->classes, &f->error);
	f->follows = follow;
	if (!f->failed && follow && (f->to_ms != INT64_MAX || f->limit >= 0))
		f->failed = err_set(&f->error, ERR_INVALID, "'until' and 'limit' cannot stand beside 'follow'") != 0;
	if (f->failed) {
		finish(f);
		return;
	}
	control_on_gone(rq, on_gone, f);
	read_piece(f);
}

void verbs_on_event(struct app *a, int64_t n, struct outmsg *msg)
{
	for (struct follow *f = a->follows, *next; f; f = next) {
		next = f->next;
		if (!f->follows || f->gone)
			continue;
		if (!f->live) {
			f->missed = true;
			continue;
		}
		if (n && n <= f->after_n)
			continue;
		if (n)
			f->after_n = n;
		if (event_fits(f, msg->data, msg->len))
			control_row_text(f->rq, msg->data, msg->len);
	}
}

void verbs_stop(struct app *a)
{
	verbs_on_stored(a, NULL);
	verbs_end_listings(a);
	verbs_end_probes(a);
	verbs_end_selftests(a);
	while (a->follows) {
		struct follow *f = a->follows;
		f->failed = true;
		err_set(&f->error, ERR_CLOSED, "firegwd is stopping");
		finish(f);
	}
}

static bool has_point(const struct follow *f, const char *id)
{
	for (size_t i = 0; i < f->n_points; i++)
		if (strcmp(f->points[i], id) == 0)
			return true;
	return false;
}

struct resolving { struct follow *f; const char *glob; bool found; };

static bool add_point(void *user, const char *id)
{
	struct resolving *r = user;
	struct follow *f = r->f;

	if (!select_glob(r->glob, id))
		return true;
	r->found = true;
	if (has_point(f, id))
		return true;
	char **more = realloc(f->points, (f->n_points + 1) * sizeof *more);
	if (!more)
		return false;
	f->points = more;
	f->points[f->n_points] = strdup(id);
	f->n_points += f->points[f->n_points] != NULL;
	return true;
}

/* Names and globs against the config's points, in its order, and those that only the database knows. */
static int resolve(struct follow *f, struct reader *r)
{
	const struct site *site = &f->generation->config->site;
	size_t i;
	json_t *v;

	json_array_foreach(f->globs, i, v) {
		struct resolving x = { f, json_string_value(v), false };
		for (size_t p = 0; p < site->n_points; p++)
			add_point(&x, site->points[p].id);
		if (reader_points(r, add_point, &x, &f->error))
			return -1;
		if (!x.found)
			return err_set(&f->error, ERR_NOT_FOUND, "no point fits '%s'; `firegw points` lists them", x.glob);
	}
	f->resolved = true;
	return 0;
}

static void flush_row(struct follow *f)
{
	if (!f->n_entries)
		return;
	strbuf_puts(&f->text, "]}");
	add_row(f, &f->text);
	f->n_entries = 0;
}

static void open_entry(struct follow *f)
{
	if (f->n_entries == ROW_ENTRIES)
		flush_row(f);
	if (!f->n_entries) {
		strbuf_reset(&f->text);
		strbuf_puts(&f->text, "{\"point\":");
		strbuf_json_string(&f->text, f->points[f->at_point]);
		strbuf_puts(&f->text, ",\"rows\":[");
	} else {
		strbuf_putc(&f->text, ',');
	}
	f->n_entries++;
}

static bool on_row(void *user, const struct reader_row *x)
{
	struct follow *f = user;

	open_entry(f);
	strbuf_putc(&f->text, '[');
	strbuf_json_int(&f->text, x->at_ms);
	strbuf_putc(&f->text, ',');
	if (x->text && x->quality == QUALITY_GOOD)
		strbuf_json_string(&f->text, x->text);
	else
		strbuf_json_double(&f->text, x->quality == QUALITY_GOOD ? x->number : NAN);
	strbuf_printf(&f->text, ",\"%s\"]", quality_name(x->quality));
	f->from_ms = x->at_ms + 1;
	return ++f->n_read < PIECE_ROWS;
}

static bool on_bucket(void *user, const struct reader_bucket *x)
{
	struct follow *f = user;
	const double values[] = { x->min, x->max, x->mean, x->last };

	open_entry(f);
	strbuf_putc(&f->text, '[');
	strbuf_json_int(&f->text, x->at_ms);
	for (size_t i = 0; i < 4; i++) {
		strbuf_putc(&f->text, ',');
		strbuf_json_double(&f->text, values[i]);
	}
	strbuf_printf(&f->text, ",%lld,\"%s\"]", (long long)x->count, quality_name(x->worst));
	f->from_ms = x->at_ms + f->every_ms;
	return ++f->n_read < PIECE_ROWS;
}

static void run_history(struct job *j, void *context)
{
	struct follow *f = (struct follow *)j;
	struct desk *d = context;
	struct reader *r = desk_reader(d, &f->error);

	f->n_read = 0;
	f->n_entries = 0;
	f->failed = !r || (!f->resolved && resolve(f, r));
	while (!f->failed && f->at_point < f->n_points && f->n_read < PIECE_ROWS) {
		int bad = f->every_ms ? reader_history_every(r, f->points[f->at_point], f->from_ms, f->to_ms, f->every_ms, on_bucket, f, &f->error)
		                      : reader_history(r, f->points[f->at_point], f->from_ms, f->to_ms, on_row, f, &f->error);
		f->failed = bad != 0;
		flush_row(f);
		if (!bad && f->n_read < PIECE_ROWS) {
			f->at_point++;
			f->from_ms = f->after_n; /* the range's beginning, for the next point */
		}
	}
	f->ended = f->at_point == f->n_points;
	if (f->failed && f->error.code != ERR_NOT_FOUND)
		desk_forget(d);
}

static int history_args(struct follow *f, json_t *args)
{
	json_t *points = json_object_get(args, "points"), *v;
	size_t i;

	if (!json_is_array(points) || json_array_size(points) == 0 || json_array_size(points) > 256)
		return err_set(&f->error, ERR_INVALID, "'points' must be a list of 1 to 256 names or globs");
	json_array_foreach(points, i, v)
		if (!json_is_string(v))
			return err_set(&f->error, ERR_INVALID, "'points' must hold texts");
	f->globs = json_incref(points);
	if (verbs_int(args, "from", 0, &f->from_ms, &f->error) || verbs_int(args, "to", INT64_MAX, &f->to_ms, &f->error) ||
	    verbs_int(args, "every", 0, &f->every_ms, &f->error))
		return -1;
	if (f->every_ms < 0 || (f->every_ms > 0 && f->every_ms < 1000))
		return err_set(&f->error, ERR_INVALID, "'every' must be 0 or at least 1000 ms");
	f->after_n = f->from_ms;
	return 0;
}

void verbs_history(struct app *a, struct control_request *rq, json_t *args)
{
	struct err e;
	struct follow *f = begin(a, rq, args, &e);

	if (!f) {
		control_fail(rq, &e);
		return;
	}
	f->failed = history_args(f, args) != 0;
	if (f->failed) {
		finish(f);
		return;
	}
	control_on_gone(rq, on_gone, f);
	read_piece(f);
}
