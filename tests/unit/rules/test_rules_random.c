/* Random scenarios: what a plain model says is what is sent; late time, restarts and reboots change nothing; only moves of the table occur, and all of
 * them do; nothing is allocated; each kind of condition begins often. FIREGW_SCENARIOS: how many (8000), FIREGW_SEED: the first one's seed. */
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
static size_t begun_by[WHEN_ANY + 1]; /* occurrences, by their rules' conditions */
static size_t sent_in_all;
/* That what is not a move of the table occurred, too. */
static struct { size_t test, drill, over, shelved, out, suppressed, suppressed_test, spared, held, late_verdict; } seen;

static void note_seen(const struct rules_transition *t)
{
	seen.over += t->alarm >= SCENARIO_OVER;
	seen.test += t->mode == MODE_TEST;
	seen.drill += t->mode == MODE_DRILL;
	seen.shelved += t->shelved;
	seen.out += t->out_of_service;
	seen.suppressed += t->suppressed;
	seen.suppressed_test += t->suppressed && t->mode != MODE_NORMAL;
	seen.held += t->what == TRANSITION_RETURNED && t->times >= RULES_CHATTER_HELD;
	seen.late_verdict += t->what == TRANSITION_VERIFIED && t->to == STATE_NORMAL;
}

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
	       x->mode == y->mode && x->shelved == y->shelved && x->out_of_service == y->out_of_service && x->suppressed == y->suppressed &&
	       x->verdict == y->verdict && x->times == y->times && x->shelved_until_ms == y->shelved_until_ms &&
	       /* The value of what is normal, and never was anything else, is not kept. */
	       (!values || (x->from == STATE_NORMAL && x->to == STATE_NORMAL) || (same_number(x->value.number, y->value.number) && same_number(x->rate, y->rate) && x->quality == y->quality && same_number(x->limit, y->limit)));
}

static const char *key_name(const struct run *r, uint32_t key)
{
	return key >= SCENARIO_OVER ? "test" : key < scenario_count(r->rules) ? rules_alarm(r->rules, key).id : r->ids[key][0] ? r->ids[key] : "an alarm of people";
}

static void print_sent(const struct run *r, size_t i)
{
	if (i >= r->n_log) {
		print_message("  %s: nothing\n", run_name(r->kind));
		return;
	}
	const struct rules_transition *t = &r->log[i].t;
	print_message("  %s: %s %s %s → %s at %.9f value %g rev %u times %u mode %d %s%s%s, %zu members\n", run_name(r->kind), key_name(r, t->alarm),
	              transition_name(t->what), alarm_state_name(t->from), alarm_state_name(t->to), (double)(t->at.mono_ns - FIXTURE_START) / 1e9,
	              t->value.number, t->rev, t->times, t->mode, t->shelved ? "shelved " : "", t->out_of_service ? "out " : "", t->suppressed ? "suppressed" : "", t->n_members);
}

/* A run from the store has the values as of the last change: unchanged readings are not stored. Nor is the limit told of an outside rule,
 * which goes by the value. */
static void compare_runs(const struct run *a, const struct run *b)
{
	bool values = b->kind != RUN_RESTARTS_KEPT;

	for (size_t i = 0; i < a->n_log || i < b->n_log; i++) {
		if (i < a->n_log && i < b->n_log && same_sent(&a->log[i], &b->log[i], values))
			continue;
		for (size_t k = 0; getenv("FIREGW_VERBOSE") && k < i; k++)
			print_sent(a, k);
		for (size_t k = 0; getenv("FIREGW_VERBOSE") && k < i; k++)
			print_sent(a, k);
		print_sent(a, i);
		print_sent(b, i);
		fail_msg("seed %llu: sent %zu differs between %s and %s", (unsigned long long)a->scenario->seed, i, run_name(a->kind), run_name(b->kind));
	}
	if (memcmp(a->refused, b->refused, sizeof a->refused) != 0)
		fail_msg("seed %llu: other commands were refused when %s", (unsigned long long)a->scenario->seed, run_name(b->kind));
}

