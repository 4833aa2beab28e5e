/* The happy path: one lane a node's readings, in the order in which they were stored (in which they were handled too), and one of events; the earliest head goes next.
 * Before them go the last values from before the time, oldest first, and the last hour before it whole, for delays and deadbands that were at work. */
#include "gateway/cli/backtest_feed.h"

#include <stdlib.h>
#include <string.h>

#define ROWS            2048
#define EVENTS          256
#define LEAD_MS         INT64_C(3600000)
#define SEEDS_ROWS      4096
#define SEEDS_LOOKS     1024    /* so many times SEEDS_ROWS are looked through for the last value of points that are silent, or that the database never had */
#define PROGRESS_ROWS   65536
#define UNKNOWN         (POINT_NONE - 1) /* not looked up yet */
#define NO_TEXT         SIZE_MAX

struct row { int64_t at_ms; double number; size_t text; uint32_t point; enum quality quality; };
struct lane {
	struct feed  *feed;
	uint32_t      stream;
	int64_t       from_seq, next_seq, end_seq; /* end: the first that is too late */
	struct row   *rows;
	size_t        n, at;
	struct strbuf texts;
};

struct event { int64_t at_ms; char *alarm; enum transition what; };
struct event_lane { struct event items[EVENTS]; size_t n, at; int64_t after_n; bool ended; struct feed *feed; };

struct seed { int64_t at_ms; double number; char *text; uint32_t point; enum quality quality; bool found; };

struct feed {
	struct reader     *db;
	struct backtest   *b;
	const struct feed_options *o;
	struct strmap      by_id;      /* the site's points */
	uint32_t          *index;      /* by the point's id in the database */
	size_t             n_index;
	struct lane       *lanes;
	size_t             n_lanes;
	struct event_lane *events;
	struct seed       *seeds;
	size_t             n_seeds;    /* found */
	struct strmap      seen;       /* alarms that had an event */
	char             **seen_ids;
	size_t             n_seen, cap_seen;
	int64_t            rows;
	bool               failed;     /* no memory */
};

static uint32_t point_of(struct feed *f, const struct reader_reading *x)
{
	if (x->point_db >= f->n_index) {
		size_t n = (size_t)x->point_db + 256;
		uint32_t *more = reallocarray(f->index, n, sizeof *more);
		f->failed |= !more;
		if (!more)
			return POINT_NONE;
		for (size_t i = f->n_index; i < n; i++)
			more[i] = UNKNOWN;
		f->index = more;
		f->n_index = n;
	}
	if (f->index[x->point_db] == UNKNOWN)
		f->index[x->point_db] = strmap_get(&f->by_id, x->point); /* STRMAP_NONE is POINT_NONE */
	return f->index[x->point_db];
}
_Static_assert(STRMAP_NONE == POINT_NONE, "a point that the site does not have is none");

/* ---- lanes ---- */

static bool take_row(void *user, const struct reader_reading *x)
{
	struct lane *l = user;

	if (x->seq >= l->end_seq)
		return false;
	struct row *row = &l->rows[l->n++];
	*row = (struct row){ x->at_ms, x->number, NO_TEXT, point_of(l->feed, x), x->quality };
	if (x->text) {
		row->text = l->texts.len;
		strbuf_put(&l->texts, x->text, strlen(x->text) + 1);
	}
	l->next_seq = x->seq + 1;
	return true;
}

static int fill(struct lane *l, struct err *reterr)
{
	l->n = l->at = 0;
	strbuf_reset(&l->texts);
	if (l->next_seq >= l->end_seq)
		return 0;
	if (reader_readings(l->feed->db, l->stream, l->next_seq - 1, ROWS, take_row, l, reterr))
		return -1;
	if (l->n == 0)
		l->next_seq = l->end_seq;
	return l->texts.failed || l->feed->failed ? err_set(reterr, ERR_NO_MEMORY, "no memory for readings") : 0;
}

static void feed_row(struct feed *f, struct lane *l)
{
	const struct row *row = &l->rows[l->at++];
	struct sample s = { .point = row->point, .quality = row->quality, .value = { row->number, row->text == NO_TEXT ? NULL : l->texts.data + row->text } };

	backtest_reading(f->b, &s, row->at_ms);
	f->rows++;
}

