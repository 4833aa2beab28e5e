#include "gateway/config/cells.h"
#include "gateway/config/show.h"

#include <inttypes.h>
#include <string.h>

#define NS_PER_MS INT64_C(1000000)

static void show_decimal(struct writer *w, const char *key, struct decimal d)
{
	char text[32];

	writer_bare(w, key, decimal_format(d, text));
}

static void text_unless_empty(struct writer *w, const char *key, const char *text)
{
	if (*text)
		writer_text(w, key, text);
}

/* A raw value as cell_invalid and cell_enum read it back. */
static void put_raw(struct strbuf *b, double v)
{
	if (v >= 0x1p63)
		strbuf_printf(b, "%" PRIu64, v >= 0x1p64 ? UINT64_MAX : (uint64_t)v);
	else if (v == floor(v) && v > -0x1p63)
		strbuf_printf(b, "%" PRId64, (int64_t)v);
	else
		strbuf_json_double(b, v);
}

static void show_raw(struct writer *w, const struct point *p, const struct bus_point *b)
{
	struct strbuf text = STRBUF_INIT;

	if (b->type == TYPE_STRING)
		strbuf_printf(&text, "string:%u", b->string_bytes);
	else
		strbuf_puts(&text, cell_type_text(b->type));
	if (b->fc >= 3)
		writer_word(w, "type", text.data ? text.data : "");
	if (b->fc >= 3)
		writer_word(w, "order", (const char *const[]){ "ABCD", "CDAB", "BADC", "DCBA" }[b->order]);
	strbuf_reset(&text);
	if (b->bit_first >= 0) {
		strbuf_printf(&text, b->bit_first == b->bit_last ? "%d" : "%d..%d", b->bit_first, b->bit_last);
		writer_text(w, "bit", text.data ? text.data : "");
	}
	bool numeric = b->type != TYPE_STRING && b->n_labels == 0;
	if (numeric && b->decimals_from == BUS_NO_DECIMALS_FROM)
		show_decimal(w, "scale", b->scale);
	if (numeric)
		show_decimal(w, "offset", b->offset);
	if (b->decimals_from != BUS_NO_DECIMALS_FROM)
		writer_int(w, "decimals_from", b->decimals_from);
	strbuf_reset(&text);
	for (size_t i = 0; i < b->n_invalid; i++) {
		strbuf_puts(&text, i ? "|" : "");
		put_raw(&text, b->invalid[i]);
	}
	if (b->n_invalid)
		writer_text(w, "invalid", text.data ? text.data : "");
	strbuf_reset(&text);
	for (size_t i = 0; i < p->n_labels; i++) {
		strbuf_puts(&text, i ? "|" : "");
		put_raw(&text, p->labels[i].value);
		strbuf_printf(&text, "=%s", p->labels[i].text);
	}
	if (p->n_labels)
		writer_text(w, "enum", text.data ? text.data : "");
	w->out->failed |= text.failed;
	strbuf_done(&text);
}

static void show_numbers(struct writer *w, const struct config_row *r)
{
	static const char *const keys[ROW_NUMBERS] = { "min", "max", "low", "low2", "high", "high2", "deadband" };

	for (size_t i = 0; i < ROW_NUMBERS; i++)
		if (r->given[i])
			show_decimal(w, keys[i], r->numbers[i]);
}

static void show_gb(struct writer *w, const struct point *p)
{
	writer_int(w, "gb_system", p->gb_system);
	if (p->gb_system_addr >= 0)
		writer_int(w, "gb_system_addr", p->gb_system_addr);
	writer_int(w, "gb_component", p->gb_component);
	if (p->n_gb_addr) {
		char text[POINT_GB_ADDR_MAX * 12];
		struct strbuf b;
		strbuf_init_fixed(&b, text, sizeof text);
		for (size_t i = 0; i < p->n_gb_addr; i++)
			strbuf_printf(&b, "%s%u", i ? "|" : "", p->gb_addr[i]);
		writer_text(w, "gb_addr", text);
	}
}

static void show_point(struct writer *w, const struct config *c, const struct bus_point *b)
{
	const struct point *p = &c->site.points[b->point];
	const struct config_row *r = &c->rows[b->point];

	writer_open_map(w, NULL, true);
	writer_text(w, "point", strrchr(p->id, '.') + 1);
	writer_text(w, "name", p->name);
	writer_word(w, "kind", kind_info(p->kind)->name);
	writer_int(w, "fc", b->fc);
	writer_int(w, "register", b->address);
	show_raw(w, p, b);
	if (*r->unit && b->n_labels == 0 && b->type != TYPE_STRING)
		writer_text(w, "unit", r->unit);
	show_numbers(w, r);
	if (b->log_mode) {
		char text[256];
		struct strbuf list;
		strbuf_init_fixed(&list, text, sizeof text);
		cell_list_text(&b->list, &list);
		writer_text(w, "mode", text);
	}
	writer_duration(w, "every", p->every_ms);
	writer_duration(w, "heartbeat", p->heartbeat_ms);
	writer_text(w, "building", c->site.buildings[p->building].id);
	text_unless_empty(w, "floor", p->floor);
	text_unless_empty(w, "zone", p->zone);
	text_unless_empty(w, "location", p->location);
	text_unless_empty(w, "owner", p->owner);
	if (p->n_tags) {
		writer_open_list(w, "tags", true);
		for (size_t i = 0; i < p->n_tags; i++)
			writer_text(w, NULL, p->tags[i]);
		writer_close(w);
	}
	show_gb(w, p);
	writer_close(w);
}

static void show_timing(struct writer *w, const struct bus_timing *t)
{
	writer_duration(w, "timeout", t->timeout_ns / NS_PER_MS);
	writer_int(w, "retries", t->retries);
	writer_duration(w, "pause", t->pause_ns / NS_PER_MS);
	writer_int(w, "max_registers", t->max_registers);
	writer_int(w, "max_bits", t->max_bits);
	writer_int(w, "max_gap", t->max_gap);
	writer_duration(w, "settle", t->settle_ns / NS_PER_MS);
	writer_bool(w, "close_between", t->close_between);
	writer_bool(w, "echo", t->echo);
}

void show_bus(struct writer *w, const struct config *c, const struct config_bus *b)
{
	size_t next = 0;

	writer_open_map(w, NULL, false);
	writer_text(w, "name", b->bus.name);
	writer_text(w, "url", b->url);
	writer_open_list(w, "devices", false);
	for (size_t i = 0; i < b->bus.n_devices; i++) {
		const struct bus_device *d = &b->bus.devices[i];
		writer_open_map(w, NULL, false);
		writer_text(w, "name", d->name);
		writer_int(w, "unit", d->unit);
		show_timing(w, &d->timing);
		bool any = next < b->n_points && b->points[next].device == i;
		writer_open_list(w, "points", !any);
		while (next < b->n_points && b->points[next].device == i)
			show_point(w, c, &b->points[next++]);
		writer_close(w);
		writer_close(w);
	}
	writer_close(w);
	writer_close(w);
}
