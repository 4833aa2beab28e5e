#include "drivers/modbus/plan.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#define MAX 400
#define SECOND INT64_C(1000000000)

static struct plan_request out[MAX];
static uint32_t scratch[MAX];

static size_t build(struct plan_span *s, size_t n, uint16_t most, uint16_t gap, const struct plan_cut *cuts, size_t n_cuts)
{
	struct plan_limits limits = { most, gap };

	return plan_build(s, n, &limits, 0, 3, cuts, n_cuts, scratch, out);
}

static void test_neighbours_merge(void **state)
{
	struct plan_span s[] = { { 0, 4, 2 }, { 1, 0, 1 }, { 2, 1, 2 }, { 3, 3, 1 } };

	(void)state;
	assert_int_equal(build(s, 4, 125, 0, NULL, 0), 1);
	assert_int_equal(out[0].address, 0);
	assert_int_equal(out[0].count, 6);
	assert_int_equal(out[0].n, 4);
}

static void test_gap_and_most(void **state)
{
	struct plan_span s[] = { { 0, 0, 1 }, { 1, 9, 1 }, { 2, 19, 1 }, { 3, 20, 1 } };

	(void)state;
	/* 8 unused between 0 and 9: merged; 9 between 9 and 19: not. */
	assert_int_equal(build(s, 4, 125, 8, NULL, 0), 2);
	assert_int_equal(out[0].count, 10);
	assert_int_equal(out[1].address, 19);
	assert_int_equal(build(s, 4, 10, 9, NULL, 0), 2);
	assert_int_equal(build(s, 4, 9, 9, NULL, 0), 3);
}

static void test_bits_of_one_register_are_read_once(void **state)
{
	struct plan_span s[16];

	(void)state;
	for (uint32_t i = 0; i < 16; i++)
		s[i] = (struct plan_span){ .item = i, .address = 1000, .count = 1 };
	assert_int_equal(build(s, 16, 125, 0, NULL, 0), 1);
	assert_int_equal(out[0].count, 1);
	assert_int_equal(out[0].n, 16);
}

static void test_end_of_the_address_space(void **state)
{
	struct plan_span s[] = { { 0, 65535, 1 }, { 1, 65532, 2 } };

	(void)state;
	assert_int_equal(build(s, 2, 125, 8, NULL, 0), 1);
	assert_int_equal(out[0].address, 65532);
	assert_int_equal(out[0].count, 4);
}

static void test_cut(void **state)
{
	struct plan_span s[] = { { 0, 0, 2 }, { 1, 2, 2 }, { 2, 4, 2 }, { 3, 6, 2 } };
	struct plan_cut cuts[] = { { .device = 0, .fc = 3, .address = 4 }, { .device = 1, .fc = 3, .address = 2 }, { .device = 0, .fc = 4, .address = 2 } };
	uint16_t at;

	(void)state;
	/* Cuts of other devices and functions do not count. */
	assert_int_equal(build(s, 4, 125, 8, cuts, 3), 2);
	assert_int_equal(out[0].count, 4);
	assert_int_equal(out[1].address, 4);
	assert_int_equal(plan_cut_at(&out[0], s, &at), 0);
	assert_int_equal(at, 2);
	/* Through a value it has no effect. */
	cuts[0].address = 3;
	assert_int_equal(build(s, 4, 125, 8, cuts, 1), 1);
}

static void test_cut_at_the_widest_gap(void **state)
{
	struct plan_span s[] = { { 0, 0, 1 }, { 1, 3, 1 }, { 2, 9, 1 }, { 3, 10, 1 }, { 4, 11, 4 }, { 5, 12, 1 } };
	struct plan_request overlap = { .address = 11, .count = 4, .first = 4, .n = 2 };
	uint16_t at = 0;

	(void)state;
	assert_int_equal(build(s, 6, 125, 8, NULL, 0), 1);
	assert_int_equal(plan_cut_at(&out[0], s, &at), 0);
	assert_int_equal(at, 9);
	assert_int_equal(plan_cut_at(&overlap, s, &at), -1);
	overlap.n = 1;
	assert_int_equal(plan_cut_at(&overlap, s, &at), -1);
}

static void test_decimals(void **state)
{
	struct plan_span near[] = { { 0, 4, 1 }, { 0, 3, 1, .decimals = true } };
	struct plan_span far[] = { { 0, 4, 1 }, { 0, 3000, 1, .decimals = true }, { 1, 5, 1 }, { 1, 3000, 1, .decimals = true } };
	/* Each request holds the other's decimals: neither could go first, so both decimals are read apart. */
	struct plan_span crossed[] = { { 0, 0, 1 }, { 1, 1, 1, .decimals = true }, { 1, 500, 1 }, { 0, 501, 1, .decimals = true } };

	(void)state;
	assert_int_equal(build(near, 2, 125, 8, NULL, 0), 1);
	assert_int_equal(out[0].address, 3);
	assert_int_equal(out[0].count, 2);
	assert_false(out[0].decimals_only);

	assert_int_equal(build(far, 4, 125, 8, NULL, 0), 2);
	assert_true(out[0].decimals_only);
	assert_int_equal(out[0].address, 3000);
	assert_int_equal(out[0].count, 1);
	assert_int_equal(out[0].n, 2);
	assert_int_equal(out[1].address, 4);
	assert_int_equal(out[1].count, 2);

	assert_int_equal(build(crossed, 4, 125, 8, NULL, 0), 4);
	assert_true(out[0].decimals_only && out[1].decimals_only);
	assert_int_equal(out[2].address, 0);
	assert_int_equal(out[2].count, 1);
}

