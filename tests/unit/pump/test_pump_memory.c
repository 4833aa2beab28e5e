/* Memory is taken at start: afterwards a pump sends, acknowledges and follows states without asking for any; and where it does ask, it lives with a no.
 * malloc, calloc and realloc of the pump's own files come here by the linker. */
#include "tests/lib/fake_hub.h"

#include "gateway/pump_inside.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

void *__real_malloc(size_t n);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *p, size_t n);
void *__wrap_malloc(size_t n);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *p, size_t n);

static struct { bool counting; long fail_at, n; } heap;

static bool denied(void)
{
	return heap.counting && ++heap.n == heap.fail_at;
}

void *__wrap_malloc(size_t n)
{
	return denied() ? NULL : __real_malloc(n);
}

void *__wrap_calloc(size_t n, size_t size)
{
	return denied() ? NULL : __real_calloc(n, size);
}

void *__wrap_realloc(void *p, size_t n)
{
	return denied() ? NULL : __real_realloc(p, n);
}

#define TOKENS 256
static struct { uint64_t tokens[TOKENS]; size_t n; bool up; } link_;
static int64_t cursors[3];

static int link_connect(void *link, const struct hub_connect *c) { (void)link; (void)c; return 0; }
static int link_send(void *link, const struct hub_publish *p)
{
	(void)link;
	assert_true(link_.n < TOKENS);
	link_.tokens[link_.n++] = p->token;
	return 0;
}
static int link_subscribe(void *link, const char *const *filters, size_t n) { (void)link; (void)filters; (void)n; return 0; }
static void link_disconnect(void *link) { (void)link; }
static const struct hub_ops link_ops = { link_connect, link_send, link_subscribe, link_subscribe, link_disconnect };

static void want_session(void *app, int64_t at_least) { pump_on_session(*(struct pump **)app, at_least, (struct stamp){ 0 }); }
static void want_backlog(void *app, const struct pump_backlog_request *rq)
{
	pump_on_backlog(*(struct pump **)app, &(struct pump_backlog_answer){ .stream_db = rq->stream_db, .after = rq->after, .failed = true },
	                (struct stamp){ .mono_ns = CLOCK_NS_PER_S });
}
static void cursor(void *app, uint32_t db, int64_t acked) { (void)app; cursors[db] = acked; }
static void fault(void *app, enum pump_fault what, bool on, const char *text) { (void)app; (void)what; (void)on; (void)text; }
static void command(void *app, uint32_t node, const char *name, const void *payload, size_t len, const char *response, const void *corr, size_t n)
{
	(void)app; (void)node; (void)name; (void)payload; (void)len; (void)response; (void)corr; (void)n;
}
static void status(void *app, struct strbuf *out, int64_t session, bool online, const char *reason, const char *streams)
{
	(void)app; (void)session; (void)reason; (void)streams;
	strbuf_puts(out, online ? "{\"online\":true}" : "{\"online\":false}");
}

static const char *const prefixes[] = { "fire/v1/500110/002/003/gw" }, *const nodes[] = { "gw" };

static struct pump *start(struct pump_ops *ops, struct states *states, struct pump **self)
{
	struct pump_config c = { .name = "h", .n_urls = 1, .send_events = true, .send_readings = true, .send_status = true, .classes = { true },
		.prefixes = prefixes, .n_nodes = 1, .gateway = "gw", .nodes = nodes, .log = "00000000", .commands = true };
	static const struct pump_stream streams[] = { { .db = 1, .stream = CLASS_FIRE, .first = 1 }, { .db = 2, .stream = STREAM_READING, .first = 1 } };

	*ops = (struct pump_ops){ .hub = &link_ops, .want_session = want_session, .want_backlog = want_backlog, .cursor = cursor, .fault = fault,
		.command = command, .status = status, .app = self };
	*self = pump_new(&c, ops, states, (struct stamp){ .mono_ns = CLOCK_NS_PER_S });
	if (!*self)
		return NULL;
	if (pump_set_streams(*self, streams, 2) < 0) {
		pump_free(*self);
		return NULL;
	}
	return *self;
}

