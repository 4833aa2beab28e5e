/* `firegw history --db` on a real database, with and without a daemon that has it open. $FIREGW is the command. */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "storage/store.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define T0 INT64_C(1795485600000) /* 2026-11-24T10:00:00+08:00 */

static void add(struct batch *b, uint32_t stream, const uint32_t *points, unsigned point, int64_t at_ms, double number, const char *text,
                enum quality q)
{
	struct record_reading *r = batch_add_reading(b);

	assert_non_null(r);
	*r = (struct record_reading){ .stream_db = stream,
		                       .point_db = points[point],
		                       .point = point,
		                       .point_id = "",
		                       .at_ms = at_ms,
		                       .number = number,
		                       .text = text,
		                       .quality = q };
}

static void fill(const char *path, struct store **ret)
{
	static const char *const ids[] = { "a.p", "a.q", "b.serial" };
	struct store_options o = { .path = path,
		                   .max_bytes = INT64_C(64) << 20,
		                   .keep_readings_ms = INT64_C(1) << 40,
		                   .keep_events_ms = INT64_C(1) << 40,
		                   .gateway = "gw-1" };
	struct store_report report;
	struct batch *b = batch_new((struct batch_sizes){ 16, 64, 16, 16, 16, 16, 8, 65536 });
	uint32_t stream = 0, points[3] = { 0 };
	struct err e = { 0 };

	if (store_open(&o, T0, ret, &report, &e) || store_bind_stream(*ret, "gw-1", STREAM_READING, &stream, &e) ||
	    store_bind_points(*ret, ids, 3, points, &e))
		fail_msg("%s", e.text);
	add(b, stream, points, 0, T0, 0.35, NULL, QUALITY_GOOD);
	add(b, stream, points, 0, T0 + 30000, 0.45, NULL, QUALITY_GOOD);
	add(b, stream, points, 0, T0 + 60000, NAN, NULL, QUALITY_COMM);
	add(b, stream, points, 1, T0 + 1000, 7, NULL, QUALITY_GOOD);
	add(b, stream, points, 2, T0 + 2000, NAN, "SN-文", QUALITY_GOOD);
	if (store_commit(*ret, b, T0 + 61000, &e))
		fail_msg("%s", e.text);
	batch_free(b);
}

static const char *zone_of_environment = "CST-8";

static void expect(const char *db, const char *words, int code, const char *expected)
{
	char command[1024], out[4096];

	snprintf(command, sizeof command, "TZ=%s '%s' history --db '%s' --from 2026-11-24T09:00 --to 2026-11-24T11:00 %s 2>&1",
	         zone_of_environment, getenv("FIREGW"), db, words);
	FILE *p = popen(command, "r");
	assert_non_null(p);
	size_t n = fread(out, 1, sizeof out - 1, p);
	out[n] = '\0';
	assert_int_equal(WEXITSTATUS(pclose(p)), code);
	if (code == 0)
		assert_string_equal(out, expected);
	else if (!strstr(out, expected))
		fail_msg("%s", out);
}

/* note: what it says of the zone, on stderr, where times are shown. */
static void ask_all(const char *db, const char *note)
{
	char text[512];

	expect(db, "--json a.p", 0, "[[1795485600000,0.35,\"good\"],\n[1795485630000,0.45,\"good\"],\n[1795485660000,null,\"comm\"]]\n");
	expect(db, "--json a.p --every 1m", 0,
	       "[[1795485600000,0.35,0.45,0.4,0.45,2,\"good\"],\n[1795485660000,null,null,null,null,0,\"comm\"]]\n");
	expect(db, "--json 'a.*' b.serial --to 2026-11-24T10:00:10", 2, "--to is given twice");
	expect(db, "--json 'a.[q]' b.serial", 0,
	       "{\"a.q\":[[1795485601000,7,\"good\"]],\n\"b.serial\":[[1795485602000,\"SN-文\",\"good\"]]}\n");
	snprintf(text, sizeof text, "%spoint,at,value,quality\r\na.q,2026-11-24T10:00:01.000+08:00,7,good\r\nb.serial,2026-11-24T10:00:02.000+08:00,SN-文,good\r\n", note);
	expect(db, "--format csv a.q b.serial", 0, text);
	snprintf(text, sizeof text, "%sa.q\nTIME                              VALUE  QUALITY\n2026-11-24 10:00:01.000               7  good\n", note);
	expect(db, "a.q", 0, text);
	expect(db, "a.none", 1, "the database knows no point 'a.none'");
	expect(db, "'c.*'", 1, "no point in the database fits 'c.*'");
}

static void history_from_the_file(void **state)
{
	char dir[] = "/tmp/firegw-cli-db-XXXXXX", path[64], command[128], note[200];
	struct store *s = NULL;
	struct err e;

	(void)state;
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof path, "%s/t.db", dir);
	snprintf(note, sizeof note, "firegw: %s does not say the site's time zone: times are in this machine's, +08:00 (TZ sets another)\n", path);
	fill(path, &s);
	ask_all(path, note);
	/* The site's zone, wherever the file is read. */
	assert_int_equal(store_set_zone(s, "Europe/Berlin", &e), 0);
	assert_int_equal(store_set_zone(s, "Asia/Shanghai", &e), 0);
	zone_of_environment = "UTC0";
	ask_all(path, "");
	store_close(s);
	ask_all(path, "");
	snprintf(command, sizeof command, "rm -r '%s'", dir);
	assert_int_equal(system(command), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(history_from_the_file) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
