/* The whole life of alarms through the pipeline, under virtual time: clocks that jump, points that chatter by the hundred and a fire among them, floods, tests over restarts and
 * reloads, and what the events of people's acts say. */
#include "tests/unit/gateway/rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define YEAR_MS INT64_C(31557600000)
#define HOUR_MS INT64_C(3600000)

static const char points[] =
	"          - {point: smoke, name: 烟感, kind: smoke_detector, fc: 1, register: 0, type: bool}\n"
	"          - {point: smoke2, name: 烟感2, kind: smoke_detector, fc: 1, register: 1, type: bool}\n"
	"          - {point: p, name: 压力, kind: hydrant_pressure, fc: 3, register: 0, scale: 0.01, deadband: 0.02, heartbeat: 60s}\n";
static const char rules[] =
	"  - {id: smoke, for: {kind: smoke_detector}, when: {equals: 1}, class: fire}\n"
	"  - {id: two, when: {count: 2, of: {class: fire}, same: zone, within: 5m}, class: fire, latch: true}\n"
	"  - {id: low, for: {kind: hydrant_pressure}, when: {below: 0.10, deadband: 0.02}, on_delay: 10s, off_delay: 20s, class: supervisory, escalate: {after: 3m}, re_alarm: 10m}\n"
	"  - {id: silent, for: {kind: hydrant_pressure}, when: {quality: comm}, class: fault}\n";

static void act(struct rig *r, struct pipeline_act a, const char *note)
{
	struct pipeline_event e = { .type = EVENT_ACT, .now = r->now, .act = &a, .cause = CAUSE_PERSON, .actor = "li (uid 1000)", .note = note };

	pipeline_step(r->pipeline, &e, &r->fx);
}

static uint32_t alarm_of(const struct rig *r, const char *id)
{
	uint32_t alarm = rules_find(pipeline_rules(r->pipeline), id);

	assert_true(alarm != RULES_ALARM_NONE);
	return alarm;
}

/* The same hour with and without a clock that jumps in every gap; what happens, and when on the machine's clock, must be the same. */
static char *an_hour(int64_t jump_ms)
{
	struct rig r;
	char *out = NULL;
	size_t len;
	FILE *f = open_memstream(&out, &len);
	int64_t begun;

	rig_start(&r, points, rules);
	begun = r.now.mono_ns;
	for (int i = 0; i < 360; i++) {
		size_t from = r.batch->n_events;
		rig_wait(&r, 9900);
		r.now.wall_ms += i % 2 ? -jump_ms : jump_ms;
		rig_wait(&r, 100);
		rig_value(&r, "d.smoke", i % 90 == 7);
		rig_value(&r, "d.smoke2", i % 90 >= 9 && i % 90 < 12);
		rig_value(&r, "d.p", i % 60 < 25 ? 0.05 : 0.3);
		if (i % 40 == 3)
			rig_command(&r, "d.p/low", RULES_ACK);
		if (i == 100)
			act(&r, (struct pipeline_act){ .what = ACT_SHELVE, .alarm = alarm_of(&r, "d.p/low"), .for_ns = 600 * CLOCK_NS_PER_S }, NULL);
		if (i == 180)
			act(&r, (struct pipeline_act){ .what = ACT_TEST, .select = "kind=smoke_detector", .mode = MODE_TEST, .for_ns = 900 * CLOCK_NS_PER_S }, NULL);
		fprintf(f, "%lld: %s\n", (long long)((r.now.mono_ns - begun) / CLOCK_NS_PER_MS), rig_events(&r, from));
		batch_clear(r.batch);
	}
	fclose(f);
	rig_done(&r);
	return out;
}

static void a_clock_that_jumps_by_a_year_changes_no_alarm(void **state)
{
	char *calm = an_hour(0), *ahead = an_hour(YEAR_MS), *back = an_hour(-YEAR_MS);

	(void)state;
	assert_non_null(strstr(calm, "d.p/low raised"));
	assert_non_null(strstr(calm, "d.p/low escalated"));
	assert_non_null(strstr(calm, "a.z/two confirmed"));
	assert_non_null(strstr(calm, "d.p/low unshelved"));
	assert_non_null(strstr(calm, "test_end"));
	assert_string_equal(calm, ahead);
	assert_string_equal(calm, back);
	free(calm);
	free(ahead);
	free(back);
}

