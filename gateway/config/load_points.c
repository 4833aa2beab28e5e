#include "gateway/config/bind.h"
#include "gateway/config/cells.h"
#include "gateway/config/loader.h"

#include <stddef.h>
#include <string.h>

#define NS_PER_MS INT64_C(1000000)

struct point_fields {
	struct field point, name, kind, fc, reg, type, order, bit, scale, offset, decimals_from, unit, numbers[ROW_NUMBERS], invalid, enum_, every,
		heartbeat, mode, building, floor, zone, location, owner, tags, gb_system, gb_system_addr, gb_component, gb_addr;
};

static const char *const order_words[] = { "ABCD", "CDAB", "BADC", "DCBA", NULL };

#define AT(field) offsetof(struct point_fields, field)
static const struct bind_key columns[] = {
	{ "point", "点位", BIND_NAME, BIND_REQUIRED, AT(point) },
	{ "name", "名称", BIND_TEXT, 0, AT(name) },
	{ "kind", "类型", BIND_TEXT, BIND_REQUIRED, AT(kind) },
	{ "fc", "功能码", BIND_INT, 0, AT(fc), 1, 4 },
	{ "register", "寄存器", BIND_TEXT, BIND_REQUIRED, AT(reg), 1, 40 },
	{ "type", "数据类型", BIND_TEXT, 0, AT(type), 1 },
	{ "order", "字节序", BIND_WORD, 0, AT(order), .words = order_words, .def = "ABCD" },
	{ "bit", "位", BIND_TEXT, 0, AT(bit), 1, 20 },
	{ "scale", "系数", BIND_DECIMAL, 0, AT(scale), .def = "1" },
	{ "offset", "偏移", BIND_DECIMAL, 0, AT(offset), .def = "0" },
	{ "decimals_from", "小数位寄存器", BIND_TEXT, 0, AT(decimals_from), 1, 40 },
	{ "unit", "单位", BIND_TEXT, 0, AT(unit), 0, 20 },
	{ "min", "最小值", BIND_DECIMAL, 0, AT(numbers[ROW_MIN]) },
	{ "max", "最大值", BIND_DECIMAL, 0, AT(numbers[ROW_MAX]) },
	{ "invalid", "无效值", BIND_TEXT, 0, AT(invalid), 1 },
	{ "enum", "枚举", BIND_TEXT, 0, AT(enum_), 1, 4000 },
	{ "low", "低限", BIND_DECIMAL, 0, AT(numbers[ROW_LOW]) },
	{ "low2", "低低限", BIND_DECIMAL, 0, AT(numbers[ROW_LOW2]) },
	{ "high", "高限", BIND_DECIMAL, 0, AT(numbers[ROW_HIGH]) },
	{ "high2", "高高限", BIND_DECIMAL, 0, AT(numbers[ROW_HIGH2]) },
	{ "deadband", "死区", BIND_DECIMAL, 0, AT(numbers[ROW_DEADBAND]) },
	{ "every", "周期", BIND_DURATION, 0, AT(every), 10, 86400000 },
	{ "heartbeat", "心跳", BIND_DURATION, 0, AT(heartbeat), 1000, 86400000 },
	{ "mode", "模式", BIND_TEXT, 0, AT(mode), 1, CONFIG_TEXT_MAX },
	{ "building", "楼栋", BIND_NAME, 0, AT(building) },
	{ "floor", "楼层", BIND_TEXT, 0, AT(floor), 1 },
	{ "zone", "分区", BIND_ZONE, 0, AT(zone) },
	{ "location", "位置", BIND_TEXT, 0, AT(location) },
	{ "owner", "责任方", BIND_TEXT, 0, AT(owner) },
	{ "tags", "标签", BIND_ANY, 0, AT(tags) },
	{ "gb_system", "国标系统", BIND_INT, 0, AT(gb_system), 0, 255 },
	{ "gb_system_addr", "国标系统地址", BIND_INT, 0, AT(gb_system_addr), 0, 255 },
	{ "gb_component", "国标部件", BIND_INT, 0, AT(gb_component), 0, 255 },
	{ "gb_addr", "国标地址", BIND_TEXT, 0, AT(gb_addr), 1, 80 },
};

const struct bind_key *point_columns(size_t *ret_n)
{
	*ret_n = sizeof columns / sizeof *columns;
	return columns;
}

