#include "gateway/sim/fault.h"

#include "core/clock.h"
#include "core/decimal.h"
#include "gateway/sim/model.h"

#include <stdlib.h>
#include <string.h>

#define BY_MS_MAX       INT64_C(60000)
#define NOISE_MIN       2
#define NOISE_MAX       16
#define OVERSIZED_BYTES 400   /* more than any frame may have */
#define OVERSIZED_COUNT 255
#define LIES            5
#define EXCEPTION_BUSY  6
#define REGISTER_LAST   65535

/* What a kind takes: the default of `by`, in ms (0: it takes none), and where it can be. */
struct trait { int64_t by_ms; bool codes; bool tcp_only, rtu_only, network_only; };

static const struct trait traits[FAULT_COUNT] = {
	[FAULT_EXCEPTION] = { .codes = true },
	[FAULT_WRONG_NUMBER] = { .tcp_only = true },
	[FAULT_WRONG_CRC] = { .rtu_only = true },
	[FAULT_LATE] = { .by_ms = 2000 },
	[FAULT_DRIP] = { .by_ms = 20 },
	[FAULT_CLOSING] = { .network_only = true },
	[FAULT_ECHO] = { .rtu_only = true },
	[FAULT_BABBLE] = { .by_ms = 1000 },
	[FAULT_FLOOD] = { .by_ms = 20 },
	[FAULT_OTHER_MASTER] = { .by_ms = 1000, .rtu_only = true },
};

static const struct { const char *name; uint8_t code; } codes[] = {
	{ "illegal-function", 1 }, { "illegal-address", 2 }, { "illegal-value", 3 }, { "failure", 4 }, { "acknowledge", 5 }, { "busy", EXCEPTION_BUSY }, { "no-path", 10 },
	{ "no-target", 11 },
};

const char *fault_word_name(enum fault_word w)
{
	static const char *const names[FAULT_WORDS] = { "chance", "by", "code", "registers" };

	return names[w];
}

bool fault_is_of_line(enum fault_kind kind)
{
	return kind >= FAULT_ECHO;
}

bool fault_is_unasked(enum fault_kind kind)
{
	return kind >= FAULT_BABBLE;
}

const char *fault_misfit(enum fault_kind kind, enum wire_kind wire, bool serial)
{
	if (traits[kind].tcp_only && wire != WIRE_TCP)
		return "an RTU frame has no number";
	if (traits[kind].rtu_only && wire != WIRE_RTU)
		return kind == FAULT_WRONG_CRC ? "a Modbus TCP frame has no checksum" : "only RTU lines have that";
	return traits[kind].network_only && serial ? "a serial line has no connection to close" : NULL;
}

static int take_chance(const char *text, struct fault *f, struct err *reterr)
{
	char number[20];
	struct decimal d;
	size_t len = strlen(text);

	if (len >= 2 && len < sizeof number && text[len - 1] == '%') {
		memcpy(number, text, len - 1);
		number[len - 1] = '\0';
		f->chance = decimal_parse(number, &d) == 0 ? decimal_double(d) / 100 : 0;
		if (f->chance > 0 && f->chance <= 1)
			return 0;
	}
	return err_set(reterr, ERR_INVALID, "chance '%s' is not a share such as 10%% (above 0%%, at most 100%%)", text);
}

static int take_by(const char *text, struct fault *f, struct err *reterr)
{
	int64_t ms;

	if (clock_parse_duration(text, &ms) < 0 || ms < 1 || ms > BY_MS_MAX)
		return err_set(reterr, ERR_INVALID, "by '%s' is not a duration of 1ms … 60s", text);
	f->by_ns = ms * CLOCK_NS_PER_MS;
	return 0;
}

static int take_code(const char *text, struct fault *f, struct err *reterr)
{
	char *end;
	unsigned long n = strtoul(text, &end, 10);

	for (size_t i = 0; i < sizeof codes / sizeof *codes; i++)
		if (strcmp(text, codes[i].name) == 0 || (*text >= '1' && *text <= '9' && !*end && n == codes[i].code)) {
			f->code = codes[i].code;
			return 0;
		}
	return err_set(reterr, ERR_INVALID, "code '%s' is none of illegal-function, illegal-address, illegal-value, failure, acknowledge, busy, no-path, no-target", text);
}

/* "100-120", or "100": the protocol's own addresses. */
static int take_registers(const char *text, struct fault *f, struct err *reterr)
{
	char *end = NULL;
	unsigned long first = *text >= '0' && *text <= '9' ? strtoul(text, &end, 10) : REGISTER_LAST + 1ul, last = first;

	if (end && *end == '-' && end[1] >= '0' && end[1] <= '9')
		last = strtoul(end + 1, &end, 10);
	if (!end || *end || last < first || last > REGISTER_LAST)
		return err_set(reterr, ERR_INVALID, "registers '%s' are not a range such as 100-120 (of 0 … 65535)", text);
	f->first = (uint16_t)first;
	f->last = (uint16_t)last;
	return 0;
}

int fault_make(enum fault_kind kind, const struct fault_words *words, uint64_t seed, struct fault *ret, enum fault_word *ret_wrong, struct err *reterr)
{
	static int (*const take[FAULT_WORDS])(const char *, struct fault *, struct err *) = { take_chance, take_by, take_code, take_registers };
	const bool takes[FAULT_WORDS] = { kind != FAULT_NONE, traits[kind].by_ms != 0, traits[kind].codes, traits[kind].codes };

	*ret = (struct fault){ .kind = kind, .chance = 1, .by_ns = traits[kind].by_ms * CLOCK_NS_PER_MS, .code = EXCEPTION_BUSY, .last = REGISTER_LAST, .seed = seed };
	for (enum fault_word w = 0; w < FAULT_WORDS; w++) {
		*ret_wrong = w;
		if (words->text[w] && !takes[w])
			return err_set(reterr, ERR_INVALID, "'%s' does not go with it", fault_word_name(w));
		if (words->text[w] && take[w](words->text[w], ret, reterr) < 0)
			return -1;
	}
	return 0;
}

