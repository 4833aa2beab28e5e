/* hub: what each hub has, everything afresh, and nothing left behind. */
#include "gateway/cli/verb.h"

#include "gateway/cli/width.h"
#include "gateway/json_text.h"

#include <poll.h>
#include <string.h>

#define PURGE_ASK_MS  250
#define PURGE_WAIT_MS 900000 /* the gateway itself gives up earlier */

/* All hubs, or the one of this name; NULL: said why. The caller frees. */
static json_t *take_hubs(struct client *c, const char *name, int *ret_result)
{
	json_t *list = json_array(), *value = NULL;
	enum client_answer a = CLIENT_LOST;
	struct err e;

	if (client_ask(c, "hubs", NULL, &e) == 0)
		while ((a = client_next(c, &value, &e)) == CLIENT_ROW) {
			if (!name || strcmp(field_text(value, "name"), name) == 0)
				json_array_append(list, value);
			json_decref(value);
		}
	*ret_result = run_result(a, &e);
	if (a == CLIENT_END) {
		json_decref(value);
		if (!name || json_array_size(list) > 0)
			return list;
		err_set(&e, ERR_NOT_FOUND, "no hub '%.60s'; `firegw hub list` shows them", name);
		*ret_result = run_fail(&e, RESULT_NO);
	}
	json_decref(list);
	return NULL;
}

static void put_streams(struct run *r, const json_t *hub)
{
	static const struct table_column columns[] = { { "NODE" },        { "STREAM" },      { "STORED", true },  { "SENT", true },
		                                       { "TAKEN", true }, { "BACKLOG", true }, { "OLDEST", true }, { "" } };
	struct table *t = table_new(columns, 8);
	json_t *s;
	size_t i;

	if (!t) {
		r->out.failed = true;
		return;
	}
	json_array_foreach(json_object_get(hub, "streams"), i, s) {
		static const char *const keys[] = { "stored", "sent", "acked", "backlog", "first" };
		table_add(t, STYLE_PLAIN, field_text(s, "node"));
		table_add(t, STYLE_PLAIN, field_text(s, "stream"));
		for (size_t k = 0; k < 5; k++)
			table_addf(t, k == 3 && field_int(s, keys[k]) ? STYLE_YELLOW : STYLE_PLAIN, "%lld", (long long)field_int(s, keys[k]));
		table_add(t, STYLE_RED, json_is_true(json_object_get(s, "refused")) ? "refused by the broker" : "");
	}
	strbuf_putc(&r->out, '\n');
	table_put(t, &r->look, &r->out);
	table_free(t);
}

static int list(struct run *r, struct client *c, const char *name)
{
	int result;
	json_t *hubs = take_hubs(c, name, &result);

	if (!hubs)
		return result;
	if (r->json) {
		json_text_put(&r->out, hubs);
		strbuf_putc(&r->out, '\n');
	} else if (json_array_size(hubs) == 0) {
		strbuf_puts(&r->out, "no hub: this gateway forwards nothing (hubs: in the site file)\n");
	} else {
		hubs_put(r, hubs);
		if (name)
			put_streams(r, json_array_get(hubs, 0));
	}
	json_decref(hubs);
	return RESULT_DONE;
}

static int ask(struct run *r, struct client *c, const char *verb, const char *name)
{
	json_t *result = NULL;
	struct err e;
	enum client_answer a =
	        client_call(c, verb, json_pack("{s:s, s:s*}", "hub", name, "note", args_value(&r->args, "note")), &result, &e);

	if (a == CLIENT_END && strcmp(verb, "hub-resend") == 0 && !r->json)
		strbuf_printf(&r->out, json_is_true(json_object_get(result, "up")) ? "%s: everything is sent again\n"
		                                                                   : "%s is not connected; everything is sent when it is\n", name);
	json_decref(result);
	if (a == CLIENT_FAILED && r->json) {
		run_acted(r, &e);
		return e.code == ERR_INVALID ? RESULT_USAGE : RESULT_NO;
	}
	return run_result(a, &e);
}

/* Waits until nothing is left to clear. */
static int purged(struct run *r, struct client *c, const char *name)
{
	struct err e;
	int result;

	for (int waited = 0; waited < PURGE_WAIT_MS; waited += PURGE_ASK_MS) {
		json_t *hubs = take_hubs(c, name, &result);
		if (!hubs)
			return result;
		const json_t *hub = json_array_get(hubs, 0), *purge = json_object_get(hub, "purge");
		bool at_work = strcmp(field_text(hub, "state"), "purging") == 0, over = strcmp(field_text(hub, "state"), "purged") == 0;
		bool partly = json_is_true(json_object_get(purge, "partly"));
		long long cleared = field_int(purge, "cleared");
		json_decref(hubs);
		if (at_work) {
			poll(NULL, 0, PURGE_ASK_MS);
			continue;
		}
		if (!over)
			err_set(&e, ERR_REFUSED, "%s: an alarm changed, the connection was lost, or it took over 10 minutes, so everything is sent again; try once more", name);
		else if (partly)
			err_set(&e, ERR_DENIED, "%s: %lld retained message%s cleared, but the broker did not let us see or clear all of it (its access rules?)", name,
			        cleared, cleared == 1 ? " was" : "s were");
		else if (!r->json)
			strbuf_printf(&r->out, "%s: %lld retained message%s cleared; stop the service now (10 minutes after the beginning everything is sent again)\n", name,
			              cleared, cleared == 1 ? " was" : "s were");
		if (over && !partly) {
			if (r->json)
				run_acted(r, NULL);
			return RESULT_DONE;
		}
		if (r->json) {
			run_acted(r, &e);
			return RESULT_NO;
		}
		return run_fail(&e, RESULT_NO);
	}
	err_set(&e, ERR_TIMEOUT, "%s: still at work; `firegw hub list` shows when it is purged", name);
	return run_fail(&e, RESULT_NO);
}

int verb_hub(struct run *r)
{
	const char *what = r->args.n_words > 0 ? r->args.words[0] : "list", *name = r->args.n_words > 1 ? r->args.words[1] : NULL;
	bool lists = strcmp(what, "list") == 0, resends = strcmp(what, "resend") == 0, purges = strcmp(what, "purge") == 0;
	int result;

	if (!lists && !resends && !purges)
		return run_usage("hub: '%s': list, resend NAME or purge NAME", what);
	if (!lists && !name)
		return run_usage("hub %s: which hub? `firegw hub list` shows them", what);
	struct client *c = run_client(r, &result);
	if (!c)
		return result;
	if (lists) {
		result = list(r, c, name);
	} else {
		result = ask(r, c, resends ? "hub-resend" : "hub-purge", name);
		if (result == RESULT_DONE && purges)
			result = purged(r, c, name);
		else if (result == RESULT_DONE && r->json)
			run_acted(r, NULL);
	}
	client_close(c);
	return result;
}
