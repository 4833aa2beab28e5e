/* bench_server PORTS REGISTERS CHANGE [SEED]: Modbus TCP equipment for measuring: many ports, little CPU, and it says when it served what. First line of output: `ports P P …`.
 *
 * Each port answers function codes 1-4 for every unit, from one set of registers (3, 4) and one of bits (1, 2). The first REGISTERS registers walk by one step up or down, within
 * 900 … 1100; CHANGE is how many steps a second each makes on average (they come at random), or `all`: every register steps at every read. Bits, and the SPARE registers behind, change only when told.
 * Commands on stdin:
 *   set PORT FC ADDRESS VALUE   (PORT: index from 0) and, when an answer with it leaves: `served PORT FC ADDRESS VALUE MONO_NS REAL_NS`
 *   change CHANGE               dead PORT UNIT      alive PORT UNIT
 *   counts PORT                 `counts PORT MONO_NS UNIT:ANSWERS …`
 *   total                       `total MONO_NS ANSWERS REGISTERS BITS`
 * Ends when stdin does. */
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#define EVENTS    256
#define SPARE     64
#define BITS      2048
#define UNITS     256
#define WATCHES   1024
#define IN_BYTES  512
#define LOW       900
#define HIGH      1100
#define HEAD      7 /* MBAP */

struct watch { uint8_t fc; uint16_t address, value; };

struct port {
	int            fd;
	uint16_t      *registers;
	uint8_t       *bits;
	long long      walked_ns;
	bool          *dead;
	uint32_t      *answers;  /* by unit */
	struct watch  *watches;
	size_t         n_watches;
};

struct connection { uint32_t port; size_t have; uint8_t in[IN_BYTES]; };

struct server {
	struct port        *ports;
	uint32_t            n_ports;
	size_t              n_registers;
	double              change;
	bool                all;
	uint64_t            random;
	int                 epoll;
	struct connection **connections; /* by descriptor */
	size_t              n_connections;
	unsigned long long  answers, registers, bits;
	size_t              line_len;
	char                line[1024];
};

enum what { IS_STDIN, IS_PORT, IS_CONNECTION };

