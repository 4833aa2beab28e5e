#include "drivers/modbus/codec.h"

#include <assert.h>
#include <errno.h>
#include <modbus.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <unistd.h>

/* Only a stand-in: the library refuses units 248 to 254, which a TCP gateway may have. The true unit is put into the request afterwards, and the line
 * compares it in the reply, which the library does not do on TCP. */
#define STAND_IN_UNIT MODBUS_TCP_SLAVE

struct modbus_codec {
	modbus_t *ctx;
	int       library_end;  /* the library's socket */
	int       our_end;
	uint16_t  last_id;      /* the transaction id that the library used last; it starts at 0, counts every request, and 65535 is followed by 0 */
	uint8_t   bits[CODEC_BITS_MAX];
	uint16_t  registers[CODEC_BITS_MAX]; /* larger than any answer should be: the library once wrote past a smaller one */
};

static int open_pair(struct modbus_codec *c, struct err *reterr)
{
	int sv[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, sv) < 0)
		return err_set(reterr, ERR_IO, "modbus codec: socketpair: %s", strerror(errno));
	c->library_end = sv[0];
	c->our_end = sv[1];
	if (sv[0] >= FD_SETSIZE)
		return err_set(reterr, ERR_FULL, "modbus codec: descriptor %d is beyond what libmodbus can take (%d); make the codec at the start", sv[0],
		               FD_SETSIZE - 1);
	return 0;
}

struct modbus_codec *codec_new(struct err *reterr)
{
	struct modbus_codec *c = calloc(1, sizeof *c);

	if (!c) {
		(void)err_set(reterr, ERR_NO_MEMORY, "modbus codec: no memory");
		return NULL;
	}
	c->library_end = c->our_end = -1;
	if (open_pair(c, reterr) < 0)
		goto fail;
	/* The address is never connected to. */
	c->ctx = modbus_new_tcp("127.0.0.1", MODBUS_TCP_DEFAULT_PORT);
	if (!c->ctx) {
		(void)err_set(reterr, ERR_NO_MEMORY, "modbus codec: %s", modbus_strerror(errno));
		goto fail;
	}
	if (modbus_set_slave(c->ctx, STAND_IN_UNIT) < 0 || modbus_set_response_timeout(c->ctx, 0, 1) < 0 ||
	    modbus_set_byte_timeout(c->ctx, 0, 0) < 0 || modbus_set_error_recovery(c->ctx, MODBUS_ERROR_RECOVERY_NONE) < 0 ||
	    modbus_set_socket(c->ctx, c->library_end) < 0) {
		(void)err_set(reterr, ERR_IO, "modbus codec: %s", modbus_strerror(errno));
		goto fail;
	}
	return c;
fail:
	codec_free(c);
	return NULL;
}

void codec_free(struct modbus_codec *c)
{
	if (!c)
		return;
	if (c->ctx)
		modbus_free(c->ctx);
	if (c->library_end >= 0)
		close(c->library_end);
	if (c->our_end >= 0)
		close(c->our_end);
	free(c);
}

/* A short read has taken all there was: nobody else writes into the pair. */
static void drain(int fd)
{
	uint8_t waste[CODEC_FRAME_MAX * 2];

	while (recv(fd, waste, sizeof waste, MSG_DONTWAIT) == (ssize_t)sizeof waste)
		;
}

/* Calls the library once: it sends its request into the pair and reads what lies there. The count of values, or -1 and errno. */
static int call(struct modbus_codec *c, const struct codec_read *rd)
{
	c->last_id++;
	errno = 0;
	switch (rd->fc) {
	case MODBUS_FC_READ_COILS: return modbus_read_bits(c->ctx, rd->address, rd->count, c->bits);
	case MODBUS_FC_READ_DISCRETE_INPUTS: return modbus_read_input_bits(c->ctx, rd->address, rd->count, c->bits);
	case MODBUS_FC_READ_HOLDING_REGISTERS: return modbus_read_registers(c->ctx, rd->address, rd->count, c->registers);
	case MODBUS_FC_READ_INPUT_REGISTERS: return modbus_read_input_registers(c->ctx, rd->address, rd->count, c->registers);
	default: return -1;
	}
}

