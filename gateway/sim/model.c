#include "gateway/sim/model.h"

#include "core/strmap.h"

#include <math.h>
#include <string.h>

#define REACH      0.55     /* of the way to the nearest limit: a healthy value never goes further */
#define SPREAD     0.25     /* of that reach: how far two points of a kind lie apart */
#define WANDER_MS  420000   /* a slow wander turns about so often */
#define NOISE_MS   3000     /* a measurement's last digits change so often */
#define CYCLE_MS   900000   /* a jockey pump starts about so often … */
#define RUN_MS     25000    /* … and runs so long */
#define FILL_MS    10800000 /* a tank is filled about so often … */
#define FILLING_MS 600000   /* … for so long */

double model_draw(uint64_t seed, uint64_t n)
{
	uint64_t z = seed * UINT64_C(0x9e3779b97f4a7c15) + n * UINT64_C(0xbf58476d1ce4e5b9) + UINT64_C(0x94d049bb133111eb);

	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	z ^= z >> 31;
	return (double)(z >> 11) * 0x1p-53;
}

/* -1 … 1, through a drawn value each `period`, without corners. */
static double wander(uint64_t seed, int64_t now_ms, int64_t period_ms)
{
	int64_t n = now_ms / period_ms;
	double part = (double)(now_ms % period_ms) / (double)period_ms, ease = part * part * (3 - 2 * part);
	double from = model_draw(seed, (uint64_t)n), to = model_draw(seed, (uint64_t)n + 1);

	return 2 * (from + (to - from) * ease) - 1;
}

/* -1 at four in the morning, 1 in the afternoon. */
static double daytime(int64_t now_ms, int64_t day_ms)
{
	double part = (double)((now_ms + day_ms) % MODEL_DAY_MS) / (double)MODEL_DAY_MS;

	return -cos(2 * 3.14159265358979323846 * (part - 4.0 / 24));
}

/* How far into the cycle, which begins at a drawn moment; and the how-many-th it is. */
static int64_t cycle_at(uint64_t group, int64_t now_ms, int64_t period_ms, int64_t *ret_number)
{
	int64_t since = now_ms + (int64_t)(model_draw(group, 0) * (double)period_ms);

	*ret_number = since / period_ms;
	return since % period_ms;
}

/* Of two pumps one runs in each cycle, by turns: which begins is drawn. */
static bool is_running(const struct model *m, int64_t now_ms)
{
	int64_t number, at = cycle_at(m->group, now_ms, CYCLE_MS, &number);

	return m->runs && at < RUN_MS && (((uint64_t)number ^ m->seed >> 20) & 1) == 0;
}

/* 1 just after it was filled, falling to -1, and up again. */
static double sawtooth(uint64_t group, int64_t now_ms, int64_t period_ms, int64_t rise_ms)
{
	int64_t number, at = cycle_at(group, now_ms, period_ms, &number);

	if (at < rise_ms)
		return -1 + 2 * (double)at / (double)rise_ms;
	return 1 - 2 * (double)(at - rise_ms) / (double)(period_ms - rise_ms);
}

void model_init(struct model *m, const struct config *c, const struct point *p, const struct bus_point *b, uint64_t seed)
{
	const char *building = c->site.buildings[p->building].id;

	*m = (struct model){ .range = range_of(c, p, b) };
	m->seed = strmap_hash64(p->id, strlen(p->id), STRMAP_HASH_SEED) ^ seed * UINT64_C(0x9e3779b97f4a7c15);
	m->group = strmap_hash64(building, strlen(building), STRMAP_HASH_SEED) ^ seed;
	const struct range *r = &m->range;
	const struct nature *n = r->nature;
	/* A pump that runs must not be an alarm by itself; an event of actuation would be one. */
	m->runs = n->course == COURSE_CYCLE && !r->measured && r->active != r->rest && r->active_class == CLASS_COUNT;
	if (!r->measured)
		return;
	double reach = REACH * fmin(r->rest - r->low, r->high - r->rest);
	double most = fmax(n->swing, 0.02 * fabs(r->rest)), apart = fmin(reach * SPREAD, 4 * most);

	m->swing = fmin(most, reach - apart);
	m->middle = r->rest + apart * (2 * model_draw(m->seed, UINT64_MAX) - 1);
}

/* Parts that add up to 1: what a course is made of. */
static double course(const struct model *m, int64_t now_ms, int64_t day_ms)
{
	double slow = wander(m->seed, now_ms, WANDER_MS), noise = 2 * model_draw(m->seed, (uint64_t)(now_ms / NOISE_MS)) - 1;

	switch (m->range.nature->course) {
	case COURSE_LOAD: return 0.55 * daytime(now_ms, day_ms) + 0.35 * slow + 0.1 * noise;
	case COURSE_PRESSURE: return 0.75 * sawtooth(m->group, now_ms, CYCLE_MS, RUN_MS) + 0.15 * slow + 0.1 * noise;
	case COURSE_LEVEL: return 0.85 * sawtooth(m->group, now_ms, FILL_MS, FILLING_MS) + 0.1 * slow + 0.05 * noise;
	case COURSE_STEADY:
	case COURSE_STATE:
	case COURSE_CYCLE: break;
	}
	return 0.2 * daytime(now_ms, day_ms) + 0.6 * slow + 0.2 * noise;
}

double model_value(const struct model *m, int64_t now_ms, int64_t day_ms)
{
	const struct range *r = &m->range;

	if (r->counts) /* hours of what is drawn */
		return floor(r->rest + r->nature->typical * (double)now_ms / 3.6e6);
	if (r->measured)
		return m->middle + m->swing * course(m, now_ms, day_ms);
	return is_running(m, now_ms) ? r->active : r->rest;
}
