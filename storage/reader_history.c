#include "storage/reader_internal.h"

#include <string.h>

/* The point's id; 0 and *ret = 0 if the database does not know it. */
static int find_point(struct reader *r, const char *point, int64_t *ret, struct err *reterr)
{
	sqlite3_stmt *st = r->st[RD_POINT_FIND];

	sqlite3_bind_text(st, 1, point, -1, SQLITE_STATIC);
	int rc = sqlite3_step(st);
	*ret = rc == SQLITE_ROW ? sqlite3_column_int64(st, 0) : 0;
	sqlite3_reset(st);
	if (rc != SQLITE_ROW && rc != SQLITE_DONE)
		return reader_fail(r, rc, reterr);
	return *ret ? 0 : err_set(reterr, ERR_NOT_FOUND, "database '%s' has no point '%s'", r->path, point);
}

int reader_history(struct reader *r, const char *point, int64_t from_ms, int64_t to_ms, bool (*each)(void *user, const struct reader_row *x), void *user, struct err *reterr)
{
	char buf[DB_VALUE_BUF];
	int64_t db;
	int rc;

	if (reader_begin(r, reterr) < 0 || find_point(r, point, &db, reterr) < 0)
		return -1;
	sqlite3_stmt *st = r->st[RD_HISTORY];
	sqlite3_bind_int64(st, 1, db);
	sqlite3_bind_int64(st, 2, from_ms);
	sqlite3_bind_int64(st, 3, to_ms);
	while ((rc = sqlite3_step(st)) == SQLITE_ROW) {
		struct reader_row x = { .at_ms = sqlite3_column_int64(st, 0), .quality = db_column_quality(st, 2) };
		db_column_value(st, 1, buf, &x.number, &x.text);
		if (!each(user, &x))
			break;
	}
	sqlite3_reset(st);
	return rc == SQLITE_ROW || rc == SQLITE_DONE ? 0 : reader_fail(r, rc, reterr);
}

struct bucketing {
	bool (*each)(void *user, const struct reader_bucket *x);
	void *user;
	int64_t every_ms;
	struct reader_bucket b;
	int64_t numbers;       /* good values that are numbers */
	double  sum;
	bool    open, stopped;
};

static bool put_bucket(struct bucketing *g)
{
	if (!g->open)
		return true;
	g->open = false;
	g->b.mean = g->numbers > 0 ? g->sum / (double)g->numbers : (double)NAN;
	if (g->each(g->user, &g->b))
		return true;
	g->stopped = true;
	return false;
}

static bool add_row(void *user, const struct reader_row *x)
{
	struct bucketing *g = user;
	int64_t rest = x->at_ms % g->every_ms, at = x->at_ms - rest - (rest < 0 ? g->every_ms : 0);

	if (g->open && at != g->b.at_ms && !put_bucket(g))
		return false;
	if (!g->open) {
		g->b = (struct reader_bucket){ at, (double)NAN, (double)NAN, (double)NAN, (double)NAN, 0, QUALITY_GOOD };
		g->numbers = 0;
		g->sum = 0;
		g->open = true;
	}
	if (x->quality > g->b.worst)
		g->b.worst = x->quality;
	if (x->quality != QUALITY_GOOD)
		return true;
	g->b.count++;
	g->b.last = x->number;
	if (isnan(x->number))
		return true;
	g->b.min = g->numbers == 0 || x->number < g->b.min ? x->number : g->b.min;
	g->b.max = g->numbers == 0 || x->number > g->b.max ? x->number : g->b.max;
	g->sum += x->number;
	g->numbers++;
	return true;
}

int reader_history_every(struct reader *r, const char *point, int64_t from_ms, int64_t to_ms, int64_t every_ms, bool (*each)(void *user, const struct reader_bucket *x), void *user,
                         struct err *reterr)
{
	struct bucketing g = { .each = each, .user = user, .every_ms = every_ms };

	if (every_ms <= 0)
		return err_set(reterr, ERR_INVALID, "history of '%s': 'every' has to be longer than 0", point);
	if (reader_history(r, point, from_ms, to_ms, add_row, &g, reterr) < 0)
		return -1;
	if (!g.stopped)
		put_bucket(&g);
	return 0;
}
