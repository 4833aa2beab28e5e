#include "gateway/cli/backtest_show.h"

#include <stdlib.h>
#include <string.h>

#define MINUTE_MS   INT64_C(60000)
#define DAY_MS      INT64_C(86400000)
#define ALARMS_MAX  20 /* shown; --json has all */
#define ALONE_MAX   10
#define WORST_MAX   5

/* ---- what is common to both forms ---- */

static int by_most(const void *x, const void *y)
{
	const struct backtest_alarm *a = *(struct backtest_alarm *const *)x, *b = *(struct backtest_alarm *const *)y;

	for (int side = 0; side < BACKTEST_SIDES; side++)
		if (a->count[side].raised != b->count[side].raised)
			return a->count[side].raised > b->count[side].raised ? -1 : 1;
	if (a->doubts != b->doubts)
		return a->doubts > b->doubts ? -1 : 1;
	return strcmp(a->id, b->id);
}

static bool is_quiet(const struct backtest_count *n)
{
	return !n->raised && !n->at_start && !n->at_end;
}

static bool count_hidden(struct backtest_report *r)
{
	const struct backtest *b = r->b;
	bool *hit = calloc(b->o.site->n_points + 1, sizeof *hit);

	if (!hit)
		return false;
	for (size_t i = 0; i < b->n_engine; i++) {
		const struct backtest_alarm *a = b->alarms[i];
		if (a->chosen && a->doubts && a->fixed->point != POINT_NONE && !hit[a->fixed->point]) {
			hit[a->fixed->point] = true;
			r->hidden_points++;
		}
	}
	free(hit);
	return true;
}

/* While a daemon ran something was stored at least once in the shortest heartbeat. */
static void find_gaps(struct backtest_report *r)
{
	const struct backtest *b = r->b;
	int64_t shortest = DAY_MS;

	for (size_t i = 0; i < b->o.site->n_points; i++)
		if (!b->o.site->points[i].log_mode && b->o.site->points[i].heartbeat_ms < shortest)
			shortest = b->o.site->points[i].heartbeat_ms;
	shortest += MINUTE_MS;
	r->begins_late = b->first_ms < b->last_ms && b->first_ms - b->o.from_ms > shortest;
	r->ends_early = b->first_ms < b->last_ms && b->o.to_ms - b->last_ms > shortest;
}

bool report_sort(struct backtest_report *r)
{
	const struct backtest *b = r->b;

	r->order = calloc(b->n_alarms + 1, sizeof(void *));
	if (!r->order)
		return false;
	for (size_t i = 0; i < b->n_alarms; i++) {
		struct backtest_alarm *a = b->alarms[i];
		if (a->chosen && (!is_quiet(&a->count[BACKTEST_WOULD]) || !is_quiet(&a->count[BACKTEST_WERE]) || a->doubts))
			r->order[r->n_order++] = a;
	}
	if (r->n_order)
		qsort(r->order, r->n_order, sizeof(void *), by_most);
	find_gaps(r);
	r->days = (double)((r->ends_early ? b->last_ms : b->o.to_ms) - (r->begins_late ? b->first_ms : b->o.from_ms)) / DAY_MS;
	return count_hidden(r);
}

const char *report_class(const struct backtest *b, const struct rule_def *def)
{
	const struct rules_alarm *first = NULL;

	for (size_t i = 0; i < b->n_engine; i++) {
		const struct backtest_alarm *a = b->alarms[i];
		if (a->def != def || !a->chosen)
			continue;
		if (first && first->class_ != a->fixed->class_)
			return "mixed";
		first = a->fixed;
	}
	return first ? alarm_class_name(first->class_) : "";
}

bool report_is_judged(const struct backtest *b, const struct rule_def *def)
{
	for (size_t i = 0; i < b->n_engine; i++)
		if (b->alarms[i]->def == def && b->alarms[i]->chosen && !b->alarms[i]->judged)
			return false;
	return true;
}

/* ---- text ---- */

static const char *times(int64_t n, char *buf)
{
	char count[HUMAN_MAX];

	if (n == 1)
		return "once";
	if (n == 2)
		return "twice";
	snprintf(buf, HUMAN_MAX, "%.20s times", human_count(n, count));
	return buf;
}

