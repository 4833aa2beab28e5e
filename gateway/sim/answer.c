#include "gateway/sim/answer.h"

#include <errno.h>
#include <modbus.h>
#include <stdlib.h>
#include <string.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <unistd.h>

#define HEADER_LENGTH_AT 4

struct answerer {
	modbus_t *ctx;
	int       library_end, our_end;
};

struct answerer *answerer_new(struct err *reterr)
{
	struct answerer *a = calloc(1, sizeof *a);
	int sv[2];

	if (!a || socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, sv) < 0) {
		(void)err_set(reterr, a ? ERR_IO : ERR_NO_MEMORY, "answers: %s", a ? strerror(errno) : "no memory");
		free(a);
		return NULL;
	}
	a->library_end = sv[0];
	a->our_end = sv[1];
	a->ctx = sv[0] < FD_SETSIZE ? modbus_new_tcp("127.0.0.1", MODBUS_TCP_DEFAULT_PORT) : NULL;
	/* A microsecond: on some mistakes of a client the library sleeps for the response timeout before it answers. */
	if (!a->ctx || modbus_set_response_timeout(a->ctx, 0, 1) < 0 || modbus_set_error_recovery(a->ctx, MODBUS_ERROR_RECOVERY_NONE) < 0 ||
	    modbus_set_socket(a->ctx, a->library_end) < 0) {
		(void)err_set(reterr, ERR_IO, "answers: libmodbus: %s", sv[0] < FD_SETSIZE ? modbus_strerror(errno) : "too many descriptors are open");
		answerer_free(a);
		return NULL;
	}
	return a;
}

void answerer_free(struct answerer *a)
{
	if (!a)
		return;
	if (a->ctx)
		modbus_free(a->ctx);
	close(a->library_end);
	close(a->our_end);
	free(a);
}

/* libmodbus knows one range a function. It is shown the block in which the request begins, so that what reaches beyond a block is refused by it;
 * where there is no block it is shown nothing. */
static modbus_mapping_t map_block(const struct bank_block *b, uint8_t fc)
{
	modbus_mapping_t m = { 0 };

	if (!b)
		return m;
	switch (fc) {
	case MODBUS_FC_READ_COILS: m.start_bits = b->address, m.nb_bits = (int)b->count, m.tab_bits = b->bits; break;
	case MODBUS_FC_READ_DISCRETE_INPUTS:
		m.start_input_bits = b->address, m.nb_input_bits = (int)b->count, m.tab_input_bits = b->bits;
		break;
	case MODBUS_FC_READ_HOLDING_REGISTERS:
		m.start_registers = b->address, m.nb_registers = (int)b->count, m.tab_registers = b->words;
		break;
	default: m.start_input_registers = b->address, m.nb_input_registers = (int)b->count, m.tab_input_registers = b->words; break;
	}
	return m;
}

/* What a device says whose words cannot be trusted: each reply is wrong in another way, and none of them can be taken for the answer. */
static size_t lie(struct bank_unit *u, uint8_t *reply, size_t len)
{
	switch (u->lies++ % 5) {
	case 0: reply[1] ^= 0x55; break;                       /* another request's number */
	case 1: reply[6] ^= 0x15; break;                       /* another unit */
	case 2: reply[7] ^= 0x07; break;                       /* another function */
	case 3: reply[8] = (uint8_t)(reply[8] + 1); break;     /* a byte count that is not so */
	default:                                               /* too short by a byte */
		len--;
		reply[HEADER_LENGTH_AT + 1]--;
		break;
	}
	return len;
}

static size_t take_reply(struct answerer *a, uint8_t *ret_reply)
{
	ssize_t n = recv(a->our_end, ret_reply, WIRE_FRAME_MAX, MSG_DONTWAIT);

	return n > WIRE_HEADER ? (size_t)n : 0;
}

size_t answerer_reply(struct answerer *a, const struct bank_server *s, const uint8_t *frame, size_t len, uint8_t *ret_reply)
{
	struct wire_request rq;
	struct bank_unit *u = bank_find_unit(s, frame[WIRE_HEADER - 1]);
	int exception = wire_read(frame, len, &rq);

	if (u && u->trouble == TROUBLE_DEAD)
		return 0;
	if (!u)
		exception = MODBUS_EXCEPTION_GATEWAY_TARGET;
	if (exception) {
		(void)modbus_reply_exception(a->ctx, frame, (unsigned)exception);
		return take_reply(a, ret_reply);
	}
	modbus_mapping_t mapping = map_block(bank_find_block(u, rq.fc, rq.address), rq.fc);
	(void)modbus_reply(a->ctx, frame, (int)len, &mapping);
	size_t n = take_reply(a, ret_reply);

	return n && u->trouble == TROUBLE_LYING ? lie(u, ret_reply, n) : n;
}
