#include "gateway/sim/bank.h"

#include "drivers/modbus/decode.h"
#include "gateway/config/arena.h"
#include "gateway/sim/encode.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#define LOOPBACK      "127.0.0.1"
#define DECIMALS_WANT 2 /* a register that says how many decimals says two, where the values have room for them */

/* Some registers of one unit and function. */
struct span {
	struct bank_unit *unit;
	uint8_t           fc;
	uint32_t          address, count;
};

struct maker {
	jmp_buf              oom;
	struct arena         keep, scratch;
	const struct config *c;
	const char          *listen;
	struct bank         *b;
	struct span         *spans;
	size_t               n_spans, cap_spans;
};

/* A line's own address if it leads to this machine by itself, so that two lines that differ in it only stay two. */
static const char *listen_host(const struct maker *m, const char *host)
{
	struct in_addr a;

	if (m->listen)
		return m->listen;
	if (inet_pton(AF_INET, host, &a) == 1 && ntohl(a.s_addr) >> 24 == 127)
		return host;
	return strcmp(host, "::1") == 0 ? host : LOOPBACK;
}

static struct bank_server *find_server(struct maker *m, const struct bank_server *like)
{
	for (size_t i = 0; i < m->b->n_servers; i++) {
		const struct bank_server *s = &m->b->servers[i];

		if (like->serial ? s->serial && strcmp(s->serial->path, like->serial->path) == 0 :
		                   !s->serial && s->port == like->port && strcmp(s->host, like->host) == 0)
			return &m->b->servers[i];
	}
	return NULL;
}

static size_t count_devices(const struct config *c)
{
	size_t n = 0;

	for (size_t i = 0; i < c->n_buses; i++)
		n += c->buses[i].bus.n_devices;
	return n;
}

/* One server for each address; each with room for all devices, which is little. */
static int make_servers(struct maker *m, struct err *reterr)
{
	struct bank *b = m->b;

	b->servers = arena_take(&m->keep, m->c->n_buses + 1, sizeof *b->servers);
	b->buses = arena_take(&m->keep, m->c->n_buses + 1, sizeof(struct bank_server *));
	for (size_t i = 0; i < m->c->n_buses; i++) {
		const struct bus_config *bus = &m->c->buses[i].bus;
		bool serial = bus->transport == BUS_RTU;

		if (bus->transport == BUS_SIM) {
			b->n_left_out++;
			continue;
		}
		struct bank_server like = { .wire = bus->transport == BUS_TCP ? WIRE_TCP : WIRE_RTU, .host = serial ? "" : listen_host(m, bus->host), .port = bus->port,
			.serial = serial ? bus : NULL };
		struct bank_server *s = find_server(m, &like);
		if (!s) {
			s = &b->servers[b->n_servers++];
			*s = like;
		}
		if (s->wire != like.wire)
			return err_set(reterr, ERR_INVALID, "bus '%s' and another one would both be served at port %u, one with Modbus TCP, one with RTU: give one of them "
			               "another port in a copy of the site file", bus->name, s->port);
		b->buses[i] = s;
		s->n_devices += bus->n_devices;
		s->n_points += m->c->buses[i].n_points;
	}
	return 0;
}

static int add_unit(struct maker *m, size_t bus, const struct bus_device *d, uint32_t *owners, struct bank_unit **ret, struct err *reterr)
{
	struct bank_server *s = m->b->buses[bus];
	const struct config_bus *buses = m->c->buses;

	for (size_t i = 0; i < s->n_units; i++) {
		if (s->units[i].unit != d->unit)
			continue;
		*ret = &s->units[i];
		if (owners[i] == bus || strcmp(buses[owners[i]].bus.host, buses[bus].bus.host) == 0)
			return 0;
		return err_set(reterr, ERR_INVALID, "buses '%s' and '%s' both have a unit %u, and both would be served at port %u: give one of them another "
		               "port, or an address of its own in 127.0.0.0/8, in a copy of the site file",
		               buses[owners[i]].bus.name, buses[bus].bus.name, d->unit, s->port);
	}
	owners[s->n_units] = (uint32_t)bus;
	*ret = &s->units[s->n_units++];
	(*ret)->unit = d->unit;
	return 0;
}

