/* A device's event list: each event is given once, in order, with the device's time, whatever happens to the line, the device or us in between; and what the device overwrote is told. */
#include "listscene.h"

#include <string.h>

static void test_each_event_once(void **state)
{
	(void)state;
	for (size_t line = 0; line < LIST_LINES; line++)
		for (size_t i = 0; i < LIST_KINDS; i++) {
			print_message("  %s, %s\n", list_lines[line].name, list_kinds[i].name);
			list_begin(line, &list_kinds[i].list, list_kinds[i].from);
			list_write_events(3);
			harness_open(&s.h);
			/* What stood there is no news. */
			harness_run(&s.h, 5 * S);
			assert_int_equal(s.n, 0);
			assert_int_equal(s.none, 1);
			/* One by one, more than twice round. */
			for (unsigned k = 0; k < 2 * ENTRIES + 3; k++) {
				list_write_events(1);
				harness_run(&s.h, 2 * S);
				assert_int_equal(s.n, k + 1);
			}
			list_check_given(0, 3);
			/* Several at once, as many as there is room for. */
			for (unsigned n = 2; n <= ENTRIES; n++) {
				uint32_t from = s.d.written;
				size_t was = s.n;
				list_write_events(n);
				harness_run(&s.h, 3 * S);
				list_check_given(was, from);
			}
			/* And then nothing more. */
			uint64_t before = s.h.seen[0].samples;
			harness_run(&s.h, 60 * S);
			assert_int_equal(s.h.seen[0].samples, before);
			assert_int_equal(s.none, 1);
			assert_int_equal(s.lost, 0);
			/* The others have been polled all the while. */
			assert_int_equal(s.h.seen[1].good, s.h.seen[1].samples);
			assert_true(s.h.seen[2].good > 60);
			list_end();
		}
}

static void test_away(void **state)
{
	(void)state;
	for (size_t line = 0; line < LIST_LINES; line++)
		for (size_t i = 0; i < LIST_KINDS; i++) {
			list_begin(line, &list_kinds[i].list, list_kinds[i].from);
			list_write_events(5);
			harness_open(&s.h);
			harness_run(&s.h, 5 * S);
			s.peer.bad_unit = 1;
			peer_behave(&s.peer, PEER_DEAD);
			harness_run(&s.h, 120 * S);
			/* Said once. */
			assert_int_equal(s.h.seen[0].of_quality[QUALITY_COMM], 1);
			assert_int_equal(s.h.seen[0].samples, 2);
			list_write_events(3);
			peer_behave(&s.peer, PEER_GOOD);
			harness_run(&s.h, 35 * S);
			list_check_given(0, 5);
			/* Again, and nothing happened meanwhile: good again, without a record. */
			peer_behave(&s.peer, PEER_DEAD);
			harness_run(&s.h, 60 * S);
			peer_behave(&s.peer, PEER_GOOD);
			harness_run(&s.h, 35 * S);
			assert_int_equal(s.h.seen[0].of_quality[QUALITY_COMM], 2);
			assert_int_equal(s.n, 3);
			assert_int_equal(s.none, 2);
			assert_true(sample_has_no_record(&s.h.seen[0].last));
			/* Written round to the very same place while nobody looked. */
			peer_behave(&s.peer, PEER_DEAD);
			harness_run(&s.h, 60 * S);
			uint32_t from = s.d.written;
			list_write_events(ENTRIES);
			peer_behave(&s.peer, PEER_GOOD);
			harness_run(&s.h, 35 * S);
			list_check_given(3, from);
			assert_int_equal(s.lost, 0);
			list_end();
		}
}

static void test_overrun(void **state)
{
	(void)state;
	for (size_t i = 0; i < LIST_KINDS; i++)
		for (unsigned more = 1; more < 3 * ENTRIES; more++) {
			list_begin(0, &list_kinds[i].list, list_kinds[i].from);
			list_write_events(ENTRIES + 2);
			harness_open(&s.h);
			harness_run(&s.h, 5 * S);
			list_write_events(ENTRIES + more);
			harness_run(&s.h, 5 * S);
			assert_int_equal(s.n, ENTRIES);
			list_check_given(0, s.d.written - ENTRIES);
			/* From a place alone it does not show how often the list was written round. */
			assert_int_equal(s.lost, list_kinds[i].exact ? more : more % ENTRIES);
			assert_int_equal(s.lost_samples, s.lost != 0);
			assert_int_equal(harness_unit(&s.h, 0).lost_records, s.lost);
			list_end();
		}
}

