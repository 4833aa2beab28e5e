/* An older copy in the database's place: noticed, whatever way it came there, and never seen where there is none. */
#include "tests/lib/fault_vfs.h"
#include "tests/unit/storage/fixture.h"

#include <fcntl.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static void name(char buf[256], const struct fixture *f, const char *end)
{
	snprintf(buf, 256, "%s%s", f->path, end);
}

static void copy_file(const char *from, const char *to)
{
	char buf[65536];
	ssize_t n;
	int in = open(from, O_RDONLY), out = open(to, O_WRONLY | O_CREAT | O_TRUNC, 0640);

	assert_true(in >= 0 && out >= 0);
	while ((n = read(in, buf, sizeof buf)) > 0)
		assert_int_equal(write(out, buf, (size_t)n), n);
	close(in);
	close(out);
}

static void back_up(struct fixture *f)
{
	char copy[256];

	name(copy, f, ".copy");
	copy_file(f->path, copy);
}

/* As a person does it: the copy over the file, without the WAL of what was there. */
static void put_back(struct fixture *f)
{
	char copy[256], wal[256], shm[256];

	name(copy, f, ".copy");
	name(wal, f, "-wal");
	name(shm, f, "-shm");
	copy_file(copy, f->path);
	unlink(wal);
	unlink(shm);
}

static void store(struct fixture *f, int events, int readings)
{
	batch_clear(f->b);
	for (int i = 0; i < events; i++)
		fixture_event(f, f->fire, "x/smoke", TRANSITION_RAISED, STATE_ACTIVE, T0 + i);
	for (int i = 0; i < readings; i++)
		fixture_reading(f, f->reading, f->point[i % POINTS], T0 + i, i);
	fixture_commit(f, T0);
}

static void test_untouched_keeps_its_log(void **state)
{
	struct fixture f;
	char log[16], witness[256];
	struct stat st;
	(void)state;

	fixture_init(&f);
	for (int i = 0; i < 4; i++) {
		fixture_open(&f);
		assert_false(f.report.older || f.report.unwitnessed);
		if (i == 0)
			snprintf(log, sizeof log, "%s", store_log(f.s));
		assert_string_equal(store_log(f.s), log);
		store(&f, 3, 50);
		fixture_close(&f);
	}
	name(witness, &f, ".witness");
	assert_int_equal(stat(witness, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0640);
	off_t size = st.st_size;
	/* Lost, cut or of zeros: accepted, and written anew. */
	for (int i = 0; i < 3; i++) {
		if (i == 0)
			unlink(witness);
		else
			assert_int_equal(truncate(witness, i == 1 ? 40 : 0), 0);
		if (i == 2)
			assert_int_equal(truncate(witness, size), 0);
		fixture_open(&f);
		assert_false(f.report.older || f.report.unwitnessed);
		assert_string_equal(store_log(f.s), log);
		fixture_close(&f);
		assert_int_equal(stat(witness, &st), 0);
		assert_int_equal(st.st_size, size);
	}
	/* And what was written then is believed. */
	back_up(&f);
	fixture_open(&f);
	store(&f, 1, 0);
	fixture_close(&f);
	put_back(&f);
	fixture_open(&f);
	assert_true(f.report.older);
	fixture_done(&f);
}

static void test_older_copy_gets_a_new_log(void **state)
{
	struct fixture f;
	char log[16], text[512];
	(void)state;

	fixture_init(&f);
	fixture_open(&f);
	snprintf(log, sizeof log, "%s", store_log(f.s));
	store(&f, 5, 20);
	fixture_close(&f);
	back_up(&f);
	fixture_open(&f);
	store(&f, 7, 0); /* revs 6 … 12 */
	fixture_close(&f);
	put_back(&f);
	fixture_open(&f);
	assert_true(f.report.older);
	assert_true(f.report.unclean);
	assert_false(f.report.damaged || f.report.created);
	assert_string_equal(f.report.old_log, log);
	assert_string_not_equal(store_log(f.s), log);
	assert_int_equal(strlen(store_log(f.s)), 8);
	assert_int_equal(f.report.n, 5);
	assert_int_equal(f.report.given_n, 12);
	assert_int_equal(f.report.rev_floor, 12);
	/* It goes on behind what it holds, which stays, under the new log. */
	fixture_sql(&f, "SELECT value FROM meta WHERE key = 'log'", text, sizeof text);
	assert_string_equal(text, store_log(f.s));
	assert_int_equal(fixture_int(&f, "SELECT count(*) FROM reading_log"), 20);
	assert_int_equal(fixture_int(&f, "SELECT seq FROM cursor JOIN stream ON stream.db = cursor.stream WHERE stream.stream = 'fire'"), 0);
	store(&f, 1, 1);
	assert_int_equal(f.b->events[0].seq, 6);
	assert_int_equal(f.b->events[0].n, 6);
	assert_int_equal(f.b->readings[0].seq, 21);
	fixture_sql(&f, "SELECT json_extract(body, '$.log') FROM v_events WHERE n = 1", text, sizeof text);
	assert_string_equal(text, store_log(f.s));
	snprintf(log, sizeof log, "%s", store_log(f.s));
	fixture_close(&f);
	fixture_open(&f);
	assert_false(f.report.older);
	assert_string_equal(store_log(f.s), log);
	fixture_close(&f);
	/* The same copy once more: another one. */
	put_back(&f);
	fixture_open(&f);
	assert_true(f.report.older);
	assert_string_not_equal(store_log(f.s), log);
	fixture_done(&f);
}

/* Only readings were given since, no event: numbers too. */
static void test_readings_count(void **state)
{
	struct fixture f;
	(void)state;

	fixture_init(&f);
	fixture_open(&f);
	store(&f, 1, 1);
	fixture_close(&f);
	back_up(&f);
	fixture_open(&f);
	store(&f, 0, 1);
	fixture_close(&f);
	put_back(&f);
	fixture_open(&f);
	assert_true(f.report.older);
	/* Nothing was given since: the copy is as good as the file. */
	fixture_close(&f);
	back_up(&f);
	fixture_open(&f);
	fixture_close(&f);
	put_back(&f);
	fixture_open(&f);
	assert_false(f.report.older);
	fixture_done(&f);
}

/* What sqlite3's .backup and VACUUM INTO make of a running database. */
static void test_copy_made_while_it_runs(void **state)
{
	struct fixture f;
	char sql[400];
	(void)state;

	fixture_init(&f);
	fixture_open(&f);
	store(&f, 2, 2);
	snprintf(sql, sizeof sql, "VACUUM INTO '%s.copy'", f.path);
	fixture_sql(&f, sql, NULL, 0);
	store(&f, 2, 2);
	fixture_close(&f);
	put_back(&f);
	fixture_open(&f);
	assert_true(f.report.older);
	assert_int_equal(f.report.n, 2);
	assert_int_equal(f.report.given_n, 4);
	fixture_done(&f);
}

/* A process that stores so many readings and is killed. */
static void run_and_kill(struct fixture *f, int batches, int readings)
{
	int fd[2], status;
	char done;

	assert_int_equal(pipe(fd), 0);
	pid_t pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		struct err e;
		if (fixture_try_open(f, &e) < 0 || fixture_bind(f, &e) < 0)
			_exit(1);
		for (int i = 0; i < batches; i++) {
			batch_clear(f->b);
			for (int k = 0; k < readings; k++)
				fixture_reading(f, f->reading, f->point[k % POINTS], T0 + k, k);
			if (store_commit(f->s, f->b, T0, &e) < 0)
				_exit(2);
		}
		if (write(fd[1], "x", 1) == 1)
			pause();
		_exit(3);
	}
	close(fd[1]);
	assert_int_equal(read(fd[0], &done, 1), 1);
	close(fd[0]);
	kill(pid, SIGKILL);
	waitpid(pid, &status, 0);
	assert_true(WIFSIGNALED(status));
}

