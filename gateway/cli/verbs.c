/* The table of verbs: the one place that says what there is, for running, for help and for the nearest name. */
#include "gateway/cli/verb.h"

#include "core/alarm.h"
#include "gateway/cli/probe_ask.h"
#include "gateway/nearest.h"
#include "gateway/timespec.h"

#include <string.h>

#define OPTIONS(table) .options = table, .n_options = sizeof table / sizeof table[0]

#define SELECT_HELP \
	"SELECT: words kind= floor= building= zone= bus= device= class= (all must fit; several values with commas;\n" \
	"  globs but for kind and class), and globs on the id (any of them). Example: floor=12,13 'f12-*'"
#define TIME_HELP "T: " TIMESPEC_FORMS ";\n  in the site's zone unless one is given."

#define FOLLOW_HELP "--follow ends with 0 at Ctrl-C, with 3 when the daemon goes away."
#define SEVERAL_HELP \
	"ALARM: the id that `firegw alarms` shows, or a glob on ids ('facp.f12-*'). SELECT: all that `firegw alarms --all SELECT` shows (class=fire floor=12).\n" \
	"One result line for each and at the end how many, those refused too; ends with 1 if any was.\n"
#define SEVERAL_JSON_HELP "--json: {\"ok\",\"error\"}; for several alarms, a glob or a SELECT one such object a line, with \"alarm\" in front."

static const struct args_option site_options[] = {
	{ "config", 'c', "SITE", "the site's file" },
};
static const struct args_option status_options[] = {
	{ "follow", 0, NULL, "again and again, until Ctrl-C" },
	{ "every", 0, "D", "with --follow: how often (default: 2s)" },
	{ "bus", 0, "NAME", "one line in whole: what was asked, what came, how long it took" },
};
static const struct args_option points_options[] = {
	{ "bad", 0, NULL, "only those whose quality is not good" },
	{ "follow", 0, NULL, "go on with a line for each change of value or quality, until Ctrl-C" },
	{ "every", 0, "D", "with --follow: how often the daemon looks for changes (default: 1s)" },
};
static const struct args_option alarms_options[] = {
	{ "all", 0, NULL, "also those that are shelved, suppressed or out of service" },
	{ "follow", 0, NULL, "go on with a line for each transition, until Ctrl-C" },
};
static const struct args_option events_options[] = {
	{ "since", 0, "T", "from this time on (default: 24h; with --follow: now)" },
	{ "until", 0, "T", "up to this time" },
	{ "class", 0, "C", "of this class; several with commas" },
	{ "limit", 0, "N", "only the newest N of them" },
	{ "follow", 0, NULL, "go on with new ones until Ctrl-C" },
};
static const struct args_option act_options[] = {
	{ "note", 0, "T", "a remark, kept with the event" },
};
static const struct args_option shelve_options[] = {
	{ "for", 0, "D", "how long: 30m, 2h; 24h at most" },
	{ "note", 0, "T", "why, kept with the event" },
};
static const struct args_option verify_options[] = {
	{ "cause", 0, "T", "why it came: dust, steam, welding, …" },
	{ "note", 0, "T", "a remark, kept with the event" },
};
static const struct args_option test_options[] = {
	{ "for", 0, "D", "how long: 30m, 1h; 4h at most" },
	{ "drill", 0, NULL, "a drill and not a test" },
	{ "end", 0, NULL, "end all tests and drills, or that of this SELECT" },
	{ "note", 0, "T", "a remark, kept with the event" },
};
static const struct args_option raise_options[] = {
	{ "building", 0, "B", "its id in the site's file; not needed if there is only one" },
	{ "floor", 0, "F", "B1, 1, 12, R, …" },
	{ "note", 0, "T", "what was seen, and by whom" },
};
static const struct args_option duty_options[] = {
	{ "from", 0, "NAME", "handover: who goes (default: you)" },
	{ "note", 0, "T", "a remark for the shift book" },
};
static const struct args_option history_options[] = {
	{ "from", 0, "T", "from this time on (default: 24h)" },
	{ "to", 0, "T", "before this time (default: now)" },
	{ "every", 0, "D", "one row for each such span: min, max, mean, last, count, worst quality" },
	{ "format", 0, "F", "table (default), csv or json" },
	{ "plot", 0, NULL, "a chart for each point, in the terminal" },
	{ "height", 0, "N", "rows of a chart (default: 10)" },
	{ "db", 0, "FILE", "read the database itself, for when the daemon is down" },
};

