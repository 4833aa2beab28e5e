/* The happy path: client_connect makes a handle of its own for the attempt (so that certificates are read afresh and nothing of an earlier connection is left);
 * on_connected → RESULT_UP; client_publish → on_published → RESULT_DELIVERED; client_disconnect → RESULT_DISCONNECTED; client_drop.
 *
 * Failure modes: no connection → on_connect_failed, without a cause, which is gathered from the trace and OpenSSL's error queue (notes); connection gone →
 * on_lost, or on_server_disconnect and no on_lost (MQTT 5, the server said why); refused publish → on_publish_failed with a reason code; given up by the
 * library → on_publish_failed without one.
 *
 * Two habits of the library (1.3.12) are worked around here:
 * - Destroying the last client stops its two threads and frees what they use, with a wait of a second and known races. So one client, the anchor, is never
 *   connected and never destroyed.
 * - A command that is queued while the send thread is on its way to sleep is not seen for a second: the signal is not remembered. A publish into the anchor's
 *   queue (which holds one message and drops the older one) signals again and does nothing else: client_nudge. */
#include "gateway/uplink/client.h"

#include "gateway/uplink/notes.h"
#include "gateway/uplink/reason.h"
#include "gateway/uplink/socket_tune.h"

#include <MQTTAsync.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CONNECT_TIMEOUT_S 10
#define PACKET_MAX        (FRAME_PAYLOAD_MAX + 8192)   /* what the server may send us: a message and its properties */
#define OUR_RECEIVE_MAX   64                           /* QoS 1 messages that the server may send before we acknowledged */

/* What a callback gets as context: enough to make a result without touching the client. Written by the main thread before the library knows of it. */
struct slot { struct results *results; uint32_t attempt, index, count; };

struct client {
	struct results *results;
	MQTTAsync       anchor, handle;   /* handle NULL: no connection */
	int             version;
	struct slot     connection;
	struct slot     slots[CLIENT_SLOTS];
};

/* --- on Paho's threads --- */

static void set_text(struct result *r, const char *text)
{
	snprintf(r->text, sizeof r->text, "%s", text ? text : "");
}

static uint32_t property(const MQTTProperties *props, enum MQTTPropertyCodes code, uint32_t otherwise)
{
	MQTTProperties *p = (MQTTProperties *)(uintptr_t)props;   /* the library's readers are not const */

	if (!MQTTProperties_hasProperty(p, code))
		return otherwise;
	int64_t v = MQTTProperties_getNumericValue(p, code);
	return v < 0 ? otherwise : (uint32_t)v;
}

/* The server's reason string, or NULL; not NUL-terminated: *ret_len. */
static const char *reason_string(MQTTProperties *props, int *ret_len)
{
	MQTTProperty *p = MQTTProperties_hasProperty(props, MQTTPROPERTY_CODE_REASON_STRING)
	                          ? MQTTProperties_getProperty(props, MQTTPROPERTY_CODE_REASON_STRING) : NULL;

	*ret_len = p ? p->value.data.len : 0;
	return p ? p->value.data.data : NULL;
}

static void on_connected(void *context, MQTTAsync_successData *data)
{
	const struct slot *s = context;
	struct result *r = result_new(RESULT_UP, s->attempt, 0);

	(void)data;
	r->number = UINT16_MAX;
	r->packet_max = UINT32_MAX;
	r->keepalive_s = UINT16_MAX;
	results_post(s->results, r);
}

static void on_connected5(void *context, MQTTAsync_successData5 *data)
{
	const struct slot *s = context;
	struct result *r = result_new(RESULT_UP, s->attempt, 0);

	r->number = property(&data->properties, MQTTPROPERTY_CODE_RECEIVE_MAXIMUM, UINT16_MAX);
	r->packet_max = property(&data->properties, MQTTPROPERTY_CODE_MAXIMUM_PACKET_SIZE, UINT32_MAX);
	r->keepalive_s = property(&data->properties, MQTTPROPERTY_CODE_SERVER_KEEP_ALIVE, UINT16_MAX);
	r->no_retain = property(&data->properties, MQTTPROPERTY_CODE_RETAIN_AVAILABLE, 1) == 0;
	r->no_qos1 = property(&data->properties, MQTTPROPERTY_CODE_MAXIMUM_QOS, 1) == 0;
	results_post(s->results, r);
}

static void on_connect_failed(void *context, MQTTAsync_failureData *data)
{
	const struct slot *s = context;
	struct result *r = result_new(RESULT_CONNECT_FAILED, s->attempt, 0);

	r->code = data ? data->code : MQTTASYNC_FAILURE;
	set_text(r, data ? data->message : NULL);
	results_post(s->results, r);
}

