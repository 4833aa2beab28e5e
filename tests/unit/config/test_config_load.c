/* Whole loads of files written here: ten mistakes at once, encodings, reload, hashes, limits. */
#include "gateway/config/config.h"

#include <errno.h>
#include <iconv.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static char folder[64];

static int setup(void **state)
{
	(void)state;
	strcpy(folder, "/tmp/firegw-config-XXXXXX");
	return mkdtemp(folder) ? 0 : -1;
}

static int teardown(void **state)
{
	char command[128];

	(void)state;
	snprintf(command, sizeof command, "rm -rf %s", folder);
	return system(command);
}

static const char *path_of(const char *name)
{
	static char path[8][256];
	static int next;
	char *p = path[next++ % 8];

	snprintf(p, sizeof path[0], "%s/%s", folder, name);
	return p;
}

static void put(const char *name, const void *data, size_t len)
{
	FILE *f = fopen(path_of(name), "w");

	assert_non_null(f);
	assert_int_equal(fwrite(data, 1, len, f), len);
	fclose(f);
}

static void put_text(const char *name, const char *text)
{
	put(name, text, strlen(text));
}

static struct config *load(const char *name)
{
	struct config *c;
	struct findings f;
	int r = config_load(path_of(name), &c, &f);

	if (r < 0)
		findings_print(&f, stderr);
	assert_int_equal(r, 0);
	findings_done(&f);
	return c;
}

#define SITE(region_, more)                                                                                                                        \
	"site:\n"                                                                                                                                  \
	"  gateway: gw-1\n"                                                                                                                        \
	"  region: " region_ "\n"                                                                                                                  \
	"  buildings: [{id: a}]\n" more
#define DEVICE(name_, points_) "      - {name: " name_ ", points: " points_ "}\n"
#define BUS(name_, url_, devices_) "  - name: " name_ "\n    url: " url_ "\n    devices:\n" devices_
#define POINT "[{point: p, kind: generic, fc: 3, register: 1}]"

static const char ten[] =
	"site:\n"
	"  gateway: Gw 1\n"                                                          /* 1: 2:12 */
	"  region: 5001100020\n"                                                     /* 2: 3:11 */
	"  buildings: [{id: a, flors: 3}]\n"                                         /* 3: 4:23 */
	"hubs:\n"
	"  - name: district\n"
	"    url: http://hub\n"                                                      /* 4: 7:10 */
	"buses:\n"
	"  - name: riser\n"
	"    url: tcp://10.0.0.7\n"
	"    timeout: 500\n"                                                         /* 5: 11:14 */
	"    devices:\n"
	"      - name: d\n"
	"        building: b\n"                                                      /* 6: 14:19 */
	"        points:\n"
	"          - {point: p, kind: hydrant_presure, fc: 3, register: 1}\n"        /* 7: 16:30 */
	"          - {point: q, kind: generic, register: 1}\n"                       /* 8: 17:49 */
	"      - {name: e, unit: 2, profile: none}\n"                                /* 9: 18:37 */
	"rules:\n"
	"  - id: r\n"
	"    for: {point: d.q}\n"
	"    when: {below: 1, deadband: -1}\n"; /* 10: 22:32 */

static void test_ten_mistakes(void **state)
{
	static const struct { int line, column; const char *says; } expected[10] = {
		{ 2, 12, "'Gw 1'" }, { 3, 11, "region" }, { 4, 23, "did you mean 'floors'" }, { 7, 10, "mqtt://" }, { 11, 14, "duration" },
		{ 14, 19, "no building 'b'" }, { 16, 30, "did you mean 'hydrant_pressure'" }, { 17, 49, "zeros" }, { 18, 37, "no profile 'none'" },
		{ 22, 32, "negative" },
	};
	struct config *c;
	struct findings f;

	(void)state;
	put_text("ten.yaml", ten);
	assert_int_equal(config_load(path_of("ten.yaml"), &c, &f), -1);
	assert_null(c);
	if (f.n != 10)
		findings_print(&f, stderr);
	assert_int_equal(f.n, 10);
	assert_int_equal(f.errors, 10);
	for (size_t i = 0; i < 10; i++) {
		assert_int_equal(f.items[i].line, expected[i].line);
		assert_int_equal(f.items[i].column, expected[i].column);
		assert_non_null(strstr(f.items[i].text, expected[i].says));
		assert_string_equal(f.items[i].file, path_of("ten.yaml"));
	}
	findings_done(&f);
}

