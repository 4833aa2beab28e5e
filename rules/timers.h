/* timers: deadlines of many numbered timers, the earliest first; a binary heap with positions that never allocates once it is made. */
#ifndef FIREGW_RULES_TIMERS_H
#define FIREGW_RULES_TIMERS_H

#include "core/clock.h"

/* Packed: there is room for one a timer, and most are never set. */
struct timers_entry {
	int64_t  deadline_ns;
	uint32_t timer;
} __attribute__((packed, aligned(4)));

/* Embedded; owns its arrays. Of equal deadlines the lower number is first, so that the order never depends on how the timers were set. */
struct timers {
	struct timers_entry *heap;
	uint32_t            *place; /* by timer: 1 + its place in the heap, 0: not set */
	uint32_t             n;
};

/* For timers 0 … count - 1, all unset. 0, or -1 (no memory). */
int  timers_init(struct timers *t, uint32_t count);
void timers_done(struct timers *t);
/* Sets or moves. */
void timers_set(struct timers *t, uint32_t timer, int64_t deadline_ns);
/* Unset ones are left alone. */
void timers_cancel(struct timers *t, uint32_t timer);

static inline int64_t timers_next(const struct timers *t)
{
	return t->n > 0 ? t->heap[0].deadline_ns : CLOCK_NEVER;
}

/* CLOCK_NEVER if it is not set. */
static inline int64_t timers_get(const struct timers *t, uint32_t timer)
{
	return t->place[timer] > 0 ? t->heap[t->place[timer] - 1].deadline_ns : CLOCK_NEVER;
}

#endif
