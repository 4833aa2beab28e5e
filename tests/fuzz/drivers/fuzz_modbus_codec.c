/* Any bytes as a frame: scan, match and libmodbus behind the codec. The first byte chooses the request. */
#include "drivers/modbus/framing.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct modbus_codec *codec;
	static uint16_t values[CODEC_BITS_MAX];
	uint8_t frame[CODEC_FRAME_MAX];
	size_t len = 0;

	if (!codec && !(codec = codec_new(NULL)))
		abort();
	if (size < 1)
		return 0;
	struct codec_read rd = { .unit = 1, .fc = (uint8_t)(1 + (data[0] & 3)), .count = (uint16_t)(1 + data[0] / 4) };
	struct framing_expect expect = { &rd, 5, 3 };
	data++;
	size--;
	if (framing_tcp.scan(data, size, &len) == SCAN_WHOLE) {
		if (len > size || len > CODEC_FRAME_MAX)
			abort();
		(void)framing_tcp.match(data, len, &expect);
	}
	/* The codec must also stand what the match would have kept from it. */
	len = size < sizeof frame ? size : sizeof frame;
	memcpy(frame, data, len);
	(void)codec_decode_tcp(codec, &rd, frame, len, values);
	return 0;
}
