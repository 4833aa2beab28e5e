/* A thread of its own, with a loop of its own: what starts a program waits until it is read from the disk, and that must hold up no alarm. The other side says what is to be heard and
 * hears how it is; what both touch is `shared`, under its lock.
 *
 * One player at a time:
 *
 *   nothing runs ──start──▶ running ──ended by us, or by itself──▶ ending ──its stderr is read to the end──▶ nothing runs
 *
 * Failure modes: it cannot be started; it ends by itself (its last line says why); it takes no more samples. Each is told, and tried again. */
#include "gateway/sounder.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TICK_MS       250
#define CHUNK         (TONE_RATE / 10)
#define PROBE_CHUNKS  3
#define PIPE_BYTES    8192         /* what waits in between, on the way to it: what is taken beyond was played, or is in its own hands */
#define PROVEN_MS     (SOUNDER_STUCK_MS + 1000)
#define KILL_AFTER_MS 2000
#define CLOSE_LOOK_MS 5
#define CLOSE_LOOKS   200 /* a second in all */

enum health { HEALTH_UNKNOWN, HEALTH_WELL, HEALTH_ILL };

/* Of both threads. */
struct shared {
	uv_mutex_t  lock;
	enum tone   wanted;
	bool        closing;
	enum health health;
	char        why[300];
};

struct sounder {
	struct shared         shared;
	/* the owner's */
	struct sounder_events events;
	uv_async_t            told;
	uv_thread_t           thread;
	uv_sem_t              over;
	/* the thread's */
	uv_loop_t             own, *loop;
	uv_async_t            wake;
	char                 *program, *device;
	uv_timer_t            tick;
	uv_process_t          child;
	uv_pipe_t             in, err;
	unsigned              open;          /* handles of the player that are not closed */
	bool                  running, used; /* used: child, or what is left of it */
	bool                  in_open, err_open, closing;
	bool                  ended_by_us;
	enum tone             wanted, playing;
	bool                  probing;
	uv_write_t            write;
	int16_t               chunk[CHUNK];
	uint64_t              position;
	unsigned              chunks;
	uint64_t              began_ms, moved_ms, ended_ms, again_ms, probe_ms;
	bool                  stuck;
	int64_t               status;
	int                   signal_number;
	enum health           now;
	char                  why[300], line[200];
	size_t                line_len;
};

static void step(struct sounder *s);

static void tell(struct sounder *s, enum health h, const char *why)
{
	if (s->now == h && strcmp(s->why, why) == 0)
		return;
	s->now = h;
	snprintf(s->why, sizeof s->why, "%s", why);
	uv_mutex_lock(&s->shared.lock);
	s->shared.health = h;
	snprintf(s->shared.why, sizeof s->shared.why, "%s", why);
	if (!s->shared.closing)
		uv_async_send(&s->told);
	uv_mutex_unlock(&s->shared.lock);
}

/* --- handles */

static void on_closed(uv_handle_t *h)
{
	struct sounder *s = h->data;

	s->open--;
}

static void close_in(struct sounder *s)
{
	if (s->in_open)
		uv_close((uv_handle_t *)&s->in, on_closed);
	s->in_open = false;
}

static void close_err(struct sounder *s)
{
	if (s->err_open)
		uv_close((uv_handle_t *)&s->err, on_closed);
	s->err_open = false;
}

/* --- what it says */

static void on_room(uv_handle_t *h, size_t suggested, uv_buf_t *ret)
{
	struct sounder *s = h->data;

	(void)suggested;
	if (s->line_len == sizeof s->line - 1)
		s->line_len = 0; /* the last words count */
	*ret = uv_buf_init(s->line + s->line_len, (unsigned)(sizeof s->line - 1 - s->line_len));
}

static void on_said(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
	struct sounder *s = stream->data;

	(void)buf;
	if (n < 0) {
		close_err(s);
		step(s);
		return;
	}
	s->line_len += (size_t)n;
}

/* Its last line, without what a terminal would take for more than a letter. */
static const char *last_line(struct sounder *s)
{
	char *end = s->line + s->line_len;

	while (end > s->line && (end[-1] == '\n' || end[-1] == '\r' || end[-1] == ' '))
		end--;
	*end = '\0';
	for (char *c = s->line; c < end; c++)
		if ((unsigned char)*c < ' ' && *c != '\n')
			*c = ' ';
	char *line = strrchr(s->line, '\n');
	return line ? line + 1 : s->line;
}

/* --- its process */

static void end(struct sounder *s, int signal_number)
{
	if (!s->running)
		return;
	if (!s->ended_by_us)
		s->ended_ms = uv_now(s->loop);
	s->ended_by_us = true;
	uv_process_kill(&s->child, signal_number);
	close_in(s);
}

static void on_ended(uv_process_t *child, int64_t status, int signal_number)
{
	struct sounder *s = child->data;

	s->running = false;
	s->status = status;
	s->signal_number = signal_number;
	s->ended_ms = uv_now(s->loop);
	uv_close((uv_handle_t *)&s->child, on_closed);
	close_in(s);
	if (s->closing)
		close_err(s);
	step(s);
}

