/* Random scenarios: what a plain model says is what is sent; late time, restarts and reboots change nothing; only moves of the table occur, and all of
 * them do; nothing is allocated. FIREGW_SCENARIOS: how many (20000), FIREGW_SEED: the first one's seed. */
#include "tests/unit/rules/scenario.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void *__real_malloc(size_t size);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *p, size_t size);
void *__real_reallocarray(void *p, size_t n, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *p, size_t size);
void *__wrap_reallocarray(void *p, size_t n, size_t size);

static void count(void)
{
	if (scenario_allocations)
		++*scenario_allocations;
}

void *__wrap_malloc(size_t size)
{
	count();
	return __real_malloc(size);
}

void *__wrap_calloc(size_t n, size_t size)
{
	count();
	return __real_calloc(n, size);
}

void *__wrap_realloc(void *p, size_t size)
{
	count();
	return __real_realloc(p, size);
}

void *__wrap_reallocarray(void *p, size_t n, size_t size)
{
	count();
	return __real_reallocarray(p, n, size);
}

static struct scenario scenario;
static struct run runs[RUN_COUNT];
static struct modelled modelled[SCENARIO_LOG];
/* Which moves occurred: state × trigger-like key, see note_move. */
static size_t moves_seen[STATE_LATCHED + 1][TRANSITION_COUNT][STATE_LATCHED + 1];
static size_t sent_in_all;

static const char *run_name(enum run_kind k)
{
	const char *const names[RUN_COUNT] = { "punctual", "late", "restarts", "restarts from what was kept", "reboots" };

	return names[k];
}

static bool same_number(double a, double b)
{
	return a == b || (isnan(a) && isnan(b));
}

static bool same_sent(const struct sent *a, const struct sent *b, bool values)
{
	const struct rules_transition *x = &a->t, *y = &b->t;

	return x->alarm == y->alarm && x->what == y->what && x->cause == y->cause && x->from == y->from && x->to == y->to && x->active == y->active &&
	       x->acked == y->acked && x->latched == y->latched && x->rev == y->rev && x->occurrence.counter == y->occurrence.counter &&
	       x->since.mono_ns == y->since.mono_ns && x->since.wall_ms == y->since.wall_ms && x->at.mono_ns == y->at.mono_ns &&
	       x->at.wall_ms == y->at.wall_ms && x->n_members == y->n_members &&
	       memcmp(a->members, b->members, x->n_members * sizeof *a->members) == 0 && a->id.counter == b->id.counter &&
	       (!values || (same_number(x->value.number, y->value.number) && same_number(x->rate, y->rate) && x->quality == y->quality && same_number(x->limit, y->limit)));
}

static void print_sent(const struct run *r, size_t i)
{
	if (i >= r->n_log) {
		print_message("  %s: nothing\n", run_name(r->kind));
		return;
	}
	const struct rules_transition *t = &r->log[i].t;
	print_message("  %s: %s %s %s → %s at %.9f value %g rev %u, %zu members\n", run_name(r->kind), rules_alarm(r->rules, t->alarm)->id,
	              transition_name(t->what), alarm_state_name(t->from), alarm_state_name(t->to), (double)(t->at.mono_ns - FIXTURE_START) / 1e9,
	              t->value.number, t->rev, t->n_members);
}

/* A run from the store has the values as of the last change: unchanged readings are not stored. Nor is the limit told of an outside rule,
 * which goes by the value. */
static void compare_runs(const struct run *a, const struct run *b)
{
	bool values = b->kind != RUN_RESTARTS_KEPT;

	for (size_t i = 0; i < a->n_log || i < b->n_log; i++) {
		if (i < a->n_log && i < b->n_log && same_sent(&a->log[i], &b->log[i], values))
			continue;
		print_sent(a, i);
		print_sent(b, i);
		fail_msg("seed %llu: sent %zu differs between %s and %s", (unsigned long long)a->scenario->seed, i, run_name(a->kind), run_name(b->kind));
	}
	if (a->refused != b->refused)
		fail_msg("seed %llu: other commands were refused when %s", (unsigned long long)a->scenario->seed, run_name(b->kind));
}

/* Members of one moment may run out in any order of groups: compared is what happened when, alarm by alarm. */
static int compare_modelled(const void *x, const void *y)
{
	const struct modelled *a = x, *b = y;

	if (a->at_ns != b->at_ns)
		return a->at_ns < b->at_ns ? -1 : 1;
	return (a->alarm > b->alarm) - (a->alarm < b->alarm);
}

static void sort_stable(struct modelled *m, size_t n)
{
	for (size_t i = 1; i < n; i++)
		for (size_t k = i; k > 0 && compare_modelled(&m[k - 1], &m[k]) > 0; k--) {
			struct modelled swap = m[k];
			m[k] = m[k - 1];
			m[k - 1] = swap;
		}
}

static void compare_with_model(const struct run *r)
{
	static struct modelled got[SCENARIO_LOG];
	size_t n = model_run(&scenario, r->rules, modelled, SCENARIO_LOG);

	for (size_t i = 0; i < r->n_log; i++)
		got[i] = (struct modelled){ r->log[i].t.alarm, r->log[i].t.what, r->log[i].t.to, r->log[i].t.at.mono_ns - FIXTURE_START };
	sort_stable(got, r->n_log);
	sort_stable(modelled, n);
	for (size_t i = 0; i < n || i < r->n_log; i++) {
		const struct modelled *a = &got[i], *b = &modelled[i];
		if (i < n && i < r->n_log && a->alarm == b->alarm && a->what == b->what && a->to == b->to && a->at_ns == b->at_ns)
			continue;
		if (i < r->n_log)
			print_message("  engine: %s %s at %.9f\n", rules_alarm(r->rules, a->alarm)->id, transition_name(a->what), (double)a->at_ns / 1e9);
		if (i < n)
			print_message("  model:  %s %s at %.9f\n", rules_alarm(r->rules, b->alarm)->id, transition_name(b->what), (double)b->at_ns / 1e9);
		fail_msg("seed %llu: sent %zu is not what the model says", (unsigned long long)scenario.seed, i);
	}
}

