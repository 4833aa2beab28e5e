/* site: the building's frame that rules and messages speak of. Plain data, borrowed from the config. */
#ifndef FIREGW_CORE_SITE_H
#define FIREGW_CORE_SITE_H

#include "core/point.h"

enum building_class { BUILDING_UNKNOWN, BUILDING_CLASS1_PUBLIC, BUILDING_CLASS2_PUBLIC, BUILDING_RESIDENTIAL, BUILDING_INDUSTRIAL };
const char *building_class_name(enum building_class c); /* "class1-public" …; "" for unknown */
int         building_class_find(const char *word, enum building_class *ret);

struct site_building {
	const char         *id;
	const char         *name;
	uint32_t            node;     /* index in nodes */
	enum building_class class_;
	double              height_m; /* NaN: not given */
};

struct site_device {
	const char *name;
	uint32_t    bus;
	uint8_t     unit;
};

/* nodes[0] is always the gateway's own. Buildings without a node of their own are on node 0. */
struct site {
	const char                 *gateway;
	const char *const          *nodes;
	size_t                      n_nodes;
	const struct site_building *buildings;
	size_t                      n_buildings;
	const char *const          *buses;     /* names */
	size_t                      n_buses;
	const struct site_device   *devices;
	size_t                      n_devices;
	const struct point         *points;
	size_t                      n_points;
	const char *const          *hubs;      /* names */
	size_t                      n_hubs;
};

/* A floor's rank for sorting: B2 = -2, B1 = -1, 1 = 1 …, R = 1000; 0, or -1 if it is not a floor. */
int floor_rank(const char *floor, int *ret);

#endif
