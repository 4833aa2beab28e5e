/* modbus: the driver of Modbus lines. */
#ifndef FIREGW_DRIVERS_MODBUS_MODBUS_H
#define FIREGW_DRIVERS_MODBUS_MODBUS_H

#include "drivers/driver.h"

extern const struct driver_ops modbus_driver;

#endif
