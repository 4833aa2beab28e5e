/* history: readings of points, from the daemon or from the database itself, as a table, CSV, JSON or charts. */
#include "gateway/cli/verb.h"

#include "gateway/cli/history_plot.h"
#include "gateway/cli/plot.h"

#include "core/clock.h"
#include "gateway/select.h"
#include "storage/reader.h"

#include <stdlib.h>
#include <string.h>

#define DAY_MS INT64_C(86400000)

/* ---- charts ---- */

/* What the daemon knows of the points: names, limits, how often they are stored. Those that it does not know (any more) are drawn without. */
static int ask_about(struct run *r, struct client *c, struct history_plot *plot)
{
	struct err e;
	json_t *value;
	enum client_answer a = CLIENT_LOST;
	char *select = run_select(r);

	if (!select)
		return RESULT_USAGE;
	if (client_ask(c, "points", json_pack("{s:s}", "select", select), &e) == 0) {
		while ((a = client_next(c, &value, &e)) == CLIENT_ROW) {
			history_plot_know(plot, value);
			json_decref(value);
		}
		json_decref(value);
	}
	free(select);
	return a == CLIENT_LOST ? run_result(a, &e) : RESULT_DONE;
}

static int take_plot(struct run *r, size_t *ret_height)
{
	const char *height = args_value(&r->args, "height");
	unsigned long n = 0;
	char *end;

	if (args_flag(&r->args, "plot") && (r->json || args_value(&r->args, "format")))
		return run_usage("history: --plot cannot go with %s", r->json ? "--json" : "--format");
	if (height && !args_flag(&r->args, "plot"))
		return run_usage("history: --height needs --plot");
	if (height) {
		n = strtoul(height, &end, 10);
		if (!(height[0] >= '0' && height[0] <= '9') || *end || n < PLOT_HEIGHT_MIN || n > PLOT_HEIGHT_MAX)
			return run_usage("--height '%s': a number of rows, %u … %u", height, PLOT_HEIGHT_MIN, PLOT_HEIGHT_MAX);
	}
	*ret_height = n;
	return RESULT_DONE;
}

/* ---- from the daemon ---- */

static void row_of_json(const json_t *x, bool every, struct history_row *ret)
{
	const json_t *value = json_array_get(x, every ? 4 : 1);
	struct history_row row = { .at_ms = json_integer_value(json_array_get(x, 0)), .value = NAN, .min = NAN, .max = NAN, .mean = NAN };

	if (json_is_number(value))
		row.value = json_number_value(value);
	row.text = json_string_value(value);
	if (every) {
		const json_t *min = json_array_get(x, 1), *max = json_array_get(x, 2), *mean = json_array_get(x, 3);
		row.min = json_is_number(min) ? json_number_value(min) : NAN;
		row.max = json_is_number(max) ? json_number_value(max) : NAN;
		row.mean = json_is_number(mean) ? json_number_value(mean) : NAN;
		row.count = json_integer_value(json_array_get(x, 5));
	}
	row.quality = json_string_value(json_array_get(x, every ? 6 : 2));
	if (!row.quality)
		row.quality = "";
	*ret = row;
}

static bool put_chunk(struct history *h, const json_t *chunk)
{
	const json_t *x;
	size_t i;
	bool ok = true;

	if (!history_point(h, field_text(chunk, "point")))
		return false;
	json_array_foreach((json_t *)(uintptr_t)json_object_get(chunk, "rows"), i, x) {
		struct history_row row;
		row_of_json(x, h->every_ms > 0, &row);
		ok = history_row(h, &row);
		if (!ok)
			break;
	}
	return ok;
}

