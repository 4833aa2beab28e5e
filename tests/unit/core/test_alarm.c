#include "core/alarm.h"
#include "tests/unit/core/check.h"

#define N_STATES   (STATE_LATCHED + 1)
#define N_TRIGGERS (TRIGGER_AGAIN + 1)

/* docs/alarms.md once more, written down in another shape: for each case a line "transition>state transition>state". Not listed: refused.
 * Columns: needs no reset, needs one; then the same with ack: false. */
static const struct {
	enum alarm_state   state;
	enum alarm_trigger trigger;
	const char        *moves[4];
} contract[] = {
	{ STATE_NORMAL, TRIGGER_ON, { "raised>active", "raised>active", "raised>active", "raised>active" } },
	{ STATE_PENDING, TRIGGER_ON, { "raised>active", "raised>active", "raised>active", "raised>active" } },
	{ STATE_ACTIVE, TRIGGER_ACK, { "acknowledged>acked", "acknowledged>acked", "acknowledged>acked", "acknowledged>acked" } },
	{ STATE_ACTIVE, TRIGGER_OFF, { "returned>returned", "returned>returned", "returned>returned cleared>normal", "returned>latched" } },
	{ STATE_ACKED, TRIGGER_OFF, { "returned>returned cleared>normal", "returned>latched", "returned>returned cleared>normal", "returned>latched" } },
	{ STATE_RETURNED, TRIGGER_ACK, { "acknowledged>returned cleared>normal", "acknowledged>latched", "acknowledged>returned cleared>normal",
	                                 "acknowledged>latched" } },
	{ STATE_RETURNED, TRIGGER_ON, { "reraised>active", "reraised>active", "reraised>active", "reraised>active" } },
	{ STATE_LATCHED, TRIGGER_ON, { "reraised>active", "reraised>active", "reraised>active", "reraised>active" } },
	{ STATE_LATCHED, TRIGGER_RESET, { "reset>latched cleared>normal", "reset>latched cleared>normal", "reset>latched cleared>normal",
	                                  "reset>latched cleared>normal" } },
	{ STATE_ACKED, TRIGGER_AGAIN, { "reraised>active", "reraised>active", "reraised>active", "reraised>active" } },
	{ STATE_ACTIVE, TRIGGER_REMOVE, { "removed>normal", "removed>normal", "removed>normal", "removed>normal" } },
	{ STATE_ACKED, TRIGGER_REMOVE, { "removed>normal", "removed>normal", "removed>normal", "removed>normal" } },
	{ STATE_RETURNED, TRIGGER_REMOVE, { "removed>normal", "removed>normal", "removed>normal", "removed>normal" } },
	{ STATE_LATCHED, TRIGGER_REMOVE, { "removed>normal", "removed>normal", "removed>normal", "removed>normal" } },
};

static const char *promised(enum alarm_state state, enum alarm_trigger trigger, bool latch, bool ack)
{
	for (size_t i = 0; i < LENGTH(contract); i++)
		if (contract[i].state == state && contract[i].trigger == trigger)
			return contract[i].moves[(ack ? 0 : 2) + latch];
	return "";
}

static void tell(struct alarm_move m, char *buf, size_t cap)
{
	buf[0] = '\0';
	for (unsigned i = 0; i < m.n; i++) {
		size_t len = strlen(buf);
		snprintf(buf + len, cap - len, "%s%s>%s", i ? " " : "", transition_name(m.sent[i]), alarm_state_name(m.via[i]));
	}
}

/* Every allowed move is made and every other is refused, for every setting there is. */
static void the_whole_table(void **state)
{
	(void)state;
	for (unsigned i = 0; i < N_STATES * N_TRIGGERS * 16; i++) {
		enum alarm_state s = (enum alarm_state)(i / 16 % N_STATES);
		enum alarm_trigger t = (enum alarm_trigger)(i / 16 / N_STATES);
		bool latch = i & 1, ack = i & 2, condition = i & 4, count = i & 8;
		char got[128], want[128];
		struct alarm_move m = alarm_move(s, t, latch, ack, condition, count);

		snprintf(want, sizeof want, "%s", promised(s, t, latch, ack));
		if (count && strcmp(want, "raised>active") == 0)
			snprintf(want, sizeof want, "confirmed>active");
		if (condition && t == TRIGGER_RESET)
			want[0] = '\0';
		tell(m, got, sizeof got);
		if (strcmp(got, want) != 0)
			fail_msg("%s, trigger %u, latch %d, ack %d, condition %d, count %d: '%s', not '%s'", alarm_state_name(s), t, latch, ack,
			         condition, count, got, want);
		assert_int_equal(m.allowed, want[0] != '\0');
		assert_int_equal(m.to, m.allowed ? m.via[m.n - 1] : s);
	}
}

