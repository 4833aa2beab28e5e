/* What stands beside an alarm's state: whose attention it waits for, whether it chatters, what was found on site. */
#include "rules/engine.h"

#include <assert.h>

/* Fire is told as it comes, and so is what people do. */
static bool is_held(const struct rules *r, uint32_t alarm)
{
	const struct beside *b = &r->besides[alarm];

	return b->chatters && b->times >= RULES_CHATTER_HELD && rules_class(r, alarm) != CLASS_FIRE && !RULES_MADE_BY_PEOPLE(r, alarm);
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

/* Beyond both it is as if it had never been raised. */
#define AGO_MAX_NS (RULES_CHATTER_WINDOW_NS > RULES_CHATTER_QUIET_NS ? RULES_CHATTER_WINDOW_NS : RULES_CHATTER_QUIET_NS)

static uint32_t older(uint32_t ago, int64_t by_ns)
{
	if (by_ns < 0)
		by_ns = 0;
	if (ago == 0 || by_ns > AGO_MAX_NS || (int64_t)(ago - 1) * 1000 + by_ns > AGO_MAX_NS)
		return 0;
	return ago + (uint32_t)(by_ns / 1000);
}

static bool is_longer_ago(uint32_t ago, int64_t than_ns)
{
	return ago == 0 || (int64_t)(ago - 1) * 1000 > than_ns;
}

int64_t beside_ago_to_ns(uint32_t ago, int64_t on_ns)
{
	int64_t at = rules_add_ns(on_ns, -(int64_t)ago * 1000 + 1000);

	/* 0: never; a delay that ended while the machine was off may have ended at any moment. */
	return ago == 0 ? 0 : at ? at : 1;
}

uint32_t beside_ago_from_ns(int64_t raised_ns, int64_t on_ns)
{
	return raised_ns == 0 ? 0 : older(1, rules_add_ns(on_ns, -raised_ns));
}

void beside_on(struct beside *b, int64_t after_ns)
{
	b->raised_ago[0] = older(b->raised_ago[0], after_ns);
	b->raised_ago[1] = older(b->raised_ago[1], after_ns);
}

/* It became active. EEMUA 191: three times within a minute is chattering; said once, with how often, and at its end how often in all. */
static void count_raise(struct rules *r, uint32_t alarm, const struct why *w, struct rules_sink *sink)
{
	struct beside *b = &r->besides[alarm];
	uint32_t before = b->raised_ago[0], earlier = b->raised_ago[1];
	bool was = b->chatters;
	struct why chatter = { .at = w->at, .cause = CAUSE_RULE };

	if (was && is_longer_ago(before, RULES_CHATTER_QUIET_NS))
		was = b->chatters = false;
	b->raised_ago[1] = before;
	b->raised_ago[0] = 1; /* now */
	if (was) {
		if (b->times < UINT16_MAX)
			b->times++;
		return;
	}
	if (RULES_MADE_BY_PEOPLE(r, alarm) || is_longer_ago(earlier, RULES_CHATTER_WINDOW_NS))
		return;
	b->chatters = true;
	b->times = RULES_CHATTER_TIMES;
	rules_send(r, alarm, TRANSITION_CHATTERING, (enum alarm_state)r->lives[alarm].state, &chatter, sink);
}

static void wait_for_attention(struct rules *r, uint32_t alarm, enum alarm_trigger trigger, struct stamp at)
{
	const struct rule_def *d = rules_def(r, alarm);
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
	const struct rule_def *d = rules_def(r, alarm);
	int64_t after_ns = r->lives[alarm].state == STATE_ACKED ? d->re_alarm_ns : d->escalate_ns;

	timers_set(&r->timers, rules_attention_of(r, alarm), rules_add_ns(at.mono_ns, after_ns > ASK_AGAIN_LEAST_NS ? after_ns : ASK_AGAIN_LEAST_NS));
}

/* Nobody acknowledged in time, or it stands since it was acknowledged. */
void beside_attend(struct rules *r, uint32_t alarm, struct stamp at, struct rules_sink *sink)
{
	const struct beside *b = &r->besides[alarm];
	const struct life *l = &r->lives[alarm];
	struct why w = { .at = at, .cause = CAUSE_DELAY };

	if (b->shelved || suppress_hides(r, alarm, b->mode) || b->mode != MODE_NORMAL || (rules_point(r, alarm) != POINT_NONE && r->points_out[rules_point(r, alarm)])) {
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
	const struct rules_extra *extra = RULES_MADE_BY_PEOPLE(r, alarm) ? rules_whole(r, alarm)->extra : NULL;
	struct life *l = &r->lives[alarm];
	if (l->occurrence.counter == 0)
		return err_set(reterr, ERR_REFUSED, "alarm '%s' cannot be verified: it was never raised", rules_id(r, alarm));
	if (extra && extras_is_stale(r, alarm, who->now.mono_ns))
		return err_set(reterr, ERR_REFUSED, "alarm '%s' cannot be verified: it has been over for more than a week", rules_id(r, alarm));
	if (occurrence && (occurrence->boot != l->occurrence.boot || occurrence->counter != l->occurrence.counter))
		return err_set(reterr, ERR_NOT_FOUND, "alarm '%s': the occurrence that is meant is not its latest one", rules_id(r, alarm));
	if (extra && extra->kind != EXTRA_MANUAL)
		return err_set(reterr, ERR_REFUSED, "alarm '%s' cannot be verified: people made it", rules_id(r, alarm));
	r->besides[alarm].verdict = verdict;
	rules_send(r, alarm, TRANSITION_VERIFIED, (enum alarm_state)l->state, &w, sink);
	sink->changed(sink->user, alarm);
	return 0;
}
