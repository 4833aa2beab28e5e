#include "gateway/cli/paper.h"

#include "gateway/cli/human.h"
#include "gateway/cli/width.h"

#include <stdio.h>
#include <string.h>

#define LABEL_COLUMNS 32
#define BAR_COLUMNS   12

char *paper_span(const struct paper *p, int64_t ms, char *buf)
{
	static const struct { int64_t ms; const char *zh; } units[] = { { 86400000, "天" }, { 3600000, "小时" }, { 60000, "分" }, { 1000, "秒" }, { 1, "毫秒" } };
	size_t i = 0;

	if (!p->zh) {
		char text[HUMAN_MAX];
		snprintf(buf, PAPER_SPAN_MAX, "%s", human_span(ms, text));
		return buf;
	}
	while (i < 4 && ms < units[i].ms)
		i++;
	int64_t rest = i < 2 ? ms % units[i].ms / units[i + 1].ms : 0;
	if (rest)
		snprintf(buf, PAPER_SPAN_MAX, "%lld %s %lld %s", (long long)(ms / units[i].ms), units[i].zh, (long long)rest, units[i + 1].zh);
	else
		snprintf(buf, PAPER_SPAN_MAX, "%lld %s", (long long)(ms / units[i].ms), units[i].zh);
	return buf;
}

void paper_begin(struct paper *p, const char *title, const char *subtitle)
{
	if (p->html) {
		paper_html_begin(p, title, subtitle);
		return;
	}
	style_put_human(p->out, &p->look, STYLE_BOLD, title);
	strbuf_putc(p->out, '\n');
	human_put(p->out, subtitle);
	strbuf_putc(p->out, '\n');
}

void paper_end(struct paper *p, const char *foot)
{
	if (!p->html) {
		strbuf_putc(p->out, '\n');
		style_put_human(p->out, &p->look, STYLE_DIM, foot);
		strbuf_putc(p->out, '\n');
		return;
	}
	strbuf_puts(p->out, "<footer>");
	paper_html_text(p->out, foot);
	strbuf_puts(p->out, "</footer>\n</main>\n</body>\n</html>\n");
}

void paper_section(struct paper *p, const char *title, const char *note)
{
	if (p->html) {
		strbuf_puts(p->out, "<h2>");
		paper_html_text(p->out, title);
		strbuf_puts(p->out, "</h2>\n");
		if (note[0])
			paper_note(p, note);
		return;
	}
	strbuf_putc(p->out, '\n');
	style_put_human(p->out, &p->look, STYLE_BOLD, title);
	strbuf_putc(p->out, '\n');
	p->fresh = true;
	if (note[0])
		paper_note(p, note);
}

void paper_note(struct paper *p, const char *text)
{
	if (p->html) {
		strbuf_puts(p->out, "<p class=\"note\">");
		paper_html_text(p->out, text);
		strbuf_puts(p->out, "</p>\n");
		return;
	}
	strbuf_puts(p->out, "  ");
	style_put_human(p->out, &p->look, STYLE_DIM, text);
	strbuf_putc(p->out, '\n');
}

static const char *html_class(enum style style)
{
	switch (style) {
	case STYLE_RED: return "bad";
	case STYLE_YELLOW: return "warn";
	case STYLE_GREEN: return "good";
	case STYLE_DIM: return "dim";
	case STYLE_BOLD: return "strong";
	case STYLE_PLAIN: break;
	}
	return "";
}

void paper_fact(struct paper *p, const char *label, const char *value, enum style style)
{
	struct strbuf text = STRBUF_INIT;

	if (p->html) {
		if (!p->in_facts)
			strbuf_puts(p->out, "<dl class=\"facts\">\n");
		p->in_facts = true;
		strbuf_printf(p->out, "<div class=\"%s\"><dt>", html_class(style));
		paper_html_text(p->out, label);
		strbuf_puts(p->out, "</dt><dd>");
		paper_html_text(p->out, value);
		strbuf_puts(p->out, "</dd></div>\n");
		return;
	}
	strbuf_puts(&text, "");
	human_put(&text, label);
	p->fresh = false;
	strbuf_puts(p->out, "  ");
	pad_put(p->out, text.data && !text.failed ? text.data : "", LABEL_COLUMNS);
	style_put_human(p->out, &p->look, style, value);
	strbuf_putc(p->out, '\n');
	strbuf_done(&text);
}

void paper_facts_end(struct paper *p)
{
	if (p->in_facts)
		strbuf_puts(p->out, "</dl>\n");
	p->in_facts = false;
}

/* ---- tables ---- */

void paper_table(struct paper *p, const struct table_column *columns, size_t n)
{
	p->columns = columns;
	p->n_columns = n;
	p->n_cells = 0;
	if (!p->html) {
		if (!p->fresh)
			strbuf_putc(p->out, '\n');
		p->fresh = false;
		p->table = table_new(columns, n);
		p->failed = p->failed || !p->table;
		return;
	}
	strbuf_puts(p->out, "<table>\n<thead><tr>");
	for (size_t i = 0; i < n; i++) {
		strbuf_puts(p->out, columns[i].right ? "<th class=\"right\">" : "<th>");
		paper_html_text(p->out, columns[i].title);
		strbuf_puts(p->out, "</th>");
	}
	strbuf_puts(p->out, "</tr></thead>\n<tbody>\n");
}

