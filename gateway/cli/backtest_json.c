/* A back-test as one JSON object. */
#include "gateway/cli/backtest_show.h"

#include "core/clock.h"

static void put_key_text(struct strbuf *out, const char *key, const char *text)
{
	strbuf_json_key(out, key);
	strbuf_json_string(out, text);
}

static void put_key_int(struct strbuf *out, const char *key, int64_t n)
{
	strbuf_json_key(out, key);
	strbuf_json_int(out, n);
}

static void put_key_time(struct strbuf *out, const char *key, int64_t at_ms)
{
	char text[CLOCK_TEXT_MAX];

	put_key_text(out, key, at_ms == INT64_MAX || at_ms == 0 ? NULL : clock_format(at_ms, text));
}

/* Thousandths are more than enough, and 0.1 stays 0.1. */
static void put_a_day(const struct backtest_report *r, struct strbuf *out, const char *key, int64_t n)
{
	strbuf_json_key(out, key);
	strbuf_json_double(out, r->days > 0 ? (double)(int64_t)((double)n / r->days * 1000 + 0.5) / 1000 : 0);
}

static void put_both(struct strbuf *out, const char *key, int64_t would, int64_t were)
{
	strbuf_json_key(out, key);
	strbuf_printf(out, "{\"would\":%lld,\"were\":%lld}", (long long)would, (long long)were);
}

static void put_counts(const struct backtest_report *r, struct strbuf *out, const struct backtest_count *would, const struct backtest_count *were)
{
	put_key_int(out, "would", would->raised);
	put_key_int(out, "were", were->raised);
	put_a_day(r, out, "would_a_day", would->raised);
	put_a_day(r, out, "were_a_day", were->raised);
	put_key_int(out, "missed", were->alone);
	put_key_int(out, "new", would->alone);
	put_both(out, "again", would->again, were->again);
	put_both(out, "chatter", would->chatter, were->chatter);
	put_both(out, "longest_ms", would->longest_ms, were->longest_ms);
}

static void put_hidden(struct strbuf *out, bool judged, int64_t doubts, int64_t doubt_ms)
{
	strbuf_json_key(out, "hidden");
	if (judged)
		strbuf_printf(out, "{\"times\":%lld,\"ms\":%lld}", (long long)doubts, (long long)doubt_ms);
	else
		strbuf_puts(out, "null");
}

static void put_rules(const struct backtest_report *r, struct strbuf *out)
{
	const struct backtest *b = r->b;

	strbuf_json_key(out, "rules");
	strbuf_putc(out, '[');
	for (size_t i = 0; i < b->o.n_rules; i++) {
		const struct rule_def *d = &b->o.rules[i];
		const char *c = report_class(b, d);
		struct backtest_sum sum;
		backtest_sum(b, d, &sum);
		strbuf_puts(out, i ? ",\n{" : "\n{");
		put_key_text(out, "rule", d->id);
		put_key_text(out, "class", c[0] ? c : NULL);
		put_key_int(out, "alarms", (int64_t)sum.alarms);
		put_counts(r, out, &sum.side[BACKTEST_WOULD], &sum.side[BACKTEST_WERE]);
		put_hidden(out, report_is_judged(b, d), sum.doubts, sum.doubt_ms);
		strbuf_putc(out, '}');
	}
	strbuf_putc(out, ']');
}

static void put_alarms(const struct backtest_report *r, struct strbuf *out)
{
	strbuf_json_key(out, "alarms");
	strbuf_putc(out, '[');
	for (size_t i = 0; i < r->n_order; i++) {
		const struct backtest_alarm *a = r->order[i];
		strbuf_puts(out, i ? ",\n{" : "\n{");
		put_key_text(out, "alarm", a->id);
		put_key_text(out, "rule", a->def->id);
		put_key_text(out, "point", a->fixed && a->fixed->point != POINT_NONE ? r->b->o.site->points[a->fixed->point].id : NULL);
		put_counts(r, out, &a->count[BACKTEST_WOULD], &a->count[BACKTEST_WERE]);
		strbuf_json_key(out, "stood");
		strbuf_printf(out, "{\"would\":%s,\"were\":%s}", a->count[BACKTEST_WOULD].at_start ? "true" : "false", a->count[BACKTEST_WERE].at_start ? "true" : "false");
		strbuf_json_key(out, "stands");
		strbuf_printf(out, "{\"would\":%s,\"were\":%s}", a->count[BACKTEST_WOULD].at_end ? "true" : "false", a->count[BACKTEST_WERE].at_end ? "true" : "false");
		put_hidden(out, !a->fixed || a->judged, a->doubts, a->doubt_ms);
		strbuf_putc(out, '}');
	}
	strbuf_putc(out, ']');
}

