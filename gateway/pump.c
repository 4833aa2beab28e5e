/* The pump's machine.
 *
 *              backoff over          number stored            CONNACK                 3 s without retained
 *    WAITING ──────────────▶ SESSION ─────────────▶ CONNECTING ─────▶ RECONCILING ─────────────────────▶ UP
 *       ▲                                               │ failed           │ lost   ◀──────────────── new config │ lost
 *       └───────────────────────────────────────────────┴──────────────────┴───────────────────────────────────┘
 *    each of these ── pump_stop ──▶ STOPPING ── offline status through, link down ──▶ STOPPED
 *
 * Messages go out in RECONCILING as in UP. At each free slot the first of these that has something is sent:
 *
 *     1. the birth status, once a connection, before everything else
 *     2. fire events that are not stored yet; fire alarms that changed on this connection; the fire stream, if something was added to it on this connection
 *        (whole and in order: an older fire does not stay behind a newer one)
 *     3. the other open fire alarms; the status that is due
 *     4. class by class: events that are not stored yet, then open alarms
 *     5. event streams, class by class; a `lost` message stands in its stream's place. What is less urgent waits up to 250 ms for one that is being read
 *     6. empty payloads for retained topics that stand for nothing any more (in a purge before 5); replies to commands
 *     7. directory, building, report
 *     8. readings
 *
 * So what is current leaves before what is old, and a live fire precedes all but the birth and its own state. Several nodes' streams of one class take turns.
 * How much may be in flight for each is said in pump_send.c. */
#include "gateway/pump_inside.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TO(state) (1U << PUMP_STATE_##state)
static const unsigned moves[PUMP_STATE_COUNT] = {
	[PUMP_STATE_WAITING] = TO(SESSION) | TO(STOPPING),
	[PUMP_STATE_SESSION] = TO(CONNECTING) | TO(STOPPING),
	[PUMP_STATE_CONNECTING] = TO(RECONCILING) | TO(WAITING) | TO(STOPPING),
	[PUMP_STATE_RECONCILING] = TO(UP) | TO(WAITING) | TO(STOPPING),
	[PUMP_STATE_UP] = TO(RECONCILING) | TO(WAITING) | TO(STOPPING),
	[PUMP_STATE_STOPPING] = TO(STOPPED),
};

bool pump_move_allowed(enum pump_state from, enum pump_state to)
{
	return moves[from] >> to & 1;
}

void pump_move(struct pump *p, enum pump_state to)
{
	assert(pump_move_allowed(p->state, to));
	p->moved[p->state] |= 1U << to;
	p->state = to;
}

void pump_fault(struct pump *p, enum pump_fault what, bool on, const char *text)
{
	if (p->fault_on[what] == on)
		return;
	p->fault_on[what] = on;
	p->ops->fault(p->ops->app, what, on, text);
}

struct pump *pump_new(const struct pump_config *c, const struct pump_ops *ops, struct states *states, struct stamp now)
{
	struct pump *p = calloc(1, sizeof *p);

	if (!p)
		return NULL;
	p->items = calloc(PUMP_ITEMS, sizeof *p->items);
	p->entries = calloc(states->max + 1, sizeof *p->entries);
	if (!p->items || !p->entries) {
		free(p->items);
		free(p->entries);
		free(p);
		return NULL;
	}
	p->config = *c;
	p->ops = ops;
	p->states = states;
	p->now = now;
	p->random = c->seed;
	p->connect_ns = p->unlinked_ns = now.mono_ns;
	p->since_ms = now.wall_ms;
	p->topic = p->text = p->streams = STRBUF_INIT;
	pump_lane_init(p);
	pump_queue_init(p);
	pump_send_init(p);
	states_join(states);
	return p;
}

void pump_free(struct pump *p)
{
	if (!p)
		return;
	pump_entry_leave(p);
	pump_lane_done(p);
	pump_queue_done(p);
	strbuf_done(&p->topic);
	strbuf_done(&p->text);
	strbuf_done(&p->streams);
	free(p->items);
	free(p->entries);
	free(p);
}

void pump_set_config(struct pump *p, const struct pump_config *c)
{
	/* The commands of nodes that came are to be subscribed to as well. */
	if (c->n_nodes != p->config.n_nodes)
		p->commands_subscribed = false;
	p->config = *c;
	if (p->url >= c->n_urls)
		p->url = 0;
	for (size_t n = 0; n < p->n_lanes; n++) {
		pump_lane_classify(p, p->lanes[n]);
		pump_lane_update(p, p->lanes[n]);
	}
	p->follow_ns = 0;
	/* What is subscribed and what is retained follows from the config: both are gone through again. */
	p->reconcile_wanted = true;
	pump_refresh(p, p->now);
}

