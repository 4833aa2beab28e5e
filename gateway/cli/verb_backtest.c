/* backtest: the alarms that rules would have raised on stored readings, beside those that were raised. Reads the database itself, whether a daemon runs or not. */
#include "gateway/cli/backtest_feed.h"
#include "gateway/cli/backtest_show.h"

#include "gateway/config/config.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define DAY_MS      INT64_C(86400000)
#define DAYS        30
#define PROGRESS_MS 200

struct job {
	struct run            *run;
	const char            *files[ARGS_MORE_MAX + 1]; /* --rules */
	size_t                 n_files;
	struct config         *config, *own;             /* with these rules; as the site is (the same without --rules) */
	struct select         *select;
	struct reader         *db;
	int64_t                from_ms, to_ms;
	struct backtest        b;
	struct backtest_report report;
	bool                   draws, begun, failed;
	int64_t                started_ms, drawn_ms;
};

/* ---- what is asked for ---- */

static int take_files(struct job *j)
{
	const char *file;

	while ((file = args_value_at(&j->run->args, "rules", j->n_files))) {
		for (size_t i = 0; i < j->n_files; i++)
			if (strcmp(j->files[i], file) == 0)
				return run_usage("backtest: --rules %s is given twice", file);
		j->files[j->n_files++] = file;
	}
	return RESULT_DONE;
}

static bool is_given(const struct job *j, const char *file)
{
	for (size_t i = 0; i < j->n_files; i++)
		if (strcmp(j->files[i], file) == 0)
			return true;
	return false;
}

/* Of a site that is sound, only what is said of the files to be tried is news. */
static void print_findings(const struct job *j, const struct findings *f)
{
	for (size_t i = 0; i < f->n; i++) {
		struct findings one = { .items = &f->items[i], .n = 1 };
		if (!j->config || is_given(j, f->items[i].file))
			findings_print(&one, stderr);
	}
}

static int load(struct job *j)
{
	struct findings f = { 0 };
	int result = RESULT_NO;
	char *site = run_site(j->run, &result);

	if (!site)
		return result;
	config_load_with_rules(site, j->files, j->n_files, &j->config, &f);
	print_findings(j, &f);
	findings_done(&f);
	/* Which rules decided in those days nobody has written down: the site's own are the best guess there is. */
	if (j->config && j->n_files) {
		config_load(site, &j->own, &f);
		findings_done(&f);
	}
	free(site);
	if (!j->config)
		return RESULT_USAGE;
	run_take_zone(j->config->timezone);
	return RESULT_DONE;
}

static int take_span(struct job *j)
{
	struct run *r = j->run;

	if (run_time(r, "from", r->now_ms - DAYS * DAY_MS, &j->from_ms) || run_time(r, "to", r->now_ms, &j->to_ms))
		return RESULT_USAGE;
	if (j->to_ms > r->now_ms && j->from_ms < r->now_ms)
		j->to_ms = r->now_ms; /* what stands, stands until now */
	return j->from_ms < j->to_ms ? RESULT_DONE : run_usage("backtest: --from is not before --to");
}

static int take_select(struct job *j)
{
	struct err e;
	char *text = run_select(j->run);

	if (!text)
		return RESULT_USAGE;
	int bad = select_parse(text, &j->select, &e);
	free(text);
	return bad ? run_fail(&e, RESULT_USAGE) : RESULT_DONE;
}

/* ---- while it runs ---- */

static bool show_progress(void *user, int64_t at_ms, int64_t readings)
{
	struct job *j = user;
	int64_t now = run_now();
	char time[HUMAN_MAX], rate[HUMAN_MAX];

	if (now - j->drawn_ms < PROGRESS_MS)
		return true;
	j->drawn_ms = now;
	int64_t took = now - j->started_ms > 0 ? now - j->started_ms : 1, share = 100 * (at_ms - j->from_ms) / (j->to_ms - j->from_ms);
	fprintf(stderr, "\r%.10s  %d %%  %s readings/s\033[K", human_time(at_ms, time), (int)(share < 0 ? 0 : share), human_count(readings * 1000 / took, rate));
	fflush(stderr);
	return true;
}

