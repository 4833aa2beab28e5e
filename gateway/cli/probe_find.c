#include "gateway/cli/probe_find.h"

#include <stdlib.h>

static void add(struct probe_find *f, uint16_t first, uint16_t last)
{
	if (f->n && f->ranges[f->n - 1].last + 1 == first) {
		f->ranges[f->n - 1].last = last;
		return;
	}
	if (f->n == f->cap) {
		size_t cap = f->cap ? f->cap * 2 : 16;
		struct probe_range *ranges = reallocarray(f->ranges, cap, sizeof *ranges);
		if (!ranges) {
			f->failed = f->stopped = true;
			return;
		}
		f->ranges = ranges;
		f->cap = cap;
	}
	f->ranges[f->n++] = (struct probe_range){ first, last };
}

/* The answers of a block and its parts; depth is that of halving. `silent` counts blocks in a row. */
static void look(struct probe_find *f, uint16_t first, uint16_t count, uint32_t *silent)
{
	if (f->stopped || f->no_function || f->gave_up)
		return;
	enum probe_found found = f->read(f->user, first, count);
	if (found != PROBE_FOUND_SILENT && found != PROBE_FOUND_STOP) {
		*silent = 0;
		f->answered = true;
	}
	switch (found) {
	case PROBE_FOUND_ALL:
		add(f, first, (uint16_t)(first + count - 1));
		return;
	case PROBE_FOUND_REFUSED:
		if (count > 1) {
			look(f, first, count / 2, silent);
			look(f, (uint16_t)(first + count / 2), (uint16_t)(count - count / 2), silent);
		}
		return;
	case PROBE_FOUND_FUNCTION:
		f->no_function = true;
		return;
	case PROBE_FOUND_SILENT:
		f->silent++;
		f->gave_up = ++*silent >= PROBE_FIND_SILENT_MAX;
		return;
	case PROBE_FOUND_STOP:
		f->stopped = true;
		return;
	}
}

void probe_find(struct probe_find *f, uint16_t first, uint32_t count, uint16_t block)
{
	uint32_t end = first + count, silent = 0;

	for (uint32_t at = first; at < end; at += block)
		look(f, (uint16_t)at, (uint16_t)(end - at < block ? end - at : block), &silent);
}
