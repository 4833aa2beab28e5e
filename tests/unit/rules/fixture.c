#include "tests/unit/rules/fixture.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define MACHINE_BOOT 77

static const char *const nodes[] = { "gw", "tower-a" };
static const char *const buses[] = { "bus0", "bus1" };

static struct event_id on_transition(void *user, const struct rules_transition *t)
{
	struct fixture *f = user;
	struct sent *s = &f->log[f->n_log++];

	assert_true(f->n_log <= FIXTURE_LOG);
	s->t = *t;
	memcpy(s->members, t->members ? t->members : s->members, t->n_members * sizeof *s->members);
	s->id = (struct event_id){ 5, ++f->counter };
	return s->id;
}

static void on_changed(void *user, uint32_t alarm)
{
	struct fixture *f = user;

	f->changed[alarm]++;
	f->n_changed++;
}

static void on_drifted(void *user, uint32_t alarm)
{
	struct fixture *f = user;

	(void)alarm;
	f->n_drifted++;
}

static void on_test_over(void *user, unsigned test, struct stamp at)
{
	struct fixture *f = user;

	assert_true(f->tests[test].on);
	f->tests[test].on = false;
	f->n_over++;
	f->over_ns = at.mono_ns - FIXTURE_START;
}

void fixture_init(struct fixture *f)
{
	memset(f, 0, sizeof *f);
	f->buildings[0] = (struct site_building){ "a", "A", 1, BUILDING_CLASS1_PUBLIC, 98 };
	f->buildings[1] = (struct site_building){ "b", "B", 0, BUILDING_RESIDENTIAL, NAN };
	f->devices[0] = (struct site_device){ "d0", 0, 1 };
	f->devices[1] = (struct site_device){ "d1", 0, 2 };
	f->devices[2] = (struct site_device){ "d2", 1, 1 };
	f->owns[0] = (struct rules_own){ "_gw.storage/full", "存储已满", "storage is full" };
	f->owns[1] = (struct rules_own){ "_gw.bus-bus0/down", "总线中断", "bus is down" };
	f->site = (struct site){ .gateway = "gw", .nodes = nodes, .n_nodes = 2, .buildings = f->buildings, .n_buildings = 2, .buses = buses,
		.n_buses = 2, .devices = f->devices, .n_devices = 3, .points = f->points };
	f->sink = (struct rules_sink){ on_transition, on_changed, f, .test_over = on_test_over, .drifted = on_drifted };
}

void fixture_done(struct fixture *f)
{
	rules_free(f->rules);
	f->rules = NULL;
}

struct point *fixture_point(struct fixture *f, enum kind kind, uint32_t device, const char *floor, const char *zone)
{
	uint32_t i = (uint32_t)f->site.n_points++;
	struct point *p = &f->points[i];

	assert_true(i < FIXTURE_POINTS);
	snprintf(f->ids[i], sizeof f->ids[i], "d%u.p%u", device, i);
	*p = (struct point){ .index = i, .id = f->ids[i], .name = "p", .kind = kind, .unit = kind_info(kind)->unit, .bus = f->devices[device].bus,
		.device = device, .building = device == 2, .node = f->buildings[device == 2].node, .floor = floor, .zone = zone, .location = "",
		.owner = "", .low = NAN, .low2 = NAN, .high = NAN, .high2 = NAN, .gb_system_addr = -1 };
	return p;
}

struct rule_def *fixture_rule(struct fixture *f, const char *id, enum rule_when when)
{
	struct rule_def *d = &f->defs[f->n_defs++];

	assert_true(f->n_defs <= FIXTURE_RULES);
	*d = (struct rule_def){ .id = id, .enabled = true, .when = when, .select.height_above = NAN, .of.height_above = NAN, .limit = NAN,
		.limit_high = NAN, .ack = true, .gb_status = -1, .gb_system = -1, .gb_component = -1, .line = (int)f->n_defs, .file = "r.yaml" };
	return d;
}

static struct rules *make(struct fixture *f, uint64_t machine_boot)
{
	struct rules *r = NULL;
	struct err e = { 0 };

	if (rules_new(&f->site, f->defs, f->n_defs, f->owns, 2, machine_boot, &r, &e) < 0)
		fail_msg("%s", e.text);
	return r;
}

void fixture_start(struct fixture *f)
{
	rules_free(f->rules);
	f->rules = make(f, MACHINE_BOOT);
	memset(f->tests, 0, sizeof f->tests);
	f->n_over = 0;
	fixture_forget(f);
}

struct stamp fixture_at(const struct fixture *f, int64_t at_ns)
{
	return (struct stamp){ FIXTURE_START + at_ns, FIXTURE_WALL + at_ns / CLOCK_NS_PER_MS + f->wall_offset_ms, true };
}

void fixture_read(struct fixture *f, uint32_t point, double value, int64_t at_ns)
{
	struct sample s = { .point = point, .value = { value, NULL }, .at = fixture_at(f, at_ns) };

	rules_on_reading(f->rules, &s, &f->sink);
}

void fixture_bad(struct fixture *f, uint32_t point, enum quality q, int64_t at_ns)
{
	/* A value that would trip whatever looked at it. */
	struct sample s = { .point = point, .quality = q, .value = { 1e9, NULL }, .at = fixture_at(f, at_ns) };

	rules_on_reading(f->rules, &s, &f->sink);
}

void fixture_time(struct fixture *f, int64_t at_ns)
{
	rules_on_time(f->rules, fixture_at(f, at_ns), &f->sink);
}

struct rules_who fixture_who(const struct fixture *f, int64_t at_ns)
{
	return (struct rules_who){ CAUSE_PERSON, "li", "so it is", fixture_at(f, at_ns) };
}

