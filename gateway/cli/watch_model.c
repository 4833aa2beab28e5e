/* The way of a message: watch_message → its topic and payload are checked (watch_parse.c) → an event: its number is taken (watch_streams.c), its alarm moved
 * (watch_alarms.c), and it is announced unless it was before; a state: the alarm alone; a status: watch_gateways.c; a reply: watch_commands.c. */
#include "gateway/cli/watch_inside.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct watch *watch_new(const struct watch_filter *filter, const struct watch_out *out, uint64_t random)
{
	struct watch *w = calloc(1, sizeof *w);

	if (!w)
		return NULL;
	w->gateways = calloc(WATCH_GATEWAYS_MAX, sizeof *w->gateways);
	w->streams = calloc(WATCH_STREAMS_MAX, sizeof *w->streams);
	w->pending = calloc(WATCH_PENDING_MAX, sizeof *w->pending);
	if (!w->gateways || !w->streams || !w->pending) {
		watch_free(w);
		return NULL;
	}
	watch_copy(w->region, sizeof w->region, filter->region);
	watch_copy(w->node, sizeof w->node, filter->node ? filter->node : "");
	w->classes = filter->classes;
	w->chinese = filter->chinese;
	w->out = *out;
	w->random = random;
	return w;
}

void watch_free(struct watch *w)
{
	if (!w)
		return;
	for (size_t i = 0; w->gateways && i < w->n_gateways; i++)
		free(w->gateways[i]);
	for (size_t i = 0; w->streams && i < w->n_streams; i++)
		free(w->streams[i]);
	free(w->gateways);
	free(w->streams);
	free(w->pending);
	free(w->alarms);
	free(w);
}

const char *watch_note_name(enum watch_note_kind k)
{
	switch (k) {
	case WATCH_NOTE_BROKER:   return "broker";
	case WATCH_NOTE_GATEWAY:  return "gateway";
	case WATCH_NOTE_GAP:      return "gap";
	case WATCH_NOTE_LOST:     return "lost";
	case WATCH_NOTE_NUMBERED: return "numbered";
	case WATCH_NOTE_SNAPSHOT: return "snapshot";
	case WATCH_NOTE_LIMIT:    return "limit";
	}
	return "";
}

void watch_say(struct watch *w, enum watch_note_kind kind, const char *state, const struct watch_gateway *g, const struct stream *s, int64_t from, int64_t to, const char *text)
{
	struct watch_note note = {
		.kind = kind, .state = state, .gateway = g ? g->name : "", .node = s ? s->node : "", .log = s ? s->log : "", .stream = s ? s->name : "",
		.from = from, .to = to, .text = text,
	};

	w->out.note(w->out.user, &note);
}

void watch_say_limit(struct watch *w, const char *text)
{
	if (!w->said_limit)
		watch_say(w, WATCH_NOTE_LIMIT, "reached", NULL, NULL, 0, 0, text);
	w->said_limit = true;
}

size_t watch_topics(const struct watch *w, char (*ret)[WATCH_TOPIC_MAX])
{
	static const char *const kinds[] = { "alarm/+", "lost", "reply/+" };
	char prefix[64], node[WATCH_NAME_MAX];
	size_t n = 0, digits = strlen(w->region);

	snprintf(prefix, sizeof prefix, "fire/v1/%.6s/%.3s/%.3s", digits >= 6 ? w->region : "+", digits >= 9 ? w->region + 6 : "+",
	         digits >= 12 ? w->region + 9 : "+");
	watch_copy(node, sizeof node, w->node[0] ? w->node : "+");
	/* The gateway's own node is not known: all of them, and the others are left out later. */
	snprintf(ret[n++], WATCH_TOPIC_MAX, "%s/+/status", prefix);
	for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
		snprintf(ret[n++], WATCH_TOPIC_MAX, "%s/%s/%s", prefix, node, kinds[i]);
	if (w->classes == (1u << CLASS_COUNT) - 1)
		snprintf(ret[n++], WATCH_TOPIC_MAX, "%s/%s/event/+", prefix, node);
	for (unsigned i = 0; i < CLASS_COUNT && w->classes != (1u << CLASS_COUNT) - 1; i++)
		if (w->classes & (1u << i))
			snprintf(ret[n++], WATCH_TOPIC_MAX, "%s/%s/event/%s", prefix, node, alarm_class_name((enum alarm_class)i));
	return n;
}

