/* The link and firegw-uplink against a real broker: publishing, receiving, and every way of not being connected. */
#include "rig.h"

#include <signal.h>
#include <stdlib.h>

struct world { struct broker broker; struct rig rig; };

static int setup_world(void **state)
{
	struct world *w = calloc(1, sizeof *w);

	broker_init(&w->broker);
	rig_init(&w->rig, &w->broker);
	*state = w;
	return 0;
}

static int teardown_world(void **state)
{
	struct world *w = *state;

	rig_done(&w->rig);
	broker_done(&w->broker);
	free(w);
	return 0;
}

static void open_world(struct world *w)
{
	broker_start(&w->broker, "allow_anonymous true");
	rig_link(&w->rig);
}

/* As the pump does: never more than the broker's receive maximum in flight. */
static void publish_windowed(struct rig *r, size_t count)
{
	size_t before = r->n_delivered, sent = 0;
	char payload[32];

	while (r->n_delivered - before < count) {
		while (sent < count && sent - (r->n_delivered - before) < r->receive_max && sent - (r->n_delivered - before) < 1000) {
			int len = snprintf(payload, sizeof payload, "%zu", sent);
			assert_int_equal(rig_send(r, 1000 + sent, "rig/stream", false, payload, (size_t)len), 0);
			sent++;
		}
		size_t now = r->n_delivered;
		WAIT(r, r->n_delivered > now || r->downs > 0);
		if (r->downs > 0)
			fail_msg("down: %s", r->text);
	}
	for (size_t i = 0; i < count; i++)
		assert_int_equal(r->delivered[before + i], 1000 + i);
}

static void delivers_in_order(struct world *w, int version, uint16_t window)
{
	struct rig *r = &w->rig;
	struct observer *o;
	char line[64];

	r->config.version = version;
	open_world(w);
	o = observer_start(r, &w->broker, "rig/#");
	rig_up(r);
	assert_int_equal(r->receive_max, window);
	publish_windowed(r, 500);
	WAIT(r, observer_find(o, 0, "0|rig/stream|3|499") != SIZE_MAX);
	for (size_t i = 0, at = observer_find(o, 0, "0|rig/stream|"); i < 500; i++, at++) {
		snprintf(line, sizeof line, "0|rig/stream|%d|%zu", i < 10 ? 1 : i < 100 ? 2 : 3, i);
		assert_string_equal(o->lines[at], line);
	}
	rig_disconnect(r);
}

static void test_delivers_in_order_v5(void **state)
{
	delivers_in_order(*state, 5, 20);
}

static void test_delivers_in_order_v311(void **state)
{
	delivers_in_order(*state, 311, 65535);
}

/* More than the broker takes at once: the uplink holds the rest back, so that the library is never asked for more. */
static void test_more_than_window(void **state)
{
	struct world *w = *state;
	struct rig *r = &w->rig;

	open_world(w);
	rig_up(r);
	uint64_t start = uv_hrtime();
	for (uint64_t i = 0; i < 400; i++)
		assert_int_equal(rig_send(r, i, "rig/burst", false, "x", 1), 0);
	WAIT(r, r->n_delivered == 400);
	for (uint64_t i = 0; i < 400; i++)
		assert_int_equal(r->delivered[i], i);
	print_message("400 in a burst took %.1f ms\n", (double)(uv_hrtime() - start) / 1e6);
	rig_disconnect(r);
}

static void test_retained_set_and_cleared(void **state)
{
	struct world *w = *state;
	struct rig *r = &w->rig;
	struct observer *o;

	open_world(w);
	rig_up(r);
	assert_int_equal(rig_send(r, 1, "rig/alarm/a", true, "burning", 7), 0);
	assert_int_equal(rig_send(r, 2, "rig/alarm/b", true, "quiet", 5), 0);
	assert_int_equal(rig_send(r, 3, "rig/alarm/b", true, "", 0), 0);
	WAIT(r, r->n_delivered == 3);
	o = observer_start(r, &w->broker, "rig/#");
	WAIT(r, observer_find(o, 0, "1|rig/alarm/a|7|burning") != SIZE_MAX);
	assert_int_equal(observer_find(o, 0, "1|rig/alarm/b"), SIZE_MAX);
	rig_disconnect(r);
}

