/* tower_month SITE.yaml SEEN.jsonl SEED POLL_S FROM_MS TO_MS: lives through that month of the site, with a day before and some hours behind, and leaves the database and what the
 * brokers saw. Beside SITE.yaml stand SITE.yaml.bad and .next, which it is reloaded with on the way, and .last, which it is started with then. A month of Asia/Shanghai. */
#include "tests/sim/month.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define BEFORE_MS (40 * HOUR_MS)
#define BEHIND_MS (8 * HOUR_MS)

static struct month m;
static const char *site, *seen;
static uint64_t seed;
static int64_t from_ms, to_ms, poll_ms;

static void errors_only(enum log_level level, const char *module, const char *text)
{
	if (level <= LOG_LEVEL_ERROR && strcmp(module, "hub") != 0 && strcmp(module, "bus") != 0 && strcmp(module, "config") != 0 && strcmp(module, "store") != 0)
		fprintf(stderr, "%s: %s\n", module, text);
}

/* ---- what stands at the month's ends ---- */

static void detector_fault(struct month *x, const struct month_job *j)
{
	month_move(x, month_point(x, (enum kind)j->n), j->what, month_draw(x, 60, 90) * HOUR_MS);
}

static void dead_for_days(struct month *x, const struct month_job *j)
{
	struct builtin_where where = { .device = j->what };

	month_raise(x, "device-dead", &where, 60 * HOUR_MS);
}

static void out(struct month *x, const struct month_job *j)
{
	month_service(x, j->what, true);
}

static void in(struct month *x, const struct month_job *j)
{
	month_service(x, j->what, false);
}

static void shelve(struct month *x, const struct month_job *j)
{
	month_shelve(x, j->what, 20 * HOUR_MS);
}

static void test(struct month *x, const struct month_job *j)
{
	month_test(x, j->what, 3 * HOUR_MS, j->n != 0);
}

static void end_test(struct month *x, const struct month_job *j)
{
	month_end_test(x, j->what);
}

static void fire(struct month *x, const struct month_job *j)
{
	struct builtin_where where = { .floor = j->what };

	month_raise(x, "fire", &where, 0);
}

static void no_route(struct month *x, const struct month_job *j)
{
	month_away(x, 1, j->n != 0);
}

static void plan_edge(int64_t edge_ms)
{
	month_add(&m, edge_ms - 30 * HOUR_MS, detector_fault, "fault")->n = KIND_SMOKE_DETECTOR;
	month_add(&m, edge_ms - 27 * HOUR_MS, detector_fault, "disabled")->n = KIND_SMOKE_DETECTOR;
	month_add(&m, edge_ms - 26 * HOUR_MS, detector_fault, "alarm")->n = KIND_SIGNAL_VALVE;
	month_add(&m, edge_ms - 20 * HOUR_MS, dead_for_days, "f22-box");
	month_add(&m, edge_ms - 19 * HOUR_MS, out, "f9-box.door-2");
	month_add(&m, edge_ms + 5 * HOUR_MS, in, "f9-box.door-2");
	month_add(&m, edge_ms - 18 * HOUR_MS, out, "f14-box.hydrant");
	month_add(&m, edge_ms - 10 * HOUR_MS, shelve, "f6-box.door-1/door-open");
	month_add(&m, edge_ms - 4 * HOUR_MS, no_route, "")->n = 1;
	month_add(&m, edge_ms + 2 * HOUR_MS, no_route, "")->n = 0;
	month_add(&m, edge_ms - HOUR_MS, test, "floor=30");
	month_add(&m, edge_ms - 50 * MINUTE_MS, test, "floor=31")->n = 1;
	month_add(&m, edge_ms - 40 * MINUTE_MS, test, "floor=29");
	month_add(&m, edge_ms - 30 * MINUTE_MS, end_test, "floor=29");
	/* It chatters before, and comes now and then behind. */
	month_flutter(&m, edge_ms - 9 * HOUR_MS, "facp.f11-smoke-2", edge_ms == from_ms ? 41 : 1);
	for (int64_t hour = 3; hour < 11; hour++)
		month_flutter(&m, edge_ms + hour * HOUR_MS, "facp.f11-smoke-2", 1);
	month_add(&m, edge_ms - 20 * MINUTE_MS, fire, "7");
}

static void live(void **state)
{
	int64_t began = from_ms - BEFORE_MS;

	(void)state;
	month_init(&m, site, seen, began, poll_ms, seed);
	month_start(&m);
	plan_edge(from_ms);
	month_plan_people(&m, began, to_ms + BEHIND_MS);
	month_plan_plant(&m, from_ms + HOUR_MS, to_ms - HOUR_MS);
	plan_edge(to_ms);
	for (int64_t day = from_ms; day <= to_ms; day += DAY_MS) {
		month_run(&m, day);
		if (getenv("FIREGW_PROGRESS"))
			fprintf(stderr, "day %lld: %llu samples, %llu messages, %llu acts of people\n", (long long)((day - from_ms) / DAY_MS), (unsigned long long)m.n_samples,
			        (unsigned long long)m.n_seen, (unsigned long long)m.n_acts);
	}
	month_run(&m, to_ms + BEHIND_MS);
	if (!m.h.app)
		month_start(&m);
	month_away(&m, 0, false);
	month_away(&m, 1, false);
	month_run(&m, month_now(&m) + HOUR_MS);
	for (int i = 0; i < 600 && !house_is_idle(&m.h); i++)
		house_advance(&m.h, 1000);
	assert_true(house_is_idle(&m.h));
	assert_int_equal(house_given_up(&m.h), 0);
	house_stop(&m.h);
	printf("seed %llu: %llu samples, %llu messages seen, %llu acts of people, %llu of them refused\n", (unsigned long long)seed, (unsigned long long)m.n_samples,
	       (unsigned long long)m.n_seen, (unsigned long long)m.n_acts, (unsigned long long)m.n_refused);
	month_done(&m);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(live) };

	if (argc != 7) {
		fputs("usage: tower_month SITE.yaml SEEN.jsonl SEED POLL_S FROM_MS TO_MS\n", stderr);
		return 2;
	}
	site = argv[1];
	seen = argv[2];
	seed = strtoull(argv[3], NULL, 10);
	poll_ms = atoll(argv[4]) * SECOND_MS;
	from_ms = atoll(argv[5]);
	to_ms = atoll(argv[6]);
	log_set_sink(errors_only);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
