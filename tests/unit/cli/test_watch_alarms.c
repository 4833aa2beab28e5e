/* No alarm that stands is hidden, none that is over is shown: whatever was lost, cleared or begun anew. */
#include "watch_rig.h"

/* `hub purge` clears what is retained and sends it again, as it was: the alarm stands all the time. */
static void cleared_and_told_again(void **unused)
{
	struct rig r;

	(void)unused;
	rig_open(&r, NULL);
	status(&r, 5, 1);
	send(&r, TOP "alarm/d.p~smoke", true, event_text(5, 5, "d.p/smoke", "active", "normal"));
	send(&r, TOP "alarm/d.p~smoke", false, "");
	send(&r, TOP "status", false, "");
	assert_int_equal(standing(&r), 0);
	status(&r, 5, 1);
	send(&r, TOP "alarm/d.p~smoke", false, event_text(4, 4, "d.p/smoke", "active", "normal"));
	assert_int_equal(standing(&r), 0);
	send(&r, TOP "alarm/d.p~smoke", false, event_text(5, 5, "d.p/smoke", "active", "normal"));
	assert_true(standing(&r) == 1 && r.bells == 2);
	/* But not what is over. */
	send(&r, TOP "alarm/d.p~smoke", false, event_text(6, 6, "d.p/smoke", "normal", "normal"));
	send(&r, TOP "alarm/d.p~smoke", false, "");
	send(&r, TOP "alarm/d.p~smoke", false, event_text(5, 5, "d.p/smoke", "active", "normal"));
	send(&r, TOP "alarm/d.p~smoke", false, event_text(6, 6, "d.p/smoke", "normal", "normal"));
	assert_int_equal(standing(&r), 0);
	watch_free(r.w);
}

/* It ended while we were away, and begins again: that is to be heard. */
static void over_unheard_and_raised_again(void **unused)
{
	struct rig r;

	(void)unused;
	rig_open(&r, NULL);
	status(&r, 5, 1);
	send(&r, TOP "alarm/d.p~smoke", true, event_text(5, 5, "d.p/smoke", "active", "normal"));
	assert_int_equal(r.bells, 1);
	watch_down(r.w, r.now, "x");
	watch_up(r.w, r.now);
	status(&r, 8, 0);
	pass(&r, 4);
	assert_int_equal(standing(&r), 0);
	event(&r, 9);
	assert_true(standing(&r) == 1 && r.bells == 2);
	watch_free(r.w);
}

/* A new database counts revs from the beginning again. */
static void another_log_begins_its_revs_anew(void **unused)
{
	static const char new_log[] =
		"{\"gateway\":\"gw-1\",\"node\":\"gw-1\",\"session\":8,\"online\":true,\"log\":\"L2\",\"alarms\":{\"fire\":1},\"streams\":{\"gw-1/fire\":{\"sent\":0}}}";
	char text[1024];
	struct rig r;

	(void)unused;
	rig_open(&r, NULL);
	status(&r, 5, 1);
	event(&r, 6);
	send(&r, TOP "event/fire", false, event_text(7, 7, "d.p/smoke", "acked", "normal"));
	send(&r, TOP "event/fire", false, event_text(8, 8, "d.q/smoke", "active", "normal"));
	assert_int_equal(r.bells, 2);
	send(&r, TOP "status", false, new_log);
	snprintf(text, sizeof text, "%s", event_text(1, 1, "d.p/smoke", "active", "normal"));
	memcpy(strstr(text, "\"L1\""), "\"L2\"", 4);
	send(&r, TOP "event/fire", false, text);
	assert_int_equal(r.bells, 3);
	/* What is left of the old one does not come back over it, and what the new one does not know is over. */
	send(&r, TOP "alarm/d.p~smoke", false, event_text(9, 9, "d.p/smoke", "normal", "normal"));
	assert_int_equal(standing(&r), 2);
	pass(&r, 4);
	assert_int_equal(standing(&r), 1);
	watch_free(r.w);
}

/* Its end was lost and cannot be fetched: the snapshot does not have it. */
static void a_snapshot_ends_what_is_over(void **unused)
{
	struct rig r;

	(void)unused;
	rig_open(&r, NULL);
	status(&r, 5, 0);
	pass(&r, 4);
	event(&r, 6);
	for (int i = 0; i < 3; i++) {
		status(&r, 6, 0);
		pass(&r, 4);
	}
	assert_non_null(strstr(r.said, "snapshot:asked"));
	assert_int_equal(standing(&r), 1);
	/* Not an answer, and no list: nothing is taken from it. */
	answer(&r, "snapshot", "\"ok\":true,\"page\":1,\"pages\":1");
	assert_int_equal(standing(&r), 1);
	pass(&r, 61);
	status(&r, 6, 0);
	pass(&r, 4);
	answer(&r, "snapshot", "\"ok\":true,\"page\":2,\"pages\":2,\"result\":[]");   /* the first page is lost */
	assert_int_equal(standing(&r), 1);
	for (int i = 0; i < 13; i++) {
		status(&r, 6, 0);
		pass(&r, 10);
	}
	send(&r, TOP "event/fire", false, event_text(7, 7, "d.q/smoke", "active", "normal"));
	answer(&r, "snapshot", "\"ok\":true,\"page\":1,\"pages\":1,\"result\":[]");
	assert_int_equal(standing(&r), 1);   /* the one that was raised meanwhile */
	watch_free(r.w);
}

/* "?": told before the connection was lost. */
static void a_lost_connection_is_a_doubt(void **unused)
{
	struct rig r;
	size_t n;

	(void)unused;
	rig_open(&r, NULL);
	event(&r, 6);
	watch_down(r.w, r.now, "x");
	const struct watch_alarm **list = watch_alarms(r.w, &n);
	assert_true(n == 1 && !list[0]->sure);
	free(list);
	watch_free(r.w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(cleared_and_told_again),
		cmocka_unit_test(over_unheard_and_raised_again),
		cmocka_unit_test(another_log_begins_its_revs_anew),
		cmocka_unit_test(a_snapshot_ends_what_is_over),
		cmocka_unit_test(a_lost_connection_is_a_doubt),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
