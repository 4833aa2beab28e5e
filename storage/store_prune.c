/* Keeping the limits, in small steps: readings past keep_readings; above max_bytes readings that all hubs have, then readings; events that all hubs have and that are past
 * keep_events. Each step is one transaction which also writes down the last number of each stream that it shortens: so no number is ever given twice. */
#include "storage/store_internal.h"

#include <inttypes.h>
#include <stdio.h>

/* Times outside of this are of a clock that was not set: such records go with their neighbours. */
#define TIME_FLOOR_MS INT64_C(1577836800000) /* 2020-01-01 */
#define TIME_AHEAD_MS INT64_C(86400000)
/* How far behind a run of such records a time is looked for. */
#define LOOK_AHEAD 100000
/* Rows deleted between two looks at the file's size. */
#define SPACE_ROWS 500
/* Room kept free below max_bytes: a hundredth, at least this (of a small file an eighth). */
#define MARGIN_BYTES (INT64_C(256) << 10)
/* Pages that one step gives back to the file system, when the file stands above its limit. */
#define VACUUM_PAGES 512

enum prune_stmt { P_STOP, P_OLD, P_NEXT, P_DELETE, P_AT, P_COUNT };
struct prune {
	struct store *s;
	sqlite3_stmt *st[2][P_COUNT]; /* readings, events */
	sqlite3_stmt *cursor, *span, *last;
	int64_t       now_ms, budget;
	bool          touched_events;
};

static const char *const prune_sql[P_COUNT] = {
	[P_STOP] = "SELECT key FROM %s WHERE key BETWEEN ?1 AND ?2 AND at BETWEEN ?3 AND ?4 ORDER BY key LIMIT 1",
	[P_OLD] = "SELECT key FROM %s WHERE key BETWEEN ?1 AND ?2 AND at BETWEEN ?3 AND ?4 ORDER BY key DESC LIMIT 1",
	[P_NEXT] = "SELECT at FROM %s WHERE key BETWEEN ?1 AND ?2 AND at BETWEEN ?3 AND ?4 ORDER BY key LIMIT 1",
	[P_DELETE] = "DELETE FROM %s WHERE key BETWEEN ?1 AND ?2",
	[P_AT] = "SELECT at FROM %s WHERE key = ?1",
};

static void prune_done(struct prune *p)
{
	for (int t = 0; t < 2; t++)
		for (int i = 0; i < P_COUNT; i++)
			sqlite3_finalize(p->st[t][i]);
	sqlite3_finalize(p->cursor);
	sqlite3_finalize(p->span);
	sqlite3_finalize(p->last);
}

static int prune_init(struct prune *p, struct err *reterr)
{
	struct store *s = p->s;
	char sql[160];

	for (int t = 0; t < 2; t++)
		for (int i = 0; i < P_COUNT; i++) {
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
			snprintf(sql, sizeof sql, prune_sql[i], t == 0 ? "reading_log" : "event_log");
#pragma GCC diagnostic pop
			if (db_prepare(s->db, s->path, sql, &p->st[t][i], reterr) < 0)
				return -1;
		}
	if (db_prepare(s->db, s->path, "SELECT seq FROM cursor WHERE hub = ?1 AND stream = ?2", &p->cursor, reterr) < 0 ||
	    db_prepare(s->db, s->path, "DELETE FROM span WHERE key BETWEEN ?1 AND ?2", &p->span, reterr) < 0 ||
	    db_prepare(s->db, s->path, "UPDATE stream SET last = ?2 WHERE db = ?1", &p->last, reterr) < 0)
		return -1;
	return 0;
}

/* SQLITE_OK with *ret, or 0 in it where no row fits. */
static int find(sqlite3_stmt *st, int64_t lo, int64_t hi, int64_t from_ms, int64_t to_ms, int64_t *ret)
{
	sqlite3_bind_int64(st, 1, lo);
	sqlite3_bind_int64(st, 2, hi);
	sqlite3_bind_int64(st, 3, from_ms);
	sqlite3_bind_int64(st, 4, to_ms);
	int rc = sqlite3_step(st);
	*ret = rc == SQLITE_ROW ? sqlite3_column_int64(st, 0) : 0;
	sqlite3_reset(st);
	return rc == SQLITE_ROW || rc == SQLITE_DONE ? SQLITE_OK : rc;
}

/* How far all hubs that hold the log have this stream. Hubs that are only remembered do not hold the log. */
static int acknowledged(struct prune *p, uint32_t db, int64_t *ret)
{
	int64_t least = p->s->streams[db].last;

	for (size_t i = 0; i < p->s->n_hubs; i++) {
		int64_t seq = 0;
		sqlite3_bind_int64(p->cursor, 1, p->s->hubs[i]);
		sqlite3_bind_int64(p->cursor, 2, db);
		int rc = sqlite3_step(p->cursor);
		if (rc == SQLITE_ROW)
			seq = sqlite3_column_int64(p->cursor, 0);
		sqlite3_reset(p->cursor);
		if (rc != SQLITE_ROW && rc != SQLITE_DONE)
			return rc;
		if (seq < least)
			least = seq;
	}
	*ret = least;
	return SQLITE_OK;
}

