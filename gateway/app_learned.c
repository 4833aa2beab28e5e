/* What a line found out about its devices: which registers must not be read in one block, which records of an event list were given. It is kept in memory by the line's name and
 * stored as a state (key "_learned/" and the name; no alarm's id has that), in the batch that holds the events which it led to: both are durable, or neither is. */
#include "gateway/app.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PREFIX "_learned/"

static struct app_learned *find(struct app *a, const char *bus)
{
	for (size_t i = 0; i < a->n_learned; i++)
		if (strcmp(a->learned[i].bus, bus) == 0)
			return &a->learned[i];
	return NULL;
}

static struct app_learned *find_or_add(struct app *a, const char *bus)
{
	struct app_learned *l = find(a, bus);

	if (l)
		return l;
	l = realloc(a->learned, (a->n_learned + 1) * sizeof *l);
	if (!l)
		return NULL;
	a->learned = l;
	l += a->n_learned;
	*l = (struct app_learned){ strdup(bus), STRBUF_INIT };
	if (!l->bus)
		return NULL;
	a->n_learned++;
	return l;
}

bool app_learned_take(struct app *a, const char *key, const void *blob, size_t len)
{
	if (strncmp(key, PREFIX, strlen(PREFIX)) != 0)
		return false;
	struct app_learned *l = find_or_add(a, key + strlen(PREFIX));
	if (l)
		strbuf_put(&l->text, blob, len);
	return true;
}

int app_learned_room(struct app *a, const char *bus, const char **ret)
{
	struct app_learned *l = find_or_add(a, bus);

	if (!l)
		return -1;
	*ret = l->text.len ? l->text.data : NULL;
	return 0;
}

void app_learns(void *user, struct poller *p)
{
	struct app *a = user;
	const char *bus = poller_bus(p)->bus.name;
	struct app_learned *l = find(a, bus);
	struct batch *b = a->open->commit.batch;
	char key[128];

	if (!l)
		return;
	strbuf_reset(&l->text);
	if (poller_learned(p, &l->text)) {
		log_warning("bus", "%s: no memory to remember what was learned of its devices", bus);
		return;
	}
	snprintf(key, sizeof key, PREFIX "%s", bus);
	const char *kept = batch_keep_more(b, key, strlen(key)), *blob = kept ? batch_keep_more(b, l->text.data, l->text.len) : NULL;
	struct record_state *s = blob ? batch_add_state(b) : NULL;
	if (!s) {
		log_warning("bus", "%s: no room to store what was learned of its devices", bus);
		return;
	}
	*s = (struct record_state){ kept, blob, (uint32_t)l->text.len };
	app_commit_by(a, loop_now(&a->loop).mono_ns + a->generation->config->commit_ms * CLOCK_NS_PER_MS);
	a->want_submit = true;
}

void app_learned_done(struct app *a)
{
	for (size_t i = 0; i < a->n_learned; i++) {
		free(a->learned[i].bus);
		strbuf_done(&a->learned[i].text);
	}
	free(a->learned);
	a->learned = NULL;
	a->n_learned = 0;
}
