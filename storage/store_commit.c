/* store_commit: one batch, one transaction.
 *
 * The happy path: BEGIN IMMEDIATE → records, each with the next number of its stream → room left for readings? → COMMIT (one sync of the WAL) → numbers count.
 * Failure: ROLLBACK, the numbers in the batch are taken back, memory stands where it stood.
 *
 * When COMMIT itself fails (a write or sync of the WAL), SQLite has dropped the transaction, and the next one overwrites its frames in the WAL. But until then the frames may stand on
 * the disk complete, and a process that opens the file after a crash takes them for committed. So:
 * - here, the numbers are read again before anything else is written, and if the very batch is found stored after all, it is taken as stored, once, with the numbers it has;
 * - after a crash such a batch may be found stored although store_commit had said -1. Nobody has been told its numbers, so none is reused or missing. */
#include "storage/store_internal.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static void take_back(struct store *s, struct batch *b)
{
	for (size_t i = 0; i < b->n_events; i++)
		b->events[i].seq = b->events[i].n = 0;
	for (size_t i = 0; i < b->n_readings; i++)
		b->readings[i].seq = 0;
	for (size_t i = 1; i < s->n_streams; i++)
		s->streams[i].next = s->streams[i].last;
	s->n_next = s->n_last;
	s->chain_next = s->chain;
	s->boot_next = s->boot_db;
	s->boot_new = s->boot;
}

static void make_good(struct store *s)
{
	for (size_t i = 1; i < s->n_streams; i++)
		s->streams[i].last = s->streams[i].next;
	s->n_last = s->n_next;
	s->chain = s->chain_next;
	s->boot_db = s->boot_next;
	s->boot = s->boot_new;
}

static void bind_text(sqlite3_stmt *st, int i, const char *text)
{
	if (text)
		sqlite3_bind_text(st, i, text, -1, SQLITE_STATIC);
	else
		sqlite3_bind_null(st, i);
}

/* ---- events ---- */

static int boot_row(struct store *s, uint64_t boot, int64_t *ret)
{
	sqlite3_stmt *st = s->st[ST_BOOT];

	if (s->boot_next && s->boot_new == boot) {
		*ret = s->boot_next;
		return SQLITE_OK;
	}
	sqlite3_bind_text(st, 1, s->gateway, -1, SQLITE_STATIC);
	sqlite3_bind_int64(st, 2, (int64_t)boot);
	int rc = sqlite3_step(st);
	if (rc == SQLITE_ROW)
		*ret = sqlite3_column_int64(st, 0);
	int again = sqlite3_reset(st);
	if (rc != SQLITE_ROW)
		return again != SQLITE_OK ? again : rc;
	s->boot_next = *ret;
	s->boot_new = boot;
	return SQLITE_OK;
}

/* A chunk of the stream (stream 0: of all events, by n) is full with this number. */
static int close_span(struct store *s, enum store_stmt how, uint32_t stream_db, int64_t number, int64_t size)
{
	sqlite3_stmt *st = s->st[how];

	if (number % size != size - 1)
		return SQLITE_OK;
	sqlite3_bind_int64(st, 1, db_key(stream_db, number / size));
	sqlite3_bind_int64(st, 2, db_key(stream_db, number - size + 1));
	sqlite3_bind_int64(st, 3, db_key(stream_db, number));
	return db_run(st);
}

static int put_alarm(struct store *s, const struct record_event *e, int64_t boot_db)
{
	sqlite3_stmt *st = s->st[e->state == STATE_NORMAL ? ST_ALARM_DELETE : ST_ALARM_SET];

	bind_text(st, 1, e->alarm);
	if (e->state == STATE_NORMAL)
		return db_run(st);
	sqlite3_bind_int64(st, 2, e->stream_db);
	sqlite3_bind_int64(st, 3, e->seq);
	sqlite3_bind_int64(st, 4, e->n);
	sqlite3_bind_int64(st, 5, boot_db);
	sqlite3_bind_int64(st, 6, (int64_t)e->id.counter);
	sqlite3_bind_int64(st, 7, e->at_ms);
	bind_text(st, 8, transition_name(e->transition));
	bind_text(st, 9, alarm_state_name(e->state));
	sqlite3_bind_int64(st, 10, e->since_ms);
	sqlite3_bind_int64(st, 11, e->rev);
	sqlite3_bind_text(st, 12, e->tail, (int)e->tail_len, SQLITE_STATIC);
	return db_run(st);
}

