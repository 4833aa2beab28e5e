/* A broker that we script: what an MQTT 5 server may demand, say and get wrong. */
#include "rig.h"

#include <stdlib.h>

/* Answers CONNECT with `connack`, acknowledges every publish with `reason`, and after `say_after` of them says `say`. */
struct peer {
	uv_tcp_t      server, client;
	bool          open;
	unsigned char connack[64], say[64];
	size_t        connack_len, say_len, say_after, publishes;
	unsigned char reason;
	bool          connected;
	unsigned      keepalive;
	unsigned char in[65536];
	size_t        in_len;
};

struct world { struct broker broker; struct rig rig; struct peer peer; };

static void peer_write(struct peer *p, const unsigned char *data, size_t len)
{
	uv_buf_t buf = uv_buf_init((char *)(uintptr_t)data, (unsigned)len);

	if (len > 0 && p->open)
		(void)uv_try_write((uv_stream_t *)&p->client, &buf, 1);
}

static void on_packet(struct peer *p, const unsigned char *body, size_t len, unsigned type)
{
	if (type == 1 && len > 10) {
		p->keepalive = (unsigned)(body[8] << 8 | body[9]);
		peer_write(p, p->connack, p->connack_len);
	}
	if (type == 3) {
		size_t topic = (size_t)(body[0] << 8 | body[1]);
		const unsigned char ack[] = { 0x40, 4, body[2 + topic], body[3 + topic], p->reason, 0 };
		peer_write(p, ack, sizeof ack);
		if (++p->publishes == p->say_after)
			peer_write(p, p->say, p->say_len);
	}
}

static void on_room(uv_handle_t *h, size_t suggested, uv_buf_t *ret)
{
	struct peer *p = h->data;

	(void)suggested;
	*ret = uv_buf_init((char *)p->in + p->in_len, (unsigned)(sizeof p->in - p->in_len));
}

static void on_client_closed(uv_handle_t *h)
{
	struct peer *p = h->data;

	p->open = false;
}

static void on_bytes(uv_stream_t *s, ssize_t n, const uv_buf_t *buf)
{
	struct peer *p = s->data;

	(void)buf;
	if (n < 0) {
		if (!uv_is_closing((uv_handle_t *)s))
			uv_close((uv_handle_t *)s, on_client_closed);
		return;
	}
	p->in_len += (size_t)n;
	for (;;) {
		size_t at = 1, len = 0;
		unsigned shift = 0;
		while (at < p->in_len && p->in[at] >= 0x80) {
			len |= (size_t)(p->in[at++] & 0x7F) << shift;
			shift += 7;
		}
		if (at >= p->in_len)
			return;
		len |= (size_t)p->in[at++] << shift;
		if (p->in_len - at < len)
			return;
		on_packet(p, p->in + at, len, p->in[0] >> 4);
		p->in_len -= at + len;
		memmove(p->in, p->in + at + len, p->in_len);
	}
}

static void on_connection(uv_stream_t *server, int status)
{
	struct peer *p = server->data;

	assert_int_equal(status, 0);
	assert_false(p->open);
	uv_tcp_init(server->loop, &p->client);
	p->client.data = p;
	p->open = true;
	p->in_len = 0;
	assert_int_equal(uv_accept(server, (uv_stream_t *)&p->client), 0);
	uv_read_start((uv_stream_t *)&p->client, on_room, on_bytes);
}

static int setup_world(void **state)
{
	struct world *w = calloc(1, sizeof *w);
	struct sockaddr_in a;

	broker_init(&w->broker);
	rig_init(&w->rig, &w->broker);
	uv_ip4_addr("127.0.0.1", w->broker.port, &a);
	uv_tcp_init(&w->rig.loop, &w->peer.server);
	w->peer.server.data = &w->peer;
	assert_int_equal(uv_tcp_bind(&w->peer.server, (struct sockaddr *)&a, 0), 0);
	assert_int_equal(uv_listen((uv_stream_t *)&w->peer.server, 8, on_connection), 0);
	rig_link(&w->rig);
	*state = w;
	return 0;
}

static int teardown_world(void **state)
{
	struct world *w = *state;

	rig_close_link(&w->rig);
	if (w->peer.open && !uv_is_closing((uv_handle_t *)&w->peer.client))
		uv_close((uv_handle_t *)&w->peer.client, on_client_closed);
	uv_close((uv_handle_t *)&w->peer.server, NULL);
	rig_done(&w->rig);
	broker_done(&w->broker);
	free(w);
	return 0;
}

