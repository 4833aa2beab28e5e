#include "gateway/mailbox.h"

#include <stddef.h>

static void on_async(uv_async_t *handle)
{
	mailbox_drain(handle->data);
}

void mailbox_init(struct mailbox *b, uv_loop_t *loop)
{
	b->first = b->last = NULL;
	uv_mutex_init(&b->lock);
	uv_async_init(loop, &b->async, on_async);
	b->async.data = b;
}

void mailbox_post(struct mailbox *b, struct mail *m)
{
	m->next = NULL;
	uv_mutex_lock(&b->lock);
	if (b->last)
		b->last->next = m;
	else
		b->first = m;
	b->last = m;
	uv_mutex_unlock(&b->lock);
	uv_async_send(&b->async);
}

void mailbox_drain(struct mailbox *b)
{
	uv_mutex_lock(&b->lock);
	struct mail *m = b->first;
	b->first = b->last = NULL;
	uv_mutex_unlock(&b->lock);
	while (m) {
		struct mail *next = m->next;
		m->open(m);
		m = next;
	}
}

void mailbox_close(struct mailbox *b)
{
	uv_close((uv_handle_t *)&b->async, NULL);
}

void mailbox_done(struct mailbox *b)
{
	uv_mutex_destroy(&b->lock);
}
