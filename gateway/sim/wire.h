/* wire: a request's frame as it comes in over TCP, and what may be wrong with it. Pure. */
#ifndef FIREGW_GATEWAY_SIM_WIRE_H
#define FIREGW_GATEWAY_SIM_WIRE_H

#include <stddef.h>
#include <stdint.h>

#define WIRE_HEADER    7   /* transaction (2), protocol (2), length (2), unit (1) */
#define WIRE_FRAME_MAX 260
#define WIRE_READ      12  /* bytes of a read request: header, function, first, how many */

enum wire_scan {
	WIRE_MORE,    /* the frame is not whole yet */
	WIRE_REQUEST,
	WIRE_FOREIGN, /* a whole frame of another protocol: to be passed over */
	WIRE_GARBAGE, /* no frame begins so, and nothing says where the next one would */
};
/* Looks at the start of what came in; *ret_len is set for a whole frame. */
enum wire_scan wire_scan(const uint8_t *data, size_t len, size_t *ret_len);

/* What a whole request asks for. */
struct wire_request {
	uint8_t  unit, fc;
	uint16_t address, count; /* of functions 1 to 4 */
};
/* The exception that it deserves whatever the equipment has: 0 none, 1 illegal function (all but reading), 3 illegal data value. */
int wire_read(const uint8_t *frame, size_t len, struct wire_request *ret);

#endif
