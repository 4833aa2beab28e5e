/* What we ask of a gateway: a snapshot when its alarms are not as many as it says, a replay of what did not come. One question at a time a gateway. */
#include "gateway/cli/watch_inside.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define EXPIRES_MS   300000 /* a console's clock may be wrong by that much */
#define SETTLE_MS    3000   /* from a status to the comparison: the alarms that it counts may be behind it */

static const char *word_of(enum asked what)
{
	return what == ASKED_SNAPSHOT ? "snapshot" : "replay";
}

static void send_command(struct watch *w, struct watch_gateway *g, json_t *o, struct stamp now)
{
	struct command *c = &g->command;
	char issued[CLOCK_TEXT_MAX], expires[CLOCK_TEXT_MAX], topic[WATCH_TOPIC_MAX];

	snprintf(c->id, sizeof c->id, "watch-%016llx-%llu", (unsigned long long)w->random, (unsigned long long)++w->commands);
	c->by_ms = ms_of(now) + WATCH_ANSWER_MS;
	c->page = 0;
	json_object_set_new(o, "v", json_integer(1));
	json_object_set_new(o, "id", json_string(c->id));
	json_object_set_new(o, "issued", json_string(clock_format(now.wall_ms, issued)));
	json_object_set_new(o, "expires", json_string(clock_format(now.wall_ms + EXPIRES_MS, expires)));
	char *text = json_dumps(o, JSON_COMPACT);
	snprintf(topic, sizeof topic, "%s/%s/command/%s", g->region, c->node, word_of(c->what));
	if (text)
		w->out.command(w->out.user, topic, text); /* one that does not leave is one without an answer */
	free(text);
	json_decref(o);
}

static void ask_snapshot(struct watch *w, struct watch_gateway *g, struct stamp now)
{
	g->snapshot_due = false;
	g->command = (struct command){ .what = ASKED_SNAPSHOT };
	watch_copy(g->command.node, sizeof g->command.node, w->node[0] ? w->node : g->name);
	watch_alarms_unname(w, g->name);
	watch_say(w, WATCH_NOTE_SNAPSHOT, "asked", g, NULL, 0, 0, "");
	send_command(w, g, json_object(), now);
}

static void ask_replay(struct watch *w, struct watch_gateway *g, struct stream *s, struct gap *gap, struct stamp now)
{
	int64_t to = gap->to - gap->from < WATCH_REPLAY_MAX ? gap->to : gap->from + WATCH_REPLAY_MAX - 1;

	g->command = (struct command){ .what = ASKED_REPLAY, .stream = s, .from = gap->from, .to = to };
	watch_copy(g->command.node, sizeof g->command.node, s->node);
	gap->state = GAP_ASKED;
	watch_say(w, WATCH_NOTE_GAP, "asked", g, s, gap->from, to, "");
	send_command(w, g,
	             json_pack("{s:s, s:s, s:I, s:I}", "log", s->log, "stream", s->name, "from", (json_int_t)gap->from, "to", (json_int_t)to), now);
}

static bool counts_fit(const struct watch *w, const struct watch_gateway *g)
{
	int64_t ours[CLASS_COUNT];

	watch_alarms_count(w, g->name, true, ours);
	for (unsigned i = 0; i < CLASS_COUNT; i++)
		if ((w->classes & (1u << i)) && ours[i] != g->counts[i])
			return false;
	return true;
}

/* Are the alarms that we were told of those that it counts? With one node watched nobody can tell: then a snapshot is asked for once a connection. */
static void compare(struct watch *w, struct watch_gateway *g, int64_t now_ms)
{
	bool first = g->differ == 0;

	if (!g->compare || now_ms - g->heard_ms < SETTLE_MS)
		return;
	g->compare = false;
	if (!w->node[0] && counts_fit(w, g)) {
		watch_alarms_settle(w, g->name, "", false);
		g->differ = 1; /* the first of this connection is behind us */
		g->snapshot_due = false;
		g->snapshot_wait_ms = WATCH_AGAIN_MS;
		return;
	}
	/* An alarm that moved just now makes a difference of a moment: but for the first time it has to last. */
	g->snapshot_due = first || (!w->node[0] && g->differ > 1);
	g->differ = first ? 1 : g->differ + 1;
}

static void end_command(struct watch *w, struct watch_gateway *g, bool answered, const char *why, struct stamp now)
{
	struct command *c = &g->command;
	enum asked what = c->what;
	int64_t left = 0;

	c->what = ASKED_NOTHING;
	if (what == ASKED_SNAPSHOT) {
		if (answered)
			watch_alarms_settle(w, g->name, w->node, true);
		g->snapshot_ms = ms_of(now) + g->snapshot_wait_ms;
		g->snapshot_wait_ms = g->snapshot_wait_ms * 2 < WATCH_AGAIN_MAX_MS ? g->snapshot_wait_ms * 2 : WATCH_AGAIN_MAX_MS;
		watch_say(w, WATCH_NOTE_SNAPSHOT, answered ? "done" : "refused", g, NULL, 0, 0, why);
		return;
	}
	left = watch_stream_asked(c->stream, c->from, c->to, answered, ms_of(now));
	if (!answered)
		watch_say(w, WATCH_NOTE_GAP, "refused", g, c->stream, c->from, c->to, why);
	else if (left > 0)
		watch_say(w, WATCH_NOTE_GAP, "open", g, c->stream, c->from, c->to, "not all of it was in the answer");
}

