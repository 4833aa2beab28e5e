/* reader: a read-only look at the database, on a connection and in a thread of its own; short transactions, so that the WAL stays short. */
#ifndef FIREGW_STORAGE_READER_H
#define FIREGW_STORAGE_READER_H

#include "core/err.h"
#include "core/record.h"

struct reader;
/* Works while a daemon runs, and (for `firegw history --db`) when none does. ERR_NOT_FOUND, ERR_DENIED, ERR_DAMAGED, ERR_INVALID (no firegw database). */
int  reader_open(const char *path, struct reader **ret, struct err *reterr);
void reader_close(struct reader *r);
const char *reader_log(const struct reader *r);
const char *reader_zone(const struct reader *r); /* the site's time zone (an IANA name); "" if the file keeps none */

/* Range of a stream that is kept now; first > last if none. */
int reader_range(struct reader *r, uint32_t stream_db, int64_t *ret_first, int64_t *ret_last, struct err *reterr);
/* The first seq of the stream whose record is not older than at_ms; last + 1 if all are. */
int reader_seq_at(struct reader *r, uint32_t stream_db, int64_t at_ms, int64_t *ret_seq, struct err *reterr);

/* Records of a stream with seq > after, in order, at most max; each returns false to stop (the record at which it did counts as not taken). */
/* gateway: its name when the event was stored. */
struct reader_event   { int64_t seq, n, at_ms; const char *alarm, *tail; size_t tail_len; const char *node; unsigned stream; const char *gateway; };
/* point_db: the point's id in this database; point: its name, good for as long as the reader. */
struct reader_reading { int64_t seq, at_ms; uint32_t point_db; const char *point; double number; const char *text; enum quality quality; };
int reader_events(struct reader *r, uint32_t stream_db, int64_t after, int64_t max, bool (*each)(void *user, const struct reader_event *e), void *user, struct err *reterr);
int reader_readings(struct reader *r, uint32_t stream_db, int64_t after, int64_t max, bool (*each)(void *user, const struct reader_reading *x), void *user, struct err *reterr);

/* All events in order of n, after the one given, of wall time from … to (0, INT64_MAX: open). Newest last. */
int reader_log_events(struct reader *r, int64_t after_n, int64_t from_ms, int64_t to_ms, int64_t max, bool (*each)(void *user, const struct reader_event *e), void *user, struct err *reterr);

/* One point's readings, from ≤ at < to, in order of time. With every_ms > 0: one row a bucket that has readings (buckets start at multiples of every_ms). */
struct reader_row { int64_t at_ms; double number; const char *text; enum quality quality; };
/* min, max, mean: of good numbers; count: good values; NaN where there is none. */
struct reader_bucket { int64_t at_ms; double min, max, mean, last; int64_t count; enum quality worst; };
int reader_history(struct reader *r, const char *point, int64_t from_ms, int64_t to_ms, bool (*each)(void *user, const struct reader_row *x), void *user, struct err *reterr);
int reader_history_every(struct reader *r, const char *point, int64_t from_ms, int64_t to_ms, int64_t every_ms, bool (*each)(void *user, const struct reader_bucket *x), void *user, struct err *reterr);
/* Every stream that the database knows, and every alarm that is not normal now (since: when its occurrence began); stops when each returns false. */
int reader_streams(struct reader *r, bool (*each)(void *user, uint32_t stream_db, const char *node, unsigned stream), void *user, struct err *reterr);
int reader_alarms(struct reader *r, bool (*each)(void *user, const char *alarm, const char *state, int64_t since_ms), void *user, struct err *reterr);
/* Every point name that the database knows. */
int reader_points(struct reader *r, bool (*each)(void *user, const char *point), void *user, struct err *reterr);

#endif
