/* bus: what one Modbus line consists of; shared by the files of this folder that make up the driver, and by nobody else.
 *
 * Points of one device, function and interval are a *group*. A *poll* of a group sends its requests one after another and ends when each of its points
 * has had its one sample. A device's event list is a group of its own, with one request after another until all that is new was read. groups.c makes
 * groups; poll.c knows their polls and samples and no line; eventlist.c knows what is new in a list; incoming.c takes in what comes; exchange.c knows the
 * line and the one request in flight; owed.c knows which answers may still come; bus.c puts them together. */
#ifndef FIREGW_DRIVERS_MODBUS_BUS_H
#define FIREGW_DRIVERS_MODBUS_BUS_H

#include "drivers/driver.h"
#include "drivers/modbus/codec.h"
#include "drivers/modbus/eventlist.h"
#include "drivers/modbus/framing.h"
#include "drivers/modbus/link.h"
#include "drivers/modbus/plan.h"

/* A request as it is sent. */
struct bus_frame {
	uint8_t bytes[CODEC_REQUEST_MAX];
	int     len;             /* 0: not encoded yet */
	/* It went unanswered, or the connection ended under it: it is asked ever less often, so that it holds up nobody. */
	int64_t mute_until_ns;
	int64_t mute_backoff_ns; /* 0: it is answered */
};

/* A point within the poll that runs. */
struct bus_item {
	const struct bus_point *point;
	struct eventlist *list;      /* of a point of mode log, which is alone in its group; else NULL. The bus's */
	bool         done;           /* has had its sample */
	bool         has_decimals;   /* the decimals register was read (or refused) */
	enum quality decimals_quality;
	uint16_t     decimals;
};

struct bus_group {
	uint32_t             device;
	uint8_t              fc;
	bool                 urgent;
	int64_t              every_ns;
	uint64_t             phase_key;
	struct bus_item     *items;      /* into the bus's array, as are the following */
	size_t               n_items;
	struct plan_span    *spans;
	size_t               n_spans;
	struct plan_request *requests;   /* room for n_spans */
	struct bus_frame    *frames;     /* one a request */
	size_t               n_requests;
	/* the poll */
	int64_t              due_ns;     /* of the next poll, or of the one that runs */
	bool                 running;
	int64_t              started_ns;
	size_t               next;       /* the request to be sent, or in flight */
	uint32_t             attempts;   /* failed ones of this request */
	uint32_t             busy;       /* "busy" answers to this request */
	bool                 again;      /* its connection ended under it once, and that was forgiven */
	int64_t              not_before_ns;
	bool                 probing;    /* the unit was dead when it began: one request, and the rest if that is answered */
	bool                 splitting;  /* a block was cut in this poll */
	bool                 bad;        /* a request of this poll had no values */
	bool                 comm;       /* the last poll, or this one, had a request without an answer: poll at once when there is hope */
	int64_t              no_split_until_ns; /* cutting did not help: do not try again before */
};

struct bus_unit {
	const struct bus_device *config;
	size_t                   n_requests;  /* of all its groups */
	bool                     suspect;     /* a request went unanswered, retries included, since its last answer */
	bool                     ends_lines;  /* a connection ended under its request, since its last answer */
	bool                     dead;        /* so did a second one (or its only one) */
	int64_t                  probe_ns;    /* dead: not asked before */
	int64_t                  backoff_ns;
	struct bus_unit_stats    stats;
};

enum bus_flight { FLIGHT_NONE, FLIGHT_POLL, FLIGHT_REQUEST };

/* An answer that may still come, on a line without numbers: owed.c. */
#define OWED_SHAPES 8
struct owed_shape { int64_t until_ns; uint16_t len; uint8_t fc; };
struct bus_owed {
	struct owed_shape shapes[OWED_SHAPES];
	bool              other_function; /* the kind of fence to be tried next */
	int64_t           wary_until_ns;  /* later only an answer of the very shape is minded */
};

