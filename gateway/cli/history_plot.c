#include "gateway/cli/history_plot.h"

#include "gateway/cli/plot.h"

#include <langinfo.h>
#include <locale.h>
#include <stdlib.h>
#include <string.h>

#define WIDTH            80                 /* without a terminal */
#define HEARTBEAT_MS     INT64_C(3600000)   /* of a point of which nothing is known: the longest that a kind has */
#define SILENCE_LEAST_MS INT64_C(10000)     /* a point is stale after 3 × every, but not before */

struct history_plot {
	struct run       *run;
	struct plot_frame frame;
	int64_t           every_ms;
	json_t           *known;   /* entries of `points` */
	bool              has_frame;
	/* the chart at work */
	size_t            n_charts;
	struct plot      *plot;
	struct strbuf     id;
	struct plot_about about;
	double            levels[PLOT_LEVELS_MAX];
	const char       *labels[PLOT_LEVELS_MAX];
};

/* What the locale says; one that is not installed still says what its terminal takes. */
static bool locale_is_utf8(void)
{
	locale_t l = newlocale(LC_CTYPE_MASK, "", (locale_t)0);
	const char *names[] = { getenv("LC_ALL"), getenv("LC_CTYPE"), getenv("LANG") };

	if (l != (locale_t)0) {
		bool utf8 = strcmp(nl_langinfo_l(CODESET, l), "UTF-8") == 0;
		freelocale(l);
		return utf8;
	}
	for (size_t i = 0; i < 3; i++)
		if (names[i] && names[i][0])
			return strcasestr(names[i], "utf-8") || strcasestr(names[i], "utf8");
	return false;
}

struct history_plot *history_plot_new(struct run *r, int64_t from_ms, int64_t to_ms, int64_t every_ms, size_t height)
{
	struct history_plot *p = calloc(1, sizeof *p);

	if (!p)
		return NULL;
	/* Spans begin at multiples of their length, so the chart does too. */
	if (every_ms)
		from_ms -= ((from_ms % every_ms) + every_ms) % every_ms;
	p->run = r;
	p->every_ms = every_ms;
	p->frame = (struct plot_frame){ .from_ms = from_ms, .to_ms = to_ms, .now_ms = r->now_ms, .height = height ? height : PLOT_HEIGHT,
		                        .is_ascii = !locale_is_utf8(), .look = r->look };
	p->known = json_array();
	if (!p->known) {
		free(p);
		return NULL;
	}
	return p;
}

void history_plot_free(struct history_plot *p)
{
	if (!p)
		return;
	plot_free(p->plot);
	json_decref(p->known);
	strbuf_done(&p->id);
	free(p);
}

/* ---- what is known of a point ---- */

static int compare_levels(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static void take_enum(struct history_plot *p, const json_t *words)
{
	const char *key;
	json_t *word;
	char text[HUMAN_MAX];

	json_object_foreach((json_t *)(uintptr_t)words, key, word)
		if (p->about.n_levels < PLOT_LEVELS_MAX && json_is_string(word))
			p->levels[p->about.n_levels++] = strtod(key, NULL);
	qsort(p->levels, p->about.n_levels, sizeof *p->levels, compare_levels);
	for (size_t i = 0; i < p->about.n_levels; i++)
		p->labels[i] = field_text(words, human_number(p->levels[i], text));
	p->about.levels = p->levels;
	p->about.labels = p->labels;
}

static void take_about(struct history_plot *p, const json_t *entry)
{
	static const char *const keys[PLOT_LIMITS] = { "low2", "low", "high", "high2" };

	p->about = (struct plot_about){ .id = p->id.data ? p->id.data : "", .name = field_text(entry, "name"), .unit = field_text(entry, "unit") };
	for (size_t i = 0; i < PLOT_LIMITS; i++) {
		const json_t *limit = json_object_get(json_object_get(entry, "limits"), keys[i]);
		p->about.limits[i] = json_is_number(limit) ? json_number_value(limit) : NAN;
	}
	take_enum(p, json_object_get(entry, "enum"));
}

/* A good reading is stored once a heartbeat, and a silence as soon as the point is stale. The second heartbeat is tolerance. */
static int64_t gap_of(const struct history_plot *p, const json_t *entry)
{
	int64_t heartbeat = field_int(entry, "heartbeat"), silence = 3 * field_int(entry, "every");

	if (heartbeat <= 0)
		heartbeat = HEARTBEAT_MS;
	if (silence < SILENCE_LEAST_MS)
		silence = SILENCE_LEAST_MS;
	return 2 * heartbeat + silence + p->every_ms;
}

static const json_t *entry_of(const struct history_plot *p, const char *id)
{
	const json_t *entry;
	size_t i;

	json_array_foreach(p->known, i, entry)
		if (strcmp(field_text(entry, "id"), id) == 0)
			return entry;
	return NULL;
}

void history_plot_know(struct history_plot *p, json_t *entry)
{
	json_array_append(p->known, entry);
}

int64_t history_plot_from(const struct history_plot *p)
{
	const json_t *entry;
	size_t i;
	int64_t longest = json_array_size(p->known) ? 0 : gap_of(p, NULL);

	json_array_foreach(p->known, i, entry)
		if (gap_of(p, entry) > longest)
			longest = gap_of(p, entry);
	int64_t from = p->frame.from_ms - longest;
	return p->every_ms ? from - ((from % p->every_ms) + p->every_ms) % p->every_ms : from;
}

/* ---- rows ---- */

static void fit_frame(struct history_plot *p)
{
	const json_t *entry;
	size_t i;

	json_array_foreach(p->known, i, entry) {
		take_about(p, entry);
		plot_frame_room(&p->frame, &p->about);
	}
	take_about(p, NULL);
	if (json_array_size(p->known) == 0)
		plot_frame_room(&p->frame, &p->about);
	plot_frame_end(&p->frame, p->run->look.columns ? p->run->look.columns : WIDTH);
	p->has_frame = true;
}

static void put_chart(struct history_plot *p)
{
	struct strbuf *out = &p->run->out;

	if (!p->plot)
		return;
	plot_end(p->plot);
	if (p->n_charts++)
		strbuf_putc(out, '\n');
	plot_put(p->plot, out);
	plot_free(p->plot);
	p->plot = NULL;
}

bool history_plot_point(struct history_plot *p, const char *point)
{
	put_chart(p);
	if (!run_flush(p->run))
		return false;
	if (!p->has_frame)
		fit_frame(p);
	strbuf_reset(&p->id);
	strbuf_puts(&p->id, point);
	const json_t *entry = entry_of(p, point);
	take_about(p, entry);
	p->plot = plot_new(&p->frame, &p->about, gap_of(p, entry));
	if (!p->plot)
		p->run->out.failed = true;
	return p->plot != NULL;
}

void history_plot_row(struct history_plot *p, const struct history_row *row)
{
	enum quality q;

	if (quality_find(row->quality, &q))
		q = QUALITY_COMM; /* a word that this program does not know is not good */
	if (p->every_ms)
		plot_add_span(p->plot, &(struct plot_span){ row->at_ms, p->every_ms, row->min, row->max, row->mean, row->value, q });
	else
		plot_add(p->plot, row->at_ms, row->value, q);
}

void history_plot_end(struct history_plot *p)
{
	put_chart(p);
	if (!p->n_charts)
		strbuf_puts(&p->run->out, "no readings in that time\n");
}
