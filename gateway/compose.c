#include "gateway/compose.h"

#include <stdlib.h>
#include <string.h>

static struct outmsg *finish(const struct compose_stream *s, const struct strbuf *text, int64_t first, int64_t last, int64_t at_ms)
{
	struct outmsg *m = text->failed ? NULL : outmsg_new(text->data, text->len);

	if (!m)
		return NULL;
	m->node = s->node_index;
	m->stream_db = s->stream_db;
	m->stream = (uint8_t)s->stream;
	m->first = first;
	m->last = last;
	m->at_ms = at_ms;
	return m;
}

struct outmsg *compose_event(const struct compose_stream *s, int64_t seq, int64_t n, int64_t at_ms, const char *tail, size_t tail_len)
{
	struct strbuf text = STRBUF_INIT;

	record_event_head(&text, s->gateway, s->node, s->log, s->stream, seq, n);
	strbuf_put(&text, tail, tail_len);
	struct outmsg *m = finish(s, &text, seq, seq, at_ms);
	strbuf_done(&text);
	return m;
}

void compose_readings_begin(struct compose_readings *c, const struct compose_stream *s)
{
	c->s = *s;
	c->body = STRBUF_INIT;
	c->n = 0;
}

struct outmsg *compose_readings_end(struct compose_readings *c)
{
	struct strbuf text = STRBUF_INIT;

	if (!c->n)
		return NULL;
	record_reading_begin(&text, c->s.gateway, c->s.node, c->s.log, c->first, c->last, c->t0_ms);
	if (c->body.failed)
		text.failed = true;
	strbuf_put(&text, c->body.data, c->body.len);
	record_reading_end(&text);
	struct outmsg *m = finish(&c->s, &text, c->first, c->last, c->t0_ms);
	strbuf_done(&text);
	strbuf_reset(&c->body);
	c->n = 0;
	return m;
}

struct outmsg *compose_readings_put(struct compose_readings *c, int64_t seq, const char *point, int64_t at_ms, double number, const char *text, enum quality q)
{
	struct outmsg *done = NULL;

	if (c->n && (c->body.len >= COMPOSE_READING_BYTES || seq != c->last + 1))
		done = compose_readings_end(c);
	if (!c->n) {
		c->first = seq;
		c->t0_ms = at_ms;
	}
	record_reading_put(&c->body, c->n == 0, point, at_ms - c->t0_ms, number, text, q);
	c->last = seq;
	c->n++;
	return done;
}

void compose_readings_done(struct compose_readings *c)
{
	strbuf_done(&c->body);
}

void outlist_add(struct outlist *l, struct outmsg *m)
{
	if (!m)
		return;
	if (l->n == l->cap) {
		size_t cap = l->cap ? l->cap * 2 : 16;
		struct outmsg **more = realloc(l->items, cap * sizeof *more);
		if (!more) {
			l->failed = true;
			outmsg_unref(m);
			return;
		}
		l->items = more;
		l->cap = cap;
	}
	l->items[l->n++] = m;
}

void outlist_done(struct outlist *l)
{
	for (size_t i = 0; i < l->n; i++)
		outmsg_unref(l->items[i]);
	free(l->items);
	*l = (struct outlist){ 0 };
}