/* CONNACK of MQTT 5 with these properties. */
static void answers(struct peer *p, unsigned char code, const unsigned char *properties, size_t len)
{
	const unsigned char head[] = { 0x20, (unsigned char)(3 + len), 0, code, (unsigned char)len };

	memcpy(p->connack, head, sizeof head);
	if (len > 0)
		memcpy(p->connack + sizeof head, properties, len);
	p->connack_len = sizeof head + len;
}

#define ANSWERS(p, code, ...) do { const unsigned char props_[] = { __VA_ARGS__ }; answers(p, code, props_, sizeof props_); } while (0)

static void test_receive_maximum_of_one(void **state)
{
	struct world *w = *state;
	struct rig *r = &w->rig;

	ANSWERS(&w->peer, 0, 0x21, 0, 1);
	rig_up(r);
	assert_int_equal(r->receive_max, 1);
	for (uint64_t i = 0; i < 50; i++)
		assert_int_equal(rig_send(r, i, "rig/x", false, "x", 1), 0);
	WAIT(r, r->n_delivered == 50);
	rig_disconnect(r);
}

/* Too large for this server: refused by us, for it would end the connection each time. */
static void test_maximum_packet_size(void **state)
{
	struct world *w = *state;
	struct rig *r = &w->rig;
	char payload[2000] = "";

	ANSWERS(&w->peer, 0, 0x27, 0, 0, 4, 0);
	rig_up(r);
	assert_int_equal(rig_send(r, 1, "rig/x", false, payload, sizeof payload), 0);
	assert_int_equal(rig_send(r, 2, "rig/x", false, payload, 100), 0);
	WAIT(r, r->n_refused == 1 && r->n_delivered == 1);
	assert_int_equal(r->refused[0].token, 1);
	assert_int_equal(r->refused[0].reason, 149);
	assert_int_equal(r->delivered[0], 2);
	rig_disconnect(r);
}

static void test_no_retain(void **state)
{
	struct world *w = *state;
	struct rig *r = &w->rig;

	ANSWERS(&w->peer, 0, 0x25, 0);
	rig_up(r);
	assert_int_equal(rig_send(r, 1, "rig/x", true, "x", 1), 0);
	assert_int_equal(rig_send(r, 2, "rig/x", false, "x", 1), 0);
	WAIT(r, r->n_refused == 1 && r->n_delivered == 1);
	assert_int_equal(r->refused[0].reason, 154);
	rig_disconnect(r);
}

static void test_only_qos_0(void **state)
{
	struct world *w = *state;
	struct rig *r = &w->rig;

	ANSWERS(&w->peer, 0, 0x24, 0);
	assert_int_equal(rig_connect(r, 0, NULL, NULL), 0);
	WAIT(r, r->downs == 1);
	assert_int_equal(r->why, HUB_DOWN_REFUSED);
	assert_non_null(strstr(r->text, "only QoS 0"));
}

static void test_shorter_keepalive(void **state)
{
	struct world *w = *state;
	struct rig *r = &w->rig;

	ANSWERS(&w->peer, 0, 0x13, 0, 7);
	rig_up(r);
	assert_int_equal(w->peer.keepalive, 20);
	rig_disconnect(r);
	WAIT(r, !w->peer.open);
	rig_up(r);
	assert_int_equal(w->peer.keepalive, 7);
	rig_disconnect(r);
}

static void test_refusals(void **state)
{
	struct world *w = *state;
	struct rig *r = &w->rig;
	static const struct { unsigned char code; enum hub_down why; const char *part; } cases[] = {
		{ 132, HUB_DOWN_REFUSED, "set version: 3.1.1" }, { 134, HUB_DOWN_REFUSED, "bad user name or password" }, { 137, HUB_DOWN_UNREACHABLE, "server busy" },
		{ 157, HUB_DOWN_REFUSED, "server moved" }, { 1, HUB_DOWN_REFUSED, "unacceptable protocol version" },
	};

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		answers(&w->peer, cases[i].code, NULL, 0);
		assert_int_equal(rig_connect(r, 0, NULL, NULL), 0);
		WAIT(r, r->downs == i + 1);
		assert_int_equal(r->why, cases[i].why);
		if (!strstr(r->text, cases[i].part))
			fail_msg("said: %s", r->text);
		WAIT(r, !w->peer.open);
	}
}

