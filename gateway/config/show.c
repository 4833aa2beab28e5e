#include "gateway/config/show.h"

#include <string.h>

/* Texts that are empty by default are left out; everything else stands, defaults too. */
static void text_unless_empty(struct writer *w, const char *key, const char *text)
{
	if (text && *text)
		writer_text(w, key, text);
}

static void show_parties(struct writer *w, const struct config_building *b)
{
	if (b->n_parties == 0)
		return;
	writer_open_map(w, "parties", false);
	for (size_t i = 0; i < b->n_parties; i++) {
		const struct config_party *p = &b->parties[i];
		writer_open_map(w, p->role, true);
		text_unless_empty(w, "name", p->name);
		text_unless_empty(w, "phone", p->phone);
		text_unless_empty(w, "unit", p->unit);
		text_unless_empty(w, "uscc", p->uscc);
		writer_close(w);
	}
	writer_close(w);
}

static void show_building(struct writer *w, const struct config_building *b, const struct site_building *s)
{
	writer_open_map(w, NULL, false);
	writer_text(w, "id", b->id);
	writer_text(w, "name", b->name);
	writer_text(w, "node", b->node);
	text_unless_empty(w, "code", b->code);
	text_unless_empty(w, "address", b->address);
	if (!isnan(b->lat) && !isnan(b->lon)) {
		writer_open_map(w, "location", true);
		writer_double(w, "lat", b->lat);
		writer_double(w, "lon", b->lon);
		writer_text(w, "datum", b->datum);
		writer_close(w);
	}
	text_unless_empty(w, "use", b->use);
	if (s->class_ != BUILDING_UNKNOWN)
		writer_text(w, "class", building_class_name(s->class_));
	if (!isnan(s->height_m))
		writer_double(w, "height_m", s->height_m);
	if (b->floors >= 0)
		writer_int(w, "floors", b->floors);
	if (b->basements >= 0)
		writer_int(w, "basements", b->basements);
	show_parties(w, b);
	writer_close(w);
}

static void show_site(struct writer *w, const struct config *c)
{
	writer_open_map(w, "site", false);
	writer_text(w, "gateway", c->site.gateway);
	writer_text(w, "name", c->name);
	writer_text(w, "region", c->region);
	writer_text(w, "timezone", c->timezone);
	if (c->sound_device) {
		writer_open_map(w, "sound", true);
		writer_text(w, "device", c->sound_device);
		writer_close(w);
	}
	writer_open_map(w, "duty", true);
	writer_int(w, "least", c->duty_least);
	writer_close(w);
	writer_open_list(w, "buildings", false);
	for (size_t i = 0; i < c->site.n_buildings; i++)
		show_building(w, &c->buildings[i], &c->site.buildings[i]);
	writer_close(w);
	writer_close(w);
}

static void show_size(struct writer *w, const char *key, int64_t bytes)
{
	static const struct { int64_t factor; const char *unit; } units[] = { { 1 << 30, "GiB" }, { 1 << 20, "MiB" }, { 1 << 10, "KiB" }, { 1, "B" } };
	char text[32];
	size_t i = 0;

	while (bytes % units[i].factor)
		i++;
	snprintf(text, sizeof text, "%lld%s", (long long)(bytes / units[i].factor), units[i].unit);
	writer_word(w, key, text);
}

static void show_storage(struct writer *w, const struct config *c)
{
	writer_open_map(w, "storage", false);
	writer_text(w, "path", c->db_path);
	show_size(w, "max_size", c->max_bytes);
	writer_duration(w, "keep_readings", c->keep_readings_ms);
	writer_duration(w, "keep_events", c->keep_events_ms);
	writer_duration(w, "commit", c->commit_ms);
	writer_close(w);
}

static void show_flags(struct writer *w, const char *key, const char *(*name)(size_t), const bool *flags, size_t n)
{
	writer_open_list(w, key, true);
	for (size_t i = 0; i < n; i++)
		if (flags[i])
			writer_text(w, NULL, name(i));
	writer_close(w);
}