static int make_units(struct maker *m, struct err *reterr)
{
	struct bank *b = m->b;
	uint32_t **owners = arena_take(&m->scratch, b->n_servers + 1, sizeof *owners);
	size_t device = 0;

	for (size_t i = 0; i < b->n_servers; i++) {
		b->servers[i].units = arena_take(&m->keep, b->servers[i].n_devices + 1, sizeof *b->servers[i].units);
		owners[i] = arena_take(&m->scratch, b->servers[i].n_devices + 1, sizeof *owners[i]);
	}
	b->devices = arena_take(&m->keep, count_devices(m->c) + 1, sizeof(struct bank_unit *));
	for (size_t i = 0; i < m->c->n_buses; i++) {
		const struct bus_config *bus = &m->c->buses[i].bus;

		for (size_t k = 0; k < bus->n_devices; k++, device++)
			if (b->buses[i] && add_unit(m, i, &bus->devices[k], owners[b->buses[i] - b->servers], &b->devices[device], reterr) < 0)
				return -1;
	}
	b->n_devices = device;
	return 0;
}

static uint32_t first_device(const struct config *c, size_t bus)
{
	uint32_t n = 0;

	for (size_t i = 0; i < bus; i++)
		n += (uint32_t)c->buses[i].bus.n_devices;
	return n;
}

static void add_span(struct maker *m, struct bank_unit *u, uint8_t fc, uint32_t address, uint32_t count)
{
	*ARENA_PUSH(&m->scratch, m->spans, m->n_spans, m->cap_spans) = (struct span){ u, fc, address, count };
}

static uint32_t point_span(const struct bus_point *p)
{
	return p->fc <= 2 ? 1 : decode_count(p);
}

static void collect_spans(struct maker *m)
{
	for (size_t i = 0; i < m->c->n_buses; i++) {
		uint32_t first = first_device(m->c, i);

		for (size_t k = 0; k < m->c->buses[i].n_points && m->b->buses[i]; k++) {
			const struct bus_point *p = &m->c->buses[i].points[k];
			struct bank_unit *u = m->b->devices[first + p->device];

			if (p->log_mode) {
				/* An event list is there, and stays empty. */
				add_span(m, u, p->fc, p->address, (uint32_t)p->list.entries * p->list.size);
				if (p->list.news != LIST_NEWS_NONE)
					add_span(m, u, p->fc, p->list.news_register, 1);
				continue;
			}
			m->b->cells[p->point] = (struct bank_cell){ .point = p, .unit = u };
			add_span(m, u, p->fc, p->address, point_span(p));
			if (p->decimals_from != BUS_NO_DECIMALS_FROM)
				add_span(m, u, p->fc, p->decimals_from, 1);
		}
	}
}

static int by_place(const void *a, const void *b)
{
	const struct span *x = a, *y = b;

	if (x->unit != y->unit)
		return x->unit < y->unit ? -1 : 1;
	if (x->fc != y->fc)
		return x->fc < y->fc ? -1 : 1;
	return x->address < y->address ? -1 : x->address > y->address;
}

/* Spans that touch become one block. They are sorted, so a unit's blocks of one function follow one another in `all`. */
static void make_blocks(struct maker *m)
{
	struct bank_block *all = arena_take(&m->keep, m->n_spans + 1, sizeof *all), *last = NULL;
	size_t n = 0;

	if (m->n_spans)
		qsort(m->spans, m->n_spans, sizeof *m->spans, by_place);
	for (size_t i = 0; i < m->n_spans; i++) {
		const struct span *s = &m->spans[i];
		bool same = i > 0 && s[-1].unit == s->unit && s[-1].fc == s->fc;
		uint32_t end = s->address + s->count;

		if (same && s->address <= last->address + last->count) {
			if (end > last->address + last->count)
				last->count = end - last->address;
			continue;
		}
		last = &all[n++];
		*last = (struct bank_block){ .address = (uint16_t)s->address, .count = s->count };
		if (!same)
			s->unit->blocks[s->fc - 1] = last;
		s->unit->n_blocks[s->fc - 1]++;
	}
}

static void take_memory(struct maker *m)
{
	for (size_t i = 0; i < m->b->n_servers; i++)
		for (size_t k = 0; k < m->b->servers[i].n_units; k++)
			for (unsigned fc = 1; fc <= 4; fc++) {
				struct bank_unit *u = &m->b->servers[i].units[k];

				for (size_t j = 0; j < u->n_blocks[fc - 1]; j++) {
					struct bank_block *block = &u->blocks[fc - 1][j];

					if (fc <= 2)
						block->bits = arena_take(&m->keep, block->count, 1);
					else
						block->words = arena_take(&m->keep, block->count, sizeof *block->words);
				}
			}
}

