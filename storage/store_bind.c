/* Names and their ids, and what the daemon asks for at start. */
#include "storage/store_internal.h"

#include <stdlib.h>
#include <string.h>

static int prepare(struct store *s, const char *sql, sqlite3_stmt **ret, struct err *reterr)
{
	return db_prepare(s->db, s->path, sql, ret, reterr);
}

int store_bind_stream(struct store *s, const char *node, unsigned stream, uint32_t *ret_db, struct err *reterr)
{
	sqlite3_stmt *add = NULL, *cursors = NULL;
	size_t db = s->n_streams > 1 ? s->n_streams : 1;
	int rc = SQLITE_OK;

	if (strlen(node) >= STORE_NODE_MAX || stream >= STREAM_COUNT)
		return err_set(reterr, ERR_INVALID, "node '%.60s': a name has at most %d bytes", node, STORE_NODE_MAX - 1);
	for (size_t i = 1; i < s->n_streams; i++)
		if (s->streams[i].used && s->streams[i].stream == stream && strcmp(s->streams[i].node, node) == 0) {
			*ret_db = (uint32_t)i;
			return 0;
		}
	if (db > DB_STREAM_MAX)
		return err_set(reterr, ERR_FULL, "database '%s': no more streams than %u", s->path, DB_STREAM_MAX);
	/* Every hub ever known gets its cursor at the (empty) beginning: whatever comes is new to it. */
	if (prepare(s, "INSERT INTO stream(db, node, stream, last) VALUES(?1, ?2, ?3, 0)", &add, reterr) < 0 ||
	    prepare(s, "INSERT OR IGNORE INTO cursor(hub, stream, seq) SELECT db, ?1, 0 FROM hub", &cursors, reterr) < 0 || store_begin(s, reterr) < 0)
		goto fail;
	sqlite3_bind_int64(add, 1, (int64_t)db);
	sqlite3_bind_text(add, 2, node, -1, SQLITE_STATIC);
	sqlite3_bind_text(add, 3, stream_name(stream), -1, SQLITE_STATIC);
	sqlite3_bind_int64(cursors, 1, (int64_t)db);
	if ((rc = db_run(add)) != SQLITE_OK || (rc = db_run(cursors)) != SQLITE_OK) {
		store_fail(s, rc, "naming a stream", reterr);
		store_rollback(s);
		goto fail;
	}
	if (store_end(s, reterr) < 0 || store_slot_set(s, (uint32_t)db, node, stream, 0, reterr) < 0)
		goto fail;
	sqlite3_finalize(add);
	sqlite3_finalize(cursors);
	*ret_db = (uint32_t)db;
	return 0;
fail:
	sqlite3_finalize(add);
	sqlite3_finalize(cursors);
	return -1;
}

/* SQLITE_ROW, SQLITE_DONE (it has no id yet), or SQLite's error. */
static int find_point(sqlite3_stmt *find, const char *id, uint32_t *ret_db)
{
	sqlite3_bind_text(find, 1, id, -1, SQLITE_STATIC);
	int rc = sqlite3_step(find);
	if (rc == SQLITE_ROW)
		*ret_db = (uint32_t)sqlite3_column_int64(find, 0);
	int again = sqlite3_reset(find);
	return rc == SQLITE_ROW || rc == SQLITE_DONE || again == SQLITE_OK ? rc : again;
}

static int add_point(sqlite3_stmt *add, const char *id, int64_t db)
{
	sqlite3_bind_int64(add, 1, db);
	sqlite3_bind_text(add, 2, id, -1, SQLITE_STATIC);
	return db_run(add);
}

/* Writes only if there is a new one: a start on a full disk needs no room. */
int store_bind_points(struct store *s, const char *const *ids, size_t n, uint32_t *ret_dbs, struct err *reterr)
{
	sqlite3_stmt *find = NULL, *add = NULL;
	int64_t next = 0;
	bool begun = false;
	int rc = SQLITE_OK;

	if (prepare(s, "SELECT db FROM point WHERE name = ?1", &find, reterr) < 0 || prepare(s, "INSERT INTO point(db, name) VALUES(?1, ?2)", &add, reterr) < 0)
		goto fail;
	for (size_t i = 0; i < n; i++) {
		if ((rc = find_point(find, ids[i], &ret_dbs[i])) == SQLITE_ROW)
			continue;
		if (rc == SQLITE_DONE && !begun) {
			if (store_begin(s, reterr) < 0)
				goto fail;
			begun = true;
			next = s->max_point;
		}
		if (rc == SQLITE_DONE && (rc = add_point(add, ids[i], next + 1)) == SQLITE_OK) {
			ret_dbs[i] = (uint32_t)++next;
			continue;
		}
		store_fail(s, rc, "naming points", reterr);
		if (begun)
			store_rollback(s);
		goto fail;
	}
	if (begun && store_end(s, reterr) < 0)
		goto fail;
	if (begun)
		s->max_point = next;
	sqlite3_finalize(find);
	sqlite3_finalize(add);
	return 0;
fail:
	sqlite3_finalize(find);
	sqlite3_finalize(add);
	return -1;
}

