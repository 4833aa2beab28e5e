/* Limits kept: by age, by size, with the reserve for events; and the newest record, which says whether the clock may judge of age. */
#include "tests/unit/storage/fixture.h"

#include <sqlite3.h>
#include <stdio.h>
#include <sys/stat.h>

static void readings(struct fixture *f, int n, int64_t at_ms)
{
	batch_clear(f->b);
	for (int i = 0; i < n; i++)
		fixture_reading(f, f->reading, f->point[i % POINTS], at_ms + i, i + 0.25);
}

static struct store_pruned prune(struct fixture *f, int64_t now_ms, int rows)
{
	struct store_pruned p = { 0 };
	struct err e;

	if (store_prune(f->s, now_ms, rows, &p, &e) < 0)
		fail_msg("%s", e.text);
	return p;
}

static void acknowledge(struct fixture *f, uint32_t stream, int64_t seq)
{
	batch_clear(f->b);
	*batch_add_cursor(f->b) = (struct record_cursor){ f->hub, stream, seq };
	fixture_commit(f, T0);
}

static void test_prune_by_age(void **state)
{
	struct fixture f;
	struct store_pruned p;
	(void)state;

	fixture_init(&f);
	f.keep_readings_ms = 10 * DAY;
	f.keep_events_ms = 20 * DAY;
	fixture_open(&f);
	readings(&f, 1000, T0 - 12 * DAY);
	fixture_event(&f, f.fire, "x/smoke", TRANSITION_RAISED, STATE_ACTIVE, T0 - 21 * DAY);
	fixture_event(&f, f.fire, "x/smoke", TRANSITION_ACKNOWLEDGED, STATE_ACKED, T0 - 21 * DAY);
	fixture_event(&f, f.fire, "y/smoke", TRANSITION_RAISED, STATE_ACTIVE, T0 - 19 * DAY);
	fixture_commit(&f, T0);
	readings(&f, 100, T0 - DAY);
	fixture_commit(&f, T0);
	/* readings past keep go, whether the hub has them or not; in steps */
	p = prune(&f, T0, 300);
	assert_int_equal(p.readings, 300);
	assert_true(p.more);
	assert_int_equal(fixture_stream(&f, f.reading).first, 301);
	while (prune(&f, T0, 300).more)
		;
	assert_int_equal(fixture_stream(&f, f.reading).first, 1001);
	assert_int_equal(fixture_stream(&f, f.reading).stored, 1100);
	/* events past keep wait for the hub */
	assert_int_equal(fixture_stream(&f, f.fire).first, 1);
	acknowledge(&f, f.fire, 1);
	p = prune(&f, T0, 300);
	assert_int_equal(p.events, 1);
	acknowledge(&f, f.fire, 3);
	p = prune(&f, T0, 300);
	assert_int_equal(p.events, 1); /* the third is young */
	assert_int_equal(fixture_stream(&f, f.fire).first, 3);
	/* an alarm that is still open keeps its latest event, though the log has it no more */
	assert_int_equal(fixture_int(&f, "SELECT count(*) FROM v_alarms WHERE alarm = 'x/smoke' AND state = 'acked' AND json_extract(body, '$.seq') = 2"), 1);
	/* a clock at 1970 deletes nothing */
	p = prune(&f, 1000, 300);
	assert_int_equal(p.readings + p.events, 0);
	fixture_done(&f);
}

