/* url: a hub's address as the config writes it, in the form that Paho takes; pure. */
#ifndef FIREGW_GATEWAY_UPLINK_URL_H
#define FIREGW_GATEWAY_UPLINK_URL_H

#include "core/err.h"

#include <stdbool.h>

#define URL_TEXT_MAX 4200

struct url {
	char paho[URL_TEXT_MAX];  /* tcp://, ssl://, ws:// or wss://, always with a port */
	char host[256];           /* without brackets: for look-ups and texts */
	char port[8];
	bool tls;
	bool websocket;
};

/* mqtt:// and tcp:// (port 1883), mqtts:// and ssl:// (8883), ws:// (80), wss:// (443). ERR_INVALID says what is wrong. */
int url_parse(const char *text, struct url *ret, struct err *reterr);

#endif
