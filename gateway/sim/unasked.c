/* What a line says though nobody asked: noise, frames, another master's talk. Frames in a flood come from a unit that is not there: one with the number, the
 * function and the length of what is being asked could not be told from the answer on a serial line, by anybody. */
#include "gateway/sim/net_inside.h"

#include <string.h>

#define WAITING_MAX 4     /* frames in a line's outbox: then it has enough to say */
#define FAR_NUMBER  0x8000 /* TCP: no request of a while had this number */

static void say(struct conn *c, const struct out *o, int64_t now_ns)
{
	struct outbox_how how = { .at_ns = now_ns, .byte_ns = c->byte_ns };

	(void)outbox_add(&c->out, o->bytes, o->len, &how);
}

static void babble(struct conn *c, struct fault *f, int64_t now_ns)
{
	struct out o;

	o.len = fault_noise(f, o.bytes);
	say(c, &o, now_ns);
}

/* A register of some unit, asked as a master asks. 0: there is none. */
static size_t ask_any(const struct conn *c, struct fault *f, uint8_t *ret)
{
	const struct bank_server *s = c->server;
	const struct bank_unit *u = &s->units[fault_draw(f, (unsigned)s->n_units)];
	uint8_t fc = (uint8_t)(1 + fault_draw(f, 4));

	for (unsigned i = 0; i < 4; i++, fc = (uint8_t)(fc % 4 + 1)) {
		if (u->n_blocks[fc - 1] == 0)
			continue;
		const struct bank_block *b = &u->blocks[fc - 1][fault_draw(f, (unsigned)u->n_blocks[fc - 1])];
		unsigned most = b->count < 100 ? b->count : 100, count = 1 + fault_draw(f, most);

		return wire_ask(s->wire, (uint16_t)(c->number + FAR_NUMBER), u->unit, fc, b->address, (uint16_t)count, ret);
	}
	return 0;
}

static void flood(struct conn *c, struct fault *f, int64_t now_ns)
{
	uint8_t request[WIRE_FRAME_MAX];
	size_t len = ask_any(c, f, request);
	struct out o;

	if (len == 0)
		return;
	answerer_plain(c->net->o.answerer, c->server, request, len, &o);
	o.bytes[wire_unit_at(c->server->wire)] = bank_nobody(c->server);
	wire_seal(c->server->wire, o.bytes, o.len);
	say(c, &o, now_ns);
}

static void other_master(struct conn *c, struct fault *f, int64_t now_ns)
{
	struct out ask, reply;

	ask.len = ask_any(c, f, ask.bytes);
	if (ask.len == 0)
		return;
	answerer_plain(c->net->o.answerer, c->server, ask.bytes, ask.len, &reply);
	say(c, &ask, now_ns);
	say(c, &reply, now_ns + (int64_t)ask.len * c->byte_ns + c->silence_ns);
}

static void speak(struct net *n, struct bank_server *s, struct fault *f, int64_t now_ns)
{
	struct conn *next;

	for (struct conn *c = n->conns; c; c = next) {
		next = c->next;
		if (c->server != s || c->out.n > WAITING_MAX || c->blocked)
			continue;
		if (f->kind == FAULT_BABBLE)
			babble(c, f, now_ns);
		else if (f->kind == FAULT_FLOOD)
			flood(c, f, now_ns);
		else
			other_master(c, f, now_ns);
		(void)conn_go(c, now_ns);
	}
}

int64_t unasked_go(struct net *n, int64_t now_ns)
{
	int64_t next = OUTBOX_NEVER;

	for (size_t i = 0; i < n->o.bank->n_servers; i++) {
		struct bank_server *s = &n->o.bank->servers[i];

		for (size_t k = 0; k < s->n_faults; k++) {
			struct fault *f = s->faults[k];

			if (!fault_is_unasked(f->kind))
				continue;
			if (now_ns >= f->next_ns) {
				f->next_ns = now_ns + f->by_ns;
				if (fault_strikes(f))
					speak(n, s, f, now_ns);
			}
			next = f->next_ns < next ? f->next_ns : next;
		}
	}
	return next;
}
