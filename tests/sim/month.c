#include "tests/sim/month.h"

#include "drivers/modbus/decode.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define QUIET_NS  (300 * CLOCK_NS_PER_S) /* where nothing happens time goes on in such steps, … */
#define BUSY_MS   (20 * SECOND_MS)      /* … and where something does, the equipment is read so often, … */
#define PACE_NS   (10 * CLOCK_NS_PER_S)  /* … in such steps, … */
#define CLOSELY_MS (2 * MINUTE_MS)      /* … for so long */

static const char *const hub_names[HOUSE_HUBS] = { "district", "brigade" };

int64_t month_now(const struct month *m)
{
	return m->h.now.wall_ms;
}

int64_t month_draw(struct month *m, int64_t from, int64_t to)
{
	return from + (int64_t)roll(&m->dice, (uint64_t)(to - from) + 1);
}

bool month_chance(struct month *m, unsigned percent)
{
	return roll(&m->dice, 100) < percent;
}

/* ---- jobs ---- */

static bool is_before(const struct month_job *a, const struct month_job *b)
{
	return a->at_ms != b->at_ms ? a->at_ms < b->at_ms : a->order < b->order;
}

static void swap_jobs(struct month_job *a, struct month_job *b)
{
	struct month_job t = *a;

	*a = *b;
	*b = t;
}

struct month_job *month_add(struct month *m, int64_t at_ms, void (*run)(struct month *m, const struct month_job *j), const char *what)
{
	if (m->n_jobs == m->cap_jobs) {
		m->cap_jobs = m->cap_jobs ? 2 * m->cap_jobs : 1024;
		m->jobs = realloc(m->jobs, m->cap_jobs * sizeof *m->jobs);
		assert_non_null(m->jobs);
	}
	size_t i = m->n_jobs++;
	m->jobs[i] = (struct month_job){ .at_ms = at_ms > month_now(m) ? at_ms : month_now(m) + 1, .run = run, .order = m->order++ };
	snprintf(m->jobs[i].what, sizeof m->jobs[i].what, "%s", what ? what : "");
	for (; i > 0 && is_before(&m->jobs[i], &m->jobs[(i - 1) / 2]); i = (i - 1) / 2)
		swap_jobs(&m->jobs[i], &m->jobs[(i - 1) / 2]);
	return &m->jobs[i];
}

static struct month_job take_first(struct month *m)
{
	struct month_job first = m->jobs[0];

	m->jobs[0] = m->jobs[--m->n_jobs];
	for (size_t i = 0, k; (k = 2 * i + 1) < m->n_jobs; i = k) {
		if (k + 1 < m->n_jobs && is_before(&m->jobs[k + 1], &m->jobs[k]))
			k++;
		if (!is_before(&m->jobs[k], &m->jobs[i]))
			break;
		swap_jobs(&m->jobs[i], &m->jobs[k]);
	}
	return first;
}

/* ---- the poller ---- */

/* Its talk goes wrong by one of these; NULL: it answers. */
static struct fault *fault_of(const struct month *m, uint32_t device)
{
	const struct bank_unit *u = m->world.bank.devices[device];
	const struct bank_server *s = m->world.bank.buses[m->plant->site.devices[device].bus];

	for (size_t i = 0; u && i < u->n_faults; i++)
		if (u->faults[i]->kind <= FAULT_DEAD)
			return u->faults[i];
	for (size_t i = 0; s && i < s->n_faults; i++)
		if (s->faults[i]->kind <= FAULT_DEAD)
			return s->faults[i];
	return NULL;
}

static bool is_dead(const struct month *m, uint32_t device)
{
	const struct fault *f = fault_of(m, device);

	return f && f->chance >= 1;
}

/* Which devices give no answer, and which lines none at all. */
static void look_at_faults(struct month *m)
{
	const struct site *site = &m->plant->site;

	memset(m->line_dead, 1, site->n_buses);
	for (uint32_t d = 0; d < site->n_devices; d++) {
		m->dead[d] = is_dead(m, d);
		m->line_dead[site->devices[d].bus] &= m->dead[d];
	}
}

static void on_line(void *user, const char *bus, const char *device, struct house_line *ret)
{
	const struct month *m = user;

	if (!device) {
		ret->connected = !m->line_dead[strmap_get(&m->lines, bus)];
		return;
	}
	uint32_t d = strmap_get(&m->devices, device);
	ret->last_good_ns = !m->polled || m->dead[d] ? m->last_good_ns[d] : m->h.now.mono_ns;
}

