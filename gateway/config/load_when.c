#include "gateway/config/load_rule.h"

#include <stddef.h>
#include <string.h>

#define NS_PER_MS INT64_C(1000000)
#define MS_PER_DAY INT64_C(86400000)

static const char *const same_words[] = { "zone", "floor", "device", "building", NULL };

#define AT(field) offsetof(struct when_fields, field)
static const struct bind_key all_keys[WHEN_KEYS_MAX] = {
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
	{ "rate", NULL, BIND_MAP, 0, AT(rate) },
	{ "stuck", NULL, BIND_DURATION, 0, AT(stuck), 1000, 366 * MS_PER_DAY },
	{ "all", NULL, BIND_LIST, 0, AT(all) },
	{ "any", NULL, BIND_LIST, 0, AT(any) },
};

struct rate_fields { struct field above, below, per; };
static const struct bind_key rate_keys[] = {
	{ "above", NULL, BIND_DECIMAL, 0, offsetof(struct rate_fields, above) },
	{ "below", NULL, BIND_DECIMAL, 0, offsetof(struct rate_fields, below) },
	{ "per", NULL, BIND_DURATION, BIND_REQUIRED, offsetof(struct rate_fields, per), 1000, 30 * MS_PER_DAY },
};

size_t when_keys(struct bind_key *ret, size_t at)
{
	memcpy(ret, all_keys, sizeof all_keys);
	for (size_t i = 0; i < WHEN_KEYS_MAX; i++)
		ret[i].offset += at;
	return WHEN_KEYS_MAX;
}

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

static const enum rule_scope scopes[] = { SCOPE_ZONE, SCOPE_FLOOR, SCOPE_DEVICE, SCOPE_BUILDING };

static enum rule_scope load_same(const struct when_fields *f)
{
	return f->same.at ? scopes[f->same.number] : SCOPE_SITE;
}

static int load_rate(struct loader *l, const struct node *n, struct rule_def *r, struct rule_place *place)
{
	struct rate_fields f;
	int bad = bind_map(l, n, rate_keys, sizeof rate_keys / sizeof *rate_keys, &f, "rate");

	if (bad == 0 && (f.above.at != NULL) == (f.below.at != NULL)) {
		find_error(l, n, "rate must have a limit, above or below: rate: {below: -0.02, per: 1m}");
		return -1;
	}
	r->rate_above = f.above.at != NULL;
	r->limit = decimal_double(r->rate_above ? f.above.decimal : f.below.decimal);
	r->per_ns = f.per.number * NS_PER_MS;
	place->limit = n;
	return bad;
}

static int load_several(struct loader *l, const struct when_fields *f, struct rule_def *r, struct rule_place *place)
{
	r->when = f->all.at ? WHEN_ALL : WHEN_ANY;
	r->same = load_same(f);
	return load_terms(l, f->all.at ? f->all.at : f->any.at, r, place);
}

static int load_count(struct loader *l, const struct when_fields *f, struct rule_def *r)
{
	r->count = (uint32_t)f->count.number;
	r->same = load_same(f);
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
	if (f->rate.at) {
		r->when = WHEN_RATE;
		return load_rate(l, f->rate.at, r, place);
	}
	if (f->stuck.at) {
		r->when = WHEN_STUCK;
		r->stuck_ns = f->stuck.number * NS_PER_MS;
		return 0;
	}
	if (f->all.at || f->any.at)
		return load_several(l, f, r, place);
	r->when = WHEN_COUNT;
	return load_count(l, f, r);
}

static void check_companions(struct loader *l, const struct when_fields *f, enum rule_when when)
{
	bool has_band = when == WHEN_ABOVE || when == WHEN_BELOW || when == WHEN_OUTSIDE || when == WHEN_RATE || when == WHEN_STUCK;
	bool several = when == WHEN_COUNT || when == WHEN_ALL || when == WHEN_ANY;

	if (f->deadband.at && !has_band)
		find_error(l, f->deadband.at, "deadband belongs to above, below, outside, rate and stuck");
	if (f->of.at && when != WHEN_COUNT)
		find_error(l, f->of.at, "of belongs to count");
	if (f->within.at && when != WHEN_COUNT)
		find_error(l, f->within.at, "within belongs to count");
	if (f->same.at && !several)
		find_error(l, f->same.at, "same belongs to count, all and any");
}

int load_condition(struct loader *l, const struct when_fields *f, struct rule_def *r, struct rule_place *place)
{
	r->limit = r->limit_high = NAN;
	if (load_one(l, f, r, place) < 0)
		return -1;
	check_companions(l, f, r->when);
	r->deadband = f->deadband.at ? decimal_double(f->deadband.decimal) : 0;
	place->deadband = f->deadband.at;
	if (r->deadband >= 0)
		return 0;
	find_error(l, f->deadband.at, "deadband %s is negative", f->deadband.text);
	return -1;
}

int load_when(struct loader *l, const struct node *n, struct rule_def *r, struct rule_place *place)
{
	static const char words[] = "above, below, outside, equals, bit, quality, rate, stuck, all, any or count";
	struct when_fields f;
	struct bind_key keys[WHEN_KEYS_MAX];
	int bad = bind_map(l, n, keys, when_keys(keys, 0), &f, "when");
	const struct field *one[] = { &f.above, &f.below, &f.outside, &f.equals, &f.bit, &f.quality, &f.count, &f.rate, &f.stuck, &f.all, &f.any };
	size_t given = 0;

	for (size_t i = 0; i < sizeof one / sizeof *one; i++)
		given += one[i]->at != NULL;
	if (given > 1)
		find_error(l, n, "when has %zu conditions: a rule has one (%s)", given, words);
	else if (given == 0 && bad == 0)
		find_error(l, n, "when has no condition (%s)", words);
	if (given != 1 || load_condition(l, &f, r, place) < 0)
		return -1;
	return bad;
}
