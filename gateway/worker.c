#include "gateway/worker.h"

#include <pthread.h>
#include <string.h>

static void put_last(struct job **first, struct job **last, struct job *j)
{
	j->next = NULL;
	if (*last)
		(*last)->next = j;
	else
		*first = j;
	*last = j;
}

static struct job *take_first(struct job **first, struct job **last)
{
	struct job *j = *first;

	if (j) {
		*first = j->next;
		if (!*first)
			*last = NULL;
	}
	return j;
}

static bool take_out(struct job **first, struct job **last, const struct job *j)
{
	struct job *before = NULL;

	for (struct job **at = first; *at; before = *at, at = &(*at)->next) {
		if (*at != j)
			continue;
		*at = j->next;
		if (*last == j)
			*last = before;
		return true;
	}
	return false;
}

static void on_mail(struct mail *m)
{
	struct job *j = (struct job *)m; /* its first member */

	j->done(j);
}

static struct job *next_job(struct worker *w)
{
	struct job *j;

	uv_mutex_lock(&w->lock);
	for (;;) {
		j = take_first(&w->first_urgent, &w->last_urgent);
		if (!j)
			j = take_first(&w->first, &w->last);
		if (j || w->stopping)
			break;
		uv_cond_wait(&w->wake, &w->lock);
	}
	uv_mutex_unlock(&w->lock);
	return j;
}

static void work(void *arg)
{
	struct worker *w = arg;

	for (struct job *j = next_job(w); j; j = next_job(w)) {
		j->run(j, w->context);
		j->mail.open = on_mail;
		mailbox_post(w->box, &j->mail);
	}
}

int worker_start(struct worker *w, const char *name, struct mailbox *box, void *context)
{
	memset(w, 0, sizeof *w);
	w->box = box;
	w->context = context;
	uv_mutex_init(&w->lock);
	uv_cond_init(&w->wake);
	int r = uv_thread_create(&w->thread, work, w);
	if (r) {
		uv_cond_destroy(&w->wake);
		uv_mutex_destroy(&w->lock);
		return r;
	}
	pthread_setname_np(w->thread, name);
	w->started = true;
	return 0;
}

void worker_add(struct worker *w, struct job *j, bool urgent)
{
	if (!w->started)
		return; /* joined: the daemon is at its end */
	uv_mutex_lock(&w->lock);
	if (urgent)
		put_last(&w->first_urgent, &w->last_urgent, j);
	else
		put_last(&w->first, &w->last, j);
	uv_cond_signal(&w->wake);
	uv_mutex_unlock(&w->lock);
}

bool worker_take_back(struct worker *w, struct job *j)
{
	uv_mutex_lock(&w->lock);
	bool taken = take_out(&w->first_urgent, &w->last_urgent, j) || take_out(&w->first, &w->last, j);
	uv_mutex_unlock(&w->lock);
	return taken;
}

bool worker_is_stopping(struct worker *w)
{
	uv_mutex_lock(&w->lock);
	bool stopping = w->stopping;
	uv_mutex_unlock(&w->lock);
	return stopping;
}

void worker_pause(struct worker *w, unsigned ms)
{
	uint64_t end = uv_hrtime() + ms * UINT64_C(1000000);

	uv_mutex_lock(&w->lock);
	for (uint64_t now = uv_hrtime(); !w->stopping && now < end; now = uv_hrtime())
		uv_cond_timedwait(&w->wake, &w->lock, end - now);
	uv_mutex_unlock(&w->lock);
}

void worker_stop(struct worker *w)
{
	uv_mutex_lock(&w->lock);
	w->stopping = true;
	uv_cond_broadcast(&w->wake);
	uv_mutex_unlock(&w->lock);
}

void worker_join(struct worker *w)
{
	if (!w->started)
		return;
	uv_thread_join(&w->thread);
	uv_cond_destroy(&w->wake);
	uv_mutex_destroy(&w->lock);
	w->started = false;
}
