#include "gateway/uplink/frame.h"

#include <string.h>

#define ABSENT UINT32_MAX

enum field_kind { FIELD_END, FIELD_U64, FIELD_I64, FIELD_U32, FIELD_FLAG, FIELD_TEXT, FIELD_TEXT_OR_NULL, FIELD_BYTES, FIELD_BYTES_OR_NULL, FIELD_LIST };

struct field {
	enum field_kind kind;
	size_t          offset;
	uint32_t        max;    /* bytes; of each entry for a list */
};

struct shape {
	enum frame_type type;
	const char     *name;
	struct field    fields[10];
};

#define U64(m)         { FIELD_U64, offsetof(struct frame, m), 0 }
#define I64(m)         { FIELD_I64, offsetof(struct frame, m), 0 }
#define U32(m)         { FIELD_U32, offsetof(struct frame, m), 0 }
#define FLAG(m)        { FIELD_FLAG, offsetof(struct frame, m), 0 }
#define TEXT(m, max)   { FIELD_TEXT, offsetof(struct frame, m), max }
#define TEXT0(m, max)  { FIELD_TEXT_OR_NULL, offsetof(struct frame, m), max }
#define BYTES(m, max)  { FIELD_BYTES, offsetof(struct frame, m), max }
#define BYTES0(m, max) { FIELD_BYTES_OR_NULL, offsetof(struct frame, m), max }
#define LIST(m, max)   { FIELD_LIST, offsetof(struct frame, m), max }

static const struct shape shapes[] = {
	{ FRAME_SETUP, "setup", { U32(number), U32(keepalive_s), TEXT(client_id, FRAME_PATH_MAX), TEXT0(username, FRAME_PATH_MAX),
		TEXT0(password_file, FRAME_PATH_MAX), TEXT0(tls_ca, FRAME_PATH_MAX), TEXT0(tls_cert, FRAME_PATH_MAX), TEXT0(tls_key, FRAME_PATH_MAX),
		LIST(list, FRAME_PATH_MAX) } },
	{ FRAME_CONNECT, "connect", { U32(number), I64(session), TEXT0(topic, FRAME_TOPIC_MAX), BYTES0(payload, FRAME_PAYLOAD_MAX) } },
	{ FRAME_PUBLISH, "publish", { U64(token), TEXT(topic, FRAME_TOPIC_MAX), FLAG(flag), BYTES(payload, FRAME_PAYLOAD_MAX),
		BYTES0(correlation, FRAME_CORRELATION_MAX) } },
	{ FRAME_SUBSCRIBE, "subscribe", { LIST(list, FRAME_TOPIC_MAX) } },
	{ FRAME_UNSUBSCRIBE, "unsubscribe", { LIST(list, FRAME_TOPIC_MAX) } },
	{ FRAME_DISCONNECT, "disconnect", { { FIELD_END, 0, 0 } } },
	{ FRAME_QUIT, "quit", { { FIELD_END, 0, 0 } } },
	{ FRAME_UP, "up", { U32(number) } },
	{ FRAME_DOWN, "down", { U32(number), TEXT(text, FRAME_TEXT_MAX) } },
	{ FRAME_DELIVERED, "delivered", { U64(token) } },
	{ FRAME_REFUSED, "refused", { U64(token), U32(number), TEXT(text, FRAME_TEXT_MAX) } },
	{ FRAME_MESSAGE, "message", { TEXT(topic, FRAME_TOPIC_MAX), BYTES(payload, FRAME_PAYLOAD_MAX), FLAG(flag),
		TEXT0(response_topic, FRAME_TOPIC_MAX), BYTES0(correlation, FRAME_CORRELATION_MAX) } },
	{ FRAME_SUBSCRIBED, "subscribed", { FLAG(flag), TEXT(text, FRAME_TEXT_MAX) } },
	{ FRAME_LOG, "log", { U32(number), TEXT(text, FRAME_TEXT_MAX) } },
	{ FRAME_ALIVE, "alive", { { FIELD_END, 0, 0 } } },
	{ FRAME_DROPPED, "dropped", { U64(token), FLAG(flag) } },
};

static const struct shape *shape_of(unsigned type)
{
	for (size_t i = 0; i < sizeof shapes / sizeof shapes[0]; i++)
		if ((unsigned)shapes[i].type == type)
			return &shapes[i];
	return NULL;
}

const char *frame_type_name(enum frame_type type)
{
	const struct shape *s = shape_of((unsigned)type);

	return s ? s->name : "unknown";
}

/* --- encoding --- */

/* Counts, and writes as long as there is a buffer. `broken` once set stays. */
struct writer { unsigned char *at; size_t room, len; bool broken; };

