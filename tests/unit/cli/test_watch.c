/* The console's model under virtual time: gaps, replays, duplicates, what came before it was stored, silent gateways, old wills, hostile messages. */
#include "watch_rig.h"

static void a_gap_is_replayed(void **unused)
{
	struct rig r;
	char rest[4096];

	(void)unused;
	rig_open(&r, NULL);
	status(&r, 5, 0);
	event(&r, 6);
	event(&r, 9);
	expect(&r, "gateway:online live:6 live:9 ");
	pass(&r, 9);
	expect(&r, "snapshot:asked command ");   /* one fire more than the status said */
	answer(&r, "snapshot", "\"ok\":true,\"page\":1,\"pages\":1,\"result\":[]");
	r.said[0] = '\0';
	pass(&r, 2);
	expect(&r, "gap:open[7,8] gap:asked[7,8] command ");
	assert_string_equal(r.topic, TOP "command/replay");
	assert_non_null(strstr(r.command, "\"from\":7"));
	assert_non_null(strstr(r.command, "\"to\":8"));
	assert_non_null(strstr(r.command, "\"log\":\"L1\""));
	assert_int_equal(counts_of(&r).gaps_open, 1);
	int n = snprintf(rest, sizeof rest, "\"ok\":true,\"page\":1,\"pages\":1,\"result\":[%s,", event_text(7, 7, "d.p/smoke", "acked", "normal"));
	snprintf(rest + n, sizeof rest - (size_t)n, "%s]", event_text(8, 8, "d.p/smoke", "returned", "normal"));
	answer(&r, "replay", rest);
	expect(&r, "replayed:7 gap:closed[7,8] replayed:8 ");
	struct watch_counts c = counts_of(&r);
	assert_true(c.gaps == 1 && c.gaps_open == 0 && c.replayed == 2 && c.duplicates == 0 && c.reordered == 0);
	watch_free(r.w);
}

static void late_and_twice(void **unused)
{
	struct rig r;

	(void)unused;
	rig_open(&r, NULL);
	status(&r, 5, 1);
	event(&r, 7);
	pass(&r, 1);
	event(&r, 6);
	event(&r, 7);
	event(&r, 6);
	expect(&r, "gateway:online live:7 late:6 ");
	struct watch_counts c = counts_of(&r);
	assert_true(c.reordered == 1 && c.duplicates == 2 && c.gaps == 0);
	pass(&r, 20);
	assert_int_equal(counts_of(&r).gaps, 0);
	/* Published before we came, delivered behind the status: once. */
	event(&r, 5);
	event(&r, 5);
	assert_int_equal(counts_of(&r).duplicates, 3);
	watch_free(r.w);
}

static void an_absence_shows_by_the_next_status(void **unused)
{
	struct rig r;
	char rest[2048];

	(void)unused;
	rig_open(&r, NULL);
	status(&r, 5, 0);
	watch_down(r.w, r.now, "gone");
	pass(&r, 100);
	watch_up(r.w, r.now);
	expect(&r, "gateway:online broker:down broker:up ");
	status_of(&r, 7, true, 8, 0, true, "");   /* retained: says nothing yet */
	pass(&r, 20);
	expect(&r, "");
	status(&r, 8, 0);
	pass(&r, 11);
	expect(&r, "gap:open[6,8] gap:asked[6,8] command ");
	/* Some are no longer kept, one comes, one does not. */
	snprintf(rest, sizeof rest, "\"ok\":true,\"page\":1,\"pages\":1,\"gone\":[1,6],\"result\":[%s]", event_text(7, 7, "d.p/smoke", "normal", "normal"));
	answer(&r, "replay", rest);
	expect(&r, "replayed:7 gap:gone[6,6] gap:open[6,8] ");
	assert_true(counts_of(&r).gone == 1 && counts_of(&r).missing == 1);
	watch_free(r.w);
}

