#include "gateway/cli/table.h"

#include "gateway/cli/human.h"
#include "gateway/cli/width.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define GAP 2 /* spaces between columns */

struct cell {
	char      *text;
	size_t     width;
	enum style style;
};

struct table {
	const struct table_column *columns;
	size_t                     n_columns;
	struct cell               *cells;
	size_t                     n, cap;
	bool                       failed;
};

struct table *table_new(const struct table_column *columns, size_t n)
{
	struct table *t = calloc(1, sizeof *t);

	if (t) {
		t->columns = columns;
		t->n_columns = n;
	}
	return t;
}

void table_free(struct table *t)
{
	if (!t)
		return;
	for (size_t i = 0; i < t->n; i++)
		free(t->cells[i].text);
	free(t->cells);
	free(t);
}

static bool grow(struct table *t)
{
	size_t cap = t->cap ? t->cap * 2 : 256;

	if (t->n < t->cap)
		return true;
	struct cell *cells = reallocarray(t->cells, cap, sizeof *cells);
	if (!cells) {
		t->failed = true;
		return false;
	}
	t->cells = cells;
	t->cap = cap;
	return true;
}

void table_add(struct table *t, enum style style, const char *text)
{
	struct strbuf clean = STRBUF_INIT;

	if (t->failed || !grow(t))
		return;
	human_put(&clean, text && text[0] ? text : "-");
	char *owned = strbuf_take(&clean);
	if (!owned) {
		t->failed = true;
		return;
	}
	t->cells[t->n++] = (struct cell){ .text = owned, .width = width_of(owned), .style = style };
}

void table_addf(struct table *t, enum style style, const char *fmt, ...)
{
	char text[512];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof text, fmt, args);
	va_end(args);
	table_add(t, style, text);
}

size_t table_rows(const struct table *t)
{
	return t->n / t->n_columns;
}

void style_put(struct strbuf *out, const struct look *look, enum style style, const char *text)
{
	static const char *const codes[] = {
		[STYLE_PLAIN] = "",         [STYLE_BOLD] = "\033[1m",    [STYLE_DIM] = "\033[2m",
		[STYLE_RED] = "\033[1;31m", [STYLE_YELLOW] = "\033[33m", [STYLE_GREEN] = "\033[32m",
	};
	bool on = look->color && style != STYLE_PLAIN;

	if (on)
		strbuf_puts(out, codes[style]);
	strbuf_puts(out, text);
	if (on)
		strbuf_puts(out, "\033[0m");
}

void style_put_human(struct strbuf *out, const struct look *look, enum style style, const char *text)
{
	struct strbuf clean = STRBUF_INIT;

	human_put(&clean, text);
	style_put(out, look, style, clean.data ? clean.data : "");
	out->failed = out->failed || clean.failed;
	strbuf_done(&clean);
}

void pad_put(struct strbuf *out, const char *text, size_t columns)
{
	strbuf_puts(out, text);
	for (size_t width = width_of(text); width < columns; width++)
		strbuf_putc(out, ' ');
}

static void put_cell(struct strbuf *out, const struct look *look, const struct cell *c, size_t room)
{
	struct strbuf text = STRBUF_INIT;

	if (c->width <= room) {
		style_put(out, look, c->style, c->text);
		return;
	}
	strbuf_put(&text, c->text, width_cut(c->text, room > 0 ? room - 1 : 0));
	if (room > 0)
		strbuf_puts(&text, "…");
	style_put(out, look, c->style, text.data ? text.data : "");
	strbuf_done(&text);
}

static void put_spaces(struct strbuf *out, size_t n)
{
	while (n-- > 0)
		strbuf_putc(out, ' ');
}

/* One line of n_columns cells; widths[i] 0: left out. */
static void put_line(const struct table *t, const struct look *look, const struct cell *cells, const size_t *widths, struct strbuf *out)
{
	size_t used = 0, last = 0;

	for (size_t i = 0; i < t->n_columns; i++)
		if (widths[i])
			last = i;
	for (size_t i = 0; i < t->n_columns; i++) {
		if (!widths[i])
			continue;
		size_t room = widths[i];
		size_t left = look->columns > used ? look->columns - used : 0;
		if (look->columns && room > left)
			room = left;
		size_t width = cells[i].width < room ? cells[i].width : room;
		if (t->columns[i].right)
			put_spaces(out, room - width);
		put_cell(out, look, &cells[i], room);
		if (i != last) {
			if (!t->columns[i].right)
				put_spaces(out, room - width);
			if (!look->columns || room + GAP <= left)
				put_spaces(out, GAP);
		}
		used += room + GAP;
	}
	strbuf_putc(out, '\n');
}

void table_put(const struct table *t, const struct look *look, struct strbuf *out)
{
	struct cell titles[TABLE_COLUMNS_MAX];
	size_t widths[TABLE_COLUMNS_MAX] = { 0 };

	if (t->failed) {
		out->failed = true;
		return;
	}
	for (size_t i = 0; i < t->n; i++) {
		size_t column = i % t->n_columns;
		if (strcmp(t->cells[i].text, "-") != 0 && t->cells[i].width > widths[column])
			widths[column] = t->cells[i].width;
	}
	for (size_t i = 0; i < t->n_columns; i++) {
		const char *title = t->columns[i].title;
		titles[i] = (struct cell){ .text = (char *)(uintptr_t)title, .width = width_of(title), .style = STYLE_BOLD };
		if (widths[i] && widths[i] < titles[i].width)
			widths[i] = titles[i].width;
	}
	put_line(t, look, titles, widths, out);
	for (size_t row = 0; row < table_rows(t); row++)
		put_line(t, look, &t->cells[row * t->n_columns], widths, out);
}
