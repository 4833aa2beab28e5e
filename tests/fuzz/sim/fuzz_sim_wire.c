/* What a client may send: each frame lies within the bytes that came, and each request is answered within a frame, from a house of one block. */
#include "gateway/sim/answer.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct answerer *answerer;
	uint16_t words[130] = { 0 };
	uint8_t bits[2100] = { 0 }, reply[WIRE_FRAME_MAX];
	struct bank_block block[2] = { { .address = 3, .count = 130, .words = words }, { .address = 3, .count = 2100, .bits = bits } };
	struct bank_unit unit = { .unit = 1, .blocks = { &block[1], &block[1], &block[0], &block[0] }, .n_blocks = { 1, 1, 1, 1 },
		.trouble = size % 3 == 2 ? TROUBLE_LYING : TROUBLE_NONE };
	struct bank_server server = { .units = &unit, .n_units = 1 };
	size_t len;
	enum wire_scan scan;

	if (!answerer && !(answerer = answerer_new(NULL)))
		abort();
	while ((scan = wire_scan(data, size, &len)) == WIRE_REQUEST || scan == WIRE_FOREIGN) {
		if (len > size || len < WIRE_HEADER + 1 || len > WIRE_FRAME_MAX)
			abort();
		size_t n = scan == WIRE_REQUEST ? answerer_reply(answerer, &server, data, len, reply) : 0;
		if (scan == WIRE_REQUEST && (n < 9 - (unit.trouble == TROUBLE_LYING) || n > WIRE_FRAME_MAX || reply[0] != data[0]))
			abort();
		data += len;
		size -= len;
	}
	return 0;
}
