/* A TCP frame: transaction id (2), protocol id (2, zero), length (2, of what follows), unit (1), function (1), data. */
#include "drivers/modbus/framing.h"

#define HEADER     6
#define LENGTH_MIN 2   /* unit and function */
#define LENGTH_MAX (CODEC_FRAME_MAX - HEADER)

static uint16_t get16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

static int tcp_encode(struct modbus_codec *c, const struct codec_read *rd, uint8_t *ret_frame, struct err *reterr)
{
	return codec_encode_tcp(c, rd, ret_frame, reterr) < 0 ? -1 : CODEC_REQUEST_MAX;
}

static void tcp_number(uint8_t *frame, uint16_t id)
{
	frame[0] = (uint8_t)(id >> 8);
	frame[1] = (uint8_t)id;
}

/* A wrong protocol id with a sane length is skipped as a frame (the match refuses it); a length that no frame can have leaves no way to find the next. */
static enum framing_scan tcp_scan(const uint8_t *data, size_t len, const struct codec_read *read, size_t *ret_at, size_t *ret_len)
{
	(void)read;
	*ret_at = 0;
	if (len < HEADER)
		return SCAN_MORE;
	uint16_t length = get16(data + 4);
	if (length < LENGTH_MIN || length > LENGTH_MAX)
		return SCAN_GARBAGE;
	if (len < HEADER + (size_t)length)
		return SCAN_MORE;
	*ret_len = HEADER + (size_t)length;
	return SCAN_WHOLE;
}

/* The data that a reply of this function must carry, byte count included. */
static size_t reply_length(const struct codec_read *rd)
{
	return 9 + (rd->fc <= 2 ? (rd->count + 7u) / 8u : rd->count * 2u);
}

static bool is_reply_to(const uint8_t *frame, size_t len, const struct codec_read *rd)
{
	if (frame[6] != rd->unit)
		return false;
	if (frame[7] == (rd->fc | 0x80))
		return len == 9;
	return frame[7] == rd->fc && len == reply_length(rd) && frame[8] == len - 9;
}

static enum framing_match tcp_match(const uint8_t *frame, size_t len, const struct framing_expect *expect)
{
	uint16_t age = (uint16_t)(expect->id - get16(frame)); /* 0: the newest request's */
	uint8_t fc = frame[7] & 0x7f;

	if (get16(frame + 2) != 0)
		return MATCH_WRONG;
	if (age == 0 && expect->read)
		return is_reply_to(frame, len, expect->read) ? MATCH_ANSWER : MATCH_WRONG;
	return age < expect->sent && fc >= 1 && fc <= 4 ? MATCH_LATE : MATCH_WRONG;
}

const struct framing framing_tcp = {
	.name = "tcp",
	.numbered = true,
	.encode = tcp_encode,
	.number = tcp_number,
	.scan = tcp_scan,
	.match = tcp_match,
	.decode = codec_decode_tcp,
};