static const struct args_option backtest_options[] = {
	{ "rules", 0, "FILE", "these rules; several times: a later file's rule replaces an earlier one's (default: the site's own)", true },
	{ "from", 0, "T", "from this time on (default: 30 days ago)" },
	{ "to", 0, "T", "before this time (default: now)" },
	{ "config", 'c', "SITE", "the site's file (default: the daemon's)" },
	{ "db", 0, "FILE", "another database than the site's, such as a copy" },
};
static const struct args_option report_options[] = {
	{ "month", 0, "M", "of this month, as 2026-11 (default: this month, so far)" },
	{ "format", 0, "F", "text (default), csv or html" },
	{ "db", 0, "FILE", "read the database itself, for when the daemon is down" },
};
static const struct args_option watch_options[] = {
	{ "hub", 0, "NAME", "the broker of this hub, with its names and files" },
	{ "config", 'c', "SITE", "the site's file, for --hub (default: the daemon's)" },
	{ "region", 0, "CODE", "only this district (6 digits), town (9) or community (12)" },
	{ "class", 0, "C", "only this class; several with commas" },
	{ "node", 0, "NAME", "only this gateway or building" },
	{ "username", 0, "U", "at the broker" },
	{ "password-file", 0, "F", "its first line is the password" },
	{ "ca", 0, "F", "whose certificates are trusted (default: the system's)" },
	{ "cert", 0, "F", "our certificate" },
	{ "key", 0, "F", "its key" },
	{ "mqtt", 0, "V", "5 (default) or 3.1.1" },
	{ "for", 0, "D", "end after this time: 90s, 5m" },
};

