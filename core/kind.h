/* kind: the vocabulary of points (docs/kinds.md): what a point is, and what follows from it. docs/kinds.md is generated from this table. */
#ifndef FIREGW_CORE_KIND_H
#define FIREGW_CORE_KIND_H

#include "core/alarm.h"

#include <stdbool.h>
#include <stdint.h>

/* KIND_ is the word in capitals, in the order of docs/kinds.md. */
enum kind {
	KIND_SMOKE_DETECTOR, KIND_HEAT_DETECTOR, KIND_FLAME_DETECTOR, KIND_BEAM_DETECTOR, KIND_ASPIRATING_DETECTOR, KIND_LINEAR_HEAT,
	KIND_MANUAL_CALL_POINT, KIND_HYDRANT_BUTTON, KIND_FIRE_PANEL, KIND_DETECTOR_LOOP, KIND_SOUNDER, KIND_GAS_EXTINGUISHING,
	KIND_RESIDUAL_CURRENT, KIND_CONDUCTOR_TEMPERATURE, KIND_ARC_FAULT, KIND_PHASE_VOLTAGE, KIND_PHASE_CURRENT, KIND_POWER_ENERGY,
	KIND_GAS_CONCENTRATION, KIND_GAS_VALVE,
	KIND_SPRINKLER_PRESSURE, KIND_SPRINKLER_FLOW, KIND_PRESSURE_SWITCH, KIND_ALARM_VALVE, KIND_DELUGE_VALVE, KIND_SIGNAL_VALVE,
	KIND_END_OF_LINE_PRESSURE, KIND_HYDRANT_PRESSURE, KIND_HYDRANT_FLOW, KIND_HYDRANT_COVER, KIND_TANK_LEVEL, KIND_POOL_LEVEL,
	KIND_WATER_TEMPERATURE,
	KIND_FIRE_PUMP, KIND_JOCKEY_PUMP, KIND_SPRINKLER_PUMP, KIND_PUMP_MODE, KIND_PUMP_POWER, KIND_FIRE_DOOR, KIND_FIRE_SHUTTER,
	KIND_FIRE_DAMPER, KIND_SMOKE_FAN, KIND_EMERGENCY_LIGHTING, KIND_EMERGENCY_BROADCAST, KIND_FIRE_PHONE, KIND_FIRE_LIFT,
	KIND_FIRE_LANE, KIND_RESCUE_SITE, KIND_MICRO_STATION, KIND_CONTROL_ROOM_PRESENCE, KIND_LOOKOUT, KIND_MAINS_POWER, KIND_BACKUP_POWER,
	KIND_DEVICE_STATUS, KIND_GENERIC,
	KIND_COUNT,
};

struct kind_info {
	const char      *name;         /* smoke_detector */
	const char      *name_zh;      /* 感烟探测器 */
	enum alarm_class class_;       /* the class of its alarms unless the rule says another */
	enum hazard      hazard;
	const char      *unit;         /* "" for states; with any_unit the unit of a point that names none */
	bool             any_unit;     /* generic, power_energy: a unit that does not become `unit` (kWh) is taken as it stands */
	bool             detector;     /* fire detectors and manual call points: no on-delay unless someone writes one */
	uint32_t         every_ms;     /* default poll interval */
	uint32_t         heartbeat_ms; /* stored at least this often */
	double           deadband;     /* default storage deadband, in `unit`; 0: every change */
	uint8_t          gb_system;    /* GB/T 26875.3-2011 table 4; 0 = 通用 */
	uint8_t          gb_component; /* table 5; 0 = 通用 */
	uint8_t          gb_analogue;  /* table 6; 0 = none */
	bool             gb_default;   /* the codes are a default of ours, the standard has no own code (DOMAIN.md §1.4, §1.6) */
};

/* Static; never NULL for a value below KIND_COUNT. */
const struct kind_info *kind_info(enum kind k);
/* What 1 means for a point that is a single bit and has no enum (0 is then `normal`); NULL: it may mean either. The words are those of rules/high-rise.yaml. */
const char *kind_active_word(enum kind k);
/* By English word or Chinese name; 0, or -1. */
int kind_find(const char *word, enum kind *ret);
/* The known word (English) nearest to a misspelt one, or NULL if none is near. */
const char *kind_nearest(const char *word);

#endif
