#include "gateway/control_line.h"

#include <stdbool.h>
#include <string.h>

/* Brackets outside of strings; whether they match is the parser's business. */
static bool is_too_deep(const char *text, size_t len)
{
	bool in_string = false;
	size_t depth = 0;

	for (size_t i = 0; i < len; i++) {
		char ch = text[i];
		if (in_string) {
			if (ch == '\\')
				i++;
			else if (ch == '"')
				in_string = false;
		} else if (ch == '"') {
			in_string = true;
		} else if (ch == '{' || ch == '[') {
			if (++depth > CONTROL_DEPTH_MAX)
				return true;
		} else if ((ch == '}' || ch == ']') && depth > 0) {
			depth--;
		}
	}
	return false;
}

static int take_verb(const json_t *root, char *ret_verb, struct err *reterr)
{
	const json_t *verb = json_object_get(root, "verb");
	size_t len = json_string_length(verb);

	if (!json_is_string(verb))
		return err_set(reterr, ERR_INVALID, "request: \"verb\" is missing or no text");
	if (len == 0 || len >= CONTROL_VERB_MAX)
		return err_set(reterr, ERR_INVALID, "request: \"verb\" must have 1 to %d bytes", CONTROL_VERB_MAX - 1);
	memcpy(ret_verb, json_string_value(verb), len + 1);
	return 0;
}

int control_line_parse(const char *text, size_t len, struct control_line *ret, struct err *reterr)
{
	struct control_line line = { 0 };
	json_error_t where;

	if (memchr(text, '\0', len))
		return err_set(reterr, ERR_INVALID, "request: a NUL byte");
	if (is_too_deep(text, len))
		return err_set(reterr, ERR_INVALID, "request: nested deeper than %d", CONTROL_DEPTH_MAX);
	json_t *root = json_loadb(text, len, JSON_REJECT_DUPLICATES, &where);
	if (!root) {
		if (json_error_code(&where) == json_error_out_of_memory)
			return err_set(reterr, ERR_NO_MEMORY, "request: no memory");
		return err_set(reterr, ERR_INVALID, "request: no JSON: byte %d: %s", where.position, where.text);
	}
	if (!json_is_object(root)) {
		err_set(reterr, ERR_INVALID, "request: not an object");
		goto fail;
	}
	if (take_verb(root, line.verb, reterr))
		goto fail;
	json_t *args = json_object_get(root, "args");
	if (args && !json_is_object(args)) {
		err_set(reterr, ERR_INVALID, "request: \"args\" is no object");
		goto fail;
	}
	line.args = args ? json_incref(args) : json_object();
	if (!line.args) {
		err_set(reterr, ERR_NO_MEMORY, "request: no memory");
		goto fail;
	}
	json_decref(root);
	*ret = line;
	return 0;
fail:
	json_decref(root);
	return -1;
}
