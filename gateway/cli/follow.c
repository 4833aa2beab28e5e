#include "gateway/cli/follow.h"

#include "gateway/cli/picture.h"

#include "core/clock.h"
#include "gateway/json_text.h"

#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define EVERY_MIN_MS 100
#define EVERY_MAX_MS 60000
/* An event may be stored that much later than it happened, and not be in the table that came before it. */
#define BEFORE_MS    5000
#define TIME_COLUMNS 25
#define ID_COLUMNS   36

int follow_every(struct run *r, int64_t otherwise_ms, int64_t *ret_ms)
{
	const char *text = args_value(&r->args, "every");

	*ret_ms = otherwise_ms;
	if (!text)
		return 0;
	if (!args_flag(&r->args, "follow"))
		return run_usage("%s: --every needs --follow", r->verb->name);
	if (clock_parse_duration(text, ret_ms) || *ret_ms < EVERY_MIN_MS || *ret_ms > EVERY_MAX_MS)
		return run_usage("--every '%.40s': a span from 100ms to 1m, such as 2s", text);
	return 0;
}

/* Why it ended; a follower that the daemon ends has not done what was asked. */
static int ended(enum client_answer a, struct err *e, const char *what)
{
	if (a != CLIENT_END)
		return run_result(a, e);
	err_set(e, ERR_CLOSED, "firegwd ended the %s (it is stopping)", what);
	return run_fail(e, RESULT_UNREACHABLE);
}

/* ---- status ---- */

static void measure_screen(struct run *r)
{
	struct winsize size;

	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0)
		r->look.columns = size.ws_col;
}

static size_t screen_rows(void)
{
	struct winsize size;

	return ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_row > 0 ? size.ws_row : 24;
}

/* What is in r->out becomes the picture; `last` keeps it for the end. */
static void show_over(struct run *r, struct strbuf *last)
{
	strbuf_reset(last);
	strbuf_put(last, r->out.data ? r->out.data : "", r->out.len);
	strbuf_reset(&r->out);
	picture_over(&r->out, last->data ? last->data : "", screen_rows(), r->look.columns);
}

int follow_status(struct run *r, struct client *c, int64_t every_ms)
{
	bool terminal = run_draws(r), first = true;
	struct strbuf last = STRBUF_INIT;
	enum client_answer a = CLIENT_LOST;
	struct err e;

	if (client_watch_signals(c, &e))
		return run_fail(&e, RESULT_NO);
	if (terminal) {
		strbuf_puts(&r->out, picture_begin);
		run_flush(r);
	}
	do {
		json_t *status = NULL;
		a = client_call(c, "status", NULL, &status, &e);
		r->now_ms = run_now();
		if (a == CLIENT_END) {
			if (terminal)
				measure_screen(r);
			else if (!first && !r->json)
				strbuf_putc(&r->out, '\n');
			status_put(r, status);
			if (terminal)
				show_over(r, &last);
			a = run_flush(r) ? client_pause(c, every_ms, &e) : CLIENT_STOPPED;
			first = false;
		}
		json_decref(status);
	} while (a == CLIENT_ROW);
	if (terminal) {
		strbuf_puts(&r->out, picture_end);
		strbuf_put(&r->out, last.data ? last.data : "", last.len);
		run_flush(r);
	}
	strbuf_done(&last);
	return run_result(a, &e);
}

/* ---- points and alarms ---- */

/* What is shown is remembered, so that what comes is known to be news. */
struct following {
	struct run    *run;
	struct client *client;
	json_t        *known;  /* by id: what was shown of a point; the rev of an alarm */
	json_t        *shown;  /* alarms that the reader has before him */
	size_t         n;      /* rows of the listing that were shown */
	int64_t        begun_ms;
	bool         (*take)(struct following *f, const json_t *row); /* remembers it; true: to be shown */
};

static bool put_json_line(struct run *r, const json_t *row)
{
	json_text_put(&r->out, row);
	strbuf_putc(&r->out, '\n');
	return run_flush(r);
}

