/* The state of an alarm as bytes, little-endian, for the store; a restart goes on as if there had been none.
 *
 *  0 version   1 state   2 flags   3 quality   4 rev (4)   8 occurrence (8 + 8)   24 since mono, wall   40 on mono
 * 48 the delay's end mono   56 saved at mono, wall   72 machine's boot   80 value
 * 88 what stands beside: latest occurrence (8 + 8)   104 raised before (8 + 8)   120 attention's end mono, or if nobody is waited for when it was acknowledged   128 times (4)   132 mode   133 verdict   134 flags   135 0
 * 136 what memory.c keeps, or of people's alarms extras.c, if anything
 *
 * Moments are on the machine's clock (mono); "saved at" ties that clock to the wall, for when the machine has begun anew. */
#include "rules/bytes.h"
#include "rules/engine.h"

#include <assert.h>

#define SAVED_VERSION 2
#define SAVED_LEN_1   88 /* of version 1, which knew of nothing beside the state */
#define SAVED_LEN     136
/* An absence of 73 years is not one. */
#define SAVED_AWAY_MAX   (INT64_C(1) << 61)

enum {
	FLAG_RAW = 1, FLAG_ACKED = 2, FLAG_WAS_ON = 4, FLAG_SINCE_TRUSTED = 8, FLAG_PEND_ON = 16, FLAG_PEND_OFF = 32, FLAG_SAVED_TRUSTED = 64,
};

/* KNOWS: of escalations; a row of before does not, and what waited for nobody any more had been escalated. */
enum { BESIDE_CHATTERS = 1, BESIDE_ATTENDS = 2, BESIDE_ESCALATED = 4, BESIDE_KNOWS = 8 };

struct saved {
	uint8_t         version, state, flags, quality;
	uint32_t        rev;
	struct event_id occurrence, latest;
	int64_t         since_ns, since_ms, on_ns;
	int64_t         end_ns;
	int64_t         saved_ns, saved_ms;
	uint64_t        machine_boot;
	double          value;
	int64_t         raised_ns[2]; /* 0: never */
	bool            chatters, escalated;
	uint8_t         mode, verdict;
	uint32_t        times;
	bool            attends;      /* somebody is waited for, until attention_ns */
	int64_t         attention_ns; /* else when it was acknowledged; 0: it was not, or that is not known */
};

static size_t pack(const struct saved *s, uint8_t *out)
{
	uint8_t *at = out;

	at = bytes_put(at, s->version, 1);
	at = bytes_put(at, s->state, 1);
	at = bytes_put(at, s->flags, 1);
	at = bytes_put(at, s->quality, 1);
	at = bytes_put(at, s->rev, 4);
	at = bytes_put(at, s->occurrence.boot, 8);
	at = bytes_put(at, s->occurrence.counter, 8);
	at = bytes_put(at, (uint64_t)s->since_ns, 8);
	at = bytes_put(at, (uint64_t)s->since_ms, 8);
	at = bytes_put(at, (uint64_t)s->on_ns, 8);
	at = bytes_put(at, (uint64_t)s->end_ns, 8);
	at = bytes_put(at, (uint64_t)s->saved_ns, 8);
	at = bytes_put(at, (uint64_t)s->saved_ms, 8);
	at = bytes_put(at, s->machine_boot, 8);
	at = bytes_put_double(at, s->value);
	at = bytes_put(at, s->latest.boot, 8);
	at = bytes_put(at, s->latest.counter, 8);
	at = bytes_put(at, (uint64_t)s->raised_ns[0], 8);
	at = bytes_put(at, (uint64_t)s->raised_ns[1], 8);
	at = bytes_put(at, (uint64_t)s->attention_ns, 8);
	at = bytes_put(at, s->times, 4);
	at = bytes_put(at, s->mode, 1);
	at = bytes_put(at, s->verdict, 1);
	at = bytes_put(at, (s->chatters ? BESIDE_CHATTERS : 0) | (s->attends ? BESIDE_ATTENDS : 0) | (s->escalated ? BESIDE_ESCALATED : 0) | BESIDE_KNOWS, 1);
	at = bytes_put(at, 0, 1);
	return (size_t)(at - out);
}

