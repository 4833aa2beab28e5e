/* states: the current values that hubs must hold retained: open alarms, directory, buildings, reports. One table for all hubs; each pump keeps, beside it,
 * which version of each entry its broker has acknowledged. Entries never move; a cleared one stays until every pump has cleared it. */
#ifndef FIREGW_GATEWAY_STATES_H
#define FIREGW_GATEWAY_STATES_H

#include "gateway/pump.h"

struct state_entry {
	enum state_kind kind;
	uint32_t        node;
	char           *topic;      /* below the prefix: alarm/facp.f12~smoke, directory/1, building; owned */
	struct outmsg  *msg;        /* the current payload; NULL: to be cleared (retained empty) */
	struct outmsg  *last_msg;   /* alarm that became normal: its normal payload, sent once before the empty one; else NULL */
	uint64_t        version;    /* rises with every change; 0: a free slot */
	unsigned        urgency;    /* class for alarms; then directory, building, report */
	bool            clear;      /* to be cleared */
};

struct states {
	struct state_entry *entries;
	size_t              n, cap;
	uint64_t            version; /* of the newest change */
	size_t              max;
};

int    states_init(struct states *s, size_t max_entries);
void   states_done(struct states *s);
/* Sets (takes a reference). 0, or -1: table full. */
int    states_set(struct states *s, enum state_kind kind, uint32_t node, const char *topic, unsigned urgency, struct outmsg *msg);
/* The state ended: last (may be NULL) is sent once, then an empty payload. */
void   states_clear(struct states *s, uint32_t node, const char *topic, struct outmsg *last);
/* Index, or SIZE_MAX. */
size_t states_find(const struct states *s, uint32_t node, const char *topic);
/* A topic level for an alarm id: alarm/ + the id with every slash as ~. */
void   states_alarm_topic(struct strbuf *out, const char *alarm_id);

#endif
