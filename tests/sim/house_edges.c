/* The symbols here take the place of those in loop.c, mailbox.c, worker.c, poller.c, uplink_link.c, control.c, verbs.c, commands.c (house_absent.c), and of a few of libuv's and the C library's. */
#include "tests/sim/house_edges.h"

#include <assert.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#define WORKERS 2
#define TIMERS  64
#define SIDE_STACK (1 << 20)

enum side_state { SIDE_IDLE, SIDE_STARTING, SIDE_PAUSED, SIDE_RAN };
/* A worker's thread; it runs only between go and back. */
struct side {
	struct worker  *w;
	pthread_t       thread;
	sem_t           go, back;
	struct job     *job;
	enum side_state state;
	int64_t         wake_ns;
	bool            quit;
};

static struct edges {
	struct house *h;
	struct side   sides[WORKERS];
	struct loop  *loop;
	uv_check_t   *check;
	uv_check_cb   check_cb;
	bool          closed;
} edges;

void edges_take(struct house *h)
{
	memset(&edges, 0, sizeof edges);
	edges.h = h;
}

/* ---- the loop ---- */

void loop_timer_init(struct loop_timer *t, void (*fire)(void *user, struct stamp now), void *user)
{
	*t = (struct loop_timer){ .deadline_ns = CLOCK_NEVER, .pos = SIZE_MAX, .fire = fire, .user = user };
}

int loop_init(struct loop *l, uv_loop_t *uv, struct err *reterr)
{
	(void)reterr;
	memset(l, 0, sizeof *l);
	l->uv = uv;
	l->heap = calloc(TIMERS, sizeof *l->heap);
	edges.loop = l;
	edges.closed = false;
	return l->heap ? 0 : -1;
}

void loop_close(struct loop *l)
{
	l->closing = true;
	edges.closed = true;
}

void loop_done(struct loop *l)
{
	free(l->heap);
	l->heap = NULL;
	edges.loop = NULL;
	edges.check = NULL;
	edges.closed = false;
}

void loop_set_newest(struct loop *l, int64_t newest_ms, int64_t sure_ms)
{
	(void)sure_ms;
	l->not_before_ms = newest_ms;
}

struct stamp loop_now(struct loop *l)
{
	(void)l;
	return edges.h->now;
}

int loop_timer_room(struct loop *l, size_t more)
{
	return l->n + more <= TIMERS ? 0 : -1;
}

int64_t loop_take_late(struct loop *l)
{
	(void)l;
	return 0;
}

void loop_timer_set(struct loop *l, struct loop_timer *t, int64_t deadline_ns)
{
	if (deadline_ns <= l->firing_ns)
		deadline_ns = l->firing_ns + 1;
	t->deadline_ns = deadline_ns;
	if (deadline_ns == CLOCK_NEVER) {
		if (t->pos != SIZE_MAX) {
			l->heap[t->pos] = l->heap[--l->n];
			l->heap[t->pos]->pos = t->pos;
			t->pos = SIZE_MAX;
		}
	} else if (t->pos == SIZE_MAX) {
		assert(l->n < TIMERS);
		t->pos = l->n++;
		l->heap[t->pos] = t;
	}
}

static struct loop_timer *earliest(const struct loop *l)
{
	struct loop_timer *first = NULL;

	for (size_t i = 0; i < l->n; i++)
		if (!first || l->heap[i]->deadline_ns < first->deadline_ns)
			first = l->heap[i];
	return first;
}

bool edges_fire(struct stamp now)
{
	struct loop *l = edges.loop;
	bool fired = false;

	for (struct loop_timer *t = earliest(l); t && t->deadline_ns <= now.mono_ns && !edges.closed; t = earliest(l)) {
		l->firing_ns = now.mono_ns;
		loop_timer_set(l, t, CLOCK_NEVER);
		t->fire(t->user, now);
		fired = true;
	}
	if (!edges.closed)
		l->firing_ns = 0;
	return fired;
}

void edges_check(void)
{
	if (edges.check)
		edges.check_cb(edges.check);
}

bool edges_closed(void)
{
	return edges.closed;
}

static bool has_jobs(const struct side *s)
{
	return s->w && (s->w->first || s->w->first_urgent);
}

