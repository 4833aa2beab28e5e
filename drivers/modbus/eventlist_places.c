/* Lists with a register that says what is new: the place of the newest record (or of the next), or how many there are.
 *
 * A place alone does not show that the list was written round once and more. So the record that was the newest last time is read again with the new ones: where it is not the
 * same any more, all that stands in the list is new. */
#include "drivers/modbus/eventlist.h"
#include "drivers/modbus/words.h"

#include "core/strmap.h"

#define PASSES_MAX 3 /* reads of what moves under our hands, a poll */

static uint64_t mark_of(const struct eventlist *l, uint32_t place)
{
	uint64_t mark = strmap_hash64(eventlist_record(l, place), l->point->list.size * sizeof(uint16_t), STRMAP_HASH_SEED);

	return eventlist_is_empty(l, place) ? 0 : mark ? mark : 1;
}

/* The register as a place of the newest or as how many; false: it cannot be. */
static bool read_news(const struct eventlist *l, uint16_t value, uint32_t *ret)
{
	const struct bus_list *b = &l->point->list;
	uint32_t v = word_of(value, l->point->order);

	*ret = v;
	if (b->news == LIST_NEWS_NEXT)
		*ret = (v + b->entries - 1) % b->entries;
	return !eventlist_is_place(b) || v < b->entries || (b->news == LIST_NEWS_NEXT && v == b->entries);
}

static uint32_t places_from(const struct bus_list *b, uint32_t from, uint32_t to)
{
	return (to + b->entries - from) % b->entries;
}

static enum eventlist_step bad(struct eventlist *l, struct stamp now, struct sample_sink *sink)
{
	eventlist_failed(l, QUALITY_DEVICE, now, sink);
	return EVENTLIST_BAD;
}

/* From the newest of last time on, to see whether it is still the same. Also if nothing moved: the first event of an empty list stands where its newest stood, and the list may have
 * been written round to the same place. */
static enum eventlist_step on_place(struct eventlist *l, struct plan_request *read)
{
	uint32_t n = l->known ? places_from(&l->point->list, l->last, l->news) : 0;

	return n ? eventlist_ask_records(l, l->last, n + 1, 1, read) : eventlist_ask_records(l, l->news, 1, 0, read);
}

/* From how many to how many the counter went, and which places that is. */
static enum eventlist_step on_count(struct eventlist *l, struct plan_request *read, struct stamp now, struct sample_sink *sink)
{
	const struct bus_list *b = &l->point->list;
	uint32_t from = l->last, to = l->news, room = b->entries, began;

	if (l->known && to < from && b->news == LIST_NEWS_TOTAL && (uint16_t)(to - from) <= room && (UINT16_MAX + 1u) % room == 0)
		to += UINT16_MAX + 1u; /* it began again at 0 */
	else if (to < from)
		from = 0; /* it was cleared */
	if (!l->known || from == to) {
		eventlist_see(l, l->news, 0);
		return eventlist_quiet(l, now, sink);
	}
	began = from;
	if (b->newest_first || b->news == LIST_NEWS_TOTAL) {
		if (to - from > room)
			from = to - room;
		l->lost = from - began;
		return eventlist_ask_records(l, b->newest_first ? 0 : from % room, to - from, 0, read);
	}
	l->lost = to <= room ? 0 : from > room ? to - from : to - room;
	if (from < room)
		return eventlist_ask_records(l, from, (to < room ? to : room) - from, 0, read);
	eventlist_give_lost(l, now, sink);
	eventlist_see(l, to, 0);
	return EVENTLIST_DONE;
}

enum eventlist_step eventlist_on_news(struct eventlist *l, uint16_t value, struct plan_request *read, struct stamp now, struct sample_sink *sink)
{
	const struct bus_list *b = &l->point->list;
	uint32_t news;

	if (!read_news(l, value, &news))
		return bad(l, now, sink);
	if (b->numbered && eventlist_is_place(b))
		return eventlist_ask_records(l, news, 1, 0, read); /* its number tells */
	if (b->numbered) {
		/* One that counts what there is stands still when the list is full. */
		if (l->news_done && news == l->news && !(b->news == LIST_NEWS_COUNT && news >= b->entries))
			return eventlist_quiet(l, now, sink);
		l->news = news;
		l->news_done = false;
		return eventlist_ask_records(l, 0, b->entries, 0, read);
	}
	l->news = news;
	l->lost = 0;
	return eventlist_is_place(b) ? on_place(l, read) : on_count(l, read, now, sink);
}

