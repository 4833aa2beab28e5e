#include "tests/lib/pump_rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const char *const prefixes[RIG_NODES] = { RIG_PREFIX "gw", RIG_PREFIX "tower-b" };
static const char *const nodes[RIG_NODES] = { "gw", "tower-b" };

static void want_session(void *app, int64_t at_least)
{
	struct rig *r = app;

	r->session_at_least = at_least;
	r->sessions_asked++;
	if (!r->hold_session)
		pump_on_session(r->pump, at_least, r->now);
}

static void want_backlog(void *app, const struct pump_backlog_request *rq)
{
	struct rig *r = app;

	assert_false(r->asked); /* one in flight at a time */
	r->request = *rq;
	r->asked = true;
	r->n_asked++;
	if (r->answer_at_once)
		rig_answer(r, false);
}

static struct rig_stream *by_db(struct rig *r, uint32_t db)
{
	assert_true(db >= 1 && db <= RIG_STREAMS);
	return &r->streams[db - 1];
}

static void cursor(void *app, uint32_t stream_db, int64_t acked)
{
	struct rig *r = app;
	struct rig_stream *s = by_db(r, stream_db);
	const struct pump_lane *l = pump_lane_find(r->pump, stream_db);

	assert_true(acked > s->cursor);
	assert_true(acked <= s->stored);
	for (int64_t q = s->cursor + 1; q <= acked && l->wanted; q++)
		if (!(s->marks[q] & (RIG_ACKED | RIG_TOLD_LOST)))
			fail_msg("cursor of stream %u passes %lld, which was not acknowledged", stream_db, (long long)q);
	s->cursor = acked;
}

static void fault(void *app, enum pump_fault what, bool on, const char *text)
{
	struct rig *r = app;

	assert_true(r->fault[what] != on);
	r->fault[what] = on;
	r->n_faults[what] += on;
	snprintf(r->fault_text[what], sizeof r->fault_text[what], "%s", text);
}

static void command(void *app, uint32_t node, const char *name, const void *payload, size_t len, const char *response_topic,
                    const void *correlation, size_t correlation_len)
{
	struct rig *r = app;

	(void)correlation;
	(void)correlation_len;
	snprintf(r->command, sizeof r->command, "%u %s", node, name);
	snprintf(r->command_payload, sizeof r->command_payload, "%.*s", (int)len, (const char *)payload);
	snprintf(r->command_response, sizeof r->command_response, "%s", response_topic ? response_topic : "");
	r->n_commands++;
}

static void status(void *app, struct strbuf *out, int64_t session, bool online, const char *reason, const char *streams)
{
	struct rig *r = app;

	r->statuses++;
	strbuf_printf(out, "{\"session\":%lld,\"online\":%s,\"reason\":\"%s\",%s}", (long long)session, online ? "true" : "false",
	              reason ? reason : "", streams);
}

/* "E db seq" for an event, "R db first last" for readings, padded to a length. */
static struct outmsg *message(const struct rig_stream *s, int64_t first, int64_t last)
{
	char text[64];
	int n = snprintf(text, sizeof text, "%c %u %lld %lld ", s->stream == STREAM_READING ? 'R' : 'E', s->db, (long long)first, (long long)last);
	size_t len = s->bytes * (size_t)(last - first + 1);
	char *data;

	len = len < (size_t)n ? (size_t)n : len;
	data = malloc(len);
	assert_non_null(data);
	memset(data, '.', len);
	memcpy(data, text, (size_t)n);
	struct outmsg *m = outmsg_new(data, len);
	free(data);
	assert_non_null(m);
	m->node = s->node;
	m->stream_db = s->db;
	m->stream = (uint8_t)s->stream;
	m->first = first;
	m->last = last;
	m->at_ms = s->at_ms[first];
	return m;
}

