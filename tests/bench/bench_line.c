/* bench_line SPEC…: shared lines for measuring, each with units 1 … 10 that answer function 3, and one fault that unit 2 has. SPEC: WIRE:BAUD:FAULT[:PATH], WIRE tcp, rtu+tcp or rtu;
 * BAUD 0: as fast as it goes (rtu needs one, and a PATH that becomes a link to its pseudo-terminal); FAULT none, dead, late (1.5 s), drip (50 ms a byte), half, unit, id, garbage.
 * First line of output: `lines PORT …` (0 for rtu). Commands on stdin:
 *   counts   `counts MONO_NS REQUESTS …`, the requests of each line that were heard
 * A register: even addresses hold unit << 8 | address, odd ones the tenths of seconds of CLOCK_BOOTTIME. On rtu bytes take the time of their bits: a request is heard when its last one
 * is over, the answer begins 3.5 characters later and is handed over at its end. Framing and checksum are its own. Ends when stdin does. */
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#define LINES   32
#define QUEUE   256
#define SECOND  1000000000LL

enum wire_kind { TCP, RTU_TCP, RTU };
enum fault { NONE, DEAD, LATE, DRIP, HALF, UNIT, ID, GARBAGE };
static const char *const faults[] = { "none", "dead", "late", "drip", "half", "unit", "id", "garbage" };

struct word { long long at_ns; uint8_t bytes[300]; size_t len; };

struct line {
	enum wire_kind     kind;
	enum fault         fault;
	long long          character_ns, silence_ns, free_ns, said_ns;
	int                listener, fd, slave;
	uint16_t           port;
	uint8_t            in[512];
	size_t             in_len;
	struct word        queue[QUEUE];
	size_t             n_queue;
	unsigned long long requests;
};

static struct line lines[LINES];
static size_t n_lines;

static long long now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_BOOTTIME, &t);
	return t.tv_sec * SECOND + t.tv_nsec;
}

static void die(const char *what)
{
	perror(what);
	exit(1);
}

static uint16_t crc_of(const uint8_t *data, size_t len)
{
	unsigned crc = 0xFFFF;

	for (size_t i = 0; i < len; i++) {
		crc ^= data[i];
		for (int bit = 0; bit < 8; bit++)
			crc = crc & 1 ? crc >> 1 ^ 0xA001 : crc >> 1;
	}
	return (uint16_t)crc;
}

static void open_listener(struct line *l)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof a;

	l->listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
	if (l->listener < 0 || bind(l->listener, (struct sockaddr *)&a, sizeof a) || listen(l->listener, 8) || getsockname(l->listener, (struct sockaddr *)&a, &len))
		die("listen");
	l->port = ntohs(a.sin_port);
}

static void open_pair(struct line *l, const char *path)
{
	struct termios t;

	l->fd = posix_openpt(O_RDWR | O_NOCTTY | O_NONBLOCK);
	if (l->fd < 0 || grantpt(l->fd) || unlockpt(l->fd) || (l->slave = open(ptsname(l->fd), O_RDWR | O_NOCTTY)) < 0)
		die("pseudo-terminal");
	tcgetattr(l->slave, &t);
	cfmakeraw(&t);
	tcsetattr(l->slave, TCSANOW, &t);
	unlink(path);
	if (symlink(ptsname(l->fd), path))
		die(path);
}

static void open_line(const char *spec)
{
	struct line *l = &lines[n_lines++];
	char wire[16], fault[16], path[256] = "";
	unsigned baud;

	*l = (struct line){ .listener = -1, .fd = -1, .slave = -1 };
	if (sscanf(spec, "%15[^:]:%u:%15[^:]:%255s", wire, &baud, fault, path) < 3)
		die(spec);
	l->kind = strcmp(wire, "tcp") == 0 ? TCP : strcmp(wire, "rtu") == 0 ? RTU : RTU_TCP;
	while (l->fault < GARBAGE && strcmp(faults[l->fault], fault) != 0)
		l->fault++;
	if (baud) {
		l->character_ns = 11 * SECOND / baud;
		l->silence_ns = baud > 19200 ? 1750000 : l->character_ns * 7 / 2;
	}
	if (l->kind == RTU)
		open_pair(l, path);
	else
		open_listener(l);
}

static void say(struct line *l, long long at_ns, const uint8_t *bytes, size_t len)
{
	size_t at = l->n_queue;

	if (l->n_queue == QUEUE)
		return;
	for (l->n_queue++; at > 0 && l->queue[at - 1].at_ns > at_ns; at--)
		l->queue[at] = l->queue[at - 1];
	l->queue[at] = (struct word){ .at_ns = at_ns, .len = len };
	memcpy(l->queue[at].bytes, bytes, len);
}

