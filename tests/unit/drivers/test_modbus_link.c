/* A link by itself, on real sockets and virtual time. */
#include "drivers/modbus/link.h"

#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

/* Connects draw their own port from the range that this one is of, so that one of them may be given it, and TCP then connects the socket to itself: about once
 * a round through the range (`net.ipv4.ip_local_port_range`), of which this makes six. */
static void test_never_its_own_echo(void **state)
{
	struct bus_config config = { .host = "127.0.0.1", .port = 0, .seed = 1 };
	struct link l;
	int64_t now_ns = CLOCK_NS_PER_S;
	unsigned low = 0, high = 0;
	FILE *f = fopen("/proc/sys/net/ipv4/ip_local_port_range", "r");

	(void)state;
	assert_non_null(f);
	assert_int_equal(fscanf(f, "%u %u", &low, &high), 2);
	fclose(f);
	config.port = (uint16_t)(low + (high - low) / 4 * 2); /* of the half that connects prefer; nobody listens there */
	assert_int_equal(link_init(&l, &config, now_ns, NULL), 0);
	for (unsigned i = 0; i < 6 * (high - low); i++) {
		struct bus_event ev = { 0 };
		link_tick(&l, &ev, true, now_ns);
		if (l.state == LINK_CONNECTING) {
			struct pollfd pfd = { .fd = l.fd, .events = POLLOUT };
			assert_int_equal(poll(&pfd, 1, 1000), 1);
			ev.revents = pfd.revents;
			link_tick(&l, &ev, true, now_ns);
		}
		assert_int_equal(l.state, LINK_DOWN);
		now_ns += 11 * CLOCK_NS_PER_S;
	}
	assert_non_null(strstr(l.why, "Connection refused"));
	link_done(&l);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_never_its_own_echo) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
