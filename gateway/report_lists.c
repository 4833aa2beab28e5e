/* The lists of a report as JSON: `{"n":all there are,"left_out":n,"list":[…]}`, the worst first. */
#include "gateway/report_inside.h"

#include "core/clock.h"

#include <stdlib.h>
#include <string.h>

void report_put_int(struct strbuf *out, const char *key, int64_t v)
{
	strbuf_json_key(out, key);
	strbuf_json_int(out, v);
}

void report_put_text(struct strbuf *out, const char *key, const char *text)
{
	strbuf_json_key(out, key);
	strbuf_json_string(out, text);
}

void report_put_time(struct strbuf *out, const char *key, int64_t at_ms)
{
	char text[CLOCK_TEXT_MAX];

	report_put_text(out, key, at_ms == UNKNOWN_MS || at_ms == 0 ? NULL : clock_format(at_ms, text));
}

void report_put_share(struct strbuf *out, const char *key, int64_t part, int64_t whole)
{
	strbuf_json_key(out, key);
	if (whole > 0)
		strbuf_json_double(out, (double)part / (double)whole);
	else
		strbuf_puts(out, "null");
}

/* ---- lists ---- */

/* Numbers of the items that are wanted, ordered by weight. */
struct list { const struct report *r; const struct tallies *t; const char *thing, *what; uint32_t *items; size_t n; };

static int64_t alarm_weight(const struct report_alarm *a, const struct list *l)
{
	if (l->what || !l->thing) /* by how long it stood */
		return a->standing_ms;
	return (int64_t)a->raised + a->reraised;
}

static int by_raises(const void *a, const void *b, void *user)
{
	const struct list *l = user;
	const struct report_alarm *x = &l->r->alarms[*(const uint32_t *)a], *y = &l->r->alarms[*(const uint32_t *)b];
	int64_t nx = (int64_t)x->raised + x->reraised, ny = (int64_t)y->raised + y->reraised;

	if (nx != ny)
		return nx < ny ? 1 : -1;
	if (x->times != y->times)
		return x->times < y->times ? 1 : -1;
	return strcmp(x->id, y->id);
}

static int by_standing(const void *a, const void *b, void *user)
{
	const struct list *l = user;
	const struct report_alarm *x = &l->r->alarms[*(const uint32_t *)a], *y = &l->r->alarms[*(const uint32_t *)b];
	int64_t nx = alarm_weight(x, l), ny = alarm_weight(y, l);

	return nx != ny ? nx < ny ? 1 : -1 : strcmp(x->id, y->id);
}

static int by_since(const void *a, const void *b, void *user)
{
	const struct list *l = user;
	const struct report_alarm *x = &l->r->alarms[*(const uint32_t *)a], *y = &l->r->alarms[*(const uint32_t *)b];

	return x->since_ms != y->since_ms ? x->since_ms > y->since_ms ? 1 : -1 : strcmp(x->id, y->id);
}

static int by_total(const void *a, const void *b, void *user)
{
	const struct list *l = user;
	const struct tally *x = &l->t->items[*(const uint32_t *)a], *y = &l->t->items[*(const uint32_t *)b];
	uint64_t nx = x->n[TALLY_TOTAL] + x->n[TALLY_RERAISED], ny = y->n[TALLY_TOTAL] + y->n[TALLY_RERAISED];

	return nx != ny ? nx < ny ? 1 : -1 : strcmp(x->name, y->name);
}

static int by_first(const void *a, const void *b, void *user)
{
	const struct list *l = user;
	const struct tally *x = &l->t->items[*(const uint32_t *)a], *y = &l->t->items[*(const uint32_t *)b];

	return x->n[0] != y->n[0] ? x->n[0] < y->n[0] ? 1 : -1 : strcmp(x->name, y->name);
}

static bool list_alarms(struct list *l, struct strbuf *out, bool (*wanted)(const struct report_alarm *a, const struct list *l), int (*order)(const void *, const void *, void *))
{
	l->n = 0;
	l->items = malloc((l->r->n_alarms + 1) * sizeof *l->items);
	if (!l->items) {
		out->failed = true;
		return false;
	}
	for (size_t i = 0; i < l->r->n_alarms; i++)
		if (wanted(&l->r->alarms[i], l))
			l->items[l->n++] = (uint32_t)i;
	qsort_r(l->items, l->n, sizeof *l->items, order, l);
	return true;
}