static void test_big_payload(void **state)
{
	struct world *w = *state;
	struct rig *r = &w->rig;
	struct observer *o;
	size_t len = 128 * 1024;
	char *payload = malloc(len);

	memset(payload, 'p', len);
	open_world(w);
	o = observer_start(r, &w->broker, "rig/#");
	rig_up(r);
	for (uint64_t i = 0; i < 5; i++)
		assert_int_equal(rig_send(r, i, "rig/big", false, payload, len), 0);
	/* A sixth and a seventh may not fit; a small one always does. */
	while (rig_send(r, 99, "rig/big", false, payload, len) == 0)
		;
	assert_int_equal(rig_send(r, 100, "rig/small", false, "s", 1), 0);
	WAIT(r, r->n_delivered > 0 && r->delivered[r->n_delivered - 1] == 100);
	WAIT(r, observer_find(o, 0, "0|rig/small|1|s") != SIZE_MAX);
	assert_true(observer_find(o, 0, "0|rig/big|131072|pppp") != SIZE_MAX);
	free(payload);
	rig_disconnect(r);
}

static void test_will_after_kill(void **state)
{
	struct world *w = *state;
	struct rig *r = &w->rig;
	struct observer *o;
	struct uplink_link_stats stats;

	open_world(w);
	o = observer_start(r, &w->broker, "rig/#");
	rig_up(r);
	uplink_link_stats(r->link, &stats);
	assert_true(stats.pid > 0);
	kill(stats.pid, SIGKILL);
	WAIT(r, r->downs == 1);
	assert_int_equal(r->why, HUB_DOWN_PROCESS);
	assert_string_equal(r->text, "firegw-uplink ended: signal 9");
	WAIT(r, observer_find(o, 0, "0|rig/status|7|offline") != SIZE_MAX);
	/* Retained: a console that comes later has it. */
	struct observer *late = observer_start(r, &w->broker, "rig/#");
	WAIT(r, observer_find(late, 0, "1|rig/status|7|offline") != SIZE_MAX);
	while (rig_connect(r, 0, NULL, NULL) < 0) {
		size_t before = r->downs;
		WAIT(r, r->downs == before + 1);
	}
	WAIT(r, r->ups == 2);
	uplink_link_stats(r->link, &stats);
	assert_int_equal(stats.starts, 2);
	assert_int_equal(stats.deaths, 1);
	rig_disconnect(r);
}

static void test_no_will_after_disconnect(void **state)
{
	struct world *w = *state;
	struct rig *r = &w->rig;
	struct observer *o;

	open_world(w);
	o = observer_start(r, &w->broker, "rig/#");
	rig_up(r);
	rig_disconnect(r);
	/* The process stays, and connects again with another will. */
	assert_int_equal(rig_connect(r, 0, "rig/status2", "offline2"), 0);
	WAIT(r, r->ups == 2);
	assert_int_equal(rig_send(r, 1, "rig/x", false, "x", 1), 0);
	WAIT(r, r->n_delivered == 1);
	rig_close_link(r);
	WAIT(r, observer_find(o, 0, "0|rig/status2|8|offline2") != SIZE_MAX);
	assert_int_equal(observer_find(o, 0, "0|rig/status|"), SIZE_MAX);
}

