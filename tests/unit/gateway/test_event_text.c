/* The event of docs/mqtt.md: every field there, of its type, and saying what happened. */
#include "tests/unit/gateway/rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/event_text.h"

static const char points[] =
	"          - {point: s1, name: '烟感 \"1\"', kind: smoke_detector, fc: 1, register: 0, type: bool, gb_system_addr: 1, gb_addr: '12|3', location: 走廊}\n"
	"          - {point: s2, kind: smoke_detector, fc: 1, register: 1, type: bool}\n"
	"          - {point: p, name: 压力, kind: hydrant_pressure, fc: 3, register: 0, scale: 0.01, low: 0.1}\n";
static const char rules[] =
	"  - {id: smoke, for: {kind: smoke_detector}, when: {equals: 1}, class: fire, message: {zh: '{name} 火警', en: '{point} on floor {floor}: fire'}}\n"
	"  - {id: both, when: {count: 2, of: {class: fire}, same: zone, within: 5m}, class: fire, latch: true}\n"
	"  - {id: low, for: {kind: hydrant_pressure}, when: {below: point.low}, class: supervisory, message: {zh: '{value}{unit}<{limit} {odd}', en: '{value} {unit}'}}\n";

/* Every field of the contract's example, and which types it may have. */
static const struct { const char *key; const char *types; } fields[] = {
	{ "v", "i" }, { "id", "s" }, { "gateway", "s" }, { "node", "s" }, { "log", "s" }, { "stream", "s" }, { "seq", "i" }, { "n", "i" }, { "class", "s" },
	{ "hazard", "s" }, { "transition", "s" }, { "cause", "s" }, { "state", "sn" }, { "from", "sn" }, { "active", "b" }, { "acked", "b" }, { "latched", "b" },
	{ "alarm", "sn" }, { "rev", "in" }, { "occurrence", "sn" }, { "since", "s" }, { "rule", "sn" }, { "point", "sn" }, { "members", "a" }, { "name", "s" },
	{ "kind", "sn" }, { "building", "sn" }, { "floor", "sn" }, { "zone", "sn" }, { "location", "s" }, { "value", "irsn" }, { "unit", "s" }, { "limit", "irn" },
	{ "quality", "s" }, { "message", "o" }, { "priority", "i" }, { "at", "s" }, { "device_at", "sn" }, { "boot", "s" }, { "up_ms", "i" }, { "clock", "s" },
	{ "actor", "sn" }, { "note", "sn" }, { "mode", "s" }, { "shelved", "b" }, { "out_of_service", "b" }, { "suppressed", "b" }, { "durable", "b" },
	{ "signal", "sn" }, { "gb26875", "on" },
};

static char type_of(const json_t *v)
{
	switch (json_typeof(v)) {
	case JSON_OBJECT: return 'o';
	case JSON_ARRAY: return 'a';
	case JSON_STRING: return 's';
	case JSON_INTEGER: return 'i';
	case JSON_REAL: return 'r';
	case JSON_TRUE:
	case JSON_FALSE: return 'b';
	case JSON_NULL: return 'n';
	}
	return '?';
}

static void check_fields(json_t *e)
{
	for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++) {
		json_t *v = json_object_get(e, fields[i].key);
		if (!v || !strchr(fields[i].types, type_of(v)))
			fail_msg("field %s is %s", fields[i].key, v ? "of a wrong type" : "missing");
	}
}

static const char *text(json_t *e, const char *key)
{
	return json_string_value(json_object_get(e, key));
}

static void a_fire_says_all_of_it(void **state)
{
	struct rig r;

	(void)state;
	rig_start(&r, points, rules);
	rig_wait(&r, 1500);
	rig_value(&r, "d.s1", 1);
	json_t *e = rig_event(&r, 0);
	check_fields(e);
	assert_string_equal(text(e, "id"), "gw-1/0000000000000abc/1");
	assert_string_equal(text(e, "occurrence"), text(e, "id"));
	assert_string_equal(text(e, "name"), "烟感 \"1\"");
	assert_string_equal(text(json_object_get(e, "message"), "zh"), "烟感 \"1\" 火警");
	assert_string_equal(text(json_object_get(e, "message"), "en"), "d.s1 on floor 12: fire");
	assert_string_equal(text(e, "boot"), "0000000000000abc");
	assert_int_equal(json_integer_value(json_object_get(e, "up_ms")), 1500);
	assert_int_equal(json_integer_value(json_object_get(e, "rev")), 1);
	assert_string_equal(text(e, "clock"), "trusted");
	json_t *gb = json_object_get(e, "gb26875");
	assert_int_equal(json_integer_value(json_object_get(gb, "status")), 2);
	assert_int_equal(json_integer_value(json_object_get(gb, "system_addr")), 1);
	assert_int_equal(json_integer_value(json_array_get(json_object_get(gb, "addr"), 1)), 3);
	json_decref(e);
	rig_done(&r);
}

static void a_count_names_its_members_and_no_point(void **state)
{
	struct rig r;

	(void)state;
	rig_start(&r, points, rules);
	rig_value(&r, "d.s1", 1);
	rig_value(&r, "d.s2", 1);
	assert_string_equal(rig_events(&r, 2), "a.z/both confirmed active;");
	json_t *e = rig_event(&r, 2);
	check_fields(e);
	assert_true(json_is_null(json_object_get(e, "point")));
	assert_int_equal(json_array_size(json_object_get(e, "members")), 2);
	assert_string_equal(text(e, "rule"), "both");
	assert_true(json_is_true(json_object_get(e, "latched")));
	json_decref(e);
	rig_done(&r);
}

