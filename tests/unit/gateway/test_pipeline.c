/* The pipeline under virtual time: what is stored, what is decided, what outlives a restart and a reload, and what gives way when a batch is full. */
#include "tests/unit/gateway/rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static const char points[] =
	"          - {point: smoke, name: 烟感, kind: smoke_detector, fc: 1, register: 0, type: bool}\n"
	"          - {point: p, name: 压力, kind: hydrant_pressure, fc: 3, register: 0, scale: 0.01, deadband: 0.02, heartbeat: 60s}\n"
	"          - {point: id, kind: generic, fc: 3, register: 10, type: 'string:8'}\n";
static const char rules[] =
	"  - {id: smoke, for: {kind: smoke_detector}, when: {equals: 1}, class: fire}\n"
	"  - {id: low, for: {kind: hydrant_pressure}, when: {below: 0.10, deadband: 0.02}, on_delay: 10s, class: supervisory}\n"
	"  - {id: silent, for: {kind: hydrant_pressure}, when: {quality: comm}, class: fault}\n";

static void readings_are_stored_on_change_and_once_a_heartbeat(void **state)
{
	struct rig r;

	(void)state;
	rig_start(&r, points, rules);
	rig_value(&r, "d.p", 0.30);
	assert_int_equal(rig_readings(&r, "d.p"), 1);
	rig_value(&r, "d.p", 0.31);           /* within the deadband */
	assert_int_equal(rig_readings(&r, "d.p"), 1);
	assert_false(r.fx.commit_now);
	rig_value(&r, "d.p", 0.33);           /* beyond it, from what was stored */
	assert_int_equal(rig_readings(&r, "d.p"), 2);
	assert_true(r.batch->readings[1].number == 0.33);
	assert_int_equal(r.batch->readings[1].at_ms, RIG_STARTED_MS);
	for (int i = 0; i < 59; i++) {
		rig_wait(&r, 1000);
		rig_value(&r, "d.p", 0.33);
	}
	assert_int_equal(rig_readings(&r, "d.p"), 2);
	rig_wait(&r, 1000);
	rig_value(&r, "d.p", 0.33);           /* a heartbeat later */
	assert_int_equal(rig_readings(&r, "d.p"), 3);
	assert_int_equal(r.batch->n_events, 0);
	rig_done(&r);
}

static void a_text_is_stored_when_it_changes(void **state)
{
	struct rig r;

	(void)state;
	rig_start(&r, points, "");
	rig_sample(&r, "d.id", NAN, QUALITY_GOOD, "A-1");
	rig_sample(&r, "d.id", NAN, QUALITY_GOOD, "A-1");
	assert_int_equal(r.batch->n_readings, 1);
	rig_sample(&r, "d.id", NAN, QUALITY_GOOD, "A-2");
	assert_int_equal(r.batch->n_readings, 2);
	assert_string_equal(r.batch->readings[1].text, "A-2");
	assert_string_equal(pipeline_latest(r.pipeline, 2)->text, "A-2");
	rig_done(&r);
}

static void a_silent_point_is_comm_then_stale_and_its_alarm_stays(void **state)
{
	struct rig r;

	(void)state;
	rig_start(&r, points, rules);
	rig_value(&r, "d.p", 0.30);
	for (int i = 0; i < 30; i++) {
		rig_wait(&r, 1000);
		rig_sample(&r, "d.p", NAN, QUALITY_COMM, NULL);
		assert_int_equal(pipeline_latest(r.pipeline, 1)->quality, i < 9 ? QUALITY_COMM : QUALITY_STALE);
	}
	assert_string_equal(rig_events(&r, 0), "d.p/silent raised active;");
	for (size_t i = 1; i < r.batch->n_readings; i++)
		assert_true(isnan(r.batch->readings[i].number) && r.batch->readings[i].quality != QUALITY_GOOD);
	assert_int_equal(rig_readings(&r, "d.p"), 3);
	assert_true(pipeline_latest(r.pipeline, 1)->number == 0.30); /* the last good one, not shown as present */
	rig_value(&r, "d.p", 0.31);
	assert_string_equal(rig_events(&r, 1), "d.p/silent returned returned;");
	rig_done(&r);
}

