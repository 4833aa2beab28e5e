/* report: the figures of a month, counted from the events of the log as they come; what is kept grows with alarms and devices, never with events. Pure but for the process's zone.
 * docs/report.md says what each figure means. */
#ifndef FIREGW_GATEWAY_REPORT_H
#define FIREGW_GATEWAY_REPORT_H

#include "core/alarm.h"
#include "core/err.h"
#include "core/strbuf.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* ---- the month (report_month.c) ---- */

#define REPORT_DAYS_MAX 31
struct report_month {
	int     year, month;                     /* 2026, 11 */
	int64_t from_ms, to_ms;                  /* its first moment, and the next month's */
	int64_t day_ms[REPORT_DAYS_MAX + 1];     /* the first moment of each day, and of the next month */
	int     n_days;
};
/* "2026-11", in the process's zone. ERR_INVALID. */
int  report_month_parse(const char *text, struct report_month *ret, struct err *reterr);
/* The month of this moment, and the one before it. */
void report_month_at(int64_t at_ms, struct report_month *ret);
void report_month_before(const struct report_month *m, struct report_month *ret);
/* The next moment that lies so far into a day of the month, or into the first day after it. */
int64_t report_month_next_day(const struct report_month *m, int64_t now_ms, int64_t into_ms);
#define REPORT_MONTH_TEXT 8
char *report_month_text(const struct report_month *m, char buf[REPORT_MONTH_TEXT]);
/* Whether there can be figures: it has begun, and the oldest event (0: there is none) is not younger than it. ERR_INVALID says which months there are. */
int  report_month_check(const struct report_month *m, int64_t oldest_ms, int64_t now_ms, struct err *reterr);

/* ---- an event (report_event.c) ---- */

#define REPORT_ALARM_MAX 200
#define REPORT_WORD_MAX  128
#define REPORT_NAME_MAX  96
enum report_verdict { REPORT_REAL, REPORT_FALSE, REPORT_TEST, REPORT_DRILL, REPORT_VERDICTS };

/* Texts that are too long are cut; "" where there is none. */
struct report_event {
	int64_t          at_ms;
	enum transition  transition;      /* TRANSITION_COUNT: unknown */
	enum alarm_class class_;          /* an unknown one is a fault */
	enum alarm_state state, from;
	enum alarm_mode  mode;
	bool             acked, hidden;   /* hidden: shelved, out of service or suppressed */
	char             alarm[REPORT_ALARM_MAX];
	uint64_t         occurrence;      /* a hash; 0: none */
	uint64_t         boot;            /* likewise */
	char             point[REPORT_ALARM_MAX], rule[REPORT_WORD_MAX], name[REPORT_NAME_MAX], actor[REPORT_NAME_MAX], select[REPORT_WORD_MAX];
	char             verdict[16], cause[REPORT_WORD_MAX];
	int64_t          times, after_ms; /* of chattering, of an answer; -1: not said */
	int64_t          until_ms;        /* shelved_until or until; 0 */
};
/* tail: what the log keeps of an event (core/record.h): its members from "id" on to the last brace. Members that it does not know, and whatever is wrong, are skipped. False: no event. */
bool report_event_parse(const char *tail, size_t len, int64_t at_ms, struct report_event *ret);

/* ---- the count (report.c) ---- */

struct report;
#define REPORT_ALARMS_MAX  65536
#define REPORT_NAMES_MAX   8192
/* now_ms: figures end there if that is before the month's end. NULL: no memory. */
struct report *report_new(const struct report_month *m, int64_t now_ms);
void           report_free(struct report *r);
/* Events in the order of n, from the oldest kept one up to the month's end. -1: no memory. */
int            report_feed(struct report *r, const struct report_event *e);
/* The first event after the month's end, if there is one: it may end a time in which the gateway did not run. */
void           report_feed_after(struct report *r, const struct report_event *e);
/* No more events; once, before report_json. */
void           report_end(struct report *r);

/* ---- the figures (report_json.c) ---- */

struct report_frame {
	const char *gateway, *node, *zone;
	bool        people;               /* names of those who acted */
	size_t      lists;                /* entries of each list at most */
};
#define REPORT_LISTS 1000
/* One JSON object. */
void report_json(const struct report *r, const struct report_frame *f, struct strbuf *out);
/* The same in at most max bytes: lists are cut until it fits, and say how much they leave out. */
void report_json_within(const struct report *r, const struct report_frame *f, size_t max, struct strbuf *out);

#endif
