#include "core/alarm.h"

#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

static const char *const stream_names[STREAM_COUNT] = {
	[CLASS_FIRE] = "fire", [CLASS_PREALARM] = "prealarm", [CLASS_SUPERVISORY] = "supervisory", [CLASS_FAULT] = "fault",
	[CLASS_DISABLEMENT] = "disablement", [CLASS_ACTUATION] = "actuation", [CLASS_OPERATION] = "operation", [STREAM_READING] = "reading",
};

static const char *const hazard_names[] = { "", "fire", "electrical", "gas", "water", "access" };

static const char *const state_names[] = { "normal", "pending", "active", "acked", "returned", "latched" };

static const char *const transition_names[TRANSITION_COUNT] = {
	[TRANSITION_RAISED] = "raised", [TRANSITION_CONFIRMED] = "confirmed", [TRANSITION_RERAISED] = "reraised",
	[TRANSITION_ACKNOWLEDGED] = "acknowledged", [TRANSITION_RETURNED] = "returned", [TRANSITION_CLEARED] = "cleared",
	[TRANSITION_RESET] = "reset", [TRANSITION_ESCALATED] = "escalated", [TRANSITION_VERIFIED] = "verified", [TRANSITION_SHELVED] = "shelved",
	[TRANSITION_UNSHELVED] = "unshelved", [TRANSITION_SUPPRESSED] = "suppressed", [TRANSITION_UNSUPPRESSED] = "unsuppressed",
	[TRANSITION_CHATTERING] = "chattering", [TRANSITION_REMOVED] = "removed", [TRANSITION_TEST_START] = "test_start",
	[TRANSITION_TEST_END] = "test_end", [TRANSITION_DRILL_START] = "drill_start", [TRANSITION_DRILL_END] = "drill_end",
	[TRANSITION_SERVICE_OUT] = "service_out", [TRANSITION_SERVICE_IN] = "service_in", [TRANSITION_SILENCE] = "silence",
	[TRANSITION_SELFTEST] = "selftest", [TRANSITION_DUTY_ON] = "duty_on", [TRANSITION_DUTY_OFF] = "duty_off",
	[TRANSITION_HANDOVER] = "handover", [TRANSITION_DUTY_CHECK] = "duty_check", [TRANSITION_DUTY_ANSWER] = "duty_answer",
	[TRANSITION_DUTY_MISSED] = "duty_missed", [TRANSITION_FLOOD_START] = "flood_start", [TRANSITION_FLOOD_END] = "flood_end",
	[TRANSITION_CLOCK_STEP] = "clock_step", [TRANSITION_CONFIG_LOADED] = "config_loaded", [TRANSITION_CONFIG_REFUSED] = "config_refused",
	[TRANSITION_STARTED] = "started", [TRANSITION_STOPPED] = "stopped", [TRANSITION_POWER] = "power",
};

static const char *const cause_names[] = { "value", "quality", "delay", "rule", "person", "hub", "device", "restart", "manual", "self" };

static const char *const mode_names[] = { "normal", "test", "drill" };

static const char *const verdict_names[VERDICT_COUNT] = { "", "real", "false", "test", "drill" };

static const char *const role_names[] = { "none", "viewer", "operator", "maintainer" };

const char *alarm_class_name(enum alarm_class c)
{
	return stream_names[c];
}

const char *stream_name(unsigned stream)
{
	return stream_names[stream];
}

int stream_find(const char *word, unsigned *ret)
{
	for (unsigned i = 0; i < STREAM_COUNT; i++) {
		if (strcmp(word, stream_names[i]) == 0) {
			*ret = i;
			return 0;
		}
	}
	return -1;
}

int alarm_class_find(const char *word, enum alarm_class *ret)
{
	unsigned stream;

	if (stream_find(word, &stream) < 0 || stream >= CLASS_COUNT)
		return -1;
	*ret = (enum alarm_class)stream;
	return 0;
}

const char *hazard_name(enum hazard h)
{
	return hazard_names[h];
}

const char *alarm_state_name(enum alarm_state s)
{
	return state_names[s];
}

const char *transition_name(enum transition t)
{
	return transition_names[t];
}

const char *cause_name(enum cause c)
{
	return cause_names[c];
}

const char *alarm_mode_name(enum alarm_mode m)
{
	return mode_names[m];
}

const char *role_name(enum role r)
{
	return role_names[r];
}

const char *verdict_name(enum verdict v)
{
	return verdict_names[v];
}

int verdict_find(const char *word, enum verdict *ret)
{
	for (unsigned i = VERDICT_REAL; i < VERDICT_COUNT; i++) {
		if (strcmp(word, verdict_names[i]) == 0) {
			*ret = (enum verdict)i;
			return 0;
		}
	}
	return -1;
}

/* When a row holds: whatever the setting is, only if it is off, only if it is on. */
enum fits { ANY, NO, YES };

struct row {
	enum alarm_state   state;
	enum alarm_trigger trigger;
	enum fits          latch, ack, condition, count_rule;
	struct alarm_move  move;
};

#define ONE(transition, state)       { true, 1, { transition }, { state }, state }
#define TWO(first, at, second, then) { true, 2, { first, second }, { at, then }, then }

/* What is not here is refused, or changes nothing. The ways that lead to STATE_LATCHED need an acknowledgement first, but for ack: false.
 * With ack: false a person may acknowledge all the same, while there is something to acknowledge. */
