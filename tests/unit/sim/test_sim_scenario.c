/* Scenario files: good ones become steps in order of time; each bad one gives exactly its expected findings. */
#include "gateway/sim/scenario.h"
#include "tests/unit/sim/house.h"

#include <glob.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define BAD_MIN 12

static char *read_all(const char *path)
{
	FILE *f = fopen(path, "r");
	char *text = NULL;
	size_t cap = 0;

	if (!f || getdelim(&text, &cap, '\0', f) < 0)
		fail_msg("cannot read %s", path);
	fclose(f);
	return text;
}

/* All that is said of a file: by itself, then of what the site lacks. */
static char *said_of(const char *path)
{
	char *text = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&text, &len);
	struct findings findings;
	struct scenario *s;
	struct world w;
	struct world_options o = { .seed = 1 };
	struct err e;

	if (scenario_load(path, &s, &findings) == 0) {
		struct config *c = house_config(HOUSE_SITE);

		assert_string_equal(s->site, "tests/unit/sim/bad/../site/site.yaml");
		assert_int_equal(world_init(&w, c, &o, &e), 0);
		(void)scenario_check(s, &w, out);
		world_done(&w);
		config_free(c);
	}
	findings_print(&findings, out);
	findings_done(&findings);
	scenario_free(s);
	fclose(out);
	return text;
}

static void test_bad_files(void **state)
{
	glob_t found;
	size_t wrong = 0;

	(void)state;
	assert_int_equal(glob("tests/unit/sim/bad/*.yaml", 0, NULL, &found), 0);
	assert_true(found.gl_pathc >= BAD_MIN);
	for (size_t i = 0; i < found.gl_pathc; i++) {
		const char *path = found.gl_pathv[i];
		char expected_path[512];

		snprintf(expected_path, sizeof expected_path, "%.*s.expected", (int)(strlen(path) - 5), path);
		char *text = said_of(path), *expected = read_all(expected_path);
		if (strcmp(text, expected) != 0) {
			print_error("%s:\n--- expected\n%s--- got\n%s", path, expected, text);
			wrong++;
		}
		free(text);
		free(expected);
	}
	globfree(&found);
	assert_int_equal(wrong, 0);
}

static void test_a_good_file(void **state)
{
	struct findings findings;
	struct scenario *s;

	(void)state;
	assert_int_equal(scenario_load("tests/unit/sim/site/evening.yaml", &s, &findings), 0);
	assert_int_equal(findings.n, 0);
	findings_done(&findings);
	assert_string_equal(s->site, "tests/unit/sim/site/site.yaml");
	assert_true(s->seed == 42 && s->speed == 2.5 && s->day_ms == INT64_C(81000000));
	assert_int_equal(s->n_steps, 4);
	assert_true(s->steps[0].what == STEP_MOVE && s->steps[0].at_ms == 5000 && s->steps[0].move.count == 1 && s->steps[0].move.over_ms == 30000);
	assert_true(s->steps[1].what == STEP_RAISE && s->steps[1].at_ms == 20000);
	assert_string_equal(s->steps[1].where.floor, "3");
	assert_true(s->steps[2].what == STEP_CLEAR && s->steps[3].for_ms == 60000);
	scenario_free(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_bad_files), cmocka_unit_test(test_a_good_file) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
