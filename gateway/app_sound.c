/* The local sounder: a tone while an alarm that nobody has acknowledged is there, until somebody silences it; a new fire is heard all the same. What is hidden by people or by design
 * is not heard, and neither are tests and drills. */
#include "gateway/app.h"
#include "gateway/sounder.h"

#include "core/log.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LOOK_NS (200 * CLOCK_NS_PER_MS) /* between two looks through all alarms */

struct sounding {
	struct app       *app;
	struct sounder   *sounder;
	char             *device;
	struct loop_timer timer;
	int64_t           looked_ns;
	bool              known, well;
	char              zh[400], en[400]; /* what follows the fault's message */
};

static enum tone tone_of(enum alarm_class c)
{
	switch (c) {
	case CLASS_FIRE:
	case CLASS_PREALARM: return TONE_FIRE;
	case CLASS_SUPERVISORY:
	case CLASS_FAULT: return TONE_FAULT;
	case CLASS_DISABLEMENT:
	case CLASS_ACTUATION:
	case CLASS_OPERATION:
	case CLASS_COUNT: break;
	}
	return TONE_NONE;
}

static enum tone wanted(const struct rules *r)
{
	struct rules_present p;
	enum tone most = TONE_NONE;

	for (uint32_t a = 0; a < rules_count(r) && most != TONE_FIRE; a++) {
		rules_present(r, a, &p);
		enum tone t = app_is_heard(&p) ? tone_of(rules_alarm(r, a).class_) : TONE_NONE;
		if (t > most)
			most = t;
	}
	return most;
}

static void look(void *user, struct stamp now)
{
	struct sounding *s = user;
	struct app *a = s->app;

	s->looked_ns = now.mono_ns;
	sounder_set(s->sounder, a->silence.on ? TONE_NONE : wanted(pipeline_rules(a->pipeline)));
}

void app_sound_look(struct app *a)
{
	struct sounding *s = a->sound;

	if (!s)
		return;
	if (a->silence.on)
		sounder_set(s->sounder, TONE_NONE);
	int64_t now_ns = loop_now(&a->loop).mono_ns, next_ns = s->looked_ns + LOOK_NS;
	/* Never in the past: the loop would be taken for late. */
	if (s->timer.deadline_ns == CLOCK_NEVER)
		loop_timer_set(&a->loop, &s->timer, next_ns > now_ns ? next_ns : now_ns);
}

static void tell(struct sounding *s)
{
	generation_say_more(s->app->generation, "_gw.sound/none", s->zh, s->en);
	app_own(s->app, "sound", NULL, "none", !s->well);
}

static void on_health(void *user, bool well, const char *why)
{
	struct sounding *s = user;

	if (well && s->known && !s->well)
		log_info("sound", "the sounder plays on device '%s' again", s->device);
	if (!well)
		log_error("sound", "the sounder does not play: %s", why);
	s->known = true;
	s->well = well;
	snprintf(s->zh, sizeof s->zh, "%s%s", *why ? ":" : "", why);
	snprintf(s->en, sizeof s->en, "%s%s", *why ? ": " : "", why);
	tell(s);
}

static struct sounding *sounding_new(struct app *a, const char *device)
{
	struct sounding *s = calloc(1, sizeof *s);
	struct sounder_events events = { on_health, s };

	if (!s)
		return NULL;
	s->app = a;
	s->device = strdup(device);
	s->sounder = s->device ? sounder_new(&a->uv, a->o.player, device, &events) : NULL;
	if (!s->sounder) {
		free(s->device);
		free(s);
		return NULL;
	}
	loop_timer_init(&s->timer, look, s);
	return s;
}

void app_sound_stop(struct app *a)
{
	struct sounding *s = a->sound;

	if (!s)
		return;
	loop_timer_set(&a->loop, &s->timer, CLOCK_NEVER);
	sounder_close(s->sounder);
	free(s->device);
	free(s);
	a->sound = NULL;
}

void app_sound_take(struct app *a)
{
	const char *device = a->generation->config->sound_device;

	if (a->sound && (!device || strcmp(device, a->sound->device) != 0))
		app_sound_stop(a);
	if (!device)
		return;
	if (a->sound && a->sound->known)
		tell(a->sound);
	if (!a->sound && !(a->sound = sounding_new(a, device)))
		log_error("sound", "no memory for the sounder");
	app_sound_look(a);
}