void watch_up(struct watch *w, struct stamp now)
{
	w->up = true;
	w->why[0] = '\0';
	watch_alarms_doubt(w);
	for (size_t i = 0; i < w->n_gateways; i++) {
		struct watch_gateway *g = w->gateways[i];
		g->heard_ms = ms_of(now);
		g->live_ms = 0;
		g->differ = 0;
		g->compare = g->snapshot_due = false;
		g->snapshot_ms = 0;
	}
	watch_say(w, WATCH_NOTE_BROKER, "up", NULL, NULL, 0, 0, "");
}

void watch_down(struct watch *w, struct stamp now, const char *why)
{
	bool news = w->up || strncmp(w->why, why, sizeof w->why - 1) != 0;

	(void)now;
	if (w->up)
		watch_alarms_doubt(w);
	w->up = false;
	snprintf(w->why, sizeof w->why, "%s", why);
	if (news) /* not at each attempt */
		watch_say(w, WATCH_NOTE_BROKER, "down", NULL, NULL, 0, 0, why);
}

/* ---- events ---- */

static bool take_pending(struct watch *w, const char *id)
{
	for (size_t i = 0; i < WATCH_PENDING_MAX; i++) {
		if (strcmp(w->pending[i], id) != 0)
			continue;
		w->pending[i][0] = '\0';
		return true;
	}
	return false;
}

static void keep_pending(struct watch *w, const char *id)
{
	watch_copy(w->pending[w->next_pending], ID_TEXT_MAX, id);
	w->next_pending = (w->next_pending + 1) % WATCH_PENDING_MAX;
}

static void announce(struct watch *w, const struct watch_gateway *g, const json_t *e, enum watch_how how)
{
	w->counts.events++;
	if (json_is_string(json_object_get(e, "alarm")))
		watch_alarm_take(w, g, e, false);
	w->out.event(w->out.user, e, how);
}

/* Before it was stored: it has no number, and comes again with one. */
static void take_undurable(struct watch *w, const struct watch_gateway *g, const json_t *e)
{
	const char *id = watch_text(e, "id");
	bool again = take_pending(w, id);

	keep_pending(w, id);
	if (again) {
		w->counts.duplicates++;
		return;
	}
	w->counts.undurable++;
	announce(w, g, e, WATCH_LIVE);
}

void watch_event(struct watch *w, struct watch_gateway *g, const json_t *e, enum watch_how how, struct stamp now)
{
	int64_t seq = 0;

	if (!watch_wants(w, watch_text(e, "node"), watch_text(e, "class")))
		return;
	if (!watch_number(e, "seq", &seq) || seq == 0) {
		take_undurable(w, g, e);
		return;
	}
	struct stream *s = watch_stream(w, g, watch_text(e, "node"), watch_text(e, "log"), watch_text(e, "stream"));
	enum stream_news news = s ? watch_stream_take(w, s, seq, ms_of(now)) : NEWS_NEW;
	if (news == NEWS_AGAIN) {
		w->counts.duplicates++;
		return;
	}
	if (how == WATCH_REPLAYED)
		w->counts.replayed++;
	else if (news == NEWS_LATE) {
		w->counts.reordered++;
		how = WATCH_LATE;
	}
	if (take_pending(w, watch_text(e, "id"))) {
		watch_say(w, WATCH_NOTE_NUMBERED, "stored", g, s, seq, seq, watch_text(e, "id"));
		return;
	}
	announce(w, g, e, how);
}

static void on_event(struct watch *w, const struct watch_topic *t, const json_t *e, bool retained, struct stamp now)
{
	/* A retained event is nobody's of ours: an old one, or forged. */
	if (retained || strcmp(watch_text(e, "class"), t->rest) != 0 || !watch_event_fits(e, t->node)) {
		w->counts.bad++;
		return;
	}
	struct watch_gateway *g = watch_gateway(w, watch_text(e, "gateway"), t->region);
	if (g)
		watch_event(w, g, e, WATCH_LIVE, now);
}

/* ---- the other topics ---- */

