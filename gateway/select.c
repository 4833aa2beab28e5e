#include "gateway/select.h"

#include "gateway/nearest.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum word { WORD_KIND, WORD_FLOOR, WORD_BUILDING, WORD_ZONE, WORD_BUS, WORD_DEVICE, WORD_CLASS, WORD_ID, WORD_COUNT };

static const char *const word_names[] = { "kind", "floor", "building", "zone", "bus", "device", "class" };
#define N_NAMES (sizeof word_names / sizeof word_names[0])

struct term {
	enum word        word;
	const char      *value; /* into text; a kind's English word */
	enum alarm_class class_;
};

struct select {
	size_t      n_terms;
	struct term terms[SELECT_TERMS_MAX];
	char        text[];
};

/* ---- globs ---- */

/* `*set` stands on '['. Whether ch is in it; moves behind ']'. Without a ']' the bracket is an ordinary character. */
static bool match_set(const char **set, char ch)
{
	const char *p = *set + 1;
	bool negated = *p == '!' || *p == '^', in = false;

	if (negated)
		p++;
	const char *first = p;
	while (*p && (*p != ']' || p == first)) {
		if (p[1] == '-' && p[2] && p[2] != ']') {
			in = in || (p[0] <= ch && ch <= p[2]);
			p += 3;
		} else {
			in = in || *p == ch;
			p++;
		}
	}
	if (!*p) {
		(*set)++;
		return ch == '[';
	}
	*set = p + 1;
	return in != negated;
}

static bool match_one(const char **pattern, char ch)
{
	if (**pattern == '[')
		return match_set(pattern, ch);
	bool fits = **pattern == '?' || **pattern == ch;
	(*pattern)++;
	return fits;
}

bool select_glob(const char *pattern, const char *text)
{
	const char *star = NULL, *resume = NULL;

	while (*text) {
		const char *p = pattern;
		if (*pattern == '*') {
			star = ++pattern;
			resume = text;
		} else if (*pattern && match_one(&p, *text)) {
			pattern = p;
			text++;
		} else if (star) {
			pattern = star;
			text = ++resume;
		} else {
			return false;
		}
	}
	while (*pattern == '*')
		pattern++;
	return *pattern == '\0';
}

bool select_is_glob(const char *text)
{
	return strpbrk(text, "*?[") != NULL;
}

/* ---- reading ---- */

static int unknown_word(const char *name, struct err *reterr)
{
	const char *near = nearest_find(name, word_names, N_NAMES);

	return err_set(reterr, ERR_INVALID,
	               "select: unknown word '%s'%s%s%s; known are kind, floor, building, zone, bus, device, class, and globs on the id",
	               name, near ? " (did you mean '" : "", near ? near : "", near ? "'?)" : "");
}

static int set_kind(struct term *t, struct err *reterr)
{
	enum kind kind;

	if (kind_find(t->value, &kind)) {
		const char *near = kind_nearest(t->value);
		return err_set(reterr, ERR_INVALID, "select: unknown kind '%s'%s%s%s", t->value, near ? " (did you mean '" : "",
		               near ? near : "", near ? "'?)" : "; docs/kinds.md lists them");
	}
	t->value = kind_info(kind)->name;
	return 0;
}

static int set_class(struct term *t, struct err *reterr)
{
	const char *names[CLASS_COUNT];

	if (alarm_class_find(t->value, &t->class_) == 0)
		return 0;
	for (unsigned i = 0; i < CLASS_COUNT; i++)
		names[i] = alarm_class_name((enum alarm_class)i);
	const char *near = nearest_find(t->value, names, CLASS_COUNT);
	return err_set(reterr, ERR_INVALID, "select: unknown class '%s'%s%s%s", t->value, near ? " (did you mean '" : "", near ? near : "",
	               near ? "'?)" : "; there are fire, prealarm, supervisory, fault, disablement, actuation, operation");
}

