/* ack and reset: acting on one alarm, on several, or on all that globs or a SELECT fit. */
#include "gateway/cli/verb.h"

#include "gateway/nearest.h"
#include "gateway/select.h"

#include <stdlib.h>
#include <string.h>

#define HINT_ALARMS_MAX 3

struct acting {
	struct run    *run;
	const char    *verb;
	struct client *client;
	json_t        *standing; /* events of the alarms that are not normal; NULL: not asked yet */
	json_t        *done;     /* ids that were acted on */
	bool           several;  /* a line names its alarm, and the last one says how many */
	size_t         n_done, n_refused;
	int            result;
};

static int worse(int a, int b)
{
	static const int order[] = { RESULT_DONE, RESULT_NO, RESULT_USAGE, RESULT_UNREACHABLE };
	size_t i = 0, k = 0;

	while (order[i] != a)
		i++;
	while (order[k] != b)
		k++;
	return order[i > k ? i : k];
}

/* ---- which ---- */

/* `select`: which of them; NULL: all. */
static enum client_answer ask_standing(struct acting *x, const char *select, struct err *e)
{
	enum client_answer a = CLIENT_LOST;
	json_t *row = NULL;

	if (x->standing)
		return CLIENT_END;
	x->standing = json_array();
	if (client_ask(x->client, "alarms", json_pack("{s:b, s:s*}", "all", true, "select", select), e) == 0)
		while ((a = client_next(x->client, &row, e)) == CLIENT_ROW)
			json_array_append_new(x->standing, row);
	json_decref(a == CLIENT_ROW ? NULL : row);
	return a;
}

static bool is_of_point(const json_t *alarm, const char *word)
{
	size_t n = strlen(word);
	const char *id = field_text(alarm, "alarm");

	return strcmp(field_text(alarm, "point"), word) == 0 || (strncmp(id, word, n) == 0 && id[n] == '/');
}

/* What may have been meant by an id that is none. */
static void put_hint(struct acting *x, const char *word, struct strbuf *out)
{
	size_t n = json_array_size(x->standing), named = 0;
	const char **ids = calloc(n + 1, sizeof *ids);

	for (size_t i = 0; ids && i < n; i++) {
		const json_t *alarm = json_array_get(x->standing, i);
		ids[i] = field_text(alarm, "alarm");
		if (!is_of_point(alarm, word) || named++ >= HINT_ALARMS_MAX)
			continue;
		strbuf_puts(out, named == 1 ? "; alarms of this point: " : ", ");
		human_put(out, ids[i]);
	}
	if (named > HINT_ALARMS_MAX)
		strbuf_printf(out, " and %zu more", named - HINT_ALARMS_MAX);
	const char *near = ids && named == 0 ? nearest_find(word, ids, n) : NULL;
	if (near) {
		strbuf_puts(out, ": did you mean ");
		human_put(out, near);
		strbuf_putc(out, '?');
	}
	free(ids);
}

/* ---- acting ---- */

static void say(struct acting *x, const char *alarm, const json_t *end, const char *failed)
{
	struct run *r = x->run;
	const char *state = field_text(end, "state");

	if (r->json) {
		strbuf_putc(&r->out, '{');
		if (x->several) {
			strbuf_puts(&r->out, "\"alarm\":");
			strbuf_json_string(&r->out, alarm);
			strbuf_putc(&r->out, ',');
		}
		strbuf_puts(&r->out, failed ? "\"ok\":false,\"error\":" : "\"ok\":true,\"error\":");
		strbuf_json_string(&r->out, failed);
		strbuf_puts(&r->out, "}\n");
	} else if (failed) {
		bool named = !x->several || strstr(failed, alarm);
		run_say("%s%s%s", named ? "" : alarm, named ? "" : ": ", failed);
	} else {
		human_put(&r->out, alarm);
		strbuf_puts(&r->out, ": ");
		human_put(&r->out, state[0] ? state : "done");
		strbuf_putc(&r->out, '\n');
	}
	run_flush(r);
}

static void fail(struct acting *x, const char *alarm, const struct err *e, int result)
{
	struct strbuf text = STRBUF_INIT;
	struct err ignored;

	strbuf_puts(&text, e->text);
	if (e->code == ERR_NOT_FOUND && result == RESULT_NO && ask_standing(x, NULL, &ignored) == CLIENT_END)
		put_hint(x, alarm, &text);
	say(x, alarm, NULL, text.data ? text.data : e->text);
	strbuf_done(&text);
	x->result = worse(x->result, result);
}

