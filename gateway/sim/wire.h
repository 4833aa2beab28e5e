/* wire: a request's frame as it comes in, over TCP or dressed for a serial line (RTU), and what may be wrong with it. Pure. Written apart from the driver's
 * framing, so that what is wrong in the one shows at the other. */
#ifndef FIREGW_GATEWAY_SIM_WIRE_H
#define FIREGW_GATEWAY_SIM_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum wire_kind {
	WIRE_TCP, /* transaction (2), protocol (2), length (2), unit, function, data */
	WIRE_RTU, /* unit, function, data, CRC-16 (2, low byte first); silence around it */
};

#define WIRE_FRAME_MAX 260 /* of either kind; an RTU frame has at most 256 */

enum wire_scan {
	WIRE_MORE,    /* the frame is not whole yet */
	WIRE_REQUEST,
	WIRE_FOREIGN, /* a whole frame of another protocol: to be passed over */
	WIRE_GARBAGE, /* no frame begins so. TCP: and nothing says where the next one would; RTU: *ret_len bytes of it, then comes the next */
};
/* Looks at the start of what came in; *ret_len is set for a whole frame. `quiet`: the line has been silent since for longer than within a frame. */
enum wire_scan wire_scan(enum wire_kind kind, const uint8_t *data, size_t len, bool quiet, size_t *ret_len);

/* Where the unit stands in a frame; the function and the data follow. */
size_t   wire_unit_at(enum wire_kind kind);
/* Bytes of a read request, and of a reply to one without its data (byte count included). */
size_t   wire_read_length(enum wire_kind kind);
size_t   wire_reply_length(enum wire_kind kind);
/* Puts in what a changed frame must have: its length (TCP, unless it is too long to be said) or its checksum. */
void     wire_seal(enum wire_kind kind, uint8_t *frame, size_t len);
uint16_t wire_crc(const uint8_t *data, size_t len);
/* A request to read, into `ret` of WIRE_FRAME_MAX; its length. `number`: TCP only. */
size_t   wire_ask(enum wire_kind kind, uint16_t number, uint8_t unit, uint8_t fc, uint16_t address, uint16_t count, uint8_t *ret);

/* What a whole request asks for. */
struct wire_request {
	uint8_t  unit, fc;
	uint16_t address, count; /* of functions 1 to 4 */
};
/* The exception that it deserves whatever the equipment has: 0 none, 1 illegal function (all but reading), 3 illegal data value. */
int wire_read(enum wire_kind kind, const uint8_t *frame, size_t len, struct wire_request *ret);

#endif
