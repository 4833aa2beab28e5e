/* status and points: how things are now. */
#include "gateway/cli/verb.h"

#include "gateway/cli/follow.h"
#include "gateway/cli/rows.h"

#include "core/alarm.h"
#include "gateway/json_text.h"

#include <stdlib.h>
#include <string.h>

/* ---- status ---- */

static void put_alarm_counts(struct run *r, const json_t *status)
{
	const json_t *alarms = json_object_get(status, "alarms");
	bool any = false;
	char text[96];

	for (unsigned i = 0; i < CLASS_COUNT; i++) {
		const char *name = alarm_class_name((enum alarm_class)i);
		int64_t n = field_int(alarms, name);
		if (n <= 0)
			continue;
		strbuf_puts(&r->out, any ? ", " : "alarms:  ");
		snprintf(text, sizeof text, "%lld %s", (long long)n, name);
		style_put(&r->out, &r->look, class_style(name), text);
		any = true;
	}
	strbuf_puts(&r->out, any ? "\n" : "alarms:  none\n");
}

static void put_head(struct run *r, const json_t *status)
{
	char a[HUMAN_MAX], b[HUMAN_MAX];
	const json_t *points = json_object_get(status, "points"), *store = json_object_get(status, "store");
	struct strbuf *out = &r->out;

	strbuf_puts(out, "gateway: ");
	human_put(out, field_text(status, "gateway"));
	strbuf_puts(out, ", firegwd ");
	human_put(out, field_text(status, "version"));
	strbuf_printf(out, " (pid %lld), up %s, clock ", (long long)field_int(status, "pid"),
	              human_span(field_int(status, "uptime_s") * 1000, a));
	style_put(out, &r->look, strcmp(field_text(status, "clock"), "trusted") == 0 ? STYLE_PLAIN : STYLE_YELLOW,
	          field_text(status, "clock"));
	strbuf_puts(out, "\nconfig:  ");
	human_put(out, field_text(status, "config"));
	strbuf_printf(out, "\npoints:  %s of %s good\n", human_count(field_int(points, "good"), a),
	              human_count(field_int(points, "total"), b));
	put_alarm_counts(r, status);
	const char *state = field_text(store, "state");
	strbuf_puts(out, "storage: ");
	style_put(out, &r->look, strcmp(state, "ok") == 0 ? STYLE_GREEN : STYLE_RED, state[0] ? state : "-");
	if (field_text(store, "why")[0]) {
		strbuf_puts(out, " (");
		human_put(out, field_text(store, "why"));
		strbuf_putc(out, ')');
	}
	strbuf_printf(out, ", %s of %s", human_size(field_int(store, "bytes"), a), human_size(field_int(store, "limit"), b));
	strbuf_printf(out, ", commit %.1f ms (p99 %.1f ms)\n", json_number_value(json_object_get(store, "commit_ms_p50")),
	              json_number_value(json_object_get(store, "commit_ms_p99")));
}

static void add_up(struct table *t, bool up, const char *word)
{
	table_add(t, up ? STYLE_GREEN : STYLE_RED, word[0] ? word : up ? "up" : "down");
}

static void put_lines(struct run *r, const json_t *lines)
{
	static const struct table_column columns[] = { { "LINE" },          { "URL" },        { "STATE" },        { "SINCE" },
		                                       { "DEVICES", true }, { "GOOD POLLS", true }, { "FAILED", true }, { "WHY" } };
	struct table *t = table_new(columns, 8);
	const json_t *line, *device;
	size_t i, k;
	char buf[HUMAN_MAX];

	if (!t) {
		r->out.failed = true;
		return;
	}
	json_array_foreach((json_t *)(uintptr_t)lines, i, line) {
		json_t *devices = json_object_get(line, "devices");
		size_t up = 0;
		json_array_foreach(devices, k, device)
			up += json_is_true(json_object_get(device, "up"));
		table_add(t, STYLE_PLAIN, field_text(line, "name"));
		table_add(t, STYLE_PLAIN, field_text(line, "url"));
		add_up(t, json_is_true(json_object_get(line, "up")), "");
		table_add(t, STYLE_PLAIN, field_ago(r, line, "since", buf));
		table_addf(t, up < json_array_size(devices) ? STYLE_YELLOW : STYLE_PLAIN, "%zu of %zu", up, json_array_size(devices));
		table_add(t, STYLE_PLAIN, human_count(field_int(line, "polls_good"), buf));
		table_add(t, STYLE_PLAIN, human_count(field_int(line, "polls_bad"), buf));
		table_add(t, STYLE_PLAIN, field_text(line, "why"));
	}
	strbuf_putc(&r->out, '\n');
	table_put(t, &r->look, &r->out);
	table_free(t);
}

