#include "tests/bench/wire.h"

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define RECEIVE_BYTES 65536

static uint8_t *room(struct wire_buffer *b, size_t len)
{
	if (b->cap - b->len < len) {
		b->cap = (b->len + len) * 2;
		b->data = realloc(b->data, b->cap);
		if (!b->data)
			abort();
	}
	return b->data + b->len;
}

static void put(struct wire_buffer *b, const void *data, size_t len)
{
	if (!len)
		return;
	memcpy(room(b, len), data, len);
	b->len += len;
}

static void put_byte(struct wire_buffer *b, unsigned byte)
{
	uint8_t v = (uint8_t)byte;

	put(b, &v, 1);
}

static void put_u16(struct wire_buffer *b, size_t v)
{
	put_byte(b, (unsigned)(v >> 8 & 0xff));
	put_byte(b, (unsigned)(v & 0xff));
}

static void put_text(struct wire_buffer *b, const char *text)
{
	put_u16(b, strlen(text));
	put(b, text, strlen(text));
}

static void put_head(struct wire_buffer *b, unsigned first, size_t len)
{
	put_byte(b, first);
	do {
		put_byte(b, (unsigned)(len & 0x7f) | (len > 0x7f ? 0x80u : 0u));
		len >>= 7;
	} while (len);
}

void wire_publish(struct wire *w, const char *topic, uint16_t id, const void *payload, size_t len)
{
	put_head(&w->out, WIRE_PUBLISH << 4 | 2, 2 + strlen(topic) + 2 + len);
	put_text(&w->out, topic);
	put_u16(&w->out, id);
	put(&w->out, payload, len);
}

void wire_subscribe(struct wire *w, const char *topic, uint16_t id)
{
	put_head(&w->out, 8 << 4 | 2, 2 + 2 + strlen(topic) + 1);
	put_u16(&w->out, id);
	put_text(&w->out, topic);
	put_byte(&w->out, 1);
}

void wire_ack(struct wire *w, uint16_t id)
{
	put_head(&w->out, WIRE_PUBACK << 4, 2);
	put_u16(&w->out, id);
}

int wire_flush(struct wire *w)
{
	size_t sent = 0;

	while (sent < w->out.len) {
		ssize_t n = send(w->fd, w->out.data + sent, w->out.len - sent, MSG_NOSIGNAL);
		if (n <= 0)
			return -1;
		sent += (size_t)n;
	}
	w->out.len = 0;
	return 0;
}

int wire_receive(struct wire *w)
{
	if (w->used) {
		memmove(w->in.data, w->in.data + w->used, w->in.len - w->used);
		w->in.len -= w->used;
		w->used = 0;
	}
	ssize_t n = recv(w->fd, room(&w->in, RECEIVE_BYTES), RECEIVE_BYTES, 0);
	if (n <= 0)
		return -1;
	w->in.len += (size_t)n;
	return 0;
}

static void parse(unsigned first, const uint8_t *body, size_t len, struct wire_packet *ret)
{
	*ret = (struct wire_packet){ .type = first >> 4, .retain = first & 1 };
	if (ret->type == WIRE_PUBLISH && len >= 2) {
		ret->topic_len = (size_t)body[0] << 8 | body[1];
		ret->topic = (const char *)body + 2;
		body += 2 + ret->topic_len;
		len -= 2 + ret->topic_len;
		ret->has_id = (first & 6) != 0;
	}
	if ((ret->has_id || ret->type == WIRE_PUBACK) && len >= 2) {
		ret->id = (uint16_t)(body[0] << 8 | body[1]);
		body += 2;
		len -= 2;
	}
	ret->payload = body;
	ret->payload_len = len;
}

bool wire_next(struct wire *w, struct wire_packet *ret)
{
	const uint8_t *at = w->in.data + w->used;
	size_t left = w->in.len - w->used, len = 0, head = 1;

	for (unsigned shift = 0;; shift += 7) {
		if (head >= left)
			return false;
		len |= (size_t)(at[head] & 0x7f) << shift;
		if (!(at[head++] & 0x80))
			break;
	}
	if (left - head < len)
		return false;
	parse(at[0], at + head, len, ret);
	w->used += head + len;
	return true;
}

int wire_connect(struct wire *w, int port, const char *client_id, bool clean)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int on = 1;
	struct wire_packet p;

	w->in.len = w->out.len = w->used = 0;
	w->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (w->fd < 0 || connect(w->fd, (struct sockaddr *)&to, sizeof to)) {
		wire_close(w);
		return -1;
	}
	setsockopt(w->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
	put_head(&w->out, 1 << 4, 10 + 2 + strlen(client_id));
	put_text(&w->out, "MQTT");
	put_byte(&w->out, 4);
	put_byte(&w->out, clean ? 2 : 0);
	put_u16(&w->out, 0);
	put_text(&w->out, client_id);
	if (wire_flush(w) == 0)
		while (wire_receive(w) == 0)
			if (wire_next(w, &p)) {
				if (p.type == WIRE_CONNACK && p.payload_len == 2 && p.payload[1] == 0)
					return 0;
				break;
			}
	wire_close(w);
	return -1;
}

void wire_close(struct wire *w)
{
	if (w->fd >= 0)
		close(w->fd);
	w->fd = -1;
}
