/* An event of the log as the few things that a report asks for. It is read once through, by a reader of its own that takes no memory: a report reads every event that is kept. */
#include "gateway/report_inside.h"

#include "core/clock.h"

#include <stdlib.h>
#include <string.h>

#define DEPTH_MAX 32

struct scan { const char *p, *end; };

static void skip_space(struct scan *s)
{
	while (s->p < s->end && (*s->p == ' ' || *s->p == '\t' || *s->p == '\n' || *s->p == '\r'))
		s->p++;
}

static bool take(struct scan *s, char c)
{
	skip_space(s);
	if (s->p == s->end || *s->p != c)
		return false;
	s->p++;
	return true;
}

static unsigned hex4(const char *p)
{
	unsigned v = 0;

	for (int i = 0; i < 4; i++) {
		char c = p[i];
		unsigned d = c >= '0' && c <= '9' ? (unsigned)(c - '0') : c >= 'a' && c <= 'f' ? (unsigned)(c - 'a') + 10 : c >= 'A' && c <= 'F' ? (unsigned)(c - 'A') + 10 : 16;
		if (d == 16)
			return 0xFFFD;
		v = v * 16 + d;
	}
	return v;
}

/* A text that is cut is cut between characters. */
struct text { char *data; size_t len, cap; bool full; };

static void put(struct text *t, const char *bytes, size_t n)
{
	if (t->full || t->len + n >= t->cap) {
		t->full = true;
		return;
	}
	memcpy(t->data + t->len, bytes, n);
	t->len += n;
}

static void put_char(struct text *t, unsigned ch)
{
	char b[4];
	size_t n = 1;

	if (ch < 0x80) {
		b[0] = (char)ch;
	} else if (ch < 0x800) {
		b[0] = (char)(0xC0 | ch >> 6);
		n = 2;
	} else if (ch < 0x10000) {
		b[0] = (char)(0xE0 | ch >> 12);
		n = 3;
	} else {
		b[0] = (char)(0xF0 | ch >> 18);
		n = 4;
	}
	for (size_t i = 1; i < n; i++)
		b[i] = (char)(0x80 | (ch >> 6 * (n - 1 - i) & 0x3F));
	put(t, b, n);
}

/* Behind the \u. */
static bool take_unicode(struct scan *s, struct text *t)
{
	if (s->end - s->p < 4)
		return false;
	unsigned ch = hex4(s->p);
	s->p += 4;
	if (ch >= 0xD800 && ch < 0xDC00 && s->end - s->p >= 6 && s->p[0] == '\\' && s->p[1] == 'u') {
		unsigned low = hex4(s->p + 2);
		if (low >= 0xDC00 && low < 0xE000) {
			ch = 0x10000 + ((ch - 0xD800) << 10) + (low - 0xDC00);
			s->p += 6;
		}
	}
	put_char(t, ch == 0 || (ch >= 0xD800 && ch < 0xE000) ? 0xFFFD : ch);
	return true;
}

static bool take_escape(struct scan *s, struct text *t)
{
	static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";

	if (s->p == s->end)
		return false;
	char c = *s->p++;
	if (c == 'u')
		return take_unicode(s, t);
	const char *at = c ? strchr(from, c) : NULL;
	if (!at)
		return false;
	put(t, &to[at - from], 1);
	return true;
}

static size_t utf8_len(unsigned char lead)
{
	return lead < 0x80 ? 1 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
}

/* At a quote. buf NULL: skipped. */
static bool take_string(struct scan *s, char *buf, size_t cap)
{
	char none[1];
	struct text t = { buf ? buf : none, 0, buf ? cap : 0, false };

	if (!take(s, '"'))
		return false;
	while (s->p < s->end && *s->p != '"') {
		if (*s->p == '\\') {
			s->p++;
			if (!take_escape(s, &t))
				return false;
			continue;
		}
		size_t n = utf8_len((unsigned char)*s->p), left = (size_t)(s->end - s->p);
		n = n < left ? n : left;
		for (size_t i = 1; i < n; i++)
			if (s->p[i] == '"' || s->p[i] == '\\')
				n = i; /* half a character: the text's end is not to be missed for it */
		if (*s->p)
			put(&t, s->p, n);
		s->p += n;
	}
	if (buf)
		buf[t.len] = '\0';
	return take(s, '"');
}

/* Any value, without recursion. */
static bool skip_value(struct scan *s)
{
	unsigned depth = 0;

	do {
		skip_space(s);
		if (s->p == s->end)
			return false;
		char c = *s->p;
		if (c == '"') {
			if (!take_string(s, NULL, 0))
				return false;
			continue;
		}
		s->p++;
		if (c == '{' || c == '[')
			depth++;
		else if (c == '}' || c == ']')
			depth--;
		else if (c != ',' && c != ':')
			while (s->p < s->end && !strchr(",:]}\" \t\r\n", *s->p))
				s->p++;
		if (depth > DEPTH_MAX)
			return false;
	} while (depth > 0);
	return true;
}

/* A text's, or skipped. */
static bool take_text(struct scan *s, char *buf, size_t cap)
{
	skip_space(s);
	if (s->p < s->end && *s->p == '"')
		return take_string(s, buf, cap);
	return skip_value(s);
}

static bool take_bool(struct scan *s, bool *ret)
{
	skip_space(s);
	*ret = s->end - s->p >= 4 && memcmp(s->p, "true", 4) == 0;
	return skip_value(s);
}

