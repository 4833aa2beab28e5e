/* The happy path is: setup, connect (begin) → RESULT_LOOKED_UP (on_looked_up) → RESULT_UP (on_up) → publish → RESULT_DELIVERED … → disconnect → RESULT_DISCONNECTED.
 *
 * Failure modes: the name is not found, nothing answers, TLS or the broker refuses (fail_attempt); the broker or the network goes away (on_lost); nothing is
 * acknowledged any more although the connection stands (on_time: half-open). Each ends in one `down`, and whatever was in flight is forgotten with it. */
#include "gateway/uplink/session.h"

#include "core/clock.h"
#include "gateway/uplink/notes.h"
#include "gateway/uplink/reason.h"
#include "gateway/uplink/secret.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const bool moves[SESSION_STATE_COUNT][SESSION_STATE_COUNT] = {
	[SESSION_IDLE] = { [SESSION_LOOKING_UP] = true },
	[SESSION_LOOKING_UP] = { [SESSION_CONNECTING] = true, [SESSION_IDLE] = true },
	[SESSION_CONNECTING] = { [SESSION_UP] = true, [SESSION_IDLE] = true },
	[SESSION_UP] = { [SESSION_CLOSING] = true, [SESSION_IDLE] = true },
	[SESSION_CLOSING] = { [SESSION_IDLE] = true },
};

static void move(struct session *s, enum session_state to)
{
	assert(moves[s->state][to]);
	s->state = to;
}

/* --- telling the daemon --- */

static void tell_down(struct session *s, enum hub_down why, const char *text)
{
	char cut[FRAME_TEXT_MAX];
	struct frame f = { .type = FRAME_DOWN, .number = (uint32_t)why, .text = cut };

	snprintf(cut, sizeof cut, "%s", text);
	channel_send(s->channel, &f);
}

static void tell_refused(struct session *s, uint64_t token, int reason, const char *text)
{
	struct frame f = { .type = FRAME_REFUSED, .token = token, .number = (uint32_t)reason, .text = text };

	channel_send(s->channel, &f);
}

static void tell_subscribed(struct session *s, bool ok, const char *text)
{
	struct frame f = { .type = FRAME_SUBSCRIBED, .flag = ok, .text = text };

	channel_send(s->channel, &f);
}

void session_init(struct session *s, struct client *client, struct channel *channel, struct results *results, int notes_fd)
{
	*s = (struct session){ .client = client, .channel = channel, .notes_fd = notes_fd, .nudge_ns = CLOCK_NEVER, .deadline_ns = CLOCK_NEVER };
	s->lookups.results = results;
}

/* --- an attempt --- */

static void forget_flights(struct session *s)
{
	memset(s->flights, 0, sizeof s->flights);
	s->in_flight = 0;
	s->next_slot = 0;
	s->largest = 0;
	s->nudge_ns = CLOCK_NEVER;
}

static void begin(struct session *s, int64_t now_ns);

/* To IDLE: the library's handle goes, and what it may still report belongs to a past attempt. */
static void come_to_rest(struct session *s, int64_t now_ns)
{
	client_drop(s->client);
	s->attempt++;
	forget_flights(s);
	s->deadline_ns = CLOCK_NEVER;
	move(s, SESSION_IDLE);
	if (s->connect_waits) {
		s->connect_waits = false;
		begin(s, now_ns);
	}
}

static void fail_attempt(struct session *s, enum hub_down why, const char *text, int64_t now_ns)
{
	tell_down(s, why, text);
	come_to_rest(s, now_ns);
}

static void wake_library(struct session *s, int64_t now_ns)
{
	s->nudges = 0;
	s->nudge_ns = now_ns + 2 * CLOCK_NS_PER_MS;
}

/* The files in order, so that the daemon is told which one is wrong: the library only says that it failed. */
static int check_tls_files(const struct setup *u, struct err *reterr)
{
	if (u->tls_ca && secret_check_pem("tls.ca", u->tls_ca, reterr) < 0)
		return -1;
	if (u->tls_cert && secret_check_pem("tls.cert", u->tls_cert, reterr) < 0)
		return -1;
	if (u->tls_key && secret_check_pem("tls.key", u->tls_key, reterr) < 0)
		return -1;
	return 0;
}

