#include "harness.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void on_sample(void *user, const struct sample *s)
{
	struct harness *h = user;
	struct harness_seen *seen = &h->seen[s->point];

	assert(s->point < h->n_points);
	if (seen->samples++ == 0)
		seen->first_ns = s->at.mono_ns;
	seen->back += s->quality == QUALITY_GOOD && seen->samples > 1 && seen->last.quality == QUALITY_COMM;
	seen->of_quality[s->quality]++;
	seen->last = *s;
	if (s->quality == QUALITY_GOOD) {
		seen->good++;
		seen->last_good_ns = s->at.mono_ns;
		if (s->value.text) {
			snprintf(seen->last_text, sizeof seen->last_text, "%s", s->value.text);
			seen->last.value.text = seen->last_text;
		}
	}
	if (h->check)
		h->check(h, &h->points[s->point], s);
}

static void on_answer(void *user, uint64_t token, const uint16_t *values, size_t n, const struct err *error)
{
	struct harness *h = user;

	(void)token;
	h->answers++;
	h->n_answer = n;
	h->answer_error = error ? *error : (struct err){ 0 };
	if (values)
		memcpy(h->answer, values, n * sizeof *values);
}

void harness_init(struct harness *h, enum bus_transport transport, struct peer *peer)
{
	struct err e;

	*h = (struct harness){ .ops = driver_find(transport), .peer = peer, .now_ns = HARNESS_EPOCH };
	h->shared = driver_shared_new(&e);
	assert(h->ops && h->shared);
	h->config = (struct bus_config){ .name = "riser-a", .shared = h->shared, .transport = transport, .host = "127.0.0.1",
		.port = peer ? peer->port : 502, .path = peer ? peer->path : "/dev/null", .baud = 115200, .bits = 8, .stop = 1, .parity = 'N',
		.devices = h->devices, .seed = 7 };
}

static uint32_t device_of(struct harness *h, uint8_t unit)
{
	static const char *const names[HARNESS_DEVICES] = { "d0", "d1", "d2", "d3", "d4", "d5", "d6", "d7", "d8", "d9" };

	for (uint32_t i = 0; i < h->config.n_devices; i++)
		if (h->devices[i].unit == unit)
			return i;
	uint32_t i = (uint32_t)h->config.n_devices++;
	assert(i < HARNESS_DEVICES);
	h->devices[i] = (struct bus_device){ .name = names[i], .unit = unit,
		.timing = { .timeout_ns = 500 * CLOCK_NS_PER_MS, .retries = 1, .max_registers = 100, .max_bits = 1000, .max_gap = 8 } };
	return i;
}

struct bus_point *harness_point(struct harness *h, uint8_t unit, uint8_t fc, uint16_t address, enum register_type type, int64_t every_ns)
{
	static const char *const id = "d.p";

	assert(h->n_points < HARNESS_POINTS);
	struct bus_point *p = &h->points[h->n_points];
	*p = (struct bus_point){ .point = (uint32_t)h->n_points, .device = device_of(h, unit), .id = id, .fc = fc, .address = address, .type = type,
		.bit_first = -1, .bit_last = -1, .scale = DECIMAL_ONE, .offset = DECIMAL_ZERO, .decimals_from = BUS_NO_DECIMALS_FROM,
		.convert = { DECIMAL_ONE, DECIMAL_ZERO }, .min = NAN, .max = NAN, .every_ns = every_ns };
	h->n_points++;
	return p;
}

struct stamp harness_stamp(const struct harness *h)
{
	return (struct stamp){ .mono_ns = h->now_ns, .wall_ms = 1795485600000 + h->now_ns / CLOCK_NS_PER_MS, .wall_trusted = true };
}

void harness_open(struct harness *h)
{
	struct err e = { 0 };

	if (h->ops->open(&h->config, h->points, h->n_points, harness_stamp(h), &h->bus, &e) < 0) {
		fprintf(stderr, "open: %s\n", e.text);
		abort();
	}
	h->wants = (struct bus_wants){ .fd = -1, .deadline_ns = h->now_ns };
}

