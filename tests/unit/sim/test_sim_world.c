/* A healthy house raises no alarm by the site's own rules for days, what is raised does, and the same seed gives the same house. */
#include "gateway/sim/model.h"
#include "rules/rules.h"
#include "tests/unit/sim/house.h"

#include <glob.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define MINUTE 60000

struct stand {
	struct config *config;
	struct world   world;
	struct rules  *rules;
	size_t         raised;
	char           last[200];
	char           said[8000];
};

static void say(void *user, const char *text)
{
	struct stand *s = user;

	if (strlen(s->said) + strlen(text) + 2 <= sizeof s->said) /* the first things are what a test looks for */
		strcat(strcat(s->said, text), "\n");
}

static int stand_open(struct stand *s, const char *path, uint64_t seed)
{
	struct world_options o = { .seed = seed, .day_ms = 0, .say = say, .user = s };
	struct err e;

	*s = (struct stand){ .config = house_config(path) };
	if (world_init(&s->world, s->config, &o, &e) < 0) {
		config_free(s->config);
		return -1;
	}
	assert_int_equal(rules_new(&s->config->site, s->config->rules, s->config->n_rules, NULL, 0, 1, &s->rules, &e), 0);
	return 0;
}

static void stand_new(struct stand *s, uint64_t seed)
{
	assert_int_equal(stand_open(s, HOUSE_SITE, seed), 0);
}

static void stand_done(struct stand *s)
{
	rules_free(s->rules);
	world_done(&s->world);
	config_free(s->config);
}

static struct event_id on_transition(void *user, const struct rules_transition *t)
{
	struct stand *s = user;

	if (t->what == TRANSITION_RAISED) {
		s->raised++;
		snprintf(s->last, sizeof s->last, "%s at %g", rules_alarm(s->rules, t->alarm).id, t->value.number);
	}
	return (struct event_id){ 1, s->raised };
}

static void on_changed(void *user, uint32_t alarm)
{
	(void)user;
	(void)alarm;
}

/* What the daemon would make of the registers as they are. */
static void poll_point(struct stand *s, const struct point *p)
{
	struct rules_sink sink = { on_transition, on_changed, s };
	struct stamp now = { .mono_ns = s->world.now_ms * CLOCK_NS_PER_MS, .wall_ms = s->world.now_ms, .wall_trusted = true };
	double v = house_read_at(&s->world, p->index);
	struct sample sample = { .point = p->index, .quality = isnan(v) ? QUALITY_RANGE : QUALITY_GOOD, .value = { v, NULL }, .at = now };

	if (s->world.bank.cells[p->index].point->type == TYPE_STRING)
		return;
	if (isnan(v))
		fail_msg("%s is not good", p->id);
	rules_on_reading(s->rules, &sample, &sink);
}

static void poll_all(struct stand *s)
{
	for (size_t i = 0; i < s->config->site.n_points; i++)
		poll_point(s, &s->config->site.points[i]);
}

/* A rule with a delay has seen it, and waits. */
static bool is_delayed(const struct stand *s, const struct point *p)
{
	for (uint32_t i = 0; i < rules_count(s->rules); i++) {
		struct rules_present present;

		rules_present(s->rules, i, &present);
		if (rules_alarm(s->rules, i).point == p->index && present.state == STATE_PENDING)
			return true;
	}
	return false;
}

static void stay_quiet(struct stand *s, const char *what, int64_t days, int64_t every_ms)
{
	for (int64_t t = 0; t < days * MODEL_DAY_MS; t += every_ms) {
		world_step(&s->world, t);
		poll_all(s);
	}
	if (s->raised)
		fail_msg("%s: %s", what, s->last);
	if (strstr(s->said, "warning"))
		fail_msg("%s: %s", what, s->said);
	stand_done(s);
}

static void test_a_healthy_house_is_quiet_for_three_days(void **unused)
{
	struct stand s;

	(void)unused;
	for (uint64_t seed = 1; seed <= 20; seed++) {
		stand_new(&s, seed);
		stay_quiet(&s, "the house", 3, 7 * MINUTE + 1234);
	}
}

static void test_so_is_each_example_that_can_be_served(void **unused)
{
	glob_t found;
	struct stand s;

	(void)unused;
	assert_int_equal(glob("examples/*/site.yaml", 0, NULL, &found), 0);
	for (size_t i = 0; i < found.gl_pathc; i++)
		for (uint64_t seed = 1; seed <= 2; seed++)
			if (stand_open(&s, found.gl_pathv[i], seed) == 0)
				stay_quiet(&s, found.gl_pathv[i], 1, 19 * MINUTE + 1234);
	globfree(&found);
}