static void begin(struct session *s, int64_t now_ns)
{
	struct err e;

	s->attempt++;
	s->down_told = false;
	s->notes = (struct reason_notes){ 0 };
	move(s, SESSION_LOOKING_UP);
	s->deadline_ns = now_ns + SESSION_CONNECT_NS;
	if (url_parse(s->setup.urls[s->url_index], &s->url, &e) < 0)
		fail_attempt(s, HUB_DOWN_REFUSED, e.text, now_ns);
	else if (s->url.tls && check_tls_files(&s->setup, &e) < 0)
		fail_attempt(s, HUB_DOWN_CERTIFICATE, e.text, now_ns);
	else if (lookup_start(&s->lookups, s->attempt, s->url.host, s->url.port) < 0)
		fail_attempt(s, HUB_DOWN_UNREACHABLE, "cannot look up the hub's name: earlier look-ups still hang (is the resolver dead?)", now_ns);
}

static int on_connect(struct session *s, const struct frame *f, int64_t now_ns, struct err *reterr)
{
	if (f->number >= s->setup.n_urls)
		return err_set(reterr, ERR_PROTOCOL, "connect to url %u of %zu", f->number, s->setup.n_urls);
	if (s->state != SESSION_IDLE && !(s->state == SESSION_CLOSING && s->down_told && !s->connect_waits))
		return err_set(reterr, ERR_PROTOCOL, "connect while there is a connection");
	free(s->will_topic);
	free((void *)(uintptr_t)s->will_payload.data);
	s->will_topic = f->topic ? strdup(f->topic) : NULL;
	s->will_payload = (struct frame_bytes){ 0 };
	if (f->topic && !s->will_topic)
		return err_set(reterr, ERR_NO_MEMORY, "no memory for the will");
	if (f->payload.len > 0) {
		void *copy = malloc(f->payload.len);
		if (!copy)
			return err_set(reterr, ERR_NO_MEMORY, "no memory for the will");
		memcpy(copy, f->payload.data, f->payload.len);
		s->will_payload = (struct frame_bytes){ copy, f->payload.len };
	}
	s->url_index = f->number;
	if (s->state == SESSION_CLOSING)
		s->connect_waits = true;
	else
		begin(s, now_ns);
	return 0;
}

static int keepalive(const struct session *s)
{
	if (s->server_keepalive_s > 0 && (int)s->server_keepalive_s < s->setup.keepalive_s)
		return (int)s->server_keepalive_s;
	return s->setup.keepalive_s;
}

static void on_looked_up(struct session *s, const struct result *r, int64_t now_ns)
{
	const struct setup *u = &s->setup;
	struct secret secret = { .len = 0 };
	struct err e;

	if (r->text[0]) {
		fail_attempt(s, HUB_DOWN_UNREACHABLE, r->text, now_ns);
		return;
	}
	memcpy(&s->address, r->bytes, r->len);
	s->address_len = (socklen_t)r->len;
	if (u->password_file && secret_read(u->password_file, &secret, &e) < 0) {
		err_prefix(&e, "password_file: ");
		fail_attempt(s, HUB_DOWN_REFUSED, e.text, now_ns);
		return;
	}
	if (secret.readable_by_all)
		channel_log(s->channel, LOG_LEVEL_WARNING, "password_file '%s' can be read by everybody: chmod 0640", u->password_file);
	struct client_target t = {
		.url = &s->url, .version = u->version, .client_id = u->client_id, .username = u->username,
		.password = secret.len ? secret.bytes : NULL, .password_len = secret.len,
		.tls_ca = u->tls_ca, .tls_cert = u->tls_cert, .tls_key = u->tls_key, .keepalive_s = keepalive(s),
		.will_topic = s->will_topic, .will_payload = s->will_payload,
	};
	int rc = client_connect(s->client, s->attempt, &t, &e);
	secret_wipe(&secret);
	if (rc < 0) {
		fail_attempt(s, HUB_DOWN_REFUSED, e.text, now_ns);
		return;
	}
	move(s, SESSION_CONNECTING);
	s->deadline_ns = now_ns + SESSION_CONNECT_NS;
	wake_library(s, now_ns);
}

static void on_up(struct session *s, const struct result *r, int64_t now_ns)
{
	if (r->no_qos1) {
		fail_attempt(s, HUB_DOWN_REFUSED, "the hub takes only QoS 0: nothing would be acknowledged", now_ns);
		return;
	}
	move(s, SESSION_UP);
	client_settled(s->client);
	s->deadline_ns = CLOCK_NEVER;
	s->nudge_ns = CLOCK_NEVER;
	s->progress_ns = now_ns;
	s->window = r->number < CLIENT_SLOTS ? r->number : CLIENT_SLOTS;
	if (s->window == 0 || (s->one_at_a_time && s->url.websocket))
		s->window = 1;
	s->packet_max = r->packet_max;
	s->no_retain = r->no_retain;
	if ((int)r->keepalive_s < keepalive(s)) {
		/* The library does not take it over; the next connection will ask for it. */
		channel_log(s->channel, LOG_LEVEL_WARNING, "the hub wants a keepalive of %u s, shorter than ours of %d s", r->keepalive_s, keepalive(s));
		s->server_keepalive_s = r->keepalive_s;
	}
	struct frame f = { .type = FRAME_UP, .number = s->window == CLIENT_SLOTS ? r->number : s->window };
	channel_send(s->channel, &f);
}