unsigned fault_draw(struct fault *f, unsigned below)
{
	return (unsigned)(model_draw(f->seed, f->drawn++) * below);
}

bool fault_strikes(struct fault *f)
{
	if (f->chance < 1 && model_draw(f->seed, f->drawn++) >= f->chance)
		return false;
	f->done++;
	return true;
}

size_t fault_noise(struct fault *f, uint8_t *ret)
{
	size_t n = NOISE_MIN + fault_draw(f, NOISE_MAX - NOISE_MIN + 1);

	for (size_t i = 0; i < n; i++)
		ret[i] = (uint8_t)fault_draw(f, 256);
	return n;
}

static void make_exception(const struct fault *f, enum wire_kind wire, struct out *o)
{
	uint8_t *p = o->bytes + wire_unit_at(wire);

	p[1] |= 0x80;
	p[2] = f->code;
	o->len = wire_reply_length(wire);
	wire_seal(wire, o->bytes, o->len);
}

/* The readings' functions go in pairs: bits 1 and 2, registers 3 and 4. */
static void change_function(uint8_t *p)
{
	uint8_t fc = p[1] & 0x7f;

	p[1] = (uint8_t)((p[1] & 0x80) | (fc & 1 ? fc + 1 : fc - 1));
}

static bool has_count(const uint8_t *p)
{
	return !(p[1] & 0x80);
}

/* What a device says whose words cannot be trusted: each reply is wrong in another way, and none of them can be taken for the answer. */
static void lie(const struct fault *f, enum wire_kind wire, struct out *o)
{
	uint8_t *p = o->bytes + wire_unit_at(wire);
	unsigned which = (unsigned)((f->done - 1) % LIES);

	switch (which) {
	case 0: o->bytes[wire == WIRE_TCP ? 1 : o->len - 1] ^= 0x55; return; /* another request's number; a wrong checksum */
	case 1: p[0] ^= 0x15; break;
	case 2: p[1] ^= 0x07; break;
	case 3: p[2] = (uint8_t)(p[2] + 1); break;                           /* a byte count (or an exception) that is not so */
	default: o->len--; break;                                            /* too short by a byte */
	}
	/* A serial exception with another code, or a shorter one, would be a good one. */
	if (wire == WIRE_TCP || which < 3 || has_count(p))
		wire_seal(wire, o->bytes, o->len);
}

static void make_oversized(struct fault *f, enum wire_kind wire, struct out *o)
{
	uint8_t *p = o->bytes + wire_unit_at(wire);

	for (size_t i = o->len; i < OVERSIZED_BYTES; i++)
		o->bytes[i] = (uint8_t)fault_draw(f, 256);
	p[1] &= 0x7f;
	p[2] = OVERSIZED_COUNT;
	o->len = OVERSIZED_BYTES;
	wire_seal(wire, o->bytes, o->len);
}

static void put_before(struct fault *f, struct out *o)
{
	uint8_t noise[NOISE_MAX];
	size_t n = fault_noise(f, noise);

	memmove(o->bytes + n, o->bytes, o->len);
	memcpy(o->bytes, noise, n);
	o->len += n;
}

static void strike(struct fault *f, enum wire_kind wire, uint8_t nobody, struct out *o)
{
	uint8_t *p = o->bytes + wire_unit_at(wire);

	switch (f->kind) {
	case FAULT_EXCEPTION: make_exception(f, wire, o); return;
	case FAULT_LYING: lie(f, wire, o); return;
	case FAULT_WRONG_UNIT: p[0] = nobody; break;
	case FAULT_WRONG_NUMBER: o->bytes[0] ^= 0x55; return;
	case FAULT_WRONG_FUNCTION: change_function(p); break;
	case FAULT_WRONG_COUNT: p[2] = (uint8_t)(p[2] + has_count(p)); break;
	case FAULT_OVERSIZED: make_oversized(f, wire, o); return;
	case FAULT_WRONG_CRC: o->bytes[o->len - 1 - fault_draw(f, 2)] ^= (uint8_t)(1 + fault_draw(f, 255)); return;
	case FAULT_HALF: o->len = 1 + fault_draw(f, (unsigned)o->len - 1); return;
	case FAULT_NOISE: put_before(f, o); return;
	case FAULT_LATE: o->late_ns += f->by_ns; return;
	case FAULT_DRIP: o->byte_ns = f->by_ns; return;
	case FAULT_CLOSING: o->closes = true; return;
	case FAULT_DEAD: o->len = 0; return;
	case FAULT_NONE:
	case FAULT_ECHO:
	case FAULT_BABBLE:
	case FAULT_FLOOD:
	case FAULT_OTHER_MASTER:
	case FAULT_COUNT: return;
	}
	wire_seal(wire, o->bytes, o->len);
}

static bool is_about(const struct fault *f, const struct wire_request *rq)
{
	if (f->kind != FAULT_EXCEPTION)
		return true;
	return rq->fc >= 1 && rq->fc <= 4 && rq->address <= f->last && (unsigned)rq->address + rq->count > f->first;
}

void fault_change(struct fault *f, enum wire_kind wire, const struct wire_request *rq, uint8_t nobody, struct out *o)
{
	if (o->len > 1 && !fault_is_of_line(f->kind) && is_about(f, rq) && fault_strikes(f))
		strike(f, wire, nobody, o);
}
