#include "core/decimal.h"

#include <math.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

__extension__ typedef __int128 i128;
__extension__ typedef unsigned __int128 u128;

#define PLACES_MAX    18
#define DOUBLE_INT    (INT64_C(1) << 53)  /* up to here every integer is a double */
#define EXACT_TEN     22                  /* 10^22 is the highest power of ten that is a double */
#define TEXT_MAX      96                  /* sign, the 78 digits of 256 bits, "e-54" */
#define EXPONENT_MAX  9999
#define FORMAT_MAX    32                  /* sign, 19 digits, point, NUL */

static const double tens[EXACT_TEN + 1] = { 1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11,
	                                    1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22 };

static int64_t power_of_ten(unsigned n)
{
	int64_t p = 1;

	while (n-- > 0)
		p *= 10;
	return p;
}

static uint64_t magnitude(int64_t v)
{
	return v < 0 ? 0 - (uint64_t)v : (uint64_t)v;
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* Digits are gathered as mantissa × 10^exponent; zeros wait until a digit follows them, so that trailing ones cost nothing. */
struct gather {
	uint64_t mantissa;
	int      zeros;
	int      exponent;
};

static int gather_digit(struct gather *g, char c)
{
	if (c == '0') {
		if (g->mantissa != 0)
			g->zeros++;
		return 0;
	}
	for (; g->zeros >= 0; g->zeros--)
		if (__builtin_mul_overflow(g->mantissa, UINT64_C(10), &g->mantissa))
			return -1;
	g->zeros = 0;
	return __builtin_add_overflow(g->mantissa, (uint64_t)(c - '0'), &g->mantissa) ? -1 : 0;
}

/* "e-3" with its sign; 0, or -1. */
static int parse_exponent(const char *s, int *ret)
{
	int sign = *s == '-' ? -1 : 1;
	int v = 0;

	if (*s == '-' || *s == '+')
		s++;
	if (!is_digit(*s))
		return -1;
	for (; is_digit(*s); s++)
		if (v < EXPONENT_MAX)
			v = v * 10 + (*s - '0');
	if (*s != '\0')
		return -1;
	*ret = sign * v;
	return 0;
}

/* mantissa × 10^exponent with needless zeros already off. */
static int settle(bool neg, struct gather g, struct decimal *ret)
{
	if (g.mantissa == 0) {
		*ret = DECIMAL_ZERO;
		return 0;
	}
	for (; g.exponent > 0; g.exponent--)
		if (__builtin_mul_overflow(g.mantissa, UINT64_C(10), &g.mantissa))
			return -1;
	if (g.exponent < -PLACES_MAX || g.mantissa > (uint64_t)INT64_MAX + (neg ? 1 : 0))
		return -1;
	*ret = (struct decimal){ neg ? (int64_t)(0 - g.mantissa) : (int64_t)g.mantissa, (uint8_t)-g.exponent };
	return 0;
}

int decimal_parse(const char *text, struct decimal *ret)
{
	struct gather g = { 0 };
	const char *s = text;
	bool neg = *s == '-';
	size_t n_digits = 0;
	int exponent = 0;

	if (*s == '-' || *s == '+')
		s++;
	for (; is_digit(*s); s++, n_digits++)
		if (gather_digit(&g, *s) < 0)
			return -1;
	if (*s == '.') {
		for (s++; is_digit(*s); s++, n_digits++) {
			if (gather_digit(&g, *s) < 0)
				return -1;
			g.exponent--;
		}
	}
	if (n_digits == 0 || n_digits > EXPONENT_MAX)
		return -1;
	if (*s == 'e' || *s == 'E') {
		if (parse_exponent(s + 1, &exponent) < 0)
			return -1;
	} else if (*s != '\0') {
		return -1;
	}
	g.exponent += g.zeros + exponent;
	return settle(neg, g, ret);
}

/* 256 bits hold whatever (raw × scale + offset) × factor can be: 2^64 × 2^63 × 10^18 × 2^63 is below 2^251. Limbs from the lowest. */
#define LIMBS 4
struct wide {
	uint64_t limb[LIMBS];
};

static struct wide wide_from(u128 v)
{
	return (struct wide){ { (uint64_t)v, (uint64_t)(v >> 64) } };
}

static void wide_multiply(struct wide *w, uint64_t by)
{
	u128 carry = 0;

	for (int i = 0; i < LIMBS; i++) {
		carry += (u128)w->limb[i] * by;
		w->limb[i] = (uint64_t)carry;
		carry >>= 64;
	}
}

/* Returns the remainder. */
static unsigned wide_divide_by_ten(struct wide *w)
{
	u128 rest = 0;

	for (int i = LIMBS - 1; i >= 0; i--) {
		rest = rest << 64 | w->limb[i];
		w->limb[i] = (uint64_t)(rest / 10);
		rest %= 10;
	}
	return (unsigned)rest;
}

static bool wide_is_zero(const struct wide *w)
{
	return (w->limb[0] | w->limb[1] | w->limb[2] | w->limb[3]) == 0;
}

/* a - b; true if that is below zero, and then the result is b - a. */
static bool wide_subtract(struct wide *a, const struct wide *b)
{
	bool below = false;

	for (int i = LIMBS - 1; i >= 0; i--) {
		if (a->limb[i] != b->limb[i]) {
			below = a->limb[i] < b->limb[i];
			break;
		}
	}
	struct wide high = below ? *b : *a, low = below ? *a : *b;
	unsigned borrow = 0;
	for (int i = 0; i < LIMBS; i++) {
		i128 d = (i128)high.limb[i] - low.limb[i] - borrow;
		a->limb[i] = (uint64_t)d;
		borrow = d < 0;
	}
	return below;
}

static void wide_add(struct wide *a, const struct wide *b)
{
	u128 carry = 0;

	for (int i = 0; i < LIMBS; i++) {
		carry += (u128)a->limb[i] + b->limb[i];
		a->limb[i] = (uint64_t)carry;
		carry >>= 64;
	}
}

/* The double nearest to w × 10^-places, by way of a text without a decimal point, which is the same in every locale. */
static double wide_double(bool neg, struct wide w, unsigned places)
{
	char text[TEXT_MAX];
	char *end = text + TEXT_MAX - 8;
	char *start = end;

	do
		*--start = (char)('0' + wide_divide_by_ten(&w));
	while (!wide_is_zero(&w));
	if (neg)
		*--start = '-';
	snprintf(end, 8, "e-%u", places % 1000);
	return strtod(start, NULL);
}

/* The double nearest to m × 10^-places. */
static double nearest_double(i128 m, unsigned places)
{
	/* Both are doubles without loss, so that the division is the one rounding. */
	if (m <= DOUBLE_INT && m >= -DOUBLE_INT && places <= EXACT_TEN)
		return (double)(int64_t)m / tens[places];
	return wide_double(m < 0, wide_from(m < 0 ? 0 - (u128)m : (u128)m), places);
}

double decimal_double(struct decimal d)
{
	return nearest_double(d.mantissa, d.places);
}

static struct decimal without_zeros(struct decimal d)
{
	if (d.mantissa == 0)
		return DECIMAL_ZERO;
	while (d.places > 0 && d.mantissa % 10 == 0) {
		d.mantissa /= 10;
		d.places--;
	}
	return d;
}

char *decimal_format(struct decimal d, char *buf)
{
	struct decimal t = without_zeros(d);
	uint64_t mag = magnitude(t.mantissa);
	char text[FORMAT_MAX];
	char *start = text + FORMAT_MAX;

	*--start = '\0';
	/* At least one digit stands before the point. */
	for (unsigned n = 0; mag > 0 || n <= t.places; n++) {
		if (n > 0 && n == t.places)
			*--start = '.';
		*--start = (char)('0' + mag % 10);
		mag /= 10;
	}
	if (t.mantissa < 0)
		*--start = '-';
	return memcpy(buf, start, (size_t)(text + FORMAT_MAX - start));
}

int decimal_add(struct decimal a, struct decimal b, struct decimal *ret)
{
	unsigned places = a.places > b.places ? a.places : b.places;
	i128 sum = (i128)a.mantissa * power_of_ten(places - a.places) + (i128)b.mantissa * power_of_ten(places - b.places);

	while (places > 0 && sum % 10 == 0) {
		sum /= 10;
		places--;
	}
	if (sum > INT64_MAX || sum < INT64_MIN)
		return -1;
	*ret = (struct decimal){ (int64_t)sum, (uint8_t)places };
	return 0;
}

/* (raw × scale + offset) × factor as m × 10^-places, exactly; false if that does not fit. */
static bool exact_result(i128 raw, struct decimal scale, struct decimal offset, struct decimal factor, i128 *ret_m, unsigned *ret_places)
{
	i128 m, o = offset.mantissa;
	unsigned places = scale.places;

	if (__builtin_mul_overflow(raw, (i128)scale.mantissa, &m))
		return false;
	if (o != 0) {
		if (offset.places > places) {
			if (__builtin_mul_overflow(m, (i128)power_of_ten(offset.places - places), &m))
				return false;
			places = offset.places;
		} else {
			o *= power_of_ten(places - offset.places);
		}
		if (__builtin_add_overflow(m, o, &m))
			return false;
	}
	if (__builtin_mul_overflow(m, (i128)factor.mantissa, &m))
		return false;
	*ret_m = m;
	*ret_places = places + factor.places;
	return true;
}

/* The same as exact_result and nearest_double, where 128 bits do not hold it. */
static double wide_result(bool neg, uint64_t mag, struct decimal scale, struct decimal offset, struct decimal factor)
{
	struct wide w = wide_from((u128)mag * magnitude(scale.mantissa)), o = wide_from(magnitude(offset.mantissa));
	unsigned places = scale.places;

	neg = neg != (scale.mantissa < 0);
	if (offset.places > places) {
		wide_multiply(&w, (uint64_t)power_of_ten(offset.places - places));
		places = offset.places;
	} else {
		wide_multiply(&o, (uint64_t)power_of_ten(places - offset.places));
	}
	if (neg == (offset.mantissa < 0))
		wide_add(&w, &o);
	else if (wide_subtract(&w, &o))
		neg = !neg;
	wide_multiply(&w, magnitude(factor.mantissa));
	return wide_double(neg != (factor.mantissa < 0), w, places + factor.places);
}

double decimal_apply_int(bool neg, uint64_t mag, struct decimal scale, struct decimal offset, struct decimal factor,
                         bool *ret_exact_int, bool *ret_neg, uint64_t *ret_mag)
{
	i128 raw = neg ? -(i128)mag : (i128)mag;
	i128 m;
	unsigned places;

	if (ret_exact_int)
		*ret_exact_int = false;
	if (!exact_result(raw, scale, offset, factor, &m, &places))
		return wide_result(neg, mag, scale, offset, factor);
	if (m <= DOUBLE_INT && m >= -DOUBLE_INT)
		return nearest_double(m, places);
	while (places > 0 && m % 10 == 0) {
		m /= 10;
		places--;
	}
	bool beyond = m > DOUBLE_INT || m < -DOUBLE_INT;
	if (ret_exact_int && places == 0 && beyond && m >= INT64_MIN && m <= (i128)UINT64_MAX) {
		*ret_exact_int = true;
		*ret_neg = m < 0;
		*ret_mag = m < 0 ? (uint64_t)-m : (uint64_t)m;
	}
	return nearest_double(m, places);
}

double decimal_apply_float(double raw, struct decimal scale, struct decimal offset, struct decimal factor)
{
	if (!isfinite(raw))
		return raw;
	/* A whole number can be had exactly: 35.0 × 0.01 is 0.35, as for an integer register. */
	if (raw == trunc(raw) && fabs(raw) < 0x1p63 && !(raw == 0 && signbit(raw)))
		return decimal_apply_int(raw < 0, (uint64_t)fabs(raw), scale, offset, factor, NULL, NULL, NULL);
	if (scale.mantissa == 1 && scale.places == 0 && offset.mantissa == 0 && factor.mantissa == 1 && factor.places == 0)
		return raw;
	/* 64 bits of mantissa all the way, rounded at the end. */
	long double v = (long double)raw * (long double)scale.mantissa / (long double)power_of_ten(scale.places);
	v += (long double)offset.mantissa / (long double)power_of_ten(offset.places);
	return (double)(v * (long double)factor.mantissa / (long double)power_of_ten(factor.places));
}