static void act_on(struct acting *x, const char *alarm)
{
	const char *note = args_value(&x->run->args, "note");
	json_t *end = NULL;
	struct err e;

	if (json_object_get(x->done, alarm))
		return;
	json_object_set_new(x->done, alarm, json_true());
	enum client_answer a = client_call(x->client, x->verb, json_pack("{s:s, s:s*}", "alarm", alarm, "note", note), &end, &e);
	if (a == CLIENT_END)
		say(x, alarm, end, NULL);
	else if (a == CLIENT_FAILED && e.code != ERR_CLOSED)
		fail(x, alarm, &e, e.code == ERR_INVALID ? RESULT_USAGE : RESULT_NO);
	else
		fail(x, alarm, &e, RESULT_UNREACHABLE);
	x->n_done += a == CLIENT_END;
	x->n_refused += a == CLIENT_FAILED;
	json_decref(end);
}

/* A glob or a SELECT means those for which there is something to do: to acknowledge what nobody has yet, to reset whatever stands (the refusals are worth knowing). */
static void act_on_fitting(struct acting *x, const char *text, bool select)
{
	bool ack = strcmp(x->verb, "ack") == 0, any = false;
	struct err e;
	enum client_answer a = ask_standing(x, select ? text : NULL, &e);

	if (a != CLIENT_END) {
		fail(x, text, &e, a == CLIENT_FAILED ? RESULT_NO : RESULT_UNREACHABLE);
		return;
	}
	for (size_t i = 0; i < json_array_size(x->standing); i++) {
		const json_t *alarm = json_array_get(x->standing, i);
		const char *id = field_text(alarm, "alarm");
		if ((!select && !select_glob(text, id)) || (ack && json_is_true(json_object_get(alarm, "acked"))))
			continue;
		any = true;
		act_on(x, id);
	}
	if (any)
		return;
	err_set(&e, ERR_NOT_FOUND, ack ? "no alarm that waits for an acknowledgement fits '%s'" : "no alarm that stands fits '%s'", text);
	say(x, text, NULL, e.text);
	x->result = worse(x->result, RESULT_NO);
}

/* `ack class=fire floor=12`: all words are one SELECT, as for `firegw alarms`. */
static bool is_select(const struct args *args)
{
	for (size_t i = 0; i < args->n_words; i++)
		if (strchr(args->words[i], '='))
			return true;
	return false;
}

static void act_on_word(struct acting *x, const char *word)
{
	if (select_is_glob(word))
		act_on_fitting(x, word, false);
	else
		act_on(x, word);
}

static void say_how_many(struct acting *x)
{
	struct run *r = x->run;

	if (!x->several || r->json || x->n_done + x->n_refused == 0)
		return;
	strbuf_printf(&r->out, "%zu %s", x->n_done, strcmp(x->verb, "ack") == 0 ? "acknowledged" : "reset");
	if (x->n_refused)
		strbuf_printf(&r->out, ", %zu refused", x->n_refused);
	strbuf_putc(&r->out, '\n');
}

static int act(struct run *r, const char *verb)
{
	const struct args *args = &r->args;
	const char *note = args_value(args, "note");
	json_t *sample = json_pack("{s:s*}", "note", note);
	bool selects = is_select(args);
	struct acting x = { .run = r, .verb = verb, .several = selects || args->n_words > 1 || select_is_glob(args->words[0]), .result = RESULT_DONE };
	char *select = NULL;
	struct err e;

	if (!sample)
		return run_usage("%s: --note is no UTF-8", verb);
	json_decref(sample);
	if (selects && !(select = run_select(r)))
		return RESULT_USAGE;
	size_t n = selects ? 1 : args->n_words;
	bool reached = client_open(args_value(args, "socket"), &x.client, &e) == 0;
	x.done = json_object();
	if (!reached && !r->json)
		x.result = run_fail(&e, RESULT_UNREACHABLE);
	for (size_t i = 0; i < n && (r->json || x.result != RESULT_UNREACHABLE); i++) {
		if (!reached)
			fail(&x, selects ? select : args->words[i], &e, RESULT_UNREACHABLE);
		else if (selects)
			act_on_fitting(&x, select, true);
		else
			act_on_word(&x, args->words[i]);
	}
	say_how_many(&x);
	free(select);
	json_decref(x.done);
	json_decref(x.standing);
	client_close(x.client);
	return x.result;
}

int verb_ack(struct run *r)
{
	return act(r, "ack");
}

int verb_reset(struct run *r)
{
	return act(r, "reset");
}
