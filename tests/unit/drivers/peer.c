#include "peer.h"

#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static void put16(uint8_t *p, uint16_t v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

static uint16_t get16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

uint16_t peer_register(uint8_t unit, uint16_t address, int64_t now_ns)
{
	if (address % 2)
		return (uint16_t)(now_ns / 100000000);
	return (uint16_t)(unit << 8 | (address & 0xff));
}

bool peer_bit(uint8_t unit, uint16_t address)
{
	return (address * 7 + unit) % 3 == 0;
}

static void listen_on(struct peer *p)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK), .sin_port = htons(p->port) };
	socklen_t len = sizeof a;
	int on = 1;

	p->listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	assert(p->listener >= 0);
	(void)setsockopt(p->listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
	int bound = bind(p->listener, (struct sockaddr *)&a, sizeof a);
	assert(bound == 0);
	(void)bound;
	int listening = listen(p->listener, 64);
	assert(listening == 0);
	(void)listening;
	(void)getsockname(p->listener, (struct sockaddr *)&a, &len);
	p->port = ntohs(a.sin_port);
}

void peer_open(struct peer *p, enum peer_behaviour behaviour, int64_t timeout_ns)
{
	*p = (struct peer){ .timeout_ns = timeout_ns, .listener = -1 };
	for (int i = 0; i < PEER_CONNECTIONS; i++)
		p->connections[i].fd = -1;
	listen_on(p);
	peer_behave(p, behaviour);
}

static void drop(struct peer *p, struct peer_connection *c)
{
	close(c->fd);
	*c = (struct peer_connection){ .fd = -1 };
	p->closed++;
}

static void drop_all(struct peer *p)
{
	for (int i = 0; i < PEER_CONNECTIONS; i++)
		if (p->connections[i].fd >= 0)
			drop(p, &p->connections[i]);
}

void peer_close(struct peer *p)
{
	drop_all(p);
	if (p->listener >= 0)
		close(p->listener);
	p->listener = -1;
}

void peer_behave(struct peer *p, enum peer_behaviour behaviour)
{
	p->behaviour = behaviour;
	if (behaviour == PEER_REFUSING)
		peer_close(p);
	else if (p->listener < 0)
		listen_on(p);
}

static struct peer_write *queue(struct peer_connection *c, int64_t at_ns, const void *bytes, size_t len)
{
	assert(c->n_queue < PEER_QUEUE && len <= sizeof c->queue[0].bytes);
	struct peer_write *w = &c->queue[c->n_queue++];
	*w = (struct peer_write){ .at_ns = at_ns, .len = len };
	memcpy(w->bytes, bytes, len);
	return w;
}

/* The right answer; its length. */
static size_t answer(const uint8_t *rq, int64_t now_ns, uint8_t *f)
{
	uint8_t unit = rq[6], fc = rq[7];
	uint16_t address = get16(rq + 8), count = get16(rq + 10);
	size_t n = fc <= 2 ? (count + 7u) / 8 : count * 2u;

	memcpy(f, rq, 8);
	memset(f + 9, 0, n);
	f[8] = (uint8_t)n;
	for (uint16_t i = 0; i < count; i++) {
		if (fc > 2)
			put16(f + 9 + i * 2, peer_register(unit, (uint16_t)(address + i), now_ns));
		else if (peer_bit(unit, (uint16_t)(address + i)))
			f[9 + i / 8] = (uint8_t)(f[9 + i / 8] | 1 << i % 8);
	}
	put16(f + 4, (uint16_t)(n + 3));
	return n + 9;
}

static size_t refuse(const uint8_t *rq, int exception, uint8_t *f)
{
	memcpy(f, rq, 8);
	put16(f + 4, 3);
	f[7] |= 0x80;
	f[8] = (uint8_t)exception;
	return 9;
}

