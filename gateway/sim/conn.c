/* One client's or one serial line's talk.
 *
 * The happy path: bytes in, a whole request, its reply into the outbox, out when its time has come. Failure modes: halves (swept after a while; on a serial
 * line silence ends them), what is no Modbus (closed; on a line thrown away), who does not read (he is not read from; a serial line loses the bytes). */
#include "gateway/sim/net_inside.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#define QUIET_NS    (20 * CLOCK_NS_PER_MS) /* a burst of RTU bytes is over: over a network, and for a process that waits for its turn, no sooner */
#define ADDRESS_MAX (INET6_ADDRSTRLEN + 8)

static bool is_serial(const struct conn *c)
{
	return c->pty.fd >= 0;
}

static void name_client(const struct conn *c, char *buf)
{
	struct sockaddr_storage a;
	socklen_t len = sizeof a;
	char host[INET6_ADDRSTRLEN], port[8];

	if (is_serial(c))
		snprintf(buf, ADDRESS_MAX, "who is on %.40s", c->server->serial->name);
	else if (getpeername(c->fd, (struct sockaddr *)&a, &len) == 0 &&
	         getnameinfo((struct sockaddr *)&a, len, host, sizeof host, port, sizeof port, NI_NUMERICHOST | NI_NUMERICSERV) == 0)
		snprintf(buf, ADDRESS_MAX, "%s:%s", host, port);
	else
		snprintf(buf, ADDRESS_MAX, "a client");
}

static void tell_write(struct conn *c, const struct wire_request *rq)
{
	char address[ADDRESS_MAX], text[160];

	c->net->stats.writes_refused++;
	if (c->told_write)
		return;
	c->told_write = true; /* once a connection: it may try a thousand times */
	name_client(c, address);
	snprintf(text, sizeof text, "%s asked unit %u for function %u, which is no reading: refused", address, rq->unit, rq->fc);
	c->net->o.say(c->net->o.user, text);
}

static void echo(struct conn *c, const uint8_t *frame, size_t len, int64_t now_ns)
{
	/* The adapter hears itself while it sends. */
	struct outbox_how how = { .at_ns = now_ns, .byte_ns = c->byte_ns };

	for (size_t i = 0; i < c->server->n_faults; i++)
		if (c->server->faults[i]->kind == FAULT_ECHO && fault_strikes(c->server->faults[i]))
			(void)outbox_add(&c->out, frame, len, &how);
}

static void answer(struct conn *c, const uint8_t *frame, size_t len, int64_t now_ns)
{
	struct wire_request rq;
	struct out o;

	c->net->stats.requests++;
	if (wire_read(c->server->wire, frame, len, &rq) == 1)
		tell_write(c, &rq);
	if (c->server->wire == WIRE_TCP)
		c->number = (uint16_t)(frame[0] << 8 | frame[1]);
	echo(c, frame, len, now_ns);
	answerer_reply(c->net->o.answerer, c->server, frame, len, &o);
	if (o.len == 0)
		return;
	struct outbox_how how = { .at_ns = (c->heard_ns > now_ns ? c->heard_ns : now_ns) + c->silence_ns + o.late_ns, .closes = o.closes && !is_serial(c),
		.byte_ns = o.byte_ns > c->byte_ns ? o.byte_ns : c->byte_ns };
	/* A device answers in order: behind its own late reply comes the next one. (Behind a gateway, numbers tell.) */
	if (c->server->wire == WIRE_RTU && c->unit_ns[rq.unit] > how.at_ns)
		how.at_ns = c->unit_ns[rq.unit];
	c->unit_ns[rq.unit] = how.at_ns;
	(void)outbox_add(&c->out, o.bytes, o.len, &how);
}

/* Answers whole requests while there is room for their replies. False: what came in is no Modbus. */
static bool answer_all(struct conn *c, int64_t now_ns)
{
	size_t at = 0, len = 0;
	/* A full buffer holds no frame: none is so long. */
	bool quiet = now_ns - c->came_ns >= c->quiet_ns || c->in_len == IN_MAX, good = true;

	while (!outbox_is_full(&c->out) && at < c->in_len) {
		enum wire_scan scan = wire_scan(c->server->wire, c->in + at, c->in_len - at, quiet, &len);

		if (scan == WIRE_MORE)
			break;
		if (scan == WIRE_GARBAGE) {
			c->net->stats.garbage++;
			good = c->server->wire == WIRE_RTU;
			if (!good)
				break;
		}
		if (scan == WIRE_REQUEST && len <= WIRE_FRAME_MAX)
			answer(c, c->in + at, len, now_ns);
		at += len;
	}
	c->in_len -= at;
	memmove(c->in, c->in + at, c->in_len);
	return good;
}

static ssize_t put(const struct conn *c, const uint8_t *bytes, size_t len)
{
	ssize_t n = is_serial(c) ? write(c->fd, bytes, len) : send(c->fd, bytes, len, MSG_DONTWAIT | MSG_NOSIGNAL);

	if (n >= 0 || (errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR))
		/* A line carries on whether or not somebody listens. */
		return n < 0 && is_serial(c) ? (ssize_t)len : n;
	return is_serial(c) ? (ssize_t)len : 0;
}

