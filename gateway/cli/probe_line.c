#include "gateway/cli/probe_line.h"

#include "gateway/cli/probe_wire.h"
#include "gateway/nearest.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

#define BUSY_MS      2000 /* so long we try for a device or line that is busy */
#define BUSY_WAIT_MS 250  /* a device */
#define TURN_WAIT_MS 10   /* another read of the daemon's line: shorter than a scan pauses */
#define LINES_MAX    64   /* named when none fits */

struct probe_line {
	const struct probe_ask *ask;
	struct plain_line       plain;
	struct probe_wire      *wire;   /* or */
	struct client          *client;
	char                    url[PLAIN_TEXT_MAX], bus[64];
	int                     stop_fd;
};

int64_t probe_now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_BOOTTIME, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / CLOCK_NS_PER_MS;
}

const char *probe_line_url(const struct probe_line *l)
{
	return l->url;
}

const char *probe_line_bus(const struct probe_line *l)
{
	return l->client ? l->bus : NULL;
}

/* ---- which way ---- */

/* A line of the daemon's is ours if it goes to the same place; a name and its address are the same place. */
static bool is_ours(const struct probe_line *l, const char *url)
{
	struct plain_line *other = malloc(sizeof *other);
	const struct bus_config *a = &l->plain.bus;
	bool same = false;
	struct err e;

	if (other && plain_line(url, other, &e) == 0 && other->bus.transport == a->transport)
		same = a->transport == BUS_RTU ? strcmp(a->path, other->bus.path) == 0
		                               : a->port == other->bus.port && (strcasecmp(a->host, other->bus.host) == 0 || probe_wire_is_at(l->wire, other->bus.host));
	free(other);
	return same;
}

/* Looks among the daemon's lines: by name, or by the place they go to. True: l->bus and l->url are it. */
static bool find_line(struct probe_line *l, const json_t *status)
{
	const json_t *line;
	size_t i;

	json_array_foreach((json_t *)(uintptr_t)json_object_get(status, "lines"), i, line) {
		const char *name = field_text(line, "name"), *url = field_text(line, "url");
		if (l->ask->is_url ? !is_ours(l, url) : strcmp(name, l->ask->target) != 0)
			continue;
		snprintf(l->bus, sizeof l->bus, "%s", name);
		snprintf(l->url, sizeof l->url, "%s", url);
		return true;
	}
	return false;
}

static int say_no_bus(const struct probe_line *l, const json_t *status)
{
	const char *names[LINES_MAX], *near;
	const json_t *line;
	size_t i, n = 0;

	json_array_foreach((json_t *)(uintptr_t)json_object_get(status, "lines"), i, line)
		if (n < LINES_MAX)
			names[n++] = field_text(line, "name");
	near = nearest_find(l->ask->target, names, n);
	fprintf(stderr, "firegw: firegwd has no bus '%s'%s%s%s\n", l->ask->target, near ? ": did you mean '" : " (firegw status lists them)", near ? near : "", near ? "'?" : "");
	return RESULT_NO;
}

/* Takes the daemon if the line is its own. RESULT_DONE also if it is not, or there is no daemon and none is needed. */
static int ask_daemon(struct run *r, struct probe_line *l)
{
	struct client *c = NULL;
	json_t *status = NULL;
	struct err e;
	enum client_answer a = CLIENT_LOST;

	if (client_open(args_value(&r->args, "socket"), &c, &e) == 0) {
		a = client_take_zone(c, &e);
		if (a == CLIENT_END)
			a = client_call(c, "status", NULL, &status, &e);
	}
	if (a != CLIENT_END) {
		client_close(c);
		if (!l->ask->is_url)
			return run_fail(&e, RESULT_UNREACHABLE);
		if (e.code == ERR_DENIED || args_value(&r->args, "socket"))
			fprintf(stderr, "firegw: %s; reading by an own connection, though the line may be firegwd's\n", e.text);
		return RESULT_DONE;
	}
	bool found = find_line(l, status);
	int result = found || l->ask->is_url ? RESULT_DONE : say_no_bus(l, status);
	json_decref(status);
	if (!found) {
		client_close(c);
		return result;
	}
	l->client = c;
	fprintf(stderr, "firegw: through firegwd: the line %s is its own%s\n", l->bus, l->ask->timeout_given ? "; its timeout is the line's, not --timeout" : "");
	return RESULT_DONE;
}

/* Ctrl-C becomes readable. */
static int catch_signals(struct probe_line *l)
{
	sigset_t set;
	struct err e;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	if (sigprocmask(SIG_BLOCK, &set, NULL) < 0 || (l->stop_fd = signalfd(-1, &set, SFD_CLOEXEC)) < 0)
		err_set(&e, ERR_IO, "signals: %s", strerror(errno));
	else if (!l->client || client_follow(l->client, &e) == 0)
		return RESULT_DONE;
	return run_fail(&e, RESULT_NO);
}

static int open_line(struct run *r, struct probe_line *l)
{
	struct err e;

	snprintf(l->url, sizeof l->url, "%s", l->ask->target);
	if (l->ask->is_url) {
		if (plain_line(l->ask->target, &l->plain, &e))
			return run_fail(&e, RESULT_USAGE);
		if (probe_wire_open(&l->plain, l->ask->timeout_ms, &l->wire, &e))
			return run_fail(&e, RESULT_NO);
	}
	int result = l->ask->direct ? RESULT_DONE : ask_daemon(r, l);
	return result == RESULT_DONE ? catch_signals(l) : result;
}

