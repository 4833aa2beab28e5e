/* decode: from raw registers to a value (docs/points.md). Pure; a bad value is a quality, never an error. */
#ifndef FIREGW_DRIVERS_MODBUS_DECODE_H
#define FIREGW_DRIVERS_MODBUS_DECODE_H

#include "core/err.h"
#include "core/point.h"
#include "drivers/driver.h"

#define DECODE_DECIMALS_MAX 9

/* How many registers (fc 3, 4) or bits (fc 1, 2) a point takes: 1 … 125. */
uint16_t decode_count(const struct bus_point *p);

/* Whether the point's type, order, bits, scale and decimals go together. 0, or -1 and why not, with the cure. */
int decode_check(const struct bus_point *p, struct err *reterr);

/* The value that stands in `words` (decode_count of them; a bit is 0 or 1). `decimals`: what stands in the register decimals_from; looked at only if
 * the point has one. `text` holds VALUE_TEXT_MAX bytes and may be led into by ret->text. *ret is set when the quality is good, else it is NaN. */
enum quality decode_value(const struct bus_point *p, const uint16_t *words, uint16_t decimals, char *text, struct value *ret);

#endif
