/* Reload: a helper thread loads and checks the new config; the store thread gives its names their database ids; then, between two events, the loop swaps. The happy path
 * keeps every line, hub and alarm that is as it was. Failure modes are: findings (refused whole, the old config runs on, an alarm and an event say so), a change that needs a
 * restart (refused alike), no free batch (the swap waits). */
#include "gateway/app.h"

#include "core/strmap.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-daemon.h>

#define SWAP_RETRY_NS (50 * CLOCK_NS_PER_MS)

struct reload {
	struct mail       mail;     /* from the helper thread */
	struct job        job;      /* on the store thread */
	struct app       *app;
	uv_thread_t       thread;
	struct config    *config;
	struct findings   findings;
	struct binding    binding;
	struct err        error;
	bool              failed, joined;
	struct loop_timer retry;
};

static uint32_t *make_map(const struct site *from, const struct site *to)
{
	struct strmap by_id = STRMAP_INIT;
	uint32_t *map = malloc((from->n_points + 1) * sizeof *map);

	if (!map || strmap_reserve(&by_id, to->n_points)) {
		free(map);
		return NULL;
	}
	for (uint32_t i = 0; i < to->n_points; i++)
		strmap_put(&by_id, to->points[i].id, i);
	for (size_t i = 0; i < from->n_points; i++)
		map[i] = strmap_get(&by_id, from->points[i].id); /* STRMAP_NONE is POINT_NONE */
	strmap_done(&by_id);
	return map;
}

static void close_bus(struct app_bus *b)
{
	poller_close(b->poller);
	generation_unref(b->generation);
	free(b->silent_since_ns);
	free(b->told_silent);
	memset(b, 0, sizeof *b);
}

static int open_bus(struct app *a, struct app_bus *b, struct generation *g, size_t i, struct err *reterr)
{
	const struct config_bus *c = &g->config->buses[i];
	struct poller_config pc = { c, a->shared, app_sample, a };
	struct stamp now = loop_now(&a->loop);

	*b = (struct app_bus){ .generation = generation_ref(g), .since_ms = now.wall_ms, .opened_ns = now.mono_ns };
	b->silent_since_ns = calloc(c->bus.n_devices + 1, sizeof *b->silent_since_ns);
	b->told_silent = calloc(c->bus.n_devices + 1, sizeof *b->told_silent);
	if (!b->silent_since_ns || !b->told_silent)
		return err_set(reterr, ERR_NO_MEMORY, "no memory for bus '%s'", c->bus.name);
	b->told_down = app_own_stands(a, "bus", c->bus.name, "down");
	for (size_t d = 0; d < c->bus.n_devices; d++)
		b->told_silent[d] = app_own_stands(a, "device", c->bus.devices[d].name, "silent");
	return poller_open(&a->loop, &pc, &b->poller, reterr);
}

static struct app_bus *same_bus(struct app *a, const struct config_bus *c)
{
	for (size_t i = 0; i < a->n_buses; i++) {
		const struct config_bus *old = a->buses[i].poller ? poller_bus(a->buses[i].poller) : NULL;
		if (old && old->hash == c->hash && strcmp(old->bus.name, c->bus.name) == 0)
			return &a->buses[i];
	}
	return NULL;
}

int app_take_buses(struct app *a, struct generation *g, struct err *reterr)
{
	size_t n = g->config->n_buses;
	struct app_bus *buses = calloc(n + 1, sizeof *buses);
	int failed = 0;

	if (!buses)
		return err_set(reterr, ERR_NO_MEMORY, "no memory for %zu lines", n);
	for (size_t i = 0; i < n && !failed; i++) {
		struct app_bus *old = same_bus(a, &g->config->buses[i]);
		uint32_t *map = old ? make_map(&old->generation->config->site, &g->config->site) : NULL;
		if (old && map) {
			buses[i] = *old;
			poller_set_map(buses[i].poller, map);
			memset(old, 0, sizeof *old);
		} else {
			failed = open_bus(a, &buses[i], g, i, reterr);
		}
	}
	for (size_t i = 0; i < a->n_buses; i++)
		if (a->buses[i].poller)
			close_bus(&a->buses[i]);
	free(a->buses);
	a->buses = buses;
	a->n_buses = n;
	return failed;
}

static struct app_hub *take_same_hub(struct app *a, const struct config_hub *c)
{
	for (size_t i = 0; i < a->n_hubs; i++) {
		struct app_hub *h = a->hubs[i];
		if (!h || h->config->hash != c->hash || strcmp(h->config->link.name, c->link.name) != 0 || !app_hub_has_room(h))
			continue;
		a->hubs[i] = NULL;
		return h;
	}
	return NULL;
}

