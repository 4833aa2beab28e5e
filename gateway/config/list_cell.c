/* The cell that describes a device's event list: `log entries=40 size=3 value=2 time=epoch32@0 newest=86` (docs/points.md). */
#include "gateway/config/bind.h"
#include "gateway/config/cells.h"

#include <string.h>

/* `count`, … stand where enum list_news says. */
enum list_word { WORD_NEWEST, WORD_NEXT, WORD_TOTAL, WORD_COUNT, WORD_ENTRIES, WORD_SIZE, WORD_VALUE, WORD_SEQ, WORD_WRAP, WORD_TIME, WORD_TZ, WORD_FIRST, N_WORDS };
static const char *const words[N_WORDS + 1] = { "newest", "next", "total", "count", "entries", "size", "value", "seq", "wrap", "time", "tz", "first", NULL };
static const char *const times[] = { "", "epoch32", "ymdhms", "ymdhms8", "ymdhms8ms", "bcd8", NULL };

struct list_reader {
	struct loader          *l;
	const struct node      *at;
	const struct bus_point *p;
	uint8_t                 fc;    /* 0: registers are in Modicon's notation */
	const char             *given[N_WORDS];
	struct bus_list         list;
	bool                    wrong;
};

#define WRONG(r, ...) (find_error((r)->l, (r)->at, __VA_ARGS__), (void)((r)->wrong = true))

static void read_number(struct list_reader *r, enum list_word word, int64_t min, int64_t max, uint16_t *ret)
{
	int64_t n;

	if (!r->given[word])
		return;
	if (int_parse(r->given[word], &n) < 0 || n < min || n > max)
		WRONG(r, "mode log: %s must be a whole number of %lld … %lld, not '%s'%s", words[word], (long long)min, (long long)max, r->given[word],
		      number_hint(r->given[word]));
	else
		*ret = (uint16_t)n;
}

/* The parts of the cell; blanks and | part them. */
static void split(struct list_reader *r, const char *text)
{
	for (; *text; text += strcspn(text, " |")) {
		text += strspn(text, " |");
		size_t len = strcspn(text, " |");
		const char *part = arena_text(&r->l->scratch, text, len), *eq = strchr(part, '=');
		const char *key = arena_text(&r->l->scratch, part, eq ? (size_t)(eq - part) : len);
		size_t i = 0;

		if (!len)
			return;
		while (i < N_WORDS && strcmp(words[i], key) != 0)
			i++;
		if (i == N_WORDS)
			WRONG(r, "mode log: unknown word '%s' (entries, size, value, newest, next, total, count, seq, wrap, first, time, tz)%s", key,
			      nearest_hint(r->l, nearest_in(key, words)));
		else if (!eq || !eq[1])
			WRONG(r, "mode log: '%s' needs a value: %s=…", part, key);
		else if (r->given[i])
			WRONG(r, "mode log: '%s' is given twice", key);
		else
			r->given[i] = eq + 1;
	}
}

static void read_news(struct list_reader *r)
{
	r->list.news = LIST_NEWS_NONE;
	for (unsigned i = WORD_NEWEST; i <= WORD_COUNT; i++) {
		struct node register_at = *r->at;
		uint8_t fc = r->fc;

		if (!r->given[i])
			continue;
		if (r->list.news != LIST_NEWS_NONE) {
			WRONG(r, "mode log: %s and %s: one register says what is new", words[r->list.news], words[i]);
			return;
		}
		r->list.news = (enum list_news)i;
		register_at.text = r->given[i];
		if (cell_register(r->l, &register_at, words[i], &fc, &r->list.news_register) < 0)
			r->wrong = true;
		else if (fc != r->p->fc)
			WRONG(r, "%s '%s' is read with function code %u, the point's register with %u", words[i], r->given[i], fc, r->p->fc);
	}
	if (r->list.news == LIST_NEWS_NONE && !r->given[WORD_SEQ])
		WRONG(r, "mode log: nothing says what is new: a register (newest, next, total, count), or a number in each record (seq)");
}

static void read_seq(struct list_reader *r)
{
	const char *wrap = r->given[WORD_WRAP], *dots = wrap ? strstr(wrap, "..") : NULL;
	int64_t first = 0, last = UINT16_MAX;

	r->list.numbered = r->given[WORD_SEQ] != NULL;
	read_number(r, WORD_SEQ, 0, LIST_SIZE_MAX - 1, &r->list.number_at);
	if (wrap && !r->list.numbered)
		WRONG(r, "mode log: wrap: it says how far seq counts, and there is no seq");
	if (dots && (int_parse(arena_text(&r->l->scratch, wrap, (size_t)(dots - wrap)), &first) < 0 || int_parse(dots + 2, &last) < 0))
		first = -1;
	else if (wrap && !dots)
		last = int_parse(wrap, &last) < 0 ? -1 : last - 1;
	if (first < 0 || last <= first || last > UINT16_MAX) {
		WRONG(r, "mode log: wrap '%s' is neither how many numbers there are (65536) nor the first and the last (1..999)", wrap);
		return;
	}
	r->list.number_first = r->list.numbered ? (uint16_t)first : 0;
	r->list.number_last = r->list.numbered ? (uint16_t)last : 0;
	if (r->list.numbered && r->list.entries > (last - first + 1) / 2)
		WRONG(r, "mode log: %u records and only %lld numbers: an old one could not be told from a new one", r->list.entries, (long long)(last - first + 1));
}

