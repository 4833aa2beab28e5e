/* What a pump asks for, done with the daemon's parts: sessions and cursors ride with batches, the past comes from the desk, faults become events, commands are answered. */
#include "gateway/app.h"

#include "core/strmap.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SESSION_WAIT_NS CLOCK_NS_PER_S      /* the store may be late: connecting is not held up by it */
#define CURSOR_EVERY_NS CLOCK_NS_PER_S

void app_hub_kick(struct app_hub *h)
{
	h->kicked = true;
	h->app->want_kick = true;
}

static void step(struct app_hub *h)
{
	h->kicked = false;
	if (h->pump)
		loop_timer_set(&h->app->loop, &h->timer, pump_step(h->pump, loop_now(&h->app->loop)));
}

void app_hubs_step(struct app *a)
{
	a->want_kick = false;
	for (size_t i = 0; i < a->n_hubs; i++)
		if (a->hubs[i]->kicked)
			step(a->hubs[i]);
}

static void on_timer(void *user, struct stamp now)
{
	(void)now;
	step(user);
}

/* One state an alarm, and the descriptions. */
static size_t states_needed(const struct generation *g, struct pipeline *p)
{
	return rules_count(pipeline_rules(p)) + g->config->site.n_points / 100 + 1024;
}

/* Twice over, so that cleared ones need not give way at once. */
static size_t states_wanted(const struct generation *g, struct pipeline *p)
{
	return rules_count(pipeline_rules(p)) + states_needed(g, p);
}

bool app_hub_has_room(const struct app_hub *h, const struct generation *g, struct pipeline *p)
{
	return h->states.max >= states_needed(g, p);
}

int app_alarms_room(struct app *a, struct generation *g, struct pipeline *p, struct err *reterr)
{
	struct states next;

	if (a->alarms.max >= states_needed(g, p))
		return 0;
	if (states_init(&next, states_wanted(g, p)))
		return err_set(reterr, ERR_NO_MEMORY, "no memory for %zu alarms", states_wanted(g, p));
	bool failed = false;
	for (size_t i = 0; i < a->alarms.n && !failed; i++) {
		const struct state_entry *e = &a->alarms.entries[i];
		failed = e->version && e->msg && states_set(&next, e->kind, e->node, e->topic, e->urgency, e->msg);
	}
	if (failed) {
		states_done(&next);
		return err_set(reterr, ERR_NO_MEMORY, "no memory for the alarms that stand");
	}
	states_done(&a->alarms);
	a->alarms = next;
	return 0;
}

static const char *const fault_words[] = { "unreachable", "refused", "stopped", "certificate" };

/* A fault that an earlier run or config told of, and that this link shows to be over. */
static void over(struct app_hub *h, enum pump_fault what)
{
	if (!(h->faults_before & 1u << what))
		return;
	h->faults_before &= ~(1u << what);
	app_own(h->app, "hub", h->config->link.name, fault_words[what], false);
}

/* The link's events go through here, so that the next deadline is known after each. */
static void on_up(void *user, uint16_t receive_max)
{
	struct app_hub *h = user;

	repeat_log(&h->repeat, loop_now(&h->app->loop).mono_ns, LOG_LEVEL_INFO, "hub", NULL, "%s: connected", h->config->link.name);
	h->to_pump.up(h->to_pump.user, receive_max);
	over(h, PUMP_UNREACHABLE);
	over(h, PUMP_CERTIFICATE);
	over(h, PUMP_REFUSED);
	app_hub_kick(h);
}

static void on_down(void *user, enum hub_down why, const char *text)
{
	struct app_hub *h = user;
	struct pump_view v;

	pump_view(h->pump, &v);
	h->to_pump.down(h->to_pump.user, why, text);
	if (v.up || strcmp(v.why, text) != 0)
		repeat_log(&h->repeat, loop_now(&h->app->loop).mono_ns, LOG_LEVEL_WARNING, "hub", NULL, "%s: %s", h->config->link.name, text);
	app_hub_kick(h);
}

static void on_delivered(void *user, uint64_t token)
{
	struct app_hub *h = user;

	h->to_pump.delivered(h->to_pump.user, token);
	over(h, PUMP_STOPPED);
	app_hub_kick(h);
}

