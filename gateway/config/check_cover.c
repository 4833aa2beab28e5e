#include "gateway/config/bind.h"
#include "gateway/config/loader.h"

#include <string.h>

/* What the rules leave out: points on which nothing is ever raised, and buildings that lack what rules choose by. Only for a config without errors: what is wrong there comes first. */

#define NAMED_MAX 3 /* points named in a finding; more are counted */

/* Often kept for the record alone; one of them needs a rule when its table gives it a limit. */
static bool is_for_the_record(enum kind k)
{
	static const enum kind kinds[] = { KIND_GENERIC, KIND_PHASE_VOLTAGE, KIND_PHASE_CURRENT, KIND_POWER_ENERGY, KIND_WATER_TEMPERATURE, KIND_HYDRANT_FLOW };

	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
		if (kinds[i] == k)
			return true;
	return false;
}

static bool has_limit(const struct point *p)
{
	return !isnan(p->low) || !isnan(p->low2) || !isnan(p->high) || !isnan(p->high2);
}

/* What this point still wants of the rules: COVER_FIRE, COVER_ANY, 0: nothing. */
static uint8_t lacks(const struct loader *l, const struct point *p)
{
	uint8_t covered = l->covers[p->index];

	if (kind_info(p->kind)->detector)
		return covered & COVER_FIRE ? 0 : COVER_FIRE;
	if ((covered & COVER_ANY) || (is_for_the_record(p->kind) && !has_limit(p)))
		return 0;
	return COVER_ANY;
}

static const char *limit_word(enum rule_limit limit)
{
	switch (limit) {
	case LIMIT_NUMBER: break;
	case LIMIT_LOW: return "point.low";
	case LIMIT_LOW2: return "point.low2";
	case LIMIT_HIGH: return "point.high";
	case LIMIT_HIGH2: return "point.high2";
	}
	return NULL;
}

/* The words that rules for this point look for, and that it has not: "alarm, fault, point.high"; "" if there are none. */
static const char *wanted(struct loader *l, const struct point *p, bool fire)
{
	const char *text = "";

	for (size_t i = 0; i < l->n_rules; i++) {
		const struct rule_def *r = &l->rules[i];
		if (!r->enabled || r->when == WHEN_COUNT || r->when == WHEN_QUALITY || (fire && rule_class(r, p) != CLASS_FIRE))
			continue;
		const char *word = r->equals_text ? r->equals_text : limit_word(r->limit_from);
		if (word && rule_select_fits(&r->select, &l->c->site, p) && !strstr(text, word))
			text = arena_printf(&l->scratch, "%s%s%s", text, *text ? ", " : "", word);
	}
	return text;
}

/* All points like this one, of the same table: said once, where the first of them stands. */
static void say_group(struct loader *l, size_t first, uint8_t lack)
{
	const struct point *p = &l->points[first];
	const char *named = "", *words = wanted(l, p, lack == COVER_FIRE), *what = lack == COVER_FIRE ? "no rule raises a fire" : "no rule raises anything";
	size_t n = 0;

	for (size_t i = first; i < l->n_points; i++) {
		const struct point *q = &l->points[i];
		if (q->kind != p->kind || l->places[i].row->source != l->places[first].row->source || lacks(l, q) != lack)
			continue;
		l->covers[i] |= COVER_ANY | COVER_FIRE;
		if (n++ < NAMED_MAX)
			named = arena_printf(&l->scratch, "%s%s%s", named, *named ? ", " : "", q->id);
	}
	find_warning(l, l->places[first].row, "%s on %zu point%s of kind %s (%s%s): %s%s", what, n, n == 1 ? "" : "s", kind_info(p->kind)->name, named,
	             n > NAMED_MAX ? ", …" : "", *words ? "the rules for them look for what they do not have: " : "give 'rules' one for them", words);
}

static bool chooses_by(const struct rule_select *s, bool height)
{
	return height ? !isnan(s->height_above) : s->n_building_classes > 0;
}

/* Whether the rule would be for a point of this building, were its class and height those that it asks for. */
static bool is_for_building(const struct loader *l, const struct rule_def *r, uint32_t building)
{
	struct rule_select s = r->select;

	s.n_building_classes = 0;
	s.height_above = NAN;
	for (size_t i = 0; i < l->n_points; i++)
		if (l->points[i].building == building && rule_select_fits(&s, &l->c->site, &l->points[i]))
			return true;
	return false;
}

static void check_building(struct loader *l, uint32_t building, bool height)
{
	const struct node *places = node_get(node_get(l->root, "site"), "buildings");
	const char *named = "";
	size_t n = 0;

	for (size_t i = 0; i < l->n_rules; i++)
		if (l->rules[i].enabled && chooses_by(&l->rules[i].select, height) && is_for_building(l, &l->rules[i], building) && n++ < NAMED_MAX)
			named = arena_printf(&l->scratch, "%s%s%s", named, *named ? ", " : "", l->rules[i].id);
	if (n)
		find_warning(l, places->items[building], "building '%s' has no '%s': the rules that choose by it are not for its points (%s%s)", l->c->site.buildings[building].id,
		             height ? "height_m" : "class", named, n > NAMED_MAX ? ", …" : "");
}

void check_cover(struct loader *l)
{
	for (size_t i = 0; i < l->n_points; i++) {
		uint8_t lack = lacks(l, &l->points[i]);
		if (lack && l->n_rules == 0) {
			find_warning(l, l->root, "there are no rules: nothing ever raises an alarm; give 'rules', for example rules: [rules/high-rise.yaml]");
			return;
		}
		if (lack)
			say_group(l, i, lack);
	}
	for (uint32_t i = 0; i < l->c->site.n_buildings; i++) {
		if (l->c->site.buildings[i].class_ == BUILDING_UNKNOWN)
			check_building(l, i, false);
		if (isnan(l->c->site.buildings[i].height_m))
			check_building(l, i, true);
	}
}
