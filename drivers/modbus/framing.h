/* framing: how a request and a reply are dressed on a line. Pure but for the codec's socketpair: bytes in, verdicts out. Two of them: Modbus TCP, whose frames have a length
 * and a number, and RTU, whose frames have a checksum and nothing else: there the request in flight says what is looked for. */
#ifndef FIREGW_DRIVERS_MODBUS_FRAMING_H
#define FIREGW_DRIVERS_MODBUS_FRAMING_H

#include "drivers/modbus/codec.h"

#include <stdbool.h>

enum framing_scan {
	SCAN_MORE,     /* no frame is whole yet */
	SCAN_WHOLE,
	SCAN_GARBAGE,  /* this cannot be the start of a frame; nothing that follows can be trusted either */
};

enum framing_match {
	MATCH_ANSWER,
	MATCH_LATE,    /* an answer to an earlier request of this connection */
	MATCH_WRONG,   /* nobody asked for this */
	MATCH_REQUEST, /* RTU: somebody else's request: there is another master on the line */
	MATCH_ECHO,    /* RTU: our own request came back */
};

/* What a frame is compared with. */
struct framing_expect {
	const struct codec_read *read; /* the request in flight, or NULL */
	uint16_t                 id;   /* the id of the newest request of this connection */
	uint32_t                 sent; /* how many requests this connection has seen: so many ids are ours */
	const uint8_t           *request; /* the newest request's bytes */
	size_t                   request_len;
};

struct framing {
	const char *name;
	bool        numbered;  /* an answer says which request it is to */
	/* The request's bytes, made once a plan; at most CODEC_REQUEST_MAX. Their number, or -1. */
	int                (*encode)(struct modbus_codec *c, const struct codec_read *rd, uint8_t *ret_frame, struct err *reterr);
	/* Puts the id of this sending into a request. */
	void               (*number)(uint8_t *frame, uint16_t id);
	/* Looks for the first whole frame in what came in; sets *ret_at and *ret_len. `read`: the request in flight, or NULL; RTU finds its answer behind noise too. */
	enum framing_scan  (*scan)(const uint8_t *data, size_t len, const struct codec_read *read, size_t *ret_at, size_t *ret_len);
	/* A frame is the answer only if every field of it is. */
	enum framing_match (*match)(const uint8_t *frame, size_t len, const struct framing_expect *expect);
	/* As codec_decode_tcp; the frame is one that matched. */
	int                (*decode)(struct modbus_codec *c, const struct codec_read *rd, uint8_t *frame, size_t len, uint16_t *ret_values);
};

extern const struct framing framing_tcp;
extern const struct framing framing_rtu;

/* RTU: the bytes of the answer to a read, address, function and checksum included. */
size_t framing_rtu_reply_length(const struct codec_read *rd);
/* Begins like the answer and has its length, or more, but no checksum fits: the line has spoilt it. */
bool   framing_rtu_is_broken(const uint8_t *data, size_t len, const struct codec_read *rd);
/* Begins like the answer and ends before it. */
bool   framing_rtu_is_half(const uint8_t *data, size_t len, const struct codec_read *rd);
uint16_t framing_rtu_crc(const uint8_t *data, size_t len);

#endif
