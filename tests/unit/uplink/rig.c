#include "rig.h"

#include "core/log.h"

#include <signal.h>
#include <stdlib.h>

/* --- what the link tells --- */

static void on_up(void *user, uint16_t receive_max)
{
	struct rig *r = user;

	r->ups++;
	r->receive_max = receive_max;
}

static void on_down(void *user, enum hub_down why, const char *text)
{
	struct rig *r = user;

	r->downs++;
	r->why = why;
	snprintf(r->text, sizeof r->text, "%s", text);
}

static void on_delivered(void *user, uint64_t token)
{
	struct rig *r = user;

	assert_true(r->n_delivered < RIG_MAX);
	r->delivered[r->n_delivered++] = token;
}

static void on_refused(void *user, uint64_t token, int reason, const char *text)
{
	struct rig *r = user;

	assert_true(r->n_refused < 16);
	struct answer *a = &r->refused[r->n_refused++];
	a->token = token;
	a->reason = reason;
	snprintf(a->text, sizeof a->text, "%s", text);
}

static void on_message(void *user, const char *topic, const void *payload, size_t len, bool retained, const char *response_topic, const void *correlation,
                       size_t correlation_len)
{
	struct rig *r = user;

	assert_true(r->n_heard < 64);
	struct heard *h = &r->heard[r->n_heard++];
	snprintf(h->topic, sizeof h->topic, "%s", topic);
	snprintf(h->response, sizeof h->response, "%s", response_topic ? response_topic : "-");
	snprintf(h->correlation, sizeof h->correlation, "%.*s", (int)correlation_len, correlation ? (const char *)correlation : "");
	h->payload = malloc(len + 1);
	memcpy(h->payload, payload, len);
	h->payload[len] = '\0';
	h->len = len;
	h->retained = retained;
}

static void on_subscribed(void *user, bool ok, const char *text)
{
	struct rig *r = user;

	assert_true(r->n_subscribed < 16);
	struct answer *a = &r->subscribed[r->n_subscribed++];
	a->ok = ok;
	snprintf(a->text, sizeof a->text, "%s", text);
}

/* --- bounds --- */

static void on_bound(uv_timer_t *timer)
{
	struct rig *r = timer->data;

	r->expired = true;
}

void rig_bound(struct rig *r, unsigned seconds)
{
	r->expired = false;
	uv_update_time(&r->loop);
	uv_timer_start(&r->bound, on_bound, seconds * 1000u, 0);
}

void rig_late(struct rig *r, const char *what, const char *file, int line)
{
	print_error("%s:%d: never true: %s\n  ups %zu downs %zu (%d: %s) delivered %zu refused %zu subscribed %zu heard %zu\n", file, line, what, r->ups, r->downs,
	            (int)r->why, r->text, r->n_delivered, r->n_refused, r->n_subscribed, r->n_heard);
	fail();
}

/* --- life --- */

static void log_line(enum log_level level, const char *token, const char *text)
{
	if (getenv("RIG_LOG"))
		fprintf(stderr, "[%d] %s: %s\n", (int)level, token, text);
}

void rig_init(struct rig *r, const struct broker *b)
{
	memset(r, 0, sizeof *r);
	log_set_sink(log_line);
	log_set_level(LOG_LEVEL_DEBUG);
	assert_int_equal(uv_loop_init(&r->loop), 0);
	uv_timer_init(&r->loop, &r->bound);
	r->bound.data = r;
	r->config = (struct hub_config){ .name = "rig", .urls = r->urls, .n_urls = 1, .version = 5, .client_id = "rig", .keepalive_s = 20 };
	rig_set_url(r, 0, "mqtt", "localhost", b->port);
}

void rig_set_url(struct rig *r, size_t i, const char *scheme, const char *host, int port)
{
	snprintf(r->url[i], sizeof r->url[i], "%s://%s:%d", scheme, host, port);
	r->urls[i] = r->url[i];
	r->config.n_urls = i + 1 > r->config.n_urls ? i + 1 : r->config.n_urls;
}

void rig_link_program(struct rig *r, const char *program)
{
	const struct hub_events events = {
		.up = on_up, .down = on_down, .delivered = on_delivered, .refused = on_refused, .message = on_message, .subscribed = on_subscribed, .user = r,
	};
	struct err e;

	r->link = uplink_link_new(&r->loop, &r->config, program, &events, &e);
	assert_non_null(r->link);
	r->link_closed = false;
}

void rig_link(struct rig *r)
{
	rig_link_program(r, FIREGW_UPLINK_PROGRAM);
}

static void on_link_closed(void *user)
{
	struct rig *r = user;

	r->link_closed = true;
}

void rig_close_link(struct rig *r)
{
	if (!r->link)
		return;
	uplink_link_close(r->link, on_link_closed, r);
	WAIT(r, r->link_closed);
	r->link = NULL;
}

int rig_connect(struct rig *r, size_t url, const char *will_topic, const char *will_payload)
{
	const struct hub_connect c = { .url = url, .session = 1, .will_topic = will_topic, .will_payload = will_payload };

	return uplink_link_ops()->connect(r->link, &c);
}

