#include "tests/sim/house.h"

#include "gateway/pump_inside.h"
#include "tests/sim/house_edges.h"

#include <assert.h>
#include <ftw.h>
#include <setjmp.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define POLL_NS   CLOCK_NS_PER_S
#define VFS_NAME  "house"
#define STOP_S    12

const struct house_point house_points[HOUSE_POINTS] = {
	{ "facp.smoke1", 0, 1, "facp.smoke1/smoke", true },
	{ "facp.smoke2", 0, 1, "facp.smoke2/smoke", true },
	{ "facp.smoke3", 0, 1, "facp.smoke3/smoke", true },
	{ "tower.smoke4", 0, 1, "tower.smoke4/smoke", true },
	{ "tower.smoke5", 0, 1, "tower.smoke5/smoke", true },
	{ "facp.button", 0, 1, "facp.button/button", true },
	{ "pumps.p1", 0.5, 0.05, "pumps.p1/low", false },
	{ "pumps.p2", 0.5, 0.05, "pumps.p2/low", false },
	{ "pumps.gas", 1, 30, "pumps.gas/gas", false },
	{ "pumps.door", 0, 1, "pumps.door/open", false },
};
const char *const house_hubs[HOUSE_HUBS] = { "town", "city" };

static const char site[] =
	"site:\n  gateway: gw\n  region: \"500110002003\"\n  timezone: UTC\n"
	"  buildings: [{id: a, name: A座}, {id: b, name: B座, node: tower-b}]\n"
	"storage: {path: %s, commit: 1s}\n"
	"hubs:\n"
	"  - {name: town, url: \"mqtt://127.0.0.1:1\", start: oldest, send: [events, readings, status, directory, building], backlog: {readings: 10m}}\n"
	"  - {name: city, url: \"mqtt://127.0.0.1:2\", start: oldest, send: [events, status], classes: [fire, fault]}\n"
	"buses:\n"
	"  - name: line\n    url: tcp://127.0.0.1:502\n    devices:\n"
	"      - name: facp\n        unit: 1\n        every: 1s\n        building: a\n        floor: \"1\"\n        zone: z\n        points:\n"
	"          - {point: smoke1, kind: smoke_detector, fc: 1, register: 0, type: bool}\n"
	"          - {point: smoke2, kind: smoke_detector, fc: 1, register: 1, type: bool}\n"
	"          - {point: smoke3, kind: smoke_detector, fc: 1, register: 2, type: bool}\n"
	"          - {point: button, kind: manual_call_point, fc: 1, register: 3, type: bool}\n"
	"      - name: tower\n        unit: 2\n        every: 1s\n        building: b\n        floor: \"1\"\n        zone: z\n        points:\n"
	"          - {point: smoke4, kind: smoke_detector, fc: 1, register: 0, type: bool}\n"
	"          - {point: smoke5, kind: smoke_detector, fc: 1, register: 1, type: bool}\n"
	"      - name: pumps\n        unit: 3\n        every: 1s\n        building: a\n        floor: B1\n        points:\n"
	"          - {point: p1, kind: hydrant_pressure, fc: 3, register: 0, type: f32}\n"
	"          - {point: p2, kind: hydrant_pressure, fc: 3, register: 2, type: f32}\n"
	"          - {point: gas, kind: gas_concentration, fc: 3, register: 4, type: f32}\n"
	"          - {point: door, kind: fire_door, fc: 1, register: 0, type: bool}\n"
	"rules:\n"
	"  - {id: smoke, for: {kind: smoke_detector}, when: {equals: 1}, class: fire}\n"
	"  - {id: button, for: {kind: manual_call_point}, when: {equals: 1}, class: fire, latch: true}\n"
	"  - {id: confirmed, when: {count: 2, of: {class: fire}, same: zone, within: 1m}, class: fire, latch: true}\n"
	"  - {id: low, for: {kind: hydrant_pressure}, when: {below: 0.1, deadband: 0.02}, on_delay: 3s, off_delay: 5s, class: supervisory}\n"
	"  - {id: gas, for: {kind: gas_concentration}, when: {above: 20}, on_delay: 2s, class: prealarm}\n"
	"  - {id: open, for: {kind: fire_door}, when: {equals: 1}, class: supervisory, ack: false}\n"
	"  - {id: silent, for: {kind: smoke_detector}, when: {quality: bad}, class: fault}\n";

uint64_t roll(struct dice *d, uint64_t n)
{
	uint64_t z = d->s += UINT64_C(0x9E3779B97F4A7C15);

	z = (z ^ z >> 30) * UINT64_C(0xBF58476D1CE4E5B9);
	z = (z ^ z >> 27) * UINT64_C(0x94D049BB133111EB);
	return (z ^ z >> 31) % n;
}

