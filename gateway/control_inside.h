/* control_inside: what control.c (listening, roles, time, closing) and control_conn.c (one peer's bytes and request) share; for nobody
 * else. */
#ifndef FIREGW_GATEWAY_CONTROL_INSIDE_H
#define FIREGW_GATEWAY_CONTROL_INSIDE_H

#include "core/strbuf.h"
#include "gateway/control.h"
#include "gateway/control_line.h"
#include "gateway/control_peer.h"
#include "gateway/control_socket.h"

/* One peer. It stays in the list until its descriptor is closed and its request has ended. */
struct conn {
	struct control         *control;
	struct conn            *next;
	uv_pipe_t               pipe;
	struct control_peer     peer;
	bool                    known;       /* role and user are there: requests may begin */
	enum role               role;
	char                    user[CONTROL_USER_MAX];
	char                    actor[CONTROL_ACTOR_MAX];
	char                   *in;          /* what came and was not taken yet */
	size_t                  in_len, in_cap, in_scanned;
	struct strbuf           out;         /* not given to libuv yet */
	struct control_request *request;     /* the one at work, or NULL */
	uint64_t                deadline_ms; /* of uv_now; 0: none */
	uint64_t                idle_since_ms;
	unsigned                pass;        /* of the last turn */
	bool                    eof;         /* the peer sends no more */
	bool                    draining;    /* closed as soon as everything is written */
	bool                    closing;     /* uv_close was called */
	bool                    closed;      /* … and has ended */
	bool                    gone_due;    /* the request's `gone` is to be called */
};

struct control_request {
	struct conn *conn;
	char         verb[CONTROL_VERB_MAX];
	json_t      *args;
	void       (*gone)(void *user);
	void        *gone_user;
	void       (*go_on)(void *user); /* NULL: nobody waits until the peer has read */
	void        *go_on_user;
};

struct control {
	uv_loop_t            *loop;
	control_handler      *handler;
	void                 *app;
	char                 *path, *operators, *maintainers;
	unsigned              request_ms;
	struct control_socket socket;
	uv_pipe_t             listener;
	uv_prepare_t          flusher;      /* gives libuv what was put since the last turn of the loop, in one write a peer */
	uv_idle_t             turner;       /* runs while some peer has a line that waits for its turn */
	uv_timer_t            timer;
	uv_work_t             lookup;       /* one at a time: a user database that hangs holds one thread of libuv's pool, not all */
	struct lookup        *looking;      /* NULL: none */
	struct conn          *conns;
	size_t                n_open;       /* not closing */
	size_t                n_requests;
	size_t                n_handles;    /* that the loop still holds: own ones, peers, the look-up */
	uint64_t              accept_ms;    /* when to take the peer for which there was no memory; 0: none waits */
	unsigned              pass;
	bool                  closing, done;
	void                (*closed)(void *app);
};

/* control.c */
void control_wake(struct control *c);       /* a turn soon: someone has a line that waits, or is gone */
void control_arm(struct control *c);        /* a deadline changed */
void control_maybe_closed(struct control *c);
void control_unlink(struct control *c, struct conn *conn); /* frees it */

/* control_conn.c */
struct conn *conn_new(struct control *c);   /* NULL: no memory. Not in the list yet */
void conn_start(struct conn *conn);         /* accepted: reads */
bool conn_is_ready(const struct conn *conn);/* a line waits and may begin */
bool conn_is_drained(const struct conn *conn); /* its request's go_on is to be called */
bool conn_is_idle(const struct conn *conn); /* nothing of it is at work or waits */
void conn_take_line(struct conn *conn);
void conn_flush(struct conn *conn);
void conn_refuse(struct conn *conn, const struct err *e); /* an error line, then close */
void conn_close(struct conn *conn);
void conn_free(struct conn *conn);
void conn_on_deadline(struct conn *conn);

#endif
