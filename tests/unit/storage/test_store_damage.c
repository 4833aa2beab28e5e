/* Damage survived, versions moved on. */
#include "tests/lib/fault_vfs.h"
#include "tests/unit/storage/fixture.h"

#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

static void readings(struct fixture *f, int n, int64_t at_ms)
{
	batch_clear(f->b);
	for (int i = 0; i < n; i++)
		fixture_reading(f, f->reading, f->point[i % POINTS], at_ms + i, i + 0.25);
}

/* ---- damage ---- */

static void overwrite(const char *path, off_t at, size_t len)
{
	char junk[4096];
	int fd = open(path, O_WRONLY);

	assert_true(fd >= 0);
	memset(junk, 0xA5, sizeof junk);
	while (len > 0) {
		size_t n = len < sizeof junk ? len : sizeof junk;
		assert_int_equal(pwrite(fd, junk, n, at), n);
		at += (off_t)n;
		len -= n;
	}
	close(fd);
}

/* The file as a kill -9 leaves it: not marked as closed. */
static void crash_close(struct fixture *f)
{
	fixture_close(f);
	fixture_sql(f, "UPDATE meta SET value = 0 WHERE key = 'clean'; PRAGMA wal_checkpoint(truncate)", NULL, 0);
}

static void fill_for_damage(struct fixture *f, char log[16])
{
	fixture_open(f);
	snprintf(log, 16, "%s", store_log(f->s));
	fixture_event(f, f->fire, "x/smoke", TRANSITION_RAISED, STATE_ACTIVE, T0);
	fixture_event(f, f->fault, "y/comm", TRANSITION_RAISED, STATE_ACTIVE, T0 + 1);
	fixture_event(f, f->fault, "z/comm", TRANSITION_CLEARED, STATE_NORMAL, T0 + 1);
	fixture_event(f, f->fire, "w/smoke", TRANSITION_RAISED, STATE_ACTIVE, T0 + 2);
	*batch_add_state(f->b) = (struct record_state){ "x/smoke", "blob", 4 };
	*batch_add_session(f->b) = (struct record_session){ f->hub, 812 };
	*batch_add_audit(f->b) = (struct record_audit){ T0, "li", "operator", "ack", "x/smoke", "ok", "" };
	*batch_add_command(f->b) = (struct record_command){ f->hub, "c1", T0 + DAY };
	fixture_commit(f, T0);
	for (int i = 0; i < 3; i++) {
		readings(f, 7000, T0);
		fixture_commit(f, T0);
	}
}

struct count { int n; int64_t seq, number; };
static void count_alarm(void *user, const struct record_event *e, const char *node, unsigned stream)
{
	struct count *c = user;

	(void)node;
	(void)stream;
	c->n++;
	c->seq = e->seq;
	c->number = e->n;
}
static void count_state(void *user, const char *alarm, const void *blob, size_t len)
{
	struct count *c = user;

	assert_string_equal(alarm, "x/smoke");
	assert_memory_equal(blob, "blob", 4);
	assert_int_equal(len, 4);
	c->n++;
}
static void count_command(void *user, const char *id, int64_t expires_ms)
{
	struct count *c = user;

	(void)expires_ms;
	assert_string_equal(id, "c1");
	c->n++;
}

static void test_damaged_log_is_set_aside(void **state)
{
	struct fixture f;
	struct count c = { 0 };
	struct err e = { 0 };
	char log[16];
	int64_t rows;
	uint32_t points[POINTS];
	(void)state;

	fixture_init(&f);
	fill_for_damage(&f, log);
	memcpy(points, f.point, sizeof points);
	crash_close(&f);
	struct stat st;
	stat(f.path, &st);
	overwrite(f.path, st.st_size / 2, 200000); /* in the middle of the readings */
	fixture_open(&f);
	assert_true(f.report.damaged);
	assert_true(f.report.created);
	assert_non_null(strstr(f.report.set_aside, "t.db.damaged-20261124-"));
	struct stat aside;
	assert_int_equal(stat(f.report.set_aside, &aside), 0);
	assert_int_equal(aside.st_size, st.st_size);
	assert_string_not_equal(store_log(f.s), log);
	assert_memory_equal(points, f.point, sizeof points);
	assert_int_equal(store_session(f.s, f.hub), 812);
	assert_int_equal(store_audit_verify(f.s, &rows, &e), 0);
	assert_int_equal(rows, 1);
	/* open alarms begin the new log, with their old ids */
	assert_int_equal(store_each_alarm(f.s, count_alarm, &c, &e), 0);
	assert_int_equal(c.n, 3);
	assert_int_equal(c.seq, 2);
	assert_int_equal(c.number, 3);
	assert_int_equal(fixture_int(&f, "SELECT count(*) FROM v_events e JOIN v_alarms a USING (alarm, body) WHERE id = 'gw-1/fedcba9876543210/4' AND seq = 2"), 1);
	c.n = 0;
	assert_int_equal(store_each_state(f.s, count_state, &c, &e), 0);
	assert_int_equal(store_each_command(f.s, f.hub, T0, count_command, &c, &e), 0);
	assert_int_equal(c.n, 2);
	struct store_stream s = fixture_stream(&f, f.reading);
	assert_int_equal(s.stored, 0);
	batch_clear(f.b);
	fixture_event(&f, f.fire, "x/smoke", TRANSITION_CLEARED, STATE_NORMAL, T0);
	fixture_commit(&f, T0);
	assert_int_equal(f.b->events[0].seq, 3);
	assert_int_equal(f.b->events[0].n, 4);
	/* and it is whole from now on */
	fixture_close(&f);
	fixture_open(&f);
	assert_false(f.report.damaged);
	fixture_done(&f);
}

