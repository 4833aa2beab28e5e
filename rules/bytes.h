/* bytes: numbers in saved states, little-endian. Internal to rules/. */
#ifndef FIREGW_RULES_BYTES_H
#define FIREGW_RULES_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* Moments beyond ± 36 years of a machine's uptime are not ours; within, no sum overflows. */
#define BYTES_MOMENT_MAX (INT64_C(1) << 60)

static inline uint8_t *bytes_put(uint8_t *at, uint64_t v, size_t n)
{
	for (size_t i = 0; i < n; i++)
		*at++ = (uint8_t)(v >> (8 * i));
	return at;
}

static inline uint64_t bytes_take(const uint8_t **at, size_t n)
{
	uint64_t v = 0;

	for (size_t i = 0; i < n; i++)
		v |= (uint64_t)*(*at)++ << (8 * i);
	return v;
}

static inline uint8_t *bytes_put_double(uint8_t *at, double v)
{
	uint64_t bits;

	memcpy(&bits, &v, sizeof bits);
	return bytes_put(at, bits, sizeof bits);
}

static inline double bytes_take_double(const uint8_t **at)
{
	uint64_t bits = bytes_take(at, sizeof bits);
	double v;

	memcpy(&v, &bits, sizeof v);
	return v;
}

static inline bool bytes_is_moment(int64_t t)
{
	return t > -BYTES_MOMENT_MAX && t < BYTES_MOMENT_MAX;
}

#endif
