/* What a damaged file still tells goes into the new one: points with their ids, streams, hubs with their sessions, open alarms, rule states, seen commands, audit rows as far as
 * their chain holds. Each table is read from both ends, because reading stops where the damage is. */
#include "storage/store_internal.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* Copies rows that the condition finds sane; values are bound as they come. */
struct salvage_table {
	const char *select, *insert;
	int         columns;
};

/* Alarms become the first events of the new log, numbered anew with their old id: whoever holds them open takes the number from here. Done apart. */
static const struct salvage_table salvage_tables[] = {
	{ "SELECT db, gateway, boot FROM boot WHERE typeof(db) = 'integer' AND db > 0 AND typeof(gateway) = 'text' AND typeof(boot) = 'integer' ORDER BY db",
	  "INSERT OR IGNORE INTO boot(db, gateway, boot) VALUES(?1, ?2, ?3)", 3 },
	{ "SELECT db, node, stream, 0 FROM stream WHERE typeof(db) = 'integer' AND db BETWEEN 1 AND 1000 AND typeof(node) = 'text' AND length(node) BETWEEN 1 AND 47"
	  " AND stream IN ('fire', 'prealarm', 'supervisory', 'fault', 'disablement', 'actuation', 'operation', 'reading') ORDER BY db",
	  "INSERT OR IGNORE INTO stream(db, node, stream, last) VALUES(?1, ?2, ?3, ?4)", 4 },
	{ "SELECT db, name FROM point WHERE typeof(db) = 'integer' AND db BETWEEN 1 AND 100000000 AND typeof(name) = 'text' AND length(name) BETWEEN 1 AND 500 ORDER BY db",
	  "INSERT OR IGNORE INTO point(db, name) VALUES(?1, ?2)", 2 },
	{ "SELECT db, name, oldest, session FROM hub WHERE typeof(db) = 'integer' AND db BETWEEN 1 AND 100000 AND typeof(name) = 'text' AND length(name) BETWEEN 1 AND 500"
	  " AND typeof(session) = 'integer' ORDER BY db",
	  "INSERT OR IGNORE INTO hub(db, name, oldest, session) VALUES(?1, ?2, coalesce(?3, 0), ?4)", 4 },
	{ "SELECT alarm, blob FROM rule_state WHERE typeof(alarm) = 'text' AND typeof(blob) = 'blob' AND length(blob) > 0 ORDER BY alarm",
	  "INSERT OR IGNORE INTO rule_state(alarm, blob) VALUES(?1, ?2)", 2 },
	{ "SELECT key, value FROM meta WHERE key = 'rev_floor' ORDER BY key", "INSERT OR IGNORE INTO meta(key, value) VALUES(?1, ?2)", 2 },
	{ "SELECT hub, id, expires FROM command_seen WHERE typeof(hub) = 'integer' AND typeof(id) = 'text' AND typeof(expires) = 'integer' ORDER BY hub",
	  "INSERT OR IGNORE INTO command_seen(hub, id, expires) VALUES(?1, ?2, ?3)", 3 },
	{ "SELECT alarm, stream, 0, 0, boot, counter, at, transition, state, since, rev, tail FROM alarm WHERE typeof(alarm) = 'text' AND typeof(at) = 'integer'"
	  " AND typeof(counter) = 'integer' AND typeof(since) = 'integer' AND typeof(rev) = 'integer' AND typeof(state) = 'text' AND typeof(transition) = 'text'"
	  " AND json_valid('{' || tail) ORDER BY rowid",
	  "INSERT OR IGNORE INTO alarm(alarm, stream, seq, n, boot, counter, at, transition, state, since, rev, tail)"
	  " SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12 WHERE EXISTS (SELECT 1 FROM stream WHERE db = ?2) AND EXISTS (SELECT 1 FROM boot WHERE db = ?5)",
	  12 },
};

static void copy_rows(sqlite3 *from, sqlite3 *to, const struct salvage_table *t, const char *order)
{
	sqlite3_stmt *in = NULL, *out = NULL;
	char sql[1024];

	snprintf(sql, sizeof sql, "%s%s", t->select, order);
	if (sqlite3_prepare_v2(from, sql, -1, &in, NULL) == SQLITE_OK && sqlite3_prepare_v2(to, t->insert, -1, &out, NULL) == SQLITE_OK)
		while (sqlite3_step(in) == SQLITE_ROW) {
			for (int i = 0; i < t->columns; i++)
				sqlite3_bind_value(out, i + 1, sqlite3_column_value(in, i));
			db_run(out);
		}
	sqlite3_finalize(in);
	sqlite3_finalize(out);
}