static void test_password(void **state)
{
	struct world *w = *state;
	struct rig *r = &w->rig;

	broker_shell(&w->broker, "mosquitto_passwd -c -b passwords tower secret");
	broker_write(&w->broker, "password", "wrong\n", 0640);
	broker_start(&w->broker, "allow_anonymous false\npassword_file %s/passwords");
	r->config.username = "tower";
	r->config.password_file = strdup(broker_path(&w->broker, "password"));
	for (int version = 5; version >= 0; version = version == 5 ? 311 : -1) {
		broker_write(&w->broker, "password", "wrong\n", 0640);
		r->config.version = version;
		rig_link(r);
		size_t downs = r->downs, ups = r->ups;
		assert_int_equal(rig_connect(r, 0, NULL, NULL), 0);
		WAIT(r, r->downs == downs + 1);
		assert_int_equal(r->why, HUB_DOWN_REFUSED);
		assert_non_null(strstr(r->text, "not authorised"));
		assert_null(strstr(r->text, "wrong"));
		/* Mended while the process runs: read afresh. */
		broker_write(&w->broker, "password", "secret\r\n", 0640);
		assert_int_equal(rig_connect(r, 0, NULL, NULL), 0);
		WAIT(r, r->ups == ups + 1);
		rig_disconnect(r);
		rig_close_link(r);
	}
	rig_link(r);
	unlink(r->config.password_file);
	size_t downs = r->downs;
	assert_int_equal(rig_connect(r, 0, NULL, NULL), 0);
	WAIT(r, r->downs == downs + 1);
	assert_int_equal(r->why, HUB_DOWN_REFUSED);
	assert_non_null(strstr(r->text, "No such file"));
	rig_close_link(r);
	free((void *)(uintptr_t)r->config.password_file);
}

static void test_acl(void **state)
{
	struct world *w = *state;
	struct rig *r = &w->rig;
	const char *const filters[] = { "rig/command/#" }, *const two[] = { "rig/command/#", "rig/other/#" };

	broker_write(&w->broker, "acl", "topic readwrite rig/ok\ntopic read rig/command/#\n", 0600);
	broker_start(&w->broker, "allow_anonymous true\nacl_file %s/acl");
	rig_link(r);
	rig_up(r);
	assert_int_equal(rig_send(r, 1, "rig/ok", false, "x", 1), 0);
	assert_int_equal(rig_send(r, 2, "rig/forbidden", false, "x", 1), 0);
	assert_int_equal(rig_send(r, 3, "rig/ok", false, "x", 1), 0);
	WAIT(r, r->n_delivered == 2 && r->n_refused == 1);
	assert_int_equal(r->refused[0].token, 2);
	assert_int_equal(r->refused[0].reason, 135);
	assert_string_equal(r->refused[0].text, "not authorised");
	assert_int_equal(uplink_link_ops()->subscribe(r->link, filters, 1), 0);
	WAIT(r, r->n_subscribed == 1);
	assert_true(r->subscribed[0].ok);
	assert_int_equal(uplink_link_ops()->subscribe(r->link, two, 2), 0);
	WAIT(r, r->n_subscribed == 2);
	rig_disconnect(r);
}

static void test_messages(void **state)
{
	struct world *w = *state;
	struct rig *r = &w->rig;
	const char *const filters[] = { "rig/command/+", "rig/both" };
	char command[400];

	open_world(w);
	snprintf(command, sizeof command, "mosquitto_pub -h 127.0.0.1 -p %d -q 1 -r -t rig/command/old -m kept", w->broker.port);
	broker_shell(&w->broker, command);
	rig_up(r);
	assert_int_equal(uplink_link_ops()->subscribe(r->link, filters, 2), 0);
	WAIT(r, r->n_subscribed == 1 && r->n_heard == 1);
	assert_true(r->subscribed[0].ok);
	assert_string_equal(r->heard[0].topic, "rig/command/old");
	assert_string_equal(r->heard[0].payload, "kept");
	assert_true(r->heard[0].retained);
	/* Our own does not come back (no local): the next one is the other's. */
	assert_int_equal(rig_send(r, 1, "rig/both", false, "own", 3), 0);
	WAIT(r, r->n_delivered == 1);
	snprintf(command, sizeof command, "mosquitto_pub -h 127.0.0.1 -p %d -V 5 -q 1 -t rig/command/snapshot -m '{}' -D publish response-topic rig/reply/snapshot"
	         " -D publish correlation-data c17", w->broker.port);
	broker_shell(&w->broker, command);
	WAIT(r, r->n_heard == 2);
	assert_string_equal(r->heard[1].topic, "rig/command/snapshot");
	assert_string_equal(r->heard[1].response, "rig/reply/snapshot");
	assert_string_equal(r->heard[1].correlation, "c17");
	assert_false(r->heard[1].retained);
	assert_int_equal(uplink_link_ops()->unsubscribe(r->link, filters, 2), 0);
	rig_disconnect(r);
}

