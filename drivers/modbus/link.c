/* The happy path: look-up, connect, settle, up, until the other side goes. Failure modes: no name (the last known addresses serve), no answer to a
 * connect (the next address, then backoff), a connection that ends before it was of any use (backoff), one that ends after (again at once). */
#include "drivers/modbus/link.h"
#include "drivers/modbus/serial.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define CONNECT_TIMEOUT_NS (3 * CLOCK_NS_PER_S)   /* an address */
#define LOOKUP_PATIENCE_NS (3 * CLOCK_NS_PER_S)   /* before the kept addresses are used instead */
#define BACKOFF_FIRST_NS   (200 * CLOCK_NS_PER_MS)
#define BACKOFF_MAX_NS     (10 * CLOCK_NS_PER_S)
#define BACKOFF_PORT_NS    (2 * CLOCK_NS_PER_S)   /* to open a port that is not there costs nobody anything */
#define IDLE_HARMLESS_NS   CLOCK_NS_PER_S

static void set_port(struct sockaddr_storage *a, uint16_t port)
{
	if (a->ss_family == AF_INET6)
		((struct sockaddr_in6 *)a)->sin6_port = htons(port);
	else
		((struct sockaddr_in *)a)->sin_port = htons(port);
}

static socklen_t address_length(const struct sockaddr_storage *a)
{
	return a->ss_family == AF_INET6 ? sizeof(struct sockaddr_in6) : sizeof(struct sockaddr_in);
}

int link_init(struct link *l, const struct bus_config *config, int64_t now_ns, struct err *reterr)
{
	struct sockaddr_storage *a = &l->addresses[0];

	*l = (struct link){ .host = config->host, .port = config->port, .fd = -1, .until_ns = now_ns, .down_since_ns = now_ns,
		.backoff_ns = BACKOFF_FIRST_NS, .random = config->seed ^ UINT64_C(0x2545f4914f6cdd1d) };
	for (size_t i = 0; i < config->n_devices; i++)
		if (i == 0 || config->devices[i].timing.settle_ns < l->settle_ns)
			l->settle_ns = config->devices[i].timing.settle_ns;
	if (config->transport == BUS_RTU) {
		snprintf(l->name, sizeof l->name, "%s", config->path);
		l->serial = serial_new(config, reterr);
		return l->serial ? 0 : -1;
	}
	snprintf(l->name, sizeof l->name, "%.60s port %u", l->host, l->port);
	if (inet_pton(AF_INET, l->host, &((struct sockaddr_in *)a)->sin_addr) == 1)
		a->ss_family = AF_INET;
	else if (inet_pton(AF_INET6, l->host, &((struct sockaddr_in6 *)a)->sin6_addr) == 1)
		a->ss_family = AF_INET6;
	if (a->ss_family) {
		l->numeric = true;
		l->n_addresses = 1;
		set_port(a, l->port);
	}
	return 0;
}

static void close_descriptor(struct link *l)
{
	if (l->fd < 0)
		return;
	if (l->serial)
		serial_close(l->serial);
	else
		close(l->fd);
	l->fd = -1;
}

void link_done(struct link *l)
{
	if (l->state != LINK_DOWN)
		close_descriptor(l);
	serial_free(l->serial);
}

static void set_why(struct link *l, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static void set_why(struct link *l, const char *fmt, ...)
{
	struct err e;
	va_list args;
	char text[sizeof l->why];

	va_start(args, fmt);
	vsnprintf(text, sizeof text, fmt, args);
	va_end(args);
	/* A host's name may be long and of any bytes: err_set cuts on a character's boundary. */
	(void)err_set(&e, ERR_IO, "%s", text);
	snprintf(l->why, sizeof l->why, "%.*s", (int)sizeof l->why - 1, e.text);
}

/* splitmix64; 0.75 … 1 of the backoff, so that a hundred lines do not knock together. */
static int64_t jitter(struct link *l, int64_t ns)
{
	uint64_t z = (l->random += UINT64_C(0x9e3779b97f4a7c15));

	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	z ^= z >> 31;
	return ns - (int64_t)(z % (uint64_t)(ns / 4));
}

static void go_down(struct link *l, int64_t now_ns)
{
	close_descriptor(l);
	l->outage = true;
	l->state = LINK_DOWN;
	l->until_ns = now_ns + jitter(l, l->backoff_ns);
	int64_t most = l->serial ? BACKOFF_PORT_NS : BACKOFF_MAX_NS;
	l->backoff_ns = l->backoff_ns * 2 < most ? l->backoff_ns * 2 : most;
}

static int open_socket(const struct sockaddr_storage *a)
{
	int fd = socket(a->ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	int on = 1, idle_s = 30, interval_s = 10, count = 3;

	if (fd < 0)
		return -1;
	/* Without them the line is slower or slower to be noticed dead, but it works: failures are of no consequence. */
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
	(void)setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
	(void)setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle_s, sizeof idle_s);
	(void)setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &interval_s, sizeof interval_s);
	(void)setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &count, sizeof count);
	return fd;
}

