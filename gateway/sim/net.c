#include "gateway/sim/net.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <unistd.h>

#define IN_MAX      2048   /* bytes of requests that wait */
#define OUT_MAX     16384  /* bytes of replies that a client has not read; full: its next request waits */
#define STUCK_MS    30000  /* half a request or an unread reply for so long: closed */
#define BACKLOG     128
#define DESCRIPTORS_KEPT 40 /* for all but listeners and clients */
#define ADDRESS_MAX (INET6_ADDRSTRLEN + 8)

struct listener {
	struct watch              watch;
	struct net               *net;
	const struct bank_server *server;
	int                       fd;
};

struct client {
	struct watch              watch;
	struct net               *net;
	const struct bank_server *server;
	struct client            *next, *previous;
	int                       fd;
	uint32_t                  events;      /* that epoll watches for */
	bool                      told_write;
	int64_t                   stuck_ms;    /* since then; 0: not */
	size_t                    in_len, out_at, out_len;
	uint8_t                   in[IN_MAX], out[OUT_MAX];
};

struct net {
	int               epoll;
	struct answerer  *answerer;
	world_say        *say;
	void             *user;
	struct listener  *listeners;
	size_t            n_listeners;
	struct client    *clients;
	struct net_stats  stats;
	size_t            clients_max;
};

static void address_text(int fd, char *buf)
{
	struct sockaddr_storage a;
	socklen_t len = sizeof a;
	char host[INET6_ADDRSTRLEN], port[8];

	if (getpeername(fd, (struct sockaddr *)&a, &len) == 0 &&
	    getnameinfo((struct sockaddr *)&a, len, host, sizeof host, port, sizeof port, NI_NUMERICHOST | NI_NUMERICSERV) == 0)
		snprintf(buf, ADDRESS_MAX, "%s:%s", host, port);
	else
		snprintf(buf, ADDRESS_MAX, "a client");
}

static void close_client(struct client *c)
{
	struct net *n = c->net;

	close(c->fd);
	if (c->next)
		c->next->previous = c->previous;
	if (c->previous)
		c->previous->next = c->next;
	else
		n->clients = c->next;
	n->stats.clients--;
	free(c);
}

static void tell_write(struct client *c, const uint8_t *frame)
{
	char address[ADDRESS_MAX], text[160];

	c->net->stats.writes_refused++;
	if (c->told_write)
		return;
	c->told_write = true; /* once a connection: it may try a thousand times */
	address_text(c->fd, address);
	snprintf(text, sizeof text, "%s asked unit %u for function %u, which is no reading: refused", address, frame[6], frame[7]);
	c->net->say(c->net->user, text);
}

/* Answers whole requests while there is room for their replies. False: what came in is no Modbus. */
static bool answer_all(struct client *c)
{
	size_t at = 0, len = 0;
	enum wire_scan scan = WIRE_MORE;

	while (OUT_MAX - c->out_len >= WIRE_FRAME_MAX && (scan = wire_scan(c->in + at, c->in_len - at, &len)) != WIRE_MORE && scan != WIRE_GARBAGE) {
		struct wire_request rq;

		if (scan == WIRE_REQUEST) {
			c->net->stats.requests++;
			if (wire_read(c->in + at, len, &rq) == 1)
				tell_write(c, c->in + at);
			c->out_len += answerer_reply(c->net->answerer, c->server, c->in + at, len, c->out + c->out_len);
		}
		at += len;
	}
	c->in_len -= at;
	memmove(c->in, c->in + at, c->in_len);
	return scan != WIRE_GARBAGE;
}

