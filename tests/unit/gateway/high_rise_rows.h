/* high_rise_rows: what each rule of examples/rules/high-rise.yaml must do, written down from the clauses and not read from the file. Only for test_high_rise.c. */
#ifndef FIREGW_TESTS_GATEWAY_HIGH_RISE_ROWS_H
#define FIREGW_TESTS_GATEWAY_HIGH_RISE_ROWS_H

#include "core/alarm.h"

#include <math.h>

enum house { HOUSE_CLASS1, HOUSE_CLASS1_TALL, HOUSE_CLASS2, HOUSE_RESIDENTIAL, HOUSE_INDUSTRIAL };

/* A measurement: `limit` itself must not raise, `out`, one step of the sensor further, must; `hold` does not bring it back, `back` does.
 * A state (hold NaN): only `out` raises, none of the enum's other values do, and each of them brings it back. */
struct row {
	const char      *rule, *kinds;   /* parted by spaces: each is tried */
	enum house       house;
	const char      *more;           /* of the point's row */
	double           limit, out, hold, back;
	int64_t          on_ms, off_ms;
	enum alarm_class class_;
	const char      *source;
};

#define S(n)   ((n) * INT64_C(1000))
#define MIN(n) ((n) * INT64_C(60000))
#define STATE(rule, kinds, enum_, out, on, off, cls, source) { rule, kinds, HOUSE_CLASS1, "enum: '" enum_ "'", 0, out, NAN, 0, on, off, CLASS_##cls, source }
#define VALUE(rule, kinds, house, more, limit, out, hold, back, on, off, cls, source) { rule, kinds, HOUSE_##house, more, limit, out, hold, back, on, off, CLASS_##cls, source }

#define FIRE_SOURCE "GB 26875.1-2011 4.1.2.1"
#define AT_ONCE "default: at once"
#define OWN "default: the point's own limit"
#define DETECTORS "smoke_detector heat_detector flame_detector beam_detector aspirating_detector linear_heat"
#define DETECTED "0=normal|1=alarm|2=fault|3=disabled"