/* Everything of a stream goes, and its numbers go on, also after opening again. */
static void test_numbers_survive_pruning(void **state)
{
	struct fixture f;
	(void)state;

	fixture_init(&f);
	f.keep_readings_ms = f.keep_events_ms = DAY;
	fixture_open(&f);
	readings(&f, 5000, T0 - 12 * DAY);
	for (int i = 0; i < 300; i++)
		fixture_event(&f, f.fire, NULL, TRANSITION_STARTED, STATE_NORMAL, T0 - 21 * DAY);
	fixture_commit(&f, T0);
	assert_int_equal(fixture_int(&f, "SELECT count(*) FROM span"), 3);
	acknowledge(&f, f.fire, 300);
	while (prune(&f, T0, 1000).more)
		;
	assert_int_equal(fixture_int(&f, "SELECT count(*) FROM reading_log"), 0);
	assert_int_equal(fixture_int(&f, "SELECT count(*) FROM event_log"), 0);
	assert_int_equal(fixture_int(&f, "SELECT count(*) FROM span"), 0);
	struct store_stream st = fixture_stream(&f, f.reading);
	assert_int_equal(st.first, 5001);
	assert_int_equal(st.stored, 5000);
	fixture_close(&f);
	fixture_open(&f);
	st = fixture_stream(&f, f.fire);
	assert_int_equal(st.first, 301);
	assert_int_equal(st.stored, 300);
	readings(&f, 1, T0);
	fixture_event(&f, f.fire, NULL, TRANSITION_STARTED, STATE_NORMAL, T0);
	fixture_commit(&f, T0);
	assert_int_equal(f.b->readings[0].seq, 5001);
	assert_int_equal(f.b->events[0].seq, 301);
	assert_int_equal(f.b->events[0].n, 301);
	fixture_done(&f);
}

/* Records of a clock that was not set go with their neighbours: they neither stop the rest nor go before it. */
static void test_prune_odd_times(void **state)
{
	struct fixture f;
	(void)state;

	fixture_init(&f);
	f.keep_readings_ms = 10 * DAY;
	fixture_open(&f);
	readings(&f, 10, 5000); /* 1970 */
	fixture_commit(&f, T0);
	readings(&f, 10, T0 - 5 * DAY);
	fixture_commit(&f, T0);
	assert_int_equal(prune(&f, T0, 100).readings, 0);
	readings(&f, 10, T0 + 3650 * DAY); /* the clock stood ten years ahead */
	fixture_commit(&f, T0);
	readings(&f, 10, T0);
	fixture_commit(&f, T0);
	assert_int_equal(prune(&f, T0 + 6 * DAY, 5).readings, 5); /* nothing but unset times in sight: those behind tell */
	assert_int_equal(prune(&f, T0 + 6 * DAY, 100).readings, 15);
	assert_int_equal(prune(&f, T0 + 11 * DAY, 100).readings, 20);
	fixture_done(&f);
}

/* A hub that is only remembered does not hold the log; one that is bound does, while there is room. */
static void test_prune_for_space(void **state)
{
	struct fixture f;
	struct err e = { 0 };
	struct store_usage u;
	int commits = 0;
	(void)state;

	fixture_init(&f);
	f.max_bytes = 2 << 20;
	fixture_open(&f);
	do {
		readings(&f, 2000, T0 + commits * 2000);
		if (commits == 10)
			acknowledge(&f, f.reading, 15000), readings(&f, 2000, T0 + commits * 2000);
	} while (store_commit(f.s, f.b, T0, &e) == 0 && ++commits < 1000);
	assert_int_equal(e.code, ERR_FULL);
	assert_true(commits > 20 && commits < 60);
	store_usage(f.s, &u);
	assert_true(u.bytes <= u.limit && u.bytes > u.limit * 9 / 10);
	assert_int_equal(fixture_int(&f, "SELECT count(*) FROM reading_log"), commits * 2000);
	for (size_t i = 0; i < f.b->n_readings; i++)
		assert_int_equal(f.b->readings[i].seq, 0);
	/* events still fit, for long */
	for (int i = 0; i < 500; i++) {
		batch_clear(f.b);
		fixture_event(&f, f.fire, "x/smoke", TRANSITION_RAISED, STATE_ACTIVE, T0);
		fixture_commit(&f, T0);
	}
	/* a batch of both is refused whole; its events alone go in */
	readings(&f, 2000, T0);
	fixture_event(&f, f.fire, "x/smoke", TRANSITION_RAISED, STATE_ACTIVE, T0);
	assert_int_equal(store_commit(f.s, f.b, T0, &e), -1);
	assert_int_equal(e.code, ERR_FULL);
	assert_non_null(strstr(e.text, "storage.max_size"));
	f.b->n_readings = 0;
	fixture_commit(&f, T0);
	assert_int_equal(f.b->events[0].seq, 501);
	/* room is made from what the hub has first, and no more than needed */
	while (prune(&f, T0, 1000).more)
		;
	struct store_stream st = fixture_stream(&f, f.reading);
	assert_true(st.first > 1000 && st.first <= 15001);
	store_usage(f.s, &u);
	assert_true(u.bytes <= u.limit && u.bytes > u.limit * 3 / 4);
	readings(&f, 100, T0);
	fixture_commit(&f, T0);
	/* then what it has not */
	for (int i = 0; i < 30; i++) {
		readings(&f, 2000, T0 + DAY);
		fixture_commit(&f, T0);
		while (prune(&f, T0, 1000).more)
			;
	}
	assert_true(fixture_stream(&f, f.reading).first > 15001);
	assert_int_equal(fixture_int(&f, "SELECT count(*) FROM event_log"), 501);
	struct stat file;
	stat(f.path, &file);
	assert_true(file.st_size <= (2 << 20) + (1 << 20));
	fixture_done(&f);
}

