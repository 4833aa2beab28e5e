#include "drivers/driver.h"
#include "drivers/modbus/codec.h"
#include "drivers/modbus/modbus.h"
#include "drivers/modbus/serial.h"
#include "drivers/shared.h"
#include "drivers/sim/sim.h"

#include <stdlib.h>

struct driver_shared *driver_shared_new(struct err *reterr)
{
	struct driver_shared *shared = calloc(1, sizeof *shared);

	if (!shared) {
		(void)err_set(reterr, ERR_NO_MEMORY, "drivers: no memory");
		return NULL;
	}
	shared->modbus = codec_new(reterr);
	if (!shared->modbus) {
		free(shared);
		return NULL;
	}
	return shared;
}

void driver_shared_free(struct driver_shared *shared)
{
	if (!shared)
		return;
	codec_free(shared->modbus);
	free(shared);
}

bool driver_knows_baud(uint32_t baud)
{
	return serial_knows_baud(baud);
}

const struct driver_ops *driver_find(enum bus_transport transport)
{
	switch (transport) {
	case BUS_TCP: case BUS_RTU: case BUS_RTU_TCP: return &modbus_driver;
	case BUS_SIM: return &sim_driver;
	}
	return NULL;
}