static void on_alarm(struct watch *w, const struct watch_topic *t, const json_t *e, bool retained)
{
	char id[sizeof ((struct watch_alarm *)0)->id];

	if (!watch_alarm_of_topic(t->rest, id, sizeof id) || !watch_event_fits(e, t->node) || strcmp(watch_text(e, "alarm"), id) != 0) {
		w->counts.bad++;
		return;
	}
	const struct watch_gateway *g = watch_wants(w, t->node, watch_text(e, "class")) ? watch_gateway(w, watch_text(e, "gateway"), t->region) : NULL;
	if (!g)
		return;
	/* Its event comes, or came, by itself; but for those that stood before we came. */
	if (watch_alarm_take(w, g, e, true) && retained)
		w->out.event(w->out.user, e, WATCH_STANDING);
}

static void on_empty(struct watch *w, const struct watch_topic *t)
{
	char id[sizeof ((struct watch_alarm *)0)->id];

	if (strcmp(t->kind, "status") == 0)
		watch_gateway_forget(w, t->node);
	else if (strcmp(t->kind, "alarm") == 0 && watch_alarm_of_topic(t->rest, id, sizeof id))
		watch_alarm_clear(w, t->node, id);
}

static void on_lost(struct watch *w, const struct watch_topic *t, const json_t *o, struct stamp now)
{
	const char *gateway = watch_text(o, "gateway"), *stream = watch_text(o, "stream"), *log = watch_text(o, "log");
	int64_t from = 0, to = 0, count = 0;

	if (!watch_is_name(gateway) || strcmp(watch_text(o, "node"), t->node) != 0 || !stream[0] || strlen(stream) >= WATCH_WORD_MAX || strlen(log) >= LOG_MAX) {
		w->counts.bad++;
		return;
	}
	struct watch_gateway *g = watch_gateway(w, gateway, t->region);
	bool numbered = watch_number(o, "from_seq", &from) && watch_number(o, "to_seq", &to) && from > 0 && from <= to;
	if (!g || strcmp(stream, "reading") == 0 || !watch_wants(w, t->node, stream))
		return;
	watch_number(o, "count", &count);
	w->counts.lost += (uint64_t)(numbered ? to - from + 1 : count);
	struct watch_note note = { .kind = WATCH_NOTE_LOST, .state = "lost", .gateway = g->name, .node = t->node, .log = log, .stream = stream,
		.from = numbered ? from : 0, .to = numbered ? to : count, .text = watch_text(o, "why") };
	w->out.note(w->out.user, &note);
	struct stream *s = numbered && log[0] ? watch_stream(w, g, t->node, log, stream) : NULL;
	if (s) {
		watch_stream_reach(s, to, ms_of(now));
		watch_stream_fill(w, s, from, to, true);
	}
}

void watch_message(struct watch *w, const char *topic, const void *payload, size_t len, bool retained, struct stamp now)
{
	struct watch_topic t;

	if (watch_topic_parse(topic, &t)) {
		w->counts.bad++;
		return;
	}
	if (len == 0) {
		on_empty(w, &t);
		return;
	}
	json_t *o = watch_object(payload, len);
	if (!o)
		w->counts.bad++;
	else if (strcmp(t.kind, "event") == 0)
		on_event(w, &t, o, retained, now);
	else if (strcmp(t.kind, "alarm") == 0)
		on_alarm(w, &t, o, retained);
	else if (strcmp(t.kind, "status") == 0)
		watch_gateway_status(w, &t, o, retained, now);
	else if (strcmp(t.kind, "lost") == 0)
		on_lost(w, &t, o, now);
	else if (strcmp(t.kind, "reply") == 0 && !retained)
		watch_reply(w, &t, o, now);
	json_decref(o);
}

/* Without a connection nobody is silent but the broker. */
void watch_tick(struct watch *w, struct stamp now)
{
	for (size_t i = 0; i < w->n_gateways; i++) {
		if (w->up)
			watch_gateway_tick(w, w->gateways[i], now);
		watch_ask(w, w->gateways[i], now);
	}
}

void watch_counts(const struct watch *w, struct watch_counts *ret)
{
	*ret = w->counts;
	ret->gateways = w->n_gateways;
	ret->alarms = ret->gaps_open = ret->missing = 0;
	for (size_t i = 0; i < w->n_alarms; i++)
		ret->alarms += !w->alarms[i].gone;
	for (size_t i = 0; i < w->n_streams; i++) {
		const struct stream *s = w->streams[i];
		for (size_t k = 0; k < s->n_gaps; k++) {
			if (s->gaps[k].state == GAP_YOUNG)
				continue;
			ret->gaps_open++;
			ret->missing += (uint64_t)(s->gaps[k].to - s->gaps[k].from + 1);
		}
	}
}
