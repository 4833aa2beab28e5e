#include "gateway/sim/wire.h"

#include <stdbool.h>

#define LENGTH_AT  4
#define LENGTH_MIN 2 /* unit and function */
#define LENGTH_MAX (WIRE_FRAME_MAX - 6)

#define REGISTERS_MAX 125
#define BITS_MAX      2000

static uint16_t get16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

enum wire_scan wire_scan(const uint8_t *data, size_t len, size_t *ret_len)
{
	if (len < LENGTH_AT + 2)
		return WIRE_MORE;
	uint16_t length = get16(data + LENGTH_AT);
	if (length < LENGTH_MIN || length > LENGTH_MAX)
		return WIRE_GARBAGE;
	if (len < LENGTH_AT + 2u + length)
		return WIRE_MORE;
	*ret_len = LENGTH_AT + 2u + length;
	return get16(data + 2) == 0 ? WIRE_REQUEST : WIRE_FOREIGN;
}

int wire_read(const uint8_t *frame, size_t len, struct wire_request *ret)
{
	*ret = (struct wire_request){ .unit = frame[WIRE_HEADER - 1], .fc = frame[WIRE_HEADER] };
	if (ret->fc < 1 || ret->fc > 4)
		return 1;
	if (len != WIRE_READ)
		return 3;
	ret->address = get16(frame + WIRE_HEADER + 1);
	ret->count = get16(frame + WIRE_HEADER + 3);
	bool fits = ret->count >= 1 && ret->count <= (ret->fc <= 2 ? BITS_MAX : REGISTERS_MAX);

	return fits ? 0 : 3;
}
