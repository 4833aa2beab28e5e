#include "core/record.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define CHUNK_BYTES ((size_t)64 * 1024)

struct batch_chunk {
	struct batch_chunk *next;
	size_t              len, cap;
	char                data[];
};

struct batch *batch_new(struct batch_sizes sizes)
{
	struct batch *b = calloc(1, sizeof *b);

	if (!b)
		return NULL;
	b->sizes = sizes;
	b->cap_events = sizes.events;
	b->cap_readings = sizes.readings;
	b->cap_states = sizes.states;
	b->cap_cursors = sizes.cursors;
	b->cap_audits = sizes.audits;
	b->cap_commands = sizes.commands;
	b->cap_sessions = sizes.sessions;
	b->arena_cap = sizes.arena;
	b->events = calloc(sizes.events + 1, sizeof *b->events);
	b->readings = calloc(sizes.readings + 1, sizeof *b->readings);
	b->states = calloc(sizes.states + 1, sizeof *b->states);
	b->cursors = calloc(sizes.cursors + 1, sizeof *b->cursors);
	b->audits = calloc(sizes.audits + 1, sizeof *b->audits);
	b->commands = calloc(sizes.commands + 1, sizeof *b->commands);
	b->sessions = calloc(sizes.sessions + 1, sizeof *b->sessions);
	b->arena = malloc(sizes.arena + 1);
	if (!b->events || !b->readings || !b->states || !b->cursors || !b->audits || !b->commands || !b->sessions || !b->arena) {
		batch_free(b);
		return NULL;
	}
	return b;
}

static void free_chunks(struct batch *b)
{
	struct batch_chunk *next;

	for (struct batch_chunk *c = b->chunks; c; c = next) {
		next = c->next;
		free(c);
	}
	b->chunks = NULL;
}

void batch_free(struct batch *b)
{
	if (!b)
		return;
	free_chunks(b);
	free(b->events);
	free(b->readings);
	free(b->states);
	free(b->cursors);
	free(b->audits);
	free(b->commands);
	free(b->sessions);
	free(b->arena);
	free(b);
}

/* What cannot be made smaller stays as it is: it is only large. */
static void *shrink(void *array, size_t size, size_t *cap, size_t to)
{
	void *less = *cap > to ? realloc(array, (to + 1) * size) : NULL;

	if (!less)
		return array;
	*cap = to;
	return less;
}

static bool may_grow(struct batch *b, size_t bytes)
{
	if (b->grown + bytes > b->sizes.grow)
		return false;
	b->grown += bytes;
	return true;
}

/* By a half. NULL: it must not be, or there is no memory. */
static void *grow(struct batch *b, void *array, size_t size, size_t *cap)
{
	size_t more = *cap / 2 + 64;

	if (!may_grow(b, more * size))
		return NULL;
	void *larger = realloc(array, (*cap + more + 1) * size);
	if (larger)
		*cap += more;
	else
		b->grown -= more * size;
	return larger;
}

void batch_clear(struct batch *b)
{
	b->n_events = b->n_readings = b->n_states = b->n_cursors = b->n_audits = b->n_commands = b->n_sessions = 0;
	b->arena_len = 0;
	if (b->grown == 0)
		return;
	free_chunks(b);
	b->events = shrink(b->events, sizeof *b->events, &b->cap_events, b->sizes.events);
	b->states = shrink(b->states, sizeof *b->states, &b->cap_states, b->sizes.states);
	b->grown = 0;
}

bool batch_is_empty(const struct batch *b)
{
	return b->n_events + b->n_readings + b->n_states + b->n_cursors + b->n_audits + b->n_commands + b->n_sessions == 0;
}

const char *batch_keep(struct batch *b, const void *data, size_t len)
{
	if (len >= b->arena_cap - b->arena_len)
		return NULL;
	char *kept = b->arena + b->arena_len;
	if (len > 0)
		memcpy(kept, data, len);
	kept[len] = '\0';
	b->arena_len += len + 1;
	return kept;
}

const char *batch_keep_more(struct batch *b, const void *data, size_t len)
{
	const char *kept = batch_keep(b, data, len);
	struct batch_chunk *c = b->chunks;

	if (kept)
		return kept;
	if (!c || len >= c->cap - c->len) {
		size_t cap = len < CHUNK_BYTES ? CHUNK_BYTES : len + 1;
		c = may_grow(b, cap) ? malloc(sizeof *c + cap) : NULL;
		if (!c)
			return NULL;
		*c = (struct batch_chunk){ .next = b->chunks, .cap = cap };
		b->chunks = c;
	}
	char *to = c->data + c->len;
	if (len > 0)
		memcpy(to, data, len);
	to[len] = '\0';
	c->len += len + 1;
	return to;
}

