/* Charts of readings: what is drawn, what is a gap, and what is said beside it. */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "gateway/cli/human.h"
#include "gateway/cli/plot_inside.h"
#include "gateway/cli/width.h"

#include <float.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define T0  INT64_C(1795485600000) /* 2026-11-24T10:00:00+08:00 */
#define MIN INT64_C(60000)
#define H   (60 * MIN)

static struct plot_about about(void)
{
	return (struct plot_about){ .id = "a.p", .name = "", .unit = "MPa", .limits = { NAN, NAN, NAN, NAN } };
}

static struct plot_frame frame(int64_t span_ms)
{
	return (struct plot_frame){ .from_ms = T0, .to_ms = T0 + span_ms, .now_ms = T0 + 365 * 24 * H, .height = 10, .is_ascii = true };
}

struct sheet {
	struct plot_frame f;
	struct plot_about a;
	struct plot      *p;
	struct strbuf     out;
};

static void open_sheet(struct sheet *s, struct plot_frame f, struct plot_about a, int64_t gap_ms)
{
	*s = (struct sheet){ .f = f, .a = a };
	plot_frame_room(&s->f, &s->a);
	plot_frame_end(&s->f, 80);
	s->p = plot_new(&s->f, &s->a, gap_ms);
	assert_non_null(s->p);
}

static const char *draw(struct sheet *s)
{
	plot_end(s->p);
	plot_put(s->p, &s->out);
	assert_false(s->out.failed);
	for (const char *line = s->out.data; *line; line = strchr(line, '\n') + 1) {
		char copy[512];
		snprintf(copy, sizeof copy, "%.*s", (int)strcspn(line, "\n"), line);
		if (width_of(copy) > 80 && !strstr(copy, "worst quality"))
			fail_msg("too wide: %s", copy);
	}
	return s->out.data;
}

static void close_sheet(struct sheet *s)
{
	plot_free(s->p);
	strbuf_done(&s->out);
}

#define has(text, part)                                       \
	do {                                                  \
		if (!strstr(text, part))                      \
			fail_msg("no '%s' in\n%s", part, text); \
	} while (0)
#define has_not(text, part)                                \
	do {                                               \
		if (strstr(text, part))                    \
			fail_msg("'%s' in\n%s", part, text); \
	} while (0)

/* How many dot columns have a value. */
static size_t drawn(const struct plot *p, size_t first, size_t last)
{
	size_t n = 0;

	for (size_t i = first; i < last; i++)
		n += isnan(p->columns[i].min) ? 0 : 1;
	return n;
}

static void a_flat_line_goes_from_end_to_end(void **state)
{
	struct sheet s;

	(void)state;
	open_sheet(&s, frame(H), about(), 30 * MIN);
	for (int i = -1; i < 6; i++)
		plot_add(s.p, T0 + i * 10 * MIN, 0.35, QUALITY_GOOD);
	const char *text = draw(&s);
	assert_int_equal(drawn(s.p, 0, s.p->n), s.p->n);
	has(text, "a.p  MPa  min 0.35  mean 0.35  max 0.35  last 0.35  worst quality: good\n");
	has_not(text, "quality |");
	assert_int_equal(s.p->n, 2 * (80 - 11 - 2));
	close_sheet(&s);
}

static void one_reading_is_seen(void **state)
{
	struct sheet s;
	struct plot_frame f = frame(H);

	(void)state;
	open_sheet(&s, f, about(), MIN);
	plot_add(s.p, T0 + 30 * MIN, -7.5, QUALITY_GOOD);
	const char *text = draw(&s);
	assert_int_equal(drawn(s.p, 0, s.p->n), 1);
	assert_true(s.p->columns[0].unknown && s.p->columns[s.p->n - 1].unknown);
	has(text, "min -7.5  mean -7.5  max -7.5  last -7.5");
	close_sheet(&s);
	/* And the latest one at the very end, as there is nothing behind now. */
	f.now_ms = f.to_ms = T0 + 30 * MIN + 1;
	open_sheet(&s, f, about(), MIN);
	plot_add(s.p, T0 + 30 * MIN, 3, QUALITY_GOOD);
	draw(&s);
	assert_int_equal(drawn(s.p, s.p->n - 1, s.p->n), 1);
	close_sheet(&s);
}

