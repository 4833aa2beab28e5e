/* paper: a page of sections, figures, tables and small charts, written as text for a terminal or as one HTML page that needs nothing else. Pure. */
#ifndef FIREGW_GATEWAY_CLI_PAPER_H
#define FIREGW_GATEWAY_CLI_PAPER_H

#include "gateway/cli/table.h"

#include <stdint.h>

#define PAPER_SERIES_MAX 4
#define PAPER_SPAN_MAX   64

struct paper {
	struct strbuf *out;
	struct look    look;        /* text */
	bool           html, zh;
	/* its own */
	struct table  *table;
	const struct table_column *columns;
	size_t         n_columns, n_cells;
	bool           failed, in_facts;
	bool           fresh;       /* text: a section's title stands right above */
};

/* A text in the paper's language; formats too, and the compiler sees them. */
#define paper_word(p, en, chinese) ((p)->zh ? chinese : en)

/* All texts are made harmless for what they are written to. */
void paper_begin(struct paper *p, const char *title, const char *subtitle);
void paper_end(struct paper *p, const char *foot);
void paper_section(struct paper *p, const char *title, const char *note); /* note: "" for none */
void paper_note(struct paper *p, const char *text);
/* One line "label  value"; a run of them stands together. Prominent ones are shown large in HTML. */
void paper_fact(struct paper *p, const char *label, const char *value, enum style style);
void paper_facts_end(struct paper *p);
/* The columns live until the end of the table. Cells come row by row. */
void paper_table(struct paper *p, const struct table_column *columns, size_t n);
void paper_cell(struct paper *p, enum style style, const char *text);
void paper_number(struct paper *p, int64_t n);
/* text, with a bar of part / whole. */
void paper_bar(struct paper *p, double part, double whole, const char *text);
void paper_table_end(struct paper *p, int64_t left_out);
/* Columns side by side, each of up to four stacked series (in text: their sum). labels: below every column that has one (NULL: none). */
struct paper_chart { const char *title; const char *const *series; size_t n_series, n; const int64_t (*values)[PAPER_SERIES_MAX]; const char *const *labels; };
void paper_chart(struct paper *p, const struct paper_chart *c);

/* 2 h 10 min, 2 小时 10 分; buf holds PAPER_SPAN_MAX. */
char *paper_span(const struct paper *p, int64_t ms, char *buf);

/* paper_html.c */
void paper_html_text(struct strbuf *out, const char *text);
void paper_html_begin(struct paper *p, const char *title, const char *subtitle);
void paper_html_bar(struct strbuf *out, double part, double whole);
void paper_html_chart(struct paper *p, const struct paper_chart *c);

#endif
