/* What a site has not beside it is taken from the installed folder, which a test cannot fill: what is opened there is opened in the sources instead. */
#include "gateway/config/config.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

int __real_access(const char *path, int mode);
int __real_open(const char *path, int flags);
int __wrap_access(const char *path, int mode);
int __wrap_open(const char *path, int flags);

static const char *moved(const char *path, char to[512])
{
	size_t len = strlen(FIREGW_DATADIR);

	if (strncmp(path, FIREGW_DATADIR, len) != 0)
		return path;
	snprintf(to, 512, "examples%s", path + len);
	return to;
}

int __wrap_access(const char *path, int mode)
{
	char to[512];

	return __real_access(moved(path, to), mode);
}

int __wrap_open(const char *path, int flags)
{
	char to[512];

	return __real_open(moved(path, to), flags);
}

static char folder[64];

static int setup(void **state)
{
	(void)state;
	strcpy(folder, "/tmp/firegw-installed-XXXXXX");
	return mkdtemp(folder) ? 0 : -1;
}

static int teardown(void **state)
{
	char command[128];

	(void)state;
	snprintf(command, sizeof command, "rm -rf %s", folder);
	return system(command);
}

static void put(const char *name, const char *text)
{
	char path[256];

	snprintf(path, sizeof path, "%s/%s", folder, name);
	FILE *f = fopen(path, "w");
	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

static struct config *load(const char *rules, struct findings *ret)
{
	char path[256], text[1024];
	struct config *c;

	snprintf(text, sizeof text, "site:\n  gateway: gw-1\n  region: \"500110002003\"\n  buildings: [{id: a, class: class1-public, height_m: 98}]\n"
	         "buses:\n  - name: b\n    url: tcp://10.0.0.7\n    devices:\n      - {name: d, unit: 1, profile: pump-set-technoforce}\nrules: [%s]\n", rules);
	put("site.yaml", text);
	snprintf(path, sizeof path, "%s/site.yaml", folder);
	config_load(path, &c, ret);
	return c;
}

static void what_is_not_beside_the_site_is_the_installed_one(void **state)
{
	struct findings f;
	struct config *c = load("rules/high-rise.yaml", &f);

	(void)state;
	if (f.n)
		findings_print(&f, stderr);
	assert_int_equal(f.n, 0); /* the profile and the pack fit each other, and a pack's rules need not fit anything */
	assert_non_null(c);
	assert_true(c->n_rules > 50 && c->site.n_points == 8);
	assert_string_equal(c->rules[0].file, FIREGW_DATADIR "/rules/high-rise.yaml");
	config_free(c);
	findings_done(&f);
}

static void what_is_beside_it_comes_first(void **state)
{
	struct findings f;
	char path[128];

	(void)state;
	snprintf(path, sizeof path, "%s/rules", folder);
	assert_int_equal(mkdir(path, 0755), 0);
	put("rules/high-rise.yaml", "rules:\n  - {id: own, for: {kind: device_status}, when: {equals: fault}}\n");
	struct config *c = load("rules/high-rise.yaml", &f);
	assert_non_null(c);
	assert_int_equal(c->n_rules, 1);
	config_free(c);
	findings_done(&f);
}

/* Only rules/X has an installed twin; everything else is where its path says. */
static void other_paths_are_taken_as_they_stand(void **state)
{
	static const char *const paths[] = { "high-rise.yaml", "rules/none.yaml", "rules/../profiles/pump-set-2.csv", "profiles/pump-set-2.csv" };

	(void)state;
	for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
		struct findings f;
		assert_null(load(paths[i], &f));
		assert_true(f.errors == 1 && strncmp(f.items[0].file, folder, strlen(folder)) == 0);
		findings_done(&f);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_not_beside_the_site_is_the_installed_one),
		cmocka_unit_test(what_is_beside_it_comes_first),
		cmocka_unit_test(other_paths_are_taken_as_they_stand),
	};

	return cmocka_run_group_tests_name("config installed", tests, setup, teardown);
}
