/* Points under test or drill. What begins on them meanwhile is marked, counts in no count rule and is over when the test is; what stands then is raised anew, for everybody. */
#include "rules/engine.h"

#include <assert.h>

enum alarm_mode rules_point_mode(const struct rules *r, uint32_t point)
{
	uint32_t tests = r->point_tests[point];

	return tests == 0 ? MODE_NORMAL : tests & r->drills ? MODE_DRILL : MODE_TEST;
}

enum alarm_mode under_test_mode(const struct rules *r, uint32_t alarm)
{
	uint32_t point = rules_point(r, alarm);

	return point == POINT_NONE || RULES_MADE_BY_PEOPLE(r, alarm) ? MODE_NORMAL : rules_point_mode(r, point);
}

void rules_test_restore(struct rules *r, unsigned test, enum alarm_mode mode, const uint32_t *points, size_t n, int64_t until_ns)
{
	uint32_t bit = UINT32_C(1) << test;

	assert(test < RULES_TESTS_MAX);
	for (size_t i = 0; i < n; i++)
		r->point_tests[points[i]] |= bit;
	r->drills = mode == MODE_DRILL ? r->drills | bit : r->drills & ~bit;
	timers_set(&r->timers, rules_timer_test(r, test), until_ns);
}

void rules_test_begin(struct rules *r, unsigned test, enum alarm_mode mode, const uint32_t *points, size_t n, int64_t until_ns, struct stamp now, struct rules_sink *sink)
{
	rules_run_until(r, now, sink);
	rules_test_restore(r, test, mode, points, n, until_ns);
}

/* What the test led to is over; if the condition stands it is no test now. */
static void end_alarm(struct rules *r, uint32_t alarm, const struct why *w, struct rules_sink *sink)
{
	struct life *l = &r->lives[alarm];
	struct beside *b = &r->besides[alarm];

	if (b->mode == MODE_NORMAL || under_test_mode(r, alarm) != MODE_NORMAL)
		return;
	if (life_stands(l)) {
		l->pend = PEND_NONE;
		timers_cancel(&r->timers, alarm);
	}
	struct why anew = *w;
	bool stood = life_stands(l);
	anew.anew = true;
	rules_move(r, alarm, TRIGGER_REMOVE, w, sink);
	/* That its occurrence was of a test is still known: nothing counts it, and a verdict may come. */
	if (stood && l->raw)
		rules_move(r, alarm, TRIGGER_ON, &anew, sink);
	suppress_update(r, alarm, w, sink);
	sink->changed(sink->user, alarm);
}

static void end_test(struct rules *r, unsigned test, const struct why *w, struct rules_sink *sink)
{
	uint32_t bit = UINT32_C(1) << test;

	timers_cancel(&r->timers, rules_timer_test(r, test));
	for (uint32_t p = 0; p < r->site->n_points; p++) {
		if (!(r->point_tests[p] & bit))
			continue;
		r->point_tests[p] &= ~bit;
		for (uint32_t i = r->first_leaf[p]; i < r->first_leaf[p + 1]; i++)
			if (r->leaves[i].alarm < r->n_single)
				end_alarm(r, r->leaves[i].alarm, w, sink);
		terms_settle(r, p, w->at, sink);
	}
}

void rules_test_end(struct rules *r, unsigned test, const struct rules_who *who, struct rules_sink *sink)
{
	struct why w = { .at = who->now, .cause = who->cause, .actor = who->actor, .note = who->note };

	assert(test < RULES_TESTS_MAX);
	rules_run_until(r, who->now, sink);
	end_test(r, test, &w, sink);
}

void rules_end_lost_tests(struct rules *r, struct stamp now, struct rules_sink *sink)
{
	struct why w = { .at = now, .cause = CAUSE_RULE };

	for (uint32_t a = 0; a < r->n_single; a++)
		if (r->lives[a].state != STATE_NORMAL)
			end_alarm(r, a, &w, sink);
}

void under_test_expire(struct rules *r, unsigned test, struct stamp at, struct rules_sink *sink)
{
	struct why w = { .at = at, .cause = CAUSE_DELAY };

	if (sink->test_over)
		sink->test_over(sink->user, test, at);
	end_test(r, test, &w, sink);
}