/* The listing that comes first, as a table or an object a line. */
static enum client_answer list(struct following *f, struct client *c, const char *verb, json_t *args, const struct table_column *columns, size_t n_columns,
                               void (*add)(struct run *r, const json_t *row, void *table), json_t **ret_end, struct err *e)
{
	struct table *t = table_new(columns, n_columns);
	enum client_answer a = CLIENT_LOST;
	json_t *row = NULL;
	bool ok = t != NULL;

	f->run->out.failed = f->run->out.failed || !t;
	if (client_ask(c, verb, args, e) == 0) {
		while (ok && (a = client_next(c, &row, e)) == CLIENT_ROW) {
			if (f->take(f, row)) {
				f->n++;
				if (f->run->json)
					ok = put_json_line(f->run, row);
				else
					add(f->run, row, t);
			}
			json_decref(row);
		}
	}
	if (a == CLIENT_END && !f->run->json && table_rows(t) > 0)
		table_put(t, &f->run->look, &f->run->out);
	*ret_end = a == CLIENT_ROW ? NULL : row;
	table_free(t);
	return ok ? a : CLIENT_STOPPED;
}

/* What comes from now on: a line each. */
static enum client_answer go_on(struct following *f, void (*put)(struct run *r, const json_t *row), struct err *e)
{
	enum client_answer a;
	json_t *row;

	while ((a = client_next(f->client, &row, e)) == CLIENT_ROW) {
		bool ok = true;
		f->run->now_ms = run_now();
		if (f->take(f, row)) {
			if (!f->run->json)
				put(f->run, row);
			ok = f->run->json ? put_json_line(f->run, row) : run_flush(f->run);
		}
		json_decref(row);
		if (!ok)
			return CLIENT_STOPPED;
	}
	json_decref(row);
	return a;
}

static bool take_point(struct following *f, const json_t *row)
{
	const char *id = field_text(row, "id"), *good = "good";
	const json_t *value = json_object_get(row, "value"), *quality = json_object_get(row, "quality"), *before = json_object_get(f->known, id);
	json_t *now = json_pack("[O?, O?]", value, quality);
	bool news = !before || !json_equal(before, now);
	const char *quality_before = json_string_value(json_array_get(before, 1));
	bool was_bad = quality_before && strcmp(quality_before, good) != 0;

	if (!news) {
		json_decref(now);
		return false;
	}
	json_object_set_new(f->known, id, now);
	return !args_flag(&f->run->args, "bad") || was_bad || strcmp(field_text(row, "quality"), good) != 0;
}

static void put_point(struct run *r, const json_t *row)
{
	char value[512], time[HUMAN_MAX];
	const char *quality = field_text(row, "quality"), *unit = field_text(row, "unit");
	bool good = strcmp(quality, "good") == 0;
	int64_t at;
	struct strbuf text = STRBUF_INIT;

	/* What is not good has no time of its own: the last answer is older. */
	if (!good || !field_time(row, "at", &at))
		at = r->now_ms;
	pad_put(&r->out, human_time(at, time), TIME_COLUMNS);
	human_put(&text, field_text(row, "id"));
	pad_put(&r->out, text.data ? text.data : "", ID_COLUMNS);
	strbuf_puts(&r->out, "  ");
	point_value(row, value, sizeof value);
	human_put(&r->out, value[0] ? value : "-");
	if (value[0] && unit[0]) {
		strbuf_putc(&r->out, ' ');
		human_put(&r->out, unit);
	}
	strbuf_puts(&r->out, "  ");
	style_put_human(&r->out, &r->look, good ? STYLE_GREEN : STYLE_YELLOW, quality);
	strbuf_puts(&r->out, "  ");
	human_put(&r->out, field_text(row, "name"));
	strbuf_putc(&r->out, '\n');
	strbuf_done(&text);
}

