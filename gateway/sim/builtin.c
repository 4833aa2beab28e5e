#include "gateway/sim/builtin.h"

#include "gateway/nearest.h"
#include "gateway/sim/builtin_table.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NAMES_MAX 48
#define CROWD_MAX 20000 /* in a larger site the place is chosen without looking who stands beside whom */
#define DIP       0.6 /* of the way from the middle to the limit */

struct planner {
	const struct builtin_site  *s;
	const struct builtin       *b;
	const struct builtin_where *where;
	const struct point         *anchor;
	struct effect              *e;
	bool                        found_must;
};

bool builtin_get(size_t i, const char **ret_name, const char **ret_help)
{
	size_t n;
	const struct builtin *all = builtin_table(&n);

	if (i >= n)
		return false;
	*ret_name = all[i].name;
	*ret_help = all[i].help;
	return true;
}

static const struct builtin *find(const char *name)
{
	size_t n;
	const struct builtin *all = builtin_table(&n);

	for (size_t i = 0; i < n; i++)
		if (strcmp(all[i].name, name) == 0)
			return &all[i];
	return NULL;
}

const char *builtin_find(const char *name)
{
	const struct builtin *b = find(name);

	return b ? b->name : NULL;
}

enum fault_kind builtin_fault(const char *name)
{
	const struct builtin *b = find(name);

	return b ? b->fault : FAULT_NONE;
}

const char *builtin_nearest(const char *name)
{
	size_t n;
	const struct builtin *all = builtin_table(&n);
	const char *names[NAMES_MAX];

	for (size_t i = 0; i < n; i++)
		names[i] = all[i].name;
	return nearest_find(name, names, n);
}

static const struct site *site_of(const struct planner *p)
{
	return &p->s->config->site;
}

static bool is_kind(const struct part *part, const struct point *p)
{
	for (unsigned i = 0; i < part->n_kinds; i++)
		if (part->kinds[i] == p->kind)
			return true;
	return false;
}

/* Whether the point is where the caller wants the scenario to begin. */
static bool is_where(const struct planner *pl, const struct point *p)
{
	const struct builtin_where *w = pl->where;
	const struct site *site = site_of(pl);

	return (!w->floor || strcmp(w->floor, p->floor) == 0) && (!w->zone || strcmp(w->zone, p->zone) == 0) &&
	       (!w->building || strcmp(w->building, site->buildings[p->building].id) == 0) &&
	       (!w->device || strcmp(w->device, site->devices[p->device].name) == 0);
}

static bool is_served(const struct planner *pl, const struct point *p)
{
	return pl->s->bank->cells[p->index].point != NULL;
}

static double target_of(const struct planner *pl, const struct part *part, const struct point *p)
{
	const struct range *r = &pl->s->models[p->index].range;

	switch (part->target) {
	case TARGET_ALARM: return r->alarm;
	case TARGET_ACTIVE: return r->measured ? NAN : r->active;
	case TARGET_FIRE: return r->class_ == CLASS_FIRE || (r->class_ == CLASS_COUNT && isnan(range_fault(p))) ? r->alarm : NAN;
	case TARGET_FAULT: return p->n_labels || kind_info(p->kind)->class_ != CLASS_FAULT ? range_fault(p) : r->alarm;
	case TARGET_ZERO: return r->measured ? 0 : NAN;
	case TARGET_DIP: break;
	}
	if (!r->measured)
		return NAN;
	return r->rest + DIP * ((r->nature->side == SIDE_LOW ? r->low : r->high) - r->rest);
}

/* A point that can go where this part wants it. */
static bool can_move(const struct planner *pl, const struct part *part, const struct point *p)
{
	const struct range *r = &pl->s->models[p->index].range;
	double to = target_of(pl, part, p);

	return is_kind(part, p) && is_served(pl, p) && !isnan(to) && (r->measured || to != r->rest);
}

static size_t count_beside(const struct planner *pl, const struct part *part, const struct point *p)
{
	const struct site *site = site_of(pl);
	size_t n = 0;

	for (size_t i = 0; i < site->n_points; i++) {
		const struct point *q = &site->points[i];

		n += q->building == p->building && strcmp(q->floor, p->floor) == 0 && strcmp(q->zone, p->zone) == 0 && can_move(pl, part, q);
	}
	return n;
}