/* Where the plant's points stand in the config that the daemon has now. */
static void place_points(struct month *m)
{
	const struct site *now = &m->h.app->generation->config->site;
	struct strmap by_id = STRMAP_INIT;

	if (m->placed == m->h.app->generation)
		return;
	assert_int_equal(strmap_reserve(&by_id, now->n_points), 0);
	for (uint32_t i = 0; i < now->n_points; i++)
		assert_int_equal(strmap_put(&by_id, now->points[i].id, i), 0);
	for (uint32_t i = 0; i < m->plant->site.n_points; i++)
		m->now_at[i] = strmap_get(&by_id, m->plant->site.points[i].id); /* STRMAP_NONE is POINT_NONE */
	strmap_done(&by_id);
	m->placed = m->h.app->generation;
}

/* As the driver does it: registers, decoded; or no answer. */
static void feed(struct month *m, uint32_t i)
{
	const struct bank_cell *cell = &m->world.bank.cells[i];
	uint32_t device = m->plant->site.points[i].device;
	struct sample s = { .point = m->now_at[i], .quality = QUALITY_COMM, .value = { NAN, NULL }, .at = m->h.now };
	struct fault *f = fault_of(m, device);
	uint16_t bit = cell->bit ? *cell->bit : 0;
	char text[VALUE_TEXT_MAX];

	if (!cell->point || s.point == POINT_NONE)
		return;
	if (!f || !fault_strikes(f)) {
		s.quality = decode_value(cell->point, cell->bit ? &bit : cell->words, cell->decimals ? *cell->decimals : 0, text, &s.value);
		m->last_good_ns[device] = m->h.now.mono_ns;
	}
	m->n_samples++;
	app_sample(m->h.app, m->h.app->buses[0].poller, &s);
}

static void mark_hot(struct month *m)
{
	const struct site *site = &m->plant->site;

	memcpy(m->was_hot, m->hot, site->n_points);
	memset(m->hot, 0, site->n_points);
	for (size_t i = 0; i < m->world.n_effects; i++) {
		const struct effect *e = &m->world.effects[i];
		for (size_t k = 0; k < e->n_moves; k++)
			m->hot[e->moves[k].point] = true;
		for (uint32_t p = 0; e->fault.kind != FAULT_NONE && p < site->n_points; p++)
			if (e->bus != POINT_NONE ? site->points[p].bus == e->bus : site->points[p].device == e->device)
				m->hot[p] = true;
	}
}

void month_poll(struct month *m, bool all)
{
	world_step(&m->world, month_now(m) - m->world_from_ms);
	mark_hot(m);
	look_at_faults(m);
	if (all)
		m->polled_ms = month_now(m);
	if (!m->h.app || m->h.app->stopping)
		return;
	place_points(m);
	for (uint32_t i = 0; i < m->plant->site.n_points; i++)
		if (all || m->hot[i] || m->was_hot[i])
			feed(m, i);
	m->polled = m->polled || all;
}

void month_touch(struct month *m)
{
	m->busy_until_ms = month_now(m) + CLOSELY_MS;
	month_poll(m, false);
}

/* ---- the brokers ---- */

/* Those that cannot be reached lose the connection, and take no new one. */
static void on_turn(void *user)
{
	struct month *m = user;

	for (size_t i = 0; i < HOUSE_HUBS; i++) {
		struct fake_hub *k = &m->h.hubs[i];
		if (m->away[i] && (k->up || k->attempting))
			fake_hub_lose(k, k->up ? HUB_DOWN_LOST : m->refuses[i] ? HUB_DOWN_REFUSED : HUB_DOWN_UNREACHABLE, m->refuses[i] ? "not authorised" : "no route to the hub");
	}
}

static void note(struct month *m, size_t hub, const struct fake_publish *p)
{
	if (!strstr(p->topic, "/event/") && !strstr(p->topic, "/lost") && !strstr(p->topic, "/report/"))
		return;
	fprintf(m->seen, "{\"hub\":\"%s\",\"received\":%lld,\"topic\":\"%s\",\"payload\":%s}\n", hub_names[hub], (long long)month_now(m), p->topic, p->len ? p->payload : "null");
	m->n_seen++;
}

static void on_ack_district(void *user, const struct fake_publish *p) { note(user, 0, p); }
static void on_ack_brigade(void *user, const struct fake_publish *p) { note(user, 1, p); }

/* ---- time ---- */

static int64_t next_moment(const struct month *m, int64_t until_ms)
{
	int64_t next = until_ms, world = world_next(&m->world), now = month_now(m);

	if (m->n_jobs && m->jobs[0].at_ms < next)
		next = m->jobs[0].at_ms;
	if (m->polled_ms + m->poll_ms < next)
		next = m->polled_ms + m->poll_ms;
	if (world != EFFECT_NEVER && m->world_from_ms + world < next)
		next = m->world_from_ms + world;
	if (now < m->busy_until_ms && now + BUSY_MS < next)
		next = now + BUSY_MS;
	return next > now ? next : now + 1;
}

