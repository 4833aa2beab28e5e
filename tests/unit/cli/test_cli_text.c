/* What is pure in the command: arguments, widths, numbers for people, tables. */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "gateway/cli/args.h"
#include "gateway/cli/human.h"
#include "gateway/cli/picture.h"
#include "gateway/cli/table.h"
#include "gateway/cli/width.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* ---- args ---- */

static const struct args_option options[] = {
	{ "config", 'c', "SITE", "" }, { "follow", 0, NULL, "" }, { "since", 0, "T", "" }, { "help", 'h', NULL, "" }, { "file", 0, "F", "", true }
};

static int parse(struct args *ret, struct err *e, const char *line)
{
	static char copy[512];
	static char *argv[64];
	int argc = 0;
	char *save = NULL;

	snprintf(copy, sizeof copy, "%s", line);
	for (char *w = strtok_r(copy, " ", &save); w; w = strtok_r(NULL, " ", &save))
		argv[argc++] = w;
	return args_parse(options, 5, argc, argv, ret, e);
}

static void args_in_any_order(void **state)
{
	static const char *const lines[] = {
		"-c x.yaml --follow a b",       "a -cx.yaml b --follow",           "a b --config x.yaml --follow",
		"--config=x.yaml a --follow b", "--follow --config x.yaml -- a b",
	};
	struct args a;
	struct err e = { 0 };

	(void)state;
	for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
		if (parse(&a, &e, lines[i]))
			fail_msg("%s: %s", lines[i], e.text);
		assert_string_equal(args_value(&a, "config"), "x.yaml");
		assert_true(args_flag(&a, "follow"));
		assert_false(args_flag(&a, "help"));
		assert_null(args_value(&a, "since"));
		assert_int_equal(a.n_words, 2);
		assert_string_equal(a.words[0], "a");
		assert_string_equal(a.words[1], "b");
	}
	assert_int_equal(parse(&a, &e, "- --since= -- --follow -x"), 0);
	assert_int_equal(a.n_words, 3);
	assert_string_equal(a.words[0], "-");
	assert_string_equal(a.words[1], "--follow");
	assert_string_equal(args_value(&a, "since"), "");
	assert_false(args_flag(&a, "follow"));
	assert_int_equal(parse(&a, &e, "--since -5"), 0); /* a value may begin with a dash */
	assert_string_equal(args_value(&a, "since"), "-5");
}

static void args_given_several_times(void **state)
{
	struct args a;
	struct err e;
	char line[sizeof "--file=x " * (ARGS_MORE_MAX + 3)] = "";

	(void)state;
	assert_int_equal(parse(&a, &e, "--file a x --file=b --since s --file c"), 0);
	assert_string_equal(args_value(&a, "file"), "a");
	assert_string_equal(args_value_at(&a, "file", 0), "a");
	assert_string_equal(args_value_at(&a, "file", 1), "b");
	assert_string_equal(args_value_at(&a, "file", 2), "c");
	assert_null(args_value_at(&a, "file", 3));
	assert_string_equal(args_value_at(&a, "since", 0), "s");
	assert_null(args_value_at(&a, "since", 1));
	assert_null(args_value_at(&a, "config", 0));
	for (int i = 0; i < ARGS_MORE_MAX + 1; i++)
		strcat(line, "--file=x ");
	line[strlen(line) - 1] = '\0';
	assert_int_equal(parse(&a, &e, line), 0);
	strcat(line, " --file=x");
	assert_int_equal(parse(&a, &e, line), -1);
	assert_non_null(strstr(e.text, "--file is given too often"));
}

