/* What verbs share: output, errors, the connection, SELECT and times, and fields of rows. */
#include "gateway/cli/verb.h"

#include "core/alarm.h"
#include "core/clock.h"
#include "gateway/select.h"
#include "gateway/timespec.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define SAY_MAX 4096 /* bytes of a line; an argument may be longer */

int64_t run_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

void run_take_zone(const char *zone)
{
	setenv("TZ", zone, 1);
	tzset();
}

bool run_is_chinese(void)
{
	static const char *const names[] = { "LC_ALL", "LC_MESSAGES", "LANG" };

	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
		const char *locale = getenv(names[i]);
		if (locale && locale[0])
			return strncmp(locale, "zh", 2) == 0;
	}
	return false;
}

bool run_draws_on(int fd)
{
	const char *term = getenv("TERM");

	return isatty(fd) && term && term[0] && strcmp(term, "dumb") != 0;
}

bool run_draws(const struct run *r)
{
	return !r->json && run_draws_on(STDOUT_FILENO);
}

bool run_flush(struct run *r)
{
	if (r->out.failed) {
		fprintf(stderr, "firegw: no memory\n");
		return false;
	}
	size_t n = r->out.len ? fwrite(r->out.data, 1, r->out.len, stdout) : 0;
	bool ok = n == r->out.len && fflush(stdout) == 0;
	strbuf_reset(&r->out);
	return ok;
}

static void __attribute__((format(printf, 1, 0))) say(const char *fmt, va_list args)
{
	struct strbuf clean = STRBUF_INIT;
	char text[SAY_MAX];

	vsnprintf(text, sizeof text, fmt, args);
	human_put(&clean, text);
	fprintf(stderr, "firegw: %s\n", clean.data && !clean.failed ? clean.data : "no memory");
	strbuf_done(&clean);
}

void run_say(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	say(fmt, args);
	va_end(args);
}

int run_fail(const struct err *e, int result)
{
	run_say("%s", e->text);
	return result;
}

int run_usage(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	say(fmt, args);
	va_end(args);
	return RESULT_USAGE;
}

int run_result(enum client_answer a, const struct err *e)
{
	switch (a) {
	case CLIENT_ROW:
	case CLIENT_END:
	case CLIENT_STOPPED:
		return RESULT_DONE;
	case CLIENT_FAILED:
		if (e->code == ERR_CLOSED) /* it is stopping */
			break;
		return run_fail(e, e->code == ERR_INVALID ? RESULT_USAGE : RESULT_NO);
	case CLIENT_LOST:
		break;
	}
	return run_fail(e, RESULT_UNREACHABLE);
}

void run_acted(struct run *r, const struct err *failed)
{
	strbuf_puts(&r->out, failed ? "{\"ok\":false,\"error\":" : "{\"ok\":true,\"error\":null}\n");
	if (failed) {
		strbuf_json_string(&r->out, failed->text);
		strbuf_puts(&r->out, "}\n");
	}
}

struct client *run_client(struct run *r, int *ret_result)
{
	struct client *c = NULL;
	struct err e;

	if (client_open(args_value(&r->args, "socket"), &c, &e)) {
		*ret_result = run_fail(&e, e.code == ERR_INVALID ? RESULT_USAGE : RESULT_UNREACHABLE);
		return NULL;
	}
	enum client_answer a = client_take_zone(c, &e);
	if (a == CLIENT_LOST) {
		*ret_result = run_result(a, &e);
		client_close(c);
		return NULL;
	}
	return c;
}

char *run_site(struct run *r, int *ret_result)
{
	const char *given = args_value(&r->args, "config");
	struct client *c = NULL;
	json_t *daemon = NULL;
	struct err e;

	if (given)
		return strdup(given);
	if (client_open(args_value(&r->args, "socket"), &c, &e)) {
		*ret_result = run_fail(&e, e.code == ERR_INVALID ? RESULT_USAGE : RESULT_UNREACHABLE);
		run_say("%s takes the site's file of the daemon that runs; without one, name it: -c SITE", r->verb->name);
		return NULL;
	}
	enum client_answer a = client_call(c, "version", NULL, &daemon, &e);
	const char *file = field_text(daemon, "config_file");
	char *site = a == CLIENT_END && file[0] ? strdup(file) : NULL;
	if (!site)
		*ret_result = a == CLIENT_END ? run_usage("%s: the daemon does not say where the site's file is: -c SITE", r->verb->name) : run_result(a, &e);
	client_close(c);
	json_decref(daemon);
	return site;
}

char *run_select(struct run *r)
{
	struct strbuf text = STRBUF_INIT;
	struct select *parsed = NULL;
	struct err e;

	strbuf_puts(&text, "");
	for (size_t i = 0; i < r->args.n_words; i++)
		strbuf_printf(&text, "%s%s", i ? " " : "", r->args.words[i]);
	char *select = strbuf_take(&text);
	if (!select) {
		fprintf(stderr, "firegw: no memory\n");
		return NULL;
	}
	if (select_parse(select, &parsed, &e)) {
		run_fail(&e, RESULT_USAGE);
		free(select);
		return NULL;
	}
	select_free(parsed);
	return select;
}

int run_time(struct run *r, const char *name, int64_t otherwise, int64_t *ret_ms)
{
	const char *text = args_value(&r->args, name);
	struct err e;

	*ret_ms = otherwise;
	if (!text || timespec_parse(text, r->now_ms, ret_ms, &e) == 0)
		return 0;
	err_prefix(&e, "--%s: ", name);
	run_fail(&e, RESULT_USAGE);
	return -1;
}

const char *field_text(const json_t *row, const char *key)
{
	const char *text = json_string_value(json_object_get(row, key));

	return text ? text : "";
}

int64_t field_int(const json_t *row, const char *key)
{
	const json_t *v = json_object_get(row, key);

	return json_is_integer(v) ? json_integer_value(v) : (int64_t)json_number_value(v);
}

bool field_time(const json_t *row, const char *key, int64_t *ret_ms)
{
	return clock_parse(field_text(row, key), ret_ms) == 0;
}

const char *field_ago(const struct run *r, const json_t *row, const char *key, char *buf)
{
	int64_t at;

	return field_time(row, key, &at) ? human_ago(r->now_ms - at, buf) : "";
}

void field_place(const json_t *row, char *buf, size_t cap)
{
	static const char *const keys[] = { "building", "floor", "zone" };
	size_t len = 0;

	buf[0] = '\0';
	for (size_t i = 0; i < 3; i++) {
		const char *text = field_text(row, keys[i]);
		if (text[0] && len < cap) {
			int n = snprintf(buf + len, cap - len, "%s%s", len ? " " : "", text);
			len += n > 0 ? (size_t)n : 0;
		}
	}
}

const char *field_message(const json_t *row)
{
	const json_t *message = json_object_get(row, "message");
	bool zh = run_is_chinese();
	const char *text = field_text(message, zh ? "zh" : "en");

	return text[0] ? text : field_text(message, zh ? "en" : "zh");
}

enum style class_style(const char *class_word)
{
	enum alarm_class c;

	if (alarm_class_find(class_word, &c))
		c = CLASS_FAULT; /* a class that this program does not know is to be treated as a fault */
	switch (c) {
	case CLASS_FIRE:
		return STYLE_RED;
	case CLASS_PREALARM:
	case CLASS_SUPERVISORY:
	case CLASS_FAULT:
		return STYLE_YELLOW;
	case CLASS_DISABLEMENT:
	case CLASS_ACTUATION:
	case CLASS_OPERATION:
	case CLASS_COUNT:
		break;
	}
	return STYLE_PLAIN;
}