static void flood(struct peer_connection *c, const uint8_t *f, size_t len, int64_t now_ns)
{
	uint8_t many[600];
	size_t n = 0;

	while (n + len <= sizeof many) {
		memcpy(many + n, f, len);
		put16(many + n, 0x7777);
		n += len;
	}
	for (int i = 0; i < 400; i++)
		(void)queue(c, now_ns, many, n);
}

static bool touches_hole(const struct peer *p, const uint8_t *rq)
{
	return get16(rq + 8) <= p->hole && p->hole < get16(rq + 8) + get16(rq + 10);
}

/* Puts one lie into a right answer; its length. */
static size_t lie(enum peer_behaviour behaviour, uint8_t *f, size_t len)
{
	switch ((int)behaviour) {
	case PEER_WRONG_UNIT: f[6]++; break;
	case PEER_WRONG_ID: put16(f, (uint16_t)(get16(f) + 100)); break;
	case PEER_WRONG_PROTOCOL: f[2] = 1; break;
	case PEER_WRONG_PROTOCOL_LOW: f[3] = 1; break;
	case PEER_WRONG_FUNCTION: f[7] = f[7] == 3 ? 4 : 3; break;
	case PEER_WRONG_BYTE_COUNT: f[8] = (uint8_t)(f[8] + 2); break;
	case PEER_OVERSIZE: put16(f + 4, 255); break;
	case PEER_HALF_FRAME: return len / 2;
	case PEER_SHORT:
		len -= f[7] > 2 ? 2 : 1;
		f[8] = (uint8_t)(len - 9);
		put16(f + 4, (uint16_t)(len - 6));
		break;
	case PEER_TWO_FRAMES:
		memcpy(f + len, f, len < 280 ? len : 0);
		return len * 2;
	}
	return len;
}

/* Whether the behaviour leaves this request without an answer. */
static bool ignores(const struct peer *p, const uint8_t *rq)
{
	switch ((int)p->behaviour) {
	case PEER_DEAD: return true;
	case PEER_DEAD_UNIT: case PEER_DEAD_UNIT_CLOSING: return rq[6] == 2;
	case PEER_MUTE_BLOCK: return touches_hole(p, rq);
	}
	return false;
}

/* Whether it refuses the request, and with which exception; 0: it does not. */
static int exception_to(struct peer *p, const uint8_t *rq)
{
	bool *refused = &p->refused[(rq[6] * 31 + rq[7] * 7 + rq[9]) % 256];

	switch ((int)p->behaviour) {
	case PEER_EXCEPTION: return p->exception;
	case PEER_BUSY_ONCE:
		*refused = !*refused;
		return *refused ? 6 : 0;
	case PEER_HOLES: return touches_hole(p, rq) ? 2 : 0;
	}
	return 0;
}

static void drip(const struct peer *p, struct peer_connection *c, const uint8_t *f, size_t len, int64_t now_ns)
{
	for (size_t i = 0; i < len; i++)
		(void)queue(c, now_ns + p->timeout_ns / 10 * (int64_t)(i + 1), f + i, 1);
}

static void respond(struct peer *p, struct peer_connection *c, const uint8_t *rq, int64_t now)
{
	static const uint8_t garbage[] = "HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n";
	uint8_t f[600];
	int exception = exception_to(p, rq);
	size_t len = exception ? refuse(rq, exception, f) : answer(rq, now, f);

	p->requests++;
	p->requests_of_unit[rq[6]]++;
	if (ignores(p, rq))
		return;
	len = lie(p->behaviour, f, len);
	switch ((int)p->behaviour) {
	case PEER_SLOW: (void)queue(c, now + p->timeout_ns * 3 / 5, f, len); break;
	case PEER_LATE: (void)queue(c, now + p->timeout_ns * 3 / 2, f, len); break;
	case PEER_DRIPPING: drip(p, c, f, len, now); break;
	case PEER_FLOOD: flood(c, f, len, now); break;
	case PEER_GARBAGE: (void)queue(c, now, garbage, sizeof garbage - 1); break;
	case PEER_CLOSES_AFTER_REPLY: case PEER_DEAD_UNIT_CLOSING: queue(c, now, f, len)->close_after = true; break;
	case PEER_CLOSES_ON_REQUEST: queue(c, now, f, 0)->close_after = true; break;
	case PEER_CLOSES_ON_BLOCK:
		if (touches_hole(p, rq))
			queue(c, now, f, 0)->close_after = true;
		else
			(void)queue(c, now, f, len);
		break;
	default: (void)queue(c, now, f, len); break;
	}
}

