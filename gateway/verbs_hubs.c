/* The control socket's verbs about hubs: what each has, everything afresh, and nothing left behind there (docs/control-protocol.md). */
#include "gateway/verbs.h"

#include <string.h>

json_t *verbs_hub_status(const struct app_hub *h)
{
	struct uplink_link_stats link;
	struct pump_view v;

	pump_view(h->pump, &v);
	uplink_link_stats(h->link, &link);
	return json_pack("{s:s, s:s, s:s, s:b, s:o, s:s?, s:I, s:{s:I, s:I}, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:i, s:i, s:{s:i, s:b}}", "name", h->config->link.name,
		"url", h->config->link.urls[v.url < h->config->link.n_urls ? v.url : 0], "state", v.state, "up", v.up, "since", verbs_time_or_null(v.since_ms),
		"why", v.up || !v.why[0] ? NULL : v.why, "session", (json_int_t)v.session, "backlog", "events", (json_int_t)v.backlog_events,
		"readings", (json_int_t)v.backlog_readings, "sent", (json_int_t)v.sent, "acked", (json_int_t)v.acked, "refused", (json_int_t)v.refused,
		"lost", (json_int_t)v.lost, "resent", (json_int_t)v.resent, "reconnects", (json_int_t)v.reconnects, "dropped", (json_int_t)link.dropped, "in_flight", (int)v.in_flight, "window", v.window,
		"purge", "cleared", (int)v.purge_cleared, "partly", v.purge_partly);
}

static json_t *streams_of(const struct app *a, const struct app_hub *h)
{
	const struct site *site = &a->generation->config->site;
	json_t *list = json_array();

	for (size_t i = 0; i < a->n_streams; i++) {
		struct pump_lane_view v;
		if (i / STREAM_COUNT >= site->n_nodes || !pump_lane_view(h->pump, a->streams[i].db, &v) || !v.wanted)
			continue;
		json_array_append_new(list, json_pack("{s:s, s:s, s:I, s:I, s:I, s:I, s:I, s:b}", "node", site->nodes[i / STREAM_COUNT], "stream",
			stream_name((unsigned)(i % STREAM_COUNT)), "first", (json_int_t)v.first, "stored", (json_int_t)v.stored, "sent", (json_int_t)v.sent, "acked",
			(json_int_t)v.acked, "backlog", (json_int_t)(v.stored - v.acked), "refused", v.refused));
	}
	return list;
}

void verbs_hubs(struct app *a, struct control_request *rq, json_t *args)
{
	(void)args;
	for (size_t i = 0; i < a->n_hubs; i++) {
		if (!a->hubs[i]->pump)
			continue;
		json_t *row = verbs_hub_status(a->hubs[i]);
		json_object_set_new(row, "streams", streams_of(a, a->hubs[i]));
		if (!control_row(rq, row))
			break;
	}
	control_end(rq, NULL);
}

static struct app_hub *find(struct app *a, json_t *args, struct err *reterr)
{
	const char *name, *note;

	if (verbs_argument(args, "hub", WANTED_MUST, VERBS_WORD_MAX, &name, reterr) || verbs_argument(args, "note", WANTED_PROSE, VERBS_NOTE_MAX, &note, reterr))
		return NULL;
	for (size_t i = 0; i < a->n_hubs; i++)
		if (a->hubs[i]->pump && strcmp(a->hubs[i]->config->link.name, name) == 0)
			return a->hubs[i];
	err_set(reterr, ERR_NOT_FOUND, "no hub '%.60s'; `firegw hub list` shows them", name);
	return NULL;
}

/* Done, or why not; both are audited. */
static void done(struct app *a, struct control_request *rq, const char *verb, const struct app_hub *h, json_t *args, const struct err *failed)
{
	const char *note = json_string_value(json_object_get(args, "note")), *name = json_string_value(json_object_get(args, "hub"));

	app_audit(a, control_actor(rq), role_name(control_role(rq)), verb, name, failed ? failed->text : "ok", note);
	if (failed)
		control_fail(rq, failed);
	else
		control_end(rq, verbs_hub_status(h));
}

void verbs_hub_resend(struct app *a, struct control_request *rq, json_t *args)
{
	struct err e;

	if (!control_require(rq, ROLE_OPERATOR))
		return;
	struct app_hub *h = find(a, args, &e);
	if (h) {
		pump_refresh(h->pump, loop_now(&a->loop));
		app_hub_kick(h);
	}
	done(a, rq, "hub-resend", h, args, h ? NULL : &e);
}

void verbs_hub_purge(struct app *a, struct control_request *rq, json_t *args)
{
	struct err e;

	if (!control_require(rq, ROLE_MAINTAINER))
		return;
	struct app_hub *h = find(a, args, &e);
	bool failed = !h || pump_purge(h->pump, loop_now(&a->loop), &e);
	if (!failed)
		app_hub_kick(h);
	done(a, rq, "hub-purge", h, args, failed ? &e : NULL);
}
