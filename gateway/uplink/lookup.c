#include "gateway/uplink/lookup.h"

#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define REFUSAL_WAIT_MS 300

struct job {
	struct lookups *lookups;
	uint32_t        attempt;
	char            host[256], port[8];
};

static const struct addrinfo *preferred(const struct addrinfo *list)
{
	/* The library takes IPv4 where there is some; so does this, for the texts to be about the same address. */
	for (const struct addrinfo *a = list; a; a = a->ai_next)
		if (a->ai_family == AF_INET)
			return a;
	return list;
}

static void *look_up(void *arg)
{
	struct job *job = arg;
	struct addrinfo hints = { .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM }, *list = NULL;
	struct result *r = result_new(RESULT_LOOKED_UP, job->attempt, sizeof(struct sockaddr_storage));
	int rc = getaddrinfo(job->host, job->port, &hints, &list);

	if (rc != 0 || !list) {
		snprintf(r->text, sizeof r->text, "cannot find the address of %s: %s", job->host,
		         rc == EAI_SYSTEM ? strerror(errno) : rc != 0 ? gai_strerror(rc) : "none");
	} else {
		const struct addrinfo *a = preferred(list);
		r->len = a->ai_addrlen;
		memcpy(r->bytes, a->ai_addr, a->ai_addrlen);
	}
	if (list)
		freeaddrinfo(list);
	results_post(job->lookups->results, r);
	atomic_fetch_sub(&job->lookups->running, 1);
	free(job);
	return NULL;
}

int lookup_start(struct lookups *l, uint32_t attempt, const char *host, const char *port)
{
	pthread_t thread;
	pthread_attr_t detached;

	if (atomic_load(&l->running) >= LOOKUPS_MAX)
		return -1;
	struct job *job = calloc(1, sizeof *job);
	if (!job)
		return -1;
	job->lookups = l;
	job->attempt = attempt;
	snprintf(job->host, sizeof job->host, "%s", host);
	snprintf(job->port, sizeof job->port, "%s", port);
	atomic_fetch_add(&l->running, 1);
	pthread_attr_init(&detached);
	pthread_attr_setdetachstate(&detached, PTHREAD_CREATE_DETACHED);
	int rc = pthread_create(&thread, &detached, look_up, job);
	pthread_attr_destroy(&detached);
	if (rc != 0) {
		atomic_fetch_sub(&l->running, 1);
		free(job);
		return -1;
	}
	return 0;
}

int lookup_refusal(const struct sockaddr *address, socklen_t len)
{
	int fd = socket(address->sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), error = 0;
	socklen_t error_len = sizeof error;

	if (fd < 0)
		return errno;
	if (connect(fd, address, len) < 0) {
		struct pollfd p = { .fd = fd, .events = POLLOUT };
		if (errno != EINPROGRESS)
			error = errno;
		else if (poll(&p, 1, REFUSAL_WAIT_MS) > 0)
			getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &error_len);
	}
	close(fd);
	return error;
}
