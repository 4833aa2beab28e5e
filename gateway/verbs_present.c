/* The verbs that list what is now: points and alarms. A list may be longer than what may wait for a peer, so it is sent piece by piece as the peer reads. */
#include "gateway/verbs.h"

#include "gateway/directory.h"

#include "core/strmap.h"

#include <stdlib.h>
#include <string.h>

#define PAUSE_NS      (10 * CLOCK_NS_PER_MS)
#define FOLLOWERS_MAX 32
#define EVERY_MIN_MS  100
#define EVERY_MAX_MS  60000
#define POINTS_A_TURN 10000 /* looked at, before others have theirs */
#define TURN_NS       CLOCK_NS_PER_MS
#define HINT_MAX      300

/* A list on its way. Alarms are those that stood when it was asked for; points are read as they are sent. */
struct listing {
	struct listing         *next;
	struct app             *app;
	struct control_request *rq;
	struct loop_timer       pause;
	size_t                  at;
	/* alarms */
	struct outmsg         **alarms;
	size_t                  n_alarms, n_hidden, n_others;
	/* points */
	struct generation      *generation;
	struct select          *select;
	bool                    bad; /* only those that are not good */
	size_t                  n_sent;
	uint64_t               *told; /* a follower's, by the config's order: what it knows of a point, hashed (0: nothing yet); NULL: does not follow */
	int64_t                 every_ns;
};

static json_t *result_of(const struct listing *l)
{
	char hint[HINT_MAX] = "";

	if (l->n_sent == 0 && l->n_alarms == 0 && l->select)
		select_hint(l->select, &l->app->generation->config->site, !l->alarms, hint, sizeof hint);
	if (l->alarms)
		return json_pack("{s:i, s:i, s:s?}", "hidden", (int)l->n_hidden, "others", (int)l->n_others, "hint", hint[0] ? hint : NULL);
	return hint[0] ? json_pack("{s:s}", "hint", hint) : NULL;
}

static void end(struct listing *l, const struct err *e)
{
	struct listing **p = &l->app->listings;

	while (*p != l)
		p = &(*p)->next;
	*p = l->next;
	loop_timer_set(&l->app->loop, &l->pause, CLOCK_NEVER);
	if (e)
		control_fail(l->rq, e);
	else
		control_end(l->rq, result_of(l));
	for (size_t i = 0; i < l->n_alarms; i++)
		outmsg_unref(l->alarms[i]);
	free(l->alarms);
	free(l->told);
	select_free(l->select);
	generation_unref(l->generation);
	free(l);
}

static void on_gone(void *user)
{
	end(user, NULL);
}

static struct listing *begin(struct app *a, struct control_request *rq, void (*more)(void *user, struct stamp now))
{
	struct listing *l = calloc(1, sizeof *l);
	struct err e;

	if (!l) {
		err_set(&e, ERR_NO_MEMORY, "no memory");
		control_fail(rq, &e);
		return NULL;
	}
	l->app = a;
	l->rq = rq;
	loop_timer_init(&l->pause, more, l);
	l->next = a->listings;
	a->listings = l;
	control_on_gone(rq, on_gone, l);
	return l;
}

/* Whether to go on now; else the timer does. */
static bool may_send(struct listing *l, struct stamp now)
{
	if (control_pending(l->rq) <= CONTROL_PENDING_PAUSE)
		return true;
	loop_timer_set(&l->app->loop, &l->pause, now.mono_ns + PAUSE_NS);
	return false;
}

void verbs_end_listings(struct app *a)
{
	struct err e;

	err_set(&e, ERR_CLOSED, "firegwd is stopping");
	while (a->listings)
		end(a->listings, &e);
}

/* How often it is read, and stored at least: who reads the past needs it to tell a gap from a value that held. */
static void put_pace(struct strbuf *out, const struct point *p)
{
	strbuf_json_key(out, "every");
	strbuf_json_int(out, p->every_ms);
	strbuf_json_key(out, "heartbeat");
	strbuf_json_int(out, p->heartbeat_ms);
}

