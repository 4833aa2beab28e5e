#include "tests/sim/whole.h"

#include "gateway/pump_inside.h"

#include <inttypes.h>
#include <setjmp.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* A commit that is under way may take up to a second before the store counts as late, and the event's own as long. */
#define FIRE_WITHIN_NS (2 * APP_LATE_NS + 100 * CLOCK_NS_PER_MS)

static const char *const nodes[WHOLE_NODES] = { "gw", "tower-b" };

void whole_fail(const struct whole *w, const char *fmt, ...)
{
	char text[2048];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof text, fmt, args);
	va_end(args);
	fail_msg("seed %" PRIu64 ", step %u, %.3f s: %s", w->seed, w->step, (double)(w->h.now.mono_ns - 1000 * CLOCK_NS_PER_S) / 1e9, text);
	abort();
}

bool whole_wanted(size_t hub, size_t stream)
{
	unsigned s = (unsigned)(stream % STREAM_COUNT);

	return hub == 0 || s == CLASS_FIRE || s == CLASS_FAULT;
}

/* ---- what a broker got ---- */

/* The first string or number of this name; the head comes first and in order. */
static bool text_of(const char *payload, const char *key, char *ret, size_t cap)
{
	char name[40];

	snprintf(name, sizeof name, "\"%s\":\"", key);
	const char *at = strstr(payload, name);
	if (!at)
		return false;
	at += strlen(name);
	snprintf(ret, cap, "%.*s", (int)strcspn(at, "\""), at);
	return true;
}

static bool number_of(const char *payload, const char *key, int64_t *ret)
{
	char name[40], *end;

	snprintf(name, sizeof name, "\"%s\":", key);
	const char *at = strstr(payload, name);
	if (!at)
		return false;
	at += strlen(name);
	*ret = strtoll(at, &end, 10);
	return end != at;
}

static bool same_id(struct event_id a, struct event_id b)
{
	return a.boot == b.boot && a.counter == b.counter;
}

static size_t stream_of(const struct whole *w, const char *payload)
{
	char node[48], stream[24];
	unsigned s;

	whole_require(w, text_of(payload, "node", node, sizeof node) && text_of(payload, "stream", stream, sizeof stream) && stream_find(stream, &s) == 0,
	              "no stream: %s", payload);
	for (size_t i = 0; i < WHOLE_NODES; i++)
		if (strcmp(node, nodes[i]) == 0)
			return i * STREAM_COUNT + s;
	whole_fail(w, "no node: %s", payload);
}

static struct whole_record *record_of(struct whole_tally *t, int64_t seq)
{
	if (seq >= t->cap) {
		int64_t cap = (seq + 1) * 2;
		t->items = realloc(t->items, (size_t)cap * sizeof *t->items);
		assert_non_null(t->items);
		memset(t->items + t->cap, 0, (size_t)(cap - t->cap) * sizeof *t->items);
		t->cap = cap;
	}
	return &t->items[seq];
}

/* What this message says about a stream's numbers. */
struct said { size_t stream; int64_t first, last, n; struct event_id id; bool lost; };

static bool understand(const struct whole *w, const struct fake_publish *m, struct said *ret)
{
	char id[EVENT_ID_MAX];

	*ret = (struct said){ 0 };
	if (strstr(m->topic, "/event/")) {
		ret->stream = stream_of(w, m->payload);
		whole_require(w, text_of(m->payload, "id", id, sizeof id) && event_id_parse(id, &ret->id) == 0, "no id: %s", m->payload);
		if (number_of(m->payload, "seq", &ret->first))
			whole_require(w, number_of(m->payload, "n", &ret->n) && strstr(m->payload, "\"durable\":true"), "seq and no n: %s", m->payload);
		else
			whole_require(w, !number_of(m->payload, "n", &ret->n) && strstr(m->payload, "\"durable\":false"), "no seq and n: %s", m->payload);
		ret->last = ret->first;
		return true;
	}
	if (strstr(m->topic, "/reading")) {
		ret->stream = stream_of(w, m->payload);
		return number_of(m->payload, "first", &ret->first) && number_of(m->payload, "last", &ret->last);
	}
	if (!strstr(m->topic, "/lost") || !number_of(m->payload, "from_seq", &ret->first) || !number_of(m->payload, "to_seq", &ret->last))
		return false;
	ret->stream = stream_of(w, m->payload);
	ret->lost = true;
	return true;
}

