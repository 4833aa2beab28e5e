#include "tests/unit/storage/fixture.h"

#include <inttypes.h>
#include <math.h>
#include <sqlite3.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

struct text { char t[8192]; int stop_after, n; };

static void put(struct text *x, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static void put(struct text *x, const char *fmt, ...)
{
	va_list args;
	size_t len = strlen(x->t);

	va_start(args, fmt);
	vsnprintf(x->t + len, sizeof x->t - len, fmt, args);
	va_end(args);
}

static bool see_event(void *user, const struct reader_event *e)
{
	struct text *x = user;

	put(x, "%s/%s %" PRId64 " %" PRId64 " %s\n", e->node, stream_name(e->stream), e->seq, e->n, e->alarm ? e->alarm : "-");
	return ++x->n != x->stop_after;
}

static bool see_reading(void *user, const struct reader_reading *r)
{
	struct text *x = user;

	put(x, "%" PRId64 " %s %" PRId64 " %g %s %s\n", r->seq, r->point, r->at_ms - T0, r->number, r->text ? r->text : "-", quality_name(r->quality));
	return ++x->n != x->stop_after;
}

static bool see_row(void *user, const struct reader_row *r)
{
	struct text *x = user;

	put(x, "%" PRId64 " %g %s %s\n", r->at_ms - T0, r->number, r->text ? r->text : "-", quality_name(r->quality));
	return ++x->n != x->stop_after;
}

static bool see_bucket(void *user, const struct reader_bucket *b)
{
	struct text *x = user;

	put(x, "%" PRId64 " %g %g %g %g %" PRId64 " %s\n", b->at_ms, b->min, b->max, b->mean, b->last, b->count, quality_name(b->worst));
	return ++x->n != x->stop_after;
}

static bool see_point(void *user, const char *point)
{
	struct text *x = user;

	put(x, "%s ", point);
	return ++x->n != x->stop_after;
}

static struct reader *open_reader(struct fixture *f)
{
	struct reader *r;
	struct err e;

	if (reader_open(f->path, &r, &e) < 0)
		fail_msg("%s", e.text);
	return r;
}

#define SAW(call, expect) \
	do { \
		struct err e_ = { 0 }; \
		memset(&x, 0, sizeof x); \
		if ((call) < 0) \
			fail_msg("%s", e_.text); \
		assert_string_equal(x.t, expect); \
	} while (0)

static void test_streams(void **state)
{
	struct fixture f;
	struct text x;
	struct err e;
	int64_t first, last, seq;
	(void)state;

	fixture_init(&f);
	fixture_open(&f);
	struct reader *r = open_reader(&f);
	assert_string_equal(reader_log(r), store_log(f.s));
	assert_int_equal(reader_range(r, f.fire, &first, &last, &e), 0);
	assert_true(first == 1 && last == 0);
	for (int i = 0; i < 4; i++) {
		fixture_event(&f, i % 2 ? f.fault : f.fire, i ? "x/smoke" : NULL, TRANSITION_RAISED, STATE_ACTIVE, T0 + i);
		fixture_reading(&f, f.reading, f.point[i], T0 + i * 10, i + 0.5);
	}
	f.b->readings[1].quality = QUALITY_COMM;
	f.b->readings[1].number = (double)NAN;
	fixture_commit(&f, T0);
	SAW(reader_events(r, f.fire, 0, 100, see_event, &x, &e_), "gw-1/fire 1 1 -\ngw-1/fire 2 3 x/smoke\n");
	SAW(reader_events(r, f.fire, 1, 100, see_event, &x, &e_), "gw-1/fire 2 3 x/smoke\n");
	SAW(reader_events(r, f.fire, 2, 100, see_event, &x, &e_), "");
	SAW(reader_events(r, f.fire, 0, 1, see_event, &x, &e_), "gw-1/fire 1 1 -\n");
	SAW(reader_readings(r, f.reading, 1, 2, see_reading, &x, &e_), "2 a.p1 10 nan - comm\n3 b.p2 20 2.5 - good\n");
	/* stopped by the caller: no error */
	memset(&x, 0, sizeof x);
	x.stop_after = 1;
	assert_int_equal(reader_readings(r, f.reading, 0, 100, see_reading, &x, &e), 0);
	assert_int_equal(x.n, 1);
	assert_int_equal(reader_range(r, f.reading, &first, &last, &e), 0);
	assert_true(first == 1 && last == 4);
	assert_int_equal(reader_seq_at(r, f.reading, T0 + 15, &seq, &e), 0);
	assert_int_equal(seq, 3);
	assert_int_equal(reader_seq_at(r, f.reading, T0 + 99, &seq, &e), 0);
	assert_int_equal(seq, 5);
	assert_int_equal(reader_seq_at(r, f.fire, 0, &seq, &e), 0);
	assert_int_equal(seq, 1);
	/* a stream and a point that came after the reader */
	uint32_t later, point;
	const char *name = "late.p";
	assert_int_equal(store_bind_stream(f.s, "tower-b", STREAM_READING, &later, &e), 0);
	assert_int_equal(store_bind_points(f.s, &name, 1, &point, &e), 0);
	batch_clear(f.b);
	fixture_reading(&f, later, point, T0, 7);
	fixture_commit(&f, T0);
	SAW(reader_readings(r, later, 0, 9, see_reading, &x, &e_), "1 late.p 0 7 - good\n");
	SAW(reader_points(r, see_point, &x, &e_), "a.p0 a.p1 b.p2 b.p3 late.p ");
	/* mistaken callers */
	assert_int_equal(reader_events(r, 77, 0, 1, see_event, &x, &e), -1);
	assert_int_equal(e.code, ERR_NOT_FOUND);
	assert_int_equal(reader_events(r, f.reading, 0, 1, see_event, &x, &e), -1);
	assert_int_equal(reader_readings(r, f.fire, 0, 1, see_reading, &x, &e), -1);
	assert_int_equal(reader_history(r, "no.such", 0, 1, see_row, &x, &e), -1);
	assert_int_equal(e.code, ERR_NOT_FOUND);
	reader_close(r);
	fixture_done(&f);
}

static void test_values(void **state)
{
	struct fixture f;
	struct text x;
	char word[32];
	static const struct { double number; const char *text, *type; } values[] = {
		{ 0.31, NULL, "real" }, { 1, NULL, "integer" }, { -40, NULL, "integer" }, { 9007199254740992.0, NULL, "integer" }, { 1e300, NULL, "real" },
		{ 9223372036854775807.0, "9223372036854775807", "integer" }, { 18446744073709551615.0, "18446744073709551615", "text" },
		{ NAN, "V1.2", "text" }, { NAN, "12345678901234567", "text" }, { NAN, "", "text" }, { -0.0, NULL, "real" },
	};
	(void)state;

	fixture_init(&f);
	fixture_open(&f);
	for (size_t i = 0; i < sizeof values / sizeof *values; i++)
		fixture_reading(&f, f.reading, f.point[0], T0 + (int64_t)i, values[i].number)->text = values[i].text;
	fixture_commit(&f, T0);
	for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
		char sql[100];
		snprintf(sql, sizeof sql, "SELECT typeof(value) FROM v_readings WHERE at = %" PRId64, T0 + (int64_t)i);
		fixture_sql(&f, sql, word, sizeof word);
		assert_string_equal(word, values[i].type);
	}
	struct reader *r = open_reader(&f);
	SAW(reader_history(r, "a.p0", T0, T0 + 100, see_row, &x, &e_),
	    "0 0.31 - good\n1 1 - good\n2 -40 - good\n3 9.0072e+15 - good\n4 1e+300 - good\n5 9.22337e+18 9223372036854775807 good\n"
	    "6 1.84467e+19 18446744073709551615 good\n7 nan V1.2 good\n8 nan 12345678901234567 good\n9 nan  good\n10 -0 - good\n");
	reader_close(r);
	fixture_done(&f);
}

