/* listscene: a device that keeps an event list, in each way that there is; a bus that reads it; and what came of it. */
#ifndef FIREGW_TESTS_DRIVERS_LISTSCENE_H
#define FIREGW_TESTS_DRIVERS_LISTSCENE_H

#include "scene.h"

#define ENTRIES 8
#define SIZE    4
#define NEWS    50 /* the register that says what is new */
#define FIRST   100
#define TIME0   UINT32_C(1795485000)
#define EVENTS  4096

#define LAYOUT .entries = ENTRIES, .size = SIZE, .value = 2, .time = LIST_TIME_EPOCH32, .news_register = NEWS
#define NUMBERED .numbered = true, .number_at = 3

struct list_line { enum peer_wire wire; enum bus_transport transport; const char *name; };
/* from: the device's first number, or how many it had written; exact: a loss shows in full. */
struct list_kind { const char *name; struct bus_list list; unsigned from; bool exact; };
#define LIST_LINES 3
#define LIST_KINDS 8
extern const struct list_line list_lines[LIST_LINES];
extern const struct list_kind list_kinds[LIST_KINDS];

/* The device: event k bears the value k + 1, its time is TIME0 + k. */
struct device {
	struct bus_list list;
	unsigned from;         /* the first number, or how many there were */
	uint32_t written;      /* events */
	uint32_t cleared;      /* those before are gone */
	uint16_t records[512][SIZE];
	unsigned busy;         /* one of so many requests finds a new event written before it; 0: none */
	uint16_t at, then;     /* the next request for this register finds so many new ones; then 0 */
	unsigned after;        /* or the one after so many of those */
	uint64_t random;
};

struct scene {
	struct harness h;
	struct peer    peer;
	struct device  d;
	size_t         line;
	/* what came */
	uint16_t       values[EVENTS];
	size_t         n, none, lost_samples;
	uint64_t       lost;
};
extern struct scene s;

/* A line, a device and a bus that is not open yet. */
void list_begin(size_t line, const struct bus_list *list, unsigned from);
void list_end(void);
uint32_t list_place_of(const struct device *d, uint32_t k);
void list_write_event(struct device *d);
void list_write_events(unsigned n);
/* The next request for this register, or the one after so many of those, finds n new events. */
void list_at_request(uint16_t address, unsigned after, uint16_t n);
/* All events from `from` (0: the first) up to the newest were given, once each, in order, since there were `was`. */
void list_check_given(size_t was, uint32_t from);
/* Closes the bus and opens it anew, with what it learned or without; its own time goes on. */
void list_restart(bool remembers, unsigned written_between);

#endif
