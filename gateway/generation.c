#include "gateway/app.h"

#include "gateway/directory.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct { const char *what, *zh, *en; } storage_faults[] = {
	{ "full", "本地存储已满,正在放弃最旧的读数", "local storage is full: the oldest readings are given up" },
	{ "slow", "本地存储响应缓慢,报警先行发出", "local storage is slow: alarms go out before they are stored" },
	{ "failing", "本地存储写入失败,报警先行发出", "local storage cannot be written: alarms go out before they are stored" },
	{ "damaged", "本地数据库损坏,已另存并新建", "the local database was damaged: it was set aside and a new one begun" },
};
static const struct { const char *what, *zh, *en; } hub_faults[] = {
	{ "unreachable", "无法连接消防数据中心 %s", "hub %s cannot be reached" },
	{ "refused", "消防数据中心 %s 拒绝连接或拒绝接收", "hub %s refuses the connection or what is sent" },
	{ "stopped", "消防数据中心 %s 停止接收", "hub %s has stopped reading" },
	{ "certificate", "消防数据中心 %s 的证书无效", "the certificate of hub %s is not valid" },
};

/* A printf into memory that lives as long as the config; NULL: no memory. */
__attribute__((format(printf, 1, 2))) static char *text(const char *fmt, ...)
{
	char *s = NULL;
	va_list args;

	va_start(args, fmt);
	int n = vasprintf(&s, fmt, args);
	va_end(args);
	return n < 0 ? NULL : s;
}

static bool add(struct generation *g, char *id, char *zh, char *en)
{
	g->owns[g->n_owns++] = (struct rules_own){ id, zh, en };
	return id && zh && en;
}

bool generation_say_refused(struct generation *g, const char *zh, const char *en)
{
	if (strcmp(g->refused_en, en) == 0)
		return false;
	snprintf(g->refused_zh, GENERATION_REFUSED_MAX, "%s", zh);
	snprintf(g->refused_en, GENERATION_REFUSED_MAX, "%s", en);
	return true;
}

void generation_say_more(struct generation *g, const char *id, const char *zh, const char *en)
{
	for (size_t i = 0; i < g->n_owns; i++) {
		if (strcmp(g->owns[i].id, id) != 0)
			continue;
		g->owns[i].more_zh = zh;
		g->owns[i].more_en = en;
		return;
	}
}

void generation_say_kept(struct generation *g, const char *bus, uint64_t kept, uint64_t due)
{
	for (size_t i = 0; i < g->config->n_buses; i++) {
		if (strcmp(g->config->buses[i].bus.name, bus) != 0)
			continue;
		snprintf(g->kept[2 * i], GENERATION_KEPT_MAX, ":最近一分钟应轮询 %" PRIu64 " 次,完成 %" PRIu64 " 次", due, kept);
		snprintf(g->kept[2 * i + 1], GENERATION_KEPT_MAX, ": of %" PRIu64 " polls due in the last minute %" PRIu64 " were kept", due, kept);
	}
}

