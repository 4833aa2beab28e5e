/* driver: the one interface behind which field protocols live. A bus is one serial line or one TCP endpoint. It never blocks, starts no thread
 * and knows no loop: it says what it waits for, and is stepped when that happens. docs/writing-a-driver.md has the contract in prose. */
#ifndef FIREGW_DRIVERS_DRIVER_H
#define FIREGW_DRIVERS_DRIVER_H

#include "core/clock.h"
#include "core/decimal.h"
#include "core/err.h"
#include "core/point.h"
#include "core/strbuf.h"
#include "core/unit.h"

#include <sys/socket.h>

enum bus_transport { BUS_TCP, BUS_RTU, BUS_RTU_TCP, BUS_SIM };

struct bus_timing {            /* of a bus, and of each device of it (already merged: the device's own, else the bus's) */
	int64_t  timeout_ns;       /* counted from the end of sending */
	int64_t  pause_ns;         /* between a reply and the next request */
	uint32_t retries;
	uint16_t max_registers;    /* a request; 1 … 125 */
	uint16_t max_bits;         /* 1 … 2000 */
	uint16_t max_gap;          /* unused registers that a merged request may span */
	int64_t  settle_ns;        /* after a connect the device is left alone for so long */
	bool     close_between;    /* the connection is closed when the device's polls are through */
	bool     echo;             /* what is sent to it comes back: the adapter hears itself */
};

struct bus_device {
	const char       *name;
	uint8_t           unit;    /* 0 … 255 on TCP, 1 … 247 on a serial line */
	struct bus_timing timing;
};

enum register_type { TYPE_BOOL, TYPE_I16, TYPE_U16, TYPE_I32, TYPE_U32, TYPE_I64, TYPE_U64, TYPE_F32, TYPE_F64, TYPE_BCD16, TYPE_BCD32, TYPE_STRING };
enum register_order { ORDER_ABCD, ORDER_CDAB, ORDER_BADC, ORDER_DCBA };

/* How a device keeps its list of events (mode log; docs/points.md): `entries` records of `size` registers each, one behind the other, the first at
 * the point's address, which is read with the point's function. What says that there is something new is a register: */
enum list_news {
	LIST_NEWS_NEWEST, /* the place (from 0) of the newest record; written in a circle */
	LIST_NEWS_NEXT,   /* the place of the next one to be written; in a circle */
	LIST_NEWS_TOTAL,  /* how many were ever written; in a circle, the first one in place 0 */
	LIST_NEWS_COUNT,  /* how many there are, from place 0 on; beyond `entries` they cannot be seen */
	LIST_NEWS_NONE,   /* none: the records are numbered */
};
enum list_time {
	LIST_TIME_NONE,
	LIST_TIME_EPOCH32,   /* 2 registers, in the point's order: seconds since 1970 */
	LIST_TIME_YMDHMS,    /* 6 registers: year (of four digits or two), month, day, hour, minute, second */
	LIST_TIME_YMDHMS8,   /* 3 registers, a byte each: year and month, day and hour, minute and second */
	LIST_TIME_YMDHMS8MS, /* 4 registers: the same, and the milliseconds */
	LIST_TIME_BCD8,      /* 3 registers: as YMDHMS8, each byte two decimal digits */
};
#define LIST_ENTRIES_MAX 500
#define LIST_SIZE_MAX    32
struct bus_list {
	uint16_t       entries, size;
	uint16_t       value;        /* where the value stands within a record; so for number_at and time_at */
	enum list_news news;
	uint16_t       news_register; /* protocol address */
	bool           newest_first; /* total and count: place 0 holds the newest, all others move up */
	bool           numbered;     /* each record bears a number (one register) that rises by one from number_first to number_last and begins again */
	uint16_t       number_at, number_first, number_last;
	enum list_time time;
	uint16_t       time_at;
	bool           time_local;   /* in the process's zone (TZ), which is the site's */
};
/* Registers that a time takes; 0: none. */
static inline unsigned list_time_registers(enum list_time t)
{
	static const uint8_t registers[] = { 0, 2, 6, 3, 4, 3 };

	return registers[t];
}

#define BUS_INVALID_MAX 8
#define BUS_NO_DECIMALS_FROM UINT32_MAX

/* One point as the driver sees it: where its raw value stands and how it becomes a value. All numbers are checked by the config. */
struct bus_point {
	uint32_t            point;        /* index in the site's points, goes into the samples */
	uint32_t            device;       /* index in bus_config.devices */
	const char         *id;           /* for error texts */
	uint8_t             fc;           /* 1 … 4 */
	uint16_t            address;      /* protocol address from 0 */
	enum register_type  type;
	enum register_order order;
	uint16_t            string_bytes; /* TYPE_STRING */
	int8_t              bit_first, bit_last; /* -1: whole value. Least significant bit is 0; applied after the order */
	struct decimal      scale, offset;
	uint32_t            decimals_from; /* a register of the same unit and function: value = raw ÷ 10^n (n 0 … 9, else quality device); or BUS_NO_DECIMALS_FROM */
	struct unit_conversion convert;    /* to the kind's unit */
	double              min, max;      /* of the final value; NaN: none. Outside → quality range */
	double              invalid[BUS_INVALID_MAX]; /* raw values after bits, before scale → quality device */
	size_t              n_invalid;
	const struct point_label *labels;  /* enum: a raw value not listed → quality range; borrowed */
	size_t              n_labels;
	int64_t             every_ns;
	bool                log_mode;
	struct bus_list     list;          /* log_mode */
	bool                urgent;        /* detectors and call points: before slow ones when the line is overcommitted */
};

