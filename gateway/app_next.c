/* The lines and hubs of another generation, at the start and at a reload. The happy path: plan (which lines go on, on the helper thread), prepare (new lines and hubs are opened, those
 * that go on get ready), take. Failure modes are: no memory while preparing, and everything is as it was. */
#include "gateway/app.h"

#include "core/strmap.h"

#include <stdlib.h>
#include <string.h>

/* ---- lines ---- */

static int map_points(const struct app_line *from, const struct strmap *by_id, struct point_map *ret)
{
	const struct config_bus *b = from->bus;
	uint32_t first = UINT32_MAX, last = 0;

	for (size_t i = 0; i < b->n_points; i++) {
		first = b->points[i].point < first ? b->points[i].point : first;
		last = b->points[i].point > last ? b->points[i].point : last;
	}
	if (!b->n_points)
		first = 0;
	struct point_map m = { first, malloc((last - first + 1) * sizeof *m.to) };
	if (!m.to)
		return -1;
	for (uint32_t i = 0; i <= last - first; i++)
		m.to[i] = POINT_NONE;
	for (size_t i = 0; i < b->n_points; i++)
		m.to[b->points[i].point - first] = strmap_get(by_id, from->site->points[b->points[i].point].id); /* STRMAP_NONE is POINT_NONE */
	*ret = m;
	return 0;
}

int app_plan_lines(struct app_plan *p, const struct app_line *ours, size_t n_ours, const struct config *c)
{
	struct strmap by_id = STRMAP_INIT, by_name = STRMAP_INIT;
	int failed;

	*p = (struct app_plan){ c->n_buses, malloc((c->n_buses + 1) * sizeof *p->keep), calloc(c->n_buses + 1, sizeof *p->maps) };
	failed = !p->keep || !p->maps || strmap_reserve(&by_id, c->site.n_points) || strmap_reserve(&by_name, n_ours);
	for (uint32_t i = 0; !failed && i < c->site.n_points; i++)
		failed = strmap_put(&by_id, c->site.points[i].id, i);
	for (uint32_t i = 0; !failed && i < n_ours; i++)
		failed = ours[i].bus && strmap_put(&by_name, ours[i].bus->bus.name, i);
	for (size_t i = 0; !failed && i < c->n_buses; i++) {
		uint32_t same = strmap_get(&by_name, c->buses[i].bus.name);
		p->keep[i] = same != STRMAP_NONE && ours[same].bus->hash == c->buses[i].hash ? same : UINT32_MAX;
		if (p->keep[i] != UINT32_MAX)
			failed = map_points(&ours[same], &by_id, &p->maps[i]);
	}
	strmap_done(&by_id);
	strmap_done(&by_name);
	return failed ? -1 : 0;
}

void app_plan_done(struct app_plan *p)
{
	for (size_t i = 0; p->maps && i < p->n; i++)
		free(p->maps[i].to);
	free(p->maps);
	free(p->keep);
	*p = (struct app_plan){ 0 };
}

static void close_bus(struct app_bus *b)
{
	poller_close(b->poller);
	generation_unref(b->generation);
	free(b->watch.units);
	free(b->answers);
	memset(b, 0, sizeof *b);
}

static int open_bus(struct app *a, struct app_bus *b, struct generation *g, size_t i, struct err *reterr)
{
	const struct config_bus *c = &g->config->buses[i];
	struct poller_config pc = { c, a->shared, NULL, app_sample, verbs_on_probe, a };
	struct stamp now = loop_now(&a->loop);

	*b = (struct app_bus){ .generation = generation_ref(g), .since_ms = now.wall_ms };
	b->watch = (struct line_watch){ calloc(c->bus.n_devices + 1, sizeof *b->watch.units), c->bus.n_devices, now.mono_ns, 0, app_own_stands(a, "bus", c->bus.name, "down") };
	b->answers = calloc(c->bus.n_devices + 1, sizeof *b->answers);
	if (!b->watch.units || !b->answers)
		return err_set(reterr, ERR_NO_MEMORY, "no memory for bus '%s'", c->bus.name);
	b->keeping.told = app_own_stands(a, "bus", c->bus.name, "overcommitted");
	for (size_t d = 0; d < c->bus.n_devices; d++)
		b->watch.units[d].told = app_own_stands(a, "device", c->bus.devices[d].name, "silent");
	pc.learned = app_learned_of(a, c);
	return poller_open(&a->loop, &pc, &b->poller, reterr);
}