static void connected(struct link *l, int64_t now_ns)
{
	l->connects++;
	l->useful = false;
	l->up_since_ns = now_ns;
	l->state = l->settle_ns > 0 ? LINK_SETTLING : LINK_UP;
	l->until_ns = l->settle_ns > 0 ? now_ns + l->settle_ns : CLOCK_NEVER;
}

/* A port of this machine that nobody listens on, from the range that connects draw from, may be connected to itself and echo every request: refused, as it would be mostly. */
static bool is_own_echo(int fd)
{
	struct sockaddr_storage here = { 0 }, there = { 0 };
	socklen_t here_len = sizeof here, there_len = sizeof there;

	return getsockname(fd, (struct sockaddr *)&here, &here_len) == 0 && getpeername(fd, (struct sockaddr *)&there, &there_len) == 0 &&
		here_len == there_len && memcmp(&here, &there, here_len) == 0;
}

static void address_failed(struct link *l, int error)
{
	close_descriptor(l);
	set_why(l, "connect to %s port %u: %s", l->host, l->port, strerror(error));
	l->tried++;
	l->at = (l->at + 1) % l->n_addresses;
}

/* Starts on the address `at`, and on the following ones while they fail at once. */
static void try_addresses(struct link *l, int64_t now_ns)
{
	while (l->tried < l->n_addresses) {
		const struct sockaddr_storage *a = &l->addresses[l->at];

		l->fd = open_socket(a);
		if (l->fd >= 0) {
			l->generation++;
			if (connect(l->fd, (const struct sockaddr *)a, address_length(a)) == 0) {
				if (!is_own_echo(l->fd)) {
					connected(l, now_ns);
					return;
				}
				errno = ECONNREFUSED;
			}
			if (errno == EINPROGRESS) {
				l->state = LINK_CONNECTING;
				l->until_ns = now_ns + CONNECT_TIMEOUT_NS;
				return;
			}
		}
		address_failed(l, errno);
	}
	l->lookup_first = !l->numeric;
	go_down(l, now_ns);
}

static void open_port(struct link *l, int64_t now_ns)
{
	struct err e;
	int fd = serial_open(l->serial, &e);

	if (fd < 0) {
		set_why(l, "%s", e.text);
		go_down(l, now_ns);
		return;
	}
	l->fd = fd;
	l->generation++;
	connected(l, now_ns);
}

static void start_round(struct link *l, int64_t now_ns)
{
	l->tried = 0;
	if (l->serial) {
		open_port(l, now_ns);
		return;
	}
	if (l->n_addresses > 0 && !l->lookup_first) {
		try_addresses(l, now_ns);
		return;
	}
	l->outage = true;
	l->state = LINK_LOOKUP;
	l->lookup_open = true;
	l->until_ns = l->n_addresses > 0 ? now_ns + LOOKUP_PATIENCE_NS : CLOCK_NEVER;
}

static void keep_addresses(struct link *l, const struct bus_event *ev)
{
	size_t n = 0;

	for (size_t i = 0; i < ev->n_addresses && n < LINK_ADDRESSES_MAX; i++) {
		const struct sockaddr *a = ev->addresses[i];

		if (a->sa_family != AF_INET && a->sa_family != AF_INET6)
			continue;
		l->addresses[n] = (struct sockaddr_storage){ 0 };
		memcpy(&l->addresses[n], a, a->sa_family == AF_INET6 ? sizeof(struct sockaddr_in6) : sizeof(struct sockaddr_in));
		set_port(&l->addresses[n++], l->port);
	}
	if (n > 0) {
		l->n_addresses = n;
		l->at = 0;
	}
}

/* An answer may come when its round is long over, as the kept addresses were used meanwhile: then it is for the next one, but a round that runs keeps
 * the addresses that it counts. */
