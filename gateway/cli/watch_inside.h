/* watch_inside: what the files of watch_model share. Nobody else includes this. */
#ifndef FIREGW_GATEWAY_CLI_WATCH_INSIDE_H
#define FIREGW_GATEWAY_CLI_WATCH_INSIDE_H

#include "gateway/cli/watch_model.h"

#define LOG_MAX WATCH_NAME_MAX
#define ID_TEXT_MAX 160
#define REGION_MAX 48
#define SEQ_MAX (INT64_C(1) << 53)

/* fire/v1/{region}/{node}/{kind}/{rest} */
struct watch_topic {
	char        region[REGION_MAX];   /* fire/v1/500110/002/003 */
	char        node[WATCH_NAME_MAX];
	char        kind[12];
	const char *rest;                 /* "" if there is none */
};

/* A piece of a stream that did not come.
 *   YOUNG ──10 s──▶ OPEN ──command──▶ ASKED ──refused, no answer, not in it──▶ OPEN;  gone from the list when its events came, or never will */
enum gap_state { GAP_YOUNG, GAP_OPEN, GAP_ASKED };
struct gap {
	int64_t        from, to;
	int64_t        first;   /* from, as it was: for what is said at its end */
	int64_t        since_ms, again_ms, wait_ms;
	enum gap_state state;
};

struct stream {
	struct watch_gateway *gateway;
	char       node[WATCH_NAME_MAX], log[LOG_MAX], name[WATCH_WORD_MAX];
	bool       based;   /* a status without the retain flag said where it stood */
	bool       begun;   /* floor and high are known */
	int64_t    floor;   /* what is at or below it, was before we came */
	uint64_t   below;   /* but may still arrive: bit k: floor - k did */
	int64_t    high;    /* highest that was seen or spoken of */
	struct gap gaps[WATCH_GAPS_MAX + 1];
	size_t     n_gaps;
};

enum asked { ASKED_NOTHING, ASKED_SNAPSHOT, ASKED_REPLAY };
struct command {
	enum asked     what;
	char           id[48];
	char           node[WATCH_NAME_MAX];
	int64_t        by_ms;
	int64_t        page;      /* the last that came */
	struct stream *stream;
	int64_t        from, to;
};

struct watch_gateway {
	char                name[WATCH_NAME_MAX];
	char                region[REGION_MAX];
	char                log[LOG_MAX];
	enum watch_presence presence;
	int64_t             since_ms;    /* epoch */
	int64_t             session;
	int64_t             heard_ms;    /* monotonic: the last live status, or when we connected */
	int64_t             live_ms;     /* first live status of this connection; 0: none yet */
	int64_t             counts[CLASS_COUNT];
	bool                compare;     /* a status came whose counts were not compared yet */
	unsigned            differ;      /* statuses in a row that count other alarms than we do */
	bool                snapshot_due;
	int64_t             snapshot_ms; /* not before */
	int64_t             snapshot_wait_ms;
	struct command      command;
};

struct watch {
	char                   region[16], node[WATCH_NAME_MAX];
	unsigned               classes;
	bool                   chinese;
	struct watch_out       out;
	uint64_t               random, commands;
	bool                   up;
	char                   why[200];  /* why it is not, as was said */
	struct watch_alarm    *alarms;    size_t n_alarms, cap_alarms;
	struct watch_gateway **gateways;  size_t n_gateways;
	struct stream        **streams;   size_t n_streams;
	char                 (*pending)[ID_TEXT_MAX]; /* a ring; "" is free */
	size_t                 next_pending;
	bool                   said_limit;
	struct watch_counts    counts;
};

static inline int64_t ms_of(struct stamp now)
{
	return now.mono_ns / CLOCK_NS_PER_MS;
}

