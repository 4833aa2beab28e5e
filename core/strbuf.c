#include "core/strbuf.h"

#include <assert.h>
#include <float.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_CAP 64
/* "-" + 17 digits + "." + "e-324", and a decimal point of several bytes in a strange locale. */
#define NUMBER_MAX 48

void strbuf_init_fixed(struct strbuf *b, char *mem, size_t cap)
{
	assert(cap >= 1);
	*b = (struct strbuf){ .data = mem, .cap = cap, .fixed = true };
	mem[0] = '\0';
}

void strbuf_done(struct strbuf *b)
{
	if (b->fixed) {
		strbuf_reset(b);
		return;
	}
	free(b->data);
	*b = STRBUF_INIT;
}

void strbuf_reset(struct strbuf *b)
{
	b->len = 0;
	b->failed = false;
	if (b->cap > 0)
		b->data[0] = '\0';
}

void strbuf_cut(struct strbuf *b, size_t len)
{
	assert(len <= b->len);
	b->len = len;
	b->failed = false;
	if (b->cap > 0)
		b->data[len] = '\0';
}

/* Makes room for `more` bytes and the NUL; false (and failed) if there is none. */
static bool make_room(struct strbuf *b, size_t more)
{
	if (b->failed)
		return false;
	if (b->cap > b->len && more < b->cap - b->len)
		return true;
	size_t need;
	if (b->fixed || __builtin_add_overflow(b->len, more, &need) || need > SIZE_MAX / 2 - 1) {
		b->failed = true;
		return false;
	}
	size_t cap = b->cap ? b->cap : FIRST_CAP;
	while (cap <= need)
		cap *= 2;
	char *data = realloc(b->data, cap);
	if (!data) {
		b->failed = true;
		return false;
	}
	if (b->cap == 0)
		data[0] = '\0';
	b->data = data;
	b->cap = cap;
	return true;
}

void strbuf_put(struct strbuf *b, const void *data, size_t len)
{
	if (!make_room(b, len))
		return;
	if (len > 0)
		memcpy(b->data + b->len, data, len);
	b->len += len;
	b->data[b->len] = '\0';
}

void strbuf_puts(struct strbuf *b, const char *text)
{
	strbuf_put(b, text, strlen(text));
}

void strbuf_putc(struct strbuf *b, char c)
{
	if (!make_room(b, 1))
		return;
	b->data[b->len++] = c;
	b->data[b->len] = '\0';
}

void strbuf_printf(struct strbuf *b, const char *fmt, ...)
{
	va_list args, again;

	if (!make_room(b, 0))
		return;
	size_t room = b->cap - b->len;
	va_start(args, fmt);
	va_copy(again, args);
	int n = vsnprintf(b->data + b->len, room, fmt, args);
	if (n < 0) {
		b->failed = true;
	} else if ((size_t)n >= room && make_room(b, (size_t)n)) {
		vsnprintf(b->data + b->len, (size_t)n + 1, fmt, again);
	}
	va_end(again);
	va_end(args);
	if (b->failed)
		b->data[b->len] = '\0';
	else
		b->len += (size_t)n;
}

char *strbuf_take(struct strbuf *b)
{
	assert(!b->fixed);
	make_room(b, 0);
	if (b->failed) {
		strbuf_done(b);
		return NULL;
	}
	char *text = b->data;
	*b = STRBUF_INIT;
	return text;
}

static bool is_continuation(unsigned char c)
{
	return (c & 0xC0) == 0x80;
}

/* The length of the well-formed UTF-8 character (above ASCII) at s, or 0. Overlong forms, surrogates and what lies above U+10FFFF are
 * not well-formed.
 * Never reads behind a NUL: each byte is looked at only if those before it fit. */
static size_t utf8_length(const unsigned char *s)
{
	unsigned char lowest = 0x80, highest = 0xBF;
	size_t len;

	if (s[0] >= 0xC2 && s[0] <= 0xDF) {
		len = 2;
	} else if ((s[0] & 0xF0) == 0xE0) {
		len = 3;
		if (s[0] == 0xE0)
			lowest = 0xA0;
		if (s[0] == 0xED)
			highest = 0x9F;
	} else if (s[0] >= 0xF0 && s[0] <= 0xF4) {
		len = 4;
		if (s[0] == 0xF0)
			lowest = 0x90;
		if (s[0] == 0xF4)
			highest = 0x8F;
	} else {
		return 0;
	}
	if (s[1] < lowest || s[1] > highest)
		return 0;
	for (size_t i = 2; i < len; i++)
		if (!is_continuation(s[i]))
			return 0;
	return len;
}

