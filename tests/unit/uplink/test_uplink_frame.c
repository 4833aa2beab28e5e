/* The frame codec: what goes in comes out, every bound holds, and no damage is taken for a frame. */
#include "gateway/uplink/frame.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

static const enum frame_type all[] = { FRAME_SETUP, FRAME_CONNECT, FRAME_PUBLISH, FRAME_SUBSCRIBE, FRAME_UNSUBSCRIBE, FRAME_DISCONNECT, FRAME_QUIT,
	FRAME_UP, FRAME_DOWN, FRAME_DELIVERED, FRAME_REFUSED, FRAME_MESSAGE, FRAME_SUBSCRIBED, FRAME_LOG, FRAME_ALIVE, FRAME_DROPPED };
#define N_ALL (sizeof all / sizeof all[0])

/* Every member set, so that every type finds its own. */
static struct frame full(enum frame_type type)
{
	return (struct frame){
		.type = type, .token = UINT64_C(0xFEDCBA9876543210), .session = INT64_C(-1764208800), .number = 0x80000001u, .keepalive_s = 20, .flag = true,
		.topic = "fire/v1/500110/002/003/qj/event/fire", .response_topic = "reply/x", .text = "why", .payload = { "pay\0load", 8 },
		.correlation = { "\0\1\2", 3 }, .client_id = "qj", .username = "user", .password_file = "/etc/p", .tls_ca = "ca", .tls_cert = "cert",
		.tls_key = "key", .list = { .n = 2, .items = { "one", "two" } },
	};
}

static void same_text(const char *a, const char *b)
{
	if (!a || !b)
		assert_ptr_equal(a, b);
	else
		assert_string_equal(a, b);
}

/* Decodes, encodes again, compares the bytes: nothing was lost. */
static void round_trip(const struct frame *f)
{
	static unsigned char once[FRAME_MAX_BYTES], twice[FRAME_MAX_BYTES];
	size_t size = frame_size(f), len = frame_encode(f, once, sizeof once), whole = 0;
	struct frame back;
	struct err e = { .text = "" };

	assert_true(len > 0);
	assert_int_equal(size, len);
	assert_int_equal(frame_encode(f, twice, len - 1), 0);
	for (size_t cut = 0; cut < len; cut += cut < 64 ? 1 : 977)
		assert_int_equal(frame_whole(once, cut, &whole, &e), 0);
	assert_int_equal(frame_whole(once, len, &whole, &e), 1);
	assert_int_equal(whole, len);
	if (frame_decode(once, len, &back, &e) < 0)
		fail_msg("%s", e.text);
	assert_int_equal(back.type, f->type);
	assert_int_equal(frame_encode(&back, twice, sizeof twice), len);
	assert_memory_equal(once, twice, len);
}

static void test_round_trip(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_ALL; i++) {
		struct frame f = full(all[i]);
		round_trip(&f);
	}
}

static void test_members(void **state)
{
	unsigned char buf[4096];
	struct frame f = full(FRAME_PUBLISH), back;
	struct err e;

	(void)state;
	size_t len = frame_encode(&f, buf, sizeof buf);
	assert_int_equal(frame_decode(buf, len, &back, &e), 0);
	assert_true(back.token == f.token && back.flag);
	same_text(back.topic, f.topic);
	assert_int_equal(back.payload.len, 8);
	assert_memory_equal(back.payload.data, "pay\0load", 8);
	assert_int_equal(back.correlation.len, 3);
	f = full(FRAME_CONNECT);
	f.topic = NULL;
	f.payload = (struct frame_bytes){ NULL, 0 };
	len = frame_encode(&f, buf, sizeof buf);
	assert_int_equal(frame_decode(buf, len, &back, &e), 0);
	assert_null(back.topic);
	assert_null(back.payload.data);
	assert_true(back.session == f.session);
	/* Empty is not absent. */
	f = full(FRAME_MESSAGE);
	f.payload = (struct frame_bytes){ "", 0 };
	f.correlation = (struct frame_bytes){ NULL, 0 };
	f.response_topic = NULL;
	len = frame_encode(&f, buf, sizeof buf);
	assert_int_equal(frame_decode(buf, len, &back, &e), 0);
	assert_non_null(back.payload.data);
	assert_null(back.correlation.data);
	assert_null(back.response_topic);
	f = full(FRAME_SETUP);
	f.username = f.password_file = f.tls_ca = f.tls_cert = f.tls_key = NULL;
	len = frame_encode(&f, buf, sizeof buf);
	assert_int_equal(frame_decode(buf, len, &back, &e), 0);
	assert_null(back.username);
	assert_int_equal(back.list.n, 2);
	assert_string_equal(back.list.items[1], "two");
}

