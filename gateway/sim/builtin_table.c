#include "gateway/sim/builtin_table.h"

#define N_OF(...)       (sizeof((enum kind[]){ __VA_ARGS__ }) / sizeof(enum kind))
#define OF(...)         { __VA_ARGS__ }, N_OF(__VA_ARGS__)
#define DETECTORS       OF(KIND_SMOKE_DETECTOR, KIND_HEAT_DETECTOR, KIND_FLAME_DETECTOR, KIND_BEAM_DETECTOR, KIND_ASPIRATING_DETECTOR, KIND_LINEAR_HEAT)
#define BUTTONS         OF(KIND_MANUAL_CALL_POINT, KIND_HYDRANT_BUTTON)
#define PUMPS           OF(KIND_FIRE_PUMP, KIND_SPRINKLER_PUMP)
#define LEVELS          OF(KIND_TANK_LEVEL, KIND_POOL_LEVEL)
#define MUST            true

static const struct builtin builtins[] = {
	/* kinds, scope, target, most, at, every, over, must */
	{ "fire", "a fire on a floor, spreading detector by detector", TROUBLE_NONE, 0, 2, {
		{ DETECTORS, PART_SAME_ZONE, TARGET_ALARM, 6, 0, 15, 0, MUST },
		{ OF(KIND_FIRE_PANEL), PART_HOUSE, TARGET_FIRE, 1, 2, 0, 0 },
		{ BUTTONS, PART_SAME_FLOOR, TARGET_ALARM, 1, 25, 0, 0 },
		{ OF(KIND_SOUNDER), PART_SAME_FLOOR, TARGET_ACTIVE, 2, 30, 0, 0 },
		{ OF(KIND_SPRINKLER_FLOW), PART_SAME_FLOOR, TARGET_ALARM, 1, 50, 0, 0 },
		{ OF(KIND_SPRINKLER_PRESSURE, KIND_END_OF_LINE_PRESSURE), PART_SAME_FLOOR, TARGET_DIP, 4, 50, 0, 30 },
		{ OF(KIND_SPRINKLER_PUMP), PART_HOUSE, TARGET_ACTIVE, 1, 60, 0, 0 },
		{ DETECTORS, PART_FLOOR_UP, TARGET_ALARM, 2, 120, 30, 0 } }, 8 },
	{ "riser-leak", "a riser leaks: pressures fall from the top down, the jockey pump runs", TROUBLE_NONE, 0, 1, {
		{ OF(KIND_HYDRANT_PRESSURE, KIND_SPRINKLER_PRESSURE), PART_FROM_TOP, TARGET_ALARM, 6, 0, 10, 40, MUST },
		{ OF(KIND_JOCKEY_PUMP), PART_HOUSE, TARGET_ACTIVE, 2, 15, 0, 0 },
		{ LEVELS, PART_HOUSE, TARGET_DIP, 2, 30, 0, 600 } }, 3 },
	{ "pump-failure", "a pump or its supply fails, pressures fall a little", TROUBLE_NONE, 0, 1, {
		{ PUMPS, PART_ANCHOR, TARGET_FAULT, 1, 0, 0, 0, MUST },
		{ OF(KIND_PUMP_POWER), PART_OF_DEVICE, TARGET_ALARM, 1, 0, 0, 0, MUST },
		{ OF(KIND_DEVICE_STATUS), PART_OF_DEVICE, TARGET_FAULT, 1, 1, 0, 0, MUST },
		{ OF(KIND_HYDRANT_PRESSURE, KIND_SPRINKLER_PRESSURE), PART_HOUSE, TARGET_DIP, 6, 10, 0, 120 } }, 4 },
	{ "valve-closed", "a signal valve is closed, the pressure behind it falls", TROUBLE_NONE, 0, 1, {
		{ OF(KIND_SIGNAL_VALVE), PART_ANCHOR, TARGET_ALARM, 1, 0, 0, 0, MUST },
		{ OF(KIND_END_OF_LINE_PRESSURE), PART_SAME_FLOOR, TARGET_ALARM, 1, 10, 0, 120 },
		{ OF(KIND_SPRINKLER_PRESSURE), PART_SAME_FLOOR, TARGET_DIP, 2, 10, 0, 120 } }, 3 },
	{ "residual-rise", "a circuit's residual current rises, its cable grows warm", TROUBLE_NONE, 0, 1, {
		{ OF(KIND_RESIDUAL_CURRENT), PART_ANCHOR, TARGET_ALARM, 1, 0, 0, 120, MUST },
		{ OF(KIND_CONDUCTOR_TEMPERATURE), PART_OF_DEVICE, TARGET_DIP, 1, 0, 0, 300 } }, 2 },
	{ "tank-low", "a tank or pool runs empty", TROUBLE_NONE, 0, 1, {
		{ LEVELS, PART_ANCHOR, TARGET_ALARM, 1, 0, 0, 180, MUST } }, 1 },
	{ "panel-fault", "the fire panel reports a fault: its loops, its own status", TROUBLE_NONE, 0, 1, {
		{ OF(KIND_DETECTOR_LOOP), PART_HOUSE, TARGET_ALARM, 2, 0, 5, 0, MUST },
		{ OF(KIND_FIRE_PANEL), PART_HOUSE, TARGET_FAULT, 1, 1, 0, 0, MUST },
		{ OF(KIND_DEVICE_STATUS), PART_OF_DEVICE, TARGET_FAULT, 1, 1, 0, 0, MUST } }, 3 },
	{ "mains-loss", "the mains fail: supplies, phases, emergency lighting", TROUBLE_NONE, 0, 1, {
		{ OF(KIND_MAINS_POWER), PART_HOUSE, TARGET_ALARM, 20, 0, 0, 0, MUST },
		{ OF(KIND_PHASE_VOLTAGE), PART_HOUSE, TARGET_ZERO, 60, 0, 0, 0, MUST },
		{ OF(KIND_PHASE_CURRENT, KIND_POWER_ENERGY), PART_HOUSE, TARGET_ZERO, 60, 0, 0, 0 },
		{ OF(KIND_EMERGENCY_LIGHTING), PART_HOUSE, TARGET_ACTIVE, 100, 1, 0, 0 } }, 4 },
	{ "device-dead", "a device answers no more", TROUBLE_DEAD, 0, 0, { { .n_kinds = 0 } }, 0 },
	{ "device-lying", "a device's replies are wrong: number, unit, function, length, in turn", TROUBLE_LYING, 0, 0, { { .n_kinds = 0 } }, 0 },
	{ "drill", "a fire drill on a floor: alarm, broadcast, fans, shutters, lifts; ends after five minutes", TROUBLE_NONE, 300, 1, {
		{ DETECTORS, PART_SAME_ZONE, TARGET_ALARM, 1, 0, 0, 0, MUST },
		{ BUTTONS, PART_SAME_FLOOR, TARGET_ALARM, 1, 10, 0, 0, MUST },
		{ OF(KIND_FIRE_PANEL), PART_HOUSE, TARGET_FIRE, 1, 1, 0, 0 },
		{ OF(KIND_SOUNDER), PART_SAME_FLOOR, TARGET_ACTIVE, 4, 12, 0, 0 },
		{ OF(KIND_EMERGENCY_BROADCAST), PART_HOUSE, TARGET_ACTIVE, 40, 15, 0, 0 },
		{ OF(KIND_EMERGENCY_LIGHTING), PART_SAME_FLOOR, TARGET_ACTIVE, 4, 15, 0, 0 },
		{ OF(KIND_FIRE_LIFT), PART_HOUSE, TARGET_ACTIVE, 8, 20, 0, 0 },
		{ OF(KIND_SMOKE_FAN), PART_HOUSE, TARGET_ACTIVE, 4, 20, 2, 0 },
		{ OF(KIND_FIRE_DAMPER), PART_SAME_FLOOR, TARGET_ACTIVE, 4, 22, 0, 0 },
		{ OF(KIND_FIRE_SHUTTER), PART_SAME_FLOOR, TARGET_ACTIVE, 4, 25, 3, 0 },
		{ OF(KIND_FIRE_DOOR), PART_SAME_FLOOR, TARGET_ACTIVE, 1, 40, 0, 0 } }, 11 },
};

const struct builtin *builtin_table(size_t *ret_n)
{
	*ret_n = sizeof builtins / sizeof *builtins;
	return builtins;
}