void whole_on_ack(struct whole *w, size_t hub, const struct fake_publish *m)
{
	struct said s;

	if (!understand(w, m, &s) || s.first == 0)
		return;
	struct whole_tally *t = &w->tallies[hub][s.stream];
	for (int64_t seq = s.first; seq <= s.last; seq++)
		record_of(t, seq)->acked = true;
	while (t->acked_to + 1 < t->cap && t->items[t->acked_to + 1].acked)
		t->acked_to++;
}

static void took_early(struct whole *w, size_t hub, const struct said *s)
{
	const struct whole_tally *t = &w->tallies[hub][s->stream];

	for (int64_t seq = 1; seq <= t->high && seq < t->cap; seq++)
		if (same_id(t->items[seq].id, s->id))
			whole_require(w, !t->items[seq].acked, "%s: an event goes out undurable after its number was acknowledged (counter %" PRIu64 ")", house_hubs[hub], s->id.counter);
	if (w->n_earlies == w->cap_earlies) {
		w->cap_earlies = w->cap_earlies ? w->cap_earlies * 2 : 64;
		w->earlies = realloc(w->earlies, w->cap_earlies * sizeof *w->earlies);
		assert_non_null(w->earlies);
	}
	w->earlies[w->n_earlies++] = (struct whole_early){ s->id, hub, s->stream };
	w->count.earlies++;
}

static void took_numbers(struct whole *w, size_t hub, const struct said *s, const char *payload)
{
	struct whole_tally *t = &w->tallies[hub][s->stream];

	for (int64_t seq = s->first; seq <= s->last; seq++) {
		struct whole_record *r = record_of(t, seq);
		if (!r->seen && !r->lost) {
			int64_t least = w->refused[hub] ? t->high - PUMP_WINDOW_MAX : t->high + 1;
			whole_require(w, seq >= least && (w->refused[hub] || seq == least), "%s: %" PRId64 " comes after %" PRId64 ": %.300s", house_hubs[hub], seq, t->high, payload);
		}
		if (s->id.boot && r->seen)
			whole_require(w, same_id(r->id, s->id), "%s: number %" PRId64 " is another event now: %.300s", house_hubs[hub], seq, payload);
		r->seen |= !s->lost;
		r->lost |= s->lost;
		r->id = s->id;
		if (seq > t->high)
			t->high = seq;
	}
}

static size_t life_of(const struct whole *w, const char *payload)
{
	char text[EVENT_ID_MAX];
	struct event_id id = { 0 };
	size_t i = 0;

	if (text_of(payload, "id", text, sizeof text))
		event_id_parse(text, &id);
	while (i < w->n_lives && w->lives[i].boot != id.boot)
		i++;
	return i;
}

/* The highest rev wins: what a later life sends is above all that was ever seen of an earlier one, stored or not, if that one could store anything. */
static void took_rev(struct whole *w, size_t hub, const char *payload)
{
	size_t life = life_of(w, payload), i = 0;
	char alarm[64];
	int64_t rev;

	if (!text_of(payload, "alarm", alarm, sizeof alarm) || !number_of(payload, "rev", &rev))
		return;
	while (i < w->n_revs[hub] && strcmp(w->revs[hub][i].alarm, alarm) != 0)
		i++;
	whole_require(w, i < WHOLE_ALARMS, "too many alarms");
	struct whole_rev *r = &w->revs[hub][i];
	if (i == w->n_revs[hub]) {
		w->n_revs[hub]++;
		snprintf(r->alarm, sizeof r->alarm, "%s", alarm);
	}
	whole_require(w, life <= r->life || rev > r->rev || !w->lives[r->life].stored, "%s saw revision %u of %s, and then %.300s", house_hubs[hub], r->rev, alarm, payload);
	if (life > r->life)
		r->life = life;
	if (r->rev < (uint32_t)rev)
		r->rev = (uint32_t)rev;
}

static void remember_stored(struct whole *w);

