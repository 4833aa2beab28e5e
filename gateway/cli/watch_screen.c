#include "gateway/cli/watch_screen.h"

#include "gateway/cli/human.h"
#include "gateway/cli/verb.h"
#include "gateway/cli/watch_text.h"
#include "gateway/cli/width.h"

#include <stdlib.h>
#include <string.h>

/* The other screen, without a cursor; and back. */
const char watch_screen_begin[] = "\033[?1049h\033[?25l";
const char watch_screen_end[] = "\033[?25h\033[?1049l";

#define EVENTS_SHARE 3 /* of the rows, one in so many is for events at least */
#define AWAY_MAX     5
#define ROWS_LEAST   8 /* head, who is away, and one alarm with its title and how many more there are */

static struct screen_event *next_event(struct watch_screen *s)
{
	struct screen_event *e = &s->events[s->next];

	s->next = (s->next + 1) % SCREEN_EVENTS_MAX;
	if (s->n < SCREEN_EVENTS_MAX)
		s->n++;
	*e = (struct screen_event){ 0 };
	return e;
}

/* Only the time of day. */
static void put_time(char *to, size_t cap, int64_t wall_ms)
{
	char text[HUMAN_MAX];

	human_time(wall_ms, text);
	snprintf(to, cap, "%.8s", strlen(text) > 11 ? text + 11 : text);
}

void watch_screen_event(struct watch_screen *s, const json_t *event, enum watch_how how)
{
	static const char *const marks[] = { [WATCH_LIVE] = "", [WATCH_LATE] = "late", [WATCH_REPLAYED] = "replayed", [WATCH_STANDING] = "stands" };
	struct screen_event *e = next_event(s);
	const char *alarm = field_text(event, "alarm"), *mode = mode_of(event), *actor = field_text(event, "actor"), *mark = marks[how];
	int64_t at;

	if (field_time(event, "at", &at))
		put_time(e->time, sizeof e->time, at);
	snprintf(e->class_word, sizeof e->class_word, "%s", field_text(event, "class"));
	snprintf(e->what, sizeof e->what, "%s", field_text(event, "transition"));
	snprintf(e->where, sizeof e->where, "%s", alarm[0] ? alarm : field_text(event, "node"));
	snprintf(e->text, sizeof e->text, "%s%s%s%s%s%s%.100s%s%.180s%s%.30s", mode[0] ? "[" : "", mode, mode[0] ? "] " : "", mark[0] ? "(" : "", mark,
	         mark[0] ? ") " : "", field_text(event, "name"), field_text(event, "name")[0] ? "  " : "", field_message(event), actor[0] ? "  by " : "", actor);
	e->style = mode[0] ? STYLE_DIM : json_is_true(json_object_get(event, "active")) ? class_style(e->class_word) : STYLE_PLAIN;
}

void watch_screen_note(struct watch_screen *s, const struct watch_note *note, int64_t wall_ms)
{
	struct screen_event *e = next_event(s);
	struct strbuf text = STRBUF_INIT;

	watch_note_text(note, &text);
	put_time(e->time, sizeof e->time, wall_ms);
	snprintf(e->class_word, sizeof e->class_word, "%s", watch_note_name(note->kind));
	snprintf(e->what, sizeof e->what, "%s", note->state);
	snprintf(e->where, sizeof e->where, "%s", note->gateway);
	snprintf(e->text, sizeof e->text, "%s", text.data ? text.data : "");
	e->style = watch_note_style(note);
	strbuf_done(&text);
}

static void put_cut(struct strbuf *out, const struct look *look, enum style style, const char *text)
{
	struct strbuf clean = STRBUF_INIT;

	human_put(&clean, text);
	if (clean.data && look->columns)
		strbuf_cut(&clean, width_cut(clean.data, look->columns));
	style_put(out, look, style, clean.data ? clean.data : "");
	strbuf_putc(out, '\n');
	strbuf_done(&clean);
}

static void put_alarms(const struct watch *w, const struct look *look, size_t rows, int64_t wall_ms, struct strbuf *out)
{
	static const struct table_column columns[] = { { "CLASS" }, { "STATE" }, { "MODE" }, { "SINCE" }, { "NODE" }, { "ALARM" }, { "PLACE" }, { "NAME" }, { "MESSAGE" } };
	struct table *t = table_new(columns, 9);
	const struct watch_alarm **list;
	char buf[HUMAN_MAX];
	size_t n;

	list = watch_alarms(w, &n);
	for (size_t i = 0; t && i < n && i < rows; i++) {
		const struct watch_alarm *a = list[i];
		bool real = strcmp(a->mode, "normal") == 0 && !a->set_aside;
		enum style style = !real ? STYLE_DIM : a->acked ? STYLE_PLAIN : class_style(a->class_word);
		table_add(t, real ? class_style(a->class_word) : STYLE_DIM, a->class_word);
		table_addf(t, style, "%s%s%s", a->state, a->set_aside ? ", set aside" : "", a->sure ? "" : " ?");
		table_add(t, STYLE_YELLOW, strcmp(a->mode, "normal") == 0 ? "" : a->mode);
		table_add(t, STYLE_PLAIN, a->since_ms ? human_ago(wall_ms - a->since_ms, buf) : "");
		table_add(t, STYLE_PLAIN, a->node);
		table_add(t, style, a->id);
		table_add(t, STYLE_PLAIN, a->place);
		table_add(t, STYLE_PLAIN, a->name);
		table_add(t, STYLE_PLAIN, a->message);
	}
	if (!t || table_rows(t) == 0)
		strbuf_puts(out, "no alarms\n");
	else
		table_put(t, look, out);
	if (n > rows)
		strbuf_printf(out, "and %zu more\n", n - rows);
	free(list);
	table_free(t);
}

