/* The shipped rules, as they stand on disk, through the pipeline under virtual time: each just inside and just outside its limit and its delay. */
#include "tests/unit/gateway/high_rise_rows.h"
#include "tests/unit/gateway/rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PACK "examples/rules/high-rise.yaml"

static const char site[] =
	"site:\n  gateway: gw-1\n  region: \"500110002003\"\n  timezone: UTC\n  buildings: [{id: a, class: %s, height_m: %g}]\n"
	"buses:\n  - name: line\n    url: tcp://127.0.0.1:502\n    devices:\n      - name: d\n        unit: 1\n        every: 1s\n        floor: \"12\"\n"
	"        zone: z\n        points:\n%srules: [%s/" PACK "]\n";

static const struct { const char *class_; double height; } houses[] = {
	[HOUSE_CLASS1] = { "class1-public", 100 }, /* 100 m is not above 100 m */
	[HOUSE_CLASS1_TALL] = { "class1-public", 100.1 },
	[HOUSE_CLASS2] = { "class2-public", 100.1 },
	[HOUSE_RESIDENTIAL] = { "residential", 100.1 },
	[HOUSE_INDUSTRIAL] = { "industrial", 100.1 },
};

/* A site of these points and the pack alone; nothing in it is found wrong. */
static void start(struct rig *r, enum house house, const char *points)
{
	char path[] = "/tmp/firegw-high-rise-XXXXXX", here[4096];
	struct findings findings;
	struct config *c = NULL;
	FILE *f = fdopen(mkstemp(path), "w");

	assert_true(f && getcwd(here, sizeof here));
	fprintf(f, site, houses[house].class_, houses[house].height, points, here);
	fclose(f);
	config_load(path, &c, &findings);
	unlink(path);
	if (findings.n)
		findings_print(&findings, stderr);
	assert_int_equal(findings.n, 0);
	findings_done(&findings);
	memset(r, 0, sizeof *r);
	r->boot = 0xabc;
	r->now = (struct stamp){ .mono_ns = 1000 * CLOCK_NS_PER_S, .wall_ms = RIG_STARTED_MS, .wall_trusted = true };
	rig_open(r, c, (struct batch_sizes){ 256, 4096, 512, 8, 8, 8, 8, 1 << 20 });
	pipeline_started(r->pipeline, r->now, &r->fx);
}

static void start_row(struct rig *r, const struct row *row, const char *kind)
{
	char points[512];

	snprintf(points, sizeof points, "          - {point: p, name: 点, kind: %s, fc: 3, register: 0, type: f32%s%s}\n", kind, *row->more ? ", " : "", row->more);
	if (isnan(row->hold))
		snprintf(points, sizeof points, "          - {point: p, name: 点, kind: %s, fc: 3, register: 0, %s}\n", kind, row->more);
	start(r, row->house, points);
}

/* The point shows this for so long: once a second, and as it begins. */
static void keep(struct rig *r, double value, int64_t ms)
{
	rig_value(r, "d.p", value);
	while (ms > 0) {
		int64_t step = ms < 1000 ? ms : 1000;
		rig_wait(r, step);
		ms -= step;
		if (ms > 0)
			rig_value(r, "d.p", value);
	}
}

/* The last event of this alarm, from the i-th event on; NULL: none. */
static const struct record_event *last_of(const struct rig *r, const char *alarm, size_t from)
{
	const struct record_event *last = NULL;

	for (size_t i = from; i < r->batch->n_events; i++)
		if (r->batch->events[i].alarm && strcmp(r->batch->events[i].alarm, alarm) == 0)
			last = &r->batch->events[i];
	return last;
}

static void must_not(const struct rig *r, const char *alarm, size_t from, const char *when)
{
	if (last_of(r, alarm, from))
		fail_msg("%s: %s %s", alarm, transition_name(last_of(r, alarm, from)->transition), when);
}

static void must(const struct rig *r, const char *alarm, size_t from, enum transition what, int64_t at_ms, enum alarm_class class_)
{
	const struct record_event *e = last_of(r, alarm, from);

	if (!e)
		fail_msg("%s: not %s", alarm, transition_name(what));
	/* What needs no acknowledgement is cleared in the same moment. */
	while (e->transition != what && e > r->batch->events + from)
		e--;
	if (e->transition != what || strcmp(e->alarm, alarm) != 0)
		fail_msg("%s: no %s", alarm, transition_name(what));
	if (e->at_ms != at_ms)
		fail_msg("%s: %s %lld ms off", alarm, transition_name(what), (long long)(e->at_ms - at_ms));
	if (e->class_ != class_)
		fail_msg("%s: class %s", alarm, alarm_class_name(e->class_));
}

