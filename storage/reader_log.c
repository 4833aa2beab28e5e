/* All events in order of n, found by time through the spans of n. */
#include "storage/reader_internal.h"

struct piece { int64_t first, last; bool end; };

/* The next run of n from *from on whose events can be of the time: one full chunk, or all that stands in none (end). */
static int next_piece(struct reader *r, int64_t from, int64_t from_ms, int64_t to_ms, struct piece *ret)
{
	sqlite3_stmt *st = r->st[RD_SPANS];
	int64_t chunk = from / DB_SPAN_EVENTS;
	int rc;

	reader_bind_range(st, 0, chunk, DB_SEQ_MASK);
	while ((rc = sqlite3_step(st)) == SQLITE_ROW) {
		chunk = sqlite3_column_int64(st, 0);
		if (sqlite3_column_int64(st, 1) >= from_ms && sqlite3_column_int64(st, 2) <= to_ms)
			break;
		from = ++chunk * DB_SPAN_EVENTS;
	}
	sqlite3_reset(st);
	if (rc != SQLITE_ROW && rc != SQLITE_DONE)
		return rc;
	ret->end = rc == SQLITE_DONE;
	ret->first = ret->end || from > chunk * DB_SPAN_EVENTS ? from : chunk * DB_SPAN_EVENTS;
	ret->last = ret->end ? INT64_MAX : (chunk + 1) * DB_SPAN_EVENTS - 1;
	return SQLITE_OK;
}

struct counted { bool (*each)(void *user, const struct reader_event *e); void *user; int64_t left; bool stopped; };

static bool count_one(void *user, const struct reader_event *e)
{
	struct counted *c = user;

	if (c->left == 0 || !c->each(c->user, e)) {
		c->stopped = true;
		return false;
	}
	c->left--;
	return true;
}

int reader_log_events(struct reader *r, int64_t after_n, int64_t from_ms, int64_t to_ms, int64_t max, bool (*each)(void *user, const struct reader_event *e), void *user, struct err *reterr)
{
	struct counted c = { each, user, max, false };
	struct piece p = { .last = after_n };
	int result = -1, rc;

	if (reader_begin(r, reterr) < 0)
		return -1;
	/* One transaction over all pieces, so that what is pruned meanwhile leaves no hole. */
	if ((rc = sqlite3_exec(r->db, "BEGIN", NULL, NULL, NULL)) != SQLITE_OK)
		return reader_fail(r, rc, reterr);
	do {
		if ((rc = next_piece(r, p.last < 0 ? 0 : p.last + 1, from_ms, to_ms, &p)) != SQLITE_OK) {
			reader_fail(r, rc, reterr);
			goto end;
		}
		sqlite3_stmt *st = r->st[RD_LOG_EVENTS];
		sqlite3_bind_int64(st, 1, p.first);
		sqlite3_bind_int64(st, 2, p.last);
		sqlite3_bind_int64(st, 3, from_ms);
		sqlite3_bind_int64(st, 4, to_ms);
		sqlite3_bind_int64(st, 5, c.left);
		if (reader_each_event(r, st, count_one, &c, reterr) < 0)
			goto end;
	} while (!p.end && !c.stopped && c.left > 0);
	result = 0;
end:
	sqlite3_exec(r->db, "COMMIT", NULL, NULL, NULL);
	return result;
}
