/* Suppressed by design: while an alarm that a rule names in suppressed_by stands, that rule's alarms go on as they would, but marked. An alarm suppresses those of the same
 * device; one of several points those that lie in its scope; one that is named by its whole id all of the rule's. */
#include "rules/engine.h"

#include <stdlib.h>
#include <string.h>

struct pair { uint32_t by, what; };
struct pairs { struct pair *list; uint32_t n, cap; };

static bool lies_in(const struct rules *r, const struct rules_alarm *by, const struct rules_alarm *what)
{
	const struct point *points = r->site->points;

	if (by->own || by->extra)
		return false; /* only by its whole id */
	if (by->point != POINT_NONE && what->point != POINT_NONE)
		return points[by->point].device == points[what->point].device;
	/* One of several: what its points share must be shared. */
	return (by->building == UINT32_MAX || by->building == what->building) && (!by->floor[0] || strcmp(by->floor, what->floor) == 0) &&
	       (!by->zone[0] || strcmp(by->zone, what->zone) == 0);
}

static bool is_named(const struct rules *r, const char *word, const struct rules_alarm *by, const struct rules_alarm *what)
{
	if (strchr(word, '/'))
		return strcmp(word, by->id) == 0;
	return by->def && strcmp(word, by->def->id) == 0 && lies_in(r, by, what);
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
		if (by != what && is_named(r, word, &r->alarms[by], &r->alarms[what]) && add_pair(p, by, what) < 0)
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
		rc = r->suppresses && r->first_suppressed ? 0 : -1;
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

static void tell(struct rules *r, uint32_t alarm, const struct why *w, struct rules_sink *sink)
{
	struct why because = { .at = w->at, .cause = CAUSE_RULE };
	const struct life *l = &r->lives[alarm];

	if (l->state == STATE_NORMAL)
		return;
	rules_send(r, alarm, r->besides[alarm].suppressors > 0 ? TRANSITION_SUPPRESSED : TRANSITION_UNSUPPRESSED, (enum alarm_state)l->state, &because, sink);
	sink->changed(sink->user, alarm);
}

void suppress_update(struct rules *r, uint32_t alarm, const struct why *w, struct rules_sink *sink)
{
	bool stands = life_stands(&r->lives[alarm]);

	if (!r->first_suppressed)
		return;
	for (uint32_t i = r->first_suppressed[alarm]; i < r->first_suppressed[alarm + 1]; i++) {
		struct beside *b = &r->besides[r->suppresses[i]];
		bool was = b->suppressors > 0;
		b->suppressors += stands ? 1 : UINT32_MAX;
		if (was != (b->suppressors > 0))
			tell(r, r->suppresses[i], w, sink);
	}
}

void suppress_restore(struct rules *r)
{
	if (!r->first_suppressed)
		return;
	for (uint32_t a = 0; a < r->n_made; a++)
		r->besides[a].suppressors = 0;
	for (uint32_t by = 0; by < r->n_made; by++)
		for (uint32_t i = r->first_suppressed[by]; life_stands(&r->lives[by]) && i < r->first_suppressed[by + 1]; i++)
			r->besides[r->suppresses[i]].suppressors++;
}