static const char *send_name(size_t i)
{
	static const char *const names[] = { "events", "readings", "status", "directory", "building", "report" };

	return names[i];
}

static const char *class_name(size_t i)
{
	return alarm_class_name((enum alarm_class)i);
}

static const char *command_name(size_t i)
{
	return hub_command_name((enum hub_command)i);
}

void show_hub(struct writer *w, const struct config_hub *h)
{
	static const char *const personal[] = { "none", "names", "full" };
	const bool send[] = { h->send_events, h->send_readings, h->send_status, h->send_directory, h->send_building, h->send_report };
	const struct hub_config *k = &h->link;

	writer_open_map(w, NULL, false);
	writer_text(w, "name", k->name);
	writer_open_list(w, "url", true);
	for (size_t i = 0; i < k->n_urls; i++)
		writer_text(w, NULL, k->urls[i]);
	writer_close(w);
	writer_word(w, "version", k->version == 5 ? "5" : "3.1.1");
	writer_text(w, "client_id", k->client_id);
	text_unless_empty(w, "username", k->username);
	text_unless_empty(w, "password_file", k->password_file);
	if (k->tls_ca || k->tls_cert) {
		writer_open_map(w, "tls", true);
		text_unless_empty(w, "ca", k->tls_ca);
		text_unless_empty(w, "cert", k->tls_cert);
		text_unless_empty(w, "key", k->tls_key);
		writer_close(w);
	}
	show_flags(w, "send", send_name, send, 6);
	show_flags(w, "classes", class_name, h->classes, CLASS_COUNT);
	writer_word(w, "personal", personal[h->personal]);
	show_flags(w, "commands", command_name, h->commands, HUB_COMMAND_COUNT);
	writer_word(w, "start", h->start_oldest ? "oldest" : "now");
	writer_open_map(w, "backlog", true);
	writer_duration(w, "readings", h->backlog_readings_ms);
	writer_duration(w, "events", h->backlog_events_ms);
	writer_close(w);
	writer_duration(w, "keepalive", (int64_t)k->keepalive_s * 1000);
	writer_close(w);
}

static void show_rest(struct writer *w, const struct config *c)
{
	static const char *const levels[] = { "error", "warning", "info", "debug" };

	if (c->web_listen) {
		writer_open_map(w, "web", true);
		writer_text(w, "listen", c->web_listen);
		writer_close(w);
	}
	writer_open_map(w, "control", false);
	writer_text(w, "socket", c->control_socket);
	writer_text(w, "operators", c->operators);
	writer_text(w, "maintainers", c->maintainers);
	writer_close(w);
	writer_open_map(w, "log", true);
	writer_word(w, "level", levels[c->log_level]);
	writer_close(w);
}

void config_write(const struct config *c, bool as_json, struct strbuf *out)
{
	struct writer w = { .out = out, .json = as_json };

	writer_open_map(&w, NULL, false);
	show_site(&w, c);
	show_storage(&w, c);
	if (c->n_hubs) {
		writer_open_list(&w, "hubs", false);
		for (size_t i = 0; i < c->n_hubs; i++)
			show_hub(&w, &c->hubs[i]);
		writer_close(&w);
	}
	show_rest(&w, c);
	writer_open_list(&w, "buses", false);
	for (size_t i = 0; i < c->n_buses; i++)
		show_bus(&w, c, &c->buses[i]);
	writer_close(&w);
	if (c->n_rules) {
		writer_open_list(&w, "rules", false);
		for (size_t i = 0; i < c->n_rules; i++)
			show_rule(&w, &c->rules[i]);
		writer_close(&w);
	}
	writer_close(&w);
}

int config_show(const struct config *c, bool as_json, FILE *out)
{
	struct strbuf text = STRBUF_INIT;
	int r = -1;

	config_write(c, as_json, &text);
	if (!text.failed && fwrite(text.data, 1, text.len, out) == text.len)
		r = 0;
	strbuf_done(&text);
	return r;
}