/* Times 1000 for fractions of a second. */
static bool take_number(struct scan *s, double scale, int64_t *ret)
{
	char text[32];
	const char *from;

	skip_space(s);
	from = s->p;
	if (!skip_value(s))
		return false;
	size_t n = (size_t)(s->p - from);
	if (n == 0 || n >= sizeof text || !(*from >= '0' && *from <= '9'))
		return true;
	memcpy(text, from, n);
	text[n] = '\0';
	double v = strtod(text, NULL) * scale;
	if (v >= 0 && v < 1e15)
		*ret = (int64_t)(v + 0.5);
	return true;
}

/* ---- members ---- */

static uint64_t hash_text(const char *text)
{
	return text[0] ? strmap_hash64(text, strlen(text), STRMAP_HASH_SEED) | 1 : 0;
}

static void find_transition(const char *word, struct report_event *e)
{
	for (unsigned t = 0; t < TRANSITION_COUNT; t++)
		if (strcmp(word, transition_name((enum transition)t)) == 0)
			e->transition = (enum transition)t;
}

static enum alarm_state find_state(const char *word)
{
	for (unsigned s = STATE_NORMAL; s <= STATE_LATCHED; s++)
		if (strcmp(word, alarm_state_name((enum alarm_state)s)) == 0)
			return (enum alarm_state)s;
	return STATE_NORMAL;
}

static bool take_verdict(struct scan *s, struct report_event *e)
{
	char key[16];

	skip_space(s);
	if (s->p == s->end || *s->p != '{')
		return skip_value(s);
	s->p++;
	while (!take(s, '}')) {
		if (!take_string(s, key, sizeof key) || !take(s, ':'))
			return false;
		bool ok = strcmp(key, "what") == 0 ? take_text(s, e->verdict, sizeof e->verdict) : strcmp(key, "cause") == 0 ? take_text(s, e->cause, sizeof e->cause) : skip_value(s);
		if (!ok)
			return false;
		take(s, ',');
	}
	return true;
}

static bool take_flag(struct scan *s, bool *ret)
{
	bool on = false, ok = take_bool(s, &on);

	*ret = *ret || on;
	return ok;
}

/* Members whose text has to be understood. */
static bool take_word(struct scan *s, const char *key, struct report_event *e)
{
	char word[160] = "";

	if (!take_text(s, word, sizeof word))
		return false;
	if (strcmp(key, "transition") == 0)
		find_transition(word, e);
	else if (strcmp(key, "class") == 0 && alarm_class_find(word, &e->class_))
		e->class_ = CLASS_FAULT;
	else if (strcmp(key, "state") == 0)
		e->state = find_state(word);
	else if (strcmp(key, "from") == 0)
		e->from = find_state(word);
	else if (strcmp(key, "mode") == 0)
		e->mode = strcmp(word, "test") == 0 ? MODE_TEST : strcmp(word, "drill") == 0 ? MODE_DRILL : MODE_NORMAL;
	else if (strcmp(key, "occurrence") == 0)
		e->occurrence = hash_text(word);
	else if (strcmp(key, "boot") == 0)
		e->boot = hash_text(word);
	else if ((strcmp(key, "shelved_until") == 0 || strcmp(key, "until") == 0) && clock_parse(word, &e->until_ms))
		e->until_ms = 0;
	return true;
}

static bool take_member(struct scan *s, const char *key, struct report_event *e)
{
	static const char *const words[] = { "transition", "class", "state", "from", "mode", "occurrence", "boot", "shelved_until", "until" };
	const struct { const char *key; char *buf; size_t cap; } texts[] = {
		{ "alarm", e->alarm, sizeof e->alarm }, { "rule", e->rule, sizeof e->rule }, { "point", e->point, sizeof e->point }, { "name", e->name, sizeof e->name },
		{ "actor", e->actor, sizeof e->actor }, { "select", e->select, sizeof e->select },
	};
	const struct { const char *key; bool *flag; } flags[] = { { "acked", &e->acked }, { "shelved", &e->hidden }, { "out_of_service", &e->hidden }, { "suppressed", &e->hidden } };

	for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
		if (strcmp(key, words[i]) == 0)
			return take_word(s, key, e);
	for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
		if (strcmp(key, texts[i].key) == 0)
			return take_text(s, texts[i].buf, texts[i].cap);
	for (size_t i = 0; i < sizeof flags / sizeof flags[0]; i++)
		if (strcmp(key, flags[i].key) == 0)
			return take_flag(s, flags[i].flag);
	if (strcmp(key, "verdict") == 0)
		return take_verdict(s, e);
	if (strcmp(key, "times") == 0)
		return take_number(s, 1, &e->times);
	if (strcmp(key, "after_s") == 0)
		return take_number(s, 1000, &e->after_ms);
	return skip_value(s);
}

bool report_event_parse(const char *tail, size_t len, int64_t at_ms, struct report_event *ret)
{
	struct scan s = { tail, tail + len };
	char key[32];

	*ret = (struct report_event){ .at_ms = at_ms, .transition = TRANSITION_COUNT, .class_ = CLASS_FAULT, .times = -1, .after_ms = -1 };
	take(&s, '{');
	do {
		if (!take_string(&s, key, sizeof key) || !take(&s, ':') || !take_member(&s, key, ret))
			break; /* what stood before it counts */
	} while (take(&s, ','));
	return ret->transition != TRANSITION_COUNT;
}
