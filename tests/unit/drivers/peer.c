#include "peer.h"

#include "drivers/modbus/framing.h"

#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <termios.h>
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
	bound = listen(p->listener, 64);
	assert(bound == 0);
	(void)bound;
	(void)getsockname(p->listener, (struct sockaddr *)&a, &len);
	p->port = ntohs(a.sin_port);
}

/* A pair whose name stays the same, like /dev/serial/by-id/… */
static void plug_in(struct peer *p)
{
	struct termios t;
	int master = posix_openpt(O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);

	assert(master >= 0);
	int made = grantpt(master) || unlockpt(master);
	assert(!made);
	p->slave = open(ptsname(master), O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
	assert(p->slave >= 0);
	(void)tcgetattr(p->slave, &t);
	cfmakeraw(&t);
	(void)tcsetattr(p->slave, TCSANOW, &t);
	(void)unlink(p->path);
	made = symlink(ptsname(master), p->path);
	assert(!made);
	(void)made;
	p->connections[0] = (struct peer_connection){ .fd = master };
}

void peer_open(struct peer *p, enum peer_wire wire, enum peer_behaviour behaviour, int64_t timeout_ns)
{
	*p = (struct peer){ .wire = wire, .timeout_ns = timeout_ns, .listener = -1, .slave = -1 };
	for (int i = 0; i < PEER_CONNECTIONS; i++)
		p->connections[i].fd = -1;
	if (wire == PEER_PTY) {
		snprintf(p->path, sizeof p->path, "/tmp/firegw-test-%d-tty", (int)getpid());
		plug_in(p);
	} else {
		listen_on(p);
	}
	peer_behave(p, behaviour);
}

static void unplug(struct peer *p)
{
	(void)unlink(p->path);
	if (p->slave >= 0)
		close(p->slave);
	p->slave = -1;
}

static void drop(struct peer *p, struct peer_connection *c)
{
	close(c->fd);
	*c = (struct peer_connection){ .fd = -1 };
	p->closed++;
	if (p->wire != PEER_PTY)
		return;
	unplug(p);
	if (p->behaviour != PEER_REFUSING)
		plug_in(p);
}

void peer_close(struct peer *p)
{
	p->behaviour = PEER_REFUSING;
	for (int i = 0; i < PEER_CONNECTIONS; i++)
		if (p->connections[i].fd >= 0)
			drop(p, &p->connections[i]);
	if (p->listener >= 0)
		close(p->listener);
	p->listener = -1;
}

void peer_behave(struct peer *p, enum peer_behaviour behaviour)
{
	p->behaviour = behaviour;
	if (behaviour == PEER_REFUSING)
		peer_close(p);
	else if (p->wire == PEER_PTY && p->connections[0].fd < 0)
		plug_in(p);
	else if (p->wire != PEER_PTY && p->listener < 0)
		listen_on(p);
}

static struct peer_write *queue(struct peer_connection *c, int64_t at_ns, const void *bytes, size_t len)
{
	assert(c->n_queue < PEER_QUEUE && len <= sizeof c->queue[0].bytes);
	size_t at = c->n_queue++;
	if (at_ns < c->said_ns[c->unit])
		at_ns = c->said_ns[c->unit];
	c->said_ns[c->unit] = at_ns;
	for (; at > 0 && c->queue[at - 1].at_ns > at_ns; at--)
		c->queue[at] = c->queue[at - 1];
	struct peer_write *w = &c->queue[at];
	*w = (struct peer_write){ .at_ns = at_ns, .len = len };
	memcpy(w->bytes, bytes, len);
	return w;
}

/* The right answer; its length. */
static size_t answer(const struct peer *p, const uint8_t *rq, int64_t now_ns, uint8_t *f)
{
	uint8_t unit = rq[6], fc = rq[7];
	uint16_t address = get16(rq + 8), count = get16(rq + 10);
	size_t n = fc <= 2 ? (count + 7u) / 8 : count * 2u;

	if (p->asked)
		p->asked(p->user, address, count);
	memcpy(f, rq, 8);
	memset(f + 9, 0, n);
	f[8] = (uint8_t)n;
	for (uint16_t i = 0; i < count; i++) {
		if (fc > 2)
			put16(f + 9 + i * 2, p->registers ? p->registers(p->user, (uint16_t)(address + i)) : peer_register(unit, (uint16_t)(address + i), now_ns));
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

static void flood(const struct peer *p, struct peer_connection *c, const uint8_t *f, size_t len, int64_t now_ns)
{
	uint8_t many[600];
	size_t n = 0;

	while (n + len <= sizeof many) {
		memcpy(many + n, f, len);
		if (p->wire == PEER_TCP)
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
	case PEER_WRONG_ID: put16(f, (uint16_t)(get16(f) + 30000)); break;
	case PEER_WRONG_PROTOCOL: f[2] = 1; break;
	case PEER_WRONG_PROTOCOL_LOW: f[3] = 1; break;
	case PEER_WRONG_FUNCTION: f[7] = f[7] == 3 ? 4 : 3; break;
	case PEER_WRONG_BYTE_COUNT: f[8] = (uint8_t)(f[8] + 2); break;
	case PEER_OVERSIZE: put16(f + 4, 255); break;
	case PEER_SHORT:
		len -= f[7] > 2 ? 2 : 1;
		f[8] = (uint8_t)(len - 9);
		put16(f + 4, (uint16_t)(len - 6));
		break;
	}
	return len;
}

static size_t add_crc(uint8_t *f, size_t len)
{
	uint16_t crc = framing_rtu_crc(f, len);

	f[len] = (uint8_t)crc;
	f[len + 1] = (uint8_t)(crc >> 8);
	return len + 2;
}

/* What another master and the unit that it asks say to each other. */
static size_t foreign_talk(const uint8_t *answer, size_t len, bool same_unit, uint8_t *ret)
{
	size_t n = 0;
	uint8_t unit = (uint8_t)(answer[0] + (same_unit ? 0 : 100)), request[6] = { unit, answer[1], 0x27, 0x10, 0, (uint8_t)(answer[2] / 2) };

	memcpy(ret, request, sizeof request);
	n = add_crc(ret, sizeof request);
	memcpy(ret + n, answer, len - 2);
	ret[n] = unit;
	for (size_t i = 3; i < len - 2; i++)
		ret[n + i] = 0xEE;
	return n + add_crc(ret + n, len - 2);
}

/* From a TCP frame to what goes over the wire, and the lies that are told there. */
static size_t dress(const struct peer *p, const uint8_t *rq, uint8_t *f, size_t len)
{
	static const uint8_t noise[] = { 0x00, 0xff, 0x01, 0x03, 0x55 };
	uint8_t before[600];
	size_t n = 0;

	if (p->wire != PEER_TCP) {
		len -= 6;
		memmove(f, f + 6, len);
		len = add_crc(f, len);
	}
	switch ((int)p->behaviour) {
	case PEER_HALF_FRAME: return len / 2;
	case PEER_TWO_FRAMES:
		memcpy(f + len, f, len < 280 ? len : 0);
		return len * 2;
	case PEER_WRONG_CRC: f[len - 1] ^= 0x10; return len;
	case PEER_NOISE_BEFORE: memcpy(before, noise, n = sizeof noise); break;
	case PEER_ECHO: memcpy(before, rq + 6, 6); n = add_crc(before, 6); break;
	case PEER_FOREIGN: case PEER_FOREIGN_SAME: n = f[1] & 0x80 ? 0 : foreign_talk(f, len, p->behaviour == PEER_FOREIGN_SAME, before); break;
	}
	memmove(f + n, f, len);
	memcpy(f, before, n);
	return n + len;
}

/* Whether the behaviour leaves this request without an answer. */
static bool ignores(const struct peer *p, const uint8_t *rq)
{
	switch ((int)p->behaviour) {
	case PEER_DEAD: return true;
	case PEER_DEAD_UNIT: case PEER_DEAD_UNIT_CLOSING: return rq[6] == 2;
	case PEER_MUTE_BLOCK: return touches_hole(p, rq);
	case PEER_LATE_DEAF: return rq[7] != 3;
	case PEER_STRICT: return rq[7] != 3 || get16(rq + 10) != p->hole;
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

static void misbehave(struct peer *p, struct peer_connection *c, const uint8_t *rq, int64_t now)
{
	static const uint8_t garbage[] = "HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n";
	uint8_t f[600];
	int exception = exception_to(p, rq);
	size_t len = exception ? refuse(rq, exception, f) : answer(p, rq, now, f);

	p->requests++;
	p->requests_of_unit[rq[6]]++;
	if (ignores(p, rq))
		return;
	if (p->behaviour == PEER_FLOOD && p->wire != PEER_TCP)
		f[6]++;
	len = dress(p, rq, f, lie(p->behaviour, f, len));
	switch ((int)p->behaviour) {
	case PEER_SLOW: (void)queue(c, now + p->timeout_ns * 3 / 5, f, len); break;
	case PEER_LATE: (void)queue(c, now + p->timeout_ns * 3 / 2, f, len); break;
	case PEER_LATE_ONCE: case PEER_LATE_DEAF: (void)queue(c, now + (p->requests % 2 ? p->timeout_ns * 3 / 2 : 0), f, len); break;
	case PEER_LATE_UNIT: (void)queue(c, now + (rq[6] == 2 ? p->timeout_ns * 3 : 0), f, len); break;
	case PEER_DRIPPING: drip(p, c, f, len, now); break;
	case PEER_FLOOD: flood(p, c, f, len, now); break;
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

/* Faults that leave no mark in a frame which no checksum protects are not of TCP. */
static enum peer_behaviour any_fault(struct peer *p)
{
	static const enum peer_behaviour of_all[] = { PEER_DEAD, PEER_SLOW, PEER_LATE, PEER_LATE_UNIT, PEER_WRONG_UNIT, PEER_WRONG_FUNCTION, PEER_WRONG_BYTE_COUNT, PEER_SHORT, PEER_HALF_FRAME,
		PEER_TWO_FRAMES, PEER_DRIPPING, PEER_CLOSES_AFTER_REPLY, PEER_CLOSES_ON_REQUEST, PEER_GARBAGE, PEER_EXCEPTION };
	static const enum peer_behaviour of_tcp[] = { PEER_WRONG_ID, PEER_WRONG_PROTOCOL, PEER_WRONG_PROTOCOL_LOW, PEER_OVERSIZE };
	static const enum peer_behaviour of_rtu[] = { PEER_WRONG_CRC, PEER_NOISE_BEFORE, PEER_ECHO, PEER_FOREIGN, PEER_FOREIGN_SAME };
	size_t n_all = sizeof of_all / sizeof *of_all, n_own = p->wire == PEER_TCP ? sizeof of_tcp / sizeof *of_tcp : sizeof of_rtu / sizeof *of_rtu;

	p->random = p->random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	size_t r = (size_t)(p->random >> 33);
	if (r % 2)
		return PEER_GOOD;
	r = r / 2 % (n_all + n_own);
	p->exception = 1 + (int)(p->random >> 17 & 7);
	return r < n_all ? of_all[r] : p->wire == PEER_TCP ? of_tcp[r - n_all] : of_rtu[r - n_all];
}

static void respond(struct peer *p, struct peer_connection *c, const uint8_t *rq, int64_t now)
{
	enum peer_behaviour fault = p->behaviour;

	if (fault == PEER_CHAOS)
		p->chaos[p->behaviour = any_fault(p)]++;
	if (p->bad_unit && rq[6] != p->bad_unit)
		p->behaviour = PEER_GOOD;
	/* What goes over one TCP connection stays whole; units on a serial line may speak at the same time, as those behind a gateway that waits for nobody. */
	c->unit = p->wire == PEER_TCP && fault != PEER_LATE_UNIT ? 0 : rq[6];
	/* One that lies about who it is, and is late as well, cannot be told from the one that it says it is: a serial frame has nothing else. */
	if (fault == PEER_CHAOS && (p->behaviour == PEER_WRONG_UNIT || p->behaviour == PEER_WRONG_FUNCTION) && c->said_ns[c->unit] > now)
		p->behaviour = PEER_GOOD;
	misbehave(p, c, rq, now);
	p->behaviour = fault;
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

/* An RTU request as the TCP one that it is. */
static size_t undress(const struct peer *p, const uint8_t *in, size_t len, uint8_t *rq)
{
	size_t n = p->wire == PEER_TCP ? 12 : 8;

	if (len < n)
		return 0;
	if (p->wire == PEER_TCP) {
		memcpy(rq, in, 12);
		return n;
	}
	assert(framing_rtu_crc(in, 6) == (uint16_t)(in[6] | in[7] << 8));
	memset(rq, 0, 6);
	memcpy(rq + 6, in, 6);
	return n;
}

static bool read_requests(struct peer *p, struct peer_connection *c, int64_t now_ns)
{
	uint8_t rq[12];
	ssize_t n = read(c->fd, c->in + c->in_len, sizeof c->in - c->in_len);
	size_t taken;

	if (n < 0 && errno == EAGAIN)
		return false;
	if (n <= 0) {
		drop(p, c);
		return true;
	}
	p->bytes_in += (uint64_t)n;
	c->in_len += (size_t)n;
	while ((taken = undress(p, c->in, c->in_len, rq)) > 0) {
		respond(p, c, rq, now_ns);
		c->in_len -= taken;
		memmove(c->in, c->in + taken, c->in_len);
	}
	return true;
}

static bool write_due(struct peer *p, struct peer_connection *c, int64_t now_ns)
{
	bool done = false;

	while (c->fd >= 0 && c->n_queue > 0 && c->queue[0].at_ns <= now_ns) {
		struct peer_write *w = &c->queue[0];
		ssize_t n = !w->len ? 0 : p->wire == PEER_PTY ? write(c->fd, w->bytes, w->len) : send(c->fd, w->bytes, w->len, MSG_NOSIGNAL);

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