static void feed(struct sounder *s);

static void on_written(uv_write_t *w, int status)
{
	struct sounder *s = w->data;

	if (status < 0 || !s->in_open)
		return; /* its end is told by on_ended */
	s->moved_ms = uv_now(s->loop);
	s->position += CHUNK;
	s->chunks++;
	if (!s->probing && s->moved_ms - s->began_ms >= PROVEN_MS)
		tell(s, HEALTH_WELL, "");
	if (s->probing && s->chunks == PROBE_CHUNKS)
		close_in(s);
	else
		feed(s);
}

static void feed(struct sounder *s)
{
	uv_buf_t buf = uv_buf_init((char *)s->chunk, sizeof s->chunk);

	tone_fill(s->playing, s->position, s->chunk, CHUNK);
	s->write.data = s;
	if (uv_write(&s->write, (uv_stream_t *)&s->in, &buf, 1, on_written) < 0)
		close_in(s); /* it then ends by itself */
}

static int spawn(struct sounder *s)
{
	char rate[16];
	char *args[] = { s->program, (char[]){ "-q" }, (char[]){ "-D" }, s->device, (char[]){ "-t" }, (char[]){ "raw" }, (char[]){ "-f" }, (char[]){ "S16_LE" },
		(char[]){ "-c" }, (char[]){ "1" }, (char[]){ "-r" }, rate, NULL };
	uv_stdio_container_t stdio[3] = {
		{ .flags = UV_CREATE_PIPE | UV_READABLE_PIPE, .data.stream = (uv_stream_t *)&s->in }, { .flags = UV_IGNORE },
		{ .flags = UV_CREATE_PIPE | UV_WRITABLE_PIPE, .data.stream = (uv_stream_t *)&s->err },
	};
	uv_process_options_t options = { .exit_cb = on_ended, .file = s->program, .args = args, .stdio = stdio, .stdio_count = 3 };

	snprintf(rate, sizeof rate, "%d", TONE_RATE);
	uv_pipe_init(s->loop, &s->in, 0);
	uv_pipe_init(s->loop, &s->err, 0);
	s->in.data = s->err.data = s->child.data = s;
	s->in_open = s->err_open = true;
	s->open += 3;
	return uv_spawn(s->loop, &s->child, &options);
}

static void start(struct sounder *s, enum tone tone)
{
	char why[300];

	s->playing = tone;
	s->probing = tone == TONE_NONE;
	s->position = 0;
	s->chunks = 0;
	s->line_len = 0;
	s->ended_by_us = s->stuck = false;
	s->used = true;
	s->began_ms = s->moved_ms = uv_now(s->loop);
	s->again_ms = s->probe_ms = s->moved_ms + SOUNDER_AGAIN_MS;
	int rc = spawn(s);
	if (rc < 0) {
		snprintf(why, sizeof why, "cannot start '%s': %s%s", s->program, uv_strerror(rc), rc == UV_ENOENT ? "; it comes with the package alsa-utils" : "");
		uv_close((uv_handle_t *)&s->child, on_closed);
		close_in(s);
		close_err(s);
		s->used = false;
		tell(s, HEALTH_ILL, why);
		return;
	}
	s->running = true;
	int bytes = PIPE_BYTES;
	uv_send_buffer_size((uv_handle_t *)&s->in, &bytes);
	uv_read_start((uv_stream_t *)&s->err, on_room, on_said);
	feed(s);
}

/* It ended, and has said all that it had to say. */
static void judge(struct sounder *s)
{
	char why[300];
	const char *line = last_line(s);

	s->used = false;
	if (s->ended_by_us) {
		if (s->now == HEALTH_WELL && !s->stuck)
			s->probe_ms = uv_now(s->loop) + SOUNDER_PROBE_MS;
		return;
	}
	if (s->probing && s->status == 0 && s->signal_number == 0) {
		s->probe_ms = uv_now(s->loop) + SOUNDER_PROBE_MS;
		tell(s, HEALTH_WELL, "");
		return;
	}
	s->again_ms = s->probe_ms = uv_now(s->loop) + SOUNDER_AGAIN_MS;
	if (*line)
		snprintf(why, sizeof why, "%s", line);
	else if (s->signal_number)
		snprintf(why, sizeof why, "'%s' ended by signal %d", s->program, s->signal_number);
	else
		snprintf(why, sizeof why, "'%s' ended with exit code %d", s->program, (int)s->status);
	tell(s, HEALTH_ILL, why);
}

static void step_running(struct sounder *s, uint64_t now)
{
	char why[300];

	if (s->ended_by_us) {
		if (now - s->ended_ms >= KILL_AFTER_MS)
			uv_process_kill(&s->child, SIGKILL);
	} else if (s->probing ? s->wanted != TONE_NONE : s->wanted != s->playing) {
		end(s, SIGTERM);
	} else if (now - s->moved_ms >= SOUNDER_STUCK_MS) {
		snprintf(why, sizeof why, "'%s' plays nothing on device '%s': it takes no more sound", s->program, s->device);
		tell(s, HEALTH_ILL, why);
		s->stuck = true;
		s->again_ms = s->probe_ms = now + SOUNDER_AGAIN_MS;
		end(s, SIGKILL);
	}
}