#define CHATTERERS 500

/* Each flips every 3 s for an hour: that is 600 raises each, of which a handful is told, and one report that it chatters. The fire among them is told in the very step. */
static void points_that_chatter_are_told_once_and_fire_at_once(void **state)
{
	static char many[CHATTERERS * 128 + 256];
	struct rig r;
	char point[16];
	size_t n = 0, events = 0, chatter = 0, floods = 0, at = (size_t)sprintf(many, "          - {point: smoke, kind: smoke_detector, fc: 1, register: 0, type: bool}\n");

	(void)state;
	for (int i = 0; i < CHATTERERS; i++)
		at += (size_t)sprintf(many + at, "          - {point: v%d, kind: signal_valve, fc: 3, register: %d, enum: 0=open|1=closed}\n", i, i);
	rig_start(&r, many, "  - {id: smoke, for: {kind: smoke_detector}, when: {equals: 1}, class: fire}\n  - {id: shut, for: {kind: signal_valve}, when: {equals: closed}, class: supervisory}\n");
	batch_free(r.batch);
	r.batch = batch_new((struct batch_sizes){ 4096, 65536, 4096, 8, 8, 8, 8, 16 << 20 });
	pipeline_set_batch(r.pipeline, r.batch);
	for (int64_t t = 0; t < HOUR_MS; t += 3000) {
		batch_clear(r.batch);
		for (int i = 0; i < CHATTERERS; i++) {
			sprintf(point, "d.v%d", i);
			rig_value(&r, point, (double)((t / 3000 + i) % 2));
		}
		if (t == HOUR_MS / 2) {
			size_t from = r.batch->n_events;
			rig_value(&r, "d.smoke", 1);
			assert_string_equal(rig_events(&r, from), "d.smoke/smoke raised active;");
			assert_true(r.fx.commit_now);
			n++;
		}
		rig_wait(&r, 3000);
		for (size_t i = 0; i < r.batch->n_events; i++) {
			events++;
			chatter += r.batch->events[i].transition == TRANSITION_CHATTERING;
			floods += r.batch->events[i].transition == TRANSITION_FLOOD_START || r.batch->events[i].transition == TRANSITION_FLOOD_END;
		}
	}
	assert_int_equal(n, 1);
	assert_int_equal(chatter, CHATTERERS);
	assert_int_equal(floods, 2);
	/* Six times up, five times down, the report; of the many more none. */
	assert_true(events <= CHATTERERS * (2 * RULES_CHATTER_HELD + 1) + 4);
	print_message("%zu events of %d points that changed 1,200 times each\n", events, CHATTERERS);
	/* Quiet: they return, and the last event says how often it was in all. */
	batch_clear(r.batch);
	rig_value(&r, "d.v0", 0);
	rig_wait(&r, RULES_CHATTER_QUIET_NS / CLOCK_NS_PER_MS);
	json_t *last = rig_event(&r, 0);
	assert_string_equal(json_string_value(json_object_get(last, "transition")), "returned");
	assert_true(json_integer_value(json_object_get(last, "times")) >= 599);
	assert_non_null(strstr(json_string_value(json_object_get(json_object_get(last, "message"), "en")), "times in all"));
	json_decref(last);
	rig_done(&r);
}

static void a_flood_begins_with_the_eleventh_and_ends_when_fewer_than_five_came(void **state)
{
	static char many[4096];
	struct rig r;
	char point[16];
	size_t at = 0;

	(void)state;
	for (int i = 0; i < 12; i++)
		at += (size_t)sprintf(many + at, "          - {point: v%d, kind: signal_valve, fc: 3, register: %d, enum: 0=open|1=closed}\n", i, i);
	rig_start(&r, many, "  - {id: shut, for: {kind: signal_valve}, when: {equals: closed}, class: supervisory}\n");
	for (int i = 0; i < 11; i++) {
		assert_false(pipeline_in_flood(r.pipeline));
		sprintf(point, "d.v%d", i);
		rig_value(&r, point, 1);
		rig_wait(&r, 60000 - (i == 9)); /* the eleventh: ten minutes less a millisecond after the first */
	}
	assert_true(pipeline_in_flood(r.pipeline));
	size_t from = r.batch->n_events;
	/* The fifth latest came in the seventh minute: its ten minutes are over then. */
	rig_wait(&r, 5 * 60000);
	assert_true(pipeline_in_flood(r.pipeline));
	rig_wait(&r, 2 * 60000);
	assert_false(pipeline_in_flood(r.pipeline));
	assert_string_equal(rig_events(&r, from), "- flood_end -;");
	rig_done(&r);
}