static void a_point_of_which_nothing_comes_goes_stale_by_time(void **state)
{
	struct rig r;

	(void)state;
	rig_start(&r, points, rules);
	rig_value(&r, "d.p", 0.30);
	rig_wait(&r, 9900);
	assert_int_equal(pipeline_latest(r.pipeline, 1)->quality, QUALITY_GOOD);
	rig_wait(&r, 1200);
	assert_int_equal(pipeline_latest(r.pipeline, 1)->quality, QUALITY_STALE);
	assert_string_equal(rig_events(&r, 0), "d.p/silent raised active;");
	rig_done(&r);
}

static void a_device_that_says_it_has_no_value_keeps_saying_so(void **state)
{
	struct rig r;

	(void)state;
	rig_start(&r, points, rules);
	for (int i = 0; i < 60; i++) {
		rig_wait(&r, 1000);
		rig_sample(&r, "d.p", NAN, QUALITY_DEVICE, NULL);
	}
	assert_int_equal(pipeline_latest(r.pipeline, 1)->quality, QUALITY_DEVICE);
	assert_int_equal(r.batch->n_events, 0);
	rig_done(&r);
}

static const char list_points[] = "          - {point: list, kind: generic, fc: 3, register: 100, mode: 'log entries=4 size=3 value=2 newest=0'}\n";
static const char list_rules[] =
	"  - {id: fire, for: {point: d.list}, when: {equals: 28}, class: fire, latch: true}\n"
	"  - {id: deaf, for: {point: d.list}, when: {quality: bad}, class: fault}\n";

/* Each record is stored, also the same one again; a list that is quiet is never stale; while it cannot be read that shows, and when it can again no value is made up. */
static void an_event_list_is_stored_record_by_record(void **state)
{
	struct rig r;

	(void)state;
	rig_start(&r, list_points, list_rules);
	rig_sample(&r, "d.list", NAN, QUALITY_GOOD, NULL); /* it can be read */
	assert_int_equal(r.batch->n_readings, 0);
	rig_value(&r, "d.list", 28);
	rig_value(&r, "d.list", 28);
	assert_int_equal(rig_readings(&r, "d.list"), 2);
	assert_string_equal(rig_events(&r, 0), "d.list/fire raised active;");
	rig_wait(&r, 3600000);
	assert_int_equal(pipeline_latest(r.pipeline, 0)->quality, QUALITY_GOOD);
	rig_sample(&r, "d.list", NAN, QUALITY_COMM, NULL);
	assert_int_equal(pipeline_latest(r.pipeline, 0)->quality, QUALITY_COMM);
	assert_string_equal(rig_events(&r, 1), "d.list/deaf raised active;");
	rig_sample(&r, "d.list", NAN, QUALITY_GOOD, NULL);
	assert_int_equal(pipeline_latest(r.pipeline, 0)->quality, QUALITY_GOOD);
	assert_true(pipeline_latest(r.pipeline, 0)->number == 28);
	assert_string_equal(rig_events(&r, 2), "d.list/deaf returned returned;");
	assert_int_equal(rig_readings(&r, "d.list"), 4);
	assert_true(isnan(r.batch->readings[3].number) && r.batch->readings[3].quality == QUALITY_GOOD);
	rig_value(&r, "d.list", 1);
	assert_string_equal(rig_events(&r, 3), "d.list/fire returned returned;");
	rig_done(&r);
}

static void a_reading_that_starts_a_delay_commits_at_once(void **state)
{
	struct rig r;

	(void)state;
	rig_start(&r, points, rules);
	rig_value(&r, "d.p", 0.30);
	rig_value(&r, "d.p", 0.31);
	assert_false(r.fx.commit_now);
	rig_value(&r, "d.p", 0.095); /* below its limit: pending */
	assert_true(r.fx.commit_now);
	assert_int_equal(r.batch->n_states, 1);
	assert_string_equal(r.batch->states[0].alarm, "d.p/low");
	size_t n = r.batch->n_readings;
	rig_value(&r, "d.p", 0.125); /* within the deadband of what was stored? no: but the delay ends, which alone would do */
	assert_true(r.fx.commit_now);
	assert_true(r.batch->n_readings > n);
	assert_int_equal(r.batch->n_events, 0);
	rig_done(&r);
}

