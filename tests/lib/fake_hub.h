/* fake_hub: a link and a broker behind it, in memory: refuses, delays, loses, acknowledges out of order, forgets what it retained. What the pump sends stands
 * on the wire until the test lets the broker receive it, and unacknowledged until the test lets it acknowledge. */
#ifndef FIREGW_TESTS_FAKE_HUB_H
#define FIREGW_TESTS_FAKE_HUB_H

#include "gateway/hub.h"

struct fake_publish {
	uint64_t token;
	char    *topic, *payload;
	size_t   len;
	bool     retain;
	char     correlation[32];
	bool     refused;               /* by the broker; then it is in no log */
};
struct fake_list { struct fake_publish *items; size_t n, cap; };

#define FAKE_REFUSE_MAX 8
struct fake_hub {
	struct hub_events events;       /* the pump's; set by the test */
	/* knobs */
	uint16_t    receive_max;
	size_t      room;               /* messages the wire holds before send says no */
	const char *refuse[FAKE_REFUSE_MAX]; /* parts of topics that the broker refuses */
	size_t      n_refuse;
	bool        refuse_subscribe, no_process, late_down;
	bool        no_log;             /* it keeps only what is retained */
	/* every message that the broker acknowledges goes here */
	void      (*on_ack)(void *user, const struct fake_publish *m);
	void       *user;
	/* what happened */
	bool        attempting, up, ending, subscribe_asked;
	unsigned    connects, subscribes, unsubscribes;
	size_t      url;
	int64_t     session;
	char       *will_topic, *will_payload;
	size_t      most_in_flight;
	/* the broker */
	struct fake_list wire, unacked, log, retained;
	char       *filters[4096];
	size_t      n_filters, answered; /* filters whose retained messages were shown */
};

extern const struct hub_ops fake_hub_ops;

void fake_hub_init(struct fake_hub *h);
void fake_hub_done(struct fake_hub *h);
/* CONNACK. */
void fake_hub_accept(struct fake_hub *h);
/* The attempt fails, or the link is lost with all that is on the wire; the broker publishes the will. */
void fake_hub_lose(struct fake_hub *h, enum hub_down why, const char *text);
/* The broker takes up to n messages from the wire, in order. */
size_t fake_hub_receive(struct fake_hub *h, size_t n);
/* It answers the i-th of those it took and has not answered. */
void fake_hub_answer(struct fake_hub *h, size_t i);
/* It takes and answers everything, in order. True if there was something. */
bool fake_hub_drain(struct fake_hub *h);
/* It answers a subscription and shows what it has retained for it. */
void fake_hub_subscribed(struct fake_hub *h);
/* A crash that loses what was retained; call fake_hub_lose too. */
void fake_hub_forget(struct fake_hub *h);
void fake_hub_retain(struct fake_hub *h, const char *topic, const char *payload);
/* The retained payload, or NULL. */
const char *fake_hub_retained(const struct fake_hub *h, const char *topic);
/* A publication of someone else's, to our subscriptions. */
void fake_hub_publish(struct fake_hub *h, const char *topic, const char *payload, bool retained);
/* Index in the log of the first message from `from` on whose topic contains the text, or SIZE_MAX. */
size_t fake_hub_find(const struct fake_hub *h, size_t from, const char *topic_part);

#endif
