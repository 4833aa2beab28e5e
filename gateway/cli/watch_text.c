#include "gateway/cli/watch_text.h"

#include "gateway/cli/human.h"
#include "gateway/json_text.h"

#include <string.h>

void watch_note_text(const struct watch_note *n, struct strbuf *out)
{
	const char *gap = "";

	if (n->node[0] && n->stream[0]) {
		strbuf_printf(out, "%s/%s", n->node, n->stream);
		gap = " ";
	} else if (n->gateway[0]) {
		strbuf_puts(out, n->gateway);
		gap = " ";
	}
	if (n->from > 0 && n->to > n->from)
		strbuf_printf(out, "%s%lld…%lld", gap, (long long)n->from, (long long)n->to);
	else if (n->from > 0)
		strbuf_printf(out, "%s%lld", gap, (long long)n->from);
	else if (n->to > 0)
		strbuf_printf(out, "%s%lld event%s", gap, (long long)n->to, n->to == 1 ? "" : "s");
	if (n->text[0])
		strbuf_printf(out, "%s%s", out->len ? ": " : "", n->text);
}

enum style watch_note_style(const struct watch_note *n)
{
	static const char *const bad[] = { "down", "open", "refused", "gone", "lost", "silent", "offline", "stopped", "reached" };

	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
		if (strcmp(n->state, bad[i]) == 0)
			return STYLE_YELLOW;
	return STYLE_DIM;
}

void watch_note_put(struct strbuf *out, const struct look *look, const struct watch_note *n, int64_t wall_ms)
{
	struct strbuf text = STRBUF_INIT, clean = STRBUF_INIT;
	char time[HUMAN_MAX];

	watch_note_text(n, &text);
	strbuf_printf(&clean, "%s  %-11s  %-14s  ", human_time(wall_ms, time), watch_note_name(n->kind), n->state);
	human_put(&clean, text.data ? text.data : "");
	style_put(out, look, watch_note_style(n), clean.data ? clean.data : "");
	strbuf_putc(out, '\n');
	out->failed = out->failed || text.failed || clean.failed;
	strbuf_done(&text);
	strbuf_done(&clean);
}

static void put_pair(struct strbuf *out, const char *key, const char *text)
{
	strbuf_json_key(out, key);
	if (text[0])
		strbuf_json_string(out, text);
	else
		strbuf_puts(out, "null");
}

static void put_number(struct strbuf *out, const char *key, int64_t n)
{
	strbuf_json_key(out, key);
	strbuf_json_int(out, n);
}

static void put_head(struct strbuf *out, const char *what, int64_t wall_ms)
{
	char at[CLOCK_TEXT_MAX];

	strbuf_putc(out, '{');
	put_pair(out, "watch", what);
	put_pair(out, "at", clock_format(wall_ms, at));
}

void watch_note_json(struct strbuf *out, const struct watch_note *n, int64_t wall_ms)
{
	put_head(out, watch_note_name(n->kind), wall_ms);
	put_pair(out, "state", n->state);
	if (n->kind == WATCH_NOTE_GAP || n->kind == WATCH_NOTE_LOST || n->kind == WATCH_NOTE_NUMBERED) {
		put_pair(out, "gateway", n->gateway);
		put_pair(out, "node", n->node);
		put_pair(out, "log", n->log);
		put_pair(out, "stream", n->stream);
		if (n->from > 0) {
			put_number(out, "from", n->from);
			put_number(out, "to", n->to);
		} else {
			put_number(out, "count", n->to);
		}
	} else if (n->gateway[0]) {
		put_pair(out, "gateway", n->gateway);
	}
	put_pair(out, n->kind == WATCH_NOTE_NUMBERED ? "id" : "text", n->text);
	strbuf_puts(out, "}\n");
}

void watch_standing_json(struct strbuf *out, const json_t *event)
{
	strbuf_puts(out, "{\"watch\":\"standing\",\"event\":");
	json_text_put(out, event);
	strbuf_puts(out, "}\n");
}

/* In the order of both forms; what is nought is left out for people. */
struct count { const char *key, *words; uint64_t n; bool noun; };
#define COUNTS_MAX 16

static size_t list_counts(const struct watch_counts *c, struct count ret[COUNTS_MAX])
{
	const struct count all[] = {
		{ "gateways", "gateway", c->gateways, true }, { "alarms", "alarm", c->alarms, true }, { "events", "event", c->events, true }, { "gaps", "gap", c->gaps, true },
		{ "gaps_open", "gaps open", c->gaps_open }, { "missing", "events missing", c->missing }, { "replayed", "replayed", c->replayed },
		{ "gone", "gone for good", c->gone }, { "lost", "lost by gateways", c->lost }, { "duplicates", "duplicates", c->duplicates },
		{ "reordered", "out of order", c->reordered }, { "undurable", "before they were stored", c->undurable }, { "old_wills", "old wills", c->old_wills },
		{ "bad", "bad messages", c->bad }, { "not_followed", "not followed", c->not_followed }, { "not_shown", "not shown", c->not_shown },
	};

	memcpy(ret, all, sizeof all);
	return sizeof all / sizeof all[0];
}

void watch_counts_put(struct strbuf *out, const struct watch_counts *c)
{
	struct count list[COUNTS_MAX];
	size_t n = list_counts(c, list);
	char buf[HUMAN_MAX];
	bool any = false;

	/* The first three always. */
	for (size_t i = 0; i < n; i++) {
		if (i >= 3 && list[i].n == 0)
			continue;
		strbuf_puts(out, any ? ", " : "");
		if (list[i].noun)
			strbuf_puts(out, human_plural((int64_t)list[i].n, list[i].words, buf));
		else
			strbuf_printf(out, "%s %s", human_count((int64_t)list[i].n, buf), list[i].words);
		any = true;
	}
}

void watch_counts_json(struct strbuf *out, const struct watch_counts *c, int64_t wall_ms)
{
	struct count list[COUNTS_MAX];
	size_t n = list_counts(c, list);

	put_head(out, "end", wall_ms);
	for (size_t i = 0; i < n; i++)
		put_number(out, list[i].key, (int64_t)list[i].n);
	strbuf_puts(out, "}\n");
}
