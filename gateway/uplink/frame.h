/* frame: the messages between the daemon and its firegw-uplink over their socketpair; pure. A frame is a little-endian u32 length (of what follows), a u8 type
 * and the fields of that type in the order of the table in frame.c. Text stands with a NUL behind it, so that a decoded frame needs no copies. */
#ifndef FIREGW_GATEWAY_UPLINK_FRAME_H
#define FIREGW_GATEWAY_UPLINK_FRAME_H

#include "core/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FRAME_HEAD_BYTES        4u
#define FRAME_MAX_BYTES         (192u * 1024u)   /* a whole frame, head included */
#define FRAME_PAYLOAD_MAX       (160u * 1024u)   /* an MQTT payload; the contract's are at most 128 KiB */
#define FRAME_TOPIC_MAX         1024u            /* topics, filters, response topics */
#define FRAME_CORRELATION_MAX   1024u
#define FRAME_TEXT_MAX          1024u            /* reasons and log lines: longer ones are refused, so cut them before */
#define FRAME_PATH_MAX          4096u            /* files, URLs, names */
#define FRAME_LIST_MAX          256u             /* entries of a list */

enum frame_type {
	/* daemon → uplink */
	FRAME_SETUP = 1,        /* once, first: names, version (number), keepalive, files, urls */
	FRAME_CONNECT,          /* one attempt: url (number), session, will */
	FRAME_PUBLISH,          /* token, topic, retain (flag), payload, correlation */
	FRAME_SUBSCRIBE,        /* filters */
	FRAME_UNSUBSCRIBE,      /* filters */
	FRAME_DISCONNECT,       /* end the connection cleanly */
	FRAME_QUIT,             /* end the process */
	/* uplink → daemon */
	FRAME_UP = 65,          /* receive maximum (number) */
	FRAME_DOWN,             /* enum hub_down (number), text */
	FRAME_DELIVERED,        /* token */
	FRAME_REFUSED,          /* token, reason (number), text */
	FRAME_MESSAGE,          /* topic, payload, retained (flag), response topic, correlation */
	FRAME_SUBSCRIBED,       /* ok (flag), text */
	FRAME_LOG,              /* enum log_level (number), text */
	FRAME_ALIVE,            /* nothing: the main loop turns */
	FRAME_DROPPED,          /* token: so many messages of the hub since the last; too large (flag), else they came faster than they could be taken */
};

/* Binary data, borrowed; data NULL: absent (which an empty piece is not). */
struct frame_bytes { const void *data; size_t len; };
struct frame_list  { size_t n; const char *items[FRAME_LIST_MAX]; };

/* One frame, decoded: only the members of its type mean anything. Everything pointed to is borrowed: from the caller when encoding, from the received bytes
 * when decoded. Text that may be absent is NULL then. */
struct frame {
	enum frame_type    type;
	uint64_t           token;
	int64_t            session;
	uint32_t           number;
	uint32_t           keepalive_s;
	bool               flag;
	const char        *topic;
	const char        *response_topic;
	const char        *text;
	struct frame_bytes payload;
	struct frame_bytes correlation;
	const char        *client_id, *username, *password_file, *tls_ca, *tls_cert, *tls_key;
	struct frame_list  list;        /* urls or filters */
};

/* The bytes that frame_encode would write, head included; 0 if a field is beyond its bound or the whole beyond FRAME_MAX_BYTES. */
size_t frame_size(const struct frame *f);
/* Writes the whole frame and returns its size; 0 if a bound is broken or it does not fit into room. */
size_t frame_encode(const struct frame *f, void *buf, size_t room);

/* Is there a whole frame at the start of these bytes? 1: yes, of *ret_len bytes. 0: more bytes are needed. -1: the length is out of bounds (ERR_PROTOCOL). */
int frame_whole(const void *buf, size_t len, size_t *ret_len, struct err *reterr);
/* Decodes one whole frame (len as told by frame_whole). 0, or ERR_PROTOCOL: unknown type, a field cut or out of bounds, bytes left over. ret is written either way. */
int frame_decode(const void *buf, size_t len, struct frame *ret, struct err *reterr);

/* For logs: "publish". Static. */
const char *frame_type_name(enum frame_type type);

#endif
