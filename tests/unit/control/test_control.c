/* The control server under a real loop: framing, limits, garbage, many clients, leaving and closing. */
#include "control_fixture.h"

#define ECHO_END "{\"end\":true,\"ok\":true,\"result\":{\"verb\":\"echo\"}}"

static void expect_echo(struct fixture *f, int fd, const char *args)
{
	char row[256];

	snprintf(row, sizeof row, "{\"row\":{\"args\":%s,\"n\":0.35}}", args);
	expect_line(f, fd, row);
	expect_line(f, fd, "{\"row\":[1,2]}");
	expect_line(f, fd, ECHO_END);
}

static void answers_rows_and_end(void **state)
{
	struct fixture *f = fixture_new((struct control_config){ 0 });
	int fd = client_open(f->path);

	(void)state;
	client_say(f, fd, "{\"verb\":\"echo\",\"args\":{\"select\":\"floor=12\"},\"more\":1}\n");
	expect_echo(f, fd, "{\"select\":\"floor=12\"}");
	client_say(f, fd, "{\"verb\":\"echo\"}\n");
	expect_echo(f, fd, "{}");
	client_say(f, fd, "{\"verb\":\"fail\"}\n");
	expect_line(f, fd, "{\"end\":true,\"ok\":false,\"code\":\"not-found\",\"error\":\"no \\\"such\\\" thing\"}");
	close(fd);
	fixture_free(f);
}

static void takes_requests_in_any_cut(void **state)
{
	struct fixture *f = fixture_new((struct control_config){ 0 });
	const char *text = "\r\n  \n{\"verb\":\"echo\"}\r\n{\"verb\":\"echo\",\"args\":{\"n\":2}}\n";
	int fd = client_open(f->path);

	(void)state;
	for (const char *p = text; *p; p++)
		client_send(f, fd, p, 1);
	expect_echo(f, fd, "{}");
	expect_echo(f, fd, "{\"n\":2}");
	/* and all at once: answered one after another */
	client_say(f, fd, "{\"verb\":\"hold\"}\n{\"verb\":\"echo\"}\n{\"verb\":\"echo\"}\n");
	wait_until(f, f->n_held == 1);
	for (int i = 0; i < 20; i++)
		turn(f, -1);
	assert_int_equal(f->n_handled, 3);
	control_end(f->held[--f->n_held], NULL);
	expect_line(f, fd, "{\"end\":true,\"ok\":true}");
	expect_echo(f, fd, "{}");
	expect_echo(f, fd, "{}");
	close(fd);
	fixture_free(f);
}

static void refuses_garbage(void **state)
{
	static const char *const lines[] = {
		"x",
		"{",
		"[]",
		"3",
		"null",
		"\"verb\"",
		"{}",
		"{\"verb\":3}",
		"{\"verb\":\"\"}",
		"{\"verb\":\"echo\",\"args\":[]}",
		"{\"verb\":\"echo\",\"args\":null}",
		"{\"verb\":\"echo\"} x",
		"{\"verb\":\"echo\",\"verb\":\"fail\"}",
		"{\"verb\":\"\\u0000\"}",
		"{\"verb\":\"\xff\"}",
		"GET / HTTP/1.1",
		"{\"verb\":\"echo\",\"args\":{\"a\":[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]}}",
		"{\"verb\":\"0123456789012345678901234567890123456789012345678901234567890123\"}",
	};
	struct fixture *f = fixture_new((struct control_config){ 0 });
	int other = client_open(f->path);

	(void)state;
	client_say(f, other, "{\"verb\":\"hold\"}\n");
	wait_until(f, f->n_held == 1);
	for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
		int fd = client_open(f->path);
		client_say(f, fd, lines[i]);
		client_say(f, fd, "\n{\"verb\":\"echo\"}\n");
		expect_refused(f, fd, "invalid");
	}
	int fd = client_open(f->path);
	client_send(f, fd, "{\"verb\":\"echo\"\0}\n", 17);
	expect_refused(f, fd, "invalid");
	assert_int_equal(f->n_handled, 1);
	/* the neighbour noticed nothing */
	control_row_text(f->held[0], "7", 1);
	control_end(f->held[--f->n_held], NULL);
	expect_line(f, other, "{\"row\":7}");
	expect_line(f, other, "{\"end\":true,\"ok\":true}");
	client_say(f, other, "{\"verb\":\"echo\"}\n");
	expect_echo(f, other, "{}");
	close(other);
	fixture_free(f);
}

