/* Groups, their polls, and the one sample that each point has of each.
 *
 * The happy path: a group is due, poll_choose begins its poll, its requests are answered one after another (poll_values), and the poll ends. Failure
 * modes: no answer (tried again, then the unit is dead and is asked with backoff), an exception (the device has no value; a refused block is cut; a
 * busy device is asked again within the poll), the connection ends (tried again on the next one), the line is down (every due point gets its sample
 * of quality comm), the line is too slow (whole polls are missed and counted, never made up for). */
#include "core/strmap.h"
#include "drivers/modbus/bus.h"
#include "drivers/modbus/decode.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define DEAD_BACKOFF_FIRST_NS CLOCK_NS_PER_S
#define DEAD_BACKOFF_MAX_NS   (30 * CLOCK_NS_PER_S)
#define BUSY_MAX              8
#define BUSY_WAIT_MIN_NS      (50 * CLOCK_NS_PER_MS)
#define BUSY_WAIT_MAX_NS      (500 * CLOCK_NS_PER_MS)
#define NO_SPLIT_NS           (600 * CLOCK_NS_PER_S)
#define TIGHT_NS              (10 * CLOCK_NS_PER_S)
#define OTHERS_TURN           4  /* overcommitted: every so many-th request goes by due time alone, so that nobody starves */

enum { EXCEPTION_ADDRESS = 2, EXCEPTION_VALUE = 3, EXCEPTION_ACKNOWLEDGE = 5, EXCEPTION_BUSY = 6, EXCEPTION_NO_PATH = 10, EXCEPTION_NO_TARGET = 11 };

static int compare_items(const void *a, const void *b)
{
	const struct bus_point *x = ((const struct bus_item *)a)->point, *y = ((const struct bus_item *)b)->point;

	if (x->device != y->device)
		return x->device < y->device ? -1 : 1;
	if (x->fc != y->fc)
		return x->fc < y->fc ? -1 : 1;
	if (x->every_ns != y->every_ns)
		return x->every_ns < y->every_ns ? -1 : 1;
	if (x->address != y->address)
		return x->address < y->address ? -1 : 1;
	return x < y ? -1 : x > y;
}

static struct plan_limits limits_of(const struct modbus_bus *b, const struct bus_group *g)
{
	const struct bus_timing *t = &b->config->devices[g->device].timing;
	uint16_t most = g->fc <= 2 ? CODEC_BITS_MAX : CODEC_REGISTERS_MAX;
	uint16_t wanted = g->fc <= 2 ? t->max_bits : t->max_registers;

	return (struct plan_limits){ .max_count = wanted && wanted < most ? wanted : most, .max_gap = t->max_gap };
}

static void plan_group(struct modbus_bus *b, struct bus_group *g)
{
	struct plan_limits limits = limits_of(b, g);

	g->n_requests = plan_build(g->spans, g->n_spans, &limits, g->device, g->fc, b->cuts, b->n_cuts, b->scratch, g->requests);
	for (size_t i = 0; i < g->n_requests; i++)
		g->frames[i].len = 0;
}

static struct codec_read read_of(const struct modbus_bus *b, const struct bus_group *g, size_t request)
{
	return (struct codec_read){ .unit = b->config->devices[g->device].unit, .fc = g->fc, .address = g->requests[request].address,
		.count = g->requests[request].count };
}

static int encode_group(struct modbus_bus *b, struct bus_group *g, struct err *reterr)
{
	for (size_t i = 0; i < g->n_requests; i++) {
		struct codec_read rd = read_of(b, g, i);

		g->frames[i].len = b->framing->encode(b->codec, &rd, g->frames[i].bytes, reterr);
		if (g->frames[i].len < 0) {
			g->frames[i].len = 0;
			return -1;
		}
	}
	return 0;
}

static int check_point(const struct modbus_bus *b, const struct bus_point *p, struct err *reterr)
{
	struct bus_group probe = { .device = p->device, .fc = p->fc };

	if (p->device >= b->config->n_devices)
		return err_set(reterr, ERR_INVALID, "point '%s': no such device", p->id);
	if (p->log_mode)
		return err_set(reterr, ERR_UNSUPPORTED, "point '%s': mode log is not supported yet for Modbus; use mode value", p->id);
	if (decode_check(p, reterr) < 0)
		return err_prefix(reterr, "point '%s': ", p->id);
	if (decode_count(p) > limits_of(b, &probe).max_count)
		return err_set(reterr, ERR_INVALID, "point '%s' takes %u registers and the device gives at most %u a request; raise max_registers", p->id,
		               decode_count(p), limits_of(b, &probe).max_count);
	return 0;
}

