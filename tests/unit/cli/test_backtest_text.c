/* `firegw backtest` on a real database: its text, its JSON, its errors. $FIREGW is the command. */
#include "tests/unit/cli/backtest_rig.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

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

static void text(const struct rig *r)
{
	expect(r, "--rules base.yaml --rules new.yaml" SPAN, 0,
	       "These rules would have raised 7 alarms, 3.5 a day; 6 were raised, 3.0 a day.\n");
	print_message("%s", out);
}

static void everything(void **state)
{
	struct rig r;

	(void)state;
	fill(&r);
	text(&r);
	rig_close(&r);
	rig_remove(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(everything) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
