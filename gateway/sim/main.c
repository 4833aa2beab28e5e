/* firegw-sim: the equipment of a site to talk to. Sorts its arguments, loads the site, and serves it; or asks the one that runs. */
#include "gateway/cli/args.h"
#include "gateway/sim/run.h"
#include "gateway/sim/talk.h"

#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>

static const char help[] =
	"Usage: firegw-sim --site SITE.yaml [options]\n"
	"       firegw-sim SCENARIO.yaml [options]\n"
	"       firegw-sim --raise NAME [floor=F] [zone=Z] [building=B] [device=D] [bus=L] [chance=10%] [by=2s]\n"
	"                               [code=busy] [registers=100-120]\n"
	"       firegw-sim --clear NAME | --list | --status\n"
	"\n"
	"Serves over Modbus TCP, RTU over TCP and serial lines (as pseudo-terminals) exactly the registers that a site's point\n"
	"tables describe, with values that drift as in a healthy building, so that a site file can be tried without the\n"
	"equipment. A scenario says what goes wrong when; while it runs, the same can be raised by hand from another terminal.\n"
	"docs/simulator.md explains all of it.\n"
	"\n"
	"  --site FILE      the site file; each tcp:// and rtu+tcp:// bus is served at its port, each rtu:// bus at its path\n"
	"  --listen ADDR    listen at this address (0.0.0.0: all) instead of 127.0.0.1\n"
	"  --ptys DIR       make the rtu:// buses in this folder, DIR/BUS, instead of at their own paths\n"
	"  --check          look whether site and scenario fit together, serve nothing\n"
	"  --marks          u32 registers show which one they are and since when, so that a mistaken answer is known by its value\n"
	"  --seed N         another number, other values; the same number, the same values (default 1)\n"
	"  --speed X        simulated time passes X times as fast (default 1)\n"
	"  --begins HH:MM   the simulated time of day at the start (default 10:00)\n"
	"  --for DURATION   end by itself: 90s, 5m\n"
	"  --socket PATH    the control socket (default: in $XDG_RUNTIME_DIR, else /tmp, by the gateway's name)\n"
	"\n"
	"  --raise NAME     make something go wrong: fire, riser-leak, late, …; words say where and how\n"
	"  --clear NAME     end it; all: everything\n"
	"  --list           what can be raised, and what is\n"
	"  --status         how long it runs, what it serves, who asked what\n"
	"\n"
	"  -h, --help       this text\n"
	"  -V, --version    the version\n"
	"\n"
	"Exit: 0 done, 1 no (it cannot be, or is not so), 2 bad usage, site or scenario, 3 no simulator runs.\n";

static const struct args_option options[] = {
	{ "site", 0, "FILE", "" }, { "listen", 0, "ADDR", "" }, { "ptys", 0, "DIR", "" }, { "check", 0, NULL, "" },
	{ "marks", 0, NULL, "" }, { "seed", 0, "N", "" }, { "speed", 0, "X", "" }, { "begins", 0, "HH:MM", "" },
	{ "for", 0, "DURATION", "" }, { "socket", 0, "PATH", "" }, { "raise", 0, "NAME", "" }, { "clear", 0, "NAME", "" }, { "list", 0, NULL, "" },
	{ "status", 0, NULL, "" }, { "help", 'h', NULL, "" }, { "version", 'V', NULL, "" },
};

__attribute__((format(printf, 1, 2)))
static int usage(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	fputs("firegw-sim: ", stderr);
	vfprintf(stderr, fmt, args);
	fputs(" (firegw-sim --help)\n", stderr);
	va_end(args);
	return 2;
}

/* ---- asking the one that runs ---- */

static int ask(const struct args *a, const char *verb, const char *name)
{
	char path[300], line[TALK_LINE_MAX - 1];
	struct strbuf b;
	struct err e;

	strbuf_init_fixed(&b, line, sizeof line);
	strbuf_printf(&b, "%s%s%s", verb, name ? " " : "", name ? name : "");
	for (size_t i = 0; i < a->n_words; i++)
		strbuf_printf(&b, " %s", a->words[i]);
	if (b.failed || strchr(line, '\n'))
		return usage("too long, or not one line");
	if (args_value(a, "socket"))
		return talk_ask(args_value(a, "socket"), line, stdout, stderr);
	if (talk_find(path, sizeof path, &e) < 0) {
		fprintf(stderr, "firegw-sim: %s\n", e.text);
		return e.code == ERR_EXISTS ? 2 : 3;
	}
	return talk_ask(path, line, stdout, stderr);
}

/* -1: none of these. */
static int ask_what(const struct args *a)
{
	const char *raise_ = args_value(a, "raise"), *clear = args_value(a, "clear");
	bool list = args_flag(a, "list"), status = args_flag(a, "status");
	int n = (raise_ != NULL) + (clear != NULL) + list + status;

	if (n == 0)
		return -1;
	if (n > 1)
		return usage("one of --raise, --clear, --list, --status at a time");
	if (args_value(a, "site"))
		return usage("--raise, --clear, --list and --status speak to a simulator that runs: leave --site out, name its --socket if there are several");
	if (a->n_words && !raise_ && !clear)
		return usage("'%s' is too much", a->words[0]);
	return raise_ ? ask(a, "raise", raise_) : clear ? ask(a, "clear", clear) : ask(a, list ? "list" : "status", NULL);
}

