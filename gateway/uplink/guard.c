#include "gateway/uplink/guard.h"

#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

static int64_t now_s(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec;
}

/* _exit, not exit: whatever holds the main thread would hold the handlers too. Without an MQTT DISCONNECT the broker publishes the will. */
static void *watch(void *arg)
{
	struct guard *g = arg;

	for (;;) {
		struct pollfd p = { .fd = g->fd, .events = 0 };
		if (poll(&p, 1, 1000) > 0 && (p.revents & (POLLHUP | POLLERR | POLLNVAL)))
			_exit(0);
		if (now_s() - atomic_load(&g->beat_s) > GUARD_STUCK_S) {
			fprintf(stderr, "firegw-uplink: stuck for %d s in a name look-up or the MQTT library; ending\n", GUARD_STUCK_S);
			_exit(1);
		}
	}
	return NULL;
}

int guard_start(struct guard *g, int fd)
{
	pthread_t thread;

	g->fd = fd;
	guard_beat(g);
	if (pthread_create(&thread, NULL, watch, g) != 0)
		return -1;
	return pthread_detach(thread) == 0 ? 0 : -1;
}

void guard_beat(struct guard *g)
{
	atomic_store(&g->beat_s, now_s());
}