static void put_encoded(const char *name, const char *encoding, const char *bom, size_t n_bom, const char *text)
{
	char out[4096], *to = out + n_bom, *from = (char *)(uintptr_t)text;
	size_t left = strlen(text), room = sizeof out - n_bom;
	iconv_t cd = iconv_open(encoding, "UTF-8");

	assert_true(cd != (iconv_t)-1);
	memcpy(out, bom, n_bom);
	assert_int_equal(iconv(cd, &from, &left, &to, &room), 0);
	iconv_close(cd);
	put(name, out, (size_t)(to - out));
}

static const char table_site[] = SITE("\"500110002003\"", "buses:\n") BUS("b", "tcp://10.0.0.7", DEVICE("d", "t.csv"));

/* The same table as every spreadsheet writes it is the same config. */
static void test_encodings(void **state)
{
	static const char comma[] = "点位,名称,类型,寄存器,系数,单位\np,\"压力,1#\",消火栓压力,40001,0.01,kPa\nq,温度,generic,40002,,\n";
	static const char semicolon[] = "point;name;kind;register;scale;unit\r\np;压力,1#;hydrant_pressure;40001;0.01;kPa\r\nq;温度;通用;40002;;\r\n";
	static const char tab[] = "Point\tNAME\tkind\t单位\tregister\tscale\np\t压力,1#\t消火栓压力\tkPa\t40001\t0.01\n\t\t\t\t\t\nq\t 温度 \tgeneric\t\t40002\n";
	static const struct { const char *encoding, *bom; size_t n_bom; size_t warnings; } encodings[] = {
		{ "UTF-8", "", 0, 0 }, { "UTF-8", "\xEF\xBB\xBF", 3, 0 }, { "UTF-16LE", "\xFF\xFE", 2, 0 }, { "UTF-16BE", "\xFE\xFF", 2, 0 },
		{ "GB18030", "", 0, 1 },
	};
	const char *const tables[] = { comma, semicolon, tab };
	char first[72] = "", text[512];

	(void)state;
	snprintf(text, sizeof text, "%srules: [{id: low, for: {kind: hydrant_pressure}, when: {below: 0.1}}]\n", table_site);
	put_text("s.yaml", text);
	for (size_t t = 0; t < 3; t++) {
		for (size_t e = 0; e < 5; e++) {
			struct config *c;
			struct findings f;
			put_encoded("t.csv", encodings[e].encoding, encodings[e].bom, encodings[e].n_bom, tables[t]);
			int r = config_load(path_of("s.yaml"), &c, &f);
			if (r < 0)
				findings_print(&f, stderr);
			assert_int_equal(r, 0);
			assert_int_equal(f.warnings, encodings[e].warnings);
			if (!*first)
				strcpy(first, c->hash);
			assert_string_equal(c->hash, first);
			assert_string_equal(c->site.points[0].name, "压力,1#");
			config_free(c);
			findings_done(&f);
		}
	}
}

/* A column counts characters, not bytes, in quoted cells and over line breaks too. */
static void test_places_in_tables(void **state)
{
	struct config *c;
	struct findings f;

	(void)state;
	put_text("s.yaml", table_site);
	put_text("t.csv", "点位,名称,类型,寄存器\np,\"第一行\n第二行\",不是类型,40001\nq,温度,通用,x\n");
	assert_int_equal(config_load(path_of("s.yaml"), &c, &f), -1);
	assert_int_equal(f.n, 3);
	assert_int_equal(f.items[0].line, 2);   /* a line break in a name */
	assert_int_equal(f.items[0].column, 3);
	assert_int_equal(f.items[1].line, 3);
	assert_int_equal(f.items[1].column, 6);
	assert_int_equal(f.items[2].line, 4);
	assert_int_equal(f.items[2].column, 9);
	findings_done(&f);
}

static void test_profile_is_read_once(void **state)
{
	struct config *c;
	struct findings f;

	(void)state;
	assert_true(mkdir(path_of("profiles"), 0755) == 0 || errno == EEXIST);
	put_text("profiles/x.csv", "point,kind,fc,register\np,generik,3,1\n");
	put_text("s.yaml", SITE("\"500110002003\"", "buses:\n") BUS("b", "tcp://10.0.0.7",
	         "      - {name: d1, unit: 1, profile: x}\n      - {name: d2, unit: 2, profile: x}\n"));
	assert_int_equal(config_load(path_of("s.yaml"), &c, &f), -1);
	assert_int_equal(f.n, 1); /* one mistake, said once, however many devices have it */
	assert_int_equal(f.items[0].line, 2);
	findings_done(&f);
}

