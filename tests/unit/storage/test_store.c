#include "tests/unit/storage/fixture.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

static void test_numbers(void **state)
{
	struct fixture f;
	(void)state;

	fixture_init(&f);
	fixture_open(&f);
	assert_true(f.report.created);
	assert_int_equal(strlen(store_log(f.s)), 8);
	char log[16];
	snprintf(log, sizeof log, "%s", store_log(f.s));
	for (int64_t i = 1; i <= 3; i++) {
		batch_clear(f.b);
		fixture_event(&f, f.fire, "x/smoke", TRANSITION_RAISED, STATE_ACTIVE, T0 + i);
		fixture_event(&f, f.fault, "y/comm", TRANSITION_RAISED, STATE_ACTIVE, T0 + i);
		fixture_event(&f, f.fire, "z/smoke", TRANSITION_RAISED, STATE_ACTIVE, T0 + i);
		fixture_reading(&f, f.reading, f.point[0], T0 + i, 1.5);
		fixture_commit(&f, T0);
		assert_int_equal(f.b->events[0].seq, 2 * i - 1);
		assert_int_equal(f.b->events[1].seq, i);
		assert_int_equal(f.b->events[2].seq, 2 * i);
		assert_int_equal(f.b->events[2].n, 3 * i);
		assert_int_equal(f.b->readings[0].seq, i);
	}
	fixture_close(&f);
	fixture_open(&f);
	assert_false(f.report.created);
	assert_false(f.report.damaged);
	assert_int_equal(f.report.newest_ms, T0 + 3);
	assert_string_equal(store_log(f.s), log);
	struct store_stream st = fixture_stream(&f, f.fire);
	assert_int_equal(st.first, 1);
	assert_int_equal(st.stored, 6);
	assert_string_equal(st.node, "gw-1");
	batch_clear(f.b);
	fixture_event(&f, f.fire, NULL, TRANSITION_STARTED, STATE_NORMAL, T0 + 9);
	fixture_commit(&f, T0);
	assert_int_equal(f.b->events[0].seq, 7);
	assert_int_equal(f.b->events[0].n, 10);
	fixture_done(&f);
}

struct seen { int n; char text[2048]; };

static void see_alarm(void *user, const struct record_event *e, const char *node, unsigned stream)
{
	struct seen *x = user;
	size_t len = strlen(x->text);

	snprintf(x->text + len, sizeof x->text - len, "%s|%s|%s|%s|%s|%lld|%lld|%u|%llx/%llu|%.*s\n", e->alarm, node, stream_name(stream), transition_name(e->transition),
	         alarm_state_name(e->state), (long long)e->seq, (long long)e->n, e->rev, (unsigned long long)e->id.boot, (unsigned long long)e->id.counter,
	         (int)e->tail_len, e->tail);
	x->n++;
}

static void test_alarm_table(void **state)
{
	struct fixture f;
	struct seen x = { 0 };
	struct err e;
	(void)state;

	fixture_init(&f);
	fixture_open(&f);
	fixture_event(&f, f.fire, "x/smoke", TRANSITION_RAISED, STATE_ACTIVE, T0);
	fixture_event(&f, f.fault, "y/comm", TRANSITION_RAISED, STATE_ACTIVE, T0);
	fixture_event(&f, f.fire, "x/smoke", TRANSITION_ACKNOWLEDGED, STATE_ACKED, T0 + 1);
	fixture_event(&f, f.fault, "y/comm", TRANSITION_CLEARED, STATE_NORMAL, T0 + 2);
	fixture_commit(&f, T0);
	fixture_close(&f);
	fixture_open(&f);
	assert_int_equal(store_each_alarm(f.s, see_alarm, &x, &e), 0);
	assert_string_equal(x.text, "x/smoke|gw-1|fire|acknowledged|acked|2|3|3|fedcba9876543210/3|\"id\":\"gw-1/fedcba9876543210/3\",\"name\":\"12层烟感\",\"at\":1795485600001}\n");
	fixture_done(&f);
}

static void see_state(void *user, const char *alarm, const void *blob, size_t len)
{
	struct seen *x = user;
	size_t at = strlen(x->text);

	snprintf(x->text + at, sizeof x->text - at, "%s=%.*s ", alarm, (int)len, (const char *)blob);
	x->n++;
}

