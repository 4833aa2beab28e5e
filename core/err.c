#include "core/err.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* A cut in the middle of a UTF-8 character would make the text unprintable: step back to its start. */
static void cut_to_character(char *text, size_t len)
{
	size_t start = len;

	while (start > 0 && ((unsigned char)text[start - 1] & 0xC0) == 0x80)
		start--;
	if (start == 0)
		return;
	unsigned char lead = (unsigned char)text[start - 1];
	size_t need = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : lead >= 0xC0 ? 2 : 1;
	if (len - (start - 1) < need)
		text[start - 1] = '\0';
}

int err_set(struct err *e, enum err_code code, const char *fmt, ...)
{
	va_list args;

	if (!e)
		return -1;
	e->code = code;
	va_start(args, fmt);
	int n = vsnprintf(e->text, sizeof e->text, fmt, args);
	va_end(args);
	if (n >= (int)sizeof e->text)
		cut_to_character(e->text, sizeof e->text - 1);
	return -1;
}

int err_prefix(struct err *e, const char *fmt, ...)
{
	char old[ERR_TEXT_MAX];
	va_list args;

	if (!e)
		return -1;
	memcpy(old, e->text, sizeof old);
	va_start(args, fmt);
	int n = vsnprintf(e->text, sizeof e->text, fmt, args);
	va_end(args);
	if (n < 0 || n >= (int)sizeof e->text) {
		memcpy(e->text, old, sizeof old);
		return -1;
	}
	size_t room = sizeof e->text - (size_t)n;
	size_t len = strlen(old);
	if (len >= room) {
		memcpy(e->text + n, old, room - 1);
		e->text[sizeof e->text - 1] = '\0';
		cut_to_character(e->text, sizeof e->text - 1);
	} else {
		memcpy(e->text + n, old, len + 1);
	}
	return -1;
}

const char *err_code_name(enum err_code code)
{
	switch (code) {
	case ERR_NONE: return "none";
	case ERR_INVALID: return "invalid";
	case ERR_NOT_FOUND: return "not-found";
	case ERR_EXISTS: return "exists";
	case ERR_IO: return "io";
	case ERR_NO_MEMORY: return "no-memory";
	case ERR_FULL: return "full";
	case ERR_BUSY: return "busy";
	case ERR_TIMEOUT: return "timeout";
	case ERR_REFUSED: return "refused";
	case ERR_DENIED: return "denied";
	case ERR_DAMAGED: return "damaged";
	case ERR_UNSUPPORTED: return "unsupported";
	case ERR_CLOSED: return "closed";
	case ERR_PROTOCOL: return "protocol";
	}
	return "unknown";
}
