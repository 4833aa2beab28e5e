#include "storage/reader_internal.h"
#include "storage/rights.h"
#include "storage/schema.h"
#include "storage/store_internal.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *const statements[RD_COUNT] = {
	[RD_EVENT_FIRST] = "SELECT min(key) FROM event_log WHERE key BETWEEN ?1 AND ?2",
	[RD_EVENT_LAST] = "SELECT max(key) FROM event_log WHERE key BETWEEN ?1 AND ?2",
	[RD_READING_FIRST] = "SELECT min(key) FROM reading_log WHERE key BETWEEN ?1 AND ?2",
	[RD_READING_LAST] = "SELECT max(key) FROM reading_log WHERE key BETWEEN ?1 AND ?2",
	[RD_STREAM_LAST] = "SELECT last FROM stream WHERE db = ?1",
	[RD_EVENTS] = "SELECT e.key, e.n, e.at, e.alarm, e.tail, b.gateway FROM event_log e LEFT JOIN boot b ON b.db = e.boot WHERE e.key BETWEEN ?1 AND ?2"
	              " ORDER BY e.key LIMIT ?3",
	[RD_READINGS] = "SELECT key, at, point, value, quality FROM reading_log WHERE key BETWEEN ?1 AND ?2 ORDER BY key LIMIT ?3",
	[RD_LOG_EVENTS] = "SELECT e.key, e.n, e.at, e.alarm, e.tail, b.gateway FROM event_log e LEFT JOIN boot b ON b.db = e.boot WHERE e.n BETWEEN ?1 AND ?2"
	                  " AND e.at BETWEEN ?3 AND ?4 ORDER BY e.n LIMIT ?5",
	[RD_SPANS] = "SELECT key, max_at, min_at FROM span WHERE key BETWEEN ?1 AND ?2 ORDER BY key",
	[RD_EVENT_AT] = "SELECT key FROM event_log WHERE key BETWEEN ?1 AND ?2 AND at >= ?3 ORDER BY key LIMIT 1",
	[RD_READING_AT] = "SELECT key FROM reading_log WHERE key BETWEEN ?1 AND ?2 AND at >= ?3 ORDER BY key LIMIT 1",
	/* A point's readings: the full chunks of each reading stream that touch the time, and the chunk that is being filled. (+: no index made on the fly, which would read all.) */
	[RD_HISTORY] = "WITH mask(m) AS (SELECT (1 << 44) - 1), s(db) AS (SELECT db FROM stream WHERE stream = 'reading'),"
	               " piece(lo, hi) AS ("
	               "  SELECT key >> 44 << 44 | (key & m) * 4096, key >> 44 << 44 | (key & m) * 4096 + 4095 FROM s, mask CROSS JOIN span"
	               "   ON key BETWEEN db << 44 AND db << 44 | m WHERE max_at >= ?2 AND min_at < ?3"
	               "  UNION ALL SELECT db << 44 | coalesce((SELECT max(key) & m FROM span WHERE key BETWEEN db << 44 AND db << 44 | m) + 1, 0) * 4096, db << 44 | m FROM s, mask)"
	               " SELECT r.at, r.value, r.quality FROM piece CROSS JOIN reading_log r ON r.key BETWEEN lo AND hi"
	               " WHERE +r.point = ?1 AND r.at >= ?2 AND r.at < ?3 ORDER BY r.at, r.key",
	[RD_POINT_FIND] = "SELECT db FROM point WHERE name = ?1",
};

int reader_fail(struct reader *r, int rc, struct err *reterr)
{
	return db_fail(r->db, rc, r->path, "reading it", reterr);
}

const char *reader_log(const struct reader *r)
{
	return r->log;
}

const char *reader_zone(const struct reader *r)
{
	return r->zone;
}

/* ---- opening ---- */

static void detach(struct reader *r)
{
	for (int i = 0; i < RD_COUNT; i++) {
		sqlite3_finalize(r->st[i]);
		r->st[i] = NULL;
	}
	sqlite3_close(r->db);
	r->db = NULL;
}

/* Percent-encodes what a URI would take for its own. */
static char *immutable_uri(const char *path)
{
	static const char tail[] = "?immutable=1";
	char *uri = malloc(strlen(path) * 3 + sizeof "file:" + sizeof tail), *to = uri;

	if (!uri)
		return NULL;
	to += sprintf(to, "file:");
	for (const char *p = path; *p; p++) {
		if (strchr("%?#", *p))
			to += sprintf(to, "%%%02X", (unsigned)(unsigned char)*p);
		else
			*to++ = *p;
	}
	memcpy(to, tail, sizeof tail);
	return uri;
}

