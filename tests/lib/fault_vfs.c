#include "tests/lib/fault_vfs.h"

#include <pthread.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct pending {
	bool           truncate;
	sqlite3_int64  at;      /* or the new length */
	int            len;
	unsigned char *data;
};

/* One file as the disk has it. */
struct image {
	struct image  *next;
	char          *path;
	unsigned char *bytes;
	size_t         len, cap;
	struct pending *pending;
	size_t         n_pending, cap_pending;
};

struct fault_vfs {
	sqlite3_vfs      vfs;   /* first: SQLite hands it back */
	sqlite3_vfs     *real;
	char            *name;
	pthread_mutex_t  lock;
	unsigned         mask;
	uint64_t         in;    /* fails when this many more have come; 0: never */
	int              rc;
	bool             stay, failing, hit, record;
	uint64_t         counts[FAULT_OP_COUNT];
	void           (*hook)(void *user, enum fault_op op, const char *path);
	void            *hook_user;
	struct image    *images;
};

struct fault_file {
	sqlite3_file      base;
	struct fault_vfs *f;
	struct image     *image; /* NULL: not recorded */
	const char       *path;
	sqlite3_file     *real;  /* behind this struct */
};

static int fault(struct fault_vfs *f, enum fault_op op, const char *path)
{
	int rc = SQLITE_OK;

	pthread_mutex_lock(&f->lock);
	void (*hook)(void *, enum fault_op, const char *) = f->hook;
	void *user = f->hook_user;
	pthread_mutex_unlock(&f->lock);
	if (hook)
		hook(user, op, path);
	pthread_mutex_lock(&f->lock);
	f->counts[op]++;
	if (f->mask & FAULT_BIT(op)) {
		if (f->in > 0 && --f->in == 0) {
			rc = f->rc;
			f->failing = f->stay;
			f->hit = true;
		} else if (f->failing) {
			rc = f->rc;
		}
	}
	pthread_mutex_unlock(&f->lock);
	return rc;
}

/* ---- what the disk has ---- */

static void resize(struct image *im, size_t len)
{
	if (len >= im->cap) {
		im->cap = len * 2 + 1;
		im->bytes = realloc(im->bytes, im->cap);
	}
	if (len > im->len)
		memset(im->bytes + im->len, 0, len - im->len);
	im->len = len;
}

static void apply(struct image *im, const struct pending *p, int len)
{
	if (p->truncate) {
		resize(im, (size_t)p->at);
		return;
	}
	if ((size_t)(p->at + len) > im->len)
		resize(im, (size_t)(p->at + len));
	memcpy(im->bytes + p->at, p->data, (size_t)len);
}

static struct image *find_image(struct fault_vfs *f, const char *path)
{
	struct image *im;

	for (im = f->images; im; im = im->next)
		if (strcmp(im->path, path) == 0)
			return im;
	im = calloc(1, sizeof *im);
	im->path = strdup(path);
	FILE *file = fopen(path, "rb");
	if (file) {
		fseek(file, 0, SEEK_END);
		resize(im, (size_t)ftell(file));
		rewind(file);
		if (im->len > 0 && fread(im->bytes, 1, im->len, file) != im->len)
			im->len = 0;
		fclose(file);
	}
	im->next = f->images;
	f->images = im;
	return im;
}

static void remember(struct fault_file *x, bool truncate, sqlite3_int64 at, const void *data, int len)
{
	struct image *im = x->image;

	if (!im)
		return;
	pthread_mutex_lock(&x->f->lock);
	if (im->n_pending == im->cap_pending) {
		im->cap_pending = im->cap_pending ? im->cap_pending * 2 : 64;
		im->pending = realloc(im->pending, im->cap_pending * sizeof *im->pending);
	}
	struct pending *p = &im->pending[im->n_pending++];
	*p = (struct pending){ truncate, at, len, NULL };
	if (!truncate) {
		p->data = malloc((size_t)len + 1);
		memcpy(p->data, data, (size_t)len);
	}
	pthread_mutex_unlock(&x->f->lock);
}

