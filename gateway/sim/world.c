#include "gateway/sim/world.h"

#include "gateway/sim/encode.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TOLD_MAX 6 /* moves of one effect that begin at one moment and are told one by one */

__attribute__((format(printf, 2, 3)))
static void say(const struct world *w, const char *fmt, ...)
{
	char text[400];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof text, fmt, args);
	va_end(args);
	if (w->say)
		w->say(w->user, text);
}

static bool takes_bits(const struct world *w, uint32_t point)
{
	const struct bus_point *b = w->bank.cells[point].point;

	return b && b->bit_first >= 0;
}

/* A whole word is written before its bits: where a table has both, the bits are what the device means. */
static void order_points(struct world *w)
{
	size_t n = 0;

	for (int bits = 0; bits <= 1; bits++)
		for (uint32_t i = 0; i < w->config->site.n_points; i++)
			if (takes_bits(w, i) == (bits == 1))
				w->order[n++] = i;
}

static bool is_string(const struct world *w, uint32_t point)
{
	const struct bus_point *b = w->bank.cells[point].point;

	return b && b->type == TYPE_STRING;
}

static void make_models(struct world *w)
{
	for (size_t i = 0; i < w->config->site.n_points; i++) {
		const struct point *p = &w->config->site.points[i];

		if (!w->bank.cells[i].point)
			continue;
		model_init(&w->models[i], w->config, p, w->bank.cells[i].point, w->seed);
		const struct range *r = &w->models[i].range;
		bank_make_room(&w->bank, (uint32_t)i, r->measured ? fmax(fmax(fabs(r->alarm), fabs(r->rest)), isfinite(r->high) ? fabs(r->high) : 0) : 0);
		if (is_string(w, (uint32_t)i))
			bank_show_text(&w->bank, (uint32_t)i, p->id);
		if (r->never_at_rest)
			say(w, "warning: %s: whatever it shows is an alarm by the site's rules", p->id);
	}
	bank_share_room(&w->bank, w->config->site.n_points);
}

int world_init(struct world *w, const struct config *c, const struct world_options *o, struct err *reterr)
{
	size_t n = c->site.n_points + 1;

	*w = (struct world){ .config = c, .seed = o->seed, .day_ms = o->day_ms, .say = o->say, .user = o->user };
	if (bank_init(&w->bank, c, o->listen, reterr) < 0)
		return -1;
	w->models = calloc(n, sizeof *w->models);
	w->values = calloc(n, sizeof *w->values);
	w->order = calloc(n, sizeof *w->order);
	if (!w->models || !w->values || !w->order) {
		world_done(w);
		return err_set(reterr, ERR_NO_MEMORY, "no memory for %zu points", n - 1);
	}
	make_models(w);
	order_points(w);
	world_step(w, 0);
	return 0;
}

void world_done(struct world *w)
{
	for (size_t i = 0; i < w->n_effects; i++)
		effect_done(&w->effects[i]);
	w->n_effects = 0;
	free(w->models);
	free(w->values);
	free(w->order);
	bank_done(&w->bank);
}

static void show_all(struct world *w)
{
	size_t n = w->config->site.n_points;

	for (size_t i = 0; i < n; i++)
		w->values[i] = w->bank.cells[i].point ? model_value(&w->models[i], w->now_ms, w->day_ms) : NAN;
	for (size_t i = 0; i < w->n_effects; i++)
		effect_apply(&w->effects[i], w->now_ms, w->values);
	for (size_t i = 0; i < n; i++)
		if (!is_string(w, w->order[i]))
			bank_show(&w->bank, w->order[i], w->values[w->order[i]]);
	bank_settle(&w->bank, n);
}

static void set_troubles(struct world *w)
{
	for (size_t i = 0; i < w->bank.n_devices; i++)
		if (w->bank.devices[i])
			w->bank.devices[i]->trouble = TROUBLE_NONE;
	for (size_t i = 0; i < w->n_effects; i++)
		if (w->effects[i].device != POINT_NONE)
			w->bank.devices[w->effects[i].device]->trouble = w->effects[i].trouble;
}

static void tell_moves(struct world *w, struct effect *e)
{
	char text[300];
	size_t now = 0;

	for (size_t i = 0; i < e->n_moves; i++) {
		struct effect_move *m = &e->moves[i];

		if (m->told || w->now_ms - e->begin_ms < m->at_ms)
			continue;
		m->told = true;
		if (++now > TOLD_MAX)
			continue;
		builtin_tell(w->config, m, text, sizeof text);
		say(w, "%s: %s", e->word, text);
	}
	if (now > TOLD_MAX)
		say(w, "%s: and %zu more point%s", e->word, now - TOLD_MAX, now - TOLD_MAX == 1 ? "" : "s");
}

static void drop_effect(struct world *w, size_t i)
{
	effect_done(&w->effects[i]);
	w->n_effects--;
	memmove(&w->effects[i], &w->effects[i + 1], (w->n_effects - i) * sizeof *w->effects);
}

void world_step(struct world *w, int64_t now_ms)
{
	w->now_ms = now_ms > w->now_ms ? now_ms : w->now_ms;
	for (size_t i = 0; i < w->n_effects; i++) {
		struct effect *e = &w->effects[i];

		tell_moves(w, e);
		if (w->now_ms >= e->end_ms) {
			say(w, "%s: is over", e->name);
			drop_effect(w, i--);
		}
	}
	set_troubles(w);
	show_all(w);
}

