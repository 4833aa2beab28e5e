/* Reload: a helper thread loads and checks the new config and makes all of it that needs no look at what goes on now: texts, the directory, rules, which lines stay; the store
 * thread gives its names their database ids; then, between two events, the loop swaps: first all that may fail, then what cannot. The happy path keeps every line, hub and alarm
 * that is as it was. Failure modes are: findings (refused whole, the old config runs on, an alarm and an event say so), a change that needs a restart, no memory (refused alike),
 * a store that does not answer in time (refused alike; its job is taken back, or ends unheeded). */
#include "gateway/app.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-daemon.h>

#define SWAP_RETRY_NS (50 * CLOCK_NS_PER_MS)
#define STORE_WAIT_NS (10 * CLOCK_NS_PER_S)  /* until the store gets to it, and until a batch is free */
#define STORE_WORK_NS (60 * CLOCK_NS_PER_S)  /* for the names themselves: a slow card may need long for thousands of new ones */

struct reload {
	struct mail       mail;     /* from the helper thread */
	struct job        job;      /* on the store thread */
	struct app       *app;
	uv_thread_t       thread;
	/* the helper's: what runs now, and what it makes of the new config */
	struct app_line  *lines;
	size_t            n_lines;
	struct config    *config;   /* the generation's, once there is one */
	struct findings   findings;
	struct generation *generation;
	struct pipeline  *pipeline;
	struct app_plan   plan;
	/* then */
	struct binding    binding;
	struct err        error;
	bool              failed, joined;
	bool              binding_asked, bound, given_up;
	int64_t           until_ns;
	struct loop_timer timer;
};

int app_new_pipeline(struct app *a, struct generation *g, struct pipeline **ret, struct err *reterr)
{
	struct pipeline_config c = {
		.site = &g->config->site, .rules = g->config->rules, .n_rules = g->config->n_rules, .owns = g->owns, .n_owns = g->n_owns,
		.point_dbs = g->point_dbs, .decodings = g->decodings, .stream_dbs = g->stream_dbs, .boot = a->boot, .machine_boot = a->machine_boot, .started = a->started,
		.make_room = app_make_room, .tell_unstored = app_tell_unstored, .room_user = a,
	};

	return pipeline_new(&c, ret, reterr);
}

/* ---- the store's limits, and the hubs that hold its log ---- */

struct limits { struct job job; int64_t max_bytes, keep_readings_ms, keep_events_ms; size_t n_hubs; uint32_t hubs[]; };

static void run_limits(struct job *j, void *context)
{
	struct limits *l = (struct limits *)j;
	struct keeper *k = context;

	store_set_limits(k->store, l->max_bytes, l->keep_readings_ms, l->keep_events_ms);
	store_hold_only(k->store, l->hubs, l->n_hubs);
}

static void limits_done(struct job *j)
{
	free(j);
}

static struct limits *limits_new(size_t n_hubs)
{
	return calloc(1, sizeof(struct limits) + n_hubs * sizeof(uint32_t));
}

/* Of what runs now; takes l. */
static void apply_limits(struct app *a, struct limits *l)
{
	const struct config *c = a->generation->config;

	l->max_bytes = c->max_bytes;
	l->keep_readings_ms = c->keep_readings_ms;
	l->keep_events_ms = c->keep_events_ms;
	l->n_hubs = a->n_hubs;
	for (size_t i = 0; i < a->n_hubs; i++)
		l->hubs[i] = a->hubs[i]->db;
	l->job.run = run_limits;
	l->job.done = limits_done;
	keeper_job(&a->keeper, &l->job, false);
}

/* ---- the end, either way ---- */

static void finish(struct reload *r)
{
	struct app *a = r->app;

	pipeline_free(r->pipeline);
	if (r->generation)
		generation_unref(r->generation);
	else
		config_free(r->config);
	app_plan_done(&r->plan);
	free(r->lines);
	binding_done(&r->binding);
	findings_done(&r->findings);
	loop_timer_set(&a->loop, &r->timer, CLOCK_NEVER);
	free(r);
	a->reload = NULL;
	sd_notify(0, "READY=1");
	if (a->reload_again && !a->stopping) {
		a->reload_again = false;
		app_reload(a);
	}
}

static void tell_refused(struct app *a, const char *why)
{
	char zh[GENERATION_REFUSED_MAX], en[GENERATION_REFUSED_MAX];

	snprintf(zh, sizeof zh, "新配置被拒绝,沿用旧配置:%s", why);
	snprintf(en, sizeof en, "the new configuration was refused, the old one runs on: %s", why);
	log_error("config", "%s", en);
	if (a->stopping)
		return;
	app_operation(a, TRANSITION_CONFIG_REFUSED, CAUSE_PERSON, zh, en, NULL);
	/* An alarm says what it was raised for: for another reason it is raised again. */
	if (generation_say_refused(a->generation, zh, en))
		app_own(a, "config", NULL, "refused", false);
	app_own(a, "config", NULL, "refused", true);
	app_audit(a, "firegwd", "", "config", a->o.config_path, why, "");
}

