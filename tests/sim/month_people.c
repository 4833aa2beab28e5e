/* People: four who take turns in the control room, a maintainer, and what they do about what they are told: most of it after some minutes, some of it never. */
#include "tests/sim/month.h"

#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define MAINTAINER "zhou (uid 1009)"

static const char *const teams[2][2] = { { "li", "wang" }, { "chen", "zhao" } };

static const char *someone(struct month *m, char buf[96])
{
	const struct duty *d = &m->h.app->duty;

	snprintf(buf, 96, "%s (uid 1001)", d->n ? d->persons[roll(&m->dice, d->n)].name : "qian");
	return buf;
}

static bool works(const struct month *m)
{
	return m->h.app && !m->h.app->stopping;
}

static void count(struct month *m, int failed)
{
	m->n_acts++;
	m->n_refused += failed != 0;
}

static bool act(struct month *m, const struct pipeline_act *a, enum cause cause, const char *who, const char *note)
{
	struct err e;
	int failed = app_act(m->h.app, a, cause, who, note, &e);

	count(m, failed);
	return !failed;
}

static uint32_t find(const struct month *m, const char *alarm)
{
	return rules_find(pipeline_rules(m->h.app->pipeline), alarm);
}

/* The same later; false: it was tried often enough. */
static bool again(struct month *m, const struct month_job *j, int64_t after_ms)
{
	if (j->n <= 0)
		return false;
	struct month_job *next = month_add(m, month_now(m) + after_ms, j->run, j->what);
	memcpy(next->more, j->more, sizeof next->more);
	next->occurrence = j->occurrence;
	next->n = j->n - 1;
	return true;
}

/* ---- what they do ---- */

static void acknowledge(struct month *m, const struct month_job *j)
{
	char who[96];
	struct err e;

	if (!works(m)) {
		again(m, j, 10 * MINUTE_MS);
		return;
	}
	count(m, app_command(m->h.app, j->what, RULES_ACK, j->occurrence.boot ? &j->occurrence : NULL, CAUSE_PERSON, someone(m, who), NULL, &e));
}

static void reset(struct month *m, const struct month_job *j)
{
	char who[96];
	struct err e;

	if (!works(m)) {
		again(m, j, 10 * MINUTE_MS);
		return;
	}
	int failed = app_command(m->h.app, j->what, RULES_RESET, NULL, CAUSE_PERSON, someone(m, who), "checked on site", &e);
	count(m, failed);
	if (failed && e.code == ERR_REFUSED)
		again(m, j, month_draw(m, 20, 60) * MINUTE_MS);
}

static void verify(struct month *m, const struct month_job *j)
{
	static const char *const causes[] = { "steam", "dust", "cooking", "水汽", "a worker's elbow", NULL };
	struct pipeline_act a = { .what = ACT_VERIFY, .verdict_cause = causes[roll(&m->dice, 6)], .occurrence = &j->occurrence };
	char who[96];

	a.verdict = month_chance(m, 35) ? VERDICT_REAL : month_chance(m, 85) ? VERDICT_FALSE : month_chance(m, 50) ? VERDICT_TEST : VERDICT_DRILL;
	if (!works(m)) {
		again(m, j, 10 * MINUTE_MS);
		return;
	}
	a.alarm = find(m, j->what);
	if (a.alarm != RULES_ALARM_NONE)
		act(m, &a, CAUSE_PERSON, someone(m, who), NULL);
}

static void unshelve(struct month *m, const struct month_job *j)
{
	struct pipeline_act a = { .what = ACT_UNSHELVE };

	if (works(m) && (a.alarm = find(m, j->what)) != RULES_ALARM_NONE)
		act(m, &a, CAUSE_PERSON, MAINTAINER, NULL);
}

void month_shelve(struct month *m, const char *alarm, int64_t for_ms)
{
	struct pipeline_act a = { .what = ACT_SHELVE, .for_ns = for_ms * CLOCK_NS_PER_MS };

	if (!works(m) || (a.alarm = find(m, alarm)) == RULES_ALARM_NONE)
		return;
	act(m, &a, CAUSE_PERSON, MAINTAINER, "is being looked at");
	if (for_ms < 20 * HOUR_MS && month_chance(m, 50))
		month_add(m, month_now(m) + month_draw(m, 10, for_ms / MINUTE_MS) * MINUTE_MS, unshelve, alarm);
}

static void shelve(struct month *m, const struct month_job *j)
{
	month_shelve(m, j->what, month_draw(m, 1, 12) * HOUR_MS);
}

void month_service(struct month *m, const char *point, bool out)
{
	const struct site *s = works(m) ? &m->h.app->generation->config->site : NULL;
	struct pipeline_act a = { .what = ACT_SERVICE, .out = out };

	for (; s && a.point < s->n_points && strcmp(s->points[a.point].id, point) != 0; a.point++)
		;
	if (s && a.point < s->n_points)
		act(m, &a, CAUSE_PERSON, MAINTAINER, out ? "a new one is ordered" : NULL);
}