static void read_brokers(struct whole *w)
{
	for (size_t hub = 0; hub < HOUSE_HUBS; hub++) {
		const struct fake_list *log = &w->h.hubs[hub].log;
		for (; w->read[hub] < log->n; w->read[hub]++) {
			const struct fake_publish *m = &log->items[w->read[hub]];
			struct said s;
			if (m->len && (strstr(m->topic, "/event/") || strstr(m->topic, "/alarm/")))
				took_rev(w, hub, m->payload);
			if (!understand(w, m, &s))
				continue;
			whole_require(w, whole_wanted(hub, s.stream), "%s: not its stream: %.300s", house_hubs[hub], m->payload);
			if (s.first == 0) {
				took_early(w, hub, &s);
				continue;
			}
			if (s.n > w->n_stored)
				remember_stored(w); /* the reader may see a commit before the loop is told of it */
			if (s.n)
				whole_require(w, s.n <= w->n_stored && same_id(w->stored[s.n], s.id), "%s has what the database has not: %.300s", house_hubs[hub], m->payload);
			*(s.lost ? &w->count.lost : s.n ? &w->count.numbered : &w->count.readings) += 1;
			took_numbers(w, hub, &s, m->payload);
		}
	}
}

/* ---- fires ---- */

static uint32_t rev_now(struct whole *w, size_t point)
{
	struct rules *r = pipeline_rules(w->h.app->pipeline);
	struct rules_present present;

	rules_present(r, rules_find(r, house_points[point].alarm), &present);
	return present.rev;
}

static bool awaits(const struct whole *w, size_t hub)
{
	const struct fake_hub *k = &w->h.hubs[hub];

	return w->h.prompt[hub] && k->up && !k->ending && k->n_refuse == 0 && k->room == SIZE_MAX && pump_open(w->h.app->hubs[hub]->pump) &&
	       w->h.app->hubs[hub]->pump->n_refused == 0;
}

void whole_on_sample(void *user, size_t point, bool after)
{
	struct whole *w = user;

	if (!house_points[point].fire)
		return;
	uint32_t rev = rev_now(w, point);
	if (!after)
		w->rev_before = rev;
	for (size_t hub = 0; after && rev != w->rev_before && hub < HOUSE_HUBS; hub++)
		if (awaits(w, hub) && w->n_expects < WHOLE_EXPECTS) {
			w->expects[w->n_expects++] = (struct whole_expect){ hub, point, rev, w->h.now.mono_ns + FIRE_WITHIN_NS };
			w->count.expects++;
		}
}

static bool has_come(const struct whole *w, const struct whole_expect *x)
{
	for (size_t i = 0; i < w->n_revs[x->hub]; i++)
		if (strcmp(w->revs[x->hub][i].alarm, house_points[x->alarm].alarm) == 0)
			return w->revs[x->hub][i].rev >= x->rev;
	return false;
}

static void check_fires(struct whole *w)
{
	for (size_t i = 0; i < w->n_expects;) {
		struct whole_expect *x = &w->expects[i];
		bool over = !awaits(w, x->hub) || has_come(w, x);
		whole_require(w, over || w->h.now.mono_ns <= x->by_ns, "%s waits for %s, revision %u", house_hubs[x->hub], house_points[x->alarm].alarm, x->rev);
		if (over)
			*x = w->expects[--w->n_expects];
		else
			i++;
	}
}

/* ---- the database ---- */

static sqlite3_stmt *query(struct whole *w, const char *sql)
{
	sqlite3_stmt *st = NULL;

	whole_require(w, sqlite3_prepare_v2(w->look, sql, -1, &st, NULL) == SQLITE_OK, "%s: %s", sql, sqlite3_errmsg(w->look));
	return st;
}

static bool next_row(struct whole *w, sqlite3_stmt *st)
{
	int rc = sqlite3_step(st);

	whole_require(w, rc == SQLITE_ROW || rc == SQLITE_DONE, "%s: %s", sqlite3_sql(st), sqlite3_errmsg(w->look));
	if (rc == SQLITE_DONE)
		sqlite3_finalize(st);
	return rc == SQLITE_ROW;
}

static const char *text(sqlite3_stmt *st, int i)
{
	const char *s = (const char *)sqlite3_column_text(st, i);

	return s ? s : "";
}

static bool nobody_was_told(const struct whole *w)
{
	return w->n_stored == 0;
}