/* Hubs that only the refused config has were bound, and hold the log no longer. */
static void let_go(struct reload *r)
{
	struct limits *l = r->bound && !r->app->stopping ? limits_new(r->app->n_hubs) : NULL;

	if (l)
		apply_limits(r->app, l);
}

static void refuse(struct reload *r, const char *why)
{
	tell_refused(r->app, why);
	let_go(r);
	finish(r);
}

static void refuse_store(struct reload *r)
{
	char text[ERR_TEXT_MAX];
	struct err why;

	keeper_trouble_text(&r->app->keeper, text, sizeof text);
	err_set(&why, ERR_TIMEOUT, "the store did not answer in time; reload again when it does%s%s", text[0] ? ": " : "", text);
	if (r->binding_asked && !r->bound) { /* the store thread is at it: it ends on its own */
		r->given_up = true;
		tell_refused(r->app, why.text);
		sd_notify(0, "READY=1");
		return;
	}
	refuse(r, why.text);
}

/* ---- the swap ---- */

static void say_loaded(struct app *a, struct generation *g)
{
	char en[128];

	log_set_level(g->config->log_level);
	snprintf(en, sizeof en, "configuration loaded: %zu point%s, %zu rule%s", g->config->site.n_points, g->config->site.n_points == 1 ? "" : "s", g->config->n_rules,
	         g->config->n_rules == 1 ? "" : "s");
	log_info("config", "%s (%s)", en, g->config->hash);
	app_operation(a, TRANSITION_CONFIG_LOADED, CAUSE_PERSON, "配置已加载", en, NULL);
	app_own(a, "config", NULL, "refused", false);
	app_duty_check(a);
	app_silence_again(a);
	app_sound_take(a);
	app_audit(a, "firegwd", "", "config", a->o.config_path, "ok", "");
	for (size_t i = 0; i < a->n_hubs; i++) {
		pump_status_dirty(a->hubs[i]->pump);
		app_hub_kick(a->hubs[i]);
	}
}

/* All that may fail was done. */
static void take(struct reload *r, struct app_next *next, struct limits *limits)
{
	struct app *a = r->app;
	struct generation *old_generation = a->generation;
	struct pipeline *old = a->pipeline;
	struct pipeline_effects fx;
	struct stamp now = loop_now(&a->loop);

	a->generation = r->generation;
	a->pipeline = r->pipeline;
	r->generation = NULL;
	r->config = NULL;
	r->pipeline = old; /* freed with the rest */
	app_give_batch(a, a->pipeline);
	pipeline_adopt(a->pipeline, old, now, &fx);
	app_next_take(a, next);
	generation_described(a->generation);
	app_effects(a, &fx, now);
	apply_limits(a, limits);
	a->config_since_ms = now.wall_ms;
	say_loaded(a, a->generation);
	finish(r);
	generation_unref(old_generation);
}

/* The old generation's batch goes first, with every cursor as it stands: a hub that is closed, or opened anew, goes on from there. */
static void swap(struct reload *r)
{
	struct app *a = r->app;
	struct app_next next = { .generation = r->generation, .pipeline = r->pipeline, .binding = &r->binding, .plan = &r->plan };
	struct stamp now = loop_now(&a->loop);
	struct err e;

	if (a->stopping) {
		refuse(r, "the daemon is stopping");
		return;
	}
	if (!app_flush_cursors(a) || app_store_turn(a, r->generation)) {
		if (now.mono_ns >= r->until_ns)
			refuse_store(r);
		else
			loop_timer_set(&a->loop, &r->timer, now.mono_ns + SWAP_RETRY_NS);
		return;
	}
	struct limits *limits = limits_new(r->binding.n_hubs);
	if (!limits)
		err_set(&e, ERR_NO_MEMORY, "no memory");
	if (!limits || app_next_prepare(a, &next, &e)) {
		free(limits);
		generation_unref(a->open->generation);
		a->open->generation = generation_ref(a->generation);
		refuse(r, e.text);
		return;
	}
	take(r, &next, limits);
}

static void on_timer(void *user, struct stamp now)
{
	struct reload *r = user;
	struct app *a = r->app;

	if (r->bound) {
		swap(r);
	} else if (a->stopping || r->given_up) {
		return; /* the store thread's word ends it */
	} else if (worker_take_back(&a->keeper.worker, &r->job)) {
		r->binding_asked = false;
		refuse_store(r);
	} else if (now.mono_ns < r->until_ns + STORE_WORK_NS - STORE_WAIT_NS) {
		loop_timer_set(&a->loop, &r->timer, r->until_ns + STORE_WORK_NS - STORE_WAIT_NS);
	} else {
		refuse_store(r);
	}
}

static void run_bind(struct job *j, void *context)
{
	struct reload *r = (struct reload *)((char *)j - offsetof(struct reload, job));
	struct keeper *k = context;

	r->failed = binding_make(&r->binding, r->generation, k->store, &r->error) != 0;
}

