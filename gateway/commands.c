/* Commands of a hub (docs/mqtt.md): allowed, well-formed, in time, and not seen before; anything else is answered with an error, leaves an audit row, and does nothing. */
#include "gateway/app.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ID_MAX         SEEN_ID_MAX
#define PAGE_BYTES     (PAYLOAD_MAX - 4096)
#define REPLAY_RECORDS 50000
#define REPLAY_BYTES   (16u << 20)
#define RETRY_NS       (20 * CLOCK_NS_PER_MS)
#define COMMANDS_BURST    1000
#define COMMAND_PERIOD_NS (200 * CLOCK_NS_PER_MS)
#define TELL_AGAIN_NS     CLOCK_NS_PER_S /* in the audit table */
#define ANSWERS_MAX       8  /* a replay's is up to REPLAY_BYTES */

/* An answer under way: made whole, page by page, then handed to the pump as it has room. */
struct answer {
	struct job        job;          /* replay: on the reader thread */
	struct app       *app;
	struct generation *generation;
	char              hub[48], name[24], id[ID_MAX + 1], topic[300];
	uint32_t          node;
	void             *correlation;
	size_t            correlation_len;
	struct strbuf    *pages;        /* each a list's inside */
	size_t            n_pages, n_sent, bytes, records;
	char              extra[96];    /* beside result */
	struct loop_timer timer;
	/* replay */
	struct compose_stream stream;
	int64_t           from, to;
	struct compose_readings open;
	struct err        error;
	bool              failed;       /* of the reader thread */
	bool              refusal;      /* error is the answer */
};

static struct app_hub *find_hub(struct app *a, const char *name)
{
	for (size_t i = 0; i < a->n_hubs; i++)
		if (a->hubs[i]->pump && strcmp(a->hubs[i]->config->link.name, name) == 0)
			return a->hubs[i];
	return NULL; /* a reload took it away meanwhile */
}

static void free_answer(struct answer *w)
{
	loop_timer_set(&w->app->loop, &w->timer, CLOCK_NEVER);
	w->app->n_answers--;
	for (size_t i = 0; i < w->n_pages; i++)
		strbuf_done(&w->pages[i]);
	free(w->pages);
	free(w->correlation);
	generation_unref(w->generation);
	free(w);
}

static struct strbuf *new_page(struct answer *w)
{
	struct strbuf *more = realloc(w->pages, (w->n_pages + 1) * sizeof *more);

	if (!more)
		return NULL;
	w->pages = more;
	w->pages[w->n_pages] = STRBUF_INIT;
	return &w->pages[w->n_pages++];
}

static void add_item(struct answer *w, const char *text, size_t len)
{
	struct strbuf *page = w->n_pages ? &w->pages[w->n_pages - 1] : new_page(w);

	if (page && page->len && page->len + len + 1 > PAGE_BYTES)
		page = new_page(w);
	if (!page)
		return;
	if (page->len)
		strbuf_putc(page, ',');
	strbuf_put(page, text, len);
	w->bytes += len;
}

static void put_head(struct strbuf *out, const struct answer *w, bool ok)
{
	const struct site *site = &w->generation->config->site;

	strbuf_puts(out, "{\"v\":1,\"gateway\":");
	strbuf_json_string(out, site->gateway);
	strbuf_json_key(out, "node");
	strbuf_json_string(out, site->nodes[w->node]);
	strbuf_json_key(out, "id");
	strbuf_json_string(out, w->id[0] ? w->id : NULL);
	strbuf_puts(out, ok ? ",\"ok\":true" : ",\"ok\":false");
}

static int send_text(struct answer *w, struct app_hub *h, struct strbuf *text)
{
	struct outmsg *m = text->failed ? NULL : outmsg_new(text->data, text->len);
	int full = m ? pump_reply(h->pump, w->topic, m, w->correlation, w->correlation_len, loop_now(&w->app->loop)) : 0;

	outmsg_unref(m);
	return full;
}

static void send_pages(void *user, struct stamp now)
{
	struct answer *w = user;
	struct app_hub *h = find_hub(w->app, w->hub);

	while (h && w->n_sent < w->n_pages) {
		struct strbuf text = STRBUF_INIT;
		put_head(&text, w, !w->refusal);
		if (w->refusal) {
			strbuf_json_key(&text, "error");
			strbuf_json_string(&text, w->error.text);
		} else {
			strbuf_printf(&text, ",\"page\":%zu,\"pages\":%zu,\"result\":[", w->n_sent + 1, w->n_pages);
			strbuf_put(&text, w->pages[w->n_sent].data, w->pages[w->n_sent].len);
			strbuf_putc(&text, ']');
			strbuf_puts(&text, w->extra);
		}
		strbuf_putc(&text, '}');
		int full = send_text(w, h, &text);
		strbuf_done(&text);
		if (full) {
			loop_timer_set(&w->app->loop, &w->timer, now.mono_ns + RETRY_NS);
			app_hub_kick(h);
			return;
		}
		w->n_sent++;
	}
	if (h)
		app_hub_kick(h);
	free_answer(w);
}

