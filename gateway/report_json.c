/* A report as one JSON object (docs/report.md). */
#include "gateway/report_inside.h"

#include "core/clock.h"

#include <stdio.h>
#include <string.h>

#define LISTS_LEAST 1

static void open_object(struct strbuf *out, const char *key)
{
	strbuf_json_key(out, key);
	strbuf_putc(out, '{');
}

static void close_object(struct strbuf *out)
{
	strbuf_putc(out, '}');
}

static void put_head(const struct report *r, const struct report_frame *f, struct strbuf *out)
{
	char month[REPORT_MONTH_TEXT];

	strbuf_puts(out, "{\"v\":1");
	report_put_text(out, "gateway", f->gateway);
	report_put_text(out, "node", f->node);
	report_put_text(out, "month", report_month_text(&r->month, month));
	report_put_text(out, "zone", f->zone && f->zone[0] ? f->zone : NULL);
	report_put_time(out, "from", r->from_ms);
	report_put_time(out, "to", r->to_ms);
	strbuf_puts(out, r->to_ms == r->month.to_ms ? ",\"complete\":true" : ",\"complete\":false");
	report_put_time(out, "at", r->now_ms);
	report_put_time(out, "first_event", r->first_ms);
	report_put_int(out, "events", (int64_t)r->n_events);
	report_put_int(out, "events_left_out", (int64_t)r->alarms_left_out);
}

/* ---- alarms ---- */

static void put_class(const struct report *r, unsigned c, struct strbuf *out)
{
	static const char *const words[REPORT_VERDICTS] = { "real", "false", "test", "drill" };

	report_put_text(out, "class", alarm_class_name((enum alarm_class)c));
	report_put_int(out, "raised", (int64_t)r->raised[c]);
	report_put_int(out, "reraised", (int64_t)r->reraised[c]);
	report_put_int(out, "escalated", (int64_t)r->escalated[c]);
	report_put_int(out, "hidden", (int64_t)r->hidden[c]);
	open_object(out, "verdicts");
	for (size_t v = 0; v < REPORT_VERDICTS; v++)
		report_put_int(out, words[v], (int64_t)r->verdicts[c][v]);
	report_put_int(out, "none", (int64_t)(r->times[MEASURE_VERIFY][c].never + r->times[MEASURE_VERIFY][c].waiting));
	close_object(out);
}

static void put_apart(const struct report *r, struct strbuf *out)
{
	for (size_t m = 0; m < 2; m++) {
		open_object(out, m ? "drill" : "test");
		for (unsigned c = 0; c < CLASS_COUNT; c++)
			if (r->apart[m][c])
				report_put_int(out, alarm_class_name((enum alarm_class)c), (int64_t)r->apart[m][c]);
		close_object(out);
	}
}

static void put_alarms(const struct report *r, const struct report_frame *f, struct strbuf *out)
{
	uint64_t raised = 0;

	for (unsigned c = 0; c < CLASS_COUNT; c++)
		raised += r->raised[c];
	open_object(out, "alarms");
	report_put_int(out, "raised", (int64_t)raised);
	strbuf_puts(out, ",\"classes\":[");
	for (unsigned c = 0; c < CLASS_COUNT; c++) {
		strbuf_puts(out, c ? ",{" : "{");
		put_class(r, c, out);
		strbuf_putc(out, '}');
	}
	strbuf_putc(out, ']');
	put_apart(r, out);
	report_put_causes(out, r, f->lists);
	close_object(out);
	report_put_tallies(out, "devices", &r->devices, "device", f->lists);
	report_put_tallies(out, "rules", &r->rules, "rule", f->lists);
	report_put_chatterers(out, r, f->lists < 50 ? f->lists : 50);
}

/* ---- times ---- */

static void put_times(const char *key, const struct times *t, bool acks, struct strbuf *out)
{
	open_object(out, key);
	report_put_int(out, "count", (int64_t)t->n);
	strbuf_json_key(out, "median_ms");
	strbuf_json_double(out, t->n ? (double)times_rank(t, 50) : (double)__builtin_nan(""));
	strbuf_json_key(out, "p90_ms");
	strbuf_json_double(out, t->n ? (double)times_rank(t, 90) : (double)__builtin_nan(""));
	strbuf_json_key(out, "max_ms");
	strbuf_json_double(out, t->n ? (double)t->max : (double)__builtin_nan(""));
	report_put_int(out, "never", (int64_t)t->never);
	report_put_int(out, "waiting", (int64_t)t->waiting);
	if (acks)
		report_put_int(out, "not_needed", (int64_t)t->unneeded);
	strbuf_puts(out, t->stride > 1 ? ",\"sampled\":true}" : "}");
}

