/* backtest_rig: a site on disk, its pipeline under virtual time, and what it decides and keeps stored in a real database. */
#ifndef FIREGW_TESTS_CLI_BACKTEST_RIG_H
#define FIREGW_TESTS_CLI_BACKTEST_RIG_H

#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "gateway/config/config.h"
#include "gateway/pipeline.h"
#include "storage/store.h"

struct rig {
	char             dir[64], site[96], db[96];
	struct config   *config;
	struct store    *store;   /* NULL: what it decides is only told to `events` */
	struct pipeline *pipeline;
	struct batch    *batch;
	uint32_t        *point_dbs, *stream_dbs;
	struct stamp     now;
	struct pipeline_effects fx;
	uint64_t         boot;
	void           (*events)(void *user, const struct record_event *e);
	void            *user;
};

/* Seconds since 2026-11-01T00:00:00Z are the tests' times. */
#define RIG_T0 INT64_C(1793491200000)

/* points: rows of an inline table; rules: list items. Both by NULL-terminated lines. */
void rig_write(struct rig *r, const char *points, const char *rules);
void rig_file(const struct rig *r, const char *name, const char *text);
/* A pipeline on these rules files (none: the site's own); it stores if `stores`. */
void rig_open(struct rig *r, const char *const *rules, size_t n, bool stores);
void rig_close(struct rig *r);
/* The daemon ends and begins anew, with what it stored, at once. */
void rig_restart(struct rig *r);
void rig_remove(struct rig *r);
/* Time goes on to this second; the pipeline is told at each of its deadlines. */
void rig_until(struct rig *r, double second);
void rig_sample(struct rig *r, uint32_t point, double value, enum quality q);
void rig_commit(struct rig *r);
uint32_t rig_point(const struct rig *r, const char *id);

#endif
