/* Whom the console believes: cleared statuses, sessions that were forged or went back, names that others claim. */
#include "watch_rig.h"

static enum watch_presence presence_of(const struct rig *r) { return watch_gateway_presence(watch_gateway_at(r->w, 0)); }

static bool is_sure(const struct rig *r)
{
	size_t n;
	const struct watch_alarm **list = watch_alarms(r->w, &n);
	bool sure = n == 1 && list[0]->sure;

	free(list);
	return sure;
}

/* A stray `mosquitto_pub -r -n`: no fire leaves the screen for it. */
static void a_cleared_status_is_a_doubt(void **unused)
{
	char rest[2048];
	struct rig r;

	(void)unused;
	rig_open(&r, NULL);
	status(&r, 5, 0);
	pass(&r, 4);
	event(&r, 6);
	r.said[0] = '\0';
	send(&r, TOP "status", false, "");
	send(&r, TOP "status", false, "");
	expect(&r, "gateway:cleared ");
	assert_true(standing(&r) == 1 && !is_sure(&r));
	pass(&r, 1);
	expect(&r, "snapshot:asked command ");
	snprintf(rest, sizeof rest, "\"ok\":true,\"page\":1,\"pages\":1,\"result\":[%s]", event_text(6, 6, "d.p/smoke", "active", "normal"));
	answer(&r, "snapshot", rest);
	assert_true(is_sure(&r) && r.bells == 1);
	/* Again and again: a snapshot at most once in the wait. */
	r.said[0] = '\0';
	for (int i = 0; i < 5; i++) {
		status(&r, 6, 1);
		send(&r, TOP "status", false, "");
		pass(&r, 4);
	}
	assert_null(strstr(r.said, "snapshot:asked"));
	r.said[0] = '\0';
	pass(&r, 61);
	assert_non_null(strstr(r.said, "gateway:silent"));
	assert_int_equal(standing(&r), 1);
	watch_free(r.w);
}

static void status_from(struct rig *r, int64_t session, const char *log, const char *boot, bool online, bool retained)
{
	char text[512];

	snprintf(text, sizeof text,
	         "{\"gateway\":\"gw-1\",\"node\":\"gw-1\",\"session\":%lld,\"online\":%s,\"log\":\"%s\",\"boot\":\"%s\",\"alarms\":{},\"streams\":{}}",
	         (long long)session, online ? "true" : "false", log, boot);
	send(r, TOP "status", retained, text);
}

/* A clock that was years ahead, then a new database, or a new daemon. */
static void sessions_that_go_back(void **unused)
{
	struct rig r;

	(void)unused;
	rig_open(&r, NULL);
	status_from(&r, 4000000000, "L1", "b1", true, false);
	status_from(&r, 7, "L2", "b2", true, false);
	status_from(&r, 7, "L2", "b2", false, false);
	expect(&r, "gateway:online gateway:offline ");
	status_from(&r, 4000000000, "L2", "b2", true, false);
	status_from(&r, 8, "L2", "b3", true, false);   /* the same log */
	status_from(&r, 8, "L2", "b3", false, false);
	expect(&r, "gateway:online gateway:offline ");
	/* But not what is retained, and no will. */
	status_from(&r, 9, "L2", "b3", true, false);
	status_from(&r, 8, "L0", "b0", true, true);
	status_from(&r, 8, "L0", "b0", false, false);
	expect(&r, "gateway:online ");
	assert_int_equal(counts_of(&r).old_wills, 2);
	watch_free(r.w);
}

/* Forged with the log and boot that the gateway has: until it is not heard for a minute. */
static void a_forged_session_does_not_last(void **unused)
{
	struct rig r;

	(void)unused;
	rig_open(&r, NULL);
	status_from(&r, 7, "L1", "b1", true, false);
	status_from(&r, INT64_C(1) << 53, "L1", "b1", true, false);
	pass(&r, 30);
	status_from(&r, 7, "L1", "b1", true, false);
	assert_int_equal(counts_of(&r).old_wills, 1);
	pass(&r, 30);
	status_from(&r, 7, "L1", "b1", true, false);
	assert_true(presence_of(&r) == WATCH_ONLINE && counts_of(&r).old_wills == 1);
	status_from(&r, 7, "L1", "b1", false, false);
	assert_int_equal(presence_of(&r), WATCH_OFFLINE);
	/* A forged will or a retained status: nothing lasts of it. */
	status_from(&r, INT64_C(1) << 53, "L1", "b1", false, false);
	status_from(&r, INT64_C(1) << 53, "L1", "b1", true, true);
	status_from(&r, 7, "L1", "b1", true, false);
	assert_int_equal(presence_of(&r), WATCH_ONLINE);
	watch_free(r.w);
}

/* A node that claims another's name, from elsewhere and first, does not get what is meant for it. */
static void commands_go_where_its_status_came_from(void **unused)
{
	struct rig r;
	char text[1024];

	(void)unused;
	rig_open(&r, NULL);
	snprintf(text, sizeof text, "%s", event_text(1, 1, "d.x/smoke", "active", "normal"));
	memcpy(strstr(text, "\"node\":\"gw-1\""), "\"node\":\"evil\"", 13);
	send(&r, "fire/v1/110000/002/003/evil/event/fire", false, text);
	expect(&r, "live:1 ");
	status(&r, 5, 2);
	pass(&r, 4);
	assert_string_equal(r.topic, TOP "command/snapshot");
	watch_free(r.w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_cleared_status_is_a_doubt),
		cmocka_unit_test(sessions_that_go_back),
		cmocka_unit_test(a_forged_session_does_not_last),
		cmocka_unit_test(commands_go_where_its_status_came_from),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
