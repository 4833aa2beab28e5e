/* wire: as little MQTT 3.1.1 as a measuring client needs, QoS 1 both ways, over one socket on loopback. Of the benchmark alone: it trusts its broker. */
#ifndef FIREGW_TESTS_BENCH_WIRE_H
#define FIREGW_TESTS_BENCH_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum wire_type { WIRE_CONNACK = 2, WIRE_PUBLISH = 3, WIRE_PUBACK = 4, WIRE_SUBACK = 9 };

struct wire_buffer { uint8_t *data; size_t len, cap; };

struct wire {
	int                fd;  /* -1: not connected */
	struct wire_buffer in, out;
	size_t             used; /* of in, read by wire_next */
};

/* Texts and payload point into the wire's buffer, until the next wire_receive. */
struct wire_packet {
	enum wire_type type;
	bool           retain, has_id;
	uint16_t       id;
	const char    *topic;
	size_t         topic_len;
	const uint8_t *payload;
	size_t         payload_len;
};

/* Blocks until the broker accepts. 0, or -1: nobody there, or refused. `clean` false: the broker keeps the session and what comes for it. No keepalive. */
int  wire_connect(struct wire *w, int port, const char *client_id, bool clean);
void wire_close(struct wire *w);

/* These three only gather; wire_flush sends, waiting where it must. 0 or -1. */
void wire_publish(struct wire *w, const char *topic, uint16_t id, const void *payload, size_t len);
void wire_subscribe(struct wire *w, const char *topic, uint16_t id);
void wire_ack(struct wire *w, uint16_t id);
int  wire_flush(struct wire *w);

/* One recv. 0, or -1: the connection is gone. */
int  wire_receive(struct wire *w);
/* The next whole packet that was received; false: none. */
bool wire_next(struct wire *w, struct wire_packet *ret);

#endif