static void args_that_are_wrong(void **state)
{
	static const struct { const char *line, *part; } rows[] = {
		{ "--folow", "unknown option --folow: did you mean --follow?" },
		{ "--xyz=3", "unknown option --xyz" },
		{ "-x", "unknown option -x" },
		{ "--follow=1", "--follow takes no value" },
		{ "--since", "--since needs a value: --since T" },
		{ "-c", "--config needs a value" },
		{ "--follow --follow", "--follow is given twice" },
		{ "-c a --config b", "--config is given twice" },
		{ "--", NULL },
	};
	struct args a;

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct err e = { 0 };
		int r = parse(&a, &e, rows[i].line);
		assert_int_equal(r, rows[i].part ? -1 : 0);
		if (rows[i].part && !strstr(e.text, rows[i].part))
			fail_msg("%s: %s", rows[i].line, e.text);
	}
	/* what stood before the error is there */
	struct err e;
	assert_int_equal(parse(&a, &e, "--help --nope"), -1);
	assert_true(args_flag(&a, "help"));
}

/* ---- width ---- */

static void widths(void **state)
{
	static const struct { const char *text; size_t width; } rows[] = {
		{ "", 0 },          { "abc", 3 },
		{ "文龙大厦", 8 },  { "A座12层", 7 },
		{ "，。", 4 },      { "é", 1 },
		{ "e\xCC\x81", 1 }, { "ｆｗ", 4 },
		{ "ｱ", 1 },         { "℃", 1 },
		{ "≥", 1 },         { "🔥", 2 },
		{ "…", 1 },         { "\xF0\xA0\x80\x80", 2 },
		{ "\xff\xfe", 2 },  { "\xE6\x96", 2 },
		{ "\xC0\x80", 2 },  { "\xED\xA0\x80", 3 },
		{ "한", 2 },        { "×", 1 },
		{ "─", 1 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
		if (width_of(rows[i].text) != rows[i].width)
			fail_msg("'%s' is %zu wide, not %zu", rows[i].text, width_of(rows[i].text), rows[i].width);
	assert_int_equal(width_cut("文龙大厦", 5), 6);
	assert_int_equal(width_cut("文龙大厦", 4), 6);
	assert_int_equal(width_cut("文龙大厦", 1), 0);
	assert_int_equal(width_cut("abc", 9), 3);
	assert_int_equal(width_cut("e\xCC\x81x", 1), 3);
}

/* ---- human ---- */

static void numbers_for_people(void **state)
{
	char b[HUMAN_MAX];

	(void)state;
	assert_string_equal(human_count(0, b), "0");
	assert_string_equal(human_count(999, b), "999");
	assert_string_equal(human_count(2000, b), "2,000");
	assert_string_equal(human_count(-1234567, b), "-1,234,567");
	assert_string_equal(human_count(INT64_MIN, b), "-9,223,372,036,854,775,808");
	assert_string_equal(human_size(0, b), "0 B");
	assert_string_equal(human_size(1023, b), "1023 B");
	assert_string_equal(human_size(1024, b), "1 KiB");
	assert_string_equal(human_size(1536, b), "1.5 KiB");
	assert_string_equal(human_size(INT64_C(4) << 30, b), "4 GiB");
	assert_string_equal(human_size((INT64_C(1) << 20) - 1, b), "1 MiB");
	assert_string_equal(human_size(INT64_MAX, b), "8 EiB");
	assert_string_equal(human_ago(-5, b), "now");
	assert_string_equal(human_ago(999, b), "now");
	assert_string_equal(human_ago(3400, b), "3 s ago");
	assert_string_equal(human_ago(5 * 60000 + 3000, b), "5 min ago");
	assert_string_equal(human_ago(130 * 60000, b), "2 h 10 min ago");
	assert_string_equal(human_ago(2 * 3600000, b), "2 h ago");
	assert_string_equal(human_ago(INT64_C(76) * 3600000, b), "3 d 4 h ago");
	assert_string_equal(human_ago(INT64_C(400) * 86400000, b), "400 d ago");
	assert_string_equal(human_span(340, b), "340 ms");
	assert_string_equal(human_plural(1, "bus", b), "1 bus");
	assert_string_equal(human_plural(2, "bus", b), "2 buses");
	assert_string_equal(human_plural(2000, "point", b), "2,000 points");
	assert_string_equal(human_plural(0, "error", b), "0 errors");
	setenv("TZ", "CST-8", 1);
	tzset();
	assert_string_equal(human_time(0, b), "1970-01-01 08:00:00.000");
}

static void texts_are_harmless(void **state)
{
	struct strbuf out = STRBUF_INIT;

	(void)state;
	human_put(&out, "a\033[31mb\r\n\x7f\xC2\x9B\xFF\xE2\x80\xAE文");
	assert_string_equal(out.data, "a\xEF\xBF\xBD[31mb\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD文");
	strbuf_done(&out);
}

/* ---- table ---- */

static char *print(const struct look *look)
{
	static const struct table_column columns[] = { { "ID" }, { "NAME" }, { "VALUE", true }, { "EMPTY" }, { "WHY" } };
	struct table *t = table_new(columns, 5);
	struct strbuf out = STRBUF_INIT;

	const char *const cells[] = { "a", "烟感", "0.31", "", "x\n", "bb", "b", "12", NULL, "文字文字" };
	for (size_t i = 0; i < 10; i++)
		table_add(t, i == 0 ? STYLE_RED : STYLE_PLAIN, cells[i]);
	assert_int_equal(table_rows(t), 2);
	table_put(t, look, &out);
	table_free(t);
	return strbuf_take(&out);
}

static void tables_are_aligned(void **state)
{
	char *text = print(&(struct look){ 0 });

	(void)state;
	assert_string_equal(text, "ID  NAME  VALUE  WHY\n"
	                          "a   烟感   0.31  x\xEF\xBF\xBD\n"
	                          "bb  b        12  文字文字\n");
	free(text);
	text = print(&(struct look){ .columns = 22, .color = true });
	assert_string_equal(text, "\033[1mID\033[0m  \033[1mNAME\033[0m  \033[1mVALUE\033[0m  \033[1mWHY\033[0m\n"
	                          "\033[1;31ma\033[0m   烟感   0.31  x\xEF\xBF\xBD\n"
	                          "bb  b        12  文字…\n");
	free(text);
	/* never wider than the terminal, however narrow */
	for (size_t columns = 1; columns < 40; columns++) {
		char *save = NULL;
		text = print(&(struct look){ .columns = columns });
		for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save))
			if (width_of(line) > columns)
				fail_msg("%zu columns: '%s'", columns, line);
		free(text);
	}
}