/* Where a hub that goes on had come to, by the streams of the new generation: memory knows better than the file. */
static void carry_acked(struct app_hub *h, const struct app_stream *old, size_t n_old, int64_t *acked)
{
	const struct app *a = h->app;

	for (size_t i = 0; i < a->n_streams; i++)
		for (size_t j = 0; j < n_old; j++)
			if (old[j].db == a->streams[i].db && h->acked[j] > acked[i])
				acked[i] = h->acked[j];
}

int app_take_hubs(struct app *a, struct binding *b, struct err *reterr)
{
	struct generation *g = b->generation;
	struct app_hub **hubs = calloc(b->n_hubs + 1, sizeof(struct app_hub *));
	struct app_stream *old_streams = a->streams;
	size_t n_old_streams = a->n_streams, n_old = a->n_hubs;
	struct app_hub **old = a->hubs;
	int failed = 0;

	if (!hubs)
		return err_set(reterr, ERR_NO_MEMORY, "no memory for %zu hubs", b->n_hubs);
	a->streams = b->streams;
	a->n_streams = b->n_streams;
	b->streams = NULL;
	for (size_t i = 0; i < a->n_streams; i++) /* commits may have gone on since the binding was made */
		for (size_t j = 0; j < n_old_streams; j++)
			if (old_streams[j].db == a->streams[i].db && old_streams[j].stored > a->streams[i].stored)
				a->streams[i].stored = old_streams[j].stored;
	for (size_t i = 0; i < b->n_hubs; i++) {
		const struct config_hub *c = &g->config->hubs[i];
		hubs[i] = take_same_hub(a, c);
		if (hubs[i]) {
			carry_acked(hubs[i], old_streams, n_old_streams, b->hub_acked[i]);
			app_hub_set_acked(hubs[i], b->hub_acked[i]);
			app_hub_set_generation(hubs[i], g, c);
		} else {
			hubs[i] = app_hub_new(a, b->hub_dbs[i], b->hub_sessions[i], b->hub_acked[i]);
			failed = failed || !hubs[i] || app_hub_open(hubs[i], g, c, reterr);
		}
		b->hub_acked[i] = NULL;
	}
	for (size_t i = 0; i < n_old; i++)
		if (old[i])
			app_hub_close(old[i]);
	free(old);
	free(old_streams);
	a->hubs = hubs;
	a->n_hubs = b->n_hubs;
	return failed ? -1 : 0;
}

int app_new_pipeline(struct app *a, struct generation *g, struct pipeline **ret, struct err *reterr)
{
	struct pipeline_config c = {
		.site = &g->config->site, .rules = g->config->rules, .n_rules = g->config->n_rules, .owns = g->owns, .n_owns = g->n_owns,
		.point_dbs = g->point_dbs, .decodings = g->decodings, .stream_dbs = g->stream_dbs, .boot = a->boot, .machine_boot = a->machine_boot, .started = a->started,
	};

	return pipeline_new(&c, ret, reterr);
}

static void finish(struct reload *r)
{
	struct app *a = r->app;

	binding_done(&r->binding);
	findings_done(&r->findings);
	loop_timer_set(&a->loop, &r->retry, CLOCK_NEVER);
	free(r);
	a->reload = NULL;
	sd_notify(0, "READY=1");
	if (a->reload_again && !a->stopping) {
		a->reload_again = false;
		app_reload(a);
	}
}

static void refuse(struct reload *r, const char *why)
{
	struct app *a = r->app;
	char zh[ERR_TEXT_MAX + 64], en[ERR_TEXT_MAX + 64];

	snprintf(zh, sizeof zh, "新配置被拒绝,沿用旧配置:%s", why);
	snprintf(en, sizeof en, "the new configuration was refused, the old one runs on: %s", why);
	log_error("config", "%s", en);
	if (!a->stopping) {
		app_operation(a, TRANSITION_CONFIG_REFUSED, CAUSE_PERSON, zh, en, NULL);
		app_own(a, "config", NULL, "refused", true);
		app_audit(a, "firegwd", "", "config", a->config_path, why, "");
	}
	if (r->binding.generation)
		generation_unref(r->binding.generation);
	else
		config_free(r->config);
	finish(r);
}

