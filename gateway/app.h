/* app: the daemon's wiring, shared by the app_*.c files: who holds what, and how one part's effects reach the next. Loop thread only. ARCHITECTURE.md has the map. */
#ifndef FIREGW_GATEWAY_APP_H
#define FIREGW_GATEWAY_APP_H

#include "gateway/config/config.h"
#include "gateway/control.h"
#include "gateway/desk.h"
#include "gateway/keeper.h"
#include "gateway/line_watch.h"
#include "gateway/loop.h"
#include "gateway/pipeline.h"
#include "gateway/poller.h"
#include "gateway/pump.h"
#include "gateway/repeat.h"
#include "gateway/seen.h"
#include "gateway/states.h"
#include "gateway/uplink_link.h"
#include "storage/store.h"

#define APP_SLOTS 6

#define GENERATION_REFUSED_MAX 640
#define GENERATION_KEPT_MAX    128

/* A config in use, with what belongs to it: database ids, our own faults. Lives until the last line, pump and batch made under it is gone. */
struct generation {
	struct config    *config;
	unsigned          refs;
	uint32_t         *point_dbs;
	uint64_t         *decodings;    /* by point: config_decodings */
	uint32_t         *stream_dbs;   /* node × STREAM_COUNT + stream */
	struct rules_own *owns;
	size_t            n_owns;
	char            (*kept)[GENERATION_KEPT_MAX]; /* by line, two each: what an overcommitted one could keep, in Chinese and in English */
	bool              has_power;    /* points say how the gateway is fed */
	char             *refused_zh, *refused_en; /* the messages of _gw.config/refused, in owns: GENERATION_REFUSED_MAX bytes each */
	struct outlist   *pages;        /* by node: its directory, between generation_describe and _described, where hubs are opened */
};

enum slot_state { SLOT_FREE, SLOT_OPEN, SLOT_QUEUED };
struct slot {
	struct keeper_commit commit;    /* first: a commit's callback finds its slot */
	struct app          *app;
	struct generation   *generation;
	enum slot_state      state;
	int64_t              queued_ns;
	size_t               n_announced; /* events of it that went out undurable */
	size_t               grow_least;  /* bytes that its batch may grow by, beside what its alarms need */
};

/* A stream of the generation in use; index node × STREAM_COUNT + stream. */
struct app_stream { uint32_t db; int64_t first, stored; };

struct app_hub {
	struct app              *app;
	struct generation       *generation;
	const struct config_hub *config;
	struct pump_config       pump_config;
	struct pump_ops          ops;
	struct pump             *pump;
	struct uplink_link      *link;
	struct hub_events        to_pump;
	struct states            states;
	struct loop_timer        timer;
	uint32_t                 db;
	int64_t                  session;         /* the last number given */
	bool                     session_wanted;
	struct slot             *session_slot;    /* the batch that it is stored with */
	struct loop_timer        session_timer;
	int64_t                 *acked;           /* by stream index */
	bool                    *acked_dirty;
	struct desk_backlog      backlog;
	bool                     backlog_busy, closing, kicked;
	int64_t                  command_paid_ns; /* its commands so far are paid for until then (see commands.c) */
	int64_t                  command_tell_ns; /* a refusal is said again from then on */
	int64_t                  commands_untold; /* refused as too many, without an answer or an audit row of its own */
	struct repeat            repeat;
	unsigned                 faults_before;   /* bits of enum pump_fault: they stood before this pump, which does not know of them */
};

/* What a device said that was no good reply: its counts as they stood, and what kind there was last. */
struct app_answers { uint64_t counts[4]; int64_t at_ns; size_t kind; };

/* Whether a line keeps its intervals: over the last whole minute. */
struct app_keeping { int64_t since_ns; uint64_t missed, polls; bool told; };

