/* rules: the engine that decides. Readings, time and commands in; alarm transitions out. No I/O, no clock, no allocation after rules_new.
 * Same inputs in the same order give the same outputs, however late time is told: a delay that ended is stamped with the moment at which it ended. */
#ifndef FIREGW_RULES_RULES_H
#define FIREGW_RULES_RULES_H

#include "core/alarm.h"
#include "core/err.h"
#include "core/site.h"

/* One condition on one point up to quality; over several points count, all, any; on the course of one point's values rate, stuck. */
enum rule_when { WHEN_ABOVE, WHEN_BELOW, WHEN_OUTSIDE, WHEN_EQUALS, WHEN_BIT, WHEN_QUALITY, WHEN_COUNT, WHEN_RATE, WHEN_STUCK, WHEN_ALL, WHEN_ANY };
enum rule_limit { LIMIT_NUMBER, LIMIT_LOW, LIMIT_LOW2, LIMIT_HIGH, LIMIT_HIGH2 };
enum rule_scope { SCOPE_SITE, SCOPE_ZONE, SCOPE_FLOOR, SCOPE_DEVICE, SCOPE_BUILDING };

/* A list of words; an empty one allows everything. */
struct rule_words { const char *const *words; size_t n; };

/* docs/rules.md `for` and `of`. All that are given must fit; within one, any word fits. */
struct rule_select {
	const enum kind           *kinds;            size_t n_kinds;
	const enum building_class *building_classes; size_t n_building_classes;
	const enum alarm_class    *classes;          size_t n_classes; /* `of` only: alarms of these classes */
	double                     height_above;     /* NaN: not given; a building without a height never fits */
	struct rule_words          building, floor, zone, bus, device, tag;
	struct rule_words          point;            /* globs on the point's id */
	struct rule_words          rule;             /* `of` only: alarms of these rules */
};

struct rule_def {
	const char        *id;
	bool               enabled;
	bool               optional;     /* of a pack: `check` does not mind that it fits nothing here */
	struct rule_select select;       /* `for` */
	enum rule_when     when;
	enum rule_limit    limit_from;   /* above, below: which limit; a point that has none (NaN) gets no alarm of this rule */
	double             limit;        /* above, below with LIMIT_NUMBER; outside: lower; equals: the number (NaN: use equals_text) */
	double             limit_high;   /* outside: upper */
	double             deadband;     /* above, below, outside, rate; stuck: what the value may move */
	const char        *equals_text;  /* an enum's text, resolved by each point's labels; a point whose labels lack it gets no alarm */
	uint8_t            bit;
	bool               any_bad;      /* quality: bad */
	enum quality       quality;      /* quality: one of them */
	/* count */
	uint32_t           count;
	struct rule_select of;
	bool               of_alarms;    /* `of` names classes or rules: alarms count; else any alarm but disablement of a fitting point does */
	enum rule_scope    same;         /* all, any too */
	int64_t            within_ns;    /* a member counts while it is active and for this long after it was raised; 0: only while active */
	/* rate: `limit` is what the value changes in `per`; it is passed upwards or downwards */
	bool               rate_above;
	int64_t            per_ns;
	int64_t            stuck_ns;     /* stuck */
	/* all, any: of each its `select` and its condition (above … quality) count, and its id, line and file for messages */
	const struct rule_def *terms;    size_t n_terms;
	int64_t            on_delay_ns, off_delay_ns;
	bool               latch;
	bool               ack;          /* false: returns to normal by itself */
	int64_t            escalate_ns;  /* not acknowledged for so long: escalated; 0: never */
	int64_t            re_alarm_ns;  /* acknowledged for so long and it still stands: raised again; 0: never */
	struct rule_words  suppressed_by; /* ids of rules (their alarms on the same device, or of several with this point in their scope), or of alarms */
	uint8_t            priority;     /* 1 … 5; 0: by class */
	bool               class_given;
	enum alarm_class   class_;       /* else the point's kind's */
	const char        *message_zh, *message_en; /* templates, or NULL */
	const char        *source;       /* or NULL */
	int16_t            gb_status;    /* gb26875: {…} overrides; -1: not given */
	int16_t            gb_system, gb_component;
	int                line;         /* where it stands, for messages */
	const char        *file;
};

/* A fault of our own: an alarm with no point, switched by the gateway itself. */
struct rules_own {
	const char *id;          /* _gw.hub-district/unreachable */
	const char *message_zh, *message_en;
	const char *more_zh, *more_en; /* follow it; static, as it is when the fault begins; NULL: nothing */
};

