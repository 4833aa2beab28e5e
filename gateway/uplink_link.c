/* The happy path is: link_connect → uplink_start → setup and connect frames → (uplink_frames.c) up → pump: link_send … → delivered → link_disconnect → down →
 * uplink_link_close → quit → (uplink_child.c) on_process_exit → maybe_closed.
 *
 * Failure modes: no process can be started, or the last one's death is too recent: connect returns -1 and on_soon tells down. Everything else that ends a connection or
 * attempt is told as it happens, by uplink_tell_down. */
#include "gateway/uplink_priv.h"

#include "core/log.h"

#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- telling the pump --- */

void uplink_tell_down(struct uplink_link *l, enum hub_down why, const char *text)
{
	l->attempt = ATTEMPT_NONE;
	if (!l->closing)
		l->events.down(l->events.user, why, text);
}

void uplink_say_why(struct uplink_link *l, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vsnprintf(l->why, sizeof l->why, fmt, args);
	va_end(args);
}

void uplink_log(struct uplink_link *l, enum log_level level, const char *key, const char *fmt, ...)
{
	char text[UPLINK_LINE_MAX];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof text, fmt, args);
	va_end(args);
	repeat_log(&l->repeat, (int64_t)uv_now(l->loop) * CLOCK_NS_PER_MS, level, "uplink", key, "hub '%s': %s", l->config.name, text);
}

/* --- for the pump --- */

static void on_soon(uv_timer_t *timer)
{
	struct uplink_link *l = timer->data;

	uplink_tell_down(l, HUB_DOWN_PROCESS, l->why);
}

static int refuse_connect(struct uplink_link *l)
{
	uv_timer_start(&l->soon, on_soon, 0, 0);
	return -1;
}

static int link_connect(void *link, const struct hub_connect *c)
{
	struct uplink_link *l = link;
	struct frame f = {
		.type = FRAME_CONNECT, .number = (uint32_t)c->url, .session = c->session, .topic = c->will_topic,
		.payload = { c->will_payload, c->will_payload ? strlen(c->will_payload) : 0 },
	};

	if (l->closing || l->attempt != ATTEMPT_NONE)
		return -1;
	uv_update_time(l->loop);
	if (l->process == PROCESS_NONE && uplink_start(l) < 0) {
		uplink_log(l, LOG_LEVEL_ERROR, NULL, "%s", l->why);
		if (l->process == PROCESS_RUNNING)
			uplink_kill(l);   /* the setup is beyond a frame's bounds */
		else
			uplink_start_backoff(l);
		return refuse_connect(l);
	}
	if (l->process != PROCESS_RUNNING)
		return refuse_connect(l);
	if (uplink_put_frame(l, &f, 0) < 0) {
		uplink_say_why(l, "the will is beyond its bounds, or firegw-uplink takes nothing");
		return refuse_connect(l);
	}
	uv_timer_stop(&l->soon);
	l->attempt = ATTEMPT_OPENING;
	l->attempt_by_ms = uv_now(l->loop) + UPLINK_CONNECT_MS;
	return 0;
}

static int link_send(void *link, const struct hub_publish *p)
{
	struct uplink_link *l = link;
	struct frame f = {
		.type = FRAME_PUBLISH, .token = p->token, .topic = p->topic, .flag = p->retain,
		.payload = { p->len > 0 ? p->payload : "", p->len }, .correlation = { p->correlation, p->correlation_len },
	};

	if (l->attempt != ATTEMPT_UP)
		return -1;
	bool large = p->len > UPLINK_LARGE_BYTES;
	if (uplink_put_frame(l, &f, large ? UPLINK_OUT_RESERVE : UPLINK_OUT_CONTROL) == 0)
		return 0;
	l->stats.full++;
	return -1;
}

static int put_filters(struct uplink_link *l, enum frame_type type, const char *const *filters, size_t n)
{
	struct frame f = { .type = type };

	if (l->attempt != ATTEMPT_UP || n > FRAME_LIST_MAX)
		return -1;
	for (size_t i = 0; i < n; i++)
		f.list.items[f.list.n++] = filters[i];
	return uplink_put_frame(l, &f, 0);
}

static int link_subscribe(void *link, const char *const *filters, size_t n)
{
	return put_filters(link, FRAME_SUBSCRIBE, filters, n);
}

static int link_unsubscribe(void *link, const char *const *filters, size_t n)
{
	return put_filters(link, FRAME_UNSUBSCRIBE, filters, n);
}

static void link_disconnect(void *link)
{
	struct uplink_link *l = link;
	const struct frame f = { .type = FRAME_DISCONNECT };

	if (l->attempt != ATTEMPT_OPENING && l->attempt != ATTEMPT_UP)
		return;
	uv_update_time(l->loop);
	l->attempt = ATTEMPT_ENDING;
	l->attempt_by_ms = uv_now(l->loop) + UPLINK_DISCONNECT_MS;
	/* No room even for this: the process has stopped reading, and the bound kills it. */
	(void)uplink_put_frame(l, &f, 0);
}

