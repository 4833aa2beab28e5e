#include "tests/unit/cli/backtest_rig.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char head[] =
	"site:\n  gateway: gw-1\n  region: \"500110002003\"\n  timezone: Asia/Shanghai\n  buildings: [{id: a, name: A座}, {id: b, name: B座, node: gw-b}]\n"
	"storage: {path: t.db, keep_readings: 400d}\n"
	"buses:\n  - name: line\n    url: tcp://127.0.0.1:502\n    devices:\n      - name: d\n        unit: 1\n        every: 1s\n        building: a\n        floor: \"12\"\n"
	"        zone: z\n        points:\n";

void rig_file(const struct rig *r, const char *name, const char *text)
{
	char path[128];

	snprintf(path, sizeof path, "%s/%s", r->dir, name);
	FILE *f = fopen(path, "w");
	assert_non_null(f);
	fputs(text, f);
	assert_int_equal(fclose(f), 0);
}

void rig_write(struct rig *r, const char *points, const char *rules)
{
	char text[8192];

	*r = (struct rig){ .dir = "/tmp/firegw-backtest-XXXXXX" };
	assert_non_null(mkdtemp(r->dir));
	snprintf(r->site, sizeof r->site, "%s/site.yaml", r->dir);
	snprintf(r->db, sizeof r->db, "%s/t.db", r->dir);
	assert_true(snprintf(text, sizeof text, "%s%srules: [own.yaml]\n", head, points) < (int)sizeof text);
	rig_file(r, "site.yaml", text);
	rig_file(r, "own.yaml", rules);
}

static void open_store(struct rig *r)
{
	struct store_options o = { .path = r->db, .max_bytes = INT64_C(1) << 30, .keep_readings_ms = INT64_C(1) << 40, .keep_events_ms = INT64_C(1) << 40, .gateway = "gw-1" };
	struct store_report report;
	const struct site *site = &r->config->site;
	const char **ids = calloc(site->n_points, sizeof *ids);
	struct err e = { 0 };

	for (size_t i = 0; i < site->n_points; i++)
		ids[i] = site->points[i].id;
	int bad = store_open(&o, r->now.wall_ms, &r->store, &report, &e) || store_bind_points(r->store, ids, site->n_points, r->point_dbs, &e);
	for (size_t n = 0; !bad && n < site->n_nodes; n++)
		for (unsigned st = 0; !bad && st < STREAM_COUNT; st++)
			bad = store_bind_stream(r->store, site->nodes[n], st, &r->stream_dbs[n * STREAM_COUNT + st], &e);
	free(ids);
	if (bad)
		fail_msg("%s", e.text);
}

static void start_pipeline(struct rig *r)
{
	struct pipeline_config c = {
		.site = &r->config->site, .rules = r->config->rules, .n_rules = r->config->n_rules, .point_dbs = r->point_dbs, .stream_dbs = r->stream_dbs, .boot = ++r->boot,
		.machine_boot = 1, .started = r->now,
	};
	struct err e;

	assert_int_equal(pipeline_new(&c, &r->pipeline, &e), 0);
}

void rig_open(struct rig *r, const char *const *rules, size_t n, bool stores)
{
	struct findings findings;

	config_load_with_rules(r->site, rules, n, &r->config, &findings);
	if (!r->config)
		findings_print(&findings, stderr);
	findings_done(&findings);
	assert_non_null(r->config);
	r->now = (struct stamp){ 1000 * CLOCK_NS_PER_S, RIG_T0, true };
	r->point_dbs = calloc(r->config->site.n_points, sizeof *r->point_dbs);
	r->stream_dbs = calloc(r->config->site.n_nodes * STREAM_COUNT, sizeof *r->stream_dbs);
	if (stores)
		open_store(r);
	start_pipeline(r);
	r->batch = batch_new((struct batch_sizes){ 512, 4096, 512, 1, 1, 1, 1, 1 << 20, 1 << 24 });
	assert_non_null(r->batch);
	pipeline_set_batch(r->pipeline, r->batch);
	pipeline_started(r->pipeline, r->now, &r->fx);
}

static void give_state(void *user, const char *alarm, const void *blob, size_t len)
{
	struct rig *r = user;

	pipeline_restore_state(r->pipeline, alarm, blob, len, r->now);
}

static void give_alarm(void *user, const struct record_event *e, const char *node, unsigned stream)
{
	struct rig *r = user;

	pipeline_restore_alarm(r->pipeline, e, node, stream);
}

void rig_restart(struct rig *r)
{
	struct err e;

	rig_commit(r);
	store_close(r->store);
	pipeline_free(r->pipeline);
	open_store(r);
	start_pipeline(r);
	pipeline_set_batch(r->pipeline, r->batch);
	if (store_each_state(r->store, give_state, r, &e) || store_each_alarm(r->store, give_alarm, r, &e))
		fail_msg("%s", e.text);
	pipeline_started(r->pipeline, r->now, &r->fx);
}

void rig_close(struct rig *r)
{
	rig_commit(r);
	store_close(r->store);
	pipeline_free(r->pipeline);
	batch_free(r->batch);
	config_free(r->config);
	free(r->point_dbs);
	free(r->stream_dbs);
	r->store = NULL;
}

void rig_remove(struct rig *r)
{
	char command[128];

	snprintf(command, sizeof command, "rm -r '%s'", r->dir);
	assert_int_equal(system(command), 0);
}

void rig_commit(struct rig *r)
{
	struct err e;

	for (size_t i = 0; i < r->batch->n_events && r->events; i++)
		r->events(r->user, &r->batch->events[i]);
	if (r->store && store_commit(r->store, r->batch, r->now.wall_ms, &e))
		fail_msg("%s", e.text);
	batch_clear(r->batch);
}

static void after(struct rig *r)
{
	assert_int_equal(r->fx.lost_events + r->fx.lost_readings, 0);
	if (r->batch->n_events > 200 || r->batch->n_readings > 3000 || r->batch->n_states > 200)
		rig_commit(r);
}

void rig_until(struct rig *r, double second)
{
	int64_t end = 1000 * CLOCK_NS_PER_S + (int64_t)(second * 1e9 + 0.5);

	while (r->fx.deadline_ns <= end) {
		if (r->fx.deadline_ns > r->now.mono_ns)
			r->now = clock_shift(r->now, r->fx.deadline_ns - r->now.mono_ns);
		struct pipeline_event e = { .type = EVENT_TIME, .now = r->now };
		pipeline_step(r->pipeline, &e, &r->fx);
		after(r);
	}
	r->now = clock_shift(r->now, end - r->now.mono_ns);
}

void rig_sample(struct rig *r, uint32_t point, double value, enum quality q)
{
	struct sample s = { .point = point, .quality = q, .value = { q == QUALITY_GOOD ? value : (double)NAN, NULL }, .at = r->now };
	struct pipeline_event e = { .type = EVENT_SAMPLE, .now = r->now, .sample = &s };

	pipeline_step(r->pipeline, &e, &r->fx);
	after(r);
}

uint32_t rig_point(const struct rig *r, const char *id)
{
	for (uint32_t i = 0; i < r->config->site.n_points; i++)
		if (strcmp(r->config->site.points[i].id, id) == 0)
			return i;
	fail_msg("no point %s", id);
	return 0;
}
