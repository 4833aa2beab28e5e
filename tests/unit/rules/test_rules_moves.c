/* The table of moves through the engine: every allowed one is reached, every other refused, for each way an alarm can be made. */
#include "tests/unit/rules/fixture.h"

#include <string.h>

/* An alarm as the test drives it: point 0 makes its condition hold at 1 and go at 0. */
struct subject {
	const char *alarm;
	bool latch, ack, count_rule, own;
};

static struct fixture fx;
static int64_t now_ns;

static int teardown(void **state)
{
	(void)state;
	fixture_done(&fx);
	return 0;
}

static void start(const struct subject *s)
{
	fixture_done(&fx);
	fixture_init(&fx);
	fixture_point(&fx, KIND_SIGNAL_VALVE, 0, "12", "12-N");
	struct rule_def *d = fixture_rule(&fx, "on", WHEN_EQUALS);
	d->limit = 1;
	d->class_given = true;
	d->class_ = CLASS_SUPERVISORY;
	struct rule_def *c = fixture_rule(&fx, "both", WHEN_COUNT);
	c->count = 1;
	c->same = SCOPE_ZONE;
	c->class_given = true;
	c->class_ = CLASS_SUPERVISORY;
	d = s->count_rule ? c : d;
	d->latch = s->latch;
	d->ack = s->ack;
	d->re_alarm_ns = 10 * S;
	fixture_start(&fx);
	now_ns = 0;
}

/* 0, or -1 if a command was refused. */
static int trigger(const struct subject *s, enum alarm_trigger t, struct err *e)
{
	now_ns += S;
	switch (t) {
	case TRIGGER_ON:
	case TRIGGER_OFF:
		if (s->own)
			rules_on_own(fx.rules, fixture_find(&fx, s->alarm), t == TRIGGER_ON, fixture_at(&fx, now_ns), &fx.sink);
		else
			fixture_read(&fx, 0, t == TRIGGER_ON, now_ns);
		return 0;
	case TRIGGER_ACK: return fixture_command(&fx, s->alarm, RULES_ACK, now_ns, e);
	case TRIGGER_RESET: return fixture_command(&fx, s->alarm, RULES_RESET, now_ns, e);
	case TRIGGER_AGAIN: /* by time: the rule's re_alarm */
		now_ns += 10 * S;
		rules_on_time(fx.rules, fixture_at(&fx, now_ns), &fx.sink);
		return 0;
	case TRIGGER_REMOVE:
		rules_remove(fx.rules, fixture_find(&fx, s->alarm), CAUSE_PERSON, "li", fixture_at(&fx, now_ns), &fx.sink);
		return 0;
	}
	return -1;
}

/* The ways to each state; a subject that cannot get there (latched without latch) ends elsewhere, which the caller sees. */
static void drive_to(const struct subject *s, enum alarm_state state)
{
	struct err e;

	switch (state) {
	case STATE_NORMAL:
	case STATE_PENDING:
		return;
	case STATE_ACTIVE:
		trigger(s, TRIGGER_ON, &e);
		return;
	case STATE_ACKED:
		trigger(s, TRIGGER_ON, &e);
		trigger(s, TRIGGER_ACK, &e);
		return;
	case STATE_RETURNED:
		trigger(s, TRIGGER_ON, &e);
		trigger(s, TRIGGER_OFF, &e);
		return;
	case STATE_LATCHED:
		trigger(s, TRIGGER_ON, &e);
		trigger(s, TRIGGER_ACK, &e);
		trigger(s, TRIGGER_OFF, &e);
		return;
	}
}

/* Those of the alarm in question: a count rule's member sends too. */
static size_t collect(const char *alarm, const struct rules_transition **ret, size_t max)
{
	uint32_t a = fixture_find(&fx, alarm);
	size_t n = 0;

	for (size_t i = 0; i < fx.n_log; i++)
		if (fx.log[i].t.alarm == a && n < max)
			ret[n++] = &fx.log[i].t;
	return n;
}

