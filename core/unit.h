/* unit: units of measurement, which quantity each belongs to, and how one becomes the kind's own. */
#ifndef FIREGW_CORE_UNIT_H
#define FIREGW_CORE_UNIT_H

#include "core/decimal.h"

/* value in `to` = (value in `from`) × factor + offset; offset in `to`. */
struct unit_conversion {
	struct decimal factor;
	struct decimal offset;
};

/* Conversion between two unit texts as users write them (case as in SI; "℃" and "°C" are one; "" is no unit). 0; or -1 if either is unknown
 * or they are of different quantities. Equal units give factor 1, offset 0. */
int unit_convert(const char *from, const char *to, struct unit_conversion *ret);
/* Whether the text is a unit that is known. */
int unit_known(const char *text);
/* The known units of the quantity that `unit` belongs to, as "MPa, kPa, bar", for error messages. Static; "" if unknown. */
const char *unit_siblings(const char *unit);

#endif