/* Readings over several chunks, two nodes, a clock that jumps: history is exact and in order of time. */
static void test_history(void **state)
{
	struct fixture f;
	struct text x;
	struct err e;
	uint32_t other;
	int64_t seq;
	(void)state;

	fixture_init(&f);
	fixture_open(&f);
	assert_int_equal(store_bind_stream(f.s, "tower-b", STREAM_READING, &other, &e), 0);
	/* 15,000 readings, one a second, of which every 1,000th is of p1 */
	for (int i = 0; i < 15000; i++)
		fixture_reading(&f, f.reading, f.point[i % 1000 == 0], T0 + i * 1000, i);
	/* then the clock fell back by a day for a while */
	fixture_reading(&f, f.reading, f.point[1], T0 - DAY, -1);
	fixture_reading(&f, other, f.point[1], T0 + 1500 * 1000, 77);
	fixture_commit(&f, T0);
	assert_int_equal(fixture_int(&f, "SELECT count(*) FROM span"), 3);
	struct reader *r = open_reader(&f);
	SAW(reader_history(r, "a.p1", T0 + 1000000, T0 + 3000000, see_row, &x, &e_), "1000000 1000 - good\n1500000 77 - good\n2000000 2000 - good\n");
	SAW(reader_history(r, "a.p1", T0 - 2 * DAY, T0 + 1, see_row, &x, &e_), "-86400000 -1 - good\n0 0 - good\n");
	SAW(reader_history(r, "a.p1", T0 + 14000000, T0 + DAY, see_row, &x, &e_), "14000000 14000 - good\n");
	SAW(reader_history(r, "a.p1", T0 + DAY, T0 + 2 * DAY, see_row, &x, &e_), "");
	assert_int_equal(reader_seq_at(r, f.reading, T0 + 9999000, &seq, &e), 0);
	assert_int_equal(seq, 10000);
	assert_int_equal(reader_seq_at(r, f.reading, T0 + 14999000, &seq, &e), 0);
	assert_int_equal(seq, 15000);
	assert_int_equal(reader_seq_at(r, f.reading, T0 + 14999001, &seq, &e), 0);
	assert_int_equal(seq, 15002);
	/* the first and the last of a full chunk: seq 4095, 4096, 8191, 8192 */
	SAW(reader_history(r, "a.p0", T0 + 4094000, T0 + 4095001, see_row, &x, &e_), "4094000 4094 - good\n4095000 4095 - good\n");
	SAW(reader_history(r, "a.p0", T0 + 8190000, T0 + 8190001, see_row, &x, &e_), "8190000 8190 - good\n");
	SAW(reader_history(r, "a.p0", T0 + 8191000, T0 + 8191001, see_row, &x, &e_), "8191000 8191 - good\n");
	SAW(reader_history_every(r, "a.p0", T0, T0 + 2 * HOUR, HOUR, see_bucket, &x, &e_),
	    "1795485600000 1 3599 1799.83 3599 3596 good\n1795489200000 3600 7199 5399.39 7199 3596 good\n");
	reader_close(r);
	fixture_done(&f);
}

