/* A report as a page: what happened, how fast people were, what was there. */
#include "gateway/cli/report_show.h"

#include "core/alarm.h"
#include "core/clock.h"
#include "gateway/cli/human.h"

#include <stdio.h>
#include <string.h>

#define W(en, zh) paper_word(p, en, zh)
#define SHOWN     25   /* rows of a table for people */

int64_t rs_int(const json_t *o, const char *key)
{
	const json_t *v = json_object_get(o, key);

	return json_is_integer(v) ? json_integer_value(v) : (int64_t)json_number_value(v);
}

double rs_real(const json_t *o, const char *key)
{
	return json_number_value(json_object_get(o, key));
}

const char *rs_text(const json_t *o, const char *key)
{
	const char *text = json_string_value(json_object_get(o, key));

	return text ? text : "";
}

const char *rs_class(const struct paper *p, const char *word)
{
	static const char *const zh[CLASS_COUNT] = { "火警", "预警", "监管", "故障", "屏蔽", "启动/反馈", "操作" };
	enum alarm_class c;

	return p->zh && alarm_class_find(word, &c) == 0 ? zh[c] : word;
}

const char *rs_time(const json_t *o, const char *key, char buf[RS_TIME_MAX])
{
	char text[HUMAN_MAX];
	int64_t at;

	if (clock_parse(rs_text(o, key), &at))
		return "-";
	snprintf(buf, RS_TIME_MAX, "%.16s", human_time(at, text));
	return buf;
}

/* 100 % only for what is whole. */
char *rs_percent(double share, char buf[RS_TIME_MAX])
{
	int hundredths = (int)(share * 10000 + 0.5);

	if (hundredths >= 10000 && share < 1)
		hundredths = 9999;
	if (hundredths <= 0 && share > 0)
		hundredths = 1;
	if (hundredths % 100)
		snprintf(buf, RS_TIME_MAX, "%d.%02d %%", hundredths / 100, hundredths % 100);
	else
		snprintf(buf, RS_TIME_MAX, "%d %%", hundredths / 100);
	return buf;
}

void rs_count_fact(struct paper *p, const char *label, int64_t n, enum style style)
{
	char text[HUMAN_MAX];

	paper_fact(p, label, human_count(n, text), n ? style : STYLE_PLAIN);
}

void rs_span_fact(struct paper *p, const char *label, int64_t ms, enum style style)
{
	char text[PAPER_SPAN_MAX];

	paper_fact(p, label, ms ? paper_span(p, ms, text) : W("none", "无"), ms ? style : STYLE_PLAIN);
}

/* ---- head ---- */

static void put_head(struct paper *p, const json_t *report)
{
	char title[400], sub[400], from[RS_TIME_MAX], to[RS_TIME_MAX];
	bool complete = json_is_true(json_object_get(report, "complete"));

	snprintf(title, sizeof title, W("Fire equipment, %s: %s", "消防设施月报 %s:%s"), rs_text(report, "month"), rs_text(report, "gateway"));
	snprintf(sub, sizeof sub, W("%s to %s%s%s%s%s", "%s 至 %s%s%s%s%s"), rs_time(report, "from", from), rs_time(report, "to", to), rs_text(report, "zone")[0] ? " (" : "",
	         rs_text(report, "zone"), rs_text(report, "zone")[0] ? ")" : "", complete ? "" : W(", so far", ",截至目前"));
	paper_begin(p, title, sub);
}

static const json_t *class_of(const json_t *alarms, const char *word)
{
	const json_t *list = json_object_get(alarms, "classes"), *c;
	size_t i;

	json_array_foreach((json_t *)(uintptr_t)list, i, c)
		if (strcmp(rs_text(c, "class"), word) == 0)
			return c;
	return NULL;
}

