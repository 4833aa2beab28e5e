/* The connection of a pump. The happy path is: wait, get a session number stored, connect with the will, birth, subscribe to what the broker has retained,
 * compare, unsubscribe, stay up. Failure modes: the attempt fails or is refused (next url, longer wait), the link is lost (all in flight is forgotten), the
 * broker accepts nothing more (a fault after 20 s, the link ended after 60 s), the app or the link never answers (bounded waits). */
#include "gateway/pump_inside.h"

#include "core/log.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void copy_text(char *to, size_t room, const char *text)
{
	snprintf(to, room, "%s", text ? text : "");
}

static void on_up(void *user, uint16_t receive_max)
{
	struct pump *p = user;

	p->noted.up = true;
	p->noted.receive_max = receive_max;
}

static void on_down(void *user, enum hub_down why, const char *text)
{
	struct pump *p = user;

	p->noted.down = true;
	p->noted.why = why;
	copy_text(p->noted.text, sizeof p->noted.text, text);
}

static struct pump_slot *note_result(struct pump *p, uint64_t token, int result)
{
	size_t index = token & 0xFF;

	if (p->noted.down || index >= PUMP_WINDOW_MAX || token == 0 || p->slots[index].token != token || p->slots[index].result >= 0)
		return NULL;
	p->slots[index].result = result;
	p->noted.results[p->noted.n_results++] = (uint8_t)index;
	return &p->slots[index];
}

static void on_delivered(void *user, uint64_t token)
{
	note_result(user, token, 0);
}

static void on_refused(void *user, uint64_t token, int reason, const char *text)
{
	struct pump *p = user;

	if (note_result(p, token, reason > 0 ? reason : 128))
		copy_text(p->noted.refused_text, sizeof p->noted.refused_text, text);
}

static void on_message(void *user, const char *topic, const void *payload, size_t len, bool retained, const char *response_topic,
                       const void *correlation, size_t correlation_len)
{
	struct pump *p = user;
	const char *rest = NULL;
	uint32_t node;

	for (node = 0; node < p->config.n_nodes; node++) {
		size_t n = strlen(p->config.prefixes[node]);
		if (strncmp(topic, p->config.prefixes[node], n) == 0 && topic[n] == '/') {
			rest = topic + n + 1;
			break;
		}
	}
	if (!rest)
		return;
	if (strncmp(rest, "command/", 8) == 0) {
		if (!retained && p->config.commands && len <= PUMP_COMMAND_MAX && rest[8] && !strchr(rest + 8, '/'))
			p->ops->command(p->ops->app, node, rest + 8, payload, len, response_topic, correlation, correlation_len);
		return;
	}
	if (!retained || len == 0)
		return;
	p->noted.retained = true;
	if (pump_entry_stale(p, node, rest))
		pump_queue_clear_add(p, node, rest);
}

static void on_subscribed(void *user, bool ok, const char *text)
{
	struct pump *p = user;

	p->noted.subscribed = true;
	p->noted.subscribed_ok = ok;
	copy_text(p->noted.subscribed_text, sizeof p->noted.subscribed_text, text);
}

void pump_hub_events(struct pump *p, struct hub_events *ret)
{
	*ret = (struct hub_events){ .up = on_up, .down = on_down, .delivered = on_delivered, .refused = on_refused, .message = on_message,
		.subscribed = on_subscribed, .user = p };
}

/* Half to the whole of the backoff, so that a town's gateways do not come back all at once. */
static int64_t backoff(struct pump *p)
{
	unsigned doublings = p->attempts > 1 ? p->attempts - 1 : 0;
	int64_t wait = doublings >= 6 ? PUMP_BACKOFF_MAX_NS : PUMP_BACKOFF_FIRST_NS << doublings;

	/* splitmix64 */
	uint64_t z = p->random += UINT64_C(0x9E3779B97F4A7C15);
	z = (z ^ z >> 30) * UINT64_C(0xBF58476D1CE4E5B9);
	z = (z ^ z >> 27) * UINT64_C(0x94D049BB133111EB);
	z ^= z >> 31;
	return wait / 2 + (int64_t)(z % (uint64_t)(wait / 2));
}

static void next_url(struct pump *p)
{
	if (p->config.n_urls > 0)
		p->url = (p->url + 1) % p->config.n_urls;
}

static void count_failure(struct pump *p, enum hub_down why)
{
	p->attempts++;
	switch (why) {
	case HUB_DOWN_REFUSED:
		p->refusals++;
		if (!p->sub_refused && p->n_refused == 0)
			snprintf(p->refused_text, sizeof p->refused_text, "the broker refuses the connection: %s", p->why);
		next_url(p);
		return;
	case HUB_DOWN_CERTIFICATE:
		p->certificates++;
		next_url(p);
		return;
	case HUB_DOWN_UNREACHABLE:
	case HUB_DOWN_LOST:
		next_url(p);
		return;
	case HUB_DOWN_PROCESS: /* ours, not the url's */
		return;
	}
}

