/* The happy path is: link_connect → start_process → setup and connect frames → on_socket (up) → pump: link_send … → on_socket (delivered) → link_disconnect → on_socket
 * (down) → uplink_link_close → quit → on_process_exit → maybe_closed.
 *
 * Failure modes: the program cannot be started (fail_start); the process dies (on_process_exit: down if a connection or attempt was open, then backoff); it sends a
 * malformed frame or falls silent (kill_process, and the same way on). The socket's end alone means nothing: the exit status says more and comes with it.
 *
 *   NONE ──start──▶ RUNNING ──exit──▶ BACKOFF ──timer──▶ NONE        the process
 *                      └──kill──▶ DYING ──exit──┘
 */
#include "gateway/uplink_link.h"

#include "core/log.h"
#include "gateway/uplink/frame.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define TICK_MS       1000u
#define LINE_MAX_BYTES 1024u

enum process { PROCESS_NONE, PROCESS_RUNNING, PROCESS_DYING, PROCESS_BACKOFF };
enum attempt { ATTEMPT_NONE, ATTEMPT_OPENING, ATTEMPT_UP, ATTEMPT_ENDING };

struct uplink_link {
	uv_loop_t        *loop;
	struct hub_config config;       /* owned, with all that it points to */
	char            **urls;
	char             *program;
	struct hub_events events;

	enum process   process;
	enum attempt   attempt;
	uint64_t       attempt_by_ms;   /* OPENING, ENDING: until then there must be an answer */
	uv_process_t   child;
	uv_poll_t      poll;            /* of the socket; open while `socket` is */
	int            socket;          /* -1: none */
	uv_pipe_t      stderr_pipe;
	uv_timer_t     timer;           /* backoff; quit's bound */
	uv_timer_t     soon;            /* the down that a refused connect promised */
	uv_timer_t     tick;            /* the watch over a running process */
	bool           child_open, poll_open, stderr_open; /* handles that the loop holds */
	unsigned       handles;         /* handles that the loop holds, the timers included */
	bool           closing;
	uint64_t       started_ms, heard_ms, backoff_ms;
	char           why[400];        /* what the last process ended of, for people */
	char           last_line[256];  /* of its stderr */

	unsigned char *in;              /* FRAME_MAX_BYTES */
	size_t         in_len;
	unsigned char *out;             /* UPLINK_OUT_BYTES */
	size_t         out_start, out_end;
	char           line[LINE_MAX_BYTES];
	size_t         line_len;

	struct uplink_link_stats stats;
	void         (*closed)(void *user);
	void          *closed_user;
};

static void maybe_closed(struct uplink_link *l);

/* --- telling the pump --- */

static void tell_down(struct uplink_link *l, enum hub_down why, const char *text)
{
	l->attempt = ATTEMPT_NONE;
	if (!l->closing)
		l->events.down(l->events.user, why, text);
}

