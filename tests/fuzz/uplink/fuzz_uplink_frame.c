/* Any bytes as a stream of frames: refused, or decoded to what encodes to the same bytes again. */
#include "gateway/uplink/frame.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static unsigned char again[FRAME_MAX_BYTES];
	struct frame f;
	struct err e;
	size_t len;

	while (frame_whole(data, size, &len, &e) == 1) {
		if (frame_decode(data, len, &f, &e) < 0)
			return 0;
		if (frame_size(&f) != len || frame_encode(&f, again, sizeof again) != len || memcmp(data, again, len) != 0)
			abort();
		data += len;
		size -= len;
	}
	return 0;
}
