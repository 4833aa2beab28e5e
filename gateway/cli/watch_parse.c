/* What a broker says, taken apart and checked: topics, names, numbers, events. */
#include "gateway/cli/watch_inside.h"

#include <stdio.h>
#include <string.h>

/* The next part up to the slash, at most cap - 1 bytes; moves behind the slash. False: none, or too long. */
static bool part(const char **text, char *to, size_t cap)
{
	size_t len = strcspn(*text, "/");

	if (len == 0 || len >= cap)
		return false;
	memcpy(to, *text, len);
	to[len] = '\0';
	*text += len;
	*text += **text == '/';
	return true;
}

static bool digits(const char *text, size_t n)
{
	return strlen(text) == n && strspn(text, "0123456789") == n;
}

int watch_topic_parse(const char *text, struct watch_topic *ret)
{
	static const char head[] = "fire/v1/";
	char district[8], town[8], community[8];

	if (strncmp(text, head, sizeof head - 1) != 0)
		return -1;
	text += sizeof head - 1;
	if (!part(&text, district, sizeof district) || !part(&text, town, sizeof town) || !part(&text, community, sizeof community) ||
	    !part(&text, ret->node, sizeof ret->node) || !part(&text, ret->kind, sizeof ret->kind))
		return -1;
	if (!digits(district, 6) || !digits(town, 3) || !digits(community, 3) || !watch_is_name(ret->node))
		return -1;
	snprintf(ret->region, sizeof ret->region, "%s%s/%s/%s", head, district, town, community);
	ret->rest = text;
	return 0;
}

json_t *watch_object(const void *payload, size_t len)
{
	json_t *o = json_loadb(payload, len, JSON_REJECT_DUPLICATES, NULL);

	if (json_is_object(o))
		return o;
	json_decref(o);
	return NULL;
}

const char *watch_text(const json_t *o, const char *key)
{
	const char *text = json_string_value(json_object_get(o, key));

	return text ? text : "";
}

bool watch_number(const json_t *o, const char *key, int64_t *ret)
{
	const json_t *v = json_object_get(o, key);

	if (!json_is_integer(v) || json_integer_value(v) < 0 || json_integer_value(v) > SEQ_MAX)
		return false;
	*ret = json_integer_value(v);
	return true;
}

void watch_copy(char *to, size_t cap, const char *text)
{
	size_t len = strlen(text);

	if (len >= cap) {
		len = cap - 1;
		while (len > 0 && ((unsigned char)text[len] & 0xC0) == 0x80)
			len--;
	}
	memcpy(to, text, len);
	to[len] = '\0';
}

bool watch_is_name(const char *text)
{
	size_t len = strlen(text);

	return len > 0 && len < WATCH_NAME_MAX && strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789_-") == len && text[0] != '_' && text[0] != '-';
}

bool watch_alarm_of_topic(const char *rest, char *to, size_t cap)
{
	size_t len = strlen(rest);

	if (len == 0 || len >= cap)
		return false;
	memcpy(to, rest, len + 1);
	for (char *c = to; *c; c++)
		if (*c == '~')
			*c = '/';
	return true;
}

enum alarm_class watch_class(const char *word)
{
	enum alarm_class c;

	return alarm_class_find(word, &c) ? CLASS_FAULT : c;
}

static bool word_fits(const json_t *e, const char *key)
{
	size_t len = strlen(watch_text(e, key));

	return len > 0 && len < WATCH_WORD_MAX && !strpbrk(watch_text(e, key), "/+#");
}

bool watch_event_fits(const json_t *e, const char *node)
{
	const json_t *alarm = json_object_get(e, "alarm"), *durable = json_object_get(e, "durable");
	size_t id = strlen(watch_text(e, "id")), log = strlen(watch_text(e, "log"));
	int64_t n;

	if (!json_is_object(e) || strcmp(watch_text(e, "node"), node) != 0 || !watch_is_name(watch_text(e, "gateway")))
		return false;
	if (id == 0 || id >= ID_TEXT_MAX || log >= LOG_MAX || !word_fits(e, "class") || !word_fits(e, "stream") || !word_fits(e, "transition"))
		return false;
	if (json_is_string(alarm) && (!watch_number(e, "rev", &n) || json_string_length(alarm) >= sizeof ((struct watch_alarm *)0)->id || !word_fits(e, "state")))
		return false;
	/* Numbered, or said to be not stored yet: nothing else is an event. */
	return json_is_false(durable) || (log > 0 && watch_number(e, "seq", &n) && n > 0);
}

bool watch_wants(const struct watch *w, const char *node, const char *class_word)
{
	return (!w->node[0] || strcmp(w->node, node) == 0) && (w->classes & (1u << watch_class(class_word)));
}