void harness_close(struct harness *h)
{
	h->ops->close(h->bus);
	driver_shared_free(h->shared);
	h->bus = NULL;
	h->shared = NULL;
}

void harness_step(struct harness *h, const struct bus_event *ev)
{
	struct sample_sink sink = { on_sample, on_answer, h };

	size_t before = harness_allocations();

	h->steps++;
	h->ops->step(h->bus, ev, harness_stamp(h), &sink, &h->wants);
	assert(harness_allocations() == before);
}

struct bus_stats harness_stats(const struct harness *h)
{
	struct bus_stats s;

	h->ops->stats(h->bus, &s);
	return s;
}

struct bus_unit_stats harness_unit(const struct harness *h, size_t device)
{
	struct bus_unit_stats s;

	h->ops->unit_stats(h->bus, device, &s);
	return s;
}

/* Whether something is on its way between the two, so that it is worth a wait of the real clock. */
static bool on_the_way(struct harness *h, uint64_t *ret_signs)
{
	struct bus_stats s = harness_stats(h);

	if (!h->peer || h->wants.fd < 0)
		return false;
	ret_signs[0] = s.bytes_out - h->peer->bytes_in;
	ret_signs[1] = s.bytes_in - h->peer->bytes_out;
	ret_signs[2] = s.disconnects - h->peer->closed;
	ret_signs[3] = h->wants.poll_events & POLLOUT ? h->wants.fd_generation : 0;
	/* What an old connection still had on its way is lost. */
	if (h->generation != h->wants.fd_generation) {
		h->generation = h->wants.fd_generation;
		h->quiet[0] = ret_signs[0];
		h->quiet[1] = ret_signs[1];
	}
	return memcmp(ret_signs, h->quiet, sizeof h->quiet) != 0;
}

/* True if there was something to do. */
static bool step_once(struct harness *h, int wait_ms)
{
	struct pollfd fds[PEER_CONNECTIONS + 2];
	static const struct bus_event nothing = { 0 };
	size_t n = 0;

	if (h->wants.deadline_ns <= h->now_ns) {
		harness_step(h, &nothing);
		return true;
	}
	if (h->peer && peer_step(h->peer, h->now_ns))
		return true;
	if (h->wants.fd >= 0)
		fds[n++] = (struct pollfd){ .fd = h->wants.fd, .events = (short)h->wants.poll_events };
	if (h->peer)
		n += peer_descriptors(h->peer, fds + n);
	if (poll(fds, n, wait_ms) <= 0)
		return false;
	if (h->wants.fd >= 0 && fds[0].revents) {
		struct bus_event ev = { .revents = fds[0].revents };
		harness_step(h, &ev);
	}
	return true;
}

void harness_settle(struct harness *h)
{
	unsigned spins = 0;

	for (;;) {
		while (step_once(h, 0))
			if (++spins > 100000) {
				fprintf(stderr, "the bus spins: fd %d, events %d, deadline in %lld ns\n", h->wants.fd, h->wants.poll_events,
				        (long long)(h->wants.deadline_ns - h->now_ns));
				abort();
			}
		/* Loopback delivers at once, but on a busy machine "at once" may be later than now. */
		uint64_t signs[4];
		if (!on_the_way(h, signs))
			return;
		if (!step_once(h, 20)) {
			memcpy(h->quiet, signs, sizeof signs);
			return;
		}
	}
}

void harness_run(struct harness *h, int64_t for_ns)
{
	int64_t until = h->now_ns + for_ns;

	for (;;) {
		harness_settle(h);
		int64_t next = h->wants.deadline_ns;
		if (h->peer && peer_deadline(h->peer) < next)
			next = peer_deadline(h->peer);
		if (next > until)
			break;
		if (next > h->now_ns)
			h->now_ns = next;
	}
	h->now_ns = until;
}
