#include "gateway/loop.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/timerfd.h>
#include <sys/timex.h>
#include <time.h>
#include <unistd.h>

#define STEP_MS       5000
#define AHEAD_MS      (INT64_C(30) * 86400000) /* longer without a record, and a clock that nobody keeps right may stand anywhere */
#define ASK_EVERY_NS  CLOCK_NS_PER_S
#define BUILD_MS      (INT64_C(1000) * FIREGW_BUILD_EPOCH)
#define NO_POSITION   SIZE_MAX
#define HEAP_FIRST    64

void loop_timer_init(struct loop_timer *t, void (*fire)(void *user, struct stamp now), void *user)
{
	*t = (struct loop_timer){ .deadline_ns = CLOCK_NEVER, .pos = NO_POSITION, .fire = fire, .user = user };
}

static int64_t read_clock_ns(clockid_t id)
{
	struct timespec ts;

	clock_gettime(id, &ts);
	return (int64_t)ts.tv_sec * CLOCK_NS_PER_S + ts.tv_nsec;
}

/* Whether the kernel says that something keeps the clock right (NTP, PTP). */
static bool is_synchronised(void)
{
	struct timex tx = { 0 };

	int state = adjtimex(&tx);

	return state >= 0 && state != TIME_ERROR;
}

/* While in doubt the kernel is asked once a second: whoever keeps the clock right knows better than our records. */
static void look_again(struct loop *l, const struct stamp *s)
{
	if ((!l->doubted && s->wall_ms >= l->not_before_ms) || s->mono_ns - l->asked_ns < ASK_EVERY_NS)
		return;
	l->asked_ns = s->mono_ns;
	if (s->wall_ms < BUILD_MS || !is_synchronised())
		return;
	l->doubted = false;
	l->not_before_ms = BUILD_MS;
}

struct stamp loop_now(struct loop *l)
{
	struct stamp s = { .mono_ns = read_clock_ns(CLOCK_BOOTTIME), .wall_ms = read_clock_ns(CLOCK_REALTIME) / CLOCK_NS_PER_MS };
	int64_t offset = s.wall_ms - s.mono_ns / CLOCK_NS_PER_MS;
	int64_t by = offset - l->offset_ms;
	bool stepped = by > STEP_MS || by < -STEP_MS;

	l->offset_ms = offset; /* slewing is followed, so only a jump shows */
	if (stepped)
		l->doubted = true;
	else
		look_again(l, &s);
	s.wall_trusted = !l->doubted && s.wall_ms >= l->not_before_ms;
	if (stepped && l->on_step)
		l->on_step(l->user, by, s);
	return s;
}

void loop_set_newest(struct loop *l, int64_t newest_ms, int64_t sure_ms)
{
	int64_t wall_ms = read_clock_ns(CLOCK_REALTIME) / CLOCK_NS_PER_MS;

	if (newest_ms > l->not_before_ms)
		l->not_before_ms = newest_ms;
	if (sure_ms && wall_ms - sure_ms > AHEAD_MS && !is_synchronised())
		l->doubted = true;
}

static void place(struct loop *l, size_t pos, struct loop_timer *t)
{
	l->heap[pos] = t;
	t->pos = pos;
}

static void sift(struct loop *l, struct loop_timer *t)
{
	size_t pos = t->pos;

	while (pos > 0 && l->heap[(pos - 1) / 2]->deadline_ns > t->deadline_ns) {
		place(l, pos, l->heap[(pos - 1) / 2]);
		pos = (pos - 1) / 2;
	}
	for (;;) {
		size_t child = 2 * pos + 1;
		if (child + 1 < l->n && l->heap[child + 1]->deadline_ns < l->heap[child]->deadline_ns)
			child++;
		if (child >= l->n || l->heap[child]->deadline_ns >= t->deadline_ns)
			break;
		place(l, pos, l->heap[child]);
		pos = child;
	}
	place(l, pos, t);
}

static void take_out(struct loop *l, struct loop_timer *t)
{
	struct loop_timer *last = l->heap[--l->n];
	size_t pos = t->pos;

	t->pos = NO_POSITION;
	if (last == t)
		return;
	place(l, pos, last);
	sift(l, last);
}

