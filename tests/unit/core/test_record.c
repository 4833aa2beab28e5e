#include "core/record.h"
#include "tests/unit/core/check.h"

#include <math.h>

static const struct batch_sizes small = { .events = 2, .readings = 3, .states = 1, .cursors = 1, .audits = 1, .commands = 1, .sessions = 1, .arena = 16 };

static void a_batch_has_bounds(void **state)
{
	struct batch *b = batch_new(small);

	(void)state;
	assert_non_null(b);
	assert_true(batch_is_empty(b));
	struct record_event *first = batch_add_event(b);
	assert_non_null(first);
	assert_false(batch_is_empty(b));
	assert_ptr_equal(batch_add_event(b), first + 1);
	assert_null(batch_add_event(b));
	for (int i = 0; i < 3; i++)
		assert_non_null(batch_add_reading(b));
	assert_null(batch_add_reading(b));
	assert_non_null(batch_add_state(b));
	assert_null(batch_add_state(b));
	assert_non_null(batch_add_cursor(b));
	assert_null(batch_add_cursor(b));
	assert_non_null(batch_add_audit(b));
	assert_null(batch_add_audit(b));
	assert_non_null(batch_add_command(b));
	assert_null(batch_add_command(b));
	assert_non_null(batch_add_session(b));
	assert_null(batch_add_session(b));
	assert_int_equal(b->n_events, 2);
	assert_int_equal(b->n_readings, 3);
	batch_clear(b);
	assert_true(batch_is_empty(b));
	batch_free(b);
	batch_free(NULL);
}

static void a_record_begins_empty(void **state)
{
	struct batch *b = batch_new(small);
	static const struct record_event zero;

	(void)state;
	struct record_event *e = batch_add_event(b);
	memset(e, 0xFF, sizeof *e);
	batch_clear(b);
	assert_memory_equal(batch_add_event(b), &zero, sizeof zero);
	batch_free(b);
}

static void any_kind_of_record_makes_it_not_empty(void **state)
{
	struct batch *b = batch_new(small);

	(void)state;
	batch_add_session(b);
	assert_false(batch_is_empty(b));
	batch_clear(b);
	batch_add_cursor(b);
	assert_false(batch_is_empty(b));
	batch_free(b);
}

static void the_arena_keeps(void **state)
{
	struct batch *b = batch_new(small);

	(void)state;
	const char *first = batch_keep(b, "1234567", 7);
	const char *second = batch_keep(b, "\0x", 2);
	assert_string_equal(first, "1234567");
	assert_memory_equal(second, "\0x", 3);
	assert_null(batch_keep(b, "12345", 5));
	assert_non_null(batch_keep(b, "1234", 4)); /* to the last byte */
	assert_null(batch_keep(b, "", 0));
	assert_string_equal(first, "1234567");
	batch_clear(b);
	assert_null(batch_keep(b, "0123456789abcdef", 16));
	assert_non_null(batch_keep(b, "0123456789abcde", 15));
	assert_null(batch_keep(b, NULL, SIZE_MAX));
	batch_free(b);
}

static void an_empty_batch_can_be(void **state)
{
	struct batch *b = batch_new((struct batch_sizes){ 0 });

	(void)state;
	assert_non_null(b);
	assert_null(batch_add_reading(b));
	assert_null(batch_keep(b, "", 0));
	batch_free(b);
}

static void event_heads(void **state)
{
	char mem[512];
	struct strbuf out;

	(void)state;
	strbuf_init_fixed(&out, mem, sizeof mem);
	record_event_head(&out, "qj-wenlong-01", "qj-wenlong-01", "9c41e07a", CLASS_FIRE, 57, 1042);
	assert_string_equal(mem, "{\"v\":1,\"gateway\":\"qj-wenlong-01\",\"node\":\"qj-wenlong-01\",\"log\":\"9c41e07a\",\"stream\":\"fire\","
	                         "\"seq\":57,\"n\":1042,\"durable\":true,");
	strbuf_reset(&out);
	record_event_head(&out, "g", "n", "l", CLASS_OPERATION, 0, 0);
	assert_string_equal(mem, "{\"v\":1,\"gateway\":\"g\",\"node\":\"n\",\"log\":\"l\",\"stream\":\"operation\",\"seq\":null,\"n\":null,\"durable\":false,");
}

/* The example of docs/mqtt.md, to the letter. */
static void readings_as_promised(void **state)
{
	char mem[512];
	struct strbuf out;

	(void)state;
	strbuf_init_fixed(&out, mem, sizeof mem);
	record_reading_begin(&out, "g", "n", "l", 8801, 8802, INT64_C(1795485600123));
	record_reading_put(&out, true, "f12-hyd.pressure", 0, 0.31, NULL, QUALITY_GOOD);
	record_reading_put(&out, false, "f12-hyd.pressure", -20, 0.31, NULL, QUALITY_COMM);
	record_reading_end(&out);
	assert_string_equal(mem, "{\"v\":1,\"gateway\":\"g\",\"node\":\"n\",\"log\":\"l\",\"stream\":\"reading\",\"first\":8801,\"last\":8802,\"t0\":1795485600123,"
	                         "\"readings\":[[\"f12-hyd.pressure\",0,0.31],[\"f12-hyd.pressure\",-20,null,\"comm\"]]}");
}

static void texts_and_odd_numbers(void **state)
{
	char mem[512];
	struct strbuf out;

	(void)state;
	strbuf_init_fixed(&out, mem, sizeof mem);
	record_reading_put(&out, true, "d.p", 5, 18446744073709551615.0, "18446744073709551615", QUALITY_GOOD);
	record_reading_put(&out, false, "d.p", 6, NAN, "say \"hi\"", QUALITY_GOOD);
	record_reading_put(&out, false, "d.p", 7, NAN, NULL, QUALITY_GOOD);
	record_reading_put(&out, false, "d.p", 8, 1, "old", QUALITY_STALE);
	assert_string_equal(mem, "[\"d.p\",5,\"18446744073709551615\"],[\"d.p\",6,\"say \\\"hi\\\"\"],[\"d.p\",7,null],[\"d.p\",8,null,\"stale\"]");
}

/* What a payload does not hold is taken back whole. */
static void one_too_many_is_undone(void **state)
{
	char mem[64];
	struct strbuf out;

	(void)state;
	strbuf_init_fixed(&out, mem, sizeof mem);
	record_reading_put(&out, true, "device.point", 1000, 0.25, NULL, QUALITY_GOOD);
	record_reading_put(&out, false, "device.point", 2000, 0.25, NULL, QUALITY_GOOD);
	size_t len = out.len;
	assert_false(out.failed);
	record_reading_put(&out, false, "device.point", 3000, 0.25, NULL, QUALITY_GOOD);
	assert_true(out.failed);
	strbuf_cut(&out, len);
	record_reading_end(&out);
	assert_string_equal(mem, "[\"device.point\",1000,0.25],[\"device.point\",2000,0.25]]}");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_batch_has_bounds),
		cmocka_unit_test(a_record_begins_empty),
		cmocka_unit_test(any_kind_of_record_makes_it_not_empty),
		cmocka_unit_test(the_arena_keeps),
		cmocka_unit_test(an_empty_batch_can_be),
		cmocka_unit_test(event_heads),
		cmocka_unit_test(readings_as_promised),
		cmocka_unit_test(texts_and_odd_numbers),
		cmocka_unit_test(one_too_many_is_undone),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