static void on_refused(void *user, uint64_t token, int reason, const char *text)
{
	struct app_hub *h = user;

	h->to_pump.refused(h->to_pump.user, token, reason, text);
	app_hub_kick(h);
}

static void on_message(void *user, const char *topic, const void *payload, size_t len, bool retained, const char *response_topic,
                       const void *correlation, size_t correlation_len)
{
	struct app_hub *h = user;

	h->to_pump.message(h->to_pump.user, topic, payload, len, retained, response_topic, correlation, correlation_len);
	app_hub_kick(h);
}

static void on_subscribed(void *user, bool ok, const char *text)
{
	struct app_hub *h = user;

	h->to_pump.subscribed(h->to_pump.user, ok, text);
	app_hub_kick(h);
}

static void on_session_late(void *user, struct stamp now)
{
	struct app_hub *h = user;

	if (!h->session_wanted)
		return;
	h->session_wanted = false;
	pump_on_session(h->pump, h->session, now);
	app_hub_kick(h);
}

static void want_session(void *user, int64_t at_least)
{
	struct app_hub *h = user;
	struct stamp now = loop_now(&h->app->loop);

	h->session = h->session + 1 > at_least ? h->session + 1 : at_least;
	h->session_wanted = true;
	h->session_slot = NULL;
	loop_timer_set(&h->app->loop, &h->session_timer, now.mono_ns + SESSION_WAIT_NS);
	/* A record in the batch makes it worth committing; the number itself is put in when the batch goes. */
	struct record_session *r = batch_add_session(h->app->open->commit.batch);
	if (r)
		*r = (struct record_session){ h->db, h->session };
	app_commit_by(h->app, now.mono_ns);
	h->app->want_submit = true;
}

static void on_backlog(struct desk_backlog *b)
{
	struct app_hub *h = b->user;

	h->backlog_busy = false;
	if (h->pump && !h->closing) {
		pump_on_backlog(h->pump, &b->answer, loop_now(&h->app->loop));
		app_hub_kick(h);
	}
	outlist_done(&b->list);
	generation_unref(b->user2);
	if (h->closing)
		free(h);
}

static void want_backlog(void *user, const struct pump_backlog_request *rq)
{
	struct app_hub *h = user;
	struct app *a = h->app;
	const struct site *site = &a->generation->config->site;

	for (size_t i = 0; i < a->n_streams; i++) {
		if (a->streams[i].db != rq->stream_db)
			continue;
		uint32_t node = (uint32_t)(i / STREAM_COUNT);
		h->backlog.rq = *rq;
		h->backlog.stream = (struct compose_stream){ site->gateway, site->nodes[node], a->log_id, node, rq->stream_db, i % STREAM_COUNT };
		h->backlog.done = on_backlog;
		h->backlog.user = h;
		h->backlog.user2 = generation_ref(a->generation); /* the stream's names are its own: a reload may come before the answer */
		h->backlog_busy = true;
		desk_backlog(&a->desk, &h->backlog);
		return;
	}
}

static void cursor(void *user, uint32_t stream_db, int64_t acked)
{
	struct app_hub *h = user;
	struct app *a = h->app;

	for (size_t i = 0; i < a->n_streams; i++) {
		if (a->streams[i].db != stream_db)
			continue;
		h->acked[i] = acked;
		h->acked_dirty[i] = true;
		verbs_selftest_acked(a, h);
		if (a->cursor_timer.deadline_ns == CLOCK_NEVER)
			loop_timer_set(&a->loop, &a->cursor_timer, loop_now(&a->loop).mono_ns + CURSOR_EVERY_NS);
		return;
	}
}

static void fault(void *user, enum pump_fault what, bool on, const char *text)
{
	struct app_hub *h = user;

	if (on)
		repeat_log(&h->repeat, loop_now(&h->app->loop).mono_ns, LOG_LEVEL_ERROR, "hub", NULL, "%s: %s", h->config->link.name, text);
	h->faults_before &= ~(1u << what);
	app_own(h->app, "hub", h->config->link.name, fault_words[what], on);
}

static void command(void *user, uint32_t node, const char *name, const void *payload, size_t len, const char *response_topic,
                    const void *correlation, size_t correlation_len)
{
	commands_handle(user, node, name, payload, len, response_topic, correlation, correlation_len);
}