static size_t open_list(struct strbuf *out, const char *key, size_t n, uint64_t beyond, size_t max)
{
	size_t shown = n < max ? n : max;

	strbuf_json_key(out, key);
	strbuf_putc(out, '{');
	report_put_int(out, "n", (int64_t)(n + beyond));
	report_put_int(out, "left_out", (int64_t)(n + beyond - shown));
	strbuf_puts(out, ",\"list\":[");
	return shown;
}

static void next_item(struct strbuf *out, size_t i)
{
	strbuf_puts(out, i ? ",{" : "{");
}

static void close_list(struct strbuf *out, struct list *l)
{
	strbuf_puts(out, "]}");
	free(l->items);
}

/* ---- by name ---- */

static bool list_tallies(struct list *l, struct strbuf *out, int (*order)(const void *, const void *, void *))
{
	l->items = malloc((l->t->n + 1) * sizeof *l->items);
	if (!l->items) {
		out->failed = true;
		return false;
	}
	for (size_t i = 0; i < l->t->n; i++)
		l->items[i] = (uint32_t)i;
	l->n = l->t->n;
	qsort_r(l->items, l->n, sizeof *l->items, order, l);
	return true;
}

void report_put_tallies(struct strbuf *out, const char *key, const struct tallies *t, const char *name_key, size_t max)
{
	struct list l = { .t = t };

	if (!list_tallies(&l, out, by_total))
		return;
	size_t shown = open_list(out, key, l.n, 0, max);
	for (size_t i = 0; i < shown; i++) {
		const struct tally *x = &t->items[l.items[i]];
		next_item(out, i);
		report_put_text(out, name_key, x->name);
		report_put_int(out, "raised", (int64_t)x->n[TALLY_TOTAL]);
		report_put_int(out, "reraised", (int64_t)x->n[TALLY_RERAISED]);
		for (unsigned c = 0; c < CLASS_COUNT; c++)
			if (x->n[c])
				report_put_int(out, alarm_class_name((enum alarm_class)c), (int64_t)x->n[c]);
		strbuf_putc(out, '}');
	}
	strbuf_puts(out, "],\"uncounted\":");
	strbuf_json_int(out, (int64_t)t->left_out);
	strbuf_putc(out, '}');
	free(l.items);
}

void report_put_causes(struct strbuf *out, const struct report *r, size_t max)
{
	static const char *const words[REPORT_VERDICTS] = { "real", "false", "test", "drill" };
	struct list l = { .t = &r->causes };
	size_t n = 0;

	if (!list_tallies(&l, out, by_first))
		return;
	while (n < l.n && r->causes.items[l.items[n]].n[0]) /* those whose verdict was changed are 0 */
		n++;
	size_t shown = open_list(out, "causes", n, 0, max);
	for (size_t i = 0; i < shown; i++) {
		const struct tally *x = &r->causes.items[l.items[i]];
		next_item(out, i);
		report_put_text(out, "what", words[x->name[0] - '0']);
		report_put_text(out, "cause", x->name + 1);
		report_put_int(out, "count", (int64_t)x->n[0]);
		strbuf_putc(out, '}');
	}
	close_list(out, &l);
}

void report_put_people(struct strbuf *out, const struct report *r, size_t max)
{
	static const char *const keys[] = { "on", "off", "handover", "answers", "acknowledged", "verified" };
	struct list l = { .t = &r->people };

	if (!list_tallies(&l, out, by_first))
		return;
	size_t shown = open_list(out, "people", l.n, 0, max);
	for (size_t i = 0; i < shown; i++) {
		const struct tally *x = &r->people.items[l.items[i]];
		next_item(out, i);
		report_put_text(out, "name", x->name);
		for (size_t k = 0; k < sizeof keys / sizeof keys[0]; k++)
			report_put_int(out, keys[k], (int64_t)x->n[k]);
		strbuf_putc(out, '}');
	}
	close_list(out, &l);
}

/* ---- alarms ---- */