static void on_connect_failed(struct session *s, const struct result *r, int64_t now_ns)
{
	char text[FRAME_TEXT_MAX];
	enum hub_down why;

	notes_take(s->notes_fd, &s->notes);
	if (r->code > 0) {
		why = reason_connack(s->setup.version, r->code, text, sizeof text);
	} else {
		/* The library lost the cause on its way: ask the address once more. */
		const struct reason_notes none = { 0 };
		if (memcmp(&s->notes, &none, sizeof none) == 0) {
			int error = lookup_refusal((const struct sockaddr *)&s->address, s->address_len);
			if (error != 0)
				snprintf(s->notes.socket_error, sizeof s->notes.socket_error, "%s", strerror(error));
		}
		why = reason_transport(&s->notes, &s->url, r->text[0] ? r->text : NULL, text, sizeof text);
	}
	fail_attempt(s, why, text, now_ns);
}

static void on_lost(struct session *s, const struct result *r, int64_t now_ns)
{
	char text[FRAME_TEXT_MAX];

	if (r->code >= 128)
		snprintf(text, sizeof text, "the hub ended the connection: %s (code %d)%s%s", reason_mqtt5(r->code), r->code, r->text[0] ? ": " : "", r->text);
	else
		snprintf(text, sizeof text, "the connection to the hub was lost%s%s", r->text[0] ? ": " : "", r->text);
	if (s->state == SESSION_CLOSING && s->down_told)
		come_to_rest(s, now_ns);
	else
		fail_attempt(s, HUB_DOWN_LOST, text, now_ns);
}

static void on_disconnect(struct session *s, int64_t now_ns)
{
	switch (s->state) {
	case SESSION_IDLE:
		/* It crossed our `down`. */
		break;
	case SESSION_LOOKING_UP:
	case SESSION_CONNECTING:
		fail_attempt(s, HUB_DOWN_LOST, "disconnected before the connection was up", now_ns);
		break;
	case SESSION_UP:
		if (client_disconnect(s->client, false) < 0) {
			fail_attempt(s, HUB_DOWN_LOST, "the connection to the hub was lost", now_ns);
			break;
		}
		move(s, SESSION_CLOSING);
		s->deadline_ns = now_ns + SESSION_CLOSE_NS;
		wake_library(s, now_ns);
		break;
	case SESSION_CLOSING:
		/* A connect that waited for the old connection's end is taken back. */
		if (s->connect_waits) {
			s->connect_waits = false;
			tell_down(s, HUB_DOWN_LOST, "disconnected before the connection was up");
		}
		break;
	case SESSION_STATE_COUNT:
		break;
	}
}

static void on_closed(struct session *s, int64_t now_ns)
{
	if (!s->down_told)
		tell_down(s, HUB_DOWN_LOST, "disconnected");
	come_to_rest(s, now_ns);
}

/* --- publishes and subscriptions --- */

static uint32_t take_slot(struct session *s, bool subscribe, uint64_t token, int64_t now_ns)
{
	uint32_t slot = s->next_slot;

	/* session_takes keeps in_flight below CLIENT_SLOTS, so there is a free one. */
	while (s->flights[slot].used)
		slot = (slot + 1) % CLIENT_SLOTS;
	s->next_slot = (slot + 1) % CLIENT_SLOTS;
	s->flights[slot] = (struct flight){ .token = token, .used = true, .subscribe = subscribe };
	if (s->in_flight++ == 0) {
		s->progress_ns = now_ns;
		s->largest = 0;
	}
	wake_library(s, now_ns);
	return slot;
}

static void free_slot(struct session *s, uint32_t slot)
{
	s->flights[slot].used = false;
	if (--s->in_flight == 0)
		s->nudge_ns = CLOCK_NEVER;
}

