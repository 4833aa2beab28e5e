#include "gateway/config/bind.h"
#include "gateway/config/loader.h"
#include "gateway/config/url.h"

#include <stddef.h>
#include <string.h>

struct hub_fields {
	struct field name, url, version, client_id, username, password_file, tls, send, classes, personal, commands, start, backlog, keepalive;
};

#define MS_PER_DAY INT64_C(86400000)
#define HUB_URLS_MAX 8
#define HUBS_MAX 64
static const char *const version_words[] = { "5", "3.1.1", NULL };
static const char *const personal_words[] = { "none", "names", "full", NULL };
static const char *const start_words[] = { "now", "oldest", NULL };
static const char *const send_words[] = { "events", "readings", "status", "directory", "building", "report", NULL };
static const char *const command_words[] = { "snapshot", "replay", "refresh", "inspect", "duty_check", "history", "ack", NULL };

static const struct bind_key hub_keys[] = {
	{ "name", NULL, BIND_NAME, BIND_REQUIRED, offsetof(struct hub_fields, name) },
	{ "url", NULL, BIND_ANY, BIND_REQUIRED, offsetof(struct hub_fields, url) },
	{ "version", NULL, BIND_WORD, 0, offsetof(struct hub_fields, version), .words = version_words, .def = "5" },
	{ "client_id", NULL, BIND_TEXT, 0, offsetof(struct hub_fields, client_id), 1, 128 },
	{ "username", NULL, BIND_TEXT, 0, offsetof(struct hub_fields, username), 1 },
	{ "password_file", NULL, BIND_PATH, 0, offsetof(struct hub_fields, password_file) },
	{ "tls", NULL, BIND_MAP, 0, offsetof(struct hub_fields, tls) },
	{ "send", NULL, BIND_ANY, 0, offsetof(struct hub_fields, send) },
	{ "classes", NULL, BIND_ANY, 0, offsetof(struct hub_fields, classes) },
	{ "personal", NULL, BIND_WORD, 0, offsetof(struct hub_fields, personal), .words = personal_words, .def = "none" },
	{ "commands", NULL, BIND_ANY, 0, offsetof(struct hub_fields, commands) },
	{ "start", NULL, BIND_WORD, 0, offsetof(struct hub_fields, start), .words = start_words, .def = "now" },
	{ "backlog", NULL, BIND_MAP, 0, offsetof(struct hub_fields, backlog) },
	{ "keepalive", NULL, BIND_DURATION, 0, offsetof(struct hub_fields, keepalive), 5000, 3600000, .def = "20s" },
};

struct tls_fields { struct field ca, cert, key; };

static const struct bind_key tls_keys[] = {
	{ "ca", NULL, BIND_PATH, 0, offsetof(struct tls_fields, ca) },
	{ "cert", NULL, BIND_PATH, 0, offsetof(struct tls_fields, cert) },
	{ "key", NULL, BIND_PATH, 0, offsetof(struct tls_fields, key) },
};

struct backlog_fields { struct field readings, events; };

static const struct bind_key backlog_keys[] = {
	{ "readings", NULL, BIND_DURATION, 0, offsetof(struct backlog_fields, readings), 1000, 36500 * MS_PER_DAY, .def = "24h" },
	{ "events", NULL, BIND_DURATION, 0, offsetof(struct backlog_fields, events), 1000, 36500 * MS_PER_DAY, .def = "1y" },
};

const char *hub_command_name(enum hub_command c)
{
	return command_words[c];
}

