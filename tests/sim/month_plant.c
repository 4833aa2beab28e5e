/* What goes wrong with the equipment in a month: a few of everything, at moments and places drawn from the seed. */
#include "tests/sim/month.h"

#include <string.h>

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

static const char *floor_text(struct month *m, char buf[8])
{
	snprintf(buf, 8, "%d", (int)month_draw(m, 5, 32));
	return buf;
}

static bool put(struct month *m, struct effect *e, int64_t for_ms)
{
	struct err err;

	if (for_ms)
		e->end_ms = for_ms;
	if (world_raise(&m->world, e, &err))
		return false; /* it stands already */
	month_touch(m);
	return true;
}

bool month_raise(struct month *m, const char *builtin, const struct builtin_where *where, int64_t for_ms)
{
	struct effect e;
	struct err err;

	world_step(&m->world, month_now(m) - m->world_from_ms);
	if (world_plan(&m->world, builtin, where, roll(&m->dice, UINT64_MAX), &e, &err))
		fail_msg("%s: %s", builtin, err.text);
	return put(m, &e, for_ms);
}

bool month_move(struct month *m, const char *point, const char *to, int64_t for_ms)
{
	struct world_move move = { .select = point, .to = to, .for_ms = for_ms };
	struct effect e;
	struct err err;

	world_step(&m->world, month_now(m) - m->world_from_ms);
	if (world_plan_move(&m->world, &move, &e, &err))
		fail_msg("%s to %s: %s", point, to, err.text);
	return put(m, &e, 0);
}

const char *month_point(struct month *m, enum kind kind)
{
	const struct site *s = &m->plant->site;
	size_t n = 0;

	for (size_t i = 0; i < s->n_points; i++)
		n += s->points[i].kind == kind && m->world.bank.cells[i].point;
	size_t k = n ? roll(&m->dice, n) : 0;
	for (size_t i = 0; i < s->n_points; i++)
		if (s->points[i].kind == kind && m->world.bank.cells[i].point && k-- == 0)
			return s->points[i].id;
	return "";
}

/* ---- one of each ---- */

static void fire(struct month *m, const struct month_job *j)
{
	char floor[8];
	struct builtin_where where = { .floor = floor_text(m, floor) };

	(void)j;
	month_raise(m, "fire", &where, month_draw(m, 6, 40) * MINUTE_MS);
}

/* Two floors and the mains: more than people can follow. */
static void catastrophe(struct month *m, const struct month_job *j)
{
	struct builtin_where nowhere = { 0 };

	fire(m, j);
	fire(m, j);
	month_raise(m, "mains-loss", &nowhere, month_draw(m, 20, 90) * MINUTE_MS);
}

static void somewhere(struct month *m, const struct month_job *j)
{
	struct builtin_where nowhere = { 0 };

	month_raise(m, j->what, &nowhere, month_draw(m, 5, 60 * 8) * MINUTE_MS);
}

static void leak(struct month *m, const struct month_job *j)
{
	struct builtin_where where = { .zone = month_chance(m, 50) ? "high" : "low" };

	(void)j;
	month_raise(m, "riser-leak", &where, month_draw(m, 30, 300) * MINUTE_MS);
}

static void dead_device(struct month *m, const struct month_job *j)
{
	const struct site *s = &m->plant->site;
	struct builtin_where where = { .device = s->devices[roll(&m->dice, s->n_devices)].name };

	(void)j;
	month_raise(m, "device-dead", &where, month_draw(m, 30, 20 * 60) * MINUTE_MS);
}

static void dead_line(struct month *m, const struct month_job *j)
{
	const struct site *s = &m->plant->site;
	struct builtin_where where = { .bus = s->buses[roll(&m->dice, s->n_buses)] };

	(void)j;
	month_raise(m, "device-dead", &where, month_draw(m, 40, 5 * 60) * MINUTE_MS);
}