static void acknowledge_all(struct hub_events *e)
{
	for (size_t i = 0; i < link_.n; i++)
		e->delivered(e->user, link_.tokens[i]);
	link_.n = 0;
}

static struct outmsg *message(uint32_t db, int64_t seq)
{
	struct outmsg *m = outmsg_new("payload", 7);

	m->stream_db = db;
	m->first = m->last = seq;
	return m;
}

static void test_nothing_is_taken_while_it_runs(void **state)
{
	struct pump_ops ops;
	struct states states;
	struct pump *p;
	struct hub_events events;
	struct stamp now = { .mono_ns = 2 * CLOCK_NS_PER_S, .wall_ms = 1, .wall_trusted = true };

	(void)state;
	heap.counting = false;
	assert_int_equal(states_init(&states, 32), 0);
	assert_non_null(start(&ops, &states, &p));
	pump_hub_events(p, &events);
	struct outmsg *alarm = message(0, 0);
	pump_step(p, now);
	events.up(p, 100);
	pump_step(p, now);
	acknowledge_all(&events);
	assert_int_equal(states_set(&states, STATE_KIND_ALARM, 0, "alarm/a", CLASS_FIRE, alarm), 0);
	/* once through, for the texts to find their size */
	for (int64_t seq = 1; seq <= 1000; seq++) {
		struct outmsg *fire = message(1, seq), *reading = message(2, seq);
		heap.counting = seq > 10;
		heap.n = heap.fail_at = 0;
		pump_on_stored(p, 1, seq, fire, now);
		pump_on_stored(p, 2, seq, reading, now);
		assert_int_equal(states_set(&states, STATE_KIND_ALARM, 0, "alarm/a", CLASS_FIRE, alarm), 0);
		pump_step(p, now);
		if (seq % 3 == 0)
			acknowledge_all(&events);
		now.mono_ns += CLOCK_NS_PER_S / 10;
		pump_step(p, now);
		heap.counting = false;
		if (seq > 10)
			assert_int_equal(heap.n, 0);
		outmsg_unref(fire);
		outmsg_unref(reading);
	}
	acknowledge_all(&events);
	pump_step(p, now);
	acknowledge_all(&events);
	pump_step(p, now);
	assert_int_equal(cursors[1], 1000);
	assert_int_equal(cursors[2], 1000);
	outmsg_unref(alarm);
	pump_free(p);
	states_done(&states);
}

/* The 1st, 2nd, 3rd … request for memory is refused, until all is given. */
static void test_every_refusal_of_memory_is_lived_with(void **state)
{
	bool passed = false;

	(void)state;
	for (long n = 1; !passed; n++) {
		struct pump_ops ops;
		struct states states;
		struct pump *p = NULL;
		struct hub_events events;
		struct stamp now = { .mono_ns = 2 * CLOCK_NS_PER_S };
		struct outmsg *m = message(1, 1);
		link_.n = 0;
		cursors[1] = 0;
		assert_true(n < 200);
		heap.counting = true;
		heap.n = 0;
		heap.fail_at = n;
		if (states_init(&states, 8) < 0)
			goto next;
		if (!start(&ops, &states, &p)) {
			states_done(&states);
			goto next;
		}
		pump_hub_events(p, &events);
		pump_step(p, now);
		events.up(p, 100);
		pump_step(p, now);
		events.subscribed(p, true, "");
		pump_step(p, now);
		events.subscribed(p, true, "");
		pump_step(p, now);
		events.message(p, "fire/v1/500110/002/003/gw/alarm/stale", "x", 1, true, NULL, NULL, 0);
		pump_reply(p, "town/a", m, "c", 1, now);
		pump_on_stored(p, 1, 1, m, now);
		for (int i = 0; i < 20; i++) {
			now.mono_ns += CLOCK_NS_PER_S;
			pump_step(p, now);
			acknowledge_all(&events);
		}
		assert_int_equal(cursors[1], 1); /* whatever was refused, the fire went out */
		pump_free(p);
		states_done(&states);
		passed = heap.n < n;
next:
		heap.counting = false;
		outmsg_unref(m);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_nothing_is_taken_while_it_runs),
		cmocka_unit_test(test_every_refusal_of_memory_is_lived_with),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
