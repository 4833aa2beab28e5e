/* When the store is late or fails, a fire does not wait for it: its event goes out from memory, marked undurable, and comes again with its number once stored. The order in which
 * things happened is kept. The store's trouble is itself an alarm. */
#include "gateway/app.h"

#define RETRY_LATE_NS (100 * CLOCK_NS_PER_MS)

static bool announce_event(struct app *a, const struct site *site, const struct record_event *e, struct stamp now)
{
	struct compose_stream st = { site->gateway, site->nodes[e->node], a->log_id, e->node, e->stream_db, e->class_ };
	struct outmsg *m = compose_event(&st, 0, 0, e->at_ms, e->tail, e->tail_len);

	if (!m)
		return false;
	m->rev = e->rev;
	m->id = e->id.counter;
	for (size_t i = 0; i < a->n_hubs; i++)
		if (a->hubs[i]->pump)
			pump_on_undurable(a->hubs[i]->pump, m, now);
	app_hub_alarm_state(a, e, m);
	app_people_event(a, e);
	verbs_on_event(a, 0, m);
	outmsg_unref(m);
	return true;
}

/* Events that cannot wait for the store any longer. Order is kept: oldest batch first. */
static void announce_slot(struct app *a, struct slot *s, struct stamp now)
{
	const struct batch *b = s->commit.batch;

	for (; s->n_announced < b->n_events; s->n_announced++)
		if (!announce_event(a, &s->generation->config->site, &b->events[s->n_announced], now))
			return;
}

void app_tell_unstored(void *user, const struct record_event *e)
{
	struct app *a = user;

	announce_event(a, &a->generation->config->site, e, loop_now(&a->loop));
}

static bool announcing(const struct app *a)
{
	return a->store_late || atomic_load(&a->keeper.trouble) != KEEPER_FINE;
}

void app_announce_all(struct app *a, struct stamp now)
{
	/* Queued slots in the order of their queueing, then the open one. */
	for (int64_t after = 0;;) {
		struct slot *next = NULL;
		for (size_t i = 0; i < APP_SLOTS; i++) {
			struct slot *s = &a->slots[i];
			if (s->state == SLOT_QUEUED && s->queued_ns > after && (!next || s->queued_ns < next->queued_ns))
				next = s;
		}
		if (!next)
			break;
		announce_slot(a, next, now);
		after = next->queued_ns;
	}
	announce_slot(a, a->open, now);
}

static void announce(struct app *a, struct stamp now)
{
	app_announce_all(a, now);
	verbs_on_stored(a, NULL);
	for (size_t i = 0; i < a->n_hubs; i++)
		app_hub_kick(a->hubs[i]);
}

void app_announce_late(void *user, struct stamp now)
{
	struct app *a = user;
	int64_t oldest = CLOCK_NEVER;

	mailbox_drain(&a->box); /* a loop that is late has not heard yet that the store was in time */
	for (size_t i = 0; i < APP_SLOTS; i++)
		if (a->slots[i].state == SLOT_QUEUED && a->slots[i].queued_ns < oldest)
			oldest = a->slots[i].queued_ns;
	if (oldest == CLOCK_NEVER)
		return;
	if (now.mono_ns - oldest < APP_LATE_NS) {
		loop_timer_set(&a->loop, &a->late_timer, oldest + APP_LATE_NS);
		return;
	}
	if (!a->store_late) {
		a->store_late = true;
		repeat_log(&a->repeat_store, now.mono_ns, LOG_LEVEL_WARNING, "store", NULL, "the disk has not taken a commit for over a second; alarms go out before they are stored");
		app_own(a, "storage", NULL, "slow", true);
	}
	announce(a, now);
	loop_timer_set(&a->loop, &a->late_timer, now.mono_ns + RETRY_LATE_NS);
}

void app_store_trouble(void *user)
{
	struct app *a = user;
	int trouble = atomic_load(&a->keeper.trouble);
	struct stamp now = loop_now(&a->loop);
	char text[ERR_TEXT_MAX];

	keeper_trouble_text(&a->keeper, text, sizeof text);
	app_own(a, "storage", NULL, "failing", trouble == KEEPER_FAILING);
	app_own(a, "storage", NULL, "full", trouble == KEEPER_FULL);
	app_own(a, "storage", NULL, "damaged", trouble == KEEPER_DAMAGED);
	if (trouble == KEEPER_FINE) {
		repeat_log(&a->repeat_store, now.mono_ns, LOG_LEVEL_INFO, "store", NULL, "storing again");
	} else {
		repeat_log(&a->repeat_store, now.mono_ns, LOG_LEVEL_ERROR, "store", NULL, "%s; alarms go out before they are stored", text);
		announce(a, now);
	}
}

void app_announce_if_late(struct app *a, struct stamp now)
{
	if (announcing(a))
		announce(a, now);
}
