/* point: a measured thing of the building, and a reading of it. Plain data; texts are borrowed from the config that made them. */
#ifndef FIREGW_CORE_POINT_H
#define FIREGW_CORE_POINT_H

#include "core/clock.h"
#include "core/kind.h"

#include <math.h>
#include <stddef.h>

enum quality {
	QUALITY_GOOD,
	QUALITY_COMM,   /* no answer, or not one that could be trusted */
	QUALITY_DEVICE, /* the device says that it has no value */
	QUALITY_RANGE,  /* a value that cannot be */
	QUALITY_STALE,  /* a point without an answer: no good value for 3 × every (at least 10 s) */
	QUALITY_NEVER,  /* nothing yet since the start */
	QUALITY_COUNT,
};
const char *quality_name(enum quality q);
int         quality_find(const char *word, enum quality *ret);

/* A value. `number` is what rules compare; `text`, if not NULL, is what is shown and sent instead, as a JSON string: strings, and integers
 * that a double cannot hold (their number is the nearest double; a string's is NaN). Borrowed for the length of the call. */
struct value {
	double      number;
	const char *text;
};
#define VALUE_TEXT_MAX 252 /* string:N has N ≤ 250 bytes */

/* One poll of one point (mode: value), or one record of a device's list (mode: log). A list is also told of when it cannot be read (once, with the
 * quality), when it can again (good, with neither number nor text), and when records were lost (quality device). */
struct sample {
	uint32_t     point;        /* index in the config's points */
	enum quality quality;      /* good: value is there. Otherwise value is not to be looked at */
	struct value value;
	struct stamp at;           /* when the reply arrived: the register was read then */
	int64_t      device_at_ms; /* the device's own time (mode: log), 0 if it has none */
	uint32_t     lost;         /* mode log: records that were overwritten before they could be read, at least so many */
};

/* A device's list can be read (again), and held nothing new. */
static inline bool sample_has_no_record(const struct sample *s)
{
	return s->quality == QUALITY_GOOD && isnan(s->value.number) && !s->value.text;
}

struct point_label {
	double      value;
	const char *text;
};

#define POINT_NONE UINT32_MAX
#define POINT_TAGS_MAX 8
#define POINT_GB_ADDR_MAX 4

/* What does not change while a config lives. NaN: no such limit. All numbers are in `unit`, the kind's own. */
struct point {
	uint32_t    index;
	const char *id;            /* device.point */
	const char *name;          /* never NULL; the id's point part if none was given */
	enum kind   kind;
	const char *unit;
	uint32_t    bus, device, building, node; /* indices in the site's lists */
	const char *floor;         /* "" if none; B2, B1, 1, 2, … R */
	const char *zone;          /* "" if none */
	const char *location;      /* "" if none */
	const char *owner;         /* "" if none */
	const char *tags[POINT_TAGS_MAX];
	size_t      n_tags;
	double      low, low2, high, high2;
	double      deadband;      /* storage */
	int64_t     every_ms, heartbeat_ms;
	const struct point_label *labels; /* enum, or NULL */
	size_t      n_labels;
	bool        log_mode;
	bool        is_text;       /* string:N, or 64-bit integers: may have value.text */
	uint8_t     gb_system, gb_component;
	int32_t     gb_system_addr;             /* -1: none */
	uint32_t    gb_addr[POINT_GB_ADDR_MAX];
	size_t      n_gb_addr;
};

/* The label of a value, or NULL. */
const char *point_label_text(const struct point *p, double value);

#endif