static void status(void *user, struct strbuf *out, int64_t session, bool online, const char *reason, const char *streams)
{
	struct app_hub *h = user;

	status_payload(h->app, out, session, online, reason, streams);
}

static void fill_pump_config(struct app_hub *h)
{
	const struct config_hub *c = h->config;
	const struct config *site = h->generation->config;

	h->pump_config = (struct pump_config){
		.name = c->link.name, .n_urls = c->link.n_urls, .send_events = c->send_events, .send_readings = c->send_readings,
		.send_status = c->send_status, .send_directory = c->send_directory, .send_building = c->send_building, .send_report = c->send_report,
		.backlog_readings_ms = c->backlog_readings_ms, .backlog_events_ms = c->backlog_events_ms, .prefixes = site->prefixes,
		.n_nodes = site->site.n_nodes, .gateway = site->site.gateway, .nodes = site->site.nodes, .log = h->app->log_id,
		.seed = h->app->seed ^ strmap_hash64(c->link.name, strlen(c->link.name), STRMAP_HASH_SEED),
	};
	memcpy(h->pump_config.classes, c->classes, sizeof h->pump_config.classes);
	for (size_t i = 0; i < HUB_COMMAND_COUNT; i++)
		h->pump_config.commands = h->pump_config.commands || c->commands[i];
}

static struct pump_stream *streams_of(const struct app *a, const int64_t *acked)
{
	struct pump_stream *s = calloc(a->n_streams + 1, sizeof *s);

	for (size_t i = 0; s && i < a->n_streams; i++)
		s[i] = (struct pump_stream){ a->streams[i].db, (uint32_t)(i / STREAM_COUNT), i % STREAM_COUNT, a->streams[i].first, a->streams[i].stored, acked[i] };
	return s;
}

static int set_streams(struct app_hub *h)
{
	struct pump_stream *s = streams_of(h->app, h->acked);
	int failed = s ? pump_set_streams(h->pump, s, h->app->n_streams) : -1;

	free(s);
	return failed;
}

struct app_hub *app_hub_new(struct app *a, uint32_t db, int64_t session, int64_t *acked)
{
	struct app_hub *h = calloc(1, sizeof *h);

	if (!h) {
		free(acked);
		return NULL;
	}
	h->app = a;
	h->db = db;
	h->session = session;
	loop_timer_init(&h->timer, on_timer, h);
	loop_timer_init(&h->session_timer, on_session_late, h);
	h->acked = acked;
	h->acked_dirty = calloc(a->n_streams, sizeof *h->acked_dirty);
	return h;
}

static void fill_alarms(struct app_hub *h);

int app_hub_open(struct app_hub *h, struct generation *g, struct pipeline *room, const struct config_hub *c, struct err *reterr)
{
	struct hub_events through = { on_up, on_down, on_delivered, on_refused, on_message, on_subscribed, h };
	struct app *a = h->app;

	h->generation = generation_ref(g);
	h->config = c;
	fill_pump_config(h);
	for (unsigned f = 0; f < PUMP_FAULT_COUNT; f++)
		h->faults_before |= app_own_stands(a, "hub", c->link.name, fault_words[f]) ? 1u << f : 0;
	if (!h->acked || !h->acked_dirty || states_init(&h->states, states_wanted(g, room)))
		return err_set(reterr, ERR_NO_MEMORY, "hub '%s': no memory", c->link.name);
	h->link = uplink_link_new(&a->uv, &c->link, a->o.uplink_program, &through, reterr);
	if (!h->link)
		return err_prefix(reterr, "hub '%s': ", c->link.name);
	h->ops = (struct pump_ops){
		.hub = uplink_link_ops(), .link = h->link, .want_session = want_session, .want_backlog = want_backlog, .cursor = cursor, .fault = fault,
		.command = command, .status = status, .app = h,
	};
	h->pump = pump_new(&h->pump_config, &h->ops, &h->states, loop_now(&a->loop));
	if (!h->pump || set_streams(h))
		return err_set(reterr, ERR_NO_MEMORY, "hub '%s': no memory", c->link.name);
	pump_hub_events(h->pump, &h->to_pump);
	fill_alarms(h);
	directory_states(a, h);
	app_report_states(a, h);
	app_hub_kick(h);
	return 0;
}

