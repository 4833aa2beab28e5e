#include "core/clock.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#define MS_PER_S   INT64_C(1000)
#define MS_PER_DAY INT64_C(86400000)
/* RFC 3339 has years of four digits; a day is left at both ends for the zone. */
#define WALL_MIN_MS (INT64_C(-62167219200000) + MS_PER_DAY) /* 0000-01-02 */
#define WALL_MAX_MS (INT64_C(253402300799999) - MS_PER_DAY) /* 9999-12-30 */
#define DURATION_MAX_MS (100 * 365 * MS_PER_DAY)

struct stamp clock_shift(struct stamp s, int64_t by_ns)
{
	int64_t half = by_ns < 0 ? -CLOCK_NS_PER_MS / 2 : CLOCK_NS_PER_MS / 2;

	s.mono_ns += by_ns;
	s.wall_ms += by_ns / CLOCK_NS_PER_MS + (by_ns % CLOCK_NS_PER_MS + half) / CLOCK_NS_PER_MS;
	return s;
}

char *clock_format(int64_t wall_ms, char *buf)
{
	struct tm tm;

	if (wall_ms < WALL_MIN_MS)
		wall_ms = WALL_MIN_MS;
	if (wall_ms > WALL_MAX_MS)
		wall_ms = WALL_MAX_MS;
	int64_t ms = wall_ms % MS_PER_S;
	if (ms < 0)
		ms += MS_PER_S;
	time_t seconds = (time_t)((wall_ms - ms) / MS_PER_S);
	/* A zone's early history has offsets with seconds, which the format cannot carry: take whole minutes, and the local time that goes
	 * with them. */
	long zone_min = localtime_r(&seconds, &tm) ? tm.tm_gmtoff / 60 : 0;
	time_t local = seconds + zone_min * 60;
	gmtime_r(&local, &tm);
	int n = snprintf(buf, CLOCK_TEXT_MAX, "%04d-%02d-%02dT%02d:%02d:%02d.%03d", tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday,
	                 tm.tm_hour, tm.tm_min, tm.tm_sec, (int)ms);
	unsigned abs_min = (unsigned)(zone_min < 0 ? -zone_min : zone_min);
	if (n > 0 && n < CLOCK_TEXT_MAX)
		snprintf(buf + n, (size_t)(CLOCK_TEXT_MAX - n), "%c%02u:%02u", zone_min < 0 ? '-' : '+', abs_min / 60 % 100, abs_min % 60);
	return buf;
}

char *clock_format_minute(int64_t wall_ms, char *buf)
{
	clock_format(wall_ms, buf);
	buf[10] = ' ';
	buf[16] = '\0';
	return buf;
}

/* Takes exactly n digits and moves on; false if they are not there. */
static bool take_digits(const char **s, int n, int *ret)
{
	int v = 0;

	for (int i = 0; i < n; i++) {
		char c = (*s)[i];
		if (c < '0' || c > '9')
			return false;
		v = v * 10 + (c - '0');
	}
	*s += n;
	*ret = v;
	return true;
}

static bool take_char(const char **s, char c)
{
	if (**s != c)
		return false;
	(*s)++;
	return true;
}

static int days_in_month(int year, int month)
{
	static const int days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };

	if (month == 2 && year % 4 == 0 && (year % 100 != 0 || year % 400 == 0))
		return 29;
	return days[month - 1];
}

/* ".123": milliseconds, further digits cut off. Nothing there: 0. */
static bool take_fraction(const char **s, int *ret_ms)
{
	int weight = 100;

	*ret_ms = 0;
	if (**s != '.')
		return true;
	(*s)++;
	if (**s < '0' || **s > '9')
		return false;
	for (; **s >= '0' && **s <= '9'; (*s)++) {
		*ret_ms += (**s - '0') * weight;
		weight /= 10;
	}
	return true;
}