static void unpack_beside(const uint8_t *at, struct saved *s)
{
	s->latest.boot = bytes_take(&at, 8);
	s->latest.counter = bytes_take(&at, 8);
	s->raised_ns[0] = (int64_t)bytes_take(&at, 8);
	s->raised_ns[1] = (int64_t)bytes_take(&at, 8);
	s->attention_ns = (int64_t)bytes_take(&at, 8);
	s->times = (uint32_t)bytes_take(&at, 4);
	s->mode = (uint8_t)bytes_take(&at, 1);
	s->verdict = (uint8_t)bytes_take(&at, 1);
	uint8_t flags = (uint8_t)bytes_take(&at, 1);
	s->chatters = flags & BESIDE_CHATTERS;
	s->attends = flags & BESIDE_ATTENDS;
	s->escalated = flags & BESIDE_KNOWS ? flags & BESIDE_ESCALATED : !s->attends;
}

/* -1: of no version that is known. */
static int unpack(const uint8_t *at, size_t len, struct saved *s)
{
	const uint8_t *from = at;

	if (len < SAVED_LEN_1 || !((*at == 1 && len == SAVED_LEN_1) || (*at == SAVED_VERSION && len >= SAVED_LEN)))
		return -1;
	*s = (struct saved){ 0 };
	s->version = (uint8_t)bytes_take(&at, 1);
	s->state = (uint8_t)bytes_take(&at, 1);
	s->flags = (uint8_t)bytes_take(&at, 1);
	s->quality = (uint8_t)bytes_take(&at, 1);
	s->rev = (uint32_t)bytes_take(&at, 4);
	s->occurrence.boot = bytes_take(&at, 8);
	s->occurrence.counter = bytes_take(&at, 8);
	s->since_ns = (int64_t)bytes_take(&at, 8);
	s->since_ms = (int64_t)bytes_take(&at, 8);
	s->on_ns = (int64_t)bytes_take(&at, 8);
	s->end_ns = (int64_t)bytes_take(&at, 8);
	s->saved_ns = (int64_t)bytes_take(&at, 8);
	s->saved_ms = (int64_t)bytes_take(&at, 8);
	s->machine_boot = bytes_take(&at, 8);
	s->value = bytes_take_double(&at);
	if (s->version == SAVED_VERSION)
		unpack_beside(from + SAVED_LEN_1, s);
	else
		s->latest = s->occurrence;
	return 0;
}

size_t rules_save(const struct rules *r, uint32_t alarm, struct stamp now, uint8_t out[RULES_SAVED_MAX])
{
	assert(alarm < r->n_alarms);
	const struct life *l = &r->lives[alarm];
	const struct beside *b = &r->besides[alarm];
	const struct leaf *leaf = alarm < r->n_single ? &r->leaves[rules_leaf(r, alarm)] : NULL;

	size_t more = memory_save(r, alarm, out + SAVED_LEN);
	if (l->state == STATE_NORMAL && l->rev == 0 && l->pend == PEND_NONE && more == 0)
		return 0;
	int64_t attention_ns = rules_attention(r, alarm);
	struct saved s = {
		.version = SAVED_VERSION, .state = l->state, .quality = leaf ? leaf->quality : QUALITY_GOOD, .rev = l->rev,
		.occurrence = l->state != STATE_NORMAL ? l->occurrence : (struct event_id){ 0 }, .latest = l->occurrence,
		.flags = (uint8_t)((l->raw ? FLAG_RAW : 0) | (l->acked ? FLAG_ACKED : 0) | (l->was_on ? FLAG_WAS_ON : 0) |
		                   (l->since_trusted ? FLAG_SINCE_TRUSTED : 0) | (l->pend == PEND_ON ? FLAG_PEND_ON : 0) |
		                   (l->pend == PEND_OFF ? FLAG_PEND_OFF : 0) | (now.wall_trusted ? FLAG_SAVED_TRUSTED : 0)),
		.since_ns = l->since_ns, .since_ms = l->since_ms, .on_ns = l->on_ns,
		.end_ns = l->pend != PEND_NONE ? timers_get(&r->timers, alarm) : 0,
		.saved_ns = now.mono_ns, .saved_ms = now.wall_ms, .machine_boot = r->machine_boot, .value = leaf ? leaf->value : NAN,
		.raised_ns = { beside_ago_to_ns(b->raised_ago[0], l->on_ns), beside_ago_to_ns(b->raised_ago[1], l->on_ns) },
		.chatters = b->chatters, .escalated = b->escalated, .mode = (uint8_t)b->mode, .verdict = (uint8_t)b->verdict, .times = b->times, .attends = attention_ns != CLOCK_NEVER,
		.attention_ns = attention_ns != CLOCK_NEVER ? attention_ns : l->state == STATE_ACKED ? b->acked_s * CLOCK_NS_PER_S : 0,
	};
	size_t len = pack(&s, out) + more;
	return rules_extra(r, alarm) && (l->state != STATE_NORMAL || rules_extra(r, alarm)->over) ? len + extras_save(r, alarm, out + len) : len;
}

