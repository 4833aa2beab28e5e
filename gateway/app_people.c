/* People in the control room: who is on duty, whether the sound was silenced; and the door through which what they do reaches the pipeline. Duty is kept over restarts, among the
 * kept states, in the commit of the event that tells of it. */
#include "gateway/app.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DUTY_KEY "_gw.duty"

int app_act(struct app *a, const struct pipeline_act *act, enum cause cause, const char *actor, const char *note, struct err *reterr)
{
	struct pipeline_event e = { .type = EVENT_ACT, .now = loop_now(&a->loop), .act = act, .cause = cause, .actor = actor, .note = note };
	struct pipeline_effects fx;

	pipeline_step(a->pipeline, &e, &fx);
	app_effects(a, &fx, e.now);
	if (fx.refused.code == ERR_NONE)
		return 0;
	*reterr = fx.refused;
	return -1;
}

/* A line each: since when, who; before it since when this number is on duty. */
static void keep_duty(struct app *a)
{
	struct batch *batch = a->open->commit.batch;
	struct strbuf text = STRBUF_INIT;

	strbuf_printf(&text, "%lld\n", (long long)a->duty.since_ms);
	for (size_t i = 0; i < a->duty.n; i++)
		strbuf_printf(&text, "%lld\t%s\n", (long long)a->duty.persons[i].since_ms, a->duty.persons[i].name);
	if (text.failed || !batch_put_state(batch, DUTY_KEY, text.data, text.len))
		log_error("app", "who is on duty did not fit into the batch, and is not kept over a restart");
	strbuf_done(&text);
}

bool app_people_restore(struct app *a, const char *key, const void *blob, size_t len)
{
	char *text, *rest, *line;
	bool first = true;

	if (strcmp(key, DUTY_KEY) != 0)
		return false;
	text = rest = strndup(blob, len);
	while (text && (line = strsep(&rest, "\n"))) {
		char *tab = strchr(line, '\t');
		if (first)
			a->duty.since_ms = atoll(line);
		else if (tab && tab[1] && a->duty.n < DUTY_MAX) {
			struct duty_person *p = &a->duty.persons[a->duty.n++];
			p->since_ms = atoll(line);
			snprintf(p->name, sizeof p->name, "%.*s", (int)sizeof p->name - 1, tab + 1);
		}
		first = false;
	}
	a->duty.known = true;
	free(text);
	return true;
}

static struct duty_person *find(struct app *a, const char *name)
{
	for (size_t i = 0; i < a->duty.n; i++)
		if (strcmp(a->duty.persons[i].name, name) == 0)
			return &a->duty.persons[i];
	return NULL;
}

static void come(struct app *a, const char *name, int64_t now_ms)
{
	struct duty_person *p = &a->duty.persons[a->duty.n++];

	p->since_ms = now_ms;
	snprintf(p->name, sizeof p->name, "%s", name);
}

static void go(struct app *a, struct duty_person *p)
{
	*p = a->duty.persons[--a->duty.n];
}

/* Who is on duty has changed: the fault that there are too few follows. */
static void changed(struct app *a, int64_t now_ms)
{
	a->duty.known = true;
	a->duty.since_ms = now_ms;
	keep_duty(a);
	app_duty_check(a);
}

void app_duty_check(struct app *a)
{
	if (a->duty.known)
		app_own(a, "duty", NULL, "unstaffed", (int)a->duty.n < a->generation->config->duty_least);
}

static int refuse_name(const char *name, struct err *reterr)
{
	size_t len = strlen(name);

	if (len == 0 || len >= sizeof ((struct duty_person *)0)->name || name[0] == ' ' || name[len - 1] == ' ')
		return err_set(reterr, ERR_INVALID, "'name' must be a person's name, of 1 to %zu bytes, with no blank before or behind it", sizeof ((struct duty_person *)0)->name - 1);
	return 0;
}

