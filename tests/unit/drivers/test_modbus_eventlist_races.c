/* An event list that moves while it is read, or says what cannot be. */
#include "listscene.h"

#include <string.h>

/* The device writes while it is read: whatever is lost is told, and nothing comes twice or out of order. */
static void test_moves_while_read(void **state)
{
	(void)state;
	for (size_t line = 0; line < 2; line++)
		for (size_t i = 0; i < LIST_KINDS; i++)
			for (unsigned busy = 1; busy < 12; busy += line ? 4 : 1) {
				list_begin(line, &list_kinds[i].list, list_kinds[i].from);
				list_write_events(ENTRIES);
				harness_open(&s.h);
				harness_run(&s.h, 3 * S);
				uint32_t from = s.d.written;
				s.d.busy = busy;
				harness_run(&s.h, 200 * S);
				s.d.busy = 0;
				harness_run(&s.h, 5 * S);
				for (size_t k = 1; k < s.n; k++)
					if (s.values[k] <= s.values[k - 1])
						fail_msg("%s, busy %u: %u after %u", list_kinds[i].name, busy, s.values[k], s.values[k - 1]);
				assert_int_equal(s.values[s.n - 1], s.d.written);
				uint64_t missing = s.d.written - from - s.n;
				if (list_kinds[i].exact ? missing != s.lost : missing < s.lost)
					fail_msg("%s, busy %u: %u written, %zu given, %llu told as lost", list_kinds[i].name, busy, s.d.written - from, s.n, (unsigned long long)s.lost);
				list_end();
			}
}

/* Events that are written into a place that was read already, and into one that was not: the earlier one is found on a second look. */
static void test_written_behind(void **state)
{
	(void)state;
	list_begin(0, &list_kinds[4].list, list_kinds[4].from);
	list_write_events(ENTRIES);
	while (list_place_of(&s.d, s.d.written) != 2)
		list_write_event(&s.d);
	uint32_t from = s.d.written;
	harness_open(&s.h);
	harness_run(&s.h, 3 * S);
	list_at_request(FIRST + 3 * SIZE, 0, 2);
	harness_run(&s.h, 3 * S);
	assert_int_equal(s.d.then, 0);
	list_check_given(0, from);
	assert_int_equal(s.lost, 0);
	list_end();
}

/* Written round to the same place between two requests of one poll. */
static void test_written_round_while_read(void **state)
{
	(void)state;
	for (size_t i = 0; i < 2; i++) {
		list_begin(0, &list_kinds[i].list, list_kinds[i].from);
		list_write_events(3);
		harness_open(&s.h);
		harness_run(&s.h, 3 * S);
		uint32_t from = s.d.written;
		list_at_request(NEWS, 1, ENTRIES); /* the second time that it is asked: after the records */
		list_write_events(2);
		harness_run(&s.h, 5 * S);
		assert_int_equal(s.d.then, 0);
		/* 2 were overwritten, 8 are there. */
		list_check_given(0, s.d.written - ENTRIES);
		assert_int_equal(s.d.written - from, ENTRIES + 2);
		assert_int_equal(s.lost, 2);
		/* The one that was newest is written over just before it is looked at: nothing is lost yet. */
		size_t was = s.n;
		s.lost = 0;
		from = s.d.written;
		list_at_request(NEWS, 0, 0);
		list_write_events(ENTRIES - 1);
		list_at_request((uint16_t)(FIRST + list_place_of(&s.d, s.d.written) * SIZE), 0, 1);
		harness_run(&s.h, 5 * S);
		assert_int_equal(s.d.then, 0);
		list_check_given(was, from);
		assert_int_equal(s.lost, 0);
		list_end();
	}
}