uint32_t rules_saved_rev(const uint8_t *saved, size_t len)
{
	struct saved s;

	return unpack(saved, len, &s) ? 0 : s.rev;
}

size_t rules_save_rev(uint32_t rev, uint8_t out[RULES_SAVED_MAX])
{
	struct saved s = { .version = SAVED_VERSION, .state = STATE_NORMAL, .quality = QUALITY_NEVER, .rev = rev, .value = NAN };

	return pack(&s, out);
}

/* Only what the engine itself can have been in: a damaged row must not become a state that nobody gets out of. */
static bool makes_sense(const struct saved *s)
{
	bool stands = s->state == STATE_ACTIVE || s->state == STATE_ACKED, raw = s->flags & FLAG_RAW;
	int pend = s->flags & (FLAG_PEND_ON | FLAG_PEND_OFF);

	return s->state <= STATE_LATCHED && s->state != STATE_PENDING && s->quality < QUALITY_COUNT && !(s->flags & 0x80) &&
	       pend == (raw == stands ? 0 : raw ? FLAG_PEND_ON : FLAG_PEND_OFF) && bytes_is_moment(s->since_ns) && bytes_is_moment(s->since_ms) &&
	       bytes_is_moment(s->on_ns) && bytes_is_moment(s->end_ns) && bytes_is_moment(s->saved_ns) && bytes_is_moment(s->saved_ms) &&
	       bytes_is_moment(s->raised_ns[0]) && bytes_is_moment(s->raised_ns[1]) && bytes_is_moment(s->attention_ns) && s->mode <= MODE_DRILL &&
	       s->verdict < VERDICT_COUNT && (!s->attends || stands || s->state == STATE_RETURNED);
}

/* What is to be added to a moment of then to have it on the clock of now. */
static int64_t clock_offset(const struct rules *r, const struct saved *s, struct stamp now)
{
	int64_t away_ns = 0;

	if (s->machine_boot == r->machine_boot)
		return 0;
	/* The machine began anew: its clock says nothing about the time between; the wall clock does, if both ends can be believed. */
	if (now.wall_trusted && (s->flags & FLAG_SAVED_TRUSTED) && now.wall_ms > s->saved_ms &&
	    (__builtin_mul_overflow(now.wall_ms - s->saved_ms, CLOCK_NS_PER_MS, &away_ns) || away_ns > SAVED_AWAY_MAX))
		away_ns = SAVED_AWAY_MAX;
	return rules_add_ns(now.mono_ns, rules_add_ns(-s->saved_ns, -away_ns));
}

/* Whether this rule, as it is now, waits for somebody in this state. */
static bool waits_for_attention(const struct rules *r, uint32_t alarm, const struct saved *s)
{
	const struct rule_def *d = rules_def(r, alarm);

	return s->attends && d && (s->state == STATE_ACKED ? d->re_alarm_ns : d->escalate_ns) > 0;
}

/* The rule that this alarm was of waited for nobody, and as it is now it does: since when; CLOCK_NEVER: it is not so. */
static int64_t new_attention(const struct rules *r, uint32_t alarm, const struct saved *s, int64_t offset)
{
	const struct rule_def *d = rules_def(r, alarm);
	bool unseen = s->state == STATE_ACTIVE || (s->state == STATE_RETURNED && !(s->flags & FLAG_ACKED));

	if (s->attends || !d)
		return CLOCK_NEVER;
	if (s->state == STATE_ACKED && d->re_alarm_ns > 0)
		return rules_add_ns(rules_add_ns(s->attention_ns ? s->attention_ns : s->saved_ns, offset), d->re_alarm_ns);
	return unseen && d->escalate_ns > 0 && !s->escalated ? rules_add_ns(rules_add_ns(s->on_ns, offset), d->escalate_ns) : CLOCK_NEVER;
}

static void restore_attention(struct rules *r, uint32_t alarm, const struct saved *s, int64_t offset, struct stamp now)
{
	int64_t end_ns = waits_for_attention(r, alarm, s) ? rules_add_ns(s->attention_ns, offset) : new_attention(r, alarm, s, offset);

	rules_no_attention(r, alarm);
	if (end_ns != CLOCK_NEVER)
		timers_set(&r->timers, rules_attention_of(r, alarm), s->attends || end_ns > now.mono_ns ? end_ns : now.mono_ns); /* a rule of now asks for nobody yesterday */
}

