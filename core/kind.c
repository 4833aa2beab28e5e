#include "core/kind.h"

#include <stddef.h>
#include <string.h>

#define S(seconds)   ((uint32_t)(seconds) * 1000)
#define MIN(minutes) ((uint32_t)(minutes) * 60000)

/* What an alarm of a kind is by default:
 *   fire         a detector or a person says so, or a panel's common fire output
 *   prealarm     what may become a fire: leakage, heat and overload of cables, gas, an arc; water that flows in a sprinkler system;
 *                a lookout's report
 *   supervisory  protection is not as it should be: pressure, level, a closed valve, an open door, a blocked lane, nobody on duty,
 *                a pump not in automatic
 *   fault        a part or a power supply fails
 *   actuation    something started or moved
 * Alarm points (fire, prealarm) are read every 2 s at the most, so that ten seconds from the equipment to the hub hold.
 * Pressures go out as analogue type 5 (kPa): type 4 (MPa) has steps of 0.1 MPa, too coarse for a hydrant's 0.07. Residual current
 * has 128, a user's type, in mA: type 9 (A) has steps of 100 mA.
 * gb_default: the standard has no own code; the nearest stands here, and a point may say another. */
#define ROW(kind, word, zh, cls, hz, unit, ...) [KIND_##kind] = { word, zh, CLASS_##cls, HAZARD_##hz, unit, __VA_ARGS__ }