static int connect_file(struct reader *r, bool immutable, struct err *reterr)
{
	char *uri = immutable ? immutable_uri(r->path) : NULL;

	if (immutable && !uri)
		return err_set(reterr, ERR_NO_MEMORY, "database '%s': no memory", r->path);
	int rc = sqlite3_open_v2(uri ? uri : r->path, &r->db, SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX | (immutable ? SQLITE_OPEN_URI : 0), NULL);
	free(uri);
	if (rc != SQLITE_OK)
		return reader_fail(r, r->db ? sqlite3_extended_errcode(r->db) : rc, reterr);
	sqlite3_extended_result_codes(r->db, 1);
	sqlite3_busy_timeout(r->db, 2000);
	r->immutable = immutable;
	return 0;
}

static int prepare_all(struct reader *r, struct err *reterr)
{
	enum schema_file what;
	int version;
	sqlite3_stmt *st;

	if (schema_identify(r->db, r->path, &what, &version, reterr) < 0)
		return -1;
	if (what == SCHEMA_EMPTY)
		return err_set(reterr, ERR_INVALID, "database '%s' is empty: no firegwd has used it yet", r->path);
	if (version < schema_newest())
		return err_set(reterr, ERR_UNSUPPORTED, "database '%s' is of an older firegw (its schema is %d): start firegwd once, it brings the file up to date", r->path, version);
	for (int i = 0; i < RD_COUNT; i++)
		if (db_prepare(r->db, r->path, statements[i], &r->st[i], reterr) < 0)
			return -1;
	if (db_prepare(r->db, r->path, "SELECT key, value FROM meta WHERE key IN ('log', 'zone')", &st, reterr) < 0)
		return -1;
	r->log[0] = r->zone[0] = '\0';
	while (sqlite3_step(st) == SQLITE_ROW) {
		const char *key = (const char *)sqlite3_column_text(st, 0), *value = (const char *)sqlite3_column_text(st, 1);
		if (key && value && strcmp(key, "log") == 0)
			snprintf(r->log, sizeof r->log, "%s", value);
		else if (key && value && strlen(value) < sizeof r->zone)
			strcpy(r->zone, value);
	}
	sqlite3_finalize(st);
	return r->log[0] ? 0 : err_set(reterr, ERR_DAMAGED, "database '%s': it has lost its name", r->path);
}

/* The WAL holds nothing that the file lacks. */
static bool wal_is_empty(const char *path)
{
	char name[4200];
	struct stat st;

	snprintf(name, sizeof name, "%s-wal", path);
	return stat(name, &st) < 0 ? errno == ENOENT : st.st_size == 0;
}

/* Without -wal and -shm, and without the right to make them, SQLite cannot open a WAL database for reading. While no daemon holds the lock and the WAL is empty nobody writes, and it
 * may be read as it is. */
static int attach(struct reader *r, struct err *reterr)
{
	struct err why;

	if (connect_file(r, false, &why) == 0 && prepare_all(r, &why) == 0)
		return 0;
	if ((why.code == ERR_DENIED || why.code == ERR_IO) && wal_is_empty(r->path) && !lock_is_held(r->path)) {
		detach(r);
		if (connect_file(r, true, &why) == 0 && prepare_all(r, &why) == 0)
			return 0;
	}
	if (reterr)
		*reterr = why;
	return -1;
}

int reader_begin(struct reader *r, struct err *reterr)
{
	if (!r->db || (r->immutable && lock_is_held(r->path))) {
		detach(r);
		return attach(r, reterr);
	}
	return 0;
}

