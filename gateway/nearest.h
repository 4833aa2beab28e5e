/* nearest: which known word someone may have meant. */
#ifndef FIREGW_GATEWAY_NEAREST_H
#define FIREGW_GATEWAY_NEAREST_H

#include <stddef.h>

/* The word of the list that is fewest edits away (a swap of neighbours is one), or NULL if none is near: at most one edit in three letters. Case does not count.
 * A word may be NULL (skipped). */
const char *nearest_find(const char *text, const char *const *words, size_t n);

#endif
