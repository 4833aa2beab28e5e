#include "rules/rules.h"

#include <fnmatch.h>
#include <string.h>

static bool has_word(const struct rule_words *w, const char *text)
{
	for (size_t i = 0; i < w->n; i++)
		if (strcmp(w->words[i], text) == 0)
			return true;
	return false;
}

static bool fits_words(const struct rule_words *w, const char *text)
{
	return w->n == 0 || has_word(w, text);
}

static bool fits_kind(const struct rule_select *s, enum kind kind)
{
	for (size_t i = 0; i < s->n_kinds; i++)
		if (s->kinds[i] == kind)
			return true;
	return s->n_kinds == 0;
}

static bool fits_building(const struct rule_select *s, const struct site_building *b)
{
	bool class_fits = s->n_building_classes == 0;

	for (size_t i = 0; i < s->n_building_classes; i++)
		class_fits = class_fits || s->building_classes[i] == b->class_;
	/* Comparing with a height that is not given (NaN) is false: it never fits. */
	return class_fits && fits_words(&s->building, b->id) && (isnan(s->height_above) || b->height_m > s->height_above);
}

static bool fits_tag(const struct rule_select *s, const struct point *p)
{
	for (size_t i = 0; i < p->n_tags; i++)
		if (has_word(&s->tag, p->tags[i]))
			return true;
	return s->tag.n == 0;
}

static bool fits_glob(const struct rule_select *s, const struct point *p)
{
	for (size_t i = 0; i < s->point.n; i++)
		if (fnmatch(s->point.words[i], p->id, 0) == 0)
			return true;
	return s->point.n == 0;
}

/* The cheap tests first: every rule asks about every point. */
bool rule_select_fits(const struct rule_select *s, const struct site *site, const struct point *p)
{
	return fits_kind(s, p->kind) && fits_words(&s->floor, p->floor) && fits_words(&s->zone, p->zone) &&
	       fits_words(&s->bus, site->buses[p->bus]) && fits_words(&s->device, site->devices[p->device].name) &&
	       fits_building(s, &site->buildings[p->building]) && fits_tag(s, p) && fits_glob(s, p);
}