static void check_sent(const struct subject *s, const struct alarm_move *m, enum alarm_state from, const struct rules_present *before)
{
	const struct rules_transition *t[4];
	size_t n = collect(s->alarm, t, 4);

	assert_int_equal(n, m->n);
	for (size_t i = 0; i < n; i++) {
		assert_int_equal(t[i]->what, m->sent[i]);
		assert_int_equal(t[i]->from, i == 0 ? from : m->via[i - 1]);
		assert_int_equal(t[i]->to, m->via[i]);
		assert_int_equal(t[i]->rev, before->rev + i + 1);
		assert_int_equal(t[i]->active, m->via[i] == STATE_ACTIVE || m->via[i] == STATE_ACKED);
		assert_int_equal(t[i]->latched, s->latch && m->via[i] != STATE_NORMAL);
		bool begins = t[i]->what == TRANSITION_RAISED || t[i]->what == TRANSITION_CONFIRMED;
		assert_int_equal(t[i]->occurrence.counter, begins ? 0 : before->occurrence.counter);
		if (!begins)
			assert_true(t[i]->occurrence.counter != 0 && t[i]->since.mono_ns == before->since.mono_ns);
	}
}

static unsigned check_move(const struct subject *s, enum alarm_state from, enum alarm_trigger t)
{
	struct rules_present before, after;
	struct err e = { 0 };

	start(s);
	drive_to(s, from);
	uint32_t alarm = fixture_find(&fx, s->alarm);
	rules_present(fx.rules, alarm, &before);
	if (before.state != from)
		return 0;
	fixture_forget(&fx);
	bool stands = before.active && t != TRIGGER_OFF && t != TRIGGER_REMOVE;
	struct alarm_move m = alarm_move(from, t, s->latch, s->ack, stands, s->count_rule);
	int rc = trigger(s, t, &e);
	rules_present(fx.rules, alarm, &after);
	if (!m.allowed) {
		assert_int_equal(after.state, from);
		assert_int_equal(after.rev, before.rev);
		if (t == TRIGGER_ACK || t == TRIGGER_RESET) {
			assert_int_equal(rc, -1);
			assert_int_equal(e.code, ERR_REFUSED);
			assert_non_null(strstr(e.text, s->alarm));
		}
		const struct rules_transition *none[1];
		assert_int_equal(collect(s->alarm, none, 1), 0);
		return 0;
	}
	assert_int_equal(rc, 0);
	check_sent(s, &m, from, &before);
	assert_int_equal(after.state, m.to);
	assert_true(fx.changed[alarm] > 0);
	if (m.to == STATE_NORMAL)
		assert_int_equal(after.occurrence.counter, 0);
	return 1;
}

static const enum alarm_state states[] = { STATE_NORMAL, STATE_ACTIVE, STATE_ACKED, STATE_RETURNED, STATE_LATCHED };

/* How many moves the table allows a subject with its condition as it can be in that state. */
static unsigned count_allowed(const struct subject *s)
{
	unsigned n = 0;

	for (size_t i = 0; i < sizeof states / sizeof states[0]; i++) {
		if ((states[i] == STATE_LATCHED && !s->latch) || (states[i] == STATE_RETURNED && !s->ack))
			continue;
		for (enum alarm_trigger t = TRIGGER_ON; t <= TRIGGER_AGAIN; t++) {
			bool stands = (states[i] == STATE_ACTIVE || states[i] == STATE_ACKED) && t != TRIGGER_OFF && t != TRIGGER_REMOVE;
			if (t == TRIGGER_AGAIN && s->own)
				continue; /* no rule says so */
			n += alarm_move(states[i], t, s->latch, s->ack, stands, s->count_rule).allowed;
		}
	}
	return n;
}

static void check_subject(const struct subject *s)
{
	unsigned reached = 0;

	for (size_t i = 0; i < sizeof states / sizeof states[0]; i++)
		for (enum alarm_trigger t = TRIGGER_ON; t <= TRIGGER_AGAIN; t++)
			reached += t == TRIGGER_AGAIN && s->own ? 0 : check_move(s, states[i], t);
	assert_int_equal(reached, count_allowed(s));
	assert_true(reached >= 6);
}

static void test_every_move(void **state)
{
	(void)state;
	for (int bits = 0; bits < 8; bits++) {
		struct subject s = { .latch = bits & 1, .ack = bits & 2, .count_rule = bits & 4 };
		s.alarm = s.count_rule ? "a.12-N/both" : "d0.p0/on";
		check_subject(&s);
	}
	check_subject(&(struct subject){ .alarm = "_gw.storage/full", .ack = true, .own = true });
}

