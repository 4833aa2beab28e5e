/* Live = simulated on the same samples: what a pipeline decided is what a back-test of the same rules finds in what it stored, occurrence by occurrence; and what other rules would
 * have decided on all samples differs from their back-test only where it says that deadbands hide something. */
#include "tests/unit/cli/backtest_found.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HOURS     8

/* ---- what was decided ---- */

static void take_event(void *user, const struct record_event *e)
{
	struct spans *s = user;

	if (e->transition == TRANSITION_RAISED || e->transition == TRANSITION_CONFIRMED || e->transition == TRANSITION_RERAISED)
		found_span(s, e->alarm, e->at_ms, INT64_MAX);
	if (e->transition != TRANSITION_RETURNED)
		return;
	for (size_t i = s->n; i-- > 0;)
		if (strcmp(s->items[i].alarm, e->alarm) == 0) {
			s->items[i].to_ms = e->at_ms;
			return;
		}
	fail_msg("%s returned and was never raised", e->alarm);
}

static void same(const struct spans *a, const struct spans *b)
{
	assert_int_equal(a->n, b->n);
	for (size_t i = 0; i < a->n; i++)
		if (strcmp(a->items[i].alarm, b->items[i].alarm) != 0 || a->items[i].from_ms != b->items[i].from_ms || a->items[i].to_ms != b->items[i].to_ms)
			fail_msg("%s %lld … %lld is not %s %lld … %lld", a->items[i].alarm, (long long)a->items[i].from_ms, (long long)a->items[i].to_ms, b->items[i].alarm,
			         (long long)b->items[i].from_ms, (long long)b->items[i].to_ms);
}

/* ---- random samples ---- */

#define POINT(name, zone, building, more) \
	"          - {point: " name ", kind: generic, fc: 3, register: %d, zone: " zone ", building: " building ", high: 60, heartbeat: 30m" more "}\n"
static const char points_fmt[] = POINT("p0", "z", "a", ", deadband: %g") POINT("p1", "z", "a", ", deadband: %g") POINT("p2", "z", "b", ", deadband: %g") POINT("p3", "z", "b", ", deadband: %g")
	POINT("e0", "y", "a", ", deadband: 0, enum: 0=normal|1=alarm|2=off");
static const char live_rules[] =
	"rules:\n"
	"  - {id: hot, for: {point: 'd.p*'}, when: {above: 52, deadband: 3}, class: prealarm}\n"
	"  - {id: hotter, for: {point: 'd.p*'}, when: {above: point.high, deadband: 5}, on_delay: 7s, off_delay: 20s, class: fire}\n"
	"  - {id: cold, for: {point: 'd.p*'}, when: {below: 44, deadband: 2}, off_delay: 4s, class: supervisory, ack: false}\n"
	"  - {id: away, for: {point: 'd.p*'}, when: {outside: [41, 57], deadband: 1.5}, class: supervisory}\n"
	"  - {id: wide, for: {point: 'd.p*'}, when: {outside: [40, 57], deadband: 1.5}, class: supervisory, ack: false}\n"
	"  - {id: damp, for: {point: 'd.p*'}, when: {above: 53, deadband: 2}, class: supervisory, ack: false}\n"
	"  - {id: silent, for: {point: 'd.*'}, when: {quality: bad}, on_delay: 15s, class: fault, ack: false}\n"
	"  - {id: set, for: {point: d.e0}, when: {equals: alarm}, class: fire, latch: true}\n"
	"  - {id: two, when: {count: 2, of: {rule: [hot, hotter]}, same: building, within: 30s}, class: fire}\n"
	"  - {id: three, when: {count: 3, of: {point: 'd.p*'}}, class: fire}\n";
