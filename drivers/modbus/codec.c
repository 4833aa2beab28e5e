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

/* One context of the library and its pair. */
struct pair {
	modbus_t *ctx;
	int       library_end;  /* the library's socket */
	int       our_end;
};

struct modbus_codec {
	struct pair tcp, rtu;
	uint16_t  last_id;      /* the transaction id that the library used last on TCP; it starts at 0, counts every request, and 65535 is followed by 0 */
	uint8_t   bits[CODEC_BITS_MAX];
	uint16_t  registers[CODEC_BITS_MAX]; /* larger than any answer should be: the library once wrote past a smaller one */
};

static int open_pair(struct pair *p, modbus_t *ctx, int unit, struct err *reterr)
{
	int sv[2];

	p->ctx = ctx;
	if (!ctx)
		return err_set(reterr, ERR_NO_MEMORY, "modbus codec: %s", modbus_strerror(errno));
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, sv) < 0)
		return err_set(reterr, ERR_IO, "modbus codec: socketpair: %s", strerror(errno));
	p->library_end = sv[0];
	p->our_end = sv[1];
	if (sv[0] >= FD_SETSIZE)
		return err_set(reterr, ERR_FULL, "modbus codec: descriptor %d is beyond what libmodbus can take (%d); make the codec at the start", sv[0],
		               FD_SETSIZE - 1);
	if (modbus_set_slave(ctx, unit) < 0 || modbus_set_response_timeout(ctx, 0, 1) < 0 || modbus_set_byte_timeout(ctx, 0, 0) < 0 ||
	    modbus_set_error_recovery(ctx, MODBUS_ERROR_RECOVERY_NONE) < 0 || modbus_set_socket(ctx, p->library_end) < 0)
		return err_set(reterr, ERR_IO, "modbus codec: %s", modbus_strerror(errno));
	return 0;
}

static void close_pair(struct pair *p)
{
	if (p->ctx)
		modbus_free(p->ctx);
	if (p->library_end >= 0)
		close(p->library_end);
	if (p->our_end >= 0)
		close(p->our_end);
}

struct modbus_codec *codec_new(struct err *reterr)
{
	struct modbus_codec *c = calloc(1, sizeof *c);

	if (!c) {
		(void)err_set(reterr, ERR_NO_MEMORY, "modbus codec: no memory");
		return NULL;
	}
	c->tcp = c->rtu = (struct pair){ NULL, -1, -1 };
	/* Neither address is ever opened. */
	if (open_pair(&c->tcp, modbus_new_tcp("127.0.0.1", MODBUS_TCP_DEFAULT_PORT), STAND_IN_UNIT, reterr) < 0 ||
	    open_pair(&c->rtu, modbus_new_rtu("/dev/null", 9600, 'E', 8, 1), 1, reterr) < 0) {
		codec_free(c);
		return NULL;
	}
	return c;
}

void codec_free(struct modbus_codec *c)
{
	if (!c)
		return;
	close_pair(&c->tcp);
	close_pair(&c->rtu);
	free(c);
}

/* A short read has taken all there was: nobody else writes into the pair. */
static void drain_end(int fd)
{
	uint8_t waste[CODEC_FRAME_MAX * 2];

	while (recv(fd, waste, sizeof waste, MSG_DONTWAIT) == (ssize_t)sizeof waste)
		;
}

static void drain(const struct pair *p)
{
	drain_end(p->our_end);
	drain_end(p->library_end);
}

/* Calls the library once: it sends its request into the pair and reads what lies there. The count of values, or -1 and errno. */
static int call(struct modbus_codec *c, const struct pair *p, const struct codec_read *rd)
{
	errno = 0;
	switch (rd->fc) {
	case MODBUS_FC_READ_COILS: return modbus_read_bits(p->ctx, rd->address, rd->count, c->bits);
	case MODBUS_FC_READ_DISCRETE_INPUTS: return modbus_read_input_bits(p->ctx, rd->address, rd->count, c->bits);
	case MODBUS_FC_READ_HOLDING_REGISTERS: return modbus_read_registers(p->ctx, rd->address, rd->count, c->registers);
	case MODBUS_FC_READ_INPUT_REGISTERS: return modbus_read_input_registers(p->ctx, rd->address, rd->count, c->registers);
	default: return -1;
	}
}

static bool in_bounds(const struct codec_read *rd)
{
	return rd->fc >= 1 && rd->fc <= 4 && rd->count >= 1 && rd->count <= (rd->fc <= 2 ? CODEC_BITS_MAX : CODEC_REGISTERS_MAX);
}

/* Has the library write the request into `frame` and gives its length. */
static ssize_t encode(struct modbus_codec *c, const struct pair *p, const struct codec_read *rd, uint8_t *frame)
{
	/* Nothing lies in the pair, so the call gives up after its microsecond, having sent the request. */
	(void)call(c, p, rd);
	ssize_t n = recv(p->our_end, frame, CODEC_REQUEST_MAX, MSG_DONTWAIT);
	drain(p);
	return n;
}

/* `at`: where the function stands in the frame. */
static int decode(struct modbus_codec *c, const struct pair *p, const struct codec_read *rd, const uint8_t *frame, size_t len, size_t at, uint16_t *ret_values)
{
	if (send(p->our_end, frame, len, MSG_DONTWAIT | MSG_NOSIGNAL) != (ssize_t)len) {
		drain_end(p->library_end);
		return -1;
	}
	int n = call(c, p, rd);
	int error = errno;
	drain(p);
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
	if (n < 0 && error == EMBBADEXC && frame[at] == (rd->fc | 0x80) && frame[at + 1] != 0)
		return frame[at + 1];
	return -1;
}

int codec_encode_tcp(struct modbus_codec *c, const struct codec_read *rd, uint8_t *ret_frame, struct err *reterr)
{
	assert(in_bounds(rd));
	c->last_id++;
	ssize_t n = encode(c, &c->tcp, rd, ret_frame);
	if (n != CODEC_TCP_REQUEST)
		return err_set(reterr, ERR_IO, "modbus codec: the library wrote %zd bytes of a request", n);
	ret_frame[0] = ret_frame[1] = 0;
	ret_frame[6] = rd->unit;
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
	c->last_id++;
	return decode(c, &c->tcp, rd, frame, len, 7, ret_values);
}

int codec_encode_rtu(struct modbus_codec *c, const struct codec_read *rd, uint8_t *ret_frame, struct err *reterr)
{
	assert(in_bounds(rd) && rd->unit >= 1 && rd->unit <= 247);
	if (modbus_set_slave(c->rtu.ctx, rd->unit) < 0)
		return err_set(reterr, ERR_IO, "modbus codec: unit %u: %s", rd->unit, modbus_strerror(errno));
	ssize_t n = encode(c, &c->rtu, rd, ret_frame);
	if (n != CODEC_RTU_REQUEST)
		return err_set(reterr, ERR_IO, "modbus codec: the library wrote %zd bytes of a request", n);
	return 0;
}

int codec_decode_rtu(struct modbus_codec *c, const struct codec_read *rd, uint8_t *frame, size_t len, uint16_t *ret_values)
{
	assert(in_bounds(rd) && len <= CODEC_FRAME_MAX);
	if (len < 5 || modbus_set_slave(c->rtu.ctx, rd->unit) < 0)
		return -1;
	return decode(c, &c->rtu, rd, frame, len, 1, ret_values);
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
