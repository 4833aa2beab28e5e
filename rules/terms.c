/* all, any: which points sit in which term, how many terms hold. A term holds while one of its seats does; an alarm's condition is that enough of its terms hold. */
#include "rules/engine.h"

#include "core/strmap.h"

#include <stdlib.h>
#include <string.h>

struct growth {
	uint32_t cap_joints, cap_terms, cap_seats;
};

struct found {
	struct candidate *c;
	uint32_t          n, cap;
};

static int no_memory(struct err *reterr)
{
	return err_set(reterr, ERR_NO_MEMORY, "no memory for the rules of several points");
}

static int add_found(struct found *f, uint32_t term, const struct point *p)
{
	struct candidate *grown = rules_grow(f->c, f->n, &f->cap, sizeof *grown);

	if (!grown)
		return -1;
	f->c = grown;
	grown[f->n++] = (struct candidate){ term, p };
	return 0;
}

static int find_of_term(struct build *b, const struct rules *r, const struct rule_def *d, uint32_t term, struct found *f)
{
	const struct rule_def *t = &d->terms[term];
	const struct site *site = r->site;
	const uint32_t *picked;
	size_t n;

	if (rules_pick_points(b, &t->select, &picked, &n) < 0)
		return -1;
	for (size_t i = 0; i < n; i++) {
		const struct point *p = &site->points[picked ? picked[i] : i];
		struct leaf leaf;
		struct leaf_band other;
		if (rule_select_fits(&t->select, site, p) && rule_select_fits(&d->select, site, p) && groups_have_scope(d, p) &&
		    leaf_make(t, p, &leaf, &other) && add_found(f, term, p) < 0)
			return -1;
	}
	return 0;
}

static int compare_found(const void *x, const void *y, void *arg)
{
	const struct candidate *a = x, *b = y;
	int order = groups_compare_scopes(arg, a->point, b->point);

	if (order != 0)
		return order;
	if (a->what != b->what)
		return a->what < b->what ? -1 : 1;
	return (a->point > b->point) - (a->point < b->point);
}

static int add_term(struct rules *r, struct growth *g, const struct rule_def *def)
{
	struct term *terms = rules_grow(r->terms, r->n_terms, &g->cap_terms, sizeof *terms);

	if (!terms)
		return -1;
	r->terms = terms;
	terms[r->n_terms++] = (struct term){ .def = def, .joint = r->n_joints };
	return 0;
}

static int add_seat(struct rules *r, struct growth *g, const struct point *p)
{
	struct seat *seats = rules_grow(r->seats, r->n_seats, &g->cap_seats, sizeof *seats);

	if (!seats)
		return -1;
	r->seats = seats;
	seats[r->n_seats++] = (struct seat){ .point = p->index, .term = r->n_terms - 1 };
	return 0;
}

/* Of all terms' points of one scope, sorted by term and point. */
static int add_joint(struct rules *r, struct growth *g, uint32_t *cap, const struct rule_def *d, const struct candidate *c, uint32_t n)
{
	struct joint *joints = rules_grow(r->joints, r->n_joints, &g->cap_joints, sizeof *joints);

	if (!joints)
		return -1;
	r->joints = joints;
	struct rules_alarm *a = rules_add_whole(r, cap);
	if (!a)
		return -1;
	a->def = d;
	groups_describe(r, c, n, a);
	struct joint j = { .first_seat = r->n_seats, .n_seats = n, .needed = d->when == WHEN_ALL ? (uint32_t)d->n_terms : 1 };
	a->limit = j.needed;
	for (uint32_t i = 0; i < n; i++)
		if (((i == 0 || c[i].what != c[i - 1].what) && add_term(r, g, &d->terms[c[i].what]) < 0) || add_seat(r, g, c[i].point) < 0)
			return -1;
	r->joints[r->n_joints++] = j;
	return 0;
}

static size_t count_terms(const struct candidate *c, uint32_t n)
{
	size_t terms = 0;

	for (uint32_t i = 0; i < n; i++)
		terms += i == 0 || c[i].what != c[i - 1].what;
	return terms;
}

