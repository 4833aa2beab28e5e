/* reason: why a hub is not reachable or says no, from codes and library lines to a kind and a sentence with the cure; pure. */
#ifndef FIREGW_GATEWAY_UPLINK_REASON_H
#define FIREGW_GATEWAY_UPLINK_REASON_H

#include "gateway/hub.h"
#include "gateway/uplink/url.h"

#include <stdbool.h>
#include <stddef.h>

/* What the library let slip during one attempt to connect: it reports the failure itself without its cause. */
struct reason_notes {
	char alert_sent[64];      /* TLS alert that we sent: what we did not like about the hub */
	char alert_received[64];  /* …that the hub sent: what it did not like about us */
	char tls_error[128];      /* from OpenSSL's queue, the last part of the line */
	char socket_error[96];    /* e.g. "Connection refused" */
	char file[16];            /* one of our files that OpenSSL does not take: "tls.key" */
	bool name_mismatch;       /* the hub's certificate is for another name */
	bool handshake_done;      /* TLS stands */
};

/* Takes one line of the library's trace or of OpenSSL's error queue; lines that say nothing are passed over. */
void reason_note(struct reason_notes *n, const char *line);

/* A connection that was not made: no TCP, or no TLS. message: what the library says, or NULL. */
enum hub_down reason_transport(const struct reason_notes *n, const struct url *url, const char *message, char *text, size_t room);
/* The broker answered CONNECT with this code (version 5: ≥ 128; 311: 1 … 5). */
enum hub_down reason_connack(int version, int code, char *text, size_t room);
/* The name of an MQTT 5 reason code of 128 and above, "not authorised". Static. */
const char *reason_mqtt5(int code);

#endif
