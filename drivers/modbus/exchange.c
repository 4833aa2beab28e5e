/* One step of a line: what came in is matched with the one request in flight, what is due goes out.
 *
 * The happy path: send, answer, and the next request in the same step. Failure modes: a frame that is not the answer (dropped and counted), bytes that
 * are no frame or half a frame at the timeout (the connection is given up: there is no way to find the next frame), no answer (poll.c decides), the
 * other side closes, nobody on the line answers any more (a new connection may help: half-open ones look like this). */
#include "drivers/modbus/bus.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>

#define FRAMES_A_STEP   64   /* then the loop has its turn, whatever more there is to read */
#define STRAYS_MAX      1024 /* frames in a row that nobody asked for: this is not a Modbus server */
#define SILENT_MAX      3    /* requests in a row without any answer, of as many units */
#define REQUEST_SOON_NS CLOCK_NS_PER_S       /* a person's read waits at most this long for a line that always has polls due */
#define REQUEST_LATE_NS (10 * CLOCK_NS_PER_S) /* and is answered by then, if only to say that the line is down */
#define LATENCY_UNIT_NS INT64_C(64000)
#define NO_DEVICE       UINT32_MAX

static const struct bus_timing *flight_timing(const struct modbus_bus *b)
{
	return &b->config->devices[b->flight_device == NO_DEVICE ? 0 : b->flight_device].timing;
}

/* The figures of the device that was asked; NULL: a person asks a unit that is no device of ours. */
static struct bus_unit_stats *flight_stats(struct modbus_bus *b)
{
	return b->flight == FLIGHT_NONE || b->flight_device == NO_DEVICE ? NULL : &b->units[b->flight_device].stats;
}

static void count_latency(struct modbus_bus *b, int64_t ns)
{
	int64_t top = LATENCY_UNIT_NS;
	size_t i = 0;

	while (i < BUS_LATENCY_BUCKETS - 1 && ns >= top) {
		top *= 2;
		i++;
	}
	b->stats.latency[i]++;
}

static void land(struct modbus_bus *b)
{
	b->flight = FLIGHT_NONE;
	b->out_len = b->out_sent = 0;
}

static void answer_request(struct modbus_bus *b, struct sample_sink *sink, const uint16_t *values, size_t n, const struct err *error)
{
	b->request_waits = false;
	sink->answer(sink->user, b->request.token, values, n, error);
}

static void refuse_request(struct modbus_bus *b, struct sample_sink *sink, enum err_code code, const char *why)
{
	struct err e;

	(void)err_set(&e, code, "unit %u: %s", b->request.unit, why);
	answer_request(b, sink, NULL, 0, &e);
}

/* The connection is over. What was in flight is tried again on the next one, or fails. */
static void drop_line(struct modbus_bus *b, bool forgive, struct stamp now, struct sample_sink *sink)
{
	enum bus_flight flight = b->flight;

	land(b);
	b->in_len = 0;
	b->sent = 0;
	b->was_up = false;
	if (flight == FLIGHT_POLL)
		poll_lost(b, &b->groups[b->flight_group], forgive, now, sink);
	else if (flight == FLIGHT_REQUEST)
		refuse_request(b, sink, ERR_CLOSED, b->link.why);
}

static void lose_line(struct modbus_bus *b, struct stamp now, struct sample_sink *sink, const char *what)
{
	link_lose(&b->link, now.mono_ns, "%s port %u: %s", b->config->host, b->config->port, what);
	drop_line(b, false, now, sink);
}

/* The other side closed. A server may do so between two requests at any time, and the second one then falls into the gap: no fault of the device. */
static void peer_closed(struct modbus_bus *b, int error, struct stamp now, struct sample_sink *sink)
{
	bool forgive = b->link.useful && b->in_len == 0;

	if (b->flight == FLIGHT_NONE) {
		link_lose_idle(&b->link, now.mono_ns);
		drop_line(b, false, now, sink);
		return;
	}
	link_lose(&b->link, now.mono_ns, "%s port %u: %s", b->config->host, b->config->port, error ? strerror(error) : "closed by the other side");
	drop_line(b, forgive, now, sink);
}