int app_hub_prepare(struct app_hub *h, int64_t *acked, struct app_hub_next *ret)
{
	struct app_hub_next n = { .acked = acked, .acked_dirty = calloc(h->app->n_streams, sizeof *n.acked_dirty) };
	struct pump_stream *s = streams_of(h->app, acked);
	int failed = !s || !n.acked_dirty || pump_prepare_streams(h->pump, s, h->app->n_streams, &n.lanes);

	free(s);
	if (failed) {
		app_hub_drop(h, &n);
		return -1;
	}
	*ret = n;
	return 0;
}

void app_hub_drop(struct app_hub *h, struct app_hub_next *n)
{
	free(n->acked);
	free(n->acked_dirty);
	pump_drop_streams(h->pump, &n->lanes);
	*n = (struct app_hub_next){ 0 };
}

void app_hub_take(struct app_hub *h, struct generation *g, const struct config_hub *c, struct app_hub_next *n)
{
	struct generation *old = h->generation;

	free(h->acked);
	free(h->acked_dirty);
	h->acked = n->acked;
	h->acked_dirty = n->acked_dirty;
	h->generation = generation_ref(g);
	h->config = c;
	fill_pump_config(h);
	pump_set_config(h->pump, &h->pump_config);
	pump_take_streams(h->pump, &n->lanes);
	directory_states(h->app, h);
	app_report_states(h->app, h);
	generation_unref(old);
}

void app_hub_close(struct app_hub *h)
{
	struct app *a = h->app;

	h->closing = true;
	loop_timer_set(&a->loop, &h->timer, CLOCK_NEVER);
	loop_timer_set(&a->loop, &h->session_timer, CLOCK_NEVER);
	h->session_wanted = false;
	h->session_slot = NULL;
	if (h->link)
		uplink_link_close(h->link, NULL, NULL);
	h->link = NULL;
	pump_free(h->pump);
	h->pump = NULL;
	states_done(&h->states);
	generation_unref(h->generation);
	h->generation = NULL;
	free(h->acked);
	free(h->acked_dirty);
	if (!h->backlog_busy)
		free(h);
}

/* The newest wins: an older one may follow that was announced before it was stored. Not wanted: of a class that this hub does not take; what it has of the alarm is over. */
static void set_state(struct states *st, const char *topic, const struct record_event *e, struct outmsg *msg, bool wanted)
{
	size_t at = states_find(st, e->node, topic);
	const struct state_entry *was = at == SIZE_MAX ? NULL : &st->entries[at];
	const struct outmsg *old = was ? was->msg ? was->msg : was->last_msg : NULL;

	if (old && old->rev > msg->rev)
		return;
	if (!wanted)
		states_clear(st, e->node, topic, NULL);
	else if (e->state == STATE_NORMAL)
		states_clear(st, e->node, topic, msg);
	else if (states_set(st, STATE_KIND_ALARM, e->node, topic, e->class_, msg))
		log_error("hub", "no room for the state of %s", e->alarm);
}

void app_hub_alarm_state(struct app *a, const struct record_event *e, struct outmsg *msg)
{
	char topic[256];
	struct strbuf text;

	if (!e->alarm)
		return;
	strbuf_init_fixed(&text, topic, sizeof topic);
	states_alarm_topic(&text, e->alarm);
	if (text.failed)
		return;
	set_state(&a->alarms, topic, e, msg, true);
	for (size_t i = 0; i < a->n_hubs; i++)
		if (a->hubs[i]->pump && a->hubs[i]->config->send_events)
			set_state(&a->hubs[i]->states, topic, e, msg, a->hubs[i]->config->classes[e->class_]);
}

/* What stands when a hub is opened. */
static void fill_alarms(struct app_hub *h)
{
	const struct states *s = &h->app->alarms;

	for (size_t i = 0; i < s->n; i++) {
		const struct state_entry *e = &s->entries[i];
		if (e->version && e->msg && h->config->send_events && h->config->classes[e->urgency])
			states_set(&h->states, STATE_KIND_ALARM, e->node, e->topic, e->urgency, e->msg);
	}
}
