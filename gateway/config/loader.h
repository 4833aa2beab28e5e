/* loader: one run of config_load: its memory, its findings, and what the parts of the config are built from. Internal to gateway/config. */
#ifndef FIREGW_GATEWAY_CONFIG_LOADER_H
#define FIREGW_GATEWAY_CONFIG_LOADER_H

#include "core/strmap.h"
#include "gateway/config/arena.h"
#include "gateway/config/config.h"
#include "gateway/config/node.h"

#include <csv.h>
#include <iconv.h>
#include <yaml.h>

#define CONFIG_FILE_BYTES_MAX (16u << 20)
#define CONFIG_DEPTH_MAX      24
#define CONFIG_NODES_MAX      4000000u  /* a file */
#define CONFIG_FINDINGS_MAX   1000u     /* more are counted, and not kept */
#define CONFIG_POINTS_MAX     500000u
#define CONFIG_NAME_MAX       40
#define CONFIG_TEXT_MAX       200       /* characters of a name, an address, a place */

/* A finding before it is sorted; order: which file, as first read. */
struct raw_finding {
	struct finding f;
	size_t         order;
};

/* What a profile or rule file was read into, so that a profile of many devices is read once. */
struct read_file {
	const struct source *source;
	const struct node   *root;    /* NULL: could not be read; said once */
};

/* One point as its row says it, beside what the driver and the rules get: `show` writes this one, so that numbers come back as they were given. */
enum row_number { ROW_MIN, ROW_MAX, ROW_LOW, ROW_LOW2, ROW_HIGH, ROW_HIGH2, ROW_DEADBAND, ROW_NUMBERS };
struct config_row {
	const char     *unit;            /* the row's own */
	struct decimal  numbers[ROW_NUMBERS];
	bool            given[ROW_NUMBERS];
};

/* A point while it is loaded: its places, for the findings that need several points or rules. */
struct point_place {
	const struct node *row;          /* the whole row or mapping */
	const struct node *point, *reg, *bit, *deadband, *every, *limits[ROW_NUMBERS];
	const struct node *device;       /* the device's mapping */
	bool               nowhere;      /* its register could not be read */
};

struct rule_place {
	const struct node *rule, *id, *when, *deadband, *on_delay, *ack, *equals, *limit, *select, *suppressed_by;
	bool               select_wrong; /* `for` or `of` had errors: what it fits says nothing */
	const struct rule_place *terms;  /* of all and any: as many as the rule has */
};

enum { COVER_ANY = 1, COVER_FIRE = 2 };

struct loader {
	jmp_buf              oom;
	struct arena         keep;       /* becomes config.memory */
	struct arena         scratch;    /* trees and places: gone when the load ends */
	/* What outside libraries hold while a file is read, so that running out of memory leaks nothing. */
	struct { bool yaml, event, csv; yaml_parser_t parser; yaml_event_t ev; struct csv_parser table; iconv_t conv; char *raw; int fd;
	         struct driver_shared *drivers; } live;
	struct strmap        map;        /* used by one function at a time */
	struct strmap        points_by_id;

	struct raw_finding  *found;
	size_t               n_found, cap_found;
	size_t               errors, dropped;
	struct read_file    *files;
	size_t               n_files, cap_files;

	const char          *cwd;        /* "/…", no slash at the end but for the root */
	struct config       *c;
	const struct node   *root;
	const char *const   *rules_files; /* in the place of the site's rules, if there are any */
	size_t               n_rules_files;

	/* growing lists that become the config's */
	struct site_building   *site_buildings;
	struct config_building *buildings;
	const char            **nodes;
	size_t                  n_nodes, cap_nodes, n_buildings;
	struct site_device     *devices;
	const struct node     **device_places;
	size_t                  n_devices, cap_devices, cap_device_places;
	struct point           *points;
	struct config_row      *rows;
	struct point_place     *places;
	size_t                  n_points, cap_points, cap_rows, n_places, cap_places, n_rows;
	struct bus_point       *bus_points; /* of the bus being read */
	size_t                  n_bus_points, cap_bus_points;
	struct rule_def        *rules;
	struct rule_place      *rule_places;
	size_t                  n_rules, cap_rules, n_rule_places, cap_rule_places;
	const struct node     **bus_places;
	size_t                  n_alarms;   /* that the rules make */
	uint8_t                *covers;     /* by point: COVER_…, what the rules can raise on it */
	bool                    too_many_points;
	bool                    incomplete; /* a table could not be read: which rules fit nothing cannot be told */
};

