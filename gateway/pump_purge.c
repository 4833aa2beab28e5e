/* `hub purge`: what this gateway has retained at a broker is cleared, all of it, before it moves away or is taken down. What the broker shows goes, another life's
 * leftovers too, and what we know to have sent. Events go on meanwhile.
 *
 * No state and no status is sent afterwards, so that a gateway can be stopped with nothing left behind; but a broker must not be told for long that nothing stands:
 * the next change of an alarm, `resend`, a new connection or 10 minutes from the beginning end that, finished or not, and everything is sent again. */
#include "gateway/pump_inside.h"

#include "core/log.h"

int pump_purge(struct pump *p, struct stamp now, struct err *reterr)
{
	if (!pump_open(p) || p->ending)
		return err_set(reterr, ERR_REFUSED, "hub '%s' is not connected%s%s: what it has retained can only be cleared over the connection", p->config.name,
		               p->why[0] ? ": " : "", p->why);
	log_info("hub", "%s: clearing what is retained there", p->config.name);
	p->now = now;
	p->purge = PUMP_PURGE_CLEARING;
	p->purge_partly = p->purge_over = false;
	p->purge_cleared = p->purge_known = 0;
	p->purge_until_ns = now.mono_ns + PUMP_PURGED_NS;
	p->reconcile_wanted = true;
	pump_entry_update_all(p);
	return 0;
}

/* What we know to have sent is cleared even if the broker does not show it: its rules may hide it, and of many messages at once some may be lost on the way. */
static void clear_known(struct pump *p)
{
	for (; p->purge_known <= p->states->n && p->n_clears < PUMP_CLEARS / 2; p->purge_known++) {
		const struct state_entry *e = p->purge_known > 0 ? &p->states->entries[p->purge_known - 1] : NULL;
		if (!e && p->config.send_status)
			pump_queue_clear_add(p, 0, "status");
		else if (e && e->version && e->node < p->config.n_nodes)
			pump_queue_clear_add(p, e->node, e->topic);
	}
}

void pump_purge_end(struct pump *p)
{
	if (p->purge == PUMP_PURGE_NONE)
		return;
	p->purge = PUMP_PURGE_NONE;
	p->purge_over = false;
	p->birth = p->config.send_status;
	p->status_ns = p->now.mono_ns;
	pump_entry_again(p);
}

void pump_purge_tick(struct pump *p)
{
	bool clearing = p->purge == PUMP_PURGE_CLEARING;

	if (clearing)
		clear_known(p);
	if (clearing && p->state == PUMP_STATE_UP && !p->reconcile_wanted && p->n_clears == 0 && p->purge_known > p->states->n) {
		p->purge = PUMP_PURGE_DONE;
		log_info("hub", "%s: %zu retained message%s cleared", p->config.name, p->purge_cleared, p->purge_cleared == 1 ? " was" : "s were");
	}
	if (p->purge != PUMP_PURGE_NONE && (p->purge_over || p->now.mono_ns >= p->purge_until_ns))
		pump_purge_end(p);
}