static int put_event(struct store *s, struct record_event *e)
{
	sqlite3_stmt *st = s->st[ST_EVENT];
	int64_t boot_db;
	int rc = boot_row(s, e->id.boot, &boot_db);

	if (rc != SQLITE_OK)
		return rc;
	e->seq = ++s->streams[e->stream_db].next;
	e->n = ++s->n_next;
	sqlite3_bind_int64(st, 1, db_key(e->stream_db, e->seq));
	sqlite3_bind_int64(st, 2, e->n);
	sqlite3_bind_int64(st, 3, boot_db);
	sqlite3_bind_int64(st, 4, (int64_t)e->id.counter);
	sqlite3_bind_int64(st, 5, e->at_ms);
	bind_text(st, 6, transition_name(e->transition));
	bind_text(st, 7, e->alarm);
	bind_text(st, 8, e->alarm ? alarm_state_name(e->state) : NULL);
	sqlite3_bind_text(st, 9, e->tail, (int)e->tail_len, SQLITE_STATIC);
	if ((rc = db_run(st)) != SQLITE_OK || (rc = close_span(s, ST_SPAN_EVENTS, e->stream_db, e->seq, DB_SPAN_EVENTS)) != SQLITE_OK ||
	    (rc = close_span(s, ST_SPAN_N, 0, e->n, DB_SPAN_EVENTS)) != SQLITE_OK)
		return rc;
	return e->alarm ? put_alarm(s, e, boot_db) : SQLITE_OK;
}

/* ---- the rest ---- */

static int put_reading(struct store *s, struct record_reading *r)
{
	sqlite3_stmt *st = s->st[ST_READING];

	r->seq = ++s->streams[r->stream_db].next;
	sqlite3_bind_int64(st, 1, db_key(r->stream_db, r->seq));
	sqlite3_bind_int64(st, 2, r->point_db);
	sqlite3_bind_int64(st, 3, r->at_ms);
	db_bind_value(st, 4, r->number, r->text);
	if (r->quality == QUALITY_GOOD)
		sqlite3_bind_null(st, 5);
	else
		sqlite3_bind_int(st, 5, (int)r->quality);
	int rc = db_run(st);
	return rc == SQLITE_OK ? close_span(s, ST_SPAN_READINGS, r->stream_db, r->seq, DB_SPAN_READINGS) : rc;
}

static int put_state(struct store *s, const struct record_state *x)
{
	sqlite3_stmt *st = s->st[x->len ? ST_STATE_SET : ST_STATE_DELETE];

	bind_text(st, 1, x->alarm);
	if (x->len)
		sqlite3_bind_blob(st, 2, x->blob, (int)x->len, SQLITE_STATIC);
	return db_run(st);
}

static int put_cursor(struct store *s, const struct record_cursor *c)
{
	sqlite3_stmt *st = s->st[ST_CURSOR];
	int64_t last = c->stream_db < s->n_streams ? s->streams[c->stream_db].next : 0;

	sqlite3_bind_int64(st, 1, c->hub_db);
	sqlite3_bind_int64(st, 2, c->stream_db);
	sqlite3_bind_int64(st, 3, c->seq < last ? c->seq : last);
	return db_run(st);
}

static const char *given(const char *text)
{
	return text ? text : "";
}

static int put_audit(struct store *s, const struct record_audit *a)
{
	sqlite3_stmt *st = s->st[ST_AUDIT];
	char hash[AUDIT_HASH_MAX];

	if (audit_hash(&s->chain_next, a, hash) < 0)
		return SQLITE_NOMEM;
	sqlite3_bind_int64(st, 1, s->chain_next.rows + 1);
	sqlite3_bind_int64(st, 2, a->at_ms);
	bind_text(st, 3, given(a->actor));
	bind_text(st, 4, given(a->role));
	bind_text(st, 5, given(a->action));
	bind_text(st, 6, given(a->subject));
	bind_text(st, 7, given(a->result));
	bind_text(st, 8, given(a->detail));
	bind_text(st, 9, hash);
	int rc = db_run(st);
	if (rc != SQLITE_OK)
		return rc;
	s->chain_next.rows++;
	memcpy(s->chain_next.head, hash, sizeof hash);
	return SQLITE_OK;
}