static void put_summary(struct paper *p, const json_t *report)
{
	const json_t *alarms = json_object_get(report, "alarms"), *fire = class_of(alarms, "fire"), *load = json_object_get(report, "load"),
	             *ack = json_object_get(json_object_get(json_object_get(report, "times"), "acknowledge"), "all"), *itself = json_object_get(json_object_get(report, "availability"), "itself");
	char text[80], a[RS_TIME_MAX], n[PAPER_SPAN_MAX];

	rs_count_fact(p, W("fire alarms", "火警"), rs_int(fire, "raised"), STYLE_RED);
	rs_count_fact(p, W("of them found to be real", "其中核实为真实"), rs_int(json_object_get(fire, "verdicts"), "real"), STYLE_RED);
	rs_count_fact(p, W("faults", "故障"), rs_int(class_of(alarms, "fault"), "raised"), STYLE_YELLOW);
	snprintf(text, sizeof text, "%.1f", rs_real(load, "per_day"));
	paper_fact(p, W("alarms a day", "日均报警"), text, STYLE_PLAIN);
	paper_fact(p, W("acknowledged within (median)", "确认用时(中位数)"), rs_int(ack, "count") ? paper_span(p, rs_int(ack, "median_ms"), n) : "-", STYLE_PLAIN);
	rs_count_fact(p, W("still standing at the end", "期末未恢复"), rs_int(json_object_get(load, "standing"), "n"), STYLE_YELLOW);
	paper_fact(p, W("the gateway ran", "网关运行率"), rs_percent(rs_real(itself, "share"), a), rs_int(itself, "offline_ms") ? STYLE_YELLOW : STYLE_GREEN);
	rs_count_fact(p, W("disabled or under test at the end", "期末屏蔽或测试中"), rs_int(json_object_get(json_object_get(report, "disablement"), "beside"), "n"), STYLE_YELLOW);
	paper_facts_end(p);
}

/* ---- alarms ---- */

static void put_classes(struct paper *p, const json_t *alarms)
{
	const struct table_column columns[] = {
		{ W("CLASS", "类别"), false }, { W("RAISED", "报警"), true }, { W("AGAIN", "再次"), true }, { W("ESCALATED", "升级"), true }, { W("REAL", "真实"), true },
		{ W("FALSE", "误报"), true }, { W("TEST", "测试"), true }, { W("DRILL", "演练"), true }, { W("NO VERDICT", "未核实"), true }, { "", false },
	};
	const json_t *list = json_object_get(alarms, "classes"), *c;
	int64_t most = 0;
	size_t i;

	json_array_foreach((json_t *)(uintptr_t)list, i, c)
		most = rs_int(c, "raised") > most ? rs_int(c, "raised") : most;
	paper_table(p, columns, 10);
	json_array_foreach((json_t *)(uintptr_t)list, i, c) {
		const json_t *v = json_object_get(c, "verdicts");
		if (!rs_int(c, "raised") && !rs_int(c, "reraised") && !rs_int(v, "none"))
			continue;
		paper_cell(p, STYLE_BOLD, rs_class(p, rs_text(c, "class")));
		paper_number(p, rs_int(c, "raised"));
		paper_number(p, rs_int(c, "reraised"));
		paper_number(p, rs_int(c, "escalated"));
		paper_number(p, rs_int(v, "real"));
		paper_number(p, rs_int(v, "false"));
		paper_number(p, rs_int(v, "test"));
		paper_number(p, rs_int(v, "drill"));
		paper_number(p, strcmp(rs_text(c, "class"), "disablement") ? rs_int(v, "none") : 0);
		paper_bar(p, (double)rs_int(c, "raised"), (double)most, "");
	}
	paper_table_end(p, 0);
}

static void put_apart(struct paper *p, const json_t *alarms)
{
	char text[300];
	int64_t n[2] = { 0, 0 };
	const char *key;
	json_t *v;

	for (int m = 0; m < 2; m++)
		json_object_foreach((json_t *)(uintptr_t)json_object_get(alarms, m ? "drill" : "test"), key, v)
			n[m] += json_integer_value(v);
	if (!n[0] && !n[1])
		return;
	snprintf(text, sizeof text, W("Not among these: %lld raised in tests, %lld in drills.", "未计入:测试中 %lld 条,演练中 %lld 条。"), (long long)n[0], (long long)n[1]);
	paper_note(p, text);
}

