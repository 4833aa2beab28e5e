#include "gateway/uplink/notes.h"

#include <fcntl.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#define LINE_MAX_BYTES 400

int notes_open(void)
{
	int ends[2];

	if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) < 0)
		return -1;
	if (dup3(ends[1], NOTES_FD, O_CLOEXEC) < 0)
		return -1;
	close(ends[1]);
	return ends[0];
}

void notes_write(const char *line, size_t len)
{
	len = strnlen(line, len < LINE_MAX_BYTES ? len : LINE_MAX_BYTES);
	/* One call and below PIPE_BUF, so that lines of two threads do not mix. */
	struct iovec parts[2] = { { .iov_base = (void *)(uintptr_t)line, .iov_len = len }, { .iov_base = (void *)(uintptr_t) "\n", .iov_len = 1 } };
	(void)!writev(NOTES_FD, parts, 2);
}

void notes_take(int fd, struct reason_notes *ret)
{
	char buf[4096 + 1];
	size_t kept = 0;
	ssize_t n;

	while ((n = read(fd, buf + kept, sizeof buf - 1 - kept)) > 0) {
		size_t len = kept + (size_t)n;
		char *line = buf, *end;
		buf[len] = '\0';
		while ((end = memchr(line, '\n', len - (size_t)(line - buf))) != NULL) {
			*end = '\0';
			reason_note(ret, line);
			line = end + 1;
		}
		kept = len - (size_t)(line - buf);
		memmove(buf, line, kept);
		if (kept == sizeof buf - 1)
			kept = 0;
	}
}
