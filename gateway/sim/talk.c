#include "gateway/sim/talk.h"

#include <errno.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define PEERS_MAX   8
#define SILENT_MS   5000
#define SOCKET_MODE 0600
#define ASK_S       5     /* how long the other end waits for an answer */

struct peer {
	struct watch watch;
	struct talk *talk;
	int          fd;        /* -1: free */
	int64_t      since_ms;  /* of the first sweep that saw it; 0: none yet */
	size_t       len;
	char         line[TALK_LINE_MAX + 1];
};

struct talk {
	struct watch       watch;
	int                epoll, fd;
	struct sockaddr_un address;
	dev_t              device;
	ino_t              inode;
	talk_answer       *answer;
	void              *user;
	struct peer        peers[PEERS_MAX];
};

static const char *folder(void)
{
	const char *dir = getenv("XDG_RUNTIME_DIR");

	return dir && *dir == '/' ? dir : "/tmp";
}

void talk_path(const char *gateway, char *buf, size_t cap)
{
	snprintf(buf, cap, "%s/firegw-sim-%s.sock", folder(), gateway);
}

static bool is_ours(const char *path)
{
	struct stat st;

	return lstat(path, &st) == 0 && S_ISSOCK(st.st_mode) && st.st_uid == geteuid();
}

static int make_address(const char *path, struct sockaddr_un *ret, struct err *reterr)
{
	size_t len = strlen(path);

	*ret = (struct sockaddr_un){ .sun_family = AF_UNIX };
	if (len == 0 || len >= sizeof ret->sun_path)
		return err_set(reterr, ERR_INVALID, "socket '%s': a socket's path has 1 to %zu bytes: give a shorter one with --socket", path,
		               sizeof ret->sun_path - 1);
	memcpy(ret->sun_path, path, len + 1);
	return 0;
}

/* A connected descriptor, or -1 and errno. */
static int connect_to(const struct sockaddr_un *a)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd >= 0 && connect(fd, (const struct sockaddr *)a, sizeof *a) < 0) {
		int error = errno;

		close(fd);
		errno = error;
		return -1;
	}
	return fd;
}

static bool is_alive(const char *path)
{
	struct sockaddr_un a;
	int fd = make_address(path, &a, NULL) == 0 ? connect_to(&a) : -1;

	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

int talk_find(char *buf, size_t cap, struct err *reterr)
{
	char pattern[300], text[300];
	struct strbuf names;
	glob_t found = { 0 };
	size_t n = 0;

	snprintf(pattern, sizeof pattern, "%s/firegw-sim-*.sock", folder());
	strbuf_init_fixed(&names, text, sizeof text);
	(void)glob(pattern, 0, NULL, &found);
	for (size_t i = 0; i < found.gl_pathc; i++) {
		const char *path = found.gl_pathv[i];

		if (!is_ours(path) || !is_alive(path))
			continue;
		if (n++ == 0)
			snprintf(buf, cap, "%s", path);
		strbuf_printf(&names, " %s", path);
	}
	globfree(&found);
	if (n == 0)
		return err_set(reterr, ERR_NOT_FOUND, "no simulator of yours runs (no %s): start one with firegw-sim --site SITE.yaml, or name its --socket",
		               pattern);
	return n == 1 ? 0 : err_set(reterr, ERR_EXISTS, "several simulators run; name one with --socket:%s", text);
}

static void close_peer(struct peer *p)
{
	close(p->fd);
	p->fd = -1;
	p->len = 0;
}

/* The answer fits into the socket's own buffer, so nobody is waited for. */
static void answer_peer(struct peer *p)
{
	struct strbuf out = STRBUF_INIT, text = STRBUF_INIT;
	int code = p->talk->answer(p->talk->user, p->line, &text);

	strbuf_printf(&out, "%d\n%s", code, text.data ? text.data : "");
	if (out.data)
		(void)send(p->fd, out.data, out.len, MSG_DONTWAIT | MSG_NOSIGNAL);
	strbuf_done(&out);
	strbuf_done(&text);
	close_peer(p);
}

static void on_peer(struct watch *w, uint32_t events)
{
	struct peer *p = (struct peer *)w;
	ssize_t n = recv(p->fd, p->line + p->len, TALK_LINE_MAX - p->len, MSG_DONTWAIT);

	(void)events;
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		close_peer(p);
		return;
	}
	p->len += (size_t)n;
	p->line[p->len] = '\0';
	char *end = strchr(p->line, '\n');
	if (end) {
		*end = '\0';
		answer_peer(p);
	} else if (p->len == TALK_LINE_MAX) {
		close_peer(p);
	}
}

