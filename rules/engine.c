/* The engine: what happens to an alarm when its condition, time or a person says something.
 *
 *  reading ──▶ leaf: verdict ─┐ flipped
 *  members ──▶ group: count ──┤
 *  leaves  ──▶ joint: terms ──┼──▶ rules_decide: raw condition ──▶ no delay: move
 *  gateway ──▶ own: on, off ──┘         │ differs from what stands, and there is a delay      ▲
 *                                       ▼                                                     │
 *                        PEND_ON / PEND_OFF with a timer ── time alone ──▶ its end ───────────┤
 *                                       │ the condition changed back                          │
 *                                       ▼                                   ack, reset ───────┘
 *                                   PEND_NONE
 *
 * A move is a row of alarm_move (core/alarm.h); nothing else changes a state. "Stands" is: active or acked.
 * Always: no pend ⇔ raw == stands; PEND_ON ⇔ raw and it does not stand; PEND_OFF ⇔ not raw and it stands.
 * Every entry ends the delays up to its own moment first, each at its own moment and all in the order of time; so it does not matter when, or
 * whether, rules_on_time was called in between. */
#include "rules/engine.h"

#include <assert.h>
#include <string.h>

static double last_value(const struct rules *r, uint32_t alarm)
{
	const struct group *g = rules_group(r, alarm);
	const struct joint *j = rules_joint(r, alarm);

	if (g)
		return g->counting;
	if (j)
		return j->holding;
	if (alarm >= r->n_single)
		return NAN;
	const struct leaf *l = &r->leaves[rules_leaf(r, alarm)];
	/* What a quality rule speaks of is that there is no value: an old one beside it would look like a new one. */
	return l->op == LEAF_QUALITY && l->quality != QUALITY_GOOD ? NAN : l->value;
}

static enum quality last_quality(const struct rules *r, uint32_t alarm)
{
	return alarm < r->n_single ? (enum quality)r->leaves[rules_leaf(r, alarm)].quality : QUALITY_GOOD;
}

/* outside has two limits; told is the nearer one, which is the one that was passed. */
static double told_limit(const struct rules_alarm *a, double value)
{
	bool upper = a->def && a->def->when == WHEN_OUTSIDE && value > a->def->limit / 2 + a->def->limit_high / 2;

	return upper ? a->def->limit_high : a->limit;
}

static struct stamp since(const struct life *l)
{
	return (struct stamp){ l->since_ns, l->since_ms, l->since_trusted };
}

static uint32_t next_rev(const struct rules *r, const struct life *l)
{
	uint32_t rev = l->rev ? l->rev : r->rev_first;

	return (rev > r->rev_floor ? rev : r->rev_floor) + 1;
}

void rules_send(struct rules *r, uint32_t alarm, enum transition what, enum alarm_state to, const struct why *w, struct rules_sink *sink)
{
	const struct rules_alarm a = rules_alarm(r, alarm);
	struct life *l = &r->lives[alarm];
	struct beside *b = &r->besides[alarm];
	const struct group *g = rules_group(r, alarm);
	const struct joint *j = rules_joint(r, alarm);
	bool begins = what == TRANSITION_RAISED || what == TRANSITION_CONFIRMED;
	/* A verdict that comes when all is over names the occurrence that it is about all the same. */
	bool of_occurrence = l->state != STATE_NORMAL || what == TRANSITION_VERIFIED;
	l->rev = next_rev(r, l);
	if (a.extra && l->rev > r->extra_rev)
		r->extra_rev = l->rev;
	struct rules_transition t = {
		.alarm = alarm, .what = what, .cause = w->cause, .from = (enum alarm_state)l->state, .to = to,
		.active = to == STATE_ACTIVE || to == STATE_ACKED, .acked = l->acked, .latched = a.latch && to != STATE_NORMAL,
		.rev = l->rev, .occurrence = of_occurrence ? l->occurrence : (struct event_id){ 0 }, .at = w->at,
		/* Of one that is normal there is no beginning to tell. */
		.since = l->state == STATE_NORMAL && to == STATE_NORMAL ? w->at : since(l),
		.value = { last_value(r, alarm), w->sample && w->sample->quality == QUALITY_GOOD ? w->sample->value.text : NULL },
		.quality = last_quality(r, alarm), .device_at_ms = w->sample ? w->sample->device_at_ms : 0, .actor = w->actor, .note = w->note,
		.mode = begins || of_occurrence ? b->mode : MODE_NORMAL, .shelved = b->shelved,
		.out_of_service = a.point != POINT_NONE && r->points_out[a.point] && !a.extra,
		.verdict = b->verdict, .verdict_cause = w->verdict_cause, .times = b->chatters ? b->times : 0,
	};

	t.suppressed = suppress_hides(r, alarm, t.mode);
	t.limit = told_limit(&a, t.value.number);
	t.shelved_until_ms = a.extra ? a.extra->until_ms : b->shelved ? extras_until_ms(r, alarm) : 0;
	t.rate = memory_rate(r, alarm);
	if (g || j) {
		t.members = r->members;
		t.n_members = g ? counts_list_members(r, g) : terms_list_members(r, j);
	}
	l->state = (uint8_t)to;
	struct event_id id = sink->transition(sink->user, &t);
	if (begins)
		l->occurrence = id;
}

