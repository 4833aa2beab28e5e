/* Start: config, store, what was kept, control socket, threads, hubs, lines. Stop: lines, last batch, store, hubs (offline status), cursors, store closed; each step bounded. */
#include "gateway/app.h"

#include "core/strmap.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#define TICK_FIRST_NS   CLOCK_NS_PER_S
#define PRUNE_FIRST_NS  (5 * CLOCK_NS_PER_S)
#define PRUNE_EVERY_NS  (5 * CLOCK_NS_PER_S)  /* the WAL is written back as often */
#define PRUNE_MORE_NS   (50 * CLOCK_NS_PER_MS)
#define PRUNE_ROWS      2000
#define STOP_LOOK_NS    (10 * CLOCK_NS_PER_MS)
#define STOP_STORE_NS   (3 * CLOCK_NS_PER_S)
#define STOP_HUBS_NS    (3 * CLOCK_NS_PER_S)
#define STOP_CURSORS_NS (2 * CLOCK_NS_PER_S)
#define STOP_ALL_S      10

enum { STOP_NONE, STOP_LAST_BATCH, STOP_HUBS, STOP_CURSORS, STOP_CLOSED };

struct prune {
	struct job          job;
	struct app         *app;
	struct store_pruned pruned;
	struct binding      found;  /* only its streams: first of each */
	int64_t             now_ms;
	bool                failed;
};

static uint64_t machine_boot(void)
{
	char text[64] = "";
	int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
	ssize_t n = fd >= 0 ? read(fd, text, sizeof text) : 0;

	if (fd >= 0)
		close(fd);
	return strmap_hash64(text, n > 0 ? (size_t)n : 0, STRMAP_HASH_SEED);
}

static void on_stop_signal(uv_signal_t *handle, int number)
{
	app_stop(handle->data, number == SIGINT ? "SIGINT" : "SIGTERM");
}

static void on_hangup(uv_signal_t *handle, int number)
{
	struct app *a = handle->data;

	(void)number;
	if (!a->stopping)
		app_reload(a);
}

static void start_signals(struct app *a)
{
	static const struct { int number; uv_signal_cb cb; } wanted[] = { { SIGTERM, on_stop_signal }, { SIGINT, on_stop_signal }, { SIGHUP, on_hangup } };

	for (size_t i = 0; i < sizeof wanted / sizeof wanted[0]; i++) {
		uv_signal_init(&a->uv, &a->signals[i]);
		a->signals[i].data = a;
		uv_signal_start(&a->signals[i], wanted[i].cb, wanted[i].number);
	}
}

static void on_stream_first(void *user, const struct store_stream *st)
{
	struct prune *p = user;

	for (size_t i = 0; i < p->found.n_streams; i++)
		if (p->found.streams[i].db == st->db)
			p->found.streams[i].first = st->first;
}

static void run_prune(struct job *j, void *context)
{
	struct prune *p = (struct prune *)j;
	struct keeper *k = context;
	struct err e;

	p->failed = store_prune(k->store, p->now_ms, PRUNE_ROWS, &p->pruned, &e) != 0;
	if (!p->failed && p->pruned.readings + p->pruned.events)
		store_each_stream(k->store, on_stream_first, p, &e);
}

static void prune_done(struct job *j)
{
	struct prune *p = (struct prune *)j;
	struct app *a = p->app;
	struct stamp now = loop_now(&a->loop);

	a->pruning = false;
	for (size_t i = 0; i < p->found.n_streams && i < a->n_streams; i++) {
		if (p->found.streams[i].db != a->streams[i].db || p->found.streams[i].first == a->streams[i].first)
			continue;
		a->streams[i].first = p->found.streams[i].first;
		for (size_t h = 0; h < a->n_hubs; h++)
			if (a->hubs[h]->pump)
				pump_on_pruned(a->hubs[h]->pump, a->streams[i].db, a->streams[i].first);
	}
	if (!a->stopping)
		loop_timer_set(&a->loop, &a->prune_timer, now.mono_ns + (!p->failed && p->pruned.more ? PRUNE_MORE_NS : PRUNE_EVERY_NS));
	free(p->found.streams);
	free(p);
}

