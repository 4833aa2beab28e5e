/* record: what is stored in one commit. Filled by the pipeline, numbered by the store, read by whoever forwards it. */
#ifndef FIREGW_CORE_RECORD_H
#define FIREGW_CORE_RECORD_H

#include "core/alarm.h"
#include "core/point.h"
#include "core/strbuf.h"

/* Database ids of streams and points are given by store_bind_*; they are stable for the life of the database and never config indices.
 * All pointers lead into the batch's own arena, or (names) into the config generation that the batch holds. */

struct record_event {
	uint32_t         stream_db;      /* which stream: (node, class) */
	uint32_t         node;           /* the site's node index, for topics */
	enum alarm_class class_;
	enum transition  transition;
	enum alarm_state state;          /* meaningful if alarm */
	struct event_id  id;
	int64_t          at_ms;
	const char      *alarm;          /* alarm id, or NULL for an operation */
	int64_t          since_ms;
	uint32_t         rev;
	const char      *tail;           /* the payload from `"id":…` to its last brace, without the head that record_event_head writes */
	uint32_t         tail_len;
	/* given by the commit */
	int64_t          seq, n;
};

struct record_reading {
	uint32_t     stream_db;
	uint32_t     node;
	uint32_t     point_db;
	uint32_t     point;              /* config index */
	const char  *point_id;
	int64_t      at_ms;
	double       number;
	const char  *text;               /* as struct value; in the arena, or NULL */
	enum quality quality;
	int64_t      seq;                /* given by the commit */
};

/* Rule state of one alarm, or (gateway/app_learned.c) what a line learned, opaque to the store; len 0 deletes it. */
struct record_state {
	const char *alarm;
	const void *blob;
	uint32_t    len;
};

/* How far a hub has acknowledged a stream; seq only ever grows within a log. */
struct record_cursor {
	uint32_t hub_db;
	uint32_t stream_db;
	int64_t  seq;
};

/* What a person, a hub or a config change did. Chained by hash. */
struct record_audit {
	int64_t     at_ms;
	const char *actor;    /* "uid 1000 (li)", "hub district", "firegwd" */
	const char *role;
	const char *action;   /* the verb or command */
	const char *subject;  /* alarm, point, … or "" */
	const char *result;   /* "ok" or the error's text */
	const char *detail;   /* JSON object or "" */
};

/* A hub command that was seen, so that its replay is refused also after a restart; forgotten when it has expired. */
struct record_command {
	uint32_t    hub_db;
	const char *id;
	int64_t     expires_ms;
};

struct record_session {
	uint32_t hub_db;
	int64_t  session;
};

/* One commit. Arrays and arena are taken once, at start; adding beyond a capacity fails and is counted by the caller. But events and rule states, which must not be lost
 * while there is memory at all, may take more, up to `grow` bytes; batch_clear gives it back. A record's address is good until the next one of its kind is added. */
struct batch_chunk;
struct batch_sizes { size_t events, readings, states, cursors, audits, commands, sessions, arena, grow; };
struct batch {
	struct record_event   *events;   size_t n_events, cap_events;
	struct record_reading *readings; size_t n_readings, cap_readings;
	struct record_state   *states;   size_t n_states, cap_states;
	struct record_cursor  *cursors;  size_t n_cursors, cap_cursors;
	struct record_audit   *audits;   size_t n_audits, cap_audits;
	struct record_command *commands; size_t n_commands, cap_commands;
	struct record_session *sessions; size_t n_sessions, cap_sessions;
	char                  *arena;    size_t arena_len, arena_cap;
	struct batch_chunk    *chunks;   /* what did not fit into the arena */
	struct batch_sizes     sizes;    /* as at the start */
	size_t                 grown;    /* bytes */
};

/* Takes all memory; NULL if there is none. */
struct batch *batch_new(struct batch_sizes sizes);
void          batch_free(struct batch *b);
void          batch_clear(struct batch *b);
bool          batch_is_empty(const struct batch *b);
/* Copies into the arena (with a NUL behind); NULL if it is full. batch_keep_more: beside it then, within `grow`. */
const char   *batch_keep(struct batch *b, const void *data, size_t len);
const char   *batch_keep_more(struct batch *b, const void *data, size_t len);
/* A rule state with copies of its key and its bytes (0 of them: it goes); false: no room, within `grow` neither. */
bool          batch_put_state(struct batch *b, const char *key, const void *blob, size_t len);
/* A new zeroed record at the end, or NULL if full. */
struct record_event   *batch_add_event(struct batch *b);
struct record_reading *batch_add_reading(struct batch *b);
struct record_state   *batch_add_state(struct batch *b);
struct record_cursor  *batch_add_cursor(struct batch *b);
struct record_audit   *batch_add_audit(struct batch *b);
struct record_command *batch_add_command(struct batch *b);
struct record_session *batch_add_session(struct batch *b);

/* Payloads of docs/mqtt.md. An event's payload is head + tail: `{"v":1,"gateway":G,"node":N,"log":L,"stream":S,"seq":57,"n":1042,"durable":true,` + tail.
 * seq 0: not stored yet, and so "seq":null,"n":null,"durable":false. */
void record_event_head(struct strbuf *out, const char *gateway, const char *node, const char *log, unsigned stream, int64_t seq, int64_t n);
/* A batch of readings: begin, then put as long as it fits, then end. All readings of one payload are of one stream, with consecutive seq. */
void record_reading_begin(struct strbuf *out, const char *gateway, const char *node, const char *log, int64_t first, int64_t last, int64_t t0_ms);
void record_reading_put(struct strbuf *out, bool is_first, const char *point_id, int64_t at_minus_t0_ms, double number, const char *text, enum quality q);
void record_reading_end(struct strbuf *out);

#define PAYLOAD_MAX (128 * 1024)

#endif