static void say_why(struct uplink_link *l, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static void say_why(struct uplink_link *l, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vsnprintf(l->why, sizeof l->why, fmt, args);
	va_end(args);
}

/* --- the socket: out --- */

static size_t waiting(const struct uplink_link *l)
{
	return l->out_end - l->out_start;
}

static void on_socket(uv_poll_t *poll, int status, int events);

static void watch_socket(struct uplink_link *l)
{
	if (l->socket >= 0)
		uv_poll_start(&l->poll, UV_READABLE | (waiting(l) > 0 ? UV_WRITABLE : 0), on_socket);
}

/* Queues a frame if it leaves `spare` bytes free. It is written when the poll says so, with all others of this turn. */
static int put_frame(struct uplink_link *l, const struct frame *f, size_t spare)
{
	size_t len = frame_size(f);

	if (len == 0 || l->process != PROCESS_RUNNING)
		return -1;
	if (waiting(l) + len + spare > UPLINK_OUT_BYTES)
		return -1;
	if (UPLINK_OUT_BYTES - l->out_end < len) {
		memmove(l->out, l->out + l->out_start, waiting(l));
		l->out_end -= l->out_start;
		l->out_start = 0;
	}
	bool was_empty = waiting(l) == 0;
	l->out_end += frame_encode(f, l->out + l->out_end, UPLINK_OUT_BYTES - l->out_end);
	if (was_empty)
		watch_socket(l);
	return 0;
}

static void write_frames(struct uplink_link *l)
{
	while (waiting(l) > 0) {
		ssize_t n = send(l->socket, l->out + l->out_start, waiting(l), MSG_DONTWAIT | MSG_NOSIGNAL);
		if (n >= 0)
			l->out_start += (size_t)n;
		else if (errno == EINTR)
			continue;
		else if (errno == EAGAIN || errno == EWOULDBLOCK)
			return;
		else
			break;   /* the process is gone: on_process_exit tells */
	}
	l->out_start = l->out_end = 0;
	watch_socket(l);
}

/* --- ending a process --- */

static void on_handle_closed(uv_handle_t *h)
{
	struct uplink_link *l = h->data;

	l->handles--;
	maybe_closed(l);
}

static void on_poll_closed(uv_handle_t *h)
{
	struct uplink_link *l = h->data;

	l->poll_open = false;
	on_handle_closed(h);
}

static void on_stderr_closed(uv_handle_t *h)
{
	struct uplink_link *l = h->data;

	l->stderr_open = false;
	on_handle_closed(h);
}

static void on_child_closed(uv_handle_t *h)
{
	struct uplink_link *l = h->data;

	l->child_open = false;
	on_handle_closed(h);
}

static void close_timers(struct uplink_link *l)
{
	uv_close((uv_handle_t *)&l->timer, on_handle_closed);
	uv_close((uv_handle_t *)&l->soon, on_handle_closed);
	uv_close((uv_handle_t *)&l->tick, on_handle_closed);
}

/* The poll is stopped before its descriptor is closed. */
static void close_socket(struct uplink_link *l)
{
	if (l->socket < 0)
		return;
	uv_poll_stop(&l->poll);
	uv_close((uv_handle_t *)&l->poll, on_poll_closed);
	close(l->socket);
	l->socket = -1;
	l->in_len = 0;
	l->out_start = l->out_end = 0;
}

/* The reason is told now; the process is waited for, and its own exit status is no news then. */
static void kill_process(struct uplink_link *l)
{
	if (l->process != PROCESS_RUNNING)
		return;
	log_error("uplink", "hub '%s': %s", l->config.name, l->why);
	l->process = PROCESS_DYING;
	uv_process_kill(&l->child, SIGKILL);
	close_socket(l);
	if (l->attempt != ATTEMPT_NONE)
		tell_down(l, HUB_DOWN_PROCESS, l->why);
}

/* --- the socket: in --- */

static enum hub_down down_of(uint32_t number)
{
	return number <= HUB_DOWN_PROCESS ? (enum hub_down)number : HUB_DOWN_LOST;
}

static void on_log(struct uplink_link *l, const struct frame *f)
{
	enum log_level level = f->number <= LOG_LEVEL_DEBUG ? (enum log_level)f->number : LOG_LEVEL_INFO;

	log_msg(level, "uplink", "hub '%s': %s", l->config.name, f->text);
}

/* 0, or -1: the process says what it cannot mean (ERR_PROTOCOL). What came too late for a connection that is no more was sent before our last frame reached it,
 * which cannot be: one `down` ends each, and comes from the other side. */
static int on_frame(struct uplink_link *l, const struct frame *f, struct err *reterr)
{
	const struct hub_events *e = &l->events;
	bool up = l->attempt == ATTEMPT_UP || l->attempt == ATTEMPT_ENDING;

	switch (f->type) {
	case FRAME_ALIVE:
		return 0;
	case FRAME_LOG:
		on_log(l, f);
		return 0;
	case FRAME_UP:
		if (l->attempt == ATTEMPT_ENDING)
			return 0;   /* it crossed our disconnect */
		if (l->attempt != ATTEMPT_OPENING)
			break;
		l->attempt = ATTEMPT_UP;
		e->up(e->user, (uint16_t)(f->number < UINT16_MAX ? f->number : UINT16_MAX));
		return 0;
	case FRAME_DOWN:
		if (l->attempt == ATTEMPT_NONE)
			break;
		tell_down(l, down_of(f->number), f->text);
		return 0;
	case FRAME_DELIVERED:
		if (!up)
			break;
		e->delivered(e->user, f->token);
		return 0;
	case FRAME_REFUSED:
		if (!up)
			break;
		e->refused(e->user, f->token, (int)f->number, f->text);
		return 0;
	case FRAME_MESSAGE:
		if (!up)
			break;
		e->message(e->user, f->topic, f->payload.data, f->payload.len, f->flag, f->response_topic, f->correlation.data, f->correlation.len);
		return 0;
	case FRAME_SUBSCRIBED:
		if (!up)
			break;
		e->subscribed(e->user, f->flag, f->text);
		return 0;
	case FRAME_SETUP: case FRAME_CONNECT: case FRAME_PUBLISH: case FRAME_SUBSCRIBE: case FRAME_UNSUBSCRIBE: case FRAME_DISCONNECT: case FRAME_QUIT:
		break;
	}
	return err_set(reterr, ERR_PROTOCOL, "frame '%s' out of turn", frame_type_name(f->type));
}

/* Hands out every whole frame. The pump may call anything from an event, closing included. */
static void take_frames(struct uplink_link *l)
{
	size_t taken = 0, len;
	struct frame f;
	struct err e;
	int whole = 0;

	while (!l->closing && l->process == PROCESS_RUNNING && (whole = frame_whole(l->in + taken, l->in_len - taken, &len, &e)) == 1) {
		whole = frame_decode(l->in + taken, len, &f, &e);
		if (whole == 0)
			whole = on_frame(l, &f, &e);
		if (whole < 0)
			break;
		taken += len;
	}
	if (l->closing || l->process != PROCESS_RUNNING)
		return;
	if (whole < 0) {
		l->stats.bad_frames++;
		say_why(l, "firegw-uplink sent a malformed frame and was killed: %s", e.text);
		kill_process(l);
		return;
	}
	memmove(l->in, l->in + taken, l->in_len - taken);
	l->in_len -= taken;
}

/* Reads until there is nothing more; at most 1 MiB a turn, so that a flood from one hub leaves the others their turn. */
static void read_frames(struct uplink_link *l)
{
	size_t turn = 0;

	while (turn < 1024 * 1024 && l->socket >= 0) {
		ssize_t n = recv(l->socket, l->in + l->in_len, FRAME_MAX_BYTES - l->in_len, MSG_DONTWAIT);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
			return;
		if (n <= 0) {
			/* The end: no more to poll for. on_process_exit follows; should the process have closed its end and live on, its silence is noticed. */
			uv_poll_stop(&l->poll);
			return;
		}
		turn += (size_t)n;
		l->in_len += (size_t)n;
		l->heard_ms = uv_now(l->loop);
		if (l->closing)
			l->in_len = 0;
		else
			take_frames(l);
	}
}

static void on_socket(uv_poll_t *poll, int status, int events)
{
	struct uplink_link *l = poll->data;

	if (status < 0) {
		uv_poll_stop(poll);
		return;
	}
	if (events & UV_WRITABLE)
		write_frames(l);
	if (events & UV_READABLE)
		read_frames(l);
}

/* --- its stderr --- */

static void on_line(struct uplink_link *l, const char *line)
{
	snprintf(l->last_line, sizeof l->last_line, "%s", line);
	log_warning("uplink", "hub '%s': %s", l->config.name, line);
}

static void on_stderr_room(uv_handle_t *h, size_t suggested, uv_buf_t *ret)
{
	struct uplink_link *l = h->data;

	(void)suggested;
	*ret = uv_buf_init(l->line + l->line_len, (unsigned)(sizeof l->line - 1 - l->line_len));
}

static void on_stderr(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
	struct uplink_link *l = stream->data;
	char *end;

	(void)buf;
	if (n < 0) {
		if (!uv_is_closing((uv_handle_t *)stream))
			uv_close((uv_handle_t *)stream, on_stderr_closed);
		return;
	}
	l->line_len += (size_t)n;
	l->line[l->line_len] = '\0';
	while ((end = strchr(l->line, '\n')) != NULL) {
		*end = '\0';
		on_line(l, l->line);
		l->line_len -= (size_t)(end + 1 - l->line);
		memmove(l->line, end + 1, l->line_len + 1);
	}
	if (l->line_len == sizeof l->line - 1) {
		on_line(l, l->line);
		l->line_len = 0;
	}
}

/* --- the process --- */

static void on_backoff_over(uv_timer_t *timer)
{
	struct uplink_link *l = timer->data;

	l->process = PROCESS_NONE;
}

static void on_soon(uv_timer_t *timer)
{
	struct uplink_link *l = timer->data;

	tell_down(l, HUB_DOWN_PROCESS, l->why);
}

static void start_backoff(struct uplink_link *l)
{
	l->process = PROCESS_BACKOFF;
	l->backoff_ms = l->backoff_ms == 0 ? UPLINK_BACKOFF_MIN_MS : l->backoff_ms * 2 < UPLINK_BACKOFF_MAX_MS ? l->backoff_ms * 2 : UPLINK_BACKOFF_MAX_MS;
	uv_timer_start(&l->timer, on_backoff_over, l->backoff_ms, 0);
}

static void on_process_exit(uv_process_t *child, int64_t status, int signal_number)
{
	struct uplink_link *l = child->data;
	bool killed = l->process == PROCESS_DYING;

	uv_close((uv_handle_t *)child, on_child_closed);
	uv_timer_stop(&l->tick);
	/* What it still said before it ended counts. */
	if (!killed && l->socket >= 0)
		read_frames(l);
	killed = l->process == PROCESS_DYING;
	close_socket(l);
	l->stats.pid = 0;
	if (l->closing) {
		l->process = PROCESS_NONE;
		close_timers(l);
		return;
	}
	l->stats.deaths++;
	if (!killed) {
		if (signal_number != 0)
			say_why(l, "firegw-uplink ended: signal %d", signal_number);
		else
			say_why(l, "firegw-uplink ended: exit code %lld%s%s", (long long)status, l->last_line[0] ? ": " : "", l->last_line);
		log_error("uplink", "hub '%s': %s", l->config.name, l->why);
	}
	if (uv_now(l->loop) - l->started_ms >= UPLINK_SETTLED_MS)
		l->backoff_ms = 0;
	start_backoff(l);
	if (l->attempt != ATTEMPT_NONE)
		tell_down(l, HUB_DOWN_PROCESS, l->why);
}

/* Once a second over a running process: does it live, and does it answer? */
static void on_tick(uv_timer_t *timer)
{
	struct uplink_link *l = timer->data;
	uint64_t now = uv_now(l->loop);

	if (now - l->heard_ms > UPLINK_SILENT_MS)
		say_why(l, "firegw-uplink said nothing for %u s and was killed", UPLINK_SILENT_MS / 1000);
	else if (l->attempt == ATTEMPT_OPENING && now > l->attempt_by_ms)
		say_why(l, "firegw-uplink did not connect within %u s and was killed", UPLINK_CONNECT_MS / 1000);
	else if (l->attempt == ATTEMPT_ENDING && now > l->attempt_by_ms)
		say_why(l, "firegw-uplink did not disconnect within %u s and was killed", UPLINK_DISCONNECT_MS / 1000);
	else
		return;
	kill_process(l);
}

static int send_setup(struct uplink_link *l)
{
	const struct hub_config *c = &l->config;
	struct frame f = {
		.type = FRAME_SETUP, .number = (uint32_t)c->version, .keepalive_s = (uint32_t)c->keepalive_s, .client_id = c->client_id, .username = c->username,
		.password_file = c->password_file, .tls_ca = c->tls_ca, .tls_cert = c->tls_cert, .tls_key = c->tls_key,
	};

	for (size_t i = 0; i < c->n_urls && i < FRAME_LIST_MAX; i++)
		f.list.items[f.list.n++] = c->urls[i];
	return put_frame(l, &f, 0);
}

/* stdin and stdout: /dev/null; stderr: a pipe; 3: the socket. */
static int spawn(struct uplink_link *l, int theirs)
{
	char *args[] = { l->program, NULL };
	uv_stdio_container_t stdio[4] = { { .flags = UV_IGNORE }, { .flags = UV_IGNORE } };
	uv_process_options_t options = { .exit_cb = on_process_exit, .file = l->program, .args = args, .stdio = stdio, .stdio_count = 4 };

	stdio[2].flags = UV_CREATE_PIPE | UV_WRITABLE_PIPE;
	stdio[2].data.stream = (uv_stream_t *)&l->stderr_pipe;
	stdio[3].flags = UV_INHERIT_FD;
	stdio[3].data.fd = theirs;
	l->child.data = l;
	return uv_spawn(l->loop, &l->child, &options);
}

/* 0, or -1 with l->why. A handle of the last process may still be on its way out: then it is too early. */
static int start_process(struct uplink_link *l)
{
	int ends[2], rc;

	if (l->child_open || l->poll_open || l->stderr_open) {
		say_why(l, "firegw-uplink is still ending");
		return -1;
	}
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0) {
		say_why(l, "cannot start firegw-uplink: socketpair: %s", strerror(errno));
		return -1;
	}
	/* Makes the descriptor non-blocking too. */
	if ((rc = uv_poll_init(l->loop, &l->poll, ends[0])) < 0) {
		say_why(l, "cannot start firegw-uplink: %s", uv_strerror(rc));
		close(ends[0]);
		close(ends[1]);
		return -1;
	}
	uv_pipe_init(l->loop, &l->stderr_pipe, 0);
	l->poll.data = l->stderr_pipe.data = l;
	l->socket = ends[0];
	l->poll_open = l->stderr_open = l->child_open = true;
	l->handles += 3;
	l->in_len = l->out_start = l->out_end = l->line_len = 0;
	l->last_line[0] = '\0';
	rc = spawn(l, ends[1]);
	close(ends[1]);
	if (rc < 0) {
		say_why(l, "cannot start '%s': %s", l->program, uv_strerror(rc));
		uv_close((uv_handle_t *)&l->child, on_child_closed);
		uv_close((uv_handle_t *)&l->stderr_pipe, on_stderr_closed);
		close_socket(l);
		return -1;
	}
	l->process = PROCESS_RUNNING;
	l->stats.pid = l->child.pid;
	l->stats.starts++;
	l->started_ms = l->heard_ms = uv_now(l->loop);
	uv_read_start((uv_stream_t *)&l->stderr_pipe, on_stderr_room, on_stderr);
	uv_timer_start(&l->tick, on_tick, TICK_MS, TICK_MS);
	watch_socket(l);
	return send_setup(l);
}

