/* What people do beside acknowledging: shelve, unshelve, verify, service, test, silence, raise, duty. Everything is checked and audited here, decided in the pipeline, and answered
 * when it is durable. */
#include "gateway/verbs.h"

#include <stdlib.h>
#include <string.h>

struct acted { const char *verb, *subject, *note; };

static void finish(struct app *a, struct control_request *rq, const struct acted *x, const char *alarm, int failed, const struct err *e)
{
	app_audit(a, control_actor(rq), role_name(control_role(rq)), x->verb, x->subject, failed ? e->text : "ok", x->note);
	if (failed)
		control_fail(rq, e);
	else
		verbs_when_stored(a, rq, alarm);
}

static int find_alarm(struct app *a, const char *id, uint32_t *ret, struct err *reterr)
{
	*ret = rules_find(pipeline_rules(a->pipeline), id);
	return *ret != RULES_ALARM_NONE ? 0 : err_set(reterr, ERR_NOT_FOUND, "there is no alarm '%s'; `firegw alarms` lists those that stand", id);
}

static int find_point(struct app *a, const char *id, uint32_t *ret, struct err *reterr)
{
	const struct site *site = &a->generation->config->site;

	for (*ret = 0; *ret < site->n_points; ++*ret)
		if (strcmp(site->points[*ret].id, id) == 0)
			return 0;
	return err_set(reterr, ERR_NOT_FOUND, "there is no point '%s'; `firegw points` lists them", id);
}

/* What is of fire is shelved, and taken from the shelf, by a maintainer. */
static int may_shelve(struct app *a, struct control_request *rq, uint32_t alarm, struct err *reterr)
{
	const struct rules_alarm x = rules_alarm(pipeline_rules(a->pipeline), alarm);

	if (x.class_ != CLASS_FIRE || control_role(rq) >= ROLE_MAINTAINER)
		return 0;
	return err_set(reterr, ERR_DENIED, "alarm '%s' is a fire alarm, which only a maintainer may shelve: you are not a member of group %s", x.id,
	               a->generation->config->maintainers);
}

void verbs_shelve(struct app *a, struct control_request *rq, const char *verb, json_t *args)
{
	bool on = strcmp(verb, "shelve") == 0;
	struct acted x = { .verb = verb };
	struct pipeline_act act = { .what = on ? ACT_SHELVE : ACT_UNSHELVE };
	int64_t for_ms = 0;
	struct err e;

	if (!control_require(rq, ROLE_OPERATOR))
		return;
	int failed = verbs_argument(args, "alarm", WANTED_MUST, VERBS_WORD_MAX, &x.subject, &e) || verbs_argument(args, "note", WANTED_PROSE, VERBS_NOTE_MAX, &x.note, &e) ||
	             (on && verbs_int(args, "for", 0, &for_ms, &e));
	if (!failed && on && (for_ms <= 0 || for_ms > RULES_SHELF_MAX_NS / CLOCK_NS_PER_MS))
		failed = err_set(&e, ERR_INVALID, "'for' is how long, 24 h at most; for longer take the point out of service: firegw service POINT out");
	failed = failed || find_alarm(a, x.subject, &act.alarm, &e) || may_shelve(a, rq, act.alarm, &e);
	act.for_ns = for_ms * CLOCK_NS_PER_MS;
	failed = failed || app_act(a, &act, CAUSE_PERSON, control_actor(rq), x.note, &e);
	finish(a, rq, &x, x.subject, failed, &e);
}

void verbs_verify(struct app *a, struct control_request *rq, json_t *args)
{
	struct acted x = { .verb = "verify" };
	struct pipeline_act act = { .what = ACT_VERIFY };
	const char *what = NULL;
	struct err e;

	if (!control_require(rq, ROLE_OPERATOR))
		return;
	int failed = verbs_argument(args, "alarm", WANTED_MUST, VERBS_WORD_MAX, &x.subject, &e) || verbs_argument(args, "note", WANTED_PROSE, VERBS_NOTE_MAX, &x.note, &e) ||
	             verbs_argument(args, "what", WANTED_MUST, VERBS_WORD_MAX, &what, &e) || verbs_argument(args, "cause", WANTED_PROSE, VERBS_NOTE_MAX, &act.verdict_cause, &e);
	if (!failed && verdict_find(what, &act.verdict))
		failed = err_set(&e, ERR_INVALID, "'%.40s' is no verdict: real, false, test or drill", what);
	failed = failed || find_alarm(a, x.subject, &act.alarm, &e) || app_act(a, &act, CAUSE_PERSON, control_actor(rq), x.note, &e);
	finish(a, rq, &x, x.subject, failed, &e);
}

