#include "gateway/sim/encode.h"

#include "drivers/modbus/decode.h"
#include "drivers/modbus/words.h"

#include <math.h>
#include <string.h>

#define NEIGHBOURS (BUS_INVALID_MAX + 1) /* so many steps away from a sentinel there is none */

static unsigned width_of(const struct bus_point *p)
{
	return p->bit_first >= 0 ? (unsigned)(p->bit_last - p->bit_first) + 1 : decode_count(p) * 16u;
}

static uint64_t mask_of(unsigned width)
{
	return width >= 64 ? UINT64_MAX : (UINT64_C(1) << width) - 1;
}

static void put_pattern(const struct bus_point *p, uint64_t pattern, uint16_t *words)
{
	unsigned n = decode_count(p), shift = p->bit_first >= 0 ? (unsigned)p->bit_first : 0;
	uint64_t mask = mask_of(width_of(p)) << shift;
	uint64_t old = p->bit_first >= 0 ? join_words(words, n, p->order) : 0;

	split_words((old & ~mask) | (pattern << shift & mask), n, p->order, words);
}

static long double power_of_ten(unsigned n)
{
	long double v = 1;

	while (n-- > 0)
		v *= 10;
	return v;
}

/* value = (raw × scale + offset + before) × factor, solved for raw. Powers of ten are multiplied and not divided by, so that 0.35 at a scale of
 * 0.01 is 35 and not almost 35. */
static long double solve_raw(const struct bus_point *p, double value, unsigned decimals)
{
	const struct unit_conversion *c = &p->convert;
	long double v = (long double)value * power_of_ten(c->factor.places) / (long double)c->factor.mantissa;

	v -= (long double)decimal_double(c->before) + (long double)decimal_double(p->offset);
	return v * power_of_ten(p->scale.places + decimals) / (long double)p->scale.mantissa;
}

static uint64_t to_bcd(uint64_t v)
{
	uint64_t out = 0;

	for (unsigned shift = 0; v && shift < 64; shift += 4, v /= 10)
		out |= v % 10 << shift;
	return out;
}

/* The largest number that digits of `width` bits show. */
static uint64_t bcd_most(unsigned width)
{
	uint64_t most = (UINT64_C(1) << width % 4) - 1;

	for (unsigned i = 0; i < width / 4; i++)
		most = most * 10 + 9;
	return most;
}

static bool is_signed(const struct bus_point *p)
{
	return p->bit_first < 0 && (p->type == TYPE_I16 || p->type == TYPE_I32 || p->type == TYPE_I64);
}

/* What a whole number of this point may be. */
static void raw_range(const struct bus_point *p, long double *ret_least, long double *ret_most)
{
	unsigned width = width_of(p);

	*ret_least = 0;
	*ret_most = (long double)mask_of(width);
	if (p->type == TYPE_BOOL)
		*ret_most = 1;
	else if (p->type == TYPE_BCD16 || p->type == TYPE_BCD32)
		*ret_most = (long double)bcd_most(width);
	if (is_signed(p)) {
		*ret_most = (long double)mask_of(width - 1);
		*ret_least = -*ret_most - 1;
	}
}

static void put_whole(const struct bus_point *p, long double raw, uint16_t *words)
{
	uint64_t pattern = raw < 0 ? 0 - (uint64_t)-raw : (uint64_t)raw;

	if (p->type == TYPE_BCD16 || p->type == TYPE_BCD32)
		pattern = to_bcd(pattern);
	put_pattern(p, pattern, words);
}

static bool is_sentinel(const struct bus_point *p, unsigned decimals, const uint16_t *words)
{
	char text[VALUE_TEXT_MAX];
	struct value v;

	return p->n_invalid && decode_value(p, words, (uint16_t)decimals, text, &v) == QUALITY_DEVICE;
}

static bool encode_whole(const struct bus_point *p, double value, unsigned decimals, uint16_t *words)
{
	long double least, most, raw = roundl(solve_raw(p, value, decimals));

	raw_range(p, &least, &most);
	bool fits = raw >= least && raw <= most;
	raw = fmaxl(least, fminl(most, raw));
	put_whole(p, raw, words);
	for (int step = 1; step <= NEIGHBOURS && is_sentinel(p, decimals, words); step++) {
		long double near = raw + (step % 2 ? 1 : -1) * ((step + 1) / 2);

		if (near >= least && near <= most)
			put_whole(p, near, words);
	}
	return fits;
}

static bool encode_float(const struct bus_point *p, double value, unsigned decimals, uint16_t *words)
{
	double raw = (double)solve_raw(p, value, decimals);
	uint64_t pattern = 0;

	for (int step = 0; step <= NEIGHBOURS; step++) {
		if (p->type == TYPE_F32) {
			float f = (float)raw;
			uint32_t u;

			memcpy(&u, &f, sizeof u);
			pattern = u;
			raw = (double)nextafterf(f, INFINITY);
		} else {
			memcpy(&pattern, &raw, sizeof pattern);
			raw = nextafter(raw, INFINITY);
		}
		put_pattern(p, pattern, words);
		if (!is_sentinel(p, decimals, words))
			break;
	}
	return isfinite(raw);
}

bool encode_value(const struct bus_point *p, double value, unsigned decimals, uint16_t *words)
{
	if (p->type == TYPE_STRING)
		return false;
	if (isnan(value))
		value = 0;
	if (p->decimals_from == BUS_NO_DECIMALS_FROM)
		decimals = 0;
	return p->type == TYPE_F32 || p->type == TYPE_F64 ? encode_float(p, value, decimals, words) : encode_whole(p, value, decimals, words);
}

void encode_text(const struct bus_point *p, const char *text, uint16_t *words)
{
	size_t len = strlen(text), n = decode_count(p);

	if (len > p->string_bytes)
		len = p->string_bytes;
	while (len > 0 && ((unsigned char)text[len] & 0xC0) == 0x80) /* not within a character */
		len--;
	for (size_t i = 0; i < n; i++) {
		unsigned high = 2 * i < len ? (unsigned char)text[2 * i] : 0, low = 2 * i + 1 < len ? (unsigned char)text[2 * i + 1] : 0;
		uint16_t w = (uint16_t)(high << 8 | low);

		words[i] = swaps_bytes(p->order) ? swap_bytes(w) : w;
	}
}
