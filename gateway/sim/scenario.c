#include "gateway/sim/scenario.h"

#include "gateway/config/bind.h"

#include <stdlib.h>
#include <string.h>

#define STEPS_MAX 1000
#define DAY_MS    INT64_C(86400000)

struct root_fields { struct field site, seed, speed, begins, steps; };

#define AT(f) offsetof(struct root_fields, f)
static const struct bind_key root_keys[] = {
	{ "site", NULL, BIND_TEXT, BIND_REQUIRED, AT(site), 1, 4000 },
	{ "seed", NULL, BIND_INT, 0, AT(seed), 0, INT64_MAX, .def = "1" },
	{ "speed", NULL, BIND_DECIMAL, 0, AT(speed), .def = "1" },
	{ "begins", NULL, BIND_TEXT, 0, AT(begins), .def = "10:00" },
	{ "steps", NULL, BIND_LIST, 0, AT(steps) },
};
#undef AT

struct step_fields { struct field at, raise, clear, select, floor, zone, building, device, bus, chance, by, code, registers, count, to, over, for_; };

#define AT(f) offsetof(struct step_fields, f)
static const struct bind_key step_keys[] = {
	{ "at", NULL, BIND_DURATION, BIND_REQUIRED, AT(at), 0, 30 * DAY_MS },
	{ "raise", NULL, BIND_TEXT, 0, AT(raise), 1 },
	{ "clear", NULL, BIND_TEXT, 0, AT(clear), 1 },
	{ "select", NULL, BIND_TEXT, 0, AT(select), 1, SELECT_TEXT_MAX },
	{ "floor", NULL, BIND_TEXT, 0, AT(floor), 1 },
	{ "zone", NULL, BIND_ZONE, 0, AT(zone) },
	{ "building", NULL, BIND_NAME, 0, AT(building) },
	{ "device", NULL, BIND_NAME, 0, AT(device) },
	{ "bus", NULL, BIND_NAME, 0, AT(bus) },
	{ "chance", NULL, BIND_TEXT, 0, AT(chance), 1 },
	{ "by", NULL, BIND_TEXT, 0, AT(by), 1 },
	{ "code", NULL, BIND_TEXT, 0, AT(code), 1 },
	{ "registers", NULL, BIND_TEXT, 0, AT(registers), 1 },
	{ "count", NULL, BIND_INT, 0, AT(count), 1, 1000000 },
	{ "to", NULL, BIND_TEXT, 0, AT(to), 1 },
	{ "over", NULL, BIND_DURATION, 0, AT(over), 0, DAY_MS },
	{ "for", NULL, BIND_DURATION, 0, AT(for_), 1, 30 * DAY_MS },
};
#undef AT

int scenario_time_of_day(const char *text, int64_t *ret_ms)
{
	bool shape = strlen(text) == 5 && text[2] == ':' && strspn(text, "0123456789") == 2 && strspn(text + 3, "0123456789") == 2;
	int hour = shape ? (text[0] - '0') * 10 + text[1] - '0' : 99, minute = shape ? (text[3] - '0') * 10 + text[4] - '0' : 99;

	if (hour > 23 || minute > 59)
		return -1;
	*ret_ms = (hour * 60 + minute) * INT64_C(60000);
	return 0;
}

/* Says so of a key that has nothing to do with what the step does. */
static void refuse(struct loader *l, const struct field *f, const char *key, const char *only)
{
	if (f->at)
		find_error(l, f->at, "'%s' goes with %s only", key, only);
}

static const struct field *word_field(const struct step_fields *f, enum fault_word w)
{
	const struct field *const fields[FAULT_WORDS] = { &f->chance, &f->by, &f->code, &f->registers };

	return fields[w];
}

/* How a fault goes wrong, and where: each said at its own place. */
static void check_fault(struct loader *l, const struct step_fields *f)
{
	enum fault_kind kind = builtin_fault(f->raise.text);
	struct fault_words words;
	enum fault_word wrong;
	struct fault fault;
	struct err e;

	for (enum fault_word w = 0; w < FAULT_WORDS; w++)
		words.text[w] = word_field(f, w)->at ? word_field(f, w)->text : NULL;
	if (kind == FAULT_NONE) {
		refuse(l, &f->bus, "bus", "a fault of the talk");
		for (enum fault_word w = 0; w < FAULT_WORDS; w++)
			refuse(l, word_field(f, w), fault_word_name(w), "a fault of the talk");
		return;
	}
	refuse(l, &f->floor, "floor", "what moves points");
	refuse(l, &f->zone, "zone", "what moves points");
	refuse(l, &f->building, "building", "what moves points");
	if (fault_make(kind, &words, 0, &fault, &wrong, &e) < 0)
		find_error(l, word_field(f, wrong)->at, "%s: %s", f->raise.text, e.text);
}