static const struct kind_info kinds[KIND_COUNT] = {
	/* kind, word, Chinese, class, hazard, unit; any_unit, detector, every, heartbeat, deadband; GB system, component, analogue, default */
	ROW(SMOKE_DETECTOR, "smoke_detector", "感烟探测器", FIRE, FIRE, "", false, true, S(1), MIN(30), 0, 1, 40, 0, false),
	ROW(HEAT_DETECTOR, "heat_detector", "感温探测器", FIRE, FIRE, "", false, true, S(1), MIN(30), 0, 1, 30, 0, false),
	ROW(FLAME_DETECTOR, "flame_detector", "火焰探测器", FIRE, FIRE, "", false, true, S(1), MIN(30), 0, 1, 69, 0, false),
	ROW(BEAM_DETECTOR, "beam_detector", "线型光束感烟探测器", FIRE, FIRE, "", false, true, S(1), MIN(30), 0, 1, 43, 0, false),
	ROW(ASPIRATING_DETECTOR, "aspirating_detector", "吸气式感烟探测器", FIRE, FIRE, "", false, true, S(1), MIN(30), 0, 1, 44, 0, false),
	ROW(LINEAR_HEAT, "linear_heat", "线型感温探测器", FIRE, FIRE, "", false, true, S(1), MIN(30), 0, 1, 34, 0, false),
	ROW(MANUAL_CALL_POINT, "manual_call_point", "手动火灾报警按钮", FIRE, FIRE, "", false, true, 500, MIN(30), 0, 1, 23, 0, false),
	ROW(HYDRANT_BUTTON, "hydrant_button", "消火栓按钮", FIRE, FIRE, "", false, true, 500, MIN(30), 0, 11, 24, 0, false),
	ROW(FIRE_PANEL, "fire_panel", "火灾报警控制器", FIRE, FIRE, "", false, false, 500, MIN(10), 0, 1, 1, 0, false),
	ROW(DETECTOR_LOOP, "detector_loop", "探测回路", FAULT, FIRE, "", false, false, S(1), MIN(30), 0, 1, 21, 0, false),
	ROW(SOUNDER, "sounder", "警报装置", ACTUATION, FIRE, "", false, false, S(2), MIN(60), 0, 1, 121, 0, false),
	ROW(GAS_EXTINGUISHING, "gas_extinguishing", "气体灭火", ACTUATION, FIRE, "", false, false, S(1), MIN(30), 0, 13, 81, 0, false),

	ROW(RESIDUAL_CURRENT, "residual_current", "剩余电流", PREALARM, ELECTRICAL, "mA", false, false, S(1), MIN(10), 5, 1, 17, 128, true),
	ROW(CONDUCTOR_TEMPERATURE, "conductor_temperature", "线缆温度", PREALARM, ELECTRICAL,
	    "°C", false, false, S(2), MIN(10), 0.5, 1, 18, 3, true),
	ROW(ARC_FAULT, "arc_fault", "故障电弧", PREALARM, ELECTRICAL, "", false, false, S(1), MIN(30), 0, 1, 16, 0, true),
	ROW(PHASE_VOLTAGE, "phase_voltage", "相电压", SUPERVISORY, ELECTRICAL, "V", false, false, S(2), MIN(10), 1, 1, 16, 8, true),
	ROW(PHASE_CURRENT, "phase_current", "相电流", PREALARM, ELECTRICAL, "A", false, false, S(2), MIN(10), 0.5, 1, 16, 9, true),
	ROW(POWER_ENERGY, "power_energy", "电功率电能", SUPERVISORY, ELECTRICAL, "kW", true, false, S(10), MIN(15), 0.5, 1, 16, 0, true),
	ROW(GAS_CONCENTRATION, "gas_concentration", "可燃气体浓度", PREALARM, GAS,
	    "%LEL", false, false, S(1), MIN(10), 0.5, 1, 10, 6, true),
	ROW(GAS_VALVE, "gas_valve", "燃气切断阀", ACTUATION, GAS, "", false, false, S(1), MIN(30), 0, 1, 106, 0, true),

	ROW(SPRINKLER_PRESSURE, "sprinkler_pressure", "喷淋管网压力", SUPERVISORY, WATER,
	    "MPa", false, false, S(1), MIN(10), 0.005, 12, 99, 5, true),
	ROW(SPRINKLER_FLOW, "sprinkler_flow", "水流指示器", PREALARM, FIRE, "", false, false, S(1), MIN(30), 0, 12, 96, 0, false),
	ROW(PRESSURE_SWITCH, "pressure_switch", "压力开关", PREALARM, FIRE, "", false, false, S(1), MIN(30), 0, 12, 99, 0, false),
	ROW(ALARM_VALVE, "alarm_valve", "报警阀", PREALARM, FIRE, "", false, false, S(1), MIN(30), 0, 12, 98, 0, false),
	ROW(DELUGE_VALVE, "deluge_valve", "雨淋阀", ACTUATION, FIRE, "", false, false, S(1), MIN(30), 0, 12, 98, 0, true),
	ROW(SIGNAL_VALVE, "signal_valve", "信号阀", SUPERVISORY, WATER, "", false, false, S(2), MIN(30), 0, 12, 97, 0, false),
	ROW(END_OF_LINE_PRESSURE, "end_of_line_pressure", "末端试水压力", SUPERVISORY, WATER,
	    "MPa", false, false, S(2), MIN(10), 0.005, 12, 99, 5, true),
	ROW(HYDRANT_PRESSURE, "hydrant_pressure", "消火栓压力", SUPERVISORY, WATER,
	    "MPa", false, false, S(1), MIN(10), 0.005, 11, 99, 5, true),
	ROW(HYDRANT_FLOW, "hydrant_flow", "消火栓流量", SUPERVISORY, WATER, "L/s", false, false, S(2), MIN(10), 0.2, 11, 0, 10, true),
	ROW(HYDRANT_COVER, "hydrant_cover", "消火栓盖", SUPERVISORY, WATER, "", false, false, S(5), MIN(60), 0, 11, 0, 0, true),
	ROW(TANK_LEVEL, "tank_level", "水箱液位", SUPERVISORY, WATER, "m", false, false, S(5), MIN(15), 0.02, 11, 92, 2, false),
	ROW(POOL_LEVEL, "pool_level", "水池液位", SUPERVISORY, WATER, "m", false, false, S(5), MIN(15), 0.02, 11, 92, 2, true),
	ROW(WATER_TEMPERATURE, "water_temperature", "水温", SUPERVISORY, WATER, "°C", false, false, S(10), MIN(15), 0.5, 11, 92, 3, true),

	ROW(FIRE_PUMP, "fire_pump", "消防水泵", ACTUATION, WATER, "", false, false, S(1), MIN(30), 0, 11, 91, 0, false),
	ROW(JOCKEY_PUMP, "jockey_pump", "稳压泵", ACTUATION, WATER, "", false, false, S(2), MIN(30), 0, 11, 91, 0, true),
	ROW(SPRINKLER_PUMP, "sprinkler_pump", "喷淋泵", ACTUATION, WATER, "", false, false, S(1), MIN(30), 0, 12, 95, 0, false),
	ROW(PUMP_MODE, "pump_mode", "水泵手自动状态", SUPERVISORY, WATER, "", false, false, S(2), MIN(30), 0, 11, 82, 0, true),
	ROW(PUMP_POWER, "pump_power", "水泵电源", FAULT, WATER, "", false, false, S(2), MIN(30), 0, 23, 82, 0, true),
	ROW(FIRE_DOOR, "fire_door", "防火门", SUPERVISORY, FIRE, "", false, false, S(2), MIN(60), 0, 19, 102, 0, false),
	ROW(FIRE_SHUTTER, "fire_shutter", "防火卷帘", ACTUATION, FIRE, "", false, false, S(2), MIN(60), 0, 19, 117, 0, false),
	ROW(FIRE_DAMPER, "fire_damper", "防火阀", ACTUATION, FIRE, "", false, false, S(2), MIN(60), 0, 18, 103, 0, false),
	ROW(SMOKE_FAN, "smoke_fan", "防排烟风机", ACTUATION, FIRE, "", false, false, S(2), MIN(60), 0, 18, 111, 0, false),
	ROW(EMERGENCY_LIGHTING, "emergency_lighting", "应急照明", ACTUATION, FIRE, "", false, false, S(5), MIN(60), 0, 22, 0, 0, false),
	ROW(EMERGENCY_BROADCAST, "emergency_broadcast", "应急广播", ACTUATION, FIRE, "", false, false, S(5), MIN(60), 0, 21, 0, 0, false),
	ROW(FIRE_PHONE, "fire_phone", "消防电话", FAULT, FIRE, "", false, false, S(5), MIN(60), 0, 24, 0, 0, false),
	ROW(FIRE_LIFT, "fire_lift", "消防电梯", ACTUATION, ACCESS, "", false, false, S(2), MIN(60), 0, 20, 0, 0, false),

	ROW(FIRE_LANE, "fire_lane", "消防车道", SUPERVISORY, ACCESS, "", false, false, S(5), MIN(30), 0, 0, 0, 0, true),
	ROW(RESCUE_SITE, "rescue_site", "登高场地", SUPERVISORY, ACCESS, "", false, false, S(5), MIN(30), 0, 0, 0, 0, true),
	ROW(MICRO_STATION, "micro_station", "微型消防站", SUPERVISORY, NONE, "", false, false, S(5), MIN(30), 0, 0, 0, 0, true),
	ROW(CONTROL_ROOM_PRESENCE, "control_room_presence", "消控室在岗", SUPERVISORY, NONE,
	    "", false, false, S(5), MIN(30), 0, 1, 83, 0, true),
	ROW(LOOKOUT, "lookout", "瞭望", PREALARM, FIRE, "", false, false, S(2), MIN(30), 0, 1, 78, 0, true),
	ROW(MAINS_POWER, "mains_power", "主电源", FAULT, ELECTRICAL, "", false, false, S(2), MIN(30), 0, 23, 0, 0, false),
	ROW(BACKUP_POWER, "backup_power", "备用电源", FAULT, ELECTRICAL, "", false, false, S(2), MIN(30), 0, 23, 0, 0, false),
	ROW(DEVICE_STATUS, "device_status", "设备状态", FAULT, NONE, "", false, false, S(2), MIN(30), 0, 0, 0, 0, true),
	ROW(GENERIC, "generic", "通用", SUPERVISORY, NONE, "", true, false, S(2), MIN(15), 0, 0, 0, 0, true),
};