static void succeed(struct answer *w)
{
	if (!w->n_pages && !new_page(w)) {
		free_answer(w);
		return;
	}
	send_pages(w, loop_now(&w->app->loop));
}

static void fail(struct answer *w, const struct err *e)
{
	for (size_t i = 0; i < w->n_pages; i++)
		strbuf_done(&w->pages[i]);
	w->n_pages = 0;
	w->refusal = true;
	w->error = *e;
	succeed(w);
}

static void snapshot(struct answer *w)
{
	const struct states *s = &w->app->alarms;

	for (size_t i = 0; i < s->n; i++) {
		const struct state_entry *e = &s->entries[i];
		if (e->version && e->msg && (w->node == 0 || e->node == w->node)) /* 0: the gateway's own, which is asked for all */
			add_item(w, e->msg->data, e->msg->len);
	}
	succeed(w);
}

static void refresh(struct answer *w, struct app_hub *h)
{
	pump_refresh(h->pump, loop_now(&w->app->loop));
	succeed(w);
}

static bool on_event(void *user, const struct reader_event *e)
{
	struct answer *w = user;
	struct strbuf text = STRBUF_INIT;

	if (e->seq > w->to)
		return false;
	record_event_head(&text, w->stream.gateway, w->stream.node, w->stream.log, w->stream.stream, e->seq, e->n);
	strbuf_put(&text, e->tail, e->tail_len);
	if (!text.failed)
		add_item(w, text.data, text.len);
	strbuf_done(&text);
	return ++w->records < REPLAY_RECORDS && w->bytes < REPLAY_BYTES;
}

static void add_message(struct answer *w, struct outmsg *m)
{
	if (m)
		add_item(w, m->data, m->len);
	outmsg_unref(m);
}

static bool on_reading(void *user, const struct reader_reading *x)
{
	struct answer *w = user;

	if (x->seq > w->to)
		return false;
	add_message(w, compose_readings_put(&w->open, x->seq, x->point, x->at_ms, x->number, x->text, x->quality));
	return ++w->records < REPLAY_RECORDS && w->bytes < REPLAY_BYTES;
}

static int replay_from(struct answer *w, struct reader *r, struct err *e)
{
	int64_t first, last, after = w->from - 1;
	int failed;

	if (reader_range(r, w->stream.stream_db, &first, &last, e))
		return -1;
	if (first > w->from) {
		int64_t gone_to = first - 1 < w->to ? first - 1 : w->to;
		snprintf(w->extra, sizeof w->extra, ",\"gone\":[%lld,%lld]", (long long)w->from, (long long)gone_to);
		after = gone_to;
	}
	if (w->stream.stream != STREAM_READING)
		return reader_events(r, w->stream.stream_db, after, w->to - after, on_event, w, e);
	compose_readings_begin(&w->open, &w->stream);
	failed = reader_readings(r, w->stream.stream_db, after, w->to - after, on_reading, w, e);
	add_message(w, compose_readings_end(&w->open));
	compose_readings_done(&w->open);
	return failed;
}

static void run_replay(struct job *j, void *context)
{
	struct answer *w = (struct answer *)j;
	struct desk *d = context;
	struct reader *r = desk_reader(d, &w->error);

	w->failed = !r || replay_from(w, r, &w->error);
	if (w->failed)
		desk_forget(d);
	else if (w->records >= REPLAY_RECORDS || w->bytes >= REPLAY_BYTES)
		w->failed = err_set(&w->error, ERR_FULL, "too much at once: ask for at most %d records, or fewer if they are long", REPLAY_RECORDS - 1) != 0;
}

static void replay_done(struct job *j)
{
	struct answer *w = (struct answer *)j;

	if (w->failed)
		fail(w, &w->error);
	else
		succeed(w);
}