/* Whatever some rule minds can be raised by hand, point by point. */
static void raise_each(const char *path)
{
	struct stand s;
	size_t minded = 0;

	if (stand_open(&s, path, 1) < 0)
		return;
	poll_all(&s);
	for (size_t i = 0; i < s.config->site.n_points; i++) {
		const struct point *p = &s.config->site.points[i];
		struct world_move m = { .select = p->id, .to = "alarm" };
		const struct bus_point *b = s.world.bank.cells[i].point;
		struct effect effect;
		struct err e;

		if (!b || s.world.models[i].range.class_ == CLASS_COUNT)
			continue;
		minded++;
		assert_int_equal(world_plan_move(&s.world, &m, &effect, &e), 0);
		assert_int_equal(world_raise(&s.world, &effect, &e), 0);
		size_t before = s.raised;
		poll_point(&s, p);
		if (s.raised == before && !is_delayed(&s, p))
			fail_msg("%s: %s shows %g and raises nothing", path, p->id, house_read(&s.world, p->id));
		assert_int_equal(world_clear(&s.world, "all", &e), 0);
		poll_point(&s, p);
	}
	assert_true(minded > 15);
	stand_done(&s);
}

static void test_each_point_that_a_rule_minds_can_be_raised(void **unused)
{
	glob_t found;

	(void)unused;
	raise_each(HOUSE_SITE);
	assert_int_equal(glob("examples/*/site.yaml", 0, NULL, &found), 0);
	for (size_t i = 0; i < found.gl_pathc; i++)
		raise_each(found.gl_pathv[i]);
	globfree(&found);
}

static void test_values_move_and_pumps_start(void **unused)
{
	struct stand s;
	double least = INFINITY, most = -INFINITY;
	size_t runs = 0;

	(void)unused;
	stand_new(&s, 1);
	for (int64_t t = 0; t < 3600000; t += 5000) {
		world_step(&s.world, t);
		least = fmin(least, house_read(&s.world, "hyd.pressure"));
		most = fmax(most, house_read(&s.world, "hyd.pressure"));
		runs += house_read(&s.world, "hyd.jockey") == 1;
	}
	assert_true(most - least > 0.01 && least > 0.15 && most < 1.2);
	assert_true(runs > 5 && runs < 100);
	assert_true(house_read(&s.world, "hyd.valve") == 1 && house_read(&s.world, "facp.mains") == 1 && house_read(&s.world, "hyd.mode") == 1);
	assert_true(house_read(&s.world, "hyd.decimals") == 2); /* the register that others scale by is not a value of its own */
	stand_done(&s);
}

static void test_a_seed_gives_the_same_house(void **unused)
{
	struct stand a, b, c;
	bool differs = false;

	(void)unused;
	stand_new(&a, 7), stand_new(&b, 7), stand_new(&c, 8);
	world_step(&a.world, 1234567);
	for (int64_t t = 0; t < 1234567; t += 100000) /* the way there does not matter */
		world_step(&b.world, t);
	world_step(&b.world, 1234567), world_step(&c.world, 1234567);
	for (size_t i = 0; i < a.config->site.n_points; i++) {
		assert_true(isnan(a.world.values[i]) || a.world.values[i] == b.world.values[i]);
		differs = differs || a.world.values[i] != c.world.values[i];
	}
	assert_true(differs);
	stand_done(&a), stand_done(&b), stand_done(&c);
}

static void raise(struct stand *s, const char *name, struct builtin_where where)
{
	struct effect effect;
	struct err e = { 0 };

	if (world_plan(&s->world, name, &where, 0, &effect, &e) < 0 || world_raise(&s->world, &effect, &e) < 0)
		fail_msg("%s", e.text);
}