/* False: the connection is gone. */
static bool flush(struct client *c)
{
	while (c->out_at < c->out_len) {
		ssize_t n = send(c->fd, c->out + c->out_at, c->out_len - c->out_at, MSG_DONTWAIT | MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return errno == EAGAIN || errno == EWOULDBLOCK;
		c->out_at += (size_t)n;
		c->stuck_ms = 0;
	}
	c->out_at = c->out_len = 0;
	return true;
}

/* False: closed, or no Modbus. */
static bool take_in(struct client *c)
{
	ssize_t n = recv(c->fd, c->in + c->in_len, IN_MAX - c->in_len, MSG_DONTWAIT);

	if (n < 0)
		return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR;
	c->in_len += (size_t)n;
	return n > 0;
}

static void watch_client(struct client *c)
{
	uint32_t events = c->out_len ? EPOLLOUT : EPOLLIN; /* who does not read is not read from */
	struct epoll_event ev = { .events = events, .data.ptr = &c->watch };

	if (events != c->events && epoll_ctl(c->net->epoll, EPOLL_CTL_MOD, c->fd, &ev) == 0)
		c->events = events;
}

static void on_client(struct watch *w, uint32_t events)
{
	struct client *c = (struct client *)w;

	if ((events & (EPOLLIN | EPOLLHUP | EPOLLERR)) && c->out_len == 0 && !take_in(c)) {
		close_client(c);
		return;
	}
	for (;;) { /* a pipeline may hold more than one buffer of replies */
		if (!flush(c)) {
			close_client(c);
			return;
		}
		size_t before = c->in_len;
		if (c->out_len == 0 && !answer_all(c)) {
			c->net->stats.garbage++;
			close_client(c);
			return;
		}
		if (c->in_len == before)
			break;
		c->stuck_ms = 0;
	}
	if (c->in_len == 0 && c->out_len == 0)
		c->stuck_ms = 0;
	watch_client(c);
}

static struct client *add_client(struct listener *l, int fd)
{
	struct net *n = l->net;
	struct client *c = calloc(1, sizeof *c);
	struct epoll_event ev = { .events = EPOLLIN };
	int one = 1;

	if (!c)
		return NULL;
	*c = (struct client){ .watch = { on_client }, .net = n, .server = l->server, .next = n->clients, .fd = fd, .events = EPOLLIN };
	ev.data.ptr = &c->watch;
	if (epoll_ctl(n->epoll, EPOLL_CTL_ADD, fd, &ev) < 0) {
		free(c);
		return NULL;
	}
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
	if (n->clients)
		n->clients->previous = c;
	n->clients = c;
	n->stats.clients++;
	n->stats.connects++;
	return c;
}

static void on_listener(struct watch *w, uint32_t events)
{
	struct listener *l = (struct listener *)w;

	(void)events;
	for (;;) {
		int fd = accept4(l->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

		if (fd < 0)
			return; /* nobody more; or no descriptor, and then it is tried again at the next event */
		if (l->net->stats.clients >= l->net->clients_max || !add_client(l, fd)) {
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

static int add_listener(struct net *n, const struct bank_server *s, struct err *reterr)
{
	struct listener *l = &n->listeners[n->n_listeners];
	int fd = open_listener(s, reterr);

	if (fd < 0)
		return -1;
	*l = (struct listener){ .watch = { on_listener }, .net = n, .server = s, .fd = fd };
	n->n_listeners++;
	struct epoll_event ev = { .events = EPOLLIN, .data.ptr = &l->watch };
	return epoll_ctl(n->epoll, EPOLL_CTL_ADD, fd, &ev) == 0 ? 0 : err_set(reterr, ERR_IO, "epoll: %s", strerror(errno));
}

/* Fewer than there are descriptors for: one that cannot be accepted would come up again and again. */
static size_t clients_for(const struct bank *bank)
{
	struct rlimit r;
	size_t taken = bank->n_servers + DESCRIPTORS_KEPT;

	if (getrlimit(RLIMIT_NOFILE, &r) < 0 || r.rlim_cur > NET_CLIENTS_MAX + taken)
		return NET_CLIENTS_MAX;
	return r.rlim_cur > taken ? (size_t)r.rlim_cur - taken : 1;
}

struct net *net_new(int epoll, const struct bank *bank, struct answerer *answerer, world_say *say, void *user, struct err *reterr)
{
	struct net *n = calloc(1, sizeof *n);

	if (n)
		n->listeners = calloc(bank->n_servers, sizeof *n->listeners);
	if (!n || !n->listeners) {
		free(n);
		(void)err_set(reterr, ERR_NO_MEMORY, "no memory");
		return NULL;
	}
	n->epoll = epoll;
	n->answerer = answerer;
	n->say = say;
	n->clients_max = clients_for(bank);
	n->user = user;
	for (size_t i = 0; i < bank->n_servers; i++)
		if (add_listener(n, &bank->servers[i], reterr) < 0) {
			net_free(n);
			return NULL;
		}
	return n;
}

void net_free(struct net *n)
{
	if (!n)
		return;
	while (n->clients)
		close_client(n->clients);
	for (size_t i = 0; i < n->n_listeners; i++)
		close(n->listeners[i].fd);
	free(n->listeners);
	free(n);
}

void net_sweep(struct net *n, int64_t now_ms)
{
	struct client *next;

	for (struct client *c = n->clients; c; c = next) {
		next = c->next;
		if (c->in_len == 0 && c->out_len == 0)
			continue;
		if (c->stuck_ms == 0)
			c->stuck_ms = now_ms;
		else if (now_ms - c->stuck_ms > STUCK_MS)
			close_client(c);
	}
}

void net_stats(const struct net *n, struct net_stats *ret)
{
	*ret = n->stats;
}
