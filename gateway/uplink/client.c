/* The happy path: client_connect makes a handle of its own for the attempt (so that certificates are read afresh and nothing of an earlier connection is left);
 * client_on_connected → RESULT_UP; client_publish → client_on_published → RESULT_DELIVERED; client_disconnect → RESULT_DISCONNECTED; client_drop.
 *
 * Failure modes: no connection → client_on_connect_failed, without a cause, which is gathered from the trace and OpenSSL's error queue (notes); connection gone →
 * client_on_lost, or client_on_server_disconnect and no client_on_lost (MQTT 5, the server said why); refused publish → client_on_publish_failed with a reason code; given up by the
 * library → client_on_publish_failed without one.
 *
 * Two habits of the library (1.3.12) are worked around here:
 * - Destroying the last client stops its two threads and frees what they use, with a wait of a second and known races. So one client, the anchor, is never
 *   connected and never destroyed.
 * - A command that is queued while the send thread is on its way to sleep is not seen for a second: the signal is not remembered. A publish into the anchor's
 *   queue (which holds one message and drops the older one) signals again and does nothing else: client_nudge. */
#include "gateway/uplink/client.h"

#include "gateway/uplink/client_events.h"
#include "gateway/uplink/socket_tune.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CONNECT_TIMEOUT_S 10
#define PACKET_MAX        (FRAME_PAYLOAD_MAX + 8192)   /* what the server may send us: a message and its properties */
#define OUR_RECEIVE_MAX   64                           /* QoS 1 messages that the server may send before we acknowledged */

struct client {
	struct results *results;
	MQTTAsync       anchor, handle;   /* handle NULL: no connection */
	int             version;
	struct client_slot     connection;
	struct client_slot     slots[CLIENT_SLOTS];
};

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
	MQTTAsync_setTraceCallback(client_on_trace);
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
	rc = MQTTAsync_setCallbacks(c->handle, &c->connection, client_on_lost, client_on_message, NULL);
	if (rc == MQTTASYNC_SUCCESS && t->version == 5)
		rc = MQTTAsync_setDisconnected(c->handle, &c->connection, client_on_server_disconnect);
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
		o.onSuccess5 = client_on_connected5;
		o.onFailure5 = client_on_connect_failed5;
	} else {
		o.MQTTVersion = MQTTVERSION_3_1_1;
		o.cleansession = 1;
		o.onSuccess = client_on_connected;
		o.onFailure = client_on_connect_failed;
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
	c->connection = (struct client_slot){ .results = c->results, .attempt = attempt };
	ssl.trustStore = t->tls_ca;
	ssl.keyStore = t->tls_cert;
	ssl.privateKey = t->tls_key;
	ssl.enableServerCertAuth = 1;
	ssl.verify = 1;
	ssl.ssl_error_cb = client_on_tls_error;
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

static struct client_slot *use_slot(struct client *c, uint32_t index, size_t count)
{
	struct client_slot *s = &c->slots[index];

	*s = (struct client_slot){ .results = c->results, .attempt = c->connection.attempt, .index = index, .count = (uint32_t)count };
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
		o.onSuccess5 = client_on_published5;
		o.onFailure5 = client_on_publish_failed5;
		if (publish->correlation.data) {
			MQTTProperty p = { .identifier = MQTTPROPERTY_CODE_CORRELATION_DATA };
			p.value.data.data = (char *)(uintptr_t)publish->correlation.data;
			p.value.data.len = (int)publish->correlation.len;
			(void)MQTTProperties_add(&m.properties, &p);
		}
	} else {
		o.onSuccess = client_on_published;
		o.onFailure = client_on_publish_failed;
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
		o.onSuccess5 = client_on_subscribed5;
		o.onFailure5 = client_on_subscribe_failed5;
		o.subscribeOptions = each;
		o.subscribeOptionsList = options;
		o.subscribeOptionsCount = (int)filters->n;
	} else {
		o.onSuccess = client_on_subscribed;
		o.onFailure = client_on_subscribe_failed;
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
		o.onSuccess5 = client_on_disconnected5;
		if (with_will)
			o.reasonCode = MQTTREASONCODE_DISCONNECT_WITH_WILL_MESSAGE;
	} else {
		o.onSuccess = client_on_disconnected;
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
