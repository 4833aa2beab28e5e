#include "gateway/config/cells.h"
#include "gateway/config/loader.h"

#include <stdlib.h>
#include <string.h>

/* What a request takes on TCP when all is well: an assumption, so what follows from it is a warning. */
#define TCP_REQUEST_NS   INT64_C(5000000)
#define RTU_REQUEST_BYTES 8
#define RTU_REPLY_BYTES   5 /* and two for each register */
#define NS_PER_S INT64_C(1000000000)

struct wanted {
	uint32_t device;
	uint8_t  fc;
	int64_t  every_ns;
	uint32_t address, count;
};

static int by_request(const void *a, const void *b)
{
	const struct wanted *x = a, *y = b;

	if (x->device != y->device)
		return x->device < y->device ? -1 : 1;
	if (x->fc != y->fc)
		return x->fc < y->fc ? -1 : 1;
	if (x->every_ns != y->every_ns)
		return x->every_ns < y->every_ns ? -1 : 1;
	return x->address < y->address ? -1 : x->address > y->address;
}

static bool is_serial(const struct bus_config *b)
{
	return b->transport == BUS_RTU;
}

/* How long one request and its reply hold the line. */
static double request_ns(const struct bus_config *b, const struct bus_timing *t, uint8_t fc, uint32_t count)
{
	if (!is_serial(b))
		return (double)(TCP_REQUEST_NS + t->pause_ns);
	double bits = 1.0 + b->bits + b->stop + (b->parity != 'N'), bytes = RTU_REQUEST_BYTES + RTU_REPLY_BYTES;
	bytes += fc <= 2 ? (count + 7) / 8 : 2.0 * count;
	double character = bits * (double)NS_PER_S / b->baud;
	double silence = b->baud > 19200 ? 1750000.0 : 3.5 * character; /* t3.5, fixed above 19,200 by the standard */
	return bytes * character + 2 * silence + (double)t->pause_ns;
}

/* The share of its time that the line is busy if every reply comes at once: 1 is all. */
static double line_load(const struct bus_config *b, struct wanted *w, size_t n)
{
	double load = 0;

	qsort(w, n, sizeof *w, by_request);
	for (size_t i = 0; i < n;) {
		const struct bus_timing *t = &b->devices[w[i].device].timing;
		uint32_t first = w[i].address, end = first + w[i].count, max = w[i].fc <= 2 ? t->max_bits : t->max_registers;
		size_t k = i + 1;
		while (k < n && w[k].device == w[i].device && w[k].fc == w[i].fc && w[k].every_ns == w[i].every_ns &&
		       w[k].address <= end + t->max_gap && w[k].address + w[k].count - first <= max) {
			if (w[k].address + w[k].count > end)
				end = w[k].address + w[k].count;
			k++;
		}
		load += request_ns(b, t, w[i].fc, end - first) / (double)w[i].every_ns;
		i = k;
	}
	return load;
}

static void check_line(struct loader *l, const struct config_bus *bus, const struct node *at, struct wanted *w)
{
	int64_t shortest = INT64_MAX, longest = 0;

	for (size_t i = 0; i < bus->n_points; i++) {
		const struct bus_point *p = &bus->points[i];
		unsigned count = p->fc <= 2 ? 1 : p->type == TYPE_STRING ? (p->string_bytes + 1u) / 2 : type_bits(p->type) / 16;
		w[i] = (struct wanted){ p->device, p->fc, p->every_ns, p->address, count };
		/* A list while nothing is new. */
		if (p->log_mode && p->list.news != LIST_NEWS_NONE)
			w[i].address = p->list.news_register, w[i].count = 1;
		else if (p->log_mode)
			w[i].count = (unsigned)p->list.entries * p->list.size;
		if (p->every_ns < shortest)
			shortest = p->every_ns;
	}
	for (size_t i = 0; i < bus->bus.n_devices; i++)
		if (bus->bus.devices[i].timing.timeout_ns > longest)
			longest = bus->bus.devices[i].timing.timeout_ns;
	if (bus->n_points == 0 || bus->bus.transport == BUS_SIM || !*bus->url)
		return;
	double load = line_load(&bus->bus, w, bus->n_points);
	char every[CLOCK_TEXT_MAX], timeout[CLOCK_TEXT_MAX];
	if (load > 1 && is_serial(&bus->bus))
		find_error(l, at, "bus '%s' cannot keep its intervals: at %u baud its requests take %.0f %% of the time; poll less often, or use a second line",
		           bus->bus.name, bus->bus.baud, load * 100);
	else if (load > 1)
		find_warning(l, at, "bus '%s' may not keep its intervals: at 5 ms and the pause a request they take %.0f %% of the time", bus->bus.name,
		             load * 100);
	if (longest > shortest)
		find_warning(l, at, "bus '%s': one lost reply (timeout %s) takes longer than its shortest interval (%s)", bus->bus.name,
		             clock_format_duration(longest / 1000000, timeout), clock_format_duration(shortest / 1000000, every));
}

void check_lines(struct loader *l)
{
	const struct config *c = l->c;
	struct wanted *w = arena_take(&l->scratch, l->n_points + 1, sizeof *w);

	for (size_t i = 0; i < c->n_buses; i++) {
		const struct node *at = l->bus_places[i];
		for (size_t k = 0; k < at->n; k++)
			if (at->items[2 * k]->type == NODE_SCALAR && strcmp(at->items[2 * k]->text, "url") == 0)
				at = at->items[2 * k + 1];
		check_line(l, &c->buses[i], at, w);
	}
}
