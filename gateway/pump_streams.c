/* Which streams a pump knows: set at start and after each reload, found by their database id. */
#include "gateway/pump_inside.h"

#include <stdlib.h>

struct pump_lane *pump_lane_of(const struct pump *p, uint32_t node, unsigned stream)
{
	for (size_t n = 0; n < p->n_lanes; n++)
		if (p->lanes[n]->node == node && p->lanes[n]->stream == stream)
			return p->lanes[n];
	return NULL;
}

struct pump_lane *pump_lane_find(const struct pump *p, uint32_t db)
{
	size_t low = 0, high = p->n_lanes;

	while (low < high) {
		size_t mid = (low + high) / 2;
		if (p->lanes[mid]->db == db)
			return p->lanes[mid];
		if (p->lanes[mid]->db < db)
			low = mid + 1;
		else
			high = mid;
	}
	return NULL;
}

static void lane_free(struct pump *p, struct pump_lane *l)
{
	pump_lane_drop(p, l);
	pump_queue_forget_lane(p, l);
	pump_lane_works(p, l);
	chain_remove(&l->send);
	chain_remove(&l->read);
	chain_remove(&l->later);
	free(l);
}

static struct pump_lane *lane_new(uint32_t db)
{
	struct pump_lane *l = calloc(1, sizeof *l);

	if (!l)
		return NULL;
	l->db = db;
	chain_init(&l->send);
	chain_init(&l->read);
	chain_init(&l->later);
	return l;
}

static void lane_set(struct pump *p, struct pump_lane *l, const struct pump_stream *s, bool is_new)
{
	bool anew = !is_new && s->stored < l->acked;

	l->node = s->node;
	l->stream = s->stream;
	if (anew)
		pump_lane_drop(p, l);
	if (is_new || anew) {
		l->stored = s->stored;
		l->acked = l->told = s->acked < s->stored ? s->acked : s->stored;
		l->sent_high = l->acked;
		l->live_from = s->stored;
		l->first = 0;
	} else if (s->stored > l->stored) {
		l->stored = s->stored;
	}
	if (s->first > l->first)
		l->first = s->first <= l->stored + 1 ? s->first : l->stored + 1;
	pump_lane_classify(p, l);
	pump_lane_update(p, l);
}

static int by_db(const void *a, const void *b)
{
	uint32_t x = (*(struct pump_lane *const *)a)->db, y = (*(struct pump_lane *const *)b)->db;

	return x < y ? -1 : x > y;
}

int pump_prepare_streams(struct pump *p, const struct pump_stream *s, size_t n, struct pump_lanes *ret)
{
	struct pump_lanes l = { calloc(n + 1, sizeof *l.streams), calloc(n + 1, sizeof *l.lanes), n };

	for (size_t i = 0; l.streams && l.lanes && i < n; i++) {
		l.streams[i] = s[i];
		l.lanes[i] = pump_lane_find(p, s[i].db);
		if (!l.lanes[i])
			l.lanes[i] = lane_new(s[i].db);
		if (!l.lanes[i])
			break;
	}
	if (!l.streams || !l.lanes || (n && !l.lanes[n - 1])) {
		pump_drop_streams(p, &l);
		return -1;
	}
	*ret = l;
	return 0;
}

void pump_drop_streams(struct pump *p, struct pump_lanes *l)
{
	for (size_t i = 0; l->lanes && i < l->n; i++)
		if (l->lanes[i] && !pump_lane_find(p, l->lanes[i]->db))
			free(l->lanes[i]);
	free(l->lanes);
	free(l->streams);
	*l = (struct pump_lanes){ 0 };
}

void pump_take_streams(struct pump *p, struct pump_lanes *l)
{
	for (size_t i = 0; i < l->n; i++)
		lane_set(p, l->lanes[i], &l->streams[i], !pump_lane_find(p, l->streams[i].db));
	for (size_t i = 0; i < p->n_lanes; i++) {
		bool kept = false;
		for (size_t k = 0; k < l->n && !kept; k++)
			kept = l->lanes[k] == p->lanes[i];
		if (!kept)
			lane_free(p, p->lanes[i]);
	}
	free(p->lanes);
	qsort(l->lanes, l->n, sizeof *l->lanes, by_db);
	p->lanes = l->lanes;
	p->n_lanes = l->n;
	p->follow_ns = 0;
	free(l->streams);
	*l = (struct pump_lanes){ 0 };
}

int pump_set_streams(struct pump *p, const struct pump_stream *s, size_t n)
{
	struct pump_lanes l;

	if (pump_prepare_streams(p, s, n, &l))
		return -1;
	pump_take_streams(p, &l);
	return 0;
}

void pump_lane_init(struct pump *p)
{
	for (size_t n = 0; n < SEND_LISTS; n++) {
		chain_init(&p->send[n]);
		chain_init(&p->read[n]);
	}
	chain_init(&p->later);
	p->later_ns = CLOCK_NEVER;
	for (size_t n = 0; n < PUMP_ITEMS; n++) {
		p->items[n].next = p->free_items;
		p->free_items = &p->items[n];
	}
}

void pump_lane_done(struct pump *p)
{
	for (size_t n = 0; n < p->n_lanes; n++)
		lane_free(p, p->lanes[n]);
	free(p->lanes);
	p->lanes = NULL;
	p->n_lanes = 0;
}
