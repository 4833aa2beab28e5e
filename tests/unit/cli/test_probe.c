/* What is pure in `firegw probe`: its command line, the readings of registers, and the search for registers. */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "gateway/cli/probe_ask.h"
#include "gateway/cli/probe_find.h"
#include "gateway/cli/probe_read.h"
#include "gateway/cli/probe_show.h"
#include "gateway/cli/probe_words.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- the command line ---- */

struct line {
	char        copy[512];
	char       *argv[32];
	struct args args;
};

static int parse(const char *text, struct line *l, struct probe_ask *ret, struct err *e)
{
	int argc = 0;
	char *save = NULL;

	snprintf(l->copy, sizeof l->copy, "%s", text);
	for (char *w = strtok_r(l->copy, " ", &save); w; w = strtok_r(NULL, " ", &save))
		l->argv[argc++] = w;
	assert_int_equal(args_parse(probe_options, PROBE_N_OPTIONS, argc, l->argv, &l->args, e), 0);
	return probe_ask_parse(&l->args, ret, e);
}

static struct probe_ask good(const char *text, struct line *l)
{
	struct probe_ask ask;
	struct err e = { 0 };

	if (parse(text, l, &ask, &e))
		fail_msg("%s: %s", text, e.text);
	return ask;
}

static void the_register_in_both_notations(void **state)
{
	static const struct { const char *words; uint8_t fc; uint16_t address; } cases[] = {
		{ "--register 40001", 3, 0 }, { "--register 30010", 4, 9 }, { "--register 00001", 1, 0 }, { "--register 10008", 2, 7 },
		{ "--register 465536", 3, 65535 }, { "--register 400101", 3, 100 }, { "--fc 3 --register 40001", 3, 40001 }, { "--fc 4 --register 0x10", 4, 16 },
		{ "--register 0x10", 3, 16 }, { "--register 100", 3, 100 }, { "--register 0", 3, 0 }, { "--fc 2 --register 65535", 2, 65535 },
	};
	struct line l;
	char text[200];

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		snprintf(text, sizeof text, "tcp://10.0.0.7 --unit 3 %s", cases[i].words);
		struct probe_ask ask = good(text, &l);
		assert_int_equal(ask.fc, cases[i].fc);
		assert_int_equal(ask.address, cases[i].address);
		assert_int_equal(ask.what, PROBE_READ);
		assert_int_equal(ask.count, 1);
		assert_true(ask.is_url);
	}
}

static void what_is_to_be_done(void **state)
{
	struct line l;
	struct probe_ask a;

	(void)state;
	a = good("riser-a --unit 3 --register 40001 --count 125 --retries 0 --timeout 250ms", &l);
	assert_false(a.is_url);
	assert_int_equal(a.count, 125);
	assert_int_equal(a.retries, 0);
	assert_int_equal(a.timeout_ms, 250);
	a = good("tcp://x:1 --scan", &l);
	assert_int_equal(a.what, PROBE_SCAN_UNITS);
	assert_int_equal(a.unit, 1);
	assert_int_equal(a.unit_last, 247);
	assert_int_equal(a.fc, 3);
	assert_int_equal(a.retries, 0);
	a = good("tcp://x:1 --scan --unit 0-255 --register 30005", &l);
	assert_int_equal(a.what, PROBE_SCAN_UNITS);
	assert_int_equal(a.unit, 0);
	assert_int_equal(a.unit_last, 255);
	assert_int_equal(a.fc, 4);
	assert_int_equal(a.address, 4);
	a = good("tcp://x:1 --scan --unit 7", &l);
	assert_int_equal(a.what, PROBE_SCAN_REGISTERS);
	assert_int_equal(a.fc, 0);
	assert_int_equal(a.count, 1000);
	a = good("tcp://x:1 --scan --unit 7 --register 465000 --count 65536", &l);
	assert_int_equal(a.fc, 3);
	assert_int_equal(a.count, 65536 - 64999);
	a = good("tcp://x:1 --unit 7 --fc 1 --register 0 --count 2000 --watch --every 200ms --for 5s --direct", &l);
	assert_int_equal(a.what, PROBE_WATCH);
	assert_int_equal(a.every_ms, 200);
	assert_int_equal(a.for_ms, 5000);
	assert_true(a.direct);
}

