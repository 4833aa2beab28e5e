/* The happy path: open, request, step, poll what the driver waits for, step again, until it answers. Failure modes are the driver's, in its words; a
 * connection that ended is opened anew for the next read, without the backoff that a daemon needs. */
#include "gateway/cli/probe_wire.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define ADDRESSES_MAX 16

struct probe_wire {
	struct plain_line       *line;
	const struct driver_ops *ops;
	struct driver_shared    *shared;
	struct bus_device        device;   /* the driver wants one; its timing is that of every read */
	struct addrinfo         *found;    /* NULL: the host is an address */
	void                    *bus;
	/* the read under way */
	uint64_t                 token;
	bool                     answered;
	uint16_t                *values;
	struct err              *error;
	int                      result;
};

static struct stamp now(void)
{
	struct timespec mono;

	clock_gettime(CLOCK_BOOTTIME, &mono);
	return (struct stamp){ .mono_ns = (int64_t)mono.tv_sec * CLOCK_NS_PER_S + mono.tv_nsec };
}

static int look_up(struct probe_wire *w, struct err *reterr)
{
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM };
	const char *host = w->line->bus.host;
	int e = host[0] ? getaddrinfo(host, NULL, &hints, &w->found) : 0;

	if (e)
		return err_set(reterr, ERR_NOT_FOUND, "%.200s: %s", host, e == EAI_SYSTEM ? strerror(errno) : gai_strerror(e));
	return 0;
}

static int open_bus(struct probe_wire *w, struct err *reterr)
{
	return w->bus ? 0 : w->ops->open(&w->line->bus, NULL, 0, now(), &w->bus, reterr);
}

int probe_wire_open(struct plain_line *line, int64_t timeout_ms, struct probe_wire **ret, struct err *reterr)
{
	struct probe_wire *w = calloc(1, sizeof *w);

	if (!w)
		return err_set(reterr, ERR_NO_MEMORY, "no memory");
	w->line = line;
	w->ops = driver_find(line->bus.transport);
	w->device = (struct bus_device){ .name = "probe", .unit = 1, .timing = { .timeout_ns = timeout_ms * CLOCK_NS_PER_MS, .max_registers = 125, .max_bits = 2000 } };
	w->shared = driver_shared_new(reterr);
	line->bus.name = "probe";
	line->bus.shared = w->shared;
	line->bus.devices = &w->device;
	line->bus.n_devices = 1;
	if (!w->shared || look_up(w, reterr) || open_bus(w, reterr)) {
		probe_wire_close(w);
		return -1;
	}
	*ret = w;
	return 0;
}

void probe_wire_close(struct probe_wire *w)
{
	if (!w)
		return;
	w->ops->close(w->bus);
	driver_shared_free(w->shared);
	if (w->found)
		freeaddrinfo(w->found);
	free(w);
}

bool probe_wire_is_at(const struct probe_wire *w, const char *address)
{
	char text[INET6_ADDRSTRLEN];

	for (const struct addrinfo *a = w->found; a; a = a->ai_next)
		if (getnameinfo(a->ai_addr, a->ai_addrlen, text, sizeof text, NULL, 0, NI_NUMERICHOST) == 0 && strcmp(text, address) == 0)
			return true;
	return false;
}

static void on_sample(void *user, const struct sample *s)
{
	(void)user;
	(void)s; /* a bus without points has none */
}

static void on_answer(void *user, uint64_t token, const uint16_t *values, size_t n, const struct err *error)
{
	struct probe_wire *w = user;

	if (token != w->token)
		return;
	w->answered = true;
	w->result = error ? -1 : 0;
	if (error)
		*w->error = *error;
	else
		memcpy(w->values, values, n * sizeof *values);
}

/* What the driver asked for was looked up before it was opened. */
static struct bus_event addresses_event(const struct probe_wire *w, const struct sockaddr *addresses[ADDRESSES_MAX])
{
	struct bus_event ev = { .addresses = addresses };

	for (const struct addrinfo *a = w->found; a && ev.n_addresses < ADDRESSES_MAX; a = a->ai_next)
		addresses[ev.n_addresses++] = a->ai_addr;
	return ev;
}

/* Waits for what the driver wants. False: stop_fd. */
static bool wait_for(const struct bus_wants *wants, int stop_fd, int *ret_revents)
{
	struct pollfd p[] = { { .fd = wants->fd, .events = (short)wants->poll_events }, { .fd = stop_fd, .events = POLLIN } };
	int64_t left = wants->deadline_ns - now().mono_ns;
	int ms = wants->deadline_ns == CLOCK_NEVER || left > INT64_C(60000) * CLOCK_NS_PER_MS ? 60000 : left <= 0 ? 0 : (int)(left / CLOCK_NS_PER_MS) + 1;
	int n = poll(p, 2, ms);

	*ret_revents = n > 0 ? p[0].revents : 0;
	return !(n > 0 && p[1].revents);
}

int probe_wire_read(struct probe_wire *w, const struct bus_request *rq, int stop_fd, uint16_t *values, struct err *reterr)
{
	struct sample_sink sink = { on_sample, on_answer, w };
	struct bus_request request = *rq;
	const struct sockaddr *addresses[ADDRESSES_MAX];
	struct bus_wants wants = { .fd = -1 };
	struct bus_event ev = { 0 };

	request.token = ++w->token;
	w->answered = false;
	w->values = values;
	w->error = reterr;
	if (open_bus(w, reterr) || w->ops->request(w->bus, &request, reterr))
		return -1;
	for (;;) {
		w->ops->step(w->bus, &ev, now(), &sink, &wants);
		if (w->answered)
			break;
		if (wants.resolve) {
			ev = addresses_event(w, addresses);
			continue;
		}
		ev = (struct bus_event){ 0 };
		if (!wait_for(&wants, stop_fd, &ev.revents))
			return 1;
	}
	if (w->result && reterr->code == ERR_CLOSED) {
		w->ops->close(w->bus);
		w->bus = NULL;
	}
	return w->result;
}
