/* main: finds the verb, sorts its arguments, runs it, and gives the shell the result. */
#include "gateway/cli/verb.h"

#include "gateway/select.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

static struct look look_of_stdout(void)
{
	const char *no_color = getenv("NO_COLOR"), *term = getenv("TERM");
	struct look look = { 0 };
	struct winsize size;

	if (!isatty(STDOUT_FILENO))
		return look;
	look.color = !(no_color && no_color[0]) && term && strcmp(term, "dumb") != 0;
	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0)
		look.columns = size.ws_col;
	return look;
}

/* The end of every way out: what is left goes out; a reader who left is no error, a full disk is. */
static int finish(struct run *r, int result)
{
	bool ok = run_flush(r);
	int e = errno;

	strbuf_done(&r->out);
	if (ok || !ferror(stdout))
		return ok ? result : RESULT_NO;
	if (e == EPIPE)
		return result == RESULT_UNREACHABLE ? result : RESULT_DONE;
	fprintf(stderr, "firegw: output: %s\n", strerror(e));
	return RESULT_NO;
}

/* Words go to the daemon as JSON. (Paths, which may be any bytes, are values of options.) */
static bool is_utf8(const char *text)
{
	json_t *copy = json_string(text);
	bool ok = copy != NULL;

	json_decref(copy);
	return ok;
}

/* `alarms --floor 12`: what a SELECT says in a word of its own. */
static int unknown_option(const struct verb *v, const struct args *a, const struct err *e)
{
	char name[32];
	size_t len = a->unknown[1] == '-' ? strcspn(a->unknown + 2, "=") : 0;
	bool nearly = strstr(e->text, "did you mean") == NULL;

	if (len > 0 && len < sizeof name && strstr(v->words, "SELECT")) {
		memcpy(name, a->unknown + 2, len);
		name[len] = '\0';
		const char *word = select_word(name, nearly), *value = a->unknown[2 + len] ? a->unknown + 3 + len : a->behind;
		bool given = value && value[0] && value[0] != '-';
		if (word)
			return run_usage("%s: unknown option --%s: did you mean %s=%s? (firegw %s --help)", v->name, name, word, given ? value : "…", v->name);
	}
	return run_usage("%s: %s (firegw %s --help)", v->name, e->text, v->name);
}

static int run_verb(struct run *r, int argc, char *const *argv)
{
	struct args_option options[VERB_OPTIONS_MAX];
	const struct verb *v = r->verb;
	struct err e;
	int bad = args_parse(options, verb_options(v, options), argc, argv, &r->args, &e);

	if (args_flag(&r->args, "help")) {
		help_verb(v, &r->out);
		return RESULT_DONE;
	}
	if (bad && r->args.unknown)
		return unknown_option(v, &r->args, &e);
	if (bad)
		return run_usage("%s: %s (firegw %s --help)", v->name, e.text, v->name);
	if (r->args.n_words < v->min_words)
		return run_usage("%s: %s is missing: firegw %s %s", v->name, v->words, v->name, v->words);
	if (r->args.n_words > v->max_words)
		return run_usage("%s: '%s' is too much: firegw %s%s%s", v->name, r->args.words[v->max_words], v->name,
		                 v->words[0] ? " " : "", v->words);
	for (size_t i = 0; i < r->args.n_words; i++)
		if (!is_utf8(r->args.words[i]))
			return run_usage("%s: argument %zu is no UTF-8", v->name, i + 1);
	r->json = args_flag(&r->args, "json");
	return v->run(r);
}

static bool is_among(const char *word, int argc, char *const *argv)
{
	for (int i = 0; i < argc; i++)
		if (strcmp(argv[i], word) == 0)
			return true;
	return false;
}

/* A program that asked for JSON reads it whatever went wrong: a mistyped line too, of which nobody asked the daemon. `duty show` and `hub list` only look. */
static void answer_program(struct run *r, int argc, char *const *argv)
{
	const char *word = r->args.n_words ? r->args.words[0] : "";
	bool looks = strcmp(word, "show") == 0 || strcmp(word, "list") == 0;

	if (r->verb->acts && !looks && !r->wrote && r->out.len == 0 && is_among("--json", argc, argv))
		run_failed(r);
}

int main(int argc, char **argv)
{
	struct run r = { .look = look_of_stdout(), .now_ms = run_now() };

	signal(SIGPIPE, SIG_IGN);
	if (argc < 2) {
		help_overview(&r.out);
		fwrite(r.out.data, 1, r.out.len, stderr);
		strbuf_done(&r.out);
		return RESULT_USAGE;
	}
	const char *name = argv[1];
	if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0)
		name = "help";
	else if (strcmp(name, "--version") == 0 || strcmp(name, "-V") == 0 || strcmp(name, "-v") == 0)
		name = "version";
	r.verb = verb_find(name);
	if (!r.verb) {
		const char *near = verb_nearest(name);
		return run_usage("no verb '%s'%s%s%s (firegw help)", name, near ? ": did you mean '" : "", near ? near : "",
		                 near ? "'?" : "");
	}
	int result = run_verb(&r, argc - 2, argv + 2);
	if (result != RESULT_DONE)
		answer_program(&r, argc - 2, argv + 2);
	return finish(&r, result);
}