const struct kind_info *kind_info(enum kind k)
{
	return &kinds[k];
}

int kind_find(const char *word, enum kind *ret)
{
	for (unsigned i = 0; i < KIND_COUNT; i++) {
		if (strcmp(word, kinds[i].name) == 0 || strcmp(word, kinds[i].name_zh) == 0) {
			*ret = (enum kind)i;
			return 0;
		}
	}
	return -1;
}

#define WORD_MAX 32

static unsigned lowest(unsigned a, unsigned b)
{
	return a < b ? a : b;
}

/* How many letters must be added, taken out or changed to make b of a. Both shorter than WORD_MAX. */
static unsigned distance(const char *a, const char *b)
{
	unsigned rows[2][WORD_MAX];
	size_t len = strlen(b);

	for (unsigned j = 0; j <= len; j++)
		rows[0][j] = j;
	for (unsigned i = 1; a[i - 1]; i++) {
		unsigned *row = rows[i % 2], *above = rows[(i + 1) % 2];
		row[0] = i;
		for (unsigned j = 1; j <= len; j++)
			row[j] = lowest(lowest(above[j], row[j - 1]) + 1, above[j - 1] + (a[i - 1] != b[j - 1]));
	}
	return rows[strlen(a) % 2][len];
}

const char *kind_nearest(const char *word)
{
	const char *nearest = NULL;
	size_t len = strlen(word);

	if (len >= WORD_MAX)
		return NULL;
	/* A third of the letters may be wrong; beyond that a guess would mislead. */
	unsigned best = (unsigned)len / 3 + 1;
	for (unsigned i = 0; i < KIND_COUNT; i++) {
		unsigned d = distance(word, kinds[i].name);
		if (d < best) {
			best = d;
			nearest = kinds[i].name;
		}
	}
	return nearest;
}

const char *kind_active_word(enum kind k)
{
	switch (k) {
	case KIND_SMOKE_DETECTOR:
	case KIND_HEAT_DETECTOR:
	case KIND_FLAME_DETECTOR:
	case KIND_BEAM_DETECTOR:
	case KIND_ASPIRATING_DETECTOR:
	case KIND_LINEAR_HEAT:
	case KIND_MANUAL_CALL_POINT:
	case KIND_HYDRANT_BUTTON:
	case KIND_FIRE_PANEL:
	case KIND_ARC_FAULT: return "alarm";
	case KIND_DETECTOR_LOOP: return "fault";
	case KIND_GAS_EXTINGUISHING: return "released";
	case KIND_SPRINKLER_FLOW:
	case KIND_PRESSURE_SWITCH: return "flow";
	case KIND_ALARM_VALVE:
	case KIND_DELUGE_VALVE:
	case KIND_FIRE_DOOR:
	case KIND_HYDRANT_COVER: return "open";
	case KIND_SIGNAL_VALVE: return "closed";
	case KIND_FIRE_PUMP:
	case KIND_SPRINKLER_PUMP:
	case KIND_JOCKEY_PUMP:
	case KIND_SMOKE_FAN: return "running";
	case KIND_FIRE_SHUTTER: return "down";
	case KIND_FIRE_DAMPER: return "tripped";
	case KIND_FIRE_LIFT: return "recalled";
	case KIND_FIRE_LANE:
	case KIND_RESCUE_SITE: return "blocked";
	default: return NULL;
	}
}
