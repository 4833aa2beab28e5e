#include "gateway/uplink/results.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

int results_init(struct results *r)
{
	*r = (struct results){ .wake = -1 };
	r->last = &r->first;
	errno = pthread_mutex_init(&r->lock, NULL);
	if (errno != 0)
		return -1;
	r->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	return r->wake >= 0 ? 0 : -1;
}

struct result *result_new(enum result_type type, uint32_t attempt, size_t room)
{
	struct result *one = malloc(sizeof *one + room);

	if (!one) {
		fputs("firegw-uplink: no memory for a result; ending\n", stderr);
		_exit(1);
	}
	*one = (struct result){ .type = type, .attempt = attempt };
	return one;
}

void results_post(struct results *r, struct result *one)
{
	uint64_t wake = 1;

	pthread_mutex_lock(&r->lock);
	if (one->type == RESULT_MESSAGE && r->message_bytes + one->len > RESULTS_MESSAGES_MAX) {
		r->dropped++;
		pthread_mutex_unlock(&r->lock);
		free(one);
		return;
	}
	r->message_bytes += one->len;
	bool was_empty = r->first == NULL;
	*r->last = one;
	r->last = &one->next;
	pthread_mutex_unlock(&r->lock);
	/* A full counter (EAGAIN) is readable too. */
	if (was_empty)
		(void)!write(r->wake, &wake, sizeof wake);
}

struct result *results_take(struct results *r, uint64_t *ret_dropped)
{
	uint64_t seen;

	(void)!read(r->wake, &seen, sizeof seen);
	pthread_mutex_lock(&r->lock);
	struct result *list = r->first;
	r->first = NULL;
	r->last = &r->first;
	r->message_bytes = 0;
	*ret_dropped = r->dropped;
	r->dropped = 0;
	pthread_mutex_unlock(&r->lock);
	return list;
}