int64_t edges_next(void)
{
	struct loop_timer *t = earliest(edges.loop);
	int64_t next = t ? t->deadline_ns : CLOCK_NEVER;

	for (size_t i = 0; i < WORKERS; i++)
		if (edges.sides[i].w && edges.sides[i].state != SIDE_IDLE && edges.sides[i].wake_ns < next)
			next = edges.sides[i].wake_ns;
		else if (edges.sides[i].state == SIDE_IDLE && has_jobs(&edges.sides[i]) && edges.h->now.mono_ns < next)
			next = edges.h->now.mono_ns; /* given at the turn's end: it is taken with the next */
	return next;
}

/* ---- the mailbox ---- */

void mailbox_init(struct mailbox *b, uv_loop_t *loop)
{
	(void)loop;
	b->first = b->last = NULL;
}

void mailbox_post(struct mailbox *b, struct mail *m)
{
	m->next = NULL;
	*(b->last ? &b->last->next : &b->first) = m;
	b->last = m;
}

void mailbox_drain(struct mailbox *b)
{
	struct mail *m = b->first;

	b->first = b->last = NULL;
	while (m) {
		struct mail *next = m->next;
		m->open(m);
		m = next;
	}
}

void mailbox_close(struct mailbox *b) { (void)b; }
void mailbox_done(struct mailbox *b) { (void)b; }

bool edges_drain(struct app *a)
{
	bool some = a->box.first != NULL;

	mailbox_drain(&a->box);
	return some;
}

void edges_forget_mail(struct mailbox *b)
{
	while (b->first)
		mailbox_drain(b);
}

/* ---- the threads ---- */

static void *side_main(void *arg)
{
	struct side *s = arg;

	for (;;) {
		sem_wait(&s->go);
		if (s->quit)
			return NULL;
		s->job->run(s->job, s->w->context);
		s->state = SIDE_RAN;
		sem_post(&s->back);
	}
}

static struct side *side_of(const struct worker *w)
{
	for (size_t i = 0; i < WORKERS; i++)
		if (edges.sides[i].w == w)
			return &edges.sides[i];
	return NULL;
}

static void give_turn(struct side *s)
{
	sem_post(&s->go);
	sem_wait(&s->back);
}

static struct job *take_job(struct worker *w)
{
	struct job **first = w->first_urgent ? &w->first_urgent : &w->first, **last = w->first_urgent ? &w->last_urgent : &w->last;
	struct job *j = *first;

	if (j && !(*first = j->next))
		*last = NULL;
	return j;
}

static void on_job_mail(struct mail *m)
{
	struct job *j = (struct job *)m;

	j->done(j);
}

static void post_job(struct side *s)
{
	struct job *j = s->job;

	s->job = NULL;
	s->state = SIDE_IDLE;
	j->mail.open = on_job_mail;
	mailbox_post(s->w->box, &j->mail);
}

static int64_t some_ms(uint64_t most)
{
	return (int64_t)roll(&edges.h->dice, most + 1) * CLOCK_NS_PER_MS;
}

/* True: it moved. */
static bool side_step(struct side *s, int64_t now_ns)
{
	switch (s->state) {
	case SIDE_IDLE:
		s->job = take_job(s->w);
		if (!s->job)
			return false;
		s->state = SIDE_STARTING;
		s->wake_ns = now_ns + some_ms(roll(&edges.h->dice, 4) ? 2 : 30);
		if (s->wake_ns < edges.h->stall_until_ns)
			s->wake_ns = edges.h->stall_until_ns;
		return true;
	case SIDE_STARTING:
	case SIDE_PAUSED:
		if (s->wake_ns > now_ns)
			return false;
		give_turn(s);
		if (s->state == SIDE_RAN)
			s->wake_ns = now_ns + some_ms(roll(&edges.h->dice, 4) ? 1 : 10);
		return true;
	case SIDE_RAN:
		if (s->wake_ns > now_ns)
			return false;
		post_job(s);
		return true;
	}
	return false;
}