/* What must hold of any plan. */
static void check_plan(const struct plan_span *s, size_t n, size_t n_items, const struct plan_limits *limits, const struct plan_cut *cuts, size_t n_cuts,
                       size_t n_requests)
{
	size_t at = 0, request_of[MAX], decimals_of[MAX];
	bool apart_over = false;

	for (size_t i = 0; i < n_items; i++)
		decimals_of[i] = SIZE_MAX;
	for (size_t r = 0; r < n_requests; r++) {
		uint32_t end = out[r].address, first = out[r].address, last = first + out[r].count;

		assert_true(out[r].count >= 1 && out[r].count <= limits->max_count && last <= 65536);
		assert_int_equal(out[r].first, at);
		assert_false(apart_over && out[r].decimals_only);
		apart_over = !out[r].decimals_only;
		for (uint32_t i = out[r].first; i < out[r].first + out[r].n; i++, at++) {
			assert_true(s[i].address >= first && (uint32_t)s[i].address + s[i].count <= last);
			assert_true(s[i].address <= end + limits->max_gap);
			if (s[i].address >= end && i > out[r].first)
				for (size_t c = 0; c < n_cuts; c++)
					assert_false(cuts[c].address >= end && cuts[c].address <= s[i].address);
			if (s[i].address + s[i].count > end)
				end = (uint32_t)s[i].address + s[i].count;
			if (s[i].decimals)
				decimals_of[s[i].item] = r;
			else
				request_of[s[i].item] = r;
		}
		/* No register before the first or behind the last that is wanted. */
		assert_int_equal(s[out[r].first].address, first);
		assert_int_equal(end, last);
	}
	assert_int_equal(at, n);
	for (size_t i = 0; i < n_items; i++)
		if (decimals_of[i] != SIZE_MAX)
			assert_true(decimals_of[i] == request_of[i] || (out[decimals_of[i]].decimals_only && decimals_of[i] < request_of[i]));
}

static void test_any_plan(void **state)
{
	const char *given = getenv("SEED");
	unsigned seed = given ? (unsigned)strtoul(given, NULL, 10) : (unsigned)time(NULL);
	static struct plan_span s[MAX], again[MAX];
	static struct plan_request first[MAX];

	(void)state;
	print_message("seed %u\n", seed);
	srandom(seed);
	for (int round = 0; round < 3000; round++) {
		struct plan_limits limits = { (uint16_t)(4 + random() % 122), (uint16_t)(random() % 20) };
		size_t n_items = 1 + (size_t)random() % 100, n = 0, n_cuts = (size_t)random() % 6;
		struct plan_cut cuts[6];
		long range = random() % 2 ? 200 : 65000;

		for (size_t i = 0; i < n_items; i++) {
			s[n++] = (struct plan_span){ .item = (uint32_t)i, .address = (uint16_t)(random() % range), .count = (uint16_t)(1 + random() % 4) };
			if (random() % 4 == 0)
				s[n++] = (struct plan_span){ .item = (uint32_t)i, .address = (uint16_t)(random() % range), .count = 1, .decimals = true };
		}
		for (size_t i = 0; i < n_cuts; i++)
			cuts[i] = (struct plan_cut){ .device = 0, .fc = 3, .address = (uint16_t)(random() % range) };
		memcpy(again, s, sizeof s);
		size_t requests = plan_build(s, n, &limits, 0, 3, cuts, n_cuts, scratch, out);
		check_plan(s, n, n_items, &limits, cuts, n_cuts, requests);

		/* Turned round, the same plan comes out. */
		memcpy(first, out, requests * sizeof *out);
		for (size_t i = 0; i < n / 2; i++) {
			struct plan_span t = again[i];
			again[i] = again[n - 1 - i];
			again[n - 1 - i] = t;
		}
		assert_int_equal(plan_build(again, n, &limits, 0, 3, cuts, n_cuts, scratch, out), requests);
		for (size_t i = 0; i < requests; i++)
			assert_true(first[i].address == out[i].address && first[i].count == out[i].count && first[i].n == out[i].n);
		/* A cut that is proposed takes effect. */
		for (size_t i = 0; i < requests && n_cuts < 6; i++) {
			uint16_t at;
			if (plan_cut_at(&out[i], again, &at) == 0) {
				cuts[n_cuts++] = (struct plan_cut){ .device = 0, .fc = 3, .address = at };
				check_plan(again, n, n_items, &limits, cuts, n_cuts,
				           plan_build(again, n, &limits, 0, 3, cuts, n_cuts, scratch, out));
				break;
			}
		}
	}
}

static void test_phases(void **state)
{
	int in_bucket[100] = { 0 };

	(void)state;
	for (uint64_t key = 0; key < 1000; key++) {
		int64_t now = 12345 * SECOND + 678, t = plan_next_due(now, SECOND, key);

		assert_true(t > now && t <= now + SECOND);
		/* The grid stays: the poll after it is one interval later, also when it was begun a little late. */
		assert_int_equal(plan_next_due(t, SECOND, key), t + SECOND);
		assert_int_equal(plan_next_due(t + SECOND / 3, SECOND, key), t + SECOND);
		in_bucket[(t - now) % SECOND / (SECOND / 100)]++;
	}
	for (int i = 0; i < 100; i++)
		assert_true(in_bucket[i] < 40);
	assert_true(plan_next_due(0, SECOND, 5) > 0);
	assert_true(plan_next_due(-5 * SECOND, SECOND, 5) > -5 * SECOND);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_neighbours_merge),
		cmocka_unit_test(test_gap_and_most),
		cmocka_unit_test(test_bits_of_one_register_are_read_once),
		cmocka_unit_test(test_end_of_the_address_space),
		cmocka_unit_test(test_cut),
		cmocka_unit_test(test_cut_at_the_widest_gap),
		cmocka_unit_test(test_decimals),
		cmocka_unit_test(test_any_plan),
		cmocka_unit_test(test_phases),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
