#include "gateway/config/loader.h"

#include <string.h>

/* What one rule finds among the points that it fits. */
struct fit {
	size_t points, limits, labels; /* that fit; that have the limit; that have the enum's text */
	bool   late_fire, needs_ack; /* late_fire: a detector or call point whose fire the rule raises */
};

/* The values that a point can have at all; infinite where nothing is said. */
static void point_range(const struct bus_point *b, double *ret_min, double *ret_max)
{
	*ret_min = isnan(b->min) ? -INFINITY : b->min;
	*ret_max = isnan(b->max) ? INFINITY : b->max;
	bool plain = b->scale.mantissa == 1 && b->scale.places == 0 && b->offset.mantissa == 0;
	if (point_is_bit(b) && plain) {
		*ret_min = fmax(*ret_min, 0);
		*ret_max = fmin(*ret_max, 1);
	}
	if (b->n_labels) {
		double low = INFINITY, high = -INFINITY;
		for (size_t i = 0; i < b->n_labels; i++) {
			low = fmin(low, b->labels[i].value);
			high = fmax(high, b->labels[i].value);
		}
		*ret_min = fmax(*ret_min, low);
		*ret_max = fmin(*ret_max, high);
	}
}

static void check_limit(struct loader *l, const struct rule_def *r, const struct rule_place *place, const struct point *p, const struct bus_point *b)
{
	double min, max, limit = rule_limit(r, p);
	const struct node *at = place->deadband ? place->deadband : place->limit;

	if (isnan(limit))
		return;
	point_range(b, &min, &max);
	bool above = r->when == WHEN_ABOVE;
	if (above ? limit >= max : limit <= min) {
		if (!r->optional) /* a pack's limit is for all there are */
			find_warning(l, place->limit, "rule '%s' can never be true for point '%s', whose %s value is %g", r->id, p->id,
			             above ? "highest" : "lowest", above ? max : min);
		return;
	}
	double clears = above ? limit - r->deadband : limit + r->deadband;
	if (above ? clears < min : clears > max)
		find_error(l, at, "rule '%s' can never clear for point '%s': it would take %s %g, and the point goes %s %g", r->id, p->id,
		           above ? "at most" : "at least", clears, above ? "down to" : "up to", above ? min : max);
}

/* What rate and stuck look at is the course of a number that is read again and again. */
static void check_course(struct loader *l, const struct rule_def *r, const struct rule_place *place, const struct point *p, const struct bus_point *b)
{
	char every[CLOCK_TEXT_MAX], per[CLOCK_TEXT_MAX];

	if (p->log_mode)
		find_error(l, place->when, "rule '%s': point '%s' is an event list, which has no course of values", r->id, p->id);
	else if (r->when == WHEN_STUCK)
		return;
	else if (b->type == TYPE_STRING)
		find_error(l, place->when, "rule '%s': point '%s' has texts for values, which have no rate", r->id, p->id);
	else if (r->per_ns / CLOCK_NS_PER_MS < 2 * p->every_ms)
		find_error(l, place->limit, "rule '%s' can never be judged for point '%s', which is read every %s: per %s must be twice that or more", r->id, p->id,
		           clock_format_duration(p->every_ms, every), clock_format_duration(r->per_ns / CLOCK_NS_PER_MS, per));
}

static void check_outside(struct loader *l, const struct rule_def *r, const struct rule_place *place)
{
	/* The same arithmetic as people's: 0.05 + 0.05 is 0.1, so compare with room for one rounding. */
	if (2 * r->deadband >= (r->limit_high - r->limit) * (1 - 1e-12))
		find_error(l, place->deadband ? place->deadband : place->limit,
		           "deadband %g can never clear: less than half of the width of outside, %g, is needed", r->deadband, r->limit_high - r->limit);
}

static bool has_label(const struct point *p, const char *text)
{
	for (size_t i = 0; i < p->n_labels; i++)
		if (strcmp(p->labels[i].text, text) == 0)
			return true;
	return false;
}

