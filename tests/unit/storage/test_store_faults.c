/* What the disk may do to us: the k-th operation fails, for every k; the process dies at any moment; the power goes. Promises 2 and 3: what store_commit said is there, nothing
 * stands half, numbers have no gap and no second use. */
#include "tests/lib/fault_vfs.h"
#include "tests/unit/storage/fixture.h"

#include <inttypes.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#define BATCHES 4
#define READINGS 3

/* What store_commit acknowledged of one batch. */
struct told { bool ok; int64_t fire, fault, n, reading; };
struct script {
	struct fixture f;
	struct told told[BATCHES];
};

static void fill(struct fixture *f, int batch)
{
	char text[32];
	int64_t at = T0 + batch * 1000;

	batch_clear(f->b);
	snprintf(text, sizeof text, "p%d/smoke", batch % 3);
	f->counter = (uint64_t)batch * 10;
	fixture_event(f, f->fire, text, batch % 2 ? TRANSITION_RAISED : TRANSITION_CLEARED, batch % 2 ? STATE_ACTIVE : STATE_NORMAL, at);
	fixture_event(f, f->fault, "q/comm", TRANSITION_RAISED, STATE_ACTIVE, at + 1);
	for (int i = 0; i < READINGS; i++)
		fixture_reading(f, f->reading, f->point[i], at + i, batch);
	snprintf(text, sizeof text, "batch %d", batch);
	*batch_add_audit(f->b) = (struct record_audit){ at, "test", "operator", "fill", batch_keep(f->b, text, strlen(text)), "ok", "" };
	*batch_add_state(f->b) = (struct record_state){ "q/comm", batch_keep(f->b, text, strlen(text)), (uint32_t)strlen(text) };
	*batch_add_cursor(f->b) = (struct record_cursor){ f->hub, f->fire, batch / 2 };
}

/* Commits a batch; tries again `tries` times. */
static bool commit(struct script *s, int batch, int tries)
{
	struct fixture *f = &s->f;
	struct err e;

	fill(f, batch);
	for (int i = 0; i < tries; i++) {
		if (store_commit(f->s, f->b, T0, &e) == 0) {
			s->told[batch] = (struct told){ true, f->b->events[0].seq, f->b->events[1].seq, f->b->events[0].n, f->b->readings[0].seq };
			assert_true(f->b->events[0].seq > 0 && f->b->events[1].n == f->b->events[0].n + 1);
			return true;
		}
		assert_int_not_equal(e.code, ERR_NONE);
		if (e.code == ERR_DAMAGED)
			fail_msg("%s", e.text);
		for (size_t k = 0; k < f->b->n_events; k++)
			assert_true(f->b->events[k].seq == 0 && f->b->events[k].n == 0);
		for (size_t k = 0; k < f->b->n_readings; k++)
			assert_int_equal(f->b->readings[k].seq, 0);
	}
	return false;
}

static bool open_store(struct script *s, int tries)
{
	struct err e = { 0 };

	for (int i = 0; i < tries; i++) {
		if (fixture_try_open(&s->f, &e) == 0) {
			assert_false(s->f.report.damaged);
			for (int k = 0; k < tries; k++)
				if (fixture_bind(&s->f, &e) == 0)
					return true;
			fixture_close(&s->f);
		}
		if (e.code == ERR_DAMAGED)
			fail_msg("%s", e.text);
	}
	return false;
}

/* Opens, commits, closes, opens, commits, prunes, closes; whatever fails is tried again `tries` times. */
static void run_script(struct script *s, int tries)
{
	struct store_pruned p;
	struct err e;

	for (int half = 0; half < 2; half++) {
		if (!open_store(s, tries))
			return;
		for (int b = half * BATCHES / 2; b < (half + 1) * BATCHES / 2; b++)
			commit(s, b, tries);
		if (half)
			for (int i = 0; i < tries && store_prune(s->f.s, T0, 100, &p, &e) < 0; i++)
				;
		fixture_close(&s->f);
	}
}

static int64_t in_db(struct fixture *f, const char *fmt, int64_t a)
{
	char sql[300];

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
	snprintf(sql, sizeof sql, fmt, a, a);
#pragma GCC diagnostic pop
	return fixture_int(f, sql);
}