static bool add_lane(void *user, uint32_t stream_db, const char *node, unsigned stream)
{
	struct feed *f = user;

	(void)node;
	if (stream != STREAM_READING)
		return true;
	struct lane *more = reallocarray(f->lanes, f->n_lanes + 1, sizeof *more);
	f->failed |= !more;
	if (!more)
		return false;
	f->lanes = more;
	more[f->n_lanes++] = (struct lane){ .feed = f, .stream = stream_db };
	return true;
}

static int open_lanes(struct feed *f, struct err *reterr)
{
	if (reader_streams(f->db, add_lane, f, reterr))
		return -1;
	for (size_t i = 0; i < f->n_lanes; i++) {
		struct lane *l = &f->lanes[i];
		l->rows = calloc(ROWS, sizeof *l->rows);
		f->failed |= !l->rows;
		if (reader_seq_at(f->db, l->stream, f->b->o.from_ms - LEAD_MS, &l->from_seq, reterr) || reader_seq_at(f->db, l->stream, f->b->o.to_ms, &l->end_seq, reterr))
			return -1;
		l->next_seq = l->from_seq;
	}
	return f->failed ? err_set(reterr, ERR_NO_MEMORY, "no memory for %zu nodes", f->n_lanes) : 0;
}

/* ---- the last values before ---- */

struct seeding { struct feed *feed; int64_t end_seq; };

/* Windows go backwards, rows within them forwards: what an earlier look found is newer. `found` is set when the window is done, at_ms INT64_MIN means nothing yet. */
static bool take_seed(void *user, const struct reader_reading *x)
{
	struct seeding *g = user;
	uint32_t point = point_of(g->feed, x);
	struct seed *s = point == POINT_NONE ? NULL : &g->feed->seeds[point];

	if (x->seq >= g->end_seq || g->feed->failed)
		return false;
	if (!s || s->found)
		return true;
	free(s->text);
	*s = (struct seed){ .at_ms = x->at_ms, .number = x->number, .text = x->text ? strdup(x->text) : NULL, .point = point, .quality = x->quality };
	g->feed->failed |= x->text && !s->text;
	return !g->feed->failed;
}

static int seed_lane(struct feed *f, const struct lane *l, struct err *reterr)
{
	size_t n = f->b->o.site->n_points;
	int64_t first, last;

	if (reader_range(f->db, l->stream, &first, &last, reterr))
		return -1;
	struct seeding g = { f, l->from_seq };
	for (int i = 0; i < SEEDS_LOOKS && g.end_seq > first && f->n_seeds < n; i++) {
		int64_t begin = g.end_seq - SEEDS_ROWS > first ? g.end_seq - SEEDS_ROWS : first;
		if (reader_readings(f->db, l->stream, begin - 1, SEEDS_ROWS, take_seed, &g, reterr))
			return -1;
		g.end_seq = begin;
		for (size_t k = 0; k < n; k++)
			if (!f->seeds[k].found && f->seeds[k].at_ms != INT64_MIN) {
				f->seeds[k].found = true;
				f->n_seeds++;
			}
	}
	return 0;
}

static int by_time(const void *a, const void *b)
{
	const struct seed *x = a, *y = b;

	return x->at_ms < y->at_ms ? -1 : x->at_ms > y->at_ms;
}

static int feed_seeds(struct feed *f, struct err *reterr)
{
	size_t n = f->b->o.site->n_points;

	f->seeds = calloc(n ? n : 1, sizeof *f->seeds);
	if (!f->seeds)
		return err_set(reterr, ERR_NO_MEMORY, "no memory for %zu points", n);
	for (size_t i = 0; i < n; i++)
		f->seeds[i].at_ms = INT64_MIN;
	for (size_t i = 0; i < f->n_lanes; i++)
		if (seed_lane(f, &f->lanes[i], reterr))
			return -1;
	if (f->failed)
		return err_set(reterr, ERR_NO_MEMORY, "no memory for %zu points", n);
	qsort(f->seeds, n, sizeof *f->seeds, by_time);
	for (size_t i = 0; i < n; i++) {
		const struct seed *s = &f->seeds[i];
		struct sample sample = { .point = s->point, .quality = s->quality, .value = { s->number, s->text } };
		if (s->found)
			backtest_reading(f->b, &sample, s->at_ms);
	}
	return 0;
}

/* ---- events ---- */

/* A field of a tail that a daemon wrote: quotes in texts are escaped, so that this is no text of a person's. */
static const char *tail_field(const struct reader_event *e, const char *key, char buf[32])
{
	const char *at = memmem(e->tail, e->tail_len, key, strlen(key));
	size_t n = 0;

	if (at)
		for (const char *p = at + strlen(key); p < e->tail + e->tail_len && *p != '"' && n + 1 < 32; p++)
			buf[n++] = *p;
	buf[n] = '\0';
	return buf;
}

