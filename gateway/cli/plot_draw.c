/* The chart as text: title, value axis, braille (or ASCII), limits, the strip of bad stretches, time axis. */
#include "gateway/cli/plot_inside.h"

#include "gateway/cli/human.h"
#include "gateway/cli/width.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LEFT_NUMBERS  11u /* "-1234567.89" */
#define LEFT_MAX      20u /* of an enum's word */
#define RIGHT_MAX     18u
#define COLUMNS_LEAST 10u
#define TICKS_MAX     64u

static const char *const limit_names[PLOT_LIMITS] = { "low2", "low", "high", "high2" };
static const enum style limit_styles[PLOT_LIMITS] = { STYLE_RED, STYLE_YELLOW, STYLE_YELLOW, STYLE_RED };

struct drawing {
	const struct plot       *p;
	const struct plot_frame *f;
	struct plot_scale        scale;
	size_t                   n_dots;
	int                      limit_dots[PLOT_LIMITS]; /* -1: none, or not within the scale */
	char                     at_left[PLOT_HEIGHT_MAX][PLOT_TEXT], at_right[PLOT_HEIGHT_MAX][PLOT_TEXT];
	enum style               right_styles[PLOT_HEIGHT_MAX];
};

/* ---- room ---- */

static void limit_text(size_t limit, double value, const char *arrow, char buf[PLOT_TEXT])
{
	char number[HUMAN_MAX];

	snprintf(buf, PLOT_TEXT, "%s%s %s", arrow, limit_names[limit], human_number(value, number));
}

static size_t at_most(size_t n, size_t most)
{
	return n < most ? n : most;
}

void plot_frame_room(struct plot_frame *f, const struct plot_about *about)
{
	char text[PLOT_TEXT];
	size_t left = about->n_levels ? 0 : LEFT_NUMBERS;

	for (size_t i = 0; i < about->n_levels; i++)
		if (width_of(about->labels[i]) > left)
			left = width_of(about->labels[i]);
	left = at_most(left, LEFT_MAX);
	if (left > f->left)
		f->left = left;
	for (size_t i = 0; i < PLOT_LIMITS; i++) {
		if (isnan(about->limits[i]))
			continue;
		limit_text(i, about->limits[i], "^", text);
		size_t right = at_most(strlen(text) + 1, RIGHT_MAX);
		if (right > f->right)
			f->right = right;
	}
}

void plot_frame_end(struct plot_frame *f, size_t width)
{
	size_t beside;

	if (f->left < strlen("quality"))
		f->left = strlen("quality");
	beside = f->left + 2 + f->right;
	f->columns = width > beside + COLUMNS_LEAST ? width - beside : COLUMNS_LEAST;
}

/* ---- title ---- */

static void put_value(const struct plot *p, struct strbuf *out, double v)
{
	const struct plot_about *a = p->about;
	char number[HUMAN_MAX];
	bool level = a->n_levels > 0 && v >= 0 && v < (double)a->n_levels;

	human_value(level ? a->levels[(size_t)v] : v, number);
	if (level && a->labels[(size_t)v][0]) {
		human_put(out, a->labels[(size_t)v]);
		strbuf_printf(out, " (%s)", number);
	} else {
		strbuf_puts(out, number);
	}
}

static void put_figures(const struct plot *p, struct strbuf *out)
{
	char mean[HUMAN_MAX];

	if (p->n_values > 0 && !p->about->n_levels) {
		strbuf_puts(out, "min ");
		put_value(p, out, p->min);
		strbuf_printf(out, "  mean %s  max ",
		              human_mean(p->min, p->max, p->held_ms > 0 ? p->held_mean : p->mean, mean));
		put_value(p, out, p->max);
		strbuf_puts(out, "  ");
	}
	if (!isnan(p->last)) {
		strbuf_puts(out, "last ");
		put_value(p, out, p->last);
		strbuf_puts(out, "  ");
	}
	strbuf_puts(out, "worst quality: ");
}