/* Only those that are down: the rest are in the count. */
static void put_down_devices(struct run *r, const json_t *lines)
{
	static const struct table_column columns[] = { { "SILENT DEVICE" }, { "LINE" }, { "UNIT", true }, { "LAST GOOD" }, { "WHY" } };
	struct table *t = table_new(columns, 5);
	const json_t *line, *device;
	size_t i, k;
	char buf[HUMAN_MAX];

	if (!t) {
		r->out.failed = true;
		return;
	}
	json_array_foreach((json_t *)(uintptr_t)lines, i, line) {
		json_array_foreach(json_object_get(line, "devices"), k, device) {
			if (json_is_true(json_object_get(device, "up")))
				continue;
			const char *ago = field_ago(r, device, "last_good", buf);
			table_add(t, STYLE_RED, field_text(device, "name"));
			table_add(t, STYLE_PLAIN, field_text(line, "name"));
			table_addf(t, STYLE_PLAIN, "%lld", (long long)field_int(device, "unit"));
			table_add(t, STYLE_PLAIN, ago[0] ? ago : "never");
			table_add(t, STYLE_PLAIN, field_text(device, "why"));
		}
	}
	if (table_rows(t)) {
		strbuf_putc(&r->out, '\n');
		table_put(t, &r->look, &r->out);
	}
	table_free(t);
}

void hubs_put(struct run *r, const json_t *hubs)
{
	static const struct table_column columns[] = {
		{ "HUB" },         { "URL" },           { "STATE" },      { "SINCE" }, { "EVENTS WAIT", true }, { "READINGS WAIT", true },
		{ "ACKED", true }, { "REFUSED", true }, { "LOST", true }, { "WHY" },
	};
	struct table *t = table_new(columns, 10);
	const json_t *hub;
	size_t i;
	char buf[HUMAN_MAX];

	if (!t) {
		r->out.failed = true;
		return;
	}
	json_array_foreach((json_t *)(uintptr_t)hubs, i, hub) {
		const json_t *backlog = json_object_get(hub, "backlog");
		bool up = json_is_true(json_object_get(hub, "up"));
		table_add(t, STYLE_PLAIN, field_text(hub, "name"));
		table_add(t, STYLE_PLAIN, field_text(hub, "url"));
		add_up(t, up, field_text(hub, "state"));
		table_add(t, STYLE_PLAIN, field_ago(r, hub, "since", buf));
		table_add(t, STYLE_PLAIN, human_count(field_int(backlog, "events"), buf));
		table_add(t, STYLE_PLAIN, human_count(field_int(backlog, "readings"), buf));
		table_add(t, STYLE_PLAIN, human_count(field_int(hub, "acked"), buf));
		table_add(t, field_int(hub, "refused") ? STYLE_YELLOW : STYLE_PLAIN, human_count(field_int(hub, "refused"), buf));
		table_add(t, field_int(hub, "lost") ? STYLE_RED : STYLE_PLAIN, human_count(field_int(hub, "lost"), buf));
		table_add(t, STYLE_PLAIN, field_text(hub, "why"));
	}
	table_put(t, &r->look, &r->out);
	table_free(t);
}

void status_put(struct run *r, const json_t *status)
{
	if (r->json) {
		json_text_put(&r->out, status);
		strbuf_putc(&r->out, '\n');
		return;
	}
	put_head(r, status);
	if (json_array_size(json_object_get(status, "lines")))
		put_lines(r, json_object_get(status, "lines"));
	put_down_devices(r, json_object_get(status, "lines"));
	if (json_array_size(json_object_get(status, "hubs"))) {
		strbuf_putc(&r->out, '\n');
		hubs_put(r, json_object_get(status, "hubs"));
	}
}