/* watch_parse.c: pure checks of what the broker said. */
/* 0, or -1: no topic of ours. rest is borrowed from text. */
int  watch_topic_parse(const char *text, struct watch_topic *ret);
/* An object from the payload, or NULL. The caller's reference. */
json_t *watch_object(const void *payload, size_t len);
/* "" where there is no such text. */
const char *watch_text(const json_t *o, const char *key);
/* False: no integer in 0 … 2^53. */
bool watch_number(const json_t *o, const char *key, int64_t *ret);
/* Copies as many whole characters as fit. */
void watch_copy(char *to, size_t cap, const char *text);
/* [a-z0-9][a-z0-9_-]*, at most 40. */
bool watch_is_name(const char *text);
/* "12_34~smoke" back to "12_34/smoke"; false: too long. */
bool watch_alarm_of_topic(const char *rest, char *to, size_t cap);
/* As fault if the word is not known. */
enum alarm_class watch_class(const char *word);
/* Has an event all that we take from it, and does it belong to the topic? */
bool watch_event_fits(const json_t *e, const char *node);
/* Do we watch what is of this node and class? */
bool watch_wants(const struct watch *w, const char *node, const char *class_word);

/* watch_streams.c */
struct stream *watch_stream(struct watch *w, struct watch_gateway *g, const char *node, const char *log, const char *name);
enum stream_news { NEWS_NEW, NEWS_LATE, NEWS_AGAIN };
/* Takes number seq. */
enum stream_news watch_stream_take(struct watch *w, struct stream *s, int64_t seq, int64_t now_ms);
/* All up to `sent` should have come, or will within 10 s. */
void watch_stream_base(struct watch *w, struct stream *s, int64_t sent, int64_t now_ms);
/* Numbers up to `to` are there: those above the highest that was seen are a gap. */
void watch_stream_reach(struct stream *s, int64_t to, int64_t now_ms);
/* from … to are there, or never will be: returns how many of them were missing. say: that a gap is closed by it. */
int64_t watch_stream_fill(struct watch *w, struct stream *s, int64_t from, int64_t to, bool say);
/* Ages the gaps; the first that may be asked for now, or NULL. */
struct gap *watch_stream_due(struct watch *w, struct stream *s, int64_t now_ms);
/* The command about from … to ended: what of it is still missing is open, and asked for later. Returns how many events. */
int64_t watch_stream_asked(struct stream *s, int64_t from, int64_t to, bool answered, int64_t now_ms);
/* The gateway's log is another one now: streams of the old end. */
void watch_streams_of_log(struct watch *w, struct watch_gateway *g, const char *log);
void watch_streams_drop(struct watch *w, const struct watch_gateway *g);

/* watch_alarms.c */
/* The event of a transition, or a state (as_state). True: it is news. */
bool watch_alarm_take(struct watch *w, const struct watch_gateway *g, const json_t *e, bool as_state);
void watch_alarm_clear(struct watch *w, const char *node, const char *id);
void watch_alarms_doubt(struct watch *w);
/* Only those of the gateway that are not of its log of today. */
void watch_alarms_doubt_log(struct watch *w, const struct watch_gateway *g);
/* A snapshot is asked for: from here on, whoever is told of is named. */
void watch_alarms_unname(struct watch *w, const char *gateway);
/* Those of the gateway that nobody told of since the connection began (snapshot: since it was asked for) are over. node: "" for all of it. */
void watch_alarms_settle(struct watch *w, const char *gateway, const char *node, bool snapshot);
/* By class, of the gateway; only those that are sure if `sure`. */
void watch_alarms_count(const struct watch *w, const char *gateway, bool sure, int64_t ret[CLASS_COUNT]);

/* watch_gateways.c */
/* Finds it, or makes it; NULL: there are too many. */
struct watch_gateway *watch_gateway(struct watch *w, const char *name, const char *region);
void watch_gateway_status(struct watch *w, const struct watch_topic *t, const json_t *o, bool retained, struct stamp now);
void watch_gateway_forget(struct watch *w, const char *name);
void watch_gateway_tick(struct watch *w, struct watch_gateway *g, struct stamp now);

/* watch_commands.c */
void watch_ask(struct watch *w, struct watch_gateway *g, struct stamp now);
void watch_reply(struct watch *w, const struct watch_topic *t, const json_t *o, struct stamp now);

/* watch_model.c */
void watch_event(struct watch *w, struct watch_gateway *g, const json_t *e, enum watch_how how, struct stamp now);
void watch_say(struct watch *w, enum watch_note_kind kind, const char *state, const struct watch_gateway *g, const struct stream *s, int64_t from, int64_t to, const char *text);
void watch_say_limit(struct watch *w, const char *text);

#endif
