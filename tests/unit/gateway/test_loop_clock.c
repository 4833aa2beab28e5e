/* When the wall clock is trusted: the kernel's two clocks and its word on synchronisation are the test's. */
#include "gateway/loop.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <sys/timex.h>
#include <time.h>

#define BUILD_MS (INT64_C(1000) * FIREGW_BUILD_EPOCH)
#define DAY_MS   INT64_C(86400000)
#define YEAR_MS  (365 * DAY_MS)

static struct { int64_t boot_ms, wall_ms; bool synchronised; } kernel;

int __wrap_clock_gettime(clockid_t id, struct timespec *ret);
int __wrap_adjtimex(struct timex *tx);

int __wrap_clock_gettime(clockid_t id, struct timespec *ret)
{
	int64_t ms = id == CLOCK_REALTIME ? kernel.wall_ms : kernel.boot_ms;

	*ret = (struct timespec){ ms / 1000, ms % 1000 * 1000000 };
	return 0;
}

int __wrap_adjtimex(struct timex *tx)
{
	(void)tx;
	return kernel.synchronised ? TIME_OK : TIME_ERROR;
}

/* A loop that starts at this wall time, and as much later as is asked. */
struct clock { uv_loop_t uv; struct loop l; int steps; };

static void on_step(void *user, int64_t by_ms, struct stamp now)
{
	struct clock *c = user;

	assert_true(by_ms != 0 && !now.wall_trusted);
	c->steps++;
}

static void start(struct clock *c, int64_t wall_ms, bool synchronised, int64_t newest_ms, int64_t sure_ms)
{
	struct err e;

	kernel.boot_ms = 1000;
	kernel.wall_ms = wall_ms;
	kernel.synchronised = synchronised;
	c->steps = 0;
	uv_loop_init(&c->uv);
	assert_int_equal(loop_init(&c->l, &c->uv, &e), 0);
	c->l.on_step = on_step;
	c->l.user = c;
	loop_set_newest(&c->l, newest_ms, sure_ms);
}

static bool trusted_after(struct clock *c, int64_t ms)
{
	kernel.boot_ms += ms;
	kernel.wall_ms += ms;
	return loop_now(&c->l).wall_trusted;
}

static void end(struct clock *c)
{
	loop_close(&c->l);
	uv_run(&c->uv, UV_RUN_DEFAULT);
	loop_done(&c->l);
	assert_int_equal(uv_loop_close(&c->uv), 0);
}

static void before_the_build_it_never_is(void **state)
{
	struct clock c;

	(void)state;
	start(&c, BUILD_MS - DAY_MS, true, 0, 0);
	assert_false(trusted_after(&c, 0));
	assert_false(trusted_after(&c, 5000));
	assert_true(trusted_after(&c, 2 * DAY_MS));
	end(&c);
}

static void before_the_newest_record_only_if_synchronised(void **state)
{
	int64_t newest = BUILD_MS + YEAR_MS;
	struct clock c;

	(void)state;
	start(&c, newest - 1000, false, newest, newest);
	assert_false(trusted_after(&c, 0));
	assert_true(trusted_after(&c, 1000));
	end(&c);
	start(&c, newest - DAY_MS, false, newest, newest);
	assert_false(trusted_after(&c, 2000));
	kernel.synchronised = true; /* then it is the record that was wrong */
	assert_true(trusted_after(&c, 2000));
	kernel.synchronised = false;
	assert_true(trusted_after(&c, 2000));
	end(&c);
}

static void far_ahead_of_the_newest_record_only_if_synchronised(void **state)
{
	int64_t newest = BUILD_MS + YEAR_MS;
	struct clock c;

	(void)state;
	start(&c, newest + 10 * YEAR_MS, false, newest, newest);
	assert_false(trusted_after(&c, 0));
	assert_false(trusted_after(&c, 31 * DAY_MS));
	kernel.synchronised = true;
	assert_true(trusted_after(&c, 2000));
	end(&c);
	start(&c, newest + 10 * YEAR_MS, true, newest, newest);
	assert_true(trusted_after(&c, 0));
	end(&c);
	start(&c, newest + 29 * DAY_MS, false, newest, newest); /* switched off for a month */
	assert_true(trusted_after(&c, 0));
	assert_true(trusted_after(&c, 60 * DAY_MS));
	end(&c);
	start(&c, newest + 10 * YEAR_MS, false, newest + 10 * YEAR_MS - DAY_MS, newest); /* the last run stored under such a clock too */
	assert_false(trusted_after(&c, 0));
	end(&c);
	start(&c, BUILD_MS + 10 * YEAR_MS, false, 0, 0); /* nothing is stored yet */
	assert_true(trusted_after(&c, 0));
	end(&c);
}

static void a_step_is_told_and_doubted_until_synchronised(void **state)
{
	struct clock c;

	(void)state;
	start(&c, BUILD_MS + YEAR_MS, false, 0, 0);
	assert_true(trusted_after(&c, 0));
	kernel.wall_ms += 4900;
	assert_true(trusted_after(&c, 10));
	kernel.wall_ms += 5100;
	assert_false(trusted_after(&c, 10));
	assert_int_equal(c.steps, 1);
	assert_false(trusted_after(&c, 2000));
	kernel.synchronised = true;
	assert_true(trusted_after(&c, 2000));
	assert_int_equal(c.steps, 1);
	end(&c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(before_the_build_it_never_is),
		cmocka_unit_test(before_the_newest_record_only_if_synchronised),
		cmocka_unit_test(far_ahead_of_the_newest_record_only_if_synchronised),
		cmocka_unit_test(a_step_is_told_and_doubted_until_synchronised),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
