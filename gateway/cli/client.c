#include "gateway/cli/client.h"

#include "core/strbuf.h"
#include "gateway/json_text.h"

#include <errno.h>
#include <grp.h>
#include <poll.h>
#include <pwd.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define LINE_MAX_BYTES ((size_t)16 * 1024 * 1024)
#define READ_SIZE      ((size_t)64 * 1024)
#define SILENCE_MS     30000 /* without a byte from the daemon, unless we follow */

struct client {
	char  *path;
	int    fd;
	int    signal_fd; /* -1: signals are not ours to watch */
	bool   follow;
	char  *in;
	size_t in_len, in_cap, in_taken; /* in_taken: bytes in front that were given out */
};

/* ---- reaching the daemon ---- */

static const char *user_name(void)
{
	const struct passwd *pw = getpwuid(getuid());

	return pw ? pw->pw_name : "USER";
}

static bool owners(const char *path, struct stat *ret)
{
	char dir[sizeof ((struct sockaddr_un *)0)->sun_path];
	const char *slash = strrchr(path, '/');
	size_t len = slash && slash > path ? (size_t)(slash - path) : 1;

	if (stat(path, ret) == 0)
		return true;
	memcpy(dir, slash ? path : ".", len);
	dir[len] = '\0';
	return stat(dir, ret) == 0;
}

/* Whose group may open the socket: that of the file, or of its directory if that is all one may see. A daemon that somebody started by hand leaves it to root's group, or
 * to that person's own: nobody should join those. */
static int not_allowed(const char *path, struct err *reterr)
{
	struct stat st;
	const struct group *gr = NULL;
	const struct passwd *owner = NULL;
	bool seen = owners(path, &st);

	if (seen) {
		gr = getgrgid(st.st_gid);
		owner = getpwuid(st.st_uid);
	}
	const char *group = gr ? gr->gr_name : "firegw";
	bool private_ = gr && owner && strcmp(group, "firegw") != 0 && (st.st_gid == 0 || strcmp(group, owner->pw_name) == 0);
	if (private_)
		return err_set(reterr, ERR_DENIED, "no permission for %s: it is %s's, who started firegwd by hand: run firegw as %s (sudo -u %s firegw …)", path,
		               owner->pw_name, owner->pw_name, owner->pw_name);
	return err_set(reterr, ERR_DENIED, "no permission for %s: join the group %s (sudo usermod -aG %s %s) and log in again", path, group, group, user_name());
}

static int unreachable(const char *path, int e, struct err *reterr)
{
	if (e == EACCES || e == EPERM)
		return not_allowed(path, reterr);
	return err_set(reterr, ERR_CLOSED, "cannot reach firegwd at %s: %s (is it running? systemctl status firegwd)", path,
	               e == EAGAIN ? "it does not take connections" : strerror(e));
}

/* A daemon that hangs lets its queue fill up: then connect waits, for as long as a send may. */
static int connect_to(const char *path, int *ret_fd, struct err *reterr)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	struct timeval patience = { .tv_sec = SILENCE_MS / 1000 / 3 };
	size_t len = strlen(path);

	if (len == 0 || len >= sizeof a.sun_path)
		return err_set(reterr, ERR_INVALID, "socket '%s': a socket's path has 1 to %zu bytes", path, sizeof a.sun_path - 1);
	memcpy(a.sun_path, path, len + 1);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return err_set(reterr, ERR_IO, "socket: %s", strerror(errno));
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
	if (connect(fd, (const struct sockaddr *)&a, sizeof a) < 0) {
		unreachable(path, errno, reterr);
		close(fd);
		return -1;
	}
	*ret_fd = fd;
	return 0;
}

int client_open(const char *path, struct client **ret, struct err *reterr)
{
	const char *env = getenv("FIREGW_SOCKET");

	if (!path)
		path = env && env[0] ? env : CLIENT_DEFAULT_SOCKET;
	struct client *c = calloc(1, sizeof *c);
	if (!c)
		return err_set(reterr, ERR_NO_MEMORY, "no memory");
	c->fd = c->signal_fd = -1;
	c->path = strdup(path);
	if (!c->path)
		err_set(reterr, ERR_NO_MEMORY, "no memory");
	if (!c->path || connect_to(path, &c->fd, reterr)) {
		client_close(c);
		return -1;
	}
	*ret = c;
	return 0;
}