static void test_bounds(void **state)
{
	char *big = malloc(FRAME_MAX_BYTES + 1);
	struct frame f = full(FRAME_PUBLISH);

	(void)state;
	memset(big, 'x', FRAME_MAX_BYTES);
	big[FRAME_MAX_BYTES] = '\0';
	f.payload = (struct frame_bytes){ big, FRAME_PAYLOAD_MAX };
	round_trip(&f);
	f.payload.len++;
	assert_int_equal(frame_size(&f), 0);
	f = full(FRAME_PUBLISH);
	f.topic = big + FRAME_MAX_BYTES - FRAME_TOPIC_MAX;
	round_trip(&f);
	f.topic--;
	assert_int_equal(frame_size(&f), 0);
	f = full(FRAME_PUBLISH);
	f.topic = NULL;
	assert_int_equal(frame_size(&f), 0);
	f = full(FRAME_PUBLISH);
	f.payload = (struct frame_bytes){ NULL, 1 };
	assert_int_equal(frame_size(&f), 0);
	f = full(FRAME_SUBSCRIBE);
	f.list.n = 0;
	assert_int_equal(frame_size(&f), 0);
	f.list.n = FRAME_LIST_MAX;
	for (size_t i = 0; i < FRAME_LIST_MAX; i++)
		f.list.items[i] = "filter/+";
	round_trip(&f);
	/* Each entry within its bound, the whole beyond. */
	for (size_t i = 0; i < FRAME_LIST_MAX; i++)
		f.list.items[i] = big + FRAME_MAX_BYTES - FRAME_TOPIC_MAX;
	assert_int_equal(frame_size(&f), 0);
	f.type = (enum frame_type)99;
	assert_int_equal(frame_size(&f), 0);
	free(big);
}

static void refuse(const unsigned char *buf, size_t len)
{
	struct frame f;
	struct err e = { .text = "" };

	assert_int_equal(frame_decode(buf, len, &f, &e), -1);
	assert_int_equal(e.code, ERR_PROTOCOL);
	assert_true(e.text[0] != '\0');
}

static void test_damage(void **state)
{
	unsigned char buf[1024];
	struct err e;
	size_t whole;
	struct frame f = full(FRAME_REFUSED);

	(void)state;
	size_t len = frame_encode(&f, buf, sizeof buf);
	/* Every cut, and bytes behind. */
	for (size_t cut = FRAME_HEAD_BYTES; cut < len; cut++)
		refuse(buf, cut);
	buf[len] = 0;
	refuse(buf, len + 1);
	/* A NUL inside a text, none behind, a length beyond the end, an absent one. */
	size_t text = FRAME_HEAD_BYTES + 1 + 8 + 4;
	buf[text + 4] = '\0';
	refuse(buf, len);
	buf[text + 4] = 'w';
	buf[len - 1] = 'x';
	refuse(buf, len);
	buf[len - 1] = '\0';
	buf[text] = 200;
	refuse(buf, len);
	memset(buf + text, 0xFF, 4);
	refuse(buf, len);
	buf[FRAME_HEAD_BYTES] = 0;
	refuse(buf, len);
	buf[FRAME_HEAD_BYTES] = 99;
	refuse(buf, len);
	f = full(FRAME_SUBSCRIBED);
	len = frame_encode(&f, buf, sizeof buf);
	buf[FRAME_HEAD_BYTES + 1] = 2;
	refuse(buf, len);
	const unsigned char zero[] = { 0, 0, 0, 0 }, huge[] = { 0, 0, 4, 0, 1 }, most[] = { 0xFF, 0xFF, 0xFF, 0xFF };
	assert_int_equal(frame_whole(zero, sizeof zero, &whole, &e), -1);
	assert_int_equal(frame_whole(huge, sizeof huge, &whole, &e), -1);
	assert_int_equal(frame_whole(most, sizeof most, &whole, &e), -1);
}

/* Random bytes over valid frames: decoded or refused, and what is decoded encodes to the same bytes. */
static void test_random_damage(void **state)
{
	static unsigned char buf[4096], again[4096];
	unsigned seed = (unsigned)time(NULL);
	size_t decoded = 0;

	(void)state;
	print_message("seed %u\n", seed);
	srand(seed);
	for (int round = 0; round < 200000; round++) {
		struct frame f = full(all[(size_t)rand() % N_ALL]), back;
		struct err e;
		size_t len = frame_encode(&f, buf, sizeof buf);
		for (int hits = rand() % 4; hits > 0; hits--)
			buf[FRAME_HEAD_BYTES + (size_t)rand() % (len - FRAME_HEAD_BYTES)] = (unsigned char)(rand() % 3 ? rand() % 8 : rand());
		if (frame_decode(buf, len, &back, &e) < 0)
			continue;
		decoded++;
		assert_int_equal(frame_encode(&back, again, sizeof again), len);
		assert_memory_equal(buf, again, len);
	}
	assert_true(decoded > 1000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_trip), cmocka_unit_test(test_members), cmocka_unit_test(test_bounds), cmocka_unit_test(test_damage),
		cmocka_unit_test(test_random_damage),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
