/* The small bounded queues of a pump: events that go out before they are stored, replies to commands, and topics of the broker that stand for nothing any more.
 * Each element is in one list: waiting, or in flight; a lost link puts what was in flight in front again. */
#include "gateway/pump_inside.h"

#include <stdlib.h>
#include <string.h>

void pump_queue_init(struct pump *p)
{
	chain_init(&p->undurable_free);
	chain_init(&p->undurable_flight);
	for (size_t n = 0; n < CLASS_COUNT; n++)
		chain_init(&p->undurable_lists[n]);
	for (size_t n = 0; n < PUMP_UNDURABLES; n++)
		chain_append(&p->undurable_free, &p->undurables[n].link);
	p->n_undurable_rooms = PUMP_UNDURABLES;
	chain_init(&p->replies);
	chain_init(&p->replies_flight);
	chain_init(&p->clears);
	chain_init(&p->clears_flight);
}

static void undurable_free(struct pump *p, struct pump_undurable *u)
{
	chain_remove(&u->link);
	outmsg_unref(u->msg);
	u->msg = NULL;
	u->lane = NULL;
	chain_append(&p->undurable_free, &u->link);
	p->n_undurables--;
}

/* Those of a lane; NULL: of all. */
static void undurable_free_all(struct pump *p, struct chain *list, const struct pump_lane *l)
{
	struct chain *next;

	for (struct chain *c = list->next; c != list; c = next) {
		next = c->next;
		struct pump_undurable *u = chain_of(c, struct pump_undurable, link);
		if (!l || u->lane == l)
			undurable_free(p, u);
	}
}

static void reply_free(struct pump *p, struct pump_reply *r)
{
	chain_remove(&r->link);
	p->n_replies--;
	p->reply_bytes -= r->msg->len;
	outmsg_unref(r->msg);
	free(r->topic);
	free(r->correlation);
	free(r);
}

void pump_queue_clear_drop(struct pump *p, struct pump_clear *c)
{
	chain_remove(&c->link);
	free(c);
	p->n_clears--;
}

static void drop_clears(struct pump *p)
{
	while (!chain_empty(&p->clears))
		pump_queue_clear_drop(p, chain_of(p->clears.next, struct pump_clear, link));
	while (!chain_empty(&p->clears_flight))
		pump_queue_clear_drop(p, chain_of(p->clears_flight.next, struct pump_clear, link));
	p->clears_missed = false;
}

void pump_queue_done(struct pump *p)
{
	for (size_t n = 0; n < CLASS_COUNT; n++)
		undurable_free_all(p, &p->undurable_lists[n], NULL);
	undurable_free_all(p, &p->undurable_flight, NULL);
	for (struct pump_more_undurables *next, *m = p->more_undurables; m; m = next) {
		next = m->next;
		free(m);
	}
	while (!chain_empty(&p->replies))
		reply_free(p, chain_of(p->replies.next, struct pump_reply, link));
	while (!chain_empty(&p->replies_flight))
		reply_free(p, chain_of(p->replies_flight.next, struct pump_reply, link));
	drop_clears(p);
}

static void in_front_again(struct chain *flight, struct chain *list)
{
	while (!chain_empty(flight)) {
		struct chain *c = flight->prev;
		chain_remove(c);
		chain_insert(list, c);
	}
}

static void wait_again(struct pump *p, struct pump_undurable *u)
{
	if (u->stored) {
		undurable_free(p, u);
		return;
	}
	chain_remove(&u->link);
	chain_insert(&p->undurable_lists[u->lane->stream], &u->link);
}

void pump_queue_down(struct pump *p)
{
	while (!chain_empty(&p->undurable_flight)) {
		struct pump_undurable *u = chain_of(p->undurable_flight.prev, struct pump_undurable, link);
		wait_again(p, u);
	}
	in_front_again(&p->replies_flight, &p->replies);
	drop_clears(p);
}

/* Who asked long ago does not wait any more. */
void pump_queue_up(struct pump *p)
{
	while (!chain_empty(&p->replies)) {
		struct pump_reply *r = chain_of(p->replies.next, struct pump_reply, link);
		if (p->now.mono_ns - r->at_ns < PUMP_REPLY_KEEP_NS)
			break;
		reply_free(p, r);
	}
}

static void more_rooms(struct pump *p)
{
	struct pump_more_undurables *m = p->n_undurable_rooms < PUMP_UNDURABLES_MAX ? calloc(1, sizeof *m) : NULL;

	if (!m)
		return;
	m->next = p->more_undurables;
	p->more_undurables = m;
	for (size_t n = 0; n < PUMP_UNDURABLES; n++)
		chain_append(&p->undurable_free, &m->items[n].link);
	p->n_undurable_rooms += PUMP_UNDURABLES;
}

/* Room for one of this class; if there is none, what waits longest in the least urgent class gives way, at last of its own class: it comes again when stored, and the
 * alarm's retained state tells of it until then. */
