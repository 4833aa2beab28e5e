#include "gateway/config/load_rule.h"

#include <stddef.h>
#include <string.h>

#define AT(field) offsetof(struct select_fields, field)
static const struct bind_key all_keys[SELECT_KEYS_MAX] = {
	{ "kind", NULL, BIND_ANY, 0, AT(kind) },
	{ "building", NULL, BIND_ANY, 0, AT(building) },
	{ "building_class", NULL, BIND_ANY, 0, AT(building_class) },
	{ "height_above", NULL, BIND_DECIMAL, 0, AT(height_above) },
	{ "floor", NULL, BIND_ANY, 0, AT(floor) },
	{ "zone", NULL, BIND_ANY, 0, AT(zone) },
	{ "bus", NULL, BIND_ANY, 0, AT(bus) },
	{ "device", NULL, BIND_ANY, 0, AT(device) },
	{ "tag", NULL, BIND_ANY, 0, AT(tag) },
	{ "point", NULL, BIND_ANY, 0, AT(point) },
	/* of: alarms too */
	{ "class", NULL, BIND_ANY, 0, AT(class_) },
	{ "rule", NULL, BIND_ANY, 0, AT(rule) },
};
#define ALARM_KEYS 2

static const char *building_word(const void *user, size_t i)
{
	const struct site *s = user;

	return i < s->n_buildings ? s->buildings[i].id : NULL;
}

static const char *bus_word(const void *user, size_t i)
{
	const struct site *s = user;

	return i < s->n_buses ? s->buses[i] : NULL;
}

static const char *device_word(const void *user, size_t i)
{
	const struct site *s = user;

	return i < s->n_devices ? s->devices[i].name : NULL;
}

static bool is_known(const char *word, const char *(*next)(const void *, size_t), const void *user)
{
	const char *w;

	for (size_t i = 0; (w = next(user, i)) != NULL; i++)
		if (strcmp(w, word) == 0)
			return true;
	return false;
}

/* Words of the site (next given), or any. */
static struct rule_words load_words(struct loader *l, const struct field *f, const char *what, const char *(*next)(const void *, size_t))
{
	size_t n;

	if (!f->at)
		return (struct rule_words){ 0 };
	const struct node *const *items = bind_words(l, f->at, what, &n);
	const char **words = arena_take(&l->keep, n + 1, sizeof *words);
	for (size_t i = 0; i < n; i++) {
		words[i] = arena_copy(&l->keep, items[i]->text);
		if (text_characters(items[i]->text) > 2 * CONFIG_NAME_MAX + 1 || !*items[i]->text)
			find_error(l, items[i], "%s '%s' must have 1 to %d characters", what, items[i]->text, 2 * CONFIG_NAME_MAX + 1);
		else if (next && !is_known(items[i]->text, next, &l->c->site))
			find_error(l, items[i], "there is no %s '%s'%s", what, items[i]->text, nearest_hint(l, nearest_word(items[i]->text, next, &l->c->site)));
	}
	return (struct rule_words){ words, n };
}

static void load_kinds(struct loader *l, const struct field *f, struct rule_select *s)
{
	size_t n;

	if (!f->at)
		return;
	const struct node *const *items = bind_words(l, f->at, "kind", &n);
	enum kind *kinds = arena_take(&l->keep, n + 1, sizeof *kinds);
	for (size_t i = 0; i < n; i++)
		if (kind_find(items[i]->text, &kinds[i]) < 0)
			find_unknown_kind(l, items[i]);
	s->kinds = kinds;
	s->n_kinds = n;
}

static void load_building_classes(struct loader *l, const struct field *f, struct rule_select *s)
{
	size_t n;

	if (!f->at)
		return;
	const struct node *const *items = bind_words(l, f->at, "building_class", &n);
	enum building_class *classes = arena_take(&l->keep, n + 1, sizeof *classes);
	for (size_t i = 0; i < n; i++)
		if (building_class_find(items[i]->text, &classes[i]) < 0)
			find_error(l, items[i], "building_class '%s' is not one of: class1-public, class2-public, residential, industrial", items[i]->text);
	s->building_classes = classes;
	s->n_building_classes = n;
}

static const char *class_word(const void *user, size_t i)
{
	(void)user;
	return i < CLASS_COUNT ? alarm_class_name((enum alarm_class)i) : NULL;
}

static void load_alarm_classes(struct loader *l, const struct field *f, struct rule_select *s)
{
	size_t n;

	if (!f->at)
		return;
	const struct node *const *items = bind_words(l, f->at, "class", &n);
	enum alarm_class *classes = arena_take(&l->keep, n + 1, sizeof *classes);
	for (size_t i = 0; i < n; i++)
		if (alarm_class_find(items[i]->text, &classes[i]) < 0)
			find_error(l, items[i], "unknown class '%s'%s", items[i]->text, nearest_hint(l, nearest_word(items[i]->text, class_word, NULL)));
	s->classes = classes;
	s->n_classes = n;
}

size_t select_keys(struct bind_key *ret, size_t at, bool of)
{
	size_t n = SELECT_KEYS_MAX - (of ? 0 : ALARM_KEYS);

	memcpy(ret, all_keys, n * sizeof *ret);
	for (size_t i = 0; i < n; i++)
		ret[i].offset += at;
	return n;
}

void load_select(struct loader *l, const struct node *n, bool of, struct rule_select *ret)
{
	struct select_fields f;
	struct bind_key keys[SELECT_KEYS_MAX];

	memset(&f, 0, sizeof f);
	bind_map(l, n, keys, select_keys(keys, 0, of), &f, of ? "of" : "for");
	load_select_fields(l, &f, ret);
}

void load_select_fields(struct loader *l, const struct select_fields *f, struct rule_select *ret)
{
	*ret = (struct rule_select){ .height_above = NAN };
	load_kinds(l, &f->kind, ret);
	load_building_classes(l, &f->building_class, ret);
	if (f->height_above.at)
		ret->height_above = decimal_double(f->height_above.decimal);
	ret->building = load_words(l, &f->building, "building", building_word);
	ret->bus = load_words(l, &f->bus, "bus", bus_word);
	ret->device = load_words(l, &f->device, "device", device_word);
	ret->floor = load_words(l, &f->floor, "floor", NULL);
	ret->zone = load_words(l, &f->zone, "zone", NULL);
	ret->tag = load_words(l, &f->tag, "tag", NULL);
	ret->point = load_words(l, &f->point, "point", NULL);
	load_alarm_classes(l, &f->class_, ret);
	ret->rule = load_words(l, &f->rule, "rule", NULL);
	for (size_t i = 0; i < ret->floor.n; i++) {
		int rank;
		if (floor_rank(ret->floor.words[i], &rank) < 0)
			find_error(l, f->floor.at, "floor '%s' is not a floor: B2, B1, 1, 2, … or R", ret->floor.words[i]);
	}
}