/* False: the connection is gone, or is to be closed. */
static bool flush(struct conn *c, int64_t now_ns)
{
	const uint8_t *bytes;
	size_t len;

	c->blocked = false;
	while ((bytes = outbox_peek(&c->out, now_ns, &len)) != NULL && len > 0) {
		ssize_t n = put(c, bytes, len);

		if (n < 0)
			return false;
		if (n > 0)
			c->stuck_ms = 0;
		if (n > 0 && outbox_take(&c->out, (size_t)n))
			return false;
		if ((size_t)n < len) {
			c->blocked = true;
			break;
		}
	}
	return true;
}

/* False: closed, or no Modbus. */
static bool take_in(struct conn *c, int64_t now_ns)
{
	size_t room = IN_MAX - c->in_len;
	ssize_t n = is_serial(c) ? read(c->fd, c->in + c->in_len, room) : recv(c->fd, c->in + c->in_len, room, MSG_DONTWAIT);

	if (is_serial(c))
		pty_share(&c->pty);
	if (n < 0)
		return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR;
	c->in_len += (size_t)n;
	c->came_ns = now_ns;
	c->heard_ns = (c->heard_ns > now_ns ? c->heard_ns : now_ns) + n * c->byte_ns;
	return n > 0;
}

static void watch_for(struct conn *c)
{
	/* Who does not read is not read from; nor is one whose replies are many and not due. */
	uint32_t events = c->blocked ? EPOLLOUT : outbox_is_full(&c->out) ? 0 : EPOLLIN;
	struct epoll_event ev = { .events = events, .data.ptr = &c->watch };

	if (events != c->events && epoll_ctl(c->net->o.epoll, EPOLL_CTL_MOD, c->fd, &ev) == 0)
		c->events = events;
}

bool conn_go(struct conn *c, int64_t now_ns)
{
	for (;;) { /* a pipeline may hold more than the outbox does */
		size_t before = c->in_len;
		bool good = c->blocked || answer_all(c, now_ns);

		if (!flush(c, now_ns) || !good) {
			conn_close(c);
			return false;
		}
		if (c->in_len == before)
			break;
		c->stuck_ms = 0;
	}
	if (c->in_len == 0 && !c->blocked)
		c->stuck_ms = 0;
	watch_for(c);
	net_wake_at(c->net, conn_next(c));
	return true;
}

int64_t conn_next(const struct conn *c)
{
	int64_t at = c->blocked ? OUTBOX_NEVER : outbox_next(&c->out);

	if (c->server->wire == WIRE_RTU && c->in_len && c->came_ns + c->quiet_ns < at && !outbox_is_full(&c->out))
		at = c->came_ns + c->quiet_ns;
	return at;
}

static void on_conn(struct watch *w, uint32_t events)
{
	struct conn *c = (struct conn *)w;
	int64_t now_ns = net_now();

	if (c->closed)
		return;
	if (events & EPOLLOUT)
		c->blocked = false;
	if ((events & (EPOLLIN | EPOLLHUP | EPOLLERR)) && !c->blocked && !take_in(c, now_ns)) {
		conn_close(c);
		return;
	}
	(void)conn_go(c, now_ns);
}

struct conn *conn_new(struct net *n, struct bank_server *s, int fd, const struct pty *pty)
{
	struct conn *c = calloc(1, sizeof *c);
	int one = 1;

	if (!c)
		return NULL;
	*c = (struct conn){ .watch = { on_conn }, .net = n, .server = s, .next = n->conns, .pty = { .fd = -1, .their_fd = -1 }, .fd = fd, .events = EPOLLIN,
		.quiet_ns = QUIET_NS };
	struct epoll_event ev = { .events = EPOLLIN, .data.ptr = &c->watch };
	if (epoll_ctl(n->o.epoll, EPOLL_CTL_ADD, fd, &ev) < 0) {
		free(c);
		return NULL;
	}
	if (pty) {
		c->pty = *pty;
		c->byte_ns = pty_character_ns(s->serial);
		c->out.gap_ns = c->silence_ns = pty_silence_ns(s->serial);
		c->quiet_ns += c->silence_ns;
	} else {
		(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
		n->stats.clients++;
		n->stats.connects++;
	}
	if (n->conns)
		n->conns->previous = c;
	n->conns = c;
	return c;
}

void conn_close(struct conn *c)
{
	struct net *n = c->net;

	if (is_serial(c)) {
		pty_close(&c->pty);
	} else {
		close(c->fd);
		n->stats.clients--;
	}
	if (c->next)
		c->next->previous = c->previous;
	if (c->previous)
		c->previous->next = c->next;
	else
		n->conns = c->next;
	outbox_done(&c->out);
	/* An event of it may still wait in this turn of the loop. */
	c->closed = true;
	c->next = n->closed;
	n->closed = c;
}

void conn_free_closed(struct net *n)
{
	struct conn *next;

	for (struct conn *c = n->closed; c; c = next) {
		next = c->next;
		free(c);
	}
	n->closed = NULL;
}
