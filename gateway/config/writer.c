#include "gateway/config/writer.h"

#include "core/clock.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

static bool is_flow(const struct writer *w)
{
	return w->json || (w->flow && w->depth >= w->flow);
}

/* What stands before a value: comma or line, dash or key. */
static void begin(struct writer *w, const char *key)
{
	bool first = !w->filled[w->depth];

	w->filled[w->depth] = true;
	if (is_flow(w)) {
		if (!first)
			strbuf_puts(w->out, w->json ? "," : ", ");
		if (w->json && w->depth <= 2)
			strbuf_puts(w->out, "\n");
	} else if (w->dash) {
		w->dash = false;
	} else {
		if (w->out->len)
			strbuf_putc(w->out, '\n');
		for (unsigned i = 1; i < w->depth; i++)
			strbuf_puts(w->out, "  ");
	}
	if (w->json && key) {
		strbuf_json_string(w->out, key);
		strbuf_putc(w->out, ':');
	} else if (key) {
		strbuf_puts(w->out, key);
		strbuf_putc(w->out, ':');
	} else if (!is_flow(w)) {
		strbuf_putc(w->out, '-');
	}
	if (!w->json && (key || !is_flow(w)))
		strbuf_putc(w->out, ' ');
}

static void open_any(struct writer *w, const char *key, bool flow, bool list)
{
	assert(w->depth < WRITER_DEPTH_MAX);
	if (w->depth > 0)
		begin(w, key);
	w->depth++;
	w->list[w->depth] = list;
	w->filled[w->depth] = false;
	if (flow && !w->flow)
		w->flow = w->depth;
	if (is_flow(w)) {
		strbuf_putc(w->out, list ? '[' : '{');
		return;
	}
	if (key && w->out->len && w->out->data[w->out->len - 1] == ' ')
		strbuf_cut(w->out, w->out->len - 1); /* "key:" ends its line */
	w->dash = w->depth > 1 && !key; /* the first line of a list's item */
}

void writer_open_map(struct writer *w, const char *key, bool flow)
{
	open_any(w, key, flow, false);
}

void writer_open_list(struct writer *w, const char *key, bool flow)
{
	open_any(w, key, flow, true);
}

void writer_close(struct writer *w)
{
	if (is_flow(w))
		strbuf_putc(w->out, w->list[w->depth] ? ']' : '}');
	if (w->flow == w->depth)
		w->flow = 0;
	w->depth--;
	w->dash = false;
	if (w->depth == 0)
		strbuf_putc(w->out, '\n');
}

/* Only what no YAML reader takes for anything but a text, in flow mappings too. */
static bool is_plain(const char *text)
{
	static const char *const reserved[] = { "true", "false", "yes", "no", "on", "off", "null", "y", "n" };

	if (!((*text >= 'a' && *text <= 'z') || (*text >= 'A' && *text <= 'Z') || *text == '/'))
		return false;
	for (const char *p = text; *p; p++)
		if (!((*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z') || (*p >= '0' && *p <= '9') || strchr("/_.-", *p)))
			return false;
	for (size_t i = 0; i < sizeof reserved / sizeof *reserved; i++)
		if (strcasecmp(text, reserved[i]) == 0)
			return false;
	return true;
}

void writer_text(struct writer *w, const char *key, const char *text)
{
	begin(w, key);
	if (!w->json && is_plain(text))
		strbuf_puts(w->out, text);
	else
		strbuf_json_string(w->out, text);
}

void writer_word(struct writer *w, const char *key, const char *word)
{
	begin(w, key);
	if (w->json)
		strbuf_json_string(w->out, word);
	else
		strbuf_puts(w->out, word);
}

void writer_bare(struct writer *w, const char *key, const char *bare)
{
	begin(w, key);
	strbuf_puts(w->out, bare);
}

void writer_int(struct writer *w, const char *key, int64_t v)
{
	begin(w, key);
	strbuf_printf(w->out, "%" PRId64, v);
}

void writer_bool(struct writer *w, const char *key, bool v)
{
	writer_bare(w, key, v ? "true" : "false");
}

void writer_double(struct writer *w, const char *key, double v)
{
	begin(w, key);
	strbuf_json_double(w->out, v);
}

void writer_duration(struct writer *w, const char *key, int64_t ms)
{
	char text[CLOCK_TEXT_MAX];

	writer_word(w, key, clock_format_duration(ms, text));
}
