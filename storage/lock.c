#include "storage/rights.h"
#include "storage/store_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int lock_path(const char *db_path, char *buf, size_t size)
{
	int n = snprintf(buf, size, "%s.lock", db_path);

	return n > 0 && (size_t)n < size ? 0 : -1;
}

static long holder(int fd)
{
	char text[32];
	ssize_t n = pread(fd, text, sizeof text - 1, 0);

	if (n <= 0)
		return 0;
	text[n] = '\0';
	return strtol(text, NULL, 10);
}

/* A lock file beside the database, held by an open file description's lock: the kernel lets go when the process ends, however it ends, and to ask who holds
 * it disturbs nobody. The file itself stays. */
int lock_take(const char *db_path, int *ret_fd, bool *ret_was_there, struct err *reterr)
{
	char path[4096], text[32], rights[RIGHTS_TEXT_MAX];

	if (lock_path(db_path, path, sizeof path) < 0)
		return err_set(reterr, ERR_INVALID, "database '%.200s…': the path is too long", db_path);
	bool was_there = access(path, F_OK) == 0;
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0640);
	if (fd < 0) {
		int e = errno;
		enum err_code code = e == EACCES || e == EPERM || e == EROFS ? ERR_DENIED : e == ENOSPC ? ERR_FULL : ERR_IO;
		const char *cure = e == ENOENT ? "make the directory, or name another in storage.path" :
		                   code == ERR_DENIED ? rights_to_write(rights) : "see to the disk";
		return err_set(reterr, code, "database '%s': cannot write '%s': %s: %s", db_path, path, strerror(e), cure);
	}
	struct flock whole = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	if (fcntl(fd, F_OFD_SETLK, &whole) < 0) {
		int e = errno;
		long pid = holder(fd);
		close(fd);
		if (e != EAGAIN && e != EACCES)
			return err_set(reterr, ERR_IO, "database '%s': cannot lock '%s': %s", db_path, path, strerror(e));
		return err_set(reterr, ERR_EXISTS, "database '%s' is in use by another firegwd (pid %ld): stop that one, or give this one a storage.path of its own",
		               db_path, pid);
	}
	int n = snprintf(text, sizeof text, "%ld\n", (long)getpid());
	/* Only for the message above: a full disk does not matter here. */
	if (ftruncate(fd, 0) == 0 && pwrite(fd, text, (size_t)n, 0) < 0)
		errno = 0;
	*ret_fd = fd;
	*ret_was_there = was_there;
	return 0;
}

void lock_forget(const char *db_path)
{
	char path[4096];

	if (lock_path(db_path, path, sizeof path) == 0)
		unlink(path);
}

bool lock_is_held(const char *db_path)
{
	char path[4096];

	if (lock_path(db_path, path, sizeof path) < 0)
		return false;
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return errno == EACCES;
	struct flock whole = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	bool held = fcntl(fd, F_OFD_GETLK, &whole) < 0 || whole.l_type != F_UNLCK;
	close(fd);
	return held;
}