static void take_answer(struct modbus_bus *b, uint8_t *frame, size_t len, struct stamp now, struct sample_sink *sink)
{
	struct bus_unit_stats *u = flight_stats(b);
	int result = b->framing->decode(b->codec, &b->read, frame, len, b->values);
	enum bus_flight flight = b->flight;
	struct err e;

	if (result < 0) {
		b->stats.wrong_frames++;
		if (u)
			u->wrong++;
		return;
	}
	count_latency(b, now.mono_ns - b->sent_ns);
	b->free_ns = now.mono_ns + flight_timing(b)->pause_ns;
	b->silent = b->strays = 0;
	land(b);
	link_useful(&b->link);
	if (u)
		u->replies++;
	if (u && result > 0)
		u->exceptions[result < 16 ? result : 15]++;
	/* What a person reads says nothing of the polls: a device whose points go unread stays silent. */
	if (result == 0 && flight == FLIGHT_POLL)
		u->last_good_ns = b->stats.last_good_ns = now.mono_ns;
	if (flight == FLIGHT_POLL) {
		struct bus_group *g = &b->groups[b->flight_group];

		if (result > 0)
			poll_exception(b, g, result, now, sink);
		else
			poll_values(b, g, b->values, now, sink);
		return;
	}
	if (result > 0) {
		(void)err_set(&e, ERR_REFUSED, "unit %u: exception %d: %s", b->request.unit, result, codec_exception_text(result));
		answer_request(b, sink, NULL, 0, &e);
	} else {
		answer_request(b, sink, b->values, b->read.count, NULL);
	}
}

static void take_frame(struct modbus_bus *b, uint8_t *frame, size_t len, struct stamp now, struct sample_sink *sink)
{
	bool waiting = b->flight != FLIGHT_NONE && b->out_sent == b->out_len;
	struct framing_expect expect = { .read = waiting ? &b->read : NULL, .id = b->id, .sent = b->sent };
	struct bus_unit_stats *u = flight_stats(b);

	switch (b->framing->match(frame, len, &expect)) {
	case MATCH_ANSWER:
		take_answer(b, frame, len, now, sink);
		return;
	case MATCH_LATE:
		b->stats.late_replies++;
		if (u)
			u->late++;
		break;
	case MATCH_WRONG:
		b->stats.wrong_frames++;
		if (u)
			u->wrong++;
		break;
	}
	b->strays++;
}

/* Takes the whole frames out of the buffer, at most `left`. How many; or -1: the line was given up. */
static int take_frames(struct modbus_bus *b, int left, struct stamp now, struct sample_sink *sink)
{
	size_t at = 0, len = 0;
	int n = 0;

	while (n < left) {
		enum framing_scan scan = b->framing->scan(b->in + at, b->in_len - at, &len);

		if (scan == SCAN_MORE)
			break;
		if (scan == SCAN_GARBAGE || b->strays >= STRAYS_MAX) {
			b->stats.garbage_bytes += b->in_len - at;
			lose_line(b, now, sink, scan == SCAN_GARBAGE ? "bytes that are no Modbus frame" : "answers that nobody asked for");
			return -1;
		}
		take_frame(b, b->in + at, len, now, sink);
		at += len;
		n++;
	}
	if (at > 0) {
		b->in_len -= at;
		memmove(b->in, b->in + at, b->in_len);
		b->in_since_ns = now.mono_ns;
	}
	return n;
}

/* Reads all that is there. True if it stopped before the end, so that others have their turn. */
static bool receive(struct modbus_bus *b, struct stamp now, struct sample_sink *sink)
{
	int left = FRAMES_A_STEP;

	while (left > 0) {
		size_t room = sizeof b->in - b->in_len;
		ssize_t n = recv(b->link.fd, b->in + b->in_len, room, 0);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
			return false;
		if (n <= 0) {
			peer_closed(b, n < 0 ? errno : 0, now, sink);
			return false;
		}
		b->stats.bytes_in += (uint64_t)n;
		if (b->in_len == 0)
			b->in_since_ns = now.mono_ns;
		b->in_len += (size_t)n;
		int taken = take_frames(b, left, now, sink);
		if (taken < 0)
			return false;
		left -= taken;
		if ((size_t)n < room)
			return left <= 0;
	}
	return true;
}

