#include "gateway/cli/probe_show.h"

#include "drivers/modbus/words.h"
#include "gateway/cli/human.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define ORDERS      4
#define BITS_A_LINE 16
#define BITS_APART  32 /* up to so many have a line each */
#define TEXT_LEAST  2  /* registers: fewer hold letters by chance */

static bool differs(const struct probe_block *b, const uint16_t *before, size_t at, size_t n)
{
	return before && memcmp(b->values + at, before + at, n * sizeof *before) != 0;
}

/* "100-101", "40101-40102". */
static void add_place(struct table *t, const struct probe_block *b, size_t at, size_t n, enum style style)
{
	uint32_t first = (uint32_t)(b->address + at);
	char a[8], z[8];

	if (n == 1) {
		table_addf(t, style, "%" PRIu32, first);
		table_add(t, style, probe_modicon(b->fc, first, a));
		return;
	}
	table_addf(t, style, "%" PRIu32 "-%" PRIu32, first, (uint32_t)(first + n - 1));
	table_addf(t, style, "%s-%s", probe_modicon(b->fc, first, a), probe_modicon(b->fc, (uint32_t)(first + n - 1), z));
}

static void put_table(struct table *t, const struct look *look, struct strbuf *out)
{
	if (t && table_rows(t))
		table_put(t, look, out);
	if (!t)
		out->failed = true;
	table_free(t);
}

/* ---- bits ---- */

static void show_bits(const struct probe_block *b, const uint16_t *before, const struct look *look, struct strbuf *out)
{
	static const struct table_column columns[] = { { "bit", true }, { "Modicon", true }, { "value", false }, { "was", false } };
	struct table *t = table_new(columns, sizeof columns / sizeof columns[0]);
	size_t step = b->n <= BITS_APART ? 1 : BITS_A_LINE;

	for (size_t i = 0; t && i < b->n; i += step) {
		size_t n = b->n - i < step ? b->n - i : step;
		bool new = differs(b, before, i, n);
		enum style style = new ? STYLE_YELLOW : STYLE_PLAIN;
		char now[2 * BITS_A_LINE + 1] = "", was[2 * BITS_A_LINE + 1] = "";

		for (size_t k = 0; k < n; k++) {
			snprintf(now + 2 * k, 3, "%c ", b->values[i + k] ? '1' : '0');
			if (new)
				snprintf(was + 2 * k, 3, "%c ", before[i + k] ? '1' : '0');
		}
		add_place(t, b, i, n, style);
		now[2 * n - 1] = '\0';
		was[new ? 2 * n - 1 : 0] = '\0';
		table_add(t, style, now);
		table_add(t, style, was);
	}
	put_table(t, look, out);
}

/* ---- single registers ---- */

static const char *set_bits(uint16_t w, char buf[64])
{
	size_t len = 0;

	buf[0] = '\0';
	for (unsigned i = 0; i < 16; i++)
		if (w >> i & 1)
			len += (size_t)snprintf(buf + len, 64 - len, "%s%u", len ? "," : "", i);
	return buf;
}

static void show_registers(const struct probe_block *b, const uint16_t *before, const struct look *look, struct strbuf *out)
{
	static const struct table_column columns[] = { { "register", true }, { "Modicon", true }, { "hex", false }, { "u16", true }, { "i16", true },
		                                       { "u16 BADC", true }, { "bcd16", true }, { "bits set", false }, { "was", true } };
	struct table *t = table_new(columns, sizeof columns / sizeof columns[0]);

	for (size_t i = 0; t && i < b->n; i++) {
		uint16_t w = b->values[i];
		bool new = differs(b, before, i, 1);
		enum style style = new ? STYLE_YELLOW : STYLE_PLAIN;
		struct probe_reading bcd;
		char bits[64];

		probe_read(&w, TYPE_BCD16, ORDER_ABCD, &bcd);
		add_place(t, b, i, 1, style);
		table_addf(t, style, "0x%04X", w);
		table_addf(t, style, "%u", w);
		table_addf(t, style, "%d", (int16_t)w);
		table_addf(t, style, "%u", swap_bytes(w));
		table_add(t, style, bcd.text);
		table_add(t, style, set_bits(w, bits));
		if (new)
			table_addf(t, style, "%u", before[i]);
		else
			table_add(t, style, "");
	}
	put_table(t, look, out);
}

/* ---- pairs and fours ---- */

struct width {
	size_t                     registers;
	const struct table_column *columns;
	size_t                     n_columns;
	enum register_type         types[4];   /* the first is unsigned, the second its signed kin */
	size_t                     n_types;
};

