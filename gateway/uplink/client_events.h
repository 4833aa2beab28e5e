/* client_events: what Paho calls on its own threads: each makes a result and posts it, and touches nothing else. Only client.c uses this. */
#ifndef FIREGW_GATEWAY_UPLINK_CLIENT_EVENTS_H
#define FIREGW_GATEWAY_UPLINK_CLIENT_EVENTS_H

#include "gateway/uplink/results.h"

#include <MQTTAsync.h>

/* The context of every callback: enough to make a result without touching the client. Written by the main thread before the library knows of it. */
struct client_slot { struct results *results; uint32_t attempt, index, count; };

void client_on_connected(void *context, MQTTAsync_successData *data);
void client_on_connected5(void *context, MQTTAsync_successData5 *data);
void client_on_connect_failed(void *context, MQTTAsync_failureData *data);
void client_on_connect_failed5(void *context, MQTTAsync_failureData5 *data);
void client_on_lost(void *context, char *cause);
void client_on_server_disconnect(void *context, MQTTProperties *props, enum MQTTReasonCodes reason);
void client_on_published(void *context, MQTTAsync_successData *data);
void client_on_published5(void *context, MQTTAsync_successData5 *data);
void client_on_publish_failed(void *context, MQTTAsync_failureData *data);
void client_on_publish_failed5(void *context, MQTTAsync_failureData5 *data);
void client_on_subscribed(void *context, MQTTAsync_successData *data);
void client_on_subscribed5(void *context, MQTTAsync_successData5 *data);
void client_on_subscribe_failed(void *context, MQTTAsync_failureData *data);
void client_on_subscribe_failed5(void *context, MQTTAsync_failureData5 *data);
void client_on_disconnected(void *context, MQTTAsync_successData *data);
void client_on_disconnected5(void *context, MQTTAsync_successData5 *data);
int client_on_message(void *context, char *topic, int topic_len, MQTTAsync_message *m);
int client_on_tls_error(const char *text, size_t len, void *context);
void client_on_trace(enum MQTTASYNC_TRACE_LEVELS level, char *line);

#endif