/* What one row becomes, while it is put together. */
struct draft {
	struct loader               *l;
	const struct point_defaults *d;
	const struct node           *row;
	struct point_fields          f;
	const struct kind_info      *kind;
	struct point                 p;
	struct bus_point             b;
	struct config_row            r;
	bool                         nowhere; /* its register could not be read */
};

static void read_kind(struct draft *t)
{
	const struct field *f = &t->f.kind;

	t->p.kind = KIND_GENERIC;
	if (f->text && kind_find(f->text, &t->p.kind) < 0)
		find_unknown_kind(t->l, f->at);
	t->kind = kind_info(t->p.kind);
}

static void read_register(struct draft *t)
{
	struct loader *l = t->l;
	struct point_fields *f = &t->f;

	t->b.fc = f->fc.wrong ? 3 : (uint8_t)f->fc.number;
	t->b.bit_first = t->b.bit_last = -1;
	t->b.decimals_from = BUS_NO_DECIMALS_FROM;
	t->nowhere = !f->reg.at || f->fc.wrong || cell_register(l, f->reg.at, "register", &t->b.fc, &t->b.address) < 0;
	if (t->b.fc == 0)
		t->b.fc = 3; /* said; go on with something whole */
	t->b.type = t->b.fc <= 2 ? TYPE_BOOL : TYPE_U16;
	if (f->type.at)
		cell_type(l, f->type.at, &t->b.type, &t->b.string_bytes);
	t->b.order = (enum register_order)f->order.number;
	if (f->bit.at)
		cell_bit(l, f->bit.at, &t->b.bit_first, &t->b.bit_last);
	if (f->decimals_from.at && !t->nowhere) {
		uint16_t address;
		uint8_t fc = t->b.fc;
		/* In Modicon's notation if the register is. */
		uint8_t given = f->fc.at ? fc : 0;
		if (cell_register(l, f->decimals_from.at, "decimals_from", &given, &address) == 0) {
			if (given != fc)
				find_error(l, f->decimals_from.at, "decimals_from '%s' is read with function code %u, the point's register with %u",
				           f->decimals_from.text, given, fc);
			t->b.decimals_from = address;
		}
	}
}

static unsigned point_registers(const struct bus_point *b)
{
	if (b->fc <= 2)
		return 1;
	return b->type == TYPE_STRING ? (b->string_bytes + 1u) / 2 : type_bits(b->type) / 16;
}

/* What type, bits, order and the numbers must have to do with each other. */
static void check_shape(struct draft *t)
{
	struct loader *l = t->l;
	struct point_fields *f = &t->f;
	struct bus_point *b = &t->b;
	bool text = b->type == TYPE_STRING, real = b->type == TYPE_F32 || b->type == TYPE_F64;
	unsigned width = point_registers(b);

	if (b->fc <= 2 && b->type != TYPE_BOOL)
		find_error(l, f->type.at, "type '%s': coils and inputs (fc 1 and 2) hold one bit each: leave type empty", f->type.text);
	if (b->fc <= 2 && f->bit.at)
		find_error(l, f->bit.at, "bit: coils and inputs (fc 1 and 2) are bits already");
	if ((b->fc <= 2 || text) && f->decimals_from.at)
		find_error(l, f->decimals_from.at, "decimals_from: only for whole numbers");
	if (real && f->decimals_from.at)
		find_error(l, f->decimals_from.at, "decimals_from: a %s has its decimals already", f->type.text);
	if (f->decimals_from.at && f->scale.at)
		find_error(l, f->scale.at, "scale and decimals_from: one of them says where the decimal point is, not both");
	if (b->fc >= 3 && b->bit_first >= 0) {
		if (text || real || b->type == TYPE_BCD16 || b->type == TYPE_BCD32)
			find_error(l, f->bit.at, "bit: bits are taken out of a whole number (u16, u32, u64), not out of %s", f->type.text);
		else if (b->bit_last >= (int)type_bits(b->type))
			find_error(l, f->bit.at, "bit %d: %s has bits 0 … %u", b->bit_last, cell_type_text(b->type), type_bits(b->type) - 1);
		else if (b->type == TYPE_BOOL && b->bit_first != b->bit_last)
			find_error(l, f->bit.at, "bit '%s': a bool is one bit; several are a u16", f->bit.text);
	}
	if (b->fc >= 3 && b->address + width > 65536)
		find_error(l, f->reg.at, "register %s: the %u registers of its %s reach beyond the last one", f->reg.at->text, width, cell_type_text(b->type));
	if (b->fc >= 3 && width > t->d->timing->max_registers)
		find_error(l, f->reg.at ? f->reg.at : t->row, "the point takes %u registers, and max_registers is %u", width, t->d->timing->max_registers);
	if (f->scale.at && f->scale.decimal.mantissa == 0)
		find_error(l, f->scale.at, "scale 0: every value would be the same");
	const struct field *numeric[] = { &f->scale, &f->offset, &f->invalid, &f->enum_, &f->unit };
	for (size_t i = 0; text && i < sizeof numeric / sizeof *numeric; i++)
		if (numeric[i]->at)
			find_error(l, numeric[i]->at, "a string has no scale, offset, invalid, enum or unit");
	for (size_t i = 0; text && i < ROW_NUMBERS; i++)
		if (f->numbers[i].at)
			find_error(l, f->numbers[i].at, "a string has no min, max, limits or deadband");
}

