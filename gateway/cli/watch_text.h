/* watch_text: what a console says that is no event, as a line for people or an object for programs. */
#ifndef FIREGW_GATEWAY_CLI_WATCH_TEXT_H
#define FIREGW_GATEWAY_CLI_WATCH_TEXT_H

#include "gateway/cli/table.h"
#include "gateway/cli/watch_model.h"

/* "riser-a/fire 58…60 (3): text"; not harmless. */
void watch_note_text(const struct watch_note *n, struct strbuf *out);
enum style watch_note_style(const struct watch_note *n);
/* With its line's end. */
void watch_note_put(struct strbuf *out, const struct look *look, const struct watch_note *n, int64_t wall_ms);
void watch_note_json(struct strbuf *out, const struct watch_note *n, int64_t wall_ms);
/* An alarm that stands as we come. */
void watch_standing_json(struct strbuf *out, const json_t *event);
/* Instead of a list of none: "no alarms" only if everybody was heard; else "none known: " and why. */
void watch_none_put(struct strbuf *out, const struct watch *w);
/* What there is no room for: "and 52 more: 3 fire, 9 fault; 40 fire in test, drill or set aside". */
void watch_rest_put(struct strbuf *out, const struct watch_alarm *const *list, size_t n);
/* "3 gateways, 2 alarms; 120 events, …". */
void watch_counts_put(struct strbuf *out, const struct watch_counts *c);
void watch_counts_json(struct strbuf *out, const struct watch_counts *c, int64_t wall_ms);

#endif
