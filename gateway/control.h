/* control: the daemon's Unix socket for `firegw`. One JSON object a line, both ways. The peer's uid and groups decide its role; framing,
 * limits and roles are dealt with here, what a verb does is the app's.
 *
 *   → {"verb":"points","args":{"select":"floor=12"}}
 *   ← {"row":{…}}            none to many
 *   ← {"end":true,"ok":true,"result":{…}}   or   {"end":true,"ok":false,"code":"not-found","error":"…"}
 *
 * A request is at most 64 KiB; one at a time a connection; a peer that does not read is closed when 4 MiB wait for it; 64 connections at
 * most. */
#ifndef FIREGW_GATEWAY_CONTROL_H
#define FIREGW_GATEWAY_CONTROL_H

#include "core/alarm.h"
#include "core/err.h"

#include <jansson.h>
#include <stdbool.h>
#include <uv.h>

struct control;
struct control_request;

#define CONTROL_REQUEST_MAX     ((size_t)64 * 1024)       /* bytes of a request's line */
#define CONTROL_PENDING_MAX     ((size_t)4 * 1024 * 1024) /* bytes that may wait for a peer */
#define CONTROL_PENDING_PAUSE   ((size_t)1024 * 1024)     /* a producer of many rows pauses above it */
#define CONTROL_CONNECTIONS_MAX 64
#define CONTROL_REQUEST_MS      10000                     /* from a request's first byte to its last */

/* Texts are copied. */
struct control_config {
	const char *socket;                 /* path */
	const char *operators, *maintainers; /* groups; one that does not exist has no members */
	int         request_ms;             /* 0: CONTROL_REQUEST_MS */
};

/* Called for every well-formed request; args is an object, borrowed until control_end. Answer now or later, from the loop thread, with
 * control_row … control_end; the request lives until control_end, also if the peer went away meanwhile (rows then go nowhere). */
typedef void control_handler(void *app, struct control_request *rq, const char *verb, json_t *args);

/* ERR_EXISTS: a daemon listens there already; ERR_IO / ERR_DENIED with the cure. A socket file without a listener is replaced. Mode 0660.
 */
int control_start(uv_loop_t *loop, const struct control_config *c, control_handler *handler, void *app, struct control **ret,
                  struct err *reterr);
/* Stops listening, removes the socket, closes peers (and calls what control_on_gone set, before it returns); closed is called when the loop
 * holds nothing of it. Requests that did not end yet stay valid until their control_end. */
void control_close(struct control *c, void (*closed)(void *app));

enum role   control_role(const struct control_request *rq);
const char *control_actor(const struct control_request *rq);   /* "li (uid 1000)" */
/* Rows are dropped for a peer that is gone; false then (so a follower can end). Takes the reference. */
bool control_row(struct control_request *rq, json_t *row);
/* A row that is JSON text already (one value, no newline in it). */
bool control_row_text(struct control_request *rq, const char *json, size_t len);
/* result may be NULL; takes the reference. */
void control_end(struct control_request *rq, json_t *result);
void control_fail(struct control_request *rq, const struct err *e);
/* Whether the peer's role is at least `least`; otherwise ends the request with ERR_DENIED, naming the group to join, and returns false. */
bool control_require(struct control_request *rq, enum role least);
/* For followers: called (from the loop, never from within control_row) when the peer goes away before the end; then the app must call
 * control_end. */
void control_on_gone(struct control_request *rq, void (*gone)(void *user), void *user);
/* Bytes that wait for the peer: a producer of many rows pauses above CONTROL_PENDING_PAUSE. */
size_t control_pending(const struct control_request *rq);
/* Calls go_on once, from the loop, as soon as at most CONTROL_PENDING_PAUSE waits for the peer (at the next turn if that is so already).
 * Not called any more after control_end, nor for a peer that is gone: then `gone` is. */
void control_when_drained(struct control_request *rq, void (*go_on)(void *user), void *user);

#endif
