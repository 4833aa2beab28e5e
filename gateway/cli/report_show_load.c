/* Of a report: how much there was for people, when, from what; and what does not alarm at the end. */
#include "gateway/cli/report_show.h"

#include "gateway/cli/human.h"

#include <stdio.h>
#include <string.h>

#define W(en, zh) paper_word(p, en, zh)
#define SHOWN     15

static const char *const classes[] = { "fire", "prealarm", "supervisory", "fault" };

static void put_days(struct paper *p, const json_t *report)
{
	const json_t *days = json_object_get(report, "days"), *d;
	int64_t values[31][PAPER_SERIES_MAX] = { 0 };
	char texts[31][8];
	const char *labels[31] = { 0 }, *series[PAPER_SERIES_MAX];
	struct paper_chart chart = { .title = W("Alarms by day", "每日报警"), .series = series, .n_series = 4, .values = values, .labels = labels };
	size_t i;

	for (size_t c = 0; c < 4; c++)
		series[c] = rs_class(p, classes[c]);
	json_array_foreach((json_t *)(uintptr_t)days, i, d) {
		if (i == 31)
			break;
		for (size_t c = 0; c < 4; c++)
			values[i][c] = rs_int(d, classes[c]);
		snprintf(texts[i], sizeof texts[i], "%u", (unsigned)(i + 1) % 100);
		labels[i] = p->html || i == 0 || (i + 1) % 5 == 0 ? texts[i] : NULL;
		chart.n++;
	}
	if (chart.n)
		paper_chart(p, &chart);
}

static void put_hours(struct paper *p, const json_t *report)
{
	const json_t *hours = json_object_get(report, "hours");
	int64_t values[24][PAPER_SERIES_MAX] = { 0 };
	char texts[24][8];
	const char *labels[24] = { 0 };
	struct paper_chart chart = { .title = W("Alarms by hour of the day", "一天中的时段分布"), .n_series = 1, .n = 24, .values = values, .labels = labels };

	for (size_t h = 0; h < 24; h++) {
		values[h][0] = json_integer_value(json_array_get(hours, h));
		snprintf(texts[h], sizeof texts[h], "%u", (unsigned)h % 100);
		labels[h] = p->html || h % 6 == 0 ? texts[h] : NULL;
	}
	paper_chart(p, &chart);
}

static void put_figures(struct paper *p, const json_t *load, const json_t *floods)
{
	char text[160], a[RS_TIME_MAX], n[HUMAN_MAX];
	const char *at = rs_text(load, "worst_day_at");
	double per_day = rs_real(load, "per_day"), over = rs_real(load, "windows_over_share");

	snprintf(text, sizeof text, "%.1f", per_day);
	paper_fact(p, W("alarms a day", "日均报警"), text, per_day >= 300 ? STYLE_RED : per_day > 150 ? STYLE_YELLOW : STYLE_GREEN);
	snprintf(text, sizeof text, at[0] ? "%s (%s)" : "%s", human_count(rs_int(load, "worst_day"), n), at);
	paper_fact(p, W("worst day", "最多的一天"), text, STYLE_PLAIN);
	snprintf(text, sizeof text, rs_int(load, "peak") ? "%s (%s)" : "%s", human_count(rs_int(load, "peak"), n), rs_time(load, "peak_at", a));
	paper_fact(p, W("most in ten minutes", "10 分钟最多"), text, rs_int(load, "peak") > 10 ? STYLE_YELLOW : STYLE_PLAIN);
	snprintf(text, sizeof text, W("%s (%lld of %lld)", "%s(%lld / %lld)"), rs_percent(over, a), (long long)rs_int(load, "windows_over"), (long long)rs_int(load, "windows"));
	paper_fact(p, W("ten minutes with over 10", "10 分钟超过 10 条"), text, over > 0.01 ? STYLE_RED : STYLE_PLAIN);
	rs_count_fact(p, W("floods", "报警泛滥"), rs_int(floods, "n"), STYLE_YELLOW);
	rs_span_fact(p, W("time in floods", "泛滥时长"), rs_int(floods, "ms"), STYLE_YELLOW);
	rs_count_fact(p, W("standing at the end", "期末未恢复"), rs_int(json_object_get(load, "standing"), "n"), STYLE_YELLOW);
	rs_count_fact(p, W("of them over 24 h (stale)", "其中超过 24 小时"), rs_int(load, "stale"), STYLE_RED);
	paper_facts_end(p);
}

