#include "gateway/config/loader.h"

/* One fire, announced twice: two rules that raise a fire on the same point at the same value, such as a site's own beside the pack's. Each keeps an alarm of its own, with an
 * acknowledgement of its own, and a brigade sees two fires. Steps (a higher limit, another text) are no doubles. Only for a config without errors. */

static bool is_of_step(const struct rule_def *r)
{
	return r->when == WHEN_ABOVE || r->when == WHEN_BELOW;
}

static bool both_met(const struct rule_def *a, const struct rule_def *b, const struct point *p, double value)
{
	return rule_is_met(a, p, value) && rule_is_met(b, p, value);
}

/* Whether there is a value at which both begin. Where a point has no texts, the values that count are 0, 1 and those that the rules name. */
static bool begin_alike(const struct rule_def *a, const struct rule_def *b, const struct point *p)
{
	if (is_of_step(a) && is_of_step(b))
		return a->when == b->when && rule_limit(a, p) == rule_limit(b, p);
	for (size_t i = 0; i < p->n_labels; i++)
		if (both_met(a, b, p, p->labels[i].value))
			return true;
	if (p->n_labels)
		return false;
	return both_met(a, b, p, 0) || both_met(a, b, p, 1) || (a->when == WHEN_EQUALS && both_met(a, b, p, a->limit)) || (b->when == WHEN_EQUALS && both_met(a, b, p, b->limit));
}

static bool raises_fire(const struct loader *l, const struct rule_def *r, const struct point *p)
{
	return rule_class(r, p) == CLASS_FIRE && rule_select_fits(&r->select, &l->c->site, p);
}

struct doubled {
	const struct rule_def *by;
	const struct point    *first;
	size_t                 n;
};

/* first_rule: by point, the number (from 1) of the first rule that raises a fire on it. */
static void check_rule(struct loader *l, size_t rule, uint32_t *first_rule)
{
	const struct rule_def *r = &l->rules[rule];
	struct doubled d = { 0 };

	for (size_t i = 0; i < l->n_points; i++) {
		const struct point *p = &l->points[i];
		if (!raises_fire(l, r, p))
			continue;
		if (!first_rule[i]) {
			first_rule[i] = (uint32_t)rule + 1;
		} else if (begin_alike(&l->rules[first_rule[i] - 1], r, p) && d.n++ == 0) {
			d.by = &l->rules[first_rule[i] - 1];
			d.first = p;
		}
	}
	if (d.n == 1)
		find_warning(l, l->rule_places[rule].id, "rule '%s' raises a fire on %s when '%s' does: each fire is announced twice; leave one of them out, or give this one the other's id, which replaces it",
		             r->id, d.first->id, d.by->id);
	else if (d.n)
		find_warning(l, l->rule_places[rule].id, "rule '%s' raises a fire on %zu points (%s, …) where another does at the same value ('%s'): each fire is announced twice; leave one of them out, or give this one the other's id, which replaces it",
		             r->id, d.n, d.first->id, d.by->id);
}

void check_doubles(struct loader *l)
{
	uint32_t *first_rule = arena_take(&l->scratch, l->n_points + 1, sizeof *first_rule);

	for (size_t i = 0; i < l->n_rules; i++) {
		const struct rule_def *r = &l->rules[i];
		if (r->enabled && !rule_is_of_several(r) && r->when != WHEN_QUALITY && (!r->class_given || r->class_ == CLASS_FIRE))
			check_rule(l, i, first_rule);
	}
}
