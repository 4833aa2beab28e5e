#include "gateway/config/bind.h"
#include "gateway/config/loader.h"
#include "gateway/config/url.h"

#include <stddef.h>
#include <string.h>
#include <unistd.h>

#define NS_PER_MS INT64_C(1000000)
#define BUSES_MAX 10000
#define DEVICES_MAX 1000 /* a bus */

struct timing_fields { struct field timeout, retries, pause, max_registers, max_bits, max_gap, settle, close_between, echo; };

#define TIMING_KEYS(type, timeout_, retries_, pause_, registers_, bits_, gap_, settle_, no_)                                                                     \
	{ "timeout", NULL, BIND_DURATION, 0, offsetof(type, timing.timeout), 1, 60000, .def = timeout_ },                                          \
	{ "retries", NULL, BIND_INT, 0, offsetof(type, timing.retries), 0, 10, .def = retries_ },                                                  \
	{ "pause", NULL, BIND_DURATION, 0, offsetof(type, timing.pause), 0, 10000, .def = pause_ },                                                \
	{ "max_registers", NULL, BIND_INT, 0, offsetof(type, timing.max_registers), 1, 125, .def = registers_ },                                   \
	{ "max_bits", NULL, BIND_INT, 0, offsetof(type, timing.max_bits), 1, 2000, .def = bits_ },                                                 \
	{ "max_gap", NULL, BIND_INT, 0, offsetof(type, timing.max_gap), 0, 124, .def = gap_ },                                                \
	{ "settle", NULL, BIND_DURATION, 0, offsetof(type, timing.settle), 0, 60000, .def = settle_ },                                             \
	{ "close_between", NULL, BIND_BOOL, 0, offsetof(type, timing.close_between), .def = no_ },                                                 \
	{ "echo", NULL, BIND_BOOL, 0, offsetof(type, timing.echo), .def = no_ }

struct bus_fields { struct field name, url, devices; struct timing_fields timing; };

static const struct bind_key bus_keys[] = {
	{ "name", NULL, BIND_NAME, BIND_REQUIRED, offsetof(struct bus_fields, name) },
	{ "url", NULL, BIND_TEXT, BIND_REQUIRED, offsetof(struct bus_fields, url), 1, 1000 },
	TIMING_KEYS(struct bus_fields, "500ms", "1", "0", "125", "2000", "8", "0", "false"),
	{ "devices", NULL, BIND_LIST, BIND_REQUIRED, offsetof(struct bus_fields, devices) },
};

struct device_fields {
	struct field name, unit, profile, points, every, heartbeat, building, floor, zone, location, owner, tags, gb_system, gb_system_addr;
	struct timing_fields timing;
};

static const struct bind_key device_keys[] = {
	{ "name", NULL, BIND_NAME, BIND_REQUIRED, offsetof(struct device_fields, name) },
	{ "unit", NULL, BIND_INT, 0, offsetof(struct device_fields, unit), 0, 255, .def = "1" },
	{ "profile", NULL, BIND_NAME, 0, offsetof(struct device_fields, profile) },
	{ "points", NULL, BIND_ANY, 0, offsetof(struct device_fields, points) },
	{ "every", NULL, BIND_DURATION, 0, offsetof(struct device_fields, every), 10, 86400000 },
	{ "heartbeat", NULL, BIND_DURATION, 0, offsetof(struct device_fields, heartbeat), 1000, 86400000 },
	{ "building", NULL, BIND_NAME, 0, offsetof(struct device_fields, building) },
	{ "floor", NULL, BIND_TEXT, 0, offsetof(struct device_fields, floor), 1 },
	{ "zone", NULL, BIND_ZONE, 0, offsetof(struct device_fields, zone) },
	{ "location", NULL, BIND_TEXT, 0, offsetof(struct device_fields, location) },
	{ "owner", NULL, BIND_TEXT, 0, offsetof(struct device_fields, owner) },
	{ "tags", NULL, BIND_ANY, 0, offsetof(struct device_fields, tags) },
	{ "gb_system", NULL, BIND_INT, 0, offsetof(struct device_fields, gb_system), 0, 255 },
	{ "gb_system_addr", NULL, BIND_INT, 0, offsetof(struct device_fields, gb_system_addr), 0, 255 },
	TIMING_KEYS(struct device_fields, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL),
};

static void merge_timing(const struct timing_fields *f, struct bus_timing *t)
{
	if (f->timeout.text)
		t->timeout_ns = f->timeout.number * NS_PER_MS;
	if (f->retries.text)
		t->retries = (uint32_t)f->retries.number;
	if (f->pause.text)
		t->pause_ns = f->pause.number * NS_PER_MS;
	if (f->max_registers.text)
		t->max_registers = (uint16_t)f->max_registers.number;
	if (f->max_bits.text)
		t->max_bits = (uint16_t)f->max_bits.number;
	if (f->max_gap.text)
		t->max_gap = (uint16_t)f->max_gap.number;
	if (f->settle.text)
		t->settle_ns = f->settle.number * NS_PER_MS;
	if (f->close_between.text)
		t->close_between = f->close_between.number;
	if (f->echo.text)
		t->echo = f->echo.number;
}

