#include "gateway/event_text.h"

#include <stdio.h>
#include <string.h>

#define GB_ANALOGUE_RESIDUAL_MA 128 /* a user's type: the standard's ampere has steps of 0.1 A */

/* GB/T 26875.3-2011 table 6: the unit that each analogue type is counted in. */
static const char *analogue_unit(uint8_t type)
{
	static const char *const units[] = { "", "", "m", "°C", "MPa", "kPa", "%LEL", "s", "V", "A", "L/s" };

	if (type == GB_ANALOGUE_RESIDUAL_MA)
		return "mA";
	return type < sizeof units / sizeof units[0] ? units[type] : "";
}

/* GB/T 26875.3-2011 figure 7: bit 0 normal running, 1 fire, 2 fault, 3 disabled, 4 supervisory, 5 started. The standard has no bit for an early sign: it is told as supervisory. */
static int gb_status(enum alarm_class c, bool active)
{
	if (!active)
		return 1;
	switch (c) {
	case CLASS_FIRE: return 1 << 1;
	case CLASS_FAULT: return 1 << 2;
	case CLASS_DISABLEMENT: return 1 << 3;
	case CLASS_PREALARM:
	case CLASS_SUPERVISORY: return 1 << 4;
	case CLASS_ACTUATION: return 1 << 5;
	case CLASS_OPERATION:
	case CLASS_COUNT: break;
	}
	return 1;
}

static const char *class_word_zh(enum alarm_class c)
{
	switch (c) {
	case CLASS_FIRE: return "火警";
	case CLASS_PREALARM: return "预警";
	case CLASS_SUPERVISORY: return "监管";
	case CLASS_FAULT: return "故障";
	case CLASS_DISABLEMENT: return "屏蔽";
	case CLASS_ACTUATION: return "启动";
	case CLASS_OPERATION: return "操作";
	case CLASS_COUNT: break;
	}
	return "";
}

static const char *placeholder(const char *name, size_t len, const struct message_values *v)
{
	const struct { const char *word, *value; } table[] = {
		{ "name", v->name }, { "value", v->value }, { "unit", v->unit }, { "limit", v->limit }, { "point", v->point }, { "floor", v->floor },
		{ "zone", v->zone }, { "building", v->building }, { "kind", v->kind }, { "quality", v->quality }, { "count", v->count }, { "class", v->class_ },
		{ "rate", v->rate },
	};

	for (size_t i = 0; i < sizeof table / sizeof table[0]; i++)
		if (strlen(table[i].word) == len && strncmp(table[i].word, name, len) == 0)
			return table[i].value ? table[i].value : "";
	return NULL;
}

void message_expand(struct strbuf *out, const char *template_, const struct message_values *v)
{
	const char *p = template_;

	while (*p) {
		const char *open = strchr(p, '{');
		const char *shut = open ? strchr(open, '}') : NULL;
		const char *value = shut ? placeholder(open + 1, (size_t)(shut - open - 1), v) : NULL;
		if (!open) {
			strbuf_puts(out, p);
			return;
		}
		strbuf_put(out, p, (size_t)(open - p));
		if (value) {
			strbuf_puts(out, value);
			p = shut + 1;
		} else {
			strbuf_putc(out, '{');
			p = open + 1;
		}
	}
}

static void number_text(char *buf, size_t cap, double v)
{
	if (isnan(v)) {
		buf[0] = '\0';
		return;
	}
	struct strbuf b;
	strbuf_init_fixed(&b, buf, cap);
	strbuf_short_double(&b, v);
}

/* What a template can name, with room for the numbers as text. */
struct described {
	char                  value[64], limit[64], count[24], rate[24];
	struct message_values v;
};

static void describe(struct described *d, const struct site *site, const struct rules_alarm *a, const struct rules_transition *t)
{
	const struct point *p = a->point == POINT_NONE ? NULL : &site->points[a->point];
	const char *label = p ? point_label_text(p, t->value.number) : NULL;

	memset(&d->v, 0, sizeof d->v);
	number_text(d->value, sizeof d->value, t->value.number);
	number_text(d->limit, sizeof d->limit, t->limit);
	snprintf(d->count, sizeof d->count, "%zu", t->n_members);
	/* A difference of readings: what is behind the sixth digit is rounding. */
	snprintf(d->rate, sizeof d->rate, isnan(t->rate) ? "" : "%.6g", t->rate);
	d->v.value = t->value.text ? t->value.text : label ? label : d->value;
	d->v.limit = d->limit;
	d->v.count = d->count;
	d->v.rate = d->rate;
	d->v.floor = a->floor;
	d->v.zone = a->zone;
	d->v.building = a->building == UINT32_MAX ? "" : site->buildings[a->building].name;
	d->v.quality = quality_name(t->quality);
	d->v.name = p ? p->name : a->zone[0] ? a->zone : d->v.building[0] ? d->v.building : a->id;
	d->v.point = p ? p->id : "";
	d->v.unit = p ? p->unit : "";
	d->v.kind = p ? kind_info(p->kind)->name_zh : "";
}