static void read_time(struct list_reader *r)
{
	const char *time = r->given[WORD_TIME], *tz = r->given[WORD_TZ], *mark = time ? strchr(time, '@') : NULL;
	size_t form = 1;
	int64_t n;

	if (tz && strcmp(tz, "utc") != 0 && strcmp(tz, "local") != 0)
		WRONG(r, "mode log: tz '%s' is not one of: utc, local", tz);
	if (tz && !time)
		WRONG(r, "mode log: tz: of a time, and there is none");
	if (!time)
		return;
	while (mark && times[form] && strcmp(arena_text(&r->l->scratch, time, (size_t)(mark - time)), times[form]) != 0)
		form++;
	if (!mark || !times[form] || int_parse(mark + 1, &n) < 0 || n < 0 || n >= LIST_SIZE_MAX) {
		WRONG(r, "mode log: time '%s' is not FORM@PLACE (epoch32@0), FORM one of epoch32, ymdhms, ymdhms8, ymdhms8ms, bcd8, PLACE counted in registers from the record's "
		      "first", time);
		return;
	}
	r->list.time = (enum list_time)form;
	r->list.time_at = (uint16_t)n;
	/* Seconds since 1970 are UTC where the device keeps to the meaning; a calendar is what its face shows. */
	r->list.time_local = tz ? strcmp(tz, "local") == 0 : r->list.time != LIST_TIME_EPOCH32;
}

static void read_order(struct list_reader *r)
{
	const char *first = r->given[WORD_FIRST];

	if (!first)
		return;
	r->list.newest_first = strcmp(first, "newest") == 0;
	if (!r->list.newest_first && strcmp(first, "oldest") != 0)
		WRONG(r, "mode log: first '%s' is not one of: oldest, newest", first);
	else if (r->list.newest_first && (r->list.numbered || (r->list.news != LIST_NEWS_TOTAL && r->list.news != LIST_NEWS_COUNT)))
		WRONG(r, "mode log: first=newest: only with total or count, and without seq, which finds the newest anywhere");
}

static void check_inside(struct list_reader *r, enum list_word word, unsigned from, unsigned width)
{
	if (r->given[word] && from + width > r->list.size)
		WRONG(r, "mode log: %s: registers %u to %u of a record, and it has %u (from 0)", words[word], from, from + width - 1, r->list.size);
}

static void check_list(struct list_reader *r, unsigned value_width, unsigned max_registers)
{
	const struct bus_list *b = &r->list;

	if (r->p->fc < 3)
		WRONG(r, "mode log: an event list stands in registers (fc 3 and 4)");
	if (r->p->decimals_from != BUS_NO_DECIMALS_FROM)
		WRONG(r, "mode log: no decimals_from beside it");
	if (r->wrong)
		return;
	check_inside(r, WORD_VALUE, b->value, value_width);
	check_inside(r, WORD_TIME, b->time_at, list_time_registers(b->time));
	check_inside(r, WORD_SEQ, b->number_at, 1);
	if (b->size > max_registers)
		WRONG(r, "mode log: a record takes %u registers, and max_registers is %u", b->size, max_registers);
	if ((uint32_t)r->p->address + (uint32_t)b->entries * b->size > 65536)
		WRONG(r, "mode log: register %u and its %u × %u registers reach beyond 65535", r->p->address, b->entries, b->size);
}

int cell_list(struct loader *l, const struct node *at, const struct bus_point *p, bool fc_given, unsigned max_registers, struct bus_list *ret)
{
	static const enum list_word must[] = { WORD_ENTRIES, WORD_SIZE, WORD_VALUE };
	struct list_reader r = { .l = l, .at = at, .p = p, .fc = fc_given ? p->fc : 0 };
	unsigned width = p->type == TYPE_STRING ? (p->string_bytes + 1u) / 2 : type_bits(p->type) / 16;

	split(&r, at->text + strlen("log"));
	for (size_t i = 0; i < sizeof must / sizeof *must; i++)
		if (!r.given[must[i]])
			WRONG(&r, "mode log: '%s' is missing (log entries=40 size=3 value=2 newest=…, docs/points.md)", words[must[i]]);
	read_number(&r, WORD_ENTRIES, 1, LIST_ENTRIES_MAX, &r.list.entries);
	read_number(&r, WORD_SIZE, 1, LIST_SIZE_MAX, &r.list.size);
	read_number(&r, WORD_VALUE, 0, LIST_SIZE_MAX - 1, &r.list.value);
	read_news(&r);
	read_seq(&r);
	read_time(&r);
	read_order(&r);
	check_list(&r, width, max_registers);
	*ret = r.list;
	return r.wrong ? -1 : 0;
}

void cell_list_text(const struct bus_list *b, struct strbuf *out)
{
	strbuf_printf(out, "log entries=%u size=%u value=%u", b->entries, b->size, b->value);
	if (b->news != LIST_NEWS_NONE)
		strbuf_printf(out, " %s=%u", words[b->news], b->news_register);
	if (b->newest_first)
		strbuf_puts(out, " first=newest");
	if (b->numbered)
		strbuf_printf(out, " seq=%u wrap=%u..%u", b->number_at, b->number_first, b->number_last);
	if (b->time)
		strbuf_printf(out, " time=%s@%u tz=%s", times[b->time], b->time_at, b->time_local ? "local" : "utc");
}