static void test_killed(void **state)
{
	struct fixture f;
	char log[16], wal[256];
	(void)state;

	fixture_init(&f);
	fixture_open(&f);
	snprintf(log, sizeof log, "%s", store_log(f.s));
	fixture_close(&f);
	/* Nobody touched it: no alarm, however often. */
	for (int i = 0; i < 3; i++) {
		run_and_kill(&f, 3, 10000);
		fixture_open(&f);
		assert_true(f.report.unclean);
		assert_false(f.report.older || f.report.damaged);
		assert_string_equal(store_log(f.s), log);
		fixture_close(&f);
	}
	/* A copy from before that run. */
	back_up(&f);
	run_and_kill(&f, 2, 10000);
	put_back(&f);
	fixture_open(&f);
	assert_true(f.report.older);
	snprintf(log, sizeof log, "%s", store_log(f.s));
	fixture_close(&f);
	/* The WAL alone thrown away, which holds the newest records. */
	run_and_kill(&f, 1, 10000);
	name(wal, &f, "-wal");
	unlink(wal);
	fixture_open(&f);
	assert_true(f.report.older || f.report.damaged);
	assert_string_not_equal(store_log(f.s), log);
	fixture_done(&f);
}

static void test_another_database(void **state)
{
	struct fixture f, g;
	char log[16];
	(void)state;

	fixture_init(&f);
	fixture_init(&g);
	fixture_open(&g);
	store(&g, 100, 100);
	snprintf(log, sizeof log, "%s", store_log(g.s));
	fixture_close(&g);
	fixture_open(&f);
	store(&f, 1, 1);
	fixture_close(&f);
	copy_file(g.path, f.path);
	fixture_open(&f); /* further on than the witness, but of another log */
	assert_true(f.report.older);
	assert_string_not_equal(store_log(f.s), log);
	fixture_close(&f);
	/* Taken away: a new one is no older copy. */
	unlink(f.path);
	fixture_open(&f);
	assert_true(f.report.created);
	assert_false(f.report.older);
	fixture_close(&f);
	fixture_open(&f);
	assert_false(f.report.older);
	fixture_done(&f);
	fixture_done(&g);
}