static void a_pressure_goes_out_in_the_standards_unit(void **state)
{
	struct rig r;

	(void)state;
	rig_start(&r, points, rules);
	rig_value(&r, "d.p", 0.07);
	json_t *e = rig_event(&r, 0);
	assert_string_equal(text(json_object_get(e, "message"), "zh"), "0.07MPa<0.1 {odd}");
	json_t *analogue = json_object_get(json_object_get(e, "gb26875"), "analogue");
	assert_int_equal(json_integer_value(json_object_get(analogue, "type")), 5);
	assert_true(json_number_value(json_object_get(analogue, "value")) == 70);
	assert_true(json_number_value(json_object_get(e, "limit")) == 0.1);
	json_decref(e);
	rig_done(&r);
}

static void what_is_over_does_not_say_that_it_stands(void **state)
{
	struct rig r;

	(void)state;
	rig_start(&r, points, rules);
	rig_value(&r, "d.s1", 1);
	rig_value(&r, "d.p", (double)0.07f); /* a single-precision register's */
	json_t *e = rig_event(&r, 1), *both = json_object_get(e, "message");
	assert_string_equal(text(both, "zh"), "0.07MPa<0.1 {odd}");
	json_decref(e);
	rig_value(&r, "d.p", 0.45);
	e = rig_event(&r, 2);
	both = json_object_get(e, "message");
	assert_string_equal(text(e, "transition"), "returned");
	assert_string_equal(text(both, "zh"), "已恢复:压力 现为 0.45 MPa");
	assert_string_equal(text(both, "en"), "over: 压力: now 0.45 MPa");
	json_decref(e);
	rig_value(&r, "d.s1", 0);
	e = rig_event(&r, 3);
	both = json_object_get(e, "message");
	assert_string_equal(text(both, "zh"), "已恢复:烟感 \"1\" 火警");
	assert_string_equal(text(both, "en"), "over: d.s1 on floor 12: fire");
	json_decref(e);
	rig_done(&r);
}

static void an_acknowledgement_says_who(void **state)
{
	struct rig r;

	(void)state;
	rig_start(&r, points, rules);
	rig_value(&r, "d.s1", 1);
	rig_command(&r, "d.s1/smoke", RULES_ACK);
	json_t *first = rig_event(&r, 0), *e = rig_event(&r, 1);
	check_fields(e);
	assert_string_equal(text(e, "actor"), "li");
	assert_string_equal(text(e, "note"), "看过");
	assert_string_equal(text(e, "cause"), "person");
	assert_string_equal(text(e, "occurrence"), text(first, "id"));
	assert_string_not_equal(text(e, "id"), text(first, "id"));
	json_decref(first);
	json_decref(e);
	rig_command(&r, "d.s1/smoke", RULES_ACK);
	assert_int_not_equal(r.fx.refused.code, ERR_NONE);
	assert_int_equal(r.batch->n_events, 2);
	rig_done(&r);
}

static void an_operation_concerns_no_alarm(void **state)
{
	struct rig r;

	(void)state;
	rig_start(&r, points, rules);
	struct pipeline_event op = { .type = EVENT_OPERATION, .now = r.now, .operation = TRANSITION_CLOCK_STEP, .cause = CAUSE_SELF, .message_en = "by 7 s" };
	pipeline_step(r.pipeline, &op, &r.fx);
	json_t *e = rig_event(&r, 0);
	check_fields(e);
	static const char *const null[] = { "alarm", "state", "from", "rule", "point", "occurrence", "rev" };
	for (size_t i = 0; i < sizeof null / sizeof null[0]; i++)
		assert_true(json_is_null(json_object_get(e, null[i])));
	assert_string_equal(text(e, "class"), "operation");
	assert_string_equal(text(json_object_get(e, "message"), "zh"), "by 7 s");
	json_decref(e);
	rig_done(&r);
}

static void templates_keep_what_they_do_not_know(void **state)
{
	static const struct message_values v = { .name = "N", .value = "3", .unit = "MPa" };
	static const struct { const char *in, *out; } cases[] = {
		{ "", "" }, { "{name}", "N" }, { "a {value} {unit} z", "a 3 MPa z" }, { "{nam", "{nam" }, { "{}", "{}" }, { "{x}{name}", "{x}N" },
		{ "}{", "}{" }, { "{{name}}", "{N}" }, { "{floor}.", "." },
	};
	char mem[64];
	struct strbuf b;

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		strbuf_init_fixed(&b, mem, sizeof mem);
		message_expand(&b, cases[i].in, &v);
		assert_string_equal(mem, cases[i].out);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_fire_says_all_of_it),
		cmocka_unit_test(a_count_names_its_members_and_no_point),
		cmocka_unit_test(a_pressure_goes_out_in_the_standards_unit),
		cmocka_unit_test(what_is_over_does_not_say_that_it_stands),
		cmocka_unit_test(an_acknowledgement_says_who),
		cmocka_unit_test(an_operation_concerns_no_alarm),
		cmocka_unit_test(templates_keep_what_they_do_not_know),
	};

	setenv("TZ", "Asia/Shanghai", 1);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