/* Orders that mean the same here (a value of equal halves) share a row. False: an earlier order had it. */
static bool name_orders(const uint16_t *words, size_t n, int order, char names[24])
{
	uint64_t own = join_words(words, (unsigned)n, (enum register_order)order);

	names[0] = '\0';
	for (int o = 0; o < ORDERS; o++) {
		if (join_words(words, (unsigned)n, (enum register_order)o) != own)
			continue;
		if (o < order)
			return false;
		size_t len = strlen(names);
		snprintf(names + len, 24 - len, "%s%s", len ? " " : "", probe_order_name((enum register_order)o));
	}
	return true;
}

/* A row, unless nothing in it is plausible. Returns how many readings were left out. */
static size_t add_row(struct table *t, const struct width *w, const struct probe_block *b, size_t at, int order, const char *names, enum style style)
{
	struct probe_reading r[4];
	size_t left_out = 0;
	bool any = false;

	for (size_t i = 0; i < w->n_types; i++) {
		probe_read(b->values + at, w->types[i], (enum register_order)order, &r[i]);
		bool repeats = i == 1 && !(r[i].number < 0); /* a signed number that is not negative says nothing new */
		bool no_bcd = w->types[i] == TYPE_BCD32 && !r[i].is_number;
		left_out += !r[i].plausible && !repeats && !no_bcd;
		if (repeats)
			r[i].plausible = false;
		any |= r[i].plausible;
	}
	if (!any)
		return left_out;
	add_place(t, b, at, w->registers, style);
	table_add(t, style, names);
	for (size_t i = 0; i < w->n_types; i++)
		table_add(t, style, r[i].plausible ? r[i].text : "");
	return left_out;
}

static size_t show_width(const struct width *w, const struct probe_block *b, const uint16_t *before, const struct look *look, struct strbuf *out)
{
	struct table *t = table_new(w->columns, w->n_columns);
	size_t left_out = 0;
	char names[24];

	for (size_t at = 0; t && at + w->registers <= b->n; at++)
		for (int order = 0; order < ORDERS; order++)
			if (name_orders(b->values + at, w->registers, order, names))
				left_out += add_row(t, w, b, at, order, names, differs(b, before, at, w->registers) ? STYLE_YELLOW : STYLE_PLAIN);
	if (t && table_rows(t))
		strbuf_putc(out, '\n');
	put_table(t, look, out);
	return left_out;
}

static void show_texts(const struct probe_block *b, struct strbuf *out)
{
	char plain[VALUE_TEXT_MAX], swapped[VALUE_TEXT_MAX], a[8], z[8];

	for (size_t at = 0; at < b->n;) {
		size_t n = probe_text_run(b->values + at, b->n - at, ORDER_ABCD), m = probe_text_run(b->values + at, b->n - at, ORDER_BADC);
		size_t longest = n > m ? n : m;
		if (longest < TEXT_LEAST) {
			at++;
			continue;
		}
		strbuf_printf(out, "\ntext %s-%s: ABCD \"", probe_modicon(b->fc, (uint32_t)(b->address + at), a),
		              probe_modicon(b->fc, (uint32_t)(b->address + at + longest - 1), z));
		human_put(out, probe_text(b->values + at, longest, ORDER_ABCD, plain));
		strbuf_puts(out, "\"  BADC \"");
		human_put(out, probe_text(b->values + at, longest, ORDER_BADC, swapped));
		strbuf_puts(out, "\"\n");
		at += longest;
	}
}

void probe_show_block(const struct probe_block *b, const uint16_t *before, const struct look *look, struct strbuf *out)
{
	static const struct table_column pairs[] = { { "registers", true }, { "Modicon", true }, { "order", false }, { "u32", true }, { "i32", true },
		                                     { "f32", true }, { "bcd32", true } };
	static const struct table_column fours[] = { { "registers", true }, { "Modicon", true }, { "order", false }, { "u64", true }, { "i64", true },
		                                     { "f64", true } };
	static const struct width widths[] = {
		{ 2, pairs, sizeof pairs / sizeof pairs[0], { TYPE_U32, TYPE_I32, TYPE_F32, TYPE_BCD32 }, 4 },
		{ 4, fours, sizeof fours / sizeof fours[0], { TYPE_U64, TYPE_I64, TYPE_F64 }, 3 },
	};
	size_t left_out = 0;
	char n[HUMAN_MAX];

	if (b->fc <= 2) {
		show_bits(b, before, look, out);
		return;
	}
	show_registers(b, before, look, out);
	for (size_t i = 0; i < sizeof widths / sizeof widths[0]; i++)
		left_out += show_width(&widths[i], b, before, look, out);
	show_texts(b, out);
	if (left_out)
		strbuf_printf(out, "\n%s left out: floats that are no number or beyond 1e-6 … 1e9, too large integers (--json has them)\n",
		              human_plural((int64_t)left_out, "implausible reading", n));
}

