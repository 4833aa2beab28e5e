#include "gateway/uplink/channel.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

int channel_init(struct channel *c, int fd)
{
	*c = (struct channel){ .fd = fd, .out_cap = 64 * 1024 };
	c->in = malloc(FRAME_MAX_BYTES);
	c->out = malloc(c->out_cap);
	if (c->in && c->out)
		return 0;
	channel_done(c);
	return -1;
}

void channel_done(struct channel *c)
{
	free(c->in);
	free(c->out);
	c->in = c->out = NULL;
}

bool channel_has_room(const struct channel *c)
{
	return c->in_end - c->in_start < FRAME_MAX_BYTES;
}

void channel_read(struct channel *c)
{
	while (!c->ended) {
		if (c->in_end == FRAME_MAX_BYTES && c->in_start > 0) {
			memmove(c->in, c->in + c->in_start, c->in_end - c->in_start);
			c->in_end -= c->in_start;
			c->in_start = 0;
		}
		if (c->in_end == FRAME_MAX_BYTES)
			return;
		ssize_t n = recv(c->fd, c->in + c->in_end, FRAME_MAX_BYTES - c->in_end, MSG_DONTWAIT);
		if (n > 0)
			c->in_end += (size_t)n;
		else if (n == 0)
			c->ended = true;
		else if (errno == EAGAIN || errno == EWOULDBLOCK)
			return;
		else if (errno != EINTR)
			c->ended = true;
	}
}

int channel_peek(struct channel *c, struct frame *ret, size_t *ret_len, struct err *reterr)
{
	int whole = frame_whole(c->in + c->in_start, c->in_end - c->in_start, ret_len, reterr);

	if (whole == 1 && frame_decode(c->in + c->in_start, *ret_len, ret, reterr) < 0)
		return -1;
	return whole;
}

void channel_take(struct channel *c, size_t len)
{
	c->in_start += len;
	if (c->in_start == c->in_end)
		c->in_start = c->in_end = 0;
}

/* Makes room for len bytes behind out_end. Without memory the channel ends, and with it the process: the daemon starts another one. */
static bool make_room(struct channel *c, size_t len)
{
	if (c->out_start > 0) {
		memmove(c->out, c->out + c->out_start, c->out_end - c->out_start);
		c->out_end -= c->out_start;
		c->out_start = 0;
	}
	if (c->out_cap - c->out_end >= len)
		return true;
	size_t cap = c->out_cap;
	while (cap - c->out_end < len)
		cap *= 2;
	unsigned char *bigger = realloc(c->out, cap);
	if (!bigger) {
		fputs("firegw-uplink: no memory for the frames to the daemon; ending\n", stderr);
		c->ended = true;
		return false;
	}
	c->out = bigger;
	c->out_cap = cap;
	return true;
}

void channel_send_bytes(struct channel *c, const void *data, size_t len)
{
	if (c->out_cap - c->out_end < len && !make_room(c, len))
		return;
	memcpy(c->out + c->out_end, data, len);
	c->out_end += len;
}

void channel_send(struct channel *c, const struct frame *f)
{
	size_t len = frame_size(f);

	if (c->out_cap - c->out_end < len && !make_room(c, len))
		return;
	c->out_end += frame_encode(f, c->out + c->out_end, c->out_cap - c->out_end);
}

size_t channel_waiting(const struct channel *c)
{
	return c->out_end - c->out_start;
}

void channel_flush(struct channel *c)
{
	while (!c->ended && c->out_start < c->out_end) {
		ssize_t n = send(c->fd, c->out + c->out_start, c->out_end - c->out_start, MSG_DONTWAIT | MSG_NOSIGNAL);
		if (n >= 0)
			c->out_start += (size_t)n;
		else if (errno == EAGAIN || errno == EWOULDBLOCK)
			return;
		else if (errno != EINTR)
			c->ended = true;
	}
	if (c->out_start == c->out_end)
		c->out_start = c->out_end = 0;
}

static void tell_dropped(struct channel *c, uint64_t *n, bool too_large)
{
	const struct frame f = { .type = FRAME_DROPPED, .token = *n, .flag = too_large };

	if (*n == 0)
		return;
	channel_send(c, &f);
	*n = 0;
}

void channel_tell_dropped(struct channel *c)
{
	if (channel_waiting(c) > CHANNEL_MESSAGES_MAX / 2)
		return;
	tell_dropped(c, &c->too_large, true);
	tell_dropped(c, &c->crowded, false);
}

void channel_log(struct channel *c, enum log_level level, const char *fmt, ...)
{
	char text[FRAME_TEXT_MAX];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof text, fmt, args);
	va_end(args);
	struct frame f = { .type = FRAME_LOG, .number = (uint32_t)level, .text = text };
	channel_send(c, &f);
}