struct probe_line *probe_line_open(struct run *r, const struct probe_ask *ask, int *ret_result)
{
	struct probe_line *l = calloc(1, sizeof *l);
	struct err e;

	if (!l) {
		err_set(&e, ERR_NO_MEMORY, "no memory");
		*ret_result = run_fail(&e, RESULT_NO);
		return NULL;
	}
	l->ask = ask;
	l->stop_fd = -1;
	*ret_result = open_line(r, l);
	if (*ret_result == RESULT_DONE)
		return l;
	probe_line_close(l);
	return NULL;
}

void probe_line_close(struct probe_line *l)
{
	if (!l)
		return;
	probe_wire_close(l->wire);
	client_close(l->client);
	if (l->stop_fd >= 0)
		close(l->stop_fd);
	free(l);
}

bool probe_line_wait(struct probe_line *l, int64_t ms)
{
	struct pollfd p = { .fd = l->stop_fd, .events = POLLIN };

	return poll(&p, 1, ms < 0 ? 0 : ms > INT32_MAX ? INT32_MAX : (int)ms) <= 0;
}

/* ---- reading ---- */

/* The driver's errors, its own or the daemon's, whose text is the driver's (docs/control-protocol.md). */
static enum probe_answer answer_of(struct probe_result *r)
{
	const char *exception = strstr(r->error.text, "exception ");

	if (r->error.code == ERR_REFUSED && exception) {
		r->exception = (int)strtol(exception + strlen("exception "), NULL, 10);
		return PROBE_EXCEPTION;
	}
	if (r->error.code == ERR_TIMEOUT)
		return PROBE_SILENT;
	if (r->error.code == ERR_CLOSED)
		return strstr(r->error.text, "connect to ") || strstr(r->error.text, "look-up of ") || strstr(r->error.text, "open /") ? PROBE_NO_LINE : PROBE_CLOSED;
	return PROBE_REFUSED;
}

static void take_values(struct probe_result *r, const json_t *result, uint16_t count)
{
	const json_t *list = json_object_get(result, "values");

	if (json_array_size(list) != count) {
		r->answer = PROBE_LOST;
		err_set(&r->error, ERR_PROTOCOL, "firegwd broke the protocol: %zu values instead of %u", json_array_size(list), count);
		return;
	}
	r->answer = PROBE_VALUES;
	for (size_t i = 0; i < count; i++)
		r->values[i] = (uint16_t)json_integer_value(json_array_get(list, i));
}

static void read_by_daemon(struct probe_line *l, const struct bus_request *rq, struct probe_result *r)
{
	json_t *result = NULL;
	json_t *args = json_pack("{s:s, s:i, s:i, s:i, s:i}", "bus", l->bus, "unit", rq->unit, "fc", rq->fc, "address", rq->address, "count", rq->count);

	switch (client_call(l->client, "probe", args, &result, &r->error)) {
	case CLIENT_ROW:
	case CLIENT_END:
		take_values(r, result, rq->count);
		break;
	case CLIENT_FAILED:
		r->answer = answer_of(r);
		break;
	case CLIENT_LOST:
		r->answer = PROBE_LOST;
		break;
	case CLIENT_STOPPED:
		r->answer = PROBE_STOPPED;
		break;
	}
	json_decref(result);
}

static void read_once(struct probe_line *l, const struct bus_request *rq, struct probe_result *r)
{
	if (l->client) {
		read_by_daemon(l, rq, r);
		return;
	}
	int got = probe_wire_read(l->wire, rq, l->stop_fd, r->values, &r->error);
	r->answer = got > 0 ? PROBE_STOPPED : got == 0 ? PROBE_VALUES : answer_of(r);
}

bool probe_is_busy(const struct probe_result *r)
{
	return r->answer == PROBE_REFUSED && r->error.code == ERR_BUSY;
}

/* How long to wait for one that is busy; 0: none is. */
static int64_t busy_ms(const struct probe_result *r)
{
	if (r->answer == PROBE_EXCEPTION)
		return r->exception == 5 || r->exception == 6 ? BUSY_WAIT_MS : 0;
	return probe_is_busy(r) ? TURN_WAIT_MS : 0;
}

void probe_line_read(struct probe_line *l, uint8_t unit, uint8_t fc, uint16_t address, uint16_t count, struct probe_result *ret)
{
	const struct bus_request rq = { .unit = unit, .fc = fc, .address = address, .count = count };
	int64_t busy_until = probe_now_ms() + BUSY_MS;
	unsigned tries = 0;

	for (;;) {
		ret->exception = 0;
		read_once(l, &rq, ret);
		if (busy_ms(ret) && probe_now_ms() < busy_until) {
			if (probe_line_wait(l, busy_ms(ret)))
				continue;
			ret->answer = PROBE_STOPPED;
		}
		if ((ret->answer != PROBE_SILENT && ret->answer != PROBE_CLOSED) || tries++ >= l->ask->retries)
			return;
	}
}