static void put_title(const struct plot *p, struct strbuf *out)
{
	const struct look *look = &p->frame->look;
	const struct plot_about *a = p->about;
	struct strbuf head = STRBUF_INIT, figures = STRBUF_INIT;
	size_t total = p->frame->left + 2 + p->frame->columns + p->frame->right;

	human_put(&head, a->id);
	if (a->name[0]) {
		strbuf_puts(&head, "  ");
		human_put(&head, a->name);
	}
	if (a->unit[0]) {
		strbuf_puts(&head, "  ");
		human_put(&head, a->unit);
	}
	put_figures(p, &figures);
	if (head.failed || figures.failed)
		out->failed = true;
	const char *quality = quality_name(p->worst), *title = head.data ? head.data : "", *said = figures.data ? figures.data : "";
	style_put(out, look, STYLE_BOLD, title);
	strbuf_puts(out, width_of(title) + 2 + width_of(said) + strlen(quality) <= total ? "  " : "\n");
	strbuf_puts(out, said);
	style_put(out, look, p->worst == QUALITY_GOOD ? STYLE_PLAIN : STYLE_YELLOW, quality);
	strbuf_putc(out, '\n');
	strbuf_done(&head);
	strbuf_done(&figures);
}

/* ---- beside the chart ---- */

static void label_levels(struct drawing *d)
{
	const struct plot_about *a = d->p->about;

	for (size_t i = 0; i < a->n_levels; i++) {
		if ((double)i < d->scale.lo || (double)i > d->scale.hi)
			continue;
		char *row = d->at_left[plot_scale_dot(&d->scale, (double)i, d->n_dots) / PLOT_DOTS_Y];
		if (!row[0])
			snprintf(row, PLOT_TEXT, "%.*s", (int)width_cut(a->labels[i], d->f->left), a->labels[i]);
	}
}

static void label_numbers(struct drawing *d)
{
	const char *before = "";

	for (unsigned i = 0; i <= d->scale.n; i++) {
		char text[PLOT_TEXT] = "";
		char *row = d->at_left[plot_scale_dot(&d->scale, d->scale.lo + i * d->scale.step, d->n_dots) / PLOT_DOTS_Y];
		plot_scale_label(&d->scale, i, d->f->left, text);
		if (row[0] || strcmp(text, before) == 0 || strlen(text) > d->f->left)
			continue;
		memcpy(row, text, sizeof text);
		before = row;
	}
}

/* The nearest row to it that is free, up or down; none: the line has to do without a name. */
static void name_limit(struct drawing *d, size_t limit, size_t row, const char *arrow)
{
	size_t height = d->f->height;
	char text[PLOT_TEXT];

	limit_text(limit, d->p->about->limits[limit], arrow, text);
	for (size_t i = 0; i < 2 * height; i++) {
		size_t far = (i + 1) / 2;
		if (i % 2 ? far > row : row + far >= height)
			continue;
		size_t at = i % 2 ? row - far : row + far;
		if (d->at_right[at][0])
			continue;
		snprintf(d->at_right[at], PLOT_TEXT, "%.*s", (int)width_cut(text, d->f->right > 0 ? d->f->right - 1 : 0), text);
		d->right_styles[at] = limit_styles[limit];
		return;
	}
}

static void name_limits(struct drawing *d)
{
	const double *limits = d->p->about->limits;

	for (size_t i = 0; i < PLOT_LIMITS; i++) {
		d->limit_dots[i] = -1;
		if (isnan(limits[i]) || d->p->about->n_levels)
			continue;
		if (limits[i] > d->scale.hi) {
			name_limit(d, i, 0, d->f->is_ascii ? "^" : "↑");
		} else if (limits[i] < d->scale.lo) {
			name_limit(d, i, d->f->height - 1, d->f->is_ascii ? "v" : "↓");
		} else {
			d->limit_dots[i] = (int)plot_scale_dot(&d->scale, limits[i], d->n_dots);
			name_limit(d, i, (size_t)d->limit_dots[i] / PLOT_DOTS_Y, "");
		}
	}
}