static const char *default_message(const struct rules_alarm *a, bool zh)
{
	if (a->own)
		return zh ? a->own->message_zh : a->own->message_en;
	const char *given = zh ? a->def->message_zh : a->def->message_en;
	const char *other = zh ? a->def->message_en : a->def->message_zh;
	return given ? given : other;
}

static bool is_of_several(const struct rules_alarm *a)
{
	return a->def && a->point == POINT_NONE;
}

/* For a rule without a message of its own. */
static const char *plain_message(const struct described *d, const struct rules_alarm *a, bool zh)
{
	if (is_of_several(a))
		return zh ? "{name} {class},{count} 个点位" : "{name}: {class}, {count} points";
	if (!d->v.value[0])
		return zh ? "{name} {class}" : "{name}: {class}";
	return zh ? "{name} {class} {value}{unit}" : d->v.unit[0] ? "{name}: {class} {value} {unit}" : "{name}: {class} {value}";
}

/* A sentence that was written about the condition is not true any more when that is gone: "0.45 MPa, below 0.12". */
static const char *over_message(const struct described *d, const struct rules_alarm *a, const char *template_, bool zh)
{
	static const char *const changing[] = { "{value}", "{limit}", "{quality}", "{count}", "{rate}" };

	for (size_t i = 0; template_ && i < sizeof changing / sizeof changing[0]; i++)
		if (strstr(template_, changing[i]))
			template_ = NULL;
	if (template_)
		return template_;
	if (is_of_several(a) || !d->v.value[0])
		return zh ? "{name} {class}" : "{name}: {class}";
	return zh ? "{name} 现为 {value} {unit}" : d->v.unit[0] ? "{name}: now {value} {unit}" : "{name}: now {value}";
}

/* What people made says what it is about, and why. */
static void put_extra(struct strbuf *out, const struct site *site, const struct rules_alarm *a, bool zh)
{
	const struct rules_extra *x = a->extra;
	char when[CLOCK_TEXT_MAX];
	size_t cut = strlen(a->id) - strlen(strrchr(a->id, '/'));

	switch (x->kind) {
	case EXTRA_SHELF:
		strbuf_printf(out, zh ? "报警 %.*s 搁置至 %s" : "alarm %.*s is shelved until %s", (int)cut, a->id, clock_format_minute(x->until_ms, when));
		break;
	case EXTRA_SERVICE:
		strbuf_printf(out, zh ? "点位 %.*s 退出运行" : "point %.*s is out of service", (int)cut, a->id);
		break;
	case EXTRA_MANUAL:
		strbuf_printf(out, zh ? "人工报警:%s %s层 %s" : "reported by a person: %s floor %s, %s", site->buildings[a->building].name, a->floor,
		              zh ? class_word_zh(a->class_) : alarm_class_name(a->class_));
		break;
	}
	if (x->note[0])
		strbuf_printf(out, zh ? ":%s" : ": %s", x->note);
}

