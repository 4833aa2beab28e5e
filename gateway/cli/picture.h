/* picture: lines drawn over the last ones at the top of a terminal. Pure. */
#ifndef FIREGW_GATEWAY_CLI_PICTURE_H
#define FIREGW_GATEWAY_CLI_PICTURE_H

#include "core/strbuf.h"

/* The other screen, without a cursor, before the first picture; and back behind the last. */
extern const char picture_begin[], picture_end[];
/* Appends what draws the picture over the last one: at most `rows` lines, each cut to `columns` (0: any length). Styles take no room. */
void picture_over(struct strbuf *out, const char *picture, size_t rows, size_t columns);

#endif
