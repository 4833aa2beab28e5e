#include "drivers/modbus/decode.h"

#include "drivers/modbus/words.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

/* A raw number before scale: an integer (sign and magnitude, so that all of i64 and u64 fit) or a float. */
struct raw {
	bool     is_float;
	bool     negative;
	uint64_t magnitude;
	uint64_t pattern;    /* the integer's bits as they stood, for sentinels written unsigned */
	double   real;
};

static unsigned type_words(enum register_type t)
{
	switch (t) {
	case TYPE_BOOL: case TYPE_I16: case TYPE_U16: case TYPE_BCD16: return 1;
	case TYPE_I32: case TYPE_U32: case TYPE_F32: case TYPE_BCD32: return 2;
	case TYPE_I64: case TYPE_U64: case TYPE_F64: return 4;
	case TYPE_STRING: return 0;
	}
	return 0;
}

static bool is_float(enum register_type t)
{
	return t == TYPE_F32 || t == TYPE_F64;
}

uint16_t decode_count(const struct bus_point *p)
{
	if (p->type == TYPE_STRING)
		return (uint16_t)((p->string_bytes + 1u) / 2u);
	return (uint16_t)type_words(p->type);
}

int decode_check(const struct bus_point *p, struct err *reterr)
{
	bool bits = p->bit_first >= 0;

	if (p->fc < 1 || p->fc > 4)
		return err_set(reterr, ERR_INVALID, "function code %u: only 1 to 4 are read", p->fc);
	if (p->fc <= 2 && p->type != TYPE_BOOL)
		return err_set(reterr, ERR_INVALID, "coils and discrete inputs are of type bool only");
	if (p->fc <= 2 && (bits || p->decimals_from != BUS_NO_DECIMALS_FROM))
		return err_set(reterr, ERR_INVALID, "coils and discrete inputs have no bit and no decimals_from");
	if (p->type == TYPE_STRING && (p->string_bytes < 1 || p->string_bytes > 250))
		return err_set(reterr, ERR_INVALID, "a string has 1 to 250 bytes, not %u", p->string_bytes);
	if (bits && (p->type == TYPE_STRING || is_float(p->type)))
		return err_set(reterr, ERR_INVALID, "bits cannot be taken out of a string or a float; use a u type");
	if (bits && (p->bit_last < p->bit_first || p->bit_last >= (int)type_words(p->type) * 16))
		return err_set(reterr, ERR_INVALID, "bit %d..%d does not lie within the register's %u bits", p->bit_first, p->bit_last,
		               type_words(p->type) * 16);
	if (p->type == TYPE_STRING && p->decimals_from != BUS_NO_DECIMALS_FROM)
		return err_set(reterr, ERR_INVALID, "a string has no decimals_from");
	if (p->decimals_from != BUS_NO_DECIMALS_FROM && p->decimals_from > UINT16_MAX)
		return err_set(reterr, ERR_INVALID, "decimals_from: register %" PRIu32 " is beyond 65535", p->decimals_from);
	if (p->decimals_from != BUS_NO_DECIMALS_FROM && p->scale.places + DECODE_DECIMALS_MAX > 18)
		return err_set(reterr, ERR_INVALID, "decimals_from: the scale has too many places; at most %d", 18 - DECODE_DECIMALS_MAX);
	if ((uint32_t)p->address + decode_count(p) > UINT16_MAX + 1u)
		return err_set(reterr, ERR_INVALID, "register %u and its %u registers reach beyond 65535", p->address, decode_count(p));
	if (p->n_invalid > BUS_INVALID_MAX)
		return err_set(reterr, ERR_INVALID, "more than %d invalid values", BUS_INVALID_MAX);
	if (p->every_ns <= 0)
		return err_set(reterr, ERR_INVALID, "the poll interval must be above 0");
	return 0;
}

/* False: a nibble above 9. */
static bool decode_bcd(uint64_t v, uint64_t *ret)
{
	uint64_t sum = 0, place = 1;

	for (; v; v >>= 4, place *= 10) {
		if ((v & 0xf) > 9)
			return false;
		sum += (v & 0xf) * place;
	}
	*ret = sum;
	return true;
}