static void nothing_is_said(void **state)
{
	struct sheet s;

	(void)state;
	open_sheet(&s, frame(H), about(), MIN);
	has(draw(&s), "no values in that time");
	close_sheet(&s);
	open_sheet(&s, frame(H), about(), H);
	plot_add(s.p, T0, NAN, QUALITY_GOOD);
	plot_add(s.p, T0 + MIN, INFINITY, QUALITY_GOOD);
	has(draw(&s), "no numbers in that time: texts are not drawn");
	close_sheet(&s);
}

static void a_gap_is_a_gap(void **state)
{
	struct sheet s;
	size_t n;

	(void)state;
	/* Silence in between, and at the end. */
	open_sheet(&s, frame(10 * H), about(), H);
	for (int i = 0; i < 8; i++)
		if (i < 3 || i > 5)
			plot_add(s.p, T0 + i * H, 1, QUALITY_GOOD);
	const char *text = draw(&s);
	n = s.p->n;
	assert_int_equal(drawn(s.p, 0, n / 5), n / 5);
	assert_int_equal(drawn(s.p, n / 4, n * 11 / 20), 0);
	assert_int_equal(drawn(s.p, n * 61 / 100, n * 7 / 10), n * 7 / 10 - n * 61 / 100);
	assert_int_equal(drawn(s.p, n * 3 / 4, n), 0);
	has(text, "quality |");
	has(text, "...");
	has(text, "worst quality: good");
	close_sheet(&s);
	/* What was not good, with a beginning before the chart. */
	open_sheet(&s, frame(10 * H), about(), 20 * H);
	plot_add(s.p, T0 - H, NAN, QUALITY_STALE);
	plot_add(s.p, T0 + 2 * H, 1, QUALITY_GOOD);
	plot_add(s.p, T0 + 5 * H, 99, QUALITY_COMM); /* no value, whatever stands there */
	text = draw(&s);
	assert_int_equal(drawn(s.p, 0, n / 5 - 1), 0);
	assert_int_equal(drawn(s.p, n / 5 + 1, n / 2 - 1), n / 2 - n / 5 - 2);
	assert_int_equal(drawn(s.p, n / 2 + 1, n), 0);
	has(text, "xxxxxx");
	has_not(text, "x.");
	has(text, "max 1 ");
	has(text, "worst quality: stale");
	close_sheet(&s);
}

static void nothing_is_drawn_behind_now(void **state)
{
	struct sheet s;
	struct plot_frame f = frame(10 * H);

	(void)state;
	f.now_ms = T0 + 5 * H;
	open_sheet(&s, f, about(), 20 * H);
	plot_add(s.p, T0, 1, QUALITY_GOOD);
	draw(&s);
	assert_int_equal(drawn(s.p, 0, s.p->n), s.p->n / 2);
	assert_false(s.p->columns[s.p->n - 1].unknown);
	close_sheet(&s);
}

static void a_spike_in_100000_is_seen(void **state)
{
	struct sheet s;

	(void)state;
	open_sheet(&s, frame(100000 * 1000), about(), MIN);
	for (int i = 0; i < 100000; i++)
		plot_add(s.p, T0 + i * 1000, i == 77777 ? 9 : 1 + (i % 10) / 100.0, QUALITY_GOOD);
	const char *text = draw(&s);
	size_t high = 0;
	for (size_t i = 0; i < s.p->n; i++)
		high += s.p->columns[i].max == 9 ? 1 : 0;
	assert_int_equal(high, 1);
	has(text, "max 9 ");
	has(text, "10 +");
	assert_non_null(strchr(strstr(text, "10 +") + 4, '|')); /* it stands up to the top */
	close_sheet(&s);
}

