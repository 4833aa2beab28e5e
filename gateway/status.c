/* The status payload of docs/mqtt.md: what is common to all hubs, with one hub's streams in it. */
#include "gateway/app.h"

#include <stdio.h>
#include <string.h>

static void put_time(struct strbuf *out, const char *key, int64_t wall_ms)
{
	char text[CLOCK_TEXT_MAX];

	strbuf_json_key(out, key);
	strbuf_json_string(out, clock_format(wall_ms, text));
}

static void put_alarms(struct app *a, struct strbuf *out)
{
	uint32_t counts[CLASS_COUNT];

	pipeline_count_alarms(a->pipeline, counts);
	strbuf_json_key(out, "alarms");
	strbuf_putc(out, '{');
	for (unsigned c = 0; c < CLASS_OPERATION; c++) {
		strbuf_json_key(out, alarm_class_name(c));
		strbuf_json_int(out, counts[c]);
	}
	strbuf_putc(out, '}');
}

static void put_tests(struct app *a, struct strbuf *out)
{
	const struct pipeline_test *tests = pipeline_tests(a->pipeline);
	bool any = false;

	strbuf_json_key(out, "tests");
	strbuf_putc(out, '[');
	for (size_t i = 0; i < RULES_TESTS_MAX; i++) {
		if (tests[i].mode == MODE_NORMAL)
			continue;
		strbuf_puts(out, any ? ",{\"select\":" : "{\"select\":");
		any = true;
		strbuf_json_string(out, tests[i].select);
		strbuf_json_key(out, "mode");
		strbuf_json_string(out, alarm_mode_name(tests[i].mode));
		put_time(out, "until", tests[i].until_ms);
		strbuf_json_key(out, "by");
		strbuf_json_string(out, tests[i].by);
		strbuf_putc(out, '}');
	}
	strbuf_putc(out, ']');
}

/* Who is on duty, what is under test, whether the sound was silenced. */
static void put_people(struct app *a, struct strbuf *out)
{
	char since[CLOCK_TEXT_MAX];

	if (a->duty.known)
		strbuf_printf(out, ",\"duty\":{\"on\":%zu,\"since\":\"%s\"}", a->duty.n, clock_format(a->duty.since_ms, since));
	else
		strbuf_puts(out, ",\"duty\":null");
	put_tests(a, out);
	strbuf_printf(out, ",\"flood\":%s,\"silenced\":", pipeline_in_flood(a->pipeline) ? "true" : "false");
	if (!a->silence.on) {
		strbuf_puts(out, "null");
		return;
	}
	strbuf_printf(out, "{\"since\":\"%s\",\"by\":", clock_format(a->silence.since_ms, since));
	strbuf_json_string(out, a->silence.by);
	strbuf_putc(out, '}');
}

static const char *power_word(enum power p)
{
	return p == POWER_UNKNOWN ? "null" : p == POWER_WELL ? "true" : "false";
}

static void put_power(struct app *a, struct strbuf *out)
{
	if (a->mains == POWER_UNKNOWN && a->battery == POWER_UNKNOWN)
		strbuf_puts(out, "null");
	else
		strbuf_printf(out, "{\"mains\":%s,\"battery\":%s}", power_word(a->mains), power_word(a->battery));
}

void status_payload(struct app *a, struct strbuf *out, int64_t session, bool online, const char *reason, const char *streams)
{
	const struct config *c = a->generation->config;
	struct stamp now = loop_now(&a->loop);
	size_t up = 0;

	for (size_t i = 0; i < a->n_buses; i++)
		up += a->buses[i].poller && app_bus_up(&a->buses[i]);
	strbuf_puts(out, "{\"v\":1,\"gateway\":");
	strbuf_json_string(out, c->site.gateway);
	strbuf_json_key(out, "node");
	strbuf_json_string(out, c->site.nodes[0]);
	strbuf_json_key(out, "session");
	strbuf_json_int(out, session);
	strbuf_puts(out, online ? ",\"online\":true" : ",\"online\":false");
	if (reason) {
		strbuf_json_key(out, "reason");
		strbuf_json_string(out, reason);
	}
	strbuf_printf(out, ",\"boot\":\"%016llx\",\"version\":\"%s\"", (unsigned long long)a->boot, FIREGW_VERSION);
	strbuf_json_key(out, "config");
	strbuf_json_string(out, c->hash);
	put_time(out, "since", a->started.wall_ms);
	put_time(out, "at", now.wall_ms);
	strbuf_json_key(out, "log");
	strbuf_json_string(out, a->log_id);
	strbuf_printf(out, ",\"points\":{\"total\":%zu,\"good\":%zu},\"buses\":{\"total\":%zu,\"up\":%zu}", c->site.n_points, pipeline_good_points(a->pipeline),
	              a->n_buses, up);
	put_alarms(a, out);
	strbuf_putc(out, ',');
	strbuf_puts(out, streams);
	strbuf_printf(out, ",\"storage\":{\"bytes\":%lld,\"limit\":%lld},\"power\":", (long long)a->usage.bytes, (long long)a->usage.limit);
	put_power(a, out);
	put_people(a, out);
	strbuf_json_key(out, "audit");
	if (a->audit_head[0])
		strbuf_printf(out, "\"sha256:%s\"", a->audit_head);
	else
		strbuf_puts(out, "null");
	strbuf_json_key(out, "clock");
	strbuf_json_string(out, now.wall_trusted ? "trusted" : "untrusted");
	strbuf_putc(out, '}');
}

/* Without a hub nothing is sent. */
static int64_t sent_to_all(const struct app *a, size_t stream)
{
	int64_t least = a->n_hubs ? INT64_MAX : 0;

	for (size_t h = 0; h < a->n_hubs; h++)
		if (a->hubs[h]->acked && a->hubs[h]->acked[stream] < least)
			least = a->hubs[h]->acked[stream];
	return least == INT64_MAX ? 0 : least;
}

int64_t status_newest_session(const struct app *a)
{
	int64_t newest = 0;

	for (size_t h = 0; h < a->n_hubs; h++)
		if (a->hubs[h]->session > newest)
			newest = a->hubs[h]->session;
	return newest;
}

void status_streams_plain(struct app *a, struct strbuf *out)
{
	const struct site *site = &a->generation->config->site;

	strbuf_puts(out, "\"streams\":{");
	for (size_t i = 0; i < a->n_streams; i++)
		strbuf_printf(out, "%s\"%s/%s\":{\"first\":%lld,\"stored\":%lld,\"sent\":%lld}", i ? "," : "", site->nodes[i / STREAM_COUNT], stream_name(i % STREAM_COUNT),
		              (long long)a->streams[i].first, (long long)a->streams[i].stored, (long long)sent_to_all(a, i));
	strbuf_putc(out, '}');
}
