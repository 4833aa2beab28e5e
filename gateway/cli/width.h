/* width: how many columns of a terminal a UTF-8 text takes (Chinese characters take two). Pure; knows no locale. */
#ifndef FIREGW_GATEWAY_CLI_WIDTH_H
#define FIREGW_GATEWAY_CLI_WIDTH_H

#include <stddef.h>
#include <stdint.h>

/* The character at *text; moves behind it. A byte that is not UTF-8 is U+FFFD, of one column. 0 at the end, where it does not move. */
uint32_t width_next(const char **text);
/* Columns of a character: 0 for combining and invisible ones, 2 for wide ones, else 1. */
unsigned width_of_char(uint32_t ch);
size_t   width_of(const char *text);
/* Bytes of the longest start of the text that takes at most `columns`. */
size_t   width_cut(const char *text, size_t columns);

#endif
