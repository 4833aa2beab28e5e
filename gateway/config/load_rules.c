#include "gateway/config/load_rule.h"

#include <stddef.h>
#include <string.h>
#include <unistd.h>

#define NS_PER_MS INT64_C(1000000)
#define MS_PER_DAY INT64_C(86400000)
#define RULES_MAX 10000

struct rule_fields {
	struct field id, for_, when, on_delay, off_delay, latch, ack, priority, class_, message, source, enabled, optional, gb26875, re_alarm, suppressed_by, escalate;
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
	{ "optional", NULL, BIND_BOOL, 0, AT(optional) },
	{ "gb26875", NULL, BIND_MAP, 0, AT(gb26875) },
	{ "re_alarm", NULL, BIND_DURATION, 0, AT(re_alarm), 60 * 1000, 30 * MS_PER_DAY },
	{ "suppressed_by", NULL, BIND_ANY, 0, AT(suppressed_by) },
	{ "escalate", NULL, BIND_MAP, 0, AT(escalate) },
};

struct escalate_fields { struct field after; };
static const struct bind_key escalate_keys[] = {
	{ "after", NULL, BIND_DURATION, BIND_REQUIRED, offsetof(struct escalate_fields, after), 1000, 30 * MS_PER_DAY },
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

static void load_attention(struct loader *l, const struct rule_fields *f, struct rule_def *r)
{
	struct escalate_fields e = { 0 };

	if (f->re_alarm.at)
		r->re_alarm_ns = f->re_alarm.number * NS_PER_MS;
	if (f->escalate.at && bind_map(l, f->escalate.at, escalate_keys, 1, &e, "escalate") == 0 && e.after.at)
		r->escalate_ns = e.after.number * NS_PER_MS;
	if (!r->ack && (r->re_alarm_ns || r->escalate_ns))
		find_error(l, r->escalate_ns ? f->escalate.at : f->re_alarm.at, "with ack: false nobody has to acknowledge, so nothing escalates or alarms again");
}

/* Ids of rules or of alarms; whether there are such rules is looked at when all are known. */
static void load_suppressed_by(struct loader *l, const struct node *at, struct rule_def *r, struct rule_place *place)
{
	size_t n;
	const struct node *const *items = bind_words(l, at, "suppressed_by", &n);
	const char **words = arena_take(&l->keep, n + 1, sizeof *words);

	for (size_t i = 0; i < n; i++)
		words[i] = arena_copy(&l->keep, items[i]->text);
	r->suppressed_by = (struct rule_words){ words, n };
	place->suppressed_by = at;
}

/* One rule; false: nothing came of it. optional: what its file says. */
static bool load_rule(struct loader *l, const struct node *n, bool optional, struct rule_def *ret)
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
	r.optional = f.optional.at ? f.optional.number : optional;
	r.on_delay_ns = f.on_delay.number * NS_PER_MS;
	r.off_delay_ns = f.off_delay.number * NS_PER_MS;
	r.latch = f.latch.number;
	r.ack = f.ack.number;
	r.priority = (uint8_t)f.priority.number;
	load_attention(l, &f, &r);
	if (f.suppressed_by.at)
		load_suppressed_by(l, f.suppressed_by.at, &r, place);
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

static void load_item(struct loader *l, const struct node *n, bool optional)
{
	struct rule_def r;

	(void)ARENA_PUSH(&l->scratch, l->rule_places, l->n_rule_places, l->cap_rule_places);
	if (load_rule(l, n, optional, &r))
		put_rule(l, &r);
	else
		l->n_rule_places--;
}

/* As the path says, from the file that names it; rules/X that is not there is the installed one. */
static const char *find_file(struct loader *l, const struct node *path)
{
	const char *beside = source_path_shown(l, path->source, path->text);
	const char *installed = arena_printf(&l->scratch, FIREGW_DATADIR "/%s", path->text);

	if (strncmp(path->text, "rules/", 6) != 0 || strchr(path->text + 6, '/') || access(beside, F_OK) == 0)
		return beside;
	return access(installed, F_OK) == 0 ? installed : beside;
}

struct file_fields { struct field rules, optional; };
static const struct bind_key file_keys[] = {
	{ "rules", NULL, BIND_LIST, BIND_REQUIRED, offsetof(struct file_fields, rules) },
	{ "optional", NULL, BIND_BOOL, 0, offsetof(struct file_fields, optional), .def = "false" },
};

/* at: where it is named; NULL: on the command line. */
static void load_file(struct loader *l, const char *shown, const struct node *at)
{
	const struct node *root = yaml_read(l, shown, at);
	struct file_fields f;

	if (!root || bind_map(l, root, file_keys, 2, &f, "a rules file") < 0 || !f.rules.at)
		return;
	for (size_t i = 0; i < f.rules.at->n; i++)
		if (bind_is_map(l, f.rules.at->items[i], "a rule"))
			load_item(l, f.rules.at->items[i], f.optional.number);
}

void load_rules(struct loader *l, const struct node *list)
{
	for (size_t i = 0; i < l->n_rules_files; i++)
		load_file(l, l->rules_files[i], NULL);
	for (size_t i = 0; i < list->n && !l->n_rules_files; i++) {
		const struct node *item = list->items[i];
		bool again = false;
		if (item->type == NODE_MAP) {
			load_item(l, item, false);
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
			load_file(l, find_file(l, item), item);
	}
	l->c->rules = l->rules;
	l->c->n_rules = l->n_rules;
}
