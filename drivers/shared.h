/* shared: what driver_shared holds; for the drivers only. */
#ifndef FIREGW_DRIVERS_SHARED_H
#define FIREGW_DRIVERS_SHARED_H

struct modbus_codec;

struct driver_shared {
	struct modbus_codec *modbus;
};

#endif