static void drawn(const char *picture, size_t rows, size_t columns, const char *expected)
{
	struct strbuf out = STRBUF_INIT;

	picture_over(&out, picture, rows, columns);
	assert_string_equal(out.data, expected);
	strbuf_done(&out);
}

/* Whatever is cleared is cleared before the line is there: a line as wide as the terminal keeps its last cell, also in the last row. */
static void pictures_fit(void **state)
{
	(void)state;
	drawn("ab\ncd\n", 9, 0, "\033[H\033[Kab\n\033[Kcd\n\033[J");
	drawn("abcd\nefgh\n", 2, 4, "\033[H\033[Kabcd\n\033[Kefgh");
	drawn("abcdef\nx\ny\n", 2, 4, "\033[H\033[Kabcd\n\033[Kx");
	drawn("\033[1mab\033[0mcd\n", 9, 4, "\033[H\033[K\033[1mab\033[0mcd\n\033[J");
	drawn("a\033[1;31mbcdef\033[0m\n", 9, 3, "\033[H\033[Ka\033[1;31mbc\033[0m\n\033[J");
	drawn("烟感探测\n", 9, 5, "\033[H\033[K烟感\n\033[J");
	drawn("", 9, 5, "\033[H\033[J");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(args_in_any_order),
		cmocka_unit_test(args_given_several_times), cmocka_unit_test(args_that_are_wrong),
		cmocka_unit_test(widths),
		cmocka_unit_test(numbers_for_people),
		cmocka_unit_test(texts_are_harmless),
		cmocka_unit_test(tables_are_aligned),
		cmocka_unit_test(pictures_fit),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
