#include "tests/unit/storage/fixture.h"

#include <stdio.h>

struct text { char t[8192]; int stop_after, n; };

static void put(struct text *x, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static void put(struct text *x, const char *fmt, ...)
{
	va_list args;
	size_t len = strlen(x->t);

	va_start(args, fmt);
	vsnprintf(x->t + len, sizeof x->t - len, fmt, args);
	va_end(args);
}

static bool see_stream(void *user, uint32_t stream_db, const char *node, unsigned stream)
{
	struct text *x = user;

	(void)stream_db;
	put(x, "%s/%s ", node, stream_name(stream));
	return ++x->n != x->stop_after;
}

static bool see_alarm(void *user, const char *alarm, const char *state, int64_t since_ms)
{
	struct text *x = user;

	put(x, "%s %s %lld\n", alarm, state, (long long)(since_ms - T0));
	return ++x->n != x->stop_after;
}

static struct reader *open_reader(struct fixture *f)
{
	struct reader *r;
	struct err e;

	if (reader_open(f->path, &r, &e) < 0)
		fail_msg("%s", e.text);
	return r;
}

#define SAW(call, expect) \
	do { \
		struct err e_ = { 0 }; \
		memset(&x, 0, sizeof x); \
		if ((call) < 0) \
			fail_msg("%s", e_.text); \
		assert_string_equal(x.t, expect); \
	} while (0)

static void test_lists(void **state)
{
	struct fixture f;
	struct text x;
	struct err e;
	(void)state;

	fixture_init(&f);
	fixture_open(&f);
	fixture_event(&f, f.fire, "b/y", TRANSITION_RAISED, STATE_ACTIVE, T0 + 5)->since_ms = T0 + 3;
	fixture_event(&f, f.fire, "a/y", TRANSITION_ACKNOWLEDGED, STATE_ACKED, T0 + 7)->since_ms = T0 + 4;
	fixture_event(&f, f.fire, "c/y", TRANSITION_CLEARED, STATE_NORMAL, T0 + 8);
	fixture_commit(&f, T0);
	struct reader *r = open_reader(&f);
	SAW(reader_alarms(r, see_alarm, &x, &e_), "a/y acked 4\nb/y active 3\n");
	memset(&x, 0, sizeof x);
	x.stop_after = 1;
	assert_int_equal(reader_alarms(r, see_alarm, &x, &e), 0);
	assert_int_equal(x.n, 1);
	SAW(reader_streams(r, see_stream, &x, &e_), "gw-1/fire gw-1/fault gw-1/reading ");
	memset(&x, 0, sizeof x);
	x.stop_after = 1;
	assert_int_equal(reader_streams(r, see_stream, &x, &e), 0);
	assert_int_equal(x.n, 1);
	reader_close(r);
	fixture_done(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_lists) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