static void fit_levels(struct drawing *d)
{
	struct plot_scale *s = &d->scale;
	double top = (double)(d->p->about->n_levels - 1);

	s->lo = d->p->min;
	s->hi = d->p->max;
	if (s->lo == s->hi && s->hi < top)
		s->hi++;
	else if (s->lo == s->hi)
		s->lo--;
	s->step = 1;
	s->n = (unsigned)(s->hi - s->lo);
}

static void fit_axis(struct drawing *d)
{
	const struct plot *p = d->p;
	double min = p->min, max = p->max;
	bool any_limit = false;

	if (p->about->n_levels) {
		fit_levels(d);
		return;
	}
	for (size_t i = 0; i < PLOT_LIMITS; i++)
		any_limit = any_limit || !isnan(p->about->limits[i]);
	/* A state that never changed is on or off, not a line in the middle. */
	if (p->is_whole && min >= 0 && max <= 1 && !any_limit && !p->about->unit[0]) {
		min = 0;
		max = 1;
	}
	plot_scale_fit(&d->scale, min, max, p->about->limits, PLOT_LIMITS, p->is_whole, d->f->height);
}

/* ---- the chart ---- */

/* Bit y of each nibble: the cell's dot in that row; the low one is the left column. */
static unsigned data_dots(const struct drawing *d, size_t row, size_t cell)
{
	unsigned dots = 0;

	for (size_t x = 0; x < PLOT_DOTS_X; x++) {
		const struct plot_column *c = &d->p->columns[cell * PLOT_DOTS_X + x];
		if (isnan(c->min))
			continue;
		size_t top = plot_scale_dot(&d->scale, c->max, d->n_dots), bottom = plot_scale_dot(&d->scale, c->min, d->n_dots);
		for (size_t y = 0; y < PLOT_DOTS_Y; y++)
			if (row * PLOT_DOTS_Y + y >= top && row * PLOT_DOTS_Y + y <= bottom)
				dots |= 1u << (x * PLOT_DOTS_Y + y);
	}
	return dots;
}

static unsigned limit_dots(const struct drawing *d, size_t row, size_t cell, enum style *ret_style)
{
	unsigned dots = 0;

	for (size_t i = 0; i < PLOT_LIMITS; i++) {
		if (cell % 2 || d->limit_dots[i] < 0 || (size_t)d->limit_dots[i] / PLOT_DOTS_Y != row)
			continue;
		dots |= 0x11u << ((unsigned)d->limit_dots[i] % PLOT_DOTS_Y);
		*ret_style = limit_styles[i];
	}
	return dots;
}

static void braille(unsigned dots, char ret[4])
{
	static const unsigned bits[] = { 0x01, 0x02, 0x04, 0x40, 0x08, 0x10, 0x20, 0x80 };
	unsigned code = 0x2800;

	for (unsigned i = 0; i < 8; i++)
		code |= dots >> i & 1 ? bits[i] : 0;
	ret[0] = (char)(0xE0 | code >> 12);
	ret[1] = (char)(0x80 | (code >> 6 & 0x3F));
	ret[2] = (char)(0x80 | (code & 0x3F));
	ret[3] = '\0';
}

static char ascii(unsigned data, unsigned limit)
{
	static const char one[] = { [1] = '\'', [2] = '-', [4] = '-', [8] = '_' };
	unsigned rows = (data | data >> PLOT_DOTS_Y) & 0xF;

	if (!rows)
		return limit ? '.' : ' ';
	return rows < sizeof one && one[rows] ? one[rows] : '|';
}

static void put_chart_cell(const struct drawing *d, size_t row, size_t cell, struct strbuf *out)
{
	enum style style = STYLE_PLAIN;
	unsigned data = data_dots(d, row, cell), limit = limit_dots(d, row, cell, &style);
	char text[4] = { ascii(data, limit) };

	if (!d->f->is_ascii && (data | limit))
		braille(data | limit, text);
	style_put(out, &d->f->look, data ? STYLE_GREEN : style, text);
}