static void take_lookup(struct link *l, const struct bus_event *ev, int64_t now_ns)
{
	bool failed = ev->resolve_error != 0;

	if (!l->lookup_open || (!failed && ev->n_addresses == 0))
		return;
	l->lookup_open = false;
	if (failed)
		set_why(l, "look-up of %s: %s", l->host, ev->resolve_text ? ev->resolve_text : "failed");
	else if (l->state != LINK_CONNECTING)
		keep_addresses(l, ev);
	if (l->state != LINK_LOOKUP)
		return;
	l->lookup_first = false;
	if (l->n_addresses > 0)
		try_addresses(l, now_ns);
	else
		go_down(l, now_ns);
}

static void check_connect(struct link *l, int revents, int64_t now_ns)
{
	int error = 0;
	socklen_t len = sizeof error;

	if (revents & (POLLOUT | POLLERR | POLLHUP)) {
		if (getsockopt(l->fd, SOL_SOCKET, SO_ERROR, &error, &len) < 0)
			error = errno;
		if (error == 0 && is_own_echo(l->fd))
			error = ECONNREFUSED;
		if (error == 0) {
			connected(l, now_ns);
			return;
		}
	} else if (now_ns >= l->until_ns) {
		error = ETIMEDOUT;
	} else {
		return;
	}
	address_failed(l, error);
	try_addresses(l, now_ns);
}

void link_tick(struct link *l, const struct bus_event *ev, bool wanted, int64_t now_ns)
{
	take_lookup(l, ev, now_ns);
	switch (l->state) {
	case LINK_DOWN:
		if (now_ns >= l->until_ns)
			start_round(l, now_ns);
		break;
	case LINK_RESTING:
		if (wanted)
			start_round(l, now_ns);
		break;
	case LINK_LOOKUP:
		if (now_ns >= l->until_ns) {
			l->lookup_first = false;
			try_addresses(l, now_ns);
		}
		break;
	case LINK_CONNECTING:
		check_connect(l, ev->revents, now_ns);
		break;
	case LINK_SETTLING:
		if (now_ns >= l->until_ns) {
			l->state = LINK_UP;
			l->until_ns = CLOCK_NEVER;
		}
		break;
	case LINK_UP:
		break;
	}
}

void link_lose(struct link *l, int64_t now_ns, const char *fmt, ...)
{
	va_list args;
	char text[sizeof l->why];

	va_start(args, fmt);
	vsnprintf(text, sizeof text, fmt, args);
	va_end(args);
	set_why(l, "%s", text);
	l->disconnects++;
	l->down_since_ns = now_ns;
	if (!l->useful) {
		go_down(l, now_ns);
		return;
	}
	close_descriptor(l);
	l->state = LINK_DOWN;
	l->until_ns = now_ns;
}

void link_rest(struct link *l, int64_t now_ns)
{
	close_descriptor(l);
	l->down_since_ns = now_ns;
	l->state = LINK_RESTING;
	l->until_ns = CLOCK_NEVER;
}

void link_lose_idle(struct link *l, int64_t now_ns)
{
	if (!l->useful && now_ns - l->up_since_ns < IDLE_HARMLESS_NS) {
		link_lose(l, now_ns, l->serial ? "%s went away" : "%s closed the connection at once", l->name);
		return;
	}
	l->disconnects++;
	link_rest(l, now_ns);
}

ssize_t link_read(struct link *l, void *data, size_t room)
{
	return l->serial ? read(l->fd, data, room) : recv(l->fd, data, room, 0);
}

ssize_t link_write(struct link *l, const void *data, size_t len)
{
	return l->serial ? write(l->fd, data, len) : send(l->fd, data, len, MSG_NOSIGNAL);
}

void link_useful(struct link *l)
{
	l->useful = true;
	l->backoff_ns = BACKOFF_FIRST_NS;
	l->why[0] = '\0';
}

void link_wants(const struct link *l, struct bus_wants *ret)
{
	*ret = (struct bus_wants){ .fd = l->fd, .fd_generation = l->generation, .resolve = l->lookup_open ? l->host : NULL, .deadline_ns = l->until_ns };
	switch (l->state) {
	case LINK_CONNECTING: ret->poll_events = POLLOUT; break;
	case LINK_SETTLING: case LINK_UP: ret->poll_events = POLLIN; break;
	case LINK_DOWN: case LINK_LOOKUP: case LINK_RESTING: break;
	}
}