static void wrong_usage_says_the_cure(void **state)
{
	static const struct { const char *words, *text; } cases[] = {
		{ "tcp://x:1 --register 0", "--unit is missing" }, { "tcp://x:1 --unit 3", "--register is missing" },
		{ "tcp://x:1 --unit 256 --register 0", "from 0 to 255" }, { "tcp://x:1 --unit 1-5 --register 0", "goes with --scan" },
		{ "tcp://x:1 --unit 9-5 --scan", "the smaller one first" }, { "tcp://x:1 --unit -5 --scan", "two numbers" },
		{ "tcp://x:1 --unit 3 --fc 5 --register 0", "from 1 to 4" }, { "tcp://x:1 --unit 3 --register 20001", "not Modicon's notation" },
		{ "tcp://x:1 --unit 3 --fc 3 --register 465537", "0 … 65535" }, { "tcp://x:1 --unit 3 --register 40000", "counts from 1" },
		{ "tcp://x:1 --unit 3 --register abc", "is not a register" }, { "tcp://x:1 --unit 3 --register 40001 --count 126", "from 1 to 125" },
		{ "tcp://x:1 --unit 3 --register 00001 --count 2001", "from 1 to 2000" }, { "tcp://x:1 --unit 3 --fc 3 --register 65535 --count 2", "beyond register 65535" },
		{ "tcp://x:1 --unit 3 --register 0 --every 1s", "go with --watch" }, { "tcp://x:1 --unit 3 --register 0 --for 1s", "go with --watch" },
		{ "tcp://x:1 --unit 3 --register 0 --watch --scan", "do not go together" }, { "tcp://x:1 --scan --count 5", "does not go with" },
		{ "10.0.0.7:502 --unit 3 --register 0", "neither a URL" }, { "riser-a --direct --unit 3 --register 0", "needs the line's URL" },
		{ "tcp://x:1 --unit 3 --register 0 --timeout 5", "write a time" }, { "tcp://x:1 --unit 3 --register 0 --timeout 61s", "at most 60s" },
		{ "tcp://x:1 --unit 3 --register 0 --retries 11", "from 0 to 10" }, { "tcp://x:1 --unit 0x --register 0", "from 0 to 255" },
	};
	struct line l;
	struct probe_ask ask;

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct err e = { 0 };
		if (parse(cases[i].words, &l, &ask, &e) == 0)
			fail_msg("%s was taken", cases[i].words);
		if (!strstr(e.text, cases[i].text))
			fail_msg("%s: %s", cases[i].words, e.text);
		assert_int_equal(e.code, ERR_INVALID);
	}
}

/* ---- readings ---- */

static void put_order(const uint8_t *value, size_t registers, enum register_order order, uint16_t *words)
{
	for (size_t i = 0; i < registers; i++) {
		size_t from = order == ORDER_CDAB || order == ORDER_DCBA ? registers - 1 - i : i;
		unsigned high = value[2 * from], low = value[2 * from + 1];
		bool swap = order == ORDER_BADC || order == ORDER_DCBA;
		words[i] = (uint16_t)(swap ? low << 8 | high : high << 8 | low);
	}
}