struct app_bus {
	struct generation *generation;
	struct poller     *poller;
	int64_t            since_ms;   /* up or down since */
	struct line_watch   watch;     /* who is silent; its units are the line's devices */
	struct app_answers *answers;   /* by device */
	struct app_keeping  keeping;
	uint64_t           learned;    /* bus_stats.learned as stored */
	struct repeat      repeat;
};

/* Who is on duty in the control room. */
#define DUTY_MAX 16
struct duty_person { char name[64]; int64_t since_ms; };
struct duty {
	bool               known;    /* somebody ever said so */
	int64_t            since_ms; /* it is as it is */
	struct duty_person persons[DUTY_MAX];
	size_t             n;
};
/* The sound was silenced: until a fire is to be heard that was not when it was silenced. */
struct silence { bool on; int64_t since_ms; char by[64]; uint8_t *heard; /* by alarm; NULL: no memory for that */ size_t n; };
enum power { POWER_UNKNOWN, POWER_WELL, POWER_LOST };
/* The payload of report/{yyyy-mm}, and its topic. */
struct app_report { struct outmsg *msg; char topic[24]; };

struct follow;
struct reporting;
struct acting;
struct selftest;
struct probing;
struct listing;
struct reload;
struct sounding;

/* config_file: where config_path is, whoever asks. */
struct app_options { const char *config_path, *config_file, *uplink_program, *player; };

struct app {
	uv_loop_t            uv;
	struct loop          loop;
	struct mailbox       box;
	struct app_options   o;
	struct generation   *generation;
	struct pipeline     *pipeline;
	struct store        *store;      /* the keeper's, once it runs */
	struct keeper        keeper;
	struct desk          desk;
	struct driver_shared *shared;
	struct control      *control;

	struct slot          slots[APP_SLOTS];
	struct slot         *open;
	size_t               n_queued;
	int64_t              commit_at_ns;
	bool                 want_submit, want_kick, store_late;
	struct loop_timer    commit_timer, late_timer, deadline_timer, tick_timer, stop_timer, prune_timer, cursor_timer;
	uv_check_t           check;
	uv_signal_t          signals[4];
	int64_t              last_done_ns;

	struct app_stream   *streams;
	size_t               n_streams;
	struct states        alarms;     /* alarms that are not normal, with the event of their latest transition; hubs' tables are filled from it */
	struct app_hub     **hubs;
	size_t               n_hubs;
	struct app_bus      *buses;
	size_t               n_buses;

	struct stamp         started;
	uint64_t             boot, machine_boot, seed;
	int64_t              config_since_ms;
	struct store_usage   usage;
	char                 audit_head[72], log_id[16];
	int64_t              commit_ns[128];
	size_t               n_commits;
	struct seen          seen;       /* hubs' commands */
	unsigned             n_answers;  /* to commands, under way */
	struct follow       *follows;
	struct listing      *listings;
	struct selftest     *selftests;
	struct reporting    *reports;    /* under way */
	struct app_report    report_states[2]; /* of this month, and of the last one */
	int64_t              report_due_ms, report_over_ms; /* by the wall clock; the end of the last month that was told when it was over */
	struct acting       *acts;       /* acknowledgements and the like that wait for the store */
	struct probing      *probes;     /* reads for people that wait for their lines */
	uint64_t             probe_token; /* the last one given */
	struct reload       *reload;
	bool                 reload_again;

	struct duty          duty;
	struct silence       silence;
	struct sounding     *sound;      /* NULL: no sounder here */
	enum power           mains, battery; /* the gateway's own */
	int64_t              late_until_ns; /* _gw.loop/late stands until then */
	struct app_memory   *memories;   /* of the lines: app_learned.c */
	bool                 clock_told, stopping, pruning;
	int                  stop_stage;
	int64_t              stop_until_ns;
	uint32_t             seen_hub;   /* while the seen commands are read */
	int64_t              worst_late_ns;
	struct repeat        repeat_store, repeat_loop;
	uint64_t             lost_events, lost_readings, commits;
};