/* Any run of bytes broken, anywhere: it opens, one way or the other, and works. */
static void test_damage_anywhere(void **state)
{
	(void)state;
	for (int i = 0; i < 30; i++) {
		struct fixture f;
		char log[16];
		struct stat st;
		fixture_init(&f);
		fill_for_damage(&f, log);
		crash_close(&f);
		stat(f.path, &st);
		overwrite(f.path, i < 15 ? i * 4096 + i * 100 : (st.st_size - 8192) / 15 * (i - 15), i % 2 ? 100 : 5000);
		fixture_open(&f);
		if (i == 0)
			assert_true(f.report.damaged); /* the header */
		batch_clear(f.b);
		fixture_event(&f, f.fire, "x/smoke", TRANSITION_RAISED, STATE_ACTIVE, T0);
		fixture_reading(&f, f.reading, f.point[0], T0, 1);
		fixture_commit(&f, T0);
		fixture_done(&f);
	}
}

/* Damage that shows only in the middle of work: said as such, and found at the next start, because the store does not call itself closed in order. */
static void test_damage_while_running(void **state)
{
	struct fixture f;
	struct err e = { 0 };
	char log[16];
	struct stat st;
	int rc = 0;
	(void)state;

	fixture_init(&f);
	fill_for_damage(&f, log);
	fixture_close(&f);
	fixture_open(&f);
	assert_false(f.report.damaged);
	stat(f.path, &st);
	overwrite(f.path, 4096 * 2, (size_t)st.st_size - 4096 * 2);
	for (int i = 0; i < 100 && rc == 0; i++) {
		readings(&f, 1000, T0);
		fixture_event(&f, f.fire, "n/smoke", TRANSITION_RAISED, STATE_ACTIVE, T0);
		rc = store_commit(f.s, f.b, T0, &e);
	}
	assert_int_equal(rc, -1);
	assert_int_equal(e.code, ERR_DAMAGED);
	assert_int_equal(f.b->events[0].seq, 0);
	fixture_close(&f);
	fixture_open(&f);
	assert_true(f.report.damaged);
	fixture_done(&f);
}

/* The same in a part of the file that holds only old readings: the rest works, and so could call itself whole. */
static void test_damage_in_old_readings(void **state)
{
	struct fixture f;
	struct store_pruned p;
	struct err e = { 0 };
	char log[16];
	struct stat st;
	(void)state;

	fixture_init(&f);
	fill_for_damage(&f, log);
	fixture_close(&f);
	fixture_open(&f);
	stat(f.path, &st);
	overwrite(f.path, st.st_size / 2, 100000);
	batch_clear(f.b);
	fixture_event(&f, f.fire, "n/smoke", TRANSITION_RAISED, STATE_ACTIVE, T0);
	fixture_commit(&f, T0);
	int rc = 0;
	for (int i = 0; i < 10 && rc == 0; i++)
		rc = store_prune(f.s, T0 + 500 * DAY, 5000, &p, &e);
	assert_int_equal(rc, -1);
	assert_int_equal(e.code, ERR_DAMAGED);
	fixture_commit(&f, T0); /* alarms go on */
	fixture_close(&f);
	fixture_open(&f);
	assert_true(f.report.damaged);
	/* once more within the second: the first one's name is kept */
	char first[512];
	snprintf(first, sizeof first, "%s", f.report.set_aside);
	crash_close(&f);
	overwrite(f.path, 0, 100);
	fixture_open(&f);
	assert_true(f.report.damaged);
	assert_int_equal(access(first, F_OK), 0);
	assert_int_equal(access(f.report.set_aside, F_OK), 0);
	assert_string_not_equal(f.report.set_aside, first);
	fixture_done(&f);
}