static void check_batch(struct script *s, int b, bool all_told)
{
	struct fixture *f = &s->f;
	int64_t at = T0 + b * 1000;
	int64_t events = in_db(f, "SELECT count(*) FROM event_log WHERE at BETWEEN %" PRId64 " AND %" PRId64 " + 999", at);
	int64_t readings = in_db(f, "SELECT count(*) FROM reading_log WHERE at BETWEEN %" PRId64 " AND %" PRId64 " + 999", at);
	int64_t audits = in_db(f, "SELECT count(*) FROM audit WHERE at BETWEEN %" PRId64 " AND %" PRId64 " + 999", at);

	/* whole, once, or not at all */
	assert_true((events == 2 && readings == READINGS && audits == 1) || (events == 0 && readings == 0 && audits == 0));
	if (all_told)
		assert_int_equal(events, s->told[b].ok ? 2 : 0);
	if (!s->told[b].ok)
		return;
	assert_int_equal(events, 2);
	int64_t n = in_db(f, "SELECT n FROM v_events WHERE stream = 'fire' AND at BETWEEN %" PRId64 " AND %" PRId64, at);
	int64_t fire = in_db(f, "SELECT seq FROM v_events WHERE stream = 'fire' AND at BETWEEN %" PRId64 " AND %" PRId64, at);
	int64_t reading = in_db(f, "SELECT key & 17592186044415 FROM reading_log WHERE at BETWEEN %" PRId64 " AND %" PRId64, at);
	assert_int_equal(n, s->told[b].n);
	assert_int_equal(fire, s->told[b].fire);
	assert_int_equal(reading, s->told[b].reading);
}

/* After a healthy open. all_told: what was not acknowledged is not there either. */
static void check(struct script *s, bool all_told)
{
	struct fixture *f = &s->f;
	struct err e = { 0 };
	int64_t rows;
	char text[64];

	f->vfs = NULL;
	memset(&f->report, 0, sizeof f->report);
	fixture_open(f);
	assert_false(f->report.damaged);
	fixture_sql(f, "PRAGMA integrity_check", text, sizeof text);
	assert_string_equal(text, "ok");
	for (int b = 0; b < BATCHES; b++)
		check_batch(s, b, all_told);
	assert_int_equal(fixture_int(f, "SELECT count(*) FROM (SELECT key >> 44 AS st, max(key) - min(key) + 1 AS wide, count(*) AS many, min(key & 17592186044415) AS lo FROM event_log"
	                 " GROUP BY 1 HAVING wide <> many OR lo <> 1)"), 0);
	assert_int_equal(fixture_int(f, "SELECT coalesce(max(n), 0) - count(*) FROM event_log"), 0);
	assert_int_equal(fixture_int(f, "SELECT coalesce(max(key & 17592186044415), 0) - count(*) FROM reading_log"), 0);
	assert_int_equal(fixture_int(f, "SELECT count(*) FROM (SELECT counter FROM event_log GROUP BY boot, counter HAVING count(*) > 1)"), 0);
	/* the alarm table is what the log says */
	assert_int_equal(fixture_int(f, "SELECT count(*) FROM (SELECT alarm, state, max(n) AS n FROM event_log GROUP BY alarm) l LEFT JOIN alarm a USING (alarm)"
	                 " WHERE CASE l.state WHEN 'normal' THEN a.n IS NOT NULL ELSE a.n IS NOT l.n END"), 0);
	if (store_audit_verify(f->s, &rows, &e) < 0)
		fail_msg("%s", e.text);
	assert_int_equal(rows * 2, fixture_int(f, "SELECT count(*) FROM event_log"));
	/* and the numbers go on */
	int64_t n = fixture_int(f, "SELECT coalesce(max(n), 0) FROM event_log");
	batch_clear(f->b);
	fixture_event(f, f->fire, NULL, TRANSITION_STARTED, STATE_NORMAL, T0 + 900000);
	fixture_commit(f, T0);
	assert_int_equal(f->b->events[0].n, n + 1);
}

static int code_for(uint64_t k)
{
	static const int codes[] = { SQLITE_IOERR_WRITE, SQLITE_FULL, SQLITE_IOERR_FSYNC };

	return codes[k % 3];
}

/* Each operation fails once; what failed is tried again. Then everything is there, once. */
static void test_each_operation_fails_once(void **state)
{
	struct fault_vfs *v = fault_vfs_new("fault-once");
	bool hit = true;
	uint64_t k;
	(void)state;

	for (k = 1; hit; k++) {
		struct script s = { 0 };
		fixture_init(&s.f);
		s.f.vfs = "fault-once";
		fault_vfs_fail(v, FAULT_ALL, k, code_for(k), false);
		run_script(&s, 3);
		hit = fault_vfs_hit(v);
		fault_vfs_heal(v);
		for (int b = 0; b < BATCHES; b++)
			assert_true(s.told[b].ok);
		check(&s, true);
		fixture_done(&s.f);
	}
	print_message("%d operations\n", (int)k - 2);
	assert_true(k > 60);
	fault_vfs_free(v);
}

