/* The happy path: watch_link_run → try_connect → on_up → messages … → a signal, the time's end or stop → end → on_closed. Failure modes: an attempt that leads to nothing,
 * and a connection that ends, are told by on_down, and the next attempt is put off, at the next of the urls. */
#include "gateway/cli/watch_link.h"

#include "gateway/uplink_link.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct watch_link {
	uv_loop_t           loop;
	uv_timer_t          tick, retry, bound;
	uv_signal_t         interrupt, terminate;
	struct uplink_link *link;
	struct watch_events events;
	size_t              url, n_urls;
	uint64_t            retry_ms, tokens;
	int64_t             session;
	bool                ending;
};

/* Beside our own program: so that a build tree and an installation both find their own. */
static const char *find_uplink(char *buf, size_t cap)
{
	ssize_t n = readlink("/proc/self/exe", buf, cap - 16);

	if (n > 0) {
		buf[n] = '\0';
		strcpy(strrchr(buf, '/') + 1, "firegw-uplink");
		if (access(buf, X_OK) == 0)
			return buf;
	}
	return FIREGW_UPLINK_PATH;
}

static void try_connect(struct watch_link *l)
{
	const struct hub_connect c = { .url = l->url, .session = ++l->session };

	l->url = (l->url + 1) % l->n_urls;
	(void)uplink_link_ops()->connect(l->link, &c); /* a down tells of a failure */
}

static void on_retry(uv_timer_t *timer)
{
	try_connect(timer->data);
}

static void on_up(void *user, uint16_t receive_max)
{
	struct watch_link *l = user;

	(void)receive_max;
	l->retry_ms = 0;
	l->events.up(l->events.user);
}

static void on_down(void *user, enum hub_down why, const char *text)
{
	struct watch_link *l = user;

	(void)why;
	if (l->ending)
		return;
	l->events.down(l->events.user, text);
	l->retry_ms = !l->retry_ms ? WATCH_RETRY_MIN_MS : l->retry_ms * 2 < WATCH_RETRY_MAX_MS ? l->retry_ms * 2 : WATCH_RETRY_MAX_MS;
	uv_timer_start(&l->retry, on_retry, l->retry_ms, 0);
}

static void on_delivered(void *user, uint64_t token)
{
	(void)user;
	(void)token;
}

static void on_refused(void *user, uint64_t token, int reason, const char *text)
{
	struct watch_link *l = user;

	(void)token;
	(void)reason;
	l->events.refused(l->events.user, text);
}

static void on_subscribed(void *user, bool ok, const char *text)
{
	struct watch_link *l = user;

	if (!ok)
		l->events.refused(l->events.user, text);
}

static void on_message(void *user, const char *topic, const void *payload, size_t len, bool retained, const char *response_topic, const void *correlation,
                       size_t correlation_len)
{
	struct watch_link *l = user;

	(void)response_topic;
	(void)correlation;
	(void)correlation_len;
	if (!l->ending)
		l->events.message(l->events.user, topic, payload, len, retained);
}

struct watch_link *watch_link_new(const struct hub_config *config, const struct watch_events *events, struct err *reterr)
{
	struct watch_link *l = calloc(1, sizeof *l);
	char program[4096];

	if (!l || uv_loop_init(&l->loop) < 0) {
		err_set(reterr, ERR_NO_MEMORY, "no memory");
		free(l);
		return NULL;
	}
	const struct hub_events through = { .up = on_up, .down = on_down, .delivered = on_delivered, .refused = on_refused, .message = on_message,
		.subscribed = on_subscribed, .user = l };
	l->events = *events;
	l->n_urls = config->n_urls;
	l->link = uplink_link_new(&l->loop, config, find_uplink(program, sizeof program), &through, reterr);
	if (!l->link) {
		uv_loop_close(&l->loop);
		free(l);
		return NULL;
	}
	uv_timer_init(&l->loop, &l->tick);
	uv_timer_init(&l->loop, &l->retry);
	uv_timer_init(&l->loop, &l->bound);
	uv_signal_init(&l->loop, &l->interrupt);
	uv_signal_init(&l->loop, &l->terminate);
	l->tick.data = l->retry.data = l->bound.data = l->interrupt.data = l->terminate.data = l;
	return l;
}

static void on_tick(uv_timer_t *timer)
{
	struct watch_link *l = timer->data;

	l->events.tick(l->events.user);
}

void watch_link_stop(struct watch_link *l)
{
	if (l->ending)
		return;
	l->ending = true;
	uv_close((uv_handle_t *)&l->tick, NULL);
	uv_close((uv_handle_t *)&l->retry, NULL);
	uv_close((uv_handle_t *)&l->bound, NULL);
	uv_close((uv_handle_t *)&l->interrupt, NULL);
	uv_close((uv_handle_t *)&l->terminate, NULL);
	uplink_link_ops()->disconnect(l->link);
	uplink_link_close(l->link, NULL, NULL);
}

static void on_signal(uv_signal_t *handle, int number)
{
	(void)number;
	watch_link_stop(handle->data);
}

static void on_bound(uv_timer_t *timer)
{
	watch_link_stop(timer->data);
}

void watch_link_run(struct watch_link *l, unsigned long for_ms)
{
	uv_timer_start(&l->tick, on_tick, WATCH_TICK_MS, WATCH_TICK_MS);
	uv_signal_start(&l->interrupt, on_signal, SIGINT);
	uv_signal_start(&l->terminate, on_signal, SIGTERM);
	if (for_ms > 0)
		uv_timer_start(&l->bound, on_bound, for_ms, 0);
	try_connect(l);
	/* Ends when the loop holds nothing any more. */
	uv_run(&l->loop, UV_RUN_DEFAULT);
	uv_loop_close(&l->loop);
	free(l);
}

void watch_link_subscribe(struct watch_link *l, const char *const *filters, size_t n)
{
	(void)uplink_link_ops()->subscribe(l->link, filters, n); /* right behind an up there is room */
}

void watch_link_publish(struct watch_link *l, const char *topic, const char *payload)
{
	const struct hub_publish p = { .token = ++l->tokens, .topic = topic, .payload = payload, .len = strlen(payload) };

	(void)uplink_link_ops()->send(l->link, &p); /* what does not leave is not answered, and asked again */
}