static void bind_done(struct job *j)
{
	struct reload *r = (struct reload *)((char *)j - offsetof(struct reload, job));

	r->bound = true;
	if (r->given_up) {
		let_go(r);
		finish(r);
	} else if (r->app->stopping || r->failed) {
		refuse(r, r->failed ? r->error.text : "the daemon is stopping");
	} else {
		swap(r);
	}
}

/* ---- loading ---- */

static void print_findings(const struct findings *f)
{
	for (size_t i = 0; i < f->n; i++) {
		const struct finding *x = &f->items[i];
		log_msg(x->severity == FINDING_ERROR ? LOG_LEVEL_ERROR : LOG_LEVEL_WARNING, "config", "%s:%d:%d: %s", x->file, x->line, x->column, x->text);
	}
}

/* As seen from the site file: where that stands on this machine is no hub's concern. */
static const char *beside(const char *site, const char *file)
{
	const char *slash = strrchr(site, '/');
	size_t dir = slash ? (size_t)(slash - site) + 1 : 0;

	return strncmp(site, file, dir) == 0 ? file + dir : file;
}

static const char *first_error(const struct app *a, const struct findings *f, struct err *e)
{
	for (size_t i = 0; i < f->n; i++) {
		const struct finding *x = &f->items[i];
		if (x->severity != FINDING_ERROR)
			continue;
		const char *file = beside(a->o.config_path, x->file);
		if (f->errors == 1)
			err_set(e, ERR_INVALID, "%s:%d: %s", file, x->line, x->text);
		else
			err_set(e, ERR_INVALID, "%s:%d: %s (the first of %zu errors)", file, x->line, x->text, f->errors);
		return e->text;
	}
	return "it could not be read";
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
	} else if (!r->config) {
		refuse(r, first_error(a, &r->findings, &e));
	} else if (r->failed) {
		refuse(r, r->error.text);
	} else {
		r->job.run = run_bind;
		r->job.done = bind_done;
		r->binding_asked = true;
		r->until_ns = loop_now(&a->loop).mono_ns + STORE_WAIT_NS;
		loop_timer_set(&a->loop, &r->timer, r->until_ns);
		keeper_job(&a->keeper, &r->job, false);
	}
}

/* Lines and generations that run now live, unchanged, until the swap or the stop, which waits for this thread. */
static void load(void *arg)
{
	struct reload *r = arg;
	bool loads = config_load(r->app->o.config_path, &r->config, &r->findings) == 0 && r->config;

	const struct config *now = r->app->generation->config;

	r->failed = loads && (config_reloadable(now, r->config, &r->error) || config_place_nodes(r->config, now->site.nodes, now->site.n_nodes, &r->error));
	if (loads && !r->failed) {
		r->generation = generation_new(r->config);
		if (!r->generation || generation_describe(r->generation) || app_plan_lines(&r->plan, r->lines, r->n_lines, r->config))
			r->failed = err_set(&r->error, ERR_NO_MEMORY, "no memory");
		else
			r->failed = app_new_pipeline(r->app, r->generation, &r->pipeline, &r->error) != 0;
	}
	r->mail.open = loaded;
	mailbox_post(&r->app->box, &r->mail);
}

/* What the helper may know of the lines that run; the lines themselves are the loop's. */
static int note_lines(struct reload *r)
{
	const struct app *a = r->app;

	r->lines = calloc(a->n_buses + 1, sizeof *r->lines);
	if (!r->lines)
		return -1;
	r->n_lines = a->n_buses;
	for (size_t i = 0; i < a->n_buses; i++)
		if (a->buses[i].poller)
			r->lines[i] = (struct app_line){ poller_bus(a->buses[i].poller), &a->buses[i].generation->config->site };
	return 0;
}

void app_reload(struct app *a)
{
	if (a->reload && a->reload->given_up) {
		tell_refused(a, "the store still does not answer; reload again when it does");
		return;
	}
	if (a->reload) {
		a->reload_again = true;
		return;
	}
	struct reload *r = calloc(1, sizeof *r);
	if (!r) {
		tell_refused(a, "no memory");
		return;
	}
	r->app = a;
	loop_timer_init(&r->timer, on_timer, r);
	a->reload = r;
	sd_notify(0, "RELOADING=1");
	log_info("config", "reloading %s", a->o.config_path);
	if (note_lines(r) || uv_thread_create(&r->thread, load, r)) {
		r->joined = true;
		refuse(r, "no memory, or no thread, to load it");
	}
}

void app_reload_abandon(struct app *a)
{
	struct reload *r = a->reload;

	if (r && !r->joined) {
		uv_thread_join(&r->thread);
		r->joined = true; /* its mail is still under way */
	} else if (r && r->bound) {
		refuse(r, "the daemon is stopping"); /* it waited for a batch */
	} else if (r) {
		loop_timer_set(&a->loop, &r->timer, CLOCK_NEVER); /* the store thread ends its queue: bind_done is still to come */
	}
}
