#include "gateway/config/bind.h"

#include "core/clock.h"

#include <string.h>

const struct node *node_get(const struct node *map, const char *key)
{
	if (!map || map->type != NODE_MAP)
		return NULL;
	for (size_t i = 0; i < map->n; i++)
		if (map->items[2 * i]->type == NODE_SCALAR && strcmp(map->items[2 * i]->text, key) == 0)
			return map->items[2 * i + 1];
	return NULL;
}

/* Beyond this a double is no longer exact to the unit; no quantity of a building comes near. */
#define DECIMAL_MAX 1e15

/* A list of words: kinds, devices, tags, … */
#define WORDS_MAX 1000

const char *field_keep(struct loader *l, const struct field *f, const char *or_)
{
	return f->text ? arena_copy(&l->keep, f->text) : or_;
}

static const char *type_word(enum node_type t)
{
	switch (t) {
	case NODE_SCALAR: return "a single value";
	case NODE_LIST: return "a list";
	case NODE_MAP: return "a mapping (key: value)";
	}
	return "";
}

void find_unknown_kind(struct loader *l, const struct node *at)
{
	const char *near = kind_nearest(at->text);

	find_error(l, at, "unknown kind '%s'%s", at->text, near ? nearest_hint(l, near) : "; docs/kinds.md lists them");
}

bool bind_is_map(struct loader *l, const struct node *n, const char *what)
{
	if (n->type == NODE_MAP)
		return true;
	find_error(l, n, "%s must be %s, not %s", what, type_word(NODE_MAP), type_word(n->type));
	return false;
}

bool bind_is_list(struct loader *l, const struct node *n, const char *what)
{
	if (n->type == NODE_LIST)
		return true;
	find_error(l, n, "%s must be %s, not %s", what, type_word(NODE_LIST), type_word(n->type));
	return false;
}

size_t bind_count(struct loader *l, const struct node *list, size_t max, const char *what)
{
	if (list->n <= max)
		return list->n;
	find_error(l, list->items[max], "more than %zu %s", max, what);
	return max;
}

const struct node *const *bind_words(struct loader *l, const struct node *n, const char *what, size_t *ret_n)
{
	*ret_n = 0;
	if (n->type == NODE_SCALAR) {
		const struct node **one = arena_take(&l->scratch, 1, sizeof *one);
		one[0] = n;
		*ret_n = 1;
		return one;
	}
	if (!bind_is_list(l, n, what))
		return NULL;
	if (n->n == 0) {
		find_error(l, n, "%s is an empty list", what);
		return NULL;
	}
	for (size_t i = 0; i < n->n; i++)
		if (n->items[i]->type != NODE_SCALAR) {
			find_error(l, n->items[i], "%s must be a list of single values", what);
			return NULL;
		}
	*ret_n = bind_count(l, n, WORDS_MAX, "words");
	return (const struct node *const *)n->items;
}

/* Characters that a page, a console or a YAML reader cannot show are mistakes wherever they stand. */
static bool is_printable(const char *text, bool lines)
{
	for (const unsigned char *p = (const unsigned char *)text; *p; p++) {
		if ((*p < 0x20 && !(lines && *p == '\n')) || *p == 0x7F)
			return false;
		if (*p == 0xC2 && p[1] >= 0x80 && p[1] <= 0x9F)
			return false;
		if (*p == 0xEF && ((p[1] == 0xBB && p[2] == 0xBF) || (p[1] == 0xBF && p[2] >= 0xBE)))
			return false;
	}
	return true;
}

static int bind_text(struct loader *l, const struct node *v, const struct bind_key *k)
{
	size_t n = text_characters(v->text), max = k->max ? (size_t)k->max : CONFIG_TEXT_MAX;

	if (!is_printable(v->text, k->type == BIND_LINES)) {
		find_error(l, v, "%s has a control character in it", k->key);
		return -1;
	}
	if (n < (size_t)k->min) {
		find_error(l, v, "%s must not be empty", k->key);
		return -1;
	}
	if (n > max) {
		find_error(l, v, "%s has %zu characters; at most %zu", k->key, n, max);
		return -1;
	}
	return 0;
}

