/* The times that records bear. */
#include "drivers/modbus/eventlist.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const char zone[] = "TZ=CST-8";

static void check_time(enum list_time form, bool local, const uint16_t *words, enum register_order order, int64_t expected)
{
	struct bus_point p = { .order = order, .list = { .time = form, .time_at = 1, .time_local = local } };
	struct stamp now = { .wall_ms = INT64_C(1795485600000), .wall_trusted = true };
	uint16_t record[8] = { 0xffff };

	memcpy(record + 1, words, list_time_registers(form) * sizeof *words);
	assert_int_equal(eventlist_time_ms(&p, record, now), expected);
}

/* 2026-11-24T10:00:00+08:00 is 1795485600. */
static void test_times(void **state)
{
	const int64_t at = INT64_C(1795485600000);
	const uint16_t epoch[] = { 1795485600u >> 16, 1795485600u & 0xffff }, swapped[] = { epoch[1], epoch[0] }, ahead[] = { 1795485600u >> 16, (1795485600u & 0xffff) + 1 };

	(void)state;
	putenv((char *)(uintptr_t)zone);
	check_time(LIST_TIME_EPOCH32, false, epoch, ORDER_ABCD, at);
	check_time(LIST_TIME_EPOCH32, false, swapped, ORDER_CDAB, at);
	check_time(LIST_TIME_EPOCH32, true, epoch, ORDER_ABCD, at - 8 * 3600000);
	check_time(LIST_TIME_EPOCH32, false, ahead, ORDER_ABCD, at + 1000);
	check_time(LIST_TIME_EPOCH32, false, (uint16_t[]){ 0, 0 }, ORDER_ABCD, 0);
	check_time(LIST_TIME_EPOCH32, false, (uint16_t[]){ 0xffff, 0xffff }, ORDER_ABCD, 0);
	/* A day ahead is a clock to be doubted. */
	check_time(LIST_TIME_EPOCH32, false, (uint16_t[]){ epoch[0] + 1, epoch[1] }, ORDER_ABCD, at + 65536000);
	check_time(LIST_TIME_EPOCH32, false, (uint16_t[]){ epoch[0] + 2, epoch[1] }, ORDER_ABCD, 0);
	check_time(LIST_TIME_YMDHMS, true, (uint16_t[]){ 2026, 11, 24, 10, 0, 0 }, ORDER_ABCD, at);
	check_time(LIST_TIME_YMDHMS, false, (uint16_t[]){ 26, 11, 24, 2, 0, 0 }, ORDER_ABCD, at);
	check_time(LIST_TIME_YMDHMS8, true, (uint16_t[]){ 26 << 8 | 11, 24 << 8 | 10, 0 }, ORDER_ABCD, at);
	check_time(LIST_TIME_YMDHMS8, true, (uint16_t[]){ 11 << 8 | 26, 10 << 8 | 24, 7 << 8 }, ORDER_BADC, at + 7000);
	check_time(LIST_TIME_YMDHMS8MS, true, (uint16_t[]){ 26 << 8 | 11, 24 << 8 | 10, 0, 123 }, ORDER_ABCD, at + 123);
	check_time(LIST_TIME_BCD8, true, (uint16_t[]){ 0x2611, 0x2410, 0x0059 }, ORDER_ABCD, at + 59000);
	/* What cannot be. */
	check_time(LIST_TIME_YMDHMS, true, (uint16_t[]){ 2026, 13, 24, 10, 0, 0 }, ORDER_ABCD, 0);
	check_time(LIST_TIME_YMDHMS, true, (uint16_t[]){ 2026, 2, 30, 10, 0, 0 }, ORDER_ABCD, 0);
	check_time(LIST_TIME_YMDHMS, true, (uint16_t[]){ 0, 0, 0, 0, 0, 0 }, ORDER_ABCD, 0);
	check_time(LIST_TIME_BCD8, true, (uint16_t[]){ 0x261A, 0x2410, 0x0059 }, ORDER_ABCD, 0);
	check_time(LIST_TIME_NONE, true, epoch, ORDER_ABCD, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_times) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
