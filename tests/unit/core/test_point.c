#include "core/point.h"
#include "core/site.h"
#include "tests/unit/core/check.h"

static void qualities_have_words(void **state)
{
	enum quality q;

	(void)state;
	for (unsigned i = 0; i < QUALITY_COUNT; i++) {
		assert_int_equal(quality_find(quality_name((enum quality)i), &q), 0);
		assert_int_equal(q, i);
	}
	assert_string_equal(quality_name(QUALITY_STALE), "stale");
	assert_int_equal(quality_find("bad", &q), -1);
	assert_int_equal(quality_find("", &q), -1);
}

static void labels(void **state)
{
	static const struct point_label list[] = { { 0, "normal" }, { 1, "alarm" }, { -1, "absent" } };
	struct point p = { .labels = list, .n_labels = LENGTH(list) };

	(void)state;
	assert_string_equal(point_label_text(&p, 1), "alarm");
	assert_string_equal(point_label_text(&p, -1), "absent");
	assert_null(point_label_text(&p, 2));
	assert_null(point_label_text(&p, NAN));
	assert_null(point_label_text(&(struct point){ 0 }, 0));
}

static void building_classes(void **state)
{
	enum building_class c;

	(void)state;
	for (int i = BUILDING_CLASS1_PUBLIC; i <= BUILDING_INDUSTRIAL; i++) {
		assert_int_equal(building_class_find(building_class_name((enum building_class)i), &c), 0);
		assert_int_equal(c, i);
	}
	assert_string_equal(building_class_name(BUILDING_UNKNOWN), "");
	assert_int_equal(building_class_find("", &c), -1);
	assert_int_equal(building_class_find("class3-public", &c), -1);
}

static void floors_sort_from_the_bottom(void **state)
{
	static const char *const order[] = { "B99", "B10", "B2", "B1", "1", "2", "9", "10", "32", "999", "R" };
	static const char *const bad[] = { "", "0", "B0", "B", "01", "B01", "-1", "1000", "r", "R1", "b1", "12A", " 1", "1 ", "RR", "12.5", "１" };
	int rank, below = -1000;

	(void)state;
	for (size_t i = 0; i < LENGTH(order); i++) {
		assert_int_equal(floor_rank(order[i], &rank), 0);
		assert_true(rank > below);
		below = rank;
	}
	floor_rank("B2", &rank);
	assert_int_equal(rank, -2);
	floor_rank("12", &rank);
	assert_int_equal(rank, 12);
	for (size_t i = 0; i < LENGTH(bad); i++)
		if (floor_rank(bad[i], &rank) != -1)
			fail_msg("'%s' was taken for a floor", bad[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(qualities_have_words),
		cmocka_unit_test(labels),
		cmocka_unit_test(building_classes),
		cmocka_unit_test(floors_sort_from_the_bottom),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
