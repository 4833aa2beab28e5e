#include "gateway/config/bind.h"
#include "gateway/config/loader.h"

#include <stddef.h>
#include <string.h>
#include <sys/stat.h>

#define ZONEINFO "/usr/share/zoneinfo"
#define HEIGHT_MAX_M 1000.0
#define BUILDINGS_MAX 1000

struct site_fields { struct field gateway, name, region, timezone, sound, duty, buildings; };

struct sound_fields { struct field device; };
static const struct bind_key sound_keys[] = {
	{ "device", NULL, BIND_TEXT, 0, offsetof(struct sound_fields, device), 1, .max = 100, .def = "default" },
};

struct duty_fields { struct field least; };
static const struct bind_key duty_keys[] = {
	{ "least", NULL, BIND_INT, 0, offsetof(struct duty_fields, least), 0, 20, .def = "2" },
};

static const struct bind_key site_keys[] = {
	{ "gateway", NULL, BIND_NAME, BIND_REQUIRED, offsetof(struct site_fields, gateway) },
	{ "name", NULL, BIND_TEXT, 0, offsetof(struct site_fields, name), 1 },
	{ "region", NULL, BIND_TEXT, BIND_REQUIRED, offsetof(struct site_fields, region) },
	{ "timezone", NULL, BIND_TEXT, 0, offsetof(struct site_fields, timezone), 1, .def = "Asia/Shanghai" },
	{ "sound", NULL, BIND_MAP, 0, offsetof(struct site_fields, sound) },
	{ "duty", NULL, BIND_MAP, 0, offsetof(struct site_fields, duty) },
	{ "buildings", NULL, BIND_LIST, BIND_REQUIRED, offsetof(struct site_fields, buildings) },
};

struct building_fields { struct field id, name, node, code, address, location, use, class_, height, floors, basements, parties; };

static const char *const class_words[] = { "class1-public", "class2-public", "residential", "industrial", NULL };
static const struct bind_key building_keys[] = {
	{ "id", NULL, BIND_NAME, BIND_REQUIRED, offsetof(struct building_fields, id) },
	{ "name", NULL, BIND_TEXT, 0, offsetof(struct building_fields, name), 1 },
	{ "node", NULL, BIND_NAME, 0, offsetof(struct building_fields, node) },
	{ "code", NULL, BIND_TEXT, 0, offsetof(struct building_fields, code) },
	{ "address", NULL, BIND_TEXT, 0, offsetof(struct building_fields, address) },
	{ "location", NULL, BIND_MAP, 0, offsetof(struct building_fields, location) },
	{ "use", NULL, BIND_TEXT, 0, offsetof(struct building_fields, use) },
	{ "class", NULL, BIND_WORD, 0, offsetof(struct building_fields, class_), .words = class_words },
	{ "height_m", NULL, BIND_DECIMAL, 0, offsetof(struct building_fields, height) },
	{ "floors", NULL, BIND_INT, 0, offsetof(struct building_fields, floors), 1, 200 },
	{ "basements", NULL, BIND_INT, 0, offsetof(struct building_fields, basements), 0, 20 },
	{ "parties", NULL, BIND_MAP, 0, offsetof(struct building_fields, parties) },
};

struct location_fields { struct field lat, lon, datum; };

static const char *const datum_words[] = { "WGS-84", "GCJ-02", NULL };
static const struct bind_key location_keys[] = {
	{ "lat", NULL, BIND_DECIMAL, BIND_REQUIRED, offsetof(struct location_fields, lat) },
	{ "lon", NULL, BIND_DECIMAL, BIND_REQUIRED, offsetof(struct location_fields, lon) },
	{ "datum", NULL, BIND_WORD, 0, offsetof(struct location_fields, datum), .words = datum_words, .def = "WGS-84" },
};

struct party_fields { struct field name, phone, unit, uscc; };

static const struct bind_key party_keys[] = {
	{ "name", NULL, BIND_TEXT, 0, offsetof(struct party_fields, name) },
	{ "phone", NULL, BIND_TEXT, 0, offsetof(struct party_fields, phone), .max = 40 },
	{ "unit", NULL, BIND_TEXT, 0, offsetof(struct party_fields, unit) },
	{ "uscc", NULL, BIND_TEXT, 0, offsetof(struct party_fields, uscc), .max = 40 },
};

static const char *const party_roles[] = { "owner", "user", "responsible", "manager", "maintainer", "micro_station", NULL };

