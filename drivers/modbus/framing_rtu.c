/* An RTU frame: unit (1), function (1), data, CRC (2, low byte first); at most 256 bytes, with 3.5 characters of silence around it. The silence is not to be seen behind a
 * network or a USB adapter, so a frame is found by what it must be: the shape of a reply (or of another master's request) with a checksum that fits. Modbus over Serial Line
 * V1.02, 2.5.1. */
#include "drivers/modbus/framing.h"

#include <string.h>

#define FRAME_MAX   256
#define REQUEST_LEN 8
#define EXCEPTION_LEN 5
#define CRC_LEN     2
#define POLYNOMIAL  0xA001u

uint16_t framing_rtu_crc(const uint8_t *data, size_t len)
{
	/* The remainders of one nibble. */
	static const uint16_t of[16] = { 0x0000, 0xCC01, 0xD801, 0x1400, 0xF001, 0x3C00, 0x2800, 0xE401, 0xA001, 0x6C00, 0x7800, 0xB401, 0x5000, 0x9C01, 0x8801, 0x4400 };
	uint16_t crc = 0xFFFF;

	_Static_assert(POLYNOMIAL == 0xA001u, "the table is of this polynomial");
	for (size_t i = 0; i < len; i++) {
		crc = (uint16_t)(crc ^ data[i]);
		crc = (uint16_t)(crc >> 4 ^ of[crc & 15]);
		crc = (uint16_t)(crc >> 4 ^ of[crc & 15]);
	}
	return crc;
}

static bool crc_fits(const uint8_t *f, size_t len)
{
	uint16_t crc = framing_rtu_crc(f, len - CRC_LEN);

	return f[len - 2] == (crc & 0xff) && f[len - 1] == crc >> 8;
}

/* How long a reply that begins so is; 0: none that we would read begins so, or not enough of it is there to tell. */
static size_t reply_shape(const uint8_t *f, size_t len)
{
	if (len < 2)
		return 0;
	if (f[1] & 0x80)
		return EXCEPTION_LEN;
	if (len < 3 || f[1] < 1 || f[1] > 4 || f[2] == 0 || 3u + f[2] + CRC_LEN > FRAME_MAX)
		return 0;
	return 3u + f[2] + CRC_LEN;
}

static size_t whole_reply(const uint8_t *f, size_t len)
{
	size_t n = reply_shape(f, len);

	return n && n <= len && crc_fits(f, n) ? n : 0;
}

/* Reads and single writes all have this length. */
static bool is_request(const uint8_t *f, size_t len)
{
	return len >= REQUEST_LEN && f[1] >= 1 && f[1] <= 6 && crc_fits(f, REQUEST_LEN);
}

size_t framing_rtu_reply_length(const struct codec_read *rd)
{
	return 3 + (rd->fc <= 2 ? (rd->count + 7u) / 8u : rd->count * 2u) + CRC_LEN;
}

static bool begins_like(const uint8_t *f, size_t len, const struct codec_read *rd)
{
	if (f[0] != rd->unit)
		return false;
	if (len < 2 || f[1] == (rd->fc | 0x80))
		return true;
	return f[1] == rd->fc && (len < 3 || f[2] == framing_rtu_reply_length(rd) - 3 - CRC_LEN);
}

static size_t expected_length(const uint8_t *f, size_t len, const struct codec_read *rd)
{
	return len >= 2 && f[1] & 0x80 ? EXCEPTION_LEN : framing_rtu_reply_length(rd);
}

bool framing_rtu_is_broken(const uint8_t *data, size_t len, const struct codec_read *rd)
{
	return len >= EXCEPTION_LEN && begins_like(data, len, rd) && len >= expected_length(data, len, rd);
}

bool framing_rtu_is_half(const uint8_t *data, size_t len, const struct codec_read *rd)
{
	return len > 0 && begins_like(data, len, rd) && len < expected_length(data, len, rd);
}

static enum framing_scan rtu_scan(const uint8_t *data, size_t len, const struct codec_read *read, size_t *ret_at, size_t *ret_len)
{
	*ret_at = 0;
	*ret_len = whole_reply(data, len);
	if (!*ret_len && is_request(data, len))
		*ret_len = REQUEST_LEN;
	if (*ret_len)
		return SCAN_WHOLE;
	/* Another master's request must not be passed over: the answer to it looks like one to ours. */
	for (size_t i = 1; read && i + EXCEPTION_LEN <= len; i++) {
		*ret_at = i;
		*ret_len = is_request(data + i, len - i) ? REQUEST_LEN : begins_like(data + i, len - i, read) ? whole_reply(data + i, len - i) : 0;
		if (*ret_len)
			return SCAN_WHOLE;
	}
	return SCAN_MORE;
}

static bool is_reply_to(const uint8_t *f, size_t len, const struct codec_read *rd)
{
	return begins_like(f, len, rd) && len == expected_length(f, len, rd);
}

static enum framing_match rtu_match(const uint8_t *frame, size_t len, const struct framing_expect *expect)
{
	/* An adapter that hears itself: never an answer, though it may have the shape of one. */
	if (len == expect->request_len && memcmp(frame, expect->request, len) == 0)
		return MATCH_ECHO;
	if (expect->read && is_reply_to(frame, len, expect->read))
		return MATCH_ANSWER;
	return reply_shape(frame, len) == len ? MATCH_WRONG : MATCH_REQUEST;
}

static int rtu_encode(struct modbus_codec *c, const struct codec_read *rd, uint8_t *ret_frame, struct err *reterr)
{
	return codec_encode_rtu(c, rd, ret_frame, reterr) < 0 ? -1 : REQUEST_LEN;
}

static void rtu_number(uint8_t *frame, uint16_t id)
{
	(void)frame;
	(void)id;
}

const struct framing framing_rtu = {
	.name = "rtu",
	.encode = rtu_encode,
	.number = rtu_number,
	.scan = rtu_scan,
	.match = rtu_match,
	.decode = codec_decode_rtu,
};