static struct pump_undurable *undurable_room(struct pump *p, unsigned stream)
{
	if (chain_empty(&p->undurable_free))
		more_rooms(p);
	if (!chain_empty(&p->undurable_free))
		return chain_of(p->undurable_free.next, struct pump_undurable, link);
	p->count.dropped++;
	for (unsigned n = CLASS_COUNT; n-- > stream;) {
		if (chain_empty(&p->undurable_lists[n]))
			continue;
		struct pump_undurable *u = chain_of(p->undurable_lists[n].next, struct pump_undurable, link);
		undurable_free(p, u);
		return u;
	}
	return NULL;
}

void pump_on_undurable(struct pump *p, struct outmsg *msg, struct stamp now)
{
	struct pump_lane *l = pump_lane_find(p, msg->stream_db);

	(void)now;
	if (!l || !l->wanted || l->stream >= CLASS_COUNT)
		return;
	struct pump_undurable *u = undurable_room(p, l->stream);
	if (!u)
		return;
	u->msg = outmsg_ref(msg);
	u->lane = l;
	u->stored = false;
	chain_remove(&u->link);
	chain_append(&p->undurable_lists[l->stream], &u->link);
	p->n_undurables++;
}

struct pump_undurable *pump_queue_undurable(const struct pump *p, unsigned stream)
{
	const struct chain *list = &p->undurable_lists[stream];

	for (struct chain *c = list->next; c != list; c = c->next) {
		struct pump_undurable *u = chain_of(c, struct pump_undurable, link);
		if (!u->lane->retry_ns)
			return u;
	}
	return NULL;
}

/* The stored version of an event is there: the other need not go out any more. They wait in the order of their ids. */
void pump_queue_stored(struct pump *p, unsigned stream, uint64_t id)
{
	struct chain *list = &p->undurable_lists[stream], *next;

	for (struct chain *c = p->undurable_flight.next; c != &p->undurable_flight; c = c->next) {
		struct pump_undurable *u = chain_of(c, struct pump_undurable, link);
		u->stored = u->stored || (u->lane->stream == stream && u->msg->id == id);
	}
	for (struct chain *c = list->next; c != list; c = next) {
		next = c->next;
		struct pump_undurable *u = chain_of(c, struct pump_undurable, link);
		if (u->msg->id > id)
			return;
		if (u->msg->id == id)
			undurable_free(p, u);
	}
}

void pump_queue_forget_lane(struct pump *p, const struct pump_lane *l)
{
	undurable_free_all(p, &p->undurable_lists[l->stream], l);
	undurable_free_all(p, &p->undurable_flight, l);
}

int pump_reply(struct pump *p, const char *topic, struct outmsg *payload, const void *correlation, size_t correlation_len, struct stamp now)
{
	struct pump_reply *r;

	if (p->n_replies >= PUMP_REPLIES || (p->n_replies > 0 && p->reply_bytes + payload->len > PUMP_REPLY_BYTES))
		return -1;
	r = calloc(1, sizeof *r);
	if (!r)
		return -1;
	r->topic = strdup(topic);
	r->correlation = correlation_len > 0 ? malloc(correlation_len) : NULL;
	if (!r->topic || (correlation_len > 0 && !r->correlation)) {
		free(r->topic);
		free(r->correlation);
		free(r);
		return -1;
	}
	if (correlation_len > 0)
		memcpy(r->correlation, correlation, correlation_len);
	r->correlation_len = correlation_len;
	r->msg = outmsg_ref(payload);
	r->at_ns = now.mono_ns;
	chain_append(&p->replies, &r->link);
	p->n_replies++;
	p->reply_bytes += payload->len;
	return 0;
}

static bool has_clear(const struct chain *list, uint32_t node, const char *topic)
{
	for (struct chain *c = list->next; c != list; c = c->next) {
		const struct pump_clear *k = chain_of(c, struct pump_clear, link);
		if (k->node == node && strcmp(k->topic, topic) == 0)
			return true;
	}
	return false;
}

void pump_queue_clear_add(struct pump *p, uint32_t node, const char *topic)
{
	size_t len = strlen(topic) + 1;
	struct pump_clear *c;

	if (has_clear(&p->clears, node, topic) || has_clear(&p->clears_flight, node, topic))
		return;
	c = p->n_clears < PUMP_CLEARS ? malloc(sizeof *c + len) : NULL;
	if (!c) {
		p->clears_missed = true;
		return;
	}
	c->node = node;
	memcpy(c->topic, topic, len);
	chain_append(&p->clears, &c->link);
	p->n_clears++;
}

void pump_queue_result(struct pump *p, const struct pick *k, bool ok)
{
	switch (k->what) {
	case WHAT_UNDURABLE:
		if (ok) {
			pump_lane_works(p, k->undurable->lane);
			undurable_free(p, k->undurable);
		} else {
			pump_lane_stop(p, k->undurable->lane);
			wait_again(p, k->undurable);
		}
		return;
	case WHAT_REPLY:
		reply_free(p, k->reply);
		return;
	case WHAT_CLEAR:
		p->purge_cleared += ok;
		p->purge_partly = p->purge_partly || !ok;
		pump_queue_clear_drop(p, k->clear);
		return;
	case WHAT_NONE:
	case WHAT_STATUS:
	case WHAT_ENTRY:
	case WHAT_ITEM:
	case WHAT_LOST:
		return;
	}
}