static void forget(struct image *im)
{
	for (size_t i = 0; i < im->n_pending; i++)
		free(im->pending[i].data);
	im->n_pending = 0;
}

static uint64_t next_random(uint64_t *state)
{
	uint64_t z = *state += UINT64_C(0x9E3779B97F4A7C15);

	z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
	return z ^ (z >> 31);
}

int fault_vfs_power_cut(struct fault_vfs *f, uint64_t seed)
{
	int result = 0;

	for (struct image *im = f->images; im; im = im->next) {
		for (size_t i = 0; i < im->n_pending; i++) {
			struct pending *p = &im->pending[i];
			switch (next_random(&seed) % 3) {
			case 0: break;
			case 1: apply(im, p, p->len); break;
			/* torn between sectors */
			default: apply(im, p, p->truncate ? p->len : (int)(next_random(&seed) % ((unsigned)p->len / 512 + 1)) * 512); break;
			}
		}
		forget(im);
		FILE *file = fopen(im->path, "wb");
		if (!file || (im->len > 0 && fwrite(im->bytes, 1, im->len, file) != im->len))
			result = -1;
		if (file && fclose(file) != 0)
			result = -1;
		char shm[4200];
		snprintf(shm, sizeof shm, "%s-shm", im->path);
		unlink(shm);
	}
	return result;
}

/* ---- files ---- */

static struct fault_file *of(sqlite3_file *file)
{
	return (struct fault_file *)file;
}

static int x_close(sqlite3_file *file)
{
	return of(file)->real->pMethods->xClose(of(file)->real);
}

static int x_read(sqlite3_file *file, void *data, int len, sqlite3_int64 at)
{
	int rc = fault(of(file)->f, FAULT_READ, of(file)->path);

	return rc != SQLITE_OK ? rc : of(file)->real->pMethods->xRead(of(file)->real, data, len, at);
}

static int x_write(sqlite3_file *file, const void *data, int len, sqlite3_int64 at)
{
	struct fault_file *x = of(file);
	int bad = fault(x->f, FAULT_WRITE, x->path);
	int n = bad != SQLITE_OK ? len / 2 : len;
	int rc = n > 0 ? x->real->pMethods->xWrite(x->real, data, n, at) : SQLITE_OK;

	if (rc == SQLITE_OK && n > 0)
		remember(x, false, at, data, n);
	return bad != SQLITE_OK ? bad : rc;
}

static int x_truncate(sqlite3_file *file, sqlite3_int64 len)
{
	struct fault_file *x = of(file);
	int rc = fault(x->f, FAULT_TRUNCATE, x->path);

	if (rc == SQLITE_OK && (rc = x->real->pMethods->xTruncate(x->real, len)) == SQLITE_OK)
		remember(x, true, len, NULL, 0);
	return rc;
}

static int x_sync(sqlite3_file *file, int flags)
{
	struct fault_file *x = of(file);
	int rc = fault(x->f, FAULT_SYNC, x->path);

	if (rc == SQLITE_OK && (rc = x->real->pMethods->xSync(x->real, flags)) == SQLITE_OK && x->image) {
		pthread_mutex_lock(&x->f->lock);
		for (size_t i = 0; i < x->image->n_pending; i++)
			apply(x->image, &x->image->pending[i], x->image->pending[i].len);
		forget(x->image);
		pthread_mutex_unlock(&x->f->lock);
	}
	return rc;
}

static int x_file_size(sqlite3_file *file, sqlite3_int64 *ret)
{
	return of(file)->real->pMethods->xFileSize(of(file)->real, ret);
}

static int x_lock(sqlite3_file *file, int how)
{
	return of(file)->real->pMethods->xLock(of(file)->real, how);
}

static int x_unlock(sqlite3_file *file, int how)
{
	return of(file)->real->pMethods->xUnlock(of(file)->real, how);
}