/* The correlation data goes out: seen by another client that subscribes through a link of its own. */
static void test_correlation_out(void **state)
{
	struct world *w = *state;
	struct rig *r = &w->rig, *other = calloc(1, sizeof *other);
	const char *const filters[] = { "rig/reply/#" };
	const struct hub_publish p = { .token = 5, .topic = "rig/reply/x", .payload = "{}", .len = 2, .correlation = "abc", .correlation_len = 3 };

	open_world(w);
	rig_init(other, &w->broker);
	other->config.client_id = "other";
	rig_link(other);
	rig_up(other);
	assert_int_equal(uplink_link_ops()->subscribe(other->link, filters, 1), 0);
	WAIT(other, other->n_subscribed == 1);
	rig_up(r);
	assert_int_equal(uplink_link_ops()->send(r->link, &p), 0);
	WAIT(r, r->n_delivered == 1);
	WAIT(other, other->n_heard == 1);
	assert_string_equal(other->heard[0].correlation, "abc");
	rig_disconnect(r);
	rig_done(other);
	free(other);
}

static void test_session_taken_over(void **state)
{
	struct world *w = *state;
	struct rig *r = &w->rig, *other = calloc(1, sizeof *other);

	open_world(w);
	rig_up(r);
	rig_init(other, &w->broker);
	rig_link(other);
	rig_up(other);
	WAIT(r, r->downs == 1);
	assert_int_equal(r->why, HUB_DOWN_LOST);
	rig_done(other);
	free(other);
}

static void test_broker_goes_and_comes(void **state)
{
	struct world *w = *state;
	struct rig *r = &w->rig;

	open_world(w);
	rig_up(r);
	broker_kill(&w->broker, SIGKILL);
	WAIT(r, r->downs == 1);
	assert_int_equal(r->why, HUB_DOWN_LOST);
	/* Nobody listens: told at once, not after a time-out. */
	uint64_t start = uv_hrtime();
	assert_int_equal(rig_connect(r, 0, NULL, NULL), 0);
	WAIT(r, r->downs == 2);
	assert_int_equal(r->why, HUB_DOWN_UNREACHABLE);
	assert_non_null(strstr(r->text, "Connection refused"));
	print_message("refused after %.1f ms: %s\n", (double)(uv_hrtime() - start) / 1e6, r->text);
	broker_start(&w->broker, "allow_anonymous true");
	rig_up(r);
	assert_int_equal(rig_send(r, 1, "rig/x", false, "x", 1), 0);
	WAIT(r, r->n_delivered == 1);
	rig_disconnect(r);
}

static void test_unknown_name_and_second_url(void **state)
{
	struct world *w = *state;
	struct rig *r = &w->rig;

	broker_start(&w->broker, "allow_anonymous true");
	rig_set_url(r, 1, "mqtt", "hub.invalid", 1883);
	rig_set_url(r, 2, "mqtt", "127.0.0.1", w->broker.port);
	rig_link(r);
	assert_int_equal(rig_connect(r, 1, NULL, NULL), 0);
	WAIT(r, r->downs == 1);
	assert_int_equal(r->why, HUB_DOWN_UNREACHABLE);
	assert_non_null(strstr(r->text, "cannot find the address of hub.invalid"));
	assert_int_equal(rig_connect(r, 2, NULL, NULL), 0);
	WAIT(r, r->ups == 1);
	rig_disconnect(r);
}