int reader_open(const char *path, struct reader **ret, struct err *reterr)
{
	char cure[RIGHTS_TEXT_MAX];
	struct reader *r;

	if (eaccess(path, R_OK) < 0) {
		int e = errno;
		if (e == ENOENT || e == ENOTDIR)
			return err_set(reterr, ERR_NOT_FOUND, "database '%s' does not exist: see storage.path, or name it with --db", path);
		return err_set(reterr, e == EACCES ? ERR_DENIED : ERR_IO, "database '%s' cannot be read: %s: %s", path, strerror(e), rights_to_read(path, cure));
	}
	r = calloc(1, sizeof *r);
	if (!r || !(r->path = strdup(path))) {
		free(r);
		return err_set(reterr, ERR_NO_MEMORY, "database '%s': no memory", path);
	}
	if (attach(r, reterr) < 0) {
		if (reterr && reterr->code == ERR_DAMAGED && !r->log[0]) {
			char head[16] = { 0 };
			FILE *f = fopen(path, "re");
			size_t n = f ? fread(head, 1, sizeof head, f) : 0;
			if (f)
				fclose(f);
			if (n != sizeof head || memcmp(head, "SQLite format 3", sizeof head) != 0)
				err_set(reterr, ERR_INVALID, "'%s' is no database", path);
		}
		reader_close(r);
		return -1;
	}
	*ret = r;
	return 0;
}

void reader_close(struct reader *r)
{
	if (!r)
		return;
	detach(r);
	for (size_t i = 0; i < r->n_points; i++)
		free(r->points[i]);
	free(r->points);
	free(r->streams);
	free(r->path);
	free(r);
}

/* ---- names ---- */

static int load_streams(struct reader *r, struct err *reterr)
{
	sqlite3_stmt *st;
	int rc;

	if (db_prepare(r->db, r->path, "SELECT db, node, stream FROM stream ORDER BY db", &st, reterr) < 0)
		return -1;
	while ((rc = sqlite3_step(st)) == SQLITE_ROW) {
		int64_t db = sqlite3_column_int64(st, 0);
		const char *node = (const char *)sqlite3_column_text(st, 1), *word = (const char *)sqlite3_column_text(st, 2);
		unsigned stream;
		if (db < 1 || db > DB_STREAM_MAX || !node || !word || stream_find(word, &stream) < 0)
			continue;
		if ((size_t)db >= r->n_streams) {
			struct reader_stream *more = realloc(r->streams, ((size_t)db + 1) * sizeof *more);
			if (!more) {
				sqlite3_finalize(st);
				return err_set(reterr, ERR_NO_MEMORY, "database '%s': no memory", r->path);
			}
			memset(more + r->n_streams, 0, ((size_t)db + 1 - r->n_streams) * sizeof *more);
			r->streams = more;
			r->n_streams = (size_t)db + 1;
		}
		snprintf(r->streams[db].node, sizeof r->streams[db].node, "%s", node);
		r->streams[db].stream = stream;
		r->streams[db].used = true;
	}
	sqlite3_finalize(st);
	return rc == SQLITE_DONE ? 0 : reader_fail(r, rc, reterr);
}

int reader_stream(struct reader *r, uint32_t stream_db, const struct reader_stream **ret, struct err *reterr)
{
	if ((stream_db >= r->n_streams || !r->streams[stream_db].used) && load_streams(r, reterr) < 0)
		return -1;
	if (stream_db >= r->n_streams || !r->streams[stream_db].used)
		return err_set(reterr, ERR_NOT_FOUND, "database '%s' has no stream %u", r->path, stream_db);
	*ret = &r->streams[stream_db];
	return 0;
}

static int load_points(struct reader *r)
{
	sqlite3_stmt *st;
	int rc = sqlite3_prepare_v2(r->db, "SELECT db, name FROM point ORDER BY db", -1, &st, NULL);

	if (rc != SQLITE_OK)
		return rc;
	while ((rc = sqlite3_step(st)) == SQLITE_ROW) {
		int64_t db = sqlite3_column_int64(st, 0);
		const char *name = (const char *)sqlite3_column_text(st, 1);
		if (db < 1 || db > UINT32_MAX || !name)
			continue;
		if ((size_t)db >= r->n_points) {
			size_t n = (size_t)db + 256;
			char **more = realloc(r->points, n * sizeof *more);
			if (!more)
				break;
			memset(more + r->n_points, 0, (n - r->n_points) * sizeof *more);
			r->points = more;
			r->n_points = n;
		}
		if (!r->points[db] && !(r->points[db] = strdup(name)))
			break;
	}
	sqlite3_finalize(st);
	return rc == SQLITE_ROW ? SQLITE_NOMEM : rc == SQLITE_DONE ? SQLITE_OK : rc;
}

/* The name lives as long as the reader. */
static int point_name(struct reader *r, int64_t db, const char **ret)
{
	if (db < 1 || (size_t)db >= r->n_points || !r->points[db]) {
		int rc = load_points(r);
		if (rc != SQLITE_OK)
			return rc;
	}
	*ret = db >= 1 && (size_t)db < r->n_points && r->points[db] ? r->points[db] : "?";
	return SQLITE_OK;
}

