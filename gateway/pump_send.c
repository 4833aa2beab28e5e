/* What goes out next, and how much of it at once. The window is what the broker allows (at most 100 messages); a few slots of it are kept for a live fire,
 * more of them for events, so that readings never take the last one. Beside the window, everything but a live fire shares a cap on bytes in flight: it
 * grows while acknowledgements come as fast as on an idle link and halves when they queue up, so that on a slow link little stands in front of a fire.
 *
 * The order is in pump.c. What comes first and does not fit ends the round: nothing less urgent takes its place. */
#include "gateway/pump_inside.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

void pump_send_init(struct pump *p)
{
	for (size_t n = 0; n < ENTRIES_LISTS; n++)
		chain_init(&p->entry_lists[n]);
	chain_init(&p->entries_later);
	p->entries_later_ns = CLOCK_NEVER;
	p->cap = PUMP_CAP_FIRST;
	pump_send_down(p);
}

void pump_send_up(struct pump *p, uint16_t receive_max)
{
	uint16_t w = receive_max < PUMP_WINDOW_MAX ? receive_max : PUMP_WINDOW_MAX;

	p->window = w > 0 ? w : 1;
	p->keep_events = (uint16_t)(w >= 64 ? 16 : w > 1 ? (w + 3) / 4 : 0);
	p->keep_live = (uint16_t)(w >= 32 ? 4 : w >= 4 ? 1 : 0);
	p->cap = p->cap < PUMP_CAP_FIRST ? p->cap : PUMP_CAP_FIRST;
	p->base_ns = CLOCK_NEVER;
	p->cap_cut_ns = p->progress_ns = p->now.mono_ns;
	p->room_ns = CLOCK_NEVER;
}

void pump_send_down(struct pump *p)
{
	for (size_t n = 0; n < PUMP_WINDOW_MAX; n++) {
		p->slots[n].token = 0;
		p->free_slots[n] = (uint8_t)(PUMP_WINDOW_MAX - 1 - n);
	}
	p->n_free = PUMP_WINDOW_MAX;
	if (p->in_flight > 0)
		p->deaf_ns += p->now.mono_ns - p->progress_ns;
	p->in_flight = 0;
	memset(p->flight_bytes, 0, sizeof p->flight_bytes);
	p->noted.n_results = 0;
	p->room_ns = CLOCK_NEVER;
}

void pump_send_forget_lane(struct pump *p, const struct pump_lane *l)
{
	for (size_t n = 0; n < PUMP_WINDOW_MAX; n++)
		if (p->slots[n].token && p->slots[n].pick.lane == l)
			p->slots[n].pick.what = WHAT_NONE;
}

static bool pick_entry(struct pump *p, size_t list, enum tier tier, struct pick *ret)
{
	while (!chain_empty(&p->entry_lists[list])) {
		struct pump_entry *x = chain_of(p->entry_lists[list].next, struct pump_entry, link);
		uint32_t i = (uint32_t)(x - p->entries);
		*ret = (struct pick){ .what = WHAT_ENTRY, .tier = tier, .entry = i };
		if (x->life == p->states->entries[i].life && pump_entry_need(p, i, &ret->step))
			return true;
		chain_remove(&x->link);
	}
	return false;
}

static bool is_live(const struct pump_lane *l)
{
	return l->stream == CLASS_FIRE && l->unsent && l->unsent->first > l->live_from;
}

/* The first in turn; but an older fire of one node, for which there may be no room, never stands before a live one of another. */
static struct pump_lane *lane_in_turn(const struct pump *p, size_t list)
{
	for (struct chain *c = p->send[list].next; list == SEND_LIVE_FIRE && c != &p->send[list]; c = c->next)
		if (is_live(chain_of(c, struct pump_lane, send)))
			return chain_of(c, struct pump_lane, send);
	return chain_of(p->send[list].next, struct pump_lane, send);
}

static bool pick_lane(const struct pump *p, size_t list, struct pick *ret)
{
	if (chain_empty(&p->send[list]))
		return false;
	struct pump_lane *l = lane_in_turn(p, list);
	*ret = (struct pick){ .what = WHAT_ITEM, .tier = l->stream == STREAM_READING ? TIER_BULK : TIER_EVENT, .lane = l, .item = l->unsent };
	if (is_live(l))
		ret->tier = TIER_LIVE;
	else if (l->lost_count > 0 && l->lost_sent == 0)
		ret->what = WHAT_LOST;
	return true;
}

