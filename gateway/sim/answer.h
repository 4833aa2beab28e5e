/* answer: a whole request in, the reply's bytes out; made by libmodbus (modbus_reply), which talks to a socketpair and never to a line. It is the only
 * user of libmodbus here. Reading only: the tables that libmodbus is given are ours, and no function but 1 to 4 ever reaches it. */
#ifndef FIREGW_GATEWAY_SIM_ANSWER_H
#define FIREGW_GATEWAY_SIM_ANSWER_H

#include "gateway/sim/bank.h"
#include "gateway/sim/wire.h"

struct answerer;

/* Make it before many descriptors are open: libmodbus ends at 1,023. NULL on failure. */
struct answerer *answerer_new(struct err *reterr);
void             answerer_free(struct answerer *a); /* accepts NULL */

/* The reply to a whole request (wire_scan) of at most WIRE_FRAME_MAX bytes, as the line's and the device's faults leave it. ret->len 0: no reply. What is
 * not described is answered with illegal data address, what is no reading with illegal function, a unit that is not there as a gateway answers for a silent
 * one (11), and on a serial line not at all. */
void answerer_reply(struct answerer *a, const struct bank_server *s, const uint8_t *frame, size_t len, struct out *ret);
/* The same without any fault. */
void answerer_plain(struct answerer *a, const struct bank_server *s, const uint8_t *frame, size_t len, struct out *ret);

#endif