static int put_audits(struct store *s, const struct batch *b)
{
	sqlite3_stmt *st = s->st[ST_META_SET];
	char head[AUDIT_HASH_MAX + 24];

	for (size_t i = 0; i < b->n_audits; i++) {
		int rc = put_audit(s, &b->audits[i]);
		if (rc != SQLITE_OK)
			return rc;
	}
	if (b->n_audits == 0)
		return SQLITE_OK;
	snprintf(head, sizeof head, "%" PRId64 " %s", s->chain_next.rows, s->chain_next.head);
	bind_text(st, 1, "audit");
	bind_text(st, 2, head);
	return db_run(st);
}

static int put_commands(struct store *s, const struct batch *b, int64_t now_ms)
{
	sqlite3_stmt *st = s->st[ST_COMMAND];

	if (b->n_commands == 0)
		return SQLITE_OK;
	sqlite3_bind_int64(s->st[ST_COMMAND_EXPIRE], 1, now_ms);
	int rc = db_run(s->st[ST_COMMAND_EXPIRE]);
	for (size_t i = 0; i < b->n_commands && rc == SQLITE_OK; i++) {
		sqlite3_bind_int64(st, 1, b->commands[i].hub_db);
		bind_text(st, 2, b->commands[i].id);
		sqlite3_bind_int64(st, 3, b->commands[i].expires_ms);
		rc = db_run(st);
	}
	return rc;
}

static int put_sessions(struct store *s, const struct batch *b)
{
	sqlite3_stmt *st = s->st[ST_SESSION];
	int rc = SQLITE_OK;

	for (size_t i = 0; i < b->n_sessions && rc == SQLITE_OK; i++) {
		sqlite3_bind_int64(st, 1, b->sessions[i].hub_db);
		sqlite3_bind_int64(st, 2, b->sessions[i].session);
		rc = db_run(st);
	}
	return rc;
}

static int put_all(struct store *s, struct batch *b, int64_t now_ms)
{
	int rc = SQLITE_OK;

	for (size_t i = 0; i < b->n_events && rc == SQLITE_OK; i++)
		rc = put_event(s, &b->events[i]);
	for (size_t i = 0; i < b->n_readings && rc == SQLITE_OK; i++)
		rc = put_reading(s, &b->readings[i]);
	for (size_t i = 0; i < b->n_states && rc == SQLITE_OK; i++)
		rc = put_state(s, &b->states[i]);
	for (size_t i = 0; i < b->n_cursors && rc == SQLITE_OK; i++)
		rc = put_cursor(s, &b->cursors[i]);
	if (rc == SQLITE_OK)
		rc = put_audits(s, b);
	if (rc == SQLITE_OK)
		rc = put_commands(s, b, now_ms);
	return rc == SQLITE_OK ? put_sessions(s, b) : rc;
}

/* ---- the commit ---- */

static int check_ids(const struct store *s, const struct batch *b, struct err *reterr)
{
	for (size_t i = 0; i < b->n_events; i++) {
		uint32_t db = b->events[i].stream_db;
		if (db == 0 || db >= s->n_streams || !s->streams[db].used || s->streams[db].stream == STREAM_READING || !b->events[i].tail)
			return err_set(reterr, ERR_INVALID, "database '%s': an event for stream %u, which is none of events", s->path, db);
	}
	for (size_t i = 0; i < b->n_readings; i++) {
		uint32_t db = b->readings[i].stream_db;
		if (db == 0 || db >= s->n_streams || !s->streams[db].used || s->streams[db].stream != STREAM_READING)
			return err_set(reterr, ERR_INVALID, "database '%s': a reading for stream %u, which is none of readings", s->path, db);
		if (b->readings[i].point_db == 0 || b->readings[i].point_db > s->max_point)
			return err_set(reterr, ERR_INVALID, "database '%s': a reading of point %u, which has no name", s->path, b->readings[i].point_db);
	}
	return 0;
}

/* Readings stop at max_bytes; what is above is for events. */
static int check_room(struct store *s, const struct batch *b, struct err *reterr)
{
	int64_t used, wal = (int64_t)s->wal_frames * s->page_bytes;
	int64_t wal_max = STORE_WAL_MAX_BYTES > s->max_bytes / 4 ? STORE_WAL_MAX_BYTES : s->max_bytes / 4;

	if (b->n_readings == 0)
		return 0;
	int rc = store_count_pages(s, &used, NULL);
	if (rc != SQLITE_OK)
		return store_fail(s, rc, "storing", reterr);
	if (used * s->page_bytes > s->max_bytes)
		return err_set(reterr, ERR_FULL, "database '%s': readings fill storage.max_size (%" PRId64 " MiB): the oldest have to go first", s->path, s->max_bytes >> 20);
	if (wal > wal_max)
		return err_set(reterr, ERR_FULL, "database '%s': its WAL has grown to %" PRId64 " MiB because a program reads it without end: close that sqlite3", s->path, wal >> 20);
	return 0;
}