static void a_delay_that_ended_is_stamped_with_its_end_however_late(void **state)
{
	struct rig r;

	(void)state;
	rig_start(&r, points, rules);
	rig_value(&r, "d.p", 0.05);
	r.now = clock_shift(r.now, 25 * CLOCK_NS_PER_S); /* nobody told the time for 25 s */
	struct pipeline_event e = { .type = EVENT_TIME, .now = r.now };
	pipeline_step(r.pipeline, &e, &r.fx);
	assert_string_equal(rig_events(&r, 0), "d.p/low raised active;d.p/silent raised active;");
	assert_int_equal(r.batch->events[0].at_ms, RIG_STARTED_MS + 10000);
	rig_done(&r);
}

static void a_restart_goes_on_with_what_was_saved(void **state)
{
	struct rig r, next;

	(void)state;
	rig_start(&r, points, rules);
	rig_value(&r, "d.smoke", 1);
	rig_value(&r, "d.p", 0.05);
	rig_wait(&r, 4000);
	memset(&next, 0, sizeof next);
	next.boot = 0xdef;
	next.now = r.now;
	rig_open(&next, rig_config(points, rules), (struct batch_sizes){ 64, 64, 64, 8, 8, 8, 8, 1 << 18 });
	rig_give_states(&next, &r);
	pipeline_started(next.pipeline, next.now, &next.fx);
	uint32_t open[CLASS_COUNT];
	pipeline_count_alarms(next.pipeline, open);
	assert_int_equal(open[CLASS_FIRE], 1);
	rig_value(&next, "d.smoke", 1);
	assert_int_equal(next.batch->n_events, 0); /* no second raise */
	rig_value(&next, "d.p", 0.05);
	rig_wait(&next, 5900);
	assert_int_equal(next.batch->n_events, 0);
	rig_wait(&next, 200); /* the delay went on over the restart */
	assert_string_equal(rig_events(&next, 0), "d.p/low raised active;");
	rig_done(&next);
	rig_done(&r);
}

static void an_open_alarm_that_the_config_lost_is_closed(void **state)
{
	struct rig r, next;

	(void)state;
	rig_start(&r, points, rules);
	rig_value(&r, "d.smoke", 1);
	memset(&next, 0, sizeof next);
	next.boot = 0xdef;
	next.now = r.now;
	rig_open(&next, rig_config(points, ""), (struct batch_sizes){ 64, 64, 64, 8, 8, 8, 8, 1 << 18 });
	pipeline_restore_alarm(next.pipeline, &r.batch->events[0], "gw-1", CLASS_FIRE);
	rig_give_states(&next, &r);
	pipeline_started(next.pipeline, next.now, &next.fx);
	assert_string_equal(rig_events(&next, 0), "d.smoke/smoke removed normal;");
	assert_int_equal(next.batch->events[0].rev, 2);
	assert_int_equal(next.batch->events[0].class_, CLASS_FIRE);
	json_t *e = rig_event(&next, 0), *was = rig_event(&r, 0);
	assert_string_equal(json_string_value(json_object_get(e, "occurrence")), json_string_value(json_object_get(was, "id")));
	json_decref(e);
	json_decref(was);
	assert_int_equal(next.batch->n_states, 1);
	assert_int_equal(rules_saved_rev(next.batch->states[0].blob, next.batch->states[0].len), 2); /* should it come back */
	rig_done(&next);
	rig_done(&r);
}

static void a_reload_keeps_states_and_values_and_decides_anew_where_a_limit_moved(void **state)
{
	static const char moved[] =
		"  - {id: smoke, for: {kind: smoke_detector}, when: {equals: 1}, class: fire}\n"
		"  - {id: low, for: {kind: hydrant_pressure}, when: {below: 0.40, deadband: 0.02}, class: supervisory}\n";
	struct rig r, next;

	(void)state;
	rig_start(&r, points, rules);
	rig_value(&r, "d.smoke", 1);
	rig_value(&r, "d.p", 0.30);
	uint64_t counter = pipeline_next_counter(r.pipeline);
	rig_reload(&next, &r, points, moved);
	assert_string_equal(rig_events(&next, 0), "d.p/low raised active;");
	assert_true(pipeline_latest(next.pipeline, 1)->number == 0.30);
	assert_int_equal(pipeline_good_points(next.pipeline), 2);
	assert_true(pipeline_next_counter(next.pipeline) > counter);
	rig_value(&next, "d.smoke", 1);
	assert_int_equal(next.batch->n_events, 1);
	rig_command(&next, "d.smoke/smoke", RULES_ACK);
	assert_int_equal(next.fx.refused.code, ERR_NONE);
	assert_string_equal(rig_events(&next, 1), "d.smoke/smoke acknowledged acked;");
	assert_int_equal(next.batch->events[1].rev, 2);
	rig_done(&next);
	rig_done(&r);
}

