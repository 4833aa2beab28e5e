#include "gateway/control_inside.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ACCEPT_AGAIN_MS 1000 /* after there was no memory for a peer */

/* ---- turns ----
 * Lines that are complete begin here, one a peer and turn, so that a peer that sends a thousand at once does not hold the loop; and here
 * the app hears of peers that have read or are gone, never from within a call of its own. Callbacks may free peers: after each one the list
 * is searched anew. */

static struct conn *next_gone(const struct control *c)
{
	for (struct conn *conn = c->conns; conn; conn = conn->next)
		if (conn->gone_due)
			return conn;
	return NULL;
}

/* Whose turn it is: each peer once a pass. */
static struct conn *next_ready(const struct control *c)
{
	for (struct conn *conn = c->conns; conn; conn = conn->next)
		if (conn->pass != c->pass && (conn_is_ready(conn) || conn_is_drained(conn)))
			return conn;
	return NULL;
}

static void take_turn(struct conn *conn)
{
	struct control_request *rq = conn->request;

	if (!rq) {
		conn_take_line(conn);
		return;
	}
	void (*go_on)(void *user) = rq->go_on;
	rq->go_on = NULL;
	go_on(rq->go_on_user);
}

static void tell_gone(struct control *c)
{
	for (struct conn *conn = next_gone(c); conn; conn = next_gone(c)) {
		struct control_request *rq = conn->request;
		conn->gone_due = false;
		if (rq->gone)
			rq->gone(rq->gone_user);
	}
}

static void on_turn(uv_idle_t *idle)
{
	struct control *c = idle->data;

	tell_gone(c);
	c->pass++;
	for (struct conn *conn = next_ready(c); conn && !c->closing; conn = next_ready(c)) {
		conn->pass = c->pass;
		take_turn(conn);
	}
	if (c->closing)
		return;
	c->pass++;
	if (!next_ready(c) && !next_gone(c))
		uv_idle_stop(idle);
}

void control_wake(struct control *c)
{
	if (!c->closing)
		uv_idle_start(&c->turner, on_turn);
}

static void on_flush(uv_prepare_t *prepare)
{
	struct control *c = prepare->data;

	for (struct conn *conn = c->conns; conn; conn = conn->next)
		conn_flush(conn);
}

/* ---- time ---- */

static void on_connection(uv_stream_t *listener, int status);

static void on_timer(uv_timer_t *timer)
{
	struct control *c = timer->data;
	uint64_t now = uv_now(c->loop);

	if (c->accept_ms && c->accept_ms <= now) {
		c->accept_ms = 0;
		on_connection((uv_stream_t *)&c->listener, 0);
	}
	for (struct conn *conn = c->conns; conn; conn = conn->next)
		if (conn->deadline_ms && conn->deadline_ms <= now)
			conn_on_deadline(conn);
	control_arm(c);
}

void control_arm(struct control *c)
{
	uint64_t first = c->accept_ms ? c->accept_ms : UINT64_MAX, now = uv_now(c->loop);

	if (c->closing)
		return;
	for (struct conn *conn = c->conns; conn; conn = conn->next)
		if (conn->deadline_ms && conn->deadline_ms < first)
			first = conn->deadline_ms;
	if (first == UINT64_MAX)
		uv_timer_stop(&c->timer);
	else
		uv_timer_start(&c->timer, on_timer, first > now ? first - now : 0, 0);
}

/* ---- who it is ---- */

struct lookup {
	struct conn        *conn;      /* NULL: closed meanwhile */
	struct control_peer peer;      /* moved from the connection and back */
	const char         *operators, *maintainers;
	uid_t               own_uid;
	enum role           role;
	char                user[CONTROL_USER_MAX];
};

static void look_up(uv_work_t *work)
{
	struct lookup *l = work->data;

	control_peer_complete(&l->peer, l->user);
	l->role = control_peer_role(&l->peer, l->own_uid, control_peer_group(l->operators), control_peer_group(l->maintainers));
}

static void start_lookup(struct control *c);

static void on_looked_up(uv_work_t *work, int status)
{
	struct lookup *l = work->data;
	struct control *c = (struct control *)((char *)work - offsetof(struct control, lookup));
	struct conn *conn = l->conn;

	(void)status;
	c->looking = NULL;
	c->n_handles--;
	if (conn && !conn->closing) {
		conn->known = true;
		conn->role = l->role;
		memcpy(conn->user, l->user, sizeof conn->user);
		if (l->user[0])
			snprintf(conn->actor, sizeof conn->actor, "%s (uid %u)", l->user, l->peer.uid);
		else
			snprintf(conn->actor, sizeof conn->actor, "uid %u", l->peer.uid);
		if (conn_is_ready(conn))
			control_wake(c);
	}
	control_peer_done(&l->peer);
	free(l);
	if (c->closing)
		control_maybe_closed(c);
	else
		start_lookup(c);
}

static void start_lookup(struct control *c)
{
	struct conn *conn = c->conns;

	if (c->looking)
		return;
	while (conn && (conn->known || conn->closing || conn->draining))
		conn = conn->next;
	if (!conn)
		return;
	struct lookup *l = calloc(1, sizeof *l);
	if (!l) {
		conn_close(conn);
		return;
	}
	*l = (struct lookup){
		.conn = conn, .peer = conn->peer, .operators = c->operators, .maintainers = c->maintainers, .own_uid = geteuid()
	};
	conn->peer = (struct control_peer){ 0 };
	c->lookup.data = l;
	if (uv_queue_work(c->loop, &c->lookup, look_up, on_looked_up) < 0) {
		control_peer_done(&l->peer);
		free(l);
		conn_close(conn);
		return;
	}
	c->looking = l;
	c->n_handles++;
}

