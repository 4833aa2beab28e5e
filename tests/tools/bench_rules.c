/* bench_rules: what one reading costs the engine, from 100 alarms to 100,000, and how much memory an alarm takes. Not a test. */
#include "rules/rules.h"

#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define BATCH  1000 /* readings between two looks at the clock */
#define STRIDE 7919

static int64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * CLOCK_NS_PER_S + ts.tv_nsec;
}

static struct event_id on_transition(void *user, const struct rules_transition *t)
{
	uint64_t *n = user;

	(void)t;
	return (struct event_id){ 1, ++*n };
}

static void on_changed(void *user, uint32_t alarm)
{
	(void)user;
	(void)alarm;
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static struct rule_def make_rule(const char *id, enum rule_when when, double limit)
{
	return (struct rule_def){ .id = id, .enabled = true, .when = when, .limit = limit, .deadband = 0.02, .select.height_above = NAN,
		.of.height_above = NAN, .ack = true, .on_delay_ns = 10 * CLOCK_NS_PER_S };
}

struct bench {
	struct site          site;
	struct site_building building;
	struct site_device   device;
	struct point        *points;
	char               (*ids)[24];
	struct rule_def      defs[3];
};

static const char *const one[] = { "x" };

static void make_site(struct bench *b, uint32_t n)
{
	b->points = calloc(n, sizeof *b->points);
	b->ids = calloc(n, sizeof *b->ids);
	if (!b->points || !b->ids)
		abort();
	for (uint32_t i = 0; i < n; i++) {
		snprintf(b->ids[i], sizeof b->ids[i], "d.p%u", i);
		b->points[i] = (struct point){ .index = i, .id = b->ids[i], .name = "p", .kind = KIND_HYDRANT_PRESSURE, .unit = "MPa", .floor = "1",
			.zone = "z", .location = "", .owner = "", .low = NAN, .low2 = NAN, .high = NAN, .high2 = NAN };
	}
	b->building = (struct site_building){ .id = "a", .name = "A", .height_m = 98 };
	b->device = (struct site_device){ .name = "d" };
	b->site = (struct site){ .gateway = "x", .nodes = one, .n_nodes = 1, .buildings = &b->building, .n_buildings = 1, .buses = one,
		.n_buses = 1, .devices = &b->device, .n_devices = 1, .points = b->points, .n_points = n };
	b->defs[0] = make_rule("low", WHEN_BELOW, 0.1);
	b->defs[1] = make_rule("high", WHEN_ABOVE, 1.2);
	b->defs[2] = make_rule("many", WHEN_COUNT, NAN);
	b->defs[2].count = n + 1;
	b->defs[2].within_ns = 300 * CLOCK_NS_PER_S;
}

/* Median and worst of batches, in ns a reading. `swing` 0: nothing changes; 1: every reading starts or ends a delay. */
static void measure(struct rules *r, uint32_t n, double swing, double *ret_median, double *ret_worst)
{
	enum { BATCHES = 2000 };
	static double took[BATCHES];
	uint64_t sent = 0;
	struct rules_sink sink = { on_transition, on_changed, &sent };
	uint32_t point = 0;
	unsigned round = 0;

	for (size_t i = 0; i < BATCHES; i++) {
		int64_t start = now_ns();
		for (int k = 0; k < BATCH; k++) {
			double v = 0.5 - (round % 2 ? 0.45 * swing : 0) + 1e-6 * (k % 16);
			struct sample s = { .point = point, .value = { v, NULL }, .at = { CLOCK_NS_PER_S, 1, true } };
			rules_on_reading(r, &s, &sink);
			/* Not in the order of memory: a stride that is a prime of its own visits every point once a round. */
			point = (point + STRIDE) % n;
			round += point == 0;
		}
		took[i] = (double)(now_ns() - start) / BATCH;
	}
	qsort(took, BATCHES, sizeof took[0], compare);
	*ret_median = took[BATCHES / 2];
	*ret_worst = took[BATCHES - BATCHES / 100];
}

/* What an engine takes, in bytes; it is handed over. */
static size_t make(const struct bench *b, size_t n_defs, struct rules **ret)
{
	struct mallinfo2 before = mallinfo2();
	struct err e;

	if (rules_new(&b->site, b->defs, n_defs, NULL, 0, 1, ret, &e) < 0) {
		fprintf(stderr, "%s\n", e.text);
		exit(1);
	}
	struct mallinfo2 after = mallinfo2();
	return after.uordblks + after.hblkhd - before.uordblks - before.hblkhd;
}

int main(void)
{
	const uint32_t sizes[] = { 50, 500, 5000, 10000, 50000 };

	printf("%8s %8s %12s %12s %14s %12s %12s %12s\n", "points", "alarms", "ns/unchanged", "p99", "ns/changed", "bytes/alarm", "pool bytes", "make ms");
	for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
		struct bench b = { 0 };
		struct rules *r;
		double idle, idle_p99, busy, busy_p99;
		make_site(&b, sizes[i]);
		/* The pool of people's alarms is as large whatever the rules are. */
		size_t pool = make(&b, 0, &r);
		rules_free(r);
		int64_t start = now_ns();
		size_t bytes = make(&b, 3, &r);
		int64_t made = now_ns() - start;
		size_t alarms = rules_count(r) - RULES_EXTRAS_MAX;
		measure(r, sizes[i], 0, &idle, &idle_p99);
		measure(r, sizes[i], 1, &busy, &busy_p99);
		printf("%8u %8zu %12.1f %12.1f %14.1f %12.1f %12zu %12.1f\n", sizes[i], alarms, idle, idle_p99, busy, (double)(bytes - pool) / (double)alarms, pool, (double)made / 1e6);
		rules_free(r);
		free(b.points);
		free(b.ids);
	}
	return 0;
}
