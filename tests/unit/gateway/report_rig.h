/* report_rig: what the tests of reports share: a month, and events in it. */
#ifndef FIREGW_TESTS_UNIT_GATEWAY_REPORT_RIG_H
#define FIREGW_TESTS_UNIT_GATEWAY_REPORT_RIG_H

#include "core/clock.h"
#include "gateway/report_inside.h"
#include "tests/unit/core/check.h"

#define H INT64_C(3600000)
#define D (24 * H)

static struct report *r;
static int64_t t0; /* the month's first moment */

static inline void begin(const char *month, int64_t now_ms)
{
	struct report_month m;
	struct err e;

	setenv("TZ", "Asia/Shanghai", 1);
	tzset();
	assert_int_equal(report_month_parse(month, &m, &e), 0);
	t0 = m.from_ms;
	r = report_new(&m, now_ms ? now_ms : m.to_ms + D);
	assert_non_null(r);
}

/* from: the state before it; more: further members, each with a comma in front. */
static inline void feed(int64_t at_ms, const char *class_word, const char *transition, const char *alarm, int occurrence, const char *from, const char *state, const char *more)
{
	struct report_event e;
	char tail[1024], quoted[128];
	const char *mode = strstr(more, "\"mode\"") ? "" : ",\"mode\":\"normal\"";

	snprintf(quoted, sizeof quoted, alarm ? "\"%s\"" : "null%s", alarm ? alarm : "");
	int n = snprintf(tail, sizeof tail, "\"id\":\"g/1/1\",\"class\":\"%s\",\"transition\":\"%s\",\"state\":\"%s\",\"from\":\"%s\",\"alarm\":%s,\"occurrence\":\"g/1/%d\",\"rule\":\"smoke\",\"point\":\"facp.s\"%s%s%s}",
	                 class_word, transition, state, from, quoted, occurrence, strstr(more, "\"boot\"") ? "" : ",\"boot\":\"b1\"", mode, more);
	assert_true(report_event_parse(tail, (size_t)n, at_ms, &e));
	assert_int_equal(report_feed(r, &e), 0);
}

static inline void fire(int64_t at_ms, const char *transition, int occurrence, const char *from, const char *state, const char *more)
{
	feed(at_ms, "fire", transition, "facp.s/smoke", occurrence, from, state, more);
}

static inline void operation(int64_t at_ms, const char *transition, const char *more)
{
	feed(at_ms, "operation", transition, NULL, 0, "", "", more);
}

static inline struct times *times_of(enum measure m)
{
	return &r->times[m][CLASS_FIRE];
}

static inline void done(void)
{
	report_free(r);
	r = NULL;
}

#endif