int64_t world_next(const struct world *w)
{
	int64_t next = EFFECT_NEVER;

	for (size_t i = 0; i < w->n_effects; i++) {
		int64_t at = effect_next(&w->effects[i], w->now_ms);
		next = at < next ? at : next;
	}
	return next;
}

int world_raise(struct world *w, struct effect *e, struct err *reterr)
{
	for (size_t i = 0; i < w->n_effects; i++)
		if (strcmp(w->effects[i].name, e->name) == 0) {
			(void)err_set(reterr, ERR_EXISTS, "'%s' is raised already: clear it first", e->name);
			effect_done(e);
			return -1;
		}
	if (w->n_effects == WORLD_EFFECTS_MAX) {
		effect_done(e);
		return err_set(reterr, ERR_FULL, "%d things are raised already: clear some", WORLD_EFFECTS_MAX);
	}
	e->begin_ms = w->now_ms;
	if (e->end_ms != EFFECT_NEVER)
		e->end_ms += w->now_ms;
	w->effects[w->n_effects++] = *e;
	w->n_raised++;
	if (e->device != POINT_NONE)
		say(w, "raised %s: device %s", e->name, w->config->site.devices[e->device].name);
	else
		say(w, "raised %s: %zu point%s", e->name, e->n_moves, e->n_moves == 1 ? "" : "s");
	world_step(w, w->now_ms);
	return 0;
}

int world_clear(struct world *w, const char *name, struct err *reterr)
{
	size_t cleared = 0;

	for (size_t i = 0; i < w->n_effects; i++) {
		if (strcmp(w->effects[i].name, name) != 0 && strcmp(w->effects[i].word, name) != 0 && strcmp(name, "all") != 0)
			continue;
		say(w, "cleared %s", w->effects[i].name);
		drop_effect(w, i--);
		cleared++;
	}
	if (cleared == 0)
		return err_set(reterr, ERR_NOT_FOUND, "nothing of the name '%s' is raised", name);
	world_step(w, w->now_ms);
	return 0;
}

int world_plan(const struct world *w, const char *name, const struct builtin_where *where, uint64_t pick, struct effect *ret, struct err *reterr)
{
	struct builtin_site s = { w->config, &w->bank, w->models, w->seed + pick };

	return builtin_plan(&s, name, where, ret, reterr);
}

/* What `to` means for one point; NaN: nothing. */
static double move_target(const struct world *w, const struct point *p, const char *to)
{
	const struct range *r = &w->models[p->index].range;
	struct decimal d;

	if (strcmp(to, "alarm") == 0)
		return !r->measured && r->alarm == r->rest ? NAN : r->alarm;
	if (strcmp(to, "rest") == 0)
		return r->measured ? w->models[p->index].middle : r->rest;
	for (size_t i = 0; i < p->n_labels; i++)
		if (strcmp(p->labels[i].text, to) == 0)
			return p->labels[i].value;
	uint16_t words[128] = { 0 };
	if (decimal_parse(to, &d) < 0 || !encode_value(w->bank.cells[p->index].point, decimal_double(d), w->bank.cells[p->index].n_decimals, words))
		return NAN;
	return decimal_double(d);
}

static int add_fitting(const struct world *w, const struct world_move *m, const struct select *s, struct effect *ret, struct err *reterr)
{
	size_t fits = 0;

	for (size_t i = 0; i < w->config->site.n_points && (m->count == 0 || ret->n_moves < m->count); i++) {
		const struct point *p = &w->config->site.points[i];
		double to = NAN;

		if (!w->bank.cells[i].point || is_string(w, (uint32_t)i) || !select_fits_point(s, &w->config->site, p))
			continue;
		fits++;
		to = move_target(w, p, m->to);
		struct effect_move move = { .point = (uint32_t)i, .to = to, .over_ms = m->over_ms };
		if (!isnan(to) && effect_add(ret, move) < 0)
			return err_set(reterr, ERR_NO_MEMORY, "select '%s': too many points", m->select);
	}
	if (ret->n_moves)
		return 0;
	return fits ? err_set(reterr, ERR_INVALID, "select '%s': none of its %zu points can become '%s': alarm, rest, one of their labels, or a number that their registers hold", m->select,
	                      fits, m->to) :
	              err_set(reterr, ERR_NOT_FOUND, "select '%s': no point of the site fits", m->select);
}

int world_plan_move(const struct world *w, const struct world_move *m, struct effect *ret, struct err *reterr)
{
	struct select *s;

	if (select_parse(m->select, &s, reterr) < 0)
		return -1;
	*ret = (struct effect){ .device = POINT_NONE, .end_ms = m->for_ms ? m->for_ms : EFFECT_NEVER };
	snprintf(ret->word, sizeof ret->word, "%s", m->select);
	snprintf(ret->name, sizeof ret->name, "%s to %s", m->select, m->to);
	int r = add_fitting(w, m, s, ret, reterr);
	select_free(s);
	if (r < 0)
		effect_done(ret);
	return r;
}

size_t world_points(const struct world *w)
{
	size_t n = 0;

	for (size_t i = 0; i < w->bank.n_servers; i++)
		n += w->bank.servers[i].n_points;
	return n;
}

size_t world_devices(const struct world *w)
{
	size_t n = 0;

	for (size_t i = 0; i < w->bank.n_servers; i++)
		n += w->bank.servers[i].n_devices;
	return n;
}
