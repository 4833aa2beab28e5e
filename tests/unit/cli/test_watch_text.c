/* What a console says of alarms that it has no room for. */
#include "watch_rig.h"

#include "gateway/cli/watch_text.h"

static void rest_is(const struct rig *r, size_t from, const char *text)
{
	struct strbuf out = STRBUF_INIT;
	size_t n;
	const struct watch_alarm **list = watch_alarms(r->w, &n);

	watch_rest_put(&out, list + from, n - from);
	assert_string_equal(out.data, text);
	strbuf_done(&out);
	free(list);
}

static void the_rest_names_its_classes(void **unused)
{
	struct rig r;
	char id[64];

	(void)unused;
	rig_open(&r, NULL);
	for (int i = 0; i < 5; i++) {
		snprintf(id, sizeof id, "d.p%d/smoke", i);
		send(&r, TOP "event/fire", false, event_text(i + 1, 1, id, "active", i < 3 ? "normal" : "drill"));
	}
	send_class(&r, "fault", 1, "d.f/f", "normal", "");
	send_class(&r, "flood", 1, "d.u/f", "normal", "");   /* not known: a fault */
	rest_is(&r, 0, "and 7 more: 3 fire, 2 fault; 2 fire in test, drill or set aside");
	rest_is(&r, 4, "and 3 more: 1 fault; 2 fire in test, drill or set aside");
	rest_is(&r, 5, "and 2 more: 2 fire in test, drill or set aside");
	watch_free(r.w);
}

static void none_is(const struct watch *w, const char *text)
{
	struct strbuf out = STRBUF_INIT;

	watch_none_put(&out, w);
	assert_string_equal(out.data, text);
	strbuf_done(&out);
}

/* Nobody knows of no alarm unless everybody was heard. */
static void no_alarms_or_none_known(void **unused)
{
	const struct watch_filter all = { "", NULL, (1u << CLASS_COUNT) - 1, false };
	struct rig r;

	(void)unused;
	rig_open(&r, NULL);
	struct watch *fresh = watch_new(&all, &(struct watch_out){ on_command, on_event, on_note, on_bell, &r }, 1);
	none_is(fresh, "none known: the broker is not reached yet");
	watch_down(fresh, r.now, "connection refused");
	none_is(fresh, "none known: the broker was never reached (connection refused)");
	watch_free(fresh);
	none_is(r.w, "none known: no gateway was heard yet");
	status_of(&r, 7, true, 5, 0, true, "");   /* retained */
	none_is(r.w, "none known: 1 of 1 gateway not heard");
	status(&r, 5, 0);
	none_is(r.w, "no alarms");
	status(&r, 5, 2);
	none_is(r.w, "none known: but 2 alarms counted that nobody told of");
	status_of(&r, 7, false, 5, 0, false, "");
	none_is(r.w, "none known: 1 of 1 gateway not heard");
	status(&r, 5, 0);
	watch_down(r.w, r.now, "it went");
	none_is(r.w, "none known: the broker is away (it went)");
	watch_up(r.w, r.now);
	none_is(r.w, "none known: 1 of 1 gateway not heard");
	watch_free(r.w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_rest_names_its_classes),
		cmocka_unit_test(no_alarms_or_none_known),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
