#include "gateway/sim/nature.h"

#include <string.h>
#include <strings.h>

#define REST  "normal|正常|idle|ok|off|no alarm|none|无|stop|停|关"
#define ALARM "alarm|fire|火警|报警|active|action|动作|启动|on"

/* A state: what its label says at rest and in alarm, and the number of rest where there is no label. */
#define STATE(rest_number, rest_text, alarm_text) { COURSE_STATE, SIDE_HIGH, .rest = (rest_number), .rest_words = rest_text, .alarm_words = alarm_text }
/* course, side, healthy from and to, typical, swing, alarm */
#define MEASURE(c, s, lo, hi, mid, amplitude, beyond) \
	{ COURSE_##c, SIDE_##s, .low = (lo), .high = (hi), .typical = (mid), .swing = (amplitude), .alarm = (beyond), .rest_words = REST, .alarm_words = ALARM }
#define DETECTOR STATE(0, REST, ALARM)
#define RUNS     STATE(0, "stop|停|off|idle|standby|待机|normal|正常|ready", "run|running|运行|启动|start|on|active|动作")

/* Limits of GB 50974, GB 50116, GB 50084, GB 14287 and GB 15322 lie outside low … high. */
static const struct nature natures[KIND_COUNT] = {
	[KIND_SMOKE_DETECTOR] = DETECTOR, [KIND_HEAT_DETECTOR] = DETECTOR, [KIND_FLAME_DETECTOR] = DETECTOR, [KIND_BEAM_DETECTOR] = DETECTOR,
	[KIND_ASPIRATING_DETECTOR] = DETECTOR, [KIND_LINEAR_HEAT] = DETECTOR, [KIND_MANUAL_CALL_POINT] = DETECTOR, [KIND_HYDRANT_BUTTON] = DETECTOR,
	[KIND_FIRE_PANEL] = STATE(0, REST, "fire|火警|alarm|报警"),
	[KIND_DETECTOR_LOOP] = STATE(0, REST, "open|short|断|短|" NATURE_FAULT_WORDS),
	[KIND_SOUNDER] = RUNS, [KIND_GAS_EXTINGUISHING] = STATE(0, REST, "release|喷放|start|启动|alarm"),
	[KIND_RESIDUAL_CURRENT] = MEASURE(LOAD, HIGH, 20, 200, 110, 30, 600),
	[KIND_CONDUCTOR_TEMPERATURE] = MEASURE(LOAD, HIGH, 10, 60, 34, 8, 100),
	[KIND_ARC_FAULT] = DETECTOR,
	[KIND_PHASE_VOLTAGE] = MEASURE(STEADY, LOW, 210, 235, 224, 4, 150),
	[KIND_PHASE_CURRENT] = MEASURE(LOAD, HIGH, 5, 100, 45, 25, 400),
	[KIND_POWER_ENERGY] = MEASURE(LOAD, HIGH, 1, 100, 40, 22, 1000),
	[KIND_GAS_CONCENTRATION] = MEASURE(STEADY, HIGH, 0, 4, 1.2, 0.8, 60),
	[KIND_GAS_VALVE] = STATE(0, "open|开|normal|正常", "close|closed|关|切断|cut"),
	[KIND_SPRINKLER_PRESSURE] = MEASURE(PRESSURE, LOW, 0.25, 1.0, 0.6, 0.03, 0.03),
	[KIND_SPRINKLER_FLOW] = DETECTOR, [KIND_PRESSURE_SWITCH] = DETECTOR, [KIND_ALARM_VALVE] = DETECTOR,
	[KIND_DELUGE_VALVE] = STATE(0, "close|closed|关|normal|正常", "open|开|release"),
	[KIND_SIGNAL_VALVE] = STATE(0, "open|开|normal|正常", "close|closed|关|" NATURE_FAULT_WORDS),
	[KIND_END_OF_LINE_PRESSURE] = MEASURE(PRESSURE, LOW, 0.15, 0.9, 0.35, 0.02, 0.02),
	[KIND_HYDRANT_PRESSURE] = MEASURE(PRESSURE, LOW, 0.2, 0.9, 0.45, 0.03, 0.03),
	[KIND_HYDRANT_FLOW] = MEASURE(STEADY, HIGH, 0, 1, 0.1, 0.08, 15),
	[KIND_HYDRANT_COVER] = STATE(0, "close|closed|关|盖|normal|正常", "open|开|lost|丢"),
	[KIND_TANK_LEVEL] = MEASURE(LEVEL, LOW, 2.0, 4.5, 3.6, 0.12, 0.2),
	[KIND_POOL_LEVEL] = MEASURE(LEVEL, LOW, 2.0, 4.5, 3.6, 0.1, 0.2),
	[KIND_WATER_TEMPERATURE] = MEASURE(STEADY, LOW, 8, 30, 16, 2, 2),
	[KIND_FIRE_PUMP] = RUNS, [KIND_SPRINKLER_PUMP] = RUNS,
	[KIND_JOCKEY_PUMP] = { COURSE_CYCLE, SIDE_HIGH, .rest_words = "stop|停|off|idle|standby|normal|正常", .alarm_words = "run|running|运行|start|启动|on" },
	[KIND_PUMP_MODE] = STATE(1, "auto|自动|remote|远程", "manual|手动|local|off|停"),
	[KIND_PUMP_POWER] = STATE(1, "normal|正常|ok|on|有电", "lost|off|失电|断|" NATURE_FAULT_WORDS),
	[KIND_FIRE_DOOR] = STATE(0, "normal|正常|close|closed|关", "open|开|" NATURE_FAULT_WORDS),
	[KIND_FIRE_SHUTTER] = STATE(0, "open|up|开|上|normal|正常", "down|half|close|下|关|半"),
	[KIND_FIRE_DAMPER] = STATE(0, "normal|正常|open|开", "close|closed|关|action|动作"),
	[KIND_SMOKE_FAN] = RUNS, [KIND_EMERGENCY_LIGHTING] = STATE(0, "standby|主电|mains|off|normal|正常", "emergency|应急|on|启动"),
	[KIND_EMERGENCY_BROADCAST] = RUNS, [KIND_FIRE_PHONE] = STATE(0, REST, "call|呼叫|off-hook|" NATURE_FAULT_WORDS),
	[KIND_FIRE_LIFT] = STATE(0, "normal|正常|service|运行", "recall|迫降|fire|消防|ground|归首"),
	[KIND_FIRE_LANE] = STATE(0, "clear|free|畅通|空|normal|正常", "blocked|occupied|占|堵"),
	[KIND_RESCUE_SITE] = STATE(0, "clear|free|畅通|空|normal|正常", "blocked|occupied|占|堵"),
	[KIND_MICRO_STATION] = STATE(1, "staffed|ready|present|在岗|正常|normal", "empty|absent|离岗|无人"),
	[KIND_CONTROL_ROOM_PRESENCE] = STATE(1, "present|staffed|在岗|正常|normal", "absent|empty|离岗|无人"),
	[KIND_LOOKOUT] = DETECTOR,
	[KIND_MAINS_POWER] = STATE(1, "normal|正常|ok|on|present", "lost|off|失电|断|" NATURE_FAULT_WORDS),
	[KIND_BACKUP_POWER] = STATE(1, "normal|正常|ok|on|ready", "low|欠压|off|断|" NATURE_FAULT_WORDS),
	[KIND_DEVICE_STATUS] = STATE(0, REST, NATURE_FAULT_WORDS "|offline|alarm"),
	[KIND_GENERIC] = MEASURE(STEADY, HIGH, 0, 100, 50, 5, 1000),
};

const struct nature *nature_of(enum kind k)
{
	return &natures[k];
}

/* A word of letters begins a word of the label, so that run is in "running" and normal not in "abnormal"; a short one must be all of it: on is in "is on"
 * and not in "only". Other scripts have no such bounds. */
#define SHORT 3

static bool stands_in(const char *label, const char *word, size_t len)
{
	bool letters = (unsigned char)word[0] < 0x80;

	for (const char *p = label; *p; p++) {
		if (strncasecmp(p, word, len) != 0)
			continue;
		bool free_left = p == label || strchr(" _-/.", p[-1]), free_right = p[len] == '\0' || strchr(" _-/.", p[len]);
		if (!letters || (free_left && (free_right || len > SHORT)))
			return true;
	}
	return false;
}

bool nature_word_in(const char *words, const char *label, unsigned *ret_rank)
{
	unsigned rank = 0;

	for (const char *w = words; w && *w; rank++) {
		size_t len = strcspn(w, "|");

		if (stands_in(label, w, len)) {
			*ret_rank = rank;
			return true;
		}
		w += len + (w[len] == '|');
	}
	return false;
}
