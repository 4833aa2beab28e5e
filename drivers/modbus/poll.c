/* Groups, their polls, and the one sample that each point has of each.
 *
 * The happy path: a group is due, poll_choose begins its poll, its requests are answered one after another (poll_values), and the poll ends. Failure modes: no answer (tried
 * again, then this request, and with a second one the unit, is asked with backoff), an exception (the device has no value; a refused block is cut; a busy device is asked
 * again within the poll), the connection ends (tried again on the next one), the line is down (every due point gets its sample of quality comm), the line is too slow (whole
 * polls are missed and counted, never made up for). */
#include "drivers/modbus/bus.h"
#include "drivers/modbus/decode.h"

#include <assert.h>
#include <math.h>

#define SILENT_BACKOFF_FIRST_NS CLOCK_NS_PER_S
#define SILENT_BACKOFF_MAX_NS   (30 * CLOCK_NS_PER_S)
#define LOST_BACKOFF_MAX_NS   (10 * CLOCK_NS_PER_S)
#define LOST_WAIT_NS          (100 * CLOCK_NS_PER_MS)
#define OTHERS_FIRST_NS       (CLOCK_NS_PER_S)
#define BUSY_MAX              8
#define BUSY_WAIT_MIN_NS      (50 * CLOCK_NS_PER_MS)
#define BUSY_WAIT_MAX_NS      (500 * CLOCK_NS_PER_MS)
#define NO_SPLIT_NS           (600 * CLOCK_NS_PER_S)
#define TIGHT_NS              (10 * CLOCK_NS_PER_S)
#define OTHERS_TURN           4  /* overcommitted: every so many-th request goes by due time alone, so that nobody starves */

enum { EXCEPTION_ADDRESS = 2, EXCEPTION_VALUE = 3, EXCEPTION_ACKNOWLEDGE = 5, EXCEPTION_BUSY = 6, EXCEPTION_NO_PATH = 10, EXCEPTION_NO_TARGET = 11 };

static void give_sample(struct bus_item *item, enum quality quality, struct value value, struct stamp now, struct sample_sink *sink)
{
	struct sample s = { .point = item->point->point, .quality = quality, .value = value, .at = now };

	if (item->done)
		return;
	item->done = true;
	if (item->list)
		eventlist_failed(item->list, quality, now, sink); /* what a list has to tell it tells itself */
	else
		sink->sample(sink->user, &s);
}

static const struct value no_value = { NAN, NULL };

static void end_poll(struct modbus_bus *b, struct bus_group *g, struct stamp now)
{
	struct bus_unit *u = &b->units[g->device];

	if (g->splitting) {
		size_t kept = 0;

		/* Cuts that brought no answer were in vain: the device refuses the registers themselves, and asking for each alone only costs time. */
		for (size_t i = 0; i < b->n_cuts; i++)
			if (b->cuts[i].proven || b->cuts[i].device != g->device || b->cuts[i].fc != g->fc)
				b->cuts[kept++] = b->cuts[i];
		if (kept < b->n_cuts) {
			b->n_cuts = kept;
			g->no_split_until_ns = g->comm ? 0 : now.mono_ns + NO_SPLIT_NS; /* silence proves nothing */
			group_plan(b, g);
		}
		g->splitting = false;
	}
	if (g->bad)
		u->stats.polls_bad++;
	else
		u->stats.polls_good++;
	g->running = false;
	g->due_ns = plan_next_due(g->started_ns, g->every_ns, g->phase_key);
}

/* Gives all points of the poll that have none yet a sample of this quality. */
static void fail_poll(struct modbus_bus *b, struct bus_group *g, enum quality quality, struct stamp now, struct sample_sink *sink)
{
	for (size_t i = 0; i < g->n_items; i++)
		give_sample(&g->items[i], quality, no_value, now, sink);
	g->bad = true;
	g->comm = g->comm || quality == QUALITY_COMM;
	end_poll(b, g, now);
}