static void on_connect_failed5(void *context, MQTTAsync_failureData5 *data)
{
	const struct slot *s = context;
	struct result *r = result_new(RESULT_CONNECT_FAILED, s->attempt, 0);

	r->code = data ? data->code : MQTTASYNC_FAILURE;
	if (data && (int)data->reasonCode >= MQTTREASONCODE_UNSPECIFIED_ERROR)
		r->code = (int)data->reasonCode;
	set_text(r, data ? data->message : NULL);
	results_post(s->results, r);
}

static void on_lost(void *context, char *cause)
{
	const struct slot *s = context;
	struct result *r = result_new(RESULT_LOST, s->attempt, 0);

	set_text(r, cause);
	results_post(s->results, r);
}

static void on_server_disconnect(void *context, MQTTProperties *props, enum MQTTReasonCodes reason)
{
	const struct slot *s = context;
	struct result *r = result_new(RESULT_LOST, s->attempt, 0);
	int len = 0;
	const char *text = props ? reason_string(props, &len) : NULL;

	r->code = (int)reason;
	if (text)
		snprintf(r->text, sizeof r->text, "%.*s", len, text);
	results_post(s->results, r);
}

static void post_delivered(const struct slot *s)
{
	struct result *r = result_new(RESULT_DELIVERED, s->attempt, 0);

	r->slot = s->index;
	results_post(s->results, r);
}

static void on_published(void *context, MQTTAsync_successData *data)
{
	(void)data;
	post_delivered(context);
}

static void on_published5(void *context, MQTTAsync_successData5 *data)
{
	(void)data;
	post_delivered(context);
}

static void on_publish_failed(void *context, MQTTAsync_failureData *data)
{
	const struct slot *s = context;
	struct result *r = result_new(RESULT_REFUSED, s->attempt, 0);

	r->slot = s->index;
	set_text(r, data ? data->message : NULL);
	results_post(s->results, r);
}

static void on_publish_failed5(void *context, MQTTAsync_failureData5 *data)
{
	const struct slot *s = context;
	struct result *r = result_new(RESULT_REFUSED, s->attempt, 0);
	int len = 0;

	r->slot = s->index;
	if (data && (int)data->reasonCode >= MQTTREASONCODE_UNSPECIFIED_ERROR) {
		const char *text = reason_string(&data->properties, &len);
		r->code = (int)data->reasonCode;
		snprintf(r->text, sizeof r->text, "%s%s%.*s", reason_mqtt5(r->code), text ? ": " : "", len, text ? text : "");
	}
	results_post(s->results, r);
}

static void post_subscribed(const struct slot *s, int refused, int reason)
{
	struct result *r = result_new(RESULT_SUBSCRIBED, s->attempt, 0);

	r->slot = s->index;
	r->number = s->count;
	r->code = refused;
	if (refused > 0)
		snprintf(r->text, sizeof r->text, "the hub refused %d of %u filters%s%s", refused, s->count, reason > 128 ? ": " : "",
		         reason > 128 ? reason_mqtt5(reason) : "");
	results_post(s->results, r);
}

static void on_subscribed(void *context, MQTTAsync_successData *data)
{
	const struct slot *s = context;
	int refused = 0;

	for (uint32_t i = 0; s->count > 1 && i < s->count && data->alt.qosList; i++)
		refused += data->alt.qosList[i] == MQTT_BAD_SUBSCRIBE;
	post_subscribed(s, refused, 0);
}

static void on_subscribed5(void *context, MQTTAsync_successData5 *data)
{
	const struct slot *s = context;
	int refused = 0, reason = 0;

	/* With one filter the list is not set. */
	for (int i = 0; s->count > 1 && i < data->alt.sub.reasonCodeCount && data->alt.sub.reasonCodes; i++)
		if ((int)data->alt.sub.reasonCodes[i] >= MQTTREASONCODE_UNSPECIFIED_ERROR) {
			refused++;
			reason = (int)data->alt.sub.reasonCodes[i];
		}
	post_subscribed(s, refused, reason);
}

static void on_subscribe_failed(void *context, MQTTAsync_failureData *data)
{
	const struct slot *s = context;

	(void)data;
	post_subscribed(s, (int)s->count, 0);
}

static void on_subscribe_failed5(void *context, MQTTAsync_failureData5 *data)
{
	const struct slot *s = context;

	post_subscribed(s, (int)s->count, data ? (int)data->reasonCode : 0);
}

static void on_disconnected(void *context, MQTTAsync_successData *data)
{
	const struct slot *s = context;

	(void)data;
	results_post(s->results, result_new(RESULT_DISCONNECTED, s->attempt, 0));
}