static void put_summary(const struct backtest_report *r)
{
	struct strbuf *out = &r->run->out;
	const struct backtest *b = r->b;
	struct backtest_sum sum;
	char x[HUMAN_MAX], y[HUMAN_MAX];

	backtest_sum(b, NULL, &sum);
	const struct backtest_count *would = &sum.side[BACKTEST_WOULD], *were = &sum.side[BACKTEST_WERE];
	strbuf_printf(out, "%s would have raised %s, %.1f a day;", r->own_rules ? "The site's rules" : "These rules", human_plural(would->raised, "alarm", x), (double)would->raised / r->days);
	strbuf_printf(out, " %s raised, %.1f a day.\n", were->raised == 1 ? "1 was" : (snprintf(y, sizeof y, "%.20s were", human_count(were->raised, x)), y), (double)were->raised / r->days);
	strbuf_printf(out, "Would not have come (missed): %s. New: %s.\n", human_count(were->alone, x), human_count(would->alone, y));
	strbuf_printf(out, "%s … ", human_time(b->o.from_ms, x));
	strbuf_printf(out, "%s, ", human_time(b->o.to_ms, x));
	strbuf_printf(out, "%s.", human_plural(b->readings, "reading", x));
	if (b->unknown)
		strbuf_printf(out, " %s of them of points that the site does not have.", human_count(b->unknown, x));
	strbuf_putc(out, '\n');
	if (r->begins_late)
		strbuf_printf(out, "The first reading is of %s: days count from there.\n", human_time(b->first_ms, x));
	if (r->ends_early)
		strbuf_printf(out, "The last reading is of %s: days count up to it.\n", human_time(b->last_ms, x));
}

static void put_busiest(const struct backtest_report *r)
{
	const struct backtest_day *most = NULL;
	char x[HUMAN_MAX], y[HUMAN_MAX], day[HUMAN_MAX];

	for (size_t i = 0; i < r->b->n_days; i++)
		if (!most || r->b->days[i].n[BACKTEST_WOULD] > most->n[BACKTEST_WOULD])
			most = &r->b->days[i];
	if (most && most->n[BACKTEST_WOULD] && r->days > 1)
		strbuf_printf(&r->run->out, "Most on one day: %s, on %.10s (%s raised).\n", human_count(most->n[BACKTEST_WOULD], x), human_time(most->from_ms, day),
		              human_count(most->n[BACKTEST_WERE], y));
}

static void add_number(struct table *t, int64_t n, enum style style)
{
	char x[HUMAN_MAX];

	table_add(t, n ? style : STYLE_PLAIN, human_count(n, x));
}

static void add_counts(const struct backtest_report *r, struct table *t, const struct backtest_count *would, const struct backtest_count *were)
{
	char x[HUMAN_MAX];

	add_number(t, would->raised, STYLE_BOLD);
	add_number(t, were->raised, STYLE_PLAIN);
	table_addf(t, STYLE_PLAIN, "%.1f", (double)would->raised / r->days);
	add_number(t, were->alone, STYLE_RED);
	add_number(t, would->alone, STYLE_YELLOW);
	add_number(t, would->again, STYLE_PLAIN);
	table_add(t, STYLE_PLAIN, would->longest_ms || would->raised ? human_span(would->longest_ms, x) : "");
	table_add(t, STYLE_PLAIN, would->at_end ? "yes" : "");
}

static void add_hidden(struct table *t, bool judged, int64_t doubts)
{
	char x[HUMAN_MAX];

	table_add(t, STYLE_PLAIN, !judged ? "?" : doubts ? human_count(doubts, x) : "");
}

#define COUNT_COLUMNS { "WOULD", true }, { "WERE", true }, { "A DAY", true }, { "MISSED", true }, { "NEW", true }, { "AGAIN", true }, { "LONGEST", true }, { "STANDS", false }, { "HIDDEN", true }

