#include "gateway/config/bind.h"

#include <ctype.h>
#include <string.h>

bool text_is_name(const char *text, bool upper)
{
	for (const char *p = text; *p; p++) {
		bool letter = (*p >= 'a' && *p <= 'z') || (*p >= '0' && *p <= '9') || (upper && *p >= 'A' && *p <= 'Z');
		if (!letter && (p == text || (*p != '_' && *p != '-')))
			return false;
	}
	return *text != '\0';
}

size_t text_characters(const char *utf8)
{
	size_t n = 0;

	for (; *utf8; utf8++)
		n += ((unsigned char)*utf8 & 0xC0) != 0x80;
	return n;
}

int size_parse(const char *text, int64_t *ret_bytes)
{
	static const struct { const char *unit; int64_t factor; } units[] = {
		{ "", 1 }, { "B", 1 }, { "kB", 1000 }, { "KB", 1000 }, { "MB", 1000000 }, { "GB", 1000000000 }, { "TB", INT64_C(1000000000000) },
		{ "KiB", 1 << 10 }, { "MiB", 1 << 20 }, { "GiB", 1 << 30 }, { "TiB", INT64_C(1) << 40 },
	};
	size_t digits = strspn(text, "0123456789");
	int64_t n = 0;

	if (digits == 0 || digits > 15)
		return -1;
	for (size_t i = 0; i < digits; i++)
		n = n * 10 + (text[i] - '0');
	const char *unit = text + digits;
	while (*unit == ' ')
		unit++;
	for (size_t i = 0; i < sizeof units / sizeof *units; i++)
		if (strcmp(unit, units[i].unit) == 0)
			return __builtin_mul_overflow(n, units[i].factor, ret_bytes) ? -1 : 0;
	return -1;
}

int int_parse(const char *text, int64_t *ret)
{
	bool neg = *text == '-';
	const char *p = text + neg;
	bool hex = p[0] == '0' && (p[1] == 'x' || p[1] == 'X');
	int64_t n = 0;

	p += hex ? 2 : 0;
	if (!*p)
		return -1;
	for (; *p; p++) {
		int digit = *p >= '0' && *p <= '9' ? *p - '0' : hex && isxdigit((unsigned char)*p) ? (*p | 0x20) - 'a' + 10 : -1;
		if (digit < 0 || __builtin_mul_overflow(n, hex ? 16 : 10, &n) || __builtin_add_overflow(n, digit, &n))
			return -1;
	}
	*ret = neg ? -n : n;
	return 0;
}

const char *const *cell_parts(struct loader *l, const char *text, size_t *ret_n)
{
	size_t n = 1;

	for (const char *p = text; *p; p++)
		n += *p == '|';
	const char **parts = arena_take(&l->scratch, n, sizeof *parts);
	for (size_t i = 0; i < n; i++) {
		size_t len = strcspn(text, "|");
		const char *end = text + len, *from = text;
		while (from < end && *from == ' ')
			from++;
		while (end > from && end[-1] == ' ')
			end--;
		parts[i] = arena_text(&l->scratch, from, (size_t)(end - from));
		text += len + 1;
	}
	*ret_n = n;
	return parts;
}

static bool only_of(const char *text, const char *set)
{
	return strspn(text, set) == strlen(text);
}

const char *number_hint(const char *text)
{
	if (text[0] == '#')
		return ": a spreadsheet's error value";
	if (strchr(text, ',') && only_of(text, "0123456789,.-"))
		return ": the decimal point is a '.', and there is no thousands separator";
	if (only_of(text, "0123456789/-") && strpbrk(text + (*text == '-'), "/-"))
		return ": a spreadsheet made a date of it";
	if (strstr(text, "\xE6\x9C\x88") || strstr(text, "\xE5\xB9\xB4")) /* 月, 年 */
		return ": a spreadsheet made a date of it";
	return "";
}

/* Edit distance with swaps of neighbours; words are short, so the whole table fits. */
static size_t distance(const char *a, const char *b)
{
	enum { MAX = 48 };
	size_t n = strlen(a), m = strlen(b);
	unsigned char d[MAX + 1][MAX + 1];

	if (n > MAX || m > MAX)
		return MAX;
	for (size_t i = 0; i <= n; i++)
		d[i][0] = (unsigned char)i;
	for (size_t k = 0; k <= m; k++)
		d[0][k] = (unsigned char)k;
	for (size_t i = 1; i <= n; i++) {
		for (size_t k = 1; k <= m; k++) {
			bool same = tolower((unsigned char)a[i - 1]) == tolower((unsigned char)b[k - 1]);
			unsigned best = d[i - 1][k - 1] + !same;
			if (d[i - 1][k] + 1u < best)
				best = d[i - 1][k] + 1u;
			if (d[i][k - 1] + 1u < best)
				best = d[i][k - 1] + 1u;
			if (i > 1 && k > 1 && a[i - 1] == b[k - 2] && a[i - 2] == b[k - 1] && d[i - 2][k - 2] + 1u < best)
				best = d[i - 2][k - 2] + 1u;
			d[i][k] = (unsigned char)best;
		}
	}
	return d[n][m];
}

const char *nearest_word(const char *word, const char *(*next)(const void *user, size_t i), const void *user)
{
	size_t len = strlen(word), allowed = len <= 3 ? 1 : len <= 6 ? 2 : 3;
	const char *best = NULL, *w;

	for (size_t i = 0; (w = next(user, i)) != NULL; i++) {
		size_t d = distance(word, w);
		if (d <= allowed && d < len) {
			best = w;
			if (d == 0)
				break;
			allowed = d - 1;
		}
	}
	return best;
}

static const char *list_word(const void *user, size_t i)
{
	return ((const char *const *)user)[i];
}

const char *nearest_in(const char *word, const char *const *words)
{
	return nearest_word(word, list_word, words);
}

const char *nearest_hint(struct loader *l, const char *near)
{
	return near ? arena_printf(&l->scratch, "; did you mean '%s'?", near) : "";
}