static bool has_decimals(const struct bus_point *p)
{
	return p->decimals_from != BUS_NO_DECIMALS_FROM;
}

static void add_spans(struct bus_group *g, size_t item)
{
	const struct bus_point *p = g->items[item].point;

	g->spans[g->n_spans++] = (struct plan_span){ .item = (uint32_t)item, .address = p->address, .count = decode_count(p) };
	if (has_decimals(p))
		g->spans[g->n_spans++] = (struct plan_span){ .item = (uint32_t)item, .address = (uint16_t)p->decimals_from, .count = 1, .decimals = true };
}

static bool same_group(const struct bus_point *a, const struct bus_point *b)
{
	return a->device == b->device && a->fc == b->fc && a->every_ns == b->every_ns;
}

static void make_groups(struct modbus_bus *b, size_t n, struct stamp now)
{
	size_t span = 0;

	for (size_t i = 0; i < n; i++) {
		const struct bus_point *p = b->items[i].point;
		struct bus_group *g = b->n_groups ? &b->groups[b->n_groups - 1] : NULL;

		if (!g || !same_group(g->items[0].point, p)) {
			if (!g || g->device != p->device)
				b->n_units++;
			g = &b->groups[b->n_groups];
			*g = (struct bus_group){ .device = p->device, .fc = p->fc, .every_ns = p->every_ns, .items = &b->items[i], .spans = &b->spans[span],
				.requests = &b->requests[span], .frames = &b->frames[span], .due_ns = now.mono_ns,
				.phase_key = strmap_hash64(b->config->name, strlen(b->config->name), b->config->seed) + b->n_groups };
			b->n_groups++;
		}
		g->n_items++;
		g->urgent = g->urgent || p->urgent;
		span += has_decimals(p) ? 2 : 1;
	}
	for (size_t i = 0; i < b->n_groups; i++)
		for (size_t k = 0; k < b->groups[i].n_items; k++)
			add_spans(&b->groups[i], k);
}

int poll_open(struct modbus_bus *b, const struct bus_point *points, size_t n, struct stamp now, struct err *reterr)
{
	size_t n_spans = 0, room;

	for (size_t i = 0; i < n; i++) {
		if (check_point(b, &points[i], reterr) < 0)
			return -1;
		n_spans += has_decimals(&points[i]) ? 2 : 1;
	}
	room = n_spans ? n_spans : 1;
	b->items = calloc(room, sizeof *b->items);
	b->groups = calloc(room, sizeof *b->groups);
	b->spans = calloc(room, sizeof *b->spans);
	b->requests = calloc(room, sizeof *b->requests);
	b->frames = calloc(room, sizeof *b->frames);
	b->scratch = calloc(room, sizeof *b->scratch);
	if (!b->items || !b->groups || !b->spans || !b->requests || !b->frames || !b->scratch)
		return err_set(reterr, ERR_NO_MEMORY, "no memory for %zu points", n);
	for (size_t i = 0; i < n; i++)
		b->items[i].point = &points[i];
	qsort(b->items, n, sizeof *b->items, compare_items);
	make_groups(b, n, now);
	for (size_t i = 0; i < b->n_groups; i++) {
		plan_group(b, &b->groups[i]);
		if (encode_group(b, &b->groups[i], reterr) < 0)
			return -1;
	}
	return 0;
}

void poll_close(struct modbus_bus *b)
{
	free(b->items);
	free(b->groups);
	free(b->spans);
	free(b->requests);
	free(b->frames);
	free(b->scratch);
}

static void give_sample(struct bus_item *item, enum quality quality, struct value value, struct stamp now, struct sample_sink *sink)
{
	struct sample s = { .point = item->point->point, .quality = quality, .value = value, .at = now };

	if (item->done)
		return;
	item->done = true;
	sink->sample(sink->user, &s);
}

static const struct value no_value = { NAN, NULL };