/* A detector, a button, a door or the like, by itself. */
static void single(struct month *m, const struct month_job *j)
{
	static const struct { enum kind kind; const char *to; int64_t most; } what[] = {
		{ KIND_SMOKE_DETECTOR, "alarm", 30 }, { KIND_SMOKE_DETECTOR, "alarm", 30 }, { KIND_HEAT_DETECTOR, "alarm", 30 }, { KIND_MANUAL_CALL_POINT, "alarm", 20 },
		{ KIND_SMOKE_DETECTOR, "fault", 2000 }, { KIND_SMOKE_DETECTOR, "disabled", 4000 }, { KIND_MANUAL_CALL_POINT, "fault", 900 }, { KIND_SIGNAL_VALVE, "alarm", 300 },
		{ KIND_FIRE_DOOR, "alarm", 200 }, { KIND_FIRE_DAMPER, "alarm", 200 }, { KIND_RESIDUAL_CURRENT, "alarm", 120 }, { KIND_SPRINKLER_FLOW, "alarm", 40 },
	};
	size_t i = roll(&m->dice, sizeof what / sizeof *what);

	(void)j;
	month_move(m, month_point(m, what[i].kind), what[i].to, month_draw(m, 1, what[i].most) * MINUTE_MS);
}

static void stuck(struct month *m, const struct month_job *j)
{
	static const char *const of[] = { "signal-valve", "damper-1", "damper-2", "box" };
	char point[40];

	snprintf(point, sizeof point, "f32-box.%s", of[j->n - 1]);
	month_move(m, point, "alarm", 2 * HOUR_MS);
}

/* A detector that comes and goes, some seconds or half a minute each. */
static void flutter(struct month *m, const struct month_job *j)
{
	struct err err;
	char point[160], name[120];

	snprintf(point, sizeof point, "%s", j->what);
	snprintf(name, sizeof name, "%.110s to alarm", point);
	world_step(&m->world, month_now(m) - m->world_from_ms);
	if (world_clear(&m->world, name, &err) == 0)
		month_touch(m);
	else
		month_move(m, point, "alarm", 0);
	if (j->n > 0)
		month_add(m, month_now(m) + month_draw(m, 3, j->n % 7 ? 15 : 240) * SECOND_MS, flutter, point)->n = j->n - 1;
}

void month_flutter(struct month *m, int64_t at_ms, const char *point, int64_t n)
{
	month_add(m, at_ms, flutter, point)->n = n;
}

static void chatter(struct month *m, const struct month_job *j)
{
	enum kind kind = month_chance(m, 60) ? KIND_SMOKE_DETECTOR : KIND_FIRE_DAMPER;

	(void)j;
	month_flutter(m, month_now(m), month_point(m, kind), 2 * month_draw(m, 10, 40) + 1);
}

/* ---- hubs, starts and reloads ---- */

void month_away(struct month *m, size_t hub, bool away)
{
	m->away[hub] = away;
	m->h.prompt[hub] = !away;
}

static void reachable(struct month *m, const struct month_job *j)
{
	month_away(m, (size_t)j->n, false);
}

static void unreachable(struct month *m, const struct month_job *j)
{
	int64_t hub = j->n;

	m->refuses[hub] = j->what[0] != '\0';
	month_away(m, (size_t)hub, true);
	month_add(m, month_now(m) + (hub ? month_draw(m, 5 * 60, 40 * 60) : month_draw(m, 20, 360)) * MINUTE_MS, reachable, "")->n = hub;
}

static void start(struct month *m, const struct month_job *j)
{
	(void)j;
	if (!m->h.app)
		month_start(m);
}

static void stop(struct month *m, const struct month_job *j)
{
	m->h.pace_ns = 0;
	if (m->h.app && j->n)
		house_kill(&m->h);
	else if (m->h.app)
		house_stop(&m->h);
	month_add(m, month_now(m) + month_draw(m, 1, 90) * MINUTE_MS, start, "");
}