static int from_daemon(struct run *r, struct client *c, struct history *h, int64_t from, int64_t to)
{
	struct err e;
	json_t *value, *points = json_array();
	enum client_answer a = CLIENT_LOST;

	for (size_t i = 0; i < r->args.n_words; i++)
		json_array_append_new(points, json_string(r->args.words[i]));
	json_t *args = json_pack("{s:o, s:I, s:I, s:I}", "points", points, "from", (json_int_t)from, "to", (json_int_t)to, "every",
	                         (json_int_t)h->every_ms);
	if (client_ask(c, "history", args, &e) == 0) {
		bool ok = true;
		while (ok && (a = client_next(c, &value, &e)) == CLIENT_ROW) {
			ok = put_chunk(h, value);
			json_decref(value);
		}
		if (!ok)
			return RESULT_DONE; /* nobody reads any more: main looks why */
		json_decref(value);
	}
	if (a == CLIENT_END)
		history_end(h);
	return run_result(a, &e);
}

/* ---- from the database ---- */

struct names {
	char **items;
	size_t n, cap;
	bool   failed;
};

static bool add_name(void *user, const char *point)
{
	struct names *names = user;

	if (names->n == names->cap) {
		size_t cap = names->cap ? names->cap * 2 : 64;
		char **items = reallocarray(names->items, cap, sizeof *items);
		names->failed = !items;
		if (!items)
			return false;
		names->items = items;
		names->cap = cap;
	}
	names->items[names->n] = strdup(point);
	names->failed = !names->items[names->n];
	if (!names->failed)
		names->n++;
	return !names->failed;
}

static void free_names(struct names *names)
{
	for (size_t i = 0; i < names->n; i++)
		free(names->items[i]);
	free(names->items);
}

static bool each_row(void *user, const struct reader_row *x)
{
	struct history_row row = { .at_ms = x->at_ms,
		                   .value = x->quality == QUALITY_GOOD ? x->number : NAN,
		                   .text = x->text,
		                   .quality = quality_name(x->quality) };

	return history_row(user, &row);
}

static bool each_bucket(void *user, const struct reader_bucket *x)
{
	struct history_row row = { .at_ms = x->at_ms,
		                   .value = x->last,
		                   .min = x->min,
		                   .max = x->max,
		                   .mean = x->mean,
		                   .count = x->count,
		                   .quality = quality_name(x->worst) };

	return history_row(user, &row);
}

static int read_point(struct reader *db, struct history *h, const char *point, int64_t from, int64_t to, struct err *e)
{
	if (!history_point(h, point))
		return 0;
	if (h->every_ms > 0)
		return reader_history_every(db, point, from, to, h->every_ms, each_bucket, h, e);
	return reader_history(db, point, from, to, each_row, h, e);
}

/* One word: a name, or all that a glob fits. */
static int read_word(struct reader *db, struct history *h, const struct names *known, const char *word, int64_t from, int64_t to,
                     struct err *e)
{
	bool any = false;

	for (size_t i = 0; i < known->n; i++) {
		if (!select_glob(word, known->items[i]))
			continue;
		any = true;
		if (read_point(db, h, known->items[i], from, to, e))
			return -1;
	}
	if (!any)
		return err_set(e, ERR_NOT_FOUND,
		               select_is_glob(word) ? "no point in the database fits '%s'" : "the database knows no point '%s'", word);
	return 0;
}

static int open_database(struct run *r, const char *file, enum history_format format, struct reader **ret)
{
	struct err e = { 0 };
	char zone[HUMAN_MAX];

	if (reader_open(file, ret, &e))
		return run_fail(&e, RESULT_NO);
	if (reader_zone(*ret)[0])
		run_take_zone(reader_zone(*ret));
	else if (format != HISTORY_JSON)
		fprintf(stderr, "firegw: %s does not say the site's time zone: times are in this machine's, %s (TZ sets another)\n", file, human_zone(r->now_ms, zone));
	return 0;
}

