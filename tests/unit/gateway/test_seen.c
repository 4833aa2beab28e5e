/* The ids of commands: which are known, and when they are forgotten. */
#include "gateway/seen.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

static const struct stamp at_1s = { .wall_ms = 1000, .wall_trusted = true };

static void test_each_hub_has_its_own(void **state)
{
	struct seen s = { 0 };
	char forgotten[SEEN_ID_MAX + 1];
	char id[16];

	(void)state;
	assert_false(seen_has(&s, 1, "a", at_1s));
	for (int i = 0; i < 300; i++) {
		snprintf(id, sizeof id, "id-%d", i);
		assert_int_equal(seen_add(&s, 1 + (uint32_t)i % 3, id, 5000, forgotten), 0);
	}
	assert_true(seen_has(&s, 1, "id-0", at_1s));
	assert_false(seen_has(&s, 2, "id-0", at_1s));
	assert_true(seen_has(&s, 3, "id-299", at_1s));
	seen_done(&s);
}

static void test_forgets_what_expired_by_a_trusted_clock_only(void **state)
{
	struct seen s = { 0 };
	char forgotten[SEEN_ID_MAX + 1];
	struct stamp late = { .wall_ms = 5001, .wall_trusted = false };

	(void)state;
	seen_add(&s, 1, "early", 5000, forgotten);
	seen_add(&s, 1, "late", 5001, forgotten);
	assert_true(seen_has(&s, 1, "early", late));
	late.wall_trusted = true;
	assert_false(seen_has(&s, 1, "early", late));
	assert_true(seen_has(&s, 1, "late", late));
	seen_done(&s);
}

static void test_the_longest_id_is_whole(void **state)
{
	struct seen s = { 0 };
	char forgotten[SEEN_ID_MAX + 1];
	char id[SEEN_ID_MAX + 1];

	(void)state;
	memset(id, 'x', SEEN_ID_MAX);
	id[SEEN_ID_MAX] = '\0';
	seen_add(&s, 1, id, 5000, forgotten);
	assert_true(seen_has(&s, 1, id, at_1s));
	id[SEEN_ID_MAX - 1] = 'y';
	assert_false(seen_has(&s, 1, id, at_1s));
	seen_done(&s);
}

static void test_a_full_hub_forgets_its_oldest(void **state)
{
	struct seen s = { 0 };
	char forgotten[SEEN_ID_MAX + 1], id[16];

	(void)state;
	seen_add(&s, 2, "other", 5000, forgotten);
	for (int i = 0; i < SEEN_OF_HUB_MAX + 2; i++) {
		snprintf(id, sizeof id, "id-%d", i);
		seen_add(&s, 1, id, 5000, forgotten);
		assert_string_equal(forgotten, i < SEEN_OF_HUB_MAX ? "" : i == SEEN_OF_HUB_MAX ? "id-0" : "id-1");
	}
	assert_false(seen_has(&s, 1, "id-1", at_1s));
	assert_true(seen_has(&s, 1, "id-2", at_1s));
	assert_true(seen_has(&s, 1, id, at_1s));
	assert_true(seen_has(&s, 2, "other", at_1s));
	seen_done(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_each_hub_has_its_own),
		cmocka_unit_test(test_forgets_what_expired_by_a_trusted_clock_only),
		cmocka_unit_test(test_a_full_hub_forgets_its_oldest),
		cmocka_unit_test(test_the_longest_id_is_whole),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