/* The reserve has an end too: then events are refused, nothing is half stored, and room makes them go again. */
static void test_reserve_ends(void **state)
{
	struct fixture f;
	struct err e = { 0 };
	int events = 0;
	(void)state;

	fixture_init(&f);
	f.max_bytes = 1 << 20;
	f.keep_readings_ms = 10 * DAY;
	fixture_open(&f);
	readings(&f, 20000, T0 - 5 * DAY);
	fixture_commit(&f, T0);
	for (;; events++) {
		batch_clear(f.b);
		for (int i = 0; i < 100; i++)
			fixture_event(&f, f.fire, "x/smoke", TRANSITION_RAISED, STATE_ACTIVE, T0);
		if (store_commit(f.s, f.b, T0, &e) < 0)
			break;
		assert_true(events < 1000);
	}
	assert_int_equal(e.code, ERR_FULL);
	assert_int_equal(fixture_int(&f, "SELECT count(*) FROM event_log"), events * 100);
	/* readings make room, for events only */
	while (prune(&f, T0 + 6 * DAY, 5000).more)
		;
	fixture_commit(&f, T0);
	assert_int_equal(f.b->events[0].seq, events * 100 + 1);
	fixture_done(&f);
}

static void test_limits_lowered(void **state)
{
	struct fixture f;
	struct stat before, after;
	(void)state;

	fixture_init(&f);
	fixture_open(&f);
	for (int i = 0; i < 10; i++) {
		readings(&f, 20000, T0);
		fixture_commit(&f, T0);
	}
	while (prune(&f, T0, 1000).more)
		;
	fixture_close(&f);
	stat(f.path, &before);
	fixture_open(&f);
	store_set_limits(f.s, 2 << 20, 400 * DAY, 400 * DAY);
	while (prune(&f, T0, 5000).more)
		;
	struct store_usage u;
	store_usage(f.s, &u);
	assert_int_equal(u.limit, 2 << 20);
	assert_true(u.bytes <= u.limit);
	fixture_close(&f);
	stat(f.path, &after);
	assert_true(before.st_size > 5 << 20);
	assert_true(after.st_size <= 3 << 20);
	fixture_done(&f);
}

/* A program that holds the file in a read transaction lets the WAL grow: readings are refused at a bound, events are not. */
static void test_endless_reader(void **state)
{
	struct fixture f;
	struct err e = { 0 };
	sqlite3 *db;
	int i;
	(void)state;

	fixture_init(&f);
	f.max_bytes = INT64_C(200) << 20;
	fixture_open(&f);
	readings(&f, 1, T0);
	fixture_commit(&f, T0);
	assert_int_equal(sqlite3_open(f.path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, "BEGIN; SELECT count(*) FROM reading_log", NULL, NULL, NULL), SQLITE_OK);
	for (i = 0; i < 2000; i++) {
		readings(&f, 20000, T0);
		if (store_commit(f.s, f.b, T0, &e) < 0)
			break;
	}
	assert_int_equal(e.code, ERR_FULL);
	assert_non_null(strstr(e.text, "WAL"));
	batch_clear(f.b);
	fixture_event(&f, f.fire, "x/smoke", TRANSITION_RAISED, STATE_ACTIVE, T0);
	fixture_commit(&f, T0);
	sqlite3_close(db);
	prune(&f, T0, 10); /* copies the WAL into the file */
	batch_clear(f.b);
	fixture_event(&f, f.fire, "x/smoke", TRANSITION_RAISED, STATE_ACTIVE, T0);
	fixture_commit(&f, T0);
	readings(&f, 100, T0);
	fixture_commit(&f, T0);
	fixture_done(&f);
}

