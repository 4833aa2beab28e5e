#include "gateway/config/load_rule.h"

#include <stddef.h>
#include <string.h>

#define NS_PER_MS INT64_C(1000000)
#define MS_PER_DAY INT64_C(86400000)

struct when_fields { struct field above, below, outside, equals, bit, quality, count, deadband, of, same, within, unsupported; };

static const char *const same_words[] = { "zone", "floor", "device", "building", NULL };

#define AT(field) offsetof(struct when_fields, field)
static const struct bind_key when_keys[] = {
	{ "above", NULL, BIND_TEXT, 0, AT(above), 1, 40 },
	{ "below", NULL, BIND_TEXT, 0, AT(below), 1, 40 },
	{ "outside", NULL, BIND_LIST, 0, AT(outside) },
	{ "equals", NULL, BIND_TEXT, 0, AT(equals), 1, 80 },
	{ "bit", NULL, BIND_INT, 0, AT(bit), 0, 63 },
	{ "quality", NULL, BIND_TEXT, 0, AT(quality), 1 },
	{ "count", NULL, BIND_INT, 0, AT(count), 1, 100000 },
	{ "deadband", NULL, BIND_DECIMAL, 0, AT(deadband) },
	{ "of", NULL, BIND_MAP, 0, AT(of) },
	{ "same", NULL, BIND_WORD, 0, AT(same), .words = same_words },
	{ "within", NULL, BIND_DURATION, 0, AT(within), 0, 30 * MS_PER_DAY },
	{ "rate", NULL, BIND_UNSUPPORTED, 0, AT(unsupported) },
	{ "stuck", NULL, BIND_UNSUPPORTED, 0, AT(unsupported) },
	{ "all", NULL, BIND_UNSUPPORTED, 0, AT(unsupported) },
	{ "any", NULL, BIND_UNSUPPORTED, 0, AT(unsupported) },
};

/* above, below: a number, or point.low and the like. */
static int load_limit(struct loader *l, const struct field *f, const char *what, struct rule_def *r)
{
	static const struct { const char *word; enum rule_limit limit; } limits[] = {
		{ "point.low", LIMIT_LOW }, { "point.low2", LIMIT_LOW2 }, { "point.high", LIMIT_HIGH }, { "point.high2", LIMIT_HIGH2 },
	};
	struct decimal d;

	for (size_t i = 0; i < sizeof limits / sizeof *limits; i++)
		if (strcmp(limits[i].word, f->text) == 0) {
			r->limit_from = limits[i].limit;
			r->limit = NAN;
			return 0;
		}
	r->limit_from = LIMIT_NUMBER;
	if (decimal_parse(f->text, &d) < 0) {
		find_error(l, f->at, "%s '%s' is neither a number nor point.low, point.low2, point.high or point.high2%s", what, f->text,
		           number_hint(f->text));
		return -1;
	}
	r->limit = decimal_double(d);
	return 0;
}

static int load_outside(struct loader *l, const struct node *n, struct rule_def *r)
{
	static const struct bind_key key = { "outside", NULL, BIND_DECIMAL };
	struct field low, high;

	if (n->n != 2) {
		find_error(l, n, "outside must be two numbers: [low, high]");
		return -1;
	}
	if (bind_value(l, n->items[0], &key, &low) < 0 || bind_value(l, n->items[1], &key, &high) < 0)
		return -1;
	r->limit = decimal_double(low.decimal);
	r->limit_high = decimal_double(high.decimal);
	if (r->limit >= r->limit_high) {
		find_error(l, n, "outside: %s is not below %s", low.text, high.text);
		return -1;
	}
	return 0;
}

static int load_quality(struct loader *l, const struct field *f, struct rule_def *r)
{
	static const char *const words[] = { "bad", "comm", "device", "range", "stale", NULL };

	r->any_bad = strcmp(f->text, "bad") == 0;
	if (r->any_bad || (quality_find(f->text, &r->quality) == 0 && r->quality != QUALITY_GOOD && r->quality != QUALITY_NEVER))
		return 0;
	find_error(l, f->at, "quality '%s' is not one of: bad, comm, device, range, stale%s", f->text, nearest_hint(l, nearest_in(f->text, words)));
	return -1;
}