static void take_down(struct pump *p)
{
	bool was_linked = p->linked, tried = p->attempting;

	p->noted.down = p->noted.up = false;
	if (!was_linked && !tried)
		return;
	copy_text(p->why, sizeof p->why, p->noted.text);
	p->linked = p->attempting = p->ending = false;
	p->since_ms = p->now.wall_ms;
	p->sub = SUB_NONE;
	p->sub_asked = false;
	p->status_in_flight = false;
	p->purge = PUMP_PURGE_NONE; /* the next connection sends everything */
	pump_send_down(p);
	pump_entry_down(p);
	pump_lane_down(p);
	pump_queue_down(p);
	if (p->state == PUMP_STATE_STOPPING)
		return;
	if (was_linked)
		p->shaky = p->now.mono_ns - p->up_ns < PUMP_STABLE_NS;
	if (was_linked && !p->shaky) {
		p->unlinked_ns = p->now.mono_ns;
		p->attempts = 0;
		p->url = 0;
	} else {
		count_failure(p, p->noted.why);
	}
	p->connect_ns = p->now.mono_ns + backoff(p);
	pump_move(p, PUMP_STATE_WAITING);
}

static void take_up(struct pump *p)
{
	p->noted.up = false;
	if (!p->attempting)
		return;
	p->attempting = false;
	p->linked = true;
	p->up_ns = p->now.mono_ns;
	p->since_ms = p->now.wall_ms;
	p->count.ups++;
	p->refusals = p->certificates = 0;
	p->sub_refused = false;
	p->noted.subscribed = p->noted.retained = p->commands_subscribed = false;
	pump_send_up(p, p->noted.receive_max);
	if (p->state == PUMP_STATE_STOPPING)
		return;
	pump_move(p, PUMP_STATE_RECONCILING);
	p->birth = p->config.send_status;
	p->status_ns = p->now.mono_ns;
	pump_entry_up(p);
	pump_lane_up(p);
	pump_queue_up(p);
}

void pump_link_take(struct pump *p)
{
	pump_send_results(p);
	if (p->noted.up)
		take_up(p);
	if (p->noted.down)
		take_down(p);
}

void pump_link_end(struct pump *p, const char *why)
{
	if (p->ending)
		return;
	if (why)
		repeat_log(&p->repeat, p->now.mono_ns, LOG_LEVEL_WARNING, "hub", NULL, "%s: %s", p->config.name, why);
	p->ending = true;
	p->ops->hub->disconnect(p->ops->link);
}

static void start_connect(struct pump *p)
{
	struct hub_connect c = { .url = p->url };

	p->session = p->session_wanted;
	if (p->noted.session && p->noted.session_number > p->session)
		p->session = p->noted.session_number;
	p->noted.session = p->noted.up = p->noted.down = false;
	c.session = p->session;
	if (p->config.send_status) {
		pump_text_status(p, false, "lost");
		pump_text_topic(p, 0, "status", NULL);
		c.will_topic = p->topic.data;
		c.will_payload = p->text.data;
	}
	p->attempting = true;
	p->ending = false;
	p->attempt_ns = p->now.mono_ns;
	pump_move(p, PUMP_STATE_CONNECTING);
	if (p->ops->hub->connect(p->ops->link, &c) == 0 || p->noted.down)
		return;
	p->noted.down = true;
	p->noted.why = HUB_DOWN_PROCESS;
	copy_text(p->noted.text, sizeof p->noted.text, "the uplink process is not there");
}

static void watch_progress(struct pump *p)
{
	int64_t still = p->now.mono_ns - p->progress_ns;

	/* A connection that ends as half-open before is none that helped. */
	if (p->in_flight == 0 || p->deaf_ns + still < PUMP_STALL_FAULT_NS)
		return;
	pump_fault(p, PUMP_STOPPED, true, "connected, but the broker acknowledges nothing");
	if (still >= PUMP_STALL_END_NS)
		pump_link_end(p, "nothing acknowledged for 60 s, ending the connection");
}

static bool tick_stopping(struct pump *p)
{
	if (!p->linked && !p->attempting) {
		pump_move(p, PUMP_STATE_STOPPED);
		return true;
	}
	if (!p->linked) {
		pump_link_end(p, NULL);
		return false;
	}
	/* After a purge nothing is to be left there, not even that we are gone. */
	if (p->config.send_status && !p->offline_done && p->purge != PUMP_PURGE_DONE) {
		pump_send_offline(p);
		return false;
	}
	if (p->in_flight == 0 || p->now.mono_ns >= p->stop_ns + PUMP_STOP_LINGER_NS)
		pump_link_end(p, NULL);
	return false;
}