static void end_poll(struct modbus_bus *b, struct bus_group *g, struct stamp now)
{
	struct bus_unit *u = &b->units[g->device];

	if (g->splitting) {
		size_t kept = 0;

		/* Cuts that brought no answer were in vain: the device refuses the registers themselves, and asking for each alone only costs time. */
		for (size_t i = 0; i < b->n_cuts; i++)
			if (b->cuts[i].proven || b->cuts[i].device != g->device || b->cuts[i].fc != g->fc)
				b->cuts[kept++] = b->cuts[i];
		if (kept < b->n_cuts) {
			b->n_cuts = kept;
			g->no_split_until_ns = now.mono_ns + NO_SPLIT_NS;
			plan_group(b, g);
		}
		g->splitting = false;
	}
	if (g->bad)
		u->stats.polls_bad++;
	else
		u->stats.polls_good++;
	g->running = false;
	g->due_ns = plan_next_due(g->started_ns, g->every_ns, g->phase_key);
}

/* Gives all points of the poll that have none yet a sample of this quality. */
static void fail_poll(struct modbus_bus *b, struct bus_group *g, enum quality quality, struct stamp now, struct sample_sink *sink)
{
	for (size_t i = 0; i < g->n_items; i++)
		give_sample(&g->items[i], quality, no_value, now, sink);
	g->bad = true;
	g->comm = g->comm || quality == QUALITY_COMM;
	end_poll(b, g, now);
}

static void begin_poll(struct modbus_bus *b, struct bus_group *g, int64_t now_ns)
{
	uint64_t missed = (uint64_t)((now_ns - g->due_ns) / g->every_ns);

	if (missed) {
		b->stats.missed += missed;
		b->tight_until_ns = now_ns + TIGHT_NS;
	}
	for (size_t i = 0; i < g->n_items; i++)
		g->items[i].done = g->items[i].has_decimals = false;
	g->running = true;
	g->started_ns = now_ns;
	g->next = 0;
	g->attempts = g->busy = 0;
	g->again = false;
	g->not_before_ns = now_ns;
	g->bad = g->comm = false;
}

static bool request_is_done(const struct bus_group *g, size_t request)
{
	const struct plan_request *r = &g->requests[request];

	for (uint32_t i = r->first; i < r->first + r->n; i++) {
		const struct bus_item *item = &g->items[g->spans[i].item];

		if (!item->done && !(r->decimals_only && item->has_decimals))
			return false;
	}
	return true;
}

/* Moves on to the first request from g->next that still has something to bring; ends the poll if there is none. */
static void advance(struct modbus_bus *b, struct bus_group *g, struct stamp now)
{
	while (g->next < g->n_requests && request_is_done(g, g->next))
		g->next++;
	g->attempts = g->busy = 0;
	g->again = false;
	g->not_before_ns = now.mono_ns;
	if (g->next == g->n_requests)
		end_poll(b, g, now);
}

/* The points of the request g->next have no value. */
static void fail_request(struct modbus_bus *b, struct bus_group *g, enum quality quality, struct stamp now, struct sample_sink *sink)
{
	const struct plan_request *r = &g->requests[g->next];

	g->bad = true;
	g->comm = g->comm || quality == QUALITY_COMM;
	for (uint32_t i = r->first; i < r->first + r->n; i++) {
		struct bus_item *item = &g->items[g->spans[i].item];

		if (g->spans[i].decimals) {
			item->has_decimals = true;
			item->decimals_quality = quality;
		} else {
			give_sample(item, quality, no_value, now, sink);
		}
	}
	g->next++;
	advance(b, g, now);
}

static void revive(struct modbus_bus *b, uint32_t device, int64_t now_ns)
{
	struct bus_unit *u = &b->units[device];

	if (!u->dead)
		return;
	u->dead = false;
	u->backoff_ns = DEAD_BACKOFF_FIRST_NS;
	for (size_t i = 0; i < b->n_groups; i++)
		if (b->groups[i].device == device && b->groups[i].comm && !b->groups[i].running && b->groups[i].due_ns > now_ns)
			b->groups[i].due_ns = now_ns;
}