/* What the buses of one process share: the protocols' codecs, which hold a few descriptors each. Make it at the start, before descriptors grow
 * numerous (they must stay below 1,024), and free it after the last bus. One thread only: the one that opens and steps the buses. */
struct driver_shared;
/* NULL on failure. Owned by the caller. */
struct driver_shared *driver_shared_new(struct err *reterr);
void                  driver_shared_free(struct driver_shared *shared); /* accepts NULL */

struct bus_config {
	const char              *name;
	struct driver_shared    *shared;   /* borrowed until the bus is closed; never NULL for a driver that has a wire */
	enum bus_transport       transport;
	const char              *host;     /* name or address; TCP kinds */
	uint16_t                 port;
	const char              *path;     /* serial device */
	uint32_t                 baud;
	uint8_t                  bits, stop;
	char                     parity;   /* N E O */
	bool                     rs485;
	const struct bus_device *devices;
	size_t                   n_devices;
	const char              *learned;  /* what `learned` gave at an earlier time, or NULL */
	uint64_t                 seed;     /* for jitter; the tests' determinism */
};

struct bus_wants {
	int         fd;            /* -1: none */
	uint32_t    fd_generation; /* changes with every new descriptor, also of the same number: the poll must be restarted */
	int         poll_events;   /* POLLIN | POLLOUT */
	const char *resolve;       /* a name to look up, or NULL; borrowed until the answer */
	int64_t     deadline_ns;   /* mono_ns; step me then, whatever happens. CLOCK_NEVER: no deadline */
};

/* What happened; all zero: only time passed (or the first step). */
struct bus_event {
	int                           revents;      /* poll(2) bits of wants.fd */
	const struct sockaddr *const *addresses;    /* the answer to wants.resolve (with the port not set), best first; borrowed for the call */
	size_t                        n_addresses;
	int                           resolve_error; /* nonzero: the look-up failed; resolve_text says why */
	const char                   *resolve_text;
};

struct sample_sink {
	void (*sample)(void *user, const struct sample *s);
	/* A probe's answer: raw registers or bits (n of them), or why not. */
	void (*answer)(void *user, uint64_t token, const uint16_t *values, size_t n, const struct err *error);
	void *user;
};

/* A single read on behalf of a person (probe). */
struct bus_request { uint64_t token; uint8_t unit, fc; uint16_t address, count; };

#define BUS_LATENCY_BUCKETS 24 /* bucket i: replies that took < 2^i × 64 µs */
struct bus_unit_stats {
	uint64_t requests, replies, timeouts, exceptions[16], late, wrong, broken, polls_good, polls_bad;
	uint64_t lost_records;     /* of event lists: overwritten before they could be read; at least so many */
	uint64_t latency[BUS_LATENCY_BUCKETS];
	int64_t  last_good_ns;     /* mono_ns of the last good reply; 0: never */
};
struct bus_stats {
	bool     connected;        /* the line is up: connected, or open */
	char     why[160];         /* not connected, or the last error: text for people; "" if none */
	uint64_t connects, disconnects;
	uint64_t late_replies;     /* an answer to an earlier request */
	uint64_t wrong_frames;     /* other unit, function, protocol id or length; dropped */
	uint64_t garbage_bytes;    /* could not be a frame */
	uint64_t crc_errors;       /* RTU: an answer in its full length whose checksum does not fit */
	uint64_t half_frames;      /* RTU: an answer that broke off */
	uint64_t foreign_frames;   /* RTU: requests of another master */
	uint64_t echoes;           /* RTU: our own requests came back, and echo is not set */
	uint64_t collisions;       /* RTU: what came back with echo set was not what was sent */
	uint64_t fences;           /* RTU: requests that only made sure that no late answer could be taken for another */
	int64_t  busy_ns;          /* the line was sending or waiting for so long in all */
	uint64_t bytes_in, bytes_out;
	uint64_t latency[BUS_LATENCY_BUCKETS];
	int64_t  last_good_ns;
	uint64_t learned;          /* how often what `learned` gives has changed */
	uint64_t missed;           /* polls that were due and could not be kept */
};

struct driver_ops {
	const char *name;
	/* Check and plan; no I/O. A missing device is no error here, a wrong register is. Config and points are borrowed until close. */
	int  (*open)(const struct bus_config *config, const struct bus_point *points, size_t n, struct stamp now, void **ret_bus, struct err *reterr);
	/* Do what can be done now without waiting; hand samples to the sink; say what is wanted next. */
	void (*step)(void *bus, const struct bus_event *ev, struct stamp now, struct sample_sink *sink, struct bus_wants *ret_wants);
	/* Queue a read for a person; shares the line, steals nothing. ERR_BUSY if one is waiting already. */
	int  (*request)(void *bus, const struct bus_request *rq, struct err *reterr);
	void (*stats)(const void *bus, struct bus_stats *ret);
	/* One device's figures; device < n_devices. */
	void (*unit_stats)(const void *bus, size_t device, struct bus_unit_stats *ret);
	/* What the bus found out about its devices (splits, which events of a list it has given), to be given back at the next open. 0, or -1 on no memory. */
	int  (*learned)(const void *bus, struct strbuf *out);
	/* Closes descriptors (stop polling them first) and frees; accepts NULL. */
	void (*close)(void *bus);
};

/* Whether a serial port can be set to this rate. */
bool driver_knows_baud(uint32_t baud);
/* The driver for a transport, or NULL if there is none (yet): then check says so. */
const struct driver_ops *driver_find(enum bus_transport transport);

#endif
