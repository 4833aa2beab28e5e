#include "storage/schema.h"
#include "storage/db.h"

#include <inttypes.h>
#include <stdio.h>

/* The numbers that stand in reading_log.quality. */
_Static_assert(QUALITY_GOOD == 0 && QUALITY_COMM == 1 && QUALITY_DEVICE == 2 && QUALITY_RANGE == 3 && QUALITY_STALE == 4 && QUALITY_NEVER == 5 &&
               QUALITY_COUNT == 6, "qualities are stored as numbers: add at the end, and to the views");
_Static_assert(DB_SEQ_BITS == 44, "the key's cut is written into the views");

#define SEQ(key)      "(" key " & 17592186044415)"
#define STREAM(key)   "(" key " >> 44)"
#define QUALITY(q)    "CASE coalesce(" q ", 0) WHEN 0 THEN 'good' WHEN 1 THEN 'comm' WHEN 2 THEN 'device' WHEN 3 THEN 'range' WHEN 4 THEN 'stale' ELSE 'never' END"
#define LOG           "(SELECT value FROM meta WHERE key = 'log')"

/* 1: the tables.
 * meta       log: this database's life; clean: closed in order; n: no event had a greater n when events were last pruned; audit: rows and head of the chain; rev_floor: see store.h; zone: the site's, if it was ever told
 * boot       one row a start of the daemon that stored an event: event ids are gateway/boot/counter
 * stream     last: no record had a greater seq when the stream was last pruned. The last seq is the greater of it and of what stands in the log
 * alarm      alarms that are not normal, each with a copy of its latest event, which so may be pruned from the log; seq 0: not in this log
 * rule_state, command_seen, audit: see core/record.h; audit.hash is of the previous row's hash and this row (storage/audit.c)
 * span       least and greatest time of each full chunk of a stream, and (stream 0) of the events by n: finds times in logs that have no index on them */
static const char tables_sql[] =
	"CREATE TABLE meta(key TEXT PRIMARY KEY, value) WITHOUT ROWID;"
	"CREATE TABLE boot(db INTEGER PRIMARY KEY, gateway TEXT NOT NULL, boot INTEGER NOT NULL, UNIQUE(boot, gateway));"
	"CREATE TABLE stream(db INTEGER PRIMARY KEY, node TEXT NOT NULL, stream TEXT NOT NULL, last INTEGER NOT NULL, UNIQUE(node, stream));"
	"CREATE TABLE point(db INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);"
	"CREATE TABLE hub(db INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, oldest INTEGER NOT NULL, session INTEGER NOT NULL);"
	"CREATE TABLE cursor(hub INTEGER NOT NULL, stream INTEGER NOT NULL, seq INTEGER NOT NULL, PRIMARY KEY(hub, stream)) WITHOUT ROWID;"
	"CREATE TABLE event_log(key INTEGER PRIMARY KEY, n INTEGER NOT NULL UNIQUE, boot INTEGER NOT NULL, counter INTEGER NOT NULL, at INTEGER NOT NULL,"
	" transition TEXT NOT NULL, alarm TEXT, state TEXT, tail TEXT NOT NULL);"
	"CREATE TABLE reading_log(key INTEGER PRIMARY KEY, point INTEGER NOT NULL, at INTEGER NOT NULL, value, quality INTEGER);"
	"CREATE TABLE alarm(alarm TEXT PRIMARY KEY, stream INTEGER NOT NULL, seq INTEGER NOT NULL, n INTEGER NOT NULL, boot INTEGER NOT NULL,"
	" counter INTEGER NOT NULL, at INTEGER NOT NULL, transition TEXT NOT NULL, state TEXT NOT NULL, since INTEGER NOT NULL, rev INTEGER NOT NULL,"
	" tail TEXT NOT NULL);"
	"CREATE TABLE rule_state(alarm TEXT PRIMARY KEY, blob BLOB NOT NULL) WITHOUT ROWID;"
	"CREATE TABLE command_seen(hub INTEGER NOT NULL, id TEXT NOT NULL, expires INTEGER NOT NULL, PRIMARY KEY(hub, id)) WITHOUT ROWID;"
	"CREATE INDEX command_expires ON command_seen(expires);"
	"CREATE TABLE audit(n INTEGER PRIMARY KEY, at INTEGER NOT NULL, actor TEXT NOT NULL, role TEXT NOT NULL, action TEXT NOT NULL,"
	" subject TEXT NOT NULL, result TEXT NOT NULL, detail TEXT NOT NULL, hash TEXT NOT NULL);"
	"CREATE TABLE span(key INTEGER PRIMARY KEY, min_at INTEGER NOT NULL, max_at INTEGER NOT NULL);"
	"INSERT INTO meta VALUES('log', lower(hex(randomblob(4)))), ('clean', 0), ('n', 0), ('audit', '0 ');";

