#include "core/log.h"
#include "tests/unit/core/check.h"

/* The log is the one global of the product, so is what a test sees of it. */
static int n_lines;
static enum log_level last_level;
static char last_token[32];
static char last_text[4096];

static void sink(enum log_level level, const char *token, const char *text)
{
	n_lines++;
	last_level = level;
	snprintf(last_token, sizeof last_token, "%s", token);
	snprintf(last_text, sizeof last_text, "%s", text);
}

static int setup(void **state)
{
	(void)state;
	n_lines = 0;
	log_set_sink(sink);
	log_set_level(LOG_LEVEL_INFO);
	return 0;
}

static void says_what_it_was_told(void **state)
{
	(void)state;
	log_warning("bus", "unit %d: no reply", 3);
	assert_int_equal(n_lines, 1);
	assert_int_equal(last_level, LOG_LEVEL_WARNING);
	assert_string_equal(last_token, "bus");
	assert_string_equal(last_text, "unit 3: no reply");
}

static void level_holds_back(void **state)
{
	(void)state;
	log_debug("bus", "x");
	assert_int_equal(n_lines, 0);
	log_info("bus", "x");
	assert_int_equal(n_lines, 1);
	log_set_level(LOG_LEVEL_ERROR);
	assert_int_equal(log_get_level(), LOG_LEVEL_ERROR);
	log_warning("bus", "x");
	assert_int_equal(n_lines, 1);
	log_error("bus", "x");
	assert_int_equal(n_lines, 2);
	log_set_sink(NULL);
	log_error("bus", "x");
	assert_int_equal(n_lines, 2);
}

static void a_message_is_one_line(void **state)
{
	(void)state;
	log_info("hub", "%s", "first\nApr 01 firegwd: forged\r\x1b[31m\x7f 文");
	assert_string_equal(last_text, "first Apr 01 firegwd: forged  [31m  文");
}

static void long_ones_are_cut_between_characters(void **state)
{
	(void)state;
	for (size_t lead = 0; lead < 4; lead++) {
		char text[3000] = { 0 };
		memset(text, '.', lead);
		while (strlen(text) < 2900)
			strcat(text, "压");
		log_info("config", "%s", text);
		size_t len = strlen(last_text);
		assert_true(len < 1024 && len > 1018);
		assert_string_equal(last_text + len - strlen("…"), "…");
		assert_int_equal((len - strlen("…") - lead) % strlen("压"), 0);
		assert_memory_equal(last_text, text, len - strlen("…"));
	}
}

static void levels_have_words(void **state)
{
	enum log_level level;

	(void)state;
	assert_int_equal(log_level_parse("debug", &level), 0);
	assert_int_equal(level, LOG_LEVEL_DEBUG);
	assert_int_equal(log_level_parse("error", &level), 0);
	assert_int_equal(level, LOG_LEVEL_ERROR);
	assert_int_equal(log_level_parse("Debug", &level), -1);
	assert_int_equal(log_level_parse("", &level), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(says_what_it_was_told, setup),
		cmocka_unit_test_setup(level_holds_back, setup),
		cmocka_unit_test_setup(a_message_is_one_line, setup),
		cmocka_unit_test_setup(long_ones_are_cut_between_characters, setup),
		cmocka_unit_test(levels_have_words),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
