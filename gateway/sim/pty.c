#include "gateway/sim/pty.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

#define TERMINALS       "/dev/pts/"
#define SILENCE_FAST_NS INT64_C(1750000)
#define BAUD_FAST       19200

int64_t pty_character_ns(const struct bus_config *bus)
{
	int bits = 1 + bus->bits + (bus->parity != 'N') + bus->stop;

	return bits * CLOCK_NS_PER_S / bus->baud;
}

int64_t pty_silence_ns(const struct bus_config *bus)
{
	return bus->baud > BAUD_FAST ? SILENCE_FAST_NS : 7 * pty_character_ns(bus) / 2;
}

static bool is_later(struct timespec a, struct timespec b)
{
	return a.tv_sec > b.tv_sec || (a.tv_sec == b.tv_sec && a.tv_nsec > b.tv_nsec);
}

/* A link to a pseudo-terminal that is there no more, or whose number another one has by now, which was made after the link. */
static bool is_left_over(const char *path)
{
	char target[64];
	ssize_t n = readlink(path, target, sizeof target - 1);
	struct stat link, terminal;

	if (n <= 0)
		return false;
	target[n] = '\0';
	if (strncmp(target, TERMINALS, strlen(TERMINALS)) != 0 || lstat(path, &link) < 0)
		return false;
	return stat(path, &terminal) < 0 ? errno == ENOENT : is_later(terminal.st_ctim, link.st_mtim);
}

static int place_link(struct pty *p, const struct bus_config *bus, const char *folder, struct err *reterr)
{
	int n = folder ? snprintf(p->link, sizeof p->link, "%s/%s", folder, bus->name) : snprintf(p->link, sizeof p->link, "%s", bus->path);

	if (n < 0 || (size_t)n >= sizeof p->link) {
		p->link[0] = '\0';
		return err_set(reterr, ERR_INVALID, "bus '%s': its path is too long", bus->name);
	}
	if (is_left_over(p->link))
		(void)unlink(p->link);
	if (symlink(p->target, p->link) == 0)
		return 0;
	int error = errno;
	(void)err_set(reterr, error == EEXIST ? ERR_EXISTS : ERR_IO, "bus '%s': %s: %s; %s", bus->name, p->link,
	              error == EEXIST ? "something stands there, and is left alone" : strerror(error),
	              folder ? "name another folder with --ptys" : "--ptys DIR makes the line in a folder of yours");
	p->link[0] = '\0';
	return -1;
}

static int open_pair(struct pty *p, struct err *reterr)
{
	struct termios t;

	p->fd = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK);
	if (p->fd < 0 || grantpt(p->fd) < 0 || unlockpt(p->fd) < 0 || ptsname_r(p->fd, p->target, sizeof p->target) != 0)
		return err_set(reterr, ERR_IO, "a pseudo-terminal: %s", strerror(errno));
	p->their_fd = open(p->target, O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK);
	if (p->their_fd < 0 || tcgetattr(p->their_fd, &t) < 0)
		return err_set(reterr, ERR_IO, "%s: %s", p->target, strerror(errno));
	cfmakeraw(&t);
	return tcsetattr(p->their_fd, TCSANOW, &t) == 0 ? 0 : err_set(reterr, ERR_IO, "%s: %s", p->target, strerror(errno));
}

int pty_open(struct pty *p, const struct bus_config *bus, const char *folder, struct err *reterr)
{
	*p = (struct pty){ .fd = -1, .their_fd = -1 };
	if (open_pair(p, reterr) == 0 && place_link(p, bus, folder, reterr) == 0)
		return 0;
	pty_close(p);
	return -1;
}

void pty_close(struct pty *p)
{
	char target[sizeof p->target];
	ssize_t n = p->link[0] ? readlink(p->link, target, sizeof target - 1) : -1;

	if (n > 0 && (size_t)n == strlen(p->target) && memcmp(target, p->target, (size_t)n) == 0)
		(void)unlink(p->link);
	p->link[0] = '\0';
	if (p->their_fd >= 0)
		close(p->their_fd);
	if (p->fd >= 0)
		close(p->fd);
	p->fd = p->their_fd = -1;
}

void pty_share(const struct pty *p)
{
	(void)ioctl(p->their_fd, TIOCNXCL);
}