static void test_publish_refused_with_reason(void **state)
{
	struct world *w = *state;
	struct rig *r = &w->rig;

	answers(&w->peer, 0, NULL, 0);
	w->peer.reason = 151;
	rig_up(r);
	assert_int_equal(rig_send(r, 9, "rig/x", false, "x", 1), 0);
	WAIT(r, r->n_refused == 1);
	assert_int_equal(r->refused[0].reason, 151);
	assert_string_equal(r->refused[0].text, "quota exceeded");
	/* 16, no subscriber, is a success. */
	w->peer.reason = 16;
	assert_int_equal(rig_send(r, 10, "rig/x", false, "x", 1), 0);
	WAIT(r, r->n_delivered == 1);
	rig_disconnect(r);
}

static void says(struct peer *p, const unsigned char *bytes, size_t len)
{
	memcpy(p->say, bytes, len);
	p->say_len = len;
	p->say_after = p->publishes + 1;
}

static void test_server_disconnects(void **state)
{
	struct world *w = *state;
	struct rig *r = &w->rig;
	/* Reason string: "bye" */
	static const unsigned char disconnect[] = { 0xE0, 8, 142, 6, 0x1F, 0, 3, 'b', 'y', 'e' };

	answers(&w->peer, 0, NULL, 0);
	says(&w->peer, disconnect, sizeof disconnect);
	rig_up(r);
	assert_int_equal(rig_send(r, 1, "rig/x", false, "x", 1), 0);
	WAIT(r, r->downs == 1);
	assert_int_equal(r->why, HUB_DOWN_LOST);
	if (!strstr(r->text, "session taken over (code 142): bye"))
		fail_msg("said: %s", r->text);
}

/* Garbage ends the connection, or at worst the process: the daemon is told either way, and the next attempt works. */
static void test_garbage(void **state)
{
	struct world *w = *state;
	struct rig *r = &w->rig;
	static const unsigned char garbage[][12] = {
		{ 0x00, 0x00 }, { 0xFF, 0xFF, 0xFF, 0xFF, 0xFF }, { 0x40, 0x01, 0x00 }, { 0x30, 0x02, 0xFF, 0xFF }, { 0x90, 0x02, 0x00, 0x01 },
		{ 0x32, 0x05, 0x00, 0x01, 'x', 0x00, 0x01 }, { 0x20, 0x00 },
	};

	for (size_t i = 0; i < sizeof garbage / sizeof garbage[0]; i++) {
		size_t downs = r->downs;
		answers(&w->peer, 0, NULL, 0);
		says(&w->peer, garbage[i], sizeof garbage[i]);
		while (rig_connect(r, 0, NULL, NULL) < 0)
			uv_run(&r->loop, UV_RUN_ONCE);
		WAIT(r, r->ups == i + 1);
		assert_int_equal(rig_send(r, i, "rig/x", false, "x", 1), 0);
		size_t delivered = r->n_delivered;
		WAIT(r, r->n_delivered > delivered || r->downs > downs);
		/* What the library swallows without a word is ended by us. */
		if (r->downs == downs)
			uplink_link_ops()->disconnect(r->link);
		WAIT(r, r->downs > downs && !w->peer.open);
		print_message("garbage %zu: %s\n", i, r->text);
	}
}

/* An answer that is not MQTT at all. */
static void test_not_mqtt(void **state)
{
	struct world *w = *state;
	struct rig *r = &w->rig;
	static const char http[] = "HTTP/1.1 400 Bad Request\r\n\r\n";

	memcpy(w->peer.connack, http, sizeof http - 1);
	w->peer.connack_len = sizeof http - 1;
	assert_int_equal(rig_connect(r, 0, NULL, NULL), 0);
	WAIT(r, r->downs == 1);
	assert_int_equal(r->why, HUB_DOWN_UNREACHABLE);
	print_message("%s\n", r->text);
}

/* TCP that accepts and says nothing. */
static void test_silent(void **state)
{
	struct world *w = *state;
	struct rig *r = &w->rig;

	assert_int_equal(rig_connect(r, 0, NULL, NULL), 0);
	WAIT(r, r->downs == 1);
	assert_int_equal(r->why, HUB_DOWN_UNREACHABLE);
	assert_non_null(strstr(r->text, "no answer"));
}

/* An argument is a pattern of the tests to run. */
int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
#define T(f) cmocka_unit_test_setup_teardown(f, setup_world, teardown_world)
		T(test_receive_maximum_of_one), T(test_maximum_packet_size), T(test_no_retain), T(test_only_qos_0), T(test_shorter_keepalive), T(test_refusals),
		T(test_publish_refused_with_reason), T(test_server_disconnects), T(test_garbage), T(test_not_mqtt), T(test_silent),
	};

	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
