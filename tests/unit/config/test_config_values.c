/* What the structs hold after the full example of the good set. */
#include "gateway/config/config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static struct config *full;

static int setup(void **state)
{
	struct findings f;

	(void)state;
	int r = config_load("tests/config/good/full.yaml", &full, &f);
	findings_print(&f, stderr);
	findings_done(&f);
	return r;
}

static int teardown(void **state)
{
	(void)state;
	config_free(full);
	return 0;
}

static const struct point *find_point(const char *id)
{
	for (size_t i = 0; i < full->site.n_points; i++)
		if (strcmp(full->site.points[i].id, id) == 0)
			return &full->site.points[i];
	fail_msg("no point %s", id);
	return NULL;
}

static const struct bus_point *find_bus_point(const char *id)
{
	for (size_t i = 0; i < full->n_buses; i++)
		for (size_t k = 0; k < full->buses[i].n_points; k++)
			if (strcmp(full->buses[i].points[k].id, id) == 0)
				return &full->buses[i].points[k];
	fail_msg("no point %s", id);
	return NULL;
}

static void test_site(void **state)
{
	(void)state;
	assert_string_equal(full->site.gateway, "qj-wenlong-01");
	assert_string_equal(full->name, "文龙大厦");
	assert_string_equal(full->sound_device, "hw:CARD=PCH");
	assert_string_equal(full->region, "500110002003"); /* it stands there without quotes */
	assert_int_equal(full->site.n_nodes, 2);
	assert_string_equal(full->prefixes[0], "fire/v1/500110/002/003/qj-wenlong-01");
	assert_string_equal(full->prefixes[1], "fire/v1/500110/002/003/qj-wenlong-01-b");
	assert_int_equal(full->site.n_buildings, 2);
	assert_int_equal(full->site.buildings[1].node, 1);
	assert_string_equal(full->buildings[1].node, "qj-wenlong-01-b");
	assert_int_equal(full->site.buildings[0].class_, BUILDING_CLASS1_PUBLIC);
	assert_true(full->site.buildings[0].height_m == 98.5);
	assert_true(full->buildings[0].lat == 29.02);
	assert_string_equal(full->buildings[0].datum, "GCJ-02");
	assert_int_equal(full->buildings[0].n_parties, 3);
	assert_string_equal(full->buildings[0].parties[1].role, "manager");
	assert_string_equal(full->buildings[0].parties[1].phone, "023-00000000");
	assert_int_equal(full->buildings[1].floors, -1);
	assert_true(isnan(full->buildings[1].lat));
}

static void test_storage_and_rest(void **state)
{
	char cwd[2048], path[4096];

	(void)state;
	assert_non_null(getcwd(cwd, sizeof cwd));
	snprintf(path, sizeof path, "%s/tests/config/good/state/firegw.db", cwd);
	assert_string_equal(full->db_path, path); /* relative to the file that names it */
	assert_int_equal(full->max_bytes, 500000000);
	assert_int_equal(full->keep_readings_ms, INT64_C(30) * 86400000);
	assert_int_equal(full->keep_events_ms, INT64_C(730) * 86400000);
	assert_int_equal(full->commit_ms, 500);
	assert_string_equal(full->control_socket, "/run/firegw/test.sock");
	assert_string_equal(full->operators, "ops");
	assert_int_equal(full->log_level, LOG_LEVEL_DEBUG);
	assert_null(full->web_listen);
}