static bool add_all(struct generation *g)
{
	const struct config *c = g->config;
	bool ok = true;

	g->refused_zh = malloc(GENERATION_REFUSED_MAX);
	g->refused_en = malloc(GENERATION_REFUSED_MAX);
	if (g->refused_zh && g->refused_en) {
		snprintf(g->refused_zh, GENERATION_REFUSED_MAX, "新配置有错误,沿用旧配置");
		snprintf(g->refused_en, GENERATION_REFUSED_MAX, "the new configuration has errors: the old one runs on");
	}

	for (size_t i = 0; i < sizeof storage_faults / sizeof storage_faults[0]; i++)
		ok = add(g, text("_gw.storage/%s", storage_faults[i].what), text("%s", storage_faults[i].zh), text("%s", storage_faults[i].en)) && ok;
	ok = add(g, text("_gw.config/refused"), g->refused_zh, g->refused_en) && ok;
	ok = add(g, text("_gw.clock/untrusted"), text("网关时钟不可信"), text("the gateway's clock cannot be trusted")) && ok;
	g->has_power = app_power_is_told(c);
	if (g->has_power) {
		ok = add(g, text("_gw.power/mains"), text("网关主电源中断"), text("the gateway's mains supply is lost")) && ok;
		ok = add(g, text("_gw.power/battery"), text("网关备用电源异常"), text("the gateway's battery is not well")) && ok;
	}
	ok = add(g, text("_gw.duty/unstaffed"), text("消防控制室值班人员少于 %d 人", c->duty_least), text("fewer than %d persons are on duty in the control room", c->duty_least)) && ok;
	if (c->sound_device)
		ok = add(g, text("_gw.sound/none"), text("控制室听不到报警声"), text("no alarm is heard in the control room")) && ok;
	ok = add(g, text("_gw.loop/late"), text("网关处理延迟"), text("the gateway is late with its work")) && ok;
	for (size_t i = 0; i < c->n_buses; i++) {
		const char *name = c->buses[i].bus.name;
		ok = add(g, text("_gw.bus-%s/down", name), text("通信线路 %s 中断", name), text("line %s is down", name)) && ok;
		ok = add(g, text("_gw.bus-%s/overcommitted", name), text("通信线路 %s 来不及按周期轮询", name), text("line %s cannot keep its intervals", name)) && ok;
		g->owns[g->n_owns - 1].more_zh = g->kept[2 * i];
		g->owns[g->n_owns - 1].more_en = g->kept[2 * i + 1];
		for (size_t j = 0; j < c->buses[i].bus.n_devices; j++) {
			const char *device = c->buses[i].bus.devices[j].name;
			ok = add(g, text("_gw.device-%s/silent", device), text("设备 %s ", device), text("device %s ", device)) && ok;
			g->owns[g->n_owns - 1].more_zh = "无应答";
			g->owns[g->n_owns - 1].more_en = "does not answer";
		}
	}
	for (size_t i = 0; i < c->n_hubs; i++) {
		const char *name = c->hubs[i].link.name;
		for (size_t j = 0; j < sizeof hub_faults / sizeof hub_faults[0]; j++) {
			char zh[256], en[256];
			struct message_text { const char *fmt; char *to; } pair[] = { { hub_faults[j].zh, zh }, { hub_faults[j].en, en } };
			for (size_t k = 0; k < 2; k++) {
				const char *at = strstr(pair[k].fmt, "%s");
				snprintf(pair[k].to, 256, "%.*s%s%s", (int)(at - pair[k].fmt), pair[k].fmt, name, at + 2);
			}
			ok = add(g, text("_gw.hub-%s/%s", name, hub_faults[j].what), text("%s", zh), text("%s", en)) && ok;
		}
	}
	return ok;
}

struct generation *generation_new(struct config *c)
{
	struct generation *g = calloc(1, sizeof *g);
	size_t n = 20 + 2 * c->n_buses + c->site.n_devices + 4 * c->n_hubs;

	if (!g)
		return NULL;
	g->config = c;
	g->refs = 1;
	g->owns = calloc(n, sizeof *g->owns);
	g->point_dbs = calloc(c->site.n_points ? c->site.n_points : 1, sizeof *g->point_dbs);
	g->decodings = calloc(c->site.n_points ? c->site.n_points : 1, sizeof *g->decodings);
	g->kept = calloc(2 * c->n_buses + 1, sizeof *g->kept);
	g->stream_dbs = calloc(c->site.n_nodes * STREAM_COUNT, sizeof *g->stream_dbs);
	if (g->decodings)
		config_decodings(c, g->decodings);
	if (!g->owns || !g->point_dbs || !g->decodings || !g->stream_dbs || !g->kept || !add_all(g)) {
		g->config = NULL; /* stays the caller's */
		generation_unref(g);
		return NULL;
	}
	return g;
}

