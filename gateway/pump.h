/* pump: forwards to one hub: what is current first, then streams by urgency, then the past. A tabled state machine on the loop, free of libuv, SQLite
 * and Paho: it is told what happened and the time, and says what it wants through pump_ops.
 *
 * Only pump_step acts: it alone sends, asks and moves cursors. Everything else, the link's events too, notes what happened; the app steps the pump once
 * it has told all of a turn (so that a fire told after a reading still leaves first). */
#ifndef FIREGW_GATEWAY_PUMP_H
#define FIREGW_GATEWAY_PUMP_H

#include "core/clock.h"
#include "core/record.h"
#include "gateway/hub.h"
#include "gateway/outmsg.h"

/* Copied; what its pointers lead to is borrowed until pump_free or the next pump_set_config. */
struct pump_config {
	const char  *name;
	size_t       n_urls;
	bool         send_events, send_readings, send_status, send_directory, send_building, send_report;
	bool         classes[CLASS_COUNT];
	int64_t      backlog_readings_ms, backlog_events_ms; /* ≤ 0: no limit */
	const char *const *prefixes;         /* by node: fire/v1/500110/002/003/qj-wenlong-01 ; borrowed */
	size_t       n_nodes;
	const char  *gateway;
	const char *const *nodes;            /* by node: names, for status.streams */
	const char  *log;                    /* the database's life, for `lost` */
	bool         commands;               /* any command allowed: subscribe to them */
	uint64_t     seed;                   /* backoff jitter */
};

/* A stream as the pump needs it, set by the app at start and after each reload. A node that the config does not have (any more): the cursor just follows. */
struct pump_stream { uint32_t db; uint32_t node; unsigned stream; int64_t first, stored, acked; };

/* A current value: status, alarm, directory page, building, report. Kept by the app in one table for all hubs (states.h). */
enum state_kind { STATE_KIND_STATUS, STATE_KIND_ALARM, STATE_KIND_DIRECTORY, STATE_KIND_BUILDING, STATE_KIND_REPORT };

/* not_older_than_ms: 0 = no limit. One is in flight at a time; each is answered, in time or as failed. */
struct pump_backlog_request { uint32_t stream_db; int64_t after; int64_t not_older_than_ms; size_t max_bytes; };
/* What the reader found: messages in order, all of one stream, the first beginning at `first_kept` (> after + 1 if records between are gone). */
struct pump_backlog_answer {
	uint32_t       stream_db;
	int64_t        after;
	bool           failed;               /* the database could not be read: asked again later */
	int64_t        gone_to;              /* ≥ after + 1: records after + 1 … gone_to are gone; 0: none */
	const char    *gone_why;             /* "backlog", "space", "damage", "memory" */
	struct outmsg **messages;            /* the pump takes a reference of its own */
	size_t         n;
};

enum pump_fault { PUMP_UNREACHABLE, PUMP_REFUSED, PUMP_STOPPED, PUMP_CERTIFICATE };
#define PUMP_FAULT_COUNT (PUMP_CERTIFICATE + 1)

/* What the pump asks of the app. All return at once; answers come by pump_on_…. */
struct pump_ops {
	const struct hub_ops *hub;
	void                 *link;
	/* A new session number that is to be stored before connecting; answered by pump_on_session (the app answers after 1 s even if the store has not). */
	void (*want_session)(void *app, int64_t at_least);
	void (*want_backlog)(void *app, const struct pump_backlog_request *rq);
	void (*cursor)(void *app, uint32_t stream_db, int64_t acked);
	/* on: the fault stands. text for people; borrowed for the call. */
	void (*fault)(void *app, enum pump_fault what, bool on, const char *text);
	/* A command arrived on node's command/{name}, not retained and of at most PUMP_COMMAND_MAX bytes. Called while the link runs, between steps. */
	void (*command)(void *app, uint32_t node, const char *name, const void *payload, size_t len, const char *response_topic,
	                const void *correlation, size_t correlation_len);
	/* The status payload for this hub; streams is `"streams":{…}` as text. Put into out. reason: NULL; "lost" in the will; "stopped". */
	void (*status)(void *app, struct strbuf *out, int64_t session, bool online, const char *reason, const char *streams);
	void *app;
};
#define PUMP_COMMAND_MAX (16 * 1024)

struct states;
struct pump;
/* NULL: no memory. ops and states are borrowed. Every open alarm and the directory are to stand in `states` before the first step: what the broker has
 * retained beyond them is cleared. */
struct pump *pump_new(const struct pump_config *c, const struct pump_ops *ops, struct states *states, struct stamp now);
void pump_free(struct pump *p); /* accepts NULL */
/* Streams known from now on; acked is where the stored cursor stands (of a stream it had, its own counts, unless the numbers began anew). Keeps what is in
 * flight for streams it had. 0 or -1 (no memory; the old ones stay). */