/* What this transition says of the alarm, before what the alarm is. */
static void put_prefix(struct strbuf *out, const struct rules_transition *t, bool zh)
{
	char when[CLOCK_TEXT_MAX];

	switch (t->what) {
	case TRANSITION_CHATTERING:
		strbuf_printf(out, zh ? "频繁动作(1 分钟内 %u 次):" : "chatters (%u times within a minute): ", t->times);
		break;
	case TRANSITION_ESCALATED:
		strbuf_puts(out, zh ? "逾时未确认:" : "not acknowledged in time: ");
		break;
	case TRANSITION_VERIFIED: {
		static const char *const words[] = { "", "真实", "误报", "测试", "演练" };
		strbuf_printf(out, zh ? "核实为%s" : "found to be %s", zh ? words[t->verdict] : verdict_name(t->verdict));
		strbuf_printf(out, t->verdict_cause ? zh ? "(%s):" : " (%s): " : zh ? "%s:" : "%s: ", t->verdict_cause ? t->verdict_cause : "");
		break;
	}
	case TRANSITION_SHELVED:
		strbuf_printf(out, zh ? "已搁置至 %s:" : "shelved until %s: ", clock_format_minute(t->shelved_until_ms, when));
		break;
	case TRANSITION_UNSHELVED:
		strbuf_puts(out, zh ? "取消搁置" : "no longer shelved");
		if (t->cause == CAUSE_RULE) /* the configuration, and nobody was asked */
			strbuf_puts(out, zh ? "(现为火警,只有维护人员可搁置)" : " (it is a fire alarm now, which only a maintainer may shelve)");
		strbuf_puts(out, zh ? ":" : ": ");
		break;
	case TRANSITION_SUPPRESSED:
		strbuf_puts(out, t->cause == CAUSE_RULE ? zh ? "已抑制:" : "suppressed: " : zh ? "已屏蔽:" : "out of service: "); /* its point is */
		break;
	case TRANSITION_UNSUPPRESSED:
		strbuf_puts(out, t->cause == CAUSE_RULE ? zh ? "解除抑制:" : "no longer suppressed: " : zh ? "恢复运行:" : "in service again: "); /* its point is */
		break;
	default:
		if (!t->active && t->times)
			strbuf_printf(out, zh ? "已恢复(共动作 %u 次):" : "over (%u times in all): ", t->times);
		else if (!t->active)
			strbuf_puts(out, zh ? "已恢复:" : "over: ");
	}
}

static void put_message(struct strbuf *out, const struct site *site, struct described *d, const struct rules_alarm *a, const struct rules_transition *t, bool zh)
{
	char mem[1024];
	struct strbuf text;
	const char *template_ = a->extra ? NULL : default_message(a, zh);

	strbuf_init_fixed(&text, mem, sizeof mem);
	d->v.class_ = zh ? class_word_zh(a->class_) : alarm_class_name(a->class_);
	put_prefix(&text, t, zh);
	if (a->extra) {
		put_extra(&text, site, a, zh);
		strbuf_json_string(out, mem);
		return;
	}
	if (a->own) { /* words as they are: a refused file's may hold braces */
		const char *more = zh ? a->own->more_zh : a->own->more_en;
		strbuf_puts(&text, template_);
		strbuf_puts(&text, more ? more : "");
		strbuf_json_string(out, mem);
		return;
	}
	message_expand(&text, !t->active ? over_message(d, a, template_, zh) : template_ ? template_ : plain_message(d, a, zh), &d->v);
	strbuf_json_string(out, mem);
}

static void put_time(struct strbuf *out, const char *key, int64_t wall_ms)
{
	char text[CLOCK_TEXT_MAX];

	strbuf_json_key(out, key);
	strbuf_json_string(out, clock_format(wall_ms, text));
}

static void put_string(struct strbuf *out, const char *key, const char *value)
{
	strbuf_json_key(out, key);
	strbuf_json_string(out, value);
}

static void put_bool(struct strbuf *out, const char *key, bool value)
{
	strbuf_json_key(out, key);
	strbuf_puts(out, value ? "true" : "false");
}

static void put_double(struct strbuf *out, const char *key, double value)
{
	strbuf_json_key(out, key);
	strbuf_json_double(out, value);
}

static void put_int(struct strbuf *out, const char *key, int64_t value)
{
	strbuf_json_key(out, key);
	strbuf_json_int(out, value);
}

/* The analogue value in the unit of the standard's type, or null. */
static void put_gb_analogue(struct strbuf *out, const struct point *p, const struct rules_transition *t)
{
	uint8_t type = p ? kind_info(p->kind)->gb_analogue : 0;
	struct unit_conversion conversion;

	strbuf_json_key(out, "analogue");
	if (!type || isnan(t->value.number) || unit_convert(p->unit, analogue_unit(type), &conversion)) {
		strbuf_puts(out, "null");
		return;
	}
	double value = decimal_apply_float(t->value.number, DECIMAL_ONE, conversion.before, conversion.factor);
	strbuf_printf(out, "{\"type\":%u,\"value\":", type);
	strbuf_json_double(out, value);
	strbuf_putc(out, '}');
}