static void start_poll(struct modbus_bus *b, struct bus_group *g, int64_t now_ns)
{
	uint64_t missed = (uint64_t)((now_ns - g->due_ns) / g->every_ns);

	if (missed) {
		b->stats.missed += missed;
		b->tight_until_ns = now_ns + TIGHT_NS;
	}
	for (size_t i = 0; i < g->n_items; i++)
		g->items[i].done = g->items[i].has_decimals = false;
	g->running = true;
	g->started_ns = now_ns;
	g->next = 0;
	g->attempts = g->busy = 0;
	g->again = false;
	g->not_before_ns = now_ns;
	g->bad = g->comm = g->probing = false;
	if (g->items[0].list) {
		eventlist_begin(g->items[0].list, &g->requests[0]);
		g->frames[0].len = 0;
	}
}

static bool request_is_done(const struct bus_group *g, size_t request)
{
	const struct plan_request *r = &g->requests[request];

	for (uint32_t i = r->first; i < r->first + r->n; i++) {
		const struct bus_item *item = &g->items[g->spans[i].item];

		if (!item->done && !(r->decimals_only && item->has_decimals))
			return false;
	}
	return true;
}

/* The points of a request have no value in this poll. */
static void give_up(struct bus_group *g, size_t request, enum quality quality, struct stamp now, struct sample_sink *sink)
{
	const struct plan_request *r = &g->requests[request];

	g->bad = true;
	g->comm = g->comm || quality == QUALITY_COMM;
	for (uint32_t i = r->first; i < r->first + r->n; i++) {
		struct bus_item *item = &g->items[g->spans[i].item];

		if (g->spans[i].decimals) {
			item->has_decimals = true;
			item->decimals_quality = quality;
		} else {
			give_sample(item, quality, no_value, now, sink);
		}
	}
}

/* Goes on to the first request from g->next that has something to bring; ends the poll if there is none. */
static void advance(struct modbus_bus *b, struct bus_group *g, struct stamp now, struct sample_sink *sink)
{
	for (; g->next < g->n_requests; g->next++) {
		if (request_is_done(g, g->next))
			continue;
		if (g->frames[g->next].mute_until_ns <= now.mono_ns)
			break;
		give_up(g, g->next, QUALITY_COMM, now, sink);
	}
	g->attempts = g->busy = 0;
	g->again = false;
	g->not_before_ns = now.mono_ns;
	if (g->next == g->n_requests)
		end_poll(b, g, now);
}

static void begin_poll(struct modbus_bus *b, struct bus_group *g, struct stamp now, struct sample_sink *sink)
{
	start_poll(b, g, now.mono_ns);
	if (!b->units[g->device].dead) {
		advance(b, g, now, sink);
		return;
	}
	/* A different one each time: it may be just one that the unit does not like. */
	g->probing = true;
	for (size_t i = 1; i < g->n_requests; i++)
		if (g->frames[i].mute_until_ns < g->frames[g->next].mute_until_ns)
			g->next = i;
}

/* The request g->next is through with. */
static void go_on(struct modbus_bus *b, struct bus_group *g, struct stamp now, struct sample_sink *sink)
{
	g->next = g->probing ? 0 : g->next + 1;
	g->probing = false;
	advance(b, g, now, sink);
}

static void fail_request(struct modbus_bus *b, struct bus_group *g, enum quality quality, struct stamp now, struct sample_sink *sink)
{
	give_up(g, g->next, quality, now, sink);
	go_on(b, g, now, sink);
}

/* The unit answered the request g->next. */
static void note_answer(struct modbus_bus *b, struct bus_group *answered, int64_t now_ns)
{
	struct bus_unit *u = &b->units[answered->device];

	u->suspect = u->ends_lines = false;
	answered->frames[answered->next].mute_until_ns = 0;
	answered->frames[answered->next].mute_backoff_ns = 0;
	if (!u->dead)
		return;
	u->dead = false;
	for (size_t i = 0; i < b->n_groups; i++) {
		struct bus_group *g = &b->groups[i];

		if (g->device != answered->device)
			continue;
		if (g->comm && !g->running && g->due_ns > now_ns)
			g->due_ns = now_ns;
		for (size_t k = 0; k < g->n_requests; k++)
			g->frames[k].mute_until_ns = g->frames[k].mute_backoff_ns = 0;
	}
}