/* Whether a statement's only row is there and fits; *ret_rc is SQLite's error where it could not be read. */
static bool row_fits(sqlite3_stmt *st, int64_t first, int64_t second, int *ret_rc)
{
	int rc = sqlite3_step(st);
	bool fits = rc == SQLITE_ROW && sqlite3_column_int64(st, 0) == first && sqlite3_column_int64(st, 1) == second;

	sqlite3_reset(st);
	*ret_rc = rc == SQLITE_ROW || rc == SQLITE_DONE ? SQLITE_OK : rc;
	return fits;
}

static bool first_is_stored(struct store *s, const struct batch *b, int *ret_rc)
{
	char hash[AUDIT_HASH_MAX];

	if (b->n_events > 0) {
		const struct record_event *e = &b->events[0];
		sqlite3_bind_int64(s->st[ST_EVENT_ID], 1, db_key(e->stream_db, s->streams[e->stream_db].last + 1));
		return row_fits(s->st[ST_EVENT_ID], (int64_t)e->id.boot, (int64_t)e->id.counter, ret_rc);
	}
	if (b->n_readings > 0) {
		const struct record_reading *r = &b->readings[0];
		sqlite3_bind_int64(s->st[ST_READING_AT], 1, db_key(r->stream_db, s->streams[r->stream_db].last + 1));
		return row_fits(s->st[ST_READING_AT], r->point_db, r->at_ms, ret_rc);
	}
	*ret_rc = SQLITE_OK;
	if (b->n_audits == 0 || audit_hash(&s->chain, &b->audits[0], hash) < 0)
		return false;
	sqlite3_bind_int64(s->st[ST_AUDIT_SAME], 1, s->chain.rows + 1);
	sqlite3_bind_text(s->st[ST_AUDIT_SAME], 2, hash, -1, SQLITE_STATIC);
	return row_fits(s->st[ST_AUDIT_SAME], 1, 1, ret_rc);
}

/* Whether the batch whose COMMIT failed stands in the file all the same: it went in whole or not at all, so its first record tells. Gives its numbers if so. Memory still
 * stands before it. A batch without any of the three may be done twice without harm. 1, 0, or -1 where it cannot be read. */
static int went_in(struct store *s, struct batch *b, struct err *reterr)
{
	int rc;

	if (!first_is_stored(s, b, &rc))
		return rc == SQLITE_OK ? 0 : store_fail(s, rc, "reading what became of the last commit", reterr);
	for (size_t i = 0; i < b->n_events; i++) {
		b->events[i].seq = ++s->streams[b->events[i].stream_db].next;
		b->events[i].n = ++s->n_next;
	}
	for (size_t i = 0; i < b->n_readings; i++)
		b->readings[i].seq = ++s->streams[b->readings[i].stream_db].next;
	if (store_load(s, reterr) == 0)
		return 1;
	take_back(s, b);
	return -1;
}

static void note_revs(struct store *s, const struct batch *b)
{
	for (size_t i = 0; i < b->n_events; i++)
		if (b->events[i].alarm && b->events[i].rev > s->rev_last)
			s->rev_last = b->events[i].rev;
}

int store_commit(struct store *s, struct batch *b, int64_t now_ms, struct err *reterr)
{
	if (batch_is_empty(b))
		return 0;
	if (check_ids(s, b, reterr) < 0)
		return -1;
	take_back(s, b);
	int in = s->unsure ? went_in(s, b, reterr) : 0;
	if (in != 0)
		return in > 0 ? 0 : -1;
	if (store_begin(s, reterr) < 0)
		return -1;
	take_back(s, b);
	int rc = put_all(s, b, now_ms);
	if (rc != SQLITE_OK)
		store_fail(s, rc, "storing", reterr);
	if (rc != SQLITE_OK || check_room(s, b, reterr) < 0 || store_end(s, reterr) < 0) {
		store_rollback(s);
		take_back(s, b);
		return -1;
	}
	make_good(s);
	note_revs(s, b);
	store_tell_witness(s, false);
	store_checkpoint(s, STORE_CHECKPOINT_COMMIT);
	return 0;
}
