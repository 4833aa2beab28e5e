/* selftest: a marked event takes the whole way: stored, sent, acknowledged by each hub's broker; and how long each step took is told. Failure modes: a hub that does not acknowledge
 * within ten seconds (said with why), one to which such events do not go (said so). */
#include "gateway/verbs.h"

#include <stdlib.h>
#include <string.h>

#define PATIENCE_NS (10 * CLOCK_NS_PER_S)

struct selftest {
	struct selftest        *next;
	struct app             *app;
	struct control_request *rq;
	const struct slot      *slot;      /* its batch; NULL: stored */
	struct loop_timer       timer;
	int64_t                 begun_ns, stored_ns, seq;
	size_t                  n_hubs;
	struct { char name[48]; int64_t acked_ns; bool sent_there; } hubs[];
};

static const struct app_hub *find_hub(const struct app *a, const char *name)
{
	for (size_t i = 0; i < a->n_hubs; i++)
		if (a->hubs[i]->pump && strcmp(a->hubs[i]->config->link.name, name) == 0)
			return a->hubs[i];
	return NULL;
}

static json_t *hub_result(const struct selftest *t, size_t i, bool *all)
{
	const struct app_hub *h = find_hub(t->app, t->hubs[i].name);
	bool ok = t->hubs[i].acked_ns != 0;

	*all = *all && (ok || !t->hubs[i].sent_there);
	if (ok)
		return json_pack("{s:s, s:b, s:f, s:n}", "name", t->hubs[i].name, "ok", true, "ms", (double)(t->hubs[i].acked_ns - t->begun_ns) / 1e6, "why");
	json_t *status = h ? verbs_hub_status(h) : NULL;
	const char *why = !h ? "the hub is no longer in the configuration" : !t->hubs[i].sent_there ? "operations are not sent there (send:, classes:)"
	                  : json_is_true(json_object_get(status, "up")) ? "connected, but not acknowledged within 10 s" : "not connected";
	json_t *o = json_pack("{s:s, s:b, s:n, s:s}", "name", t->hubs[i].name, "ok", false, "ms", "why", why);
	json_decref(status);
	return o;
}

static void end(struct selftest *t)
{
	json_t *hubs = json_array();
	bool all = t->stored_ns != 0;

	for (struct selftest **p = &t->app->selftests; *p; p = &(*p)->next) {
		if (*p == t) {
			*p = t->next;
			break;
		}
	}
	loop_timer_set(&t->app->loop, &t->timer, CLOCK_NEVER);
	for (size_t i = 0; i < t->n_hubs; i++)
		json_array_append_new(hubs, hub_result(t, i, &all));
	json_t *stored = t->stored_ns ? json_real((double)(t->stored_ns - t->begun_ns) / 1e6) : json_null();
	control_end(t->rq, json_pack("{s:b, s:o, s:o}", "ok", all, "stored_ms", stored, "hubs", hubs));
	free(t);
}

static void on_patience(void *user, struct stamp now)
{
	(void)now;
	end(user);
}

static bool is_over(const struct selftest *t)
{
	for (size_t i = 0; i < t->n_hubs; i++)
		if (t->hubs[i].sent_there && !t->hubs[i].acked_ns)
			return false;
	return t->stored_ns != 0;
}

void verbs_selftest_stored(struct app *a, const struct slot *s)
{
	for (struct selftest *t = a->selftests, *next; t; t = next) {
		next = t->next;
		if (t->slot != s || !s)
			continue;
		t->slot = NULL;
		t->stored_ns = loop_now(&a->loop).mono_ns;
		t->seq = a->streams[CLASS_OPERATION].stored; /* node 0 */
		if (is_over(t))
			end(t);
	}
}

void verbs_selftest_acked(struct app *a, const struct app_hub *h)
{
	for (struct selftest *t = a->selftests, *next; t; t = next) {
		next = t->next;
		for (size_t i = 0; i < t->n_hubs; i++)
			if (t->stored_ns && !t->hubs[i].acked_ns && strcmp(t->hubs[i].name, h->config->link.name) == 0 && h->acked[CLASS_OPERATION] >= t->seq)
				t->hubs[i].acked_ns = loop_now(&a->loop).mono_ns;
		if (is_over(t))
			end(t);
	}
}

void verbs_end_selftests(struct app *a)
{
	while (a->selftests)
		end(a->selftests);
}

void verbs_selftest(struct app *a, struct control_request *rq, json_t *args)
{
	const char *note = NULL;
	struct err e;

	if (!control_require(rq, ROLE_OPERATOR))
		return;
	struct selftest *t = calloc(1, sizeof *t + a->n_hubs * sizeof t->hubs[0]);
	int failed = !t ? err_set(&e, ERR_NO_MEMORY, "no memory") : verbs_text(args, "note", &note, &e);
	app_audit(a, control_actor(rq), role_name(control_role(rq)), "selftest", NULL, failed ? e.text : "ok", note);
	if (failed) {
		free(t);
		control_fail(rq, &e);
		return;
	}
	t->app = a;
	t->rq = rq;
	t->begun_ns = loop_now(&a->loop).mono_ns;
	for (size_t i = 0; i < a->n_hubs; i++) {
		const struct config_hub *c = a->hubs[i]->config;
		if (!a->hubs[i]->pump)
			continue;
		snprintf(t->hubs[t->n_hubs].name, sizeof t->hubs[0].name, "%s", c->link.name);
		t->hubs[t->n_hubs++].sent_there = c->send_events && c->classes[CLASS_OPERATION];
	}
	loop_timer_init(&t->timer, on_patience, t);
	loop_timer_set(&a->loop, &t->timer, t->begun_ns + PATIENCE_NS);
	app_operation_by(a, TRANSITION_SELFTEST, CAUSE_PERSON, MODE_TEST, "自检:经存储至各消防数据中心", "self-test: through storage to every hub", control_actor(rq), note);
	t->slot = a->open;
	t->next = a->selftests;
	a->selftests = t;
}
