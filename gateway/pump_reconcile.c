/* After each connection, and after a new config: commands are subscribed to (they stay), then what the broker has retained of ours is looked at and compared.
 *
 * The happy path is: SUB_COMMANDS → SUB_RETAINED → SUB_QUIET → up. Filters go out a batch at a time, since a frame and a broker take only so many, and each batch waits for
 * its answer. Failure modes: no room for a batch (again soon), a refusal (what is retained stays), more stale topics than the list holds (shown again once those are
 * cleared), a broker that never answers or never falls quiet (10 minutes). */
#include "gateway/pump_inside.h"

#include "core/log.h"

#include <stdio.h>
#include <stdlib.h>

static const struct pump_filters commands = { { "command/+" }, 1 }, retained = { { "alarm/+", "directory/+" }, 2 },
	all_retained = { { "alarm/+", "directory/+", "status", "building", "building/+", "report/+" }, 6 };

/* One batch of the filters below every node, from the at-th on. How many, 0 if there are no more, or -1: no room or no memory. */
static int batch(struct pump *p, const struct pump_filters *below, size_t at, bool on)
{
	int (*call)(void *, const char *const *, size_t) = on ? p->ops->hub->subscribe : p->ops->hub->unsubscribe;
	char *filters[PUMP_FILTERS];
	int n = 0, r = -1;

	for (; n < PUMP_FILTERS && at < p->config.n_nodes * below->n; n++, at++)
		if (asprintf(&filters[n], "%s/%s", p->config.prefixes[at / below->n], below->below[at % below->n]) < 0)
			goto out;
	r = n == 0 || call(p->ops->link, (const char *const *)filters, (size_t)n) == 0 ? n : -1;
out:
	while (n > 0)
		free(filters[--n]);
	return r;
}

static int unsubscribe(struct pump *p, const struct pump_filters *below)
{
	int n = 0;

	for (size_t at = 0; (n = batch(p, below, at, false)) > 0;)
		at += (size_t)n;
	return n;
}

static void begin(struct pump *p, enum sub sub, const struct pump_filters *below)
{
	p->sub = sub;
	p->sub_filters = below;
	p->sub_at = 0;
	p->sub_asked = p->noted.subscribed = false;
	p->sub_ok = true;
}

static void begin_retained(struct pump *p)
{
	p->clears_missed = false;
	begin(p, SUB_RETAINED, p->purge == PUMP_PURGE_NONE ? &retained : &all_retained);
}

/* True once every batch was answered; then sub_ok says whether all were taken. */
static bool ask_all(struct pump *p)
{
	int n;

	if (p->sub_asked && !p->noted.subscribed)
		return false;
	if (p->sub_asked && !p->noted.subscribed_ok) {
		p->sub_ok = false;
		snprintf(p->sub_text, sizeof p->sub_text, "%s", p->noted.subscribed_text);
	}
	p->sub_asked = p->noted.subscribed = false;
	n = batch(p, p->sub_filters, p->sub_at, true);
	if (n <= 0)
		return n == 0;
	p->sub_at += (size_t)n;
	p->sub_asked = true;
	return false;
}

static void over(struct pump *p)
{
	if (p->sub == SUB_RETAINED || p->sub == SUB_QUIET)
		unsubscribe(p, p->sub_filters);
	p->sub = SUB_NONE;
	p->sub_asked = false;
	pump_move(p, PUMP_STATE_UP);
}

/* True: it moved on. */
bool pump_reconcile_tick(struct pump *p)
{
	if (p->sub != SUB_NONE && p->now.mono_ns >= p->retained_end_ns) {
		repeat_log(&p->repeat, p->now.mono_ns, LOG_LEVEL_WARNING, "hub", NULL, "%s: the broker does not say all that it has retained: stale alarms there may stay", p->config.name);
		p->purge_partly = true;
		over(p);
		return true;
	}
	switch (p->sub) {
	case SUB_NONE:
		p->reconcile_wanted = false;
		p->retained_end_ns = p->now.mono_ns + PUMP_RETAINED_MAX_NS;
		if (p->commands_subscribed == p->config.commands) {
			begin_retained(p);
		} else if (p->config.commands) {
			begin(p, SUB_COMMANDS, &commands);
		} else if (unsubscribe(p, &commands) == 0) {
			p->commands_subscribed = false;
			begin_retained(p);
		}
		return p->sub != SUB_NONE;
	case SUB_COMMANDS:
		if (!ask_all(p))
			return false;
		p->commands_subscribed = true;
		p->sub_refused = !p->sub_ok;
		if (p->sub_refused)
			snprintf(p->refused_text, sizeof p->refused_text, "the broker refuses the subscription to commands: %s", p->sub_text);
		begin_retained(p);
		return true;
	case SUB_RETAINED:
		if (!ask_all(p))
			return false;
		p->noted.retained = false;
		p->quiet_ns = p->now.mono_ns + PUMP_RETAINED_QUIET_NS;
		p->sub = SUB_QUIET;
		if (p->sub_ok)
			return true;
		repeat_log(&p->repeat, p->now.mono_ns, LOG_LEVEL_WARNING, "hub", NULL, "%s: the broker does not show what it has retained (%s): stale alarms there stay",
		           p->config.name, p->sub_text);
		p->purge_partly = true;
		over(p);
		return true;
	case SUB_QUIET:
		if (p->noted.retained)
			p->quiet_ns = p->now.mono_ns + PUMP_RETAINED_QUIET_NS;
		p->noted.retained = false;
		if (p->now.mono_ns < p->quiet_ns)
			return false;
		/* More was stale than fits the list: once that is cleared, the rest is shown again. */
		if (p->clears_missed) {
			if (p->n_clears > 0)
				return false;
			unsubscribe(p, p->sub_filters);
			begin_retained(p);
			return true;
		}
		over(p);
		return true;
	}
	return false;
}

int64_t pump_reconcile_deadline(const struct pump *p)
{
	bool no_room = p->sub == SUB_NONE || (p->sub != SUB_QUIET && !p->sub_asked);

	if (no_room)
		return p->now.mono_ns + PUMP_ROOM_RETRY_NS;
	return p->sub == SUB_QUIET && p->quiet_ns > p->now.mono_ns ? earlier(p->quiet_ns, p->retained_end_ns) : p->retained_end_ns;
}
