/* Suppressed by design: while an alarm that a rule names in suppressed_by stands, that rule's alarms go on as they would, but marked. An alarm suppresses those of the same
 * device; one of several points those that lie in its scope; one that is named by its whole id all of the rule's. What stands because of a
 * test suppresses what is of a test only, and what is out of service nothing: neither says that there is a cause. One that is shelved is true all the same. */
#include "rules/engine.h"

#include <stdlib.h>
#include <string.h>

struct pair { uint32_t by, what; };
struct pairs { struct pair *list; uint32_t n, cap; };

/* What an alarm is about: its point, or of one of several the slots or the seats. */
static uint32_t count_points(const struct rules *r, uint32_t alarm)
{
	const struct group *g = rules_group(r, alarm);
	const struct joint *j = rules_joint(r, alarm);

	return g ? g->n_slots : j ? j->n_seats : rules_point(r, alarm) != POINT_NONE;
}

static const struct point *nth_point(const struct rules *r, uint32_t alarm, uint32_t n)
{
	const struct group *g = rules_group(r, alarm);
	const struct joint *j = rules_joint(r, alarm);

	return &r->site->points[g ? r->slots[g->first_slot + n].point : j ? r->seats[j->first_seat + n].point : rules_point(r, alarm)];
}

static bool same_scope(enum rule_scope scope, const struct point *a, const struct point *b)
{
	switch (scope) {
	case SCOPE_SITE: return true;
	case SCOPE_ZONE: return a->building == b->building && strcmp(a->zone, b->zone) == 0;
	case SCOPE_FLOOR: return a->building == b->building && strcmp(a->floor, b->floor) == 0;
	case SCOPE_DEVICE: return a->device == b->device;
	case SCOPE_BUILDING: return a->building == b->building;
	}
	return false;
}

/* Whether all that `what` is about lies on the device of `by`, or, if that is one of several, in its scope. Our own faults lie nowhere: they suppress by their whole id only. */
static bool lies_in(const struct rules *r, uint32_t by, uint32_t what)
{
	uint32_t n = count_points(r, what);

	if (count_points(r, by) == 0)
		return false;
	enum rule_scope scope = rules_point(r, by) != POINT_NONE ? SCOPE_DEVICE : rules_def(r, by)->same;
	for (uint32_t i = 0; i < n; i++)
		if (!same_scope(scope, nth_point(r, by, 0), nth_point(r, what, i)))
			return false;
	return n > 0;
}

static int add_pair(struct pairs *p, uint32_t by, uint32_t what)
{
	struct pair *list = rules_grow(p->list, p->n, &p->cap, sizeof *list);

	if (!list)
		return -1;
	p->list = list;
	list[p->n++] = (struct pair){ by, what };
	return 0;
}

/* The alarms of one rule, which stand in a row, in the order of their scopes. */
struct row {
	const struct rules   *r;
	const struct rule_def scope; /* whose `same` is meant */
	uint32_t             *alarms, n;
};

static int compare_scopes(const void *x, const void *y, void *arg)
{
	const struct row *row = arg;
	uint32_t a = *(const uint32_t *)x, b = *(const uint32_t *)y;
	int order = groups_compare_scopes(&row->scope, nth_point(row->r, a, 0), nth_point(row->r, b, 0));

	return order != 0 ? order : (a > b) - (a < b);
}