/* --- for the pump --- */

static int refuse_connect(struct uplink_link *l)
{
	uv_timer_start(&l->soon, on_soon, 0, 0);
	return -1;
}

static int link_connect(void *link, const struct hub_connect *c)
{
	struct uplink_link *l = link;
	struct frame f = {
		.type = FRAME_CONNECT, .number = (uint32_t)c->url, .session = c->session, .topic = c->will_topic,
		.payload = { c->will_payload, c->will_payload ? strlen(c->will_payload) : 0 },
	};

	if (l->closing || l->attempt != ATTEMPT_NONE)
		return -1;
	uv_update_time(l->loop);
	if (l->process == PROCESS_NONE && start_process(l) < 0) {
		log_error("uplink", "hub '%s': %s", l->config.name, l->why);
		if (l->process == PROCESS_RUNNING)
			kill_process(l);   /* the setup is beyond a frame's bounds */
		else
			start_backoff(l);
		return refuse_connect(l);
	}
	if (l->process != PROCESS_RUNNING)
		return refuse_connect(l);
	if (put_frame(l, &f, 0) < 0) {
		say_why(l, "the will is beyond its bounds, or firegw-uplink takes nothing");
		return refuse_connect(l);
	}
	uv_timer_stop(&l->soon);
	l->attempt = ATTEMPT_OPENING;
	l->attempt_by_ms = uv_now(l->loop) + UPLINK_CONNECT_MS;
	return 0;
}