/* Whether this rule, and not only one for quality, can raise something on the point. */
static bool raises(const struct rule_def *r, const struct point *p)
{
	switch (r->when) {
	case WHEN_ABOVE:
	case WHEN_BELOW:
		return !isnan(rule_limit(r, p));
	case WHEN_EQUALS:
		return !r->equals_text || has_label(p, r->equals_text);
	case WHEN_OUTSIDE:
	case WHEN_BIT:
	case WHEN_RATE:
	case WHEN_STUCK:
		return true;
	case WHEN_ALL:
	case WHEN_ANY:
	case WHEN_QUALITY:
	case WHEN_COUNT:
		return false;
	}
	return false;
}

static void check_point(struct loader *l, const struct rule_def *r, const struct rule_place *place, const struct point *p, const struct bus_point *b,
                        struct fit *fit)
{
	const struct kind_info *kind = kind_info(p->kind);
	enum alarm_class class_ = rule_class(r, p);

	fit->points++;
	fit->late_fire |= kind->detector && class_ == CLASS_FIRE;
	if (raises(r, p)) /* one that is not enabled too: somebody decided so */
		l->covers[p->index] |= (uint8_t)(class_ == CLASS_FIRE ? COVER_ANY | COVER_FIRE : COVER_ANY);
	if (!r->ack && class_ < CLASS_SUPERVISORY && !fit->needs_ack && place->ack) {
		fit->needs_ack = true;
		find_error(l, place->ack, "ack: false: point '%s' gives alarms of class %s, which must be acknowledged", p->id, alarm_class_name(class_));
	}
	switch (r->when) {
	case WHEN_ABOVE:
	case WHEN_BELOW:
		fit->limits += isnan(rule_limit(r, p)) ? 0 : 1;
		check_limit(l, r, place, p, b);
		break;
	case WHEN_EQUALS:
		if (r->equals_text)
			fit->labels += has_label(p, r->equals_text) ? 1 : 0;
		break;
	case WHEN_RATE:
	case WHEN_STUCK:
		check_course(l, r, place, p, b);
		break;
	case WHEN_OUTSIDE:
	case WHEN_BIT:
	case WHEN_QUALITY:
	case WHEN_COUNT:
	case WHEN_ALL:
	case WHEN_ANY:
		break;
	}
}

/* A term that nothing can ever sit in: `all` can never be true, `any` does without it. */
static void find_empty_term(struct loader *l, const struct rule_def *r, const struct node *at, const char *what)
{
	if (r->when == WHEN_ALL)
		find_error(l, at, "rule '%s': %s: all can never be true", r->id, what);
	else
		find_warning(l, at, "rule '%s': %s", r->id, what);
}

static void check_term(struct loader *l, const struct rule_def *r, const struct rule_def *t, const struct rule_place *place, const struct bus_point *const *by_point, bool sure)
{
	const struct config *c = l->c;
	struct fit fit = { 0 };

	for (size_t i = 0; i < c->site.n_points; i++)
		if (rule_select_fits(&t->select, &c->site, &c->site.points[i]) && rule_select_fits(&r->select, &c->site, &c->site.points[i]))
			check_point(l, t, place, &c->site.points[i], by_point[i], &fit);
	if (t->when == WHEN_OUTSIDE)
		check_outside(l, t, place);
	if (!sure || place->select_wrong)
		return;
	if (fit.points == 0)
		find_empty_term(l, r, place->id, "this term fits no point");
	else if ((t->when == WHEN_ABOVE || t->when == WHEN_BELOW) && fit.limits == 0)
		find_empty_term(l, r, place->limit, "no point that this term fits has this limit");
	else if (t->equals_text && fit.labels == 0)
		find_empty_term(l, r, place->equals, "no point that this term fits has this text in its enum");
}

static void check_terms(struct loader *l, const struct rule_def *r, const struct rule_place *place, const struct bus_point *const *by_point)
{
	bool sure = r->enabled && !l->incomplete && !place->select_wrong;

	for (size_t i = 0; i < r->n_terms; i++)
		check_term(l, r, &r->terms[i], &place->terms[i], by_point, sure);
	if (!r->ack && r->class_given && r->class_ < CLASS_SUPERVISORY && place->ack)
		find_error(l, place->ack, "ack: false: an alarm of class %s must be acknowledged", alarm_class_name(r->class_));
}

