#include "gateway/config/bind.h"
#include "gateway/config/loader.h"

#include <string.h>

#define TABLE_COLUMNS_MAX 256
#define JOINS_MAX         6 /* decimal commas in one row */

struct cell {
	const char *text;
	int         line, column;
	int         width;   /* in characters, as it stands; 0: quoted, or over several lines */
};

/* libcsv calls back with fields and row ends but no places: the table is fed byte by byte, and the place where a field began is kept beside. */
struct table {
	struct loader         *l;
	const struct source   *source;
	const struct bind_key *columns;
	size_t                 n_columns;
	struct node           *headers[TABLE_COLUMNS_MAX]; /* quoted: its text is a column's; NULL: an unknown one */
	size_t                 n_headers;
	bool                   header_done, failed;
	struct cell           *cells;          /* of the row being read */
	size_t                 n_cells, cap_cells;
	bool                   comment;
	struct node           *list;
	size_t                 cap_rows;
	bool                   commas;         /* part the cells */
	int                    line, col;      /* of the byte being fed */
	int                    start_line, start_col;
	bool                   open, quoted;   /* the field has begun; with a quote */
};

static char *trim(char *text)
{
	static const char *const blanks[] = { " ", "\t", "\r", "\n", "\xC2\xA0", "\xE3\x80\x80", "\xEF\xBB\xBF" };
	size_t len = strlen(text);

	for (size_t i = 0; i < sizeof blanks / sizeof *blanks; i++) {
		size_t n = strlen(blanks[i]);
		if (strncmp(text, blanks[i], n) == 0) {
			text += n;
			len -= n;
			i = (size_t)-1;
		} else if (len >= n && strcmp(text + len - n, blanks[i]) == 0) {
			len -= n;
			text[len] = '\0';
			i = (size_t)-1;
		}
	}
	return text;
}

static struct node *cell_node(struct table *t, enum node_type type, const char *text)
{
	struct node *n = arena_take(&t->l->scratch, 1, sizeof *n);

	*n = (struct node){ .type = type, .line = t->start_line, .column = t->start_col, .source = t->source, .text = text };
	return n;
}

static const char *column_word(const void *user, size_t i)
{
	const struct table *t = user;

	return i < t->n_columns ? t->columns[i].key : NULL;
}

/* The first line is over: which column each of its cells names. */
static void name_columns(struct table *t)
{
	struct loader *l = t->l;
	bool any = false;

	for (size_t i = 0; i < t->n_headers; i++) {
		struct node *h = t->headers[i];
		for (size_t k = 0; k < t->n_columns && !h->quoted; k++) {
			bool zh = t->columns[k].zh && strcmp(h->text, t->columns[k].zh) == 0;
			if (!zh && strcasecmp(h->text, t->columns[k].key) != 0)
				continue;
			h->text = t->columns[k].key; /* the table's own word: compared by address from here on */
			h->quoted = any = true;
		}
	}
	if (!any) {
		find_at(l, FINDING_ERROR, t->source, 1, 1, "the first line must name the columns (point, kind, register, …)");
		t->failed = true;
		return;
	}
	for (size_t i = 0; i < t->n_headers; i++) {
		struct node *h = t->headers[i];
		for (size_t k = 0; k < i && h && h->quoted; k++)
			if (t->headers[k] && t->headers[k]->text == h->text) {
				find_error(l, h, "column '%s' stands twice", h->text);
				t->failed = true;
			}
		if (!h->quoted && *h->text)
			find_error(l, h, "unknown column '%s'%s", h->text, nearest_hint(l, nearest_word(h->text, column_word, t)));
		if (!h->quoted)
			t->headers[i] = NULL;
	}
}

static void take_header(struct table *t, const char *text)
{
	if (t->n_headers < TABLE_COLUMNS_MAX) {
		t->headers[t->n_headers++] = cell_node(t, NODE_SCALAR, text);
		return;
	}
	find_at(t->l, FINDING_ERROR, t->source, t->start_line, t->start_col, "more than %d columns", TABLE_COLUMNS_MAX);
	t->failed = true;
}

