#include "tests/unit/cli/backtest_found.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SPANS_MAX 60000

void found_span(struct spans *s, const char *alarm, int64_t from, int64_t to)
{
	if (!s->items)
		s->items = calloc(SPANS_MAX, sizeof *s->items);
	assert_true(s->n < SPANS_MAX);
	snprintf(s->items[s->n].alarm, sizeof s->items[s->n].alarm, "%s", alarm);
	s->items[s->n].from_ms = from;
	s->items[s->n++].to_ms = to;
}

int found_by_alarm(const void *x, const void *y)
{
	const struct span *a = x, *b = y;
	int order = strcmp(a->alarm, b->alarm);

	return order ? order : a->from_ms < b->from_ms ? -1 : a->from_ms > b->from_ms;
}

static void take_occurrence(void *user, const struct backtest_occurrence *o)
{
	struct found *f = user;

	found_span(&f->side[o->side], o->alarm->id, o->from_ms, o->to_ms);
	f->alone += o->alone && o->counts;
}

static void take_doubt(void *user, const struct backtest_alarm *a, int64_t from_ms, int64_t to_ms)
{
	found_span(&((struct found *)user)->doubts, a->id, from_ms, to_ms);
}

void found_run(const struct rig *r, const struct config *c, const struct config *live, int64_t from_ms, int64_t to_ms, struct backtest *b, struct found *ret)
{
	struct backtest_options o = { .site = &c->site, .rules = c->rules, .n_rules = c->n_rules, .live = live->rules, .n_live = live->n_rules, .from_ms = from_ms, .to_ms = to_ms,
		.occurrence = take_occurrence, .doubt = take_doubt, .user = ret };
	struct reader *db = NULL;
	struct err e = { 0 };

	*ret = (struct found){ 0 };
	if (backtest_init(b, &o, &e) || reader_open(r->db, &db, &e) || feed_all(db, b, &(struct feed_options){ 0 }, &e))
		fail_msg("%s", e.text);
	reader_close(db);
	for (int i = 0; i < BACKTEST_SIDES; i++)
		if (ret->side[i].n)
			qsort(ret->side[i].items, ret->side[i].n, sizeof(struct span), found_by_alarm);
}

void found_done(struct found *f)
{
	free(f->side[0].items);
	free(f->side[1].items);
	free(f->doubts.items);
}