void app_close_lines(struct app *a)
{
	app_learned_flush(a, a->open->commit.batch); /* with what it led to, which is in there too */
	for (size_t i = 0; i < a->n_buses; i++) {
		poller_close(a->buses[i].poller);
		a->buses[i].poller = NULL;
	}
}

static bool line_goes_on(const struct app_next *n, size_t i)
{
	return n->plan && n->plan->keep[i] != UINT32_MAX;
}

static int prepare_buses(struct app *a, struct app_next *n, struct err *reterr)
{
	size_t count = n->generation->config->n_buses;

	/* What the old lines found out of late goes to the new ones. */
	if (a->open)
		app_learned_flush(a, a->open->commit.batch);
	n->buses = calloc(count + 1, sizeof *n->buses);
	if (!n->buses || loop_timer_room(&a->loop, count))
		return err_set(reterr, ERR_NO_MEMORY, "no memory for %zu lines", count);
	for (size_t i = 0; i < count; i++)
		if (!line_goes_on(n, i) && open_bus(a, &n->buses[i], n->generation, i, reterr))
			return -1;
	return 0;
}

static void take_buses(struct app *a, struct app_next *n)
{
	size_t count = n->generation->config->n_buses;

	for (size_t i = 0; i < count; i++) {
		if (!line_goes_on(n, i))
			continue;
		struct app_bus *old = &a->buses[n->plan->keep[i]];
		n->buses[i] = *old;
		memset(old, 0, sizeof *old);
		poller_set_map(n->buses[i].poller, n->plan->maps[i]);
		n->plan->maps[i].to = NULL;
	}
	for (size_t i = 0; i < a->n_buses; i++)
		if (a->buses[i].poller)
			close_bus(&a->buses[i]);
	free(a->buses);
	a->buses = n->buses;
	a->n_buses = count;
	n->buses = NULL;
}

/* ---- hubs ---- */

static struct app_hub *hub_of_db(const struct app *a, uint32_t db)
{
	for (size_t i = 0; i < a->n_hubs; i++)
		if (a->hubs[i]->db == db)
			return a->hubs[i];
	return NULL;
}

static bool hub_goes_on(const struct app_next *n, const struct app_hub *h, const struct config_hub *c)
{
	return h && h->config->hash == c->hash && strcmp(h->config->link.name, c->link.name) == 0 && app_hub_has_room(h, n->generation, n->pipeline);
}

static size_t find_stream(const struct app_stream *s, size_t n, uint32_t db, size_t likely)
{
	if (likely < n && s[likely].db == db)
		return likely;
	for (size_t i = 0; i < n; i++)
		if (s[i].db == db)
			return i;
	return SIZE_MAX;
}

/* The next streams become ours; commits may have gone on since the binding was made. */
static void turn_streams(struct app *a, struct app_next *n)
{
	n->old_streams = a->streams;
	n->n_old_streams = a->n_streams;
	a->streams = n->binding->streams;
	a->n_streams = n->binding->n_streams;
	n->binding->streams = NULL;
	for (size_t i = 0; i < a->n_streams; i++) {
		size_t was = find_stream(n->old_streams, n->n_old_streams, a->streams[i].db, i);
		if (was != SIZE_MAX && n->old_streams[was].stored > a->streams[i].stored)
			a->streams[i].stored = n->old_streams[was].stored;
	}
}

/* Where a hub of this name had come to, by the next streams: memory knows better than the binding. */
static void carry(const struct app *a, const struct app_next *n, const struct app_hub *h, int64_t *acked, int64_t *session)
{
	for (size_t i = 0; i < a->n_streams; i++) {
		size_t was = find_stream(n->old_streams, n->n_old_streams, a->streams[i].db, i);
		if (was != SIZE_MAX && h->acked[was] > acked[i])
			acked[i] = h->acked[was];
	}
	if (h->session > *session)
		*session = h->session;
}