static const char other_rules[] =
	"rules:\n"
	"  - {id: hot, for: {point: 'd.p*'}, when: {above: 51.3, deadband: 0.5}, class: prealarm}\n"
	"  - {id: hotter, for: {point: 'd.p*'}, when: {above: 54, deadband: 2}, on_delay: 5s, off_delay: 9s, class: fire}\n"
	"  - {id: cold, for: {point: 'd.p*'}, when: {below: 46.1, deadband: 2}, off_delay: 4s, class: supervisory, ack: false}\n"
	"  - {id: away, for: {point: 'd.p*'}, when: {outside: [42, 55], deadband: 1.5}, class: supervisory}\n"
	"  - {id: wide, for: {point: 'd.p*'}, when: {outside: [40, 56], deadband: 1.5}, class: supervisory, ack: false}\n" /* each differs in one thing only */
	"  - {id: damp, for: {point: 'd.p*'}, when: {above: 53, deadband: 1}, class: supervisory, ack: false}\n"
	"  - {id: even, for: {point: 'd.p*'}, when: {equals: 50}, class: supervisory, ack: false}\n"
	"  - {id: set, for: {point: d.e0}, when: {equals: off}, class: fire, latch: true}\n"
	"  - {id: two, when: {count: 2, of: {rule: [hot, hotter]}, same: building, within: 30s}, class: fire}\n";

struct walk { uint64_t seed; double value[5]; int silent[5], bad[5]; };

static uint32_t draw(struct walk *w, uint32_t n)
{
	w->seed = w->seed * UINT64_C(6364136223846793005) + 1442695040888963407u;
	return (uint32_t)(w->seed >> 33) % n;
}

/* One second: a step on a grid of tenths, now and then a spell without an answer or without any sample. */
static void step(struct walk *w, int i, double second, struct rig *const *rigs, size_t n)
{
	enum quality q = QUALITY_GOOD;

	if (w->silent[i] == 0 && draw(w, 900) == 0)
		w->silent[i] = 5 + (int)draw(w, 60);
	if (w->bad[i] == 0 && draw(w, 900) == 0)
		w->bad[i] = 1 + (int)draw(w, 40);
	if (i == 4)
		w->value[i] = draw(w, 60) == 0 ? draw(w, 3) : w->value[i];
	else
		w->value[i] = round(10 * (w->value[i] + ((double)draw(w, 15) - 7) / 10 + (50 - w->value[i]) / 200)) / 10;
	if (w->bad[i] > 0) {
		w->bad[i]--;
		q = i % 2 ? QUALITY_COMM : QUALITY_DEVICE;
	}
	if (w->silent[i] > 0)
		w->silent[i]--;
	for (size_t k = 0; k < n; k++) {
		rig_until(rigs[k], second + i * 0.037);
		if (w->silent[i] == 0)
			rig_sample(rigs[k], (uint32_t)i, w->value[i], q);
	}
}

static void walk(uint64_t seed, struct rig *const *rigs, size_t n)
{
	struct walk w = { .seed = seed, .value = { 50, 50, 50, 50, 0 } };

	for (int second = 1; second < HOURS * 3600; second++) {
		for (int i = 0; i < 5; i++)
			step(&w, i, second, rigs, n);
		if (second % 1777 == 0)
			rig_restart(rigs[0]); /* the one that stores */
	}
	for (size_t k = 0; k < n; k++)
		rig_until(rigs[k], HOURS * 3600);
}

/* ---- the comparison ---- */

static bool has_edge(const struct spans *s, const char *alarm, int64_t at_ms, bool begin)
{
	for (size_t i = 0; i < s->n; i++)
		if (strcmp(s->items[i].alarm, alarm) == 0 && (begin ? s->items[i].from_ms : s->items[i].to_ms) == at_ms)
			return true;
	return false;
}

/* Within a doubt of this alarm, or (of a count) of any that may count in it, and as long behind as the rules' delays and windows are; and where it chatters, whether it is held goes on from one quiet to the next. */
static bool is_covered(const struct spans *doubts, const char *alarm, int64_t at_ms)
{
	bool of_several = alarm[0] != 'd';

	for (size_t i = 0; i < doubts->n; i++) {
		const struct span *d = &doubts->items[i];
		if ((of_several || strcmp(d->alarm, alarm) == 0) && d->from_ms <= at_ms && at_ms <= d->to_ms + (of_several ? 39000 : 9000) + 5 * RULES_CHATTER_QUIET_NS / CLOCK_NS_PER_MS)
			return true;
	}
	return false;
}

