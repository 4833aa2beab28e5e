#include "gateway/config/loader.h"

#define TRIED_ALARMS_MAX 200000 /* a whole engine for more takes seconds and much memory; its checks do not depend on how many there are */

/* The last word is the drivers' and the rule engine's own: what they would refuse at the start is refused here, so that `check` and the daemon never
 * disagree. Only for a config without errors; nothing is connected and nothing is kept. */

static const struct node *bus_url(const struct loader *l, size_t bus)
{
	const struct node *n = l->bus_places[bus];

	for (size_t k = 0; k < n->n; k++)
		if (n->items[2 * k]->type == NODE_SCALAR && strcmp(n->items[2 * k]->text, "url") == 0)
			return n->items[2 * k + 1];
	return n;
}

static void try_bus(struct loader *l, size_t i)
{
	const struct config_bus *c = &l->c->buses[i];
	const struct driver_ops *ops = driver_find(c->bus.transport);
	struct bus_config config = c->bus;
	struct stamp now = { 0 };
	void *bus = NULL;
	struct err e;

	config.shared = l->live.drivers;
	if (ops->open(&config, c->points, c->n_points, now, &bus, &e) == 0)
		ops->close(bus);
	else if (e.code == ERR_NO_MEMORY)
		longjmp(l->oom, 1);
	else
		find_error(l, bus_url(l, i), "%s", e.text);
}

/* Of a rule over several points by itself: too many in one alarm, or none that has a point for each term. */
static void try_terms(struct loader *l, const struct rule_def *r, const struct rule_place *place)
{
	static const char *const scopes[] = { "", "zone", "floor", "device", "building" };
	struct rules *rules = NULL;
	struct err e;

	if (rules_new(&l->c->site, r, 1, NULL, 0, 0, &rules, &e) < 0) {
		if (e.code == ERR_NO_MEMORY)
			longjmp(l->oom, 1);
		find_error(l, place->when, "%s", e.text);
		return;
	}
	if (rules_count(rules) == RULES_EXTRAS_MAX && r->same != SCOPE_SITE)
		find_warning(l, place->when, "rule '%s' makes no alarm: there is no %s with a point for %s", r->id, scopes[r->same],
		             r->when == WHEN_ALL ? "each of its terms" : "any of its terms");
	rules_free(rules);
}

void check_parts(struct loader *l)
{
	const struct config *c = l->c;
	struct rules *rules = NULL;
	struct err e;

	l->live.drivers = driver_shared_new(&e);
	if (!l->live.drivers && e.code == ERR_NO_MEMORY)
		longjmp(l->oom, 1);
	/* Without descriptors there is no codec to try them with: that is no fault of the config. */
	for (size_t i = 0; i < c->n_buses && l->live.drivers; i++)
		try_bus(l, i);
	for (size_t i = 0; i < l->n_rules; i++)
		if (rule_has_terms(&l->rules[i]) && l->rules[i].enabled)
			try_terms(l, &l->rules[i], &l->rule_places[i]);
	if (l->errors > 0 || l->n_alarms > TRIED_ALARMS_MAX)
		return;
	if (rules_new(&c->site, c->rules, c->n_rules, NULL, 0, 0, &rules, &e) == 0)
		rules_free(rules);
	else if (e.code == ERR_NO_MEMORY)
		longjmp(l->oom, 1);
	else
		find_error(l, l->n_rules ? l->rule_places[0].rule : l->root, "%s", e.text);
}
