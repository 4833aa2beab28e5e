/* The streams of a pump. Each lane holds in memory a contiguous run of messages that begins right after its cursor: what was just stored is appended if it
 * follows on and there is room, else the reader is asked for it later, one request a hub, the most urgent lane first. The happy path: append, send,
 * acknowledged, cursor moves. A refusal stops the lane for a while, a lost link winds every lane back to its cursor; neither moves a cursor. */
#include "gateway/pump_inside.h"

#include <string.h>

static int64_t queue_end(const struct pump_lane *l)
{
	return l->tail ? l->tail->last : l->acked;
}

static size_t item_len(const struct pump_item *i)
{
	return i->msg ? i->msg->len : 0;
}

static bool is_reading(const struct pump_lane *l)
{
	return l->stream == STREAM_READING;
}

static bool item_room(const struct pump *p, const struct pump_lane *l)
{
	if (p->free_items && (!is_reading(l) || p->n_reading_items < PUMP_ITEMS / 2))
		return true;
	return !l->own_used;
}

static bool byte_room(const struct pump *p, const struct pump_lane *l, size_t len)
{
	size_t most = is_reading(l) ? PUMP_READING_QUEUE_BYTES : PUMP_EVENT_QUEUE_BYTES;

	return !l->head || p->queued_bytes[is_reading(l)] + len <= most;
}

static bool append(struct pump *p, struct pump_lane *l, struct pump_item item)
{
	struct pump_item *i = &l->own;

	if (!item_room(p, l) || !byte_room(p, l, item_len(&item)))
		return false;
	if (p->free_items && (!is_reading(l) || p->n_reading_items < PUMP_ITEMS / 2)) {
		i = p->free_items;
		p->free_items = i->next;
		p->n_items++;
		p->n_reading_items += is_reading(l);
	} else {
		l->own_used = true;
	}
	*i = item;
	outmsg_ref(i->msg);
	if (l->tail)
		l->tail->next = i;
	else
		l->head = i;
	l->tail = i;
	if (!l->unsent)
		l->unsent = i;
	l->unsent_bytes += item_len(i);
	p->queued_bytes[is_reading(l)] += item_len(i);
	return true;
}

static bool append_message(struct pump *p, struct pump_lane *l, struct outmsg *m)
{
	return append(p, l, (struct pump_item){ .msg = m, .first = m->first, .last = m->last });
}

static bool append_gone(struct pump *p, struct pump_lane *l, int64_t to, const char *why)
{
	struct pump_item *t = l->tail;

	if (t && !t->msg && t->state == ITEM_QUEUED && t->why == why) {
		t->last = to;
		return true;
	}
	return append(p, l, (struct pump_item){ .first = queue_end(l) + 1, .last = to, .why = why });
}

static void free_head(struct pump *p, struct pump_lane *l)
{
	struct pump_item *i = l->head;

	l->head = i->next;
	if (!l->head)
		l->tail = NULL;
	p->queued_bytes[is_reading(l)] -= item_len(i);
	outmsg_unref(i->msg);
	if (i == &l->own) {
		l->own_used = false;
		return;
	}
	i->next = p->free_items;
	p->free_items = i;
	p->n_items--;
	p->n_reading_items -= is_reading(l);
}

/* Finds again what goes out next, after items fell back to queued. */
static void find_unsent(struct pump_lane *l)
{
	l->unsent = NULL;
	l->unsent_bytes = 0;
	for (struct pump_item *i = l->head; i; i = i->next) {
		if (i->state != ITEM_QUEUED)
			continue;
		l->unsent_bytes += item_len(i);
		if (!l->unsent)
			l->unsent = i;
	}
}

/* Forgets what is in memory; what of it is in flight concerns nobody any more. */
void pump_lane_drop(struct pump *p, struct pump_lane *l)
{
	pump_send_forget_lane(p, l);
	while (l->head)
		free_head(p, l);
	l->unsent = NULL;
	l->unsent_bytes = 0;
}

bool pump_lane_live(const struct pump_lane *l)
{
	return l->stored > l->live_from;
}

static void relink(struct chain *link, struct chain **list, struct chain *to)
{
	if (*list == to)
		return;
	chain_remove(link);
	if (to)
		chain_append(to, link);
	*list = to;
}

