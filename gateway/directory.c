#include "gateway/directory.h"

#include "gateway/app.h"

#include <stdio.h>
#include <string.h>

#define PAGE_BYTES (PAYLOAD_MAX - 8192)

static void put_string(struct strbuf *out, const char *key, const char *value)
{
	strbuf_json_key(out, key);
	strbuf_json_string(out, value);
}

static void put_text_or_null(struct strbuf *out, const char *key, const char *value)
{
	put_string(out, key, value && value[0] ? value : NULL);
}

static void put_limits(struct strbuf *out, const struct point *p)
{
	const struct { const char *key; double v; } limits[] = { { "low", p->low }, { "low2", p->low2 }, { "high", p->high }, { "high2", p->high2 } };

	strbuf_json_key(out, "limits");
	strbuf_putc(out, '{');
	for (size_t i = 0; i < 4; i++) {
		if (isnan(limits[i].v))
			continue;
		strbuf_json_key(out, limits[i].key);
		strbuf_json_double(out, limits[i].v);
	}
	strbuf_putc(out, '}');
}

static void put_enum(struct strbuf *out, const struct point *p)
{
	strbuf_json_key(out, "enum");
	if (!p->n_labels) {
		strbuf_puts(out, "null");
		return;
	}
	strbuf_putc(out, '{');
	for (size_t i = 0; i < p->n_labels; i++) {
		char mem[40];
		struct strbuf key;
		strbuf_init_fixed(&key, mem, sizeof mem);
		strbuf_json_double(&key, p->labels[i].value);
		put_string(out, mem, p->labels[i].text);
	}
	strbuf_putc(out, '}');
}

static void put_gb(struct strbuf *out, const struct point *p)
{
	strbuf_printf(out, ",\"gb26875\":{\"system\":%u", p->gb_system);
	if (p->gb_system_addr >= 0)
		strbuf_printf(out, ",\"system_addr\":%d", (int)p->gb_system_addr);
	else
		strbuf_puts(out, ",\"system_addr\":null");
	strbuf_printf(out, ",\"component\":%u,\"addr\":[", p->gb_component);
	for (size_t i = 0; i < p->n_gb_addr; i++)
		strbuf_printf(out, "%s%u", i ? "," : "", (unsigned)p->gb_addr[i]);
	strbuf_puts(out, "]}");
}

void directory_entry(struct strbuf *out, const struct config *c, const struct point *p)
{
	strbuf_putc(out, '{');
	put_string(out, "id", p->id);
	put_string(out, "name", p->name);
	put_string(out, "kind", kind_info(p->kind)->name);
	put_string(out, "unit", p->unit);
	put_string(out, "building", c->site.buildings[p->building].id);
	put_text_or_null(out, "floor", p->floor);
	put_text_or_null(out, "zone", p->zone);
	put_string(out, "location", p->location);
	put_text_or_null(out, "owner", p->owner);
	put_enum(out, p);
	put_limits(out, p);
	put_gb(out, p);
}

static void put_parties(struct strbuf *out, const struct config_building *b, enum config_personal personal)
{
	strbuf_json_key(out, "parties");
	strbuf_putc(out, '{');
	for (size_t i = 0; i < b->n_parties; i++) {
		const struct config_party *p = &b->parties[i];
		strbuf_json_key(out, p->role);
		strbuf_putc(out, '{');
		put_text_or_null(out, "unit", p->unit);
		put_text_or_null(out, "uscc", p->uscc);
		if (personal != PERSONAL_NONE)
			put_text_or_null(out, "name", p->name);
		if (personal == PERSONAL_FULL)
			put_text_or_null(out, "phone", p->phone);
		strbuf_putc(out, '}');
	}
	strbuf_putc(out, '}');
}

static void put_double_or_null(struct strbuf *out, const char *key, double v)
{
	strbuf_json_key(out, key);
	strbuf_json_double(out, v);
}

static void put_count(struct strbuf *out, const char *key, int v)
{
	strbuf_json_key(out, key);
	if (v < 0)
		strbuf_puts(out, "null");
	else
		strbuf_json_int(out, v);
}

static void put_head(struct strbuf *out, const struct config *c, uint32_t node)
{
	strbuf_puts(out, "{\"v\":1");
	put_string(out, "gateway", c->site.gateway);
	put_string(out, "node", c->site.nodes[node]);
}