static void put_left(const struct drawing *d, const char *text, const char *axis, struct strbuf *out)
{
	for (size_t i = width_of(text); i < d->f->left; i++)
		strbuf_putc(out, ' ');
	human_put(out, text);
	strbuf_printf(out, " %s", axis);
}

static void trim(struct strbuf *out)
{
	while (out->len && out->data[out->len - 1] == ' ')
		strbuf_cut(out, out->len - 1);
}

static void put_rows(const struct drawing *d, struct strbuf *out)
{
	bool a = d->f->is_ascii;

	for (size_t row = 0; row < d->f->height; row++) {
		const char *label = d->at_left[row];
		put_left(d, label, label[0] ? (a ? "+" : "┤") : a ? "|" : "│", out);
		for (size_t cell = 0; cell < d->f->columns; cell++)
			put_chart_cell(d, row, cell, out);
		strbuf_putc(out, ' ');
		style_put(out, &d->f->look, d->right_styles[row], d->at_right[row]);
		trim(out);
		strbuf_putc(out, '\n');
	}
}

/* ---- below it ---- */

static const char *strip_cell(const struct drawing *d, size_t cell)
{
	bool bad = false, unknown = false;

	for (size_t x = 0; x < PLOT_DOTS_X; x++) {
		bad = bad || d->p->columns[cell * PLOT_DOTS_X + x].bad;
		unknown = unknown || d->p->columns[cell * PLOT_DOTS_X + x].unknown;
	}
	if (bad)
		return d->f->is_ascii ? "x" : "▒";
	if (unknown)
		return d->f->is_ascii ? "." : "·";
	return " ";
}

static void put_strip(const struct drawing *d, struct strbuf *out)
{
	bool any = false;

	for (size_t cell = 0; cell < d->f->columns && !any; cell++)
		any = strip_cell(d, cell)[0] != ' ';
	if (!any)
		return;
	put_left(d, "quality", d->f->is_ascii ? "|" : "│", out);
	for (size_t cell = 0; cell < d->f->columns; cell++)
		style_put(out, &d->f->look, STYLE_YELLOW, strip_cell(d, cell));
	trim(out);
	strbuf_putc(out, '\n');
}

static void put_times(const struct drawing *d, struct strbuf *out)
{
	struct plot_tick ticks[TICKS_MAX];
	size_t n = plot_time_ticks(d->f->from_ms, d->f->to_ms, d->f->columns, ticks, TICKS_MAX), next = 0, at = 0;

	put_left(d, "", d->f->is_ascii ? "+" : "└", out);
	for (size_t cell = 0; cell < d->f->columns; cell++) {
		bool tick = next < n && ticks[next].column == cell;
		strbuf_puts(out, d->f->is_ascii ? (tick ? "+" : "-") : tick ? "┬" : "─");
		next += tick;
	}
	strbuf_putc(out, '\n');
	for (size_t i = 0; i < n; i++) {
		size_t middle = d->f->left + 2 + ticks[i].column, half = strlen(ticks[i].text) / 2;
		for (; at + half < middle; at++)
			strbuf_putc(out, ' ');
		strbuf_puts(out, ticks[i].text);
		at += strlen(ticks[i].text);
	}
	strbuf_putc(out, '\n');
}

void plot_put(const struct plot *p, struct strbuf *out)
{
	struct drawing *d = calloc(1, sizeof *d);

	if (!d) {
		out->failed = true;
		return;
	}
	d->p = p;
	d->f = p->frame;
	d->n_dots = p->frame->height * PLOT_DOTS_Y;
	put_title(p, out);
	if (isnan(p->min)) {
		strbuf_puts(out, p->has_odd ? "no numbers in that time: texts are not drawn\n" : "no values in that time\n");
		for (size_t i = 0; i < PLOT_LIMITS; i++)
			d->limit_dots[i] = -1;
	} else {
		fit_axis(d);
		if (p->about->n_levels)
			label_levels(d);
		else
			label_numbers(d);
		name_limits(d);
		put_rows(d, out);
	}
	put_strip(d, out);
	put_times(d, out);
	free(d);
}