static void test_buckets_and_hours(void **state)
{
	struct fixture f;
	struct text x;
	char row[256];
	int64_t hour = T0 / HOUR * HOUR;
	struct err e;
	(void)state;

	fixture_init(&f);
	fixture_open(&f);
	fixture_reading(&f, f.reading, f.point[0], hour, 2);
	fixture_reading(&f, f.reading, f.point[0], hour + 10, 4.5);
	fixture_reading(&f, f.reading, f.point[0], hour + 20, (double)NAN)->quality = QUALITY_DEVICE;
	fixture_reading(&f, f.reading, f.point[0], hour + 15, 1);
	fixture_reading(&f, f.reading, f.point[0], hour + HOUR, (double)NAN)->quality = QUALITY_COMM;
	fixture_reading(&f, f.reading, f.point[0], hour + 2 * HOUR, (double)NAN)->text = "V1";
	fixture_commit(&f, T0);
	struct reader *r = open_reader(&f);
	char expect[512];
	snprintf(expect, sizeof expect, "%" PRId64 " 1 4.5 2.5 1 3 device\n%" PRId64 " nan nan nan nan 0 comm\n%" PRId64 " nan nan nan nan 1 good\n", hour, hour + HOUR, hour + 2 * HOUR);
	SAW(reader_history_every(r, "a.p0", 0, INT64_MAX, HOUR, see_bucket, &x, &e_), expect);
	/* the view says the same */
	for (int i = 0; i < 3; i++) {
		char sql[300];
		snprintf(sql, sizeof sql, "SELECT point || ' ' || (hour - %" PRId64 ") || ' ' || count || ' ' || coalesce(min, '-') || ' ' || coalesce(max, '-') || ' ' ||"
		         " coalesce(mean, '-') || ' ' || coalesce(last, '-') || ' ' || worst_quality FROM v_hours ORDER BY hour LIMIT 1 OFFSET %d", hour, i);
		fixture_sql(&f, sql, row, sizeof row);
		assert_string_equal(row, i == 0 ? "a.p0 0 3 1 4.5 2.5 1 device" : i == 1 ? "a.p0 3600000 0 - - - - comm" : "a.p0 7200000 1 - - - V1 good");
	}
	assert_int_equal(reader_history_every(r, "a.p0", 0, 1, 0, see_bucket, &x, &e), -1);
	reader_close(r);
	fixture_done(&f);
}