void watch_ask(struct watch *w, struct watch_gateway *g, struct stamp now)
{
	struct stream *s = NULL;
	struct gap *gap = NULL;

	if (g->command.what != ASKED_NOTHING && ms_of(now) >= g->command.by_ms)
		end_command(w, g, false, "no answer", now);
	for (size_t i = 0; i < w->n_streams; i++) {
		struct gap *due = w->streams[i]->gateway == g ? watch_stream_due(w, w->streams[i], ms_of(now)) : NULL;
		/* Fire before the rest. */
		if (due && (!gap || watch_class(w->streams[i]->name) < watch_class(s->name))) {
			gap = due;
			s = w->streams[i];
		}
	}
	if (!w->up || g->presence != WATCH_ONLINE || !g->live_ms)
		return;
	compare(w, g, ms_of(now));
	if (g->command.what != ASKED_NOTHING)
		return;
	if (g->snapshot_due && ms_of(now) >= g->snapshot_ms)
		ask_snapshot(w, g, now);
	else if (gap)
		ask_replay(w, g, s, gap, now);
}

static void take_snapshot(struct watch *w, struct watch_gateway *g, const json_t *result)
{
	const json_t *e;
	size_t i;

	json_array_foreach((json_t *)(uintptr_t)result, i, e) {
		const char *node = watch_text(e, "node");
		if (!json_is_string(json_object_get(e, "alarm")) || !watch_is_name(node) || !watch_event_fits(e, node) ||
		    strcmp(watch_text(e, "gateway"), g->name) != 0)
			w->counts.bad++;
		else if (watch_wants(w, node, watch_text(e, "class")) && watch_alarm_take(w, g, e, true))
			w->out.event(w->out.user, e, WATCH_STANDING);
	}
}

static void take_replay(struct watch *w, struct watch_gateway *g, const json_t *o, struct stamp now)
{
	struct command *c = &g->command;
	const json_t *e, *gone = json_object_get(o, "gone");
	size_t i;

	json_array_foreach(json_object_get(o, "result"), i, e) {
		if (watch_event_fits(e, c->node) && strcmp(watch_text(e, "log"), c->stream->log) == 0 && strcmp(watch_text(e, "stream"), c->stream->name) == 0 &&
		    strcmp(watch_text(e, "gateway"), g->name) == 0)
			watch_event(w, g, e, WATCH_REPLAYED, now);
		else
			w->counts.bad++;
	}
	if (!json_is_array(gone) || json_array_size(gone) != 2)
		return;
	int64_t from = json_integer_value(json_array_get(gone, 0)), to = json_integer_value(json_array_get(gone, 1));
	from = from > c->from ? from : c->from;
	to = to < c->to ? to : c->to;
	int64_t n = from <= to ? watch_stream_fill(w, c->stream, from, to, false) : 0;
	w->counts.gone += (uint64_t)n;
	if (n > 0)
		watch_say(w, WATCH_NOTE_GAP, "gone", g, c->stream, from, to, "the gateway does not keep it any more");
}

void watch_reply(struct watch *w, const struct watch_topic *t, const json_t *o, struct stamp now)
{
	struct watch_gateway *g = NULL;
	int64_t page = 1, pages = 1;

	/* Replies to other consoles come too. */
	for (size_t i = 0; i < w->n_gateways && !g; i++)
		if (w->gateways[i]->command.what != ASKED_NOTHING && strcmp(w->gateways[i]->command.id, watch_text(o, "id")) == 0)
			g = w->gateways[i];
	if (!g || strcmp(g->command.node, t->node) != 0 || strcmp(t->rest, word_of(g->command.what)) != 0)
		return;
	if (!json_is_true(json_object_get(o, "ok"))) {
		const char *why = watch_text(o, "error");
		end_command(w, g, false, why[0] ? why : "no reason was given", now);
		return;
	}
	watch_number(o, "page", &page);
	watch_number(o, "pages", &pages);
	if (page <= g->command.page) /* the same once more */
		return;
	if (g->command.what == ASKED_SNAPSHOT)
		take_snapshot(w, g, json_object_get(o, "result"));
	else
		take_replay(w, g, o, now);
	/* What is not in a snapshot is over: only if all of it came. */
	if (g->command.what == ASKED_SNAPSHOT && (page > g->command.page + 1 || !json_is_array(json_object_get(o, "result")))) {
		end_command(w, g, false, "not all of it was in the answer", now);
		return;
	}
	if (page < pages) {
		g->command.page = page;
		g->command.by_ms = ms_of(now) + WATCH_ANSWER_MS;
		return;
	}
	end_command(w, g, true, "", now);
	watch_ask(w, g, now);
}