/* "Z" or "+08:00": minutes east of Greenwich. */
static bool take_zone(const char **s, int *ret_min)
{
	int hours, minutes;
	char sign = **s;

	if (sign == 'Z' || sign == 'z') {
		(*s)++;
		*ret_min = 0;
		return true;
	}
	if (sign != '+' && sign != '-')
		return false;
	(*s)++;
	if (!take_digits(s, 2, &hours) || !take_char(s, ':') || !take_digits(s, 2, &minutes) || hours > 23 || minutes > 59)
		return false;
	*ret_min = (hours * 60 + minutes) * (sign == '-' ? -1 : 1);
	return true;
}

int clock_parse(const char *text, int64_t *ret_wall_ms)
{
	struct tm tm = { 0 };
	int year, month, zone_min, ms;
	const char *s = text;

	if (!take_digits(&s, 4, &year) || !take_char(&s, '-') || !take_digits(&s, 2, &month) || !take_char(&s, '-') ||
	    !take_digits(&s, 2, &tm.tm_mday))
		return -1;
	if (!take_char(&s, 'T') && !take_char(&s, 't'))
		return -1;
	if (!take_digits(&s, 2, &tm.tm_hour) || !take_char(&s, ':') || !take_digits(&s, 2, &tm.tm_min) || !take_char(&s, ':') ||
	    !take_digits(&s, 2, &tm.tm_sec))
		return -1;
	if (!take_fraction(&s, &ms) || !take_zone(&s, &zone_min) || *s != '\0')
		return -1;
	if (month < 1 || month > 12 || tm.tm_mday < 1 || tm.tm_mday > days_in_month(year, month))
		return -1;
	if (tm.tm_hour > 23 || tm.tm_min > 59 || tm.tm_sec > 60)
		return -1;
	bool leap_second = tm.tm_sec == 60;
	tm.tm_year = year - 1900;
	tm.tm_mon = month - 1;
	int64_t seconds = (int64_t)timegm(&tm) - zone_min * 60;
	/* A leap second stands at the end of a day in UTC, nowhere else; it counts as the second that follows it. */
	if (leap_second && seconds % (MS_PER_DAY / MS_PER_S) != 0)
		return -1;
	*ret_wall_ms = seconds * MS_PER_S + ms;
	return 0;
}

struct duration_unit {
	const char *name;
	int64_t     ms;
};

/* From the longest, so that the first that divides a duration gives its shortest text. */
static const struct duration_unit duration_units[] = {
	{ "y", 365 * MS_PER_DAY }, { "d", MS_PER_DAY }, { "h", 3600000 }, { "m", 60000 }, { "s", 1000 }, { "ms", 1 },
};
#define N_DURATION_UNITS (sizeof duration_units / sizeof duration_units[0])

int clock_parse_duration(const char *text, int64_t *ret_ms)
{
	int64_t v = 0;
	const char *s = text;

	if (*s < '0' || *s > '9')
		return -1;
	for (; *s >= '0' && *s <= '9'; s++) {
		v = v * 10 + (*s - '0');
		if (v > DURATION_MAX_MS)
			return -1;
	}
	if (*s == '\0' && v == 0) {
		*ret_ms = 0;
		return 0;
	}
	for (size_t i = 0; i < N_DURATION_UNITS; i++) {
		if (strcmp(s, duration_units[i].name) != 0)
			continue;
		if (v > DURATION_MAX_MS / duration_units[i].ms)
			return -1;
		*ret_ms = v * duration_units[i].ms;
		return 0;
	}
	return -1;
}

char *clock_format_duration(int64_t ms, char *buf)
{
	size_t i = 0;

	while (ms % duration_units[i].ms != 0)
		i++;
	if (ms == 0)
		snprintf(buf, CLOCK_TEXT_MAX, "0");
	else
		snprintf(buf, CLOCK_TEXT_MAX, "%lld%s", (long long)(ms / duration_units[i].ms), duration_units[i].name);
	return buf;
}
