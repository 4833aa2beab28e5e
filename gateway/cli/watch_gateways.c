/* The gateways: who is there, since when, and what their statuses say about us. */
#include "gateway/cli/watch_inside.h"

#include <stdlib.h>
#include <string.h>

const char *watch_presence_name(enum watch_presence p)
{
	switch (p) {
	case WATCH_UNKNOWN: return "unknown";
	case WATCH_ONLINE:  return "online";
	case WATCH_SILENT:  return "silent";
	case WATCH_OFFLINE: return "offline";
	case WATCH_STOPPED: return "stopped";
	}
	return "";
}

const char *watch_gateway_name(const struct watch_gateway *g)
{
	return g->name;
}

enum watch_presence watch_gateway_presence(const struct watch_gateway *g)
{
	return g->presence;
}

int64_t watch_gateway_since_ms(const struct watch_gateway *g)
{
	return g->since_ms;
}

const struct watch_gateway *watch_gateway_at(const struct watch *w, size_t i)
{
	return i < w->n_gateways ? w->gateways[i] : NULL;
}

static struct watch_gateway *gateway_find(const struct watch *w, const char *name)
{
	for (size_t i = 0; i < w->n_gateways; i++)
		if (strcmp(w->gateways[i]->name, name) == 0)
			return w->gateways[i];
	return NULL;
}

struct watch_gateway *watch_gateway(struct watch *w, const char *name, const char *region)
{
	struct watch_gateway *g = gateway_find(w, name);

	if (g)
		return g;
	g = w->n_gateways < WATCH_GATEWAYS_MAX ? calloc(1, sizeof *g) : NULL;
	if (!g) {
		watch_say_limit(w, "there are more gateways than can be watched: narrow --region");
		return NULL;
	}
	watch_copy(g->name, sizeof g->name, name);
	watch_copy(g->region, sizeof g->region, region);
	g->snapshot_wait_ms = WATCH_AGAIN_MS;
	w->gateways[w->n_gateways++] = g;
	return g;
}

/* Its retained status was cleared: it is no more. */
void watch_gateway_forget(struct watch *w, const char *name)
{
	for (size_t i = 0; i < w->n_gateways; i++) {
		struct watch_gateway *g = w->gateways[i];
		if (strcmp(g->name, name) != 0)
			continue;
		watch_streams_drop(w, g);
		for (size_t k = 0; k < w->n_alarms; k++)
			if (strcmp(w->alarms[k].gateway, name) == 0)
				w->alarms[k].gone = true;
		free(g);
		w->gateways[i] = w->gateways[--w->n_gateways];
		return;
	}
}

static void set_presence(struct watch *w, struct watch_gateway *g, enum watch_presence p, struct stamp now, const char *text)
{
	if (g->presence == p)
		return;
	g->presence = p;
	g->since_ms = now.wall_ms;
	watch_say(w, WATCH_NOTE_GATEWAY, watch_presence_name(p), g, NULL, 0, 0, text);
}

/* "qj-wenlong-01/fire" → its parts. */
static bool split_key(const char *key, char node[WATCH_NAME_MAX], char name[WATCH_WORD_MAX])
{
	const char *slash = strchr(key, '/');

	if (!slash || slash == key || (size_t)(slash - key) >= WATCH_NAME_MAX || !slash[1] || strlen(slash + 1) >= WATCH_WORD_MAX)
		return false;
	memcpy(node, key, (size_t)(slash - key));
	node[slash - key] = '\0';
	strcpy(name, slash + 1);
	return watch_is_name(node);
}

static void take_streams(struct watch *w, struct watch_gateway *g, const json_t *streams, int64_t now_ms)
{
	char node[WATCH_NAME_MAX], name[WATCH_WORD_MAX];
	const char *key;
	json_t *value;
	int64_t sent;

	json_object_foreach((json_t *)(uintptr_t)streams, key, value) {
		if (!split_key(key, node, name) || strcmp(name, "reading") == 0 || !watch_wants(w, node, name) || !watch_number(value, "sent", &sent))
			continue;
		struct stream *s = watch_stream(w, g, node, g->log, name);
		if (s)
			watch_stream_base(w, s, sent, now_ms);
	}
}

static void take_counts(struct watch_gateway *g, const json_t *alarms)
{
	memset(g->counts, 0, sizeof g->counts);
	for (unsigned i = 0; i < CLASS_COUNT; i++)
		watch_number(alarms, alarm_class_name((enum alarm_class)i), &g->counts[i]);
	g->compare = json_is_object(alarms);
}

static void take_live(struct watch *w, struct watch_gateway *g, const json_t *o, int64_t now_ms)
{
	const char *log = watch_text(o, "log");

	g->heard_ms = now_ms;
	if (!g->live_ms)
		g->live_ms = now_ms;
	if (!log[0] || strlen(log) >= sizeof g->log)
		return;
	if (strcmp(g->log, log) != 0) {
		watch_streams_of_log(w, g, log);
		watch_copy(g->log, sizeof g->log, log);
		watch_alarms_doubt_log(w, g);
	}
	take_streams(w, g, json_object_get(o, "streams"), now_ms);
	take_counts(g, json_object_get(o, "alarms"));
}

/* Is it the gateway of the node that is watched? Its status is in its own node's topic only. */
static bool has_node(const struct watch *w, const json_t *o)
{
	char node[WATCH_NAME_MAX], name[WATCH_WORD_MAX];
	const char *key;
	json_t *value;

	if (!w->node[0] || strcmp(w->node, watch_text(o, "node")) == 0)
		return true;
	json_object_foreach(json_object_get(o, "streams"), key, value)
		if (split_key(key, node, name) && strcmp(node, w->node) == 0)
			return true;
	return false;
}

void watch_gateway_status(struct watch *w, const struct watch_topic *t, const json_t *o, bool retained, struct stamp now)
{
	const json_t *online = json_object_get(o, "online");
	int64_t session;

	if (strcmp(watch_text(o, "node"), t->node) != 0 || strcmp(watch_text(o, "gateway"), t->node) != 0 || !json_is_boolean(online) ||
	    !watch_number(o, "session", &session)) {
		w->counts.bad++;
		return;
	}
	if (!has_node(w, o))
		return;
	struct watch_gateway *g = watch_gateway(w, t->node, t->region);
	if (!g)
		return;
	/* A will of a connection that was followed by another one, or a retained status that was overtaken. */
	if (session < g->session) {
		w->counts.old_wills++;
		return;
	}
	g->session = session;
	if (json_is_false(online)) {
		bool stopped = strcmp(watch_text(o, "reason"), "stopped") == 0;
		set_presence(w, g, stopped ? WATCH_STOPPED : WATCH_OFFLINE, now, "");
		return;
	}
	if (retained) {
		if (g->presence == WATCH_UNKNOWN)
			g->heard_ms = ms_of(now);
		return;
	}
	take_live(w, g, o, ms_of(now));
	set_presence(w, g, WATCH_ONLINE, now, "");
}

void watch_gateway_tick(struct watch *w, struct watch_gateway *g, struct stamp now)
{
	if (!g->heard_ms)
		g->heard_ms = ms_of(now);
	bool there = g->presence == WATCH_UNKNOWN || g->presence == WATCH_ONLINE;

	if (there && ms_of(now) - g->heard_ms >= WATCH_SILENT_MS)
		set_presence(w, g, WATCH_SILENT, now, "");
}
