/* cage: takes from this process, for good, what it never needs. It parses what comes from the network, so the kernel (Landlock, landlock(7)) lets it and its
 * threads read the system's files and the directories of its own password and TLS files, and nothing else: no file of the gateway's, no writing, no
 * programs started, no other process looked into. */
#ifndef FIREGW_GATEWAY_UPLINK_CAGE_H
#define FIREGW_GATEWAY_UPLINK_CAGE_H

#include "core/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#define CAGE_FILES_MAX 4

/* In which directories the files stood; the rights are those of the directories, whatever bears their names later. */
struct cage {
	bool   closed;
	struct { dev_t dev; ino_t ino; } stood[CAGE_FILES_MAX]; /* 0: the file was not there */
};

/* For the calling thread and those that it starts afterwards; needs no_new_privs. files: what must stay readable, with all that stands beside it (they are
 * replaced, not overwritten); at most CAGE_FILES_MAX, NULLs are skipped. ERR_UNSUPPORTED: the kernel has no Landlock, or it is filtered; ERR_IO: it was refused. Then all is as before. */
int cage_close(struct cage *c, const char *const *files, size_t n, struct err *reterr);
/* False: a file stands in another directory now (which was replaced, or a link leads elsewhere), which cannot be read from within: only a new process can. */
bool cage_fits(const struct cage *c, const char *const *files, size_t n);
/* What cage_close remembers of the files; for tests. */
void cage_note(struct cage *c, const char *const *files, size_t n);

#endif