/* A request of exactly n bytes, newline not counted. */
static char *request_of(size_t n)
{
	const char *head = "{\"verb\":\"fail\",\"args\":{\"pad\":\"", *tail = "\"}}";
	char *text = malloc(n + 2);

	assert_non_null(text);
	memset(text, 'x', n);
	memcpy(text, head, strlen(head));
	memcpy(text + n - strlen(tail), tail, strlen(tail));
	text[n] = '\n';
	text[n + 1] = '\0';
	return text;
}

static void bounds_the_line(void **state)
{
	struct fixture *f = fixture_new((struct control_config){ 0 });
	char *fits = request_of(CONTROL_REQUEST_MAX), *over = request_of(CONTROL_REQUEST_MAX + 1);

	(void)state;
	int fd = client_open(f->path);
	client_say(f, fd, fits);
	expect_line(f, fd, "{\"end\":true,\"ok\":false,\"code\":\"not-found\",\"error\":\"no \\\"such\\\" thing\"}");
	close(fd);
	fd = client_open(f->path);
	client_say(f, fd, over);
	expect_refused(f, fd, "invalid");
	fd = client_open(f->path);
	client_send(f, fd, over, CONTROL_REQUEST_MAX + 1); /* and no newline at all */
	expect_refused(f, fd, "invalid");
	/* Behind a request at work there is no place for an error line: closed, and the app is told. */
	fd = client_open(f->path);
	client_say(f, fd, "{\"verb\":\"hold\"}\n");
	wait_until(f, f->n_held == 1);
	client_send(f, fd, over, CONTROL_REQUEST_MAX + 1);
	wait_until(f, f->n_gone == 1);

	assert_false(control_row_text(f->held[0], "1", 1));
	control_end(f->held[--f->n_held], NULL);
	expect_line(f, fd, "");
	close(fd);
	free(fits);
	free(over);
	fixture_free(f);
}

static void bounds_the_time(void **state)
{
	struct fixture *f = fixture_new((struct control_config){ .request_ms = 1000 });
	int fd = client_open(f->path);

	(void)state;
	client_say(f, fd, "{\"verb\":");
	expect_refused(f, fd, "timeout");
	/* An idle one is left in peace, and a request at work too. */
	int idle = client_open(f->path), busy = client_open(f->path);
	client_say(f, busy, "{\"verb\":\"hold\"}\n{\"ver");
	wait_until(f, f->n_held == 1);
	uint64_t until = uv_hrtime() + 1500 * UINT64_C(1000000);
	wait_until(f, uv_hrtime() > until);
	client_say(f, idle, "{\"verb\":\"echo\"}\n");
	expect_echo(f, idle, "{}");
	control_end(f->held[--f->n_held], NULL);
	expect_line(f, busy, "{\"end\":true,\"ok\":true}");
	client_say(f, busy, "b\":\"echo\"}\n");
	expect_echo(f, busy, "{}");
	close(idle);
	close(busy);
	fixture_free(f);
}

static void gives_up_a_peer_that_does_not_read(void **state)
{
	struct fixture *f = fixture_new((struct control_config){ 0 });
	int fd = client_open(f->path), other = client_open(f->path);

	(void)state;
	client_say(f, fd, "{\"verb\":\"flood\"}\n");
	wait_until(f, f->row_failed);
	assert_int_equal(f->n_rows, CONTROL_PENDING_MAX / (100000 + strlen("{\"row\":}\n")));
	client_say(f, other, "{\"verb\":\"echo\"}\n");
	expect_echo(f, other, "{}");
	close(fd);
	close(other);
	fixture_free(f);
}

static void paces_a_peer_that_asks_much(void **state)
{
	struct fixture *f = fixture_new((struct control_config){ 0 });
	int fd = client_open(f->path);
	char *big = malloc(CONTROL_PENDING_PAUSE);

	(void)state;
	assert_non_null(big);
	memset(big, '1', CONTROL_PENDING_PAUSE);
	client_say(f, fd, "{\"verb\":\"hold\"}\n{\"verb\":\"echo\"}\n");
	wait_until(f, f->n_held == 1);
	assert_true(control_row_text(f->held[0], big, CONTROL_PENDING_PAUSE));
	assert_true(control_row_text(f->held[0], big, CONTROL_PENDING_PAUSE));
	assert_true(control_pending(f->held[0]) > CONTROL_PENDING_PAUSE);
	control_end(f->held[--f->n_held], NULL);
	for (int i = 0; i < 20; i++)
		turn(f, -1);
	assert_int_equal(f->n_handled, 1); /* the second one waits until the peer has read */
	for (int i = 0; i < TURNS_MAX && f->n_handled < 2; i++) {
		if (recv(fd, big, CONTROL_PENDING_PAUSE, 0) < 0)
			turn(f, fd);
	}
	assert_int_equal(f->n_handled, 2);
	free(big);
	close(fd);
	fixture_free(f);
}

