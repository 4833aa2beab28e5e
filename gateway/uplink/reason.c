#include "gateway/uplink/reason.h"

#include <stdio.h>
#include <string.h>

/* --- MQTT --- */

struct code { int code; enum hub_down why; const char *name, *cure; };

/* MQTT 5, table 2-6; the ones a server may send to a client. */
static const struct code codes5[] = {
	{ 128, HUB_DOWN_REFUSED, "unspecified error", NULL },
	{ 129, HUB_DOWN_REFUSED, "malformed packet", NULL },
	{ 130, HUB_DOWN_REFUSED, "protocol error", NULL },
	{ 131, HUB_DOWN_REFUSED, "implementation specific error", NULL },
	{ 132, HUB_DOWN_REFUSED, "unsupported protocol version", "set version: 3.1.1 for this hub" },
	{ 133, HUB_DOWN_REFUSED, "client identifier not valid", "check client_id" },
	{ 134, HUB_DOWN_REFUSED, "bad user name or password", "check username and password_file" },
	{ 135, HUB_DOWN_REFUSED, "not authorised", "check username and password_file, and the hub's rights for them" },
	{ 136, HUB_DOWN_UNREACHABLE, "server unavailable", NULL },
	{ 137, HUB_DOWN_UNREACHABLE, "server busy", NULL },
	{ 138, HUB_DOWN_REFUSED, "banned", "ask the hub's operator" },
	{ 139, HUB_DOWN_UNREACHABLE, "server shutting down", NULL },
	{ 140, HUB_DOWN_REFUSED, "bad authentication method", NULL },
	{ 141, HUB_DOWN_LOST, "keep alive timeout", NULL },
	{ 142, HUB_DOWN_LOST, "session taken over", "another client uses the same client_id" },
	{ 143, HUB_DOWN_REFUSED, "topic filter invalid", NULL },
	{ 144, HUB_DOWN_REFUSED, "topic name invalid", NULL },
	{ 145, HUB_DOWN_LOST, "packet identifier in use", NULL },
	{ 146, HUB_DOWN_LOST, "packet identifier not found", NULL },
	{ 147, HUB_DOWN_LOST, "receive maximum exceeded", NULL },
	{ 148, HUB_DOWN_LOST, "topic alias invalid", NULL },
	{ 149, HUB_DOWN_REFUSED, "packet too large", NULL },
	{ 150, HUB_DOWN_LOST, "message rate too high", NULL },
	{ 151, HUB_DOWN_REFUSED, "quota exceeded", NULL },
	{ 152, HUB_DOWN_LOST, "administrative action", NULL },
	{ 153, HUB_DOWN_REFUSED, "payload format invalid", NULL },
	{ 154, HUB_DOWN_REFUSED, "retain not supported", "this hub cannot keep the current state for its consoles" },
	{ 155, HUB_DOWN_REFUSED, "QoS not supported", "the hub must take QoS 1" },
	{ 156, HUB_DOWN_REFUSED, "use another server", "change url" },
	{ 157, HUB_DOWN_REFUSED, "server moved", "change url" },
	{ 158, HUB_DOWN_REFUSED, "shared subscriptions not supported", NULL },
	{ 159, HUB_DOWN_UNREACHABLE, "connection rate exceeded", NULL },
	{ 160, HUB_DOWN_LOST, "maximum connect time", NULL },
	{ 161, HUB_DOWN_REFUSED, "subscription identifiers not supported", NULL },
	{ 162, HUB_DOWN_REFUSED, "wildcard subscriptions not supported", NULL },
};

/* MQTT 3.1.1, table 3.1; a broker that only knows this answers so to an MQTT 5 client too. */
static const struct code codes311[] = {
	{ 1, HUB_DOWN_REFUSED, "unacceptable protocol version", "set version: 3.1.1 for this hub, or 5" },
	{ 2, HUB_DOWN_REFUSED, "client identifier rejected", "check client_id" },
	{ 3, HUB_DOWN_UNREACHABLE, "server unavailable", NULL },
	{ 4, HUB_DOWN_REFUSED, "bad user name or password", "check username and password_file" },
	{ 5, HUB_DOWN_REFUSED, "not authorised", "check username and password_file, and the hub's rights for them" },
};

static const struct code *code_in(const struct code *table, size_t n, int code)
{
	for (size_t i = 0; i < n; i++)
		if (table[i].code == code)
			return &table[i];
	return NULL;
}