/* Sends what is left of the request in flight. The timeout runs from the end of sending; sending itself has as long. */
static void send_rest(struct modbus_bus *b, struct stamp now, struct sample_sink *sink)
{
	while (b->out_sent < b->out_len) {
		ssize_t n = send(b->link.fd, b->out + b->out_sent, b->out_len - b->out_sent, MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
			return;
		if (n < 0) {
			peer_closed(b, errno, now, sink);
			return;
		}
		b->stats.bytes_out += (uint64_t)n;
		b->out_sent += (size_t)n;
	}
	b->sent_ns = now.mono_ns;
	b->reply_by_ns = now.mono_ns + flight_timing(b)->timeout_ns;
}

static void send_frame(struct modbus_bus *b, enum bus_flight flight, struct bus_frame *frame, struct stamp now, struct sample_sink *sink)
{
	if (frame->len == 0) {
		int len = b->framing->encode(b->codec, &b->read, frame->bytes, NULL);

		/* The pair within our own process is broken: no reply can come, and the timeout says so. */
		frame->len = len < 0 ? 0 : len;
	}
	b->flight = flight;
	b->id++;
	b->sent++;
	memcpy(b->out, frame->bytes, sizeof b->out);
	b->framing->number(b->out, b->id);
	b->out_len = (size_t)frame->len;
	b->out_sent = 0;
	b->reply_by_ns = now.mono_ns + flight_timing(b)->timeout_ns;
	if (flight_stats(b))
		flight_stats(b)->requests++;
	send_rest(b, now, sink);
}

static uint32_t device_of_unit(const struct modbus_bus *b, uint8_t unit)
{
	for (uint32_t i = 0; i < b->config->n_devices; i++)
		if (b->config->devices[i].unit == unit)
			return i;
	return NO_DEVICE;
}

static void send_request(struct modbus_bus *b, struct stamp now, struct sample_sink *sink)
{
	const struct bus_request *rq = &b->request;

	b->read = (struct codec_read){ .unit = rq->unit, .fc = rq->fc, .address = rq->address, .count = rq->count };
	b->flight_device = device_of_unit(b, rq->unit);
	b->request_frame.len = 0;
	send_frame(b, FLIGHT_REQUEST, &b->request_frame, now, sink);
}

static void send_poll(struct modbus_bus *b, struct bus_group *g, struct stamp now, struct sample_sink *sink)
{
	b->read = group_read(b, g, g->next);
	b->flight_device = g->device;
	b->flight_group = (size_t)(g - b->groups);
	send_frame(b, FLIGHT_POLL, &g->frames[g->next], now, sink);
}

/* Half a frame that nothing completes would swallow the start of the next answer. */
static bool is_blocked(const struct modbus_bus *b)
{
	return b->in_len > 0;
}

/* Sends the next request if the line is free. */
static void dispatch(struct modbus_bus *b, struct stamp now, struct sample_sink *sink)
{
	if (b->link.state != LINK_UP || b->flight != FLIGHT_NONE || now.mono_ns < b->free_ns || is_blocked(b))
		return;
	/* A person's read goes when nothing is due, or when it has waited long enough. */
	if (b->request_waits && now.mono_ns - b->request_since_ns >= REQUEST_SOON_NS) {
		send_request(b, now, sink);
		return;
	}
	struct bus_group *g = poll_choose(b, now, sink);
	if (g)
		send_poll(b, g, now, sink);
	else if (b->request_waits)
		send_request(b, now, sink);
	else if (b->config->close_between && b->link.useful && !poll_has_work(b, now.mono_ns))
		link_rest(&b->link, now.mono_ns);
}

/* Nobody has answered for a while: the connection may be half open. */
static void check_silence(struct modbus_bus *b, struct stamp now, struct sample_sink *sink)
{
	size_t most = b->n_units < SILENT_MAX ? b->n_units : SILENT_MAX;

	if (++b->silent < most)
		return;
	b->silent = 0;
	b->link.useful = false;
	lose_line(b, now, sink, "no reply; connecting anew");
}

static void time_out(struct modbus_bus *b, struct stamp now, struct sample_sink *sink)
{
	enum bus_flight flight = b->flight;

	if (flight == FLIGHT_NONE) {
		if (is_blocked(b) && now.mono_ns >= b->in_since_ns + b->config->devices[0].timing.timeout_ns)
			lose_line(b, now, sink, "half a frame, and nothing more");
		return;
	}
	if (now.mono_ns < b->reply_by_ns)
		return;
	if (flight_stats(b))
		flight_stats(b)->timeouts++;
	if (b->in_len > 0 || b->out_sent < b->out_len) {
		lose_line(b, now, sink, b->in_len > 0 ? "half a frame, and nothing more" : "does not take our request");
		return;
	}
	land(b);
	b->free_ns = now.mono_ns;
	if (flight == FLIGHT_REQUEST)
		refuse_request(b, sink, ERR_TIMEOUT, "no reply in time");
	else if (poll_silence(b, &b->groups[b->flight_group], now, sink))
		check_silence(b, now, sink);
}

static void check_request(struct modbus_bus *b, struct stamp now, struct sample_sink *sink)
{
	if (!b->request_waits || b->flight == FLIGHT_REQUEST)
		return;
	if (b->request_since_ns == 0)
		b->request_since_ns = now.mono_ns;
	/* A line that may come up again at once is not down. */
	if (b->link.state == LINK_DOWN && b->link.why[0] && b->link.until_ns > now.mono_ns)
		refuse_request(b, sink, ERR_CLOSED, b->link.why);
	else if (now.mono_ns - b->request_since_ns >= REQUEST_LATE_NS)
		refuse_request(b, sink, ERR_TIMEOUT, "the line had no time for it");
}

/* The link, and what a new connection means for the exchange. */
static void tick_link(struct modbus_bus *b, const struct bus_event *ev, struct stamp now)
{
	link_tick(&b->link, ev, b->request_waits || poll_has_work(b, now.mono_ns), now.mono_ns);
	if (b->link.state != LINK_UP) {
		b->was_up = false;
		return;
	}
	if (b->was_up)
		return;
	b->was_up = true;
	b->in_len = 0;
	b->sent = 0;
	b->silent = b->strays = 0;
	b->free_ns = now.mono_ns;
	if (b->link.outage)
		poll_line_up(b, now.mono_ns);
	b->link.outage = false;
}

static int64_t earlier(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

static int64_t exchange_deadline(const struct modbus_bus *b, int64_t now_ns)
{
	int64_t t = poll_deadline(b, now_ns);

	/* A poll's long timeout is no reason to keep a person waiting. */
	if (b->flight == FLIGHT_POLL && b->request_waits)
		t = earlier(t, b->request_since_ns + REQUEST_LATE_NS);
	if (b->flight != FLIGHT_NONE)
		return earlier(t, b->reply_by_ns);
	if (is_blocked(b))
		t = earlier(t, b->in_since_ns + b->config->devices[0].timing.timeout_ns);
	if (b->link.state == LINK_UP && b->free_ns > now_ns)
		t = earlier(t, b->free_ns);
	if (b->request_waits) {
		int64_t soon = b->request_since_ns + REQUEST_SOON_NS;

		t = earlier(t, soon > now_ns ? soon : b->request_since_ns + REQUEST_LATE_NS);
	}
	return t;
}

void exchange_step(struct modbus_bus *b, const struct bus_event *ev, struct stamp now, struct sample_sink *sink, struct bus_wants *ret_wants)
{
	static const struct bus_event nothing = { 0 };
	bool more = false;

	tick_link(b, ev, now);
	if (b->link.fd >= 0 && (b->link.state == LINK_UP || b->link.state == LINK_SETTLING)) {
		if (ev->revents & (POLLIN | POLLERR | POLLHUP))
			more = receive(b, now, sink);
		if (b->flight != FLIGHT_NONE && b->out_sent < b->out_len)
			send_rest(b, now, sink);
	}
	time_out(b, now, sink);
	check_request(b, now, sink);
	/* A line that was just lost may come up again at once; and again after a send that failed. Each round uses up a connection. */
	for (int i = 0; i < 2; i++) {
		tick_link(b, &nothing, now);
		poll_expire(b, now, sink);
		dispatch(b, now, sink);
	}
	link_wants(&b->link, ret_wants);
	if (b->flight != FLIGHT_NONE && b->out_sent < b->out_len)
		ret_wants->poll_events |= POLLOUT;
	ret_wants->deadline_ns = more ? now.mono_ns : earlier(ret_wants->deadline_ns, exchange_deadline(b, now.mono_ns));
}
