#include "gateway/sim/wire.h"

#include <string.h>

#define LENGTH_AT  4
#define LENGTH_MIN 2 /* unit and function */
#define LENGTH_MAX (WIRE_FRAME_MAX - 6)
#define TCP_UNIT_AT 6
#define RTU_MIN    4   /* unit, function, CRC */
#define RTU_MAX    256
#define CRC_LENGTH 2
#define CRC_REVERSED_POLYNOMIAL 0xA001u /* Modbus over Serial Line V1.02, 6.2.2 */

#define REGISTERS_MAX 125
#define BITS_MAX      2000

static uint16_t get16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

static void put16(uint8_t *p, size_t value)
{
	p[0] = (uint8_t)(value >> 8);
	p[1] = (uint8_t)value;
}

size_t wire_unit_at(enum wire_kind kind)
{
	return kind == WIRE_TCP ? TCP_UNIT_AT : 0;
}

size_t wire_read_length(enum wire_kind kind)
{
	return kind == WIRE_TCP ? TCP_UNIT_AT + 6 : 6 + CRC_LENGTH;
}

size_t wire_reply_length(enum wire_kind kind)
{
	return kind == WIRE_TCP ? TCP_UNIT_AT + 3 : 3 + CRC_LENGTH;
}

uint16_t wire_crc(const uint8_t *data, size_t len)
{
	unsigned crc = 0xFFFF;

	for (size_t i = 0; i < len; i++) {
		crc ^= data[i];
		for (int bit = 0; bit < 8; bit++)
			crc = crc & 1 ? crc >> 1 ^ CRC_REVERSED_POLYNOMIAL : crc >> 1;
	}
	return (uint16_t)crc;
}

void wire_seal(enum wire_kind kind, uint8_t *frame, size_t len)
{
	if (kind == WIRE_TCP) {
		put16(frame + LENGTH_AT, len - LENGTH_AT - 2);
		return;
	}
	uint16_t crc = wire_crc(frame, len - CRC_LENGTH);
	frame[len - 2] = (uint8_t)crc;
	frame[len - 1] = (uint8_t)(crc >> 8);
}

static enum wire_scan scan_tcp(const uint8_t *data, size_t len, size_t *ret_len)
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

static bool crc_fits(const uint8_t *data, size_t len)
{
	uint16_t crc = wire_crc(data, len - CRC_LENGTH);

	return len >= RTU_MIN && len <= RTU_MAX && data[len - 2] == (crc & 0xff) && data[len - 1] == crc >> 8;
}

/* How long a request that begins so must be; 0: its function does not say, or not yet. */
static size_t request_length(const uint8_t *data, size_t len)
{
	if (len < 2)
		return 0;
	switch (data[1]) {
	case 1: case 2: case 3: case 4: case 5: case 6: case 8: return 8;
	case 7: case 11: case 12: case 17: return 4;
	case 15: case 16: return len > 6 ? 9u + data[6] : 0;
	case 22: return 10;
	case 23: return len > 10 ? 13u + data[10] : 0;
	case 24: return 6;
	default: return 0;
	}
}

/* A frame that follows another without a silence (over a network) is told by its length; one of an unknown function by the silence alone. */
static enum wire_scan scan_rtu(const uint8_t *data, size_t len, bool quiet, size_t *ret_len)
{
	size_t n = request_length(data, len);

	if (n && len >= n && crc_fits(data, n)) {
		*ret_len = n;
		return WIRE_REQUEST;
	}
	if (len == 0 || !quiet)
		return WIRE_MORE;
	*ret_len = len;
	return len >= RTU_MIN && crc_fits(data, len) ? WIRE_REQUEST : WIRE_GARBAGE;
}

enum wire_scan wire_scan(enum wire_kind kind, const uint8_t *data, size_t len, bool quiet, size_t *ret_len)
{
	return kind == WIRE_TCP ? scan_tcp(data, len, ret_len) : scan_rtu(data, len, quiet, ret_len);
}

size_t wire_ask(enum wire_kind kind, uint16_t number, uint8_t unit, uint8_t fc, uint16_t address, uint16_t count, uint8_t *ret)
{
	size_t len = wire_read_length(kind);
	uint8_t *p = ret + wire_unit_at(kind);

	memset(ret, 0, len);
	if (kind == WIRE_TCP)
		put16(ret, number);
	p[0] = unit;
	p[1] = fc;
	put16(p + 2, address);
	put16(p + 4, count);
	wire_seal(kind, ret, len);
	return len;
}

int wire_read(enum wire_kind kind, const uint8_t *frame, size_t len, struct wire_request *ret)
{
	const uint8_t *p = frame + wire_unit_at(kind);

	*ret = (struct wire_request){ .unit = p[0], .fc = p[1] };
	if (ret->fc < 1 || ret->fc > 4)
		return 1;
	if (len != wire_read_length(kind))
		return 3;
	ret->address = get16(p + 2);
	ret->count = get16(p + 4);
	bool fits = ret->count >= 1 && ret->count <= (ret->fc <= 2 ? BITS_MAX : REGISTERS_MAX);

	return fits ? 0 : 3;
}