static int bind_name(struct loader *l, const struct node *v, const struct bind_key *k)
{
	bool upper = k->type == BIND_ZONE;

	if (strlen(v->text) > CONFIG_NAME_MAX) {
		find_error(l, v, "%s '%s' is longer than %d characters", k->key, v->text, CONFIG_NAME_MAX);
		return -1;
	}
	if (text_is_name(v->text, upper))
		return 0;
	find_error(l, v, "%s '%s' is not a name: %s, digits, - and _, beginning with a letter or digit", k->key, v->text,
	           upper ? "letters" : "lower-case letters");
	return -1;
}

static int bind_word(struct loader *l, const struct node *v, const struct bind_key *k, struct field *f)
{
	struct strbuf list;
	char text[512];

	for (size_t i = 0; k->words[i]; i++)
		if (strcmp(v->text, k->words[i]) == 0) {
			f->number = (int64_t)i;
			return 0;
		}
	strbuf_init_fixed(&list, text, sizeof text);
	for (size_t i = 0; k->words[i]; i++)
		strbuf_printf(&list, "%s%s", i ? ", " : "", k->words[i]);
	find_error(l, v, "%s '%s' is not one of: %s", k->key, v->text, text);
	return -1;
}

static int bind_bool(struct loader *l, const struct node *v, const struct bind_key *k, struct field *f)
{
	if (strcmp(v->text, "true") == 0 || strcmp(v->text, "false") == 0) {
		f->number = v->text[0] == 't';
		return 0;
	}
	find_error(l, v, "%s must be true or false, not '%s'", k->key, v->text);
	return -1;
}

static int bind_int(struct loader *l, const struct node *v, const struct bind_key *k, struct field *f)
{
	if (int_parse(v->text, &f->number) < 0) {
		find_error(l, v, "%s must be a whole number, not '%s'%s", k->key, v->text, number_hint(v->text));
		return -1;
	}
	if (f->number >= k->min && f->number <= k->max)
		return 0;
	find_error(l, v, "%s must be %lld … %lld, not %s", k->key, (long long)k->min, (long long)k->max, v->text);
	return -1;
}

static int bind_decimal(struct loader *l, const struct node *v, const struct bind_key *k, struct field *f)
{
	if (decimal_parse(v->text, &f->decimal) == 0) {
		double d = decimal_double(f->decimal);
		if (d >= -DECIMAL_MAX && d <= DECIMAL_MAX)
			return 0;
		find_error(l, v, "%s must be within ±1e15, not %s", k->key, v->text);
		return -1;
	}
	find_error(l, v, "%s must be a number, not '%s'%s", k->key, v->text, number_hint(v->text));
	return -1;
}

static int bind_duration(struct loader *l, const struct node *v, const struct bind_key *k, struct field *f)
{
	char low[CLOCK_TEXT_MAX], high[CLOCK_TEXT_MAX];

	if (clock_parse_duration(v->text, &f->number) < 0) {
		find_error(l, v, "%s must be a duration (500ms, 30s, 5m, 2h, 400d, 3y), not '%s'", k->key, v->text);
		return -1;
	}
	if (f->number >= k->min && f->number <= k->max)
		return 0;
	find_error(l, v, "%s must be %s … %s, not %s", k->key, clock_format_duration(k->min, low), clock_format_duration(k->max, high), v->text);
	return -1;
}

static int bind_size(struct loader *l, const struct node *v, const struct bind_key *k, struct field *f)
{
	if (size_parse(v->text, &f->number) < 0) {
		find_error(l, v, "%s must be a size (4GiB, 500MB), not '%s'", k->key, v->text);
		return -1;
	}
	if (f->number >= k->min && f->number <= k->max)
		return 0;
	find_error(l, v, "%s must be %lld … %lld bytes, not %s", k->key, (long long)k->min, (long long)k->max, v->text);
	return -1;
}

static int bind_path(struct loader *l, const struct node *v, const struct bind_key *k, struct field *f)
{
	if (strlen(v->text) > 4000 || !is_printable(v->text, false)) {
		find_error(l, v, "%s is not a path", k->key);
		return -1;
	}
	f->text = source_path_absolute(l, v->source, v->text);
	return 0;
}

static bool wants_scalar(enum bind_type t)
{
	return t < BIND_MAP;
}