static void on_ack(void *user, const struct fake_publish *m)
{
	struct rig *r = user;
	unsigned db, from_node;
	long long first, last;
	char kind, word[16], node[16];

	if (sscanf(m->payload, "%c %u %lld %lld", &kind, &db, &first, &last) == 4 && (kind == 'E' || kind == 'R')) {
		for (int64_t q = first; q <= last; q++)
			by_db(r, db)->marks[q] |= RIG_ACKED;
		return;
	}
	if (!strstr(m->topic, "/lost"))
		return;
	const char *stream = strstr(m->payload, "\"stream\":\""), *range = strstr(m->payload, "\"from_seq\":"), *n = strstr(m->payload, "\"node\":\"");
	if (!range)
		return;
	assert_int_equal(sscanf(stream, "\"stream\":\"%15[a-z]\"", word), 1);
	assert_int_equal(sscanf(n, "\"node\":\"%15[^\"]\"", node), 1);
	assert_int_equal(sscanf(range, "\"from_seq\":%lld,\"to_seq\":%lld", &first, &last), 2);
	from_node = strcmp(node, nodes[1]) == 0;
	for (unsigned k = 0; k < STREAM_COUNT; k++)
		if (strcmp(stream_name(k), word) == 0)
			for (int64_t q = first; q <= last; q++)
				rig_stream(r, from_node, k)->marks[q] |= RIG_TOLD_LOST;
}

void rig_init(struct rig *r, uint64_t seed)
{
	*r = (struct rig){ .now = { .mono_ns = 1000 * CLOCK_NS_PER_S, .wall_ms = INT64_C(1795485600000), .wall_trusted = true } };
	r->streams = calloc(RIG_STREAMS, sizeof *r->streams);
	assert_non_null(r->streams);
	for (uint32_t i = 0; i < RIG_STREAMS; i++) {
		r->streams[i].db = i + 1;
		r->streams[i].node = i / STREAM_COUNT;
		r->streams[i].stream = i % STREAM_COUNT;
		r->streams[i].first = 1;
		r->streams[i].bytes = r->streams[i].stream == STREAM_READING ? 30 : 600;
	}
	r->config = (struct pump_config){ .name = "district", .n_urls = 2, .send_events = true, .send_readings = true, .send_status = true,
		.send_directory = true, .send_building = true, .send_report = true, .prefixes = prefixes, .n_nodes = RIG_NODES, .gateway = "gw",
		.nodes = nodes, .log = "9c41e07a", .commands = true, .seed = seed, .backlog_readings_ms = 24 * 3600 * INT64_C(1000),
		.backlog_events_ms = 365 * 24 * 3600 * INT64_C(1000) };
	for (int c = 0; c < CLASS_COUNT; c++)
		r->config.classes[c] = true;
	assert_int_equal(states_init(&r->states, 64), 0);
	fake_hub_init(&r->hub);
	r->hub.on_ack = on_ack;
	r->hub.user = r;
	r->ops = (struct pump_ops){ .hub = &fake_hub_ops, .link = &r->hub, .want_session = want_session, .want_backlog = want_backlog, .cursor = cursor,
		.fault = fault, .command = command, .status = status, .app = r };
}

int rig_set_streams(struct rig *r)
{
	struct pump_stream s[RIG_STREAMS];

	for (size_t i = 0; i < RIG_STREAMS; i++)
		s[i] = (struct pump_stream){ .db = r->streams[i].db, .node = r->streams[i].node, .stream = r->streams[i].stream,
			.first = r->streams[i].first, .stored = r->streams[i].stored, .acked = r->streams[i].cursor };
	return pump_set_streams(r->pump, s, RIG_STREAMS);
}

void rig_start(struct rig *r)
{
	r->pump = pump_new(&r->config, &r->ops, &r->states, r->now);
	assert_non_null(r->pump);
	pump_hub_events(r->pump, &r->hub.events);
	assert_int_equal(rig_set_streams(r), 0);
	r->deadline = r->now.mono_ns;
}

void rig_done(struct rig *r)
{
	pump_free(r->pump);
	fake_hub_done(&r->hub);
	for (size_t i = 0; i < r->states.n; i++)
		assert_false(r->states.entries[i].version && r->states.entries[i].clear); /* with no pump left nothing waits */
	states_done(&r->states);
	free(r->streams);
}

struct rig_stream *rig_stream(struct rig *r, uint32_t node, unsigned stream)
{
	return &r->streams[node * STREAM_COUNT + stream];
}

void rig_step(struct rig *r)
{
	int spins = 0;

	do
		r->deadline = pump_step(r->pump, r->now);
	while (r->deadline <= r->now.mono_ns && spins++ < 10);
	assert_true(r->deadline > r->now.mono_ns); /* it does not spin */
	assert_true(r->hub.most_in_flight <= (r->hub.receive_max < PUMP_WINDOW_MAX ? r->hub.receive_max : PUMP_WINDOW_MAX));
}