static void a_refusal_leaves_it_open(void **unused)
{
	struct rig r;

	(void)unused;
	rig_open(&r, NULL);
	status(&r, 5, 0);
	status(&r, 6, 0);
	pass(&r, 12);
	answer(&r, "replay", "\"ok\":false,\"error\":\"replay is not allowed\"");
	expect(&r, "gateway:online gap:open[6,6] gap:asked[6,6] command gap:refused[6,6] ");
	pass(&r, 40);
	status(&r, 6, 0);
	pass(&r, 10);
	expect(&r, "");
	status(&r, 6, 0);
	pass(&r, 11);   /* again after a minute */
	expect(&r, "gap:asked[6,6] command ");
	pass(&r, 31);
	expect(&r, "gap:refused[6,6] ");   /* no answer at all */
	assert_int_equal(counts_of(&r).gaps_open, 1);
	/* The gateway says itself that it gave it up. */
	send(&r, TOP "lost", false,
	     "{\"v\":1,\"gateway\":\"gw-1\",\"node\":\"gw-1\",\"log\":\"L1\",\"stream\":\"fire\",\"from_seq\":6,\"to_seq\":8,\"why\":\"space\"}");
	expect(&r, "lost:lost[6,8] gap:closed[6,6] ");
	event(&r, 9);
	pass(&r, 11);
	assert_true(counts_of(&r).gaps_open == 0 && counts_of(&r).lost == 3);
	watch_free(r.w);
}

static void before_it_was_stored(void **unused)
{
	struct rig r;

	(void)unused;
	rig_open(&r, NULL);
	status(&r, 5, 0);
	send(&r, TOP "event/fire", false, event_text(0, 3, "d.p/smoke", "active", "normal"));
	send(&r, TOP "event/fire", false, event_text(0, 3, "d.p/smoke", "active", "normal"));
	assert_int_equal(r.bells, 1);
	send(&r, TOP "event/fire", false, event_text(6, 3, "d.p/smoke", "active", "normal"));
	expect(&r, "gateway:online live:0 numbered:stored[6,6] ");
	send(&r, TOP "event/fire", false, event_text(6, 3, "d.p/smoke", "active", "normal"));
	assert_true(counts_of(&r).undurable == 1 && counts_of(&r).duplicates == 2 && counts_of(&r).events == 1);
	assert_int_equal(r.bells, 1);
	watch_free(r.w);
}

static void the_highest_rev_wins(void **unused)
{
	struct rig r;

	(void)unused;
	rig_open(&r, NULL);
	send(&r, TOP "alarm/d.p~smoke", true, event_text(3, 5, "d.p/smoke", "acked", "normal"));
	expect(&r, "stands:3 ");
	send(&r, TOP "event/fire", false, event_text(2, 4, "d.p/smoke", "active", "normal"));
	assert_true(standing(&r) == 1 && r.bells == 0);
	send(&r, TOP "event/fire", false, event_text(4, 6, "d.p/smoke", "normal", "normal"));
	assert_int_equal(standing(&r), 0);
	send(&r, TOP "alarm/d.p~smoke", false, event_text(3, 5, "d.p/smoke", "acked", "normal"));
	assert_int_equal(standing(&r), 0);
	/* Raised again by its event, before the old state is cleared in its own topic. */
	send(&r, TOP "event/fire", false, event_text(5, 7, "d.p/smoke", "active", "normal"));
	send(&r, TOP "alarm/d.p~smoke", false, "");
	assert_true(standing(&r) == 1 && r.bells == 1);
	send(&r, TOP "alarm/d.p~smoke", false, event_text(5, 7, "d.p/smoke", "active", "normal"));
	send(&r, TOP "alarm/d.p~smoke", false, "");
	assert_int_equal(standing(&r), 0);
	watch_free(r.w);
}

static void tests_and_drills_never_sound(void **unused)
{
	struct rig r;
	size_t n;

	(void)unused;
	rig_open(&r, NULL);
	send(&r, TOP "event/fire", false, event_text(1, 1, "d.a/smoke", "active", "test"));
	send(&r, TOP "event/fire", false, event_text(2, 2, "d.b/smoke", "active", "drill"));
	assert_int_equal(r.bells, 0);
	send(&r, TOP "event/fire", false, event_text(3, 3, "d.c/smoke", "active", "normal"));
	assert_int_equal(r.bells, 1);
	const struct watch_alarm **list = watch_alarms(r.w, &n);
	assert_int_equal(n, 3);
	assert_string_equal(list[0]->id, "d.c/smoke");
	free(list);
	watch_free(r.w);
}