static void test_log_events(void **state)
{
	struct fixture f;
	struct text x;
	(void)state;

	fixture_init(&f);
	fixture_open(&f);
	for (int k = 0; k < 3; k++) {
		batch_clear(f.b);
		for (int i = 0; i < 300; i++)
			fixture_event(&f, i % 2 ? f.fault : f.fire, "x/y", TRANSITION_RAISED, STATE_ACTIVE, T0 + (k * 300 + i) * 1000);
		fixture_commit(&f, T0);
	}
	/* the clock fell back for one event */
	batch_clear(f.b);
	fixture_event(&f, f.fault, NULL, TRANSITION_CLOCK_STEP, STATE_NORMAL, T0 + 100500);
	fixture_commit(&f, T0);
	struct reader *r = open_reader(&f);
	SAW(reader_log_events(r, 0, 0, INT64_MAX, 2, see_event, &x, &e_), "gw-1/fire 1 1 x/y\ngw-1/fault 1 2 x/y\n");
	SAW(reader_log_events(r, 511, 0, INT64_MAX, 1, see_event, &x, &e_), "gw-1/fault 256 512 x/y\n");
	SAW(reader_log_events(r, 899, 0, INT64_MAX, 100, see_event, &x, &e_), "gw-1/fault 450 900 x/y\ngw-1/fault 451 901 -\n");
	SAW(reader_log_events(r, 901, 0, INT64_MAX, 100, see_event, &x, &e_), "");
	SAW(reader_log_events(r, 0, T0 + 100000, T0 + 101000, 100, see_event, &x, &e_), "gw-1/fire 51 101 x/y\ngw-1/fault 51 102 x/y\ngw-1/fault 451 901 -\n");
	SAW(reader_log_events(r, 0, T0 + 510000, T0 + 511000, 100, see_event, &x, &e_), "gw-1/fire 256 511 x/y\ngw-1/fault 256 512 x/y\n");
	SAW(reader_log_events(r, 0, T0 + 510000, T0 + 510000, 100, see_event, &x, &e_), "gw-1/fire 256 511 x/y\n");
	SAW(reader_log_events(r, 101, T0 + 100000, T0 + 101000, 100, see_event, &x, &e_), "gw-1/fault 51 102 x/y\ngw-1/fault 451 901 -\n");
	SAW(reader_log_events(r, 700, T0 + 100000, T0 + 101000, 100, see_event, &x, &e_), "gw-1/fault 451 901 -\n");
	memset(&x, 0, sizeof x);
	struct err e;
	assert_int_equal(reader_log_events(r, 0, 0, INT64_MAX, 10000, see_event, &x, &e), 0);
	assert_int_equal(x.n, 901);
	memset(&x, 0, sizeof x);
	x.stop_after = 300;
	assert_int_equal(reader_log_events(r, 0, 0, INT64_MAX, 10000, see_event, &x, &e), 0);
	assert_int_equal(x.n, 300);
	reader_close(r);
	fixture_done(&f);
}

/* ---- the views ---- */

static bool compare_body(void *user, const struct reader_event *e)
{
	struct fixture *f = user;
	struct strbuf b = STRBUF_INIT;
	char sql[100], body[1024];

	record_event_head(&b, "gw-1", e->node, store_log(f->s), e->stream, e->seq, e->n);
	strbuf_put(&b, e->tail, e->tail_len);
	snprintf(sql, sizeof sql, "SELECT body FROM v_events WHERE n = %" PRId64, e->n);
	fixture_sql(f, sql, body, sizeof body);
	assert_string_equal(body, b.data);
	assert_string_equal(e->gateway, "gw-1");
	strbuf_done(&b);
	f->counter++;
	return true;
}