/* A cut is right if a part of the block that it cut is answered. */
static void prove_cuts(struct modbus_bus *b, const struct bus_group *g, const struct plan_request *r)
{
	for (size_t i = 0; i < b->n_cuts; i++) {
		struct plan_cut *c = &b->cuts[i];

		if (c->device == g->device && c->fc == g->fc && !c->proven && r->address >= c->block_first && r->address + r->count - 1 <= c->block_last) {
			c->proven = true;
			b->stats.learned++;
		}
	}
}

/* A list has one request, which becomes the next until all that is new was read. Others that are due go between. */
static void list_values(struct modbus_bus *b, struct bus_group *g, const uint16_t *values, struct stamp now, struct sample_sink *sink)
{
	struct eventlist *l = g->items[0].list;
	uint32_t changes = eventlist_changes(l);
	uint64_t lost = eventlist_lost(l);
	enum eventlist_step step = eventlist_values(l, values, &g->requests[0], b->text, now, sink);

	b->stats.learned += eventlist_changes(l) - changes;
	b->units[g->device].stats.lost_records += eventlist_lost(l) - lost;
	g->probing = false;
	if (step != EVENTLIST_MORE) {
		g->bad = g->bad || step == EVENTLIST_BAD;
		end_poll(b, g, now);
		return;
	}
	g->frames[0].len = 0;
	g->attempts = g->busy = 0;
	g->again = false;
	g->not_before_ns = g->due_ns = now.mono_ns;
}

void poll_values(struct modbus_bus *b, struct bus_group *g, const uint16_t *values, struct stamp now, struct sample_sink *sink)
{
	const struct plan_request *r = &g->requests[g->next];

	note_answer(b, g, now.mono_ns);
	if (g->items[0].list) {
		list_values(b, g, values, now, sink);
		return;
	}
	if (g->splitting)
		prove_cuts(b, g, r);
	for (uint32_t i = r->first; i < r->first + r->n; i++) {
		struct bus_item *item = &g->items[g->spans[i].item];

		if (g->spans[i].decimals) {
			item->decimals = values[g->spans[i].address - r->address];
			item->has_decimals = true;
			item->decimals_quality = QUALITY_GOOD;
		}
	}
	for (uint32_t i = r->first; i < r->first + r->n; i++) {
		struct bus_item *item = &g->items[g->spans[i].item];
		enum quality quality = QUALITY_GOOD;
		struct value value = no_value;

		if (g->spans[i].decimals || item->done)
			continue;
		if (group_has_decimals(item->point)) {
			/* Their decimals come first, unless this is a probe: then it is read again after them. */
			assert(item->has_decimals || g->probing);
			if (!item->has_decimals)
				continue;
			quality = item->decimals_quality;
		}
		if (quality == QUALITY_GOOD)
			quality = decode_value(item->point, values + (g->spans[i].address - r->address), item->decimals, b->text, &value);
		give_sample(item, quality, value, now, sink);
	}
	go_on(b, g, now, sink);
}

/* The device refused a block: read its parts apart from now on, if that brings an answer. */
static bool split(struct modbus_bus *b, struct bus_group *g, struct stamp now, struct sample_sink *sink)
{
	const struct plan_request *r = &g->requests[g->next];
	uint16_t at;

	if (now.mono_ns < g->no_split_until_ns || b->n_cuts == b->cap_cuts || plan_cut_at(r, g->spans, &at) < 0)
		return false;
	b->cuts[b->n_cuts++] = (struct plan_cut){ .device = g->device, .fc = g->fc, .address = at, .block_first = r->address,
		.block_last = (uint16_t)(r->address + r->count - 1) };
	g->splitting = true;
	group_plan(b, g);
	g->next = 0;
	g->probing = false;
	advance(b, g, now, sink);
	return true;
}

static bool wait_while_busy(struct bus_group *g, struct stamp now)
{
	int64_t wait = g->every_ns / 8;

	if (wait < BUSY_WAIT_MIN_NS)
		wait = BUSY_WAIT_MIN_NS;
	if (wait > BUSY_WAIT_MAX_NS)
		wait = BUSY_WAIT_MAX_NS;
	if (g->busy >= BUSY_MAX || now.mono_ns + wait >= g->started_ns + g->every_ns)
		return false;
	g->busy++;
	g->not_before_ns = now.mono_ns + wait;
	return true;
}

