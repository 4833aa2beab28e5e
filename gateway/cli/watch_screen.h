/* watch_screen: the console on a terminal: gateways that are away, alarms, the last events; drawn anew as a whole. */
#ifndef FIREGW_GATEWAY_CLI_WATCH_SCREEN_H
#define FIREGW_GATEWAY_CLI_WATCH_SCREEN_H

#include "gateway/cli/table.h"
#include "gateway/cli/watch_model.h"

#define SCREEN_EVENTS_MAX 48

/* One that happened, as its cells. */
struct screen_event { char time[16], class_word[24], what[24], where[64], text[320]; enum style style; };

struct watch_screen {
	struct screen_event events[SCREEN_EVENTS_MAX];
	size_t              n, next;
};

void watch_screen_event(struct watch_screen *s, const json_t *event, enum watch_how how);
void watch_screen_note(struct watch_screen *s, const struct watch_note *note, int64_t wall_ms);
/* The whole picture, `rows` high. broker: one line about the connection. */
void watch_screen_draw(const struct watch_screen *s, const struct watch *w, const struct look *look, size_t rows, const char *broker, int64_t wall_ms, struct strbuf *out);
/* A picture over the last one. */
void watch_screen_over(struct strbuf *out, const char *picture, size_t rows);
/* Before the first and behind the last picture. */
extern const char watch_screen_begin[], watch_screen_end[];

#endif
