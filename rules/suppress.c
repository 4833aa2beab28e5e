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

	return g ? g->n_slots : j ? j->n_seats : r->alarms[alarm].point != POINT_NONE;
}

static const struct point *nth_point(const struct rules *r, uint32_t alarm, uint32_t n)
{
	const struct group *g = rules_group(r, alarm);
	const struct joint *j = rules_joint(r, alarm);

	return &r->site->points[g ? r->slots[g->first_slot + n].point : j ? r->seats[j->first_seat + n].point : r->alarms[alarm].point];
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
	enum rule_scope scope = r->alarms[by].point != POINT_NONE ? SCOPE_DEVICE : r->alarms[by].def->same;
	for (uint32_t i = 0; i < n; i++)
		if (!same_scope(scope, nth_point(r, by, 0), nth_point(r, what, i)))
			return false;
	return n > 0;
}

static bool is_named(const struct rules *r, const char *word, uint32_t by, uint32_t what)
{
	const struct rules_alarm *a = &r->alarms[by];

	if (strchr(word, '/'))
		return strcmp(word, a->id) == 0;
	return a->def && strcmp(word, a->def->id) == 0 && lies_in(r, by, what);
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

/* The alarms that a word means, for one of the rule's alarms. */
static int add_named(const struct rules *r, struct pairs *p, const char *word, uint32_t what)
{
	for (uint32_t by = 0; by < r->n_made; by++)
		if (by != what && is_named(r, word, by, what) && add_pair(p, by, what) < 0)
			return -1;
	return 0;
}

static int find_pairs(const struct rules *r, struct pairs *p)
{
	for (uint32_t what = 0; what < r->n_made; what++) {
		const struct rule_def *d = r->alarms[what].def;
		for (size_t i = 0; d && i < d->suppressed_by.n; i++)
			if (add_named(r, p, d->suppressed_by.words[i], what) < 0)
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
	uint32_t point = r->alarms[alarm].point;

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