static void on_prune(void *user, struct stamp now)
{
	struct app *a = user;
	struct prune *p = calloc(1, sizeof *p);

	if (p)
		p->found.streams = malloc(a->n_streams * sizeof *p->found.streams);
	if (!p || !p->found.streams || a->stopping) {
		if (p)
			free(p->found.streams);
		free(p);
		loop_timer_set(&a->loop, &a->prune_timer, now.mono_ns + PRUNE_EVERY_NS);
		return;
	}
	memcpy(p->found.streams, a->streams, a->n_streams * sizeof *p->found.streams);
	p->found.n_streams = a->n_streams;
	p->app = a;
	p->now_ms = now.wall_trusted ? now.wall_ms : 0; /* nothing is deleted for its age by a clock that may have jumped */
	p->job.run = run_prune;
	p->job.done = prune_done;
	a->pruning = true;
	keeper_job(&a->keeper, &p->job, false);
}

static void on_cursors(void *user, struct stamp now)
{
	struct app *a = user;

	(void)app_flush_cursors(a);
	app_commit_by(a, now.mono_ns);
	a->want_submit = true;
}

static void on_kept_state(void *user, const char *alarm, const void *blob, size_t len)
{
	struct app *a = user;

	if (!app_learned_restore(a, alarm, blob, len) && !app_people_restore(a, alarm, blob, len))
		pipeline_restore_state(a->pipeline, alarm, blob, len, a->started);
}

static uint32_t node_of(const struct site *site, const char *node)
{
	for (uint32_t i = 0; i < site->n_nodes; i++)
		if (strcmp(site->nodes[i], node) == 0)
			return i;
	return 0;
}

static void on_kept_alarm(void *user, const struct record_event *e, const char *node, unsigned stream)
{
	struct app *a = user;
	const struct site *site = &a->generation->config->site;
	struct record_event copy = *e;
	struct compose_stream s = { site->gateway, node, a->log_id, node_of(site, node), e->stream_db, stream };
	struct outmsg *m = compose_event(&s, e->seq, e->n, e->at_ms, e->tail, e->tail_len);

	pipeline_restore_alarm(a->pipeline, e, node, stream);
	if (!m)
		return;
	copy.node = s.node_index;
	copy.class_ = stream;
	m->rev = e->rev;
	m->id = e->id.counter;
	app_hub_alarm_state(a, &copy, m);
	outmsg_unref(m);
}

static void on_kept_command(void *user, const char *id, int64_t expires_ms)
{
	struct app *a = user;
	char forgotten[SEEN_ID_MAX + 1];

	(void)seen_add(&a->seen, a->seen_hub, id, expires_ms, forgotten); /* without memory the start fails soon enough */
}

/* More transitions than an alarm has in a run between two that are stored. */
#define REV_JUMP 10000

/* What a run that did not end in order sent last may never have been stored, revs above those that we know with it. Each such end lifts all revs beyond what it can have sent,
 * and that is stored before anything of this run is sent. */
static void lift_revs(struct app *a, const struct store_report *report)
{
	struct err e;
	int64_t floor = report->rev_floor, newest = pipeline_newest_rev(a->pipeline);

	if (report->unclean) {
		floor = (floor > newest ? floor : newest) + REV_JUMP;
		if (store_set_rev_floor(a->store, floor, &e))
			log_error("store", "%s", e.text);
	}
	pipeline_set_rev_floor(a->pipeline, floor < UINT32_MAX / 2 ? (uint32_t)floor : UINT32_MAX / 2);
}

/* The alarms, delays and commands of the last run. */
static int restore(struct app *a, const struct binding *b, const struct store_report *report, struct err *reterr)
{
	struct pipeline_effects fx;

	if (store_each_state(a->store, on_kept_state, a, reterr) || store_each_alarm(a->store, on_kept_alarm, a, reterr))
		return -1;
	for (size_t i = 0; i < b->n_hubs; i++) {
		a->seen_hub = b->hub_dbs[i];
		if (store_each_command(a->store, b->hub_dbs[i], a->started.wall_trusted ? a->started.wall_ms : 1, on_kept_command, a, reterr))
			return -1;
	}
	lift_revs(a, report);
	pipeline_started(a->pipeline, a->started, &fx);
	app_effects(a, &fx, a->started);
	return 0;
}

