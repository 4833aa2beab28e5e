/* Counters by name, and durations with their ranks; both bounded. */
#include "gateway/report_inside.h"

#include <stdlib.h>
#include <string.h>

/* ---- durations ---- */

static void thin_out(struct times *t)
{
	for (size_t i = 0; i < t->n_kept / 2; i++)
		t->kept[i] = t->kept[i * 2];
	t->n_kept /= 2;
	t->stride *= 2;
}

int times_add(struct times *t, int64_t ms)
{
	if (ms < 0)
		ms = 0; /* the clock was set back meanwhile */
	if (ms > t->max)
		t->max = ms;
	if (!t->stride)
		t->stride = 1;
	if (t->n++ % t->stride)
		return 0;
	if (t->n_kept == TIMES_MAX)
		thin_out(t);
	if (t->n_kept == t->cap) {
		size_t cap = t->cap ? t->cap * 2 : 64;
		int64_t *more = reallocarray(t->kept, cap, sizeof *more);
		if (!more)
			return -1;
		t->kept = more;
		t->cap = cap;
	}
	t->kept[t->n_kept++] = ms;
	return 0;
}

static int by_size(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return (x > y) - (x < y);
}

void times_sort(struct times *t)
{
	if (t->n_kept)
		qsort(t->kept, t->n_kept, sizeof *t->kept, by_size);
}

int64_t times_rank(const struct times *t, unsigned percent)
{
	size_t rank = (t->n_kept * percent + 99) / 100;

	return t->n_kept ? t->kept[rank ? rank - 1 : 0] : 0;
}

int times_join(struct times *a, const struct times *b)
{
	if (b->n_kept) {
		int64_t *more = reallocarray(a->kept, a->n_kept + b->n_kept, sizeof *more);
		if (!more)
			return -1;
		memcpy(more + a->n_kept, b->kept, b->n_kept * sizeof *more);
		a->kept = more;
		a->n_kept = a->cap = a->n_kept + b->n_kept;
	}
	a->n += b->n;
	a->max = a->max > b->max ? a->max : b->max;
	a->stride = a->stride > b->stride ? a->stride : b->stride;
	a->never += b->never;
	a->waiting += b->waiting;
	a->unneeded += b->unneeded;
	times_sort(a);
	return 0;
}

void times_done(struct times *t)
{
	free(t->kept);
	*t = (struct times){ 0 };
}

/* ---- names ---- */

struct tally *tally_of(struct tallies *t, const char *name, bool *failed)
{
	uint32_t at = strmap_get(&t->by_name, name);

	if (at != STRMAP_NONE)
		return &t->items[at];
	if (t->n == REPORT_NAMES_MAX) {
		t->left_out++;
		return NULL;
	}
	if (t->n == t->cap) {
		size_t cap = t->cap ? t->cap * 2 : 32;
		struct tally *more = reallocarray(t->items, cap, sizeof *more);
		*failed = *failed || !more;
		if (!more)
			return NULL;
		t->items = more;
		t->cap = cap;
	}
	char *copy = strdup(name);
	if (!copy || strmap_put(&t->by_name, copy, (uint32_t)t->n)) {
		free(copy);
		*failed = true;
		return NULL;
	}
	t->items[t->n] = (struct tally){ .name = copy };
	return &t->items[t->n++];
}

void tallies_done(struct tallies *t)
{
	for (size_t i = 0; i < t->n; i++)
		free(t->items[i].name);
	free(t->items);
	strmap_done(&t->by_name);
	*t = (struct tallies){ 0 };
}
