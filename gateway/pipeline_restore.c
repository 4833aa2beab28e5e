/* What outlives a config or a run: the rules' state, open alarms, latest values. Failure modes are alarms that no rule makes any more: they are closed with an event. */
#include "gateway/pipeline_inside.h"

#include "core/strmap.h"

#include <stdlib.h>
#include <string.h>

static void note_rev(struct pipeline *p, uint32_t rev)
{
	if (rev > p->rev_newest)
		p->rev_newest = rev;
}

/* An alarm that may come back one day had this rev: whatever comes as new begins above it. */
static void note_gone(struct pipeline *p, uint32_t rev)
{
	note_rev(p, rev);
	if (rev > p->rev_first)
		p->rev_first = rev;
	rules_set_revs(p->rules, p->rev_floor, p->rev_first);
}

/* A point that was silent for long is so until it answers: what would begin as comm after a start must not end an alarm about its silence. */
static void restore_silence(struct pipeline *p, const struct rules_alarm *a, enum quality quality)
{
	bool of_silence = a->def && a->def->when == WHEN_QUALITY && (a->def->any_bad || a->def->quality == QUALITY_COMM || a->def->quality == QUALITY_STALE);

	if (of_silence && quality == QUALITY_STALE)
		p->latest[a->point].quality = QUALITY_STALE;
}

static void restore_silences(struct pipeline *p, uint32_t alarm)
{
	uint32_t point;

	for (size_t n = 0; (point = rules_stale_point(p->rules, alarm, n)) != POINT_NONE; n++)
		p->latest[point].quality = QUALITY_STALE;
}

