/* Promises 2 and 3 (an alarm is durable before it is sent; at least once, in order, provably complete) of the whole core under random trouble: detectors, people, brokers that
 * come, go, refuse and forget, a disk that fails or stalls, kill -9, power cuts, stops, pruning. FIREGW_SEED runs one scenario, with FIREGW_SCENARIOS so many from it on. */
#include "tests/sim/whole.h"

#include <setjmp.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define SCENARIOS  300
#define STEPS_MOST 90
#define CHECK_EACH 25

static struct whole w;

/* A disk that fails for one commit only, just at the stop: what came after it must not be stored without it. */
#define STORED_AFTER_GIVEN_UP 827

static void scenario(uint64_t seed)
{
	whole_init(&w, seed);
	w.recorded = roll(&w.dice, 2);
	if (w.recorded)
		fault_vfs_record(w.h.vfs);
	if (roll(&w.dice, 4) == 0)
		w.h.keep_readings_ms = 20000;
	if (roll(&w.dice, 4) == 0)
		w.h.keep_events_ms = 30000;
	for (size_t i = 0; i < HOUSE_HUBS; i++)
		w.h.prompt[i] = roll(&w.dice, 3) != 0;
	whole_start(&w);
	uint64_t steps = 10 + roll(&w.dice, STEPS_MOST);
	for (uint64_t i = 0; i < steps; i++) {
		whole_move(&w);
		if (i % CHECK_EACH == 0)
			whole_check_stored(&w);
	}
	whole_settle(&w);
	/* Once more from what is stored alone. */
	if (roll(&w.dice, 2))
		whole_kill(&w, w.recorded);
	else
		whole_stop(&w);
	whole_settle(&w);
	whole_done(&w);
}

static void test_random_scenarios(void **state)
{
	const char *one = getenv("FIREGW_SEED"), *many = getenv("FIREGW_SCENARIOS");
	uint64_t first = one ? strtoull(one, NULL, 10) : 1, n = many ? strtoull(many, NULL, 10) : one ? 1 : SCENARIOS;
	uint64_t sum[10] = { 0 }, given_up = 0;

	(void)state;
	if (!one)
		scenario(STORED_AFTER_GIVEN_UP);
	for (uint64_t seed = first; seed < first + n; seed++) {
		print_message("seed %llu\n", (unsigned long long)seed);
		scenario(seed);
		given_up += house_given_up(&w.h);
		for (size_t i = 0; i < 10; i++)
			sum[i] += ((const uint64_t *)&w.count)[i];
	}
	print_message("%llu kills, %llu power cuts, %llu stops, %llu starts, %llu of them failed; %llu undurable, %llu numbered, %llu batches of readings, %llu lost; %llu fires timed; %llu given up\n",
	              (unsigned long long)sum[0], (unsigned long long)sum[1], (unsigned long long)sum[2], (unsigned long long)sum[3], (unsigned long long)sum[4],
	              (unsigned long long)sum[5], (unsigned long long)sum[6], (unsigned long long)sum[7], (unsigned long long)sum[8], (unsigned long long)sum[9], (unsigned long long)given_up);
}

/* The store fails for as long as the equipment pleases, and the hub hears of each move all the same: what is undurable, and in the end what is. */
static void test_a_store_that_fails_for_long(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 3; seed++) {
		whole_init(&w, seed);
		for (size_t i = 0; i < HOUSE_HUBS; i++)
			w.h.prompt[i] = i != 1 || seed != 2;
		whole_start(&w);
		house_advance(&w.h, 20000);
		fault_vfs_fail(w.h.vfs, FAULT_CHANGES, 1, SQLITE_IOERR_WRITE, true);
		for (size_t i = 0; i < 600; i++) {
			size_t k = roll(&w.dice, HOUSE_POINTS);
			w.h.on[k] = !w.h.on[k];
			house_advance(&w.h, 1100);
			house_command(&w.h, house_points[k].alarm, RULES_ACK);
			house_command(&w.h, house_points[k].alarm, RULES_RESET);
		}
		assert_true(house_given_up(&w.h) > 100);
		whole_settle(&w);
		whole_kill(&w, false);
		whole_settle(&w);
		whole_done(&w);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_random_scenarios), cmocka_unit_test(test_a_store_that_fails_for_long) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