static void arm(struct loop *l)
{
	int64_t next = l->n ? l->heap[0]->deadline_ns : CLOCK_NEVER;
	struct itimerspec its = { 0 };

	if (next == l->armed_ns || l->firing)
		return;
	l->armed_ns = next;
	if (next != CLOCK_NEVER) {
		if (next < 1)
			next = 1; /* zero would disarm */
		its.it_value = (struct timespec){ next / CLOCK_NS_PER_S, next % CLOCK_NS_PER_S };
	}
	timerfd_settime(l->fd, TFD_TIMER_ABSTIME, &its, NULL);
}

int loop_timer_room(struct loop *l, size_t more)
{
	size_t cap = l->cap;

	while (cap < l->n + more)
		cap *= 2;
	struct loop_timer **heap = cap > l->cap ? realloc(l->heap, cap * sizeof(struct loop_timer *)) : l->heap;
	if (!heap)
		return -1;
	l->heap = heap;
	l->cap = cap;
	return 0;
}

void loop_timer_set(struct loop *l, struct loop_timer *t, int64_t deadline_ns)
{
	if (deadline_ns <= l->firing_ns)
		deadline_ns = l->firing_ns + 1;
	if (t->deadline_ns == deadline_ns && (t->pos != NO_POSITION || deadline_ns == CLOCK_NEVER))
		return;
	t->deadline_ns = deadline_ns;
	if (deadline_ns == CLOCK_NEVER) {
		if (t->pos != NO_POSITION)
			take_out(l, t);
	} else {
		if (t->pos == NO_POSITION) {
			if (loop_timer_room(l, 1))
				abort(); /* timers are made at start and at reload only */
			t->pos = l->n++;
			l->heap[t->pos] = t;
		}
		sift(l, t);
	}
	arm(l);
}

static void on_timer(uv_poll_t *handle, int status, int events)
{
	struct loop *l = handle->data;
	struct stamp now = loop_now(l);

	(void)status;
	(void)events;
	l->firing = true;
	l->firing_ns = now.mono_ns;
	if (!l->began_ns)
		l->began_ns = now.mono_ns;
	while (l->n && l->heap[0]->deadline_ns <= now.mono_ns) {
		struct loop_timer *t = l->heap[0];
		int64_t late = now.mono_ns - (t->deadline_ns > l->began_ns ? t->deadline_ns : l->began_ns);
		if (late > l->worst_late_ns)
			l->worst_late_ns = late;
		take_out(l, t);
		t->deadline_ns = CLOCK_NEVER;
		t->fire(t->user, now);
		if (l->closing)
			return;
	}
	l->firing_ns = 0;
	/* Setting the timer also takes back that it fired: it needs no read. */
	l->firing = false;
	l->armed_ns = 0;
	arm(l);
}

int loop_init(struct loop *l, uv_loop_t *uv, struct err *reterr)
{
	memset(l, 0, sizeof *l);
	l->uv = uv;
	l->armed_ns = CLOCK_NEVER;
	l->cap = HEAP_FIRST;
	l->heap = calloc(l->cap, sizeof *l->heap);
	l->fd = timerfd_create(CLOCK_BOOTTIME, TFD_NONBLOCK | TFD_CLOEXEC);
	if (!l->heap || l->fd < 0) {
		err_set(reterr, ERR_IO, "cannot make the timer: %s", strerror(errno));
		loop_done(l);
		return -1;
	}
	l->offset_ms = read_clock_ns(CLOCK_REALTIME) / CLOCK_NS_PER_MS - read_clock_ns(CLOCK_BOOTTIME) / CLOCK_NS_PER_MS;
	l->not_before_ms = BUILD_MS;
	uv_poll_init(uv, &l->poll, l->fd);
	l->poll.data = l;
	uv_poll_start(&l->poll, UV_READABLE, on_timer);
	return 0;
}

void loop_close(struct loop *l)
{
	l->closing = true;
	uv_close((uv_handle_t *)&l->poll, NULL);
}

void loop_done(struct loop *l)
{
	if (l->fd >= 0)
		close(l->fd);
	l->fd = -1;
	free(l->heap);
	l->heap = NULL;
}

int64_t loop_take_late(struct loop *l)
{
	int64_t late = l->worst_late_ns;

	l->worst_late_ns = 0;
	return late;
}
