/* session: the uplink's one connection at a time: what the daemon asks, what the library reports and what time demands, as a state machine. Main thread only.
 *
 *            connect                found                    CONNACK
 *   IDLE ────────────▶ LOOKING_UP ────────▶ CONNECTING ────────────▶ UP
 *    ▲ ▲                   │ failed,            │ failed,            │ │ disconnect; half-open
 *    │ └───────────────────┴─ disconnect ───────┴─ disconnect        │ ▼
 *    │                                                               │ CLOSING
 *    └───────────────────────────────────────────────────── lost ────┘ │ done, lost, or 2 s
 *    ▲─────────────────────────────────────────────────────────────────┘
 *
 * Exactly one `down` is told for each `connect`: on the way to IDLE, or for a half-open link on the way to CLOSING. */
#ifndef FIREGW_GATEWAY_UPLINK_SESSION_H
#define FIREGW_GATEWAY_UPLINK_SESSION_H

#include "gateway/hub.h"
#include "gateway/uplink/channel.h"
#include "gateway/uplink/client.h"
#include "gateway/uplink/lookup.h"
#include "gateway/uplink/reason.h"
#include "gateway/uplink/setup.h"

#define SESSION_CONNECT_NS       INT64_C(10000000000)     /* a look-up; and TCP, TLS and CONNACK together */
#define SESSION_CLOSE_NS         INT64_C(2000000000)
#define SESSION_NUDGES           4
#define SESSION_SLOW_BYTES_PER_S 4096                     /* a link this slow is still a link */

enum session_state { SESSION_IDLE, SESSION_LOOKING_UP, SESSION_CONNECTING, SESSION_UP, SESSION_CLOSING, SESSION_STATE_COUNT };

struct flight { uint64_t token; bool used, subscribe; };

struct session {
	struct setup         setup;
	struct client       *client;
	struct channel      *channel;
	struct lookups       lookups;
	int                  notes_fd;
	struct reason_notes  notes;

	enum session_state   state;
	uint32_t             attempt;        /* of the connection or try that is now; results of others are passed over */
	bool                 down_told;      /* CLOSING */
	struct url           url;
	char                *will_topic;     /* of this or the waiting attempt; owned */
	struct frame_bytes   will_payload;
	uint32_t             url_index;
	bool                 connect_waits;  /* a connect that came while CLOSING */
	struct sockaddr_storage address;
	socklen_t            address_len;

	int64_t              deadline_ns;    /* LOOKING_UP, CONNECTING, CLOSING */
	int64_t              progress_ns;    /* UP: the last answer, or when the first of those in flight was sent */
	size_t               largest;        /* bytes of the largest message since nothing was in flight */
	int64_t              nudge_ns;       /* CLOCK_NEVER: none due */
	unsigned             nudges;
	bool                 no_retain;
	uint32_t             window, packet_max;
	uint32_t             server_keepalive_s;
	bool                 one_at_a_time;  /* see half_open */

	uint32_t             in_flight;
	uint32_t             next_slot;
	struct flight        flights[CLIENT_SLOTS];
};

/* s is large: not on a stack. */
void session_init(struct session *s, struct client *client, struct channel *channel, struct results *results, int notes_fd);
/* May this frame be handled now? Publishes and subscribes wait while the window is full: the library stalls for a second otherwise. */
bool session_takes(const struct session *s, enum frame_type type);
/* A frame from the daemon. ERR_PROTOCOL: not possible now; the process ends. *ret_quit: it should end. */
int  session_on_frame(struct session *s, const struct frame *f, int64_t now_ns, bool *ret_quit, struct err *reterr);
/* A result of the library; borrowed. */
void session_on_result(struct session *s, const struct result *r, int64_t now_ns);
void session_on_time(struct session *s, int64_t now_ns);
/* When session_on_time is wanted; INT64_MAX: not. */
int64_t session_deadline(const struct session *s);

#endif
