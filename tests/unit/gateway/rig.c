#include "tests/unit/gateway/rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char site[] =
	"site:\n  gateway: gw-1\n  region: \"500110002003\"\n  timezone: UTC\n  buildings: [{id: a, name: A座}]\n"
	"buses:\n  - name: line\n    url: tcp://127.0.0.1:502\n    devices:\n      - name: d\n        unit: 1\n        every: 1s\n        building: a\n        floor: \"12\"\n"
	"        zone: z\n        points:\n%s%s%s";

struct config *rig_config(const char *points, const char *rules)
{
	char path[] = "/tmp/firegw-rig-XXXXXX";
	struct findings findings;
	struct config *c = NULL;
	int fd = mkstemp(path);
	FILE *f = fdopen(fd, "w");

	assert_non_null(f);
	fprintf(f, site, points, rules[0] ? "rules:\n" : "", rules);
	fclose(f);
	config_load(path, &c, &findings);
	if (!c)
		findings_print(&findings, stderr);
	findings_done(&findings);
	unlink(path);
	assert_non_null(c);
	return c;
}

void rig_open(struct rig *r, struct config *c, struct batch_sizes sizes)
{
	if (!r->started.mono_ns)
		r->started = r->now;
	struct pipeline_config pc = { .site = &c->site, .rules = c->rules, .n_rules = c->n_rules, .boot = r->boot, .machine_boot = r->machine_boot ? r->machine_boot : 7, .started = r->started };
	struct err e;

	r->config = c;
	r->point_dbs = calloc(c->site.n_points, sizeof *r->point_dbs);
	r->stream_dbs = calloc(c->site.n_nodes * STREAM_COUNT, sizeof *r->stream_dbs);
	for (uint32_t i = 0; i < c->site.n_nodes * STREAM_COUNT; i++)
		r->stream_dbs[i] = i + 1;
	r->decodings = calloc(c->site.n_points, sizeof *r->decodings);
	config_decodings(c, r->decodings);
	pc.point_dbs = r->point_dbs;
	pc.decodings = r->decodings;
	pc.stream_dbs = r->stream_dbs;
	assert_int_equal(pipeline_new(&pc, &r->pipeline, &e), 0);
	r->batch = batch_new(sizes);
	assert_non_null(r->batch);
	pipeline_set_batch(r->pipeline, r->batch);
	r->fx.deadline_ns = r->now.mono_ns;
}

void rig_start(struct rig *r, const char *points, const char *rules)
{
	memset(r, 0, sizeof *r);
	r->boot = 0xabc;
	r->now = (struct stamp){ .mono_ns = 1000 * CLOCK_NS_PER_S, .wall_ms = RIG_STARTED_MS, .wall_trusted = true };
	rig_open(r, rig_config(points, rules), (struct batch_sizes){ 256, 4096, 512, 8, 8, 8, 8, 1 << 20 });
	pipeline_started(r->pipeline, r->now, &r->fx);
}

void rig_give_states(struct rig *to, const struct rig *from)
{
	for (size_t i = 0; i < from->batch->n_states; i++)
		pipeline_restore_state(to->pipeline, from->batch->states[i].alarm, from->batch->states[i].blob, from->batch->states[i].len, to->now);
}

void rig_reload(struct rig *r, struct rig *old, const char *new_points, const char *new_rules)
{
	memset(r, 0, sizeof *r);
	r->boot = old->boot;
	r->now = old->now;
	r->started = old->started;
	rig_open(r, rig_config(new_points, new_rules), (struct batch_sizes){ 64, 64, 64, 8, 8, 8, 8, 1 << 18 });
	pipeline_adopt(r->pipeline, old->pipeline, r->now, &r->fx);
}

void rig_done(struct rig *r)
{
	pipeline_free(r->pipeline);
	batch_free(r->batch);
	config_free(r->config);
	free(r->point_dbs);
	free(r->decodings);
	free(r->stream_dbs);
}

void rig_wait(struct rig *r, int64_t ms)
{
	int64_t end = r->now.mono_ns + ms * CLOCK_NS_PER_MS;

	while (r->fx.deadline_ns <= end) {
		if (r->fx.deadline_ns > r->now.mono_ns)
			r->now = clock_shift(r->now, r->fx.deadline_ns - r->now.mono_ns);
		struct pipeline_event e = { .type = EVENT_TIME, .now = r->now };
		pipeline_step(r->pipeline, &e, &r->fx);
	}
	r->now = clock_shift(r->now, end - r->now.mono_ns);
}

static uint32_t find(const struct rig *r, const char *point)
{
	for (uint32_t i = 0; i < r->config->site.n_points; i++)
		if (strcmp(r->config->site.points[i].id, point) == 0)
			return i;
	fail_msg("no point %s", point);
	return 0;
}

void rig_sample(struct rig *r, const char *point, double value, enum quality q, const char *text)
{
	struct sample s = { .point = find(r, point), .quality = q, .value = { value, text }, .at = r->now };
	struct pipeline_event e = { .type = EVENT_SAMPLE, .now = r->now, .sample = &s };

	pipeline_step(r->pipeline, &e, &r->fx);
}

void rig_value(struct rig *r, const char *point, double value)
{
	rig_sample(r, point, value, QUALITY_GOOD, NULL);
}

void rig_command(struct rig *r, const char *alarm, enum rules_command what)
{
	struct pipeline_event e = { .type = EVENT_COMMAND, .now = r->now, .command = what, .cause = CAUSE_PERSON, .actor = "li", .note = "看过" };

	e.alarm = rules_find(pipeline_rules(r->pipeline), alarm);
	assert_int_not_equal(e.alarm, RULES_ALARM_NONE);
	pipeline_step(r->pipeline, &e, &r->fx);
}

size_t rig_readings(const struct rig *r, const char *point)
{
	size_t n = 0;

	for (size_t i = 0; i < r->batch->n_readings; i++)
		n += strcmp(r->batch->readings[i].point_id, point) == 0;
	return n;
}

const char *rig_events(const struct rig *r, size_t from)
{
	static char text[8192];
	size_t len = 0;

	text[0] = '\0';
	for (size_t i = from; i < r->batch->n_events; i++) {
		const struct record_event *e = &r->batch->events[i];
		len += (size_t)snprintf(text + len, sizeof text - len, "%s %s %s;", e->alarm ? e->alarm : "-", transition_name(e->transition),
		                        e->alarm ? alarm_state_name(e->state) : "-");
		assert_true(len < sizeof text);
	}
	return text;
}

json_t *rig_event(const struct rig *r, size_t i)
{
	const struct record_event *e = &r->batch->events[i];
	struct strbuf text = STRBUF_INIT;
	json_error_t je;

	record_event_head(&text, r->config->site.gateway, r->config->site.nodes[e->node], "00000001", e->class_, 1, 1);
	strbuf_put(&text, e->tail, e->tail_len);
	assert_false(text.failed);
	json_t *o = json_loadb(text.data, text.len, JSON_REJECT_DUPLICATES, &je);
	if (!o)
		fail_msg("%s at %d: %s", je.text, je.position, text.data);
	strbuf_done(&text);
	return o;
}
