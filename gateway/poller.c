/* The happy path: step, poll what it wants, step again. Failure modes are the driver's; ours are a name that cannot be looked up (told to the driver) and a descriptor that
 * changed under the same number (the poll is made anew, as the generation says). */
#include "gateway/poller.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>

#define ADDRESSES_MAX 16

struct lookup {
	uv_getaddrinfo_t request;
	struct poller   *poller; /* NULL: nobody waits any more */
};

struct poller {
	struct loop             *loop;
	struct poller_config     c;
	struct bus_config        bus_config; /* the config's, with what the process shares */
	const struct driver_ops *ops;
	void                    *bus;
	struct sample_sink       sink;
	struct bus_wants         wants;
	uv_poll_t               *poll;       /* of wants.fd, or NULL */
	uint32_t                 generation;
	int                      poll_events;
	struct loop_timer        timer;
	struct lookup           *lookup;     /* under way, or NULL */
	struct point_map         map;
	bool                     asked;      /* a person's read waits for its answer */
	uint64_t                 token;
};

static void step(struct poller *p, const struct bus_event *ev);

static void free_handle(uv_handle_t *h)
{
	free(h);
}

static void drop_poll(struct poller *p)
{
	if (!p->poll)
		return;
	uv_poll_stop(p->poll);
	uv_close((uv_handle_t *)p->poll, free_handle);
	p->poll = NULL;
}

static int to_poll(int uv)
{
	return (uv & UV_READABLE ? POLLIN : 0) | (uv & UV_WRITABLE ? POLLOUT : 0) | (uv & UV_DISCONNECT ? POLLHUP : 0);
}

static int to_uv(int poll_events)
{
	return (poll_events & POLLIN ? UV_READABLE : 0) | (poll_events & POLLOUT ? UV_WRITABLE : 0);
}

static void on_poll(uv_poll_t *handle, int status, int events)
{
	struct poller *p = handle->data;
	struct bus_event ev = { .revents = status < 0 ? POLLERR : to_poll(events) };

	if (p->poll == handle)
		step(p, &ev);
}

/* The driver learns of a failed poll as an error of its descriptor: it closes it and tries again later. */
static void watch(struct poller *p)
{
	if (p->wants.fd < 0 || p->wants.fd_generation != p->generation) {
		drop_poll(p);
		p->poll_events = 0;
	}
	p->generation = p->wants.fd_generation;
	if (p->wants.fd < 0)
		return;
	if (!p->poll) {
		p->poll = malloc(sizeof *p->poll);
		if (!p->poll || uv_poll_init(p->loop->uv, p->poll, p->wants.fd)) {
			free(p->poll);
			p->poll = NULL;
			return; /* its deadline goes on stepping it */
		}
		p->poll->data = p;
	}
	if (p->poll_events != p->wants.poll_events) {
		p->poll_events = p->wants.poll_events;
		if (to_uv(p->poll_events))
			uv_poll_start(p->poll, to_uv(p->poll_events), on_poll);
		else
			uv_poll_stop(p->poll);
	}
}

static void on_resolved(uv_getaddrinfo_t *request, int status, struct addrinfo *found)
{
	struct lookup *l = (struct lookup *)request;
	struct poller *p = l->poller;
	const struct sockaddr *addresses[ADDRESSES_MAX];
	struct bus_event ev = { .addresses = addresses, .resolve_error = status, .resolve_text = status ? uv_strerror(status) : NULL };

	for (struct addrinfo *a = found; a && ev.n_addresses < ADDRESSES_MAX; a = a->ai_next)
		addresses[ev.n_addresses++] = a->ai_addr;
	if (p) {
		p->lookup = NULL;
		step(p, &ev);
	}
	uv_freeaddrinfo(found);
	free(l);
}

static bool resolve(struct poller *p)
{
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM };
	struct lookup *l = calloc(1, sizeof *l);

	if (!l)
		return false;
	l->poller = p;
	if (uv_getaddrinfo(p->loop->uv, &l->request, on_resolved, p->wants.resolve, NULL, &hints)) {
		free(l);
		return false;
	}
	p->lookup = l;
	return true;
}