static int add_term(struct select *s, enum word word, const char *value, struct err *reterr)
{
	if (value[0] == '\0')
		return err_set(reterr, ERR_INVALID, "select: '%s=' has no value", word_names[word]);
	if (s->n_terms == SELECT_TERMS_MAX)
		return err_set(reterr, ERR_INVALID, "select: more than %d values", SELECT_TERMS_MAX);
	struct term *t = &s->terms[s->n_terms];
	*t = (struct term){ .word = word, .value = value };
	if (word == WORD_KIND && set_kind(t, reterr))
		return -1;
	if (word == WORD_CLASS && set_class(t, reterr))
		return -1;
	s->n_terms++;
	return 0;
}

/* One piece between spaces; cut up in place. */
static int add_piece(struct select *s, char *piece, struct err *reterr)
{
	size_t word = 0;
	char *value = strchr(piece, '=');

	if (!value)
		return add_term(s, WORD_ID, piece, reterr);
	*value++ = '\0';
	while (word < N_NAMES && strcmp(piece, word_names[word]) != 0)
		word++;
	if (word == N_NAMES)
		return unknown_word(piece, reterr);
	while (value) {
		char *next = strchr(value, ',');
		if (next)
			*next++ = '\0';
		if (add_term(s, (enum word)word, value, reterr))
			return -1;
		value = next;
	}
	return 0;
}

int select_parse(const char *text, struct select **ret, struct err *reterr)
{
	size_t len = text ? strlen(text) : 0;
	char *save = NULL;

	if (len > SELECT_TEXT_MAX)
		return err_set(reterr, ERR_INVALID, "select: longer than %d bytes", SELECT_TEXT_MAX);
	struct select *s = calloc(1, sizeof *s + len + 1);
	if (!s)
		return err_set(reterr, ERR_NO_MEMORY, "select: no memory");
	if (len)
		memcpy(s->text, text, len);
	for (char *piece = strtok_r(s->text, " \t", &save); piece; piece = strtok_r(NULL, " \t", &save)) {
		if (add_piece(s, piece, reterr)) {
			select_free(s);
			return -1;
		}
	}
	*ret = s;
	return 0;
}

void select_free(struct select *s)
{
	free(s);
}

/* ---- matching ---- */

static bool fits_text(const char *pattern, const char *text)
{
	return text && text[0] && select_glob(pattern, text);
}

static bool fits_term(const struct term *t, const struct select_subject *w)
{
	switch (t->word) {
	case WORD_KIND: return w->kind && strcmp(t->value, w->kind) == 0;
	case WORD_FLOOR: return fits_text(t->value, w->floor);
	case WORD_BUILDING: return fits_text(t->value, w->building);
	case WORD_ZONE: return fits_text(t->value, w->zone);
	case WORD_BUS: return fits_text(t->value, w->bus);
	case WORD_DEVICE: return fits_text(t->value, w->device);
	case WORD_CLASS: return t->class_ == w->class_;
	case WORD_ID: return fits_text(t->value, w->id) || fits_text(t->value, w->other_id);
	case WORD_COUNT: break;
	}
	return false;
}

bool select_fits(const struct select *s, const struct select_subject *what)
{
	bool asked[WORD_COUNT] = { false }, fits[WORD_COUNT] = { false };

	for (size_t i = 0; i < s->n_terms; i++) {
		const struct term *t = &s->terms[i];
		asked[t->word] = true;
		if (!fits[t->word])
			fits[t->word] = fits_term(t, what);
	}
	for (size_t i = 0; i < WORD_COUNT; i++)
		if (asked[i] && !fits[i])
			return false;
	return true;
}

struct select_subject select_of_point(const struct site *site, const struct point *p)
{
	const struct kind_info *kind = kind_info(p->kind);

	return (struct select_subject){
		.id = p->id,
		.kind = kind->name,
		.floor = p->floor,
		.building = p->building < site->n_buildings ? site->buildings[p->building].id : "",
		.zone = p->zone,
		.bus = p->bus < site->n_buses ? site->buses[p->bus] : "",
		.device = p->device < site->n_devices ? site->devices[p->device].name : "",
		.class_ = kind->class_,
	};
}