static void a_snapshot_fills_what_the_broker_left_out(void **unused)
{
	struct rig r;
	char rest[2048];

	(void)unused;
	rig_open(&r, NULL);
	status(&r, 5, 1);
	pass(&r, 3);
	expect(&r, "gateway:online snapshot:asked command ");
	assert_string_equal(r.topic, TOP "command/snapshot");
	snprintf(rest, sizeof rest, "\"ok\":true,\"page\":1,\"pages\":1,\"result\":[%s]", event_text(5, 5, "d.p/smoke", "active", "normal"));
	answer(&r, "snapshot", rest);
	expect(&r, "stands:5 snapshot:done ");
	assert_true(standing(&r) == 1 && r.bells == 1);
	/* Away while it ended: with the next connection nobody tells of it any more. */
	watch_down(r.w, r.now, "x");
	watch_up(r.w, r.now);
	status(&r, 5, 0);
	pass(&r, 4);
	assert_int_equal(standing(&r), 0);
	watch_free(r.w);
}

static void silence_and_wills(void **unused)
{
	struct rig r;

	(void)unused;
	rig_open(&r, NULL);
	status_of(&r, 7, true, 5, 0, true, "");
	pass(&r, 59);
	expect(&r, "");
	pass(&r, 2);
	expect(&r, "gateway:silent ");
	status(&r, 5, 0);
	status_of(&r, 6, false, 5, 0, false, "");   /* of the connection before */
	expect(&r, "gateway:online ");
	assert_int_equal(counts_of(&r).old_wills, 1);
	status_of(&r, 7, false, 5, 0, false, "");
	expect(&r, "gateway:offline ");
	status_of(&r, 8, true, 5, 0, false, "");
	status_of(&r, 8, false, 5, 0, false, ",\"reason\":\"stopped\"");
	expect(&r, "gateway:online gateway:stopped ");
	pass(&r, 100);
	expect(&r, "");
	send(&r, TOP "status", false, "");
	assert_null(watch_gateway_at(r.w, 0));
	watch_free(r.w);
}

static void without_the_broker_nobody_is_silent(void **unused)
{
	struct rig r;

	(void)unused;
	rig_open(&r, NULL);
	status(&r, 5, 0);
	watch_down(r.w, r.now, "refused");
	watch_down(r.w, r.now, "refused");
	pass(&r, 200);
	watch_up(r.w, r.now);
	pass(&r, 58);
	expect(&r, "gateway:online broker:down broker:up ");
	pass(&r, 3);
	expect(&r, "gateway:silent ");
	watch_free(r.w);
}

static void another_log(void **unused)
{
	struct rig r;

	(void)unused;
	rig_open(&r, NULL);
	status(&r, 5, 0);
	status(&r, 6, 0);
	send(&r, TOP "status", false,
	     "{\"gateway\":\"gw-1\",\"node\":\"gw-1\",\"session\":8,\"online\":true,\"log\":\"L2\",\"alarms\":{},\"streams\":{\"gw-1/fire\":{\"sent\":2}}}");
	expect(&r, "gateway:online gap:gone[6,6] ");
	pass(&r, 20);
	expect(&r, "");
	watch_free(r.w);
}