static void swap(struct reload *r)
{
	struct app *a = r->app;
	struct generation *g = r->binding.generation, *old_generation = a->generation;
	struct pipeline *next, *old = a->pipeline;
	struct pipeline_effects fx;
	struct stamp now = loop_now(&a->loop);
	struct err e;

	if (a->stopping) {
		refuse(r, "the daemon is stopping");
		return;
	}
	if (app_store_turn(a, g)) {
		loop_timer_set(&a->loop, &r->retry, now.mono_ns + SWAP_RETRY_NS);
		return;
	}
	if (app_new_pipeline(a, g, &next, &e)) {
		a->open->generation = generation_ref(old_generation);
		generation_unref(g);
		refuse(r, e.text);
		return;
	}
	a->generation = g;
	a->pipeline = next;
	pipeline_set_batch(next, a->open->commit.batch);
	pipeline_adopt(next, old, now, &fx);
	if (app_alarms_room(a, &e) || app_take_hubs(a, &r->binding, &e) || app_take_buses(a, g, &e))
		log_error("config", "%s", e.text); /* no memory: what could be opened runs */
	app_effects(a, &fx, now);
	pipeline_free(old);
	generation_unref(old_generation);
	a->config_since_ms = now.wall_ms;
	log_set_level(g->config->log_level);
	char en[128];
	snprintf(en, sizeof en, "configuration loaded: %zu points, %zu rules", g->config->site.n_points, g->config->n_rules);
	log_info("config", "%s (%s)", en, g->config->hash);
	app_operation(a, TRANSITION_CONFIG_LOADED, CAUSE_PERSON, "配置已加载", en, NULL);
	app_own(a, "config", NULL, "refused", false);
	app_audit(a, "firegwd", "", "config", a->config_path, "ok", "");
	for (size_t i = 0; i < a->n_hubs; i++) {
		pump_status_dirty(a->hubs[i]->pump);
		app_hub_kick(a->hubs[i]);
	}
	finish(r);
}

static void on_retry(void *user, struct stamp now)
{
	(void)now;
	swap(user);
}

static void run_bind(struct job *j, void *context)
{
	struct reload *r = (struct reload *)((char *)j - offsetof(struct reload, job));
	struct keeper *k = context;
	const struct config *c = r->binding.generation->config;
	struct generation *g = r->binding.generation;

	r->failed = binding_make(&r->binding, g, k->store, &r->error) != 0;
	r->binding.generation = g;
	if (!r->failed)
		store_set_limits(k->store, c->max_bytes, c->keep_readings_ms, c->keep_events_ms);
}

static void bind_done(struct job *j)
{
	struct reload *r = (struct reload *)((char *)j - offsetof(struct reload, job));

	if (r->app->stopping || r->failed)
		refuse(r, r->failed ? r->error.text : "the daemon is stopping");
	else
		swap(r);
}

static void print_findings(const struct findings *f)
{
	for (size_t i = 0; i < f->n; i++) {
		const struct finding *x = &f->items[i];
		log_msg(x->severity == FINDING_ERROR ? LOG_LEVEL_ERROR : LOG_LEVEL_WARNING, "config", "%s:%d:%d: %s", x->file, x->line, x->column, x->text);
	}
}

static void loaded(struct mail *m)
{
	struct reload *r = (struct reload *)m;
	struct app *a = r->app;
	struct err e = { 0 };

	if (!r->joined)
		uv_thread_join(&r->thread);
	r->joined = true;
	print_findings(&r->findings);
	if (a->stopping) {
		refuse(r, "the daemon is stopping");
		return;
	}
	if (!r->config) {
		const struct finding *first = NULL;
		for (size_t i = 0; i < r->findings.n && !first; i++)
			if (r->findings.items[i].severity == FINDING_ERROR)
				first = &r->findings.items[i];
		if (first)
			err_set(&e, ERR_INVALID, "%zu errors, the first: %s:%d:%d: %.300s", r->findings.errors, first->file, first->line, first->column, first->text);
		else
			err_set(&e, ERR_INVALID, "it could not be read");
		refuse(r, e.text);
		return;
	}
	const struct config *old = a->generation->config;
	if (config_reloadable(old, r->config, &e) || config_place_nodes(r->config, old->site.nodes, old->site.n_nodes, &e)) {
		refuse(r, e.text);
		return;
	}
	r->binding.generation = generation_new(r->config);
	if (!r->binding.generation) {
		refuse(r, "no memory");
		return;
	}
	r->job.run = run_bind;
	r->job.done = bind_done;
	keeper_job(&a->keeper, &r->job, false);
}

static void load(void *arg)
{
	struct reload *r = arg;

	config_load(r->app->config_path, &r->config, &r->findings);
	r->mail.open = loaded;
	mailbox_post(&r->app->box, &r->mail);
}

void app_reload(struct app *a)
{
	if (a->reload) {
		a->reload_again = true;
		return;
	}
	struct reload *r = calloc(1, sizeof *r);
	if (!r)
		return;
	r->app = a;
	loop_timer_init(&r->retry, on_retry, r);
	a->reload = r;
	sd_notify(0, "RELOADING=1");
	log_info("config", "reloading %s", a->config_path);
	if (uv_thread_create(&r->thread, load, r)) {
		r->joined = true;
		refuse(r, "no thread to load it");
	}
}

void app_reload_abandon(struct app *a)
{
	struct reload *r = a->reload;

	if (r && !r->joined) {
		uv_thread_join(&r->thread);
		r->joined = true; /* its mail is still under way */
	} else if (r && r->retry.deadline_ns != CLOCK_NEVER) {
		refuse(r, "the daemon is stopping");
	}
}
