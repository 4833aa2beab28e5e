/* builtin_table: the built-in scenarios as rows: which points, where, when, to what; or which fault of the talk. docs/simulator.md says the same in words. */
#ifndef FIREGW_GATEWAY_SIM_BUILTIN_TABLE_H
#define FIREGW_GATEWAY_SIM_BUILTIN_TABLE_H

#include "core/kind.h"
#include "gateway/sim/bank.h"

#define PART_KINDS_MAX 7
#define PARTS_MAX      14

/* Relative to the anchor, the point that the scenario begins at. */
enum part_scope {
	PART_ANCHOR,     /* that point alone */
	PART_SAME_ZONE,  /* its floor, its own zone first */
	PART_SAME_FLOOR,
	PART_FLOOR_UP,   /* the floor above */
	PART_OF_DEVICE,
	PART_HOUSE,      /* its building */
	PART_FROM_TOP,   /* its building, the highest floor first */
};

enum part_target {
	TARGET_ALARM,
	TARGET_ACTIVE,    /* runs, sounds, moves */
	TARGET_FIRE,      /* an alarm that means fire: a panel reports other things too */
	TARGET_FAULT,     /* the label that means a fault; a point that has none is passed over, unless its kind is about faults only */
	TARGET_DIP,       /* a measurement goes towards its limit, and stays healthy */
	TARGET_ZERO,
};

struct part {
	enum kind        kinds[PART_KINDS_MAX];
	unsigned         n_kinds;
	enum part_scope  scope;
	enum part_target target;
	unsigned         most;                 /* points */
	int32_t          at_s, every_s, over_s; /* the first, and from one to the next */
	bool             must;                 /* at least one part that must be there is */
};

struct builtin {
	const char       *name, *help;
	enum fault_kind   fault;               /* of a device or a line: then no parts */
	int32_t           end_s;               /* ends by itself; 0: when it is cleared */
	unsigned          least;               /* it begins where there are so many points of the first part on a floor, if it can */
	struct part       parts[PARTS_MAX];
	unsigned          n_parts;
};

const struct builtin *builtin_table(size_t *ret_n);

#endif