/* From the k-th operation on nothing works; then the process ends and the next one finds what was acknowledged. */
static void test_disk_dies(void **state)
{
	struct fault_vfs *v = fault_vfs_new("fault-dies");
	bool hit = true;
	(void)state;

	for (uint64_t k = 1; hit; k += k < 40 ? 1 : 3) {
		struct script s = { 0 };
		fixture_init(&s.f);
		s.f.vfs = "fault-dies";
		fault_vfs_fail(v, FAULT_CHANGES | FAULT_BIT(FAULT_OPEN), k, code_for(k), true);
		run_script(&s, 1);
		hit = fault_vfs_hit(v);
		fault_vfs_heal(v);
		check(&s, false);
		fixture_done(&s.f);
	}
	fault_vfs_free(v);
}

/* The same, and the disk keeps of what was not synced whatever it likes. */
static void test_power_cut(void **state)
{
	bool hit = true;
	uint64_t seed = 20261124;
	(void)state;

	print_message("seed %" PRIu64 "\n", seed);
	for (uint64_t k = 1; hit; k++) {
		struct fault_vfs *v = fault_vfs_new("fault-power");
		struct script s = { 0 };
		fixture_init(&s.f);
		s.f.vfs = "fault-power";
		fault_vfs_record(v);
		fault_vfs_fail(v, FAULT_CHANGES, k, SQLITE_IOERR_WRITE, true);
		run_script(&s, 1);
		hit = fault_vfs_hit(v);
		assert_int_equal(fault_vfs_power_cut(v, seed + k), 0);
		check(&s, false);
		fixture_done(&s.f);
		fault_vfs_free(v);
	}
}

/* The disk is full for a while (readings and events alike), then there is room again: commits go on with the same store. */
static void test_full_disk_passes(void **state)
{
	struct fault_vfs *v = fault_vfs_new("fault-full");
	struct script s = { 0 };
	struct store_pruned p;
	struct err e = { 0 };
	(void)state;

	fixture_init(&s.f);
	s.f.vfs = "fault-full";
	assert_true(open_store(&s, 1));
	assert_true(commit(&s, 0, 1));
	fault_vfs_fail(v, FAULT_BIT(FAULT_WRITE), 1, SQLITE_FULL, true);
	for (int i = 0; i < 5; i++) {
		fill(&s.f, 1);
		assert_int_equal(store_commit(s.f.s, s.f.b, T0, &e), -1);
		assert_int_equal(e.code, ERR_FULL);
	}
	assert_int_equal(store_prune(s.f.s, T0, 100, &p, &e), 0); /* nothing to delete: no room needed */
	fault_vfs_fail(v, FAULT_CHANGES, 1, SQLITE_IOERR_WRITE, true);
	for (int i = 0; i < 5; i++) {
		fill(&s.f, 1);
		assert_int_equal(store_commit(s.f.s, s.f.b, T0, &e), -1);
		assert_int_equal(e.code, ERR_IO);
	}
	fault_vfs_heal(v);
	for (int b = 1; b < BATCHES; b++)
		assert_true(commit(&s, b, 1));
	fixture_close(&s.f);
	check(&s, true);
	fixture_done(&s.f);
	fault_vfs_free(v);
}

/* A COMMIT that failed and yet stands in the file (put there by hand, since SQLite does not do it): taken as stored, once, with the numbers it has. A different batch goes behind it. */
static void test_failed_commit_that_went_in(void **state)
{
	struct fault_vfs *v = fault_vfs_new("fault-commit");
	struct fixture f;
	struct err e = { 0 };
	(void)state;

	for (int same = 0; same < 2; same++) {
		fixture_init(&f);
		f.vfs = "fault-commit";
		fixture_open(&f);
		fixture_event(&f, f.fire, NULL, TRANSITION_STARTED, STATE_NORMAL, T0);
		fixture_commit(&f, T0);
		batch_clear(f.b);
		fixture_event(&f, f.fire, NULL, TRANSITION_POWER, STATE_NORMAL, T0 + 1);
		fixture_reading(&f, f.reading, f.point[0], T0 + 1, 5);
		fault_vfs_fail(v, FAULT_BIT(FAULT_SYNC), 1, SQLITE_IOERR_FSYNC, false);
		assert_int_equal(store_commit(f.s, f.b, T0, &e), -1);
		assert_int_equal(f.b->events[0].n, 0);
		fixture_sql(&f, "INSERT INTO event_log SELECT key + 1, n + 1, boot, counter + 1, at + 1, 'power', NULL, NULL, tail FROM event_log;"
		            "INSERT INTO reading_log VALUES(52776558133249, 1, 1795485600001, 5, NULL)", NULL, 0);
		if (!same) {
			batch_clear(f.b);
			fixture_event(&f, f.fire, NULL, TRANSITION_STOPPED, STATE_NORMAL, T0 + 2);
			fixture_reading(&f, f.reading, f.point[0], T0 + 2, 5);
		}
		fixture_commit(&f, T0);
		assert_int_equal(f.b->events[0].seq, same ? 2 : 3);
		assert_int_equal(f.b->events[0].n, same ? 2 : 3);
		assert_int_equal(f.b->readings[0].seq, same ? 1 : 2);
		assert_int_equal(fixture_int(&f, "SELECT count(*) FROM event_log"), same ? 2 : 3);
		fixture_done(&f);
	}
	fault_vfs_free(v);
}