static int hold_for(struct store *s, uint32_t hub, struct err *reterr)
{
	for (size_t i = 0; i < s->n_hubs; i++)
		if (s->hubs[i] == hub)
			return 0;
	uint32_t *more = realloc(s->hubs, (s->n_hubs + 1) * sizeof *more);
	if (!more)
		return err_set(reterr, ERR_NO_MEMORY, "database '%s': no memory for its hubs", s->path);
	s->hubs = more;
	s->hubs[s->n_hubs++] = hub;
	return 0;
}

void store_hold_only(struct store *s, const uint32_t *hub_dbs, size_t n)
{
	size_t kept = 0;

	for (size_t i = 0; i < s->n_hubs; i++) {
		bool wanted = false;
		for (size_t k = 0; k < n && !wanted; k++)
			wanted = hub_dbs[k] == s->hubs[i];
		if (wanted)
			s->hubs[kept++] = s->hubs[i];
	}
	s->n_hubs = kept;
}

static int add_hub(struct store *s, const char *name, bool oldest, uint32_t *ret_db, struct err *reterr)
{
	sqlite3_stmt *add = NULL, *cursor = NULL;
	int rc = SQLITE_OK;
	int64_t first, hub;

	if (prepare(s, "INSERT INTO hub(name, oldest, session) VALUES(?1, ?2, 0)", &add, reterr) < 0 ||
	    prepare(s, "INSERT INTO cursor(hub, stream, seq) VALUES(?1, ?2, ?3)", &cursor, reterr) < 0 || store_begin(s, reterr) < 0)
		goto fail;
	sqlite3_bind_text(add, 1, name, -1, SQLITE_STATIC);
	sqlite3_bind_int(add, 2, oldest);
	rc = db_run(add);
	hub = sqlite3_last_insert_rowid(s->db);
	for (size_t i = 1; rc == SQLITE_OK && i < s->n_streams; i++) {
		if (!s->streams[i].used)
			continue;
		if (store_first(s, (uint32_t)i, &first, reterr) < 0)
			goto undo;
		sqlite3_bind_int64(cursor, 1, hub);
		sqlite3_bind_int64(cursor, 2, (int64_t)i);
		sqlite3_bind_int64(cursor, 3, oldest ? first - 1 : s->streams[i].last);
		rc = db_run(cursor);
	}
	if (rc != SQLITE_OK) {
		store_fail(s, rc, "naming a hub", reterr);
		goto undo;
	}
	if (store_end(s, reterr) < 0)
		goto fail;
	sqlite3_finalize(add);
	sqlite3_finalize(cursor);
	*ret_db = (uint32_t)hub;
	return 0;
undo:
	store_rollback(s);
fail:
	sqlite3_finalize(add);
	sqlite3_finalize(cursor);
	return -1;
}

int store_bind_hub(struct store *s, const char *name, bool oldest, uint32_t *ret_db, struct err *reterr)
{
	sqlite3_stmt *find;
	uint32_t hub = 0;

	if (prepare(s, "SELECT db FROM hub WHERE name = ?1", &find, reterr) < 0)
		return -1;
	sqlite3_bind_text(find, 1, name, -1, SQLITE_STATIC);
	int rc = sqlite3_step(find);
	if (rc == SQLITE_ROW)
		hub = (uint32_t)sqlite3_column_int64(find, 0);
	sqlite3_finalize(find);
	if (rc != SQLITE_ROW && rc != SQLITE_DONE)
		return store_fail(s, rc, "looking for a hub", reterr);
	if (rc == SQLITE_DONE && add_hub(s, name, oldest, &hub, reterr) < 0)
		return -1;
	if (hold_for(s, hub, reterr) < 0)
		return -1;
	*ret_db = hub;
	return 0;
}

int64_t store_session(struct store *s, uint32_t hub_db)
{
	sqlite3_stmt *st;
	int64_t session = 0;

	if (prepare(s, "SELECT session FROM hub WHERE db = ?1", &st, NULL) < 0)
		return 0;
	sqlite3_bind_int64(st, 1, hub_db);
	if (sqlite3_step(st) == SQLITE_ROW)
		session = sqlite3_column_int64(st, 0);
	sqlite3_finalize(st);
	return session;
}

int store_each_stream(struct store *s, void (*each)(void *user, const struct store_stream *st), void *user, struct err *reterr)
{
	for (size_t i = 1; i < s->n_streams; i++) {
		struct store_stream st = { .db = (uint32_t)i, .stream = s->streams[i].stream, .stored = s->streams[i].last };
		if (!s->streams[i].used)
			continue;
		memcpy(st.node, s->streams[i].node, sizeof st.node);
		if (store_first(s, st.db, &st.first, reterr) < 0)
			return -1;
		each(user, &st);
	}
	return 0;
}