static size_t floods(const struct rig *r, enum transition what)
{
	size_t n = 0;

	for (size_t i = 0; i < r->batch->n_events; i++)
		n += r->batch->events[i].transition == what;
	return n;
}

/* Twelve valves shut within a second. */
static void flood(struct rig *r, const char *valves, const char *shut)
{
	char point[16];

	rig_start(r, valves, shut);
	for (int i = 0; i < 12; i++) {
		sprintf(point, "d.v%d", i);
		rig_value(r, point, 1);
	}
	assert_true(pipeline_in_flood(r->pipeline));
	rig_wait(r, 1000);
}

/* Whatever happens to the daemon or the machine meanwhile, a flood that was announced ends once, at its moment. */
static void a_flood_ends_over_a_restart_a_reboot_and_a_reload(void **state)
{
	static const char shut[] = "  - {id: shut, for: {kind: signal_valve}, when: {equals: closed}, class: supervisory}\n";
	enum { RESTARTED, REBOOTED, LONG_AWAY, CLOCK_BACK, RELOADED, WAYS };
	static char valves[4096];
	struct rig r, next;
	size_t at = 0;

	(void)state;
	for (int i = 0; i < 12; i++)
		at += (size_t)sprintf(valves + at, "          - {point: v%d, kind: signal_valve, fc: 3, register: %d, enum: 0=open|1=closed}\n", i, i);
	for (int way = 0; way < WAYS; way++) {
		int64_t left_ms = way == REBOOTED ? 599000 - 60000 : way == LONG_AWAY ? 0 : way == CLOCK_BACK ? 600000 : 599000; /* nothing says how long it was away: not at all */
		flood(&r, valves, shut);
		memset(&next, 0, sizeof next);
		next.boot = 0xdef;
		next.now = r.now;
		next.machine_boot = way == RESTARTED ? 0 : 8;
		next.now.mono_ns = way == RESTARTED ? r.now.mono_ns : 5 * CLOCK_NS_PER_S;
		next.now.wall_ms += way == REBOOTED ? 60000 : way == LONG_AWAY ? YEAR_MS : way == CLOCK_BACK ? -HOUR_MS : 0;
		if (way == RELOADED) {
			rig_reload(&next, &r, valves, shut);
		} else {
			rig_open(&next, rig_config(valves, shut), (struct batch_sizes){ 64, 64, 64, 8, 8, 8, 8, 1 << 18 });
			rig_give_states(&next, &r);
			pipeline_started(next.pipeline, next.now, &next.fx);
		}
		assert_int_equal(pipeline_in_flood(next.pipeline), way != LONG_AWAY);
		if (left_ms > 0) {
			rig_value(&next, "d.v0", 0);
			assert_true(pipeline_in_flood(next.pipeline));
			rig_wait(&next, left_ms - 1000);
			assert_int_equal(floods(&next, TRANSITION_FLOOD_END), 0);
		}
		rig_wait(&next, 2000);
		assert_false(pipeline_in_flood(next.pipeline));
		assert_int_equal(floods(&next, TRANSITION_FLOOD_END), 1);
		assert_int_equal(floods(&next, TRANSITION_FLOOD_START), 0);
		for (size_t i = 0; i < next.batch->n_states; i++)
			if (strcmp(next.batch->states[i].alarm, "_gw.flood") == 0)
				assert_int_equal(next.batch->states[i].len, 0);
		rig_done(&r);
		rig_done(&next);
	}
}

