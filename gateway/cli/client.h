/* client: the command's end of the control socket (docs/control-protocol.md): blocking, one request at a time. */
#ifndef FIREGW_GATEWAY_CLI_CLIENT_H
#define FIREGW_GATEWAY_CLI_CLIENT_H

#include "core/err.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#define CLIENT_DEFAULT_SOCKET "/run/firegw/firegw.sock"

struct client;
/* path: --socket's value, or NULL: $FIREGW_SOCKET, else the default. The error says what to do about it. */
int  client_open(const char *path, struct client **ret, struct err *reterr);
void client_close(struct client *c); /* accepts NULL */

/* Sends a request; takes the reference of args (may be NULL). */
int client_ask(struct client *c, const char *verb, json_t *args, struct err *reterr);

enum client_answer {
	CLIENT_ROW,     /* *ret: a row; the caller's reference */
	CLIENT_END,     /* *ret: the result, or NULL; the caller's reference */
	CLIENT_FAILED,  /* the daemon said no: its code and text in *reterr */
	CLIENT_LOST,    /* the connection or the protocol broke, or it was silent for too long */
	CLIENT_STOPPED, /* while following: Ctrl-C, or nobody reads our output any more */
};
/* The next answer to the request. *ret is always set (NULL where nothing is said above). */
enum client_answer client_next(struct client *c, json_t **ret, struct err *reterr);

/* From now on answers may be any time apart, and SIGINT and SIGTERM give CLIENT_STOPPED. */
int client_follow(struct client *c, struct err *reterr);
/* Only the second of these: an answer that does not come is still an error. */
int client_watch_signals(struct client *c, struct err *reterr);
/* Between two requests: CLIENT_ROW when the time is over; CLIENT_STOPPED (needs client_watch_signals); CLIENT_LOST. */
enum client_answer client_pause(struct client *c, int64_t ms, struct err *reterr);

/* Asks and expects no rows. CLIENT_END, CLIENT_FAILED or CLIENT_LOST. */
enum client_answer client_call(struct client *c, const char *verb, json_t *args, json_t **ret, struct err *reterr);
/* From now on times are read and written in the site's zone, if the daemon tells it (sets TZ). The answer is that of the question. */
enum client_answer client_take_zone(struct client *c, struct err *reterr);

#endif
