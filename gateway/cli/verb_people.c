/* What people do beside acknowledging: shelve, unshelve, verify, service, test, silence, raise, duty, selftest. The daemon decides; here it is asked, and its answer said. */
#include "gateway/cli/verb.h"

#include "core/clock.h"
#include "gateway/json_text.h"

#include <stdlib.h>
#include <string.h>

/* Asks and says `done` (a text in plain words, NULL: nothing) or why not. Takes the arguments. The zone is the site's once the daemon was reached, so that `until_ms` (0: none)
 * becomes a text only then. */
static int ask_until(struct run *r, const char *verb, json_t *args, const char *done, int64_t until_ms)
{
	char when[HUMAN_MAX];
	json_t *end = NULL;
	struct err e;
	int result;

	if (!args)
		return run_usage("%s: an argument is no UTF-8", verb);
	struct client *c = run_client(r, &result);
	if (!c) {
		json_decref(args);
		return result;
	}
	enum client_answer a = client_call(c, verb, args, &end, &e);
	client_close(c);
	json_decref(end);
	if (a == CLIENT_FAILED && r->json) {
		run_acted(r, &e);
		return e.code == ERR_INVALID ? RESULT_USAGE : RESULT_NO;
	}
	if (a != CLIENT_END)
		return a == CLIENT_FAILED ? run_fail(&e, e.code == ERR_INVALID ? RESULT_USAGE : RESULT_NO) : run_result(a, &e);
	if (r->json)
		run_acted(r, NULL);
	else if (done) {
		human_put(&r->out, done);
		if (until_ms)
			strbuf_printf(&r->out, " until %.16s", human_time(until_ms, when));
		strbuf_putc(&r->out, '\n');
	}
	return RESULT_DONE;
}

static int ask(struct run *r, const char *verb, json_t *args, const char *done)
{
	return ask_until(r, verb, args, done, 0);
}

static const char *note(const struct run *r)
{
	return args_value(&r->args, "note");
}

/* --for as ms; -1: said why. */
static int take_for(struct run *r, int64_t *ret_ms)
{
	const char *text = args_value(&r->args, "for");

	if (!text)
		return run_usage("%s: --for is missing: how long, such as 30m or 2h", r->verb->name), -1;
	if (clock_parse_duration(text, ret_ms) || *ret_ms <= 0)
		return run_usage("%s: --for '%.40s': a duration such as 30m or 2h", r->verb->name, text), -1;
	return 0;
}

static int say_done_until(struct run *r, const char *verb, json_t *args, const char *subject, const char *what, int64_t until_ms)
{
	struct strbuf text = STRBUF_INIT;

	strbuf_printf(&text, "%s%s%s", subject, subject[0] ? ": " : "", what);
	int result = ask_until(r, verb, args, text.data, until_ms);
	strbuf_done(&text);
	return result;
}

static int say_done(struct run *r, const char *verb, json_t *args, const char *subject, const char *what)
{
	return say_done_until(r, verb, args, subject, what, 0);
}

int verb_shelve(struct run *r)
{
	const char *alarm = r->args.words[0];
	int64_t ms;

	if (take_for(r, &ms))
		return RESULT_USAGE;
	return say_done_until(r, "shelve", json_pack("{s:s, s:I, s:s*}", "alarm", alarm, "for", (json_int_t)ms, "note", note(r)), alarm, "shelved", r->now_ms + ms);
}

int verb_unshelve(struct run *r)
{
	return say_done(r, "unshelve", json_pack("{s:s, s:s*}", "alarm", r->args.words[0], "note", note(r)), r->args.words[0], "no longer shelved");
}

int verb_verify(struct run *r)
{
	char what[80];

	snprintf(what, sizeof what, "found to be %.20s", r->args.words[1]);
	return say_done(r, "verify", json_pack("{s:s, s:s, s:s*, s:s*}", "alarm", r->args.words[0], "what", r->args.words[1], "cause", args_value(&r->args, "cause"), "note", note(r)),
	                r->args.words[0], what);
}