static void put_escape(struct strbuf *b, unsigned char c)
{
	static const char digits[] = "0123456789abcdef";

	switch (c) {
	case '"': strbuf_put(b, "\\\"", 2); return;
	case '\\': strbuf_put(b, "\\\\", 2); return;
	case '\n': strbuf_put(b, "\\n", 2); return;
	case '\r': strbuf_put(b, "\\r", 2); return;
	case '\t': strbuf_put(b, "\\t", 2); return;
	default: break;
	}
	char text[6] = { '\\', 'u', '0', '0', digits[c >> 4], digits[c & 15] };
	strbuf_put(b, text, sizeof text);
}

void strbuf_json_string(struct strbuf *b, const char *text)
{
	if (!text) {
		strbuf_put(b, "null", 4);
		return;
	}
	strbuf_putc(b, '"');
	const unsigned char *run = (const unsigned char *)text;
	const unsigned char *s = run;
	while (*s) {
		size_t good = 0;
		if (*s >= 0x80)
			good = utf8_length(s);
		else if (*s >= 0x20 && *s != '"' && *s != '\\')
			good = 1;
		if (good > 0) {
			s += good;
			continue;
		}
		strbuf_put(b, run, (size_t)(s - run));
		if (*s >= 0x80)
			strbuf_put(b, "\xEF\xBF\xBD", 3);
		else
			put_escape(b, *s);
		run = ++s;
	}
	strbuf_put(b, run, (size_t)(s - run));
	strbuf_putc(b, '"');
}

/* Writes the digits so that they end before `end`; returns where they begin. */
static char *digits_before(char *end, uint64_t v)
{
	do {
		*--end = (char)('0' + v % 10);
		v /= 10;
	} while (v > 0);
	return end;
}

void strbuf_json_int(struct strbuf *b, int64_t v)
{
	char text[24];
	char *end = text + sizeof text;
	char *start = digits_before(end, v < 0 ? 0 - (uint64_t)v : (uint64_t)v);

	if (v < 0)
		*--start = '-';
	strbuf_put(b, start, (size_t)(end - start));
}

/* m × 10^-places, at least one digit before the point; places > 0 and the last digit is not 0. */
static void put_decimal(struct strbuf *b, bool neg, uint64_t m, int places)
{
	char text[NUMBER_MAX];
	char *end = text + sizeof text;
	char *start = end;

	for (int i = 0; i < places; i++) {
		*--start = (char)('0' + m % 10);
		m /= 10;
	}
	*--start = '.';
	start = digits_before(start, m);
	if (neg)
		*--start = '-';
	strbuf_put(b, start, (size_t)(end - start));
}

/* Tidies what printf's %g wrote: the locale's decimal point becomes '.', the exponent loses its plus and leading zeros. */
static void put_tidied(struct strbuf *b, const char *text)
{
	char tidy[NUMBER_MAX];
	size_t n = 0;
	bool in_point = false;

	for (const char *s = text; *s; s++) {
		if (*s == 'e') {
			tidy[n++] = *s++;
			if (*s == '-')
				tidy[n++] = *s;
			s++;
			while (*s == '0')
				s++;
			while (*s)
				tidy[n++] = *s++;
			break;
		}
		bool is_point = *s != '-' && (*s < '0' || *s > '9');
		if (!is_point)
			tidy[n++] = *s;
		else if (!in_point)
			tidy[n++] = '.';
		in_point = is_point;
	}
	strbuf_put(b, tidy, n);
}

__extension__ typedef unsigned __int128 u128;

/* What is given for the whole range that equipment measures in; beyond it printf is asked. */
#define PLAIN_MIN 1e-4
#define PLAIN_MAX 0x1p53

/* n ≤ 22 */
static u128 power_of_ten(int n)
{
	static const uint64_t tens[] = { 1, 10, 100, 1000, 10000, 100000, 1000000, 10000000, 100000000, 1000000000, 10000000000, 100000000000 };

	return (u128)tens[n / 2] * tens[n - n / 2];
}

