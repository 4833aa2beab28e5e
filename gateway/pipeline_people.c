/* What people do beside acknowledging: shelves, points out of service, verdicts, reports, tests and drills; and floods, which are too much for people. Everything comes in at the
 * front like a reading, and leaves as events. Failure modes: what is refused changes nothing and says why. */
#include "gateway/pipeline_inside.h"

#include "gateway/select.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TESTS_KEY       "_gw.tests" /* their row among the kept states; an alarm's name has a slash */
#define FLOOD_KEY       "_gw.flood"
#define FLOOD_WINDOW_NS (600 * CLOCK_NS_PER_S)
#define FLOOD_END       5
#define FLOOD_AWAY_MAX_MS (INT64_C(10) * 366 * 24 * 3600 * 1000)

/* ---- floods ---- */

static int64_t nth_latest(const struct pipeline *p, size_t n)
{
	size_t ring = sizeof p->raises_ns / sizeof p->raises_ns[0];

	return p->n_raises >= n ? p->raises_ns[(p->n_raises - n) % ring] : INT64_MIN / 2;
}

static void tell_flood(struct pipeline *p, bool begins, struct stamp at)
{
	struct event_operation o = {
		.what = begins ? TRANSITION_FLOOD_START : TRANSITION_FLOOD_END, .cause = CAUSE_SELF, .at = at,
		.message_zh = begins ? "报警泛滥:10 分钟内超过 10 条" : "报警泛滥结束:10 分钟内少于 5 条",
		.message_en = begins ? "alarm flood: more than 10 alarms within 10 minutes" : "the alarm flood is over: fewer than 5 within 10 minutes",
	};

	p->flood = begins;
	p->flood_dirty = true;
	pipeline_operation(p, &o);
}

void pipeline_count_raise(struct pipeline *p, struct stamp at)
{
	p->raises_ns[p->n_raises++ % (sizeof p->raises_ns / sizeof p->raises_ns[0])] = at.mono_ns;
	if (!p->flood && at.mono_ns - nth_latest(p, PIPELINE_FLOOD + 1) <= FLOOD_WINDOW_NS)
		tell_flood(p, true, at);
	p->flood_dirty = p->flood_dirty || p->flood;
}

void pipeline_watch_flood(struct pipeline *p, struct stamp now)
{
	int64_t over_ns = nth_latest(p, FLOOD_END) + FLOOD_WINDOW_NS;

	if (p->flood && over_ns < now.mono_ns)
		tell_flood(p, false, clock_shift(now, over_ns - now.mono_ns));
}

bool pipeline_in_flood(const struct pipeline *p)
{
	return p->flood;
}

/* A flood that runs outlives the daemon that counted it: the moment and the machine's boot, the latest raises in the order in which they came. */
static void save_flood(struct pipeline *p, struct stamp now)
{
	size_t ring = sizeof p->raises_ns / sizeof p->raises_ns[0], n = p->n_raises < ring ? p->n_raises : ring;
	char mem[512];
	struct strbuf text;

	if (!p->flood_dirty)
		return;
	strbuf_init_fixed(&text, mem, sizeof mem);
	if (p->flood)
		strbuf_printf(&text, "%lld %lld %llu", (long long)now.mono_ns, (long long)now.wall_ms, (unsigned long long)p->c.machine_boot);
	for (size_t i = n; p->flood && i > 0; i--)
		strbuf_printf(&text, " %lld", (long long)nth_latest(p, i));
	if (!text.failed && batch_put_state(p->batch, FLOOD_KEY, mem, text.len))
		p->flood_dirty = false;
}

