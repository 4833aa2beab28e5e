#include "gateway/nearest.h"

#include <ctype.h>
#include <string.h>

#define WORD_MAX 40 /* longer texts are near to nothing */

static size_t least(size_t a, size_t b)
{
	return a < b ? a : b;
}

static char lower(char ch)
{
	return (char)tolower((unsigned char)ch);
}

/* Edits (insert, delete, replace, swap of neighbours) from a to b, both at most WORD_MAX. */
static size_t distance(const char *a, size_t n, const char *b, size_t m)
{
	size_t rows[3][WORD_MAX + 1];
	size_t *before = rows[0], *last = rows[1], *row = rows[2];

	for (size_t j = 0; j <= m; j++)
		last[j] = before[j] = j;
	for (size_t i = 1; i <= n; i++) {
		row[0] = i;
		for (size_t j = 1; j <= m; j++) {
			size_t d = last[j - 1] + (lower(a[i - 1]) != lower(b[j - 1]));
			d = least(d, least(last[j], row[j - 1]) + 1);
			if (i > 1 && j > 1 && lower(a[i - 1]) == lower(b[j - 2]) && lower(a[i - 2]) == lower(b[j - 1]))
				d = least(d, before[j - 2] + 1);
			row[j] = d;
		}
		size_t *free_row = before;
		before = last;
		last = row;
		row = free_row;
	}
	return last[m];
}

const char *nearest_find(const char *text, const char *const *words, size_t n)
{
	size_t len = strlen(text), best = WORD_MAX;
	const char *found = NULL;

	if (len == 0 || len > WORD_MAX)
		return NULL;
	for (size_t i = 0; i < n; i++) {
		size_t word_len = words[i] ? strlen(words[i]) : 0;
		if (word_len == 0 || word_len > WORD_MAX)
			continue;
		size_t d = distance(text, len, words[i], word_len);
		size_t allowed = (len > word_len ? len : word_len) / 3;
		if (d <= (allowed ? allowed : 1) && d < best && d < word_len) {
			best = d;
			found = words[i];
		}
	}
	return found;
}