static void keep_alone(void *user, const struct backtest_occurrence *o)
{
	struct job *j = user;
	struct backtest_report *r = &j->report;

	if (!o->alone || !o->counts || r->n_alone[o->side] == REPORT_ALONE_MAX)
		return;
	r->alone[o->side][r->n_alone[o->side]++] = (struct backtest_alone){ o->alarm, o->from_ms, o->to_ms };
}

static int no_readings(struct job *j)
{
	char a[HUMAN_MAX], b[HUMAN_MAX];
	int64_t oldest, newest;
	struct err e;
	bool any;

	if (feed_find_ends(j->db, &any, &oldest, &newest, &e))
		return run_fail(&e, RESULT_NO);
	if (!any)
		run_say("the database has no readings at all");
	else
		run_say("no readings in that time: the database has some from %s to %s", human_time(oldest, a), human_time(newest, b));
	return RESULT_NO;
}

static bool any_chosen(const struct backtest *b)
{
	for (size_t i = 0; i < b->n_alarms; i++)
		if (b->alarms[i]->chosen)
			return true;
	return false;
}

static int none_chosen(struct job *j)
{
	char hint[512];

	if (!j->run->args.n_words) {
		run_say("these rules make no alarm on any point of the site");
		return RESULT_NO;
	}
	select_hint(j->select, &j->config->site, false, hint, sizeof hint);
	run_say("no alarm of these rules fits that%s%s", hint[0] ? ": " : "", hint);
	return RESULT_NO;
}

static int go(struct job *j)
{
	const struct config *live = j->n_files ? j->own : j->config;
	struct feed_options f = { j->draws ? show_progress : NULL, j };
	struct backtest_options o = {
		.site = &j->config->site, .rules = j->config->rules, .n_rules = j->config->n_rules, .live = live ? live->rules : NULL, .n_live = live ? live->n_rules : 0,
		.select = j->select, .from_ms = j->from_ms, .to_ms = j->to_ms, .occurrence = keep_alone, .user = j,
	};
	struct err e;

	if (backtest_init(&j->b, &o, &e))
		return run_fail(&e, RESULT_NO);
	j->begun = true;
	if (!any_chosen(&j->b))
		return none_chosen(j);
	int bad = feed_all(j->db, &j->b, &f, &e);
	if (j->draws)
		fputs("\r\033[K", stderr);
	if (bad)
		return run_fail(&e, RESULT_NO);
	return j->b.readings ? RESULT_DONE : no_readings(j);
}

static int show(struct job *j)
{
	struct backtest_report *r = &j->report;

	r->run = j->run;
	r->b = &j->b;
	r->own_rules = !j->n_files;
	if (!report_sort(r))
		j->run->out.failed = true;
	else if (j->run->json)
		report_put_json(r);
	else
		report_put(r);
	return RESULT_DONE;
}

static int open_all(struct job *j)
{
	const char *file = args_value(&j->run->args, "db");
	struct err e;
	int result = take_files(j);

	result = result ? result : load(j);
	result = result ? result : take_span(j);
	result = result ? result : take_select(j);
	if (!result && reader_open(file ? file : j->config->db_path, &j->db, &e))
		result = run_fail(&e, RESULT_NO);
	for (int side = 0; side < BACKTEST_SIDES && !result; side++) {
		j->report.alone[side] = calloc(REPORT_ALONE_MAX, sizeof(struct backtest_alone));
		if (!j->report.alone[side]) {
			run_say("no memory");
			result = RESULT_NO;
		}
	}
	return result;
}

int verb_backtest(struct run *r)
{
	struct job j = { .run = r, .draws = run_draws_on(STDERR_FILENO), .started_ms = r->now_ms };
	int result = open_all(&j);

	result = result ? result : go(&j);
	if (!result)
		result = show(&j);
	if (j.begun)
		backtest_done(&j.b);
	for (int side = 0; side < BACKTEST_SIDES; side++)
		free(j.report.alone[side]);
	free(j.report.order);
	reader_close(j.db);
	select_free(j.select);
	config_free(j.own);
	config_free(j.config);
	return result;
}