static void put_chatterers(struct paper *p, const json_t *report)
{
	const struct table_column columns[] = {
		{ W("MOST OFTEN", "最频繁"), false }, { W("NAME", "名称"), false }, { W("CLASS", "类别"), false }, { W("RAISED", "报警"), true }, { W("AGAIN", "再次"), true },
		{ W("CHATTERED", "抖动"), true }, { "", false },
	};
	const json_t *o = json_object_get(report, "chatterers"), *list = json_object_get(o, "list"), *x;
	int64_t most = rs_int(json_array_get(list, 0), "raised") + rs_int(json_array_get(list, 0), "reraised");
	size_t i;

	if (!json_array_size(list))
		return;
	paper_table(p, columns, 7);
	json_array_foreach((json_t *)(uintptr_t)list, i, x) {
		if (i == SHOWN)
			break;
		paper_cell(p, STYLE_BOLD, rs_text(x, "alarm"));
		paper_cell(p, STYLE_PLAIN, rs_text(x, "name"));
		paper_cell(p, STYLE_PLAIN, rs_class(p, rs_text(x, "class")));
		paper_number(p, rs_int(x, "raised"));
		paper_number(p, rs_int(x, "reraised"));
		paper_number(p, rs_int(x, "chattering"));
		paper_bar(p, (double)(rs_int(x, "raised") + rs_int(x, "reraised")), (double)most, "");
	}
	paper_table_end(p, 0);
}

static void put_standing(struct paper *p, const json_t *load)
{
	const struct table_column columns[] = {
		{ W("STANDS STILL", "未恢复"), false }, { W("NAME", "名称"), false }, { W("CLASS", "类别"), false }, { W("SINCE", "自"), false }, { W("ACKNOWLEDGED", "已确认"), false },
	};
	const json_t *o = json_object_get(load, "standing"), *list = json_object_get(o, "list"), *x;
	char since[RS_TIME_MAX];
	size_t i, n = json_array_size(list);

	if (!n)
		return;
	paper_table(p, columns, 5);
	json_array_foreach((json_t *)(uintptr_t)list, i, x) {
		bool acked = json_is_true(json_object_get(x, "acked"));
		if (i == SHOWN)
			break;
		paper_cell(p, STYLE_BOLD, rs_text(x, "alarm"));
		paper_cell(p, STYLE_PLAIN, rs_text(x, "name"));
		paper_cell(p, STYLE_PLAIN, rs_class(p, rs_text(x, "class")));
		paper_cell(p, json_is_true(json_object_get(x, "stale")) ? STYLE_RED : STYLE_PLAIN, rs_time(x, "since", since));
		paper_cell(p, acked ? STYLE_PLAIN : STYLE_YELLOW, acked ? W("yes", "是") : W("no", "否"));
	}
	paper_table_end(p, rs_int(o, "n") - (int64_t)(n < SHOWN ? n : SHOWN));
}

void report_show_load(struct paper *p, const json_t *report)
{
	const json_t *load = json_object_get(report, "load");

	paper_section(p, W("Load", "报警负荷"), W("Fire, prealarm, supervisory and fault, each raised anew; not what was shelved, suppressed or tested (EEMUA 191: 150 a day can be handled, 300 are too many).",
	                                   "火警、预警、监管、故障每次发生;不含搁置、抑制和测试(EEMUA 191:每天 150 条可以处置,300 条过多)。"));
	put_figures(p, load, json_object_get(report, "floods"));
	put_days(p, report);
	put_hours(p, report);
	put_chatterers(p, report);
	put_standing(p, load);
}