void whole_open_look(struct whole *w)
{
	whole_require(w, sqlite3_open_v2(w->h.db, &w->look, SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX, "unix") == SQLITE_OK, "the database cannot be looked at");
	whole_require(w, w->log[0] == '\0' || nobody_was_told(w) || strcmp(w->log, w->h.app->log_id) == 0, "another log: %s, was %s", w->h.app->log_id, w->log);
	snprintf(w->log, sizeof w->log, "%s", w->h.app->log_id);
}

static void remember_stored(struct whole *w)
{
	sqlite3_stmt *st = query(w, "SELECT n, id FROM v_events WHERE n > ?1 ORDER BY n");

	sqlite3_bind_int64(st, 1, w->n_stored);
	while (next_row(w, st)) {
		if (w->n_stored + 1 >= w->cap_stored) {
			w->cap_stored = (w->n_stored + 1) * 2 + 64;
			w->stored = realloc(w->stored, (size_t)w->cap_stored * sizeof *w->stored);
			assert_non_null(w->stored);
		}
		whole_require(w, sqlite3_column_int64(st, 0) == w->n_stored + 1, "n %" PRId64 " follows %" PRId64, (int64_t)sqlite3_column_int64(st, 0), w->n_stored);
		w->n_stored++;
		assert_int_equal(event_id_parse(text(st, 1), &w->stored[w->n_stored]), 0);
	}
}

struct replayed { char alarm[64], state[16]; int64_t rev; uint64_t boot; bool in_table; };

/* One event of an alarm: it goes on from where the alarm was. */
static void replay(struct whole *w, struct replayed *list, size_t *n, const char *alarm, const char *state, const char *body, uint64_t boot, bool whole_log)
{
	char from[16] = "";
	int64_t rev = 0;
	size_t i;

	text_of(body, "from", from, sizeof from);
	number_of(body, "rev", &rev);
	for (i = 0; i < *n && strcmp(list[i].alarm, alarm) != 0; i++)
		;
	if (i == *n) {
		whole_require(w, *n < WHOLE_ALARMS, "too many alarms");
		list[(*n)++] = (struct replayed){ .rev = whole_log ? 0 : rev - 1 };
		snprintf(list[i].alarm, sizeof list[i].alarm, "%s", alarm);
		snprintf(list[i].state, sizeof list[i].state, "%s", whole_log ? "normal" : from);
	}
	/* Another life may begin higher, for what the one before it may have sent. */
	bool follows = rev == list[i].rev + 1 || (rev > list[i].rev && boot != list[i].boot);
	bool gave_up = house_given_up(&w->h) && rev > list[i].rev;
	whole_require(w, gave_up || (strcmp(list[i].state, from) == 0 && follows), "%s was %s, revision %" PRId64 ", and goes on with %s", alarm, list[i].state, list[i].rev, body);
	snprintf(list[i].state, sizeof list[i].state, "%s", state);
	list[i].rev = rev;
	list[i].boot = boot;
}

static void check_alarm_table(struct whole *w, struct replayed *list, size_t n, bool whole_log)
{
	sqlite3_stmt *st = query(w, "SELECT alarm, state, rev FROM v_alarms");

	while (next_row(w, st)) {
		size_t i;
		for (i = 0; i < n && strcmp(list[i].alarm, text(st, 0)) != 0; i++)
			;
		if (i == n && !whole_log)
			continue;
		whole_require(w, i < n && strcmp(list[i].state, text(st, 1)) == 0 && list[i].rev == sqlite3_column_int64(st, 2), "the table has %s as %s, the log as %s",
		              text(st, 0), text(st, 1), i < n ? list[i].state : "nothing");
		list[i].in_table = true;
	}
	for (size_t i = 0; i < n; i++)
		whole_require(w, list[i].in_table != (strcmp(list[i].state, "normal") == 0), "%s is %s in the log%s", list[i].alarm, list[i].state,
		              list[i].in_table ? "" : " and not in the table");
}

