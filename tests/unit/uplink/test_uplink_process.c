/* The process and its link without a broker: starting, frames that make no sense on either side, dying, stopping. */
#include "rig.h"

#include "gateway/uplink/frame.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define BOUND_MS 30000

/* --- the process by itself, with us in the daemon's place --- */

struct child { pid_t pid; int fd, err; };

static struct child child_start(void)
{
	struct child c;
	int ends[2], err[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
	assert_int_equal(pipe2(err, O_CLOEXEC), 0);
	c.pid = fork();
	assert_true(c.pid >= 0);
	if (c.pid == 0) {
		dup2(err[1], 2);
		if (ends[1] == 3)
			fcntl(3, F_SETFD, 0);
		else
			dup2(ends[1], 3);
		execl(FIREGW_UPLINK_PROGRAM, "firegw-uplink", (char *)NULL);
		_exit(127);
	}
	close(ends[1]);
	close(err[1]);
	c.fd = ends[0];
	c.err = err[0];
	return c;
}

static void child_send(struct child *c, const struct frame *f)
{
	static unsigned char buf[FRAME_MAX_BYTES];
	size_t len = frame_encode(f, buf, sizeof buf);

	assert_true(len > 0);
	assert_int_equal(send(c->fd, buf, len, MSG_NOSIGNAL), (ssize_t)len);
}

static void child_setup(struct child *c)
{
	const struct frame f = { .type = FRAME_SETUP, .number = 5, .client_id = "x", .list = { .n = 1, .items = { "mqtt://127.0.0.1:1" } } };

	child_send(c, &f);
}

/* Its stderr up to its end goes into text; returns the exit code, or 1000 + signal. */
static int child_end(struct child *c, char *text, size_t room)
{
	size_t len = 0;
	int status;

	for (;;) {
		struct pollfd p = { .fd = c->err, .events = POLLIN };
		assert_int_equal(poll(&p, 1, BOUND_MS), 1);
		ssize_t n = read(c->err, text + len, room - 1 - len);
		if (n <= 0)
			break;
		len += (size_t)n;
	}
	text[len] = '\0';
	assert_int_equal(waitpid(c->pid, &status, 0), c->pid);
	if (c->fd >= 0)
		close(c->fd);
	close(c->err);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
}

static void test_by_hand(void **state)
{
	(void)state;
	assert_int_equal(system(FIREGW_UPLINK_PROGRAM " --version | grep -q '^firegw-uplink [0-9]'"), 0);
	assert_int_equal(system(FIREGW_UPLINK_PROGRAM " --help | grep -q 'not meant to be started by hand'"), 0);
	assert_int_equal(WEXITSTATUS(system(FIREGW_UPLINK_PROGRAM " --nonsense 2>/dev/null")), 2);
	assert_int_equal(WEXITSTATUS(system(FIREGW_UPLINK_PROGRAM " 3</dev/null 2>&1 | grep -q 'descriptor 3 is not a socket'")), 0);
	assert_int_equal(WEXITSTATUS(system(FIREGW_UPLINK_PROGRAM " 3</dev/null 2>/dev/null")), 2);
	assert_int_equal(WEXITSTATUS(system(FIREGW_UPLINK_PROGRAM " 3<&- 2>/dev/null")), 2);
}

static void test_quit_and_end(void **state)
{
	const struct frame quit = { .type = FRAME_QUIT };
	char text[2000];

	(void)state;
	struct child c = child_start();
	child_setup(&c);
	child_send(&c, &quit);
	assert_int_equal(child_end(&c, text, sizeof text), 0);
	assert_string_equal(text, "");
	/* The daemon is gone. */
	c = child_start();
	child_setup(&c);
	close(c.fd);
	c.fd = -1;
	assert_int_equal(child_end(&c, text, sizeof text), 0);
}

/* Signals for the group are not for it; and no password can get into a core. */
static void test_signals(void **state)
{
	const struct frame quit = { .type = FRAME_QUIT };
	struct frame f;
	unsigned char buf[1024];
	char text[2000];
	struct err e;
	size_t len;

	(void)state;
	struct child c = child_start();
	/* Its first frame tells that it is through its start. */
	ssize_t n = recv(c.fd, buf, sizeof buf, 0);
	assert_true(n > 0);
	assert_int_equal(frame_whole(buf, (size_t)n, &len, &e), 1);
	assert_int_equal(frame_decode(buf, len, &f, &e), 0);
	assert_int_equal(f.type, FRAME_ALIVE);
	kill(c.pid, SIGINT);
	kill(c.pid, SIGTERM);
	kill(c.pid, SIGHUP);
	snprintf(text, sizeof text, "grep -q '^Max core file size *0 *0' /proc/%d/limits && grep -q '^NoNewPrivs:.*1' /proc/%d/status", (int)c.pid, (int)c.pid);
	assert_int_equal(system(text), 0);
	child_send(&c, &quit);
	assert_int_equal(child_end(&c, text, sizeof text), 0);
}

static void refuses(const struct frame *frames, size_t n, const char *part)
{
	char text[2000];
	struct child c = child_start();

	for (size_t i = 0; i < n; i++)
		child_send(&c, &frames[i]);
	int code = child_end(&c, text, sizeof text);
	if (code != 3 || !strstr(text, part))
		fail_msg("exit %d, said: %s", code, text);
}

static void test_frames_out_of_turn(void **state)
{
	const struct frame setup = { .type = FRAME_SETUP, .number = 5, .client_id = "x", .list = { .n = 1, .items = { "mqtt://127.0.0.1:1" } } };
	struct frame version = setup;
	const struct frame connect9 = { .type = FRAME_CONNECT, .number = 9 }, up = { .type = FRAME_UP };

	(void)state;
	version.number = 4;
	refuses(&connect9, 1, "before setup");
	refuses(&version, 1, "version 4");
	refuses((const struct frame[]){ setup, setup }, 2, "second setup");
	refuses((const struct frame[]){ setup, connect9 }, 2, "url 9 of 1");
	refuses((const struct frame[]){ setup, up }, 2, "frame 'up' from the daemon");
}

static void test_malformed_from_daemon(void **state)
{
	static const unsigned char junk[][8] = { { 0, 0, 0, 0 }, { 0xFF, 0xFF, 0xFF, 0xFF }, { 1, 0, 0, 0, 200 }, { 2, 0, 0, 0, FRAME_QUIT, 7 }, { 4, 0, 0, 0, FRAME_PUBLISH, 1, 2, 3 } };
	char text[2000];

	(void)state;
	for (size_t i = 0; i < sizeof junk / sizeof junk[0]; i++) {
		struct child c = child_start();
		assert_int_equal(send(c.fd, junk[i], sizeof junk[i], MSG_NOSIGNAL), (ssize_t)sizeof junk[i]);
		assert_int_equal(child_end(&c, text, sizeof text), 3);
		assert_non_null(strstr(text, "firegw-uplink: "));
	}
}

/* --- the link with programs that are not firegw-uplink --- */

struct world { struct broker broker; struct rig rig; char program[256]; };

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

static void impostor(struct world *w, const char *script)
{
	broker_write(&w->broker, "impostor", script, 0755);
	snprintf(w->program, sizeof w->program, "%s", broker_path(&w->broker, "impostor"));
	rig_link_program(&w->rig, w->program);
}

static void expect_process_down(struct rig *r, int connect_rc, const char *part)
{
	size_t before = r->downs;

	assert_int_equal(rig_connect(r, 0, NULL, NULL), connect_rc);
	WAIT(r, r->downs == before + 1);
	assert_int_equal(r->why, HUB_DOWN_PROCESS);
	if (!strstr(r->text, part))
		fail_msg("said: %s", r->text);
}

static void test_no_program(void **state)
{
	struct world *w = *state;
	struct rig *r = &w->rig;
	struct uplink_link_stats stats;

	rig_link_program(r, "/nonexistent/firegw-uplink");
	expect_process_down(r, -1, "cannot start '/nonexistent/firegw-uplink': no such file");
	expect_process_down(r, -1, "no such file");
	uplink_link_stats(r->link, &stats);
	assert_int_equal(stats.starts, 0);
	assert_int_equal(stats.pid, 0);
}

static void test_dies_at_once(void **state)
{
	struct world *w = *state;
	struct rig *r = &w->rig;
	struct uplink_link_stats stats;

	impostor(w, "#!/bin/sh\necho no library >&2\nexit 127\n");
	expect_process_down(r, 0, "firegw-uplink ended: exit code 127");
	/* In its backoff: refused, again and again, and then started anew. */
	expect_process_down(r, -1, "exit code 127");
	rig_bound(r, 30);
	while (rig_connect(r, 0, NULL, NULL) < 0) {
		assert_false(r->expired);
		uv_run(&r->loop, UV_RUN_ONCE);
	}
	size_t before = r->downs;
	WAIT(r, r->downs == before + 1);
	uplink_link_stats(r->link, &stats);
	assert_int_equal(stats.starts, 2);
	assert_int_equal(stats.deaths, 2);
}

static void test_malformed_from_process(void **state)
{
	struct world *w = *state;
	struct rig *r = &w->rig;
	struct uplink_link_stats stats;

	impostor(w, "#!/bin/sh\nprintf '\\377\\377\\377\\377\\001' >&3\nexec sleep 1000\n");
	expect_process_down(r, 0, "malformed frame");
	WAIT(r, (uplink_link_stats(r->link, &stats), stats.pid == 0));
	assert_int_equal(stats.bad_frames, 1);
	assert_int_equal(stats.deaths, 1);
	assert_int_equal(r->downs, 1);
	rig_close_link(r);
	/* Well formed, and at the wrong time: delivered (66) before up. */
	impostor(w, "#!/bin/sh\nprintf '\\011\\000\\000\\000\\103\\001\\000\\000\\000\\000\\000\\000\\000' >&3\nexec sleep 1000\n");
	expect_process_down(r, 0, "frame 'delivered' out of turn");
	rig_close_link(r);
	/* Up (65) twice. */
	impostor(w, "#!/bin/sh\nfor i in 1 2; do printf '\\005\\000\\000\\000\\101\\007\\000\\000\\000' >&3; done\nexec sleep 1000\n");
	expect_process_down(r, 0, "frame 'up' out of turn");
	assert_int_equal(r->ups, 1);
}

/* What it said before it died counts. */
static void test_last_words(void **state)
{
	struct world *w = *state;
	struct rig *r = &w->rig;

	/* up (65) with a receive maximum of 7. */
	impostor(w, "#!/bin/sh\nprintf '\\005\\000\\000\\000\\101\\007\\000\\000\\000' >&3\nkill -9 $$\n");
	expect_process_down(r, 0, "signal 9");
	assert_int_equal(r->ups, 1);
	assert_int_equal(r->receive_max, 7);
}

/* One that reads nothing: what waits is bounded, large messages leave room for small ones, and all of it ends with the process. */
static void test_reads_nothing(void **state)
{
	struct world *w = *state;
	struct rig *r = &w->rig;
	struct uplink_link_stats stats;
	char *large = calloc(1, 100000);
	size_t n_large = 0, n_small = 0;

	impostor(w, "#!/bin/sh\nprintf '\\005\\000\\000\\000\\101\\007\\000\\000\\000' >&3\nexec sleep 1000\n");
	assert_int_equal(rig_connect(r, 0, NULL, NULL), 0);
	WAIT(r, r->ups == 1);
	while (rig_send(r, n_large, "rig/large", false, large, 100000) == 0)
		n_large++;
	assert_int_equal(n_large, (UPLINK_OUT_BYTES - UPLINK_OUT_RESERVE) / 100050);
	while (rig_send(r, n_small, "rig/small", false, large, 1000) == 0)
		n_small++;
	assert_true(n_small > 200);
	uplink_link_stats(r->link, &stats);
	assert_true(stats.waiting_bytes <= UPLINK_OUT_BYTES - UPLINK_OUT_CONTROL);
	assert_int_equal(stats.full, 2);
	/* Room for this one is kept. */
	const char *const filters[] = { "rig/command/#" };
	assert_int_equal(uplink_link_ops()->subscribe(r->link, filters, 1), 0);
	kill(stats.pid, SIGKILL);
	WAIT(r, r->downs == 1);
	assert_int_equal(r->n_delivered, 0);
	assert_int_equal(rig_send(r, 1, "rig/x", false, "x", 1), -1);
	free(large);
}

/* Asked to quit and deaf: killed, and the close ends. */
static void test_does_not_quit(void **state)
{
	struct world *w = *state;

	impostor(w, "#!/bin/sh\ntrap '' TERM INT HUP\nexec sleep 1000\n");
	assert_int_equal(rig_connect(&w->rig, 0, NULL, NULL), 0);
	rig_close_link(&w->rig);
	assert_int_equal(w->rig.downs, 0);
}

static void test_close_without_start(void **state)
{
	struct world *w = *state;

	rig_link(&w->rig);
	assert_int_equal(rig_send(&w->rig, 1, "rig/x", false, "x", 1), -1);
	uplink_link_ops()->disconnect(w->rig.link);
	rig_close_link(&w->rig);
	uplink_link_close(NULL, NULL, NULL);
}

/* An argument is a pattern of the tests to run. */
int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
#define T(f) cmocka_unit_test_setup_teardown(f, setup_world, teardown_world)
		cmocka_unit_test(test_by_hand), cmocka_unit_test(test_quit_and_end), cmocka_unit_test(test_signals), cmocka_unit_test(test_frames_out_of_turn),
		cmocka_unit_test(test_malformed_from_daemon), T(test_no_program), T(test_dies_at_once), T(test_malformed_from_process), T(test_last_words),
		T(test_reads_nothing), T(test_does_not_quit), T(test_close_without_start),
	};

	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