#define RULES_ALARM_NONE UINT32_MAX
#define RULES_SEATS_MAX   256 /* points that one alarm of all or any may look at; one that stands in two terms counts twice */
#define RULES_TERMS_MAX   32
#define RULES_MEMBERS_MAX 64 /* members named in an event; more are counted and not named */

/* An alarm that people made: beside those of the config, in a pool. */
enum rules_extra_kind { EXTRA_SHELF, EXTRA_SERVICE, EXTRA_MANUAL };
struct rules_extra {
	enum rules_extra_kind kind;
	uint32_t target;         /* EXTRA_SHELF: the alarm, EXTRA_SERVICE: the point */
	int64_t  until_ms;       /* EXTRA_SHELF: its end by the wall clock */
	const char *actor, *note; /* who, and why; "" if not said */
};
#ifndef RULES_EXTRAS_MAX
#define RULES_EXTRAS_MAX 1024 /* shelves, points out of service and people's reports at once */
#endif
#define RULES_EXTRAS_FIRE (RULES_EXTRAS_MAX / 16) /* of them that only reports of fire take */
#define RULES_LATE_NS (7 * 24 * 3600 * CLOCK_NS_PER_S) /* so long may a person's report be verified when it is over */
#define RULES_TESTS_MAX  32   /* tests and drills in force at once */
#define RULES_SHELF_MAX_NS (24 * 3600 * CLOCK_NS_PER_S)
#define RULES_TEST_MAX_NS  (4 * 3600 * CLOCK_NS_PER_S)
/* EEMUA 191: three in a minute chatter. That is said; from the sixth on it is not told each time any more. */
#define RULES_CHATTER_TIMES     3
#define RULES_CHATTER_HELD      6
#define RULES_CHATTER_WINDOW_NS (60 * CLOCK_NS_PER_S)
/* Held, it has returned when its condition was gone for so long; but for fire, which is told as it comes. */
#define RULES_CHATTER_QUIET_NS  (60 * CLOCK_NS_PER_S)

/* What does not change about one alarm; what it points to is borrowed from the engine. */
struct rules_alarm {
	const char            *id;        /* point/rule, building.zone/rule, site/rule, _gw.THING/what */
	const struct rule_def *def;       /* NULL: our own fault */
	const struct rules_own *own;      /* NULL: a rule's, or an extra */
	const struct rules_extra *extra;  /* NULL: not one of people */
	const char            *floor, *zone; /* "" if none */
	double                 limit;     /* NaN: none */
	uint32_t               point;     /* POINT_NONE: of several, or our own */
	uint32_t               node;
	uint32_t               building;  /* UINT32_MAX: none */
	enum alarm_class       class_;
	enum hazard            hazard;
	uint8_t                priority;  /* 1 … 5 */
	bool                   latch, ack, count_rule;
};

/* One sent move. All pointers are borrowed for the call. */
struct rules_transition {
	uint32_t         alarm;
	enum transition  what;
	enum cause       cause;
	enum alarm_state from, to;
	bool             active;       /* the condition stands */
	bool             acked;        /* it was acknowledged since it last became active */
	bool             latched;      /* it needs a reset before it is normal: a latching rule's alarm that is not normal */
	uint32_t         rev;          /* rises with every transition of this alarm, over occurrences, restarts and removals */
	struct event_id  occurrence;   /* zero if this event begins it */
	enum alarm_mode  mode;         /* of the occurrence */
	bool             shelved, out_of_service, suppressed;
	int64_t          shelved_until_ms; /* shelved: its end; 0: none */
	enum verdict     verdict;      /* verified: what was found, and why */
	const char      *verdict_cause;
	uint32_t         times;        /* chattering: raised so often, within RULES_CHATTER_WINDOW_NS at first */
	struct stamp     since;        /* when the occurrence began */
	struct stamp     at;
	struct value     value;        /* the last good one, NaN: none; count rules: points that count; all, any: terms that hold */
	double           rate;         /* rate rules: what was last judged; else, and before that, NaN */
	enum quality     quality;
	double           limit;
	int64_t          device_at_ms; /* 0: none */
	const char      *actor, *note; /* NULL: none */
	const uint32_t  *members;      /* point indices; count rules: that count; all, any: of which a condition holds */
	size_t           n_members;
};

struct rules_sink {
	/* Returns the event's id; the engine keeps that of raised and confirmed as the occurrence. */
	struct event_id (*transition)(void *user, const struct rules_transition *t);
	/* What rules_save gives for this alarm is no longer what it was (pending delays included). May come more than once a call. */
	void (*changed)(void *user, uint32_t alarm);
	void *user;
	/* The end of a test has come by time; its alarms' transitions follow. May be NULL. */
	void (*test_over)(void *user, unsigned test, struct stamp at);
	/* The same, but nothing was decided: what a rate or stuck rule remembers, or a term's verdict, moved on. Worth saving with the next ordinary commit. NULL: not told. */
	void (*drifted)(void *user, uint32_t alarm);
};

