/* What is new in a device's list of events. The list is only read: what was given is known by what was seen last (a number, a place, how many there were),
 * and that is remembered beyond a restart.
 *
 * The happy path: the register that says what is new is read (PHASE_NEWS), then the new records (PHASE_RECORDS), then that register and the newest
 * record again (PHASE_AGAIN, PHASE_CHECK), and the records are given, oldest first. A numbered list is read whole where something may be new, and its records say themselves
 * what is.
 * Failure modes: records are overwritten while they are read (PHASE_AGAIN shows it: they are dropped and counted), or were before (more are new than there is
 * room for: what is left is given, and the loss is told), the list was cleared or its device began anew (all that stands in it is new), the poll fails (nothing
 * was given, so the next one finds the same). */
#include "drivers/modbus/eventlist.h"
#include "drivers/modbus/decode.h"

#include "core/strmap.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int eventlist_new(const struct bus_point *p, uint16_t max_registers, struct eventlist **ret, struct err *reterr)
{
	const struct bus_list *b = &p->list;
	struct eventlist *l;

	if (p->fc < 3 || b->entries < 1 || b->entries > LIST_ENTRIES_MAX || b->size < 1 || b->size > LIST_SIZE_MAX || b->value + decode_count(p) > b->size ||
	    (b->time && b->time_at + list_time_registers(b->time) > b->size) || (b->numbered && b->number_at >= b->size) ||
	    (!b->numbered && b->news == LIST_NEWS_NONE) || (uint32_t)p->address + (uint32_t)b->entries * b->size > UINT16_MAX + 1u ||
	    p->decimals_from != BUS_NO_DECIMALS_FROM || (b->numbered && b->entries > (b->number_last - b->number_first + 1) / 2))
		return err_set(reterr, ERR_INVALID, "the layout of its list cannot be");
	if (b->size > max_registers)
		return err_set(reterr, ERR_INVALID, "a record takes %u registers and the device gives at most %u a request; raise max_registers", b->size, max_registers);
	l = calloc(1, sizeof *l);
	if (!l)
		return err_set(reterr, ERR_NO_MEMORY, "no memory");
	*l = (struct eventlist){ .point = p, .per_request = (uint32_t)(max_registers / b->size), .told = -1,
		.records = calloc((size_t)b->entries * b->size, sizeof *l->records), .order = calloc(b->entries, sizeof *l->order) };
	if (!l->records || !l->order) {
		eventlist_free(l);
		return err_set(reterr, ERR_NO_MEMORY, "no memory");
	}
	*ret = l;
	return 0;
}

void eventlist_free(struct eventlist *l)
{
	if (!l)
		return;
	free(l->records);
	free(l->order);
	free(l);
}

/* ---- records ---- */

const uint16_t *eventlist_record(const struct eventlist *l, uint32_t place)
{
	return l->records + (size_t)place * l->point->list.size;
}

bool eventlist_is_empty(const struct eventlist *l, uint32_t place)
{
	const uint16_t *r = eventlist_record(l, place);

	if (r[0] != 0 && r[0] != UINT16_MAX)
		return false;
	for (size_t i = 1; i < l->point->list.size; i++)
		if (r[i] != r[0])
			return false;
	return true;
}

void eventlist_see(struct eventlist *l, uint32_t last, uint64_t mark)
{
	if (!l->known || last != l->last || mark != l->mark || !l->any)
		l->changes++;
	l->known = l->any = true;
	l->last = last;
	l->mark = mark;
}

/* ---- samples ---- */

static void give(struct eventlist *l, struct sample s, struct sample_sink *sink)
{
	s.point = l->point->point;
	l->told = QUALITY_GOOD;
	sink->sample(sink->user, &s);
}

enum eventlist_step eventlist_quiet(struct eventlist *l, struct stamp now, struct sample_sink *sink)
{
	if (l->told != QUALITY_GOOD)
		give(l, (struct sample){ .quality = QUALITY_GOOD, .value = { NAN, NULL }, .at = now }, sink);
	return EVENTLIST_DONE;
}

void eventlist_failed(struct eventlist *l, enum quality quality, struct stamp now, struct sample_sink *sink)
{
	if (l->told == (int)quality)
		return;
	give(l, (struct sample){ .quality = quality, .value = { NAN, NULL }, .at = now }, sink);
	l->told = (int)quality;
}

void eventlist_give_lost(struct eventlist *l, struct stamp now, struct sample_sink *sink)
{
	if (l->lost == 0)
		return;
	l->lost_in_all += l->lost;
	give(l, (struct sample){ .quality = QUALITY_DEVICE, .value = { NAN, NULL }, .at = now, .lost = l->lost }, sink);
}