/* How good a place to begin must be. */
struct choice { bool crowded, ruled; }; /* enough of the kind beside it; a rule of the site minds it */

static bool is_choice(const struct planner *pl, const struct part *part, struct choice want, const struct point *p)
{
	if (want.ruled && part->target == TARGET_ALARM && pl->s->models[p->index].range.class_ == CLASS_COUNT)
		return false;
	return !want.crowded || count_beside(pl, part, p) >= pl->b->least;
}

/* The n-th point that this part could begin at. */
static const struct point *nth_anchor(const struct planner *pl, const struct part *part, struct choice want, size_t n, size_t *ret_seen)
{
	const struct site *site = site_of(pl);
	size_t seen = 0;

	for (size_t i = 0; i < site->n_points; i++) {
		const struct point *p = &site->points[i];

		if (!is_where(pl, p) || !can_move(pl, part, p) || !is_choice(pl, part, want, p))
			continue;
		if (seen++ == n)
			return p;
	}
	*ret_seen = seen;
	return NULL;
}

static const struct point *choose_anchor(const struct planner *pl)
{
	static const struct choice choices[] = { { true, true }, { false, true }, { true, false }, { false, false } };
	bool few = pl->b->least > 1 && site_of(pl)->n_points <= CROWD_MAX;

	for (unsigned i = 0; i < pl->b->n_parts; i++) {
		const struct part *part = &pl->b->parts[i];

		for (size_t k = 0; part->must && k < sizeof choices / sizeof *choices; k++) {
			size_t n = 0;

			if (choices[k].crowded && !few)
				continue;
			(void)nth_anchor(pl, part, choices[k], SIZE_MAX, &n);
			if (n)
				return nth_anchor(pl, part, choices[k], (size_t)(model_draw(pl->s->pick, 0) * (double)n), &n);
		}
	}
	return NULL;
}

static int rank_of(const struct point *p)
{
	int rank;

	return floor_rank(p->floor, &rank) == 0 ? rank : 0;
}

/* The floor above 12 is 13, above B1 is 1. */
static bool is_floor_up(const struct point *anchor, const struct point *p)
{
	int from = rank_of(anchor), to = rank_of(p);

	return *anchor->floor && *p->floor && to == (from == -1 ? 1 : from + 1);
}

static bool in_scope(const struct planner *pl, const struct part *part, const struct point *p)
{
	const struct point *a = pl->anchor;

	switch (part->scope) {
	case PART_ANCHOR: return p == a;
	case PART_OF_DEVICE: return p->device == a->device;
	case PART_SAME_ZONE:
	case PART_SAME_FLOOR: return p->building == a->building && strcmp(p->floor, a->floor) == 0;
	case PART_FLOOR_UP: return p->building == a->building && is_floor_up(a, p);
	case PART_HOUSE: return p->building == a->building;
	case PART_FROM_TOP: return p->building == a->building && p->kind == a->kind && is_where(pl, p);
	}
	return false;
}

/* How much two ids of one device are alike at both ends: pump-2 and pump-2-power, residual-5 and temp-5 belong together. */
static double likeness(const char *a, const char *b)
{
	size_t n = strlen(a), m = strlen(b), head = 0, tail = 0;

	while (a[head] && a[head] == b[head])
		head++;
	while (tail < n && tail < m && a[n - 1 - tail] == b[m - 1 - tail])
		tail++;
	return (double)(head + tail);
}

/* In which order the points of a part go: the lower the earlier. */
static double order_of(const struct planner *pl, const struct part *part, const struct point *p)
{
	double drawn = model_draw(pl->s->pick, p->index);

	const struct point *a = pl->anchor;
	bool same_zone = strcmp(p->zone, a->zone) == 0;

	if (part->scope == PART_FROM_TOP) /* the same zone first; what no rule minds last */
		return drawn - 10.0 * rank_of(p) + (same_zone ? 0 : 1e5) + (pl->s->models[p->index].range.class_ == CLASS_COUNT ? 1e6 : 0);
	if (p == a)
		return -1e3;
	if (part->scope == PART_SAME_ZONE && !same_zone)
		return 1 + drawn;
	return p->device == a->device ? drawn - 1 - likeness(p->id, a->id) : drawn;
}