static bool in_bounds(const struct codec_read *rd)
{
	return rd->fc >= 1 && rd->fc <= 4 && rd->count >= 1 && rd->count <= (rd->fc <= 2 ? CODEC_BITS_MAX : CODEC_REGISTERS_MAX);
}

int codec_encode_tcp(struct modbus_codec *c, const struct codec_read *rd, uint8_t *ret_frame, struct err *reterr)
{
	uint8_t frame[CODEC_REQUEST_MAX];

	assert(in_bounds(rd));
	/* Nothing lies in the pair, so the call gives up after its microsecond, having sent the request. */
	(void)call(c, rd);
	ssize_t n = recv(c->our_end, frame, sizeof frame, MSG_DONTWAIT);
	drain(c->our_end);
	drain(c->library_end);
	if (n != CODEC_REQUEST_MAX)
		return err_set(reterr, ERR_IO, "modbus codec: the library wrote %zd bytes of a request", n);
	frame[0] = frame[1] = 0;
	frame[6] = rd->unit;
	memcpy(ret_frame, frame, sizeof frame);
	return 0;
}

int codec_decode_tcp(struct modbus_codec *c, const struct codec_read *rd, uint8_t *frame, size_t len, uint16_t *ret_values)
{
	uint16_t id = (uint16_t)(c->last_id + 1);

	assert(in_bounds(rd) && len <= CODEC_FRAME_MAX);
	if (len < 9)
		return -1;
	frame[0] = (uint8_t)(id >> 8);
	frame[1] = (uint8_t)id;
	if (send(c->our_end, frame, len, MSG_DONTWAIT | MSG_NOSIGNAL) != (ssize_t)len) {
		drain(c->library_end);
		return -1;
	}
	int n = call(c, rd);
	int error = errno;
	drain(c->our_end);
	drain(c->library_end);
	if (n == rd->count) {
		if (rd->fc > 2)
			memcpy(ret_values, c->registers, rd->count * sizeof *ret_values);
		else
			for (uint16_t i = 0; i < rd->count; i++)
				ret_values[i] = c->bits[i];
		return 0;
	}
	if (n < 0 && error > MODBUS_ENOBASE && error < MODBUS_ENOBASE + MODBUS_EXCEPTION_MAX)
		return error - MODBUS_ENOBASE;
	/* Codes of a vendor's own have no errno. */
	if (n < 0 && error == EMBBADEXC && frame[7] == (rd->fc | 0x80) && frame[8] != 0)
		return frame[8];
	return -1;
}

const char *codec_exception_text(int exception)
{
	switch (exception) {
	case MODBUS_EXCEPTION_ILLEGAL_FUNCTION: return "illegal function";
	case MODBUS_EXCEPTION_ILLEGAL_DATA_ADDRESS: return "illegal data address";
	case MODBUS_EXCEPTION_ILLEGAL_DATA_VALUE: return "illegal data value";
	case MODBUS_EXCEPTION_SLAVE_OR_SERVER_FAILURE: return "device failure";
	case MODBUS_EXCEPTION_ACKNOWLEDGE: return "acknowledge: the device needs more time";
	case MODBUS_EXCEPTION_SLAVE_OR_SERVER_BUSY: return "device busy";
	case MODBUS_EXCEPTION_NEGATIVE_ACKNOWLEDGE: return "negative acknowledge";
	case MODBUS_EXCEPTION_MEMORY_PARITY: return "memory parity error";
	case MODBUS_EXCEPTION_GATEWAY_PATH: return "gateway path unavailable";
	case MODBUS_EXCEPTION_GATEWAY_TARGET: return "the device behind the gateway did not answer";
	default: return "an exception code of the vendor's own";
	}
}