int fixture_shelve(struct fixture *f, const char *alarm, int64_t for_ns, int64_t at_ns, struct err *reterr)
{
	struct rules_who who = fixture_who(f, at_ns);

	return rules_shelve(f->rules, fixture_find(f, alarm), for_ns, &who, &f->sink, reterr);
}

int fixture_unshelve(struct fixture *f, const char *alarm, int64_t at_ns, struct err *reterr)
{
	struct rules_who who = fixture_who(f, at_ns);

	return rules_unshelve(f->rules, fixture_find(f, alarm), &who, &f->sink, reterr);
}

int fixture_service(struct fixture *f, uint32_t point, bool out, int64_t at_ns, struct err *reterr)
{
	struct rules_who who = fixture_who(f, at_ns);

	return rules_service(f->rules, point, out, &who, &f->sink, reterr);
}

int fixture_report(struct fixture *f, const char *floor, enum alarm_class class_, int64_t at_ns, struct err *reterr)
{
	struct rules_who who = fixture_who(f, at_ns);

	return rules_report(f->rules, 0, floor, class_, &who, &f->sink, reterr);
}

void fixture_test_begin(struct fixture *f, unsigned test, enum alarm_mode mode, uint32_t points, int64_t for_ns, int64_t at_ns)
{
	struct fixture_test *t = &f->tests[test];

	*t = (struct fixture_test){ .on = true, .mode = mode, .until_ns = at_ns + for_ns };
	for (uint32_t p = 0; p < f->site.n_points; p++)
		if (points >> p & 1)
			t->points[t->n++] = p;
	rules_test_begin(f->rules, test, mode, t->points, t->n, FIXTURE_START + t->until_ns, fixture_at(f, at_ns), &f->sink);
}

void fixture_test_end(struct fixture *f, unsigned test, int64_t at_ns)
{
	struct rules_who who = fixture_who(f, at_ns);

	f->tests[test].on = false;
	rules_test_end(f->rules, test, &who, &f->sink);
}

uint32_t fixture_find(const struct fixture *f, const char *alarm)
{
	uint32_t a = rules_find(f->rules, alarm);

	if (a == RULES_ALARM_NONE)
		fail_msg("no alarm '%s'", alarm);
	return a;
}

int fixture_command(struct fixture *f, const char *alarm, enum rules_command c, int64_t at_ns, struct err *reterr)
{
	return rules_on_command(f->rules, fixture_find(f, alarm), c, NULL, CAUSE_PERSON, "li", "seen", fixture_at(f, at_ns), &f->sink, reterr);
}

enum alarm_state fixture_state(const struct fixture *f, const char *alarm)
{
	struct rules_present p;

	rules_present(f->rules, fixture_find(f, alarm), &p);
	return p.state;
}

void fixture_forget(struct fixture *f)
{
	f->n_log = f->n_changed = f->n_drifted = 0;
	memset(f->changed, 0, sizeof f->changed);
}

void fixture_restart(struct fixture *f, int64_t at_ns, uint64_t machine_boot, struct stamp now)
{
	struct rules *next = make(f, machine_boot ? machine_boot : MACHINE_BOOT);
	uint8_t saved[RULES_SAVED_MAX];

	assert_int_equal(rules_count(next), rules_count(f->rules));
	for (uint32_t a = 0; a < rules_count(next); a++) {
		size_t len = rules_save(f->rules, a, fixture_at(f, at_ns), saved);
		const char *id = rules_alarm(f->rules, a).id;
		const struct rules_extra *extra = rules_alarm(f->rules, a).extra;
		if (f->of_before && len > 0)
			saved[134] &= 3;
		if (f->of_before && len > 0 && extra && extra->kind == EXTRA_SHELF)
			saved[137] = CLASS_DISABLEMENT;
		if (len > 0 && extra)
			assert_int_equal(rules_restore_extra(next, id, saved, len, now) == RULES_ALARM_NONE, rules_find(f->rules, id) != a);
		else if (len > 0)
			assert_int_equal(rules_restore(next, a, saved, len, now), 0);
	}
	for (unsigned i = 0; i < RULES_TESTS_MAX; i++)
		if (f->tests[i].on)
			rules_test_restore(next, i, f->tests[i].mode, f->tests[i].points, f->tests[i].n, FIXTURE_START + f->tests[i].until_ns);
	rules_restored(next, now);
	rules_free(f->rules);
	f->rules = next;
}

void fixture_expect(const struct fixture *f, size_t n, const char *alarm, enum transition what, enum alarm_state to, int64_t at_ns)
{
	if (n >= f->n_log)
		fail_msg("%s: %s was not sent", alarm, transition_name(what));
	const struct rules_transition *t = &f->log[n].t;
	assert_string_equal(rules_alarm(f->rules, t->alarm).id, alarm);
	assert_string_equal(transition_name(t->what), transition_name(what));
	assert_string_equal(alarm_state_name(t->to), alarm_state_name(to));
	assert_int_equal(t->at.mono_ns - FIXTURE_START, at_ns);
}

struct rules_present fixture_present(const struct fixture *f, const char *alarm)
{
	struct rules_present p;

	rules_present(f->rules, fixture_find(f, alarm), &p);
	return p;
}

const struct rules_transition *fixture_sent(const struct fixture *f, size_t n)
{
	assert_true(n < f->n_log);
	return &f->log[n].t;
}

int fixture_verify(struct fixture *f, const char *alarm, const struct event_id *occurrence, int64_t at_ns, struct err *e)
{
	struct rules_who who = fixture_who(f, at_ns);

	return rules_verify(f->rules, fixture_find(f, alarm), occurrence, VERDICT_FALSE, "steam", &who, &f->sink, e);
}
