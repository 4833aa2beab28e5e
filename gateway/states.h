/* states: the current values that hubs must hold retained: open alarms, directory, buildings, reports. One table for all hubs; each pump keeps, beside it,
 * which version of each entry its broker has acknowledged. Entries never move; a cleared one stays until every pump has cleared it, or until its place is
 * needed (then what a broker still holds of it is found at the next connection). */
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
	/* the table's own */
	uint32_t        life;       /* rises each time the slot is taken anew */
	uint32_t        holders;    /* pumps that have not cleared it yet */
	uint32_t        chain;      /* next of the same hash, or of the free slots */
	uint32_t        older, newer; /* by version */
};

#define STATES_NONE UINT32_MAX

struct states {
	struct state_entry *entries;
	size_t              n, cap;  /* slots ever used; slots there are */
	uint64_t            version; /* of the newest change */
	size_t              max;
	/* the table's own */
	uint32_t           *buckets;
	size_t              n_buckets; /* a power of two */
	uint32_t            free, newest, oldest;
	size_t              n_used, n_pumps;
	uint64_t            evicted;   /* cleared entries that gave way before every pump had cleared them */
};

/* Takes all memory but the topics. 0, or -1: no memory. */
int    states_init(struct states *s, size_t max_entries);
void   states_done(struct states *s);
/* Sets (takes a reference). 0, or -1: table full or no memory (an entry that was there stays as it was). */
int    states_set(struct states *s, enum state_kind kind, uint32_t node, const char *topic, unsigned urgency, struct outmsg *msg);
/* The state ended: last (may be NULL) is sent once, then an empty payload. One that is not there, or is being cleared already, is left as it is. */
void   states_clear(struct states *s, uint32_t node, const char *topic, struct outmsg *last);
/* Index, or SIZE_MAX. Finds those that are being cleared, too. */
size_t states_find(const struct states *s, uint32_t node, const char *topic);
/* A topic level for an alarm id: alarm/ + the id with every slash as ~. */
void   states_alarm_topic(struct strbuf *out, const char *alarm_id);

/* For pumps. A pump joins, and from then on every cleared entry waits for its states_release (once an entry's version); states_leave takes no entry with it:
 * the pump releases what it still held before. */
void   states_join(struct states *s);
void   states_leave(struct states *s);
void   states_release(struct states *s, size_t index);

#endif
