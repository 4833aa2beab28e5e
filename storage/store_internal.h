/* store_internal: the store's inside, shared by the store_*.c files only. */
#ifndef FIREGW_STORAGE_STORE_INTERNAL_H
#define FIREGW_STORAGE_STORE_INTERNAL_H

#include "storage/audit.h"
#include "storage/db.h"
#include "storage/store.h"
#include "storage/witness.h"

#define STORE_NODE_MAX 48
#define STORE_GATEWAY_MAX 64

/* Checkpoints run beside the commits, in store_prune; a commit does one only when nobody prunes and the WAL grows. In frames of a page. */
#define STORE_CHECKPOINT_IDLE   512
#define STORE_CHECKPOINT_COMMIT 4096
/* A reader that never ends its transaction lets the WAL grow: beyond this readings are refused, events are not. */
#define STORE_WAL_MAX_BYTES (INT64_C(64) << 20)
/* Room above max_bytes for events: max_bytes / RESERVE_PART, at least RESERVE_MIN. */
#define STORE_RESERVE_PART 50
#define STORE_RESERVE_MIN  (INT64_C(1) << 20)

enum store_stmt {
	ST_BEGIN, ST_COMMIT, ST_ROLLBACK, ST_PAGE_COUNT, ST_FREE_COUNT,
	ST_BOOT, ST_EVENT, ST_ALARM_SET, ST_ALARM_DELETE, ST_READING, ST_SPAN_READINGS, ST_SPAN_EVENTS, ST_SPAN_N,
	ST_STATE_SET, ST_STATE_DELETE, ST_CURSOR, ST_COMMAND, ST_COMMAND_EXPIRE, ST_SESSION, ST_AUDIT, ST_META_SET,
	ST_EVENT_ID, ST_READING_AT, ST_AUDIT_SAME,
	ST_EVENT_FIRST, ST_EVENT_LAST, ST_READING_FIRST, ST_READING_LAST,
	ST_COUNT,
};

struct store_slot {            /* one stream; its place in the array is its database id */
	char     node[STORE_NODE_MAX];
	unsigned stream;
	bool     used;
	int64_t  last;         /* the last seq given */
	int64_t  next;         /* within a transaction: the last seq given in it */
};

struct store {
	sqlite3           *db;
	char              *path, *vfs;
	int                lock_fd;
	sqlite3_stmt      *st[ST_COUNT];
	char               log[16], new_log[16]; /* new_log: to be stored with the next transaction; "": nothing to store */
	char               gateway[STORE_GATEWAY_MAX];
	int64_t            page_bytes, max_bytes, keep_readings_ms, keep_events_ms;
	int64_t            used_pages;          /* without the free ones */
	int                wal_frames;          /* in the WAL, as of the last commit */
	int                wal_tried;           /* … when a checkpoint was last tried */
	struct store_slot *streams;             /* by database id; [0] is none */
	size_t             n_streams;
	int64_t            max_point;           /* greatest database id of a point */
	uint32_t          *hubs;                /* they hold the log: bound since open, and not let go since */
	size_t             n_hubs;
	int64_t            n_last, n_next;      /* events' n */
	uint64_t           boot, boot_new;      /* the boot whose row is boot_db; boot_db 0: none yet. boot_new, boot_next: within a transaction */
	int64_t            boot_db, boot_next;
	struct audit_chain chain, chain_next;
	bool               loaded;              /* opened to the end */
	bool               marked;              /* "closed in order" was taken away */
	bool               damaged;             /* SQLITE_CORRUPT was seen: not to be called clean */
	int64_t            rev_floor;           /* to be stored with the next transaction; 0: nothing to store */
	bool               unclean;             /* as it was found */
	bool               not_clean;           /* as it is to be left */
	struct witness     witness;             /* as it was written last; numbers -1: not yet */
	int64_t            witness_s, rev_last; /* when that was, on boot time; no alarm had a greater rev */
	bool               unsure;              /* a COMMIT failed: what the file holds is read again before anything else is written */
};

/* store_open.c */
int  store_attach(struct store *s, bool *ret_created, struct err *reterr);
void store_detach(struct store *s);
int  store_load(struct store *s, struct err *reterr);
int  store_put_rev_floor(struct store *s, struct err *reterr); /* within a transaction */
int  store_meta_set(struct store *s, const char *key, const char *value, struct err *reterr);
/* Fails with SQLite's error and remembers damage. Always -1. */
int  store_fail(struct store *s, int rc, const char *what, struct err *reterr);

/* store.c: a transaction; begin reads the numbers again if a COMMIT had failed. */
int  store_begin(struct store *s, struct err *reterr);
int  store_end(struct store *s, struct err *reterr);
void store_rollback(struct store *s);
/* Used pages as of now, within a transaction too. SQLite's code. */
int  store_count_pages(struct store *s, int64_t *ret_used, int64_t *ret_all);
void store_checkpoint(struct store *s, int frames);
int64_t store_reserve_bytes(int64_t max_bytes);
int  store_apply_limits(struct store *s, struct err *reterr);
/* First kept seq, or last + 1. */
int  store_first(struct store *s, uint32_t stream_db, int64_t *ret, struct err *reterr);
int  store_slot_set(struct store *s, uint32_t db, const char *node, unsigned stream, int64_t last, struct err *reterr);

/* store_witness.c */
/* A database that is behind its witness gets a new log. Only what was found is put into the report. */
void store_question_witness(struct store *s, struct store_report *report);
/* Tells the witness how far it is: a commit now and then, start and end at once and for sure. 0 or -1 (errno). */
int  store_tell_witness(struct store *s, bool for_sure);

/* store_salvage.c: copies what can be read of the set-aside file into a new store. Never fails: what cannot be read is lost. */
void store_salvage(struct store *s, const char *from);

/* lock.c */
int  lock_take(const char *db_path, int *ret_fd, bool *ret_was_there, struct err *reterr);
/* Removes the lock's file: its being there says that the file beside it was a database of ours. Only while holding it. */
void lock_forget(const char *db_path);
/* Whether a daemon holds it now. */
bool lock_is_held(const char *db_path);

#endif