static int link_send(void *link, const struct hub_publish *p)
{
	struct uplink_link *l = link;
	struct frame f = {
		.type = FRAME_PUBLISH, .token = p->token, .topic = p->topic, .flag = p->retain,
		.payload = { p->len > 0 ? p->payload : "", p->len }, .correlation = { p->correlation, p->correlation_len },
	};

	if (l->attempt != ATTEMPT_UP)
		return -1;
	bool large = p->len > UPLINK_LARGE_BYTES;
	if (put_frame(l, &f, large ? UPLINK_OUT_RESERVE : UPLINK_OUT_CONTROL) == 0)
		return 0;
	l->stats.full++;
	return -1;
}

static int put_filters(struct uplink_link *l, enum frame_type type, const char *const *filters, size_t n)
{
	struct frame f = { .type = type };

	if (l->attempt != ATTEMPT_UP || n > FRAME_LIST_MAX)
		return -1;
	for (size_t i = 0; i < n; i++)
		f.list.items[f.list.n++] = filters[i];
	return put_frame(l, &f, 0);
}

static int link_subscribe(void *link, const char *const *filters, size_t n)
{
	return put_filters(link, FRAME_SUBSCRIBE, filters, n);
}

static int link_unsubscribe(void *link, const char *const *filters, size_t n)
{
	return put_filters(link, FRAME_UNSUBSCRIBE, filters, n);
}

