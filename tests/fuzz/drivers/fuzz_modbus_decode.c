/* Any registers under any point that passes the check: a known quality, a finite number, valid text. */
#include "drivers/modbus/decode.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct { uint8_t fc, type, order, bytes; int8_t bit_first, bit_last; uint8_t scale_places, offset_places, factor_places, decimals; int64_t scale, offset,
		factor, shift; double invalid; } in;
	uint16_t words[128] = { 0 };
	char text[VALUE_TEXT_MAX];
	struct value v;

	if (size < sizeof in)
		return 0;
	memcpy(&in, data, sizeof in);
	size -= sizeof in;
	memcpy(words, data + sizeof in, size < 250 ? size : 250);
	struct bus_point p = { .id = "p", .fc = in.fc, .type = (enum register_type)(in.type % (TYPE_STRING + 1)), .order = (enum register_order)(in.order % 4),
		.string_bytes = in.bytes, .bit_first = in.bit_first, .bit_last = in.bit_last, .scale = { in.scale, in.scale_places % 19 },
		.offset = { in.offset, in.offset_places % 19 }, .decimals_from = in.decimals & 1 ? 3 : BUS_NO_DECIMALS_FROM,
		.convert = { { in.factor, in.factor_places % 19 }, { in.shift, in.factor_places % 19 }, { in.shift, in.offset_places % 19 } }, .min = NAN, .max = NAN, .invalid = { in.invalid },
		.n_invalid = 1, .every_ns = 1 };
	if (decode_check(&p, NULL) < 0)
		return 0;
	enum quality q = decode_value(&p, words, in.decimals, text, &v);
	if (q == QUALITY_GOOD ? !v.text && !isfinite(v.number) : !isnan(v.number) || v.text)
		abort();
	if (v.text && strlen(v.text) >= VALUE_TEXT_MAX)
		abort();
	return 0;
}
