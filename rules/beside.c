/* What stands beside an alarm's state: whose attention it waits for, whether it chatters, what was found on site. */
#include "rules/engine.h"

#include <assert.h>

/* Fire is told as it comes, and so is what people do. */
static bool is_held(const struct rules *r, uint32_t alarm)
{
	const struct beside *b = &r->besides[alarm];

	return b->chatters && b->times >= RULES_CHATTER_HELD && r->alarms[alarm].class_ != CLASS_FIRE && !r->alarms[alarm].extra;
}

int64_t beside_off_delay(const struct rules *r, uint32_t alarm, int64_t off_delay_ns)
{
	return is_held(r, alarm) && off_delay_ns < RULES_CHATTER_QUIET_NS ? RULES_CHATTER_QUIET_NS : off_delay_ns;
}

void beside_flapped(struct rules *r, uint32_t alarm)
{
	struct beside *b = &r->besides[alarm];

	if (is_held(r, alarm) && b->times < UINT16_MAX)
		b->times++;
}

/* It became active. EEMUA 191: three times within a minute is chattering; said once, with how often, and at its end how often in all. */
static void count_raise(struct rules *r, uint32_t alarm, const struct why *w, struct rules_sink *sink)
{
	struct beside *b = &r->besides[alarm];
	int64_t at = w->at.mono_ns, earlier = b->raised_ns[1];
	bool was = b->chatters;
	struct why chatter = { .at = w->at, .cause = CAUSE_RULE };

	if (was && at - b->raised_ns[0] > RULES_CHATTER_QUIET_NS)
		was = b->chatters = false;
	b->raised_ns[1] = b->raised_ns[0];
	b->raised_ns[0] = at ? at : 1; /* 0: never; a delay that ended while the machine was off may have ended at any moment */
	if (was) {
		if (b->times < UINT16_MAX)
			b->times++;
		return;
	}
	if (r->alarms[alarm].extra || earlier == 0 || at - earlier > RULES_CHATTER_WINDOW_NS)
		return;
	b->chatters = true;
	b->times = RULES_CHATTER_TIMES;
	rules_send(r, alarm, TRANSITION_CHATTERING, (enum alarm_state)r->lives[alarm].state, &chatter, sink);
}

static void wait_for_attention(struct rules *r, uint32_t alarm, enum alarm_trigger trigger, struct stamp at)
{
	const struct rule_def *d = r->alarms[alarm].def;
	const struct life *l = &r->lives[alarm];

	if (trigger == TRIGGER_ON || trigger == TRIGGER_ACK || trigger == TRIGGER_AGAIN)
		r->besides[alarm].escalated = false;
	if (trigger == TRIGGER_ACK)
		r->besides[alarm].acked_s = (int32_t)(at.mono_ns / CLOCK_NS_PER_S);
	if (!rules_is_attentive(d))
		return;
	uint32_t timer = rules_attention_of(r, alarm);
	bool waits = timers_get(&r->timers, timer) != CLOCK_NEVER;
	if (l->state == STATE_RETURNED && !l->acked)
		return; /* it was not looked at in time, also when it is over by then */
	if (trigger == TRIGGER_ON && waits)
		return; /* nor when it comes and goes: its time runs since it first became active */
	timers_cancel(&r->timers, timer);
	if ((trigger == TRIGGER_ON || trigger == TRIGGER_AGAIN) && d->escalate_ns > 0)
		timers_set(&r->timers, timer, rules_add_ns(at.mono_ns, d->escalate_ns));
	else if (l->state == STATE_ACKED && d->re_alarm_ns > 0)
		timers_set(&r->timers, timer, rules_add_ns(at.mono_ns, d->re_alarm_ns));
}

void beside_moved(struct rules *r, uint32_t alarm, enum alarm_trigger trigger, const struct why *w, struct rules_sink *sink)
{
	wait_for_attention(r, alarm, trigger, w->at);
	if (trigger == TRIGGER_ON && !w->anew)
		count_raise(r, alarm, w, sink);
	else if (trigger == TRIGGER_OFF && is_held(r, alarm))
		r->besides[alarm].chatters = false; /* it was quiet for long enough */
}

#define ASK_AGAIN_LEAST_NS (60 * CLOCK_NS_PER_S)

/* What is hidden by design asks for nobody, for as long as it is hidden: it is looked at again later. That goes by its own moments, and so needs no saving. */
static void ask_again(struct rules *r, uint32_t alarm, struct stamp at)
{
	const struct rule_def *d = r->alarms[alarm].def;
	int64_t after_ns = r->lives[alarm].state == STATE_ACKED ? d->re_alarm_ns : d->escalate_ns;

	timers_set(&r->timers, rules_attention_of(r, alarm), rules_add_ns(at.mono_ns, after_ns > ASK_AGAIN_LEAST_NS ? after_ns : ASK_AGAIN_LEAST_NS));
}

/* Nobody acknowledged in time, or it stands since it was acknowledged. */
void beside_attend(struct rules *r, uint32_t alarm, struct stamp at, struct rules_sink *sink)
{
	const struct beside *b = &r->besides[alarm];
	const struct life *l = &r->lives[alarm];
	struct why w = { .at = at, .cause = CAUSE_DELAY };

	if (b->shelved || suppress_hides(r, alarm, b->mode) || b->mode != MODE_NORMAL || (r->alarms[alarm].point != POINT_NONE && r->points_out[r->alarms[alarm].point])) {
		ask_again(r, alarm, at);
		return;
	}
	if (l->state == STATE_ACKED) {
		rules_move(r, alarm, TRIGGER_AGAIN, &w, sink);
		return;
	}
	r->besides[alarm].escalated = true;
	rules_send(r, alarm, TRANSITION_ESCALATED, (enum alarm_state)l->state, &w, sink);
	sink->changed(sink->user, alarm);
}

int rules_verify(struct rules *r, uint32_t alarm, const struct event_id *occurrence, enum verdict verdict, const char *verdict_cause, const struct rules_who *who,
                 struct rules_sink *sink, struct err *reterr)
{
	struct why w = { .at = who->now, .cause = who->cause, .actor = who->actor, .note = who->note, .verdict_cause = verdict_cause };

	assert(alarm < r->n_alarms);
	rules_run_until(r, who->now, sink);
	const struct rules_alarm *a = &r->alarms[alarm];
	struct life *l = &r->lives[alarm];
	if (l->occurrence.counter == 0)
		return err_set(reterr, ERR_REFUSED, "alarm '%s' cannot be verified: it was never raised", a->id);
	if (a->extra && extras_is_stale(r, alarm, who->now.mono_ns))
		return err_set(reterr, ERR_REFUSED, "alarm '%s' cannot be verified: it has been over for more than a week", a->id);
	if (occurrence && (occurrence->boot != l->occurrence.boot || occurrence->counter != l->occurrence.counter))
		return err_set(reterr, ERR_NOT_FOUND, "alarm '%s': the occurrence that is meant is not its latest one", a->id);
	if (a->extra && a->extra->kind != EXTRA_MANUAL)
		return err_set(reterr, ERR_REFUSED, "alarm '%s' cannot be verified: people made it", a->id);
	r->besides[alarm].verdict = verdict;
	rules_send(r, alarm, TRANSITION_VERIFIED, (enum alarm_state)l->state, &w, sink);
	sink->changed(sink->user, alarm);
	return 0;
}
