/* store: the database of one gateway (SQLite, WAL, one writer). Synchronous, one owner; what store_commit said is durable when it returns. */
#ifndef FIREGW_STORAGE_STORE_H
#define FIREGW_STORAGE_STORE_H

#include "core/err.h"
#include "core/record.h"

struct store_options {
	const char *path;
	int64_t     max_bytes;         /* of the file; max_page_count stands a reserve above, so that events still fit when readings no longer may */
	int64_t     keep_readings_ms, keep_events_ms;
	const char *vfs;               /* NULL: the system's; the tests' faulting one has a name */
	const char *gateway;           /* its name: stands in the views' bodies and ids; NULL: "" */
};

/* What store_open found. */
struct store_report {
	bool    created;               /* a new database */
	bool    damaged;               /* the file was set aside and a new one begun, with what could be read of points, alarms and rule state */
	char    set_aside[512];        /* its new name */
	int64_t newest_ms;             /* wall time of the event or reading that was stored last; 0 if none */
	int64_t sure_ms;               /* the same, but what was stored under an untrusted clock does not count where it lies over 400 days ahead of the rest */
	bool    unclean;               /* the last run did not end in order: what it sent of late may never have been stored */
	int64_t rev_floor;             /* as store_set_rev_floor left it, or, of an older copy, what the witness says if that is more; 0 if never */
	bool    older;                 /* an older copy of the database, or another one, had been put in its place: it goes on with all that it holds, under a new log */
	char    old_log[16];           /* its name until then */
	int64_t n, given_n;            /* older: its last event's n, and the last one that had been given */
	bool    unwitnessed;           /* the witness could not be written: an older copy would not be noticed at the next start */
};

/* Opens or creates (0640), checks (quick_check), migrates, locks: a second opener gets ERR_EXISTS with the cure. ERR_IO/ERR_DENIED: cannot be written, and
 * why. A damaged file is no error (see report). */
struct store;
int  store_open(const struct store_options *o, int64_t now_ms, struct store **ret, struct store_report *ret_report, struct err *reterr);
void store_close(struct store *s); /* accepts NULL; checkpoints */
/* Something that was sent could not be stored: when it is closed, that is no end in order. */
void store_not_clean(struct store *s);
/* New limits after a reload. */
void store_set_limits(struct store *s, int64_t max_bytes, int64_t keep_readings_ms, int64_t keep_events_ms);

/* The name of this database's life, 8 hex digits; static while open. */
const char *store_log(const struct store *s);

/* Keeps the site's time zone (an IANA name) in the file, for those who read it without the site. */
int store_set_zone(struct store *s, const char *zone, struct err *reterr);

/* Ids for names; made when new, never reused. 0 or -1 (reterr). */
int store_bind_stream(struct store *s, const char *node, unsigned stream, uint32_t *ret_db, struct err *reterr);
int store_bind_points(struct store *s, const char *const *ids, size_t n, uint32_t *ret_dbs, struct err *reterr);
/* A hub that is new gets cursors at the end (or with oldest at the beginning) of every stream, now and of streams bound later. */
int store_bind_hub(struct store *s, const char *name, bool oldest, uint32_t *ret_db, struct err *reterr);

/* Of the hubs bound since open only these hold the log from now on. */
void store_hold_only(struct store *s, const uint32_t *hub_dbs, size_t n);

struct store_stream { uint32_t db; char node[48]; unsigned stream; int64_t first, stored; }; /* first: the oldest kept; stored = first - 1 if none */
int store_each_stream(struct store *s, void (*each)(void *user, const struct store_stream *st), void *user, struct err *reterr);
int store_each_cursor(struct store *s, uint32_t hub_db, void (*each)(void *user, uint32_t stream_db, int64_t seq), void *user, struct err *reterr);
int store_each_state(struct store *s, void (*each)(void *user, const char *alarm, const void *blob, size_t len), void *user, struct err *reterr);
/* Alarms that are not normal, with the event of their latest transition. */
int store_each_alarm(struct store *s, void (*each)(void *user, const struct record_event *e, const char *node, unsigned stream), void *user, struct err *reterr);
/* Hub commands seen and not yet expired. */
int store_each_command(struct store *s, uint32_t hub_db, int64_t now_ms, void (*each)(void *user, const char *id, int64_t expires_ms), void *user, struct err *reterr);
int64_t store_session(struct store *s, uint32_t hub_db); /* the last one; 0 */
/* Last stored value of each point, for deadband and heartbeat after a restart: nothing is kept, every point is stored anew at the first poll. */

/* Revs of alarms that may have been sent by an earlier run and not stored are not above this. Durable when it returns 0, else with whatever is stored next. */
int store_set_rev_floor(struct store *s, int64_t floor, struct err *reterr);

/* All or nothing, durable when it returns 0: numbers events (seq, n) and readings (seq) in the batch, keeps the alarm table (a row while not normal), states, cursors,
 * audits, commands, sessions. On -1 nothing was stored and no number was given: ERR_FULL (disk or quota: prune and try again), ERR_IO, ERR_DAMAGED.
 * Readings are refused with ERR_FULL before events are (the reserve): the caller may set n_readings to 0 and commit what is left. */
int store_commit(struct store *s, struct batch *b, int64_t now_ms, struct err *reterr);

/* A step of keeping the limits: deletes at most about `rows` records that are past keep, or that stand over max_bytes: readings that all hubs have, readings, then events that
 * all hubs have and that are older than keep_events. Never blocks long. ret->more: call again. now_ms 0, while the clock is not trusted: nothing goes by age. Only hubs
 * bound since open, and not let go by store_hold_only, count. Copies the WAL into the file too: to be called every few seconds. */
struct store_pruned { int64_t readings, events; bool more; };
int store_prune(struct store *s, int64_t now_ms, int rows, struct store_pruned *ret, struct err *reterr);
struct store_usage { int64_t bytes, limit; };
void store_usage(struct store *s, struct store_usage *ret);
/* The head of the audit chain: 64 hex digits; "" if none. */
const char *store_audit_head(const struct store *s);
/* Walks the chain. 0: whole, *ret_rows rows; -1 with the first row that was changed or is missing. */
int store_audit_verify(struct store *s, int64_t *ret_rows, struct err *reterr);

#endif