_Static_assert(DB_SPAN_EVENTS == 256, "written into the statements below");
/* The open alarms' latest events, in the order they had, as seq 1 … of their streams and n 1 …. */
static void number_alarms(sqlite3 *db)
{
	int rc = sqlite3_exec(db, "UPDATE alarm SET n = (SELECT count(*) FROM alarm b WHERE b.rowid <= alarm.rowid),"
	             " seq = (SELECT count(*) FROM alarm b WHERE b.stream = alarm.stream AND b.rowid <= alarm.rowid);"
	             "INSERT INTO event_log(key, n, boot, counter, at, transition, alarm, state, tail)"
	             " SELECT stream << 44 | seq, n, boot, counter, at, transition, alarm, state, tail FROM alarm;"
	             "INSERT INTO span SELECT stream << 44 | seq / 256, min(at), max(at) FROM alarm GROUP BY stream, seq / 256 HAVING max(seq % 256) = 255;"
	             "INSERT INTO span SELECT n / 256, min(at), max(at) FROM alarm GROUP BY n / 256 HAVING max(n % 256) = 255;"
	             "INSERT OR IGNORE INTO cursor(hub, stream, seq) SELECT h.db, s.db, 0 FROM hub h, stream s", NULL, NULL, NULL);
	if (rc != SQLITE_OK)
		sqlite3_exec(db, "UPDATE alarm SET seq = 0, n = 0", NULL, NULL, NULL);
}

static void copy_audit(sqlite3 *from, struct store *s)
{
	sqlite3_stmt *in = NULL, *out = NULL;
	char head[AUDIT_HASH_MAX + 24];

	if (sqlite3_prepare_v2(from, "SELECT n, at, actor, role, action, subject, result, detail, hash FROM audit ORDER BY n", -1, &in, NULL) == SQLITE_OK &&
	    sqlite3_prepare_v2(s->db, "INSERT INTO audit VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)", -1, &out, NULL) == SQLITE_OK)
		while (sqlite3_step(in) == SQLITE_ROW) {
			const char *text[6];
			char hash[AUDIT_HASH_MAX];
			for (int i = 0; i < 6; i++)
				text[i] = (const char *)sqlite3_column_text(in, i + 2);
			struct record_audit row = { sqlite3_column_int64(in, 1), text[0], text[1], text[2], text[3], text[4], text[5] };
			const char *stored = (const char *)sqlite3_column_text(in, 8);
			if (sqlite3_column_int64(in, 0) != s->chain.rows + 1 || audit_hash(&s->chain, &row, hash) < 0 || !stored || strcmp(hash, stored) != 0)
				break;
			for (int i = 0; i < 9; i++)
				sqlite3_bind_value(out, i + 1, sqlite3_column_value(in, i));
			if (db_run(out) != SQLITE_OK)
				break;
			s->chain.rows++;
			memcpy(s->chain.head, hash, sizeof hash);
		}
	sqlite3_finalize(in);
	sqlite3_finalize(out);
	snprintf(head, sizeof head, "%lld %s", (long long)s->chain.rows, s->chain.head);
	store_meta_set(s, "audit", head, NULL);
}

void store_salvage(struct store *s, const char *from)
{
	sqlite3 *db = NULL;
	char path[600];
	int on = 1;

	/* Not read-only: the set-aside WAL may hold the newest rows. It is neither copied into the file nor deleted, so that the evidence stays as it was. */
	if (sqlite3_open_v2(from, &db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, s->vfs) == SQLITE_OK && store_begin(s, NULL) == 0) {
		sqlite3_db_config(db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
		sqlite3_db_config(db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
		sqlite3_file_control(db, "main", SQLITE_FCNTL_PERSIST_WAL, &on);
		for (size_t i = 0; i < sizeof salvage_tables / sizeof *salvage_tables; i++) {
			copy_rows(db, s->db, &salvage_tables[i], "");
			copy_rows(db, s->db, &salvage_tables[i], " DESC");
		}
		number_alarms(s->db);
		copy_audit(db, s);
		if (store_end(s, NULL) < 0 || store_load(s, NULL) < 0)
			s->unsure = true;
	}
	sqlite3_close(db);
	snprintf(path, sizeof path, "%s-shm", from);
	unlink(path);
}
