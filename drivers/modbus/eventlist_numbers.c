/* Lists whose records are numbered: the list is read whole, and each record says itself whether it is new. */
#include "drivers/modbus/eventlist.h"
#include "drivers/modbus/words.h"

#include <string.h>

static uint32_t number_at(const struct eventlist *l, uint32_t place)
{
	return word_of(eventlist_record(l, place)[l->point->list.number_at], l->point->order);
}

static bool has_number(const struct eventlist *l, uint32_t place)
{
	uint32_t n = number_at(l, place);

	return !eventlist_is_empty(l, place) && n >= l->point->list.number_first && n <= l->point->list.number_last;
}

/* How far `a` comes after `b`, by the shorter way round: before it, it is negative. */
static int64_t distance(const struct eventlist *l, uint32_t a, uint32_t b)
{
	int64_t range = l->point->list.number_last - l->point->list.number_first + 1, d = ((int64_t)a - (int64_t)b + range) % range;

	return d > range / 2 ? d - range : d;
}

static uint32_t number_before(const struct eventlist *l, uint32_t n)
{
	return n == l->point->list.number_first ? l->point->list.number_last : n - 1;
}

/* The oldest and the newest number; false: the list is empty. */
static bool find_ends(const struct eventlist *l, uint32_t *ret_oldest, uint32_t *ret_newest)
{
	bool any = false;

	for (uint32_t i = 0; i < l->point->list.entries; i++) {
		uint32_t n = number_at(l, i);

		if (!has_number(l, i))
			continue;
		if (!any || distance(l, n, *ret_oldest) < 0)
			*ret_oldest = n;
		if (!any || distance(l, n, *ret_newest) > 0)
			*ret_newest = n;
		any = true;
	}
	return any;
}

/* Places of the records after `last` into l->order, each number once; how many. *ret_last: `last` itself is there. */
static uint32_t find_newer(struct eventlist *l, uint32_t last, bool *ret_last)
{
	uint32_t n = 0;

	*ret_last = false;
	for (uint32_t i = 0; i < l->point->list.entries; i++) {
		int64_t d = has_number(l, i) ? distance(l, number_at(l, i), last) : -1;
		uint32_t at = n;

		*ret_last = *ret_last || d == 0;
		if (d <= 0)
			continue;
		while (at > 0 && distance(l, number_at(l, l->order[at - 1]), last) > d)
			at--;
		if (at > 0 && number_at(l, l->order[at - 1]) == number_at(l, i))
			continue; /* the same record again */
		memmove(l->order + at + 1, l->order + at, (n - at) * sizeof *l->order);
		l->order[at] = (uint16_t)i;
		n++;
	}
	return n;
}

enum eventlist_step eventlist_on_numbered(struct eventlist *l, struct plan_request *read, char *text, struct stamp now, struct sample_sink *sink)
{
	uint32_t oldest = 0, newest = 0, n, last = l->last;
	bool any, has_last;

	/* Only the newest was read: the one that we know, or none as before? */
	if (l->n == 1 && l->known && l->any == has_number(l, l->first) && (!l->any || number_at(l, l->first) == last))
		return eventlist_quiet(l, now, sink);
	if (l->n < l->point->list.entries)
		return eventlist_ask_records(l, 0, l->point->list.entries, 0, read);
	any = find_ends(l, &oldest, &newest);
	if (!l->known) {
		l->changes++;
		l->known = l->news_done = true;
		l->any = any;
		l->last = newest;
		return eventlist_quiet(l, now, sink);
	}
	l->news_done = true;
	if (!any)
		return eventlist_quiet(l, now, sink);
	if (!l->any)
		last = number_before(l, oldest);
	n = find_newer(l, last, &has_last);
	if (n == 0 && !has_last) {
		/* What was newest is gone and nothing came after it: the numbers began anew. */
		last = number_before(l, oldest);
		n = find_newer(l, last, &has_last);
	}
	if (n == 0)
		return eventlist_quiet(l, now, sink);
	l->lost = (uint32_t)distance(l, newest, last) - n;
	if (l->lost && l->passes++ == 0) {
		/* Overwritten; or written behind our back, into a place that was read before: then it stands there now. */
		l->news_done = false;
		return eventlist_ask_records(l, 0, l->point->list.entries, 0, read);
	}
	eventlist_give_lost(l, now, sink);
	for (uint32_t i = 0; i < n; i++)
		eventlist_give_record(l, l->order[i], text, now, sink);
	eventlist_see(l, number_at(l, l->order[n - 1]), 0);
	return EVENTLIST_DONE;
}

