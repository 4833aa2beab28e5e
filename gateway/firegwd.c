/* firegwd: the daemon. Loads the config, wires the rooms (app.c) and runs the loop until it is told to stop. */
#include "gateway/app.h"
#include "gateway/sounder.h"

#include <errno.h>
#include <getopt.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <systemd/sd-daemon.h>
#include <time.h>
#include <unistd.h>

static const char help[] =
	"Usage: firegwd -c SITE.yaml [--uplink PROGRAM] [--player PROGRAM]\n"
	"\n"
	"The fire-safety telemetry gateway: polls a building's fire equipment, decides what is an alarm, keeps\n"
	"everything in a local database and forwards it to MQTT hubs. Runs in the foreground; logs to stderr, with\n"
	"the priorities that the journal understands.\n"
	"\n"
	"  -c, --config FILE    the site's configuration (docs/site.md); `firegw check -c FILE` explains what is wrong in one\n"
	"      --uplink FILE    the firegw-uplink program; default: beside firegwd, else the installed one\n"
	"      --player FILE    what plays the local sounder's tones, called as aplay is; default: aplay, of the package alsa-utils\n"
	"  -h, --help           this text\n"
	"  -V, --version        the version\n"
	"\n"
	"Signals: SIGHUP loads the configuration again (one with errors is refused whole and the old one runs on),\n"
	"SIGTERM and SIGINT finish cleanly, within 10 s.\n"
	"Exit: 0 stopped cleanly, 1 could not start (the reason and the cure are on stderr), 2 bad usage or configuration.\n";

/* Levels as sd-daemon(3) has them: the journal reads them off, a terminal gets words and a time. */
static void to_journal(enum log_level level, const char *token, const char *text)
{
	static const char *const prefix[] = { SD_ERR, SD_WARNING, SD_INFO, SD_DEBUG };

	fprintf(stderr, "%s%s: %s\n", prefix[level], token, text);
}

static void to_terminal(enum log_level level, const char *token, const char *text)
{
	static const char *const words[] = { "error", "warning", "info", "debug" };
	char at[CLOCK_TEXT_MAX];
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	clock_format((int64_t)ts.tv_sec * 1000 + ts.tv_nsec / CLOCK_NS_PER_MS, at);
	fprintf(stderr, "%s %-7s %s: %s\n", at, words[level], token, text);
}

/* Each line and hub holds a descriptor, and libmodbus needs low ones, which the start takes first. */
static void raise_descriptors(void)
{
	struct rlimit r;

	if (getrlimit(RLIMIT_NOFILE, &r) == 0 && r.rlim_cur < r.rlim_max) {
		r.rlim_cur = r.rlim_max;
		setrlimit(RLIMIT_NOFILE, &r);
	}
}

/* Large blocks stay apart from the heap for good. By itself the C library stops that once one was freed, as the config's trees are; then what is taken at the
 * start for the worst case comes out of used memory, is cleared, and so costs real pages. */
#define LARGE_BLOCK (128 * 1024)

static void keep_large_blocks_apart(void)
{
	mallopt(M_MMAP_THRESHOLD, LARGE_BLOCK);
}

/* Beside our own program: so that a build tree and an installation both find their own. */
static const char *find_uplink(char *buf, size_t cap)
{
	ssize_t n = readlink("/proc/self/exe", buf, cap - 16);
	char *slash;

	if (n > 0) {
		buf[n] = '\0';
		slash = strrchr(buf, '/');
		strcpy(slash + 1, "firegw-uplink");
		if (access(buf, X_OK) == 0)
			return buf;
	}
	return FIREGW_UPLINK_PATH;
}

/* From the root on, for programs that stand elsewhere. Links stay: what the file names lies beside the name, not beside what that leads to. NULL: it cannot be said. */
static const char *whole_path(const char *path, char *buf, size_t cap)
{
	char here[4096];

	if (path[0] == '/')
		return path;
	if (!getcwd(here, sizeof here) || (size_t)snprintf(buf, cap, "%s/%s", here, path) >= cap)
		return NULL;
	return buf;
}

static int parse(int argc, char **argv, struct app_options *o)
{
	static const struct option options[] = {
		{ "config", required_argument, NULL, 'c' }, { "uplink", required_argument, NULL, 'u' }, { "player", required_argument, NULL, 'p' }, { "help", no_argument, NULL, 'h' },
		{ "version", no_argument, NULL, 'V' }, { 0 },
	};
	int c;

	while ((c = getopt_long(argc, argv, "c:hVv", options, NULL)) != -1) {
		switch (c) {
		case 'c': o->config_path = optarg; break;
		case 'u': o->uplink_program = optarg; break;
		case 'p': o->player = optarg; break;
		case 'h': fputs(help, stdout); return 0;
		case 'V':
		case 'v': puts("firegwd " FIREGW_VERSION); return 0;
		default: fputs("Try 'firegwd --help'.\n", stderr); return 2;
		}
	}
	if (optind < argc) {
		fprintf(stderr, "firegwd: unexpected argument '%s'; a site file is given as -c %s\nTry 'firegwd --help'.\n", argv[optind], argv[optind]);
		return 2;
	}
	if (!o->config_path) {
		fputs("firegwd: no configuration: give one with -c SITE.yaml\nTry 'firegwd --help'.\n", stderr);
		return 2;
	}
	return -1;
}

int main(int argc, char **argv)
{
	char uplink[4096], file[8192];
	struct app_options o = { .player = SOUNDER_PLAYER };
	struct findings findings;
	struct config *config;
	struct err e = { 0 };
	int done = parse(argc, argv, &o);

	if (done >= 0)
		return done;
	if (!o.uplink_program)
		o.uplink_program = find_uplink(uplink, sizeof uplink);
	o.config_file = whole_path(o.config_path, file, sizeof file);
	signal(SIGPIPE, SIG_IGN);
	umask(0027);
	raise_descriptors();
	keep_large_blocks_apart();
	setvbuf(stderr, NULL, _IOLBF, 0);
	log_set_sink(isatty(STDERR_FILENO) ? to_terminal : to_journal);
	int failed = config_load(o.config_path, &config, &findings);
	findings_print(&findings, stderr);
	findings_done(&findings);
	if (failed) {
		fprintf(stderr, "firegwd: the configuration has errors and was not loaded; `firegw check -c %s` lists them\n", o.config_path);
		return 2;
	}
	setenv("TZ", config->timezone, 1);
	tzset();
	log_set_level(config->log_level);
	struct app *a = calloc(1, sizeof *a);
	if (!a || app_start(a, &o, config, &e)) {
		log_error("app", "cannot start: %s", a ? e.text : "no memory");
		return 1;
	}
	app_run(a);
	app_done(a);
	free(a);
	return 0;
}