/* A long list that is read whole at each poll leaves the others their turn. */
static void test_others_have_their_turn(void **state)
{
	struct bus_list list = list_kinds[4].list;

	(void)state;
	list.entries = 120;
	list_begin(0, &list, 0);
	list_write_events(5);
	harness_open(&s.h);
	peer_behave(&s.peer, PEER_SLOW); /* 300 ms a request: the list takes 40 of them */
	harness_run(&s.h, 120 * S);
	assert_true(s.h.seen[2].good > 90);
	list_write_events(1);
	harness_run(&s.h, 120 * S);
	list_check_given(0, 5);
	list_end();
}

/* Whatever the line does to the single request, each event comes once; at the latest when the line is well again. */
static void test_bad_lines(void **state)
{
	static const struct { enum peer_behaviour behaviour; bool rtu_only; } faults[] = {
		{ PEER_LATE_ONCE, false }, { PEER_BUSY_ONCE, false }, { PEER_SLOW, false }, { PEER_TWO_FRAMES, false }, { PEER_CLOSES_AFTER_REPLY, false }, { PEER_NOISE_BEFORE, true },
		{ PEER_FOREIGN, true }, { PEER_LATE_DEAF, true }, };

	(void)state;
	for (size_t line = 0; line < LIST_LINES; line++)
		for (size_t f = 0; f < sizeof faults / sizeof *faults; f++)
			for (size_t i = 0; i < LIST_KINDS; i += 2) {
				if (faults[f].rtu_only && line == 0)
					continue;
				list_begin(line, &list_kinds[i].list, list_kinds[i].from);
				list_write_events(3);
				harness_open(&s.h);
				harness_run(&s.h, 3 * S);
				peer_behave(&s.peer, faults[f].behaviour);
				for (unsigned k = 0; k < ENTRIES; k++) {
					list_write_events(1);
					harness_run(&s.h, 10 * S);
				}
				peer_behave(&s.peer, PEER_GOOD);
				harness_run(&s.h, 35 * S);
				list_check_given(0, 3);
				assert_int_equal(s.lost, 0);
				list_end();
			}
}

/* The same number in two places is the same event. */
static void test_same_number_twice(void **state)
{
	(void)state;
	list_begin(0, &list_kinds[4].list, list_kinds[4].from);
	list_write_events(2);
	harness_open(&s.h);
	harness_run(&s.h, 3 * S);
	list_write_events(2);
	memcpy(s.d.records[list_place_of(&s.d, s.d.written)], s.d.records[list_place_of(&s.d, s.d.written - 1)], sizeof s.d.records[0]);
	harness_run(&s.h, 5 * S);
	list_check_given(0, 2);
	list_end();
}

static void test_register_out_of_place(void **state)
{
	(void)state;
	list_begin(0, &list_kinds[0].list, 0);
	list_write_events(2);
	harness_open(&s.h);
	harness_run(&s.h, 3 * S);
	s.d.list.news = LIST_NEWS_NONE; /* 0xdead */
	harness_run(&s.h, 10 * S);
	assert_int_equal(s.h.seen[0].of_quality[QUALITY_DEVICE], 1);
	s.d.list.news = LIST_NEWS_NEWEST;
	list_write_events(1);
	harness_run(&s.h, 3 * S);
	list_check_given(0, 2);
	/* Exceptions likewise. */
	s.peer.bad_unit = 1;
	s.peer.exception = 2;
	peer_behave(&s.peer, PEER_EXCEPTION);
	harness_run(&s.h, 10 * S);
	assert_int_equal(s.h.seen[0].of_quality[QUALITY_DEVICE], 2);
	assert_int_equal(s.h.seen[0].last.quality, QUALITY_DEVICE);
	assert_int_equal(s.lost, 0);
	list_end();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_moves_while_read),
		cmocka_unit_test(test_written_behind),
		cmocka_unit_test(test_written_round_while_read),
		cmocka_unit_test(test_others_have_their_turn),
		cmocka_unit_test(test_bad_lines),
		cmocka_unit_test(test_same_number_twice),
		cmocka_unit_test(test_register_out_of_place),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