struct modbus_bus {
	const struct bus_config *config;
	const struct framing    *framing;
	struct modbus_codec     *codec;
	struct link              link;
	struct bus_unit         *units;       /* n_devices */
	struct bus_group        *groups;
	size_t                   n_groups;
	size_t                   n_units;     /* devices that are polled */
	struct plan_cut         *cuts;
	size_t                   n_cuts, cap_cuts;
	uint32_t                *scratch;     /* of the planner */
	struct bus_item         *items;       /* the groups' memory */
	size_t                   n_items;
	struct plan_span        *spans;
	struct plan_request     *requests;
	struct bus_frame        *frames;
	uint16_t                 values[CODEC_BITS_MAX];
	char                     text[VALUE_TEXT_MAX];
	/* the line */
	bool                     was_up;
	uint8_t                  in[CODEC_FRAME_MAX * 2];
	size_t                   in_len;
	int64_t                  in_since_ns; /* when the first byte of an unfinished frame came */
	int64_t                  in_last_ns;  /* and the last one */
	bool                     in_quiet;    /* and after gap_ns there was no more: looked for, so that a loop that is late parts no frame */
	uint8_t                  out[CODEC_REQUEST_MAX];
	size_t                   out_len, out_sent;
	uint16_t                 id;          /* of the newest request */
	uint32_t                 sent;        /* requests of this connection */
	enum bus_flight          flight;
	struct codec_read        read;        /* what is in flight */
	size_t                   flight_group;
	uint32_t                 flight_device; /* index, or UINT32_MAX */
	uint32_t                 polled_device; /* the last one whose poll flew over this connection, or UINT32_MAX */
	bool                     fencing;     /* what flies is a fence, before the one that is meant */
	bool                     spoilt;      /* another master asks the same unit: no answer can be trusted to be ours */
	size_t                   echo_left;   /* bytes of the request that will come back to us */
	int64_t                  begun_ns;    /* begin of sending */
	int64_t                  sent_ns;     /* end of sending: on a serial line, of the last bit */
	int64_t                  reply_by_ns; /* or, while sending: sent by */
	int64_t                  free_ns;     /* the line must rest until then */
	int64_t                  answered_ns; /* the newest answer */
	uint32_t                 silent;      /* requests in a row given up without any answer */
	uint32_t                 strays;      /* frames in a row that nobody asked for */
	int64_t                  tight_until_ns; /* overcommitted of late: urgent first */
	uint32_t                 turn;
	/* a person's read */
	bool                     request_waits;
	struct bus_request       request;
	struct bus_frame         request_frame;
	int64_t                  request_since_ns; /* 0: the next step sets it */
	/* RTU */
	struct bus_owed         *owed;        /* by unit, 0 … 255; NULL on TCP */
	struct bus_frame         fence;
	int64_t                  character_ns; /* of a serial line; 0: not known */
	int64_t                  silence_ns;   /* between frames: 3.5 characters */
	int64_t                  gap_ns;       /* nothing for so long: what is incomplete stays so */
	struct bus_stats         stats;
};

/* groups.c */

/* Sorts the points into groups, plans and encodes their requests. Memory is the bus's; 0 or -1. */
int  groups_open(struct modbus_bus *b, const struct bus_point *points, size_t n, struct stamp now, struct err *reterr);
void groups_close(struct modbus_bus *b);
/* Plans a group anew, with the cuts that are known now; its requests are encoded when they are sent. */
void group_plan(struct modbus_bus *b, struct bus_group *g);
/* Whether a device other than this one is polled that answers. */
bool groups_others_live(const struct modbus_bus *b, uint32_t device);
struct codec_read group_read(const struct modbus_bus *b, const struct bus_group *g, size_t request);
static inline bool group_has_decimals(const struct bus_point *p)
{
	return p->decimals_from != BUS_NO_DECIMALS_FROM;
}

/* poll.c */