static void on_disconnected5(void *context, MQTTAsync_successData5 *data)
{
	(void)data;
	on_disconnected(context, NULL);
}

static char *copy_property(MQTTProperties *props, enum MQTTPropertyCodes code, int *ret_len)
{
	MQTTProperty *p = MQTTProperties_hasProperty(props, code) ? MQTTProperties_getProperty(props, code) : NULL;

	if (!p || p->value.data.len < 0)
		return NULL;
	char *copy = malloc((size_t)p->value.data.len + 1);
	if (!copy)
		return NULL;
	memcpy(copy, p->value.data.data, (size_t)p->value.data.len);
	copy[p->value.data.len] = '\0';
	*ret_len = p->value.data.len;
	return copy;
}

/* A message that no frame can hold (payload, topic or properties beyond their bounds) is an empty result: counted as dropped by the main thread. */
static struct result *message_result(const struct slot *s, const char *topic, MQTTAsync_message *m)
{
	int response_len = 0, correlation_len = 0;
	char *response = copy_property(&m->properties, MQTTPROPERTY_CODE_RESPONSE_TOPIC, &response_len);
	char *correlation = copy_property(&m->properties, MQTTPROPERTY_CODE_CORRELATION_DATA, &correlation_len);
	struct frame f = {
		.type = FRAME_MESSAGE, .topic = topic, .flag = m->retained != 0, .response_topic = response,
		.payload = { m->payloadlen > 0 ? m->payload : "", (size_t)m->payloadlen },
		.correlation = { correlation, (size_t)correlation_len },
	};
	size_t len = frame_size(&f);
	struct result *r = result_new(RESULT_MESSAGE, s->attempt, len);
	r->len = frame_encode(&f, r->bytes, len);
	free(response);
	free(correlation);
	return r;
}

/* A topic with a NUL inside is not one: MQTT forbids it. topic_len is 0 or the length, as the library's path has it. */
static int on_message(void *context, char *topic, int topic_len, MQTTAsync_message *m)
{
	const struct slot *s = context;

	if (topic_len == 0 || strlen(topic) == (size_t)topic_len)
		results_post(s->results, message_result(s, topic, m));
	MQTTAsync_freeMessage(&m);
	MQTTAsync_free(topic);
	return 1;
}

static int on_tls_error(const char *text, size_t len, void *context)
{
	(void)context;
	notes_write(text, len);
	return 1;
}

static void on_trace(enum MQTTASYNC_TRACE_LEVELS level, char *line)
{
	static const char *const telling[] = { "SSL alert ", "X509_check_host for hostname", "X509_check_ip_asc is", "Socket error ", "SSL handshake done" };

	(void)level;
	for (size_t i = 0; line && i < sizeof telling / sizeof telling[0]; i++)
		if (strstr(line, telling[i])) {
			notes_write(line, strlen(line));
			return;
		}
}

/* --- on the main thread --- */

static int fail(struct err *reterr, const char *what, int rc)
{
	const char *text = MQTTAsync_strerror(rc);

	return err_set(reterr, rc == MQTTASYNC_BAD_UTF8_STRING ? ERR_INVALID : ERR_CLOSED, "the MQTT library does not %s: %s (%d)", what, text ? text : "unknown", rc);
}

struct client *client_new(struct results *results, struct err *reterr)
{
	struct client *c = calloc(1, sizeof *c);
	MQTTAsync_init_options init = MQTTAsync_init_options_initializer;
	MQTTAsync_createOptions options = MQTTAsync_createOptions_initializer;

	if (!c) {
		err_set(reterr, ERR_NO_MEMORY, "no memory for the MQTT client");
		return NULL;
	}
	c->results = results;
	init.do_openssl_init = 1;
	MQTTAsync_global_init(&init);
	MQTTAsync_setTraceCallback(on_trace);
	MQTTAsync_setTraceLevel(MQTTASYNC_TRACE_ERROR);
	options.sendWhileDisconnected = 1;
	options.allowDisconnectedSendAtAnyTime = 1;
	options.maxBufferedMessages = 1;
	options.deleteOldestMessages = 1;
	int rc = MQTTAsync_createWithOptions(&c->anchor, "tcp://127.0.0.1:1", "anchor", MQTTCLIENT_PERSISTENCE_NONE, NULL, &options);
	if (rc != MQTTASYNC_SUCCESS) {
		fail(reterr, "start", rc);
		free(c);
		return NULL;
	}
	return c;
}