/* app.c */
/* Takes the config. ERR_EXISTS: a port, socket or database in use; others as the part that failed says, with the cure. After a failure the process ends. */
int  app_start(struct app *a, const struct app_options *o, struct config *config, struct err *reterr);
void app_run(struct app *a);
void app_done(struct app *a);
void app_stop(struct app *a, const char *why);

/* generation.c */
struct generation *generation_new(struct config *c);
struct generation *generation_ref(struct generation *g);
void               generation_unref(struct generation *g);
/* What _gw.config/refused says from now on; shorter than GENERATION_REFUSED_MAX. Whether that is something else than before. */
bool               generation_say_refused(struct generation *g, const char *zh, const char *en);
/* What follows the message of an own fault from now on. Both static. */
void               generation_say_more(struct generation *g, const char *id, const char *zh, const char *en);
/* What _gw.bus-NAME/overcommitted says from now on: so many of the polls that were due in a minute were kept. */
void               generation_say_kept(struct generation *g, const char *bus, uint64_t kept, uint64_t due);
/* The directory's pages are made (0 or -1: no memory), once for all hubs; then let go: the hubs hold theirs. */
int                generation_describe(struct generation *g);
void               generation_described(struct generation *g);
/* At the start: places for the nodes that the config lost, as long as events of theirs are kept or an alarm of theirs stands. */
int                generation_recall_nodes(struct generation *g, struct store *s, struct err *reterr);
/* Database ids for its points and streams; on the thread that owns the store. */
int                generation_bind(struct generation *g, struct store *s, struct err *reterr);

/* app_store.c: batches to the store and what comes back */
int  app_store_start(struct app *a, struct err *reterr);
/* The open batch is the pipeline's to fill, and may grow as its alarms need. */
void app_give_batch(struct app *a, struct pipeline *p);
/* Carries out what a pipeline step led to. */
void app_effects(struct app *a, const struct pipeline_effects *fx, struct stamp now);
void app_sample(void *user, struct poller *p, const struct sample *s);
/* The open batch must be durable by then at the latest. */
void app_commit_by(struct app *a, int64_t deadline_ns);
void app_submit_if_due(struct app *a, struct stamp now);
void app_operation(struct app *a, enum transition what, enum cause cause, const char *zh, const char *en, const char *actor);
void app_operation_by(struct app *a, enum transition what, enum cause cause, enum alarm_mode mode, const char *zh, const char *en, const char *actor, const char *note);
void app_audit(struct app *a, const char *actor, const char *role, const char *action, const char *subject, const char *result, const char *detail);
/* Acknowledge or reset, by whomever. ERR_NOT_FOUND, ERR_REFUSED. */
int  app_command(struct app *a, const char *alarm, enum rules_command what, const struct event_id *occurrence, enum cause cause, const char *actor,
                 const char *note, struct err *reterr);
/* Cursors that moved go into the open batch. False: they did not all fit. */
bool app_flush_cursors(struct app *a);
/* A new generation begins: what was decided under the old one is submitted. -1: no batch is free now, try again later. */
int  app_store_turn(struct app *a, struct generation *g);
void app_store_done(struct app *a);
bool app_store_idle(const struct app *a);

/* app_room.c: the open batch is full although it may grow. What is superseded gives way: true if something did. user is the app. */
bool app_make_room(void *user);

/* app_announce.c: events that cannot wait for the store */
#define APP_LATE_NS CLOCK_NS_PER_S /* a batch with events that waits longer goes out undurable */
/* Also within a step of the pipeline, as the next. */
void app_tell_unstored(void *user, const struct record_event *e);
void app_announce_all(struct app *a, struct stamp now);
void app_announce_late(void *user, struct stamp now);
void app_announce_if_late(struct app *a, struct stamp now);
void app_store_trouble(void *user);

