/* What outlives a config or a run: revs that never go back, an alarm that became another one, values that mean the same, silences. */
#include "tests/unit/gateway/rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <string.h>

#define SIZES (struct batch_sizes){ 64, 64, 64, 8, 8, 8, 8, 1 << 18 }

static const char points[] =
	"          - {point: smoke, kind: smoke_detector, fc: 2, register: 0}\n"
	"          - {point: heat, kind: generic, fc: 3, register: 0}\n";
static const char smoke_rule[] = "  - {id: smoke, for: {kind: smoke_detector}, when: {equals: 1}, class: fire}\n";
static const char fault_rule[] = "  - {id: smoke, for: {kind: smoke_detector}, when: {equals: 1}, class: fault}\n";
static const char stale_rule[] = "  - {id: dead, for: {kind: generic}, when: {quality: stale}, class: fault}\n";
static const char bad_rule[] = "  - {id: dead, for: {kind: generic}, when: {quality: bad}, class: fault}\n";

static void restart(struct rig *next, const struct rig *was, const char *rules)
{
	memset(next, 0, sizeof *next);
	next->boot = was->boot + 1;
	next->now = was->now;
	rig_open(next, rig_config(points, rules), SIZES);
	rig_give_states(next, was);
}

static void an_alarm_that_was_removed_comes_back_with_a_higher_rev(void **state)
{
	struct rig r, without, again;

	(void)state;
	rig_start(&r, points, smoke_rule);
	rig_value(&r, "d.smoke", 1);
	rig_reload(&without, &r, points, "");
	assert_string_equal(rig_events(&without, 0), "d.smoke/smoke removed normal;");
	assert_int_equal(without.batch->events[0].rev, 2);
	rig_reload(&again, &without, points, smoke_rule);
	assert_string_equal(rig_events(&again, 0), "d.smoke/smoke raised active;");
	assert_int_equal(again.batch->events[0].rev, 3);
	rig_done(&again);
	/* so does it after a restart, with and without the rule */
	for (int i = 0; i < 2; i++) {
		restart(&again, &without, i ? smoke_rule : "");
		pipeline_started(again.pipeline, again.now, &again.fx);
		struct rig last = again;
		if (!i)
			rig_reload(&last, &again, points, smoke_rule);
		rig_value(&last, "d.smoke", 1);
		assert_string_equal(rig_events(&last, 0), "d.smoke/smoke raised active;");
		assert_int_equal(last.batch->events[0].rev, 3);
		if (!i)
			rig_done(&last);
		rig_done(&again);
	}
	rig_done(&without);
	rig_done(&r);
}

static void all_next_revs_are_above_the_floor(void **state)
{
	struct rig r, next;

	(void)state;
	rig_start(&r, points, smoke_rule);
	rig_value(&r, "d.smoke", 1);
	restart(&next, &r, smoke_rule);
	assert_int_equal(pipeline_newest_rev(next.pipeline), 1);
	pipeline_set_rev_floor(next.pipeline, 1000);
	pipeline_started(next.pipeline, next.now, &next.fx);
	rig_value(&next, "d.smoke", 0);
	assert_string_equal(rig_events(&next, 0), "d.smoke/smoke returned returned;");
	assert_int_equal(next.batch->events[0].rev, 1001);
	rig_command(&next, "d.smoke/smoke", RULES_ACK);
	assert_int_equal(next.batch->events[1].rev, 1002);
	rig_done(&next);
	rig_done(&r);
}

