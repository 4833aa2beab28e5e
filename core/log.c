#include "core/log.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#define LINE_MAX_BYTES 1024

/* Atomic, because a reload may change the level while other threads speak. */
static _Atomic(log_sink *) the_sink;
static _Atomic(enum log_level) the_level = LOG_LEVEL_INFO;

static const char *const level_names[] = { "error", "warning", "info", "debug" };

void log_set_sink(log_sink *sink)
{
	atomic_store(&the_sink, sink);
}

void log_set_level(enum log_level level)
{
	atomic_store(&the_level, level);
}

enum log_level log_get_level(void)
{
	return atomic_load(&the_level);
}

int log_level_parse(const char *text, enum log_level *ret)
{
	for (size_t i = 0; i < sizeof level_names / sizeof level_names[0]; i++) {
		if (strcmp(text, level_names[i]) == 0) {
			*ret = (enum log_level)i;
			return 0;
		}
	}
	return -1;
}

/* Texts of devices, files and hubs come in here: one message stays one line, whatever they hold. */
static void make_one_line(char *text)
{
	for (char *s = text; *s; s++)
		if ((unsigned char)*s < 0x20 || *s == 0x7f)
			*s = ' ';
}

/* Ends a text that was cut with "…", on a character's boundary. */
static void mark_cut(char *text, size_t cap)
{
	static const char mark[] = "…";
	size_t at = cap - sizeof mark;

	while (at > 0 && ((unsigned char)text[at] & 0xC0) == 0x80)
		at--;
	memcpy(text + at, mark, sizeof mark);
}

void log_msg(enum log_level level, const char *token, const char *fmt, ...)
{
	char text[LINE_MAX_BYTES];
	va_list args;

	log_sink *sink = atomic_load(&the_sink);
	if (!sink || level > atomic_load(&the_level))
		return;
	va_start(args, fmt);
	int n = vsnprintf(text, sizeof text, fmt, args);
	va_end(args);
	if (n < 0)
		return;
	if ((size_t)n >= sizeof text)
		mark_cut(text, sizeof text);
	make_one_line(text);
	sink(level, token, text);
}
