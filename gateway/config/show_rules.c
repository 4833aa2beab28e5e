#include "gateway/config/show.h"

#define NS_PER_MS INT64_C(1000000)

static void show_words(struct writer *w, const char *key, const struct rule_words *words)
{
	if (words->n == 0)
		return;
	writer_open_list(w, key, true);
	for (size_t i = 0; i < words->n; i++)
		writer_text(w, NULL, words->words[i]);
	writer_close(w);
}

static void show_select_keys(struct writer *w, const struct rule_select *s)
{
	if (s->n_kinds) {
		writer_open_list(w, "kind", true);
		for (size_t i = 0; i < s->n_kinds; i++)
			writer_text(w, NULL, kind_info(s->kinds[i])->name);
		writer_close(w);
	}
	show_words(w, "building", &s->building);
	if (s->n_building_classes) {
		writer_open_list(w, "building_class", true);
		for (size_t i = 0; i < s->n_building_classes; i++)
			writer_text(w, NULL, building_class_name(s->building_classes[i]));
		writer_close(w);
	}
	if (!isnan(s->height_above))
		writer_double(w, "height_above", s->height_above);
	show_words(w, "floor", &s->floor);
	show_words(w, "zone", &s->zone);
	show_words(w, "bus", &s->bus);
	show_words(w, "device", &s->device);
	show_words(w, "tag", &s->tag);
	show_words(w, "point", &s->point);
	if (s->n_classes) {
		writer_open_list(w, "class", true);
		for (size_t i = 0; i < s->n_classes; i++)
			writer_text(w, NULL, alarm_class_name(s->classes[i]));
		writer_close(w);
	}
	show_words(w, "rule", &s->rule);
}

static void show_select(struct writer *w, const char *key, const struct rule_select *s)
{
	writer_open_map(w, key, true);
	show_select_keys(w, s);
	writer_close(w);
}

static void show_limit(struct writer *w, const char *key, const struct rule_def *r)
{
	switch (r->limit_from) {
	case LIMIT_NUMBER: writer_double(w, key, r->limit); break;
	case LIMIT_LOW: writer_text(w, key, "point.low"); break;
	case LIMIT_LOW2: writer_text(w, key, "point.low2"); break;
	case LIMIT_HIGH: writer_text(w, key, "point.high"); break;
	case LIMIT_HIGH2: writer_text(w, key, "point.high2"); break;
	}
	writer_double(w, "deadband", r->deadband);
}

static void show_same(struct writer *w, const struct rule_def *r)
{
	static const char *const scopes[] = { "site", "zone", "floor", "device", "building" };

	if (r->same != SCOPE_SITE)
		writer_word(w, "same", scopes[r->same]);
}

static void show_count(struct writer *w, const struct rule_def *r)
{
	writer_int(w, "count", r->count);
	show_select(w, "of", &r->of);
	show_same(w, r);
	writer_duration(w, "within", r->within_ns / NS_PER_MS);
}

static void show_rate(struct writer *w, const struct rule_def *r)
{
	writer_open_map(w, "rate", true);
	writer_double(w, r->rate_above ? "above" : "below", r->limit);
	writer_duration(w, "per", r->per_ns / NS_PER_MS);
	writer_close(w);
	writer_double(w, "deadband", r->deadband);
}

static void show_condition(struct writer *w, const struct rule_def *r);

static void show_terms(struct writer *w, const char *key, const struct rule_def *r)
{
	writer_open_list(w, key, true);
	for (size_t i = 0; i < r->n_terms; i++) {
		writer_open_map(w, NULL, true);
		show_select_keys(w, &r->terms[i].select);
		show_condition(w, &r->terms[i]);
		writer_close(w);
	}
	writer_close(w);
	show_same(w, r);
}

static void show_condition(struct writer *w, const struct rule_def *r)
{
	switch (r->when) {
	case WHEN_ABOVE: show_limit(w, "above", r); break;
	case WHEN_BELOW: show_limit(w, "below", r); break;
	case WHEN_OUTSIDE:
		writer_open_list(w, "outside", true);
		writer_double(w, NULL, r->limit);
		writer_double(w, NULL, r->limit_high);
		writer_close(w);
		writer_double(w, "deadband", r->deadband);
		break;
	case WHEN_EQUALS:
		if (r->equals_text)
			writer_text(w, "equals", r->equals_text);
		else
			writer_double(w, "equals", r->limit);
		break;
	case WHEN_BIT: writer_int(w, "bit", r->bit); break;
	case WHEN_QUALITY: writer_word(w, "quality", r->any_bad ? "bad" : quality_name(r->quality)); break;
	case WHEN_COUNT: show_count(w, r); break;
	case WHEN_RATE: show_rate(w, r); break;
	case WHEN_STUCK:
		writer_duration(w, "stuck", r->stuck_ns / NS_PER_MS);
		writer_double(w, "deadband", r->deadband);
		break;
	case WHEN_ALL: show_terms(w, "all", r); break;
	case WHEN_ANY: show_terms(w, "any", r); break;
	}
}

static void show_when(struct writer *w, const struct rule_def *r)
{
	writer_open_map(w, "when", true);
	show_condition(w, r);
	writer_close(w);
}

static void show_message(struct writer *w, const struct rule_def *r)
{
	if (!r->message_zh && !r->message_en)
		return;
	writer_open_map(w, "message", true);
	if (r->message_zh)
		writer_text(w, "zh", r->message_zh);
	if (r->message_en)
		writer_text(w, "en", r->message_en);
	writer_close(w);
}

void show_rule(struct writer *w, const struct rule_def *r)
{
	writer_open_map(w, NULL, false);
	writer_text(w, "id", r->id);
	writer_bool(w, "enabled", r->enabled);
	if (r->optional)
		writer_bool(w, "optional", true);
	show_select(w, "for", &r->select);
	show_when(w, r);
	writer_duration(w, "on_delay", r->on_delay_ns / NS_PER_MS);
	writer_duration(w, "off_delay", r->off_delay_ns / NS_PER_MS);
	writer_bool(w, "latch", r->latch);
	writer_bool(w, "ack", r->ack);
	if (r->escalate_ns) {
		writer_open_map(w, "escalate", true);
		writer_duration(w, "after", r->escalate_ns / NS_PER_MS);
		writer_close(w);
	}
	if (r->re_alarm_ns)
		writer_duration(w, "re_alarm", r->re_alarm_ns / NS_PER_MS);
	show_words(w, "suppressed_by", &r->suppressed_by);
	if (r->priority)
		writer_int(w, "priority", r->priority);
	if (r->class_given)
		writer_text(w, "class", alarm_class_name(r->class_));
	show_message(w, r);
	if (r->source && *r->source)
		writer_text(w, "source", r->source);
	if (r->gb_status >= 0 || r->gb_system >= 0 || r->gb_component >= 0) {
		writer_open_map(w, "gb26875", true);
		if (r->gb_status >= 0)
			writer_int(w, "status", r->gb_status);
		if (r->gb_system >= 0)
			writer_int(w, "system", r->gb_system);
		if (r->gb_component >= 0)
			writer_int(w, "component", r->gb_component);
		writer_close(w);
	}
	writer_close(w);
}