/* Each alarm's transitions follow one another, revs without a gap, one occurrence from raised to cleared; moments never go back. */
static void check_life(const struct run *r)
{
	enum alarm_state state[SCENARIO_ALARMS] = { 0 };
	uint32_t rev[SCENARIO_ALARMS] = { 0 };
	uint64_t occurrence[SCENARIO_ALARMS] = { 0 };
	bool acked[SCENARIO_ALARMS] = { 0 };
	int64_t last_ns = INT64_MIN;

	for (size_t i = 0; i < r->n_log; i++) {
		const struct rules_transition *t = &r->log[i].t;
		bool begins = t->what == TRANSITION_RAISED || t->what == TRANSITION_CONFIRMED;
		assert_int_equal(t->from, state[t->alarm]);
		assert_int_equal(t->rev, ++rev[t->alarm]);
		assert_int_equal(t->occurrence.counter, begins ? 0 : occurrence[t->alarm]);
		assert_int_equal(begins, t->from == STATE_NORMAL);
		assert_int_equal(begins, occurrence[t->alarm] == 0);
		assert_int_equal(t->what == TRANSITION_CONFIRMED, begins && rules_alarm(r->rules, t->alarm)->count_rule);
		assert_int_equal(t->what == TRANSITION_CLEARED, t->to == STATE_NORMAL);
		assert_true(t->at.mono_ns >= last_ns && t->cause != CAUSE_RESTART);
		assert_true(t->active == (t->to == STATE_ACTIVE || t->to == STATE_ACKED));
		if (t->what == TRANSITION_ACKNOWLEDGED)
			acked[t->alarm] = true;
		else if (begins || t->what == TRANSITION_RERAISED)
			acked[t->alarm] = false;
		assert_int_equal(t->acked, acked[t->alarm]);
		last_ns = t->at.mono_ns;
		state[t->alarm] = t->to;
		occurrence[t->alarm] = t->what == TRANSITION_CLEARED ? 0 : begins ? r->log[i].id.counter : occurrence[t->alarm];
		moves_seen[t->from][t->what][t->to]++;
	}
	sent_in_all += r->n_log;
}

static void run_one(uint64_t seed)
{
	scenario_make(&scenario, seed);
	for (enum run_kind k = 0; k < RUN_COUNT; k++)
		run_start(&runs[k], k, &scenario);
	/* Step by step side by side: several engines in one process share nothing. */
	for (size_t i = 0; i < scenario.n; i++)
		for (enum run_kind k = 0; k < RUN_COUNT; k++)
			run_step(&runs[k], i);
	for (enum run_kind k = 0; k < RUN_COUNT; k++)
		run_finish(&runs[k]);
	check_life(&runs[0]);
	compare_with_model(&runs[0]);
	for (enum run_kind k = 1; k < RUN_COUNT; k++)
		compare_runs(&runs[0], &runs[k]);
	for (enum run_kind k = 0; k < RUN_COUNT; k++)
		run_done(&runs[k]);
}

static uint64_t setting(const char *name, uint64_t otherwise)
{
	const char *text = getenv(name);

	return text ? strtoull(text, NULL, 10) : otherwise;
}

/* Whether the table has a row that sends this. */
static bool in_table(enum alarm_state from, enum transition what, enum alarm_state to)
{
	for (enum alarm_state state = STATE_NORMAL; state <= STATE_LATCHED; state++)
		for (enum alarm_trigger t = TRIGGER_ON; t <= TRIGGER_AGAIN; t++)
			for (int bits = 0; bits < 16; bits++) {
				struct alarm_move m = alarm_move(state, t, bits & 1, bits & 2, bits & 4, bits & 8);
				for (uint8_t i = 0; m.allowed && i < m.n; i++)
					if ((i == 0 ? state : m.via[i - 1]) == from && m.sent[i] == what && m.via[i] == to && state != STATE_PENDING)
						return true;
			}
	return false;
}

/* Only moves of the table occur and all of them do; but removal, which no random scenario does. */
static void check_moves(void)
{
	for (enum alarm_state from = STATE_NORMAL; from <= STATE_LATCHED; from++)
		for (enum transition what = 0; what < TRANSITION_COUNT; what++)
			for (enum alarm_state to = STATE_NORMAL; to <= STATE_LATCHED; to++) {
				bool allowed = in_table(from, what, to) && what != TRANSITION_REMOVED;
				if (allowed != (moves_seen[from][what][to] > 0))
					fail_msg("%s, %s → %s: %s", transition_name(what), alarm_state_name(from), alarm_state_name(to),
					         allowed ? "never occurred" : "is not in the table");
			}
}

static void test_random(void **state)
{
	uint64_t n = setting("FIREGW_SCENARIOS", 20000), seed = setting("FIREGW_SEED", 1);

	(void)state;
	print_message("%llu scenarios from seed %llu\n", (unsigned long long)n, (unsigned long long)seed);
	for (uint64_t i = 0; i < n; i++)
		run_one(seed + i);
	print_message("%zu transitions\n", sent_in_all);
	if (n >= 1000)
		check_moves();
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_random) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