/* ---- streams ---- */

void reader_bind_range(sqlite3_stmt *st, uint32_t stream_db, int64_t first, int64_t last)
{
	sqlite3_bind_int64(st, 1, db_key(stream_db, first < 0 ? 0 : first > DB_SEQ_MASK ? DB_SEQ_MASK : first));
	sqlite3_bind_int64(st, 2, db_key(stream_db, last > DB_SEQ_MASK ? DB_SEQ_MASK : last));
}

static int one_key(sqlite3_stmt *st, int64_t *ret)
{
	int rc = sqlite3_step(st);

	*ret = rc == SQLITE_ROW ? sqlite3_column_int64(st, 0) : 0;
	sqlite3_reset(st);
	return rc == SQLITE_ROW || rc == SQLITE_DONE ? SQLITE_OK : rc;
}

int reader_range(struct reader *r, uint32_t stream_db, int64_t *ret_first, int64_t *ret_last, struct err *reterr)
{
	const struct reader_stream *s;
	int64_t first, last, floor;
	int rc;

	if (reader_begin(r, reterr) < 0 || reader_stream(r, stream_db, &s, reterr) < 0)
		return -1;
	bool reading = s->stream == STREAM_READING;
	reader_bind_range(r->st[reading ? RD_READING_FIRST : RD_EVENT_FIRST], stream_db, 0, DB_SEQ_MASK);
	reader_bind_range(r->st[reading ? RD_READING_LAST : RD_EVENT_LAST], stream_db, 0, DB_SEQ_MASK);
	sqlite3_bind_int64(r->st[RD_STREAM_LAST], 1, stream_db);
	if ((rc = one_key(r->st[reading ? RD_READING_FIRST : RD_EVENT_FIRST], &first)) != SQLITE_OK ||
	    (rc = one_key(r->st[reading ? RD_READING_LAST : RD_EVENT_LAST], &last)) != SQLITE_OK || (rc = one_key(r->st[RD_STREAM_LAST], &floor)) != SQLITE_OK)
		return reader_fail(r, rc, reterr);
	*ret_last = last ? last & DB_SEQ_MASK : floor;
	*ret_first = first ? first & DB_SEQ_MASK : floor + 1;
	return 0;
}

/* The first seq of a full chunk that reaches at_ms, or the first that stands in no full chunk. */
static int find_chunk(struct reader *r, uint32_t stream_db, int64_t size, int64_t at_ms, int64_t *ret_seq)
{
	sqlite3_stmt *st = r->st[RD_SPANS];
	int rc;

	*ret_seq = 0;
	reader_bind_range(st, stream_db, 0, DB_SEQ_MASK);
	while ((rc = sqlite3_step(st)) == SQLITE_ROW) {
		int64_t chunk = sqlite3_column_int64(st, 0) & DB_SEQ_MASK;
		*ret_seq = chunk * size;
		if (sqlite3_column_int64(st, 1) >= at_ms)
			break;
		*ret_seq = (chunk + 1) * size;
	}
	sqlite3_reset(st);
	return rc == SQLITE_ROW || rc == SQLITE_DONE ? SQLITE_OK : rc;
}

int reader_seq_at(struct reader *r, uint32_t stream_db, int64_t at_ms, int64_t *ret_seq, struct err *reterr)
{
	const struct reader_stream *s;
	int64_t first, last, from, key;
	int rc;

	if (reader_range(r, stream_db, &first, &last, reterr) < 0 || reader_stream(r, stream_db, &s, reterr) < 0)
		return -1;
	bool reading = s->stream == STREAM_READING;
	if ((rc = find_chunk(r, stream_db, reading ? DB_SPAN_READINGS : DB_SPAN_EVENTS, at_ms, &from)) != SQLITE_OK)
		return reader_fail(r, rc, reterr);
	sqlite3_stmt *st = r->st[reading ? RD_READING_AT : RD_EVENT_AT];
	reader_bind_range(st, stream_db, from, DB_SEQ_MASK);
	sqlite3_bind_int64(st, 3, at_ms);
	if ((rc = one_key(st, &key)) != SQLITE_OK)
		return reader_fail(r, rc, reterr);
	*ret_seq = key ? key & DB_SEQ_MASK : last + 1;
	return 0;
}

