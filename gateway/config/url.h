/* url: addresses of hubs and of field lines, taken apart. */
#ifndef FIREGW_GATEWAY_CONFIG_URL_H
#define FIREGW_GATEWAY_CONFIG_URL_H

#include "gateway/config/loader.h"

struct url {
	const char *scheme;
	const char *host;   /* without brackets; "" if there is none */
	int         port;   /* 0: not given */
	const char *path;   /* from its slash on, or NULL */
	const char *query;  /* behind the ?, or NULL */
};

/* Takes a URL apart, texts in the scratch arena. 0, or -1: said why at `at`. User and password in it are refused: files hold secrets. */
int url_split(struct loader *l, const struct node *at, const char *text, struct url *ret);

/* tcp://host:502, rtu:///dev/ttyS1?baud=9600&bits=8&parity=even&stop=1&rs485=off, rtu+tcp://host:4001, sim://… Texts in the kept arena. 0 or -1. */
int url_bus(struct loader *l, const struct node *at, struct bus_config *ret);
/* The same, written back; all parameters given. In the kept arena. */
const char *url_bus_text(struct loader *l, const struct bus_config *b);

#endif