/* profiles/X.csv beside the site file, else the installed one. */
static const struct node *read_profile(struct loader *l, const struct node *at, const char *name)
{
	const char *beside = source_path_shown(l, l->root->source, arena_printf(&l->scratch, "profiles/%s.csv", name));
	const char *installed = arena_printf(&l->scratch, FIREGW_DATADIR "/profiles/%s.csv", name);
	const char *path = access(beside, F_OK) == 0 ? beside : access(installed, F_OK) == 0 ? installed : NULL;
	size_t n;
	const struct bind_key *columns = point_columns(&n);

	if (path)
		return table_read(l, path, at, columns, n);
	find_error(l, at, "there is no profile '%s': neither %s nor %s", name, beside, installed);
	return NULL;
}

static const struct node *read_points(struct loader *l, const struct node *device, const struct device_fields *f)
{
	size_t n;
	const struct bind_key *columns = point_columns(&n);

	if (f->profile.at && f->points.at) {
		find_error(l, f->profile.at, "a device has a profile or points, not both");
		return NULL;
	}
	if (f->profile.at)
		return read_profile(l, f->profile.at, f->profile.text);
	if (!f->points.at) {
		if (!node_get(device, "profile"))
			find_error(l, device, "the device has no points: give it a profile, or points (a table's path, or a list)");
		return NULL;
	}
	if (f->points.at->type == NODE_SCALAR && *f->points.text)
		return table_read(l, source_path_shown(l, f->points.at->source, f->points.text), f->points.at, columns, n);
	return bind_is_list(l, f->points.at, "points") ? f->points.at : NULL;
}

static const char *tags_text(struct loader *l, const struct node *n)
{
	struct strbuf b;
	char text[1024];
	size_t count;
	const struct node *const *items = bind_words(l, n, "tags", &count);

	strbuf_init_fixed(&b, text, sizeof text);
	for (size_t i = 0; i < count; i++)
		strbuf_printf(&b, "%s%s", i ? "|" : "", items[i]->text);
	if (b.failed)
		find_error(l, n, "tags are too long");
	return arena_copy(&l->scratch, text);
}

static void check_device_name(struct loader *l, const struct field *name)
{
	uint32_t other = strmap_get(&l->map, name->text);

	if (other != STRMAP_NONE) {
		const struct node *first = l->device_places[other];
		find_error(l, name->at, "device '%s' is given twice, first at %s:%d: names are unique in the whole site", name->text, first->source->shown,
		           first->line);
	} else if (strmap_put(&l->map, name->text, (uint32_t)(l->n_devices)) < 0) {
		longjmp(l->oom, 1);
	}
}

static void check_unit(struct loader *l, const struct node *at, const struct bus_config *b, size_t n_devices, const struct bus_device *d)
{
	bool serial = b->transport == BUS_RTU || b->transport == BUS_RTU_TCP;

	if (serial && (d->unit < 1 || d->unit > 247))
		find_error(l, at, "unit %u: on a serial line units are 1 … 247", d->unit);
	for (size_t i = 0; i < n_devices && b->transport != BUS_SIM; i++)
		if (b->devices[i].unit == d->unit) {
			find_warning(l, at, "unit %u is that of device '%s' too", d->unit, b->devices[i].name);
			return;
		}
}

static void check_echo(struct loader *l, const struct timing_fields *f, const struct bus_config *b)
{
	if (f->echo.at && f->echo.number && b->transport == BUS_TCP)
		find_error(l, f->echo.at, "echo: only a serial line echoes");
}

static void load_device(struct loader *l, const struct node *n, const struct bus_config *b, const struct bus_timing *timing, uint32_t bus,
                        struct bus_device *devices, size_t *n_devices)
{
	struct device_fields f;
	struct bus_device *d = &devices[*n_devices];