static bool was_raised(const struct report_alarm *a, const struct list *l)
{
	(void)l;
	return a->raised + a->reraised > 0;
}

void report_put_chatterers(struct strbuf *out, const struct report *r, size_t max)
{
	struct list l = { .r = r };

	if (!list_alarms(&l, out, was_raised, by_raises))
		return;
	size_t shown = open_list(out, "chatterers", l.n, 0, max);
	for (size_t i = 0; i < shown; i++) {
		const struct report_alarm *a = &r->alarms[l.items[i]];
		next_item(out, i);
		report_put_text(out, "alarm", a->id);
		report_put_text(out, "name", a->name ? a->name : "");
		report_put_text(out, "class", alarm_class_name(a->class_));
		report_put_int(out, "raised", a->raised);
		report_put_int(out, "reraised", a->reraised);
		report_put_int(out, "chattering", a->chattering);
		report_put_int(out, "times", a->times);
		report_put_int(out, "standing_ms", a->standing_ms);
		strbuf_putc(out, '}');
	}
	close_list(out, &l);
}

static bool calls_still(const struct report_alarm *a, const struct list *l)
{
	(void)l;
	return a->stands && report_announced(a);
}

void report_put_standing(struct strbuf *out, const struct report *r, size_t max)
{
	struct list l = { .r = r };
	size_t stale = 0;

	if (!list_alarms(&l, out, calls_still, by_since))
		return;
	for (size_t i = 0; i < l.n; i++)
		stale += r->alarms[l.items[i]].since_ms < r->to_ms - STALE_MS;
	report_put_int(out, "stale", (int64_t)stale);
	size_t shown = open_list(out, "standing", l.n, 0, max);
	for (size_t i = 0; i < shown; i++) {
		const struct report_alarm *a = &r->alarms[l.items[i]];
		next_item(out, i);
		report_put_text(out, "alarm", a->id);
		report_put_text(out, "name", a->name ? a->name : "");
		report_put_text(out, "class", alarm_class_name(a->class_));
		report_put_time(out, "since", a->since_ms);
		strbuf_puts(out, a->since_ms < r->to_ms - STALE_MS ? ",\"stale\":true" : ",\"stale\":false");
		strbuf_puts(out, a->acked ? ",\"acked\":true}" : ",\"acked\":false}");
	}
	close_list(out, &l);
}

static bool is_own(const struct report_alarm *a, const struct list *l)
{
	(void)l;
	return strncmp(a->id, "_gw.", 4) == 0 && (a->stood || a->standing_ms);
}

void report_put_own(struct strbuf *out, const struct report *r, size_t max)
{
	struct list l = { .r = r };

	if (!list_alarms(&l, out, is_own, by_standing))
		return;
	size_t shown = open_list(out, "own_faults", l.n, 0, max);
	for (size_t i = 0; i < shown; i++) {
		const struct report_alarm *a = &r->alarms[l.items[i]];
		next_item(out, i);
		report_put_text(out, "alarm", a->id);
		report_put_int(out, "times", a->stood);
		report_put_int(out, "standing_ms", a->standing_ms);
		strbuf_putc(out, '}');
	}
	close_list(out, &l);
}

static bool ends_with(const char *text, const char *end)
{
	size_t n = strlen(text), m = strlen(end);

	return n >= m && strcmp(text + n - m, end) == 0;
}

/* `_gw.device-NAME/silent`: where NAME begins; NULL if it is no such fault. */
static const char *thing_name(const char *id, const char *thing, const char *what)
{
	size_t n = strlen(thing);

	if (strncmp(id, "_gw.", 4) != 0 || strncmp(id + 4, thing, n) != 0 || id[4 + n] != '-')
		return NULL;
	const char *slash = strchr(id, '/');
	return slash && strcmp(slash + 1, what) == 0 ? id + 4 + n + 1 : NULL;
}

static bool is_thing(const struct report_alarm *a, const struct list *l)
{
	return thing_name(a->id, l->thing, l->what) && (a->stood || a->standing_ms);
}