static int open_store(struct app *a, struct store_report *report, struct err *reterr)
{
	const struct config *c = a->generation->config;
	struct store_options o = { .path = c->db_path, .gateway = c->site.gateway, .max_bytes = c->max_bytes, .keep_readings_ms = c->keep_readings_ms, .keep_events_ms = c->keep_events_ms };

	if (store_open(&o, a->started.wall_ms, &a->store, report, reterr))
		return -1;
	snprintf(a->log_id, sizeof a->log_id, "%s", store_log(a->store));
	snprintf(a->audit_head, sizeof a->audit_head, "%s", store_audit_head(a->store));
	store_usage(a->store, &a->usage);
	struct err e;
	if (store_set_zone(a->store, c->timezone, &e))
		log_warning("store", "%s (the file does not say the site's time zone)", e.text); /* what has to be stored will say it better */
	loop_set_newest(&a->loop, report->newest_ms, report->sure_ms);
	a->started.wall_trusted = loop_now(&a->loop).wall_trusted;
	log_info("store", "%s: %s, log %s", c->db_path, report->created ? "created" : "opened", a->log_id);
	if (report->damaged)
		log_error("store", "%s was damaged: set aside as %s, a new log %s begun", c->db_path, report->set_aside, a->log_id);
	if (report->older)
		log_warning("store", "%s is an older copy, or another database, put in its place: it ends with event %lld of log %s, and %lld had been given; a new log %s begun",
		            c->db_path, (long long)report->n, report->old_log, (long long)report->given_n, a->log_id);
	if (report->unwitnessed)
		log_warning("store", "%s.witness cannot be written: should an older copy of the database be put in its place, nobody would notice", c->db_path);
	return 0;
}

static int start_threads(struct app *a, struct err *reterr)
{
	int r = keeper_start(&a->keeper, a->store, &a->box, app_store_trouble, a);

	if (r)
		return err_set(reterr, ERR_NO_MEMORY, "cannot start the store thread: %s", uv_strerror(r));
	a->store = NULL; /* the keeper's now */
	r = desk_start(&a->desk, a->generation->config->db_path, &a->box);
	return r ? err_set(reterr, ERR_NO_MEMORY, "cannot start the reader thread: %s", uv_strerror(r)) : 0;
}

static void stop_look(void *user, struct stamp now);

static void start_timers(struct app *a)
{
	loop_timer_init(&a->tick_timer, app_tick, a);
	loop_timer_init(&a->stop_timer, stop_look, a);
	loop_timer_init(&a->prune_timer, on_prune, a);
	loop_timer_init(&a->cursor_timer, on_cursors, a);
	loop_timer_set(&a->loop, &a->tick_timer, a->started.mono_ns + TICK_FIRST_NS);
	loop_timer_set(&a->loop, &a->prune_timer, a->started.mono_ns + PRUNE_FIRST_NS);
}

static int start_rooms(struct app *a, struct store_report *report, struct err *reterr)
{
	const struct config *c = a->generation->config;
	struct control_config control = { .socket = c->control_socket, .operators = c->operators, .maintainers = c->maintainers };
	struct binding b;

	if (open_store(a, report, reterr) || control_start(&a->uv, &control, verbs_handle, a, &a->control, reterr))
		return -1;
	if (generation_recall_nodes(a->generation, a->store, reterr))
		return -1;
	if (binding_make(&b, a->generation, a->store, reterr) || app_store_start(a, reterr) || app_new_pipeline(a, a->generation, &a->pipeline, reterr)) {
		binding_done(&b);
		return -1;
	}
	app_give_batch(a, a->pipeline);
	struct app_next next = { .generation = a->generation, .pipeline = a->pipeline, .binding = &b };
	int failed = app_alarms_room(a, a->generation, a->pipeline, reterr) || restore(a, &b, report, reterr) || start_threads(a, reterr);
	if (!failed) {
		start_timers(a);
		failed = generation_describe(a->generation) ? err_set(reterr, ERR_NO_MEMORY, "no memory for the directory") : app_next_prepare(a, &next, reterr);
	}
	if (!failed)
		app_next_take(a, &next);
	generation_described(a->generation);
	binding_done(&b);
	return failed ? -1 : 0;
}