/* ---- what does not alarm ---- */

static const char *disabled_word(const struct paper *p, const char *what)
{
	if (strcmp(what, "shelved") == 0)
		return W("shelved", "搁置");
	if (strcmp(what, "out-of-service") == 0)
		return W("out of service", "退出运行");
	if (strcmp(what, "test") == 0)
		return W("under test", "测试中");
	if (strcmp(what, "drill") == 0)
		return W("in a drill", "演练中");
	return W("disabled", "屏蔽");
}

static void put_disabled(struct paper *p, const json_t *o)
{
	const struct table_column columns[] = { { W("DISABLED", "屏蔽"), false }, { W("WHAT", "对象"), false }, { W("IN ALL", "合计"), true }, { W("TIMES", "次数"), true }, { "", false } };
	const json_t *list = json_object_get(o, "list"), *x;
	char text[PAPER_SPAN_MAX];
	size_t i, n = json_array_size(list);

	if (!n)
		return;
	paper_table(p, columns, 5);
	json_array_foreach((json_t *)(uintptr_t)list, i, x) {
		if (i == SHOWN)
			break;
		paper_cell(p, STYLE_PLAIN, disabled_word(p, rs_text(x, "what")));
		paper_cell(p, STYLE_BOLD, rs_text(x, "of"));
		paper_cell(p, STYLE_PLAIN, paper_span(p, rs_int(x, "ms"), text));
		paper_number(p, rs_int(x, "times"));
		paper_bar(p, (double)rs_int(x, "ms"), (double)rs_int(json_array_get(list, 0), "ms"), "");
	}
	paper_table_end(p, rs_int(o, "n") - (int64_t)(n < SHOWN ? n : SHOWN));
}

static void put_beside(struct paper *p, const json_t *o, bool complete)
{
	const struct table_column columns[] = { { complete ? W("AT THE END", "期末") : W("NOW", "目前"), false }, { W("WHAT", "对象"), false }, { W("SINCE", "自"), false }, { W("UNTIL", "至"), false } };
	const json_t *list = json_object_get(o, "list"), *x;
	char since[RS_TIME_MAX], until[RS_TIME_MAX];
	size_t i, n = json_array_size(list);

	if (!n)
		return;
	paper_table(p, columns, 4);
	json_array_foreach((json_t *)(uintptr_t)list, i, x) {
		if (i == 4 * SHOWN)
			break;
		paper_cell(p, STYLE_YELLOW, disabled_word(p, rs_text(x, "what")));
		paper_cell(p, STYLE_BOLD, rs_text(x, "of"));
		paper_cell(p, STYLE_PLAIN, rs_time(x, "since", since));
		paper_cell(p, STYLE_PLAIN, rs_time(x, "until", until));
	}
	paper_table_end(p, rs_int(o, "n") - (int64_t)(n < 4 * SHOWN ? n : 4 * SHOWN));
}

void report_show_disabled(struct paper *p, const json_t *report)
{
	const json_t *d = json_object_get(report, "disablement");
	char text[160], span[PAPER_SPAN_MAX];

	paper_section(p, W("Disabled and tested", "屏蔽与测试"), "");
	rs_span_fact(p, W("disabled, in all", "屏蔽合计"), rs_int(d, "ms"), STYLE_YELLOW);
	snprintf(text, sizeof text, W("%lld, %s", "%lld 次,%s"), (long long)rs_int(d, "tests"), paper_span(p, rs_int(d, "tests_ms"), span));
	paper_fact(p, W("tests", "测试"), text, STYLE_PLAIN);
	snprintf(text, sizeof text, W("%lld, %s", "%lld 次,%s"), (long long)rs_int(d, "drills"), paper_span(p, rs_int(d, "drills_ms"), span));
	paper_fact(p, W("drills", "演练"), text, STYLE_PLAIN);
	paper_facts_end(p);
	put_beside(p, json_object_get(d, "beside"), json_is_true(json_object_get(report, "complete")));
	put_disabled(p, json_object_get(d, "disabled"));
}