int bind_value(struct loader *l, const struct node *v, const struct bind_key *k, struct field *ret)
{
	struct field f = { .at = v, .text = v->text };
	int r = 0;

	if (wants_scalar(k->type) && v->type != NODE_SCALAR) {
		find_error(l, v, "%s must be %s, not %s", k->key, type_word(NODE_SCALAR), type_word(v->type));
		return -1;
	}
	if (wants_scalar(k->type) && !v->quoted && (!*v->text || strcmp(v->text, "~") == 0 || strcmp(v->text, "null") == 0)) {
		find_error(l, v, "%s has no value%s", k->key, k->flags & BIND_REQUIRED ? "" : ": leave the key out to get the default");
		return -1;
	}
	switch (k->type) {
	case BIND_TEXT:
	case BIND_LINES: r = bind_text(l, v, k); break;
	case BIND_NAME:
	case BIND_ZONE: r = bind_name(l, v, k); break;
	case BIND_WORD: r = bind_word(l, v, k, &f); break;
	case BIND_BOOL: r = bind_bool(l, v, k, &f); break;
	case BIND_INT: r = bind_int(l, v, k, &f); break;
	case BIND_DECIMAL: r = bind_decimal(l, v, k, &f); break;
	case BIND_DURATION: r = bind_duration(l, v, k, &f); break;
	case BIND_SIZE: r = bind_size(l, v, k, &f); break;
	case BIND_PATH: r = bind_path(l, v, k, &f); break;
	case BIND_MAP: r = bind_is_map(l, v, k->key) ? 0 : -1; break;
	case BIND_LIST: r = bind_is_list(l, v, k->key) ? 0 : -1; break;
	case BIND_ANY: break;
	case BIND_INACTIVE: break;
	case BIND_UNSUPPORTED: r = -1; break;
	}
	if (r == 0)
		*ret = f;
	return r;
}

static const char *key_word(const void *user, size_t i)
{
	const struct bind_key *const *keys = user;

	return (*keys)[i].key;
}

/* nearest_word wants an end: the table's own length does not show in it. */
struct key_list { const struct bind_key *keys; size_t n; };
static const char *key_list_word(const void *user, size_t i)
{
	const struct key_list *list = user;

	return i < list->n ? key_word(&list->keys, i) : NULL;
}

static int bind_pair(struct loader *l, const struct node *key, const struct node *value, const struct bind_key *keys, size_t n_keys,
                     const struct node **seen, void *dst, const char *what)
{
	size_t i = 0;

	if (key->type != NODE_SCALAR) {
		find_error(l, key, "a key must be a word");
		return -1;
	}
	while (i < n_keys && strcmp(key->text, keys[i].key) != 0 && !(keys[i].zh && strcmp(key->text, keys[i].zh) == 0))
		i++;
	if (i == n_keys) {
		struct key_list list = { keys, n_keys };
		find_error(l, key, "unknown key '%s' in %s%s", key->text, what, nearest_hint(l, nearest_word(key->text, key_list_word, &list)));
		return -1;
	}
	if (seen[i]) {
		find_error(l, key, "'%s' is given twice, first at line %d", key->text, seen[i]->line);
		return -1;
	}
	seen[i] = key;
	if (keys[i].type == BIND_UNSUPPORTED) {
		find_error(l, key, "'%s' is not supported yet", key->text);
		return -1;
	}
	if (keys[i].type == BIND_INACTIVE)
		find_warning(l, key, "'%s' is not active yet: it has no effect", key->text);
	struct field *f = (struct field *)((char *)dst + keys[i].offset);
	f->wrong = bind_value(l, value, &keys[i], f) < 0;
	return f->wrong ? -1 : 0;
}

int bind_map(struct loader *l, const struct node *map, const struct bind_key *keys, size_t n_keys, void *dst, const char *what)
{
	const struct node *seen[64] = { NULL };
	int r = 0;

	for (size_t i = 0; i < n_keys; i++) {
		struct field *f = (struct field *)((char *)dst + keys[i].offset);
		*f = (struct field){ 0 };
		if (!keys[i].def)
			continue;
		struct node def = { .type = NODE_SCALAR, .quoted = true, .text = keys[i].def, .source = map->source };
		if (bind_value(l, &def, &keys[i], f) < 0)
			r = -1;
		f->at = NULL;
	}
	if (!bind_is_map(l, map, what))
		return -1;
	for (size_t i = 0; i < map->n; i++)
		if (bind_pair(l, map->items[2 * i], map->items[2 * i + 1], keys, n_keys, seen, dst, what) < 0)
			r = -1;
	for (size_t i = 0; i < n_keys; i++)
		if ((keys[i].flags & BIND_REQUIRED) && !seen[i]) {
			find_error(l, map, "%s: '%s' is missing", what, keys[i].key);
			r = -1;
		}
	return r;
}