static void test_each_builtin_raises_an_alarm_and_is_cleared(void **unused)
{
	static const char *const quiet[] = { "pump-failure", "panel-fault" };
	const char *name, *help;

	(void)unused;
	for (size_t i = 0; builtin_get(i, &name, &help); i++) {
		struct stand s;
		struct err e;
		bool is_quiet = false;

		if (builtin_fault(name) != FAULT_NONE)
			continue; /* test_sim_fault.c */

		for (size_t k = 0; k < sizeof quiet / sizeof *quiet; k++)
			is_quiet = is_quiet || strcmp(name, quiet[k]) == 0;
		stand_new(&s, 3);
		raise(&s, name, (struct builtin_where){ 0 });
		for (int64_t t = 0; t <= 10 * MINUTE; t += 1000) {
			world_step(&s.world, t);
			poll_all(&s);
		}
		if (!is_quiet && s.raised == 0)
			fail_msg("%s raised nothing", name);
		if (s.world.n_effects)
			assert_int_equal(world_clear(&s.world, name, &e), 0);
		size_t raised = s.raised;
		world_step(&s.world, 11 * MINUTE);
		poll_all(&s);
		assert_int_equal(s.raised, raised);
		stand_done(&s);
	}
}

static void test_faults_stand_at_their_devices_and_lines(void **unused)
{
	struct stand s;
	struct effect effect;
	struct err e;

	(void)unused;
	stand_new(&s, 3);
	struct bank_unit *hyd = s.world.bank.devices[1];
	raise(&s, "late", (struct builtin_where){ .device = "hyd" });
	raise(&s, "device-dead", (struct builtin_where){ .device = "hyd", .how.text = { "10%" } });
	raise(&s, "flood", (struct builtin_where){ .device = "hyd", .how.text = { "50%", "30ms" } });
	struct bank_server *line = s.world.bank.buses[s.config->site.devices[1].bus];
	assert_true(hyd->n_faults == 2 && hyd->faults[0]->kind == FAULT_LATE && hyd->faults[1]->chance == 0.1);
	assert_true(line->n_faults == 1 && line->faults[0]->by_ns == 30 * CLOCK_NS_PER_MS && line->faults[0]->chance == 0.5);
	assert_non_null(strstr(s.said, "raised flood device=hyd: bus "));
	raise(&s, "late", (struct builtin_where){ .bus = s.config->site.buses[s.config->site.devices[1].bus] });
	assert_int_equal(line->n_faults, 2);
	/* One that goes moves the others, which stay where they are. */
	assert_int_equal(world_clear(&s.world, "late device=hyd", &e), 0);
	assert_true(hyd->n_faults == 1 && hyd->faults[0]->kind == FAULT_DEAD && line->n_faults == 2);
	assert_int_equal(world_clear(&s.world, "all", &e), 0);
	assert_true(hyd->n_faults == 0 && line->n_faults == 0);
	static const struct { const char *name; struct builtin_where where; const char *why; } wrong[] = {
		{ "echo", { 0 }, "no line that could have it" },
		{ "wrong-crc", { .device = "hyd" }, "has no checksum" },
		{ "late", { .device = "nobody" }, "no device 'nobody' is served" },
		{ "late", { .floor = "3" }, "either device= or bus= says where" },
		{ "late", { .how.text = { "0%" } }, "is not a share such as 10%" },
		{ "half", { .how.text = { [FAULT_WORD_BY] = "1s" } }, "'by' does not go with it" },
		{ "exception", { .how.text = { [FAULT_WORD_CODE] = "bussy" } }, "is none of" },
		{ "exception", { .how.text = { [FAULT_WORD_REGISTERS] = "9-3" } }, "are not a range" },
		{ "fire", { .how.text = { "10%" } }, "go with faults of the talk only" },
	};
	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
		assert_int_equal(world_plan(&s.world, wrong[i].name, &wrong[i].where, 0, &effect, &e), -1);
		if (!strstr(e.text, wrong[i].why))
			fail_msg("%s: %s", wrong[i].name, e.text);
	}
	stand_done(&s);
}

static void test_a_fire_spreads_within_its_zone_first(void **unused)
{
	struct stand s;

	(void)unused;
	stand_new(&s, 1);
	raise(&s, "fire", (struct builtin_where){ .floor = "3", .zone = "3-N" });
	double first = house_read(&s.world, "facp.smoke-1") + house_read(&s.world, "facp.smoke-2") + (house_read(&s.world, "facp.heat-1") == 2);
	assert_true(first == 1 && house_read(&s.world, "facp.smoke-3") == 0);
	world_step(&s.world, 31000);
	assert_true(house_read(&s.world, "facp.smoke-1") == 1 && house_read(&s.world, "facp.smoke-2") == 1 && house_read(&s.world, "facp.heat-1") == 2);
	assert_true(house_read(&s.world, "facp.smoke-3") == 0 && house_read(&s.world, "facp.panel") == 1 && house_read(&s.world, "facp.button-1") == 1);
	world_step(&s.world, 46000);
	assert_true(house_read(&s.world, "facp.smoke-3") == 1 && house_read(&s.world, "facp.smoke-4") == 0);
	world_step(&s.world, 121000);
	assert_true(house_read(&s.world, "facp.smoke-4") == 1);
	assert_non_null(strstr(s.said, "raised fire floor=3 zone=3-N"));
	assert_non_null(strstr(s.said, "fire: facp.heat-1 is 2 (fire)"));
	stand_done(&s);
}

