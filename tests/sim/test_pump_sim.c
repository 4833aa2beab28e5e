/* Random scenarios: a store that grows, is pruned and sometimes cannot be read; alarms that come and go; a hub that comes and goes, refuses, acknowledges in
 * any order, forgets. After every step: no cursor passes what was not acknowledged (pump_rig.c), order of first appearances, the window, the memory held.
 * At the end, with a hub that behaves: everything is there. FIREGW_SEED runs one scenario, FIREGW_RUNS more of them. */
#include "tests/lib/pump_rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define STEPS 1500

struct dice { uint64_t s; };

static uint64_t roll(struct dice *d, uint64_t n)
{
	uint64_t z = d->s += UINT64_C(0x9E3779B97F4A7C15);

	z = (z ^ z >> 30) * UINT64_C(0xBF58476D1CE4E5B9);
	z = (z ^ z >> 27) * UINT64_C(0x94D049BB133111EB);
	return (z ^ z >> 31) % n;
}

static void store_something(struct rig *r, struct dice *d)
{
	uint32_t node = (uint32_t)roll(d, RIG_NODES);
	unsigned stream = roll(d, 3) == 0 ? STREAM_READING : (unsigned)roll(d, CLASS_COUNT);
	int64_t n = stream == STREAM_READING ? 1 + (int64_t)roll(d, 200) : 1 + (int64_t)roll(d, roll(d, 10) == 0 ? 60 : 3);

	if (rig_stream(r, node, stream)->stored + n < RIG_SEQS - 1)
		rig_store(r, node, stream, n, roll(d, 8) != 0);
}

static void change_an_alarm(struct rig *r, struct dice *d)
{
	char id[32], payload[48];
	uint32_t node = (uint32_t)roll(d, RIG_NODES);
	unsigned k = (unsigned)roll(d, 10);

	snprintf(id, sizeof id, "p%u/rule", k);
	snprintf(payload, sizeof payload, "alarm %u %llu", k, (unsigned long long)roll(d, 1000000));
	if (roll(d, 3) == 0)
		rig_clear(r, node, id, roll(d, 2) ? payload : NULL);
	else
		rig_alarm(r, node, id, k % CLASS_COUNT, payload);
}

static void hub_moves(struct rig *r, struct dice *d)
{
	if (r->hub.attempting) {
		if (roll(d, 3) == 0)
			fake_hub_lose(&r->hub, (enum hub_down)roll(d, 3), "no");
		else
			fake_hub_accept(&r->hub);
		return;
	}
	if (!r->hub.up)
		return;
	if (r->hub.ending || roll(d, 150) == 0) {
		if (roll(d, 4) == 0)
			fake_hub_forget(&r->hub);
		fake_hub_receive(&r->hub, roll(d, 5)); /* took them, and its answer is lost */
		fake_hub_lose(&r->hub, HUB_DOWN_LOST, "reset");
		return;
	}
	if (r->hub.subscribe_asked && roll(d, 3) == 0)
		fake_hub_subscribed(&r->hub);
	fake_hub_receive(&r->hub, roll(d, 30));
	for (uint64_t n = roll(d, 30); n > 0 && r->hub.unacked.n > 0; n--)
		fake_hub_answer(&r->hub, roll(d, 2) ? 0 : roll(d, r->hub.unacked.n));
}

static void refuse_or_not(struct rig *r, struct dice *d)
{
	static const char *const parts[] = { "/event/fault", "tower-b/reading", "/alarm/p3", "gw/event/fire", "/lost", "/status", "/command/" };

	r->hub.n_refuse = 0;
	if (roll(d, 2) == 0)
		return;
	r->hub.refuse[r->hub.n_refuse++] = parts[roll(d, sizeof parts / sizeof *parts)];
	r->refusals = true;
}

/* An event that is not stored yet, or a reply. */
static void say_something(struct rig *r, struct dice *d)
{
	struct outmsg *m = outmsg_new("something", 9);

	assert_non_null(m);
	m->stream = (uint8_t)roll(d, CLASS_COUNT);
	m->stream_db = rig_stream(r, 1, m->stream)->db;
	m->id = 1 + roll(d, 100);
	if (roll(d, 2))
		pump_on_undurable(r->pump, m, r->now);
	else
		pump_reply(r->pump, "town/answers", m, "c", 1, r->now);
	outmsg_unref(m);
}

static void one_move(struct rig *r, struct dice *d)
{
	switch (roll(d, 12)) {
	case 0:
	case 1:
		store_something(r, d);
		break;
	case 2:
		change_an_alarm(r, d);
		break;
	case 3:
		if (r->asked)
			rig_answer(r, roll(d, 4) == 0);
		break;
	case 4:
		if (roll(d, 10) == 0) {
			struct rig_stream *s = &r->streams[roll(d, RIG_STREAMS)];
			if (s->stored > s->first + 5)
				rig_prune(r, s->node, s->stream, s->first + (int64_t)roll(d, (uint64_t)(s->stored - s->first)));
		}
		break;
	case 5:
		rig_pass(r, (int64_t)roll(d, roll(d, 20) == 0 ? 40000 : 300));
		break;
	case 6:
		r->hub.room = roll(d, 4) == 0 ? roll(d, 4) : SIZE_MAX;
		break;
	case 7:
		if (roll(d, 40) == 0)
			refuse_or_not(r, d);
		if (roll(d, 60) == 0)
			pump_refresh(r->pump, r->now);
		if (roll(d, 60) == 0)
			pump_purge(r->pump, r->now, &(struct err){ 0 });
		if (roll(d, 40) == 0) {
			r->config.commands = roll(d, 2);
			pump_set_config(r->pump, &r->config);
			assert_int_equal(rig_set_streams(r), 0);
		}
		if (roll(d, 10) == 0)
			say_something(r, d);
		if (roll(d, 60) == 0)
			pump_on_lost(r->pump, 0, CLASS_FAULT, 3, r->now.wall_ms - 1000, r->now.wall_ms);
		break;
	default:
		hub_moves(r, d);
	}
}