/* Members of one moment may run out in any order of groups: compared is what happened when, alarm by alarm. */
static int compare_modelled(const void *x, const void *y)
{
	const struct modelled *a = x, *b = y;

	if (a->at_ns != b->at_ns)
		return a->at_ns < b->at_ns ? -1 : 1;
	return (a->key > b->key) - (a->key < b->key);
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

static bool same_modelled(const struct modelled *a, const struct modelled *b)
{
	return a->key == b->key && a->what == b->what && a->to == b->to && a->at_ns == b->at_ns && a->mode == b->mode && a->acked == b->acked && a->shelved == b->shelved &&
	       a->out_of_service == b->out_of_service && a->suppressed == b->suppressed && a->until_ns == b->until_ns && a->verdict == b->verdict && a->times == b->times && a->holding == b->holding;
}

static void print_modelled(const struct run *r, const char *who, const struct modelled *m)
{
	print_message("  %s: %s %s → %s at %.9f mode %d times %u holding %u verdict %d until %.3f %s%s%s%s\n", who, key_name(r, m->key), transition_name(m->what), alarm_state_name(m->to),
	              (double)m->at_ns / 1e9, m->mode, m->times, m->holding, m->verdict, (double)m->until_ns / 1e9, m->acked ? "acked " : "", m->shelved ? "shelved " : "", m->out_of_service ? "out " : "", m->suppressed ? "suppressed" : "");
}

static struct modelled as_modelled(const struct run *r, const struct rules_transition *t)
{
	const struct rule_def *d = t->alarm < scenario_count(r->rules) ? rules_alarm(r->rules, t->alarm).def : NULL;
	bool joint = d && rule_has_terms(d);

	return (struct modelled){ .key = t->alarm, .what = t->what, .to = t->to, .at_ns = t->at.mono_ns - FIXTURE_START, .mode = t->mode, .acked = t->acked, .shelved = t->shelved,
		.out_of_service = t->out_of_service, .suppressed = t->suppressed, .verdict = t->verdict, .times = t->times, .holding = joint ? (uint32_t)t->value.number : 0,
		.until_ns = t->shelved_until_ms ? (t->shelved_until_ms - FIXTURE_WALL) * CLOCK_NS_PER_MS : 0 };
}

static void compare_with_model(const struct run *r)
{
	static struct modelled got[SCENARIO_LOG];
	bool refused[SCENARIO_STEPS];
	size_t n = model_run(&scenario, r->rules, modelled, SCENARIO_LOG, refused);

	for (size_t i = 0; i < r->n_log; i++)
		got[i] = as_modelled(r, &r->log[i].t);
	sort_stable(got, r->n_log);
	for (size_t i = 0; i < n; i++)
		seen.spared += modelled[i].spared;
	sort_stable(modelled, n);
	for (size_t i = 0; i < n || i < r->n_log; i++) {
		if (i < n && i < r->n_log && same_modelled(&got[i], &modelled[i]))
			continue;
		for (size_t k = 0; getenv("FIREGW_VERBOSE") && k < r->n_log; k++)
			print_sent(r, k);
		if (i < r->n_log)
			print_modelled(r, "engine", &got[i]);
		if (i < n)
			print_modelled(r, "model", &modelled[i]);
		fail_msg("seed %llu: sent %zu is not what the model says", (unsigned long long)scenario.seed, i);
	}
	for (size_t i = 0; i < scenario.n; i++)
		if (refused[i] != r->refused[i])
			fail_msg("seed %llu: input %zu was %s", (unsigned long long)scenario.seed, i, refused[i] ? "not refused" : "refused");
}

/* Each alarm's transitions follow one another, revs without a gap (people's may leave some out), one occurrence from raised to cleared; moments never go back. */
static void check_life(const struct run *r)
{
	static struct replayed rows[SCENARIO_KEYS];
	int64_t last_ns = INT64_MIN;

	memset(rows, 0, sizeof rows);
	for (size_t i = 0; i < r->n_log; i++) {
		const struct rules_transition *t = &r->log[i].t;
		bool begins = t->what == TRANSITION_RAISED || t->what == TRANSITION_CONFIRMED;
		assert_true(t->at.mono_ns >= last_ns && t->cause != CAUSE_RESTART);
		last_ns = t->at.mono_ns;
		note_seen(t);
		if (t->alarm >= SCENARIO_OVER)
			continue;
		struct replayed *row = &rows[t->alarm];
		assert_int_equal(t->from, row->state);
		if (t->alarm < scenario_count(r->rules))
			assert_int_equal(t->rev, row->rev + 1);
		assert_true(t->rev > row->rev);
		assert_true(t->what == TRANSITION_VERIFIED || t->occurrence.counter == (begins ? 0 : row->occurrence));
		assert_int_equal(begins, row->occurrence == 0 && t->to != STATE_NORMAL);
		if (begins && t->alarm < scenario_count(r->rules) && rules_alarm(r->rules, t->alarm).def)
			begun_by[rules_alarm(r->rules, t->alarm).def->when]++;
		assert_int_equal(t->what == TRANSITION_CONFIRMED, begins && t->alarm < scenario_count(r->rules) && rules_alarm(r->rules, t->alarm).count_rule);
		assert_true(t->active == (t->to == STATE_ACTIVE || t->to == STATE_ACKED));
		if (t->what == TRANSITION_ACKNOWLEDGED)
			row->acked = true;
		else if (begins || t->what == TRANSITION_RERAISED)
			row->acked = false;
		assert_int_equal(t->acked, row->acked);
		row->rev = t->rev;
		row->state = t->to;
		row->acked = row->acked && t->to != STATE_NORMAL;
		row->occurrence = t->to == STATE_NORMAL ? 0 : begins ? r->log[i].id.counter : row->occurrence;
		moves_seen[t->from][t->what][t->to]++;
	}
	sent_in_all += r->n_log;
}

/* Who has only the log has the alarm table. */
static void check_replayed(const struct run *r)
{
	size_t open = 0;

	for (uint32_t key = 0; key < SCENARIO_KEYS; key++) {
		const struct replayed *row = &r->table[key];
		bool of_rules = key < scenario_count(r->rules);
		uint32_t alarm = of_rules ? key : r->ids[key][0] ? rules_find(r->rules, r->ids[key]) : RULES_ALARM_NONE;
		if (alarm == RULES_ALARM_NONE && row->state == STATE_NORMAL)
			continue;
		if (alarm == RULES_ALARM_NONE)
			fail_msg("seed %llu: %s: %s is not there", (unsigned long long)scenario.seed, run_name(r->kind), key_name(r, key));
		struct rules_present p;
		rules_present(r->rules, alarm, &p);
		enum alarm_state state = p.state == STATE_PENDING ? STATE_NORMAL : p.state;
		bool suppressed = state == STATE_NORMAL || p.suppressed == row->suppressed; /* not told of what is normal */
		if (state != row->state || p.acked != row->acked || p.rev != row->rev || p.occurrence.counter != row->occurrence || p.mode != row->mode ||
		    p.shelved != row->shelved || !suppressed || p.verdict != row->verdict || p.active != (state == STATE_ACTIVE || state == STATE_ACKED))
			fail_msg("seed %llu: %s: %s is %s, rev %u, acked %d, mode %d, verdict %d; the log says %s, rev %u, acked %d, mode %d, verdict %d", (unsigned long long)scenario.seed,
			         run_name(r->kind), key_name(r, key), alarm_state_name(state), p.rev, p.acked, p.mode, p.verdict, alarm_state_name(row->state), row->rev, row->acked, row->mode,
			         row->verdict);
		open += !of_rules && state != STATE_NORMAL;
	}
	for (uint32_t a = (uint32_t)scenario_count(r->rules); r->kind == RUN_PUNCTUAL && a < rules_count(r->rules); a++) {
		struct rules_present p;
		rules_present(r->rules, a, &p);
		open -= p.state != STATE_NORMAL;
	}
	assert_true(r->kind != RUN_PUNCTUAL || open == 0);
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
		check_replayed(&runs[k]);
	for (enum run_kind k = 0; k < RUN_COUNT; k++)
		run_finish(&runs[k]);
	for (enum run_kind k = 0; k < RUN_COUNT; k++)
		check_replayed(&runs[k]);
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

/* What is sent beside the moves leaves the state as it is. */
static bool goes_beside(enum alarm_state from, enum transition what, enum alarm_state to)
{
	if (from != to)
		return false;
	switch (what) {
	case TRANSITION_VERIFIED:
	case TRANSITION_SHELVED:
	case TRANSITION_UNSHELVED: return true;
	case TRANSITION_SUPPRESSED:
	case TRANSITION_UNSUPPRESSED: return from != STATE_NORMAL;
	case TRANSITION_ESCALATED: return from == STATE_ACTIVE || from == STATE_RETURNED;
	case TRANSITION_CHATTERING: return from == STATE_ACTIVE;
	default: return false;
	}
}

/* Only moves of the table occur and all of them do. */
static void check_moves(void)
{
	for (enum alarm_state from = STATE_NORMAL; from <= STATE_LATCHED; from++)
		for (enum transition what = 0; what < TRANSITION_COUNT; what++)
			for (enum alarm_state to = STATE_NORMAL; to <= STATE_LATCHED; to++) {
				bool allowed = from != STATE_PENDING && (in_table(from, what, to) || goes_beside(from, what, to));
				if (allowed != (moves_seen[from][what][to] > 0))
					fail_msg("%s, %s → %s: %s", transition_name(what), alarm_state_name(from), alarm_state_name(to),
					         allowed ? "never occurred" : "is not in the table");
			}
}

/* No condition is left out, and none is rare. */
static void check_conditions(uint64_t n)
{
	for (enum rule_when w = WHEN_ABOVE; w <= WHEN_ANY; w++)
		if (begun_by[w] < n / 10)
			fail_msg("condition %d began %zu times only in %llu scenarios", w, begun_by[w], (unsigned long long)n);
}

static void test_random(void **state)
{
	uint64_t n = setting("FIREGW_SCENARIOS", 8000), seed = setting("FIREGW_SEED", 1);

	(void)state;
	print_message("%llu scenarios from seed %llu\n", (unsigned long long)n, (unsigned long long)seed);
	for (uint64_t i = 0; i < n; i++)
		run_one(seed + i);
	print_message("%zu transitions\n", sent_in_all);
	print_message("seen: test %zu, drill %zu, over by time %zu, shelved %zu, out of service %zu, suppressed %zu, of tests %zu, spared %zu, held %zu, late verdicts %zu\n", seen.test, seen.drill, seen.over,
	              seen.shelved, seen.out, seen.suppressed, seen.suppressed_test, seen.spared, seen.held, seen.late_verdict);
	for (enum rule_when w = WHEN_ABOVE; getenv("FIREGW_VERBOSE") && w <= WHEN_ANY; w++)
		print_message("condition %d began %zu times\n", w, begun_by[w]);
	if (n < 1000)
		return;
	check_moves();
	check_conditions(n);
	assert_true(seen.test && seen.drill && seen.over && seen.shelved && seen.out && seen.suppressed && seen.suppressed_test && seen.spared && seen.held && seen.late_verdict);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_random) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