static int replay_args(struct answer *w, json_t *o, struct err *e)
{
	struct app *a = w->app;
	const struct site *site = &w->generation->config->site;
	const char *log = json_string_value(json_object_get(o, "log")), *word = json_string_value(json_object_get(o, "stream"));
	json_t *from = json_object_get(o, "from"), *to = json_object_get(o, "to");
	unsigned stream;

	if (!log)
		return err_set(e, ERR_INVALID, "'log' must be a text, the log that the numbers are of; the present one is '%s'", a->log_id);
	if (strcmp(log, a->log_id) != 0)
		return err_set(e, ERR_NOT_FOUND, "log '%.20s' is not known here; the present one is '%s'", log, a->log_id);
	if (!word || stream_find(word, &stream))
		return err_set(e, ERR_INVALID, "'stream' must be a class or reading");
	if (!json_is_integer(from) || !json_is_integer(to) || json_integer_value(from) < 1 || json_integer_value(to) < json_integer_value(from))
		return err_set(e, ERR_INVALID, "'from' and 'to' must be numbers, 1 <= from <= to");
	w->from = json_integer_value(from);
	w->to = json_integer_value(to);
	w->stream = (struct compose_stream){ site->gateway, site->nodes[w->node], a->log_id, w->node, w->generation->stream_dbs[w->node * STREAM_COUNT + stream], stream };
	int64_t stored = a->streams[w->node * STREAM_COUNT + stream].stored;
	if (w->to > stored)
		w->to = stored; /* what is not stored yet comes by itself */
	return 0;
}

static void replay(struct answer *w)
{
	if (w->to < w->from) {
		succeed(w);
		return;
	}
	w->job.run = run_replay;
	w->job.done = replay_done;
	worker_add(&w->app->desk.worker, &w->job, false);
}

static bool record(struct batch *b, uint32_t hub_db, const char *id, int64_t expires_ms)
{
	const char *kept = batch_keep(b, id, strlen(id));
	struct record_command *r = kept ? batch_add_command(b) : NULL;

	if (r)
		*r = (struct record_command){ hub_db, kept, expires_ms };
	return r != NULL;
}

static int remember(struct app *a, uint32_t hub_db, const char *id, int64_t expires_ms, struct err *e)
{
	struct batch *b = a->open->commit.batch;
	char forgotten[SEEN_ID_MAX + 1];

	if (!record(b, hub_db, id, expires_ms) || seen_add(&a->seen, hub_db, id, expires_ms, forgotten))
		return err_set(e, ERR_BUSY, "the store is behind; try again later");
	if (forgotten[0])
		record(b, hub_db, forgotten, 0); /* expired, for the store: it deletes it with the next one at the latest */
	return 0;
}

/* So many at once, then one a period: what a command costs (an audit row that is never deleted, an answer in memory) is bounded whatever a hub sends. */
static bool may_take(struct app_hub *h, int64_t now_ns)
{
	if (h->command_paid_ns < now_ns)
		h->command_paid_ns = now_ns;
	if (h->command_paid_ns - now_ns > (COMMANDS_BURST - 1) * COMMAND_PERIOD_NS || h->app->n_answers >= ANSWERS_MAX)
		return false;
	h->command_paid_ns += COMMAND_PERIOD_NS;
	return true;
}

static int find_command(const struct app_hub *h, const char *name, enum hub_command *ret, struct err *e)
{
	for (enum hub_command i = 0; i < HUB_COMMAND_COUNT; i++) {
		if (strcmp(hub_command_name(i), name) != 0)
			continue;
		*ret = i;
		if (!h->config->commands[i])
			return err_set(e, ERR_DENIED, "command '%s' is not allowed for this hub", name);
		if (i != HUB_SNAPSHOT && i != HUB_REPLAY && i != HUB_REFRESH)
			return err_set(e, ERR_UNSUPPORTED, "command '%s' is not supported by version %s", name, FIREGW_VERSION);
		return 0;
	}
	return err_set(e, ERR_NOT_FOUND, "there is no command '%.40s'", name);
}

/* Id, expiry, replay. All of ours only read; an acting one would be refused while the clock is not trusted. */
static int check(struct app_hub *h, struct answer *w, json_t *o, struct err *e)
{
	struct stamp now = loop_now(&h->app->loop);
	json_t *v = json_object_get(o, "v");
	const char *id = json_string_value(json_object_get(o, "id")), *expires = json_string_value(json_object_get(o, "expires"));
	int64_t expires_ms;

	if (id && id[0] && strlen(id) <= ID_MAX)
		snprintf(w->id, sizeof w->id, "%s", id);
	else
		return err_set(e, ERR_INVALID, "'id' must be a text of 1 to %d bytes", ID_MAX);
	if (!json_is_integer(v) || json_integer_value(v) != 1)
		return err_set(e, ERR_INVALID, "'v' must be 1");
	if (!expires || clock_parse(expires, &expires_ms))
		return err_set(e, ERR_INVALID, "'expires' must be an RFC 3339 time with a zone");
	if (now.wall_trusted && expires_ms <= now.wall_ms)
		return err_set(e, ERR_REFUSED, "expired at %s", expires);
	if (seen_has(&h->app->seen, h->db, id, now))
		return err_set(e, ERR_REFUSED, "id '%s' was used before", id);
	return remember(h->app, h->db, id, expires_ms, e);
}

