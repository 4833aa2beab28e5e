/* serial: a serial port, opened and set up by libmodbus (kernel RS-485 included), whose descriptor the line then drives itself. */
#ifndef FIREGW_DRIVERS_MODBUS_SERIAL_H
#define FIREGW_DRIVERS_MODBUS_SERIAL_H

#include "drivers/driver.h"

struct serial;

/* Whether the library can set this rate: it would silently take 9,600 for one that it does not know. */
bool serial_knows_baud(uint32_t baud);
/* Takes the memory. NULL on failure. The config is borrowed. */
struct serial *serial_new(const struct bus_config *c, struct err *reterr);
void           serial_free(struct serial *s); /* closes; accepts NULL */
/* Opens without waiting and without memory; the descriptor never blocks, and a read without data is EAGAIN. It, or -1: ERR_IO, in words that say what to do. */
int  serial_open(struct serial *s, struct err *reterr);
/* Throws away what was not sent yet (else the kernel waits for it) and closes. */
void serial_close(struct serial *s);
/* One character on the line: start, data, parity and stop bits. */
int64_t serial_character_ns(const struct bus_config *c);
/* 3.5 characters, and 1.75 ms above 19,200 baud: Modbus over Serial Line V1.02, 2.5.1.1. */
int64_t serial_silence_ns(const struct bus_config *c);

#endif
