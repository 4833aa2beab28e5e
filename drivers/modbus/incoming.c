/* What comes in on a line: frames are found, matched with the one request in flight, and the answer is taken.
 *
 * The happy path: a whole frame, the answer, its values go to the poll or the person. Failure modes: a frame that is not the answer (dropped and counted under its name), and
 * bytes that are no frame. On TCP these end the connection, as there is no way to find the next frame; on a serial line they are skipped, and what silence leaves incomplete
 * is thrown away. */
#include "drivers/modbus/bus.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define FRAMES_A_STEP   64   /* then the loop has its turn, whatever more there is to read */
#define STRAYS_MAX      1024 /* frames in a row that nobody asked for: this is not a Modbus server */
#define LATENCY_UNIT_NS INT64_C(64000)

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

static bool waits_for_answer(const struct modbus_bus *b)
{
	return b->flight != FLIGHT_NONE && b->out_sent == b->out_len;
}

/* A fence was answered: what it stood before can be asked now, if nothing older can come any more. */
static void take_fence(struct modbus_bus *b, bool exception, struct stamp now, struct sample_sink *sink)
{
	if (owed_is_settled(b, &b->read, exception, now.mono_ns))
		flight_land(b, now.mono_ns);
	else
		(void)flight_failed(b, "its answers come too late to be told apart", now, sink);
}

static void take_values(struct modbus_bus *b, int exception, struct stamp now, struct sample_sink *sink)
{
	enum bus_flight flight = b->flight;
	struct bus_group *g = &b->groups[b->flight_group];
	struct err e;

	(void)owed_is_settled(b, &b->read, exception > 0, now.mono_ns);
	flight_land(b, now.mono_ns);
	if (flight == FLIGHT_POLL && exception)
		poll_exception(b, g, exception, now, sink);
	else if (flight == FLIGHT_POLL)
		poll_values(b, g, b->values, now, sink);
	else if (!exception)
		flight_answer_person(b, sink, b->values, b->read.count, NULL);
	else {
		(void)err_set(&e, ERR_REFUSED, "unit %u: exception %d: %s", b->request.unit, exception, codec_exception_text(exception));
		flight_answer_person(b, sink, NULL, 0, &e);
	}
}

static void take_answer(struct modbus_bus *b, uint8_t *frame, size_t len, struct stamp now, struct sample_sink *sink)
{
	struct bus_unit_stats *u = flight_stats(b);
	int result = b->framing->decode(b->codec, &b->read, frame, len, b->values);

	if (result < 0) {
		b->stats.wrong_frames++;
		if (u)
			u->wrong++;
		return;
	}
	count_latency(b, now.mono_ns > b->sent_ns ? now.mono_ns - b->sent_ns : 0);
	b->free_ns = now.mono_ns + (flight_timing(b)->pause_ns > b->silence_ns ? flight_timing(b)->pause_ns : b->silence_ns);
	b->silent = b->strays = 0;
	link_useful(&b->link);
	if (u)
		u->replies++;
	if (u && result > 0)
		u->exceptions[result < 16 ? result : 15]++;
	/* What a person reads says nothing of the polls: a device whose points go unread stays silent. */
	if (result == 0 && b->flight == FLIGHT_POLL && !b->fencing)
		u->last_good_ns = b->stats.last_good_ns = now.mono_ns;
	if (b->fencing)
		take_fence(b, result > 0, now, sink);
	else
		take_values(b, result, now, sink);
}

/* A request that is not ours: whose answer is the next one? */
static void take_request(struct modbus_bus *b, const uint8_t *frame)
{
	b->stats.foreign_frames++;
	snprintf(b->link.why, sizeof b->link.why, "another master asks on %s: a line has one", b->link.name);
	if (b->flight != FLIGHT_NONE && frame[0] == b->read.unit)
		b->spoilt = true;
}

static void take_echo(struct modbus_bus *b)
{
	b->stats.echoes++;
	snprintf(b->link.why, sizeof b->link.why, "our own requests come back on %s: the adapter echoes; give the bus echo: true", b->link.name);
}

static void take_frame(struct modbus_bus *b, uint8_t *frame, size_t len, struct stamp now, struct sample_sink *sink)
{
	struct framing_expect expect = { .read = waits_for_answer(b) ? &b->read : NULL, .id = b->id, .sent = b->sent, .request = b->out,
		.request_len = b->flight == FLIGHT_NONE ? 0 : b->out_len };
	enum framing_match match = b->framing->match(frame, len, &expect);
	struct bus_unit_stats *u = flight_stats(b);

	if (match == MATCH_ANSWER && !b->spoilt) {
		take_answer(b, frame, len, now, sink);
		return;
	}
	b->strays++;
	if (match == MATCH_ECHO) {
		take_echo(b);
	} else if (match == MATCH_REQUEST) {
		take_request(b, frame);
	} else if (match == MATCH_LATE || (match == MATCH_WRONG && owed_is_late(b, frame, len, now.mono_ns))) {
		b->stats.late_replies++;
		if (u)
			u->late++;
	} else {
		b->stats.wrong_frames++;
		if (u)
			u->wrong++;
	}
}

