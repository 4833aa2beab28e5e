/* net_inside: what net.c (listeners, lines, the timer), conn.c (one client's or one line's talk) and unasked.c share. */
#ifndef FIREGW_GATEWAY_SIM_NET_INSIDE_H
#define FIREGW_GATEWAY_SIM_NET_INSIDE_H

#include "gateway/sim/net.h"
#include "gateway/sim/outbox.h"
#include "gateway/sim/pty.h"

#define IN_MAX 2048 /* bytes of requests that wait */

struct listener {
	struct watch        watch;
	struct net         *net;
	struct bank_server *server;
	int                 fd;
};

struct conn {
	struct watch        watch;
	struct net         *net;
	struct bank_server *server;
	struct conn        *next, *previous;
	struct pty          pty;          /* of a serial line; else its fd is -1 */
	int                 fd;
	uint32_t            events;       /* that epoll watches for */
	bool                told_write;
	bool                closed;       /* and freed between two turns of the loop */
	bool                blocked;      /* it does not take what is due */
	int64_t             stuck_ms;     /* since then; 0: not */
	int64_t             came_ns;      /* when the last bytes did */
	int64_t             heard_ns;     /* when the line had carried them */
	int64_t             byte_ns, silence_ns, quiet_ns; /* of a serial line: a byte, between frames; the end of a frame whose length is not known */
	int64_t             unit_ns[256]; /* RTU: when each unit's last reply was due */
	uint16_t            number;       /* TCP: of the last request */
	struct outbox       out;
	size_t              in_len;
	uint8_t             in[IN_MAX];
};

struct net {
	struct watch       watch;         /* of the timer */
	struct net_options o;
	int                timer;
	int64_t            timer_ns;      /* when it is set for; OUTBOX_NEVER: it is not */
	struct listener   *listeners;
	size_t             n_listeners;
	struct conn       *conns;         /* serial lines and clients */
	struct conn       *closed;
	struct net_stats   stats;
	size_t             clients_max;
};

int64_t net_now(void);                            /* CLOCK_MONOTONIC, ns */
void    net_wake_at(struct net *n, int64_t at_ns); /* no later than this */

/* A client (pty NULL) or a serial line (pty taken over). NULL: no memory, or no watch. */
struct conn *conn_new(struct net *n, struct bank_server *s, int fd, const struct pty *pty);
void         conn_close(struct conn *c);
void         conn_free_closed(struct net *n);
/* Does what can be done now. False: it is closed. */
bool         conn_go(struct conn *c, int64_t now_ns);
/* When it has something to do by itself; OUTBOX_NEVER. */
int64_t      conn_next(const struct conn *c);

/* Says what is due of what nobody asked for, on all lines. When there is more; OUTBOX_NEVER. */
int64_t unasked_go(struct net *n, int64_t now_ns);

#endif
