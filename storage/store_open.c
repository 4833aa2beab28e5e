/* Opening: lock, file, checks, migrations; a damaged file is set aside and a new one begun.
 *
 * The happy path: lock → open → identify → (closed in order? else quick_check) → migrate → load numbers. The first transaction takes the mark "closed in order"
 * away, so that a start on a full disk needs no room.
 * Failure: locked by another, another program's file, a newer one, no rights: an error with the cure, nothing touched. Damage: set aside, new, salvage. */
#include "storage/rights.h"
#include "storage/schema.h"
#include "storage/store_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* quick_check reads the whole file, 5 s a GiB and more: a larger one has its small tables checked whole and the newest part of its logs read. */
#define CHECK_WHOLE_BYTES (INT64_C(1) << 30)
/* Of a new file. A second's batch of 30 readings and a cursor writes 13.9 kB with it, 17.6 kB with 4096, 12.5 kB with 1024, where an event no longer fits a page. */
#define PAGE_BYTES "2048"
/* Longer than a gateway goes without an event. */
#define NEWEST_AHEAD_MS (INT64_C(400) * 86400000)
/* So many events back the last one under a trusted clock is looked for. */
#define TRUSTED_LOOK "10000"

static const char *const statements[ST_COUNT] = {
	[ST_BEGIN] = "BEGIN IMMEDIATE",
	[ST_COMMIT] = "COMMIT",
	[ST_ROLLBACK] = "ROLLBACK",
	[ST_PAGE_COUNT] = "PRAGMA page_count",
	[ST_FREE_COUNT] = "PRAGMA freelist_count",
	[ST_BOOT] = "INSERT INTO boot(gateway, boot) VALUES(?1, ?2) ON CONFLICT(boot, gateway) DO UPDATE SET boot = ?2 RETURNING db",
	[ST_EVENT] = "INSERT INTO event_log(key, n, boot, counter, at, transition, alarm, state, tail) VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
	[ST_ALARM_SET] = "INSERT INTO alarm(alarm, stream, seq, n, boot, counter, at, transition, state, since, rev, tail)"
	                 " VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12) ON CONFLICT(alarm) DO UPDATE SET stream = ?2, seq = ?3, n = ?4, boot = ?5,"
	                 " counter = ?6, at = ?7, transition = ?8, state = ?9, since = ?10, rev = ?11, tail = ?12",
	[ST_ALARM_DELETE] = "DELETE FROM alarm WHERE alarm = ?1",
	[ST_READING] = "INSERT INTO reading_log(key, point, at, value, quality) VALUES(?1, ?2, ?3, ?4, ?5)",
	[ST_SPAN_READINGS] = "INSERT OR REPLACE INTO span SELECT ?1, min(at), max(at) FROM reading_log WHERE key BETWEEN ?2 AND ?3",
	[ST_SPAN_EVENTS] = "INSERT OR REPLACE INTO span SELECT ?1, min(at), max(at) FROM event_log WHERE key BETWEEN ?2 AND ?3",
	[ST_SPAN_N] = "INSERT OR REPLACE INTO span SELECT ?1, min(at), max(at) FROM event_log WHERE n BETWEEN ?2 AND ?3",
	[ST_STATE_SET] = "INSERT OR REPLACE INTO rule_state(alarm, blob) VALUES(?1, ?2)",
	[ST_STATE_DELETE] = "DELETE FROM rule_state WHERE alarm = ?1",
	[ST_CURSOR] = "UPDATE cursor SET seq = ?3 WHERE hub = ?1 AND stream = ?2 AND seq < ?3",
	[ST_COMMAND] = "INSERT OR REPLACE INTO command_seen(hub, id, expires) VALUES(?1, ?2, ?3)",
	[ST_COMMAND_EXPIRE] = "DELETE FROM command_seen WHERE expires < ?1",
	[ST_SESSION] = "UPDATE hub SET session = ?2 WHERE db = ?1 AND session < ?2",
	[ST_AUDIT] = "INSERT INTO audit(n, at, actor, role, action, subject, result, detail, hash) VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
	[ST_META_SET] = "INSERT OR REPLACE INTO meta(key, value) VALUES(?1, ?2)",
	[ST_EVENT_ID] = "SELECT b.boot, e.counter FROM event_log e JOIN boot b ON b.db = e.boot WHERE e.key = ?1",
	[ST_READING_AT] = "SELECT point, at FROM reading_log WHERE key = ?1",
	[ST_AUDIT_SAME] = "SELECT 1, 1 FROM audit WHERE n = ?1 AND hash = ?2",
	[ST_EVENT_FIRST] = "SELECT min(key) FROM event_log WHERE key BETWEEN ?1 AND ?2",
	[ST_EVENT_LAST] = "SELECT max(key) FROM event_log WHERE key BETWEEN ?1 AND ?2",
	[ST_READING_FIRST] = "SELECT min(key) FROM reading_log WHERE key BETWEEN ?1 AND ?2",
	[ST_READING_LAST] = "SELECT max(key) FROM reading_log WHERE key BETWEEN ?1 AND ?2",
};