void report_put_available(struct strbuf *out, const struct report *r, const char *key, const char *thing, const char *what, size_t max)
{
	struct list l = { .r = r, .thing = thing, .what = what };
	int64_t whole = r->to_ms - r->from_ms;
	char name[REPORT_ALARM_MAX];

	if (!list_alarms(&l, out, is_thing, by_standing))
		return;
	size_t shown = open_list(out, key, l.n, 0, max);
	for (size_t i = 0; i < shown; i++) {
		const struct report_alarm *a = &r->alarms[l.items[i]];
		const char *from = thing_name(a->id, thing, what);
		size_t n = strcspn(from, "/");
		memcpy(name, from, n);
		name[n] = '\0';
		next_item(out, i);
		report_put_text(out, "name", name);
		report_put_share(out, "share", whole - a->standing_ms, whole);
		report_put_int(out, "down_ms", a->standing_ms);
		report_put_int(out, "times", a->stood);
		report_put_int(out, "longest_ms", a->longest_ms);
		strbuf_puts(out, a->stands ? ",\"down\":true}" : ",\"down\":false}");
	}
	close_list(out, &l);
}

/* ---- disablements ---- */

static bool is_disabled(const struct report_alarm *a, const struct list *l)
{
	(void)l;
	return a->class_ == CLASS_DISABLEMENT && (a->stood || a->standing_ms);
}

static const char *disablement_word(const struct report_alarm *a)
{
	return ends_with(a->id, "/shelved") ? "shelved" : ends_with(a->id, "/out-of-service") ? "out-of-service" : "disabled";
}

/* What it is about: the id without its last part. */
static void put_subject(struct strbuf *out, const struct report_alarm *a)
{
	char subject[REPORT_ALARM_MAX];
	const char *slash = strrchr(a->id, '/');
	size_t n = slash && strcmp(disablement_word(a), "disabled") != 0 ? (size_t)(slash - a->id) : strlen(a->id);

	memcpy(subject, a->id, n);
	subject[n] = '\0';
	report_put_text(out, "of", subject);
}

void report_put_disabled(struct strbuf *out, const struct report *r, size_t max)
{
	struct list l = { .r = r };

	if (!list_alarms(&l, out, is_disabled, by_standing))
		return;
	size_t shown = open_list(out, "disabled", l.n, 0, max);
	for (size_t i = 0; i < shown; i++) {
		const struct report_alarm *a = &r->alarms[l.items[i]];
		next_item(out, i);
		report_put_text(out, "what", disablement_word(a));
		put_subject(out, a);
		report_put_int(out, "ms", a->standing_ms);
		report_put_int(out, "times", a->stood);
		strbuf_putc(out, '}');
	}
	close_list(out, &l);
}

static bool is_disabled_still(const struct report_alarm *a, const struct list *l)
{
	(void)l;
	return a->class_ == CLASS_DISABLEMENT && a->stands;
}

/* What is shelved, out of service or under test at the end: nothing is hidden quietly. */
void report_put_beside(struct strbuf *out, const struct report *r, size_t max)
{
	struct list l = { .r = r };
	size_t tests = 0, k = 0;

	if (!list_alarms(&l, out, is_disabled_still, by_since))
		return;
	for (size_t i = 0; i < TESTS_MAX; i++)
		tests += r->tests[i].open;
	size_t shown = open_list(out, "beside", l.n + tests, r->tests_left_out, max);
	for (size_t i = 0; i < TESTS_MAX; i++) {
		const struct report_test *t = &r->tests[i];
		if (!t->open || k == shown)
			continue;
		next_item(out, k++);
		report_put_text(out, "what", t->mode == MODE_DRILL ? "drill" : "test");
		report_put_text(out, "of", t->select);
		report_put_time(out, "since", t->from_ms);
		report_put_time(out, "until", t->until_ms);
		strbuf_putc(out, '}');
	}
	for (size_t i = 0; i < l.n && k < shown; i++) {
		const struct report_alarm *a = &r->alarms[l.items[i]];
		next_item(out, k++);
		report_put_text(out, "what", disablement_word(a));
		put_subject(out, a);
		report_put_time(out, "since", a->since_ms);
		report_put_time(out, "until", a->until_ms);
		strbuf_putc(out, '}');
	}
	close_list(out, &l);
}
