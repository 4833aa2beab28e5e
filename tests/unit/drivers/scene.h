/* scene: what the tests of a bus have in common: units with points, and what must hold of their samples. Asserts with cmocka. */
#ifndef FIREGW_TESTS_DRIVERS_SCENE_H
#define FIREGW_TESTS_DRIVERS_SCENE_H

#include "harness.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

#define S CLOCK_NS_PER_S
#define MS CLOCK_NS_PER_MS

/* A good value must be what stood in the register when this poll's request was read: high word who, low word when. */
void check_value(struct harness *h, const struct bus_point *p, const struct sample *s);
/* Two blocks of registers (the gap is too wide), one of bits, and a slower group. */
void add_unit(struct harness *h, uint8_t unit);
/* Points of one group have been polled together, so they have as many samples; and the polls were as many as there was time for. */
void check_counts(struct harness *h, int64_t lasted_ns);
/* All points are good again since then. */
void check_recovered(struct harness *h, int64_t since_ns);

#endif
