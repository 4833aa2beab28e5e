/* Who is silent on a line: the moments at which a device, and the line, are said to be. */
#include "gateway/line_watch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define S       INT64_C(1000000000)
#define OPENED  (100 * S)
#define TICK_NS (S / 7) /* judged often, at moments that no device's polls keep to */
#define UNITS   3

struct line {
	struct line_watch watch;
	struct line_unit  units[UNITS];
	int64_t           every_ns[UNITS];
	int64_t           away_from_ns[UNITS], away_to_ns[UNITS]; /* it answers no poll in between */
	int64_t           now_ns;
	int64_t           said_ns[UNITS], down_ns, up_ns;         /* the last moment at which it was said; 0 = never */
	unsigned          said[UNITS], downs;
};

static void begin(struct line *l, size_t n, int64_t every_ns)
{
	memset(l, 0, sizeof *l);
	l->watch = (struct line_watch){ .units = l->units, .n_units = n, .opened_ns = OPENED };
	l->now_ns = OPENED;
	for (size_t i = 0; i < n; i++) {
		l->every_ns[i] = every_ns;
		l->away_from_ns[i] = INT64_MAX;
	}
}

/* Each device is polled at its own phase of its interval. */
static void run(struct line *l, int64_t until_ns)
{
	for (; l->now_ns < until_ns; l->now_ns += TICK_NS) {
		bool was_down = l->watch.down;

		for (size_t i = 0; i < l->watch.n_units; i++) {
			int64_t phase = l->every_ns[i] * (int64_t)i / UNITS, polled = OPENED + (l->now_ns - OPENED - phase) / l->every_ns[i] * l->every_ns[i] + phase;

			if (l->now_ns - OPENED >= phase && (polled < l->away_from_ns[i] || polled >= l->away_to_ns[i]))
				l->units[i].last_good_ns = polled;
			l->units[i].patience_ns = 3 * l->every_ns[i] > 10 * S ? 3 * l->every_ns[i] : 10 * S;
		}
		line_watch_judge(&l->watch, true, l->now_ns);
		for (size_t i = 0; i < l->watch.n_units; i++)
			if (l->units[i].told && !l->units[i].was_told) {
				l->said_ns[i] = l->now_ns;
				l->said[i]++;
			}
		if (l->watch.down && !was_down) {
			l->down_ns = l->now_ns;
			l->downs++;
		}
		if (was_down && !l->watch.down)
			l->up_ns = l->now_ns;
	}
}

static void away(struct line *l, size_t unit, int64_t from_ns, int64_t to_ns)
{
	l->away_from_ns[unit] = from_ns;
	l->away_to_ns[unit] = to_ns;
}

static void all_away(struct line *l, int64_t from_ns, int64_t to_ns)
{
	for (size_t i = 0; i < UNITS; i++)
		away(l, i, from_ns, to_ns);
}

static void test_one_of_several(void **state)
{
	(void)state;
	struct line l;

	begin(&l, UNITS, S);
	away(&l, 1, OPENED + 30 * S, INT64_MAX);
	run(&l, OPENED + 60 * S);
	assert_int_equal(l.said[1], 1);
	assert_true(l.said_ns[1] >= l.units[1].last_good_ns + 10 * S && l.said_ns[1] < l.units[1].last_good_ns + 10 * S + TICK_NS);
	assert_int_equal(l.said[0] + l.said[2] + l.downs, 0);
}

static void test_a_line_is_one_fault(void **state)
{
	(void)state;
	struct line l;

	/* At whatever moment of an interval the line dies, also of a long one, whose devices run out of patience many seconds apart. */
	for (int64_t every = S; every <= 40 * S; every += 3 * S) {
		for (int64_t died = OPENED + 200 * S; died < OPENED + 200 * S + every; died += every / 13) {
			begin(&l, UNITS, every);
			all_away(&l, died, died + 300 * S);
			run(&l, died + 600 * S);
			assert_int_equal(l.downs, 1);
			assert_true(l.down_ns >= died + 6 * S && l.up_ns >= died + 300 * S);
			assert_int_equal(l.said[0] + l.said[1] + l.said[2], 0);
		}
	}
}