#define TWO(hub_, first_, second_)                                                                                                                 \
	SITE("\"500110002003\"", "hubs: [{name: h1, url: \"mqtt://h:1883\"}, {name: h2, url: \"mqtt://h2:1883\"" hub_ "}]\nbuses:\n")              \
	BUS("one", "tcp://10.0.0.7", first_) BUS("two", "tcp://10.0.0.8", second_)

/* What did not change keeps its hash, wherever its points moved to. */
static void test_hashes_of_parts(void **state)
{
	(void)state;
	put_text("a.yaml", TWO("", DEVICE("d1", POINT), DEVICE("d2", POINT)));
	put_text("b.yaml", TWO(", personal: full", DEVICE("d1", POINT) "      - {name: d3, unit: 2, points: " POINT "}\n", DEVICE("d2", POINT)));
	put_text("c.yaml", TWO("", DEVICE("d1", POINT), DEVICE("d2", "[{point: p, kind: generic, fc: 3, register: 2}]")));
	struct config *a = load("a.yaml"), *b = load("b.yaml"), *c = load("c.yaml");
	assert_true(strcmp(a->hash, b->hash) != 0);
	assert_true(a->buses[0].hash != b->buses[0].hash);
	assert_true(a->buses[1].hash == b->buses[1].hash);
	assert_true(a->buses[1].hash != c->buses[1].hash);
	assert_true(a->buses[0].hash == c->buses[0].hash);
	assert_true(a->hubs[0].hash == b->hubs[0].hash);
	assert_true(a->hubs[1].hash != b->hubs[1].hash);
	assert_int_equal(a->buses[1].points[0].point, 1);
	assert_int_equal(b->buses[1].points[0].point, 2);
	config_free(a);
	config_free(b);
	config_free(c);
}

static void test_reloadable(void **state)
{
	struct err e;

	(void)state;
	put_text("a.yaml", SITE("\"500110002003\"", "buses:\n") BUS("b", "tcp://10.0.0.7", DEVICE("d", POINT)));
	put_text("b.yaml", SITE("\"500110002003\"", "log: {level: debug}\nbuses:\n") BUS("b", "tcp://10.0.0.9", DEVICE("d", POINT)));
	put_text("c.yaml", SITE("\"500110002004\"", "buses:\n") BUS("b", "tcp://10.0.0.7", DEVICE("d", POINT)));
	put_text("d.yaml", SITE("\"500110002003\"", "storage: {path: x.db}\nbuses:\n") BUS("b", "tcp://10.0.0.7", DEVICE("d", POINT)));
	struct config *a = load("a.yaml"), *b = load("b.yaml"), *c = load("c.yaml"), *d = load("d.yaml");
	assert_int_equal(config_reloadable(a, b, &e), 0);
	assert_int_equal(config_reloadable(a, c, &e), -1);
	assert_non_null(strstr(e.text, "site.region"));
	assert_int_equal(config_reloadable(a, d, &e), -1);
	assert_non_null(strstr(e.text, "storage.path"));
	config_free(a);
	config_free(b);
	config_free(c);
	config_free(d);
}

static void test_file_limits(void **state)
{
	struct config *c;
	struct findings f;

	(void)state;
	assert_int_equal(config_load(path_of("not-there.yaml"), &c, &f), -1);
	assert_int_equal(f.n, 1);
	assert_int_equal(f.items[0].line, 1);
	assert_non_null(strstr(f.items[0].text, "no such file"));
	findings_done(&f);
	assert_int_equal(config_load(folder, &c, &f), -1);
	assert_int_equal(f.errors, 1);
	findings_done(&f);
	put_text("big.yaml", "site: x\n");
	assert_int_equal(truncate(path_of("big.yaml"), (16 << 20) + 1), 0);
	assert_int_equal(config_load(path_of("big.yaml"), &c, &f), -1);
	assert_int_equal(f.n, 1);
	assert_non_null(strstr(f.items[0].text, "larger than 16 MiB"));
	findings_done(&f);
	assert_int_equal(mkfifo(path_of("fifo.yaml"), 0600), 0);
	assert_int_equal(config_load(path_of("fifo.yaml"), &c, &f), -1); /* and does not wait for a writer */
	findings_done(&f);
}