static void link_disconnect(void *link)
{
	struct uplink_link *l = link;
	const struct frame f = { .type = FRAME_DISCONNECT };

	if (l->attempt != ATTEMPT_OPENING && l->attempt != ATTEMPT_UP)
		return;
	uv_update_time(l->loop);
	l->attempt = ATTEMPT_ENDING;
	l->attempt_by_ms = uv_now(l->loop) + UPLINK_DISCONNECT_MS;
	/* No room even for this: the process has stopped reading, and the bound kills it. */
	(void)put_frame(l, &f, 0);
}

const struct hub_ops *uplink_link_ops(void)
{
	static const struct hub_ops ops = {
		.connect = link_connect, .send = link_send, .subscribe = link_subscribe, .unsubscribe = link_unsubscribe, .disconnect = link_disconnect,
	};

	return &ops;
}

/* --- life --- */

static void free_link(struct uplink_link *l)
{
	const char *const texts[] = { l->config.name, l->config.client_id, l->config.username, l->config.password_file, l->config.tls_ca, l->config.tls_cert,
		l->config.tls_key };

	for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
		free((void *)(uintptr_t)texts[i]);
	for (size_t i = 0; l->urls && i < l->config.n_urls; i++)
		free(l->urls[i]);
	free(l->urls);
	free(l->program);
	free(l->in);
	free(l->out);
	free(l);
}