static void a_test_goes_on_after_a_restart_and_a_reload(void **state)
{
	struct rig r, next, last;

	(void)state;
	rig_start(&r, points, rules);
	rig_value(&r, "d.smoke", 0);
	act(&r, (struct pipeline_act){ .what = ACT_TEST, .select = "d.smoke", .mode = MODE_DRILL, .for_ns = 600 * CLOCK_NS_PER_S }, "演练");
	json_t *begun = rig_event(&r, 0);
	assert_string_equal(json_string_value(json_object_get(begun, "transition")), "drill_start");
	assert_string_equal(json_string_value(json_object_get(begun, "mode")), "drill");
	assert_string_equal(json_string_value(json_object_get(begun, "select")), "d.smoke");
	assert_string_equal(json_string_value(json_object_get(begun, "note")), "演练");
	json_decref(begun);
	rig_value(&r, "d.smoke", 1);
	rig_wait(&r, 1000);
	memset(&next, 0, sizeof next);
	next.boot = 0xdef;
	next.now = r.now;
	rig_open(&next, rig_config(points, rules), (struct batch_sizes){ 64, 64, 64, 8, 8, 8, 8, 1 << 18 });
	rig_give_states(&next, &r);
	pipeline_started(next.pipeline, next.now, &next.fx);
	assert_int_equal(pipeline_tests(next.pipeline)[0].mode, MODE_DRILL);
	assert_string_equal(pipeline_tests(next.pipeline)[0].by, "li (uid 1000)");
	rig_reload(&last, &next, points, rules);
	rig_wait(&last, 598999);
	assert_string_equal(rig_events(&last, 0), "d.p/silent raised active;"); /* which is under no drill */
	rig_wait(&last, 1);
	assert_string_equal(rig_events(&last, 1), "- drill_end -;d.smoke/smoke removed normal;d.smoke/smoke raised active;");
	json_t *raised = rig_event(&last, 3);
	assert_string_equal(json_string_value(json_object_get(raised, "mode")), "normal");
	json_decref(raised);
	rig_done(&r);
	rig_done(&next);
	rig_done(&last);
}

/* A reload that takes the point out of the test, or a start that does not know of the test any more: what it led to does not stay a test for ever. */
static void what_a_test_led_to_is_real_when_its_point_is_under_it_no_longer(void **state)
{
	static const char elsewhere[] =
		"          - {point: smoke, name: 烟感, kind: smoke_detector, fc: 1, register: 0, type: bool, floor: \"9\"}\n"
		"          - {point: smoke2, name: 烟感2, kind: smoke_detector, fc: 1, register: 1, type: bool, floor: \"8\"}\n"
		"          - {point: p, name: 压力, kind: hydrant_pressure, fc: 3, register: 0, scale: 0.01, deadband: 0.02, heartbeat: 60s}\n";
	static const char there[] =
		"          - {point: smoke, name: 烟感, kind: smoke_detector, fc: 1, register: 0, type: bool, floor: \"8\"}\n"
		"          - {point: smoke2, name: 烟感2, kind: smoke_detector, fc: 1, register: 1, type: bool, floor: \"8\"}\n"
		"          - {point: p, name: 压力, kind: hydrant_pressure, fc: 3, register: 0, scale: 0.01, deadband: 0.02, heartbeat: 60s}\n";
	struct rig r, next;

	(void)state;
	for (int restart = 0; restart < 2; restart++) {
		rig_start(&r, there, rules);
		act(&r, (struct pipeline_act){ .what = ACT_TEST, .select = "floor=8", .mode = MODE_TEST, .for_ns = 600 * CLOCK_NS_PER_S }, NULL);
		rig_value(&r, "d.smoke", 1);
		if (restart) {
			memset(&next, 0, sizeof next);
			next.boot = 0xdef;
			next.now = r.now;
			rig_open(&next, rig_config(elsewhere, rules), (struct batch_sizes){ 64, 64, 64, 8, 8, 8, 8, 1 << 18 });
			rig_give_states(&next, &r);
			pipeline_started(next.pipeline, next.now, &next.fx);
		} else {
			rig_reload(&next, &r, elsewhere, rules);
		}
		assert_string_equal(rig_events(&next, 0), "d.smoke/smoke removed normal;d.smoke/smoke raised active;");
		json_t *raised = rig_event(&next, 1);
		assert_string_equal(json_string_value(json_object_get(raised, "mode")), "normal");
		json_decref(raised);
		rig_value(&next, "d.smoke2", 1); /* still under it */
		json_t *other = rig_event(&next, 2);
		assert_string_equal(json_string_value(json_object_get(other, "mode")), "test");
		json_decref(other);
		rig_done(&r);
		rig_done(&next);
	}
}