static void check_memory(const struct rig *r)
{
	const struct pump *p = r->pump;
	size_t bytes = 0, items = 0;

	for (size_t i = 0; i < p->n_lanes; i++) {
		int64_t at = p->lanes[i]->acked;
		for (const struct pump_item *k = p->lanes[i]->head; k; k = k->next) {
			assert_int_equal(k->first, at + 1); /* without a gap from the cursor on */
			at = k->last;
			bytes += k->msg ? k->msg->len : 0;
			items++;
		}
	}
	assert_int_equal(bytes, p->queued_bytes[0] + p->queued_bytes[1]);
	assert_true(p->queued_bytes[0] <= PUMP_EVENT_QUEUE_BYTES + RIG_STREAMS * 8192);
	assert_true(p->queued_bytes[1] <= PUMP_READING_QUEUE_BYTES + RIG_NODES * 8192);
	assert_true(items <= PUMP_ITEMS + RIG_STREAMS);
	assert_int_equal(p->in_flight, p->linked ? r->hub.wire.n + r->hub.unacked.n : 0);
}

/* Whatever else waits: while the window and the link have room, no live fire does. */
static void check_fire_first(const struct rig *r)
{
	const struct pump *p = r->pump;

	if (!pump_open(p) || p->ending || p->in_flight >= p->window || r->hub.wire.n >= r->hub.room || p->birth)
		return;
	assert_true(chain_empty(&p->entry_lists[ENTRIES_LIVE_FIRE]));
	assert_null(pump_queue_undurable(p, CLASS_FIRE));
	for (size_t i = 0; i < p->n_lanes; i++) {
		const struct pump_lane *l = p->lanes[i];
		if (l->stream == CLASS_FIRE && l->send_list && l->unsent)
			assert_true(l->unsent->first <= l->live_from);
	}
}

static void scenario(uint64_t seed)
{
	struct dice d = { seed };
	struct rig r;

	rig_init(&r, seed);
	r.hub.late_down = roll(&d, 2);
	r.hub.receive_max = (uint16_t)(roll(&d, 3) == 0 ? 1 + roll(&d, 5) : 65535);
	r.hold_session = false;
	if (roll(&d, 4) == 0) {
		r.config.classes[CLASS_OPERATION] = false;
		r.config.send_readings = false;
	}
	for (unsigned k = 0; k < STREAM_COUNT; k++)
		if (roll(&d, 2))
			rig_preload(&r, 0, k, 1 + (int64_t)roll(&d, 800), r.now.wall_ms - (int64_t)roll(&d, 48 * 3600) * 1000);
	fake_hub_retain(&r.hub, RIG_PREFIX "gw/alarm/p3~rule", "stale");
	fake_hub_retain(&r.hub, RIG_PREFIX "gw/alarm/of-another-config", "stale");
	rig_start(&r);
	for (int i = 0; i < STEPS; i++) {
		one_move(&r, &d);
		rig_step(&r);
		rig_check_log(&r);
		check_fire_first(&r);
		if (r.hub.up || r.hub.attempting)
			check_memory(&r);
	}
	r.hub.n_refuse = 0;
	r.hub.room = SIZE_MAX;
	rig_settle(&r);
	rig_check_complete(&r);
	pump_refresh(r.pump, r.now); /* the last purge may not be over */
	rig_settle(&r);
	if (r.refusals && r.hub.up) {
		/* A refused clearing is taken up again by the next connection. */
		fake_hub_lose(&r.hub, HUB_DOWN_LOST, "reset");
		rig_settle(&r);
	}
	rig_check_retained(&r);
	assert_int_equal(r.pump->n_undurables, 0);
	assert_int_equal(r.pump->n_replies, 0);
	for (int f = 0; f < PUMP_FAULT_COUNT; f++)
		assert_false(r.fault[f]);
	pump_stop(r.pump, r.now);
	rig_settle(&r);
	assert_true(pump_stopped(r.pump));
	rig_done(&r);
}

static void test_random_scenarios(void **state)
{
	const char *one = getenv("FIREGW_SEED"), *runs = getenv("FIREGW_RUNS");
	uint64_t n = runs ? strtoull(runs, NULL, 10) : 40;

	(void)state;
	if (one) {
		scenario(strtoull(one, NULL, 10));
		return;
	}
	for (uint64_t seed = 1; seed <= n; seed++) {
		print_message("seed %llu\n", (unsigned long long)seed);
		scenario(seed);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_random_scenarios) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