static long long clock_ns(clockid_t id)
{
	struct timespec ts;

	clock_gettime(id, &ts);
	return (long long)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

static void must(bool ok, const char *what)
{
	if (ok)
		return;
	perror(what);
	exit(1);
}

static void watch_fd(const struct server *s, int fd, enum what what, uint32_t index)
{
	struct epoll_event e = { .events = EPOLLIN, .data.u64 = (uint64_t)what << 32 | index };

	must(epoll_ctl(s->epoll, EPOLL_CTL_ADD, fd, &e) == 0, "epoll_ctl");
}

/* xorshift64 */
static uint64_t next_random(struct server *s)
{
	s->random ^= s->random << 13;
	s->random ^= s->random >> 7;
	s->random ^= s->random << 17;
	return s->random;
}

static void step(uint16_t *r, bool up)
{
	*r = (uint16_t)(*r >= HIGH ? HIGH - 1 : *r <= LOW ? LOW + 1 : up ? *r + 1 : *r - 1);
}

static void walk(struct server *s, struct port *p)
{
	long long now = clock_ns(CLOCK_MONOTONIC);
	double steps = s->change * (double)s->n_registers * (double)(now - p->walked_ns) / 1e9;

	p->walked_ns = now;
	if (s->all) {
		for (size_t i = 0; i < s->n_registers; i++)
			step(&p->registers[i], next_random(s) & 1);
		return;
	}
	for (steps += (double)(next_random(s) >> 11) * 0x1p-53; steps >= 1; steps -= 1) {
		uint64_t r = next_random(s);
		step(&p->registers[(r >> 8) % s->n_registers], r & 1);
	}
}

static void tell_served(struct port *p, uint32_t index, unsigned fc, unsigned from, unsigned count, long long mono, long long real)
{
	for (size_t i = 0; i < p->n_watches;) {
		const struct watch w = p->watches[i];
		if (w.fc != fc || w.address < from || w.address >= from + count) {
			i++;
			continue;
		}
		printf("served %u %u %u %u %lld %lld\n", index, fc, w.address, w.value, mono, real);
		p->watches[i] = p->watches[--p->n_watches];
	}
	fflush(stdout);
}

/* The reply's PDU; its length. */
static size_t answer(struct server *s, struct port *p, const uint8_t *pdu, uint8_t *out)
{
	unsigned fc = pdu[0], from = (unsigned)pdu[1] << 8 | pdu[2], count = (unsigned)pdu[3] << 8 | pdu[4];
	bool is_bits = fc == 1 || fc == 2;
	size_t bytes = is_bits ? (count + 7) / 8 : 2u * count;

	out[0] = (uint8_t)fc;
	out[1] = (uint8_t)bytes;
	if (fc < 1 || fc > 4 || count < 1 || bytes > 250 || from + count > (is_bits ? BITS : s->n_registers + SPARE)) {
		out[0] |= 0x80;
		out[1] = fc < 1 || fc > 4 ? 1 : 2;
		return 2;
	}
	if (is_bits) {
		memset(out + 2, 0, bytes);
		for (unsigned i = 0; i < count; i++)
			out[2 + i / 8] |= (uint8_t)(p->bits[from + i] << (i % 8));
		s->bits += count;
		return 2 + bytes;
	}
	if (s->n_registers)
		walk(s, p);
	for (unsigned i = 0; i < count; i++) {
		out[2 + 2 * i] = (uint8_t)(p->registers[from + i] >> 8);
		out[3 + 2 * i] = (uint8_t)p->registers[from + i];
	}
	s->registers += count;
	return 2 + bytes;
}

static void serve_frame(struct server *s, uint32_t index, int fd, const uint8_t *frame)
{
	struct port *p = &s->ports[index];
	uint8_t out[HEAD + 256];
	unsigned unit = frame[6];

	if (p->dead[unit])
		return;
	memcpy(out, frame, HEAD);
	size_t len = answer(s, p, frame + HEAD, out + HEAD);
	out[4] = (uint8_t)((len + 1) >> 8);
	out[5] = (uint8_t)(len + 1);
	s->answers++;
	p->answers[unit]++;
	long long mono = p->n_watches ? clock_ns(CLOCK_MONOTONIC) : 0, real = p->n_watches ? clock_ns(CLOCK_REALTIME) : 0;
	(void)!send(fd, out, HEAD + len, MSG_NOSIGNAL);
	if (p->n_watches)
		tell_served(p, index, frame[7], (unsigned)frame[8] << 8 | frame[9], (unsigned)frame[10] << 8 | frame[11], mono, real);
}

static void serve(struct server *s, int fd)
{
	struct connection *c = s->connections[fd];
	ssize_t n = recv(fd, c->in + c->have, sizeof c->in - c->have, 0);
	size_t at = 0;

	if (n <= 0) {
		close(fd);
		return;
	}
	c->have += (size_t)n;
	while (c->have - at >= HEAD + 5) {
		size_t whole = 6 + ((size_t)c->in[at + 4] << 8 | c->in[at + 5]);
		if (whole < HEAD + 5 || whole > sizeof c->in) {
			close(fd);
			return;
		}
		if (c->have - at < whole)
			break;
		serve_frame(s, c->port, fd, c->in + at);
		at += whole;
	}
	memmove(c->in, c->in + at, c->have - at);
	c->have -= at;
}

static void accept_one(struct server *s, uint32_t index)
{
	int fd = accept4(s->ports[index].fd, NULL, NULL, SOCK_CLOEXEC), on = 1;

	if (fd < 0)
		return;
	must((size_t)fd < s->n_connections, "too many connections");
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
	if (!s->connections[fd])
		s->connections[fd] = malloc(sizeof *s->connections[fd]);
	must(s->connections[fd] != NULL, "malloc");
	s->connections[fd]->port = index;
	s->connections[fd]->have = 0;
	watch_fd(s, fd, IS_CONNECTION, (uint32_t)fd);
}

static void set_change(struct server *s, const char *word)
{
	s->all = strcmp(word, "all") == 0;
	s->change = s->all ? 0 : atof(word);
	for (uint32_t i = 0; i < s->n_ports; i++)
		s->ports[i].walked_ns = clock_ns(CLOCK_MONOTONIC);
}

static void set_value(struct server *s, struct port *p, unsigned fc, unsigned address, unsigned value)
{
	bool is_bits = fc == 1 || fc == 2;

	if (p->n_watches == WATCHES || address >= (is_bits ? BITS : s->n_registers + SPARE)) {
		fprintf(stderr, "set: no such address, or too many wait to be read\n");
		return;
	}
	if (is_bits)
		p->bits[address] = value != 0;
	else
		p->registers[address] = (uint16_t)value;
	p->watches[p->n_watches++] = (struct watch){ (uint8_t)fc, (uint16_t)address, (uint16_t)value };
}

static void print_counts(const struct port *p, unsigned index)
{
	printf("counts %u %lld", index, clock_ns(CLOCK_MONOTONIC));
	for (unsigned u = 0; u < UNITS; u++)
		if (p->answers[u])
			printf(" %u:%u", u, p->answers[u]);
	putchar('\n');
}

static void obey(struct server *s, const char *line)
{
	char word[32], how[32] = "";
	unsigned port = 0, a = 0, b = 0, c = 0;

	if (sscanf(line, "change %31s", how) == 1) {
		set_change(s, how);
		return;
	}
	if (sscanf(line, "%31s %u %u %u %u", word, &port, &a, &b, &c) < 1 || port >= s->n_ports) {
		fprintf(stderr, "not understood: %s\n", line);
		return;
	}
	struct port *p = &s->ports[port];
	if (strcmp(word, "set") == 0)
		set_value(s, p, a, b, c);
	else if ((strcmp(word, "dead") == 0 || strcmp(word, "alive") == 0) && a < UNITS)
		p->dead[a] = word[0] == 'd';
	else if (strcmp(word, "counts") == 0)
		print_counts(p, port);
	else if (strcmp(word, "total") == 0)
		printf("total %lld %llu %llu %llu\n", clock_ns(CLOCK_MONOTONIC), s->answers, s->registers, s->bits);
	fflush(stdout);
}

/* False: stdin ended. */
static bool take_commands(struct server *s)
{
	ssize_t n = read(0, s->line + s->line_len, sizeof s->line - 1 - s->line_len);
	char *end;

	if (n <= 0)
		return false;
	s->line_len += (size_t)n;
	s->line[s->line_len] = '\0';
	while ((end = strchr(s->line, '\n')) != NULL) {
		*end = '\0';
		obey(s, s->line);
		s->line_len -= (size_t)(end + 1 - s->line);
		memmove(s->line, end + 1, s->line_len + 1);
	}
	return true;
}

static int open_port(struct server *s, uint32_t index)
{
	struct port *p = &s->ports[index];
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof at;

	p->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	must(p->fd >= 0 && bind(p->fd, (struct sockaddr *)&at, sizeof at) == 0 && listen(p->fd, 64) == 0, "listen");
	must(getsockname(p->fd, (struct sockaddr *)&at, &len) == 0, "getsockname");
	p->registers = calloc(s->n_registers + SPARE, sizeof *p->registers);
	p->bits = calloc(BITS, 1);
	p->dead = calloc(UNITS, sizeof *p->dead);
	p->answers = calloc(UNITS, sizeof *p->answers);
	p->watches = calloc(WATCHES, sizeof *p->watches);
	must(p->registers && p->bits && p->dead && p->answers && p->watches, "calloc");
	for (size_t i = 0; i < s->n_registers; i++)
		p->registers[i] = (uint16_t)(LOW + next_random(s) % (HIGH - LOW));
	watch_fd(s, p->fd, IS_PORT, index);
	return ntohs(at.sin_port);
}

int main(int argc, char **argv)
{
	struct server s = { .epoll = epoll_create1(EPOLL_CLOEXEC), .random = 88172645463325252u };
	struct rlimit files;
	struct epoll_event events[EVENTS];

	if (argc < 4) {
		fprintf(stderr, "usage: bench_server PORTS REGISTERS CHANGE [SEED]\n");
		return 2;
	}
	getrlimit(RLIMIT_NOFILE, &files);
	files.rlim_cur = files.rlim_max;
	setrlimit(RLIMIT_NOFILE, &files);
	s.n_ports = (uint32_t)atoi(argv[1]);
	s.n_registers = (size_t)atoi(argv[2]);
	if (argc > 4)
		s.random ^= strtoull(argv[4], NULL, 0) * 0x9e3779b97f4a7c15u;
	s.n_connections = 64 + 4u * s.n_ports;
	s.ports = calloc(s.n_ports, sizeof *s.ports);
	s.connections = calloc(s.n_connections, sizeof *s.connections);
	must(s.ports && s.connections, "calloc");
	printf("ports");
	for (uint32_t i = 0; i < s.n_ports; i++)
		printf(" %d", open_port(&s, i));
	putchar('\n');
	fflush(stdout);
	set_change(&s, argv[3]);
	watch_fd(&s, 0, IS_STDIN, 0);
	for (;;) {
		int n = epoll_wait(s.epoll, events, EVENTS, -1);
		for (int i = 0; i < n; i++) {
			enum what what = (enum what)(events[i].data.u64 >> 32);
			uint32_t index = (uint32_t)events[i].data.u64;
			if (what == IS_CONNECTION)
				serve(&s, (int)index);
			else if (what == IS_PORT)
				accept_one(&s, index);
			else if (!take_commands(&s))
				return 0;
		}
	}
}