/* The bytes are written out, so that the two sides of a conversion cannot be wrong alike. */
static void every_type_in_every_order(void **state)
{
	static const struct { enum register_type type; uint8_t bytes[8]; double number; const char *text; bool plausible; } cases[] = {
		{ TYPE_U16, { 0x00, 0xEB }, 235, "235", true },
		{ TYPE_I16, { 0xFF, 0xFE }, -2, "-2", true },
		{ TYPE_BCD16, { 0x12, 0x34 }, 1234, "1234", true },
		{ TYPE_U32, { 0x00, 0x01, 0x86, 0xA0 }, 100000, "100000", true },
		{ TYPE_U32, { 0xFF, 0xFF, 0xFF, 0xFF }, 4294967295.0, "4294967295", false },
		{ TYPE_I32, { 0xFF, 0xFE, 0x79, 0x60 }, -100000, "-100000", true },
		{ TYPE_F32, { 0x41, 0xBB, 0x33, 0x33 }, 23.3999996185302734375, "23.4", true },
		{ TYPE_F32, { 0x4E, 0x6E, 0x6B, 0x28 }, 1e9, "1e+09", true },
		{ TYPE_F32, { 0x50, 0x15, 0x02, 0xF9 }, 1e10, "1e+10", false },
		{ TYPE_BCD32, { 0x00, 0x12, 0x34, 0x56 }, 123456, "123456", true },
		{ TYPE_U64, { 0, 0, 0, 0, 0x3B, 0x9A, 0xCA, 0x00 }, 1e9, "1000000000", true },
		{ TYPE_U64, { 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF }, 18446744073709551615.0, "18446744073709551615", false },
		{ TYPE_I64, { 0xFF, 0xFF, 0xFF, 0xFF, 0xC4, 0x65, 0x36, 0x00 }, -1e9, "-1000000000", true },
		{ TYPE_F64, { 0x40, 0x37, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66 }, 23.4, "23.4", true },
	};
	uint16_t words[4];

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
		for (int order = 0; order < 4; order++) {
			struct probe_reading r;
			put_order(cases[i].bytes, probe_type_registers(cases[i].type), (enum register_order)order, words);
			probe_read(words, cases[i].type, (enum register_order)order, &r);
			assert_true(r.is_number);
			assert_true(r.number == cases[i].number);
			assert_string_equal(r.text, cases[i].text);
			assert_int_equal(r.plausible, cases[i].plausible);
		}
}

static void what_is_no_number(void **state)
{
	static const struct { enum register_type type; uint16_t words[4]; } cases[] = {
		{ TYPE_BCD16, { 0x12A4 } }, { TYPE_BCD32, { 0x1234, 0x000F } }, { TYPE_F32, { 0x7FC0, 0 } }, { TYPE_F32, { 0x7F80, 0 } }, { TYPE_F64, { 0x7FF8, 0, 0, 1 } },
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct probe_reading r;
		probe_read(cases[i].words, cases[i].type, ORDER_ABCD, &r);
		assert_false(r.is_number);
		assert_false(r.plausible);
		assert_true(isnan(r.number));
		assert_string_equal(r.text, "");
	}
}

static void the_bounds_of_plausible(void **state)
{
	(void)state;
	assert_true(probe_plausible(TYPE_F32, 0));
	assert_true(probe_plausible(TYPE_F32, -1e-6));
	assert_false(probe_plausible(TYPE_F32, 9e-7));
	assert_true(probe_plausible(TYPE_F64, -1e9));
	assert_false(probe_plausible(TYPE_F64, 1.01e9));
	assert_false(probe_plausible(TYPE_F64, NAN));
	assert_true(probe_plausible(TYPE_I32, -1e8));
	assert_false(probe_plausible(TYPE_I32, -100000001.0));
	assert_true(probe_plausible(TYPE_U32, 1795485600)); /* a time in 2026 */
	assert_false(probe_plausible(TYPE_U32, 1.5e9));
	assert_true(probe_plausible(TYPE_U64, 1e15));
	assert_false(probe_plausible(TYPE_U64, 2e15));
	assert_true(probe_plausible(TYPE_U16, 65535));
}

static void modicon_and_back(void **state)
{
	char buf[8];

	(void)state;
	assert_string_equal(probe_modicon(1, 0, buf), "00001");
	assert_string_equal(probe_modicon(2, 7, buf), "10008");
	assert_string_equal(probe_modicon(3, 9998, buf), "49999");
	assert_string_equal(probe_modicon(3, 9999, buf), "410000");
	assert_string_equal(probe_modicon(4, 65535, buf), "365536");
}

