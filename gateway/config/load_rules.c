#include "gateway/config/load_rule.h"

#include <stddef.h>
#include <string.h>

#define NS_PER_MS INT64_C(1000000)
#define MS_PER_DAY INT64_C(86400000)
#define RULES_MAX 10000

struct rule_fields {
	struct field id, for_, when, on_delay, off_delay, latch, ack, priority, class_, message, source, enabled, gb26875, unsupported;
};

#define AT(field) offsetof(struct rule_fields, field)
static const struct bind_key rule_keys[] = {
	{ "id", NULL, BIND_NAME, BIND_REQUIRED, AT(id) },
	{ "for", NULL, BIND_MAP, 0, AT(for_) },
	{ "when", NULL, BIND_MAP, BIND_REQUIRED, AT(when) },
	{ "on_delay", NULL, BIND_DURATION, 0, AT(on_delay), 0, 30 * MS_PER_DAY, .def = "0" },
	{ "off_delay", NULL, BIND_DURATION, 0, AT(off_delay), 0, 30 * MS_PER_DAY, .def = "0" },
	{ "latch", NULL, BIND_BOOL, 0, AT(latch), .def = "false" },
	{ "ack", NULL, BIND_BOOL, 0, AT(ack), .def = "true" },
	{ "priority", NULL, BIND_INT, 0, AT(priority), 1, 5 },
	{ "class", NULL, BIND_TEXT, 0, AT(class_), 1 },
	{ "message", NULL, BIND_ANY, 0, AT(message) },
	{ "source", NULL, BIND_TEXT, 0, AT(source), 0, 400 },
	{ "enabled", NULL, BIND_BOOL, 0, AT(enabled), .def = "true" },
	{ "gb26875", NULL, BIND_MAP, 0, AT(gb26875) },
	{ "re_alarm", NULL, BIND_UNSUPPORTED, 0, AT(unsupported) },
	{ "suppressed_by", NULL, BIND_UNSUPPORTED, 0, AT(unsupported) },
	{ "escalate", NULL, BIND_UNSUPPORTED, 0, AT(unsupported) },
};

struct message_fields { struct field zh, en; };
static const struct bind_key message_keys[] = {
	{ "zh", NULL, BIND_LINES, 0, offsetof(struct message_fields, zh), 1, 500 },
	{ "en", NULL, BIND_LINES, 0, offsetof(struct message_fields, en), 1, 500 },
};

struct gb_fields { struct field status, system, component; };
static const struct bind_key gb_keys[] = {
	{ "status", NULL, BIND_INT, 0, offsetof(struct gb_fields, status), 0, 32767 },
	{ "system", NULL, BIND_INT, 0, offsetof(struct gb_fields, system), 0, 255 },
	{ "component", NULL, BIND_INT, 0, offsetof(struct gb_fields, component), 0, 255 },
};

static const char *const placeholders[] = { "name", "value", "unit", "limit", "point", "floor", "zone", "building", "kind", "quality", "count", "class", "rate", NULL };

/* Which placeholders stand in a message, as bits; unknown ones are said. */
static unsigned find_placeholders(struct loader *l, const struct field *f)
{
	unsigned found = 0;

	for (const char *p = strchr(f->text, '{'); p; p = strchr(p + 1, '{')) {
		size_t len = strcspn(p + 1, "{}"), i = 0;
		if (p[1 + len] != '}') {
			find_warning(l, f->at, "message: a { is never closed");
			return found;
		}
		const char *word = arena_text(&l->scratch, p + 1, len);
		while (placeholders[i] && strcmp(placeholders[i], word) != 0)
			i++;
		if (placeholders[i])
			found |= 1u << i;
		else
			find_warning(l, f->at, "message: unknown placeholder {%s}%s", word, nearest_hint(l, nearest_in(word, placeholders)));
	}
	return found;
}

static void load_message(struct loader *l, const struct node *n, struct rule_def *r)
{
	struct message_fields f = { 0 };

	if (n->type == NODE_SCALAR) {
		if (bind_value(l, n, &message_keys[0], &f.zh) < 0)
			return;
		find_placeholders(l, &f.zh);
		r->message_zh = r->message_en = arena_copy(&l->keep, f.zh.text);
		return;
	}
	if (bind_map(l, n, message_keys, 2, &f, "message") < 0)
		return;
	if (!f.zh.at && !f.en.at)
		find_error(l, n, "message: neither zh nor en is given");
	unsigned zh = f.zh.at ? find_placeholders(l, &f.zh) : 0, en = f.en.at ? find_placeholders(l, &f.en) : 0;
	for (size_t i = 0; f.zh.at && f.en.at && placeholders[i]; i++)
		if ((zh ^ en) & 1u << i)
			find_warning(l, zh & 1u << i ? f.en.at : f.zh.at, "message: {%s} stands in %s only", placeholders[i], zh & 1u << i ? "zh" : "en");
	r->message_zh = field_keep(l, &f.zh, NULL);
	r->message_en = field_keep(l, &f.en, NULL);
}

static const char *class_word(const void *user, size_t i)
{
	(void)user;
	return i < CLASS_OPERATION ? alarm_class_name((enum alarm_class)i) : NULL;
}

static void load_class(struct loader *l, const struct field *f, struct rule_def *r)
{
	if (!f->at) {
		if (rule_is_of_several(r))
			find_error(l, l->rule_places[l->n_rule_places - 1].rule, "%s has no kind to take its class from: give it a 'class'",
			           r->when == WHEN_COUNT ? "a count rule" : r->when == WHEN_ALL ? "a rule with all" : "a rule with any");
		return;
	}
	r->class_given = true;
	if (alarm_class_find(f->text, &r->class_) < 0)
		find_error(l, f->at, "unknown class '%s' (fire, prealarm, supervisory, fault, disablement, actuation)%s", f->text,
		           nearest_hint(l, nearest_word(f->text, class_word, NULL)));
	else if (r->class_ == CLASS_OPERATION)
		find_error(l, f->at, "class operation is not for alarms");
}