static void put_table(const struct backtest_report *r, struct table *t, const char *rest)
{
	if (!t) {
		r->run->out.failed = true;
		return;
	}
	if (table_rows(t)) {
		strbuf_putc(&r->run->out, '\n');
		table_put(t, &r->run->look, &r->run->out);
		strbuf_puts(&r->run->out, rest);
	}
	table_free(t);
}

static void put_rules(const struct backtest_report *r)
{
	static const struct table_column columns[] = { { "RULE", false }, { "CLASS", false }, COUNT_COLUMNS };
	struct table *t = table_new(columns, sizeof columns / sizeof *columns);
	const struct backtest *b = r->b;
	size_t quiet = 0;
	char rest[128] = "";

	for (size_t i = 0; t && i < b->o.n_rules; i++) {
		const struct rule_def *d = &b->o.rules[i];
		struct backtest_sum sum;
		backtest_sum(b, d, &sum);
		if (is_quiet(&sum.side[BACKTEST_WOULD]) && is_quiet(&sum.side[BACKTEST_WERE]) && !sum.doubts) {
			quiet += sum.alarms > 0;
			continue;
		}
		const char *c = report_class(b, d);
		table_add(t, STYLE_PLAIN, d->id);
		table_add(t, class_style(c), c);
		add_counts(r, t, &sum.side[BACKTEST_WOULD], &sum.side[BACKTEST_WERE]);
		add_hidden(t, report_is_judged(b, d), sum.doubts);
	}
	if (quiet)
		snprintf(rest, sizeof rest, "and %zu rule%s with nothing on either side\n", quiet, quiet == 1 ? "" : "s");
	put_table(r, t, rest);
}

static void put_alarms(const struct backtest_report *r)
{
	static const struct table_column columns[] = { { "ALARM", false }, COUNT_COLUMNS };
	struct table *t = table_new(columns, sizeof columns / sizeof *columns);
	char rest[128] = "", x[HUMAN_MAX];

	for (size_t i = 0; t && i < r->n_order && i < ALARMS_MAX; i++) {
		const struct backtest_alarm *a = r->order[i];
		table_add(t, STYLE_PLAIN, a->id);
		add_counts(r, t, &a->count[BACKTEST_WOULD], &a->count[BACKTEST_WERE]);
		add_hidden(t, !a->fixed || a->judged, a->doubts);
	}
	if (r->n_order > ALARMS_MAX)
		snprintf(rest, sizeof rest, "and %s more (--json has all)\n", human_count((int64_t)(r->n_order - ALARMS_MAX), x));
	put_table(r, t, rest);
}

static void put_alone(const struct backtest_report *r, enum backtest_side side, const char *title)
{
	static const struct table_column columns[] = { { "SINCE", false }, { "ALARM", false }, { "FOR", true } };
	struct table *t = table_new(columns, sizeof columns / sizeof *columns);
	struct backtest_sum sum;
	char x[HUMAN_MAX], rest[128] = "";

	backtest_sum(r->b, NULL, &sum);
	for (size_t i = 0; t && i < r->n_alone[side] && i < ALONE_MAX; i++) {
		const struct backtest_alone *o = &r->alone[side][i];
		table_add(t, STYLE_PLAIN, human_time(o->from_ms, x));
		table_add(t, STYLE_PLAIN, o->alarm->id);
		table_add(t, STYLE_PLAIN, o->to_ms == INT64_MAX ? "stands" : human_span(o->to_ms - o->from_ms, x));
	}
	if (sum.side[side].alone > ALONE_MAX)
		snprintf(rest, sizeof rest, "and %s more (--json has %d)\n", human_count(sum.side[side].alone - ALONE_MAX, x), REPORT_ALONE_MAX);
	if (t && table_rows(t))
		strbuf_printf(&r->run->out, "\n%s", title);
	put_table(r, t, rest);
}

static int by_chatter(const void *x, const void *y)
{
	const struct backtest_alarm *a = *(struct backtest_alarm *const *)x, *b = *(struct backtest_alarm *const *)y;
	int64_t m = a->count[BACKTEST_WOULD].chatter, n = b->count[BACKTEST_WOULD].chatter;

	return m != n ? (m > n ? -1 : 1) : strcmp(a->id, b->id);
}