int store_fail(struct store *s, int rc, const char *what, struct err *reterr)
{
	int kind = rc & 0xFF;

	if (kind == SQLITE_CORRUPT || kind == SQLITE_NOTADB)
		s->damaged = true;
	return db_fail(s->db, rc, s->path, what, reterr);
}

/* A new file is made here, because SQLite would make it 0644; its -wal and -shm take over mode and group. */
static int make_file(const char *path, bool *ret_created, struct err *reterr)
{
	char cure[RIGHTS_TEXT_MAX];
	int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0640);

	*ret_created = fd >= 0;
	if (fd >= 0) {
		/* The umask may have taken the group's right to read. */
		int rc = fchmod(fd, 0640);
		close(fd);
		return rc < 0 ? err_set(reterr, ERR_IO, "database '%s': cannot set its mode: %s", path, strerror(errno)) : 0;
	}
	if (errno != EEXIST)
		return err_set(reterr, errno == EACCES || errno == EROFS ? ERR_DENIED : errno == ENOSPC ? ERR_FULL : ERR_IO, "database '%s': cannot make it: %s: %s", path,
		               strerror(errno), rights_to_write(cure));
	if (eaccess(path, R_OK | W_OK) < 0)
		return err_set(reterr, ERR_DENIED, "database '%s' cannot be written: %s: %s", path, errno == EROFS ? "the file system is read-only" : strerror(errno),
		               rights_to_write(cure));
	return 0;
}

static int wal_grew(void *user, sqlite3 *db, const char *schema, int frames)
{
	struct store *s = user;

	(void)db;
	(void)schema;
	s->wal_frames = frames;
	return SQLITE_OK;
}

