/* sim: a driver without a wire, whose values follow from a seed; the skeleton for writers of drivers (docs/writing-a-driver.md). */
#ifndef FIREGW_DRIVERS_SIM_SIM_H
#define FIREGW_DRIVERS_SIM_SIM_H

#include "drivers/driver.h"

extern const struct driver_ops sim_driver;

#endif
