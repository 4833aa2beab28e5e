#include "storage/db.h"

#include "storage/rights.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Beyond it a double no longer holds every integer. */
#define EXACT_MAX (INT64_C(1) << 53)

static enum err_code code_of(int rc, int sys)
{
	switch (rc & 0xFF) {
	case SQLITE_FULL: return ERR_FULL;
	case SQLITE_CORRUPT:
	case SQLITE_NOTADB: return ERR_DAMAGED;
	case SQLITE_BUSY:
	case SQLITE_LOCKED: return ERR_BUSY;
	case SQLITE_NOMEM: return ERR_NO_MEMORY;
	case SQLITE_PERM:
	case SQLITE_AUTH:
	case SQLITE_READONLY: return ERR_DENIED;
	case SQLITE_CANTOPEN: return sys == EACCES || sys == EPERM || sys == EROFS ? ERR_DENIED : ERR_IO;
	default: return sys == ENOSPC || sys == EDQUOT ? ERR_FULL : ERR_IO;
	}
}

int db_fail(sqlite3 *db, int rc, const char *path, const char *what, struct err *reterr)
{
	char cure[RIGHTS_TEXT_MAX];
	int kind = rc & 0xFF;
	int sys = db && (kind == SQLITE_IOERR || kind == SQLITE_CANTOPEN || kind == SQLITE_FULL) ? sqlite3_system_errno(db) : 0;
	enum err_code code = code_of(rc, sys);
	const char *why = db && sqlite3_extended_errcode(db) == rc ? sqlite3_errmsg(db) : sqlite3_errstr(rc);

	if (code == ERR_FULL)
		return err_set(reterr, code, "database '%s': %s: no room left (%s): free space on the disk or raise storage.max_size", path, what,
		               sys ? strerror(sys) : "the disk is full or storage.max_size is reached");
	if (code == ERR_BUSY)
		return err_set(reterr, code, "database '%s': %s: another program holds it locked: end the one that writes to it", path, what);
	if (kind == SQLITE_READONLY || code == ERR_DENIED)
		return err_set(reterr, code, "database '%s': %s: %s: %s, on a file system that is not read-only", path, what, sys ? strerror(sys) : why,
		               rights_to_write(cure));
	if (sys)
		return err_set(reterr, code, "database '%s': %s: %s: %s", path, what, why, strerror(sys));
	return err_set(reterr, code, "database '%s': %s: %s", path, what, why);
}

int db_exec(sqlite3 *db, const char *path, const char *sql, struct err *reterr)
{
	int rc = sqlite3_exec(db, sql, NULL, NULL, NULL);

	if (rc != SQLITE_OK)
		return db_fail(db, sqlite3_extended_errcode(db), path, "setting it up", reterr);
	return 0;
}

int db_prepare(sqlite3 *db, const char *path, const char *sql, sqlite3_stmt **ret, struct err *reterr)
{
	int rc = sqlite3_prepare_v3(db, sql, -1, SQLITE_PREPARE_PERSISTENT, ret, NULL);

	if (rc != SQLITE_OK)
		return db_fail(db, rc, path, "reading its tables", reterr);
	return 0;
}

int db_int(sqlite3 *db, const char *sql, int64_t *ret)
{
	sqlite3_stmt *st;
	int rc = sqlite3_prepare_v2(db, sql, -1, &st, NULL);

	if (rc != SQLITE_OK)
		return rc;
	rc = sqlite3_step(st);
	if (rc == SQLITE_ROW) {
		rc = sqlite3_column_type(st, 0) == SQLITE_NULL ? SQLITE_DONE : SQLITE_OK;
		if (rc == SQLITE_OK)
			*ret = sqlite3_column_int64(st, 0);
		sqlite3_finalize(st);
		return rc;
	}
	sqlite3_finalize(st);
	return rc;
}

int db_run(sqlite3_stmt *st)
{
	int rc = sqlite3_step(st);
	int again = sqlite3_reset(st);

	return rc == SQLITE_DONE || rc == SQLITE_ROW ? SQLITE_OK : again != SQLITE_OK ? again : rc;
}

/* A canonical decimal of an int64 that a double cannot hold. */
static bool big_integer(const char *text, int64_t *ret)
{
	char back[DB_VALUE_BUF];
	char *end;

	errno = 0;
	long long v = strtoll(text, &end, 10);
	if (errno || *end != '\0' || end == text || (v >= -EXACT_MAX && v <= EXACT_MAX))
		return false;
	snprintf(back, sizeof back, "%lld", v);
	*ret = v;
	return strcmp(back, text) == 0;
}

int db_bind_value(sqlite3_stmt *st, int i, double number, const char *text)
{
	int64_t big;

	if (text) {
		/* A string of digits has a NaN number and stays text. */
		if (!isnan(number) && big_integer(text, &big))
			return sqlite3_bind_int64(st, i, big);
		return sqlite3_bind_text(st, i, text, -1, SQLITE_STATIC);
	}
	if (isnan(number))
		return sqlite3_bind_null(st, i);
	if (number >= -(double)EXACT_MAX && number <= (double)EXACT_MAX && number == (double)(int64_t)number && !(number == 0 && signbit(number)))
		return sqlite3_bind_int64(st, i, (int64_t)number);
	return sqlite3_bind_double(st, i, number);
}

/* The number of a text: of an unsigned integer beyond int64 the nearest double; of any other text NaN. */
static double number_of_text(const char *text)
{
	size_t len = strlen(text);
	char *end;

	if (len < 19 || len > 20 || strspn(text, "0123456789") != len)
		return (double)NAN;
	errno = 0;
	unsigned long long v = strtoull(text, &end, 10);
	return errno == 0 && v > (unsigned long long)INT64_MAX ? (double)v : (double)NAN;
}

void db_column_value(sqlite3_stmt *st, int i, char buf[DB_VALUE_BUF], double *ret_number, const char **ret_text)
{
	*ret_text = NULL;
	switch (sqlite3_column_type(st, i)) {
	case SQLITE_INTEGER: {
		int64_t v = sqlite3_column_int64(st, i);
		*ret_number = (double)v;
		if (v < -EXACT_MAX || v > EXACT_MAX) {
			snprintf(buf, DB_VALUE_BUF, "%" PRId64, v);
			*ret_text = buf;
		}
		return;
	}
	case SQLITE_FLOAT:
		*ret_number = sqlite3_column_double(st, i);
		return;
	case SQLITE_TEXT:
		*ret_text = (const char *)sqlite3_column_text(st, i);
		*ret_number = *ret_text ? number_of_text(*ret_text) : (double)NAN;
		return;
	default:
		*ret_number = (double)NAN;
		return;
	}
}

enum quality db_column_quality(sqlite3_stmt *st, int i)
{
	int q = sqlite3_column_int(st, i);

	return q > 0 && q < QUALITY_COUNT ? (enum quality)q : QUALITY_GOOD;
}