/* Thousands of mistakes: the first thousand are told, the rest counted. */
static void test_many_findings(void **state)
{
	struct config *c;
	struct findings f;
	FILE *out = fopen(path_of("many.yaml"), "w");

	(void)state;
	fputs(SITE("\"500110002003\"", "buses:\n") "  - name: b\n    url: tcp://10.0.0.7\n    devices:\n      - name: d\n        points:\n", out);
	for (int i = 0; i < 3000; i++)
		fprintf(out, "          - {point: p%d, kind: nothing, fc: 3, register: %d}\n", i, i);
	fclose(out);
	assert_int_equal(config_load(path_of("many.yaml"), &c, &f), -1);
	assert_int_equal(f.n, 1001);
	assert_non_null(strstr(f.items[1000].text, "2000 more"));
	findings_done(&f);
}

/* Thousands of warnings are still warnings. */
static void test_many_warnings(void **state)
{
	struct config *c;
	struct findings f;
	FILE *out = fopen(path_of("many.yaml"), "w");

	(void)state;
	fputs(SITE("\"500110002003\"", "buses:\n") "  - name: b\n    url: tcp://10.0.0.7\n    devices:\n      - name: d\n        points:\n", out);
	for (int i = 0; i < 3000; i++)
		fprintf(out, "          - {point: p%d, kind: generic, fc: 3, register: %d}\n", i, i / 2);
	fclose(out);
	assert_int_equal(config_load(path_of("many.yaml"), &c, &f), 0);
	assert_int_equal(f.n, 1001);
	assert_int_equal(f.errors, 0);
	config_free(c);
	findings_done(&f);
}

static void *load_often(void *name)
{
	for (int i = 0; i < 20; i++) {
		struct config *c;
		struct findings f;
		if (config_load(name, &c, &f) < 0)
			return name;
		config_free(c);
		findings_done(&f);
	}
	return NULL;
}

static void test_two_threads(void **state)
{
	pthread_t threads[2];
	void *failed;

	(void)state;
	for (int i = 0; i < 2; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, load_often, (void *)(uintptr_t)"tests/config/good/full.yaml"), 0);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(pthread_join(threads[i], &failed), 0);
		assert_null(failed);
	}
}

/* A bit of which the table says nothing means what its kind says; of which it says anything, that. */
static void test_bare_bits(void **state)
{
	static const char table[] = "point,kind,fc,register,bit,enum,invalid,min,max,type\n"
		"coil,smoke_detector,1,0,,,,,,\nbit,sprinkler_flow,3,1,4,,,,,\nword,manual_call_point,3,2,,,,,,bool\n"
		"own,smoke_detector,1,3,,0=alarm|1=normal,,,,\nbits,smoke_detector,3,4,0..3,,,,,\nvalue,smoke_detector,3,5,,,,,,\n"
		"either,pump_mode,1,6,,,,,,\ninvalid,smoke_detector,1,7,,,1,,,\nlow,smoke_detector,1,8,,,,0,,\nhigh,smoke_detector,1,9,,,,,1,\n";
	static const char *const want[] = { "alarm", "flow", "alarm", "normal", NULL, NULL, NULL, NULL, NULL, NULL };

	(void)state;
	put_text("s.yaml", table_site);
	put_text("t.csv", table);
	struct config *c = load("s.yaml");
	assert_int_equal(c->site.n_points, sizeof want / sizeof want[0]);
	for (size_t i = 0; i < c->site.n_points; i++) {
		const struct point *p = &c->site.points[i];
		const char *text = point_label_text(p, 1);
		if (want[i] ? !text || strcmp(text, want[i]) != 0 : p->n_labels > 0)
			fail_msg("%s: 1 is %s", p->id, text ? text : "nothing");
	}
	config_free(c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_bare_bits), cmocka_unit_test(test_ten_mistakes), cmocka_unit_test(test_encodings), cmocka_unit_test(test_places_in_tables),
		cmocka_unit_test(test_profile_is_read_once), cmocka_unit_test(test_hashes_of_parts), cmocka_unit_test(test_reloadable),
		cmocka_unit_test(test_file_limits), cmocka_unit_test(test_many_findings), cmocka_unit_test(test_many_warnings), cmocka_unit_test(test_two_threads),
	};

	return cmocka_run_group_tests_name("config load", tests, setup, teardown);
}
