/* Addresses, and what people are told when a hub is not there. */
#include "gateway/uplink/reason.h"
#include "gateway/uplink/url.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static void test_urls(void **state)
{
	static const struct { const char *text, *paho, *host, *port; bool tls; } good[] = {
		{ "mqtt://hub", "tcp://hub:1883", "hub", "1883", false },
		{ "mqtt://hub:1", "tcp://hub:1", "hub", "1", false },
		{ "mqtts://hub.example:8884/", "ssl://hub.example:8884", "hub.example", "8884", true },
		{ "mqtts://hub", "ssl://hub:8883", "hub", "8883", true },
		{ "tcp://10.0.0.1", "tcp://10.0.0.1:1883", "10.0.0.1", "1883", false },
		{ "ssl://[fd00::1]", "ssl://[fd00::1]:8883", "fd00::1", "8883", true },
		{ "mqtt://[::1]:1884", "tcp://[::1]:1884", "::1", "1884", false },
		{ "ws://hub/mqtt", "ws://hub:80/mqtt", "hub", "80", false },
		{ "wss://hub:65535/a/b", "wss://hub:65535/a/b", "hub", "65535", true },
	};
	static const char *const bad[] = { "", "hub", "http://hub", "mqtt://", "mqtt://:1883", "mqtt://hub:", "mqtt://hub:0", "mqtt://hub:65536", "mqtt://hub:1x",
		"mqtt://hub:123456", "mqtt://user:secret@hub", "mqtt://hub/path", "mqtt://[::1", "mqtt://[]:1", "mqtt://[::1]x", "mqtt://::1" };
	struct url u;
	struct err e;

	(void)state;
	for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
		if (url_parse(good[i].text, &u, &e) < 0)
			fail_msg("%s: %s", good[i].text, e.text);
		assert_string_equal(u.paho, good[i].paho);
		assert_string_equal(u.host, good[i].host);
		assert_string_equal(u.port, good[i].port);
		assert_int_equal(u.tls, good[i].tls);
	}
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		e.text[0] = '\0';
		if (url_parse(bad[i], &u, &e) == 0)
			fail_msg("taken: %s", bad[i]);
		assert_null(strstr(e.text, "secret"));
	}
}

static void test_connack(void **state)
{
	char text[300];

	(void)state;
	assert_int_equal(reason_connack(5, 134, text, sizeof text), HUB_DOWN_REFUSED);
	assert_non_null(strstr(text, "bad user name or password (code 134): check username and password_file"));
	assert_int_equal(reason_connack(5, 137, text, sizeof text), HUB_DOWN_UNREACHABLE);
	assert_int_equal(reason_connack(5, 142, text, sizeof text), HUB_DOWN_REFUSED);
	assert_int_equal(reason_connack(5, 1, text, sizeof text), HUB_DOWN_REFUSED);
	assert_non_null(strstr(text, "set version: 3.1.1"));
	assert_int_equal(reason_connack(311, 3, text, sizeof text), HUB_DOWN_UNREACHABLE);
	assert_int_equal(reason_connack(311, 5, text, sizeof text), HUB_DOWN_REFUSED);
	assert_int_equal(reason_connack(311, 77, text, sizeof text), HUB_DOWN_REFUSED);
	assert_non_null(strstr(text, "unknown reason (code 77)"));
	assert_string_equal(reason_mqtt5(135), "not authorised");
	assert_string_equal(reason_mqtt5(7), "unknown reason");
}

static enum hub_down told(const char *const *lines, const char *url, const char *message, char *text, size_t room)
{
	struct reason_notes n = { 0 };
	struct url u;

	assert_int_equal(url_parse(url, &u, NULL), 0);
	for (; *lines; lines++)
		reason_note(&n, *lines);
	return reason_transport(&n, &u, message, text, room);
}