static int make_handle(struct client *c, const struct client_target *t)
{
	MQTTAsync_createOptions options = MQTTAsync_createOptions_initializer5;

	options.MQTTVersion = t->version == 5 ? MQTTVERSION_5 : MQTTVERSION_3_1_1;
	options.maxBufferedMessages = CLIENT_SLOTS + 1;
	int rc = MQTTAsync_createWithOptions(&c->handle, t->url->paho, t->client_id, MQTTCLIENT_PERSISTENCE_NONE, NULL, &options);
	if (rc != MQTTASYNC_SUCCESS) {
		c->handle = NULL;
		return rc;
	}
	rc = MQTTAsync_setCallbacks(c->handle, &c->connection, on_lost, on_message, NULL);
	if (rc == MQTTASYNC_SUCCESS && t->version == 5)
		rc = MQTTAsync_setDisconnected(c->handle, &c->connection, on_server_disconnect);
	return rc;
}

static void add_number(MQTTProperties *props, enum MQTTPropertyCodes code, uint32_t v, bool two_bytes)
{
	MQTTProperty p = { .identifier = code };

	if (two_bytes)
		p.value.integer2 = (unsigned short)v;
	else
		p.value.integer4 = v;
	(void)MQTTProperties_add(props, &p);
}

/* 5 and 3.1.1 differ in names of what is otherwise alike. */
static int start_connect(struct client *c, const struct client_target *t, MQTTAsync_SSLOptions *ssl, MQTTAsync_willOptions *will)
{
	MQTTAsync_connectOptions five = MQTTAsync_connectOptions_initializer5, older = MQTTAsync_connectOptions_initializer;
	MQTTAsync_connectOptions o = t->version == 5 ? five : older;
	MQTTProperties props = MQTTProperties_initializer;

	if (t->version == 5) {
		add_number(&props, MQTTPROPERTY_CODE_MAXIMUM_PACKET_SIZE, PACKET_MAX, false);
		add_number(&props, MQTTPROPERTY_CODE_RECEIVE_MAXIMUM, OUR_RECEIVE_MAX, true);
		o.connectProperties = &props;
		o.cleanstart = 1;
		o.onSuccess5 = on_connected5;
		o.onFailure5 = on_connect_failed5;
	} else {
		o.MQTTVersion = MQTTVERSION_3_1_1;
		o.cleansession = 1;
		o.onSuccess = on_connected;
		o.onFailure = on_connect_failed;
	}
	o.context = &c->connection;
	o.keepAliveInterval = t->keepalive_s;
	o.connectTimeout = CONNECT_TIMEOUT_S;
	o.maxInflight = UINT16_MAX;   /* the window is kept outside */
	o.username = t->username;
	o.binarypwd.data = t->password;
	o.binarypwd.len = (int)t->password_len;
	o.will = t->will_topic ? will : NULL;
	o.ssl = t->url->tls ? ssl : NULL;
	int rc = MQTTAsync_connect(c->handle, &o);
	MQTTProperties_free(&props);
	return rc;
}

int client_connect(struct client *c, uint32_t attempt, const struct client_target *t, struct err *reterr)
{
	MQTTAsync_SSLOptions ssl = MQTTAsync_SSLOptions_initializer;
	MQTTAsync_willOptions will = MQTTAsync_willOptions_initializer;

	c->version = t->version;
	c->connection = (struct slot){ .results = c->results, .attempt = attempt };
	ssl.trustStore = t->tls_ca;
	ssl.keyStore = t->tls_cert;
	ssl.privateKey = t->tls_key;
	ssl.enableServerCertAuth = 1;
	ssl.verify = 1;
	ssl.ssl_error_cb = on_tls_error;
	will.topicName = t->will_topic;
	will.payload.data = t->will_payload.len > 0 ? t->will_payload.data : "";
	will.payload.len = (int)t->will_payload.len;
	will.retained = 1;
	will.qos = 1;
	int rc = make_handle(c, t);
	if (rc == MQTTASYNC_SUCCESS) {
		MQTTAsync_setTraceLevel(MQTTASYNC_TRACE_MINIMUM);
		rc = start_connect(c, t, &ssl, &will);
	}
	if (rc != MQTTASYNC_SUCCESS) {
		client_drop(c);
		return fail(reterr, "connect", rc);
	}
	return 0;
}

void client_settled(struct client *c)
{
	(void)c;
	MQTTAsync_setTraceLevel(MQTTASYNC_TRACE_ERROR);
	socket_tune_all();
}

static struct slot *use_slot(struct client *c, uint32_t index, size_t count)
{
	struct slot *s = &c->slots[index];

	*s = (struct slot){ .results = c->results, .attempt = c->connection.attempt, .index = index, .count = (uint32_t)count };
	return s;
}