/* Of all classes that call for a person, then by class. */
static void put_measure(const struct report *r, const char *key, enum measure m, struct strbuf *out)
{
	struct times all = { 0 };

	open_object(out, key);
	for (unsigned c = 0; c < ANNOUNCED; c++)
		if (times_join(&all, &r->times[m][c]))
			out->failed = true;
	put_times("all", &all, m == MEASURE_ACK, out);
	for (unsigned c = 0; c < CLASS_COUNT; c++) {
		const struct times *t = &r->times[m][c];
		if (t->n || t->never || t->waiting || t->unneeded)
			put_times(alarm_class_name((enum alarm_class)c), t, m == MEASURE_ACK, out);
	}
	times_done(&all);
	close_object(out);
}

static void put_all_times(const struct report *r, struct strbuf *out)
{
	open_object(out, "times");
	put_measure(r, "acknowledge", MEASURE_ACK, out);
	put_measure(r, "verify", MEASURE_VERIFY, out);
	put_measure(r, "return", MEASURE_RETURN, out);
	put_times("repair", &r->times[MEASURE_RETURN][CLASS_FAULT], false, out);
	close_object(out);
}

/* ---- availability ---- */

static void put_gateway(const struct report *r, struct strbuf *out)
{
	int64_t whole = r->to_ms - r->from_ms, offline = r->offline_ms[0] + r->offline_ms[1];

	open_object(out, "itself");
	report_put_int(out, "starts", (int64_t)r->transitions[TRANSITION_STARTED]);
	report_put_share(out, "share", whole - offline, whole);
	report_put_int(out, "offline_ms", offline);
	report_put_int(out, "longest_ms", r->offline_longest_ms);
	report_put_int(out, "stopped", (int64_t)r->offline_n[1]);
	report_put_int(out, "stopped_ms", r->offline_ms[1]);
	report_put_int(out, "died", (int64_t)r->offline_n[0]);
	report_put_int(out, "died_ms", r->offline_ms[0]);
	close_object(out);
}

static void put_availability(const struct report *r, const struct report_frame *f, struct strbuf *out)
{
	open_object(out, "availability");
	put_gateway(r, out);
	report_put_available(out, r, "devices", "device", "silent", f->lists);
	report_put_available(out, r, "lines", "bus", "down", f->lists);
	report_put_available(out, r, "hubs", "hub", "unreachable", f->lists);
	close_object(out);
	report_put_own(out, r, f->lists);
}

static void put_disablement(const struct report *r, const struct report_frame *f, struct strbuf *out)
{
	int64_t ms = 0;

	for (size_t i = 0; i < r->n_alarms; i++)
		if (r->alarms[i].class_ == CLASS_DISABLEMENT)
			ms += r->alarms[i].standing_ms;
	open_object(out, "disablement");
	report_put_int(out, "ms", ms);
	report_put_int(out, "tests", (int64_t)r->tests_n[0]);
	report_put_int(out, "tests_ms", r->tests_ms[0]);
	report_put_int(out, "drills", (int64_t)r->tests_n[1]);
	report_put_int(out, "drills_ms", r->tests_ms[1]);
	report_put_disabled(out, r, f->lists);
	report_put_beside(out, r, f->lists);
	close_object(out);
}

/* ---- people ---- */

static void put_duty(const struct report *r, const struct report_frame *f, struct strbuf *out)
{
	open_object(out, "duty");
	report_put_int(out, "checks", (int64_t)r->transitions[TRANSITION_DUTY_CHECK]);
	report_put_int(out, "answered", (int64_t)r->transitions[TRANSITION_DUTY_ANSWER]);
	report_put_int(out, "missed", (int64_t)r->transitions[TRANSITION_DUTY_MISSED]);
	report_put_int(out, "on", (int64_t)r->transitions[TRANSITION_DUTY_ON]);
	report_put_int(out, "off", (int64_t)r->transitions[TRANSITION_DUTY_OFF]);
	report_put_int(out, "handovers", (int64_t)r->transitions[TRANSITION_HANDOVER]);
	put_times("answer", &r->answers, false, out);
	if (f->people)
		report_put_people(out, r, f->lists);
	close_object(out);
}

/* ---- load ---- */

