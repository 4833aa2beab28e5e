#include "rules/engine.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Alarms, leaves and timers are numbered with 32 bits, and two ranges of timers share them. */
#define ALARMS_MAX (UINT32_MAX / 4)

/* Only for rules_new: leaves in the order of their alarms, and points by id for rules that name theirs. */
struct build {
	struct rules     *r;
	uint32_t          cap_wholes, cap_singles, cap_leaves;
	struct leaf      *leaves;
	struct leaf_band *others;
	uint32_t         *points_by_id; /* made when first needed */
	uint32_t         *picked;
};

void *rules_grow(void *array, size_t n, uint32_t *cap, size_t size)
{
	if (n < *cap)
		return array;
	uint32_t more = *cap < 64 ? 64 : *cap * 2;
	void *grown = more > ALARMS_MAX * 2 ? NULL : reallocarray(array, more, size);
	if (grown)
		*cap = more;
	return grown;
}

struct rules_alarm *rules_add_whole(struct rules *r, uint32_t *cap)
{
	uint32_t n = r->n_alarms - r->n_single;
	struct rules_alarm *grown = r->n_alarms < ALARMS_MAX ? rules_grow(r->wholes, n, cap, sizeof *grown) : NULL;

	if (!grown)
		return NULL;
	r->wholes = grown;
	r->n_alarms++;
	struct rules_alarm *a = &grown[n];
	*a = (struct rules_alarm){ .point = POINT_NONE, .building = UINT32_MAX, .floor = "", .zone = "", .limit = NAN, .ack = true };
	return a;
}

static void *shrink(void *array, size_t n, size_t size)
{
	void *exact = n > 0 ? reallocarray(array, n, size) : NULL;

	return exact ? exact : array;
}

/* Gives back what doubling took too much. */
static void shrink_all(struct rules *r)
{
	r->singles = shrink(r->singles, r->n_single, sizeof *r->singles);
	r->wholes = shrink(r->wholes, r->n_alarms - r->n_single, sizeof *r->wholes);
	r->groups = shrink(r->groups, r->n_groups, sizeof *r->groups);
	r->slots = shrink(r->slots, r->n_slots, sizeof *r->slots);
	r->joints = shrink(r->joints, r->n_joints, sizeof *r->joints);
	r->terms = shrink(r->terms, r->n_terms, sizeof *r->terms);
	r->seats = shrink(r->seats, r->n_seats, sizeof *r->seats);
}

static int no_memory(struct err *reterr)
{
	return err_set(reterr, ERR_NO_MEMORY, "no memory for the rules");
}

int rules_prefix_def(const struct rule_def *d, struct err *reterr)
{
	return err_prefix(reterr, "%s:%d: rule '%s': ", d->file ? d->file : "rules", d->line, d->id ? d->id : "");
}

static int check_def(const struct rule_def *d, struct err *reterr)
{
	int rc = 0;

	if (!d->id || d->id[0] == '\0')
		rc = err_set(reterr, ERR_INVALID, "a rule needs an id");
	else if (d->on_delay_ns < 0 || d->off_delay_ns < 0)
		rc = err_set(reterr, ERR_INVALID, "a delay must be 0 or more");
	else if (d->priority > 5)
		rc = err_set(reterr, ERR_INVALID, "priority %u: 1 is the most urgent, 5 the least", d->priority);
	else if (d->class_given && (unsigned)d->class_ >= CLASS_COUNT)
		rc = err_set(reterr, ERR_INVALID, "unknown class");
	else if (rule_is_of_several(d) && (unsigned)d->same > SCOPE_BUILDING)
		rc = err_set(reterr, ERR_INVALID, "unknown scope");
	else
		rc = leaf_check(d, reterr);
	return rc < 0 ? rules_prefix_def(d, reterr) : 0;
}

static int compare_point_ids(const void *a, const void *b, void *arg)
{
	const struct point *points = arg;

	return strcmp(points[*(const uint32_t *)a].id, points[*(const uint32_t *)b].id);
}