static void restore_beside(struct rules *r, uint32_t alarm, const struct saved *s, int64_t offset)
{
	struct beside *b = &r->besides[alarm];
	bool shelved = b->shelved; /* by its shelf, which may have been restored before */

	*b = (struct beside){ .chatters = s->chatters, .escalated = s->escalated, .shelved = shelved };
	b->mode = (enum alarm_mode)s->mode;
	b->verdict = (enum verdict)s->verdict;
	b->times = s->times < UINT16_MAX ? (uint16_t)s->times : UINT16_MAX;
	b->raised_ago[0] = beside_ago_from_ns(s->raised_ns[0], s->on_ns);
	b->raised_ago[1] = beside_ago_from_ns(s->raised_ns[1], s->on_ns);
	int64_t acked_ns = s->attends || !s->attention_ns ? s->saved_ns : s->attention_ns;
	b->acked_s = (int32_t)(rules_add_ns(acked_ns, offset) / CLOCK_NS_PER_S);
}

static void restore(struct rules *r, uint32_t alarm, const struct saved *s, struct stamp now)
{
	struct life *l = &r->lives[alarm];
	int64_t offset = clock_offset(r, s, now);
	int64_t known_ns = rules_add_ns(s->saved_ns, offset);

	*l = (struct life){
		.occurrence = s->state != STATE_NORMAL ? s->occurrence : s->latest, .since_ns = s->state == STATE_NORMAL ? 0 : rules_add_ns(s->since_ns, offset), .since_ms = s->since_ms,
		.on_ns = rules_add_ns(s->on_ns, offset), .rev = s->rev, .state = s->state, .raw = s->flags & FLAG_RAW,
		.acked = s->flags & FLAG_ACKED, .was_on = s->flags & FLAG_WAS_ON, .since_trusted = s->flags & FLAG_SINCE_TRUSTED,
		.pend = s->flags & FLAG_PEND_ON ? PEND_ON : s->flags & FLAG_PEND_OFF ? PEND_OFF : PEND_NONE,
	};
	restore_beside(r, alarm, s, offset);
	restore_attention(r, alarm, s, offset, now);
	timers_cancel(&r->timers, alarm);
	if (l->pend != PEND_NONE)
		timers_set(&r->timers, alarm, rules_add_ns(s->end_ns, offset));
	if (known_ns > r->restored_ns)
		r->restored_ns = known_ns;
	if (alarm < r->n_single) {
		struct leaf *leaf = &r->leaves[rules_leaf(r, alarm)];
		rules_turn_leaf(r, rules_leaf(r, alarm), l->raw);
		leaf->value = s->value;
		leaf->quality = s->quality;
	}
}

/* People's are restored by their id: rules_restore_extra. */
int rules_restore(struct rules *r, uint32_t alarm, const uint8_t *saved, size_t len, struct stamp now)
{
	struct saved s;

	assert(alarm < r->n_alarms);
	if (rules_extra(r, alarm) || unpack(saved, len, &s) || !makes_sense(&s) ||
	    (len > SAVED_LEN && !memory_is_tail(saved + SAVED_LEN, len - SAVED_LEN)))
		return -1;
	restore(r, alarm, &s, now);
	if (len > SAVED_LEN)
		memory_restore(r, alarm, saved + SAVED_LEN, len - SAVED_LEN, clock_offset(r, &s, now));
	return 0;
}

/* One of people stands for as long as it is there: another state would be one that nothing ends. A report that is over waits for a verdict. */
uint32_t rules_restore_extra(struct rules *r, const char *id, const uint8_t *saved, size_t len, struct stamp now)
{
	struct saved s;

	if (unpack(saved, len, &s) || !makes_sense(&s))
		return RULES_ALARM_NONE;
	if (s.rev > r->extra_rev)
		r->extra_rev = s.rev; /* if it is over it may be there again one day */
	bool over = s.state == STATE_NORMAL && !(s.flags & FLAG_RAW), stands = (s.state == STATE_ACTIVE || s.state == STATE_ACKED) && (s.flags & FLAG_RAW);
	if (!(over || stands) || len <= SAVED_LEN)
		return RULES_ALARM_NONE;
	int64_t offset_ns = clock_offset(r, &s, now);
	uint32_t alarm = over ? extras_restore_over(r, id, saved + SAVED_LEN, len - SAVED_LEN, offset_ns, now.mono_ns)
	                      : extras_restore(r, id, saved + SAVED_LEN, len - SAVED_LEN, offset_ns);
	if (alarm != RULES_ALARM_NONE)
		restore(r, alarm, &s, now);
	return alarm;
}