void rig_up(struct rig *r)
{
	size_t before = r->ups;

	assert_int_equal(rig_connect(r, 0, "rig/status", "offline"), 0);
	WAIT(r, r->ups == before + 1);
}

int rig_send(struct rig *r, uint64_t token, const char *topic, bool retain, const void *payload, size_t len)
{
	const struct hub_publish p = { .token = token, .topic = topic, .retain = retain, .payload = payload, .len = len };

	return uplink_link_ops()->send(r->link, &p);
}

void rig_disconnect(struct rig *r)
{
	size_t before = r->downs;

	uplink_link_ops()->disconnect(r->link);
	WAIT(r, r->downs == before + 1);
	assert_int_equal(r->why, HUB_DOWN_LOST);
	assert_string_equal(r->text, "disconnected");
}

/* --- the observer --- */

static void on_room(uv_handle_t *h, size_t suggested, uv_buf_t *ret)
{
	struct observer *o = h->data;

	(void)suggested;
	if (o->cap - o->len < 65536) {
		o->cap = o->cap ? o->cap * 2 : 1 << 20;
		o->buf = realloc(o->buf, o->cap);
	}
	*ret = uv_buf_init(o->buf + o->len, (unsigned)(o->cap - o->len));
}

static void on_observer_closed(uv_handle_t *h)
{
	struct observer *o = h->data;

	o->closed++;
}

static void on_output(uv_stream_t *s, ssize_t n, const uv_buf_t *buf)
{
	struct observer *o = s->data;
	char *end;

	(void)buf;
	if (n < 0) {
		uv_close((uv_handle_t *)s, on_observer_closed);
		return;
	}
	o->len += (size_t)n;
	while ((end = memchr(o->buf, '\n', o->len)) != NULL) {
		*end = '\0';
		assert_true(o->n < RIG_MAX);
		o->lines[o->n++] = strdup(o->buf);
		o->len -= (size_t)(end + 1 - o->buf);
		memmove(o->buf, end + 1, o->len);
	}
}

static void on_observer_exit(uv_process_t *p, int64_t status, int signal_number)
{
	(void)status;
	(void)signal_number;
	uv_close((uv_handle_t *)p, on_observer_closed);
}

/* A retained message on a topic of its own tells that the subscription stands. */
struct observer *observer_start(struct rig *r, const struct broker *b, const char *filter)
{
	struct observer *o = calloc(1, sizeof *o);
	char port[16], command[200];
	char *args[] = { (char *)(uintptr_t) "mosquitto_sub", (char *)(uintptr_t) "-h", (char *)(uintptr_t) "127.0.0.1", (char *)(uintptr_t) "-p", port,
		(char *)(uintptr_t) "-q", (char *)(uintptr_t) "1", (char *)(uintptr_t) "-t", (char *)(uintptr_t)filter, (char *)(uintptr_t) "-t",
		(char *)(uintptr_t) "observer/ready", (char *)(uintptr_t) "-F", (char *)(uintptr_t) "%r|%t|%l|%p", NULL };
	uv_stdio_container_t stdio[3] = { { .flags = UV_IGNORE }, { .flags = UV_CREATE_PIPE | UV_WRITABLE_PIPE }, { .flags = UV_IGNORE } };
	uv_process_options_t options = { .exit_cb = on_observer_exit, .file = "mosquitto_sub", .args = args, .stdio = stdio, .stdio_count = 3 };

	assert_non_null(o);
	snprintf(port, sizeof port, "%d", b->port);
	snprintf(command, sizeof command, "mosquitto_pub -h 127.0.0.1 -p %d -q 1 -r -t observer/ready -m yes", b->port);
	broker_shell(b, command);
	uv_pipe_init(&r->loop, &o->out, 0);
	stdio[1].data.stream = (uv_stream_t *)&o->out;
	o->out.data = o->process.data = o;
	assert_int_equal(uv_spawn(&r->loop, &o->process, &options), 0);
	o->next = r->observers;
	r->observers = o;
	uv_read_start((uv_stream_t *)&o->out, on_room, on_output);
	WAIT(r, observer_find(o, 0, "1|observer/ready|") != SIZE_MAX);
	return o;
}

static void observer_stop(struct observer *o, struct rig *r)
{
	uv_process_kill(&o->process, SIGKILL);
	WAIT(r, o->closed == 2);
	for (size_t i = 0; i < o->n; i++)
		free(o->lines[i]);
	free(o->buf);
	free(o);
}

size_t observer_find(const struct observer *o, size_t from, const char *begins)
{
	for (size_t i = from; i < o->n; i++)
		if (strncmp(o->lines[i], begins, strlen(begins)) == 0)
			return i;
	return SIZE_MAX;
}

void rig_done(struct rig *r)
{
	while (r->observers) {
		struct observer *o = r->observers;
		r->observers = o->next;
		observer_stop(o, r);
	}
	rig_close_link(r);
	uv_close((uv_handle_t *)&r->bound, NULL);
	uv_run(&r->loop, UV_RUN_DEFAULT);
	assert_int_equal(uv_loop_close(&r->loop), 0);
	for (size_t i = 0; i < r->n_heard; i++)
		free(r->heard[i].payload);
}