int client_publish(struct client *c, uint32_t slot, const struct frame *publish, struct err *reterr)
{
	MQTTAsync_message m = MQTTAsync_message_initializer;
	MQTTAsync_responseOptions o = MQTTAsync_responseOptions_initializer;

	if (!c->handle)
		return err_set(reterr, ERR_CLOSED, "no connection");
	m.payload = (void *)(uintptr_t)(publish->payload.len > 0 ? publish->payload.data : "");
	m.payloadlen = (int)publish->payload.len;
	m.qos = 1;
	m.retained = publish->flag;
	o.context = use_slot(c, slot, 1);
	if (c->version == 5) {
		o.onSuccess5 = on_published5;
		o.onFailure5 = on_publish_failed5;
		if (publish->correlation.data) {
			MQTTProperty p = { .identifier = MQTTPROPERTY_CODE_CORRELATION_DATA };
			p.value.data.data = (char *)(uintptr_t)publish->correlation.data;
			p.value.data.len = (int)publish->correlation.len;
			(void)MQTTProperties_add(&m.properties, &p);
		}
	} else {
		o.onSuccess = on_published;
		o.onFailure = on_publish_failed;
	}
	int rc = MQTTAsync_sendMessage(c->handle, publish->topic, &m, &o);
	MQTTProperties_free(&m.properties);
	return rc == MQTTASYNC_SUCCESS ? 0 : fail(reterr, "publish", rc);
}

int client_subscribe(struct client *c, uint32_t slot, const struct frame_list *filters, struct err *reterr)
{
	MQTTAsync_responseOptions o = MQTTAsync_responseOptions_initializer;
	MQTTSubscribe_options each = MQTTSubscribe_options_initializer, options[FRAME_LIST_MAX];
	char *topics[FRAME_LIST_MAX];
	int qos[FRAME_LIST_MAX];

	if (!c->handle)
		return err_set(reterr, ERR_CLOSED, "no connection");
	each.noLocal = 1;
	for (size_t i = 0; i < filters->n; i++) {
		topics[i] = (char *)(uintptr_t)filters->items[i];
		qos[i] = 1;
		options[i] = each;
	}
	o.context = use_slot(c, slot, filters->n);
	if (c->version == 5) {
		o.onSuccess5 = on_subscribed5;
		o.onFailure5 = on_subscribe_failed5;
		o.subscribeOptions = each;
		o.subscribeOptionsList = options;
		o.subscribeOptionsCount = (int)filters->n;
	} else {
		o.onSuccess = on_subscribed;
		o.onFailure = on_subscribe_failed;
	}
	int rc = MQTTAsync_subscribeMany(c->handle, (int)filters->n, topics, qos, &o);
	return rc == MQTTASYNC_SUCCESS ? 0 : fail(reterr, "subscribe", rc);
}

void client_unsubscribe(struct client *c, const struct frame_list *filters)
{
	MQTTAsync_responseOptions o = MQTTAsync_responseOptions_initializer;
	char *topics[FRAME_LIST_MAX];

	if (!c->handle)
		return;
	for (size_t i = 0; i < filters->n; i++)
		topics[i] = (char *)(uintptr_t)filters->items[i];
	/* Nobody waits for the answer: what still arrives is not asked for, and passed over by the daemon. */
	(void)MQTTAsync_unsubscribeMany(c->handle, (int)filters->n, topics, &o);
}

int client_disconnect(struct client *c, bool with_will)
{
	MQTTAsync_disconnectOptions five = MQTTAsync_disconnectOptions_initializer5, older = MQTTAsync_disconnectOptions_initializer;
	MQTTAsync_disconnectOptions o = c->version == 5 ? five : older;

	if (!c->handle)
		return -1;
	o.timeout = 0;
	o.context = &c->connection;
	if (c->version == 5) {
		o.onSuccess5 = on_disconnected5;
		if (with_will)
			o.reasonCode = MQTTREASONCODE_DISCONNECT_WITH_WILL_MESSAGE;
	} else {
		o.onSuccess = on_disconnected;
	}
	return MQTTAsync_disconnect(c->handle, &o) == MQTTASYNC_SUCCESS ? 0 : -1;
}

void client_drop(struct client *c)
{
	if (c->handle)
		MQTTAsync_destroy(&c->handle);
	c->handle = NULL;
	MQTTAsync_setTraceLevel(MQTTASYNC_TRACE_ERROR);
}

void client_nudge(struct client *c)
{
	(void)MQTTAsync_send(c->anchor, "n", 0, "", 0, 0, NULL);
}