static void test_restart(void **state)
{
	(void)state;
	for (size_t line = 0; line < LIST_LINES; line++)
		for (size_t i = 0; i < LIST_KINDS; i++) {
			list_begin(line, &list_kinds[i].list, list_kinds[i].from);
			list_write_events(5);
			harness_open(&s.h);
			harness_run(&s.h, 5 * S);
			list_write_events(2);
			harness_run(&s.h, 5 * S);
			list_restart(true, 0);
			list_check_given(0, 5);
			list_restart(true, 4);
			list_check_given(0, 5);
			/* Nothing is remembered: what stands there is no news. */
			size_t was = s.n;
			list_restart(false, 2);
			assert_int_equal(s.n, was);
			list_write_events(1);
			harness_run(&s.h, 5 * S);
			list_check_given(was, s.d.written - 1);
			list_end();
		}
}

/* From an empty list on, and cleared in between. */
static void test_empty(void **state)
{
	static const struct bus_list count = { LAYOUT, .news = LIST_NEWS_COUNT }, newest_first = { LAYOUT, .news = LIST_NEWS_COUNT, .newest_first = true };

	(void)state;
	for (size_t i = 0; i < LIST_KINDS + 2; i++) {
		list_begin(0, i < LIST_KINDS ? &list_kinds[i].list : i == LIST_KINDS ? &count : &newest_first, 0);
		print_message("  %s\n", i < LIST_KINDS ? list_kinds[i].name : "count");
		harness_open(&s.h);
		harness_run(&s.h, 5 * S);
		assert_int_equal(s.n, 0);
		unsigned first = i % 2 ? 1 : ENTRIES; /* filled at once, or by and by */
		for (unsigned k = 0; k < 5; k++) {
			if (s.d.list.news == LIST_NEWS_COUNT && !s.d.list.numbered)
				first = 1;
			list_write_events(k ? 1 : first);
			harness_run(&s.h, 2 * S);
			list_check_given(0, 0);
		}
		size_t was = s.n;
		if (s.d.list.numbered) { /* its numbers begin anew */
			s.d.list.number_first = s.d.list.number_first ? s.d.list.number_first : 0;
			s.d.from -= s.d.written;
		}
		memset(s.d.records, 0, sizeof s.d.records);
		s.d.cleared = s.d.written;
		if (s.d.list.numbered)
			s.d.cleared = 0;
		uint32_t from = s.d.written;
		harness_run(&s.h, 3 * S);
		list_write_events(2);
		harness_run(&s.h, 5 * S);
		list_check_given(was, from);
		assert_int_equal(s.lost, 0);
		list_end();
	}
}

/* A list that is filled once: what no longer fits cannot be seen, and that is told. */
static void test_full(void **state)
{
	static const struct bus_list count = { LAYOUT, .news = LIST_NEWS_COUNT };

	(void)state;
	list_begin(0, &count, 0);
	list_write_events(2);
	harness_open(&s.h);
	harness_run(&s.h, 5 * S);
	list_write_events(ENTRIES);
	harness_run(&s.h, 5 * S);
	assert_int_equal(s.n, ENTRIES - 2);
	assert_int_equal(s.values[s.n - 1], ENTRIES);
	assert_int_equal(s.lost, 2);
	list_write_events(3);
	harness_run(&s.h, 5 * S);
	assert_int_equal(s.n, ENTRIES - 2);
	assert_int_equal(s.lost, 5);
	assert_int_equal(s.h.seen[0].last.quality, QUALITY_DEVICE);
	list_end();
}

/* What was remembered of another list, or is no such text, is left out. */
static void test_recall(void **state)
{
	static const char *const texts[] = { "list", "list d0", "list d0 1 3 100", "list d0 1 3 100 ", "list d0 1 3 100 zz 1 1 1", "list d0 1 3 100 1 1 1 1", "list d0 1 3 100 1 1 99999999999 1" };

	(void)state;
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
		struct strbuf out = STRBUF_INIT;
		list_begin(0, &list_kinds[0].list, 0);
		list_write_events(2);
		s.h.config.learned = texts[i];
		harness_open(&s.h);
		assert_int_equal(s.h.ops->learned(s.h.bus, &out), 0);
		assert_int_equal(out.len, 0);
		assert_int_equal(harness_stats(&s.h).learned, 0);
		harness_run(&s.h, 3 * S);
		assert_int_equal(s.n, 0);
		assert_true(harness_stats(&s.h).learned > 0);
		strbuf_done(&out);
		list_end();
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_each_event_once),
		cmocka_unit_test(test_away),
		cmocka_unit_test(test_overrun),
		cmocka_unit_test(test_restart),
		cmocka_unit_test(test_empty),
		cmocka_unit_test(test_full),
		cmocka_unit_test(test_recall),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