static int refuse_size(const struct rule_def *d, uint32_t n, struct err *reterr)
{
	return err_set(reterr, ERR_INVALID, "rule '%s': one alarm would look at %u points; at most %d: name fewer, or part them by 'same'", d->id, n, RULES_SEATS_MAX);
}

static int add_joints(struct rules *r, struct growth *g, uint32_t *cap, const struct rule_def *d, const struct found *f, struct err *reterr)
{
	for (uint32_t from = 0, to = 0; from < f->n; from = to) {
		while (to < f->n && groups_compare_scopes(d, f->c[from].point, f->c[to].point) == 0)
			to++;
		/* A term without a point here never holds. */
		if (d->when == WHEN_ALL && count_terms(&f->c[from], to - from) < d->n_terms)
			continue;
		if (to - from > RULES_SEATS_MAX)
			return refuse_size(d, to - from, reterr);
		if (add_joint(r, g, cap, d, &f->c[from], to - from) < 0)
			return no_memory(reterr);
	}
	return 0;
}

static int add_rule(struct build *b, struct rules *r, struct growth *g, uint32_t *cap, const struct rule_def *d, struct err *reterr)
{
	struct found f = { 0 };
	int rc = 0;

	for (uint32_t t = 0; rc == 0 && t < d->n_terms; t++)
		if (find_of_term(b, r, d, t, &f) < 0)
			rc = no_memory(reterr);
	if (rc == 0 && f.n > 0) {
		qsort_r(f.c, f.n, sizeof *f.c, compare_found, (void *)(uintptr_t)d);
		rc = add_joints(r, g, cap, d, &f, reterr);
	}
	free(f.c);
	return rc;
}

int terms_build(struct build *b, struct rules *r, uint32_t *cap, struct err *reterr)
{
	struct growth g = { 0 };

	r->touched = RULES_ALARM_NONE;
	for (size_t i = 0; i < r->n_defs; i++)
		if (r->defs[i].enabled && rule_has_terms(&r->defs[i]) && add_rule(b, r, &g, cap, &r->defs[i], reterr) < 0)
			return -1;
	return 0;
}

static uint32_t alarm_of(const struct rules *r, uint32_t joint)
{
	return r->n_single + r->n_groups + joint;
}

void terms_set_holds(struct rules *r, uint32_t seat, bool holds)
{
	struct term *t = &r->terms[r->seats[seat].term];
	bool held = t->holding > 0;

	if (r->seats[seat].holds == holds)
		return;
	r->seats[seat].holds = holds;
	t->holding += holds ? 1 : UINT32_MAX;
	if (held != (t->holding > 0))
		r->joints[t->joint].holding += holds ? 1 : UINT32_MAX;
}

/* What is under test or out of service holds nothing: a test would dispatch somebody otherwise. What held before a test began is no test. */
static bool is_apart(const struct rules *r, uint32_t point)
{
	return r->point_tests[point] || r->points_out[point];
}

void terms_set_seat(struct rules *r, uint32_t seat, bool verdict)
{
	if (r->leaves[r->seats[seat].leaf].verdict == verdict)
		return;
	rules_turn_leaf(r, r->seats[seat].leaf, verdict);
	terms_set_holds(r, seat, verdict && !is_apart(r, r->seats[seat].point));
}

void terms_set_all(struct rules *r, uint32_t alarm, bool verdict)
{
	const struct joint *j = rules_joint(r, alarm);

	for (uint32_t i = 0; j && i < j->n_seats; i++)
		terms_set_seat(r, j->first_seat + i, verdict);
}

static void touch(struct rules *r, uint32_t seat, struct rules_sink *sink)
{
	uint32_t joint = r->terms[r->seats[seat].term].joint;
	struct joint *j = &r->joints[joint];

	if (j->touched)
		return;
	j->touched = true;
	j->next_touched = RULES_ALARM_NONE;
	if (r->touched == RULES_ALARM_NONE)
		r->touched = joint;
	else
		r->joints[r->touched_last].next_touched = joint;
	r->touched_last = joint;
	if (sink->drifted)
		sink->drifted(sink->user, alarm_of(r, joint));
}