static int set_up(struct store *s, bool empty, struct err *reterr)
{
	int on = 1;

	sqlite3_extended_result_codes(s->db, 1);
	sqlite3_busy_timeout(s->db, 2000);
	sqlite3_db_config(s->db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
	sqlite3_db_config(s->db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
	/* Of a file that has tables these change nothing, and yet auto_vacuum would write its header anew: a start on a full disk could not. */
	if (empty && db_exec(s->db, s->path, "PRAGMA page_size = " PAGE_BYTES "; PRAGMA auto_vacuum = incremental", reterr) < 0)
		return -1;
	/* secure_delete would write every deleted page once more; FAST clears only what is written anyway. */
	if (db_exec(s->db, s->path, "PRAGMA journal_mode = wal; PRAGMA synchronous = full;"
	            "PRAGMA wal_autocheckpoint = 0; PRAGMA journal_size_limit = 4194304; PRAGMA secure_delete = fast; PRAGMA temp_store = memory;"
	            "PRAGMA cache_size = -2000", reterr) < 0)
		return -1;
	int rc = sqlite3_file_control(s->db, "main", SQLITE_FCNTL_PERSIST_WAL, &on);
	if (rc != SQLITE_OK)
		return store_fail(s, rc, "keeping its WAL", reterr);
	sqlite3_wal_hook(s->db, wal_grew, s);
	return 0;
}

/* The first row's text, or SQLite's complaint. 0: "ok". */
static int check_says_ok(struct store *s, const char *sql, struct err *reterr)
{
	sqlite3_stmt *st;
	int rc = sqlite3_prepare_v2(s->db, sql, -1, &st, NULL);

	if (rc != SQLITE_OK)
		return store_fail(s, rc, "checking it", reterr);
	rc = sqlite3_step(st);
	const char *text = rc == SQLITE_ROW ? (const char *)sqlite3_column_text(st, 0) : NULL;
	if (text && strcmp(text, "ok") != 0) {
		err_set(reterr, ERR_DAMAGED, "database '%s': %.200s", s->path, text);
		sqlite3_finalize(st);
		return -1;
	}
	sqlite3_finalize(st);
	return rc == SQLITE_ROW ? 0 : store_fail(s, rc, "checking it", reterr);
}

static int check_file(struct store *s, struct err *reterr)
{
	static const char *const small[] = { "meta", "boot", "stream", "point", "hub", "cursor", "alarm", "rule_state", "command_seen", "audit", "span" };
	int64_t clean = 0, pages = 0, bytes = 0;
	char sql[64];
	int rc = db_int(s->db, "SELECT value FROM meta WHERE key = 'clean'", &clean);

	if (rc == SQLITE_OK && clean)
		return 0;
	s->unclean = true;
	if (rc != SQLITE_OK && rc != SQLITE_DONE)
		return store_fail(s, rc, "checking it", reterr);
	if ((rc = db_int(s->db, "PRAGMA page_count", &pages)) != SQLITE_OK || (rc = db_int(s->db, "PRAGMA page_size", &bytes)) != SQLITE_OK)
		return store_fail(s, rc, "checking it", reterr);
	if (pages * bytes <= CHECK_WHOLE_BYTES)
		return check_says_ok(s, "PRAGMA quick_check(1)", reterr);
	for (size_t i = 0; i < sizeof small / sizeof *small; i++) {
		snprintf(sql, sizeof sql, "PRAGMA quick_check('%s')", small[i]);
		if (check_says_ok(s, sql, reterr) < 0)
			return -1;
	}
	if (check_says_ok(s, "SELECT 'ok', sum(length(tail)) FROM (SELECT tail FROM event_log ORDER BY key DESC LIMIT 1000)", reterr) < 0)
		return -1;
	return check_says_ok(s, "SELECT 'ok', sum(at) FROM (SELECT at FROM reading_log ORDER BY key DESC LIMIT 100000)", reterr);
}

int store_attach(struct store *s, bool *ret_created, struct err *reterr)
{
	enum schema_file what;
	int version;

	if (make_file(s->path, ret_created, reterr) < 0)
		return -1;
	int rc = sqlite3_open_v2(s->path, &s->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_NOFOLLOW, s->vfs);
	if (rc != SQLITE_OK)
		return store_fail(s, s->db ? sqlite3_extended_errcode(s->db) : rc, "opening it", reterr);
	sqlite3_extended_result_codes(s->db, 1);
	if (schema_identify(s->db, s->path, &what, &version, reterr) < 0)
		return -1;
	if (set_up(s, what == SCHEMA_EMPTY, reterr) < 0)
		return -1;
	if (what == SCHEMA_EMPTY)
		*ret_created = true;
	else if (check_file(s, reterr) < 0)
		return -1;
	if (schema_migrate(s->db, s->path, version, reterr) < 0)
		return -1;
	for (int i = 0; i < ST_COUNT; i++)
		if (db_prepare(s->db, s->path, statements[i], &s->st[i], reterr) < 0)
			return -1;
	return store_load(s, reterr);
}

void store_detach(struct store *s)
{
	for (int i = 0; i < ST_COUNT; i++) {
		sqlite3_finalize(s->st[i]);
		s->st[i] = NULL;
	}
	sqlite3_close(s->db);
	s->db = NULL;
	free(s->streams);
	s->streams = NULL;
	s->n_streams = 0;
}

/* Moves the file and its WAL, which belong together. The index of the WAL is made anew by whoever opens them. */
static int set_aside(struct store *s, int64_t now_ms, char ret_name[512], struct err *reterr)
{
	char from[4200], to[4200];
	struct tm tm;
	time_t t = (time_t)(now_ms / 1000);

	localtime_r(&t, &tm);
	int n = snprintf(ret_name, 512, "%s.damaged-%04d%02d%02d-%02d%02d%02d", s->path, tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min,
	                 tm.tm_sec);
	if (n < 0 || n >= 500)
		return err_set(reterr, ERR_INVALID, "database '%.200s…': the path is too long", s->path);
	for (int i = 2; access(ret_name, F_OK) == 0 && i < 1000; i++)
		snprintf(ret_name + n, (size_t)(512 - n), ".%d", i);
	snprintf(from, sizeof from, "%s-shm", s->path);
	unlink(from);
	snprintf(from, sizeof from, "%s-wal", s->path);
	snprintf(to, sizeof to, "%s-wal", ret_name);
	/* The WAL first: a main file without its WAL would be taken for an older state of itself. */
	if (rename(from, to) < 0 && errno != ENOENT)
		return err_set(reterr, ERR_IO, "database '%s' is damaged and cannot be set aside as '%s': %s: move it away by hand", s->path, ret_name, strerror(errno));
	if (rename(s->path, ret_name) < 0)
		return err_set(reterr, ERR_IO, "database '%s' is damaged and cannot be set aside as '%s': %s: move it away by hand", s->path, ret_name, strerror(errno));
	return 0;
}

/* The last of each reading stream. No order over the streams is kept, and one that is seldom written may still end under a clock that stood wrong: what lies further ahead of the
 * newest event than a gateway goes without one says nothing. */
static int newest_reading(struct store *s, int64_t *newest, struct err *reterr)
{
	int64_t event = *newest;
	char sql[160];

	for (size_t i = 1; i < s->n_streams; i++) {
		int64_t at;
		if (!s->streams[i].used || s->streams[i].stream != STREAM_READING)
			continue;
		snprintf(sql, sizeof sql, "SELECT at FROM reading_log WHERE key BETWEEN %" PRId64 " AND %" PRId64 " ORDER BY key DESC LIMIT 1", db_key((uint32_t)i, 0),
		         db_key((uint32_t)i, DB_SEQ_MASK));
		int rc = db_int(s->db, sql, &at);
		if (rc == SQLITE_OK && at > *newest && (event == 0 || at - event <= NEWEST_AHEAD_MS))
			*newest = at;
		if (rc != SQLITE_OK && rc != SQLITE_DONE)
			return store_fail(s, rc, "reading its newest records", reterr);
	}
	return 0;
}

/* The newest is the one stored last, not the one with the greatest time: a clock that once stood years ahead left its times behind in streams that are seldom written. */
static int newest_of(struct store *s, struct store_report *report, struct err *reterr)
{
	int64_t newest = 0, trusted = 0;
	int rc = db_int(s->db, "SELECT at FROM event_log ORDER BY n DESC LIMIT 1", &newest);

	if (rc == SQLITE_OK)
		rc = db_int(s->db, "SELECT at FROM event_log WHERE n > (SELECT max(n) FROM event_log) - " TRUSTED_LOOK
		            " AND instr(tail, '\"clock\":\"untrusted\"') = 0 ORDER BY n DESC LIMIT 1", &trusted);
	if (rc != SQLITE_OK && rc != SQLITE_DONE)
		return store_fail(s, rc, "reading its newest records", reterr);
	if (newest_reading(s, &newest, reterr) < 0)
		return -1;
	report->newest_ms = newest;
	report->sure_ms = trusted && newest - trusted > NEWEST_AHEAD_MS ? trusted : newest;
	return 0;
}

static int rev_floor_of(struct store *s, int64_t *ret, struct err *reterr)
{
	int rc = db_int(s->db, "SELECT value FROM meta WHERE key = 'rev_floor'", ret);

	if (rc == SQLITE_DONE)
		*ret = 0;
	return rc == SQLITE_OK || rc == SQLITE_DONE ? 0 : store_fail(s, rc, "reading its state", reterr);
}

int store_put_rev_floor(struct store *s, struct err *reterr)
{
	char text[24];

	snprintf(text, sizeof text, "%" PRId64, s->rev_floor);
	return store_meta_set(s, "rev_floor", text, reterr);
}

int store_set_rev_floor(struct store *s, int64_t floor, struct err *reterr)
{
	s->rev_floor = floor;
	return store_begin(s, reterr) < 0 ? -1 : store_end(s, reterr);
}

int store_meta_set(struct store *s, const char *key, const char *value, struct err *reterr)
{
	sqlite3_stmt *st = s->st[ST_META_SET];

	sqlite3_bind_text(st, 1, key, -1, SQLITE_STATIC);
	if (value)
		sqlite3_bind_text(st, 2, value, -1, SQLITE_STATIC);
	else
		sqlite3_bind_null(st, 2);
	int rc = db_run(st);
	return rc == SQLITE_OK ? 0 : store_fail(s, rc, "storing", reterr);
}

int store_set_zone(struct store *s, const char *zone, struct err *reterr)
{
	sqlite3_stmt *st;

	if (db_prepare(s->db, s->path, "INSERT OR REPLACE INTO meta SELECT 'zone', ?1 WHERE ?1 NOT IN (SELECT value FROM meta WHERE key = 'zone')", &st, reterr) < 0)
		return -1;
	sqlite3_bind_text(st, 1, zone, -1, SQLITE_STATIC);
	int rc = db_run(st);
	sqlite3_finalize(st);
	return rc == SQLITE_OK ? 0 : store_fail(s, rc, "storing", reterr);
}

static struct store *new_store(const struct store_options *o)
{
	struct store *s = calloc(1, sizeof *s);

	if (!s)
		return NULL;
	s->lock_fd = -1;
	s->path = strdup(o->path);
	s->vfs = o->vfs ? strdup(o->vfs) : NULL;
	s->max_bytes = o->max_bytes;
	s->keep_readings_ms = o->keep_readings_ms;
	s->keep_events_ms = o->keep_events_ms;
	snprintf(s->gateway, sizeof s->gateway, "%s", o->gateway ? o->gateway : "");
	if (s->path && (s->vfs || !o->vfs))
		return s;
	free(s->path);
	free(s->vfs);
	free(s);
	return NULL;
}

static void free_store(struct store *s)
{
	store_detach(s);
	if (s->lock_fd >= 0)
		close(s->lock_fd);
	free(s->hubs);
	free(s->path);
	free(s->vfs);
	free(s);
}

static int open_checked(struct store *s, int64_t now_ms, bool was_ours, struct store_report *report, struct err *reterr)
{
	struct err why;

	if (store_attach(s, &report->created, &why) == 0)
		return 0;
	if (why.code == ERR_DAMAGED && !was_ours) {
		/* Never opened by us before: more likely another file's name than a broken database. */
		int64_t pages;
		if (!s->db || db_int(s->db, "PRAGMA page_count", &pages) == SQLITE_NOTADB)
			return err_set(reterr, ERR_INVALID, "database '%s' is no database: name another file in storage.path, or move it away", s->path);
	}
	if (why.code != ERR_DAMAGED) {
		if (reterr)
			*reterr = why;
		return -1;
	}
	store_detach(s);
	if (set_aside(s, now_ms, report->set_aside, reterr) < 0)
		return -1;
	report->damaged = true;
	s->damaged = false;
	if (store_attach(s, &report->created, reterr) < 0)
		return -1;
	store_salvage(s, report->set_aside);
	return 0;
}

int store_open(const struct store_options *o, int64_t now_ms, struct store **ret, struct store_report *ret_report, struct err *reterr)
{
	struct store_report report = { 0 };
	struct store *s = new_store(o);
	bool was_ours = true;

	if (!s)
		return err_set(reterr, ERR_NO_MEMORY, "database '%s': no memory", o->path);
	if (lock_take(o->path, &s->lock_fd, &was_ours, reterr) < 0)
		goto fail;
	if (open_checked(s, now_ms, was_ours, &report, reterr) < 0)
		goto fail;
	if (store_apply_limits(s, reterr) < 0 || newest_of(s, &report, reterr) < 0 || rev_floor_of(s, &report.rev_floor, reterr) < 0)
		goto fail;
	store_question_witness(s, &report);
	report.unclean = s->unclean || report.damaged || report.older;
	*ret = s;
	if (ret_report)
		*ret_report = report;
	return 0;
fail:
	if (!was_ours)
		lock_forget(o->path);
	free_store(s);
	return -1;
}

void store_close(struct store *s)
{
	if (!s)
		return;
	if (s->db && s->loaded && !s->damaged && !s->not_clean && store_meta_set(s, "clean", "1", NULL) == 0)
		sqlite3_wal_checkpoint_v2(s->db, NULL, SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL);
	if (s->db && s->loaded)
		store_tell_witness(s, true);
	free_store(s);
}

void store_not_clean(struct store *s)
{
	s->not_clean = true;
}