int reader_each_event(struct reader *r, sqlite3_stmt *st, bool (*each)(void *user, const struct reader_event *e), void *user, struct err *reterr)
{
	const struct reader_stream *s;
	int rc;

	while ((rc = sqlite3_step(st)) == SQLITE_ROW) {
		int64_t key = sqlite3_column_int64(st, 0);
		if (reader_stream(r, (uint32_t)(key >> DB_SEQ_BITS), &s, reterr) < 0) {
			sqlite3_reset(st);
			return -1;
		}
		struct reader_event e = {
			.seq = key & DB_SEQ_MASK,
			.n = sqlite3_column_int64(st, 1),
			.at_ms = sqlite3_column_int64(st, 2),
			.alarm = (const char *)sqlite3_column_text(st, 3),
			.tail = (const char *)sqlite3_column_text(st, 4),
			.tail_len = (size_t)sqlite3_column_bytes(st, 4),
			.node = s->node,
			.stream = s->stream,
			.gateway = (const char *)sqlite3_column_text(st, 5),
		};
		if (!each(user, &e))
			break;
	}
	sqlite3_reset(st);
	return rc == SQLITE_ROW || rc == SQLITE_DONE ? 0 : reader_fail(r, rc, reterr);
}

int reader_events(struct reader *r, uint32_t stream_db, int64_t after, int64_t max, bool (*each)(void *user, const struct reader_event *e), void *user, struct err *reterr)
{
	const struct reader_stream *s;

	if (reader_begin(r, reterr) < 0 || reader_stream(r, stream_db, &s, reterr) < 0)
		return -1;
	if (s->stream == STREAM_READING)
		return err_set(reterr, ERR_INVALID, "database '%s': stream %u has readings, no events", r->path, stream_db);
	reader_bind_range(r->st[RD_EVENTS], stream_db, after + 1, DB_SEQ_MASK);
	sqlite3_bind_int64(r->st[RD_EVENTS], 3, max);
	return reader_each_event(r, r->st[RD_EVENTS], each, user, reterr);
}

int reader_readings(struct reader *r, uint32_t stream_db, int64_t after, int64_t max, bool (*each)(void *user, const struct reader_reading *x), void *user, struct err *reterr)
{
	const struct reader_stream *s;
	char buf[DB_VALUE_BUF];
	int rc;

	if (reader_begin(r, reterr) < 0 || reader_stream(r, stream_db, &s, reterr) < 0)
		return -1;
	if (s->stream != STREAM_READING)
		return err_set(reterr, ERR_INVALID, "database '%s': stream %u has events, no readings", r->path, stream_db);
	sqlite3_stmt *st = r->st[RD_READINGS];
	reader_bind_range(st, stream_db, after + 1, DB_SEQ_MASK);
	sqlite3_bind_int64(st, 3, max);
	while ((rc = sqlite3_step(st)) == SQLITE_ROW) {
		struct reader_reading x = { .seq = sqlite3_column_int64(st, 0) & DB_SEQ_MASK, .at_ms = sqlite3_column_int64(st, 1), .quality = db_column_quality(st, 4) };
		int64_t point = sqlite3_column_int64(st, 2);
		int named = point_name(r, point, &x.point);
		x.point_db = point >= 1 && point <= UINT32_MAX ? (uint32_t)point : 0;
		if (named != SQLITE_OK) {
			sqlite3_reset(st);
			return reader_fail(r, named, reterr);
		}
		db_column_value(st, 3, buf, &x.number, &x.text);
		if (!each(user, &x))
			break;
	}
	sqlite3_reset(st);
	return rc == SQLITE_ROW || rc == SQLITE_DONE ? 0 : reader_fail(r, rc, reterr);
}

int reader_points(struct reader *r, bool (*each)(void *user, const char *point), void *user, struct err *reterr)
{
	sqlite3_stmt *st;
	int rc;

	if (reader_begin(r, reterr) < 0 || db_prepare(r->db, r->path, "SELECT name FROM point ORDER BY name", &st, reterr) < 0)
		return -1;
	while ((rc = sqlite3_step(st)) == SQLITE_ROW)
		if (!each(user, (const char *)sqlite3_column_text(st, 0)))
			break;
	sqlite3_finalize(st);
	return rc == SQLITE_ROW || rc == SQLITE_DONE ? 0 : reader_fail(r, rc, reterr);
}
