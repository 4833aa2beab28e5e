/* The n-th allocation of a load fails, for every n: the load is refused with a finding, nothing leaks (the sanitizer sees to that), nothing crashes. */
#include "gateway/config/config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

void *__real_malloc(size_t size);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *old, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *old, size_t size);

static long countdown = -1; /* -1: none fails */
static bool failed;

static bool fails(void)
{
	if (countdown < 0)
		return false;
	if (countdown-- > 0)
		return false;
	failed = true;
	return true;
}

void *__wrap_malloc(size_t size)
{
	return fails() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t n, size_t size)
{
	return fails() ? NULL : __real_calloc(n, size);
}

void *__wrap_realloc(void *old, size_t size)
{
	return fails() ? NULL : __real_realloc(old, size);
}

static void sweep(const char *path, bool good)
{
	long n = 0;

	for (;; n++) {
		struct config *c;
		struct findings f;
		countdown = n;
		failed = false;
		int r = config_load(path, &c, &f);
		countdown = -1;
		bool was = failed;
		if (r < 0) {
			assert_null(c);
			assert_true(f.errors > 0);
		}
		if (!was)
			assert_int_equal(r, good ? 0 : -1);
		config_free(c);
		findings_done(&f);
		if (!was)
			break;
	}
	assert_true(n > 5); /* it did allocate */
}

static void test_good(void **state)
{
	(void)state;
	sweep("tests/config/good/full.yaml", true);
}

static void test_bad(void **state)
{
	(void)state;
	sweep("tests/config/bad/table-mangled.yaml", false);
	sweep("tests/config/bad/table-gb18030.yaml", false);
	sweep("tests/config/bad/yaml-anchor.yaml", false);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good),
		cmocka_unit_test(test_bad),
	};

	return cmocka_run_group_tests_name("config memory", tests, NULL, NULL);
}
