/* How the gateway itself is fed, where points say so: those of kind mains_power and backup_power that bear the tag `gateway`. Failure mode: a point without a good value says
 * nothing, and what was known stays. */
#include "gateway/app.h"

#include <string.h>

static bool is_ours(const struct point *p)
{
	for (size_t i = 0; i < p->n_tags; i++)
		if (strcmp(p->tags[i], "gateway") == 0)
			return p->kind == KIND_MAINS_POWER || p->kind == KIND_BACKUP_POWER;
	return false;
}

/* By its enum: "normal" is well, all else is not. Without one: 1 is well. */
static bool is_well(const struct point *p, double value)
{
	const char *word = point_label_text(p, value);

	return word ? strcmp(word, "normal") == 0 : value == 1;
}

static void take(struct app *a, enum kind kind, const char *what, enum power *known)
{
	const struct site *site = &a->generation->config->site;
	enum power now = POWER_UNKNOWN;

	for (size_t i = 0; i < site->n_points; i++) {
		const struct latest *l = pipeline_latest(a->pipeline, (uint32_t)i);
		if (site->points[i].kind != kind || !is_ours(&site->points[i]) || l->quality != QUALITY_GOOD)
			continue;
		if (!is_well(&site->points[i], l->number))
			now = POWER_LOST;
		else if (now == POWER_UNKNOWN)
			now = POWER_WELL;
	}
	if (now == POWER_UNKNOWN || now == *known)
		return;
	if (*known != POWER_UNKNOWN || now == POWER_LOST)
		app_operation(a, TRANSITION_POWER, CAUSE_VALUE, kind == KIND_MAINS_POWER ? now == POWER_LOST ? "网关主电源中断" : "网关主电源恢复" : now == POWER_LOST ? "网关备用电源异常" : "网关备用电源恢复",
		              kind == KIND_MAINS_POWER ? now == POWER_LOST ? "the gateway's mains supply is lost" : "the gateway's mains supply is back"
		                                       : now == POWER_LOST ? "the gateway's battery is not well" : "the gateway's battery is well again", NULL);
	*known = now;
	app_own(a, "power", NULL, what, now == POWER_LOST);
}

void app_power_tick(struct app *a)
{
	if (!a->generation->has_power)
		return;
	take(a, KIND_MAINS_POWER, "mains", &a->mains);
	take(a, KIND_BACKUP_POWER, "battery", &a->battery);
}

bool app_power_is_told(const struct config *c)
{
	for (size_t i = 0; i < c->site.n_points; i++)
		if (is_ours(&c->site.points[i]))
			return true;
	return false;
}
