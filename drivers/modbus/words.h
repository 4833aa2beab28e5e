/* words: a value's registers, first the one that the table names, and the value: how `order` has them stand. */
#ifndef FIREGW_DRIVERS_MODBUS_WORDS_H
#define FIREGW_DRIVERS_MODBUS_WORDS_H

#include "drivers/driver.h"

static inline bool swaps_bytes(enum register_order o)
{
	return o == ORDER_BADC || o == ORDER_DCBA;
}

static inline bool swaps_words(enum register_order o)
{
	return o == ORDER_CDAB || o == ORDER_DCBA;
}

static inline uint16_t swap_bytes(uint16_t w)
{
	return (uint16_t)(w << 8 | w >> 8);
}

/* One register as the number that it holds. */
static inline uint16_t word_of(uint16_t w, enum register_order order)
{
	return swaps_bytes(order) ? swap_bytes(w) : w;
}

static inline uint64_t join_words(const uint16_t *words, unsigned n, enum register_order order)
{
	uint64_t v = 0;

	for (unsigned i = 0; i < n; i++) {
		uint16_t w = words[swaps_words(order) ? n - 1 - i : i];

		v = v << 16 | (swaps_bytes(order) ? swap_bytes(w) : w);
	}
	return v;
}

static inline void split_words(uint64_t v, unsigned n, enum register_order order, uint16_t *words)
{
	for (unsigned i = n; i-- > 0; v >>= 16) {
		uint16_t w = (uint16_t)v;

		words[swaps_words(order) ? n - 1 - i : i] = swaps_bytes(order) ? swap_bytes(w) : w;
	}
}

#endif
