/* The process of a link: started, watched, its stderr logged, its death told, the next start put off.
 *
 * The happy path is: uplink_start → spawn → setup … quit → on_process_exit. Failure modes: it cannot be started (uplink_start says why); it dies (on_process_exit: a
 * down if a connection or attempt was open, then backoff); it falls silent (on_tick) or sends what is malformed (uplink_kill). The socket's end alone means nothing:
 * the exit status says more and comes with it. */
#include "gateway/uplink_priv.h"

#include "core/log.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define TICK_MS 1000u

/* --- ending a process --- */

static void on_poll_closed(uv_handle_t *h)
{
	struct uplink_link *l = h->data;

	l->poll_open = false;
	uplink_handle_closed(h);
}

static void on_stderr_closed(uv_handle_t *h)
{
	struct uplink_link *l = h->data;

	l->stderr_open = false;
	uplink_handle_closed(h);
}

static void on_child_closed(uv_handle_t *h)
{
	struct uplink_link *l = h->data;

	l->child_open = false;
	uplink_handle_closed(h);
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

void uplink_kill(struct uplink_link *l)
{
	if (l->process != PROCESS_RUNNING)
		return;
	uplink_log(l, LOG_LEVEL_ERROR, NULL, "%s", l->why);
	l->process = PROCESS_DYING;
	uv_process_kill(&l->child, SIGKILL);
	close_socket(l);
	if (l->attempt != ATTEMPT_NONE)
		uplink_tell_down(l, HUB_DOWN_PROCESS, l->why);
}

/* --- its stderr --- */

static void on_line(struct uplink_link *l, const char *line)
{
	snprintf(l->last_line, sizeof l->last_line, "%s", line);
	uplink_log(l, LOG_LEVEL_WARNING, NULL, "%s", line);
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

void uplink_start_backoff(struct uplink_link *l)
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
		uplink_read_frames(l);
	killed = l->process == PROCESS_DYING;
	close_socket(l);
	l->stats.pid = 0;
	if (l->closing) {
		l->process = PROCESS_NONE;
		uplink_close_timers(l);
		return;
	}
	l->stats.deaths++;
	if (!killed) {
		if (signal_number != 0)
			uplink_say_why(l, "firegw-uplink ended: signal %d", signal_number);
		else
			uplink_say_why(l, "firegw-uplink ended: exit code %lld%s%s", (long long)status, l->last_line[0] ? ": " : "", l->last_line);
		uplink_log(l, LOG_LEVEL_ERROR, NULL, "%s", l->why);
	}
	if (uv_now(l->loop) - l->started_ms >= UPLINK_SETTLED_MS)
		l->backoff_ms = 0;
	uplink_start_backoff(l);
	if (l->attempt != ATTEMPT_NONE)
		uplink_tell_down(l, HUB_DOWN_PROCESS, l->why);
}

/* Once a second over a running process: does it live, and does it answer? */
static void on_tick(uv_timer_t *timer)
{
	struct uplink_link *l = timer->data;
	uint64_t now = uv_now(l->loop);

	repeat_sweep(&l->repeat, (int64_t)now * CLOCK_NS_PER_MS);
	if (now - l->heard_ms > UPLINK_SILENT_MS)
		uplink_say_why(l, "firegw-uplink said nothing for %u s and was killed", UPLINK_SILENT_MS / 1000);
	else if (l->attempt == ATTEMPT_OPENING && now > l->attempt_by_ms)
		uplink_say_why(l, "firegw-uplink did not connect within %u s and was killed", UPLINK_CONNECT_MS / 1000);
	else if (l->attempt == ATTEMPT_ENDING && now > l->attempt_by_ms)
		uplink_say_why(l, "firegw-uplink did not disconnect within %u s and was killed", UPLINK_DISCONNECT_MS / 1000);
	else
		return;
	uplink_kill(l);
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
	return uplink_put_frame(l, &f, 0);
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

int uplink_start(struct uplink_link *l)
{
	int ends[2], rc;

	if (l->child_open || l->poll_open || l->stderr_open) {
		uplink_say_why(l, "firegw-uplink is still ending");
		return -1;
	}
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0) {
		uplink_say_why(l, "cannot start firegw-uplink: socketpair: %s", strerror(errno));
		return -1;
	}
	/* Makes the descriptor non-blocking too. */
	if ((rc = uv_poll_init(l->loop, &l->poll, ends[0])) < 0) {
		uplink_say_why(l, "cannot start firegw-uplink: %s", uv_strerror(rc));
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
		uplink_say_why(l, "cannot start '%s': %s", l->program, uv_strerror(rc));
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
	uplink_watch_socket(l);
	return send_setup(l);
}
