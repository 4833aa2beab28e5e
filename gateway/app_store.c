/* Batches: one is open, the pipeline fills it; one is with the store thread; what comes back numbered goes to the hubs. While one is being committed the next gathers, so
 * the disk's speed sets the size of a commit and never the loop's. Failure modes are: the store is late or failing (app_announce.c),
 * all batches are waiting (the open one goes on filling), the open one is full (readings are dropped first; the loss is counted and told). */
#include "gateway/app.h"

#include <stdio.h>
#include <string.h>

#define GROW_LEAST     ((size_t)32 << 20)
#define GROW_AN_ALARM  3072 /* its event and its state, and as much again for what came before and cannot be given up yet */
#define EXTRAS_AT_ONCE 64   /* alarms of people that may change within one batch */

static struct batch_sizes slot_sizes(size_t n_points)
{
	size_t readings = n_points * 4 < 8192 ? 8192 : n_points * 4 > 131072 ? 131072 : n_points * 4;

	return (struct batch_sizes){
		.events = 2048, .readings = readings, .states = 8192, .cursors = 1024, .audits = 256, .commands = 256, .sessions = 64, .arena = 4 << 20, .grow = GROW_LEAST,
	};
}

void app_give_batch(struct app *a, struct pipeline *p)
{
	struct batch *b = a->open->commit.batch;

	b->sizes.grow = a->open->grow_least + (rules_count(pipeline_rules(p)) - RULES_EXTRAS_MAX + EXTRAS_AT_ONCE) * GROW_AN_ALARM;
	pipeline_set_batch(p, b);
}

static void open_slot(struct app *a, struct slot *s)
{
	s->state = SLOT_OPEN;
	s->generation = generation_ref(a->generation);
	s->n_announced = 0;
	a->open = s;
	if (a->pipeline)
		app_give_batch(a, a->pipeline);
}

/* The one freed last: the others' memory stays untouched. */
static struct slot *free_slot(struct app *a)
{
	for (size_t i = 0; i < APP_SLOTS; i++)
		if (a->slots[i].state == SLOT_FREE)
			return &a->slots[i];
	return NULL;
}

static bool half_full(const struct batch *b)
{
	return b->n_readings > b->cap_readings / 2 || b->n_events > b->cap_events / 2 || b->n_states > b->cap_states / 2 || b->arena_len > b->arena_cap / 2;
}

static void remember_session(struct app *a, struct slot *s)
{
	for (size_t i = 0; i < a->n_hubs; i++) {
		struct app_hub *h = a->hubs[i];
		if (!h->session_wanted || h->session_slot)
			continue;
		struct record_session *r = batch_add_session(s->commit.batch);
		if (!r)
			continue;
		*r = (struct record_session){ h->db, h->session };
		h->session_slot = s;
	}
}

bool app_flush_cursors(struct app *a)
{
	struct batch *b = a->open->commit.batch;

	for (size_t i = 0; i < a->n_hubs; i++) {
		struct app_hub *h = a->hubs[i];
		for (size_t j = 0; h->pump && j < a->n_streams; j++) {
			if (!h->acked_dirty[j])
				continue;
			struct record_cursor *c = batch_add_cursor(b);
			if (!c)
				return false;
			*c = (struct record_cursor){ h->db, a->streams[j].db, h->acked[j] };
			h->acked_dirty[j] = false;
		}
	}
	return true;
}

static bool want_readings(const struct app *a)
{
	for (size_t i = 0; i < a->n_hubs; i++)
		if (a->hubs[i]->pump && a->hubs[i]->config->send_readings)
			return true;
	return false;
}

static void submit(struct app *a, struct stamp now)
{
	struct slot *s = a->open, *next = free_slot(a);

	if (!next)
		return;
	remember_session(a, s);
	(void)app_flush_cursors(a); /* what does not fit rides with the next */
	app_learned_flush(a, s->commit.batch);
	s->state = SLOT_QUEUED;
	s->queued_ns = now.mono_ns;
	for (size_t i = 0; i < APP_SLOTS; i++)
		if (a->slots[i].state == SLOT_QUEUED && &a->slots[i] != s && a->slots[i].queued_ns >= s->queued_ns)
			s->queued_ns = a->slots[i].queued_ns + 1; /* a strict order, for announce */
	s->commit.site = &s->generation->config->site;
	s->commit.want_readings = want_readings(a);
	s->commit.now_ms = now.wall_trusted ? now.wall_ms : 1;
	a->n_queued++;
	a->commit_at_ns = CLOCK_NEVER;
	loop_timer_set(&a->loop, &a->commit_timer, CLOCK_NEVER);
	if (a->n_queued == 1)
		loop_timer_set(&a->loop, &a->late_timer, now.mono_ns + APP_LATE_NS);
	open_slot(a, next);
	keeper_commit(&a->keeper, &s->commit);
}