/* A cut is right if a part of the block that it cut is answered. */
static void prove_cuts(struct modbus_bus *b, const struct bus_group *g, const struct plan_request *r)
{
	for (size_t i = 0; i < b->n_cuts; i++) {
		struct plan_cut *c = &b->cuts[i];

		if (c->device == g->device && c->fc == g->fc && !c->proven && r->address >= c->block_first && r->address + r->count - 1 <= c->block_last)
			c->proven = true;
	}
}

void poll_values(struct modbus_bus *b, struct bus_group *g, const uint16_t *values, struct stamp now, struct sample_sink *sink)
{
	const struct plan_request *r = &g->requests[g->next];

	revive(b, g->device, now.mono_ns);
	if (g->splitting)
		prove_cuts(b, g, r);
	for (uint32_t i = r->first; i < r->first + r->n; i++) {
		struct bus_item *item = &g->items[g->spans[i].item];

		if (g->spans[i].decimals) {
			item->decimals = values[g->spans[i].address - r->address];
			item->has_decimals = true;
			item->decimals_quality = QUALITY_GOOD;
		}
	}
	for (uint32_t i = r->first; i < r->first + r->n; i++) {
		struct bus_item *item = &g->items[g->spans[i].item];
		enum quality quality = QUALITY_GOOD;
		struct value value = no_value;

		if (g->spans[i].decimals || item->done)
			continue;
		if (has_decimals(item->point)) {
			assert(item->has_decimals);
			quality = item->decimals_quality;
		}
		if (quality == QUALITY_GOOD)
			quality = decode_value(item->point, values + (g->spans[i].address - r->address), item->decimals, b->text, &value);
		give_sample(item, quality, value, now, sink);
	}
	g->next++;
	advance(b, g, now);
}

/* The device refused a block: read its parts apart from now on, if that brings an answer. */
static bool split(struct modbus_bus *b, struct bus_group *g, struct stamp now)
{
	const struct plan_request *r = &g->requests[g->next];
	uint16_t at;

	if (now.mono_ns < g->no_split_until_ns || b->n_cuts == b->cap_cuts || plan_cut_at(r, g->spans, &at) < 0)
		return false;
	b->cuts[b->n_cuts++] = (struct plan_cut){ .device = g->device, .fc = g->fc, .address = at, .block_first = r->address,
		.block_last = (uint16_t)(r->address + r->count - 1) };
	g->splitting = true;
	plan_group(b, g);
	g->next = 0;
	advance(b, g, now);
	return true;
}

static bool wait_while_busy(struct bus_group *g, struct stamp now)
{
	int64_t wait = g->every_ns / 8;

	if (wait < BUSY_WAIT_MIN_NS)
		wait = BUSY_WAIT_MIN_NS;
	if (wait > BUSY_WAIT_MAX_NS)
		wait = BUSY_WAIT_MAX_NS;
	if (g->busy >= BUSY_MAX || now.mono_ns + wait >= g->started_ns + g->every_ns)
		return false;
	g->busy++;
	g->not_before_ns = now.mono_ns + wait;
	return true;
}

void poll_exception(struct modbus_bus *b, struct bus_group *g, int exception, struct stamp now, struct sample_sink *sink)
{
	/* Here it is the gateway that speaks, of a device that does not. */
	if (exception == EXCEPTION_NO_PATH || exception == EXCEPTION_NO_TARGET) {
		(void)poll_silence(b, g, now, sink);
		return;
	}
	revive(b, g->device, now.mono_ns);
	if ((exception == EXCEPTION_ACKNOWLEDGE || exception == EXCEPTION_BUSY) && wait_while_busy(g, now))
		return;
	if ((exception == EXCEPTION_ADDRESS || exception == EXCEPTION_VALUE) && split(b, g, now))
		return;
	fail_request(b, g, QUALITY_DEVICE, now, sink);
}

bool poll_silence(struct modbus_bus *b, struct bus_group *g, struct stamp now, struct sample_sink *sink)
{
	struct bus_unit *u = &b->units[g->device];

	if (!u->dead && g->attempts < u->config->timing.retries) {
		g->attempts++;
		return false;
	}
	if (!u->dead)
		u->backoff_ns = DEAD_BACKOFF_FIRST_NS;
	u->dead = true;
	u->probe_ns = now.mono_ns + u->backoff_ns;
	/* Alone on its line it holds up nobody, and need not be asked ever less often. */
	if (b->n_units > 1)
		u->backoff_ns = u->backoff_ns * 2 < DEAD_BACKOFF_MAX_NS ? u->backoff_ns * 2 : DEAD_BACKOFF_MAX_NS;
	fail_poll(b, g, QUALITY_COMM, now, sink);
	return true;
}