int verb_status(struct run *r)
{
	json_t *status = NULL;
	struct err e;
	int64_t every_ms;
	int result = follow_every(r, 2000, &every_ms);

	if (result)
		return result;
	struct client *c = run_client(r, &result);
	if (!c)
		return result;
	if (args_flag(&r->args, "follow")) {
		result = follow_status(r, c, every_ms);
	} else {
		enum client_answer a = client_call(c, "status", NULL, &status, &e);
		result = run_result(a, &e);
		if (a == CLIENT_END)
			status_put(r, status);
		json_decref(status);
	}
	client_close(c);
	return result;
}

/* ---- points ---- */

void point_value(const json_t *row, char *buf, size_t cap)
{
	const json_t *value = json_object_get(row, "value");
	struct strbuf text;

	strbuf_init_fixed(&text, buf, cap);
	if (json_is_string(value))
		strbuf_puts(&text, json_string_value(value));
	else if (json_is_number(value))
		json_text_put(&text, value); /* as in the labels' keys */
	const char *label = text.len ? field_text(json_object_get(row, "enum"), buf) : "";
	if (label[0]) {
		char number[64];
		snprintf(number, sizeof number, "%.60s", buf);
		snprintf(buf, cap, "%s (%s)", label, number);
	} else if (json_is_real(value)) {
		human_value(json_real_value(value), buf);
	}
}

void point_add(struct run *r, const json_t *row, void *user)
{
	struct table *t = user;
	char value[512], place[160], buf[HUMAN_MAX];
	const char *quality = field_text(row, "quality"), *ago = field_ago(r, row, "at", buf);

	point_value(row, value, sizeof value);
	field_place(row, place, sizeof place);
	table_add(t, STYLE_PLAIN, field_text(row, "id"));
	table_add(t, STYLE_PLAIN, field_text(row, "name"));
	table_add(t, STYLE_PLAIN, value);
	table_add(t, STYLE_PLAIN, field_text(row, "unit"));
	table_add(t, strcmp(quality, "good") == 0 ? STYLE_GREEN : STYLE_YELLOW, quality);
	table_add(t, STYLE_PLAIN, ago[0] ? ago : "never");
	table_add(t, STYLE_PLAIN, place);
}

const struct table_column points_columns[] = { { "POINT" }, { "NAME" }, { "VALUE", true }, { "UNIT" }, { "QUALITY" }, { "READ" }, { "PLACE" } };

int points_end(struct run *r, const char *select, size_t n, const json_t *end)
{
	const char *of = select[0] ? ": " : "", *hint = field_text(end, "hint");

	if (n > 0)
		return RESULT_DONE;
	/* A mistyped word must not look as if all were well. */
	if (args_flag(&r->args, "bad") && !hint[0]) {
		if (!r->json)
			strbuf_printf(&r->out, "every point%s%s is good\n", select[0] ? " of " : "", select);
		return RESULT_DONE;
	}
	fprintf(stderr, "firegw: no point fits%s%s%s%s%s\n", of, select, hint[0] ? " (" : "", hint, hint[0] ? ")" : "");
	return RESULT_NO;
}

int verb_points(struct run *r)
{
	const struct rows_table shape = { points_columns, POINT_COLUMNS, point_add, NULL };
	json_t *end = NULL;
	size_t n = 0;
	int64_t every_ms;
	int result = follow_every(r, 1000, &every_ms);
	char *select = result ? NULL : run_select(r);

	if (!select)
		return RESULT_USAGE;
	if (args_flag(&r->args, "follow")) {
		result = follow_points(r, select, every_ms);
	} else {
		result = rows_list(r, "points", json_pack("{s:s, s:b}", "select", select, "bad", args_flag(&r->args, "bad")), &shape, &n, &end);
		if (result == RESULT_DONE)
			result = points_end(r, select, n, end);
	}
	json_decref(end);
	free(select);
	return result;
}