static bool accept_all(struct peer *p)
{
	bool done = false;

	for (;;) {
		int fd = p->listener < 0 ? -1 : accept4(p->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
		if (fd < 0)
			return done;
		done = true;
		p->accepted++;
		struct peer_connection *c = NULL;
		for (int i = 0; i < PEER_CONNECTIONS && !c; i++)
			if (p->connections[i].fd < 0)
				c = &p->connections[i];
		assert(c);
		int on = 1;
		(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
		c->fd = fd;
		if (p->behaviour == PEER_CLOSES_AT_ONCE)
			drop(p, c);
	}
}

static bool read_requests(struct peer *p, struct peer_connection *c, int64_t now_ns)
{
	ssize_t n = recv(c->fd, c->in + c->in_len, sizeof c->in - c->in_len, 0);

	if (n < 0 && errno == EAGAIN)
		return false;
	if (n <= 0) {
		drop(p, c);
		return true;
	}
	p->bytes_in += (uint64_t)n;
	c->in_len += (size_t)n;
	while (c->in_len >= 12) {
		respond(p, c, c->in, now_ns);
		c->in_len -= 12;
		memmove(c->in, c->in + 12, c->in_len);
	}
	return true;
}

static bool write_due(struct peer *p, struct peer_connection *c, int64_t now_ns)
{
	bool done = false;

	while (c->fd >= 0 && c->n_queue > 0 && c->queue[0].at_ns <= now_ns) {
		struct peer_write *w = &c->queue[0];
		ssize_t n = w->len ? send(c->fd, w->bytes, w->len, MSG_NOSIGNAL) : 0;

		if (n < 0 && errno == EAGAIN)
			return done;
		done = true;
		if (n < 0 || w->close_after) {
			p->bytes_out += n > 0 ? (uint64_t)n : 0;
			drop(p, c);
			return true;
		}
		p->bytes_out += (uint64_t)n;
		if ((size_t)n < w->len) {
			w->len -= (size_t)n;
			memmove(w->bytes, w->bytes + n, w->len);
			return true;
		}
		memmove(c->queue, c->queue + 1, --c->n_queue * sizeof *c->queue);
	}
	return done;
}

bool peer_step(struct peer *p, int64_t now_ns)
{
	bool done = accept_all(p);

	for (int i = 0; i < PEER_CONNECTIONS; i++) {
		struct peer_connection *c = &p->connections[i];

		if (c->fd >= 0)
			done |= read_requests(p, c, now_ns);
		if (c->fd >= 0)
			done |= write_due(p, c, now_ns);
	}
	return done;
}

int64_t peer_deadline(const struct peer *p)
{
	int64_t t = INT64_MAX;

	for (int i = 0; i < PEER_CONNECTIONS; i++)
		if (p->connections[i].fd >= 0 && p->connections[i].n_queue && p->connections[i].queue[0].at_ns < t)
			t = p->connections[i].queue[0].at_ns;
	return t;
}

size_t peer_descriptors(const struct peer *p, struct pollfd *ret)
{
	size_t n = 0;

	if (p->listener >= 0)
		ret[n++] = (struct pollfd){ .fd = p->listener, .events = POLLIN };
	for (int i = 0; i < PEER_CONNECTIONS; i++)
		if (p->connections[i].fd >= 0)
			ret[n++] = (struct pollfd){ .fd = p->connections[i].fd, .events = POLLIN };
	return n;
}
