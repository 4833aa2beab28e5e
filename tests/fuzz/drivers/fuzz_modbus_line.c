/* Any bytes as what the other side of a connection sends, in pieces (the first byte chooses the framing, Modbus TCP or RTU): the line answers, drops or gives up, and each point has at most a sample a poll. */
#include "drivers/driver.h"

#include <arpa/inet.h>
#include <math.h>
#include <poll.h>
#include <stdlib.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct count { size_t samples; };

static void on_sample(void *user, const struct sample *s)
{
	struct count *c = user;

	c->samples++;
	if (s->point != 0)
		abort();
}

static int listen_any(uint16_t *ret_port)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof a;
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	if (fd < 0 || bind(fd, (struct sockaddr *)&a, sizeof a) || listen(fd, 8) || getsockname(fd, (struct sockaddr *)&a, &len))
		abort();
	*ret_port = ntohs(a.sin_port);
	return fd;
}

static void step(const struct driver_ops *ops, void *bus, struct count *c, int64_t now_ns, struct bus_wants *wants)
{
	struct sample_sink sink = { .sample = on_sample, .user = c };
	struct bus_event ev = { 0 };
	struct pollfd p = { .fd = wants->fd, .events = (short)wants->poll_events };

	if (wants->fd >= 0 && poll(&p, 1, 0) > 0)
		ev.revents = p.revents;
	ops->step(bus, &ev, (struct stamp){ .mono_ns = now_ns }, &sink, wants);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct driver_shared *shared;
	static int listener;
	static uint16_t port;
	enum bus_transport transport = size > 0 && data[0] & 1 ? BUS_RTU_TCP : BUS_TCP;
	const struct driver_ops *ops = driver_find(transport);
	struct bus_device device = { .name = "d", .unit = 1, .timing = { .timeout_ns = CLOCK_NS_PER_S, .max_registers = 100 } };
	struct bus_point point = { .id = "p", .fc = 3, .type = TYPE_U32, .bit_first = -1, .bit_last = -1, .scale = DECIMAL_ONE,
		.decimals_from = BUS_NO_DECIMALS_FROM, .convert = { DECIMAL_ONE, DECIMAL_ZERO }, .min = NAN, .max = NAN, .every_ns = 10 * CLOCK_NS_PER_S };
	struct bus_wants wants = { .fd = -1 };
	struct count c = { 0 };
	int64_t now = CLOCK_NS_PER_S;
	void *bus;

	if (!shared) {
		shared = driver_shared_new(NULL);
		listener = listen_any(&port);
	}
	device.timing.echo = size > 0 && data[0] & 2;
	struct bus_config config = { .name = "b", .shared = shared, .transport = transport, .host = "127.0.0.1", .port = port, .devices = &device, .n_devices = 1 };
	if (!shared || ops->open(&config, &point, 1, (struct stamp){ .mono_ns = now }, &bus, NULL) < 0)
		abort();
	step(ops, bus, &c, now, &wants);
	int peer = accept(listener, NULL, NULL);
	step(ops, bus, &c, now, &wants);
	/* A piece is as long as its first byte says. */
	for (size_t at = 1; at < size;) {
		size_t n = 1u + data[at++];
		if (n > size - at)
			n = size - at;
		if (send(peer, data + at, n, MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
			break;
		at += n;
		step(ops, bus, &c, now += CLOCK_NS_PER_MS, &wants);
	}
	/* At most the polls at the start, and one on its grid within the time that went by. */
	if (c.samples > 2)
		abort();
	ops->close(bus);
	close(peer);
	return 0;
}
