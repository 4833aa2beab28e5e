#include "tests/unit/storage/fixture.h"

#include <dirent.h>
#include <inttypes.h>
#include <sqlite3.h>
#include <stdio.h>
#include <unistd.h>

static const char *const point_names[POINTS] = { "a.p0", "a.p1", "b.p2", "b.p3" };

void fixture_init(struct fixture *f)
{
	memset(f, 0, sizeof *f);
	/* in memory where there is such a place: the tests sync thousands of times */
	snprintf(f->dir, sizeof f->dir, "%s/firegw-store-XXXXXX", access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
	assert_non_null(mkdtemp(f->dir));
	snprintf(f->path, sizeof f->path, "%s/t.db", f->dir);
	f->max_bytes = INT64_C(64) << 20;
	f->keep_readings_ms = 400 * DAY;
	f->keep_events_ms = 1095 * DAY;
	f->b = batch_new((struct batch_sizes){ 512, 20000, 64, 64, 64, 64, 8, 1 << 20 });
	assert_non_null(f->b);
}

int fixture_try_open(struct fixture *f, struct err *reterr)
{
	struct store_options o = { f->path, f->max_bytes, f->keep_readings_ms, f->keep_events_ms, f->vfs, "gw-1" };

	f->s = NULL;
	return store_open(&o, T0, &f->s, &f->report, reterr);
}

int fixture_bind(struct fixture *f, struct err *reterr)
{
	return store_bind_stream(f->s, "gw-1", CLASS_FIRE, &f->fire, reterr) < 0 || store_bind_stream(f->s, "gw-1", CLASS_FAULT, &f->fault, reterr) < 0 ||
	       store_bind_stream(f->s, "gw-1", STREAM_READING, &f->reading, reterr) < 0 ||
	       store_bind_points(f->s, point_names, POINTS, f->point, reterr) < 0 || store_bind_hub(f->s, "district", true, &f->hub, reterr) < 0 ? -1 : 0;
}

void fixture_open(struct fixture *f)
{
	struct err e = { 0 };

	if (fixture_try_open(f, &e) < 0 || fixture_bind(f, &e) < 0)
		fail_msg("%s", e.text);
}

void fixture_close(struct fixture *f)
{
	/* first, so that the store's is the last connection and closes the file */
	sqlite3_close(f->look);
	f->look = NULL;
	store_close(f->s);
	f->s = NULL;
}

void fixture_done(struct fixture *f)
{
	char path[512];
	struct dirent *e;

	fixture_close(f);
	batch_free(f->b);
	DIR *d = opendir(f->dir);
	while (d && (e = readdir(d))) {
		snprintf(path, sizeof path, "%s/%s", f->dir, e->d_name);
		if (e->d_name[0] != '.')
			unlink(path);
	}
	if (d)
		closedir(d);
	rmdir(f->dir);
}

struct record_event *fixture_event(struct fixture *f, uint32_t stream_db, const char *alarm, enum transition t, enum alarm_state state, int64_t at_ms)
{
	struct record_event *e = batch_add_event(f->b);
	char tail[256];

	assert_non_null(e);
	e->stream_db = stream_db;
	e->transition = t;
	e->state = state;
	e->id = (struct event_id){ 0xfedcba9876543210, ++f->counter };
	e->at_ms = at_ms;
	e->alarm = alarm ? batch_keep(f->b, alarm, strlen(alarm)) : NULL;
	e->since_ms = at_ms - 5;
	e->rev = (uint32_t)f->counter;
	snprintf(tail, sizeof tail, "\"id\":\"gw-1/fedcba9876543210/%" PRIu64 "\",\"name\":\"12层烟感\",\"at\":%" PRId64 "}", f->counter, at_ms);
	e->tail_len = (uint32_t)strlen(tail);
	e->tail = batch_keep(f->b, tail, e->tail_len);
	return e;
}

struct record_reading *fixture_reading(struct fixture *f, uint32_t stream_db, uint32_t point_db, int64_t at_ms, double number)
{
	struct record_reading *r = batch_add_reading(f->b);

	assert_non_null(r);
	r->stream_db = stream_db;
	r->point_db = point_db;
	r->at_ms = at_ms;
	r->number = number;
	return r;
}

void fixture_commit(struct fixture *f, int64_t now_ms)
{
	struct err e = { 0 };

	if (store_commit(f->s, f->b, now_ms, &e) < 0)
		fail_msg("%s", e.text);
}

struct find { uint32_t db; struct store_stream st; };

static void find_stream(void *user, const struct store_stream *st)
{
	struct find *x = user;

	if (st->db == x->db)
		x->st = *st;
}

struct store_stream fixture_stream(struct fixture *f, uint32_t db)
{
	struct find x = { .db = db };
	struct err e = { 0 };

	if (store_each_stream(f->s, find_stream, &x, &e) < 0)
		fail_msg("%s", e.text);
	assert_int_equal(x.st.db, db);
	return x.st;
}

void fixture_sql(struct fixture *f, const char *sql, char *ret, size_t size)
{
	sqlite3_stmt *st;
	const char *rest = sql;
	int on = 1;

	if (!f->look) {
		assert_int_equal(sqlite3_open(f->path, &f->look), SQLITE_OK);
		sqlite3_busy_timeout(f->look, 2000);
		sqlite3_file_control(f->look, "main", SQLITE_FCNTL_PERSIST_WAL, &on);
	}
	sqlite3 *db = f->look;
	while (*rest) {
		if (sqlite3_prepare_v2(db, rest, -1, &st, &rest) != SQLITE_OK)
			fail_msg("%s: %s", sql, sqlite3_errmsg(db));
		if (!st)
			break;
		int rc = sqlite3_step(st);
		if (rc == SQLITE_ROW && ret)
			snprintf(ret, size, "%s", sqlite3_column_text(st, 0) ? (const char *)sqlite3_column_text(st, 0) : "NULL");
		else if (ret && rc == SQLITE_DONE)
			snprintf(ret, size, "none");
		else if (rc != SQLITE_ROW && rc != SQLITE_DONE)
			fail_msg("%s: %s", sql, sqlite3_errmsg(db));
		sqlite3_finalize(st);
	}
	/* Without a store the connection would keep the file from being moved away. */
	if (!f->s) {
		sqlite3_close(f->look);
		f->look = NULL;
	}
}

int64_t fixture_int(struct fixture *f, const char *sql)
{
	char text[64];

	fixture_sql(f, sql, text, sizeof text);
	return strtoll(text, NULL, 10);
}
