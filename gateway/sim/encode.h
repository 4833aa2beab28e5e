/* encode: from a value to the registers that show it, drivers/modbus/decode.c backwards. Pure. */
#ifndef FIREGW_GATEWAY_SIM_ENCODE_H
#define FIREGW_GATEWAY_SIM_ENCODE_H

#include "drivers/driver.h"

/* Writes the raw value whose decoded value is nearest to `value` (in the kind's unit) into `words` (decode_count of them; a bit is 0 or 1). Bits of
 * the registers that are not the point's stay as they are. `decimals`: what stands in the register decimals_from. A raw value that the table calls
 * invalid is never written: its neighbour is. False: the type cannot hold it, and the nearest that it can hold was written. NaN is written as 0. */
bool encode_value(const struct bus_point *p, double value, unsigned decimals, uint16_t *words);
/* The same for strings: cut to the point's bytes, padded with NUL. */
void encode_text(const struct bus_point *p, const char *text, uint16_t *words);

#endif