static void an_alarm_of_another_class_is_another_alarm(void **state)
{
	struct rig r, next, last;
	uint32_t open[CLASS_COUNT];

	(void)state;
	rig_start(&r, points, fault_rule);
	rig_value(&r, "d.smoke", 1);
	rig_command(&r, "d.smoke/smoke", RULES_ACK);
	rig_reload(&next, &r, points, smoke_rule);
	assert_string_equal(rig_events(&next, 0), "d.smoke/smoke removed normal;d.smoke/smoke raised active;");
	const struct record_event *e = next.batch->events;
	assert_true(e[0].class_ == CLASS_FAULT && e[1].class_ == CLASS_FIRE);
	assert_true(e[0].rev == 3 && e[1].rev == 4);
	assert_true(e[1].id.counter == e[0].id.counter + 1);
	pipeline_count_alarms(next.pipeline, open);
	assert_true(open[CLASS_FIRE] == 1 && open[CLASS_FAULT] == 0);
	json_t *raised = rig_event(&next, 1);
	assert_string_equal(json_string_value(json_object_get(raised, "occurrence")), json_string_value(json_object_get(raised, "id")));
	assert_true(json_number_value(json_object_get(raised, "value")) == 1);
	json_decref(raised);
	rig_value(&next, "d.smoke", 1);
	assert_int_equal(next.batch->n_events, 2);
	/* one whose condition is gone ends, and does not begin */
	rig_value(&next, "d.smoke", 0);
	rig_reload(&last, &next, points, fault_rule);
	assert_string_equal(rig_events(&last, 0), "d.smoke/smoke removed normal;");
	assert_int_equal(last.batch->events[0].class_, CLASS_FIRE);
	rig_done(&last);
	rig_done(&next);
	rig_done(&r);
}

static void so_it_is_after_a_restart(void **state)
{
	struct rig r, next;
	uint32_t open[CLASS_COUNT];

	(void)state;
	rig_start(&r, points, fault_rule);
	rig_value(&r, "d.smoke", 1);
	restart(&next, &r, smoke_rule);
	pipeline_restore_alarm(next.pipeline, &r.batch->events[0], "gw-1", CLASS_FAULT);
	pipeline_started(next.pipeline, next.now, &next.fx);
	assert_string_equal(rig_events(&next, 0), "d.smoke/smoke removed normal;d.smoke/smoke raised active;");
	const struct record_event *e = next.batch->events;
	assert_true(e[0].class_ == CLASS_FAULT && e[0].rev == 2 && e[1].class_ == CLASS_FIRE && e[1].rev == 3);
	pipeline_count_alarms(next.pipeline, open);
	assert_true(open[CLASS_FIRE] == 1 && open[CLASS_FAULT] == 0);
	rig_done(&next);
	rig_done(&r);
}

static void a_delay_that_ends_with_the_reload_ends_once(void **state)
{
	static const char slow[] = "  - {id: smoke, for: {kind: smoke_detector}, when: {equals: 1}, class: fire, on_delay: 5s}\n"
		"  - {id: hot, for: {kind: generic}, when: {above: 60}, class: fire}\n";
	struct rig r, next;

	(void)state;
	rig_start(&r, points, slow);
	rig_value(&r, "d.smoke", 1);
	r.now = clock_shift(r.now, 6 * CLOCK_NS_PER_S);
	char without_hot[sizeof slow];
	strcpy(without_hot, slow);
	*strstr(without_hot, "  - {id: hot") = '\0';
	rig_reload(&next, &r, points, without_hot);
	struct pipeline_event e = { .type = EVENT_TIME, .now = next.now };
	pipeline_step(next.pipeline, &e, &next.fx);
	assert_string_equal(rig_events(&next, 0), "d.smoke/smoke raised active;");
	rig_done(&next);
	rig_done(&r);
}

static void a_value_that_was_read_otherwise_decides_nothing(void **state)
{
	static const char finer[] = "          - {point: heat, kind: generic, fc: 3, register: 0, scale: 0.1}\n";
	static const char hot[] = "  - {id: hot, for: {kind: generic}, when: {above: 60}, class: fire}\n";
	struct rig r, next;

	(void)state;
	rig_start(&r, points, "");
	rig_value(&r, "d.heat", 250);
	rig_reload(&next, &r, finer, hot);
	assert_string_equal(rig_events(&next, 0), "");
	assert_int_equal(pipeline_latest(next.pipeline, 0)->quality, QUALITY_NEVER);
	assert_int_equal(pipeline_good_points(next.pipeline), 0);
	rig_value(&next, "d.heat", 25);
	assert_string_equal(rig_events(&next, 0), "");
	rig_done(&next);
	/* and one that is read as before does, whatever else of its point changed */
	rig_reload(&next, &r, "          - {point: heat, name: 热, kind: generic, fc: 3, register: 0, every: 2s}\n", hot);
	assert_string_equal(rig_events(&next, 0), "d.heat/hot raised active;");
	rig_done(&next);
	rig_done(&r);
}