/* ---- serving ---- */

static int take_numbers(const struct args *a, struct run_options *o)
{
	const char *seed = args_value(a, "seed"), *speed = args_value(a, "speed"), *for_ = args_value(a, "for"), *begins = args_value(a, "begins");
	struct decimal d;

	if (seed) {
		if (strspn(seed, "0123456789") != strlen(seed) || !*seed || strlen(seed) > 18)
			return usage("--seed '%s' is not a whole number", seed);
		o->seed = strtoull(seed, NULL, 10);
	}
	if (speed) {
		if (decimal_parse(speed, &d) < 0 || !(decimal_double(d) >= 0.01 && decimal_double(d) <= 1000))
			return usage("--speed '%s' is not a number 0.01 … 1000", speed);
		o->speed = decimal_double(d);
	}
	if (for_ && (clock_parse_duration(for_, &o->for_ms) < 0 || o->for_ms <= 0))
		return usage("--for '%s' is not a duration such as 90s or 5m", for_);
	if (begins && scenario_time_of_day(begins, &o->day_ms) < 0)
		return usage("--begins '%s' is not a time of day such as 22:30", begins);
	return 0;
}

static bool load_site(const char *path, struct config **ret)
{
	struct findings findings;
	bool ok = config_load(path, ret, &findings) == 0;

	if (!ok)
		findings_print(&findings, stderr);
	findings_done(&findings);
	if (!ok)
		fprintf(stderr, "firegw-sim: the site has errors and is not served\n");
	return ok;
}

static bool load_scenario(const char *path, struct scenario **ret)
{
	struct findings findings;
	bool ok = scenario_load(path, ret, &findings) == 0;

	findings_print(&findings, stderr);
	findings_done(&findings);
	return ok;
}

static int serve_site(const struct args *a, const char *site, const struct scenario *scenario)
{
	struct run_options o = { .scenario = scenario, .listen = args_value(a, "listen"), .ptys = args_value(a, "ptys"), .check_only = args_flag(a, "check"),
		.marks = args_flag(a, "marks"), .seed = SCENARIO_SEED, .speed = SCENARIO_SPEED, .day_ms = SCENARIO_DAY_MS };
	struct config *config;
	char path[300];

	if (scenario)
		o.seed = scenario->seed, o.speed = scenario->speed, o.day_ms = scenario->day_ms;
	if (take_numbers(a, &o) != 0 || !load_site(site, &config))
		return 2;
	setenv("TZ", config->timezone, 1);
	tzset();
	talk_path(config->site.gateway, path, sizeof path);
	o.config = config;
	o.socket_path = args_value(a, "socket") ? args_value(a, "socket") : path;
	int code = run(&o);
	config_free(config);
	return code;
}

static int serve(const struct args *a)
{
	const char *site = args_value(a, "site");
	struct scenario *scenario = NULL;

	if (site && a->n_words)
		return usage("either --site or a scenario, whose file names its site; not both");
	if (a->n_words > 1)
		return usage("'%s' is too much", a->words[1]);
	if (site)
		return serve_site(a, site, NULL);
	if (a->n_words == 0)
		return usage("what is to be served? --site SITE.yaml, or SCENARIO.yaml");
	if (!load_scenario(a->words[0], &scenario))
		return 2;
	int code = serve_site(a, scenario->site, scenario);
	scenario_free(scenario);
	return code;
}

/* Each client and listener holds a descriptor. */
static void raise_descriptors(void)
{
	struct rlimit r;

	if (getrlimit(RLIMIT_NOFILE, &r) == 0 && r.rlim_cur < r.rlim_max) {
		r.rlim_cur = r.rlim_max;
		setrlimit(RLIMIT_NOFILE, &r);
	}
}

/* What was to be said has been said: 0. */
static int said(void)
{
	return fflush(stdout) == 0 && !ferror(stdout) ? 0 : 1;
}

int main(int argc, char **argv)
{
	struct args a;
	struct err e;
	int bad = args_parse(options, sizeof options / sizeof *options, argc - 1, argv + 1, &a, &e);

	signal(SIGPIPE, SIG_IGN);
	setvbuf(stdout, NULL, _IOLBF, 0);
	if (args_flag(&a, "help")) {
		fputs(help, stdout);
		return said();
	}
	if (args_flag(&a, "version") || (argc == 2 && strcmp(argv[1], "-v") == 0)) {
		puts("firegw-sim " FIREGW_VERSION);
		return said();
	}
	if (bad)
		return usage("%s", e.text);
	int asked = ask_what(&a);
	if (asked >= 0)
		return asked;
	raise_descriptors();
	return serve(&a);
}
