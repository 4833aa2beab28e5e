/* fixture: a store in a directory of its own, with one node, a few points and a hub, and batches that are filled in a line. */
#ifndef FIREGW_TESTS_STORAGE_FIXTURE_H
#define FIREGW_TESTS_STORAGE_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "storage/reader.h"
#include "storage/store.h"

#define T0     INT64_C(1795485600000) /* 2026-11-24 */
#define HOUR   INT64_C(3600000)
#define DAY    (24 * HOUR)
#define POINTS 4

struct fixture {
	char          dir[64], path[128];
	const char   *vfs;
	int64_t       max_bytes, keep_readings_ms, keep_events_ms;
	struct store *s;
	struct store_report report;
	struct batch *b;
	uint32_t      fire, fault, reading, point[POINTS], hub;
	uint64_t      counter; /* of event ids */
	struct sqlite3 *look;  /* the connection of fixture_sql; until fixture_close */
};

void fixture_init(struct fixture *f);
/* Opens and binds; must succeed. */
void fixture_open(struct fixture *f);
int  fixture_try_open(struct fixture *f, struct err *reterr);
/* The same, but what fails is given back. */
int  fixture_bind(struct fixture *f, struct err *reterr);
void fixture_close(struct fixture *f);
/* Closes and removes everything. */
void fixture_done(struct fixture *f);

struct record_event   *fixture_event(struct fixture *f, uint32_t stream_db, const char *alarm, enum transition t, enum alarm_state state, int64_t at_ms);
struct record_reading *fixture_reading(struct fixture *f, uint32_t stream_db, uint32_t point_db, int64_t at_ms, double number);
/* Must succeed; the batch stays as it is, with its numbers. */
void fixture_commit(struct fixture *f, int64_t now_ms);
struct store_stream fixture_stream(struct fixture *f, uint32_t db);

/* Runs SQL on the file through a connection of its own; the first column of the first row into ret (may be NULL). */
void fixture_sql(struct fixture *f, const char *sql, char *ret, size_t size);
int64_t fixture_int(struct fixture *f, const char *sql);

#endif