static void test_hubs(void **state)
{
	const struct config_hub *d = &full->hubs[0], *t = &full->hubs[1];

	(void)state;
	assert_int_equal(full->n_hubs, 2);
	assert_int_equal(d->link.n_urls, 2);
	assert_string_equal(d->link.urls[1], "wss://hub.example/mqtt");
	assert_int_equal(d->link.version, 311);
	assert_string_equal(d->link.client_id, "qj-wenlong-01-d");
	assert_string_equal(d->link.password_file, "/etc/firegw/district.password");
	assert_non_null(strstr(d->link.tls_ca, "/tests/config/good/tls/ca.pem"));
	assert_true(d->send_readings && d->send_events && !d->send_report);
	assert_true(d->classes[CLASS_FIRE] && d->classes[CLASS_FAULT] && !d->classes[CLASS_PREALARM]);
	assert_true(d->commands[HUB_SNAPSHOT] && d->commands[HUB_REPLAY] && !d->commands[HUB_ACK]);
	assert_int_equal(d->personal, PERSONAL_NAMES);
	assert_true(d->start_oldest);
	assert_int_equal(d->backlog_readings_ms, 7200000);
	assert_int_equal(d->link.keepalive_s, 30);
	/* defaults */
	assert_int_equal(t->link.version, 5);
	assert_string_equal(t->link.client_id, "qj-wenlong-01");
	assert_null(t->link.username);
	assert_false(t->send_events); /* an empty list is none at all */
	for (size_t i = 0; i < CLASS_COUNT; i++)
		assert_true(t->classes[i]);
	for (size_t i = 0; i < HUB_COMMAND_COUNT; i++)
		assert_false(t->commands[i]);
	assert_int_equal(t->backlog_readings_ms, 86400000);
	assert_int_equal(t->backlog_events_ms, INT64_C(365) * 86400000);
	assert_int_equal(t->personal, PERSONAL_NONE);
	assert_false(t->start_oldest);
}

static void test_buses(void **state)
{
	const struct bus_config *a = &full->buses[0].bus, *b = &full->buses[1].bus;

	(void)state;
	assert_int_equal(full->n_buses, 2);
	assert_int_equal(a->transport, BUS_TCP);
	assert_string_equal(a->host, "10.0.0.7");
	assert_int_equal(a->port, 502);
	assert_int_equal(b->port, 1502);
	assert_int_equal(a->devices[0].timing.settle_ns, 100000000);
	assert_true(a->devices[0].timing.close_between);
	assert_int_equal(a->n_devices, 3);
	assert_int_equal(a->devices[0].timing.timeout_ns, 450000000); /* its own */
	assert_int_equal(a->devices[1].timing.timeout_ns, 400000000); /* the bus's */
	assert_int_equal(a->devices[1].timing.max_registers, 10);
	assert_int_equal(a->devices[0].timing.max_registers, 60);
	assert_int_equal(a->devices[0].timing.retries, 2);
	assert_int_equal(b->devices[0].timing.timeout_ns, 500000000); /* the default */
	assert_int_equal(b->devices[0].timing.retries, 1);
	assert_int_equal(b->devices[0].unit, 0);
	/* by device, then as in the tables; the site's order is the same */
	assert_int_equal(full->buses[0].n_points, 7);
	for (size_t i = 0; i < full->buses[0].n_points; i++)
		assert_int_equal(full->buses[0].points[i].point, i);
	assert_int_equal(full->buses[1].points[0].point, 7);
	assert_string_equal(full->site.points[7].id, "meter.leak");
	assert_int_equal(full->site.points[7].device, 3);
	assert_int_equal(full->site.points[7].bus, 1);
	assert_int_equal(full->site.points[7].node, 1);
}

static void test_profile(void **state)
{
	const struct point *p = find_point("f12-hyd.pressure");
	const struct bus_point *b = find_bus_point("f12-hyd.pressure");

	(void)state;
	assert_string_equal(p->name, "压力");
	assert_int_equal(p->kind, KIND_HYDRANT_PRESSURE);
	assert_string_equal(p->unit, "MPa");
	assert_true(b->min == 0 && b->max == 1.6); /* the row is in kPa */
	assert_true(p->low == 0.1 && p->low2 == 0.07 && isnan(p->high));
	assert_true(p->deadband == 0.005);
	assert_int_equal(p->every_ms, 2000);         /* the device's */
	assert_int_equal(p->heartbeat_ms, 900000);   /* the row's */
	assert_string_equal(p->floor, "12");
	assert_string_equal(p->zone, "12-N");
	assert_int_equal(p->n_tags, 2);
	assert_string_equal(p->tags[1], "riser");
	assert_int_equal(b->fc, 3);
	assert_int_equal(b->address, 4);
	assert_int_equal(b->type, TYPE_I16);
	assert_int_equal(b->order, ORDER_DCBA);
	assert_int_equal(b->n_invalid, 2);
	assert_true(b->invalid[0] == 65535 && b->invalid[1] == -1);
	assert_true(b->scale.mantissa == 1 && b->scale.places == 1);
	assert_true(decimal_double(b->convert.factor) == 0.001);
	assert_true(find_point("f13-hyd.pressure")->every_ms == 2000);
	/* nothing but what must be given */
	const struct point *raw = find_point("f12-hyd.raw");
	assert_string_equal(raw->name, "raw");
	assert_string_equal(raw->unit, "");
	assert_int_equal(find_bus_point("f12-hyd.raw")->type, TYPE_U16);
}