void directory_building(struct strbuf *out, const struct config *c, size_t building, enum config_personal personal)
{
	const struct config_building *b = &c->buildings[building];
	const struct site_building *s = &c->site.buildings[building];

	put_head(out, c, s->node);
	put_string(out, "id", b->id);
	put_text_or_null(out, "code", b->code);
	put_string(out, "name", b->name);
	put_string(out, "region", c->region);
	put_text_or_null(out, "address", b->address);
	strbuf_json_key(out, "location");
	if (isnan(b->lat) || isnan(b->lon)) {
		strbuf_puts(out, "null");
	} else {
		strbuf_putc(out, '{');
		put_double_or_null(out, "lat", b->lat);
		put_double_or_null(out, "lon", b->lon);
		put_text_or_null(out, "datum", b->datum);
		strbuf_putc(out, '}');
	}
	put_text_or_null(out, "use", b->use);
	put_text_or_null(out, "class", building_class_name(s->class_));
	put_double_or_null(out, "height_m", s->height_m);
	put_count(out, "floors", b->floors);
	put_count(out, "basements", b->basements);
	put_parties(out, b, personal);
	strbuf_putc(out, '}');
}

static void put_state(struct app_hub *h, enum state_kind kind, uint32_t node, const char *topic, unsigned urgency, struct outmsg *m)
{
	if (!m || states_set(&h->states, kind, node, topic, urgency, m))
		log_error("hub", "%s: no room for %s", h->config->link.name, topic);
}

/* Where the page that begins at `from` ends: the first point that does not fit any more. *ret_body has its entries. */
static size_t fill_page(const struct config *c, uint32_t node, size_t from, struct strbuf *body)
{
	size_t i = from;

	strbuf_reset(body);
	for (; i < c->site.n_points; i++) {
		if (c->site.points[i].node != node)
			continue;
		size_t before = body->len;
		if (before)
			strbuf_putc(body, ',');
		directory_entry(body, c, &c->site.points[i]);
		strbuf_putc(body, '}');
		if (body->len > PAGE_BYTES && before) {
			strbuf_cut(body, before);
			break;
		}
	}
	return i;
}

int directory_pages(const struct config *c, uint32_t node, struct outlist *out)
{
	struct strbuf body = STRBUF_INIT, text = STRBUF_INIT;
	size_t pages = 0;
	bool failed = false;

	for (size_t from = 0; from < c->site.n_points; pages++)
		from = fill_page(c, node, from, &body);
	for (size_t from = 0; from < c->site.n_points && !failed;) {
		from = fill_page(c, node, from, &body);
		strbuf_reset(&text);
		put_head(&text, c, node);
		put_string(&text, "config", c->hash);
		strbuf_printf(&text, ",\"page\":%zu,\"pages\":%zu,\"points\":[", out->n + 1, pages);
		strbuf_put(&text, body.data, body.len);
		strbuf_puts(&text, "]}");
		struct outmsg *m = body.failed || text.failed ? NULL : outmsg_new(text.data, text.len);
		if (m)
			m->node = node;
		outlist_add(out, m);
		failed = !m || out->failed;
	}
	strbuf_done(&body);
	strbuf_done(&text);
	return failed ? -1 : 0;
}

static void directory_of_node(struct app_hub *h, uint32_t node)
{
	const struct outlist *pages = &h->generation->pages[node];
	char topic[32];

	for (size_t i = 0; i < pages->n; i++) {
		snprintf(topic, sizeof topic, "directory/%zu", i + 1);
		put_state(h, STATE_KIND_DIRECTORY, node, topic, CLASS_COUNT, pages->items[i]);
	}
}

/* What an earlier config set and this one has not set since: pages, buildings, nodes that are gone. */
static void clear_rest(struct app_hub *h, enum state_kind kind, uint64_t before)
{
	for (size_t i = 0; i < h->states.n; i++) {
		const struct state_entry *e = &h->states.entries[i];
		if (e->version && e->version <= before && e->msg && e->kind == kind)
			states_clear(&h->states, e->node, e->topic, NULL);
	}
}

static void buildings(struct app_hub *h)
{
	const struct config *c = h->generation->config;
	struct strbuf text = STRBUF_INIT;

	for (size_t i = 0; i < c->site.n_buildings; i++) {
		uint32_t node = c->site.buildings[i].node;
		bool first = true;
		char topic[64] = "building";
		for (size_t j = 0; j < i; j++)
			first = first && c->site.buildings[j].node != node;
		if (!first) /* buildings that share a node: one topic each */
			snprintf(topic, sizeof topic, "building/%s", c->site.buildings[i].id);
		strbuf_reset(&text);
		directory_building(&text, c, i, h->config->personal);
		struct outmsg *m = text.failed ? NULL : outmsg_new(text.data, text.len);
		if (m)
			m->node = node;
		put_state(h, STATE_KIND_BUILDING, node, topic, CLASS_COUNT + 1, m);
		outmsg_unref(m);
	}
	strbuf_done(&text);
}

void directory_states(struct app *a, struct app_hub *h)
{
	const struct config *c = h->generation->config;
	uint64_t before = h->states.version;

	(void)a;
	for (uint32_t node = 0; h->config->send_directory && node < c->site.n_nodes; node++)
		if (config_has_node(c, node))
			directory_of_node(h, node);
	if (h->config->send_building)
		buildings(h);
	clear_rest(h, STATE_KIND_DIRECTORY, before);
	clear_rest(h, STATE_KIND_BUILDING, before);
}