static void see_cursor(void *user, uint32_t stream_db, int64_t seq)
{
	struct seen *x = user;
	size_t at = strlen(x->text);

	snprintf(x->text + at, sizeof x->text - at, "%u:%lld ", stream_db, (long long)seq);
}

static void see_command(void *user, const char *id, int64_t expires_ms)
{
	struct seen *x = user;
	size_t at = strlen(x->text);

	snprintf(x->text + at, sizeof x->text - at, "%s@%lld ", id, (long long)(expires_ms - T0));
}

static void add_state(struct fixture *f, const char *alarm, const char *blob)
{
	struct record_state *x = batch_add_state(f->b);

	*x = (struct record_state){ alarm, blob, (uint32_t)strlen(blob) };
}

static void add_command(struct fixture *f, const char *id, int64_t expires)
{
	*batch_add_command(f->b) = (struct record_command){ f->hub, id, expires };
}

static void test_state_cursor_command_session(void **state)
{
	struct fixture f;
	struct seen x = { 0 };
	struct err e;
	uint32_t later;
	(void)state;

	fixture_init(&f);
	fixture_open(&f);
	for (int i = 0; i < 5; i++)
		fixture_reading(&f, f.reading, f.point[0], T0 + i, i);
	add_state(&f, "a/r", "one");
	add_state(&f, "b/r", "two");
	*batch_add_cursor(f.b) = (struct record_cursor){ f.hub, f.reading, 3 };
	*batch_add_session(f.b) = (struct record_session){ f.hub, 812 };
	add_command(&f, "c1", T0 + 10);
	add_command(&f, "c2", T0 + 1000);
	fixture_commit(&f, T0);
	batch_clear(f.b);
	add_state(&f, "a/r", "uno");
	add_state(&f, "b/r", "");
	*batch_add_cursor(f.b) = (struct record_cursor){ f.hub, f.reading, 2 }; /* never back */
	*batch_add_cursor(f.b) = (struct record_cursor){ f.hub, f.fire, 99 };   /* never past what is stored */
	*batch_add_session(f.b) = (struct record_session){ f.hub, 700 };
	add_command(&f, "c3", T0 + 500);
	fixture_commit(&f, T0 + 100);
	fixture_close(&f);
	fixture_open(&f);
	store_each_state(f.s, see_state, &x, &e);
	assert_string_equal(x.text, "a/r=uno ");
	x.text[0] = '\0';
	store_each_cursor(f.s, f.hub, see_cursor, &x, &e);
	assert_string_equal(x.text, "1:0 2:0 3:3 ");
	x.text[0] = '\0';
	store_each_command(f.s, f.hub, T0 + 600, see_command, &x, &e);
	assert_string_equal(x.text, "c2@1000 ");
	assert_int_equal(store_session(f.s, f.hub), 812);
	assert_int_equal(store_session(f.s, 77), 0);
	/* A new hub at the end; a stream that comes later is new to all hubs, whatever they asked for. */
	assert_int_equal(store_bind_hub(f.s, "brigade", false, &later, &e), 0);
	uint32_t prealarm;
	assert_int_equal(store_bind_stream(f.s, "gw-1", CLASS_PREALARM, &prealarm, &e), 0);
	x.text[0] = '\0';
	store_each_cursor(f.s, later, see_cursor, &x, &e);
	assert_string_equal(x.text, "1:0 2:0 3:5 4:0 ");
	assert_int_equal(store_bind_hub(f.s, "all", true, &later, &e), 0);
	x.text[0] = '\0';
	store_each_cursor(f.s, later, see_cursor, &x, &e);
	assert_string_equal(x.text, "1:0 2:0 3:0 4:0 ");
	fixture_done(&f);
}

static void test_ids_are_stable(void **state)
{
	struct fixture f;
	struct err e;
	const char *other[] = { "b.p3", "new.one", "a.p0" };
	uint32_t got[3];
	(void)state;

	fixture_init(&f);
	fixture_open(&f);
	assert_int_equal(store_bind_points(f.s, other, 3, got, &e), 0);
	assert_int_equal(got[0], f.point[3]);
	assert_int_equal(got[2], f.point[0]);
	assert_int_equal(got[1], f.point[3] + 1);
	fixture_close(&f);
	fixture_open(&f);
	uint32_t again[3];
	assert_int_equal(store_bind_points(f.s, other, 3, again, &e), 0);
	assert_memory_equal(got, again, sizeof got);
	char node[60];
	memset(node, 'n', sizeof node);
	node[59] = '\0';
	assert_int_equal(store_bind_stream(f.s, node, CLASS_FIRE, got, &e), -1);
	assert_int_equal(e.code, ERR_INVALID);
	fixture_done(&f);
}

