/* The happy path is commit, compose, mail back. Failure modes are: full (prune; then give up the batch's readings, so that its events still fit), failing (tell the
 * loop, wait, try again; nothing overtakes), damaged (the same: the events went out undurable, and the next start sets the file aside). */
#include "gateway/keeper.h"

#include <stdio.h>
#include <string.h>

#define RETRY_FIRST_MS 100
#define RETRY_MOST_MS  2000
#define PRUNE_ROWS     5000
#define PRUNE_ROUNDS   4

static void on_mail(struct mail *m)
{
	struct keeper *k = (struct keeper *)((char *)m - offsetof(struct keeper, mail));

	atomic_store(&k->mail_posted, false);
	if (k->store) /* else it was on its way when the thread ended: nothing can be stored about it any more */
		k->on_trouble(k->user);
}

static void tell(struct keeper *k, enum keeper_trouble trouble, const char *text)
{
	if (atomic_load(&k->trouble) == (int)trouble && trouble == KEEPER_FINE)
		return;
	uv_mutex_lock(&k->lock);
	snprintf(k->text, sizeof k->text, "%s", text);
	uv_mutex_unlock(&k->lock);
	atomic_store(&k->trouble, (int)trouble);
	if (!atomic_exchange(&k->mail_posted, true)) {
		k->mail.open = on_mail;
		mailbox_post(k->box, &k->mail);
	}
}

/* By the limit only: what is too old is the regular pruning's, which knows whether the clock can be trusted. */
static bool make_room(struct keeper *k)
{
	struct store_pruned pruned = { .more = true };
	struct err e;
	int64_t freed = 0;

	for (int i = 0; i < PRUNE_ROUNDS && pruned.more; i++) {
		if (store_prune(k->store, 0, PRUNE_ROWS, &pruned, &e))
			return false;
		freed += pruned.readings + pruned.events;
	}
	return freed > 0;
}

static void drop_readings(struct keeper_commit *c)
{
	for (size_t i = 0; i < c->batch->n_readings; i++) {
		const struct record_reading *r = &c->batch->readings[i];
		struct keeper_dropped *d = NULL;
		for (size_t j = 0; j < c->n_dropped; j++)
			if (c->dropped[j].node == r->node)
				d = &c->dropped[j];
		if (!d && c->n_dropped == KEEPER_NODES_MAX)
			continue;
		if (!d) {
			d = &c->dropped[c->n_dropped++];
			*d = (struct keeper_dropped){ .node = r->node, .from_ms = r->at_ms };
		}
		d->count++;
		d->to_ms = r->at_ms;
	}
	c->batch->n_readings = 0;
}

static enum keeper_trouble trouble_of(enum err_code code)
{
	if (code == ERR_FULL)
		return KEEPER_FULL;
	return code == ERR_DAMAGED ? KEEPER_DAMAGED : KEEPER_FAILING;
}

/* Whether the batch is durable; false only when the daemon stops meanwhile. Nothing is stored after a batch that was given up: what the next run finds is how things stood
 * at some moment, never with something missing in between. */
static bool commit_until_durable(struct keeper *k, struct keeper_commit *c)
{
	unsigned pause = RETRY_FIRST_MS;
	bool dropped = false, tried_at_end = false;
	struct err e;

	if (k->gave_up)
		return false;
	while (store_commit(k->store, c->batch, c->now_ms, &e)) {
		tell(k, trouble_of(e.code), e.text);
		if (e.code == ERR_FULL && make_room(k))
			continue;
		if (e.code == ERR_FULL && c->batch->n_readings) {
			drop_readings(c);
			dropped = true;
			continue;
		}
		if (worker_is_stopping(&k->worker)) {
			if (tried_at_end) {
				k->gave_up = true;
				return false;
			}
			tried_at_end = true;
			continue;
		}
		worker_pause(&k->worker, pause);
		pause = pause * 2 < RETRY_MOST_MS ? pause * 2 : RETRY_MOST_MS;
	}
	if (!dropped)
		tell(k, KEEPER_FINE, "");
	return true;
}