/* The first of the row whose scope is not before the point's. */
static uint32_t find_scope(const struct row *row, const struct point *p)
{
	uint32_t low = 0, high = row->n;

	while (low < high) {
		uint32_t mid = low + (high - low) / 2;
		if (groups_compare_scopes(&row->scope, nth_point(row->r, row->alarms[mid], 0), p) < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

static int add_in_scope(const struct row *row, struct pairs *p, uint32_t what)
{
	if (count_points(row->r, what) == 0)
		return 0;
	const struct point *first = nth_point(row->r, what, 0);
	for (uint32_t i = find_scope(row, first); i < row->n && groups_compare_scopes(&row->scope, nth_point(row->r, row->alarms[i], 0), first) == 0; i++)
		if (row->alarms[i] != what && lies_in(row->r, row->alarms[i], what) && add_pair(p, row->alarms[i], what) < 0)
			return -1;
	return 0;
}

/* Where a rule's alarms begin; all of them if it has none. */
static uint32_t first_of(const struct rules *r, const struct rule_def *d)
{
	uint32_t a = 0;

	while (a < r->n_made && rules_def(r, a) != d)
		a++;
	return a;
}

/* All alarms of `by` suppress those of `d` that lie in their scopes. */
static int add_rule(const struct rules *r, struct pairs *p, const struct rule_def *by, const struct rule_def *d)
{
	uint32_t n = r->made_by[by - r->defs], first = first_of(r, by), what = first_of(r, d);
	struct row row = { r, { .same = n > 0 && rules_point(r, first) != POINT_NONE ? SCOPE_DEVICE : by->same }, calloc((size_t)n + 1, sizeof *row.alarms), n };
	int rc = row.alarms ? 0 : -1;

	for (uint32_t i = 0; rc == 0 && i < n; i++)
		row.alarms[i] = first + i;
	if (rc == 0)
		qsort_r(row.alarms, n, sizeof *row.alarms, compare_scopes, &row);
	for (uint32_t i = 0; rc == 0 && i < r->made_by[d - r->defs]; i++)
		rc = add_in_scope(&row, p, what + i);
	free(row.alarms);
	return rc;
}

/* An alarm that is named by its whole id suppresses all of the rule's. */
static int add_alarm(const struct rules *r, struct pairs *p, const char *id, const struct rule_def *d)
{
	uint32_t by = rules_find(r, id), what = first_of(r, d);

	for (uint32_t i = 0; by != RULES_ALARM_NONE && i < r->made_by[d - r->defs]; i++)
		if (by != what + i && add_pair(p, by, what + i) < 0)
			return -1;
	return 0;
}

/* The alarms that a word means, for all of a rule's. */
static int add_word(const struct rules *r, struct pairs *p, const char *word, const struct rule_def *d)
{
	if (strchr(word, '/') && add_alarm(r, p, word, d) < 0)
		return -1;
	for (size_t i = 0; i < r->n_defs; i++)
		if (strcmp(r->defs[i].id, word) == 0 && add_rule(r, p, &r->defs[i], d) < 0)
			return -1;
	return 0;
}

static int find_pairs(const struct rules *r, struct pairs *p)
{
	for (size_t i = 0; i < r->n_defs; i++) {
		const struct rule_def *d = &r->defs[i];
		for (size_t k = 0; k < d->suppressed_by.n && r->made_by[i] > 0; k++)
			if (add_word(r, p, d->suppressed_by.words[k], d) < 0)
				return -1;
	}
	return 0;
}

static int compare_pairs(const void *x, const void *y)
{
	const struct pair *a = x, *b = y;

	if (a->by != b->by)
		return a->by < b->by ? -1 : 1;
	return (a->what > b->what) - (a->what < b->what);
}

int suppress_build(struct rules *r, struct err *reterr)
{
	struct pairs p = { 0 };
	int rc = find_pairs(r, &p);

	if (rc == 0 && p.n > 0) {
		qsort(p.list, p.n, sizeof *p.list, compare_pairs);
		r->suppresses = calloc(p.n, sizeof *r->suppresses);
		r->first_suppressed = calloc(r->n_alarms + 2, sizeof *r->first_suppressed);
		r->suppressors = calloc(r->n_alarms + 1, sizeof *r->suppressors);
		rc = r->suppresses && r->first_suppressed && r->suppressors ? 0 : -1;
	}
	for (uint32_t i = 0; rc == 0 && i < p.n; i++) {
		r->suppresses[i] = p.list[i].what;
		r->first_suppressed[p.list[i].by + 1] = i + 1;
	}
	for (uint32_t a = 0; rc == 0 && p.n > 0 && a <= r->n_alarms; a++)
		if (r->first_suppressed[a + 1] < r->first_suppressed[a])
			r->first_suppressed[a + 1] = r->first_suppressed[a];
	free(p.list);
	return rc == 0 ? 0 : err_set(reterr, ERR_NO_MEMORY, "no memory for the rules");
}

bool suppress_hides(const struct rules *r, uint32_t alarm, enum alarm_mode mode)
{
	return r->suppressors && (r->suppressors[alarm].real > 0 || (mode != MODE_NORMAL && r->suppressors[alarm].of_tests > 0));
}

/* As it is now; of an alarm that is normal nothing is of a test. */
static bool is_hidden(const struct rules *r, uint32_t alarm)
{
	return suppress_hides(r, alarm, r->lives[alarm].state == STATE_NORMAL ? MODE_NORMAL : r->besides[alarm].mode);
}

static enum reach reach_of(const struct rules *r, uint32_t alarm)
{
	uint32_t point = rules_point(r, alarm);

	if (!life_stands(&r->lives[alarm]) || (point != POINT_NONE && r->points_out[point]))
		return REACH_NONE;
	return r->besides[alarm].mode == MODE_NORMAL ? REACH_ALL : REACH_TESTS;
}

static void count_reach(struct rules *r, uint32_t alarm, enum reach reach, uint32_t by)
{
	if (reach == REACH_ALL)
		r->suppressors[alarm].real += by;
	if (reach == REACH_TESTS)
		r->suppressors[alarm].of_tests += by;
}

static void tell(struct rules *r, uint32_t alarm, const struct why *w, struct rules_sink *sink)
{
	struct why because = { .at = w->at, .cause = CAUSE_RULE };
	const struct life *l = &r->lives[alarm];

	if (l->state == STATE_NORMAL)
		return;
	rules_send(r, alarm, is_hidden(r, alarm) ? TRANSITION_SUPPRESSED : TRANSITION_UNSUPPRESSED, (enum alarm_state)l->state, &because, sink);
	sink->changed(sink->user, alarm);
}

void rules_tell_suppressed(struct rules *r, uint32_t alarm, bool was, struct stamp now, struct rules_sink *sink)
{
	struct why w = { .at = now };

	if (was != is_hidden(r, alarm))
		tell(r, alarm, &w, sink);
}

void suppress_update(struct rules *r, uint32_t alarm, const struct why *w, struct rules_sink *sink)
{
	enum reach before = r->besides[alarm].reach, reach = r->first_suppressed ? reach_of(r, alarm) : before;

	if (reach == before)
		return;
	r->besides[alarm].reach = reach;
	for (uint32_t i = r->first_suppressed[alarm]; i < r->first_suppressed[alarm + 1]; i++) {
		uint32_t what = r->suppresses[i];
		bool was = is_hidden(r, what);
		count_reach(r, what, before, UINT32_MAX);
		count_reach(r, what, reach, 1);
		if (was != is_hidden(r, what))
			tell(r, what, w, sink);
	}
}

void suppress_restore(struct rules *r)
{
	if (!r->first_suppressed)
		return;
	for (uint32_t a = 0; a < r->n_made; a++)
		r->suppressors[a] = (struct suppressors){ 0 };
	for (uint32_t by = 0; by < r->n_made; by++) {
		r->besides[by].reach = reach_of(r, by);
		for (uint32_t i = r->first_suppressed[by]; i < r->first_suppressed[by + 1]; i++)
			count_reach(r, r->suppresses[i], r->besides[by].reach, 1);
	}
}