static int x_check_lock(sqlite3_file *file, int *ret)
{
	return of(file)->real->pMethods->xCheckReservedLock(of(file)->real, ret);
}

static int x_control(sqlite3_file *file, int op, void *arg)
{
	/* Hints of a size to come would write past what is recorded. */
	if (op == SQLITE_FCNTL_SIZE_HINT || op == SQLITE_FCNTL_CHUNK_SIZE)
		return SQLITE_OK;
	return of(file)->real->pMethods->xFileControl(of(file)->real, op, arg);
}

static int x_sector(sqlite3_file *file)
{
	return of(file)->real->pMethods->xSectorSize(of(file)->real);
}

static int x_device(sqlite3_file *file)
{
	return of(file)->real->pMethods->xDeviceCharacteristics(of(file)->real);
}

static int x_shm_map(sqlite3_file *file, int page, int size, int extend, void volatile **ret)
{
	int rc = fault(of(file)->f, FAULT_SHM, of(file)->path);

	return rc != SQLITE_OK ? rc : of(file)->real->pMethods->xShmMap(of(file)->real, page, size, extend, ret);
}

static int x_shm_lock(sqlite3_file *file, int offset, int n, int flags)
{
	return of(file)->real->pMethods->xShmLock(of(file)->real, offset, n, flags);
}

static void x_shm_barrier(sqlite3_file *file)
{
	of(file)->real->pMethods->xShmBarrier(of(file)->real);
}

static int x_shm_unmap(sqlite3_file *file, int remove)
{
	return of(file)->real->pMethods->xShmUnmap(of(file)->real, remove);
}

static const sqlite3_io_methods methods = {
	.iVersion = 2, .xClose = x_close, .xRead = x_read, .xWrite = x_write, .xTruncate = x_truncate, .xSync = x_sync, .xFileSize = x_file_size, .xLock = x_lock,
	.xUnlock = x_unlock, .xCheckReservedLock = x_check_lock, .xFileControl = x_control, .xSectorSize = x_sector, .xDeviceCharacteristics = x_device,
	.xShmMap = x_shm_map, .xShmLock = x_shm_lock, .xShmBarrier = x_shm_barrier, .xShmUnmap = x_shm_unmap,
};

/* ---- the VFS ---- */

static struct fault_vfs *vfs_of(sqlite3_vfs *vfs)
{
	return (struct fault_vfs *)vfs;
}

static int v_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *file, int flags, int *ret_flags)
{
	struct fault_vfs *f = vfs_of(vfs);
	struct fault_file *x = of(file);
	int rc = fault(f, FAULT_OPEN, name);

	memset(x, 0, sizeof *x);
	if (rc != SQLITE_OK)
		return rc;
	x->f = f;
	x->path = name;
	x->real = (sqlite3_file *)(x + 1);
	pthread_mutex_lock(&f->lock);
	if (f->record && name && flags & (SQLITE_OPEN_MAIN_DB | SQLITE_OPEN_WAL))
		x->image = find_image(f, name);
	pthread_mutex_unlock(&f->lock);
	rc = f->real->xOpen(f->real, name, x->real, flags, ret_flags);
	if (x->real->pMethods)
		x->base.pMethods = &methods;
	return rc;
}

static int v_delete(sqlite3_vfs *vfs, const char *name, int sync)
{
	int rc = fault(vfs_of(vfs), FAULT_DELETE, name);

	return rc != SQLITE_OK ? rc : vfs_of(vfs)->real->xDelete(vfs_of(vfs)->real, name, sync);
}

static int v_access(sqlite3_vfs *vfs, const char *name, int flags, int *ret)
{
	return vfs_of(vfs)->real->xAccess(vfs_of(vfs)->real, name, flags, ret);
}

static int v_full_path(sqlite3_vfs *vfs, const char *name, int n, char *ret)
{
	return vfs_of(vfs)->real->xFullPathname(vfs_of(vfs)->real, name, n, ret);
}