static void add_audit(struct fixture *f, int64_t at, const char *actor, const char *action)
{
	*batch_add_audit(f->b) = (struct record_audit){ at, actor, "operator", action, "x/smoke", "ok", "{\"note\":\"测试\"}" };
}

static void refuse(struct fixture *f, const char *sql, const char *expect)
{
	struct err e = { 0 };
	int64_t rows = 0;

	fixture_sql(f, sql, NULL, 0);
	if (store_audit_verify(f->s, &rows, &e) == 0)
		fail_msg("not noticed: %s", sql);
	assert_int_equal(e.code, ERR_DAMAGED);
	if (!strstr(e.text, expect))
		fail_msg("%s: %s", sql, e.text);
}

static void test_audit_chain(void **state)
{
	struct fixture f;
	struct err e = { 0 };
	int64_t rows = -1;
	char head[80];
	(void)state;

	fixture_init(&f);
	fixture_open(&f);
	assert_string_equal(store_audit_head(f.s), "");
	assert_int_equal(store_audit_verify(f.s, &rows, &e), 0);
	assert_int_equal(rows, 0);
	for (int i = 0; i < 3; i++) {
		batch_clear(f.b);
		add_audit(&f, T0 + i, "uid 1000 (li)", "ack");
		add_audit(&f, T0 + i, NULL, "reset");
		fixture_commit(&f, T0);
	}
	snprintf(head, sizeof head, "%s", store_audit_head(f.s));
	assert_int_equal(strlen(head), 64);
	fixture_close(&f);
	fixture_open(&f);
	assert_string_equal(store_audit_head(f.s), head);
	assert_int_equal(store_audit_verify(f.s, &rows, &e), 0);
	assert_int_equal(rows, 6);
	/* the first hash, computed by other hands: sha256 of '1:1,13:1795485600000,13:uid 1000 (li),…' */
	fixture_sql(&f, "SELECT hash FROM audit WHERE n = 1", head, sizeof head);
	FILE *p = popen("printf '%s' '1:1,13:1795485600000,13:uid 1000 (li),8:operator,3:ack,7:x/smoke,2:ok,17:{\"note\":\"测试\"},' | sha256sum", "r");
	char sum[80] = "";
	assert_non_null(fgets(sum, 65, p));
	pclose(p);
	assert_string_equal(head, sum);

	refuse(&f, "UPDATE audit SET result = 'no' WHERE n = 3", "row 3 was changed");
	fixture_sql(&f, "UPDATE audit SET result = 'ok' WHERE n = 3", NULL, 0);
	assert_int_equal(store_audit_verify(f.s, &rows, &e), 0);
	refuse(&f, "UPDATE audit SET at = at + 1 WHERE n = 6", "row 6 was changed");
	fixture_sql(&f, "UPDATE audit SET at = at - 1 WHERE n = 6", NULL, 0);
	refuse(&f, "UPDATE audit SET n = 100 WHERE n = 2; UPDATE audit SET n = 2 WHERE n = 4; UPDATE audit SET n = 4 WHERE n = 100", "row 2 was changed");
	fixture_sql(&f, "UPDATE audit SET n = 100 WHERE n = 2; UPDATE audit SET n = 2 WHERE n = 4; UPDATE audit SET n = 4 WHERE n = 100", NULL, 0);
	assert_int_equal(store_audit_verify(f.s, &rows, &e), 0);
	/* text moved from one column to the next */
	refuse(&f, "UPDATE audit SET subject = 'x/smok', result = 'eok' WHERE n = 2", "row 2 was changed");
	fixture_sql(&f, "UPDATE audit SET subject = 'x/smoke', result = 'ok' WHERE n = 2", NULL, 0);
	refuse(&f, "CREATE TABLE kept AS SELECT * FROM audit; DELETE FROM audit WHERE n = 6", "row 6 is missing");
	refuse(&f, "DELETE FROM audit WHERE n = 2", "row 2 is missing");
	refuse(&f, "DELETE FROM audit", "row 1 is missing");
	fixture_sql(&f, "INSERT INTO audit SELECT * FROM kept", NULL, 0);
	assert_int_equal(store_audit_verify(f.s, &rows, &e), 0);
	fixture_done(&f);
}