static const char *verdict_word(const struct paper *p, const char *what)
{
	return strcmp(what, "real") == 0 ? W("real", "真实") : strcmp(what, "false") == 0 ? W("false", "误报") : strcmp(what, "test") == 0 ? W("test", "测试") : W("drill", "演练");
}

static void put_causes(struct paper *p, const json_t *alarms)
{
	const struct table_column columns[] = { { W("VERDICT", "核实结果"), false }, { W("CAUSE", "原因"), false }, { W("COUNT", "次数"), true }, { "", false } };
	const json_t *causes = json_object_get(alarms, "causes"), *list = json_object_get(causes, "list"), *c;
	size_t i, n = json_array_size(list);

	if (!n)
		return;
	paper_table(p, columns, 4);
	json_array_foreach((json_t *)(uintptr_t)list, i, c) {
		if (i == SHOWN)
			break;
		paper_cell(p, STYLE_PLAIN, verdict_word(p, rs_text(c, "what")));
		paper_cell(p, STYLE_PLAIN, rs_text(c, "cause"));
		paper_number(p, rs_int(c, "count"));
		paper_bar(p, (double)rs_int(c, "count"), (double)rs_int(json_array_get(list, 0), "count"), "");
	}
	paper_table_end(p, rs_int(causes, "n") - (int64_t)(n < SHOWN ? n : SHOWN));
}

static void put_names(struct paper *p, const json_t *report, const char *key, const char *name, const char *title)
{
	const struct table_column columns[] = {
		{ title, false }, { W("RAISED", "报警"), true }, { W("AGAIN", "再次"), true }, { rs_class(p, "fire"), true }, { rs_class(p, "prealarm"), true },
		{ rs_class(p, "supervisory"), true }, { rs_class(p, "fault"), true }, { W("other", "其他"), true }, { "", false },
	};
	static const char *const classes[] = { "fire", "prealarm", "supervisory", "fault" };
	const json_t *o = json_object_get(report, key), *list = json_object_get(o, "list"), *x;
	int64_t most = 0;
	size_t i, n = json_array_size(list);

	json_array_foreach((json_t *)(uintptr_t)list, i, x)
		most = rs_int(x, "raised") > most ? rs_int(x, "raised") : most;
	if (!n)
		return;
	paper_table(p, columns, 9);
	json_array_foreach((json_t *)(uintptr_t)list, i, x) {
		int64_t other = rs_int(x, "raised");
		if (i == SHOWN)
			break;
		paper_cell(p, STYLE_BOLD, rs_text(x, name));
		paper_number(p, rs_int(x, "raised"));
		paper_number(p, rs_int(x, "reraised"));
		for (size_t c = 0; c < 4; c++) {
			paper_number(p, rs_int(x, classes[c]));
			other -= rs_int(x, classes[c]);
		}
		paper_number(p, other);
		paper_bar(p, (double)rs_int(x, "raised"), (double)most, "");
	}
	paper_table_end(p, rs_int(o, "n") - (int64_t)(n < SHOWN ? n : SHOWN));
}

/* ---- times ---- */

static void put_time_cells(struct paper *p, const json_t *t)
{
	static const char *const keys[] = { "median_ms", "p90_ms", "max_ms" };
	char text[PAPER_SPAN_MAX];

	paper_number(p, rs_int(t, "count"));
	for (size_t k = 0; k < 3; k++)
		paper_cell(p, STYLE_PLAIN, rs_int(t, "count") ? paper_span(p, rs_int(t, keys[k]), text) : "-");
	paper_number(p, rs_int(t, "never"));
	paper_number(p, rs_int(t, "waiting"));
}

static void put_measure(struct paper *p, const json_t *times, const char *key, const char *label)
{
	const char *class_word;
	json_t *t;

	json_object_foreach((json_t *)(uintptr_t)json_object_get(times, key), class_word, t) {
		bool all = strcmp(class_word, "all") == 0, nobody = strcmp(class_word, "disablement") == 0 || strcmp(class_word, "operation") == 0;
		if (nobody && strcmp(key, "return") != 0)
			continue; /* calls for no one */
		if (all && !rs_int(t, "count") && !rs_int(t, "never") && !rs_int(t, "waiting"))
			continue;
		paper_cell(p, all ? STYLE_BOLD : STYLE_DIM, all ? label : p->html ? "" : " ");
		paper_cell(p, all ? STYLE_BOLD : STYLE_PLAIN, all ? W("all", "全部") : rs_class(p, class_word));
		put_time_cells(p, t);
	}
}

