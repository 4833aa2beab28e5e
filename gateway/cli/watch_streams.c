/* What came of each stream and what did not. A stream is its highest number and the gaps below it: what is neither above nor in a gap has come before. */
#include "gateway/cli/watch_inside.h"

#include <stdlib.h>
#include <string.h>

static struct stream *find_stream(const struct watch *w, const struct watch_gateway *g, const char *node, const char *log, const char *name)
{
	for (size_t i = 0; i < w->n_streams; i++) {
		struct stream *s = w->streams[i];
		if (s->gateway == g && strcmp(s->name, name) == 0 && strcmp(s->node, node) == 0 && strcmp(s->log, log) == 0)
			return s;
	}
	return NULL;
}

struct stream *watch_stream(struct watch *w, struct watch_gateway *g, const char *node, const char *log, const char *name)
{
	struct stream *s = find_stream(w, g, node, log, name);

	if (s)
		return s;
	s = w->n_streams < WATCH_STREAMS_MAX ? calloc(1, sizeof *s) : NULL;
	if (!s) {
		w->counts.not_followed++;
		watch_say_limit(w, "there are more streams than can be followed: gaps in the others are not seen; narrow --region, --node or --class");
		return NULL;
	}
	s->gateway = g;
	watch_copy(s->node, sizeof s->node, node);
	watch_copy(s->log, sizeof s->log, log);
	watch_copy(s->name, sizeof s->name, name);
	w->streams[w->n_streams++] = s;
	return s;
}

static void remove_gap(struct stream *s, size_t i)
{
	s->n_gaps--;
	memmove(&s->gaps[i], &s->gaps[i + 1], (s->n_gaps - i) * sizeof s->gaps[0]);
}

static void insert_gap(struct stream *s, size_t i, struct gap g)
{
	memmove(&s->gaps[i + 1], &s->gaps[i], (s->n_gaps - i) * sizeof s->gaps[0]);
	s->gaps[i] = g;
	s->n_gaps++;
}

/* Too many: the two that are nearest become one. What lies between them came already, and counts as a duplicate when it is replayed. */
static void keep_bound(struct stream *s)
{
	size_t best = 0;

	if (s->n_gaps <= WATCH_GAPS_MAX)
		return;
	for (size_t i = 1; i + 1 < s->n_gaps; i++)
		if (s->gaps[i + 1].from - s->gaps[i].to < s->gaps[best + 1].from - s->gaps[best].to)
			best = i;
	struct gap *g = &s->gaps[best];
	g->to = g[1].to;
	if (g[1].state < g->state)
		g->state = g[1].state;
	remove_gap(s, best + 1);
}

static void add_gap(struct stream *s, int64_t from, int64_t to, int64_t now_ms)
{
	size_t at = 0;

	if (from > to)
		return;
	while (at < s->n_gaps && s->gaps[at].from < from)
		at++;
	insert_gap(s, at, (struct gap){ .from = from, .to = to, .first = from, .since_ms = now_ms, .wait_ms = WATCH_AGAIN_MS });
	keep_bound(s);
}

void watch_stream_reach(struct stream *s, int64_t to, int64_t now_ms)
{
	if (!s->begun || to <= s->high)
		return;
	add_gap(s, s->high + 1, to, now_ms);
	s->high = to;
}

/* What was published just before we came may arrive behind the status that told of it. */
static enum stream_news take_below(struct stream *s, int64_t seq)
{
	int64_t k = s->floor - seq;

	if (k >= 64 || (s->below & (UINT64_C(1) << k)))
		return NEWS_AGAIN;
	s->below |= UINT64_C(1) << k;
	return NEWS_LATE;
}

enum stream_news watch_stream_take(struct watch *w, struct stream *s, int64_t seq, int64_t now_ms)
{
	if (!s->begun) {
		s->begun = true;
		s->floor = seq - 1;
		s->high = seq;
		return NEWS_NEW;
	}
	if (seq > s->high) {
		watch_stream_reach(s, seq - 1, now_ms);
		s->high = seq;
		return NEWS_NEW;
	}
	if (watch_stream_fill(w, s, seq, seq, true) > 0)
		return NEWS_LATE;
	return seq <= s->floor ? take_below(s, seq) : NEWS_AGAIN;
}

