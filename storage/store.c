#include "storage/store_internal.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *store_log(const struct store *s)
{
	return s->log;
}

const char *store_audit_head(const struct store *s)
{
	return s->chain.head;
}

int64_t store_reserve_bytes(int64_t max_bytes)
{
	int64_t part = max_bytes / STORE_RESERVE_PART;

	return part > STORE_RESERVE_MIN ? part : STORE_RESERVE_MIN;
}

int store_apply_limits(struct store *s, struct err *reterr)
{
	char sql[64];

	snprintf(sql, sizeof sql, "PRAGMA max_page_count = %" PRId64, (s->max_bytes + store_reserve_bytes(s->max_bytes)) / s->page_bytes);
	return db_exec(s->db, s->path, sql, reterr);
}

void store_set_limits(struct store *s, int64_t max_bytes, int64_t keep_readings_ms, int64_t keep_events_ms)
{
	s->max_bytes = max_bytes;
	s->keep_readings_ms = keep_readings_ms;
	s->keep_events_ms = keep_events_ms;
	/* Cannot fail but for want of memory; then the file's own bound stays as it was and max_bytes holds for readings all the same. */
	(void)!store_apply_limits(s, NULL);
}

void store_usage(struct store *s, struct store_usage *ret)
{
	ret->bytes = s->used_pages * s->page_bytes;
	ret->limit = s->max_bytes;
}

/* ---- transactions ---- */

static int one_int(sqlite3_stmt *st, int64_t *ret)
{
	int rc = sqlite3_step(st);

	if (rc == SQLITE_ROW)
		*ret = sqlite3_column_int64(st, 0);
	int again = sqlite3_reset(st);
	return rc == SQLITE_ROW ? SQLITE_OK : again != SQLITE_OK ? again : rc;
}

int store_count_pages(struct store *s, int64_t *ret_used, int64_t *ret_all)
{
	int64_t all, unused;
	int rc = one_int(s->st[ST_PAGE_COUNT], &all);

	if (rc == SQLITE_OK)
		rc = one_int(s->st[ST_FREE_COUNT], &unused);
	if (rc != SQLITE_OK)
		return rc;
	*ret_used = all - unused;
	if (ret_all)
		*ret_all = all;
	return SQLITE_OK;
}

int store_begin(struct store *s, struct err *reterr)
{
	if (s->unsure && store_load(s, reterr) < 0)
		return -1;
	int rc = db_run(s->st[ST_BEGIN]);

	if (rc != SQLITE_OK)
		return store_fail(s, rc, "beginning to write", reterr);
	if (!s->marked && store_meta_set(s, "clean", NULL, reterr) < 0) {
		store_rollback(s);
		return -1;
	}
	if ((s->rev_floor && store_put_rev_floor(s, reterr) < 0) || (s->new_log[0] && store_meta_set(s, "log", s->new_log, reterr) < 0)) {
		store_rollback(s);
		return -1;
	}
	return 0;
}

void store_rollback(struct store *s)
{
	/* Some failures have SQLite roll back by itself. */
	if (!sqlite3_get_autocommit(s->db))
		db_run(s->st[ST_ROLLBACK]);
}

int store_end(struct store *s, struct err *reterr)
{
	int64_t used;
	int rc = store_count_pages(s, &used, NULL);

	if (rc == SQLITE_OK && (rc = db_run(s->st[ST_COMMIT])) != SQLITE_OK)
		s->unsure = true;
	if (rc != SQLITE_OK) {
		store_fail(s, rc, "storing", reterr);
		store_rollback(s);
		return -1;
	}
	s->used_pages = used;
	s->marked = true;
	s->rev_floor = 0;
	s->new_log[0] = '\0';
	return 0;
}

/* Copies finished WAL frames into the file, once there are so many. What fails here (a full disk, a reader in the way) is tried again, by a commit only when the WAL has grown
 * since; nothing is lost by it. */
void store_checkpoint(struct store *s, int frames)
{
	if (s->wal_frames < frames || (frames == STORE_CHECKPOINT_COMMIT && s->wal_frames < s->wal_tried + STORE_CHECKPOINT_IDLE))
		return;
	int in_wal = 0, done = 0;
	int rc = sqlite3_wal_checkpoint_v2(s->db, NULL, SQLITE_CHECKPOINT_PASSIVE, &in_wal, &done);
	if (rc == SQLITE_OK && in_wal == done) {
		/* The next writer begins the WAL anew. */
		s->wal_frames = 0;
		s->wal_tried = 0;
	} else {
		s->wal_tried = s->wal_frames;
		if ((rc & 0xFF) == SQLITE_CORRUPT)
			s->damaged = true;
	}
}

/* ---- what is loaded at start ---- */

int store_slot_set(struct store *s, uint32_t db, const char *node, unsigned stream, int64_t last, struct err *reterr)
{
	if (db >= s->n_streams) {
		size_t n = db + 1;
		struct store_slot *more = realloc(s->streams, n * sizeof *more);
		if (!more)
			return err_set(reterr, ERR_NO_MEMORY, "database '%s': no memory for its streams", s->path);
		memset(more + s->n_streams, 0, (n - s->n_streams) * sizeof *more);
		s->streams = more;
		s->n_streams = n;
	}
	struct store_slot *slot = &s->streams[db];
	snprintf(slot->node, sizeof slot->node, "%s", node);
	slot->stream = stream;
	slot->used = true;
	slot->last = slot->next = last;
	return 0;
}