static void test_table(void **state)
{
	const struct point *s1 = find_point("facp.s1"), *mcp = find_point("facp.mcp");

	(void)state;
	assert_string_equal(s1->name, "烟感, \"东侧\"");
	assert_string_equal(s1->floor, "12");  /* the row's, not the device's */
	assert_string_equal(find_point("facp.mcp")->floor, "12");
	assert_string_equal(s1->location, "走廊");
	assert_int_equal(find_bus_point("facp.s1")->address, 100); /* 40101 */
	assert_int_equal(find_bus_point("facp.s1")->fc, 3);
	assert_int_equal(find_bus_point("facp.s1")->bit_first, 0);
	assert_true(find_bus_point("facp.s1")->urgent);
	assert_int_equal(s1->n_gb_addr, 2);
	assert_int_equal(s1->gb_addr[1], 3);
	assert_int_equal(s1->gb_system, 1);
	assert_int_equal(s1->gb_system_addr, 7);
	assert_int_equal(s1->gb_component, kind_info(KIND_SMOKE_DETECTOR)->gb_component);
	assert_int_equal(mcp->kind, KIND_MANUAL_CALL_POINT);
	assert_int_equal(find_bus_point("facp.mcp")->fc, 1);
	assert_int_equal(find_bus_point("facp.mcp")->address, 0); /* 00001 */
	assert_int_equal(find_bus_point("facp.mcp")->type, TYPE_BOOL);
	assert_int_equal(mcp->every_ms, 500);
	assert_int_equal(mcp->heartbeat_ms, 1200000);
	assert_string_equal(find_point("facp.s2")->name, "s2");
}

static void test_inline_points(void **state)
{
	const struct bus_point *leak = find_bus_point("meter.leak"), *temp = find_bus_point("meter.temp"), *mode = find_bus_point("meter.mode");

	(void)state;
	assert_int_equal(leak->fc, 4); /* 30001 */
	assert_int_equal(leak->address, 0);
	assert_int_equal(leak->order, ORDER_CDAB);
	assert_true(leak->invalid[0] == 4294967295.0 && leak->invalid[1] == 4294967294.0);
	assert_true(find_point("meter.leak")->high == 300 && find_point("meter.leak")->high2 == 500); /* A → mA */
	assert_int_equal(temp->address, 0x20);
	assert_true(fabs(temp->min) < 1e-12 && fabs(temp->max - 200) < 1e-9); /* °F → °C */
	assert_true(fabs(find_point("meter.temp")->deadband - 0.5) < 1e-12); /* a width: no zero point */
	assert_string_equal(find_point("meter.energy")->unit, "kWh");
	assert_true(find_point("meter.energy")->is_text);
	assert_int_equal(find_bus_point("meter.label")->type, TYPE_STRING);
	assert_int_equal(find_bus_point("meter.label")->string_bytes, 13);
	assert_string_equal(find_point("meter.count")->unit, "件");
	assert_int_equal(mode->bit_first, 4);
	assert_int_equal(mode->bit_last, 5);
	assert_int_equal(mode->n_labels, 3);
	assert_string_equal(point_label_text(find_point("meter.mode"), 2), "off");
	assert_int_equal(find_point("meter.mode")->gb_component, 91);
	assert_int_equal(find_point("meter.mode")->n_gb_addr, 4);
	assert_int_equal(find_bus_point("meter.door")->address, 65535);
	assert_int_equal(find_point("meter.door")->n_tags, 2);
	assert_int_equal(find_bus_point("meter.level")->address, 64); /* 400065 */
	assert_int_equal(find_bus_point("meter.level")->decimals_from, 65);
	assert_int_equal(leak->decimals_from, BUS_NO_DECIMALS_FROM);
}

static const struct rule_def *find_rule(const char *id)
{
	for (size_t i = 0; i < full->n_rules; i++)
		if (strcmp(full->rules[i].id, id) == 0)
			return &full->rules[i];
	fail_msg("no rule %s", id);
	return NULL;
}