static void restore_flood(struct pipeline *p, const char *text, struct stamp now)
{
	long long saved_ns, saved_ms, raised_ns;
	unsigned long long boot;
	int used = 0;

	if (sscanf(text, "%lld %lld %llu%n", &saved_ns, &saved_ms, &boot, &used) != 3 || saved_ns < 0 || saved_ns > INT64_MAX / 4)
		return;
	/* The machine began anew: the wall clock says how long it was away, if it did not go back. */
	int64_t away_ms = now.wall_ms > saved_ms && saved_ms > 0 ? now.wall_ms - saved_ms : 0, offset_ns = 0;
	if (away_ms > FLOOD_AWAY_MAX_MS)
		away_ms = FLOOD_AWAY_MAX_MS;
	if (boot != p->c.machine_boot)
		offset_ns = now.mono_ns - saved_ns - away_ms * CLOCK_NS_PER_MS;
	p->n_raises = 0;
	for (const char *at = text + used; sscanf(at, "%lld%n", &raised_ns, &used) == 1; at += used)
		if (raised_ns <= saved_ns && raised_ns >= saved_ns - FLOOD_AWAY_MAX_MS * CLOCK_NS_PER_MS)
			p->raises_ns[p->n_raises++ % (sizeof p->raises_ns / sizeof p->raises_ns[0])] = raised_ns + offset_ns;
	/* A row that is damaged must not become a flood that never ends. */
	p->flood = p->n_raises > PIPELINE_FLOOD;
}

/* ---- tests and drills ---- */

const struct pipeline_test *pipeline_tests(const struct pipeline *p)
{
	return p->tests;
}

/* The points that a test's select means now, in p->picked. */
static int pick(struct pipeline *p, const char *text, size_t *ret_n, struct err *reterr)
{
	struct select *s = NULL;
	size_t n = 0;

	if (strcmp(text, "all") != 0 && select_parse(text, &s, reterr))
		return -1;
	for (uint32_t i = 0; i < p->c.site->n_points; i++)
		if (!s || select_fits_point(s, p->c.site, &p->c.site->points[i]))
			p->picked[n++] = i;
	select_free(s);
	*ret_n = n;
	return 0;
}

static void tell_test(struct pipeline *p, const struct pipeline_test *t, bool begins, enum cause cause, const char *actor, const char *note, struct stamp at)
{
	char zh[400], en[400], until[CLOCK_TEXT_MAX];
	bool drill = t->mode == MODE_DRILL;
	struct event_operation o = {
		.what = drill ? begins ? TRANSITION_DRILL_START : TRANSITION_DRILL_END : begins ? TRANSITION_TEST_START : TRANSITION_TEST_END, .cause = cause, .at = at,
		.message_zh = zh, .message_en = en, .actor = actor, .note = note, .mode = t->mode, .select = t->select, .until_ms = t->until_ms,
	};

	clock_format_minute(t->until_ms, until);
	snprintf(zh, sizeof zh, begins ? "%s开始:%s,至 %s" : "%s结束:%s", drill ? "演练" : "测试", t->select, until);
	snprintf(en, sizeof en, begins ? "%s begins: %s, until %s" : "%s ends: %s", drill ? "drill" : "test", t->select, until);
	pipeline_operation(p, &o);
}

static int begin_test(struct pipeline *p, const struct pipeline_event *e, struct err *reterr)
{
	const struct pipeline_act *a = e->act;
	unsigned i = 0;
	size_t n;

	while (i < RULES_TESTS_MAX && p->tests[i].mode != MODE_NORMAL)
		i++;
	struct pipeline_test *t = &p->tests[i];
	if (i == RULES_TESTS_MAX)
		return err_set(reterr, ERR_REFUSED, "%d tests and drills are in force already; end some first: firegw test --end", RULES_TESTS_MAX);
	if (a->for_ns <= 0 || a->for_ns > RULES_TEST_MAX_NS)
		return err_set(reterr, ERR_INVALID, "a test or drill lasts 4 h at most");
	if (strlen(a->select) >= sizeof t->select || strpbrk(a->select, "\t\n"))
		return err_set(reterr, ERR_INVALID, "the select is longer than %zu bytes", sizeof t->select - 1);
	if (pick(p, a->select, &n, reterr))
		return -1;
	if (n == 0)
		return err_set(reterr, ERR_NOT_FOUND, "no point fits '%s'; `firegw points %s` shows which do", a->select, a->select);
	*t = (struct pipeline_test){ .mode = a->mode, .until_ns = e->now.mono_ns + a->for_ns, .until_ms = e->now.wall_ms + a->for_ns / CLOCK_NS_PER_MS };
	snprintf(t->select, sizeof t->select, "%s", a->select);
	snprintf(t->by, sizeof t->by, "%.63s", e->actor ? e->actor : "");
	p->tests_dirty = true;
	tell_test(p, t, true, e->cause, e->actor, e->note, e->now);
	rules_test_begin(p->rules, i, t->mode, p->picked, n, t->until_ns, e->now, &p->sink);
	return 0;
}