static int points(struct following *f, const char *select, int64_t every_ms)
{
	json_t *end = NULL;
	struct err e;

	if (client_follow(f->client, &e))
		return run_fail(&e, RESULT_NO);
	enum client_answer a = list(f, f->client, "points", json_pack("{s:s}", "select", select), points_columns, POINT_COLUMNS, point_add, &end, &e);
	int result = a == CLIENT_END && json_object_size(f->known) == 0 ? points_end(f->run, select, 0, end) : RESULT_DONE;
	json_decref(end);
	if (a != CLIENT_END)
		return run_result(a, &e);
	if (result)
		return result;
	if (f->n == 0)
		points_end(f->run, select, 0, NULL);
	do {
		if (!run_flush(f->run))
			return RESULT_DONE;
		json_t *args = json_pack("{s:s, s:b, s:I}", "select", select, "follow", true, "every", (json_int_t)every_ms);
		a = client_ask(f->client, "points", args, &e) ? CLIENT_LOST : go_on(f, put_point, &e);
		/* Loaded anew: what is known stays known. */
	} while (a == CLIENT_FAILED && e.code == ERR_BUSY);
	return ended(a, &e, "points");
}

static bool take_alarm(struct following *f, const json_t *row)
{
	const char *id = field_text(row, "alarm");
	const json_t *before = json_object_get(f->known, id);
	bool shown = json_object_get(f->shown, id) != NULL, over = strcmp(field_text(row, "state"), "normal") == 0;
	bool hidden = !f->run->json && !args_flag(&f->run->args, "all") && alarm_is_hidden(row);
	int64_t at;

	if (!id[0] || (before && field_int(row, "rev") <= json_integer_value(before)))
		return false;
	json_object_set_new(f->known, id, json_integer(field_int(row, "rev")));
	/* One that was over before we came is no news, nor is what happens to one that is set aside. */
	if (!shown && (hidden || (over && field_time(row, "at", &at) && at < f->begun_ms)))
		return false;
	if (hidden || over)
		json_object_del(f->shown, id);
	else
		json_object_set_new(f->shown, id, json_true());
	return true;
}

static void put_alarm(struct run *r, const json_t *row)
{
	event_put(&r->out, &r->look, row);
}

/* The events are asked for from some seconds before the table, so that none is between them; who is in the table already is known by its rev. */
static int alarms(struct following *f, const char *select)
{
	json_t *end = NULL, *args = json_pack("{s:s, s:b, s:I}", "select", select, "follow", true, "since", (json_int_t)(f->begun_ms - BEFORE_MS));
	enum client_answer a = CLIENT_LOST;
	int result = RESULT_NO;
	struct client *table = run_client(f->run, &result);
	struct err e;

	if (!table || client_follow(f->client, &e)) {
		json_decref(args);
		client_close(table);
		return table ? run_fail(&e, result) : result;
	}
	if (client_ask(f->client, "events", args, &e)) {
		client_close(table);
		return run_result(a, &e);
	}
	args = json_pack("{s:s, s:b}", "select", select, "all", f->run->json || args_flag(&f->run->args, "all"));
	a = list(f, table, "alarms", args, alarms_columns, ALARM_COLUMNS, alarm_add, &end, &e);
	client_close(table);
	if (a == CLIENT_END)
		alarms_end(f->run, select, f->n, end);
	json_decref(end);
	if (a != CLIENT_END)
		return run_result(a, &e);
	return run_flush(f->run) ? ended(go_on(f, put_alarm, &e), &e, "alarms") : RESULT_DONE;
}

static struct following begin(struct run *r, bool (*take)(struct following *f, const json_t *row))
{
	return (struct following){ .run = r, .known = json_object(), .shown = json_object(), .begun_ms = run_now(), .take = take };
}

static void done(struct following *f)
{
	client_close(f->client);
	json_decref(f->known);
	json_decref(f->shown);
}

int follow_points(struct run *r, const char *select, int64_t every_ms)
{
	struct following f = begin(r, take_point);
	int result;

	f.client = run_client(r, &result);
	if (f.client)
		result = points(&f, select, every_ms);
	done(&f);
	return result;
}

int follow_alarms(struct run *r, const char *select)
{
	struct following f = begin(r, take_alarm);
	int result;

	f.client = run_client(r, &result);
	if (f.client)
		result = alarms(&f, select);
	done(&f);
	return result;
}