static void test_views(void **state)
{
	struct fixture f;
	struct err e;
	uint32_t other;
	char text[1024];
	(void)state;

	fixture_init(&f);
	fixture_open(&f);
	assert_int_equal(store_bind_stream(f.s, "B座 \"2\"\\", CLASS_OPERATION, &other, &e), 0);
	fixture_event(&f, f.fire, "x/smoke", TRANSITION_RAISED, STATE_ACTIVE, T0);
	fixture_event(&f, other, NULL, TRANSITION_STARTED, STATE_NORMAL, T0 + 1);
	fixture_event(&f, f.fault, "y/comm", TRANSITION_RAISED, STATE_ACTIVE, T0 + 2);
	fixture_event(&f, f.fire, "x/smoke", TRANSITION_RETURNED, STATE_RETURNED, T0 + 3);
	fixture_event(&f, f.fault, "y/comm", TRANSITION_CLEARED, STATE_NORMAL, T0 + 4);
	fixture_commit(&f, T0);
	struct reader *r = open_reader(&f);
	f.counter = 0;
	assert_int_equal(reader_log_events(r, 0, 0, INT64_MAX, 100, compare_body, &f, &e), 0);
	assert_int_equal(f.counter, 5);
	fixture_sql(&f, "SELECT n || '|' || stream || '|' || seq || '|' || id || '|' || at || '|' || transition || '|' || alarm || '|' || state || '|' || node FROM v_events WHERE n = 4",
	            text, sizeof text);
	assert_string_equal(text, "4|fire|2|gw-1/fedcba9876543210/4|1795485600003|returned|x/smoke|returned|gw-1");
	fixture_sql(&f, "SELECT count(*) FROM v_events WHERE id <> json_extract(body, '$.id')", text, sizeof text);
	assert_string_equal(text, "0");
	fixture_sql(&f, "SELECT group_concat(alarm || '|' || state || '|' || since || '|' || rev) FROM v_alarms", text, sizeof text);
	assert_string_equal(text, "x/smoke|returned|1795485599998|4");
	fixture_sql(&f, "SELECT count(*) FROM v_alarms JOIN v_events USING (body)", text, sizeof text);
	assert_string_equal(text, "1");
	fixture_sql(&f, "SELECT group_concat(name) FROM pragma_table_info('v_events')", text, sizeof text);
	assert_string_equal(text, "n,stream,seq,id,at,transition,alarm,state,body,node");
	fixture_sql(&f, "SELECT group_concat(name) FROM pragma_table_info('v_readings')", text, sizeof text);
	assert_string_equal(text, "point,at,value,quality");
	fixture_sql(&f, "SELECT group_concat(name) FROM pragma_table_info('v_hours')", text, sizeof text);
	assert_string_equal(text, "point,hour,count,min,max,mean,last,worst_quality");
	fixture_sql(&f, "SELECT group_concat(name) FROM pragma_table_info('v_alarms')", text, sizeof text);
	assert_string_equal(text, "alarm,state,since,rev,body");
	reader_close(r);
	fixture_done(&f);
}

/* The shell of another process, while the store is open and writes. */
static void test_sqlite3_shell(void **state)
{
	struct fixture f;
	char command[400], line[200] = "";
	(void)state;

	fixture_init(&f);
	fixture_open(&f);
	fixture_reading(&f, f.reading, f.point[2], T0, 0.31);
	fixture_reading(&f, f.reading, f.point[2], T0 + 1, (double)NAN)->quality = QUALITY_STALE;
	fixture_commit(&f, T0);
	snprintf(command, sizeof command, "sqlite3 -readonly '%s' \"SELECT group_concat(point || ' ' || at || ' ' || coalesce(value, 'null') || ' ' || quality) FROM v_readings\"", f.path);
	FILE *p = popen(command, "r");
	assert_non_null(p);
	assert_non_null(fgets(line, sizeof line, p));
	assert_int_equal(pclose(p), 0);
	assert_string_equal(line, "b.p2 1795485600000 0.31 good,b.p2 1795485600001 null stale\n");
	batch_clear(f.b);
	fixture_reading(&f, f.reading, f.point[2], T0 + 2, 1);
	fixture_commit(&f, T0);
	fixture_done(&f);
}