/* Events came before the first status: those between its `sent` and the first of them are missing. */
static void lower_floor(struct watch *w, struct stream *s, int64_t sent, int64_t now_ms)
{
	int64_t floor = s->floor;

	if (sent >= floor)
		return;
	add_gap(s, sent + 1, floor, now_ms);
	for (int k = 0; k < 64 && floor - k > sent; k++)
		if (s->below & (UINT64_C(1) << k))
			watch_stream_fill(w, s, floor - k, floor - k, false);
	s->below = floor - sent < 64 ? s->below >> (floor - sent) : 0;
	s->floor = sent;
}

void watch_stream_base(struct watch *w, struct stream *s, int64_t sent, int64_t now_ms)
{
	if (!s->begun) {
		s->begun = true;
		s->floor = s->high = sent;
	} else if (!s->based) {
		lower_floor(w, s, sent, now_ms);
	}
	s->based = true;
	watch_stream_reach(s, sent, now_ms);
}

static void say_closed(struct watch *w, const struct stream *s, const struct gap *g)
{
	if (g->state != GAP_YOUNG)
		watch_say(w, WATCH_NOTE_GAP, "closed", s->gateway, s, g->first, g->to, "");
}

int64_t watch_stream_fill(struct watch *w, struct stream *s, int64_t from, int64_t to, bool say)
{
	int64_t n = 0;

	for (size_t i = 0; i < s->n_gaps; ) {
		struct gap *g = &s->gaps[i], old = *g;
		int64_t a = old.from > from ? old.from : from, b = old.to < to ? old.to : to;

		if (a > b) {
			i++;
			continue;
		}
		n += b - a + 1;
		if (a == old.from && b == old.to) {
			if (say)
				say_closed(w, s, &old);
			remove_gap(s, i);
			continue;
		}
		if (a > old.from && b < old.to) {
			g->to = a - 1;
			old.from = old.first = b + 1;
			insert_gap(s, i + 1, old);
			keep_bound(s);
			break;
		}
		if (a == old.from)
			g->from = b + 1;
		else
			g->to = a - 1;
		i++;
	}
	return n;
}

struct gap *watch_stream_due(struct watch *w, struct stream *s, int64_t now_ms)
{
	struct gap *due = NULL;

	for (size_t i = 0; i < s->n_gaps; i++) {
		struct gap *g = &s->gaps[i];
		if (g->state == GAP_YOUNG && now_ms - g->since_ms >= WATCH_GAP_MS) {
			g->state = GAP_OPEN;
			w->counts.gaps++;
			watch_say(w, WATCH_NOTE_GAP, "open", s->gateway, s, g->from, g->to, "");
		}
		if (!due && g->state == GAP_OPEN && now_ms >= g->again_ms)
			due = g;
	}
	return due;
}

int64_t watch_stream_asked(struct stream *s, int64_t from, int64_t to, bool answered, int64_t now_ms)
{
	int64_t n = 0;

	for (size_t i = 0; i < s->n_gaps; i++) {
		struct gap *g = &s->gaps[i];
		if (g->state != GAP_ASKED)
			continue;
		g->state = GAP_OPEN;
		/* The rest of a long one is asked for at once, if this part was answered. */
		if (answered && g->from > to)
			continue;
		int64_t a = g->from > from ? g->from : from, b = g->to < to ? g->to : to;
		n += a <= b ? b - a + 1 : 0;
		g->again_ms = now_ms + g->wait_ms;
		g->wait_ms = g->wait_ms * 2 < WATCH_AGAIN_MAX_MS ? g->wait_ms * 2 : WATCH_AGAIN_MAX_MS;
	}
	return n;
}

static void drop_stream(struct watch *w, size_t i)
{
	struct stream *s = w->streams[i];

	if (s->gateway->command.stream == s)
		s->gateway->command.what = ASKED_NOTHING;
	free(s);
	w->streams[i] = w->streams[--w->n_streams];
}

void watch_streams_of_log(struct watch *w, struct watch_gateway *g, const char *log)
{
	for (size_t i = 0; i < w->n_streams; ) {
		struct stream *s = w->streams[i];
		if (s->gateway != g || strcmp(s->log, log) == 0) {
			i++;
			continue;
		}
		for (size_t k = 0; k < s->n_gaps; k++) {
			w->counts.gone += (uint64_t)(s->gaps[k].to - s->gaps[k].from + 1);
			watch_say(w, WATCH_NOTE_GAP, "gone", g, s, s->gaps[k].from, s->gaps[k].to, "the gateway has another database now");
		}
		drop_stream(w, i);
	}
}