static bool find_transition(const char *word, enum transition *ret)
{
	for (int i = 0; i < TRANSITION_COUNT; i++)
		if (strcmp(transition_name((enum transition)i), word) == 0) {
			*ret = (enum transition)i;
			return true;
		}
	return false;
}

static bool take_event(void *user, const struct reader_event *e)
{
	struct event_lane *l = user;
	char word[32];
	struct event x = { .at_ms = e->at_ms };

	l->after_n = e->n;
	if (!e->alarm || !find_transition(tail_field(e, "\"transition\":\"", word), &x.what))
		return true;
	x.alarm = strdup(e->alarm);
	l->feed->failed |= !x.alarm;
	if (x.alarm)
		l->items[l->n++] = x;
	return x.alarm && l->n < EVENTS;
}

static int fill_events(struct event_lane *l, struct err *reterr)
{
	const struct backtest_options *o = &l->feed->b->o;

	l->n = l->at = 0;
	if (l->ended)
		return 0;
	if (reader_log_events(l->feed->db, l->after_n, o->from_ms, o->to_ms - 1, INT64_MAX, take_event, l, reterr))
		return -1;
	l->ended = l->n < EVENTS;
	return l->feed->failed ? err_set(reterr, ERR_NO_MEMORY, "no memory for events") : 0;
}

static bool is_new(struct feed *f, const char *alarm)
{
	if (strmap_get(&f->seen, alarm) != STRMAP_NONE)
		return false;
	if (f->n_seen == f->cap_seen) {
		size_t cap = f->cap_seen ? f->cap_seen * 2 : 256;
		char **more = reallocarray(f->seen_ids, cap, sizeof *more);
		f->failed |= !more;
		if (!more)
			return false;
		f->seen_ids = more;
		f->cap_seen = cap;
	}
	char *id = f->seen_ids[f->n_seen] = strdup(alarm);
	f->failed |= !id;
	if (!id)
		return false;
	f->n_seen++;
	f->failed |= strmap_put(&f->seen, id, 0) != 0;
	return true;
}

static bool stands(const char *state)
{
	return strcmp(state, "active") == 0 || strcmp(state, "acked") == 0;
}

/* The first event of each alarm since then says what it was before. */
static bool look_back(void *user, const struct reader_event *e)
{
	struct feed *f = user;
	char state[32];

	if (e->alarm && is_new(f, e->alarm) && stands(tail_field(e, "\"from\":\"", state)))
		backtest_stood(f->b, e->alarm, f->b->o.from_ms - 1);
	return !f->failed;
}

/* And the alarm table, of those that had none. */
static bool look_at_present(void *user, const char *alarm, const char *state, int64_t since_ms)
{
	struct feed *f = user;

	if (since_ms < f->b->o.from_ms && stands(state) && strmap_get(&f->seen, alarm) == STRMAP_NONE)
		backtest_stood(f->b, alarm, since_ms);
	return true;
}

static int feed_stood(struct feed *f, struct err *reterr)
{
	if (reader_log_events(f->db, 0, f->b->o.from_ms, INT64_MAX, INT64_MAX, look_back, f, reterr) || reader_alarms(f->db, look_at_present, f, reterr))
		return -1;
	return f->failed ? err_set(reterr, ERR_NO_MEMORY, "no memory for the alarms that stood") : 0;
}

/* ---- all ---- */

static struct lane *earliest(struct feed *f, struct err *reterr)
{
	struct lane *best = NULL;

	for (size_t i = 0; i < f->n_lanes; i++) {
		struct lane *l = &f->lanes[i];
		if (l->at == l->n && fill(l, reterr)) {
			f->failed = true;
			return NULL;
		}
		if (l->at < l->n && (!best || l->rows[l->at].at_ms < best->rows[best->at].at_ms))
			best = l;
	}
	return best;
}

static int feed_events_until(struct feed *f, int64_t at_ms, struct err *reterr)
{
	struct event_lane *l = f->events;

	for (;;) {
		if (l->at == l->n && fill_events(l, reterr))
			return -1;
		if (l->at == l->n || l->items[l->at].at_ms > at_ms)
			return 0;
		struct event *e = &l->items[l->at++];
		backtest_event(f->b, e->alarm, e->what, e->at_ms);
		free(e->alarm);
	}
}