static struct answer *new_answer(struct app_hub *h, uint32_t node, const char *name, const char *response_topic, const void *correlation, size_t correlation_len)
{
	struct answer *w = calloc(1, sizeof *w);
	const char *prefix = h->generation->config->prefixes[node];
	char under[260];

	if (!w)
		return NULL;
	w->app = h->app;
	w->app->n_answers++;
	w->generation = generation_ref(h->generation);
	w->node = node;
	loop_timer_init(&w->timer, send_pages, w);
	snprintf(w->hub, sizeof w->hub, "%s", h->config->link.name);
	snprintf(w->name, sizeof w->name, "%s", name);
	snprintf(under, sizeof under, "%s/reply/", prefix);
	if (response_topic && strncmp(response_topic, under, strlen(under)) == 0 && strlen(response_topic) < sizeof w->topic && !strpbrk(response_topic, "+#"))
		snprintf(w->topic, sizeof w->topic, "%s", response_topic);
	else
		snprintf(w->topic, sizeof w->topic, "%s%s", under, name);
	if (correlation && correlation_len) {
		w->correlation = malloc(correlation_len);
		if (w->correlation)
			memcpy(w->correlation, correlation, correlation_len);
		w->correlation_len = w->correlation ? correlation_len : 0;
	}
	return w;
}

void commands_handle(struct app_hub *h, uint32_t node, const char *name, const void *payload, size_t len, const char *response_topic,
                     const void *correlation, size_t correlation_len)
{
	char actor[64];
	enum hub_command command = HUB_COMMAND_COUNT;
	struct err e = { 0 };
	json_error_t je;
	int64_t now_ns = loop_now(&h->app->loop).mono_ns;
	bool taken = may_take(h, now_ns);

	bool tell = taken || now_ns >= h->command_tell_ns;
	struct answer *w = taken || h->app->n_answers < 2 * ANSWERS_MAX ? new_answer(h, node, name, response_topic, correlation, correlation_len) : NULL;
	if (!w) {
		h->commands_untold++;
		return;
	}
	if (!taken && tell)
		h->command_tell_ns = now_ns + TELL_AGAIN_NS;
	json_t *o = len <= PAYLOAD_MAX ? json_loadb(payload, len, JSON_REJECT_DUPLICATES, &je) : NULL;
	int failed = taken ? 0 : err_set(&e, ERR_BUSY, "too many commands; at most %d at once and then one in %d ms", COMMANDS_BURST, (int)(COMMAND_PERIOD_NS / CLOCK_NS_PER_MS));
	if (!failed && !json_is_object(o))
		failed = err_set(&e, ERR_INVALID, "not a JSON object");
	/* The id first: also a refusal should name it. */
	const char *id = json_string_value(json_object_get(o, "id"));
	if (id && strlen(id) <= ID_MAX)
		snprintf(w->id, sizeof w->id, "%s", id);
	failed = failed || find_command(h, name, &command, &e) || (command == HUB_REPLAY && replay_args(w, o, &e)) || check(h, w, o, &e);
	snprintf(actor, sizeof actor, "hub %s", h->config->link.name);
	h->commands_untold += !tell;
	if (tell && h->commands_untold) {
		char text[80];
		snprintf(text, sizeof text, "%" PRId64 " more were refused as too many", h->commands_untold);
		app_audit(h->app, actor, "", "commands", "", text, "");
		h->commands_untold = 0;
	}
	if (tell)
		app_audit(h->app, actor, "", command < HUB_COMMAND_COUNT ? name : "command", w->id, failed ? e.text : "ok", "");
	if (failed && tell)
		repeat_log(&h->repeat, now_ns, LOG_LEVEL_WARNING, "hub", NULL, "%s: command %.40s: %s", h->config->link.name, name, e.text);
	if (failed) {
		fail(w, &e);
	} else if (command == HUB_SNAPSHOT) {
		snapshot(w);
	} else if (command == HUB_REFRESH) {
		refresh(w, h);
	} else {
		replay(w);
	}
	json_decref(o);
}
