#include "gateway/cli/probe_read.h"

#include "drivers/modbus/decode.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>

#define FLOAT_LEAST 1e-6
#define FLOAT_MOST  1e9
#define INT32_MOST  1e8
#define YEAR_2020   1577836800.0 /* as seconds of 1970 */
#define YEAR_2036   2082758400.0
#define INT64_MOST  1e15

static const struct { const char *name; size_t registers; } types[] = {
	[TYPE_BOOL] = { "bool", 1 },   [TYPE_I16] = { "i16", 1 },     [TYPE_U16] = { "u16", 1 },     [TYPE_I32] = { "i32", 2 },
	[TYPE_U32] = { "u32", 2 },     [TYPE_I64] = { "i64", 4 },     [TYPE_U64] = { "u64", 4 },     [TYPE_F32] = { "f32", 2 },
	[TYPE_F64] = { "f64", 4 },     [TYPE_BCD16] = { "bcd16", 1 }, [TYPE_BCD32] = { "bcd32", 2 }, [TYPE_STRING] = { "string", 0 },
};

size_t probe_type_registers(enum register_type type)
{
	return types[type].registers;
}

const char *probe_type_name(enum register_type type)
{
	return types[type].name;
}

const char *probe_order_name(enum register_order order)
{
	static const char *const names[] = { [ORDER_ABCD] = "ABCD", [ORDER_CDAB] = "CDAB", [ORDER_BADC] = "BADC", [ORDER_DCBA] = "DCBA" };

	return names[order];
}

bool probe_plausible(enum register_type type, double number)
{
	double size = fabs(number);

	if (isnan(number))
		return false;
	switch (type) {
	case TYPE_F32: case TYPE_F64:
		return size == 0 || (size >= FLOAT_LEAST && size <= FLOAT_MOST);
	case TYPE_I32: case TYPE_U32:
		return size <= INT32_MOST || (number >= YEAR_2020 && number < YEAR_2036);
	case TYPE_I64: case TYPE_U64:
		return size <= INT64_MOST;
	case TYPE_BOOL: case TYPE_I16: case TYPE_U16: case TYPE_BCD16: case TYPE_BCD32: case TYPE_STRING:
		return true;
	}
	return true;
}

/* A point of which nothing is known but where it stands. */
static struct bus_point bare_point(enum register_type type, enum register_order order)
{
	return (struct bus_point){ .id = "", .fc = 3, .type = type, .order = order, .bit_first = -1, .bit_last = -1, .scale = DECIMAL_ONE,
		.offset = DECIMAL_ZERO, .decimals_from = BUS_NO_DECIMALS_FROM, .convert = { DECIMAL_ONE, DECIMAL_ZERO, DECIMAL_ZERO },
		.min = NAN, .max = NAN, .every_ns = 1 };
}

/* A float has as many digits as its type holds: 23.4 is not 23.3999996. */
static void put_number(enum register_type type, const struct value *v, struct probe_reading *r)
{
	if (v->text)
		snprintf(r->text, sizeof r->text, "%s", v->text);
	else
		snprintf(r->text, sizeof r->text, "%.*g", type == TYPE_F32 ? 7 : type == TYPE_F64 ? 15 : 17, v->number);
}

void probe_read(const uint16_t *words, enum register_type type, enum register_order order, struct probe_reading *ret)
{
	const struct bus_point p = bare_point(type, order);
	struct probe_reading r = { .type = type, .order = order, .number = NAN };
	char text[VALUE_TEXT_MAX];
	struct value v;

	if (decode_value(&p, words, 0, text, &v) == QUALITY_GOOD) {
		r.is_number = true;
		r.number = v.number;
		r.plausible = probe_plausible(type, v.number);
		put_number(type, &v, &r);
	}
	*ret = r;
}

static bool is_print(unsigned c)
{
	return c >= 0x20 && c < 0x7F;
}

size_t probe_text_run(const uint16_t *words, size_t n, enum register_order order)
{
	bool swapped = order == ORDER_BADC || order == ORDER_DCBA;

	for (size_t i = 0; i < n; i++) {
		unsigned first = swapped ? words[i] & 0xFFu : words[i] >> 8, second = swapped ? words[i] >> 8 : words[i] & 0xFFu;
		if (is_print(first) && second == 0)
			return i + 1;
		if (!is_print(first) || !is_print(second))
			return i;
	}
	return n;
}

char *probe_text(const uint16_t *words, size_t n, enum register_order order, char *buf)
{
	struct bus_point p = bare_point(TYPE_STRING, order);
	struct value v;

	p.string_bytes = (uint16_t)(n * 2);
	(void)decode_value(&p, words, 0, buf, &v);
	return buf;
}

char *probe_modicon(uint8_t fc, uint32_t address, char buf[8])
{
	static const char first[] = { '?', '0', '1', '4', '3' };

	snprintf(buf, 8, address < 9999 ? "%c%04" PRIu32 : "%c%05" PRIu32, first[fc <= 4 ? fc : 0], (address + 1) % 100000);
	return buf;
}

const char *probe_fc_name(uint8_t fc)
{
	static const char *const names[] = { "?", "coils", "discrete inputs", "holding registers", "input registers" };

	return names[fc <= 4 ? fc : 0];
}