/* The shortest decimal between the two points where reading back would give a neighbour of v instead, and of those the nearest to v; exactly, in
 * integers. v is no whole number, PLAIN_MIN ≤ v < PLAIN_MAX. With v = m / 2^shift and k such that v × 10^k has 17 or 18 digits, 2 m 10^k stays
 * below 2^124, and the two points are more than 2.2 apart, so that there is a whole number between them. Neither point can be the result: it has
 * one decimal more than v has. A power of two has a nearer neighbour below, but in this range also a text of 13 digits at the most, which is its
 * shortest anyway. */
static void put_shortest(struct strbuf *b, bool neg, double v)
{
	int exponent;
	uint64_t m = (uint64_t)(frexp(v, &exponent) * 0x1p53);
	int shift = 53 - exponent + 1; /* in halves of a unit of m */
	int k = 16 - (int)floor((exponent - 1) * 0.30103);
	u128 half_unit = power_of_ten(k);
	u128 scaled = 2 * m * half_unit;
	uint64_t first = (uint64_t)((scaled - half_unit + (((u128)1 << shift) - 1)) >> shift);
	uint64_t last = (uint64_t)((scaled + half_unit) >> shift);
	uint64_t whole = (uint64_t)(scaled >> shift);
	u128 rest = scaled - ((u128)whole << shift), half = (u128)1 << (shift - 1);
	uint64_t unit = 1;

	while ((first + 9) / 10 <= last / 10) {
		first = (first + 9) / 10;
		last /= 10;
		unit *= 10;
		k--;
	}
	uint64_t nearest = whole / unit;
	if (unit > 1) {
		half = unit / 2;
		rest = whole % unit == half && rest > 0 ? half + 1 : whole % unit;
	}
	if (rest > half || (rest == half && nearest % 2 == 1))
		nearest++;
	if (nearest < first)
		nearest = first;
	if (nearest > last)
		nearest = last;
	put_decimal(b, neg, nearest, k);
}

/* Any double, from the fewest digits that may do. Both directions use the same locale, so its decimal point cancels out. */
static void put_any_double(struct strbuf *b, double v)
{
	char text[NUMBER_MAX];
	/* 15 digits survive the way to a double and back; only below the normal range may fewer digits name a double that 15 name too. */
	int digits = fabs(v) < DBL_MIN ? 1 : 15;

	for (; digits < 17; digits++) {
		snprintf(text, sizeof text, "%.*g", digits, v);
		if (strtod(text, NULL) == v)
			break;
	}
	if (digits == 17)
		snprintf(text, sizeof text, "%.17g", v);
	put_tidied(b, text);
}

/* Up to four decimals: below 1e11 they make at most 15 digits, and those are the shortest text of the double that the (correctly
 * rounded) division gives. false: there are more. */
static bool put_few_places(struct strbuf *b, bool neg, double mag)
{
	int places = 4;

	if (mag >= 1e11)
		return false;
	uint64_t m = (uint64_t)(mag * 1e4 + 0.5);
	if ((double)m / 1e4 != mag)
		return false;
	while (m % 10 == 0) {
		m /= 10;
		places--;
	}
	put_decimal(b, neg, m, places);
	return true;
}

void strbuf_json_double(struct strbuf *b, double v)
{
	double mag = fabs(v);

	if (!isfinite(v)) {
		strbuf_put(b, "null", 4);
	} else if (mag < PLAIN_MAX && (double)(int64_t)v == v) {
		if (v == 0 && signbit(v))
			strbuf_put(b, "-0.0", 4);
		else
			strbuf_json_int(b, (int64_t)v);
	} else if (mag < PLAIN_MIN || mag >= PLAIN_MAX) {
		put_any_double(b, v);
	} else if (!put_few_places(b, v < 0, mag)) {
		put_shortest(b, v < 0, mag);
	}
}

void strbuf_short_double(struct strbuf *b, double v)
{
	char text[64];

	if (isfinite(v) && fabs(v) < PLAIN_MAX && v != (double)(int64_t)v) {
		snprintf(text, sizeof text, fabs(v) >= 1e5 ? "%.2f" : "%.7g", v);
		v = strtod(text, NULL);
	}
	strbuf_json_double(b, v);
}

void strbuf_json_key(struct strbuf *b, const char *key)
{
	if (b->len > 0 && b->data[b->len - 1] != '{' && b->data[b->len - 1] != '[')
		strbuf_putc(b, ',');
	strbuf_json_string(b, key);
	strbuf_putc(b, ':');
}