/* Puts the lane into the lists in which it belongs now. To be called after every change of it. */
void pump_lane_update(struct pump *p, struct pump_lane *l)
{
	bool open = pump_open(p) && l->wanted && !l->retry_ns;
	size_t rank = l->stream == CLASS_FIRE && pump_lane_live(l) ? SEND_LIVE_FIRE : SEND_STREAM + l->stream;

	if (open && queue_end(l) + 1 < l->first)
		append_gone(p, l, l->first - 1, "space");
	bool send = open && (l->unsent || (l->lost_count > 0 && l->lost_sent == 0));
	bool read = open && !l->read_retry_ns && queue_end(l) < l->stored && l->unsent_bytes < PUMP_PREFETCH_BYTES && item_room(p, l) &&
	            byte_room(p, l, 1);
	relink(&l->send, &l->send_list, send ? &p->send[rank] : NULL);
	relink(&l->read, &l->read_list, read ? &p->read[rank] : NULL);
	chain_remove(&l->later);
	if (!l->retry_ns && !l->read_retry_ns)
		return;
	chain_append(&p->later, &l->later);
	if (l->retry_ns)
		p->later_ns = earlier(p->later_ns, l->retry_ns);
	if (l->read_retry_ns)
		p->later_ns = earlier(p->later_ns, l->read_retry_ns);
}

/* The time of retries has come. */
void pump_lane_wake(struct pump *p)
{
	struct chain due;

	if (p->now.mono_ns < p->later_ns)
		return;
	p->later_ns = CLOCK_NEVER;
	chain_init(&due);
	while (!chain_empty(&p->later)) {
		struct chain *c = p->later.next;
		chain_remove(c);
		chain_append(&due, c);
	}
	while (!chain_empty(&due)) {
		struct pump_lane *l = chain_of(due.next, struct pump_lane, later);
		if (l->retry_ns && p->now.mono_ns >= l->retry_ns)
			l->retry_ns = 0;
		if (l->read_retry_ns && p->now.mono_ns >= l->read_retry_ns)
			l->read_retry_ns = 0;
		pump_lane_update(p, l);
	}
}

void pump_lane_works(struct pump *p, struct pump_lane *l)
{
	if (l->refused)
		p->n_refused--;
	l->refused = false;
}

/* Whether this hub gets the stream; one that it does not get holds nothing. */
void pump_lane_classify(struct pump *p, struct pump_lane *l)
{
	const struct pump_config *c = &p->config;

	l->wanted = l->node < c->n_nodes && (is_reading(l) ? c->send_readings : c->send_events && c->classes[l->stream]);
	if (l->wanted)
		return;
	pump_lane_drop(p, l);
	pump_queue_forget_lane(p, l);
	pump_lane_works(p, l);
	l->acked = l->stored;
	l->lost_count = l->lost_sent = 0;
	l->retry_ns = l->read_retry_ns = 0;
}

static void move_cursor(struct pump *p, struct pump_lane *l)
{
	while (l->head && l->head->state == ITEM_ACKED) {
		if (!l->head->msg)
			p->count.lost += (uint64_t)(l->head->last - l->head->first + 1);
		l->acked = l->head->last;
		free_head(p, l);
	}
	if (l->acked == l->told)
		return;
	l->told = l->acked;
	p->ops->cursor(p->ops->app, l->db, l->acked);
}

/* Sent: the next one is due, and the other nodes' streams of this urgency come first. */
void pump_lane_sent(struct pump *p, struct pump_lane *l, struct pump_item *i)
{
	i->state = ITEM_IN_FLIGHT;
	if (i->last <= l->sent_high)
		p->count.resent++;
	else
		l->sent_high = i->last;
	l->unsent_bytes -= item_len(i);
	do
		i = i->next;
	while (i && i->state != ITEM_QUEUED);
	l->unsent = i;
	relink(&l->send, &l->send_list, NULL);
	pump_lane_update(p, l);
}

void pump_lane_result(struct pump *p, struct pump_lane *l, struct pump_item *i, bool ok)
{
	i->state = ok ? ITEM_ACKED : ITEM_QUEUED;
	if (ok) {
		pump_lane_works(p, l);
		move_cursor(p, l);
		pump_lane_update(p, l);
	} else {
		find_unsent(l);
		pump_lane_stop(p, l);
	}
}

void pump_lane_stop(struct pump *p, struct pump_lane *l)
{
	if (!l->refused)
		p->n_refused++;
	l->refused = true;
	l->retry_ns = p->now.mono_ns + PUMP_REFUSED_WAIT_NS;
	pump_lane_update(p, l);
}

static int64_t not_older_than(const struct pump *p, const struct pump_lane *l)
{
	int64_t keep = is_reading(l) ? p->config.backlog_readings_ms : p->config.backlog_events_ms;

	/* A clock that is not to be trusted must not give up years of events. */
	if (!p->now.wall_trusted || keep <= 0 || p->now.wall_ms <= keep)
		return 0;
	return p->now.wall_ms - keep;
}

void pump_lane_up(struct pump *p)
{
	for (size_t n = 0; n < p->n_lanes; n++) {
		struct pump_lane *l = p->lanes[n];
		l->retry_ns = l->read_retry_ns = 0;
		l->read_failures = 0;
		l->live_from = l->stored;
		/* What grew too old while the hub was away is for the reader to tell. */
		if (l->head && l->head->msg && l->head->msg->at_ms < not_older_than(p, l))
			pump_lane_drop(p, l);
		pump_lane_update(p, l);
	}
}

