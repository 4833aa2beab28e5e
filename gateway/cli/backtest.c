/* The happy path: a reading goes to the engine, its transitions switch the side "would"; events switch the side "were"; an occurrence is told when it is over and it is sure that
 * the other side has none that meets it. Failure modes are the past's: clocks set back, alarms that nobody knows any more. */
#include "gateway/cli/backtest.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

/* Samples of several lines are stored a little out of the order of time, as they were handled; a larger step back is a clock that was set. */
#define CLOCK_STEP_MS INT64_C(5000)

/* ---- occurrences ---- */

static struct backtest_day *day_of(struct backtest *b, int64_t at_ms)
{
	for (size_t i = b->n_days; i-- > 0 && i + 8 > b->n_days;)
		if (at_ms >= b->days[i].from_ms && at_ms < b->days[i].to_ms)
			return &b->days[i];
	if (b->n_days == b->cap_days) {
		size_t cap = b->cap_days ? b->cap_days * 2 : 32;
		struct backtest_day *more = reallocarray(b->days, cap, sizeof *more);
		b->failed |= !more;
		if (!more)
			return NULL;
		b->days = more;
		b->cap_days = cap;
	}
	time_t at = at_ms / 1000;
	struct tm tm;
	localtime_r(&at, &tm);
	tm.tm_hour = tm.tm_min = tm.tm_sec = 0;
	tm.tm_isdst = -1;
	struct tm next = tm;
	next.tm_mday++;
	b->days[b->n_days] = (struct backtest_day){ .from_ms = (int64_t)mktime(&tm) * 1000, .to_ms = (int64_t)mktime(&next) * 1000 };
	return &b->days[b->n_days++];
}

static void tell(struct backtest *b, struct backtest_alarm *a, enum backtest_side side)
{
	struct backtest_run *run = &a->run[side];
	struct backtest_count *n = &a->count[side];
	int64_t from = run->since_ms < b->o.from_ms ? b->o.from_ms : run->since_ms, to = run->on || run->ended_ms > b->o.to_ms ? b->o.to_ms : run->ended_ms;

	if (run->told)
		return;
	run->told = true;
	if (to < b->o.from_ms)
		return; /* over before the time began */
	n->at_start |= run->since_ms < b->o.from_ms;
	if (to - from > n->longest_ms)
		n->longest_ms = to - from;
	n->alone += run->counts && !run->matched;
	if (b->o.occurrence && a->chosen) {
		struct backtest_occurrence o = { side, a, run->since_ms, run->on ? INT64_MAX : run->ended_ms, !run->matched, run->counts };
		b->o.occurrence(b->o.user, &o);
	}
}

static void count(struct backtest *b, struct backtest_alarm *a, enum backtest_side side, int64_t at_ms, int64_t last_end_ms)
{
	struct backtest_run *run = &a->run[side];
	struct backtest_count *n = &a->count[side];
	struct backtest_day *day = a->chosen ? day_of(b, at_ms) : NULL;

	run->counts = true;
	n->raised++;
	n->again += last_end_ms != INT64_MIN && at_ms - last_end_ms <= BACKTEST_AGAIN_MS;
	n->chatter += run->recent[BACKTEST_CHATTER_N - 1] != INT64_MIN && at_ms - run->recent[BACKTEST_CHATTER_N - 1] <= BACKTEST_CHATTER_MS;
	if (day)
		day->n[side]++;
}

static void turn_on(struct backtest *b, struct backtest_alarm *a, enum backtest_side side, int64_t at_ms)
{
	struct backtest_run *run = &a->run[side], *other = &a->run[!side];
	int64_t last_end_ms = run->ended_ms;

	if (run->on)
		return;
	tell(b, a, side);
	memmove(&run->recent[1], &run->recent[0], (BACKTEST_CHATTER_N - 1) * sizeof run->recent[0]);
	run->recent[0] = at_ms;
	run->on = true;
	run->since_ms = at_ms;
	run->ended_ms = INT64_MAX;
	run->told = run->counts = false;
	if (at_ms >= b->o.from_ms && at_ms < b->o.to_ms)
		count(b, a, side, at_ms, last_end_ms);
	run->matched = other->on || (other->ended_ms != INT64_MIN && other->ended_ms + BACKTEST_NEAR_MS >= at_ms);
	if (run->matched)
		other->matched = true;
}