static void take_cell(struct table *t, const char *text, int width)
{
	if (t->n_cells == 0 && *text == '#')
		t->comment = true;
	if (t->comment)
		return;
	t->cells = arena_grow(&t->l->scratch, t->cells, t->n_cells, &t->cap_cells, sizeof *t->cells);
	t->cells[t->n_cells++] = (struct cell){ text, t->start_line, t->start_col, width };
}

/* ---- a number with a decimal comma, in a table whose cells are parted by commas ---- */

static const struct bind_key *column_of(const struct table *t, size_t column)
{
	for (size_t i = 0; column < t->n_headers && t->headers[column] && i < t->n_columns; i++)
		if (t->columns[i].key == t->headers[column]->text)
			return &t->columns[i];
	return NULL;
}

static bool is_digits(const char *text)
{
	return *text && text[strspn(text, "0123456789")] == '\0';
}

/* Cells i and i + 1 as two halves of a number: 0|35, with nothing but the comma between them. */
static bool may_be_halves(const struct table *t, size_t i)
{
	const struct cell *a = &t->cells[i], *b = a + 1;

	return i + 1 < t->n_cells && a->width && b->width && is_digits(a->text + (*a->text == '-')) && is_digits(b->text) && b->line == a->line &&
	       b->column == a->column + (int)strlen(a->text) + 1;
}

/* Whether a text could stand there at all, at a glance. */
static bool fits(const struct bind_key *column, const char *text)
{
	struct decimal number;

	if (!column || !*text)
		return true;
	if (column->type == BIND_DECIMAL)
		return decimal_parse(text, &number) == 0;
	if (column->type == BIND_WORD) {
		for (size_t i = 0; column->words[i]; i++)
			if (strcmp(column->words[i], text) == 0)
				return true;
		return false;
	}
	if (column->type == BIND_DURATION || strcmp(column->key, "unit") == 0)
		return !is_digits(text);
	return column->type != BIND_INT || is_digits(text);
}

/* The ways to read a row of n cells with so many commas taken for decimal ones. Few columns take decimals, so there are few. */
struct joining {
	const struct table *t;
	size_t              n, n_ways;
	size_t              at[JOINS_MAX], first[JOINS_MAX]; /* which cells are joined with the next: in the way that is tried, in the first that fits */
};

static void try_ways(struct joining *j, size_t cell, size_t column, size_t n_at, size_t left)
{
	const struct table *t = j->t;
	const struct bind_key *key = column_of(t, column);

	if (j->n_ways > 1 || (column >= t->n_headers && cell < j->n))
		return;
	if (cell >= j->n) {
		if (left == 0 && j->n_ways++ == 0)
			memcpy(j->first, j->at, sizeof j->first);
		return;
	}
	if (fits(key, t->cells[cell].text))
		try_ways(j, cell + 1, column + 1, n_at, left);
	if (left && key && key->type == BIND_DECIMAL && may_be_halves(t, cell)) {
		j->at[n_at] = cell;
		try_ways(j, cell + 2, column + 1, n_at + 1, left - 1);
	}
}

/* Each is said, and mended for what is checked further on: everything behind it stands in the wrong column. */
static void join(struct table *t, size_t i)
{
	struct cell *a = &t->cells[i];

	find_at(t->l, FINDING_ERROR, t->source, a->line, a->column, "'%s,%s' is two cells, for commas part the cells here: the decimal point is a '.', write %s.%s",
	        a->text, a[1].text, a->text, a[1].text);
	a->text = arena_printf(&t->l->scratch, "%s.%s", a->text, a[1].text);
	a->width = 0;
	t->n_cells--;
	memmove(a + 1, a + 2, (t->n_cells - i - 1) * sizeof *a);
}