/* `at` is of the last answer: a read that failed is none, whatever the time is. */
static void put_latest(struct strbuf *out, const struct latest *l)
{
	bool answered = l->quality == QUALITY_GOOD || l->quality == QUALITY_DEVICE || l->quality == QUALITY_RANGE;
	struct stamp last = answered ? l->at : l->good_at;
	char at[CLOCK_TEXT_MAX];

	strbuf_json_key(out, "value");
	if (l->quality != QUALITY_GOOD)
		strbuf_puts(out, "null");
	else if (l->text)
		strbuf_json_string(out, l->text);
	else
		strbuf_json_double(out, l->number);
	strbuf_json_key(out, "quality");
	strbuf_json_string(out, quality_name(l->quality));
	strbuf_json_key(out, "at");
	strbuf_json_string(out, last.mono_ns ? clock_format(last.wall_ms, at) : NULL);
	strbuf_putc(out, '}');
}

/* Has it changed since the follower was told? Then it is told now. */
static bool is_news(uint64_t *told, const struct latest *x)
{
	uint64_t now = strmap_hash64(&x->quality, sizeof x->quality, STRMAP_HASH_SEED);

	if (x->quality == QUALITY_GOOD)
		now = x->text ? strmap_hash64(x->text, strlen(x->text), now) : strmap_hash64(&x->number, sizeof x->number, now);
	now |= 1;
	bool news = *told != now;
	*told = now;
	return news;
}

static bool has_row(struct listing *l, const struct point *p)
{
	const struct latest *x = pipeline_latest(l->app->pipeline, p->index);

	if (l->told && !is_news(&l->told[l->at], x))
		return false;
	return select_fits_point(l->select, &l->generation->config->site, p) && !(l->bad && x->quality == QUALITY_GOOD);
}

static void send_points(void *user, struct stamp now)
{
	struct listing *l = user;
	struct app *a = l->app;
	const struct config *c = l->generation->config;
	struct strbuf text = STRBUF_INIT;
	struct err e;

	if (l->generation != a->generation) {
		err_set(&e, ERR_BUSY, "the configuration was loaded anew meanwhile; ask again");
		end(l, &e);
		return;
	}
	for (size_t n = 0; l->at < c->site.n_points && may_send(l, now); l->at++) {
		const struct point *p = &c->site.points[l->at];
		if (n++ == POINTS_A_TURN) {
			loop_timer_set(&a->loop, &l->pause, now.mono_ns + TURN_NS);
			break;
		}
		if (!has_row(l, p))
			continue;
		l->n_sent++;
		strbuf_reset(&text);
		directory_entry(&text, c, p);
		put_pace(&text, p);
		put_latest(&text, pipeline_latest(a->pipeline, p->index));
		control_row_text(l->rq, text.data, text.failed ? 0 : text.len);
	}
	strbuf_done(&text);
	if (l->at < c->site.n_points)
		return;
	if (!l->told) {
		end(l, NULL);
		return;
	}
	l->at = 0;
	loop_timer_set(&a->loop, &l->pause, now.mono_ns + l->every_ns);
}

/* Whether it follows, and how. */
static int take_follow(struct listing *l, json_t *args, struct err *reterr)
{
	int64_t every_ms;
	bool follow;
	size_t n = 0;

	if (verbs_flag(args, "bad", &l->bad, reterr) || verbs_flag(args, "follow", &follow, reterr))
		return -1;
	if (!follow)
		return 0;
	if (verbs_int(args, "every", 1000, &every_ms, reterr))
		return -1;
	if (every_ms < EVERY_MIN_MS || every_ms > EVERY_MAX_MS)
		return err_set(reterr, ERR_INVALID, "'every' must be %d to %d ms", EVERY_MIN_MS, EVERY_MAX_MS);
	if (l->bad)
		return err_set(reterr, ERR_INVALID, "'bad' cannot stand beside 'follow'");
	for (const struct listing *x = l->app->listings; x; x = x->next)
		n += x->told != NULL;
	if (n >= FOLLOWERS_MAX)
		return err_set(reterr, ERR_FULL, "%d follow points already; try again later", FOLLOWERS_MAX);
	l->every_ns = every_ms * CLOCK_NS_PER_MS;
	l->told = calloc(l->generation->config->site.n_points + 1, sizeof *l->told);
	return l->told ? 0 : err_set(reterr, ERR_NO_MEMORY, "no memory");
}