static void means_are_weighed_by_time(void **state)
{
	struct sheet s;

	(void)state;
	open_sheet(&s, frame(10 * H), about(), 20 * H);
	plot_add(s.p, T0, 0, QUALITY_GOOD);
	plot_add(s.p, T0 + 9 * H, 10, QUALITY_GOOD);
	has(draw(&s), "min 0  mean 1  max 10  last 10");
	close_sheet(&s);
}

static void spans_are_drawn_from_lowest_to_highest(void **state)
{
	struct sheet s;
	size_t n;

	(void)state;
	open_sheet(&s, frame(10 * H), about(), 3 * H);
	plot_add_span(s.p, &(struct plot_span){ T0, H, -5, 20, 4, 3, QUALITY_GOOD });
	plot_add_span(s.p, &(struct plot_span){ T0 + 3 * H, H, 2, 2, 2, 2, QUALITY_COMM });
	plot_add_span(s.p, &(struct plot_span){ T0 + 5 * H, H, NAN, NAN, NAN, NAN, QUALITY_STALE });
	has(draw(&s), "min -5  mean 3  max 20  last 2  worst quality: stale");
	n = s.p->n;
	assert_true(s.p->columns[n / 20].min == -5 && s.p->columns[n / 20].max == 20);
	assert_true(s.p->columns[n / 5].min == 3 && s.p->columns[n / 5].max == 3); /* holds */
	assert_int_equal(drawn(s.p, n * 42 / 100, n), 0); /* a span that was not all good: nobody knows how it ended */
	close_sheet(&s);
}

static void states_have_words(void **state)
{
	static const double levels[] = { 0, 1, 7 };
	static const char *const labels[] = { "停止", "running", "fault" };
	struct plot_about a = about();
	struct sheet s;

	(void)state;
	a.unit = "";
	a.levels = levels;
	a.labels = labels;
	a.n_levels = 3;
	open_sheet(&s, frame(H), a, H);
	plot_add(s.p, T0, 0, QUALITY_GOOD);
	plot_add(s.p, T0 + 30 * MIN, 7, QUALITY_GOOD);
	const char *text = draw(&s);
	has(text, "   停止 +");
	has(text, "running +");
	has(text, "  fault +");
	has(text, "last fault (7)  worst");
	has_not(text, "mean");
	close_sheet(&s);
	/* A number without a word is no step. */
	open_sheet(&s, frame(H), a, H);
	plot_add(s.p, T0, 3, QUALITY_GOOD);
	has(draw(&s), "no numbers");
	assert_true(s.p->columns[s.p->n / 2].unknown);
	close_sheet(&s);
	/* Without words it is 0 and 1, also if it was never 1. */
	a.n_levels = 0;
	open_sheet(&s, frame(H), a, H);
	plot_add(s.p, T0, 0, QUALITY_GOOD);
	text = draw(&s);
	has(text, "  1 +");
	has(text, "  0 +");
	has_not(text, "0.5");
	close_sheet(&s);
}

static void limits_are_lines_or_arrows(void **state)
{
	struct plot_about a = about();
	struct sheet s;

	(void)state;
	a.limits[1] = 0.2;
	a.limits[2] = 0.5;
	a.limits[3] = 60;
	open_sheet(&s, frame(H), a, H);
	plot_add(s.p, T0, 0.25, QUALITY_GOOD);
	plot_add(s.p, T0 + 10 * MIN, 0.45, QUALITY_GOOD);
	const char *text = draw(&s);
	has(text, " low 0.2\n");
	has(text, " high 0.5\n");
	has(text, " ^high2 60\n");
	has_not(text, "60 +");
	close_sheet(&s);
	/* Two on one row: both are named. */
	a = about();
	a.limits[2] = 0.5;
	a.limits[3] = 0.501;
	open_sheet(&s, frame(H), a, H);
	plot_add(s.p, T0, 0.1, QUALITY_GOOD);
	plot_add(s.p, T0 + 10 * MIN, 0.9, QUALITY_GOOD);
	text = draw(&s);
	has(text, "high 0.5\n");
	has(text, "high2 0.501\n");
	close_sheet(&s);
}

