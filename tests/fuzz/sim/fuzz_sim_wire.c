/* What a client may send, over TCP or on a serial line: each frame lies within the bytes that came, and each request is answered within a frame, from a house
 * of one block, with or without a fault. */
#include "gateway/sim/answer.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The first byte says which line and which fault. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct answerer *answerer;
	static struct out out;
	uint16_t words[130] = { 0 };
	uint8_t bits[2100] = { 0 };
	struct bank_block block[2] = { { .address = 3, .count = 130, .words = words }, { .address = 3, .count = 2100, .bits = bits } };
	uint8_t how = size ? data[0] : 0;
	struct fault fault = { .kind = (enum fault_kind)((how >> 2) % FAULT_COUNT), .chance = 0.9, .by_ns = 1, .code = 6, .last = 65535, .seed = size };
	struct bank_unit unit = { .unit = 1, .blocks = { &block[1], &block[1], &block[0], &block[0] }, .n_blocks = { 1, 1, 1, 1 }, .faults = { &fault }, .n_faults = 1 };
	struct bank_server server = { .wire = how & 1 ? WIRE_RTU : WIRE_TCP, .units = &unit, .n_units = 1 };
	size_t len;
	enum wire_scan scan;

	if (!answerer && !(answerer = answerer_new(NULL)))
		abort();
	data += size ? 1 : 0;
	size -= size ? 1 : 0;
	while ((scan = wire_scan(server.wire, data, size, how & 2, &len)) != WIRE_MORE && (scan != WIRE_GARBAGE || server.wire == WIRE_RTU)) {
		size_t most = WIRE_FRAME_MAX;

		if (len > size || len == 0 || (scan != WIRE_GARBAGE && len > most))
			abort();
		if (scan == WIRE_REQUEST) {
			answerer_plain(answerer, &server, data, len, &out);
			if (out.len > most || (out.len && out.bytes[0] != data[0]) || (server.wire == WIRE_TCP && out.len < wire_reply_length(WIRE_TCP)))
				abort();
			answerer_reply(answerer, &server, data, len, &out);
			if (out.len > sizeof out.bytes)
				abort();
		}
		data += len;
		size -= len;
	}
	return 0;
}