static void read_unit(struct draft *t)
{
	struct loader *l = t->l;
	const struct field *f = &t->f.unit;
	const char *own = t->kind->unit, *unit = f->text ? f->text : own;

	t->b.convert = (struct unit_conversion){ DECIMAL_ONE, DECIMAL_ZERO };
	t->p.unit = own;
	t->r.unit = arena_copy(&l->keep, unit);
	if (unit_convert(unit, own, &t->b.convert) == 0)
		return;
	if (t->kind->any_unit) { /* taken as it stands */
		t->p.unit = t->r.unit;
		if (!*own || unit_known(unit))
			return;
	}
	if (!*own)
		find_error(l, f->at, "unit '%s': a %s has no unit", unit, t->kind->name);
	else
		find_error(l, f->at, "unit '%s' cannot become the %s of %s: write one of %s", unit, own, t->kind->name, unit_siblings(own));
	t->r.unit = arena_copy(&l->keep, own);
	t->p.unit = own;
}

/* A number of the row in the kind's unit, rounded once. A width (a deadband) has no zero point to shift. */
static double to_kind_unit(const struct unit_conversion *c, struct decimal d, bool width)
{
	bool neg = d.mantissa < 0;
	uint64_t mag = neg ? 0 - (uint64_t)d.mantissa : (uint64_t)d.mantissa;
	struct decimal shift = width ? DECIMAL_ZERO : c->offset;

	if (c->factor.places + d.places <= 18) {
		struct decimal scale = { c->factor.mantissa, (uint8_t)(c->factor.places + d.places) };
		return decimal_apply_int(neg, mag, scale, shift, DECIMAL_ONE, NULL, NULL, NULL);
	}
	return (double)((long double)decimal_double(d) * (long double)decimal_double(c->factor) + (long double)decimal_double(shift));
}

/* The kind's deadband in the row's unit, for `show`, if it comes back from there as the same number. */
static void fill_deadband(struct draft *t)
{
	struct unit_conversion back;
	struct decimal d;
	struct strbuf b;
	char text[40];

	if (t->b.type == TYPE_STRING || unit_convert(t->p.unit, t->r.unit, &back) < 0)
		return;
	strbuf_init_fixed(&b, text, sizeof text);
	strbuf_json_double(&b, t->kind->deadband);
	if (b.failed || decimal_parse(text, &d) < 0)
		return;
	strbuf_reset(&b);
	strbuf_json_double(&b, to_kind_unit(&back, d, true));
	if (b.failed || decimal_parse(text, &d) < 0 || to_kind_unit(&t->b.convert, d, true) != t->kind->deadband)
		return;
	t->r.numbers[ROW_DEADBAND] = d;
	t->r.given[ROW_DEADBAND] = true;
}

static void check_order(struct draft *t, enum row_number low, enum row_number high, const char *low_name, const char *high_name)
{
	const struct field *a = &t->f.numbers[low], *b = &t->f.numbers[high];

	if (a->at && b->at && decimal_double(a->decimal) >= decimal_double(b->decimal))
		find_error(t->l, a->at, "%s %s is not below %s %s", low_name, a->text, high_name, b->text);
}