static void put_gb(struct strbuf *out, const struct rules_alarm *a, const struct point *p, const struct rules_transition *t)
{
	strbuf_json_key(out, "gb26875");
	if (!p && (!a->def || a->def->gb_component < 0)) {
		strbuf_puts(out, "null");
		return;
	}
	int system = a->def && a->def->gb_system >= 0 ? a->def->gb_system : p ? p->gb_system : 0;
	int component = a->def && a->def->gb_component >= 0 ? a->def->gb_component : p ? p->gb_component : 0;
	int status = a->def && a->def->gb_status >= 0 && t->active ? a->def->gb_status : gb_status(a->class_, t->active);
	strbuf_printf(out, "{\"system\":%d", system);
	if (p && p->gb_system_addr >= 0)
		strbuf_printf(out, ",\"system_addr\":%d", (int)p->gb_system_addr);
	else
		strbuf_puts(out, ",\"system_addr\":null");
	strbuf_printf(out, ",\"component\":%d,\"addr\":[", component);
	for (size_t i = 0; p && i < p->n_gb_addr; i++)
		strbuf_printf(out, "%s%u", i ? "," : "", (unsigned)p->gb_addr[i]);
	strbuf_printf(out, "],\"status\":%d", status);
	put_gb_analogue(out, p, t);
	strbuf_putc(out, '}');
}

/* What drives something starts and stops; what is driven, a valve or a door, reports back. */
static const char *signal_of(const struct rules_alarm *a, const struct point *p, const struct rules_transition *t)
{
	if (a->class_ != CLASS_ACTUATION)
		return NULL;
	if (!t->active)
		return "stop";
	if (!p)
		return "start";
	switch (p->kind) {
	case KIND_ALARM_VALVE: case KIND_DELUGE_VALVE: case KIND_SIGNAL_VALVE: case KIND_GAS_VALVE: case KIND_SPRINKLER_FLOW: case KIND_PRESSURE_SWITCH:
	case KIND_HYDRANT_FLOW: case KIND_FIRE_DOOR: case KIND_FIRE_SHUTTER: case KIND_FIRE_DAMPER: case KIND_FIRE_LIFT:
		return "feedback";
	default:
		return "start";
	}
}

static void put_id(struct strbuf *out, const char *key, const char *gateway, struct event_id id)
{
	char text[EVENT_ID_MAX];

	strbuf_json_key(out, key);
	strbuf_json_string(out, id.counter ? event_id_format(gateway, id, text) : NULL);
}

/* at, device_at, boot, up_ms, clock */
static void put_moment(struct strbuf *out, const struct event_text *c, struct stamp at, int64_t device_at_ms)
{
	int64_t up_ms = (at.mono_ns - c->started.mono_ns) / CLOCK_NS_PER_MS;

	put_time(out, "at", at.wall_ms);
	if (device_at_ms)
		put_time(out, "device_at", device_at_ms);
	else
		put_string(out, "device_at", NULL);
	strbuf_printf(out, ",\"boot\":\"%016llx\"", (unsigned long long)c->boot);
	put_int(out, "up_ms", up_ms > 0 ? up_ms : 0);
	put_string(out, "clock", at.wall_trusted ? "trusted" : "untrusted");
}

static void put_members(struct strbuf *out, const struct site *site, const struct rules_transition *t)
{
	strbuf_json_key(out, "members");
	strbuf_putc(out, '[');
	for (size_t i = 0; i < t->n_members && i < RULES_MEMBERS_MAX; i++) {
		if (i)
			strbuf_putc(out, ',');
		strbuf_json_string(out, site->points[t->members[i]].id);
	}
	strbuf_putc(out, ']');
}

static void put_place(struct strbuf *out, const struct site *site, const struct rules_alarm *a, const struct point *p, const struct described *d)
{
	put_string(out, "name", d->v.name);
	put_string(out, "kind", p ? kind_info(p->kind)->name : NULL);
	put_string(out, "building", a->building == UINT32_MAX ? NULL : site->buildings[a->building].id);
	put_string(out, "floor", a->floor[0] ? a->floor : NULL);
	put_string(out, "zone", a->zone[0] ? a->zone : NULL);
	put_string(out, "location", p ? p->location : "");
}

static void put_value(struct strbuf *out, const struct rules_transition *t)
{
	if (t->value.text)
		put_string(out, "value", t->value.text);
	else
		put_double(out, "value", t->value.number);
}

static void put_beside(struct strbuf *out, const struct rules_transition *t)
{
	put_string(out, "mode", alarm_mode_name(t->mode));
	put_bool(out, "shelved", t->shelved);
	put_bool(out, "out_of_service", t->out_of_service);
	put_bool(out, "suppressed", t->suppressed);
	if (t->shelved_until_ms)
		put_time(out, "shelved_until", t->shelved_until_ms);
	if (t->times)
		put_int(out, "times", t->times);
	if (t->verdict == VERDICT_NONE)
		return;
	strbuf_puts(out, ",\"verdict\":{\"what\":");
	strbuf_json_string(out, verdict_name(t->verdict));
	put_string(out, "cause", t->verdict_cause);
	strbuf_putc(out, '}');
}