void rig_pass(struct rig *r, int64_t ms)
{
	int64_t end = r->now.mono_ns + ms * CLOCK_NS_PER_MS;

	rig_step(r);
	while (r->now.mono_ns < end) {
		int64_t by = (r->deadline < end ? r->deadline : end) - r->now.mono_ns;
		by = by < CLOCK_NS_PER_MS ? CLOCK_NS_PER_MS : by;
		r->now.mono_ns += by;
		r->now.wall_ms += by / CLOCK_NS_PER_MS;
		rig_step(r);
	}
}

void rig_store(struct rig *r, uint32_t node, unsigned stream, int64_t n, bool with_message)
{
	struct rig_stream *s = rig_stream(r, node, stream);
	int64_t from = s->stored + 1;

	assert_true(s->stored + n < RIG_SEQS);
	for (int64_t i = 0; i < n; i++) {
		s->marks[++s->stored] |= RIG_STORED;
		s->at_ms[s->stored] = r->now.wall_ms;
		if (stream == STREAM_READING)
			continue;
		struct outmsg *m = with_message ? message(s, s->stored, s->stored) : NULL;
		pump_on_stored(r->pump, s->db, s->stored, m, r->now);
		outmsg_unref(m);
	}
	if (stream != STREAM_READING)
		return;
	struct outmsg *m = with_message ? message(s, from, s->stored) : NULL;
	pump_on_stored(r->pump, s->db, s->stored, m, r->now);
	outmsg_unref(m);
}

void rig_preload(struct rig *r, uint32_t node, unsigned stream, int64_t n, int64_t at_ms)
{
	struct rig_stream *s = rig_stream(r, node, stream);

	assert_true(s->stored + n < RIG_SEQS);
	for (int64_t i = 0; i < n; i++) {
		s->marks[++s->stored] |= RIG_STORED;
		s->at_ms[s->stored] = at_ms;
	}
}

void rig_answer(struct rig *r, bool failed)
{
	struct pump_backlog_request rq = r->request;
	struct rig_stream *s = by_db(r, rq.stream_db);
	struct pump_backlog_answer a = { .stream_db = rq.stream_db, .after = rq.after, .failed = failed };
	struct outmsg *messages[512];
	int64_t at = rq.after + 1;
	size_t bytes = 0;

	assert_true(r->asked);
	r->asked = false;
	while (at <= s->stored && (at < s->first || s->at_ms[at] < rq.not_older_than_ms))
		at++;
	if (at > rq.after + 1) {
		a.gone_to = at - 1;
		a.gone_why = at - 1 < s->first ? "space" : "backlog";
	}
	while (!failed && at <= s->stored && a.n < 512) {
		int64_t last = s->stream == STREAM_READING ? at + 249 : at;
		last = last < s->stored ? last : s->stored;
		messages[a.n] = message(s, at, last);
		bytes += messages[a.n++]->len;
		at = last + 1;
		if (bytes >= rq.max_bytes)
			break;
	}
	a.messages = messages;
	pump_on_backlog(r->pump, &a, r->now);
	while (a.n > 0)
		outmsg_unref(messages[--a.n]);
}

void rig_prune(struct rig *r, uint32_t node, unsigned stream, int64_t first)
{
	struct rig_stream *s = rig_stream(r, node, stream);

	s->first = first <= s->stored + 1 ? first : s->stored + 1;
	pump_on_pruned(r->pump, s->db, s->first);
}

void rig_settle(struct rig *r)
{
	int quiet = 0;

	for (int i = 0; i < 20000 && quiet < 8; i++) {
		bool moved = false;
		rig_step(r);
		if (r->hub.ending) {
			fake_hub_lose(&r->hub, HUB_DOWN_LOST, "disconnected");
			moved = true;
		}
		if (r->hub.attempting) {
			fake_hub_accept(&r->hub);
			rig_step(r);
			moved = true;
		}
		if (r->hub.subscribe_asked) {
			fake_hub_subscribed(&r->hub);
			moved = true;
		}
		if (r->asked) {
			rig_answer(r, false);
			moved = true;
		}
		for (size_t k = 0; k < r->hub.wire.n; k++)
			moved |= !strstr(r->hub.wire.items[k].topic, "/status"); /* that one never ends */
		fake_hub_drain(&r->hub);
		rig_step(r);
		quiet = moved ? 0 : quiet + 1;
		if (!moved)
			rig_pass(r, 10000);
	}
	rig_check_log(r);
}