static void turn_off(struct backtest_alarm *a, enum backtest_side side, int64_t at_ms)
{
	struct backtest_run *run = &a->run[side];

	if (!run->on)
		return;
	run->on = false;
	run->ended_ms = at_ms;
}

static void turn(struct backtest *b, struct backtest_alarm *a, enum backtest_side side, enum transition what, int64_t at_ms)
{
	if (what == TRANSITION_RAISED || what == TRANSITION_CONFIRMED || what == TRANSITION_RERAISED)
		turn_on(b, a, side, at_ms);
	else if (what == TRANSITION_RETURNED || what == TRANSITION_REMOVED)
		turn_off(a, side, at_ms);
}

/* ---- the side "would": the engine ---- */

static struct event_id on_transition(void *user, const struct rules_transition *t)
{
	struct backtest *b = user;

	turn(b, b->alarms[t->alarm], BACKTEST_WOULD, t->what, t->at.wall_ms);
	return (struct event_id){ 1, ++b->counter };
}

static void on_changed(void *user, uint32_t alarm)
{
	(void)user;
	(void)alarm;
}

/* Durations go by the wall clock's, which is all that was stored, but never back. */
static struct stamp stamp_of(struct backtest *b, int64_t at_ms)
{
	if (b->last_wall_ms - at_ms > CLOCK_STEP_MS)
		b->shift_ms += b->last_wall_ms - at_ms;
	if (at_ms > b->last_wall_ms || b->last_wall_ms - at_ms > CLOCK_STEP_MS)
		b->last_wall_ms = at_ms;
	return (struct stamp){ (at_ms + b->shift_ms) * CLOCK_NS_PER_MS, at_ms, true };
}

void backtest_reading(struct backtest *b, struct sample *s, int64_t at_ms)
{
	s->at = stamp_of(b, at_ms);
	if (at_ms >= b->o.from_ms) {
		b->readings++;
		b->first_ms = b->readings == 1 ? at_ms : b->first_ms;
		b->last_ms = at_ms > b->last_ms ? at_ms : b->last_ms;
		b->unknown += s->point == POINT_NONE;
	}
	if (s->point == POINT_NONE)
		return;
	rules_on_reading(b->rules, s, &b->sink);
	if (b->first_watch[s->point] != b->first_watch[s->point + 1])
		doubt_reading(b, s);
}

/* ---- the side "were": the event log ---- */

static const struct rule_def *find_def(const struct backtest *b, const char *rule)
{
	for (size_t i = 0; i < b->o.n_rules; i++)
		if (strcmp(b->o.rules[i].id, rule) == 0)
			return &b->o.rules[i];
	return NULL;
}

static const struct point *find_point(const struct site *site, const char *id, size_t len)
{
	for (size_t i = 0; i < site->n_points; i++)
		if (strlen(site->points[i].id) == len && strncmp(site->points[i].id, id, len) == 0)
			return &site->points[i];
	return NULL;
}

static bool choose(const struct backtest *b, const struct backtest_alarm *a, const struct point *p)
{
	struct select_subject s = p ? select_of_point(b->o.site, p) : (struct select_subject){ .class_ = CLASS_COUNT };

	s.other_id = s.id;
	s.id = a->id;
	if (a->fixed) {
		s.class_ = a->fixed->class_;
		s.floor = a->fixed->floor;
		s.zone = a->fixed->zone;
		s.building = a->fixed->building < b->o.site->n_buildings ? b->o.site->buildings[a->fixed->building].id : "";
	} else if (a->def->class_given) {
		s.class_ = a->def->class_;
	}
	return !b->o.select || select_fits(b->o.select, &s);
}