static int load_count(struct loader *l, const struct when_fields *f, struct rule_def *r)
{
	static const enum rule_scope scopes[] = { SCOPE_ZONE, SCOPE_FLOOR, SCOPE_DEVICE, SCOPE_BUILDING };

	r->count = (uint32_t)f->count.number;
	r->same = f->same.at ? scopes[f->same.number] : SCOPE_SITE;
	r->within_ns = f->within.number * NS_PER_MS;
	if (!f->of.at) {
		find_error(l, f->count.at, "count: of what? Give 'of', for example of: {class: fire}");
		return -1;
	}
	load_select(l, f->of.at, true, &r->of);
	r->of_alarms = r->of.n_classes > 0 || r->of.rule.n > 0;
	if (f->of.at->n == 0)
		find_error(l, f->of.at, "of: names nothing to count");
	return 0;
}

static int load_equals(struct loader *l, const struct field *f, struct rule_def *r)
{
	struct decimal d;

	r->limit = NAN;
	if (decimal_parse(f->text, &d) == 0)
		r->limit = decimal_double(d);
	else
		r->equals_text = arena_copy(&l->keep, f->text);
	return 0;
}

static int load_one(struct loader *l, const struct when_fields *f, struct rule_def *r, struct rule_place *place)
{
	if (f->above.at) {
		r->when = WHEN_ABOVE;
		place->limit = f->above.at;
		return load_limit(l, &f->above, "above", r);
	}
	if (f->below.at) {
		r->when = WHEN_BELOW;
		place->limit = f->below.at;
		return load_limit(l, &f->below, "below", r);
	}
	if (f->outside.at) {
		r->when = WHEN_OUTSIDE;
		place->limit = f->outside.at;
		return load_outside(l, f->outside.at, r);
	}
	if (f->equals.at) {
		r->when = WHEN_EQUALS;
		place->equals = f->equals.at;
		return load_equals(l, &f->equals, r);
	}
	if (f->bit.at) {
		r->when = WHEN_BIT;
		r->bit = (uint8_t)f->bit.number;
		return 0;
	}
	if (f->quality.at) {
		r->when = WHEN_QUALITY;
		return load_quality(l, &f->quality, r);
	}
	r->when = WHEN_COUNT;
	return load_count(l, f, r);
}

static void check_companions(struct loader *l, const struct when_fields *f, enum rule_when when)
{
	bool limit = when == WHEN_ABOVE || when == WHEN_BELOW || when == WHEN_OUTSIDE;
	const struct { const struct field *f; const char *what; } of_count[] = { { &f->of, "of" }, { &f->same, "same" }, { &f->within, "within" } };

	if (f->deadband.at && !limit)
		find_error(l, f->deadband.at, "deadband belongs to above, below and outside");
	for (size_t i = 0; i < 3 && when != WHEN_COUNT; i++)
		if (of_count[i].f->at)
			find_error(l, of_count[i].f->at, "%s belongs to count", of_count[i].what);
}

int load_when(struct loader *l, const struct node *n, struct rule_def *r, struct rule_place *place)
{
	struct when_fields f;
	int bad = bind_map(l, n, when_keys, sizeof when_keys / sizeof *when_keys, &f, "when");
	const struct field *one[] = { &f.above, &f.below, &f.outside, &f.equals, &f.bit, &f.quality, &f.count };
	size_t given = 0;

	r->limit = r->limit_high = NAN;
	for (size_t i = 0; i < sizeof one / sizeof *one; i++)
		given += one[i]->at != NULL;
	if (given > 1)
		find_error(l, n, "when has %zu conditions: a rule has one (above, below, outside, equals, bit, quality or count)", given);
	else if (given == 0 && bad == 0)
		find_error(l, n, "when has no condition (above, below, outside, equals, bit, quality or count)");
	if (given != 1)
		return -1;
	if (load_one(l, &f, r, place) < 0)
		return -1;
	check_companions(l, &f, r->when);
	r->deadband = f.deadband.at ? decimal_double(f.deadband.decimal) : 0;
	place->deadband = f.deadband.at;
	if (r->deadband < 0) {
		find_error(l, f.deadband.at, "deadband %s is negative", f.deadband.text);
		return -1;
	}
	return bad;
}