static int v_random(sqlite3_vfs *vfs, int n, char *ret)
{
	return vfs_of(vfs)->real->xRandomness(vfs_of(vfs)->real, n, ret);
}

static int v_sleep(sqlite3_vfs *vfs, int us)
{
	return vfs_of(vfs)->real->xSleep(vfs_of(vfs)->real, us);
}

static int v_time(sqlite3_vfs *vfs, double *ret)
{
	return vfs_of(vfs)->real->xCurrentTime(vfs_of(vfs)->real, ret);
}

static int v_time64(sqlite3_vfs *vfs, sqlite3_int64 *ret)
{
	return vfs_of(vfs)->real->xCurrentTimeInt64(vfs_of(vfs)->real, ret);
}

static int v_last_error(sqlite3_vfs *vfs, int n, char *ret)
{
	return vfs_of(vfs)->real->xGetLastError(vfs_of(vfs)->real, n, ret);
}

struct fault_vfs *fault_vfs_new(const char *name)
{
	struct fault_vfs *f = calloc(1, sizeof *f);

	if (!f || sqlite3_initialize() != SQLITE_OK)
		return NULL;
	f->real = sqlite3_vfs_find(NULL);
	f->name = strdup(name);
	pthread_mutex_init(&f->lock, NULL);
	f->vfs = (sqlite3_vfs){
		.iVersion = 2, .szOsFile = (int)sizeof(struct fault_file) + f->real->szOsFile, .mxPathname = f->real->mxPathname, .zName = f->name, .xOpen = v_open,
		.xDelete = v_delete, .xAccess = v_access, .xFullPathname = v_full_path, .xRandomness = v_random, .xSleep = v_sleep, .xCurrentTime = v_time,
		.xCurrentTimeInt64 = v_time64, .xGetLastError = v_last_error,
	};
	sqlite3_vfs_register(&f->vfs, 0);
	return f;
}

void fault_vfs_free(struct fault_vfs *f)
{
	if (!f)
		return;
	sqlite3_vfs_unregister(&f->vfs);
	while (f->images) {
		struct image *im = f->images;
		f->images = im->next;
		forget(im);
		free(im->pending);
		free(im->bytes);
		free(im->path);
		free(im);
	}
	pthread_mutex_destroy(&f->lock);
	free(f->name);
	free(f);
}

void fault_vfs_fail(struct fault_vfs *f, unsigned mask, uint64_t k, int rc, bool stay)
{
	pthread_mutex_lock(&f->lock);
	f->mask = mask;
	f->in = k;
	f->rc = rc;
	f->stay = stay;
	f->failing = f->hit = false;
	pthread_mutex_unlock(&f->lock);
}

void fault_vfs_heal(struct fault_vfs *f)
{
	pthread_mutex_lock(&f->lock);
	f->in = 0;
	f->failing = false;
	pthread_mutex_unlock(&f->lock);
}

bool fault_vfs_hit(struct fault_vfs *f)
{
	pthread_mutex_lock(&f->lock);
	bool hit = f->hit;
	pthread_mutex_unlock(&f->lock);
	return hit;
}

uint64_t fault_vfs_count(struct fault_vfs *f, unsigned mask)
{
	uint64_t n = 0;

	pthread_mutex_lock(&f->lock);
	for (int i = 0; i < FAULT_OP_COUNT; i++)
		if (mask & FAULT_BIT(i))
			n += f->counts[i];
	pthread_mutex_unlock(&f->lock);
	return n;
}

void fault_vfs_hook(struct fault_vfs *f, void (*hook)(void *user, enum fault_op op, const char *path), void *user)
{
	pthread_mutex_lock(&f->lock);
	f->hook = hook;
	f->hook_user = user;
	pthread_mutex_unlock(&f->lock);
}

void fault_vfs_record(struct fault_vfs *f)
{
	pthread_mutex_lock(&f->lock);
	f->record = true;
	pthread_mutex_unlock(&f->lock);
}