static void put_raw(struct writer *w, const void *data, size_t len)
{
	if (w->at) {
		if (len > w->room - w->len) {
			w->broken = true;
			return;
		}
		if (len > 0)
			memcpy(w->at + w->len, data, len);
	}
	w->len += len;
}

static void put_int(struct writer *w, uint64_t v, unsigned bytes)
{
	unsigned char le[8];

	for (unsigned i = 0; i < bytes; i++)
		le[i] = (unsigned char)(v >> (8 * i));
	put_raw(w, le, bytes);
}

/* Text counts without its NUL in the length, and is followed by it. */
static void put_text(struct writer *w, const char *text, uint32_t max, bool may_be_absent)
{
	if (!text) {
		put_int(w, ABSENT, 4);
		w->broken |= !may_be_absent;
		return;
	}
	size_t len = strnlen(text, (size_t)max + 1);
	if (len > max) {
		w->broken = true;
		return;
	}
	put_int(w, len, 4);
	put_raw(w, text, len + 1);
}

static void put_bytes(struct writer *w, const struct frame_bytes *b, uint32_t max, bool may_be_absent)
{
	if (b->len > max) {
		w->broken = true;
		return;
	}
	if (!b->data && may_be_absent) {
		put_int(w, ABSENT, 4);
		return;
	}
	if (!b->data && b->len > 0) {
		w->broken = true;
		return;
	}
	put_int(w, b->len, 4);
	put_raw(w, b->data, b->len);
}

static void put_list(struct writer *w, const struct frame_list *l, uint32_t max)
{
	if (l->n == 0 || l->n > FRAME_LIST_MAX) {
		w->broken = true;
		return;
	}
	put_int(w, l->n, 4);
	for (size_t i = 0; i < l->n; i++)
		put_text(w, l->items[i], max, false);
}

static void put_field(struct writer *w, const struct frame *f, const struct field *field)
{
	const void *at = (const char *)f + field->offset;

	switch (field->kind) {
	case FIELD_END: break;
	case FIELD_U64: put_int(w, *(const uint64_t *)at, 8); break;
	case FIELD_I64: put_int(w, (uint64_t)*(const int64_t *)at, 8); break;
	case FIELD_U32: put_int(w, *(const uint32_t *)at, 4); break;
	case FIELD_FLAG: put_int(w, *(const bool *)at, 1); break;
	case FIELD_TEXT: put_text(w, *(const char *const *)at, field->max, false); break;
	case FIELD_TEXT_OR_NULL: put_text(w, *(const char *const *)at, field->max, true); break;
	case FIELD_BYTES: put_bytes(w, at, field->max, false); break;
	case FIELD_BYTES_OR_NULL: put_bytes(w, at, field->max, true); break;
	case FIELD_LIST: put_list(w, at, field->max); break;
	}
}

static size_t write_frame(const struct frame *f, unsigned char *buf, size_t room)
{
	const struct shape *s = shape_of((unsigned)f->type);
	struct writer w = { .at = buf, .room = room };

	if (!s)
		return 0;
	put_int(&w, 0, FRAME_HEAD_BYTES);
	put_int(&w, (uint64_t)f->type, 1);
	for (size_t i = 0; i < sizeof s->fields / sizeof s->fields[0] && s->fields[i].kind != FIELD_END; i++)
		put_field(&w, f, &s->fields[i]);
	if (w.broken || w.len > FRAME_MAX_BYTES)
		return 0;
	return w.len;
}

size_t frame_size(const struct frame *f)
{
	return write_frame(f, NULL, 0);
}

size_t frame_encode(const struct frame *f, void *buf, size_t room)
{
	if (room < FRAME_HEAD_BYTES)
		return 0;
	size_t len = write_frame(f, buf, room);
	if (len == 0)
		return 0;
	struct writer head = { .at = buf, .room = FRAME_HEAD_BYTES };
	put_int(&head, len - FRAME_HEAD_BYTES, FRAME_HEAD_BYTES);
	return len;
}

/* --- decoding --- */

struct reader { const unsigned char *at; size_t left; const char *broken; };

static uint64_t get_int(struct reader *r, unsigned bytes)
{
	uint64_t v = 0;

	if (r->broken || r->left < bytes) {
		r->broken = r->broken ? r->broken : "cut short";
		return 0;
	}
	for (unsigned i = 0; i < bytes; i++)
		v |= (uint64_t)r->at[i] << (8 * i);
	r->at += bytes;
	r->left -= bytes;
	return v;
}