void app_submit_if_due(struct app *a, struct stamp now)
{
	bool due = a->commit_at_ns <= now.mono_ns && a->n_queued == 0;

	a->want_submit = false;
	if ((due || half_full(a->open->commit.batch)) && !batch_is_empty(a->open->commit.batch))
		submit(a, now);
}

void app_commit_by(struct app *a, int64_t deadline_ns)
{
	if (deadline_ns >= a->commit_at_ns)
		return;
	a->commit_at_ns = deadline_ns;
	loop_timer_set(&a->loop, &a->commit_timer, deadline_ns);
}

static void on_commit_timer(void *user, struct stamp now)
{
	app_submit_if_due(user, now);
}

/* Once a turn of the loop, after everything that was ready: one commit for all of it. */
static void on_check(uv_check_t *c)
{
	struct app *a = c->data;

	/* Stepping a hub may ask for a commit. */
	for (int round = 0; (a->want_submit || a->want_kick) && round < 4; round++) {
		if (a->want_submit)
			app_submit_if_due(a, loop_now(&a->loop));
		if (a->want_kick)
			app_hubs_step(a);
	}
}

static size_t stream_index(const struct app *a, uint32_t db)
{
	for (size_t i = 0; i < a->n_streams; i++)
		if (a->streams[i].db == db)
			return i;
	return SIZE_MAX;
}

static void stored(struct app *a, uint32_t db, int64_t seq, struct outmsg *msg, struct stamp now)
{
	size_t i = stream_index(a, db);

	if (i == SIZE_MAX || seq <= a->streams[i].stored)
		return; /* a node that a reload took away */
	a->streams[i].stored = seq;
	for (size_t h = 0; h < a->n_hubs; h++)
		if (a->hubs[h]->pump)
			pump_on_stored(a->hubs[h]->pump, db, seq, msg, now);
}

/* An event that went out before it was stored, and that others of its alarm have followed since, which went out too: what stands is theirs. */
static bool is_past(const struct app *a, const struct slot *s, size_t i)
{
	const struct record_event *e = &s->commit.batch->events[i];
	struct rules_present present;

	if (!e->alarm || i >= s->n_announced)
		return false;
	uint32_t alarm = rules_find(pipeline_rules(a->pipeline), e->alarm);
	if (alarm == RULES_ALARM_NONE)
		return e->state != STATE_NORMAL;
	rules_present(pipeline_rules(a->pipeline), alarm, &present);
	return present.rev > e->rev;
}

static void events_stored(struct app *a, struct slot *s, struct stamp now)
{
	const struct batch *b = s->commit.batch;
	const struct outlist *l = &s->commit.events;
	size_t j = 0;

	for (size_t i = 0; i < b->n_events; i++) {
		const struct record_event *e = &b->events[i];
		struct outmsg *m = j < l->n && l->items[j]->stream_db == e->stream_db && l->items[j]->first == e->seq ? l->items[j++] : NULL;
		if (m) {
			m->rev = e->rev;
			m->id = e->id.counter;
			if (!is_past(a, s, i))
				app_hub_alarm_state(a, e, m);
			if (i >= s->n_announced) /* else it was told before it was stored */
				app_people_event(a, e);
			verbs_on_event(a, e->n, m);
		}
		stored(a, e->stream_db, e->seq, m, now);
	}
}

static void readings_stored(struct app *a, struct slot *s, struct stamp now)
{
	const struct batch *b = s->commit.batch;
	const struct outlist *l = &s->commit.readings;

	for (size_t i = 0; i < l->n; i++)
		stored(a, l->items[i]->stream_db, l->items[i]->last, l->items[i], now);
	for (size_t i = b->n_readings; i-- > 0;) { /* where no messages were made: the last number of each stream */
		size_t st = stream_index(a, b->readings[i].stream_db);
		if (st != SIZE_MAX && b->readings[i].seq > a->streams[st].stored)
			stored(a, b->readings[i].stream_db, b->readings[i].seq, NULL, now);
		if (a->generation->config->site.n_nodes == 1)
			break;
	}
}

