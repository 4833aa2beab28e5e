#include "gateway/sim/outbox.h"

#include <stdlib.h>
#include <string.h>

#define PIECE_NS INT64_C(2000000) /* bytes are let go in pieces of so long, as a port's buffer gives them */

struct outbox_frame {
	struct outbox_frame *next;
	struct outbox_how    how;
	bool                 begun;
	size_t               len, sent;
	uint8_t              bytes[];
};

void outbox_done(struct outbox *b)
{
	struct outbox_frame *next;

	for (struct outbox_frame *f = b->first; f; f = next) {
		next = f->next;
		free(f);
	}
	b->first = NULL;
	b->n = 0;
}

bool outbox_is_full(const struct outbox *b)
{
	return b->n >= OUTBOX_FRAMES_MAX;
}

int outbox_add(struct outbox *b, const uint8_t *bytes, size_t len, const struct outbox_how *how)
{
	struct outbox_frame *f = outbox_is_full(b) ? NULL : malloc(sizeof *f + len), **at = &b->first;

	if (!f)
		return -1;
	*f = (struct outbox_frame){ .how = *how, .len = len };
	memcpy(f->bytes, bytes, len);
	while (*at && ((*at)->begun || (*at)->how.at_ns <= how->at_ns))
		at = &(*at)->next;
	f->next = *at;
	*at = f;
	b->n++;
	return 0;
}

static int64_t begins(const struct outbox *b)
{
	const struct outbox_frame *f = b->first;

	return f->begun || f->how.at_ns > b->free_ns ? f->how.at_ns : b->free_ns;
}

const uint8_t *outbox_peek(struct outbox *b, int64_t now_ns, size_t *ret_len)
{
	struct outbox_frame *f = b->first;
	size_t ready;

	*ret_len = 0;
	if (!f || now_ns < begins(b))
		return NULL;
	if (!f->begun) {
		f->how.at_ns = begins(b);
		f->begun = true;
	}
	ready = f->how.byte_ns ? (size_t)((now_ns - f->how.at_ns) / f->how.byte_ns) : f->len;
	ready = ready > f->len ? f->len : ready;
	*ret_len = ready > f->sent ? ready - f->sent : 0;
	return f->bytes + f->sent;
}

bool outbox_take(struct outbox *b, size_t len)
{
	struct outbox_frame *f = b->first;
	bool closes;

	f->sent += len;
	if (f->sent < f->len)
		return false;
	b->free_ns = f->how.at_ns + (int64_t)f->len * f->how.byte_ns + b->gap_ns;
	closes = f->how.closes;
	b->first = f->next;
	b->n--;
	free(f);
	return closes;
}

int64_t outbox_next(const struct outbox *b)
{
	const struct outbox_frame *f = b->first;
	int64_t piece;

	if (!f)
		return OUTBOX_NEVER;
	if (!f->begun && f->how.byte_ns == 0)
		return begins(b);
	piece = f->how.byte_ns && PIECE_NS > f->how.byte_ns ? PIECE_NS / f->how.byte_ns : 1;
	size_t upto = f->sent + (size_t)piece < f->len ? f->sent + (size_t)piece : f->len;
	return begins(b) + (int64_t)upto * f->how.byte_ns;
}