static bool pick_undurable(const struct pump *p, unsigned class_, struct pick *ret)
{
	struct pump_undurable *u = pump_queue_undurable(p, class_);

	if (!u)
		return false;
	*ret = (struct pick){ .what = WHAT_UNDURABLE, .tier = class_ == CLASS_FIRE ? TIER_LIVE : TIER_EVENT, .undurable = u, .lane = u->lane };
	return true;
}

static bool pick_status(const struct pump *p, struct pick *ret)
{
	if (!p->config.send_status || p->purge != PUMP_PURGE_NONE || p->status_in_flight || p->now.mono_ns < p->status_ns)
		return false;
	*ret = (struct pick){ .what = WHAT_STATUS, .tier = TIER_LIVE };
	return true;
}

/* A topic that was set meanwhile stands for something again: it is not to be cleared. */
static bool pick_clear(struct pump *p, struct pick *ret)
{
	while (!chain_empty(&p->clears)) {
		struct pump_clear *c = chain_of(p->clears.next, struct pump_clear, link);
		*ret = (struct pick){ .what = WHAT_CLEAR, .tier = TIER_EVENT, .clear = c };
		if (c->node < p->config.n_nodes && pump_entry_stale(p, c->node, c->topic))
			return true;
		pump_queue_clear_drop(p, c);
	}
	return false;
}

static bool pick_reply(const struct pump *p, struct pick *ret)
{
	if (chain_empty(&p->replies))
		return false;
	*ret = (struct pick){ .what = WHAT_REPLY, .tier = TIER_BULK, .reply = chain_of(p->replies.next, struct pump_reply, link) };
	return true;
}

/* Streams of this rank are being read, or are about to be: what is less urgent waits for them, but not on a reader that is slow. */
static bool awaited(const struct pump *p, size_t list)
{
	return !chain_empty(&p->read[list]) && (!p->reading || p->now.mono_ns < p->read_until_ns);
}

static bool pick_next(struct pump *p, struct pick *ret)
{
	if (p->birth)
		return pick_status(p, ret);
	if (pick_undurable(p, CLASS_FIRE, ret) || pick_entry(p, ENTRIES_LIVE_FIRE, TIER_LIVE, ret) || pick_lane(p, SEND_LIVE_FIRE, ret))
		return true;
	if (pick_entry(p, ENTRIES_ALARM + CLASS_FIRE, TIER_EVENT, ret) || pick_status(p, ret))
		return true;
	for (unsigned c = CLASS_FIRE + 1; c < CLASS_COUNT; c++)
		if (pick_undurable(p, c, ret) || pick_entry(p, ENTRIES_ALARM + c, TIER_EVENT, ret))
			return true;
	/* What a purge withholds must not be withheld for long: not behind a backlog. */
	if (p->purge == PUMP_PURGE_CLEARING && pick_clear(p, ret))
		return true;
	if (awaited(p, SEND_LIVE_FIRE))
		return false;
	for (unsigned c = 0; c < CLASS_COUNT; c++) {
		if (pick_lane(p, SEND_STREAM + c, ret))
			return true;
		if (awaited(p, SEND_STREAM + c))
			return false;
	}
	if (pick_clear(p, ret) || pick_reply(p, ret))
		return true;
	for (size_t list = ENTRIES_DIRECTORY; list <= ENTRIES_REPORT; list++)
		if (pick_entry(p, list, TIER_BULK, ret))
			return true;
	return pick_lane(p, SEND_STREAM + STREAM_READING, ret);
}

static bool fits(const struct pump *p, enum tier tier, size_t len)
{
	size_t events = p->flight_bytes[TIER_EVENT], below = events + p->flight_bytes[TIER_BULK];

	switch (tier) {
	case TIER_LIVE: return true; /* the window itself was looked at before */
	case TIER_EVENT: return p->in_flight + p->keep_live < p->window && (events == 0 || events + len <= p->cap);
	case TIER_BULK: return p->in_flight + p->keep_events < p->window && (below == 0 || below + len <= p->cap);
	case TIER_COUNT: break;
	}
	return false;
}

static void make_topic(struct pump *p, const struct pick *k)
{
	const struct pump_lane *l = k->lane;

	switch (k->what) {
	case WHAT_NONE: return;
	case WHAT_STATUS: pump_text_topic(p, 0, "status", NULL); return;
	case WHAT_ENTRY: pump_text_topic(p, p->states->entries[k->entry].node, p->states->entries[k->entry].topic, NULL); return;
	case WHAT_ITEM:
		if (!k->item->msg)
			pump_text_topic(p, l->node, "lost", NULL);
		else if (l->stream == STREAM_READING)
			pump_text_topic(p, l->node, "reading", NULL);
		else
			pump_text_topic(p, l->node, "event", stream_name(l->stream));
		return;
	case WHAT_LOST: pump_text_topic(p, l->node, "lost", NULL); return;
	case WHAT_UNDURABLE: pump_text_topic(p, l->node, "event", stream_name(l->stream)); return;
	case WHAT_CLEAR: pump_text_topic(p, k->clear->node, k->clear->topic, NULL); return;
	case WHAT_REPLY:
		strbuf_reset(&p->topic);
		strbuf_puts(&p->topic, k->reply->topic);
		return;
	}
}

