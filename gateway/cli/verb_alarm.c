/* alarms and events. */
#include "gateway/cli/verb.h"

#include "gateway/cli/follow.h"
#include "gateway/cli/rows.h"

#include "core/alarm.h"
#include "gateway/json_text.h"

#include <stdlib.h>
#include <string.h>

#define TIME_COLUMNS       23
#define CLASS_COLUMNS      11
#define TRANSITION_COLUMNS 14
#define ID_COLUMNS         36
#define LIMIT_MAX          1000000

/* ---- alarms ---- */

const char *mode_of(const json_t *row)
{
	const char *mode = field_text(row, "mode");

	return strcmp(mode, "normal") == 0 ? "" : mode;
}

void alarm_add(struct run *r, const json_t *row, void *user)
{
	struct table *t = user;
	char place[160], buf[HUMAN_MAX];
	const char *class_word = field_text(row, "class");
	enum style style = json_is_true(json_object_get(row, "acked")) ? STYLE_PLAIN : class_style(class_word);

	field_place(row, place, sizeof place);
	table_add(t, class_style(class_word), class_word);
	table_add(t, style, field_text(row, "state"));
	table_add(t, STYLE_YELLOW, mode_of(row));
	table_add(t, STYLE_PLAIN, field_ago(r, row, "since", buf));
	table_add(t, style, field_text(row, "alarm"));
	table_add(t, STYLE_PLAIN, place);
	table_add(t, STYLE_PLAIN, field_text(row, "name"));
	table_add(t, STYLE_PLAIN, field_message(row));
}

const struct table_column alarms_columns[] = { { "CLASS" }, { "STATE" }, { "MODE" }, { "SINCE" }, { "ALARM" }, { "PLACE" }, { "NAME" }, { "MESSAGE" } };

bool alarm_is_hidden(const json_t *row)
{
	return json_is_true(json_object_get(row, "shelved")) || json_is_true(json_object_get(row, "suppressed")) || json_is_true(json_object_get(row, "out_of_service"));
}

void alarms_end(struct run *r, const char *select, size_t n, const json_t *end)
{
	int64_t hidden = field_int(end, "hidden"), others = field_int(end, "others");
	const char *hint = field_text(end, "hint");
	char buf[HUMAN_MAX];

	if (r->json)
		return;
	/* A mistyped word must not look like an all-clear. */
	if (n == 0) {
		strbuf_puts(&r->out, select[0] ? "no alarm fits: " : "no alarms");
		human_put(&r->out, select);
		if (hint[0]) {
			strbuf_puts(&r->out, " (");
			human_put(&r->out, hint);
			strbuf_putc(&r->out, ')');
		}
		if (others > 0)
			strbuf_printf(&r->out, "; %s stand%s, `firegw alarms` shows all", human_plural(others, "other", buf), others == 1 ? "s" : "");
		strbuf_putc(&r->out, '\n');
	}
	if (hidden > 0)
		strbuf_printf(&r->out, "(%s not shown, shelved, suppressed or out of service: --all)\n", human_plural(hidden, "alarm", buf));
}

int verb_alarms(struct run *r)
{
	char *select = run_select(r);
	json_t *end = NULL;
	size_t n;
	int result;

	if (!select)
		return RESULT_USAGE;
	if (args_flag(&r->args, "follow")) {
		result = follow_alarms(r, select);
	} else {
		json_t *args = json_pack("{s:s, s:b}", "select", select, "all", r->json || args_flag(&r->args, "all"));
		result = rows_list(r, "alarms", args, &(struct rows_table){ alarms_columns, ALARM_COLUMNS, alarm_add, NULL }, &n, &end);
		if (result == RESULT_DONE)
			alarms_end(r, select, n, end);
	}
	json_decref(end);
	free(select);
	return result;
}

/* ---- events ---- */

void event_put(struct strbuf *out, const struct look *look, const json_t *row)
{
	char time[HUMAN_MAX] = "-";
	struct strbuf text = STRBUF_INIT;
	const char *class_word = field_text(row, "class"), *alarm = field_text(row, "alarm"), *actor = field_text(row, "actor"),
		   *note = field_text(row, "note");
	int64_t at;

	if (field_time(row, "at", &at))
		human_time(at, time);
	pad_put(out, time, TIME_COLUMNS + 2);
	human_put(&text, class_word);
	pad_put(&text, "", 0);
	for (size_t i = text.len; i < CLASS_COLUMNS; i++)
		strbuf_putc(&text, ' ');
	style_put(out, look, class_style(class_word), text.data ? text.data : "");
	const char *columns[] = { field_text(row, "transition"), alarm[0] ? alarm : "-" };
	const size_t widths[] = { TRANSITION_COLUMNS, ID_COLUMNS };
	for (size_t i = 0; i < 2; i++) {
		strbuf_reset(&text);
		human_put(&text, columns[i]);
		strbuf_puts(out, "  ");
		pad_put(out, text.data ? text.data : "", widths[i]);
	}
	const char *rest[] = { field_text(row, "name"), field_message(row), mode_of(row),
		               json_is_false(json_object_get(row, "durable")) ? "(not stored yet)" : "" };
	for (size_t i = 0; i < sizeof rest / sizeof rest[0]; i++) {
		if (!rest[i][0])
			continue;
		strbuf_puts(out, "  ");
		human_put(out, rest[i]);
	}
	if (actor[0]) {
		strbuf_puts(out, "  by ");
		human_put(out, actor);
	}
	if (note[0]) {
		strbuf_puts(out, ": ");
		human_put(out, note);
	}
	strbuf_putc(out, '\n');
	strbuf_done(&text);
}

