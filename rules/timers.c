#include "rules/timers.h"

#include <stdlib.h>

int timers_init(struct timers *t, uint32_t count)
{
	*t = (struct timers){ 0 };
	/* One more than needed: calloc(0) may give NULL, which would look like no memory. */
	t->heap = calloc((size_t)count + 1, sizeof *t->heap);
	t->place = calloc((size_t)count + 1, sizeof *t->place);
	if (!t->heap || !t->place) {
		timers_done(t);
		return -1;
	}
	return 0;
}

void timers_done(struct timers *t)
{
	free(t->heap);
	free(t->place);
	*t = (struct timers){ 0 };
}

static bool is_before(const struct timers_entry *a, const struct timers_entry *b)
{
	if (a->deadline_ns != b->deadline_ns)
		return a->deadline_ns < b->deadline_ns;
	return a->timer < b->timer;
}

static void put(struct timers *t, uint32_t at, struct timers_entry e)
{
	t->heap[at] = e;
	t->place[e.timer] = at + 1;
}

/* Puts e at `at` or where the order wants it, towards the root or the leaves; the place `at` is free. */
static void settle(struct timers *t, uint32_t at, struct timers_entry e)
{
	while (at > 0 && is_before(&e, &t->heap[(at - 1) / 2])) {
		put(t, at, t->heap[(at - 1) / 2]);
		at = (at - 1) / 2;
	}
	for (uint32_t child = 2 * at + 1; child < t->n; child = 2 * at + 1) {
		if (child + 1 < t->n && is_before(&t->heap[child + 1], &t->heap[child]))
			child++;
		if (!is_before(&t->heap[child], &e))
			break;
		put(t, at, t->heap[child]);
		at = child;
	}
	put(t, at, e);
}

void timers_set(struct timers *t, uint32_t timer, int64_t deadline_ns)
{
	uint32_t at = t->place[timer];

	settle(t, at > 0 ? at - 1 : t->n++, (struct timers_entry){ deadline_ns, timer });
}

void timers_cancel(struct timers *t, uint32_t timer)
{
	uint32_t at = t->place[timer];

	if (at == 0)
		return;
	t->place[timer] = 0;
	struct timers_entry last = t->heap[--t->n];
	if (last.timer != timer)
		settle(t, at - 1, last);
}
