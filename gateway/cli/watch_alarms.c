/* The alarms that stand, whoever told of them: the event of a transition, the retained state, a snapshot. The highest rev wins. */
#include "gateway/cli/watch_inside.h"

#include "core/strmap.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static uint64_t hash_of(const char *node, const char *id)
{
	return strmap_hash64(id, strlen(id), strmap_hash64(node, strlen(node), STRMAP_HASH_SEED));
}

static struct watch_alarm *alarm_find(const struct watch *w, const char *node, const char *id)
{
	uint64_t hash = hash_of(node, id);

	for (size_t i = 0; i < w->n_alarms; i++) {
		struct watch_alarm *a = &w->alarms[i];
		if (a->hash == hash && strcmp(a->id, id) == 0 && strcmp(a->node, node) == 0)
			return a;
	}
	return NULL;
}

/* Above zero: a is more urgent than b. */
static int more_urgent(const struct watch_alarm *a, const struct watch_alarm *b)
{
	bool real_a = strcmp(a->mode, "normal") == 0, real_b = strcmp(b->mode, "normal") == 0;

	if (a->gone != b->gone)
		return b->gone ? 1 : -1;
	if (a->class != b->class)
		return a->class < b->class ? 1 : -1;
	if (real_a != real_b)
		return real_a ? 1 : -1;
	if (a->set_aside != b->set_aside)
		return b->set_aside ? 1 : -1;
	if (a->acked != b->acked)
		return b->acked ? 1 : -1;
	return a->since_ms == b->since_ms ? 0 : a->since_ms > b->since_ms ? 1 : -1;
}

/* A place for one more: a new one, or that of the least urgent, if it is less so. */
static struct watch_alarm *place_for(struct watch *w, const struct watch_alarm *a)
{
	size_t least = 0;

	if (w->n_alarms == w->cap_alarms && w->cap_alarms < WATCH_ALARMS_MAX) {
		size_t cap = w->cap_alarms ? w->cap_alarms * 2 : 64;
		struct watch_alarm *more = reallocarray(w->alarms, cap, sizeof *more);
		if (more) {
			w->alarms = more;
			w->cap_alarms = cap;
		}
	}
	if (w->n_alarms < w->cap_alarms)
		return &w->alarms[w->n_alarms++];
	if (w->n_alarms == 0)
		return NULL;
	for (size_t i = 1; i < w->n_alarms; i++)
		if (more_urgent(&w->alarms[least], &w->alarms[i]) > 0)
			least = i;
	bool fits = more_urgent(a, &w->alarms[least]) > 0;
	if (!fits || !w->alarms[least].gone) {
		w->counts.not_shown++;
		watch_say_limit(w, "there are more alarms than can be kept: the least urgent are not shown; narrow --region, --node or --class");
	}
	return fits ? &w->alarms[least] : NULL;
}

static bool flag(const json_t *e, const char *key)
{
	return json_is_true(json_object_get(e, key));
}

static void fill(struct watch_alarm *a, const char *gateway, bool chinese, const json_t *e)
{
	const json_t *message = json_object_get(e, "message");
	const char *text = watch_text(message, chinese ? "zh" : "en"), *mode = watch_text(e, "mode");

	watch_copy(a->gateway, sizeof a->gateway, gateway);
	watch_copy(a->node, sizeof a->node, watch_text(e, "node"));
	watch_copy(a->id, sizeof a->id, watch_text(e, "alarm"));
	watch_copy(a->log, sizeof a->log, watch_text(e, "log"));
	a->hash = hash_of(a->node, a->id);
	a->class = watch_class(watch_text(e, "class"));
	watch_copy(a->class_word, sizeof a->class_word, watch_text(e, "class"));
	watch_copy(a->state, sizeof a->state, watch_text(e, "state"));
	watch_copy(a->mode, sizeof a->mode, mode[0] ? mode : "normal");
	a->acked = flag(e, "acked");
	a->set_aside = flag(e, "shelved") || flag(e, "suppressed") || flag(e, "out_of_service");
	a->gone = strcmp(a->state, "normal") == 0;
	watch_number(e, "rev", &a->rev);
	if (clock_parse(watch_text(e, "since"), &a->since_ms))
		a->since_ms = 0;
	watch_copy(a->name, sizeof a->name, watch_text(e, "name"));
	watch_copy(a->message, sizeof a->message, text[0] ? text : watch_text(message, chinese ? "en" : "zh"));
	char place[3 * 40];
	snprintf(place, sizeof place, "%.30s %.10s %.40s", watch_text(e, "building"), watch_text(e, "floor"), watch_text(e, "zone"));
	watch_copy(a->place, sizeof a->place, place);
}

/* Somebody has to look now. Tests and drills never sound. */
static bool sounds(const struct watch_alarm *a)
{
	return !a->gone && a->class <= CLASS_PREALARM && strcmp(a->mode, "normal") == 0 && strcmp(a->state, "active") == 0 && !a->acked && !a->set_aside;
}