/* Deletes first … seq of a stream, and writes down that its numbers are used up. */
static int cut(struct prune *p, uint32_t db, int64_t first, int64_t seq, int64_t *count)
{
	struct store_slot *slot = &p->s->streams[db];
	bool reading = slot->stream == STREAM_READING;
	sqlite3_stmt *st = p->st[reading ? 0 : 1][P_DELETE];

	sqlite3_bind_int64(st, 1, db_key(db, first));
	sqlite3_bind_int64(st, 2, db_key(db, seq));
	int rc = db_run(st);
	if (rc != SQLITE_OK)
		return rc;
	int n = sqlite3_changes(p->s->db);
	*count += n;
	p->budget -= n;
	p->touched_events |= !reading;
	sqlite3_bind_int64(p->last, 1, db);
	sqlite3_bind_int64(p->last, 2, slot->last);
	if ((rc = db_run(p->last)) != SQLITE_OK)
		return rc;
	int64_t chunk = (seq + 1) / (reading ? DB_SPAN_READINGS : DB_SPAN_EVENTS); /* the first that still has a record */
	sqlite3_bind_int64(p->span, 1, db_key(db, 0));
	sqlite3_bind_int64(p->span, 2, db_key(db, chunk) - 1);
	return db_run(p->span);
}

/* The last seq, from `first` and up to `most`, of the stream's oldest run of records that are older than cutoff; first - 1 if none. */
static int find_old(struct prune *p, uint32_t db, int64_t first, int64_t most, int64_t cutoff, int64_t *ret)
{
	sqlite3_stmt **st = p->st[p->s->streams[db].stream == STREAM_READING ? 0 : 1];
	int64_t ahead = p->now_ms + TIME_AHEAD_MS, lo = db_key(db, first), hi = db_key(db, most), stop, old, at;
	int rc;

	*ret = first - 1;
	if ((rc = find(st[P_STOP], lo, hi, cutoff, ahead, &stop)) != SQLITE_OK)
		return rc;
	int64_t end = stop ? stop - 1 : hi;
	if (end < lo)
		return SQLITE_OK;
	if ((rc = find(st[P_OLD], lo, end, TIME_FLOOR_MS, cutoff - 1, &old)) != SQLITE_OK)
		return rc;
	if (old)
		*ret = old & DB_SEQ_MASK;
	if (old || stop)
		return SQLITE_OK;
	/* Only records of an unset clock: what stands behind them tells their age. */
	if ((rc = find(st[P_NEXT], end + 1, end + LOOK_AHEAD, TIME_FLOOR_MS, ahead, &at)) != SQLITE_OK)
		return rc;
	if (at && at < cutoff && (end + LOOK_AHEAD) >> DB_SEQ_BITS == db)
		*ret = most;
	return SQLITE_OK;
}

static int prune_age(struct prune *p, bool readings, int64_t keep_ms, bool acked_only, int64_t *count)
{
	struct store *s = p->s;
	int rc;

	for (uint32_t db = 1; db < s->n_streams && p->budget > 0; db++) {
		int64_t first, most = s->streams[db].last, old;
		if (!s->streams[db].used || (s->streams[db].stream == STREAM_READING) != readings)
			continue;
		if (acked_only && (rc = acknowledged(p, db, &most)) != SQLITE_OK)
			return rc;
		if (store_first(s, db, &first, NULL) < 0)
			return sqlite3_extended_errcode(s->db);
		if (most > first + p->budget - 1)
			most = first + p->budget - 1;
		if (most < first)
			continue;
		if ((rc = find_old(p, db, first, most, p->now_ms - keep_ms, &old)) != SQLITE_OK)
			return rc;
		if (old >= first && (rc = cut(p, db, first, old, count)) != SQLITE_OK)
			return rc;
	}
	return SQLITE_OK;
}

/* The reading stream whose oldest record is the oldest; 0 if no stream has one (that all hubs have). */
static int oldest_stream(struct prune *p, bool acked_only, uint32_t *ret_db, int64_t *ret_first, int64_t *ret_most)
{
	struct store *s = p->s;
	int64_t oldest = INT64_MAX;
	int rc;

	*ret_db = 0;
	for (uint32_t db = 1; db < s->n_streams; db++) {
		int64_t first, most = s->streams[db].last;
		if (!s->streams[db].used || s->streams[db].stream != STREAM_READING)
			continue;
		if (acked_only && (rc = acknowledged(p, db, &most)) != SQLITE_OK)
			return rc;
		if (store_first(s, db, &first, NULL) < 0)
			return sqlite3_extended_errcode(s->db);
		if (most < first)
			continue;
		sqlite3_stmt *st = p->st[0][P_AT];
		sqlite3_bind_int64(st, 1, db_key(db, first));
		rc = sqlite3_step(st);
		int64_t at = rc == SQLITE_ROW ? sqlite3_column_int64(st, 0) : INT64_MAX;
		sqlite3_reset(st);
		if (rc != SQLITE_ROW && rc != SQLITE_DONE)
			return rc;
		if (*ret_db == 0 || at < oldest) {
			oldest = at;
			*ret_db = db;
			*ret_first = first;
			*ret_most = most;
		}
	}
	return SQLITE_OK;
}

