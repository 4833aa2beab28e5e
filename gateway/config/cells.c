#include "gateway/config/cells.h"

#include "gateway/config/bind.h"

#include <string.h>

static const struct { const char *word; enum register_type type; unsigned bits; } types[] = {
	{ "bool", TYPE_BOOL, 16 }, { "i16", TYPE_I16, 16 }, { "u16", TYPE_U16, 16 }, { "i32", TYPE_I32, 32 }, { "u32", TYPE_U32, 32 },
	{ "i64", TYPE_I64, 64 }, { "u64", TYPE_U64, 64 }, { "f32", TYPE_F32, 32 }, { "f64", TYPE_F64, 64 }, { "bcd16", TYPE_BCD16, 16 },
	{ "bcd32", TYPE_BCD32, 32 },
};
#define N_TYPES (sizeof types / sizeof *types)

const char *cell_type_text(enum register_type t)
{
	for (size_t i = 0; i < N_TYPES; i++)
		if (types[i].type == t)
			return types[i].word;
	return "string";
}

unsigned type_bits(enum register_type t)
{
	for (size_t i = 0; i < N_TYPES; i++)
		if (types[i].type == t)
			return types[i].bits;
	return 0;
}

static const char *type_word(const void *user, size_t i)
{
	(void)user;
	return i < N_TYPES ? types[i].word : NULL;
}

int cell_type(struct loader *l, const struct node *at, enum register_type *ret, uint16_t *ret_string_bytes)
{
	int64_t n;

	*ret_string_bytes = 0;
	for (size_t i = 0; i < N_TYPES; i++)
		if (strcmp(types[i].word, at->text) == 0) {
			*ret = types[i].type;
			return 0;
		}
	if (strncmp(at->text, "string", 6) == 0) {
		if (at->text[6] == ':' && int_parse(at->text + 7, &n) == 0 && n >= 1 && n <= 250) {
			*ret = TYPE_STRING;
			*ret_string_bytes = (uint16_t)n;
			return 0;
		}
		find_error(l, at, "type '%s': a string is string:N with N = 1 … 250 bytes", at->text);
		return -1;
	}
	find_error(l, at, "unknown type '%s' (bool, i16, u16, i32, u32, i64, u64, f32, f64, bcd16, bcd32, string:N)%s", at->text,
	           nearest_hint(l, nearest_word(at->text, type_word, NULL)));
	return -1;
}

/* A register's cell that is no whole number: what happened to it. */
static int say_register(struct loader *l, const struct node *at, const char *what)
{
	const char *t = at->text, *hint = number_hint(t);
	size_t digits = strspn(t, "0123456789");

	if (*hint)
		find_error(l, at, "%s '%s' is not a register%s", what, t, hint);
	else if (digits && t[digits] == '.' && strpbrk(t, "eE"))
		find_error(l, at, "%s '%s' is not a register: a spreadsheet made a power of ten of it; format the column as text", what, t);
	else if (digits && t[digits] == '.')
		find_error(l, at, "%s '%s' is not a register: a spreadsheet gave it decimals; write %.*s", what, t, (int)digits, t);
	else if (digits && (t[digits] | 0x20) == 'e')
		find_error(l, at, "%s '%s' is not a register: a spreadsheet made a power of ten of it; format the column as text", what, t);
	else
		find_error(l, at, "%s '%s' is not a register: a number with fc, or Modicon's notation (40001) without", what, t);
	return -1;
}

static int modicon(struct loader *l, const struct node *at, const char *what, uint8_t *fc, uint16_t *ret_address)
{
	const char *t = at->text;
	size_t len = strlen(t);
	int64_t n = 0;

	if (len < 5) {
		find_error(l, at, "%s '%s' has fewer than five digits: a spreadsheet ate the zeros; write it like 00001 or 40001, or give fc", what, t);
		return -1;
	}
	if (len > 6 || !(t[0] == '0' || t[0] == '1' || t[0] == '3' || t[0] == '4')) {
		find_error(l, at, "%s '%s' is not Modicon's notation: five or six digits beginning with 0, 1, 3 or 4; else give fc", what, t);
		return -1;
	}
	if (int_parse(t + 1, &n) < 0 || n < 1 || n > 65536) {
		find_error(l, at, "%s '%s': Modicon's notation counts from 1 to 65536 behind its first digit", what, t);
		return -1;
	}
	uint8_t own = t[0] == '0' ? 1 : t[0] == '1' ? 2 : t[0] == '3' ? 4 : 3;
	if (*fc && *fc != own) {
		find_error(l, at, "%s '%s' is read with function code %u, the point's register with %u", what, t, own, *fc);
		return -1;
	}
	*fc = own;
	*ret_address = (uint16_t)(n - 1);
	return 0;
}

int cell_register(struct loader *l, const struct node *at, const char *what, uint8_t *fc, uint16_t *ret_address)
{
	int64_t n;

	if (int_parse(at->text, &n) < 0)
		return say_register(l, at, what);
	if (*fc == 0) {
		if (at->text[1] == 'x' || at->text[1] == 'X') {
			find_error(l, at, "%s '%s': a number in 0x… needs fc", what, at->text);
			return -1;
		}
		return modicon(l, at, what, fc, ret_address);
	}
	if (n < 0 || n > 65535) {
		find_error(l, at, "%s '%s' must be 0 … 65535%s", what, at->text, n > 65535 ? " (with fc it is the protocol's own address, not 4xxxxx)" : "");
		return -1;
	}
	*ret_address = (uint16_t)n;
	return 0;
}