static void texts(void **state)
{
	static const uint16_t words[] = { 0x5055, 0x4D50, 0x2D31, 0x3200, 0x0001 }, swapped[] = { 0x5550, 0x504D, 0x0031 };
	char buf[VALUE_TEXT_MAX];

	(void)state;
	assert_int_equal(probe_text_run(words, 5, ORDER_ABCD), 4);
	assert_string_equal(probe_text(words, 4, ORDER_ABCD, buf), "PUMP-12");
	assert_int_equal(probe_text_run(swapped, 3, ORDER_BADC), 3);
	assert_string_equal(probe_text(swapped, 3, ORDER_BADC, buf), "PUMP1");
	assert_int_equal(probe_text_run(words + 4, 1, ORDER_ABCD), 0);
	assert_int_equal(probe_text_run(words, 2, ORDER_ABCD), 2);
}

/* ---- shown ---- */

static void a_float_is_found_in_its_order_alone(void **state)
{
	static const uint16_t words[] = { 0x3333, 0x41BB };
	const struct probe_block b = { .fc = 3, .address = 100, .values = words, .n = 2 };
	struct strbuf out = STRBUF_INIT;
	const struct look look = { 0 };

	(void)state;
	probe_show_block(&b, NULL, &look, &out);
	assert_non_null(strstr(out.data, "100-101  40101-40102  CDAB           23.4\n"));
	assert_non_null(strstr(out.data, "implausible readings left out"));
	assert_null(strstr(out.data, "ABCD"));
	strbuf_done(&out);
}

static void equal_halves_share_a_row(void **state)
{
	static const uint16_t words[] = { 0, 0 };
	const struct probe_block b = { .fc = 4, .address = 0, .values = words, .n = 2 };
	struct strbuf out = STRBUF_INIT;
	const struct look look = { 0 };

	(void)state;
	probe_show_block(&b, NULL, &look, &out);
	assert_non_null(strstr(out.data, "0-1  30001-30002  ABCD CDAB BADC DCBA    0    0      0\n"));
	assert_null(strstr(out.data, "left out"));
	strbuf_done(&out);
}

static void changes_are_told(void **state)
{
	static const uint16_t now[] = { 1, 240, 3 }, before[] = { 1, 235, 3 };
	const struct probe_block b = { .fc = 3, .address = 9, .values = now, .n = 3 };
	struct strbuf out = STRBUF_INIT;
	const struct look look = { 0 };

	(void)state;
	assert_int_equal(probe_show_changes(&b, before, "10:00:00", &out), 1);
	assert_string_equal(out.data, "10:00:00  40011 (fc 3, register 10): 235 → 240  0x00EB → 0x00F0\n");
	strbuf_reset(&out);
	probe_show_block(&b, before, &look, &out);
	assert_non_null(strstr(out.data, "was"));
	assert_non_null(strstr(out.data, "235\n"));
	strbuf_done(&out);
}

/* ---- registers of a device ---- */

struct device { bool has[65536]; enum probe_found answer; unsigned reads, stop_after; };

static enum probe_found read_device(void *user, uint16_t address, uint16_t count)
{
	struct device *d = user;

	d->reads++;
	if (d->stop_after && d->reads > d->stop_after)
		return PROBE_FOUND_STOP;
	if (d->answer != PROBE_FOUND_ALL)
		return d->answer;
	for (unsigned i = address; i < (unsigned)address + count; i++)
		if (!d->has[i])
			return PROBE_FOUND_REFUSED;
	return PROBE_FOUND_ALL;
}

static void registers_are_found(void **state)
{
	struct device *d = calloc(1, sizeof *d);
	struct probe_find f = { .read = read_device, .user = d };

	(void)state;
	assert_non_null(d);
	for (unsigned i = 0; i < 10; i++)
		d->has[i] = d->has[120 + i] = true; /* over the edge of a block */
	d->has[999] = d->has[65535] = true;
	probe_find(&f, 0, 65536, 125);
	assert_int_equal(f.n, 4);
	assert_int_equal(f.ranges[0].first, 0);
	assert_int_equal(f.ranges[0].last, 9);
	assert_int_equal(f.ranges[1].first, 120);
	assert_int_equal(f.ranges[1].last, 129);
	assert_int_equal(f.ranges[2].first, 999);
	assert_int_equal(f.ranges[2].last, 999);
	assert_int_equal(f.ranges[3].first, 65535);
	assert_int_equal(f.ranges[3].last, 65535);
	assert_false(f.stopped || f.gave_up || f.no_function);
	free(f.ranges);
	free(d);
}