static void back_in_service(struct month *m, const struct month_job *j)
{
	if (works(m))
		month_service(m, j->what, false);
	else
		again(m, j, HOUR_MS);
}

static void out_of_service(struct month *m, const struct month_job *j)
{
	static const enum kind kinds[] = { KIND_SMOKE_DETECTOR, KIND_FIRE_DOOR, KIND_HYDRANT_PRESSURE, KIND_RESIDUAL_CURRENT };
	const char *point = month_point(m, kinds[roll(&m->dice, 4)]);

	(void)j;
	month_service(m, point, true);
	month_add(m, month_now(m) + month_draw(m, 2, 100) * HOUR_MS, back_in_service, point)->n = 9;
}

void month_end_test(struct month *m, const char *select)
{
	struct pipeline_act a = { .what = ACT_TEST_END, .select = select[0] ? select : NULL };

	if (works(m))
		act(m, &a, CAUSE_PERSON, MAINTAINER, NULL);
}

static void end_test(struct month *m, const struct month_job *j)
{
	month_end_test(m, j->what);
}

void month_test(struct month *m, const char *select, int64_t for_ms, bool drill)
{
	struct pipeline_act a = { .what = ACT_TEST, .mode = drill ? MODE_DRILL : MODE_TEST, .select = select, .for_ns = for_ms * CLOCK_NS_PER_MS };

	if (works(m))
		act(m, &a, CAUSE_PERSON, MAINTAINER, "as planned");
}

/* A detector or two are tried, floor by floor; half of the tests are ended by hand. */
static void test(struct month *m, const struct month_job *j)
{
	char select[40];

	(void)j;
	snprintf(select, sizeof select, "floor=%d", (int)month_draw(m, 5, 32));
	month_test(m, select, month_draw(m, 30, 180) * MINUTE_MS, false);
	struct builtin_where where = { .floor = select + 6 };
	month_raise(m, "fire", &where, 8 * MINUTE_MS);
	if (month_chance(m, 50))
		month_add(m, month_now(m) + month_draw(m, 10, 25) * MINUTE_MS, end_test, select);
}

static void drill(struct month *m, const struct month_job *j)
{
	char floor[8];
	struct builtin_where where = { .floor = floor };

	snprintf(floor, sizeof floor, "%d", (int)month_draw(m, 5, 32));
	month_test(m, "all", 2 * HOUR_MS, true);
	month_raise(m, "drill", &where, 0);
	month_add(m, month_now(m) + month_draw(m, 10, 90) * MINUTE_MS, end_test, j->n ? "all" : "");
}

static void report(struct month *m, const struct month_job *j)
{
	static const enum alarm_class classes[] = { CLASS_FIRE, CLASS_SUPERVISORY, CLASS_PREALARM, CLASS_FAULT };
	char floor[8], who[96];
	struct pipeline_act a = { .what = ACT_REPORT, .class_ = classes[roll(&m->dice, 4)], .floor = floor };

	(void)j;
	snprintf(floor, sizeof floor, "%d", (int)month_draw(m, 1, 32));
	if (works(m))
		act(m, &a, CAUSE_MANUAL, someone(m, who), "seen on the round");
}

static void silence(struct month *m, const struct month_job *j)
{
	char who[96];

	(void)j;
	if (works(m))
		app_silence(m->h.app, someone(m, who), NULL);
}

/* ---- duty ---- */

static void duty(struct month *m, enum transition what, const char *name, const char *from)
{
	char who[96];
	struct err e;

	snprintf(who, sizeof who, "%s (uid 1001)", from);
	if (works(m))
		count(m, app_duty(m->h.app, what, name, from, who, NULL, &e));
}

static void come(struct month *m, const struct month_job *j)
{
	duty(m, TRANSITION_DUTY_ON, j->what, j->what);
}

static void leave(struct month *m, const struct month_job *j)
{
	duty(m, TRANSITION_DUTY_OFF, j->what, j->what);
}

/* Each hands over to one of the other team; now and then one goes early, or comes late. */
static void shift(struct month *m, const struct month_job *j)
{
	const char *const *off = teams[j->n], *const *on = teams[1 - j->n];

	for (int i = 0; i < 2; i++) {
		if (month_chance(m, 85)) {
			duty(m, TRANSITION_HANDOVER, on[i], off[i]);
		} else {
			duty(m, TRANSITION_DUTY_OFF, off[i], off[i]);
			month_add(m, month_now(m) + month_draw(m, 5, 120) * MINUTE_MS, come, on[i]);
		}
		month_add(m, month_now(m) + 3 * HOUR_MS, come, on[i]); /* if the daemon was away */
		month_add(m, month_now(m) + 3 * HOUR_MS, leave, off[i]);
	}
	if (month_chance(m, 20)) {
		month_add(m, month_now(m) + 5 * HOUR_MS, leave, on[1]);
		month_add(m, month_now(m) + 5 * HOUR_MS + month_draw(m, 10, 200) * MINUTE_MS, come, on[1]);
	}
}