void event_text_alarm(struct strbuf *out, const struct event_text *c, const struct rules_alarm *a, const struct rules_transition *t, struct event_id id)
{
	const struct site *site = c->site;
	const struct point *p = a->point == POINT_NONE ? NULL : &site->points[a->point];
	bool begins = t->what == TRANSITION_RAISED || t->what == TRANSITION_CONFIRMED;
	struct described d;
	char id_text[EVENT_ID_MAX];

	describe(&d, site, a, t);
	strbuf_puts(out, "\"id\":");
	strbuf_json_string(out, event_id_format(site->gateway, id, id_text));
	put_string(out, "class", alarm_class_name(a->class_));
	put_string(out, "hazard", hazard_name(a->hazard));
	put_string(out, "transition", transition_name(t->what));
	put_string(out, "cause", cause_name(t->cause));
	put_string(out, "state", alarm_state_name(t->to));
	put_string(out, "from", alarm_state_name(t->from == STATE_PENDING ? STATE_NORMAL : t->from));
	put_bool(out, "active", t->active);
	put_bool(out, "acked", t->acked);
	put_bool(out, "latched", t->latched);
	put_string(out, "alarm", a->id);
	put_int(out, "rev", t->rev);
	put_id(out, "occurrence", site->gateway, begins ? id : t->occurrence);
	put_time(out, "since", t->since.wall_ms);
	put_string(out, "rule", a->def ? a->def->id : strrchr(a->id, '/') + 1); /* our own fault: what it is about a thing */
	put_string(out, "point", p ? p->id : NULL);
	put_members(out, site, t);
	put_place(out, site, a, p, &d);
	put_value(out, t);
	put_string(out, "unit", p ? p->unit : "");
	put_double(out, "limit", t->limit);
	put_string(out, "quality", quality_name(t->quality));
	strbuf_puts(out, ",\"message\":{\"zh\":");
	put_message(out, site, &d, a, t, true);
	strbuf_puts(out, ",\"en\":");
	put_message(out, site, &d, a, t, false);
	strbuf_putc(out, '}');
	put_int(out, "priority", a->priority);
	put_moment(out, c, t->at, t->device_at_ms);
	put_string(out, "actor", t->actor);
	put_string(out, "note", t->note);
	put_beside(out, t);
	put_string(out, "signal", signal_of(a, p, t));
	put_gb(out, a, p, t);
	strbuf_putc(out, '}');
}

void event_text_operation(struct strbuf *out, const struct event_text *c, const struct event_operation *o, struct event_id id)
{
	char id_text[EVENT_ID_MAX];

	strbuf_puts(out, "\"id\":");
	strbuf_json_string(out, event_id_format(c->site->gateway, id, id_text));
	put_string(out, "class", alarm_class_name(CLASS_OPERATION));
	put_string(out, "hazard", hazard_name(HAZARD_NONE));
	put_string(out, "transition", transition_name(o->what));
	put_string(out, "cause", cause_name(o->cause));
	strbuf_puts(out, ",\"state\":null,\"from\":null,\"active\":false,\"acked\":false,\"latched\":false,\"alarm\":null,\"rev\":null,\"occurrence\":null");
	put_time(out, "since", o->at.wall_ms);
	strbuf_puts(out, ",\"rule\":null,\"point\":null,\"members\":[],\"name\":\"\",\"kind\":null,\"building\":null,\"floor\":null,\"zone\":null,\"location\":\"\""
	                 ",\"value\":null,\"unit\":\"\",\"limit\":null,\"quality\":\"good\",\"message\":{\"zh\":");
	strbuf_json_string(out, o->message_zh ? o->message_zh : o->message_en ? o->message_en : transition_name(o->what));
	strbuf_puts(out, ",\"en\":");
	strbuf_json_string(out, o->message_en ? o->message_en : o->message_zh ? o->message_zh : transition_name(o->what));
	strbuf_putc(out, '}');
	put_int(out, "priority", 5);
	put_moment(out, c, o->at, 0);
	put_string(out, "actor", o->actor);
	put_string(out, "note", o->note);
	put_string(out, "mode", alarm_mode_name(o->mode));
	if (o->select)
		put_string(out, "select", o->select);
	if (o->until_ms)
		put_time(out, "until", o->until_ms);
	strbuf_puts(out, ",\"shelved\":false,\"out_of_service\":false,\"suppressed\":false,\"signal\":null,\"gb26875\":null}");
}
