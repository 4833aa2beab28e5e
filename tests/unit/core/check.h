/* check: what the tests of core share: cmocka's headers and a random source whose seed is printed. */
#ifndef FIREGW_TESTS_UNIT_CORE_CHECK_H
#define FIREGW_TESTS_UNIT_CORE_CHECK_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))

/* FIREGW_SEED of the environment, else the clock; printed, so that a failure can be had again. */
static inline uint64_t random_seed(void)
{
	const char *given = getenv("FIREGW_SEED");
	uint64_t seed = given ? strtoull(given, NULL, 0) : (uint64_t)time(NULL);

	print_message("FIREGW_SEED=%llu\n", (unsigned long long)seed);
	return seed;
}

static inline uint64_t random_next(uint64_t *state)
{
	/* A Weyl sequence, mixed. */
	uint64_t x = *state += UINT64_C(0x9e3779b97f4a7c15);

	x = (x ^ (x >> 32)) * UINT64_C(0xd6e8feb86659fd93);
	x = (x ^ (x >> 32)) * UINT64_C(0xd6e8feb86659fd93);
	return x ^ (x >> 32);
}

/* Of any length up to 64 bits, so that small numbers come as often as large ones. */
static inline uint64_t random_length(uint64_t *state)
{
	unsigned bits = (unsigned)(random_next(state) % 65);

	return bits == 0 ? 0 : random_next(state) >> (64 - bits);
}

#endif
