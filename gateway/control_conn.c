/* One peer of the control socket. The happy path: bytes come (on_read), a line is complete and begins as a request (conn_take_line → the
 * app's handler), rows and the end are put into `out`, which goes to libuv once a turn of the loop (conn_flush). Failure modes: the line is
 * wrong, too long or too slow → an error line, draining, closed. The peer does not read → closed at CONTROL_PENDING_MAX. The peer goes away
 * while its request is at work → the request outlives it, `gone` is called at the next turn. It closes its sending side only → it gets its
 * answer. */
#include "gateway/control_inside.h"

#include "gateway/json_text.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define IN_FIRST         ((size_t)4096)
#define IN_MAX           (2 * (CONTROL_REQUEST_MAX + 1)) /* a request that waits for its turn, and what is sent behind it; beyond: closed */
#define HALF_CLOSED_MS   1000 /* how often a peer that sends no more is looked at: libuv does not report that it has gone altogether */

struct write {
	uv_write_t   rq;
	struct conn *conn;
	char        *data;
};

struct conn *conn_new(struct control *c)
{
	struct conn *conn = calloc(1, sizeof *conn);

	if (!conn)
		return NULL;
	conn->control = c;
	conn->idle_since_ms = uv_now(c->loop);
	conn->pass = c->pass;
	return conn;
}

void conn_free(struct conn *conn)
{
	control_peer_done(&conn->peer);
	strbuf_done(&conn->out);
	free(conn->in);
	free(conn);
}

static void set_deadline(struct conn *conn, uint64_t ms_from_now)
{
	conn->deadline_ms = ms_from_now ? uv_now(conn->control->loop) + ms_from_now : 0;
	control_arm(conn->control);
}

static size_t pending(const struct conn *conn)
{
	return conn->out.len + uv_stream_get_write_queue_size((const uv_stream_t *)&conn->pipe);
}

static void on_closed(uv_handle_t *handle)
{
	struct conn *conn = handle->data;
	struct control *c = conn->control;

	conn->closed = true;
	c->n_handles--;
	if (!conn->request)
		control_unlink(c, conn);
	control_maybe_closed(c);
}

void conn_close(struct conn *conn)
{
	if (conn->closing)
		return;
	conn->closing = true;
	conn->deadline_ms = 0;
	conn->control->n_open--;
	strbuf_done(&conn->out);
	if (conn->request) {
		conn->gone_due = true;
		control_wake(conn->control);
	}
	uv_close((uv_handle_t *)&conn->pipe, on_closed);
}

/* in_scanned stands on the newline of the first line, or at the end of what came. */
static bool has_line(const struct conn *conn)
{
	return conn->in_scanned < conn->in_len;
}

bool conn_is_idle(const struct conn *conn)
{
	return conn->draining || (!conn->request && !has_line(conn));
}

/* Closes a peer with which nothing is left to do. */
static void close_if_finished(struct conn *conn)
{
	if (conn->closing || pending(conn) > 0)
		return;
	if (conn->draining || (conn->eof && conn_is_idle(conn)))
		conn_close(conn);
}

static void on_written(uv_write_t *rq, int status)
{
	struct write *w = (struct write *)rq;
	struct conn *conn = w->conn;

	free(w->data);
	free(w);
	if (status < 0) {
		conn_close(conn);
		return;
	}
	if (conn_is_ready(conn) || conn_is_drained(conn))
		control_wake(conn->control);
	close_if_finished(conn);
}

void conn_flush(struct conn *conn)
{
	if (conn->closing || conn->out.len == 0)
		return;
	struct write *w = calloc(1, sizeof *w);
	if (!w) {
		conn_close(conn);
		return;
	}
	uv_buf_t buf = uv_buf_init(conn->out.data, (unsigned)conn->out.len);
	w->conn = conn;
	w->data = conn->out.data;
	conn->out = STRBUF_INIT;
	if (uv_write(&w->rq, (uv_stream_t *)&conn->pipe, &buf, 1, on_written) < 0) {
		free(w->data);
		free(w);
		conn_close(conn);
	}
}

/* What was put is whole and within the bound; otherwise the peer is given up. */
static bool check_out(struct conn *conn)
{
	if (!conn->out.failed && pending(conn) <= CONTROL_PENDING_MAX)
		return true;
	conn_close(conn);
	return false;
}

static void put_failure(struct strbuf *out, const struct err *e)
{
	strbuf_puts(out, "{\"end\":true,\"ok\":false,\"code\":");
	strbuf_json_string(out, err_code_name(e->code));
	strbuf_puts(out, ",\"error\":");
	strbuf_json_string(out, e->text);
	strbuf_puts(out, "}\n");
}

