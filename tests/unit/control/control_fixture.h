/* control_fixture: a control server on a loop of its own, and clients in the same thread that turn the loop while they wait. */
#ifndef TESTS_CONTROL_FIXTURE_H
#define TESTS_CONTROL_FIXTURE_H

#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "gateway/control.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define HELD_MAX   128
#define TURNS_MAX  20000 /* a bound for every wait: each turn waits at most a millisecond */

struct fixture {
	uv_loop_t               loop;
	struct control         *control;
	struct control_config   config;
	char                    dir[64], path[96];
	struct control_request *held[HELD_MAX]; /* requests of verb "hold", not ended yet */
	size_t                  n_held, n_gone, n_handled, n_rows;
	bool                    closed, row_failed;
};

static inline void fixture_gone(void *user)
{
	struct fixture *f = user;

	f->n_gone++;
}

/* Rows of 100 kB in pieces of a megabyte, as the peer reads them, 20 MB in all. */
struct paced {
	struct control_request *rq;
	size_t                  n;
};

static inline void fixture_pace(void *user)
{
	struct paced *p = user;
	char *big = malloc(100000);

	assert_non_null(big);
	memset(big, '1', 100000);
	assert_true(control_pending(p->rq) <= CONTROL_PENDING_PAUSE);
	for (size_t i = 0; i < 10 && p->n < 200; i++, p->n++)
		assert_true(control_row_text(p->rq, big, 100000));
	free(big);
	if (p->n < 200) {
		control_when_drained(p->rq, fixture_pace, p);
	} else {
		control_end(p->rq, NULL);
		free(p);
	}
}

/* Verbs of the test's app: paced, echo, hold (ended by the test), flood (rows until the peer is given up), guarded (operators), boss
 * (maintainers), fail. */
static inline void fixture_handle(void *app, struct control_request *rq, const char *verb, json_t *args)
{
	struct fixture *f = app;
	struct err e;

	f->n_handled++;
	if (strcmp(verb, "hold") == 0) {
		assert_true(f->n_held < HELD_MAX);
		f->held[f->n_held++] = rq;
		control_on_gone(rq, fixture_gone, f);
	} else if (strcmp(verb, "flood") == 0) {
		char *big = malloc(100000);
		assert_non_null(big);
		memset(big, '1', 100000);
		while (control_row_text(rq, big, 100000))
			f->n_rows++;
		f->row_failed = true;
		free(big);
		control_end(rq, NULL);
	} else if (strcmp(verb, "paced") == 0) {
		struct paced *p = calloc(1, sizeof *p);
		assert_non_null(p);
		p->rq = rq;
		fixture_pace(p);
	} else if (strcmp(verb, "fail") == 0) {
		err_set(&e, ERR_NOT_FOUND, "no \"such\" thing");
		control_fail(rq, &e);
	} else if (strcmp(verb, "guarded") == 0 || strcmp(verb, "boss") == 0) {
		if (control_require(rq, verb[0] == 'g' ? ROLE_OPERATOR : ROLE_MAINTAINER))
			control_end(rq, json_pack("{s:s, s:s}", "role", role_name(control_role(rq)), "actor", control_actor(rq)));
	} else {
		control_row(rq, json_pack("{s:O, s:f}", "args", args, "n", 0.35));
		control_row_text(rq, "[1,2]", 5);
		control_end(rq, json_pack("{s:s}", "verb", verb));
	}
}

static inline void fixture_closed(void *app)
{
	struct fixture *f = app;

	f->closed = true;
}

static inline struct fixture *fixture_new(struct control_config config)
{
	struct fixture *f = calloc(1, sizeof *f);
	struct err e = { 0 };

	assert_non_null(f);
	assert_int_equal(uv_loop_init(&f->loop), 0);
	strcpy(f->dir, "/tmp/firegw-test-XXXXXX");
	assert_non_null(mkdtemp(f->dir));
	snprintf(f->path, sizeof f->path, "%s/s", f->dir);
	f->config = config;
	f->config.socket = f->path;
	if (control_start(&f->loop, &f->config, fixture_handle, f, &f->control, &e))
		fail_msg("%s", e.text);
	return f;
}

static inline void fixture_free(struct fixture *f)
{
	struct stat st;

	control_close(f->control, fixture_closed);
	for (int i = 0; i < TURNS_MAX && !f->closed; i++)
		uv_run(&f->loop, UV_RUN_ONCE);
	assert_true(f->closed);
	while (f->n_held > 0)
		control_end(f->held[--f->n_held], NULL);
	uv_run(&f->loop, UV_RUN_DEFAULT);
	assert_int_equal(uv_loop_close(&f->loop), 0);
	assert_int_equal(lstat(f->path, &st), -1);
	assert_int_equal(rmdir(f->dir), 0);
	free(f);
}

static inline void turn(struct fixture *f, int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	uv_run(&f->loop, UV_RUN_NOWAIT);
	poll(&p, fd >= 0, 1);
}

#define wait_until(f, condition) do { \
	int turns_ = 0; \
	while (!(condition) && turns_++ < TURNS_MAX) \
		turn(f, -1); \
	assert_true(condition); \
} while (0)

static inline int client_open(const char *path)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	assert_true(fd >= 0);
	snprintf(a.sun_path, sizeof a.sun_path, "%s", path);
	assert_int_equal(connect(fd, (const struct sockaddr *)&a, sizeof a), 0);
	return fd;
}

static inline void client_send(struct fixture *f, int fd, const char *data, size_t len)
{
	for (int i = 0; i < TURNS_MAX && len > 0; i++) {
		ssize_t n = send(fd, data, len, MSG_NOSIGNAL);
		if (n > 0) {
			data += n;
			len -= (size_t)n;
		} else {
			assert_int_equal(errno, EAGAIN);
		}
		uv_run(&f->loop, UV_RUN_NOWAIT);
	}
	assert_int_equal(len, 0);
}

static inline void client_say(struct fixture *f, int fd, const char *line)
{
	client_send(f, fd, line, strlen(line));
}

/* The next line without its newline, or "" at the end of the connection. Static memory. */
static inline const char *client_line(struct fixture *f, int fd)
{
	static char line[4096];
	size_t len = 0;

	for (int i = 0; i < TURNS_MAX; i++) {
		ssize_t n = recv(fd, line + len, 1, 0);
		if (n == 0 || (n < 0 && errno == ECONNRESET))
			return "";
		if (n < 0) {
			assert_int_equal(errno, EAGAIN);
			turn(f, fd);
			continue;
		}
		if (line[len] == '\n') {
			line[len] = '\0';
			return line;
		}
		assert_true(++len < sizeof line);
		i = 0;
	}
	fail_msg("no line came");
	return "";
}

static inline void expect_line(struct fixture *f, int fd, const char *expected)
{
	assert_string_equal(client_line(f, fd), expected);
}

/* An end line of this code, then the end of the connection. */
static inline void expect_refused(struct fixture *f, int fd, const char *code)
{
	char start[96];

	snprintf(start, sizeof start, "{\"end\":true,\"ok\":false,\"code\":\"%s\",\"error\":\"", code);
	const char *line = client_line(f, fd);
	if (strncmp(line, start, strlen(start)) != 0)
		fail_msg("expected %s, got %s", code, line);
	expect_line(f, fd, "");
	close(fd);
}

#endif