static void check_log(struct whole *w)
{
	sqlite3_stmt *st = query(w, "SELECT n, node, stream, seq, id, alarm, state, body FROM v_events ORDER BY n");
	int64_t n = 0, seqs[WHOLE_STREAMS] = { 0 };
	struct replayed list[WHOLE_ALARMS];
	size_t n_list = 0;
	bool whole_log = !w->h.keep_events_ms; /* streams are pruned apart: what is kept of several has holes in n */
	struct event_id id;

	while (next_row(w, st)) {
		int64_t now = sqlite3_column_int64(st, 0), seq = sqlite3_column_int64(st, 3);
		size_t stream = stream_of(w, text(st, 7));
		whole_require(w, now == n + 1 || !whole_log, "n %" PRId64 " follows %" PRId64, now, n);
		whole_require(w, seq == seqs[stream] + 1 || (!whole_log && seqs[stream] == 0), "%s: %" PRId64 " follows %" PRId64, text(st, 2), seq, seqs[stream]);
		n = now;
		seqs[stream] = seq;
		assert_int_equal(event_id_parse(text(st, 4), &id), 0);
		whole_require(w, n <= w->n_stored && same_id(id, w->stored[n]), "n %" PRId64 " is another event than was stored", n);
		for (size_t hub = 0; hub < HOUSE_HUBS; hub++)
			if (seq < w->tallies[hub][stream].cap && w->tallies[hub][stream].items[seq].seen)
				whole_require(w, same_id(w->tallies[hub][stream].items[seq].id, id), "%s has another event as %s %" PRId64, house_hubs[hub], text(st, 2), seq);
		if (sqlite3_column_type(st, 5) != SQLITE_NULL)
			replay(w, list, &n_list, text(st, 5), text(st, 6), text(st, 7), id.boot, whole_log);
	}
	whole_require(w, n == w->n_stored || w->h.keep_events_ms, "%" PRId64 " events were stored, %" PRId64 " are there", w->n_stored, n);
	check_alarm_table(w, list, n_list, whole_log);
}

static void check_cursors(struct whole *w)
{
	sqlite3_stmt *st = query(w, "SELECT h.name, s.node, s.stream, c.seq FROM cursor c JOIN hub h ON h.db = c.hub JOIN stream s ON s.db = c.stream");

	while (next_row(w, st)) {
		size_t hub = strcmp(text(st, 0), house_hubs[0]) == 0 ? 0 : 1;
		unsigned stream;
		assert_int_equal(stream_find(text(st, 2), &stream), 0);
		size_t i = (strcmp(text(st, 1), nodes[0]) == 0 ? 0 : STREAM_COUNT) + stream;
		whole_require(w, !whole_wanted(hub, i) || sqlite3_column_int64(st, 3) <= w->tallies[hub][i].acked_to, "%s: the cursor of %s %s is stored as %" PRId64
		              ", acknowledged is %" PRId64, text(st, 0), text(st, 1), text(st, 2), (int64_t)sqlite3_column_int64(st, 3), w->tallies[hub][i].acked_to);
	}
}

void whole_check_stored(struct whole *w)
{
	if (!w->look)
		return;
	remember_stored(w);
	read_brokers(w);
	check_log(w);
	check_cursors(w);
}

/* ---- each turn ---- */

void whole_on_turn(void *user)
{
	struct whole *w = user;
	const struct app *a = w->h.app;

	if (!w->look)
		return;
	if (a->commits != w->commits) {
		w->commits = a->commits;
		w->lives[w->n_lives - 1].stored = true;
		remember_stored(w);
	}
	read_brokers(w);
	check_fires(w);
	for (size_t hub = 0; hub < a->n_hubs; hub++) {
		for (size_t i = 0; i < WHOLE_STREAMS; i++)
			whole_require(w, !whole_wanted(hub, i) || a->hubs[hub]->acked[i] <= w->tallies[hub][i].acked_to, "%s: the cursor of stream %zu is %" PRId64
			              ", acknowledged is %" PRId64, house_hubs[hub], i, a->hubs[hub]->acked[i], w->tallies[hub][i].acked_to);
		if (w->h.hubs[hub].session != w->session[hub])
			whole_require(w, w->h.hubs[hub].session > w->session[hub], "%s: session %" PRId64 " after %" PRId64, house_hubs[hub], w->h.hubs[hub].session, w->session[hub]);
		w->session[hub] = w->h.hubs[hub].session;
	}
}

void whole_on_end(void *user)
{
	struct whole *w = user;

	whole_require(w, sqlite3_close(w->look) == SQLITE_OK, "a look at the database was not ended");
	w->look = NULL;
	w->n_expects = 0;
	if (w->n_lives)
		w->lives[w->n_lives - 1].lossy = true; /* whole_stop knows better */
}

