/* table: rows in aligned columns, for terminals; and the colours. */
#ifndef FIREGW_GATEWAY_CLI_TABLE_H
#define FIREGW_GATEWAY_CLI_TABLE_H

#include "core/strbuf.h"

#include <stdbool.h>
#include <stddef.h>

enum style { STYLE_PLAIN, STYLE_BOLD, STYLE_DIM, STYLE_RED, STYLE_YELLOW, STYLE_GREEN };

/* What can be shown where the text goes. */
struct look {
	bool   color;
	size_t columns; /* of the terminal; 0: no terminal, lines have any length */
};

struct table_column { const char *title; bool right; };
#define TABLE_COLUMNS_MAX 12

struct table;
/* Columns are borrowed. NULL: no memory. */
struct table *table_new(const struct table_column *columns, size_t n);
void          table_free(struct table *t);
/* The next cell; rows fill up by themselves. The text is copied and made harmless; "" and NULL become "-". */
void          table_add(struct table *t, enum style style, const char *text);
void          table_addf(struct table *t, enum style style, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
size_t        table_rows(const struct table *t);
/* Appends title line and rows. Columns in which no row has anything are left out; what does not fit the terminal is cut, with a '…'. */
void          table_put(const struct table *t, const struct look *look, struct strbuf *out);

/* Text in a style, if there is colour. */
void style_put(struct strbuf *out, const struct look *look, enum style style, const char *text);
/* The same of a text from outside, which is made harmless. */
void style_put_human(struct strbuf *out, const struct look *look, enum style style, const char *text);
/* Text (harmless already) and spaces up to `columns`. */
void pad_put(struct strbuf *out, const char *text, size_t columns);

#endif