/* A hub that a reload took away holds nothing any more; bound again, it holds what is left. */
static void test_a_hub_let_go_holds_nothing(void **state)
{
	struct fixture f;
	struct err e;
	uint32_t other;
	(void)state;

	fixture_init(&f);
	f.keep_events_ms = DAY;
	fixture_open(&f);
	assert_int_equal(store_bind_hub(f.s, "other", false, &other, &e), 0);
	for (int i = 0; i < 3; i++)
		fixture_event(&f, f.fire, NULL, TRANSITION_STARTED, STATE_NORMAL, T0 - 2 * DAY);
	fixture_commit(&f, T0);
	acknowledge(&f, f.fire, 2);
	assert_int_equal(prune(&f, T0, 100).events, 0); /* the other has none of them */
	store_hold_only(f.s, &f.hub, 1);
	assert_int_equal(prune(&f, T0, 100).events, 2);
	acknowledge(&f, f.fire, 3);
	assert_int_equal(store_bind_hub(f.s, "other", false, &other, &e), 0);
	assert_int_equal(prune(&f, T0, 100).events, 0);
	store_hold_only(f.s, NULL, 0);
	assert_int_equal(prune(&f, T0, 100).events, 1);
	fixture_done(&f);
}

static void event_under(struct fixture *f, uint32_t stream, int64_t at_ms, const char *clock)
{
	struct record_event *e;
	char tail[64];

	batch_clear(f->b);
	e = fixture_event(f, stream, NULL, TRANSITION_STARTED, STATE_NORMAL, at_ms);
	e->tail_len = (uint32_t)snprintf(tail, sizeof tail, "\"clock\":\"%s\"}", clock);
	e->tail = batch_keep(f->b, tail, e->tail_len);
	fixture_commit(f, T0);
}

static void expect_newest(struct fixture *f, int64_t newest_ms, int64_t sure_ms)
{
	fixture_close(f);
	fixture_open(f);
	assert_true(f->report.newest_ms == newest_ms);
	assert_true(f->report.sure_ms == sure_ms);
}

/* The newest is what was stored last: a clock that once stood years ahead does not count for years. */
static void test_newest_is_the_last_stored(void **state)
{
	struct fixture f;
	(void)state;

	fixture_init(&f);
	fixture_open(&f);
	expect_newest(&f, 0, 0);
	event_under(&f, f.fire, T0 + 3650 * DAY, "trusted");
	expect_newest(&f, T0 + 3650 * DAY, T0 + 3650 * DAY);
	event_under(&f, f.fault, T0, "trusted"); /* put right: the fire's stream still ends years ahead */
	expect_newest(&f, T0, T0);
	batch_clear(f.b);
	fixture_reading(&f, f.reading, f.point[0], T0 + 3650 * DAY, 1);
	fixture_commit(&f, T0);
	expect_newest(&f, T0, T0);
	batch_clear(f.b);
	fixture_reading(&f, f.reading, f.point[0], T0 + 60 * DAY, 1); /* no event for two months */
	fixture_commit(&f, T0);
	expect_newest(&f, T0 + 60 * DAY, T0 + 60 * DAY);
	/* what an untrusted clock stored is the newest, but does not vouch for a clock that stands years ahead */
	event_under(&f, f.fault, T0 + 3650 * DAY, "untrusted");
	expect_newest(&f, T0 + 3650 * DAY, T0);
	event_under(&f, f.fault, T0 + 90 * DAY, "untrusted");
	expect_newest(&f, T0 + 90 * DAY, T0 + 90 * DAY);
	fixture_done(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_prune_by_age), cmocka_unit_test(test_numbers_survive_pruning), cmocka_unit_test(test_prune_odd_times),
		cmocka_unit_test(test_prune_for_space), cmocka_unit_test(test_reserve_ends), cmocka_unit_test(test_limits_lowered), cmocka_unit_test(test_endless_reader),
		cmocka_unit_test(test_newest_is_the_last_stored), cmocka_unit_test(test_a_hub_let_go_holds_nothing),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