static void test_not_back_with_its_line(void **state)
{
	(void)state;
	struct line l;

	begin(&l, UNITS, S);
	all_away(&l, OPENED + 30 * S, OPENED + 60 * S);
	l.away_to_ns[2] = INT64_MAX;
	run(&l, OPENED + 120 * S);
	assert_int_equal(l.downs, 1);
	assert_int_equal(l.said[0] + l.said[1], 0);
	assert_int_equal(l.said[2], 1);
	assert_true(l.said_ns[2] >= l.up_ns + 10 * S && l.said_ns[2] < l.up_ns + 10 * S + TICK_NS);
	assert_true(l.units[2].silent_since_ns < OPENED + 30 * S); /* it says since when, all the same */
}

static void test_stands_while_the_line_is_down(void **state)
{
	(void)state;
	struct line l;

	begin(&l, UNITS, S);
	all_away(&l, OPENED + 60 * S, OPENED + 90 * S);
	away(&l, 0, OPENED + 30 * S, OPENED + 120 * S);
	run(&l, OPENED + 119 * S);
	assert_true(l.units[0].told);
	run(&l, OPENED + 150 * S);
	assert_int_equal(l.downs, 1);
	assert_int_equal(l.said[0], 1);
	assert_false(l.units[0].told);
}

static void test_others_asked_rarely(void **state)
{
	(void)state;
	struct line l;

	/* They are in no position to tell: it is waited half as long again, not until they were asked. */
	begin(&l, UNITS, 600 * S);
	l.every_ns[0] = S;
	away(&l, 0, OPENED + 1230 * S, INT64_MAX);
	run(&l, OPENED + 1270 * S);
	assert_int_equal(l.said[0], 1);
	assert_true(l.said_ns[0] >= l.units[0].last_good_ns + 15 * S && l.said_ns[0] < l.units[0].last_good_ns + 15 * S + TICK_NS);
}

static void test_alone(void **state)
{
	(void)state;
	struct line l;

	begin(&l, 1, S);
	away(&l, 0, OPENED + 30 * S, INT64_MAX);
	run(&l, OPENED + 60 * S);
	assert_int_equal(l.said[0], 1);
	assert_int_equal(l.downs, 0);
	assert_true(l.said_ns[0] < l.units[0].last_good_ns + 10 * S + TICK_NS);
	/* Behind a connection that cannot be opened it is the line; what was said of the device stands. */
	line_watch_judge(&l.watch, false, l.now_ns);
	assert_true(l.watch.down && l.units[0].told);
}

static void test_said_before_it_was_opened(void **state)
{
	(void)state;
	struct line l;

	begin(&l, UNITS, S);
	l.units[1].told = true;
	away(&l, 1, 0, OPENED + 5 * S);
	run(&l, OPENED + 4 * S);
	assert_true(l.units[1].told && l.units[1].silent_since_ns == OPENED);
	run(&l, OPENED + 8 * S);
	assert_false(l.units[1].told);
	assert_int_equal(l.said[1], 0);

	begin(&l, UNITS, S);
	l.watch.down = true;
	all_away(&l, 0, OPENED + 5 * S);
	run(&l, OPENED + 4 * S);
	assert_true(l.watch.down);
	run(&l, OPENED + 60 * S);
	assert_false(l.watch.down);
	assert_int_equal(l.said[0] + l.said[1] + l.said[2], 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_one_of_several),
		cmocka_unit_test(test_a_line_is_one_fault),
		cmocka_unit_test(test_not_back_with_its_line),
		cmocka_unit_test(test_stands_while_the_line_is_down),
		cmocka_unit_test(test_others_asked_rarely),
		cmocka_unit_test(test_alone),
		cmocka_unit_test(test_said_before_it_was_opened),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
