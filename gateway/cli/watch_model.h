/* watch_model: what a console knows of its gateways, from the messages of one broker: current alarms, who is silent, what is missing. Pure: messages and time in; view,
 * events, notes and commands out. What comes from the broker is hostile until it was checked here, and everything is bounded. */
#ifndef FIREGW_GATEWAY_CLI_WATCH_MODEL_H
#define FIREGW_GATEWAY_CLI_WATCH_MODEL_H

#include "core/alarm.h"
#include "core/clock.h"

#include <jansson.h>
#include <stddef.h>

#define WATCH_ALARMS_MAX   4096u
#define WATCH_GATEWAYS_MAX 512u
#define WATCH_STREAMS_MAX  8192u
#define WATCH_GAPS_MAX     16u      /* of a stream; the two that are nearest to each other become one beyond it */
#define WATCH_PENDING_MAX  1024u    /* ids of events that came before they were stored */
#define WATCH_GAP_MS       10000    /* MQTT orders within a topic only: earlier it is no gap */
#define WATCH_SILENT_MS    60000
#define WATCH_ANSWER_MS    30000    /* a command without an answer (or its next page) */
#define WATCH_AGAIN_MS     60000    /* after a refusal, or none at all: the first wait; doubled up to … */
#define WATCH_AGAIN_MAX_MS 600000
#define WATCH_REPLAY_MAX   200      /* events asked for at once */
#define WATCH_NAME_MAX     41
#define WATCH_WORD_MAX     24
#define WATCH_FILTERS_MAX  12u
#define WATCH_TOPIC_MAX    256u

struct watch_filter {
	const char *region;   /* 6, 9 or 12 digits; "" for all */
	const char *node;     /* NULL: all */
	unsigned    classes;  /* a bit for each enum alarm_class; a class that is not known counts as a fault */
	bool        chinese;  /* messages in Chinese, where there is one; else English */
};

struct watch_alarm {
	char             gateway[WATCH_NAME_MAX], node[WATCH_NAME_MAX];
	char             id[176];
	char             log[WATCH_NAME_MAX];   /* whose rev it is */
	uint64_t         hash;
	enum alarm_class class;
	char             class_word[WATCH_WORD_MAX], state[WATCH_WORD_MAX], mode[WATCH_WORD_MAX];
	bool             acked;
	bool             set_aside;   /* shelved, suppressed, or its point is out of service */
	bool             sure;        /* told since the connection began; else it may be over by now */
	bool             named;       /* told since the last snapshot was asked for; else the snapshot's answer ends it */
	bool             gone;        /* normal; kept, as long as there is room, so that an older message does not bring it back */
	int64_t          rev;
	int64_t          topic_rev;   /* highest that came as the alarm's state */
	int64_t          since_ms;    /* epoch; 0: not known */
	char             name[128], place[96], message[256];
};

enum watch_presence { WATCH_UNKNOWN, WATCH_ONLINE, WATCH_SILENT, WATCH_OFFLINE, WATCH_STOPPED };
const char *watch_presence_name(enum watch_presence p);

struct watch_gateway;
const char         *watch_gateway_name(const struct watch_gateway *g);
enum watch_presence watch_gateway_presence(const struct watch_gateway *g);
int64_t             watch_gateway_since_ms(const struct watch_gateway *g); /* epoch, of the presence */

/* What is no event, but has to be said. */
enum watch_note_kind {
	WATCH_NOTE_BROKER,    /* state: up, down, refused */
	WATCH_NOTE_GATEWAY,   /* state: as watch_presence_name */
	WATCH_NOTE_GAP,       /* state: open, asked, refused, closed, gone */
	WATCH_NOTE_LOST,      /* the gateway gave it up; from, to may be 0 */
	WATCH_NOTE_NUMBERED,  /* the event `text` (an id), that was announced before it was stored, is stored as number `from` */
	WATCH_NOTE_SNAPSHOT,  /* state: asked, done, refused */
	WATCH_NOTE_LIMIT,     /* a bound of ours was reached */
};
struct watch_note {
	enum watch_note_kind kind;
	const char          *state, *gateway, *node, *log, *stream; /* "" where there is none */
	int64_t              from, to;
	const char          *text; /* of the broker's or gateway's making where there is one: not harmless */
};
const char *watch_note_name(enum watch_note_kind k);

enum watch_how { WATCH_LIVE, WATCH_LATE /* within 10 s, behind later ones */, WATCH_REPLAYED, WATCH_STANDING /* no event: an alarm that stands as we come */ };

/* Called from within the functions below; must not call them. Everything is borrowed. */
struct watch_out {
	void (*command)(void *user, const char *topic, const char *payload);
	void (*event)(void *user, const json_t *event, enum watch_how how);
	void (*note)(void *user, const struct watch_note *note);
	void (*bell)(void *user);
	void  *user;
};

struct watch_counts {
	uint64_t events, duplicates, reordered, replayed, gone, lost, undurable, bad, old_wills, not_followed, not_shown;
	uint64_t gaps;       /* that lasted */
	uint64_t gaps_open;  /* of them, now */
	uint64_t missing;    /* events in those that are open */
	size_t   gateways, alarms;
};

struct watch;
/* filter's texts are copied. random: makes our commands' ids ours. NULL: no memory. */
struct watch *watch_new(const struct watch_filter *filter, const struct watch_out *out, uint64_t random);
void          watch_free(struct watch *w);
/* The topics to subscribe to; returns how many. */
size_t        watch_topics(const struct watch *w, char (*ret)[WATCH_TOPIC_MAX]);
/* Subscribed; and the connection's end or failed attempt. */
void          watch_up(struct watch *w, struct stamp now);
void          watch_down(struct watch *w, struct stamp now, const char *why);
void          watch_message(struct watch *w, const char *topic, const void *payload, size_t len, bool retained, struct stamp now);
/* To be called about once a second. */
void          watch_tick(struct watch *w, struct stamp now);

/* The view. Alarms that stand, most urgent first; valid until the next message. *ret_n of them; NULL: none (or no memory). The caller frees the list only. */
const struct watch_alarm **watch_alarms(const struct watch *w, size_t *ret_n);
const struct watch_gateway *watch_gateway_at(const struct watch *w, size_t i); /* NULL: behind the last */
void watch_counts(const struct watch *w, struct watch_counts *ret);

#endif
