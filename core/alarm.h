/* alarm: the words of an alarm's life (docs/alarms.md) and its table of moves (ISA-18.2 states: normal, pending, active, acked, returned, latched). */
#ifndef FIREGW_CORE_ALARM_H
#define FIREGW_CORE_ALARM_H

#include <stdbool.h>
#include <stdint.h>

/* In order of urgency: what is earlier is sent first. */
enum alarm_class {
	CLASS_FIRE,
	CLASS_PREALARM,
	CLASS_SUPERVISORY,
	CLASS_FAULT,
	CLASS_DISABLEMENT,
	CLASS_ACTUATION,
	CLASS_OPERATION,
	CLASS_COUNT,
};
/* Streams of a node: one a class, then its readings. */
#define STREAM_READING CLASS_COUNT
#define STREAM_COUNT   (CLASS_COUNT + 1)

enum hazard { HAZARD_NONE, HAZARD_FIRE, HAZARD_ELECTRICAL, HAZARD_GAS, HAZARD_WATER, HAZARD_ACCESS };

enum alarm_state { STATE_NORMAL, STATE_PENDING, STATE_ACTIVE, STATE_ACKED, STATE_RETURNED, STATE_LATCHED };

enum transition {
	TRANSITION_RAISED, TRANSITION_CONFIRMED, TRANSITION_RERAISED, TRANSITION_ACKNOWLEDGED, TRANSITION_RETURNED, TRANSITION_CLEARED,
	TRANSITION_RESET, TRANSITION_ESCALATED, TRANSITION_VERIFIED, TRANSITION_SHELVED, TRANSITION_UNSHELVED, TRANSITION_SUPPRESSED,
	TRANSITION_UNSUPPRESSED, TRANSITION_CHATTERING, TRANSITION_REMOVED,
	/* operations: no alarm */
	TRANSITION_TEST_START, TRANSITION_TEST_END, TRANSITION_DRILL_START, TRANSITION_DRILL_END, TRANSITION_SERVICE_OUT, TRANSITION_SERVICE_IN,
	TRANSITION_SILENCE, TRANSITION_SELFTEST, TRANSITION_DUTY_ON, TRANSITION_DUTY_OFF, TRANSITION_HANDOVER, TRANSITION_DUTY_CHECK,
	TRANSITION_DUTY_ANSWER, TRANSITION_DUTY_MISSED, TRANSITION_FLOOD_START, TRANSITION_FLOOD_END, TRANSITION_CLOCK_STEP,
	TRANSITION_CONFIG_LOADED, TRANSITION_CONFIG_REFUSED, TRANSITION_STARTED, TRANSITION_STOPPED, TRANSITION_POWER,
	TRANSITION_COUNT,
};

enum cause { CAUSE_VALUE, CAUSE_QUALITY, CAUSE_DELAY, CAUSE_RULE, CAUSE_PERSON, CAUSE_HUB, CAUSE_DEVICE, CAUSE_RESTART, CAUSE_MANUAL, CAUSE_SELF };

enum alarm_mode { MODE_NORMAL, MODE_TEST, MODE_DRILL };

/* What was found on site. */
enum verdict { VERDICT_NONE, VERDICT_REAL, VERDICT_FALSE, VERDICT_TEST, VERDICT_DRILL, VERDICT_COUNT };

enum role { ROLE_NONE, ROLE_VIEWER, ROLE_OPERATOR, ROLE_MAINTAINER };

/* Words as on the wire. Static; never NULL for a value of the enum. The _find functions give 0, or -1 for an unknown word. */
const char *alarm_class_name(enum alarm_class c);
int         alarm_class_find(const char *word, enum alarm_class *ret);
const char *stream_name(unsigned stream);      /* a class's name, or "reading" */
int         stream_find(const char *word, unsigned *ret);
const char *hazard_name(enum hazard h);        /* "" for HAZARD_NONE */
const char *alarm_state_name(enum alarm_state s);
const char *transition_name(enum transition t);
const char *cause_name(enum cause c);
const char *alarm_mode_name(enum alarm_mode m);
const char *role_name(enum role r);
const char *verdict_name(enum verdict v);      /* "" for VERDICT_NONE */
int         verdict_find(const char *word, enum verdict *ret);

/* What can happen to an alarm. ON: the condition holds (after on_delay). OFF: it is gone (after off_delay). AGAIN: it was acknowledged re_alarm ago and still stands. */
enum alarm_trigger { TRIGGER_ON, TRIGGER_OFF, TRIGGER_ACK, TRIGGER_RESET, TRIGGER_REMOVE, TRIGGER_AGAIN };

/* One row of the table of moves. */
struct alarm_move {
	bool             allowed;
	uint8_t          n;            /* transitions sent, in this order: 1 or 2 */
	enum transition  sent[2];
	enum alarm_state via[2];       /* the state that the n-th transition leads to */
	enum alarm_state to;
};

/* The table of docs/alarms.md: what `trigger` does in `state`. `latch`: needs a reset; `ack`: needs an acknowledgement (ack: false in the rule = false).
 * `condition`: whether the condition stands at this moment. `count_rule`: its first transition is confirmed. STATE_PENDING counts as normal.
 * A trigger that changes nothing (ON while active) is "not allowed" with n = 0. Cannot fail. */
struct alarm_move alarm_move(enum alarm_state state, enum alarm_trigger trigger, bool latch, bool ack, bool condition, bool count_rule);

/* An event's id, gateway/boot/counter; boot is random and new at each start of the daemon. All zero: none. */
struct event_id {
	uint64_t boot;
	uint64_t counter;
};
#define EVENT_ID_MAX 96
/* "qj-wenlong-01/5f0c9a1be27d4410/1042"; buf holds EVENT_ID_MAX bytes; returns buf. */
char *event_id_format(const char *gateway, struct event_id id, char *buf);
/* Reads it back, whatever the gateway's name. 0 or -1. */
int   event_id_parse(const char *text, struct event_id *ret);

#endif