bool edges_work(int64_t now_ns)
{
	bool moved = false;

	for (size_t i = 0; i < WORKERS; i++)
		if (edges.sides[i].w)
			while (side_step(&edges.sides[i], now_ns)) {
				moved = true;
				if (edges.h->dies_by_fault && fault_vfs_hit(edges.h->vfs))
					return true;
			}
	return moved;
}

bool edges_idle(void)
{
	for (size_t i = 0; i < WORKERS; i++)
		if (edges.sides[i].w && (edges.sides[i].state != SIDE_IDLE || has_jobs(&edges.sides[i])))
			return false;
	return true;
}

int worker_start(struct worker *w, const char *name, struct mailbox *box, void *context)
{
	struct side *s = side_of(NULL);
	pthread_attr_t attr;

	(void)name;
	memset(w, 0, sizeof *w);
	w->box = box;
	w->context = context;
	w->started = true;
	assert(s);
	*s = (struct side){ .w = w };
	sem_init(&s->go, 0, 0);
	sem_init(&s->back, 0, 0);
	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, SIDE_STACK);
	int r = pthread_create(&s->thread, &attr, side_main, s);
	pthread_attr_destroy(&attr);
	return r;
}

void worker_add(struct worker *w, struct job *j, bool urgent)
{
	if (!w->started)
		return;
	struct job **first = urgent ? &w->first_urgent : &w->first, **last = urgent ? &w->last_urgent : &w->last;
	j->next = NULL;
	*(*last ? &(*last)->next : first) = j;
	*last = j;
}

bool worker_take_back(struct worker *w, struct job *j)
{
	(void)w;
	(void)j;
	return false;
}

bool worker_is_stopping(struct worker *w)
{
	return w->stopping;
}

void worker_pause(struct worker *w, unsigned ms)
{
	struct side *s = side_of(w);

	if (w->stopping)
		return;
	s->state = SIDE_PAUSED;
	s->wake_ns = edges.h->now.mono_ns + ms * CLOCK_NS_PER_MS;
	sem_post(&s->back);
	sem_wait(&s->go);
}

void worker_stop(struct worker *w)
{
	w->stopping = true;
}

void worker_join(struct worker *w)
{
	struct side *s = side_of(w);

	if (!w->started)
		return;
	do
		s->wake_ns = INT64_MIN; /* nobody waits any more */
	while (side_step(s, edges.h->now.mono_ns));
	s->quit = true;
	sem_post(&s->go);
	pthread_join(s->thread, NULL);
	sem_destroy(&s->go);
	sem_destroy(&s->back);
	s->w = NULL;
	w->started = false;
}

/* ---- the lines ---- */

struct poller { const struct config_bus *bus; };

int poller_open(struct loop *l, const struct poller_config *c, struct poller **ret, struct err *reterr)
{
	(void)l;
	(void)reterr;
	*ret = calloc(1, sizeof **ret);
	assert(*ret);
	(*ret)->bus = c->bus;
	return 0;
}

void poller_close(struct poller *p) { free(p); }
void poller_set_map(struct poller *p, struct point_map map) { (void)p; free(map.to); }
const struct config_bus *poller_bus(const struct poller *p) { return p->bus; }

uint32_t poller_map(const struct poller *p, uint32_t point)
{
	(void)p;
	return point;
}

int poller_learned(const struct poller *p, struct strbuf *out)
{
	(void)p;
	(void)out;
	return 0;
}

void poller_stats(const struct poller *p, struct bus_stats *ret)
{
	struct house_line line = { !edges.h->silent, edges.h->now.mono_ns };

	if (edges.h->on_line)
		edges.h->on_line(edges.h->user, p->bus->bus.name, NULL, &line);
	*ret = (struct bus_stats){ .connected = line.connected, .last_good_ns = line.last_good_ns };
}

void poller_unit_stats(const struct poller *p, size_t device, struct bus_unit_stats *ret)
{
	struct house_line line = { true, edges.h->now.mono_ns };

	if (edges.h->on_line)
		edges.h->on_line(edges.h->user, p->bus->bus.name, p->bus->bus.devices[device].name, &line);
	*ret = (struct bus_unit_stats){ .last_good_ns = line.last_good_ns };
}

/* ---- the links: the handle is the fake hub itself ---- */