static void check_rule(struct loader *l, const struct rule_def *r, const struct rule_place *place, const struct bus_point *const *by_point)
{
	const struct config *c = l->c;
	struct fit fit = { 0 };

	if (rule_has_terms(r)) {
		check_terms(l, r, place, by_point);
		return;
	}
	for (size_t i = 0; i < c->site.n_points; i++)
		if (rule_select_fits(&r->select, &c->site, &c->site.points[i]) && (r->when != WHEN_COUNT || rule_select_fits(&r->of, &c->site, &c->site.points[i])))
			check_point(l, r, place, &c->site.points[i], by_point[i], &fit);
	l->n_alarms += fit.points;
	if (r->when == WHEN_OUTSIDE)
		check_outside(l, r, place);
	bool sure = r->enabled && !r->optional && !l->incomplete && !place->select_wrong;
	if (sure && fit.points == 0)
		find_warning(l, place->id, "rule '%s' fits no point", r->id);
	else if (sure && (r->when == WHEN_ABOVE || r->when == WHEN_BELOW) && fit.limits == 0)
		find_warning(l, place->limit, "rule '%s': no point that it fits has this limit", r->id);
	else if (sure && r->equals_text && fit.labels == 0)
		find_warning(l, place->equals, "rule '%s': no point that it fits has '%s' in its enum", r->id, r->equals_text);
	if (r->on_delay_ns > 0 && fit.late_fire && r->when != WHEN_COUNT && r->when != WHEN_QUALITY)
		find_warning(l, place->on_delay, "rule '%s' delays detectors or call points: a fire alarm comes late by that", r->id);
}

/* Rules that a count rule names must be there. */
static void check_counted_rules(struct loader *l, const struct rule_def *r, const struct rule_place *place)
{
	for (size_t i = 0; i < r->of.rule.n; i++) {
		bool known = false;
		for (size_t k = 0; k < l->n_rules && !known; k++)
			known = strcmp(l->rules[k].id, r->of.rule.words[i]) == 0;
		if (!known)
			find_error(l, place->when, "of: there is no rule '%s'", r->of.rule.words[i]);
		else if (strcmp(r->of.rule.words[i], r->id) == 0)
			find_error(l, place->when, "of: a rule cannot count itself");
	}
}

/* Of one point and of fire: its own class, or that of a kind that it fits. */
static bool may_be_fire(const struct loader *l, const struct rule_def *r)
{
	const struct site *s = &l->c->site;

	if (r->class_given || r->when == WHEN_COUNT)
		return r->class_ == CLASS_FIRE;
	for (size_t i = 0; i < s->n_points; i++)
		if (kind_info(s->points[i].kind)->class_ == CLASS_FIRE && rule_select_fits(&r->select, s, &s->points[i]))
			return true;
	return false;
}

static void check_suppressed_by(struct loader *l, const struct rule_def *r, const struct rule_place *place)
{
	for (size_t i = 0; i < r->suppressed_by.n; i++) {
		const char *word = r->suppressed_by.words[i];
		bool known = strchr(word, '/') != NULL; /* an alarm's id: of our own, perhaps, or of a rule on a point */
		for (size_t k = 0; k < l->n_rules && !known; k++)
			known = strcmp(l->rules[k].id, word) == 0;
		if (!known)
			find_error(l, place->suppressed_by, "suppressed_by: there is no rule '%s'; give a rule's id, or an alarm's (point/rule)", word);
		else if (strcmp(word, r->id) == 0)
			find_error(l, place->suppressed_by, "suppressed_by: a rule cannot suppress itself");
	}
	if (r->suppressed_by.n && may_be_fire(l, r))
		find_error(l, place->suppressed_by, "suppressed_by: rule '%s' gives fire alarms, which nothing may suppress", r->id);
}

void check_rules(struct loader *l)
{
	const struct config *c = l->c;
	const struct bus_point **by_point = arena_take(&l->scratch, l->n_points + 1, sizeof *by_point);

	l->covers = arena_take(&l->scratch, l->n_points + 1, sizeof *l->covers);
	for (size_t i = 0; i < c->n_buses; i++)
		for (size_t k = 0; k < c->buses[i].n_points; k++)
			by_point[c->buses[i].points[k].point] = &c->buses[i].points[k];
	for (size_t i = 0; i < l->n_rules; i++) {
		check_rule(l, &l->rules[i], &l->rule_places[i], by_point);
		check_counted_rules(l, &l->rules[i], &l->rule_places[i]);
		check_suppressed_by(l, &l->rules[i], &l->rule_places[i]);
	}
}
