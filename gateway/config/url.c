#include "gateway/config/url.h"

#include "gateway/config/bind.h"

#include <string.h>

static int split_host(struct loader *l, const struct node *at, const char *text, const char *authority, struct url *u)
{
	const char *colon;
	int64_t port = 0;

	if (*authority == '[') {
		const char *close = strchr(authority, ']');
		if (!close || (close[1] && close[1] != ':')) {
			find_error(l, at, "url '%s': an address in brackets, [::1], is not closed", text);
			return -1;
		}
		u->host = arena_text(&l->scratch, authority + 1, (size_t)(close - authority) - 1);
		colon = close[1] ? close + 1 : NULL;
	} else {
		colon = strchr(authority, ':');
		u->host = arena_text(&l->scratch, authority, colon ? (size_t)(colon - authority) : strlen(authority));
	}
	if (strspn(u->host, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_:%") != strlen(u->host) || strlen(u->host) > 253) {
		find_error(l, at, "url '%s': '%s' is not a host's name or address", text, u->host);
		return -1;
	}
	if (colon && (int_parse(colon + 1, &port) < 0 || port < 1 || port > 65535)) {
		find_error(l, at, "url '%s': port '%s' is not 1 … 65535", text, colon + 1);
		return -1;
	}
	u->port = (int)port;
	return 0;
}

int url_split(struct loader *l, const struct node *at, const char *text, struct url *ret)
{
	const char *sep = strstr(text, "://");
	struct url u = { 0 };

	for (const unsigned char *p = (const unsigned char *)text; *p; p++)
		if (*p <= 0x20 || *p >= 0x7F) {
			find_error(l, at, "url '%s' has a blank or a character in it that does not belong there", text);
			return -1;
		}
	if (!sep || sep == text || strlen(text) > 1000) {
		find_error(l, at, "'%s' is not a url like tcp://10.0.0.7:502 or mqtts://hub.example:8883", text);
		return -1;
	}
	u.scheme = arena_text(&l->scratch, text, (size_t)(sep - text));
	const char *rest = sep + 3;
	size_t len = strcspn(rest, "/?#");
	char *authority = arena_text(&l->scratch, rest, len);
	if (strchr(authority, '@')) {
		find_error(l, at, "a url holds no user and no password: use username and password_file");
		return -1;
	}
	if (strchr(rest, '#')) {
		find_error(l, at, "url '%s': a # does not belong there", text);
		return -1;
	}
	if (split_host(l, at, text, authority, &u) < 0)
		return -1;
	const char *query = strchr(rest, '?');
	if (query)
		u.query = query + 1;
	if (rest[len] == '/') {
		size_t path = query ? (size_t)(query - rest) - len : strlen(rest + len);
		u.path = arena_text(&l->scratch, rest + len, path);
	}
	*ret = u;
	return 0;
}

static int serial_parameter(struct loader *l, const struct node *at, const char *key, const char *value, struct bus_config *b)
{
	int64_t n = 0;
	bool number = int_parse(value, &n) == 0;
	static const char *const keys[] = { "baud", "bits", "parity", "stop", "rs485", NULL };

	if (strcmp(key, "baud") == 0 && number && n >= 300 && n <= 921600 && driver_knows_baud((uint32_t)n))
		b->baud = (uint32_t)n;
	else if (strcmp(key, "bits") == 0 && number && (n == 7 || n == 8))
		b->bits = (uint8_t)n;
	else if (strcmp(key, "stop") == 0 && number && (n == 1 || n == 2))
		b->stop = (uint8_t)n;
	else if (strcmp(key, "parity") == 0 && (strcmp(value, "none") == 0 || strcmp(value, "even") == 0 || strcmp(value, "odd") == 0))
		b->parity = (char)(value[0] - 'a' + 'A');
	else if (strcmp(key, "rs485") == 0 && (strcmp(value, "on") == 0 || strcmp(value, "off") == 0))
		b->rs485 = value[1] == 'n';
	else if (nearest_in(key, keys) && strcmp(nearest_in(key, keys), key) == 0)
		return find_error(l, at, "url: %s=%s is not possible (baud a usual rate, 300 … 921600; bits 7 or 8, parity none, even or odd, stop 1 or 2, rs485 on or off)",
		                  key, value), -1;
	else
		return find_error(l, at, "url: unknown parameter '%s'%s", key, nearest_hint(l, nearest_in(key, keys))), -1;
	return 0;
}

static int serial_parameters(struct loader *l, const struct node *at, const char *query, struct bus_config *b)
{
	while (*query) {
		size_t len = strcspn(query, "&");
		char *pair = arena_text(&l->scratch, query, len);
		char *eq = strchr(pair, '=');
		if (!eq)
			return find_error(l, at, "url: '%s' is not parameter=value", pair), -1;
		*eq = '\0';
		if (serial_parameter(l, at, pair, eq + 1, b) < 0)
			return -1;
		query += len + (query[len] == '&');
	}
	return 0;
}

int url_bus(struct loader *l, const struct node *at, struct bus_config *b)
{
	static const struct { const char *scheme; enum bus_transport transport; int port; } schemes[] = {
		{ "tcp", BUS_TCP, 502 }, { "rtu", BUS_RTU, 0 }, { "rtu+tcp", BUS_RTU_TCP, 0 }, { "sim", BUS_SIM, 0 },
	};
	struct url u;
	size_t i = 0, n = sizeof schemes / sizeof *schemes;

	if (url_split(l, at, at->text, &u) < 0)
		return -1;
	while (i < n && strcmp(schemes[i].scheme, u.scheme) != 0)
		i++;
	if (i == n)
		return find_error(l, at, "url '%s': a bus's is tcp://, rtu:/// or rtu+tcp://", at->text), -1;
	b->transport = schemes[i].transport;
	if (!driver_find(b->transport))
		return find_error(l, at, "url '%s': %s:// is not supported yet", at->text, u.scheme), -1;
	b->host = arena_copy(&l->keep, u.host);
	b->port = (uint16_t)(u.port ? u.port : schemes[i].port);
	b->path = "";
	if (b->transport == BUS_RTU) {
		b->baud = 9600, b->bits = 8, b->parity = 'E', b->stop = 1; /* the Modbus standard's own defaults; 9600 as most devices leave the factory */
		if (*u.host || !u.path || !u.path[1])
			return find_error(l, at, "url '%s': a serial line is rtu:///dev/ttyS1?baud=9600&parity=even", at->text), -1;
		b->path = arena_copy(&l->keep, u.path);
		return u.query ? serial_parameters(l, at, u.query, b) : 0;
	}
	if (b->transport == BUS_SIM) {
		b->path = arena_copy(&l->keep, u.path ? u.path : "");
		return 0;
	}
	if (!*u.host)
		return find_error(l, at, "url '%s' names no host", at->text), -1;
	if (!b->port)
		return find_error(l, at, "url '%s' names no port", at->text), -1;
	if ((u.path && u.path[1]) || u.query)
		return find_error(l, at, "url '%s': nothing may stand behind host and port", at->text), -1;
	return 0;
}

const char *url_bus_text(struct loader *l, const struct bus_config *b)
{
	const char *open = strchr(b->host, ':') ? "[" : "", *close = *open ? "]" : "";
	const char *parity = b->parity == 'N' ? "none" : b->parity == 'E' ? "even" : "odd";

	switch (b->transport) {
	case BUS_TCP: return arena_printf(&l->keep, "tcp://%s%s%s:%u", open, b->host, close, b->port);
	case BUS_RTU_TCP: return arena_printf(&l->keep, "rtu+tcp://%s%s%s:%u", open, b->host, close, b->port);
	case BUS_RTU: return arena_printf(&l->keep, "rtu://%s?baud=%u&bits=%u&parity=%s&stop=%u&rs485=%s", b->path, b->baud, b->bits, parity, b->stop,
		                              b->rs485 ? "on" : "off");
	case BUS_SIM: break;
	}
	return b->port ? arena_printf(&l->keep, "sim://%s%s%s:%u%s", open, b->host, close, b->port, b->path) :
	                 arena_printf(&l->keep, "sim://%s%s%s%s", open, b->host, close, b->path);
}
