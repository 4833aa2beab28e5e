/* One step of a line: what came in is matched with the one request in flight, what is due goes out.
 *
 * The happy path: send, answer (incoming.c), and the next request in the same step, or after the silence that the line needs. Failure modes: half a frame at the timeout (on
 * TCP the connection is given up: there is no way to find the next frame; on a serial line it is thrown away), no answer (poll.c decides, owed.c remembers), the other side
 * closes, nobody on the line answers any more (a new connection may help: half-open ones look like this), a serial line that is never quiet. */
#include "drivers/modbus/bus.h"

#include <errno.h>
#include <poll.h>
#include <string.h>

#define SILENT_MAX      3    /* requests in a row without any answer, of as many units */
#define REQUEST_SOON_NS CLOCK_NS_PER_S       /* a person's read waits at most this long for a line that always has polls due */
#define REQUEST_LATE_NS (10 * CLOCK_NS_PER_S) /* and is answered by then, if only to say that the line is down */
#define CROSSING_NS     (100 * CLOCK_NS_PER_MS) /* after an answer a close is about that answer, not about what was asked meanwhile */
#define NO_DEVICE       UINT32_MAX

const struct bus_timing *flight_timing(const struct modbus_bus *b)
{
	return &b->config->devices[b->flight_device == NO_DEVICE ? 0 : b->flight_device].timing;
}

struct bus_unit_stats *flight_stats(struct modbus_bus *b)
{
	return b->flight == FLIGHT_NONE || b->flight_device == NO_DEVICE ? NULL : &b->units[b->flight_device].stats;
}

void flight_land(struct modbus_bus *b, int64_t now_ns)
{
	if (b->flight != FLIGHT_NONE)
		b->stats.busy_ns += now_ns - b->begun_ns;
	if (b->flight == FLIGHT_POLL)
		b->polled_device = b->flight_device;
	b->flight = FLIGHT_NONE;
	b->fencing = b->spoilt = false;
	b->out_len = b->out_sent = b->echo_left = 0;
}

void flight_answer_person(struct modbus_bus *b, struct sample_sink *sink, const uint16_t *values, size_t n, const struct err *error)
{
	b->request_waits = false;
	sink->answer(sink->user, b->request.token, values, n, error);
}

static void refuse_request(struct modbus_bus *b, struct sample_sink *sink, enum err_code code, const char *why)
{
	struct err e;

	(void)err_set(&e, code, "unit %u: %s", b->request.unit, why);
	flight_answer_person(b, sink, NULL, 0, &e);
}

/* The connection is over. What was in flight is tried again on the next one, or fails. */
static void drop_line(struct modbus_bus *b, bool forgive, struct stamp now, struct sample_sink *sink)
{
	enum bus_flight flight = b->flight;

	/* One that crossed the close of a server that closes after its answers did not reach the line. Of any other it is not known. */
	if (flight != FLIGHT_NONE && !(forgive && now.mono_ns - b->answered_ns < CROSSING_NS))
		owed_note(b, &b->read, now.mono_ns);
	flight_land(b, now.mono_ns);
	b->in_len = 0;
	b->sent = 0;
	b->was_up = false;
	if (flight == FLIGHT_POLL)
		poll_lost(b, &b->groups[b->flight_group], forgive, now, sink);
	else if (flight == FLIGHT_REQUEST)
		refuse_request(b, sink, ERR_CLOSED, b->link.why);
}

void exchange_lose_line(struct modbus_bus *b, struct stamp now, struct sample_sink *sink, const char *what)
{
	link_lose(&b->link, now.mono_ns, "%s: %s", b->link.name, what);
	drop_line(b, false, now, sink);
}

/* The other side closed. A server may do so between two requests at any time, and the second one then falls into the gap: no fault of the device. */
void exchange_peer_closed(struct modbus_bus *b, int error, struct stamp now, struct sample_sink *sink)
{
	bool forgive = b->link.useful && b->in_len == 0;

	if (b->flight == FLIGHT_NONE) {
		link_lose_idle(&b->link, now.mono_ns);
		drop_line(b, false, now, sink);
		return;
	}
	link_lose(&b->link, now.mono_ns, "%s: %s", b->link.name, error ? strerror(error) : b->link.serial ? "the port went away" : "closed by the other side");
	drop_line(b, forgive, now, sink);
}

/* Sends what is left of the request in flight. The timeout runs from the end of sending; sending itself has as long. */
static void send_rest(struct modbus_bus *b, struct stamp now, struct sample_sink *sink)
{
	while (b->out_sent < b->out_len) {
		ssize_t n = link_write(&b->link, b->out + b->out_sent, b->out_len - b->out_sent);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
			return;
		if (n < 0) {
			exchange_peer_closed(b, errno, now, sink);
			return;
		}
		b->stats.bytes_out += (uint64_t)n;
		b->out_sent += (size_t)n;
	}
	/* What the kernel took is on its way for as long as its bits take; and so is the answer. */
	b->sent_ns = now.mono_ns + (int64_t)b->out_len * b->character_ns;
	b->reply_by_ns = b->sent_ns + flight_timing(b)->timeout_ns + (int64_t)framing_rtu_reply_length(&b->read) * b->character_ns;
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
	b->echo_left = flight_timing(b)->echo ? b->out_len : 0;
	b->spoilt = false;
	b->begun_ns = now.mono_ns;
	b->reply_by_ns = now.mono_ns + flight_timing(b)->timeout_ns;
	if (flight_stats(b))
		flight_stats(b)->requests++;
	send_rest(b, now, sink);
}