static void test_a_move_ramps_and_ends(void **unused)
{
	struct stand s;
	struct effect effect;
	struct err e;
	struct world_move m = { .select = "kind=tank_level", .to = "1.5", .over_ms = 10000, .for_ms = 60000 };

	(void)unused;
	stand_new(&s, 1);
	double rest = house_read(&s.world, "hyd.tank");
	assert_int_equal(world_plan_move(&s.world, &m, &effect, &e), 0);
	assert_int_equal(world_raise(&s.world, &effect, &e), 0);
	world_step(&s.world, 5000);
	assert_true(fabs(house_read(&s.world, "hyd.tank") - (rest + 1.5) / 2) < 0.1);
	world_step(&s.world, 10000);
	assert_true(fabs(house_read(&s.world, "hyd.tank") - 1.5) < 1e-9);
	assert_int_equal(world_next(&s.world), 60000);
	world_step(&s.world, 60000);
	assert_true(house_read(&s.world, "hyd.tank") > 3.2);
	assert_int_equal(s.world.n_effects, 0);
	stand_done(&s);
}

static void test_what_is_not_there_is_said(void **unused)
{
	struct stand s;
	struct effect effect;
	struct err e;
	struct builtin_where nowhere = { .floor = "9" };
	struct world_move none = { .select = "kind=gas_valve", .to = "alarm" }, word = { .select = "hyd.tank", .to = "open" };

	(void)unused;
	stand_new(&s, 1);
	assert_int_equal(world_plan(&s.world, "fire", &nowhere, 0, &effect, &e), -1);
	assert_string_equal(e.text, "fire: the site has no point that could show it on floor 9; it needs one of: smoke_detector, heat_detector, "
	                            "flame_detector, beam_detector, aspirating_detector, linear_heat");
	nowhere = (struct builtin_where){ .device = "nobody" };
	assert_int_equal(world_plan(&s.world, "device-dead", &nowhere, 0, &effect, &e), -1);
	assert_int_equal(world_plan_move(&s.world, &none, &effect, &e), -1);
	assert_string_equal(e.text, "select 'kind=gas_valve': no point of the site fits");
	assert_int_equal(world_plan_move(&s.world, &word, &effect, &e), -1);
	assert_int_equal(world_clear(&s.world, "fire", &e), -1);
	stand_done(&s);
}

static void test_the_page_has_each_builtin(void **unused)
{
	FILE *f = fopen("docs/simulator.md", "r");
	char *page = NULL, row[80];
	const char *name, *help;
	size_t cap = 0;

	(void)unused;
	assert_non_null(f);
	assert_true(getdelim(&page, &cap, '\0', f) > 0);
	for (size_t i = 0; builtin_get(i, &name, &help); i++) {
		snprintf(row, sizeof row, "\n| `%s` |", name);
		if (!strstr(page, row))
			fail_msg("docs/simulator.md has no row of %s", name);
	}
	free(page);
	fclose(f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_healthy_house_is_quiet_for_three_days), cmocka_unit_test(test_so_is_each_example_that_can_be_served),
		cmocka_unit_test(test_each_point_that_a_rule_minds_can_be_raised), cmocka_unit_test(test_values_move_and_pumps_start),
		cmocka_unit_test(test_a_seed_gives_the_same_house), cmocka_unit_test(test_each_builtin_raises_an_alarm_and_is_cleared),
		cmocka_unit_test(test_faults_stand_at_their_devices_and_lines),
		cmocka_unit_test(test_a_fire_spreads_within_its_zone_first), cmocka_unit_test(test_a_move_ramps_and_ends),
		cmocka_unit_test(test_what_is_not_there_is_said), cmocka_unit_test(test_the_page_has_each_builtin),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