/* Ends all polls that have nothing to wait for: of devices that are not asked now, and of all if the line is down and will not be up soon. */
void poll_expire(struct modbus_bus *b, struct stamp now, struct sample_sink *sink);
/* The group whose request goes next, its poll begun, or NULL: nothing is due. */
struct bus_group *poll_choose(struct modbus_bus *b, struct stamp now, struct sample_sink *sink);
/* Whether any group of this device has something to send now. */
#define POLL_ANY_DEVICE UINT32_MAX
bool poll_has_work(const struct modbus_bus *b, uint32_t device, int64_t now_ns);
/* What became of the request g->next. */
void poll_values(struct modbus_bus *b, struct bus_group *g, const uint16_t *values, struct stamp now, struct sample_sink *sink);
void poll_exception(struct modbus_bus *b, struct bus_group *g, int exception, struct stamp now, struct sample_sink *sink);
/* No answer in time. True if it was the last try, and the unit is dead. */
bool poll_silence(struct modbus_bus *b, struct bus_group *g, struct stamp now, struct sample_sink *sink);
/* The connection ended under it; `forgive`: that may happen to a healthy device, so it costs no try (once). */
void poll_lost(struct modbus_bus *b, struct bus_group *g, bool forgive, struct stamp now, struct sample_sink *sink);
/* The line came up after an outage: whatever had no answer is due at once. */
void poll_line_up(struct modbus_bus *b, int64_t now_ns);
/* When the next poll is due, or a waiting one must be given up. */
int64_t poll_deadline(const struct modbus_bus *b, int64_t now_ns);

/* owed.c; on TCP nothing is ever owed */

/* It went unanswered. */
void owed_note(struct modbus_bus *b, const struct codec_read *rd, int64_t now_ns);
/* Another master asked for it. */
void owed_note_foreign(struct modbus_bus *b, const struct codec_read *rd, int64_t now_ns);
/* A whole frame that is not the answer: one that was owed? */
bool owed_is_late(const struct modbus_bus *b, const uint8_t *frame, size_t len, int64_t now_ns);
/* Whether the answer to this read could be taken for one that is owed, and what is asked before it then. */
bool owed_needs_fence(const struct modbus_bus *b, const struct codec_read *rd, int64_t now_ns);
struct codec_read owed_fence(const struct modbus_bus *b, const struct codec_read *rd, int64_t now_ns);
/* The answer to a fence, or to a read that needed none, came: whether nothing older can come any more. */
bool owed_is_settled(struct modbus_bus *b, const struct codec_read *rd, bool exception, int64_t now_ns);
/* The fence went unanswered: the other kind is next. */
void owed_failed(struct modbus_bus *b, const struct codec_read *fence, int64_t now_ns);

/* exchange.c, for incoming.c */

/* The first device of this unit, or UINT32_MAX. */
uint32_t bus_device_of_unit(const struct modbus_bus *b, uint8_t unit);

const struct bus_timing *flight_timing(const struct modbus_bus *b);
/* The figures of the device that was asked; NULL: a person asks a unit that is no device of ours. */
struct bus_unit_stats   *flight_stats(struct modbus_bus *b);
/* Nothing flies any more. */
void flight_land(struct modbus_bus *b, int64_t now_ns);
void flight_answer_person(struct modbus_bus *b, struct sample_sink *sink, const uint16_t *values, size_t n, const struct err *error);
/* The attempt brought no answer: tried again, or given up. True: the unit is dead. */
bool flight_failed(struct modbus_bus *b, const char *why, struct stamp now, struct sample_sink *sink);
void exchange_lose_line(struct modbus_bus *b, struct stamp now, struct sample_sink *sink, const char *what);
/* The other side closed; error: errno, or 0. */
void exchange_peer_closed(struct modbus_bus *b, int error, struct stamp now, struct sample_sink *sink);

/* incoming.c */

/* Reads all that is there. True if it stopped before the end, so that others have their turn. */
bool incoming_receive(struct modbus_bus *b, struct stamp now, struct sample_sink *sink);
/* What lies in the buffer will not become a frame: counts it under its name and throws it away. */
void incoming_discard(struct modbus_bus *b);

/* exchange.c: everything between the link and the polls, for one step. */
void exchange_step(struct modbus_bus *b, const struct bus_event *ev, struct stamp now, struct sample_sink *sink, struct bus_wants *ret_wants);

#endif
