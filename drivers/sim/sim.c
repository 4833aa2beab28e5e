/* The smallest whole driver. A real one has the same seven functions, and in `step` a line to talk to; read this file for the shape, drivers/modbus for
 * the rest. Nothing here blocks, allocates after open, reads a clock or logs. */
#include "drivers/sim/sim.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

/* What the driver keeps of a point: when it is due, and the how-many-th poll comes next (the value follows from that number). */
struct sim_point {
	int64_t  due_ns;
	uint64_t polls;
};

struct sim_bus {
	const struct bus_config *config; /* borrowed until close, as are the points */
	const struct bus_point  *points;
	size_t                   n;
	struct sim_point        *state;
	struct bus_stats         stats;
	struct bus_unit_stats   *units;
	bool                     request_waits;
	struct bus_request       request;
};

static void sim_close(void *bus)
{
	struct sim_bus *b = bus;

	if (!b)
		return;
	free(b->state);
	free(b->units);
	free(b);
}

/* Check and plan. All memory is taken here: `step` is on the way of an alarm and must not run out of it. */
static int sim_open(const struct bus_config *config, const struct bus_point *points, size_t n, struct stamp now, void **ret_bus, struct err *reterr)
{
	for (size_t i = 0; i < n; i++) {
		if (points[i].log_mode)
			return err_set(reterr, ERR_UNSUPPORTED, "point '%s': mode log is not supported by simulated devices", points[i].id);
		if (points[i].every_ns <= 0 || points[i].device >= config->n_devices)
			return err_set(reterr, ERR_INVALID, "point '%s': no interval, or no such device", points[i].id);
	}
	struct sim_bus *b = calloc(1, sizeof *b);
	if (!b)
		return err_set(reterr, ERR_NO_MEMORY, "bus '%s': no memory", config->name);
	*b = (struct sim_bus){ .config = config, .points = points, .n = n, .stats.connected = true, .stats.connects = 1 };
	b->state = calloc(n ? n : 1, sizeof *b->state);
	b->units = calloc(config->n_devices ? config->n_devices : 1, sizeof *b->units);
	if (!b->state || !b->units) {
		sim_close(b);
		return err_set(reterr, ERR_NO_MEMORY, "bus '%s': no memory", config->name);
	}
	for (size_t i = 0; i < n; i++)
		b->state[i].due_ns = now.mono_ns;
	*ret_bus = b;
	return 0;
}

/* The same seed, point and poll give the same number, 0 … 1, on every machine. */
static double draw(uint64_t seed, uint64_t point, uint64_t poll)
{
	uint64_t z = seed * UINT64_C(0x9e3779b97f4a7c15) + point * UINT64_C(0xbf58476d1ce4e5b9) + poll;

	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	z ^= z >> 31;
	return (double)(z >> 11) * 0x1p-53;
}

#define STATE_POLLS 40 /* a state stands for so many polls */

/* A state is at rest nine times out of ten; a measurement swings slowly about the middle of its range. A string names its poll. */
static struct value sim_value(const struct sim_bus *b, size_t i, char *text)
{
	const struct bus_point *p = &b->points[i];
	double r = draw(b->config->seed, p->point, b->state[i].polls / (p->n_labels || p->type == TYPE_BOOL ? STATE_POLLS : 1));

	if (p->type == TYPE_STRING) {
		snprintf(text, VALUE_TEXT_MAX, "sim %" PRIu64, b->state[i].polls);
		return (struct value){ NAN, text };
	}
	if (p->n_labels)
		return (struct value){ p->labels[r < 0.9 ? 0 : (size_t)((r - 0.9) * 10 * (double)p->n_labels)].value, NULL };
	if (p->type == TYPE_BOOL)
		return (struct value){ r < 0.9 ? 0 : 1, NULL };
	double low = isnan(p->min) ? 0 : p->min, high = isnan(p->max) ? low + 100 : p->max;
	double swing = 0.5 + 0.4 * sin((double)b->state[i].polls / 20) + 0.1 * (r - 0.5);

	return (struct value){ low + (high - low) * swing, NULL };
}

static void poll_point(struct sim_bus *b, size_t i, struct stamp now, struct sample_sink *sink)
{
	const struct bus_point *p = &b->points[i];
	struct bus_unit_stats *unit = &b->units[p->device];
	char text[VALUE_TEXT_MAX];
	struct sample s = { .point = p->point, .quality = QUALITY_GOOD, .value = sim_value(b, i, text), .at = now };

	/* Late by whole intervals: those polls are missed and counted, never made up for. */
	int64_t late = (now.mono_ns - b->state[i].due_ns) / p->every_ns;
	b->stats.missed += (uint64_t)late;
	b->state[i].due_ns += (late + 1) * p->every_ns;
	b->state[i].polls++;
	unit->requests++;
	unit->replies++;
	unit->polls_good++;
	unit->last_good_ns = b->stats.last_good_ns = now.mono_ns;
	sink->sample(sink->user, &s);
}

/* Do what is due, say what is wanted next. There is no descriptor here, so only time can make us wanted again. */
static void sim_step(void *bus, const struct bus_event *ev, struct stamp now, struct sample_sink *sink, struct bus_wants *ret_wants)
{
	struct sim_bus *b = bus;
	int64_t next = CLOCK_NEVER;

	(void)ev;
	for (size_t i = 0; i < b->n; i++) {
		if (b->state[i].due_ns <= now.mono_ns)
			poll_point(b, i, now, sink);
		if (b->state[i].due_ns < next)
			next = b->state[i].due_ns;
	}
	if (b->request_waits) {
		struct err error = { 0 };

		b->request_waits = false;
		(void)err_set(&error, ERR_UNSUPPORTED, "a simulated device has no registers to read");
		sink->answer(sink->user, b->request.token, NULL, 0, &error);
	}
	*ret_wants = (struct bus_wants){ .fd = -1, .deadline_ns = next };
}

/* Answered by the next step, as a real line would: the caller steps after every request. */
static int sim_request(void *bus, const struct bus_request *rq, struct err *reterr)
{
	struct sim_bus *b = bus;

	if (b->request_waits)
		return err_set(reterr, ERR_BUSY, "another read of this bus is waiting");
	b->request = *rq;
	b->request_waits = true;
	return 0;
}

static void sim_stats(const void *bus, struct bus_stats *ret)
{
	*ret = ((const struct sim_bus *)bus)->stats;
}

static void sim_unit_stats(const void *bus, size_t device, struct bus_unit_stats *ret)
{
	*ret = ((const struct sim_bus *)bus)->units[device];
}

/* Nothing is found out about simulated devices. */
static int sim_learned(const void *bus, struct strbuf *out)
{
	(void)bus;
	(void)out;
	return 0;
}

const struct driver_ops sim_driver = {
	.name = "sim",
	.open = sim_open,
	.step = sim_step,
	.request = sim_request,
	.stats = sim_stats,
	.unit_stats = sim_unit_stats,
	.learned = sim_learned,
	.close = sim_close,
};