void verbs_points(struct app *a, struct control_request *rq, json_t *args)
{
	struct listing *l = begin(a, rq, send_points);
	struct err e;

	if (!l)
		return;
	l->generation = generation_ref(a->generation);
	if (verbs_select(args, &l->select, &e) || take_follow(l, args, &e))
		end(l, &e);
	else
		send_points(l, loop_now(&a->loop));
}

struct ranked { struct outmsg *msg; unsigned class_; bool acked; char since[CLOCK_TEXT_MAX]; };

static int compare_ranked(const void *x, const void *y)
{
	const struct ranked *a = x, *b = y;

	if (a->class_ != b->class_)
		return a->class_ < b->class_ ? -1 : 1;
	if (a->acked != b->acked)
		return a->acked ? 1 : -1;
	return strcmp(b->since, a->since);
}

static bool hidden(json_t *event)
{
	return json_is_true(json_object_get(event, "shelved")) || json_is_true(json_object_get(event, "suppressed")) ||
	       json_is_true(json_object_get(event, "out_of_service"));
}

static void send_alarms(void *user, struct stamp now)
{
	struct listing *l = user;

	for (; l->at < l->n_alarms && may_send(l, now); l->at++)
		control_row_text(l->rq, l->alarms[l->at]->data, l->alarms[l->at]->len);
	if (l->at == l->n_alarms)
		end(l, NULL);
}

/* Those that fit, most urgent first; returns how many. */
static size_t rank(struct app *a, const struct select *select, bool all, struct ranked *list, size_t *ret_hidden, size_t *ret_others)
{
	size_t n = 0;
	json_error_t je;

	for (size_t i = 0; i < a->alarms.n; i++) {
		const struct state_entry *s = &a->alarms.entries[i];
		json_t *event = s->version && s->msg ? json_loadb(s->msg->data, s->msg->len, 0, &je) : NULL;
		if (!event)
			continue;
		struct select_subject subject = verbs_event_subject(&a->generation->config->site, event);
		bool fits = select_fits(select, &subject);
		if (fits && !all && hidden(event)) {
			++*ret_hidden;
		} else if (fits) {
			const char *since = json_string_value(json_object_get(event, "since"));
			list[n] = (struct ranked){ .msg = s->msg, .class_ = s->urgency, .acked = json_is_true(json_object_get(event, "acked")) };
			strncpy(list[n++].since, since ? since : "", CLOCK_TEXT_MAX - 1);
		} else {
			++*ret_others;
		}
		json_decref(event);
	}
	qsort(list, n, sizeof *list, compare_ranked);
	return n;
}

void verbs_alarms(struct app *a, struct control_request *rq, json_t *args)
{
	struct listing *l = begin(a, rq, send_alarms);
	struct ranked *list = calloc(a->alarms.n + 1, sizeof *list);
	bool all = false;
	struct err e;

	if (l)
		l->alarms = calloc(a->alarms.n + 1, sizeof(struct outmsg *));
	if (!l || !list || !l->alarms) {
		err_set(&e, ERR_NO_MEMORY, "no memory");
		if (l)
			end(l, &e);
	} else if (verbs_flag(args, "all", &all, &e) || verbs_select(args, &l->select, &e)) {
		end(l, &e);
	} else {
		l->n_alarms = rank(a, l->select, all, list, &l->n_hidden, &l->n_others);
		for (size_t i = 0; i < l->n_alarms; i++)
			l->alarms[i] = outmsg_ref(list[i].msg);
		send_alarms(l, loop_now(&a->loop));
	}
	free(list);
}