bool select_fits_point(const struct select *s, const struct site *site, const struct point *p)
{
	struct select_subject subject = select_of_point(site, p);

	return select_fits(s, &subject);
}

/* ---- hints ---- */

#define HINT_COMPARED_MAX ((size_t)2048) /* names, so that the loop is not held up */
#define HINT_LISTED_MAX   8

const char *select_word(const char *text, bool nearly)
{
	for (size_t i = 0; i < N_NAMES; i++)
		if (strcmp(text, word_names[i]) == 0)
			return word_names[i];
	return nearly ? nearest_find(text, word_names, N_NAMES) : NULL;
}

/* The i-th name of this word in the site; false: there are no more. */
static bool name_at(const struct site *site, enum word word, size_t i, const char **ret)
{
	switch (word) {
	case WORD_BUILDING: *ret = i < site->n_buildings ? site->buildings[i].id : NULL; break;
	case WORD_BUS: *ret = i < site->n_buses ? site->buses[i] : NULL; break;
	case WORD_DEVICE: *ret = i < site->n_devices ? site->devices[i].name : NULL; break;
	case WORD_FLOOR: *ret = i < site->n_points ? site->points[i].floor : NULL; break;
	case WORD_ZONE: *ret = i < site->n_points ? site->points[i].zone : NULL; break;
	case WORD_ID: *ret = i < site->n_points ? site->points[i].id : NULL; break;
	case WORD_KIND:
	case WORD_CLASS:
	case WORD_COUNT: *ret = NULL; break;
	}
	return *ret != NULL;
}

static void hint_of_names(const struct term *t, const char *const *names, size_t n, char *buf, size_t cap)
{
	const char *near = nearest_find(t->value, names, n), *noun = t->word == WORD_ID ? "point" : word_names[t->word];
	int len = snprintf(buf, cap, "no %s '%.60s'", noun, t->value);

	if (near)
		snprintf(buf + len, cap - (size_t)len, ": did you mean '%s'?", near);
	else if (t->word <= WORD_DEVICE && t->word != WORD_FLOOR && t->word != WORD_ZONE && n <= HINT_LISTED_MAX)
		for (size_t i = 0; i < n && (size_t)len < cap; i++)
			len += snprintf(buf + len, cap - (size_t)len, "%s%s", i ? ", " : n == 1 ? "; there is " : "; there are ", names[i]);
}

/* A class or a kind, alone: its word was forgotten. */
static bool hint_of_word(const struct term *t, char *buf, size_t cap)
{
	enum alarm_class class_;
	enum kind kind;
	const char *word = alarm_class_find(t->value, &class_) == 0 ? "class" : kind_find(t->value, &kind) == 0 ? "kind" : NULL;

	if (word)
		snprintf(buf, cap, "did you mean %s=%s?", word, t->value);
	return word != NULL;
}

static void hint_of_term(const struct term *t, const struct site *site, char *buf, size_t cap)
{
	const char **names = calloc(HINT_COMPARED_MAX, sizeof *names), *name;
	size_t n = 0;
	bool known = names == NULL;

	for (size_t i = 0; !known && name_at(site, t->word, i, &name); i++) {
		known = strcmp(name, t->value) == 0;
		if (n < HINT_COMPARED_MAX)
			names[n++] = name;
	}
	if (!known && n > 0)
		hint_of_names(t, names, n, buf, cap);
	free(names);
}

const char *select_hint(const struct select *s, const struct site *site, bool ids, char *buf, size_t cap)
{
	buf[0] = '\0';
	for (size_t i = 0; i < s->n_terms && !buf[0]; i++) {
		const struct term *t = &s->terms[i];
		if (select_is_glob(t->value) || (t->word == WORD_ID && hint_of_word(t, buf, cap)) || (t->word == WORD_ID && !ids))
			continue;
		hint_of_term(t, site, buf, cap);
	}
	return buf;
}