/* Consoles go by the flags of the latest event: what nothing suppresses in the new config is told so. */
static void what_is_suppressed_no_longer_after_a_reload_is_told(void **state)
{
	static const char one[] = "          - {point: v, name: 阀, kind: signal_valve, fc: 3, register: 0, enum: 0=open|1=closed}\n"
	                          "          - {point: p, name: 泵, kind: pump_power, fc: 3, register: 1, enum: 0=on|1=off}\n";
	static const char suppressed[] = "  - {id: shut, for: {kind: signal_valve}, when: {equals: closed}, class: supervisory, suppressed_by: [dead]}\n"
	                                 "  - {id: dead, for: {kind: pump_power}, when: {equals: off}, class: fault}\n";
	static const char plain[] = "  - {id: shut, for: {kind: signal_valve}, when: {equals: closed}, class: supervisory}\n"
	                            "  - {id: dead, for: {kind: pump_power}, when: {equals: off}, class: fault}\n";
	struct rig r, next, last;

	(void)state;
	rig_start(&r, one, suppressed);
	rig_value(&r, "d.p", 1);
	rig_value(&r, "d.v", 1);
	json_t *raised = rig_event(&r, 1);
	assert_true(json_is_true(json_object_get(raised, "suppressed")));
	json_decref(raised);
	rig_reload(&next, &r, one, plain);
	assert_string_equal(rig_events(&next, 0), "d.v/shut unsuppressed active;");
	rig_reload(&last, &next, one, suppressed);
	assert_string_equal(rig_events(&last, 0), "d.v/shut suppressed active;");
	rig_done(&next);
	rig_done(&last);
	/* A start over an edited config. */
	memset(&next, 0, sizeof next);
	next.boot = 0xdef;
	next.now = r.now;
	rig_open(&next, rig_config(one, plain), (struct batch_sizes){ 64, 64, 64, 8, 8, 8, 8, 1 << 18 });
	rig_give_states(&next, &r);
	pipeline_restore_alarm(next.pipeline, &r.batch->events[1], next.config->site.nodes[0], CLASS_SUPERVISORY);
	pipeline_started(next.pipeline, next.now, &next.fx);
	assert_string_equal(rig_events(&next, 0), "d.v/shut unsuppressed active;");
	rig_done(&next);
	rig_done(&r);
}

/* The machine began anew: the wall clock says what is left, and never more than a test may last. */
static void a_test_ends_by_the_wall_clock_after_a_reboot(void **state)
{
	struct rig r, next;

	(void)state;
	for (int back = 0; back < 2; back++) {
		rig_start(&r, points, rules);
		act(&r, (struct pipeline_act){ .what = ACT_TEST, .select = "all", .mode = MODE_TEST, .for_ns = 3600 * CLOCK_NS_PER_S }, NULL);
		memset(&next, 0, sizeof next);
		next.boot = 0xdef;
		next.now = (struct stamp){ .mono_ns = 5 * CLOCK_NS_PER_S, .wall_ms = r.now.wall_ms + (back ? -YEAR_MS : 50 * 60000), .wall_trusted = true };
		struct stamp begun = next.now;
		rig_open(&next, rig_config(points, rules), (struct batch_sizes){ 64, 64, 64, 8, 8, 8, 8, 1 << 18 });
		char text[200];
		/* as pipeline_save_people wrote it, but of another boot of the machine */
		snprintf(text, sizeof text, "0\t1\t%lld\t%lld\t%d\tall\tli\n", (long long)(r.now.mono_ns + 3600 * CLOCK_NS_PER_S), (long long)(r.now.wall_ms + HOUR_MS), 99);
		pipeline_restore_state(next.pipeline, "_gw.tests", text, strlen(text), next.now);
		pipeline_started(next.pipeline, next.now, &next.fx);
		int64_t left = back ? RULES_TEST_MAX_NS : 600 * CLOCK_NS_PER_S;
		rig_wait(&next, left / CLOCK_NS_PER_MS - 1);
		assert_int_equal(pipeline_tests(next.pipeline)[0].mode, MODE_TEST);
		rig_wait(&next, 1);
		assert_int_equal(pipeline_tests(next.pipeline)[0].mode, MODE_NORMAL);
		assert_true(next.now.mono_ns - begun.mono_ns == left);
		rig_done(&r);
		rig_done(&next);
	}
}

