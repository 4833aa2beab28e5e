/* Every figure of a report as a row: where it stands in the object is its section, what identifies an entry of a list is its name. */
#include "gateway/cli/human.h"
#include "gateway/cli/report_show.h"

#include <math.h>
#include <string.h>

#define PATH_MAX_BYTES 200

static void put_row(struct strbuf *out, const char *section, const char *name, const char *metric, const json_t *value)
{
	csv_put(out, section);
	strbuf_putc(out, ',');
	csv_put(out, name);
	strbuf_putc(out, ',');
	csv_put(out, metric);
	strbuf_putc(out, ',');
	if (json_is_string(value))
		csv_put(out, json_string_value(value));
	else if (json_is_integer(value))
		strbuf_json_int(out, json_integer_value(value));
	else if (json_is_real(value))
		strbuf_json_double(out, json_real_value(value));
	else if (json_is_boolean(value))
		strbuf_puts(out, json_is_true(value) ? "true" : "false");
	strbuf_puts(out, "\r\n");
}

static bool is_text_member(const char *key)
{
	return strcmp(key, "what") == 0 || strcmp(key, "cause") == 0 || strcmp(key, "of") == 0 || strcmp(key, "device") == 0 || strcmp(key, "rule") == 0 || strcmp(key, "alarm") == 0 ||
	       strcmp(key, "day") == 0;
}

/* What an entry of a list is called; members that went into it are not repeated. */
static bool is_identity(const json_t *item, const char *key)
{
	if (strcmp(key, "class") == 0 || strcmp(key, "name") == 0)
		return !json_object_get(item, "alarm");
	return is_text_member(key);
}

static void put_name(struct strbuf *name, const json_t *item)
{
	const char *key;
	json_t *v;

	strbuf_reset(name);
	strbuf_puts(name, "");
	json_object_foreach((json_t *)(uintptr_t)item, key, v) {
		if (!is_identity(item, key))
			continue;
		if (name->len)
			strbuf_putc(name, ' ');
		if (json_is_string(v))
			strbuf_puts(name, json_string_value(v));
		else
			strbuf_json_int(name, json_integer_value(v));
	}
}

static void put_members(struct strbuf *out, const char *section, const char *name, const json_t *o);

static void put_list(struct strbuf *out, const char *section, const json_t *list)
{
	struct strbuf name = STRBUF_INIT;
	size_t i;
	json_t *item;

	json_array_foreach((json_t *)(uintptr_t)list, i, item) {
		if (json_is_object(item))
			put_name(&name, item);
		if (!json_is_object(item) || !name.len) {
			strbuf_reset(&name);
			strbuf_printf(&name, "%zu", i);
		}
		if (name.failed)
			out->failed = true;
		else if (json_is_object(item))
			put_members(out, section, name.data, item);
		else
			put_row(out, section, name.data, "raised", item);
	}
	strbuf_done(&name);
}

static void put_members(struct strbuf *out, const char *section, const char *name, const json_t *o)
{
	char path[PATH_MAX_BYTES];
	const char *key;
	json_t *v;

	json_object_foreach((json_t *)(uintptr_t)o, key, v) {
		if (name[0] && is_identity(o, key))
			continue;
		bool nested = json_is_object(v) || json_is_array(v);
		if (nested && strcmp(key, "list") == 0)
			snprintf(path, sizeof path, "%s", section);
		else if (nested)
			snprintf(path, sizeof path, "%s%s%s", section, section[0] ? "." : "", key);
		if (json_is_array(v))
			put_list(out, path, v);
		else if (nested)
			put_members(out, path, name, v);
		else
			put_row(out, section[0] ? section : "report", name, key, v);
	}
}

void report_csv(struct strbuf *out, const json_t *report)
{
	strbuf_puts(out, "section,name,metric,value\r\n");
	put_members(out, "", "", report);
}
