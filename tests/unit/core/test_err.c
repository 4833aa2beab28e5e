#include "core/err.h"
#include "tests/unit/core/check.h"

static void sets_code_and_text(void **state)
{
	struct err e = { 0 };

	(void)state;
	assert_int_equal(err_set(&e, ERR_TIMEOUT, "no reply within %d ms", 500), -1);
	assert_int_equal(e.code, ERR_TIMEOUT);
	assert_string_equal(e.text, "no reply within 500 ms");
	assert_int_equal(err_set(NULL, ERR_IO, "nobody listens"), -1);
}

static void prefixes_pile_up(void **state)
{
	struct err e;

	(void)state;
	err_set(&e, ERR_TIMEOUT, "no reply");
	err_prefix(&e, "unit %d: ", 3);
	assert_int_equal(err_prefix(&e, "bus '%s': ", "riser-a"), -1);
	assert_string_equal(e.text, "bus 'riser-a': unit 3: no reply");
	assert_int_equal(e.code, ERR_TIMEOUT);
	assert_int_equal(err_prefix(NULL, "x"), -1);
}

/* A text that is too long ends on a whole character, for each length of character at each place of the cut. */
static void cuts_between_characters(void **state)
{
	static const char *const characters[] = { "a", "é", "压", "𠀀" };
	struct err e;

	(void)state;
	for (size_t c = 0; c < LENGTH(characters); c++) {
		size_t width = strlen(characters[c]);
		for (size_t lead = 0; lead < 4; lead++) {
			char text[1200] = { 0 };
			memset(text, '.', lead);
			while (strlen(text) < 1100)
				strcat(text, characters[c]);
			err_set(&e, ERR_IO, "%s", text);
			size_t len = strlen(e.text);
			assert_true(len < ERR_TEXT_MAX && len >= ERR_TEXT_MAX - width);
			assert_int_equal((len - lead) % width, 0);
			assert_memory_equal(e.text, text, len);
		}
	}
}

static void prefix_cuts_the_end_not_itself(void **state)
{
	struct err e;
	char text[ERR_TEXT_MAX] = { 0 };
	char long_noun[2 * ERR_TEXT_MAX];

	(void)state;
	while (strlen(text) + strlen("压") < ERR_TEXT_MAX)
		strcat(text, "压");
	err_set(&e, ERR_INVALID, "%s", text);
	err_prefix(&e, "file 'x': ");
	assert_memory_equal(e.text, "file 'x': 压", strlen("file 'x': 压"));
	size_t len = strlen(e.text);
	assert_true(len < ERR_TEXT_MAX);
	assert_int_equal((len - strlen("file 'x': ")) % strlen("压"), 0);

	/* A noun that leaves no room is left off: what went wrong matters more. */
	memset(long_noun, 'n', sizeof long_noun - 1);
	long_noun[sizeof long_noun - 1] = '\0';
	err_set(&e, ERR_INVALID, "the reason");
	err_prefix(&e, "%s", long_noun);
	assert_string_equal(e.text, "the reason");
}

static void every_code_has_its_word(void **state)
{
	(void)state;
	for (int a = ERR_NONE; a <= ERR_PROTOCOL; a++) {
		assert_string_not_equal(err_code_name((enum err_code)a), "unknown");
		for (int b = ERR_NONE; b < a; b++)
			assert_string_not_equal(err_code_name((enum err_code)a), err_code_name((enum err_code)b));
	}
	assert_string_equal(err_code_name(ERR_NOT_FOUND), "not-found");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sets_code_and_text),
		cmocka_unit_test(prefixes_pile_up),
		cmocka_unit_test(cuts_between_characters),
		cmocka_unit_test(prefix_cuts_the_end_not_itself),
		cmocka_unit_test(every_code_has_its_word),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