static void put_events(const struct watch_screen *s, const struct look *look, size_t rows, struct strbuf *out)
{
	static const struct table_column columns[] = { { "TIME" }, { "CLASS" }, { "WHAT" }, { "WHERE" }, { "" } };
	struct table *t = table_new(columns, 5);
	size_t n = s->n < rows ? s->n : rows;

	for (size_t i = 0; t && i < n; i++) {
		const struct screen_event *e = &s->events[(s->next + SCREEN_EVENTS_MAX - n + i) % SCREEN_EVENTS_MAX];
		const char *cells[] = { e->time, e->class_word, e->what, e->where, e->text };
		for (size_t k = 0; k < 5; k++)
			table_add(t, k == 1 || k == 2 ? e->style : STYLE_PLAIN, cells[k]);
	}
	if (t && n > 0)
		table_put(t, look, out);
	table_free(t);
}

/* Who cannot tell us of a fire: at most so many lines, and one that counts the rest. */
static size_t put_away(const struct watch *w, const struct look *look, size_t most, int64_t wall_ms, struct strbuf *out)
{
	const struct watch_gateway *g;
	char text[160], buf[HUMAN_MAX];
	size_t n = 0;

	for (size_t i = 0; (g = watch_gateway_at(w, i)); i++) {
		enum watch_presence p = watch_gateway_presence(g);
		if (p == WATCH_ONLINE || p == WATCH_UNKNOWN || n++ >= most)
			continue;
		snprintf(text, sizeof text, "gateway %s is %s, since %s", watch_gateway_name(g), watch_presence_name(p), human_span(wall_ms - watch_gateway_since_ms(g), buf));
		put_cut(out, look, STYLE_RED, text);
	}
	if (n > most) {
		snprintf(text, sizeof text, "%s%zu more gateway%s away", most ? "and " : "", n - most, n - most == 1 ? " is" : "s are");
		put_cut(out, look, STYLE_RED, text);
	}
	return n < most ? n : most + (n > most);
}

static void put_head(const struct watch *w, const struct look *look, const char *broker, struct strbuf *out)
{
	struct strbuf text = STRBUF_INIT;
	struct watch_counts counts;

	watch_counts(w, &counts);
	put_cut(out, look, STYLE_BOLD, broker);
	watch_counts_put(&text, &counts);
	put_cut(out, look, counts.gaps_open || counts.gone || counts.lost ? STYLE_YELLOW : STYLE_PLAIN, text.data ? text.data : "");
	strbuf_done(&text);
}

/* Over the last picture: each line clears its rest, the end clears what is below. */
void watch_screen_over(struct strbuf *out, const char *picture, size_t rows)
{
	strbuf_puts(out, "\033[H");
	for (size_t row = 0; row < rows && *picture; row++) {
		size_t len = strcspn(picture, "\n");
		strbuf_put(out, picture, len);
		strbuf_puts(out, row + 1 < rows ? "\033[K\n" : "\033[K");
		picture += len + (picture[len] == '\n');
	}
	strbuf_puts(out, "\033[J");
}

void watch_screen_draw(const struct watch_screen *s, const struct watch *w, const struct look *look, size_t rows, const char *broker, int64_t wall_ms, struct strbuf *out)
{
	struct strbuf picture = STRBUF_INIT;
	struct watch_counts counts;

	rows = rows < ROWS_LEAST ? ROWS_LEAST : rows;
	size_t most = (rows - ROWS_LEAST) / 2 < AWAY_MAX ? (rows - ROWS_LEAST) / 2 : AWAY_MAX;
	watch_counts(w, &counts);
	put_head(w, look, broker, &picture);
	/* Head, two empty lines, two lines of titles, "and more". */
	size_t used = put_away(w, look, most, wall_ms, &picture) + 7, left = rows > used ? rows - used : 1, events = left / EVENTS_SHARE;
	size_t alarms = counts.alarms < left - events ? counts.alarms : left - events;
	strbuf_putc(&picture, '\n');
	put_alarms(w, look, alarms > 0 ? alarms : 1, wall_ms, &picture);
	strbuf_putc(&picture, '\n');
	put_events(s, look, left - alarms > 0 ? left - alarms : 1, &picture);
	watch_screen_over(out, picture.data ? picture.data : "", rows);
	out->failed = out->failed || picture.failed;
	strbuf_done(&picture);
}
