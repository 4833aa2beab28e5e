#include "gateway/control_socket.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define SOCKET_MODE    0660
#define SOCKET_BACKLOG 64

static int make_address(const char *path, struct sockaddr_un *ret, struct err *reterr)
{
	size_t len = strlen(path);

	*ret = (struct sockaddr_un){ .sun_family = AF_UNIX };
	if (len == 0 || len >= sizeof ret->sun_path)
		return err_set(reterr, ERR_INVALID, "socket '%s': a socket's path has 1 to %zu bytes: set control.socket to a shorter one",
		               path, sizeof ret->sun_path - 1);
	memcpy(ret->sun_path, path, len + 1);
	return 0;
}

/* Whether nobody listens at the socket file that is there; -1 otherwise. Never waits: a listener with a full queue gives EAGAIN. */
static int check_stale(const char *path, const struct sockaddr_un *address, struct err *reterr)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0)
		return err_set(reterr, ERR_IO, "socket '%s': %s", path, strerror(errno));
	int e = connect(fd, (const struct sockaddr *)address, sizeof *address) < 0 ? errno : 0;
	close(fd);
	switch (e) {
	case ECONNREFUSED:
	case ENOENT:
		return 0;
	case 0:
	case EAGAIN:
		return err_set(reterr, ERR_EXISTS, "socket '%s': a daemon listens there already: stop it, or set another control.socket",
		               path);
	case EPROTOTYPE:
		return err_set(reterr, ERR_EXISTS, "socket '%s': a socket of another program: remove it, or set another control.socket",
		               path);
	default:
		return err_set(reterr, e == EACCES ? ERR_DENIED : ERR_IO,
		               "socket '%s' is there and cannot be tried: %s: remove it, or set another control.socket", path, strerror(e));
	}
}

/* Removes a socket file without a listener; leaves everything else alone. */
static int clear_stale(const char *path, const struct sockaddr_un *address, struct err *reterr)
{
	struct stat before, after;

	if (lstat(path, &before) < 0)
		return 0; /* nothing there; other reasons show at bind */
	if (!S_ISSOCK(before.st_mode))
		return err_set(reterr, ERR_EXISTS,
		               "socket '%s': a file that is no socket stands there: remove it, or set another control.socket", path);
	if (check_stale(path, address, reterr))
		return -1;
	/* Not the one that was tried: another daemon came up in between, bind will say so. */
	if (lstat(path, &after) < 0 || after.st_ino != before.st_ino || after.st_dev != before.st_dev)
		return 0;
	if (unlink(path) < 0 && errno != ENOENT)
		return err_set(reterr, errno == EACCES || errno == EPERM ? ERR_DENIED : ERR_IO,
		               "socket '%s': a stale one cannot be removed: %s", path, strerror(errno));
	return 0;
}

static int bind_error(const char *path, int e, struct err *reterr)
{
	int dir_len = (int)(strrchr(path, '/') ? strrchr(path, '/') - path : 0);

	switch (e) {
	case ENOENT:
	case ENOTDIR:
		return err_set(reterr, ERR_NOT_FOUND,
		               "socket '%s': there is no directory '%.*s': create it (systemd does, with RuntimeDirectory=firegw), "
		               "or set another control.socket",
		               path, dir_len, path);
	case EACCES:
	case EPERM:
	case EROFS:
		return err_set(reterr, ERR_DENIED,
		               "socket '%s': may not be created there (%s): let the daemon's user own the directory, or set another "
		               "control.socket",
		               path, strerror(e));
	case EADDRINUSE:
		return err_set(reterr, ERR_EXISTS, "socket '%s': another daemon has just taken it", path);
	default:
		return err_set(reterr, ERR_IO, "socket '%s': %s", path, strerror(e));
	}
}

int control_socket_open(const char *path, struct control_socket *ret, struct err *reterr)
{
	struct sockaddr_un address;
	struct stat st;

	if (make_address(path, &address, reterr) || clear_stale(path, &address, reterr))
		return -1;
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return err_set(reterr, ERR_IO, "socket '%s': %s", path, strerror(errno));
	/* The file gets the descriptor's mode less the umask (which belongs to all threads and is left alone); chmod then only widens. */
	if (fchmod(fd, SOCKET_MODE) < 0) {
		err_set(reterr, ERR_IO, "socket '%s': %s", path, strerror(errno));
		goto fail;
	}
	if (bind(fd, (const struct sockaddr *)&address, sizeof address) < 0) {
		bind_error(path, errno, reterr);
		goto fail;
	}
	if (chmod(path, SOCKET_MODE) < 0 || lstat(path, &st) < 0 || listen(fd, SOCKET_BACKLOG) < 0) {
		err_set(reterr, ERR_IO, "socket '%s': %s", path, strerror(errno));
		unlink(path);
		goto fail;
	}
	*ret = (struct control_socket){ .fd = fd, .device = st.st_dev, .inode = st.st_ino };
	return 0;
fail:
	close(fd);
	return -1;
}

void control_socket_remove(const char *path, const struct control_socket *s)
{
	struct stat st;

	if (lstat(path, &st) == 0 && st.st_dev == s->device && st.st_ino == s->inode)
		unlink(path);
}
