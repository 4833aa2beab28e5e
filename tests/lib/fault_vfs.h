/* fault_vfs: a VFS over the system's own that fails, stalls, counts, and forgets what was not synced, on demand. Registered with SQLite under a name. */
#ifndef FIREGW_TESTS_FAULT_VFS_H
#define FIREGW_TESTS_FAULT_VFS_H

#include <stdbool.h>
#include <stdint.h>

enum fault_op { FAULT_OPEN, FAULT_READ, FAULT_WRITE, FAULT_TRUNCATE, FAULT_SYNC, FAULT_DELETE, FAULT_SHM, FAULT_OP_COUNT };
#define FAULT_BIT(op)   (1u << (op))
#define FAULT_CHANGES   (FAULT_BIT(FAULT_WRITE) | FAULT_BIT(FAULT_TRUNCATE) | FAULT_BIT(FAULT_SYNC) | FAULT_BIT(FAULT_DELETE))
#define FAULT_ALL       (FAULT_CHANGES | FAULT_BIT(FAULT_OPEN) | FAULT_BIT(FAULT_READ) | FAULT_BIT(FAULT_SHM))

struct fault_vfs;
/* Registers it; NULL: no memory. All files opened through it must be closed before _free. */
struct fault_vfs *fault_vfs_new(const char *name);
void fault_vfs_free(struct fault_vfs *f);

/* The k-th operation from now on (1: the next) among those in the mask fails with rc (SQLITE_IOERR_WRITE, SQLITE_FULL, …); a write leaves half of its bytes. stay: so do all
 * after it, whatever they are in the mask, until healed. May be called from any thread. */
void fault_vfs_fail(struct fault_vfs *f, unsigned mask, uint64_t k, int rc, bool stay);
void fault_vfs_heal(struct fault_vfs *f);
/* Whether an operation has failed since the last _fail. */
bool fault_vfs_hit(struct fault_vfs *f);
uint64_t fault_vfs_count(struct fault_vfs *f, unsigned mask);
/* Called before each operation, in its thread, with nothing locked: may block (a slow disk). */
void fault_vfs_hook(struct fault_vfs *f, void (*hook)(void *user, enum fault_op op, const char *path), void *user);

/* From now on remembers, for each file opened, what was synced and what was only written. */
void fault_vfs_record(struct fault_vfs *f);
/* Rewrites each recorded file as a power cut may leave it: what was synced, and of what was not any part (by seed). Removes the WAL's index. All files must be closed. 0 or -1. */
int  fault_vfs_power_cut(struct fault_vfs *f, uint64_t seed);

#endif