/* The answer, with its framing; its length. */
static size_t make_answer(const struct line *l, const uint8_t *rq, uint8_t *f, long long at_ns)
{
	size_t head = l->kind == TCP ? 6 : 0, n = head + 3;
	unsigned first = (unsigned)(rq[2] << 8 | rq[3]), count = (unsigned)(rq[4] << 8 | rq[5]);

	f[head] = (uint8_t)(rq[0] + (l->fault == UNIT && rq[0] == 2 ? 1 : 0));
	f[head + 1] = 3;
	f[head + 2] = (uint8_t)(2 * count);
	for (unsigned a = first; a < first + count; a++) {
		unsigned v = a % 2 ? (unsigned)(at_ns / (SECOND / 10)) : (unsigned)rq[0] << 8 | (a & 255);
		f[n++] = (uint8_t)(v >> 8);
		f[n++] = (uint8_t)v;
	}
	if (l->kind == TCP) {
		memcpy(f, rq - 6, 4);
		f[1] = (uint8_t)(f[1] + (l->fault == ID && rq[0] == 2 ? 77 : 0));
		f[4] = (uint8_t)((n - 6) >> 8);
		f[5] = (uint8_t)(n - 6);
		return n;
	}
	uint16_t crc = crc_of(f, n);
	f[n++] = (uint8_t)crc;
	f[n++] = (uint8_t)(crc >> 8);
	return n;
}

static void answer(struct line *l, const uint8_t *rq, size_t rq_len, long long now)
{
	enum fault fault = rq[0] == 2 ? l->fault : NONE;
	long long heard = (now > l->free_ns ? now : l->free_ns) + (long long)rq_len * l->character_ns;
	uint8_t f[300];
	size_t len = make_answer(l, rq, f, heard);
	long long end = heard + l->silence_ns + (long long)len * l->character_ns;

	l->requests++;
	l->free_ns = heard;
	if (rq[0] < 1 || rq[0] > 10 || fault == DEAD)
		return;
	if (fault == LATE)
		end += SECOND + SECOND / 2;
	else
		l->free_ns = end;
	if (fault == GARBAGE)
		for (size_t i = 0; i < len; i++)
			f[i] = (uint8_t)random();
	if (fault == HALF)
		len /= 2;
	if (fault != DRIP) {
		say(l, end, f, len);
		return;
	}
	for (size_t i = 0; i < len; i++)
		say(l, end + (long long)i * SECOND / 20, f + i, 1);
}

static void take_requests(struct line *l)
{
	ssize_t n = read(l->fd, l->in + l->in_len, sizeof l->in - l->in_len);
	size_t size = l->kind == TCP ? 12 : 8, head = l->kind == TCP ? 6 : 0;
	long long now = now_ns();

	if (n <= 0 && l->kind != RTU) {
		close(l->fd);
		l->fd = -1;
		l->in_len = l->n_queue = 0;
		return;
	}
	l->in_len += n > 0 ? (size_t)n : 0;
	while (l->in_len >= size) {
		answer(l, l->in + head, size, now);
		l->in_len -= size;
		memmove(l->in, l->in + size, l->in_len);
	}
}

static void accept_one(struct line *l)
{
	int fd = accept4(l->listener, NULL, NULL, SOCK_NONBLOCK), on = 1;

	if (fd < 0)
		return;
	if (l->fd >= 0)
		close(l->fd);
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
	l->fd = fd;
	l->in_len = l->n_queue = 0;
}

static long long speak(struct line *l)
{
	while (l->n_queue && l->queue[0].at_ns <= now_ns()) {
		if (l->fd >= 0 && write(l->fd, l->queue[0].bytes, l->queue[0].len) < 0)
			perror("write");
		memmove(l->queue, l->queue + 1, --l->n_queue * sizeof *l->queue);
	}
	return l->n_queue ? l->queue[0].at_ns : now_ns() + SECOND;
}

static bool take_command(void)
{
	char line[256];

	if (!fgets(line, sizeof line, stdin))
		return false;
	printf("counts %lld", now_ns());
	for (size_t i = 0; i < n_lines; i++)
		printf(" %llu", lines[i].requests);
	printf("\n");
	fflush(stdout);
	return true;
}

int main(int argc, char **argv)
{
	struct pollfd p[2 * LINES + 1];

	for (int i = 1; i < argc && n_lines < LINES; i++)
		open_line(argv[i]);
	printf("lines");
	for (size_t i = 0; i < n_lines; i++)
		printf(" %u", lines[i].port);
	printf("\n");
	fflush(stdout);
	for (;;) {
		long long next = now_ns() + SECOND;
		for (size_t i = 0; i < n_lines; i++) {
			long long t = speak(&lines[i]);
			next = t < next ? t : next;
			p[2 * i] = (struct pollfd){ .fd = lines[i].listener, .events = POLLIN };
			p[2 * i + 1] = (struct pollfd){ .fd = lines[i].fd, .events = POLLIN };
		}
		p[2 * n_lines] = (struct pollfd){ .fd = 0, .events = POLLIN };
		long long left = next - now_ns();
		struct timespec wait = { left > 0 ? left / SECOND : 0, left > 0 ? left % SECOND : 0 };
		if (ppoll(p, 2 * n_lines + 1, &wait, NULL) <= 0)
			continue;
		for (size_t i = 0; i < n_lines; i++) {
			if (p[2 * i].revents)
				accept_one(&lines[i]);
			if (p[2 * i + 1].revents && lines[i].fd == p[2 * i + 1].fd)
				take_requests(&lines[i]);
		}
		if (p[2 * n_lines].revents && !take_command())
			return 0;
	}
}