/* What is on the chart keeps at least half of it, whatever the limits are. */
static void limits_do_not_squash(void **state)
{
	struct plot_scale s;

	(void)state;
	srand(1);
	for (int i = 0; i < 20000; i++) {
		double a = rand() / (double)RAND_MAX, b = a + rand() / (double)RAND_MAX + 1e-3, limits[4];
		for (int k = 0; k < 4; k++)
			limits[k] = k == rand() % 4 ? NAN : a + (b - a) * (rand() / (double)RAND_MAX * 8 - 3.5);
		struct plot_scale bare;
		plot_scale_fit(&bare, a, b, limits, 0, false, 10);
		plot_scale_fit(&s, a, b, limits, 4, false, 10);
		assert_true(s.lo <= a && s.hi >= b);
		assert_true(b - a >= (s.hi - s.lo) / 2 || (s.lo == bare.lo && s.hi == bare.hi));
		assert_true(s.n >= 1 && s.n <= 16);
	}
}

static void any_range_has_an_axis(void **state)
{
	static const double ranges[][2] = {
		{ 0, 0 },           { -1, 1 },         { -DBL_MAX, DBL_MAX }, { 0, DBL_MAX },     { DBL_MAX, DBL_MAX }, { 0, 5e-324 },      { 1e-310, 2e-310 },
		{ 1e9, 1e9 + 1e-6 }, { 123456.7, 123456.8 }, { -0.003, -0.001 }, { 1e15, 1e15 + 1 }, { -1e-12, 1e-12 },    { 65534, 65535 },    { -40, -39.5 },
		{ 1e100, 1.001e100 }, { -5e-324, DBL_MAX },
	};
	static const size_t heights[] = { 2, 3, 10, 200 };

	(void)state;
	for (size_t i = 0; i < sizeof ranges / sizeof *ranges; i++) {
		for (size_t k = 0; k < 4; k++) {
			for (int whole = 0; whole < 2; whole++) {
				struct plot_scale s;
				plot_scale_fit(&s, ranges[i][0], ranges[i][1], ranges[i], 2, whole, heights[k]);
				assert_true(isfinite(s.lo) && isfinite(s.hi) && s.lo < s.hi && s.step > 0 && s.n < 100);
				for (unsigned t = 0; t <= s.n; t++) {
					char label[PLOT_TEXT] = "";
					plot_scale_label(&s, t, 11, label);
					if (!label[0] || strlen(label) > 11)
						fail_msg("range %zu: label '%s'", i, label);
				}
			}
		}
		struct sheet s;
		struct plot_about a = about();
		a.limits[0] = ranges[i][0];
		a.limits[3] = ranges[i][1];
		open_sheet(&s, frame(H), a, H);
		plot_add(s.p, T0, ranges[i][0], QUALITY_GOOD);
		plot_add(s.p, T0 + 10 * MIN, ranges[i][1], QUALITY_GOOD);
		draw(&s);
		close_sheet(&s);
	}
}

static void ticks_are_round(void **state)
{
	struct plot_scale s;
	char label[PLOT_TEXT];

	(void)state;
	plot_scale_fit(&s, 0.3, 0.61, NULL, 0, false, 10);
	assert_int_equal(s.n, 4);
	plot_scale_label(&s, 0, 11, label);
	assert_string_equal(label, "0.3"); /* not 0.2, though 0.3 ÷ 0.1 is below 3 */
	plot_scale_label(&s, 4, 11, label);
	assert_string_equal(label, "0.7");
	plot_scale_fit(&s, -1.2, 0.7, NULL, 0, false, 10);
	plot_scale_label(&s, 3, 11, label);
	assert_string_equal(label, "0.0"); /* not -0.0 */
	plot_scale_fit(&s, 3, 4, NULL, 0, true, 10);
	assert_true(s.step == 1);
}

static void times(int64_t span_ms, const char *expected)
{
	struct plot_tick ticks[64];
	char text[1024] = "";
	size_t n = plot_time_ticks(T0 + 1, T0 + span_ms, 60, ticks, 64);

	for (size_t i = 0; i < n; i++) {
		assert_true(ticks[i].column < 60 && (i == 0 || ticks[i].column > ticks[i - 1].column + strlen(ticks[i - 1].text) / 2));
		snprintf(text + strlen(text), sizeof text - strlen(text), "%s%s", i ? "|" : "", ticks[i].text);
	}
	if (strncmp(text, expected, strlen(expected)) != 0)
		fail_msg("%s, not %s", text, expected);
}

