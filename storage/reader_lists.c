/* What the database knows as a whole: its streams, and the alarms that stand. */
#include "storage/reader_internal.h"

int reader_streams(struct reader *r, bool (*each)(void *user, uint32_t stream_db, const char *node, unsigned stream), void *user, struct err *reterr)
{
	sqlite3_stmt *st;
	int rc;

	if (reader_begin(r, reterr) < 0 || db_prepare(r->db, r->path, "SELECT db, node, stream FROM stream ORDER BY db", &st, reterr) < 0)
		return -1;
	while ((rc = sqlite3_step(st)) == SQLITE_ROW) {
		int64_t db = sqlite3_column_int64(st, 0);
		const char *node = (const char *)sqlite3_column_text(st, 1), *word = (const char *)sqlite3_column_text(st, 2);
		unsigned stream;
		if (db < 1 || db > DB_STREAM_MAX || !node || !word || stream_find(word, &stream) < 0)
			continue;
		if (!each(user, (uint32_t)db, node, stream))
			break;
	}
	sqlite3_finalize(st);
	return rc == SQLITE_ROW || rc == SQLITE_DONE ? 0 : reader_fail(r, rc, reterr);
}

int reader_alarms(struct reader *r, bool (*each)(void *user, const char *alarm, const char *state, int64_t since_ms), void *user, struct err *reterr)
{
	sqlite3_stmt *st;
	int rc;

	if (reader_begin(r, reterr) < 0 || db_prepare(r->db, r->path, "SELECT alarm, state, since FROM alarm ORDER BY alarm", &st, reterr) < 0)
		return -1;
	while ((rc = sqlite3_step(st)) == SQLITE_ROW) {
		const char *alarm = (const char *)sqlite3_column_text(st, 0), *state = (const char *)sqlite3_column_text(st, 1);
		if (alarm && state && !each(user, alarm, state, sqlite3_column_int64(st, 2)))
			break;
	}
	sqlite3_finalize(st);
	return rc == SQLITE_ROW || rc == SQLITE_DONE ? 0 : reader_fail(r, rc, reterr);
}
