/* Our own faults, as alarms: what the gateway notices about itself goes in at the pipeline's front, like everything else that decides. */
#include "gateway/app.h"

#include <stdio.h>
#include <string.h>
#include <systemd/sd-daemon.h>

#define TICK_NS        CLOCK_NS_PER_S
#define ANSWERS_NS     (60 * CLOCK_NS_PER_S)
#define SILENT_MIN_NS  (10 * CLOCK_NS_PER_S)
#define LOOP_LATE_NS   (500 * CLOCK_NS_PER_MS)
#define LOOP_CALM_NS   (30 * CLOCK_NS_PER_S)

static uint32_t find(struct app *a, const char *thing, const char *name, const char *what)
{
	char id[160];

	snprintf(id, sizeof id, name ? "_gw.%s-%s/%s" : "_gw.%s%s/%s", thing, name ? name : "", what);
	return a->pipeline ? rules_find(pipeline_rules(a->pipeline), id) : RULES_ALARM_NONE;
}

bool app_own_stands(struct app *a, const char *thing, const char *name, const char *what)
{
	uint32_t alarm = find(a, thing, name, what);
	struct rules_present present;

	if (alarm == RULES_ALARM_NONE)
		return false;
	rules_present(pipeline_rules(a->pipeline), alarm, &present);
	return present.active;
}

void app_own_started(struct app *a)
{
	app_own(a, "storage", NULL, "slow", false);
	app_own(a, "storage", NULL, "failing", false);
	app_own(a, "storage", NULL, "full", false);
	app_own(a, "config", NULL, "refused", false);
	app_duty_check(a);
	a->clock_told = app_own_stands(a, "clock", NULL, "untrusted"); /* the first tick says how it is now */
}

void app_own(struct app *a, const char *thing, const char *name, const char *what, bool on)
{
	struct pipeline_event e = { .type = EVENT_OWN, .now = loop_now(&a->loop), .on = on, .alarm = find(a, thing, name, what) };
	struct pipeline_effects fx;

	if (e.alarm == RULES_ALARM_NONE)
		return;
	pipeline_step(a->pipeline, &e, &fx);
	app_effects(a, &fx, e.now);
}

static int64_t patience_ns(const struct config_bus *b, size_t device)
{
	int64_t every = 0;

	for (size_t i = 0; i < b->n_points; i++)
		if (b->points[i].device == device && (!every || b->points[i].every_ns < every))
			every = b->points[i].every_ns;
	return every * 3 > SILENT_MIN_NS ? every * 3 : SILENT_MIN_NS;
}

bool app_bus_up(const struct app_bus *b)
{
	const struct config_bus *c = poller_bus(b->poller);
	struct bus_unit_stats u;

	for (size_t i = 0; i < c->bus.n_devices && !b->watch.down; i++) {
		poller_unit_stats(b->poller, i, &u);
		if (u.last_good_ns)
			return true;
	}
	return false;
}

/* ---- a device that answers, and wrongly ---- */

static const struct { const char *zh, *en; } wrong_answers[] = {
	{ "有应答但不符:单元号、功能码或长度与请求不一致", "answers, but wrongly: of another unit, function or length than was asked" },
	{ "有应答但残缺或校验错误", "answers, but brokenly: cut off, or with a wrong checksum" },
	{ "有应答但超时", "answers, but late: after the timeout" },
	{ "有应答但拒绝请求(异常应答)", "answers, but refuses what it is asked (exception replies)" },
};
_Static_assert(sizeof wrong_answers / sizeof wrong_answers[0] == sizeof((struct app_answers *)0)->counts / sizeof(uint64_t), "one count a kind");

/* Exceptions 10 and 11 are a gateway's, for a device behind it that is silent. */
static uint64_t refusals(const struct bus_unit_stats *u)
{
	uint64_t n = 0;

	for (size_t i = 1; i < 10; i++)
		n += u->exceptions[i];
	return n;
}

static void note_answers(struct app_answers *a, const struct bus_unit_stats *u, struct stamp now)
{
	const uint64_t counts[] = { u->wrong, u->broken, u->late, refusals(u) };

	if (u->last_good_ns > a->at_ns)
		a->at_ns = 0; /* it answered well since then: that is not why it is silent */
	for (size_t i = sizeof counts / sizeof counts[0]; i-- > 0;) {
		if (counts[i] == a->counts[i])
			continue;
		a->counts[i] = counts[i];
		a->at_ns = now.mono_ns;
		a->kind = i;
	}
}

