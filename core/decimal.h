/* decimal: numbers as people write them, so that 35 × 0.01 is 0.35 and not 0.35000000000000003. */
#ifndef FIREGW_CORE_DECIMAL_H
#define FIREGW_CORE_DECIMAL_H

#include <stdbool.h>
#include <stdint.h>

/* mantissa × 10^-places; places 0 … 18. */
struct decimal {
	int64_t mantissa;
	uint8_t places;
};

#define DECIMAL_ONE  ((struct decimal){ 1, 0 })
#define DECIMAL_ZERO ((struct decimal){ 0, 0 })

/* Reads "-0.01", "1e-3", "12"; no spaces, no locale. 0, or -1 (not a number, or more digits than fit). */
int decimal_parse(const char *text, struct decimal *ret);
/* The nearest double. */
double decimal_double(struct decimal d);
/* Plain notation without needless zeros ("0.01", never "1e-2"), which decimal_parse reads back to the same number; buf holds 32 bytes. */
char *decimal_format(struct decimal d, char *buf);
/* a + b, exactly; 0, or -1 if it does not fit. */
int decimal_add(struct decimal a, struct decimal b, struct decimal *ret);
/* (raw × scale + offset) × factor for an integer raw, rounded once: the double nearest to the exact decimal result.
 * neg/mag: sign and magnitude of raw, so that all of i64 and u64 fit. *ret_exact_int (may be NULL, then the two behind it too) is set when the
 * result is an integer beyond ±2^53 that fits int64 or uint64: then *ret_mag / *ret_neg hold it, and it is sent as a text (docs/mqtt.md). */
double decimal_apply_int(bool neg, uint64_t mag, struct decimal scale, struct decimal offset, struct decimal factor,
                         bool *ret_exact_int, bool *ret_neg, uint64_t *ret_mag);
/* The same for a floating raw: exact for whole numbers, else computed in long double. NaN and infinities come back as they are. */
double decimal_apply_float(double raw, struct decimal scale, struct decimal offset, struct decimal factor);

#endif