static int done(struct store *s, sqlite3_stmt *st, int rc, struct err *reterr)
{
	sqlite3_finalize(st);
	return rc == SQLITE_DONE ? 0 : store_fail(s, rc, "reading its state", reterr);
}

int store_each_cursor(struct store *s, uint32_t hub_db, void (*each)(void *user, uint32_t stream_db, int64_t seq), void *user, struct err *reterr)
{
	sqlite3_stmt *st;
	int rc;

	if (prepare(s, "SELECT stream, seq FROM cursor WHERE hub = ?1 ORDER BY stream", &st, reterr) < 0)
		return -1;
	sqlite3_bind_int64(st, 1, hub_db);
	while ((rc = sqlite3_step(st)) == SQLITE_ROW)
		each(user, (uint32_t)sqlite3_column_int64(st, 0), sqlite3_column_int64(st, 1));
	return done(s, st, rc, reterr);
}

int store_each_state(struct store *s, void (*each)(void *user, const char *alarm, const void *blob, size_t len), void *user, struct err *reterr)
{
	sqlite3_stmt *st;
	int rc;

	if (prepare(s, "SELECT alarm, blob FROM rule_state ORDER BY alarm", &st, reterr) < 0)
		return -1;
	while ((rc = sqlite3_step(st)) == SQLITE_ROW)
		each(user, (const char *)sqlite3_column_text(st, 0), sqlite3_column_blob(st, 1), (size_t)sqlite3_column_bytes(st, 1));
	return done(s, st, rc, reterr);
}

static bool find_transition(const char *word, enum transition *ret)
{
	for (int i = 0; word && i < TRANSITION_COUNT; i++)
		if (strcmp(word, transition_name((enum transition)i)) == 0) {
			*ret = (enum transition)i;
			return true;
		}
	return false;
}

static bool find_state(const char *word, enum alarm_state *ret)
{
	for (int i = STATE_NORMAL; word && i <= STATE_LATCHED; i++)
		if (strcmp(word, alarm_state_name((enum alarm_state)i)) == 0) {
			*ret = (enum alarm_state)i;
			return true;
		}
	return false;
}

int store_each_alarm(struct store *s, void (*each)(void *user, const struct record_event *e, const char *node, unsigned stream), void *user, struct err *reterr)
{
	sqlite3_stmt *st;
	int rc;

	if (prepare(s, "SELECT a.alarm, a.stream, a.seq, a.n, b.boot, a.counter, a.at, a.transition, a.state, a.since, a.rev, a.tail"
	            " FROM alarm a LEFT JOIN boot b ON b.db = a.boot ORDER BY a.n, a.rowid", &st, reterr) < 0)
		return -1;
	while ((rc = sqlite3_step(st)) == SQLITE_ROW) {
		int64_t stream = sqlite3_column_int64(st, 1);
		struct record_event e = {
			.stream_db = (uint32_t)stream,
			.id = { .boot = (uint64_t)sqlite3_column_int64(st, 4), .counter = (uint64_t)sqlite3_column_int64(st, 5) },
			.at_ms = sqlite3_column_int64(st, 6),
			.alarm = (const char *)sqlite3_column_text(st, 0),
			.since_ms = sqlite3_column_int64(st, 9),
			.rev = (uint32_t)sqlite3_column_int64(st, 10),
			.tail = (const char *)sqlite3_column_text(st, 11),
			.tail_len = (uint32_t)sqlite3_column_bytes(st, 11),
			.seq = sqlite3_column_int64(st, 2),
			.n = sqlite3_column_int64(st, 3),
		};
		/* A word that this program does not know (a row written by hand): the alarm cannot be continued, and must not stop the others. */
		if (stream < 1 || (size_t)stream >= s->n_streams || !s->streams[stream].used || s->streams[stream].stream >= CLASS_COUNT || !e.alarm || !e.tail ||
		    !find_transition((const char *)sqlite3_column_text(st, 7), &e.transition) ||
		    !find_state((const char *)sqlite3_column_text(st, 8), &e.state))
			continue;
		e.class_ = (enum alarm_class)s->streams[stream].stream;
		each(user, &e, s->streams[stream].node, s->streams[stream].stream);
	}
	return done(s, st, rc, reterr);
}

int store_each_command(struct store *s, uint32_t hub_db, int64_t now_ms, void (*each)(void *user, const char *id, int64_t expires_ms), void *user, struct err *reterr)
{
	sqlite3_stmt *st;
	int rc;

	if (prepare(s, "SELECT id, expires FROM command_seen WHERE hub = ?1 AND expires >= ?2 ORDER BY expires", &st, reterr) < 0)
		return -1;
	sqlite3_bind_int64(st, 1, hub_db);
	sqlite3_bind_int64(st, 2, now_ms);
	while ((rc = sqlite3_step(st)) == SQLITE_ROW)
		each(user, (const char *)sqlite3_column_text(st, 0), sqlite3_column_int64(st, 1));
	return done(s, st, rc, reterr);
}
