/* help and version. */
#include "gateway/cli/verb.h"

#include "gateway/cli/width.h"
#include "gateway/json_text.h"

#include <string.h>

#define NAME_COLUMNS   10
#define OPTION_COLUMNS 16

void help_overview(struct strbuf *out)
{
	strbuf_puts(out, "firegw " FIREGW_VERSION
	                 ": the fire-safety telemetry gateway, from a terminal\n\nUsage: firegw VERB [OPTION…] [ARGUMENT…]\n\n");
	for (const struct verb *v = verbs; v->name; v++) {
		strbuf_puts(out, "  ");
		pad_put(out, v->name, NAME_COLUMNS);
		strbuf_printf(out, "%s\n", v->summary);
	}
	strbuf_puts(out, "\n`firegw VERB --help` says all about a verb. Every verb takes --json. `firegw --version`: the version.\n"
	                 "A changed config takes effect with `systemctl reload firegwd` (SIGHUP); `firegw check` before it says what is wrong.\n"
	                 "Ends with 0: done, 1: no (it cannot be, or is not so), 2: bad usage or config, 3: daemon not reachable.\n");
}

static void put_option(struct strbuf *out, const struct args_option *o)
{
	char left[64];

	snprintf(left, sizeof left, "%s%c%s--%s%s%s", o->letter ? "-" : "", o->letter ? o->letter : ' ', o->letter ? ", " : "   ", o->name,
	         o->value ? " " : "", o->value ? o->value : "");
	strbuf_puts(out, "  ");
	pad_put(out, left, OPTION_COLUMNS + 4);
	strbuf_printf(out, "  %s\n", o->help);
}

void help_verb(const struct verb *v, struct strbuf *out)
{
	struct args_option options[VERB_OPTIONS_MAX];
	size_t n = verb_options(v, options);

	strbuf_printf(out, "firegw %s: %s\n\nUsage: firegw %s [OPTION…]%s%s\n\n", v->name, v->summary, v->name, v->words[0] ? " " : "",
	              v->words);
	if (v->detail[0])
		strbuf_printf(out, "%s\n\n", v->detail);
	for (size_t i = 0; i < n; i++)
		put_option(out, &options[i]);
}

static json_t *verb_json(const struct verb *v)
{
	struct args_option options[VERB_OPTIONS_MAX];
	size_t n = verb_options(v, options);
	json_t *list = json_array();

	for (size_t i = 0; i < n; i++)
		json_array_append_new(list, json_pack("{s:s, s:s?, s:s}", "name", options[i].name, "value", options[i].value, "help",
		                                      options[i].help));
	return json_pack("{s:s, s:s, s:s, s:o}", "name", v->name, "arguments", v->words, "summary", v->summary, "options", list);
}

int verb_help(struct run *r)
{
	const char *name = r->args.n_words ? r->args.words[0] : NULL;
	const struct verb *v = name ? verb_find(name) : NULL;

	if (name && !v) {
		const char *near = verb_nearest(name);
		return run_usage("no verb '%s'%s%s%s", name, near ? ": did you mean '" : "", near ? near : "", near ? "'?" : "");
	}
	if (!r->json) {
		if (v)
			help_verb(v, &r->out);
		else
			help_overview(&r->out);
		return RESULT_DONE;
	}
	json_t *result = v ? verb_json(v) : json_array();
	for (const struct verb *each = verbs; !v && each->name; each++)
		json_array_append_new(result, verb_json(each));
	json_text_put(&r->out, result);
	strbuf_putc(&r->out, '\n');
	json_decref(result);
	return RESULT_DONE;
}

int verb_version(struct run *r)
{
	struct client *c = NULL;
	json_t *daemon = NULL;
	struct err e = { 0 };
	enum client_answer a = CLIENT_LOST;

	/* No daemon is no failure here: the question is about this program first. */
	if (client_open(args_value(&r->args, "socket"), &c, &e) == 0)
		a = client_call(c, "version", NULL, &daemon, &e);
	client_close(c);
	if (r->json) {
		strbuf_puts(&r->out, "{\"version\":\"" FIREGW_VERSION "\",\"daemon\":");
		json_text_put(&r->out, daemon);
		strbuf_puts(&r->out, "}\n");
	} else {
		strbuf_puts(&r->out, "firegw " FIREGW_VERSION "\n");
		if (a == CLIENT_END) {
			strbuf_puts(&r->out, "firegwd ");
			human_put(&r->out, field_text(daemon, "version"));
			strbuf_puts(&r->out, " at ");
			human_put(&r->out, field_text(daemon, "gateway"));
			strbuf_printf(&r->out, ", pid %lld\n", (long long)field_int(daemon, "pid"));
		} else {
			strbuf_puts(&r->out, "no daemon: ");
			human_put(&r->out, e.text);
			strbuf_putc(&r->out, '\n');
		}
	}
	json_decref(daemon);
	return RESULT_DONE;
}