/* A row that is longer than the header, or that makes no sense as it stands, and does when commas are taken for decimal ones. */
static void join_halves(struct table *t)
{
	struct joining j = { .t = t, .n = t->n_cells };

	while (j.n > 0 && !*t->cells[j.n - 1].text)
		j.n--;
	size_t n = j.n > t->n_headers ? j.n - t->n_headers : 0;
	if (n == 0) {
		try_ways(&j, 0, 0, 0, 0);
		if (j.n_ways)
			return;
		n = 1;
	}
	if (n > JOINS_MAX)
		return;
	try_ways(&j, 0, 0, 0, n);
	if (j.n_ways == 1) {
		while (n-- > 0)
			join(t, j.first[n]);
	} else if (j.n_ways > 1 && j.n > t->n_headers) { /* which of them, only who wrote it knows */
		struct cell *c = &t->cells[j.first[0]];
		find_at(t->l, FINDING_ERROR, t->source, c->line, c->column,
		        "the row has %zu %s more than the header: a decimal comma makes two cells of a number; the decimal point is a '.'", n, n == 1 ? "cell" : "cells");
		t->n_cells = j.first[0];
	}
}

static struct node *make_row(struct table *t)
{
	struct loader *l = t->l;
	struct node *row = NULL;
	size_t cap = 0, filled = 0;

	for (size_t i = 0; i < t->n_cells; i++) {
		const struct cell *c = &t->cells[i];
		if (*c->text && i >= t->n_headers)
			find_at(l, FINDING_ERROR, t->source, c->line, c->column, "'%s' stands in column %zu, but the header names only %zu", c->text, i + 1, t->n_headers);
		if (!*c->text || i >= t->n_headers || !t->headers[i])
			continue; /* what is wrong with a header is said there */
		if (!row) {
			row = arena_take(&l->scratch, 1, sizeof *row);
			*row = (struct node){ .type = NODE_MAP, .line = c->line, .column = c->column, .source = t->source };
		}
		struct node *cell = arena_take(&l->scratch, 1, sizeof *cell);
		*cell = (struct node){ .type = NODE_SCALAR, .line = c->line, .column = c->column, .source = t->source, .text = c->text };
		for (int k = 0; k < 2; k++) {
			row->items = arena_grow(&l->scratch, row->items, filled, &cap, sizeof *row->items);
			row->items[filled++] = k == 0 ? t->headers[i] : cell;
		}
	}
	if (row)
		row->n = filled / 2;
	return row;
}

static void on_field(void *data, size_t len, void *user)
{
	struct table *t = user;

	if (t->failed)
		return;
	if (!t->open) { /* an empty field: it stands where its delimiter does */
		t->start_line = t->line;
		t->start_col = t->col;
	}
	bool plain = t->open && !t->quoted && t->line == t->start_line;
	t->open = false;
	if (data && memchr(data, '\0', len)) {
		find_at(t->l, FINDING_ERROR, t->source, t->start_line, t->start_col, "a NUL character: is this a table at all?");
		t->failed = true;
		return;
	}
	char *text = trim(arena_text(&t->l->scratch, data ? data : "", data ? len : 0));
	if (t->header_done)
		take_cell(t, text, plain ? t->col - t->start_col : 0);
	else
		take_header(t, text);
}

static void on_row(int end, void *user)
{
	struct table *t = user;

	(void)end;
	t->open = false;
	if (t->failed)
		return;
	if (!t->header_done) {
		t->header_done = t->n_headers > 0;
		name_columns(t);
		return;
	}
	if (t->commas)
		join_halves(t);
	struct node *row = make_row(t);
	if (row) {
		t->list->items = arena_grow(&t->l->scratch, t->list->items, t->list->n, &t->cap_rows, sizeof *t->list->items);
		t->list->items[t->list->n++] = row;
		if (t->list->n > CONFIG_POINTS_MAX) {
			find_at(t->l, FINDING_ERROR, t->source, t->line, 1, "more than %u rows", CONFIG_POINTS_MAX);
			t->failed = true;
		}
	}
	t->n_cells = 0;
	t->comment = false;
}