static void hostile_messages(void **unused)
{
	static const char *const topics[] = { "", "fire", "fire/v1/500110/002/003/gw-1", "fire/v1/x/002/003/gw-1/status", "fire/v1/500110/002/003/GW/status", TOP "event/fire",
		TOP "alarm/d.p~smoke", TOP "status", TOP "lost", TOP "reply/replay", TOP "event/" };
	static const char *const texts[] = { "x", "[]", "{}", "{\"seq\":1}", "null", "{\"gateway\":\"gw-1\",\"node\":\"gw-1\",\"online\":1}",
		"{\"gateway\":\"gw-1\",\"node\":\"gw-1\",\"stream\":\"\"}", "{\"id\":\"watch-000000000000002a-1\",\"ok\":true}" };
	struct rig r;
	char text[512];

	(void)unused;
	rig_open(&r, NULL);
	for (size_t i = 0; i < sizeof topics / sizeof topics[0]; i++)
		for (size_t k = 0; k < sizeof texts / sizeof texts[0]; k++)
			send(&r, topics[i], k % 2, texts[k]);
	expect(&r, "");
	assert_true(counts_of(&r).bad > 50);
	send(&r, "fire/v1/500110/002/003/gw-2/event/fire", false, event_text(1, 1, "d.p/smoke", "active", "normal"));
	send(&r, TOP "event/fire", true, event_text(1, 1, "d.p/smoke", "active", "normal"));
	expect(&r, "");
	/* More gateways and alarms than there is room for. */
	for (unsigned i = 0; i < WATCH_GATEWAYS_MAX + 10; i++) {
		snprintf(text, sizeof text, "fire/v1/500110/002/003/g%u/status", i);
		char payload[256];
		snprintf(payload, sizeof payload, "{\"gateway\":\"g%u\",\"node\":\"g%u\",\"session\":1,\"online\":true}", i, i);
		send(&r, text, true, payload);
	}
	assert_int_equal(counts_of(&r).gateways, WATCH_GATEWAYS_MAX);
	expect(&r, "limit:reached ");
	watch_free(r.w);
}

static void bounds_of_alarms_and_gaps(void **unused)
{
	struct rig r;
	char id[64];

	(void)unused;
	rig_open(&r, NULL);
	for (unsigned i = 0; i < WATCH_ALARMS_MAX + 10; i++) {
		snprintf(id, sizeof id, "d.p%u/smoke", i);
		send(&r, TOP "event/fire", false, event_text((int)(2 * i + 1), 1, id, i % 2 ? "acked" : "active", "normal"));
		r.said[0] = '\0';
	}
	assert_true(standing(&r) == WATCH_ALARMS_MAX && counts_of(&r).not_shown >= 10);
	pass(&r, 11);
	struct watch_counts c = counts_of(&r);
	assert_int_equal(c.gaps_open, WATCH_GAPS_MAX);
	assert_true(c.missing >= WATCH_ALARMS_MAX + 9);
	watch_free(r.w);
}

static void filters(void **unused)
{
	const struct watch_filter town = { "500110002", "gw-1", 1u << CLASS_FIRE | 1u << CLASS_PREALARM, false };
	char topics[WATCH_FILTERS_MAX][WATCH_TOPIC_MAX];
	struct rig r;

	(void)unused;
	rig_open(&r, &town);
	assert_int_equal(watch_topics(r.w, topics), 6);
	assert_string_equal(topics[0], "fire/v1/500110/002/+/+/status");
	assert_string_equal(topics[1], "fire/v1/500110/002/+/gw-1/alarm/+");
	assert_string_equal(topics[4], "fire/v1/500110/002/+/gw-1/event/fire");
	assert_string_equal(topics[5], "fire/v1/500110/002/+/gw-1/event/prealarm");
	/* Of another gateway: not ours. */
	send(&r, "fire/v1/500110/002/003/gw-2/status", false, "{\"gateway\":\"gw-2\",\"node\":\"gw-2\",\"session\":1,\"online\":true}");
	expect(&r, "");
	watch_free(r.w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_gap_is_replayed),
		cmocka_unit_test(late_and_twice),
		cmocka_unit_test(an_absence_shows_by_the_next_status),
		cmocka_unit_test(a_refusal_leaves_it_open),
		cmocka_unit_test(before_it_was_stored),
		cmocka_unit_test(the_highest_rev_wins),
		cmocka_unit_test(tests_and_drills_never_sound),
		cmocka_unit_test(a_snapshot_fills_what_the_broker_left_out),
		cmocka_unit_test(silence_and_wills),
		cmocka_unit_test(without_the_broker_nobody_is_silent),
		cmocka_unit_test(another_log),
		cmocka_unit_test(hostile_messages),
		cmocka_unit_test(bounds_of_alarms_and_gaps),
		cmocka_unit_test(filters),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