void conn_refuse(struct conn *conn, const struct err *e)
{
	if (conn->closing || conn->draining)
		return;
	put_failure(&conn->out, e);
	if (!check_out(conn))
		return;
	conn->draining = true;
	uv_read_stop((uv_stream_t *)&conn->pipe);
	set_deadline(conn, conn->control->request_ms);
	conn_flush(conn);
}

/* ---- lines ---- */

static char *find_line_end(struct conn *conn)
{
	char *end = conn->in_len > conn->in_scanned ? memchr(conn->in + conn->in_scanned, '\n', conn->in_len - conn->in_scanned) : NULL;

	conn->in_scanned = end ? (size_t)(end - conn->in) : conn->in_len;
	return end;
}

bool conn_is_ready(const struct conn *conn)
{
	return conn->known && !conn->request && !conn->closing && !conn->draining && has_line(conn) &&
	       pending(conn) <= CONTROL_PENDING_PAUSE;
}

bool conn_is_drained(const struct conn *conn)
{
	return conn->request && conn->request->go_on && !conn->closing && pending(conn) <= CONTROL_PENDING_PAUSE;
}

static void drop_line(struct conn *conn)
{
	size_t len = conn->in_scanned + 1;

	memmove(conn->in, conn->in + len, conn->in_len - len);
	conn->in_len -= len;
	conn->in_scanned = 0;
	find_line_end(conn);
}

/* The clock of a request runs from its first byte to its newline, and only while nothing else is at work. */
static void watch_line(struct conn *conn)
{
	if (conn->closing || conn->draining)
		return;
	if (conn->eof)
		set_deadline(conn, HALF_CLOSED_MS);
	else if (conn->request || conn->in_len == 0 || has_line(conn))
		set_deadline(conn, 0);
	else if (conn->deadline_ms == 0)
		set_deadline(conn, conn->control->request_ms);
}

static bool is_blank(const char *text, size_t len)
{
	return strspn(text, " \t\r") >= len;
}

void conn_take_line(struct conn *conn)
{
	struct control *c = conn->control;
	struct control_line line;
	struct err e;
	size_t len = conn->in_scanned;

	if (is_blank(conn->in, len)) {
		drop_line(conn);
		watch_line(conn);
		close_if_finished(conn);
		return;
	}
	if (control_line_parse(conn->in, len, &line, &e)) {
		conn_refuse(conn, &e);
		return;
	}
	struct control_request *rq = calloc(1, sizeof *rq);
	if (!rq) {
		json_decref(line.args);
		conn_close(conn);
		return;
	}
	drop_line(conn);
	rq->conn = conn;
	memcpy(rq->verb, line.verb, sizeof rq->verb);
	rq->args = line.args;
	conn->request = rq;
	c->n_requests++;
	watch_line(conn);
	c->handler(c->app, rq, rq->verb, rq->args);
}

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *ret)
{
	struct conn *conn = handle->data;
	size_t cap = conn->in_cap ? conn->in_cap : IN_FIRST;

	(void)suggested;
	*ret = uv_buf_init(NULL, 0);
	if (conn->in_len == conn->in_cap) {
		if (conn->in_cap)
			cap = conn->in_cap * 2;
		if (cap > IN_MAX)
			cap = IN_MAX;
		char *in = cap > conn->in_len ? realloc(conn->in, cap) : NULL;
		if (!in)
			return;
		conn->in = in;
		conn->in_cap = cap;
	}
	*ret = uv_buf_init(conn->in + conn->in_len, (unsigned)(conn->in_cap - conn->in_len));
}

/* The peer is gone altogether, not only its sending side. */
static bool is_hung_up(const struct conn *conn)
{
	uv_os_fd_t fd;

	if (uv_fileno((const uv_handle_t *)&conn->pipe, &fd) < 0)
		return true;
	struct pollfd p = { .fd = fd };
	return poll(&p, 1, 0) > 0 && (p.revents & (POLLHUP | POLLERR));
}

static void on_eof(struct conn *conn)
{
	if (is_hung_up(conn)) {
		conn_close(conn);
		return;
	}
	conn->eof = true;
	watch_line(conn);
	close_if_finished(conn);
}

static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
	struct conn *conn = stream->data;
	struct err e;

	(void)buf;
	if (n == UV_EOF) {
		on_eof(conn);
		return;
	}
	if (n < 0) {
		conn_close(conn);
		return;
	}
	conn->in_len += (size_t)n;
	find_line_end(conn);
	if (has_line(conn) ? conn->in_scanned > CONTROL_REQUEST_MAX : conn->in_len > CONTROL_REQUEST_MAX) {
		err_set(&e, ERR_INVALID, "request: longer than %zu bytes", CONTROL_REQUEST_MAX);
		/* An error line in the midst of another request's rows would be taken for its end. */
		if (conn->request)
			conn_close(conn);
		else
			conn_refuse(conn, &e);
		return;
	}
	watch_line(conn);
	if (conn_is_ready(conn))
		control_wake(conn->control);
}