static void a_rule_that_comes_hears_of_a_silence(void **state)
{
	struct rig r, next;

	(void)state;
	rig_start(&r, points, "");
	rig_value(&r, "d.heat", 20);
	rig_wait(&r, 20000);
	assert_int_equal(pipeline_latest(r.pipeline, 1)->quality, QUALITY_STALE);
	rig_reload(&next, &r, points, bad_rule);
	assert_string_equal(rig_events(&next, 0), "d.heat/dead raised active;");
	rig_done(&next);
	rig_done(&r);
}

static void a_point_that_comes_has_its_time(void **state)
{
	static const char more[] =
		"          - {point: heat, kind: generic, fc: 3, register: 0}\n"
		"          - {point: more, kind: generic, fc: 3, register: 1}\n";
	struct rig r, next;

	(void)state;
	rig_start(&r, points, stale_rule);
	for (int i = 0; i < 30; i++) {
		rig_wait(&r, 1000);
		rig_value(&r, "d.heat", 20);
	}
	rig_reload(&next, &r, more, stale_rule);
	next.fx.deadline_ns = next.now.mono_ns;
	for (int i = 0; i < 9; i++) {
		rig_wait(&next, 1000);
		rig_value(&next, "d.heat", 20);
		rig_sample(&next, "d.more", NAN, QUALITY_COMM, NULL);
	}
	assert_string_equal(rig_events(&next, 0), "");
	rig_wait(&next, 2000);
	assert_string_equal(rig_events(&next, 0), "d.more/dead raised active;");
	rig_done(&next);
	rig_done(&r);
}

static void a_start_does_not_end_a_silence(void **state)
{
	struct rig r, next;

	(void)state;
	rig_start(&r, points, stale_rule);
	for (int i = 0; i < 20; i++) {
		rig_wait(&r, 1000);
		rig_sample(&r, "d.heat", NAN, QUALITY_COMM, NULL);
	}
	assert_string_equal(rig_events(&r, 0), "d.heat/dead raised active;");
	rig_command(&r, "d.heat/dead", RULES_ACK);
	restart(&next, &r, stale_rule);
	pipeline_started(next.pipeline, next.now, &next.fx);
	for (int i = 0; i < 20; i++) {
		rig_sample(&next, "d.heat", NAN, QUALITY_COMM, NULL);
		rig_wait(&next, 1000);
	}
	assert_string_equal(rig_events(&next, 0), "");
	rig_value(&next, "d.heat", 20);
	assert_string_equal(rig_events(&next, 0), "d.heat/dead returned returned;d.heat/dead cleared normal;");
	rig_done(&next);
	/* a rule that comes with the start waits for the device to be asked */
	static const char both[] = "  - {id: dead, for: {kind: generic}, when: {quality: stale}, class: fault}\n"
		"  - {id: bad, for: {kind: generic}, when: {quality: bad}, class: fault}\n";
	restart(&next, &r, both);
	pipeline_started(next.pipeline, next.now, &next.fx);
	rig_wait(&next, 3000);
	assert_string_equal(rig_events(&next, 0), "");
	rig_sample(&next, "d.heat", NAN, QUALITY_COMM, NULL);
	assert_string_equal(rig_events(&next, 0), "d.heat/bad raised active;");
	rig_done(&next);
	rig_done(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_alarm_that_was_removed_comes_back_with_a_higher_rev),
		cmocka_unit_test(all_next_revs_are_above_the_floor),
		cmocka_unit_test(an_alarm_of_another_class_is_another_alarm),
		cmocka_unit_test(so_it_is_after_a_restart),
		cmocka_unit_test(a_delay_that_ends_with_the_reload_ends_once),
		cmocka_unit_test(a_value_that_was_read_otherwise_decides_nothing),
		cmocka_unit_test(a_rule_that_comes_hears_of_a_silence),
		cmocka_unit_test(a_point_that_comes_has_its_time),
		cmocka_unit_test(a_start_does_not_end_a_silence),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