static size_t differences(const struct spans *a, const struct spans *b, const struct spans *doubts)
{
	size_t n = 0;

	for (size_t i = 0; i < 2 * a->n; i++) {
		const struct span *s = &a->items[i / 2];
		int64_t at = i % 2 ? s->to_ms : s->from_ms;
		if (at == INT64_MAX || has_edge(b, s->alarm, at, i % 2 == 0))
			continue;
		n++;
		if (!is_covered(doubts, s->alarm, at))
			fail_msg("%s %s at %lld, which nothing covers", s->alarm, i % 2 ? "ends" : "begins", (long long)(at - RIG_T0));
	}
	return n;
}

/* The share of the time in which a rule's alarms are in doubt. */
static double doubtful_share(const struct spans *doubts, const char *rule)
{
	int64_t ms = 0;

	for (size_t i = 0; i < doubts->n; i++)
		if (strcmp(strchr(doubts->items[i].alarm, '/') + 1, rule) == 0)
			ms += doubts->items[i].to_ms - doubts->items[i].from_ms;
	return (double)ms / (4.0 * HOURS * 3600000);
}

static size_t one_walk(uint64_t seed, const double deadbands[4])
{
	struct spans was = { 0 }, truth = { 0 };
	struct rig live, other;
	struct backtest b;
	struct found f;
	char points[2048], path[128];

	snprintf(points, sizeof points, points_fmt, 1, deadbands[0], 2, deadbands[1], 3, deadbands[2], 4, deadbands[3], 5);
	rig_write(&live, points, live_rules);
	rig_file(&live, "other.yaml", other_rules);
	snprintf(path, sizeof path, "%s/other.yaml", live.dir);
	other = live;
	const char *files[] = { path };
	rig_open(&live, NULL, 0, true);
	rig_open(&other, files, 1, false);
	live.events = other.events = take_event;
	live.user = &was;
	other.user = &truth;
	walk(seed, (struct rig *const[]){ &live, &other }, 2);
	rig_commit(&live);
	rig_commit(&other);
	qsort(was.items, was.n, sizeof(struct span), found_by_alarm);
	qsort(truth.items, truth.n, sizeof(struct span), found_by_alarm);
	assert_true(was.n > 500 && truth.n > 500);

	/* The same rules: equal whatever the deadbands are, since what moved a rule was stored; and nothing is hidden. */
	found_run(&live, live.config, live.config, RIG_T0, RIG_T0 + HOURS * 3600000, &b, &f);
	same(&f.side[BACKTEST_WOULD], &was);
	same(&f.side[BACKTEST_WERE], &was);
	assert_int_equal(f.alone, 0);
	assert_int_equal(f.doubts.n, 0);
	backtest_done(&b);
	found_done(&f);

	found_run(&live, other.config, live.config, RIG_T0, RIG_T0 + HOURS * 3600000, &b, &f);
	size_t n = differences(&f.side[BACKTEST_WOULD], &truth, &f.doubts) + differences(&truth, &f.side[BACKTEST_WOULD], &f.doubts);
	if (deadbands[0] <= 0 && deadbands[1] <= 0 && deadbands[2] <= 0 && deadbands[3] <= 0) {
		same(&f.side[BACKTEST_WOULD], &truth);
		assert_int_equal(f.doubts.n, 0);
	} else {
		assert_true(f.doubts.n > 0);
		assert_true(doubtful_share(&f.doubts, "hotter") < 0.5); /* it does not just say that of everything */
	}
	backtest_done(&b);
	found_done(&f);
	rig_close(&live);
	rig_close(&other);
	rig_remove(&live);
	free(was.items);
	free(truth.items);
	return n;
}

static void live_is_simulated(void **state)
{
	const double none[] = { 0, 0, 0, 0 };

	(void)state;
	for (uint64_t seed = 1; seed <= 3; seed++) {
		print_message("seed %d\n", (int)seed);
		assert_int_equal(one_walk(seed, none), 0);
	}
}

static void deadbands_hide_what_is_said(void **state)
{
	const double some[] = { 0.3, 1, 0, 0.5 };
	size_t n = 0;

	(void)state;
	for (uint64_t seed = 1; seed <= 3; seed++) {
		print_message("seed %d\n", (int)seed);
		n += one_walk(seed, some);
	}
	print_message("%zu differences, all covered\n", n);
	assert_true(n > 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(live_is_simulated), cmocka_unit_test(deadbands_hide_what_is_said) };

	setenv("TZ", "UTC", 1);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