static const char *plural(size_t n)
{
	return n == 1 ? "" : "s";
}

static void say_started(const struct app *a, const struct config *config)
{
	const char *points = plural(config->site.n_points), *lines = plural(a->n_buses), *hubs = plural(a->n_hubs);
	sd_notifyf(0, "READY=1\nSTATUS=%zu point%s on %zu line%s, %zu hub%s\nMAINPID=%d", config->site.n_points, points, a->n_buses, lines, a->n_hubs, hubs, (int)getpid());
	log_info("app", "gateway %s: %zu point%s on %zu line%s, %zu rule%s, %zu hub%s; socket %s", config->site.gateway, config->site.n_points, points, a->n_buses, lines,
	         config->n_rules, plural(config->n_rules), a->n_hubs, hubs, config->control_socket);
}

static void tell_started(struct app *a, const struct store_report *report)
{
	const struct config *c = a->generation->config;
	char en[200], detail[64] = "";

	snprintf(en, sizeof en, "firegwd %s started, log %s%s", FIREGW_VERSION, a->log_id,
	         report->older ? ": a new one, for an older copy of the database, or another one, was put in its place" : "");
	if (report->older)
		snprintf(detail, sizeof detail, "log %s, before: %s", a->log_id, report->old_log);
	app_operation(a, TRANSITION_STARTED, CAUSE_RESTART, report->older ? "网关已启动;数据库被换成旧副本或另一数据库,已启用新日志" : "网关已启动", en, NULL);
	app_operation(a, TRANSITION_CONFIG_LOADED, CAUSE_RESTART, "配置已加载", c->hash, NULL);
	app_audit(a, "firegwd", "", "start", c->site.gateway, "ok", detail);
	if (report->damaged) {
		app_own(a, "storage", NULL, "damaged", true);
		app_own(a, "storage", NULL, "damaged", false); /* over: it stands until someone acknowledges it */
	}
}

int app_start(struct app *a, const struct app_options *o, struct config *config, struct err *reterr)
{
	struct store_report report;

	uv_loop_init(&a->uv);
	mailbox_init(&a->box, &a->uv);
	if (loop_init(&a->loop, &a->uv, reterr))
		return -1;
	a->o = *o;
	a->started = loop_now(&a->loop);
	a->config_since_ms = a->started.wall_ms;
	a->machine_boot = machine_boot();
	a->generation = generation_new(config);
	a->shared = driver_shared_new(reterr);
	if (getrandom(&a->boot, sizeof a->boot, 0) != sizeof a->boot || getrandom(&a->seed, sizeof a->seed, 0) != sizeof a->seed)
		return err_set(reterr, ERR_IO, "no random numbers: %s", strerror(errno));
	if (!a->shared)
		return -1;
	if (!a->generation)
		return err_set(reterr, ERR_NO_MEMORY, "no memory");
	if (start_rooms(a, &report, reterr))
		return -1;
	start_signals(a);
	a->loop.on_step = app_clock_step;
	a->loop.user = a;
	app_own_started(a);
	app_sound_take(a);
	tell_started(a, &report);
	say_started(a, config);
	return 0;
}

static void on_too_late(int number)
{
	static const char text[] = "firegwd: the stop took over 10 s, ending now\n";

	(void)number;
	(void)!write(STDERR_FILENO, text, sizeof text - 1);
	_exit(1);
}

void app_stop(struct app *a, const char *why)
{
	if (a->stopping)
		return;
	a->stopping = true;
	signal(SIGALRM, on_too_late);
	alarm(STOP_ALL_S);
	sd_notify(0, "STOPPING=1");
	log_info("app", "stopping (%s)", why);
	app_close_lines(a);
	app_operation(a, TRANSITION_STOPPED, CAUSE_SELF, "网关已停止", why, NULL);
	app_audit(a, "firegwd", "", "stop", "", "ok", "");
	app_submit_if_due(a, loop_now(&a->loop));
	struct stamp now = loop_now(&a->loop);
	a->stop_stage = STOP_LAST_BATCH;
	a->stop_until_ns = now.mono_ns + STOP_STORE_NS;
	loop_timer_set(&a->loop, &a->stop_timer, now.mono_ns);
}

