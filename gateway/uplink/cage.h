/* cage: takes from this process, for good, what it never needs. It parses what comes from the network, so the kernel (Landlock, landlock(7)) lets it and its
 * threads read the system's files and the directories of its own password and TLS files, and nothing else: no file of the gateway's, no writing, no
 * programs started, no other process looked into. */
#ifndef FIREGW_GATEWAY_UPLINK_CAGE_H
#define FIREGW_GATEWAY_UPLINK_CAGE_H

#include "core/err.h"

#include <stddef.h>

/* For the calling thread and those that it starts afterwards; needs no_new_privs. files: what must stay readable, with all that stands beside it (they are
 * replaced, not overwritten); NULLs are skipped. ERR_UNSUPPORTED: the kernel has no Landlock, or it is filtered; ERR_IO: it was refused. Then all is as before. */
int cage_close(const char *const *files, size_t n, struct err *reterr);

#endif
