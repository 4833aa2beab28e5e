/* The texts that a pump writes itself: topics, the status' streams, and what is lost. */
#include "gateway/pump_inside.h"

#include <stdio.h>

/* prefix/a or, with b, prefix/a/b. */
void pump_text_topic(struct pump *p, uint32_t node, const char *a, const char *b)
{
	strbuf_reset(&p->topic);
	strbuf_puts(&p->topic, p->config.prefixes[node]);
	strbuf_putc(&p->topic, '/');
	strbuf_puts(&p->topic, a);
	if (b) {
		strbuf_putc(&p->topic, '/');
		strbuf_puts(&p->topic, b);
	}
}

void pump_text_status(struct pump *p, bool online, const char *reason)
{
	bool first = true;

	strbuf_reset(&p->streams);
	strbuf_puts(&p->streams, "\"streams\":{");
	for (size_t n = 0; n < p->n_lanes; n++) {
		const struct pump_lane *l = p->lanes[n];
		if (!l->wanted)
			continue;
		strbuf_printf(&p->streams, "%s\"%s/%s\":{\"first\":%lld,\"stored\":%lld,\"sent\":%lld}", first ? "" : ",", p->config.nodes[l->node],
		              stream_name(l->stream), (long long)l->first, (long long)l->stored, (long long)l->acked);
		first = false;
	}
	strbuf_putc(&p->streams, '}');
	strbuf_reset(&p->text);
	p->ops->status(p->ops->app, &p->text, p->session, online, reason, p->streams.data ? p->streams.data : "\"streams\":{}");
}

static void lost_head(struct pump *p, const struct pump_lane *l)
{
	strbuf_reset(&p->text);
	strbuf_puts(&p->text, "{\"v\":1,\"gateway\":");
	strbuf_json_string(&p->text, p->config.gateway);
	strbuf_puts(&p->text, ",\"node\":");
	strbuf_json_string(&p->text, p->config.nodes[l->node]);
	strbuf_puts(&p->text, ",\"log\":");
	strbuf_json_string(&p->text, p->config.log);
	strbuf_printf(&p->text, ",\"stream\":\"%s\"", stream_name(l->stream));
}

void pump_text_gone(struct pump *p, const struct pump_lane *l, const struct pump_item *i)
{
	lost_head(p, l);
	strbuf_printf(&p->text, ",\"from_seq\":%lld,\"to_seq\":%lld,\"why\":\"%s\"}", (long long)i->first, (long long)i->last, i->why);
}

void pump_text_lost(struct pump *p, const struct pump_lane *l)
{
	char from[CLOCK_TEXT_MAX], to[CLOCK_TEXT_MAX];

	lost_head(p, l);
	strbuf_printf(&p->text, ",\"count\":%lld,\"from_at\":\"%s\",\"to_at\":\"%s\",\"why\":\"memory\"}", (long long)l->lost_count,
	              clock_format(l->lost_from_ms, from), clock_format(l->lost_to_ms, to));
}
