/* What is read together, and all the memory for it; once, at open. */
#include "core/strmap.h"
#include "drivers/modbus/bus.h"
#include "drivers/modbus/decode.h"

#include <stdlib.h>
#include <string.h>

static int compare_items(const void *a, const void *b)
{
	const struct bus_point *x = ((const struct bus_item *)a)->point, *y = ((const struct bus_item *)b)->point;

	if (x->device != y->device)
		return x->device < y->device ? -1 : 1;
	if (x->log_mode != y->log_mode)
		return x->log_mode ? 1 : -1;
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

void group_plan(struct modbus_bus *b, struct bus_group *g)
{
	struct plan_limits limits = limits_of(b, g);

	b->units[g->device].n_requests -= g->n_requests;
	g->n_requests = plan_build(g->spans, g->n_spans, &limits, g->device, g->fc, b->cuts, b->n_cuts, b->scratch, g->requests);
	for (size_t i = 0; i < g->n_requests; i++)
		g->frames[i] = (struct bus_frame){ 0 };
	b->units[g->device].n_requests += g->n_requests;
}

struct codec_read group_read(const struct modbus_bus *b, const struct bus_group *g, size_t request)
{
	return (struct codec_read){ .unit = b->config->devices[g->device].unit, .fc = g->fc, .address = g->requests[request].address,
		.count = g->requests[request].count };
}

static int encode_group(struct modbus_bus *b, struct bus_group *g, struct err *reterr)
{
	for (size_t i = 0; i < g->n_requests; i++) {
		struct codec_read rd = group_read(b, g, i);

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
	if (decode_check(p, reterr) < 0)
		return err_prefix(reterr, "point '%s': ", p->id);
	if (decode_count(p) > limits_of(b, &probe).max_count)
		return err_set(reterr, ERR_INVALID, "point '%s' takes %u registers and the device gives at most %u a request; raise max_registers", p->id,
		               decode_count(p), limits_of(b, &probe).max_count);
	return 0;
}

static void add_spans(struct bus_group *g, size_t item)
{
	const struct bus_point *p = g->items[item].point;

	g->spans[g->n_spans++] = (struct plan_span){ .item = (uint32_t)item, .address = p->address, .count = decode_count(p) };
	if (group_has_decimals(p))
		g->spans[g->n_spans++] = (struct plan_span){ .item = (uint32_t)item, .address = (uint16_t)p->decimals_from, .count = 1, .decimals = true };
}

static bool same_group(const struct bus_point *a, const struct bus_point *b)
{
	return a->device == b->device && a->fc == b->fc && a->every_ns == b->every_ns && !a->log_mode && !b->log_mode;
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
		span += group_has_decimals(p) ? 2 : 1;
	}
	for (size_t i = 0; i < b->n_groups; i++)
		for (size_t k = 0; k < b->groups[i].n_items; k++)
			add_spans(&b->groups[i], k);
}

/* Its one request is the list's to say, each time. */
static void plan_list(struct modbus_bus *b, struct bus_group *g)
{
	g->n_requests = 1;
	g->requests[0] = (struct plan_request){ .n = 1 };
	eventlist_begin(g->items[0].list, &g->requests[0]);
	b->units[g->device].n_requests++;
}

static int open_lists(struct modbus_bus *b, struct err *reterr)
{
	for (size_t i = 0; i < b->n_items; i++) {
		const struct bus_point *p = b->items[i].point;
		struct bus_group probe = { .device = p->device, .fc = p->fc };

		if (p->log_mode && eventlist_new(p, limits_of(b, &probe).max_count, &b->items[i].list, reterr) < 0)
			return err_prefix(reterr, "point '%s': ", p->id);
	}
	return 0;
}

int groups_open(struct modbus_bus *b, const struct bus_point *points, size_t n, struct stamp now, struct err *reterr)
{
	size_t n_spans = 0, room;

	for (size_t i = 0; i < n; i++) {
		if (check_point(b, &points[i], reterr) < 0)
			return -1;
		n_spans += group_has_decimals(&points[i]) ? 2 : 1;
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
	b->n_items = n;
	if (open_lists(b, reterr) < 0)
		return -1;
	make_groups(b, n, now);
	for (size_t i = 0; i < b->n_groups; i++) {
		if (b->groups[i].items[0].list)
			plan_list(b, &b->groups[i]);
		else
			group_plan(b, &b->groups[i]);
		if (encode_group(b, &b->groups[i], reterr) < 0)
			return -1;
	}
	return 0;
}

void groups_close(struct modbus_bus *b)
{
	for (size_t i = 0; i < b->n_items; i++)
		eventlist_free(b->items[i].list);
	free(b->items);
	free(b->groups);
	free(b->spans);
	free(b->requests);
	free(b->frames);
	free(b->scratch);
}

bool groups_others_live(const struct modbus_bus *b, uint32_t device)
{
	for (size_t i = 0; i < b->n_groups; i++) {
		const struct bus_unit *u = &b->units[b->groups[i].device];

		if (b->groups[i].device != device && !u->dead && !u->ends_lines)
			return true;
	}
	return false;
}
