/* report_show: a report's JSON (docs/report.md) as a page for people, or as one tidy table for spreadsheets. Pure. */
#ifndef FIREGW_GATEWAY_CLI_REPORT_SHOW_H
#define FIREGW_GATEWAY_CLI_REPORT_SHOW_H

#include "gateway/cli/paper.h"

#include <jansson.h>

/* Fields that are missing count as 0 and "". */
void report_show(struct paper *p, const json_t *report);
/* section,name,metric,value; RFC 4180, and no cell that a spreadsheet would take for a formula. */
void report_csv(struct strbuf *out, const json_t *report);

/* report_show_load.c */
void report_show_load(struct paper *p, const json_t *report);
void report_show_disabled(struct paper *p, const json_t *report);

/* Fields, and words. */
int64_t     rs_int(const json_t *o, const char *key);
double      rs_real(const json_t *o, const char *key);
const char *rs_text(const json_t *o, const char *key);
const char *rs_class(const struct paper *p, const char *word);
/* "2026-11-24 10:07", "-" for none */
#define RS_TIME_MAX 24
const char *rs_time(const json_t *o, const char *key, char buf[RS_TIME_MAX]);
char *rs_percent(double share, char buf[RS_TIME_MAX]); /* 99.97 % */
void rs_count_fact(struct paper *p, const char *label, int64_t n, enum style style);
void rs_span_fact(struct paper *p, const char *label, int64_t ms, enum style style);

#endif