/* A device that is silent for longer is asked every 30 s. */
static bool answers_wrongly(const struct app_answers *a, struct stamp now)
{
	return a->at_ns && now.mono_ns - a->at_ns < ANSWERS_NS;
}

const char *app_device_why(const struct app_bus *b, size_t device, struct stamp now)
{
	const struct app_answers *a = &b->answers[device];

	return answers_wrongly(a, now) ? wrong_answers[a->kind].en : "does not answer";
}

static const struct app_answers *wrong_device(const struct app_bus *b, struct stamp now)
{
	size_t n = poller_bus(b->poller)->bus.n_devices;

	for (size_t i = 0; i < n; i++)
		if (answers_wrongly(&b->answers[i], now))
			return &b->answers[i];
	return NULL;
}

const char *app_bus_why(const struct app_bus *b, const struct bus_stats *s, struct stamp now)
{
	const struct app_answers *a = s->connected ? wrong_device(b, now) : NULL;

	return a ? wrong_answers[a->kind].en : s->why[0] ? s->why : b->watch.down ? "nothing answers" : "nothing has answered yet";
}

static void tell_silent(struct app *a, struct app_bus *b, size_t device, struct stamp now)
{
	const struct config_bus *c = poller_bus(b->poller);
	const struct app_answers *answers = &b->answers[device];
	const char *name = c->bus.devices[device].name;
	bool wrong = answers_wrongly(answers, now);
	char id[160];

	snprintf(id, sizeof id, "_gw.device-%s/silent", name);
	generation_say_more(a->generation, id, wrong ? wrong_answers[answers->kind].zh : "无应答", wrong ? wrong_answers[answers->kind].en : "does not answer");
	repeat_log(&b->repeat, now.mono_ns, LOG_LEVEL_WARNING, "bus", NULL, "%s: device %s %s", c->bus.name, name, app_device_why(b, device, now));
}

static void tell_down(struct app *a, struct app_bus *b, const struct bus_stats *s, struct stamp now)
{
	const char *name = poller_bus(b->poller)->bus.name;
	bool wrong = s->connected && wrong_device(b, now);
	char id[160];

	snprintf(id, sizeof id, "_gw.bus-%s/down", name);
	generation_say_more(a->generation, id, wrong ? ":设备有应答但不正确" : NULL, wrong ? ": its devices answer, but wrongly" : NULL);
	repeat_log(&b->repeat, now.mono_ns, LOG_LEVEL_ERROR, "bus", NULL, "%s: down: %s", name, app_bus_why(b, s, now));
}

#define KEEPING_NS    (60 * CLOCK_NS_PER_S)
#define KEEPING_LEAST 5   /* so many missed polls in that time, */
#define KEEPING_PART  50  /* and one in so many: the line is overcommitted, until it is not even half of that */

/* A line that has more to ask than it has time for. What is most urgent goes first, and the rest is read less often than is asked: that is to be known. */
static void watch_keeping(struct app *a, struct app_bus *b, const struct bus_stats *s, uint64_t polls, struct stamp now)
{
	const char *name = poller_bus(b->poller)->bus.name;
	struct app_keeping *k = &b->keeping;
	uint64_t missed = s->missed - k->missed, due = polls - k->polls + missed, limit = k->told ? 2 * KEEPING_PART : KEEPING_PART;

	if (!k->since_ns)
		*k = (struct app_keeping){ now.mono_ns, s->missed, polls, k->told };
	if (now.mono_ns - k->since_ns < KEEPING_NS)
		return;
	bool over = !b->watch.down && missed >= KEEPING_LEAST && missed * limit >= due;
	if (over && !k->told) {
		generation_say_kept(a->generation, name, due - missed, due);
		log_warning("bus", "%s: cannot keep its intervals: of %llu polls due in the last minute %llu were kept", name, (unsigned long long)due, (unsigned long long)(due - missed));
	} else if (k->told && !over) {
		log_info("bus", "%s: keeps its intervals again", name);
	}
	if (over != k->told)
		app_own(a, "bus", name, "overcommitted", over);
	*k = (struct app_keeping){ now.mono_ns, s->missed, polls, over };
}

static void tell_line(struct app *a, struct app_bus *b, const struct bus_stats *s, struct stamp now)
{
	const char *name = poller_bus(b->poller)->bus.name;

	b->since_ms = now.wall_ms;
	if (b->watch.down)
		tell_down(a, b, s, now);
	else
		repeat_log(&b->repeat, now.mono_ns, LOG_LEVEL_INFO, "bus", NULL, "%s: up again", name);
	app_own(a, "bus", name, "down", b->watch.down);
}