void verbs_service(struct app *a, struct control_request *rq, json_t *args)
{
	struct acted x = { .verb = "service" };
	struct pipeline_act act = { .what = ACT_SERVICE };
	const char *what = NULL;
	struct err e;

	if (!control_require(rq, ROLE_MAINTAINER))
		return;
	int failed = verbs_argument(args, "point", WANTED_MUST, VERBS_WORD_MAX, &x.subject, &e) || verbs_argument(args, "note", WANTED_PROSE, VERBS_NOTE_MAX, &x.note, &e) ||
	             verbs_argument(args, "what", WANTED_MUST, VERBS_WORD_MAX, &what, &e);
	if (!failed && strcmp(what, "out") != 0 && strcmp(what, "in") != 0)
		failed = err_set(&e, ERR_INVALID, "'%.40s' is neither out nor in", what);
	act.out = !failed && strcmp(what, "out") == 0;
	failed = failed || find_point(a, x.subject, &act.point, &e) || app_act(a, &act, CAUSE_PERSON, control_actor(rq), x.note, &e);
	finish(a, rq, &x, NULL, failed, &e);
}

void verbs_test(struct app *a, struct control_request *rq, json_t *args)
{
	struct pipeline_act act = { .what = ACT_TEST };
	struct acted x = { .verb = "test" };
	bool end = false, drill = false;
	int64_t for_ms = 0;
	struct err e;

	if (!control_require(rq, ROLE_MAINTAINER))
		return;
	int failed = verbs_flag(args, "end", &end, &e) || verbs_flag(args, "drill", &drill, &e) ||
	             verbs_argument(args, "select", end ? WANTED_MAY : WANTED_MUST, 255, &act.select, &e) || verbs_argument(args, "note", WANTED_PROSE, VERBS_NOTE_MAX, &x.note, &e) ||
	             (!end && verbs_int(args, "for", 0, &for_ms, &e));
	if (end) {
		x.verb = "test-end";
		act.what = ACT_TEST_END;
	}
	act.mode = drill ? MODE_DRILL : MODE_TEST;
	if (!failed && !end && (for_ms <= 0 || for_ms > RULES_TEST_MAX_NS / CLOCK_NS_PER_MS))
		failed = err_set(&e, ERR_INVALID, "'for' is how long, 4 h at most");
	x.subject = act.select;
	act.for_ns = for_ms * CLOCK_NS_PER_MS;
	failed = failed || app_act(a, &act, CAUSE_PERSON, control_actor(rq), x.note, &e);
	finish(a, rq, &x, NULL, failed, &e);
}

void verbs_silence(struct app *a, struct control_request *rq, json_t *args)
{
	struct acted x = { .verb = "silence" };
	struct err e;

	if (!control_require(rq, ROLE_OPERATOR))
		return;
	int failed = verbs_argument(args, "note", WANTED_PROSE, VERBS_NOTE_MAX, &x.note, &e);
	if (!failed)
		app_silence(a, control_actor(rq), x.note);
	finish(a, rq, &x, NULL, failed, &e);
}

/* A floor that the building has, as far as its record says how many there are. */
static int check_floor(const struct config_building *b, const char *floor, struct err *reterr)
{
	int rank;

	if (floor_rank(floor, &rank))
		return err_set(reterr, ERR_INVALID, "floor '%.20s' is not a floor: B2, B1, 1, 2, … or R", floor);
	if (strcmp(floor, "R") == 0)
		return 0;
	if (rank > 0 && b->floors >= 0 && rank > b->floors)
		return err_set(reterr, ERR_INVALID, "building %s has %d floors above ground", b->id, b->floors);
	if (rank < 0 && b->basements >= 0 && -rank > b->basements)
		return err_set(reterr, ERR_INVALID, "building %s has %d basements", b->id, b->basements);
	return 0;
}

static int find_building(struct app *a, const char *id, uint32_t *ret, struct err *reterr)
{
	const struct site *site = &a->generation->config->site;

	for (*ret = 0; id && *ret < site->n_buildings; ++*ret)
		if (strcmp(site->buildings[*ret].id, id) == 0)
			return 0;
	*ret = 0;
	if (!id && site->n_buildings == 1)
		return 0;
	return id ? err_set(reterr, ERR_NOT_FOUND, "there is no building '%.40s'; the first one is '%s'", id, site->buildings[0].id)
	          : err_set(reterr, ERR_INVALID, "'building' is missing: there are %zu", site->n_buildings);
}