/* It stands for on_ms, less one: nothing; and then it is raised, at that very moment. */
static void comes(struct rig *r, const struct row *row, const char *alarm)
{
	size_t from = r->batch->n_events;
	int64_t at = r->now.wall_ms;

	if (row->on_ms) {
		keep(r, row->out, row->on_ms - 1);
		must_not(r, alarm, from, "before its on_delay");
		rig_wait(r, 1);
	} else {
		rig_value(r, "d.p", row->out);
	}
	must(r, alarm, from, TRANSITION_RAISED, at + row->on_ms, row->class_);
}

static void goes(struct rig *r, const struct row *row, const char *alarm, double value)
{
	size_t from = r->batch->n_events;
	int64_t at = r->now.wall_ms;

	if (row->off_ms) {
		keep(r, value, row->off_ms - 1);
		must_not(r, alarm, from, "before its off_delay");
		rig_wait(r, 1);
	} else {
		rig_value(r, "d.p", value);
	}
	must(r, alarm, from, TRANSITION_RETURNED, at + row->off_ms, row->class_);
}

/* The next number of a row's enum, as 0=normal|1=alarm. */
static const char *next_value(const char *text, double *ret)
{
	const char *equals = text ? strchr(text, '=') : NULL;

	if (!equals)
		return NULL;
	while (equals > text && equals[-1] >= '0' && equals[-1] <= '9')
		equals--;
	*ret = atof(equals);
	return strchr(equals, '=') + 1;
}

static void try_state(const struct row *row, const char *kind, const char *alarm)
{
	const char *at = row->more;
	double other;

	while ((at = next_value(at, &other))) {
		struct rig r;
		if (other == row->out)
			continue;
		start_row(&r, row, kind);
		keep(&r, other, row->on_ms + 2000);
		must_not(&r, alarm, 0, "on another state");
		comes(&r, row, alarm);
		goes(&r, row, alarm, other);
		rig_done(&r);
	}
}

static double step_of(const char *unit)
{
	static const struct { const char *unit; double step; } steps[] = { { "MPa", 0.001 }, { "m", 0.01 }, { "mA", 1 }, { "", 1 } };

	for (size_t i = 0; i < sizeof steps / sizeof *steps; i++)
		if (strcmp(steps[i].unit, unit) == 0)
			return steps[i].step;
	return 0.1;
}

static void try_value(const struct row *row, const char *kind, const char *alarm)
{
	struct rig r;

	start_row(&r, row, kind);
	double step = step_of(r.config->site.points[0].unit), off = fabs(row->limit - row->out);
	assert_true(fabs(off - step) < 1e-9);
	keep(&r, row->limit, row->on_ms + 2000);
	must_not(&r, alarm, 0, "at the limit itself");
	comes(&r, row, alarm);
	size_t from = r.batch->n_events;
	keep(&r, row->hold, row->off_ms + 2000);
	must_not(&r, alarm, from, "within its deadband");
	goes(&r, row, alarm, row->back);
	rig_done(&r);
}

static void every_rule_at_its_limit_and_its_delay(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		char kinds[256], alarm[128], *save = NULL;
		snprintf(kinds, sizeof kinds, "%s", rows[i].kinds);
		snprintf(alarm, sizeof alarm, "d.p/%s", rows[i].rule);
		for (char *kind = strtok_r(kinds, " ", &save); kind; kind = strtok_r(NULL, " ", &save))
			(isnan(rows[i].hold) ? try_state : try_value)(&rows[i], kind, alarm);
	}
}

static bool has_word(const char *words, const char *word)
{
	size_t len = strlen(word);

	for (const char *p = strstr(words, word); p; p = strstr(p + 1, word))
		if ((p == words || p[-1] == ' ') && (p[len] == ' ' || p[len] == '\0'))
			return true;
	return false;
}

/* Whether a row tries this rule on this kind (KIND_COUNT: on any) and in a building of this class (unknown: any). */
static bool is_tried(const struct rule_def *d, enum kind kind, enum building_class class_)
{
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		enum building_class house;
		assert_int_equal(building_class_find(houses[rows[i].house].class_, &house), 0);
		if (strcmp(rows[i].rule, d->id) == 0 && (kind == KIND_COUNT || has_word(rows[i].kinds, kind_info(kind)->name)) && (class_ == BUILDING_UNKNOWN || class_ == house))
			return true;
	}
	return false;
}