/* A reset is refused while the condition stands again, be it only within its on-delay. */
static void test_reset_while_condition_stands(void **state)
{
	struct subject s = { .alarm = "d0.p0/on", .latch = true, .ack = true };
	struct err e;

	(void)state;
	start(&s);
	fx.defs[0].on_delay_ns = 10 * S;
	fixture_read(&fx, 0, 1, 0);
	fixture_time(&fx, 10 * S);
	assert_int_equal(fixture_command(&fx, s.alarm, RULES_ACK, 11 * S, &e), 0);
	fixture_read(&fx, 0, 0, 12 * S);
	assert_int_equal(fixture_state(&fx, s.alarm), STATE_LATCHED);
	fixture_read(&fx, 0, 1, 13 * S);
	assert_int_equal(fixture_command(&fx, s.alarm, RULES_RESET, 14 * S, &e), -1);
	assert_non_null(strstr(e.text, "stands again"));
	fixture_read(&fx, 0, 0, 15 * S);
	assert_int_equal(fixture_command(&fx, s.alarm, RULES_RESET, 16 * S, &e), 0);
	assert_int_equal(fixture_state(&fx, s.alarm), STATE_NORMAL);
}

/* An acknowledgement belongs to the occurrence that it names, never to the next one. */
static void test_occurrence(void **state)
{
	struct subject s = { .alarm = "d0.p0/on", .ack = true };
	struct rules_present p;
	struct err e;

	(void)state;
	start(&s);
	uint32_t a = fixture_find(&fx, s.alarm);
	fixture_read(&fx, 0, 1, 0);
	struct event_id first = fx.log[0].id;
	rules_present(fx.rules, a, &p);
	assert_true(p.occurrence.boot == first.boot && p.occurrence.counter == first.counter);
	assert_int_equal(rules_on_command(fx.rules, a, RULES_ACK, &first, CAUSE_HUB, "hub district", NULL, fixture_at(&fx, S), &fx.sink, &e), 0);
	const struct rules_transition *acked = &fx.log[fx.n_log - 1].t;
	assert_string_equal(acked->actor, "hub district");
	assert_int_equal(acked->cause, CAUSE_HUB);
	assert_true(acked->acked && acked->active);
	fixture_read(&fx, 0, 0, 2 * S);
	struct event_id none = { 0 };
	assert_int_equal(rules_on_command(fx.rules, a, RULES_ACK, &none, CAUSE_HUB, "hub", NULL, fixture_at(&fx, 3 * S), &fx.sink, &e), -1);
	assert_int_equal(e.code, ERR_NOT_FOUND);
	fixture_read(&fx, 0, 1, 4 * S);
	assert_int_equal(rules_on_command(fx.rules, a, RULES_ACK, &first, CAUSE_HUB, "hub", NULL, fixture_at(&fx, 5 * S), &fx.sink, &e), -1);
	assert_int_equal(e.code, ERR_NOT_FOUND);
	assert_int_equal(fixture_state(&fx, s.alarm), STATE_ACTIVE);
	rules_present(fx.rules, a, &p);
	assert_true(!p.acked && p.occurrence.counter != first.counter && p.rev == 5);
}

static void test_own_fault(void **state)
{
	struct subject s = { .alarm = "_gw.bus-bus0/down", .ack = true, .own = true };

	(void)state;
	start(&s);
	uint32_t a = fixture_find(&fx, s.alarm);
	const struct rules_alarm alarm = rules_alarm(fx.rules, a);
	assert_true(!alarm.def && alarm.own == &fx.owns[1] && alarm.class_ == CLASS_FAULT && alarm.hazard == HAZARD_NONE);
	assert_true(alarm.point == POINT_NONE && alarm.node == 0 && alarm.building == UINT32_MAX);
	rules_on_own(fx.rules, a, false, fixture_at(&fx, 0), &fx.sink);
	assert_int_equal(fx.n_log + fx.n_changed, 0);
	rules_on_own(fx.rules, a, true, fixture_at(&fx, 0), &fx.sink);
	assert_int_equal(fx.n_log, 1);
	assert_int_equal(fx.log[0].t.cause, CAUSE_SELF);
	fixture_forget(&fx);
	rules_on_own(fx.rules, a, true, fixture_at(&fx, S), &fx.sink);
	assert_int_equal(fx.n_log + fx.n_changed, 0);
}

#define T(name) cmocka_unit_test_teardown(name, teardown)
int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_every_move), T(test_reset_while_condition_stands), T(test_occurrence), T(test_own_fault),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
