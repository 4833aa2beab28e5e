#include "gateway/sim/net_inside.h"

#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#define STUCK_MS    30000  /* half a request or an unread reply for so long: closed */
#define BACKLOG     128
#define DESCRIPTORS_KEPT 40 /* for all but listeners, lines and clients */
#define PTYS_MODE   0755

int64_t net_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * CLOCK_NS_PER_S + ts.tv_nsec;
}

void net_wake_at(struct net *n, int64_t at_ns)
{
	struct itimerspec t = { .it_value = { .tv_sec = at_ns / CLOCK_NS_PER_S, .tv_nsec = at_ns % CLOCK_NS_PER_S } };

	if (at_ns >= n->timer_ns)
		return;
	n->timer_ns = at_ns;
	(void)timerfd_settime(n->timer, TFD_TIMER_ABSTIME, &t, NULL);
}

/* All that is due, on every line and to every client. */
static void go_all(struct net *n)
{
	struct conn *next;
	int64_t now_ns = net_now();

	n->timer_ns = OUTBOX_NEVER;
	net_wake_at(n, unasked_go(n, now_ns));
	for (struct conn *c = n->conns; c; c = next) {
		next = c->next; /* going on may close it, and no other */
		if (conn_next(c) > now_ns || conn_go(c, now_ns))
			net_wake_at(n, conn_next(c));
	}
}

static void on_timer(struct watch *w, uint32_t events)
{
	struct net *n = (struct net *)w;
	uint64_t times;

	(void)events;
	if (read(n->timer, &times, sizeof times) > 0)
		go_all(n);
}

void net_stir(struct net *n)
{
	net_wake_at(n, unasked_go(n, net_now()));
}

