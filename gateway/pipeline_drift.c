/* What rate and stuck rules remember moves on with the readings, and nothing is decided by it: it is saved every few seconds, as much of it as the open batch has room for beside what
 * matters more. */
#include "gateway/pipeline_inside.h"

#define A_STEP_MAX 256 /* alarms: a step stays short */

void pipeline_note_drift(void *user, uint32_t alarm)
{
	struct pipeline *p = user;

	if (p->is_drifting[alarm])
		return;
	p->is_drifting[alarm] = 1;
	p->drifting[p->n_drifting++] = alarm;
}

/* A quarter of the batch at most: half of it full ends the batch early. */
static bool has_room(const struct pipeline *p)
{
	size_t states = p->batch->n_states + p->n_dirty;

	return states < p->batch->cap_states / 4 && p->batch->arena_len + (p->n_dirty + 1) * (RULES_SAVED_MAX + 128) < p->batch->arena_cap / 4;
}

void pipeline_ripen(struct pipeline *p, struct stamp now, bool all)
{
	if (p->n_drifting == 0 || (!all && now.mono_ns < p->next_drift_ns))
		return;
	for (size_t i = 0; p->n_drifting > 0 && (all || (i < A_STEP_MAX && has_room(p))); i++) {
		uint32_t alarm = p->drifting[--p->n_drifting];
		p->is_drifting[alarm] = 0;
		if (p->is_dirty[alarm])
			continue;
		p->is_dirty[alarm] = 1;
		p->dirty[p->n_dirty++] = alarm;
	}
	if (p->n_drifting == 0)
		p->next_drift_ns = now.mono_ns + PIPELINE_DRIFT_NS;
}
