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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_rest_names_its_classes),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