/* min or max of a stream's keys; 0 if it has none. */
static int key_of(struct store *s, enum store_stmt events, enum store_stmt readings, uint32_t db, int64_t *ret)
{
	sqlite3_stmt *st = s->st[s->streams[db].stream == STREAM_READING ? readings : events];

	sqlite3_bind_int64(st, 1, db_key(db, 0));
	sqlite3_bind_int64(st, 2, db_key(db, DB_SEQ_MASK));
	return one_int(st, ret);
}

int store_first(struct store *s, uint32_t stream_db, int64_t *ret, struct err *reterr)
{
	int64_t key = 0;
	int rc = key_of(s, ST_EVENT_FIRST, ST_READING_FIRST, stream_db, &key);

	if (rc != SQLITE_OK)
		return store_fail(s, rc, "reading a stream's begin", reterr);
	*ret = key ? key & DB_SEQ_MASK : s->streams[stream_db].last + 1;
	return 0;
}

static int load_streams(struct store *s, struct err *reterr)
{
	sqlite3_stmt *st;
	unsigned stream;
	int rc;

	if (db_prepare(s->db, s->path, "SELECT db, node, stream, last FROM stream", &st, reterr) < 0)
		return -1;
	while ((rc = sqlite3_step(st)) == SQLITE_ROW) {
		int64_t db = sqlite3_column_int64(st, 0);
		const char *node = (const char *)sqlite3_column_text(st, 1), *word = (const char *)sqlite3_column_text(st, 2);
		if (db < 1 || db > DB_STREAM_MAX || !node || !word || stream_find(word, &stream) < 0) {
			s->damaged = true;
			err_set(reterr, ERR_DAMAGED, "database '%s': its table of streams holds what no firegw wrote", s->path);
			sqlite3_finalize(st);
			return -1;
		}
		if (store_slot_set(s, (uint32_t)db, node, stream, sqlite3_column_int64(st, 3), reterr) < 0) {
			sqlite3_finalize(st);
			return -1;
		}
	}
	sqlite3_finalize(st);
	if (rc != SQLITE_DONE)
		return store_fail(s, rc, "reading its streams", reterr);
	for (size_t i = 1; i < s->n_streams; i++) {
		int64_t key = 0;
		if (!s->streams[i].used)
			continue;
		if ((rc = key_of(s, ST_EVENT_LAST, ST_READING_LAST, (uint32_t)i, &key)) != SQLITE_OK)
			return store_fail(s, rc, "reading its streams", reterr);
		if ((key & DB_SEQ_MASK) > s->streams[i].last)
			s->streams[i].last = s->streams[i].next = key & DB_SEQ_MASK;
	}
	return 0;
}

static int load_meta(struct store *s, struct err *reterr)
{
	sqlite3_stmt *st;
	int rc;

	if (db_prepare(s->db, s->path, "SELECT key, value FROM meta", &st, reterr) < 0)
		return -1;
	s->log[0] = '\0';
	memset(&s->chain, 0, sizeof s->chain);
	while ((rc = sqlite3_step(st)) == SQLITE_ROW) {
		const char *key = (const char *)sqlite3_column_text(st, 0), *value = (const char *)sqlite3_column_text(st, 1);
		if (!key || !value)
			continue;
		if (strcmp(key, "log") == 0)
			snprintf(s->log, sizeof s->log, "%s", value);
		if (strcmp(key, "audit") == 0)
			sscanf(value, "%" SCNd64 " %64s", &s->chain.rows, s->chain.head);
	}
	sqlite3_finalize(st);
	if (rc != SQLITE_DONE)
		return store_fail(s, rc, "reading its state", reterr);
	if (s->new_log[0])
		snprintf(s->log, sizeof s->log, "%s", s->new_log);
	if (strlen(s->log) != 8) {
		s->damaged = true;
		return err_set(reterr, ERR_DAMAGED, "database '%s': it has lost its name", s->path);
	}
	return 0;
}

int store_load(struct store *s, struct err *reterr)
{
	int64_t n_log = 0, n_meta = 0, max_point = 0;
	int rc;

	s->boot_db = 0;
	if (load_meta(s, reterr) < 0 || load_streams(s, reterr) < 0)
		return -1;
	if (((rc = db_int(s->db, "SELECT max(n) FROM event_log", &n_log)) != SQLITE_OK && rc != SQLITE_DONE) ||
	    ((rc = db_int(s->db, "SELECT value FROM meta WHERE key = 'n'", &n_meta)) != SQLITE_OK && rc != SQLITE_DONE) ||
	    ((rc = db_int(s->db, "SELECT max(db) FROM point", &max_point)) != SQLITE_OK && rc != SQLITE_DONE) ||
	    (rc = db_int(s->db, "PRAGMA page_size", &s->page_bytes)) != SQLITE_OK ||
	    (rc = store_count_pages(s, &s->used_pages, NULL)) != SQLITE_OK)
		return store_fail(s, rc, "reading its state", reterr);
	s->n_last = s->n_next = n_log > n_meta ? n_log : n_meta;
	s->max_point = max_point; /* not before: a batch is checked against it, and would be refused for ever if the reading of it had failed */
	s->unsure = false;
	s->loaded = true;
	return 0;
}