static void load_urls(struct loader *l, const struct node *n, struct hub_config *link)
{
	size_t count;
	const struct node *const *items = bind_words(l, n, "url", &count);
	const char **urls = arena_take(&l->keep, count + 1, sizeof *urls);

	if (count > HUB_URLS_MAX)
		find_error(l, items[HUB_URLS_MAX], "more than %d urls", HUB_URLS_MAX);
	for (size_t i = 0; i < count; i++) {
		struct url u;
		if (url_split(l, items[i], items[i]->text, &u) < 0)
			continue;
		if (strcmp(u.scheme, "mqtt") != 0 && strcmp(u.scheme, "mqtts") != 0 && strcmp(u.scheme, "ws") != 0 && strcmp(u.scheme, "wss") != 0)
			find_error(l, items[i], "url '%s': a hub's is mqtt://, mqtts://, ws:// or wss://", items[i]->text);
		else if (!*u.host)
			find_error(l, items[i], "url '%s' names no host", items[i]->text);
		else if (u.query || (u.path && u.scheme[0] == 'm'))
			find_error(l, items[i], "url '%s': nothing may stand behind host and port", items[i]->text);
		for (size_t k = 0; k < i; k++)
			if (strcmp(items[k]->text, items[i]->text) == 0)
				find_error(l, items[i], "url '%s' is given twice", items[i]->text);
		urls[link->n_urls++] = arena_copy(&l->keep, items[i]->text);
	}
	link->urls = urls;
}

/* A list of words of `words` sets ret[i]. names: for "send", … */
static void load_flags(struct loader *l, const struct node *n, const char *what, const char *const *words, bool *ret)
{
	size_t count;

	if (n->type == NODE_LIST && n->n == 0)
		return; /* none at all */
	const struct node *const *items = bind_words(l, n, what, &count);
	for (size_t i = 0; i < count; i++) {
		size_t w = 0;
		while (words[w] && strcmp(words[w], items[i]->text) != 0)
			w++;
		if (!words[w])
			find_error(l, items[i], "%s: '%s' is not known%s", what, items[i]->text, nearest_hint(l, nearest_in(items[i]->text, words)));
		else if (ret[w])
			find_error(l, items[i], "%s: '%s' is given twice", what, items[i]->text);
		else
			ret[w] = true;
	}
}

static void load_send(struct loader *l, const struct field *f, struct config_hub *h)
{
	bool flags[6] = { true, false, true, true, true, false };

	if (f->at) {
		memset(flags, 0, sizeof flags);
		load_flags(l, f->at, "send", send_words, flags);
	}
	h->send_events = flags[0];
	h->send_readings = flags[1];
	h->send_status = flags[2];
	h->send_directory = flags[3];
	h->send_building = flags[4];
	h->send_report = flags[5];
}

static void load_classes(struct loader *l, const struct field *f, struct config_hub *h)
{
	const char *words[CLASS_COUNT + 1] = { NULL };

	for (size_t i = 0; i < CLASS_COUNT; i++) {
		words[i] = alarm_class_name((enum alarm_class)i);
		h->classes[i] = !f->at;
	}
	if (f->at)
		load_flags(l, f->at, "classes", words, h->classes);
}

static void load_commands(struct loader *l, const struct field *f, struct config_hub *h)
{
	if (!f->at)
		return;
	load_flags(l, f->at, "commands", command_words, h->commands);
	for (size_t i = HUB_INSPECT; i < HUB_COMMAND_COUNT; i++)
		if (h->commands[i])
			find_warning(l, f->at, "commands: '%s' is not active yet: it is answered with an error", command_words[i]);
}

static void load_tls(struct loader *l, const struct node *n, struct hub_config *link)
{
	struct tls_fields f;
	bool any = false;

	bind_map(l, n, tls_keys, 3, &f, "tls");
	link->tls_ca = f.ca.text;
	link->tls_cert = f.cert.text;
	link->tls_key = f.key.text;
	if (!link->tls_cert != !link->tls_key)
		find_error(l, n, "tls: cert and key belong together: '%s' is missing", link->tls_cert ? "key" : "cert");
	for (size_t i = 0; i < link->n_urls; i++)
		any |= strncmp(link->urls[i], "mqtts:", 6) == 0 || strncmp(link->urls[i], "wss:", 4) == 0;
	if (!any && link->n_urls)
		find_error(l, n, "tls is given, but the url is not mqtts:// or wss://");
}

static bool is_loopback(const char *url)
{
	const char *host = strstr(url, "://");

	host = host ? host + 3 : url;
	return strncmp(host, "127.", 4) == 0 || strncmp(host, "localhost", 9) == 0 || strncmp(host, "[::1]", 5) == 0;
}