int generation_describe(struct generation *g)
{
	const struct config *c = g->config;
	bool wanted = false, failed = false;

	for (size_t i = 0; i < c->n_hubs; i++)
		wanted = wanted || c->hubs[i].send_directory;
	if (!wanted)
		return 0;
	g->pages = calloc(c->site.n_nodes, sizeof *g->pages);
	for (uint32_t node = 0; g->pages && node < c->site.n_nodes && !failed; node++)
		failed = directory_pages(c, node, &g->pages[node]) != 0;
	return g->pages && !failed ? 0 : -1;
}

void generation_described(struct generation *g)
{
	for (size_t i = 0; g->pages && i < g->config->site.n_nodes; i++)
		outlist_done(&g->pages[i]);
	free(g->pages);
	g->pages = NULL;
}

struct generation *generation_ref(struct generation *g)
{
	g->refs++;
	return g;
}

void generation_unref(struct generation *g)
{
	if (!g || --g->refs)
		return;
	for (size_t i = 0; i < g->n_owns; i++) {
		free((char *)g->owns[i].id);
		free((char *)g->owns[i].message_zh);
		free((char *)g->owns[i].message_en);
	}
	if (g->config)
		generation_described(g);
	free(g->owns);
	free(g->kept);
	free(g->point_dbs);
	free(g->decodings);
	free(g->stream_dbs);
	config_free(g->config);
	free(g);
}

/* The places of nodes that the database alone knows of: named ones of the config first. */
struct recall { struct generation *g; const char **names; size_t n; bool failed; };

static void recall(struct recall *r, const char *node)
{
	for (size_t i = 0; i < r->n; i++)
		if (strcmp(r->names[i], node) == 0)
			return;
	const char **more = realloc(r->names, (r->n + 1) * sizeof *more);
	char *name = more ? strdup(node) : NULL;
	if (more)
		r->names = more;
	if (name)
		r->names[r->n++] = name;
	else
		r->failed = true;
}

static void on_stream(void *user, const struct store_stream *st)
{
	if (st->stream != STREAM_READING && st->first <= st->stored)
		recall(user, st->node);
}

static void on_alarm(void *user, const struct record_event *e, const char *node, unsigned stream)
{
	(void)e;
	(void)stream;
	recall(user, node);
}

static int place_nodes(struct recall *r, struct err *reterr)
{
	struct generation *g = r->g;

	if (r->failed)
		return err_set(reterr, ERR_NO_MEMORY, "no memory for the nodes");
	if (config_place_nodes(g->config, r->names, r->n, reterr))
		return -1;
	free(g->stream_dbs);
	g->stream_dbs = calloc(g->config->site.n_nodes * STREAM_COUNT, sizeof *g->stream_dbs);
	return g->stream_dbs ? 0 : err_set(reterr, ERR_NO_MEMORY, "no memory for the nodes");
}

int generation_recall_nodes(struct generation *g, struct store *s, struct err *reterr)
{
	struct recall r = { .g = g };
	int failed;

	for (size_t i = 0; i < g->config->site.n_nodes; i++)
		recall(&r, g->config->site.nodes[i]);
	failed = store_each_stream(s, on_stream, &r, reterr) || store_each_alarm(s, on_alarm, &r, reterr) || place_nodes(&r, reterr);
	for (size_t i = 0; i < r.n; i++)
		free((char *)(uintptr_t)r.names[i]);
	free(r.names);
	return failed ? -1 : 0;
}

int generation_bind(struct generation *g, struct store *s, struct err *reterr)
{
	const struct site *site = &g->config->site;
	const char **ids = calloc(site->n_points ? site->n_points : 1, sizeof *ids);

	if (!ids)
		return err_set(reterr, ERR_NO_MEMORY, "no memory for %zu points", site->n_points);
	for (size_t i = 0; i < site->n_points; i++)
		ids[i] = site->points[i].id;
	int failed = store_bind_points(s, ids, site->n_points, g->point_dbs, reterr);
	free(ids);
	for (size_t n = 0; !failed && n < site->n_nodes; n++)
		for (unsigned st = 0; !failed && st < STREAM_COUNT; st++)
			failed = store_bind_stream(s, site->nodes[n], st, &g->stream_dbs[n * STREAM_COUNT + st], reterr);
	return failed ? -1 : 0;
}
