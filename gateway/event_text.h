/* event_text: the JSON tail of an event (docs/mqtt.md), from `"id"` to its last brace; the head is the store's, which alone knows the numbers. Pure. */
#ifndef FIREGW_GATEWAY_EVENT_TEXT_H
#define FIREGW_GATEWAY_EVENT_TEXT_H

#include "core/site.h"
#include "core/strbuf.h"
#include "core/unit.h"
#include "rules/rules.h"

/* What is the same for all events of a run of the daemon. */
struct event_text {
	const struct site *site;
	uint64_t           boot;
	struct stamp       started;
};

/* An alarm's transition. `a` and `t` as the engine gives them; id is this event's own. */
void event_text_alarm(struct strbuf *out, const struct event_text *c, const struct rules_alarm *a, const struct rules_transition *t, struct event_id id);

/* An operation that concerns no alarm. Messages and actor may be NULL. */
struct event_operation {
	enum transition  what;
	enum cause       cause;
	struct stamp     at;
	const char      *message_zh, *message_en, *actor, *note;
	enum alarm_mode  mode;
	const char      *select;   /* of a test; NULL: nothing */
	int64_t          until_ms; /* of a test; 0: nothing */
};
void event_text_operation(struct strbuf *out, const struct event_text *c, const struct event_operation *o, struct event_id id);

/* Messages: replaces {name} {value} {unit} {limit} {point} {floor} {zone} {building} {kind} {quality} {count} {class} {rate}; an unknown one stays as it stands. */
struct message_values { const char *name, *value, *unit, *limit, *point, *floor, *zone, *building, *kind, *quality, *count, *class_, *rate; };
void message_expand(struct strbuf *out, const char *template_, const struct message_values *v);

#endif