/* machine_boot: a hash of the kernel's boot id, so that a restored delay knows whether mono_ns goes on or began anew.
 * site, defs and owns are borrowed and outlive the engine. Errors: ERR_INVALID (a rule's condition cannot be), ERR_NO_MEMORY. */
struct rules;
int  rules_new(const struct site *site, const struct rule_def *defs, size_t n_defs, const struct rules_own *owns, size_t n_owns,
               uint64_t machine_boot, struct rules **ret, struct err *reterr);
void rules_free(struct rules *r);

size_t                    rules_count(const struct rules *r);
struct rules_alarm        rules_alarm(const struct rules *r, uint32_t alarm);
uint32_t                  rules_find(const struct rules *r, const char *id); /* RULES_ALARM_NONE */
/* The present of one alarm. */
struct rules_present {
	enum alarm_state state; /* pending included */
	bool active, acked;
	uint32_t rev;
	struct event_id occurrence;
	struct stamp since;
	double value;
	enum quality quality;
	enum alarm_mode mode;
	bool shelved, out_of_service, suppressed, chatters;
	enum verdict verdict;
};
void rules_present(const struct rules *r, uint32_t alarm, struct rules_present *ret);
/* Alarms that this rule made, for `check` ("rule 'x' fits no point"). */
size_t rules_made_by(const struct rules *r, const struct rule_def *def);

void rules_on_reading(struct rules *r, const struct sample *s, struct rules_sink *sink);
void rules_on_time(struct rules *r, struct stamp now, struct rules_sink *sink);
/* Our own fault begins or ends; repeating the same is nothing. */
void rules_on_own(struct rules *r, uint32_t alarm, bool on, struct stamp now, struct rules_sink *sink);
enum rules_command { RULES_ACK, RULES_RESET };
/* occurrence: if not NULL, the one that is meant: another one is refused (ERR_NOT_FOUND). ERR_REFUSED with the reason where the table does not
 * allow it. */
int  rules_on_command(struct rules *r, uint32_t alarm, enum rules_command command, const struct event_id *occurrence, enum cause cause,
                      const char *actor, const char *note, struct stamp now, struct rules_sink *sink, struct err *reterr);
/* What people do beside acknowledging; docs/alarms.md. All send what follows through the sink; where one is refused (ERR_REFUSED, ERR_NOT_FOUND, ERR_INVALID) nothing has
 * changed. `who` is borrowed for the call. */
struct rules_who { enum cause cause; const char *actor, *note; struct stamp now; };
int rules_shelve(struct rules *r, uint32_t alarm, int64_t for_ns, const struct rules_who *who, struct rules_sink *sink, struct err *reterr);
int rules_unshelve(struct rules *r, uint32_t alarm, const struct rules_who *who, struct rules_sink *sink, struct err *reterr);
int rules_service(struct rules *r, uint32_t point, bool out, const struct rules_who *who, struct rules_sink *sink, struct err *reterr);
/* Of the last occurrence, also when that is over (a person's report: for RULES_LATE_NS, if its place is not needed). `occurrence` as for rules_on_command. */
int rules_verify(struct rules *r, uint32_t alarm, const struct event_id *occurrence, enum verdict verdict, const char *verdict_cause, const struct rules_who *who,
                 struct rules_sink *sink, struct err *reterr);
/* A person reports. floor: as in the site's words; class: fire, prealarm, supervisory or fault. */
int rules_report(struct rules *r, uint32_t building, const char *floor, enum alarm_class class_, const struct rules_who *who, struct rules_sink *sink, struct err *reterr);
/* Points under test or drill; what begins on them while that lasts has its mode, and what has it when it ends is over and, if its condition stands, raised anew with mode normal.
 * `test`: a number below RULES_TESTS_MAX that is not in use. */
