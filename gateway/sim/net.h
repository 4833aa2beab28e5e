/* net: the listeners and their clients over epoll: whole requests in, replies out. A client that sends halves, or does not read, costs its own
 * connection; what it sends waits with it, and not with us. */
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

struct net;

/* Listens at all of the bank's addresses. `epoll`, bank and answerer are borrowed until net_free. NULL: what cannot be listened at, with the cure. */
struct net *net_new(int epoll, const struct bank *bank, struct answerer *answerer, world_say *say, void *user, struct err *reterr);
void        net_free(struct net *n); /* accepts NULL */
/* Once a second or so: closes who has left half a request, or an unread reply, for long. */
void        net_sweep(struct net *n, int64_t now_ms);
void        net_stats(const struct net *n, struct net_stats *ret);

#endif