static void read_numbers(struct draft *t)
{
	struct loader *l = t->l;
	double v[ROW_NUMBERS];

	for (size_t i = 0; i < ROW_NUMBERS; i++) {
		const struct field *f = &t->f.numbers[i];
		t->r.given[i] = f->at != NULL;
		t->r.numbers[i] = f->decimal;
		v[i] = f->at ? to_kind_unit(&t->b.convert, f->decimal, i == ROW_DEADBAND) : NAN;
	}
	t->b.min = v[ROW_MIN], t->b.max = v[ROW_MAX];
	t->p.low = v[ROW_LOW], t->p.low2 = v[ROW_LOW2], t->p.high = v[ROW_HIGH], t->p.high2 = v[ROW_HIGH2];
	t->p.deadband = isnan(v[ROW_DEADBAND]) ? t->kind->deadband : v[ROW_DEADBAND];
	if (t->b.type == TYPE_STRING)
		t->p.deadband = 0;
	else if (isnan(v[ROW_DEADBAND]))
		fill_deadband(t);
	check_order(t, ROW_MIN, ROW_MAX, "min", "max");
	check_order(t, ROW_LOW2, ROW_LOW, "low2", "low");
	check_order(t, ROW_LOW, ROW_HIGH, "low", "high");
	check_order(t, ROW_HIGH, ROW_HIGH2, "high", "high2");
	const struct field *deadband = &t->f.numbers[ROW_DEADBAND];
	if (v[ROW_DEADBAND] < 0)
		find_error(l, deadband->at, "deadband %s is negative", deadband->text);
	else if (v[ROW_DEADBAND] >= v[ROW_MAX] - v[ROW_MIN])
		find_warning(l, deadband->at, "deadband %s is as wide as min … max: only the heartbeat would ever store a value", deadband->text);
	for (size_t i = ROW_LOW; i <= ROW_HIGH2; i++)
		if (v[i] < v[ROW_MIN] || v[i] > v[ROW_MAX])
			find_warning(l, t->f.numbers[i].at, "the limit %s lies outside min … max: values there are of quality range and raise no alarm",
			             t->f.numbers[i].text);
}

static void read_mode(struct draft *t)
{
	const struct field *f = &t->f.mode;
	const char *word = f->text ? f->text : "value";
	bool log = strncmp(word, "log", 3) == 0 && (word[3] == '\0' || word[3] == ' ' || word[3] == '|');

	if (!log && strcmp(word, "value") != 0)
		find_error(t->l, f->at, "mode '%s' is neither value nor log with what describes the list (docs/points.md)", word);
	if (!log || t->nowhere || cell_list(t->l, f->at, &t->b, t->f.fc.at != NULL, t->d->timing->max_registers, &t->b.list) < 0)
		return;
	t->p.log_mode = t->b.log_mode = true;
}

/* A bit, and nothing else is said of what it means. */
static bool is_bare_bit(const struct draft *t)
{
	const struct point_fields *f = &t->f;

	return point_is_bit(&t->b) && !f->scale.at && !f->offset.at && !f->decimals_from.at && !f->unit.at && !f->invalid.at && !f->numbers[ROW_MIN].at && !f->numbers[ROW_MAX].at;
}

/* So that the rules for its kind, which look for words, mind a bare coil too. */
static void label_bit(struct draft *t)
{
	const char *word = kind_active_word(t->p.kind);
	struct point_label *labels = word ? arena_take(&t->l->keep, 2, sizeof *labels) : NULL;

	if (!labels)
		return;
	labels[0] = (struct point_label){ 0, "normal" };
	labels[1] = (struct point_label){ 1, word };
	t->p.labels = labels;
	t->p.n_labels = 2;
}