static int from_database(struct run *r, struct reader *db, struct history *h, int64_t from, int64_t to)
{
	struct names known = { 0 };
	struct err e = { 0 };

	int bad = reader_points(db, add_name, &known, &e);
	if (known.failed)
		bad = err_set(&e, ERR_NO_MEMORY, "no memory");
	for (size_t i = 0; i < r->args.n_words && !bad; i++)
		bad = read_word(db, h, &known, r->args.words[i], from, to, &e);
	free_names(&known);
	if (bad)
		return run_fail(&e, RESULT_NO);
	history_end(h);
	return RESULT_DONE;
}

/* ---- the verb ---- */

static int take_format(struct run *r, enum history_format *ret)
{
	const char *text = args_value(&r->args, "format");

	*ret = r->json ? HISTORY_JSON : HISTORY_TABLE;
	if (!text)
		return 0;
	if (strcmp(text, "csv") == 0)
		*ret = HISTORY_CSV;
	else if (strcmp(text, "json") == 0)
		*ret = HISTORY_JSON;
	else if (strcmp(text, "table") != 0)
		return run_usage("--format '%s': table, csv or json", text);
	else
		*ret = HISTORY_TABLE;
	if (r->json && *ret != HISTORY_JSON)
		return run_usage("history: --json cannot go with --format %s", text);
	return 0;
}

static int take_every(const struct run *r, int64_t *ret)
{
	const char *text = args_value(&r->args, "every");

	*ret = 0;
	if (text && (clock_parse_duration(text, ret) || *ret <= 0))
		return run_usage("--every '%s': a span like 1m, 15m, 1h, 1d", text);
	return 0;
}

static int take_span(struct run *r, int64_t *ret_from, int64_t *ret_to)
{
	if (run_time(r, "from", r->now_ms - DAY_MS, ret_from) || run_time(r, "to", r->now_ms, ret_to))
		return -1;
	if (*ret_from < *ret_to)
		return 0;
	run_usage("history: --from is not before --to");
	return -1;
}

/* The charts of h, and from where on they want rows. */
static int begin_plot(struct run *r, struct client *c, struct history *h, int64_t *from, int64_t to, size_t height)
{
	h->format = HISTORY_PLOT;
	h->plot = history_plot_new(r, *from, to, h->every_ms, height);
	if (!h->plot) {
		r->out.failed = true;
		return RESULT_NO;
	}
	int result = c ? ask_about(r, c, h->plot) : RESULT_DONE;
	*from = history_plot_from(h->plot);
	return result;
}

static int check(struct run *r, struct history *h, size_t *ret_height)
{
	if (take_format(r, &h->format) || take_every(r, &h->every_ms) || take_plot(r, ret_height))
		return RESULT_USAGE;
	for (size_t i = 0; i < r->args.n_words; i++)
		if (strchr(r->args.words[i], '='))
			return run_usage("history: '%s': ids of points or globs on them, such as 'f12-*.pressure'", r->args.words[i]);
	h->single = r->args.n_words == 1 && !select_is_glob(r->args.words[0]);
	return RESULT_DONE;
}

int verb_history(struct run *r)
{
	const char *file = args_value(&r->args, "db");
	struct history h = { .run = r };
	struct client *c = NULL;
	struct reader *db = NULL;
	int64_t from, to;
	size_t height;
	int result = check(r, &h, &height);

	/* Times are read in the zone of what is read, which says it when it is open; a slip in them needs nothing open. */
	if (!result && file)
		result = take_span(r, &from, &to) ? RESULT_USAGE : open_database(r, file, h.format, &db);
	else if (!result)
		c = run_client(r, &result);
	if (!db && !c)
		return result;
	result = take_span(r, &from, &to) ? RESULT_USAGE : RESULT_DONE;
	if (!result && args_flag(&r->args, "plot"))
		result = begin_plot(r, c, &h, &from, to, height);
	if (!result)
		result = file ? from_database(r, db, &h, from, to) : from_daemon(r, c, &h, from, to);
	history_plot_free(h.plot);
	history_done(&h);
	reader_close(db);
	client_close(c);
	return result;
}
