/* framing: how a request and a reply are dressed on a line. Pure but for the codec's socketpair: bytes in, verdicts out. Modbus TCP stands here; the
 * serial one fits the same table (its scan knows the end of a frame from the request, its ids are not used). */
#ifndef FIREGW_DRIVERS_MODBUS_FRAMING_H
#define FIREGW_DRIVERS_MODBUS_FRAMING_H

#include "drivers/modbus/codec.h"

#include <stdbool.h>

enum framing_scan {
	SCAN_MORE,     /* the frame at the start of the buffer is not whole yet */
	SCAN_WHOLE,
	SCAN_GARBAGE,  /* this cannot be the start of a frame; nothing that follows can be trusted either */
};

enum framing_match {
	MATCH_ANSWER,
	MATCH_LATE,    /* an answer to an earlier request of this connection */
	MATCH_WRONG,   /* nobody asked for this */
};

/* What a frame is compared with. */
struct framing_expect {
	const struct codec_read *read; /* the request in flight, or NULL */
	uint16_t                 id;   /* the id of the newest request of this connection */
	uint32_t                 sent; /* how many requests this connection has seen: so many ids are ours */
};

struct framing {
	const char *name;
	/* The request's bytes, made once a plan; at most CODEC_REQUEST_MAX. Their number, or -1. */
	int                (*encode)(struct modbus_codec *c, const struct codec_read *rd, uint8_t *ret_frame, struct err *reterr);
	/* Puts the id of this sending into a request. */
	void               (*number)(uint8_t *frame, uint16_t id);
	/* Looks at the start of what came in; sets *ret_len if a frame is whole. */
	enum framing_scan  (*scan)(const uint8_t *data, size_t len, size_t *ret_len);
	/* A frame is the answer only if every field of it is. */
	enum framing_match (*match)(const uint8_t *frame, size_t len, const struct framing_expect *expect);
	/* As codec_decode_tcp; the frame is one that matched. */
	int                (*decode)(struct modbus_codec *c, const struct codec_read *rd, uint8_t *frame, size_t len, uint16_t *ret_values);
};

extern const struct framing framing_tcp;

#endif