/* What an alarm that is normal again keeps nothing of. */
static void end_occurrence(struct life *l)
{
	l->acked = false;
	l->since_ns = l->since_ms = 0;
	l->since_trusted = false;
}

/* What it suppresses is so before anything follows from it, and until nothing follows from it any more. */
static void stands_otherwise(struct rules *r, uint32_t alarm, const struct why *w, struct rules_sink *sink)
{
	if (life_stands(&r->lives[alarm]))
		suppress_update(r, alarm, w, sink);
	counts_update(r, alarm, w, sink);
	suppress_update(r, alarm, w, sink);
}

bool rules_move(struct rules *r, uint32_t alarm, enum alarm_trigger trigger, const struct why *w, struct rules_sink *sink)
{
	struct life *l = &r->lives[alarm];
	struct alarm_move m = alarm_move((enum alarm_state)l->state, trigger, rules_latches(r, alarm), rules_needs_ack(r, alarm), l->raw, rules_group(r, alarm) != NULL);
	bool stood = life_stands(l);

	if (!m.allowed)
		return false;
	if (trigger == TRIGGER_AGAIN)
		l->acked = false;
	if (trigger == TRIGGER_ON) {
		struct beside *b = &r->besides[alarm];
		/* What came before the test, and waits for somebody still, is no test. */
		if (l->state != STATE_RETURNED || b->mode != MODE_NORMAL)
			b->mode = under_test_mode(r, alarm);
		if (l->state == STATE_NORMAL)
			b->verdict = VERDICT_NONE;
		l->acked = false;
		beside_on(b, l->was_on ? rules_add_ns(w->at.mono_ns, -l->on_ns) : INT64_MAX);
		l->was_on = true;
		l->on_ns = w->at.mono_ns;
		if (l->state == STATE_NORMAL) {
			l->since_ns = w->at.mono_ns;
			l->since_ms = w->at.wall_ms;
			l->since_trusted = w->at.wall_trusted;
		}
	}
	if (trigger == TRIGGER_ACK)
		l->acked = true;
	for (uint8_t i = 0; i < m.n; i++)
		rules_send(r, alarm, m.sent[i], m.via[i], w, sink);
	l->state = (uint8_t)m.to;
	if (m.to == STATE_NORMAL)
		end_occurrence(l);
	beside_moved(r, alarm, trigger, w, sink);
	sink->changed(sink->user, alarm);
	if (stood != life_stands(l) && trigger != TRIGGER_REMOVE)
		stands_otherwise(r, alarm, w, sink);
	if (m.to == STATE_NORMAL && RULES_MADE_BY_PEOPLE(r, alarm))
		extras_ended(r, alarm, w->at.mono_ns);
	return true;
}

void rules_decide(struct rules *r, uint32_t alarm, bool raw, const struct why *w, struct rules_sink *sink)
{
	const struct rule_def *d = rules_def(r, alarm);
	struct life *l = &r->lives[alarm];
	int64_t delay_ns = raw ? (d ? d->on_delay_ns : 0) : beside_off_delay(r, alarm, d ? d->off_delay_ns : 0);

	l->raw = raw;
	if (raw == life_stands(l)) {
		if (raw && l->pend == PEND_OFF)
			beside_flapped(r, alarm);
		l->pend = PEND_NONE;
		timers_cancel(&r->timers, alarm);
	} else if (delay_ns > 0) {
		l->pend = raw ? PEND_ON : PEND_OFF;
		timers_set(&r->timers, alarm, rules_add_ns(w->at.mono_ns, delay_ns));
	} else {
		l->pend = PEND_NONE;
		rules_move(r, alarm, raw ? TRIGGER_ON : TRIGGER_OFF, w, sink);
	}
	sink->changed(sink->user, alarm);
}

