/* Live = simulated on the same samples: what a pipeline decided is what a back-test of the same rules finds in what it stored, occurrence by occurrence; and what other rules would
 * have decided on all samples differs from their back-test only where it says that deadbands hide something. */
#include "tests/unit/cli/backtest_rig.h"

#include "gateway/cli/backtest_feed.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SPANS_MAX 60000
#define HOURS     8

struct span { char alarm[48]; int64_t from_ms, to_ms; };
struct spans { struct span *items; size_t n; };

static void add_span(struct spans *s, const char *alarm, int64_t from, int64_t to)
{
	if (!s->items)
		s->items = calloc(SPANS_MAX, sizeof *s->items);
	assert_true(s->n < SPANS_MAX);
	snprintf(s->items[s->n].alarm, sizeof s->items[s->n].alarm, "%s", alarm);
	s->items[s->n].from_ms = from;
	s->items[s->n++].to_ms = to;
}

static int by_alarm(const void *x, const void *y)
{
	const struct span *a = x, *b = y;
	int order = strcmp(a->alarm, b->alarm);

	return order ? order : a->from_ms < b->from_ms ? -1 : a->from_ms > b->from_ms;
}

/* ---- what was decided ---- */

static void take_event(void *user, const struct record_event *e)
{
	struct spans *s = user;

	if (e->transition == TRANSITION_RAISED || e->transition == TRANSITION_CONFIRMED || e->transition == TRANSITION_RERAISED)
		add_span(s, e->alarm, e->at_ms, INT64_MAX);
	if (e->transition != TRANSITION_RETURNED)
		return;
	for (size_t i = s->n; i-- > 0;)
		if (strcmp(s->items[i].alarm, e->alarm) == 0) {
			s->items[i].to_ms = e->at_ms;
			return;
		}
	fail_msg("%s returned and was never raised", e->alarm);
}

/* ---- what the back-test finds ---- */

struct found { struct spans side[BACKTEST_SIDES], doubts; size_t alone; };

static void take_occurrence(void *user, const struct backtest_occurrence *o)
{
	struct found *f = user;

	add_span(&f->side[o->side], o->alarm->id, o->from_ms, o->to_ms);
	f->alone += o->alone && o->counts;
}

static void take_doubt(void *user, const struct backtest_alarm *a, int64_t from_ms, int64_t to_ms)
{
	add_span(&((struct found *)user)->doubts, a->id, from_ms, to_ms);
}

static void back_test(const struct rig *r, const struct config *c, const struct config *live, int64_t from_ms, int64_t to_ms, struct backtest *b, struct found *ret)
{
	struct backtest_options o = { .site = &c->site, .rules = c->rules, .n_rules = c->n_rules, .live = live->rules, .n_live = live->n_rules, .from_ms = from_ms, .to_ms = to_ms,
		.occurrence = take_occurrence, .doubt = take_doubt, .user = ret };
	struct reader *db = NULL;
	struct err e = { 0 };

	*ret = (struct found){ 0 };
	if (backtest_init(b, &o, &e) || reader_open(r->db, &db, &e) || feed_all(db, b, &(struct feed_options){ 0 }, &e))
		fail_msg("%s", e.text);
	reader_close(db);
	for (int i = 0; i < BACKTEST_SIDES; i++)
		if (ret->side[i].n)
			qsort(ret->side[i].items, ret->side[i].n, sizeof(struct span), by_alarm);
}