void poll_exception(struct modbus_bus *b, struct bus_group *g, int exception, struct stamp now, struct sample_sink *sink)
{
	/* Here it is the gateway that speaks, of a device that does not. */
	if (exception == EXCEPTION_NO_PATH || exception == EXCEPTION_NO_TARGET) {
		(void)poll_silence(b, g, now, sink);
		return;
	}
	note_answer(b, g, now.mono_ns);
	if ((exception == EXCEPTION_ACKNOWLEDGE || exception == EXCEPTION_BUSY) && wait_while_busy(g, now))
		return;
	if ((exception == EXCEPTION_ADDRESS || exception == EXCEPTION_VALUE) && split(b, g, now, sink))
		return;
	fail_request(b, g, QUALITY_DEVICE, now, sink);
}

static void back_off(int64_t *backoff_ns, int64_t *until_ns, int64_t max_ns, int64_t now_ns)
{
	*backoff_ns = *backoff_ns ? *backoff_ns : SILENT_BACKOFF_FIRST_NS;
	*until_ns = now_ns + *backoff_ns;
	*backoff_ns = *backoff_ns * 2 < max_ns ? *backoff_ns * 2 : max_ns;
}

/* The request g->next has failed for good. The first one that does may be one that the unit does not like: it alone is asked less often. At the second the unit is dead: true. */
static bool give_up_request(struct modbus_bus *b, struct bus_group *g, int64_t backoff_max_ns, struct stamp now, struct sample_sink *sink)
{
	struct bus_unit *u = &b->units[g->device];
	struct bus_frame *frame = &g->frames[g->next];

	back_off(&frame->mute_backoff_ns, &frame->mute_until_ns, backoff_max_ns, now.mono_ns);
	if (!u->dead && !u->suspect && u->n_requests > 1) {
		u->suspect = true;
		fail_request(b, g, QUALITY_COMM, now, sink);
		return false;
	}
	if (!u->dead || b->n_units == 1)
		u->backoff_ns = 0; /* alone on its line it holds up nobody, and need not be asked ever less often */
	u->dead = true;
	back_off(&u->backoff_ns, &u->probe_ns, backoff_max_ns, now.mono_ns);
	fail_poll(b, g, QUALITY_COMM, now, sink);
	return true;
}

static bool may_try_again(const struct modbus_bus *b, const struct bus_group *g)
{
	return !b->units[g->device].dead && g->frames[g->next].mute_backoff_ns == 0 && g->attempts < b->units[g->device].config->timing.retries;
}

bool poll_silence(struct modbus_bus *b, struct bus_group *g, struct stamp now, struct sample_sink *sink)
{
	if (may_try_again(b, g)) {
		g->attempts++;
		return false;
	}
	return give_up_request(b, g, SILENT_BACKOFF_MAX_NS, now, sink);
}

/* What the connection ends under may be what ends it. Others go first on the next one: once it has been of use, its end costs no wait. */
void poll_lost(struct modbus_bus *b, struct bus_group *g, bool forgive, struct stamp now, struct sample_sink *sink)
{
	b->units[g->device].ends_lines = !forgive || g->again;
	if (g->frames[g->next].mute_backoff_ns == 0 && forgive && !g->again) {
		g->again = true;
		return;
	}
	if (!may_try_again(b, g)) {
		(void)give_up_request(b, g, LOST_BACKOFF_MAX_NS, now, sink);
		return;
	}
	g->attempts++;
	g->not_before_ns = now.mono_ns + LOST_WAIT_NS;
}

/* When the group can be asked next, if the line is up. */
static int64_t ready_ns(const struct modbus_bus *b, const struct bus_group *g)
{
	const struct bus_unit *u = &b->units[g->device];
	int64_t t = g->running ? g->not_before_ns : g->due_ns;
	bool others_first = u->ends_lines && !b->link.useful && groups_others_live(b, g->device);
	int64_t settled = b->link.up_since_ns + (others_first ? OTHERS_FIRST_NS : 0) + u->config->timing.settle_ns;

	return b->link.state == LINK_UP && settled > t ? settled : t;
}