static struct backtest_alarm *add_alarm(struct backtest *b, struct backtest_alarm *a)
{
	if (b->n_alarms == b->cap_alarms) {
		size_t cap = b->cap_alarms ? b->cap_alarms * 2 : 256;
		struct backtest_alarm **more = reallocarray(b->alarms, cap, sizeof(void *));
		b->failed |= !more;
		if (!more)
			return NULL;
		b->alarms = more;
		b->cap_alarms = cap;
	}
	for (size_t i = 0; i < BACKTEST_SIDES; i++) {
		a->run[i] = (struct backtest_run){ .since_ms = INT64_MIN, .ended_ms = INT64_MIN, .told = true };
		for (size_t k = 0; k < BACKTEST_CHATTER_N; k++)
			a->run[i].recent[k] = INT64_MIN;
	}
	return b->alarms[b->n_alarms++] = a;
}

/* An alarm that one of these rules raised in its time and would not have now: its point no longer fits, or its limit was taken away. */
static struct backtest_alarm *add_extra(struct backtest *b, const char *id, const struct rule_def *def, const struct point *p)
{
	struct backtest_alarm *a = calloc(1, sizeof *a);
	char *copy = a ? strdup(id) : NULL;

	if (!copy || strmap_put(&b->extra, copy, (uint32_t)b->n_alarms) || !add_alarm(b, a)) {
		b->failed = true;
		strmap_done(&b->extra); /* it may hold the copy */
		free(copy);
		free(a);
		return NULL;
	}
	a->id = copy;
	a->def = def;
	a->chosen = choose(b, a, p);
	return a;
}

static void count_other(struct backtest *b, const char *rule)
{
	for (size_t i = 0; i < b->n_others; i++)
		if (strcmp(b->others[i].rule, rule) == 0) {
			b->others[i].raised++;
			return;
		}
	if (b->n_others == b->cap_others) {
		size_t cap = b->cap_others ? b->cap_others * 2 : 16;
		struct backtest_other *more = reallocarray(b->others, cap, sizeof *more);
		b->failed |= !more;
		if (!more)
			return;
		b->others = more;
		b->cap_others = cap;
	}
	b->others[b->n_others].rule = strdup(rule);
	b->others[b->n_others].raised = 1;
	b->failed |= !b->others[b->n_others].rule;
	b->n_others += b->others[b->n_others].rule != NULL;
}

/* Ours, a person's report, a shelf, a point out of service: no rule made them. */
static bool is_of_a_rule(const char *alarm)
{
	const char *slash = strchr(alarm, '/');

	return alarm[0] != '_' && slash && !strchr(slash + 1, '/') && strcmp(slash, "/out-of-service") != 0;
}

/* NULL: it is not compared; *ret_other: as its rule is not among these, or its point is gone. */
static struct backtest_alarm *find_alarm(struct backtest *b, const char *alarm, bool *ret_other)
{
	uint32_t i = rules_find(b->rules, alarm);

	*ret_other = false;
	if (i != RULES_ALARM_NONE)
		return b->alarms[i];
	if (!is_of_a_rule(alarm))
		return NULL;
	if ((i = strmap_get(&b->extra, alarm)) != STRMAP_NONE)
		return b->alarms[i];
	const char *slash = strchr(alarm, '/');
	const struct rule_def *def = find_def(b, slash + 1);
	const struct point *p = def ? find_point(b->o.site, alarm, (size_t)(slash - alarm)) : NULL;
	*ret_other = !def || (!p && def->when != WHEN_COUNT);
	return *ret_other ? NULL : add_extra(b, alarm, def, p);
}

void backtest_stood(struct backtest *b, const char *alarm, int64_t since_ms)
{
	bool other;
	struct backtest_alarm *a = find_alarm(b, alarm, &other);

	if (a)
		turn_on(b, a, BACKTEST_WERE, since_ms < b->o.from_ms ? since_ms : b->o.from_ms - 1);
}

void backtest_event(struct backtest *b, const char *alarm, enum transition what, int64_t at_ms)
{
	bool other, raise = what == TRANSITION_RAISED || what == TRANSITION_CONFIRMED || what == TRANSITION_RERAISED;
	struct backtest_alarm *a = find_alarm(b, alarm, &other);

	if (other && raise)
		count_other(b, strchr(alarm, '/') + 1);
	if (!a)
		return;
	/* What would have been up to now comes first, so that the two sides meet. */
	rules_on_time(b->rules, (struct stamp){ (at_ms + b->shift_ms) * CLOCK_NS_PER_MS, at_ms, true }, &b->sink);
	turn(b, a, BACKTEST_WERE, what, at_ms);
}

