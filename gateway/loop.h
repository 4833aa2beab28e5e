/* loop: the event loop's clock and its one timer. A timerfd of CLOCK_BOOTTIME under one uv_poll serves the earliest deadline of everything. */
#ifndef FIREGW_GATEWAY_LOOP_H
#define FIREGW_GATEWAY_LOOP_H

#include "core/clock.h"
#include "core/err.h"

#include <uv.h>

/* Embedded in its owner; pos is the loop's. */
struct loop_timer {
	int64_t deadline_ns;
	size_t  pos;
	void  (*fire)(void *user, struct stamp now);
	void   *user;
};
void loop_timer_init(struct loop_timer *t, void (*fire)(void *user, struct stamp now), void *user);

struct loop {
	uv_loop_t           *uv;
	uv_poll_t            poll;
	int                  fd;
	struct loop_timer  **heap;
	size_t               n, cap;
	int64_t              armed_ns;
	int64_t              firing_ns;     /* the turn's moment while timers fire, else 0 */
	/* the wall clock's trust */
	int64_t              offset_ms;     /* wall - mono when last looked at */
	int64_t              not_before_ms; /* the newest stored record, until the clock is synchronised */
	bool                 doubted;       /* a step of over 5 s, or at the start implausibly far ahead; and not synchronised since */
	int64_t              asked_ns;      /* when the kernel was last asked whether it is synchronised */
	void               (*on_step)(void *user, int64_t by_ms, struct stamp now);
	void                *user;
	int64_t              worst_late_ns; /* the most that a deadline was missed by since loop_take_late */
	int64_t              began_ns;      /* the first turn with a timer; before it the program was starting, and the loop not late */
	bool                 closing, firing; /* firing: the timer is set once, at the end */
};

int  loop_init(struct loop *l, uv_loop_t *uv, struct err *reterr);
void loop_close(struct loop *l); /* the poll handle closes with the next turn of the loop */
void loop_done(struct loop *l);
/* At the start: the newest stored record, and the newest whose time is beyond doubt (0: none). A clock before the first, or over 30 days ahead of the second, is not trusted until the
 * kernel says that it is synchronised. Before the build's date it never is. */
void loop_set_newest(struct loop *l, int64_t newest_ms, int64_t sure_ms);
/* Reads both clocks; notices steps of the wall clock of over 5 s and tells on_step once a step. */
struct stamp loop_now(struct loop *l);
/* Sets or moves; CLOCK_NEVER stops it. Setting the same deadline again costs nothing. A timer that is set to the past while timers fire waits for the next turn of the
 * loop, so that one which keeps setting itself starves nobody. */
void loop_timer_set(struct loop *l, struct loop_timer *t, int64_t deadline_ns);
/* Room for so many more timers, so that setting them needs no memory. 0 or -1. */
int  loop_timer_room(struct loop *l, size_t more);
int64_t loop_take_late(struct loop *l);

#endif