void month_run(struct month *m, int64_t until_ms)
{
	while (month_now(m) < until_ms) {
		int64_t next = next_moment(m, until_ms), world = world_next(&m->world);
		m->h.pace_ns = month_now(m) < m->busy_until_ms ? PACE_NS : QUIET_NS;
		house_advance(&m->h, next - month_now(m));
		assert_int_equal(month_now(m), next);
		if (next >= m->polled_ms + m->poll_ms)
			month_poll(m, true);
		if (world != EFFECT_NEVER && next >= m->world_from_ms + world)
			month_touch(m);
		else if (next < m->busy_until_ms)
			month_poll(m, false);
		while (m->n_jobs && m->jobs[0].at_ms <= month_now(m)) {
			m->running = take_first(m);
			m->running.run(m, &m->running);
		}
	}
}

void month_start(struct month *m)
{
	struct err e = { 0 };

	m->placed = NULL;
	m->polled = false;
	memset(m->last_good_ns, 0, m->plant->site.n_devices * sizeof *m->last_good_ns);
	if (house_start(&m->h, &e))
		fail_msg("the daemon does not start: %s", e.text);
	m->h.pace_ns = 0;
	house_advance(&m->h, 1000);
	month_poll(m, true);
	m->busy_until_ms = month_now(m) + CLOSELY_MS;
}

static struct config *load(const char *path)
{
	struct findings f;
	struct config *c = NULL;

	config_load(path, &c, &f);
	if (!c)
		findings_print(&f, stderr);
	findings_done(&f);
	assert_non_null(c);
	return c;
}

static void make_room(struct month *m)
{
	const struct site *s = &m->plant->site;

	m->hot = calloc(s->n_points, sizeof *m->hot);
	m->was_hot = calloc(s->n_points, sizeof *m->was_hot);
	m->now_at = calloc(s->n_points, sizeof *m->now_at);
	m->last_good_ns = calloc(s->n_devices, sizeof *m->last_good_ns);
	m->dead = calloc(s->n_devices, sizeof *m->dead);
	m->line_dead = calloc(s->n_buses, sizeof *m->line_dead);
	assert_true(m->hot && m->was_hot && m->now_at && m->last_good_ns && m->dead && m->line_dead);
	assert_true(strmap_reserve(&m->devices, s->n_devices) == 0 && strmap_reserve(&m->lines, s->n_buses) == 0);
	for (uint32_t d = 0; d < s->n_devices; d++)
		assert_int_equal(strmap_put(&m->devices, s->devices[d].name, d), 0);
	for (uint32_t b = 0; b < s->n_buses; b++)
		assert_int_equal(strmap_put(&m->lines, s->buses[b], b), 0);
}

void month_init(struct month *m, const char *site, const char *seen, int64_t began_ms, int64_t poll_ms, uint64_t seed)
{
	struct world_options o = { .seed = seed };
	struct err e;

	memset(m, 0, sizeof *m);
	m->dice.s = seed;
	house_init(&m->h, seed ^ UINT64_C(0x70e5));
	snprintf(m->h.site, sizeof m->h.site, "%s", site);
	m->h.is_elsewhere = true;
	m->h.hub_names = hub_names;
	m->h.began_ms = m->h.now.wall_ms = began_ms;
	m->h.on_turn = on_turn;
	m->h.on_line = on_line;
	m->h.on_stored = month_on_stored;
	m->h.user = m;
	for (size_t i = 0; i < HOUSE_HUBS; i++) {
		m->h.prompt[i] = m->h.hubs[i].no_log = true;
		m->h.hubs[i].user = m;
		m->h.hubs[i].on_ack = i ? on_ack_brigade : on_ack_district;
	}
	m->plant = load(site);
	setenv("TZ", m->plant->timezone, 1);
	m->world_from_ms = began_ms;
	o.day_ms = (began_ms + 8 * HOUR_MS) % DAY_MS;
	if (world_init(&m->world, m->plant, &o, &e))
		fail_msg("%s", e.text);
	make_room(m);
	m->seen = fopen(seen, "w");
	assert_non_null(m->seen);
	m->poll_ms = poll_ms;
}

void month_done(struct month *m)
{
	house_done(&m->h);
	world_done(&m->world);
	config_free(m->plant);
	free(m->hot);
	free(m->was_hot);
	free(m->now_at);
	free(m->last_good_ns);
	free(m->dead);
	free(m->line_dead);
	strmap_done(&m->devices);
	strmap_done(&m->lines);
	free(m->jobs);
	assert_int_equal(fclose(m->seen), 0);
}