/* The next point of a part after one that was taken (NULL: the first). */
static const struct point *next_point(const struct planner *pl, const struct part *part, const struct point *after)
{
	const struct site *site = site_of(pl);
	const struct point *best = NULL;
	double best_order = INFINITY, past = after ? order_of(pl, part, after) : -INFINITY;

	for (size_t i = 0; i < site->n_points; i++) {
		const struct point *p = &site->points[i];

		if (!in_scope(pl, part, p) || !can_move(pl, part, p))
			continue;
		double order = order_of(pl, part, p);
		if (order > past && order < best_order) {
			best = p;
			best_order = order;
		}
	}
	return best;
}

static int plan_part(struct planner *pl, const struct part *part, struct err *reterr)
{
	const struct point *p = NULL;

	for (unsigned n = 0; n < part->most && (p = next_point(pl, part, p)) != NULL; n++) {
		struct effect_move m = { .point = p->index, .to = target_of(pl, part, p), .at_ms = 1000 * ((int64_t)part->at_s + (int64_t)n * part->every_s),
			.over_ms = 1000 * (int64_t)part->over_s };

		if (effect_add(pl->e, m) < 0)
			return err_set(reterr, ERR_NO_MEMORY, "no memory");
		pl->found_must = pl->found_must || part->must;
	}
	return 0;
}

/* The i-th device or bus that the fault could be put at; without a word where, only one that can have it. */
static bool is_place(const struct planner *pl, bool line, size_t i)
{
	const struct config *c = pl->s->config;
	size_t bus = line ? i : c->site.devices[i].bus;
	const struct bank_server *s = pl->s->bank->buses[bus];
	const char *wanted = line ? pl->where->bus : pl->where->device, *name = line ? c->site.buses[i] : c->site.devices[i].name;

	if (!s || (wanted && strcmp(wanted, name) != 0))
		return false;
	return wanted || !fault_misfit(pl->b->fault, s->wire, s->serial != NULL);
}

static int no_place(const struct planner *pl, struct err *reterr)
{
	const struct builtin_where *w = pl->where;

	if (w->bus || w->device)
		return err_set(reterr, ERR_NOT_FOUND, "%s: no %s '%s' is served", pl->b->name, w->bus ? "bus" : "device", w->bus ? w->bus : w->device);
	return err_set(reterr, ERR_NOT_FOUND, "%s: the site has no line that could have it", pl->b->name);
}

static int plan_fault(struct planner *pl, struct err *reterr)
{
	const struct builtin_where *w = pl->where;
	const struct site *site = site_of(pl);
	bool line = w->bus || (fault_is_of_line(pl->b->fault) && !w->device);
	size_t n = 0, of = line ? site->n_buses : site->n_devices, i = 0;
	enum fault_word wrong;

	if (w->floor || w->zone || w->building || (w->bus && w->device))
		return err_set(reterr, ERR_INVALID, "%s: either device= or bus= says where", pl->b->name);
	for (size_t k = 0; k < of; k++)
		n += is_place(pl, line, k);
	if (n == 0)
		return no_place(pl, reterr);
	size_t pick = (size_t)(model_draw(pl->s->pick, 0) * (double)n);
	while (!is_place(pl, line, i) || pick-- > 0)
		i++;
	if (!line)
		pl->e->device = (uint32_t)i;
	/* What a whole line does, it does for whichever of its devices was named. */
	if (line || fault_is_of_line(pl->b->fault))
		pl->e->bus = line ? (uint32_t)i : site->devices[i].bus;
	const struct bank_server *s = pl->s->bank->buses[line ? i : site->devices[i].bus];
	const char *misfit = fault_misfit(pl->b->fault, s->wire, s->serial != NULL);
	if (misfit)
		return err_set(reterr, ERR_INVALID, "%s: %s", pl->b->name, misfit);
	return fault_make(pl->b->fault, &w->how, pl->s->pick + 1, &pl->e->fault, &wrong, reterr) < 0 ? err_prefix(reterr, "%s", pl->b->name) : 0;
}