void rules_test_begin(struct rules *r, unsigned test, enum alarm_mode mode, const uint32_t *points, size_t n, int64_t until_ns, struct stamp now, struct rules_sink *sink);
void rules_test_end(struct rules *r, unsigned test, const struct rules_who *who, struct rules_sink *sink);
/* The same, at a start or in a new config: nothing is sent. Before rules_restored. */
void rules_test_restore(struct rules *r, unsigned test, enum alarm_mode mode, const uint32_t *points, size_t n, int64_t until_ns);
/* What a test led to whose point is under none now, in another config or because the test was not kept, is over as with the end of one. After rules_restored. */
void rules_end_lost_tests(struct rules *r, struct stamp now, struct rules_sink *sink);
/* A shelf of what another config makes a fire alarm ends: only a maintainer may shelve one, and nobody was asked. After rules_restored. */
void rules_end_lost_shelves(struct rules *r, struct stamp now, struct rules_sink *sink);
/* Another config suppresses otherwise: what is not normal and was told as (not) suppressed is told as it is now. After rules_restored. */
void rules_tell_suppressed(struct rules *r, uint32_t alarm, bool was, struct stamp now, struct rules_sink *sink);
enum alarm_mode rules_point_mode(const struct rules *r, uint32_t point);

/* When rules_on_time must be called at the latest (mono_ns); CLOCK_NEVER. */
int64_t rules_next_deadline(const struct rules *r);

/* The whole state of one alarm as bytes, after everything up to `now` was told; returns the length, 0 if there is nothing to keep (normal, never
 * raised, nothing remembered). */
#define RULES_SAVED_MAX 768
size_t rules_save(const struct rules *r, uint32_t alarm, struct stamp now, uint8_t out[RULES_SAVED_MAX]);
/* Before the first reading. A delay that was pending goes on: by mono_ns within the same boot of the machine, else by the wall clock's distance
 * (0 if it went back or is not trusted). -1: bytes that this version does not know; the alarm starts as normal. */
int  rules_restore(struct rules *r, uint32_t alarm, const uint8_t *saved, size_t len, struct stamp now);
/* One of people, which no config names: RULES_ALARM_NONE if it is none, or what it is about is gone. */
uint32_t rules_restore_extra(struct rules *r, const char *id, const uint8_t *saved, size_t len, struct stamp now);
/* After all rules_restore calls: brings counts in line with the members' states; sends nothing. */
void rules_restored(struct rules *r, struct stamp now);
/* The point's values mean something else from now on: what rate and stuck rules remember of them is forgotten. */
void rules_forget(struct rules *r, uint32_t point);
/* The n-th point that a term of all or any finds stale; POINT_NONE: there are not so many. */
uint32_t rules_stale_point(const struct rules *r, uint32_t alarm, size_t n);
/* A config without this alarm follows: sends `removed` if it is not normal. Counts of this engine do not follow: those alarms live on in the
 * next one. */
void rules_remove(struct rules *r, uint32_t alarm, enum cause cause, const char *actor, struct stamp now, struct rules_sink *sink);

/* The alarm is another one now though its id is not (class, node), and `removed` was sent for what it was, with this rev: its occurrence is over, and if its condition stands it
 * is raised (confirmed) anew. After rules_restored. */
void rules_begin_anew(struct rules *r, uint32_t alarm, uint32_t rev, enum cause cause, struct stamp now, struct rules_sink *sink);

/* Revs never go back. `floor`: the next rev of every alarm is above it (an end that was not in order may have sent some that nobody stored). `first`: so is the first rev of an
 * alarm of which nothing is known (it may have been there before, and was removed). */
void rules_set_revs(struct rules *r, uint32_t floor, uint32_t first);
/* This alarm's next rev is above `rev`. */
void rules_rev_least(struct rules *r, uint32_t alarm, uint32_t rev);
/* Of what rules_save gave, for an alarm that this engine does not have: its rev, 0 if there is none; and, the other way, an alarm that is normal and had this rev. */
uint32_t rules_saved_rev(const uint8_t *saved, size_t len);
size_t   rules_save_rev(uint32_t rev, uint8_t out[RULES_SAVED_MAX]);

static inline bool rule_has_terms(const struct rule_def *d)
{
	return d->when == WHEN_ALL || d->when == WHEN_ANY;
}

/* One alarm over several points, or one a point. */
static inline bool rule_is_of_several(const struct rule_def *d)
{
	return d->when == WHEN_COUNT || rule_has_terms(d);
}

/* Of the alarm that the rule raises on this point. */
static inline enum alarm_class rule_class(const struct rule_def *d, const struct point *p)
{
	return d->class_given ? d->class_ : kind_info(p->kind)->class_;
}

/* The limit of above and below on this point: the rule's own, or the point's low … high2; NaN: the point has none. */
double rule_limit(const struct rule_def *d, const struct point *p);
/* Whether a good reading of this value, the point's first, meets the condition. False where one value does not decide: quality, rate, stuck, and over several. */
bool rule_is_met(const struct rule_def *d, const struct point *p, double value);
/* Whether a point is chosen by `for` (the alarm-only fields are not looked at). */
bool rule_select_fits(const struct rule_select *s, const struct site *site, const struct point *p);

#endif