struct uplink_link *uplink_link_new(uv_loop_t *loop, const struct hub_config *config, const char *program, const struct hub_events *events, struct err *reterr)
{
	(void)loop;
	(void)program;
	(void)reterr;
	for (size_t i = 0; i < HOUSE_HUBS; i++)
		if (strcmp(edges.h->hub_names[i], config->name) == 0) {
			edges.h->hubs[i].events = *events;
			return (struct uplink_link *)(void *)&edges.h->hubs[i];
		}
	return NULL;
}

const struct hub_ops *uplink_link_ops(void)
{
	return &fake_hub_ops;
}

static void nobody_down(void *user, enum hub_down why, const char *text)
{
	(void)user;
	(void)why;
	(void)text;
}

void uplink_link_close(struct uplink_link *l, void (*closed)(void *user), void *user)
{
	struct fake_hub *k = (struct fake_hub *)(void *)l;

	if (!k)
		return;
	k->events = (struct hub_events){ .down = nobody_down };
	fake_hub_lose(k, HUB_DOWN_PROCESS, "closed");
	if (closed)
		closed(user);
}

void edges_stored(const struct outmsg *m)
{
	if (edges.h->on_stored)
		edges.h->on_stored(edges.h->user, m);
}

/* ---- libuv and the C library ---- */

/* A reload's helper is done before the loop goes on. */
int uv_thread_create(uv_thread_t *thread, uv_thread_cb run, void *arg)
{
	(void)thread;
	run(arg);
	return 0;
}

int uv_thread_join(uv_thread_t *thread) { (void)thread; return 0; }
int uv_loop_init(uv_loop_t *loop) { (void)loop; return 0; }
int uv_loop_close(uv_loop_t *loop) { (void)loop; return 0; }
int uv_signal_init(uv_loop_t *loop, uv_signal_t *s) { (void)loop; (void)s; return 0; }
int uv_signal_start(uv_signal_t *s, uv_signal_cb cb, int number) { (void)s; (void)cb; (void)number; return 0; }
int uv_check_init(uv_loop_t *loop, uv_check_t *check) { (void)loop; (void)check; return 0; }
void uv_close(uv_handle_t *handle, uv_close_cb cb) { (void)handle; (void)cb; }
uint64_t uv_hrtime(void) { return (uint64_t)edges.h->now.mono_ns; }

int uv_check_start(uv_check_t *check, uv_check_cb cb)
{
	edges.check = check;
	edges.check_cb = cb;
	return 0;
}

unsigned alarm(unsigned seconds)
{
	(void)seconds;
	return 0;
}

ssize_t getrandom(void *buf, size_t len, unsigned flags)
{
	uint8_t *to = buf;

	(void)flags;
	for (size_t i = 0; i < len; i++)
		to[i] = (uint8_t)roll(&edges.h->dice, 256);
	return (ssize_t)len;
}

/* Of a size for ten points: hundreds of lives are begun. */
struct batch *__real_batch_new(struct batch_sizes sizes);
struct batch *__wrap_batch_new(struct batch_sizes sizes);
struct batch *__wrap_batch_new(struct batch_sizes sizes)
{
	if (edges.h->is_elsewhere)
		return __real_batch_new(sizes);
	sizes.readings = 1024;
	sizes.states = 512;
	sizes.events = 4;
	sizes.arena = 1 << 13;
	if (sizes.grow >= 1 << 20)
		sizes.grow = 0; /* beside what the alarms need: so that a store that fails for a while finds it full */
	return __real_batch_new(sizes);
}

int __real_clock_gettime(clockid_t clock, struct timespec *ts);
int __wrap_clock_gettime(clockid_t clock, struct timespec *ts);
int __wrap_clock_gettime(clockid_t clock, struct timespec *ts)
{
	if (!edges.h || clock != CLOCK_REALTIME)
		return __real_clock_gettime(clock, ts);
	*ts = (struct timespec){ edges.h->now.wall_ms / 1000, edges.h->now.wall_ms % 1000 * CLOCK_NS_PER_MS };
	return 0;
}

#ifdef __SANITIZE_ADDRESS__
/* What was freed is kept apart less long, for the batches of hundreds of lives are large. */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
	return "quarantine_size_mb=16";
}
#endif