/* A length and that many bytes; extra stand behind them (a text's NUL). NULL with *ret_len 0: absent, or broken. */
static const void *get_piece(struct reader *r, uint32_t max, bool may_be_absent, size_t extra, size_t *ret_len)
{
	uint64_t len = get_int(r, 4);

	*ret_len = 0;
	if (r->broken)
		return NULL;
	if (len == ABSENT) {
		if (!may_be_absent)
			r->broken = "a field that must be there is absent";
		return NULL;
	}
	if (len > max) {
		r->broken = "a field is too long";
		return NULL;
	}
	if (len + extra > r->left) {
		r->broken = "cut short";
		return NULL;
	}
	const void *data = r->at;
	r->at += len + extra;
	r->left -= (size_t)len + extra;
	*ret_len = (size_t)len;
	return data;
}

static const char *get_text(struct reader *r, uint32_t max, bool may_be_absent)
{
	size_t len;
	const char *text = get_piece(r, max, may_be_absent, 1, &len);

	/* One NUL, and at the end: what is read as text must be what was sent. */
	if (text && strnlen(text, len + 1) != len) {
		r->broken = "a text with a NUL inside or none behind";
		return NULL;
	}
	return text;
}

static void get_list(struct reader *r, struct frame_list *l, uint32_t max)
{
	uint64_t n = get_int(r, 4);

	if (r->broken)
		return;
	if (n == 0 || n > FRAME_LIST_MAX) {
		r->broken = "a list is empty or too long";
		return;
	}
	for (size_t i = 0; i < n; i++) {
		const char *text = get_text(r, max, false);
		if (!text)
			return;
		l->items[l->n++] = text;
	}
}

static void get_flag(struct reader *r, bool *ret)
{
	uint64_t v = get_int(r, 1);

	if (v > 1)
		r->broken = "a flag that is neither 0 nor 1";
	*ret = v == 1;
}

static void get_field(struct reader *r, struct frame *f, const struct field *field)
{
	void *at = (char *)f + field->offset;
	struct frame_bytes *bytes = at;

	switch (field->kind) {
	case FIELD_END: break;
	case FIELD_U64: *(uint64_t *)at = get_int(r, 8); break;
	case FIELD_I64: *(int64_t *)at = (int64_t)get_int(r, 8); break;
	case FIELD_U32: *(uint32_t *)at = (uint32_t)get_int(r, 4); break;
	case FIELD_FLAG: get_flag(r, at); break;
	case FIELD_TEXT: *(const char **)at = get_text(r, field->max, false); break;
	case FIELD_TEXT_OR_NULL: *(const char **)at = get_text(r, field->max, true); break;
	case FIELD_BYTES: bytes->data = get_piece(r, field->max, false, 0, &bytes->len); break;
	case FIELD_BYTES_OR_NULL: bytes->data = get_piece(r, field->max, true, 0, &bytes->len); break;
	case FIELD_LIST: get_list(r, at, field->max); break;
	}
}

int frame_whole(const void *buf, size_t len, size_t *ret_len, struct err *reterr)
{
	struct reader r = { .at = buf, .left = len };

	if (len < FRAME_HEAD_BYTES)
		return 0;
	uint64_t body = get_int(&r, FRAME_HEAD_BYTES);
	if (body < 1 || body > FRAME_MAX_BYTES - FRAME_HEAD_BYTES)
		return err_set(reterr, ERR_PROTOCOL, "a frame of %llu bytes (1 to %u are possible)", (unsigned long long)body,
		               FRAME_MAX_BYTES - FRAME_HEAD_BYTES);
	if (body > r.left)
		return 0;
	*ret_len = FRAME_HEAD_BYTES + (size_t)body;
	return 1;
}

int frame_decode(const void *buf, size_t len, struct frame *ret, struct err *reterr)
{
	struct reader r = { .at = (const unsigned char *)buf + FRAME_HEAD_BYTES, .left = len > FRAME_HEAD_BYTES ? len - FRAME_HEAD_BYTES : 0 };

	/* Not `= { 0 }`: the list's 256 pointers need no clearing for every frame. */
	memset(ret, 0, offsetof(struct frame, list));
	ret->list.n = 0;
	unsigned type = (unsigned)get_int(&r, 1);
	const struct shape *s = r.broken ? NULL : shape_of(type);
	if (!s)
		return err_set(reterr, ERR_PROTOCOL, "a frame of unknown type %u", type);
	ret->type = s->type;
	for (size_t i = 0; i < sizeof s->fields / sizeof s->fields[0] && s->fields[i].kind != FIELD_END; i++)
		get_field(&r, ret, &s->fields[i]);
	if (!r.broken && r.left > 0)
		r.broken = "bytes left over";
	if (r.broken)
		return err_set(reterr, ERR_PROTOCOL, "frame '%s': %s", s->name, r.broken);
	return 0;
}
