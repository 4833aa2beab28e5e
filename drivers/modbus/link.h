/* link: a TCP connection that is looked up, connected, kept and made again, or a serial port that is opened and opened again, without ever waiting.
 *
 *                    ┌────────── all addresses failed, no name ─────────┐
 *                    ▼                                                  │
 *     ┌─────▶ LINK_DOWN ──retry time──▶ LINK_LOOKUP ──addresses──▶ LINK_CONNECTING ──settle──▶ LINK_SETTLING ──▶ LINK_UP
 *     │              └──addresses known────────────────────────────▶ ▲                             │              │
 *     │                                                              │ wanted                      │              │
 *     └── lost (backoff unless it was of use) ◀──────────────────────┼─────────────────────────────┴──────────────┤
 *                                                               LINK_RESTING ◀── closed on purpose, or idle ──────┘
 *
 * A port goes from LINK_DOWN to LINK_SETTLING or LINK_UP at once.
 */
#ifndef FIREGW_DRIVERS_MODBUS_LINK_H
#define FIREGW_DRIVERS_MODBUS_LINK_H

#include "drivers/driver.h"

#define LINK_ADDRESSES_MAX 8

enum link_state { LINK_DOWN, LINK_LOOKUP, LINK_CONNECTING, LINK_SETTLING, LINK_UP, LINK_RESTING };

struct serial;

/* Embedded in its bus. */
struct link {
	struct serial          *serial;       /* a port; NULL: TCP */
	char                    name[80];     /* of the other end, in texts; may be cut */
	const char             *host;         /* borrowed from the config */
	uint16_t                port;
	int64_t                 settle_ns;    /* what every device wants; those that want more wait for it themselves */
	enum link_state         state;
	int                     fd;           /* -1: none */
	uint32_t                generation;   /* grows with every descriptor */
	int64_t                 until_ns;     /* of the state: retry, patience, connect timeout, end of settling; CLOCK_NEVER: none */
	bool                    numeric;      /* the host is an address */
	bool                    lookup_open;  /* a look-up is under way; its answer comes some day */
	bool                    lookup_first; /* the known addresses all failed: ask anew before using them again */
	bool                    useful;       /* this connection has brought a good reply */
	bool                    outage;       /* there was no line for a while; the bus clears it when it has taken note */
	int64_t                 up_since_ns, down_since_ns; /* the newest of each */
	struct sockaddr_storage addresses[LINK_ADDRESSES_MAX]; /* the newest that a look-up gave; kept when later ones fail */
	size_t                  n_addresses;
	size_t                  at, tried;    /* the address in use; how many failed in this round */
	int64_t                 backoff_ns;   /* the next one, before jitter */
	uint64_t                random;       /* jitter */
	uint64_t                connects, disconnects;
	char                    why[160];     /* the last trouble, "" if none since the last good reply */
};

/* 0, or -1: no memory. */
int  link_init(struct link *l, const struct bus_config *config, int64_t now_ns, struct err *reterr);
/* Closes the descriptor; fine on one that is all zero. */
void link_done(struct link *l);
/* Takes an answer to the look-up and what the descriptor reported, and lets time pass. `wanted`: there is work; a resting link comes up only then. */
void link_tick(struct link *l, const struct bus_event *ev, bool wanted, int64_t now_ns);
/* The connection is of no use any more: closes it, notes why and plans the next one: at once if this one was useful, else after the backoff. */
void link_lose(struct link *l, int64_t now_ns, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
/* The other side closed while nothing was asked. Harmless if the connection was useful or stood for a second: rests until wanted. */
void link_lose_idle(struct link *l, int64_t now_ns);
/* Closes on purpose until there is work again. */
void link_rest(struct link *l, int64_t now_ns);
/* As read and write on a descriptor that does not block: how many bytes; 0 from a read: the other side closed; or -1 and errno. */
ssize_t link_read(struct link *l, void *data, size_t room);
ssize_t link_write(struct link *l, const void *data, size_t len);
/* A good reply came. */
void link_useful(struct link *l);
/* Fills fd, fd_generation, poll_events (POLLIN while up; the bus adds POLLOUT), resolve, and the link's own deadline. */
void link_wants(const struct link *l, struct bus_wants *ret);

#endif
