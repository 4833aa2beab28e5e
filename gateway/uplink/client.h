/* client: Paho's MQTTAsync behind a few calls; with client_events the only user of MQTTAsync.h. All calls come from the main thread (the library does not bear more than one);
 * what the library reports on its own threads goes into `results`. */
#ifndef FIREGW_GATEWAY_UPLINK_CLIENT_H
#define FIREGW_GATEWAY_UPLINK_CLIENT_H

#include "gateway/uplink/results.h"
#include "gateway/uplink/url.h"

#define CLIENT_SLOTS 4096u   /* publishes and subscribes in flight */

struct client;

/* What one connection is made of; borrowed for the call. */
struct client_target {
	const struct url  *url;
	int                version;        /* 5 or 311 */
	const char        *client_id, *username;
	const void        *password;       /* NULL: none */
	size_t             password_len;
	const char        *tls_ca, *tls_cert, *tls_key;
	int                keepalive_s;
	const char        *will_topic;     /* NULL: none; QoS 1, retained */
	struct frame_bytes will_payload;
};

/* results must outlive the process. NULL, with reterr. */
struct client *client_new(struct results *results, struct err *reterr);
/* Starts one attempt: RESULT_UP or RESULT_CONNECT_FAILED with this attempt number follows, unless client_drop comes first. No connection may be there. */
int  client_connect(struct client *c, uint32_t attempt, const struct client_target *t, struct err *reterr);
/* 0: RESULT_DELIVERED or RESULT_REFUSED for this slot follows, or RESULT_LOST. -1: the library does not take it (ERR_INVALID: for good; else the connection is going). */
int  client_publish(struct client *c, uint32_t slot, const struct frame *publish, struct err *reterr);
/* 0: RESULT_SUBSCRIBED follows. */
int  client_subscribe(struct client *c, uint32_t slot, const struct frame_list *filters, struct err *reterr);
void client_unsubscribe(struct client *c, const struct frame_list *filters);
/* RESULT_DISCONNECTED follows. With will: MQTT 5 asks the broker to publish it. -1: not connected. */
int  client_disconnect(struct client *c, bool with_will);
/* Lets go of the connection, however it stands; nothing more is reported for it. */
void client_drop(struct client *c);
/* Wakes the library's send thread; see client.c. */
void client_nudge(struct client *c);
/* The connection stands: tune its socket, and stop the library's tracing. */
void client_settled(struct client *c);

#endif
