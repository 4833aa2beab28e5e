/* results: what Paho's threads report, handed to the main thread: a list under a lock and an eventfd that wakes the poll. */
#ifndef FIREGW_GATEWAY_UPLINK_RESULTS_H
#define FIREGW_GATEWAY_UPLINK_RESULTS_H

#include "gateway/uplink/frame.h"

#include <pthread.h>
#include <stdint.h>

#define RESULT_TEXT_MAX       300
#define RESULTS_MESSAGES_MAX  (1024u * 1024u)   /* bytes of messages from the hub that may wait for the main thread; more are dropped */

enum result_type {
	RESULT_UP,            /* number: receive maximum; packet_max, keepalive_s, no_retain, max_qos as the server said */
	RESULT_CONNECT_FAILED,/* code ≥ 1: CONNACK's; else the transport; text: the library's */
	RESULT_LOST,          /* code: the server's DISCONNECT reason, or 0 */
	RESULT_DELIVERED,     /* slot */
	RESULT_REFUSED,       /* slot, code, text; code 0: given up by the library, not by the hub */
	RESULT_SUBSCRIBED,    /* slot, code: how many of number filters were refused; text */
	RESULT_MESSAGE,       /* bytes: a whole frame, encoded */
	RESULT_DISCONNECTED,  /* our own disconnect is done */
	RESULT_LOOKED_UP,     /* text: why not, or empty */
};

struct result {
	struct result   *next;
	enum result_type type;
	uint32_t         attempt;      /* which connection it belongs to */
	uint32_t         slot;
	int              code;
	uint32_t         number, packet_max, keepalive_s;
	bool             no_retain, no_qos1;
	char             text[RESULT_TEXT_MAX];
	size_t           len;
	unsigned char    bytes[];
};

struct results {
	pthread_mutex_t lock;
	struct result  *first, **last;
	size_t          message_bytes;
	uint64_t        dropped;       /* messages, since the last take */
	int             wake;          /* eventfd: readable when there is something */
};

/* 0, or -1 (errno). */
int results_init(struct results *r);
/* Any thread. room: of bytes. Ends the process when there is no memory. */
struct result *result_new(enum result_type type, uint32_t attempt, size_t room);
/* Any thread; takes the result. A message beyond the bound is dropped and counted. */
void results_post(struct results *r, struct result *one);
/* Main thread: the whole list (to be freed one by one), oldest first; NULL: none. */
struct result *results_take(struct results *r, uint64_t *ret_dropped);

#endif
