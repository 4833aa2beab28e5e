#include "gateway/uplink/cage.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <linux/landlock.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Rights that came after the first version: a ruleset may name only those that the kernel knows. */
#ifndef LANDLOCK_ACCESS_FS_REFER
#define LANDLOCK_ACCESS_FS_REFER (UINT64_C(1) << 13)
#endif
#ifndef LANDLOCK_ACCESS_FS_TRUNCATE
#define LANDLOCK_ACCESS_FS_TRUNCATE (UINT64_C(1) << 14)
#endif
#define RIGHTS_FIRST ((LANDLOCK_ACCESS_FS_MAKE_SYM << 1) - 1)
#define RIGHTS_READ  (LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR)

/* Resolver, certificates, time zones, random numbers, what threads and the C library look up of themselves; /run: the resolver's, and the service manager's credentials. */
static const char *const system_places[] = { "/etc", "/usr", "/lib", "/lib64", "/proc", "/sys", "/dev", "/run", "/opt" };

static int allow(int ruleset, const char *directory)
{
	struct landlock_path_beneath_attr rule = { .allowed_access = RIGHTS_READ };
	int fd = open(directory, O_PATH | O_CLOEXEC | O_DIRECTORY);

	if (fd < 0)
		return -1;
	rule.parent_fd = fd;
	long r = syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &rule, 0);
	close(fd);
	return r < 0 ? -1 : 0;
}

/* The directory of a file; if it is not there yet, the nearest above it that is. */
static int allow_beside(int ruleset, const char *file)
{
	char path[PATH_MAX];
	size_t len = strlen(file);

	if (len >= sizeof path)
		return -1;
	memcpy(path, file, len + 1);
	for (;;) {
		char *parent = dirname(path);
		if (allow(ruleset, parent) == 0)
			return 0;
		if (strcmp(parent, "/") == 0 || strcmp(parent, ".") == 0)
			return -1;
		memmove(path, parent, strlen(parent) + 1);
	}
}

static int refused(int ruleset, const char *what, struct err *reterr)
{
	err_set(reterr, ERR_IO, "landlock: %s: %s", what, strerror(errno));
	if (ruleset >= 0)
		close(ruleset);
	return -1;
}

/* The directory in which the file really stands. */
static bool place(const char *file, dev_t *ret_dev, ino_t *ret_ino)
{
	char *real = file ? realpath(file, NULL) : NULL;
	struct stat st;
	bool there = real && stat(dirname(real), &st) == 0;

	free(real);
	*ret_dev = there ? st.st_dev : 0;
	*ret_ino = there ? st.st_ino : 0;
	return there;
}

void cage_note(struct cage *c, const char *const *files, size_t n)
{
	assert(n <= CAGE_FILES_MAX);
	c->closed = true;
	for (size_t i = 0; i < n; i++)
		(void)place(files[i], &c->stood[i].dev, &c->stood[i].ino);
}

bool cage_fits(const struct cage *c, const char *const *files, size_t n)
{
	dev_t dev;
	ino_t ino;

	for (size_t i = 0; c->closed && i < n; i++)
		if (place(files[i], &dev, &ino) && (dev != c->stood[i].dev || ino != c->stood[i].ino))
			return false;
	return true;
}

int cage_close(struct cage *c, const char *const *files, size_t n, struct err *reterr)
{
	struct landlock_ruleset_attr rights = { .handled_access_fs = RIGHTS_FIRST };
	long version = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);

	if (version < 1)
		return err_set(reterr, ERR_UNSUPPORTED, "this kernel has no Landlock, or it is filtered");
	if (version >= 2)
		rights.handled_access_fs |= LANDLOCK_ACCESS_FS_REFER;
	if (version >= 3)
		rights.handled_access_fs |= LANDLOCK_ACCESS_FS_TRUNCATE;
	int ruleset = (int)syscall(SYS_landlock_create_ruleset, &rights, sizeof rights, 0);
	if (ruleset < 0)
		return refused(-1, "ruleset", reterr);
	/* One that is not there needs no rule. */
	for (size_t i = 0; i < sizeof system_places / sizeof system_places[0]; i++)
		(void)allow(ruleset, system_places[i]);
	for (size_t i = 0; i < n; i++) {
		char *real = files[i] ? realpath(files[i], NULL) : NULL;
		bool bad = files[i] && (allow_beside(ruleset, files[i]) || (real && allow_beside(ruleset, real)));
		free(real);
		if (bad)
			return refused(ruleset, files[i], reterr);
	}
	if (syscall(SYS_landlock_restrict_self, ruleset, 0) < 0)
		return refused(ruleset, "restrict", reterr);
	close(ruleset);
	cage_note(c, files, n);
	return 0;
}