static void found_done(struct found *f)
{
	free(f->side[0].items);
	free(f->side[1].items);
	free(f->doubts.items);
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
	"  - {id: silent, for: {point: 'd.*'}, when: {quality: bad}, on_delay: 15s, class: fault, ack: false}\n"
	"  - {id: set, for: {point: d.e0}, when: {equals: alarm}, class: fire, latch: true}\n"
	"  - {id: two, when: {count: 2, of: {rule: [hot, hotter]}, same: building, within: 30s}, class: fire}\n"
	"  - {id: three, when: {count: 3, of: {point: 'd.p*'}}, class: fire}\n";
static const char other_rules[] =
	"rules:\n"
	"  - {id: hot, for: {point: 'd.p*'}, when: {above: 51.3, deadband: 0.5}, class: prealarm}\n"
	"  - {id: hotter, for: {point: 'd.p*'}, when: {above: 54, deadband: 2}, on_delay: 5s, off_delay: 9s, class: fire}\n"
	"  - {id: cold, for: {point: 'd.p*'}, when: {below: 46.1}, off_delay: 4s, class: supervisory, ack: false}\n"
	"  - {id: away, for: {point: 'd.p*'}, when: {outside: [42, 55], deadband: 1.5}, class: supervisory}\n"
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

	for (int second = 1; second < HOURS * 3600; second++)
		for (int i = 0; i < 5; i++)
			step(&w, i, second, rigs, n);
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

/* Within a doubt of this alarm, or (of a count) of any that may count in it, and as long behind as the rules' delays and windows are. */
static bool is_covered(const struct spans *doubts, const char *alarm, int64_t at_ms)
{
	bool of_several = alarm[0] != 'd';

	for (size_t i = 0; i < doubts->n; i++) {
		const struct span *d = &doubts->items[i];
		if ((of_several || strcmp(d->alarm, alarm) == 0) && d->from_ms <= at_ms && at_ms <= d->to_ms + (of_several ? 39000 : 9000))
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
	qsort(was.items, was.n, sizeof(struct span), by_alarm);
	qsort(truth.items, truth.n, sizeof(struct span), by_alarm);
	assert_true(was.n > 500 && truth.n > 500);

	/* The same rules: equal whatever the deadbands are, since what moved a rule was stored; and nothing is hidden. */
	back_test(&live, live.config, live.config, RIG_T0, RIG_T0 + HOURS * 3600000, &b, &f);
	same(&f.side[BACKTEST_WOULD], &was);
	same(&f.side[BACKTEST_WERE], &was);
	assert_int_equal(f.alone, 0);
	assert_int_equal(f.doubts.n, 0);
	backtest_done(&b);
	found_done(&f);

	back_test(&live, other.config, live.config, RIG_T0, RIG_T0 + HOURS * 3600000, &b, &f);
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

/* ---- the edges ---- */

static const char one_point[] = "          - {point: p, kind: generic, fc: 3, register: 1, heartbeat: 1d, deadband: 1}\n";
static const char one_rule[] = "rules:\n  - {id: hot, for: {point: d.p}, when: {above: 50, deadband: 5}, class: fire}\n"
	"  - {id: late, for: {point: d.p}, when: {above: 50}, on_delay: 1h, class: fire}\n";
#define HOUR_MS INT64_C(3600000)

static const struct backtest_alarm *alarm_of(const struct backtest *b, const char *id)
{
	for (size_t i = 0; i < b->n_alarms; i++)
		if (strcmp(b->alarms[i]->id, id) == 0)
			return b->alarms[i];
	fail_msg("no alarm %s", id);
	return NULL;
}

/* Five hours before the time its last value was stored: it stands as the time begins, on both sides, and is no raise. */
static void it_stood_before(void **state)
{
	struct rig r;
	struct backtest b;
	struct found f;

	(void)state;
	rig_write(&r, one_point, one_rule);
	rig_open(&r, NULL, 0, true);
	rig_until(&r, 10);
	rig_sample(&r, 0, 60, QUALITY_GOOD);
	for (int second = 15; second < 6 * 3600; second += 5) {
		rig_until(&r, second);
		rig_sample(&r, 0, 60, QUALITY_GOOD);
	}
	rig_until(&r, 6 * 3600);
	rig_sample(&r, 0, 40, QUALITY_GOOD);
	rig_commit(&r);
	back_test(&r, r.config, r.config, RIG_T0 + 5 * HOUR_MS, RIG_T0 + 7 * HOUR_MS, &b, &f);
	const struct backtest_alarm *a = alarm_of(&b, "d.p/hot");
	for (int side = 0; side < BACKTEST_SIDES; side++) {
		assert_true(a->count[side].at_start && !a->count[side].at_end);
		assert_int_equal(a->count[side].raised, 0);
		assert_int_equal(a->count[side].longest_ms, HOUR_MS);
	}
	assert_int_equal(b.readings, 1);
	assert_int_equal(f.alone, 0);
	backtest_done(&b);
	found_done(&f);
	/* Up to a time at which it still stands. */
	back_test(&r, r.config, r.config, RIG_T0 + 2 * HOUR_MS, RIG_T0 + 4 * HOUR_MS, &b, &f);
	a = alarm_of(&b, "d.p/late");
	assert_int_equal(b.readings, 0);
	assert_true(a->count[BACKTEST_WOULD].at_end && a->count[BACKTEST_WERE].at_end && a->count[BACKTEST_WOULD].at_start && a->count[BACKTEST_WERE].at_start);
	assert_int_equal(a->count[BACKTEST_WERE].longest_ms, 2 * HOUR_MS);
	backtest_done(&b);
	found_done(&f);
	/* A delay that began before the time ends in it. */
	back_test(&r, r.config, r.config, RIG_T0 + HOUR_MS / 2, RIG_T0 + 2 * HOUR_MS, &b, &f);
	a = alarm_of(&b, "d.p/late");
	assert_int_equal(a->count[BACKTEST_WOULD].raised, 1);
	assert_int_equal(f.side[BACKTEST_WOULD].items[1].from_ms, RIG_T0 + HOUR_MS + 10000);
	assert_int_equal(f.alone, 0);
	backtest_done(&b);
	found_done(&f);
	rig_close(&r);
	rig_remove(&r);
}

/* The value that was stored last counts, however many readings of others came since; and the hour before it, for what the value alone does not say. */
static void what_was_before(void **state)
{
	struct rig r;
	struct backtest b;
	struct found f;

	(void)state;
	rig_write(&r, "          - {point: p, kind: generic, fc: 3, register: 1, heartbeat: 1d, deadband: 1}\n"
	              "          - {point: q, kind: generic, fc: 3, register: 2, heartbeat: 1d, deadband: 0}\n", one_rule);
	rig_open(&r, NULL, 0, true);
	for (int second = 5; second < 8 * 3600; second += 5) {
		rig_until(&r, second);
		rig_sample(&r, 0, second < 3600 ? 40 : second < 7.5 * 3600 ? 60 : 47, QUALITY_GOOD);
		rig_sample(&r, 1, second, QUALITY_GOOD);
	}
	rig_commit(&r);
	back_test(&r, r.config, r.config, RIG_T0 + 7 * HOUR_MS, RIG_T0 + 8 * HOUR_MS, &b, &f);
	assert_true(alarm_of(&b, "d.p/hot")->count[BACKTEST_WOULD].at_start);
	backtest_done(&b);
	found_done(&f);
	/* 47 is between the limit and the limit less the deadband: it stands since it was 60. */
	back_test(&r, r.config, r.config, RIG_T0 + 7 * HOUR_MS + 50 * 60000, RIG_T0 + 8 * HOUR_MS, &b, &f);
	assert_true(alarm_of(&b, "d.p/hot")->count[BACKTEST_WOULD].at_start);
	backtest_done(&b);
	found_done(&f);
	rig_close(&r);
	rig_remove(&r);
}

static void sample_at(struct backtest *b, int64_t at_ms, double value)
{
	struct sample s = { .point = 0, .quality = QUALITY_GOOD, .value = { value, NULL } };

	backtest_reading(b, &s, at_ms);
}

static void begin(struct rig *r, struct backtest *b, const char *rules)
{
	struct err e;

	rig_write(r, one_point, rules);
	rig_open(r, NULL, 0, false);
	struct backtest_options o = { .site = &r->config->site, .rules = r->config->rules, .n_rules = r->config->n_rules, .from_ms = RIG_T0, .to_ms = RIG_T0 + 24 * HOUR_MS };
	assert_int_equal(backtest_init(b, &o, &e), 0);
}

static void finish(struct rig *r, struct backtest *b)
{
	backtest_done(b);
	rig_close(r);
	rig_remove(r);
}

/* A clock that was set back by two hours neither ends a delay nor holds it up. */
static void a_clock_set_back(void **state)
{
	struct rig r;
	struct backtest b;

	(void)state;
	begin(&r, &b, one_rule);
	sample_at(&b, RIG_T0 + 3 * HOUR_MS, 60);
	sample_at(&b, RIG_T0 + HOUR_MS, 60);
	sample_at(&b, RIG_T0 + HOUR_MS + 1000, 60);
	assert_int_equal(alarm_of(&b, "d.p/late")->count[BACKTEST_WOULD].raised, 0);
	sample_at(&b, RIG_T0 + 2 * HOUR_MS, 60);
	assert_int_equal(alarm_of(&b, "d.p/late")->count[BACKTEST_WOULD].raised, 1);
	finish(&r, &b);
}

static void chatter_and_again(void **state)
{
	struct rig r;
	struct backtest b;

	(void)state;
	begin(&r, &b, one_rule);
	for (int i = 0; i < 5; i++) {
		sample_at(&b, RIG_T0 + 20000 * i, 60);
		sample_at(&b, RIG_T0 + 20000 * i + 10000, 40);
	}
	sample_at(&b, RIG_T0 + HOUR_MS, 60);
	backtest_end(&b);
	const struct backtest_count *n = &alarm_of(&b, "d.p/hot")->count[BACKTEST_WOULD];
	assert_int_equal(n->raised, 6);
	assert_int_equal(n->again, 4);
	assert_int_equal(n->chatter, 3); /* the 3rd, 4th and 5th */
	assert_int_equal(n->alone, 6);
	assert_int_equal(n->longest_ms, 23 * HOUR_MS);
	assert_int_equal(b.n_days, 1);
	assert_int_equal(b.days[0].n[BACKTEST_WOULD], 7); /* and the late one */
	finish(&r, &b);
}

/* What was raised and what would have been are the same if they meet, however early or late. */
static void matching(void **state)
{
	struct rig r;
	struct backtest b;

	(void)state;
	begin(&r, &b, one_rule);
	/* would: 10-20, 40-50, 55-60; were: 15-30 (the same), 35-39 (missed), 45-58 (both of the next two), 70-72 (missed), and a rule and a point that are gone */
	const struct { int at; double value; const char *alarm; enum transition what; } script[] = {
		{ 10, 60, NULL, 0 }, { 15, 0, "d.p/hot", TRANSITION_RAISED }, { 20, 40, NULL, 0 }, { 30, 0, "d.p/hot", TRANSITION_RETURNED }, { 35, 0, "d.p/hot", TRANSITION_RERAISED },
		{ 36, 0, "d.p/hot", TRANSITION_ACKNOWLEDGED }, { 38, 0, "d.p/hot", TRANSITION_RETURNED }, { 38, 0, "d.p/hot", TRANSITION_CLEARED }, { 40, 60, NULL, 0 },
		{ 45, 0, "d.p/hot", TRANSITION_RAISED }, { 50, 40, NULL, 0 }, { 55, 60, NULL, 0 }, { 58, 0, "d.p/hot", TRANSITION_RETURNED }, { 60, 40, NULL, 0 },
		{ 70, 0, "d.p/hot", TRANSITION_RERAISED }, { 72, 0, "d.p/hot", TRANSITION_REMOVED }, { 73, 0, "d.p/gone", TRANSITION_RAISED }, { 74, 0, "d.q/hot", TRANSITION_RAISED },
		{ 75, 0, "_gw.storage/full", TRANSITION_RAISED }, { 76, 0, "d.p/hot/shelved", TRANSITION_RAISED }, { 77, 0, "d.p/out-of-service", TRANSITION_RAISED }, { 80, 60, NULL, 0 },
	};
	for (size_t i = 0; i < sizeof script / sizeof *script; i++)
		if (script[i].alarm)
			backtest_event(&b, script[i].alarm, script[i].what, RIG_T0 + 1000 * script[i].at);
		else
			sample_at(&b, RIG_T0 + 1000 * script[i].at, script[i].value);
	backtest_end(&b);
	const struct backtest_alarm *a = alarm_of(&b, "d.p/hot");
	assert_int_equal(a->count[BACKTEST_WOULD].raised, 4);
	assert_int_equal(a->count[BACKTEST_WOULD].alone, 1);
	assert_int_equal(a->count[BACKTEST_WERE].raised, 4);
	assert_int_equal(a->count[BACKTEST_WERE].alone, 2);
	assert_int_equal(b.n_alarms, b.n_engine);
	assert_int_equal(b.n_others, 2);
	assert_string_equal(b.others[0].rule, "gone");
	assert_string_equal(b.others[1].rule, "hot");
	finish(&r, &b);
}

/* What stood already is neither missed nor new, though the other side has nothing; and what meets it is not new. */
static void it_stood_on_one_side(void **state)
{
	struct rig r;
	struct backtest b;

	(void)state;
	begin(&r, &b, one_rule);
	backtest_stood(&b, "d.p/late", RIG_T0 - HOUR_MS);
	backtest_stood(&b, "d.p/hot", RIG_T0 - HOUR_MS);
	sample_at(&b, RIG_T0 + 1000, 60);
	backtest_event(&b, "d.p/hot", TRANSITION_RETURNED, RIG_T0 + 5000);
	sample_at(&b, RIG_T0 + 6000, 40);
	backtest_end(&b);
	const struct backtest_alarm *a = alarm_of(&b, "d.p/late");
	assert_int_equal(a->count[BACKTEST_WERE].raised + a->count[BACKTEST_WERE].alone, 0);
	assert_int_equal(a->count[BACKTEST_WERE].longest_ms, 24 * HOUR_MS);
	assert_true(a->count[BACKTEST_WERE].at_start && a->count[BACKTEST_WERE].at_end);
	a = alarm_of(&b, "d.p/hot");
	assert_int_equal(a->count[BACKTEST_WOULD].raised, 1);
	assert_int_equal(a->count[BACKTEST_WOULD].alone, 0);
	assert_int_equal(a->count[BACKTEST_WERE].longest_ms, 5000);
	finish(&r, &b);
}

/* A rule that no longer has this alarm: what it raised would not have come. */
static void a_rule_without_the_alarm(void **state)
{
	struct rig r;
	struct backtest b;

	(void)state;
	begin(&r, &b, "rules:\n  - {id: hot, enabled: false, for: {point: d.p}, when: {above: 50}, class: fire}\n");
	backtest_event(&b, "d.p/hot", TRANSITION_RAISED, RIG_T0 + 1000);
	backtest_event(&b, "d.p/hot", TRANSITION_RETURNED, RIG_T0 + 2000);
	backtest_end(&b);
	const struct backtest_alarm *a = alarm_of(&b, "d.p/hot");
	assert_null(a->fixed);
	assert_int_equal(a->count[BACKTEST_WERE].alone, 1);
	assert_int_equal(b.n_others, 0);
	finish(&r, &b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_stood_before), cmocka_unit_test(what_was_before), cmocka_unit_test(a_clock_set_back), cmocka_unit_test(chatter_and_again), cmocka_unit_test(matching), cmocka_unit_test(it_stood_on_one_side),
		cmocka_unit_test(a_rule_without_the_alarm), cmocka_unit_test(live_is_simulated), cmocka_unit_test(deadbands_hide_what_is_said),
	};

	setenv("TZ", "UTC", 1);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
