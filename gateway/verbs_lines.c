/* Lines as `status` shows them, and one line in whole: what was asked, what came, and how long it took. */
#include "gateway/verbs.h"

#include "gateway/poller.h"

#include <string.h>

/* The wall time of a moment on the monotonic clock. */
static int64_t wall_of(struct stamp now, int64_t mono_ns)
{
	return mono_ns ? now.wall_ms - (now.mono_ns - mono_ns) / CLOCK_NS_PER_MS : 0;
}

struct counter { const char *name; uint64_t n; };

static void put_counters(json_t *o, const struct counter *rows, size_t n)
{
	for (size_t i = 0; i < n; i++)
		json_object_set_new(o, rows[i].name, json_integer((json_int_t)rows[i].n));
}

/* What came in that was not the answer, each under its own name (struct bus_stats). */
static void line_counters(json_t *o, const struct bus_stats *s, uint64_t exceptions)
{
	const struct counter rows[] = {
		{ "late", s->late_replies }, { "wrong", s->wrong_frames }, { "missed", s->missed }, { "exceptions", exceptions }, { "crc_errors", s->crc_errors },
		{ "half_frames", s->half_frames }, { "foreign_frames", s->foreign_frames }, { "echoes", s->echoes }, { "collisions", s->collisions },
		{ "garbage_bytes", s->garbage_bytes }, { "fences", s->fences }, { "connects", s->connects }, { "disconnects", s->disconnects },
		{ "bytes_in", s->bytes_in }, { "bytes_out", s->bytes_out },
	};

	put_counters(o, rows, sizeof rows / sizeof *rows);
}

static double bucket_ms(size_t i)
{
	return (double)(UINT64_C(64) << i) / 1000;
}

/* The bucket's upper bound, in ms, below which so many of the replies took; NULL: there was none. */
static json_t *quantile(const uint64_t *latency, double q)
{
	uint64_t n = 0, sum = 0;

	for (size_t i = 0; i < BUS_LATENCY_BUCKETS; i++)
		n += latency[i];
	for (size_t i = 0; n && i < BUS_LATENCY_BUCKETS; i++)
		if ((double)(sum += latency[i]) >= q * (double)n)
			return json_real(bucket_ms(i));
	return json_null();
}

/* {"p50", "p99": ms, "histogram": [[up to ms, replies], …]} */
static json_t *reply_times(const uint64_t *latency, bool whole)
{
	json_t *o = json_object(), *rows = json_array();

	json_object_set_new(o, "p50", quantile(latency, 0.5));
	json_object_set_new(o, "p99", quantile(latency, 0.99));
	for (size_t i = 0; whole && i < BUS_LATENCY_BUCKETS; i++)
		if (latency[i])
			json_array_append_new(rows, json_pack("[f, I]", bucket_ms(i), (json_int_t)latency[i]));
	if (whole)
		json_object_set(o, "histogram", rows);
	json_decref(rows);
	return o;
}

static json_t *exceptions_by_code(const struct bus_unit_stats *u)
{
	json_t *o = json_object();
	char code[16];

	for (size_t i = 0; i < sizeof u->exceptions / sizeof *u->exceptions; i++) {
		if (!u->exceptions[i])
			continue;
		snprintf(code, sizeof code, i == 15 ? "other" : "%zu", i);
		json_object_set_new(o, code, json_integer((json_int_t)u->exceptions[i]));
	}
	return o;
}

static json_t *device_status(const struct app_bus *b, size_t i, const struct bus_unit_stats *u, bool whole, struct stamp now)
{
	const struct bus_device *d = &poller_bus(b->poller)->bus.devices[i];
	bool up = u->last_good_ns && !b->watch.units[i].silent_since_ns;
	json_t *o = json_pack("{s:s, s:i, s:b, s:s?, s:o}", "name", d->name, "unit", d->unit, "up", up, "why", up ? NULL : app_device_why(b, i, now),
	                      "last_good", verbs_time_or_null(wall_of(now, u->last_good_ns)));
	const struct counter rows[] = { { "polls_good", u->polls_good }, { "polls_bad", u->polls_bad }, { "timeouts", u->timeouts }, { "late", u->late },
		{ "wrong", u->wrong + u->broken } };
	const struct counter more[] = { { "requests", u->requests }, { "replies", u->replies }, { "broken", u->broken }, { "lost_records", u->lost_records } };

	put_counters(o, rows, sizeof rows / sizeof *rows);
	if (!whole)
		return o;
	put_counters(o, more, sizeof more / sizeof *more);
	json_object_set_new(o, "exceptions", exceptions_by_code(u));
	json_object_set_new(o, "reply_ms", reply_times(u->latency, true));
	return o;
}

json_t *verbs_line_status(const struct app_bus *b, bool whole, struct stamp now)
{
	const struct config_bus *c = poller_bus(b->poller);
	static const char *const transports[] = { "tcp", "rtu", "rtu+tcp", "sim" };
	uint64_t good = 0, bad = 0, requests = 0, timeouts = 0, exceptions = 0;
	json_t *devices = json_array();
	struct bus_stats s;

	poller_stats(b->poller, &s);
	bool up = s.connected && app_bus_up(b);
	for (size_t i = 0; i < c->bus.n_devices; i++) {
		struct bus_unit_stats u;
		poller_unit_stats(b->poller, i, &u);
		good += u.polls_good;
		bad += u.polls_bad;
		requests += u.requests;
		timeouts += u.timeouts;
		for (size_t k = 0; k < sizeof u.exceptions / sizeof *u.exceptions; k++)
			exceptions += u.exceptions[k];
		json_array_append_new(devices, device_status(b, i, &u, whole, now));
	}
	json_t *o = json_pack("{s:s, s:s, s:s, s:b, s:s?, s:o, s:I, s:I, s:I, s:I}", "name", c->bus.name, "url", c->url,
		"transport", transports[c->bus.transport], "up", up, "why", up ? NULL : app_bus_why(b, &s, now),
		"since", verbs_time_or_null(b->since_ms), "polls_good", (json_int_t)good, "polls_bad", (json_int_t)bad, "requests", (json_int_t)requests,
		"timeouts", (json_int_t)timeouts);
	line_counters(o, &s, exceptions);
	/* Of the time since the line was opened, the share in which it was sending or waiting for an answer. */
	int64_t open_ns = now.mono_ns - b->watch.opened_ns;
	json_object_set_new(o, "use", json_real(open_ns > 0 ? (double)s.busy_ns / (double)open_ns : 0));
	json_object_set_new(o, "reply_ms", reply_times(s.latency, whole));
	json_object_set_new(o, "devices", devices);
	return o;
}

void verbs_line(struct app *a, struct control_request *rq, json_t *args)
{
	const char *name;
	struct err e;

	if (verbs_text(args, "bus", &name, &e)) {
		control_fail(rq, &e);
		return;
	}
	for (size_t i = 0; name && i < a->n_buses; i++)
		if (a->buses[i].poller && strcmp(poller_bus(a->buses[i].poller)->bus.name, name) == 0) {
			control_end(rq, verbs_line_status(&a->buses[i], true, loop_now(&a->loop)));
			return;
		}
	if (name)
		err_set(&e, ERR_NOT_FOUND, "no bus '%.40s' (firegw status lists them)", name);
	else
		err_set(&e, ERR_INVALID, "'bus' is missing");
	control_fail(rq, &e);
}