const char *reason_mqtt5(int code)
{
	const struct code *c = code_in(codes5, sizeof codes5 / sizeof codes5[0], code);

	return c ? c->name : "unknown reason";
}

enum hub_down reason_connack(int version, int code, char *text, size_t room)
{
	const struct code *c = NULL;

	if (version == 5)
		c = code_in(codes5, sizeof codes5 / sizeof codes5[0], code);
	if (!c)
		c = code_in(codes311, sizeof codes311 / sizeof codes311[0], code);
	snprintf(text, room, "the hub refused the connection: %s (code %d)%s%s", c ? c->name : "unknown reason", code, c && c->cure ? ": " : "",
	         c && c->cure ? c->cure : "");
	/* HUB_DOWN_LOST is the word for a connection that was there. */
	return c && c->why == HUB_DOWN_UNREACHABLE ? HUB_DOWN_UNREACHABLE : HUB_DOWN_REFUSED;
}

/* --- TCP and TLS --- */

static void copy_until(char *to, size_t room, const char *from, const char *stop)
{
	size_t len = strcspn(from, stop);

	snprintf(to, room, "%.*s", (int)len, from);
}

/* Which of OpenSSL's calls failed, and with which errno. */
static void note_tls_call(struct reason_notes *n, const char *line)
{
	static const struct { const char *call, *file; } files[] = {
		{ "in SSL_CTX_use_certificate_chain_file ", "tls.cert" }, { "in SSL_CTX_use_PrivateKey_file ", "tls.key" },
		{ "in SSL_CTX_load_verify_locations ", "tls.ca" },
	};
	const char *at = strstr(line, " errno ");

	for (size_t i = 0; i < sizeof files / sizeof files[0]; i++)
		if (strstr(line, files[i].call))
			snprintf(n->file, sizeof n->file, "%s", files[i].file);
	if (at && strncmp(at, " errno 0 ", 9) != 0 && (at = strchr(at + 7, ' ')) != NULL)
		copy_until(n->socket_error, sizeof n->socket_error, at + 1, "\r\n");
}

void reason_note(struct reason_notes *n, const char *line)
{
	const char *at;

	/* "SSL alert write:fatal:unknown CA" */
	if ((at = strstr(line, "SSL alert ")) != NULL) {
		bool ours = strncmp(at + strlen("SSL alert "), "write", 5) == 0;
		const char *desc = strrchr(at, ':');
		if (desc && strcmp(desc + 1, "close notify") != 0)
			copy_until(ours ? n->alert_sent : n->alert_received, sizeof n->alert_sent, desc + 1, "\r\n");
		return;
	}
	if (strstr(line, "X509_check_host for hostname")) {
		n->name_mismatch = true;
		return;
	}
	/* The library tries the host as an address when it is not there as a name. */
	if ((at = strstr(line, "X509_check_ip_asc is ")) != NULL) {
		n->name_mismatch = strncmp(at + strlen("X509_check_ip_asc is "), "1", 2) != 0;
		return;
	}
	if (strstr(line, "SSL handshake done")) {
		n->handshake_done = true;
		return;
	}
	/* "SSLSocket error (5) in SSL_connect for socket 6 rc -1 errno 104 Connection reset by peer" */
	if ((at = strstr(line, "SSLSocket error ")) != NULL) {
		note_tls_call(n, at);
		return;
	}
	/* "Socket error Connection refused(111) in connect for socket 6" */
	if ((at = strstr(line, "Socket error ")) != NULL) {
		copy_until(n->socket_error, sizeof n->socket_error, at + strlen("Socket error "), "(\r\n");
		return;
	}
	/* "…:error:0A000086:SSL routines:tls_post_process_server_certificate:certificate verify failed:../ssl/statem/statem_clnt.c:1889:" */
	if ((at = strstr(line, ":error:")) != NULL) {
		at += strlen(":error:");
		for (int parts = 0; parts < 3 && at; parts++) {
			at = strchr(at, ':');
			at = at ? at + 1 : NULL;
		}
		if (at && *at != '\0')
			copy_until(n->tls_error, sizeof n->tls_error, at, ":\r\n");
	}
}

struct alert { const char *alert, *text; };