bool pump_link_tick(struct pump *p)
{
	if (p->stop_wanted && p->state < PUMP_STATE_STOPPING) {
		pump_move(p, PUMP_STATE_STOPPING);
		pump_lane_follow(p, true);
		return true;
	}
	switch (p->state) {
	case PUMP_STATE_WAITING:
		if (p->now.mono_ns < p->connect_ns)
			return false;
		pump_move(p, PUMP_STATE_SESSION);
		p->session_wanted = p->session + 1 > p->now.wall_ms / 1000 ? p->session + 1 : p->now.wall_ms / 1000;
		p->session_wait_ns = p->now.mono_ns + PUMP_SESSION_WAIT_NS;
		p->noted.session = false;
		p->ops->want_session(p->ops->app, p->session_wanted);
		return true;
	case PUMP_STATE_SESSION:
		if (!p->noted.session && p->now.mono_ns < p->session_wait_ns)
			return false;
		start_connect(p);
		return false;
	case PUMP_STATE_CONNECTING:
		if (p->attempting && p->now.mono_ns >= p->attempt_ns + PUMP_CONNECT_WAIT_NS)
			pump_link_end(p, "no answer to the attempt to connect, ending it");
		return false;
	case PUMP_STATE_RECONCILING:
		watch_progress(p);
		return !p->ending && pump_reconcile_tick(p);
	case PUMP_STATE_UP:
		watch_progress(p);
		if (!p->reconcile_wanted || p->ending)
			return false;
		pump_move(p, PUMP_STATE_RECONCILING);
		return true;
	case PUMP_STATE_STOPPING:
		return tick_stopping(p);
	case PUMP_STATE_STOPPED:
	case PUMP_STATE_COUNT:
		return false;
	}
	return false;
}

/* Unreachable: no link for 30 s, a link that lived short not counted; a link takes it back at once, but after a short one only when it lasts. */
void pump_link_faults(struct pump *p)
{
	int64_t now = p->now.mono_ns;

	if (p->state >= PUMP_STATE_STOPPING)
		return;
	if (p->linked && (!p->shaky || now - p->up_ns >= PUMP_STABLE_NS)) {
		p->shaky = false;
		pump_fault(p, PUMP_UNREACHABLE, false, "");
	} else if (!p->linked && now - p->unlinked_ns >= PUMP_UNREACHABLE_NS) {
		pump_fault(p, PUMP_UNREACHABLE, true, p->why[0] ? p->why : "no connection for 30 s");
	}
	/* Once may be the broker's restart; a second time is a finding. */
	pump_fault(p, PUMP_CERTIFICATE, p->certificates >= 2, p->why);
	pump_fault(p, PUMP_REFUSED, p->refusals >= 2 || p->n_refused > 0 || p->sub_refused, p->refused_text);
}

int64_t pump_link_deadline(const struct pump *p)
{
	int64_t d = CLOCK_NEVER;

	if (!p->linked && !p->fault_on[PUMP_UNREACHABLE] && p->state < PUMP_STATE_STOPPING)
		d = earlier(d, p->unlinked_ns + PUMP_UNREACHABLE_NS);
	if (p->linked && p->shaky && p->state < PUMP_STATE_STOPPING)
		d = earlier(d, p->up_ns + PUMP_STABLE_NS);
	if (p->linked && p->in_flight > 0 && p->state < PUMP_STATE_STOPPING && !p->ending)
		d = earlier(d, p->progress_ns + (p->fault_on[PUMP_STOPPED] ? PUMP_STALL_END_NS : p->deaf_ns < PUMP_STALL_FAULT_NS ? PUMP_STALL_FAULT_NS - p->deaf_ns : 0));
	switch (p->state) {
	case PUMP_STATE_WAITING: return earlier(d, p->connect_ns);
	case PUMP_STATE_SESSION: return earlier(d, p->session_wait_ns);
	case PUMP_STATE_CONNECTING: return p->ending ? d : earlier(d, p->attempt_ns + PUMP_CONNECT_WAIT_NS);
	case PUMP_STATE_RECONCILING: return p->ending ? d : earlier(d, pump_reconcile_deadline(p));
	case PUMP_STATE_UP: return d;
	case PUMP_STATE_STOPPING: return p->ending ? d : earlier(d, p->stop_ns + PUMP_STOP_LINGER_NS > p->now.mono_ns ? p->stop_ns + PUMP_STOP_LINGER_NS : d);
	case PUMP_STATE_STOPPED:
	case PUMP_STATE_COUNT: return d;
	}
	return d;
}