static const struct row rows[] = {
	/* Fire: no delay, whatever else is configured: the transmission has 10 s in all (GB 26875.1-2011 4.1.2.1). */
	STATE("smoke", "smoke_detector beam_detector aspirating_detector", DETECTED, 1, 0, 0, FIRE, FIRE_SOURCE),
	STATE("heat", "heat_detector linear_heat", DETECTED, 1, 0, 0, FIRE, FIRE_SOURCE),
	VALUE("heat-metres", "linear_heat", CLASS1, "tags: metres", 0, 1, 1, 0, 0, 0, FIRE, FIRE_SOURCE),
	STATE("flame", "flame_detector", DETECTED, 1, 0, 0, FIRE, FIRE_SOURCE),
	STATE("call-point", "manual_call_point", DETECTED, 1, 0, 0, FIRE, FIRE_SOURCE),
	STATE("hydrant-button", "hydrant_button", DETECTED, 1, 0, 0, FIRE, FIRE_SOURCE),
	STATE("panel-fire", "fire_panel", "0=normal|1=alarm|2=fault", 1, 0, 0, FIRE, FIRE_SOURCE),
	STATE("lookout-smoke", "lookout", "0=normal|1=smoke|2=fire|3=fault", 1, 0, 0, PREALARM, "default: a camera's report is an early sign"),
	STATE("lookout-fire", "lookout", "0=normal|1=smoke|2=fire|3=fault", 2, 0, 0, PREALARM, "default: a camera's report is an early sign"),
	STATE("lookout-fault", "lookout", "0=normal|1=smoke|2=fire|3=fault", 3, 0, 0, FAULT, AT_ONCE),
	STATE("panel-fault", "fire_panel", "0=normal|1=alarm|2=fault", 2, 0, 0, FAULT, AT_ONCE),
	STATE("loop-fault", "detector_loop", "0=normal|2=fault|3=disabled", 2, 0, 0, FAULT, AT_ONCE),
	STATE("detector-fault", DETECTORS " manual_call_point hydrant_button", DETECTED, 2, 0, 0, FAULT, AT_ONCE),
	STATE("detector-disabled", DETECTORS " manual_call_point hydrant_button", DETECTED, 3, 0, 0, DISABLEMENT, AT_ONCE),
	STATE("detector-disabled", "detector_loop", "0=normal|2=fault|3=disabled", 3, 0, 0, DISABLEMENT, AT_ONCE),
	STATE("detector-disabled", "device_status", "0=normal|2=fault|3=disabled", 3, 0, 0, DISABLEMENT, AT_ONCE),
	STATE("detector-disabled", "sounder gas_extinguishing", "0=normal|1=on|2=fault|3=disabled", 3, 0, 0, DISABLEMENT, AT_ONCE),
	STATE("sounder-on", "sounder", "0=off|1=on|2=fault|3=disabled", 1, 0, 0, ACTUATION, AT_ONCE),
	STATE("sounder-fault", "sounder", "0=off|1=on|2=fault|3=disabled", 2, 0, 0, FAULT, AT_ONCE),
	STATE("gas-delay", "gas_extinguishing", "0=normal|1=delay|2=released|3=fault", 1, 0, 0, ACTUATION, AT_ONCE),
	STATE("gas-released", "gas_extinguishing", "0=normal|1=delay|2=released|3=fault", 2, 0, 0, ACTUATION, AT_ONCE),
	STATE("gas-extinguishing-fault", "gas_extinguishing", "0=normal|1=delay|2=released|3=fault", 3, 0, 0, FAULT, AT_ONCE),

	/* Static pressure, MPa: class-1 high-rise public 0.10, above 100 m 0.15; residential and class-2 0.07; industrial 0.10 (GB 50974-2014 5.2.2). */
	VALUE("hydrant-static-low", "hydrant_pressure", CLASS1, "", 0.10, 0.099, 0.119, 0.12, S(10), S(30), SUPERVISORY, "GB 50974-2014 5.2.2(1)"),
	VALUE("hydrant-static-low", "hydrant_pressure", CLASS1_TALL, "", 0.10, 0.099, 0.119, 0.12, S(10), S(30), SUPERVISORY, "GB 50974-2014 5.2.2(1)"),
	VALUE("hydrant-static-low-100m", "hydrant_pressure", CLASS1_TALL, "", 0.15, 0.149, 0.169, 0.17, S(10), S(30), SUPERVISORY, "GB 50974-2014 5.2.2(1)"),
	VALUE("hydrant-static-low-residential", "hydrant_pressure", RESIDENTIAL, "", 0.07, 0.069, 0.089, 0.09, S(10), S(30), SUPERVISORY, "GB 50974-2014 5.2.2(2)"),
	VALUE("hydrant-static-low-residential", "hydrant_pressure", CLASS2, "", 0.07, 0.069, 0.089, 0.09, S(10), S(30), SUPERVISORY, "GB 50974-2014 5.2.2(2)"),
	VALUE("hydrant-static-low-industrial", "hydrant_pressure", INDUSTRIAL, "", 0.10, 0.099, 0.119, 0.12, S(10), S(30), SUPERVISORY, "GB 50974-2014 5.2.2(3)"),
	VALUE("hydrant-falling", "hydrant_pressure", CLASS1, "low: 0.2", 0.2, 0.199, 0.219, 0.22, S(30), MIN(1), SUPERVISORY, OWN),
	/* Ready state behind a jockey pump: 0.15 MPa (5.3.3). A zone's static pressure: 1.0 MPa at most (6.2.1). */
	VALUE("hydrant-steady-low", "hydrant_pressure", CLASS1, "tags: pressurised", 0.15, 0.149, 0.169, 0.17, S(30), MIN(1), SUPERVISORY, "GB 50974-2014 5.3.3"),
	VALUE("hydrant-zone-high", "hydrant_pressure", CLASS1, "", 1.0, 1.001, 0.951, 0.95, MIN(1), 0, SUPERVISORY, "GB 50974-2014 6.2.1"),
	VALUE("hydrant-rising", "hydrant_pressure", CLASS1, "high: 0.6", 0.6, 0.601, 0.551, 0.55, MIN(1), 0, SUPERVISORY, OWN),
	/* Dynamic, at a hydrant of a high-rise: 0.35 MPa (a jet of 13 m), not more than 0.50, beyond 0.70 it must be reduced (7.4.12). */
	VALUE("hydrant-dynamic-low", "hydrant_pressure", CLASS1, "tags: dynamic", 0.35, 0.349, 0.369, 0.37, S(30), 0, SUPERVISORY, "GB 50974-2014 7.4.12"),
	VALUE("hydrant-dynamic-high", "hydrant_pressure", CLASS1, "tags: dynamic", 0.50, 0.501, 0.481, 0.48, S(30), 0, SUPERVISORY, "GB 50974-2014 7.4.12"),
	VALUE("hydrant-dynamic-very-high", "hydrant_pressure", CLASS1, "tags: dynamic", 0.70, 0.701, 0.681, 0.68, S(10), 0, SUPERVISORY, "GB 50974-2014 7.4.12"),
	/* A municipal hydrant: 0.14 MPa at all times, 0.10 while a fire is fought (7.2.8). */
	VALUE("municipal-low", "hydrant_pressure generic", CLASS1, "tags: municipal, unit: MPa", 0.14, 0.139, 0.159, 0.16, MIN(1), MIN(1), SUPERVISORY, "GB 50974-2014 7.2.8"),
	VALUE("municipal-very-low", "hydrant_pressure generic", CLASS1, "tags: municipal, unit: MPa", 0.10, 0.099, 0.119, 0.12, S(10), MIN(1), SUPERVISORY, "GB 50974-2014 7.2.8"),
	STATE("hydrant-cover", "hydrant_cover", "0=closed|1=open", 1, MIN(1), 0, SUPERVISORY, "default: 1 min"),

	/* Sprinklers: 0.10 MPa static (5.2.2(4)). From memory, so defaults: 0.05 MPa at a head, 1.2 MPa in the network, 1.6 MPa at an alarm valve. */
	VALUE("end-of-line-low", "end_of_line_pressure", CLASS1, "", 0.10, 0.099, 0.119, 0.12, S(15), S(30), SUPERVISORY, "GB 50974-2014 5.2.2(4)"),
	VALUE("end-of-line-very-low", "end_of_line_pressure", CLASS1, "", 0.05, 0.049, 0.059, 0.06, S(5), S(30), SUPERVISORY, "default: 0.05 MPa"),
	VALUE("end-of-line-high", "end_of_line_pressure", CLASS1, "", 1.2, 1.201, 1.151, 1.15, MIN(1), 0, SUPERVISORY, "default: 1.2 MPa"),
	VALUE("end-of-line-falling", "end_of_line_pressure", CLASS1, "low: 0.2", 0.2, 0.199, 0.219, 0.22, S(30), MIN(1), SUPERVISORY, OWN),
	VALUE("end-of-line-rising", "end_of_line_pressure", CLASS1, "high: 1.0", 1.0, 1.001, 0.951, 0.95, MIN(1), 0, SUPERVISORY, OWN),
	VALUE("sprinkler-static-low", "sprinkler_pressure", CLASS1, "", 0.10, 0.099, 0.119, 0.12, S(10), S(30), SUPERVISORY, "GB 50974-2014 5.2.2(4)"),
	VALUE("sprinkler-low", "sprinkler_pressure", CLASS1, "low: 0.4", 0.4, 0.399, 0.419, 0.42, S(15), S(30), SUPERVISORY, OWN),
	VALUE("sprinkler-high", "sprinkler_pressure", CLASS1, "high: 1.4", 1.4, 1.401, 1.381, 1.38, MIN(1), 0, SUPERVISORY, OWN),
	VALUE("sprinkler-very-high", "sprinkler_pressure", CLASS1, "", 1.6, 1.601, 1.551, 1.55, S(10), 0, SUPERVISORY, "default: 1.6 MPa"),
	STATE("water-flow", "sprinkler_flow", "0=normal|1=flow|2=fault", 1, S(10), 0, PREALARM, "default: 10 s"),
	STATE("pressure-switch", "pressure_switch", "0=normal|1=flow|2=fault", 1, 0, 0, PREALARM, AT_ONCE),
	STATE("alarm-valve", "alarm_valve", "0=closed|1=open|2=fault", 1, 0, 0, PREALARM, AT_ONCE),
	STATE("deluge-valve", "deluge_valve", "0=closed|1=open|2=fault", 1, 0, 0, ACTUATION, AT_ONCE),
	STATE("valve-closed", "signal_valve", "0=open|1=closed|2=fault", 1, S(5), 0, SUPERVISORY, "default: 5 s"),
	STATE("valve-fault", "sprinkler_flow pressure_switch", "0=normal|1=flow|2=fault", 2, 0, 0, FAULT, AT_ONCE),
	STATE("valve-fault", "alarm_valve deluge_valve", "0=closed|1=open|2=fault", 2, 0, 0, FAULT, AT_ONCE),
	STATE("valve-fault", "signal_valve", "0=open|1=closed|2=fault", 2, 0, 0, FAULT, AT_ONCE),
	VALUE("test-flow", "hydrant_flow", CLASS1, "high: 0.5", 0.5, 0.6, 0.4, 0.3, S(30), 0, SUPERVISORY, OWN),

	/* Levels in m. */
	VALUE("level-low", "tank_level pool_level", CLASS1, "low: 2.2", 2.2, 2.19, 2.24, 2.25, MIN(1), MIN(1), SUPERVISORY, OWN),
	VALUE("level-very-low", "tank_level pool_level", CLASS1, "low: 2.2, low2: 1.2", 1.2, 1.19, 1.24, 1.25, S(10), MIN(1), SUPERVISORY, OWN),
	VALUE("level-high", "tank_level pool_level", CLASS1, "high: 2.9", 2.9, 2.91, 2.86, 2.85, MIN(1), 0, SUPERVISORY, OWN),
	VALUE("level-overflow", "tank_level pool_level", CLASS1, "high: 2.9, high2: 3.05", 3.05, 3.06, 3.01, 3.0, S(10), 0, SUPERVISORY, OWN),
	VALUE("water-cold", "water_temperature", CLASS1, "low: 5", 5, 4.9, 5.9, 6, MIN(5), 0, SUPERVISORY, OWN),

	STATE("pump-started", "fire_pump sprinkler_pump", "0=stopped|1=running|2=failed|3=fault", 1, 0, 0, ACTUATION, AT_ONCE),
	STATE("pump-failed-to-start", "fire_pump sprinkler_pump jockey_pump", "0=stopped|1=running|2=failed|3=fault", 2, 0, 0, FAULT, AT_ONCE),
	STATE("pump-fault", "fire_pump sprinkler_pump jockey_pump", "0=stopped|1=running|2=failed|3=fault", 3, 0, 0, FAULT, AT_ONCE),
	STATE("pump-manual", "pump_mode", "0=auto|1=manual|2=off", 1, S(10), 0, SUPERVISORY, "default: 10 s"),
	STATE("pump-off", "pump_mode", "0=auto|1=manual|2=off", 2, S(10), 0, SUPERVISORY, "default: 10 s"),
	STATE("pump-no-power", "pump_power", "0=normal|1=lost|2=fault", 1, S(3), 0, FAULT, "default: 3 s"),
	STATE("pump-power-fault", "pump_power", "0=normal|1=lost|2=fault", 2, S(3), 0, FAULT, "default: 3 s"),

	/* Residual current: a setting of 300 to 500 mA (GB 50116-2013 9.2.3, note). Temperatures, voltages, currents: the tables'. */
	VALUE("residual-high", "residual_current", CLASS1, "high: 300, high2: 500", 300, 301, 281, 280, S(5), S(30), PREALARM, "GB 50116-2013 9.2.3"),
	VALUE("residual-very-high", "residual_current", CLASS1, "high: 300, high2: 500", 500, 501, 481, 480, S(2), S(30), PREALARM, "GB 50116-2013 9.2.3"),
	VALUE("conductor-hot", "conductor_temperature", CLASS1, "high: 70, high2: 90", 70, 70.1, 68.1, 68, S(10), MIN(1), PREALARM, OWN),
	VALUE("conductor-very-hot", "conductor_temperature", CLASS1, "high: 70, high2: 90", 90, 90.1, 88.1, 88, S(2), MIN(1), PREALARM, OWN),
	STATE("arc", "arc_fault", "0=normal|1=alarm", 1, 0, 0, PREALARM, AT_ONCE),
	VALUE("voltage-low", "phase_voltage", CLASS1, "low: 198, high: 236", 198, 197.9, 200.9, 201, S(10), S(10), SUPERVISORY, OWN),
	VALUE("voltage-high", "phase_voltage", CLASS1, "low: 198, high: 236", 236, 236.1, 233.1, 233, S(10), S(10), SUPERVISORY, OWN),
	VALUE("overload", "phase_current", CLASS1, "high: 250", 250, 250.1, 240.1, 240, S(30), S(30), PREALARM, OWN),
	STATE("mains-lost", "mains_power", "0=normal|1=lost|2=fault", 1, S(3), 0, FAULT, "default: 3 s"),
	STATE("mains-fault", "mains_power", "0=normal|1=lost|2=fault", 2, 0, 0, FAULT, AT_ONCE),
	STATE("backup-lost", "backup_power", "0=normal|1=lost|2=fault|3=discharging", 1, S(3), 0, FAULT, "default: 3 s"),
	STATE("backup-fault", "backup_power", "0=normal|1=lost|2=fault|3=discharging", 2, 0, 0, FAULT, AT_ONCE),
	STATE("on-battery", "backup_power", "0=normal|1=lost|2=fault|3=discharging", 3, S(5), 0, SUPERVISORY, "default: 5 s"),
	/* Gas, %LEL: a low and a high level, told apart; usual settings 10 and 50. */
	VALUE("gas-low", "gas_concentration", CLASS1, "high: 10, high2: 50", 10, 10.1, 8.1, 8, 0, 0, PREALARM, OWN),
	VALUE("gas-high", "gas_concentration", CLASS1, "high: 10, high2: 50", 50, 50.1, 45.1, 45, 0, 0, PREALARM, OWN),
	STATE("gas-valve", "gas_valve", "0=open|1=closed|2=fault", 1, 0, 0, ACTUATION, AT_ONCE),
	STATE("gas-valve-fault", "gas_valve", "0=open|1=closed|2=fault", 2, 0, 0, FAULT, AT_ONCE),

	/* Doors: open, closed and fault are fed back (GB 50116-2013 4.6.1(2)). */
	STATE("door-open", "fire_door", "0=closed|1=open|2=released|3=fault", 1, MIN(2), 0, SUPERVISORY, "GB 50116-2013 4.6.1(2)"),
	STATE("door-released", "fire_door", "0=closed|1=open|2=released|3=fault", 2, 0, 0, ACTUATION, "GB 50116-2013 4.6.1(2)"),
	STATE("door-fault", "fire_door", "0=closed|1=open|2=released|3=fault", 3, 0, 0, FAULT, "GB 50116-2013 4.6.1(2)"),
	STATE("shutter-half", "fire_shutter", "0=up|1=half|2=down|3=fault", 1, 0, 0, ACTUATION, AT_ONCE),
	STATE("shutter-down", "fire_shutter", "0=up|1=half|2=down|3=fault", 2, 0, 0, ACTUATION, AT_ONCE),
	STATE("shutter-fault", "fire_shutter", "0=up|1=half|2=down|3=fault", 3, 0, 0, FAULT, AT_ONCE),
	STATE("damper-tripped", "fire_damper", "0=open|1=tripped|2=opened|3=fault", 1, 0, 0, ACTUATION, AT_ONCE),
	STATE("vent-opened", "fire_damper", "0=open|1=tripped|2=opened|3=fault", 2, 0, 0, ACTUATION, AT_ONCE),
	STATE("damper-fault", "fire_damper", "0=open|1=tripped|2=opened|3=fault", 3, 0, 0, FAULT, AT_ONCE),
	STATE("fan-running", "smoke_fan", "0=stopped|1=running|2=fault", 1, 0, 0, ACTUATION, AT_ONCE),
	STATE("fan-fault", "smoke_fan", "0=stopped|1=running|2=fault", 2, 0, 0, FAULT, AT_ONCE),
	STATE("lighting-emergency", "emergency_lighting", "0=normal|1=emergency|2=fault", 1, 0, 0, ACTUATION, AT_ONCE),
	STATE("lighting-fault", "emergency_lighting", "0=normal|1=emergency|2=fault", 2, 0, 0, FAULT, AT_ONCE),
	STATE("broadcast-on", "emergency_broadcast", "0=idle|1=on|2=fault", 1, 0, 0, ACTUATION, AT_ONCE),
	STATE("broadcast-fault", "emergency_broadcast", "0=idle|1=on|2=fault", 2, 0, 0, FAULT, AT_ONCE),
	STATE("phone-off-hook", "fire_phone", "0=idle|1=off-hook|2=call|3=fault", 1, 0, 0, ACTUATION, AT_ONCE),
	STATE("phone-call", "fire_phone", "0=idle|1=off-hook|2=call|3=fault", 2, 0, 0, ACTUATION, AT_ONCE),
	STATE("phone-fault", "fire_phone", "0=idle|1=off-hook|2=call|3=fault", 3, 0, 0, FAULT, AT_ONCE),
	STATE("lift-recalled", "fire_lift", "0=normal|1=recalled|2=fault", 1, 0, 0, ACTUATION, AT_ONCE),
	STATE("lift-fault", "fire_lift", "0=normal|1=recalled|2=fault", 2, 0, 0, FAULT, AT_ONCE),

	STATE("lane-blocked", "fire_lane", "0=clear|1=blocked|2=unknown", 1, MIN(2), S(30), SUPERVISORY, "default: 2 min"),
	STATE("rescue-blocked", "rescue_site", "0=clear|1=blocked|2=unknown", 1, MIN(2), S(30), SUPERVISORY, "default: 2 min"),
	STATE("control-room-empty", "control_room_presence", "0=present|1=absent", 1, MIN(1), 0, SUPERVISORY, "default: 1 min"),
	VALUE("control-room-short", "control_room_presence", CLASS1, "low: 2", 2, 1, 1, 2, MIN(5), 0, SUPERVISORY, OWN),
	STATE("micro-station-away", "micro_station", "0=ready|1=away|2=taken", 1, MIN(5), 0, SUPERVISORY, "default: 5 min"),
	STATE("micro-station-taken", "micro_station", "0=ready|1=away|2=taken", 2, 0, 0, ACTUATION, AT_ONCE),
	STATE("not-automatic", "device_status", "0=normal|1=manual|2=fault", 1, S(10), 0, SUPERVISORY, "default: 10 s"),
	STATE("device-fault", "device_status", "0=normal|1=manual|2=fault", 2, S(3), 0, FAULT, "default: 3 s"),
};

/* These have tests of their own. */
static const struct { const char *rule, *source; } apart[] = { { "fire-confirmed", "GB 50116-2013 4.1.6" }, { "no-reading", "default: 1 min" } };

#endif