static void read_meaning(struct draft *t)
{
	struct loader *l = t->l;
	struct point_fields *f = &t->f;

	t->b.scale = f->scale.decimal;
	t->b.offset = f->offset.decimal;
	if (f->invalid.at)
		cell_invalid(l, f->invalid.at, &t->b, t->b.invalid, &t->b.n_invalid);
	if (f->enum_.at && t->b.type != TYPE_STRING) {
		cell_enum(l, f->enum_.at, &t->p.labels, &t->p.n_labels);
		const struct field *no[] = { &f->scale, &f->offset, &f->decimals_from, &f->unit };
		for (size_t i = 0; i < sizeof no / sizeof *no; i++)
			if (no[i]->at)
				find_error(l, no[i]->at, "enum: its numbers are the raw ones: no scale, offset, decimals_from or unit beside it");
	}
	if (!f->enum_.at && is_bare_bit(t))
		label_bit(t);
	t->b.labels = t->p.labels;
	t->b.n_labels = t->p.n_labels;
	t->p.is_text = t->b.type == TYPE_STRING || ((t->b.type == TYPE_I64 || t->b.type == TYPE_U64) && t->b.bit_first < 0);
	read_mode(t);
	t->p.every_ms = f->every.at ? f->every.number : t->d->every_ms ? t->d->every_ms : t->kind->every_ms;
	t->p.heartbeat_ms = f->heartbeat.at ? f->heartbeat.number : t->d->heartbeat_ms ? t->d->heartbeat_ms : t->kind->heartbeat_ms;
	if (t->p.heartbeat_ms < t->p.every_ms) {
		if (f->heartbeat.at)
			find_warning(l, f->heartbeat.at, "heartbeat %s is shorter than the poll interval: taken as that", f->heartbeat.text);
		t->p.heartbeat_ms = t->p.every_ms;
	}
	t->b.every_ns = t->p.every_ms * NS_PER_MS;
	t->b.urgent = t->kind->detector || t->kind->class_ == CLASS_FIRE;
}

static void read_building(struct draft *t)
{
	struct loader *l = t->l;
	const struct site *s = &l->c->site;
	const char *word = t->f.building.text ? t->f.building.text : t->d->building;
	const struct node *at = t->f.building.at ? t->f.building.at : t->d->building_at ? t->d->building_at : t->row;

	t->p.building = 0;
	if (!word) {
		if (s->n_buildings > 1)
			find_error(l, t->d->device_at, "the site has several buildings: say which one with 'building', at the device or at each point");
		return;
	}
	for (uint32_t i = 0; i < s->n_buildings; i++)
		if (strcmp(s->buildings[i].id, word) == 0) {
			t->p.building = i;
			return;
		}
	const char **ids = arena_take(&l->scratch, s->n_buildings + 1, sizeof *ids);
	for (size_t i = 0; i < s->n_buildings; i++)
		ids[i] = s->buildings[i].id;
	find_error(l, at, "there is no building '%s'%s", word, nearest_hint(l, nearest_in(word, ids)));
}

static void check_floor(struct draft *t, const char *floor, const struct node *at)
{
	const struct config_building *b = t->p.building < t->l->n_buildings ? &t->l->buildings[t->p.building] : NULL;
	int rank;

	if (floor_rank(floor, &rank) < 0)
		find_error(t->l, at, "floor '%s' is not a floor: B2, B1, 1, 2, … or R", floor);
	else if (b && b->floors > 0 && rank > b->floors && strcmp(floor, "R") != 0)
		find_warning(t->l, at, "floor '%s': building '%s' has %d floor%s", floor, b->id, b->floors, b->floors == 1 ? "" : "s");
	else if (b && b->basements >= 0 && rank < -b->basements)
		find_warning(t->l, at, "floor '%s': building '%s' has %d basement%s", floor, b->id, b->basements, b->basements == 1 ? "" : "s");
}

static const char *keep_either(struct loader *l, const struct field *f, const char *or_)
{
	return f->text ? arena_copy(&l->keep, f->text) : or_ && *or_ ? arena_copy(&l->keep, or_) : "";
}

static const char *tag_words(struct loader *l, const struct node *n)
{
	size_t count;
	const struct node *const *items = bind_words(l, n, "tags", &count);
	const char *text = count ? items[0]->text : "";

	for (size_t i = 1; i < count && i <= POINT_TAGS_MAX; i++)
		text = arena_printf(&l->scratch, "%s|%s", text, items[i]->text);
	return text;
}

