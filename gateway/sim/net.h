/* net: the listeners, their clients and the serial lines over epoll: whole requests in, replies out, each at its time. A client that sends halves, or does
 * not read, costs its own connection; what it sends waits with it, and not with us. */
#ifndef FIREGW_GATEWAY_SIM_NET_H
#define FIREGW_GATEWAY_SIM_NET_H

#include "gateway/sim/answer.h"
#include "gateway/sim/world.h"

/* What an epoll event points at; the first member of whatever has a descriptor. */
struct watch {
	void (*on)(struct watch *w, uint32_t events);
};

#define NET_CLIENTS_MAX 1000 /* at once; libmodbus's own descriptors come before them */

struct net_stats { uint64_t clients, connects, turned_away, requests, writes_refused, garbage; };

struct net_options {
	int              epoll;
	struct bank     *bank;
	struct answerer *answerer;
	const char      *ptys;  /* the folder of the serial lines' links; NULL: each at its own path */
	world_say       *say;
	void            *user;
};

struct net;

/* Listens at all of the bank's addresses and makes its serial lines. What the options name is borrowed until net_free. NULL: what cannot be served, with the
 * cure. */
struct net *net_new(const struct net_options *o, struct err *reterr);
void        net_free(struct net *n); /* accepts NULL; removes the links */
/* Once a second or so, between two turns of the loop: closes who has left half a request, or an unread reply, for long. */
void        net_sweep(struct net *n, int64_t now_ms);
/* After faults were raised: what a line says unasked begins. */
void        net_stir(struct net *n);
void        net_stats(const struct net *n, struct net_stats *ret);
/* Where the line of a server is to be found; NULL: it is none. */
const char *net_link(const struct net *n, const struct bank_server *s);

#endif
