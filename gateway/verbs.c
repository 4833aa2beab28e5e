/* The control socket's verbs that speak of the present (docs/control-protocol.md). */
#include "gateway/verbs.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

int verbs_select(json_t *args, struct select **ret, struct err *reterr)
{
	const char *text;

	return verbs_text(args, "select", &text, reterr) || select_parse(text, ret, reterr) ? -1 : 0;
}

int verbs_classes(json_t *args, unsigned *ret, struct err *reterr)
{
	const char *text;
	char word[32];
	enum alarm_class c;

	if (verbs_text(args, "class", &text, reterr))
		return -1;
	*ret = text && text[0] ? 0 : (1u << CLASS_COUNT) - 1;
	while (text && *text) {
		size_t n = strcspn(text, ",");
		if (n == 0 || n >= sizeof word)
			return err_set(reterr, ERR_INVALID, "'class' has an empty or too long word");
		memcpy(word, text, n);
		word[n] = '\0';
		if (alarm_class_find(word, &c))
			return err_set(reterr, ERR_INVALID, "'%s' is no class; they are fire, prealarm, supervisory, fault, disablement, actuation, operation", word);
		*ret |= 1u << c;
		text += n + (text[n] == ',');
	}
	return 0;
}

static const char *text_of(json_t *o, const char *key)
{
	const char *s = json_string_value(json_object_get(o, key));

	return s ? s : "";
}

static bool names(const char *alarm, const char *prefix, const char *name)
{
	size_t p = strlen(prefix), n = strlen(name);

	return strncmp(alarm, prefix, p) == 0 && strncmp(alarm + p, name, n) == 0 && alarm[p + n] == '/';
}

/* Our own faults of a device or a line are found by its name. */
static void own_subject(const struct site *site, const char *alarm, struct select_subject *ret)
{
	for (size_t i = 0; alarm[0] == '_' && i < site->n_devices; i++) {
		if (!names(alarm, "_gw.device-", site->devices[i].name))
			continue;
		ret->device = site->devices[i].name;
		ret->bus = site->buses[site->devices[i].bus];
	}
	for (size_t i = 0; alarm[0] == '_' && i < site->n_buses; i++)
		if (names(alarm, "_gw.bus-", site->buses[i]))
			ret->bus = site->buses[i];
}

struct select_subject verbs_event_subject(const struct site *site, json_t *event)
{
	struct select_subject s = {
		.id = text_of(event, "alarm"), .other_id = text_of(event, "point"), .kind = text_of(event, "kind"), .floor = text_of(event, "floor"),
		.building = text_of(event, "building"), .zone = text_of(event, "zone"), .bus = "", .device = "",
	};

	if (alarm_class_find(text_of(event, "class"), &s.class_))
		s.class_ = CLASS_COUNT;
	own_subject(site, s.id, &s);
	for (size_t i = 0; s.other_id[0] && i < site->n_devices; i++) {
		size_t n = strlen(site->devices[i].name);
		if (strncmp(site->devices[i].name, s.other_id, n) == 0 && s.other_id[n] == '.') {
			s.device = site->devices[i].name;
			s.bus = site->buses[site->devices[i].bus];
		}
	}
	return s;
}

json_t *verbs_time_or_null(int64_t wall_ms)
{
	char text[CLOCK_TEXT_MAX];

	return wall_ms ? json_string(clock_format(wall_ms, text)) : json_null();
}

static void version(struct app *a, struct control_request *rq)
{
	const struct config *c = a->generation->config;

	control_end(rq, json_pack("{s:s, s:i, s:s, s:s, s:s, s:I, s:s?}", "version", FIREGW_VERSION, "pid", (int)getpid(), "gateway", c->site.gateway, "name", c->name,
	                          "timezone", c->timezone, "now", (json_int_t)loop_now(&a->loop).wall_ms, "config_file", a->o.config_file));
}

static int compare_ns(const void *x, const void *y)
{
	int64_t a = *(const int64_t *)x, b = *(const int64_t *)y;

	return a < b ? -1 : a > b;
}