static void set_signed(struct raw *r, unsigned width)
{
	uint64_t sign = UINT64_C(1) << (width - 1);

	if (!(r->pattern & sign)) {
		r->magnitude = r->pattern;
		return;
	}
	r->negative = true;
	/* Two's complement of the width; the smallest number maps to itself, which is its magnitude. */
	r->magnitude = width == 64 ? ~r->pattern + 1 : (UINT64_C(1) << width) - r->pattern;
}

/* False: the device has put something there that is no number. */
static bool take_raw(const struct bus_point *p, const uint16_t *words, struct raw *ret)
{
	unsigned n = type_words(p->type), width = n * 16;
	uint64_t v = join_words(words, n, p->order);
	bool bits = p->bit_first >= 0;

	*ret = (struct raw){ 0 };
	if (bits) {
		width = (unsigned)(p->bit_last - p->bit_first) + 1;
		v >>= p->bit_first;
		if (width < 64)
			v &= (UINT64_C(1) << width) - 1;
	}
	ret->pattern = v;
	ret->magnitude = v;
	switch (p->type) {
	case TYPE_BCD16: case TYPE_BCD32:
		return decode_bcd(v, &ret->magnitude);
	case TYPE_I16: case TYPE_I32: case TYPE_I64:
		if (!bits)
			set_signed(ret, width);
		return true;
	case TYPE_F32: {
		uint32_t u = (uint32_t)v;
		float f;

		memcpy(&f, &u, sizeof f);
		ret->is_float = true;
		ret->real = (double)f;
		return isfinite(f);
	}
	case TYPE_F64:
		memcpy(&ret->real, &v, sizeof ret->real);
		ret->is_float = true;
		return isfinite(ret->real);
	case TYPE_BOOL: case TYPE_U16: case TYPE_U32: case TYPE_U64: case TYPE_STRING:
		return true;
	}
	return true;
}

static double raw_double(const struct raw *r)
{
	if (r->is_float)
		return r->real;
	return r->negative ? -(double)r->magnitude : (double)r->magnitude;
}

/* A sentinel may be written as the number or as the unsigned pattern of its bits (65535 for an i16): no i16 is 65535, so it can mean nothing else. A
 * sentinel of an f32 is written in decimal and stands in the register rounded to a float. */
static bool is_invalid(const struct bus_point *p, const struct raw *r)
{
	double v = raw_double(r);

	for (size_t i = 0; i < p->n_invalid; i++) {
		double s = p->invalid[i];

		if (v == s || (!r->is_float && (double)r->pattern == s && s >= 0))
			return true;
		if (p->type == TYPE_F32 && (float)s == (float)v)
			return true;
	}
	return false;
}

static bool has_label(const struct bus_point *p, double raw)
{
	for (size_t i = 0; i < p->n_labels; i++)
		if (p->labels[i].value == raw)
			return true;
	return false;
}

static bool fits_int64(__int128 v)
{
	return v >= INT64_MIN && v <= INT64_MAX;
}

/* a + b, exactly; false if that does not fit. */
static bool add(struct decimal a, struct decimal b, struct decimal *ret)
{
	uint8_t places = a.places > b.places ? a.places : b.places;
	__int128 x = a.mantissa, y = b.mantissa;

	/* 63 + 60 bits: 10^18 times an int64 fits in 128. */
	for (int i = a.places; i < places; i++)
		x *= 10;
	for (int i = b.places; i < places; i++)
		y *= 10;
	if (!fits_int64(x + y))
		return false;
	*ret = (struct decimal){ (int64_t)(x + y), places };
	return true;
}

/* (raw × scale + offset) in the point's unit becomes the kind's: the shift of a unit with another zero (K, °F) joins the offset, so that the result is
 * rounded once. Only where that sum has too many digits it is added afterwards. */