/* app_hubs.c */
/* Its database id is bound and its cursors are read already: db, session, acked are the caller's to give; takes acked. */
struct app_hub *app_hub_new(struct app *a, uint32_t db, int64_t session, int64_t *acked);
/* room: rules of the pipeline that it is to run under. */
int  app_hub_open(struct app_hub *h, struct generation *g, struct pipeline *room, const struct config_hub *c, struct err *reterr);
void app_hub_close(struct app_hub *h);
/* Something was noted: the pump is stepped at the end of this turn of the loop. */
void app_hub_kick(struct app_hub *h);
void app_hubs_step(struct app *a);
/* Room for the states of every alarm that this pipeline knows; keeps those that stand. */
int  app_alarms_room(struct app *a, struct generation *g, struct pipeline *p, struct err *reterr);
bool app_hub_has_room(const struct app_hub *h, const struct generation *g, struct pipeline *p);
/* A reload leaves it as it was, but for streams, prefixes, directory and buildings: what that needs, of the app's streams as they will be (0 or -1: no memory); then either of two. */
struct app_hub_next { int64_t *acked; bool *acked_dirty; struct pump_lanes lanes; };
int  app_hub_prepare(struct app_hub *h, int64_t *acked, struct app_hub_next *ret); /* takes acked */
void app_hub_take(struct app_hub *h, struct generation *g, const struct config_hub *c, struct app_hub_next *n);
void app_hub_drop(struct app_hub *h, struct app_hub_next *n);
void app_hub_alarm_state(struct app *a, const struct record_event *e, struct outmsg *msg);

/* app_report.c: the month's figures */
void app_report_states(struct app *a, struct app_hub *h);
void app_report_tick(struct app *a, struct stamp now);
void app_report_stop(struct app *a);

/* app_faults.c: our own faults */
void app_own(struct app *a, const char *thing, const char *name, const char *what, bool on);
/* Whether it stands; of an earlier run or config too. */
bool app_own_stands(struct app *a, const char *thing, const char *name, const char *what);
/* What stood when the last run ended and is over because this one began. */
void app_own_started(struct app *a);
void app_tick(void *user, struct stamp now);
/* Why a device gives no good reply: "does not answer", or what is wrong with what it answers. Static. */
const char *app_device_why(const struct app_bus *b, size_t device, struct stamp now);
/* Why nothing on a line answers. Lives until the line's next step. */
const char *app_bus_why(const struct app_bus *b, const struct bus_stats *s, struct stamp now);
/* Something on this line answers. */
bool app_bus_up(const struct app_bus *b);
void app_clock_step(void *user, int64_t by_ms, struct stamp now);

/* binding.c: a config's names in the database. Made on the thread that owns the store. */
struct binding {
	struct generation *generation;
	struct app_stream *streams;      /* node × STREAM_COUNT + stream */
	size_t             n_streams, n_hubs;
	uint32_t          *hub_dbs;      /* by hub of the config */
	int64_t           *hub_sessions;
	int64_t          **hub_acked;    /* by hub, by stream */
};
int  binding_make(struct binding *b, struct generation *g, struct store *s, struct err *reterr);
void binding_done(struct binding *b); /* what was taken out of it is NULL by then */

/* app_next.c: the lines and hubs of another generation, prepared beside those that run */
struct app_line { const struct config_bus *bus; const struct site *site; }; /* one that runs, by the config it was opened with; bus NULL: closed */
/* Which lines go on, and where their points are then. Reads only what does not change while lines and generations live: on any thread. */
struct app_plan {
	size_t            n;
	uint32_t         *keep;     /* by line of the config: the one of ours that goes on, or UINT32_MAX */
	struct point_map *maps;     /* likewise */
};
int  app_plan_lines(struct app_plan *p, const struct app_line *ours, size_t n_ours, const struct config *c); /* 0 or -1 (no memory) */
void app_plan_done(struct app_plan *p);
struct app_next {
	struct generation   *generation;
	struct pipeline     *pipeline;  /* knows the generation's rules */
	struct binding      *binding;
	struct app_plan     *plan;      /* NULL: no line goes on */
	struct app_bus      *buses;
	struct app_hub     **hubs;
	struct app_hub_next *kept;      /* by hub of the config; acked NULL: a new one */
	struct app_stream   *old_streams;
	size_t               n_old_streams;
};
/* All that may fail, with nothing changed after a failure. Then take or drop, in the same turn of the loop. */
int  app_next_prepare(struct app *a, struct app_next *n, struct err *reterr);
void app_next_take(struct app *a, struct app_next *n);
void app_next_drop(struct app *a, struct app_next *n);

