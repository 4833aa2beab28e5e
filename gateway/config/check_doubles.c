#include "gateway/config/loader.h"

/* One fire, announced twice: two rules that raise a fire on the same point at the same value, such as a site's own beside the pack's. Each keeps an alarm of its own, with an
 * acknowledgement of its own, and a brigade sees two fires. Steps (a higher limit, another text) are no doubles. Only for a config without errors. */

#define TOGETHER_MAX 16 /* fire rules of one point that are looked at */

/* Of one rule: the points on which an earlier one raises the same fire. */
struct doubled {
	const struct rule_def *by;
	const struct point    *first;
	size_t                 n;
};

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

static bool may_raise_fire(const struct rule_def *r)
{
	return r->enabled && !rule_is_of_several(r) && r->when != WHEN_QUALITY && (!r->class_given || r->class_ == CLASS_FIRE);
}

static void check_point(const struct loader *l, const uint32_t *fire_rules, size_t n_fire_rules, const struct point *p, struct doubled *by_rule)
{
	uint32_t here[TOGETHER_MAX];
	size_t n = 0;

	for (size_t i = 0; i < n_fire_rules && n < TOGETHER_MAX; i++) {
		const struct rule_def *r = &l->rules[fire_rules[i]];
		struct doubled *d = &by_rule[fire_rules[i]];
		size_t k = 0;

		if (rule_class(r, p) != CLASS_FIRE || !rule_select_fits(&r->select, &l->c->site, p))
			continue;
		while (k < n && !begin_alike(&l->rules[here[k]], r, p))
			k++;
		if (k < n && d->n++ == 0) {
			d->by = &l->rules[here[k]];
			d->first = p;
		}
		here[n++] = fire_rules[i];
	}
}

void check_doubles(struct loader *l)
{
	uint32_t *fire_rules = arena_take(&l->scratch, l->n_rules + 1, sizeof *fire_rules);
	struct doubled *by_rule = arena_take(&l->scratch, l->n_rules + 1, sizeof *by_rule);
	size_t n = 0;

	for (uint32_t i = 0; i < l->n_rules; i++)
		if (may_raise_fire(&l->rules[i]))
			fire_rules[n++] = i;
	for (size_t i = 0; i < l->n_points; i++)
		check_point(l, fire_rules, n, &l->points[i], by_rule);
	for (size_t i = 0; i < l->n_rules; i++) {
		const struct doubled *d = &by_rule[i];
		static const char cure[] = "each fire is announced twice; leave one of them out, or give this one the other's id, which replaces it";

		if (d->n == 1)
			find_warning(l, l->rule_places[i].id, "rule '%s' raises a fire on %s when '%s' does: %s", l->rules[i].id, d->first->id, d->by->id, cure);
		else if (d->n)
			find_warning(l, l->rule_places[i].id, "rule '%s' raises a fire on %zu points (%s, …) where another does at the same value ('%s'): %s", l->rules[i].id, d->n, d->first->id, d->by->id, cure);
	}
}