static void on_talk(struct watch *w, uint32_t events)
{
	struct talk *t = (struct talk *)w;
	struct peer *p = NULL;
	int fd = accept4(t->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	(void)events;
	if (fd < 0)
		return;
	for (size_t i = 0; i < PEERS_MAX && !p; i++)
		if (t->peers[i].fd < 0)
			p = &t->peers[i];
	struct epoll_event ev = { .events = EPOLLIN, .data.ptr = p };
	if (!p || epoll_ctl(t->epoll, EPOLL_CTL_ADD, fd, &ev) < 0) {
		close(fd);
		return;
	}
	*p = (struct peer){ .watch = { on_peer }, .talk = t, .fd = fd };
}

static int clear_stale(const struct sockaddr_un *a, struct err *reterr)
{
	struct stat st;
	const char *path = a->sun_path;

	if (lstat(path, &st) < 0)
		return 0;
	if (!is_ours(path))
		return err_set(reterr, ERR_EXISTS, "socket '%s': something that is not ours stands there: name another with --socket", path);
	if (is_alive(path))
		return err_set(reterr, ERR_EXISTS, "socket '%s': a simulator of this site runs already: end it, or name another with --socket", path);
	if (unlink(path) < 0 && errno != ENOENT)
		return err_set(reterr, ERR_IO, "socket '%s': %s", path, strerror(errno));
	return 0;
}

static int open_socket(struct talk *t, struct err *reterr)
{
	const char *path = t->address.sun_path;
	struct stat st;

	t->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	/* The file gets the descriptor's mode, so that it is never open to others, not for a moment. */
	if (t->fd < 0 || fchmod(t->fd, SOCKET_MODE) < 0 || bind(t->fd, (struct sockaddr *)&t->address, sizeof t->address) < 0)
		return err_set(reterr, ERR_IO, "socket '%s': %s: name another with --socket", path, strerror(errno));
	struct epoll_event ev = { .events = EPOLLIN, .data.ptr = t };
	if (lstat(path, &st) < 0 || listen(t->fd, PEERS_MAX) < 0 || epoll_ctl(t->epoll, EPOLL_CTL_ADD, t->fd, &ev) < 0)
		return err_set(reterr, ERR_IO, "socket '%s': %s", path, strerror(errno));
	t->device = st.st_dev;
	t->inode = st.st_ino;
	return 0;
}

struct talk *talk_new(int epoll, const char *path, talk_answer *answer, void *user, struct err *reterr)
{
	struct talk *t = calloc(1, sizeof *t);

	if (!t) {
		(void)err_set(reterr, ERR_NO_MEMORY, "no memory");
		return NULL;
	}
	*t = (struct talk){ .watch = { on_talk }, .epoll = epoll, .fd = -1, .answer = answer, .user = user };
	for (size_t i = 0; i < PEERS_MAX; i++)
		t->peers[i].fd = -1;
	if (make_address(path, &t->address, reterr) < 0 || clear_stale(&t->address, reterr) < 0 || open_socket(t, reterr) < 0) {
		talk_free(t);
		return NULL;
	}
	return t;
}

void talk_free(struct talk *t)
{
	struct stat st;

	if (!t)
		return;
	for (size_t i = 0; i < PEERS_MAX; i++)
		if (t->peers[i].fd >= 0)
			close_peer(&t->peers[i]);
	if (t->fd >= 0)
		close(t->fd);
	/* Only the file that we made. */
	if (t->inode && lstat(t->address.sun_path, &st) == 0 && st.st_dev == t->device && st.st_ino == t->inode)
		unlink(t->address.sun_path);
	free(t);
}

void talk_sweep(struct talk *t, int64_t now_ms)
{
	for (size_t i = 0; i < PEERS_MAX; i++) {
		struct peer *p = &t->peers[i];

		if (p->fd < 0)
			continue;
		if (p->since_ms == 0)
			p->since_ms = now_ms;
		else if (now_ms - p->since_ms > SILENT_MS)
			close_peer(p);
	}
}

/* The whole answer; what comes after its end is not waited for. */
static ssize_t exchange(int fd, const char *line, char *buf, size_t cap)
{
	struct timeval wait = { .tv_sec = ASK_S };
	size_t len = 0;
	ssize_t n;

	(void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof wait);
	if (send(fd, line, strlen(line), MSG_NOSIGNAL) < 0 || send(fd, "\n", 1, MSG_NOSIGNAL) < 0)
		return -1;
	while (len < cap - 1 && (n = recv(fd, buf + len, cap - 1 - len, 0)) > 0)
		len += (size_t)n;
	buf[len] = '\0';
	return (ssize_t)len;
}

int talk_ask(const char *path, const char *line, FILE *out, FILE *err_out)
{
	struct sockaddr_un a;
	struct err e;
	char buf[65536];

	if (make_address(path, &a, &e) < 0) {
		fprintf(err_out, "firegw-sim: %s\n", e.text);
		return 2;
	}
	int fd = connect_to(&a);
	if (fd < 0) {
		fprintf(err_out, "firegw-sim: no simulator listens at %s: %s\n", path, strerror(errno));
		return 3;
	}
	ssize_t n = exchange(fd, line, buf, sizeof buf);
	close(fd);
	if (n < 2 || buf[0] < '0' || buf[0] > '9' || buf[1] != '\n') {
		fprintf(err_out, "firegw-sim: what listens at %s did not answer\n", path);
		return 3;
	}
	int code = buf[0] - '0';
	fprintf(code ? err_out : out, "%s%s", code ? "firegw-sim: " : "", buf + 2);
	return code;
}
