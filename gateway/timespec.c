#include "gateway/timespec.h"

#include "core/clock.h"

#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* Exactly `digits` digits; moves on. */
static bool take_digits(const char **at, int digits, int *ret)
{
	int v = 0;

	for (int i = 0; i < digits; i++) {
		if (!isdigit((unsigned char)(*at)[i]))
			return false;
		v = v * 10 + ((*at)[i] - '0');
	}
	*at += digits;
	*ret = v;
	return true;
}

static bool take_char(const char **at, char ch)
{
	if (**at != ch)
		return false;
	(*at)++;
	return true;
}

static bool take_date(const char **at, struct tm *tm)
{
	const char *p = *at;
	int year, month;

	if (!take_digits(&p, 4, &year) || !take_char(&p, '-') || !take_digits(&p, 2, &month) || !take_char(&p, '-') ||
	    !take_digits(&p, 2, &tm->tm_mday))
		return false;
	tm->tm_year = year - 1900;
	tm->tm_mon = month - 1;
	*at = p;
	return true;
}

/* HH:MM[:SS[.mmm]] */
static bool take_time(const char **at, struct tm *tm, int *ret_ms)
{
	const char *p = *at;
	int scale = 100;

	*ret_ms = 0;
	if (!take_digits(&p, 2, &tm->tm_hour) || !take_char(&p, ':') || !take_digits(&p, 2, &tm->tm_min))
		return false;
	if (take_char(&p, ':')) {
		if (!take_digits(&p, 2, &tm->tm_sec))
			return false;
		if (take_char(&p, '.')) {
			if (!isdigit((unsigned char)*p))
				return false;
			for (; isdigit((unsigned char)*p); p++, scale /= 10)
				*ret_ms += (*p - '0') * scale;
		}
	}
	*at = p;
	return true;
}

/* In the process's zone. An hour that a clock change skips becomes the one behind it. */
static int to_ms(const struct tm *given, int ms, int64_t *ret_ms)
{
	struct tm tm = *given;

	if (given->tm_mon < 0 || given->tm_mon > 11 || given->tm_mday < 1 || given->tm_hour > 23 || given->tm_min > 59 ||
	    given->tm_sec > 59)
		return -1;
	tm.tm_isdst = -1;
	errno = 0;
	time_t t = mktime(&tm);
	if ((t == -1 && errno) || tm.tm_mon != given->tm_mon || tm.tm_mday != given->tm_mday)
		return -1;
	*ret_ms = (int64_t)t * 1000 + ms;
	return 0;
}

static struct tm today(int64_t now_ms)
{
	time_t t = (time_t)(now_ms / 1000);
	struct tm tm = { 0 };

	localtime_r(&t, &tm);
	tm.tm_hour = tm.tm_min = tm.tm_sec = 0;
	return tm;
}

static int parse_written(const char *text, int64_t now_ms, int64_t *ret_ms)
{
	struct tm tm = { 0 };
	const char *p = text;
	int ms = 0;

	if (take_date(&p, &tm)) {
		if (*p && (!(take_char(&p, 'T') || take_char(&p, 't') || take_char(&p, ' ')) || !take_time(&p, &tm, &ms)))
			return -1;
	} else {
		tm = today(now_ms);
		if (!take_time(&p, &tm, &ms))
			return -1;
	}
	return *p ? -1 : to_ms(&tm, ms, ret_ms);
}

static int parse_word(const char *text, int64_t now_ms, int64_t *ret_ms)
{
	struct tm tm = today(now_ms);

	if (strcmp(text, "now") == 0) {
		*ret_ms = now_ms;
		return 0;
	}
	if (strcmp(text, "yesterday") == 0)
		tm.tm_mday--;
	else if (strcmp(text, "today") != 0)
		return -1;
	tm.tm_isdst = -1;
	*ret_ms = (int64_t)mktime(&tm) * 1000;
	return 0;
}

#define MINUTE_LEN 16 /* of 2026-11-24T10:00 */

/* With a zone: RFC 3339, where people also leave out the seconds, or write a space for the T. */
static int parse_zoned(const char *text, int64_t *ret_ms)
{
	char whole[48];
	size_t len = strlen(text);

	if (len <= MINUTE_LEN || len + sizeof ":00" > sizeof whole)
		return -1;
	const char *rest = text + MINUTE_LEN;
	snprintf(whole, sizeof whole, "%.*s%s%s", MINUTE_LEN, text, *rest == ':' ? "" : ":00", rest);
	if (whole[10] == ' ')
		whole[10] = 'T';
	return clock_parse(whole, ret_ms);
}

int timespec_parse(const char *text, int64_t now_ms, int64_t *ret_ms, struct err *reterr)
{
	int64_t ms;

	if (parse_word(text, now_ms, ret_ms) == 0)
		return 0;
	if (parse_zoned(text, &ms) == 0) {
		*ret_ms = ms;
		return 0;
	}
	if (clock_parse_duration(text, &ms) == 0) {
		*ret_ms = now_ms - ms;
		return 0;
	}
	if (parse_written(text, now_ms, &ms) == 0) {
		*ret_ms = ms;
		return 0;
	}
	return err_set(reterr, ERR_INVALID, "time '%s' is none: write " TIMESPEC_FORMS, text);
}