static void step(struct sounder *s)
{
	uint64_t now = uv_now(s->loop);

	if (s->closing)
		return;
	if (s->running) {
		step_running(s, now);
		return;
	}
	if (s->used && s->err_open && now - s->ended_ms < KILL_AFTER_MS)
		return; /* something of it lives on and may speak yet */
	if (s->used) {
		close_err(s);
		judge(s);
	}
	if (s->open > 0)
		return; /* handles of the last one close with the next turn of the loop */
	if (s->wanted != TONE_NONE && (now >= s->again_ms || (s->ended_by_us && !s->stuck)))
		start(s, s->wanted);
	else if (s->wanted == TONE_NONE && now >= s->probe_ms)
		start(s, TONE_NONE);
}

static void on_tick(uv_timer_t *t)
{
	step(t->data);
}

/* What is asked for is something else. */
static void on_wake(uv_async_t *wake)
{
	struct sounder *s = wake->data;

	uv_mutex_lock(&s->shared.lock);
	s->wanted = s->shared.wanted;
	bool closing = s->shared.closing;
	uv_mutex_unlock(&s->shared.lock);
	if (!closing || s->closing) {
		step(s);
		return;
	}
	s->closing = true;
	end(s, SIGKILL);
	if (!s->running)
		close_err(s);
	uv_close((uv_handle_t *)&s->tick, NULL);
	uv_close((uv_handle_t *)&s->wake, NULL);
}

static void thread_main(void *arg)
{
	struct sounder *s = arg;

	uv_run(&s->own, UV_RUN_DEFAULT);
	uv_loop_close(&s->own);
	uv_sem_post(&s->over);
}

/* --- the owner's side */

static void on_told(uv_async_t *told)
{
	struct sounder *s = told->data;
	char why[sizeof s->shared.why];

	uv_mutex_lock(&s->shared.lock);
	enum health h = s->shared.health;
	memcpy(why, s->shared.why, sizeof why);
	uv_mutex_unlock(&s->shared.lock);
	s->events.health(s->events.user, h == HEALTH_WELL, why);
}

static void release(struct sounder *s)
{
	uv_mutex_destroy(&s->shared.lock);
	uv_sem_destroy(&s->over);
	free(s->program);
	free(s->device);
	free(s);
}

static void on_told_closed(uv_handle_t *told)
{
	release(told->data);
}

/* Its loop, and in it what ticks and what wakes it. */
static int own_loop(struct sounder *s)
{
	if (uv_loop_init(&s->own) < 0)
		return -1;
	s->loop = &s->own;
	uv_timer_init(s->loop, &s->tick);
	s->tick.data = s->wake.data = s;
	if (uv_async_init(s->loop, &s->wake, on_wake) == 0) {
		uv_timer_start(&s->tick, on_tick, 0, TICK_MS);
		return 0;
	}
	uv_close((uv_handle_t *)&s->tick, NULL);
	uv_run(&s->own, UV_RUN_DEFAULT);
	uv_loop_close(&s->own);
	return -1;
}

struct sounder *sounder_new(uv_loop_t *loop, const char *program, const char *device, const struct sounder_events *events)
{
	struct sounder *s = calloc(1, sizeof *s);

	if (!s)
		return NULL;
	s->events = *events;
	s->told.data = s;
	uv_mutex_init(&s->shared.lock);
	uv_sem_init(&s->over, 0);
	s->program = strdup(program);
	s->device = strdup(device);
	if (!s->program || !s->device || own_loop(s) < 0) {
		release(s);
		return NULL;
	}
	if (uv_async_init(loop, &s->told, on_told) == 0 && uv_thread_create(&s->thread, thread_main, s) == 0)
		return s;
	/* Out of descriptors or threads at the start: what was made of it stays, once. */
	return NULL;
}

void sounder_set(struct sounder *s, enum tone tone)
{
	uv_mutex_lock(&s->shared.lock);
	bool same = s->shared.wanted == tone;
	s->shared.wanted = tone;
	uv_mutex_unlock(&s->shared.lock);
	if (!same)
		uv_async_send(&s->wake);
}

/* It has killed its player, and goes as soon as that is gone. One that a driver holds, so that no signal ends it, is left behind. */
void sounder_close(struct sounder *s)
{
	if (!s)
		return;
	uv_mutex_lock(&s->shared.lock);
	s->shared.closing = true;
	uv_mutex_unlock(&s->shared.lock);
	uv_async_send(&s->wake);
	bool over = false;
	for (unsigned i = 0; i < CLOSE_LOOKS && !over; i++) {
		over = uv_sem_trywait(&s->over) == 0;
		if (!over)
			uv_sleep(CLOSE_LOOK_MS);
	}
	if (over)
		uv_thread_join(&s->thread);
	uv_close((uv_handle_t *)&s->told, over ? on_told_closed : NULL);
}
