/* status --bus: one line in whole. */
#include "gateway/cli/verb.h"

#include "gateway/json_text.h"

#include <stdio.h>
#include <string.h>

static void put_ms(struct table *t, const json_t *ms)
{
	if (json_is_number(ms))
		table_addf(t, STYLE_PLAIN, "%.3g", json_number_value(ms));
	else
		table_add(t, STYLE_PLAIN, "");
}

static void put_exceptions(struct table *t, const json_t *exceptions)
{
	char text[160] = "";
	const char *code;
	json_t *n;

	json_object_foreach((json_t *)(uintptr_t)exceptions, code, n) {
		size_t len = strlen(text);
		snprintf(text + len, sizeof text - len, "%s%.8s: %lld", len ? ", " : "", code, (long long)json_integer_value(n));
	}
	table_add(t, STYLE_YELLOW, text);
}

static void put_count(struct table *t, const json_t *row, const char *key, enum style style)
{
	char buf[HUMAN_MAX];
	int64_t n = field_int(row, key);

	table_add(t, n ? style : STYLE_PLAIN, n ? human_count(n, buf) : "");
}

static void put_devices(struct run *r, const json_t *line)
{
	static const struct table_column columns[] = { { "DEVICE", false }, { "UNIT", true }, { "STATE", false }, { "REQUESTS", true }, { "REPLIES", true }, { "TIMEOUTS", true },
		{ "LATE", true }, { "WRONG", true }, { "BROKEN", true }, { "EXCEPTIONS", false }, { "P50 MS", true }, { "P99 MS", true } };
	struct table *t = table_new(columns, sizeof columns / sizeof *columns);
	const json_t *d;
	size_t i;

	if (!t)
		return;
	json_array_foreach((json_t *)(uintptr_t)json_object_get(line, "devices"), i, d) {
		bool up = json_is_true(json_object_get(d, "up"));
		const json_t *reply = json_object_get(d, "reply_ms");
		table_add(t, STYLE_PLAIN, field_text(d, "name"));
		table_addf(t, STYLE_PLAIN, "%lld", (long long)field_int(d, "unit"));
		table_add(t, up ? STYLE_GREEN : STYLE_RED, up ? "up" : "silent");
		put_count(t, d, "requests", STYLE_PLAIN);
		put_count(t, d, "replies", STYLE_PLAIN);
		put_count(t, d, "timeouts", STYLE_YELLOW);
		put_count(t, d, "late", STYLE_YELLOW);
		put_count(t, d, "wrong", STYLE_YELLOW);
		put_count(t, d, "broken", STYLE_YELLOW);
		put_exceptions(t, json_object_get(d, "exceptions"));
		put_ms(t, json_object_get(reply, "p50"));
		put_ms(t, json_object_get(reply, "p99"));
	}
	table_put(t, &r->look, &r->out);
	table_free(t);
}

/* What was counted, and what it means. */
static void put_counters(struct run *r, const json_t *line)
{
	static const struct { const char *key, *text; } rows[] = {
		{ "missed", "missed: polls that the line had no time for" }, { "late", "late: answers that came after their time" }, { "wrong", "wrong: frames that were not the answer" },
		{ "crc_errors", "spoilt: answers whose checksum does not fit" }, { "half_frames", "half: answers that broke off" }, { "garbage_bytes", "garbage: bytes that were no part of any frame" },
		{ "foreign_frames", "foreign: requests of another master; a line has one" }, { "echoes", "echoes: our own requests came back; set echo: true" },
		{ "collisions", "collisions: what came back was not what was sent" }, { "fences", "fences: reads that kept late answers apart" }, { "disconnects", "disconnects: the line was lost" },
	};
	char buf[HUMAN_MAX];

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		int64_t n = field_int(line, rows[i].key);
		if (n > 0)
			strbuf_printf(&r->out, "%9s  %s\n", human_count(n, buf), rows[i].text);
	}
}

/* How many replies took how long, as bars. */
static void put_histogram(struct run *r, const json_t *line)
{
	const json_t *rows = json_object_get(json_object_get(line, "reply_ms"), "histogram"), *row;
	int64_t most = 0;
	char buf[HUMAN_MAX];
	size_t i;

	json_array_foreach((json_t *)(uintptr_t)rows, i, row)
		if (json_integer_value(json_array_get(row, 1)) > most)
			most = json_integer_value(json_array_get(row, 1));
	if (most == 0)
		return;
	strbuf_puts(&r->out, "replies took less than\n");
	json_array_foreach((json_t *)(uintptr_t)rows, i, row) {
		int64_t n = json_integer_value(json_array_get(row, 1));
		strbuf_printf(&r->out, "%9.4g ms %9s  ", json_number_value(json_array_get(row, 0)), human_count(n, buf));
		for (int64_t bar = (n * 40 + most - 1) / most; bar > 0; bar--)
			strbuf_puts(&r->out, "▇");
		strbuf_putc(&r->out, '\n');
	}
}

static void put_line(struct run *r, const json_t *line)
{
	bool up = json_is_true(json_object_get(line, "up"));
	char a[HUMAN_MAX], b[HUMAN_MAX];

	strbuf_puts(&r->out, "line ");
	human_put(&r->out, field_text(line, "name"));
	strbuf_puts(&r->out, ": ");
	human_put(&r->out, field_text(line, "url"));
	strbuf_puts(&r->out, ", ");
	style_put(&r->out, &r->look, up ? STYLE_GREEN : STYLE_RED, up ? "up" : "down");
	if (field_text(line, "why")[0]) {
		strbuf_puts(&r->out, ": ");
		human_put(&r->out, field_text(line, "why"));
	}
	strbuf_printf(&r->out, "\n%s good polls, %s bad; in use %.1f %% of the time\n", human_count(field_int(line, "polls_good"), a), human_count(field_int(line, "polls_bad"), b),
	              100 * json_number_value(json_object_get(line, "use")));
	put_counters(r, line);
	strbuf_putc(&r->out, '\n');
	put_devices(r, line);
	strbuf_putc(&r->out, '\n');
	put_histogram(r, line);
}

int line_show(struct run *r, struct client *c, const char *bus)
{
	json_t *line = NULL, *args = json_pack("{s:s}", "bus", bus);
	struct err e;
	enum client_answer a = client_call(c, "line", args, &line, &e);
	int result = run_result(a, &e);

	if (a == CLIENT_END && r->json) {
		json_text_put(&r->out, line);
		strbuf_putc(&r->out, '\n');
	} else if (a == CLIENT_END) {
		put_line(r, line);
	}
	json_decref(line);
	return result;
}
