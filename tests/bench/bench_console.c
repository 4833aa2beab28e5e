/* bench_console BROKER_PORT CLIENT_ID MATCH TOPIC…: a subscriber that stamps. It keeps its session over a broker's absence, and prints
 *   connected MONO_NS            the subscription stands (again)
 *   MONO_NS RETAIN TOPIC PAYLOAD a message. Of readings only what is before the rows, unless MATCH stands in it; what is no JSON is in hex
 * CLOCK_MONOTONIC, taken when the bytes were read from the socket. Ends when its stdin does. */
#include "tests/bench/wire.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define RETRY_MS 20
#define ROWS     ",\"readings\":"

static long long mono_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (long long)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

static void print_payload(const uint8_t *payload, size_t len, const char *match)
{
	if (len == 0 || payload[0] == '{') {
		const char *rows = memmem(payload, len, ROWS, strlen(ROWS));
		if (rows && !memmem(payload, len, match, strlen(match)))
			printf("%.*s}\n", (int)(rows - (const char *)payload), (const char *)payload);
		else
			printf("%.*s\n", (int)len, (const char *)payload);
		return;
	}
	for (size_t i = 0; i < len; i++)
		printf("%02x", payload[i]);
	putchar('\n');
}

static int subscribe(struct wire *w, int port, const char *client_id, char *const *topics)
{
	if (wire_connect(w, port, client_id, false))
		return -1;
	for (uint16_t i = 0; topics[i]; i++)
		wire_subscribe(w, topics[i], (uint16_t)(i + 1));
	return wire_flush(w);
}

/* False: stdin ended. */
static bool stdin_stands(int timeout_ms)
{
	struct pollfd p = { .fd = 0, .events = POLLIN };
	char c[64];

	return poll(&p, 1, timeout_ms) <= 0 || read(0, c, sizeof c) > 0;
}

static int take(struct wire *w, const char *match, size_t topics)
{
	struct wire_packet p;

	if (wire_receive(w))
		return -1;
	long long at = mono_ns();
	while (wire_next(w, &p)) {
		if (p.type == WIRE_SUBACK && p.payload[1] == topics)
			printf("connected %lld\n", at);
		if (p.type != WIRE_PUBLISH)
			continue;
		printf("%lld %d %.*s ", at, p.retain, (int)p.topic_len, p.topic);
		print_payload(p.payload, p.payload_len, match);
		if (p.has_id)
			wire_ack(w, p.id);
	}
	fflush(stdout);
	return wire_flush(w);
}

int main(int argc, char **argv)
{
	struct wire w = { .fd = -1 };

	if (argc < 5) {
		fprintf(stderr, "usage: bench_console BROKER_PORT CLIENT_ID MATCH TOPIC...\n");
		return 2;
	}
	for (;;) {
		if (w.fd < 0 && subscribe(&w, atoi(argv[1]), argv[2], argv + 4)) {
			wire_close(&w);
			if (!stdin_stands(RETRY_MS))
				return 0;
			continue;
		}
		struct pollfd p[2] = { { .fd = w.fd, .events = POLLIN }, { .fd = 0, .events = POLLIN } };
		poll(p, 2, -1);
		if (p[1].revents && !stdin_stands(0))
			return 0;
		if (p[0].revents && take(&w, argv[3], (size_t)argc - 4))
			wire_close(&w);
	}
}