static void tell_dropped(struct app *a, const struct keeper_commit *c)
{
	for (size_t i = 0; i < c->n_dropped; i++) {
		const struct keeper_dropped *d = &c->dropped[i];
		a->lost_readings += (uint64_t)d->count;
		repeat_log(&a->repeat_store, loop_now(&a->loop).mono_ns, LOG_LEVEL_WARNING, "store", "no room for readings",
		           "no room: readings were given up, %llu so far", (unsigned long long)a->lost_readings);
		for (size_t h = 0; h < a->n_hubs; h++)
			if (a->hubs[h]->pump)
				pump_on_lost(a->hubs[h]->pump, d->node, STREAM_READING, d->count, d->from_ms, d->to_ms);
	}
}

static void answer_sessions(struct app *a, struct slot *s, struct stamp now)
{
	for (size_t i = 0; i < a->n_hubs; i++) {
		struct app_hub *h = a->hubs[i];
		if (h->session_slot != s)
			continue;
		h->session_slot = NULL;
		if (!h->session_wanted)
			continue; /* answered without the store, which was late */
		h->session_wanted = false;
		loop_timer_set(&a->loop, &h->session_timer, CLOCK_NEVER);
		if (h->pump)
			pump_on_session(h->pump, h->session, now);
	}
}

static void release(struct slot *s)
{
	outlist_done(&s->commit.events);
	outlist_done(&s->commit.readings);
	batch_clear(s->commit.batch);
	generation_unref(s->generation);
	s->generation = NULL;
	s->state = SLOT_FREE;
}

static void on_committed(struct keeper_commit *c)
{
	struct slot *s = (struct slot *)c;
	struct app *a = s->app;
	struct stamp now = loop_now(&a->loop);

	a->n_queued--;
	a->last_done_ns = now.mono_ns;
	if (c->committed) {
		a->commit_ns[a->n_commits++ % (sizeof a->commit_ns / sizeof a->commit_ns[0])] = c->took_ns;
		a->commits++;
		a->usage = c->usage;
		memcpy(a->audit_head, c->audit_head, sizeof a->audit_head);
		events_stored(a, s, now);
		readings_stored(a, s, now);
		tell_dropped(a, c);
		answer_sessions(a, s, now);
		verbs_on_stored(a, s);
	} else {
		log_error("store", "%zu event%s could not be stored before the stop", c->batch->n_events, c->batch->n_events == 1 ? "" : "s");
	}
	release(s);
	if (a->store_late && a->n_queued == 0) {
		a->store_late = false;
		app_own(a, "storage", NULL, "slow", false);
	}
	for (size_t i = 0; i < a->n_hubs; i++)
		app_hub_kick(a->hubs[i]);
	app_submit_if_due(a, now);
}

int app_store_turn(struct app *a, struct generation *g)
{
	struct slot *s = a->open;

	if (!batch_is_empty(s->commit.batch)) {
		submit(a, loop_now(&a->loop));
		if (a->open == s)
			return -1;
	}
	generation_unref(a->open->generation);
	a->open->generation = generation_ref(g);
	return 0;
}

void app_store_done(struct app *a)
{
	for (size_t i = 0; i < APP_SLOTS; i++) {
		if (a->slots[i].generation)
			release(&a->slots[i]);
		batch_free(a->slots[i].commit.batch);
	}
}

bool app_store_idle(const struct app *a)
{
	return a->n_queued == 0 && batch_is_empty(a->open->commit.batch);
}

/* Records that never got a number: told to every hub, with the little that is known. */
static void tell_lost(struct app *a, const struct pipeline_effects *fx, struct stamp now)
{
	a->lost_events += fx->lost_events;
	a->lost_readings += fx->lost_readings;
	for (size_t i = 0; i < a->n_hubs; i++) {
		if (!a->hubs[i]->pump)
			continue;
		if (fx->lost_readings)
			pump_on_lost(a->hubs[i]->pump, 0, STREAM_READING, (int64_t)fx->lost_readings, now.wall_ms, now.wall_ms);
		if (fx->lost_events)
			pump_on_lost(a->hubs[i]->pump, fx->lost_node, fx->lost_class, (int64_t)fx->lost_events, now.wall_ms, now.wall_ms);
	}
}

void app_effects(struct app *a, const struct pipeline_effects *fx, struct stamp now)
{
	struct batch *b = a->open->commit.batch;

	if (fx->lost_events || fx->lost_readings)
		tell_lost(a, fx, now);
	loop_timer_set(&a->loop, &a->deadline_timer, fx->deadline_ns);
	if (!batch_is_empty(b))
		app_commit_by(a, fx->commit_now ? now.mono_ns : now.mono_ns + a->generation->config->commit_ms * CLOCK_NS_PER_MS);
	a->want_submit = a->want_submit || a->commit_at_ns <= now.mono_ns || half_full(b);
	if (fx->commit_now && a->open->n_announced < b->n_events)
		app_announce_if_late(a, now);
}