static void a_search_ends_early(void **state)
{
	struct device *d = calloc(1, sizeof *d);
	struct probe_find f = { .read = read_device, .user = d };

	(void)state;
	assert_non_null(d);
	d->answer = PROBE_FOUND_SILENT;
	probe_find(&f, 0, 1000, 125);
	assert_int_equal(d->reads, PROBE_FIND_SILENT_MAX);
	assert_true(f.gave_up);
	d->answer = PROBE_FOUND_FUNCTION;
	d->reads = 0;
	f = (struct probe_find){ .read = read_device, .user = d };
	probe_find(&f, 0, 1000, 125);
	assert_int_equal(d->reads, 1);
	assert_true(f.no_function);
	d->answer = PROBE_FOUND_ALL;
	memset(d->has, 1, sizeof d->has);
	d->reads = 0;
	d->stop_after = 2;
	f = (struct probe_find){ .read = read_device, .user = d };
	probe_find(&f, 0, 1000, 125);
	assert_true(f.stopped);
	assert_int_equal(f.n, 1);
	assert_int_equal(f.ranges[0].last, 249);
	free(f.ranges);
	free(d);
}

/* ---- words ---- */

static void what_went_wrong_in_words(void **state)
{
	static const struct { enum probe_answer answer; int exception; bool by_daemon; const char *text; bool alive; } cases[] = {
		{ PROBE_EXCEPTION, 1, false, "does not know function 3 (holding registers)", true },
		{ PROBE_EXCEPTION, 2, false, "one lower", true }, { PROBE_EXCEPTION, 3, false, "--count 1", true }, { PROBE_EXCEPTION, 6, false, "busy", true },
		{ PROBE_EXCEPTION, 10, false, "no way to this unit", false }, { PROBE_EXCEPTION, 11, false, "A and B swapped", false },
		{ PROBE_EXCEPTION, 99, false, "manual", true }, { PROBE_SILENT, 0, false, "no answer from unit 3 within 250ms, asked 3 times", false },
		{ PROBE_SILENT, 0, true, "within the line's timeout", false }, { PROBE_NO_LINE, 0, false, "one connection only", false },
	};
	const struct bus_request rq = { .unit = 3, .fc = 3, .count = 1 };
	const struct probe_ask ask = { .timeout_ms = 250, .retries = 2 };
	struct probe_result *r = calloc(1, sizeof *r);

	(void)state;
	assert_non_null(r);
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct strbuf out = STRBUF_INIT;
		r->answer = cases[i].answer;
		r->exception = cases[i].exception;
		probe_explain(&rq, r, &ask, cases[i].by_daemon, &out);
		if (!strstr(out.data, cases[i].text))
			fail_msg("%s", out.data);
		assert_int_equal(probe_is_alive(r), cases[i].alive);
		strbuf_done(&out);
	}
	free(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_register_in_both_notations), cmocka_unit_test(what_is_to_be_done), cmocka_unit_test(wrong_usage_says_the_cure),
		cmocka_unit_test(every_type_in_every_order),      cmocka_unit_test(what_is_no_number),  cmocka_unit_test(the_bounds_of_plausible),
		cmocka_unit_test(modicon_and_back),               cmocka_unit_test(texts),              cmocka_unit_test(a_float_is_found_in_its_order_alone),
		cmocka_unit_test(equal_halves_share_a_row),       cmocka_unit_test(changes_are_told),   cmocka_unit_test(registers_are_found),
		cmocka_unit_test(a_search_ends_early),            cmocka_unit_test(what_went_wrong_in_words),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
