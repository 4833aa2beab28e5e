/* verb: a verb of the command as a row of a table, and what every verb has at hand. */
#ifndef FIREGW_GATEWAY_CLI_VERB_H
#define FIREGW_GATEWAY_CLI_VERB_H

#include "gateway/cli/args.h"
#include "gateway/cli/client.h"
#include "gateway/cli/human.h"
#include "gateway/cli/table.h"

#include <stdio.h>

/* What the shell gets. */
enum { RESULT_DONE = 0, RESULT_NO = 1, RESULT_USAGE = 2, RESULT_UNREACHABLE = 3 };

struct run {
	const struct verb *verb;
	struct args        args;
	bool               json;
	struct look        look;   /* of stdout */
	struct strbuf      out;    /* what is ready for stdout: run_flush */
	int64_t            now_ms;
};

struct verb {
	const char               *name;
	const char               *words;    /* as in the usage line, "" if none */
	size_t                    min_words, max_words;
	const char               *summary;  /* one line */
	const char               *detail;   /* paragraphs, "" if there is no more to say */
	const struct args_option *options;  /* without --json, --help, --socket */
	size_t                    n_options;
	bool                      talks;    /* to the daemon: takes --socket */
	int                     (*run)(struct run *r);
};

/* Can a picture be drawn again and again? Else lines are written. */
bool run_draws(const struct run *r);
bool run_draws_on(int fd);

/* The table; NULL-terminated by name. */
extern const struct verb verbs[];
const struct verb *verb_find(const char *name);
/* The known name nearest to it, or NULL. */
const char        *verb_nearest(const char *name);
#define VERB_OPTIONS_MAX ARGS_OPTIONS_MAX
/* Its own options and those that every verb has. Returns how many. */
size_t             verb_options(const struct verb *v, struct args_option ret[VERB_OPTIONS_MAX]);

int verb_check(struct run *r);
int verb_show(struct run *r);
int verb_status(struct run *r);
int verb_points(struct run *r);
int verb_alarms(struct run *r);
int verb_events(struct run *r);
int verb_ack(struct run *r);
int verb_reset(struct run *r);
int verb_shelve(struct run *r);
int verb_unshelve(struct run *r);
int verb_verify(struct run *r);
int verb_service(struct run *r);
int verb_test(struct run *r);
int verb_silence(struct run *r);
int verb_raise(struct run *r);
int verb_duty(struct run *r);
int verb_selftest(struct run *r);
int verb_history(struct run *r);
int verb_backtest(struct run *r);
int verb_report(struct run *r);
int verb_probe(struct run *r);
int verb_hub(struct run *r);
int verb_watch(struct run *r);
int verb_version(struct run *r);
int verb_help(struct run *r);

void help_overview(struct strbuf *out);
void help_verb(const struct verb *v, struct strbuf *out);

/* Writes r->out to stdout and empties it. False: nobody reads any more, or it cannot be written; then stop (main says why). */
bool run_flush(struct run *r);
/* `firegw: …`, made harmless, as a line on stderr: what a daemon, a file or an argument says may be in it. */
void run_say(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* The same; returns the exit code that fits. */
int  run_fail(const struct err *e, int result);
int  run_usage(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* The result for an answer that ends a request; says why on stderr if it is a bad one. */
int  run_result(enum client_answer a, const struct err *e);
/* What --json prints of acting verbs. failed NULL: done. */
void run_acted(struct run *r, const struct err *failed);
/* The table of hubs, the whole of `status`, a point's row and its value as text: "alarm (1)", "0.35" (verb_state.c). */
void hubs_put(struct run *r, const json_t *hubs);
/* verb_line.c: one line in whole. The verb's result. */
int  line_show(struct run *r, struct client *c, const char *bus);
void status_put(struct run *r, const json_t *status);
void point_add(struct run *r, const json_t *row, void *table);
void point_value(const json_t *row, char *buf, size_t cap);
extern const struct table_column points_columns[];
#define POINT_COLUMNS 7
/* An alarm's row (verb_alarm.c). */
void alarm_add(struct run *r, const json_t *row, void *table);
extern const struct table_column alarms_columns[];
#define ALARM_COLUMNS 8
/* What `alarms` says behind its table, or instead of one. */
void alarms_end(struct run *r, const char *select, size_t n, const json_t *end);
/* The same for points: the verb's result. */
int points_end(struct run *r, const char *select, size_t n, const json_t *end);
/* Shelved, suppressed or out of service. */
bool alarm_is_hidden(const json_t *row);
/* Opens the daemon's socket as --socket says and takes the site's zone; NULL: said why, *ret_result is what to return. */
struct client *run_client(struct run *r, int *ret_result);
/* The site's file: of -c, else the one that the daemon runs with. NULL: said why, *ret_result is what to return. The caller frees. */
char *run_site(struct run *r, int *ret_result);
/* The words as one SELECT, checked here so that a typing error needs no daemon; NULL: said why (RESULT_USAGE). The caller frees. */
char *run_select(struct run *r);
/* --name's time or `otherwise`; -1: said why. */
int  run_time(struct run *r, const char *name, int64_t otherwise, int64_t *ret_ms);

/* JSON fields of rows; "" and 0 where there is none. Borrowed. */
const char *field_text(const json_t *row, const char *key);
int64_t     field_int(const json_t *row, const char *key);
/* An RFC 3339 field; false if it is null or none. */
bool        field_time(const json_t *row, const char *key, int64_t *ret_ms);
/* "3 s ago", or "" . buf holds HUMAN_MAX bytes. */
const char *field_ago(const struct run *r, const json_t *row, const char *key, char *buf);
/* "a 12 12-N": building, floor, zone of a point, alarm or event. */
void        field_place(const json_t *row, char *buf, size_t cap);
/* From now on times are read and written in this zone. */
void        run_take_zone(const char *zone);
/* The present. */
int64_t     run_now(void);
/* Whether texts of the site are wanted in Chinese: LC_ALL, LC_MESSAGES, LANG, the first that is set. */
bool        run_is_chinese(void);
/* A message in the language of the locale, else in the other, else "". */
const char *field_message(const json_t *row);
enum style  class_style(const char *class_word);
/* "test", "drill"; "" for an event that is meant. */
const char *mode_of(const json_t *row);
/* An event as one line. */
void        event_put(struct strbuf *out, const struct look *look, const json_t *row);
/* Words of --class, parted by commas: 0, or said what is wrong (RESULT_USAGE). */
int         check_classes(const char *list);

#endif