/* Comma, semicolon or tab: the one that the header line has most of. */
static unsigned char find_delimiter(const char *text, size_t len)
{
	static const char candidates[] = ",;\t";
	size_t counts[3] = { 0 }, best = 0;
	bool quoted = false;

	for (size_t i = 0; i < len && (quoted || (text[i] != '\n' && text[i] != '\r')); i++) {
		quoted ^= text[i] == '"';
		for (size_t k = 0; k < 3 && !quoted; k++)
			counts[k] += text[i] == candidates[k];
	}
	for (size_t k = 1; k < 3; k++)
		if (counts[k] > counts[best])
			best = k;
	return (unsigned char)candidates[best];
}

static void feed_byte(struct table *t, char byte, unsigned char delimiter)
{
	struct csv_parser *p = &t->l->live.table;
	bool blank = (byte == ' ' || byte == '\t' || byte == '\r' || byte == '\n') && byte != (char)delimiter;

	if (!t->open && !blank && byte != (char)delimiter) {
		t->open = true;
		t->quoted = byte == '"';
		t->start_line = t->line;
		t->start_col = t->col;
	}
	if (csv_parse(p, &byte, 1, on_field, on_row, t) != 1) {
		if (csv_error(p) == CSV_ENOMEM)
			longjmp(t->l->oom, 1);
		find_at(t->l, FINDING_ERROR, t->source, t->line, t->col, "a quote in the middle of a cell: quote the whole cell and double the quote");
		t->failed = true;
	}
	if (byte == '\n') {
		t->line++;
		t->col = 1;
	} else if (((unsigned char)byte & 0xC0) != 0x80) {
		t->col++;
	}
}

static void parse(struct table *t, const char *text, size_t len)
{
	struct loader *l = t->l;
	unsigned char delimiter = find_delimiter(text, len);

	t->commas = delimiter == ',';

	if (csv_init(&l->live.table, CSV_STRICT | CSV_STRICT_FINI) != 0)
		longjmp(l->oom, 1);
	l->live.csv = true;
	csv_set_delim(&l->live.table, delimiter);
	for (size_t i = 0; i < len && !t->failed; i++)
		feed_byte(t, text[i], delimiter);
	if (!t->failed && csv_fini(&l->live.table, on_field, on_row, t) != 0) {
		if (csv_error(&l->live.table) == CSV_ENOMEM)
			longjmp(l->oom, 1);
		find_at(l, FINDING_ERROR, t->source, t->start_line, t->start_col, "a quoted cell is never closed");
		t->failed = true;
	}
	csv_free(&l->live.table);
	l->live.csv = false;
	if (!t->failed && !t->header_done) {
		find_at(l, FINDING_ERROR, t->source, 1, 1, "the table is empty");
		t->failed = true;
	}
}

static void check_columns(struct table *t)
{
	for (size_t i = 0; i < t->n_columns; i++) {
		bool there = !(t->columns[i].flags & BIND_REQUIRED);
		for (size_t k = 0; k < t->n_headers && !there; k++)
			there = t->headers[k] && t->headers[k]->text == t->columns[i].key;
		if (!there) {
			find_at(t->l, FINDING_ERROR, t->source, 1, 1, "column '%s' is missing", t->columns[i].key);
			t->failed = true;
		}
	}
}

const struct node *table_read(struct loader *l, const char *shown, const struct node *at, const struct bind_key *columns, size_t n_columns)
{
	size_t len;

	for (size_t i = 0; i < l->n_files; i++)
		if (strcmp(l->files[i].source->shown, shown) == 0)
			return l->files[i].root;
	const struct source *source = source_new(l, shown);
	size_t index = l->n_files;
	*ARENA_PUSH(&l->scratch, l->files, l->n_files, l->cap_files) = (struct read_file){ .source = source };
	const char *text = source_read(l, source, at, &len);
	if (!text)
		return NULL;
	struct table t = { .l = l, .source = source, .columns = columns, .n_columns = n_columns, .line = 1, .col = 1, .start_line = 1, .start_col = 1 };
	t.list = cell_node(&t, NODE_LIST, NULL);
	parse(&t, text, len);
	if (!t.failed)
		check_columns(&t);
	if (t.failed)
		return NULL;
	l->files[index].root = t.list;
	return t.list;
}