uint32_t bus_device_of_unit(const struct modbus_bus *b, uint8_t unit)
{
	for (uint32_t i = 0; i < b->config->n_devices; i++)
		if (b->config->devices[i].unit == unit)
			return i;
	return NO_DEVICE;
}

/* Sends b->read, or first a fence if its answer could be mistaken. */
static void send_read(struct modbus_bus *b, enum bus_flight flight, struct bus_frame *frame, struct stamp now, struct sample_sink *sink)
{
	incoming_discard(b);
	b->fencing = owed_needs_fence(b, &b->read, now.mono_ns);
	if (b->fencing) {
		b->read = owed_fence(b, &b->read, now.mono_ns);
		b->fence.len = 0;
		b->stats.fences++;
	}
	send_frame(b, flight, b->fencing ? &b->fence : frame, now, sink);
}

static void send_request(struct modbus_bus *b, struct stamp now, struct sample_sink *sink)
{
	const struct bus_request *rq = &b->request;

	b->read = (struct codec_read){ .unit = rq->unit, .fc = rq->fc, .address = rq->address, .count = rq->count };
	b->flight_device = bus_device_of_unit(b, rq->unit);
	b->request_frame.len = 0;
	send_read(b, FLIGHT_REQUEST, &b->request_frame, now, sink);
}

static void send_poll(struct modbus_bus *b, struct bus_group *g, struct stamp now, struct sample_sink *sink)
{
	b->read = group_read(b, g, g->next);
	b->flight_device = g->device;
	b->flight_group = (size_t)(g - b->groups);
	send_read(b, FLIGHT_POLL, &g->frames[g->next], now, sink);
}

/* On TCP half a frame that nothing completes would swallow the start of the next answer. On a serial line somebody speaks, or something makes noise. */
static bool is_blocked(const struct modbus_bus *b)
{
	return b->in_len > 0;
}

