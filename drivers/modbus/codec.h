/* codec: the one caller of libmodbus. It encodes read requests and checks and decodes whole replies; it never sees a line and never waits: the library
 * talks to a socketpair in which the answer already lies. One serves all lines of a thread. */
#ifndef FIREGW_DRIVERS_MODBUS_CODEC_H
#define FIREGW_DRIVERS_MODBUS_CODEC_H

#include "core/err.h"

#include <stddef.h>
#include <stdint.h>

#define CODEC_REQUEST_MAX   12   /* bytes of a read request with its framing */
#define CODEC_TCP_REQUEST   12
#define CODEC_RTU_REQUEST   8
#define CODEC_FRAME_MAX     260  /* bytes of the longest frame */
#define CODEC_REGISTERS_MAX 125
#define CODEC_BITS_MAX      2000

struct modbus_codec;

/* A read: unit, function (1 … 4), first register or bit, how many. */
struct codec_read {
	uint8_t  unit;
	uint8_t  fc;
	uint16_t address;
	uint16_t count;
};

/* NULL on failure: no memory, or descriptors are so many that the library could not take them (it ends at 1,023). */
struct modbus_codec *codec_new(struct err *reterr);
void                 codec_free(struct modbus_codec *c); /* accepts NULL */

/* The request as a TCP frame (transaction id 0, for the line to fill in); CODEC_REQUEST_MAX bytes. `rd` must be within the bounds above. 0, or -1. */
int codec_encode_tcp(struct modbus_codec *c, const struct codec_read *rd, uint8_t *ret_frame, struct err *reterr);

/* Decodes the reply to `rd`, a whole TCP frame that the line has already matched with it; its transaction id is overwritten. 0 and rd->count values
 * (a bit is 0 or 1) in `ret_values`; or the exception that the device answered (1 … 255); or -1: not a reply to this request. */
int codec_decode_tcp(struct modbus_codec *c, const struct codec_read *rd, uint8_t *frame, size_t len, uint16_t *ret_values);

/* The same as RTU frames, with address and checksum; the unit is 1 … 247. */
int codec_encode_rtu(struct modbus_codec *c, const struct codec_read *rd, uint8_t *ret_frame, struct err *reterr);
int codec_decode_rtu(struct modbus_codec *c, const struct codec_read *rd, uint8_t *frame, size_t len, uint16_t *ret_values);

/* "illegal data address" and the like, in the words of the Modbus specification. Static. */
const char *codec_exception_text(int exception);

#endif