static bool of_other_log(const struct watch_alarm *a, const struct watch_alarm *b)
{
	return a->log[0] && b->log[0] && strcmp(a->log, b->log) != 0;
}

/* Below, at or above zero: older than what we have, the same, newer. A new database counts its revs from the beginning: then the log of today wins. */
static int age_of(const struct watch_gateway *g, const struct watch_alarm *news, const struct watch_alarm *a)
{
	if (of_other_log(news, a))
		return a->sure && strcmp(a->log, g->log) == 0 ? -1 : 1;
	return news->rev == a->rev ? 0 : news->rev < a->rev ? -1 : 1;
}

bool watch_alarm_take(struct watch *w, const struct watch_gateway *g, const json_t *e, bool as_state)
{
	struct watch_alarm news = { 0 }, *a = alarm_find(w, watch_text(e, "node"), watch_text(e, "alarm"));

	fill(&news, g->name, w->chinese, e);
	news.sure = news.named = true;
	if (a) {
		bool other = of_other_log(&news, a);
		int age = age_of(g, &news, a);
		/* Cleared in its topic, or taken for over, and told again as it was: it stands. */
		bool back = age == 0 && as_state && a->gone && !news.gone;
		if (as_state && !other && news.rev > a->topic_rev)
			a->topic_rev = news.rev;
		if (age <= 0 && !back) {
			a->sure = a->sure || (as_state && age == 0 && !a->gone);
			a->named = a->named || (as_state && !news.gone);
			return false;
		}
		news.topic_rev = !other ? a->topic_rev : as_state ? news.rev : 0;
	} else {
		/* One that is over already, and that nobody heard of, needs no place. */
		a = news.gone ? NULL : place_for(w, &news);
		if (!a)
			return false;
		*a = (struct watch_alarm){ 0 };
		news.topic_rev = as_state ? news.rev : 0;
	}
	bool sounded = sounds(a);
	*a = news;
	if (sounds(a) && !sounded)
		w->out.bell(w->out.user);
	return true;
}

/* An event newer than the state that is cleared may have come already, in its own topic. */
void watch_alarm_clear(struct watch *w, const char *node, const char *id)
{
	struct watch_alarm *a = alarm_find(w, node, id);

	if (a && a->rev <= a->topic_rev)
		a->gone = true;
}

void watch_alarms_doubt(struct watch *w)
{
	for (size_t i = 0; i < w->n_alarms; i++)
		w->alarms[i].sure = false;
}

void watch_alarms_doubt_log(struct watch *w, const struct watch_gateway *g)
{
	for (size_t i = 0; i < w->n_alarms; i++)
		if (strcmp(w->alarms[i].gateway, g->name) == 0 && strcmp(w->alarms[i].log, g->log) != 0)
			w->alarms[i].sure = false;
}

void watch_alarms_unname(struct watch *w, const char *gateway)
{
	for (size_t i = 0; i < w->n_alarms; i++)
		if (strcmp(w->alarms[i].gateway, gateway) == 0)
			w->alarms[i].named = false;
}

void watch_alarms_settle(struct watch *w, const char *gateway, const char *node, bool snapshot)
{
	for (size_t i = 0; i < w->n_alarms; i++) {
		struct watch_alarm *a = &w->alarms[i];
		if (!(snapshot ? a->named : a->sure) && strcmp(a->gateway, gateway) == 0 && (!node[0] || strcmp(a->node, node) == 0))
			a->gone = true;
	}
}

void watch_alarms_count(const struct watch *w, const char *gateway, bool sure, int64_t ret[CLASS_COUNT])
{
	memset(ret, 0, CLASS_COUNT * sizeof ret[0]);
	for (size_t i = 0; i < w->n_alarms; i++) {
		const struct watch_alarm *a = &w->alarms[i];
		if (!a->gone && (a->sure || !sure) && strcmp(a->gateway, gateway) == 0)
			ret[a->class]++;
	}
}

static int by_urgency(const void *x, const void *y)
{
	const struct watch_alarm *a = *(const struct watch_alarm *const *)x, *b = *(const struct watch_alarm *const *)y;
	int more = more_urgent(a, b);

	return more ? -more : strcmp(a->id, b->id);
}

const struct watch_alarm **watch_alarms(const struct watch *w, size_t *ret_n)
{
	const struct watch_alarm **list = w->n_alarms ? calloc(w->n_alarms, sizeof *list) : NULL;
	size_t n = 0;

	for (size_t i = 0; list && i < w->n_alarms; i++)
		if (!w->alarms[i].gone)
			list[n++] = &w->alarms[i];
	if (n > 0)
		qsort(list, n, sizeof *list, by_urgency);
	*ret_n = n;
	return list;
}