/* NULL stays NULL; *ok becomes false without memory. */
static char *copy_text(const char *text, bool *ok)
{
	char *copy = text ? strdup(text) : NULL;

	*ok = *ok && (copy || !text);
	return copy;
}

static bool copy_config(struct uplink_link *l, const struct hub_config *c)
{
	bool ok = true;

	l->urls = calloc(c->n_urls, sizeof *l->urls);
	l->config = (struct hub_config){
		.name = copy_text(c->name, &ok), .urls = (const char *const *)l->urls, .n_urls = c->n_urls, .version = c->version,
		.client_id = copy_text(c->client_id, &ok), .username = copy_text(c->username, &ok), .password_file = copy_text(c->password_file, &ok),
		.tls_ca = copy_text(c->tls_ca, &ok), .tls_cert = copy_text(c->tls_cert, &ok), .tls_key = copy_text(c->tls_key, &ok), .keepalive_s = c->keepalive_s,
	};
	for (size_t i = 0; l->urls && i < c->n_urls; i++)
		l->urls[i] = copy_text(c->urls[i], &ok);
	return ok && l->urls;
}

struct uplink_link *uplink_link_new(uv_loop_t *loop, const struct hub_config *config, const char *program, const struct hub_events *events, struct err *reterr)
{
	struct uplink_link *l = calloc(1, sizeof *l);

	if (!l)
		goto no_memory;
	l->loop = loop;
	l->events = *events;
	l->socket = -1;
	l->program = strdup(program);
	l->in = malloc(FRAME_MAX_BYTES);
	l->out = malloc(UPLINK_OUT_BYTES);
	if (!copy_config(l, config) || !l->program || !l->in || !l->out)
		goto no_memory_link;
	uv_timer_init(loop, &l->timer);
	uv_timer_init(loop, &l->soon);
	uv_timer_init(loop, &l->tick);
	l->timer.data = l->soon.data = l->tick.data = l;
	l->handles = 3;
	return l;
no_memory_link:
	free_link(l);
no_memory:
	err_set(reterr, ERR_NO_MEMORY, "hub '%s': no memory for the link", config->name);
	return NULL;
}

static void maybe_closed(struct uplink_link *l)
{
	if (!l->closing || l->handles > 0)
		return;
	void (*closed)(void *) = l->closed;
	void *user = l->closed_user;
	free_link(l);
	if (closed)
		closed(user);
}

static void on_quit_late(uv_timer_t *timer)
{
	struct uplink_link *l = timer->data;

	log_warning("uplink", "hub '%s': firegw-uplink did not end within %u s and was killed", l->config.name, UPLINK_QUIT_MS / 1000);
	uv_process_kill(&l->child, SIGKILL);
}

void uplink_link_close(struct uplink_link *l, void (*closed)(void *user), void *user)
{
	const struct frame f = { .type = FRAME_QUIT };

	if (!l || l->closing)
		return;
	uv_timer_stop(&l->tick);
	uv_timer_stop(&l->soon);
	if (l->process == PROCESS_RUNNING && put_frame(l, &f, 0) < 0)
		uv_process_kill(&l->child, SIGKILL);
	l->closing = true;
	l->closed = closed;
	l->closed_user = user;
	if (l->process == PROCESS_RUNNING || l->process == PROCESS_DYING) {
		uv_timer_start(&l->timer, on_quit_late, UPLINK_QUIT_MS, 0);
		return;   /* on_process_exit goes on */
	}
	close_timers(l);
}

void uplink_link_stats(const struct uplink_link *l, struct uplink_link_stats *ret)
{
	*ret = l->stats;
	ret->waiting_bytes = waiting(l);
}