/* The payload; what the pump writes itself stands in p->text. */
static void make_payload(struct pump *p, const struct pick *k, struct hub_publish *pub)
{
	const struct state_entry *e = &p->states->entries[k->entry];
	const struct outmsg *m = NULL;

	switch (k->what) {
	case WHAT_NONE: break;
	case WHAT_STATUS:
		pump_text_status(p, k->step != STEP_LAST, k->step == STEP_LAST ? "stopped" : NULL);
		pub->retain = true;
		break;
	case WHAT_ENTRY:
		m = k->step == STEP_MSG ? e->msg : k->step == STEP_LAST ? e->last_msg : NULL;
		pub->retain = true;
		break;
	case WHAT_ITEM:
		m = k->item->msg;
		if (!m)
			pump_text_gone(p, k->lane, k->item);
		break;
	case WHAT_LOST: pump_text_lost(p, k->lane); break;
	case WHAT_UNDURABLE: m = k->undurable->msg; break;
	case WHAT_CLEAR: pub->retain = true; break;
	case WHAT_REPLY:
		m = k->reply->msg;
		pub->correlation = k->reply->correlation;
		pub->correlation_len = k->reply->correlation_len;
		break;
	}
	bool own = k->what == WHAT_STATUS || k->what == WHAT_LOST || (k->what == WHAT_ITEM && !m);
	pub->payload = m ? m->data : own ? p->text.data : "";
	pub->len = m ? m->len : own ? p->text.len : 0;
}

static void mark_sent(struct pump *p, const struct pick *k)
{
	switch (k->what) {
	case WHAT_NONE: return;
	case WHAT_STATUS:
		p->birth = false;
		p->status_in_flight = true;
		p->offline_sent |= k->step == STEP_LAST;
		p->status_sent_ns = p->now.mono_ns;
		p->status_ns = p->now.mono_ns + PUMP_STATUS_EVERY_NS;
		return;
	case WHAT_ENTRY: pump_entry_sent(p, k->entry); return;
	case WHAT_ITEM: pump_lane_sent(p, k->lane, k->item); return;
	case WHAT_LOST:
		k->lane->lost_sent = k->lane->lost_count;
		pump_lane_update(p, k->lane);
		return;
	case WHAT_UNDURABLE:
		chain_remove(&k->undurable->link);
		chain_append(&p->undurable_flight, &k->undurable->link);
		return;
	case WHAT_CLEAR:
		chain_remove(&k->clear->link);
		chain_append(&p->clears_flight, &k->clear->link);
		return;
	case WHAT_REPLY:
		chain_remove(&k->reply->link);
		chain_append(&p->replies_flight, &k->reply->link);
		return;
	}
}

/* False: not now. Nothing has changed then, but for the time at which to try again. */
static bool send_pick(struct pump *p, const struct pick *k)
{
	struct hub_publish pub = { 0 };

	if (p->in_flight >= p->window || p->ending || p->noted.down)
		return false;
	make_payload(p, k, &pub);
	if (!fits(p, k->tier, pub.len))
		return false;
	make_topic(p, k);
	bool own_failed = pub.payload == p->text.data && p->text.failed;
	if (p->topic.failed || own_failed) {
		p->room_ns = p->now.mono_ns + CLOCK_NS_PER_S;
		return false;
	}
	uint8_t index = p->free_slots[p->n_free - 1];
	pub.token = ++p->next_token << 8 | index;
	pub.topic = p->topic.data;
	if (p->ops->hub->send(p->ops->link, &pub) < 0) {
		p->room_ns = p->now.mono_ns + PUMP_ROOM_RETRY_NS;
		return false;
	}
	p->n_free--;
	p->flight_bytes[k->tier] += pub.len;
	p->slots[index] = (struct pump_slot){ .token = pub.token, .pick = *k, .len = pub.len, .sent_ns = p->now.mono_ns, .result = -1,
		.filled = p->flight_bytes[TIER_EVENT] + p->flight_bytes[TIER_BULK] > p->cap / 2 };
	if (k->what == WHAT_ENTRY) {
		p->slots[index].version = p->states->entries[k->entry].version;
		p->slots[index].life = p->states->entries[k->entry].life;
	}
	if (p->in_flight++ == 0)
		p->progress_ns = p->now.mono_ns;
	p->count.sent++;
	p->count.bytes += pub.len;
	mark_sent(p, k);
	return true;
}