static double scale_value(const struct bus_point *p, const struct raw *r, struct decimal scale, struct value *ret, char *text)
{
	struct decimal offset = p->offset;
	bool exact = false, negative = false, shifted = add(p->offset, p->convert.before, &offset);
	uint64_t magnitude = 0;
	double v;

	if (r->is_float)
		v = decimal_apply_float(r->real, scale, offset, p->convert.factor);
	else
		v = decimal_apply_int(r->negative, r->magnitude, scale, offset, p->convert.factor, &exact, &negative, &magnitude);
	if (!shifted)
		return v + decimal_double(p->convert.offset);
	if (exact) {
		snprintf(text, VALUE_TEXT_MAX, "%s%" PRIu64, negative ? "-" : "", magnitude);
		ret->text = text;
	}
	return v;
}

static unsigned utf8_length(const unsigned char *s, size_t left)
{
	unsigned char c = s[0];
	unsigned need = c < 0x80 ? 1 : c >= 0xC2 && c <= 0xDF ? 2 : c >= 0xE0 && c <= 0xEF ? 3 : c >= 0xF0 && c <= 0xF4 ? 4 : 0;

	if (need == 0 || need > left)
		return 0;
	for (unsigned i = 1; i < need; i++)
		if ((s[i] & 0xC0) != 0x80)
			return 0;
	/* Overlong forms, surrogates, beyond U+10FFFF. */
	if ((c == 0xE0 && s[1] < 0xA0) || (c == 0xED && s[1] > 0x9F) || (c == 0xF0 && s[1] < 0x90) || (c == 0xF4 && s[1] > 0x8F))
		return 0;
	return need;
}

/* Text ends at its first NUL; trailing spaces go; what is not UTF-8 or is a control character becomes '?', so that it never grows. */
static void decode_string(const struct bus_point *p, const uint16_t *words, char *text)
{
	unsigned char raw[250];
	size_t len = 0, out = 0;

	while (len < p->string_bytes && len < sizeof raw) {
		uint16_t w = swaps_bytes(p->order) ? swap_bytes(words[len / 2]) : words[len / 2];
		unsigned char c = (unsigned char)(len % 2 ? w & 0xff : w >> 8);

		if (c == 0)
			break;
		raw[len++] = c;
	}
	while (len > 0 && (raw[len - 1] == ' ' || raw[len - 1] == '\t' || raw[len - 1] == '\r' || raw[len - 1] == '\n'))
		len--;
	for (size_t i = 0; i < len;) {
		unsigned n = utf8_length(raw + i, len - i);

		if (n == 0 || raw[i] < 0x20 || raw[i] == 0x7F) {
			text[out++] = '?';
			i++;
			continue;
		}
		memcpy(text + out, raw + i, n);
		out += n;
		i += n;
	}
	text[out] = '\0';
}

enum quality decode_value(const struct bus_point *p, const uint16_t *words, uint16_t decimals, char *text, struct value *ret)
{
	struct decimal scale = p->scale;
	struct value value = { NAN, NULL };
	struct raw raw;

	*ret = value;
	if (p->type == TYPE_STRING) {
		decode_string(p, words, text);
		ret->text = text;
		return QUALITY_GOOD;
	}
	if (!take_raw(p, words, &raw) || is_invalid(p, &raw))
		return QUALITY_DEVICE;
	if (p->type == TYPE_BOOL)
		raw.magnitude = raw.pattern = raw.magnitude != 0;
	if (p->n_labels && !has_label(p, raw_double(&raw)))
		return QUALITY_RANGE;
	if (p->decimals_from != BUS_NO_DECIMALS_FROM) {
		/* 0 … 9 stands in one byte, and the other is 0: where the value's bytes are swapped, this register's may be too, and it shows. */
		if (swaps_bytes(p->order) && (decimals & 0xff) == 0)
			decimals = swap_bytes(decimals);
		if (decimals > DECODE_DECIMALS_MAX)
			return QUALITY_DEVICE;
		scale.places = (uint8_t)(scale.places + decimals);
	}
	value.number = scale_value(p, &raw, scale, &value, text);
	if (!isfinite(value.number) || value.number < p->min || value.number > p->max)
		return QUALITY_RANGE;
	*ret = value;
	return QUALITY_GOOD;
}
