/* eventlist: what is new in one device's list of events. It says what to read, is given what was read, and gives the samples; it knows no line. */
#ifndef FIREGW_DRIVERS_MODBUS_EVENTLIST_H
#define FIREGW_DRIVERS_MODBUS_EVENTLIST_H

#include "drivers/driver.h"
#include "drivers/modbus/plan.h"

struct eventlist;
enum eventlist_step {
	EVENTLIST_MORE,  /* the request was changed: read that next */
	EVENTLIST_DONE,
	EVENTLIST_BAD,   /* done: the list says what cannot be */
};
/* The point is borrowed. max_registers: that the device gives a request. ERR_INVALID, ERR_NO_MEMORY. */
int  eventlist_new(const struct bus_point *p, uint16_t max_registers, struct eventlist **ret, struct err *reterr);
void eventlist_free(struct eventlist *l); /* accepts NULL */
/* A poll begins: what is read first (address and count). */
void eventlist_begin(struct eventlist *l, struct plan_request *ret_read);
/* What the request brought. text: VALUE_TEXT_MAX bytes. */
enum eventlist_step eventlist_values(struct eventlist *l, const uint16_t *values, struct plan_request *read, char *text, struct stamp now, struct sample_sink *sink);
/* The poll ended without. Told when that is new. */
void eventlist_failed(struct eventlist *l, enum quality quality, struct stamp now, struct sample_sink *sink);
/* What was seen last, if anything, as the end of a line, and back; false: it was another list's. */
bool eventlist_knows(const struct eventlist *l);
void eventlist_remember(const struct eventlist *l, struct strbuf *out);
bool eventlist_recall(struct eventlist *l, const char *text);
/* Changes with what is to be remembered. */
uint32_t eventlist_changes(const struct eventlist *l);
uint64_t eventlist_lost(const struct eventlist *l);

/* ---- shared by the files of it: eventlist.c, eventlist_places.c (a register says what is new), eventlist_numbers.c (numbers in the records do) ---- */

enum eventlist_phase { PHASE_NEWS, PHASE_RECORDS, PHASE_AGAIN, PHASE_CHECK };

struct eventlist {
	const struct bus_point *point;
	uint32_t   per_request;  /* records */
	/* seen last; not known: what stands there now is not news */
	bool       known;
	bool       any;          /* numbered: there was a record, and `last` its number */
	uint32_t   last;         /* the number; the place of the newest; how many */
	uint64_t   mark;         /* newest, next: of the record in that place; 0: an empty one */
	uint32_t   changes;
	uint64_t   lost_in_all;
	int        told;         /* a quality: good, the list can be read; or why not; -1: nothing yet */
	/* the poll */
	enum eventlist_phase phase;
	uint32_t   news;         /* what the register said: the place of the newest, or how many */
	bool       news_done;    /* numbered: all was read since it said so */
	uint32_t   first, n;     /* the records wanted: n in a circle from place `first` */
	uint32_t   got, skip;    /* read; of those wanted, known already and read to be compared */
	bool       lapped;
	uint32_t   lost;
	int64_t    gone;         /* of the records wanted, so many from the first may have been overwritten */
	uint64_t   check;        /* newest, next: of the newest one, as it was read */
	unsigned   passes;
	uint16_t  *records;      /* by place */
	uint16_t  *order;        /* places, of new records */
};

/* The register holds a place, and no count. */
static inline bool eventlist_is_place(const struct bus_list *b)
{
	return b->news == LIST_NEWS_NEWEST || b->news == LIST_NEWS_NEXT;
}

const uint16_t *eventlist_record(const struct eventlist *l, uint32_t place);
/* Nothing but zeros, or nothing but ones: no event was written there. */
bool eventlist_is_empty(const struct eventlist *l, uint32_t place);
/* This was seen last. */
void eventlist_see(struct eventlist *l, uint32_t last, uint64_t mark);
/* The samples: it can be read and nothing is new (told when that is new); so many were lost, if any; a record. */
enum eventlist_step eventlist_quiet(struct eventlist *l, struct stamp now, struct sample_sink *sink);
void eventlist_give_lost(struct eventlist *l, struct stamp now, struct sample_sink *sink);
void eventlist_give_record(struct eventlist *l, uint32_t place, char *text, struct stamp now, struct sample_sink *sink);
/* What is read next: the register; n records from this place on, in a circle, the first `skip` of them only to be compared. */
enum eventlist_step eventlist_ask_news(struct eventlist *l, enum eventlist_phase phase, struct plan_request *read);
enum eventlist_step eventlist_ask_records(struct eventlist *l, uint32_t first, uint32_t n, uint32_t skip, struct plan_request *read);

/* eventlist_places.c: the register was read, first; the records; the register again; the newest record again. */
enum eventlist_step eventlist_on_news(struct eventlist *l, uint16_t value, struct plan_request *read, struct stamp now, struct sample_sink *sink);
enum eventlist_step eventlist_on_records(struct eventlist *l, struct plan_request *read, struct stamp now, struct sample_sink *sink);
enum eventlist_step eventlist_on_again(struct eventlist *l, uint16_t value, struct plan_request *read, char *text, struct stamp now, struct sample_sink *sink);
enum eventlist_step eventlist_on_check(struct eventlist *l, struct plan_request *read, char *text, struct stamp now, struct sample_sink *sink);
/* eventlist_numbers.c: the whole list was read. */
enum eventlist_step eventlist_on_numbered(struct eventlist *l, struct plan_request *read, char *text, struct stamp now, struct sample_sink *sink);
/* eventlist_time.c: the record's time, in epoch ms; 0: it has none, or none that can be. */
int64_t eventlist_time_ms(const struct bus_point *p, const uint16_t *record, struct stamp now);

#endif