int app_duty(struct app *a, enum transition what, const char *name, const char *from, const char *actor, const char *note, struct err *reterr)
{
	int64_t now_ms = loop_now(&a->loop).wall_ms;
	struct duty_person *p = find(a, what == TRANSITION_HANDOVER ? from : name);
	char zh[400], en[400];

	if (what != TRANSITION_DUTY_OFF && refuse_name(name, reterr))
		return -1;
	if (what == TRANSITION_DUTY_ON && p)
		return err_set(reterr, ERR_REFUSED, "%s is on duty already", name);
	if (what == TRANSITION_DUTY_OFF && !p)
		return err_set(reterr, ERR_REFUSED, "%s is not on duty; `firegw duty show` says who is", name);
	if (what == TRANSITION_HANDOVER && !p)
		return err_set(reterr, ERR_REFUSED, "%s is not on duty and cannot hand over; `firegw duty show` says who is", from);
	if (what == TRANSITION_HANDOVER && find(a, name))
		return err_set(reterr, ERR_REFUSED, "%s is on duty already", name);
	if (what == TRANSITION_DUTY_ON && a->duty.n == DUTY_MAX)
		return err_set(reterr, ERR_FULL, "%d persons are on duty already", DUTY_MAX);
	if (what != TRANSITION_DUTY_ON)
		go(a, p);
	if (what != TRANSITION_DUTY_OFF)
		come(a, name, now_ms);
	switch (what) {
	case TRANSITION_DUTY_ON:
		snprintf(zh, sizeof zh, "%s 上岗,在岗 %zu 人", name, a->duty.n);
		snprintf(en, sizeof en, "%s comes on duty: %zu on duty", name, a->duty.n);
		break;
	case TRANSITION_DUTY_OFF:
		snprintf(zh, sizeof zh, "%s 离岗,在岗 %zu 人", name, a->duty.n);
		snprintf(en, sizeof en, "%s goes off duty: %zu on duty", name, a->duty.n);
		break;
	default:
		snprintf(zh, sizeof zh, "%s 交班给 %s", from, name);
		snprintf(en, sizeof en, "%s hands over to %s", from, name);
	}
	app_operation_by(a, what, CAUSE_PERSON, MODE_NORMAL, zh, en, actor, note);
	changed(a, now_ms);
	return 0;
}

bool app_is_heard(const struct rules_present *p)
{
	return (p->state == STATE_ACTIVE || p->state == STATE_RETURNED) && p->mode == MODE_NORMAL && !p->shelved && !p->out_of_service && !p->suppressed;
}

void app_silence_again(struct app *a)
{
	const struct rules *r = pipeline_rules(a->pipeline);
	struct silence *s = &a->silence;

	free(s->heard);
	s->n = rules_count(r);
	s->heard = s->on ? calloc(s->n + 1, 1) : NULL;
	for (uint32_t i = 0; s->heard && i < s->n; i++) {
		struct rules_present p;
		rules_present(r, i, &p);
		s->heard[i] = app_is_heard(&p);
	}
}

void app_people_done(struct app *a)
{
	free(a->silence.heard);
	a->silence.heard = NULL;
}

void app_silence(struct app *a, const char *actor, const char *note)
{
	a->silence.on = true;
	a->silence.since_ms = loop_now(&a->loop).wall_ms;
	app_silence_again(a);
	snprintf(a->silence.by, sizeof a->silence.by, "%.*s", (int)sizeof a->silence.by - 1, actor);
	app_sound_look(a);
	app_operation_by(a, TRANSITION_SILENCE, CAUSE_PERSON, MODE_NORMAL, "消音:新火警到来前不再鸣响", "silenced: no sound until a new fire", actor, note);
}

/* A fire that begins or comes again, or is hidden no longer; one of a test, or that is shelved, breaks no silence. */
static bool breaks_silence(struct app *a, const struct record_event *e)
{
	bool begins = e->transition == TRANSITION_RAISED || e->transition == TRANSITION_CONFIRMED || e->transition == TRANSITION_RERAISED;
	uint32_t alarm = e->alarm && e->class_ == CLASS_FIRE ? rules_find(pipeline_rules(a->pipeline), e->alarm) : RULES_ALARM_NONE;
	struct rules_present p;

	if (alarm == RULES_ALARM_NONE)
		return false;
	rules_present(pipeline_rules(a->pipeline), alarm, &p);
	bool heard = app_is_heard(&p), was = a->silence.heard && alarm < a->silence.n && a->silence.heard[alarm];
	if (was && !heard)
		a->silence.heard[alarm] = 0;
	return heard && (begins || !was);
}

void app_people_event(struct app *a, const struct record_event *e)
{
	if (a->silence.on && breaks_silence(a, e))
		a->silence.on = false;
	app_sound_look(a);
}