static int compare_numbers(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

static uint32_t find_point(const struct build *b, const char *id)
{
	const struct point *points = b->r->site->points;
	size_t low = 0, high = b->r->site->n_points;

	while (low < high) {
		size_t mid = (low + high) / 2;
		int order = strcmp(points[b->points_by_id[mid]].id, id);
		if (order == 0)
			return b->points_by_id[mid];
		if (order < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return POINT_NONE;
}

/* Whether the rule names each of its points without wildcards: then they are looked up instead of trying all. */
static bool names_points(const struct rule_select *s, const struct site *site)
{
	for (size_t i = 0; i < s->point.n; i++)
		if (strpbrk(s->point.words[i], "*?[\\"))
			return false;
	return s->point.n > 0 && s->point.n < site->n_points;
}

/* Points named in the rule, in the order of the site, each once. -1: no memory. */
static int pick_named(struct build *b, const struct rule_select *s, size_t *ret_n)
{
	const struct site *site = b->r->site;
	size_t n = 0, unique = 0;

	if (!b->points_by_id) {
		b->points_by_id = calloc(site->n_points + 1, sizeof *b->points_by_id);
		b->picked = calloc(site->n_points + 1, sizeof *b->picked);
		if (!b->points_by_id || !b->picked)
			return -1;
		for (uint32_t p = 0; p < site->n_points; p++)
			b->points_by_id[p] = p;
		qsort_r(b->points_by_id, site->n_points, sizeof *b->points_by_id, compare_point_ids, (void *)(uintptr_t)site->points);
	}
	for (size_t i = 0; i < s->point.n; i++) {
		uint32_t p = find_point(b, s->point.words[i]);
		if (p != POINT_NONE)
			b->picked[n++] = p;
	}
	qsort(b->picked, n, sizeof *b->picked, compare_numbers);
	for (size_t i = 0; i < n; i++)
		if (i == 0 || b->picked[i] != b->picked[i - 1])
			b->picked[unique++] = b->picked[i];
	*ret_n = unique;
	return 0;
}

int rules_pick_points(struct build *b, const struct rule_select *s, const uint32_t **ret_points, size_t *ret_n)
{
	bool named = names_points(s, b->r->site);

	*ret_n = b->r->site->n_points;
	if (named && pick_named(b, s, ret_n) < 0)
		return -1;
	*ret_points = named ? b->picked : NULL;
	return 0;
}

static int add_leaf(struct build *b, const struct leaf *leaf, const struct leaf_band *other)
{
	uint32_t n = b->r->n_single, cap = b->cap_leaves;
	struct leaf *leaves = rules_grow(b->leaves, n, &cap, sizeof *leaves);

	if (!leaves)
		return -1;
	b->leaves = leaves;
	cap = b->cap_leaves;
	struct leaf_band *others = rules_grow(b->others, n, &cap, sizeof *others);
	if (!others)
		return -1;
	b->others = others;
	b->cap_leaves = cap;
	leaves[n] = *leaf;
	leaves[n].alarm = n;
	others[n] = *other;
	return 0;
}

/* What must not go by itself. */
static int check_ack(const struct rule_def *d, enum alarm_class c, struct err *reterr)
{
	if (d->ack || c > CLASS_PREALARM)
		return 0;
	err_set(reterr, ERR_INVALID, "ack: false: an alarm of class %s must be acknowledged; drop it, or give another class", alarm_class_name(c));
	return rules_prefix_def(d, reterr);
}

static int add_single(struct build *b, const struct rule_def *d, uint32_t point, struct err *reterr)
{
	struct rules *r = b->r;
	const struct point *p = &r->site->points[point];
	struct leaf leaf;
	struct leaf_band other;

	if (!rule_select_fits(&d->select, r->site, p) || !leaf_make(d, p, &leaf, &other))
		return 0;
	struct single *singles = r->n_single < ALARMS_MAX ? rules_grow(r->singles, r->n_single, &b->cap_singles, sizeof *singles) : NULL;
	if (!singles)
		return no_memory(reterr);
	r->singles = singles;
	singles[r->n_single] = (struct single){ .def = (uint32_t)(d - r->defs), .point = point };
	if (add_leaf(b, &leaf, &other) < 0)
		return no_memory(reterr);
	r->n_alarms = ++r->n_single;
	return check_ack(d, rule_class(d, p), reterr);
}

static int add_singles(struct build *b, const struct rule_def *d, struct err *reterr)
{
	const uint32_t *picked;
	size_t n;

	if (rules_pick_points(b, &d->select, &picked, &n) < 0)
		return no_memory(reterr);
	for (uint32_t i = 0; i < n; i++)
		if (add_single(b, d, picked ? picked[i] : i, reterr) < 0)
			return -1;
	return 0;
}

static int add_owns(struct build *b, const struct rules_own *owns, size_t n_owns, struct err *reterr)
{
	for (size_t i = 0; i < n_owns; i++) {
		struct rules_alarm *a = rules_add_whole(b->r, &b->cap_wholes);
		if (!a)
			return no_memory(reterr);
		a->own = &owns[i];
		a->class_ = CLASS_FAULT;
		a->hazard = HAZARD_NONE;
		b->r->n_owns++;
	}
	return 0;
}

/* What follows alike for all that are not of people. */
static int finish_alarms(struct rules *r, struct err *reterr)
{
	for (uint32_t a = 0; a < r->n_single; a++)
		r->made_by[r->singles[a].def]++;
	for (uint32_t i = 0; i < r->n_made - r->n_single; i++) {
		struct rules_alarm *a = &r->wholes[i];
		a->priority = rules_priority(a->def, a->class_);
		if (!a->def)
			continue;
		a->latch = a->def->latch;
		a->ack = a->def->ack;
		r->made_by[a->def - r->defs]++;
		if (check_ack(a->def, a->class_, reterr) < 0)
			return -1;
	}
	return 0;
}

static uint32_t point_of_leaf(const struct rules *r, uint32_t leaf)
{
	return leaf < r->n_single ? r->singles[leaf].point : r->seats[leaf - r->n_single].point;
}

static void place_leaf(struct build *b, uint32_t leaf, uint32_t at)
{
	struct rules *r = b->r;

	if (leaf < r->n_single) {
		r->leaves[at] = b->leaves[leaf];
		r->others[at] = b->others[leaf];
		return;
	}
	struct seat *s = &r->seats[leaf - r->n_single];
	leaf_make(r->terms[s->term].def, &r->site->points[s->point], &r->leaves[at], &r->others[at]);
	r->leaves[at].alarm = r->n_alarms + leaf - r->n_single;
	s->leaf = at;
}

/* From the order of alarms, then seats, to the order of points: what one reading touches lies together. */
static int place_leaves(struct build *b, struct err *reterr)
{
	struct rules *r = b->r;
	size_t n_points = r->site->n_points, n = (size_t)r->n_single + r->n_seats;

	r->leaves = aligned_alloc(64, (n * sizeof *r->leaves / 64 + 1) * 64);
	r->others = calloc(n + 1, sizeof *r->others);
	r->first_leaf = calloc(n_points + 2, sizeof *r->first_leaf);
	if (!r->leaves || !r->others || !r->first_leaf)
		return no_memory(reterr);
	/* first_leaf[p + 1] runs from the start of p to its end while the leaves are placed. */
	for (uint32_t i = 0; i < n; i++)
		r->first_leaf[point_of_leaf(r, i) + 2]++;
	for (size_t p = 0; p < n_points; p++)
		r->first_leaf[p + 2] += r->first_leaf[p + 1];
	for (uint32_t i = 0; i < n; i++)
		place_leaf(b, i, r->first_leaf[point_of_leaf(r, i) + 1]++);
	return 0;
}

/* The alarms of a rule stand in a row, so that one number a rule is enough. */
static int find_attentive(struct rules *r)
{
	for (uint32_t a = 0; a < r->n_made; a++)
		r->n_attentive += rules_is_attentive(rules_def(r, a));
	r->attention = calloc(r->n_defs + 1, sizeof *r->attention);
	r->attentive = calloc((size_t)r->n_attentive + 1, sizeof *r->attentive);
	if (!r->attention || !r->attentive)
		return -1;
	for (uint32_t a = 0, n = 0; a < r->n_made; a++) {
		const struct rule_def *d = rules_def(r, a);
		if (!rules_is_attentive(d))
			continue;
		if (a == 0 || rules_def(r, a - 1) != d)
			r->attention[d - r->defs] = n - a;
		r->attentive[n++] = a;
	}
	return 0;
}

static int build_all(struct build *b, const struct rules_own *owns, size_t n_owns, struct err *reterr)
{
	struct rules *r = b->r;

	r->made_by = calloc(r->n_defs + 1, sizeof *r->made_by);
	if (!r->made_by)
		return no_memory(reterr);
	for (size_t i = 0; i < r->n_defs; i++)
		if (check_def(&r->defs[i], reterr) < 0)
			return -1;
	for (size_t i = 0; i < r->n_defs; i++)
		if (r->defs[i].enabled && !rule_is_of_several(&r->defs[i]) && add_singles(b, &r->defs[i], reterr) < 0)
			return -1;
	if (rules_build_groups(r, &b->cap_wholes, reterr) < 0 || terms_build(b, r, &b->cap_wholes, reterr) < 0 || add_owns(b, owns, n_owns, reterr) < 0)
		return -1;
	r->n_made = r->n_alarms;
	if (extras_build(r, &b->cap_wholes, reterr) < 0)
		return -1;
	if (finish_alarms(r, reterr) < 0)
		return -1;
	shrink_all(r);
	if (find_attentive(r) < 0)
		return no_memory(reterr);
	r->lives = calloc(r->n_alarms + 1, sizeof *r->lives);
	r->besides = calloc(r->n_alarms + 1, sizeof *r->besides);
	if (!r->lives || !r->besides || timers_init(&r->timers, rules_timer_test(r, RULES_TESTS_MAX)) < 0 || memory_build(r) < 0)
		return no_memory(reterr);
	if (rules_name_alarms(r, reterr) < 0 || suppress_build(r, reterr) < 0)
		return -1;
	return place_leaves(b, reterr);
}

int rules_new(const struct site *site, const struct rule_def *defs, size_t n_defs, const struct rules_own *owns, size_t n_owns,
              uint64_t machine_boot, struct rules **ret, struct err *reterr)
{
	struct rules *r = calloc(1, sizeof *r);
	struct build b = { .r = r };

	if (!r)
		return no_memory(reterr);
	r->site = site;
	r->defs = defs;
	r->n_defs = n_defs;
	r->machine_boot = machine_boot;
	r->restored_ns = INT64_MIN;
	int rc = build_all(&b, owns, n_owns, reterr);
	free(b.leaves);
	free(b.others);
	free(b.points_by_id);
	free(b.picked);
	if (rc < 0) {
		rules_free(r);
		return -1;
	}
	*ret = r;
	return 0;
}

void rules_free(struct rules *r)
{
	if (!r)
		return;
	timers_done(&r->timers);
	free(r->leaves);
	free(r->others);
	free(r->first_leaf);
	free(r->singles);
	free(r->wholes);
	free(r->lives);
	free(r->besides);
	free(r->attention);
	free(r->attentive);
	free(r->extras);
	free(r->suppresses);
	free(r->first_suppressed);
	free(r->suppressors);
	free(r->point_tests);
	free(r->points_out);
	free(r->by_id);
	free(r->ids);
	free(r->made_by);
	free(r->groups);
	free(r->slots);
	free(r->links);
	free(r->first_link);
	free(r->joints);
	free(r->terms);
	free(r->seats);
	free(r->windows);
	free(r->anchors);
	free(r->memory_of);
	free(r);
}