static void check_raise(struct loader *l, const struct step_fields *f)
{
	if (builtin_find(f->raise.text))
		check_fault(l, f);
	if (!builtin_find(f->raise.text)) {
		const char *near = builtin_nearest(f->raise.text);
		find_error(l, f->raise.at, "there is no scenario '%s'%s", f->raise.text, near ? nearest_hint(l, near) : "; docs/simulator.md lists them");
	}
	refuse(l, &f->count, "count", "'select'");
	refuse(l, &f->to, "to", "'select'");
	refuse(l, &f->over, "over", "'select'");
}

static void check_move(struct loader *l, const struct node *at, const struct step_fields *f)
{
	struct select *s;
	struct err e;

	if (select_parse(f->select.text, &s, &e) == 0)
		select_free(s);
	else
		find_error(l, f->select.at, "%s", e.text);
	if (!f->to.at && !f->to.wrong)
		find_error(l, at, "a step: 'to' is missing: alarm, rest, a label or a number");
}

static void check_step(struct loader *l, const struct node *at, const struct step_fields *f)
{
	int n = (f->raise.at != NULL) + (f->clear.at != NULL) + (f->select.at != NULL);

	if (f->raise.wrong || f->clear.wrong || f->select.wrong)
		return;
	if (n != 1) {
		find_error(l, at, "a step has one of: raise, clear, select");
		return;
	}
	if (!f->raise.at) {
		refuse(l, &f->floor, "floor", "'raise'");
		refuse(l, &f->zone, "zone", "'raise'");
		refuse(l, &f->building, "building", "'raise'");
		refuse(l, &f->device, "device", "'raise'");
		refuse(l, &f->bus, "bus", "'raise'");
		for (enum fault_word w = 0; w < FAULT_WORDS; w++)
			refuse(l, word_field(f, w), fault_word_name(w), "'raise'");
	}
	if (f->raise.at) {
		check_raise(l, f);
	} else if (f->select.at) {
		check_move(l, at, f);
	} else {
		refuse(l, &f->count, "count", "'select'");
		refuse(l, &f->to, "to", "'select'");
		refuse(l, &f->over, "over", "'select'");
		refuse(l, &f->for_, "for", "'raise' or 'select'");
	}
}

static void load_step(struct loader *l, const struct node *n, struct scenario_step *ret)
{
	struct step_fields f;

	if (!bind_is_map(l, n, "a step"))
		return;
	bind_map(l, n, step_keys, sizeof step_keys / sizeof *step_keys, &f, "a step");
	check_step(l, n, &f);
	const struct field *what = f.raise.at ? &f.raise : f.clear.at ? &f.clear : &f.select;
	*ret = (struct scenario_step){
		.at_ms = f.at.number, .what = f.raise.at ? STEP_RAISE : f.clear.at ? STEP_CLEAR : STEP_MOVE, .name = field_keep(l, what, ""),
		.where = { field_keep(l, &f.floor, NULL), field_keep(l, &f.zone, NULL), field_keep(l, &f.building, NULL), field_keep(l, &f.device, NULL),
			field_keep(l, &f.bus, NULL) },
		.move = { .select = field_keep(l, &f.select, ""), .to = field_keep(l, &f.to, ""), .count = (unsigned)f.count.number, .over_ms = f.over.number,
			.for_ms = f.for_.number },
		.for_ms = f.for_.number, .line = what->at ? what->at->line : n->line, .column = what->at ? what->at->column : n->column,
	};
	for (enum fault_word w = 0; w < FAULT_WORDS; w++)
		ret->where.how.text[w] = field_keep(l, word_field(&f, w), NULL);
}

static bool can_clear(const struct scenario *s, const char *name)
{
	if (builtin_find(name) || strcmp(name, "all") == 0)
		return true;
	for (size_t i = 0; i < s->n_steps; i++)
		if (s->steps[i].what == STEP_MOVE && strcmp(s->steps[i].name, name) == 0)
			return true;
	return false;
}

