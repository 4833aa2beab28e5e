/* db: what store and reader share of SQLite: opening, prepared statements, errors translated, values as columns. */
#ifndef FIREGW_STORAGE_DB_H
#define FIREGW_STORAGE_DB_H

#include "core/err.h"
#include "core/point.h"

#include <sqlite3.h>

/* A record's key: its stream above, its seq below, so that a stream is a range of keys and its records are appended. */
#define DB_SEQ_BITS 44
#define DB_SEQ_MASK ((INT64_C(1) << DB_SEQ_BITS) - 1)
#define DB_STREAM_MAX ((UINT32_C(1) << 19) - 1)
static inline int64_t db_key(uint32_t stream_db, int64_t seq)
{
	return (int64_t)stream_db << DB_SEQ_BITS | seq;
}

/* So many consecutive records share one row of `span`: the least and greatest wall time among them. Stored in the file: never change. */
#define DB_SPAN_READINGS 4096
#define DB_SPAN_EVENTS   256

/* Says what SQLite said, with the place: "database 'PATH': WHAT: why". `db` may be NULL. Always -1. */
int db_fail(sqlite3 *db, int rc, const char *path, const char *what, struct err *reterr);
/* One or more statements without results. */
int db_exec(sqlite3 *db, const char *path, const char *sql, struct err *reterr);
/* Persistent prepared statement. */
int db_prepare(sqlite3 *db, const char *path, const char *sql, sqlite3_stmt **ret, struct err *reterr);
/* First column of the first row as integer; SQLITE_OK, SQLITE_DONE (no row or NULL), or SQLite's error. */
int db_int(sqlite3 *db, const char *sql, int64_t *ret);
/* Steps a statement that gives no row, and resets it: SQLITE_OK or SQLite's error. */
int db_run(sqlite3_stmt *st);

/* A value's column: INTEGER where a double is integral and small (saves bytes) or a 64-bit integer came as text; TEXT; else REAL; NaN is NULL. */
int  db_bind_value(sqlite3_stmt *st, int i, double number, const char *text);
/* text points into the statement or into buf. */
#define DB_VALUE_BUF 24
void db_column_value(sqlite3_stmt *st, int i, char buf[DB_VALUE_BUF], double *ret_number, const char **ret_text);
enum quality db_column_quality(sqlite3_stmt *st, int i);

#endif