static void a_reload_without_the_rule_removes_its_alarm(void **state)
{
	static const char other[] = "          - {point: p, name: 压力, kind: hydrant_pressure, fc: 3, register: 0, scale: 0.01}\n";
	struct rig r, next;

	(void)state;
	rig_start(&r, points, rules);
	rig_value(&r, "d.smoke", 1);
	rig_reload(&next, &r, other, "");
	assert_string_equal(rig_events(&next, 0), "d.smoke/smoke removed normal;");
	assert_true(next.fx.commit_now);
	uint32_t open[CLASS_COUNT];
	pipeline_count_alarms(next.pipeline, open);
	assert_int_equal(open[CLASS_FIRE], 0);
	rig_done(&next);
	rig_done(&r);
}

static void a_full_batch_loses_readings_counted_and_keeps_the_rules_state(void **state)
{
	struct rig r;

	(void)state;
	memset(&r, 0, sizeof r);
	r.boot = 1;
	r.now = (struct stamp){ .mono_ns = 1000 * CLOCK_NS_PER_S, .wall_ms = RIG_STARTED_MS, .wall_trusted = true };
	rig_open(&r, rig_config(points, rules), (struct batch_sizes){ 2, 2, 2, 1, 1, 1, 1, 8192 });
	pipeline_started(r.pipeline, r.now, &r.fx);
	for (int i = 0; i < 4; i++)
		rig_value(&r, "d.p", 0.30 + i * 0.1);
	assert_int_equal(r.batch->n_readings, 2);
	assert_int_equal(r.fx.lost_readings, 1);
	uint64_t lost = 0;
	for (int i = 0; i < 4; i++) {
		rig_value(&r, "d.smoke", i % 2 == 0);
		lost += r.fx.lost_events;
	}
	assert_int_equal(r.batch->n_events, 2);
	assert_int_equal(lost, 2);
	batch_clear(r.batch);
	rig_wait(&r, 2000); /* any step saves what did not fit */
	assert_true(r.batch->n_states > 0);
	rig_done(&r);
}

static void nothing_is_allocated_after_the_start(void **state)
{
	struct rig r;

	(void)state;
	rig_start(&r, points, rules);
	size_t before = rig_allocations();
	for (int i = 0; i < 500; i++) {
		if (r.batch->n_events > 200 || r.batch->n_readings > 4000 || r.batch->n_states > 400)
			batch_clear(r.batch);
		rig_value(&r, "d.smoke", i % 3 == 0);
		rig_value(&r, "d.p", 0.01 * (i % 40));
		rig_sample(&r, "d.id", NAN, QUALITY_GOOD, i % 2 ? "x" : "y");
		rig_wait(&r, 700);
		if (i % 7 == 0)
			rig_command(&r, "d.smoke/smoke", RULES_ACK);
	}
	assert_true(r.batch->n_events > 0);
	assert_int_equal(rig_allocations(), before);
	rig_done(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(readings_are_stored_on_change_and_once_a_heartbeat),
		cmocka_unit_test(a_text_is_stored_when_it_changes),
		cmocka_unit_test(a_silent_point_is_comm_then_stale_and_its_alarm_stays),
		cmocka_unit_test(a_point_of_which_nothing_comes_goes_stale_by_time),
		cmocka_unit_test(a_device_that_says_it_has_no_value_keeps_saying_so),
		cmocka_unit_test(an_event_list_is_stored_record_by_record),
		cmocka_unit_test(a_reading_that_starts_a_delay_commits_at_once),
		cmocka_unit_test(a_delay_that_ended_is_stamped_with_its_end_however_late),
		cmocka_unit_test(a_restart_goes_on_with_what_was_saved),
		cmocka_unit_test(an_open_alarm_that_the_config_lost_is_closed),
		cmocka_unit_test(a_reload_keeps_states_and_values_and_decides_anew_where_a_limit_moved),
		cmocka_unit_test(a_reload_without_the_rule_removes_its_alarm),
		cmocka_unit_test(a_full_batch_loses_readings_counted_and_keeps_the_rules_state),
		cmocka_unit_test(nothing_is_allocated_after_the_start),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