static void on_publish(struct session *s, const struct frame *f, int64_t now_ns)
{
	struct err e;

	if (s->state != SESSION_UP)
		return;   /* it crossed our `down`, which forgot it */
	if (s->no_retain && f->flag) {
		tell_refused(s, f->token, 154, reason_mqtt5(154));
		return;
	}
	/* Fixed header, topic and properties on top. Beyond the server's limit it would end the connection, again and again. */
	if (f->payload.len + strlen(f->topic) + f->correlation.len + 32 > s->packet_max) {
		tell_refused(s, f->token, 149, reason_mqtt5(149));
		return;
	}
	uint32_t slot = take_slot(s, false, f->token, now_ns);
	if (client_publish(s->client, slot, f, &e) == 0) {
		s->largest = f->payload.len > s->largest ? f->payload.len : s->largest;
	} else if (e.code == ERR_INVALID) {
		free_slot(s, slot);
		tell_refused(s, f->token, 144, e.text);
	}
	/* Else the connection is going: its `down` is on the way, or the half-open bound brings one. */
}

static void on_subscribe(struct session *s, const struct frame *f, int64_t now_ns)
{
	struct err e;

	if (s->state != SESSION_UP)
		return;
	uint32_t slot = take_slot(s, true, 0, now_ns);
	if (client_subscribe(s->client, slot, &f->list, &e) == 0)
		return;
	if (e.code == ERR_INVALID) {
		free_slot(s, slot);
		tell_subscribed(s, false, e.text);
	}
}

static void on_answer(struct session *s, const struct result *r, int64_t now_ns)
{
	struct flight *f = &s->flights[r->slot];

	if (!f->used)
		return;
	if (r->type == RESULT_REFUSED && r->code == 0) {
		/* Given up by the library: the connection is going, and its `down` forgets this one. Should none come, the half-open bound does. */
		return;
	}
	s->progress_ns = now_ns;
	if (f->subscribe) {
		tell_subscribed(s, r->code == 0, r->code == 0 ? "" : r->text);
	} else if (r->type == RESULT_DELIVERED) {
		struct frame delivered = { .type = FRAME_DELIVERED, .token = f->token };
		channel_send(s->channel, &delivered);
	} else {
		tell_refused(s, f->token, r->code, r->text);
	}
	free_slot(s, r->slot);
}

static void on_message(struct session *s, const struct result *r, int64_t now_ns)
{
	s->progress_ns = now_ns;
	if (r->len == 0)
		s->channel->too_large++;
	else if (channel_waiting(s->channel) + r->len > CHANNEL_MESSAGES_MAX)
		s->channel->crowded++;
	else
		channel_send_bytes(s->channel, r->bytes, r->len);
}

/* --- entries --- */

bool session_takes(const struct session *s, enum frame_type type)
{
	if (s->state != SESSION_UP || (type != FRAME_PUBLISH && type != FRAME_SUBSCRIBE && type != FRAME_UNSUBSCRIBE))
		return true;
	return s->in_flight < s->window;
}

int session_on_frame(struct session *s, const struct frame *f, int64_t now_ns, bool *ret_quit, struct err *reterr)
{
	struct err e;

	*ret_quit = false;
	if (!s->setup.done && f->type != FRAME_SETUP && f->type != FRAME_QUIT)
		return err_set(reterr, ERR_PROTOCOL, "frame '%s' before setup", frame_type_name(f->type));
	switch (f->type) {
	case FRAME_SETUP:
		if (setup_take(&s->setup, f, reterr) < 0)
			return -1;
		/* A cage that stays open is no reason to let alarms wait. */
		if (setup_close_cage(&s->setup, &e) < 0)
			channel_log(s->channel, e.code == ERR_UNSUPPORTED ? LOG_LEVEL_INFO : LOG_LEVEL_WARNING, "firegw-uplink runs with more rights than it needs: %s", e.text);
		return 0;
	case FRAME_CONNECT:
		if (!setup_in_reach(&s->setup)) {
			channel_log(s->channel, LOG_LEVEL_INFO, "the directory of a password or TLS file is another one now: starting anew");
			*ret_quit = true;
			return 0;
		}
		return on_connect(s, f, now_ns, reterr);
	case FRAME_PUBLISH:
		on_publish(s, f, now_ns);
		return 0;
	case FRAME_SUBSCRIBE:
		on_subscribe(s, f, now_ns);
		return 0;
	case FRAME_UNSUBSCRIBE:
		if (s->state == SESSION_UP)
			client_unsubscribe(s->client, &f->list);
		return 0;
	case FRAME_DISCONNECT:
		on_disconnect(s, now_ns);
		return 0;
	case FRAME_QUIT:
		*ret_quit = true;
		return 0;
	case FRAME_UP: case FRAME_DOWN: case FRAME_DELIVERED: case FRAME_REFUSED: case FRAME_MESSAGE: case FRAME_SUBSCRIBED: case FRAME_LOG: case FRAME_ALIVE: case FRAME_DROPPED:
		break;
	}
	return err_set(reterr, ERR_PROTOCOL, "frame '%s' from the daemon", frame_type_name(f->type));
}