static int prepare_hub(struct app *a, struct app_next *n, size_t i, struct err *reterr)
{
	const struct config_hub *c = &n->generation->config->hubs[i];
	struct binding *b = n->binding;
	struct app_hub *ours = hub_of_db(a, b->hub_dbs[i]);
	int64_t *acked = b->hub_acked[i];

	b->hub_acked[i] = NULL;
	if (ours)
		carry(a, n, ours, acked, &b->hub_sessions[i]);
	if (hub_goes_on(n, ours, c)) {
		n->hubs[i] = ours;
		return app_hub_prepare(ours, acked, &n->kept[i]) ? err_set(reterr, ERR_NO_MEMORY, "hub '%s': no memory", c->link.name) : 0;
	}
	n->hubs[i] = app_hub_new(a, b->hub_dbs[i], b->hub_sessions[i], acked);
	return n->hubs[i] ? app_hub_open(n->hubs[i], n->generation, n->pipeline, c, reterr) : err_set(reterr, ERR_NO_MEMORY, "hub '%s': no memory", c->link.name);
}

static int prepare_hubs(struct app *a, struct app_next *n, struct err *reterr)
{
	size_t count = n->binding->n_hubs;

	n->hubs = calloc(count + 1, sizeof *n->hubs);
	n->kept = calloc(count + 1, sizeof *n->kept);
	if (!n->hubs || !n->kept)
		return err_set(reterr, ERR_NO_MEMORY, "no memory for %zu hubs", count);
	for (size_t i = 0; i < count; i++)
		if (prepare_hub(a, n, i, reterr))
			return -1;
	return 0;
}

static bool is_ours(const struct app *a, const struct app_hub *h)
{
	for (size_t i = 0; i < a->n_hubs; i++)
		if (a->hubs[i] == h)
			return true;
	return false;
}

static void take_hubs(struct app *a, struct app_next *n)
{
	for (size_t i = 0; i < n->binding->n_hubs; i++) {
		if (!n->kept[i].acked)
			continue;
		app_hub_take(n->hubs[i], n->generation, &n->generation->config->hubs[i], &n->kept[i]);
		for (size_t k = 0; k < a->n_hubs; k++)
			if (a->hubs[k] == n->hubs[i])
				a->hubs[k] = NULL;
	}
	for (size_t i = 0; i < a->n_hubs; i++)
		if (a->hubs[i])
			app_hub_close(a->hubs[i]);
	free(a->hubs);
	free(n->kept);
	free(n->old_streams);
	a->hubs = n->hubs;
	a->n_hubs = n->binding->n_hubs;
	n->hubs = NULL;
	n->kept = NULL;
	n->old_streams = NULL;
}

/* ---- both ---- */

int app_next_prepare(struct app *a, struct app_next *n, struct err *reterr)
{
	turn_streams(a, n);
	if (app_alarms_room(a, n->generation, n->pipeline, reterr) || prepare_buses(a, n, reterr) || prepare_hubs(a, n, reterr)) {
		app_next_drop(a, n);
		return -1;
	}
	return 0;
}

void app_next_take(struct app *a, struct app_next *n)
{
	take_hubs(a, n);
	take_buses(a, n);
}

void app_next_drop(struct app *a, struct app_next *n)
{
	for (size_t i = 0; n->buses && i < n->generation->config->n_buses; i++)
		if (n->buses[i].generation)
			close_bus(&n->buses[i]);
	for (size_t i = 0; n->hubs && n->kept && i < n->binding->n_hubs; i++) {
		if (n->kept[i].acked)
			app_hub_drop(n->hubs[i], &n->kept[i]);
		else if (n->hubs[i] && !is_ours(a, n->hubs[i]))
			app_hub_close(n->hubs[i]);
	}
	free(n->buses);
	free(n->hubs);
	free(n->kept);
	free(a->streams);
	a->streams = n->old_streams;
	a->n_streams = n->n_old_streams;
	n->buses = NULL;
	n->hubs = NULL;
	n->kept = NULL;
	n->old_streams = NULL;
}