/* The connection stands and nobody answers: the kernel acknowledges for a stopped broker. */
static void half_open(struct world *w, int version)
{
	struct rig *r = &w->rig;

	r->config.version = version;
	r->config.keepalive_s = 5;
	open_world(w);
	rig_up(r);
	broker_kill(&w->broker, SIGSTOP);
	uint64_t start = uv_hrtime();
	assert_int_equal(rig_send(r, 1, "rig/x", false, "x", 1), 0);
	WAIT(r, r->downs == 1);
	assert_int_equal(r->why, HUB_DOWN_LOST);
	assert_non_null(strstr(r->text, "acknowledged nothing for 5 s"));
	print_message("half-open noticed after %.1f s\n", (double)(uv_hrtime() - start) / 1e9);
	broker_kill(&w->broker, SIGCONT);
	rig_up(r);
	assert_int_equal(rig_send(r, 2, "rig/x", false, "x", 1), 0);
	WAIT(r, r->n_delivered == 1);
	assert_int_equal(r->delivered[0], 2);
	rig_disconnect(r);
}

static void test_half_open_v5(void **state)
{
	half_open(*state, 5);
}

static void test_half_open_v311(void **state)
{
	half_open(*state, 311);
}

static void test_websocket(void **state)
{
	struct world *w = *state;
	struct rig *r = &w->rig;

	int port = broker_free_port();
	struct broker bridge = { .port = port };
	char command[300];

	broker_start(&w->broker, "allow_anonymous true");
	snprintf(command, sizeof command, FIREGW_WS_BRIDGE " %d %d", port, w->broker.port);
	broker_run(&bridge, command);
	rig_set_url(r, 0, "ws", "localhost", port);
	rig_link(r);
	rig_up(r);
	publish_windowed(r, 200);
	rig_disconnect(r);
	broker_kill(&bridge, SIGKILL);
}

/* A broker that puts several packets into one frame: the library sees only the first. Found out, and lived with. */
static void test_websocket_together(void **state)
{
	struct world *w = *state;
	struct rig *r = &w->rig;
	int port = broker_free_port();
	struct broker bridge = { .port = port };
	char command[300];

	broker_start(&w->broker, "allow_anonymous true");
	snprintf(command, sizeof command, FIREGW_WS_BRIDGE " %d %d together", port, w->broker.port);
	broker_run(&bridge, command);
	rig_set_url(r, 0, "ws", "localhost", port);
	r->config.keepalive_s = 5;
	rig_link(r);
	rig_up(r);
	assert_int_equal(r->receive_max, 20);
	for (uint64_t i = 0; i < 20; i++)
		assert_int_equal(rig_send(r, i, "rig/x", false, "x", 1), 0);
	WAIT(r, r->downs == 1);
	assert_int_equal(r->why, HUB_DOWN_LOST);
	r->downs = 0;
	rig_up(r);
	assert_int_equal(r->receive_max, 1);
	publish_windowed(r, 5);
	rig_disconnect(r);
	broker_kill(&bridge, SIGKILL);
}

static void test_disconnect_while_connecting(void **state)
{
	struct world *w = *state;
	struct rig *r = &w->rig;

	open_world(w);
	broker_kill(&w->broker, SIGSTOP);
	assert_int_equal(rig_connect(r, 0, NULL, NULL), 0);
	assert_int_equal(rig_connect(r, 0, NULL, NULL), -1);
	uplink_link_ops()->disconnect(r->link);
	uplink_link_ops()->disconnect(r->link);
	WAIT(r, r->downs == 1);
	assert_int_equal(r->why, HUB_DOWN_LOST);
	assert_int_equal(r->ups, 0);
	broker_kill(&w->broker, SIGCONT);
	rig_up(r);
	rig_disconnect(r);
}

/* An argument is a pattern of the tests to run. */
int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
#define T(f) cmocka_unit_test_setup_teardown(f, setup_world, teardown_world)
		T(test_delivers_in_order_v5), T(test_delivers_in_order_v311), T(test_more_than_window), T(test_retained_set_and_cleared), T(test_big_payload),
		T(test_will_after_kill), T(test_no_will_after_disconnect), T(test_password), T(test_acl), T(test_messages), T(test_correlation_out),
		T(test_session_taken_over), T(test_broker_goes_and_comes), T(test_unknown_name_and_second_url), T(test_half_open_v5), T(test_half_open_v311),
		T(test_websocket), T(test_websocket_together), T(test_disconnect_while_connecting),
	};

	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
