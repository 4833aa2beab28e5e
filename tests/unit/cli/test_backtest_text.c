/* `firegw backtest` on a real database: its text, its JSON, its errors. $FIREGW is the command. */
#include "tests/unit/cli/backtest_rig.h"

#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static const char points[] =
	"          - {point: p, kind: generic, fc: 3, register: 1, deadband: 1, heartbeat: 1h}\n"
	"          - {point: q, kind: generic, fc: 3, register: 2, deadband: 0, heartbeat: 1h, floor: \"13\"}\n"
	"          - {point: r, kind: generic, fc: 3, register: 3, deadband: 0, heartbeat: 1h}\n";
static const char own[] =
	"rules:\n"
	"  - {id: hot, for: {point: 'd.*'}, when: {above: 50, deadband: 5}, class: prealarm}\n"
	"  - {id: both, when: {count: 2, of: {rule: hot}}, class: fire}\n"
	"  - {id: old, for: {point: d.p}, when: {above: 60}, class: fault, ack: false}\n"
	"  - {id: never, for: {point: d.r}, when: {above: 99}, class: fault, ack: false}\n";
static const char base[] =
	"rules:\n"
	"  - {id: hot, for: {point: 'd.*'}, when: {above: 1, deadband: 0.5}, class: prealarm}\n"
	"  - {id: both, when: {count: 2, of: {rule: hot}}, class: fire}\n";
static const char newer[] =
	"rules:\n"
	"  - {id: hot, for: {point: 'd.*'}, when: {above: 55, deadband: 1}, class: prealarm}\n"
	"  - {id: low, for: {point: 'd.[pq]'}, when: {below: 35}, class: supervisory, ack: false}\n";

static char out[65536];

static int ask(const struct rig *r, const char *words)
{
	char command[1024];

	snprintf(command, sizeof command, "cd '%s' && TZ=UTC '%s' backtest -c site.yaml %s 2>&1", r->dir, getenv("FIREGW"), words);
	FILE *p = popen(command, "r");
	assert_non_null(p);
	size_t n = fread(out, 1, sizeof out - 1, p);
	out[n] = '\0';
	return WEXITSTATUS(pclose(p));
}

static void expect(const struct rig *r, const char *words, int code, const char *part)
{
	assert_int_equal(ask(r, words), code);
	if (!strstr(out, part))
		fail_msg("%s\nis not in\n%s", part, out);
}

/* minute, point, value: two days of three points, with what the rules of that time made of it. */
static const struct { double minute; uint32_t point; double value; } script[] = {
	{ 1, 0, 40 }, { 1, 1, 40 }, { 1, 2, 40 },
	{ 60, 0, 53 }, { 62, 0, 40 },                                 /* was raised, would not come */
	{ 120, 0, 61 }, { 130, 1, 62 }, { 140, 1, 40 }, { 150, 0, 40 }, /* both: and the count */
	{ 200, 1, 56 }, { 200.2, 1, 53.5 }, { 200.4, 1, 56 }, { 200.6, 1, 53.5 }, { 200.8, 1, 56 }, { 201, 1, 40 }, /* one that was; three that would be */
	{ 300, 0, 54.5 }, { 301, 0, 40 },                             /* within its deadband of 55 */
	{ 1500, 1, 30 }, { 1501, 1, 40 },                             /* low: new */
};

static void fill(struct rig *r)
{
	size_t at = 0;
	double value[3] = { 0 };

	rig_write(r, points, own);
	rig_file(r, "base.yaml", base);
	rig_file(r, "new.yaml", newer);
	rig_file(r, "two.yaml", "rules:\n  - {id: a, for: {point: d.p}, when: {above: 55}, class: fault}\n  - {id: b, for: {point: d.p}, when: {above: 54.9}, class: fault}\n");
	rig_file(r, "bad.yaml", "rules:\n  - {id: hot, for: {point: 'd.*'}, when: {abvoe: 55}}\n");
	rig_open(r, NULL, 0, true);
	for (int i = 0; i < 2 * 24 * 60 * 12; i++) {
		rig_until(r, 5.0 * i);
		while (at < sizeof script / sizeof *script && script[at].minute * 60 <= 5.0 * i) {
			value[script[at].point] = script[at].value;
			at++;
		}
		for (uint32_t p = 0; p < 3 && i > 12; p++)
			rig_sample(r, p, value[p], QUALITY_GOOD);
	}
	rig_commit(r);
}

#define SPAN " --from 2026-11-01T08:00 --to 2026-11-03T08:00"