static void test_rules(void **state)
{
	const struct rule_def *smoke = find_rule("smoke"), *low = find_rule("low"), *r = find_rule("replaced"), *count = find_rule("confirmed");

	(void)state;
	assert_int_equal(full->n_rules, 10);
	assert_int_equal(smoke->select.n_kinds, 2);
	assert_int_equal(smoke->select.kinds[0], KIND_SMOKE_DETECTOR);
	assert_true(smoke->when == WHEN_EQUALS && smoke->limit == 1 && !smoke->equals_text);
	assert_true(smoke->latch && smoke->ack && smoke->priority == 1 && !smoke->class_given && smoke->enabled);
	assert_true(smoke->gb_status == 2 && smoke->gb_system == 1 && smoke->gb_component == 40);
	assert_true(low->when == WHEN_BELOW && low->limit_from == LIMIT_LOW && low->deadband == 0.02);
	assert_true(low->on_delay_ns == INT64_C(10000000000) && low->off_delay_ns == INT64_C(30000000000));
	assert_true(low->select.height_above == 50 && low->select.n_building_classes == 2 && low->select.floor.n == 2);
	assert_true(low->gb_status == -1 && isnan(smoke->select.height_above));
	assert_true(rule_select_fits(&low->select, &full->site, find_point("f12-hyd.pressure")));
	assert_false(rule_select_fits(&low->select, &full->site, find_point("f13-hyd.pressure")));
	/* the later file's */
	assert_true(r->when == WHEN_ABOVE && r->limit_from == LIMIT_HIGH2 && r->class_given && r->class_ == CLASS_PREALARM);
	assert_string_equal(r->message_en, r->message_zh);
	assert_string_equal(r->file, "tests/config/good/rules/site.yaml");
	assert_int_equal(r->line, 2);
	assert_true(find_rule("out")->limit == 5 && find_rule("out")->limit_high == 70 && !find_rule("out")->ack);
	assert_string_equal(find_rule("pump-off")->equals_text, "off");
	assert_false(find_rule("door")->enabled);
	assert_true(find_rule("level")->optional && !find_rule("very-low")->optional);
	assert_true(count->when == WHEN_COUNT && count->count == 2 && count->same == SCOPE_ZONE && count->within_ns == INT64_C(300000000000));
	assert_true(count->of_alarms && count->of.n_classes == 1 && count->of.rule.n == 1);
	assert_true(find_rule("sensor-bad")->quality == QUALITY_COMM && !find_rule("sensor-bad")->any_bad);
}

/* The last one: the config is renumbered by it. */
static void test_nodes_keep_their_places(void **state)
{
	static const char *const was[] = { "qj-wenlong-01", "gone", "qj-wenlong-01-b" };
	struct err e;

	(void)state;
	size_t of_b = 0, now = 0;
	for (size_t i = 0; i < full->site.n_points; i++)
		of_b += full->site.points[i].node == 1;
	assert_int_equal(config_place_nodes(full, was, 3, &e), 0);
	assert_int_equal(full->site.n_nodes, 3);
	assert_string_equal(full->site.nodes[1], "gone");
	assert_string_equal(full->prefixes[1], "fire/v1/500110/002/003/gone");
	assert_string_equal(full->prefixes[2], "fire/v1/500110/002/003/qj-wenlong-01-b");
	assert_int_equal(full->site.buildings[1].node, 2);
	for (size_t i = 0; i < full->site.n_points; i++)
		now += full->site.points[i].node == 2;
	assert_int_equal(now, of_b);
	assert_true(config_has_node(full, 0) && !config_has_node(full, 1) && config_has_node(full, 2));
	/* a config that knows more comes behind */
	assert_int_equal(config_place_nodes(full, was, 1, &e), 0);
	assert_string_equal(full->site.nodes[1], "gone");
	assert_int_equal(full->site.n_nodes, 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_site), cmocka_unit_test(test_storage_and_rest), cmocka_unit_test(test_hubs), cmocka_unit_test(test_buses),
		cmocka_unit_test(test_profile), cmocka_unit_test(test_table), cmocka_unit_test(test_inline_points), cmocka_unit_test(test_rules), cmocka_unit_test(test_nodes_keep_their_places),
	};

	return cmocka_run_group_tests_name("config values", tests, setup, teardown);
}
