#include "gateway/repeat.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>

/* FNV-1a. Two lines of one hash would cost one of them a minute. */
static uint32_t hash(const char *text)
{
	uint32_t h = 2166136261u;

	for (; *text; text++)
		h = (h ^ (unsigned char)*text) * 16777619u;
	return h;
}

static bool is_new(struct repeat *r, uint32_t h)
{
	for (size_t i = 0; i < r->n; i++)
		if (r->said[i] == h)
			return false;
	if (r->n == REPEAT_LINES_MAX)
		return false;
	r->said[r->n++] = h;
	return true;
}

/* A text that was cut ends with a whole character. */
static void end_whole(char *text, size_t len)
{
	while (len > 0 && ((unsigned char)text[len - 1] & 0xC0) == 0x80)
		len--;
	text[len > 0 ? len - 1 : 0] = '\0';
}

void repeat_sweep(struct repeat *r, int64_t now_ns)
{
	uint64_t n = r->unsaid;
	int64_t took_s = (now_ns - r->from_ns) / 1000000000;

	if (r->from_ns == 0 || now_ns - r->from_ns < REPEAT_EVERY_NS)
		return;
	r->from_ns = 0;
	r->n = 0;
	r->unsaid = 0;
	if (n == 0)
		return;
	log_msg(r->level, r->token, "%s (%" PRIu64 " such lines in the last %" PRId64 " s)", r->text, n, took_s);
	r->from_ns = now_ns;
	is_new(r, r->last);
}

void repeat_log(struct repeat *r, int64_t now_ns, enum log_level level, const char *token, const char *key, const char *fmt, ...)
{
	char text[REPEAT_TEXT_MAX];
	va_list args;

	va_start(args, fmt);
	int len = vsnprintf(text, sizeof text, fmt, args);
	va_end(args);
	if (len < 0)
		return;
	if ((size_t)len >= sizeof text)
		end_whole(text, sizeof text - 1);
	uint32_t h = hash(key ? key : text);
	if (r->unsaid == 0)
		repeat_sweep(r, now_ns);
	if (r->from_ns == 0)
		r->from_ns = now_ns;
	if (is_new(r, h)) {
		log_msg(level, token, "%s", text);
		return;
	}
	r->unsaid++;
	r->last = h;
	r->level = level;
	r->token = token;
	snprintf(r->text, sizeof r->text, "%s", text);
	repeat_sweep(r, now_ns);
}