static const char whole[] =
	"These rules would have raised 7 alarms, 3.5 a day; 6 were raised, 3.0 a day.\n"
	"Would not have come (missed): 2. New: 1.\n"
	"2026-11-01 08:00:00.000 … 2026-11-03 08:00:00.000, 158 readings.\n"
	"Most on one day: 6, on 2026-11-01 (6 raised).\n"
	"\n"
	"RULE  CLASS        WOULD  WERE  A DAY  MISSED  NEW  AGAIN  LONGEST  HIDDEN\n"
	"hot   prealarm         5     5    2.5       2    0      2   30 min       1\n"
	"both  fire             1     1    0.5       0    0      0   10 min       -\n"
	"low   supervisory      1     0    0.5       0    1      0    1 min       -\n"
	"\n"
	"ALARM      WOULD  WERE  A DAY  MISSED  NEW  AGAIN  LONGEST  HIDDEN\n"
	"d.q/hot        4     2    2.0       0    0      2   10 min       -\n"
	"d.p/hot        1     3    0.5       2    0      0   30 min       1\n"
	"site/both      1     1    0.5       0    0      0   10 min       -\n"
	"d.q/low        1     0    0.5       0    1      0    1 min       -\n"
	"\n"
	"Were raised, and would not have come:\n"
	"SINCE                    ALARM      FOR\n"
	"2026-11-01 09:00:00.000  d.p/hot  2 min\n"
	"2026-11-01 13:00:00.000  d.p/hot  1 min\n"
	"\n"
	"Would have come, and were not raised:\n"
	"SINCE                    ALARM      FOR\n"
	"2026-11-02 09:00:00.000  d.q/low  1 min\n"
	"\n"
	"Chatter (the 3rd time or more within a minute): would have been 1, were 0: d.q/hot once\n"
	"\n"
	"Hidden by deadbands: 1 point came within the deadband of a limit once. A crossing then was not stored, and may be missing above:\n"
	"d.p/hot once\n"
	"\n"
	"Not compared, as the rule is not among these or its point is gone: old (1)\n";

static void text(const struct rig *r)
{
	assert_int_equal(ask(r, "--rules base.yaml --rules new.yaml" SPAN), 0);
	assert_string_equal(out, whole);
	/* The site's own: what was raised is what would have been, and nothing is hidden. */
	expect(r, SPAN, 0, "The site's rules would have raised 7 alarms, 3.5 a day; 7 were raised, 3.5 a day.\nWould not have come (missed): 0. New: 0.\n");
	assert_null(strstr(out, "Hidden"));
	assert_null(strstr(out, "Not compared"));
	expect(r, SPAN, 0, "and 1 rule with nothing on either side\n");
	/* One part of it. */
	expect(r, "--rules base.yaml --rules new.yaml floor=13" SPAN, 0, "These rules would have raised 5 alarms, 2.5 a day; 2 were raised, 1.0 a day.\n");
	assert_null(strstr(out, "d.p/"));
	expect(r, "--rules base.yaml --rules new.yaml d.q" SPAN, 0, "These rules would have raised 5 alarms, 2.5 a day; 2 were raised, 1.0 a day.\n");
	expect(r, "--rules two.yaml" SPAN, 0, "Hidden by deadbands: 1 point came within the deadband of a limit twice. ");
	expect(r, "--rules base.yaml --rules new.yaml 'site/*' class=fire" SPAN, 0, "These rules would have raised 1 alarm, 0.5 a day; 1 was raised");
	/* A time of which only a part has readings; the database elsewhere. */
	expect(r, "--from 2026-10-20 --to 2026-11-13 --rules base.yaml --rules new.yaml", 0,
	       "7 alarms, 3.6 a day; 6 were raised, 3.1 a day.\nWould not have come (missed): 2. New: 1.\n2026-10-20 00:00:00.000 … 2026-11-13 00:00:00.000, 158 readings.\n"
	       "The first reading is of 2026-11-01 08:00:10.000: days count from there.\nThe last reading is of 2026-11-03 07:01:05.000: days count up to it.\n");
	expect(r, "--db other.db --rules new.yaml" SPAN, 1, "database 'other.db' does not exist");
	expect(r, "--db site.yaml --rules new.yaml" SPAN, 1, "'site.yaml' is no database");
}

static int64_t number(const json_t *o, const char *key)
{
	const json_t *v = json_object_get(o, key);

	assert_true(json_is_integer(v));
	return json_integer_value(v);
}