void pump_lane_down(struct pump *p)
{
	for (size_t n = 0; n < p->n_lanes; n++) {
		struct pump_lane *l = p->lanes[n];
		for (struct pump_item *i = l->head; i; i = i->next)
			i->state = ITEM_QUEUED;
		l->lost_sent = 0;
		find_unsent(l);
		pump_lane_update(p, l);
	}
}

/* Cursors of streams that this hub does not get move with what is stored, so that nothing is kept for it; told seldom. */
void pump_lane_follow(struct pump *p, bool all)
{
	if (!all && p->now.mono_ns < p->follow_ns)
		return;
	p->follow_ns = p->now.mono_ns + PUMP_FOLLOW_EVERY_NS;
	for (size_t n = 0; n < p->n_lanes; n++)
		move_cursor(p, p->lanes[n]);
}

bool pump_lane_read(struct pump *p)
{
	if (p->reading || !pump_open(p))
		return false;
	for (size_t n = 0; n < SEND_LISTS; n++) {
		if (chain_empty(&p->read[n]))
			continue;
		struct pump_lane *l = chain_of(p->read[n].next, struct pump_lane, read);
		struct pump_backlog_request rq = { .stream_db = l->db, .after = queue_end(l), .not_older_than_ms = not_older_than(p, l),
			.max_bytes = is_reading(l) ? PUMP_READ_READING_BYTES : PUMP_READ_EVENT_BYTES };
		/* To the end of its list: the other nodes' turn comes next. */
		relink(&l->read, &l->read_list, NULL);
		p->reading = true;
		p->reading_db = l->db;
		p->read_until_ns = p->now.mono_ns + PUMP_READ_PATIENCE_NS;
		pump_lane_update(p, l);
		p->ops->want_backlog(p->ops->app, &rq);
		return true;
	}
	return false;
}

static const char *known_why(const char *why)
{
	static const char *const words[] = { "space", "damage", "memory" };

	for (size_t i = 0; why && i < sizeof words / sizeof *words; i++)
		if (strcmp(why, words[i]) == 0)
			return words[i];
	return "backlog";
}

void pump_on_backlog(struct pump *p, const struct pump_backlog_answer *a, struct stamp now)
{
	struct pump_lane *l = pump_lane_find(p, a->stream_db);
	bool room = true;

	if (p->reading && a->stream_db == p->reading_db)
		p->reading = false;
	if (!l || !l->wanted)
		return;
	int64_t before = queue_end(l);
	if (!a->failed && a->after == before && a->gone_to > before)
		room = append_gone(p, l, a->gone_to, known_why(a->gone_why));
	for (size_t i = 0; !a->failed && room && i < a->n; i++) {
		if (a->messages[i]->last <= queue_end(l))
			continue;
		if (a->messages[i]->first != queue_end(l) + 1)
			break;
		room = append_message(p, l, a->messages[i]);
	}
	if (queue_end(l) > before) {
		l->read_failures = 0;
		if (queue_end(l) > l->stored)
			l->stored = queue_end(l);
	} else if (room && a->after == before && before < l->stored) {
		l->read_retry_ns = now.mono_ns + (PUMP_READ_RETRY_NS << l->read_failures);
		l->read_failures += l->read_failures < 5;
	}
	pump_lane_update(p, l);
}

void pump_on_stored(struct pump *p, uint32_t stream_db, int64_t stored, struct outmsg *msg, struct stamp now)
{
	struct pump_lane *l = pump_lane_find(p, stream_db);

	(void)now;
	if (!l)
		return;
	if (stored > l->stored)
		l->stored = stored;
	if (!l->wanted) {
		l->acked = l->stored;
		return;
	}
	if (msg && msg->id && !is_reading(l))
		pump_queue_stored(p, l->stream, msg->id);
	if (msg && msg->first == queue_end(l) + 1 && msg->last >= msg->first)
		append_message(p, l, msg);
	pump_lane_update(p, l);
}

void pump_on_pruned(struct pump *p, uint32_t stream_db, int64_t first)
{
	struct pump_lane *l = pump_lane_find(p, stream_db);

	if (!l || first <= l->first)
		return;
	l->first = first <= l->stored + 1 ? first : l->stored + 1;
	pump_lane_update(p, l);
}

void pump_on_lost(struct pump *p, uint32_t node, unsigned stream, int64_t count, int64_t from_ms, int64_t to_ms)
{
	struct pump_lane *l = pump_lane_of(p, node, stream);

	if (!l || !l->wanted || count <= 0)
		return;
	if (l->lost_count == 0 || from_ms < l->lost_from_ms)
		l->lost_from_ms = from_ms;
	if (l->lost_count == 0 || to_ms > l->lost_to_ms)
		l->lost_to_ms = to_ms;
	l->lost_count += count;
	pump_lane_update(p, l);
}
