/* Months of the site's calendar. */
#include "gateway/report_inside.h"

#include "core/clock.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

/* The first moment of a day; days beyond the month are the next month's. */
static int64_t day_begin(int year, int month, int day)
{
	struct tm tm = { .tm_year = year - 1900, .tm_mon = month - 1, .tm_mday = day, .tm_isdst = -1 };

	return (int64_t)mktime(&tm) * 1000;
}

static int days_of(int year, int month)
{
	static const int days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };

	return month == 2 && year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) ? 29 : days[month - 1];
}

static void fill(int year, int month, struct report_month *ret)
{
	ret->year = year;
	ret->month = month;
	ret->n_days = days_of(year, month);
	for (int d = 0; d <= ret->n_days; d++)
		ret->day_ms[d] = day_begin(year, month, d + 1);
	ret->from_ms = ret->day_ms[0];
	ret->to_ms = ret->day_ms[ret->n_days];
}

int report_month_parse(const char *text, struct report_month *ret, struct err *reterr)
{
	int year = 0, month = 0;
	bool ok = strlen(text) == 7 && text[4] == '-';

	for (int i = 0; ok && i < 7; i++) {
		if (i == 4)
			continue;
		ok = text[i] >= '0' && text[i] <= '9';
		*(i < 4 ? &year : &month) = *(i < 4 ? &year : &month) * 10 + (text[i] - '0');
	}
	if (!ok || year < 1970 || month < 1 || month > 12)
		return err_set(reterr, ERR_INVALID, "'%.40s' is no month: write year and month, as in 2026-11", text);
	fill(year, month, ret);
	return 0;
}

void report_month_at(int64_t at_ms, struct report_month *ret)
{
	time_t t = (time_t)(at_ms / 1000);
	struct tm tm = { .tm_year = 70 };

	localtime_r(&t, &tm);
	fill(tm.tm_year + 1900, tm.tm_mon + 1, ret);
}

void report_month_before(const struct report_month *m, struct report_month *ret)
{
	int year = m->month == 1 ? m->year - 1 : m->year, month = m->month == 1 ? 12 : m->month - 1;

	fill(year, month, ret);
}

int64_t report_month_next_day(const struct report_month *m, int64_t now_ms, int64_t into_ms)
{
	int d = 0;

	while (d < m->n_days && m->day_ms[d] + into_ms <= now_ms)
		d++;
	return m->day_ms[d] + into_ms;
}

char *report_month_text(const struct report_month *m, char buf[REPORT_MONTH_TEXT])
{
	snprintf(buf, REPORT_MONTH_TEXT, "%04u-%02u", (unsigned)m->year % 10000, (unsigned)m->month % 100);
	return buf;
}

int report_month_check(const struct report_month *m, int64_t oldest_ms, int64_t now_ms, struct err *reterr)
{
	struct report_month oldest, now;
	char text[REPORT_MONTH_TEXT], first[REPORT_MONTH_TEXT], last[REPORT_MONTH_TEXT];

	if (!oldest_ms)
		return err_set(reterr, ERR_NOT_FOUND, "there is no event yet: a report is made of events");
	report_month_at(oldest_ms, &oldest);
	report_month_at(now_ms > oldest_ms ? now_ms : oldest_ms, &now);
	report_month_text(m, text);
	report_month_text(&oldest, first);
	report_month_text(&now, last);
	if (m->from_ms > now_ms)
		return err_set(reterr, ERR_NOT_FOUND, "%s has not begun: there are events from %s to %s", text, first, last);
	if (m->to_ms <= oldest_ms)
		return err_set(reterr, ERR_NOT_FOUND, "%s lies before the oldest event that is kept: there are events from %s to %s", text, first, last);
	return 0;
}
