/* report_inside: what report_*.c share. */
#ifndef FIREGW_GATEWAY_REPORT_INSIDE_H
#define FIREGW_GATEWAY_REPORT_INSIDE_H

#include "core/strmap.h"
#include "gateway/report.h"

#define WINDOW_MS     INT64_C(600000)
#define WINDOW_MANY   10           /* EEMUA 191: more than that in ten minutes are too many for one person */
#define STALE_MS      INT64_C(86400000)
#define WINDOWS_MAX   (REPORT_DAYS_MAX * 144 + 12)
#define TIMES_MAX     131072u      /* durations of a kind that are kept one by one; of more, every second, fourth, … */
#define TESTS_MAX     64
#define CHECKS_MAX    64
#define SPANS_MAX     64
#define TALLY_NUMBERS 10
#define UNKNOWN_MS    INT64_MIN    /* before the oldest event */
#define ANNOUNCED     4            /* classes that call for a person: fire, prealarm, supervisory, fault */

/* Durations, for their median and the like. n and max are exact always. */
struct times {
	int64_t *kept;
	size_t   n_kept, cap;
	uint64_t n, stride;
	int64_t  max;
	uint64_t never, waiting, unneeded;
};

/* Named counters, up to REPORT_NAMES_MAX; what is beyond is counted as such. */
struct tally { char *name; uint64_t n[TALLY_NUMBERS]; };
struct tallies {
	struct tally *items;
	size_t        n, cap;
	struct strmap by_name;
	uint64_t      left_out;
};
/* By class: raised; then these. */
enum { TALLY_RERAISED = CLASS_COUNT, TALLY_TOTAL };
enum { PERSON_ON, PERSON_OFF, PERSON_HANDOVER, PERSON_ANSWERS, PERSON_ACKS, PERSON_VERDICTS };

enum ended { ENDED_NOT, ENDED_CLEARED, ENDED_REMOVED };

/* An alarm, and its latest occurrence. */
struct report_alarm {
	char            *id, *name;
	uint64_t         occurrence;
	int64_t          raised_ms, ended_ms;
	int64_t          since_ms;         /* it stands since; meaningful while `stands` */
	int64_t          until_ms;         /* shelved until; 0 */
	int64_t          standing_ms, longest_ms;
	uint32_t         raised, reraised, chattering, times, stood;
	uint32_t         cause;            /* of the verdict: among causes, or STRMAP_NONE */
	enum alarm_class class_;
	enum alarm_mode  mode;              /* of the occurrence: as it was raised */
	enum alarm_mode  standing_mode;     /* of the time that it stands, or stood last: what was acknowledged and waits for its reset may come again in a test */
	enum ended       ended;
	uint8_t          verdict;          /* REPORT_VERDICTS: none */
	bool             began;            /* there is an occurrence */
	bool             stands, acked, verified, verdict_counted, hidden;
};

struct report_span { int64_t from_ms, to_ms; };
struct report_test { char select[REPORT_WORD_MAX]; enum alarm_mode mode; int64_t from_ms, until_ms; bool open; };

enum measure { MEASURE_ACK, MEASURE_VERIFY, MEASURE_RETURN, MEASURES };

struct report {
	struct report_month  month;
	int64_t              from_ms, to_ms;    /* of the figures: the month, but not before the first event, nor after now */
	int64_t              now_ms;
	struct report_alarm *alarms;
	size_t               n_alarms, cap_alarms;
	struct strmap        by_id;
	uint64_t             alarms_left_out;   /* events of alarms beyond REPORT_ALARMS_MAX */
	struct tallies       devices, rules, causes, people;
	struct times         times[MEASURES][CLASS_COUNT], answers;
	uint64_t             n_events, transitions[TRANSITION_COUNT];
	int64_t              first_ms;          /* of the first event ever fed; 0: none */
	uint64_t             raised[CLASS_COUNT], reraised[CLASS_COUNT], escalated[CLASS_COUNT], hidden[CLASS_COUNT], verdicts[CLASS_COUNT][REPORT_VERDICTS];
	uint64_t             apart[2][CLASS_COUNT]; /* test, drill */
	uint32_t             windows[WINDOWS_MAX];
	uint64_t             days[REPORT_DAYS_MAX][ANNOUNCED], hours[24], announced;
	/* the gateway itself */
	uint64_t             boot;
	int64_t              last_ms;           /* of the newest event of this boot */
	bool                 stopped, boot_known, over;
	uint64_t             offline_n[2];      /* 1: after a stop in order */
	int64_t              offline_ms[2], offline_longest_ms;
	/* operations */
	struct report_test   tests[TESTS_MAX];
	uint64_t             tests_n[2], tests_left_out;
	int64_t              tests_ms[2];
	int64_t              checks_ms[CHECKS_MAX];
	size_t               n_checks;
	struct report_span   floods[SPANS_MAX];
	size_t               n_floods;
	uint64_t             floods_n;
	int64_t              flood_ms, floods_ms, flood_longest_ms; /* flood_ms: the one that is on, since; 0 */
	int64_t              flood_seen_ms; /* it is not known to have gone on after that: the daemon ended; 0 */
};

/* report_tally.c */
int           times_add(struct times *t, int64_t ms);
void          times_sort(struct times *t);
/* Of sorted times: the least that `percent` of them do not exceed (nearest rank). */
int64_t       times_rank(const struct times *t, unsigned percent);
/* a and b in one; sorted. -1: no memory. */
int           times_join(struct times *a, const struct times *b);
void          times_done(struct times *t);
/* NULL: full (counted) or no memory (*failed). */
struct tally *tally_of(struct tallies *t, const char *name, bool *failed);
void          tallies_done(struct tallies *t);
/* The part of [from, to) that lies within the figures. */
int64_t       report_within(const struct report *r, int64_t from_ms, int64_t to_ms);
bool          report_counts(const struct report *r, int64_t at_ms);

/* report_operation.c */
int  report_operation(struct report *r, const struct report_event *e);
/* Before an event is counted: whether the gateway began anew meanwhile. */
void report_boot(struct report *r, const struct report_event *e);
void report_operations_end(struct report *r);

/* report_lists.c: the parts of the object that are lists; each begins with its key. */
void report_put_time(struct strbuf *out, const char *key, int64_t at_ms); /* UNKNOWN_MS, 0: null */
void report_put_int(struct strbuf *out, const char *key, int64_t v);
void report_put_text(struct strbuf *out, const char *key, const char *text);
void report_put_share(struct strbuf *out, const char *key, int64_t part, int64_t whole); /* null if whole is 0 */
void report_put_tallies(struct strbuf *out, const char *key, const struct tallies *t, const char *name_key, size_t max);
void report_put_causes(struct strbuf *out, const struct report *r, size_t max);
void report_put_people(struct strbuf *out, const struct report *r, size_t max);
void report_put_chatterers(struct strbuf *out, const struct report *r, size_t max);
void report_put_standing(struct strbuf *out, const struct report *r, size_t max);
void report_put_disabled(struct strbuf *out, const struct report *r, size_t max);
void report_put_own(struct strbuf *out, const struct report *r, size_t max);
void report_put_beside(struct strbuf *out, const struct report *r, size_t max);
/* Own faults of a thing ("device", "bus", "hub") of this kind, as availability. */
void report_put_available(struct strbuf *out, const struct report *r, const char *key, const char *thing, const char *what, size_t max);
bool report_announced(const struct report_alarm *a);

/* report_alarm.c */
int  report_alarm(struct report *r, const struct report_event *e);
void report_alarms_end(struct report *r);

#endif