void conn_start(struct conn *conn)
{
	if (uv_read_start((uv_stream_t *)&conn->pipe, on_alloc, on_read) < 0)
		conn_close(conn);
}

void conn_on_deadline(struct conn *conn)
{
	struct err e;

	if (conn->draining) {
		conn_close(conn);
	} else if (conn->eof) {
		if (is_hung_up(conn))
			conn_close(conn);
		else
			set_deadline(conn, HALF_CLOSED_MS);
	} else {
		err_set(&e, ERR_TIMEOUT, "request: not complete within %u ms of its first byte", conn->control->request_ms);
		conn_refuse(conn, &e);
	}
}

/* ---- what the app calls ---- */

enum role control_role(const struct control_request *rq)
{
	return rq->conn->role;
}

const char *control_actor(const struct control_request *rq)
{
	return rq->conn->actor;
}

size_t control_pending(const struct control_request *rq)
{
	return rq->conn->closing ? 0 : pending(rq->conn);
}

static bool end_row(struct conn *conn)
{
	strbuf_puts(&conn->out, "}\n");
	return check_out(conn);
}

bool control_row(struct control_request *rq, json_t *row)
{
	struct conn *conn = rq->conn;
	bool ok = false;

	if (!conn->closing) {
		strbuf_puts(&conn->out, "{\"row\":");
		json_text_put(&conn->out, row);
		ok = end_row(conn);
	}
	json_decref(row);
	return ok;
}

bool control_row_text(struct control_request *rq, const char *json, size_t len)
{
	struct conn *conn = rq->conn;

	if (conn->closing)
		return false;
	strbuf_puts(&conn->out, "{\"row\":");
	strbuf_put(&conn->out, json, len);
	return end_row(conn);
}

static void finish(struct control_request *rq)
{
	struct conn *conn = rq->conn;
	struct control *c = conn->control;

	json_decref(rq->args);
	free(rq);
	c->n_requests--;
	conn->request = NULL;
	conn->gone_due = false;
	conn->idle_since_ms = uv_now(c->loop);
	if (conn->closed) {
		control_unlink(c, conn);
		control_maybe_closed(c);
		return;
	}
	if (conn->closing)
		return;
	watch_line(conn);
	if (conn_is_ready(conn))
		control_wake(c);
	else
		conn_flush(conn);
	close_if_finished(conn);
}

void control_end(struct control_request *rq, json_t *result)
{
	struct conn *conn = rq->conn;

	if (!conn->closing) {
		strbuf_puts(&conn->out, "{\"end\":true,\"ok\":true");
		if (result) {
			strbuf_puts(&conn->out, ",\"result\":");
			json_text_put(&conn->out, result);
		}
		end_row(conn);
	}
	json_decref(result);
	finish(rq);
}

void control_fail(struct control_request *rq, const struct err *e)
{
	if (!rq->conn->closing) {
		put_failure(&rq->conn->out, e);
		check_out(rq->conn);
	}
	finish(rq);
}

bool control_require(struct control_request *rq, enum role least)
{
	const struct conn *conn = rq->conn;
	struct err e;

	if (conn->role >= least)
		return true;
	const char *group = least == ROLE_MAINTAINER ? conn->control->maintainers : conn->control->operators;
	if (group[0])
		err_set(&e, ERR_DENIED, "'%s' is for %ss, and you are %s: join the group %s (sudo usermod -aG %s %s) and log in again",
		        rq->verb, role_name(least), role_name(conn->role), group, group, conn->user[0] ? conn->user : "USER");
	else
		err_set(&e, ERR_DENIED, "'%s' is for %ss, and you are %s: name a group for them in the site's `control`", rq->verb,
		        role_name(least), role_name(conn->role));
	control_fail(rq, &e);
	return false;
}

void control_on_gone(struct control_request *rq, void (*gone)(void *user), void *user)
{
	rq->gone = gone;
	rq->gone_user = user;
	if (rq->conn->closing) {
		rq->conn->gone_due = true;
		control_wake(rq->conn->control);
	}
}

void control_when_drained(struct control_request *rq, void (*go_on)(void *user), void *user)
{
	rq->go_on = go_on;
	rq->go_on_user = user;
	if (conn_is_drained(rq->conn))
		control_wake(rq->conn->control);
}