void app_sample(void *user, struct poller *p, const struct sample *s)
{
	struct app *a = user;
	struct sample mapped = *s;
	struct pipeline_event e = { .type = EVENT_SAMPLE, .now = s->at, .sample = &mapped };
	struct pipeline_effects fx;

	mapped.point = poller_map(p, s->point);
	if (mapped.point == POINT_NONE)
		return;
	if (s->lost)
		log_warning("bus", "%s: the device wrote over %u records of its event list, or more, before they could be read",
		            a->generation->config->site.points[mapped.point].id, s->lost);
	pipeline_step(a->pipeline, &e, &fx);
	app_effects(a, &fx, s->at);
}

static void on_deadline(void *user, struct stamp now)
{
	struct app *a = user;
	struct pipeline_event e = { .type = EVENT_TIME, .now = now };
	struct pipeline_effects fx;

	pipeline_step(a->pipeline, &e, &fx);
	app_effects(a, &fx, now);
}

void app_operation_by(struct app *a, enum transition what, enum cause cause, enum alarm_mode mode, const char *zh, const char *en, const char *actor, const char *note)
{
	struct pipeline_event e = {
		.type = EVENT_OPERATION, .now = loop_now(&a->loop), .operation = what, .cause = cause, .mode = mode, .message_zh = zh, .message_en = en, .actor = actor, .note = note,
	};
	struct pipeline_effects fx;

	pipeline_step(a->pipeline, &e, &fx);
	app_effects(a, &fx, e.now);
}

void app_operation(struct app *a, enum transition what, enum cause cause, const char *zh, const char *en, const char *actor)
{
	app_operation_by(a, what, cause, MODE_NORMAL, zh, en, actor, NULL);
}

static const char *keep(struct batch *b, const char *text)
{
	return batch_keep(b, text ? text : "", text ? strlen(text) : 0);
}

void app_audit(struct app *a, const char *actor, const char *role, const char *action, const char *subject, const char *result, const char *detail)
{
	struct batch *b = a->open->commit.batch;
	struct stamp now = loop_now(&a->loop);
	struct record_audit r = { now.wall_ms, keep(b, actor), keep(b, role), keep(b, action), keep(b, subject), keep(b, result), keep(b, detail) };
	struct record_audit *to = r.actor && r.role && r.action && r.subject && r.result && r.detail ? batch_add_audit(b) : NULL;

	if (!to) {
		log_error("store", "an audit row did not fit: %s %s by %s", action, subject ? subject : "", actor);
		return;
	}
	*to = r;
	app_commit_by(a, now.mono_ns);
	a->want_submit = true;
}

int app_command(struct app *a, const char *alarm, enum rules_command what, const struct event_id *occurrence, enum cause cause, const char *actor,
                const char *note, struct err *reterr)
{
	struct pipeline_event e = {
		.type = EVENT_COMMAND, .now = loop_now(&a->loop), .command = what, .occurrence = occurrence, .cause = cause, .actor = actor, .note = note,
	};
	struct pipeline_effects fx;

	e.alarm = rules_find(pipeline_rules(a->pipeline), alarm);
	if (e.alarm == RULES_ALARM_NONE)
		return err_set(reterr, ERR_NOT_FOUND, "there is no alarm '%s'; `firegw alarms` lists those that stand", alarm);
	pipeline_step(a->pipeline, &e, &fx);
	app_effects(a, &fx, e.now);
	if (fx.refused.code != ERR_NONE) {
		*reterr = fx.refused;
		return -1;
	}
	return 0;
}

int app_store_start(struct app *a, struct err *reterr)
{
	struct batch_sizes sizes = slot_sizes(a->generation->config->site.n_points);

	a->commit_at_ns = CLOCK_NEVER;
	for (size_t i = 0; i < APP_SLOTS; i++) {
		a->slots[i].app = a;
		a->slots[i].commit.batch = batch_new(sizes);
		a->slots[i].commit.done = on_committed;
		if (!a->slots[i].commit.batch)
			return err_set(reterr, ERR_NO_MEMORY, "no memory for the batches");
		a->slots[i].grow_least = a->slots[i].commit.batch->sizes.grow;
	}
	loop_timer_init(&a->commit_timer, on_commit_timer, a);
	loop_timer_init(&a->late_timer, app_announce_late, a);
	loop_timer_init(&a->deadline_timer, on_deadline, a);
	uv_check_init(&a->uv, &a->check);
	a->check.data = a;
	uv_check_start(&a->check, on_check);
	open_slot(a, &a->slots[0]);
	return 0;
}