/* Whether every hub that is up has been told everything. */
static bool hubs_drained(const struct app *a)
{
	struct pump_view v;

	for (size_t i = 0; i < a->n_hubs; i++) {
		if (!a->hubs[i]->pump)
			continue;
		pump_view(a->hubs[i]->pump, &v);
		if (v.up && (v.in_flight || v.backlog_events))
			return false;
	}
	return true;
}

static bool hubs_stopped(const struct app *a)
{
	for (size_t i = 0; i < a->n_hubs; i++)
		if (a->hubs[i]->pump && !pump_stopped(a->hubs[i]->pump))
			return false;
	return true;
}

static void close_all(struct app *a)
{
	for (size_t i = 0; i < a->n_hubs; i++)
		app_hub_close(a->hubs[i]);
	free(a->hubs);
	a->hubs = NULL;
	a->n_hubs = 0;
	app_reload_abandon(a);
	desk_stop(&a->desk);
	a->keeper.left_events = a->open->commit.batch->n_events > 0;
	keeper_stop(&a->keeper);
	mailbox_drain(&a->box); /* what the threads had still to say */
	verbs_stop(a);
	app_report_stop(a);
	app_sound_stop(a);
	for (size_t i = 0; i < a->n_buses; i++) {
		generation_unref(a->buses[i].generation);
		free(a->buses[i].watch.units);
		free(a->buses[i].answers);
	}
	free(a->buses);
	a->buses = NULL;
	a->n_buses = 0;
	control_close(a->control, NULL);
	a->control = NULL;
	uv_close((uv_handle_t *)&a->check, NULL);
	for (size_t i = 0; i < 3; i++)
		uv_close((uv_handle_t *)&a->signals[i], NULL);
	loop_close(&a->loop);
	mailbox_close(&a->box);
}

/* One look at where the stop is; its stages only go forward. */
static void stop_look(void *user, struct stamp now)
{
	struct app *a = user;
	bool late = now.mono_ns >= a->stop_until_ns;

	loop_timer_set(&a->loop, &a->stop_timer, now.mono_ns + STOP_LOOK_NS);
	if (a->stop_stage == STOP_LAST_BATCH && (late || (app_store_idle(a) && hubs_drained(a)))) {
		for (size_t i = 0; i < a->n_hubs; i++) {
			pump_stop(a->hubs[i]->pump, now);
			app_hub_kick(a->hubs[i]);
		}
		a->stop_stage = STOP_HUBS;
		a->stop_until_ns = now.mono_ns + STOP_HUBS_NS;
	} else if (a->stop_stage == STOP_HUBS && (late || hubs_stopped(a))) {
		(void)app_flush_cursors(a);
		app_commit_by(a, now.mono_ns);
		app_submit_if_due(a, now);
		a->stop_stage = STOP_CURSORS;
		a->stop_until_ns = now.mono_ns + STOP_CURSORS_NS;
	} else if (a->stop_stage == STOP_CURSORS && (late || app_store_idle(a))) {
		a->stop_stage = STOP_CLOSED;
		loop_timer_set(&a->loop, &a->stop_timer, CLOCK_NEVER);
		close_all(a);
	}
}

void app_run(struct app *a)
{
	uv_run(&a->uv, UV_RUN_DEFAULT);
}

void app_done(struct app *a)
{
	pipeline_free(a->pipeline);
	app_learned_done(a);
	app_people_done(a);
	app_store_done(a);
	states_done(&a->alarms);
	generation_unref(a->generation);
	driver_shared_free(a->shared);
	free(a->streams);
	seen_done(&a->seen);
	loop_done(&a->loop);
	mailbox_done(&a->box);
	if (uv_loop_close(&a->uv) != 0)
		log_error("app", "the loop still held a handle at the end");
	log_info("app", "stopped");
}
