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
	static const struct framing *const framings[] = { &framing_tcp, &framing_rtu };
	size_t len = 0, at = 0;

	if (!codec && !(codec = codec_new(NULL)))
		abort();
	if (size < 1)
		return 0;
	struct codec_read rd = { .unit = 1, .fc = (uint8_t)(1 + (data[0] & 3)), .count = (uint16_t)(1 + data[0] / 4) };
	struct framing_expect expect = { .read = &rd, .id = 5, .sent = 3 };
	data++;
	size--;
	for (size_t i = 0; i < 2; i++)
		if (framings[i]->scan(data, size, &rd, &at, &len) == SCAN_WHOLE) {
			if (at + len > size || len > CODEC_FRAME_MAX)
				abort();
			(void)framings[i]->match(data + at, len, &expect);
		}
	(void)framing_rtu_is_broken(data, size, &rd);
	(void)framing_rtu_is_half(data, size, &rd);
	/* The codec must also stand what the match would have kept from it. */
	len = size < sizeof frame ? size : sizeof frame;
	memcpy(frame, data, len);
	(void)codec_decode_tcp(codec, &rd, frame, len, values);
	(void)codec_decode_rtu(codec, &rd, frame, len, values);
	return 0;
}