/* ---- begin and end ---- */

void backtest_end(struct backtest *b)
{
	rules_on_time(b->rules, (struct stamp){ (b->o.to_ms + b->shift_ms) * CLOCK_NS_PER_MS, b->o.to_ms, true }, &b->sink);
	doubt_end(b);
	for (size_t i = 0; i < b->n_alarms; i++)
		for (unsigned side = 0; side < BACKTEST_SIDES; side++) {
			struct backtest_alarm *a = b->alarms[i];
			a->count[side].at_end = a->run[side].on;
			tell(b, a, side);
		}
}

void backtest_sum(const struct backtest *b, const struct rule_def *def, struct backtest_sum *ret)
{
	*ret = (struct backtest_sum){ 0 };
	for (size_t i = 0; i < b->n_alarms; i++) {
		const struct backtest_alarm *a = b->alarms[i];
		if (!a->chosen || (def && a->def != def))
			continue;
		ret->alarms += a->fixed != NULL;
		ret->doubts += a->doubts;
		ret->doubt_ms += a->doubt_ms;
		ret->doubtful += a->doubts > 0;
		for (unsigned side = 0; side < BACKTEST_SIDES; side++) {
			struct backtest_count *sum = &ret->side[side];
			const struct backtest_count *n = &a->count[side];
			sum->raised += n->raised;
			sum->alone += n->alone;
			sum->again += n->again;
			sum->chatter += n->chatter;
			sum->longest_ms = n->longest_ms > sum->longest_ms ? n->longest_ms : sum->longest_ms;
			sum->at_start |= n->at_start;
			sum->at_end |= n->at_end;
		}
	}
}

int backtest_init(struct backtest *b, const struct backtest_options *o, struct err *reterr)
{
	*b = (struct backtest){ .o = *o, .extra = STRMAP_INIT, .last_wall_ms = INT64_MIN / 2 };
	b->sink = (struct rules_sink){ on_transition, on_changed, b };
	if (rules_new(o->site, o->rules, o->n_rules, NULL, 0, 1, &b->rules, reterr))
		return -1;
	b->n_engine = rules_count(b->rules) - RULES_EXTRAS_MAX;
	b->fixed = calloc(b->n_engine ? b->n_engine : 1, sizeof *b->fixed);
	b->facts = calloc(b->n_engine ? b->n_engine : 1, sizeof *b->facts);
	b->failed = !b->fixed || !b->facts;
	for (uint32_t i = 0; i < b->n_engine && !b->failed; i++) {
		struct backtest_alarm *a = add_alarm(b, &b->fixed[i]);
		if (!a)
			break;
		b->facts[i] = rules_alarm(b->rules, i);
		a->fixed = &b->facts[i];
		a->id = a->fixed->id;
		a->def = a->fixed->def;
		a->chosen = choose(b, a, a->fixed->point == POINT_NONE ? NULL : &o->site->points[a->fixed->point]);
	}
	if (b->failed)
		err_set(reterr, ERR_NO_MEMORY, "no memory for %zu alarms", b->n_engine);
	if (b->failed || doubt_init(b, reterr)) {
		backtest_done(b);
		return -1;
	}
	return 0;
}

void backtest_done(struct backtest *b)
{
	for (size_t i = b->n_engine; i < b->n_alarms; i++) {
		free((char *)(uintptr_t)b->alarms[i]->id);
		free(b->alarms[i]);
	}
	for (size_t i = 0; i < b->n_others; i++)
		free(b->others[i].rule);
	doubt_done(b);
	strmap_done(&b->extra);
	free(b->others);
	free(b->days);
	free(b->alarms);
	free(b->fixed);
	free(b->facts);
	rules_free(b->rules);
	*b = (struct backtest){ 0 };
}
