/* bench_modbus LINES REGISTERS INTERVAL_MS SECONDS: how many requests a second the Modbus driver makes, and what CPU one costs, against a server in a
 * process of its own on loopback. INTERVAL_MS 0: as fast as it goes. */
#include "drivers/driver.h"

#include <arpa/inet.h>
#include <errno.h>
#include <math.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define EVENTS 256

static void must(bool ok, const char *what)
{
	if (ok)
		return;
	perror(what);
	exit(1);
}

static void add(int ep, int fd, uint32_t events, uint64_t data)
{
	struct epoll_event e = { .events = events, .data.u64 = data };

	must(epoll_ctl(ep, EPOLL_CTL_ADD, fd, &e) == 0, "epoll_ctl");
}

static void serve_one(int fd)
{
	uint8_t f[260], r[260];
	ssize_t n = recv(fd, f, sizeof f, 0);

	if (n <= 0) {
		close(fd);
		return;
	}
	/* One request in flight a line, so a whole one is what comes. */
	size_t bytes = (size_t)(f[10] << 8 | f[11]) * 2;
	memcpy(r, f, 8);
	memset(r + 9, 7, bytes);
	r[8] = (uint8_t)bytes;
	r[4] = 0;
	r[5] = (uint8_t)(bytes + 3);
	(void)!send(fd, r, bytes + 9, MSG_NOSIGNAL);
}

static void serve(int listener)
{
	int ep = epoll_create1(0), on = 1;
	struct epoll_event ev[EVENTS];

	add(ep, listener, EPOLLIN, (uint64_t)listener);
	for (;;) {
		int n = epoll_wait(ep, ev, EVENTS, -1);
		for (int i = 0; i < n; i++) {
			int fd = (int)ev[i].data.u64;
			if (fd != listener) {
				serve_one(fd);
				continue;
			}
			fd = accept(listener, NULL, NULL);
			if (fd >= 0) {
				setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
				add(ep, fd, EPOLLIN, (uint64_t)fd);
			}
		}
	}
}

static int listen_any(uint16_t *ret_port)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof a;
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	must(fd >= 0 && bind(fd, (struct sockaddr *)&a, sizeof a) == 0 && listen(fd, 1024) == 0, "listen");
	getsockname(fd, (struct sockaddr *)&a, &len);
	*ret_port = ntohs(a.sin_port);
	return fd;
}

static struct stamp stamp_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_BOOTTIME, &t);
	return (struct stamp){ .mono_ns = t.tv_sec * CLOCK_NS_PER_S + t.tv_nsec };
}

struct line {
	void            *bus;
	struct bus_wants wants;
	uint32_t         watched;  /* generation */
	int              events;
};

static uint64_t n_good, n_bad;

static void on_sample(void *user, const struct sample *s)
{
	(void)user;
	if (s->quality == QUALITY_GOOD)
		n_good++;
	else
		n_bad++;
}

static void on_answer(void *user, uint64_t token, const uint16_t *values, size_t n, const struct err *error)
{
	(void)user, (void)token, (void)values, (void)n, (void)error;
}

static struct sample_sink sink = { on_sample, on_answer, NULL };

static void step(struct line *l, const struct driver_ops *ops, int ep, size_t index, int revents)
{
	struct bus_event ev = { .revents = revents };

	ops->step(l->bus, &ev, stamp_now(), &sink, &l->wants);
	if (l->wants.fd < 0)
		return;
	struct epoll_event e = { .events = (uint32_t)l->wants.poll_events, .data.u64 = index };
	if (l->watched != l->wants.fd_generation)
		must(epoll_ctl(ep, EPOLL_CTL_ADD, l->wants.fd, &e) == 0, "epoll_ctl");
	else if (l->events != l->wants.poll_events)
		must(epoll_ctl(ep, EPOLL_CTL_MOD, l->wants.fd, &e) == 0, "epoll_ctl");
	l->watched = l->wants.fd_generation;
	l->events = l->wants.poll_events;
}

static double cpu_s(void)
{
	struct rusage u;

	getrusage(RUSAGE_SELF, &u);
	return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) + (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
}