/* The index of a new record, or -1 if full; the caller zeroes it. */
#define ADD(array) \
	do { \
		if (b->n_##array == b->cap_##array) \
			return NULL; \
		memset(&b->array[b->n_##array], 0, sizeof b->array[0]); \
		return &b->array[b->n_##array++]; \
	} while (0)

struct record_event *batch_add_event(struct batch *b)
{
	if (b->n_events == b->cap_events) {
		struct record_event *larger = grow(b, b->events, sizeof *b->events, &b->cap_events);
		if (!larger)
			return NULL;
		b->events = larger;
	}
	ADD(events);
}

struct record_reading *batch_add_reading(struct batch *b)
{
	ADD(readings);
}

struct record_state *batch_add_state(struct batch *b)
{
	if (b->n_states == b->cap_states) {
		struct record_state *larger = grow(b, b->states, sizeof *b->states, &b->cap_states);
		if (!larger)
			return NULL;
		b->states = larger;
	}
	ADD(states);
}

struct record_cursor *batch_add_cursor(struct batch *b)
{
	ADD(cursors);
}

struct record_audit *batch_add_audit(struct batch *b)
{
	ADD(audits);
}

struct record_command *batch_add_command(struct batch *b)
{
	ADD(commands);
}

struct record_session *batch_add_session(struct batch *b)
{
	ADD(sessions);
}

#define PUT_LITERAL(out, text) strbuf_put(out, "" text, sizeof(text) - 1)

static void put_head(struct strbuf *out, const char *gateway, const char *node, const char *log, const char *stream)
{
	PUT_LITERAL(out, "{\"v\":1,\"gateway\":");
	strbuf_json_string(out, gateway);
	PUT_LITERAL(out, ",\"node\":");
	strbuf_json_string(out, node);
	PUT_LITERAL(out, ",\"log\":");
	strbuf_json_string(out, log);
	PUT_LITERAL(out, ",\"stream\":");
	strbuf_json_string(out, stream);
}

void record_event_head(struct strbuf *out, const char *gateway, const char *node, const char *log, unsigned stream, int64_t seq, int64_t n)
{
	put_head(out, gateway, node, log, stream_name(stream));
	if (seq == 0) {
		PUT_LITERAL(out, ",\"seq\":null,\"n\":null,\"durable\":false,");
		return;
	}
	PUT_LITERAL(out, ",\"seq\":");
	strbuf_json_int(out, seq);
	PUT_LITERAL(out, ",\"n\":");
	strbuf_json_int(out, n);
	PUT_LITERAL(out, ",\"durable\":true,");
}

void record_reading_begin(struct strbuf *out, const char *gateway, const char *node, const char *log, int64_t first, int64_t last, int64_t t0_ms)
{
	put_head(out, gateway, node, log, stream_name(STREAM_READING));
	PUT_LITERAL(out, ",\"first\":");
	strbuf_json_int(out, first);
	PUT_LITERAL(out, ",\"last\":");
	strbuf_json_int(out, last);
	PUT_LITERAL(out, ",\"t0\":");
	strbuf_json_int(out, t0_ms);
	PUT_LITERAL(out, ",\"readings\":[");
}

void record_reading_put(struct strbuf *out, bool is_first, const char *point_id, int64_t at_minus_t0_ms, double number, const char *text, enum quality q)
{
	if (is_first)
		PUT_LITERAL(out, "[");
	else
		PUT_LITERAL(out, ",[");
	strbuf_json_string(out, point_id);
	PUT_LITERAL(out, ",");
	strbuf_json_int(out, at_minus_t0_ms);
	if (q != QUALITY_GOOD) {
		PUT_LITERAL(out, ",null,\"");
		strbuf_puts(out, quality_name(q));
		PUT_LITERAL(out, "\"]");
		return;
	}
	PUT_LITERAL(out, ",");
	if (text)
		strbuf_json_string(out, text);
	else
		strbuf_json_double(out, number);
	PUT_LITERAL(out, "]");
}

void record_reading_end(struct strbuf *out)
{
	PUT_LITERAL(out, "]}");
}

bool batch_put_state(struct batch *b, const char *key, const void *blob, size_t len)
{
	const char *kept_key = batch_keep_more(b, key, strlen(key));
	const char *kept = kept_key ? batch_keep_more(b, blob, len) : NULL;
	struct record_state *s = kept ? batch_add_state(b) : NULL;

	if (!s)
		return false;
	*s = (struct record_state){ kept_key, kept, (uint32_t)len };
	return true;
}
