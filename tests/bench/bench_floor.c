/* bench_floor BROKER_PORT REGISTERS INTERVAL_MS PORT… [-- REGISTER INTERVAL_MS PORT]: the floor beside which the gateway is measured: polls the same registers of the same devices at the same
 * rate and publishes each answer, raw, QoS 1, on floor/INDEX; nothing in between. After `--` a single register of one more device, at an interval of its own. Each line on stdin is
 * answered with `MONO_NS POLLS ACKED ERRORS`; ends when stdin does. */
#include "tests/bench/wire.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define EVENTS    64
#define FRAME_MAX 260
#define MS_NS     1000000LL
#define AT_STDIN  UINT32_MAX
#define AT_BROKER (UINT32_MAX - 1)

struct device {
	int      fd;
	uint16_t first, count, transaction;
	bool     waiting;
	size_t   have;
	uint8_t  reply[FRAME_MAX];
	char     topic[24];
};

/* Devices of one interval, due one after the other, evenly spread. */
struct group { uint32_t from, n, next; long long interval_ns, due_ns; };

struct floor_state {
	struct wire    wire;
	struct device *devices;
	uint32_t       n_devices;
	struct group   groups[2];
	int            epoll;
	uint16_t       id;
	unsigned long long polls, acked, errors;
};

static long long mono_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (long long)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

static void must(bool ok, const char *what)
{
	if (ok)
		return;
	perror(what);
	exit(1);
}

static void watch(const struct floor_state *f, int fd, uint32_t who)
{
	struct epoll_event e = { .events = EPOLLIN, .data.u32 = who };

	must(epoll_ctl(f->epoll, EPOLL_CTL_ADD, fd, &e) == 0, "epoll_ctl");
}

static void open_device(struct floor_state *f, int port, uint16_t first, uint16_t count)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct device *d = &f->devices[f->n_devices];
	int on = 1;

	*d = (struct device){ .fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), .first = first, .count = count };
	must(d->fd >= 0 && connect(d->fd, (struct sockaddr *)&to, sizeof to) == 0, "connect");
	setsockopt(d->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
	snprintf(d->topic, sizeof d->topic, "floor/%u", f->n_devices);
	watch(f, d->fd, f->n_devices++);
}

static void ask(struct floor_state *f, struct device *d)
{
	uint16_t t = ++d->transaction;
	uint8_t frame[12] = { (uint8_t)(t >> 8), (uint8_t)t, 0, 0, 0, 6, 1, 3, (uint8_t)(d->first >> 8), (uint8_t)d->first, (uint8_t)(d->count >> 8), (uint8_t)d->count };

	if (d->waiting || send(d->fd, frame, sizeof frame, MSG_NOSIGNAL) != (ssize_t)sizeof frame) {
		f->errors++;
		return;
	}
	d->waiting = true;
	d->have = 0;
}

static void answered(struct floor_state *f, struct device *d)
{
	size_t whole = 9 + 2u * d->count;
	ssize_t n = recv(d->fd, d->reply + d->have, sizeof d->reply - d->have, 0);

	must(n > 0, "a device closed");
	d->have += (size_t)n;
	if (d->have < whole)
		return;
	d->waiting = false;
	if (d->reply[7] != 3 || (d->reply[0] << 8 | d->reply[1]) != d->transaction) {
		f->errors++;
		return;
	}
	f->polls++;
	f->id = f->id == UINT16_MAX ? 1 : (uint16_t)(f->id + 1);
	wire_publish(&f->wire, d->topic, f->id, d->reply + 9, 2u * d->count);
	must(wire_flush(&f->wire) == 0, "publish");
}

static void acknowledged(struct floor_state *f)
{
	struct wire_packet p;

	must(wire_receive(&f->wire) == 0, "the broker closed");
	while (wire_next(&f->wire, &p))
		f->acked += p.type == WIRE_PUBACK;
}

static long long ask_due(struct floor_state *f)
{
	long long now = mono_ns(), next = now + 1000 * MS_NS;

	for (size_t i = 0; i < sizeof f->groups / sizeof f->groups[0]; i++) {
		struct group *g = &f->groups[i];
		for (; g->n && g->due_ns <= now; g->due_ns += g->interval_ns / g->n) {
			ask(f, &f->devices[g->from + g->next]);
			g->next = (g->next + 1) % g->n;
		}
		if (g->n && g->due_ns < next)
			next = g->due_ns;
	}
	return next - now;
}

static void run(struct floor_state *f)
{
	struct epoll_event events[EVENTS];
	char line[64];

	for (;;) {
		long long wait = ask_due(f);
		struct timespec ts = { wait / 1000000000, wait % 1000000000 };
		int n = epoll_pwait2(f->epoll, events, EVENTS, &ts, NULL);
		must(n >= 0 || errno == EINTR, "epoll");
		for (int i = 0; i < n; i++) {
			uint32_t who = events[i].data.u32;
			if (who == AT_STDIN) {
				if (read(0, line, sizeof line) <= 0)
					return;
				printf("%lld %llu %llu %llu\n", mono_ns(), f->polls, f->acked, f->errors);
				fflush(stdout);
			} else if (who == AT_BROKER) {
				acknowledged(f);
			} else {
				answered(f, &f->devices[who]);
			}
		}
	}
}

int main(int argc, char **argv)
{
	struct floor_state f = { .wire.fd = -1, .epoll = epoll_create1(EPOLL_CLOEXEC) };
	int i = 4;

	if (argc < 5) {
		fprintf(stderr, "usage: bench_floor BROKER_PORT REGISTERS INTERVAL_MS PORT... [-- REGISTER INTERVAL_MS PORT]\n");
		return 2;
	}
	f.devices = calloc((size_t)argc, sizeof *f.devices);
	must(f.devices && wire_connect(&f.wire, atoi(argv[1]), "bench-floor", true) == 0, "the broker");
	watch(&f, f.wire.fd, AT_BROKER);
	watch(&f, 0, AT_STDIN);
	for (; i < argc && strcmp(argv[i], "--") != 0; i++)
		open_device(&f, atoi(argv[i]), 0, (uint16_t)atoi(argv[2]));
	f.groups[0] = (struct group){ .n = f.n_devices, .interval_ns = atoi(argv[3]) * MS_NS, .due_ns = mono_ns() };
	if (i + 3 < argc) {
		f.groups[1] = (struct group){ .from = f.n_devices, .n = 1, .interval_ns = atoi(argv[i + 2]) * MS_NS, .due_ns = mono_ns() };
		open_device(&f, atoi(argv[i + 3]), (uint16_t)atoi(argv[i + 1]), 1);
	}
	run(&f);
	return 0;
}
