/* `hub purge`: what this gateway has retained at a broker is cleared, all of it, before it moves away or is taken down. What the broker shows decides, not what we
 * remember: another life's leftovers go too. Events go on meanwhile.
 *
 * No state and no status is sent afterwards, so that a gateway can be stopped with nothing left behind; but a broker must not be told for long that nothing stands:
 * the next change of an alarm, `resend`, a new connection or 10 minutes end that, and everything is sent again. */
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
	p->purge_cleared = 0;
	p->purge_until_ns = CLOCK_NEVER;
	p->reconcile_wanted = true;
	pump_entry_update_all(p);
	/* These two are not asked for at other times, so a broker's rules may not show them. */
	if (p->config.send_status)
		pump_queue_clear_add(p, 0, "status");
	for (uint32_t node = 0; p->config.send_building && node < p->config.n_nodes; node++)
		pump_queue_clear_add(p, node, "building");
	return 0;
}

/* The broker does not show what it has: what we know to have sent is cleared. */
void pump_purge_blind(struct pump *p)
{
	if (p->purge != PUMP_PURGE_CLEARING)
		return;
	p->purge_partly = true;
	for (uint32_t i = 0; i < p->states->n; i++) {
		const struct state_entry *e = &p->states->entries[i];
		if (e->version && e->node < p->config.n_nodes)
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
	if (p->purge == PUMP_PURGE_CLEARING && p->state == PUMP_STATE_UP && !p->reconcile_wanted && p->n_clears == 0) {
		p->purge = PUMP_PURGE_DONE;
		p->purge_until_ns = p->now.mono_ns + PUMP_PURGED_NS;
		log_info("hub", "%s: %zu retained messages were cleared", p->config.name, p->purge_cleared);
	}
	if (p->purge != PUMP_PURGE_NONE && (p->purge_over || p->now.mono_ns >= p->purge_until_ns))
		pump_purge_end(p);
}