static void check_rule(const struct rule_def *d)
{
	assert_true(d->enabled && d->optional && d->class_given && d->message_zh && d->message_en);
	if (!d->source || (strncmp(d->source, "GB ", 3) != 0 && strncmp(d->source, "default: ", 9) != 0))
		fail_msg("%s: no clause, and not said to be a default", d->id);
	for (size_t i = 0; i < sizeof apart / sizeof *apart; i++)
		if (strcmp(apart[i].rule, d->id) == 0) {
			assert_string_equal(d->source, apart[i].source);
			return;
		}
	if (!is_tried(d, KIND_COUNT, BUILDING_UNKNOWN))
		fail_msg("%s: no row tries it", d->id);
	for (size_t i = 0; i < d->select.n_kinds; i++)
		if (!is_tried(d, d->select.kinds[i], BUILDING_UNKNOWN))
			fail_msg("%s: no row tries it on a %s", d->id, kind_info(d->select.kinds[i])->name);
	for (size_t i = 0; i < d->select.n_building_classes; i++)
		if (!is_tried(d, KIND_COUNT, d->select.building_classes[i]))
			fail_msg("%s: no row tries it in a building %s", d->id, building_class_name(d->select.building_classes[i]));
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		if (strcmp(rows[i].rule, d->id) == 0 && strcmp(rows[i].source, d->source) != 0)
			fail_msg("%s: its source is '%s'", d->id, d->source);
}

static void no_rule_is_left_out(void **state)
{
	struct rig r;

	(void)state;
	start(&r, HOUSE_CLASS1, "          - {point: p, kind: generic, fc: 3, register: 0}\n");
	assert_true(r.config->n_rules > sizeof apart / sizeof *apart);
	for (size_t i = 0; i < r.config->n_rules; i++)
		check_rule(&r.config->rules[i]);
	rig_done(&r);
}

/* Which limits of static pressure stand in which building, GB 50974-2014 5.2.2: at this pressure, these alarms. */
static void the_building_chooses_the_limit(void **state)
{
	static const struct { double value; const char *alarms[5]; } pressures[] = {
		{ 0.150, { "", "", "", "", "" } },
		{ 0.149, { "", "hydrant-static-low-100m", "", "", "" } },
		{ 0.100, { "", "hydrant-static-low-100m", "", "", "" } },
		{ 0.099, { "hydrant-static-low", "hydrant-static-low hydrant-static-low-100m", "", "", "hydrant-static-low-industrial" } },
		{ 0.070, { "hydrant-static-low", "hydrant-static-low hydrant-static-low-100m", "", "", "hydrant-static-low-industrial" } },
		{ 0.069, { "hydrant-static-low", "hydrant-static-low hydrant-static-low-100m", "hydrant-static-low-residential", "hydrant-static-low-residential",
		           "hydrant-static-low-industrial" } },
	};

	(void)state;
	for (size_t i = 0; i < sizeof pressures / sizeof *pressures; i++)
		for (enum house h = HOUSE_CLASS1; h <= HOUSE_INDUSTRIAL; h++) {
			char got[256] = "";
			struct rig r;
			start(&r, h, "          - {point: p, kind: hydrant_pressure, fc: 3, register: 0, type: f32}\n");
			keep(&r, pressures[i].value, S(60));
			for (size_t k = 0; k < r.batch->n_events; k++) {
				assert_true(strlen(got) + strlen(r.batch->events[k].alarm) < sizeof got);
				sprintf(got + strlen(got), "%s%s", *got ? " " : "", r.batch->events[k].alarm + 4);
			}
			if (strcmp(got, pressures[i].alarms[h]) != 0)
				fail_msg("%g MPa in a building %s of %g m: %s", pressures[i].value, houses[h].class_, houses[h].height, got);
			rig_done(&r);
		}
}

static const char zone_points[] =
	"          - {point: smoke, kind: smoke_detector, fc: 1, register: 0, enum: 0=normal|1=alarm}\n"
	"          - {point: heat, kind: heat_detector, fc: 1, register: 1, enum: 0=normal|1=alarm}\n"
	"          - {point: flame, kind: flame_detector, fc: 1, register: 2, enum: 0=normal|1=alarm}\n"
	"          - {point: beam, kind: beam_detector, fc: 1, register: 3, enum: 0=normal|1=alarm}\n"
	"          - {point: air, kind: aspirating_detector, fc: 1, register: 4, enum: 0=normal|1=alarm}\n"
	"          - {point: line, kind: linear_heat, fc: 1, register: 5, enum: 0=normal|1=alarm}\n"
	"          - {point: call, kind: manual_call_point, fc: 1, register: 6, enum: 0=normal|1=alarm}\n"
	"          - {point: button, kind: hydrant_button, fc: 1, register: 7, enum: 0=normal|1=alarm}\n"
	"          - {point: panel, kind: fire_panel, fc: 1, register: 8, enum: 0=normal|1=alarm}\n"
	"          - {point: flow, kind: sprinkler_flow, fc: 1, register: 9, enum: 0=normal|1=flow}\n"
	"          - {point: other, kind: smoke_detector, fc: 1, register: 10, enum: 0=normal|1=alarm, zone: y}\n"
	"          - {point: nowhere, kind: smoke_detector, fc: 1, register: 11, enum: 0=normal|1=alarm, zone: w}\n";

