#include "gateway/cli/human.h"

#include "core/clock.h"
#include "gateway/cli/width.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define MS_PER_S INT64_C(1000)
#define MS_PER_MIN (60 * MS_PER_S)
#define MS_PER_H (60 * MS_PER_MIN)
#define MS_PER_D (24 * MS_PER_H)

char *human_count(int64_t n, char *buf)
{
	char digits[32];
	uint64_t mag = n < 0 ? 0 - (uint64_t)n : (uint64_t)n;
	int len = snprintf(digits, sizeof digits, "%llu", (unsigned long long)mag);
	char *out = buf;

	if (n < 0)
		*out++ = '-';
	for (int i = 0; i < len; i++) {
		if (i > 0 && (len - i) % 3 == 0)
			*out++ = ',';
		*out++ = digits[i];
	}
	*out = '\0';
	return buf;
}

char *human_size(int64_t bytes, char *buf)
{
	static const char *const units[] = { "KiB", "MiB", "GiB", "TiB", "PiB", "EiB" };
	double v = (double)bytes;
	size_t unit = 0;

	if (bytes < 1024) {
		snprintf(buf, HUMAN_MAX, "%lld B", (long long)bytes);
		return buf;
	}
	for (v /= 1024; v >= 1023.95 && unit + 1 < sizeof units / sizeof units[0]; v /= 1024)
		unit++;
	/* One decimal below a hundred, and none where it would be a nought. */
	int tenths = (int)(v * 10 + 0.5);
	snprintf(buf, HUMAN_MAX, v >= 99.95 || tenths % 10 == 0 ? "%.0f %s" : "%.1f %s", v, units[unit]);
	return buf;
}

static char *two(int64_t big, const char *big_unit, int64_t small, const char *small_unit, char *buf)
{
	if (small)
		snprintf(buf, HUMAN_MAX, "%lld %s %lld %s", (long long)big, big_unit, (long long)small, small_unit);
	else
		snprintf(buf, HUMAN_MAX, "%lld %s", (long long)big, big_unit);
	return buf;
}

char *human_span(int64_t ms, char *buf)
{
	if (ms < 0)
		ms = 0;
	if (ms < MS_PER_S)
		return two(ms, "ms", 0, "", buf);
	if (ms < MS_PER_MIN)
		return two(ms / MS_PER_S, "s", 0, "", buf);
	if (ms < MS_PER_H)
		return two(ms / MS_PER_MIN, "min", 0, "", buf);
	if (ms < MS_PER_D)
		return two(ms / MS_PER_H, "h", ms % MS_PER_H / MS_PER_MIN, "min", buf);
	return two(ms / MS_PER_D, "d", ms < 30 * MS_PER_D ? ms % MS_PER_D / MS_PER_H : 0, "h", buf);
}

char *human_ago(int64_t ms, char *buf)
{
	if (ms < MS_PER_S) {
		snprintf(buf, HUMAN_MAX, "now");
		return buf;
	}
	human_span(ms, buf);
	size_t len = strlen(buf);
	snprintf(buf + len, HUMAN_MAX - len, " ago");
	return buf;
}

char *human_number(double v, char *buf)
{
	struct strbuf text;

	strbuf_init_fixed(&text, buf, HUMAN_MAX);
	strbuf_json_double(&text, v);
	return buf;
}

char *human_value(double v, char *buf)
{
	struct strbuf text;

	strbuf_init_fixed(&text, buf, HUMAN_MAX);
	strbuf_short_double(&text, v);
	return buf;
}

/* Without leading noughts and the exponent. */
static int digits_of(double v)
{
	char text[HUMAN_MAX];
	int n = 0;

	human_number(v, text);
	for (const char *p = text; *p && *p != 'e'; p++)
		n += *p >= (n ? '0' : '1') && *p <= '9';
	return n;
}

char *human_mean(double min, double max, double mean, char *buf)
{
	int a = digits_of(min), b = digits_of(max), digits = (a > b ? a : b) + 2;
	char text[HUMAN_MAX];

	if (digits > 15)
		return human_number(mean, buf);
	snprintf(text, sizeof text, "%.*g", digits, mean);
	return human_number(strtod(text, NULL), buf);
}

char *human_time(int64_t wall_ms, char *buf)
{
	char text[CLOCK_TEXT_MAX];

	clock_format(wall_ms, text);
	snprintf(buf, HUMAN_MAX, "%.10s %.12s", text, text + 11);
	return buf;
}

char *human_zone(int64_t wall_ms, char *buf)
{
	time_t t = (time_t)(wall_ms / 1000);
	struct tm tm;
	long minutes = localtime_r(&t, &tm) ? tm.tm_gmtoff / 60 : 0, away = labs(minutes);

	snprintf(buf, HUMAN_MAX, "%c%02ld:%02ld", minutes < 0 ? '-' : '+', away / 60, away % 60);
	return buf;
}

char *human_plural(int64_t n, const char *noun, char *buf)
{
	char count[HUMAN_MAX];

	snprintf(buf, HUMAN_MAX, "%s %s%s", human_count(n, count), noun, n == 1 ? "" : noun[strlen(noun) - 1] == 's' ? "es" : "s");
	return buf;
}

void human_put(struct strbuf *out, const char *text)
{
	while (*text) {
		const char *before = text;
		uint32_t ch = width_next(&text);
		bool is_bidi = (ch >= 0x202A && ch <= 0x202E) || (ch >= 0x2066 && ch <= 0x2069);
		if (ch < 0x20 || (ch >= 0x7F && ch < 0xA0) || ch == 0xFFFD || is_bidi)
			strbuf_puts(out, "\xEF\xBF\xBD");
		else
			strbuf_put(out, before, (size_t)(text - before));
	}
}

void csv_put(struct strbuf *out, const char *text)
{
	bool formula = text[0] && strchr("=+-@\t\r\n", text[0]);

	if (!formula && !strpbrk(text, ",\"\r\n")) {
		strbuf_puts(out, text);
		return;
	}
	strbuf_puts(out, formula ? "\"'" : "\"");
	for (; *text; text++) {
		if (*text == '"')
			strbuf_putc(out, '"');
		strbuf_putc(out, *text);
	}
	strbuf_putc(out, '"');
}