/* ---- what they are told ---- */

static void soon(struct month *m, int64_t after_ms, void (*run)(struct month *m, const struct month_job *j), const char *alarm, const struct event_id *occurrence, int64_t n)
{
	struct month_job *j = month_add(m, month_now(m) + after_ms, run, alarm);

	j->occurrence = *occurrence;
	j->n = n;
}

static void react_to_begin(struct month *m, const char *alarm, enum alarm_class class_, const struct event_id *occurrence)
{
	static const unsigned verdicts[CLASS_COUNT] = { 85, 50, 20, 15 };
	bool fire = class_ == CLASS_FIRE;

	if (month_chance(m, 90))
		soon(m, fire ? month_draw(m, 15, 300) * SECOND_MS : month_draw(m, 1, 60) * MINUTE_MS, acknowledge, alarm, occurrence, 5);
	if (month_chance(m, verdicts[class_]))
		soon(m, month_draw(m, 4, 60) * MINUTE_MS, verify, alarm, occurrence, 5);
	if (month_chance(m, verdicts[class_] / 8))
		soon(m, month_draw(m, 60, 400) * MINUTE_MS, verify, alarm, occurrence, 5);
	if (fire || strncmp(alarm, "_manual.", 8) == 0)
		soon(m, month_draw(m, 15, 120) * MINUTE_MS, reset, alarm, occurrence, 12);
	if (!fire && month_chance(m, 4))
		soon(m, month_draw(m, 2, 30) * MINUTE_MS, shelve, alarm, occurrence, 0);
	if (fire && month_chance(m, 15))
		soon(m, month_draw(m, 5, 60) * SECOND_MS, silence, "", occurrence, 0);
}

static const char *text_of(const json_t *e, const char *key)
{
	const char *t = json_string_value(json_object_get(e, key));

	return t ? t : "";
}

void month_on_stored(void *user, const struct outmsg *msg)
{
	struct month *m = user;
	json_t *e = json_loadb(msg->data, msg->len, 0, NULL);
	struct event_id occurrence = { 0, 0 };
	enum alarm_class class_;

	assert_non_null(e);
	const char *what = text_of(e, "transition"), *alarm = text_of(e, "alarm");
	bool begins = strcmp(what, "raised") == 0 || strcmp(what, "confirmed") == 0;
	if (alarm[0] && alarm_class_find(text_of(e, "class"), &class_) == 0 && class_ != CLASS_DISABLEMENT && event_id_parse(text_of(e, begins ? "id" : "occurrence"), &occurrence) == 0) {
		if (begins)
			react_to_begin(m, alarm, class_, &occurrence);
		else if (strcmp(what, "reraised") == 0 && month_chance(m, 85))
			soon(m, month_draw(m, 1, 30) * MINUTE_MS, acknowledge, alarm, &occurrence, 5);
		else if (strcmp(what, "chattering") == 0 && month_chance(m, 50))
			soon(m, month_draw(m, 1, 10) * MINUTE_MS, shelve, alarm, &occurrence, 0);
	}
	json_decref(e);
}

/* ---- the plan ---- */

void month_plan_people(struct month *m, int64_t from_ms, int64_t to_ms)
{
	static const struct { void (*run)(struct month *m, const struct month_job *j); int n; } some[] = { { test, 5 }, { drill, 2 }, { report, 8 }, { out_of_service, 9 } };

	month_add(m, from_ms + MINUTE_MS, come, teams[0][0]);
	month_add(m, from_ms + 2 * MINUTE_MS, come, teams[0][1]);
	int64_t at = from_ms - (from_ms + 8 * HOUR_MS) % DAY_MS + 8 * HOUR_MS; /* eight in the morning there */
	for (int64_t i = 0, team = 0; at < to_ms; i++, at += 12 * HOUR_MS)
		if (at > from_ms + HOUR_MS)
			month_add(m, at + month_draw(m, 0, 20) * MINUTE_MS, shift, "")->n = team++ % 2;
	for (size_t i = 0; i < sizeof some / sizeof *some; i++)
		for (int k = 0; k < some[i].n; k++)
			month_add(m, month_draw(m, from_ms + (to_ms - from_ms) * k / some[i].n, from_ms + (to_ms - from_ms) * (k + 1) / some[i].n), some[i].run, "")->n = k % 2;
}