static int by_doubts(const void *x, const void *y)
{
	const struct backtest_alarm *a = *(struct backtest_alarm *const *)x, *b = *(struct backtest_alarm *const *)y;

	return a->doubts != b->doubts ? (a->doubts > b->doubts ? -1 : 1) : strcmp(a->id, b->id);
}

static int64_t chatter_of(const struct backtest_alarm *a)
{
	return a->count[BACKTEST_WOULD].chatter;
}

static int64_t doubts_of(const struct backtest_alarm *a)
{
	return a->doubts;
}

/* "a.p/low 12 times, …": the worst of the alarms by `of`. r->order is left in another order. */
static void put_worst(const struct backtest_report *r, int (*order)(const void *, const void *), int64_t (*of)(const struct backtest_alarm *))
{
	char x[HUMAN_MAX];
	size_t n = 0;

	qsort(r->order, r->n_order, sizeof(void *), order);
	while (n < r->n_order && of(r->order[n]) > 0)
		n++;
	for (size_t i = 0; i < n && i < WORST_MAX; i++)
		strbuf_printf(&r->run->out, "%s%s %s", i ? ", " : "", r->order[i]->id, times(of(r->order[i]), x));
	strbuf_puts(&r->run->out, n > WORST_MAX ? ", …\n" : "\n");
}

static void put_chatter(const struct backtest_report *r)
{
	struct backtest_sum sum;
	char x[HUMAN_MAX];

	backtest_sum(r->b, NULL, &sum);
	if (!sum.side[BACKTEST_WOULD].chatter && !sum.side[BACKTEST_WERE].chatter)
		return;
	strbuf_printf(&r->run->out, "\nChatter (the %drd time or more within a minute): would have been %s,", BACKTEST_CHATTER_N, human_count(sum.side[BACKTEST_WOULD].chatter, x));
	strbuf_printf(&r->run->out, " were %s%s", human_count(sum.side[BACKTEST_WERE].chatter, x), sum.side[BACKTEST_WOULD].chatter ? ": " : "\n");
	if (sum.side[BACKTEST_WOULD].chatter)
		put_worst(r, by_chatter, chatter_of);
}

static void put_not_judged(const struct backtest_report *r)
{
	const struct backtest *b = r->b;
	size_t n = 0;

	for (size_t i = 0; i < b->o.n_rules; i++)
		if (!report_is_judged(b, &b->o.rules[i]))
			strbuf_printf(&r->run->out, "%s%s", n++ ? ", " : "\nOf these rules' conditions nobody can tell what deadbands hide: ", b->o.rules[i].id);
	if (n)
		strbuf_putc(&r->run->out, '\n');
}

static void put_hidden(const struct backtest_report *r)
{
	struct strbuf *out = &r->run->out;
	struct backtest_sum sum;
	char x[HUMAN_MAX];

	backtest_sum(r->b, NULL, &sum);
	if (sum.doubts) {
		strbuf_printf(out, "\nHidden by deadbands: %s came within the deadband of a limit", human_plural((int64_t)r->hidden_points, "point", x));
		strbuf_printf(out, " %s. A crossing then was not stored, and may be missing above:\n", times(sum.doubts, x));
		put_worst(r, by_doubts, doubts_of);
	}
	put_not_judged(r);
}

static void put_others(const struct backtest_report *r)
{
	const struct backtest *b = r->b;
	char x[HUMAN_MAX];

	if (r->run->args.n_words)
		return;
	for (size_t i = 0; i < b->n_others; i++)
		strbuf_printf(&r->run->out, "%s%s (%s)", i ? ", " : "\nNot compared, as the rule is not among these or its point is gone: ", b->others[i].rule,
		              human_count(b->others[i].raised, x));
	if (b->n_others)
		strbuf_putc(&r->run->out, '\n');
}

void report_put(const struct backtest_report *r)
{
	put_summary(r);
	put_busiest(r);
	put_rules(r);
	put_alarms(r);
	put_alone(r, BACKTEST_WERE, "Were raised, and would not have come:");
	put_alone(r, BACKTEST_WOULD, "Would have come, and were not raised:");
	put_chatter(r);
	put_hidden(r);
	put_others(r);
}