/* One fault a device, and one for a line of which nothing answers instead of one for each of its devices. */
static void watch_bus(struct app *a, struct app_bus *b, struct stamp now)
{
	const struct config_bus *c = poller_bus(b->poller);
	struct line_watch *w = &b->watch;
	struct bus_unit_stats u;
	struct bus_stats s;
	uint64_t polls = 0;
	bool was_down = w->down;

	for (size_t i = 0; i < w->n_units; i++) {
		poller_unit_stats(b->poller, i, &u);
		polls += u.polls_good + u.polls_bad;
		note_answers(&b->answers[i], &u, now);
		w->units[i].last_good_ns = u.last_good_ns;
		w->units[i].patience_ns = patience_ns(c, i);
	}
	poller_stats(b->poller, &s);
	line_watch_judge(w, s.connected, now.mono_ns);
	if (w->down != was_down)
		tell_line(a, b, &s, now);
	for (size_t i = 0; i < w->n_units; i++) {
		if (w->units[i].told == w->units[i].was_told)
			continue;
		if (w->units[i].told)
			tell_silent(a, b, i, now);
		app_own(a, "device", c->bus.devices[i].name, "silent", w->units[i].told);
	}
	watch_keeping(a, b, &s, polls, now);
}

static void watch_clock(struct app *a, struct stamp now)
{
	if (now.wall_trusted == !a->clock_told)
		return;
	a->clock_told = !now.wall_trusted;
	app_own(a, "clock", NULL, "untrusted", a->clock_told);
}

/* It stands until the loop was in time for a while: not an event a second. */
static void watch_loop(struct app *a, struct stamp now)
{
	int64_t late = loop_take_late(&a->loop);

	if (late > a->worst_late_ns)
		a->worst_late_ns = late;
	if (late > LOOP_LATE_NS)
		repeat_log(&a->repeat_loop, now.mono_ns, LOG_LEVEL_WARNING, "app", "late", "the loop was %lld ms late", (long long)(late / CLOCK_NS_PER_MS));
	if (late > LOOP_LATE_NS)
		a->late_until_ns = now.mono_ns + LOOP_CALM_NS;
	app_own(a, "loop", NULL, "late", now.mono_ns < a->late_until_ns);
}

/* What was only counted in the log is said, when its minute is over. */
static void sweep_log(struct app *a, struct stamp now)
{
	repeat_sweep(&a->repeat_store, now.mono_ns);
	repeat_sweep(&a->repeat_loop, now.mono_ns);
	for (size_t i = 0; i < a->n_buses; i++)
		repeat_sweep(&a->buses[i].repeat, now.mono_ns);
	for (size_t i = 0; i < a->n_hubs; i++)
		repeat_sweep(&a->hubs[i]->repeat, now.mono_ns);
}

void app_tick(void *user, struct stamp now)
{
	struct app *a = user;

	for (size_t i = 0; i < a->n_buses && !a->stopping; i++)
		watch_bus(a, &a->buses[i], now);
	sweep_log(a, now);
	/* Where an event list stood at its first look is stored, though nothing else may have happened. */
	if (!a->stopping) {
		app_learned_flush(a, a->open->commit.batch);
		if (!batch_is_empty(a->open->commit.batch))
			app_commit_by(a, now.mono_ns + a->generation->config->commit_ms * CLOCK_NS_PER_MS);
	}
	if (!a->stopping)
		app_power_tick(a);
	watch_clock(a, now);
	watch_loop(a, now);
	app_report_tick(a, now);
	sd_notify(0, "WATCHDOG=1");
	loop_timer_set(&a->loop, &a->tick_timer, now.mono_ns + TICK_NS);
}

void app_clock_step(void *user, int64_t by_ms, struct stamp now)
{
	struct app *a = user;
	char zh[160], en[160];

	if (!a->pipeline || a->stopping)
		return;
	snprintf(zh, sizeof zh, "系统时钟跳变 %+.3f 秒", (double)by_ms / 1000);
	snprintf(en, sizeof en, "the wall clock was stepped by %+.3f s", (double)by_ms / 1000);
	log_warning("app", "%s", en);
	(void)now;
	app_operation(a, TRANSITION_CLOCK_STEP, CAUSE_SELF, zh, en, NULL);
}
