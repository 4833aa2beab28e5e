#include "storage/witness.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* A line of text and blanks, so that it takes no more room when the numbers grow: on a full disk too. */
#define WITNESS_BYTES 160

static int witness_path(const char *db_path, char *buf, size_t cap)
{
	int n = snprintf(buf, cap, "%s.witness", db_path);

	return n > 0 && (size_t)n < cap ? 0 : -1;
}

/* FNV-1a: half a line, or a line of zeros after a power cut, is none. */
static uint32_t check(const char *text, size_t len)
{
	uint32_t h = 2166136261u;

	for (size_t i = 0; i < len; i++)
		h = (h ^ (unsigned char)text[i]) * 16777619u;
	return h;
}

int witness_read(const char *db_path, struct witness *ret)
{
	char path[4200], text[WITNESS_BYTES + 1] = "";
	unsigned version = 0;
	uint32_t sum = 0;
	struct witness w = { 0 };

	if (witness_path(db_path, path, sizeof path) < 0)
		return -1;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (fd < 0)
		return -1;
	ssize_t len = read(fd, text, WITNESS_BYTES);
	close(fd);
	if (len <= 0)
		return -1;
	const char *end = strstr(text, " check=");
	if (!end || sscanf(text, "firegw-witness %u log=%8[0-9a-f] n=%" SCNd64 " numbers=%" SCNd64 " rev=%" SCNd64 " check=%" SCNx32, &version, w.log, &w.n, &w.numbers,
	                   &w.rev, &sum) != 6)
		return -1;
	if (version != 1 || strlen(w.log) != 8 || sum != check(text, (size_t)(end - text)))
		return -1;
	*ret = w;
	return 0;
}

static int sync_directory(const char *path)
{
	char dir[4200];
	const char *slash = strrchr(path, '/');

	snprintf(dir, sizeof dir, "%.*s", slash ? (int)(slash - path) + 1 : 1, slash ? path : ".");
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return -1;
	int rc = fsync(fd);
	close(fd);
	return rc;
}

int witness_write(const char *db_path, const struct witness *w, bool sync)
{
	char path[4200], text[WITNESS_BYTES + 1];

	if (witness_path(db_path, path, sizeof path) < 0) {
		errno = ENAMETOOLONG;
		return -1;
	}
	int n = snprintf(text, sizeof text, "firegw-witness 1 log=%.8s n=%" PRId64 " numbers=%" PRId64 " rev=%" PRId64, w->log, w->n, w->numbers, w->rev);
	n += snprintf(text + n, sizeof text - (size_t)n, " check=%08" PRIx32, check(text, (size_t)n));
	memset(text + n, ' ', (size_t)(WITNESS_BYTES - n));
	text[WITNESS_BYTES - 1] = '\n';
	int fd = open(path, O_WRONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	bool created = fd < 0 && errno == ENOENT;
	if (created)
		fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0640);
	if (fd < 0)
		return -1;
	bool failed = pwrite(fd, text, WITNESS_BYTES, 0) != WITNESS_BYTES || (sync && fdatasync(fd) < 0);
	int e = errno;
	close(fd);
	failed = failed || (created && sync && sync_directory(path) < 0);
	errno = e;
	return failed ? -1 : 0;
}