void rig_up(struct rig *r)
{
	struct pump_view v;

	rig_settle(r);
	pump_view(r->pump, &v);
	assert_string_equal(v.state, "up");
}

void rig_fresh(struct rig *r)
{
	rig_init(r, 1);
	rig_start(r);
	rig_up(r);
}

void rig_page(struct rig *r, const char *topic)
{
	struct outmsg *m = outmsg_new(topic, strlen(topic));

	assert_int_equal(states_set(&r->states, STATE_KIND_DIRECTORY, 0, topic, 7, m), 0);
	outmsg_unref(m);
}

static void set_alarm(struct rig *r, uint32_t node, const char *id, unsigned class_, const char *payload, bool clear)
{
	struct strbuf topic = STRBUF_INIT;
	struct outmsg *m = payload ? outmsg_new(payload, strlen(payload)) : NULL;

	states_alarm_topic(&topic, id);
	if (clear)
		states_clear(&r->states, node, topic.data, m);
	else
		assert_int_equal(states_set(&r->states, STATE_KIND_ALARM, node, topic.data, class_, m), 0);
	outmsg_unref(m);
	strbuf_done(&topic);
}

void rig_alarm(struct rig *r, uint32_t node, const char *id, unsigned class_, const char *payload)
{
	set_alarm(r, node, id, class_, payload, false);
}

void rig_clear(struct rig *r, uint32_t node, const char *id, const char *last)
{
	set_alarm(r, node, id, 0, last, true);
}

static void check_message(struct rig *r, const struct fake_publish *m)
{
	unsigned db;
	long long first, last;
	char kind;

	if (sscanf(m->payload, "%c %u %lld %lld", &kind, &db, &first, &last) != 4 || (kind != 'E' && kind != 'R'))
		return;
	struct rig_stream *s = by_db(r, db);
	char topic[128];
	snprintf(topic, sizeof topic, s->stream == STREAM_READING ? "%s/%s" : "%s/event/%s", prefixes[s->node], stream_name(s->stream));
	assert_string_equal(m->topic, topic);
	assert_false(m->retain);
	bool is_new = false;
	for (int64_t q = first; q <= last; q++) {
		assert_true(s->marks[q] & RIG_STORED); /* durable before it is sent */
		is_new |= !(s->marks[q] & RIG_SEEN);
		s->marks[q] |= RIG_SEEN;
	}
	if (is_new && first < s->seen_high)
		r->order_breaks++;
	if (last > s->seen_high)
		s->seen_high = last;
}

void rig_check_log(struct rig *r)
{
	for (; r->log_checked < r->hub.log.n; r->log_checked++)
		check_message(r, &r->hub.log.items[r->log_checked]);
	if (!r->refusals)
		assert_int_equal(r->order_breaks, 0);
}

void rig_check_complete(struct rig *r)
{
	for (size_t i = 0; i < RIG_STREAMS; i++) {
		const struct rig_stream *s = &r->streams[i];
		const struct pump_lane *l = pump_lane_find(r->pump, s->db);
		if (!l->wanted)
			continue;
		if (s->cursor != s->stored)
			fail_msg("stream %u stands at %lld of %lld", s->db, (long long)s->cursor, (long long)s->stored);
		for (int64_t q = 1; q <= s->stored; q++)
			assert_true(s->marks[q] & (RIG_ACKED | RIG_TOLD_LOST));
	}
}

void rig_check_retained(struct rig *r)
{
	size_t open = 0, there = 0;

	for (size_t i = 0; i < r->states.n; i++) {
		const struct state_entry *e = &r->states.entries[i];
		if (!e->version)
			continue;
		assert_false(e->clear); /* all hubs are through with it */
		if (e->kind == STATE_KIND_ALARM && !r->config.classes[e->urgency])
			continue;
		char topic[128];
		snprintf(topic, sizeof topic, "%s/%s", prefixes[e->node], e->topic);
		const char *at_broker = fake_hub_retained(&r->hub, topic);
		if (!at_broker)
			fail_msg("%s is not retained", topic);
		assert_string_equal(at_broker, e->msg->data);
		open++;
	}
	for (size_t i = 0; i < r->hub.retained.n; i++)
		there += !strstr(r->hub.retained.items[i].topic, "/status");
	assert_int_equal(there, open);
}