	bind_map(l, n, device_keys, sizeof device_keys / sizeof *device_keys, &f, "a device");
	if (f.name.text)
		check_device_name(l, &f.name);
	*d = (struct bus_device){ .name = field_keep(l, &f.name, "?"), .unit = (uint8_t)f.unit.number, .timing = *timing };
	check_echo(l, &f.timing, b);
	merge_timing(&f.timing, &d->timing);
	check_unit(l, f.unit.at ? f.unit.at : n, b, *n_devices, d);
	*ARENA_PUSH(&l->keep, l->devices, l->n_devices, l->cap_devices) = (struct site_device){ .name = d->name, .bus = bus, .unit = d->unit };
	size_t places = l->n_devices - 1;
	*ARENA_PUSH(&l->scratch, l->device_places, places, l->cap_device_places) = n;
	struct point_defaults defaults = {
		.building = f.building.text, .floor = f.floor.text, .zone = f.zone.text, .location = f.location.text, .owner = f.owner.text,
		.tags = f.tags.at ? tags_text(l, f.tags.at) : NULL,
		.building_at = f.building.at, .floor_at = f.floor.at, .tags_at = f.tags.at,
		.every_ms = f.every.number, .heartbeat_ms = f.heartbeat.number,
		.gb_system = f.gb_system.at ? (int)f.gb_system.number : -1, .gb_system_addr = f.gb_system_addr.at ? (int)f.gb_system_addr.number : -1,
		.bus = bus, .device = (uint32_t)(l->n_devices - 1), .bus_device = (uint32_t)*n_devices, .device_name = d->name, .timing = &d->timing,
		.device_at = n,
	};
	const struct node *points = read_points(l, n, &f);
	++*n_devices;
	if (points)
		load_points(l, points, &defaults);
	else
		l->incomplete = true;
}

static void load_bus(struct loader *l, const struct node *n, uint32_t index, struct config_bus *ret)
{
	struct bus_fields f;
	struct bus_timing timing = { 0 };
	struct bus_config *b = &ret->bus;

	bind_map(l, n, bus_keys, sizeof bus_keys / sizeof *bus_keys, &f, "a bus");
	b->name = field_keep(l, &f.name, "?");
	b->host = b->path = "";
	ret->url = "";
	if (f.url.at && url_bus(l, f.url.at, b) == 0)
		ret->url = url_bus_text(l, b);
	check_echo(l, &f.timing, b);
	merge_timing(&f.timing, &timing);
	b->seed = strmap_hash64(b->name, strlen(b->name), STRMAP_HASH_SEED);
	l->bus_points = NULL;
	l->n_bus_points = l->cap_bus_points = 0;
	if (f.devices.at) {
		const struct node *list = f.devices.at;
		struct bus_device *devices = arena_take(&l->keep, list->n + 1, sizeof *devices);
		b->devices = devices;
		if (list->n == 0)
			find_error(l, list, "devices is an empty list: a bus has at least one");
		size_t count = bind_count(l, list, DEVICES_MAX, "devices on one bus");
		for (size_t i = 0; i < count; i++)
			if (bind_is_map(l, list->items[i], "a device"))
				load_device(l, list->items[i], b, &timing, index, devices, &b->n_devices);
	}
	ret->points = arena_settle(&l->keep, l->bus_points, l->n_bus_points, sizeof *l->bus_points);
	ret->n_points = l->n_bus_points;
	ret->hash = config_hash_bus(ret);
}

/* The second of two would find it taken, always. */
static void check_port(struct loader *l, const struct node *item, const struct config_bus *buses, size_t n)
{
	const struct bus_config *b = &buses[n].bus;

	for (size_t k = 0; k < n; k++)
		if (b->transport == BUS_RTU && *b->path && buses[k].bus.transport == BUS_RTU && strcmp(buses[k].bus.path, b->path) == 0)
			find_error(l, node_get(item, "url"), "port '%s' is that of bus '%s' too: devices on one line are devices of one bus", b->path, buses[k].bus.name);
}

void load_buses(struct loader *l, const struct node *list)
{
	struct config_bus *buses = arena_take(&l->keep, list->n + 1, sizeof *buses);
	const char **names = arena_take(&l->keep, list->n + 1, sizeof *names);
	size_t n = 0, count = bind_count(l, list, BUSES_MAX, "buses");

	l->bus_places = arena_take(&l->scratch, list->n + 1, sizeof *l->bus_places);
	if (list->n == 0)
		find_error(l, list, "buses is an empty list: a site has at least one");
	for (size_t i = 0; i < count; i++) {
		const struct node *item = list->items[i];
		if (!bind_is_map(l, item, "a bus"))
			continue;
		load_bus(l, item, (uint32_t)n, &buses[n]);
		for (size_t k = 0; k < n; k++)
			if (strcmp(names[k], buses[n].bus.name) == 0)
				find_error(l, node_get(item, "name") ? node_get(item, "name") : item, "bus '%s' is given twice", names[k]);
		check_port(l, item, buses, n);
		l->bus_places[n] = item;
		names[n] = buses[n].bus.name;
		n++;
	}
	struct config *c = l->c;
	c->buses = buses;
	c->n_buses = n;
	c->site.buses = names;
	c->site.n_buses = n;
	c->site.devices = l->devices;
	c->site.n_devices = l->n_devices;
	c->site.points = arena_settle(&l->keep, l->points, l->n_points, sizeof *l->points);
	c->rows = arena_settle(&l->keep, l->rows, l->n_rows, sizeof *l->rows);
	c->site.n_points = l->n_points;
}