static int merge(struct feed *f, struct err *reterr)
{
	struct lane *l;

	while ((l = earliest(f, reterr))) {
		int64_t at_ms = l->rows[l->at].at_ms;
		if (feed_events_until(f, at_ms, reterr))
			return -1;
		feed_row(f, l);
		if (f->b->failed)
			return err_set(reterr, ERR_NO_MEMORY, "no memory for the alarms");
		if (f->rows % PROGRESS_ROWS == 1 && f->o->progress && !f->o->progress(f->o->user, at_ms, f->rows))
			return err_set(reterr, ERR_CLOSED, "stopped");
	}
	return f->failed ? -1 : feed_events_until(f, INT64_MAX, reterr);
}

static int begin(struct feed *f, struct err *reterr)
{
	const struct site *site = f->b->o.site;

	f->events = calloc(1, sizeof *f->events);
	if (!f->events || strmap_reserve(&f->by_id, site->n_points))
		return err_set(reterr, ERR_NO_MEMORY, "no memory for %zu points", site->n_points);
	f->events->feed = f;
	for (uint32_t i = 0; i < site->n_points; i++)
		strmap_put(&f->by_id, site->points[i].id, i);
	return open_lanes(f, reterr);
}

static void end(struct feed *f)
{
	for (size_t i = 0; i < f->n_lanes; i++) {
		free(f->lanes[i].rows);
		strbuf_done(&f->lanes[i].texts);
	}
	for (size_t i = 0; f->seeds && i < f->b->o.site->n_points; i++)
		free(f->seeds[i].text);
	for (size_t i = f->events ? f->events->at : 0; f->events && i < f->events->n; i++)
		free(f->events->items[i].alarm);
	for (size_t i = 0; i < f->n_seen; i++)
		free(f->seen_ids[i]);
	strmap_done(&f->seen);
	strmap_done(&f->by_id);
	free(f->seen_ids);
	free(f->seeds);
	free(f->events);
	free(f->lanes);
	free(f->index);
}

int feed_all(struct reader *db, struct backtest *b, const struct feed_options *o, struct err *reterr)
{
	struct feed f = { .db = db, .b = b, .o = o, .by_id = STRMAP_INIT, .seen = STRMAP_INIT };

	int bad = begin(&f, reterr) || feed_seeds(&f, reterr) || feed_stood(&f, reterr) || merge(&f, reterr);
	if (!bad)
		backtest_end(b);
	if (!bad && b->failed)
		bad = err_set(reterr, ERR_NO_MEMORY, "no memory for the alarms");
	end(&f);
	return bad ? -1 : 0;
}

/* ---- what there is ---- */

struct ends { uint32_t *streams; size_t n; bool any, failed; int64_t oldest_ms, newest_ms; };

static bool take_time(void *user, const struct reader_reading *x)
{
	struct ends *e = user;

	if (!e->any || x->at_ms < e->oldest_ms)
		e->oldest_ms = x->at_ms;
	if (!e->any || x->at_ms > e->newest_ms)
		e->newest_ms = x->at_ms;
	e->any = true;
	return true;
}

static bool take_stream(void *user, uint32_t stream_db, const char *node, unsigned stream)
{
	struct ends *e = user;

	(void)node;
	if (stream != STREAM_READING)
		return true;
	uint32_t *more = reallocarray(e->streams, e->n + 1, sizeof *more);
	e->failed |= !more;
	if (!more)
		return false;
	e->streams = more;
	more[e->n++] = stream_db;
	return true;
}

int feed_find_ends(struct reader *db, bool *ret_any, int64_t *ret_oldest_ms, int64_t *ret_newest_ms, struct err *reterr)
{
	struct ends e = { 0 };
	int64_t first, last;

	int bad = reader_streams(db, take_stream, &e, reterr);
	if (!bad && e.failed)
		bad = err_set(reterr, ERR_NO_MEMORY, "no memory for the nodes");
	for (size_t i = 0; i < e.n && !bad; i++) {
		bad = reader_range(db, e.streams[i], &first, &last, reterr);
		if (!bad && first <= last)
			bad = reader_readings(db, e.streams[i], first - 1, 1, take_time, &e, reterr) || reader_readings(db, e.streams[i], last - 1, 1, take_time, &e, reterr);
	}
	free(e.streams);
	*ret_any = e.any;
	*ret_oldest_ms = e.oldest_ms;
	*ret_newest_ms = e.newest_ms;
	return bad ? -1 : 0;
}
