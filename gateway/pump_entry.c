/* The states of a pump: which version of each entry of the table its broker has. After each connection everything is sent again, since a broker may have
 * lost what it kept. An entry has one message in flight at most, and the newest version goes next: on its topic nothing can overtake. A value that ended is
 * sent a last time, then an empty payload; then the table is told that this hub is through with it. */
#include "gateway/pump_inside.h"

#include <string.h>

static bool wanted(const struct pump *p, const struct state_entry *e)
{
	const struct pump_config *c = &p->config;

	if (e->node >= c->n_nodes)
		return false;
	switch (e->kind) {
	case STATE_KIND_STATUS: return false; /* each hub has its own: pump_ops.status */
	case STATE_KIND_ALARM: return c->send_events && e->urgency < CLASS_COUNT && c->classes[e->urgency];
	case STATE_KIND_DIRECTORY: return c->send_directory;
	case STATE_KIND_BUILDING: return c->send_building;
	case STATE_KIND_REPORT: return c->send_report;
	}
	return false;
}

static size_t list_of(const struct state_entry *e, const struct pump_entry *x)
{
	switch (e->kind) {
	case STATE_KIND_STATUS:
	case STATE_KIND_ALARM: return x->live ? ENTRIES_LIVE_FIRE : ENTRIES_ALARM + e->urgency;
	case STATE_KIND_DIRECTORY: return ENTRIES_DIRECTORY;
	case STATE_KIND_BUILDING: return ENTRIES_BUILDING;
	case STATE_KIND_REPORT: return ENTRIES_REPORT;
	}
	return ENTRIES_REPORT;
}

bool pump_entry_need(const struct pump *p, uint32_t i, enum step *ret)
{
	const struct state_entry *e = &p->states->entries[i];
	const struct pump_entry *x = &p->entries[i];

	if (p->purge != PUMP_PURGE_NONE || !e->version || x->in_flight || x->done == e->version || x->released == e->version || !wanted(p, e))
		return false;
	if (!e->clear)
		*ret = STEP_MSG;
	else if (e->last_msg && x->last_done != e->version)
		*ret = STEP_LAST;
	else
		*ret = STEP_EMPTY;
	return true;
}

static void works(struct pump *p, struct pump_entry *x)
{
	if (x->refused)
		p->n_refused--;
	x->refused = false;
	x->retry_ns = 0;
}

static void release(struct pump *p, uint32_t i)
{
	struct pump_entry *x = &p->entries[i];

	x->released = p->states->entries[i].version;
	works(p, x);
	states_release(p->states, i);
}

static void update(struct pump *p, uint32_t i)
{
	const struct state_entry *e = &p->states->entries[i];
	struct pump_entry *x = &p->entries[i];
	enum step step;

	chain_remove(&x->link);
	if (e->version && e->clear && x->released != e->version && !wanted(p, e)) {
		release(p, i);
		return;
	}
	if (!pump_open(p) || !pump_entry_need(p, i, &step))
		return;
	if (x->retry_ns) {
		chain_append(&p->entries_later, &x->link);
		p->entries_later_ns = earlier(p->entries_later_ns, x->retry_ns);
		return;
	}
	chain_append(&p->entry_lists[list_of(e, x)], &x->link);
}

static void changed(struct pump *p, uint32_t i)
{
	const struct state_entry *e = &p->states->entries[i];
	struct pump_entry *x = &p->entries[i];

	if (x->life != e->life) {
		chain_remove(&x->link);
		works(p, x);
		*x = (struct pump_entry){ .life = e->life };
		chain_init(&x->link);
	}
	if (e->kind == STATE_KIND_ALARM && wanted(p, e))
		p->purge_over = true;
	x->live = pump_open(p) && e->kind == STATE_KIND_ALARM && e->urgency == CLASS_FIRE && !e->clear;
	update(p, i);
}

/* What changed in the table since the last time, oldest first. */
void pump_entry_changes(struct pump *p)
{
	const struct states *s = p->states;
	uint32_t i = s->newest, next;

	if (s->version == p->states_seen)
		return;
	while (i != STATES_NONE && s->entries[i].older != STATES_NONE && s->entries[s->entries[i].older].version > p->states_seen)
		i = s->entries[i].older;
	if (i != STATES_NONE && s->entries[i].version <= p->states_seen)
		i = STATES_NONE;
	p->states_seen = s->version;
	for (; i != STATES_NONE; i = next) {
		next = s->entries[i].newer;
		changed(p, i);
	}
}

