/* house: the site that the simulator's tests share, and what is read of it as the daemon would read it. */
#ifndef FIREGW_TESTS_SIM_HOUSE_H
#define FIREGW_TESTS_SIM_HOUSE_H

#include "gateway/sim/world.h"

#define HOUSE_SITE "tests/unit/sim/site/site.yaml"

struct config *house_config(const char *path);        /* a failed test if it has errors */
uint32_t       house_point(const struct world *w, const char *id);
/* The value as the driver decodes it from the registers; NaN: not good. */
double         house_read(const struct world *w, const char *id);
double         house_read_at(const struct world *w, uint32_t point);

#endif