/* 2: the views of docs/database.md. An event's body is record_event_head and the stored tail, byte for byte. */
static const char views_sql[] =
	"CREATE VIEW v_readings AS SELECT p.name AS point, r.at AS at, r.value AS value, " QUALITY("r.quality") " AS quality"
	" FROM reading_log r JOIN point p ON p.db = r.point;"

	"CREATE VIEW v_hours AS"
	" SELECT p.name AS point, h.hour AS hour, h.count AS count, h.min AS min, h.max AS max, h.mean AS mean, l.last AS last, " QUALITY("h.worst")
	" AS worst_quality FROM"
	" (SELECT point, at / 3600000 * 3600000 AS hour, count(*) FILTER (WHERE quality IS NULL) AS count,"
	" min(value) FILTER (WHERE quality IS NULL AND typeof(value) <> 'text') AS min, max(value) FILTER (WHERE quality IS NULL AND typeof(value) <> 'text') AS max,"
	" avg(value) FILTER (WHERE quality IS NULL AND typeof(value) <> 'text') AS mean, max(coalesce(quality, 0)) AS worst FROM reading_log GROUP BY 1, 2) h"
	" LEFT JOIN (SELECT point, at / 3600000 * 3600000 AS hour, max(at) AS newest, value AS last FROM reading_log WHERE quality IS NULL GROUP BY 1, 2) l"
	" ON l.point = h.point AND l.hour = h.hour JOIN point p ON p.db = h.point;"

	"CREATE VIEW v_events AS SELECT e.n AS n, s.stream AS stream, " SEQ("e.key") " AS seq,"
	" b.gateway || '/' || printf('%016llx', b.boot) || '/' || e.counter AS id, e.at AS at, e.transition AS transition, e.alarm AS alarm, e.state AS state,"
	" '{\"v\":1,\"gateway\":' || json_quote(b.gateway) || ',\"node\":' || json_quote(s.node) || ',\"log\":\"' || " LOG " || '\",\"stream\":\"' || s.stream"
	" || '\",\"seq\":' || " SEQ("e.key") " || ',\"n\":' || e.n || ',\"durable\":true,' || e.tail AS body, s.node AS node"
	" FROM event_log e JOIN stream s ON s.db = " STREAM("e.key") " JOIN boot b ON b.db = e.boot;"

	"CREATE VIEW v_alarms AS SELECT a.alarm AS alarm, a.state AS state, a.since AS since, a.rev AS rev,"
	" '{\"v\":1,\"gateway\":' || json_quote(b.gateway) || ',\"node\":' || json_quote(s.node) || ',\"log\":\"' || " LOG " || '\",\"stream\":\"' || s.stream"
	" || CASE a.seq WHEN 0 THEN '\",\"seq\":null,\"n\":null,\"durable\":false,' ELSE '\",\"seq\":' || a.seq || ',\"n\":' || a.n || ',\"durable\":true,' END"
	" || a.tail AS body FROM alarm a JOIN stream s ON s.db = a.stream JOIN boot b ON b.db = a.boot;";

static const char *const migrations[] = { tables_sql, views_sql };

int schema_newest(void)
{
	return (int)(sizeof migrations / sizeof *migrations);
}

int schema_identify(sqlite3 *db, const char *path, enum schema_file *ret, int *ret_version, struct err *reterr)
{
	int64_t application = 0, version = 0, tables = 0;
	int rc;

	if ((rc = db_int(db, "PRAGMA application_id", &application)) != SQLITE_OK || (rc = db_int(db, "PRAGMA user_version", &version)) != SQLITE_OK ||
	    (rc = db_int(db, "SELECT count(*) FROM sqlite_schema", &tables)) != SQLITE_OK)
		return db_fail(db, rc, path, "opening it", reterr);
	if (application == 0 && version == 0 && tables == 0) {
		*ret = SCHEMA_EMPTY;
		*ret_version = 0;
		return 0;
	}
	if (application != SCHEMA_APPLICATION_ID)
		return err_set(reterr, ERR_INVALID, "database '%s' is another program's: name another file in storage.path", path);
	if (version > schema_newest())
		return err_set(reterr, ERR_UNSUPPORTED, "database '%s' was written by a newer firegw (its schema is %" PRId64 ", this one knows up to %d): install that "
		               "version again, or move the file away to begin anew", path, version, schema_newest());
	*ret = SCHEMA_OURS;
	*ret_version = (int)version;
	return 0;
}

int schema_migrate(sqlite3 *db, const char *path, int version, struct err *reterr)
{
	char mark[128];

	for (int v = version; v < schema_newest(); v++) {
		snprintf(mark, sizeof mark, "PRAGMA application_id = %d; PRAGMA user_version = %d; COMMIT", SCHEMA_APPLICATION_ID, v + 1);
		if (db_exec(db, path, "BEGIN IMMEDIATE", reterr) < 0)
			return err_prefix(reterr, "schema %d: ", v + 1);
		if (db_exec(db, path, migrations[v], reterr) < 0 || db_exec(db, path, mark, reterr) < 0) {
			sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL);
			return err_prefix(reterr, "schema %d: ", v + 1);
		}
	}
	return 0;
}
