/* fault: how the talk with a device, or on a line, goes wrong: the kinds, what may be said of each, and what it does to a reply. Pure; what is left to
 * chance is drawn from a seed. */
#ifndef FIREGW_GATEWAY_SIM_FAULT_H
#define FIREGW_GATEWAY_SIM_FAULT_H

#include "core/err.h"
#include "gateway/sim/wire.h"

#include <stdbool.h>

/* In the order in which they change a reply. */
enum fault_kind {
	FAULT_NONE,
	FAULT_EXCEPTION,
	FAULT_LYING,          /* the wrong ones below, in turn */
	FAULT_WRONG_UNIT,
	FAULT_WRONG_NUMBER,   /* TCP: another request's */
	FAULT_WRONG_FUNCTION,
	FAULT_WRONG_COUNT,
	FAULT_OVERSIZED,
	FAULT_WRONG_CRC,      /* RTU */
	FAULT_HALF,
	FAULT_NOISE,          /* before the reply */
	FAULT_LATE,
	FAULT_DRIP,
	FAULT_CLOSING,        /* not at a pseudo-terminal */
	FAULT_DEAD,
	FAULT_ECHO,           /* RTU; from here on of a whole line */
	FAULT_BABBLE,         /* bytes that nobody asked for */
	FAULT_FLOOD,          /* frames that nobody asked for */
	FAULT_OTHER_MASTER,   /* RTU: its requests, and the answers to them */
	FAULT_COUNT,
};

struct fault {
	enum fault_kind kind;
	double          chance;        /* of each reply, 0 … 1; of each unasked one where nobody asks */
	int64_t         by_ns;         /* how late; from byte to byte; from one unasked to the next */
	uint8_t         code;          /* of the exception */
	uint16_t        first, last;   /* registers that an exception is about */
	uint64_t        seed, drawn;
	uint64_t        done;          /* how often it struck */
	int64_t         next_ns;       /* unasked ones: when the next is due; 0: at once */
};

/* What a person says of a fault; NULL: the default. Each word goes with some kinds only. */
enum fault_word { FAULT_WORD_CHANCE, FAULT_WORD_BY, FAULT_WORD_CODE, FAULT_WORD_REGISTERS, FAULT_WORDS };
struct fault_words { const char *text[FAULT_WORDS]; };
const char *fault_word_name(enum fault_word w);
/* ERR_INVALID with the word that is not understood, or does not go with the kind, in *ret_wrong. */
int         fault_make(enum fault_kind kind, const struct fault_words *words, uint64_t seed, struct fault *ret, enum fault_word *ret_wrong, struct err *reterr);

bool fault_is_of_line(enum fault_kind kind);   /* a whole line's, not a device's */
bool fault_is_unasked(enum fault_kind kind);
/* Whether it can be on such a line: NULL, or why not. */
const char *fault_misfit(enum fault_kind kind, enum wire_kind wire, bool serial);

/* What goes out. */
#define OUT_BYTES_MAX 640
struct out {
	uint8_t bytes[OUT_BYTES_MAX];
	size_t  len;               /* 0: nothing */
	int64_t late_ns, byte_ns;  /* after it was due; from byte to byte (0: as the line goes) */
	bool    closes;            /* the connection, behind it */
};

/* Draws whether it strikes now, and counts it. */
bool     fault_strikes(struct fault *f);
unsigned fault_draw(struct fault *f, unsigned below);
/* Changes the reply to `rq` (at most WIRE_FRAME_MAX bytes), if it strikes. `nobody`: a unit that is not on the line. */
void     fault_change(struct fault *f, enum wire_kind wire, const struct wire_request *rq, uint8_t nobody, struct out *o);
/* Noise: 2 … 16 bytes into `ret`. */
size_t   fault_noise(struct fault *f, uint8_t *ret);

#endif