static void check_login(struct loader *l, const struct hub_fields *f, const struct hub_config *link)
{
	if (link->password_file && !link->username && link->version == 311)
		find_error(l, f->password_file.at, "MQTT 3.1.1 knows no password without a username");
	for (size_t i = 0; link->password_file && i < link->n_urls; i++)
		if ((strncmp(link->urls[i], "mqtt:", 5) == 0 || strncmp(link->urls[i], "ws:", 3) == 0) && !is_loopback(link->urls[i]))
			find_warning(l, f->password_file.at, "the password goes to '%s' in the clear: use mqtts://", link->urls[i]);
}

static void load_hub(struct loader *l, const struct node *n, struct config_hub *h)
{
	struct hub_fields f;
	struct backlog_fields b;
	static const struct node empty = { .type = NODE_MAP };

	bind_map(l, n, hub_keys, sizeof hub_keys / sizeof *hub_keys, &f, "a hub");
	h->link.name = field_keep(l, &f.name, "?");
	h->link.version = f.version.number == 0 ? 5 : 311;
	h->link.client_id = field_keep(l, &f.client_id, l->c->site.gateway);
	h->link.username = field_keep(l, &f.username, NULL);
	h->link.password_file = f.password_file.text;
	h->link.keepalive_s = (int)(f.keepalive.number / 1000);
	if (f.keepalive.at && f.keepalive.number % 1000)
		find_error(l, f.keepalive.at, "keepalive must be whole seconds, not %s", f.keepalive.text);
	if (f.url.at)
		load_urls(l, f.url.at, &h->link);
	if (f.tls.at)
		load_tls(l, f.tls.at, &h->link);
	check_login(l, &f, &h->link);
	load_send(l, &f.send, h);
	load_classes(l, &f.classes, h);
	load_commands(l, &f.commands, h);
	h->personal = (enum config_personal)f.personal.number;
	h->start_oldest = f.start.number == 1;
	bind_map(l, f.backlog.at ? f.backlog.at : &empty, backlog_keys, 2, &b, "backlog");
	h->backlog_readings_ms = b.readings.number;
	h->backlog_events_ms = b.events.number;
	h->hash = config_hash_hub(h);
}

/* Two connections of one client id throw each other out for ever. */
static void check_same_client(struct loader *l, const struct node *at, const struct config_hub *hubs, size_t i)
{
	for (size_t k = 0; k < i; k++) {
		if (strcmp(hubs[k].link.client_id, hubs[i].link.client_id) != 0)
			continue;
		for (size_t a = 0; a < hubs[k].link.n_urls; a++)
			for (size_t b = 0; b < hubs[i].link.n_urls; b++)
				if (strcmp(hubs[k].link.urls[a], hubs[i].link.urls[b]) == 0) {
					find_error(l, at, "hub '%s' has the url and the client_id of hub '%s': they would throw each other out", hubs[i].link.name,
					           hubs[k].link.name);
					return;
				}
	}
}

void load_hubs(struct loader *l, const struct node *list)
{
	struct config_hub *hubs = arena_take(&l->keep, list->n + 1, sizeof *hubs);
	const char **names = arena_take(&l->keep, list->n + 1, sizeof *names);
	size_t n = 0, count = bind_count(l, list, HUBS_MAX, "hubs");

	for (size_t i = 0; i < count; i++) {
		const struct node *item = list->items[i];
		if (!bind_is_map(l, item, "a hub"))
			continue;
		load_hub(l, item, &hubs[n]);
		for (size_t k = 0; k < n; k++)
			if (strcmp(hubs[k].link.name, hubs[n].link.name) == 0)
				find_error(l, node_get(item, "name") ? node_get(item, "name") : item, "hub '%s' is given twice", hubs[n].link.name);
		check_same_client(l, item, hubs, n);
		names[n] = hubs[n].link.name;
		n++;
	}
	l->c->hubs = hubs;
	l->c->n_hubs = n;
	l->c->site.hubs = names;
	l->c->site.n_hubs = n;
}
