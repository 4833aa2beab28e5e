/* What rate and stuck rules and the terms of all and any remember: saved now and then without forcing a commit, taken over by reloads and starts, and given up where values mean another thing. */
#include "tests/unit/gateway/rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#define SIZES (struct batch_sizes){ 64, 512, 64, 8, 8, 8, 8, 1 << 18 }

static const char points[] =
	"          - {point: p, kind: hydrant_pressure, fc: 3, register: 0, scale: 0.01}\n"
	"          - {point: q, kind: hydrant_pressure, fc: 3, register: 1, scale: 0.01}\n";
static const char scaled[] =
	"          - {point: p, kind: hydrant_pressure, fc: 3, register: 0, scale: 0.001}\n"
	"          - {point: q, kind: hydrant_pressure, fc: 3, register: 1, scale: 0.01}\n";
static const char rate_rule[] = "  - {id: leak, for: {point: d.p}, when: {rate: {below: -0.1, per: 15s}}, class: fault, message: {zh: '{rate}/15s', en: '{rate} {unit} in 15 s'}}\n";
static const char both_rule[] = "  - {id: both, when: {all: [{point: d.p, above: 1}, {point: d.q, above: 1}]}, class: fault}\n";
static const char stale_rule[] = "  - {id: dead, when: {any: [{point: d.p, quality: stale}]}, class: fault}\n";

static size_t states_of(const struct rig *r, const char *alarm)
{
	size_t n = 0;

	for (size_t i = 0; i < r->batch->n_states; i++)
		n += strcmp(r->batch->states[i].alarm, alarm) == 0;
	return n;
}

static void restart(struct rig *next, const struct rig *was, const char *rules)
{
	memset(next, 0, sizeof *next);
	next->boot = was->boot + 1;
	next->now = was->now;
	rig_open(next, rig_config(points, rules), SIZES);
	rig_give_states(next, was);
	pipeline_started(next->pipeline, next->now, &next->fx);
}

static void stop(struct rig *r)
{
	struct pipeline_event e = { .type = EVENT_OPERATION, .now = r->now, .operation = TRANSITION_STOPPED, .cause = CAUSE_SELF };

	pipeline_step(r->pipeline, &e, &r->fx);
}

/* A value a second; says how often the rule's state went into the batch. */
static void read_seconds(struct rig *r, int n, double value)
{
	for (int i = 0; i < n; i++) {
		rig_value(r, "d.p", value);
		assert_false(r->fx.commit_now);
		rig_wait(r, 1000);
	}
}

static void it_is_saved_now_and_then(void **state)
{
	struct rig r;

	(void)state;
	rig_start(&r, points, rate_rule);
	rig_value(&r, "d.p", 0.5);
	assert_int_equal(states_of(&r, "d.p/leak"), 1);
	rig_wait(&r, 1000);
	read_seconds(&r, 8, 0.5);
	assert_int_equal(states_of(&r, "d.p/leak"), 1);
	read_seconds(&r, 2, 0.5);
	assert_int_equal(states_of(&r, "d.p/leak"), 2);
	read_seconds(&r, 50, 0.5);
	assert_int_equal(states_of(&r, "d.p/leak"), 7);
	rig_done(&r);
}

static void an_orderly_end_saves_all_of_it(void **state)
{
	struct rig r, next;

	(void)state;
	rig_start(&r, points, rate_rule);
	read_seconds(&r, 5, 0.6);
	assert_int_equal(states_of(&r, "d.p/leak"), 1);
	stop(&r);
	assert_int_equal(states_of(&r, "d.p/leak"), 2);
	stop(&r); /* there is nothing new */
	assert_int_equal(states_of(&r, "d.p/leak"), 2);
	restart(&next, &r, rate_rule);
	read_seconds(&next, 10, 0.5);
	assert_int_equal(next.batch->n_events, 0);
	rig_value(&next, "d.p", 0.49);
	assert_string_equal(rig_events(&next, 0), "d.p/leak raised active;");
	assert_true(next.fx.commit_now);
	json_t *e = rig_event(&next, 0);
	json_t *message = json_object_get(e, "message");
	assert_string_equal(json_string_value(json_object_get(message, "zh")), "-0.11/15s");
	assert_string_equal(json_string_value(json_object_get(message, "en")), "-0.11 MPa in 15 s");
	assert_true(json_number_value(json_object_get(e, "value")) == 0.49 && json_number_value(json_object_get(e, "limit")) == -0.1);
	json_decref(e);
	/* The sentence about the fall is not told when it is over. */
	for (int i = 0; i < 20; i++) {
		rig_wait(&next, 1000);
		rig_value(&next, "d.p", 0.49);
	}
	e = rig_event(&next, 1);
	assert_string_equal(json_string_value(json_object_get(json_object_get(e, "message"), "en")), "over: p: now 0.49 MPa");
	json_decref(e);
	rig_done(&next);
	rig_done(&r);
}