static void put_floods(const struct report *r, const struct report_frame *f, struct strbuf *out)
{
	size_t shown = r->n_floods < f->lists ? r->n_floods : f->lists;

	open_object(out, "floods");
	report_put_int(out, "n", (int64_t)r->floods_n);
	report_put_int(out, "ms", r->floods_ms);
	report_put_int(out, "longest_ms", r->flood_longest_ms);
	report_put_int(out, "left_out", (int64_t)(r->floods_n - shown));
	strbuf_puts(out, ",\"list\":[");
	for (size_t i = 0; i < shown; i++) {
		strbuf_puts(out, i ? ",{" : "{");
		report_put_time(out, "from", r->floods[i].from_ms);
		report_put_time(out, "to", r->floods[i].to_ms);
		strbuf_putc(out, '}');
	}
	strbuf_puts(out, "]}");
}

static void put_worst_day(const struct report *r, struct strbuf *out)
{
	uint64_t worst = 0;
	int day = -1;
	char text[40];

	for (int d = 0; d < r->month.n_days; d++) {
		uint64_t n = r->days[d][0] + r->days[d][1] + r->days[d][2] + r->days[d][3];
		if (n > worst) {
			worst = n;
			day = d;
		}
	}
	report_put_int(out, "worst_day", (int64_t)worst);
	snprintf(text, sizeof text, "%04d-%02d-%02d", r->month.year, r->month.month, day + 1);
	report_put_text(out, "worst_day_at", day < 0 ? NULL : text);
}

static void put_windows(const struct report *r, struct strbuf *out)
{
	int64_t begin = (r->from_ms - r->month.from_ms) / WINDOW_MS, end = (r->to_ms - r->month.from_ms + WINDOW_MS - 1) / WINDOW_MS, windows = end - begin, over = 0;
	size_t peak = 0;

	for (size_t w = 0; w < WINDOWS_MAX; w++) {
		over += r->windows[w] > WINDOW_MANY;
		peak = r->windows[w] > r->windows[peak] ? w : peak;
	}
	report_put_int(out, "windows", windows);
	report_put_int(out, "windows_over", over);
	report_put_share(out, "windows_over_share", over, windows);
	report_put_int(out, "peak", r->windows[peak]);
	report_put_time(out, "peak_at", r->windows[peak] ? r->month.from_ms + (int64_t)peak * WINDOW_MS : 0);
}

static void put_load(const struct report *r, const struct report_frame *f, struct strbuf *out)
{
	double days = (double)(r->to_ms - r->from_ms) / (double)STALE_MS;

	open_object(out, "load");
	report_put_int(out, "announced", (int64_t)r->announced);
	strbuf_json_key(out, "per_day");
	strbuf_json_double(out, days > 0 ? (double)r->announced / days : (double)__builtin_nan(""));
	put_worst_day(r, out);
	put_windows(r, out);
	report_put_standing(out, r, f->lists);
	close_object(out);
	put_floods(r, f, out);
}

static void put_charts(const struct report *r, struct strbuf *out)
{
	strbuf_puts(out, ",\"days\":[");
	for (int d = 0; d < r->month.n_days && r->month.day_ms[d] < r->to_ms; d++) {
		strbuf_printf(out, "%s{\"day\":%d", d ? "," : "", d + 1);
		for (unsigned c = 0; c < ANNOUNCED; c++)
			report_put_int(out, alarm_class_name((enum alarm_class)c), (int64_t)r->days[d][c]);
		strbuf_putc(out, '}');
	}
	strbuf_puts(out, "],\"hours\":[");
	for (int h = 0; h < 24; h++)
		strbuf_printf(out, "%s%llu", h ? "," : "", (unsigned long long)r->hours[h]);
	strbuf_putc(out, ']');
	open_object(out, "operations");
	for (unsigned t = TRANSITION_TEST_START; t < TRANSITION_COUNT; t++)
		if (r->transitions[t])
			report_put_int(out, transition_name((enum transition)t), (int64_t)r->transitions[t]);
	close_object(out);
}

void report_json(const struct report *r, const struct report_frame *f, struct strbuf *out)
{
	put_head(r, f, out);
	put_alarms(r, f, out);
	put_all_times(r, out);
	put_availability(r, f, out);
	put_disablement(r, f, out);
	put_duty(r, f, out);
	put_load(r, f, out);
	put_charts(r, out);
	strbuf_putc(out, '}');
}

void report_json_within(const struct report *r, const struct report_frame *f, size_t max, struct strbuf *out)
{
	struct report_frame cut = *f;

	for (;; cut.lists /= 2) {
		strbuf_reset(out);
		report_json(r, &cut, out);
		if (out->failed || out->len <= max || cut.lists <= LISTS_LEAST)
			return;
	}
}
