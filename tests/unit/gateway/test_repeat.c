/* What is said again and again: when it is new at once, then a number, once a minute. */
#include "gateway/repeat.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#define S INT64_C(1000000000)

static char said[200][1100];
static size_t n_said;

static void sink(enum log_level level, const char *token, const char *text)
{
	(void)level;
	assert_string_equal(token, "store");
	if (n_said < sizeof said / sizeof said[0])
		snprintf(said[n_said], sizeof said[0], "%s", text);
	n_said++;
}

static int setup(void **state)
{
	(void)state;
	n_said = 0;
	log_set_sink(sink);
	return 0;
}

#define say(r, at, key, ...) repeat_log(r, at, LOG_LEVEL_ERROR, "store", key, __VA_ARGS__)

static void test_the_same_is_counted(void **state)
{
	struct repeat r = { 0 };

	(void)state;
	for (int i = 0; i < 61; i++) { /* every 2 s, for two minutes */
		say(&r, S + i * 2 * S, NULL, "disk bad");
		repeat_sweep(&r, S + i * 2 * S);
	}
	assert_int_equal(n_said, 3);
	assert_string_equal(said[0], "disk bad");
	assert_string_equal(said[1], "disk bad (30 such lines in the last 60 s)");
	assert_string_equal(said[2], "disk bad (30 such lines in the last 60 s)");
}

static void test_what_is_new_is_said_at_once(void **state)
{
	struct repeat r = { 0 };

	(void)state;
	for (int i = 0; i < 20; i++) {
		say(&r, S + i * S, NULL, "disk bad");
		say(&r, S + i * S, NULL, "storing again");
	}
	assert_int_equal(n_said, 2);
	assert_string_equal(said[1], "storing again");
	/* The log does not end with an older word than the truth. */
	repeat_sweep(&r, 60 * S);
	assert_int_equal(n_said, 2);
	repeat_sweep(&r, 61 * S);
	assert_int_equal(n_said, 3);
	assert_string_equal(said[2], "storing again (38 such lines in the last 60 s)");
	repeat_sweep(&r, 1000 * S);
	assert_int_equal(n_said, 3);
	/* After a quiet minute the same is news again. */
	say(&r, 1001 * S, NULL, "disk bad");
	assert_int_equal(n_said, 4);
	assert_string_equal(said[3], "disk bad");
}

static void test_numbers_do_not_make_it_another(void **state)
{
	struct repeat r = { 0 };

	(void)state;
	for (int i = 0; i < 50; i++)
		say(&r, S + i * S, "late", "%d ms late", 500 + i);
	assert_int_equal(n_said, 1);
	say(&r, 61 * S, "late", "%d ms late", 700);
	assert_int_equal(n_said, 2);
	assert_string_equal(said[1], "700 ms late (50 such lines in the last 60 s)");
	/* The minute that begins with it knows it. */
	say(&r, 62 * S, "late", "%d ms late", 701);
	assert_int_equal(n_said, 2);
}

static void test_is_bounded(void **state)
{
	struct repeat r = { 0 };
	char long_text[1600];

	(void)state;
	for (int i = 0; i < 1000; i++)
		say(&r, S + i, NULL, "device %d", i);
	assert_int_equal(n_said, REPEAT_LINES_MAX);
	repeat_sweep(&r, 61 * S + 1);
	assert_string_equal(said[n_said - 1], "device 999 (968 such lines in the last 60 s)");
	memset(long_text, 0, sizeof long_text);
	for (size_t i = 0; i < 1500; i += 3)
		memcpy(long_text + i, "\xE7\x81\xAB", 3);
	say(&r, 200 * S, NULL, "%s", long_text);
	assert_int_equal(strlen(said[n_said - 1]), REPEAT_TEXT_MAX / 3 * 3 - 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_the_same_is_counted, setup),
		cmocka_unit_test_setup(test_what_is_new_is_said_at_once, setup),
		cmocka_unit_test_setup(test_numbers_do_not_make_it_another, setup),
		cmocka_unit_test_setup(test_is_bounded, setup),
	};

	return cmocka_run_group_tests_name("repeat", tests, NULL, NULL);
}
