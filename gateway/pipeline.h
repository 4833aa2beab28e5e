/* pipeline: one event in, its effects out; pure. Whatever can change a decision is an event: samples, time, a person's command, a fault of our own. It owns the rule
 * engine and the latest values; it cannot fail: it handles one event completely. */
#ifndef FIREGW_GATEWAY_PIPELINE_H
#define FIREGW_GATEWAY_PIPELINE_H

#include "core/record.h"
#include "core/site.h"
#include "rules/rules.h"

/* Latest value of a point. */
struct latest {
	struct stamp at;           /* of the last sample (mono_ns 0: never) */
	struct stamp good_at;      /* of the last good one */
	double       number;       /* of the last good one; NaN */
	enum quality quality;      /* now: never, stale included */
	const char  *text;         /* the pipeline's own copy, or NULL */
	/* what was last stored */
	double       stored_number;
	enum quality stored_quality;
	int64_t      stored_ns;    /* 0: never */
};

struct pipeline_config {
	const struct site      *site;
	const struct rule_def  *rules;        size_t n_rules;
	const struct rules_own *owns;         size_t n_owns;
	const uint32_t         *point_dbs;    /* by point */
	const uint64_t         *decodings;    /* by point: equal in two configs where a value means the same in both (config_decoding) */
	const uint32_t         *stream_dbs;   /* node × STREAM_COUNT + stream */
	uint64_t                boot;         /* the daemon's, random */
	uint64_t                machine_boot;
	uint64_t                next_counter; /* of event ids */
	struct stamp            started;
	/* The batch, which stays where it is, has no room for an event: true if it has now. NULL: never. */
	bool                  (*make_room)(void *user);
	/* There is none even so: the event, with its text, is told without being stored. NULL: only counted. */
	void                  (*tell_unstored)(void *user, const struct record_event *e);
	void                   *room_user;
};

/* What people do beside acknowledging and resetting. */
enum pipeline_act_type { ACT_SHELVE, ACT_UNSHELVE, ACT_VERIFY, ACT_SERVICE, ACT_REPORT, ACT_TEST, ACT_TEST_END };
struct pipeline_act {
	enum pipeline_act_type what;
	uint32_t         alarm, point, building;
	int64_t          for_ns;         /* shelve, test */
	bool             out;            /* service */
	enum verdict     verdict;
	const char      *verdict_cause;  /* NULL: not said */
	const char      *floor;          /* report */
	enum alarm_class class_;
	enum alarm_mode  mode;           /* test */
	const char      *select;         /* test: which points, "all"; test end: which of those in force, NULL: all of them */
	const struct event_id *occurrence;
};

/* A test or drill in force. */
struct pipeline_test {
	enum alarm_mode mode; /* MODE_NORMAL: none */
	int64_t until_ns, until_ms;
	char    select[256], by[64];
};

enum pipeline_event_type { EVENT_SAMPLE, EVENT_TIME, EVENT_COMMAND, EVENT_ACT, EVENT_OWN, EVENT_OPERATION };
struct pipeline_event {
	enum pipeline_event_type type;
	struct stamp             now;
	const struct sample     *sample;     /* EVENT_SAMPLE */
	/* EVENT_COMMAND: acknowledge or reset */
	uint32_t                 alarm;
	enum rules_command       command;
	const struct event_id   *occurrence; /* NULL: whichever */
	enum cause               cause;
	const char              *actor, *note;
	const struct pipeline_act *act;      /* EVENT_ACT, with cause, actor, note */
	/* EVENT_OWN */
	bool                     on;
	/* EVENT_OPERATION */
	enum transition          operation;
	const char              *message_zh, *message_en;
	enum alarm_mode          mode;
};

/* What one step led to. Records are appended to the batch given at pipeline_set_batch. */
struct pipeline_effects {
	bool        commit_now;              /* an event, or a reading that changed any rule's state, is in the batch */
	uint64_t    lost_readings;           /* the batch was full: dropped */
	uint64_t    lost_events;
	uint32_t    lost_node;               /* of the last one lost */
	enum alarm_class lost_class;
	int64_t     deadline_ns;             /* EVENT_TIME is wanted then; CLOCK_NEVER */
	struct err  refused;                 /* EVENT_COMMAND: code ERR_NONE if it was done */
};

struct pipeline;
int  pipeline_new(const struct pipeline_config *c, struct pipeline **ret, struct err *reterr);
void pipeline_free(struct pipeline *p);
void pipeline_set_batch(struct pipeline *p, struct batch *b);
void pipeline_step(struct pipeline *p, const struct pipeline_event *e, struct pipeline_effects *ret);

/* Start: what the store kept, states first. Alarms that this config does not have, or of another class or node, are remembered and closed by pipeline_started. */
void pipeline_restore_state(struct pipeline *p, const char *alarm, const void *blob, size_t len, struct stamp now);
void pipeline_restore_alarm(struct pipeline *p, const struct record_event *e, const char *node, unsigned stream);
/* The greatest rev that anything restored knows of; and one that the next of every alarm is to be above. Before pipeline_started. */
uint32_t pipeline_newest_rev(const struct pipeline *p);
void pipeline_set_rev_floor(struct pipeline *p, uint32_t floor);
void pipeline_started(struct pipeline *p, struct stamp now, struct pipeline_effects *ret);
/* Reload: takes over states, latest values and counters by name; what is gone, or has another class or node, is closed with an event in the new one's
 * batch, and in the latter case raised anew.
 * The old site's nodes have their places in the new one too (config_place_nodes). */
void pipeline_adopt(struct pipeline *p, struct pipeline *old, struct stamp now, struct pipeline_effects *ret);

const struct latest *pipeline_latest(const struct pipeline *p, uint32_t point);
struct rules        *pipeline_rules(struct pipeline *p);
uint64_t             pipeline_next_counter(const struct pipeline *p);
size_t               pipeline_good_points(const struct pipeline *p);
/* RULES_TESTS_MAX of them. */
const struct pipeline_test *pipeline_tests(const struct pipeline *p);
bool                 pipeline_in_flood(const struct pipeline *p);
void                 pipeline_count_alarms(const struct pipeline *p, uint32_t ret_by_class[CLASS_COUNT]);

#endif