static void read_place(struct draft *t)
{
	struct loader *l = t->l;
	struct point_fields *f = &t->f;
	const struct point_defaults *d = t->d;

	read_building(t);
	if (t->p.building < l->n_buildings)
		t->p.node = l->site_buildings[t->p.building].node;
	t->p.floor = keep_either(l, &f->floor, d->floor);
	if (*t->p.floor)
		check_floor(t, t->p.floor, f->floor.at ? f->floor.at : d->floor_at);
	t->p.zone = keep_either(l, &f->zone, d->zone);
	t->p.location = keep_either(l, &f->location, d->location);
	t->p.owner = keep_either(l, &f->owner, d->owner);
	if (f->tags.at)
		cell_tags(l, f->tags.at, tag_words(l, f->tags.at), t->p.tags, &t->p.n_tags);
	else if (d->tags && *d->tags)
		cell_tags(l, d->tags_at, d->tags, t->p.tags, &t->p.n_tags);
	t->p.gb_system = f->gb_system.at ? (uint8_t)f->gb_system.number : d->gb_system >= 0 ? (uint8_t)d->gb_system : t->kind->gb_system;
	t->p.gb_component = f->gb_component.at ? (uint8_t)f->gb_component.number : t->kind->gb_component;
	t->p.gb_system_addr = f->gb_system_addr.at ? (int32_t)f->gb_system_addr.number : d->gb_system_addr;
	if (f->gb_addr.at)
		cell_gb_addr(l, f->gb_addr.at, t->p.gb_addr, &t->p.n_gb_addr);
}

static void put_point(struct draft *t)
{
	struct loader *l = t->l;
	const char *word = t->f.point.text ? t->f.point.text : "?";
	const struct point_fields *f = &t->f;

	t->p.index = (uint32_t)l->n_points;
	t->p.bus = t->d->bus;
	t->p.device = t->d->device;
	t->p.id = arena_printf(&l->keep, "%s.%s", t->d->device_name, word);
	t->p.name = field_keep(l, &f->name, t->p.id + strlen(t->d->device_name) + 1);
	t->b.point = t->p.index;
	t->b.device = t->d->bus_device;
	t->b.id = t->p.id;
	if (f->point.text) {
		uint32_t other = strmap_get(&l->points_by_id, t->p.id);
		if (other != STRMAP_NONE) {
			const struct node *first = l->places[other].row;
			find_error(l, f->point.at, "point '%s' is given twice, first at %s:%d", t->p.id, first->source->shown, first->line);
		} else if (strmap_put(&l->points_by_id, t->p.id, t->p.index) < 0) {
			longjmp(l->oom, 1);
		}
	}
	*ARENA_PUSH(&l->scratch, l->points, l->n_points, l->cap_points) = t->p;
	*ARENA_PUSH(&l->scratch, l->rows, l->n_rows, l->cap_rows) = t->r;
	*ARENA_PUSH(&l->scratch, l->bus_points, l->n_bus_points, l->cap_bus_points) = t->b;
	struct point_place *place = ARENA_PUSH(&l->scratch, l->places, l->n_places, l->cap_places);
	*place = (struct point_place){
		.row = t->row, .point = f->point.at, .reg = f->reg.at, .bit = f->bit.at, .deadband = f->numbers[ROW_DEADBAND].at, .every = f->every.at,
		.device = t->d->device_at, .nowhere = t->nowhere,
	};
	for (size_t i = 0; i < ROW_NUMBERS; i++)
		place->limits[i] = f->numbers[i].at;
}

static void load_point(struct loader *l, const struct node *row, const struct point_defaults *d)
{
	struct draft t = { .l = l, .d = d, .row = row };

	bind_map(l, row, columns, sizeof columns / sizeof *columns, &t.f, "a point");
	read_kind(&t);
	read_register(&t);
	check_shape(&t);
	read_unit(&t);
	read_numbers(&t);
	read_meaning(&t);
	read_place(&t);
	put_point(&t);
}

void load_points(struct loader *l, const struct node *points, const struct point_defaults *d)
{
	if (points->n == 0)
		find_warning(l, points, "there are no points in it");
	for (size_t i = 0; i < points->n; i++) {
		if (l->n_points >= CONFIG_POINTS_MAX) {
			if (!l->too_many_points)
				find_error(l, d->device_at, "more than %u points in one site", CONFIG_POINTS_MAX);
			l->too_many_points = true;
			return;
		}
		if (bind_is_map(l, points->items[i], "a point"))
			load_point(l, points->items[i], d);
	}
}