static void test_transport(void **state)
{
	static const char trace[] = "20261124 034902.664 ";
	static const struct { const char *lines[5], *url, *message; enum hub_down why; const char *part; } cases[] = {
		{ { "x Socket error Connection refused(111) in connect for socket 6" }, "mqtt://h", "TCP/TLS connect failure", HUB_DOWN_UNREACHABLE, "h:1883: Connection refused" },
		{ { 0 }, "mqtt://h", "TCP connect timeout", HUB_DOWN_UNREACHABLE, "no answer" },
		{ { "SSL handshake done write:unknown:unknown" }, "mqtts://h", "TCP connect timeout", HUB_DOWN_UNREACHABLE, "no answer" },
		{ { 0 }, "mqtt://h", "TCP connect completion failure", HUB_DOWN_UNREACHABLE, "is this an MQTT port" },
		{ { 0 }, "mqtt://h", NULL, HUB_DOWN_UNREACHABLE, "cannot connect to h:1883" },
		{ { "SSL alert write:fatal:unknown CA", "A:error:0A000086:SSL routines:f:certificate verify failed:../x.c:1889:\n" }, "mqtts://h", NULL,
		  HUB_DOWN_CERTIFICATE, "check tls.ca (unknown CA; certificate verify failed)" },
		{ { "SSL alert write:fatal:certificate expired" }, "mqtts://h", NULL, HUB_DOWN_CERTIFICATE, "or our clock is wrong" },
		{ { "SSL alert read:fatal:certificate required" }, "wss://h", NULL, HUB_DOWN_CERTIFICATE, "set tls.cert and tls.key" },
		{ { "X509_check_host for hostname h failed, rc 0", "SSL alert write:warning:close notify" }, "mqtts://h", NULL, HUB_DOWN_CERTIFICATE, "another name" },
		{ { "X509_check_host for hostname 10.0.0.1 failed, rc 0", "rc from X509_check_ip_asc is 1" }, "mqtts://10.0.0.1", NULL, HUB_DOWN_UNREACHABLE, "cannot connect" },
		{ { "A:error:0A00010B:SSL routines:ssl3_get_record:wrong version number:../x.c:1:" }, "mqtts://h", NULL, HUB_DOWN_UNREACHABLE, "wrong version number (is this the TLS port?)" },
		{ { "SSLSocket error (5) in SSL_connect for socket 6 rc -1 errno 104 Connection reset by peer\n" }, "mqtts://h", NULL, HUB_DOWN_UNREACHABLE,
		  "Connection reset by peer (is this the TLS port?)" },
		{ { "SSLSocket error (9) in SSL_CTX_use_PrivateKey_file for socket 6 rc 0 errno 0 Success" }, "mqtts://h", NULL, HUB_DOWN_CERTIFICATE, "tls.key cannot be used" },
		{ { "SSL handshake done write:unknown:unknown" }, "mqtts://h", NULL, HUB_DOWN_CERTIFICATE, "right after the TLS handshake" },
	};
	char text[300], line[400];

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		enum hub_down why = told(cases[i].lines, cases[i].url, cases[i].message, text, sizeof text);
		if (why != cases[i].why || !strstr(text, cases[i].part))
			fail_msg("case %zu: %d, %s", i, (int)why, text);
		/* With the library's time stamp in front, it is the same. */
		if (cases[i].lines[0]) {
			struct reason_notes a = { 0 }, b = { 0 };
			snprintf(line, sizeof line, "%s%s", trace, cases[i].lines[0]);
			reason_note(&a, cases[i].lines[0]);
			reason_note(&b, line);
			assert_memory_equal(&a, &b, sizeof a);
		}
	}
}

/* Lines that are cut, or far too long. */
static void test_odd_lines(void **state)
{
	static const char *const lines[] = { "", "SSL alert ", "SSL alert write", ":error:", ":error:1:2:3", ":error:1:2:3:", "Socket error ", "SSLSocket error ",
		"SSLSocket error x errno ", "SSLSocket error x errno 5", "X509_check_ip_asc is " };
	char big[2000];
	struct reason_notes n = { 0 };

	(void)state;
	for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++)
		reason_note(&n, lines[i]);
	memset(big, 'x', sizeof big - 1);
	big[sizeof big - 1] = '\0';
	memcpy(big, "Socket error ", 13);
	reason_note(&n, big);
	assert_int_equal(strlen(n.socket_error), sizeof n.socket_error - 1);
	memcpy(big, "SSL alert write:", 16);
	reason_note(&n, big);
	assert_int_equal(strlen(n.alert_sent), sizeof n.alert_sent - 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_urls), cmocka_unit_test(test_connack), cmocka_unit_test(test_transport), cmocka_unit_test(test_odd_lines),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