void poll_lost(struct modbus_bus *b, struct bus_group *g, bool forgive, struct stamp now, struct sample_sink *sink)
{
	if (forgive && !g->again) {
		g->again = true;
		return;
	}
	if (g->attempts < b->units[g->device].config->timing.retries) {
		g->attempts++;
		return;
	}
	fail_request(b, g, QUALITY_COMM, now, sink);
}

static bool is_ready(const struct bus_group *g, int64_t now_ns)
{
	return g->running ? g->not_before_ns <= now_ns : g->due_ns <= now_ns;
}

/* The last moment to which a poll waits for a line that is on its way up. */
static int64_t patience(const struct bus_group *g)
{
	return (g->running ? g->started_ns : g->due_ns) + g->every_ns;
}

void poll_expire(struct modbus_bus *b, struct stamp now, struct sample_sink *sink)
{
	bool up = b->link.state == LINK_UP;

	for (size_t i = 0; i < b->n_groups; i++) {
		struct bus_group *g = &b->groups[i];
		const struct bus_unit *u = &b->units[g->device];

		if ((b->flight == FLIGHT_POLL && b->flight_group == i) || (!g->running && g->due_ns > now.mono_ns))
			continue;
		bool hopeless = up ? u->dead && u->probe_ns > now.mono_ns : !link_rising(&b->link) || patience(g) <= now.mono_ns;
		if (!hopeless)
			continue;
		if (!g->running)
			begin_poll(b, g, now.mono_ns);
		fail_poll(b, g, QUALITY_COMM, now, sink);
	}
}

/* Due soonest first; urgent ones before that while the line is overcommitted. */
static bool goes_before(const struct bus_group *a, const struct bus_group *b, bool urgent_first)
{
	if (urgent_first && a->urgent != b->urgent)
		return a->urgent;
	return a->due_ns < b->due_ns;
}

struct bus_group *poll_choose(struct modbus_bus *b, struct stamp now)
{
	bool urgent_first = now.mono_ns < b->tight_until_ns && ++b->turn % OTHERS_TURN != 0;
	struct bus_group *best = NULL;

	for (size_t i = 0; i < b->n_groups; i++) {
		struct bus_group *g = &b->groups[i];

		if (is_ready(g, now.mono_ns) && (!best || goes_before(g, best, urgent_first)))
			best = g;
	}
	if (best && !best->running)
		begin_poll(b, best, now.mono_ns);
	return best;
}

bool poll_has_work(const struct modbus_bus *b, int64_t now_ns)
{
	for (size_t i = 0; i < b->n_groups; i++)
		if (b->groups[i].running || b->groups[i].due_ns <= now_ns)
			return true;
	return false;
}

void poll_line_up(struct modbus_bus *b, int64_t now_ns)
{
	for (size_t i = 0; i < b->n_groups; i++) {
		struct bus_group *g = &b->groups[i];

		/* Not more often than once a second: a line may come up again and again. */
		if (g->comm && !g->running && g->due_ns > now_ns && now_ns - g->started_ns >= (g->every_ns < CLOCK_NS_PER_S ? g->every_ns : CLOCK_NS_PER_S))
			g->due_ns = now_ns;
	}
	for (size_t i = 0; i < b->config->n_devices; i++)
		b->units[i].probe_ns = now_ns;
}

int64_t poll_deadline(const struct modbus_bus *b, int64_t now_ns)
{
	bool up = b->link.state == LINK_UP;
	int64_t deadline = CLOCK_NEVER;

	for (size_t i = 0; i < b->n_groups; i++) {
		const struct bus_group *g = &b->groups[i];
		int64_t t = g->running ? g->not_before_ns : g->due_ns;

		/* What is ready now waits for the line: for its next free moment, which is the exchange's to know, or for it to come up. */
		if (t <= now_ns)
			t = up ? CLOCK_NEVER : patience(g);
		if (t < deadline)
			deadline = t;
	}
	return deadline;
}
