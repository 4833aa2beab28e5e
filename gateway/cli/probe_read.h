/* probe_read: registers as everything that they could be. Pure; decoding itself is the driver's (drivers/modbus/decode.h). */
#ifndef FIREGW_GATEWAY_CLI_PROBE_READ_H
#define FIREGW_GATEWAY_CLI_PROBE_READ_H

#include "drivers/driver.h"

/* What was read: n registers (fc 3, 4) or bits (fc 1, 2) from `address` on. */
struct probe_block {
	uint8_t         fc;
	uint16_t        address;
	const uint16_t *values;
	size_t          n;
};

/* One way to read the registers from one on. */
struct probe_reading {
	enum register_type  type;
	enum register_order order;
	bool                is_number; /* false: no such float, or a digit above 9 */
	bool                plausible; /* what a measuring device would say, see probe_plausible */
	double              number;    /* NaN if it is none */
	char                text[32];  /* as people read it; an integer is exact. "" if it is none */
};

/* How many registers a reading of this type takes; not for strings. */
size_t probe_type_registers(enum register_type type);
const char *probe_type_name(enum register_type type);
const char *probe_order_name(enum register_order order);
/* Floats: 0, or of a magnitude from 1e-6 to 1e9. Integers of 32 bits: up to 1e8, or a time in seconds of 2020 to 2035;
 * of 64 bits: up to 1e15. All others. */
bool probe_plausible(enum register_type type, double number);
/* words: as many as the type takes. Not for strings and bool. */
void probe_read(const uint16_t *words, enum register_type type, enum register_order order, struct probe_reading *ret);

/* How many registers from words[0] on hold text: two printable ASCII characters each, or one and the end (NUL) in the last. 0: none. */
size_t probe_text_run(const uint16_t *words, size_t n, enum register_order order);
/* That text; buf holds VALUE_TEXT_MAX bytes, n is at most 125. Returns buf. */
char  *probe_text(const uint16_t *words, size_t n, enum register_order order, char *buf);

/* "40001": Modicon's notation, of six digits from the ten-thousandth on. buf holds 8 bytes; returns buf. */
char *probe_modicon(uint8_t fc, uint32_t address, char buf[8]);
/* "holding registers". Static. */
const char *probe_fc_name(uint8_t fc);

#endif