void pump_entry_update_all(struct pump *p)
{
	pump_entry_changes(p);
	for (uint32_t i = 0; i < p->states->n; i++)
		update(p, i);
}

void pump_entry_up(struct pump *p)
{
	pump_entry_changes(p);
	for (uint32_t i = 0; i < p->states->n; i++) {
		struct pump_entry *x = &p->entries[i];
		x->done = x->last_done = 0;
		x->in_flight = x->live = x->again = false;
		x->retry_ns = 0;
		update(p, i);
	}
}

void pump_entry_down(struct pump *p)
{
	for (uint32_t i = 0; i < p->states->n; i++) {
		p->entries[i].in_flight = false;
		chain_remove(&p->entries[i].link);
	}
}

void pump_entry_again(struct pump *p)
{
	pump_entry_changes(p);
	for (uint32_t i = 0; i < p->states->n; i++) {
		p->entries[i].again = p->entries[i].in_flight;
		if (!p->states->entries[i].clear)
			p->entries[i].done = 0;
		update(p, i);
	}
}

void pump_entry_wake(struct pump *p)
{
	struct chain due;

	if (p->now.mono_ns < p->entries_later_ns)
		return;
	p->entries_later_ns = CLOCK_NEVER;
	chain_init(&due);
	while (!chain_empty(&p->entries_later)) {
		struct chain *c = p->entries_later.next;
		chain_remove(c);
		chain_append(&due, c);
	}
	while (!chain_empty(&due)) {
		struct pump_entry *x = chain_of(due.next, struct pump_entry, link);
		if (p->now.mono_ns >= x->retry_ns)
			x->retry_ns = 0;
		update(p, (uint32_t)(x - p->entries));
	}
}

/* The pump goes: what it has not cleared, it never will. */
void pump_entry_leave(struct pump *p)
{
	for (uint32_t i = 0; i < p->states->n; i++) {
		const struct state_entry *e = &p->states->entries[i];
		if (e->version && e->clear && p->entries[i].released != e->version)
			states_release(p->states, i);
	}
	states_leave(p->states);
}

void pump_entry_sent(struct pump *p, uint32_t i)
{
	p->entries[i].in_flight = true;
	chain_remove(&p->entries[i].link);
}

void pump_entry_result(struct pump *p, const struct pump_slot *s, bool ok)
{
	uint32_t i = s->pick.entry;
	const struct state_entry *e = &p->states->entries[i];
	struct pump_entry *x = &p->entries[i];

	if (x->life != s->life || e->life != s->life)
		return;
	x->in_flight = false;
	if (!ok) {
		if (!x->refused)
			p->n_refused++;
		x->refused = true;
		x->retry_ns = p->now.mono_ns + PUMP_REFUSED_WAIT_NS;
		update(p, i);
		return;
	}
	works(p, x);
	if (x->again && s->pick.step == STEP_MSG) {
		x->again = false;
	} else if (s->version == e->version) {
		switch (s->pick.step) {
		case STEP_MSG:
			x->done = s->version;
			break;
		case STEP_LAST:
			x->last_done = s->version;
			break;
		case STEP_EMPTY:
			x->done = s->version;
			release(p, i);
			return;
		}
	}
	update(p, i);
}

bool pump_entry_stale(const struct pump *p, uint32_t node, const char *topic)
{
	if (p->purge != PUMP_PURGE_NONE)
		return true;
	if (strncmp(topic, "alarm/", 6) == 0) {
		if (!p->config.send_events)
			return false;
	} else if (strncmp(topic, "directory/", 10) == 0) {
		/* A directory that is not made yet says nothing about its pages. */
		size_t first = states_find(p->states, node, "directory/1");
		if (!p->config.send_directory || first == SIZE_MAX || p->states->entries[first].clear)
			return false;
	} else {
		return false;
	}
	size_t i = states_find(p->states, node, topic);
	return i == SIZE_MAX || (p->states->entries[i].clear && p->entries[i].life == p->states->entries[i].life &&
	                         p->entries[i].released == p->states->entries[i].version);
}
