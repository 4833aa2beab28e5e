#include "gateway/config/cells.h"
#include "gateway/config/loader.h"

#include <stdlib.h>
#include <string.h>

/* Where a point lies in the address space of one unit on one line. */
struct span {
	uint32_t bus, point;
	uint8_t  unit, fc;
	uint16_t address;
	uint16_t count;             /* registers or bits */
	int8_t   bit_first, bit_last;
	const struct bus_point *b;
};

static int by_address(const void *a, const void *b)
{
	const struct span *x = a, *y = b;

	if (x->bus != y->bus)
		return x->bus < y->bus ? -1 : 1;
	if (x->unit != y->unit)
		return x->unit < y->unit ? -1 : 1;
	if (x->fc != y->fc)
		return x->fc < y->fc ? -1 : 1;
	if (x->address != y->address)
		return x->address < y->address ? -1 : 1;
	return x->point < y->point ? -1 : x->point > y->point;
}

static bool bits_overlap(const struct span *a, const struct span *b)
{
	return a->bit_first <= b->bit_last && b->bit_first <= a->bit_last;
}

/* As it is written there: in Modicon's notation it counts from 1, with fc from 0. */
static const char *written(const struct loader *l, const struct span *s)
{
	return l->places[s->point].reg->text;
}

/* "as 'panel.smoke' (panel.csv:4)"; with its register, where that is written in another way than here. */
static const char *other(struct loader *l, const struct span *here, const struct span *there)
{
	const struct node *row = l->places[there->point].row;
	bool same = strcmp(written(l, here), written(l, there)) == 0;

	return arena_printf(&l->scratch, "'%s' (%s:%d%s%s)", l->points[there->point].id, row->source->shown, row->line, same ? "" : ", there ",
	                    same ? "" : written(l, there));
}

/* a and b share at least one register or bit. */
static void say_overlap(struct loader *l, const struct span *a, const struct span *b)
{
	/* The finding stands at the later one of the two. */
	const struct span *late = a->point > b->point ? a : b, *early = late == a ? b : a;
	const struct point_place *place = &l->places[late->point];
	bool same = a->address == b->address && a->count == b->count;

	if (same && a->b->log_mode && b->b->log_mode)
		return; /* two values of the same list's records */

	if (same && a->bit_first >= 0 && b->bit_first >= 0) {
		if (bits_overlap(a, b))
			find_error(l, place->bit ? place->bit : place->reg, "the same bits of register %s as %s", written(l, late), other(l, late, early));
		return;
	}
	if (same && (a->bit_first >= 0 || b->bit_first >= 0))
		return; /* the whole word beside single bits of it is common */
	if (same)
		find_warning(l, place->reg, "the same register %s as %s", written(l, late), other(l, late, early));
	else
		find_warning(l, place->reg, "register %s overlaps those of %s", written(l, late), other(l, late, early));
}

void check_registers(struct loader *l)
{
	const struct config *c = l->c;
	struct span *spans = arena_take(&l->scratch, l->n_points + 1, sizeof *spans);
	size_t n = 0;

	for (size_t i = 0; i < c->n_buses; i++) {
		for (size_t k = 0; k < c->buses[i].n_points; k++) {
			const struct bus_point *b = &c->buses[i].points[k];
			if (l->places[b->point].nowhere)
				continue;
			unsigned count = b->fc <= 2 ? 1 : b->type == TYPE_STRING ? (b->string_bytes + 1u) / 2 : type_bits(b->type) / 16;
			if (b->log_mode)
				count = (unsigned)b->list.entries * b->list.size;
			spans[n++] = (struct span){
				.bus = (uint32_t)i, .point = b->point, .unit = c->buses[i].bus.devices[b->device].unit, .fc = b->fc, .address = b->address,
				.count = (uint16_t)count, .bit_first = b->bit_first, .bit_last = b->bit_last, .b = b,
			};
		}
	}
	qsort(spans, n, sizeof *spans, by_address);
	for (size_t i = 0; i < n; i++) {
		/* A register has few points; more than that would be said once each anyway. */
		for (size_t k = i + 1; k < n && k < i + 64; k++) {
			if (spans[k].bus != spans[i].bus || spans[k].unit != spans[i].unit || spans[k].fc != spans[i].fc ||
			    spans[k].address >= (uint32_t)spans[i].address + spans[i].count)
				break;
			say_overlap(l, &spans[i], &spans[k]);
		}
	}
}
