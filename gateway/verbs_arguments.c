/* Arguments of a request at the control socket: of the right type, not too long, and with nothing in them that would be another thing on a screen than in the log. */
#include "gateway/verbs.h"

#include <string.h>

int verbs_int(json_t *args, const char *key, int64_t fallback, int64_t *ret, struct err *reterr)
{
	json_t *v = json_object_get(args, key);

	if (v && !json_is_integer(v) && !json_is_null(v))
		return err_set(reterr, ERR_INVALID, "'%s' must be an integer", key);
	*ret = v && json_is_integer(v) ? (int64_t)json_integer_value(v) : fallback;
	return 0;
}

int verbs_text(json_t *args, const char *key, const char **ret, struct err *reterr)
{
	json_t *v = json_object_get(args, key);

	if (v && !json_is_string(v) && !json_is_null(v))
		return err_set(reterr, ERR_INVALID, "'%s' must be a text", key);
	*ret = v && json_is_string(v) ? json_string_value(v) : NULL;
	return 0;
}

int verbs_flag(json_t *args, const char *key, bool *ret, struct err *reterr)
{
	json_t *v = json_object_get(args, key);

	if (v && !json_is_boolean(v) && !json_is_null(v))
		return err_set(reterr, ERR_INVALID, "'%s' must be true or false", key);
	*ret = json_is_true(v);
	return 0;
}

/* The next character of a text that is UTF-8, as what comes through JSON is. */
static uint32_t next_character(const char **at)
{
	const unsigned char *p = (const unsigned char *)*at;
	unsigned more = *p >= 0xF0 ? 3 : *p >= 0xE0 ? 2 : *p >= 0xC0 ? 1 : 0;
	uint32_t c = more == 3 ? *p & 0x07u : more == 2 ? *p & 0x0Fu : more == 1 ? *p & 0x1Fu : *p;

	for (p++; more > 0 && (*p & 0xC0) == 0x80; more--, p++)
		c = c << 6 | (*p & 0x3Fu);
	*at = (const char *)p;
	return c;
}

/* What moves the cursor, colours, or turns the direction of writing round. */
static bool is_control(uint32_t c)
{
	return c < 0x20 || (c >= 0x7F && c < 0xA0) || c == 0x200E || c == 0x200F || (c >= 0x2028 && c <= 0x202E) || (c >= 0x2066 && c <= 0x2069);
}

static bool is_blank(uint32_t c)
{
	return c == ' ' || c == 0xA0 || (c >= 0x2000 && c <= 0x200B) || c == 0x3000 || c == 0xFEFF;
}

int verbs_argument(json_t *args, const char *key, enum verbs_wanted wanted, size_t max, const char **ret, struct err *reterr)
{
	bool blank = true;

	if (verbs_text(args, key, ret, reterr))
		return -1;
	for (const char *at = *ret; at && *at;) {
		uint32_t c = next_character(&at);
		bool of_prose = wanted == WANTED_PROSE && (c == '\n' || c == '\t');
		if (is_control(c) && !of_prose)
			return err_set(reterr, ERR_INVALID, "'%s' has a control character (U+%04X) in it; write it without", key, (unsigned)c);
		blank = blank && is_blank(c);
	}
	if (wanted == WANTED_MUST && !*ret)
		return err_set(reterr, ERR_INVALID, "'%s' is missing", key);
	if (wanted != WANTED_PROSE && *ret && blank)
		return err_set(reterr, ERR_INVALID, "'%s' is empty", key);
	if (*ret && strlen(*ret) > max)
		return err_set(reterr, ERR_INVALID, "'%s' is longer than %zu bytes", key, max);
	return 0;
}