const struct hub_ops *uplink_link_ops(void)
{
	static const struct hub_ops ops = {
		.connect = link_connect, .send = link_send, .subscribe = link_subscribe, .unsubscribe = link_unsubscribe, .disconnect = link_disconnect,
	};

	return &ops;
}

/* --- life --- */

static void free_link(struct uplink_link *l)
{
	const char *const texts[] = { l->config.name, l->config.client_id, l->config.username, l->config.password_file, l->config.tls_ca, l->config.tls_cert,
		l->config.tls_key };

	for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
		free((void *)(uintptr_t)texts[i]);
	for (size_t i = 0; l->urls && i < l->config.n_urls; i++)
		free(l->urls[i]);
	free(l->urls);
	free(l->program);
	free(l->in);
	free(l->out);
	free(l);
}

/* NULL stays NULL; *ok becomes false without memory. */
static char *copy_text(const char *text, bool *ok)
{
	char *copy = text ? strdup(text) : NULL;

	*ok = *ok && (copy || !text);
	return copy;
}

static bool copy_config(struct uplink_link *l, const struct hub_config *c)
{
	bool ok = true;

	l->urls = calloc(c->n_urls, sizeof *l->urls);
	l->config = (struct hub_config){
		.name = copy_text(c->name, &ok), .urls = (const char *const *)l->urls, .n_urls = c->n_urls, .version = c->version,
		.client_id = copy_text(c->client_id, &ok), .username = copy_text(c->username, &ok), .password_file = copy_text(c->password_file, &ok),
		.tls_ca = copy_text(c->tls_ca, &ok), .tls_cert = copy_text(c->tls_cert, &ok), .tls_key = copy_text(c->tls_key, &ok), .keepalive_s = c->keepalive_s,
	};
	for (size_t i = 0; l->urls && i < c->n_urls; i++)
		l->urls[i] = copy_text(c->urls[i], &ok);
	return ok && l->urls;
}

struct uplink_link *uplink_link_new(uv_loop_t *loop, const struct hub_config *config, const char *program, const struct hub_events *events, struct err *reterr)
{
	struct uplink_link *l = calloc(1, sizeof *l);

	if (!l)
		goto no_memory;
	l->loop = loop;
	l->events = *events;
	l->socket = -1;
	l->program = strdup(program);
	l->in = malloc(FRAME_MAX_BYTES);
	l->out = malloc(UPLINK_OUT_BYTES);
	if (!copy_config(l, config) || !l->program || !l->in || !l->out)
		goto no_memory_link;
	uv_timer_init(loop, &l->timer);
	uv_timer_init(loop, &l->soon);
	uv_timer_init(loop, &l->tick);
	l->timer.data = l->soon.data = l->tick.data = l;
	l->handles = 3;
	return l;
no_memory_link:
	free_link(l);
no_memory:
	err_set(reterr, ERR_NO_MEMORY, "hub '%s': no memory for the link", config->name);
	return NULL;
}

static void maybe_closed(struct uplink_link *l)
{
	if (!l->closing || l->handles > 0)
		return;
	void (*closed)(void *) = l->closed;
	void *user = l->closed_user;
	free_link(l);
	if (closed)
		closed(user);
}

void uplink_handle_closed(uv_handle_t *h)
{
	struct uplink_link *l = h->data;

	l->handles--;
	maybe_closed(l);
}

void uplink_close_timers(struct uplink_link *l)
{
	uv_close((uv_handle_t *)&l->timer, uplink_handle_closed);
	uv_close((uv_handle_t *)&l->soon, uplink_handle_closed);
	uv_close((uv_handle_t *)&l->tick, uplink_handle_closed);
}

static void on_quit_late(uv_timer_t *timer)
{
	struct uplink_link *l = timer->data;

	log_warning("uplink", "hub '%s': firegw-uplink did not end within %u s and was killed", l->config.name, UPLINK_QUIT_MS / 1000);
	uv_process_kill(&l->child, SIGKILL);
}

void uplink_link_close(struct uplink_link *l, void (*closed)(void *user), void *user)
{
	const struct frame f = { .type = FRAME_QUIT };

	if (!l || l->closing)
		return;
	uv_timer_stop(&l->tick);
	uv_timer_stop(&l->soon);
	if (l->process == PROCESS_RUNNING && uplink_put_frame(l, &f, 0) < 0)
		uv_process_kill(&l->child, SIGKILL);
	l->closing = true;
	l->closed = closed;
	l->closed_user = user;
	if (l->process == PROCESS_RUNNING || l->process == PROCESS_DYING) {
		uv_timer_start(&l->timer, on_quit_late, UPLINK_QUIT_MS, 0);
		return;   /* on_process_exit goes on */
	}
	uplink_close_timers(l);
}

void uplink_link_stats(const struct uplink_link *l, struct uplink_link_stats *ret)
{
	*ret = l->stats;
	ret->waiting_bytes = uplink_waiting(l);
}