void terms_turn(struct rules *r, uint32_t seat, bool verdict, struct rules_sink *sink)
{
	terms_set_seat(r, seat, verdict);
	touch(r, seat, sink);
}

void terms_settle(struct rules *r, uint32_t point, struct stamp at, struct rules_sink *sink)
{
	for (uint32_t i = r->first_leaf[point]; i < r->first_leaf[point + 1]; i++) {
		if (r->leaves[i].alarm < r->n_alarms)
			continue;
		uint32_t seat = r->leaves[i].alarm - r->n_alarms;
		terms_set_holds(r, seat, r->leaves[i].verdict && (r->seats[seat].holds ? !r->points_out[point] : !is_apart(r, point)));
		touch(r, seat, sink);
	}
	terms_judge(r, at, sink);
}

void terms_judge(struct rules *r, struct stamp at, struct rules_sink *sink)
{
	struct why w = { .at = at, .cause = CAUSE_RULE };
	uint32_t next;

	for (uint32_t i = r->touched; i != RULES_ALARM_NONE; i = next) {
		struct joint *j = &r->joints[i];
		bool raw = j->holding >= j->needed;
		next = j->next_touched;
		j->touched = false;
		if (r->lives[alarm_of(r, i)].raw != raw)
			rules_decide(r, alarm_of(r, i), raw, &w, sink);
	}
	r->touched = RULES_ALARM_NONE;
}

/* Into a list in rising order, each once; what is beyond its room goes. */
static size_t list_point(uint32_t *list, size_t n, uint32_t point)
{
	size_t at = n;

	while (at > 0 && list[at - 1] > point)
		at--;
	if (at == RULES_MEMBERS_MAX || (at > 0 && list[at - 1] == point))
		return n;
	size_t stay = n < RULES_MEMBERS_MAX ? n : n - 1;
	memmove(&list[at + 1], &list[at], (stay - at) * sizeof *list);
	list[at] = point;
	return stay + 1;
}

size_t terms_list_members(struct rules *r, const struct joint *j)
{
	size_t n = 0;

	for (uint32_t i = j->first_seat; i < j->first_seat + j->n_seats; i++)
		if (r->seats[i].holds)
			n = list_point(r->members, n, r->seats[i].point);
	return n;
}

uint32_t rules_stale_point(const struct rules *r, uint32_t alarm, size_t n)
{
	const struct joint *j = rules_joint(r, alarm);

	for (uint32_t i = 0; j && i < j->n_seats; i++) {
		const struct seat *s = &r->seats[j->first_seat + i];
		const struct rule_def *d = r->terms[s->term].def;
		if (d->when == WHEN_QUALITY && !d->any_bad && d->quality == QUALITY_STALE && r->leaves[s->leaf].verdict && n-- == 0)
			return s->point;
	}
	return POINT_NONE;
}

static uint64_t mix(uint64_t h, const void *data, size_t len)
{
	return strmap_hash64("\xFF", 1, strmap_hash64(data, len, h));
}

/* Numbers that are equal have the same bits here. */
static uint64_t mix_number(uint64_t h, double v)
{
	v = isnan(v) ? (double)NAN : v + 0.0;
	return mix(h, &v, sizeof v);
}

uint64_t terms_hash(const struct rules *r, const struct joint *j)
{
	uint64_t h = STRMAP_HASH_SEED;

	for (uint32_t i = j->first_seat; i < j->first_seat + j->n_seats; i++) {
		const struct rule_def *d = r->terms[r->seats[i].term].def;
		const int32_t words[] = { (int32_t)d->when, (int32_t)d->limit_from, d->bit, d->any_bad, (int32_t)d->quality, (int32_t)(r->seats[i].term - r->seats[j->first_seat].term) };
		const char *id = r->site->points[r->seats[i].point].id;
		h = mix(mix(h, id, strlen(id)), words, sizeof words);
		h = mix_number(mix_number(mix_number(h, d->limit), d->limit_high), d->deadband);
		h = d->equals_text ? mix(h, d->equals_text, strlen(d->equals_text)) : h;
	}
	return h;
}