static int none_found(const struct planner *pl, struct err *reterr)
{
	const struct builtin_where *w = pl->where;
	struct strbuf list;
	char text[300];

	strbuf_init_fixed(&list, text, sizeof text);
	for (unsigned i = 0; i < pl->b->n_parts; i++)
		for (unsigned k = 0; pl->b->parts[i].must && k < pl->b->parts[i].n_kinds; k++)
			strbuf_printf(&list, "%s%s", list.len ? ", " : "", kind_info(pl->b->parts[i].kinds[k])->name);
	return err_set(reterr, ERR_NOT_FOUND, "%s: the site has no point that could show it%s%s%s%s%s%s%s%s; it needs one of: %s", pl->b->name,
	               w->floor ? " on floor " : "", w->floor ? w->floor : "", w->zone ? " in zone " : "", w->zone ? w->zone : "",
	               w->building ? " in building " : "", w->building ? w->building : "", w->device ? " at device " : "", w->device ? w->device : "", text);
}

static void put_name(struct effect *e, const struct planner *pl)
{
	const struct builtin_where *w = pl->where;
	const struct { const char *key, *value; } words[] = { { "floor", w->floor }, { "zone", w->zone }, { "building", w->building }, { "device", w->device },
		{ "bus", w->bus } };
	struct strbuf name;

	snprintf(e->word, sizeof e->word, "%s", pl->b->name);
	strbuf_init_fixed(&name, e->name, sizeof e->name);
	strbuf_puts(&name, pl->b->name);
	for (size_t i = 0; i < sizeof words / sizeof *words; i++)
		if (words[i].value)
			strbuf_printf(&name, " %s=%s", words[i].key, words[i].value);
}

static bool has_fault_words(const struct builtin_where *w)
{
	bool any = w->bus != NULL;

	for (enum fault_word k = 0; k < FAULT_WORDS; k++)
		any = any || w->how.text[k];
	return any;
}

int builtin_plan(const struct builtin_site *s, const char *name, const struct builtin_where *where, struct effect *ret, struct err *reterr)
{
	struct planner pl = { .s = s, .b = find(name), .where = where, .e = ret };
	int r = 0;

	*ret = (struct effect){ .device = POINT_NONE, .bus = POINT_NONE, .end_ms = EFFECT_NEVER };
	put_name(ret, &pl);
	if (pl.b->fault != FAULT_NONE)
		return plan_fault(&pl, reterr);
	if (has_fault_words(where))
		return err_set(reterr, ERR_INVALID, "%s: bus, chance, by, code and registers go with faults of the talk only", name);
	if (pl.b->end_s)
		ret->end_ms = 1000 * (int64_t)pl.b->end_s;
	pl.anchor = choose_anchor(&pl);
	if (!pl.anchor)
		return none_found(&pl, reterr);
	for (unsigned i = 0; i < pl.b->n_parts && r == 0; i++)
		r = plan_part(&pl, &pl.b->parts[i], reterr);
	if (r == 0 && !pl.found_must)
		r = none_found(&pl, reterr);
	if (r < 0)
		effect_done(ret);
	return r;
}

void builtin_tell(const struct config *c, const struct effect_move *m, char *buf, size_t cap)
{
	const struct point *p = &c->site.points[m->point];
	const char *label = point_label_text(p, m->to);
	char over[CLOCK_TEXT_MAX] = "";
	struct strbuf b;

	strbuf_init_fixed(&b, buf, cap);
	strbuf_printf(&b, "%s %s %.4g%s%s", p->id, m->over_ms ? "goes to" : "is", m->to, *p->unit ? " " : "", p->unit);
	if (label)
		strbuf_printf(&b, " (%s)", label);
	if (m->over_ms)
		strbuf_printf(&b, " within %s", clock_format_duration(m->over_ms, over));
}