/* What stands is read, and what happens is told undurable: a full disk is no reason not to start. */
static void test_starts_on_a_full_disk(void **state)
{
	struct fault_vfs *v = fault_vfs_new("fault-starts");
	struct fixture f;
	struct err e;
	(void)state;

	fixture_init(&f);
	f.vfs = "fault-starts";
	fixture_open(&f);
	fixture_event(&f, f.fire, "x/smoke", TRANSITION_RAISED, STATE_ACTIVE, T0);
	fixture_commit(&f, T0);
	fixture_close(&f);
	fault_vfs_fail(v, FAULT_BIT(FAULT_WRITE), 1, SQLITE_FULL, true);
	if (fixture_try_open(&f, &e) < 0 || fixture_bind(&f, &e) < 0)
		fail_msg("%s", e.text);
	assert_int_equal(fixture_stream(&f, f.fire).stored, 1);
	fault_vfs_heal(v);
	fixture_done(&f);
	fault_vfs_free(v);
}

/* ---- kill -9 ---- */

static void child(const char *path, int fd)
{
	struct fixture f = { .max_bytes = INT64_C(64) << 20, .keep_readings_ms = 400 * DAY, .keep_events_ms = 1000 * DAY };
	struct err e;

	snprintf(f.path, sizeof f.path, "%s", path);
	f.b = batch_new((struct batch_sizes){ 16, 64, 8, 8, 8, 8, 8, 1 << 16 });
	if (fixture_try_open(&f, &e) < 0 || fixture_bind(&f, &e) < 0)
		_exit(1);
	for (;;) {
		struct { int64_t counter, seq, n, reading; } told;
		batch_clear(f.b);
		f.counter = (uint64_t)fixture_stream(&f, f.fire).stored;
		fixture_event(&f, f.fire, "x/smoke", TRANSITION_RAISED, STATE_ACTIVE, T0);
		for (int i = 0; i < 20; i++)
			fixture_reading(&f, f.reading, f.point[i % POINTS], T0 + i, i);
		if (store_commit(f.s, f.b, T0, &e) < 0)
			_exit(2);
		told.counter = (int64_t)f.counter;
		told.seq = f.b->events[0].seq;
		told.n = f.b->events[0].n;
		told.reading = f.b->readings[19].seq;
		if (write(fd, &told, sizeof told) != sizeof told)
			_exit(3);
	}
}

static void test_kill_9(void **state)
{
	struct fixture f;
	int64_t last[4] = { 0 };
	(void)state;

	fixture_init(&f);
	for (int round = 0; round < 8; round++) {
		int fd[2], status;
		int64_t got[4];
		assert_int_equal(pipe(fd), 0);
		pid_t pid = fork();
		assert_true(pid >= 0);
		if (pid == 0) {
			close(fd[0]);
			child(f.path, fd[1]);
		}
		close(fd[1]);
		for (int i = 0; i < 5 + round * 7 && read(fd[0], got, sizeof got) == sizeof got; i++)
			memcpy(last, got, sizeof last);
		kill(pid, SIGKILL);
		waitpid(pid, &status, 0);
		assert_true(WIFSIGNALED(status));
		while (read(fd[0], got, sizeof got) == sizeof got)
			memcpy(last, got, sizeof last);
		close(fd[0]);
		/* the lock went with the process */
		fixture_open(&f);
		assert_false(f.report.damaged || f.report.older);
		struct store_stream fire = fixture_stream(&f, f.fire), reading = fixture_stream(&f, f.reading);
		assert_true(fire.stored == last[1] || fire.stored == last[1] + 1); /* one commit may have been done and not told */
		assert_int_equal(reading.stored, fire.stored * 20);
		assert_true(last[2] > 0 && last[3] == last[1] * 20);
		assert_int_equal(fixture_int(&f, "SELECT count(*) FROM event_log WHERE n <> counter OR n <> key & 17592186044415"), 0);
		assert_int_equal(fixture_int(&f, "SELECT count(*) FROM event_log"), fire.stored);
		assert_int_equal(fixture_int(&f, "SELECT count(*) FROM reading_log"), reading.stored);
		fixture_close(&f);
	}
	fixture_done(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_each_operation_fails_once), cmocka_unit_test(test_disk_dies), cmocka_unit_test(test_power_cut), cmocka_unit_test(test_full_disk_passes),
		cmocka_unit_test(test_failed_commit_that_went_in), cmocka_unit_test(test_starts_on_a_full_disk),
		cmocka_unit_test(test_kill_9),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
