/* rig: a loop with one link to a hub, everything that the link tells written down, and an independent observer at the broker. Waits are for a condition, with a bound. */
#ifndef FIREGW_TESTS_UPLINK_RIG_H
#define FIREGW_TESTS_UPLINK_RIG_H

#include "broker.h"

#include "gateway/uplink_link.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define RIG_MAX 4096

struct answer { uint64_t token; int reason; char text[400]; bool ok; };
struct heard { char topic[128], response[128], correlation[64]; char *payload; size_t len; bool retained; };

struct observer;

struct rig {
	uv_loop_t           loop;
	uv_timer_t          bound;
	bool                expired;
	struct uplink_link *link;
	bool                link_closed;
	struct hub_config   config;
	const char         *urls[4];
	char                url[4][128];
	struct observer    *observers;

	size_t        ups, downs;
	uint16_t      receive_max;
	enum hub_down why;
	char          text[600];       /* of the last down */
	uint64_t      delivered[RIG_MAX];
	size_t        n_delivered;
	struct answer refused[16];
	size_t        n_refused;
	struct answer subscribed[16];
	size_t        n_subscribed;
	struct heard  heard[64];
	size_t        n_heard;
};

/* config: version 5, client id "rig", keepalive 20 s, one url mqtt://localhost:PORT. */
void rig_init(struct rig *r, const struct broker *b);
void rig_set_url(struct rig *r, size_t i, const char *scheme, const char *host, int port);
void rig_link(struct rig *r);                /* makes the link, with the built program */
void rig_link_program(struct rig *r, const char *program);
void rig_close_link(struct rig *r);
void rig_done(struct rig *r);                /* ends observers and link, also after a failed test; the loop must be empty then */

int  rig_connect(struct rig *r, size_t url, const char *will_topic, const char *will_payload);
void rig_up(struct rig *r);                  /* connects and waits for up */
int  rig_send(struct rig *r, uint64_t token, const char *topic, bool retain, const void *payload, size_t len);
void rig_disconnect(struct rig *r);          /* and waits for down */

/* mosquitto_sub on a topic filter: "retain|topic|length|payload" a line. */
struct observer {
	struct observer *next;
	uv_process_t     process;
	uv_pipe_t        out;
	char            *buf;
	size_t           len, cap;
	char            *lines[RIG_MAX];
	size_t           n;
	int              closed;
};
/* It is subscribed when this returns, and ends with the rig. */
struct observer *observer_start(struct rig *r, const struct broker *b, const char *filter);
/* Index of the first line from `from` that begins so, or SIZE_MAX. */
size_t observer_find(const struct observer *o, size_t from, const char *begins);

void rig_bound(struct rig *r, unsigned seconds);
void rig_late(struct rig *r, const char *what, const char *file, int line);

#define WAIT_BOUND(r, seconds, condition) do { \
	rig_bound(r, seconds); \
	while (!(condition)) { \
		if ((r)->expired) \
			rig_late(r, #condition, __FILE__, __LINE__); \
		uv_run(&(r)->loop, UV_RUN_ONCE); \
	} \
} while (0)
#define WAIT(r, condition) WAIT_BOUND(r, 30, condition)

#endif
