#include "gateway/uplink/client_events.h"

#include "gateway/uplink/notes.h"
#include "gateway/uplink/reason.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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

void client_on_connected(void *context, MQTTAsync_successData *data)
{
	const struct client_slot *s = context;
	struct result *r = result_new(RESULT_UP, s->attempt, 0);

	(void)data;
	r->number = UINT16_MAX;
	r->packet_max = UINT32_MAX;
	r->keepalive_s = UINT16_MAX;
	results_post(s->results, r);
}

void client_on_connected5(void *context, MQTTAsync_successData5 *data)
{
	const struct client_slot *s = context;
	struct result *r = result_new(RESULT_UP, s->attempt, 0);

	r->number = property(&data->properties, MQTTPROPERTY_CODE_RECEIVE_MAXIMUM, UINT16_MAX);
	r->packet_max = property(&data->properties, MQTTPROPERTY_CODE_MAXIMUM_PACKET_SIZE, UINT32_MAX);
	r->keepalive_s = property(&data->properties, MQTTPROPERTY_CODE_SERVER_KEEP_ALIVE, UINT16_MAX);
	r->no_retain = property(&data->properties, MQTTPROPERTY_CODE_RETAIN_AVAILABLE, 1) == 0;
	r->no_qos1 = property(&data->properties, MQTTPROPERTY_CODE_MAXIMUM_QOS, 1) == 0;
	results_post(s->results, r);
}

void client_on_connect_failed(void *context, MQTTAsync_failureData *data)
{
	const struct client_slot *s = context;
	struct result *r = result_new(RESULT_CONNECT_FAILED, s->attempt, 0);

	r->code = data ? data->code : MQTTASYNC_FAILURE;
	set_text(r, data ? data->message : NULL);
	results_post(s->results, r);
}

void client_on_connect_failed5(void *context, MQTTAsync_failureData5 *data)
{
	const struct client_slot *s = context;
	struct result *r = result_new(RESULT_CONNECT_FAILED, s->attempt, 0);

	r->code = data ? data->code : MQTTASYNC_FAILURE;
	if (data && (int)data->reasonCode >= MQTTREASONCODE_UNSPECIFIED_ERROR)
		r->code = (int)data->reasonCode;
	set_text(r, data ? data->message : NULL);
	results_post(s->results, r);
}

void client_on_lost(void *context, char *cause)
{
	const struct client_slot *s = context;
	struct result *r = result_new(RESULT_LOST, s->attempt, 0);

	set_text(r, cause);
	results_post(s->results, r);
}

void client_on_server_disconnect(void *context, MQTTProperties *props, enum MQTTReasonCodes reason)
{
	const struct client_slot *s = context;
	struct result *r = result_new(RESULT_LOST, s->attempt, 0);
	int len = 0;
	const char *text = props ? reason_string(props, &len) : NULL;

	r->code = (int)reason;
	if (text)
		snprintf(r->text, sizeof r->text, "%.*s", len, text);
	results_post(s->results, r);
}

static void post_delivered(const struct client_slot *s)
{
	struct result *r = result_new(RESULT_DELIVERED, s->attempt, 0);

	r->slot = s->index;
	results_post(s->results, r);
}

void client_on_published(void *context, MQTTAsync_successData *data)
{
	(void)data;
	post_delivered(context);
}

void client_on_published5(void *context, MQTTAsync_successData5 *data)
{
	(void)data;
	post_delivered(context);
}

void client_on_publish_failed(void *context, MQTTAsync_failureData *data)
{
	const struct client_slot *s = context;
	struct result *r = result_new(RESULT_REFUSED, s->attempt, 0);

	r->slot = s->index;
	set_text(r, data ? data->message : NULL);
	results_post(s->results, r);
}

void client_on_publish_failed5(void *context, MQTTAsync_failureData5 *data)
{
	const struct client_slot *s = context;
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

static void post_subscribed(const struct client_slot *s, int refused, int reason)
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

void client_on_subscribed(void *context, MQTTAsync_successData *data)
{
	const struct client_slot *s = context;
	int refused = 0;

	for (uint32_t i = 0; s->count > 1 && i < s->count && data->alt.qosList; i++)
		refused += data->alt.qosList[i] == MQTT_BAD_SUBSCRIBE;
	post_subscribed(s, refused, 0);
}

void client_on_subscribed5(void *context, MQTTAsync_successData5 *data)
{
	const struct client_slot *s = context;
	int refused = 0, reason = 0;

	/* With one filter the list is not set. */
	for (int i = 0; s->count > 1 && i < data->alt.sub.reasonCodeCount && data->alt.sub.reasonCodes; i++)
		if ((int)data->alt.sub.reasonCodes[i] >= MQTTREASONCODE_UNSPECIFIED_ERROR) {
			refused++;
			reason = (int)data->alt.sub.reasonCodes[i];
		}
	post_subscribed(s, refused, reason);
}

void client_on_subscribe_failed(void *context, MQTTAsync_failureData *data)
{
	const struct client_slot *s = context;

	(void)data;
	post_subscribed(s, (int)s->count, 0);
}

void client_on_subscribe_failed5(void *context, MQTTAsync_failureData5 *data)
{
	const struct client_slot *s = context;

	post_subscribed(s, (int)s->count, data ? (int)data->reasonCode : 0);
}

void client_on_disconnected(void *context, MQTTAsync_successData *data)
{
	const struct client_slot *s = context;

	(void)data;
	results_post(s->results, result_new(RESULT_DISCONNECTED, s->attempt, 0));
}

void client_on_disconnected5(void *context, MQTTAsync_successData5 *data)
{
	(void)data;
	client_on_disconnected(context, NULL);
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
static struct result *message_result(const struct client_slot *s, const char *topic, MQTTAsync_message *m)
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
int client_on_message(void *context, char *topic, int topic_len, MQTTAsync_message *m)
{
	const struct client_slot *s = context;

	if (topic_len == 0 || strlen(topic) == (size_t)topic_len)
		results_post(s->results, message_result(s, topic, m));
	MQTTAsync_freeMessage(&m);
	MQTTAsync_free(topic);
	return 1;
}

int client_on_tls_error(const char *text, size_t len, void *context)
{
	(void)context;
	notes_write(text, len);
	return 1;
}

void client_on_trace(enum MQTTASYNC_TRACE_LEVELS level, char *line)
{
	static const char *const telling[] = { "SSL alert ", "X509_check_host for hostname", "X509_check_ip_asc is", "Socket error ", "SSL handshake done" };

	(void)level;
	for (size_t i = 0; line && i < sizeof telling / sizeof telling[0]; i++)
		if (strstr(line, telling[i])) {
			notes_write(line, strlen(line));
			return;
		}
}
