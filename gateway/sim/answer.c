#include "gateway/sim/answer.h"

#include <errno.h>
#include <modbus.h>
#include <stdlib.h>
#include <string.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <unistd.h>

struct end {
	modbus_t *ctx;
	int       library_end, our_end;
};

struct answerer { struct end ends[2]; }; /* by wire_kind */

static int end_open(struct end *e, enum wire_kind wire, struct err *reterr)
{
	int sv[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, sv) < 0)
		return err_set(reterr, ERR_IO, "answers: %s", strerror(errno));
	e->library_end = sv[0];
	e->our_end = sv[1];
	if (sv[0] >= FD_SETSIZE)
		return err_set(reterr, ERR_IO, "answers: too many descriptors are open");
	/* Neither address nor port nor speed is ever used. */
	e->ctx = wire == WIRE_TCP ? modbus_new_tcp("127.0.0.1", MODBUS_TCP_DEFAULT_PORT) : modbus_new_rtu("/dev/null", 9600, 'N', 8, 1);
	/* A microsecond: on some mistakes of a client the library sleeps for the response timeout before it answers. */
	if (!e->ctx || modbus_set_response_timeout(e->ctx, 0, 1) < 0 || modbus_set_error_recovery(e->ctx, MODBUS_ERROR_RECOVERY_NONE) < 0 ||
	    modbus_set_socket(e->ctx, e->library_end) < 0)
		return err_set(reterr, ERR_IO, "answers: libmodbus: %s", modbus_strerror(errno));
	return 0;
}

static void end_close(struct end *e)
{
	if (e->ctx)
		modbus_free(e->ctx);
	if (e->library_end >= 0)
		close(e->library_end);
	if (e->our_end >= 0)
		close(e->our_end);
}

struct answerer *answerer_new(struct err *reterr)
{
	struct answerer *a = calloc(1, sizeof *a);

	if (!a) {
		(void)err_set(reterr, ERR_NO_MEMORY, "no memory");
		return NULL;
	}
	for (size_t i = 0; i < 2; i++)
		a->ends[i] = (struct end){ NULL, -1, -1 };
	if (end_open(&a->ends[WIRE_TCP], WIRE_TCP, reterr) < 0 || end_open(&a->ends[WIRE_RTU], WIRE_RTU, reterr) < 0) {
		answerer_free(a);
		return NULL;
	}
	return a;
}

void answerer_free(struct answerer *a)
{
	if (!a)
		return;
	for (size_t i = 0; i < 2; i++)
		end_close(&a->ends[i]);
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

static size_t take_reply(const struct end *e, uint8_t *ret_reply)
{
	ssize_t n = recv(e->our_end, ret_reply, WIRE_FRAME_MAX, MSG_DONTWAIT);

	return n > 0 ? (size_t)n : 0;
}

void answerer_plain(struct answerer *a, const struct bank_server *s, const uint8_t *frame, size_t len, struct out *ret)
{
	const struct end *e = &a->ends[s->wire];
	struct wire_request rq;
	int exception = wire_read(s->wire, frame, len, &rq);
	const struct bank_unit *u = bank_find_unit(s, rq.unit);

	ret->len = 0;
	ret->late_ns = ret->byte_ns = 0;
	ret->closes = false;
	if (!u && s->wire == WIRE_RTU)
		return;
	if (!u)
		exception = MODBUS_EXCEPTION_GATEWAY_TARGET;
	if (exception) {
		(void)modbus_reply_exception(e->ctx, frame, (unsigned)exception);
	} else {
		modbus_mapping_t mapping = map_block(bank_find_block(u, rq.fc, rq.address), rq.fc);
		(void)modbus_reply(e->ctx, frame, (int)len, &mapping);
	}
	ret->len = take_reply(e, ret->bytes);
}

void answerer_reply(struct answerer *a, const struct bank_server *s, const uint8_t *frame, size_t len, struct out *ret)
{
	struct wire_request rq;
	uint8_t nobody = bank_nobody(s);

	(void)wire_read(s->wire, frame, len, &rq);
	answerer_plain(a, s, frame, len, ret);
	struct bank_unit *u = bank_find_unit(s, rq.unit);
	if (!u)
		return;
	for (enum fault_kind kind = FAULT_NONE + 1; kind < FAULT_COUNT; kind++) {
		for (size_t i = 0; i < s->n_faults; i++)
			if (s->faults[i]->kind == kind)
				fault_change(s->faults[i], s->wire, &rq, nobody, ret);
		for (size_t i = 0; i < u->n_faults; i++)
			if (u->faults[i]->kind == kind)
				fault_change(u->faults[i], s->wire, &rq, nobody, ret);
	}
}