void session_on_result(struct session *s, const struct result *r, int64_t now_ns)
{
	if (r->attempt != s->attempt)
		return;
	/* While closing only the end matters. */
	if (s->state == SESSION_CLOSING && r->type != RESULT_LOST && r->type != RESULT_DISCONNECTED)
		return;
	switch (r->type) {
	case RESULT_LOOKED_UP: on_looked_up(s, r, now_ns); break;
	case RESULT_UP: on_up(s, r, now_ns); break;
	case RESULT_CONNECT_FAILED: on_connect_failed(s, r, now_ns); break;
	case RESULT_LOST: on_lost(s, r, now_ns); break;
	case RESULT_DELIVERED:
	case RESULT_REFUSED:
	case RESULT_SUBSCRIBED: on_answer(s, r, now_ns); break;
	case RESULT_MESSAGE: on_message(s, r, now_ns); break;
	case RESULT_DISCONNECTED: on_closed(s, now_ns); break;
	}
}

/* Nothing was acknowledged for a keepalive although something is in flight, and for as long as the largest message takes on a slow link. */
static int64_t half_open_at(const struct session *s)
{
	if (s->state != SESSION_UP || s->in_flight == 0)
		return CLOCK_NEVER;
	return s->progress_ns + (int64_t)s->setup.keepalive_s * CLOCK_NS_PER_S + (int64_t)s->largest * CLOCK_NS_PER_S / SESSION_SLOW_BYTES_PER_S;
}

static void nudge(struct session *s, int64_t now_ns)
{
	client_nudge(s->client);
	/* 2, 10, 50, 250 ms after the last call. */
	int64_t wait = 8 * CLOCK_NS_PER_MS;
	for (unsigned i = 0; i < s->nudges; i++)
		wait *= 5;
	s->nudge_ns = ++s->nudges < SESSION_NUDGES ? now_ns + wait : CLOCK_NEVER;
}

static void half_open(struct session *s, int64_t now_ns)
{
	char text[200];

	snprintf(text, sizeof text, "the hub has acknowledged nothing for %lld s although the connection stands",
	         (long long)((now_ns - s->progress_ns) / CLOCK_NS_PER_S));
	/* The library does not see a second packet in one WebSocket frame before something else arrives. With one message in flight there is none. */
	if (s->url.websocket && !s->one_at_a_time) {
		s->one_at_a_time = true;
		channel_log(s->channel, LOG_LEVEL_WARNING, "the hub may put several MQTT packets into one WebSocket frame: one message at a time from now on");
	}
	if (client_disconnect(s->client, true) < 0) {
		fail_attempt(s, HUB_DOWN_LOST, text, now_ns);
		return;
	}
	tell_down(s, HUB_DOWN_LOST, text);
	s->down_told = true;
	move(s, SESSION_CLOSING);
	s->deadline_ns = now_ns + SESSION_CLOSE_NS;
	wake_library(s, now_ns);
}

static void on_deadline(struct session *s, int64_t now_ns)
{
	char text[200];

	switch (s->state) {
	case SESSION_LOOKING_UP:
		snprintf(text, sizeof text, "cannot find the address of %.100s: no answer within 10 s (is the resolver dead?)", s->url.host);
		fail_attempt(s, HUB_DOWN_UNREACHABLE, text, now_ns);
		break;
	case SESSION_CONNECTING:
		snprintf(text, sizeof text, "cannot connect to %.100s:%s: no answer within 10 s", s->url.host, s->url.port);
		fail_attempt(s, HUB_DOWN_UNREACHABLE, text, now_ns);
		break;
	case SESSION_CLOSING:
		on_closed(s, now_ns);
		break;
	case SESSION_IDLE: case SESSION_UP: case SESSION_STATE_COUNT:
		break;
	}
}

void session_on_time(struct session *s, int64_t now_ns)
{
	if (now_ns >= s->nudge_ns)
		nudge(s, now_ns);
	if (now_ns >= half_open_at(s))
		half_open(s, now_ns);
	else if (now_ns >= s->deadline_ns)
		on_deadline(s, now_ns);
}

int64_t session_deadline(const struct session *s)
{
	int64_t at = half_open_at(s);

	at = s->deadline_ns < at ? s->deadline_ns : at;
	return s->nudge_ns < at ? s->nudge_ns : at;
}
