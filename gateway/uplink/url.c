#include "gateway/uplink/url.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct scheme { const char *ours, *paho, *port; bool tls, path; };

static const struct scheme schemes[] = {
	{ "mqtt://", "tcp://", "1883", false, false },
	{ "tcp://", "tcp://", "1883", false, false },
	{ "mqtts://", "ssl://", "8883", true, false },
	{ "ssl://", "ssl://", "8883", true, false },
	{ "ws://", "ws://", "80", false, true },
	{ "wss://", "wss://", "443", true, true },
};

static const struct scheme *scheme_of(const char *text)
{
	for (size_t i = 0; i < sizeof schemes / sizeof schemes[0]; i++)
		if (strncmp(text, schemes[i].ours, strlen(schemes[i].ours)) == 0)
			return &schemes[i];
	return NULL;
}

/* 1 … 65535, digits only. */
static int check_port(const char *text, size_t len)
{
	char digits[6];

	if (len == 0 || len > 5 || strspn(text, "0123456789") < len)
		return -1;
	memcpy(digits, text, len);
	digits[len] = '\0';
	long v = strtol(digits, NULL, 10);
	return v >= 1 && v <= 65535 ? 0 : -1;
}

int url_parse(const char *text, struct url *ret, struct err *reterr)
{
	const struct scheme *s = scheme_of(text);

	if (!s)
		return err_set(reterr, ERR_INVALID, "url '%.200s' does not begin with mqtt://, mqtts://, ws:// or wss://", text);
	const char *host = text + strlen(s->ours);
	size_t authority = strcspn(host, "/");
	const char *path = host + authority;
	if (memchr(host, '@', authority))
		return err_set(reterr, ERR_INVALID, "a url with a user in it: use username and password_file");
	if (*path != '\0' && strcmp(path, "/") != 0 && !s->path)
		return err_set(reterr, ERR_INVALID, "url '%.200s': a path is for ws:// and wss:// only", text);

	bool bracketed = host[0] == '[';
	size_t host_len;
	if (bracketed) {
		const char *end = memchr(host, ']', authority);
		if (!end)
			return err_set(reterr, ERR_INVALID, "url '%.200s': the bracket is not closed", text);
		host_len = (size_t)(end - host) + 1;
	} else {
		const char *colon = memchr(host, ':', authority);
		host_len = colon ? (size_t)(colon - host) : authority;
	}
	const char *name = host + bracketed;
	size_t name_len = host_len - (bracketed ? 2 : 0);
	if (name_len == 0 || name_len >= sizeof ret->host)
		return err_set(reterr, ERR_INVALID, "url '%.200s': no host, or one of over %zu characters", text, sizeof ret->host - 1);
	const char *port = s->port;
	size_t port_len = strlen(port);
	if (host_len < authority) {
		port = host + host_len + 1;
		port_len = authority - host_len - 1;
		if (host[host_len] != ':' || check_port(port, port_len) < 0)
			return err_set(reterr, ERR_INVALID, "url '%.200s': the port is not a number from 1 to 65535", text);
	}
	int n = snprintf(ret->paho, sizeof ret->paho, "%s%.*s:%.*s%s", s->paho, (int)host_len, host, (int)port_len, port, s->path ? path : "");
	if (n < 0 || (size_t)n >= sizeof ret->paho)
		return err_set(reterr, ERR_INVALID, "a url of over %d characters", URL_TEXT_MAX - 1);
	snprintf(ret->host, sizeof ret->host, "%.*s", (int)name_len, name);
	snprintf(ret->port, sizeof ret->port, "%.*s", (int)port_len, port);
	ret->tls = s->tls;
	ret->websocket = s->path;
	return 0;
}
