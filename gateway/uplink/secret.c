#include "gateway/uplink/secret.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* O_NONBLOCK: a FIFO in place of the file must not hold us. */
static int open_file(const char *path, struct stat *ret, struct err *reterr)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

	if (fd < 0)
		return err_set(reterr, ERR_IO, "cannot read '%s': %s", path, strerror(errno));
	if (fstat(fd, ret) < 0 || !S_ISREG(ret->st_mode)) {
		close(fd);
		return err_set(reterr, ERR_INVALID, "'%s' is not a file", path);
	}
	return fd;
}

int secret_read(const char *path, struct secret *ret, struct err *reterr)
{
	struct stat st;
	int fd = open_file(path, &st, reterr);

	if (fd < 0)
		return -1;
	ssize_t n = read(fd, ret->bytes, sizeof ret->bytes);
	int error = errno;
	close(fd);
	if (n < 0)
		return err_set(reterr, ERR_IO, "cannot read '%s': %s", path, strerror(error));
	const char *end = memchr(ret->bytes, '\n', (size_t)n);
	if (!end && n == (ssize_t)sizeof ret->bytes) {
		secret_wipe(ret);
		return err_set(reterr, ERR_INVALID, "the first line of '%s' is longer than %zu bytes", path, sizeof ret->bytes - 1);
	}
	ret->len = end ? (size_t)(end - ret->bytes) : (size_t)n;
	if (ret->len > 0 && ret->bytes[ret->len - 1] == '\r')
		ret->len--;
	if (ret->len == 0)
		return err_set(reterr, ERR_INVALID, "'%s' has no password in its first line", path);
	ret->readable_by_all = (st.st_mode & S_IROTH) != 0;
	return 0;
}

void secret_wipe(struct secret *s)
{
	explicit_bzero(s->bytes, sizeof s->bytes);
	s->len = 0;
}

int secret_check_pem(const char *what, const char *path, struct err *reterr)
{
	static const char mark[] = "-----BEGIN ";
	char buf[16 * 1024];
	struct stat st;
	int fd = open_file(path, &st, reterr);

	if (fd < 0)
		return err_prefix(reterr, "%s: ", what);
	ssize_t n = read(fd, buf, sizeof buf);
	close(fd);
	bool is_pem = n > 0 && memmem(buf, (size_t)n, mark, sizeof mark - 1) != NULL;
	explicit_bzero(buf, sizeof buf);
	return is_pem ? 0 : err_set(reterr, ERR_INVALID, "%s: '%s' is not a PEM file", what, path);
}