void client_close(struct client *c)
{
	if (!c)
		return;
	if (c->fd >= 0)
		close(c->fd);
	if (c->signal_fd >= 0)
		close(c->signal_fd);
	free(c->path);
	free(c->in);
	free(c);
}

int client_watch_signals(struct client *c, struct err *reterr)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	if (sigprocmask(SIG_BLOCK, &set, NULL) < 0 || (c->signal_fd = signalfd(-1, &set, SFD_CLOEXEC)) < 0)
		return err_set(reterr, ERR_IO, "signals: %s", strerror(errno));
	return 0;
}

int client_follow(struct client *c, struct err *reterr)
{
	c->follow = true;
	return client_watch_signals(c, reterr);
}

/* ---- asking ---- */

int client_ask(struct client *c, const char *verb, json_t *args, struct err *reterr)
{
	struct strbuf line = STRBUF_INIT;
	size_t sent = 0;
	int r = 0;

	strbuf_puts(&line, "{\"verb\":");
	strbuf_json_string(&line, verb);
	if (args) {
		strbuf_puts(&line, ",\"args\":");
		json_text_put(&line, args);
	}
	strbuf_puts(&line, "}\n");
	json_decref(args);
	if (line.failed)
		r = err_set(reterr, ERR_NO_MEMORY, "no memory");
	while (r == 0 && sent < line.len) {
		ssize_t n = send(c->fd, line.data + sent, line.len - sent, MSG_NOSIGNAL);
		if (n > 0)
			sent += (size_t)n;
		else if (n < 0 && (errno == EPIPE || errno == ECONNRESET))
			break; /* it has closed; why, may stand in what it wrote before */
		else if (n < 0 && errno != EINTR)
			r = err_set(reterr, ERR_CLOSED, "firegwd at %s: %s", c->path, strerror(errno));
	}
	strbuf_done(&line);
	return r;
}

/* ---- answers ---- */

static bool make_room(struct client *c)
{
	if (c->in_taken > 0) {
		memmove(c->in, c->in + c->in_taken, c->in_len - c->in_taken);
		c->in_len -= c->in_taken;
		c->in_taken = 0;
	}
	if (c->in_cap - c->in_len >= READ_SIZE)
		return true;
	size_t cap = c->in_cap ? c->in_cap * 2 : 2 * READ_SIZE;
	char *in = realloc(c->in, cap);
	if (!in)
		return false;
	c->in = in;
	c->in_cap = cap;
	return true;
}

/* Waits until the daemon has written. CLIENT_ROW stands for "go on". */
static enum client_answer wait_readable(struct client *c, struct err *reterr)
{
	/* Whoever reads our output: gone means POLLERR, though we ask for nothing. */
	struct pollfd p[] = { { .fd = c->fd, .events = POLLIN },
		              { .fd = c->signal_fd, .events = POLLIN },
		              { .fd = c->signal_fd >= 0 ? STDOUT_FILENO : -1 } };

	for (;;) {
		int n = poll(p, 3, c->follow ? -1 : SILENCE_MS);
		if (n == 0) {
			err_set(reterr, ERR_TIMEOUT, "firegwd at %s does not answer for %d s (systemctl status firegwd)", c->path,
			        SILENCE_MS / 1000);
			return CLIENT_LOST;
		}
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			err_set(reterr, ERR_IO, "poll: %s", strerror(errno));
			return CLIENT_LOST;
		}
		if ((p[1].revents & POLLIN) || (p[2].revents & POLLERR))
			return CLIENT_STOPPED;
		return CLIENT_ROW;
	}
}

static enum client_answer read_more(struct client *c, struct err *reterr)
{
	if (c->in_len - c->in_taken > LINE_MAX_BYTES) {
		err_set(reterr, ERR_PROTOCOL, "firegwd at %s broke the protocol: a line of over %zu MiB", c->path,
		        LINE_MAX_BYTES / 1024 / 1024);
		return CLIENT_LOST;
	}
	if (!make_room(c)) {
		err_set(reterr, ERR_NO_MEMORY, "no memory");
		return CLIENT_LOST;
	}
	enum client_answer a = wait_readable(c, reterr);
	if (a != CLIENT_ROW)
		return a;
	ssize_t n = read(c->fd, c->in + c->in_len, c->in_cap - c->in_len);
	if (n > 0) {
		c->in_len += (size_t)n;
		return CLIENT_ROW;
	}
	if (n < 0 && errno == EINTR)
		return CLIENT_ROW;
	err_set(reterr, ERR_CLOSED, "firegwd at %s closed the connection before the end%s%s", c->path, n < 0 ? ": " : "",
	        n < 0 ? strerror(errno) : "");
	return CLIENT_LOST;
}