static bool print_event(struct run *r, const json_t *row)
{
	if (r->json) {
		json_text_put(&r->out, row);
		strbuf_putc(&r->out, '\n');
	} else {
		event_put(&r->out, &r->look, row);
	}
	return run_flush(r);
}

/* The newest `limit` of what came, printed when all is there. */
struct ring {
	json_t **rows;
	size_t   n, next, limit; /* limit 0: printed at once */
};

static bool take_event(struct run *r, struct ring *ring, json_t *row)
{
	bool ok = true;

	if (!ring->limit) {
		ok = print_event(r, row);
		json_decref(row);
		return ok;
	}
	json_decref(ring->rows[ring->next]);
	ring->rows[ring->next] = row;
	ring->next = (ring->next + 1) % ring->limit;
	if (ring->n < ring->limit)
		ring->n++;
	return true;
}

static void print_ring(struct run *r, const struct ring *ring)
{
	size_t at = ring->n < ring->limit ? 0 : ring->next;
	bool ok = true;

	for (size_t i = 0; i < ring->n && ok; i++, at = (at + 1) % ring->limit)
		ok = print_event(r, ring->rows[at]);
}

static void free_ring(struct ring *ring)
{
	for (size_t i = 0; i < ring->n; i++)
		json_decref(ring->rows[i]);
	free(ring->rows);
}

static int follow_events(struct run *r, struct client *c, json_t *args, struct ring *ring)
{
	struct err e;
	json_t *row;
	enum client_answer a = CLIENT_LOST;

	if (args_flag(&r->args, "follow") && client_follow(c, &e)) {
		json_decref(args);
		return run_result(a, &e);
	}
	if (client_ask(c, "events", args, &e) == 0) {
		while ((a = client_next(c, &row, &e)) == CLIENT_ROW)
			if (!take_event(r, ring, row))
				return RESULT_DONE; /* nobody reads any more: main looks why */
		json_decref(row);
	}
	print_ring(r, ring);
	/* A follower that the daemon ends (it stops) has not done what was asked. */
	if (a == CLIENT_END && args_flag(&r->args, "follow")) {
		err_set(&e, ERR_CLOSED, "firegwd ended the events (it is stopping)");
		return run_fail(&e, RESULT_UNREACHABLE);
	}
	return run_result(a, &e);
}

/* Words of --class, checked; a wrong one is told here, without a daemon. */
int check_classes(const char *list)
{
	char copy[256], *save = NULL;
	enum alarm_class c;

	if (strlen(list) >= sizeof copy || !list[0])
		return run_usage(
			"--class '%.40s': write one or more of fire, prealarm, supervisory, fault, disablement, actuation, operation",
			list);
	strcpy(copy, list);
	for (char *word = strtok_r(copy, ",", &save); word; word = strtok_r(NULL, ",", &save))
		if (alarm_class_find(word, &c))
			return run_usage(
				"--class: no class '%s'; there are fire, prealarm, supervisory, fault, disablement, actuation, operation",
				word);
	return 0;
}

static int parse_limit(const struct run *r, size_t *ret)
{
	const char *text = args_value(&r->args, "limit");
	char *end;

	*ret = 0;
	if (!text)
		return 0;
	if (args_flag(&r->args, "follow"))
		return run_usage("events: --limit cannot go with --follow: give --since instead");
	unsigned long n = strtoul(text, &end, 10);
	if (*end || text[0] < '0' || text[0] > '9' || n == 0 || n > LIMIT_MAX)
		return run_usage("--limit '%s': a number from 1 to %d", text, LIMIT_MAX);
	*ret = n;
	return 0;
}

/* What the daemon is asked; NULL: said why. The times need the site's zone, so this comes after the connection. */
static json_t *events_args(struct run *r, const char *select)
{
	const char *class_list = args_value(&r->args, "class");
	bool follow = args_flag(&r->args, "follow");
	int64_t since, until;

	if (run_time(r, "since", follow ? r->now_ms : r->now_ms - INT64_C(86400000), &since) || run_time(r, "until", 0, &until))
		return NULL;
	json_t *args = json_pack("{s:s, s:b, s:I}", "select", select, "follow", follow, "since", (json_int_t)since);
	if (args_value(&r->args, "until"))
		json_object_set_new(args, "until", json_integer(until));
	if (class_list)
		json_object_set_new(args, "class", json_string(class_list));
	return args;
}

int verb_events(struct run *r)
{
	const char *class_list = args_value(&r->args, "class");
	struct ring ring = { 0 };
	struct client *c = NULL;
	int result = RESULT_USAGE;

	if (args_value(&r->args, "until") && args_flag(&r->args, "follow"))
		return run_usage("events: --until cannot go with --follow");
	if ((class_list && check_classes(class_list)) || parse_limit(r, &ring.limit))
		return RESULT_USAGE;
	char *select = run_select(r);
	if (!select)
		return RESULT_USAGE;
	ring.rows = ring.limit ? calloc(ring.limit, sizeof *ring.rows) : NULL;
	c = run_client(r, &result);
	json_t *args = c && (ring.rows || !ring.limit) ? events_args(r, select) : NULL;
	if (args)
		result = follow_events(r, c, args, &ring);
	free_ring(&ring);
	client_close(c);
	free(select);
	return result;
}
