/* Frames go out in the order of their time, one after the other, and never faster than the line. */
#include "gateway/sim/outbox.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define MS INT64_C(1000000)

static void add(struct outbox *b, const char *text, int64_t at_ns, int64_t byte_ns, bool closes)
{
	struct outbox_how how = { at_ns, byte_ns, closes };

	assert_int_equal(outbox_add(b, (const uint8_t *)text, strlen(text), &how), 0);
}

/* All that goes out until now, taken. */
static const char *gone(struct outbox *b, int64_t now_ns)
{
	static char text[100];
	const uint8_t *bytes;
	size_t n = 0, len;

	while ((bytes = outbox_peek(b, now_ns, &len)) != NULL && len) {
		memcpy(text + n, bytes, len);
		n += len;
		if (outbox_take(b, len))
			text[n++] = '!';
	}
	text[n] = '\0';
	return text;
}

static void test_by_time(void **state)
{
	struct outbox b = { 0 };

	(void)state;
	add(&b, "late", 50 * MS, 0, false);
	add(&b, "one", 10 * MS, 0, false);
	add(&b, "two", 10 * MS, 0, true);
	assert_int_equal(outbox_next(&b), 10 * MS);
	assert_string_equal(gone(&b, 9 * MS), "");
	assert_string_equal(gone(&b, 10 * MS), "onetwo!");
	assert_int_equal(outbox_next(&b), 50 * MS);
	assert_string_equal(gone(&b, 60 * MS), "late");
	assert_int_equal(outbox_next(&b), OUTBOX_NEVER);
}

static void test_as_the_line_goes(void **state)
{
	struct outbox b = { .gap_ns = 4 * MS };
	int64_t at, last = 0;
	size_t n = 0;

	(void)state;
	add(&b, "abcdefgh", 10 * MS, MS, false);
	assert_string_equal(gone(&b, 10 * MS), "");
	assert_string_equal(gone(&b, 11 * MS), "a");
	add(&b, "x", 5 * MS, MS, false); /* one that has begun is not interrupted */
	while ((at = outbox_next(&b)) <= 18 * MS && b.n == 2) {
		n += strlen(gone(&b, at));
		last = at;
	}
	assert_true(n == 7 && last == 18 * MS);
	assert_int_equal(outbox_next(&b), 23 * MS); /* 18, a silence of 4, and its byte */
	assert_string_equal(gone(&b, 22 * MS), "");
	assert_string_equal(gone(&b, 23 * MS), "x");
}

static void test_bounded(void **state)
{
	struct outbox b = { 0 };
	struct outbox_how how = { 0 };

	(void)state;
	for (int i = 0; i < OUTBOX_FRAMES_MAX; i++)
		add(&b, "x", 1, 0, false);
	assert_true(outbox_is_full(&b));
	assert_int_equal(outbox_add(&b, (const uint8_t *)"x", 1, &how), -1);
	outbox_done(&b);
	assert_int_equal(outbox_next(&b), OUTBOX_NEVER);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_by_time), cmocka_unit_test(test_as_the_line_goes), cmocka_unit_test(test_bounded) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
