#include "core/kind.h"
#include "core/unit.h"
#include "tests/unit/core/check.h"

/* docs/kinds.md, in its order. */
static const char *const words[] = {
	"smoke_detector", "heat_detector", "flame_detector", "beam_detector", "aspirating_detector", "linear_heat", "manual_call_point", "hydrant_button",
	"fire_panel", "detector_loop", "sounder", "gas_extinguishing", "residual_current", "conductor_temperature", "arc_fault", "phase_voltage",
	"phase_current", "power_energy", "gas_concentration", "gas_valve", "sprinkler_pressure", "sprinkler_flow", "pressure_switch", "alarm_valve",
	"deluge_valve", "signal_valve", "end_of_line_pressure", "hydrant_pressure", "hydrant_flow", "hydrant_cover", "tank_level", "pool_level",
	"water_temperature", "fire_pump", "jockey_pump", "sprinkler_pump", "pump_mode", "pump_power", "fire_door", "fire_shutter", "fire_damper", "smoke_fan",
	"emergency_lighting", "emergency_broadcast", "fire_phone", "fire_lift", "fire_lane", "rescue_site", "micro_station", "control_room_presence",
	"lookout", "mains_power", "backup_power", "device_status", "generic",
};

static void the_whole_vocabulary(void **state)
{
	(void)state;
	assert_int_equal(LENGTH(words), KIND_COUNT);
	for (unsigned i = 0; i < KIND_COUNT; i++) {
		const struct kind_info *info = kind_info((enum kind)i);
		enum kind k;
		assert_string_equal(info->name, words[i]);
		assert_int_equal(kind_find(info->name, &k), 0);
		assert_int_equal(k, i);
		/* no Chinese name stands for two */
		assert_int_equal(kind_find(info->name_zh, &k), 0);
		assert_int_equal(k, i);
	}
}

static void what_the_domain_asks(void **state)
{
	(void)state;
	for (unsigned i = 0; i < KIND_COUNT; i++) {
		const struct kind_info *info = kind_info((enum kind)i);
		bool is_state = info->unit[0] == '\0';
		print_message("%s\n", info->name);
		/* an alarm reaches the hub within 10 s: its point is read every 2 s at the most */
		if (info->class_ == CLASS_FIRE || info->class_ == CLASS_PREALARM)
			assert_in_range(info->every_ms, 1, 2000);
		assert_in_range(info->every_ms, 500, 10000);
		assert_in_range(info->heartbeat_ms, is_state ? 10 * 60000 : 5 * 60000, is_state ? 60 * 60000 : 15 * 60000);
		assert_true(unit_known(info->unit));
		assert_true(is_state ? info->deadband == 0 : info->deadband > 0);
		/* a detector's own signal is a fire, never a pre-alarm; operations are nobody's alarms */
		if (info->detector)
			assert_int_equal(info->class_, CLASS_FIRE);
		assert_true(info->class_ != CLASS_OPERATION && info->class_ != CLASS_DISABLEMENT);
		/* a code of the standard, or of a user's range where there is none */
		assert_true(info->gb_system <= 24 && (info->gb_system <= 1 || info->gb_system >= 10));
		assert_true(info->gb_component <= 121);
		assert_true(info->gb_analogue <= 12 || info->gb_analogue == 128);
		if (info->gb_system == 0)
			assert_true(info->gb_default);
		if (strcmp(info->unit, "MPa") == 0)
			assert_int_equal(info->gb_analogue, 5);
	}
	assert_true(kind_info(KIND_GENERIC)->any_unit);
	assert_false(kind_info(KIND_HYDRANT_PRESSURE)->any_unit);
}

static void refuses_what_is_no_kind(void **state)
{
	enum kind k;

	(void)state;
	assert_int_equal(kind_find("", &k), -1);
	assert_int_equal(kind_find("Smoke_detector", &k), -1);
	assert_int_equal(kind_find("smoke detector", &k), -1);
	assert_int_equal(kind_find("smoke_detector ", &k), -1);
}

static void nearest_word(void **state)
{
	static const struct { const char *said, *meant; } cases[] = {
		{ "smoke_detektor", "smoke_detector" }, { "smoke-detector", "smoke_detector" }, { "hydrant_presure", "hydrant_pressure" },
		{ "residual_curent", "residual_current" }, { "genreic", "generic" }, { "firepump", "fire_pump" }, { "tank_leve", "tank_level" },
		{ "fire_door", "fire_door" }, { "Fire_Panel", "fire_panel" },
	};
	static const char *const far[] = { "", "x", "temperature_of_something", "zzzzzzzz", "感烟",
		"a_word_that_is_longer_than_any_that_the_vocabulary_has_or_will_ever_have" };

	(void)state;
	for (size_t i = 0; i < LENGTH(cases); i++) {
		const char *near = kind_nearest(cases[i].said);
		assert_non_null(near);
		assert_string_equal(near, cases[i].meant);
	}
	for (size_t i = 0; i < LENGTH(far); i++)
		assert_null(kind_nearest(far[i]));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_whole_vocabulary),
		cmocka_unit_test(what_the_domain_asks),
		cmocka_unit_test(refuses_what_is_no_kind),
		cmocka_unit_test(nearest_word),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