/* By time; steps of one moment stay in the file's order. */
static void sort_steps(struct scenario_step *steps, size_t n)
{
	for (size_t i = 1; i < n; i++) {
		struct scenario_step s = steps[i];
		size_t k = i;

		for (; k > 0 && steps[k - 1].at_ms > s.at_ms; k--)
			steps[k] = steps[k - 1];
		steps[k] = s;
	}
}

static void load_steps(struct loader *l, const struct node *list, struct scenario *s)
{
	size_t n = bind_count(l, list, STEPS_MAX, "steps");
	struct scenario_step *steps = arena_take(&l->keep, n + 1, sizeof *steps);

	for (size_t i = 0; i < n; i++)
		load_step(l, list->items[i], &steps[i]);
	s->steps = steps;
	s->n_steps = n;
	for (size_t i = 0; i < n; i++)
		if (steps[i].what == STEP_CLEAR && !can_clear(s, steps[i].name))
			find_at(l, FINDING_ERROR, list->source, steps[i].line, steps[i].column,
			        "clear: '%s' is neither a scenario, nor a select of this file, nor 'all'", steps[i].name);
	sort_steps(steps, n);
}

static struct scenario *load(struct loader *l, const char *path)
{
	struct root_fields f;
	struct scenario *s = arena_take(&l->keep, 1, sizeof *s);
	const struct node *root = yaml_read(l, path, NULL);

	*s = (struct scenario){ .file = arena_copy(&l->keep, path), .site = "", .seed = SCENARIO_SEED, .speed = SCENARIO_SPEED, .day_ms = SCENARIO_DAY_MS };
	if (!root)
		return s;
	bind_map(l, root, root_keys, sizeof root_keys / sizeof *root_keys, &f, "the scenario");
	if (root->type != NODE_MAP)
		return s;
	if (f.site.text)
		s->site = arena_copy(&l->keep, source_path_shown(l, root->source, f.site.text));
	s->seed = (uint64_t)f.seed.number;
	s->speed = decimal_double(f.speed.decimal);
	if (!(s->speed >= 0.01 && s->speed <= 1000))
		find_error(l, f.speed.at, "speed must be 0.01 … 1000, not %s", f.speed.text);
	if (scenario_time_of_day(f.begins.text, &s->day_ms) < 0)
		find_error(l, f.begins.at, "begins must be a time of day (22:30), not '%s'", f.begins.text);
	if (f.steps.at)
		load_steps(l, f.steps.at, s);
	return s;
}

int scenario_load(const char *path, struct scenario **ret, struct findings *ret_findings)
{
	struct loader *l = loader_new();
	struct scenario *volatile s = NULL; /* outlives the longjmp */

	*ret = NULL;
	*ret_findings = (struct findings){ 0 };
	if (!l) {
		findings_no_memory(ret_findings);
		return -1;
	}
	if (setjmp(l->oom) == 0) {
		s = load(l, path);
		findings_finish(l, ret_findings);
	} else {
		findings_no_memory(ret_findings);
	}
	if (s && ret_findings->errors == 0) {
		s->memory = l->keep.blocks;
		*ret = s;
	} else {
		arena_done(&l->keep);
	}
	loader_free(l);
	return *ret ? 0 : -1;
}

void scenario_free(struct scenario *s)
{
	if (!s)
		return;
	struct arena keep = { .blocks = s->memory };
	arena_done(&keep);
}

int scenario_plan(const struct scenario *s, size_t i, const struct world *w, struct effect *ret, struct err *reterr)
{
	const struct scenario_step *step = &s->steps[i];

	if (step->what == STEP_MOVE)
		return world_plan_move(w, &step->move, ret, reterr);
	if (world_plan(w, step->name, &step->where, i, ret, reterr) < 0)
		return -1;
	if (step->for_ms)
		ret->end_ms = step->for_ms;
	return 0;
}

size_t scenario_check(const struct scenario *s, const struct world *w, FILE *out)
{
	struct effect effect;
	struct err e;
	size_t wrong = 0;

	for (size_t i = 0; i < s->n_steps; i++) {
		const struct scenario_step *step = &s->steps[i];

		if (step->what == STEP_CLEAR)
			continue;
		if (scenario_plan(s, i, w, &effect, &e) == 0) {
			effect_done(&effect);
			continue;
		}
		fprintf(out, "%s:%d:%d: error: %s\n", s->file, step->line, step->column, e.text);
		wrong++;
	}
	return wrong;
}
