/* plain: a bus's URL and a register as the config takes them, for a command line. */
#ifndef FIREGW_GATEWAY_CONFIG_PLAIN_H
#define FIREGW_GATEWAY_CONFIG_PLAIN_H

#include "core/err.h"
#include "drivers/driver.h"

#define PLAIN_TEXT_MAX 1024

/* A field line; `bus` leads into the other two, so it is not to be copied. */
struct plain_line {
	struct bus_config bus;
	char              host[PLAIN_TEXT_MAX], path[PLAIN_TEXT_MAX];
};

/* tcp://host:502 and the like, as a bus's `url`. 0; ERR_INVALID, with the cure. */
int plain_line(const char *text, struct plain_line *ret, struct err *reterr);
/* A register as in a point table: with *fc 1 … 4 the protocol's own address from 0, with 0 Modicon's notation, which sets it. 0; ERR_INVALID. */
int plain_register(const char *text, uint8_t *fc, uint16_t *ret_address, struct err *reterr);

#endif
