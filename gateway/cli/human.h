/* human: numbers, sizes, ages and times as people read them. Pure (the zone is the process's). */
#ifndef FIREGW_GATEWAY_CLI_HUMAN_H
#define FIREGW_GATEWAY_CLI_HUMAN_H

#include "core/strbuf.h"

#include <stdint.h>

#define HUMAN_MAX 48 /* of every buf below; each returns buf */

char *human_count(int64_t n, char *buf);         /* 2,000 */
char *human_size(int64_t bytes, char *buf);      /* 1.2 GiB */
char *human_span(int64_t ms, char *buf);         /* 340 ms, 3 s, 5 min, 2 h 10 min, 3 d 4 h, 400 d */
char *human_ago(int64_t ms, char *buf);          /* 3 s ago; "now" below a second and for what lies ahead */
/* The shortest decimal of a number; of a mean at most two more digits than its lowest and highest have. */
char *human_number(double v, char *buf);
/* As strbuf_short_double. */
char *human_value(double v, char *buf);
char *human_mean(double min, double max, double mean, char *buf);
char *human_time(int64_t wall_ms, char *buf);    /* 2026-11-24 10:07:08.123 */
char *human_zone(int64_t wall_ms, char *buf);    /* +08:00, the zone's offset at that time */
/* "1 warning", "3 errors": n and the noun, with an s unless it is one. */
char *human_plural(int64_t n, const char *noun, char *buf);
/* A text from outside, made harmless for a terminal: control characters become U+FFFD, and what is no UTF-8 too. */
void  human_put(struct strbuf *out, const char *text);

/* A cell of CSV, RFC 4180; a text that a spreadsheet would take for a formula gets an apostrophe in front. */
void csv_put(struct strbuf *out, const char *text);

#endif