/* A hole in the table of points: those on both sides keep their ids, the others get new ones. */
static void test_salvage_from_both_ends(void **state)
{
	static char names[3000][16];
	static const char *ids[3000];
	static uint32_t before[3000], after[3000];
	struct fixture f;
	struct err e;
	int same = 0;
	(void)state;

	for (int i = 0; i < 3000; i++) {
		snprintf(names[i], sizeof names[i], "device%d.p%d", i / 100, i);
		ids[i] = names[i];
	}
	fixture_init(&f);
	fixture_open(&f);
	assert_int_equal(store_bind_points(f.s, ids, 3000, before, &e), 0);
	crash_close(&f);
	int64_t page = fixture_int(&f, "SELECT pageno FROM dbstat WHERE name = 'point' AND pagetype = 'leaf' ORDER BY path LIMIT 1 OFFSET 15");
	assert_true(page > 5);
	overwrite(f.path, (page - 1) * 2048, 2048);
	fixture_open(&f);
	assert_true(f.report.damaged);
	assert_int_equal(store_bind_points(f.s, ids, 3000, after, &e), 0);
	for (int i = 0; i < 3000; i++)
		same += before[i] == after[i];
	assert_true(same > 2700 && same < 3000);
	assert_int_equal(before[0], after[0]);
	assert_int_equal(before[2999], after[2999]);
	fixture_done(&f);
}

/* ---- versions ---- */

static char *read_text(const char *path)
{
	FILE *file = fopen(path, "r");

	assert_non_null(file);
	char *text = calloc(1, 65536);
	assert_true(fread(text, 1, 65535, file) > 0);
	fclose(file);
	return text;
}

static void test_migration(void **state)
{
	struct fixture f;
	struct err e = { 0 };
	struct reader *r;
	struct fault_vfs *v = fault_vfs_new("fault-migrate");
	char text[64];
	(void)state;

	fixture_init(&f);
	char *sql = read_text("tests/unit/storage/version-1.sql");
	fixture_sql(&f, sql, NULL, 0);
	free(sql);
	assert_int_equal(reader_open(f.path, &r, &e), -1);
	assert_int_equal(e.code, ERR_UNSUPPORTED);
	assert_non_null(strstr(e.text, "start firegwd once"));
	/* a migration that fails leaves the old version whole */
	f.vfs = "fault-migrate";
	fault_vfs_fail(v, FAULT_BIT(FAULT_SYNC), 1, SQLITE_IOERR_FSYNC, true);
	assert_int_equal(fixture_try_open(&f, &e), -1);
	assert_int_equal(e.code, ERR_IO);
	fault_vfs_heal(v);
	fixture_open(&f);
	assert_false(f.report.created);
	assert_false(f.report.damaged);
	assert_string_equal(store_log(f.s), "9c41e07a");
	assert_int_equal(fixture_int(&f, "PRAGMA user_version"), 2);
	struct store_stream st = fixture_stream(&f, f.fire);
	assert_int_equal(st.first, 56);
	assert_int_equal(st.stored, 57);
	fixture_sql(&f, "SELECT id FROM v_events ORDER BY n DESC", text, sizeof text);
	assert_string_equal(text, "gw-1/5f0c9a1be27d4410/8");
	fixture_sql(&f, "SELECT json_extract(body, '$.log') || json_extract(body, '$.seq') || json_extract(body, '$.n') FROM v_events ORDER BY n DESC", text, sizeof text);
	assert_string_equal(text, "9c41e07a571042");
	fixture_event(&f, f.fire, "x/smoke", TRANSITION_CLEARED, STATE_NORMAL, T0);
	fixture_reading(&f, f.reading, f.point[0], T0, 1);
	fixture_commit(&f, T0);
	assert_int_equal(f.b->events[0].seq, 58);
	assert_int_equal(f.b->events[0].n, 1043);
	assert_int_equal(f.b->readings[0].seq, 8803);
	assert_int_equal(store_session(f.s, f.hub), 812);
	fixture_done(&f);
	fault_vfs_free(v);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_damaged_log_is_set_aside), cmocka_unit_test(test_damage_anywhere), cmocka_unit_test(test_damage_while_running),
		cmocka_unit_test(test_damage_in_old_readings), cmocka_unit_test(test_salvage_from_both_ends),
		cmocka_unit_test(test_migration),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
