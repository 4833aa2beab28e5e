#include "core/strmap.h"
#include "tests/unit/core/check.h"

static void finds_what_was_put(void **state)
{
	struct strmap m = STRMAP_INIT;
	static char keys[5000][16];

	(void)state;
	assert_int_equal(strmap_get(&m, "a"), STRMAP_NONE);
	for (uint32_t i = 0; i < LENGTH(keys); i++) {
		snprintf(keys[i], sizeof keys[i], "f%u.p%u", i / 100, i);
		assert_int_equal(strmap_put(&m, keys[i], i), 0);
	}
	assert_int_equal(m.n, LENGTH(keys));
	for (uint32_t i = 0; i < LENGTH(keys); i++) {
		char same[16];
		memcpy(same, keys[i], sizeof same);
		assert_int_equal(strmap_get(&m, same), i);
	}
	assert_int_equal(strmap_get(&m, "f1.p5000"), STRMAP_NONE);
	assert_int_equal(strmap_get(&m, ""), STRMAP_NONE);
	strmap_done(&m);
	assert_int_equal(strmap_get(&m, keys[0]), STRMAP_NONE);
}

static void replaces(void **state)
{
	struct strmap m = STRMAP_INIT;

	(void)state;
	assert_int_equal(strmap_put(&m, "a", 1), 0);
	assert_int_equal(strmap_put(&m, "a", 2), 0);
	assert_int_equal(m.n, 1);
	assert_int_equal(strmap_get(&m, "a"), 2);
	assert_int_equal(strmap_put(&m, "", 3), 0);
	assert_int_equal(strmap_get(&m, ""), 3);
	strmap_done(&m);
}

/* Two keys of the same hash, as it is kept in a slot. */
static void equal_hashes_are_told_apart(void **state)
{
	struct strmap m = STRMAP_INIT;

	(void)state;
	strmap_put(&m, "p2401", 1);
	assert_int_equal(strmap_get(&m, "p50405"), STRMAP_NONE);
	strmap_put(&m, "p50405", 2);
	assert_int_equal(m.n, 2);
	assert_int_equal(strmap_get(&m, "p2401"), 1);
	assert_int_equal(strmap_get(&m, "p50405"), 2);
	strmap_done(&m);
}

static void reserved_room_is_kept(void **state)
{
	struct strmap m = STRMAP_INIT;
	static char keys[1000][8];

	(void)state;
	assert_int_equal(strmap_reserve(&m, LENGTH(keys)), 0);
	const struct strmap_slot *slots = m.slots;
	for (uint32_t i = 0; i < LENGTH(keys); i++) {
		snprintf(keys[i], sizeof keys[i], "%u", i);
		strmap_put(&m, keys[i], i);
	}
	assert_ptr_equal(m.slots, slots);
	assert_int_equal(strmap_reserve(&m, SIZE_MAX), -1);
	assert_int_equal(strmap_get(&m, "999"), 999);
	strmap_done(&m);
}

/* Published vectors of FNV-1a, 64 bits. */
static void hash_is_fnv(void **state)
{
	(void)state;
	assert_true(strmap_hash64("", 0, STRMAP_HASH_SEED) == UINT64_C(0xcbf29ce484222325));
	assert_true(strmap_hash64("a", 1, STRMAP_HASH_SEED) == UINT64_C(0xaf63dc4c8601ec8c));
	assert_true(strmap_hash64("foobar", 6, STRMAP_HASH_SEED) == UINT64_C(0x85944171f73967e8));
	assert_true(strmap_hash64("bar", 3, strmap_hash64("foo", 3, STRMAP_HASH_SEED)) == UINT64_C(0x85944171f73967e8));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(finds_what_was_put),
		cmocka_unit_test(replaces),
		cmocka_unit_test(equal_hashes_are_told_apart),
		cmocka_unit_test(reserved_room_is_kept),
		cmocka_unit_test(hash_is_fnv),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