void pump_send_all(struct pump *p)
{
	struct pick k;

	p->room_ns = CLOCK_NEVER;
	do {
		while (pick_next(p, &k))
			if (!send_pick(p, &k))
				break;
	} while (pump_lane_read(p) && !p->reading);
}

/* The last status, once what went before it on the same topic is through. */
void pump_send_offline(struct pump *p)
{
	struct pick k = { .what = WHAT_STATUS, .tier = TIER_LIVE, .step = STEP_LAST };

	p->room_ns = CLOCK_NEVER;
	if (!p->offline_sent && !p->status_in_flight)
		send_pick(p, &k);
}

static void adapt_cap(struct pump *p, const struct pump_slot *s)
{
	int64_t took = p->now.mono_ns - s->sent_ns;

	p->base_ns = earlier(p->base_ns, took);
	if (s->pick.tier == TIER_LIVE)
		return;
	if (took - p->base_ns > PUMP_DELAY_BAD_NS) {
		/* What was sent before the last cut says nothing about the present cap. */
		if (s->sent_ns < p->cap_cut_ns)
			return;
		p->cap = p->cap / 2 > PUMP_CAP_LEAST ? p->cap / 2 : PUMP_CAP_LEAST;
		p->cap_cut_ns = p->now.mono_ns;
	} else if (took - p->base_ns < PUMP_DELAY_GOOD_NS && s->filled) {
		p->cap = p->cap + s->len < PUMP_CAP_MOST ? p->cap + s->len : PUMP_CAP_MOST;
	}
}

static void status_result(struct pump *p, const struct pick *k, bool ok)
{
	p->status_in_flight = false;
	if (k->step == STEP_LAST)
		p->offline_done = true;
	if (p->status_refused != !ok)
		p->n_refused += ok ? UINT_MAX : 1U;
	p->status_refused = !ok;
	if (!ok)
		p->status_ns = p->now.mono_ns + PUMP_REFUSED_WAIT_NS;
}

static void lost_result(struct pump *p, struct pump_lane *l, bool ok)
{
	if (ok) {
		p->count.lost += (uint64_t)l->lost_sent;
		l->lost_count -= l->lost_sent;
		pump_lane_works(p, l);
	}
	l->lost_sent = 0;
	if (ok)
		pump_lane_update(p, l);
	else
		pump_lane_stop(p, l);
}

static void note_refusal(struct pump *p, const struct pump_slot *s)
{
	if (s->pick.what == WHAT_NONE || (s->pick.what == WHAT_ENTRY && p->states->entries[s->pick.entry].life != s->life))
		return;
	make_topic(p, &s->pick);
	snprintf(p->refused_text, sizeof p->refused_text, "the broker refuses %s: %s (reason %d)", p->topic.data ? p->topic.data : "a topic",
	         p->noted.refused_text, s->result);
}

/* The link's answers, as they were noted. */
void pump_send_results(struct pump *p)
{
	for (size_t n = 0; n < p->noted.n_results; n++) {
		uint8_t index = p->noted.results[n];
		struct pump_slot s = p->slots[index];
		bool ok = s.result == 0;
		p->slots[index].token = 0;
		p->free_slots[p->n_free++] = index;
		p->in_flight--;
		p->flight_bytes[s.pick.tier] -= s.len;
		p->progress_ns = p->now.mono_ns;
		p->deaf_ns = 0;
		*(ok ? &p->count.acked : &p->count.refused) += 1;
		if (ok)
			adapt_cap(p, &s);
		else
			note_refusal(p, &s);
		switch (s.pick.what) {
		case WHAT_NONE: break;
		case WHAT_STATUS: status_result(p, &s.pick, ok); break;
		case WHAT_ENTRY: pump_entry_result(p, &s, ok); break;
		case WHAT_ITEM: pump_lane_result(p, s.pick.lane, s.pick.item, ok); break;
		case WHAT_LOST: lost_result(p, s.pick.lane, ok); break;
		case WHAT_UNDURABLE:
		case WHAT_CLEAR:
		case WHAT_REPLY: pump_queue_result(p, &s.pick, ok); break;
		}
	}
	if (p->noted.n_results > 0)
		pump_fault(p, PUMP_STOPPED, false, "");
	p->noted.n_results = 0;
}