static struct compose_stream stream_of(const struct keeper *k, const struct keeper_commit *c, uint32_t node, uint32_t stream_db, unsigned stream)
{
	return (struct compose_stream){ c->site->gateway, c->site->nodes[node], store_log(k->store), node, stream_db, stream };
}

/* One pass a stream: seldom more than one node has readings in a batch. */
static void compose_batch_readings(struct keeper *k, struct keeper_commit *c)
{
	const struct batch *b = c->batch;
	uint32_t done_db[KEEPER_NODES_MAX];
	size_t n_done = 0;

	for (size_t i = 0; i < b->n_readings; i++) {
		uint32_t db = b->readings[i].stream_db;
		bool seen = false;
		for (size_t j = 0; j < n_done; j++)
			seen = seen || done_db[j] == db;
		if (seen || n_done == KEEPER_NODES_MAX)
			continue;
		done_db[n_done++] = db;
		struct compose_stream s = stream_of(k, c, b->readings[i].node, db, STREAM_READING);
		struct compose_readings open;
		compose_readings_begin(&open, &s);
		for (size_t j = i; j < b->n_readings; j++) {
			const struct record_reading *r = &b->readings[j];
			if (r->stream_db == db)
				outlist_add(&c->readings, compose_readings_put(&open, r->seq, r->point_id, r->at_ms, r->number, r->text, r->quality));
		}
		outlist_add(&c->readings, compose_readings_end(&open));
		compose_readings_done(&open);
	}
}

static void run_commit(struct job *j, void *context)
{
	struct keeper_commit *c = (struct keeper_commit *)j;
	struct keeper *k = context;
	uint64_t began = uv_hrtime();

	c->committed = commit_until_durable(k, c);
	c->took_ns = (int64_t)(uv_hrtime() - began);
	if (!c->committed)
		return;
	for (size_t i = 0; i < c->batch->n_events; i++) {
		const struct record_event *e = &c->batch->events[i];
		struct compose_stream s = stream_of(k, c, e->node, e->stream_db, e->class_);
		outlist_add(&c->events, compose_event(&s, e->seq, e->n, e->at_ms, e->tail, e->tail_len));
	}
	if (c->want_readings)
		compose_batch_readings(k, c);
	store_usage(k->store, &c->usage);
	snprintf(c->audit_head, sizeof c->audit_head, "%s", store_audit_head(k->store));
}

static void commit_done(struct job *j)
{
	struct keeper_commit *c = (struct keeper_commit *)j;

	c->done(c);
}

void keeper_commit(struct keeper *k, struct keeper_commit *c)
{
	c->keeper = k;
	c->committed = false;
	c->n_dropped = 0;
	c->job.run = run_commit;
	c->job.done = commit_done;
	worker_add(&k->worker, &c->job, true);
}

void keeper_job(struct keeper *k, struct job *j, bool urgent)
{
	worker_add(&k->worker, j, urgent);
}

int keeper_start(struct keeper *k, struct store *s, struct mailbox *box, void (*on_trouble)(void *user), void *user)
{
	memset(k, 0, sizeof *k);
	k->store = s;
	k->box = box;
	k->on_trouble = on_trouble;
	k->user = user;
	atomic_init(&k->trouble, KEEPER_FINE);
	atomic_init(&k->mail_posted, false);
	uv_mutex_init(&k->lock);
	return worker_start(&k->worker, "store", box, k);
}

void keeper_trouble_text(struct keeper *k, char *buf, size_t cap)
{
	uv_mutex_lock(&k->lock);
	snprintf(buf, cap, "%s", k->text);
	uv_mutex_unlock(&k->lock);
}

void keeper_stop(struct keeper *k)
{
	worker_stop(&k->worker);
	worker_join(&k->worker);
	if (k->gave_up || k->left_events)
		store_not_clean(k->store);
	store_close(k->store);
	k->store = NULL;
	uv_mutex_destroy(&k->lock);
}