/* load.c. One that has read nothing yet; NULL: no memory. Whoever uses it sets `oom` first, and takes (or gives back) the kept arena's blocks before it is freed. */
struct loader *loader_new(void);
void           loader_free(struct loader *l); /* accepts NULL */

/* findings.c. Texts: what is wrong, and the cure. */
void find_error(struct loader *l, const struct node *at, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
void find_warning(struct loader *l, const struct node *at, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
void find_at(struct loader *l, enum finding_severity severity, const struct source *s, int line, int column, const char *fmt, ...)
	__attribute__((format(printf, 6, 7)));
/* Sorted by file, line and column, each once; independent of the loader. */
void findings_finish(struct loader *l, struct findings *ret);
void findings_no_memory(struct findings *ret);

/* source.c. */
const struct source *source_new(struct loader *l, const char *shown);
/* A path that stands in a file: relative to that file. Shown: for opening and findings; absolute: for the config. In the scratch or kept arena. */
const char *source_path_shown(struct loader *l, const struct source *from, const char *path);
const char *source_path_absolute(struct loader *l, const struct source *from, const char *path);
/* The whole file as UTF-8, NUL behind, in the scratch arena; NULL: said why, at `at` (NULL: at the file itself). */
const char *source_read(struct loader *l, const struct source *s, const struct node *at, size_t *ret_len);

/* yaml.c and table.c: NULL: said why. A file is parsed once, whoever asks. */
const struct node *yaml_read(struct loader *l, const char *shown, const struct node *at);
struct bind_key;
const struct node *table_read(struct loader *l, const char *shown, const struct node *at, const struct bind_key *columns, size_t n_columns);

/* load_*.c: each part of the file, from its node. */
void load_site(struct loader *l, const struct node *site);
void load_no_site(struct loader *l); /* there is none: enough to check the rest */
void load_storage(struct loader *l, const struct node *storage);
void load_rest(struct loader *l, const struct node *web, const struct node *control, const struct node *log);
void load_hubs(struct loader *l, const struct node *hubs);
void load_buses(struct loader *l, const struct node *buses);
void load_rules(struct loader *l, const struct node *rules);
/* What a device gives its points, unless they say it themselves. */
struct point_defaults {
	const char *building, *floor, *zone, *location, *owner, *tags;
	const struct node *building_at, *floor_at, *tags_at;
	int64_t     every_ms, heartbeat_ms; /* 0: none */
	int         gb_system, gb_system_addr; /* -1: none */
	uint32_t    bus, device;            /* indices in the site */
	uint32_t    bus_device;             /* in the bus's list */
	const char *device_name;
	const struct bus_timing *timing;
	const struct node *device_at;
};
/* The points of one device: `points` is a list of rows. */
void load_points(struct loader *l, const struct node *points, const struct point_defaults *d);
const struct bind_key *point_columns(size_t *ret_n);
static inline bool point_is_bit(const struct bus_point *b)
{
	return b->type == TYPE_BOOL || (b->bit_first >= 0 && b->bit_first == b->bit_last);
}

/* check_*.c: what needs more than one place to be seen. */
void check_registers(struct loader *l);
void check_lines(struct loader *l);
void check_rules(struct loader *l);
void check_cover(struct loader *l);
void check_doubles(struct loader *l);
void check_parts(struct loader *l);

/* show.c: the effective config into a buffer; the hash is taken over this text. */
void config_write(const struct config *c, bool as_json, struct strbuf *out);
/* hash.c */
int  config_hash(const struct config *c, char ret[72]);
uint64_t config_hash_hub(const struct config_hub *h);
uint64_t config_hash_bus(const struct config_bus *b);

#endif