static int end_tests(struct pipeline *p, const struct pipeline_event *e, struct err *reterr)
{
	struct rules_who who = { e->cause, e->actor, e->note, e->now };
	size_t n = 0;

	/* Those whose time is over by now ended by themselves. */
	rules_on_time(p->rules, e->now, &p->sink);
	for (unsigned i = 0; i < RULES_TESTS_MAX; i++) {
		struct pipeline_test *t = &p->tests[i];
		if (t->mode == MODE_NORMAL || (e->act->select && strcmp(e->act->select, t->select) != 0))
			continue;
		n++;
		tell_test(p, t, false, e->cause, e->actor, e->note, e->now);
		t->mode = MODE_NORMAL;
		p->tests_dirty = true;
		rules_test_end(p->rules, i, &who, &p->sink);
	}
	if (n)
		return 0;
	return e->act->select ? err_set(reterr, ERR_REFUSED, "no test or drill of '%s' is in force; `firegw status` shows those that are", e->act->select)
	                      : err_set(reterr, ERR_REFUSED, "no test or drill is in force");
}

void pipeline_test_over(void *user, unsigned test, struct stamp at)
{
	struct pipeline *p = user;
	struct pipeline_test *t = &p->tests[test];

	if (t->mode == MODE_NORMAL)
		return;
	tell_test(p, t, false, CAUSE_DELAY, NULL, NULL, at);
	t->mode = MODE_NORMAL;
	p->tests_dirty = true;
}

/* A line each: mode, end on the machine's clock and by the wall, the machine's boot, select, by. */
static void save_tests(struct pipeline *p)
{
	struct strbuf text = STRBUF_INIT;

	if (!p->tests_dirty)
		return;
	p->effects->commit_now = true;
	for (size_t i = 0; i < RULES_TESTS_MAX; i++) {
		const struct pipeline_test *t = &p->tests[i];
		if (t->mode != MODE_NORMAL)
			strbuf_printf(&text, "%zu\t%d\t%lld\t%lld\t%llu\t%s\t%s\n", i, (int)t->mode, (long long)t->until_ns, (long long)t->until_ms, (unsigned long long)p->c.machine_boot, t->select, t->by);
	}
	if (!text.failed && batch_put_state(p->batch, TESTS_KEY, text.data ? text.data : "", text.len))
		p->tests_dirty = false;
	strbuf_done(&text);
}

void pipeline_save_people(struct pipeline *p, struct stamp now)
{
	save_tests(p);
	save_flood(p, now);
}

static void resume(struct pipeline *p, unsigned i)
{
	const struct pipeline_test *t = &p->tests[i];
	struct err e;
	size_t n;

	if (pick(p, t->select, &n, &e))
		n = 0;
	rules_test_restore(p->rules, i, t->mode, p->picked, n, t->until_ns);
}