/* ---- accepting ---- */

/* The peer that waited longest without a request makes room. */
static bool make_room(struct control *c)
{
	struct conn *longest = NULL;

	if (c->n_open < CONTROL_CONNECTIONS_MAX)
		return true;
	for (struct conn *conn = c->conns; conn; conn = conn->next)
		if (!conn->closing && conn_is_idle(conn) && (!longest || conn->idle_since_ms <= longest->idle_since_ms))
			longest = conn;
	if (!longest)
		return false;
	conn_close(longest);
	return true;
}

static void on_connection(uv_stream_t *listener, int status)
{
	struct control *c = listener->data;
	uv_os_fd_t fd;
	struct err e;

	if (status < 0)
		return; /* out of descriptors: libuv tries again */
	bool room = make_room(c);
	struct conn *conn = conn_new(c);
	if (!conn || uv_pipe_init(c->loop, &conn->pipe, 0) < 0) {
		/* libuv keeps the peer, and accepts no other, until we take it. */
		free(conn);
		c->accept_ms = uv_now(c->loop) + ACCEPT_AGAIN_MS;
		control_arm(c);
		return;
	}
	conn->pipe.data = conn;
	conn->next = c->conns;
	c->conns = conn;
	c->n_open++;
	c->n_handles++;
	if (uv_accept(listener, (uv_stream_t *)&conn->pipe) < 0 || uv_fileno((const uv_handle_t *)&conn->pipe, &fd) < 0 ||
	    control_peer_read(fd, &conn->peer, &e)) {
		conn_close(conn);
		return;
	}
	if (!room) {
		err_set(&e, ERR_FULL, "%d connections are at work: try again later", CONTROL_CONNECTIONS_MAX);
		conn_refuse(conn, &e);
		return;
	}
	conn_start(conn);
	start_lookup(c);
}

/* ---- life ---- */

static void control_free(struct control *c)
{
	free(c->path);
	free(c->operators);
	free(c->maintainers);
	free(c);
}

void control_unlink(struct control *c, struct conn *conn)
{
	struct conn **at = &c->conns;

	while (*at != conn)
		at = &(*at)->next;
	*at = conn->next;
	if (c->looking && c->looking->conn == conn)
		c->looking->conn = NULL;
	conn_free(conn);
}

void control_maybe_closed(struct control *c)
{
	if (!c->closing || c->n_handles > 0)
		return;
	if (!c->done) {
		c->done = true;
		if (c->closed)
			c->closed(c->app);
	}
	if (c->n_requests == 0)
		control_free(c);
}

static void on_handle_closed(uv_handle_t *handle)
{
	struct control *c = handle->data;

	c->n_handles--;
	control_maybe_closed(c);
}

int control_start(uv_loop_t *loop, const struct control_config *cfg, control_handler *handler, void *app, struct control **ret,
                  struct err *reterr)
{
	struct control *c = calloc(1, sizeof *c);

	if (!c)
		return err_set(reterr, ERR_NO_MEMORY, "control socket: no memory");
	*c = (struct control){ .loop = loop, .handler = handler, .app = app, .n_handles = 4 };
	c->request_ms = cfg->request_ms > 0 ? (unsigned)cfg->request_ms : CONTROL_REQUEST_MS;
	c->path = strdup(cfg->socket);
	c->operators = strdup(cfg->operators ? cfg->operators : "");
	c->maintainers = strdup(cfg->maintainers ? cfg->maintainers : "");
	if (!c->path || !c->operators || !c->maintainers) {
		err_set(reterr, ERR_NO_MEMORY, "control socket: no memory");
		goto fail;
	}
	if (control_socket_open(c->path, &c->socket, reterr))
		goto fail;
	/* These cannot fail, but for the listener, whose descriptor is good: the loop is the app's and lives. */
	uv_prepare_init(loop, &c->flusher);
	uv_idle_init(loop, &c->turner);
	uv_timer_init(loop, &c->timer);
	uv_pipe_init(loop, &c->listener, 0);
	c->flusher.data = c->turner.data = c->timer.data = c->listener.data = c;
	int e = uv_pipe_open(&c->listener, c->socket.fd);
	if (e < 0)
		close(c->socket.fd);
	else
		e = uv_listen((uv_stream_t *)&c->listener, CONTROL_CONNECTIONS_MAX, on_connection);
	if (e < 0) {
		err_set(reterr, ERR_IO, "socket '%s': %s", c->path, uv_strerror(e));
		control_close(c, NULL);
		return -1;
	}
	uv_prepare_start(&c->flusher, on_flush);
	*ret = c;
	return 0;
fail:
	control_free(c);
	return -1;
}

void control_close(struct control *c, void (*closed)(void *app))
{
	c->closing = true;
	c->closed = closed;
	control_socket_remove(c->path, &c->socket);
	/* What was said last still goes out, as far as the peer takes it without waiting. */
	for (struct conn *conn = c->conns; conn; conn = conn->next)
		conn_flush(conn);
	for (struct conn *conn = c->conns; conn; conn = conn->next)
		conn_close(conn);
	tell_gone(c);
	uv_close((uv_handle_t *)&c->listener, on_handle_closed);
	uv_close((uv_handle_t *)&c->flusher, on_handle_closed);
	uv_close((uv_handle_t *)&c->turner, on_handle_closed);
	uv_close((uv_handle_t *)&c->timer, on_handle_closed);
}
