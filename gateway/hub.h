/* hub: the link to one MQTT broker, as the pump sees it. The real one (uplink_link.c) frames everything to a firegw-uplink process; the fake one in
 * tests/lib refuses, delays, loses and acknowledges out of order. Loop thread only; nothing here blocks. */
#ifndef FIREGW_GATEWAY_HUB_H
#define FIREGW_GATEWAY_HUB_H

#include "core/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct hub_config {                     /* what a connection needs; borrowed from the config */
	const char        *name;
	const char *const *urls;        /* fallbacks in order */
	size_t             n_urls;
	int                version;     /* 5, or 311 */
	const char        *client_id;
	const char        *username;    /* NULL: none */
	const char        *password_file; /* NULL: none; read at every connection */
	const char        *tls_ca, *tls_cert, *tls_key; /* NULL: none (the system's CAs) */
	int                keepalive_s;
};

/* One attempt to connect. */
struct hub_connect {
	size_t      url;                /* which of urls */
	int64_t     session;
	const char *will_topic, *will_payload;
};

struct hub_publish {
	uint64_t    token;              /* chosen by the pump, unique among those in flight */
	const char *topic;
	bool        retain;
	const void *payload;
	size_t      len;                /* 0: an empty one */
	const void *correlation;        /* MQTT 5 answers; NULL: none */
	size_t      correlation_len;
};

enum hub_down { HUB_DOWN_UNREACHABLE, HUB_DOWN_REFUSED, HUB_DOWN_CERTIFICATE, HUB_DOWN_LOST, HUB_DOWN_PROCESS };

/* What the link tells the pump. */
struct hub_events {
	void (*up)(void *user, uint16_t receive_max);                     /* CONNACK; receive_max 65535 on 3.1.1 */
	void (*down)(void *user, enum hub_down why, const char *text);    /* the attempt failed or the connection ended; all in flight is forgotten */
	void (*delivered)(void *user, uint64_t token);                    /* PUBACK, success */
	void (*refused)(void *user, uint64_t token, int reason, const char *text); /* PUBACK with an error (135: not authorised) */
	void (*message)(void *user, const char *topic, const void *payload, size_t len, bool retained, const char *response_topic,
	                const void *correlation, size_t correlation_len);
	void (*subscribed)(void *user, bool ok, const char *text);
	void *user;
};

struct hub_ops {
	/* 0, or -1: no process to talk to now (a `down` has come or will). */
	int  (*connect)(void *link, const struct hub_connect *c);
	/* 0: taken, exactly one of delivered, refused or a `down` follows. -1: no room now; `ready` is asked again at the next step. */
	int  (*send)(void *link, const struct hub_publish *p);
	/* QoS 1; on MQTT 5 without our own messages (no local). Unsubscribe takes the same list. */
	int  (*subscribe)(void *link, const char *const *filters, size_t n);
	int  (*unsubscribe)(void *link, const char *const *filters, size_t n);
	/* Ends this connection (a `down` follows); the process stays. */
	void (*disconnect)(void *link);
};

#endif