/* The last moment to which a poll waits for a line that is on its way up, or will be: well before the next one is due. A poll that waited for its turn
 * while the line was up begins to wait for the line when that goes. */
static int64_t patience(const struct modbus_bus *b, const struct bus_group *g)
{
	int64_t since = g->running ? g->started_ns : g->due_ns;

	return (since > b->link.down_since_ns ? since : b->link.down_since_ns) + g->every_ns / 2;
}

static bool is_hopeless(const struct modbus_bus *b, const struct bus_group *g, int64_t now_ns)
{
	const struct bus_unit *u = &b->units[g->device];

	if (b->link.state == LINK_UP)
		return u->dead && u->probe_ns > now_ns;
	if (b->link.state == LINK_DOWN && b->link.until_ns > patience(b, g))
		return true;
	return patience(b, g) <= now_ns;
}

void poll_expire(struct modbus_bus *b, struct stamp now, struct sample_sink *sink)
{
	for (size_t i = 0; i < b->n_groups; i++) {
		struct bus_group *g = &b->groups[i];

		if ((b->flight == FLIGHT_POLL && b->flight_group == i) || (!g->running && g->due_ns > now.mono_ns))
			continue;
		if (!is_hopeless(b, g, now.mono_ns))
			continue;
		if (!g->running)
			start_poll(b, g, now.mono_ns);
		fail_poll(b, g, QUALITY_COMM, now, sink);
	}
}

/* Due soonest first; urgent ones before that while the line is overcommitted. */
static bool goes_before(const struct bus_group *a, const struct bus_group *b, bool urgent_first)
{
	if (urgent_first && a->urgent != b->urgent)
		return a->urgent;
	return a->due_ns < b->due_ns;
}

static struct bus_group *first_ready(struct modbus_bus *b, int64_t now_ns, bool urgent_first)
{
	struct bus_group *best = NULL;

	for (size_t i = 0; i < b->n_groups; i++) {
		struct bus_group *g = &b->groups[i];

		if (ready_ns(b, g) <= now_ns && (!best || goes_before(g, best, urgent_first)))
			best = g;
	}
	return best;
}

struct bus_group *poll_choose(struct modbus_bus *b, struct stamp now, struct sample_sink *sink)
{
	bool urgent_first = now.mono_ns < b->tight_until_ns && ++b->turn % OTHERS_TURN != 0;
	struct bus_group *g;

	/* Ends: a poll that is over as soon as it began (all its requests are mute) is not due again now. */
	while ((g = first_ready(b, now.mono_ns, urgent_first)) && !g->running) {
		begin_poll(b, g, now, sink);
		if (g->running)
			break;
	}
	return g;
}

bool poll_has_work(const struct modbus_bus *b, uint32_t device, int64_t now_ns)
{
	for (size_t i = 0; i < b->n_groups; i++)
		if ((device == POLL_ANY_DEVICE || b->groups[i].device == device) && (b->groups[i].running || b->groups[i].due_ns <= now_ns))
			return true;
	return false;
}

void poll_line_up(struct modbus_bus *b, int64_t now_ns)
{
	for (size_t i = 0; i < b->n_groups; i++) {
		struct bus_group *g = &b->groups[i];

		/* Not more often than once a second: a line may come up again and again. */
		if (g->comm && !g->running && g->due_ns > now_ns && now_ns - g->started_ns >= (g->every_ns < CLOCK_NS_PER_S ? g->every_ns : CLOCK_NS_PER_S))
			g->due_ns = now_ns;
	}
	for (size_t i = 0; i < b->config->n_devices; i++)
		b->units[i].probe_ns = now_ns;
}

int64_t poll_deadline(const struct modbus_bus *b, int64_t now_ns)
{
	bool up = b->link.state == LINK_UP;
	int64_t deadline = CLOCK_NEVER;

	for (size_t i = 0; i < b->n_groups; i++) {
		const struct bus_group *g = &b->groups[i];
		int64_t t = ready_ns(b, g);

		/* What is ready now waits for the line: for its next free moment, which is the exchange's to know, or for it to come up. */
		if (t <= now_ns)
			t = up ? CLOCK_NEVER : patience(b, g);
		if (t < deadline)
			deadline = t;
	}
	return deadline;
}