size_t probe_show_changes(const struct probe_block *b, const uint16_t *before, const char *when, struct strbuf *out)
{
	size_t n = 0;
	char modicon[8];

	for (size_t i = 0; i < b->n; i++) {
		if (b->values[i] == before[i])
			continue;
		uint32_t address = (uint32_t)(b->address + i);
		strbuf_printf(out, "%s  %s (fc %u, %s %" PRIu32 "): %u → %u", when, probe_modicon(b->fc, address, modicon), b->fc,
		              b->fc <= 2 ? "bit" : "register", address, before[i], b->values[i]);
		if (b->fc > 2)
			strbuf_printf(out, "  0x%04X → 0x%04X", before[i], b->values[i]);
		strbuf_putc(out, '\n');
		n++;
	}
	return n;
}

/* ---- JSON ---- */

static json_t *register_json(const struct probe_block *b, size_t at)
{
	uint16_t w = b->values[at];
	json_t *bits = json_array();
	char modicon[8], hex[8];
	struct probe_reading bcd;

	for (int i = 0; i < 16; i++)
		if (w >> i & 1)
			json_array_append_new(bits, json_integer(i));
	probe_read(&w, TYPE_BCD16, ORDER_ABCD, &bcd);
	snprintf(hex, sizeof hex, "0x%04X", w);
	return json_pack("{s:i, s:s, s:s, s:i, s:i, s:i, s:o, s:o}", "address", (int)(b->address + at), "modicon",
	                 probe_modicon(b->fc, (uint32_t)(b->address + at), modicon), "hex", hex, "u16", w, "i16", (int)(int16_t)w, "u16_swapped",
	                 (int)swap_bytes(w), "bits", bits, "bcd16", bcd.is_number ? json_integer((json_int_t)bcd.number) : json_null());
}

/* An integer that a double cannot hold is a text, as everywhere (docs/mqtt.md). */
static json_t *number_json(const struct probe_reading *r)
{
	if (!r->is_number)
		return json_null();
	if (r->type == TYPE_F32 || r->type == TYPE_F64)
		return json_real(r->number);
	if (r->number > 9007199254740992.0 || r->number < -9007199254740992.0)
		return json_string(r->text);
	return json_integer((json_int_t)r->number);
}

static void add_readings(const struct probe_block *b, enum register_type type, json_t *list)
{
	size_t n = probe_type_registers(type);
	struct probe_reading r;

	for (size_t at = 0; at + n <= b->n; at++)
		for (int order = 0; order < ORDERS; order++) {
			probe_read(b->values + at, type, (enum register_order)order, &r);
			json_array_append_new(list, json_pack("{s:i, s:i, s:s, s:s, s:o, s:b}", "address", (int)(b->address + at), "count", (int)n, "type",
			                                      probe_type_name(type), "order", probe_order_name(r.order), "value", number_json(&r),
			                                      "plausible", r.plausible));
		}
}

static json_t *texts_json(const struct probe_block *b)
{
	static const enum register_order orders[] = { ORDER_ABCD, ORDER_BADC };
	json_t *list = json_array();
	char text[VALUE_TEXT_MAX];

	for (size_t i = 0; i < 2; i++)
		for (size_t at = 0; at < b->n;) {
			size_t n = probe_text_run(b->values + at, b->n - at, orders[i]);
			if (n >= TEXT_LEAST)
				json_array_append_new(list, json_pack("{s:i, s:i, s:s, s:s}", "address", (int)(b->address + at), "count", (int)n, "order",
				                                      probe_order_name(orders[i]), "text", probe_text(b->values + at, n, orders[i], text)));
			at += n ? n : 1;
		}
	return list;
}

void probe_show_json(const struct probe_block *b, json_t *into)
{
	static const enum register_type types[] = { TYPE_U32, TYPE_I32, TYPE_F32, TYPE_BCD32, TYPE_U64, TYPE_I64, TYPE_F64 };
	json_t *list = json_array(), *values = json_array();
	char modicon[8];

	for (size_t i = 0; i < b->n; i++)
		json_array_append_new(list, b->fc > 2 ? register_json(b, i)
		                                      : json_pack("{s:i, s:s, s:i}", "address", (int)(b->address + i), "modicon",
		                                                  probe_modicon(b->fc, (uint32_t)(b->address + i), modicon), "value", b->values[i] != 0));
	json_object_set_new(into, b->fc > 2 ? "registers" : "bits", list);
	if (b->fc <= 2) {
		json_decref(values);
		return;
	}
	for (size_t i = 0; i < sizeof types / sizeof types[0]; i++)
		add_readings(b, types[i], values);
	json_object_set_new(into, "values", values);
	json_object_set_new(into, "texts", texts_json(b));
}
