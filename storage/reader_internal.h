/* reader_internal: the reader's inside, shared by the reader*.c files. */
#ifndef FIREGW_STORAGE_READER_INTERNAL_H
#define FIREGW_STORAGE_READER_INTERNAL_H

#include "storage/db.h"
#include "storage/reader.h"

enum reader_stmt {
	RD_EVENT_FIRST, RD_EVENT_LAST, RD_READING_FIRST, RD_READING_LAST, RD_STREAM_LAST, RD_EVENTS, RD_READINGS, RD_LOG_EVENTS,
	RD_SPANS, RD_EVENT_AT, RD_READING_AT, RD_HISTORY, RD_POINT_FIND, RD_COUNT,
};

struct reader_stream {
	char     node[48];
	unsigned stream;
	bool     used;
};

struct reader {
	sqlite3              *db;
	char                 *path;
	bool                  immutable;   /* opened without any locking, because nobody can write */
	sqlite3_stmt         *st[RD_COUNT];
	char                  log[16], zone[64];
	struct reader_stream *streams;     /* by database id */
	size_t                n_streams;
	char                **points;      /* names by database id; NULL: not known yet */
	size_t                n_points;
};

int  reader_fail(struct reader *r, int rc, struct err *reterr);
/* Before each call: an immutable view is given up as soon as a daemon runs. */
int  reader_begin(struct reader *r, struct err *reterr);
/* Binds a stream's range of keys as ?1 and ?2. */
void reader_bind_range(sqlite3_stmt *st, uint32_t stream_db, int64_t first, int64_t last);
/* The stream, or an error; looks again for streams that are newer than the last look. */
int  reader_stream(struct reader *r, uint32_t stream_db, const struct reader_stream **ret, struct err *reterr);
/* Hands on the rows of a statement (key, n, at, alarm, tail, gateway) until the caller stops, and resets it. */
int  reader_each_event(struct reader *r, sqlite3_stmt *st, bool (*each)(void *user, const struct reader_event *e), void *user, struct err *reterr);

#endif