static void end_delay(struct rules *r, uint32_t alarm, struct stamp at, struct rules_sink *sink)
{
	const struct rule_def *d = rules_def(r, alarm);
	struct life *l = &r->lives[alarm];
	bool on = l->pend == PEND_ON;
	/* Without a delay it was rules_restored that found the count to be another. */
	bool delayed = d && (on ? d->on_delay_ns : beside_off_delay(r, alarm, d->off_delay_ns)) > 0;
	struct why w = { .at = at, .cause = delayed || !rules_group(r, alarm) ? CAUSE_DELAY : CAUSE_RESTART };

	l->pend = PEND_NONE;
	rules_move(r, alarm, on ? TRIGGER_ON : TRIGGER_OFF, &w, sink);
}

void rules_run_until(struct rules *r, struct stamp now, struct rules_sink *sink)
{
	while (timers_next(&r->timers) <= now.mono_ns) {
		struct timers_entry e = r->timers.heap[0];
		struct stamp at = clock_shift(now, e.deadline_ns - now.mono_ns);
		timers_cancel(&r->timers, e.timer);
		if (e.timer < r->n_alarms)
			end_delay(r, e.timer, at, sink);
		else if (e.timer < rules_timer_attention(r, 0))
			counts_expire(r, e.timer - r->n_alarms, at, sink);
		else if (e.timer < rules_timer_shelf(r, 0))
			beside_attend(r, r->attentive[e.timer - rules_timer_attention(r, 0)], at, sink);
		else if (e.timer < rules_timer_test(r, 0))
			extras_expire(r, e.timer - rules_timer_shelf(r, 0), at, sink);
		else
			under_test_expire(r, e.timer - rules_timer_test(r, 0), at, sink);
	}
}

void rules_on_time(struct rules *r, struct stamp now, struct rules_sink *sink)
{
	rules_run_until(r, now, sink);
}

void rules_on_reading(struct rules *r, const struct sample *s, struct rules_sink *sink)
{
	if (timers_next(&r->timers) <= s->at.mono_ns)
		rules_run_until(r, s->at, sink);
	if (s->point >= r->site->n_points || (unsigned)s->quality >= QUALITY_NEVER)
		return;
	for (uint32_t i = r->first_leaf[s->point]; i < r->first_leaf[s->point + 1]; i++) {
		struct leaf *l = &r->leaves[i];
		bool verdict = l->op <= LEAF_QUALITY ? leaf_judge(l, s) : rules_judge_slow(r, l, s, sink);
		l->quality = (uint8_t)s->quality;
		if (s->quality == QUALITY_GOOD && !sample_has_no_record(s))
			l->value = s->value.number;
		if (__builtin_expect(verdict == l->verdict, true))
			continue;
		if (l->alarm >= r->n_alarms) {
			terms_turn(r, l->alarm - r->n_alarms, verdict, sink);
			continue;
		}
		rules_turn_leaf(r, i, verdict);
		struct why w = { .at = s->at, .cause = l->op == LEAF_QUALITY ? CAUSE_QUALITY : CAUSE_VALUE, .sample = s };
		rules_decide(r, l->alarm, verdict, &w, sink);
	}
	if (r->touched != RULES_ALARM_NONE)
		terms_judge(r, s->at, sink);
}

void rules_on_own(struct rules *r, uint32_t alarm, bool on, struct stamp now, struct rules_sink *sink)
{
	struct why w = { .at = now, .cause = CAUSE_SELF };

	assert(alarm >= r->n_single && alarm < r->n_alarms && rules_whole(r, alarm)->own);
	rules_run_until(r, now, sink);
	if (r->lives[alarm].raw != on)
		rules_decide(r, alarm, on, &w, sink);
}

static const char *why_not(const struct life *l, const struct rules_alarm *a, enum rules_command command)
{
	if (a->extra && a->extra->kind == EXTRA_MANUAL && l->state == STATE_ACTIVE)
		return "acknowledge it first";
	if (a->extra && a->extra->kind != EXTRA_MANUAL && command == RULES_RESET)
		return a->extra->kind == EXTRA_SHELF ? "it ends with its shelf: firegw unshelve" : "it ends when the point is in service again: firegw service POINT in";
	switch ((enum alarm_state)l->state) {
	case STATE_NORMAL:
	case STATE_PENDING: return "it is normal";
	case STATE_ACTIVE: return a->latch ? "its condition still stands, and it was not acknowledged" : "it needs no reset";
	case STATE_ACKED:
		if (command == RULES_ACK)
			return "it was acknowledged already";
		if (a->count_rule && a->def->within_ns > 0)
			return a->latch ? "its condition still stands (a member counts until the rule's `within` has passed since it last became active)" : "it needs no reset";
		return a->latch ? "its condition still stands" : "it needs no reset";
	case STATE_RETURNED: return a->latch ? "acknowledge it first" : "it needs no reset; acknowledge it";
	case STATE_LATCHED: return command == RULES_ACK ? "it needs no acknowledgement; reset it" : "its condition stands again";
	}
	return "its state does not allow it";
}

