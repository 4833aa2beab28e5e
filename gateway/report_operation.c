/* What is no alarm: when the gateway did not run, tests and drills, duty, floods. */
#include "gateway/report_inside.h"

#include <string.h>

/* ---- the gateway itself ---- */

static void end_flood(struct report *r, int64_t at_ms)
{
	int64_t from = r->flood_ms, ms = report_within(r, from, at_ms);

	r->flood_ms = r->flood_seen_ms = 0;
	if (!from || (ms == 0 && !report_counts(r, from)))
		return;
	r->floods_n++;
	r->floods_ms += ms;
	r->flood_longest_ms = r->flood_longest_ms > ms ? r->flood_longest_ms : ms;
	if (r->n_floods < SPANS_MAX)
		r->floods[r->n_floods++] = (struct report_span){ from, at_ms };
}

static void was_offline(struct report *r, int64_t from_ms, int64_t to_ms)
{
	int64_t ms = report_within(r, from_ms, to_ms);

	if (ms == 0)
		return;
	r->offline_n[r->stopped]++;
	r->offline_ms[r->stopped] += ms;
	r->offline_longest_ms = r->offline_longest_ms > ms ? r->offline_longest_ms : ms;
}

/* The last sign of life of a start of the daemon is its last event: after a stop in order that is the stop, else it ran on for some time, and nobody knows how long. */
void report_boot(struct report *r, const struct report_event *e)
{
	if (e->boot && r->boot_known && e->boot != r->boot) {
		was_offline(r, r->last_ms, e->at_ms);
		if (r->flood_ms && !r->flood_seen_ms)
			r->flood_seen_ms = r->last_ms; /* the next daemon goes on counting, and tells its end; one that does not knew nothing of it */
	}
	if (e->boot) {
		r->boot = e->boot;
		r->boot_known = true;
	}
	r->last_ms = e->at_ms;
	r->stopped = e->transition == TRANSITION_STOPPED;
}

void report_feed_after(struct report *r, const struct report_event *e)
{
	if (e->boot && r->boot_known && e->boot != r->boot)
		was_offline(r, r->last_ms, e->at_ms);
	r->over = true;
}

/* ---- tests and drills ---- */

static void begin_test(struct report *r, const struct report_event *e, enum alarm_mode mode)
{
	r->tests_n[mode == MODE_DRILL] += report_counts(r, e->at_ms);
	for (size_t i = 0; i < TESTS_MAX; i++) {
		struct report_test *t = &r->tests[i];
		if (t->open)
			continue;
		*t = (struct report_test){ .mode = mode, .from_ms = e->at_ms, .until_ms = e->until_ms, .open = true };
		memcpy(t->select, e->select, sizeof t->select);
		return;
	}
	r->tests_left_out++;
}

/* One that does not say which ends all. */
static void end_test(struct report *r, const struct report_event *e, enum alarm_mode mode)
{
	for (size_t i = 0; i < TESTS_MAX; i++) {
		struct report_test *t = &r->tests[i];
		if (!t->open || t->mode != mode || (e->select[0] && strcmp(t->select, e->select) != 0))
			continue;
		t->open = false;
		r->tests_ms[mode == MODE_DRILL] += report_within(r, t->from_ms, e->at_ms);
		if (e->select[0])
			return;
	}
}

/* ---- duty ---- */

static void begin_check(struct report *r, int64_t at_ms)
{
	if (r->n_checks == CHECKS_MAX) /* nobody knows what became of the oldest */
		memmove(r->checks_ms, r->checks_ms + 1, --r->n_checks * sizeof r->checks_ms[0]);
	r->checks_ms[r->n_checks++] = at_ms;
}

/* The oldest that waits; false: none does. */
static bool end_check(struct report *r, int64_t *ret_ms)
{
	if (!r->n_checks)
		return false;
	*ret_ms = r->checks_ms[0];
	memmove(r->checks_ms, r->checks_ms + 1, --r->n_checks * sizeof r->checks_ms[0]);
	return true;
}

static int answer(struct report *r, const struct report_event *e)
{
	int64_t asked = 0, after = e->after_ms;

	if (end_check(r, &asked) && after < 0)
		after = e->at_ms - asked;
	return after >= 0 && report_counts(r, e->at_ms) ? times_add(&r->answers, after) : 0;
}

static int count_person(struct report *r, const struct report_event *e, unsigned what)
{
	bool failed = false;
	struct tally *t = e->actor[0] && report_counts(r, e->at_ms) ? tally_of(&r->people, e->actor, &failed) : NULL;

	if (t)
		t->n[what]++;
	return failed ? -1 : 0;
}

/* ---- an event ---- */

int report_operation(struct report *r, const struct report_event *e)
{
	int64_t asked;

	switch ((unsigned)e->transition) {
	case TRANSITION_TEST_START: begin_test(r, e, MODE_TEST); break;
	case TRANSITION_DRILL_START: begin_test(r, e, MODE_DRILL); break;
	case TRANSITION_TEST_END: end_test(r, e, MODE_TEST); break;
	case TRANSITION_DRILL_END: end_test(r, e, MODE_DRILL); break;
	case TRANSITION_DUTY_CHECK: begin_check(r, e->at_ms); break;
	case TRANSITION_DUTY_MISSED: end_check(r, &asked); break;
	case TRANSITION_DUTY_ANSWER: return answer(r, e) | count_person(r, e, PERSON_ANSWERS);
	case TRANSITION_DUTY_ON: return count_person(r, e, PERSON_ON);
	case TRANSITION_DUTY_OFF: return count_person(r, e, PERSON_OFF);
	case TRANSITION_HANDOVER: return count_person(r, e, PERSON_HANDOVER);
	case TRANSITION_FLOOD_END: end_flood(r, e->at_ms); break;
	case TRANSITION_FLOOD_START:
		end_flood(r, r->flood_seen_ms ? r->flood_seen_ms : e->at_ms);
		r->flood_ms = e->at_ms;
		break;
	}
	return 0;
}

void report_operations_end(struct report *r)
{
	if (r->stopped && !r->over)
		was_offline(r, r->last_ms, r->to_ms);
	if (r->flood_seen_ms)
		end_flood(r, r->flood_seen_ms);
	if (r->flood_ms) {
		int64_t since = r->flood_ms;
		end_flood(r, r->to_ms);
		if (r->n_floods && r->floods[r->n_floods - 1].from_ms == since)
			r->floods[r->n_floods - 1].to_ms = 0; /* it goes on */
	}
	for (size_t i = 0; i < TESTS_MAX; i++)
		if (r->tests[i].open)
			r->tests_ms[r->tests[i].mode == MODE_DRILL] += report_within(r, r->tests[i].from_ms, r->to_ms);
}