const struct verb verbs[] = {
	{ "check", "[SITE]", 0, 1, "validate a site's config, tables and rules together",
	  "Prints every finding as file:line:column: error: text (or warning:). Warnings alone end with 0, errors with 2.\n"
	  "A running daemon takes the new files with `systemctl reload firegwd` (SIGHUP); it refuses a config with errors whole and runs on.\n"
	  "--json: a list of {file,line,column,severity,text}.",
	  OPTIONS(site_options), false, verb_check },
	{ "show", "[SITE]", 0, 1, "print the effective config, defaults filled in",
	  "Points and rules stand inline; feeding the output back gives the same site. --json: the same tree as JSON.",
	  OPTIONS(site_options), false, verb_show },
	{ "status", "", 0, 0, "daemon, lines, hubs, backlog and storage at a glance",
	  "--follow: on a terminal in one place; else a block each time, an empty line between them. " FOLLOW_HELP "\nD: 100ms to 1m.\n"
	  "--json: the status object, with lines and hubs; with --follow one a line; with --bus the line.",
	  OPTIONS(status_options), true, verb_status },
	{ "points", "[SELECT…]", 0, ARGS_WORDS_MAX, "latest values with quality and age",
	  SELECT_HELP "\nEnds with 1 if no point fits. --json: a list of the directory's entries with value, quality, at.\n"
	  "--follow: the table, then a line for each point whose value or quality is another than a moment (--every, 100ms to 1m) ago; with --bad\n"
	  "  also those that became good. What changes and changes back within that time is not seen. --json: one entry a line.\n" FOLLOW_HELP,
	  OPTIONS(points_options), true, verb_points },
	{ "alarms", "[SELECT…]", 0, ARGS_WORDS_MAX, "current alarms, most urgent first",
	  SELECT_HELP "\n_gw.THING/what is the gateway's own fault: _gw.bus-NAME/down, _gw.device-NAME/silent, _gw.hub-NAME/unreachable, …\n"
	  "  (docs/operations.md). `firegw alarms '_gw.*'` shows them; a line's and a device's also fit its bus= and device=.\n"
	  "--json: a list of the events of their latest transitions, hidden ones too, as a hub's snapshot has it.\n"
	  "--follow: the alarms that stand, then a line for each transition; with --json one event a line. " FOLLOW_HELP,
	  OPTIONS(alarms_options), true, verb_alarms },
	{ "events", "[SELECT…]", 0, ARGS_WORDS_MAX, "the event log",
	  SELECT_HELP "\n" TIME_HELP "\n"
	  "An event that could not be stored yet (slow, failing or full storage) is not in here until it is. --follow shows it at once,\n"
	  "as not stored yet (\"durable\":false), and again when it is stored; what stands is in `firegw alarms`.\n"
	  FOLLOW_HELP "\n--json: one event a line.",
	  OPTIONS(events_options), true, verb_events },
	{ "ack", "ALARM…|SELECT", 1, ARGS_WORDS_MAX, "acknowledge alarms",
	  SEVERAL_HELP "A glob or SELECT means those that nobody has acknowledged yet. For operators.\n" SEVERAL_JSON_HELP, OPTIONS(act_options), true, verb_ack, true },
	{ "reset", "ALARM…|SELECT", 1, ARGS_WORDS_MAX, "reset latched alarms whose condition is gone",
	  SEVERAL_HELP "Refused while the condition stands or before it was acknowledged. For operators.\n" SEVERAL_JSON_HELP,
	  OPTIONS(act_options), true, verb_reset, true },
	{ "shelve", "ALARM", 1, 1, "set an alarm aside for a while",
	  "It goes on as it would, is stored and sent, marked; consoles do not sound it, count rules do not count it. While it lasts ALARM/shelved\n"
	  "stands, of class disablement. Refused for more than 24 h. For operators; a fire alarm is for maintainers.\n"
	  "--json: {\"ok\",\"error\"}.",
	  OPTIONS(shelve_options), true, verb_shelve, true },
	{ "unshelve", "ALARM", 1, 1, "take an alarm from the shelf before its time", "As for shelve. --json: {\"ok\",\"error\"}.", OPTIONS(act_options), true, verb_unshelve, true },
	{ "verify", "ALARM real|false|test|drill", 2, 2, "say what was found on site",
	  "Of the alarm's latest occurrence, also when that is over; said again, the last one counts. It silences and clears nothing. For operators.\n"
	  "--json: {\"ok\",\"error\"}.",
	  OPTIONS(verify_options), true, verb_verify, true },
	{ "service", "POINT out|in", 2, 2, "take a point out of service, or back",
	  "Its alarms go on, marked, and count in no count rule. While it is out POINT/out-of-service stands, of class disablement. It has no end\n"
	  "but `in`. For maintainers. --json: {\"ok\",\"error\"}.",
	  OPTIONS(act_options), true, verb_service, true },
	{ "test", "SELECT…|all | --end [SELECT…]", 0, ARGS_WORDS_MAX, "put points under test or drill, or end that",
	  SELECT_HELP "\n"
	  "What begins on them meanwhile is marked test (drill): consoles show it and never act on it. When it ends, by time or by --end, those alarms\n"
	  "are over, and what still stands is raised anew, for everybody. For maintainers. --json: {\"ok\",\"error\"}.",
	  OPTIONS(test_options), true, verb_test, true },
	{ "silence", "", 0, 0, "stop the sound in the control room until a new fire", "For operators. --json: {\"ok\",\"error\"}.", OPTIONS(act_options), true, verb_silence, true },
	{ "raise", "CLASS", 1, 1, "report by hand what a person saw: fire, prealarm, supervisory or fault",
	  "Stands as _manual.BUILDING.FLOOR/CLASS until it was acknowledged and reset. For operators. --json: {\"ok\",\"error\"}.",
	  OPTIONS(raise_options), true, verb_raise, true },
	{ "duty", "on [NAME] | off [NAME] | handover NAME | answer | show", 1, 2, "who is on duty in the control room",
	  "NAME: who (default: you). show: who is, since when, and the shift book of 24 h. Once anybody said so, fewer than site: duty: least\n"
	  "(default 2) is the fault _gw.duty/unstaffed. answer: a duty check of the hub's. For operators; show for all.\n"
	  "--json: {\"ok\",\"error\"}; show: {known, least, since, on: [{name, since}]}.",
	  OPTIONS(duty_options), true, verb_duty, true },
	{ "selftest", "", 0, 0, "send a marked event through storage to every hub, and say how long each took",
	  "Waits 10 s at most. Ends with 1 if it was not stored, or a hub that is sent operations did not acknowledge. For operators.\n"
	  "--json: {ok, stored_ms, hubs: [{name, ok, ms, why}]}.",
	  OPTIONS(act_options), true, verb_selftest, true },
	{ "history", "POINT…", 1, ARGS_WORDS_MAX, "readings of points",
	  "POINT: an id, or a glob on ids. " TIME_HELP "\nD: 1m, 15m, 1h, …\n"
	  "csv: point,at,value,quality, or with --every point,at,min,max,mean,last,count,worst_quality.\n"
	  "--json (or --format json): for one id a list of [epoch ms, value, quality], or with --every\n"
	  "[epoch ms, min, max, mean, last, count, worst quality]; for several or a glob an object of such lists by id.\n"
	  "--plot: as wide as the terminal, with the point's limits, gaps, and below it what was not good (docs/history.md).\n"
	  "--every: from the readings that were stored, which is changes beyond the deadband and a heartbeat: count and mean count each\n"
	  "once, however long it held (--plot has means by time).\n"
	  "With --db the zone is the site's, as the file keeps it; else this machine's (TZ), which is said.",
	  OPTIONS(history_options), true, verb_history },
	{ "backtest", "[SELECT…]", 0, ARGS_WORDS_MAX, "the alarms that rules would have raised on stored readings, beside those raised",
	  "Takes the site's points, and these rules and no others, over what was stored, and counts: WOULD have been raised, WERE raised, MISSED\n"
	  "(were raised, would not have come), NEW, AGAIN (within 10 minutes of its last end), LONGEST, and HIDDEN: how often a value came within\n"
	  "the point's deadband of a limit, where a crossing was not stored (docs/backtest.md). Nothing is changed; with -c it needs no daemon.\n"
	  SELECT_HELP "\n" TIME_HELP "\n"
	  "Ends with 1 if there are no readings in that time, with 2 if a file has errors, which are printed as check does.\n"
	  "--json: one object with everything, all alarms too.",
	  OPTIONS(backtest_options), true, verb_backtest },
	{ "report", "", 0, 0, "the figures of a month",
	  "Alarms by class, device, rule and verdict; how long it took to acknowledge, verify, return and repair; availability of devices, lines,\n"
	  "hubs and of the gateway; what was disabled or tested; duty; the load on people, and what alarms most often (docs/report.md).\n"
	  "A month is one of the site's zone. Alarms of tests and drills are counted apart.\n"
	  "csv: section,name,metric,value. html: one page, for the screen or the printer (firegw report --format html >report.html).\n"
	  "text and html are in the language of the locale. --json: the object of the retained topic report/{yyyy-mm}, with longer lists.\n"
	  "Ends with 1 if there can be no figures of that month: it has not begun, or lies before the oldest event.",
	  OPTIONS(report_options), true, verb_report },
	{ "probe", "URL|BUS", 1, 1, "read a device's registers by hand, in every plausible type and order",
	  "URL: tcp://HOST:PORT (502 if none is given). BUS: a bus of the daemon's, by its name. Only reads, never writes.\n"
	  "A line that is the daemon's own is read through it (for operators), unless --direct says otherwise.\n"
	  "A: with --fc, or short, the protocol's address from 0, decimal or 0x…; else five or six digits in Modicon's\n"
	  "  notation from 1: 40001 is fc 3, address 0. Both are printed.\n"
	  "Shown as plausible: floats that are 0 or of a magnitude from 1e-6 to 1e9, integers of 32 bits up to 1e8 or that\n"
	  "are a time (seconds, 2020 to 2035), of 64 bits up to 1e15; the others are counted. Orders that give the same share a row. --json has all, with \"plausible\".\n"
	  "--scan without --unit tries units 1-247; with --unit N it looks which registers can be read, of one --fc or all four,\n"
	  "from --register on (default 0), --count of them (default 1000). Ctrl-C ends it with what was found.\n"
	  "Ends with 0 if there were values (of --scan: if anything was found), 1 if not, 3 if the daemon was needed and not there.",
	  .options = probe_options, .n_options = PROBE_N_OPTIONS, true, verb_probe },
	{ "hub", "[list [NAME]] | resend NAME | purge NAME", 0, 2, "what each hub has; send it everything afresh; leave nothing there",
	  "list: links, and how far each hub is; with NAME also stream by stream.\n"
	  "resend: alarms that stand, directory, building and status are sent again. For operators.\n"
	  "purge: clears all that this gateway has retained at the hub's broker, for a gateway that moves or is taken down: purge, then\n"
	  "stop the service. Events go on. An alarm that changes, `resend`, a new connection or 10 minutes bring everything back.\n"
	  "For maintainers.\n"
	  "--json: list: a list of the hubs of `status`, each with its streams; resend and purge: {\"ok\",\"error\"}.",
	  OPTIONS(act_options), true, verb_hub, true },
	{ "watch", "[URL]", 0, 1, "a brigade's console: what the hub's broker says of its gateways",
	  "URL: mqtt://HOST:PORT, mqtts://, ws:// or wss://. Alarms that stand come first, the most urgent on top, then what happens, until\n"
	  "Ctrl-C. What is missing of a gateway's numbered events is fetched again (commands: [snapshot, replay] at its hub);\n"
	  "a gateway that is silent for 60 s or went away is shown too. Needs no daemon, but for --hub without -c.\n"
	  "--json: one event a line, as it was sent; all else is an object with \"watch\" in front, on standard error (docs/watch.md).\n"
	  "Ends with 3 if the broker was never reached.",
	  OPTIONS(watch_options), true, verb_watch },
	{ "version", "", 0, 0, "this program's version, and the daemon's if it runs", "", NULL, 0, true, verb_version },
	{ "help", "[VERB]", 0, 1, "this overview, or all about one verb", "--json: the verbs with their options.", NULL, 0, false,
	  verb_help },
	{ 0 },
};

static const struct args_option common[] = {
	{ "json", 0, NULL, "print JSON, for programs" },
	{ "help", 'h', NULL, "print this" },
};
static const struct args_option socket_option = { "socket", 0, "PATH",
	                                          "the daemon's socket (default: $FIREGW_SOCKET, else " CLIENT_DEFAULT_SOCKET ")" };

size_t verb_options(const struct verb *v, struct args_option ret[VERB_OPTIONS_MAX])
{
	size_t n = 0;

	for (size_t i = 0; i < v->n_options; i++)
		ret[n++] = v->options[i];
	if (v->talks)
		ret[n++] = socket_option;
	for (size_t i = 0; i < sizeof common / sizeof common[0]; i++)
		ret[n++] = common[i];
	return n;
}

const struct verb *verb_find(const char *name)
{
	for (const struct verb *v = verbs; v->name; v++)
		if (strcmp(v->name, name) == 0)
			return v;
	return NULL;
}

const char *verb_nearest(const char *name)
{
	const char *names[sizeof verbs / sizeof verbs[0]];
	size_t n = 0;

	for (const struct verb *v = verbs; v->name; v++)
		names[n++] = v->name;
	return nearest_find(name, names, n);
}