/* Whatever happens to an alarm, it can always be brought back to normal, and only so. */
static void no_dead_end(void **state)
{
	(void)state;
	for (unsigned settings = 0; settings < 4; settings++) {
		bool latch = settings & 1, ack = settings & 2;
		for (unsigned s = STATE_ACTIVE; s < N_STATES; s++) {
			enum alarm_state now = (enum alarm_state)s;
			static const enum alarm_trigger way[] = { TRIGGER_OFF, TRIGGER_ACK, TRIGGER_RESET };
			for (size_t i = 0; i < LENGTH(way); i++)
				now = alarm_move(now, way[i], latch, ack, false, false).to;
			assert_int_equal(now, STATE_NORMAL);
		}
	}
}

static void fire_cannot_vanish_unseen(void **state)
{
	(void)state;
	/* no way from active to normal without a person, as long as an acknowledgement is asked for */
	for (unsigned latch = 0; latch < 2; latch++) {
		enum alarm_state s = STATE_ACTIVE;
		for (unsigned i = 0; i < 4; i++) {
			s = alarm_move(s, i % 2 ? TRIGGER_ON : TRIGGER_OFF, latch, true, i % 2, false).to;
			assert_true(s == STATE_RETURNED || s == STATE_ACTIVE);
			assert_false(alarm_move(s, TRIGGER_RESET, latch, true, false, false).allowed);
		}
	}
}

static void words(void **state)
{
	enum alarm_class c;
	unsigned stream;

	(void)state;
	for (unsigned i = 0; i < STREAM_COUNT; i++) {
		assert_int_equal(stream_find(stream_name(i), &stream), 0);
		assert_int_equal(stream, i);
		if (i < CLASS_COUNT) {
			assert_int_equal(alarm_class_find(alarm_class_name((enum alarm_class)i), &c), 0);
			assert_int_equal(c, i);
		}
	}
	assert_string_equal(stream_name(STREAM_READING), "reading");
	assert_int_equal(alarm_class_find("reading", &c), -1);
	assert_int_equal(alarm_class_find("Fire", &c), -1);
	assert_int_equal(stream_find("", &stream), -1);
	for (unsigned i = 0; i < TRANSITION_COUNT; i++) {
		assert_non_null(transition_name((enum transition)i));
		for (unsigned j = 0; j < i; j++)
			assert_string_not_equal(transition_name((enum transition)i), transition_name((enum transition)j));
	}
	assert_string_equal(transition_name(TRANSITION_REMOVED), "removed");
	assert_string_equal(transition_name(TRANSITION_POWER), "power");
	assert_string_equal(transition_name(TRANSITION_CLOCK_STEP), "clock_step");
	assert_string_equal(cause_name(CAUSE_VALUE), "value");
	assert_string_equal(cause_name(CAUSE_SELF), "self");
	assert_string_equal(hazard_name(HAZARD_NONE), "");
	assert_string_equal(hazard_name(HAZARD_ACCESS), "access");
	assert_string_equal(alarm_mode_name(MODE_DRILL), "drill");
	assert_string_equal(alarm_state_name(STATE_LATCHED), "latched");
	assert_string_equal(role_name(ROLE_MAINTAINER), "maintainer");
}

static void event_ids(void **state)
{
	char buf[EVENT_ID_MAX];
	struct event_id id = { .boot = UINT64_C(0x5f0c9a1be27d4410), .counter = 1042 }, back;

	(void)state;
	assert_string_equal(event_id_format("qj-wenlong-01", id, buf), "qj-wenlong-01/5f0c9a1be27d4410/1042");
	assert_int_equal(event_id_parse(buf, &back), 0);
	assert_true(back.boot == id.boot && back.counter == id.counter);

	id = (struct event_id){ .boot = 1, .counter = UINT64_MAX };
	assert_string_equal(event_id_format("0123456789012345678901234567890123456789", id, buf),
	                    "0123456789012345678901234567890123456789/0000000000000001/18446744073709551615");
	assert_int_equal(event_id_parse(buf, &back), 0);
	assert_true(back.boot == id.boot && back.counter == id.counter);

	static const char *const bad[] = {
		"", "g", "g/", "/5f0c9a1be27d4410/1", "g/5f0c9a1be27d4410", "g/5f0c9a1be27d4410/", "g/5f0c9a1be27d441/1", "g/5f0c9a1be27d44100/1",
		"g/5F0C9A1BE27D4410/1", "g/5f0c9a1be27d4410/-1", "g/5f0c9a1be27d4410/1x", "g/5f0c9a1be27d4410/18446744073709551616",
		"g/5f0c9a1be27d4410/01", "g/5f0c9a1be27d4410/1/2", "g//5f0c9a1be27d4410/1", "g/5f0c9a1be27d4410 /1",
	};
	for (size_t i = 0; i < LENGTH(bad); i++)
		if (event_id_parse(bad[i], &back) != -1)
			fail_msg("'%s' was taken", bad[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_whole_table),
		cmocka_unit_test(no_dead_end),
		cmocka_unit_test(fire_cannot_vanish_unseen),
		cmocka_unit_test(words),
		cmocka_unit_test(event_ids),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