static void put_times(struct paper *p, const json_t *report)
{
	const struct table_column columns[] = {
		{ W("FROM RAISED TO", "自报警至"), false }, { W("CLASS", "类别"), false }, { W("COUNT", "次数"), true }, { W("MEDIAN", "中位数"), true }, { W("90 %", "90 %"), true },
		{ W("LONGEST", "最长"), true }, { W("NEVER", "未发生"), true }, { W("WAITING", "等待中"), true },
	};
	const json_t *times = json_object_get(report, "times");

	paper_section(p, W("How long it took", "处置用时"), W("\"all\": fire, prealarm, supervisory and fault.", "“全部”指火警、预警、监管和故障。"));
	paper_table(p, columns, 8);
	put_measure(p, times, "acknowledge", W("acknowledged", "确认"));
	put_measure(p, times, "verify", W("verified", "核实"));
	put_measure(p, times, "return", W("returned", "恢复"));
	paper_cell(p, STYLE_BOLD, W("repaired", "修复"));
	paper_cell(p, STYLE_BOLD, rs_class(p, "fault"));
	put_time_cells(p, json_object_get(times, "repair"));
	paper_table_end(p, 0);
}

/* ---- availability ---- */

static void put_available(struct paper *p, const json_t *availability, const char *key, const char *title)
{
	const struct table_column columns[] = {
		{ title, false }, { W("AVAILABLE", "可用率"), false }, { W("DOWN", "中断"), true }, { W("TIMES", "次数"), true }, { W("LONGEST", "最长"), true }, { W("NOW", "现状"), false },
	};
	const json_t *o = json_object_get(availability, key), *list = json_object_get(o, "list"), *x;
	char text[PAPER_SPAN_MAX], share[RS_TIME_MAX];
	size_t i, n = json_array_size(list);

	if (!n)
		return;
	paper_table(p, columns, 6);
	json_array_foreach((json_t *)(uintptr_t)list, i, x) {
		bool down = json_is_true(json_object_get(x, "down"));
		if (i == SHOWN)
			break;
		paper_cell(p, STYLE_BOLD, rs_text(x, "name"));
		paper_bar(p, rs_real(x, "share"), 1, rs_percent(rs_real(x, "share"), share));
		paper_cell(p, STYLE_PLAIN, paper_span(p, rs_int(x, "down_ms"), text));
		paper_number(p, rs_int(x, "times"));
		paper_cell(p, STYLE_PLAIN, paper_span(p, rs_int(x, "longest_ms"), text));
		paper_cell(p, down ? STYLE_RED : STYLE_GREEN, down ? W("down", "中断") : W("up", "正常"));
	}
	paper_table_end(p, rs_int(o, "n") - (int64_t)(n < SHOWN ? n : SHOWN));
}

static void put_availability(struct paper *p, const json_t *report)
{
	const json_t *a = json_object_get(report, "availability"), *itself = json_object_get(a, "itself");
	char text[PAPER_SPAN_MAX + 80], span[PAPER_SPAN_MAX], share[RS_TIME_MAX];

	paper_section(p, W("Availability", "可用率"), W("Devices, lines and hubs that are not named here were there all the time.", "未列出的设备、线路和上级平台全程可用。"));
	paper_fact(p, W("the gateway ran", "网关运行率"), rs_percent(rs_real(itself, "share"), share), rs_int(itself, "offline_ms") ? STYLE_YELLOW : STYLE_GREEN);
	rs_count_fact(p, W("starts", "启动次数"), rs_int(itself, "starts"), STYLE_PLAIN);
	rs_span_fact(p, W("stopped in order", "正常停机"), rs_int(itself, "stopped_ms"), STYLE_PLAIN);
	if (rs_int(itself, "died")) {
		snprintf(text, sizeof text, W("%lld times, at most %s", "%lld 次,最多 %s"), (long long)rs_int(itself, "died"), paper_span(p, rs_int(itself, "died_ms"), span));
		paper_fact(p, W("ended without a stop", "异常中断"), text, STYLE_RED);
	}
	paper_facts_end(p);
	put_available(p, a, "devices", W("DEVICE", "设备"));
	put_available(p, a, "lines", W("LINE", "线路"));
	put_available(p, a, "hubs", W("HUB", "上级平台"));
}

