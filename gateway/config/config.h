/* config: a site as loaded: checked, complete, immutable, with everything that was found wrong. A generation is loaded whole or not at all. */
#ifndef FIREGW_GATEWAY_CONFIG_H
#define FIREGW_GATEWAY_CONFIG_H

#include "core/err.h"
#include "core/log.h"
#include "core/site.h"
#include "drivers/driver.h"
#include "gateway/hub.h"
#include "rules/rules.h"

#include <stdio.h>

struct config_party { const char *role, *name, *phone, *unit, *uscc; }; /* role: owner, user, responsible, manager, maintainer, micro_station; "" if not given */

struct config_building {                /* index as in site.buildings */
	const char *id, *name, *node, *code, *address, *use;
	double      lat, lon;           /* NaN */
	const char *datum;              /* "WGS-84", "GCJ-02"; "" */
	int         floors, basements;  /* -1: not given */
	const struct config_party *parties;
	size_t      n_parties;
};

enum config_personal { PERSONAL_NONE, PERSONAL_NAMES, PERSONAL_FULL };
enum hub_command { HUB_SNAPSHOT, HUB_REPLAY, HUB_REFRESH, HUB_INSPECT, HUB_DUTY_CHECK, HUB_HISTORY, HUB_ACK, HUB_COMMAND_COUNT };
const char *hub_command_name(enum hub_command c);

struct config_hub {
	struct hub_config    link;
	bool                 send_events, send_readings, send_status, send_directory, send_building, send_report;
	bool                 classes[CLASS_COUNT];
	enum config_personal personal;
	bool                 commands[HUB_COMMAND_COUNT];
	bool                 start_oldest;
	int64_t              backlog_readings_ms, backlog_events_ms;
	uint64_t             hash;      /* of everything above: unchanged means the connection stays */
};

struct config_bus {
	struct bus_config        bus;
	const char              *url;
	const struct bus_point  *points; /* all of this bus, by device, then as in the tables */
	size_t                   n_points;
	uint64_t                 hash;   /* of all above but the points' indices in the site: unchanged means the line stays */
};

struct config_row;                      /* config's own: a point as its table said it */

struct config {
	/* site */
	struct site              site;          /* nodes[0] is the gateway */
	const char              *name;
	const char              *region;        /* 12 digits */
	const char              *timezone;
	const char              *sound_device; /* of the local sounder, by the player's name; NULL: none */
	int                      duty_least;   /* fewer persons on duty are a fault; 0: nobody need be (GB 25506: two) */
	const char *const       *prefixes;      /* by node: fire/v1/500110/002/003/{node} */
	const struct config_building *buildings;
	/* storage */
	const char *db_path;                    /* absolute, or relative to the working directory as resolved from the file that names it */
	int64_t     max_bytes, keep_readings_ms, keep_events_ms, commit_ms;
	/* the rest */
	const struct config_hub *hubs;   size_t n_hubs;
	const struct config_bus *buses;  size_t n_buses;
	const struct rule_def   *rules;  size_t n_rules;
	const char              *control_socket, *operators, *maintainers;
	const char              *web_listen;    /* NULL: none. Not active yet: check warns */
	enum log_level           log_level;
	char                     hash[72];      /* "sha256:…" over the effective config, as `show` prints it with secrets' paths */
	const char              *file;
	const struct config_row *rows;          /* by point; for config_show */
	void                    *memory;        /* everything above lives in here */
};

enum finding_severity { FINDING_WARNING, FINDING_ERROR };
struct finding { const char *file; int line, column; enum finding_severity severity; const char *text; };
struct findings { struct finding *items; size_t n, errors, warnings; void *memory; };

/* Loads and checks all files together. Always fills ret_findings (free with findings_done); *ret is NULL if there is any error. 0: usable (maybe with
 * warnings). -1: not. Safe in a thread of its own. Reads files only: a missing device, broker or name is no error. */
int  config_load(const char *path, struct config **ret, struct findings *ret_findings);
/* The same with these rules files (relative to the working directory; a later one's rule replaces an earlier one's) in the place of what the site's `rules:` says; n 0: the site's own. */
int  config_load_with_rules(const char *path, const char *const *rules_files, size_t n, struct config **ret, struct findings *ret_findings);
void config_free(struct config *c);
void findings_done(struct findings *f);
/* `file:line:column: error: text` a line. Files as the user named them (relative to the working directory). */
void findings_print(const struct findings *f, FILE *out);
/* The effective config as YAML: defaults filled in, tables and rules inline; loading it gives the same hash. Secrets never stand in a config (files hold them), so paths are
 * shown and contents are not. as_json: the same tree as JSON. 0 or -1. */
int  config_show(const struct config *c, bool as_json, FILE *out);
/* Gives the nodes the places that they have in `first`, whose first is the gateway too (names that the config does not have keep theirs); others follow. Before the config is in use.
 * ERR_REFUSED: too many, ERR_NO_MEMORY; then it stays as it was. */
int  config_place_nodes(struct config *c, const char *const *first, size_t n_first, struct err *reterr);
/* False: a place kept for a node that is gone. */
bool config_has_node(const struct config *c, uint32_t node);
/* By point: a hash of where its value is read and how it becomes one. Equal in two configs: a value of the one means the same in the other. */
void config_decodings(const struct config *c, uint64_t *ret);
/* What a reload would need a restart for (gateway, region, timezone, storage.path, control.socket): 0 if nothing, else -1 with which. */
int  config_reloadable(const struct config *old, const struct config *new_, struct err *reterr);

#endif