/* The request comes back first, byte by byte. What is not it is noise, or somebody else spoke at the same time. */
static size_t take_echo_bytes(struct modbus_bus *b)
{
	size_t n = b->echo_left < b->in_len ? b->echo_left : b->in_len;

	if (n == 0)
		return 0;
	if (memcmp(b->in, b->out + (b->out_len - b->echo_left), n) != 0) {
		b->stats.collisions++;
		b->echo_left = 0;
		return 0;
	}
	b->echo_left -= n;
	return n;
}

static void shift(struct modbus_bus *b, size_t n, int64_t now_ns)
{
	b->in_len -= n;
	memmove(b->in, b->in + n, b->in_len);
	b->in_since_ns = now_ns;
}

/* No Modbus server speaks so. A serial line cannot be given up for it. True: the connection is over. */
static bool is_hopeless(struct modbus_bus *b, enum framing_scan scan, struct stamp now, struct sample_sink *sink)
{
	if (scan != SCAN_GARBAGE && b->strays < STRAYS_MAX)
		return false;
	b->strays = 0;
	if (b->link.serial)
		return false;
	b->stats.garbage_bytes += b->in_len;
	exchange_lose_line(b, now, sink, scan == SCAN_GARBAGE ? "bytes that are no Modbus frame" : "answers that nobody asked for");
	return true;
}

/* Takes the whole frames out of the buffer, at most `left`. How many; or -1: the line was given up. */
static int take_frames(struct modbus_bus *b, int left, struct stamp now, struct sample_sink *sink)
{
	size_t done = take_echo_bytes(b), at = 0, len = 0;
	int n = 0;

	while (n < left && b->in_len > done) {
		enum framing_scan scan = b->framing->scan(b->in + done, b->in_len - done, waits_for_answer(b) ? &b->read : NULL, &at, &len);

		if (scan == SCAN_MORE)
			break;
		if (is_hopeless(b, scan, now, sink))
			return -1;
		b->stats.garbage_bytes += at;
		take_frame(b, b->in + done + at, len, now, sink);
		done += at + len;
		n++;
	}
	if (done > 0)
		shift(b, done, now.mono_ns);
	/* RTU only: whatever stands there is longer than a frame. */
	if (b->in_len == sizeof b->in) {
		b->stats.garbage_bytes += CODEC_FRAME_MAX;
		shift(b, CODEC_FRAME_MAX, now.mono_ns);
	}
	return n;
}

bool incoming_receive(struct modbus_bus *b, struct stamp now, struct sample_sink *sink)
{
	int left = FRAMES_A_STEP;

	while (left > 0) {
		size_t room = sizeof b->in - b->in_len;
		ssize_t n = link_read(&b->link, b->in + b->in_len, room);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
			return false;
		if (n <= 0) {
			exchange_peer_closed(b, n < 0 ? errno : 0, now, sink);
			return false;
		}
		b->stats.bytes_in += (uint64_t)n;
		/* What stood there before a silence was another frame's: put together they might look like one. */
		if (!b->framing->numbered && b->in_len > 0 && now.mono_ns - b->in_last_ns >= b->gap_ns) {
			uint8_t *fresh = b->in + b->in_len;

			incoming_discard(b);
			memmove(b->in, fresh, (size_t)n);
		}
		if (b->in_len == 0)
			b->in_since_ns = now.mono_ns;
		b->in_last_ns = now.mono_ns;
		b->in_len += (size_t)n;
		int taken = take_frames(b, left, now, sink);
		if (taken < 0)
			return false;
		left -= taken > 0 ? taken : 1;
		if ((size_t)n < room)
			return left <= 0;
	}
	return true;
}

void incoming_discard(struct modbus_bus *b)
{
	if (b->in_len == 0)
		return;
	if (b->flight != FLIGHT_NONE && framing_rtu_is_broken(b->in, b->in_len, &b->read))
		b->stats.crc_errors++;
	else if (b->flight != FLIGHT_NONE && framing_rtu_is_half(b->in, b->in_len, &b->read))
		b->stats.half_frames++;
	else
		b->stats.garbage_bytes += b->in_len;
	b->in_len = 0;
}