static void check_region(struct loader *l, struct field *region)
{
	size_t digits = strspn(region->text, "0123456789"), len = strlen(region->text);

	if (digits == 12 && len == 12)
		return;
	if (digits == len && len < 12)
		find_error(l, region->at, "region '%s' has %zu digit%s and must have 12 (6 district + 3 town + 3 community); a leading zero may be "
		           "lost: put it in quotes", region->text, len, len == 1 ? "" : "s");
	else
		find_error(l, region->at, "region '%s' must be 12 digits: 6 district (GB/T 2260) + 3 town + 3 community", region->text);
	region->text = NULL;
}

static void load_sound(struct loader *l, const struct field *f, struct config *c)
{
	struct sound_fields s;

	if (f->at && bind_map(l, f->at, sound_keys, 1, &s, "sound") == 0)
		c->sound_device = field_keep(l, &s.device, NULL);
}

/* GB 25506-2010 4.2.1: a fire control room is staffed by two at least. */
static void load_duty(struct loader *l, const struct field *f, struct config *c)
{
	struct duty_fields d;

	c->duty_least = 2;
	if (f->at && bind_map(l, f->at, duty_keys, 1, &d, "duty") == 0)
		c->duty_least = (int)d.least.number;
}

static void check_timezone(struct loader *l, const struct field *zone)
{
	struct stat st;
	const struct node *at = zone->at ? zone->at : l->root;

	if (zone->text[0] == '/' || strstr(zone->text, "..") || strspn(zone->text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_+-/") !=
	    strlen(zone->text)) {
		find_error(l, at, "timezone '%s' is not a zone's name like Asia/Shanghai", zone->text);
	} else if (stat(ZONEINFO, &st) < 0) {
		find_warning(l, at, "timezone '%s' cannot be checked: there is no " ZONEINFO "; install tzdata", zone->text);
	} else if (stat(arena_printf(&l->scratch, ZONEINFO "/%s", zone->text), &st) < 0 || !S_ISREG(st.st_mode)) {
		find_error(l, at, "timezone '%s' is not known: see " ZONEINFO " for the names", zone->text);
	}
}

static uint32_t node_index(struct loader *l, const char *name)
{
	for (size_t i = 0; i < l->n_nodes; i++)
		if (strcmp(l->nodes[i], name) == 0)
			return (uint32_t)i;
	*ARENA_PUSH(&l->keep, l->nodes, l->n_nodes, l->cap_nodes) = arena_copy(&l->keep, name);
	return (uint32_t)(l->n_nodes - 1);
}

static double coordinate(struct loader *l, const struct field *f, const char *what, double limit)
{
	double v = decimal_double(f->decimal);

	if (!f->at)
		return NAN;
	if (!(v >= -limit && v <= limit)) {
		find_error(l, f->at, "%s must be -%g … %g degrees, not %s", what, limit, limit, f->text);
		return NAN;
	}
	return v;
}

static void load_location(struct loader *l, const struct node *n, struct config_building *b)
{
	struct location_fields f;

	bind_map(l, n, location_keys, sizeof location_keys / sizeof *location_keys, &f, "location");
	b->lat = coordinate(l, &f.lat, "lat", 90);
	b->lon = coordinate(l, &f.lon, "lon", 180);
	b->datum = datum_words[f.datum.number];
}

static bool is_uscc(const char *text)
{
	return strlen(text) == 18 && strspn(text, "0123456789ABCDEFGHJKLMNPQRTUWXY") == 18;
}

static void load_parties(struct loader *l, const struct node *n, struct config_building *b)
{
	struct config_party *parties = arena_take(&l->keep, n->n + 1, sizeof *parties);

	for (size_t i = 0; i < n->n; i++) {
		const struct node *role = n->items[2 * i], *value = n->items[2 * i + 1];
		struct party_fields f;
		size_t w = 0;
		if (role->type == NODE_SCALAR)
			while (party_roles[w] && strcmp(party_roles[w], role->text) != 0)
				w++;
		if (role->type != NODE_SCALAR || !party_roles[w]) {
			const char *text = role->type == NODE_SCALAR ? role->text : "?";
			find_error(l, role, "unknown key '%s' in parties%s", text, nearest_hint(l, nearest_in(text, party_roles)));
			continue;
		}
		for (size_t k = 0; k < b->n_parties; k++)
			if (parties[k].role == party_roles[w])
				find_error(l, role, "'%s' is given twice", role->text);
		bind_map(l, value, party_keys, sizeof party_keys / sizeof *party_keys, &f, "a party");
		if (f.uscc.text && !is_uscc(f.uscc.text))
			find_warning(l, f.uscc.at, "uscc '%s' is not a unified social credit code: 18 digits and capitals", f.uscc.text);
		parties[b->n_parties++] = (struct config_party){
			.role = party_roles[w], .name = field_keep(l, &f.name, ""), .phone = field_keep(l, &f.phone, ""),
			.unit = field_keep(l, &f.unit, ""), .uscc = field_keep(l, &f.uscc, ""),
		};
	}
	b->parties = parties;
}

static void load_building(struct loader *l, const struct node *n)
{
	struct building_fields f;
	size_t index = l->n_buildings;
	struct config_building *b = &l->buildings[index];
	struct site_building *s = &l->site_buildings[index];

	bind_map(l, n, building_keys, sizeof building_keys / sizeof *building_keys, &f, "a building");
	if (f.id.text)
		for (size_t i = 0; i < index; i++)
			if (strcmp(l->buildings[i].id, f.id.text) == 0)
				find_error(l, f.id.at, "building '%s' is given twice", f.id.text);
	*b = (struct config_building){ .lat = NAN, .lon = NAN, .datum = "", .floors = -1, .basements = -1 };
	b->id = field_keep(l, &f.id, "");
	b->name = field_keep(l, &f.name, b->id);
	s->node = f.node.text ? node_index(l, f.node.text) : 0;
	b->node = l->nodes[s->node];
	b->code = field_keep(l, &f.code, "");
	b->address = field_keep(l, &f.address, "");
	b->use = field_keep(l, &f.use, "");
	if (f.location.at)
		load_location(l, f.location.at, b);
	if (f.floors.at)
		b->floors = (int)f.floors.number;
	if (f.basements.at)
		b->basements = (int)f.basements.number;
	if (f.parties.at)
		load_parties(l, f.parties.at, b);
	s->id = b->id;
	s->name = b->name;
	s->height_m = NAN;
	if (f.height.at) {
		s->height_m = decimal_double(f.height.decimal);
		if (!(s->height_m > 0 && s->height_m <= HEIGHT_MAX_M))
			find_error(l, f.height.at, "height_m must be above 0 and at most %g, not %s", HEIGHT_MAX_M, f.height.text);
	}
	if (f.class_.at)
		building_class_find(class_words[f.class_.number], &s->class_);
	l->n_buildings++;
}

static void load_buildings(struct loader *l, const struct node *list)
{
	if (list->n == 0)
		find_error(l, list, "buildings is an empty list: a site has at least one");
	l->buildings = arena_take(&l->keep, list->n + 1, sizeof *l->buildings);
	l->site_buildings = arena_take(&l->keep, list->n + 1, sizeof *l->site_buildings);
	size_t count = bind_count(l, list, BUILDINGS_MAX, "buildings");
	for (size_t i = 0; i < count; i++)
		if (bind_is_map(l, list->items[i], "a building"))
			load_building(l, list->items[i]);
}

static void load_prefixes(struct loader *l)
{
	const char **prefixes = arena_take(&l->keep, l->n_nodes, sizeof *prefixes);
	const char *r = l->c->region;

	for (size_t i = 0; i < l->n_nodes; i++)
		prefixes[i] = arena_printf(&l->keep, "fire/v1/%.6s/%.3s/%.3s/%s", r, r + 6, r + 9, l->nodes[i]);
	l->c->prefixes = prefixes;
}

void load_no_site(struct loader *l)
{
	struct config *c = l->c;

	c->site.gateway = "?";
	c->region = "000000000000";
	c->name = c->timezone = "";
	node_index(l, c->site.gateway);
	load_prefixes(l);
	c->site.nodes = l->nodes;
	c->site.n_nodes = l->n_nodes;
}

void load_site(struct loader *l, const struct node *site)
{
	struct site_fields f;
	struct config *c = l->c;

	bind_map(l, site, site_keys, sizeof site_keys / sizeof *site_keys, &f, "site");
	if (f.region.text)
		check_region(l, &f.region);
	if (f.timezone.text)
		check_timezone(l, &f.timezone);
	c->site.gateway = field_keep(l, &f.gateway, "?");
	c->name = field_keep(l, &f.name, c->site.gateway);
	c->region = field_keep(l, &f.region, "000000000000");
	c->timezone = field_keep(l, &f.timezone, "");
	load_sound(l, &f.sound, c);
	load_duty(l, &f.duty, c);
	node_index(l, c->site.gateway);
	if (f.buildings.at)
		load_buildings(l, f.buildings.at);
	load_prefixes(l);
	c->site.nodes = l->nodes;
	c->site.n_nodes = l->n_nodes;
	c->buildings = l->buildings;
	c->site.buildings = l->site_buildings;
	c->site.n_buildings = l->n_buildings;
}

struct storage_fields { struct field path, max_size, keep_readings, keep_events, commit; };

#define MS_PER_DAY INT64_C(86400000)
static const struct bind_key storage_keys[] = {
	{ "path", NULL, BIND_PATH, 0, offsetof(struct storage_fields, path), .def = "/var/lib/firegw/firegw.db" },
	{ "max_size", NULL, BIND_SIZE, 0, offsetof(struct storage_fields, max_size), 16 << 20, INT64_C(16) << 40, .def = "4GiB" },
	{ "keep_readings", NULL, BIND_DURATION, 0, offsetof(struct storage_fields, keep_readings), 3600000, 36500 * MS_PER_DAY, .def = "400d" },
	{ "keep_events", NULL, BIND_DURATION, 0, offsetof(struct storage_fields, keep_events), 3600000, 36500 * MS_PER_DAY, .def = "3y" },
	{ "commit", NULL, BIND_DURATION, 0, offsetof(struct storage_fields, commit), 0, 60000, .def = "1s" },
};

void load_storage(struct loader *l, const struct node *storage)
{
	struct storage_fields f;
	struct config *c = l->c;

	bind_map(l, storage, storage_keys, sizeof storage_keys / sizeof *storage_keys, &f, "storage");
	c->db_path = f.path.text ? f.path.text : "";
	c->max_bytes = f.max_size.number;
	c->keep_readings_ms = f.keep_readings.number;
	c->keep_events_ms = f.keep_events.number;
	c->commit_ms = f.commit.number;
}

struct rest_fields { struct field listen, socket, operators, maintainers, level; };

static const char *const level_words[] = { "error", "warning", "info", "debug", NULL };
static const struct bind_key web_keys[] = { { "listen", NULL, BIND_TEXT, BIND_REQUIRED, offsetof(struct rest_fields, listen), 1, 200 } };
static const struct bind_key control_keys[] = {
	{ "socket", NULL, BIND_PATH, 0, offsetof(struct rest_fields, socket), .def = "/run/firegw/firegw.sock" },
	{ "operators", NULL, BIND_TEXT, 0, offsetof(struct rest_fields, operators), 1, 32, .def = "firegw-operators" },
	{ "maintainers", NULL, BIND_TEXT, 0, offsetof(struct rest_fields, maintainers), 1, 32, .def = "firegw-maintainers" },
};
static const struct bind_key log_keys[] = {
	{ "level", NULL, BIND_WORD, 0, offsetof(struct rest_fields, level), .words = level_words, .def = "info" },
};

/* host:port, where host may stand in brackets. */
static bool is_listen(const char *text)
{
	const char *colon = strrchr(text, ':');
	int64_t port;

	return colon && colon != text && int_parse(colon + 1, &port) == 0 && port >= 1 && port <= 65535 && !strpbrk(text, " /@");
}

void load_rest(struct loader *l, const struct node *web, const struct node *control, const struct node *log)
{
	struct rest_fields w = { 0 }, k, g;
	struct config *c = l->c;

	if (web) {
		bind_map(l, web, web_keys, 1, &w, "web");
		if (w.listen.text && !is_listen(w.listen.text))
			find_error(l, w.listen.at, "listen '%s' is not ADDRESS:PORT", w.listen.text);
		c->web_listen = field_keep(l, &w.listen, NULL);
	}
	bind_map(l, control, control_keys, 3, &k, "control");
	c->control_socket = k.socket.text ? k.socket.text : "";
	if (strlen(c->control_socket) > 107)
		find_error(l, k.socket.at ? k.socket.at : control, "socket '%s' is longer than the 107 bytes a Unix socket's name may have", c->control_socket);
	c->operators = field_keep(l, &k.operators, "");
	c->maintainers = field_keep(l, &k.maintainers, "");
	bind_map(l, log, log_keys, 1, &g, "log");
	log_level_parse(level_words[g.level.number], &c->log_level);
}