static void many_rows_go_as_the_peer_reads(void **state)
{
	struct fixture *f = fixture_new((struct control_config){ 0 });
	int fd = client_open(f->path);
	size_t total = 0, expected = 200 * (100000 + strlen("{\"row\":}\n")) + strlen("{\"end\":true,\"ok\":true}\n");
	char *piece = malloc(65536);

	(void)state;
	assert_non_null(piece);
	client_say(f, fd, "{\"verb\":\"paced\"}\n");
	for (int i = 0; i < TURNS_MAX && total < expected; i++) {
		ssize_t n = recv(fd, piece, 65536, 0);
		assert_int_not_equal(n, 0);
		if (n > 0)
			total += (size_t)n;
		else
			turn(f, fd);
	}
	assert_int_equal(total, expected);
	free(piece);
	client_say(f, fd, "{\"verb\":\"echo\"}\n");
	expect_echo(f, fd, "{}");
	close(fd);
	fixture_free(f);
}

static void bounds_the_connections(void **state)
{
	struct fixture *f = fixture_new((struct control_config){ 0 });
	int fds[CONTROL_CONNECTIONS_MAX];

	(void)state;
	for (size_t i = 0; i < CONTROL_CONNECTIONS_MAX; i++) {
		fds[i] = client_open(f->path);
		if (i != 5) {
			client_say(f, fds[i], "{\"verb\":\"hold\"}\n");
			size_t want = i < 5 ? i + 1 : i;
			wait_until(f, f->n_held == want);
		} else {
			client_say(f, fds[i], "{\"verb\":\"echo\"}\n");
			expect_echo(f, fds[i], "{}");
		}
	}
	/* The idle one makes room; when all are at work, the new one is refused. */
	int fd = client_open(f->path);
	client_say(f, fd, "{\"verb\":\"hold\"}\n");
	wait_until(f, f->n_held == CONTROL_CONNECTIONS_MAX);
	expect_line(f, fds[5], "");
	int over = client_open(f->path);
	expect_refused(f, over, "full");
	/* When one ends, there is room again. */
	control_end(f->held[--f->n_held], NULL);
	expect_line(f, fd, "{\"end\":true,\"ok\":true}");
	over = client_open(f->path);
	client_say(f, over, "{\"verb\":\"echo\"}\n");
	expect_echo(f, over, "{}");
	for (size_t i = 0; i < CONTROL_CONNECTIONS_MAX; i++)
		close(fds[i]);
	close(over);
	close(fd);
	wait_until(f, f->n_gone == CONTROL_CONNECTIONS_MAX - 1);
	fixture_free(f);
}

static void tells_that_a_peer_is_gone(void **state)
{
	struct fixture *f = fixture_new((struct control_config){ 0 });
	int fd = client_open(f->path);

	(void)state;
	client_say(f, fd, "{\"verb\":\"hold\"}\n");
	wait_until(f, f->n_held == 1);
	close(fd);
	wait_until(f, f->n_gone == 1);
	assert_false(control_row(f->held[0], json_integer(1)));
	assert_int_equal(control_pending(f->held[0]), 0);
	/* Asked late, it is told too; and only from the loop. */
	control_on_gone(f->held[0], fixture_gone, f);
	assert_int_equal(f->n_gone, 1);
	wait_until(f, f->n_gone == 2);
	control_end(f->held[--f->n_held], json_integer(1));
	fixture_free(f);
}

static void answers_a_peer_that_sends_no_more(void **state)
{
	struct fixture *f = fixture_new((struct control_config){ 0 });
	int fd = client_open(f->path);

	(void)state;
	/* as `echo … | nc -N -U` does, before the server has so much as accepted */
	assert_int_equal(send(fd, "{\"verb\":\"echo\"}\n{\"verb\":\"hold\"}\n", 32, 0), 32);
	shutdown(fd, SHUT_WR);
	expect_echo(f, fd, "{}");
	wait_until(f, f->n_held == 1);
	assert_int_equal(f->n_gone, 0);
	control_end(f->held[--f->n_held], NULL);
	expect_line(f, fd, "{\"end\":true,\"ok\":true}");
	expect_line(f, fd, "");
	close(fd);
	/* and when such a one leaves altogether, a follower ends */
	fd = client_open(f->path);
	client_say(f, fd, "{\"verb\":\"hold\"}\n");
	wait_until(f, f->n_held == 1);
	shutdown(fd, SHUT_WR);
	for (int i = 0; i < 20; i++)
		turn(f, -1);
	assert_int_equal(f->n_gone, 0);
	close(fd);
	wait_until(f, f->n_gone == 1);
	control_end(f->held[--f->n_held], NULL);
	/* half a request and then nothing */
	fd = client_open(f->path);
	client_say(f, fd, "{\"verb\"");
	shutdown(fd, SHUT_WR);
	expect_line(f, fd, "");
	close(fd);
	fixture_free(f);
}