static void load_gb(struct loader *l, const struct node *n, struct rule_def *r)
{
	struct gb_fields f;

	bind_map(l, n, gb_keys, 3, &f, "gb26875");
	if (f.status.at)
		r->gb_status = (int16_t)f.status.number;
	if (f.system.at)
		r->gb_system = (int16_t)f.system.number;
	if (f.component.at)
		r->gb_component = (int16_t)f.component.number;
}

static void load_for(struct loader *l, const struct rule_fields *f, struct rule_def *r, const struct node *rule)
{
	r->select.height_above = NAN;
	if (!f->for_.at) {
		if (!rule_is_of_several(r) && !node_get(rule, "for"))
			find_error(l, rule, "a rule: 'for' is missing");
		return;
	}
	load_select(l, f->for_.at, false, &r->select);
	if (f->for_.at->n == 0 && r->when != WHEN_QUALITY && !rule_is_of_several(r))
		find_error(l, f->for_.at, "for: names no points; only a quality rule may be for all");
}

/* One rule; false: nothing came of it. */
static bool load_rule(struct loader *l, const struct node *n, struct rule_def *ret)
{
	struct rule_fields f;
	struct rule_place *place = &l->rule_places[l->n_rule_places - 1];
	struct rule_def r = { .gb_status = -1, .gb_system = -1, .gb_component = -1, .when = WHEN_QUALITY, .line = n->line };

	bind_map(l, n, rule_keys, sizeof rule_keys / sizeof *rule_keys, &f, "a rule");
	*place = (struct rule_place){ .rule = n, .id = f.id.at, .when = f.when.at, .on_delay = f.on_delay.at, .ack = f.ack.at, .select = f.for_.at };
	if (!f.id.text)
		return false;
	r.id = arena_copy(&l->keep, f.id.text);
	r.file = arena_copy(&l->keep, n->source->shown);
	r.of.height_above = NAN;
	size_t errors = l->errors;
	bool when = f.when.at && load_when(l, f.when.at, &r, place) == 0;
	if (when) {
		load_for(l, &f, &r, n);
		place->select_wrong = l->errors > errors;
		load_class(l, &f.class_, &r);
	}
	r.enabled = f.enabled.number;
	r.on_delay_ns = f.on_delay.number * NS_PER_MS;
	r.off_delay_ns = f.off_delay.number * NS_PER_MS;
	r.latch = f.latch.number;
	r.ack = f.ack.number;
	r.priority = (uint8_t)f.priority.number;
	r.source = field_keep(l, &f.source, NULL);
	if (f.message.at)
		load_message(l, f.message.at, &r);
	if (f.gb26875.at)
		load_gb(l, f.gb26875.at, &r);
	if (r.latch && !r.ack)
		find_error(l, f.latch.at, "latch: an alarm that is to be reset must be acknowledged first: not with ack: false");
	*ret = r;
	return when;
}

/* A later file's rule of the same id takes the place of the earlier; within one file it is a mistake. */
static void put_rule(struct loader *l, const struct rule_def *r)
{
	struct rule_place place = l->rule_places[l->n_rule_places - 1];

	l->n_rule_places--;
	for (size_t i = 0; i < l->n_rules; i++) {
		if (strcmp(l->rules[i].id, r->id) != 0)
			continue;
		if (l->rule_places[i].rule->source == place.rule->source)
			find_error(l, place.id, "rule '%s' is given twice, first at line %d", r->id, l->rule_places[i].rule->line);
		l->rules[i] = *r;
		l->rule_places[i] = place;
		return;
	}
	if (l->n_rules == RULES_MAX) {
		find_error(l, place.rule, "more than %d rules", RULES_MAX);
		return;
	}
	*ARENA_PUSH(&l->keep, l->rules, l->n_rules, l->cap_rules) = *r;
	l->rule_places[l->n_rule_places++] = place;
}

static void load_item(struct loader *l, const struct node *n)
{
	struct rule_def r;

	(void)ARENA_PUSH(&l->scratch, l->rule_places, l->n_rule_places, l->cap_rule_places);
	if (load_rule(l, n, &r))
		put_rule(l, &r);
	else
		l->n_rule_places--;
}

static void load_file(struct loader *l, const struct node *path)
{
	const struct node *root = yaml_read(l, source_path_shown(l, path->source, path->text), path);
	static const struct bind_key keys[] = { { "rules", NULL, BIND_LIST, BIND_REQUIRED, 0 } };
	struct field rules;

	if (!root || bind_map(l, root, keys, 1, &rules, "a rules file") < 0 || !rules.at)
		return;
	for (size_t i = 0; i < rules.at->n; i++)
		if (bind_is_map(l, rules.at->items[i], "a rule"))
			load_item(l, rules.at->items[i]);
}

void load_rules(struct loader *l, const struct node *list)
{
	for (size_t i = 0; i < list->n; i++) {
		const struct node *item = list->items[i];
		bool again = false;
		if (item->type == NODE_MAP) {
			load_item(l, item);
			continue;
		}
		if (item->type != NODE_SCALAR || !*item->text) {
			find_error(l, item, "rules must be a list of files and of rules");
			continue;
		}
		for (size_t k = 0; k < i; k++)
			again |= list->items[k]->type == NODE_SCALAR && strcmp(list->items[k]->text, item->text) == 0;
		if (again)
			find_error(l, item, "'%s' is given twice", item->text);
		else
			load_file(l, item);
	}
	l->c->rules = l->rules;
	l->c->n_rules = l->n_rules;
}
