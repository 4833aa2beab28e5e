/* verbs: shared by verbs.c (dispatch, status, acting), verbs_arguments.c, verbs_present.c (points, alarms), verbs_hubs.c (hubs), verbs_probe.c (probe)
 * and verbs_past.c (events, history). */
#ifndef FIREGW_GATEWAY_VERBS_H
#define FIREGW_GATEWAY_VERBS_H

#include "gateway/app.h"
#include "gateway/select.h"

/* Arguments: absent gives the default; of the wrong type fails with ERR_INVALID naming the argument. */
int verbs_int(json_t *args, const char *key, int64_t fallback, int64_t *ret, struct err *reterr);
int verbs_text(json_t *args, const char *key, const char **ret, struct err *reterr); /* NULL if absent */
int verbs_flag(json_t *args, const char *key, bool *ret, struct err *reterr);         /* false if absent */
#define VERBS_NOTE_MAX 1000
#define VERBS_WORD_MAX 200
/* A text of at most `max` bytes, without control characters; prose may have lines and be empty, another may not. */
enum verbs_wanted { WANTED_MAY, WANTED_MUST, WANTED_PROSE };
int verbs_argument(json_t *args, const char *key, enum verbs_wanted wanted, size_t max, const char **ret, struct err *reterr);
int verbs_select(json_t *args, struct select **ret, struct err *reterr);
/* An event object's subject; borrowed from it and the site. */
struct select_subject verbs_event_subject(const struct site *site, json_t *event);
/* Classes as a mask of 1 << class; all if absent. */
int verbs_classes(json_t *args, unsigned *ret, struct err *reterr);

/* verbs_present.c */
void verbs_points(struct app *a, struct control_request *rq, json_t *args);
void verbs_alarms(struct app *a, struct control_request *rq, json_t *args);
/* verbs_hubs.c */
json_t *verbs_hub_status(const struct app_hub *h);
void verbs_hubs(struct app *a, struct control_request *rq, json_t *args);
void verbs_hub_resend(struct app *a, struct control_request *rq, json_t *args);
void verbs_hub_purge(struct app *a, struct control_request *rq, json_t *args);
json_t *verbs_time_or_null(int64_t wall_ms);
/* verbs_lines.c; whole: with all that is counted */
json_t *verbs_line_status(const struct app_bus *b, bool whole, struct stamp now);
void verbs_line(struct app *a, struct control_request *rq, json_t *args);
/* verbs_people.c */
void verbs_shelve(struct app *a, struct control_request *rq, const char *verb, json_t *args);
void verbs_verify(struct app *a, struct control_request *rq, json_t *args);
void verbs_service(struct app *a, struct control_request *rq, json_t *args);
void verbs_test(struct app *a, struct control_request *rq, json_t *args);
void verbs_silence(struct app *a, struct control_request *rq, json_t *args);
void verbs_raise(struct app *a, struct control_request *rq, json_t *args);
void verbs_duty(struct app *a, struct control_request *rq, json_t *args);
/* verbs_selftest.c */
void verbs_selftest(struct app *a, struct control_request *rq, json_t *args);
void verbs_selftest_stored(struct app *a, const struct slot *s);
void verbs_end_selftests(struct app *a);
/* verbs.c. Answers when what is in the open batch is durable; alarm: whose state is told, or NULL. */
void verbs_when_stored(struct app *a, struct control_request *rq, const char *alarm);
/* verbs_probe.c */
void verbs_probe(struct app *a, struct control_request *rq, json_t *args);
/* verbs_report.c */
void verbs_report(struct app *a, struct control_request *rq, json_t *args);
/* verbs_past.c */
void verbs_events(struct app *a, struct control_request *rq, json_t *args);
void verbs_history(struct app *a, struct control_request *rq, json_t *args);

#endif