static void closes_with_requests_at_work(void **state)
{
	struct fixture *f = fixture_new((struct control_config){ 0 });
	int fd = client_open(f->path), second = client_open(f->path), unknown;

	(void)state;
	client_say(f, fd, "{\"verb\":\"hold\"}\n");
	client_say(f, second, "{\"verb\":\"hold\"}\n");
	wait_until(f, f->n_held == 2);
	assert_true(control_row_text(f->held[0], "\"last\"", 6));
	unknown = client_open(f->path); /* its look-up is under way when the server closes */
	uv_run(&f->loop, UV_RUN_NOWAIT);
	fixture_free(f); /* ends the two requests after `closed` */
	close(fd);
	close(second);
	close(unknown);
}

static void closes_at_once(void **state)
{
	struct fixture *f = fixture_new((struct control_config){ 0 });

	(void)state;
	fixture_free(f);
}

/* ---- the socket file ---- */

static int try_start(struct fixture *f, const char *path, struct err *ret)
{
	struct control_config config = { .socket = path };
	struct control *c = NULL;
	int r = control_start(&f->loop, &config, fixture_handle, f, &c, ret);

	if (r == 0) {
		f->closed = false;
		control_close(c, fixture_closed);
		while (!f->closed)
			uv_run(&f->loop, UV_RUN_ONCE);
		f->closed = false;
	}
	return r;
}

static void guards_the_socket_file(void **state)
{
	struct fixture *f = fixture_new((struct control_config){ 0 });
	char path[100], long_path[200];
	struct stat st;
	struct err e = { 0 };

	(void)state;
	assert_int_equal(stat(f->path, &st), 0);
	assert_true(S_ISSOCK(st.st_mode));
	assert_int_equal(st.st_mode & 07777, 0660);
	/* a living one */
	assert_int_equal(try_start(f, f->path, &e), -1);
	assert_int_equal(e.code, ERR_EXISTS);
	assert_int_equal(stat(f->path, &st), 0);
	/* a stale one */
	snprintf(path, sizeof path, "%s/stale", f->dir);
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	snprintf(a.sun_path, sizeof a.sun_path, "%s", path);
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);
	assert_int_equal(bind(fd, (const struct sockaddr *)&a, sizeof a), 0);
	close(fd);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(try_start(f, path, &e), 0);
	/* another program's: datagrams */
	fd = socket(AF_UNIX, SOCK_DGRAM, 0);
	assert_int_equal(bind(fd, (const struct sockaddr *)&a, sizeof a), 0);
	assert_int_equal(try_start(f, path, &e), -1);
	assert_int_equal(e.code, ERR_EXISTS);
	close(fd);
	unlink(path);
	/* not a socket at all: it stays */
	fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	close(fd);
	assert_int_equal(try_start(f, path, &e), -1);
	assert_int_equal(e.code, ERR_EXISTS);
	assert_non_null(strstr(e.text, "no socket"));
	assert_int_equal(unlink(path), 0);
	/* nowhere to put it */
	snprintf(path, sizeof path, "%s/no/such/s", f->dir);
	assert_int_equal(try_start(f, path, &e), -1);
	assert_int_equal(e.code, ERR_NOT_FOUND);
	assert_non_null(strstr(e.text, "/no/such'"));
	memset(long_path, 'x', sizeof long_path - 1);
	long_path[sizeof long_path - 1] = '\0';
	assert_int_equal(try_start(f, long_path, &e), -1);
	assert_int_equal(e.code, ERR_INVALID);
	if (geteuid() != 0) {
		assert_int_equal(try_start(f, "/firegw-test.sock", &e), -1);
		assert_int_equal(e.code, ERR_DENIED);
	}
	fixture_free(f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(answers_rows_and_end),
		cmocka_unit_test(takes_requests_in_any_cut),
		cmocka_unit_test(refuses_garbage),
		cmocka_unit_test(bounds_the_line),
		cmocka_unit_test(bounds_the_time),
		cmocka_unit_test(gives_up_a_peer_that_does_not_read),
		cmocka_unit_test(paces_a_peer_that_asks_much),
		cmocka_unit_test(many_rows_go_as_the_peer_reads),
		cmocka_unit_test(bounds_the_connections),
		cmocka_unit_test(tells_that_a_peer_is_gone),
		cmocka_unit_test(answers_a_peer_that_sends_no_more),
		cmocka_unit_test(closes_with_requests_at_work),
		cmocka_unit_test(closes_at_once),
		cmocka_unit_test(guards_the_socket_file),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
