/* fuzz: a file in memory that config_load can open by a path. */
#ifndef FIREGW_TESTS_FUZZ_CONFIG_H
#define FIREGW_TESTS_FUZZ_CONFIG_H

#include "gateway/config/config.h"

#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

static inline int fuzz_file(char path[64])
{
	int fd = memfd_create("fuzz", MFD_CLOEXEC);

	if (fd < 0)
		abort();
	snprintf(path, 64, "/proc/self/fd/%d", fd);
	return fd;
}

static inline void fuzz_put(int fd, const void *data, size_t len)
{
	if (ftruncate(fd, 0) < 0 || pwrite(fd, data, len, 0) != (ssize_t)len)
		abort();
}

/* Loads; what loads must also show, and load again to the same. */
static inline void fuzz_load(const char *path, int shown, const char *shown_path)
{
	struct config *c, *again;
	struct findings f;
	int r = config_load(path, &c, &f);

	if ((r < 0) != (f.errors > 0) || (r < 0) != (c == NULL))
		abort();
	findings_done(&f);
	if (!c)
		return;
	char *text = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&text, &len);
	if (!out || config_show(c, false, out) < 0 || fclose(out) != 0)
		abort();
	fuzz_put(shown, text, len);
	free(text);
	if (config_load(shown_path, &again, &f) < 0) {
		findings_print(&f, stderr);
		abort();
	}
	for (size_t i = 0; i < sizeof c->hash; i++)
		if (c->hash[i] != again->hash[i])
			abort();
	findings_done(&f);
	config_free(again);
	config_free(c);
}

#endif