/* On a disk that takes nothing the start goes on; no number is given under the old log, and once there is room the new one is stored with the first of them. */
static void test_on_a_full_disk(void **state)
{
	struct fault_vfs *v = fault_vfs_new("fault-witness");
	struct fixture f;
	struct err e;
	char log[16], next[16], text[64], copy[256];
	(void)state;

	fixture_init(&f);
	f.vfs = "fault-witness";
	fixture_open(&f);
	store(&f, 2, 2);
	fixture_close(&f);
	back_up(&f);
	fixture_open(&f);
	store(&f, 2, 2);
	snprintf(log, sizeof log, "%s", store_log(f.s));
	fixture_close(&f);
	name(copy, &f, ".copy");
	copy_file(copy, f.path); /* the empty WAL stays: a new one needs room */
	fault_vfs_fail(v, FAULT_BIT(FAULT_WRITE), 1, SQLITE_FULL, true);
	if (fixture_try_open(&f, &e) < 0)
		fail_msg("%s", e.text);
	assert_true(f.report.older);
	snprintf(next, sizeof next, "%s", store_log(f.s));
	assert_string_not_equal(next, log);
	batch_clear(f.b);
	fixture_event(&f, f.fire, "x/smoke", TRANSITION_RAISED, STATE_ACTIVE, T0);
	assert_int_equal(store_commit(f.s, f.b, T0, &e), -1);
	assert_string_equal(store_log(f.s), next);
	fault_vfs_heal(v);
	assert_int_equal(fixture_bind(&f, &e), 0);
	fixture_commit(&f, T0);
	fixture_sql(&f, "SELECT value FROM meta WHERE key = 'log'", text, sizeof text);
	assert_string_equal(text, next);
	assert_string_equal(store_log(f.s), next);
	fixture_close(&f);
	fixture_open(&f);
	assert_false(f.report.older);
	fixture_done(&f);
	fault_vfs_free(v);
}

/* Whatever goes wrong while it begins the new log: no number is ever given twice under one log. */
static void test_faults_while_it_begins(void **state)
{
	struct fault_vfs *v = fault_vfs_new("fault-begins");
	bool hit = true;
	(void)state;

	for (uint64_t k = 1; hit; k++) {
		struct fixture f;
		struct err e;
		char log[16];
		fixture_init(&f);
		f.vfs = "fault-begins";
		fixture_open(&f);
		store(&f, 2, 2);
		fixture_close(&f);
		back_up(&f);
		fixture_open(&f);
		store(&f, 2, 2);
		snprintf(log, sizeof log, "%s", store_log(f.s));
		fixture_close(&f);
		put_back(&f);
		fault_vfs_fail(v, FAULT_CHANGES, k, SQLITE_IOERR_WRITE, true);
		if (fixture_try_open(&f, &e) == 0 && fixture_bind(&f, &e) == 0) {
			batch_clear(f.b);
			fixture_event(&f, f.fire, "x/smoke", TRANSITION_RAISED, STATE_ACTIVE, T0);
			(void)!store_commit(f.s, f.b, T0, &e);
			assert_string_not_equal(store_log(f.s), log);
		}
		fixture_close(&f);
		hit = fault_vfs_hit(v);
		fault_vfs_heal(v);
		fixture_open(&f);
		assert_string_not_equal(store_log(f.s), log);
		fixture_done(&f);
	}
	fault_vfs_free(v);
}

/* A whole directory that is put back brings its witness along: that cannot be seen. */
static void test_whole_directory_is_not_noticed(void **state)
{
	struct fixture f;
	char witness[256], kept[256];
	(void)state;

	fixture_init(&f);
	fixture_open(&f);
	store(&f, 1, 1);
	fixture_close(&f);
	back_up(&f);
	name(witness, &f, ".witness");
	name(kept, &f, ".kept");
	copy_file(witness, kept);
	fixture_open(&f);
	store(&f, 1, 1);
	fixture_close(&f);
	put_back(&f);
	copy_file(kept, witness);
	fixture_open(&f);
	assert_false(f.report.older);
	fixture_done(&f);
}

static void test_cannot_be_written(void **state)
{
	struct fixture f;
	char witness[256];
	(void)state;

	fixture_init(&f);
	name(witness, &f, ".witness");
	assert_int_equal(mkdir(witness, 0700), 0);
	fixture_open(&f);
	assert_true(f.report.unwitnessed);
	assert_false(f.report.older);
	store(&f, 1, 1); /* and nothing else changes */
	fixture_close(&f);
	rmdir(witness);
	fixture_done(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_untouched_keeps_its_log), cmocka_unit_test(test_older_copy_gets_a_new_log), cmocka_unit_test(test_readings_count),
		cmocka_unit_test(test_copy_made_while_it_runs), cmocka_unit_test(test_killed), cmocka_unit_test(test_another_database),
		cmocka_unit_test(test_on_a_full_disk), cmocka_unit_test(test_faults_while_it_begins), cmocka_unit_test(test_whole_directory_is_not_noticed),
		cmocka_unit_test(test_cannot_be_written),
	};

	return cmocka_run_group_tests_name("witness", tests, NULL, NULL);
}