void pipeline_restore_state(struct pipeline *p, const char *alarm, const void *blob, size_t len, struct stamp now)
{
	if (pipeline_restore_people(p, alarm, blob, len, now))
		return;
	uint32_t i = rules_find(p->rules, alarm);
	bool of_people = i == RULES_ALARM_NONE;
	if (of_people && (i = rules_restore_extra(p->rules, alarm, blob, len, now)) == RULES_ALARM_NONE)
		note_gone(p, rules_saved_rev(blob, len));
	if (i == RULES_ALARM_NONE || (!of_people && rules_restore(p->rules, i, blob, len, now)))
		return;
	struct rules_present present;
	rules_present(p->rules, i, &present);
	note_rev(p, present.rev);
	struct rules_alarm fixed = rules_alarm(p->rules, i);
	restore_silence(p, &fixed, present.quality);
	restore_silences(p, i);
	pipeline_count_open(p, fixed.class_, STATE_NORMAL, present.state);
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

/* Whether the alarm is still what it was when this event of it was stored. */
static bool goes_on(struct pipeline *p, const struct record_event *e, uint32_t node, unsigned stream)
{
	uint32_t i = rules_find(p->rules, e->alarm);
	struct rules_present present;

	if (i == RULES_ALARM_NONE)
		return false;
	rules_rev_least(p->rules, i, e->rev);
	rules_present(p->rules, i, &present);
	return present.state != STATE_NORMAL && present.state != STATE_PENDING && rules_alarm(p->rules, i).class_ == stream && rules_alarm(p->rules, i).node == node;
}

void pipeline_restore_alarm(struct pipeline *p, const struct record_event *e, const char *node, unsigned stream)
{
	uint32_t at = find_node(p->c.site, node);

	bool stays = goes_on(p, e, at, stream);

	note_rev(p, e->rev);
	if (stays && !memmem(e->tail, e->tail_len, "\"suppressed\":true", 17))
		return;
	struct orphan *more = realloc(p->orphans, (p->n_orphans + 1) * sizeof *more);
	if (!more)
		return;
	p->orphans = more;
	struct orphan *o = &more[p->n_orphans];
	*o = (struct orphan){ .alarm = strdup(e->alarm), .class_ = stream, .state = e->state, .node = at, .rev = e->rev, .since_ms = e->since_ms, .stays = stays };
	if (!o->alarm)
		return;
	field_of_tail(e->tail, e->tail_len, "\"occurrence\":\"", o->occurrence, sizeof o->occurrence);
	p->n_orphans++;
}

/* Its row stays, with the rev that it had, or goes if it had none. */
static void save_gone(struct pipeline *p, const char *alarm, uint32_t rev)
{
	uint8_t saved[RULES_SAVED_MAX];
	size_t len = rev ? rules_save_rev(rev, saved) : 0;
	(void)batch_put_state(p->batch, alarm, saved, len);
	note_gone(p, rev);
}

/* `removed` was sent for what the alarm was; what it is now begins, if its condition stands. */
static void begin_anew(struct pipeline *p, uint32_t alarm, uint32_t rev, struct stamp now)
{
	struct rules_present was;

	rules_present(p->rules, alarm, &was);
	pipeline_count_open(p, rules_alarm(p->rules, alarm).class_, was.state, STATE_NORMAL);
	rules_begin_anew(p->rules, alarm, rev, CAUSE_RULE, now, &p->sink);
}

static void remove_orphan(struct pipeline *p, const struct orphan *o, struct stamp now)
{
	uint32_t known = rules_find(p->rules, o->alarm);

	if (o->stays && known != RULES_ALARM_NONE) {
		rules_tell_suppressed(p->rules, known, true, now, &p->sink);
		return;
	}
	struct rules_own own = { o->alarm, "点位或规则已从配置中删除", "the point or rule is no longer in the configuration" };
	struct rules_alarm a = {
		.id = o->alarm, .own = &own, .point = POINT_NONE, .node = o->node, .building = UINT32_MAX, .floor = "", .zone = "", .class_ = o->class_,
		.hazard = HAZARD_NONE, .priority = 5, .limit = NAN,
	};
	struct rules_transition t = {
		.what = TRANSITION_REMOVED, .cause = CAUSE_RULE, .from = o->state, .to = STATE_NORMAL,
		.rev = (o->rev > p->rev_floor ? o->rev : p->rev_floor) + 1,
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
	if (known == RULES_ALARM_NONE)
		save_gone(p, o->alarm, t.rev);
	else
		begin_anew(p, known, t.rev, now);
}

void pipeline_forget_orphans(struct pipeline *p)
{
	for (size_t i = 0; i < p->n_orphans; i++)
		free(p->orphans[i].alarm);
	free(p->orphans);
	p->orphans = NULL;
	p->n_orphans = 0;
}

uint32_t pipeline_newest_rev(const struct pipeline *p)
{
	return p->rev_newest;
}

void pipeline_set_rev_floor(struct pipeline *p, uint32_t floor)
{
	p->rev_floor = floor;
	rules_set_revs(p->rules, floor, p->rev_first);
}

void pipeline_started(struct pipeline *p, struct stamp now, struct pipeline_effects *ret)
{
	pipeline_step_begin(p, ret);
	rules_restored(p->rules, now);
	pipeline_watch_flood(p, now);
	for (size_t i = 0; i < p->n_orphans; i++)
		remove_orphan(p, &p->orphans[i], now);
	pipeline_forget_orphans(p);
	rules_end_lost_shelves(p->rules, now, &p->sink);
	rules_end_lost_tests(p->rules, now, &p->sink);
	pipeline_step_end(p, now);
}

/* The same id, and yet another alarm to whom it concerns. */
static bool is_another(const struct pipeline *p, uint32_t alarm, const struct pipeline *old, uint32_t was)
{
	struct rules_alarm a = rules_alarm(p->rules, alarm), b = rules_alarm(old->rules, was);

	return a.class_ != b.class_ || strcmp(p->c.site->nodes[a.node], old->c.site->nodes[b.node]) != 0;
}

static void take_over(struct pipeline *p, struct pipeline *old, uint32_t was, struct stamp now)
{
	const char *id = rules_alarm(old->rules, was).id;
	uint32_t alarm = id[0] ? rules_find(p->rules, id) : RULES_ALARM_NONE;
	struct rules_present present;

	if (!id[0])
		return; /* a place for people's alarms that was never taken */
	rules_present(old->rules, was, &present);
	bool open = present.state != STATE_NORMAL && present.state != STATE_PENDING;
	if (alarm != RULES_ALARM_NONE && !(open && is_another(p, alarm, old, was)))
		return;
	rules_remove(old->rules, was, CAUSE_RULE, NULL, now, &old->sink);
	rules_present(old->rules, was, &present);
	p->counter = old->counter;
	if (alarm == RULES_ALARM_NONE)
		save_gone(p, id, present.rev);
	else
		begin_anew(p, alarm, present.rev, now);
	old->counter = p->counter;
}

/* What suppressed it is in this config no longer, or what does now was not. */
static void tell_suppressed(struct pipeline *p, const struct pipeline *old, uint32_t was, struct stamp now)
{
	const char *id = rules_alarm(old->rules, was).id;
	struct rules_present before;

	rules_present(old->rules, was, &before);
	uint32_t alarm = before.state != STATE_NORMAL && before.state != STATE_PENDING ? rules_find(p->rules, id) : RULES_ALARM_NONE;
	if (alarm != RULES_ALARM_NONE)
		rules_tell_suppressed(p->rules, alarm, before.suppressed, now, &p->sink);
}

/* The old engine ends what is due and tells of what goes; its events go into the new one's batch. */
static void lend(struct pipeline *p, struct pipeline *old, struct pipeline_effects *effects)
{
	old->batch = p->batch;
	old->effects = effects;
	old->counter = p->counter;
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
		struct latest *l = &p->latest[i];
		if (was == STRMAP_NONE || (p->c.decodings && p->c.decodings[i] != old->c.decodings[was])) {
			/* A new point, or what was read of it was read otherwise: nothing is known of it, and its silence counts from now. */
			l->good_at = now;
			continue;
		}
		*l = old->latest[was];
		l->text = NULL;
		pipeline_keep_text(p, pt, l, old->latest[was].text);
		if (l->quality == QUALITY_GOOD)
			p->n_good++;
	}
	strmap_done(&by_id);
	p->next_sweep_ns = now.mono_ns + PIPELINE_SWEEP_NS;
}

/* A limit that moved, or a rule that came, decides on what stands, a silence too, and not only on the next sample. */
static void decide_anew(struct pipeline *p, struct stamp now)
{
	for (uint32_t i = 0; i < p->c.site->n_points; i++) {
		const struct latest *l = &p->latest[i];
		bool good = l->quality == QUALITY_GOOD;
		if (l->quality == QUALITY_NEVER || !l->at.mono_ns || p->c.site->points[i].log_mode)
			continue;
		struct sample s = { .point = i, .quality = l->quality, .value = { good ? l->number : NAN, good ? l->text : NULL }, .at = now };
		rules_on_reading(p->rules, &s, &p->sink);
	}
}

void pipeline_adopt(struct pipeline *p, struct pipeline *old, struct stamp now, struct pipeline_effects *ret)
{
	uint8_t saved[RULES_SAVED_MAX];

	pipeline_step_begin(p, ret);
	p->counter = old->counter;
	p->rev_floor = old->rev_floor;
	p->rev_newest = old->rev_newest;
	note_gone(p, old->rev_first);
	lend(p, old, p->effects);
	rules_on_time(old->rules, now, &old->sink);
	p->counter = old->counter;
	adopt_latest(p, old, now);
	pipeline_adopt_tests(p, old);
	for (uint32_t i = 0; i < rules_count(old->rules); i++) {
		size_t len = rules_save(old->rules, i, now, saved);
		if (len)
			pipeline_restore_state(p, rules_alarm(old->rules, i).id, saved, len, now);
		uint32_t alarm = old->is_drifting[i] ? rules_find(p->rules, rules_alarm(old->rules, i).id) : RULES_ALARM_NONE;
		if (alarm != RULES_ALARM_NONE)
			pipeline_note_drift(p, alarm);
	}
	/* New, or read otherwise now. */
	for (uint32_t i = 0; i < p->c.site->n_points; i++)
		if (!p->latest[i].at.mono_ns)
			rules_forget(p->rules, i);
	rules_restored(p->rules, now);
	for (uint32_t i = 0; i < rules_count(old->rules); i++)
		take_over(p, old, i, now);
	old->effects = NULL;
	for (uint32_t i = 0; i < rules_count(old->rules); i++)
		tell_suppressed(p, old, i, now);
	rules_end_lost_shelves(p->rules, now, &p->sink);
	rules_end_lost_tests(p->rules, now, &p->sink);
	decide_anew(p, now);
	pipeline_step_end(p, now);
}