/* ---- duty ---- */

static void put_people(struct paper *p, const json_t *duty)
{
	const struct table_column columns[] = {
		{ W("NAME", "姓名"), false }, { W("ON", "上岗"), true }, { W("OFF", "离岗"), true }, { W("HANDOVER", "交接班"), true }, { W("ANSWERS", "查岗应答"), true },
		{ W("ACKNOWLEDGED", "确认"), true }, { W("VERIFIED", "核实"), true },
	};
	static const char *const keys[] = { "on", "off", "handover", "answers", "acknowledged", "verified" };
	const json_t *people = json_object_get(duty, "people"), *list = json_object_get(people, "list"), *x;
	size_t i, n = json_array_size(list);

	if (!n)
		return;
	paper_table(p, columns, 7);
	json_array_foreach((json_t *)(uintptr_t)list, i, x) {
		if (i == SHOWN)
			break;
		paper_cell(p, STYLE_BOLD, rs_text(x, "name"));
		for (size_t k = 0; k < 6; k++)
			paper_number(p, rs_int(x, keys[k]));
	}
	paper_table_end(p, rs_int(people, "n") - (int64_t)(n < SHOWN ? n : SHOWN));
}

static void put_duty(struct paper *p, const json_t *report)
{
	const json_t *duty = json_object_get(report, "duty"), *answer = json_object_get(duty, "answer");
	char text[PAPER_SPAN_MAX];

	paper_section(p, W("On duty", "值班"), "");
	rs_count_fact(p, W("duty checks", "查岗"), rs_int(duty, "checks"), STYLE_PLAIN);
	rs_count_fact(p, W("answered", "已应答"), rs_int(duty, "answered"), STYLE_GREEN);
	rs_count_fact(p, W("missed", "未应答"), rs_int(duty, "missed"), STYLE_RED);
	paper_fact(p, W("answered within (median)", "应答用时(中位数)"), rs_int(answer, "count") ? paper_span(p, rs_int(answer, "median_ms"), text) : "-", STYLE_PLAIN);
	rs_count_fact(p, W("came on duty", "上岗"), rs_int(duty, "on"), STYLE_PLAIN);
	rs_count_fact(p, W("went off duty", "离岗"), rs_int(duty, "off"), STYLE_PLAIN);
	rs_count_fact(p, W("handovers", "交接班"), rs_int(duty, "handovers"), STYLE_PLAIN);
	paper_facts_end(p);
	put_people(p, duty);
}

void report_show(struct paper *p, const json_t *report)
{
	const json_t *alarms = json_object_get(report, "alarms");
	char foot[300], at[RS_TIME_MAX];

	put_head(p, report);
	put_summary(p, report);
	paper_section(p, W("Alarms", "报警"), "");
	put_classes(p, alarms);
	put_apart(p, alarms);
	put_causes(p, alarms);
	report_show_load(p, report);
	put_times(p, report);
	paper_section(p, W("Where from", "来源"), "");
	put_names(p, report, "devices", "device", W("DEVICE", "设备"));
	put_names(p, report, "rules", "rule", W("RULE", "规则"));
	put_availability(p, report);
	report_show_disabled(p, report);
	put_duty(p, report);
	snprintf(foot, sizeof foot, W("firegw, %s, from %lld events. What each figure means: docs/report.md.", "firegw,%s,依据 %lld 条事件。各项含义见 docs/report.md。"), rs_time(report, "at", at),
	         (long long)rs_int(report, "events"));
	paper_end(p, foot);
}