static void a_full_batch_is_not_filled_with_it(void **state)
{
	char many_points[4096] = "", many_rules[] = "  - {id: s, for: {point: '*'}, when: {stuck: 1h}, class: fault}\n", id[8];
	struct rig r;
	size_t len = 0;

	(void)state;
	for (int i = 0; i < 40; i++)
		len += (size_t)snprintf(many_points + len, sizeof many_points - len, "          - {point: p%d, kind: generic, fc: 3, register: %d}\n", i, i);
	rig_start(&r, many_points, many_rules);
	batch_free(r.batch);
	r.batch = batch_new(SIZES);
	pipeline_set_batch(r.pipeline, r.batch);
	for (int i = 0; i < 40; i++) {
		snprintf(id, sizeof id, "d.p%d", i);
		rig_value(&r, id, 1);
		assert_false(r.fx.commit_now);
	}
	/* The first is told at once, the others when it is time: all 40, since their silence is news too. */
	assert_int_equal(r.batch->n_states, 1);
	const size_t parts[] = { 16, 16, 8 }; /* a quarter of 64 */
	for (size_t i = 0; i < 3; i++) {
		batch_clear(r.batch);
		rig_wait(&r, i == 0 ? 10000 : 1000);
		assert_int_equal(r.batch->n_states, parts[i]);
		assert_false(r.fx.commit_now);
	}
	/* The same for the room that their bytes take. */
	batch_free(r.batch);
	r.batch = batch_new((struct batch_sizes){ 64, 512, 64, 8, 8, 8, 8, 1 << 13 });
	pipeline_set_batch(r.pipeline, r.batch);
	rig_wait(&r, 11000);
	for (int i = 0; i < 40; i++) {
		snprintf(id, sizeof id, "d.p%d", i);
		rig_value(&r, id, 2);
	}
	assert_int_equal(r.batch->n_states, 1);
	rig_wait(&r, 10000);
	assert_in_range(r.batch->n_states, 2, 4);
	rig_done(&r);
}

static void a_reload_goes_on_with_it(void **state)
{
	struct rig r, next;

	(void)state;
	for (int other = 0; other < 2; other++) {
		rig_start(&r, points, rate_rule);
		read_seconds(&r, 15, 0.6);
		rig_reload(&next, &r, other ? scaled : points, rate_rule);
		rig_wait(&next, 1000);
		rig_value(&next, "d.p", 0.06);
		assert_string_equal(rig_events(&next, 0), other ? "" : "d.p/leak raised active;");
		rig_done(&next);
		rig_done(&r);
	}
	/* What the old one had not saved, the new one saves. */
	rig_start(&r, points, both_rule);
	rig_value(&r, "d.p", 0.5);
	rig_value(&r, "d.p", 2);
	rig_value(&r, "d.p", 0.5);
	rig_value(&r, "d.p", 3);
	size_t saved = states_of(&r, "site/both");
	rig_reload(&next, &r, points, both_rule);
	rig_wait(&next, 11000);
	assert_int_equal(saved, 1);
	assert_int_equal(states_of(&next, "site/both"), 1);
	rig_done(&next);
	rig_done(&r);
}

static void terms_outlive_a_start(void **state)
{
	struct rig r, next;

	(void)state;
	rig_start(&r, points, both_rule);
	rig_value(&r, "d.p", 2);
	stop(&r);
	restart(&next, &r, both_rule);
	rig_value(&next, "d.q", 2);
	assert_string_equal(rig_events(&next, 0), "site/both raised active;");
	json_t *e = rig_event(&next, 0);
	assert_true(json_is_null(json_object_get(e, "point")) && json_array_size(json_object_get(e, "members")) == 2);
	assert_true(json_number_value(json_object_get(e, "value")) == 2 && json_number_value(json_object_get(e, "limit")) == 2);
	assert_string_equal(json_string_value(json_object_get(json_object_get(e, "message"), "en")), "z: fault, 2 points");
	json_decref(e);
	rig_value(&next, "d.q", 0);
	e = rig_event(&next, 1);
	assert_string_equal(json_string_value(json_object_get(json_object_get(e, "message"), "en")), "over: z: fault");
	json_decref(e);
	rig_done(&next);
	rig_done(&r);
}

/* After a start a point that gets no answer would be comm at first: an alarm about its silence does not end by that. */
static void a_silence_outlives_a_start(void **state)
{
	struct rig r, next;

	(void)state;
	rig_start(&r, points, stale_rule);
	rig_value(&r, "d.p", 2);
	rig_wait(&r, 20000);
	assert_string_equal(rig_events(&r, 0), "site/dead raised active;");
	restart(&next, &r, stale_rule);
	rig_sample(&next, "d.p", 0, QUALITY_COMM, NULL);
	rig_wait(&next, 20000);
	assert_string_equal(rig_events(&next, 0), "");
	rig_value(&next, "d.p", 2);
	assert_string_equal(rig_events(&next, 0), "site/dead returned returned;");
	rig_done(&next);
	rig_done(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_is_saved_now_and_then), cmocka_unit_test(an_orderly_end_saves_all_of_it), cmocka_unit_test(a_full_batch_is_not_filled_with_it),
		cmocka_unit_test(a_reload_goes_on_with_it), cmocka_unit_test(terms_outlive_a_start), cmocka_unit_test(a_silence_outlives_a_start),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
