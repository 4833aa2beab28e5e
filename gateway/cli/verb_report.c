/* report: the figures of a month, counted by the daemon or from the database itself. */
#include "gateway/cli/verb.h"

#include "gateway/cli/report_show.h"
#include "gateway/json_text.h"
#include "gateway/report_read.h"

#include <stdlib.h>
#include <string.h>

enum report_format { REPORT_AS_TEXT, REPORT_AS_CSV, REPORT_AS_HTML, REPORT_AS_JSON };

#define PIECE_EVENTS 100000

static int take_format(struct run *r, enum report_format *ret)
{
	static const char *const words[] = { "text", "csv", "html", "json" };
	const char *text = args_value(&r->args, "format");
	unsigned i = r->json ? REPORT_AS_JSON : REPORT_AS_TEXT;

	if (text)
		for (i = 0; i < 4 && strcmp(text, words[i]) != 0;)
			i++;
	if (i == 4)
		return run_usage("--format '%s': text, csv or html", text);
	if (r->json && i != REPORT_AS_JSON)
		return run_usage("report: --json cannot go with --format %s", text);
	*ret = (enum report_format)i;
	return RESULT_DONE;
}

static int ask(struct run *r, json_t **ret)
{
	const char *month = args_value(&r->args, "month");
	struct err e = { 0 };
	enum client_answer a = CLIENT_LOST;
	json_t *value;
	int result;
	struct client *c = run_client(r, &result);

	if (!c)
		return result;
	if (client_ask(c, "report", json_pack("{s:s*}", "month", month), &e) == 0)
		while ((a = client_next(c, &value, &e)) == CLIENT_ROW) {
			json_decref(*ret);
			*ret = value;
		}
	client_close(c);
	return run_result(a, &e);
}

static int open_database(struct run *r, const char *file, struct reader **ret)
{
	struct err e = { 0 };
	char zone[HUMAN_MAX];

	if (reader_open(file, ret, &e))
		return run_fail(&e, RESULT_NO);
	if (reader_zone(*ret)[0])
		run_take_zone(reader_zone(*ret));
	else
		run_say("%s does not say the site's time zone: the month is this machine's, %s (TZ sets another)", file, human_zone(r->now_ms, zone));
	return RESULT_DONE;
}

static bool take_gateway(void *user, const struct reader_event *e)
{
	char *name = user;

	snprintf(name, 64, "%s", e->gateway ? e->gateway : "");
	return false;
}

/* Of the newest event: a database may have had several. */
static int count(struct run *r, struct reader *db, struct report_reading *x, json_t **ret)
{
	struct strbuf text = STRBUF_INIT;
	struct err e = { 0 };
	char gateway[64] = "";
	json_error_t je;

	while (!x->ended)
		if (report_read(x, db, PIECE_EVENTS, &e))
			return run_fail(&e, RESULT_NO);
	if (reader_log_events(db, x->after_n - 1, INT64_MIN, INT64_MAX, 1, take_gateway, gateway, &e))
		return run_fail(&e, RESULT_NO);
	struct report_frame f = { .gateway = gateway, .node = gateway, .zone = reader_zone(db), .people = true, .lists = REPORT_LISTS };
	report_json(x->report, &f, &text);
	*ret = text.failed ? NULL : json_loadb(text.data, text.len, 0, &je);
	r->out.failed = r->out.failed || !*ret;
	strbuf_done(&text);
	return RESULT_DONE;
}

static int from_database(struct run *r, const char *file, json_t **ret)
{
	const char *month = args_value(&r->args, "month");
	struct report_reading x = { .now_ms = r->now_ms };
	struct reader *db = NULL;
	struct err e = { 0 };
	int result = open_database(r, file, &db);

	if (result)
		return result;
	if (!month)
		report_month_at(x.now_ms, &x.month);
	else if (report_month_parse(month, &x.month, &e))
		result = run_fail(&e, RESULT_USAGE);
	if (!result)
		result = count(r, db, &x, ret);
	report_read_done(&x);
	reader_close(db);
	return result;
}

static void show(struct run *r, const json_t *report, enum report_format format)
{
	struct paper p = { .out = &r->out, .look = r->look, .html = format == REPORT_AS_HTML, .zh = run_is_chinese() };

	switch (format) {
	case REPORT_AS_JSON:
		json_text_put(&r->out, report);
		strbuf_putc(&r->out, '\n');
		break;
	case REPORT_AS_CSV:
		report_csv(&r->out, report);
		break;
	case REPORT_AS_TEXT:
	case REPORT_AS_HTML:
		report_show(&p, report);
		r->out.failed = r->out.failed || p.failed;
		break;
	}
}

int verb_report(struct run *r)
{
	const char *file = args_value(&r->args, "db"), *month = args_value(&r->args, "month");
	enum report_format format;
	struct report_month m;
	json_t *report = NULL;
	struct err e;

	if (take_format(r, &format))
		return RESULT_USAGE;
	if (month && report_month_parse(month, &m, &e)) {
		err_prefix(&e, "--month: ");
		return run_fail(&e, RESULT_USAGE);
	}
	int result = file ? from_database(r, file, &report) : ask(r, &report);
	if (!result && report)
		show(r, report, format);
	json_decref(report);
	return result;
}