static void put_alone(const struct backtest_report *r, struct strbuf *out, const char *key, enum backtest_side side)
{
	strbuf_json_key(out, key);
	strbuf_putc(out, '[');
	for (size_t i = 0; i < r->n_alone[side]; i++) {
		const struct backtest_alone *o = &r->alone[side][i];
		strbuf_puts(out, i ? ",\n{" : "\n{");
		put_key_text(out, "alarm", o->alarm->id);
		put_key_time(out, "from", o->from_ms);
		put_key_time(out, "to", o->to_ms);
		strbuf_putc(out, '}');
	}
	strbuf_putc(out, ']');
}

static void put_days(const struct backtest_report *r, struct strbuf *out)
{
	char text[HUMAN_MAX];

	strbuf_json_key(out, "days");
	strbuf_putc(out, '[');
	for (size_t i = 0; i < r->b->n_days; i++) {
		const struct backtest_day *d = &r->b->days[i];
		strbuf_printf(out, "%s{\"day\":\"%.10s\",\"would\":%lld,\"were\":%lld}", i ? ",\n" : "\n", human_time(d->from_ms, text), (long long)d->n[BACKTEST_WOULD],
		              (long long)d->n[BACKTEST_WERE]);
	}
	strbuf_putc(out, ']');
}

static void put_rest(const struct backtest_report *r, struct strbuf *out, const struct backtest_sum *sum)
{
	const struct backtest *b = r->b;
	size_t n = 0;

	strbuf_json_key(out, "hidden");
	strbuf_printf(out, "{\"points\":%zu,\"times\":%lld,\"ms\":%lld,\"not_judged\":[", r->hidden_points, (long long)sum->doubts, (long long)sum->doubt_ms);
	for (size_t i = 0; i < b->o.n_rules; i++)
		if (!report_is_judged(b, &b->o.rules[i])) {
			strbuf_puts(out, n++ ? "," : "");
			strbuf_json_string(out, b->o.rules[i].id);
		}
	strbuf_puts(out, "]}");
	strbuf_json_key(out, "not_compared");
	strbuf_putc(out, '[');
	for (size_t i = 0; i < b->n_others; i++) {
		strbuf_puts(out, i ? "," : "");
		strbuf_puts(out, "{\"rule\":");
		strbuf_json_string(out, b->others[i].rule);
		strbuf_printf(out, ",\"were\":%lld}", (long long)b->others[i].raised);
	}
	strbuf_putc(out, ']');
}

void report_put_json(const struct backtest_report *r)
{
	const struct backtest *b = r->b;
	struct strbuf *out = &r->run->out;
	struct backtest_sum sum;

	backtest_sum(b, NULL, &sum);
	strbuf_putc(out, '{');
	put_key_time(out, "from", b->o.from_ms);
	put_key_time(out, "to", b->o.to_ms);
	put_key_time(out, "first", b->first_ms);
	put_key_time(out, "last", b->last_ms);
	put_key_int(out, "readings", b->readings);
	put_key_int(out, "readings_of_unknown_points", b->unknown);
	put_counts(r, out, &sum.side[BACKTEST_WOULD], &sum.side[BACKTEST_WERE]);
	put_rules(r, out);
	put_alarms(r, out);
	put_alone(r, out, "missed_alarms", BACKTEST_WERE);
	put_alone(r, out, "new_alarms", BACKTEST_WOULD);
	put_days(r, out);
	put_rest(r, out, &sum);
	strbuf_puts(out, "}\n");
}
