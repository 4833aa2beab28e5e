/* all, any: each term says which points, as `for` does, and one simple condition on them, as `when` does, in one mapping. */
#include "gateway/config/load_rule.h"

#include <stddef.h>

struct term_fields {
	struct select_fields select;
	struct when_fields   when;
};

static const char simple[] = "above, below, outside, equals, bit or quality";

/* Conditions that a rule may have and a term may not. */
static bool refuse_others(struct loader *l, const struct when_fields *f)
{
	const struct { const struct field *f; const char *word; } others[] = {
		{ &f->count, "count" }, { &f->rate, "rate" }, { &f->stuck, "stuck" }, { &f->all, "all" }, { &f->any, "any" },
	};
	bool refused = false;

	for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
		if (!others[i].f->at)
			continue;
		find_error(l, others[i].f->at, "a term has one simple condition (%s), not %s: that is for a rule of its own", simple, others[i].word);
		refused = true;
	}
	return refused;
}

static bool has_select(const struct select_fields *f)
{
	return f->kind.at || f->building.at || f->building_class.at || f->height_above.at || f->floor.at || f->zone.at || f->bus.at || f->device.at || f->tag.at ||
	       f->point.at;
}

static size_t count_conditions(const struct when_fields *f)
{
	const struct field *one[] = { &f->above, &f->below, &f->outside, &f->equals, &f->bit, &f->quality };
	size_t n = 0;

	for (size_t i = 0; i < sizeof one / sizeof *one; i++)
		n += one[i]->at != NULL;
	return n;
}

static int load_term(struct loader *l, const struct node *n, struct rule_def *t, struct rule_place *place)
{
	struct term_fields f = { 0 };
	struct bind_key keys[SELECT_KEYS_MAX + WHEN_KEYS_MAX];
	size_t n_keys = select_keys(keys, offsetof(struct term_fields, select), false);
	const struct when_fields *w = &f.when;

	n_keys += when_keys(keys + n_keys, offsetof(struct term_fields, when));
	if (!bind_is_map(l, n, "a term"))
		return -1;
	int bad = bind_map(l, n, keys, n_keys, &f, "a term");
	size_t given = count_conditions(w), errors = l->errors;
	load_select_fields(l, &f.select, &t->select);
	place->select_wrong = bad < 0 || l->errors > errors;
	if (refuse_others(l, w))
		return -1;
	if (bad == 0 && !has_select(&f.select))
		find_error(l, n, "a term: of which points? Give 'point' (an id or a glob), or another word of 'for'");
	if (given > 1)
		find_error(l, n, "a term has %zu conditions: it has one (%s)", given, simple);
	else if (given == 0 && bad == 0)
		find_error(l, n, "a term has no condition (%s)", simple);
	if (given != 1 || load_condition(l, w, t, place) < 0)
		return -1;
	return bad;
}

int load_terms(struct loader *l, const struct node *list, struct rule_def *r, struct rule_place *place)
{
	size_t n = bind_count(l, list, RULES_TERMS_MAX, "terms");
	struct rule_def *terms = arena_take(&l->keep, n + 1, sizeof *terms);
	struct rule_place *places = arena_take(&l->scratch, n + 1, sizeof *places);
	int bad = 0;

	if (list->n == 0) {
		find_error(l, list, "%s has no terms: give some, such as {point: \"pump-1.called\", equals: 1}", r->when == WHEN_ALL ? "all" : "any");
		return -1;
	}
	for (size_t i = 0; i < n; i++) {
		terms[i] = (struct rule_def){ .id = r->id, .file = r->file, .line = list->items[i]->line, .enabled = true, .ack = true, .gb_status = -1, .gb_system = -1,
			.gb_component = -1, .of.height_above = NAN };
		places[i] = (struct rule_place){ .rule = list->items[i], .id = list->items[i], .when = list->items[i] };
		if (load_term(l, list->items[i], &terms[i], &places[i]) < 0)
			bad = -1;
	}
	r->terms = terms;
	r->n_terms = n;
	place->terms = places;
	return bad;
}