void pump_on_session(struct pump *p, int64_t session, struct stamp now)
{
	(void)now;
	if (p->state != PUMP_STATE_SESSION)
		return;
	p->noted.session = true;
	p->noted.session_number = session;
}

void pump_refresh(struct pump *p, struct stamp now)
{
	p->now = now;
	pump_purge_end(p);
	pump_entry_again(p);
	pump_status_dirty(p);
}

void pump_status_dirty(struct pump *p)
{
	if (!p->status_refused)
		p->status_ns = earlier(p->status_ns, p->status_sent_ns + PUMP_STATUS_LEAST_NS);
}

void pump_stop(struct pump *p, struct stamp now)
{
	if (p->stop_wanted)
		return;
	p->stop_wanted = true;
	p->stop_ns = now.mono_ns;
}

bool pump_stopped(const struct pump *p)
{
	return p->state == PUMP_STATE_STOPPED;
}

static int64_t deadline(const struct pump *p)
{
	int64_t d = earlier(pump_link_deadline(p), p->room_ns);

	if (p->noted.up || p->noted.down || p->noted.session || p->noted.n_results > 0 || p->states->version != p->states_seen)
		return p->now.mono_ns;
	if (p->state >= PUMP_STATE_STOPPING)
		return d;
	d = earlier(d, p->follow_ns);
	if (!pump_open(p))
		return d;
	if (p->reading && p->read_until_ns > p->now.mono_ns)
		d = earlier(d, p->read_until_ns);
	if (p->purge != PUMP_PURGE_NONE)
		d = earlier(d, p->purge_until_ns);
	else if (p->config.send_status && !p->status_in_flight && p->status_ns > p->now.mono_ns)
		d = earlier(d, p->status_ns);
	return earlier(d, earlier(p->later_ns, p->entries_later_ns));
}

int64_t pump_step(struct pump *p, struct stamp now)
{
	if (p->stepping)
		return now.mono_ns;
	p->stepping = true;
	p->now = now;
	repeat_sweep(&p->repeat, now.mono_ns);
	/* Once more if the link answered within; what comes after that waits for the next step. */
	for (int round = 0; round < 4; round++) {
		pump_link_take(p);
		while (pump_link_tick(p))
			;
		pump_entry_changes(p);
		pump_purge_tick(p);
		pump_lane_wake(p);
		pump_entry_wake(p);
		if (p->state < PUMP_STATE_STOPPING)
			pump_lane_follow(p, false);
		if (pump_open(p))
			pump_send_all(p);
		if (!p->noted.up && !p->noted.down && !p->noted.session && p->noted.n_results == 0)
			break;
	}
	pump_link_faults(p);
	p->stepping = false;
	return deadline(p);
}

static const char *state_word(const struct pump *p)
{
	if (pump_open(p) && p->purge != PUMP_PURGE_NONE)
		return p->purge == PUMP_PURGE_DONE ? "purged" : "purging";
	switch (p->state) {
	case PUMP_STATE_WAITING: return "waiting";
	case PUMP_STATE_SESSION:
	case PUMP_STATE_CONNECTING: return "connecting";
	case PUMP_STATE_RECONCILING: return "reconciling";
	case PUMP_STATE_UP: return "up";
	case PUMP_STATE_STOPPING: return "stopping";
	case PUMP_STATE_STOPPED:
	case PUMP_STATE_COUNT: return "stopped";
	}
	return "stopped";
}

void pump_view(const struct pump *p, struct pump_view *ret)
{
	*ret = (struct pump_view){ .state = state_word(p), .up = p->linked, .since_ms = p->since_ms, .session = p->session, .url = p->url,
		.sent = p->count.sent, .acked = p->count.acked, .refused = p->count.refused, .resent = p->count.resent, .lost = p->count.lost,
		.reconnects = p->count.ups > 0 ? p->count.ups - 1 : 0, .bytes = p->count.bytes, .dropped = p->count.dropped, .in_flight = p->in_flight,
		.window = p->window, .purge_cleared = p->purge_cleared, .purge_partly = p->purge_partly };
	snprintf(ret->why, sizeof ret->why, "%s", p->why);
	for (size_t n = 0; n < p->n_lanes; n++) {
		const struct pump_lane *l = p->lanes[n];
		*(l->stream == STREAM_READING ? &ret->backlog_readings : &ret->backlog_events) += l->stored - l->acked;
	}
}

bool pump_lane_view(const struct pump *p, uint32_t stream_db, struct pump_lane_view *ret)
{
	const struct pump_lane *l = pump_lane_find(p, stream_db);

	if (l)
		*ret = (struct pump_lane_view){ l->wanted, l->refused, l->first, l->stored, l->sent_high, l->acked };
	return l != NULL;
}