static json_t *store_status(struct app *a)
{
	int64_t sorted[sizeof a->commit_ns / sizeof a->commit_ns[0]];
	size_t n = a->n_commits < sizeof sorted / sizeof sorted[0] ? a->n_commits : sizeof sorted / sizeof sorted[0];
	static const char *const words[] = { "ok", "failing", "full", "damaged" };
	int trouble = atomic_load(&a->keeper.trouble);
	char why[ERR_TEXT_MAX];

	memcpy(sorted, a->commit_ns, n * sizeof sorted[0]);
	qsort(sorted, n, sizeof sorted[0], compare_ns);
	keeper_trouble_text(&a->keeper, why, sizeof why);
	const char *state = trouble == KEEPER_FINE && a->store_late ? "stalled" : words[trouble];
	const char *text = trouble != KEEPER_FINE ? why : a->store_late ? "a commit has taken over a second" : NULL;
	return json_pack("{s:s, s:s?, s:s, s:I, s:I, s:I, s:f, s:f, s:i, s:s}", "state", state, "why", text, "path", a->generation->config->db_path,
	                 "bytes", (json_int_t)a->usage.bytes, "limit", (json_int_t)a->usage.limit, "commits", (json_int_t)a->commits,
	                 "commit_ms_p50", n ? (double)sorted[n / 2] / 1e6 : 0.0, "commit_ms_p99", n ? (double)sorted[n * 99 / 100] / 1e6 : 0.0,
	                 "queued", (int)a->n_queued, "log", a->log_id);
}

static void status(struct app *a, struct control_request *rq)
{
	struct strbuf text = STRBUF_INIT, streams = STRBUF_INIT;
	struct stamp now = loop_now(&a->loop);
	json_error_t e;

	status_streams_plain(a, &streams);
	status_payload(a, &text, status_newest_session(a), true, NULL, streams.failed ? "\"streams\":{}" : streams.data);
	json_t *o = text.failed ? NULL : json_loadb(text.data, text.len, 0, &e);
	strbuf_done(&text);
	strbuf_done(&streams);
	if (!o) {
		struct err err;
		err_set(&err, ERR_NO_MEMORY, "no memory");
		control_fail(rq, &err);
		return;
	}
	json_t *lines = json_array(), *hubs = json_array();
	for (size_t i = 0; i < a->n_buses; i++)
		if (a->buses[i].poller)
			json_array_append_new(lines, verbs_line_status(&a->buses[i], false, now));
	for (size_t i = 0; i < a->n_hubs; i++)
		if (a->hubs[i]->pump)
			json_array_append_new(hubs, verbs_hub_status(a->hubs[i]));
	json_object_set_new(o, "uptime_s", json_integer((now.mono_ns - a->started.mono_ns) / CLOCK_NS_PER_S));
	json_object_set_new(o, "pid", json_integer(getpid()));
	json_object_set_new(o, "loop_late_ms", json_real((double)a->worst_late_ns / 1e6));
	json_object_set_new(o, "lost_events", json_integer((json_int_t)a->lost_events));
	json_object_set_new(o, "lost_readings", json_integer((json_int_t)a->lost_readings));
	json_object_set_new(o, "store", store_status(a));
	json_object_set_new(o, "lines", lines);
	json_object_set_new(o, "hubs", hubs);
	control_end(rq, o);
}

/* Someone who acted, and is told so when it is durable. */
struct acting {
	struct acting          *next;
	struct control_request *rq;
	const struct slot      *slot;
	char                    alarm[]; /* "": none */
};

static void tell_done(struct app *a, struct acting *w)
{
	struct rules *r = pipeline_rules(a->pipeline);
	uint32_t i = rules_find(r, w->alarm);
	struct rules_present present = { .state = STATE_NORMAL };

	if (i != RULES_ALARM_NONE)
		rules_present(r, i, &present);
	if (!w->alarm[0])
		control_end(w->rq, NULL);
	else
		control_end(w->rq, json_pack("{s:s, s:s}", "alarm", w->alarm, "state", alarm_state_name(present.state)));
	free(w);
}