struct bank_block *bank_find_block(const struct bank_unit *u, uint8_t fc, uint16_t address)
{
	size_t low = 0, high = u->n_blocks[fc - 1];
	struct bank_block *blocks = u->blocks[fc - 1];

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (address < blocks[middle].address)
			high = middle;
		else if (address >= blocks[middle].address + blocks[middle].count)
			low = middle + 1;
		else
			return &blocks[middle];
	}
	return NULL;
}

static void place_cells(struct maker *m)
{
	for (size_t i = 0; i < m->c->site.n_points; i++) {
		struct bank_cell *cell = &m->b->cells[i];
		const struct bus_point *p = cell->point;

		if (!p)
			continue;
		struct bank_block *block = bank_find_block(cell->unit, p->fc, p->address);
		if (p->fc <= 2)
			cell->bit = block->bits + (p->address - block->address);
		else
			cell->words = block->words + (p->address - block->address);
		if (p->decimals_from == BUS_NO_DECIMALS_FROM)
			continue;
		block = bank_find_block(cell->unit, p->fc, (uint16_t)p->decimals_from);
		cell->decimals = block->words + (p->decimals_from - block->address);
		*cell->decimals = DECIMALS_WANT;
	}
}

static int make(struct maker *m, struct err *reterr)
{
	struct bank *b = m->b;

	if (make_servers(m, reterr) < 0)
		return -1;
	if (b->n_servers == 0)
		return err_set(reterr, ERR_INVALID, "the site has no bus of Modbus (tcp://, rtu+tcp://, rtu://): there is nothing to serve");
	if (make_units(m, reterr) < 0)
		return -1;
	b->cells = arena_take(&m->keep, m->c->site.n_points + 1, sizeof *b->cells);
	collect_spans(m);
	make_blocks(m);
	take_memory(m);
	place_cells(m);
	return 0;
}

int bank_init(struct bank *b, const struct config *c, const char *listen, struct err *reterr)
{
	struct maker *m = calloc(1, sizeof *m);
	volatile int r = -1; /* outlives the longjmp */

	*b = (struct bank){ 0 };
	if (!m)
		return err_set(reterr, ERR_NO_MEMORY, "no memory");
	*m = (struct maker){ .c = c, .listen = listen, .b = b };
	m->keep.oom = m->scratch.oom = &m->oom;
	if (setjmp(m->oom) == 0)
		r = make(m, reterr);
	else
		(void)err_set(reterr, ERR_NO_MEMORY, "no memory for the registers");
	b->memory = m->keep.blocks;
	arena_done(&m->scratch);
	free(m);
	if (r < 0)
		bank_done(b);
	return r;
}

void bank_done(struct bank *b)
{
	struct arena keep = { .blocks = b->memory };

	arena_done(&keep);
	*b = (struct bank){ 0 };
}

struct bank_unit *bank_find_unit(const struct bank_server *s, uint8_t unit)
{
	for (size_t i = 0; i < s->n_units; i++)
		if (s->units[i].unit == unit)
			return &s->units[i];
	return NULL;
}

uint8_t bank_nobody(const struct bank_server *s)
{
	uint8_t unit = 247; /* the last that a serial line may have */

	while (unit > 1 && bank_find_unit(s, unit))
		unit--;
	return unit;
}

void bank_show(const struct bank *b, uint32_t point, double value)
{
	const struct bank_cell *cell = &b->cells[point];
	uint16_t bit;

	if (!cell->point)
		return;
	if (!cell->bit) {
		(void)encode_value(cell->point, value, cell->n_decimals, cell->words);
		return;
	}
	(void)encode_value(cell->point, value, 0, &bit);
	*cell->bit = bit != 0;
}

void bank_make_room(const struct bank *b, uint32_t point, double most)
{
	const struct bank_cell *cell = &b->cells[point];
	uint16_t words[128] = { 0 };

	while (cell->point && cell->decimals && *cell->decimals > 0 && !encode_value(cell->point, most, *cell->decimals, words))
		--*cell->decimals;
}

void bank_share_room(const struct bank *b, size_t n_points)
{
	for (size_t i = 0; i < n_points; i++)
		if (b->cells[i].point && b->cells[i].decimals)
			b->cells[i].n_decimals = *b->cells[i].decimals;
}

void bank_settle(const struct bank *b, size_t n_points)
{
	for (size_t i = 0; i < n_points; i++)
		if (b->cells[i].point && b->cells[i].decimals)
			*b->cells[i].decimals = (uint16_t)b->cells[i].n_decimals;
}

void bank_show_text(const struct bank *b, uint32_t point, const char *text)
{
	const struct bank_cell *cell = &b->cells[point];

	if (cell->point && cell->words)
		encode_text(cell->point, text, cell->words);
}
