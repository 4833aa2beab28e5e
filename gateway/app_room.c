/* When the store has been failing for so long that the open batch may not grow any more: the events of it go out undurable, and then those give way that a later one of the
 * same alarm has superseded, and operations. Every hub has been told of them already; that their numbers will never come is counted, and told as lost. What remains, the
 * latest of each alarm, always fits (app_store.c: GROW_AN_ALARM). */
#include "gateway/app.h"

#include "core/strmap.h"

#include <stdlib.h>
#include <string.h>

/* Given up, of one node and class. */
struct given_up { int64_t count, from_ms, to_ms; };

static bool copy_readings(struct batch *to, const struct batch *from)
{
	for (size_t i = 0; i < from->n_readings; i++) {
		struct record_reading *r = batch_add_reading(to);
		if (!r)
			return false;
		*r = from->readings[i];
		if (r->text && !(r->text = batch_keep_more(to, r->text, strlen(r->text))))
			return false;
	}
	return true;
}

static bool copy_text(struct batch *to, const char **text)
{
	*text = batch_keep_more(to, *text, strlen(*text));
	return *text != NULL;
}

static bool copy_audits(struct batch *to, const struct batch *from)
{
	for (size_t i = 0; i < from->n_audits; i++) {
		struct record_audit *r = batch_add_audit(to);
		if (!r)
			return false;
		*r = from->audits[i];
		if (!copy_text(to, &r->actor) || !copy_text(to, &r->role) || !copy_text(to, &r->action) || !copy_text(to, &r->subject) ||
		    !copy_text(to, &r->result) || !copy_text(to, &r->detail))
			return false;
	}
	return true;
}

static bool copy_small(struct batch *to, const struct batch *from)
{
	for (size_t i = 0; i < from->n_commands; i++) {
		struct record_command *r = batch_add_command(to);
		if (!r)
			return false;
		*r = from->commands[i];
		if (!copy_text(to, &r->id))
			return false;
	}
	/* As large as they were: the same sizes. */
	memcpy(to->cursors, from->cursors, from->n_cursors * sizeof *from->cursors);
	to->n_cursors = from->n_cursors;
	memcpy(to->sessions, from->sessions, from->n_sessions * sizeof *from->sessions);
	to->n_sessions = from->n_sessions;
	return true;
}

/* The last state of each alarm. */
static bool copy_states(struct batch *to, const struct batch *from, struct strmap *last)
{
	for (size_t i = 0; i < from->n_states; i++)
		if (strmap_put(last, from->states[i].alarm, (uint32_t)i))
			return false;
	for (size_t i = 0; i < from->n_states; i++) {
		if (strmap_get(last, from->states[i].alarm) != i)
			continue;
		struct record_state *r = batch_add_state(to);
		if (!r)
			return false;
		*r = from->states[i];
		r->blob = batch_keep_more(to, r->blob, r->len);
		if (!r->blob || !copy_text(to, &r->alarm))
			return false;
	}
	return true;
}

static void count_given_up(struct given_up *g, int64_t at_ms)
{
	if (g->count == 0 || at_ms < g->from_ms)
		g->from_ms = at_ms;
	if (g->count == 0 || at_ms > g->to_ms)
		g->to_ms = at_ms;
	g->count++;
}

/* The last event of each alarm; the others are counted in `gone`, by node and class. */
static bool copy_events(struct batch *to, const struct batch *from, struct strmap *last, struct given_up *gone)
{
	for (size_t i = 0; i < from->n_events; i++)
		if (from->events[i].alarm && strmap_put(last, from->events[i].alarm, (uint32_t)i))
			return false;
	for (size_t i = 0; i < from->n_events; i++) {
		const struct record_event *e = &from->events[i];
		if (!e->alarm || strmap_get(last, e->alarm) != i) {
			count_given_up(&gone[e->node * CLASS_COUNT + e->class_], e->at_ms);
			continue;
		}
		struct record_event *r = batch_add_event(to);
		if (!r)
			return false;
		*r = *e;
		r->tail = batch_keep_more(to, r->tail, r->tail_len);
		if (!r->tail || !copy_text(to, &r->alarm))
			return false;
	}
	return true;
}

static bool copy_all(struct batch *to, const struct batch *from, struct given_up *gone)
{
	struct strmap events = STRMAP_INIT, states = STRMAP_INIT;
	bool done = copy_readings(to, from) && copy_audits(to, from) && copy_small(to, from) && copy_states(to, from, &states) &&
		copy_events(to, from, &events, gone);

	strmap_done(&events);
	strmap_done(&states);
	return done;
}

static void tell(struct app *a, const struct given_up *gone, size_t n)
{
	int64_t all = 0;

	for (size_t i = 0; i < n; i++) {
		all += gone[i].count;
		for (size_t h = 0; gone[i].count && h < a->n_hubs; h++)
			if (a->hubs[h]->pump)
				pump_on_lost(a->hubs[h]->pump, (uint32_t)(i / CLASS_COUNT), (unsigned)(i % CLASS_COUNT), gone[i].count, gone[i].from_ms, gone[i].to_ms);
	}
	a->lost_events += (uint64_t)all;
	repeat_log(&a->repeat_store, loop_now(&a->loop).mono_ns, LOG_LEVEL_WARNING, "store", "no room for events",
	           "no room: events that went out undurable will not be stored, %llu so far; later ones of the same alarms will", (unsigned long long)a->lost_events);
}

bool app_make_room(void *user)
{
	struct app *a = user;
	struct slot *s = a->open;
	struct batch *b = s->commit.batch, *fresh = batch_new(b->sizes);
	size_t n_gone = s->generation->config->site.n_nodes * CLASS_COUNT, before = b->n_events;
	struct given_up *gone = calloc(n_gone, sizeof *gone);
	bool done = false;

	app_announce_all(a, loop_now(&a->loop));
	if (fresh && gone && s->n_announced == b->n_events && copy_all(fresh, b, gone)) {
		struct batch tmp = *b; /* in place: its address is known elsewhere */
		*b = *fresh;
		*fresh = tmp;
		s->n_announced = b->n_events;
		done = b->n_events < before;
		if (done)
			tell(a, gone, n_gone);
	}
	batch_free(fresh);
	free(gone);
	return done;
}
