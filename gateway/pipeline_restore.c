/* What outlives a config or a run: the rules' state, open alarms, latest values. Failure modes are alarms that no rule makes any more: they are closed with an event. */
#include "gateway/pipeline_inside.h"

#include "core/strmap.h"

#include <stdlib.h>
#include <string.h>

void pipeline_restore_state(struct pipeline *p, const char *alarm, const void *blob, size_t len, struct stamp now)
{
	uint32_t i = rules_find(p->rules, alarm);

	if (i == RULES_ALARM_NONE || rules_restore(p->rules, i, blob, len, now))
		return;
	struct rules_present present;
	rules_present(p->rules, i, &present);
	pipeline_count_open(p, rules_alarm(p->rules, i)->class_, STATE_NORMAL, present.state);
}

static uint32_t find_node(const struct site *site, const char *node)
{
	for (uint32_t i = 0; i < site->n_nodes; i++)
		if (strcmp(site->nodes[i], node) == 0)
			return i;
	return 0;
}

/* The value of a string field of a tail that we wrote ourselves. */
static void field_of_tail(const char *tail, size_t len, const char *key, char *ret, size_t cap)
{
	const char *at = memmem(tail, len, key, strlen(key));
	size_t n = 0;

	if (at)
		for (const char *q = at + strlen(key); q < tail + len && *q != '"' && n + 1 < cap; q++)
			ret[n++] = *q;
	ret[n] = '\0';
}

void pipeline_restore_alarm(struct pipeline *p, const struct record_event *e, const char *node, unsigned stream)
{
	if (rules_find(p->rules, e->alarm) != RULES_ALARM_NONE)
		return;
	struct orphan *more = realloc(p->orphans, (p->n_orphans + 1) * sizeof *more);
	if (!more)
		return;
	p->orphans = more;
	struct orphan *o = &more[p->n_orphans];
	*o = (struct orphan){ .alarm = strdup(e->alarm), .class_ = stream, .node = find_node(p->c.site, node), .rev = e->rev, .since_ms = e->since_ms };
	if (!o->alarm)
		return;
	field_of_tail(e->tail, e->tail_len, "\"occurrence\":\"", o->occurrence, sizeof o->occurrence);
	p->n_orphans++;
}

static void remove_orphan(struct pipeline *p, const struct orphan *o, struct stamp now)
{
	struct rules_own own = { o->alarm, "点位或规则已从配置中删除", "the point or rule is no longer in the configuration" };
	struct rules_alarm a = {
		.id = o->alarm, .own = &own, .point = POINT_NONE, .node = o->node, .building = UINT32_MAX, .floor = "", .zone = "", .class_ = o->class_,
		.hazard = HAZARD_NONE, .priority = 5, .limit = NAN,
	};
	struct rules_transition t = {
		.what = TRANSITION_REMOVED, .cause = CAUSE_RULE, .from = STATE_ACTIVE, .to = STATE_NORMAL, .rev = o->rev + 1,
		.since = { .wall_ms = o->since_ms }, .at = now, .value = { NAN, NULL }, .quality = QUALITY_GOOD, .limit = NAN,
	};
	struct event_id id = pipeline_next_id(p);
	struct record_event head = {
		.node = o->node, .class_ = o->class_, .transition = TRANSITION_REMOVED, .state = STATE_NORMAL, .id = id, .at_ms = now.wall_ms,
		.since_ms = o->since_ms, .rev = t.rev,
	};
	struct strbuf tail;

	if (event_id_parse(o->occurrence, &t.occurrence))
		t.occurrence = (struct event_id){ 0 };
	strbuf_init_fixed(&tail, p->scratch, PIPELINE_TEXT_MAX);
	event_text_alarm(&tail, &p->text, &a, &t, id);
	pipeline_add_event(p, &head, o->alarm, &tail);
	const char *key = batch_keep(p->batch, o->alarm, strlen(o->alarm));
	struct record_state *s = key ? batch_add_state(p->batch) : NULL;
	if (s)
		*s = (struct record_state){ key, NULL, 0 };
}

void pipeline_forget_orphans(struct pipeline *p)
{
	for (size_t i = 0; i < p->n_orphans; i++)
		free(p->orphans[i].alarm);
	free(p->orphans);
	p->orphans = NULL;
	p->n_orphans = 0;
}

void pipeline_started(struct pipeline *p, struct stamp now, struct pipeline_effects *ret)
{
	pipeline_step_begin(p, ret);
	rules_restored(p->rules, now);
	for (size_t i = 0; i < p->n_orphans; i++)
		remove_orphan(p, &p->orphans[i], now);
	pipeline_forget_orphans(p);
	pipeline_step_end(p, now);
}

/* The old engine tells of alarms that the new config does not have: its events go into the new one's batch. */
static void remove_gone(struct pipeline *p, struct pipeline *old, struct stamp now)
{
	old->batch = p->batch;
	old->counter = p->counter;
	old->effects = p->effects;
	for (uint32_t i = 0; i < rules_count(old->rules); i++) {
		const char *id = rules_alarm(old->rules, i)->id;
		if (rules_find(p->rules, id) != RULES_ALARM_NONE)
			continue;
		rules_remove(old->rules, i, CAUSE_RULE, NULL, now, &old->sink);
		const char *key = batch_keep(p->batch, id, strlen(id));
		struct record_state *s = key ? batch_add_state(p->batch) : NULL;
		if (s)
			*s = (struct record_state){ key, NULL, 0 };
	}
	p->counter = old->counter;
	old->effects = NULL;
}

static void adopt_latest(struct pipeline *p, const struct pipeline *old, struct stamp now)
{
	struct strmap by_id = STRMAP_INIT;

	if (strmap_reserve(&by_id, old->c.site->n_points))
		return;
	for (uint32_t i = 0; i < old->c.site->n_points; i++)
		strmap_put(&by_id, old->c.site->points[i].id, i);
	for (uint32_t i = 0; i < p->c.site->n_points; i++) {
		const struct point *pt = &p->c.site->points[i];
		uint32_t was = strmap_get(&by_id, pt->id);
		if (was == STRMAP_NONE)
			continue;
		struct latest *l = &p->latest[i];
		*l = old->latest[was];
		l->text = NULL;
		pipeline_keep_text(p, pt, l, old->latest[was].text);
		if (l->quality == QUALITY_GOOD)
			p->n_good++;
	}
	strmap_done(&by_id);
	p->next_sweep_ns = now.mono_ns + PIPELINE_SWEEP_NS;
}

void pipeline_adopt(struct pipeline *p, struct pipeline *old, struct stamp now, struct pipeline_effects *ret)
{
	uint8_t saved[RULES_SAVED_MAX];

	pipeline_step_begin(p, ret);
	p->counter = old->counter;
	adopt_latest(p, old, now);
	for (uint32_t i = 0; i < rules_count(old->rules); i++) {
		size_t len = rules_save(old->rules, i, now, saved);
		if (len)
			pipeline_restore_state(p, rules_alarm(old->rules, i)->id, saved, len, now);
	}
	rules_restored(p->rules, now);
	remove_gone(p, old, now);
	/* A limit that moved decides anew on the value that stands, not only on the next one. */
	for (uint32_t i = 0; i < p->c.site->n_points; i++) {
		struct latest *l = &p->latest[i];
		if (l->quality != QUALITY_GOOD || !l->at.mono_ns || p->c.site->points[i].log_mode)
			continue;
		struct sample s = { .point = i, .quality = QUALITY_GOOD, .value = { l->number, l->text }, .at = now };
		rules_on_reading(p->rules, &s, &p->sink);
	}
	pipeline_step_end(p, now);
}
