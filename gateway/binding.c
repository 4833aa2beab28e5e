#include "gateway/app.h"

#include <stdlib.h>

struct into { struct binding *b; int64_t *acked; };

static void on_stream(void *user, const struct store_stream *st)
{
	struct binding *b = user;

	for (size_t i = 0; i < b->n_streams; i++)
		if (b->streams[i].db == st->db)
			b->streams[i] = (struct app_stream){ st->db, st->first, st->stored };
}

static void on_cursor(void *user, uint32_t stream_db, int64_t seq)
{
	struct into *to = user;

	for (size_t i = 0; i < to->b->n_streams; i++)
		if (to->b->streams[i].db == stream_db)
			to->acked[i] = seq;
}

static int bind_hub(struct binding *b, size_t i, struct store *s, struct err *reterr)
{
	const struct config_hub *h = &b->generation->config->hubs[i];
	struct into to = { b, calloc(b->n_streams, sizeof *to.acked) };

	b->hub_acked[i] = to.acked;
	if (!to.acked)
		return err_set(reterr, ERR_NO_MEMORY, "no memory for the cursors of hub '%s'", h->link.name);
	if (store_bind_hub(s, h->link.name, h->start_oldest, &b->hub_dbs[i], reterr))
		return -1;
	b->hub_sessions[i] = store_session(s, b->hub_dbs[i]);
	return store_each_cursor(s, b->hub_dbs[i], on_cursor, &to, reterr);
}

int binding_make(struct binding *b, struct generation *g, struct store *s, struct err *reterr)
{
	*b = (struct binding){ .generation = g, .n_streams = g->config->site.n_nodes * STREAM_COUNT, .n_hubs = g->config->n_hubs };
	b->streams = calloc(b->n_streams, sizeof *b->streams);
	b->hub_dbs = calloc(b->n_hubs + 1, sizeof *b->hub_dbs);
	b->hub_sessions = calloc(b->n_hubs + 1, sizeof *b->hub_sessions);
	b->hub_acked = calloc(b->n_hubs + 1, sizeof *b->hub_acked);
	if (!b->streams || !b->hub_dbs || !b->hub_sessions || !b->hub_acked)
		return err_set(reterr, ERR_NO_MEMORY, "no memory for %zu streams", b->n_streams);
	if (generation_bind(g, s, reterr))
		return -1;
	for (size_t i = 0; i < b->n_streams; i++)
		b->streams[i].db = g->stream_dbs[i];
	for (size_t i = 0; i < b->n_hubs; i++)
		if (bind_hub(b, i, s, reterr))
			return -1;
	return store_each_stream(s, on_stream, b, reterr);
}

void binding_done(struct binding *b)
{
	for (size_t i = 0; b->hub_acked && i < b->n_hubs; i++)
		free(b->hub_acked[i]);
	free(b->hub_acked);
	free(b->hub_dbs);
	free(b->hub_sessions);
	free(b->streams);
	*b = (struct binding){ 0 };
}