void verbs_raise(struct app *a, struct control_request *rq, json_t *args)
{
	struct acted x = { .verb = "raise" };
	struct pipeline_act act = { .what = ACT_REPORT };
	const char *class_ = NULL, *building = NULL;
	struct err e;

	if (!control_require(rq, ROLE_OPERATOR))
		return;
	int failed = verbs_argument(args, "class", WANTED_MUST, VERBS_WORD_MAX, &class_, &e) || verbs_argument(args, "building", WANTED_MAY, VERBS_WORD_MAX, &building, &e) ||
	             verbs_argument(args, "floor", WANTED_MUST, 20, &act.floor, &e) || verbs_argument(args, "note", WANTED_PROSE, VERBS_NOTE_MAX, &x.note, &e);
	if (!failed && (alarm_class_find(class_, &act.class_) || act.class_ > CLASS_FAULT))
		failed = err_set(&e, ERR_INVALID, "'%.40s' is nothing to report: fire, prealarm, supervisory or fault", class_);
	failed = failed || find_building(a, building, &act.building, &e) || check_floor(&a->generation->config->buildings[act.building], act.floor, &e) ||
	         app_act(a, &act, CAUSE_MANUAL, control_actor(rq), x.note, &e);
	x.subject = class_;
	char id[256];
	if (!failed)
		snprintf(id, sizeof id, "_manual.%s.%s/%s", a->generation->config->site.buildings[act.building].id, act.floor, class_);
	finish(a, rq, &x, failed ? NULL : id, failed, &e);
}

static void show_duty(struct app *a, struct control_request *rq)
{
	json_t *persons = json_array();

	for (size_t i = 0; i < a->duty.n; i++)
		json_array_append_new(persons, json_pack("{s:s, s:o}", "name", a->duty.persons[i].name, "since", verbs_time_or_null(a->duty.persons[i].since_ms)));
	control_end(rq, json_pack("{s:b, s:i, s:o, s:o}", "known", a->duty.known, "least", a->generation->config->duty_least, "since", verbs_time_or_null(a->duty.since_ms), "on", persons));
}

/* "li (uid 1000)" is li. */
static void plain_name(const char *actor, char *ret, size_t cap)
{
	snprintf(ret, cap, "%.*s", (int)strcspn(actor, " ("), actor);
}

void verbs_duty(struct app *a, struct control_request *rq, json_t *args)
{
	static const struct { const char *word; enum transition what; } words[] = {
		{ "on", TRANSITION_DUTY_ON }, { "off", TRANSITION_DUTY_OFF }, { "handover", TRANSITION_HANDOVER },
	};
	struct acted x = { .verb = "duty" };
	const char *what = NULL, *name = NULL, *from = NULL;
	char self[64];
	struct err e;
	size_t i = 0;

	int failed = verbs_argument(args, "what", WANTED_MUST, VERBS_WORD_MAX, &what, &e) || verbs_argument(args, "name", WANTED_MAY, VERBS_WORD_MAX, &name, &e) ||
	             verbs_argument(args, "from", WANTED_MAY, VERBS_WORD_MAX, &from, &e) || verbs_argument(args, "note", WANTED_PROSE, VERBS_NOTE_MAX, &x.note, &e);
	if (!failed && strcmp(what, "show") == 0) {
		show_duty(a, rq);
		return;
	}
	if (!control_require(rq, ROLE_OPERATOR))
		return;
	plain_name(control_actor(rq), self, sizeof self);
	while (!failed && i < sizeof words / sizeof words[0] && strcmp(words[i].word, what) != 0)
		i++;
	if (!failed && strcmp(what, "answer") == 0)
		failed = err_set(&e, ERR_REFUSED, "no duty check waits for an answer");
	else if (!failed && i == sizeof words / sizeof words[0])
		failed = err_set(&e, ERR_INVALID, "'%.40s' is none of on, off, handover, answer, show", what);
	if (!failed && !name && words[i].what == TRANSITION_HANDOVER)
		failed = err_set(&e, ERR_INVALID, "'name' is missing: to whom");
	x.subject = name ? name : self;
	failed = failed || app_duty(a, words[i].what, x.subject, from ? from : self, control_actor(rq), x.note, &e);
	finish(a, rq, &x, NULL, failed, &e);
}
