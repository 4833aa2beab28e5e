/* Count rules: how many points of a group count now. A link counts while its alarm stands, and until `within` after it last became active;
 * a point counts while one of its links does. */
#include "rules/engine.h"

/* "Raised no longer than `within` ago" includes the moment itself, so the window ends one nanosecond later. */
static int64_t window_end(const struct rules *r, const struct link *k)
{
	const struct rule_def *d = rules_def(r, r->n_single + r->slots[k->slot].group);

	return rules_add_ns(rules_add_ns(r->lives[k->alarm].on_ns, d->within_ns), 1);
}

/* Whether the link counts although its alarm does not stand: its window is still open after this moment. */
static bool in_window(const struct rules *r, const struct link *k, int64_t after_ns)
{
	const struct life *l = &r->lives[k->alarm];

	return !life_stands(l) && l->was_on && rules_def(r, r->n_single + r->slots[k->slot].group)->within_ns > 0 &&
	       window_end(r, k) > after_ns;
}

static void judge_group(struct rules *r, uint32_t group, const struct why *w, struct rules_sink *sink)
{
	uint32_t alarm = r->n_single + group;
	bool raw = r->groups[group].counting >= rules_def(r, alarm)->count;
	struct why because = { .at = w->at, .cause = CAUSE_RULE };

	if (r->lives[alarm].raw != raw)
		rules_decide(r, alarm, raw, &because, sink);
}

/* True: the number of points that count has changed. */
static bool set_counts(struct rules *r, struct link *k, bool counts)
{
	struct slot *s = &r->slots[k->slot];
	bool counted = s->counting > 0;

	if (k->counts == counts)
		return false;
	k->counts = counts;
	s->counting += counts ? 1 : UINT32_MAX;
	if (counted == (s->counting > 0))
		return false;
	r->groups[s->group].counting += counts ? 1 : UINT32_MAX;
	return true;
}

void counts_update(struct rules *r, uint32_t alarm, const struct why *w, struct rules_sink *sink)
{
	if (alarm >= r->n_single)
		return;
	for (uint32_t i = r->first_link[alarm]; i < r->first_link[alarm + 1]; i++) {
		struct link *k = &r->links[i];
		bool waits = in_window(r, k, w->at.mono_ns);
		if (waits)
			timers_set(&r->timers, r->n_alarms + i, window_end(r, k));
		else
			timers_cancel(&r->timers, r->n_alarms + i);
		if (set_counts(r, k, !rules_excluded(r, alarm) && (waits || life_stands(&r->lives[alarm]))))
			judge_group(r, r->slots[k->slot].group, w, sink);
	}
}

void counts_expire(struct rules *r, uint32_t link, struct stamp at, struct rules_sink *sink)
{
	struct why w = { .at = at, .cause = CAUSE_RULE };

	if (set_counts(r, &r->links[link], false))
		judge_group(r, r->slots[r->links[link].slot].group, &w, sink);
}

size_t counts_list_members(struct rules *r, const struct group *g)
{
	size_t n = 0;

	for (uint32_t i = g->first_slot; i < g->first_slot + g->n_slots && n < RULES_MEMBERS_MAX; i++)
		if (r->slots[i].counting > 0)
			r->members[n++] = r->slots[i].point;
	return n;
}

/* As counts_update would have left it: what had run out by the last moment that any restored state knows of had been dealt with by then; what
 * runs out later has its timer, even if that is in the past now, and ends at its own moment. */
static void restore_link(struct rules *r, uint32_t link)
{
	struct link *k = &r->links[link];
	bool waits = in_window(r, k, r->restored_ns);

	if (waits)
		timers_set(&r->timers, r->n_alarms + link, window_end(r, k));
	set_counts(r, k, !rules_excluded(r, k->alarm) && (waits || life_stands(&r->lives[k->alarm])));
}

void rules_restored(struct rules *r, struct stamp now)
{
	suppress_restore(r);
	for (uint32_t i = 0; i < r->n_links; i++)
		restore_link(r, i);
	for (uint32_t g = 0; g < r->n_groups; g++) {
		uint32_t alarm = r->n_single + g;
		const struct rule_def *d = rules_def(r, alarm);
		struct life *l = &r->lives[alarm];
		bool raw = r->groups[g].counting >= d->count;
		if (raw == l->raw)
			continue;
		/* Another config, or a store that lost something: the change counts from now, and is sent when time is told next. */
		l->raw = raw;
		l->pend = raw == life_stands(l) ? PEND_NONE : raw ? PEND_ON : PEND_OFF;
		if (l->pend == PEND_NONE)
			timers_cancel(&r->timers, alarm);
		else
			timers_set(&r->timers, alarm, rules_add_ns(now.mono_ns, raw ? d->on_delay_ns : d->off_delay_ns));
	}
}
