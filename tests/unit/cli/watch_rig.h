/* A console's model under virtual time, and one gateway that speaks to it. */
#ifndef FIREGW_TESTS_UNIT_CLI_WATCH_RIG_H
#define FIREGW_TESTS_UNIT_CLI_WATCH_RIG_H

#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "gateway/cli/watch_model.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TOP "fire/v1/500110/002/003/gw-1/"

struct rig {
	struct watch *w;
	struct stamp  now;
	char          said[65536];   /* what came out, a word each */
	char          topic[256], command[1024];
	unsigned      bells;
};

static inline void __attribute__((format(printf, 2, 3))) say(struct rig *r, const char *fmt, ...)
{
	size_t len = strlen(r->said);
	va_list args;

	va_start(args, fmt);
	vsnprintf(r->said + len, sizeof r->said - len, fmt, args);
	va_end(args);
}

static inline void on_command(void *user, const char *topic, const char *payload)
{
	struct rig *r = user;

	snprintf(r->topic, sizeof r->topic, "%s", topic);
	snprintf(r->command, sizeof r->command, "%s", payload);
	say(r, "command ");
}

static inline void on_event(void *user, const json_t *e, enum watch_how how)
{
	static const char *const words[] = { "live", "late", "replayed", "stands" };

	say(user, "%s:%lld ", words[how], (long long)json_integer_value(json_object_get(e, "seq")));
}

static inline void on_note(void *user, const struct watch_note *n)
{
	say(user, "%s:%s", watch_note_name(n->kind), n->state);
	if (n->from > 0)
		say(user, "[%lld,%lld]", (long long)n->from, (long long)n->to);
	say(user, " ");
}

static inline void on_bell(void *user) { ((struct rig *)user)->bells++; }

static inline void rig_open(struct rig *r, const struct watch_filter *f)
{
	static const struct watch_filter all = { "", NULL, (1u << CLASS_COUNT) - 1, false };

	memset(r, 0, sizeof *r);
	r->now = (struct stamp){ .mono_ns = 1000 * CLOCK_NS_PER_S, .wall_ms = INT64_C(1795485600000), .wall_trusted = true };
	r->w = watch_new(f ? f : &all, &(struct watch_out){ on_command, on_event, on_note, on_bell, r }, 42);
	assert_non_null(r->w);
	watch_up(r->w, r->now);
	r->said[0] = '\0';
}

static inline void expect(struct rig *r, const char *said)
{
	assert_string_equal(r->said, said);
	r->said[0] = '\0';
}

/* Second by second. */
static inline void pass(struct rig *r, int seconds)
{
	for (int i = 0; i < seconds; i++) {
		r->now = clock_shift(r->now, CLOCK_NS_PER_S);
		watch_tick(r->w, r->now);
	}
}

static inline void send(struct rig *r, const char *topic, bool retained, const char *text)
{
	watch_message(r->w, topic, text, strlen(text), retained, r->now);
}

static inline void status_of(struct rig *r, int session, bool online, int sent, int fires, bool retained, const char *more)
{
	char text[1024];

	snprintf(text, sizeof text,
	         "{\"v\":1,\"gateway\":\"gw-1\",\"node\":\"gw-1\",\"session\":%d,\"online\":%s,\"log\":\"L1\",\"alarms\":{\"fire\":%d},"
	         "\"streams\":{\"gw-1/fire\":{\"first\":1,\"stored\":%d,\"sent\":%d},\"gw-1/reading\":{\"sent\":9}}%s}",
	         session, online ? "true" : "false", fires, sent, sent, more);
	send(r, TOP "status", retained, text);
}

static inline void status(struct rig *r, int sent, int fires) { status_of(r, 7, true, sent, fires, false, ""); }

static inline const char *event_text(int seq, int rev, const char *alarm, const char *state, const char *mode)
{
	static char text[1024];
	char number[32] = "null";

	if (seq > 0)
		snprintf(number, sizeof number, "%d", seq);
	snprintf(text, sizeof text,
	         "{\"v\":1,\"id\":\"gw-1/b/%d\",\"gateway\":\"gw-1\",\"node\":\"gw-1\",\"log\":\"L1\",\"stream\":\"fire\",\"seq\":%s,\"class\":\"fire\","
	         "\"transition\":\"raised\",\"state\":\"%s\",\"alarm\":\"%s\",\"rev\":%d,\"acked\":false,\"mode\":\"%s\",\"durable\":%s,"
	         "\"since\":\"2026-11-24T10:07:08.123+08:00\"}",
	         rev, number, state, alarm, rev, mode, seq > 0 ? "true" : "false");
	return text;
}

static inline void event(struct rig *r, int seq) { send(r, TOP "event/fire", false, event_text(seq, seq, "d.p/smoke", "active", "normal")); }

/* Answers the last command. */
static inline void answer(struct rig *r, const char *name, const char *rest)
{
	static char text[8192];
	json_t *o = json_loads(r->command, 0, NULL);

	snprintf(text, sizeof text, "{\"v\":1,\"gateway\":\"gw-1\",\"node\":\"gw-1\",\"id\":\"%s\",%s}", json_string_value(json_object_get(o, "id")), rest);
	json_decref(o);
	char topic[128];
	snprintf(topic, sizeof topic, TOP "reply/%s", name);
	send(r, topic, false, text);
}

static inline size_t standing(const struct rig *r)
{
	size_t n;

	free(watch_alarms(r->w, &n));
	return n;
}

static inline struct watch_counts counts_of(const struct rig *r)
{
	struct watch_counts c;

	watch_counts(r->w, &c);
	return c;
}

#endif