static void step(struct poller *p, const struct bus_event *ev)
{
	p->ops->step(p->bus, ev, loop_now(p->loop), &p->sink, &p->wants);
	watch(p);
	if (p->wants.resolve && !p->lookup && !resolve(p)) {
		struct bus_event none = { .resolve_error = UV_ENOMEM, .resolve_text = "no memory to look it up" };
		p->ops->step(p->bus, &none, loop_now(p->loop), &p->sink, &p->wants);
		watch(p);
	}
	loop_timer_set(p->loop, &p->timer, p->wants.deadline_ns);
}

static void on_timer(void *user, struct stamp now)
{
	struct bus_event none = { 0 };

	(void)now;
	step(user, &none);
}

static void on_sample(void *user, const struct sample *s)
{
	struct poller *p = user;

	p->c.sample(p->c.user, p, s);
}

static void on_answer(void *user, uint64_t token, const uint16_t *values, size_t n, const struct err *error)
{
	struct poller *p = user;

	p->asked = false;
	p->c.answer(p->c.user, token, values, n, error);
}

int poller_request(struct poller *p, const struct bus_request *rq, struct err *reterr)
{
	if (p->ops->request(p->bus, rq, reterr))
		return -1;
	p->asked = true;
	p->token = rq->token;
	loop_timer_set(p->loop, &p->timer, loop_now(p->loop).mono_ns);
	return 0;
}

int poller_open(struct loop *l, const struct poller_config *c, struct poller **ret, struct err *reterr)
{
	struct poller *p = calloc(1, sizeof *p);

	if (!p) {
		free(c->learned);
		return err_set(reterr, ERR_NO_MEMORY, "no memory for bus '%s'", c->bus->bus.name);
	}
	p->loop = l;
	p->c = *c;
	p->ops = driver_find(c->bus->bus.transport);
	p->sink = (struct sample_sink){ on_sample, on_answer, p };
	p->wants = (struct bus_wants){ .fd = -1, .deadline_ns = CLOCK_NEVER };
	p->bus_config = c->bus->bus;
	p->bus_config.shared = c->shared;
	p->bus_config.learned = c->learned;
	if (!p->ops || p->ops->open(&p->bus_config, c->bus->points, c->bus->n_points, loop_now(l), &p->bus, reterr)) {
		if (!p->ops)
			err_set(reterr, ERR_UNSUPPORTED, "there is no driver for %s", c->bus->url);
		free(c->learned);
		free(p);
		return err_prefix(reterr, "bus '%s': ", c->bus->bus.name);
	}
	loop_timer_init(&p->timer, on_timer, p);
	loop_timer_set(l, &p->timer, loop_now(l).mono_ns);
	*ret = p;
	return 0;
}

void poller_close(struct poller *p)
{
	if (!p)
		return;
	loop_timer_set(p->loop, &p->timer, CLOCK_NEVER);
	drop_poll(p);
	if (p->lookup) {
		p->lookup->poller = NULL;
		uv_cancel((uv_req_t *)&p->lookup->request);
	}
	p->ops->close(p->bus);
	if (p->asked) {
		struct err e;

		err_set(&e, ERR_CLOSED, "the line was closed before it answered: firegwd stops, or its configuration changed; ask again");
		p->c.answer(p->c.user, p->token, NULL, 0, &e);
	}
	free(p->map.to);
	free(p->c.learned);
	free(p);
}

void poller_set_map(struct poller *p, struct point_map map)
{
	free(p->map.to);
	p->map = map;
}

uint32_t poller_map(const struct poller *p, uint32_t point)
{
	return p->map.to ? p->map.to[point - p->map.first] : point;
}

int poller_learned(const struct poller *p, struct strbuf *out)
{
	return p->ops->learned(p->bus, out);
}

const struct config_bus *poller_bus(const struct poller *p)
{
	return p->c.bus;
}

void poller_stats(const struct poller *p, struct bus_stats *ret)
{
	p->ops->stats(p->bus, ret);
}

void poller_unit_stats(const struct poller *p, size_t device, struct bus_unit_stats *ret)
{
	p->ops->unit_stats(p->bus, device, ret);
}