static void what_is_kept_of_tests_may_be_damaged(void **state)
{
	static const char *const floods_kept[] = { "", "1", "1 2", "1 2 x", "-", "9 9 1 1 2 3", "-9 9 1 1 2 3 4 5 6 7 8 9 1 2",
		"9 9 1 9223372036854775807 9223372036854775807 3 4 5 6 7 8 9 1 2", "9 9 1 -9223372036854775807 2 3 4 5 6 7 8 9 1 2" };
	static const char *const texts[] = { "", "x", "99\t1\t1\t1\t1\ta\tb\n", "0\t0\t1\t1\t1\ta\tb\n", "0\t1\t1\t1\t1\ta", "0\t1\t\n", "\n\n\t\t\t" };
	struct rig r;

	(void)state;
	rig_start(&r, points, rules);
	for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
		pipeline_restore_state(r.pipeline, "_gw.tests", texts[i], strlen(texts[i]), r.now);
	for (size_t i = 0; i < sizeof floods_kept / sizeof floods_kept[0]; i++)
		pipeline_restore_state(r.pipeline, "_gw.flood", floods_kept[i], strlen(floods_kept[i]), r.now);
	assert_false(pipeline_in_flood(r.pipeline));
	for (size_t i = 0; i < RULES_TESTS_MAX; i++)
		assert_int_equal(pipeline_tests(r.pipeline)[i].mode, MODE_NORMAL);
	rig_done(&r);
}

static void a_verdict_stands_in_the_events_of_its_occurrence(void **state)
{
	struct rig r;

	(void)state;
	rig_start(&r, points, rules);
	rig_value(&r, "d.smoke", 1);
	act(&r, (struct pipeline_act){ .what = ACT_VERIFY, .alarm = alarm_of(&r, "d.smoke/smoke"), .verdict = VERDICT_FALSE, .verdict_cause = "steam" }, NULL);
	rig_value(&r, "d.smoke", 0);
	json_t *verified = rig_event(&r, 1), *returned = rig_event(&r, 2);
	assert_string_equal(json_string_value(json_object_get(json_object_get(verified, "verdict"), "cause")), "steam");
	assert_string_equal(json_string_value(json_object_get(json_object_get(returned, "verdict"), "what")), "false");
	assert_string_equal(json_string_value(json_object_get(json_object_get(verified, "message"), "en")), "found to be false (steam): 烟感: fire alarm");
	json_decref(verified);
	json_decref(returned);
	rig_command(&r, "d.smoke/smoke", RULES_ACK);
	rig_value(&r, "d.smoke", 1);
	json_t *next = rig_event(&r, r.batch->n_events - 1);
	assert_null(json_object_get(next, "verdict"));
	json_decref(next);
	rig_done(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_clock_that_jumps_by_a_year_changes_no_alarm),
		cmocka_unit_test(points_that_chatter_are_told_once_and_fire_at_once),
		cmocka_unit_test(a_flood_begins_with_the_eleventh_and_ends_when_fewer_than_five_came),
		cmocka_unit_test(a_flood_ends_over_a_restart_a_reboot_and_a_reload),
		cmocka_unit_test(a_test_goes_on_after_a_restart_and_a_reload),
		cmocka_unit_test(what_a_test_led_to_is_real_when_its_point_is_under_it_no_longer),
		cmocka_unit_test(what_is_suppressed_no_longer_after_a_reload_is_told),
		cmocka_unit_test(a_test_ends_by_the_wall_clock_after_a_reboot),
		cmocka_unit_test(what_is_kept_of_tests_may_be_damaged),
		cmocka_unit_test(a_verdict_stands_in_the_events_of_its_occurrence),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