/* A little below max_bytes, so that a caller that prunes now and then never sees its readings refused. */
static int64_t margin_of(int64_t max_bytes)
{
	int64_t least = max_bytes / 8 < MARGIN_BYTES ? max_bytes / 8 : MARGIN_BYTES;

	return max_bytes / 100 > least ? max_bytes / 100 : least;
}

static int is_over(struct prune *p, bool *ret)
{
	struct store *s = p->s;
	int64_t used;
	int rc = store_count_pages(s, &used, NULL);

	*ret = rc == SQLITE_OK && used * s->page_bytes > s->max_bytes - margin_of(s->max_bytes);
	return rc;
}

static int prune_space(struct prune *p, bool acked_only, int64_t *count)
{
	int64_t first, most;
	uint32_t db;
	bool over;
	int rc;

	while (p->budget > 0) {
		if ((rc = is_over(p, &over)) != SQLITE_OK || !over)
			return rc;
		if ((rc = oldest_stream(p, acked_only, &db, &first, &most)) != SQLITE_OK || db == 0)
			return rc;
		int64_t rows = p->budget < SPACE_ROWS ? p->budget : SPACE_ROWS;
		if (most > first + rows - 1)
			most = first + rows - 1;
		if ((rc = cut(p, db, first, most, count)) != SQLITE_OK)
			return rc;
	}
	return SQLITE_OK;
}

/* Events by n: which one is the oldest now? */
static int note_events(struct prune *p)
{
	struct store *s = p->s;
	int64_t n = s->n_last + 1;
	char text[24];
	int rc = db_int(s->db, "SELECT min(n) FROM event_log", &n);

	if (rc != SQLITE_OK && rc != SQLITE_DONE)
		return rc;
	sqlite3_bind_int64(p->span, 1, 0);
	sqlite3_bind_int64(p->span, 2, n / DB_SPAN_EVENTS - 1);
	if ((rc = db_run(p->span)) != SQLITE_OK)
		return rc;
	snprintf(text, sizeof text, "%" PRId64, s->n_last);
	return store_meta_set(s, "n", text, NULL) == 0 ? SQLITE_OK : sqlite3_extended_errcode(s->db);
}

static int prune_all(struct prune *p, struct store_pruned *out)
{
	struct store *s = p->s;
	int rc;

	if ((rc = prune_age(p, true, s->keep_readings_ms, true, &out->readings)) != SQLITE_OK ||
	    (rc = prune_age(p, true, s->keep_readings_ms, false, &out->readings)) != SQLITE_OK ||
	    (rc = prune_space(p, true, &out->readings)) != SQLITE_OK || (rc = prune_space(p, false, &out->readings)) != SQLITE_OK ||
	    (rc = prune_age(p, false, s->keep_events_ms, true, &out->events)) != SQLITE_OK)
		return rc;
	if (p->touched_events && (rc = note_events(p)) != SQLITE_OK)
		return rc;
	out->more = p->budget <= 0;
	return SQLITE_OK;
}

/* Free pages inside the file are room; they go back to the file system only when the file stands above its limit (which was lowered). */
static void shrink(struct store *s, bool *ret_more)
{
	int64_t used, all;
	char sql[64];

	if (store_count_pages(s, &used, &all) != SQLITE_OK || all * s->page_bytes <= s->max_bytes + store_reserve_bytes(s->max_bytes) || used == all)
		return;
	snprintf(sql, sizeof sql, "PRAGMA incremental_vacuum(%d)", VACUUM_PAGES);
	if (sqlite3_exec(s->db, sql, NULL, NULL, NULL) == SQLITE_OK && all - used > VACUUM_PAGES)
		*ret_more = true;
}

int store_prune(struct store *s, int64_t now_ms, int rows, struct store_pruned *ret, struct err *reterr)
{
	struct prune p = { .s = s, .now_ms = now_ms, .budget = rows };
	struct store_pruned out = { 0 };
	int result = -1;

	if (prune_init(&p, reterr) < 0 || store_begin(s, reterr) < 0)
		goto done;
	int rc = prune_all(&p, &out);
	if (rc != SQLITE_OK) {
		store_fail(s, rc, "deleting what is old", reterr);
		store_rollback(s);
		goto done;
	}
	if (out.readings + out.events == 0)
		store_rollback(s);
	else if (store_end(s, reterr) < 0)
		goto done;
	shrink(s, &out.more);
	store_checkpoint(s, STORE_CHECKPOINT_IDLE);
	*ret = out;
	result = 0;
done:
	prune_done(&p);
	return result;
}