/* At the stop. */
void app_close_lines(struct app *a);

/* app_power.c */
void app_power_tick(struct app *a);
bool app_power_is_told(const struct config *c);

/* app_sound.c: the local sounder. */
/* At the start and with every new config: as it says. */
void app_sound_take(struct app *a);
/* What is to be heard may be something else now. */
void app_sound_look(struct app *a);
void app_sound_stop(struct app *a);

/* app_people.c */
int  app_act(struct app *a, const struct pipeline_act *act, enum cause cause, const char *actor, const char *note, struct err *reterr);
/* what: duty_on, duty_off (name), handover (from `from` to name). ERR_INVALID, ERR_REFUSED. */
int  app_duty(struct app *a, enum transition what, const char *name, const char *from, const char *actor, const char *note, struct err *reterr);
void app_duty_check(struct app *a);
void app_silence(struct app *a, const char *actor, const char *note);
/* A new fire sounds again. */
void app_people_event(struct app *a, const struct record_event *e);
/* Whether an alarm calls for somebody: nobody has acknowledged it, and neither people nor design hide it. */
bool app_is_heard(const struct rules_present *p);
/* With another config: what is heard now is not new. */
void app_silence_again(struct app *a);
void app_people_done(struct app *a);
/* A kept state: true if it is who was on duty. */
bool app_people_restore(struct app *a, const char *key, const void *blob, size_t len);

/* app_learned.c: what lines found out */
/* A kept state: true if it is a line's memory. */
bool  app_learned_restore(struct app *a, const char *key, const void *blob, size_t len);
/* What a line is to be told that is opened now; NULL: nothing. To be freed. */
char *app_learned_of(const struct app *a, const struct config_bus *bus);
/* Puts what is new into a batch. */
void  app_learned_flush(struct app *a, struct batch *batch);
void  app_learned_done(struct app *a);

/* app_reload.c */
void app_reload(struct app *a);
void app_reload_abandon(struct app *a); /* at the stop: waits for the helper thread */
int  app_new_pipeline(struct app *a, struct generation *g, struct pipeline **ret, struct err *reterr);

/* status.c, directory.c: payloads */
void status_payload(struct app *a, struct strbuf *out, int64_t session, bool online, const char *reason, const char *streams);
/* Without the braces' end, so that the CLI's status can add to it. */
void status_streams_plain(struct app *a, struct strbuf *out);
int64_t status_newest_session(const struct app *a);
void directory_states(struct app *a, struct app_hub *h);

/* verbs.c: the control socket's verbs; commands.c: the hubs' commands */
void verbs_handle(void *app, struct control_request *rq, const char *verb, json_t *args);
/* n 0: announced before it was stored. */
void verbs_on_event(struct app *a, int64_t n, struct outmsg *msg);
/* What was done with this batch is durable: those who did it are told. NULL: the store is late, and what was announced counts. */
void verbs_on_stored(struct app *a, const struct slot *s);
void verbs_end_listings(struct app *a);
/* A cursor of this hub's moved. */
void verbs_selftest_acked(struct app *a, const struct app_hub *h);
/* A line's answer to a read for a person; a token that nobody waits for any more is none of anyone's business. user is the app. */
void verbs_on_probe(void *user, uint64_t token, const uint16_t *values, size_t n, const struct err *error);
void verbs_end_probes(struct app *a);
void verbs_stop(struct app *a);
void commands_handle(struct app_hub *h, uint32_t node, const char *name, const void *payload, size_t len, const char *response_topic,
                     const void *correlation, size_t correlation_len);

#endif