static const struct row moves[] = {
	/* state          trigger         latch ack  cond. count  */
	{ STATE_NORMAL,   TRIGGER_ON,     ANY,  ANY, ANY,  NO,  ONE(TRANSITION_RAISED, STATE_ACTIVE) },
	{ STATE_NORMAL,   TRIGGER_ON,     ANY,  ANY, ANY,  YES, ONE(TRANSITION_CONFIRMED, STATE_ACTIVE) },
	{ STATE_ACTIVE,   TRIGGER_ACK,    ANY,  ANY, ANY,  ANY, ONE(TRANSITION_ACKNOWLEDGED, STATE_ACKED) },
	{ STATE_ACTIVE,   TRIGGER_OFF,    ANY,  YES, ANY,  ANY, ONE(TRANSITION_RETURNED, STATE_RETURNED) },
	{ STATE_ACTIVE,   TRIGGER_OFF,    NO,   NO,  ANY,  ANY, TWO(TRANSITION_RETURNED, STATE_RETURNED, TRANSITION_CLEARED, STATE_NORMAL) },
	{ STATE_ACTIVE,   TRIGGER_OFF,    YES,  NO,  ANY,  ANY, ONE(TRANSITION_RETURNED, STATE_LATCHED) },
	{ STATE_ACKED,    TRIGGER_OFF,    NO,   ANY, ANY,  ANY, TWO(TRANSITION_RETURNED, STATE_RETURNED, TRANSITION_CLEARED, STATE_NORMAL) },
	{ STATE_ACKED,    TRIGGER_OFF,    YES,  ANY, ANY,  ANY, ONE(TRANSITION_RETURNED, STATE_LATCHED) },
	{ STATE_ACKED,    TRIGGER_AGAIN,  ANY,  ANY, ANY,  ANY, ONE(TRANSITION_RERAISED, STATE_ACTIVE) },
	{ STATE_RETURNED, TRIGGER_ACK,    NO,   ANY, ANY,  ANY, TWO(TRANSITION_ACKNOWLEDGED, STATE_RETURNED, TRANSITION_CLEARED, STATE_NORMAL) },
	{ STATE_RETURNED, TRIGGER_ACK,    YES,  ANY, ANY,  ANY, ONE(TRANSITION_ACKNOWLEDGED, STATE_LATCHED) },
	{ STATE_RETURNED, TRIGGER_ON,     ANY,  ANY, ANY,  ANY, ONE(TRANSITION_RERAISED, STATE_ACTIVE) },
	{ STATE_LATCHED,  TRIGGER_ON,     ANY,  ANY, ANY,  ANY, ONE(TRANSITION_RERAISED, STATE_ACTIVE) },
	{ STATE_LATCHED,  TRIGGER_RESET,  ANY,  ANY, NO,   ANY, TWO(TRANSITION_RESET, STATE_LATCHED, TRANSITION_CLEARED, STATE_NORMAL) },
	{ STATE_ACTIVE,   TRIGGER_REMOVE, ANY,  ANY, ANY,  ANY, ONE(TRANSITION_REMOVED, STATE_NORMAL) },
	{ STATE_ACKED,    TRIGGER_REMOVE, ANY,  ANY, ANY,  ANY, ONE(TRANSITION_REMOVED, STATE_NORMAL) },
	{ STATE_RETURNED, TRIGGER_REMOVE, ANY,  ANY, ANY,  ANY, ONE(TRANSITION_REMOVED, STATE_NORMAL) },
	{ STATE_LATCHED,  TRIGGER_REMOVE, ANY,  ANY, ANY,  ANY, ONE(TRANSITION_REMOVED, STATE_NORMAL) },
};

static bool fits(enum fits wanted, bool is)
{
	return wanted == ANY || (wanted == YES) == is;
}

struct alarm_move alarm_move(enum alarm_state state, enum alarm_trigger trigger, bool latch, bool ack, bool condition, bool count_rule)
{
	enum alarm_state from = state == STATE_PENDING ? STATE_NORMAL : state;

	for (size_t i = 0; i < sizeof moves / sizeof moves[0]; i++) {
		const struct row *r = &moves[i];
		if (r->state == from && r->trigger == trigger && fits(r->latch, latch) && fits(r->ack, ack) && fits(r->condition, condition) &&
		    fits(r->count_rule, count_rule))
			return r->move;
	}
	return (struct alarm_move){ .allowed = false, .to = state };
}

char *event_id_format(const char *gateway, struct event_id id, char *buf)
{
	snprintf(buf, EVENT_ID_MAX, "%s/%016" PRIx64 "/%" PRIu64, gateway, id.boot, id.counter);
	return buf;
}

#define BOOT_DIGITS 16

int event_id_parse(const char *text, struct event_id *ret)
{
	struct event_id id = { 0 };
	const char *s = strchr(text, '/');

	if (!s || s == text)
		return -1;
	s++;
	for (int i = 0; i < BOOT_DIGITS; i++, s++) {
		if (*s >= '0' && *s <= '9')
			id.boot = id.boot << 4 | (uint64_t)(*s - '0');
		else if (*s >= 'a' && *s <= 'f')
			id.boot = id.boot << 4 | (uint64_t)(*s - 'a' + 10);
		else
			return -1;
	}
	if (*s++ != '/' || *s == '\0' || (s[0] == '0' && s[1] != '\0'))
		return -1;
	for (; *s; s++) {
		if (*s < '0' || *s > '9' || __builtin_mul_overflow(id.counter, UINT64_C(10), &id.counter) ||
		    __builtin_add_overflow(id.counter, (uint64_t)(*s - '0'), &id.counter))
			return -1;
	}
	*ret = id;
	return 0;
}