static void times_are_round_and_local(void **state)
{
	(void)state;
	setenv("TZ", "Asia/Shanghai", 1);
	tzset();
	times(10000, "11-24 10:00:02|10:00:04|");
	times(H, "11-24 10:10|10:20|10:30|");
	times(24 * H, "11-24 12:00|18:00|11-25|06:00");
	times(7 * 24 * H, "11-25|11-26|11-27|");
	times(400 * 24 * H, "2026-");
	times(40000 * 24 * H, "20");
	/* A day of 23 hours: the ticks are where the clock on the wall says so. */
	setenv("TZ", "Europe/Berlin", 1);
	tzset();
	struct plot_tick ticks[64];
	int64_t from = INT64_C(1774738800000); /* 2026-03-29T00:00+01:00 */
	size_t n = plot_time_ticks(from, from + 24 * H, 60, ticks, 64);
	assert_true(n > 3);
	for (size_t i = 1; i < n; i++) {
		const char *colon = strchr(ticks[i].text, ':');
		assert_true(!colon || atoi(ticks[i].text) % 3 == 0);
	}
	setenv("TZ", "UTC", 1);
	tzset();
}

static void braille_where_the_terminal_can(void **state)
{
	struct sheet s;
	struct plot_frame f = frame(H);

	(void)state;
	f.is_ascii = false;
	f.look.color = true;
	open_sheet(&s, f, about(), H);
	plot_add(s.p, T0, 1, QUALITY_GOOD);
	plot_add(s.p, T0 + 30 * MIN, NAN, QUALITY_COMM);
	plot_end(s.p);
	plot_put(s.p, &s.out);
	has(s.out.data, "┤");
	has(s.out.data, "▒");
	has(s.out.data, "\xE2\xA0"); /* U+28.. */
	has(s.out.data, "\033[");
	close_sheet(&s);
}

static void means_have_the_precision_of_the_data(void **state)
{
	static const struct { double min, max, mean; const char *expected; } rows[] = {
		{ 0.35, 0.45, 0.40123456789012345, "0.4012" }, { 0.1, 0.1, 0.1, "0.1" },          { 0, 1, 1.0 / 3, "0.333" },
		{ 10, 20, 14.999999999999998, "15" },          { 1000.5, 2, 123.45678901, "123.4568" }, { -1.5, 2.25, -0.0123456, "-0.012346" },
		{ 65535, 65535, 65535, "65535" },              { 1e300, 2e300, 1.23456e300, "1.23e300" },
	};
	char buf[HUMAN_MAX];

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		human_mean(rows[i].min, rows[i].max, rows[i].mean, buf);
		if (strtod(buf, NULL) != strtod(rows[i].expected, NULL) || strlen(buf) > strlen(rows[i].expected) + 1)
			fail_msg("%s, not %s", buf, rows[i].expected);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_flat_line_goes_from_end_to_end),
		cmocka_unit_test(one_reading_is_seen),
		cmocka_unit_test(nothing_is_said),
		cmocka_unit_test(a_gap_is_a_gap),
		cmocka_unit_test(nothing_is_drawn_behind_now),
		cmocka_unit_test(a_spike_in_100000_is_seen),
		cmocka_unit_test(means_are_weighed_by_time),
		cmocka_unit_test(spans_are_drawn_from_lowest_to_highest),
		cmocka_unit_test(states_have_words),
		cmocka_unit_test(limits_are_lines_or_arrows),
		cmocka_unit_test(limits_do_not_squash),
		cmocka_unit_test(any_range_has_an_axis),
		cmocka_unit_test(ticks_are_round),
		cmocka_unit_test(times_are_round_and_local),
		cmocka_unit_test(braille_where_the_terminal_can),
		cmocka_unit_test(means_have_the_precision_of_the_data),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
