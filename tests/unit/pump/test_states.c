#include "gateway/states.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static struct outmsg *text(const char *t)
{
	struct outmsg *m = outmsg_new(t, strlen(t));

	assert_non_null(m);
	return m;
}

static int set(struct states *s, uint32_t node, const char *topic, const char *payload)
{
	struct outmsg *m = text(payload);
	int r = states_set(s, STATE_KIND_ALARM, node, topic, CLASS_FIRE, m);

	outmsg_unref(m);
	return r;
}

static void test_outmsg_counts_references(void **state)
{
	struct outmsg *m = text("abc");

	(void)state;
	assert_int_equal(m->len, 3);
	assert_int_equal(m->data[3], '\0');
	assert_ptr_equal(outmsg_ref(m), m);
	assert_int_equal(m->refs, 2);
	outmsg_unref(m);
	assert_int_equal(m->refs, 1);
	outmsg_unref(m);
	assert_null(outmsg_ref(NULL));
	outmsg_unref(NULL);
	m = outmsg_new(NULL, 0);
	assert_non_null(m);
	assert_int_equal(m->len, 0);
	outmsg_unref(m);
}

static void test_set_and_find_by_node_and_topic(void **state)
{
	struct states s;

	(void)state;
	assert_int_equal(states_init(&s, 8), 0);
	assert_int_equal(set(&s, 0, "alarm/a~x", "1"), 0);
	assert_int_equal(set(&s, 1, "alarm/a~x", "2"), 0);
	size_t a = states_find(&s, 0, "alarm/a~x"), b = states_find(&s, 1, "alarm/a~x");
	assert_int_not_equal(a, b);
	assert_string_equal(s.entries[a].msg->data, "1");
	assert_string_equal(s.entries[b].msg->data, "2");
	assert_int_equal(states_find(&s, 2, "alarm/a~x"), SIZE_MAX);
	uint64_t version = s.entries[a].version;
	assert_int_equal(set(&s, 0, "alarm/a~x", "3"), 0);
	assert_int_equal(states_find(&s, 0, "alarm/a~x"), a); /* entries never move */
	assert_true(s.entries[a].version > version);
	assert_int_equal(s.entries[a].version, s.version);
	assert_string_equal(s.entries[a].msg->data, "3");
	states_done(&s);
}

static void test_clear_without_pumps_frees_at_once(void **state)
{
	struct states s;

	(void)state;
	assert_int_equal(states_init(&s, 2), 0);
	for (int i = 0; i < 100; i++) {
		char topic[32];
		snprintf(topic, sizeof topic, "alarm/%d", i);
		assert_int_equal(set(&s, 0, topic, "x"), 0);
		states_clear(&s, 0, topic, NULL);
		assert_int_equal(states_find(&s, 0, topic), SIZE_MAX);
	}
	states_clear(&s, 0, "alarm/none", NULL);
	assert_int_equal(s.n_used, 0);
	states_done(&s);
}

static void test_cleared_entry_waits_for_every_pump(void **state)
{
	struct states s;
	struct outmsg *last = text("normal");

	(void)state;
	assert_int_equal(states_init(&s, 4), 0);
	states_join(&s);
	assert_int_equal(set(&s, 0, "alarm/a", "x"), 0);
	states_clear(&s, 0, "alarm/a", last);
	size_t i = states_find(&s, 0, "alarm/a");
	assert_int_not_equal(i, SIZE_MAX);
	assert_true(s.entries[i].clear);
	assert_ptr_equal(s.entries[i].last_msg, last);
	states_join(&s); /* a second hub has to clear it, too */
	states_release(&s, i);
	assert_int_equal(states_find(&s, 0, "alarm/a"), i);
	states_release(&s, i);
	assert_int_equal(states_find(&s, 0, "alarm/a"), SIZE_MAX);
	/* set again while being cleared: nothing is left of the clearing */
	assert_int_equal(set(&s, 0, "alarm/b", "x"), 0);
	states_clear(&s, 0, "alarm/b", last);
	assert_int_equal(set(&s, 0, "alarm/b", "y"), 0);
	i = states_find(&s, 0, "alarm/b");
	assert_false(s.entries[i].clear);
	assert_null(s.entries[i].last_msg);
	states_leave(&s);
	states_leave(&s);
	states_done(&s);
	assert_int_equal(last->refs, 1);
	outmsg_unref(last);
}

static void test_full_table_gives_up_cleared_entries_only(void **state)
{
	struct states s;

	(void)state;
	assert_int_equal(states_init(&s, 2), 0);
	states_join(&s);
	assert_int_equal(set(&s, 0, "alarm/a", "x"), 0);
	assert_int_equal(set(&s, 0, "alarm/b", "x"), 0);
	assert_int_equal(set(&s, 0, "alarm/c", "x"), -1);
	states_clear(&s, 0, "alarm/a", NULL);
	uint32_t life = s.entries[states_find(&s, 0, "alarm/a")].life;
	assert_int_equal(set(&s, 0, "alarm/c", "x"), 0);
	assert_int_equal(s.evicted, 1);
	assert_int_equal(states_find(&s, 0, "alarm/a"), SIZE_MAX);
	assert_true(s.entries[states_find(&s, 0, "alarm/c")].life > life);
	assert_int_not_equal(states_find(&s, 0, "alarm/b"), SIZE_MAX);
	states_leave(&s);
	states_done(&s);
}

static void test_alarm_topic_has_one_level(void **state)
{
	struct strbuf b = STRBUF_INIT;

	(void)state;
	states_alarm_topic(&b, "facp.f12-smoke-3/smoke");
	assert_string_equal(b.data, "alarm/facp.f12-smoke-3~smoke");
	strbuf_done(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_outmsg_counts_references),
		cmocka_unit_test(test_set_and_find_by_node_and_topic),
		cmocka_unit_test(test_clear_without_pumps_frees_at_once),
		cmocka_unit_test(test_cleared_entry_waits_for_every_pump),
		cmocka_unit_test(test_full_table_gives_up_cleared_entries_only),
		cmocka_unit_test(test_alarm_topic_has_one_level),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
