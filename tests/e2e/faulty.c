/* firegwd over a faulting VFS: the file that FIREGW_FAULT names says what its disk does: ok, stall (every write and sync waits), fail (every one gives an I/O error), full.
 * What is in force stands in the file beside it, with `.seen` behind its name. */
int firegwd_main(int argc, char **argv);
#define main firegwd_main
#include "gateway/firegwd.c"
#undef main

#include "tests/lib/fault_vfs.h"

#include <pthread.h>
#include <sqlite3.h>
#include <stdatomic.h>
struct fault {
	struct fault_vfs *vfs;
	const char       *path;
	atomic_bool       stalled;
};

static void on_op(void *user, enum fault_op op, const char *path)
{
	struct fault *f = user;

	(void)path;
	while (op != FAULT_READ && op != FAULT_SHM && atomic_load(&f->stalled))
		usleep(5000);
}

static void tell_seen(const struct fault *f, const char *word)
{
	char path[4096];
	FILE *file;

	snprintf(path, sizeof path, "%s.seen", f->path);
	file = fopen(path, "w");
	if (!file)
		return;
	fputs(word, file);
	fclose(file);
}

static void *watch(void *arg)
{
	struct fault *f = arg;
	char was[16] = "ok";

	for (;;) {
		char word[16] = "ok";
		FILE *file = fopen(f->path, "r");
		if (file && fscanf(file, "%15s", word) != 1)
			strcpy(word, was);
		if (file)
			fclose(file);
		if (strcmp(word, was) != 0) {
			strcpy(was, word);
			atomic_store(&f->stalled, strcmp(word, "stall") == 0);
			fault_vfs_heal(f->vfs);
			if (strcmp(word, "fail") == 0)
				fault_vfs_fail(f->vfs, FAULT_CHANGES, 1, SQLITE_IOERR_WRITE, true);
			if (strcmp(word, "full") == 0)
				fault_vfs_fail(f->vfs, FAULT_BIT(FAULT_WRITE), 1, SQLITE_FULL, true);
			tell_seen(f, word);
		}
		usleep(10000);
	}
	return NULL;
}

int main(int argc, char **argv)
{
	static struct fault f;
	pthread_t thread;

	f.path = getenv("FIREGW_FAULT");
	f.vfs = fault_vfs_new("faulty");
	if (!f.path || !f.vfs || sqlite3_vfs_register(sqlite3_vfs_find("faulty"), 1) != SQLITE_OK)
		return 70;
	fault_vfs_hook(f.vfs, on_op, &f);
	if (pthread_create(&thread, NULL, watch, &f))
		return 70;
	return firegwd_main(argc, argv);
}