/* What we told the hub about its certificate. */
static const struct alert sent[] = {
	{ "unknown CA", "its certificate is not signed by a CA that we trust: check tls.ca" },
	{ "certificate expired", "its certificate has expired, or our clock is wrong" },
	{ "bad certificate", "its certificate cannot be read, or is not valid yet: check our clock" },
	{ "certificate unknown", "its certificate is not acceptable" },
	{ "unsupported certificate", "its certificate is not meant for a server" },
	{ "certificate revoked", "its certificate was revoked" },
};

/* What the hub told us about ours. */
static const struct alert received[] = {
	{ "unknown CA", "it does not know the CA of our certificate: check tls.cert" },
	{ "certificate required", "it asks for a certificate: set tls.cert and tls.key" },
	{ "bad certificate", "it does not accept our certificate: check tls.cert" },
	{ "certificate expired", "it says that our certificate has expired" },
	{ "certificate revoked", "it says that our certificate was revoked" },
	{ "certificate unknown", "it does not accept our certificate: check tls.cert" },
	{ "unsupported certificate", "it does not accept our kind of certificate: check tls.cert" },
	{ "access denied", "it does not accept our certificate: check tls.cert" },
	{ "handshake failure", "no common cipher, or it asks for a certificate: check tls.cert" },
};

static const char *alert_text(const struct alert *table, size_t n, const char *alert)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(table[i].alert, alert) == 0)
			return table[i].text;
	return NULL;
}

/* What went wrong in TLS, if that can be told. */
static bool tls_reason(const struct reason_notes *n, const struct url *url, char *text, size_t room)
{
	const char *ours = alert_text(sent, sizeof sent / sizeof sent[0], n->alert_sent);
	const char *theirs = alert_text(received, sizeof received / sizeof received[0], n->alert_received);

	if (n->file[0])
		snprintf(text, room, "%s cannot be used: not a PEM file of the right kind%s", n->file,
		         strcmp(n->file, "tls.key") == 0 ? ", or it does not belong to tls.cert" : "");
	else if (ours)
		snprintf(text, room, "TLS with %s:%s: %s (%s%s%s)", url->host, url->port, ours, n->alert_sent, n->tls_error[0] ? "; " : "", n->tls_error);
	else if (theirs)
		snprintf(text, room, "TLS with %s:%s: %s (%s)", url->host, url->port, theirs, n->alert_received);
	else if (n->name_mismatch)
		snprintf(text, room, "TLS with %s:%s: its certificate is for another name: check url", url->host, url->port);
	else if (strstr(n->tls_error, "certificate"))
		snprintf(text, room, "TLS with %s:%s: %s", url->host, url->port, n->tls_error);
	/* With TLS 1.3 the client is done before the server has looked at its certificate, and the alert is lost with the connection. */
	else if (n->handshake_done)
		snprintf(text, room, "%s:%s closed the connection right after the TLS handshake: it does not accept our certificate, or asks for one "
		         "(check tls.cert and tls.key)", url->host, url->port);
	else
		return false;
	return true;
}

enum hub_down reason_transport(const struct reason_notes *n, const struct url *url, const char *message, char *text, size_t room)
{
	const char *tls = n->tls_error[0] ? n->tls_error : n->alert_received[0] ? n->alert_received : n->alert_sent;
	bool no_answer = message && strcmp(message, "TCP connect timeout") == 0;
	bool reset = strcmp(n->socket_error, "Connection reset by peer") == 0;

	if (url->tls && !no_answer && tls_reason(n, url, text, room))
		return HUB_DOWN_CERTIFICATE;
	if (url->tls && tls[0])
		snprintf(text, room, "TLS with %s:%s failed: %s (is this the TLS port?)", url->host, url->port, tls);
	else if (url->tls && reset)
		snprintf(text, room, "TLS with %s:%s failed: %s (is this the TLS port?)", url->host, url->port, n->socket_error);
	else if (reset || (message && strcmp(message, "TCP connect completion failure") == 0))
		snprintf(text, room, "%s:%s closed the connection before it answered (is this an MQTT port, and without TLS?)", url->host, url->port);
	else if (n->socket_error[0])
		snprintf(text, room, "cannot connect to %s:%s: %s", url->host, url->port, n->socket_error);
	else if (no_answer)
		snprintf(text, room, "cannot connect to %s:%s: no answer", url->host, url->port);
	else
		snprintf(text, room, "cannot connect to %s:%s", url->host, url->port);
	return HUB_DOWN_UNREACHABLE;
}
