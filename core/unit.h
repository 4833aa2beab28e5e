/* unit: units of measurement, which quantity each belongs to, and how one becomes the kind's own. */
#ifndef FIREGW_CORE_UNIT_H
#define FIREGW_CORE_UNIT_H

#include "core/decimal.h"

/* value in `to` = (value in `from`) × factor + offset; offset in `to`. The same as (value in `from` + before) × factor, which is the shape of
 * decimal_apply_int: (raw × scale + (its offset + before)) × factor. A factor or offset that is no finite decimal (°F → °C: 5/9) has 18 places or
 * as many digits as fit an int64, whatever is less; of the two forms the one with `before` is then exact up to the factor. */
struct unit_conversion {
	struct decimal factor;
	struct decimal offset;
	struct decimal before; /* in `from` */
};

/* Conversion between two unit texts as users write them (case as in SI; "℃" and "°C" are one; "" is no unit). 0; or -1 if either is unknown
 * or they are of different quantities. Equal units give factor 1, offset 0. */
int unit_convert(const char *from, const char *to, struct unit_conversion *ret);
/* Whether the text is a unit that is known. */
int unit_known(const char *text);
/* The known units of the quantity that `unit` belongs to, as "MPa, kPa, bar", for error messages. Static; "" if unknown. */
const char *unit_siblings(const char *unit);

#endif
