#include "rules/engine.h"

#include <stdlib.h>
#include <string.h>

struct growth {
	uint32_t cap_groups, cap_slots, cap_links;
};

static int no_memory(struct err *reterr)
{
	return err_set(reterr, ERR_NO_MEMORY, "no memory for the count rules");
}

static bool takes_class(const struct rule_def *d, enum alarm_class c)
{
	if (!d->of_alarms)
		return c != CLASS_DISABLEMENT;
	for (size_t i = 0; i < d->of.n_classes; i++)
		if (d->of.classes[i] == c)
			return true;
	return d->of.n_classes == 0;
}

static bool takes_rule(const struct rule_def *d, const char *rule)
{
	for (size_t i = 0; d->of_alarms && i < d->of.rule.n; i++)
		if (strcmp(d->of.rule.words[i], rule) == 0)
			return true;
	return !d->of_alarms || d->of.rule.n == 0;
}

bool groups_have_scope(const struct rule_def *d, const struct point *p)
{
	switch (d->same) {
	case SCOPE_ZONE: return p->zone[0] != '\0';
	case SCOPE_FLOOR: return p->floor[0] != '\0';
	case SCOPE_SITE:
	case SCOPE_DEVICE:
	case SCOPE_BUILDING: return true;
	}
	return false;
}

int groups_compare_scopes(const struct rule_def *d, const struct point *a, const struct point *b)
{
	int order = (a->building > b->building) - (a->building < b->building);

	switch (d->same) {
	case SCOPE_SITE: return 0;
	case SCOPE_ZONE: return order != 0 ? order : strcmp(a->zone, b->zone);
	case SCOPE_FLOOR: return order != 0 ? order : strcmp(a->floor, b->floor);
	case SCOPE_DEVICE: return (a->device > b->device) - (a->device < b->device);
	case SCOPE_BUILDING: return order;
	}
	return 0;
}

static int compare_candidates(const void *x, const void *y, void *arg)
{
	const struct candidate *a = x, *b = y;
	int order = groups_compare_scopes(arg, a->point, b->point);

	if (order != 0)
		return order;
	if (a->point != b->point)
		return a->point < b->point ? -1 : 1;
	return (a->what > b->what) - (a->what < b->what);
}

static uint32_t find_candidates(const struct rules *r, const struct rule_def *d, struct candidate *ret)
{
	uint32_t n = 0;

	for (uint32_t a = 0; a < r->n_single; a++) {
		const struct point *p = &r->site->points[rules_point(r, a)];
		if (takes_class(d, rules_class(r, a)) && takes_rule(d, rules_def(r, a)->id) && groups_have_scope(d, p) &&
		    rule_select_fits(&d->select, r->site, p) && rule_select_fits(&d->of, r->site, p))
			ret[n++] = (struct candidate){ a, p };
	}
	return n;
}

void groups_describe(const struct rules *r, const struct candidate *c, uint32_t n, struct rules_alarm *a)
{
	const struct rule_def *d = a->def;
	const struct kind_info *kind = kind_info(c[0].point->kind);

	a->class_ = d->class_given ? d->class_ : kind->class_;
	a->hazard = kind->hazard;
	a->building = c[0].point->building;
	a->floor = c[0].point->floor;
	a->zone = c[0].point->zone;
	for (uint32_t i = 1; i < n; i++) {
		if (c[i].point->building != c[0].point->building)
			a->building = UINT32_MAX;
		if (strcmp(c[i].point->floor, c[0].point->floor) != 0)
			a->floor = "";
		if (strcmp(c[i].point->zone, c[0].point->zone) != 0)
			a->zone = "";
	}
	if (a->building == UINT32_MAX)
		a->floor = a->zone = "";
	a->node = a->building == UINT32_MAX ? 0 : r->site->buildings[a->building].node;
}

static int add_slot(struct rules *r, struct growth *g, const struct point *p)
{
	struct slot *slots = rules_grow(r->slots, r->n_slots, &g->cap_slots, sizeof *slots);

	if (!slots)
		return -1;
	r->slots = slots;
	slots[r->n_slots++] = (struct slot){ .point = (uint32_t)(p - r->site->points), .group = r->n_groups };
	return 0;
}

static int add_link(struct rules *r, struct growth *g, uint32_t alarm)
{
	struct link *links = rules_grow(r->links, r->n_links, &g->cap_links, sizeof *links);

	if (!links)
		return -1;
	r->links = links;
	links[r->n_links++] = (struct link){ .alarm = alarm, .slot = (r->n_slots - 1) & INT32_MAX };
	return 0;
}

/* Candidates of one scope, sorted by point. */
static int add_group(struct rules *r, struct growth *g, uint32_t *cap, const struct rule_def *d, const struct candidate *c, uint32_t n)
{
	struct group *groups = rules_grow(r->groups, r->n_groups, &g->cap_groups, sizeof *groups);

	if (!groups)
		return -1;
	r->groups = groups;
	struct rules_alarm *a = rules_add_whole(r, cap);
	if (!a)
		return -1;
	a->def = d;
	a->count_rule = true;
	groups_describe(r, c, n, a);
	a->limit = d->count;
	groups[r->n_groups] = (struct group){ .first_slot = r->n_slots };
	for (uint32_t i = 0; i < n; i++)
		if (((i == 0 || c[i].point != c[i - 1].point) && add_slot(r, g, c[i].point) < 0) || add_link(r, g, c[i].what) < 0)
			return -1;
	groups[r->n_groups].n_slots = r->n_slots - groups[r->n_groups].first_slot;
	r->n_groups++;
	return 0;
}

static int add_groups(struct rules *r, struct growth *g, uint32_t *cap, const struct rule_def *d, struct candidate *c)
{
	uint32_t n = find_candidates(r, d, c);

	qsort_r(c, n, sizeof *c, compare_candidates, (void *)(uintptr_t)d);
	for (uint32_t from = 0, to = 0; from < n; from = to) {
		while (to < n && groups_compare_scopes(d, c[from].point, c[to].point) == 0)
			to++;
		if (add_group(r, g, cap, d, &c[from], to - from) < 0)
			return -1;
	}
	return 0;
}

/* From the order of groups to the order of alarms. */
static int sort_links(struct rules *r)
{
	struct link *sorted = calloc(r->n_links + 1, sizeof *sorted);

	r->first_link = calloc(r->n_single + 2, sizeof *r->first_link);
	if (!sorted || !r->first_link) {
		free(sorted);
		return -1;
	}
	for (uint32_t i = 0; i < r->n_links; i++)
		r->first_link[r->links[i].alarm + 2]++;
	for (uint32_t a = 0; a < r->n_single; a++)
		r->first_link[a + 2] += r->first_link[a + 1];
	for (uint32_t i = 0; i < r->n_links; i++)
		sorted[r->first_link[r->links[i].alarm + 1]++] = r->links[i];
	free(r->links);
	r->links = sorted;
	return 0;
}

int rules_build_groups(struct rules *r, uint32_t *cap, struct err *reterr)
{
	struct candidate *c = calloc(r->n_single + 1, sizeof *c);
	struct growth g = { 0 };
	int rc = c ? 0 : -1;

	for (size_t i = 0; rc == 0 && i < r->n_defs; i++)
		if (r->defs[i].enabled && r->defs[i].when == WHEN_COUNT)
			rc = add_groups(r, &g, cap, &r->defs[i], c);
	free(c);
	if (rc < 0 || sort_links(r) < 0)
		return no_memory(reterr);
	return 0;
}