/* ---- the end ---- */

static bool was_lossy(const struct whole *w, uint64_t boot)
{
	for (size_t i = 0; i < w->n_lives; i++)
		if (w->lives[i].boot == boot)
			return w->lives[i].lossy;
	return true;
}

static void check_complete(struct whole *w)
{
	for (size_t hub = 0; hub < HOUSE_HUBS; hub++)
		for (size_t i = 0; i < WHOLE_STREAMS; i++) {
			const struct whole_tally *t = &w->tallies[hub][i];
			if (!whole_wanted(hub, i))
				continue;
			whole_require(w, t->high == w->h.app->streams[i].stored, "%s: stream %zu is stored up to %" PRId64 ", there up to %" PRId64, house_hubs[hub], i,
			              w->h.app->streams[i].stored, t->high);
			for (int64_t seq = 1; seq <= t->high; seq++)
				whole_require(w, t->items[seq].seen || (t->items[seq].lost && i % STREAM_COUNT == STREAM_READING), "%s: stream %zu has no %" PRId64, house_hubs[hub], i, seq);
		}
	uint64_t missing[HOUSE_HUBS] = { 0 };
	for (size_t k = 0; k < w->n_earlies; k++) {
		const struct whole_early *e = &w->earlies[k];
		const struct whole_tally *t = &w->tallies[e->hub][e->stream];
		bool came = was_lossy(w, e->id.boot);
		for (int64_t seq = 1; seq <= t->high && !came; seq++)
			came = same_id(t->items[seq].id, e->id);
		missing[e->hub] += !came;
		whole_require(w, missing[e->hub] <= house_given_up(&w->h), "%s: event %016" PRIx64 "/%" PRIu64 " was announced and never came with a number", house_hubs[e->hub], e->id.boot, e->id.counter);
	}
}

static void check_retained(struct whole *w, size_t hub)
{
	const struct fake_hub *k = &w->h.hubs[hub];
	sqlite3_stmt *st = query(w, "SELECT alarm, body FROM v_alarms");
	size_t open = 0, there = 0;

	for (size_t i = 0; i < k->retained.n; i++)
		there += strstr(k->retained.items[i].topic, "/alarm/") != NULL;
	while (next_row(w, st)) {
		char topic[200];
		struct strbuf below;
		size_t stream = stream_of(w, text(st, 1));
		if (!whole_wanted(hub, stream))
			continue;
		open++;
		int at = snprintf(topic, sizeof topic, "fire/v1/500110/002/003/%s/", nodes[stream / STREAM_COUNT]);
		strbuf_init_fixed(&below, topic + at, sizeof topic - (size_t)at);
		states_alarm_topic(&below, text(st, 0));
		const char *payload = fake_hub_retained(k, topic);
		whole_require(w, payload && strcmp(payload, text(st, 1)) == 0, "%s: %s retains %s; the table has %s", house_hubs[hub], topic, payload ? payload : "nothing", text(st, 1));
	}
	whole_require(w, open == there, "%s: %zu alarms are open, %zu are retained", house_hubs[hub], open, there);
	const char *status = fake_hub_retained(k, "fire/v1/500110/002/003/gw/status");
	whole_require(w, status && strstr(status, "\"online\":true"), "%s: status is %s", house_hubs[hub], status ? status : "not there");
}

static void check_points(struct whole *w)
{
	for (size_t i = 0; i < HOUSE_POINTS; i++) {
		sqlite3_stmt *st = query(w, "SELECT state FROM v_alarms WHERE alarm = ?1");
		char state[16] = "normal";
		sqlite3_bind_text(st, 1, house_points[i].alarm, -1, SQLITE_STATIC);
		while (next_row(w, st))
			snprintf(state, sizeof state, "%s", text(st, 0));
		bool active = strcmp(state, "active") == 0 || strcmp(state, "acked") == 0;
		whole_require(w, active == w->h.on[i], "%s is %s, and the detector is %s", house_points[i].alarm, state, w->h.on[i] ? "on" : "off");
	}
}

void whole_check_end(struct whole *w)
{
	check_complete(w);
	for (size_t hub = 0; hub < HOUSE_HUBS; hub++)
		check_retained(w, hub);
	check_points(w);
}