int cell_bit(struct loader *l, const struct node *at, int8_t *ret_first, int8_t *ret_last)
{
	const char *dots = strstr(at->text, "..");
	const char *first = dots ? arena_text(&l->scratch, at->text, (size_t)(dots - at->text)) : at->text;
	int64_t a, b;

	if (int_parse(first, &a) < 0 || int_parse(dots ? dots + 2 : first, &b) < 0 || a < 0 || b < a || b > 63) {
		find_error(l, at, "bit '%s' is neither a bit (3) nor a range (0..7) of 0 … 63%s", at->text, number_hint(at->text));
		return -1;
	}
	*ret_first = (int8_t)a;
	*ret_last = (int8_t)b;
	return 0;
}

static bool is_float(enum register_type t)
{
	return t == TYPE_F32 || t == TYPE_F64;
}

/* Whole numbers up to 2^64 - 1, also in 0x…; for floats any decimal. */
static int raw_number(const char *text, double *ret)
{
	struct decimal d;
	int64_t n;

	if (int_parse(text, &n) == 0) {
		*ret = (double)n;
		return 0;
	}
	bool hex = text[0] == '0' && (text[1] | 0x20) == 'x';
	const char *digits = hex ? text + 2 : text;
	size_t len = strlen(digits);
	if (len && len <= 20 && strspn(digits, hex ? "0123456789abcdefABCDEF" : "0123456789") == len) {
		uint64_t v = 0;
		for (; *digits; digits++) {
			unsigned x = *digits <= '9' ? (unsigned)(*digits - '0') : (unsigned)((*digits | 0x20) - 'a') + 10;
			if (__builtin_mul_overflow(v, hex ? 16 : 10, &v) || __builtin_add_overflow(v, x, &v))
				return -1;
		}
		*ret = (double)v;
		return 0;
	}
	if (hex || decimal_parse(text, &d) < 0)
		return -1;
	*ret = decimal_double(d);
	return 0;
}

int cell_invalid(struct loader *l, const struct node *at, const struct bus_point *p, double *ret, size_t *ret_n)
{
	size_t n;
	const char *const *parts = cell_parts(l, at->text, &n);
	int bits = p->fc <= 2 ? 1 : p->bit_first >= 0 ? p->bit_last - p->bit_first + 1 : (int)type_bits(p->type);

	*ret_n = 0;
	if (n > BUS_INVALID_MAX) {
		find_error(l, at, "invalid: more than %d values", BUS_INVALID_MAX);
		return -1;
	}
	for (size_t i = 0; i < n; i++) {
		double v;
		if (raw_number(parts[i], &v) < 0) {
			find_error(l, at, "invalid: '%s' is not a raw value (65535, 0x7FFF, several parted by |)%s", parts[i], number_hint(parts[i]));
			return -1;
		}
		if (!is_float(p->type) && (v != floor(v) || v >= ldexp(1, bits) + (bits == 64) || v < -ldexp(1, bits - 1))) {
			find_error(l, at, "invalid: %s can never stand in %d bits", parts[i], bits);
			return -1;
		}
		ret[(*ret_n)++] = v;
	}
	return 0;
}

int cell_enum(struct loader *l, const struct node *at, const struct point_label **ret, size_t *ret_n)
{
	size_t n;
	const char *const *parts = cell_parts(l, at->text, &n);
	struct point_label *labels = arena_take(&l->keep, n, sizeof *labels);

	for (size_t i = 0; i < n; i++) {
		const char *eq = strchr(parts[i], '=');
		const char *number = eq ? arena_text(&l->scratch, parts[i], (size_t)(eq - parts[i])) : "";
		if (!eq || !eq[1] || raw_number(number, &labels[i].value) < 0) {
			find_error(l, at, "enum: '%s' is not value=text (0=normal|1=alarm)", parts[i]);
			return -1;
		}
		if (text_characters(eq + 1) > 80) {
			find_error(l, at, "enum: '%s' is longer than 80 characters", eq + 1);
			return -1;
		}
		labels[i].text = arena_copy(&l->keep, eq + 1);
		for (size_t k = 0; k < i; k++) {
			if (labels[k].value == labels[i].value) { /* several values of one text are fine */
				find_error(l, at, "enum: %s is given twice", number);
				return -1;
			}
		}
	}
	*ret = labels;
	*ret_n = n;
	return 0;
}

int cell_gb_addr(struct loader *l, const struct node *at, uint32_t ret[POINT_GB_ADDR_MAX], size_t *ret_n)
{
	size_t n;
	const char *const *parts = cell_parts(l, at->text, &n);
	int64_t v;

	if (n > POINT_GB_ADDR_MAX) {
		find_error(l, at, "gb_addr: more than %d numbers", POINT_GB_ADDR_MAX);
		return -1;
	}
	for (size_t i = 0; i < n; i++) {
		if (int_parse(parts[i], &v) < 0 || v < 0 || v > (int64_t)UINT32_MAX) {
			find_error(l, at, "gb_addr: '%s' is not a number (12|3)%s", parts[i], number_hint(parts[i]));
			return -1;
		}
		ret[i] = (uint32_t)v;
	}
	*ret_n = n;
	return 0;
}

int cell_tags(struct loader *l, const struct node *at, const char *text, const char *ret[POINT_TAGS_MAX], size_t *ret_n)
{
	size_t n;
	const char *const *parts = cell_parts(l, text, &n);

	if (n > POINT_TAGS_MAX) {
		find_error(l, at, "more than %d tags", POINT_TAGS_MAX);
		return -1;
	}
	for (size_t i = 0; i < n; i++) {
		if (!*parts[i] || text_characters(parts[i]) > CONFIG_NAME_MAX) {
			find_error(l, at, "tags: '%s' must have 1 to %d characters", parts[i], CONFIG_NAME_MAX);
			return -1;
		}
		ret[i] = arena_copy(&l->keep, parts[i]);
	}
	*ret_n = n;
	return 0;
}