static void run(struct line *lines, size_t n, const struct driver_ops *ops, int ep, int64_t until_ns)
{
	struct epoll_event ev[EVENTS];

	for (size_t i = 0; i < n; i++)
		step(&lines[i], ops, ep, i, 0);
	for (;;) {
		int64_t now = stamp_now().mono_ns, next = until_ns;

		if (now >= until_ns)
			return;
		for (size_t i = 0; i < n; i++) {
			if (lines[i].wants.deadline_ns <= now)
				step(&lines[i], ops, ep, i, 0);
			if (lines[i].wants.deadline_ns < next)
				next = lines[i].wants.deadline_ns;
		}
		int64_t wait = next > now ? (next - now + CLOCK_NS_PER_MS - 1) / CLOCK_NS_PER_MS : 0;
		int got = epoll_wait(ep, ev, EVENTS, (int)wait);
		for (int i = 0; i < got; i++)
			step(&lines[ev[i].data.u64], ops, ep, ev[i].data.u64, (int)ev[i].events);
	}
}

static uint64_t requests(const struct line *lines, size_t n, const struct driver_ops *ops)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < n; i++) {
		struct bus_unit_stats s;
		ops->unit_stats(lines[i].bus, 0, &s);
		sum += s.replies;
	}
	return sum;
}

int main(int argc, char **argv)
{
	const struct driver_ops *ops = driver_find(BUS_TCP);
	struct bus_device device = { .name = "d", .unit = 1, .timing = { .timeout_ns = CLOCK_NS_PER_S, .max_registers = 125 } };
	struct err e;
	uint16_t port;

	if (argc != 5) {
		fprintf(stderr, "usage: bench_modbus LINES REGISTERS INTERVAL_MS SECONDS\n");
		return 2;
	}
	size_t n = strtoul(argv[1], NULL, 10), registers = strtoul(argv[2], NULL, 10);
	int64_t every = strtol(argv[3], NULL, 10) * CLOCK_NS_PER_MS, seconds = strtol(argv[4], NULL, 10);
	int listener = listen_any(&port);
	pid_t server = fork();
	if (server == 0)
		serve(listener);
	close(listener);
	struct driver_shared *shared = driver_shared_new(&e);
	struct bus_point *points = calloc(registers, sizeof *points);
	struct bus_config *configs = calloc(n, sizeof *configs);
	struct line *lines = calloc(n, sizeof *lines);
	must(shared && points && configs && lines, "memory");
	for (size_t i = 0; i < registers; i++)
		points[i] = (struct bus_point){ .point = (uint32_t)i, .id = "d.p", .fc = 3, .address = (uint16_t)i, .type = TYPE_U16, .bit_first = -1,
			.bit_last = -1, .scale = { 1, 2 }, .decimals_from = BUS_NO_DECIMALS_FROM, .convert = { DECIMAL_ONE, DECIMAL_ZERO }, .min = NAN,
			.max = NAN, .every_ns = every ? every : 1000 };
	for (size_t i = 0; i < n; i++) {
		configs[i] = (struct bus_config){ .name = "b", .shared = shared, .transport = BUS_TCP, .host = "127.0.0.1", .port = port,
			.devices = &device, .n_devices = 1, .seed = i };
		must(ops->open(&configs[i], points, registers, stamp_now(), &lines[i].bus, &e) == 0, "open");
	}
	int ep = epoll_create1(0);
	run(lines, n, ops, ep, stamp_now().mono_ns + CLOCK_NS_PER_S);
	uint64_t before = requests(lines, n, ops);
	double cpu = cpu_s();
	run(lines, n, ops, ep, stamp_now().mono_ns + seconds * CLOCK_NS_PER_S);
	uint64_t done = requests(lines, n, ops) - before;
	cpu = cpu_s() - cpu;
	printf("%zu lines, %zu registers: %.0f requests/s, %.1f CPU µs a request, %.2f %% of a core; samples good %llu, bad %llu\n", n, registers,
	       (double)done / (double)seconds, cpu * 1e6 / (double)(done ? done : 1), cpu * 100 / (double)seconds, (unsigned long long)n_good,
	       (unsigned long long)n_bad);
	for (size_t i = 0; i < n; i++)
		ops->close(lines[i].bus);
	driver_shared_free(shared);
	free(lines);
	free(configs);
	free(points);
	kill(server, SIGKILL);
	waitpid(server, NULL, 0);
	return 0;
}