static void json(const struct rig *r)
{
	json_error_t e;

	assert_int_equal(ask(r, "--json --rules base.yaml --rules new.yaml" SPAN), 0);
	json_t *o = json_loads(out, JSON_REJECT_DUPLICATES, &e);
	if (!o)
		fail_msg("%s: %s", e.text, out);
	assert_string_equal(json_string_value(json_object_get(o, "from")), "2026-11-01T08:00:00.000+08:00");
	assert_int_equal(number(o, "readings"), 158);
	assert_int_equal(number(o, "would"), 7);
	assert_int_equal(number(o, "were"), 6);
	assert_int_equal(number(o, "missed"), 2);
	assert_int_equal(number(o, "new"), 1);
	json_t *alarms = json_object_get(o, "alarms"), *first = json_array_get(alarms, 0), *second = json_array_get(alarms, 1);
	assert_int_equal(json_array_size(json_object_get(o, "rules")), 3);
	assert_int_equal(json_array_size(alarms), 4);
	assert_string_equal(json_string_value(json_object_get(first, "alarm")), "d.q/hot");
	assert_string_equal(json_string_value(json_object_get(first, "point")), "d.q");
	assert_int_equal(number(json_object_get(first, "chatter"), "would"), 1);
	assert_int_equal(number(json_object_get(first, "again"), "would"), 2);
	assert_int_equal(number(json_object_get(second, "longest_ms"), "were"), 30 * 60000);
	assert_int_equal(number(json_object_get(second, "hidden"), "times"), 1);
	assert_int_equal(number(json_object_get(second, "hidden"), "ms"), 60000);
	assert_int_equal(json_array_size(json_object_get(o, "missed_alarms")), 2);
	assert_string_equal(json_string_value(json_object_get(json_array_get(json_object_get(o, "new_alarms"), 0), "to")), "2026-11-02T09:01:00.000+08:00");
	assert_int_equal(json_array_size(json_object_get(o, "days")), 2);
	assert_int_equal(number(json_object_get(o, "hidden"), "points"), 1);
	assert_string_equal(json_string_value(json_object_get(json_array_get(json_object_get(o, "not_compared"), 0), "rule")), "old");
	json_decref(o);
}

static void refusals(const struct rig *r)
{
	expect(r, "--rules bad.yaml" SPAN, 2, "bad.yaml:2:43: error: unknown key ");
	expect(r, "--rules none.yaml" SPAN, 2, "none.yaml:1:1: error: cannot read it");
	expect(r, "--rules new.yaml --rules new.yaml" SPAN, 2, "--rules new.yaml is given twice");
	expect(r, "--rules new.yaml --from 2026-11-03 --to 2026-11-01", 2, "--from is not before --to");
	expect(r, "--rules new.yaml --from soon", 2, "--from: time 'soon' is none");
	expect(r, "flor=13" SPAN, 2, "did you mean 'floor'?");
	expect(r, "floor=99" SPAN, 1, "no alarm of these rules fits that");
	expect(r, "--from 2026-10-01 --to 2026-10-02", 1, "no readings in that time: the database has some from 2026-11-01 08:00:10.000 to 2026-11-03 07:01:05.000");
}

/* On a terminal one line is written again and again, and is gone at the end; elsewhere there is none. */
static void progress(const struct rig *r)
{
	int terminal = posix_openpt(O_RDWR | O_NOCTTY);
	char command[1024];
	size_t n = 0;
	ssize_t got;

	assert_true(terminal >= 0 && grantpt(terminal) == 0 && unlockpt(terminal) == 0);
	snprintf(command, sizeof command, "cd '%s' && TERM=xterm '%s' backtest -c site.yaml" SPAN " 2>'%s' >out", r->dir, getenv("FIREGW"), ptsname(terminal));
	int slave = open(ptsname(terminal), O_RDWR | O_NOCTTY); /* so that what was written is not lost when the command ends */
	assert_int_equal(system(command), 0);
	assert_int_equal(write(slave, "end", 3), 3);
	while (n < sizeof out - 1 && (got = read(terminal, out + n, sizeof out - 1 - n)) > 0) {
		n += (size_t)got;
		out[n] = '\0';
		if (n >= 3 && strcmp(out + n - 3, "end") == 0)
			break;
	}
	assert_ptr_equal(strstr(out, "\r2026-11-01  0 %  "), out);
	assert_string_equal(strrchr(out, '\r'), "\r\x1b[Kend");
	close(slave);
	close(terminal);
	assert_int_equal(ask(r, SPAN), 0);
	assert_null(strchr(out, '\r'));
}

static void everything(void **state)
{
	struct rig r;

	(void)state;
	fill(&r);
	text(&r);
	json(&r);
	refusals(&r);
	progress(&r);
	rig_close(&r);
	/* Also when nobody has the database open. */
	expect(&r, "--rules base.yaml --rules new.yaml" SPAN, 0, whole);
	rig_remove(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(everything) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