int verb_service(struct run *r)
{
	const char *what = r->args.words[1];

	if (strcmp(what, "out") != 0 && strcmp(what, "in") != 0)
		return run_usage("service: '%.40s': out or in", what);
	return say_done(r, "service", json_pack("{s:s, s:s, s:s*}", "point", r->args.words[0], "what", what, "note", note(r)), r->args.words[0],
	                strcmp(what, "out") == 0 ? "out of service" : "in service");
}

int verb_test(struct run *r)
{
	bool end = args_flag(&r->args, "end"), drill = args_flag(&r->args, "drill");
	bool all = r->args.n_words == 1 && strcmp(r->args.words[0], "all") == 0;
	int64_t ms = 0;
	int result;

	if (!end && r->args.n_words == 0)
		return run_usage("test: what? A SELECT such as floor=12, or all");
	if (end && (drill || args_value(&r->args, "for")))
		return run_usage("test: --end stands alone, or with the SELECT that is to end");
	if (!end && take_for(r, &ms))
		return RESULT_USAGE;
	char *select = all ? strdup("all") : run_select(r);
	if (!select)
		return RESULT_USAGE;
	if (end)
		result = ask(r, "test", json_pack("{s:b, s:s*, s:s*}", "end", true, "select", select[0] ? select : NULL, "note", note(r)), "the test is over; what stands is raised anew");
	else
		result = say_done_until(r, "test", json_pack("{s:s, s:I, s:b, s:s*}", "select", select, "for", (json_int_t)ms, "drill", drill, "note", note(r)), select,
		                        drill ? "under drill" : "under test", r->now_ms + ms);
	free(select);
	return result;
}

int verb_silence(struct run *r)
{
	return ask(r, "silence", json_pack("{s:s*}", "note", note(r)), "silenced until a new fire");
}

int verb_raise(struct run *r)
{
	struct strbuf what = STRBUF_INIT;
	const char *floor = args_value(&r->args, "floor"), *building = args_value(&r->args, "building");

	if (!floor)
		return run_usage("raise: --floor is missing: B1, 1, 12, R, …");
	strbuf_printf(&what, "%s reported on floor %s", r->args.words[0], floor);
	int result = ask(r, "raise", json_pack("{s:s, s:s, s:s*, s:s*}", "class", r->args.words[0], "floor", floor, "building", building, "note", note(r)), what.data);
	strbuf_done(&what);
	return result;
}

/* ---- duty ---- */

static void put_persons(struct run *r, const json_t *duty)
{
	static const struct table_column columns[] = { { "ON DUTY" }, { "SINCE" } };
	const json_t *on = json_object_get(duty, "on");
	char buf[HUMAN_MAX];

	if (!json_is_true(json_object_get(duty, "known"))) {
		strbuf_puts(&r->out, "nobody ever said who is on duty: firegw duty on NAME\n");
		return;
	}
	if (json_array_size(on) == 0)
		strbuf_puts(&r->out, "nobody is on duty\n");
	struct table *t = table_new(columns, 2);
	for (size_t i = 0; t && i < json_array_size(on); i++) {
		table_add(t, STYLE_BOLD, field_text(json_array_get(on, i), "name"));
		table_add(t, STYLE_PLAIN, field_ago(r, json_array_get(on, i), "since", buf));
	}
	if (json_array_size(on))
		table_put(t, &r->look, &r->out);
	table_free(t);
	if ((int64_t)json_array_size(on) < field_int(duty, "least"))
		strbuf_printf(&r->out, "fewer than %lld: _gw.duty/unstaffed\n", (long long)field_int(duty, "least"));
}

#define BOOK_MS INT64_C(86400000)

/* The shift book: what was said of duty within a day. */
static void put_book(struct run *r, struct client *c)
{
	json_t *row = NULL;
	struct err e;
	char when[HUMAN_MAX];
	bool any = false;

	if (client_ask(c, "events", json_pack("{s:I, s:s}", "since", (json_int_t)(r->now_ms - BOOK_MS), "class", "operation"), &e))
		return;
	while (client_next(c, &row, &e) == CLIENT_ROW) {
		const char *what = field_text(row, "transition");
		int64_t at;
		if ((strncmp(what, "duty_", 5) == 0 || strcmp(what, "handover") == 0) && field_time(row, "at", &at)) {
			strbuf_puts(&r->out, any ? "" : "\nshift book, 24 h:\n");
			any = true;
			strbuf_printf(&r->out, "  %.16s  ", human_time(at, when));
			human_put(&r->out, field_message(row));
			if (field_text(row, "note")[0]) {
				strbuf_puts(&r->out, "  (");
				human_put(&r->out, field_text(row, "note"));
				strbuf_putc(&r->out, ')');
			}
			strbuf_putc(&r->out, '\n');
		}
		json_decref(row);
		row = NULL;
	}
	json_decref(row);
}

