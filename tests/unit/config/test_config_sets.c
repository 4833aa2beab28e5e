/* The bad set gives exactly its expected findings, file by file; the good set and every example give none, and what `show` prints of them
 * loads back to the same. */
#include "gateway/config/config.h"

#include <glob.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define BAD_MIN 60

static char *read_all(const char *path)
{
	FILE *f = fopen(path, "r");
	char *text = NULL;
	size_t cap = 0;

	if (!f)
		return NULL;
	if (getdelim(&text, &cap, '\0', f) < 0) {
		free(text);
		text = strdup("");
	}
	fclose(f);
	return text;
}

/* The installed folder is the build's: the expected texts say @DATADIR@. */
static char *printed(const struct findings *f)
{
	char *text = NULL, *at;
	size_t len = 0;
	FILE *out = open_memstream(&text, &len);

	findings_print(f, out);
	fclose(out);
	while ((at = strstr(text, FIREGW_DATADIR)) != NULL) {
		char *changed;
		assert_true(asprintf(&changed, "%.*s@DATADIR@%s", (int)(at - text), text, at + strlen(FIREGW_DATADIR)) > 0);
		free(text);
		text = changed;
	}
	return text;
}

static void test_bad_set(void **state)
{
	glob_t found;
	size_t wrong = 0;

	(void)state;
	assert_int_equal(glob("tests/config/bad/*.yaml", 0, NULL, &found), 0);
	assert_true(found.gl_pathc >= BAD_MIN);
	for (size_t i = 0; i < found.gl_pathc; i++) {
		char expected_path[512];
		struct config *c;
		struct findings f;
		snprintf(expected_path, sizeof expected_path, "%.*s.expected", (int)strlen(found.gl_pathv[i]) - 5, found.gl_pathv[i]);
		char *expected = read_all(expected_path);
		int r = config_load(found.gl_pathv[i], &c, &f);
		char *got = printed(&f);
		/* Refused exactly if there is an error. */
		assert_int_equal(r, f.errors ? -1 : 0);
		assert_true((c == NULL) == (f.errors > 0));
		assert_true(f.n > 0);
		assert_int_equal(f.n, f.errors + f.warnings);
		if (!expected || strcmp(expected, got) != 0) {
			print_error("%s: expected\n%s--- got\n%s", found.gl_pathv[i], expected ? expected : "(no .expected file)\n", got);
			wrong++;
		}
		free(expected);
		free(got);
		config_free(c);
		findings_done(&f);
	}
	globfree(&found);
	assert_int_equal(wrong, 0);
}

static struct config *load(const char *path, bool clean)
{
	struct config *c;
	struct findings f;
	int r = config_load(path, &c, &f);

	if (r < 0 || (clean && f.n))
		findings_print(&f, stderr);
	assert_int_equal(r, 0);
	if (clean)
		assert_int_equal(f.n, 0);
	findings_done(&f);
	return c;
}

static char *show(const struct config *c, bool as_json)
{
	char *text = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&text, &len);

	assert_int_equal(config_show(c, as_json, out), 0);
	fclose(out);
	return text;
}

/* Shown, loaded from elsewhere, shown again: the same text and the same hashes. */
static void check_round(const struct config *c, bool as_json)
{
	char path[] = "/tmp/firegw-show-XXXXXX";
	int fd = mkstemp(path);
	char *first = show(c, as_json), *plain = show(c, false);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, first, strlen(first)), strlen(first));
	close(fd);
	struct config *again = load(path, true);
	unlink(path);
	char *second = show(again, false);
	assert_string_equal(plain, second);
	assert_string_equal(c->hash, again->hash);
	assert_int_equal(c->n_buses, again->n_buses);
	for (size_t i = 0; i < c->n_buses; i++)
		assert_true(c->buses[i].hash == again->buses[i].hash);
	assert_int_equal(c->n_hubs, again->n_hubs);
	for (size_t i = 0; i < c->n_hubs; i++)
		assert_true(c->hubs[i].hash == again->hubs[i].hash);
	free(first);
	free(second);
	free(plain);
	config_free(again);
}

static void test_good_set(void **state)
{
	static const char *const patterns[] = { "tests/config/good/*.yaml", "examples/*/site.yaml" };
	glob_t found;

	(void)state;
	for (size_t k = 0; k < 2; k++) {
		assert_int_equal(glob(patterns[k], 0, NULL, &found), 0);
		assert_true(found.gl_pathc >= 2);
		for (size_t i = 0; i < found.gl_pathc; i++) {
			struct config *c = load(found.gl_pathv[i], true);
			assert_int_equal(strncmp(c->hash, "sha256:", 7), 0);
			assert_int_equal(strlen(c->hash), 7 + 64);
			check_round(c, false);
			check_round(c, true);
			config_free(c);
		}
		globfree(&found);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_bad_set),
		cmocka_unit_test(test_good_set),
	};

	return cmocka_run_group_tests_name("config sets", tests, NULL, NULL);
}