static void test_second_opener(void **state)
{
	struct fixture f, g;
	struct err e = { 0 };
	char pid[32];
	(void)state;

	fixture_init(&f);
	fixture_open(&f);
	fixture_init(&g);
	struct store_options o = { f.path, f.max_bytes, f.keep_readings_ms, f.keep_events_ms, NULL, "gw-1" };
	assert_int_equal(store_open(&o, T0, &g.s, NULL, &e), -1);
	assert_int_equal(e.code, ERR_EXISTS);
	snprintf(pid, sizeof pid, "(pid %ld)", (long)getpid());
	assert_non_null(strstr(e.text, pid));
	assert_non_null(strstr(e.text, "in use by another firegwd"));
	/* another file beside it is another matter: two stores in one process */
	fixture_open(&g);
	fixture_reading(&g, g.reading, g.point[0], T0, 1);
	fixture_commit(&g, T0);
	fixture_reading(&f, f.reading, f.point[0], T0, 1);
	fixture_commit(&f, T0);
	assert_string_not_equal(store_log(f.s), store_log(g.s));
	fixture_done(&g);
	fixture_close(&f);
	assert_int_equal(store_open(&o, T0, &f.s, NULL, &e), 0);
	fixture_done(&f);
}

static void test_files_and_rights(void **state)
{
	struct fixture f;
	struct stat st;
	char path[160];
	struct err e = { 0 };
	(void)state;

	fixture_init(&f);
	mode_t old = umask(0077);
	fixture_open(&f);
	umask(old);
	fixture_reading(&f, f.reading, f.point[0], T0, 1);
	fixture_commit(&f, T0);
	static const char *const suffix[] = { "", "-wal", "-shm" };
	for (int i = 0; i < 3; i++) {
		snprintf(path, sizeof path, "%s%s", f.path, suffix[i]);
		assert_int_equal(stat(path, &st), 0);
		assert_int_equal(st.st_mode & 0777, 0640);
	}
	fixture_close(&f);
	/* the WAL and its index stay, so that a member of the group can read on */
	for (int i = 0; i < 3; i++) {
		snprintf(path, sizeof path, "%s%s", f.path, suffix[i]);
		assert_int_equal(stat(path, &st), 0);
	}
	struct store_options o = { "/nonexistent-directory/x.db", f.max_bytes, 0, 0, NULL, NULL };
	assert_int_equal(store_open(&o, T0, &f.s, NULL, &e), -1);
	assert_non_null(strstr(e.text, "storage.path"));
	f.s = NULL;
	fixture_done(&f);
}

static void test_not_root(struct fixture *f, const char *what, const char *expect)
{
	struct err e = { 0 };

	/* Root may write everywhere: look as another user. */
	if (geteuid() == 0)
		assert_int_equal(seteuid(65534), 0);
	int rc = fixture_try_open(f, &e);
	if (getuid() == 0)
		assert_int_equal(seteuid(0), 0);
	if (rc == 0)
		fail_msg("opened: %s", what);
	assert_int_equal(e.code, ERR_DENIED);
	if (!strstr(e.text, expect))
		fail_msg("%s: %s", what, e.text);
}

/* Closed in order is said only while it is true: the next start trusts it and does not check the file. */
static void test_mark_of_order(void **state)
{
	struct fixture f;
	char text[16];
	(void)state;

	fixture_init(&f);
	for (int i = 0; i < 2; i++) {
		fixture_open(&f);
		fixture_reading(&f, f.reading, f.point[0], T0, 1);
		fixture_commit(&f, T0);
		fixture_sql(&f, "SELECT value FROM meta WHERE key = 'clean'", text, sizeof text);
		assert_string_equal(text, "NULL");
		fixture_close(&f);
		fixture_sql(&f, "SELECT value FROM meta WHERE key = 'clean'", text, sizeof text);
		assert_string_equal(text, "1");
	}
	fixture_done(&f);
}