static void open_cell(struct paper *p, enum style style)
{
	size_t column = p->n_cells++ % p->n_columns;

	if (column == 0)
		strbuf_puts(p->out, "<tr>");
	strbuf_printf(p->out, "<td class=\"%s%s\">", p->columns[column].right ? "right " : "", html_class(style));
}

static void close_cell(struct paper *p)
{
	strbuf_puts(p->out, "</td>");
	if (p->n_cells % p->n_columns == 0)
		strbuf_puts(p->out, "</tr>\n");
}

void paper_cell(struct paper *p, enum style style, const char *text)
{
	if (!p->html) {
		if (p->table)
			table_add(p->table, style, text);
		return;
	}
	open_cell(p, style);
	paper_html_text(p->out, text);
	close_cell(p);
}

void paper_number(struct paper *p, int64_t n)
{
	char text[HUMAN_MAX];

	paper_cell(p, n ? STYLE_PLAIN : STYLE_DIM, n ? human_count(n, text) : p->html ? "0" : "-");
}

/* Eighths of a cell, so that small differences are seen. */
static void put_bar(struct strbuf *out, double part, double whole)
{
	static const char *const eighths[] = { "", "▏", "▎", "▍", "▌", "▋", "▊", "▉" };
	int n = whole > 0 && part > 0 ? (int)(part / whole * BAR_COLUMNS * 8 + 0.5) : 0;

	if (part > 0 && n == 0)
		n = 1;
	if (n > BAR_COLUMNS * 8)
		n = BAR_COLUMNS * 8;
	for (int i = 0; i < n / 8; i++)
		strbuf_puts(out, "█");
	strbuf_puts(out, eighths[n % 8]);
}

void paper_bar(struct paper *p, double part, double whole, const char *text)
{
	struct strbuf cell = STRBUF_INIT;

	if (p->html) {
		open_cell(p, STYLE_PLAIN);
		paper_html_bar(p->out, part, whole);
		paper_html_text(p->out, text);
		close_cell(p);
		return;
	}
	strbuf_puts(&cell, "");
	put_bar(&cell, part, whole);
	if (text[0])
		strbuf_printf(&cell, "%s%s", cell.len ? " " : "", text);
	if (p->table)
		table_add(p->table, STYLE_PLAIN, cell.failed ? "" : cell.data);
	strbuf_done(&cell);
}

void paper_table_end(struct paper *p, int64_t left_out)
{
	char text[160], n[HUMAN_MAX];

	if (p->html) {
		strbuf_puts(p->out, "</tbody>\n</table>\n");
	} else if (p->table) {
		struct strbuf lines = STRBUF_INIT;
		table_put(p->table, &p->look, &lines);
		for (const char *line = lines.data ? lines.data : ""; *line;) {
			size_t len = strcspn(line, "\n");
			strbuf_puts(p->out, "  ");
			strbuf_put(p->out, line, len);
			strbuf_putc(p->out, '\n');
			line += len + (line[len] == '\n');
		}
		p->failed = p->failed || lines.failed;
		strbuf_done(&lines);
		table_free(p->table);
		p->table = NULL;
	}
	if (left_out <= 0)
		return;
	snprintf(text, sizeof text, paper_word(p, "and %s more: --json has them", "另有 %s 项:见 --json"), human_count(left_out, n));
	paper_note(p, text);
}

/* ---- charts ---- */

static void put_columns(struct paper *p, const struct paper_chart *c, const int64_t *sums, int64_t most)
{
	static const char *const heights[] = { "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█" };

	strbuf_puts(p->out, "  ");
	for (size_t i = 0; i < c->n; i++) {
		int h = most ? (int)((double)sums[i] / (double)most * 8 + 0.999) : 0;
		strbuf_puts(p->out, sums[i] ? heights[h < 1 ? 0 : h > 8 ? 7 : h - 1] : "·");
	}
	strbuf_puts(p->out, "\n  ");
	for (size_t i = 0; c->labels && i < c->n;) {
		const char *label = c->labels[i] ? c->labels[i] : "";
		size_t w = width_of(label);
		if (w == 0 || i + w > c->n) {
			strbuf_putc(p->out, ' ');
			i++;
			continue;
		}
		strbuf_puts(p->out, label);
		i += w;
	}
	strbuf_putc(p->out, '\n');
}

void paper_chart(struct paper *p, const struct paper_chart *c)
{
	int64_t sums[64] = { 0 }, most = 0;
	char n[HUMAN_MAX];

	if (p->html) {
		paper_html_chart(p, c);
		return;
	}
	for (size_t i = 0; i < c->n && i < 64; i++) {
		for (size_t s = 0; s < c->n_series; s++)
			sums[i] += c->values[i][s];
		most = sums[i] > most ? sums[i] : most;
	}
	strbuf_puts(p->out, "\n  ");
	human_put(p->out, c->title);
	strbuf_printf(p->out, paper_word(p, " (█ = %s)\n", "(█ = %s)\n"), human_count(most, n));
	put_columns(p, c, sums, most);
}
