/* What does not change about an alarm. Of one on a single point, which most are, only its rule, its point and its id are kept: all else follows from these when it is asked for. */
#include "rules/engine.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

uint8_t rules_priority(const struct rule_def *d, enum alarm_class c)
{
	if (d && d->priority > 0)
		return d->priority;
	switch (c) {
	case CLASS_FIRE: return 1;
	case CLASS_PREALARM: return 2;
	case CLASS_SUPERVISORY:
	case CLASS_FAULT: return 3;
	case CLASS_DISABLEMENT:
	case CLASS_ACTUATION:
	case CLASS_OPERATION:
	case CLASS_COUNT: break;
	}
	return 4;
}

static struct rules_alarm describe_single(const struct rules *r, const struct single *s)
{
	const struct rule_def *d = &r->defs[s->def];
	const struct point *p = &r->site->points[s->point];
	const struct kind_info *kind = kind_info(p->kind);
	enum alarm_class class_ = rule_class(d, p);

	return (struct rules_alarm){
		.id = r->ids + s->id, .def = d, .floor = p->floor, .zone = p->zone, .limit = leaf_limit(d, p), .point = s->point, .node = p->node, .building = p->building,
		.class_ = class_, .hazard = kind->hazard, .priority = rules_priority(d, class_), .latch = d->latch, .ack = d->ack,
	};
}

struct rules_alarm rules_alarm(const struct rules *r, uint32_t alarm)
{
	assert(alarm < r->n_alarms);
	return alarm < r->n_single ? describe_single(r, &r->singles[alarm]) : *rules_whole(r, alarm);
}

/* Of an alarm of several. */
static const struct point *first_point(const struct rules *r, uint32_t alarm)
{
	const struct group *g = rules_group(r, alarm);

	return &r->site->points[g ? r->slots[g->first_slot].point : r->seats[rules_joint(r, alarm)->first_seat].point];
}

/* As snprintf: docs/rules.md. */
static int format_whole(const struct rules *r, uint32_t alarm, char *buf, size_t size)
{
	const struct rules_alarm *a = rules_whole(r, alarm);
	const struct site *site = r->site;
	const char *building = a->building == UINT32_MAX ? "" : site->buildings[a->building].id;

	if (a->own)
		return snprintf(buf, size, "%s", a->own->id);
	switch (a->def->same) {
	case SCOPE_SITE: break;
	case SCOPE_ZONE: return snprintf(buf, size, "%s.%s/%s", building, a->zone, a->def->id);
	case SCOPE_FLOOR: return snprintf(buf, size, "%s.%s/%s", building, a->floor, a->def->id);
	case SCOPE_DEVICE: return snprintf(buf, size, "%s/%s", site->devices[first_point(r, alarm)->device].name, a->def->id);
	case SCOPE_BUILDING: return snprintf(buf, size, "%s/%s", building, a->def->id);
	}
	return snprintf(buf, size, "site/%s", a->def->id);
}

static int format_id(const struct rules *r, uint32_t alarm, char *buf, size_t size)
{
	if (alarm >= r->n_single)
		return format_whole(r, alarm, buf, size);
	return snprintf(buf, size, "%s/%s", r->site->points[r->singles[alarm].point].id, rules_def(r, alarm)->id);
}

static int compare_alarm_ids(const void *a, const void *b, void *arg)
{
	const struct rules *r = arg;

	return strcmp(rules_id(r, *(const uint32_t *)a), rules_id(r, *(const uint32_t *)b));
}

static int refuse_same_ids(const struct rules *r, struct err *reterr)
{
	for (uint32_t i = 1; i < r->n_made; i++) {
		uint32_t a = r->by_id[i - 1], b = r->by_id[i];
		if (strcmp(rules_id(r, a), rules_id(r, b)) != 0)
			continue;
		const struct rule_def *d = rules_def(r, b) ? rules_def(r, b) : rules_def(r, a);
		err_set(reterr, ERR_INVALID, "the alarm '%s' would be there twice; give one of the rules another id", rules_id(r, a));
		return d ? rules_prefix_def(d, reterr) : -1;
	}
	return 0;
}

/* Alarms of one point know their ids by an offset of 32 bits. */
static int name_all(struct rules *r, size_t size)
{
	size_t at = 0;

	r->ids = size <= UINT32_MAX ? malloc(size) : NULL;
	r->by_id = calloc((size_t)r->n_made + 1, sizeof *r->by_id);
	if (!r->ids || !r->by_id)
		return -1;
	for (uint32_t a = 0; a < r->n_made; a++) {
		if (a < r->n_single)
			r->singles[a].id = (uint32_t)at;
		else
			r->wholes[a - r->n_single].id = r->ids + at;
		at += (size_t)format_id(r, a, r->ids + at, size - at) + 1;
		r->by_id[a] = a;
	}
	return 0;
}

int rules_name_alarms(struct rules *r, struct err *reterr)
{
	size_t size = 1;

	for (uint32_t a = 0; a < r->n_made; a++)
		size += (size_t)format_id(r, a, NULL, 0) + 1;
	if (name_all(r, size) < 0)
		return err_set(reterr, ERR_NO_MEMORY, "no memory for the rules");
	qsort_r(r->by_id, r->n_made, sizeof *r->by_id, compare_alarm_ids, r);
	return refuse_same_ids(r, reterr);
}

uint32_t rules_find(const struct rules *r, const char *id)
{
	uint32_t low = 0, high = r->n_made;

	while (low < high) {
		uint32_t mid = low + (high - low) / 2;
		int order = strcmp(rules_id(r, r->by_id[mid]), id);
		if (order == 0)
			return r->by_id[mid];
		if (order < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return extras_find(r, id);
}