int rules_on_command(struct rules *r, uint32_t alarm, enum rules_command command, const struct event_id *occurrence, enum cause cause,
                     const char *actor, const char *note, struct stamp now, struct rules_sink *sink, struct err *reterr)
{
	struct why w = { .at = now, .cause = cause, .actor = actor, .note = note };

	assert(alarm < r->n_alarms);
	rules_run_until(r, now, sink);
	const struct rules_alarm a = rules_alarm(r, alarm);
	const struct life *l = &r->lives[alarm];
	if (occurrence && (occurrence->boot != l->occurrence.boot || occurrence->counter != l->occurrence.counter ||
	                   l->state == STATE_NORMAL))
		return err_set(reterr, ERR_NOT_FOUND, "alarm '%s': the occurrence that is meant is over", a.id);
	if (command == RULES_RESET && a.extra && a.extra->kind == EXTRA_MANUAL && l->state == STATE_ACKED) {
		rules_decide(r, alarm, false, &w, sink); /* what a person reported is over when a person says so */
		return 0;
	}
	if (!rules_move(r, alarm, command == RULES_ACK ? TRIGGER_ACK : TRIGGER_RESET, &w, sink))
		return err_set(reterr, ERR_REFUSED, "alarm '%s' cannot be %s: %s", a.id, command == RULES_ACK ? "acknowledged" : "reset",
		               why_not(l, &a, command));
	return 0;
}

void rules_remove(struct rules *r, uint32_t alarm, enum cause cause, const char *actor, struct stamp now, struct rules_sink *sink)
{
	struct why w = { .at = now, .cause = cause, .actor = actor };
	struct life *l = &r->lives[alarm];

	assert(alarm < r->n_alarms);
	rules_run_until(r, now, sink);
	l->raw = false;
	l->pend = PEND_NONE;
	timers_cancel(&r->timers, alarm);
	if (alarm < r->n_single)
		rules_turn_leaf(r, rules_leaf(r, alarm), false);
	terms_set_all(r, alarm, false);
	if (!rules_move(r, alarm, TRIGGER_REMOVE, &w, sink))
		sink->changed(sink->user, alarm);
}

void rules_begin_anew(struct rules *r, uint32_t alarm, uint32_t rev, enum cause cause, struct stamp now, struct rules_sink *sink)
{
	struct why w = { .at = now, .cause = cause, .anew = true };
	struct life *l = &r->lives[alarm];
	bool stood = life_stands(l);

	rules_rev_least(r, alarm, rev);
	if (l->state == STATE_NORMAL)
		return;
	l->state = STATE_NORMAL;
	end_occurrence(l);
	rules_no_attention(r, alarm); /* of what it was */
	if (!stood || !rules_move(r, alarm, TRIGGER_ON, &w, sink))
		sink->changed(sink->user, alarm);
}

void rules_set_revs(struct rules *r, uint32_t floor, uint32_t first)
{
	r->rev_floor = floor;
	r->rev_first = first;
}

void rules_rev_least(struct rules *r, uint32_t alarm, uint32_t rev)
{
	assert(alarm < r->n_alarms);
	if (r->lives[alarm].rev < rev)
		r->lives[alarm].rev = rev;
}

int64_t rules_next_deadline(const struct rules *r)
{
	return timers_next(&r->timers);
}

size_t rules_count(const struct rules *r)
{
	return r->n_alarms;
}

void rules_present(const struct rules *r, uint32_t alarm, struct rules_present *ret)
{
	assert(alarm < r->n_alarms);
	const struct life *l = &r->lives[alarm];
	const struct beside *b = &r->besides[alarm];
	uint32_t point = rules_point(r, alarm);
	bool pending = l->state == STATE_NORMAL && l->pend == PEND_ON;

	*ret = (struct rules_present){
		.state = pending ? STATE_PENDING : (enum alarm_state)l->state, .active = life_stands(l), .acked = l->acked, .rev = l->rev,
		.occurrence = l->state != STATE_NORMAL ? l->occurrence : (struct event_id){ 0 }, .since = since(l), .value = last_value(r, alarm), .quality = last_quality(r, alarm),
		.mode = l->state != STATE_NORMAL ? b->mode : MODE_NORMAL, .shelved = b->shelved,
		.out_of_service = point != POINT_NONE && !RULES_MADE_BY_PEOPLE(r, alarm) && r->points_out[point],
		.chatters = b->chatters, .verdict = b->verdict,
	};
	ret->suppressed = suppress_hides(r, alarm, ret->mode);
}

size_t rules_made_by(const struct rules *r, const struct rule_def *def)
{
	assert(def >= r->defs && def < r->defs + r->n_defs);
	return r->made_by[def - r->defs];
}
