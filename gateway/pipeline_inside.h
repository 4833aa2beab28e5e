/* pipeline_inside: what pipeline.c (deciding) and pipeline_restore.c (what was kept, reload) share. */
#ifndef FIREGW_GATEWAY_PIPELINE_INSIDE_H
#define FIREGW_GATEWAY_PIPELINE_INSIDE_H

#include "gateway/event_text.h"
#include "gateway/pipeline.h"

#define PIPELINE_TEXT_MAX (96 * 1024)   /* one event's tail */
#define PIPELINE_FLOOD    10            /* EEMUA 191: more alarms than that within ten minutes are a flood */
#define PIPELINE_DRIFT_NS (10 * CLOCK_NS_PER_S) /* how often what rules remember is saved; an end that is not in order loses so much of it */
#define PIPELINE_SWEEP_NS CLOCK_NS_PER_S /* how often silent points are looked for */

/* An open alarm of the database that this config does not have, or not as it was: another class, another node, or its state was lost. */
struct orphan {
	char            *alarm;
	char             occurrence[EVENT_ID_MAX];
	enum alarm_class class_;
	enum alarm_state state;
	uint32_t         node, rev;
	int64_t          since_ms;
	bool             stays;  /* it is the alarm that this config has, and was told as suppressed */
};

struct pipeline {
	struct pipeline_config   c;
	struct event_text        text;
	struct rules            *rules;
	struct rules_sink        sink;
	struct batch            *batch;
	struct pipeline_effects *effects;   /* of the step that runs */
	struct latest           *latest;
	char                    *texts;     /* VALUE_TEXT_MAX for each text point */
	uint32_t                *text_of;   /* by point: its place in texts, or UINT32_MAX */
	uint64_t                 counter;   /* of the last event id */
	uint32_t                *dirty;     /* alarms whose state is to be saved */
	uint8_t                 *is_dirty;
	size_t                   n_dirty;
	uint32_t                *drifting;  /* alarms that remember something new, to be saved when it is time */
	uint8_t                 *is_drifting;
	size_t                   n_drifting;
	int64_t                  next_drift_ns;
	uint32_t                 open[CLASS_COUNT];
	struct pipeline_test     tests[RULES_TESTS_MAX];
	bool                     tests_dirty;
	uint32_t                *picked;    /* points of a test, while it begins */
	int64_t                  raises_ns[PIPELINE_FLOOD + 1]; /* the latest, a ring */
	size_t                   n_raises;  /* ever */
	bool                     flood, flood_dirty;
	bool                     touched;   /* the rules' state changed in this step */
	int64_t                  next_sweep_ns;
	size_t                   n_good;
	uint32_t                 rev_floor, rev_first; /* see rules_set_revs */
	uint32_t                 rev_newest;           /* the greatest that anything kept knows of */
	struct orphan           *orphans;
	size_t                   n_orphans;
	char                    *scratch;
};

struct event_id pipeline_next_id(struct pipeline *p);
/* Puts one event into the batch; the tail stands in scratch. */
void pipeline_add_event(struct pipeline *p, const struct record_event *head, const char *alarm, const struct strbuf *tail);
void pipeline_count_open(struct pipeline *p, enum alarm_class c, enum alarm_state from, enum alarm_state to);
void pipeline_keep_text(struct pipeline *p, const struct point *pt, struct latest *l, const char *text);
void pipeline_step_begin(struct pipeline *p, struct pipeline_effects *ret);
void pipeline_step_end(struct pipeline *p, struct stamp now);
/* pipeline_drift.c. The rules' `drifted`: what a rule remembers is saved now and then, and forces no commit. `all`: now, and all of it. */
void pipeline_note_drift(void *user, uint32_t alarm);
void pipeline_ripen(struct pipeline *p, struct stamp now, bool all);
void pipeline_forget_orphans(struct pipeline *p);

/* pipeline_people.c */
void pipeline_act(struct pipeline *p, const struct pipeline_event *e, struct err *reterr);
void pipeline_test_over(void *user, unsigned test, struct stamp at);
void pipeline_save_people(struct pipeline *p, struct stamp now);
/* A kept state: true if it is that of the tests, or of a flood. */
bool pipeline_restore_people(struct pipeline *p, const char *key, const void *blob, size_t len, struct stamp now);
void pipeline_adopt_tests(struct pipeline *p, const struct pipeline *old);
/* An alarm came; time went on. */
void pipeline_count_raise(struct pipeline *p, struct stamp at);
void pipeline_watch_flood(struct pipeline *p, struct stamp now);
void pipeline_operation(struct pipeline *p, const struct event_operation *o);

#endif