static void on_listener(struct watch *w, uint32_t events)
{
	struct listener *l = (struct listener *)w;

	(void)events;
	for (;;) {
		int fd = accept4(l->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

		if (fd < 0)
			return; /* nobody more; or no descriptor, and then it is tried again at the next event */
		if (l->net->stats.clients >= l->net->clients_max || !conn_new(l->net, l->server, fd, NULL)) {
			l->net->stats.turned_away++;
			close(fd);
		}
	}
}

static int listen_error(const struct bank_server *s, int error, struct err *reterr)
{
	switch (error) {
	case EADDRINUSE:
		return err_set(reterr, ERR_EXISTS, "port %u of %s is in use: end what listens there (ss -ltnp names it), or give the bus another port in the "
		               "site file", s->port, s->host);
	case EACCES:
		return err_set(reterr, ERR_DENIED, "port %u of %s may not be listened at: ports below 1024 are for root; give the bus a higher one in a copy "
		               "of the site file", s->port, s->host);
	case EADDRNOTAVAIL:
		return err_set(reterr, ERR_NOT_FOUND, "%s is no address of this machine: give one with --listen", s->host);
	default: return err_set(reterr, ERR_IO, "port %u of %s: %s", s->port, s->host, strerror(error));
	}
}

static int open_listener(const struct bank_server *s, struct err *reterr)
{
	struct addrinfo hints = { .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV | AI_PASSIVE, .ai_socktype = SOCK_STREAM }, *info;
	char port[8];
	int one = 1;

	snprintf(port, sizeof port, "%u", s->port);
	if (getaddrinfo(s->host, port, &hints, &info) != 0)
		return err_set(reterr, ERR_INVALID, "'%s' is no address: --listen takes one such as 127.0.0.1 or 0.0.0.0", s->host);
	int fd = socket(info->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int failed = fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one) < 0 || bind(fd, info->ai_addr, info->ai_addrlen) < 0 ||
	             listen(fd, BACKLOG) < 0;
	int error = errno;

	freeaddrinfo(info);
	if (!failed)
		return fd;
	if (fd >= 0)
		close(fd);
	return listen_error(s, error, reterr);
}

static int add_listener(struct net *n, struct bank_server *s, struct err *reterr)
{
	struct listener *l = &n->listeners[n->n_listeners];
	int fd = open_listener(s, reterr);

	if (fd < 0)
		return -1;
	*l = (struct listener){ .watch = { on_listener }, .net = n, .server = s, .fd = fd };
	n->n_listeners++;
	struct epoll_event ev = { .events = EPOLLIN, .data.ptr = &l->watch };
	return epoll_ctl(n->o.epoll, EPOLL_CTL_ADD, fd, &ev) == 0 ? 0 : err_set(reterr, ERR_IO, "epoll: %s", strerror(errno));
}

static int add_line(struct net *n, struct bank_server *s, struct err *reterr)
{
	struct pty pty;

	if (pty_open(&pty, s->serial, n->o.ptys, reterr) < 0)
		return -1;
	if (conn_new(n, s, pty.fd, &pty))
		return 0;
	pty_close(&pty);
	return err_set(reterr, ERR_NO_MEMORY, "no memory for bus '%s'", s->serial->name);
}

/* Fewer than there are descriptors for: one that cannot be accepted would come up again and again. */
static size_t clients_for(const struct bank *bank)
{
	struct rlimit r;
	size_t taken = 2 * bank->n_servers + DESCRIPTORS_KEPT;

	if (getrlimit(RLIMIT_NOFILE, &r) < 0 || r.rlim_cur > NET_CLIENTS_MAX + taken)
		return NET_CLIENTS_MAX;
	return r.rlim_cur > taken ? (size_t)r.rlim_cur - taken : 1;
}

static int open_all(struct net *n, struct err *reterr)
{
	struct epoll_event ev = { .events = EPOLLIN, .data.ptr = &n->watch };
	struct bank *b = n->o.bank;

	n->timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	if (n->timer < 0 || epoll_ctl(n->o.epoll, EPOLL_CTL_ADD, n->timer, &ev) < 0)
		return err_set(reterr, ERR_IO, "a timer: %s", strerror(errno));
	if (n->o.ptys && mkdir(n->o.ptys, PTYS_MODE) < 0 && errno != EEXIST)
		return err_set(reterr, ERR_IO, "--ptys '%s': %s", n->o.ptys, strerror(errno));
	for (size_t i = 0; i < b->n_servers; i++)
		if ((b->servers[i].serial ? add_line(n, &b->servers[i], reterr) : add_listener(n, &b->servers[i], reterr)) < 0)
			return -1;
	return 0;
}

struct net *net_new(const struct net_options *o, struct err *reterr)
{
	struct net *n = calloc(1, sizeof *n);

	if (n)
		n->listeners = calloc(o->bank->n_servers, sizeof *n->listeners);
	if (!n || !n->listeners) {
		free(n);
		(void)err_set(reterr, ERR_NO_MEMORY, "no memory");
		return NULL;
	}
	n->watch.on = on_timer;
	n->o = *o;
	n->timer = -1;
	n->timer_ns = OUTBOX_NEVER;
	n->clients_max = clients_for(o->bank);
	if (open_all(n, reterr) < 0) {
		net_free(n);
		return NULL;
	}
	return n;
}

void net_free(struct net *n)
{
	if (!n)
		return;
	while (n->conns)
		conn_close(n->conns);
	conn_free_closed(n);
	for (size_t i = 0; i < n->n_listeners; i++)
		close(n->listeners[i].fd);
	if (n->timer >= 0)
		close(n->timer);
	free(n->listeners);
	free(n);
}

void net_sweep(struct net *n, int64_t now_ms)
{
	struct conn *next;

	conn_free_closed(n);
	for (struct conn *c = n->conns; c; c = next) {
		next = c->next;
		if (c->pty.fd >= 0)
			pty_share(&c->pty);
		if (c->pty.fd >= 0 || (c->in_len == 0 && !c->blocked))
			continue;
		if (c->stuck_ms == 0)
			c->stuck_ms = now_ms;
		else if (now_ms - c->stuck_ms > STUCK_MS)
			conn_close(c);
	}
}

void net_stats(const struct net *n, struct net_stats *ret)
{
	*ret = n->stats;
}

const char *net_link(const struct net *n, const struct bank_server *s)
{
	for (const struct conn *c = n->conns; c; c = c->next)
		if (c->server == s && c->pty.fd >= 0)
			return c->pty.link;
	return NULL;
}