static void restore_line(struct pipeline *p, char *line, struct stamp now)
{
	struct pipeline_test t = { 0 };
	unsigned long long boot;
	long long until_ns, until_ms;
	int mode, used = 0;
	unsigned i;

	if (sscanf(line, "%u\t%d\t%lld\t%lld\t%llu\t%n", &i, &mode, &until_ns, &until_ms, &boot, &used) != 5 || !used || i >= RULES_TESTS_MAX ||
	    (mode != MODE_TEST && mode != MODE_DRILL))
		return;
	char *by = strchr(line + used, '\t');
	if (!by)
		return;
	*by++ = '\0';
	/* The machine began anew: what is left goes by the wall clock, and is never more than a test may last. */
	int64_t left_ns = boot == p->c.machine_boot ? until_ns - now.mono_ns : (until_ms - now.wall_ms) * CLOCK_NS_PER_MS;
	t.mode = (enum alarm_mode)mode;
	t.until_ns = now.mono_ns + (left_ns < 0 ? 0 : left_ns > RULES_TEST_MAX_NS ? RULES_TEST_MAX_NS : left_ns);
	t.until_ms = until_ms;
	snprintf(t.select, sizeof t.select, "%s", line + used);
	snprintf(t.by, sizeof t.by, "%s", by);
	p->tests[i] = t;
	resume(p, i);
}

bool pipeline_restore_people(struct pipeline *p, const char *key, const void *blob, size_t len, struct stamp now)
{
	bool of_flood = strcmp(key, FLOOD_KEY) == 0;
	char *text, *rest, *line;

	if (!of_flood && strcmp(key, TESTS_KEY) != 0)
		return false;
	text = rest = strndup(blob, len);
	if (text && of_flood)
		restore_flood(p, text, now);
	while (!of_flood && text && (line = strsep(&rest, "\n")))
		restore_line(p, line, now);
	free(text);
	return true;
}

void pipeline_adopt_tests(struct pipeline *p, const struct pipeline *old)
{
	memcpy(p->tests, old->tests, sizeof p->tests);
	p->tests_dirty = old->tests_dirty;
	for (unsigned i = 0; i < RULES_TESTS_MAX; i++)
		if (p->tests[i].mode != MODE_NORMAL)
			resume(p, i);
	memcpy(p->raises_ns, old->raises_ns, sizeof p->raises_ns);
	p->n_raises = old->n_raises;
	p->flood = old->flood;
	p->flood_dirty = old->flood_dirty;
}

/* ---- the door ---- */

static int service(struct pipeline *p, const struct pipeline_event *e, const struct rules_who *who, struct err *reterr)
{
	const char *id = p->c.site->points[e->act->point].id;
	bool out = e->act->out;
	char zh[200], en[200];
	struct event_operation o = {
		.what = out ? TRANSITION_SERVICE_OUT : TRANSITION_SERVICE_IN, .cause = e->cause, .at = e->now, .message_zh = zh, .message_en = en, .actor = e->actor, .note = e->note,
	};

	if (rules_service(p->rules, e->act->point, out, who, &p->sink, reterr))
		return -1;
	snprintf(zh, sizeof zh, out ? "点位 %s 退出运行" : "点位 %s 恢复运行", id);
	snprintf(en, sizeof en, out ? "point %s is out of service" : "point %s is in service again", id);
	pipeline_operation(p, &o);
	return 0;
}

static int act(struct pipeline *p, const struct pipeline_event *e, struct err *reterr)
{
	const struct pipeline_act *a = e->act;
	struct rules_who who = { e->cause, e->actor, e->note, e->now };

	switch (a->what) {
	case ACT_SHELVE: return rules_shelve(p->rules, a->alarm, a->for_ns, &who, &p->sink, reterr);
	case ACT_UNSHELVE: return rules_unshelve(p->rules, a->alarm, &who, &p->sink, reterr);
	case ACT_VERIFY: return rules_verify(p->rules, a->alarm, a->occurrence, a->verdict, a->verdict_cause, &who, &p->sink, reterr);
	case ACT_SERVICE: return service(p, e, &who, reterr);
	case ACT_REPORT: return rules_report(p->rules, a->building, a->floor, a->class_, &who, &p->sink, reterr);
	case ACT_TEST: return begin_test(p, e, reterr);
	case ACT_TEST_END: return end_tests(p, e, reterr);
	}
	return err_set(reterr, ERR_UNSUPPORTED, "unknown act");
}

void pipeline_act(struct pipeline *p, const struct pipeline_event *e, struct err *reterr)
{
	if (act(p, e, reterr) == 0)
		reterr->code = ERR_NONE;
}
