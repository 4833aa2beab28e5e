#include "gateway/sim/effect.h"

#include <stdio.h>
#include <stdlib.h>

void effect_done(struct effect *e)
{
	free(e->moves);
	e->moves = NULL;
	e->n_moves = e->cap_moves = 0;
}

int effect_add(struct effect *e, struct effect_move move)
{
	if (e->n_moves == e->cap_moves) {
		size_t cap = e->cap_moves ? e->cap_moves * 2 : 16;

		if (cap > EFFECT_MOVES_MAX)
			return -1;
		struct effect_move *moves = realloc(e->moves, cap * sizeof *moves);
		if (!moves)
			return -1;
		e->moves = moves;
		e->cap_moves = cap;
	}
	e->moves[e->n_moves++] = move;
	return 0;
}

void effect_tell(const struct effect *e, const struct site *site, char *buf, size_t cap)
{
	if (e->bus != POINT_NONE)
		snprintf(buf, cap, "bus %s", site->buses[e->bus]);
	else if (e->device != POINT_NONE)
		snprintf(buf, cap, "device %s", site->devices[e->device].name);
	else
		snprintf(buf, cap, "%zu point%s", e->n_moves, e->n_moves == 1 ? "" : "s");
}

void effect_apply(const struct effect *e, int64_t now_ms, double *values)
{
	int64_t since = now_ms - e->begin_ms;

	for (size_t i = 0; i < e->n_moves; i++) {
		const struct effect_move *m = &e->moves[i];
		double *v = &values[m->point];

		if (since < m->at_ms)
			continue;
		if (since - m->at_ms >= m->over_ms)
			*v = m->to;
		else
			*v += (m->to - *v) * ((double)(since - m->at_ms) / (double)m->over_ms);
	}
}

static int64_t sooner(int64_t next, int64_t at, int64_t now)
{
	return at > now && at < next ? at : next;
}

int64_t effect_next(const struct effect *e, int64_t now_ms)
{
	int64_t next = sooner(EFFECT_NEVER, e->end_ms, now_ms);

	for (size_t i = 0; i < e->n_moves; i++)
		next = sooner(next, e->begin_ms + e->moves[i].at_ms, now_ms);
	return next;
}