static void put_site(struct month *m, const char *suffix)
{
	char from[600], buf[65536];

	snprintf(from, sizeof from, "%s%s", m->h.site, suffix);
	FILE *in = fopen(from, "r");
	assert_non_null(in);
	size_t n = fread(buf, 1, sizeof buf, in);
	assert_true(n > 0 && n < sizeof buf && fclose(in) == 0);
	FILE *out = fopen(m->h.site, "w");
	assert_true(out && fwrite(buf, 1, n, out) == n && fclose(out) == 0);
}

/* As reload, with another start: a hub that is another one needs it here, where two links to one broker cannot be. */
static void start_with(struct month *m, const struct month_job *j)
{
	put_site(m, j->what);
	stop(m, &(struct month_job){ .n = 0 });
}

/* what: SITE.yaml.next or .bad becomes the site's file, and SIGHUP comes. */
static void reload(struct month *m, const struct month_job *j)
{
	put_site(m, j->what);
	if (!m->h.app)
		return;
	app_reload(m->h.app);
	m->h.pace_ns = 0;
	house_advance(&m->h, 5000);
	month_poll(m, true);
}

/* ---- the plan ---- */

static void spread(struct month *m, int64_t from_ms, int64_t to_ms, int n, void (*run)(struct month *m, const struct month_job *j), const char *what, int64_t arg)
{
	for (int i = 0; i < n; i++) {
		int64_t at = from_ms + (to_ms - from_ms) * i / n;
		month_add(m, month_draw(m, at, at + (to_ms - from_ms) / n), run, what)->n = arg;
	}
}

void month_plan_plant(struct month *m, int64_t from_ms, int64_t to_ms)
{
	spread(m, from_ms, to_ms, 7, fire, "", 0);
	spread(m, from_ms, to_ms, 2, catastrophe, "", 0);
	/* In the midst of a flood the daemon is killed. */
	month_add(m, (from_ms + to_ms) / 2, catastrophe, "");
	month_add(m, (from_ms + to_ms) / 2 + 7 * MINUTE_MS, stop, "")->n = 1;
	spread(m, from_ms, to_ms, 3, leak, "", 0);
	spread(m, from_ms, to_ms, 3, somewhere, "pump-failure", 0);
	spread(m, from_ms, to_ms, 5, somewhere, "valve-closed", 0);
	spread(m, from_ms, to_ms, 6, somewhere, "residual-rise", 0);
	spread(m, from_ms, to_ms, 2, somewhere, "tank-low", 0);
	spread(m, from_ms, to_ms, 3, somewhere, "panel-fault", 0);
	spread(m, from_ms, to_ms, 7, dead_device, "", 0);
	spread(m, from_ms, to_ms, 3, dead_line, "", 0);
	spread(m, from_ms, to_ms, 70, single, "", 0);
	spread(m, from_ms, to_ms, 6, chatter, "", 0);
	spread(m, from_ms, to_ms, 3, unreachable, "", 0);
	spread(m, from_ms, to_ms, 2, unreachable, "", 1);
	spread(m, from_ms, to_ms, 2, unreachable, "refuses", 1);
	spread(m, from_ms, to_ms, 3, stop, "", 0);
	spread(m, from_ms, to_ms, 3, stop, "", 1);
	month_add(m, from_ms + (to_ms - from_ms) * 2 / 5, reload, ".bad");
	/* What stands on it goes with the device. */
	for (int64_t i = 1; i <= 4; i++)
		month_add(m, from_ms + (to_ms - from_ms) * 2 / 5 + 3 * HOUR_MS - 20 * SECOND_MS, stuck, "")->n = i;
	month_add(m, from_ms + (to_ms - from_ms) * 2 / 5 + 3 * HOUR_MS, reload, ".next");
	month_add(m, from_ms + (to_ms - from_ms) * 4 / 5, start_with, ".last");
}