static bool any_empty(const struct eventlist *l)
{
	for (uint32_t i = 0; i < l->point->list.entries; i++)
		if (eventlist_is_empty(l, i))
			return true;
	return false;
}

/* It was written round, or cleared: all that stands in it is new. */
static enum eventlist_step read_all(struct eventlist *l, struct plan_request *read)
{
	l->lapped = true;
	return eventlist_ask_records(l, (l->news + 1) % l->point->list.entries, l->point->list.entries, 0, read);
}

/* The records were read that the register named. */
enum eventlist_step eventlist_on_records(struct eventlist *l, struct plan_request *read, struct stamp now, struct sample_sink *sink)
{
	const struct bus_list *b = &l->point->list;
	uint64_t mark;

	if (!eventlist_is_place(b))
		return eventlist_ask_news(l, PHASE_AGAIN, read);
	if (!l->known) {
		eventlist_see(l, l->news, mark_of(l, l->news));
		return eventlist_quiet(l, now, sink);
	}
	if (l->lapped) {
		/* Where it was empty, or is not full, it was not written round, as far as that shows. */
		l->lost = l->mark == 0 || any_empty(l) ? 0 : places_from(b, l->last, l->news);
		return eventlist_ask_news(l, PHASE_AGAIN, read);
	}
	mark = mark_of(l, l->last);
	if (mark == l->mark && l->skip == 0)
		return eventlist_quiet(l, now, sink);
	if (mark != l->mark && l->passes++ == 0)
		return eventlist_ask_news(l, PHASE_NEWS, read); /* it may have been written over a moment ago */
	if (mark != l->mark)
		return read_all(l, read);
	return eventlist_ask_news(l, PHASE_AGAIN, read);
}

/* The register said `news` when they were asked for, and says `again` now: how many of the places that were read may have been written since, the oldest first; -1: all may. */
static int64_t overwritten(const struct eventlist *l, uint32_t again)
{
	const struct bus_list *b = &l->point->list;
	uint32_t moved = eventlist_is_place(b) ? places_from(b, l->news, again) : (uint16_t)(again - l->news), spare = b->entries - l->n;

	if (moved == 0)
		return 0;
	if (b->newest_first || (!eventlist_is_place(b) && again < l->news))
		return -1;
	if (b->news == LIST_NEWS_COUNT)
		return 0;
	return moved > spare ? moved - spare : 0;
}

/* It moved too far while it was read, and nothing was given yet: from the beginning, or at the next poll. */
static enum eventlist_step once_more(struct eventlist *l, struct plan_request *read)
{
	if (++l->passes >= PASSES_MAX)
		return EVENTLIST_DONE;
	l->lapped = false;
	return eventlist_ask_news(l, PHASE_NEWS, read);
}

static enum eventlist_step give_records(struct eventlist *l, char *text, struct stamp now, struct sample_sink *sink)
{
	const struct bus_list *b = &l->point->list;
	uint32_t k = l->gone > l->skip ? (uint32_t)l->gone : l->skip;

	l->lost += k - l->skip;
	eventlist_give_lost(l, now, sink);
	for (; k < l->n; k++) {
		uint32_t place = (l->first + (b->newest_first ? l->n - 1 - k : k)) % b->entries;

		if (!eventlist_is_empty(l, place))
			eventlist_give_record(l, place, text, now, sink);
	}
	eventlist_see(l, l->news, eventlist_is_place(b) ? mark_of(l, l->news) : 0);
	return eventlist_quiet(l, now, sink);
}

enum eventlist_step eventlist_on_again(struct eventlist *l, uint16_t value, struct plan_request *read, char *text, struct stamp now, struct sample_sink *sink)
{
	uint32_t again;

	if (!read_news(l, value, &again))
		return bad(l, now, sink);
	l->gone = overwritten(l, again);
	if (l->gone < 0 || l->gone > l->n)
		return once_more(l, read);
	if (!eventlist_is_place(&l->point->list))
		return give_records(l, text, now, sink);
	l->check = mark_of(l, l->news);
	read->address = (uint16_t)(l->point->address + l->news * l->point->list.size);
	read->count = l->point->list.size;
	l->phase = PHASE_CHECK;
	return EVENTLIST_MORE;
}

enum eventlist_step eventlist_on_check(struct eventlist *l, struct plan_request *read, char *text, struct stamp now, struct sample_sink *sink)
{
	return mark_of(l, l->news) == l->check ? give_records(l, text, now, sink) : once_more(l, read);
}
