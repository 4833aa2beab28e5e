/* watch_link: the console's connection to a broker, through the same firegw-uplink process that the daemon has, with a loop of its own; connects again by itself. */
#ifndef FIREGW_GATEWAY_CLI_WATCH_LINK_H
#define FIREGW_GATEWAY_CLI_WATCH_LINK_H

#include "gateway/hub.h"

#define WATCH_TICK_MS      250u
#define WATCH_RETRY_MIN_MS 500u
#define WATCH_RETRY_MAX_MS 30000u

struct watch_events {
	void (*up)(void *user);                        /* connected: subscribe now */
	void (*down)(void *user, const char *why);     /* or the attempt failed */
	void (*refused)(void *user, const char *why);  /* a subscription or a command */
	void (*message)(void *user, const char *topic, const void *payload, size_t len, bool retained);
	void (*tick)(void *user);
	void  *user;
};

struct watch_link;
/* Nothing happens yet. Copies what it needs; NULL: why. */
struct watch_link *watch_link_new(const struct hub_config *config, const struct watch_events *events, struct err *reterr);
/* Until watch_link_stop, SIGINT, SIGTERM, or for_ms (0: no bound) are over. Then l is freed. */
void watch_link_run(struct watch_link *l, unsigned long for_ms);
void watch_link_stop(struct watch_link *l);
void watch_link_subscribe(struct watch_link *l, const char *const *filters, size_t n);
void watch_link_publish(struct watch_link *l, const char *topic, const char *payload);

#endif