static enum err_code code_of(const char *word)
{
	for (int code = ERR_INVALID; code <= ERR_PROTOCOL; code++)
		if (word && strcmp(word, err_code_name((enum err_code)code)) == 0)
			return (enum err_code)code;
	return ERR_REFUSED;
}

static enum client_answer read_end(const struct client *c, json_t *root, json_t **ret, struct err *reterr)
{
	const char *text = json_string_value(json_object_get(root, "error"));

	if (json_is_true(json_object_get(root, "ok"))) {
		*ret = json_incref(json_object_get(root, "result"));
		return CLIENT_END;
	}
	if (!json_is_false(json_object_get(root, "ok")) || !text) {
		err_set(reterr, ERR_PROTOCOL, "firegwd at %s broke the protocol: an end without \"ok\" or \"error\"", c->path);
		return CLIENT_LOST;
	}
	err_set(reterr, code_of(json_string_value(json_object_get(root, "code"))), "%s", text);
	return CLIENT_FAILED;
}

static enum client_answer read_line(const struct client *c, const char *line, size_t len, json_t **ret, struct err *reterr)
{
	json_error_t where;
	enum client_answer a = CLIENT_LOST;
	json_t *root = json_loadb(line, len, 0, &where);
	json_t *row = json_object_get(root, "row");

	if (row) {
		*ret = json_incref(row);
		a = CLIENT_ROW;
	} else if (json_is_true(json_object_get(root, "end"))) {
		a = read_end(c, root, ret, reterr);
	} else {
		err_set(reterr, ERR_PROTOCOL, "firegwd at %s broke the protocol: %s", c->path,
		        root ? "neither a row nor an end" : where.text);
	}
	json_decref(root);
	return a;
}

enum client_answer client_next(struct client *c, json_t **ret, struct err *reterr)
{
	size_t scanned = c->in_taken;

	*ret = NULL;
	for (;;) {
		const char *end = c->in_len > scanned ? memchr(c->in + scanned, '\n', c->in_len - scanned) : NULL;
		if (end) {
			const char *line = c->in + c->in_taken;
			c->in_taken = (size_t)(end - c->in) + 1;
			return read_line(c, line, (size_t)(end - line), ret, reterr);
		}
		scanned = c->in_len - c->in_taken; /* read_more moves what is there to the front */
		enum client_answer a = read_more(c, reterr);
		if (a != CLIENT_ROW)
			return a;
	}
}

static int64_t mono_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_BOOTTIME, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

enum client_answer client_pause(struct client *c, int64_t ms, struct err *reterr)
{
	struct pollfd p[] = { { .fd = c->fd, .events = POLLIN }, { .fd = c->signal_fd, .events = POLLIN }, { .fd = STDOUT_FILENO } };
	int64_t end_ms = mono_ms() + ms, left = ms;

	for (; left > 0; left = end_ms - mono_ms()) {
		int n = poll(p, 3, left > 60000 ? 60000 : (int)left);
		if (n < 0 && errno != EINTR) {
			err_set(reterr, ERR_IO, "poll: %s", strerror(errno));
			return CLIENT_LOST;
		}
		if (n <= 0)
			continue;
		if ((p[1].revents & POLLIN) || (p[2].revents & POLLERR))
			return CLIENT_STOPPED;
		/* Nothing was asked, so there is nothing to say but good-bye. */
		err_set(reterr, ERR_CLOSED, "firegwd at %s closed the connection", c->path);
		return CLIENT_LOST;
	}
	return CLIENT_ROW;
}

enum client_answer client_call(struct client *c, const char *verb, json_t *args, json_t **ret, struct err *reterr)
{
	*ret = NULL;
	if (client_ask(c, verb, args, reterr))
		return CLIENT_LOST;
	for (;;) {
		enum client_answer a = client_next(c, ret, reterr);
		if (a != CLIENT_ROW)
			return a;
		json_decref(*ret);
	}
}

enum client_answer client_take_zone(struct client *c, struct err *reterr)
{
	json_t *result;
	enum client_answer a = client_call(c, "version", NULL, &result, reterr);
	const char *zone = json_string_value(json_object_get(result, "timezone"));

	if (zone && zone[0]) {
		setenv("TZ", zone, 1);
		tzset();
	}
	json_decref(result);
	return a;
}