/* ---- with and without a daemon ---- */

static void as_user(uid_t uid)
{
	if (getuid() == 0)
		assert_int_equal(seteuid(uid), 0);
}

static void test_reader_alone(void **state)
{
	struct fixture f;
	struct text x;
	struct reader *r;
	struct err e = { 0 };
	char path[160];
	(void)state;

	fixture_init(&f);
	assert_int_equal(reader_open(f.path, &r, &e), -1);
	assert_int_equal(e.code, ERR_NOT_FOUND);
	fixture_open(&f);
	fixture_reading(&f, f.reading, f.point[0], T0, 1);
	fixture_commit(&f, T0);
	fixture_close(&f);
	r = open_reader(&f); /* no daemon */
	SAW(reader_history(r, "a.p0", 0, INT64_MAX, see_row, &x, &e_), "0 1 - good\n");
	reader_close(r);
	if (getuid() != 0)
		skip();
	/* a member of the group who may write nothing */
	chmod(f.dir, 0755);
	chmod(f.path, 0644);
	snprintf(path, sizeof path, "%s-wal", f.path);
	chmod(path, 0644);
	snprintf(path, sizeof path, "%s-shm", f.path);
	chmod(path, 0644);
	snprintf(path, sizeof path, "%s.lock", f.path);
	chmod(path, 0644);
	as_user(65534);
	r = open_reader(&f);
	SAW(reader_history(r, "a.p0", 0, INT64_MAX, see_row, &x, &e_), "0 1 - good\n");
	reader_close(r);
	as_user(0);
	/* the same after someone took -wal and -shm away */
	snprintf(path, sizeof path, "%s-wal", f.path);
	unlink(path);
	snprintf(path, sizeof path, "%s-shm", f.path);
	unlink(path);
	as_user(65534);
	r = open_reader(&f);
	SAW(reader_history(r, "a.p0", 0, INT64_MAX, see_row, &x, &e_), "0 1 - good\n");
	as_user(0);
	/* a daemon comes: the reader sees what it writes */
	fixture_open(&f);
	batch_clear(f.b);
	fixture_reading(&f, f.reading, f.point[0], T0 + 1, 2);
	fixture_commit(&f, T0);
	as_user(65534);
	SAW(reader_history(r, "a.p0", 0, INT64_MAX, see_row, &x, &e_), "0 1 - good\n1 2 - good\n");
	reader_close(r);
	as_user(0);
	chmod(f.path, 0600);
	as_user(65534);
	assert_int_equal(reader_open(f.path, &r, &e), -1);
	as_user(0);
	assert_int_equal(e.code, ERR_DENIED);
	assert_non_null(strstr(e.text, "sudo -u"));
	fixture_done(&f);
}

static void test_reader_wrong_files(void **state)
{
	struct fixture f;
	struct reader *r;
	struct err e = { 0 };
	(void)state;

	fixture_init(&f);
	FILE *file = fopen(f.path, "w");
	fprintf(file, "not a database, and longer than the header of one would be: %100s\n", "x");
	fclose(file);
	assert_int_equal(reader_open(f.path, &r, &e), -1);
	assert_int_equal(e.code, ERR_INVALID);
	unlink(f.path);
	fixture_sql(&f, "CREATE TABLE theirs(x)", NULL, 0);
	assert_int_equal(reader_open(f.path, &r, &e), -1);
	assert_int_equal(e.code, ERR_INVALID);
	unlink(f.path);
	file = fopen(f.path, "w");
	fclose(file);
	assert_int_equal(reader_open(f.path, &r, &e), -1);
	assert_int_equal(e.code, ERR_INVALID);
	assert_non_null(strstr(e.text, "is empty"));
	fixture_done(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_streams), cmocka_unit_test(test_values), cmocka_unit_test(test_history), cmocka_unit_test(test_buckets_and_hours),
		cmocka_unit_test(test_log_events), cmocka_unit_test(test_views), cmocka_unit_test(test_sqlite3_shell), cmocka_unit_test(test_reader_alone),
		cmocka_unit_test(test_reader_wrong_files),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
