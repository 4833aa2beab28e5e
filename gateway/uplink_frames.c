/* The socket to a link's process: frames out of a bounded buffer, all of a turn in one write; frames in, each handed to the pump. */
#include "gateway/uplink_priv.h"

#include "core/log.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

/* --- out --- */

size_t uplink_waiting(const struct uplink_link *l)
{
	return l->out_end - l->out_start;
}

static void on_socket(uv_poll_t *poll, int status, int events);

void uplink_watch_socket(struct uplink_link *l)
{
	if (l->socket >= 0)
		uv_poll_start(&l->poll, UV_READABLE | (uplink_waiting(l) > 0 ? UV_WRITABLE : 0), on_socket);
}

int uplink_put_frame(struct uplink_link *l, const struct frame *f, size_t spare)
{
	size_t len = frame_size(f);

	if (len == 0 || l->process != PROCESS_RUNNING)
		return -1;
	if (uplink_waiting(l) + len + spare > UPLINK_OUT_BYTES)
		return -1;
	if (UPLINK_OUT_BYTES - l->out_end < len) {
		memmove(l->out, l->out + l->out_start, uplink_waiting(l));
		l->out_end -= l->out_start;
		l->out_start = 0;
	}
	bool was_empty = uplink_waiting(l) == 0;
	l->out_end += frame_encode(f, l->out + l->out_end, UPLINK_OUT_BYTES - l->out_end);
	if (was_empty)
		uplink_watch_socket(l);
	return 0;
}

static void write_frames(struct uplink_link *l)
{
	while (uplink_waiting(l) > 0) {
		ssize_t n = send(l->socket, l->out + l->out_start, uplink_waiting(l), MSG_DONTWAIT | MSG_NOSIGNAL);
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
	uplink_watch_socket(l);
}

/* --- in --- */

static enum hub_down down_of(uint32_t number)
{
	return number <= HUB_DOWN_PROCESS ? (enum hub_down)number : HUB_DOWN_LOST;
}

static void on_log(struct uplink_link *l, const struct frame *f)
{
	enum log_level level = f->number <= LOG_LEVEL_DEBUG ? (enum log_level)f->number : LOG_LEVEL_INFO;

	uplink_log(l, level, NULL, "%s", f->text);
}

static void on_dropped(struct uplink_link *l, const struct frame *f)
{
	l->stats.dropped += f->token;
	uplink_log(l, LOG_LEVEL_WARNING, f->flag ? "large" : "crowded", "messages of the hub were dropped, %llu so far: %s", (unsigned long long)l->stats.dropped,
	           f->flag ? "they were too large" : "they came faster than they could be taken");
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
	case FRAME_DROPPED:
		on_dropped(l, f);
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
		uplink_tell_down(l, down_of(f->number), f->text);
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
		uplink_say_why(l, "firegw-uplink sent a malformed frame and was killed: %s", e.text);
		uplink_kill(l);
		return;
	}
	memmove(l->in, l->in + taken, l->in_len - taken);
	l->in_len -= taken;
}

/* Reads until there is nothing more; at most 1 MiB a turn, so that a flood from one hub leaves the others their turn. */
void uplink_read_frames(struct uplink_link *l)
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
		uplink_read_frames(l);
}