/* GB 50116-2013 4.1.6: two independent triggers of one zone. Each single alarm is sent at once, before. */
static void two_in_a_zone_confirm_a_fire(void **state)
{
	static const struct { const char *point, *single; bool confirms; } seconds[] = {
		{ "d.heat", "d.heat/heat", true }, { "d.flame", "d.flame/flame", true }, { "d.beam", "d.beam/smoke", true }, { "d.air", "d.air/smoke", true },
		{ "d.line", "d.line/heat", true }, { "d.call", "d.call/call-point", true }, { "d.button", "d.button/hydrant-button", false },
		{ "d.panel", "d.panel/panel-fire", false }, { "d.other", "d.other/smoke", false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof seconds / sizeof *seconds; i++) {
		char expected[256];
		struct rig r;
		start(&r, HOUSE_CLASS1, zone_points);
		rig_value(&r, "d.smoke", 1);
		assert_string_equal(rig_events(&r, 0), "d.smoke/smoke raised active;");
		rig_value(&r, "d.smoke", 1); /* the same again is no second one */
		assert_int_equal(r.batch->n_events, 1);
		rig_wait(&r, 2000);
		rig_value(&r, seconds[i].point, 1);
		snprintf(expected, sizeof expected, "%s raised active;%s", seconds[i].single, seconds[i].confirms ? "a.z/fire-confirmed confirmed active;" : "");
		assert_string_equal(rig_events(&r, 1), expected);
		assert_int_equal(r.batch->events[1].at_ms, RIG_STARTED_MS + 2000);
		for (size_t k = 0; k < r.batch->n_events; k++)
			assert_int_equal(r.batch->events[k].class_, CLASS_FIRE);
		rig_done(&r);
	}
}

/* A detector that went back counts for five minutes from its alarm. */
static void a_second_one_within_five_minutes(void **state)
{
	static const struct { int64_t after_ms; bool confirms; } seconds[] = { { MIN(5), true }, { MIN(5) + 1, false } };

	(void)state;
	for (size_t i = 0; i < sizeof seconds / sizeof *seconds; i++) {
		struct rig r;
		start(&r, HOUSE_CLASS1, zone_points);
		rig_value(&r, "d.smoke", 1);
		rig_wait(&r, 1000);
		rig_value(&r, "d.smoke", 0);
		rig_wait(&r, seconds[i].after_ms - 1000);
		rig_value(&r, "d.heat", 1);
		assert_non_null(last_of(&r, "d.heat/heat", 0));
		assert_true((last_of(&r, "a.z/fire-confirmed", 0) != NULL) == seconds[i].confirms);
		rig_done(&r);
	}
}

/* What gives no reading is a fault after a minute, whatever the reason, and returns by itself after five seconds. */
static void no_reading(void **state)
{
	static const enum quality qualities[] = { QUALITY_COMM, QUALITY_DEVICE, QUALITY_RANGE };

	(void)state;
	for (size_t i = 0; i < sizeof qualities / sizeof *qualities; i++) {
		static const char alarm[] = "d.p/no-reading";
		struct rig r;
		start(&r, HOUSE_CLASS1, "          - {point: p, kind: generic, fc: 3, register: 0}\n");
		rig_value(&r, "d.p", 1);
		for (int s = 0; s < 60; s++) {
			rig_sample(&r, "d.p", NAN, qualities[i], NULL);
			rig_wait(&r, s < 59 ? 1000 : 999);
		}
		must_not(&r, alarm, 0, "before its on_delay");
		rig_wait(&r, 1);
		must(&r, alarm, 0, TRANSITION_RAISED, RIG_STARTED_MS + MIN(1), CLASS_FAULT);
		size_t from = r.batch->n_events;
		rig_value(&r, "d.p", 1);
		rig_wait(&r, S(5) - 1);
		must_not(&r, alarm, from, "before its off_delay");
		rig_wait(&r, 1);
		must(&r, alarm, from, TRANSITION_RETURNED, RIG_STARTED_MS + MIN(1) + S(5), CLASS_FAULT);
		assert_int_equal(last_of(&r, alarm, from)->transition, TRANSITION_CLEARED);
		rig_done(&r);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_rule_is_left_out),
		cmocka_unit_test(every_rule_at_its_limit_and_its_delay),
		cmocka_unit_test(the_building_chooses_the_limit),
		cmocka_unit_test(two_in_a_zone_confirm_a_fire),
		cmocka_unit_test(a_second_one_within_five_minutes),
		cmocka_unit_test(no_reading),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
