/* The time that a record bears, from the forms of docs/points.md. Pure but for the process's zone. */
#include "drivers/modbus/eventlist.h"
#include "drivers/modbus/words.h"

#include <time.h>

#define MS_PER_DAY INT64_C(86400000)

/* 2000-01-01: nothing that we read is older, and a clock that says so was never set. */
#define SENSIBLE_MIN_MS INT64_C(946684800000)

/* The calendar's fields become seconds since 1970; -1: there is no such moment. */
static int64_t seconds_of(struct tm tm, bool local)
{
	struct tm given = tm;

	tm.tm_isdst = -1;
	time_t t = local ? mktime(&tm) : timegm(&tm);
	/* What does not exist comes back as another: the 31st of a month of 30 days, the hour that summer time skips. */
	if (tm.tm_year != given.tm_year || tm.tm_mon != given.tm_mon || tm.tm_mday != given.tm_mday || tm.tm_hour != given.tm_hour || tm.tm_min != given.tm_min)
		return -1;
	return (int64_t)t;
}

static int64_t from_fields(const unsigned f[6], bool local)
{
	unsigned year = f[0] < 100 ? f[0] + 2000 : f[0];

	if (year < 2000 || year > 2199 || f[1] < 1 || f[1] > 12 || f[2] < 1 || f[2] > 31 || f[3] > 23 || f[4] > 59 || f[5] > 60)
		return -1;
	return seconds_of((struct tm){ .tm_year = (int)year - 1900, .tm_mon = (int)f[1] - 1, .tm_mday = (int)f[2], .tm_hour = (int)f[3], .tm_min = (int)f[4],
		.tm_sec = (int)f[5] }, local);
}

/* 99 for what is no pair of decimal digits: no field but a year takes it, and that one is far in the future. */
static unsigned from_bcd(unsigned byte)
{
	return byte >> 4 > 9 || (byte & 0xf) > 9 ? 99 : (byte >> 4) * 10 + (byte & 0xf);
}

static int64_t seconds_in(const struct bus_list *b, const uint16_t *words, enum register_order order)
{
	unsigned f[6] = { 0 };
	uint64_t epoch;

	switch (b->time) {
	case LIST_TIME_NONE: return -1;
	case LIST_TIME_EPOCH32:
		epoch = join_words(words, 2, order);
		if (!b->time_local)
			return (int64_t)epoch;
		/* Their clock's hands, counted as if it were UTC. */
		time_t t = (time_t)epoch;
		struct tm tm;
		return gmtime_r(&t, &tm) ? seconds_of(tm, true) : -1;
	case LIST_TIME_YMDHMS:
		for (size_t i = 0; i < 6; i++)
			f[i] = word_of(words[i], order);
		break;
	case LIST_TIME_YMDHMS8: case LIST_TIME_YMDHMS8MS: case LIST_TIME_BCD8:
		for (size_t i = 0; i < 6; i++) {
			unsigned word = word_of(words[i / 2], order), byte = i % 2 ? word & 0xff : word >> 8;
			f[i] = b->time == LIST_TIME_BCD8 ? from_bcd(byte) : byte;
		}
		break;
	}
	return from_fields(f, b->time_local);
}

int64_t eventlist_time_ms(const struct bus_point *p, const uint16_t *record, struct stamp now)
{
	const struct bus_list *b = &p->list;
	const uint16_t *words = record + b->time_at;
	int64_t seconds = seconds_in(b, words, p->order), ms = 0;

	if (b->time == LIST_TIME_YMDHMS8MS)
		ms = word_of(words[3], p->order);
	ms = seconds * 1000 + (ms < 1000 ? ms : 0);
	if (seconds < 0 || ms < SENSIBLE_MIN_MS)
		return 0;
	/* Whether a clock is ahead, only one that is right can tell. */
	return now.wall_trusted && ms > now.wall_ms + MS_PER_DAY ? 0 : ms;
}