static int duty_show(struct run *r)
{
	json_t *duty = NULL;
	struct err e;
	int result;
	struct client *c = run_client(r, &result);

	if (!c)
		return result;
	enum client_answer a = client_call(c, "duty", json_pack("{s:s}", "what", "show"), &duty, &e);
	if (a == CLIENT_END && r->json) {
		json_text_put(&r->out, duty);
		strbuf_putc(&r->out, '\n');
	} else if (a == CLIENT_END) {
		put_persons(r, duty);
		put_book(r, c);
	}
	json_decref(duty);
	client_close(c);
	return a == CLIENT_END ? RESULT_DONE : run_result(a, &e);
}

int verb_duty(struct run *r)
{
	const char *what = r->args.words[0], *name = r->args.n_words > 1 ? r->args.words[1] : NULL;
	char done[200];

	if (strcmp(what, "show") == 0)
		return name ? run_usage("duty show takes no name") : duty_show(r);
	if (strcmp(what, "on") != 0 && strcmp(what, "off") != 0 && strcmp(what, "handover") != 0 && strcmp(what, "answer") != 0)
		return run_usage("duty: '%.40s': on, off, handover, answer or show", what);
	if (strcmp(what, "handover") == 0 && !name)
		return run_usage("duty handover: to whom?");
	if (strcmp(what, "handover") == 0)
		snprintf(done, sizeof done, "handed over to %.100s", name);
	else
		snprintf(done, sizeof done, "%.100s is %s duty", name ? name : "you", what);
	return ask(r, "duty", json_pack("{s:s, s:s*, s:s*, s:s*}", "what", what, "name", name, "from", args_value(&r->args, "from"), "note", note(r)), done);
}

/* ---- selftest ---- */

int verb_selftest(struct run *r)
{
	static const struct table_column columns[] = { { "WAY" }, { "MS", true }, { "RESULT" } };
	json_t *end = NULL;
	struct err e;
	int result;
	struct client *c = run_client(r, &result);

	if (!c)
		return result;
	enum client_answer a = client_call(c, "selftest", json_pack("{s:s*}", "note", note(r)), &end, &e);
	client_close(c);
	if (a != CLIENT_END)
		return run_result(a, &e);
	const json_t *hubs = json_object_get(end, "hubs"), *stored = json_object_get(end, "stored_ms");
	result = json_is_true(json_object_get(end, "ok")) ? RESULT_DONE : RESULT_NO;
	if (r->json) {
		json_text_put(&r->out, end);
		strbuf_putc(&r->out, '\n');
		json_decref(end);
		return result;
	}
	struct table *t = table_new(columns, 3);
	table_add(t, STYLE_PLAIN, "storage");
	table_addf(t, STYLE_PLAIN, json_is_number(stored) ? "%.1f" : "", json_number_value(stored));
	table_add(t, json_is_number(stored) ? STYLE_GREEN : STYLE_RED, json_is_number(stored) ? "durable" : "not stored within 10 s");
	for (size_t i = 0; i < json_array_size(hubs); i++) {
		const json_t *h = json_array_get(hubs, i), *ms = json_object_get(h, "ms");
		bool ok = json_is_true(json_object_get(h, "ok"));
		table_addf(t, STYLE_PLAIN, "hub %s", field_text(h, "name"));
		table_addf(t, STYLE_PLAIN, ok ? "%.1f" : "", json_number_value(ms));
		table_add(t, ok ? STYLE_GREEN : STYLE_YELLOW, ok ? "acknowledged" : field_text(h, "why"));
	}
	table_put(t, &r->look, &r->out);
	table_free(t);
	if (json_array_size(hubs) == 0)
		strbuf_puts(&r->out, "no hub: this gateway forwards nothing (hubs: in the site file)\n");
	json_decref(end);
	return result;
}
