/* clock: moments and their texts. No module but the loop reads a clock; everyone else is told the time. */
#ifndef FIREGW_CORE_CLOCK_H
#define FIREGW_CORE_CLOCK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CLOCK_NS_PER_MS INT64_C(1000000)
#define CLOCK_NS_PER_S  INT64_C(1000000000)
#define CLOCK_NEVER     INT64_MAX

/* A moment. mono_ns is CLOCK_BOOTTIME and carries every duration; wall_ms (epoch, UTC) is for people and the hub. */
struct stamp {
	int64_t mono_ns;
	int64_t wall_ms;
	bool    wall_trusted;
};

/* Moves a stamp by ns, both clocks alike (the moment at which a delay ended, from the moment we noticed). */
struct stamp clock_shift(struct stamp s, int64_t by_ns);

#define CLOCK_TEXT_MAX 40
/* RFC 3339 with milliseconds and the process's zone (TZ), e.g. 2026-11-24T10:07:08.123+08:00. buf holds CLOCK_TEXT_MAX bytes; returns buf. */
char *clock_format(int64_t wall_ms, char *buf);
/* The same to the minute, for people: "2026-11-24 12:30". */
char *clock_format_minute(int64_t wall_ms, char *buf);
/* Parses RFC 3339 (zone required; fraction optional). 0, or -1 if it is not one. */
int clock_parse(const char *text, int64_t *ret_wall_ms);
/* Parses a duration: 500ms, 30s, 5m, 2h, 400d, 3y (a year is 365 days). A bare number is refused but for 0. 0 or -1; range 0 … 100 years. */
int clock_parse_duration(const char *text, int64_t *ret_ms);
/* The shortest text that clock_parse_duration reads back to the same; buf holds CLOCK_TEXT_MAX bytes. */
char *clock_format_duration(int64_t ms, char *buf);

#endif