/* An end that left something behind is none in order, and the floor of the revs stands until it is lifted again. */
static void test_end_not_in_order(void **state)
{
	struct fixture f;
	struct err e;
	(void)state;

	fixture_init(&f);
	fixture_open(&f);
	assert_false(f.report.unclean);
	assert_int_equal(f.report.rev_floor, 0);
	assert_int_equal(store_set_rev_floor(f.s, 10007, &e), 0);
	store_not_clean(f.s);
	fixture_close(&f);
	fixture_open(&f);
	assert_true(f.report.unclean);
	assert_int_equal(f.report.rev_floor, 10007);
	fixture_close(&f);
	fixture_open(&f);
	assert_false(f.report.unclean);
	assert_int_equal(f.report.rev_floor, 10007);
	fixture_done(&f);
}

static void test_unwritable(void **state)
{
	struct fixture f;
	(void)state;

	fixture_init(&f);
	chmod(f.dir, 0555);
	test_not_root(&f, "directory", "firegwd was started as nobody: let nobody write the file and its directory");
	chmod(f.dir, 0777);
	fixture_open(&f);
	fixture_close(&f);
	chmod(f.path, 0444);
	char lock[160];
	snprintf(lock, sizeof lock, "%s.lock", f.path);
	chmod(lock, 0666);
	test_not_root(&f, "file", "firegwd was started as nobody: let nobody write the file and its directory");
	chmod(f.path, 0640);
	fixture_done(&f);
}

static void write_file(const char *path, const void *data, size_t len)
{
	int fd = open(path, O_WRONLY | O_CREAT, 0640);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, data, len), len);
	close(fd);
}

static void test_wrong_files(void **state)
{
	struct fixture f;
	struct err e = { 0 };
	(void)state;

	fixture_init(&f);
	write_file(f.path, "site:\n  gateway: x\n# not a database at all\n", 44);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(fixture_try_open(&f, &e), -1);
		assert_int_equal(e.code, ERR_INVALID);
		assert_int_equal(access(f.path, F_OK), 0);
	}
	unlink(f.path);
	fixture_sql(&f, "CREATE TABLE theirs(x); INSERT INTO theirs VALUES(1)", NULL, 0);
	assert_int_equal(fixture_try_open(&f, &e), -1);
	assert_int_equal(e.code, ERR_INVALID);
	assert_non_null(strstr(e.text, "another program's"));
	unlink(f.path);
	fixture_open(&f);
	fixture_close(&f);
	fixture_sql(&f, "PRAGMA user_version = 99", NULL, 0);
	assert_int_equal(fixture_try_open(&f, &e), -1);
	assert_int_equal(e.code, ERR_UNSUPPORTED);
	assert_non_null(strstr(e.text, "newer firegw"));
	assert_non_null(strstr(e.text, "install that version again"));
	fixture_done(&f);
}

static void test_bad_ids_are_refused(void **state)
{
	struct fixture f;
	struct err e = { 0 };
	(void)state;

	fixture_init(&f);
	fixture_open(&f);
	fixture_event(&f, f.reading, NULL, TRANSITION_STARTED, STATE_NORMAL, T0);
	assert_int_equal(store_commit(f.s, f.b, T0, &e), -1);
	assert_int_equal(e.code, ERR_INVALID);
	batch_clear(f.b);
	fixture_reading(&f, f.fire, f.point[0], T0, 1);
	assert_int_equal(store_commit(f.s, f.b, T0, &e), -1);
	batch_clear(f.b);
	fixture_reading(&f, f.reading, 99, T0, 1);
	assert_int_equal(store_commit(f.s, f.b, T0, &e), -1);
	batch_clear(f.b);
	fixture_reading(&f, 1000, f.point[0], T0, 1);
	assert_int_equal(store_commit(f.s, f.b, T0, &e), -1);
	batch_clear(f.b);
	assert_int_equal(store_commit(f.s, f.b, T0, &e), 0); /* empty */
	fixture_done(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_numbers), cmocka_unit_test(test_alarm_table), cmocka_unit_test(test_state_cursor_command_session),
		cmocka_unit_test(test_ids_are_stable), cmocka_unit_test(test_audit_chain), cmocka_unit_test(test_second_opener),
		cmocka_unit_test(test_files_and_rights), cmocka_unit_test(test_mark_of_order), cmocka_unit_test(test_end_not_in_order), cmocka_unit_test(test_unwritable), cmocka_unit_test(test_wrong_files),
		cmocka_unit_test(test_bad_ids_are_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