void verbs_on_stored(struct app *a, const struct slot *s)
{
	verbs_selftest_stored(a, s);
	for (struct acting **p = &a->acts; *p;) {
		struct acting *w = *p;
		if (s && w->slot != s) {
			p = &w->next;
			continue;
		}
		*p = w->next;
		tell_done(a, w);
	}
}

void verbs_when_stored(struct app *a, struct control_request *rq, const char *alarm)
{
	struct acting *w = malloc(sizeof *w + strlen(alarm ? alarm : "") + 1);

	if (!w) {
		control_end(rq, NULL);
		return;
	}
	w->rq = rq;
	w->slot = a->open;
	strcpy(w->alarm, alarm ? alarm : "");
	w->next = a->acts;
	a->acts = w;
}

static void act(struct app *a, struct control_request *rq, const char *verb, enum rules_command what, json_t *args)
{
	const char *alarm = NULL, *note = NULL;
	struct err e;
	int failed;

	if (!control_require(rq, ROLE_OPERATOR))
		return;
	failed = verbs_argument(args, "alarm", WANTED_MUST, VERBS_WORD_MAX, &alarm, &e) || verbs_argument(args, "note", WANTED_PROSE, VERBS_NOTE_MAX, &note, &e);
	if (!failed)
		failed = app_command(a, alarm, what, NULL, CAUSE_PERSON, control_actor(rq), note, &e);
	app_audit(a, control_actor(rq), role_name(control_role(rq)), verb, alarm, failed ? e.text : "ok", note);
	if (failed) {
		control_fail(rq, &e);
		return;
	}
	verbs_when_stored(a, rq, alarm);
}

void verbs_handle(void *app, struct control_request *rq, const char *verb, json_t *args)
{
	struct app *a = app;
	struct err e;

	if (strcmp(verb, "version") == 0)
		version(a, rq);
	else if (strcmp(verb, "line") == 0)
		verbs_line(a, rq, args);
	else if (strcmp(verb, "status") == 0)
		status(a, rq);
	else if (strcmp(verb, "points") == 0)
		verbs_points(a, rq, args);
	else if (strcmp(verb, "alarms") == 0)
		verbs_alarms(a, rq, args);
	else if (strcmp(verb, "events") == 0)
		verbs_events(a, rq, args);
	else if (strcmp(verb, "history") == 0)
		verbs_history(a, rq, args);
	else if (strcmp(verb, "report") == 0)
		verbs_report(a, rq, args);
	else if (strcmp(verb, "probe") == 0)
		verbs_probe(a, rq, args);
	else if (strcmp(verb, "hubs") == 0)
		verbs_hubs(a, rq, args);
	else if (strcmp(verb, "hub-resend") == 0)
		verbs_hub_resend(a, rq, args);
	else if (strcmp(verb, "hub-purge") == 0)
		verbs_hub_purge(a, rq, args);
	else if (strcmp(verb, "shelve") == 0 || strcmp(verb, "unshelve") == 0)
		verbs_shelve(a, rq, verb, args);
	else if (strcmp(verb, "verify") == 0)
		verbs_verify(a, rq, args);
	else if (strcmp(verb, "service") == 0)
		verbs_service(a, rq, args);
	else if (strcmp(verb, "test") == 0)
		verbs_test(a, rq, args);
	else if (strcmp(verb, "silence") == 0)
		verbs_silence(a, rq, args);
	else if (strcmp(verb, "raise") == 0)
		verbs_raise(a, rq, args);
	else if (strcmp(verb, "duty") == 0)
		verbs_duty(a, rq, args);
	else if (strcmp(verb, "selftest") == 0)
		verbs_selftest(a, rq, args);
	else if (strcmp(verb, "ack") == 0)
		act(a, rq, verb, RULES_ACK, args);
	else if (strcmp(verb, "reset") == 0)
		act(a, rq, verb, RULES_RESET, args);
	else {
		err_set(&e, ERR_UNSUPPORTED, "firegwd %s does not know the verb '%.40s'", FIREGW_VERSION, verb);
		control_fail(rq, &e);
	}
}