void eventlist_give_record(struct eventlist *l, uint32_t place, char *text, struct stamp now, struct sample_sink *sink)
{
	const uint16_t *r = eventlist_record(l, place);
	struct sample s = { .at = now, .device_at_ms = eventlist_time_ms(l->point, r, now) };

	s.quality = decode_value(l->point, r + l->point->list.value, 0, text, &s.value);
	give(l, s, sink);
}

/* ---- what is read next ---- */

enum eventlist_step eventlist_ask_news(struct eventlist *l, enum eventlist_phase phase, struct plan_request *read)
{
	l->phase = phase;
	read->address = l->point->list.news_register;
	read->count = 1;
	return EVENTLIST_MORE;
}

static enum eventlist_step ask_more(struct eventlist *l, struct plan_request *read)
{
	const struct bus_list *b = &l->point->list;
	uint32_t place = (l->first + l->got) % b->entries, n = l->n - l->got;

	if (n > b->entries - place)
		n = b->entries - place;
	if (n > l->per_request)
		n = l->per_request;
	l->phase = PHASE_RECORDS;
	read->address = (uint16_t)(l->point->address + place * b->size);
	read->count = (uint16_t)(n * b->size);
	return EVENTLIST_MORE;
}

enum eventlist_step eventlist_ask_records(struct eventlist *l, uint32_t first, uint32_t n, uint32_t skip, struct plan_request *read)
{
	l->first = first;
	l->n = n;
	l->skip = skip;
	l->got = 0;
	return ask_more(l, read);
}

void eventlist_begin(struct eventlist *l, struct plan_request *ret_read)
{
	l->lost = 0;
	l->passes = 0;
	l->lapped = false;
	if (l->point->list.news == LIST_NEWS_NONE)
		(void)eventlist_ask_records(l, 0, l->point->list.entries, 0, ret_read);
	else
		(void)eventlist_ask_news(l, PHASE_NEWS, ret_read);
}

enum eventlist_step eventlist_values(struct eventlist *l, const uint16_t *values, struct plan_request *read, char *text, struct stamp now, struct sample_sink *sink)
{
	const struct bus_list *b = &l->point->list;

	switch (l->phase) {
	case PHASE_NEWS:
		return eventlist_on_news(l, values[0], read, now, sink);
	case PHASE_RECORDS:
		memcpy(l->records + (size_t)((l->first + l->got) % b->entries) * b->size, values, read->count * sizeof *values);
		l->got += (uint32_t)(read->count / b->size);
		if (l->got < l->n)
			return ask_more(l, read);
		return b->numbered ? eventlist_on_numbered(l, read, text, now, sink) : eventlist_on_records(l, read, now, sink);
	case PHASE_AGAIN:
		return eventlist_on_again(l, values[0], read, text, now, sink);
	case PHASE_CHECK:
		memcpy(l->records + (size_t)l->news * b->size, values, b->size * sizeof *values);
		return eventlist_on_check(l, read, text, now, sink);
	}
	return EVENTLIST_DONE;
}

/* ---- beyond a restart ---- */

/* What was seen last means something for this layout only. */
static uint64_t layout_hash(const struct bus_list *b)
{
	const uint16_t parts[] = { b->entries, b->size, (uint16_t)b->news, b->news_register, b->newest_first, b->numbered, b->number_at, b->number_first, b->number_last };

	return strmap_hash64(parts, sizeof parts, STRMAP_HASH_SEED);
}

bool eventlist_knows(const struct eventlist *l)
{
	return l->known;
}

void eventlist_remember(const struct eventlist *l, struct strbuf *out)
{
	strbuf_printf(out, "%" PRIx64 " %d %" PRIu32 " %" PRIx64, layout_hash(&l->point->list), l->any, l->last, l->mark);
}

bool eventlist_recall(struct eventlist *l, const char *text)
{
	const struct bus_list *b = &l->point->list;
	uint64_t layout, mark;
	uint32_t last;
	int any;

	if (sscanf(text, "%" SCNx64 " %d %" SCNu32 " %" SCNx64, &layout, &any, &last, &mark) != 4 || layout != layout_hash(b))
		return false;
	if (b->numbered ? any && (last < b->number_first || last > b->number_last) : last >= (eventlist_is_place(b) ? b->entries : UINT16_MAX + 1u))
		return false;
	l->known = true;
	l->any = any != 0;
	l->last = last;
	l->mark = mark;
	return true;
}

uint32_t eventlist_changes(const struct eventlist *l)
{
	return l->changes;
}

uint64_t eventlist_lost(const struct eventlist *l)
{
	return l->lost_in_all;
}
