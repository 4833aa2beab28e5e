/* A site file that was edited, at a reload and at a start: what its rules say now holds for what stands already. */
#include "tests/unit/gateway/rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <string.h>

static const char valve[] = "          - {point: v, name: 阀, kind: signal_valve, fc: 3, register: 0, enum: 0=open|1=closed}\n";
static const char plain[] = "  - {id: shut, for: {kind: signal_valve}, when: {equals: closed}, class: supervisory}\n";
static const char waiting[] = "  - {id: shut, for: {kind: signal_valve}, when: {equals: closed}, class: supervisory, escalate: {after: 3m}, re_alarm: 10m}\n";

/* The next config, by a reload or by a start that finds what was kept. */
static void edit(struct rig *next, struct rig *r, const char *rules, bool restart)
{
	if (!restart) {
		rig_reload(next, r, valve, rules);
		return;
	}
	memset(next, 0, sizeof *next);
	next->boot = 0xdef;
	next->now = r->now;
	rig_open(next, rig_config(valve, rules), (struct batch_sizes){ 64, 64, 64, 8, 8, 8, 8, 1 << 18 });
	rig_give_states(next, r);
	pipeline_started(next->pipeline, next->now, &next->fx);
}

static void shut(struct rig *r, const char *rules, int acked_after_s)
{
	rig_start(r, valve, rules);
	rig_value(r, "d.v", 1);
	rig_wait(r, acked_after_s * 1000);
	if (acked_after_s > 0)
		rig_command(r, "d.v/shut", RULES_ACK);
}

/* Its time runs since the alarm became active, or was acknowledged; if it is over already, now. */
static void what_a_rule_waits_for_now_is_waited_for(void **state)
{
	static const struct { int acked_after_s, wait_s, left_s; const char *told; } cases[] = {
		{ 0, 60, 120, "d.v/shut escalated active;" }, { 0, 600, 0, "d.v/shut escalated active;" },
		{ 90, 60, 540, "d.v/shut reraised active;" }, { 90, 900, 0, "d.v/shut reraised active;" },
	};
	struct rig r, next;

	(void)state;
	for (size_t i = 0; i < 2 * (sizeof cases / sizeof cases[0]); i++) {
		size_t c = i / 2;
		shut(&r, plain, cases[c].acked_after_s);
		rig_wait(&r, cases[c].wait_s * 1000);
		int64_t now_ms = r.now.wall_ms;
		edit(&next, &r, waiting, i % 2);
		rig_wait(&next, cases[c].left_s * 1000 - 1);
		if (cases[c].left_s > 0)
			assert_string_equal(rig_events(&next, 0), "");
		rig_wait(&next, 2);
		assert_string_equal(rig_events(&next, 0), cases[c].told);
		assert_true(next.batch->events[0].at_ms == now_ms + cases[c].left_s * 1000);
		rig_done(&r);
		rig_done(&next);
	}
}

/* Once an activation: also when the rule was another meanwhile. */
static void what_was_escalated_is_not_so_again(void **state)
{
	struct rig r, same, other, next;

	(void)state;
	for (int restart = 0; restart < 2; restart++) {
		shut(&r, waiting, 0);
		rig_wait(&r, 300000);
		assert_string_equal(rig_events(&r, 1), "d.v/shut escalated active;");
		edit(&same, &r, waiting, restart);
		assert_string_equal(rig_events(&same, 0), "");
		rig_reload(&other, &same, valve, plain);
		rig_reload(&next, &other, valve, waiting);
		rig_wait(&next, 1000000);
		assert_string_equal(rig_events(&next, 0), "");
		/* Comes it again, then it is. */
		rig_value(&next, "d.v", 0);
		rig_value(&next, "d.v", 1);
		rig_wait(&next, 180001);
		assert_string_equal(rig_events(&next, 0), "d.v/shut returned returned;d.v/shut reraised active;d.v/shut escalated active;");
		rig_done(&r);
		rig_done(&same);
		rig_done(&other);
		rig_done(&next);
	}
}

static void shelve(struct rig *r)
{
	struct pipeline_act a = { .what = ACT_SHELVE, .alarm = rules_find(pipeline_rules(r->pipeline), "d.v/shut"), .for_ns = 3600 * CLOCK_NS_PER_S };
	struct pipeline_event e = { .type = EVENT_ACT, .now = r->now, .act = &a, .cause = CAUSE_PERSON, .actor = "li (uid 1000)" };

	pipeline_step(r->pipeline, &e, &r->fx);
	assert_int_equal(r->fx.refused.code, ERR_NONE);
}

/* An operator may have shelved what was no fire alarm then; what was one was shelved by a maintainer. */
static void what_becomes_a_fire_alarm_is_shelved_no_longer(void **state)
{
	static const char fire[] = "  - {id: shut, for: {kind: signal_valve}, when: {equals: closed}, class: fire}\n";
	struct rig r, same, next, again;

	(void)state;
	for (int way = 0; way < 4; way++) {
		bool open = way & 1, restart = way & 2;
		rig_start(&r, valve, plain);
		rig_value(&r, "d.v", open);
		shelve(&r);
		edit(&same, &r, plain, restart);
		assert_string_equal(rig_events(&same, 0), "");
		assert_int_not_equal(rules_find(pipeline_rules(same.pipeline), "d.v/shut/shelved"), RULES_ALARM_NONE);
		edit(&next, restart ? &r : &same, fire, restart);
		const char *told = rig_events(&next, 0);
		assert_non_null(strstr(told, "d.v/shut/shelved cleared normal;"));
		assert_non_null(strstr(told, open ? "d.v/shut unshelved active;" : "d.v/shut unshelved normal;"));
		assert_int_equal(rules_find(pipeline_rules(next.pipeline), "d.v/shut/shelved"), RULES_ALARM_NONE);
		json_t *last = rig_event(&next, next.batch->n_events - 1);
		assert_string_equal(json_string_value(json_object_get(last, "transition")), "unshelved");
		assert_string_equal(json_string_value(json_object_get(last, "cause")), "rule");
		assert_non_null(strstr(json_string_value(json_object_get(json_object_get(last, "message"), "en")), "(it is a fire alarm now, which only a maintainer may shelve)"));
		json_decref(last);
		shelve(&next);
		size_t from = next.batch->n_events;
		edit(&again, &next, fire, restart);
		assert_int_not_equal(rules_find(pipeline_rules(again.pipeline), "d.v/shut/shelved"), RULES_ALARM_NONE);
		assert_string_equal(rig_events(&again, 0), "");
		assert_int_equal(next.batch->n_events, from);
		rig_done(&r);
		rig_done(&same);
		rig_done(&next);
		rig_done(&again);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_a_rule_waits_for_now_is_waited_for),
		cmocka_unit_test(what_was_escalated_is_not_so_again),
		cmocka_unit_test(what_becomes_a_fire_alarm_is_shelved_no_longer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