int  pump_set_streams(struct pump *p, const struct pump_stream *s, size_t n);
/* The same in two steps, with nothing of the pump's in between: prepared (0 or -1), then taken, which cannot fail, or dropped. */
struct pump_lanes { struct pump_stream *streams; struct pump_lane **lanes; size_t n; };
int  pump_prepare_streams(struct pump *p, const struct pump_stream *s, size_t n, struct pump_lanes *ret);
void pump_take_streams(struct pump *p, struct pump_lanes *l);
void pump_drop_streams(struct pump *p, struct pump_lanes *l);
/* After a reload that left this hub's connection as it was. If nodes moved, pump_set_streams is to follow before the next step. */
void pump_set_config(struct pump *p, const struct pump_config *c);

void pump_on_session(struct pump *p, int64_t session, struct stamp now);
/* A record of this stream was stored, and stands in this message (events one, readings many). In order of seq per stream. The pump keeps a reference in its tail if there
 * is room, else the reader fetches it later. msg NULL: stored, but no message could be made. */
void pump_on_stored(struct pump *p, uint32_t stream_db, int64_t stored, struct outmsg *msg, struct stamp now);
/* An event goes out before it is stored (seq null). Kept until acknowledged, or until its stored version (same id) comes. */
void pump_on_undurable(struct pump *p, struct outmsg *msg, struct stamp now);
/* Old records were pruned: first is the oldest kept now. */
void pump_on_pruned(struct pump *p, uint32_t stream_db, int64_t first);
/* Records that never got a number were dropped for want of memory; tells the hub (lost, why memory). */
void pump_on_lost(struct pump *p, uint32_t node, unsigned stream, int64_t count, int64_t from_ms, int64_t to_ms);
void pump_on_backlog(struct pump *p, const struct pump_backlog_answer *a, struct stamp now);
/* A reply to a command; topic is the whole one (the node's prefix, then reply/{name}, or the response topic). Takes references and copies.
 * 0, or -1: too many wait, or no memory. */
int  pump_reply(struct pump *p, const char *topic, struct outmsg *payload, const void *correlation, size_t correlation_len, struct stamp now);
/* Command `refresh`: send all states again. */
void pump_refresh(struct pump *p, struct stamp now);
/* Clears all that this gateway has retained there. Then no state and no status is sent until an alarm changes, pump_refresh, a new connection, or 10 minutes from now are over, whatever
 * comes first; events go on. 0, or -1: not connected (ERR_REFUSED). How far it is: pump_view. */
int  pump_purge(struct pump *p, struct stamp now, struct err *reterr);
/* Something in the status changed: it is sent soon (at most one a second) instead of at the next 30 s. */
void pump_status_dirty(struct pump *p);
/* The events of the link lead to these; pump_hub_events fills a table whose user is the pump. Each notes the result: step the pump after the link ran. */
void pump_hub_events(struct pump *p, struct hub_events *ret);
/* Time passed, or something was noted, or a state became dirty. Returns the next deadline (mono_ns). Idempotent. */
int64_t pump_step(struct pump *p, struct stamp now);
/* The clean stop: no more streams; the offline status (reason "stopped"); then disconnect. */
void pump_stop(struct pump *p, struct stamp now);
bool pump_stopped(const struct pump *p);

enum pump_purge { PUMP_PURGE_NONE, PUMP_PURGE_CLEARING, PUMP_PURGE_DONE };
/* For status and `hub list`. */
struct pump_view {
	const char *state;                   /* "connecting", "reconciling", "up", "waiting", "stopping", "stopped", "purging", "purged" */
	size_t      purge_cleared;           /* by the last purge */
	bool        purge_partly;            /* it could not see what the broker has, or the broker refused: some may be left */
	bool        up;
	int64_t     since_ms, session;
	char        why[200];                /* last reason of being down */
	size_t      url;
	int64_t     backlog_events, backlog_readings; /* records stored and not acknowledged */
	uint64_t    sent, acked, refused, resent, lost, reconnects, bytes;
	uint64_t    dropped;                 /* undurable versions for which there was no room: their stored ones follow */
	size_t      in_flight;
	uint16_t    window;
};
void pump_view(const struct pump *p, struct pump_view *ret);
/* A stream's numbers at this hub. acked: the cursor; sent: the newest that went out. False: not known. */
struct pump_lane_view { bool wanted, refused; int64_t first, stored, sent, acked; };
bool pump_lane_view(const struct pump *p, uint32_t stream_db, struct pump_lane_view *ret);

#endif