static void write_site(struct house *h)
{
	FILE *f = fopen(h->site, "w");

	assert_non_null(f);
	fprintf(f, site, h->db);
	assert_int_equal(fclose(f), 0);
}

void house_init(struct house *h, uint64_t seed)
{
	memset(h, 0, sizeof *h);
	h->dice.s = seed;
	/* in memory where there is such a place: each run syncs hundreds of times */
	snprintf(h->dir, sizeof h->dir, "%s/firegw-whole-XXXXXX", access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
	assert_non_null(mkdtemp(h->dir));
	snprintf(h->site, sizeof h->site, "%s/site.yaml", h->dir);
	snprintf(h->db, sizeof h->db, "%s/f.db", h->dir);
	write_site(h);
	h->vfs = fault_vfs_new(VFS_NAME);
	assert_non_null(h->vfs);
	sqlite3_vfs_register(sqlite3_vfs_find(VFS_NAME), 1);
	h->hub_names = house_hubs;
	h->began_ms = HOUSE_BEGAN_MS;
	h->now = (struct stamp){ .mono_ns = 1000 * CLOCK_NS_PER_S, .wall_ms = HOUSE_BEGAN_MS, .wall_trusted = true };
	for (size_t i = 0; i < HOUSE_HUBS; i++)
		fake_hub_init(&h->hubs[i]);
	edges_take(h);
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

void house_done(struct house *h)
{
	if (h->app)
		house_kill(h);
	for (size_t i = 0; i < HOUSE_HUBS; i++)
		fake_hub_done(&h->hubs[i]);
	fault_vfs_free(h->vfs);
	edges_take(NULL);
	nftw(h->dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

/* What close_all and app_done of app.c do, for a daemon that is gone from one moment to the next, or whose start failed half way. */
static void take_apart(struct house *h, struct app *a)
{
	h->given_up += a->lost_events;
	app_report_stop(a);
	for (size_t i = 0; i < a->n_hubs; i++)
		if (a->hubs[i])
			app_hub_close(a->hubs[i]);
	free(a->hubs);
	a->hubs = NULL;
	a->n_hubs = 0;
	if (a->desk.worker.started)
		desk_stop(&a->desk);
	if (a->keeper.worker.started)
		keeper_stop(&a->keeper);
	store_close(a->store);
	edges_forget_mail(&a->box);
	for (size_t i = 0; i < a->n_buses; i++) {
		poller_close(a->buses[i].poller);
		generation_unref(a->buses[i].generation);
		free(a->buses[i].watch.units);
		free(a->buses[i].answers);
	}
	free(a->buses);
	a->buses = NULL;
	a->n_buses = 0;
	loop_close(&a->loop);
	app_done(a);
	free(a);
}

int house_start(struct house *h, struct err *reterr)
{
	struct app_options o = { .config_path = h->site, .uplink_program = "none" };
	struct findings findings;
	struct config *c = NULL;

	assert_null(h->app);
	config_load(h->site, &c, &findings);
	if (!c)
		findings_print(&findings, stderr);
	findings_done(&findings);
	assert_non_null(c);
	if (h->keep_readings_ms)
		c->keep_readings_ms = h->keep_readings_ms;
	if (h->keep_events_ms)
		c->keep_events_ms = h->keep_events_ms;
	h->app = calloc(1, sizeof *h->app);
	assert_non_null(h->app);
	h->boots++;
	int failed = app_start(h->app, &o, c, reterr);
	if (!failed)
		return 0;
	fault_vfs_fail(h->vfs, FAULT_ALL, 1, SQLITE_IOERR, true); /* the process ends as it is */
	take_apart(h, h->app);
	h->app = NULL;
	fault_vfs_heal(h->vfs);
	h->dies_by_fault = false;
	return -1;
}

uint64_t house_given_up(const struct house *h)
{
	return h->given_up + (h->app ? h->app->lost_events : 0);
}

void house_kill(struct house *h)
{
	for (size_t i = 0; i < HOUSE_HUBS; i++) {
		struct fake_hub *k = &h->hubs[i];
		if (k->up)
			fake_hub_receive(k, roll(&h->dice, 3) ? roll(&h->dice, k->wire.n + 1) : 0);
	}
	if (h->on_end)
		h->on_end(h->user);
	fault_vfs_fail(h->vfs, FAULT_ALL, 1, SQLITE_IOERR, true);
	struct app *a = h->app;
	h->app = NULL;
	take_apart(h, a);
	fault_vfs_heal(h->vfs);
	h->dies_by_fault = false;
}

void house_stop(struct house *h)
{
	if (h->on_end)
		h->on_end(h->user);
	app_stop(h->app, "SIGTERM");
	for (int i = 0; i < STOP_S * 10 && h->app && !edges_closed(); i++)
		house_advance(h, 100);
	if (!h->app)
		return; /* it died on the way */
	assert_true(edges_closed());
	struct app *a = h->app;
	h->app = NULL;
	h->given_up += a->lost_events;
	h->was_stored_all = app_store_idle(a) && atomic_load(&a->keeper.trouble) == KEEPER_FINE;
	app_done(a);
	free(a);
}

static uint32_t find_point(const struct app *a, const char *id)
{
	const struct site *s = &a->generation->config->site;

	for (uint32_t i = 0; i < s->n_points; i++)
		if (strcmp(s->points[i].id, id) == 0)
			return i;
	fail_msg("no point %s", id);
	return 0;
}

void house_poll(struct house *h)
{
	struct app *a = h->app;

	for (size_t i = 0; a && !a->stopping && !h->is_elsewhere && i < HOUSE_POINTS; i++) {
		const struct house_point *p = &house_points[i];
		struct sample s = { .point = find_point(a, p->id), .quality = h->silent ? QUALITY_COMM : QUALITY_GOOD, .at = h->now };
		s.value.number = h->silent ? (double)NAN : h->on[i] ? p->on : p->off;
		if (h->on_sample)
			h->on_sample(h->user, i, false);
		app_sample(a, a->buses[0].poller, &s);
		if (h->on_sample)
			h->on_sample(h->user, i, true);
	}
}

bool house_command(struct house *h, const char *alarm, enum rules_command what)
{
	struct err e;

	return h->app && !h->app->stopping && app_command(h->app, alarm, what, NULL, CAUSE_PERSON, "li", NULL, &e) == 0;
}

bool house_is_idle(const struct house *h)
{
	struct pump_view v;

	if (!h->app || !app_store_idle(h->app) || !edges_idle())
		return false;
	for (size_t i = 0; i < h->app->n_hubs; i++) {
		pump_view(h->app->hubs[i]->pump, &v);
		if (!v.up || strcmp(v.state, "up") != 0 || v.in_flight || v.backlog_events || v.backlog_readings || h->app->hubs[i]->pump->n_undurables)
			return false;
	}
	return true;
}

/* ---- time ---- */

/* The hubs that are prompt, until nothing moves any more. */
static bool hubs_turn(struct house *h)
{
	bool moved = false;

	for (size_t i = 0; h->app && i < HOUSE_HUBS; i++) {
		struct fake_hub *k = &h->hubs[i];
		if (!h->prompt[i])
			continue;
		if (k->ending)
			fake_hub_lose(k, HUB_DOWN_LOST, "ended"), moved = true;
		if (k->attempting)
			fake_hub_accept(k), moved = true;
		if (k->up && k->subscribe_asked)
			fake_hub_subscribed(k), moved = true;
		if (k->up && !k->ending && fake_hub_drain(k))
			moved = true;
	}
	return moved;
}

/* One turn of the loop: threads and their mail, timers, what the links have, then the look at what became due. */
static void turn(struct house *h)
{
	for (int round = 0; h->app && round < 200; round++) {
		bool moved = edges_work(h->now.mono_ns);
		if (h->dies_by_fault && fault_vfs_hit(h->vfs)) {
			house_kill(h);
			return;
		}
		moved = edges_drain(h->app) || moved;
		moved = edges_fire(h->now) || moved;
		moved = hubs_turn(h) || moved;
		if (edges_closed())
			return;
		edges_check();
		if (!moved && !(h->app->want_submit || h->app->want_kick))
			break;
	}
	if (h->app && h->on_turn)
		h->on_turn(h->user);
}

/* The next moment at which something happens, from after now on, `end` at the latest. */
static int64_t next_moment(const struct house *h, int64_t poll, int64_t end)
{
	int64_t next = end, paced = h->now.mono_ns + h->pace_ns;

	if (h->app && edges_next() < next)
		next = edges_next();
	if (poll < next && !h->is_elsewhere)
		next = poll;
	if (h->pace_ns && next < paced && edges_idle())
		next = paced < end ? paced : end;
	return next > h->now.mono_ns || h->now.mono_ns >= end ? next : h->now.mono_ns + 1;
}

void house_advance(struct house *h, int64_t ms)
{
	int64_t end = h->now.mono_ns + ms * CLOCK_NS_PER_MS;

	for (;;) {
		int64_t poll = (h->now.mono_ns / POLL_NS + 1) * POLL_NS;
		turn(h);
		if (h->app && edges_closed())
			return;
		int64_t next = next_moment(h, poll, end);
		if (h->now.mono_ns >= end)
			return;
		/* both clocks step alike; the wall's milliseconds follow */
		h->now.wall_ms = h->began_ms + (next / CLOCK_NS_PER_MS - 1000 * 1000);
		h->now.mono_ns = next;
		if (next == poll)
			house_poll(h);
	}
}