static int64_t earlier(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

/* How long half a frame, or noise, may stand while nothing is asked. What goes on for longer than any frame takes on a serial line is noise: a bus that nobody drives may
 * make it without end, and its devices are heard all the same. */
static int64_t blocked_until(const struct modbus_bus *b)
{
	int64_t most = b->config->devices[0].timing.timeout_ns;

	if (b->framing->numbered)
		return b->in_since_ns + most;
	return earlier(b->in_last_ns + b->gap_ns, b->in_since_ns + earlier(most, CODEC_FRAME_MAX * b->character_ns + b->gap_ns));
}

/* When a person's read may go, if it is to go before the polls (`soon`), or else. The device may want to be left alone after the connect. */
static int64_t request_ready_ns(const struct modbus_bus *b, bool soon)
{
	uint32_t device = bus_device_of_unit(b, b->request.unit);
	int64_t t = b->request_since_ns + (soon ? REQUEST_SOON_NS : 0);
	int64_t settled = device == NO_DEVICE ? 0 : b->link.up_since_ns + b->config->devices[device].timing.settle_ns;

	return settled > t ? settled : t;
}

/* Sends the next request if the line is free. */
static void dispatch(struct modbus_bus *b, struct stamp now, struct sample_sink *sink)
{
	if (b->link.state != LINK_UP || b->flight != FLIGHT_NONE || now.mono_ns < b->free_ns || is_blocked(b))
		return;
	if (b->polled_device != NO_DEVICE && b->config->devices[b->polled_device].timing.close_between && b->link.useful &&
	    !poll_device_has_work(b, b->polled_device, now.mono_ns)) {
		b->polled_device = NO_DEVICE;
		link_rest(&b->link, now.mono_ns);
		return;
	}
	/* A person's read goes when nothing is due, or when it has waited long enough. */
	if (b->request_waits && now.mono_ns >= request_ready_ns(b, true)) {
		send_request(b, now, sink);
		return;
	}
	struct bus_group *g = poll_choose(b, now, sink);
	if (g)
		send_poll(b, g, now, sink);
	else if (b->request_waits && now.mono_ns >= request_ready_ns(b, false))
		send_request(b, now, sink);
}

/* Nobody has answered for a while: the connection may be half open. */
static void check_silence(struct modbus_bus *b, struct stamp now, struct sample_sink *sink)
{
	size_t most = b->n_units < SILENT_MAX ? b->n_units : SILENT_MAX;

	if (++b->silent < most)
		return;
	b->silent = 0;
	b->link.useful = false;
	exchange_lose_line(b, now, sink, "no reply; connecting anew");
}

bool flight_failed(struct modbus_bus *b, const char *why, struct stamp now, struct sample_sink *sink)
{
	enum bus_flight flight = b->flight;

	flight_land(b, now.mono_ns);
	if (b->free_ns < now.mono_ns + b->silence_ns)
		b->free_ns = now.mono_ns + b->silence_ns;
	if (flight == FLIGHT_POLL)
		return poll_silence(b, &b->groups[b->flight_group], now, sink);
	refuse_request(b, sink, ERR_TIMEOUT, why);
	return false;
}

static void time_out_idle(struct modbus_bus *b, struct stamp now, struct sample_sink *sink)
{
	if (!is_blocked(b) || now.mono_ns < blocked_until(b))
		return;
	if (b->framing->numbered)
		exchange_lose_line(b, now, sink, "half a frame, and nothing more");
	else
		incoming_discard(b);
}

/* The answer has come, in its full length, and is spoilt: no use to wait for more. */
static bool is_spoilt_answer(const struct modbus_bus *b)
{
	return !b->framing->numbered && b->in_len > 0 && b->in_quiet && framing_rtu_is_broken(b->in, b->in_len, &b->read);
}

static void time_out(struct modbus_bus *b, struct stamp now, struct sample_sink *sink)
{
	bool spoilt;

	if (b->flight == FLIGHT_NONE) {
		time_out_idle(b, now, sink);
		return;
	}
	spoilt = is_spoilt_answer(b);
	if (now.mono_ns < b->reply_by_ns && !spoilt)
		return;
	if (flight_stats(b) && spoilt)
		flight_stats(b)->broken++;
	else if (flight_stats(b))
		flight_stats(b)->timeouts++;
	if (b->out_sent < b->out_len || (b->framing->numbered && b->in_len > 0)) {
		exchange_lose_line(b, now, sink, b->out_sent < b->out_len ? "does not take our request" : "half a frame, and nothing more");
		return;
	}
	if (b->fencing)
		owed_failed(b, &b->read, now.mono_ns);
	else if (!spoilt || b->in_len != framing_rtu_reply_length(&b->read))
		owed_note(b, &b->read, now.mono_ns); /* what only begins like an answer may have been noise */
	incoming_discard(b);
	if (flight_failed(b, spoilt ? "its answer was spoilt on the line: the checksum does not fit" : "no reply in time", now, sink) && !b->link.serial)
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
	b->polled_device = NO_DEVICE;
	b->in_len = 0;
	b->sent = 0;
	b->silent = b->strays = 0;
	b->free_ns = now.mono_ns;
	if (b->link.outage)
		poll_line_up(b, now.mono_ns);
	b->link.outage = false;
}

/* Whether it is not known yet that what is incomplete stays so. */
static bool waits_for_quiet(const struct modbus_bus *b)
{
	return !b->framing->numbered && b->in_len > 0 && !b->in_quiet;
}

/* Before it is said that something did not come, it is looked for: the loop may be late, and the answer here. */
static bool must_look(const struct modbus_bus *b, int64_t now_ns)
{
	return (b->flight != FLIGHT_NONE && now_ns >= b->reply_by_ns) || (waits_for_quiet(b) && now_ns >= b->in_last_ns + b->gap_ns);
}

static int64_t exchange_deadline(const struct modbus_bus *b, int64_t now_ns)
{
	int64_t t = poll_deadline(b, now_ns);

	/* A poll's long timeout is no reason to keep a person waiting. */
	if (b->flight == FLIGHT_POLL && b->request_waits)
		t = earlier(t, b->request_since_ns + REQUEST_LATE_NS);
	if (b->flight != FLIGHT_NONE && waits_for_quiet(b))
		t = earlier(t, b->in_last_ns + b->gap_ns);
	if (b->flight != FLIGHT_NONE)
		return earlier(t, b->reply_by_ns);
	if (is_blocked(b))
		t = earlier(t, blocked_until(b));
	if (b->link.state == LINK_UP && b->free_ns > now_ns)
		t = earlier(t, b->free_ns);
	if (b->request_waits) {
		int64_t now_or_soon = request_ready_ns(b, request_ready_ns(b, false) <= now_ns);

		t = earlier(t, b->request_since_ns + REQUEST_LATE_NS);
		if (now_or_soon > now_ns)
			t = earlier(t, now_or_soon);
	}
	return t;
}

void exchange_step(struct modbus_bus *b, const struct bus_event *ev, struct stamp now, struct sample_sink *sink, struct bus_wants *ret_wants)
{
	static const struct bus_event nothing = { 0 };
	bool more = false;

	tick_link(b, ev, now);
	if (b->link.fd >= 0 && (b->link.state == LINK_UP || b->link.state == LINK_SETTLING)) {
		if (ev->revents & (POLLIN | POLLERR | POLLHUP) || must_look(b, now.mono_ns))
			more = incoming_receive(b, now, sink);
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
